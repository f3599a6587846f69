"""Models at work: labels for pictures from elsewhere, the newest run, other data, errors by class."""

import os

import numpy as np
import pytest
from matplotlib.image import imread, imsave

from minram.command import cli
from minram.command.by_class import by_class
from minram.datasets import data
from minram.datasets.adapt import adapted, by_mass, extent
from minram.datasets.data import Dataset, aligned
from minram.errors import InputError
from minram.pictures.confusion import confusion_figure
from minram.training.evaluate import confusion, evaluate
from minram.training.run import find_model, load_params
from runs import save_untrained, save_whole
from tiny import SHORT, dataset, save_npz


@pytest.fixture(scope="module")
def digits():
    return data.load()


def scan(x, rng):
    """A digit as a scanner gives it: 6 to 13 times as large, on a page of grey paper with a shade and noise."""
    times = int(rng.integers(6, 14))
    large = np.kron(x / 255, np.ones((times, times)))
    room = rng.integers(0, 300, 2)
    page, corner = np.zeros(np.array(large.shape) + room), [rng.integers(0, n + 1) for n in room]
    page[corner[0] : corner[0] + len(large), corner[1] : corner[1] + large.shape[1]] = large
    shade = 0.1 * np.linspace(0, 1, page.shape[1])
    return np.clip(0.9 - 0.7 * page - shade + rng.normal(0, 0.03, page.shape), 0, 1)


