"""A run that is bad says what is wrong with it: each kind is planted, found, and not found where it is not."""

import numpy as np
import pytest

from minram.agent import init_params, rollout
from minram.sensor import summed_area
from minram.training import diagnosis, models, train
from minram.training.config import Config
from minram.training.diagnosis import coverage, of_labels, of_looking, sentences
from minram.training.evaluate import evaluate
from minram.training.metrics import read_metrics
from minram.training.models import MODELS
from minram.training.run import load_params
from tiny import CANVAS, SHORT, dataset

GOOD = {
    "val_error": 0.02,
    "majority_error": 0.9,
    "dead": 0.3,
    "outside": 0.05,
    "spread_images": 0.3,
    "spread_steps": 0.2,
    "coverage": 0.5,
    "std": [0.1, 0.1],
    "class_errors": [0.0, 0.1, None],
}
BAD = {
    "outside": ({"outside": 0.9}, "mean is outside the image in 90% of its decisions"),
    "the same place": ({"spread_images": 0.001}, "locations do not vary: those of different images are 0.001 of half"),
    "dead": ({"dead": 0.97}, "Of the core's units 97% are 0 .* learning_rate=0.0001"),
    "a keyhole": ({"coverage": 0.023, "val_error": 0.36}, r"glimpses together cover at most 2\.3% of it"),
    "chance": ({"val_error": 0.89}, r"no better than .* the most frequent label, which is wrong in 90\.00 %"),
    "a class": ({"class_errors": [0.0, 1.0, None]}, r"Every image of class dog is wrong: .* class_weights=balanced"),
}


@pytest.mark.parametrize("change, sentence", BAD.values(), ids=BAD)
def test_each_kind_has_its_sentence(change, sentence):
    assert sentences(GOOD, Config(), n_val=500) == []
    found = sentences(GOOD | change, Config(), ("cat", "dog", "emu"), 500)
    assert len(found) == 1 and "\n" not in found[0]
    with pytest.raises(ValueError, match=sentence):
        raise ValueError(found[0])


def test_what_is_small_is_no_fault():
    assert sentences(GOOD | {"coverage": 0.02}, Config(), n_val=500) == []  # it has found out where to look
    assert sentences(GOOD | {"outside": 0.9, "spread_images": 0}, Config(policy="random"), n_val=500) == []
    # Of 20 images, 14 wrong ones are 1.9 standard errors from the 18 of chance: 0.9 − 2·√(0.9·0.1/20) = 0.766.
    assert len(sentences(GOOD | {"val_error": 0.77}, Config(), n_val=20)) == 1
    assert sentences(GOOD | {"val_error": 0.76}, Config(), n_val=20) == []


EDGES = {
    "dead": ({"dead": 0.9}, {"dead": 0.9001}),
    "outside": ({"outside": 0.2}, {"outside": 0.2001}),
    "the same place": ({"spread_images": 0.01}, {"spread_images": 0.00999}),
    "a keyhole": ({"coverage": 0.25, "val_error": 0.5}, {"coverage": 0.2499, "val_error": 0.5}),
    "a keyhole that does harm": ({"coverage": 0.1, "val_error": 0.225}, {"coverage": 0.1, "val_error": 0.2251}),
    "a class": ({"class_errors": [0.9999]}, {"class_errors": [1.0]}),
}


@pytest.mark.parametrize("inside, beyond", EDGES.values(), ids=EDGES)
def test_each_sentence_begins_where_it_is_said_to(inside, beyond):
    """Of 10¹² images chance is exact to 10⁻⁶."""
    n = [len(sentences(GOOD | change, Config(), n_val=10**12)) for change in (inside, beyond)]
    assert n == [0, 1]


def test_at_chance_no_class_is_blamed():
    for error, begins in ((0.9, "It is no better"), (0.8999, "Every image of class")):
        (found,) = sentences(GOOD | {"val_error": error, "class_errors": [1.0]}, Config(), n_val=10**12)
        assert found.startswith(begins)


def test_a_record_of_nothing_has_nothing_to_say():
    assert sentences({}, Config()) == []
    assert sentences({"val_error": 0.3, "majority_error": 0.9}, Config()) == []  # 0.9 − 2·0.3, as of one image
    assert len(sentences({"val_error": 0.31, "majority_error": 0.9}, Config())) == 1


