"""No public function changes its arguments, and what has the wrong shape or type is refused in one sentence.

Every array that goes in is made read-only, so that a write raises. What is meant to change is the state of a
run (`update_in_place`, `train_step`), a random generator, and an `out` that was asked for.
"""

import json

import numpy as np
import pytest

from minram import core, glimpse, heads, ops, policy, reinforce, sensor
from minram.agent import backward, init_params, layers, log_std, rollout
from minram.datasets import tasks
from minram.datasets.data import load as load_data
from minram.errors import InputError
from minram.storage import reading
from minram.storage.checkpoint import load, save
from minram.training import evaluate
from minram.training.optim import optimiser_state, pack, unpack
from minram.training.run import load_params, save_params
from tiny import CLUTTER, EVERY, REINFORCE, SHORT, dataset


def frozen(value):
    """The same value with every array in it read-only."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
        return value
    if isinstance(value, dict):
        return {k: frozen(v) for k, v in value.items()}
    if isinstance(value, tuple):
        parts = [frozen(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


SETTINGS = [
    {},
    {"rollouts": 2, "baseline": "rollouts", "location_units": 3, "label_steps": "every", "learn_std": True},
    {"continuous": True, "scales": (1, 2), **REINFORCE},
    {"reward": "probability", "baseline": "batch", **CLUTTER},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_whole_way_of_a_minibatch_changes_nothing(settings, dtype):
    c, rng, data = SHORT.changed(**settings), np.random.default_rng(0), dataset()
    x = frozen(data.x_train if dtype == np.uint8 else (data.x_train / dtype(255)).astype(dtype))
    y, index = frozen(data.y_train), frozen(np.arange(8))
    params = frozen(init_params(c, rng, 3, dtype=np.float64 if dtype == np.float64 else np.float32))
    images = frozen(tasks.make_images(c.task_at(), x, index, rng))
    tasks.fixed_images(c.task_at(), x, 0)
    area = frozen(sensor.summed_area(images))
    for kind in ("sampled", "mean", "random"):
        rollout(params, c, area, rng, c.rollouts, kind)
    trajectory = frozen(rollout(params, c, area, rng, c.rollouts, every_step=c.label_steps == "every"))
    rollout(params, c, area, rng, c.rollouts, frozen=trajectory)
    heads_, outcome = frozen(reinforce.cotangents(trajectory, y[:8], c, rng))
    gradient = backward(params, trajectory, heads_, c.flow)
    assert {k: (g.shape, g.dtype) for k, g in gradient.items()} == {k: (a.shape, a.dtype) for k, a in params.items()}
    reinforce.advantages(outcome.reward, trajectory.baseline, c.baseline, c.rollouts)
    evaluate.evaluate(params, c, x, y, "sampled", c.rollouts)
    vector, views = frozen(pack(params))
    unpack(vector, views), optimiser_state(c, vector), log_std(params, c), layers(c)


def test_every_operation_changes_nothing():
    rng = np.random.default_rng(0)
    c = SHORT.changed(location_units=3)
    params = frozen(init_params(c, rng, 3, dtype=np.float64))

    def array(*shape):
        return frozen(rng.normal(size=shape))

    x, labels = array(6, 4), frozen(np.arange(6) % 4)
    _, cache = frozen(ops.linear_forward(x, array(4, 3), array(3)))
    ops.linear_backward(array(6, 3), cache)
    for name in ("relu", "tanh"):
        _, cache = frozen(getattr(ops, f"{name}_forward")(x))
        getattr(ops, f"{name}_backward")(x, cache)
    _, cache = frozen(ops.cross_entropy_forward(x, labels))
    ops.cross_entropy_backward(array(6), cache)
    area = frozen(sensor.summed_area(array(6, 5, 5)))
    for continuous in (False, True):
        phi, cache = frozen(sensor.sensor_forward(area, array(6, 2), (1,), 2, continuous=continuous))
        sensor.sensor_backward_image(phi, cache)
    sensor.sensor_backward_location(phi, cache)
    _, cache = frozen(glimpse.glimpse_forward(params, phi, array(6, 2)))
    glimpse.glimpse_backward(params, array(6, c.glimpse_units), cache)
    hg = array(2, 6, c.core_units + c.glimpse_units)
    h = frozen(np.stack([core.core_forward(params, step)[0] for step in hg]))
    core.core_backward(params, array(*h.shape), core.CoreCache(hg, h))
    _, cache = frozen(heads.label_forward(params, h[0]))
    heads.label_backward(params, array(6, 3), cache)
    _, cache = frozen(heads.location_forward(params, h[0]))
    heads.location_backward(params, array(6, 2), cache)
    _, cache = frozen(heads.baseline_forward(params, h[0]))
    heads.baseline_backward(params, array(6), cache)
    mu = array(6, 2)
    _, cache = frozen(policy.log_prob_forward(policy.sample(rng, mu, array(2)), mu, array(2)))
    policy.log_prob_backward(array(6), cache)
    reward = array(6)
    reinforce.batch_baseline(reward), reinforce.rollouts_baseline(reward, 2)
    reinforce.draw(frozen(np.full((6, 4), 0.25)), rng)


def test_what_is_saved_and_read_is_not_changed(tmp_path):
    params = frozen(init_params(SHORT, np.random.default_rng(0), 3))
    meta = {"epoch": 1}
    save(tmp_path / "a.npz", params, meta)
    save_params(tmp_path / "p.npz", params, SHORT, meta)
    assert meta == {"epoch": 1}
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    load(tmp_path / "a.npz"), load_params(tmp_path / "p.npz"), reading.read_npz(tmp_path / "a.npz")
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    settings = {"epochs": 3, "scales": [1, 2]}
    text = json.dumps(settings)
    SHORT.changed(settings)
    SHORT.from_dict(settings)
    assert json.dumps(settings) == text
    with pytest.raises(InputError):
        load_data(tmp_path / "p.npz")


C = SHORT
PARAMS = init_params(C, np.random.default_rng(0), 3)
AREA = sensor.summed_area(np.zeros((4, 6, 5), np.uint8))
TRAJECTORY = rollout(PARAMS, C, AREA, np.random.default_rng(0))
RNG = np.random.default_rng(0)
LOC = np.zeros((4, 2), np.float32)
WRONG = {
    "flat images": (lambda: sensor.summed_area(np.zeros((4, 30), np.uint8)), r"\(B, H, W\).*but it is \(4, 30\)"),
    "integer images": (lambda: sensor.summed_area(np.zeros((4, 6, 5), int)), "uint8 or floats, but it is"),
    "three coordinates": (lambda: sensor.sensor_forward(AREA, np.zeros((4, 3)), (1,), 2), r"any, 2\), but has"),
    "one location": (lambda: sensor.sensor_forward(AREA, LOC[0], (1,), 2), r"loc should have the shape"),
    "pixel locations": (lambda: sensor.sensor_forward(AREA, LOC.astype(int), (1,), 2), "loc should hold floats"),
    "colours": (
        lambda: rollout(PARAMS, C, sensor.summed_area(np.zeros((4, 6, 5, 3), np.uint8)), RNG),
        "of 3 channels give 12",
    ),
    "another policy": (lambda: rollout(PARAMS, C, AREA, RNG, policy="greedy"), "policy should be one of.*'greedy'"),
    "no rollouts": (lambda: rollout(PARAMS, C, AREA, RNG, rollouts=0), "1 or more rollouts"),
    "one label a row": (
        lambda: reinforce.cotangents(rollout(PARAMS, C, AREA, RNG, 2), np.zeros(8, int), C),
        r"\(4,\), but has \(8,\)",
    ),
    "a class more": (lambda: reinforce.cotangents(TRAJECTORY, np.full(4, 3), C), "integers from 0 to 2"),
    "a negative label": (lambda: reinforce.cotangents(TRAJECTORY, np.full(4, -1), C), "go from -1 to -1"),
    "float labels": (lambda: reinforce.cotangents(TRAJECTORY, np.zeros(4), C), "as float64"),
    "one-hot labels": (lambda: reinforce.cotangents(TRAJECTORY, np.eye(4, dtype=int), C), r"\(4,\), but has \(4, 4\)"),
    "no label after each glimpse": (
        lambda: reinforce.cotangents(TRAJECTORY, np.zeros(4, int), C.changed(EVERY)),
        "make it with every_step=True",
    ),
    "one rollout of two": (
        lambda: reinforce.cotangents(TRAJECTORY, np.zeros(4, int), SHORT.changed(rollouts=2, baseline="rollouts")),
        "compares 2 rollouts of an image, but the trajectory has 1; make it with rollouts=2",
    ),
    "another baseline": (lambda: reinforce.advantages(np.ones(2), np.ones((2, 2)), "bacth"), "no baseline 'bacth'"),
    "another frozen trajectory": (
        lambda: rollout(PARAMS, SHORT.changed(glimpses=2), AREA, RNG, frozen=TRAJECTORY),
        r"samples \(1, 4, 2\), but holds \(",
    ),
    "one row": (lambda: reinforce.advantages(np.ones(1), np.ones((2, 1)), "batch"), "there is only one"),
    "a float index": (lambda: tasks.make_images(tasks.ORIGINAL, np.zeros((4, 6, 5)), np.zeros(2), RNG), "index should"),
}


@pytest.mark.parametrize("call, sentence", WRONG.values(), ids=WRONG)
def test_what_has_the_wrong_shape_or_type_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)
