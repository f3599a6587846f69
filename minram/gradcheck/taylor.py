"""How errors shrink with the step: the two curves that tell a right gradient from a wrong one at a glance."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minram.gradcheck.differences import move, nearby, random_direction, same_piece
from minram.gradcheck.fitness import base_point
from minram.gradcheck.report import require_fit
from minram.ops import Params


class TaylorResult(NamedTuple):
    """steps, remainders: (n,); slope of the log-log line where it is above rounding (nan if nowhere)."""

    steps: np.ndarray
    remainders: np.ndarray
    slope: float
    passed: bool


def taylor_slope(
    f: Callable, params: Params, grads: Params, rng: np.random.Generator, steps: Any = None
) -> TaylorResult:
    """Fit the order p of the remainder |f(θ + h d) − f(θ) − h ∇f·d| ~ hᵖ along a random d as long as θ.

    A right gradient gives p = 2, or more where f has no curvature; a wrong one p = 1. Fitted are the five
    smallest steps that cross no kink, stay where f is defined, and whose remainder is above 100 σ (rounding is
    below 1 %), σ being the rounding error of f. With at most one such step f is straight as far as can be seen,
    and p = nan; that passes if h ∇f·d itself is above 100 σ. Raises InputError if grads do not fit params.
    """
    require_fit(params, grads)
    params = {name: x.copy() for name, x in params.items()}
    value, signature, sigma = base_point(f, params, rng)
    d = {name: rng.standard_normal(x.shape) for name, x in params.items()}
    length, norm = (np.sqrt(sum(np.sum(a**2) for a in v.values())) for v in (params, d))
    d = {name: a * (length or 1.0) / norm for name, a in d.items()}
    slope_d = sum(np.sum(grads[name] * d[name]) for name in params)
    steps = np.logspace(-2, -7, 11) if steps is None else np.asarray(steps, dtype=np.float64)
    moved = [nearby(f, move(params, d, h)) for h in steps]
    remainders = np.abs([new - value - h * slope_d for h, (new, _) in zip(steps, moved)])
    smooth = np.array([same_piece(signature, s) and np.isfinite(new) for new, s in moved])
    seen = np.flatnonzero(smooth & (remainders > 100 * sigma))
    seen = seen[np.argsort(steps[seen])][:5]
    if len(seen) < 2:
        straight = smooth.sum() > 2 and steps[smooth].max() * abs(slope_d) > 100 * sigma
        return TaylorResult(steps, remainders, np.nan, bool(straight))
    slope = np.polyfit(np.log(steps[seen]), np.log(remainders[seen]), 1)[0]
    # Over five steps in two decades, an h term of two thirds of the h² term at the smallest step takes off 0.1.
    return TaylorResult(steps, remainders, float(slope), bool(slope > 1.9))


def v_curve(
    f: Callable, params: Params, grads: Params, rng: np.random.Generator, steps: Any = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Relative error of forward, central and five-point differences against step size, for pictures.

    Along one random direction d: |difference − ∇f·d| / |∇f·d|. Errors fall with h, h² and h⁴ until rounding,
    which grows like 1/h, takes over. Returns steps: (n,), and a dict of errors: (n,) by name.
    """
    d = random_direction(params, rng)
    exact = sum(np.sum(grads[name] * d[name]) for name in params)

    def value(t):
        return nearby(f, move(params, d, t))[0]

    steps = np.logspace(0, -13, 40) if steps is None else np.asarray(steps, dtype=np.float64)
    base = value(0.0)
    errors: dict[str, list[float]] = {"forward": [], "central": [], "five-point": []}
    for h in steps:
        wide, narrow = (value(h) - value(-h)) / (2 * h), (value(h / 2) - value(-h / 2)) / h
        for name, slope in zip(errors, ((value(h) - base) / h, wide, (4 * narrow - wide) / 3)):
            errors[name].append(abs(slope - exact) / abs(exact))
    return steps, {name: np.array(e) for name, e in errors.items()}
