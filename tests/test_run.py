import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minram.agent import init_params
from minram.errors import InputError
from minram.storage import checkpoint
from minram.training import run, streams, train
from minram.training.models import MODELS
from runs import outcome
from tiny import SHORT, TINY, dataset

DATA = dataset()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """A process that ends, however it ends, loses nothing that it wrote: only a power cut needs fsync."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


# ---- a process that trains is killed ----

TRAINED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tiny import CANVAS, SHORT, dataset
from minram.training.train import train
folder = Path(sys.argv[1])
c = SHORT.changed(epochs=int(sys.argv[3]), weight_average=0.9, core_units=64, **CANVAS)
print("begun", flush=True)
train(c, folder, (folder / "last.npz").exists(), lambda line, _: print(line.split("/")[0], flush=True), dataset())
"""


def start(folder, epochs):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAINED, str(folder), os.path.dirname(__file__), str(epochs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed_and_resumed(folder, kills, epochs=24, seed=0):
    """Train in `folder`, killed at random moments → how many of them were in the middle of a save."""
    whole = start(folder / "whole", epochs)
    whole.stdout.readline()
    begun = time.monotonic()
    assert whole.communicate() and whole.returncode == 0
    duration, interrupted = time.monotonic() - begun, 0
    rng, path = random.Random(seed), folder / "killed" / "last.npz"
    for _ in range(kills):
        process = start(folder / "killed", epochs)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 1.5 * duration / kills))
        process.kill()
        reported = process.communicate()[0].split()[1::2]  # epoch 1 epoch 2 …
        if path.exists():
            epoch = checkpoint.load(path)[1]["epoch"]
            assert epoch >= int((reported or [0])[-1])  # what was reported is saved
            interrupted += any((folder / "killed").glob(".*.tmp"))
    last = start(folder / "killed", epochs)
    last.communicate()
    assert last.returncode == 0
    assert outcome(folder / "killed") == outcome(folder / "whole")
    assert not list((folder / "killed").glob(".*.tmp"))
    return interrupted


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_at_random_moments_a_run_ends_as_if_it_were_not(tmp_path):
    """MINRAM_KILLS=50 is the long form."""
    kills = int(os.environ.get("MINRAM_KILLS", 8))
    interrupted = killed_and_resumed(tmp_path, kills, epochs=3 * kills if kills < 20 else 300)
    print(f"{kills} kills, {interrupted} of them in the middle of a save")


RACING = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tiny import SHORT, TINY, dataset
from minram.errors import InputError
from minram.training.train import train
folder, resume = Path(sys.argv[1]), sys.argv[3] == "resume"
waits = iter([True])
print("ready", flush=True)
sys.stdin.readline()
try:
    train(SHORT, folder, resume, dataset=dataset(), on_step=lambda *_: next(waits, False) and sys.stdin.readline())
except InputError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
@pytest.mark.parametrize("how", ["new", "resume"])
def test_of_several_trainers_in_one_folder_one_wins(tmp_path, how):
    """MINRAM_RACES=20 is the long form. The winner waits in its first step until the others have given up."""
    train.train(SHORT, tmp_path / "whole", dataset=DATA)
    for race in range(int(os.environ.get("MINRAM_RACES", 1))):
        folder = tmp_path / str(race)
        if how == "resume":

            def stop(step, outcome):
                if step == 4:
                    signal.raise_signal(signal.SIGTERM)

            with pytest.raises(train.Stopped):
                train.train(SHORT, folder, dataset=DATA, on_step=stop)
        words = [sys.executable, "-c", RACING, str(folder), os.path.dirname(__file__), how]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        racers = [subprocess.Popen(words, **pipes) for _ in range(4)]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        until = time.monotonic() + 60
        while sum(racer.poll() is None for racer in racers) > 1 and time.monotonic() < until:
            time.sleep(0.01)
        ended = [racer.communicate("on\n" if racer.poll() is None else None) for racer in racers]
        assert sorted(racer.returncode for racer in racers) == [0, 1, 1, 1]
        for racer, (_, error) in zip(racers, ended):
            assert racer.returncode == 0 or ("another process is training in" in error and error.count("\n") == 1)
        assert outcome(folder) == outcome(tmp_path / "whole")


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    train.train(SHORT, tmp_path, dataset=DATA)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale = [f".last.npz.{gone.pid}.tmp", f".metrics.jsonl.{gone.pid}.tmp", f".best.npz.{os.getpid()}.tmp"]
    mine = [f"last.npz.{gone.pid}.tmp", ".notes.tmp", f".last.npz.{gone.pid}.tmp.txt"]
    if sys.platform != "win32":
        mine.append(f".last.npz.{os.getppid()}.tmp")  # of a process that is alive
    for name in stale + mine:
        (tmp_path / name).write_text("")
    train.train(SHORT, tmp_path, True, dataset=DATA)
    names = {path.name for path in tmp_path.iterdir()}
    assert names.issuperset(mine) and names.isdisjoint(stale)


