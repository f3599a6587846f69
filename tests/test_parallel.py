"""The parts of a minibatch: their sum, and the same bits whoever makes them; and what is left when a process goes."""

import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
import time
import weakref
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minram.agent import backward, rollout
from minram.errors import InputError
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training import parallel, train
from minram.training.own import Own
from minram.training.parallel import WorkerLost, Workers, gradient_makers
from minram.training.run import fresh
from minram.training.shards import InProcess, add_up, merged, split
from runs import outcome
from tiny import CLUTTER, REINFORCE, SHORT, TINY, dataset, parameters

DATA = dataset()
FOUR = SHORT.changed(shards=4)
METHODS = ["spawn"] + ["fork"] * hasattr(os, "fork")


@pytest.fixture(params=METHODS)
def method(request, monkeypatch):
    """Both ways to start a process, whatever this one has for threads."""
    monkeypatch.setattr(parallel, "_alone", lambda: request.param == "fork")
    return request.param


def maker(config, tmp_path, make=InProcess, **more):
    return make(fresh(config, tmp_path, DATA), config, DATA, 9, Own(), **more)


# The sum


def test_a_split_has_every_image_once_in_parts_as_equal_as_can_be():
    index = np.arange(10) * 7
    for shards in (1, 2, 3, 4, 10):
        parts = split(index, shards)
        assert [part for part, _, _ in parts] == list(range(shards))
        np.testing.assert_array_equal(np.concatenate([some for _, _, some in parts]), index)
        sizes = [len(some) for _, _, some in parts]
        assert max(sizes) - min(sizes) <= 1 and [share * 10 for _, share, _ in parts] == sizes


@pytest.mark.parametrize("baseline", ["none", "learned"])
def test_the_gradient_of_a_batch_is_the_sum_of_its_parts(baseline):
    """In double precision, along the same locations: to some roundings of sums of 50 terms."""
    config = TINY.changed(baseline=baseline, std=0.5)
    rng = np.random.default_rng(0)
    params, images, labels = parameters(config, rng), rng.random((10, 7, 9)), rng.integers(0, 3, 10)
    whole = rollout(params, config, summed_area(images), rng)

    def gradient(rows):
        part = rollout(params, config, summed_area(images[rows]), None, frozen=whole._replace(
            loc=whole.loc[:, rows], sample=whole.sample[:, rows]))  # fmt: skip
        heads, outcome = cotangents(part, labels[rows], config)
        grads = backward(params, part, heads, config.flow)
        return np.concatenate([g.ravel() for g in grads.values()]), outcome

    want, outcome = gradient(np.arange(10))
    for shards in (2, 3, 10):
        parts = split(np.arange(10), shards)
        made = [gradient(rows) for _, _, rows in parts]
        got = add_up(np.stack([share * g for (_, share, _), (g, _) in zip(parts, made)]))
        np.testing.assert_allclose(got, want, rtol=0, atol=50 * np.finfo(float).eps * np.abs(want).max())
        together = merged([o for _, o in made], parts)
        np.testing.assert_allclose(together.loss, outcome.loss, rtol=1e-14)
        np.testing.assert_allclose(together.error, outcome.error, rtol=1e-14)
        np.testing.assert_allclose(together.baseline_error, outcome.baseline_error, rtol=1e-13)
        np.testing.assert_array_equal(together.reward, outcome.reward)
        np.testing.assert_allclose(together.advantage, outcome.advantage, rtol=1e-12)


def test_a_baseline_of_other_rows_compares_those_of_the_part(tmp_path):
    config = FOUR.changed(baseline="batch", reward="probability")
    m = maker(config, tmp_path)
    parts = split(np.arange(8), 4)
    for (_, _, index), made in zip(parts, m.make(0, parts)):
        np.testing.assert_allclose(made.advantage.sum(axis=1), 0, atol=1e-6)  # of two rows, each the other's baseline
        assert made.advantage.shape == (2, len(index))


def test_each_step_and_part_has_its_own_randomness(tmp_path):
    m = maker(FOUR.changed(**CLUTTER), tmp_path)
    index = np.arange(2)
    kept = {(step, part): m.part(step, part, 1.0, index) for step in (0, 1) for part in (0, 1)}
    first = {key: update.blocks()["the sensor at glimpse 1"].tobytes() for key, update in kept.items()}
    assert len(set(first.values())) == 4
    again = m.part(1, 0, 1.0, index).blocks()["the sensor at glimpse 1"].tobytes()
    assert again == first[1, 0]


# The same bits


@pytest.mark.parametrize(
    "settings", [{}, {"baseline": "batch", **CLUTTER}, {"weight_average": 0.9, **REINFORCE}, {"model": "fc"}]
)
def test_the_same_bits_for_any_number_of_processes(tmp_path, method, settings):
    config = FOUR.changed(epochs=2, **settings)
    found = []
    for n in (1, 2, 4):
        result = train.train(config, tmp_path / str(n), dataset=DATA, workers=n)
        assert [s["workers"] for s in result["segments"]] == [n]
        found.append(outcome(tmp_path / str(n)))
    assert found[0] == found[1] == found[2]


