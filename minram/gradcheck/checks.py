"""Is this gradient right? Point these checks at any f(params); `minram.gradcheck.pairs` does so for pairs.

f(params) → scalar, or (scalar, signature) where there are kinks (see `minram.gradcheck.differences`). params: dict of
float64 arrays; grads: dict with the same keys, shapes and dtypes. Every check leaves params as they are and
returns a `Report`: print it, or `assert report.passed, report`. facts: numbers at hand by their names, such as
{"N": 5, "M": 16, "σ": 0.15}, by which a report can say what a wrong factor is.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.gradcheck.differences import EPS, STEP, five_point, move, random_direction
from minram.gradcheck.evidence import Seen
from minram.gradcheck.fitness import base_point, unchanged
from minram.gradcheck.kinks import kink_finding
from minram.gradcheck.report import Report, judge, unfit_rows
from minram.ops import Params

NO_FACTS: Mapping[str, Any] = {}
MOST_KINKS = 20
SIGMAS = 10  # rounding allowed, in σ/h: five standard deviations of the five-point difference (1.9 σ/h)


def check_gradient(
    f: Callable[[Params], Any],
    params: Params,
    grads: Params,
    *,
    entries: int | None = None,
    rng: np.random.Generator | None = None,
    step: float | None = None,
    rtol: float = 1e-7,
    floor: float | None = None,
    expect_zero: Collection[str] = (),
    max_kinks: float = 0.05,
    noise: float | None = None,
    facts: Mapping[str, Any] = NO_FACTS,
) -> Report:
    """Compare every entry, or the largest and `entries` random ones a parameter, with five-point differences.

    |a − n| ≤ rtol · max(|a|, |n|, floor); steps are h = step · max(1, |θ|), or shorter if f bends or kinks.
    The floor is 10 (σ/h + ε max|a|) / rtol, as differences see nothing below σ/h, σ being the rounding error
    of f as measured, at least ε|f|/2, and the gradient's own sums are no better than ε max|a|. Entries under
    it are compared to within rtol · floor; a parameter with none above that fails as "zero", unless it is in
    expect_zero (then it fails if there is one). An entry whose step changes the signature is a kink: not
    compared, counted, and a failure beyond the share max_kinks; without a signature it is wrong, and the report
    says that it looks like a kink. Where a step leaves the domain of f it is shorter, or one-sided. noise: the
    standard deviation of f from call to call, if it is not the same each time. Raises InputError if params or f
    are unfit.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    theta, names, rows = _prepare(params, grads, expect_zero)
    base = base_point(f, theta, rng, noise)
    step = first_step(base, noise) if step is None else step
    slope = slope_of(f, theta, base, step)
    limits = {"rtol": rtol, "floor": floor, "max_kinks": max_kinks, "expect_zero": expect_zero}
    for row in _entrywise(slope, theta, names, grads, entries, rng, facts, base[1], **limits):
        if row.verdict == "wrong":
            # A kink without a signature? Of the first entries only: each costs 16 calls or more.
            wrong = np.flatnonzero(row.seen.wrong)[:MOST_KINKS].tolist()
            kinks, findings = kink_finding(f, theta, row.name, grads[row.name], wrong, base)
            row.seen.numeric.flat[kinks] = np.nan
            row = row._replace(findings=findings)
        rows.append(row)
    unchanged(theta, params)
    return Report(tuple(rows))


def slope_of(f: Callable[[Params], Any], theta: Params, base: tuple, step: float) -> Callable[[Any, int], tuple]:
    """slope(x, i) → derivative by the entry i of x, an array of theta, and its rounding error."""

    def slope(x, i):
        old = x.flat[i]

        def at(t):
            x.flat[i] = old + t
            return theta

        numeric, error = five_point(f, at, base, step * max(1.0, abs(old)))
        x.flat[i] = old
        return numeric, error

    return slope


def first_step(base: tuple, noise: float | None) -> float:
    """The step to begin with: ε^(1/4), or where f is noisier than rounding the one at which least is lost to noise."""
    return STEP if noise is None else float(np.clip((base[2] / max(abs(base[0]), 1e-300)) ** (1 / 5), STEP, 0.1))


