"""Small faults in the backward passes, one at a time: each must make the test fail that stands beside it.

A sign, a transpose, an axis, a dropped term, an off-by-one, a factor. The old text must occur exactly once in
the module, so the table cannot fall behind the code.
"""

from functools import partial

import pytest

import test_hybrid
import test_network
import test_ops
import test_policy
import test_sensor
from helpers import fails, label, plant
from minram import agent, core, glimpse, heads, ops, policy, reinforce, sensor
from planting import planted

LINEAR, CROSS_ENTROPY = partial(test_ops.test_linear, 7), partial(test_ops.test_cross_entropy, (3, 2))
LOCATION, IMAGE = test_sensor.test_location_derivative, partial(test_sensor.test_image_adjoint, True)
GLIMPSE, CORE = test_network.test_glimpse, partial(test_network.test_core, 5)
DEEP, POLICY = partial(test_network.test_heads, "deep location"), partial(test_policy.test_derivatives, (6,))
WHOLE = partial(test_network.test_every_parameter_through_time, 3)
MU, LOG_STD = (partial(test_network.test_a_cotangent_at_one_head_alone, head) for head in ("mu", "log_std"))
FORMULAS, OTHERS = test_hybrid.test_cotangents_are_the_formulas, test_hybrid.test_baselines_leave_the_row_itself_out
BORDER = test_hybrid.test_the_pull_of_the_border
EVERY = test_hybrid.test_each_decision_is_judged_by_what_comes_after
ROWS = test_hybrid.test_advantages_have_a_row_for_each_decision
REINFORCE = partial(test_hybrid.test_reinforce_for_each_flow, ("label", "location"))

