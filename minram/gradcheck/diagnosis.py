"""What is wrong with a gradient? Named mistakes, each tried on the two arrays that should be equal.

A mistake is named only if it explains every entry that was compared within rounding, and the evidence is said with
it. (A mask, a wrong axis, what is carried back and single precision are told by which entries or sums are wrong, or by
how much, not by their values.) Of mistakes that explain the same, each is named, and if none does, that is said.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minram.gradcheck.evidence import Finding, Seen
from minram.gradcheck.mistakes import added, moved, scaled, scaled_by_index, scaled_by_parameter

SINGLE = float(np.finfo(np.float32).eps)

WHOLE: tuple[Callable[[Seen], Iterator[Finding]], ...] = (scaled, scaled_by_index, scaled_by_parameter, moved, added)


def explain(seen: Seen) -> list[Finding]:
    """All findings for one parameter, or the one that nothing known explains it."""
    if not np.all(np.isfinite(seen.analytic)):
        bad = int(np.sum(~np.isfinite(seen.analytic)))
        return [Finding("not finite", f"{bad} of {seen.analytic.size} entries are nan or infinite")]
    if not seen.wrong.any():
        return []
    if seen.projected:
        found = list(scaled(seen))
    else:
        found = [finding for mistake in (*WHOLE, masked) for finding in mistake(seen)]
        found += [finding for finding in place(seen) if finding.name not in {f.name for f in found}]
        found = found or list(imprecise(seen))
    wrong, known = int(seen.wrong.sum()), int(seen.known.sum())
    return found or [
        Finding("unknown", f"{wrong} of {known} entries are wrong, and no mistake known here explains them")
    ]


def masked(seen: Seen) -> Iterator[Finding]:
    """Wrong just where a ReLU is closed, according to the masks of f's signature."""
    wrong, big = seen.wrong, seen.big
    for mask in seen.masks:
        closed = ~mask
        if mask.shape != wrong.shape:  # of a parameter, the last axis are the units: some are closed in some rows
            if mask.ndim < 2 or wrong.ndim < 1 or mask.shape[-1] != wrong.shape[-1]:
                continue
            units = closed.reshape(-1, closed.shape[-1]).any(axis=0)
            closed = np.broadcast_to(units, wrong.shape)
            each = wrong.reshape(-1, wrong.shape[-1]).any(axis=0)
        else:
            units, each = closed[big], wrong[big]
        if np.array_equal(units, each) and np.any(big & ~closed) and np.any(units):
            what = "entries" if mask.shape == wrong.shape else "units"
            text = f"right but for the {int(units.sum())} of {units.size} {what} whose ReLU is closed"
            yield Finding("mask", f"{text}{' in some row' * (what == 'units')}: its mask is forgotten or another's")


def place(seen: Seen) -> Iterator[Finding]:
    """Right but for some entries: which, and what is wrong with them alone."""
    wrong, big = seen.wrong, seen.big
    right = big & ~wrong
    if not wrong.any() or not right.any():
        return
    sets = [np.unique(index) for index in np.nonzero(wrong)]
    # Of a few sampled entries no region can be told.
    box = seen.known.mean() > 0.5 and any(len(s) < length for s, length in zip(sets, wrong.shape))
    inside = seen.part(np.ix_(*sets)) if box else None
    alone = seen.part(wrong)  # the wrong entries in a row
    found = [f for mistake in WHOLE for f in mistake(inside)] if inside is not None else []
    found = found or list(scaled(alone))
    if not box and not found:
        return
    where = _where(seen, sets) if box else f"in {int(wrong.sum())} entries here and there"
    count = f"the other {int((seen.known & ~wrong).sum())} are right"
    for f in found:
        if f.name == "should be 0":
            yield Finding("mask", f"{where}: {f.text}, as behind a closed ReLU whose mask is forgotten; {count}")
        else:
            yield Finding(f.name, f"{where}: {f.text}; {count}")
    if box and not found:
        yield Finding("only there", f"wrong only {where}; {count}")
    if box:
        yield from _through_time(seen, sets[0])


