"""Mistakes that turn the whole of a right gradient into the wrong one: a factor, other places, something added.

Each function takes what was seen and yields a finding for each mistake that explains all of it within rounding.
"""

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np

from minram.gradcheck.evidence import Finding, Seen
from minram.gradcheck.factors import readings, same


def scaled(seen: Seen) -> Iterator[Finding]:
    """Zero, the wrong sign, or one factor for all; one entry alone shows only a factor that has a reading."""
    a, n, big = seen.analytic, seen.numeric, seen.big
    count = int(big.sum())
    entries = f"{count} of {count} entries" if count > 1 else "1 entry"
    if not count:
        return
    if np.all(seen.close(0.0)):
        yield Finding("missing", f"0 where it should not be ({entries}): never filled, or cut off on the way")
    elif np.all(np.abs(n[big]) <= 2 * seen.noise[big]):
        yield Finding("should be 0", f"not 0 where it should be ({entries}): f does not change with it")
    else:
        c = float(a[big] @ n[big] / (n[big] @ n[big]))
        names = readings(c, seen.facts)
        if np.all(seen.close(c * n, abs(c))) and (count > 1 or names or same(c, -1)) and abs(c - 1) > seen.rtol:
            name = "sign" if same(c, -1) else "doubled" if same(c, 2) else "factor"
            text = "the sign is wrong" if name == "sign" else f"factor {_digits(c)}"
            yield Finding(name, f"{text} ({entries})" + "".join(f"; {r}" for r in names))


def _digits(c):
    """Five digits that one can read a factor from, or as many as show that it is not 1."""
    return f"{c:.5g}" if abs(c - 1) > 1e-3 else f"{c:.10g}"


def scaled_by_index(seen: Seen) -> Iterator[Finding]:
    """A factor that varies along some axes but not along one: an elementwise factor, or one side of a product."""
    a, n = seen.analytic, seen.numeric
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(seen.big & (np.abs(n) > 2 * seen.noise), a / n, np.nan)
    told = ~np.isnan(ratio)
    for k in range(a.ndim):
        # Most factors have to be seen twice or more: one that a single entry shows explains that entry alone.
        often = told.sum(axis=k, keepdims=True)
        if a.ndim < 2 or not told.any() or np.mean(often[often > 0] > 1) <= 0.5:
            continue
        best = np.argmax(np.where(told, np.abs(n), -1), axis=k, keepdims=True)
        c = np.where(often > 0, np.take_along_axis(ratio, best, k), 0.0)
        each = c[often > 0]
        # Where some are 1, the others are a part that `diagnosis.place` finds and looks at alone.
        if len(each) > 1 and not same(each, each[0]) and not any(same(x, 1) for x in each):
            if np.all(seen.close(c * n, np.abs(each).max())):
                others = " and ".join(seen.axis(j) for j in range(a.ndim) if j != k)
                text = f"a factor of its own for each index of {others}, the same along {seen.axis(k)}"
                names = readings(c.ravel(), seen.facts) if a.ndim == 2 else []
                yield Finding("factor by index", text + "".join(f"; {r}" for r in names))


OF_PARAMETER: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the parameter itself": lambda x: x,
    "exp(parameter), the derivative by σ instead of log σ or the reverse": np.exp,
    "tanh'(parameter) = 1 − tanh²": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid'(parameter)": lambda x: 0.25 / np.cosh(x / 2) ** 2,
    "1 + tanh(parameter), as of 1 − y where 1 − y² belongs": lambda x: 1 + np.tanh(x),
}


def scaled_by_parameter(seen: Seen) -> Iterator[Finding]:
    """An elementwise factor of the chain rule that is missing, or there once too often."""
    x, big = seen.theta, seen.big
    if x is None or not big.any() or np.ptp(x[big]) == 0:
        return
    for text, g in OF_PARAMETER.items():
        with np.errstate(all="ignore"):
            factor = g(x)
            for what, c in (("missing", 1 / factor), ("there once too often", factor)):
                if np.all(np.isfinite(c)) and seen.explained_by(seen.numeric * c):
                    yield Finding("chain rule", f"a factor is {what}: {text} ({int(big.sum())} entries)")


