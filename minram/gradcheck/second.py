"""Gradients of gradients: is grad the gradient of f, is it the gradient of anything, is this H d its derivative?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minram.gradcheck.checks import SIGMAS
from minram.gradcheck.differences import EPS, STEP, five_point, move, nearby, random_direction, same_piece
from minram.gradcheck.evidence import Finding, Seen
from minram.gradcheck.fitness import base_point
from minram.gradcheck.report import Report, judge, require_fit
from minram.ops import Params

NO_SCALAR = (Finding("no scalar", "uᵀH d and dᵀH u differ: this is the gradient of nothing; is a part held constant?"),)

# The five-point second difference has the error h⁴f⁽⁶⁾/90 + 4.4 σ/h²: least, about 1e-11, at h ~ ε^(1/6).
WIDE = EPS ** (1 / 6)


def check_second(
    f: Callable[[Params], Any],
    grad: Callable[[Params], Params],
    params: Params,
    *,
    hvp: Callable[[Params, Params], Params] | None = None,
    rng: np.random.Generator | None = None,
    n: int = 3,
    rtol: float = 1e-7,
    curvature_rtol: float = 1e-4,
) -> Report:
    """Check the derivative of grad(params) → gradients of f(params), by differences of grad along n random d, u.

    Rows: "gradient", ∇f·d against differences of f; "curvature", dᵀH d, H d by differences of grad, against second
    differences of f, which have four digits less; "symmetry", uᵀH d against dᵀH u: what is the gradient of no
    scalar, such as a surrogate with a part held constant, fails it; and with hvp(params, d) → H d, the product with
    the Hessian that you have written, a row for each parameter, entry by entry. d ~ N(0, 1) max(1, |θ|).
    Raises InputError if params, f or its gradients are unfit. Source: Pearlmutter (1994), for H d.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    params = {name: x.copy() for name, x in params.items()}
    g = grad(params)
    require_fit(params, g)
    base = base_point(f, params, rng)
    rows: dict[str, list] = {"gradient": [], "curvature": [], "symmetry": []} | {name: [] for name in params if hvp}
    for _ in range(n):
        d, u = random_direction(params, rng), random_direction(params, rng)
        Hd, Hu = (_derivative(grad, params, e) for e in (d, u))
        slope, error = five_point(f, partial(move, params, d), base, STEP, tries=3)
        rows["gradient"].append((_dot(g, d), slope, SIGMAS * error))
        second, error = _second_difference(f, params, d, base)
        rows["curvature"].append((_dot(Hd, d), second, SIGMAS * error))
        # What the gradient's own rounding makes of H d: differences of it over steps of STEP.
        noise = SIGMAS * EPS / STEP * (_size(g, d) + _size(g, u)) + SIGMAS * EPS * (_size(Hd, u) + _size(Hu, d))
        rows["symmetry"].append((_dot(Hd, u), _dot(Hu, d), noise))
        if hvp:
            given = hvp(params, d)
            require_fit(params, given)
            for name in params:
                noise = SIGMAS * EPS / STEP * max(np.abs(g[name]).max(initial=0.0), np.abs(Hd[name]).max(initial=0.0))
                rows[name] += zip(given[name].ravel(), Hd[name].ravel(), [noise] * g[name].size)
    report = []
    for name, entries in rows.items():
        a, b, noise = np.array(entries, dtype=np.float64).reshape(-1, 3).T  # of an empty parameter there are none
        tolerance = curvature_rtol if name == "curvature" else rtol
        shape = (n, *params[name].shape) if name in params and hvp else (n,)
        where = [np.unravel_index(i, shape) for i in range(len(a))]
        # A function that is straight, or whose Hessian has zeros, is no failure: rounding is all that is seen of it.
        row = judge(name, shape, where, a, b, noise, rtol=tolerance, max_kinks=0.2)
        row = row._replace(verdict="ok") if row.verdict == "zero" and name != "gradient" else row
        projected = len(shape) == 1
        seen = Seen(
            a.reshape(shape), b.reshape(shape), noise.reshape(shape), tolerance, projected=projected, axes=("d",)
        )
        if not row.passed:
            row = row._replace(findings=NO_SCALAR) if name == "symmetry" else row._replace(seen=seen)
        report.append(row)
    return Report(tuple(report))


def _derivative(grad, params, d):
    """H d by the five-point difference of the gradient; at a second, shorter step where it bends too fast."""
    for h in (STEP, STEP / 20):
        narrow, wide = (_difference(grad, params, d, step) for step in (h / 2, h))
        five = {name: (4 * narrow[name] - wide[name]) / 3 for name in params}
        bend = max(np.abs(narrow[name] - wide[name]).max(initial=0.0) for name in params)
        if bend <= 1e-4 * max(np.abs(a).max(initial=0.0) for a in five.values()):
            break
    return five


def _difference(grad, params, d, h):
    up, down = grad(move(params, d, h)), grad(move(params, d, -h))
    return {name: (up[name] - down[name]) / (2 * h) for name in params}


def _second_difference(f, params, d, base):
    """dᵀH d and its rounding error; (nan, nan) where each step meets a kink. Shorter steps where f bends fast.

    Where f bends like exp(κx), three points are wrong by (κh)²/12 of it, and five by (κh)⁴/90.
    """
    value, signature, sigma = base
    second = error = np.nan
    for h in WIDE * 4.0 ** -np.arange(4):
        points = [nearby(f, move(params, d, t * h)) for t in (1, -1, 2, -2)]
        if all(np.isfinite(a) and same_piece(signature, s) for a, s in points):
            a, b, c, e = (a for a, _ in points)
            second, error = (16 * (a + b) - (c + e) - 30 * value) / (12 * h**2), 4.4 * sigma / h**2
            if abs((a + b - 2 * value) / h**2 - second) <= 1e-3 * abs(second) + 10 * error:
                break
    return second, error


def _dot(g, d):
    return float(sum(np.sum(g[name] * d[name]) for name in d))


def _size(g, d):
    return float(sum(np.sum(np.abs(g[name] * d[name])) for name in d))
