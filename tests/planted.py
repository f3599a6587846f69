"""Gradients with one known mistake in each, and what the diagnosis is to call it; `python tests/planted.py` writes the
table of what it does call them into the contributors' page.

Half are small faults in the package's own backward passes, as in test_mutations.py; half are mistakes of students, in
small functions that stand in students.py.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import students
import test_network
import test_ops
import test_policy
import test_sensor
from helpers import plant
from minram import agent, core, glimpse, heads, ops, policy, sensor
from minram.gradcheck import Report

PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- confusion -->\n", "<!-- /confusion -->"


class Fault(NamedTuple):
    mistake: str  # its name
    what: str  # what was done
    row: str  # the parameter whose gradient it spoils, and of which the diagnosis is to speak
    report: Callable[[], Report]
    text: str = ""  # what the finding has to say


LINEAR, CROSS_ENTROPY = partial(test_ops.test_linear, 7), partial(test_ops.test_cross_entropy, (3, 2))
CORE, DEEP = partial(test_network.test_core, 5), partial(test_network.test_heads, "deep location")
BASELINE, LABEL = (partial(test_network.test_heads, head) for head in ("baseline", "label"))
GLIMPSE, POLICY, LOCATION = (
    test_network.test_glimpse,
    partial(test_policy.test_derivatives, (6,)),
    test_sensor.test_location_derivative,
)
LOG_STD = partial(test_network.test_a_cotangent_at_one_head_alone, "log_std")
MU = partial(test_network.test_a_cotangent_at_one_head_alone, "mu")
BOTH = 'named("core", {"W": grads["W"], "b": grads["b"] / T})'

# The mistake, the parameter, the module, the text, the text in its place, the check that sees it.
PACKAGE = [
    ("sign", "x", ops, "dy @ W.T if", "-dy @ W.T if", LINEAR, ""),
    ("factor by index", "W", ops, "x.T @ dy", "x[::-1].T @ dy", LINEAR, "same along axis 1"),
    ("factor", "b", ops, '"b": dy.sum(axis=0)', '"b": dy.mean(axis=0)', LINEAR, "1/y.shape[0]"),
    ("missing", "b", ops, '"b": dy.sum(axis=0)', '"b": dy[1:].sum(axis=0)', LINEAR, "row of dy: 0"),
    ("mask", "x", ops, "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y >= 0, out=out)", test_ops.test_relu, ""),
    ("chain rule", "x", ops, "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y, out=out)", test_ops.test_relu, ""),
    ("chain rule", "x", ops, "dy * (1 - y * y)", "dy * (1 - y)", test_ops.test_tanh, "1 − y"),
    ("chain rule", "x", ops, "dy * (1 - y * y)", "dy", test_ops.test_tanh, "tanh'"),
    ("sign", "logits", ops, "* (cache.p - onehot)", "* (onehot - cache.p)", CROSS_ENTROPY, ""),
    ("factor by index", "logits", ops, "dloss[..., None] * (cache.p", "dloss.mean() * (cache.p", CROSS_ENTROPY, ""),
    ("factor", "loc", sensor, "axis=(0, 1, 2, 3)) * (W / 2)", "axis=(0, 1, 2, 3)) * (H / 2)", LOCATION, "axis 1: 0"),
    ("doubled", "loc", sensor, "axis=(0, 1, 2, 3)) * (H / 2)", "axis=(0, 1, 2, 3)) * H", LOCATION, "axis 1: 1"),
    ("only there", "loc", sensor, "(1 - fy) * (S[0, 1] - S[0, 0])", "fy * (S[0, 1] - S[0, 0])", LOCATION, "axis 1: 0"),
    ("mask", "glimpse.combine.W", glimpse, "dz = relu_backward(dg, cache.g, out=out)", "dz = dg", GLIMPSE, ""),
    ("mask", "glimpse.what.b", glimpse, "relu_backward(dhidden, cache.hidden, out=dhidden)", "pass", GLIMPSE, ""),
    (
        "shifted",
        "glimpse.where.W",
        glimpse,
        "dhidden[:, n_what:], (cache.loc",
        "dhidden[:, n_what - 1 : -1], (cache.loc",
        GLIMPSE,
        "axis 1",
    ),
    (
        "sign",
        "glimpse.where.b",
        glimpse,
        'named("glimpse.where", where)',
        'named("glimpse.where", where | {"b": -where["b"]})',
        GLIMPSE,
        "",
    ),
    (
        "missing",
        "glimpse.combine.b",
        glimpse,
        'named("glimpse.combine", combine)',
        'named("glimpse.combine", combine | {"b": 0 * combine["b"]})',
        GLIMPSE,
        "",
    ),
    (
        "only one parameter",
        "glimpse.combine.b",
        glimpse,
        'named("glimpse.combine", combine)',
        'named("glimpse.combine", combine | {"b": combine["b"] ** 2})',
        GLIMPSE,
        "glimpse.combine.b",
    ),
    ("missing", "g", core, "relu_backward(dh[-1], cache.h[-1], out=dz[-1])", "dz[-1] = 0", CORE, "row of dy: 4"),
    ("missing", "core.W", core, "dh[t] + dz[t + 1]", "dz[t + 1]", CORE, "row of dy: 0 to 3"),
    (
        "missing",
        "g",
        core,
        "reversed(range(T - 1))",
        "(dz.fill(0), relu_backward(dh[-1], cache.h[-1], out=dz[-1])) and reversed(range(1, T - 1))",
        CORE,
        "axis 0: 0",
    ),
    ("carried back", "g", core, "@ W[:n_core].T,", "@ W[:n_core],", CORE, "last index of axis 0"),
    ("carried back", "core.W", core, "@ W[:n_core].T,", "@ W[:n_core],", CORE, "first index of row of dy"),
    ("carried back", "g", core, "dz[t + 1] @ W[:n_core].T", "dh[t + 1] @ W[:n_core].T", CORE, ""),
    ("carried back", "g", core, "dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]", CORE, ""),
    ("carried back", "g", core, "dz[t + 1] @ W[:n_core].T", "dz[t + 1] @ W[-n_core:].T", CORE, ""),
    ("factor", "core.b", core, 'named("core", grads)', BOTH, CORE, "1/y.shape[0]"),
    ("sign", "label.b", heads, 'named("label", grads)', 'named("label", grads | {"b": -grads["b"]})', LABEL, ""),
    (
        "mask",
        "location.hidden.W",
        heads,
        "dz = relu_backward(dhidden, cache.hidden)",
        "dz = dhidden",
        DEEP,
        "4 of 5 units",
    ),
    (
        "sign",
        "location.hidden.W",
        heads,
        '(cache.h, params["location.hidden.W"])',
        '(-cache.h, params["location.hidden.W"])',
        DEEP,
        "",
    ),
    (
        "reversed",
        "h",
        heads,
        "linear_backward(dbaseline[:, None], ",
        "linear_backward(dbaseline[::-1, None], ",
        BASELINE,
        "axis 0",
    ),
    ("factor by index", "mu", policy, "* cache.z / cache.std", "* cache.z", POLICY, "same along axis 0"),
    ("sign", "mu", policy, "* cache.z / cache.std", "* -cache.z / cache.std", POLICY, ""),
    ("offset", "log_std", policy, "(cache.z**2 - 1)", "cache.z**2", POLICY, ""),
    (
        "sign",
        "location.log_std",
        agent,
        'grads["location.log_std"] = cotangents.log_std',
        'grads["location.log_std"] = -cotangents.log_std',
        LOG_STD,
        "",
    ),
    (
        "sign",
        "location.W",
        agent,
        "_rows(a) for a in trajectory.location",
        "-_rows(a) for a in trajectory.location",
        MU,
        "",
    ),
]


def reports(check):
    """The reports of a test that ends in raise_if_failed, whether they pass or not."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Report, "raise_if_failed", lambda report: found.append(report))
        with suppress(AssertionError):  # of what a test compares besides
            check()
    return found


