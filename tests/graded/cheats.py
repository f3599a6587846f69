"""Functions that want points without the mathematics: each gets none.

After each line of percent signs stands what is said of the function below it.
"""

import atexit
import gc
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np

keep = []


# %% its answer cannot be read
def task3_1(*x):
    os.write(3, b"forged" * 99)
    return 1


# %% the answer is the same for all inputs
def task3_2(*x):
    atexit.register(lambda: os.write(3, b"forged"))
    return dict.fromkeys(("sum", "product", "x1", "x2"), 0)


# %%
def task3_3(*x):
    np.savez = np.array = np.asarray = lambda *_, **__: None
    return x[0]


# %% of task3_4.py, which is not there
def task3_4(*x):
    import minram.gradcheck as checker

    return checker


# %% No module named 'teaching'
def task3_5(*x):
    import teaching.assignment.lesson3 as key

    return key.leaky(*x)


# %% opens files
def task4_1(*x):
    exec(open("CLONE/teaching/assignment/lesson4.py").read())


# %% reaches into the interpreter
def task4_2(*x):
    sys.settrace(lambda *_: None)


# %% reaches into the interpreter
def task4_4(*x):
    return [o for o in gc.get_objects() if isinstance(o, np.ndarray)]


# %%
def task4_5(*x):
    f, found = sys._getframe(), []
    while f:
        found += [v for v in f.f_locals.values()]
        f = f.f_back
    return [*(v for v in found if isinstance(v, np.ndarray)), 0, 0, 0]


# %% a: the answer should have the key 'a', but is of type int
def task6_1(*x):
    sys.modules["crossing"].dump = lambda _: b"forged"
    return 1


# %% the same for all inputs
def task6_2(*x):
    class Right(float):
        __eq__ = __le__ = lambda *_: True

    return {"says": [Right(1)] * 3, "mean": Right(1)}


# %% stopped after
def task6_3(*x):
    class Late:
        def __array__(self, *_, **__):
            while True:
                pass

    return Late()


# %% looks around in the files
def task6_4(*x):
    os.listdir("/")


# %% changes files
def task6_5(*x):
    pathlib.Path("numpy.py").write_text("")


# %% the same for all inputs
def task6_6(*x):
    threading.Thread(target=lambda: time.sleep(99)).start()
    return 0, 0


# %% <script>
def task7_1(*x):
    sys.stdout.write("\x1b]0;" + "=cmd|" * 20)
    raise ValueError("\x1b[2J<script>=1")


# %% 3 s of waiting
def task7_2(*x):
    time.sleep(99)


# %% starts another process
def task7_4(*x):
    import _posixsubprocess

    _posixsubprocess.fork_exec()


# %% starts another process
def task7_5(*x):
    subprocess._fork_exec(["/bin/true"], [b"/bin/true"])


# %% starts another process
def task7_6(*x):
    del sys.modules["_posixsubprocess"]
    import _posixsubprocess as again

    return again


# %% larger than 4 MB
def task7_3(*x):
    [f for f in range(3, 20) if os.write(f, b"0" * 2**23)]
