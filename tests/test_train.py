import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from minram.datasets.data import Dataset
from minram.errors import InputError
from minram.pictures import show
from minram.storage import checkpoint, writing
from minram.training import classifiers, models, shards, step, train
from minram.training.config import Config
from minram.training.evaluate import evaluate
from minram.training.optim import optimiser_state, pack, unpack
from minram.training.run import Progress, Run, load_params, seen_shape
from minram.training.signals import stop_requests
from runs import outcome, save_untrained, timeless
from tiny import CANVAS, CLUTTER, EVERY, REINFORCE, SHORT, dataset, save_npz

DATA = dataset()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """A process that ends, however it ends, loses nothing that it wrote: only a power cut needs fsync."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


VARIANTS = [
    {},
    {"optimiser": "sgd", "learning_rate": 0.1, "annealing": "linear"},
    {"optimiser": "sgd", "weight_average": 0.9, "final_rate": 0.1, **CLUTTER},
    {"weight_average": 0.99, "learn_std": True, **CANVAS},
    {"baseline": "none", "label_steps": "every", "location_units": 4},
    {"reward": "log_probability", "curriculum": 0.5, **EVERY, **CLUTTER},
    {"baseline": "batch", "reward": "probability", "start": "centre", "background": 0.3},
    {
        "baseline": "rollouts",
        "rollouts": 2,
        "final_std": 0.2,
        "final_location_weight": 0.1,
        "continuous": True,
        "scales": (1, 2),
    },
    {"baseline": "batch", "learn_std": True, "rollouts": 2, "optimiser": "sgd", **REINFORCE},
    {"baseline": "learned", "start": "gaussian", **REINFORCE, **CLUTTER},
    {"flow": ("label", "location", "baseline"), "recurrent_init": "he", "validate_every": 2},
    {"policy": "random", "baseline": "none"},
    {"glimpses": 1},
    {"glimpses": 1, "baseline": "rollouts", "rollouts": 2},
    {"class_weights": "balanced", "reward": "probability", **EVERY},
    {"model": "fc", "weight_average": 0.9, "class_weights": "balanced", **CLUTTER},
    {"model": "conv", "task": "translated", "canvas": (11, 15)},
]


def stop_at(monkeypatch, *steps):
    """Send this process a real signal in the middle of these steps, counted over all runs of a test."""
    count = iter(range(10**6))

    def train_step(*arguments):
        if next(count) in steps:
            signal.raise_signal(signal.SIGTERM)
        return step.train_step(*arguments)

    monkeypatch.setattr(train, "train_step", train_step)


def test_the_variants_have_every_choice():
    for f in fields(Config):
        if hasattr(f.metadata["kind"], "names") and f.name not in ("flow", "model"):
            used = {getattr(SHORT.changed(**v), f.name) for v in VARIANTS}
            assert used == set(f.metadata["kind"].names), f.name


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()) or "default")
def test_stopped_and_resumed_is_not_stopped(tmp_path, monkeypatch, settings):
    c = SHORT.changed(**settings)
    want = train.train(c, tmp_path / "whole", dataset=DATA)
    stop_at(monkeypatch, 1, 4, 8)  # in the middle of an epoch, at its end, in the last step of all
    for resume in (False, True, True):
        with pytest.raises(train.Stopped, match="Go on with: minram train --resume"):
            train.train(c, tmp_path / "parts", resume, dataset=DATA)
    got = train.train(c, tmp_path / "parts", True, dataset=DATA)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")
    assert [(s["epoch"], s["step"]) for s in got["segments"]] == [(0, 0), (0, 2), (1, 2)]
    assert timeless(got) == timeless(want)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_write_loses_nothing(tmp_path, monkeypatch, when):
    """Among them the one between best.npz and last.npz."""
    c = SHORT.changed(weight_average=0.9)
    train.train(c, tmp_path / "whole", dataset=DATA)
    want, replace_file, crashes = outcome(tmp_path / "whole"), os.replace, 0

    class Crash(BaseException):
        pass

    while True:
        folder, left = tmp_path / f"crash{crashes}", [crashes]

        def crashing(source, target, left=left):
            left[0] -= 1
            if left[0] < 0 and when == "before":
                raise Crash
            replace_file(source, target)
            if left[0] < 0:
                raise Crash

        monkeypatch.setattr(writing.os, "replace", crashing)
        try:
            train.train(c, folder, dataset=DATA)
            break
        except Crash:
            monkeypatch.setattr(writing.os, "replace", replace_file)
            train.train(c, folder, (folder / "last.npz").exists(), dataset=DATA)
            assert outcome(folder) == want
        crashes += 1
    assert crashes >= 3 + 2 * 3 + 1  # config, metrics, last; metrics and last of 3 epochs; result


def test_long_epochs_are_saved_within(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(train, "SAVE_EVERY", 0)
    monkeypatch.setattr(train, "save_run", lambda run, *_: saved.append((run.progress.epoch, run.progress.step)))
    train.train(SHORT.changed(epochs=1), tmp_path / "run", dataset=DATA)
    assert saved == [(0, 1), (0, 2), (0, 3), (1, 0)]


TWICE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tiny import CLUTTER, SHORT, dataset
from minram.training.train import train
train(SHORT.changed(core_units=64, **CLUTTER), Path(sys.argv[1]), dataset=dataset())
"""


