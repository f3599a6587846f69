"""The process of one submission. It reads what to do from its input, and runs each task in a process of its own.

It holds inputs, and nothing that is expected: what a task should answer is known to the grader alone. It is run as a
file, so that of this folder nothing can be imported by a submission. POSIX only: it forks.
"""

import base64
import contextlib
import ctypes
import json
import math
import os
import resource
import select
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import attempt  # noqa: E402
import crossing  # noqa: E402
import names  # noqa: E402

sys.path.remove(HERE)
sys.modules["minram"] = None  # the tasks are to be written in NumPy
sys.path[:] = [path for path in sys.path if attempt.is_readable(path)]  # neither a clone nor a folder of modules
sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__module__.startswith("_frozen")]
SUBREAPER, DEATH_SIGNAL = 36, 1  # of Linux' prctl
PATIENCE = 3  # how many seconds may pass for each that a task may compute
ALL = 15  # and for all tasks of a submission


def prctl(option, value):
    """Ask Linux for something; elsewhere there is nothing to ask."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def limits(memory, seconds):
    """What the system holds for a task: processor time, memory, no files written, few opened, no new processes."""
    for name, value in (
        ("CPU", math.ceil(seconds)),
        ("AS", memory << 20),
        ("FSIZE", 0),
        ("NOFILE", 64),
        ("CORE", 0),
        ("NPROC", 0),  # holds for all users but root
    ):
        if hasattr(resource, f"RLIMIT_{name}"):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def children():
    """Processes that are left of a task, those that have left its group among them."""
    with contextlib.suppress(OSError):
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    return []


def end(pid, ended=None):
    """Kill a task's process, its group, and what has left it → its status and what it used."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    if ended is None:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        ended = os.wait4(pid, 0)
    for _ in range(50):
        left = children()
        for other in left:
            with contextlib.suppress(OSError):
                os.kill(other, signal.SIGKILL)
                os.waitpid(other, 0)
        if not left:
            break
    return ended[1:]


def run(job, task, found, given):
    """Run one task → how it ended, what it printed, what it has sent back."""
    said, back = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            prctl(DEATH_SIGNAL, signal.SIGKILL)
            os.dup2(said[1], 1)
            os.dup2(said[1], 2)
            os.dup2(back[1], 3)
            os.closerange(4, 256)
            limits(job["memory"], job["seconds"])
            attempt.answer(task, found, given, lambda data: write(3, data))
        finally:
            os._exit(0)
    os.close(said[1])
    os.close(back[1])
    latest, ended = time.monotonic() + PATIENCE * job["seconds"], "done"
    got, still = {said[0]: bytearray(), back[0]: bytearray()}, {said[0], back[0]}
    most = {said[0]: job["output"], back[0]: job["answer"]}
    while still and ended == "done":
        ready = select.select(list(still), [], [], max(latest - time.monotonic(), 0))[0]
        if not ready:
            ended = "time"
        for fd in ready:
            data = os.read(fd, 65536)
            got[fd] += data[: most[fd] - len(got[fd])]
            if not data:
                still.discard(fd)
            elif len(got[fd]) >= most[fd]:
                ended = "output" if fd == said[0] else "answer"
    until, gone = time.monotonic() + 0.5, None  # it has closed its pipes: is it about to end?
    while ended == "done" and not gone and time.monotonic() < until:
        found = os.wait4(pid, os.WNOHANG)
        gone = found if found[0] else time.sleep(0.001)
    status, used = end(pid, gone)
    os.close(said[0])
    os.close(back[0])
    return {
        "ended": ended,
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": used.ru_utime + used.ru_stime,
        "said": bytes(got[said[0]]).decode("utf-8", "replace"),
        "back": base64.b64encode(got[back[0]]).decode(),
    }


def write(fd, data):
    """Write all of it; a pipe takes a part at a time."""
    while data:
        data = data[os.write(fd, data) :]


def main():
    job = crossing.load(sys.stdin.buffer.read(), most=2**28)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    prctl(SUBREAPER, 1)
    read = {file: names.pieces(file, text) for file, text in job["files"].items()}
    given = {file: names.pieces(file, text)[0] for file, text in job["given"].items()}
    lost = [sentence for _, sentences in read.values() for sentence in sentences]
    latest = time.monotonic() + ALL * job["seconds"]
    for task in job["tasks"]:
        name = task["name"]
        has = [(found, spelling) for found, _ in read.values() if (spelling := names.spelled(found, name))]
        has = [h for h in has if not names.is_open(*h)] or has
        if time.monotonic() > latest:
            record = {"ended": "late"}
        elif has:
            found, spelling = has[-1]
            record = run(job, task | {"spelling": spelling}, found, given.get(task["given"], []))
            record["spelling"] = spelling
        else:
            record = {"ended": "missing"}
        write(out, json.dumps(record | {"name": name, "lost": lost[:9]}).encode() + b"\n")


if __name__ == "__main__":
    main()
