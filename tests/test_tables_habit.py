"""Habit or decision: an agent off its path, a fixed scan, and the sweep of distractors."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from minram.agent import init_params, rollout
from minram.datasets.tasks import fixed_batches
from minram.errors import InputError
from minram.sensor import summed_area
from minram.training.evaluate import evaluate
from minram.training.metrics import read_metrics
from minram.training.models import MODELS
from minram.training.run import load_params
from minram.training.train import train
from tiny import CLUTTER, SHORT, dataset

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import choices  # noqa: E402
import habit  # noqa: E402
import record  # noqa: E402
import sweep  # noqa: E402
from intervals import paired  # noqa: E402
from minram.training.jobs import Job  # noqa: E402

PATH = np.array([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]])
CONFIG = SHORT.changed(start="uniform", **CLUTTER)
D = dataset()


@pytest.fixture
def params():
    rng = np.random.default_rng(0)
    return {name: a + rng.normal(0, 0.3, a.shape).astype(a.dtype) for name, a in init_params(CONFIG, rng, 3).items()}


def test_a_fixed_scan_looks_along_the_path_and_nowhere_else(params):
    area = summed_area(D.x_val)
    t = rollout(params, CONFIG, area, habit.Scanner(PATH), policy="random")
    np.testing.assert_allclose(t.loc, np.broadcast_to(PATH[:, None], t.loc.shape), rtol=1e-6)  # to float32
    again = rollout(params, CONFIG, area, habit.Scanner(PATH), rollouts=2, policy="random")
    np.testing.assert_array_equal(again.loc[:, ::2], t.loc)
    drawn = rollout(params, CONFIG, area, habit.Scanner(PATH, np.random.default_rng(5), "drawn"), policy="random")
    np.testing.assert_array_equal(drawn.loc[1:], t.loc[1:])
    own = rollout(params, CONFIG, area, np.random.default_rng(5), policy="mean")
    np.testing.assert_array_equal(drawn.loc[0], own.loc[0])  # as the agent's own, so that the two are paired


@pytest.mark.parametrize("first", ["fixed", "noisy", "drawn"])
def test_a_scan_with_noise_scatters_as_the_policy_would(params, first):
    """Each coordinate's mean and deviation within 5 standard errors of 2000 rows; half of σ would be 30 off."""
    area, n, std = summed_area(D.x_val), 2000, np.array([0.05, 0.1])
    scanner = habit.Scanner(PATH, np.random.default_rng(1), first, std)
    t = rollout(params, CONFIG, area, scanner, rollouts=n // len(D.x_val), policy="random")
    for loc, place in [*zip(t.loc, PATH)][first != "noisy" :]:
        np.testing.assert_array_less(np.abs(loc.mean(axis=0) - place), 5 * std / np.sqrt(n))
        np.testing.assert_array_less(np.abs(loc.std(axis=0) - std), 5 * std / np.sqrt(2 * n))
    if first == "fixed":
        assert np.ptp(t.loc[0], axis=0).max() == 0
    outside = habit.Scanner(PATH * 1.6, np.random.default_rng(1), "noisy", std)
    assert all(np.abs(outside.uniform(-1, 1, (n, 2))).max() <= 1 for _ in PATH)


def test_the_noise_is_that_of_the_settings_at_each_share_of_the_training_and_none_when_judged(params, monkeypatch):
    config = CONFIG.changed(habit.SCAN | {"std": 0.3, "final_std": 0.1, "start": "gaussian"})
    seen = []

    class Recorded(habit.Scanner):
        def __init__(self, path, rng, first, std=0):
            seen.append((first, np.max(std)))
            super().__init__(path, rng, first, std)

    monkeypatch.setattr(habit, "Scanner", Recorded)
    rng = np.random.default_rng(0)
    with habit.fixed_scan(PATH, noise=True):
        for progress in (0.0, 0.5, 1.0):
            MODELS["ram"].gradients(params, config, D.x_val, D.y_val, rng, progress)
        evaluate(params, config, D.x_val, D.y_val)
    with habit.fixed_scan(PATH, first_drawn=True):
        MODELS["ram"].gradients(params, config, D.x_val, D.y_val, rng, 0.5)
    first, std = zip(*seen)
    np.testing.assert_allclose(std, [0.3, 0.3 * 0.1**0.5, 0.03, 0, 0], rtol=1e-5)  # to float32
    assert first == ("noisy",) * 4 + ("drawn",)


def test_outside_the_block_nothing_is_fixed(params):
    config, model = CONFIG.changed(habit.SCAN), MODELS["ram"]
    with habit.fixed_scan(PATH):
        scanned = evaluate(params, config, D.x_val, D.y_val)
        other = evaluate(params, config, D.x_val, D.y_val, "sampled")
    np.testing.assert_array_equal(scanned.probabilities, other.probabilities)  # nothing is left to be drawn
    assert MODELS["ram"] is model
    assert (evaluate(params, config, D.x_val, D.y_val).probabilities != scanned.probabilities).any()


def test_training_follows_the_path(tmp_path):
    """Other first parameters apart, a step of training knows the path: on another path it learns something else."""
    config, metrics = CONFIG.changed(habit.SCAN), []
    for i, path in enumerate((PATH, PATH, -PATH)):
        with habit.fixed_scan(path):
            train(config, tmp_path / str(i), dataset=D, workers=1)
        metrics.append([m["loss"] for m in read_metrics(tmp_path / str(i))])
    assert metrics[0] == metrics[1] != metrics[2]


def test_off_the_path_is_what_it_says(params):
    """Against plain rollouts: the own path is the evaluation; the one path is the mean of all after each first look."""
    found = habit.off_the_path(params, CONFIG, D.x_val, D.y_val)
    own = evaluate(params, CONFIG, D.x_val, D.y_val).wrong[-1]
    np.testing.assert_array_equal(found["own path"], own)
    ((_, batch),) = fixed_batches(CONFIG.task_at(), D.x_val, 500, 0)
    area = summed_area(batch)
    t = rollout(params, CONFIG, area, np.random.default_rng([0, 1]), policy="mean")
    mean = t.loc.mean(axis=1)
    np.testing.assert_allclose(habit.mean_path(params, CONFIG, D.x_val), mean, rtol=1e-5, atol=1e-7)
    one = np.broadcast_to(mean[:, None], t.loc.shape).copy()
    one[0] = t.loc[0]
    guess = rollout(params, CONFIG, area, None, frozen=t._replace(loc=one, sample=one[1:])).logits[-1].argmax(axis=-1)
    np.testing.assert_array_equal(found["one path for all"], guess != D.y_val)
    assert set(found) == {"own path", "one path for all", "path of any image"}


class Short(Job):
    config = CONFIG.changed(seed=20)


def weights_of(job, runs):
    return load_params(runs / job.stem / "best.npz")[:2]


def test_weights_are_those_of_the_result(tmp_path, monkeypatch):
    """What is measured of a row's run later is not measured of another one."""
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    job, runs = Short("mnist-7", 20), tmp_path / "runs"
    path = record.result_path(job)
    train(Short.config, runs / job.stem, dataset=D)
    params, config = weights_of(job, runs)
    with pytest.raises(InputError, match="has no result yet"):
        record.own_weights(job, runs)
    path.parent.mkdir()
    path.write_text(json.dumps({"digests": {"weights": record.ledger.weights_digest(params)}}))
    found = record.own_weights(job, runs)
    assert found[1] == config and all((found[0][name] == a).all() for name, a in params.items())
    with pytest.raises(InputError, match="holds another run of mnist-7-s20"):  # of other settings
        record.own_weights(Job("mnist-7", 20), runs)
    path.write_text(json.dumps({"digests": {"weights": "0" * 16}}))
    with pytest.raises(InputError, match="holds another run of mnist-7-s20"):
        record.own_weights(job, runs)


def test_another_scan_of_the_same_run_has_its_path_already(tmp_path, monkeypatch):
    """So the run's weights are not needed again, and a scan that goes on has the path that it began with."""
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    assert habit.known("quick", 20) is None
    path = record.result_path(habit.scan_job("quick", 20, first_too=True))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"path": [[0.1, 0.2]], "ways": {"own path": 0.5}}))
    scan, ways = habit.known("quick", 20)
    assert scan.tolist() == [[0.1, 0.2]] and ways == {"own path": 0.5} and habit.known("quick", 21) is None


