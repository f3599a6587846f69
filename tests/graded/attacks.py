"""Functions that crash, loop, print, fork, exit, delete, connect: each loses its task alone.

After each line of percent signs stands what is said of the function below it.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np

keep = []


# %% of task3_1.py: boom
def task3_1(*x):
    raise ValueError("boom")


# %% stopped after 1 s of computing
def task3_2(*x):
    while True:
        pass


# %% printed more than 64 kB
def task3_3(*x):
    print("x" * 10**6)


# %% starts another process
def task3_4(*x):
    os.fork()


# %% starts another process
def task3_5(*x):
    subprocess.run(["true"])


# %% ended its process with exit code 0, without an answer
def task4_1(*x):
    os._exit(0)


# %% of task4_2.py (SystemExit)
def task4_2(*x):
    sys.exit()


# %% changes files
def task4_4(*x):
    shutil.rmtree(".")


# %% changes files
def task4_5(*x):
    open("answer.npz", "wb")


# %% opens files
def task6_1(*x):
    open("/etc/passwd")


# %% uses the network
def task6_2(*x):
    socket.socket().connect(("127.0.0.1", 9))


# %% stops other processes
def task6_3(*x):
    os.kill(os.getppid(), signal.SIGKILL)


# %% reaches into the interpreter
def task6_4(*x):
    return ctypes.CDLL(None)


# %% MemoryError
def task6_5(*x):
    return np.zeros(10**12)


# %% of type object
def task6_6(*x):
    return [np.array([object()] * 4), None]


# %% 1 of 1 entries are not finite
def task7_1(*x):
    return dict.fromkeys("abcd", float("nan"))


# %% RecursionError
def task7_2(*x):
    return task7_2(*x)


# %% has 1000000 entries
def task7_3(*x):
    return np.zeros(10**6)


# %% without an answer
def task7_4(*x):
    os.closerange(0, 100)


# %% ended its process by signal 6, without an answer
def task7_5(*x):
    os.abort()


# %% MemoryError
def task7_6(*x):
    while True:
        keep.append(np.empty(10**8, np.uint8))  # asked for, not touched: to fill it may take the second of computing
