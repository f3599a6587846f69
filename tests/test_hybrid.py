"""The update, block by block: which objective each parameter follows, for each way the gradient may flow.

The hybrid update follows three scalars at once: the label head, the location head and the baseline
follow one function each, and the state that they share follows those of the heads named in `flow`.
"""

from itertools import chain, combinations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from minram.agent import backward
from minram.errors import InputError
from minram.gradcheck import check_gradient
from minram.gradcheck.network import along, freeze, scalars
from minram.reinforce import REWARDS, advantages, batch_baseline, cotangents, draw, rollouts_baseline
from minram.training.recipes import SMALL
from tiny import EVERY

HEADS = ("label", "location", "baseline")
FLOWS = list(chain.from_iterable(combinations(HEADS, n) for n in range(4)))
OBJECTIVES = {
    "hybrid": {"label": ["cross-entropy"], "location": ["log-likelihood", "border"], "baseline": ["baseline"]},
    "reinforce": {"label": ["guess"], "location": ["log-likelihood", "border"], "baseline": ["baseline"]},
}


def update(seed=0, **changes):
    """A model, a rollout of it and the cotangents of one update, with images of three classes."""
    r = np.random.default_rng(seed)
    config = SMALL.changed({"glimpses": 3, "learn_std": True} | changes)
    return freeze(config, r.random((10, 7, 9)), r.integers(0, 3, 10), 3, seed)


def check_blocks(frozen, entries=8):
    """Each head against its own function of the frozen rollout, the shared state against those in `flow`."""
    config, functions = frozen.config, scalars(frozen)
    grads = backward(frozen.params, frozen.trajectory, frozen.cotangents, config.flow)
    own = OBJECTIVES[config.objective]
    blocks = {head: own[head] for head in HEADS}
    blocks["glimpse"] = blocks["core"] = [name for head in config.flow for name in own[head]]
    for block, names in blocks.items():
        part = {name: x for name, x in frozen.params.items() if name.startswith(block)}
        if names:
            f = along(frozen, lambda t, names=names: sum(functions[name](t) for name in names))
            check_gradient(f, part, {name: grads[name] for name in part}, entries=entries).raise_if_failed()
        else:
            assert not any(grads[name].any() for name in part)
    return grads


@pytest.mark.parametrize("flow", FLOWS)
def test_hybrid_for_each_flow(flow):
    check_blocks(update(flow=flow))


@pytest.mark.parametrize("flow", [flow for flow in FLOWS if {"label", "location"} <= {*flow}])
def test_reinforce_for_each_flow(flow):
    check_blocks(update(objective="reinforce", flow=flow, glimpses=4))


@pytest.mark.parametrize("objective", [{}, {"objective": "reinforce", "flow": HEADS}])
def test_the_outcome_tells_of_the_last_label(objective):
    frozen = update(label_steps="every", **objective)
    log_p, rows = log_softmax(frozen.trajectory.logits, axis=-1), np.arange(len(frozen.labels))
    wrong = (log_p.argmax(axis=-1) != frozen.labels).mean(axis=1)
    losses = [-one[rows, frozen.labels].mean() for one in log_p]
    assert wrong[0] != wrong[-1] and frozen.outcome.error == wrong[-1]
    assert frozen.outcome.loss == pytest.approx(losses[-1], rel=1e-14, abs=0)


def test_reinforce_with_one_glimpse():
    """Only the label is drawn, and nothing is there to predict its reward: b = 0."""
    frozen = update(objective="reinforce", flow=HEADS, glimpses=1)
    assert frozen.outcome.baseline_error == 0.0  # of no decision
    p = softmax(frozen.trajectory.logits[0], axis=-1)
    want = frozen.outcome.reward[:, None] / len(p) * (p - (np.arange(3) == frozen.guess[:, None]))
    assert 0 < frozen.outcome.reward.sum() < len(p)
    np.testing.assert_allclose(frozen.cotangents.logits[0], want, rtol=0, atol=1e-15)


