"""Make the archive that Gradescope takes: setup.sh, run_autograder, the grader and a key made of the seed.

The key holds inputs, right answers and named mistakes, as numbers. So the archive has no solution in it, unless
--with-solutions is given: then a task that has lost points is told one. Choose Ubuntu 24.04 or newer as the image.
To try it: unpack it as DIR/source, put a submission into DIR/submission, and run DIR/source/run_autograder with the
variable AUTOGRADER set to DIR.
"""

import zipfile
from pathlib import Path

from building.grade import require_limits
from building.lessons import ROOT, TUTORIALS

SETUP = """#!/usr/bin/env bash
# Run once, as root, when Gradescope makes the image.
set -euo pipefail
apt-get update -q
apt-get install -y -q python3 python3-numpy
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "choose an image with Python 3.11 or newer")'
# Submissions run as nobody: they shall not read the key.
chmod -R go-rwx "${AUTOGRADER:-/autograder}/source"
"""
RUN = """#!/usr/bin/env bash
# Run for each submission; writes results/results.json.
set -euo pipefail
export AUTOGRADER="${AUTOGRADER:-/autograder}"
export PYTHONPATH="$AUTOGRADER/source" PYTHONDONTWRITEBYTECODE=1
exec "${PYTHON:-python3}" "$AUTOGRADER/source/teaching/grading/autograder.py"
"""
PACKAGE = ("__init__.py", "errors.py", "ops.py", "gradcheck/*.py", "training/__init__.py", "training/process.py")
GRADER = ("teaching/grading/*.py", "teaching/assignment/task.py")


def register(commands):
    parser = commands.add_parser("gradescope", help="make an archive for Gradescope", description=__doc__)
    parser.add_argument("--seed", required=True, help="what the inputs are made of; any text, to be kept secret")
    parser.add_argument("--with-solutions", action="store_true", help="tell a solution where points were lost")
    parser.add_argument("--to", type=Path, default=Path("autograder.zip"), metavar="FILE", help="(autograder.zip)")
    parser.add_argument("--seconds", type=float, default=4.0, help="processor time of a task (4)")
    parser.add_argument("--memory", type=int, default=1024, help="memory of a task, in MB (1024)")
    parser.set_defaults(run=run)


def run(args):
    from teaching.assignment.sheets import given, solutions
    from teaching.assignment.tasks import key
    from teaching.grading import crossing

    require_limits(args)
    whole = {
        "tasks": key(args.seed),
        "given": given(),
        "limits": {"seconds": args.seconds, "memory": args.memory},
        "solutions": solutions() if args.with_solutions else None,
    }
    files = {"setup.sh": SETUP.encode(), "run_autograder": RUN.encode(), "key.bin": crossing.dump(whole)}
    for root, patterns, within in ((ROOT / "minram", PACKAGE, "minram/"), (TUTORIALS, GRADER, "")):
        for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
            files[within + path.relative_to(root).as_posix()] = path.read_bytes()
    with zipfile.ZipFile(args.to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes whenever it is made
            info.external_attr = (0o755 if name in ("setup.sh", "run_autograder") else 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    print(args.to)
