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


def evaluate(f: Callable[[Params], Any], theta: Params) -> tuple[float, tuple]:
    """f(theta) as (float, signature); InputError if it is not one finite float64."""
    result = f(theta)
    value, signature = result if isinstance(result, tuple) else (result, ())
    kind = getattr(value, "dtype", np.dtype(type(value)))
    if np.ndim(value) != 0 or kind != np.float64 or not np.isfinite(value):
        raise InputError(
            f"f should return one finite float64, but returned {value!r} ({kind}); "
            "sum its outputs and compute in float64 throughout."
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


def base_point(f: Callable[[Params], Any], theta: Params, rng: np.random.Generator) -> tuple[float, tuple, float]:
    """f(θ), its signature and σ, the standard deviation of the rounding error of f near θ, at least ε|f|/2.

    Over steps of 1e-10 the third difference of any smooth f is below rounding, so what it shows is rounding;
    its variance is (1 + 9 + 9 + 1) σ². Steps to one side only, as θ may lie on a kink.
    Raises InputError if f is random, or so inexact that no difference could test a gradient.
    Source: Hamming, Introduction to Applied Numerical Analysis; Moré and Wild (2011), doi 10.1137/100786125.
    """
    d = random_direction(theta, rng)
    value, signature = evaluate(f, theta)
    if evaluate(f, theta)[0] != value:
        raise InputError(
            "f should return the same for the same params, but differs from call to call; fix its random numbers."
        )
    values = [evaluate(f, move(theta, d, k * 1e-10))[0] for k in range(1, 25)]
    sigma = max(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20), EPS * np.abs(values).max() / 2)
    if sigma > 1e-10 * np.abs(values).max():
        raise InputError(
            f"f should be exact to about 16 digits, but f = {value:.3g} has a rounding error "
            f"of {sigma:.1g}; compute in float64, and let its terms not cancel."
        )
    return value, signature, sigma


def five_point(
    f: Callable[[Params], Any],
    at: Callable[[float], Params],
    base: tuple[float, tuple, float],
    step: float,
    tries: int = 2,
) -> tuple[float, float]:
    """Slope of f(at(t)) at t = 0 and its rounding error: (8 [f(h/2) − f(−h/2)] − [f(h) − f(−h)]) / 6h, σ/h.

    base is f at t = 0 as from `base_point`. h is the first of step, step·SHRINK, ... at which all four points
    have the base's signature and f bends little, or the last with that signature; (nan, nan) if none has.
    """
    _, signature, sigma = base
    slope = error = np.nan
    for h in step * SHRINK ** np.arange(tries):
        points = [evaluate(f, at(t)) for t in (h / 2, -h / 2, h, -h)]
        if all(same_piece(signature, s) for _, s in points):
            (a, _), (b, _), (c, _), (d, _) = points
            narrow, wide = (a - b) / h, (c - d) / (2 * h)
            slope, error = (4 * narrow - wide) / 3, sigma / h
            if abs(narrow - wide) <= BEND * abs(slope) + 10 * error:
                break
    return slope, error
