"""One thread, unless the environment says otherwise, and before NumPy is there."""

import os
import subprocess
import sys

import pytest

from minram.training import process
from minram.training.process import VARIABLES, kernel, machine, one_thread


def test_one_thread_sets_all_variables_or_none():
    environ = {"HOME": "here"}
    one_thread(environ)
    assert environ == {"HOME": "here"} | dict.fromkeys(VARIABLES, "1")
    for name in VARIABLES:
        environ = {name: "2"}
        one_thread(environ)
        assert environ == {name: "2"}


def test_it_can_be_called_before_numpy_is_imported():
    code = "import sys, minram.training.process; assert 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


LOADED = """
import numpy
from minram.training import process
names = ("scipy_openblas_get_num_threads64_", "scipy_openblas_get_num_threads", "openblas_get_num_threads")
found = [getattr(library, name) for library in process._openblas() for name in names if hasattr(library, name)]
threads = lambda: {f() for f in found}
process.one_thread({"OMP_NUM_THREADS": "2"})
print(threads())
process.one_thread({})
print(threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_openblas_that_is_loaded_is_told_as_well():
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment["OPENBLAS_NUM_THREADS"] = "2"
    printed = subprocess.run(
        [sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True
    )
    before, after = printed.stdout.splitlines()
    if before == "set()":
        pytest.skip("NumPy has another BLAS")
    assert (before, after) == ("{2}", "{1}")


def test_a_machine_is_its_processor_kernel_threads_and_cores(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "usable_cores", lambda: 3)
    monkeypatch.setattr(process, "_processor", lambda: "one of mine")
    assert machine() == {"processor": "one of mine", "kernel": kernel(), "threads": None, "cores": 3}
    for threads, name in enumerate(reversed(VARIABLES), start=2):  # the first that is set is the one that counts
        monkeypatch.setenv(name, str(threads))
        assert machine()["threads"] == str(threads)


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert process.usable_cores() == len(os.sched_getaffinity(0))
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 7, 9})
        assert process.usable_cores() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    for count, cores in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert process.usable_cores() == cores


@pytest.mark.parametrize(
    "text, name",
    [
        ("processor : 0\nmodel name\t: An X 1: fast \nmodel name\t: Another\n", "An X 1: fast"),
        ("processor : 0\n", "of the system"),
        (None, "of the system"),
    ],
)
def test_the_processor_is_the_first_that_the_system_lists(tmp_path, monkeypatch, text, name):
    listed = tmp_path / "cpuinfo"
    if text is not None:
        listed.write_text(text)
    monkeypatch.setattr(process, "open", lambda path: open(listed) if path == "/proc/cpuinfo" else None, raising=False)
    monkeypatch.setattr(process.platform, "processor", lambda: "of the system")
    assert process._processor() == name
    monkeypatch.setattr(process.platform, "processor", lambda: "")
    assert (text and name in text) or process._processor() == process.platform.machine()


def test_a_library_whose_path_has_spaces_or_cannot_be_loaded(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("my own/libopenblas.so", "libopenblas-gone.so")]
    maps = tmp_path / "maps"
    maps.write_text("".join(f"7f00-7f01 r-xp 00000000 08:01 131   {path}\n" for path in paths))
    opened = []

    def load(path):
        opened.append(path)
        if "gone" in path:
            raise OSError("it is not there")
        return path

    monkeypatch.setattr(process, "open", lambda name: maps.open(), raising=False)
    monkeypatch.setattr(process.ctypes, "CDLL", load)
    assert process._openblas() == [str(paths[0])] and sorted(opened) == sorted(map(str, paths))