def test_which_first_glimpse_a_scan_has():
    assert [habit.scan_job(name, 20).name for name in ("quick", "mnist-7")] == ["after-first", "fixed"]
    assert habit.scan_job("quick", 20, first_too=True).name == "fixed"
    assert habit.scan_job("quick", 20, noise=True).name == "after-first-noise"


def test_a_scan_with_noise_has_the_rollouts_of_the_row():
    for noise, rollouts in ((False, 1), (True, 4)):
        config = habit.scan_job("translated-60-8", 20, noise=noise).config
        assert (config.rollouts, config.baseline, config.policy) == (rollouts, "none", "random")
        assert (config.std, config.final_std, config.batch_size) == (0.1, 0.3, 128)


@pytest.mark.parametrize("kind", ["after-first", "fixed", "after-first-noise"])
def test_a_habit_is_measured_once_and_paired_with_its_row(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(habit, "data_of", lambda data, n_val: D)
    monkeypatch.setattr(record, "data_of", lambda data, n_val: D)

    class Scan(Job):
        config = CONFIG.changed(habit.SCAN).changed(seed=20)

    monkeypatch.setattr(habit, "scan_job", lambda name, seed, first_too, noise: Scan(name, seed, {}, kind, "scan"))
    with pytest.raises(InputError, match="holds no finished run; run the row first"):
        habit.run("mnist-7", 20, tmp_path / "runs")
    train(Short.config, tmp_path / "runs" / "mnist-7-s20", dataset=D)
    monkeypatch.setattr(habit, "own_weights", weights_of)
    path = habit.run("mnist-7", 20, tmp_path / "runs", noise=kind.endswith("noise"))
    r = json.loads(path.read_text())
    assert np.shape(r["path"]) == (3, 2) and r["ways"]["own path"] in np.arange(11) / 10
    with habit.fixed_scan(np.array(r["path"]), first_drawn=kind.startswith("after")):
        params = load_params(tmp_path / "runs" / "scan" / "mnist-7" / f"{kind}-s20" / "best.npz")[0]
        assert evaluate(params, Scan.config, D.x_val, D.y_val).error == r["val_error"]
    assert "mean" not in r and set(r["wrong"]) == {"validation"}
    before = path.read_text()
    assert habit.run("mnist-7", 20, tmp_path / "runs") == path and path.read_text() == before
    line = next(line for line in choices.habit_table({"scan": r}) if "mnist-7" in line)
    assert line.startswith(f"| mnist-7 | 1 | {100 * r['ways']['own path']:.2f} | ")
    (line,) = (line for line in choices.scans_table({"scan": r}) if "mnist-7" in line)
    assert f"| {' | '.join(choices.SCANS[kind])} | 1 | {100 * r['val_error']:.2f} |" in line


def test_what_noise_does_to_a_scan_of_quick_is_what_the_page_says():
    results, page = record.load_results(), (FOLDER / "README.md").read_text(encoding="utf-8")
    runs = {name: choices.runs_of(results, "quick", "scan", name) for name in choices.SCANS}
    d = {
        first: paired(*(record.outcomes(runs[name], "validation") for name in (f"{first}-noise", first)))
        for first in ("after-first", "fixed")
    }
    one = d["after-first"]
    said = f"by {100 * one.mean:.2f} points than without ([{100 * one.low:.2f}, {100 * one.high:.2f}], p = {one.p:.2f}"
    assert said in page and d["fixed"].low < 0 < d["fixed"].high and len(runs["fixed-noise"]) == 5
    assert "(training error 0.00 %)" in page and "all its places are within a pixel of the centre" in page
    assert record.metrics("scan/mnist-7/fixed-s20")[-1]["error"] < 5e-5
    assert np.abs(results["scan/translated-60-8/fixed-s20"]["path"]).max() * 60 / 2 < 1  # half-widths of 60 pixels


def test_the_sweep_evaluates_each_number_of_distractors_once(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(sweep, "HERE", tmp_path)
    monkeypatch.setattr(sweep, "data_of", lambda data, n_val: D)
    monkeypatch.setattr(sweep, "DISTRACTORS", range(4))
    with pytest.raises(InputError, match="holds no finished run of cluttered-100-8"):
        sweep.sweep(tmp_path / "runs")
    assert sweep.with_distractors(CONFIG, 0).task == "translated"
    run = tmp_path / "runs" / "cluttered-100-8-s21"
    train(Short.config, run, dataset=D)
    monkeypatch.setattr(sweep, "own_weights", weights_of)
    (path,) = sweep.sweep(tmp_path / "runs")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    params = load_params(run / "best.npz")[0]
    errors = [evaluate(params, sweep.with_distractors(CONFIG, n), D.x_val, D.y_val).error for n in range(4)]
    assert [(line["distractors"], line["val_error"]) for line in lines] == [*enumerate(errors)]
    before = path.read_text()
    assert sweep.sweep(tmp_path / "runs") == [path] and path.read_text() == before
    assert sweep.sweep_table()[-1] == f"| 21 | {100 * errors[0]:.2f} |"  # every fourth of four
    assert (tmp_path / "sweep.png").stat().st_size < 100_000
