"""What run_autograder runs: the submission that Gradescope has laid down is graded, and results.json is written.

It is run from the archive, which holds the key (inputs, right answers, named mistakes), but not the tasks' own code.
"""

import json
import os
import sys
import time
from pathlib import Path

from teaching.grading import classes, crossing
from teaching.grading.results import faults, results_of
from teaching.grading.sandbox import Limits, Sandbox

LARGEST = 2**26


def main(home, source):
    """Grade home/submission with the key in source → the exit code."""
    began = time.monotonic()
    key = crossing.load((source / "key.bin").read_bytes(), LARGEST)
    student = classes.read("the submission", list(classes.within(home / "submission")))
    with Sandbox(Limits(**key["limits"])) as sandbox:
        (result,) = classes.grade([student], key, sandbox)
        note = sandbox.note
    results = results_of(result, time.monotonic() - began, key["solutions"])
    if wrong := faults(results):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    target = home / "results" / "results.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    print(note or "graded", f"{result.points:g} of {result.most:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(os.environ.get("AUTOGRADER", "/autograder")), Path(__file__).resolve().parents[2]))