def test_more_shards_are_another_training(tmp_path):
    for shards in (1, 2):
        train.train(SHORT.changed(shards=shards), tmp_path / str(shards), dataset=DATA)
    one, two = (outcome(tmp_path / str(shards))["last.npz"][0] for shards in (1, 2))
    assert one["params/core.W"] != two["params/core.W"]


def test_stopped_with_some_processes_and_resumed_with_others(tmp_path, method, monkeypatch):
    train.train(FOUR, tmp_path / "whole", dataset=DATA, workers=1)
    steps = iter(range(10**6))

    def on_step(step, outcome):
        if next(steps) == 3:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(train.Stopped):
        train.train(FOUR, tmp_path / "parts", dataset=DATA, on_step=on_step, workers=2)
    train.train(FOUR, tmp_path / "parts", True, dataset=DATA, workers=4)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("shards, workers, cores, want", [(4, None, 2, 2), (2, None, 8, 2), (1, None, 8, 1),
                                                          (4, 3, 2, 3), (2, 8, 2, 2), (4, 1, 8, 1)])  # fmt: skip
def test_auto_is_the_smaller_of_parts_and_cores(tmp_path, monkeypatch, shards, workers, cores, want):
    started = []

    class Started(InProcess):
        def __init__(self, *arguments):
            started.append(arguments[-1])
            super().__init__(*arguments[:-1])

        def close(self):
            pass

    monkeypatch.setattr(parallel, "Workers", Started)
    monkeypatch.setattr(parallel, "usable_cores", lambda: cores)
    config = SHORT.changed(shards=shards)
    run = fresh(config, tmp_path, DATA)
    with gradient_makers(run, config, DATA, 9, Own(), workers):
        pass
    assert (started or [1]) == [want]


# What can go wrong


def raising(trajectory, labels):
    raise KeyError("no such reward")


def test_an_own_reward_that_raises_in_a_process_raises_here(tmp_path, method):
    with pytest.raises(KeyError, match="no such reward"):
        train.train(FOUR, tmp_path / "a", dataset=DATA, own=Own(raising), workers=2)
    assert children() == []


def test_what_is_raised_in_another_process_says_where(method, tmp_path):
    workers = Workers(fresh(FOUR, tmp_path, DATA), FOUR, DATA, 9, Own(raising), 2)
    try:
        workers._send([("make", 0, split(np.arange(8), 4)[1::2])])
        with pytest.raises(KeyError, match="no such reward") as caught:
            workers._answers()
        assert 'raise KeyError("no such reward")' in caught.value.__notes__[0]
    finally:
        workers.close()


@pytest.mark.parametrize("error", [FileNotFoundError("no such file"), EOFError("at its end"), KeyError("reward")])
def test_what_a_function_raised_is_raised_even_if_it_is_what_a_lost_pipe_would_raise(error):
    here, there = Pipe()
    there.send_bytes(pickle.dumps(error))
    with pytest.raises(type(error)) as caught:
        Workers._receive(None, SimpleNamespace(sentinel=here), here)
    assert str(caught.value) == str(error)


@pytest.mark.parametrize(
    "code, how", [(-9, "signal 9"), (0, "exit code 0"), (3, "exit code 3"), (None, "exit code None")]
)
def test_how_a_process_went_is_said(tmp_path, code, how):
    here, there = Pipe()
    there.close()
    child = SimpleNamespace(exitcode=None, sentinel=here)
    child.join = lambda seconds: setattr(child, "exitcode", code) if seconds >= 1 else None  # it ends in a moment
    with pytest.raises(WorkerLost, match=rf"is gone \({how}\)"):
        Workers._receive(None, child, here)


def elsewhere(trajectory, labels, first):
    """Right in the first process, wrong in the others."""
    return np.zeros(trajectory.loc.shape[:2]) if os.getpid() == first else 1.0


def test_a_wrong_result_in_another_process_is_the_same_sentence(tmp_path, method):
    own = Own(partial(elsewhere, first=os.getpid()))
    with pytest.raises(InputError, match="reward should return finite numbers"):
        train.train(FOUR, tmp_path, dataset=DATA, own=own, workers=2)
    assert children() == []


def test_a_function_that_cannot_be_sent_is_used_here_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "_alone", lambda: False)  # a fork needs not send anything
    lines = []
    own = Own(lambda trajectory, labels: np.zeros(trajectory.loc.shape[:2]))
    result = train.train(FOUR, tmp_path, dataset=DATA, own=own, workers=2, report=lambda line, done: lines.append(line))
    assert "in this process alone" in lines[0] and "\n" not in lines[0]
    assert [s["workers"] for s in result["segments"]] == [1]
    assert children() == []


