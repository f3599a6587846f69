import itertools
from dataclasses import fields

import numpy as np
import pytest

from helpers import close
from minram.training import optim
from minram.training.config import Config
from minram.training.optim import annealed, optimiser_state, pack, unpack, update_in_place

STEPS = 30


def descend(config, dtype=np.float64, steps=STEPS):
    """The path of a few noisy gradients → θ after every step, the gradients and rates, and the last state."""
    rng = np.random.default_rng(0)
    vector = rng.normal(size=7).astype(dtype)
    gradients = rng.normal(size=(steps, 7)).astype(dtype)
    rates = [annealed(config, step / steps) for step in range(steps)]
    path, state = [vector.copy()], optimiser_state(config, vector)
    for step in range(steps):
        update_in_place(config, vector, gradients[step].copy(), state, step, rates[step])
        path.append(vector.copy())
    return np.array(path), gradients, rates, state


def test_sgd_is_its_definition():
    config = Config(optimiser="sgd", learning_rate=0.1, momentum=0.8)
    path, gradients, rates, _ = descend(config)
    # v_t = Σ_{s≤t} β^{t−s} g_s, written out without a recursion
    for t in range(STEPS):
        v = sum(0.8 ** (t - s) * gradients[s] for s in range(t + 1))
        close(path[t + 1], path[t] - rates[t] * v, scale=10, steps=2 * STEPS)


def test_adam_is_its_definition():
    path, gradients, rates, _ = descend(Config(learning_rate=0.1, momentum=0.8))
    for t in range(STEPS):
        decay = np.arange(t, -1, -1)[:, None]
        m = ((1 - 0.8) * 0.8**decay * gradients[: t + 1]).sum(axis=0) / (1 - 0.8 ** (t + 1))
        v = ((1 - 0.999) * 0.999**decay * gradients[: t + 1] ** 2).sum(axis=0) / (1 - 0.999 ** (t + 1))
        # 1 − 0.999ᵗ loses three digits for the first t, and so does v.
        close(path[t + 1], path[t] - rates[t] * m / (np.sqrt(v) + 1e-8), scale=10, steps=3000)


def test_each_optimiser_has_its_tests_here():
    kind = next(f.metadata["kind"] for f in fields(Config) if f.name == "optimiser")
    assert set(kind.names) == {"adam", "sgd"}  # the lists of this file


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_weight_decay_shrinks_before_a_step_that_does_not_know_of_it(optimiser):
    plain, _, rates, state = descend(Config(optimiser=optimiser, learning_rate=0.1))
    path, _, _, with_decay = descend(Config(optimiser=optimiser, learning_rate=0.1, weight_decay=0.7))
    for t in range(STEPS):
        close(path[t + 1], (1 - 0.7 * rates[t]) * path[t] + (plain[t + 1] - plain[t]), scale=10, steps=8)
    for name in state:
        np.testing.assert_array_equal(state[name], with_decay[name])


def test_the_first_step_of_adam_has_the_length_of_the_rate():
    path, gradients, rates, _ = descend(Config(learning_rate=0.1), steps=1)
    close(path[1] - path[0], -rates[0] * np.sign(gradients[0]), scale=1, steps=1e9)  # 0.1 ε/|g| = 2.4e-8
    assert np.abs(gradients[0]).min() > 0.04


@pytest.mark.parametrize("weight_decay", [0, 0.7])
def test_the_average_is_a_mean_of_the_path_with_weights_that_sum_to_one(weight_decay):
    path, _, _, state = descend(Config(weight_average=0.9, learning_rate=0.1, weight_decay=weight_decay))
    decays = [min(0.9, (t + 1) / (t + 10)) for t in range(STEPS)]
    weights = [np.prod(decays)] + [(1 - d) * np.prod(decays[t + 1 :]) for t, d in enumerate(decays)]
    close(np.sum(weights), 1.0, scale=1, steps=2 * STEPS)
    close(state["average"], np.tensordot(weights, path, 1), scale=10, steps=4 * STEPS)
    assert "average" not in descend(Config())[3]


