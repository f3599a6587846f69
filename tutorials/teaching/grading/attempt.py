"""What happens in a task's own process: its pieces are run, the function is called, and its answers are sent back."""

import ast
import contextlib
import os
import subprocess
import sys
import sysconfig
import threading
import traceback
import warnings

import crossing
import names
import numpy as np

REFUSED = 77  # the exit code of a process that wanted what a task has no business with
READABLE = tuple(
    {os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {os.path.realpath(os.path.dirname(os.path.dirname(np.__file__))) + os.sep}
)
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
MEANS = {  # the events of sys.addaudithook that end a task, by their beginnings, and what is said of them
    "starts another process": ("os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.", "pty."),
    "stops other processes": ("os.kill", "signal.pthread_kill"),
    "uses the network": ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib.", "webbrowser."),
    "changes files": ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
                      "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr", "shutil.", "tempfile."),
    "looks around in the files": ("os.listdir", "os.scandir", "glob."),
    "reaches into the interpreter": ("ctypes.", "gc.get_", "sys.settrace", "sys.setprofile", "sys.monitoring",
                                     "sys._current", "cpython.", "sys.addaudithook", "os.ptrace", "mmap.", "fcntl."),
}  # fmt: skip


def is_readable(path):
    """Is it a folder of Python's own, or of what is installed for it?"""
    return (os.path.realpath(path) + os.sep).startswith(READABLE)


def answer(task, found, given, send):
    """Run a task and send a record of it: a dict with `cases`, or with `error`, `open` or `refused`."""
    _hold(lambda sentence: send(crossing.dump({"refused": sentence})))
    record = record_of(task, found, given)
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    send(record)


def record_of(task, found, given):
    """The record as bytes: for each case the arrays at the task's paths, or why there are none."""
    dump, simple = crossing.dump, str  # before anyone lays hands on them
    namespace, failed = {"__name__": "submission", "np": np}, []
    wanted = names.needed(found, task["spelling"], given)
    files = {piece.file for piece in wanted}
    for piece in wanted:
        try:
            code = compile(ast.Module([piece.tree], []), piece.file, "exec")
            exec(code, namespace)
        except BaseException as error:
            failed.append(_sentence(error, files))
    function = namespace.get(task["spelling"])
    if not callable(function):
        return dump({"error": failed[0] if failed else f"{task['name']} is not a function"})
    cases = []
    for inputs in task["inputs"]:
        with warnings.catch_warnings(record=True) as heard, np.errstate(all="warn", under="ignore"):
            warnings.simplefilter("always")
            try:
                cases.append({"arrays": _arrays(function(*inputs), task["paths"])})
            except NotImplementedError:
                return dump({"open": True})
            except BaseException as error:
                cases.append({"error": _sentence(error, files) + (f"; before that, {failed[0]}" if failed else "")})
        cases[-1]["warnings"] = [simple(w.message)[:200] for w in heard if issubclass(w.category, RuntimeWarning)][:5]
    return dump({"cases": cases})


def _arrays(value, paths):
    """{path: array of numbers, or a sentence on why there is none}."""
    return {path: _at(value, path) for path in paths if not path.startswith("!")}


def _at(value, path):
    if value is None:
        return "the function returns None: is there a `return`?"
    for step in path.split(".") if path else ():
        try:
            value = value[step if isinstance(value, dict) else int(step)]
        except Exception:
            what = f"has {list(value)}" if isinstance(value, dict) else f"is of type {type(value).__name__}"
            should = f"be a tuple with a part {step}" if step.isdecimal() else f"have the key {step!r}"
            return f"the answer should {should}, but {what}"[:300]
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        return f"this should be numbers, but is of type {array.dtype}"
    if array.size > 100_000:
        return f"this has {array.size} entries, which is more than any answer"
    return array.astype(float)


def _sentence(error, files):
    """What was raised, and in which line of the submission."""
    steps = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)]
    place = next((f" in line {line} of {name}" for name, line in reversed(steps) if name in files), "")
    if isinstance(error, SystemExit):
        return f"it ends the program{place} (SystemExit)"
    if isinstance(error, ImportError) and str(error.name).split(".")[0] == "minram":
        return f"it imports minram{place}, which is not there: tasks are written in NumPy alone"
    return f"{type(error).__name__}{place}: {error}"[:300]


def _hold(tell):
    """Let an audit hook, which nothing can take back, end the process when it wants what no task needs."""
    ident, leave, real, fspath, sep = threading.get_ident, os._exit, os.path.realpath, os.fspath, os.sep
    readable, refused, within = READABLE, [(w, b) for w, begins in MEANS.items() for b in begins], set()
    devices = {os.devnull, "/dev/urandom"}

    def fault(event, args):
        if event == "open" and not isinstance(args[0], int):
            path = real(fspath(args[0]))
            path = path if isinstance(path, str) else path.decode(errors="replace")
            if path in devices:
                return None
            if args[2] & CHANGES or (isinstance(args[1], str) and set(args[1]) & set("wax+")):
                return "changes files"
            return None if (path + sep).startswith(readable) else "opens files"
        if event == "import":
            return "starts another process" if args[0] == "_posixsubprocess" else None
        if event in ("os.listdir", "os.scandir"):
            path = real(fspath(args[0] or "."))
            return None if (str(path) + sep).startswith(readable) else "looks around in the files"
        return next((what for what, begin in refused if event.startswith(begin)), None)

    def hook(event, args):
        thread = ident()
        if thread in within:  # what the hook does itself
            return
        within.add(thread)
        try:
            what = fault(event, args)
        except BaseException:
            what = "does what could not be understood"
        if what:
            try:
                tell(f"it {what} ({event} {str(args)[:80]}), and was stopped")
            finally:
                leave(REFUSED)
        within.discard(thread)

    def refuse(*_, **__):
        hook("subprocess.fork_exec", ())

    # Of these Python tells no hook. Once both are taken, an import of the module is a way to get them back.
    sys.modules["_posixsubprocess"].fork_exec = subprocess._fork_exec = refuse
    sys.addaudithook(hook)
