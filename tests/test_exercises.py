"""The exercises of the lessons: what a sheet holds, and what right, missing and typically wrong answers are told."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lessons import WHOLE, each_whole_lesson, exercises, halves, run
from minram.training.process import VARIABLES

ATTEMPTS = Path(__file__).parent / "attempts"  # for each lesson a percent script; "# %% 4: what the check has to say"


def attempts(lesson):
    """Typical answers to a lesson's exercises: [(number, name of the function, its source, what its check says)]."""
    text = (ATTEMPTS / f"{lesson.name[:2]}.py").read_text(encoding="utf-8")
    found = re.findall(r"^# %% (\d): (.*)\n((?:(?!# %%).*\n?)+)", text, re.M)
    return [(number, re.search(r"def (\w+)", source)[1], source, reason) for number, reason, source in found]


FIVE = ("03", "04", "06", "07")  # the lessons that carry the course; the others have three or four


def numbers(lesson):
    """The numbers of a lesson's exercises, in one text: "12345"."""
    found = re.findall(r'^@exercise\("(\d)\. ', lesson.read_text(encoding="utf-8"), re.M)
    assert found == [str(i + 1) for i in range(len(found))] and len(found) >= (5 if lesson.name[:2] in FIVE else 3)
    return "".join(found)


ATTEMPTED = [(lesson, *attempt) for lesson in WHOLE for attempt in attempts(lesson)]
RIGHT = [attempt for attempt in ATTEMPTED if attempt[4] == "right."]
WRONG = [attempt for attempt in ATTEMPTED if attempt[4] != "right."]


def said(lesson, capsys, instead=None):
    """What the checks of a lesson print, {number: text}, with other functions {name: source} instead of its own.

    A text ends with an empty line, after which an exercise may print what is given.
    """
    sources, left = [], dict(instead or {})
    for cell in halves(lesson)[1]:
        name = re.search(r"^def (\w+)", cell.source, re.M) if "solution" in cell.tags else None
        sources.append(left.pop(name[1]) if name and name[1] in left else cell.source)
    assert not left, f"{lesson.name} has no function {', '.join(left)}"
    capsys.readouterr()
    try:
        run(sources, lesson.stem)
    except AssertionError as error:
        assert "still open" in str(error)
    return dict(re.findall(r"^(\d)\. [^:]+: (.*(?:\n(?!\d\. |\d of |$).*)*)", capsys.readouterr().out, re.M))


@each_whole_lesson
def test_the_solutions_are_right(lesson, capsys):
    assert said(lesson, capsys) == dict.fromkeys(numbers(lesson), "right.")


@pytest.mark.parametrize(
    "lesson, number, name, source, reason", WRONG, ids=[f"{w[0].name[:2]}-{w[1]}-{w[4]}" for w in WRONG]
)
def test_a_typical_wrong_answer_is_told_what_is_wrong(lesson, number, name, source, reason, capsys):
    told = said(lesson, capsys, {name: source})
    of_this = told.pop(number)
    assert of_this.startswith("not yet. ") and reason in of_this
    assert set(told.values()) == {"right."}  # the others are reached


@pytest.mark.parametrize("lesson, number, name, source, reason", RIGHT, ids=[f"{r[0].name[:2]}-{r[1]}" for r in RIGHT])
def test_an_answer_that_is_right_in_another_way_is_right(lesson, number, name, source, reason, capsys):
    assert said(lesson, capsys, {name: source})[number] == reason


# What a right answer may be like beside the solution's, as functions of the solution and its arguments.
LISTS = """
def like_this(solution, *args):
    def lists(x):
        if isinstance(x, dict):
            return {key: lists(value) for key, value in x.items()}
        return [lists(value) for value in x] if isinstance(x, tuple | list) else getattr(x, "tolist", lambda: x)()

    return lists(solution(*args))
"""
USED_UP = """
def like_this(solution, *args):
    def copied(x):
        if isinstance(x, dict):
            return {key: copied(value) for key, value in x.items()}
        return tuple(map(copied, x)) if isinstance(x, tuple) else np.array(x)[()]

    found = copied(solution(*args))
    for x in [*args, *(part for x in args if isinstance(x, tuple) for part in x)]:
        if isinstance(x, np.ndarray):
            x[...] = 7
    return found
"""
# And one that is right once: the first answer, again and again.
FIRST = """
def like_this(solution, *args, kept={}):
    return kept.setdefault(solution, solution(*args))
"""
OWN_KIND = {("10", "3"): "should be an array of uint8"}  # the exercise is about the kind


def all_like(way, lesson, capsys, with_arguments=False):
    """What the checks say where each solution is changed in this way: {number: text}."""
    cells = [cell.source for cell in halves(lesson)[1] if "solution" in cell.tags]
    names = [re.search(r"^def (\w+)\((.*?)\)", source, re.M).groups() for source in cells]
    instead = {
        name: f"{source}\n{way}\n"
        f"def {name}(*args, like=like_this, solution={name}):\n    return like(solution, *args)\n"
        for (name, words), source in zip(names, cells)
        if words or not with_arguments
    }
    told = said(lesson, capsys, instead)
    return {str(i + 1): told[str(i + 1)] for i, (_, words) in enumerate(names) if words or not with_arguments}


@each_whole_lesson
def test_lists_are_as_good_as_arrays(lesson, capsys):
    for number, text in all_like(LISTS, lesson, capsys).items():
        assert text == "right." or OWN_KIND[lesson.name[:2], number] in text


@each_whole_lesson
def test_an_answer_may_write_into_its_arguments(lesson, capsys):
    assert set(all_like(USED_UP, lesson, capsys, with_arguments=True).values()) == {"right."}


@each_whole_lesson
def test_no_function_is_right_with_one_answer_for_all(lesson, capsys):
    told = all_like(FIRST, lesson, capsys, with_arguments=True)
    assert told and all(text.startswith("not yet. ") for text in told.values()), told


@each_whole_lesson
def test_each_exercise_has_two_wrong_answers(lesson):
    of = [attempt[0] for attempt in attempts(lesson) if attempt[3] != "right."]
    assert all(of.count(number) >= 2 for number in numbers(lesson)), of


@each_whole_lesson
def test_a_sheet_runs_alone_in_seconds_and_reaches_every_exercise(lesson, tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    for name in exercises.SHARED:
        (folder / name).write_text((lesson.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
    sheet = folder / lesson.name
    sheet.write_text(exercises.sheet(lesson.read_text(encoding="utf-8")), encoding="utf-8")
    environment = os.environ | dict.fromkeys(VARIABLES, "1") | {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    before = os.times()
    done = subprocess.run(
        [sys.executable, str(sheet)], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    after = os.times()
    assert re.findall(r"^(\d)\. .*: still to be written\.$", done.stdout, re.M) == list(numbers(lesson)), done.stdout
    assert f"0 of {len(numbers(lesson))} exercises are right." in done.stdout and done.returncode == 1
    assert done.stderr.startswith("These are still open: 1. ") and done.stderr.count("\n") == 1
    assert after.children_user + after.children_system - before.children_user - before.children_system < 10


@each_whole_lesson
def test_a_sheet_gives_no_answer_away(lesson):
    text = exercises.sheet(lesson.read_text(encoding="utf-8"))
    assert "PLANTED" not in text and "# Solution" not in text and "show_source" not in text
    for cell in halves(lesson)[1]:
        if "solution" in cell.tags:
            answer = cell.source.partition("# Solution\n")[2]
            lines = [line.strip() for line in answer.splitlines() if len(line.strip()) > 12]
            assert lines and not [line for line in lines if line in text]