def moved(seen: Seen) -> Iterator[Finding]:
    """The right numbers in wrong places: transposed, reversed, shifted by one, in another order."""
    if seen.analytic.size < 2:
        return
    found = [
        Finding(name, text + (", and the sign is wrong" if sign < 0 else ""))
        for name, text, expected in _rearranged(seen)
        if not np.array_equal(expected, seen.numeric, equal_nan=True)  # as of one row alone, or where all are equal
        for sign in (1, -1)
        if seen.explained_by(sign * expected)
    ]
    yield from dict.fromkeys(found)
    if not found and seen.known.all() and seen.analytic.size > 2:
        expected = np.empty(seen.analytic.size)
        expected[np.argsort(seen.analytic, axis=None)] = np.sort(seen.numeric, axis=None)
        if seen.explained_by(expected.reshape(seen.analytic.shape)):
            yield Finding("another order", f"the right {expected.size} numbers in another order")


def _rearranged(seen: Seen) -> Iterator[tuple[str, str, np.ndarray]]:
    n = seen.numeric
    for p in permutations(range(n.ndim)) if n.ndim <= 4 else ():
        turned = n.transpose(p)
        if turned.shape == n.shape:
            yield "transposed", f"axes in the order {p}" if n.ndim > 2 else "rows and columns are exchanged", turned
        else:
            text = "the right numbers, but a reshape where a transpose belongs, or the reverse"
            yield "transposed", text, turned.reshape(n.shape)
            yield "transposed", text, n.reshape(turned.shape).transpose(np.argsort(p))
    for k in range(n.ndim):
        yield "reversed", f"reversed along {seen.axis(k)}", np.flip(n, k)
        for step, end in ((1, 0), (-1, -1)) if n.shape[k] > 2 else ():
            shift = np.roll(n, step, k)
            np.moveaxis(shift, k, 0)[end] = np.nan  # what enters at the end may be anything
            yield (
                "shifted",
                f"shifted by one along {seen.axis(k)} (index i holds that of {'i−1' if step > 0 else 'i+1'})",
                shift,
            )


def added(seen: Seen) -> Iterator[Finding]:
    """A constant difference, one that goes with the parameter itself, or wrong entries with right sums."""
    a, n, known = seen.analytic, seen.numeric, seen.known
    difference = (a - n)[known]
    if difference.size < 2:
        return
    c = difference.mean()
    if np.all(seen.close(n + c)):
        yield Finding("offset", f"too large by {c:.6g} in each of {difference.size} entries: a constant term")
    if seen.theta is not None:
        theta = seen.theta[known]
        c = difference @ theta / max(theta @ theta, 1e-300)
        if np.all(seen.close(n + c * seen.theta)) and np.ptp(theta) > 1e-6 * np.abs(theta).max():
            yield Finding("decay", f"the difference is {c:.6g} times the parameter: weight decay in one of the two?")
    for k in range(a.ndim if known.all() and a.size > 2 else 0):
        slack = 2 * (seen.rtol * np.maximum(np.abs(a), np.abs(n)) + seen.noise).sum(axis=k, keepdims=True)
        right = n.sum(axis=k, keepdims=True)
        # An entry is off by more than a sum may be, and a sum is far from 0, where it would be right by chance.
        wrong = np.any(np.abs(a - n) > slack) and np.any(np.abs(right) > 10 * slack)
        if wrong and np.all(np.abs(a.sum(axis=k, keepdims=True) - right) <= slack):
            text = "entries are wrong, their sums are right: summed over another axis, or added in wrong places"
            yield Finding("wrong axis", f"along {seen.axis(k)} {text}")
