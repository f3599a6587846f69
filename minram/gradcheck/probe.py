"""Which rows of the output does a backward pass get wrong? With a cotangent at one row alone, one row after the other.

The gradient of a weight is a sum over rows, in which a row that is missing, or paired with another's input, leaves no
trace that could be named. Stacked by rows the same comparison shows it.
"""

from typing import Any

import numpy as np

from minram.gradcheck.checks import SIGMAS, first_step, slope_of
from minram.gradcheck.diagnosis import explain
from minram.gradcheck.differences import EPS
from minram.gradcheck.evidence import Finding, Seen
from minram.gradcheck.fitness import base_point
from minram.gradcheck.report import Report, Row
from minram.ops import Params

VAGUE = {"unknown", "only there", "only one parameter"}
CALLS = 20_000  # of forward, at most: seconds for a small layer


def probe(report: Report, pair: Any, params: Params, v: list) -> Report:
    """The report with what the rows of y show about each parameter that no known mistake explains."""
    names = [
        row.name for row, found in zip(report.rows, report.diagnosis) if found and {f.name for f in found} <= VAGUE
    ]
    lengths = {len(w) for w in v if w is not None and w.ndim}
    n_rows = lengths.pop() if len(lengths) == 1 else 0
    size = sum(params[name].size for name in names)
    if not names or n_rows < 2 or 4 * n_rows * size > CALLS or any(w is not None and not w.ndim for w in v):
        return report
    try:  # by no means is the report to be lost
        stacks = _stacked(pair, {name: params[name].copy() for name in params}, names, v, n_rows)
    except Exception:  # a backward pass that does not work, or an f that cannot be checked, with most of dy at 0
        return report
    rows = [row._replace(findings=_said(row, *stacks[row.name])) if row.name in names else row for row in report.rows]
    return Report(tuple(rows))


def _stacked(pair, theta, names, v, n_rows):
    """{name: (analytic, numeric, noise)}, each (rows of y, *shape of the parameter)."""
    found: dict[str, Any] = {name: ([], [], []) for name in names}
    for i in range(n_rows):
        alone = [None if w is None else np.where(_row(w, i), w, 0.0) for w in v]
        f, grads = pair.f(alone), pair.gradients(alone)
        base = base_point(f, theta, np.random.default_rng(0))
        slope = slope_of(f, theta, base, first_step(base, None))
        for name in names:
            x, a = theta[name], grads[name]
            numeric, error = np.array([slope(x, j) for j in range(x.size)]).T.reshape(2, *x.shape)
            for stack, array in zip(found[name], (a, numeric, SIGMAS * (error + EPS * np.abs(a).max()))):
                stack.append(array)
    return {name: tuple(np.array(stack) for stack in stacks) for name, stacks in found.items()}


def _row(w, i):
    return (np.arange(len(w)) == i).reshape(-1, *[1] * (w.ndim - 1))


def _said(row: Row, analytic: np.ndarray, numeric: np.ndarray, noise: np.ndarray) -> tuple[Finding, ...]:
    """What the rows show, or whether the backward pass is no linear map of dy at all."""
    assert row.seen is not None
    whole, size = row.seen.analytic, np.abs(analytic).max()
    if size and np.all(np.abs(analytic - analytic[0]) <= 1e-12 * size):
        return (Finding("dy ignored", f"the same gradient whatever dy is ({len(analytic)} tried)"),)
    if np.any(np.abs(analytic.sum(axis=0) - whole) > 1e-9 * np.abs(analytic).sum(axis=0).max()):
        return (Finding("not linear", "the gradients of dy's rows, one by one, do not add up to that of dy"),)
    seen = Seen(analytic, numeric, noise, row.seen.rtol, facts=row.seen.facts, axes=("row of dy",))
    found = [f for f in explain(seen) if f.name not in VAGUE or "row of dy:" in f.text]
    return tuple(Finding(f.name, f"with one row of dy after the other: {f.text}") for f in found)
