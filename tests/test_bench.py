"""The benchmark measures the real training step: its stages add up, and its products are the step's own."""

import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from minram.agent import backward, init_params, rollout
from minram.command import bench
from minram.command.cli import main
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training import step
from minram.training.optim import optimiser_state, pack
from minram.training.process import VARIABLES
from minram.training.run import Progress, Run
from minram.training.shards import InProcess
from tiny import CLUTTER, SHORT, dataset, save_npz


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench, "load_data", lambda config: dataset())


def test_stages_add_up_to_the_step(small):
    result = bench.measure(SHORT, 1)  # of one step, the medians are the times themselves
    stages = [result[f"{name}_ms"] for name in ("sensor", "forward", "backward", "update")]
    assert min(stages) >= 0 and stages[0] > 0 and 0 < result["table_ms"] < result["data_ms"]
    np.testing.assert_allclose(sum(stages), result["step_ms"], rtol=1e-9)
    np.testing.assert_allclose(result["step_ms"] + result["data_ms"], result["total_ms"], rtol=1e-9)
    np.testing.assert_allclose(result["ratio"] * result["matmul_ms"], result["step_ms"], rtol=1e-9)
    np.testing.assert_allclose(result["images_per_s"] * result["total_ms"], 8000, rtol=1e-9)


def test_uneven_steps_are_noise(small, monkeypatch):
    durations = itertools.cycle((0.002, 0.006))

    def spin(maker, index, i, lap):
        lap("images")
        lap("table")
        end = time.perf_counter() + next(durations)
        while time.perf_counter() < end:
            pass
        for stage in ("rollout", "backward", "update"):
            lap(stage)

    monkeypatch.setattr(step, "train_step", spin)
    # Quartiles of 2 and 6 ms around a median of 4 make 1; the rest is left to the machine.
    assert bench.measure(SHORT, 8)["noise"] > 0.5


@pytest.mark.parametrize("settings", [{}, CLUTTER])
def test_each_stage_of_the_step_is_timed_once_and_in_order(small, settings):
    laps, config, d = [], SHORT.changed(settings), dataset()
    vector, params = pack(init_params(config, np.random.default_rng(0), d.n_classes))
    run = Run(vector, params, optimiser_state(config, vector), Progress([]))
    step.train_step(InProcess(run, config, d, 10), np.arange(8), 0, laps.append)
    assert laps == ["images", "table", "rollout", "backward", "update"]


