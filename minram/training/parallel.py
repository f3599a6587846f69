"""The parts of a minibatch made by several processes at once, with the same bits as by one.

Parameters and gradients lie in memory that the processes share; a step costs one small message to each and one back.
This process makes parts too. The others are started once, by fork where this process has no second thread, and by
spawn everywhere else; they ignore Ctrl-C, end with this process however it ends, and hold no file or name that could
be left behind.
"""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import connection, get_context, parent_process
from typing import Any

import numpy as np

from minram.datasets.data import Dataset
from minram.ops import Array, Params
from minram.reinforce import Outcome
from minram.training.config import Config
from minram.training.models import no_lap
from minram.training.optim import unpack
from minram.training.own import Own
from minram.training.process import VARIABLES, keep_freed_memory, usable_cores
from minram.training.shards import InProcess, Parts

START = 60  # seconds that a process may take to begin


class WorkerLost(RuntimeError):
    """A process that made gradients is gone: killed, or out of memory."""


class Workers(InProcess):
    """Makes the gradients of parts in n processes; to be used as a context, and closed by it."""

    def __init__(
        self, vector: Array, params: Params, config: Config, dataset: Dataset, n_steps: int, own: Own, n: int
    ) -> None:
        """vector: the flat parameters, copied into shared memory: go on with `self.vector` and `self.params`."""
        context: Any = get_context("fork" if _alone() else "spawn")
        raw = context.RawArray(ctypes.c_byte, (1 + config.shards) * vector.nbytes)
        shared, rows = _views(raw, vector.dtype, config.shards)
        shared[:] = vector
        super().__init__(shared, unpack(shared, params), config, dataset, n_steps, own, rows)
        self.n = n
        self.children: list[tuple[Any, connection.Connection]] = []
        shapes = {name: a.shape for name, a in params.items()}
        images = Dataset(dataset.x_train, dataset.y_train, *[dataset.x_train[:0], dataset.y_train[:0]] * 2)
        try:
            with _one_thread_each():
                for _ in range(1, n):
                    here, there = context.Pipe()
                    arguments = (there, here, raw, vector.dtype.str, shapes, config, images, n_steps, own)
                    child = context.Process(target=_work, args=arguments, daemon=True)
                    self.children.append((child, here))
                    child.start()
                    there.close()
            for child, here in self.children:
                self._receive(child, here, START)
        except BaseException:
            self.close()
            raise

    def make(self, step: int, parts: Parts, lap: Callable[[str], None] = no_lap) -> list[Outcome]:
        """Fill the rows of these parts, each by the process whose turn it is → their outcomes.

        Raises WorkerLost if a process is gone, and what an own function raised in one of them.
        """
        n = self.n
        for i, (_, here) in enumerate(self.children, start=1):
            with contextlib.suppress(OSError):  # that it is gone is found below
                here.send((step, parts[i::n]))
        outcomes: dict[int, Outcome] = {}
        outcomes |= zip((part for part, _ in parts[::n]), super().make(step, parts[::n], lap))
        for i, (child, here) in enumerate(self.children, start=1):
            outcomes |= zip((part for part, _ in parts[i::n]), self._receive(child, here))
        lap("waiting")
        return [outcomes[part] for part, _ in parts]

    def _receive(self, child, here, timeout=None):
        ready = connection.wait([here, child.sentinel], timeout)
        with contextlib.suppress(EOFError, OSError):
            if here in ready:
                answer = here.recv()
                if isinstance(answer, BaseException):
                    raise answer
                return answer
        child.join(1)
        how = f"signal {-child.exitcode}" if (child.exitcode or 0) < 0 else f"exit code {child.exitcode}"
        raise WorkerLost(f"A process that makes gradients is gone ({how}); it may have been out of memory.")

    def close(self) -> None:
        """End the processes."""
        for _, here in self.children:
            with contextlib.suppress(OSError):
                here.send(None)
        for child, here in self.children:
            here.close()
            if child.pid is not None:
                child.join(1)
                if child.is_alive():
                    child.kill()
                    child.join()
        self.children = []


@contextlib.contextmanager
def gradient_makers(
    vector: Array,
    params: Params,
    config: Config,
    dataset: Dataset,
    n_steps: int,
    own: Own,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[InProcess]:
    """Whoever makes the gradients in this block; go on with its `vector` and `params`, which it reads.

    workers: how many processes, at most one a part; None: as many as there are parts and cores. Where they cannot be
    started, or a debugger is to step through, this process does it alone, and `say` is told why.
    """
    n = min(config.shards, usable_cores() if workers is None else workers)
    maker = None
    if n > 1 and workers is None and sys.gettrace() is not None:
        say("Gradients are made in this process alone, so that a debugger can step through it.")
    elif n > 1:
        try:
            maker = Workers(vector, params, config, dataset, n_steps, own, n)
        except Exception as error:  # whatever a system, a pickle or a half-imported script can raise
            say(f"Gradients are made in this process alone; others could not be started ({error}).")
    if maker is None:
        yield InProcess(vector, params, config, dataset, n_steps, own)
        return
    try:
        yield maker
    finally:
        maker.close()


def _work(there, here, raw, dtype, shapes, config, images, n_steps, own):
    """A process of its own: make the gradients that are asked for, until there is nobody to ask."""
    for name in ("SIGINT", "SIGHUP"):  # of the terminal: the first process decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    here.close()  # a copy that a fork has made would keep the pipe open
    keep_freed_memory()
    vector, rows = _views(raw, np.dtype(dtype), config.shards)
    like = {name: np.empty(shape, dtype) for name, shape in shapes.items()}
    maker = InProcess(vector, unpack(vector, like), config, images, n_steps, own, rows)
    first: Any = parent_process()
    there.send([])
    with np.errstate(all="ignore"), contextlib.suppress(EOFError, OSError):
        while there in connection.wait([there, first.sentinel]):
            task = there.recv()
            if task is None:
                break
            try:
                answer = maker.make(*task)
            except Exception as error:
                answer = _portable(error)
            there.send(answer)


def _portable(error):
    """The exception as one that can be sent, with its traceback as a note."""
    error.add_note(traceback.format_exc())
    try:
        import pickle

        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__} in a process that makes gradients:\n{traceback.format_exc()}")
    return error


def _views(raw, dtype, shards):
    """The parameters (P,) and the gradients of the parts (S, P) in the shared memory."""
    both = np.frombuffer(raw, dtype).reshape(1 + shards, -1)
    return both[0], both[1:]


def _alone():
    """Has this process one thread, so that a fork copies all of it? Only Linux tells."""
    try:
        return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


@contextlib.contextmanager
def _one_thread_each():
    """In this block, processes that are started have one BLAS thread each: together they have all the cores."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
