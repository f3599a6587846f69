"""Points and sentences for what a submission has answered: right, wrong in a way that has a name, or wrong.

The mistakes of a task are tried first, then what the gradient check can name: a sign, a factor, a transpose, a step.
"""

import base64
import math
from typing import NamedTuple

import numpy as np

from minram.errors import printable
from minram.gradcheck.diagnosis import explain
from minram.gradcheck.evidence import Seen
from teaching.assignment.task import WARNINGS, piece_of
from teaching.grading import crossing

TOLERANCE = 1e-6  # of the largest entry: far above the rounding of any order of sums, far below any mistake
LEAST = 1e-3  # what counts for the largest entry where the answer is 0: numbers of size 1 come to 1e-14 on the way
SHARES = {
    "sign": 0.5,
    "doubled": 0.5,
    "factor": 0.5,
    "transposed": 0.5,
    "carried back": 0.25,
    "mask": 0.25,
    "reversed": 0.25,
    "shifted": 0.25,
}


class Mark(NamedTuple):
    """What a task has brought: of how many points, why no more, and whether anything was tried."""

    task: str
    title: str
    points: float
    most: float
    reasons: tuple[str, ...] = ()
    tried: bool = True
    parts: tuple[tuple[str, float, float], ...] = ()  # (label, points, of how many)


def request(task):
    """What a worker is told of a task: its name and inputs, and where in an answer to look."""
    paths = sorted({part["path"].partition("@")[0] for part in task["parts"]})
    return {"name": task["name"], "inputs": task["inputs"], "paths": paths, "given": task["name"][4]}


def mark(task, record, limits):
    """The mark of a task, from its entry in the key and the worker's record, which may be anything."""
    lost = tuple(printable(text)[:300] for text in record.get("lost", ()))[:5]
    reason, cases = _cases(task, record, limits)
    most = sum(part["points"] for part in task["parts"])
    if cases is None:
        tried = record.get("ended") != "missing" and reason != OPEN
        if record.get("ended") == "missing":
            reason = "; ".join((reason.format(task["name"]), *lost))
        return Mark(task["name"], task["title"], 0.0, most, (reason,), tried)
    judged = [_part(task, i, cases) for i in range(len(task["parts"]))]
    computed = [share for part, (share, _) in zip(task["parts"], judged) if part["path"] != WARNINGS]
    if min(computed) < 1:  # how a wrong answer was computed brings nothing
        judged = [(0.0, None) if p["path"] == WARNINGS else one for p, one in zip(task["parts"], judged)]
    got = [part["points"] * share for part, (share, _) in zip(task["parts"], judged)]
    reasons = _together([part["label"] for part in task["parts"]], [reason for _, reason in judged])
    spelling = record.get("spelling", task["name"])
    if spelling != task["name"]:
        reasons.append(f"taken from the function {printable(spelling)[:40]}")
    parts = tuple((part["label"], points, part["points"]) for part, points in zip(task["parts"], got))
    return Mark(task["name"], task["title"], sum(got), most, tuple(dict.fromkeys(reasons)), True, parts)


def _together(labels, reasons):
    """Each reason once, with the parts that it is about; without them, if it is about all."""
    about = {reason: [l for l, other in zip(labels, reasons) if other == reason] for reason in reasons if reason}
    return [
        reason if len(about[reason]) == len(labels) else f"{', '.join(about[reason])}: {reason}" for reason in about
    ]


OPEN = "still to be written"
WRITTEN = "the answer is the same for all inputs: numbers that were written down, not computed"


def _cases(task, record, limits):
    """(None, the answers of each case) or (why there are none, None)."""
    ended, code = record.get("ended"), record.get("exit")
    if ended == "missing":
        return "there is no function {}", None
    if ended == "output":
        return f"it printed more than {limits.output // 1024} kB, and was stopped", None
    if ended == "answer":
        return f"its answer is larger than {limits.answer >> 20} MB, and was not read", None
    if ended == "late":
        return "it was not run: the tasks before it have used up the time of the submission", None
    if ended == "worker":
        return "it ended the process that all tasks are run from", None
    try:
        back = crossing.load(base64.b64decode(record["back"]), limits.answer)
        if "refused" in back:
            return printable(back["refused"])[:300], None
        if back.get("open"):
            return OPEN, None
        if "error" in back:
            return printable(back["error"])[:300], None
        if len(back["cases"]) != len(task["inputs"]):
            raise ValueError("there is not one answer for each case")
        return None, [_answers(case) for case in back["cases"]]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        pass
    if ended == "time" or code in (-24, -9):  # SIGXCPU, and SIGKILL, by which processor time ends
        return f"it was stopped after {limits.seconds:g} s of computing, or {3 * limits.seconds:g} s of waiting", None
    if code or not record.get("back"):
        how = f"by signal {-code}" if code and code < 0 else f"with exit code {code}"
        return f"it ended its process {how}, without an answer", None
    return "its answer cannot be read", None