@pytest.mark.parametrize("changes", [{"baseline": "batch"}, {"baseline": "rollouts", "rollouts": 2}])
def test_reinforce_with_one_glimpse_compares_rows_where_it_should(changes):
    frozen = update(objective="reinforce", flow=HEADS, glimpses=1, **changes)
    config, reward, p = frozen.config, frozen.outcome.reward, softmax(frozen.trajectory.logits[0], axis=-1)
    others = batch_baseline(reward) if config.baseline == "batch" else rollouts_baseline(reward, 2)
    want = (reward - others)[:, None] / len(p) * (p - (np.arange(3) == frozen.guess[:, None]))
    assert (want < 0).any() and (want > 0).any()
    np.testing.assert_allclose(frozen.cotangents.logits[0], want, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "changes",
    [
        {"label_steps": "every"},
        {"reward": "probability"},
        {"reward": "log_probability", **EVERY},
        {"baseline": "none"},
        {"baseline": "batch"},
        {"baseline": "rollouts", "rollouts": 3},
        {"location_weight": 0.3, "baseline_weight": 0.7},
        {"learn_std": False, "location_units": 0},
        {"objective": "reinforce", "flow": HEADS, "baseline": "batch", "label_steps": "every"},
        {"objective": "reinforce", "flow": HEADS, "baseline": "none", "location_weight": 0.3},
    ],
)
def test_every_setting_of_the_estimator(changes):
    check_blocks(update(**{"flow": HEADS} | changes))


@pytest.mark.parametrize("T", [1, 2, 8])
def test_any_number_of_glimpses(T):
    frozen = update(glimpses=T, flow=HEADS)
    if T > 1:
        check_blocks(frozen)
    else:  # no location to decide on: what is left is a classifier of one glimpse
        grads = backward(frozen.params, frozen.trajectory, frozen.cotangents, HEADS)
        assert not any(g.any() for name, g in grads.items() if name.startswith(("location", "baseline")))
        f = along(frozen, scalars(frozen)["cross-entropy"])
        part = [name for name in grads if name.startswith(("glimpse", "core", "label"))]
        check_gradient(
            f, {name: frozen.params[name] for name in part}, {name: grads[name] for name in part}
        ).raise_if_failed()


def test_cotangents_are_the_formulas():
    """Row by row, step by step: a mean over rows, but a sum over time."""
    frozen = update(baseline="learned", location_weight=0.3, baseline_weight=0.7, std=0.8)
    t, c, reward = frozen.trajectory, frozen.cotangents, frozen.outcome.reward
    assert (np.abs(t.sample) > 1).any()  # the raw sample is scored, wherever it is
    N = len(frozen.labels)
    assert 0 < reward.sum() < N
    dlog_std = np.zeros(2)
    logp = log_softmax(t.logits[-1], axis=-1)
    for n in range(N):
        assert reward[n] == (logp[n].argmax() == frozen.labels[n])
        onehot = np.arange(3) == frozen.labels[n]
        np.testing.assert_allclose(c.logits[0, n], (np.exp(logp[n]) - onehot) / N, rtol=0, atol=1e-15)
        for step in range(len(t.mu)):
            advantage = reward[n] - t.baseline[step, n]
            z = (t.sample[step, n] - t.mu[step, n]) / np.exp(t.log_std)
            np.testing.assert_allclose(c.mu[step, n], -0.3 / N * advantage * z / np.exp(t.log_std), rtol=1e-13)
            np.testing.assert_allclose(c.baseline[step, n], -0.7 / N * advantage, rtol=1e-13)
            dlog_std -= 0.3 / N * advantage * (z**2 - 1)
    np.testing.assert_allclose(c.log_std, dlog_std, rtol=1e-12)
    assert frozen.outcome.loss == pytest.approx(-logp[np.arange(N), frozen.labels].mean(), rel=1e-14)
    assert frozen.outcome.error == 1 - reward.mean()
    assert frozen.outcome.baseline_error == pytest.approx(((t.baseline - reward) ** 2).mean(), rel=1e-14)


def outside(**changes):
    """An update in which some means are outside the image, on every side, and some inside."""
    frozen = update(std=0.5, **changes)
    mu = frozen.trajectory.mu
    centre, size = mu.mean(axis=(0, 1)), 2 / mu.std(axis=(0, 1))  # μ gets the mean 0, the deviation 2
    moved = (mu - centre) * size
    assert (moved.min(axis=(0, 1)) < -1).all() and (moved.max(axis=(0, 1)) > 1).all() and (np.abs(moved) < 1).any()
    W, b = frozen.params["location.W"] * size, (frozen.params["location.b"] - centre) * size
    params = frozen.params | {"location.W": W, "location.b": b}
    t = frozen.trajectory._replace(mu=moved)
    labels = frozen.labels[:: frozen.config.rollouts]
    heads, result = cotangents(t, labels, frozen.config, np.random.default_rng(0))
    return frozen._replace(params=params, trajectory=t, cotangents=heads, outcome=result)


