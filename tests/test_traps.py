"""The mistakes of public implementations, planted one at a time: each must make the test fail that it names."""

import tempfile
from functools import partial

import numpy as np
import pytest
from scipy.special import softmax

import test_estimators
import test_hybrid
import test_network
import test_policy
import test_sensor
import test_tasks
from helpers import fails, plant
from minram import agent, heads, policy, reinforce, sensor
from minram.agent import backward, rollout
from minram.datasets import tasks
from minram.gradcheck import check_gradient
from minram.gradcheck.network import along, freeze, only, scalars
from minram.policy import log_prob_forward
from minram.sensor import summed_area
from minram.training import evaluate, models, train
from tiny import SHORT, TINY, dataset, parameters

# Checks that only the traps need


def test_a_sample_is_a_constant():
    """Trap 6: with the locations frozen the gradient is right; with the noise frozen, it is another function's."""
    r = np.random.default_rng(0)
    frozen = freeze(TINY.changed({"flow": ("location",)}), r.random((3, 7, 9)), r.integers(0, 3, 3), 3)
    grads = backward(frozen.params, frozen.trajectory, only(frozen.cotangents, "mu"), ("location",))
    names = [name for name in grads if name.startswith("location")]
    params, grads = ({name: x[name] for name in names} for x in (frozen.params, grads))
    right = along(frozen, scalars(frozen)["log-likelihood"])
    check_gradient(right, params, grads).raise_if_failed()
    t0 = frozen.trajectory
    noise = t0.sample - t0.mu

    def pathwise(p):
        t, config = t0, frozen.config
        for _ in range(config.glimpses):  # each pass makes one more step's samples follow the new means
            t = rollout(frozen.params | p, config, frozen.area, None, frozen=t)
            t = t._replace(sample=t.mu + noise)
        logp, _ = log_prob_forward(t.sample, t.mu, t.log_std)
        return -(frozen.outcome.advantage * logp).sum() / len(frozen.labels)

    assert not check_gradient(pathwise, params, grads).passed


def test_evaluation_averages_the_probabilities_of_all_images():
    r = np.random.default_rng(0)
    config = TINY.changed({"background": 0.2, "start": "centre", "std": 0.5})
    params = parameters(config, r, 0.5)
    images, labels = r.random((70, 5, 6)), r.integers(0, 3, 70)
    found = evaluate.evaluate(params, config, images, labels, "sampled", rollouts=11)  # 45 images at a time
    assert found.wrong.shape == (config.glimpses, 70)
    assert found.probabilities.shape == (config.glimpses, 70, 3)
    # The first glimpse is at the centre: the same for all rollouts.
    first = rollout(params, config, summed_area(images, 0.2), r, policy="mean", every_step=True)
    np.testing.assert_allclose(found.probabilities[0], softmax(first.logits[0], -1), rtol=1e-12)
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, rtol=1e-14)
    np.testing.assert_array_equal(found.wrong, found.probabilities.argmax(-1) != labels)
    assert found.error == (found.probabilities[-1].argmax(-1) != labels).mean()


def test_the_test_set_decides_nothing():
    """The epoch, its validation error and the parameters are the same whatever the test set is."""
    data, results = dataset(), []
    for labels in (data.y_test, (data.y_test + 1) % 3):
        with tempfile.TemporaryDirectory() as folder:
            results.append(train.train(SHORT, folder, dataset=data._replace(y_test=labels)))
    assert results[0]["epoch"] == results[1]["epoch"]
    assert results[0]["val_error"] == results[1]["val_error"]
    assert results[0]["n_val"] == 10


# The traps