def _where(seen, sets):
    """A region in words: "at axis 0: 3, axis 1: 0 to 2", for the axes of which it has a part."""
    parts = []
    for k, s in enumerate(sets):
        if len(s) < seen.analytic.shape[k]:
            run = len(s) > 2 and s[-1] - s[0] == len(s) - 1
            parts.append(f"{seen.axis(k)}: " + (f"{s[0]} to {s[-1]}" if run else ", ".join(map(str, s))))
    return "at " + "; ".join(parts)


def _through_time(seen, indices):
    """Right at the end of the first axis and wrong before it: a recursion that is wrong, if that axis is time."""
    length = seen.analytic.shape[0]
    told = seen.analytic.ndim > 1 and (length > 2 or length == seen.facts.get("T"))
    # Of cotangents one step at a time (`probe`), the first needs no recursion; of the gradient of an input, the last.
    first = bool(seen.axes)
    if told and np.array_equal(indices, np.arange(length - 1) + first):
        other = tuple(range(1, seen.analytic.ndim))
        off, size = (np.nansum(np.square(x), axis=other) for x in (seen.analytic - seen.numeric, seen.numeric))
        errors = ", ".join(f"{e:.2g}" for e in np.sqrt(off / np.maximum(size, 1e-300)))
        end = "first" if first else "last"
        text = f"right at the {end} index of {seen.axis(0)} and wrong at all others (relative errors {errors})"
        yield Finding("carried back", f"{text}: if that is time, what is carried from step to step is wrong, or "
                                      "nothing is, such as dh for dz, or W for its transpose")  # fmt: skip


def imprecise(seen: Seen) -> Iterator[Finding]:
    """Off by about the rounding of single precision: of the largest entry, no more than 16 ε."""
    a, n, known = seen.analytic, seen.numeric, seen.known
    largest = np.abs(n[known]).max(initial=1e-300)
    off = np.abs(a - n)[known].max(initial=0.0) / largest
    if known.sum() > 1 and off <= 16 * SINGLE:
        exact = bool(np.all(a == a.astype(np.float32))) and bool(np.any(a != a.astype(np.float16)))
        text = "all its numbers are single-precision ones" if exact else "the size of what single precision rounds"
        yield Finding("single precision", f"off by {off:.1g} of the largest entry: {text}" + (
            "" if exact else "; or a gradient that is nearly right"))  # fmt: skip


VERDICTS = {
    "zero": "differences see nothing of it: does f use it? If 0 is right, name it in expect_zero",
    "not zero": "it was expected to be 0, but f changes with it",
    "kinks": "too many of the steps crossed a kink: take another point, or allow more by max_kinks",
    "missing": "no gradient was returned under this name",
}


def diagnose(rows: Any) -> list[tuple[Finding, ...]]:
    """For each row of a report what is wrong with it, none for a right one; and whether it is the only one."""
    diagnosis = []
    for row in rows:
        found = list(row.findings)
        if row.verdict in VERDICTS:
            found.append(Finding(row.verdict, VERDICTS[row.verdict]))
        elif row.seen is not None:
            with np.errstate(all="ignore"):  # gradients of any size
                found += [f for f in explain(row.seen) if f.name != "unknown" or not row.findings]
        diagnosis.append(tuple(found))
    failed = [i for i, row in enumerate(rows) if not row.passed]
    names = {row.name for row in rows}
    if len(failed) == 1 < len(rows) == len(names) and rows[failed[0]].verdict == "wrong":
        others = f"the other {len(rows) - 1} are right" if len(rows) > 2 else "the other one is right"
        text = f"only {rows[failed[0]].name} is wrong, {others}"
        diagnosis[failed[0]] += (Finding("only one parameter", text),)
    return diagnosis