def test_the_rate_falls_from_the_first_to_the_last_by_a_cosine():
    config = Config(learning_rate=0.2, final_rate=0.1)
    assert annealed(config, 0) == pytest.approx(0.2, rel=1e-15)
    assert annealed(config, 0.5) == pytest.approx(0.11, rel=1e-15)
    assert annealed(config, 1) == pytest.approx(0.02, rel=1e-14)
    assert annealed(Config(), 1) == 0
    rates = [annealed(config, p) for p in np.linspace(0, 1, 100)]
    assert all(a > b for a, b in itertools.pairwise(rates))


def test_the_rate_falls_in_a_straight_line_where_that_is_wanted():
    config = Config(learning_rate=0.2, final_rate=0.1, annealing="linear")
    share = np.linspace(0, 1, 9)
    rates = [annealed(config, p) for p in share]
    np.testing.assert_allclose(rates, 0.2 - 0.18 * share, rtol=1e-14)  # some roundings; a cosine is 0.02 off at 1/8
    assert annealed(Config(annealing="linear"), 1) == 0


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_is_kept(optimiser, dtype):
    path, _, _, state = descend(Config(optimiser=optimiser, weight_average=0.9), dtype)
    assert path.dtype == dtype and all(a.dtype == dtype for a in state.values())


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_what_only_shrinks_ends_at_0_and_the_parameters_do_not_notice(monkeypatch, optimiser):
    """Below 1e-38 a processor takes many times as long for a float32. No gradient but the first is other than 0."""
    smallest, ends = np.finfo(np.float32).tiny, []
    for tiny in (optim.TINY, 0):
        monkeypatch.setattr(optim, "TINY", tiny)
        config, vector = Config(optimiser=optimiser), np.array([1, 0.1, 0.01, 0], np.float32)
        state = optimiser_state(config, vector)
        for step in range(5000):
            gradient = np.array([1, -0.1, 1e-17, -1e-17] if step == 0 else [0, 0, 0, 0], np.float32)
            update_in_place(config, vector, gradient, state, step, 1e-3)
        small = [bool(((np.abs(a) < smallest) & (a != 0)).any()) for a in state.values()]
        assert small == [tiny == 0] * len(state)
        ends.append(vector.tolist())
    assert ends[0] == ends[1]


def test_weights_that_only_decay_end_at_0():
    """Such weights make the products slow: see TINY."""
    config, vector = Config(weight_decay=2, weight_average=0.9), np.ones(4, np.float32)
    state = optimiser_state(config, vector)
    for step in range(2001):
        update_in_place(config, vector, np.zeros(4, np.float32), state, step, 0.05)
        assert step > 600 or (vector > 0).all()  # 0.9^600 = 3e-28
    assert not vector.any() and not state["average"].any()


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_chunks_are_the_whole(monkeypatch, optimiser):
    config, ends = Config(optimiser=optimiser, weight_average=0.9, weight_decay=0.5), []
    for chunk in (100, 3):
        monkeypatch.setattr(optim, "CHUNK", chunk)
        rng = np.random.default_rng(0)
        vector = rng.normal(size=8)
        state = optimiser_state(config, vector)
        for i in range(3):
            update_in_place(config, vector, rng.normal(size=8), state, i, 0.1)
        ends.append(np.concatenate([vector, *state.values()]))
    np.testing.assert_array_equal(*ends)


def test_packed_parameters_are_views():
    params = {"b": np.arange(3.0), "a": np.arange(4.0).reshape(2, 2)}
    vector, views = pack(params)
    assert list(views) == ["b", "a"] and vector.tolist() == [0, 1, 2, 0, 1, 2, 3]
    vector += 1
    assert views["a"].tolist() == [[1, 2], [3, 4]] and params["a"][0, 0] == 0
    assert unpack(vector, params)["b"].base is not None
