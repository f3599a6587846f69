"""What the exercises' checks are made of: the end of a sheet, and what an answer of the wrong kind is told."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from lessons import TUTORIALS, checks, run

SHEET = """
from exercise import exercise, finish, same


def a():
    {a}


def b():
    return [2, 4]


@exercise("1. A")
def check_a():
    same("a", a(), 1)


@exercise("2. B")
def check_b():
    same("b", b(), [2, 4])


finish()
"""


def script(tmp_path, **bodies):
    path = tmp_path / "sheet.py"
    path.write_text(SHEET.format(**bodies), encoding="utf-8")
    words = [sys.executable, str(path)]
    environment = {"PYTHONPATH": str(TUTORIALS), "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, encoding="utf-8")


def test_a_script_that_is_not_finished_ends_in_a_sentence(tmp_path):
    done = script(tmp_path, a="return 2")
    assert done.returncode == 1 and done.stderr == "These are still open: 1. A\n"
    assert done.stdout == "1. A: not yet. a = 2 is not it.\n2. B: right.\n1 of 2 exercises are right.\n"


def test_a_script_that_is_finished_ends_well(tmp_path):
    done = script(tmp_path, a="return 1")
    assert done.returncode == 0 and not done.stderr and done.stdout.endswith("\n2 of 2 exercises are right.\n")


def test_another_error_of_a_script_keeps_its_traceback(tmp_path):
    done = script(
        tmp_path,
        a="return 2\n\n\nimport atexit, sys\natexit.register(lambda: sys.excepthook(KeyError, KeyError(3), None))",
    )
    assert done.stderr == "These are still open: 1. A\nKeyError: 3\n"


def test_a_notebook_shows_the_sentence_and_counts_a_check_that_runs_again(capsys):
    head, tail = SHEET.format(a="return 2").split("@exercise", 1)
    cells = ["@exercise" + cell for cell in tail.replace("finish()", "").split("@exercise")]
    namespace = run([head, *cells], "sheet")
    with pytest.raises(checks.Open) as caught:
        run(["finish()"], "sheet", namespace)
    assert caught.value._render_traceback_() == ["These are still open: 1. A"]  # what IPython asks an exception for
    run(["def a():\n    return 1", cells[0], "finish()"], "sheet", namespace)  # no other cell again
    assert capsys.readouterr().out.endswith("1. A: right.\n2 of 2 exercises are right.\n")


def test_no_sheet_counts_what_another_one_found(capsys):
    run([SHEET.format(a="return 1").replace("finish()", "").replace("1. A", "0. A")], "one sheet")
    run([SHEET.format(a="return 1")], "another")
    assert capsys.readouterr().out.endswith("2 of 2 exercises are right.\n")


@pytest.mark.parametrize(
    "body, said",
    [
        ("return 1 / 0", "a ends with ZeroDivisionError: division by zero (line 6: return 1 / 0)"),
        ("import math; return math.sqrt(-1)", "a ends with ValueError: "),
        ("return [f() for f in [lambda: 1 / 0]]", "a ends with ZeroDivisionError: "),
        ("pass", "a is None: is there a `return`?"),
        ("return 1, 2", "a should be a single number, but has (2,)."),
        ("return 'one'", "a should be numbers, but is 'one'."),
        ("raise NotImplementedError", ""),
    ],
)
def test_what_is_said_names_the_function_of_the_sheet(body, said, tmp_path):
    first = script(tmp_path, a=body).stdout.partition("\n")[0]
    assert first.startswith(f"1. A: not yet. {said}" if said else "1. A: still to be written.")


@pytest.mark.parametrize(
    "use", ["(1, 2).dtype", "cumsum((1, 2), **{})", "parts((1, 2), *(1 / 0,))", "linear_forward(1, 2, 3)"]
)
def test_an_answer_that_a_check_cannot_use_is_not_blamed_on_the_check(use, capsys):
    head = "from numpy import cumsum\nfrom exercise import exercise, parts\nfrom minram.ops import linear_forward\n\n\n"
    for _ in range(2):  # in a notebook, the check of before is still there
        run([f"{head}@exercise('1. A')\ndef check_a():\n    {use} + ''"], "sheet")
        said = capsys.readouterr().out
        assert "is it of the kind that is asked for? (" in said
        assert not any(name in said.replace("linear_forward()", "") for name in ("check_a", "ends with"))


@pytest.mark.parametrize(
    "got",
    [(0.5, 2), [0.5, 2], np.array([0.5, 2]), np.array([0.5, 2], np.float32), [Fraction(1, 2), 2], (np.float64(0.5), 2)],
)
def test_right_numbers_of_any_kind_are_right(got):
    checks.same("x", got, [0.5, 2])


@pytest.mark.parametrize(
    "got, said",
    [
        (None, "x is None: is there a `return`?"),
        ([[1, 2], [3]], "x should be numbers, in rows of equal length, but is [[1, 2], [3]]."),
        ((np.ones(2), 0), "x should be numbers, in rows of equal length, but is "),
        (..., "x should be numbers, in rows of equal length, but is Ellipsis."),
        ([1, None], "x should be numbers, in rows of equal length, but is [1, None]."),
        ([[[1]], [2]], "x should be numbers, in rows of equal length, but is [[[1]], [2]]."),
        ([1j, 2], "x should be numbers, but is [1j, 2]."),
        ("1/2", "x should be numbers, but is '1/2'."),
        ([0.5], "x should have the shape (2,), but has (1,)."),
        (0.5, "x should have the shape (2,), but has that of a single number."),
        ([np.nan, 2], "x has entries that are not finite."),
        ([-0.5, -2], "x has the wrong sign."),
        ([0.501, 2], "x is nearly right, but not exact: "),
        ([1, 4], "x is 2 times what it should be: is there a sum where a mean belongs, or the other way round?"),
        ([0.25, 1], "x is 0.5 times what it should be: is there a sum"),
        ([-0.25, -1], "x is -0.5 times what it should be: a factor is missing, or there is one too many."),
        ([0.5, 7], "x: 1 of 2 entries are right; the entry (1,) is furthest off."),
    ],
)
def test_what_wrong_numbers_are_told(got, said):
    with pytest.raises(AssertionError) as caught:
        checks.same("x", got, [0.5, 2])
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "got, said", [(None, "None"), (1, "1"), (np.eye(2) > 0, "array([[ True, False], [False, True]])")]
)
def test_a_truth_is_neither_a_number_nor_an_array(got, said):
    assert checks.truth(np.bool_(True)) is True and checks.truth(False) is False
    with pytest.raises(AssertionError) as caught:
        checks.truth(got)
    assert str(caught.value) == f"it should return True or False, not {said}."


def test_entries_and_parts_come_in_the_order_of_their_names():
    assert checks.entries({"b": 2, "a": 1}, "a", "b") == [1, 2]
    for got in ((1, 2), [1, 2], np.array([1, 2])):
        assert checks.parts(got, "a", "b") == [1, 2]
    assert checks.numbers("x", [1, 2]).dtype.kind == "i"  # as it came


@pytest.mark.parametrize("got", [[1, 2], {"a": 1}, {"a": 1, "b": 2, "c": 3}, {1}, 5])
def test_other_keys_are_refused(got):
    with pytest.raises(AssertionError, match="should have the keys a and b"):
        checks.entries(got, "a", "b")


@pytest.mark.parametrize("got", [1, (1,), (1, 2, 3), {"a": 1, "b": 2}, "ab", np.array(3)])
def test_other_parts_are_refused(got):
    with pytest.raises(AssertionError, match="should have 2 parts: a, b"):
        checks.parts(got, "a", "b")


@pytest.mark.parametrize("how", [checks.entries, checks.parts])
def test_no_answer_is_asked_for_its_return(how):
    with pytest.raises(AssertionError, match="is there a `return`"):
        how(None, "a", "b")