def test_two_processes_give_the_same_bits(tmp_path):
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in "ab":
        command = [sys.executable, "-c", TWICE, tmp_path / name, os.path.dirname(__file__)]
        subprocess.run(command, check=True, env=one_thread)
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")
    other = SHORT.changed(seed=1, core_units=64, **CLUTTER)
    train.train(other, tmp_path / "c", dataset=DATA)
    assert outcome(tmp_path / "c")["best.npz"][0] != outcome(tmp_path / "a")["best.npz"][0]


# ---- what the settings ask for ----


def recorded(monkeypatch, *names):
    """Write down, by name, the arguments of each call that a training step makes: [(arguments, named), …]."""
    calls, evaluating = {name: [] for name in names}, []

    def evaluation(*arguments):
        evaluating.append(True)
        try:
            return evaluate(*arguments)
        finally:
            evaluating.pop()

    monkeypatch.setattr(train, "evaluate", evaluation)

    def record(name, module, function):
        def recording(*arguments, **named):
            if not evaluating:
                calls[name].append((arguments, named))
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, recording)

    for name in names:
        module = next(m for m in (shards, step, models, classifiers) if hasattr(m, name))
        record(name, module, getattr(module, name))
    return calls


@pytest.mark.parametrize(
    "settings",
    [
        {"curriculum": 0.7, "label_steps": "every", "final_std": 0.3, "final_rate": 0.1, **CLUTTER},
        {"policy": "random", "baseline": "none", "rollouts": 2, "background": 0.2},
    ],
    ids=["falling", "random"],
)
def test_each_step_gets_what_the_settings_say_at_its_share_of_the_training(tmp_path, monkeypatch, settings):
    c = SHORT.changed(epochs=2, **settings)
    calls = recorded(monkeypatch, "make_images", "summed_area", "rollout", "cotangents", "update_in_place")
    train.train(c, tmp_path / "run", dataset=DATA)
    shares = [i / 6 for i in range(6)]  # two epochs of three steps
    made = calls["make_images"][-6:]  # the ones before try whether the images fit
    assert [arguments[0] for arguments, _ in made] == [c.task_at(share) for share in shares]
    assert [arguments[1] for arguments, _ in calls["summed_area"]] == [c.background] * 6
    policy, every = ("random" if c.policy == "random" else "sampled"), c.label_steps == "every"
    for share, (arguments, named) in zip(shares, calls["rollout"], strict=True):
        assert arguments[4:] == (c.rollouts, policy, every) and named == {"progress": share}
    assert [arguments[4] for arguments, _ in calls["cotangents"]] == shares
    half_cosine = np.cos(np.pi / 2 * np.array(shares)) ** 2
    rates = c.learning_rate * (c.final_rate + (1 - c.final_rate) * half_cosine)
    got = [arguments[-2:] for arguments, _ in calls["update_in_place"]]
    assert [i for i, _ in got] == list(range(6))
    np.testing.assert_allclose([rate for _, rate in got], rates, rtol=1e-14)  # some roundings
    assert len({str(c.task_at(share)) for share in shares}) == (3 if c.curriculum else 1)


@pytest.mark.parametrize("settings", [{}, {"flow": ("location", "baseline")}, {"model": "fc"}])
def test_an_update_takes_the_labels_of_its_images_and_the_flow_of_the_settings(tmp_path, monkeypatch, settings):
    c = SHORT.changed(epochs=1, **settings)
    names = ["classifier_gradients"] if c.model == "fc" else ["cotangents", "backward"]
    calls = recorded(monkeypatch, "make_images", *names)
    train.train(c, tmp_path / "run", dataset=DATA)
    labels = [arguments[2 if c.model == "fc" else 1] for arguments, _ in calls[names[0]]]
    for (made, _), got in zip(calls["make_images"][-3:], labels, strict=True):
        np.testing.assert_array_equal(got, DATA.y_train[made[2]])
    assert all(arguments[3] == c.flow for arguments, _ in calls.get("backward", []))