# ---- parameters ----


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    train.train(SHORT.changed(location_units=3, learn_std=True, scales=(1, 2)), folder, dataset=DATA)
    return folder


def test_parameters_come_back(tmp_path):
    for dtype, channels in ((np.float32, 1), (np.float64, 3)):
        c = SHORT.changed(location_units=3, learn_std=True, scales=(1, 2))
        params = init_params(c, np.random.default_rng(0), 7, channels, dtype)
        run.save_params(tmp_path / "p.npz", params, c, {"note": 1})
        got, got_config, meta = run.load_params(tmp_path / "p.npz")
        assert list(got) == list(params) and got_config == c and meta["note"] == 1
        for name in params:
            np.testing.assert_array_equal(got[name], params[name], strict=True)


def replaced(name, change):
    return lambda arrays, meta: arrays.update({f"params/{name}": change(arrays[f"params/{name}"])})


def removed(name):
    return lambda arrays, meta: arrays.pop(f"params/{name}")


def configured(**settings):
    return lambda arrays, meta: meta["config"].update(settings)


def spoiled(a):
    a = a.copy()
    a.flat[-1] = np.nan
    return a


BAD = {
    "no parameters": (lambda arrays, meta: arrays.clear(), "it holds none"),
    "one missing": (removed("core.W"), "core.W with the shape"),
    "the retina missing": (removed("glimpse.what.W"), "glimpse.what.W with the shape"),
    "the labels missing": (removed("label.b"), "label.W with the shape"),
    "log σ missing": (removed("location.log_std"), "location.log_std with the shape"),
    "one more": (lambda arrays, meta: arrays.update({"params/x": np.zeros(2)}), "x with the shape of nothing"),
    "transposed": (replaced("core.W", np.transpose), "core.W with the shape"),
    "half a channel": (replaced("glimpse.what.W", lambda a: a[:-1]), "glimpse.what.W with the shape"),
    "less than a channel": (replaced("glimpse.what.W", lambda a: a[:0]), "glimpse.what.W with the shape"),
    "a number for a matrix": (replaced("glimpse.what.W", lambda a: a[0, 0]), "glimpse.what.W with the shape"),
    "a class less": (replaced("label.b", lambda a: a[:-1]), "label.W with the shape"),
    "flat": (replaced("location.W", np.ravel), "location.W with the shape"),
    "not a number": (replaced("label.b", spoiled), "label.b that are not finite"),
    "no σ to speak of": (replaced("location.log_std", lambda a: a - 104), "a learned σ outside 0.0001 to 10"),
    "a huge σ": (replaced("location.log_std", lambda a: a + 89), "a learned σ outside 0.0001 to 10"),
    "integers": (replaced("core.b", lambda a: a.astype(int)), "but core.b is int64"),
    "half precision": (replaced("glimpse.what.W", lambda a: a.astype(np.float16)), "what.W is float16"),
    "two precisions": (replaced("label.W", lambda a: a.astype(float)), "but label.W is float64"),
    "no settings": (lambda arrays, meta: meta.pop("config"), "settings that cannot be used: a configuration"),
    "an unknown setting": (configured(sigma=1), "there is no setting 'sigma'"),
    "a wrong setting": (configured(epochs=0), "epochs should be a whole number from 1"),
    "settings of another model": (configured(core_units=5), "core.W with the shape"),
    "settings of a huge model": (configured(core_units=10**5, glimpse_units=10**5), "core.W with the shape|combine.W"),
}


