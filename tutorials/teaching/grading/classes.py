"""A class of submissions: whose they are, and the marks of each. What cannot be read costs its owner, and nobody else.

A script or notebook in the folder is a student's; so is a folder in it, with all scripts and notebooks that it holds.
"""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from minram.errors import InputError, printable
from teaching.grading.marks import Mark, mark, request

KINDS = (".py", ".ipynb")
LARGEST, MOST = 2**21, 20  # bytes of a file, files of a student
OURS = ("exercise.py", "graph.py", "lesson.py", "without_display.py")  # handed out with the sheets
NONE_FOUND = "no task was found: the assignment's functions are called task3_1 and so on, the exercises' otherwise"


class Student(NamedTuple):
    """One submission: its owner, {name: text} of its files, and sentences on what was not read."""

    name: str
    files: dict
    remarks: tuple = ()


class Result(NamedTuple):
    """The marks of a student."""

    student: Student
    marks: tuple[Mark, ...]

    @property
    def points(self):
        return sum(mark.points for mark in self.marks)

    @property
    def most(self):
        return sum(mark.most for mark in self.marks)


def students(folder):
    """The submissions of a folder, in the order of their names. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder} should be a folder of submissions, and is none; give the path of one.")
    owners = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_dir() and not path.is_symlink():
            owners.setdefault(path.name, []).extend(within(path))
        elif path.suffix in KINDS:
            owners.setdefault(path.stem, []).append(path)
    if not owners:
        raise InputError(f"{folder} holds no submissions; a script, a notebook or a folder of them is one.")
    return [read(name, paths) for name, paths in owners.items()]


def within(folder):
    """The scripts and notebooks below a folder; what is hidden, or was handed out, is left out. No link is followed."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(files):
            if name.endswith(KINDS) and not name.startswith(".") and name not in OURS:
                yield Path(place) / name


def read(name, paths):
    """A student with the text of these files; those that are no files, or too large, are named instead."""
    files, remarks = {}, []
    for path in paths[:MOST]:
        try:
            data = _bytes(path)
        except OSError as error:
            remarks.append(f"{printable(path.name)} was not read ({error.strerror or error})")
            continue
        label = path.name if path.name not in files else f"{path.parent.name}/{path.name}"
        files[printable(label)] = data.decode("utf-8-sig", "replace").replace("\0", "")
    if len(paths) > MOST:
        remarks.append(f"only the first {MOST} of {len(paths)} files were read")
    return Student(printable(name), files, tuple(remarks))


def _bytes(path):
    """A regular file as bytes; neither a link nor a pipe, which may lead anywhere, or nowhere."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise OSError(0, f"no file, or larger than {LARGEST >> 20} MB")
        return file.read(LARGEST)


def grade(all_students, key, sandbox, processes=1):
    """Yield the Result of each student in order, of which so many are run at the same time."""
    tasks, given = [request(task) for task in key["tasks"]], key["given"]

    def run(student):
        return sandbox.run(student.files, given, tasks)

    with ThreadPoolExecutor(processes) as pool:
        for student, records in zip(all_students, pool.map(run, all_students)):
            if all(record.get("ended") == "missing" for record in records.values()):
                student = student._replace(remarks=(*student.remarks, NONE_FOUND))
            yield Result(student, tuple(_mark(task, records[task["name"]], sandbox.limits) for task in key["tasks"]))


def _mark(task, record, limits):
    """A mark in any case: what an answer may do to the grader's arithmetic is not known beforehand."""
    try:
        return mark(task, record, limits)
    except Exception as error:
        most = sum(part["points"] for part in task["parts"])
        return Mark(
            task["name"], task["title"], 0.0, most, (f"the grader could not mark it: {printable(error)[:200]}",)
        )
