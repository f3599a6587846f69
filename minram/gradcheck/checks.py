"""Is this gradient right? Point these checks at any f(params) or at any forward/backward pair.

f(params) → scalar, or (scalar, signature) where there are kinks (see `minram.gradcheck.differences`). params: dict of
float64 arrays; grads: dict with the same keys, shapes and dtypes. Every check leaves params as they are and
returns a `Report`: print it, or `assert report.passed, report`.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.gradcheck.differences import EPS, STEP, base_point, five_point, move, random_direction
from minram.gradcheck.report import Report, judge, unfit_rows
from minram.ops import Params

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
) -> Report:
    """Compare every entry, or `entries` random ones a parameter, with five-point differences.

    |a − n| ≤ rtol · max(|a|, |n|, floor); steps are h = step · max(1, |θ|), or shorter if f bends or kinks.
    The floor is 10 (σ/h + ε max|a|) / rtol, as differences see nothing below σ/h, σ being the rounding error
    of f as measured, at least ε|f|/2, and the gradient's own sums are no better than ε max|a|. Entries under
    it are compared to within rtol · floor; a parameter with none above that fails as "zero", unless it is in
    expect_zero (then it fails if there is one). An entry whose step changes the signature is a kink: not
    compared, counted, and a failure beyond the share max_kinks. Raises InputError if params or f are unfit.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    theta, names, rows = _prepare(params, grads, expect_zero)
    base = base_point(f, theta, rng)

    def slope(x, i):
        old = x.flat[i]

        def at(t):
            x.flat[i] = old + t
            return theta

        numeric, error = five_point(f, at, base, (step or STEP) * max(1.0, abs(old)))
        x.flat[i] = old
        return numeric, error

    rows += _entrywise(
        slope, theta, names, grads, entries, rng, rtol=rtol, floor=floor, max_kinks=max_kinks, expect_zero=expect_zero
    )
    if not all(np.array_equal(theta[name], x) for name, x in params.items()):
        raise InputError("f should leave its params alone, but changed them in place; work on a copy.")
    return Report(tuple(rows))