def test_each_epoch_takes_each_image_once_in_an_order_of_its_own(tmp_path, monkeypatch):
    taken = []

    def train_step(maker, index, *arguments):
        taken.append(index.copy())
        return step.train_step(maker, index, *arguments)

    monkeypatch.setattr(train, "train_step", train_step)
    for seed in (0, 1):
        train.train(SHORT.changed(seed=seed, epochs=2), tmp_path / str(seed), dataset=DATA)
    orders = np.reshape(taken, (4, 24))  # two runs of two epochs of three steps of eight images
    np.testing.assert_array_equal(np.sort(orders), [np.arange(24)] * 4)
    assert len({tuple(order) for order in orders.tolist()}) == 4


def test_the_last_epoch_is_validated(tmp_path):
    assert train.train(SHORT.changed(validate_every=5), tmp_path, dataset=DATA)["epoch"] == 3


def test_the_result_is_what_the_kept_parameters_do(tmp_path):
    c = SHORT.changed(epochs=1, weight_average=0.9, std=0.5, start="centre")
    result = train.train(c, tmp_path, dataset=DATA)
    params, _, about = load_params(tmp_path / "best.npz")
    arrays, _ = checkpoint.load(tmp_path / "last.npz")  # of one epoch: the best is the last
    np.testing.assert_array_equal(np.concatenate([a.ravel() for a in params.values()]), arrays["optimiser/average"])
    assert result["val_error"] == about["val_error"] == evaluate(params, c, DATA.x_val, DATA.y_val).error
    assert result["n_val"] == 10 and about["data"] == DATA.fingerprint
    assert json.loads((tmp_path / "result.json").read_text()) == result
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    seconds = json.loads(line)["seconds"]
    assert seconds == round(seconds, 2) and abs(result["seconds"] - seconds) <= 0.0551  # to 0.01 and to 0.1
    (segment,) = result["segments"]
    assert (segment["epoch"], segment["step"], segment["workers"]) == (0, 0, 1) and segment["processor"]


def test_the_processors_time_is_that_of_training_and_validation(tmp_path, monkeypatch):
    """Each segment has its own; a clock of which every look takes a second counts the looks."""
    ticks = iter(range(1000))
    monkeypatch.setattr(train.time, "process_time", lambda: float(next(ticks)))
    c = SHORT.changed(epochs=2)
    steps = len(DATA.y_train) // c.batch_size
    whole = train.train(c, tmp_path / "whole", dataset=DATA)
    # An epoch's look before it begins and one after each step, and the two around its validation.
    assert [s["processor_seconds"] for s in whole["segments"]] == [2 * (steps + 1)]
    stop_at(monkeypatch, 1)
    with pytest.raises(train.Stopped):
        train.train(c, tmp_path / "parts", dataset=DATA)
    parts = train.train(c, tmp_path / "parts", True, dataset=DATA)
    assert [s["processor_seconds"] for s in parts["segments"]] == [2, 2 * (steps + 1) - 2]  # it stopped after two steps


def test_training_never_looks_at_the_test_set(tmp_path):
    """A test set on which any look would fail gives the same run."""
    train.train(SHORT, tmp_path / "with", dataset=DATA)
    closed = DATA._replace(x_test=np.full((10, 6, 5), np.nan), y_test=np.full(10, -1))
    train.train(SHORT, tmp_path / "without", dataset=closed)
    with_, without = outcome(tmp_path / "with"), outcome(tmp_path / "without")
    assert with_["metrics"] == without["metrics"] and with_["result"] == without["result"]
    assert with_["last.npz"][0] == without["last.npz"][0]


def test_n_val_is_heard(tmp_path):
    c = SHORT.changed(data=str(save_npz(tmp_path / "d.npz", dataset())), n_val=3)
    assert len(train.load_data(c).x_val) == 3
    assert len(show.look(save_untrained(tmp_path / "p.npz", c), 100).images) == 3