def of_package(module, old, new, check):
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, module, (old, new))
        return next(report for report in reports(check) if not report.passed)


FAULTS = [
    Fault(name, f"{module.__name__}: {new}", row, partial(of_package, module, old, new, check), text)
    for name, row, module, old, new, check, text in PACKAGE
] + [Fault(name, what, row, report, text) for name, what, row, report, text in students.FAULTS]


def right():
    """Reports of right gradients of both kinds."""
    checks = dict.fromkeys(check for *_, check, _ in PACKAGE)
    return [report for check in checks for report in reports(check)] + students.right()


def names(report, row):
    """What the diagnosis says of one parameter, by name."""
    said = [f.name for r, found in zip(report.rows, report.diagnosis) for f in found if r.name == row]
    return list(dict.fromkeys(said))


def table():
    """The confusion table: what was planted, how often, how often it was named so, and what was said beside it."""
    planted, named, beside = Counter(), Counter(), {}
    for fault in FAULTS:
        said = names(fault.report(), fault.row)
        planted[fault.mistake] += 1
        named[fault.mistake] += fault.mistake in said
        beside.setdefault(fault.mistake, Counter()).update(name for name in said if name != fault.mistake)
    lines = ["| planted | times | named so | said with it |", "|---|--:|--:|---|"]
    for mistake in sorted(planted):
        others = ", ".join(f"{name} {n}" for name, n in sorted(beside[mistake].items()) if name != "only one parameter")
        lines.append(f"| {mistake} | {planted[mistake]} | {named[mistake]} | {others} |")
    silent = right()
    lines.append(f"| right gradients | {len(silent)} | {sum(any(r.diagnosis) for r in silent)} | |")
    said = Counter(name for report in students.unrelated() for row in report.rows for name in names(report, row.name))
    others = ", ".join(f"{name} {n}" for name, n in sorted(said.items()))
    lines.append(f"| unrelated numbers | {sum(said.values())} | {sum(said.values()) - said['unknown']} | {others} |")
    return "\n".join(lines) + "\n"


def with_table(text):
    """The contributors' page with the table as it is now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
