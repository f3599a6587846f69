"""The rule for the retina: what it proposes, that it sees enough, and that it leaves what is given."""

import numpy as np
import pytest

import minram
from figure_in_noise import SIZE, figure_in_noise, figures
from minram.command import cli
from minram.datasets import data
from minram.training.diagnosis import coverage
from minram.training.proposal import SEARCH, length_for, propose, retina_for
from minram.training.recipes import recipe
from tiny import dataset, save_npz

QUICK = recipe("quick")


@pytest.mark.parametrize(
    "size, scales",
    [
        ((48, 48), (1, 2, 4)),
        ((64, 40), (1, 2, 4)),
        ((100, 100, 3), (1, 2, 4, 8)),
        ((256, 256), (1, 2, 4, 8, 16)),
        ((30, 512), (1, 2, 4, 8, 16, 32)),
    ],
)
def test_the_retina(size, scales):
    assert retina_for(size) == {"patch_size": 12, "scales": scales, "glimpses": 8}


def test_small_images_have_the_retina_of_quick():
    assert retina_for((28, 28)) == retina_for((32, 20, 3)) == {} != retina_for((33, 20))
    assert retina_for((30, 20, 100)) == {}  # however many channels


@pytest.mark.parametrize("side", [33, 60, 61, 127, 128, 129, 300, 1000, 4096])
def test_the_largest_square_sees_most_of_the_image_and_no_scale_is_superfluous(side):
    scales = retina_for((side, side))["scales"]
    assert 12 * scales[-1] >= 0.7 * side > 12 * scales[-2]
    assert coverage(QUICK.changed(retina_for((side, side))), (side, side)) == 1


@pytest.mark.parametrize("n", [1, 20, 800, 5000, 9999])
def test_a_small_data_set_has_6000_steps(n):
    length = length_for(n)
    assert 6000 <= length["epochs"] * (n // length["batch_size"]) < 6000 + n // length["batch_size"]
    assert length_for(10_000) == {} and length_for(640) == {"batch_size": 32, "epochs": 300}


def test_large_images_have_the_estimator_of_the_papers_rows_and_search_wide():
    config, _ = propose(QUICK, (60, 60), 50_000)
    assert {name: getattr(config, name) for name in SEARCH} == SEARCH
    alone, _ = propose(QUICK.changed(rollouts=1, learn_std=True), (60, 60), 50_000, {"rollouts", "learn_std"})
    assert (alone.baseline, alone.final_std, alone.std) == (QUICK.baseline, 1, SEARCH["std"])
    random = QUICK.changed(policy="random", baseline="none")
    assert propose(random, (60, 60), 50_000)[0].rollouts == 1  # it learns nothing of where to look


def test_the_background_is_that_of_the_images():
    assert propose(QUICK, (28, 28), 50_000, border=0.253)[0].background == 0.25
    assert propose(QUICK, (28, 28), 50_000, border=0.01) == (QUICK, "")  # as MNIST
    assert propose(QUICK, (28, 28), 50_000, {"background"}, border=0.9) == (QUICK, "")
    canvas = QUICK.changed(task="translated", canvas=32)  # is black
    assert propose(canvas, (32, 32), 50_000, border=0.9) == (canvas, "")


def test_what_is_given_stays():
    given = {"patch_size", "glimpses", *SEARCH} - {"rollouts"}
    config, said = propose(QUICK.changed(patch_size=9), (64, 64), 50_000, given)
    assert (config.patch_size, config.scales, config.glimpses, config.epochs) == (9, (1, 2, 4), 6, 12)
    assert said == "For 50,000 images of 64x64: scales=1,2,4 rollouts=4 (--set says otherwise)."
    assert propose(QUICK.changed(patch_size=9), (64, 64, 3), 50_000, given)[1] == said  # colours are not among them
    assert propose(QUICK, (28, 28), 50_000) == (QUICK, "")
    config, _ = propose(QUICK.changed(batch_size=100), (28, 28), 800, {"batch_size"})
    assert (config.batch_size, config.epochs) == (100, 750)  # 6,000 steps of 100


def test_what_is_given_is_not_contradicted():
    config, _ = propose(QUICK.changed(label_steps="last"), (60, 60), 50_000, {"label_steps"})
    assert (config.label_steps, config.reward_steps) == ("last", "last")
    config, _ = propose(QUICK.changed(shards=64), (28, 28), 2000, {"shards"})
    assert config.batch_size == 128  # two rows a part, to compare


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_npz(tmp_path / "large.npz", dataset(shape=(40, 36)))
    return tmp_path


def test_the_command_proposes_and_says_so(here, capsys):
    assert cli.main(["train", "--data", "large.npz", "--settings", "--set", "epochs=3"]) == 0
    out = capsys.readouterr().out
    assert "patch_size=12 " in out and "scales=1,2,4 " in out and "glimpses=8 " in out and "epochs=3 " in out
    small = ["core_units=4", "glimpse_units=4", "what_units=4", "where_units=4", "location_units=0", "epochs=1"]
    assert cli.main(["train", "--data", "large.npz", "--out", "run", "--set", *small]) == 0
    border = round(data.load("large.npz").about["border"], 2)
    said = capsys.readouterr().out.splitlines()[0]
    assert said.startswith("For 28 images of 40x36: patch_size=12 scales=1,2,4 glimpses=8 batch_size=28 rollouts=4 ")
    assert f" background={border} " in said and border > 0.1
    lines = []
    run = minram.train(data="large.npz", out="again", report=lines.append, **dict(s.split("=") for s in small))
    assert lines[0] == said and run.agent.config.patch_size == 12


def test_another_recipe_stays_as_it_is(here, capsys):
    assert cli.main(["train", "mnist-4", "--data", "large.npz", "--settings"]) == 0
    assert "patch_size=8 " in capsys.readouterr().out


def test_the_figures_differ_in_shape_alone():
    """About as many white pixels in both, so that brightness hardly tells them apart; each turned is itself."""
    upright, diagonal = figures()
    assert abs(upright.sum() - diagonal.sum()) < 0.2 * upright.sum()
    assert (upright == np.rot90(upright)).all() and (diagonal == np.rot90(diagonal)).all()
    x, y = figure_in_noise(40, 64)
    for image, label in zip(x, y):
        rows, columns = np.nonzero(image == 255)
        assert rows.max() - rows.min() < SIZE and (image == 255).sum() == figures()[label].sum()
        assert columns.max() - columns.min() < SIZE
    assert len(np.unique(np.argwhere(x == 255)[:, 1])) > 50