def test_the_first_epoch_with_the_fewest_validation_errors_is_kept(tmp_path, monkeypatch):
    wrong_of_10, validated = iter([3, 1, 2, 1]), []

    def scripted(params, config, images, *arguments):
        evaluation = evaluate(params, config, images, *arguments)
        if images is DATA.x_val:
            validated.append({name: a.copy() for name, a in params.items()})
            evaluation.wrong[-1] = np.arange(10) < next(wrong_of_10)
        return evaluation

    monkeypatch.setattr(train, "evaluate", scripted)
    result = train.train(SHORT.changed(epochs=4), tmp_path / "run", dataset=DATA)
    assert (result["epoch"], result["val_error"]) == (2, 0.1)
    kept, _, about = load_params(tmp_path / "run" / "best.npz")
    assert about["epoch"] == 2 and kept.keys() == validated[1].keys()
    for name, a in kept.items():
        assert (a == validated[1][name]).all()
    assert any((a != validated[3][name]).any() for name, a in kept.items())


# ---- signals ----


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGHUP")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)])
def test_every_request_to_stop_is_heard_unless_it_is_ignored(tmp_path, monkeypatch, number):
    monkeypatch.setattr(sys.modules[__name__].signal, "SIGTERM", number)
    stop_at(monkeypatch, 1)
    old = signal.signal(number, signal.SIG_IGN)  # as nohup does
    try:
        train.train(SHORT, tmp_path / "ignored", dataset=DATA)
    finally:
        signal.signal(number, old)
    stop_at(monkeypatch, 1)
    with pytest.raises(train.Stopped, match="2 steps after epoch 0"):
        train.train(SHORT, tmp_path / "heard", dataset=DATA)


