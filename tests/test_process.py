"""One thread, unless the environment says otherwise, and before NumPy is there."""

import subprocess
import sys

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