def check_complex_step(
    f: Callable[[Params], Any],
    params: Params,
    grads: Params,
    *,
    entries: int | None = None,
    rng: np.random.Generator | None = None,
    rtol: float = 1e-12,
    expect_zero: Collection[str] = (),
    facts: Mapping[str, Any] = NO_FACTS,
) -> Report:
    """Compare entries with Im f(θ + ih)/h, h = 1e-30: nothing is subtracted, so it is exact to rounding.

    For f of operations that accept complex arrays; abs and conjugate do not work. ReLU does, by np.maximum(x, 0) or
    x * (x > 0): complex numbers compare by their real parts first, and a step of 1e-30 crosses no kink, however
    near; at a kink itself it takes the slope on the right. Raises InputError if f returns a real number.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    kept, names, rows = _prepare(params, grads, expect_zero)
    theta = {name: x.astype(np.complex128) for name, x in kept.items()}

    def slope(x, i):
        old, h = x.flat[i], 1e-30
        x.flat[i] = old + 1j * h
        value = f(theta)
        x.flat[i] = old
        value = value[0] if isinstance(value, tuple) else value
        if not np.iscomplexobj(value):
            raise InputError(
                "f should return a complex scalar for complex params, but returned a real one; "
                "remove what casts to real, or use check_gradient."
            )
        return np.imag(value) / h, 0.0

    limits = {"rtol": rtol, "floor": None, "max_kinks": 0.0, "expect_zero": expect_zero}
    f(theta)  # before the entries, as a parameter that f takes away has none
    unchanged(theta, kept)
    rows += _entrywise(slope, theta, names, grads, entries, rng, facts, (), **limits)
    unchanged(theta, kept)
    return Report(tuple(rows))


def check_directions(
    f: Callable[[Params], Any],
    params: Params,
    grads: Params,
    *,
    n: int = 5,
    rng: np.random.Generator,
    step: float | None = None,
    rtol: float = 1e-7,
    expect_zero: Collection[str] = (),
    max_kinks: float = 0.2,
    noise: float | None = None,
    facts: Mapping[str, Any] = NO_FACTS,
) -> Report:
    """Compare ∇f·d along n random d over all parameters ("all"), and over each, with five-point differences.

    For full-size networks: 4n evaluations of f a parameter, whatever its size; one wrong entry shows in
    almost every direction. d ~ N(0, 1) max(1, |θ|); floor, zeros, kinks, noise as in `check_gradient`.
    """
    theta, names, rows = _prepare(params, grads, expect_zero)
    if not names:
        return Report(tuple(rows))
    base = base_point(f, theta, rng, noise)
    step = first_step(base, noise) if step is None else step
    for title, group in [("all", names), *((name, [name]) for name in names)]:
        analytic, numeric, rounding = np.empty((3, n))
        for j in range(n):
            d = random_direction({name: theta[name] for name in group}, rng)
            terms = np.concatenate([(grads[name] * d[name]).ravel() for name in group])
            # One more, smaller step than for an entry: a direction moves every unit and meets more kinks.
            numeric[j], error = five_point(f, partial(move, theta, d), base, step, tries=3)
            analytic[j], rounding[j] = terms.sum(), SIGMAS * (error + EPS * np.abs(terms).sum())
        shape = theta[title].shape if title in theta else (terms.size,)
        where, zero = [(j,) for j in range(n)], set(group) <= set(expect_zero)
        row = judge(title, shape, where, analytic, numeric, rounding, rtol=rtol, max_kinks=max_kinks, expect_zero=zero)
        seen = Seen(analytic, numeric, rounding, rtol, facts=numbers(facts, theta), projected=True)
        rows.append(row if row.passed else row._replace(seen=seen))
    unchanged(theta, params)
    return Report(tuple(rows))


def _prepare(params, grads, expect_zero):
    """Copies of the parameters, the names that can be compared, and rows for the gradients that cannot."""
    for name, x in params.items():
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            raise InputError(
                f"params[{name!r}] should be a float64 array, but is "
                f"{getattr(x, 'dtype', type(x).__name__)}; convert it first."
            )
    if not params or not set(expect_zero) <= set(params):
        raise InputError(
            f"params should hold at least one array and every name in expect_zero, but hold "
            f"{sorted(params)}; correct the names."
        )
    rows = unfit_rows(params, grads)
    names = [name for name in params if name not in {row.name for row in rows}]
    return {name: x.copy() for name, x in params.items()}, names, rows


def _entrywise(slope, theta, names, grads, entries, rng, facts, signature, *, expect_zero, **limits):
    """Rows for the entries of each parameter; slope(x, i) → numeric derivative and its rounding error."""
    rows = []
    for name in names:
        x, a = theta[name], grads[name].ravel()
        chosen = np.arange(x.size)
        if entries is not None and entries < x.size:  # with the largest: zeros alone would show little
            chosen = np.union1d(rng.choice(x.size, entries, replace=False), np.argmax(np.abs(a)))
        numeric, error = np.array([slope(x, i) for i in chosen]).reshape(-1, 2).T
        noise = SIGMAS * (error + EPS * np.abs(a[np.isfinite(a)]).max(initial=0.0))
        where = [np.unravel_index(i, x.shape) for i in chosen]
        row = judge(name, x.shape, where, a[chosen], numeric, noise, expect_zero=name in expect_zero, **limits)
        if not row.passed:
            compared, allowed = np.full((2, x.size), np.nan)
            compared[chosen] = numeric
            allowed[chosen] = noise if limits["floor"] is None else np.fmax(noise, limits["rtol"] * limits["floor"])
            masks = tuple(m for m in signature if isinstance(m, np.ndarray) and m.dtype == bool)
            given = Seen(
                grads[name], compared.reshape(x.shape), allowed.reshape(x.shape), limits["rtol"], x.real.copy()
            )
            row = row._replace(seen=given._replace(facts=numbers(facts, theta), masks=masks))
        rows.append(row)
    return rows


def numbers(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, and beside them the lengths of axes that no fact gives, as "W.shape[0]"."""
    known = {v for v in facts.values() if np.ndim(v) == 0}
    names: dict[int, list[str]] = {}
    for name, x in arrays.items():
        for k, length in enumerate(np.shape(x)):
            names.setdefault(length, []).append(f"{name}.shape[{k}]")
    return dict(facts) | {" or ".join(lengths[:2]): n for n, lengths in names.items() if n not in known}