def test_the_pull_of_the_border():
    """λ·w/N times how far μ is outside, in each coordinate; nothing where it is inside, and for nothing but μ."""
    with_pull = outside(location_weight=0.3, border_weight=0.7)
    without = outside(location_weight=0.3)
    mu, N = with_pull.trajectory.mu, len(with_pull.labels)
    pull = with_pull.cotangents.mu - without.cotangents.mu
    for index, m in np.ndenumerate(mu):
        beyond = m - 1 if m > 1 else m + 1 if m < -1 else 0.0
        assert pull[index] == pytest.approx(0.3 * 0.7 / N * beyond, abs=1e-14)
    for one, other in zip(with_pull.cotangents, without.cotangents):
        assert one is with_pull.cotangents.mu or (one == other).all()


@pytest.mark.parametrize("flow", [(), HEADS])
def test_the_pull_is_a_gradient(flow):
    """No mean is within the step of a difference of the border, where the second derivative jumps."""
    check_blocks(outside(border_weight=0.7, location_weight=0.3, flow=flow))


def test_without_a_location_that_is_learned_nothing_is_pulled():
    assert not outside(border_weight=0.7, policy="random", learn_std=False, flow=("label",)).cotangents.mu.any()


def test_rewards():
    probability = update(reward="probability")
    logp = log_softmax(probability.trajectory.logits[-1], axis=-1)
    N = len(probability.labels)
    np.testing.assert_allclose(probability.outcome.reward, np.exp(logp)[np.arange(N), probability.labels], rtol=1e-14)
    drawn = update(objective="reinforce", flow=HEADS)
    np.testing.assert_array_equal(drawn.outcome.reward, drawn.guess == drawn.labels)
    assert 0 < drawn.outcome.reward.sum() < N
    # The share of wrong labels is that of the most probable one, whatever was drawn.
    best = drawn.trajectory.logits[-1].argmax(-1)
    assert drawn.outcome.error == (best != drawn.labels).mean()


def test_each_decision_is_judged_by_what_comes_after():
    """Rewards after each glimpse: the location of glimpse t + 1 answers for those from t + 1 on, not for r_t."""
    every = {"baseline": "learned", "glimpses": 4, **EVERY}
    functions = {"correct": None, "probability": np.exp, "log_probability": np.positive}  # of the log-probability
    assert functions.keys() == REWARDS.keys()
    for reward, function in functions.items():
        frozen = update(reward=reward, **every)
        t, labels = frozen.trajectory, frozen.labels
        logp = log_softmax(t.logits, axis=-1)  # (T, N, K)
        for n, label in enumerate(labels):
            r = function(logp[:, n, label]) if function else (logp[:, n].argmax(-1) == label).astype(float)
            assert frozen.outcome.reward[n] == pytest.approx(r[-1], rel=1e-13)
            for decision in range(3):
                G = sum(r[decision + 1 :])
                assert frozen.outcome.returns[decision, n] == pytest.approx(G, rel=1e-13)
                assert frozen.outcome.advantage[decision, n] == pytest.approx(G - t.baseline[decision, n], rel=1e-12)
    last = update(label_steps="every").outcome
    np.testing.assert_array_equal(last.returns, [last.reward] * 2)


def test_labels_are_drawn_with_their_probabilities():
    p = np.array([0.2, 0.0, 0.5, 0.3])
    n = 10_000
    counts = np.bincount(draw(np.tile(p, (n, 1)), np.random.default_rng(1)), minlength=4)
    assert counts[1] == 0
    # Each count within 4 standard errors of np.
    assert (np.abs(counts - n * p) <= 4 * np.sqrt(n * p * (1 - p))).all()

    class Given:  # what is on the border of two labels is the second's, and 0 is no label of probability 0
        def __init__(self, u):
            self.u = u

        def random(self, shape, dtype):
            return np.full(shape, self.u, dtype)

    assert [draw(np.array([[0, 0.5, 0.5]]), Given(u)).item() for u in (0.0, 0.25, 0.5, 0.75)] == [1, 1, 2, 2]
    # Probabilities that sum to a little less than 1 must not give a label that does not exist.
    short = np.full((n, 4), 0.1)
    assert draw(short, np.random.default_rng(1)).max() == 3


