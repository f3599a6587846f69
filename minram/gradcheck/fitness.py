"""Can differences of f(params) test a gradient at all? What f must be, measured; and one sentence where it is not.

It leaves its params alone, returns the same for the same params, or nearly, and computes in double precision.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.gradcheck.differences import EPS, evaluate, move, nearby, random_direction, same_piece
from minram.ops import Params

INEXACT = 1e-10  # a rounding error of f beyond that share of f, and slopes over steps of 1e-4 have no six digits
FINE, COARSE = 1e-10, 1e-8  # steps to see rounding by; 32-bit numbers near 1 are 6e-8 apart


def base_point(
    f: Callable[[Params], Any], theta: Params, rng: np.random.Generator, noise: float | None = None
) -> tuple[float, tuple, float]:
    """f(θ), its signature and σ, the standard deviation of the rounding error of f near θ, at least ε|f|/2.

    Over steps of 1e-10 the third difference of any smooth f is below rounding, so what it shows is rounding (and
    what differs from call to call, where that is little); its variance is (1 + 9 + 9 + 1) σ². Steps to one side
    only, as θ may lie on a kink. noise: σ, if it is known; f may then be as inexact or as random as that.
    Raises InputError if f changes its params, is random, or is so inexact that no difference could test a gradient.
    Source: Hamming, Introduction to Applied Numerical Analysis; Moré and Wild (2011), doi 10.1137/100786125.
    """
    before = {name: x.copy() for name, x in theta.items()}
    value, signature = evaluate(f, theta)
    unchanged(theta, before)
    if noise is not None:
        if not noise > 0:
            raise InputError(f"noise should be the standard deviation of f, above 0, but is {noise!r}; leave it out.")
        return value, signature, max(noise, EPS * abs(value) / 2)
    again = [evaluate(f, theta)[0]]
    if again[0] != value:
        again += [evaluate(f, theta)[0] for _ in range(8)]
        spread = float(np.std([value, *again]))
        if spread > INEXACT * np.abs(again).max():
            raise InputError(
                f"f should return the same for the same params, but differs from call to call by about {spread:.1g}; "
                "fix its random numbers, or give that as noise=."
            )
    d = random_direction(theta, rng)
    inward = {name: a * np.minimum(1, np.abs(theta[name])) for name, a in d.items()}  # steps relative to each entry
    error, sigma, d = _rounding(f, theta, d, value, signature)
    if error > INEXACT * abs(value):  # or f bends so fast that a step relative to its params is wanted, as log near 0
        error, sigma, d = min(_rounding(f, theta, inward, value, signature), (error, sigma, d), key=lambda r: r[0])
    if not np.isfinite(error):
        raise InputError("f should be defined near its params, but is not, in any direction; take other params.")
    # Where f sees single-precision numbers, longer steps show more rounding than short ones.
    if error > 30 * sigma and (names := list(_in_single_precision(f, theta, d, value, sigma))):
        raise InputError(
            f"f should be exact to about 16 digits, but computes in single precision (rounding {', '.join(names)} to "
            "float32 changes nothing); convert nothing to float32 inside, data and constants too."
        )
    if error > INEXACT * abs(value):
        raise InputError(
            f"f should be exact to about 16 digits, but f = {value:.3g} has a rounding error of {error:.1g}; compute "
            "in float64 (float32 inside is not enough), let its terms not cancel, or give noise=."
        )
    return value, signature, sigma


def unchanged(theta: Params, before: Params) -> None:
    """Raise InputError if f has written into its params."""
    for name in before | theta:
        if not (name in theta and name in before and np.array_equal(theta[name], before[name], equal_nan=True)):
            raise InputError(
                f"f should leave its params alone, but changed params[{name!r}] in place; work on a copy (x = x + 1, "
                "not x += 1)."
            )


def _rounding(f, theta, d, value, signature):
    """The largest error seen over short and longer steps, σ from the short ones, and the direction of the steps.

    (inf, nan, d) where f is not defined along d, turned this way or that.
    """
    for turn in (lambda a: a, np.negative, np.abs, lambda a: -np.abs(a)):
        turned = {name: turn(a) for name, a in d.items()}
        values = np.array([nearby(f, move(theta, turned, k * FINE))[0] for k in range(1, 25)])
        if np.all(np.isfinite(values)):
            third, largest = np.diff(values, 3), np.abs(values).max()
            spread = np.sqrt(np.mean((third / (largest or 1.0)) ** 2) / 20) * largest  # no overflow, whatever f's size
            sigma = max(spread, EPS * largest / 2)
            return max(sigma, _coarse_error(f, theta, turned, value, signature)), sigma, turned
    return np.inf, np.nan, d


def _coarse_error(f, theta, d, value, signature):
    """The rounding error of f over longer steps, which show float32 inside; kinks are few, so not in the quantile."""
    points = [nearby(f, move(theta, d, k * COARSE)) for k in range(1, 21)]
    values = np.array([value if same_piece(signature, piece) else np.nan for value, piece in points])
    third = np.abs(np.diff(values, 3))
    if np.isnan(third).all():
        return 0.0
    error = float(np.nanquantile(third, 0.7)) / np.sqrt(20)
    if len(set(values.tolist())) > 3:
        return error
    # Stairs: three values at most in twenty steps, of a function that changes over longer ones.
    near, far = (abs(nearby(f, move(theta, d, t))[0] - value) for t in (5e-5, 1e-4))
    stairs = far * 20 * COARSE / 1e-4
    return max(error, stairs) if 0 < near != far and stairs > 1000 * EPS * abs(value) else error


def _in_single_precision(f, theta, d, value, sigma) -> Iterator[str]:
    """The parameters of which f sees single-precision numbers alone: rounding them first changes nothing."""
    for name, x in theta.items():
        results = []
        for t in (1e-4, 5e-5):
            moved = x + t * d[name]
            rounded = moved.astype(np.float32).astype(np.float64)
            there, near = (nearby(f, theta | {name: a})[0] for a in (moved, rounded))
            # What rounding should do, from what the step has done; it must be far above the rounding of f itself.
            share = np.abs(moved - rounded).max(initial=0.0) / max(np.abs(moved - x).max(initial=0.0), 1e-300)
            if there != near or not abs(there - value) * share > 1000 * max(sigma, EPS * abs(value)):
                break
            results.append(there)
        if len(results) == 2 and results[0] != results[1]:
            yield f"params[{name!r}]"
