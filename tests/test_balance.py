"""Classes that count alike: the weights, and that what is followed is the gradient of the weighted means."""

import numpy as np
import pytest

from minram.agent import backward
from minram.errors import InputError
from minram.gradcheck import check_gradient
from minram.gradcheck.network import along, freeze
from minram.ops import cross_entropy_forward
from minram.policy import log_prob_forward
from minram.reinforce import REWARDS, cotangents
from minram.training import train
from minram.training.balance import balanced_cotangents, class_weights, default_reward
from minram.training.classifiers import classifier_forward, classifier_gradients, init_classifier
from minram.training.config import Config
from minram.training.metrics import read_metrics
from minram.training.models import MODELS
from minram.training.own import Own
from minram.training.recipes import SMALL
from tiny import EVERY, SHORT, dataset

HEADS = ("label", "location", "baseline")
WEIGHTS = np.array([0.5, 3.0, 1.3])


def test_the_weights_by_hand():
    labels = np.array([0, 0, 0, 1, 3, 3])
    got = class_weights(Config(class_weights="balanced"), labels, 5)
    np.testing.assert_allclose(got, [6 / (3 * 3), 6 / (3 * 1), 0, 6 / (3 * 2), 0], rtol=1e-15)
    assert got[labels].mean() == pytest.approx(1)  # and each class has the same share of the sum
    assert class_weights(Config(), labels, 5) is None


def frozen(**changes):
    r = np.random.default_rng(0)
    config = SMALL.changed({"glimpses": 3, "learn_std": True, "flow": HEADS} | changes)
    return freeze(config, r.random((10, 7, 9)), r.integers(0, 3, 10), 3)


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("steps", [{}, {"label_steps": "every"}, EVERY])
def test_the_default_reward_is_that_of_the_estimator(reward, steps):
    f = frozen(reward=reward, **steps)
    labels = f.labels[:: f.config.rollouts]
    own, outcome = cotangents(f.trajectory, labels, f.config, reward=default_reward(f.config))
    assert all((a == b).all() for a, b in zip(own, f.cotangents)) and (outcome.returns == f.outcome.returns).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline": "batch"},
        {"baseline": "rollouts", "reward": "probability"},
        {"reward": "probability", "baseline": "none", **EVERY},
    ],
)
def test_it_is_the_gradient_of_weighted_means(changes):
    """Σ w·(cross-entropy) / n; −Σ (w r − b) log π / N; ½ Σ (b − w r)² / N, through the whole network."""
    f = frozen(**changes)
    labels = f.labels[:: f.config.rollouts]
    heads, outcome = balanced_cotangents(f.trajectory, labels, f.config, WEIGHTS)
    w, N = WEIGHTS[f.labels], len(f.labels)
    plain = default_reward(f.config)(f.trajectory, f.labels)  # (T, N)
    np.testing.assert_allclose(outcome.returns, (w * plain)[:0:-1].cumsum(axis=0)[::-1], rtol=1e-14)

    def scalar(t):
        return (
            (w * cross_entropy_forward(t.logits, f.labels)[0]).mean()
            - f.config.location_weight
            / N
            * np.sum(outcome.advantage * log_prob_forward(f.trajectory.sample, t.mu, t.log_std)[0])
            + f.config.baseline_weight / (2 * N) * np.sum((t.baseline - outcome.returns) ** 2)
        )

    grads = backward(f.params, f.trajectory, heads, HEADS)
    check_gradient(along(f, scalar), f.params, grads, entries=8).raise_if_failed()
    # What is there to be caught: without the weight of the loss, or of the reward, it is another gradient.
    for part in ("logits", "mu"):
        other = backward(f.params, f.trajectory, heads._replace(**{part: getattr(f.cotangents, part)}), HEADS)
        assert not check_gradient(along(f, scalar), f.params, other, entries=8).passed


def test_weights_of_1_change_nothing():
    f = frozen()
    heads, _ = balanced_cotangents(f.trajectory, f.labels[:: f.config.rollouts], f.config, np.ones(3))
    assert all((a == b).all() for a, b in zip(heads, f.cotangents))


def test_an_own_reward_is_weighted_too():
    f = frozen()
    own = Own(reward=lambda t, labels: np.ones(t.loc.shape[:2]))
    _, outcome = balanced_cotangents(f.trajectory, f.labels[:: f.config.rollouts], f.config, WEIGHTS, own=own)
    np.testing.assert_allclose(outcome.reward, WEIGHTS[f.labels])


def test_a_network_that_sees_the_whole_image_is_weighted_too():
    r = np.random.default_rng(1)
    config, images, labels = Config(model="fc", classifier_units=5), r.random((7, 4, 3)), r.integers(0, 3, 7)
    params = init_classifier(config, r, 3, (4, 3), np.float64)

    def loss(theta):
        logits, caches = classifier_forward(theta, images)
        masks = tuple(relu > 0 for _, relu in caches if relu is not None)
        return (WEIGHTS[labels] * cross_entropy_forward(logits, labels)[0]).mean(), masks

    grads, _ = classifier_gradients(params, images, labels, weights=WEIGHTS)
    check_gradient(loss, params, grads).raise_if_failed()


@pytest.mark.parametrize("model", ["ram", "fc"])
def test_a_training_uses_the_weights_of_its_images(model):
    """Two classes, of which one has twice the weight of the other: the same as its images twice in the sum."""
    config = SHORT.changed(model=model, class_weights="balanced")
    data = dataset()
    params = MODELS[model].init(config, np.random.default_rng(0), 3, data.image_shape)
    args = (params, config, data.x_train[:6], data.y_train[:6])
    plain = MODELS[model].gradients(*args, np.random.default_rng(0)).grads
    weighted = MODELS[model].gradients(*args, np.random.default_rng(0), weights=np.full(3, 2.0)).grads
    # The label's loss is linear in the weights; float32, sums of 6 rows.
    np.testing.assert_allclose(weighted["label.b"], 2 * plain["label.b"], rtol=1e-5, atol=1e-6)


def test_the_kept_epoch_is_that_of_the_lowest_balanced_error(tmp_path):
    data = dataset()
    result = train.train(SHORT.changed(class_weights="balanced", epochs=6), tmp_path / "run", dataset=data)
    records = read_metrics(tmp_path / "run")
    errors = [r["balanced_error"] for r in records]
    assert result["balanced_error"] == min(errors) and result["epoch"] == 1 + errors.index(min(errors))
    rates = [np.mean([e for e in r["class_errors"] if e is not None]) for r in records]
    assert errors == pytest.approx(rates)


def test_a_label_that_is_drawn_has_no_cross_entropy_to_weigh():
    with pytest.raises(InputError, match="class_weights=balanced weighs a cross-entropy"):
        Config(objective="reinforce", flow=("label", "location"), class_weights="balanced")
