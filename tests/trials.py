"""Runs test files for each mutant: until the first fails, the likeliest first, and in a fork where there is one.

A fork has NumPy, SciPy and pytest imported already, which takes longer than most of the tests. The package is not: it
is imported from the copy, where it is another for each mutant.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a fork keeps one thread alone

STAY = ("numpy", "scipy.special", "scipy.stats", "matplotlib.figure", "PIL.Image", "hypothesis.extra.numpy", "pytest")
SLOW = 8  # seconds: tests that take longer are left out
EACH = 60  # seconds of the processor that a test may take, with fixtures that tests left out would have made; of the
# clock twice that, as one that waits for another process takes none
LEAST = 40  # seconds that all tests of a mutant may take, beside twelve times what they took: a machine may be busy
FIRST = 30  # so many tests are taken out of their order: of more, fixtures would be made again and again


class Runner:
    """Runs tests in a copy of the package, and knows how long each takes and how many faults it has seen."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.kills: Counter[str] = Counter()
        self.durations: dict[str, dict[str, float]] = {}  # of the tests of each file, in their order

    def read_times(self, path: Path) -> None:
        """Take the times from the --junitxml of a run of all tests, all of which have passed."""
        for case in ElementTree.parse(path).iter("testcase"):
            file = case.attrib["classname"].replace(".", "/") + ".py"
            times = self.durations.setdefault(Path(file).stem, {})
            times[f"{file}::{case.attrib['name']}"] = float(case.attrib["time"])

    def prepare(self, tests: str) -> None:
        """See how long the tests of these files take, with nothing planted. They have to pass."""
        for name in tests.split():
            if name not in self.durations:
                code, failed, self.durations[name] = self._run(name, [], [], 1800)
                if code != 0:
                    raise SystemExit(f"{failed or name} should pass before anything is planted; mend it first.")

    def verdict(self, tests: str) -> tuple[str, str]:
        """("killed", the test that failed), ("endless", "") or ("SURVIVED", "")."""
        durations = {test: t for name in tests.split() for test, t in self.durations[name].items()}
        slow = [test for test, t in durations.items() if t > SLOW]
        worth = {test: (self.kills[test] + 0.3) / (t + 0.02) for test, t in durations.items()}
        first = sorted(worth, key=worth.__getitem__, reverse=True)[:FIRST]
        limit = LEAST + 12 * sum(t for t in durations.values() if t <= SLOW)
        code, failed, _ = self._run(tests, first, slow, limit)
        if failed:
            self.kills[failed] += 1
        return ("endless" if code is None else "killed" if code else "SURVIVED"), failed

    def _run(self, tests, first, slow, seconds):
        """→ exit code, or None if it or a test took longer; the test that failed, if one did; how long each took."""
        with tempfile.TemporaryDirectory() as temporary:  # what a killed test leaves behind goes with it
            report = Path(temporary) / "report.json"
            words = [str(self.root), temporary, json.dumps(tests.split()), json.dumps([first, slow, EACH])]
            code = (forked if sys.platform == "linux" else started)(words, seconds)
            code = None if hasattr(signal, "SIGPROF") and code in (-signal.SIGPROF, -signal.SIGALRM) else code
            found = json.loads(report.read_text()) if report.exists() else {"failed": "", "durations": {}}
        return code, found["failed"], found["durations"]


def started(words: list[str], seconds: float) -> int | None:
    """`run` in a process of its own → its exit code, or None if it took longer."""
    process = subprocess.Popen([sys.executable, __file__, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()


def forked(words: list[str], seconds: float) -> int | None:
    """The same, in a second instead of three."""
    for name in STAY:
        importlib.import_module(name)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            os._exit(run(*words))
        os._exit(70)
    end = time.monotonic() + seconds
    code = None
    try:
        while code is None and time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if done else None
            time.sleep(0 if done else 0.01)
    finally:
        with contextlib.suppress(OSError):  # those that it has started too
            os.killpg(pid, signal.SIGKILL)
        if code is None:
            os.waitpid(pid, 0)
    return code


def run(root: str, temporary: str, tests: str, order: str) -> int:
    """Run pytest in the copy → its exit code; temporary/report.json has the test that failed, and the times."""
    import pytest

    here = str(Path(__file__).parent)
    sys.path[:] = [root, *(path for path in sys.path if path != here)]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("minram", "mutants", "mutate", "trials")]:
        del sys.modules[name]
    os.environ |= {"PYTHONPATH": root, "TMPDIR": temporary, "MUTATING": "1"}
    tempfile.tempdir = None
    os.chdir(root)
    watch = Watch(*json.loads(order), Path(temporary) / "report.json")
    files = [f"tests/{name}.py" for name in json.loads(tests)]
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis was imported before
    return int(pytest.main(["-qx", "-p", "no:cacheprovider", *quiet, *files], plugins=[watch]))


class Watch:
    """A plugin that puts some tests first, leaves some out, and writes down which failed and how long each took."""

    def __init__(self, first: list[str], slow: list[str], each: float, report: Path) -> None:
        self.slow, self.each = set(slow), each
        self.place = {test: i for i, test in enumerate(first)}
        self.report, self.failed, self.durations = report, "", {}

    def pytest_collection_modifyitems(self, items):
        """Those that are not named stay in their order."""
        items[:] = [item for item in items if item.nodeid not in self.slow]
        items.sort(key=lambda item: self.place.get(item.nodeid, len(self.place)))

    def pytest_runtest_setup(self):
        """Called by pytest before each test, and before its fixtures. What has no end takes time, or waits."""
        if hasattr(signal, "setitimer"):
            for name, timer, seconds in (("PROF", signal.ITIMER_PROF, 1), ("ALRM", signal.ITIMER_REAL, 2)):
                signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)  # ends the process, whatever it is in
                signal.setitimer(timer, seconds * self.each)

    def pytest_runtest_logreport(self, report):
        """Called by pytest three times for each test."""
        self.durations[report.nodeid] = self.durations.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed = report.nodeid

    def pytest_sessionfinish(self):
        """Called by pytest at the end."""
        self.report.write_text(json.dumps({"failed": self.failed, "durations": self.durations}))


if __name__ == "__main__":
    raise SystemExit(run(*sys.argv[1:]))
