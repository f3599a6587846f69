"""What a gradient check found: one row a parameter, a verdict in each, a table to read and to assert on."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from minram.errors import InputError
from minram.gradcheck.diagnosis import diagnose
from minram.gradcheck.evidence import Finding, Seen


class Row(NamedTuple):
    """One parameter: the largest errors, and the entry with the largest relative one.

    The verdict is "ok" or the fault: "wrong", "zero", "not zero", "kinks", "missing", "not an array", "not a
    parameter", or the gradient's unfit shape or dtype. Where there is a fault, seen are the two gradients, and
    findings what the check itself has found out about it, such as a kink; `Report.diagnosis` says what they show.
    """

    name: str
    shape: tuple
    checked: int = 0  # entries compared, kinks not among them
    kinks: int = 0
    abs_err: float = np.nan
    rel_err: float = np.nan
    where: tuple = ()
    analytic: float = np.nan
    numeric: float = np.nan
    verdict: str = "ok"
    seen: Seen | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Was nothing found?"""
        return self.verdict == "ok"


@dataclass(frozen=True)
class Report:
    """Rows of one or more checks: `str()` is the table, `+` joins, `report["W"]` is the last row so named.

    Under each row that fails stands what is wrong, as far as the numbers show it (see `minram.gradcheck.diagnosis`).
    """

    rows: tuple = ()

    @property
    def passed(self) -> bool:
        """True if there is a row and every row is ok: a report of nothing has shown nothing."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    def __add__(self, other):
        return Report(self.rows + other.rows)

    def __getitem__(self, name):
        return {row.name: row for row in self.rows}[name]

    @property
    def diagnosis(self) -> list[tuple[Finding, ...]]:
        """For each row, what is wrong with it: findings (name, text), none where nothing is."""
        return diagnose(self.rows)

    def raise_if_failed(self) -> None:
        """Raise AssertionError, with the table, unless everything passed."""
        if not self.passed:
            raise AssertionError(f"gradient check failed\n{self}")

    def __str__(self):
        lines = [
            (
                "name",
                "shape",
                "checked",
                "kinks",
                "max abs err",
                "max rel err",
                "where",
                "analytic",
                "numeric",
                "verdict",
            )
        ]
        for r in self.rows:
            lines.append(
                (
                    r.name,
                    _tuple(r.shape),
                    str(r.checked),
                    str(r.kinks),
                    f"{r.abs_err:.1e}",
                    f"{r.rel_err:.1e}",
                    _tuple(r.where),
                    f"{r.analytic:.9g}",
                    f"{r.numeric:.9g}",
                    r.verdict,
                )
            )
        widths = [max(map(len, column)) for column in zip(*lines)]
        layout = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<>>>><>><", widths))
        table = [layout.format(*line).rstrip() for line in lines]
        for i, findings in enumerate(self.diagnosis, start=1):
            for f in findings:
                table[i] += "\n" + fill(f"{f.name}: {f.text}", 118, initial_indent="    ", subsequent_indent=" " * 8)
        ok = sum(r.passed for r in self.rows)
        return "\n".join([*table, f"{ok} of {len(self.rows)} ok"])


def judge(
    name: str,
    shape: tuple,
    where: Sequence[tuple],
    analytic: np.ndarray,
    numeric: np.ndarray,
    noise: np.ndarray,
    *,
    rtol: float,
    floor: Any = None,
    max_kinks: float = 0.0,
    expect_zero: bool = False,
) -> Row:
    """Make the row of n compared entries: error_i = |a_i − n_i| / max(|a_i|, |n_i|, floor_i) ≤ rtol.

    noise: (n,) what rounding alone may put between a_i and n_i. The floor is noise / rtol, so an entry too
    small to be known to rtol is still compared, to within the noise, and if no entry of a parameter rises
    above the noise its gradient could be anything that small: the verdict is "zero", a failure unless
    expected. where: n index tuples; analytic: (n,); numeric: (n,), nan where the step crossed a kink.
    """
    kink = np.isnan(numeric)
    a, b, noise = analytic[~kink], numeric[~kink], noise[~kink]
    checked, kinks = len(a), int(kink.sum())
    if checked == 0:
        return Row(name, shape, 0, kinks, verdict="kinks" if kinks else "ok" if expect_zero else "zero")
    abs_err, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    least = np.maximum(noise / rtol if floor is None else np.broadcast_to(floor, kink.shape)[~kink], 1e-300)
    with np.errstate(invalid="ignore"):  # of what is infinite
        rel_err = abs_err / np.maximum(size, least)
    worst = int(np.argmax(rel_err))  # argmax finds a nan first: a gradient that is nan is the worst
    zero = bool(np.all(size <= noise))
    if not rel_err[worst] <= rtol:
        verdict = "wrong"
    elif kinks > max_kinks * len(kink):
        verdict = "kinks"
    elif zero != expect_zero:
        verdict = "zero" if zero else "not zero"
    else:
        verdict = "ok"
    index = [i for i, crossed in zip(where, kink) if not crossed][worst]
    return Row(
        name,
        shape,
        checked,
        kinks,
        float(abs_err.max()),
        float(rel_err[worst]),
        tuple(index),
        float(a[worst]),
        float(b[worst]),
        verdict,
    )


def unfit_rows(params: dict, grads: dict) -> list[Row]:
    """A row for each gradient that is missing, surplus or not an array of its parameter's shape and dtype."""
    rows = [Row(name, x.shape, verdict=fault) for name, x in params.items() if (fault := _fault(x, grads.get(name)))]
    return rows + [Row(name, np.shape(g), verdict="not a parameter") for name, g in grads.items() if name not in params]


def _fault(x, g):
    """What keeps the gradient g from being one of x, in a few words, or ""."""
    if g is None:
        return "missing"
    if not isinstance(g, np.ndarray):
        return "not an array"
    if g.shape != x.shape:
        return f"shape {_tuple(g.shape)}"
    return f"dtype {g.dtype}" if g.dtype != x.dtype else ""


def require_fit(params: dict, grads: dict) -> None:
    """Raise InputError unless grads have exactly the keys, shapes and dtypes of params."""
    for row in unfit_rows(params, grads):
        raise InputError(
            f"grads should have the keys, shapes and dtypes of params, but the gradient of "
            f"{row.name!r} is wrong: {row.verdict}; correct it first."
        )


def _tuple(numbers):
    return "(" + ",".join(str(int(n)) for n in numbers) + ")"
