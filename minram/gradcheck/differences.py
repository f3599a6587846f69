"""Slopes of f(params) by finite differences, and how exact they can be: what all gradient checks share.

f(params) → scalar, or (scalar, signature) where the function has kinks: the signature is a tuple of arrays
(ReLU masks, crop indices) that says on which smooth piece of f the point lies.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.ops import Params

EPS = np.finfo(np.float64).eps
# The five-point difference has the error h⁴f⁽⁵⁾/480 + 1.9 σ/h, σ the rounding error of f. For a well-scaled f
# it is least, 1e-13, at h ~ ε^(1/5). At ε^(1/4) rounding costs a digit more, but f may bend ten times faster:
# truncation falls with the fourth power. (The two-point difference reaches 4e-11 at its best, h ~ ε^(1/3).)
STEP = EPS ** (1 / 4)
SHRINK = EPS ** (1 / 12)  # where the step meets a kink or f bends too fast, the next is ε^(1/3)
# Where f bends like exp(κx), the two-point slopes for h and h/2 differ by (κh)²/8 of their size, and the
# five-point one is wrong by (κh)⁴/480: while the first is below 1e-4, the second is below 2e-9.
BEND = 1e-4
OUTSIDE = 8  # how often a step that leaves the domain of f is shortened: down to 5e-15

# The one-sided difference of fourth order, over h/4 apart; |weights|₂/(12/4) = 22 where the central one has 1.9.
FORWARD = np.array([-25, 48, -36, 16, -3]) / 3
ONE_SIDED = 12  # 22/1.9, rounded up: what it makes of rounding beside the central one


def evaluate(f: Callable[[Params], Any], theta: Params) -> tuple[float, tuple]:
    """f(theta) as (float, signature); InputError if it is not one finite float64."""
    with np.errstate(all="ignore"):  # of what is not finite there is a sentence below
        value, signature = _scalar(f(theta))
    if not np.isfinite(value):
        raise InputError(f"f should return one finite float64, but returned {value!r}; take params where f is defined.")
    return value, signature


def nearby(f: Callable[[Params], Any], theta: Params) -> tuple[float, tuple]:
    """As `evaluate`, at a point that was moved: (nan, ()) where f is not defined, which is no fault of f."""
    try:
        with np.errstate(all="ignore"):
            result = f(theta)
    except (ValueError, ArithmeticError):
        return np.nan, ()
    value, signature = _scalar(result)
    return (value, signature) if np.isfinite(value) else (np.nan, ())


def _scalar(result: Any) -> tuple[float, tuple]:
    value, signature = result if isinstance(result, tuple) and len(result) == 2 else (result, ())
    if np.ndim(value) != 0 or isinstance(value, tuple | dict):
        what = f"an array of shape {np.shape(value)}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise InputError(
            f"f should return one finite float64, but returned {what}; sum its outputs, each times a random number, "
            "or check it with its backward pass (check_pair)."
        )
    kind = getattr(value, "dtype", np.dtype(type(value)))
    if kind != np.float64:
        single = ", so it computes in single precision" if kind == np.float32 else ""
        raise InputError(
            f"f should return one finite float64, but returned {value!r} ({kind}){single}; compute in float64 "
            "throughout, data and constants too."
        )
    return float(value), signature if isinstance(signature, tuple) else (signature,)


def same_piece(one: tuple, other: tuple) -> bool:
    """True if two signatures are equal."""
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other))


def random_direction(theta: Params, rng: np.random.Generator) -> Params:
    """N(0, 1) for every entry, times max(1, |θ|)."""
    return {name: rng.standard_normal(x.shape) * np.maximum(1, np.abs(x)) for name, x in theta.items()}


def move(theta: Params, d: Params, t: float) -> Params:
    """θ + t d; parameters that are not in d stay."""
    return {name: x + t * d[name] if name in d else x for name, x in theta.items()}


def five_point(
    f: Callable[[Params], Any],
    at: Callable[[float], Params],
    base: tuple[float, tuple, float],
    step: float,
    tries: int = 2,
) -> tuple[float, float]:
    """Slope of f(at(t)) at t = 0 and its rounding error: (8 [f(h/2) − f(−h/2)] − [f(h) − f(−h)]) / 6h, σ/h.

    base is f at t = 0 as from `fitness.base_point`. h is the first of step, step·SHRINK, ... at which all four
    points have the base's signature and f bends little, or the last with that signature; (nan, nan) if none has.
    A step that leaves the domain of f is not counted, but shortened; if that does not help, as at a border, the
    slope is that of the side where f is defined. Raises InputError if there is none.
    """
    _, signature, sigma = base
    slope = error = np.nan
    outside, h = 0, step
    while tries and outside < OUTSIDE:
        points = _values(f, at, (h / 2, -h / 2, h, -h), signature)
        if points is None:
            outside += 1
        else:
            tries -= 1
        if points:
            a, b, c, d = points
            narrow, wide = (a - b) / h, (c - d) / (2 * h)
            slope, error = (4 * narrow - wide) / 3, sigma / h
            if abs(narrow - wide) <= BEND * abs(slope) + 10 * error:
                break
        h *= SHRINK
    return (slope, error) if outside < OUTSIDE else _one_sided(f, at, base, step)


def _values(f, at, moves, signature):
    """f at each move; () if one has another signature, None if f is not defined at one; no more calls than needed."""
    values = []
    for t in moves:
        value, piece = nearby(f, at(t))
        if np.isnan(value):
            return None
        if not same_piece(signature, piece):
            return ()
        values.append(value)
    return values


def _one_sided(f, at, base, step):
    """The slope of the side on which f is defined, and its rounding error."""
    value, signature, sigma = base
    kinked = False
    for h in step * SHRINK ** np.arange(OUTSIDE):
        for side in (h, -h):
            points = _values(f, at, side * np.arange(1, 5) / 4, signature)
            kinked |= points == ()
            if points:
                slope, wide = FORWARD @ [value, *points] / side, (4 * points[1] - 3 * value - points[3]) / side
                error = ONE_SIDED * sigma / h
                if abs(slope - wide) <= BEND * abs(slope) + 10 * error:
                    return slope, error
    if kinked:
        return np.nan, np.nan
    raise InputError(
        f"f should be smooth on one side of its params at least, but is not defined, or bends, within {step:.1g} of "
        "them on either side; give a shorter step=, or take other params."
    )