@pytest.mark.parametrize("name", ["mnist-28", "cluttered-60"])
def test_scanned_digits_are_read(tmp_path, capsys, digits, name):
    """Dark on white, though training was light on dark; 28 of 30 or more are right."""
    rng, files = np.random.default_rng(0), []
    for i in range(30):
        page = scan(digits.x_test[i], rng)
        files.append(str(tmp_path / f"{i}.png"))
        imsave(files[-1], np.repeat(page[..., None], 3, -1))
    assert cli.main(["label", f"pretrained:{name}", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    labels = [int(line.split("label ")[1].split(",")[0]) for line in lines[::2]]
    assert np.sum(labels == digits.y_test[:30]) >= 28
    assert all("light and dark are exchanged; the object is brought to the middle; " in line for line in lines[1::2])


def test_a_picture_of_the_training_images_is_left_as_it_is(digits):
    about = digits.about
    for x in digits.x_test[:20]:
        y, done = adapted(x, about)
        assert done == []
        np.testing.assert_array_equal(y, x / np.float32(255))


def test_how_large_the_digits_are(digits):
    """MNIST's fill a box of 20 of 28 pixels."""
    assert digits.about["extent"] == pytest.approx(20 / 28, abs=0.03)
    assert extent(np.random.default_rng(0).random((20, 9, 9))) is None and extent(np.zeros((5, 9, 9))) is None


def test_what_is_in_the_middle_of_the_training_images(digits):
    """MNIST's centre of mass; of the same digits, moved, their outline. A picture is put in its place accordingly."""
    x = digits.x_train[:40] / 255
    assert digits.about["by_mass"] is True and by_mass(x)
    boxes = [np.argwhere(one > 0.5) for one in x]
    moved = np.stack([np.roll(one, 14 - (b.min(0) + b.max(0) + 1) // 2, axis=(0, 1)) for one, b in zip(x, boxes)])
    assert not by_mass(moved)
    page = np.zeros((90, 80))
    page[40:60, 20:50], page[40:60, 20:23] = 0.6, 1  # heavier on its left, with its mass at 34.2 of 20 to 50
    outline, mass = (adapted(page, {"shape": [30, 30], "extent": 1 / 2, "by_mass": b})[0] for b in (False, True))
    # Of a square of 60 from 35 − 30 or from 34.2 − 30 on, halved: the object begins at 7.5 or at 8.
    np.testing.assert_allclose(outline[15, [6, 7, 8, 21, 22, 23]], [0, 0.5, 1, 0.6, 0.3, 0], atol=1e-6)
    np.testing.assert_allclose(mass[15, [7, 8, 9, 22, 23]], [0, 1, 0.8, 0.6, 0], atol=1e-6)


def test_a_photograph_is_brought_to_the_trained_size():
    x = np.random.default_rng(0).random((40, 60, 3))
    y, done = adapted(x, {"shape": [8, 6, 3], "border": 0.5, "extent": None})
    assert y.shape == (8, 6, 3) and done == ["40x60 pixels became 8x6"]
    np.testing.assert_allclose(y, x.reshape(8, 5, 6, 10, 3).mean(axis=(1, 3)), rtol=1e-6)
    assert adapted(x, {})[1] == []  # nothing is known


def test_an_empty_page_is_said_to_be_empty(digits):
    """Only where there is an object is it brought to the middle without a word."""
    rng = np.random.default_rng(1)
    for x, said in (
        (np.full((90, 80), 0.9), "nothing stands out, so its label means nothing"),
        (scan(np.zeros((28, 28)), rng), "what little stands out is taken for the object, and brought to the middle"),
        (scan(digits.x_test[0], rng), "the object is brought to the middle"),
    ):
        assert adapted(x, digits.about)[1][:2] == ["light and dark are exchanged", said]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the untrained agent a.npz, a run of it in runs/new and an older one, and data."""
    monkeypatch.chdir(tmp_path)
    save_npz(tmp_path / "d.npz", dataset())
    for i, name in enumerate(("old", "new")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        save_untrained(tmp_path / "runs" / name / "best.npz", SHORT.changed(data=str(tmp_path / "d.npz")))
        os.utime(tmp_path / "runs" / name / "best.npz", (1000 + i, 1000 + i))
    return tmp_path


def test_the_path_is_drawn(here, capsys):
    for name in ("a.png", "b.png"):
        imsave(name, np.random.default_rng(0).random((6, 5, 3)))
    assert cli.main(["label", "runs/new", "a.png", "--picture", "one.png"]) == 0
    assert cli.main(["label", "runs/new", "a.png", "b.png", "--picture", "many.png"]) == 0
    assert all(imread(name).ndim == 3 for name in ("one.png", "many-1.png", "many-2.png"))
    assert capsys.readouterr().out.count("Picture: ") == 3


def test_what_is_no_picture_is_one_sentence(here, capsys):
    assert cli.main(["label", "runs/new", "no.png"]) == 2
    assert capsys.readouterr().err == (
        "minram label: Cannot read no.png as a picture (there is no such file); give a PNG or JPEG file.\n"
    )


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(here, capsys):
    imsave("a.png", np.random.default_rng(0).random((6, 5, 3)))
    (here / "b.png").write_text("no picture")
    np.full((3, 3), 300.0, np.float32).tofile("c.png")
    assert cli.main(["label", "runs/new", "b.png", "a.png", "c.png", "--picture", "p.png"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("a.png: label ") and out.endswith("Picture: p-2.png\n")
    assert [line.split(" as a picture")[0] for line in err.splitlines()] == [
        f"minram label: Cannot read {name}" for name in ("b.png", "c.png")
    ]


def test_a_sentence_that_names_no_picture_is_told_of_which(here, capsys, monkeypatch):
    def refuse(file, channels):
        raise InputError("an image should be another one")

    monkeypatch.setattr("minram.datasets.image.read_image", refuse)
    assert cli.main(["label", "runs/new", "a.png"]) == 2
    assert capsys.readouterr().err == "minram label: a.png: an image should be another one\n"


def test_nothing_is_drawn_over_the_pictures(here, capsys):
    for name in ("a.png", "a-2.png"):
        imsave(name, np.random.default_rng(0).random((6, 5, 3)))
    before = [(here / name).read_bytes() for name in ("a.png", "a-2.png")]
    for pictures in (["a.png"], ["./a-2.png", "a-2.png"]):
        assert cli.main(["label", "runs/new", *pictures, "--picture", str(here / "a.png")]) == 2
        out, err = capsys.readouterr()
        assert not out and "would be drawn over the picture" in err and "choose another name" in err
    assert [(here / name).read_bytes() for name in ("a.png", "a-2.png")] == before


def test_a_model_without_a_path_draws_none(here, capsys):
    save_whole(here / "whole.npz", SHORT.changed(data=str(here / "d.npz")))
    assert cli.main(["label", "whole.npz", "a.png", "--picture", "p.png"]) == 2
    assert "it has no path to draw; leave out --picture" in capsys.readouterr().err


def test_without_a_run_the_newest_is_taken(here, capsys):
    for command in (["evaluate", "--rollouts", "1"], ["show", "--n", "1", "--out", "pictures"]):
        assert cli.main(command) == 0
        assert capsys.readouterr().out.startswith(f"The newest run: {os.path.join('runs', 'new')}\n")
    assert (here / "pictures" / "confusion.png").exists()


def test_without_any_run_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["evaluate"]) == 2
    assert "there is no run in runs/ with a best.npz; name its folder." in capsys.readouterr().err


def test_show_takes_other_data(here, capsys):
    os.rename("d.npz", "moved.npz")
    assert cli.main(["show", "runs/new", "--n", "1"]) == 2
    assert cli.main(["show", "runs/new", "--n", "1", "--data", "moved.npz"]) == 0


# ---- by class ----


def test_errors_by_class_by_hand():
    labels, given = np.array([0] * 4 + [1] * 2 + [2]), np.array([0, 0, 1, 2, 0, 0, 2])
    lines = list(by_class(given, labels, np.array([2, 2, 0]), ("cat", "dog", "emu")))
    assert lines[0] == "By class:" and lines[-1].startswith("Always saying emu,") and lines[-1].endswith("in 85.71 %.")
    assert lines[1].startswith("  cat       4 images  50.00 % [") and lines[1].endswith("mostly called dog")
    assert lines[2].startswith("  dog       2 images  100.00 % [") and lines[2].endswith("mostly called cat")
    assert lines[3].startswith("  emu       1 images  0.00 % [") and "called" not in lines[3]
    np.testing.assert_array_equal(confusion(given, labels, 3), [[2, 1, 1], [2, 0, 0], [0, 0, 1]])


def test_of_many_classes_the_worst_are_listed():
    labels = np.arange(200) % 100
    given = np.where(labels >= 90, 0, labels)
    lines = list(by_class(given, labels, labels))
    assert lines[0] == "By class, the 30 with the most errors:" and len(lines) == 32
    assert {int(line.split()[0]) for line in lines[1:-1]} >= set(range(90, 100))


def test_evaluate_prints_them(here, capsys):
    assert cli.main(["evaluate", "runs/new", "--rollouts", "1"]) == 0
    out = capsys.readouterr().out
    params, config, _ = load_params(find_model("runs/new"))
    d = data.load(here / "d.npz")
    wrong = evaluate(params, config, d.x_val, d.y_val).wrong[-1]
    for k in set(d.y_val):
        some = wrong[d.y_val == k]
        assert f"\n  {k}  {len(some):6,} images  {100 * some.mean():.2f} % [" in out
    assert "Always saying " in out


@pytest.mark.parametrize("K, names", [(3, ("cat", "dog", "a very long name of an emu")), (10, ()), (50, ())])
def test_the_confusion_matrix_is_drawn(K, names):
    rng = np.random.default_rng(0)
    labels, given = rng.integers(0, K, (2, 500))
    counts = confusion(given, labels, K)
    ax = confusion_figure(counts, names).axes[0]
    share = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ax.images[0].get_array(), share)
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in ax.texts}
    assert written == ({ij: n for ij, n in np.ndenumerate(counts) if n} if K <= 20 else {})
    assert ax.get_ylabel() == "true label" and f"{np.mean(labels != given):.2%} wrong" in ax.get_title(loc="left")
    assert not names or [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "a very long n…"]


def test_classes_are_numbered_as_the_model_has_them():
    x, y = np.zeros((4, 2, 2), np.uint8), np.array([0, 1, 1, 0])
    d = Dataset(x, y, x, y, x, y, ("cat", "emu"))
    got = aligned(d, ("cat", "dog", "emu"))
    np.testing.assert_array_equal(got.y_test, [0, 2, 2, 0])
    assert got.names == ("cat", "dog", "emu") and aligned(d, ()) is d and aligned(d, ("cat", "emu")) is d
    with pytest.raises(InputError, match="the model knows the classes cat, dog, but the data has emu too"):
        aligned(d, ("cat", "dog"))