@pytest.mark.parametrize("change, sentence", BAD.values(), ids=BAD)
def test_bad_parameters_are_refused_before_they_are_used(tmp_path, finished, change, sentence):
    arrays, meta = checkpoint.load(finished / "best.npz")
    change(arrays, meta)
    path = tmp_path / "bad.npz"
    checkpoint.save(path, {k: np.asarray(a) for k, a in arrays.items()}, meta)
    tracemalloc.start()
    with pytest.raises(InputError, match=sentence) as caught:
        run.load_params(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert peak < 4 * 2**20  # a few buffers of 1 MiB; the huge model would be 40 GB


def test_a_name_stands_for_a_file(finished, tmp_path):
    assert run.find_model(str(finished)) == run.find_model(str(finished / "best.npz")) == finished / "best.npz"
    for name in (tmp_path, tmp_path / "no.npz", "", "pretrained:", "pretrained:no", "\0"):
        with pytest.raises(InputError):
            run.find_model(str(name))


def test_each_purpose_and_place_has_a_stream_of_its_own():
    keys = [(streams.PARAMETERS,), (streams.ORDER, 0), (streams.ORDER, 1)]
    keys += [
        (purpose, step, part) for purpose in (streams.IMAGES, streams.POLICY) for step in (0, 1) for part in (0, 1)
    ]
    first = [streams.stream(seed, *key).random() for seed in (0, 1) for key in keys]
    assert len(set(first)) == len(first)
    assert first[: len(keys)] == [streams.stream(0, *key).random() for key in keys]


def test_the_seed_makes_the_parameters(tmp_path):
    runs = []
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        runs.append(run.fresh(SHORT.changed(seed=seed), tmp_path / str(seed), DATA))
    first, second = (r.params["glimpse.what.W"] for r in runs)
    assert (first != second).all()
    for seed, made in enumerate(runs):  # by the stream that is theirs, and no other
        want = init_params(SHORT, streams.stream(seed, streams.PARAMETERS), DATA.n_classes)
        assert want.keys() == made.params.keys()
        for name, a in want.items():
            np.testing.assert_array_equal(made.params[name], a, strict=True)


# ---- checkpoints of runs ----


def test_a_resume_needs_the_same_settings_and_data(tmp_path, finished):
    c = run.load_params(finished / "last.npz")[1]
    with pytest.raises(InputError, match="begun with other settings"):
        train.train(SHORT, finished, True, dataset=DATA)
    for other in (dataset(seed=1), dataset(25), DATA._replace(y_train=DATA.y_train[::-1].copy())):
        with pytest.raises(InputError, match="begun with other data"):
            train.train(c, finished, True, dataset=other)
    with pytest.raises(InputError, match="no run to resume"):
        train.train(c, tmp_path, True, dataset=DATA)
    (tmp_path / "last.npz").write_bytes((finished / "best.npz").read_bytes())
    with pytest.raises(InputError):  # best.npz is not enough
        train.train(c, tmp_path, True, dataset=DATA)


@pytest.mark.parametrize("name", ["momentum", "square"])
@pytest.mark.parametrize("change", [None, lambda a: a[:-1], lambda a: a.astype(float), spoiled])
def test_an_optimiser_that_does_not_fit_is_refused(tmp_path, finished, name, change):
    arrays, meta = checkpoint.load(finished / "last.npz")
    a = arrays.pop(f"optimiser/{name}")
    if change:
        arrays[f"optimiser/{name}"] = change(a)
    checkpoint.save(tmp_path / "last.npz", arrays, meta)
    with pytest.raises(InputError, match=f"hold the optimiser's {name}"):
        run.resumed(run.load_params(tmp_path / "last.npz")[1], tmp_path, DATA)


def test_a_step_beyond_the_epoch_is_refused(tmp_path, finished):
    c = run.load_params(finished / "last.npz")[1]
    arrays, meta = checkpoint.load(finished / "last.npz")
    steps = len(DATA.x_train) // c.batch_size
    (tmp_path / "best.npz").write_bytes((finished / "best.npz").read_bytes())
    for step in (steps, steps + 1):  # all of them are done where a run was stopped after the last
        checkpoint.save(tmp_path / "last.npz", arrays, meta | {"step": step})
        if step == steps:
            assert run.resumed(c, tmp_path, DATA).progress.step == steps
    with pytest.raises(InputError, match="should say where in the training"):
        run.resumed(c, tmp_path, DATA)


@pytest.mark.parametrize("best", [None, [], {}, 0])
def test_a_run_that_was_validated_has_a_best_epoch(tmp_path, finished, best):
    c = run.load_params(finished / "last.npz")[1]
    arrays, meta = checkpoint.load(finished / "last.npz")
    checkpoint.save(tmp_path / "last.npz", arrays, meta | {"best": best})
    with pytest.raises(InputError, match="should say where in the training"):
        run.resumed(c, tmp_path, DATA)


ACCOUNTS = {
    "whole seconds": ({"seconds": 5}, False),
    "negative seconds": ({"seconds": -0.5}, False),
    "no seconds": ({"seconds": 0.0}, True),
    "a sum that is whole": ({"sums": [0.0, 0.0, 0, 0.0, 0.0]}, False),
    "a sum too few": ({"sums": [0.0] * 4}, False),
    "a truth for a step": ({"step": True}, False),
    "a negative step": ({"step": -1}, False),
    "the worst error": ({"best": {"epoch": 1, "val_error": 1.0}}, True),
    "the best error": ({"best": {"epoch": 1, "val_error": 0.0}}, True),
    "an error above": ({"best": {"epoch": 1, "val_error": 1.1}}, False),
    "an error below": ({"best": {"epoch": 1, "val_error": -0.1}}, False),
    "an epoch to come": ({"best": {"epoch": 4, "val_error": 0.5}}, False),
    "an epoch that is over": ({"epoch": 2}, False),
    "functions by number": ({"own": {"reward": 1}}, False),
    "functions by name": ({"own": {"reward": "mine"}}, True),
    "a list of functions": ({"own": ["reward"]}, False),
    "about in words": ({"about": "digits"}, False),
    "machines by name": ({"segments": ["here"]}, False),
    "one machine": ({"segments": {}}, False),
}


@pytest.mark.parametrize("change, sound", ACCOUNTS.values(), ids=ACCOUNTS)
def test_an_account_of_a_training_is_one_that_a_training_can_have_left(finished, change, sound):
    config, meta = run.load_params(finished / "last.npz")[1:]
    meta = {name: value for name, value in (meta | change).items() if name != "config"}
    if sound:
        run.Progress.read(meta, config, 3)
    else:
        with pytest.raises((TypeError, ValueError, KeyError)):
            run.Progress.read(meta, config, 3)


def test_the_metrics_in_an_account_are_checked_as_those_of_the_file_are(finished):
    meta = run.load_params(finished / "last.npz")[2]
    del meta["config"]
    first, *others = meta["metrics"]
    for wrong in ({"loss": "much"}, {"error": 1.5}, {"epoch": 2}):
        with pytest.raises(ValueError, match="line 1"):
            run.Progress.read(meta | {"metrics": [first | wrong, *others]}, SHORT, 3)


def test_a_file_for_people_has_a_line_for_each_setting(tmp_path):
    began = run.fresh(SHORT, tmp_path, DATA, {"reward": "mine"})
    (tmp_path / "other").mkdir()
    assert began.progress.own == {"reward": "mine"} and run.fresh(SHORT, tmp_path / "other", DATA).progress.own == {}
    assert len((tmp_path / "config.json").read_text().splitlines()) > 40
    assert json.loads((tmp_path / "config.json").read_text())["own"] == {"reward": "mine"}


def test_a_run_without_its_best_parameters_does_not_go_on(tmp_path, finished):
    c = run.load_params(finished / "last.npz")[1]
    (tmp_path / "last.npz").write_bytes((finished / "last.npz").read_bytes())
    with pytest.raises(InputError, match=r"should hold the best parameters so far in best\.npz"):
        run.resumed(c, tmp_path, DATA)


def test_a_new_run_does_not_empty_the_metrics_of_another(tmp_path, finished):
    c = run.load_params(finished / "last.npz")[1]
    (tmp_path / "metrics.jsonl").write_text("")  # all there is after a crash at the very start
    run.fresh(c, tmp_path, DATA)
    (tmp_path / "last.npz").unlink()
    (tmp_path / "metrics.jsonl").write_bytes((finished / "metrics.jsonl").read_bytes())
    with pytest.raises(InputError, match=r"holds the metrics\.jsonl of another run"):
        run.fresh(c, tmp_path, DATA)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYS = ["epoch", "step", "sums", "best", "seconds", "metrics", "data", "own", "segments", "config"]


@given(st.sampled_from(KEYS), JSON)
@settings(max_examples=150)
def test_any_account_of_the_training_is_taken_or_refused(tmp_path_factory, finished, key, value):
    folder = tmp_path_factory.mktemp("fuzz")
    arrays, meta = checkpoint.load(finished / "last.npz")
    c = run.load_params(finished / "last.npz")[1]
    meta[key] = value
    checkpoint.save(folder / "last.npz", arrays, meta)
    for name in ("best.npz", "result.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    try:
        got = run.resumed(c, folder, DATA)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert getattr(got.progress, key) == value and 0 <= got.progress.epoch <= c.epochs
        json.dumps(asdict(got.progress))
        (folder / "result.json").unlink()
        assert train.train(c, folder, True, dataset=DATA)["n_val"] == len(DATA.y_val)  # it can go on to its end


def test_channels_are_known_from_the_arrays():
    config = TINY.changed(patch_size=3)  # neither 2² nor 2·2
    params = init_params(config, np.random.default_rng(0), 3, 3)
    ram = MODELS["ram"]
    assert ram.layers_of(config, params) == ram.layers(config, 3, (9, 8, 3)) != ram.layers(config, 3, (9, 8))


@pytest.mark.parametrize("model, first", [("ram", "glimpse.what"), ("fc", "hidden1"), ("conv", "conv")])
def test_where_arrays_are_missing_or_empty_one_channel_and_one_class_are_expected(model, first):
    """So that a file without them has the wrong shapes, or none."""
    config = TINY.changed(model=model)
    for params in ({}, {f"{first}.W": np.zeros((0, 7)), "label.b": np.zeros(1)}):
        got = MODELS[model].layers_of(config, params)
        want = MODELS[model].layers(config, 1, (28, 28))
        if model != "ram":  # how large the images are nothing else can say
            want["hidden1"] = (0, *want["hidden1"][1:])
        assert got == want


@pytest.mark.parametrize("about", [None, [], {}, {"names": "ab"}, {"names": ["a", 1]}, {"names": ["a", "b", "c"]}])
def test_names_of_classes_are_one_a_class_or_none(about):
    assert run.class_names({"about": about}, 2) == ()
    assert run.class_names({"about": {"names": ["a", "b"]}}, 2) == ("a", "b")