def test_a_debugger_gets_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel.sys, "gettrace", lambda: print)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 4)
    said, run = [], fresh(FOUR, tmp_path, DATA)
    with gradient_makers(run, FOUR, DATA, 9, Own(), None, said.append) as m:
        assert type(m) is InProcess
    assert "debugger" in said[0]
    with gradient_makers(run, SHORT, DATA, 9, Own(), None, said.append):
        pass
    assert len(said) == 1  # of one process there is nothing to say


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="has no SIGKILL")
def test_a_killed_process_is_one_sentence_and_the_last_checkpoint_whole(tmp_path, method):
    train.train(FOUR, tmp_path / "whole", dataset=DATA)

    def on_step(step, outcome):
        if step == 4:
            (pid,) = children()
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerLost, match=r"is gone \(signal 9\).*Go on with: minram train --resume .* --workers 1"):
        train.train(FOUR, tmp_path / "parts", dataset=DATA, on_step=on_step, workers=2)
    assert children() == []
    train.train(FOUR, tmp_path / "parts", True, dataset=DATA)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


def test_in_a_browser_none_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(parallel, "Workers", None)  # which would be called
    said, run = [], fresh(FOUR, tmp_path, DATA)
    with gradient_makers(run, FOUR, DATA, 9, Own(), 3, said.append) as m:
        assert type(m) is InProcess
    assert said == [
        "Gradients are made in this process alone; others could not be started (Python in a browser has no processes)."
    ]


def test_a_process_that_cannot_begin_leaves_this_one_to_do_it(tmp_path, monkeypatch, method):
    monkeypatch.setattr(parallel, "START", 0)
    monkeypatch.setattr(parallel, "_soon", lambda end: False)  # however fast it is
    monkeypatch.setattr("multiprocessing.connection.wait", lambda ends, timeout=None: [])
    said, run = [], fresh(FOUR, tmp_path, DATA)
    with gradient_makers(run, FOUR, DATA, 9, Own(), 3, said.append) as m:
        assert type(m) is InProcess
    assert "could not be started" in said[0] and children() == []
    lines = []
    train.train(FOUR, tmp_path / "told", report=lambda *line: lines.append(line), dataset=DATA, workers=3)
    assert "could not be started" in lines[0][0] and lines[0][1] is True  # a whole line


def test_nothing_is_left_behind(tmp_path, method):
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    run = fresh(FOUR, tmp_path, DATA)
    workers = Workers(run, FOUR, DATA, 9, Own(), 3)
    assert len(children()) == 2
    edges = [0, *(piece.stop for piece in workers.pieces)]
    assert [piece.start for piece in workers.pieces] == edges[:-1] and edges[-1] == run.vector.size
    assert all(edge % 64 == 0 and abs(edge - i * edges[-1] / 3) <= 32 for i, edge in enumerate(edges[:-1]))
    workers.close()
    assert children() == []
    assert (set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()) <= before
    there = weakref.ref(workers)
    del workers
    gc.collect()
    assert there() is None  # nor is it waited for at the end


TRAINING = """
import sys
import weakref
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from minram.training import parallel, train
from tiny import SHORT, dataset
if __name__ == "__main__":
    parallel._alone = lambda: sys.argv[3] == "fork"
    config = SHORT.changed(shards=4, epochs=10**4)
    on_step = lambda step, outcome: print(step, flush=True)
    train.train(config, Path(sys.argv[1]), dataset=dataset(), workers=3, on_step=on_step)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("how", METHODS)
def test_no_process_outlives_the_first(tmp_path, how, number):
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    words = [sys.executable, str(script), str(tmp_path / "run"), str(Path(__file__).parent), how]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        process.stdout.readline()  # the first step is done
        pids = children(process.pid)
        assert len(pids) >= 2
        if number == signal.SIGINT:  # as a terminal sends it, to all of them
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.stdout.read()
        process.wait(30)
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", METHODS)
def test_a_signal_to_all_of_them_stops_and_saves(tmp_path, how, number):
    """As a terminal sends Ctrl-C, and `timeout` and batch systems SIGTERM: the first process decides."""
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    words = [sys.executable, str(script), str(tmp_path / "run"), str(Path(__file__).parent), how]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, start_new_session=True, text=True) as process:
        process.stdout.readline()
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=60)
    assert "train.Stopped: Stopped and saved, " in said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_that_nobody_closed_end_with_the_first(tmp_path):
    """What multiprocessing does at the end, SIGTERM and a wait, would wait for ever."""
    text = TRAINING.partition("if __name__")[0] + (
        "from minram.training.own import Own\nfrom minram.training.run import fresh\nfour = SHORT.changed(shards=4)\n"
        "if __name__ == '__main__':\n    data = dataset()\n"
        "    workers = parallel.Workers(fresh(four, Path(sys.argv[1]), data), four, data, 9, Own(), 3)\n"
    )
    script = tmp_path / "training.py"
    script.write_text(text)
    words = [sys.executable, str(script), str(tmp_path / "run"), str(Path(__file__).parent)]
    (tmp_path / "run").mkdir()
    assert subprocess.run(words, timeout=60).returncode == 0


def children(pid=None):
    """The processes that a process has started and that make gradients."""
    pid = pid or os.getpid()
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task")
        found = [int(p) for task in tasks.iterdir() for p in (task / "children").read_text().split()]
        return [p for p in found if alive(p) and b"resource_tracker" not in Path(f"/proc/{p}/cmdline").read_bytes()]
    import multiprocessing

    return [process.pid for process in multiprocessing.active_children()]


def alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False