def check_complex_step(
    f: Callable[[Params], Any],
    params: Params,
    grads: Params,
    *,
    entries: int | None = None,
    rng: np.random.Generator | None = None,
    rtol: float = 1e-12,
    expect_zero: Collection[str] = (),
) -> Report:
    """Compare entries with Im f(θ + ih)/h, h = 1e-30: nothing is subtracted, so it is exact to rounding.

    For f of operations that accept complex arrays and are analytic near θ: no abs or conjugate. A maximum, such as
    ReLU, will do: NumPy compares real parts, which the step leaves alone, so that no kink is crossed, however near.
    Raises InputError if f returns a real number.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    theta, names, rows = _prepare(params, grads, expect_zero)
    theta = {name: x.astype(np.complex128) for name, x in theta.items()}

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

    return Report(
        (
            *rows,
            *_entrywise(
                slope, theta, names, grads, entries, rng, rtol=rtol, floor=None, max_kinks=0.0, expect_zero=expect_zero
            ),
        )
    )


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
) -> Report:
    """Compare ∇f·d along n random d over all parameters ("all"), and over each, with five-point differences.

    For full-size networks: 4n evaluations of f a parameter, whatever its size; one wrong entry shows in
    almost every direction. d ~ N(0, 1) max(1, |θ|); floor, zeros and kinks as in `check_gradient`.
    """
    theta, names, rows = _prepare(params, grads, expect_zero)
    if not names:
        return Report(tuple(rows))
    base = base_point(f, theta, rng)
    for title, group in [("all", names), *((name, [name]) for name in names)]:
        analytic, numeric, noise = np.empty((3, n))
        for j in range(n):
            d = random_direction({name: theta[name] for name in group}, rng)
            terms = np.concatenate([(grads[name] * d[name]).ravel() for name in group])
            # One more, smaller step than for an entry: a direction moves every unit and meets more kinks.
            numeric[j], error = five_point(f, partial(move, theta, d), base, step or STEP, tries=3)
            analytic[j], noise[j] = terms.sum(), SIGMAS * (error + EPS * np.abs(terms).sum())
        shape = theta[title].shape if title in theta else (terms.size,)
        rows.append(
            judge(
                title,
                shape,
                [(j,) for j in range(n)],
                analytic,
                numeric,
                noise,
                rtol=rtol,
                max_kinks=max_kinks,
                expect_zero=set(group) <= set(expect_zero),
            )
        )
    return Report(tuple(rows))


def check_pair(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    inputs: dict[str, Any],
    *,
    rng: np.random.Generator,
    signature: Callable[[Any], Any] | None = None,
    wrt: Collection[str] | None = None,
    **options: Any,
) -> Report:
    """Check the gradient of Σ v·y for a random cotangent v of every floating output y of a pair.

    forward(**inputs) → (y, cache), y an array or a (named) tuple; backward(dy, cache), dy built like y,
    returns a dict by the inputs' names, or (dx, ..., dict) with the gradients of the first inputs in order,
    or dx alone. An input may be a dict of parameters, known by their own names. Checked are the inputs named
    in wrt, or all floating ones. signature(cache) → tuple of arrays finds kinks; options: `check_gradient`.
    """
    flat: dict[str, Any] = {}
    for name, given in inputs.items():
        flat |= given if isinstance(given, dict) else {name: given}
    wrt = [name for name, a in flat.items() if _floating(a)] if wrt is None else list(wrt)

    def run(theta):
        y, cache = forward(
            **{
                name: {k: theta.get(k, a) for k, a in x.items()} if isinstance(x, dict) else theta.get(name, x)
                for name, x in inputs.items()
            }
        )
        return y, cache, y if isinstance(y, tuple) else (y,)

    params = {name: np.copy(flat[name]) for name in wrt}
    y, cache, parts = run({name: x.copy() for name, x in params.items()})
    v = [rng.standard_normal(a.shape) if _floating(a) else None for a in parts]
    copies = [np.copy(a) if a is not None else None for a in v]  # a backward that writes into dy must not spoil v
    dy: Any = tuple(copies) if isinstance(y, tuple) else copies[0]
    if hasattr(y, "_fields"):
        dy = type(y)(*copies)
    result = backward(dy, cache)
    result = result if isinstance(result, tuple) else (result,)
    firsts, named = (result[:-1], result[-1]) if isinstance(result[-1], dict) else (result, {})
    if len(firsts) > len(inputs):
        raise InputError(
            f"backward should return at most {len(inputs)} arrays, one an input, but returned "
            f"{len(firsts)}; put the gradients of parameters into a dict."
        )
    grads = {
        name: g
        for name, g in {**dict(zip(inputs, firsts)), **named}.items()
        if name in wrt or (name not in flat and g is not None)
    }

    def f(theta):
        _, cache, parts = run(theta)
        value = sum(np.sum(w * a) for w, a in zip(v, parts) if w is not None)
        return value if signature is None else (value, signature(cache))

    return check_gradient(f, params, grads, rng=rng, **options)


def _floating(a):
    return isinstance(a, np.ndarray | np.floating) and a.dtype.kind == "f"


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


def _entrywise(slope, theta, names, grads, entries, rng, *, expect_zero, **limits):
    """Rows for the entries of each parameter; slope(x, i) → numeric derivative and its rounding error."""
    rows = []
    for name in names:
        x, a = theta[name], grads[name].ravel()
        chosen = np.arange(x.size)
        if entries is not None and entries < x.size:  # with the largest: zeros alone would show little
            chosen = np.union1d(rng.choice(x.size, entries, replace=False), np.argmax(np.abs(a)))
        numeric, error = np.array([slope(x, i) for i in chosen]).reshape(-1, 2).T
        noise = SIGMAS * (error + EPS * np.abs(a).max(initial=0.0))
        where = [np.unravel_index(i, x.shape) for i in chosen]
        rows.append(judge(name, x.shape, where, a[chosen], numeric, noise, expect_zero=name in expect_zero, **limits))
    return rows
