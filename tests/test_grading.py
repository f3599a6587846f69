"""Submissions that do what they should not: each loses that task, with a sentence, and nobody else loses anything."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from graders import GRADED, TUTORIALS, key, sheets, solutions
from teaching.grading import classes, crossing
from teaching.grading.marks import request
from teaching.grading.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are limited by POSIX means")
KEY = {"tasks": list(key().values()), "given": sheets.given()}
ATTACKS = {
    kind: (text.partition("# %%")[0], re.findall(r"^# %% ?(.*)\n(def (\w+)(?:.|\n)*?)(?=^# %%|\Z)", text, re.M))
    for kind in ("attacks", "cheats")
    for text in [(GRADED / f"{kind}.py").read_text(encoding="utf-8").replace("CLONE", str(TUTORIALS))]
}


def marks_of(files, **limits):
    with Sandbox(Limits(**{"seconds": 1, "memory": 768} | limits)) as sandbox:
        (result,) = classes.grade([classes.Student("one", files)], KEY, sandbox)
    return {mark.task: mark for mark in result.marks}


def right(without=()):
    """A script with the right solutions of all other tasks."""
    return "\n\n".join(["import numpy as np", *(text for name, text in solutions().items() if name not in without)])


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_costs_its_task_and_no_other(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.npz").write_text("here before")
    head, functions = ATTACKS[kind]
    attacks = {name: sentence for sentence, _, name in functions}
    assert len(attacks) == len(functions) > 18
    got = marks_of({f"{name}.py": head + text for _, text, name in functions} | {"own.py": right(attacks)})
    said = {name: " · ".join(got[name].reasons) for name in attacks}
    assert {name: said[name] for name in attacks if attacks[name] not in said[name] or not said[name]} == {}
    assert {name: got[name].points for name in attacks if got[name].points} == {}
    others = [mark for name, mark in got.items() if name not in attacks]
    assert others and all(mark.points == mark.most for mark in others)
    assert (tmp_path / "answer.npz").read_text() == "here before"


def test_the_process_of_a_submission_is_told_no_right_answer():
    job = crossing.dump([request(task) for task in KEY["tasks"]])
    answers = [
        array.tobytes()
        for task in KEY["tasks"]
        for case in task["right"]
        for path, array in case.items()
        if array.size > 3 and "@" not in path  # of a step or a component, some are inputs
    ]
    assert len(answers) > 40 and not [answer for answer in answers if answer in job]


def test_nothing_is_left_of_a_task_that_has_started_processes():
    script = """if True:
        import os, sys, time
        sys.path.insert(0, sys.argv[1])
        import worker
        worker.prctl(worker.SUBREAPER, 1)
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            if os.fork() == 0:
                os.setsid()  # out of the group
                if os.fork() == 0:
                    os.write(tell, b"1")
                    time.sleep(60)
                os._exit(0)
            time.sleep(60)
        os.read(told, 1)
        worker.end(pid)
        print(worker.children())
    """
    words = [sys.executable, "-c", script, str(TUTORIALS / "teaching" / "grading")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n", done.stderr


def forged():
    """Bytes that are no answer, each with what is said of them."""
    right = crossing.dump({"cases": [np.ones(3)]})
    text = right[: 8 + int.from_bytes(right[:8], "big")]

    def archive(method, data):
        import io
        import zipfile

        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", method) as file:
            file.writestr("arr_0.npy", data)
        return text + made.getvalue()

    def header(shape, dtype, data=b""):
        import io

        made = io.BytesIO()
        np.lib.format.write_array_header_1_0(made, {"descr": dtype, "fortran_order": False, "shape": shape})
        return archive(0, made.getvalue() + data)

    return {
        "nothing": b"",
        "cut off": right[: len(right) // 2],
        "a length beyond its end": b"\xff" * 8 + right[8:],
        "deep": (10**6).to_bytes(8, "big") + b"[" * 10**6,
        "compressed": archive(8, b"\0" * 10**6),
        "a pickle": header((1,), "|O", b"cos\nsystem\n(S'true'\ntR."),
        "records": header((1,), [("a", "<f8")], b"\0" * 8),
        "text": header((1,), "<U2", b"\0" * 8),
        "longer than it is": header((10**12,), "<f8", b"\0" * 8),
        "negative": header((-1, -1), "<f8", b"\0" * 8),
        "no header": archive(0, b"\x93NUMPY\x01\x00\xff\xff{" + b"[" * 65535),
        "too large": right + b"\0" * 2**24,
    }


@pytest.mark.parametrize("data", forged().values(), ids=forged())
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(ValueError):
        crossing.load(data)


def test_values_come_back_as_they_were():
    value = {
        "a": [1, 2.5, None, True, "text"],
        "b": (np.arange(6).reshape(2, 3).T, np.float64(2)),
        "c": np.zeros((0, 2)),
    }
    back = crossing.load(crossing.dump(value))
    assert back["a"] == value["a"] and isinstance(back["b"], tuple) and back["b"][1] == 2.0
    assert np.array_equal(back["b"][0], value["b"][0]) and back["c"].shape == (0, 2)


def test_who_ends_the_worker_loses_the_task_at_hand(monkeypatch):
    def two_at_a_time(self, files, given, tasks):
        for task in tasks[:2]:
            yield {"name": task["name"], "ended": "missing", "lost": []}

    monkeypatch.setattr(Sandbox, "_worker", two_at_a_time)
    with Sandbox() as sandbox:
        records = sandbox.run({}, {}, [{"name": name} for name in "abcdefgh"])
    assert "".join(r["ended"][0] for r in records.values()) == "mmwmmwmm"