TRAPS = {
    # The sensor
    "1: outside is 0 and not the background": (
        sensor,
        [("inside -= background", "pass")],
        partial(test_sensor.test_outside_is_the_background, np.float64, False),
    ),
    "1: outside is something else": (
        sensor,
        [("np.clip(cache.edges[0] + row_step, 0, H1 - 1)", "((cache.edges[0] + row_step) % H1)")],
        partial(test_sensor.test_equals_the_definition, True, False),
    ),
    "1: the evaluation forgets the background": (
        models,
        [
            (
                "area = summed_area(images, config.background)\n    trajectory",
                "area = summed_area(images)\n    trajectory",
            )
        ],
        test_evaluation_averages_the_probabilities_of_all_images,
    ),
    "2: padding that locations do not know of": (
        sensor,
        [("[[W / 2], [H / 2]]", "[[W / 2 + 1], [H / 2 + 1]]")],
        test_sensor.test_x_is_to_the_right_and_y_is_down,
    ),
    "3: scales 2 i and not 2^i": (
        sensor,
        [("s = np.asarray(scales)", "s = np.array([max(1, 2 * i) for i in range(len(scales))])")],
        partial(test_sensor.test_equals_the_definition, True, False),
    ),
    "3: each scale clipped separately": (
        sensor,
        [
            (
                "start = centre[:, None, None] - ",
                "start = np.clip(centre[:, None, None], s * patch_size / 2, W - s * patch_size / 2) - ",
            )
        ],
        partial(test_sensor.test_scales_are_concentric_everywhere, 1, (-1, -1)),
    ),
    "4: odd patches off by half a pixel": (
        sensor,
        [("(s * (patch_size / 2))", "(s * (patch_size // 2))")],
        test_sensor.test_x_is_to_the_right_and_y_is_down,
    ),
    "4: square images only": (
        sensor,
        [("[[W / 2], [H / 2]]", "[[W / 2], [W / 2]]")],
        test_sensor.test_x_is_to_the_right_and_y_is_down,
    ),
    "4: x and y swapped": (
        sensor,
        [("(edges[1], edges[0])", "(edges[0], edges[1])")],
        test_sensor.test_x_is_to_the_right_and_y_is_down,
    ),
    "5: the last position is never drawn": (
        tasks,
        [("place = canvas - size + 1", "place = canvas - size")],
        test_tasks.test_every_position_of_the_canvas_is_equally_likely,
    ),
    "5: the last place of a distractor is never drawn": (
        tasks,
        [("*(canvas - patch + 1)", "*(canvas - patch)")],
        test_tasks.test_source_cut_and_drop_of_clutter_are_uniform_and_independent,
    ),
    # The gradient
    "6: the sample is not detached": (
        # log π(μ + σ ε | μ, σ) = −½ ε² − log σ + …, whose derivative by μ is 0, and by log σ is −1.
        policy,
        [("cache.z / cache.std", "0 * cache.z"), ("(cache.z**2 - 1)", "(0 * cache.z - 1)")],
        test_a_sample_is_a_constant,
    ),
    "6: the gradient stops at the mean": (
        agent,
        [("_rows(cotangents.mu)", "_rows(0 * cotangents.mu)")],
        test_a_sample_is_a_constant,
    ),
    "7: the clipped location is scored": (
        reinforce,
        [("log_prob_forward(trajectory.sample,", "log_prob_forward(trajectory.loc[1:],")],
        test_hybrid.test_cotangents_are_the_formulas,
    ),
    "7: the mean is clipped": (
        agent,
        [
            (
                "mu[t], cache = heads.location_forward(params, h[t])",
                "mu[t], cache = heads.location_forward(params, h[t]); np.clip(mu[t], -1, 1, out=mu[t])",
            )
        ],
        test_network.test_rollout_is_the_papers_recurrence,
    ),
    "7: the mean is squashed": (
        agent,
        [
            (
                "mu[t], cache = heads.location_forward(params, h[t])",
                "mu[t], cache = heads.location_forward(params, h[t]); np.tanh(mu[t], out=mu[t])",
            )
        ],
        test_network.test_rollout_is_the_papers_recurrence,
    ),
    "8: REINFORCE leaks into the baseline": (
        reinforce,
        [
            ("    _, score = log_prob_forward(", "    logp, score = log_prob_forward("),
            (
                "config.baseline_weight / N * residual",
                "config.baseline_weight / N * residual + config.location_weight / N * logp",
            ),
        ],
        test_hybrid.test_cotangents_are_the_formulas,
    ),
    "8: the baseline's error leaks into the core": (
        agent,
        [('_rows(h[deciding]), "baseline" in flow)', "_rows(h[deciding]), True)")],
        partial(test_hybrid.test_hybrid_for_each_flow, ("label",)),
    ),
    "9: the baseline of l_t is made from what was seen at l_t": (
        agent,
        [("baseline_forward(params, _rows(h[:-1]))", "baseline_forward(params, _rows(h[1:]))")],
        test_network.test_rollout_is_the_papers_recurrence,
    ),
    "9: one baseline, from h_T, for all t": (
        agent,
        [("_rows(h[:-1]))\n    return", "_rows(h[-1:].repeat(T - 1, axis=0)))\n    return")],
        test_network.test_rollout_is_the_papers_recurrence,
    ),
    "9: the batch mean includes the row": (
        reinforce,
        [("- G) / (G.shape[-1] - 1)", "+ 0 * G) / G.shape[-1]")],
        test_hybrid.test_baselines_leave_the_row_itself_out,
    ),
    "9: the mean over rollouts includes the row": (
        reinforce,
        [("- per_image) / (rollouts - 1)", "+ 0 * per_image) / rollouts")],
        test_hybrid.test_baselines_leave_the_row_itself_out,
    ),
    "10: (T, N) reshaped to (N, T)": (
        agent,
        [("baseline.reshape(T - 1, N)", "baseline.reshape(N, T - 1).T")],
        test_network.test_rollout_is_the_papers_recurrence,
    ),
    "10: (N, 1) for (N,)": (
        heads,
        [("return baseline[:, 0], h", "return baseline, h")],
        partial(test_network.test_heads, "baseline"),
    ),
    "10: images and rollouts swapped": (
        agent,
        [("np.repeat(np.arange(len(area.table)), rollouts)", "np.tile(np.arange(len(area.table)), rollouts)")],
        test_network.test_rollouts_are_copies,
    ),
    "11: a mean over time": (
        reinforce,
        [("-location_weight / N * advantage", "-location_weight * (advantage / advantage.size)")],
        test_hybrid.test_cotangents_are_the_formulas,
    ),
    "11: a sum over rows": (
        reinforce,
        [("-location_weight / N * advantage", "-location_weight * advantage")],
        test_hybrid.test_cotangents_are_the_formulas,
    ),
    "12: a location after the last glimpse": (
        agent,
        [
            ("for steps in (T, T - 1, T - 1))", "for steps in (T, T, T))"),
            ("if t == T - 1:", "if False:"),
            ("np.clip(samples[t], -1, 1, out=loc[t + 1])", "np.clip(samples[t], -1, 1, out=loc[(t + 1) % T])"),
        ],
        test_estimators.test_the_dead_last_location_only_adds_variance,
    ),
    "13: a variance where the policy draws": (
        policy,
        [("return mu + np.exp(log_std) * eps", "return mu + np.exp(2 * log_std) * eps")],
        test_policy.test_samples_follow_the_policy,
    ),
    "13: a variance where the policy scores": (
        policy,
        [("std = np.exp(log_std)\n    z", "std = np.exp(2 * log_std)\n    z")],
        test_policy.test_log_probability_is_the_normal_one,
    ),
    # The evaluation
    "14: the test set chooses the epoch": (
        train,
        [("dataset.x_val, dataset.y_val", "dataset.x_test, dataset.y_test")],
        test_the_test_set_decides_nothing,
    ),
    "14: a part of the test set": (
        evaluate,
        [
            (
                "probabilities = np.concatenate(chunks, axis=1)",
                "probabilities = np.concatenate(chunks[:-1], axis=1); labels = labels[:500]",
            )
        ],
        test_evaluation_averages_the_probabilities_of_all_images,
    ),
    "14: log-probabilities are averaged": (
        models,
        [
            (
                "return p.reshape(len(p), len(images), rollouts, -1).mean(axis=2)",
                "return np.exp(np.log(p.reshape(len(p), len(images), rollouts, -1)).mean(axis=2))",
            )
        ],
        test_evaluation_averages_the_probabilities_of_all_images,
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_is_caught(trap, monkeypatch):
    module, changes, check = TRAPS[trap]
    assert not fails(check)
    plant(monkeypatch, module, *changes)
    assert fails(check)
