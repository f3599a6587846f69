"""Slopes of f(params) by finite differences, and how exact they can be: what all gradient checks share.

f(params) -> scalar, or (scalar, signature) where the function has kinks: the signature is a tuple of arrays
(ReLU masks, crop indices) that says on which smooth piece of f the point lies.
"""

import numpy as np

from minram.errors import InputError

EPS = np.finfo(np.float64).eps
# The five-point difference has the error h⁴f⁽⁵⁾/480 + 1.9 σ/h, σ the rounding error of f. For a well-scaled f
# it is least, 1e-13, at h ~ ε^(1/5). At ε^(1/4) rounding costs a digit more, but f may bend ten times faster:
# truncation falls with the fourth power. (The two-point difference reaches 4e-11 at its best, h ~ ε^(1/3).)
STEP = EPS ** (1 / 4)
SHRINK = EPS ** (1 / 12)  # a step that meets a kink is tried again at ε^(1/3)


def evaluate(f, theta):
    """f(theta) as (float, signature); InputError if it is not one finite float64."""
    result = f(theta)
    value, signature = result if isinstance(result, tuple) else (result, ())
    kind = getattr(value, "dtype", np.dtype(type(value)))
    if np.ndim(value) != 0 or kind != np.float64 or not np.isfinite(value):
        raise InputError(f"f should return one finite float64, but returned {value!r} ({kind}); "
                         "sum its outputs and compute in float64 throughout.")  # fmt: skip
    return float(value), signature if isinstance(signature, tuple) else (signature,)


def same_piece(one, other):
    """True if two signatures are equal."""
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other))


def random_direction(theta, rng):
    """N(0, 1) for every entry, times max(1, |θ|)."""
    return {name: rng.standard_normal(x.shape) * np.maximum(1, np.abs(x)) for name, x in theta.items()}


def move(theta, d, t):
    """θ + t d; parameters that are not in d stay."""
    return {name: x + t * d[name] if name in d else x for name, x in theta.items()}


def rounding_error(f, theta, rng):
    """Standard deviation σ of the rounding error of f at theta, at least ε|f|/2.

    Over steps of 1e-12 the third difference of any smooth f is below rounding, so what it shows is rounding;
    its variance is (1 + 9 + 9 + 1) σ². Steps to one side only, as theta may lie on a kink.
    Source: Hamming (1973), §10; Moré and Wild, Estimating computational noise (2011).
    """
    d = random_direction(theta, rng)
    values = [evaluate(f, move(theta, d, k * 1e-12))[0] for k in range(1, 25)]
    return max(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20), EPS * np.abs(values).max() / 2)


def five_point(f, at, signature, step, tries=2):
    """Slope of f(at(t)) at t = 0: (8 [f(h/2) − f(−h/2)] − [f(h) − f(−h)]) / 6h, and the h used.

    The first h of step, step·SHRINK, ... at which all four points have the signature; nan if there is none.
    """
    for h in step * SHRINK ** np.arange(tries):
        points = [evaluate(f, at(t)) for t in (h / 2, -h / 2, h, -h)]
        if all(same_piece(signature, s) for _, s in points):
            (a, _), (b, _), (c, _), (d, _) = points
            return (8 * (a - b) - (c - d)) / (6 * h), h
    return np.nan, h
