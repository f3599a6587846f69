"""Parameters, settings and data that do not belong together are told apart, wherever they are read."""

import json
import shutil

import numpy as np
import pytest

import minram
from minram.command import cli
from minram.errors import InputError
from minram.pictures import show
from minram.storage import checkpoint
from minram.training import run, train
from minram.training.origin import require_same
from tiny import SHORT, dataset, save_npz

DATA = dataset()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two finished runs of the same data, with other settings of the same shapes, and one of other data."""
    folder = tmp_path_factory.mktemp("runs")
    train.train(SHORT, folder / "one", dataset=DATA)
    train.train(SHORT.changed(continuous=True), folder / "other", dataset=DATA)
    train.train(SHORT, folder / "data", dataset=dataset(seed=1))
    train.train(SHORT.changed(core_units=5), folder / "wide", dataset=DATA)
    return folder


@pytest.mark.parametrize(
    "other, sentence",
    [
        ("other", r"other settings \(continuous\) than its folder's"),
        ("wide", r"other settings \(core_units\)"),
        ("data", "best.npz is not of this run"),
    ],
)
def test_the_best_parameters_of_another_run_are_not_this_ones(tmp_path, folders, other, sentence):
    shutil.copytree(folders / "one", tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    shutil.copy(folders / other / "best.npz", tmp_path / "run")
    with pytest.raises(InputError, match=sentence):
        train.train(SHORT, tmp_path / "run", True, dataset=DATA)
    assert not (tmp_path / "run" / "result.json").exists()
    if other != "data":  # of the same settings only the data can tell, which are not read for this
        for reader in (minram.load, lambda path: show.look(path, 3, dataset=DATA)):
            with pytest.raises(InputError, match=sentence):
                reader(tmp_path / "run")
        (tmp_path / "alone").mkdir()
        shutil.copy(tmp_path / "run" / "best.npz", tmp_path / "alone")
        assert minram.load(tmp_path / "alone").config != SHORT  # in a folder of its own it is what it is


@pytest.mark.parametrize("change", [{"epoch": 1, "val_error": 0.999}, {"val_error": 0.123}, {"data": [1, 2]}])
def test_the_best_parameters_of_another_epoch_are_not_this_ones(tmp_path, folders, change):
    shutil.copytree(folders / "one", tmp_path / "run")
    arrays, meta = checkpoint.load(tmp_path / "run" / "best.npz")
    checkpoint.save(tmp_path / "run" / "best.npz", arrays, meta | change)
    with pytest.raises(InputError, match="not of this run"):
        train.train(SHORT, tmp_path / "run", True, dataset=DATA)


@pytest.mark.parametrize("text", ["", "[", "[1]", "null", "{}x", '{"sigma": 1}', '{"epochs": 0}', '{"std": NaN}'])
def test_settings_beside_the_parameters_are_read_without_trust(tmp_path, folders, text):
    shutil.copy(folders / "one" / "best.npz", tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError) as caught:
        minram.load(tmp_path)
    assert "config.json" in str(caught.value) and "\n" not in str(caught.value)


def test_own_functions_do_not_make_the_settings_others(tmp_path, folders):
    shutil.copy(folders / "one" / "best.npz", tmp_path)
    settings = json.loads((folders / "one" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"own": {"reward": "mine"}}))
    assert minram.load(tmp_path).config == SHORT


@pytest.fixture
def trained(tmp_path):
    """A run of a data file, whose test labels are then others."""
    d = dataset()
    c = SHORT.changed(data=str(save_npz(tmp_path / "d.npz", d)))
    train.train(c, tmp_path / "run")
    y = d.y_test.copy()
    y[0] = (y[0] + 1) % 3
    save_npz(tmp_path / "d.npz", d._replace(y_test=y))
    return tmp_path


def test_data_that_have_changed_are_refused(trained, capsys):
    folder, c = trained / "run", run.load_params(trained / "run" / "best.npz")[1]
    with pytest.raises(InputError, match="begun with other data"):
        train.train(c, folder, True)
    for words in (["evaluate", folder], ["show", folder, "--out", trained / "pictures"]):
        assert cli.main([*map(str, words)]) == 2
        error = capsys.readouterr().err
        assert "was trained on other data than these" in error and error.count("\n") == 1
    assert not (trained / "pictures").exists()


def test_data_that_are_named_on_purpose_get_a_warning(trained, capsys):
    words = ["evaluate", str(trained / "run"), "--rollouts", "1", "--data", str(trained / "d.npz")]
    assert cli.main(words) == 0
    out, error = capsys.readouterr()
    assert "error with its 95 % Wilson interval" in out
    assert error.startswith("minram evaluate: ") and "other data" in error and error.count("\n") == 1
    save_npz(trained / "d.npz", dataset())  # put back
    assert cli.main(words) == cli.main(words[:-2]) == 0 and capsys.readouterr().err == ""


def test_parameters_without_a_fingerprint_go_with_any_data(trained, capsys):
    arrays, meta = checkpoint.load(trained / "run" / "best.npz")
    del meta["data"]
    checkpoint.save(trained / "run" / "best.npz", arrays, meta)
    assert cli.main(["evaluate", str(trained / "run"), "--rollouts", "1"]) == 0 and capsys.readouterr().err == ""


def test_a_best_epoch_ahead_of_the_checkpoint_is_made_again(tmp_path, folders):
    """As a kill between the two files leaves it: best.npz of the epoch after last.npz."""
    arrays, meta = checkpoint.load(folders / "one" / "best.npz")
    folder = tmp_path / "run"
    stopped = []

    def report(line, epoch_done):
        stopped.append(line)
        raise InputError("stop")

    with pytest.raises(InputError, match="stop"):
        train.train(SHORT, folder, report=report, dataset=DATA)
    checkpoint.save(folder / "best.npz", arrays, meta | {"epoch": 2})
    train.train(SHORT, folder, True, dataset=DATA)
    for name, a in run.load_params(folder / "best.npz")[0].items():
        np.testing.assert_array_equal(a, run.load_params(folders / "one" / "best.npz")[0][name])


def test_three_of_the_other_settings_are_named(tmp_path):
    changes = {"batch_size": 2, "epochs": 9, "validate_every": 5, "seed": 7}
    for n in (3, 4):
        other = SHORT.changed(dict(list(changes.items())[:n]))
        with pytest.raises(InputError, match=r"other settings \(batch_size, epochs, validate_every\) than"):
            require_same(tmp_path / "best.npz", SHORT, other)