def test_five_classes_are_named_and_of_more_it_is_said_that_there_are():
    for n, listed in ((5, "class 0, 1, 2, 3, 4 is wrong"), (6, "class 0, 1, 2, 3, 4, … is wrong")):
        (found,) = sentences(GOOD | {"class_errors": [1.0] * n}, Config(), n_val=500)
        assert listed in found


@pytest.mark.parametrize("std, bad", [(1.11e-4, 0), (1.09e-4, 1), (9.0, 0), (9.1, 1)])
def test_a_deviation_within_a_tenth_of_its_bound(std, bad):
    for pair in ([std, 1.0], [1.0, std]):
        assert len(sentences(GOOD | {"std": pair}, Config(learn_std=True), n_val=500)) == bad


@pytest.mark.parametrize("std", [[1e-4, 0.1], [0.1, 10.0]])
def test_a_deviation_at_its_bound(std):
    found = sentences(GOOD | {"std": std}, Config(learn_std=True), n_val=500)
    assert len(found) == 1 and "learned σ has reached its bound" in found[0]
    found = diagnosis.sentences({"std": [0.3, 10.0]}, Config(learn_std=True))
    assert found == ["The learned σ has reached its bound, 10: set learn_std=false."]
    assert sentences(GOOD | {"std": std}, Config(), n_val=500) == []  # it was set


def test_metrics_of_labels_by_hand():
    labels, given, training = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 0, 0]), np.array([1, 1, 0])
    got = of_labels(given, labels, training, 4)
    assert got["majority_error"] == pytest.approx(4 / 6)  # all called 1, the most frequent in training
    assert got["class_errors"] == [1 / 3, 1.0, None, None]
    assert got["entropy"] == pytest.approx(-(5 / 6 * np.log(5 / 6) + 1 / 6 * np.log(1 / 6)))
    assert of_labels(0 * given, labels, training, 4)["entropy"] == 0
    assert "class_errors" not in of_labels(given, labels, training, 101)
    assert len(of_labels(given, labels, training, 100)["class_errors"]) == 100
    assert got["balanced_error"] == pytest.approx((1 / 3 + 1 + 1) / 3)
    assert of_labels(np.array([1, 0]), np.array([0, 0]), training, 2)["class_errors"] == [0.5, None]


def test_metrics_of_looking_by_hand():
    mu = np.array([[[0.0, 0.0], [0.5, 0.0]], [[0.0, 0.5], [3.0, 2.0]]])  # (2 steps, 2 images, 2)
    h = np.zeros((3, 2, 4))
    h[1, 1, 2] = h[2, 0, 0] = 1
    got = of_looking(mu, h, np.log([0.1, 0.2]))
    assert got["dead"] == 0.5 and got["outside"] == 0.25 and got["std"] == pytest.approx([0.1, 0.2])
    # Variances of x and y over images: 0.0625 + 0 and 0.25 + 0.0625, as 3 and 2 are seen as 1.
    assert got["spread_images"] == pytest.approx(np.sqrt((0.0625 + 0.3125) / 2))
    # Over steps: 0 + 0.0625, and 0.0625 + 0.25.
    assert got["spread_steps"] == pytest.approx(np.sqrt((0.0625 + 0.3125) / 2))
    assert "outside" not in of_looking(mu[:0], h[:1], np.zeros(2))


def test_spreads_are_means_of_variances_in_both_directions():
    x = np.random.default_rng(0).uniform(-1, 1, (3, 5, 2))  # steps, images, directions
    got = of_looking(x, np.ones((4, 5, 1)), np.zeros(2))
    images = np.mean([np.var(x[t, :, 0]) + np.var(x[t, :, 1]) for t in range(3)])
    steps = np.mean([np.var(x[:, n, 0]) + np.var(x[:, n, 1]) for n in range(5)])
    assert (got["spread_images"], got["spread_steps"]) == pytest.approx((np.sqrt(images), np.sqrt(steps)))


