"""The sheets of the assignment: the exercises of lessons 3, 4, 6 and 7 under the names of tasks, with points.

Where a lesson's exercise has fixed numbers, a task of NN_tasks.py stands in its place, a function of the numbers.
Exercises that a lesson does not have come last. Hints are at the end of a sheet, as in the lessons' own.
"""

import re
from pathlib import Path

from building.exercises import sheet
from building.lessons import lessons, read_cells
from teaching.assignment.tasks import TASKS

NUMBERS = ("03", "04", "06", "07")
OWN = Path(__file__).resolve().parent
INTRO = """# %% [markdown] tags=["exercises"]
# ## The tasks
#
# Each has a function to be written, whose name and arguments have to stay, and after it a check for yourself. What is
# marked is the function alone, on other numbers: NumPy is there, `minram` and files are not. A task has some seconds.
# Parts of an answer have points of their own, and a mistake that has a name costs less than one that has none.

"""


def text_of(number):
    """The percent script of a sheet, with the solutions in cells that are tagged so."""
    (lesson,) = lessons([number])
    text = lesson.read_text(encoding="utf-8")
    title = re.search(r"^# # .*$", text, re.M)[0]
    begin = text.index('# %% [markdown] tags=["exercises"]')
    head, *theirs = _groups(text[begin:])
    head = f"{INTRO}# %%\n" + head.partition("\n# %%\n")[2]  # their introduction goes
    ours = {_number(group): group for group in _groups((OWN / f"{number}_tasks.py").read_text(encoding="utf-8"))[1:]}
    finish = "\n\n# %%\nfinish()\n"
    groups = {_number(group): _renamed(group.replace(finish, "\n"), number) for group in theirs}
    groups |= {n: group.replace(finish, "\n") for n, group in ours.items()}
    body = "".join(_with_points(groups[n], n, number) for n in sorted(groups))
    return f"# %% [markdown]\n{title}\n\n{head}{body.rstrip()}\n{finish}"


def _groups(text):
    """What comes before the first exercise, and each exercise: its text, its function, its hints and its check."""
    return re.split(r"^(?=# %% \[markdown\]\n# \*\*\d\. )", text, flags=re.M)


def _number(group):
    return int(re.search(r"^# \*\*(\d)\. ", group, re.M)[1])


def _renamed(group, number):
    """The function that is to be written gets the name of the task, in its check as well, but not as a word."""
    name = re.search(r'^# %% tags=\["solution"\]\ndef (\w+)', group, re.M)[1]
    return re.sub(rf"\b{name}\b(?=[(,)])", f"task{int(number)}_{_number(group)}", group)


def _with_points(group, n, number):
    (task,) = [task for task in TASKS if task.name == f"task{int(number)}_{n}"]
    points = sum(part.points for part in task.parts)
    return group.replace("# **", f"# *`{task.name}`, {points:g} points.*\n#\n# **", 1)


def handout(number):
    """The sheet as it is handed out."""
    return sheet(text_of(number))


def given():
    """{digit of the lesson: sheet}: what a submission may have lost is looked for there."""
    return {number[1]: handout(number) for number in NUMBERS}


def solutions():
    """{task: source of its solution}."""
    cells = [cell.source for number in NUMBERS for cell in read_cells(text_of(number)) if "solution" in cell.tags]
    return {re.search(r"def (\w+)", source)[1]: source for source in cells}