def test_baselines_leave_the_row_itself_out():
    r = np.random.default_rng(0).random(6)
    for n in range(6):
        others = [r[m] for m in range(6) if m != n]
        assert batch_baseline(r)[n] == pytest.approx(np.mean(others), rel=1e-14)
        same_image = [r[m] for m in range(6) if m != n and m // 3 == n // 3]
        assert rollouts_baseline(r, 3)[n] == pytest.approx(np.mean(same_image), rel=1e-14)


def test_advantages_have_a_row_for_each_decision():
    r, b = np.arange(6.0), np.arange(12.0).reshape(2, 6) ** 2
    np.testing.assert_array_equal(advantages(r, b, "learned"), r - b)
    np.testing.assert_array_equal(advantages(r, b, "none"), [r, r])
    np.testing.assert_array_equal(advantages(r, b, "batch"), [r - batch_baseline(r)] * 2)
    np.testing.assert_array_equal(advantages(r, b, "rollouts", 3), [r - rollouts_baseline(r, 3)] * 2)


@pytest.mark.parametrize("kind, rollouts", [("batch", 1), ("rollouts", 1)])
def test_one_row_has_no_others(kind, rollouts):
    with pytest.raises(InputError, match="only one"):
        advantages(np.ones(1), np.zeros((2, 1)), kind, rollouts)


def test_samples_rewards_and_baselines_are_constants():
    """The cotangent of μ does not depend on what the reward and the baseline were made from.

    Only values enter: with the same reward and baseline but other logits behind them, nothing changes.
    """
    frozen = update()
    t = frozen.trajectory
    labels = frozen.labels[:: frozen.config.rollouts]
    sharper = t._replace(logits=t.logits * 3)  # the same most probable label
    c, _ = cotangents(sharper, labels, frozen.config)
    np.testing.assert_array_equal(c.mu, frozen.cotangents.mu)
    np.testing.assert_array_equal(c.baseline, frozen.cotangents.baseline)
    # And the baseline learns from its own error alone: λ does not reach it.
    c, _ = cotangents(t, labels, frozen.config.changed({"location_weight": 100.0}))
    np.testing.assert_array_equal(c.baseline, frozen.cotangents.baseline)
    np.testing.assert_array_equal(c.logits, frozen.cotangents.logits)


def test_the_location_weight_falls_geometrically():
    frozen = update(location_weight=0.4, final_location_weight=0.25)
    t, labels = frozen.trajectory, frozen.labels[:: frozen.config.rollouts]
    for progress, share in ((0, 1), (0.5, 0.5), (1, 0.25)):
        c, _ = cotangents(t, labels, frozen.config, progress=progress)
        np.testing.assert_allclose(c.mu, share / 0.25 * frozen.cotangents.mu, rtol=1e-14)  # by default at the end
        np.testing.assert_array_equal(c.logits, frozen.cotangents.logits)
        np.testing.assert_array_equal(c.baseline, frozen.cotangents.baseline)


def test_random_locations_teach_the_location_head_nothing():
    frozen = update(policy="random", learn_std=False)
    assert not frozen.cotangents.mu.any() and frozen.cotangents.logits.any()


def test_float32_stays_float32():
    frozen = update()
    t = frozen.trajectory
    narrow = type(t)(
        *(
            type(x)(*(y.astype(np.float32) for y in x))
            if isinstance(x, tuple)
            else x.astype(np.float32)
            if x.dtype.kind == "f"
            else x
            for x in t
        )
    )
    labels = frozen.labels[:: frozen.config.rollouts]
    for changes in (
        {},
        {"reward": "probability"},
        {"baseline": "batch"},
        {"baseline": "rollouts"},
        {"objective": "reinforce", "flow": HEADS},
    ):
        c, _ = cotangents(narrow, labels, frozen.config.changed(changes), np.random.default_rng(0))
        assert {x.dtype for x in c} == {np.dtype(np.float32)}, changes
