"""Run a submission in a process of its own, and bring back what it answered: bytes that are trusted in nothing.

The process gets the text of the submission and the inputs of the tasks by a pipe. Nothing of it is imported here.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from minram.errors import InputError
from minram.training.process import VARIABLES
from teaching.grading import crossing

SOURCES = ("worker.py", "attempt.py", "names.py", "crossing.py")
ALONE = (
    "You are root, and Python or NumPy is where no other user can read it: submissions run as root, too, and not as "
    "nobody. Grade as a user without rights, or in a container."
)
PROBE = "import os, numpy, sys; open(sys.argv[1]).close(); os.listdir('.')"


class Limits(NamedTuple):
    """Of one task: processor seconds (three times as many may pass), MB of memory, bytes printed, bytes answered."""

    seconds: float = 4.0
    memory: int = 1024
    output: int = 2**16
    answer: int = 2**22


class Sandbox:
    """A folder with the worker's files, empty folders to run in, and a user with no rights if there may be one."""

    def __init__(self, limits=Limits()):  # noqa: B008
        if os.name != "posix":
            raise InputError("grading needs Linux or macOS, for limits on processes; run it there, or in a container.")
        self.limits = limits
        self.folder = Path(tempfile.mkdtemp(prefix="grading-"))
        for name in SOURCES:
            shutil.copy(Path(__file__).parent / name, self.folder)
            (self.folder / name).chmod(0o444)
        self.folder.chmod(0o755)
        self.user = self._user()
        self.note = ALONE if os.geteuid() == 0 and not self.user else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _user(self):
        """What Popen needs to run as nobody: only root may do so, and only if nobody can read Python and NumPy."""
        if os.geteuid() != 0:
            return {}
        user = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            words = [sys.executable, "-I", "-B", "-c", PROBE, str(self.folder / SOURCES[0])]
            done = subprocess.run(words, cwd=self.folder, capture_output=True, timeout=60, **user)
        except OSError:
            return {}
        return user if done.returncode == 0 else {}

    def run(self, files, given, tasks):
        """Run the tasks of a submission {file: text} → {task: record}; a task without a record has ended all."""
        records, left = {}, list(tasks)
        for _ in range(3):  # whoever ends the worker in a task has not yet ended the tasks after it
            for record in self._worker(files, given, left):
                records[record["name"]] = record
            done = [i for i, task in enumerate(left) if task["name"] in records]
            left = left[done[-1] + 1 if done else 0 :]
            if not left:
                break
            records[left[0]["name"]] = {"ended": "worker", "name": left[0]["name"], "lost": []}
            left = left[1:]
        return {task["name"]: records.get(task["name"], {"ended": "worker", "lost": []}) for task in tasks}

    def _worker(self, files, given, tasks):
        if not tasks:
            return
        job = {"files": files, "given": given, "tasks": tasks, **self.limits._asdict()}
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        if self.user:
            os.chown(scratch, self.user["user"], self.user["group"])
        environment = {"PATH": os.defpath, "HOME": str(scratch), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(self.folder / "worker.py")],
            cwd=scratch,
            env=environment | {"MPLBACKEND": "Agg"} | dict.fromkeys(VARIABLES, "1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self.user,
        )
        try:
            out, _ = process.communicate(crossing.dump(job), timeout=60 + 4 * self.limits.seconds * len(tasks))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        for line in out.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                yield _record(json.loads(line), tasks)


def _record(line, tasks):
    """A line of the worker as a dict that has what it should; anything else raises."""
    name = line["name"]
    if name not in [task["name"] for task in tasks]:
        raise ValueError(f"{name} was not asked")
    return line