MUTANTS = [
    (ops, "dy @ W.T if", "-dy @ W.T if", LINEAR),
    (ops, "x.T @ dy", "x[::-1].T @ dy", LINEAR),
    (ops, '"b": dy.sum(axis=0)', '"b": dy.mean(axis=0)', LINEAR),
    (ops, '"b": dy.sum(axis=0)', '"b": dy[1:].sum(axis=0)', LINEAR),
    (ops, "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y >= 0, out=out)", test_ops.test_relu),
    (ops, "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y, out=out)", test_ops.test_relu),
    (ops, "dy * (1 - y * y)", "dy * (1 - y)", test_ops.test_tanh),
    (ops, "dy * (1 - y * y)", "dy * (1 + y * y)", test_ops.test_tanh),
    (ops, "* (cache.p - onehot)", "* (onehot - cache.p)", CROSS_ENTROPY),
    (ops, "* (cache.p - onehot)", "* cache.p", CROSS_ENTROPY),
    (ops, "dloss[..., None] * (cache.p", "dloss.mean() * (cache.p", CROSS_ENTROPY),
    (ops, "np.arange(cache.p.shape[-1])", "np.arange(1, cache.p.shape[-1] + 1)", CROSS_ENTROPY),
    (sensor, "(1 - fy) * (S[0, 1] - S[0, 0])", "fy * (S[0, 1] - S[0, 0])", LOCATION),
    (sensor, "+ fy * (S[1, 1] - S[1, 0])", "- fy * (S[1, 1] - S[1, 0])", LOCATION),
    (sensor, "+ fy * (S[1, 1] - S[1, 0])", "", LOCATION),
    (sensor, "(1 - fx) * (S[1, 0] - S[0, 0])", "(1 - fx) * (S[0, 0] - S[1, 0])", LOCATION),
    (sensor, "+ fx * (S[1, 1] - S[0, 1])", "+ fy * (S[1, 1] - S[0, 1])", LOCATION),
    (sensor, "axis=(0, 1, 2, 3)) * (W / 2)", "axis=(0, 1, 2, 3)) * (H / 2)", LOCATION),
    (sensor, "axis=(0, 1, 2, 3)) * (H / 2)", "axis=(0, 1, 2, 3)) * H", LOCATION),
    (sensor, "(dcells * _cells(dS_dy))", "(dcells * _cells(dS_dx))", LOCATION),
    (sensor, "dcorners[:, :, 1:, 1:] += dcells", "dcorners[:, :, 1:, 1:] -= dcells", IMAGE),
    (sensor, "dcorners[:, :, :-1, 1:] -= dcells", "dcorners[:, :, :-1, :-1] -= dcells", IMAGE),
    (sensor, "dcorners[:, :, 1:, :-1] -= dcells", "pass", IMAGE),
    (sensor, "dcorners[:, :, :-1, :-1] += dcells", "dcorners[:, :, :-1, :-1] = dcells", IMAGE),
    (sensor, "weight * dcorners)", "dcorners)", IMAGE),
    (sensor, "[:, :, :0:-1, :0:-1].cumsum(axis=2)", "[:, :, -2::-1, -2::-1].cumsum(axis=2)", IMAGE),
    (sensor, ".cumsum(axis=3)", ".cumsum(axis=2)", IMAGE),
    (sensor, "dx.transpose(0, 2, 3, 1)", "dx.transpose(0, 3, 2, 1)", IMAGE),
    (
        sensor,
        "(1 - fy) * fx), ((1, 0)",
        "(1 - fx) * fy), ((1, 0)",
        partial(test_sensor.test_equals_the_definition, True, True),
    ),
    (glimpse, "dz = relu_backward(dg, cache.g, out=out)", "dz = dg", GLIMPSE),
    (glimpse, "relu_backward(dhidden, cache.hidden, out=dhidden)", "pass", GLIMPSE),
    (glimpse, "dhidden[:, :n_what], (cache.phi", "dhidden[:, -n_what:], (cache.phi", GLIMPSE),
    (glimpse, "dhidden[:, n_what:], (cache.loc", "dhidden[:, n_what - 1 : -1], (cache.loc", GLIMPSE),
    (glimpse, 'named("glimpse.where", where)', 'named("glimpse.where", {"W": where["W"], "b": -where["b"]})', GLIMPSE),
    (
        glimpse,
        'named("glimpse.combine", combine)',
        'named("glimpse.combine", {"W": combine["W"], "b": 0 * combine["b"]})',
        GLIMPSE,
    ),
    (core, "relu_backward(dh[-1], cache.h[-1], out=dz[-1])", "dz[-1] = 0", CORE),
    (core, "relu_backward(dh[-1], cache.h[-1], out=dz[-1])", "dz[-1] = dh[-1]", CORE),
    (core, "reversed(range(T - 1))", "range(T - 1)", CORE),
    (core, "reversed(range(T - 1))", "reversed(range(1, T - 1))", CORE),
    (core, "@ W[:n_core].T,", "@ W[:n_core],", CORE),
    (core, "dh[t] + dz[t + 1]", "dz[t + 1]", CORE),
    (core, "dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]", CORE),
    (core, "cache.h[t], out=dz[t]", "cache.h[t + 1], out=dz[t]", CORE),
    (
        core,
        "relu_backward(dh[t] + dz[t + 1] @ W[:n_core].T, cache.h[t], out=dz[t])",
        "dz[t] = dh[t] + dz[t + 1] @ W[:n_core].T",
        CORE,
    ),
    (core, "rows @ W[n_core:].T", "rows @ W[:-n_core].T", CORE),
    (core, 'named("core", grads)', 'named("core", {"W": grads["W"], "b": grads["b"] / T})', CORE),
    (
        heads,
        'named("label", grads)',
        'named("label", {"W": grads["W"], "b": -grads["b"]})',
        partial(test_network.test_heads, "label"),
    ),
    (heads, "dz = relu_backward(dhidden, cache.hidden)", "dz = dhidden", DEEP),
    (heads, '(cache.h, params["location.hidden.W"])', '(-cache.h, params["location.hidden.W"])', DEEP),
    (
        heads,
        "linear_backward(dbaseline[:, None], ",
        "linear_backward(dbaseline[::-1, None], ",
        partial(test_network.test_heads, "baseline"),
    ),
    (policy, "* cache.z / cache.std", "* cache.z", POLICY),
    (policy, "* cache.z / cache.std", "* -cache.z / cache.std", POLICY),
    (policy, "(cache.z**2 - 1)", "cache.z**2", POLICY),
    (policy, "(cache.z**2 - 1)", "(cache.z - 1)", POLICY),
    (policy, ".reshape(-1, 2).sum(axis=0)", ".reshape(2, -1).sum(axis=1)", POLICY),
    (agent, "slice(T - len(trajectory.logits), T)", "slice(0, len(trajectory.logits))", WHOLE),
    (agent, "(deciding, dh_location)", "(slice(1, T), dh_location)", WHOLE),
    (agent, "(deciding, dh_baseline)", "(slice(1, T), dh_baseline)", WHOLE),
    (agent, "dh[steps] += ", "dh[steps] = ", WHOLE),
    (agent, "dh[steps] += ", "dh[steps] -= ", WHOLE),
    (agent, "_rows(a) for a in trajectory.location", "-_rows(a) for a in trajectory.location", MU),
    (
        agent,
        'grads["location.log_std"] = cotangents.log_std',
        'grads["location.log_std"] = -cotangents.log_std',
        LOG_STD,
    ),
    (reinforce, "- G) / (G.shape[-1] - 1)", "- G) / G.shape[-1]", OTHERS),
    (reinforce, "per_image.sum(axis=-1, keepdims=True)", "per_image.sum(axis=-2, keepdims=True)", OTHERS),
    (reinforce, "- per_image) / (rollouts - 1)", "- per_image) / rollouts", OTHERS),
    (reinforce, "np.broadcast_to(G - ", "np.broadcast_to(-G + ", ROWS),
    (reinforce, "(G - BASELINES[kind](G, head, rollouts)", "(G", ROWS),
    (reinforce, "log_prob_backward(-location_weight", "log_prob_backward(location_weight", FORMULAS),
    (reinforce, "log_prob_backward(-location_weight", "log_prob_backward(-1", FORMULAS),
    (reinforce, "dmu += location_weight * config.border", "dmu -= location_weight * config.border", BORDER),
    (reinforce, "location_weight * config.border_weight / N", "config.border_weight / N", BORDER),
    (reinforce, "trajectory.mu.clip(-1, 1)", "trajectory.mu.clip(-1)", BORDER),
    (reinforce, "(trajectory.mu - trajectory.mu.clip(-1, 1))", "trajectory.mu", BORDER),
    (reinforce, "residual = trajectory.baseline - G", "residual = G - trajectory.baseline", FORMULAS),
    (reinforce, "reward[:0:-1].cumsum(axis=0)[::-1]", "reward[1:].cumsum(axis=0)", EVERY),
    (reinforce, "reward[:0:-1].cumsum(axis=0)[::-1]", "reward[:0:-1].cumsum(axis=0)", EVERY),
    (reinforce, "reward[:0:-1].cumsum(axis=0)[::-1]", "reward[-2::-1].cumsum(axis=0)[::-1]", EVERY),
    (reinforce, "config.baseline_weight / N * residual", "residual / N", FORMULAS),
    (reinforce, "np.full_like(loss, 1 / loss.size)", "np.full_like(loss, 1 / len(loss))", FORMULAS),
    (reinforce, "trajectory.baseline[-1:] if", "trajectory.baseline[:1] if", REINFORCE),
    (reinforce, "dloss[-1] = advantages(", "dloss[-1] = -advantages(", REINFORCE),
]


