"""Grade a class: run each submission in processes of its own, and write a table and a page for each student.

A submission is a script, a notebook, or a folder of them, in FOLDER. Tasks are found by the names of their functions.
The seed makes the inputs: any text, which students should not be able to guess, and the same for the whole class.

Processor time, memory, output, new processes and files are limited, and a submission that wants what a task does not
need is stopped and told so. Python cannot hold someone who is determined: to keep a submission from the network and
from your files for certain, grade in a container or a virtual machine without either. The right answers never leave
the grading process.
"""

import time
from collections import Counter
from pathlib import Path

from minram.errors import InputError


def register(commands):
    parser = commands.add_parser("grade", help="grade a folder of submissions to the assignment", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the submissions")
    parser.add_argument("--seed", required=True, help="what the inputs are made of; any text, to be kept secret")
    parser.add_argument("--to", type=Path, metavar="DIR", help="where the marks go (FOLDER-marks)")
    parser.add_argument("--processes", type=int, default=1, help="submissions that are run at the same time (1)")
    parser.add_argument("--seconds", type=float, default=4.0, help="processor time of a task (4)")
    parser.add_argument("--memory", type=int, default=1024, help="memory of a task, in MB (1024)")
    parser.set_defaults(run=run)


def require_limits(args):
    """Raise InputError for a seed that anyone can guess, and for limits that no submission can keep."""
    if not args.seed.strip():
        raise InputError("--seed should be some text that nobody guesses, but is empty; choose one.")
    if not 0 < args.seconds < 3600 or args.memory < 256:
        raise InputError("--seconds should be above 0 and below 3600, and --memory 256 or more; give others.")


def run(args):
    from teaching.assignment.sheets import given
    from teaching.assignment.tasks import key
    from teaching.grading import classes, reports
    from teaching.grading.sandbox import Limits, Sandbox

    require_limits(args)
    if args.processes < 1:
        raise InputError(f"--processes should be 1 or more, but is {args.processes}; give another.")
    target = args.to or args.folder.resolve().with_name(f"{args.folder.resolve().name}-marks")
    if target.resolve().is_relative_to(args.folder.resolve()):
        raise InputError(
            f"{target} is in the folder of the submissions, and would be graded; choose another with --to."
        )
    whole = {"tasks": key(args.seed), "given": given()}
    began, results = time.monotonic(), []
    with Sandbox(Limits(seconds=args.seconds, memory=args.memory)) as sandbox:
        all_students = classes.students(args.folder)
        if sandbox.note:
            print(sandbox.note)
        for result in classes.grade(all_students, whole, sandbox, args.processes):
            results.append(result)
            print(f"{result.student.name}: {reports.number(result.points)} of {reports.number(result.most)}")
    target.mkdir(parents=True, exist_ok=True)
    reports.write_table(target / "marks.csv", results, whole)
    reports.write_pages(target / "pages", results)
    mean = sum(result.points for result in results) / len(results)
    print(f"{len(results)} students in {time.monotonic() - began:.0f} s, {reports.number(mean)} points on average.")
    said = Counter((m.task, reason) for result in results for m in result.marks if m.tried for reason in m.reasons)
    for (task, reason), times in said.most_common(5):
        print(f"{times:4d} × {task}: {reason}")
    print(f"The class: {target / 'marks.csv'}; for each student a page in {target / 'pages'}")