def _answers(case):
    """{path: array, or a sentence}, and the warnings; nothing else."""
    if "error" in case:
        return {"": printable(case["error"])[:300], "failed": True}
    arrays = {
        str(path): value.astype(float) if isinstance(value, np.ndarray) else printable(value)[:300]
        for path, value in case["arrays"].items()
    }
    return arrays | {WARNINGS: [printable(w)[:200] for w in case.get("warnings", ())]}


def _part(task, i, cases):
    """(share of the points, why not all of them) for one part of a task."""
    part = task["parts"][i]
    path = part["path"]
    counted = list(part["cases"]) or list(range(len(cases)))
    if any("failed" in cases[k] for k in counted):
        return 0.0, next(cases[k][""] for k in counted if "failed" in cases[k])
    if path == WARNINGS:
        heard = [w for k in counted for w in cases[k][WARNINGS]]
        return (0.0, f"NumPy warns: {heard[0]}") if heard else (1.0, None)
    want = [np.asarray(task["right"][k][path], float) for k in counted]
    said = [cases[k].get(path.partition("@")[0], "it is missing") for k in counted]
    written = _written_down(said, want)
    got = []
    for value, right in zip(said, want):
        array, fault = _fitting(value, path, right)
        if fault:
            return (0.0, WRITTEN) if written else fault
        got.append(array)
    if all(map(_close, got, want)):
        return 1.0, None
    for wrong in task["wrong"]:
        named = [np.asarray(wrong["answers"][k][path], float) for k in counted]
        if all(map(_close, got, named)):
            return wrong["share"], wrong["sentence"]
    if written:
        return 0.0, WRITTEN
    return _unnamed(got, want, [task["facts"][k] for k in counted], task["pencil"])


def _written_down(said, want):
    """Is one and the same array the answer to inputs whose right answers differ?"""
    first = said[0]
    if len(said) < 2 or not isinstance(first, np.ndarray) or not np.isfinite(first).all():
        return False
    alike = all(isinstance(s, np.ndarray) and np.array_equal(s, first) for s in said)
    return alike and not all(w.shape == want[0].shape and _close(w, want[0]) for w in want)


def _fitting(value, path, right):
    """(the piece of an array at a path, None), or (None, (share, what is wrong with it))."""
    if isinstance(value, str):
        return None, (0.0, value)
    if not np.isfinite(value).all():
        return None, (0.0, f"{int((~np.isfinite(value)).sum())} of {value.size} entries are not finite")
    try:
        array = piece_of(value, path.partition("@")[2])
    except IndexError:
        array = np.zeros(0)
    if array.size == right.size == 1:
        return array.reshape(right.shape), None
    if array.shape != right.shape:
        turned = array.ndim == 2 and array.T.shape == right.shape and _close(array.T, right)
        text = f"it should have the shape {right.shape}, but has {array.shape}"
        return None, (SHARES["transposed"], f"{text}: rows and columns are exchanged") if turned else (0.0, text)
    return array, None


def _close(got, want):
    scale = max(np.abs(want).max(initial=0), LEAST)
    return bool(np.abs(got - want).max(initial=0) <= TOLERANCE * scale)


def _unnamed(got, want, facts, pencil):
    """(share, sentence) for an answer that is no mistake of this task's list."""
    right = sum(map(_close, got, want))
    if got[0].size == 1:  # numbers: those of all cases side by side, where no two are alike
        seen = (
            []
            if _close(np.ravel(want), np.ravel(want[0]))
            else [(np.array([g.item() for g in got]), np.array([w.item() for w in want]), {})]
        )
    else:
        seen = [(g, w, f) for g, w, f in zip(got, want, facts) if not _close(g, w)]
    found = [_findings(*one) for one in seen]
    common = [f for f in (found or [[]])[-1] if all(f.name in {g.name for g in others} for others in found)]
    if common and common[0].name != "unknown" and not right:
        return max(SHARES.get(f.name, 0.0) for f in common), "; ".join(f"{f.name}: {f.text}" for f in common[:2])
    if pencil and right == 1 and _close(got[0], want[0]):
        return 0.0, "right for the numbers of the sheet, wrong for all others: written down, not computed"
    if right:
        return 0.0, f"right for {right} of {len(got)} inputs, wrong for the others"
    worst = max(float(np.abs(g - w).max() / max(np.abs(w).max(initial=0), 1e-300)) for g, w in zip(got, want))
    return (
        0.0,
        f"it is wrong, by up to {min(worst, math.inf):.2g} of the largest entry; no mistake known here explains it",
    )


def _findings(got, want, facts):
    noise = np.full(want.shape, TOLERANCE * max(float(np.abs(want).max(initial=0)), LEAST))
    with np.errstate(all="ignore"):
        return explain(Seen(got, want, noise, TOLERANCE, facts=facts))