@pytest.mark.parametrize("module, old, new, check", MUTANTS, ids=label)
def test_is_killed(module, old, new, check, monkeypatch):
    plant(monkeypatch, module, (old, new))
    assert fails(check)


@pytest.mark.parametrize("check", dict.fromkeys(mutant[3] for mutant in MUTANTS), ids=label)
def test_passes_unchanged(check):
    assert not fails(check)


@pytest.mark.parametrize(
    "module, change, seen",
    [
        (reinforce, ("np.exp(-loss)", "np.exp(-loss) * 7"), lambda: reinforce.REWARDS["probability"](0.0, True) == 7),
        (reinforce, ("lambda G, head, M: head", "lambda G, head, M: -head"), lambda: learned() == -3),
        (reinforce, ("progress: float = 1.0", "progress: float = 0.5"), lambda: half() == 0.5),
    ],
    ids=["a reward", "a baseline", "a default"],
)
def test_what_is_planted_is_reached(module, change, seen):
    """Functions in a module's dicts, and what a function takes where nothing is given; and they heal."""
    assert not seen()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, module, change)
        assert seen()
    assert not seen()
    with planted(module.__name__.removeprefix("minram."), change):
        assert seen()
    assert not seen()


def learned():
    return reinforce.BASELINES["learned"](0, 3, 1)


def half():
    return reinforce.cotangents.__defaults__[1]


def test_what_no_function_would_know_of_is_not_said_to_be_planted(monkeypatch):
    with pytest.raises(AssertionError, match="so nothing would be planted"):
        plant(
            monkeypatch, agent, ('POLICIES = ("sampled", "mean", "random")', 'POLICIES = ("mean", "random", "sampled")')
        )
