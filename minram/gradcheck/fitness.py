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
    d = _direction(f, theta, rng)
    values = np.array([nearby(f, move(theta, d, k * FINE))[0] for k in range(1, 25)])
    sigma = max(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20), EPS * np.abs(values).max() / 2)
    if names := list(_in_single_precision(f, theta, d, value, sigma)):
        raise InputError(
            f"f should be exact to about 16 digits, but computes in single precision (rounding {', '.join(names)} to "
            "float32 changes nothing); convert nothing to float32 inside, data and constants too."
        )
    if (error := max(sigma, _coarse_error(f, theta, d, signature))) > INEXACT * np.abs(values).max():
        raise InputError(
            f"f should be exact to about 16 digits, but f = {value:.3g} has a rounding error of {error:.1g}; compute "
            "in float64 (float32 inside is not enough), let its terms not cancel, or give noise=."
        )
    return value, signature, sigma


def unchanged(theta: Params, before: Params) -> None:
    """Raise InputError if f has written into its params."""
    for name, x in theta.items():
        if not np.array_equal(x, before[name], equal_nan=True):
            raise InputError(
                f"f should leave its params alone, but changed params[{name!r}] in place; work on a copy (x = x + 1, "
                "not x += 1)."
            )


def _direction(f, theta, rng):
    """A random direction that does not leave the domain of f over the steps by which rounding is seen."""
    d = random_direction(theta, rng)
    inward = {name: a * np.minimum(1, np.abs(theta[name])) for name, a in d.items()}  # relative to each entry
    for turn in (lambda a: a, np.negative, np.abs, lambda a: -np.abs(a)):
        for given in (d, inward):
            tried = {name: turn(a) for name, a in given.items()}
            if all(np.isfinite(nearby(f, move(theta, tried, k * FINE))[0]) for k in (1, 8, 24)):
                return tried
    raise InputError("f should be defined near its params, but is not, in any direction; take other params.")


def _coarse_error(f, theta, d, signature):
    """The rounding error of f over longer steps, which show float32 inside; kinks are few, so not in the median."""
    points = [nearby(f, move(theta, d, k * COARSE)) for k in range(1, 21)]
    values = np.array([value if same_piece(signature, piece) else np.nan for value, piece in points])
    third = np.abs(np.diff(values, 3))
    return 0.0 if np.isnan(third).all() else float(np.nanquantile(third, 0.7)) / np.sqrt(20)


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
