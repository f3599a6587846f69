"""One thread, unless the environment says otherwise, and before NumPy is there."""

import os
import subprocess
import sys

import pytest

from minram.training.process import VARIABLES, one_thread


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