class Counted(np.ndarray):
    """An array that counts the multiplications of the matrix products that it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            keywords["out"] = tuple(x.view(np.ndarray) if isinstance(x, Counted) else x for x in out)
        if ufunc is np.matmul:
            Counted.total += plain[0].size * plain[1].shape[-1]
        result = getattr(ufunc, method)(*plain, **keywords)
        return result.view(Counted) if isinstance(result, np.ndarray) else result


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"location_units": 3},
        {"location_units": 3, "flow": ("label", "location", "baseline")},
        {"flow": ("location",), "label_steps": "every"},
        {"rollouts": 2, "baseline": "rollouts"},
    ],
)
def test_products_are_those_of_the_step(settings):
    config, r = SHORT.changed(settings), np.random.default_rng(0)
    params = {name: a.view(Counted) for name, a in init_params(config, r).items()}
    area = summed_area(r.random((8, 6, 5), dtype=np.float32))
    Counted.total = 0
    t = rollout(params, config, area, r, config.rollouts, every_step=config.label_steps == "every")
    heads, _ = cotangents(t, r.integers(0, 10, 8), config)
    t = t._replace(core=type(t.core)(*(a.view(Counted) for a in t.core)))
    heads = heads._replace(**{name: getattr(heads, name).view(Counted) for name in ("logits", "mu", "baseline")})
    backward(params, t, heads, config.flow)
    assert Counted.total == sum(a.size * b.shape[1] for a, b, _ in bench.products(config))


def test_several_processes_are_compared_with_one(tmp_path, capsys, monkeypatch):
    settings = {"data": str(save_npz(tmp_path / "small.npz", dataset())), "patch_size": 2, "batch_size": 4}
    monkeypatch.setattr(bench, "TASKS", {task: settings for task in bench.TASKS})
    assert main(["bench", "--task", "mnist", "--repeats", "2", "--workers", "2", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out).values()
    assert result["workers"] == 2 and result["speedup"] == result["one_worker_ms"] / result["workers_ms"] > 0
    assert main(["bench", "--task", "mnist", "--repeats", "2", "--workers", "2"]) == 0
    assert "by 2 in as many parts: " in capsys.readouterr().out


def test_json_has_an_entry_for_each_task(monkeypatch, capsys, tmp_path):
    settings = {"data": str(save_npz(tmp_path / "small.npz", dataset())), "patch_size": 2, "batch_size": 4}
    monkeypatch.setattr(bench, "TASKS", {task: settings for task in bench.TASKS})
    assert main(["bench", "--task", "mnist", "cluttered-100", "--repeats", "1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert list(results) == ["mnist", "cluttered-100"]
    for result in results.values():
        assert {"step_ms", "data_ms", "matmul_ms", "ratio", "peak_mb", "blas", "kernel"} <= set(result)
        assert result["threads"] == 1


def test_what_is_printed(monkeypatch, capsys, tmp_path):
    names = ("step", "data", "table", "sensor", "forward", "backward", "update", "matmul")
    result = {f"{name}_ms": i + 1.25 for i, name in enumerate(names)} | {
        "ratio": 1.5,
        "images_per_s": 12345.6,
        "evaluate_s": 0.5,
        "peak_mb": None,
        "noise": 0.5,
        "blas": "some BLAS 1.0",
        "kernel": "Haswell",
    }
    asked = []
    monkeypatch.setattr(bench, "run", lambda config, threads, repeats, workers=1: asked.append(config) or result)
    monkeypatch.setattr(bench, "advice", lambda kernel: f"advice for {kernel}")
    assert main(["bench", "--picture", str(tmp_path / "scaling.png")]) == 0
    printed = capsys.readouterr()
    assert "some BLAS 1.0, Haswell kernels, 1 thread" in printed.out
    assert all(task in printed.out for task in bench.TASKS) and "12,346" in printed.out
    assert "advice for Haswell" in printed.err and "vary too much" in printed.err
    assert (tmp_path / "scaling.png").stat().st_size > 0
    assert {config.canvas for config in asked} >= {(30, 30), (140, 140)}


def test_advice_where_the_kernels_are_older_than_the_processor(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("flags\t\t: fpu avx2 " + " ".join(bench.AVX512) + "\n")
    old.write_text("flags\t\t: fpu avx2\n")
    assert "OPENBLAS_CORETYPE=SkylakeX" in bench.advice("Haswell", new)
    assert bench.advice("SkylakeX", new) is None
    assert bench.advice("Haswell", old) is None
    assert bench.advice(None, new) is None
    assert bench.advice("Haswell", tmp_path / "none") is None


def test_a_measurement_that_fails_says_why(monkeypatch, capsys):
    monkeypatch.setattr(bench, "TASKS", {task: {"data": "nowhere.npz"} for task in bench.TASKS})
    assert main(["bench", "--task", "mnist"]) == 2
    assert "nowhere.npz" in capsys.readouterr().err


@pytest.mark.parametrize("given, expected", [({}, "1"), ({"OMP_NUM_THREADS": "2"}, None)])
def test_one_thread_unless_told_otherwise_and_before_numpy(given, expected):
    script = (
        "import sys, os\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': print(os.environ.get('OPENBLAS_NUM_THREADS')); sys.meta_path.remove(self)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import minram\n"
        "assert 'numpy' not in sys.modules\n"
        "from minram.command.cli import main\n"
        "assert 'numpy' not in sys.modules\n"
        "main(['recipes'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | given
    child = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert child.stdout.splitlines()[0] == str(expected)
