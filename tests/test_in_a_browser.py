"""What the package needs of Python is what Pyodide, Python in a browser, has.

Pyodide itself is not run here, but it was by hand (tutorials/README.md, "In a browser"). A process of its own is
denied what Pyodide lacks: modules that are missing there, new threads, processes and signal handlers. What is not
shown by this: that the numerical wheels which Pyodide brings agree with ours, and how fast they are.
"""

import subprocess
import sys

# https://pyodide.org/en/stable/usage/wasm-constraints.html: removed, or there and not working.
DENIED = """
import os, signal, sys, threading

LACKS = {"multiprocessing", "_multiprocessing", "concurrent.futures.process", "resource", "fcntl", "termios", "tkinter",
         "curses", "readline", "syslog", "venv", "ensurepip", "ssl", "sqlite3"}

class Deny:
    def find_spec(self, name, path=None, target=None):
        if name in LACKS or name.partition(".")[0] in LACKS:
            raise ModuleNotFoundError(f"No module named {name!r}, as in Pyodide", name=name)

def denied(*arguments, **keywords):
    raise RuntimeError("Pyodide cannot do this")

sys.meta_path.insert(0, Deny())
for name in [name for name in sys.modules if name in LACKS]:
    del sys.modules[name]
threading.Thread.start = signal.signal = denied
for name in ("fork", "posix_spawn", "execv", "kill", "_exit"):
    if hasattr(os, name):
        setattr(os, name, denied)
"""

USE = """
import numpy as np
import minram
from minram.agent import backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck import check_pair
from minram.ops import tanh_backward, tanh_forward
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training.recipes import recipe

digits = data.load()
agent = minram.load("pretrained:mnist-28")
right = sum(agent.look(digits.x_val[i], start=(0, 0)).label == digits.y_val[i] for i in range(20))
assert right > 15, right

config, rng = recipe("quick"), np.random.default_rng(0)
params = init_params(config, rng)
trajectory = rollout(params, config, summed_area(digits.x_train[:8]), rng, rollouts=config.rollouts)
heads, outcome = cotangents(trajectory, digits.y_train[:8], config, rng)
grads = backward(params, trajectory, heads)
assert set(grads) == set(params) and all(np.isfinite(g).all() for g in grads.values())

report = check_pair(tanh_forward, tanh_backward, {"x": rng.standard_normal((3, 4))}, rng=rng)
assert report.passed, report
print("done")
"""


def test_the_method_and_the_front_door_use_nothing_that_pyodide_lacks():
    done = subprocess.run([sys.executable, "-c", DENIED + USE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_what_is_denied_is_denied():
    for line, said in (
        ("import multiprocessing", "as in Pyodide"),
        ("import resource", "as in Pyodide"),
        ("threading.Thread(target=print).start()", "cannot do this"),
        ("signal.signal(signal.SIGINT, signal.SIG_DFL)", "cannot do this"),
    ):
        done = subprocess.run([sys.executable, "-c", DENIED + line], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and said in done.stderr, line
