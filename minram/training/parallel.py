"""The parts of a minibatch made by several processes at once, with the same bits as by one.

Parameters and gradients lie in memory that the processes share; a step costs one small message to each and one back.
This process makes parts too. The others are started once, by fork where this process has no second thread, and by
spawn everywhere else; they ignore Ctrl-C, end with this process however it ends, and hold no file or name that could
be left behind. Only they import multiprocessing, which Python in a browser has not.
"""

import atexit
import contextlib
import ctypes
import itertools
import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minram.datasets.data import Dataset
from minram.reinforce import Outcome
from minram.training.config import Config
from minram.training.models import no_lap
from minram.training.optim import unpack
from minram.training.own import Own
from minram.training.process import VARIABLES, keep_freed_memory, usable_cores
from minram.training.run import Progress, Run
from minram.training.shards import InProcess, Parts

START = 60  # seconds that a process may take to begin
SPIN = 0.003  # seconds of asking before sleeping: waking up takes 0.1 ms or more, a fiftieth of a step


class WorkerLost(RuntimeError):
    """A process that made gradients is gone: killed, or out of memory."""


class Workers(InProcess):
    """Makes the gradients of parts in n processes, and updates a piece of the parameters in each; to be closed."""

    def __init__(self, run: Run, config: Config, dataset: Dataset, n_steps: int, own: Own, n: int) -> None:
        """run: copied into shared memory; go on with `self.run`."""
        from multiprocessing import get_context

        context: Any = get_context("fork" if _alone() else "spawn")
        shapes = {name: (a.shape, a.dtype.str) for name, a in run.params.items()}
        state = [run.vector, *run.optimiser.values()]
        raw = context.RawArray(ctypes.c_byte, (len(state) + config.shards) * run.vector.nbytes)
        shared, rows = _views(raw, shapes, list(run.optimiser))
        for there, here in zip([shared.vector, *shared.optimiser.values()], state):
            there[:] = here
        super().__init__(shared._replace(progress=run.progress), config, dataset, n_steps, own, rows)
        self.n, self.children = n, []
        # Pieces begin where a line of the cache does.
        edges = [64 * round(i * run.vector.size / n / 64) for i in range(n)] + [run.vector.size]
        self.pieces = [slice(*pair) for pair in itertools.pairwise(edges)]
        none = dataset.x_train[:0], dataset.y_train[:0]
        images = Dataset(dataset.x_train, dataset.y_train, *none, *none)
        atexit.register(self.close)  # comes before multiprocessing's own, which would wait for what ignores SIGTERM
        try:
            with _one_thread_each():
                for _ in range(1, n):
                    here, there = context.Pipe()
                    arguments = (there, here, raw, shapes, list(run.optimiser), config, images, n_steps, own)
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
        """As one process does it, each part by the process whose turn it is.

        Raises WorkerLost if a process is gone, and what an own function raised in one of them.
        """
        n = self.n
        self._send(("make", step, parts[i::n]) for i in range(1, n))
        made = [super().make(step, parts[::n], lap), *self._answers()]
        lap("waiting")
        return [made[i % n][i // n] for i in range(len(parts))]

    def take(self, step: int, piece: slice = slice(None)) -> bool:
        """As one process does it, a piece of the parameters by each. Raises WorkerLost if a process is gone."""
        self._send(("take", step, piece) for piece in self.pieces[1:])
        return all([super().take(step, self.pieces[0]), *self._answers()])

    def _send(self, tasks):
        for (_, here), task in zip(self.children, tasks):
            with contextlib.suppress(OSError):  # that it is gone is found when it should answer
                here.send_bytes(pickle.dumps(task))  # a connection's own pickler takes twice as long

    def _answers(self):
        return [self._receive(child, here) for child, here in self.children]

    def _receive(self, child, here, timeout=None):
        from multiprocessing import connection

        ready = [here] if _soon(here) else connection.wait([here, child.sentinel], timeout)
        received = None
        with contextlib.suppress(EOFError, OSError):
            received = here.recv_bytes() if here in ready else None
        if received is not None:
            answer = pickle.loads(received)
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
                here.send_bytes(pickle.dumps(None))
        for child, here in self.children:
            here.close()
            if child.pid is not None:
                child.join(1)
                if child.is_alive():
                    child.kill()
                    child.join()
        self.children = []
        atexit.unregister(self.close)


@contextlib.contextmanager
def gradient_makers(
    run: Run,
    config: Config,
    dataset: Dataset,
    n_steps: int,
    own: Own,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[InProcess]:
    """Whoever makes the gradients in this block; go on with its `run`.

    workers: how many processes, at most one a part; None: as many as there are parts and cores. Where they cannot be
    started, or a debugger is to step through, this process does it alone, and `say` is told why.
    """
    n = min(config.shards, usable_cores() if workers is None else workers)
    maker = None
    if n > 1 and workers is None and sys.gettrace() is not None:
        say("Gradients are made in this process alone, so that a debugger can step through it.")
    elif n > 1:
        try:
            if sys.platform == "emscripten":  # trying it may end Pyodide
                raise OSError("Python in a browser has no processes")
            maker = Workers(run, config, dataset, n_steps, own, n)
        except Exception as error:  # whatever a system, a pickle or a half-imported script can raise
            say(f"Gradients are made in this process alone; others could not be started ({error}).")
    try:
        yield maker or InProcess(run, config, dataset, n_steps, own)
    finally:
        if maker is not None:
            maker.close()


def _work(there, here, raw, shapes, optimiser, config, images, n_steps, own):
    """A process of its own: do what is asked for, until there is nobody to ask."""
    from multiprocessing import connection, parent_process

    for name in ("SIGINT", "SIGHUP", "SIGTERM"):  # a terminal, or `timeout`, sends them to all: the first one decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    here.close()  # a copy that a fork has made would keep the pipe open
    keep_freed_memory()
    run, rows = _views(raw, shapes, optimiser)
    maker = InProcess(run, config, images, n_steps, own, rows)
    first: Any = parent_process()
    there.send_bytes(pickle.dumps("ready"))
    with np.errstate(all="ignore"), contextlib.suppress(EOFError, OSError):
        while _soon(there) or there in connection.wait([there, first.sentinel]):
            task = pickle.loads(there.recv_bytes())
            if task is None:
                break
            try:
                answer = getattr(maker, task[0])(*task[1:])
            except Exception as error:
                answer = _portable(error)
            there.send_bytes(pickle.dumps(answer))


def _soon(end):
    """Has something come through the pipe within SPIN seconds?"""
    if os.name == "nt":  # its pipes cannot be selected
        return end.poll(0)
    until = time.perf_counter() + SPIN
    while time.perf_counter() < until:
        if select.select([end], [], [], 0)[0]:
            return True
    return False


def _portable(error):
    """The exception as one that can be sent, with its traceback as a note."""
    error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__} in a process that makes gradients:\n{traceback.format_exc()}")
    return error


def _views(raw, shapes, optimiser):
    """The Run in the shared memory, with no progress, and below it the gradients of the parts (S, P)."""
    like = {name: np.empty(shape, dtype) for name, (shape, dtype) in shapes.items()}
    rows = np.frombuffer(raw, next(iter(like.values())).dtype).reshape(-1, sum(a.size for a in like.values()))
    state = dict(zip(optimiser, rows[1:]))
    return Run(rows[0], unpack(rows[0], like), state, Progress([])), rows[1 + len(optimiser) :]


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
