import numpy as np
import pytest
from scipy.special import softmax

from helpers import close
from minram.errors import InputError
from minram.gradcheck import check_gradient, check_pair
from minram.ops import cross_entropy_forward, linear_forward
from minram.training import step
from minram.training.classifiers import (
    FILTERS,
    STRIDE,
    WINDOW,
    classifier_backward,
    classifier_forward,
    classifier_gradients,
    init_classifier,
    windows,
)
from minram.training.evaluate import evaluate
from minram.training.run import load_params, save_params
from minram.training.train import train
from test_network import check_normal
from tiny import SHORT, dataset

SHAPES = [("fc", (4, 3)), ("fc", (3, 2, 3)), ("conv", (15, 10)), ("conv", (17, 21, 2))]


def network(model, shape, dtype=np.float64, seed=0):
    c = SHORT.changed(model=model, classifier_units=5)
    params = init_classifier(c, np.random.default_rng(seed), 4, shape, dtype)
    rng = np.random.default_rng(seed + 1)
    for name in params:  # no unit is at its kink
        if name.endswith(".b"):
            params[name] += rng.normal(0, 0.3, params[name].shape).astype(dtype)
    return params


def masks(caches):
    return tuple(relu > 0 for _, relu in caches if relu is not None)


def convolution(images, W, b):
    """The definition, one number at a time: y[n, i, j, f] = Σ x[n, 5i+u, 5j+v, c] W[(c, u, v), f] + b[f]."""
    N, H, width, C = images.shape
    y = np.zeros((N, (H - WINDOW) // STRIDE + 1, (width - WINDOW) // STRIDE + 1, FILTERS))
    kernel = W.reshape(C, WINDOW, WINDOW, FILTERS)
    for n, i, j, f in np.ndindex(y.shape):
        y[n, i, j, f] = b[f]
        for c, u, v in np.ndindex(kernel.shape[:3]):
            y[n, i, j, f] += images[n, STRIDE * i + u, STRIDE * j + v, c] * kernel[c, u, v, f]
    return y


@pytest.mark.parametrize("shape", [(10, 10), (14, 15), (17, 20, 2)])
def test_a_product_of_windows_is_a_convolution(shape):
    rng = np.random.default_rng(0)
    images = rng.random((2, *shape))
    images = images.reshape(*images.shape[:3], -1)
    W, b = rng.standard_normal((WINDOW * WINDOW * images.shape[3], FILTERS)), rng.standard_normal(FILTERS)
    want = convolution(images, W, b)
    y, _ = linear_forward(windows(images), W, b)
    # Sums of len(W) products of a number in [0, 1] and one below 5; two orders of addition.
    close(y.reshape(want.shape), want, 5 * len(W), 2 * len(W))


@pytest.mark.parametrize("model, shape", SHAPES)
def test_gradients_by_differences(model, shape):
    params, images = network(model, shape), np.random.default_rng(2).random((3, *shape))
    report = check_pair(
        lambda params: classifier_forward(params, images),
        lambda dy, caches: classifier_backward(params, dy, caches),
        {"params": params},
        rng=np.random.default_rng(3),
        signature=masks,
    )
    assert report.passed, report
    assert {row.name for row in report.rows} == set(params)


@pytest.mark.parametrize("model, shape", SHAPES)
def test_an_update_follows_the_gradient_of_the_mean_loss(model, shape):
    params, labels = network(model, shape), np.array([1, 3, 0])
    images = np.random.default_rng(2).integers(0, 256, (3, *shape), dtype=np.uint8)

    def loss(theta):
        logits, caches = classifier_forward(theta, images)
        return cross_entropy_forward(logits, labels)[0].mean(), masks(caches)

    grads, outcome = classifier_gradients(params, images, labels)
    assert list(grads) == list(params)
    report = check_gradient(loss, params, grads)
    assert report.passed, report
    logits, _ = classifier_forward(params, images)
    wrong = logits.argmax(axis=1) != labels
    assert outcome.loss == loss(params)[0] and outcome.error == wrong.mean()
    np.testing.assert_array_equal(outcome.reward, 1 - wrong)


@pytest.mark.parametrize("model, shape, inputs", [("fc", (30, 20), {}), ("conv", (35, 30, 3), {"conv": 300})])
def test_parameters_are_drawn_from_the_distributions_that_are_named(model, shape, inputs):
    c = SHORT.changed(model=model, classifier_units=60)
    params = init_classifier(c, np.random.default_rng(0), 50, shape, np.float64)
    places = 6 * 5 * FILTERS  # of the windows in 35 × 30 pixels, every fifth
    inputs |= {"hidden1": 600, "hidden2": 60, "label": 60} if model == "fc" else {"hidden1": places, "label": 60}
    assert {name: len(a) for name, a in params.items() if name.endswith(".W")} == {
        f"{k}.W": n for k, n in inputs.items()
    }
    for name, a in params.items():
        if name.endswith(".b"):
            assert not a.any()
        else:
            check_normal(a, (1 if name == "label.W" else 2) / len(a))


@pytest.mark.parametrize("model, shape", SHAPES)
def test_bytes_are_images_between_0_and_1(model, shape):
    params = network(model, shape, np.float32)
    images = np.random.default_rng(2).integers(0, 256, (3, *shape), dtype=np.uint8)
    logits, _ = classifier_forward(params, images)
    assert logits.dtype == np.float32
    for dtype in (np.float32, np.float64):
        same, _ = classifier_forward(params, images / dtype(255))
        np.testing.assert_array_equal(logits, same)


@pytest.mark.parametrize("model, shape", [("fc", (6, 5)), ("conv", (15, 13))])
def test_it_trains_is_stored_and_evaluated_as_an_agent_is(tmp_path, model, shape):
    data = dataset(shape=shape)
    c = SHORT.changed(model=model, classifier_units=8, epochs=20, weight_average=0.9)
    train(c, tmp_path, dataset=data)
    params, stored, meta = load_params(tmp_path / "best.npz")
    assert stored == c and meta["val_error"] == evaluate(params, c, data.x_val, data.y_val).error
    got = evaluate(params, c, data.x_test, data.y_test)
    assert got.wrong.shape == (1, 10) and got.probabilities.shape == (1, 10, 3)
    logits, _ = classifier_forward(params, data.x_test)
    np.testing.assert_allclose(got.probabilities[0], softmax(logits, axis=1), rtol=1e-5)  # float32, of few numbers
    np.testing.assert_array_equal(got.wrong, evaluate(params, c, data.x_test, data.y_test, "sampled").wrong)
    # The bright band says the label; one of three by chance.
    assert got.error < 2 / 3
    save_params(tmp_path / "half.npz", {name: a.astype(np.float16) for name, a in params.items()}, c, meta)
    half, _, _ = load_params(tmp_path / "half.npz")
    for name, a in params.items():
        np.testing.assert_array_equal(half[name], a.astype(np.float16).astype(np.float32))
        assert half[name].dtype == np.float32


def test_what_does_not_fit_is_one_sentence():
    params = network("conv", (15, 10))
    for images, sentence in [
        (np.zeros((2, 9, 30)), r"windows of 10x10 pixels, but the images have the shape \(9, 30, 1\)"),
        (np.zeros((2, 15, 10, 3)), "layer conv reads 100 numbers, .* give 300"),
        (np.zeros((2, 20, 20)), "layer hidden1 reads 16 numbers, .* give 72"),
    ]:
        with pytest.raises(InputError, match=sentence):
            classifier_forward(params, images)
    with pytest.raises(InputError, match="set model=fc"):
        step.check_fit(SHORT.changed(model="conv"), dataset())
    with pytest.raises(InputError, match=r"layer hidden1 reads 12 numbers, .* give 20"):
        classifier_forward(network("fc", (4, 3)), np.zeros((2, 4, 5)))


def test_settings_of_the_other_model_are_refused():
    with pytest.raises(InputError, match="without effect when the model is 'fc'; set model=ram too"):
        SHORT.changed(["model=fc", "rollouts=2"])
    with pytest.raises(InputError, match="without effect when the model is 'ram'; set model=fc or conv too"):
        SHORT.changed(["classifier_units=64"])


@pytest.mark.parametrize("labels", [[0, 1, 7], [0, 1, -1], [0, 1]])
def test_labels_that_the_network_has_not_are_refused(labels):
    params = network("fc", (12, 12))
    with pytest.raises(InputError, match="labels should"):
        classifier_gradients(params, np.zeros((3, 12, 12), np.uint8), np.array(labels))