def test_coverage():
    assert coverage(Config(patch_size=8, scales=(1, 2), glimpses=6), (256, 256)) == 6 * 16**2 / 256**2
    assert coverage(Config(patch_size=8, scales=(1, 2), glimpses=6), (28, 28)) == 1
    assert coverage(Config(patch_size=8, scales=(4,), glimpses=1), (10, 64)) == 0.5  # 10 rows of 32


# ---- runs ----


def trained(folder, monkeypatch, change, data=None, **settings):
    """A short run whose parameters begin with what `change` makes of them → the sentences in its result."""

    def init(*arguments):
        params = init_params(*arguments)
        change(params)
        return params

    monkeypatch.setattr(models, "init_params", init)
    return train.train(SHORT.changed(**settings), folder, dataset=data or dataset())["diagnosis"]


def test_a_mean_that_begins_outside_is_found(tmp_path, monkeypatch):
    """Nine steps of size 0.01 cannot bring it back from 2 to 1."""
    found = trained(tmp_path / "run", monkeypatch, lambda params: params["location.b"].fill(2))
    assert any("mean is outside the image in 100% of its decisions" in s for s in found)


def test_a_dead_core_is_found(tmp_path, monkeypatch):
    found = trained(tmp_path / "run", monkeypatch, lambda params: params["core.b"].fill(-100))
    assert any("Of the core's units 100% are 0" in s for s in found)
    assert any("The locations do not vary" in s for s in found)
    assert any("no better than always saying the most frequent label" in s for s in found)


def test_a_keyhole_is_found(tmp_path, monkeypatch):
    found = trained(tmp_path / "run", monkeypatch, lambda params: None, dataset(shape=(40, 40)))
    assert any("all 3 glimpses together cover at most 0.8% of it" in s for s in found)  # 3·2²/40²


@pytest.mark.parametrize("pixels, rows, looked", [(100, 500, 3), (29, 500, 2), (10**6, 5, 5), (10**6, 500, 10)])
def test_so_many_images_are_looked_at_as_memory_is_to_hold(monkeypatch, pixels, rows, looked):
    """Of images of 30 pixels, and two at least, as clutter is cut from others; ten there are."""
    given, data = [], dataset()
    monkeypatch.setattr(diagnosis, "ROWS", rows)
    monkeypatch.setattr(diagnosis, "PIXELS", pixels)
    monkeypatch.setattr(diagnosis, "summed_area", lambda x, background: given.append(len(x)) or summed_area(x))
    params = init_params(SHORT, np.random.default_rng(0), 3)
    diagnosis.diagnose(params, SHORT, data, evaluate(params, SHORT, data.x_val, data.y_val))
    assert given == [looked] and data.x_val.shape == (10, 6, 5)


@pytest.mark.parametrize("settings", [{}, CANVAS, {"glimpses": 1}, {"policy": "random", "baseline": "none"}])
def test_metrics_are_stored_and_are_what_they_say(tmp_path, settings):
    config, data = SHORT.changed(**settings), dataset()
    train.train(config, tmp_path / "run", dataset=data)
    record = read_metrics(tmp_path / "run")[-1]
    assert 0 <= record["dead"] <= 1 and record["coverage"] <= 1 and 0 <= record["entropy"] <= np.log(3)
    assert len(record["class_errors"]) == 3
    sizes = np.bincount(data.y_val, minlength=3)
    assert np.dot(record["class_errors"], sizes) / sizes.sum() == pytest.approx(record["val_error"])
    assert ("outside" in record) == (config.glimpses > 1)


def test_a_network_that_sees_the_whole_image_has_labels_alone(tmp_path):
    train.train(SHORT.changed(model="fc"), tmp_path / "run", dataset=dataset())
    record = read_metrics(tmp_path / "run")[-1]
    assert "entropy" in record and "dead" not in record and not MODELS["fc"].looks


def test_the_locations_are_those_of_the_mean_policy(tmp_path):
    data, config = dataset(), SHORT
    train.train(config, tmp_path / "run", dataset=data)
    params, _, _ = load_params(tmp_path / "run" / "last.npz")
    t = rollout(params, config, summed_area(data.x_val), np.random.default_rng(0), policy="mean")
    want = of_looking(t.mu, t.core.h, t.log_std)
    record = read_metrics(tmp_path / "run")[-1]
    assert {name: record[name] for name in want} == want