def test_a_second_ctrl_c_does_not_wait(tmp_path, monkeypatch):
    def train_step(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("unreachable")

    monkeypatch.setattr(train, "train_step", train_step)
    with pytest.raises(train.Stopped, match="at once"):
        train.train(SHORT, tmp_path / "run", dataset=DATA)
    monkeypatch.undo()
    train.train(SHORT, tmp_path / "run", True, dataset=DATA)
    train.train(SHORT, tmp_path / "whole", dataset=DATA)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_ctrl_c_while_the_result_is_written(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "_finish", interrupted)
    with pytest.raises(train.Stopped, match="Go on with"):
        train.train(SHORT, tmp_path / "run", dataset=DATA)
    monkeypatch.undo()
    result = train.train(SHORT, tmp_path / "run", True, dataset=DATA)
    assert result["n_val"] == 10


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    want = train.train(SHORT, tmp_path / "run", dataset=DATA)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    monkeypatch.setattr(train, "evaluate", None)
    monkeypatch.setattr(train, "train_step", None)
    assert train.train(SHORT, tmp_path / "run", True, dataset=DATA) == want
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    (tmp_path / "run" / "result.json").write_text("nonsense")  # what it says is never read back
    assert train.train(SHORT, tmp_path / "run", True, dataset=DATA) == want
    if hasattr(os, "mkfifo"):
        (tmp_path / "run" / "result.json").unlink()
        os.mkfifo(tmp_path / "run" / "result.json")  # which nobody waits for
        assert train.train(SHORT, tmp_path / "run", True, dataset=DATA) == want


# ---- numbers that are not finite ----


def spoil(monkeypatch, name, at):
    """Make a parameter infinite before step `at`."""
    count = iter(range(10**6))

    def train_step(maker, *arguments):
        if next(count) == at:
            maker.run.params[name].flat[0] = np.nan
        return step.train_step(maker, *arguments)

    monkeypatch.setattr(train, "train_step", train_step)


def diverged(folder, c=None, data=DATA):
    with pytest.raises(train.Diverged) as caught:
        train.train(c or SHORT, folder, dataset=data)
    sentence = str(caught.value)
    assert f"last good checkpoint is {folder / 'last.npz'}" in sentence and "learning_rate=0.003" in sentence
    return sentence


BLOCKS = {
    "glimpse.what.b": "the glimpse network",
    "glimpse.combine.W": "the glimpse network's output",
    "core.b": "the core",
    "location.b": "the location head",
    "label.b": "the label head",
    "baseline.b": "the baseline head",
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_block_is_named_and_nothing_good_is_overwritten(tmp_path, monkeypatch, name):
    with monkeypatch.context() as patch:
        stop_at(patch, 2)  # a run that saved the end of its first epoch, and no more
        with pytest.raises(train.Stopped):
            train.train(SHORT, tmp_path / "run", dataset=DATA)
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    spoil(monkeypatch, name, at=1)
    at = "" if name in ("label.b", "baseline.b") else " at glimpse 1"
    with pytest.raises(train.Diverged, match=f"in step 2 of epoch 2, first in {BLOCKS[name]}{at}."):
        train.train(SHORT, tmp_path / "run", True, dataset=DATA)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    monkeypatch.undo()
    train.train(SHORT, tmp_path / "again", True, dataset=DATA)  # the good checkpoint goes on


def test_images_that_are_not_finite_are_named(tmp_path):
    x = DATA.x_train / np.float32(255)
    x[:, 0, 0] = np.nan
    parts = [part / np.float32(255) if part.ndim > 1 else part for part in DATA[:6]]
    data = Dataset(*parts)._replace(x_train=x)
    assert "step 1 of epoch 1, first in the sensor at glimpse 1." in diverged(tmp_path / "run", data=data)


def test_a_gradient_that_is_not_finite_is_named(tmp_path, monkeypatch):
    def spoiled(params, *arguments):
        return backward(params, *arguments) | {"core.b": np.full_like(params["core.b"], np.inf)}

    backward = models.backward
    monkeypatch.setattr(models, "backward", spoiled)
    assert "first in the gradient of core.b." in diverged(tmp_path / "run")


def test_a_parameter_that_is_not_finite_is_not_saved(tmp_path, monkeypatch):
    def overflowing(c, vector, *_):
        vector *= np.float32(1e30)

    monkeypatch.setattr(shards, "update_in_place", overflowing)
    assert "step 2 of epoch 1, first in the " in diverged(tmp_path / "run")
    for spoilt in (slice(None), slice(5, 6)):  # all, or one of them
        monkeypatch.setattr(shards, "update_in_place", lambda c, vector, *_, part=spoilt: vector[part].fill(np.inf))
        assert "step 1 of epoch 1, first in the update." in diverged(tmp_path / f"other-{spoilt.start}")


def test_a_loss_that_is_not_finite_is_an_end_though_its_gradients_are(tmp_path, monkeypatch):
    def infinite(*arguments):
        heads, outcome = cotangents(*arguments)
        return heads, outcome._replace(loss=np.inf)

    cotangents = models.cotangents
    monkeypatch.setattr(models, "cotangents", infinite)
    assert "step 1 of epoch 1, first in " in diverged(tmp_path / "run")


def test_a_validation_that_is_not_finite_is_not_saved(tmp_path, monkeypatch):
    def spoiled(maker, *arguments):
        maker.run.optimiser["average"][:] = np.nan
        return step.train_step(maker, *arguments)

    monkeypatch.setattr(train, "train_step", spoiled)
    assert "validation after epoch 1" in diverged(tmp_path / "run", SHORT.changed(weight_average=0.9))
    assert not (tmp_path / "run" / "best.npz").exists()


@pytest.mark.parametrize("log_std", [-104.0, 89.0])
def test_a_learned_deviation_stays_within_its_bounds(tmp_path, monkeypatch, log_std):
    """In float32 these are a division by 0 and an overflow."""

    def pushed(maker, *arguments):
        for params in (maker.run.params, maker.run.averaged):
            params["location.log_std"][:] = log_std
        step.keep_std(maker.run.params)
        return step.train_step(maker, *arguments)

    monkeypatch.setattr(train, "train_step", pushed)
    train.train(SHORT.changed(learn_std=True, weight_average=0.9), tmp_path / "run", dataset=DATA)
    for name in ("best.npz", "last.npz"):
        std = np.exp(load_params(tmp_path / "run" / name)[0]["location.log_std"])
        assert (std >= 0.9999e-4).all() and (std <= 10.001).all()  # a rounding of log σ = −9.2 in float32 is 1e-6


@pytest.mark.parametrize("kept, inside", [(np.log(1e-4), 1), (np.log(10), -1)])
def test_a_deviation_at_its_bound_follows_a_gradient_that_leads_inside(kept, inside):
    """The step is projected: a bound inside the objective would leave no gradient to come back by."""
    log_std = np.full(2, kept, np.float32)
    params = {"location.log_std": log_std}
    for push, moved in ((-inside, 0.0), (inside, 0.5)):
        log_std += np.float32(0.5 * push)
        step.keep_std(params)
        np.testing.assert_allclose(log_std, kept + moved * inside, atol=2e-6)  # roundings of 9.7 in float32


def test_a_run_that_really_diverges_says_so_without_warnings(tmp_path):
    c = SHORT.changed(optimiser="sgd", learning_rate=100, momentum=0.99, epochs=100)
    with pytest.raises(train.Diverged, match=r"--set learning_rate=3e\+01"):
        train.train(c, tmp_path / "run", dataset=DATA)


@pytest.mark.parametrize(
    "settings, ending",
    [
        ({}, r"learning_rate=0\.003, or with a larger std or recurrent_init=he\.$"),
        ({"recurrent_init": "he"}, r"learning_rate=0\.003, or with a larger std\.$"),
        ({"policy": "random", "baseline": "none"}, r"learning_rate=0\.003, or with recurrent_init=he\.$"),
        ({"policy": "random", "baseline": "none", "recurrent_init": "he"}, r"learning_rate=0\.003\.$"),
        ({"model": "fc"}, r"learning_rate=0\.003\.$"),
    ],
)
def test_what_else_may_help_depends_on_the_settings(tmp_path, monkeypatch, settings, ending):
    spoil(monkeypatch, "label.b", at=1)
    assert re.search(ending, diverged(tmp_path / "run", SHORT.changed(**settings)))


# ---- disks ----


def test_a_full_disk_stops_with_the_last_save_intact(tmp_path, monkeypatch):
    train.train(SHORT, tmp_path / "whole", dataset=DATA)
    sync, left = os.fsync, [6]

    def full(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "fsync", full)
        with pytest.raises(InputError, match=r"No space left.*unchanged.*Go on with: minram train --resume"):
            train.train(SHORT, tmp_path / "run", dataset=DATA)
    train.train(SHORT, tmp_path / "run", True, dataset=DATA)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting takes root")
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        c = SHORT.changed(core_units=16)
        train.train(replace(c, epochs=1), disk / "run", dataset=DATA)
        shutil.rmtree(disk / "run")
        (disk / "ballast").write_bytes(bytes(24 * 1024))
        with pytest.raises(InputError, match="No space left on device"):
            train.train(c, disk / "run", dataset=DATA)
        (disk / "ballast").unlink()
        assert not list((disk / "run").glob(".*.tmp"))
        train.train(c, disk / "run", True, dataset=DATA)
        train.train(c, tmp_path / "whole", dataset=DATA)
        assert outcome(disk / "run") == outcome(tmp_path / "whole")
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- what does not fit ----

HUGE = {"what_units": 10**5, "where_units": 10**5, "glimpse_units": 10**5}
BAD = {
    "a batch larger than the data": ({"batch_size": 25}, "there are 24 training images; set batch_size=24"),
    "a small canvas": ({"task": "translated", "canvas": (5, 9)}, "at least as large as the images"),
    "a large distractor": ({**CLUTTER, "distractor_size": 6}, "1 to 5 pixels for these images"),
    "many parameters": (HUGE, "GiB of memory, most of it for parameters, but the limit is 8; set smaller units"),
    "many activations": ({"rollouts": 1000, "glimpses": 1000, "core_units": 1000}, "activations in a step.*rollouts"),
    "many pixels": ({"task": "translated", "canvas": (4096, 4096)}, "pixels in a step.*canvas"),  # 8 of them: 1.1 GiB
    "many distractors": (
        {"task": "cluttered", "canvas": (300, 300), "distractors": 1000, "distractor_size": 250, "batch_size": 200},
        "distractors in a step.*distractor_size",
    ),
}


@pytest.mark.parametrize("settings, sentence", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(tmp_path, settings, sentence):
    data = DATA
    if "pixels in a step" in sentence or "distractors in" in sentence:
        data, settings = (
            dataset(200, (250, 250) if "clutter" in settings["task"] else (6, 5)),
            {"batch_size": 128} | settings,
        )
    with pytest.raises(InputError, match=sentence):
        train.train(SHORT.changed(**settings), tmp_path / "run", dataset=data)
    assert not (tmp_path / "run").exists()


LARGE = {
    "activations": (dict(batch_size=64, rollouts=80, core_units=64, location_units=32), (28, 28)),
    "parameters": (dict(batch_size=8, core_units=1500, weight_average=0.9, shards=2), (28, 28)),
    "sgd": (dict(batch_size=8, core_units=1500, optimiser="sgd"), (28, 28)),
    "a table of 32 bits": (dict(task="translated", canvas=(200, 250), batch_size=64), (28, 28)),
    "a table of 64 bits": (dict(task="translated", canvas=(300, 250), batch_size=32), (28, 28)),
    "floats": (dict(batch_size=64), (100, 80, 3)),
    "distractors": (dict(task="cluttered", canvas=60, distractors=500, distractor_size=28, batch_size=64), (28, 28)),
    "fc": (dict(model="fc", batch_size=64, classifier_units=512), (100, 100)),
    "conv": (dict(model="conv", batch_size=64), (100, 100, 2)),
}


@pytest.mark.parametrize("settings, shape", LARGE.values(), ids=LARGE)
def test_the_memory_of_a_step_is_known_before_it_is_taken(monkeypatch, settings, shape):
    c, d = SHORT.changed(**settings), dataset(64, shape)
    if shape == (100, 80, 3):
        d = d._replace(**{name: getattr(d, name) / np.float32(255) for name in ("x_train", "x_val", "x_test")})
    size = sum(n for _, n, _ in step.wanted(c, d))
    for limit in (size, size - 1):
        monkeypatch.setattr(step, "LIMIT", limit)
        if limit == size:
            step.check_fit(c, d)
    with pytest.raises(InputError, match="GiB of memory"):
        step.check_fit(c, d)
    vector, params = pack(models.MODELS[c.model].init(c, np.random.default_rng(0), d.n_classes, seen_shape(c, d)))
    tracemalloc.start()
    try:
        vector = vector.copy()
        run = Run(vector, unpack(vector, params), optimiser_state(c, vector), Progress([]))
        step.train_step(shards.InProcess(run, c, d, 10), np.arange(c.batch_size), 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak > 5 * 2**20  # so that what does not grow is small beside it
    assert 0.8 < size / peak < 1.25


def bytes_of(settings, shape, kind=np.uint8):
    d = dataset(64, shape)
    if kind != np.uint8:
        d = d._replace(**{name: (getattr(d, name) / 255).astype(kind) for name in ("x_train", "x_val", "x_test")})
    return [n for _, n, _ in step.wanted(SHORT.changed(batch_size=64, **settings), d)]


def test_the_bytes_of_a_step_by_hand():
    conv = 201 * 8 + 2889 * 256 + 257 * 3  # 19 × 19 places of 200 numbers, 8 filters each, are 2888
    assert bytes_of({"model": "conv"}, (100, 100, 2)) == [
        4 * conv * 5,  # parameters and a gradient, twice, and the momentum and square of Adam
        4 * 64 * (361 * 200 + 2888 + 256),
        64 * 100 * 100 * 2 * 5,  # a byte and a float
        0,
    ]
    fc = 601 * 512 + 513 * 512 + 513 * 3
    for changes, states in (({}, 5), ({"optimiser": "sgd"}, 4), ({"weight_average": 0.9, "shards": 3}, 8)):
        found = bytes_of({"model": "fc", "classifier_units": 512} | changes, (30, 20))
        assert found == [4 * fc * states, 4 * 64 * (600 + 512 + 512), 64 * 600 * 5, 0]
    # A retina of 4 numbers; twice 4 + 3 + 5 + 4 for what, where, g and the locations, three times 4 or more for h.
    for changes, units in (({}, 3 * 4), (EVERY | {"flow": ("label", "location", "baseline")}, 5 * 4)):
        found = bytes_of({"rollouts": 2} | changes, (28, 28))
        assert found[1] == 4 * 64 * 2 * 3 * (4 + 2 * (4 + 3 + 5 + 4) + units) and found[2] == 64 * 28 * 28 * 5
    deep = bytes_of({"location_units": 7}, (28, 28))[1]
    assert deep == 4 * 64 * 3 * (4 + 2 * (4 + 3 + 5 + 7 + 4) + 12)
    for canvas, kind, a_pixel in (
        ((256, 257), np.uint8, 5),  # 255 times so many are 2²⁴ − 255 · 1.9: floats of 32 bits hold all sums
        ((256, 258), np.uint8, 9),
        ((20, 20), np.float32, 12),
        ((20, 20), np.float64, 16),
    ):
        found = bytes_of({"task": "translated", "canvas": canvas}, (6, 5), kind)
        assert found[2] == 64 * canvas[0] * canvas[1] * a_pixel and found[3] == 0
    activations = 4 * 64 * 3 * (3 * 4 + 2 * (4 + 3 + 5 + 4) + 12)
    clutter = {"task": "cluttered", "canvas": (60, 50), "distractors": 500, "distractor_size": 20}
    assert bytes_of(clutter, (28, 28, 3))[3] == 64 * 500 * 400 * 3 - activations - 64 * 60 * 50 * 3 * 4


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, resume):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="without --resume" if resume else "choose another folder"):
            train.train(SHORT, folder, resume, dataset=DATA)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_is_not_begun_over_another(tmp_path):
    train.train(SHORT.changed(epochs=1), tmp_path / "run", dataset=DATA)
    with pytest.raises(InputError, match="holds a run already; go on with --resume"):
        train.train(SHORT, tmp_path / "run", dataset=DATA)


@pytest.mark.parametrize("left", ["best.npz", "result.json"])
def test_what_is_left_of_another_run_is_not_taken_for_the_new_one_s(tmp_path, left):
    train.train(SHORT.changed(epochs=1), tmp_path / "run", dataset=DATA)
    for path in (tmp_path / "run").iterdir():
        if path.name != left:
            path.unlink()
    with pytest.raises(InputError, match=f"holds the {left} of another run; choose another folder"):
        train.train(SHORT.changed(epochs=1), tmp_path / "run", dataset=DATA)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_two_processes_do_not_train_in_one_folder(tmp_path):
    train.train(SHORT.changed(epochs=1), tmp_path / "run", dataset=DATA)
    for folder, resume in ((tmp_path / "run", True), (tmp_path / "new", False)):
        writing.make_folder(folder)
        with writing.held(folder), pytest.raises(InputError, match="another process is training in"):
            train.train(SHORT.changed(epochs=1), folder, resume, dataset=DATA)
    assert not list((tmp_path / "new").iterdir())
    train.train(SHORT.changed(epochs=1), tmp_path / "new", dataset=DATA)  # it is free again


def test_metrics_are_the_means_of_the_steps(tmp_path, monkeypatch):
    outcomes = []

    def train_step(*arguments):
        outcomes.append(step.train_step(*arguments))
        return outcomes[-1]

    monkeypatch.setattr(train, "train_step", train_step)
    train.train(SHORT.changed(epochs=2, baseline="batch"), tmp_path, dataset=DATA)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for line, steps in zip(lines, (outcomes[:3], outcomes[3:]), strict=True):
        for name, of in {
            "loss": lambda o: o.loss,
            "error": lambda o: o.error,
            "reward": lambda o: o.reward.mean(),
            "advantage_square": lambda o: np.mean(o.advantage**2),
            "baseline_error": lambda o: o.baseline_error,
        }.items():
            assert line[name] == pytest.approx(np.mean([of(o) for o in steps]), rel=1e-6)  # float32 means


def test_metrics_are_means_over_the_epoch(tmp_path):
    train.train(SHORT.changed(glimpses=1), tmp_path / "run", dataset=DATA)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert line["reward"] == pytest.approx(1 - line["error"], abs=1e-6)  # float32 means of 8 numbers
        assert line["advantage_square"] == line["baseline_error"] == 0  # with one glimpse nothing is decided


def test_the_line_of_an_epoch_says_how_fast_it_was_and_what_is_left():
    config = SHORT.changed(epochs=20)
    record = {"epoch": 3, "loss": 0.12341, "reward": 0.96123, "seconds": 10.0}
    line = train._line(config, record | {"val_error": 0.03214}, 3, 123_450)
    want = "epoch   3/20  loss 0.1234  reward 0.9612  validation error  3.21 %  12,345 images/s  57 s left"
    assert line == want  # 10 s for 3 epochs, and 17 more
    assert train._line(config, record, 2.5, 123_450) == want.replace(" 3.21 %", "    – ").replace("57 s", "70 s")
    assert "  50 images/s  0 s left" in train._line(config, record | {"seconds": 0.0}, 3, 50)  # by a coarse clock


def test_the_processor_s_time_is_that_of_all_epochs(tmp_path, monkeypatch):
    """With a clock that is a second further each time it is asked: at each step, and after what ends an epoch."""
    clock = iter(range(100, 10**6))
    monkeypatch.setattr(train.time, "process_time", lambda: float(next(clock)))
    result = train.train(SHORT.changed(epochs=3), tmp_path, dataset=DATA)
    steps = len(DATA.x_train) // SHORT.batch_size
    assert [segment["processor_seconds"] for segment in result["segments"]] == [3.0 * (steps + 1)]


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch):
    """Python does not tell what it is, so it could not be put back."""
    before = signal.getsignal(signal.SIGINT)
    told = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number == signal.SIGTERM else told(number))
    with stop_requests():
        assert told(signal.SIGINT) != before and told(signal.SIGTERM) == signal.SIG_DFL
    assert told(signal.SIGINT) == before
