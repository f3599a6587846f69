import tracemalloc

import numpy as np
import pytest

from helpers import close
from minram import agent, glimpse, gradcheck, heads
from minram.agent import Cotangents, backward, init_params, log_std, rollout
from minram.core import CoreCache, core_backward, core_forward
from minram.sensor import sensor_forward, summed_area
from minram.training.config import Config
from tiny import TINY, parameters

RTOL = 1e-7  # the stated accuracy with ReLU, relative


def weights(sizes, seed=0):
    r = np.random.default_rng(seed)
    return {name: r.normal(size=size) / np.sqrt(size[0]) for name, size in sizes.items()}


def check_pair(forward, backward, inputs, **options):
    report = gradcheck.check_pair(forward, backward, inputs, rng=np.random.default_rng(1), rtol=RTOL, **options)
    report.raise_if_failed()


# The parts


def test_glimpse():
    sizes = {"what": (8, 4), "where": (2, 3), "combine": (7, 5)}
    both = {f"{name}.W": size for name, size in sizes.items()} | {f"{name}.b": size[1:] for name, size in sizes.items()}
    params = weights({f"glimpse.{name}": size for name, size in both.items()})
    r = np.random.default_rng(2)
    inputs = {"params": params, "phi": r.normal(size=(6, 8)), "loc": r.normal(size=(6, 2))}
    check_pair(
        glimpse.glimpse_forward,
        lambda dg, cache: (lambda inputs, grads: dict(zip(("phi", "loc"), inputs)) | grads)(
            *glimpse.glimpse_backward(params, dg, cache, input_gradient=True)
        ),
        inputs,
        signature=lambda c: (c.hidden > 0, c.g > 0),
    )


def test_glimpse_is_the_papers_formula():
    params = init_params(TINY, np.random.default_rng(0), dtype=np.float64)
    p = {name: x + 0.1 for name, x in params.items()}
    r = np.random.default_rng(2)
    phi, loc = r.normal(size=(6, 8)), r.normal(size=(6, 2))
    g, cache = glimpse.glimpse_forward(p, phi, loc)
    assert glimpse.glimpse_backward(p, g, cache)[0] is None  # φ and l are data, unless it is said
    h_g = np.maximum(phi @ p["glimpse.what.W"] + p["glimpse.what.b"], 0)
    h_l = np.maximum(loc @ p["glimpse.where.W"] + p["glimpse.where.b"], 0)
    n = TINY.what_units
    both = h_g @ p["glimpse.combine.W"][:n] + h_l @ p["glimpse.combine.W"][n:] + p["glimpse.combine.b"]
    close(g, np.maximum(both, 0), scale=np.abs(both).max(), steps=32)


@pytest.mark.parametrize("T", [1, 2, 5])
def test_core(T):
    N, n_core, n_g = 3, 4, 5
    params = weights({"core.W": (n_core + n_g, n_core), "core.b": (n_core,)})
    g = np.random.default_rng(3).normal(size=(T, N, n_g))

    def forward(params, g):
        h, hg = np.zeros((T + 1, N, n_core)), []
        for t in range(T):
            hg.append(np.concatenate([h[t], g[t]], axis=1))
            h[t + 1], _ = core_forward(params, hg[t])
        return h[1:], CoreCache(np.array(hg), h[1:])

    def backward(dh, cache):
        dg, grads = core_backward(params, dh, cache)
        return {"g": dg} | grads

    check_pair(forward, backward, {"params": params, "g": g}, signature=lambda c: c.h > 0)


@pytest.mark.parametrize("head", ["label", "location", "deep location", "baseline"])
def test_heads(head):
    sizes = {
        "label": {"label.W": (4, 3), "label.b": (3,)},
        "location": {"location.W": (4, 2), "location.b": (2,)},
        "deep location": {
            "location.hidden.W": (4, 5),
            "location.hidden.b": (5,),
            "location.W": (5, 2),
            "location.b": (2,),
        },
        "baseline": {"baseline.W": (4, 1), "baseline.b": (1,)},
    }[head]
    params, h = weights(sizes), np.random.default_rng(4).normal(size=(6, 4))
    forward, backward = {
        "label": (heads.label_forward, heads.label_backward),
        "baseline": (heads.baseline_forward, heads.baseline_backward),
    }.get(head, (heads.location_forward, heads.location_backward))

    def pair(dy, cache):
        dh, grads = backward(params, dy, cache)
        return {"h": dh} | grads

    kinks = (lambda c: c.hidden > 0) if head == "deep location" else None
    check_pair(forward, pair, {"params": params, "h": h}, signature=kinks)
    y, _ = forward(params, h)
    assert y.shape == {"label": (6, 3), "baseline": (6,)}.get(head, (6, 2))


# The rollout


def scene(config=TINY, shape=(2, 7, 9), seed=0, dtype=np.float64, background=0):
    """Parameters whose biases are not 0 either, and images as the sensor takes them."""
    r = np.random.default_rng(seed)
    params = parameters(config, r, channels=shape[3] if len(shape) == 4 else 1)
    return {name: x.astype(dtype) for name, x in params.items()}, summed_area(r.random(shape), background)


def test_rollout_is_the_papers_recurrence():
    config = TINY.changed({"glimpses": 4, "location_units": 3, "std": 0.8})
    p, area = scene(config)
    p["location.b"] = np.array([1.2, -0.3])  # means and samples outside the image stay as they are
    t = rollout(p, config, area, np.random.default_rng(5), 2, every_step=True)
    np.testing.assert_array_equal(t.image, [0, 0, 1, 1])
    np.testing.assert_array_equal(t.log_std, np.log([0.8, 0.8]))
    h = np.zeros((4, config.core_units))
    for step in range(4):
        phi, _ = sensor_forward(area, t.loc[step], config.scales, config.patch_size, t.image)
        np.testing.assert_array_equal(t.glimpse.phi[step], phi)
        g, _ = glimpse.glimpse_forward(p, phi, t.loc[step])
        n = config.core_units
        h = np.maximum(h @ p["core.W"][:n] + g @ p["core.W"][n:] + p["core.b"], 0)
        scale = 10 * np.abs(h).max()
        close(t.core.h[step], h, scale, steps=64)
        close(t.logits[step], h @ p["label.W"] + p["label.b"], scale, steps=64)
        if step < 3:
            hidden = np.maximum(h @ p["location.hidden.W"] + p["location.hidden.b"], 0)
            close(t.mu[step], hidden @ p["location.W"] + p["location.b"], scale, steps=64)
            # b_t is made from the state that decides on l_{t+1}, before it is known.
            close(t.baseline[step], (h @ p["baseline.W"] + p["baseline.b"])[:, 0], scale, steps=64)
            np.testing.assert_array_equal(t.loc[step + 1], np.clip(t.sample[step], -1, 1))
    assert (np.abs(t.mu) > 1).any() and (np.abs(t.sample) > 1).any()
    assert t.sample.shape == t.mu.shape == (3, 4, 2) and t.baseline.shape == (3, 4)


def test_samples_scatter_around_the_mean_by_sigma():
    config = TINY.changed({"std": 0.5, "glimpses": 2})
    params, area = scene(config, (1, 7, 9))
    t = rollout(params, config, area, np.random.default_rng(6), 4000)
    z = (t.sample - t.mu) / 0.5
    # Mean and mean square of 8000 normal numbers, within 4 standard errors.
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs((z**2).mean() - 1) < 4 * np.sqrt(2 / z.size)
    learned = config.changed({"learn_std": True})
    params["location.log_std"] = np.log([0.2, 1.5])
    t = rollout(params, learned, area, np.random.default_rng(6), 4000)
    np.testing.assert_array_equal(t.log_std, np.log([0.2, 1.5]))
    z = (t.sample - t.mu) / [0.2, 1.5]
    assert (np.abs((z**2).mean((0, 1)) - 1) < 4 * np.sqrt(2 / 4000)).all()


def test_annealed_sigma_falls_geometrically():
    config = TINY.changed({"std": 0.4, "final_std": 0.25})
    params, area = scene(config)
    for progress, std in ((0, 0.4), (0.5, 0.2), (1, 0.1)):
        t = rollout(params, config, area, np.random.default_rng(0), progress=progress)
        np.testing.assert_allclose(np.exp(t.log_std), std, rtol=1e-14)
    np.testing.assert_array_equal(log_std(params, config), t.log_std)  # σ of the finished agent
    noise = [rollout(params, config, area, np.random.default_rng(0), progress=p) for p in (0, 1)]
    close(noise[0].sample[0] - noise[0].mu[0], 4 * (noise[1].sample[0] - noise[1].mu[0]), scale=1, steps=8)


def test_first_locations_and_policies():
    params, area = scene()
    r = np.random.default_rng(7)
    first = rollout(params, TINY, area, r, 2000).loc[0]
    # Uniform on [−1, 1]: mean 0 and mean square 1/3, whose variance is 4/45, within 4 standard errors.
    assert abs(first.mean()) < 4 * np.sqrt(1 / 3 / first.size)
    assert abs((first**2).mean() - 1 / 3) < 4 * np.sqrt(4 / 45 / first.size)
    assert np.abs(first).max() > 0.99
    centre = TINY.changed({"start": "centre"})
    t = rollout(params, centre, area, r, policy="mean")
    assert not t.loc[0].any()
    np.testing.assert_array_equal(t.sample, t.mu)
    t = rollout(params, centre, area, r, 500, policy="random")
    assert 0.9 < np.abs(t.loc).max() <= 1
    np.testing.assert_array_equal(t.sample, t.loc[1:])


def test_gaussian_first_location():
    params, area = scene()
    config = TINY.changed({"start": "gaussian", "std": 0.2, "final_std": 0.5})
    r = np.random.default_rng(7)
    for progress, std in ((0, 0.2), (1, 0.1)):  # σ is annealed with that of the other locations
        first = rollout(params, config, area, r, 2000, progress=progress).loc[0]
        # Within 4 standard errors of N(0, σ²): the variance's relative one is √(2/n).
        assert abs(first.mean()) < 4 * std / np.sqrt(first.size)
        assert abs((first**2).mean() / std**2 - 1) < 4 * np.sqrt(2 / first.size)
    assert np.abs(rollout(params, config.changed({"std": 2}), area, r, progress=0).loc[0]).max() == 1  # clipped
    assert not rollout(params, config, area, r, policy="mean").loc[0].any()
    uniform = rollout(params, config, area, r, 500, policy="random").loc[0]
    assert 0.9 < np.abs(uniform).max() <= 1
    t = rollout(params, config, area, r)
    np.testing.assert_array_equal(rollout(params, config, area, r, frozen=t).loc, t.loc)


def test_same_seed_same_bits():
    params, area = scene()
    a, b, c = (rollout(params, TINY, area, np.random.default_rng(seed)) for seed in (8, 8, 9))
    np.testing.assert_array_equal(a.logits, b.logits)
    assert (a.logits != c.logits).any()


def test_parameters():
    config = Config(location_units=16, learn_std=True, std=0.25)
    params = init_params(config, np.random.default_rng(0), 10, channels=3)
    assert params["glimpse.what.W"].shape == (3 * 64, 128)
    assert {x.dtype for x in params.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(params["core.W"][:256], np.eye(256))
    np.testing.assert_allclose(np.exp(log_std(params, config)), 0.25, rtol=1e-6)
    gains = {
        "glimpse.what": 2,
        "glimpse.where": 2,
        "glimpse.combine": 2,
        "label": 1,
        "location.hidden": 2,
        "location": 1e-4,
        "baseline": 1,
    }
    for name, gain in gains.items():
        W = params[name + ".W"]
        variance = gain / len(W)  # and the sample's variance has the relative standard error √(2/n)
        assert abs(W.var() / variance - 1) < 4 * np.sqrt(2 / W.size)
    he = init_params(config.changed({"recurrent_init": "he", "learn_std": False}), np.random.default_rng(0))
    assert (he["core.W"][:256] != np.eye(256)).all()
    assert "location.log_std" not in he and not any(x.any() for name, x in he.items() if name.endswith(".b"))


GAINS = {"location": 0.01**2, "label": 1, "baseline": 1}  # variance times the number of inputs; 2 into a ReLU


def test_parameters_are_for_ten_classes_and_one_channel_unless_it_is_said():
    params = init_params(TINY, np.random.default_rng(0))
    assert params["label.b"].shape == (10,) and params["glimpse.what.W"].shape == (8, 4)  # 2 scales of 2 × 2 cells
    assert {a.dtype for a in params.values()} == {np.dtype(np.float32)}
    assert agent.layers(TINY)["label"][1] == 10 and agent.layers(TINY)["glimpse.what"][0] == 8


@pytest.mark.parametrize("recurrent_init", ["identity", "he"])
def test_parameters_are_drawn_from_the_distributions_that_are_named(recurrent_init):
    config = Config(location_units=64, recurrent_init=recurrent_init, core_units=200)
    draws = [init_params(config, np.random.default_rng(seed), 10, 3, np.float64) for seed in range(20)]
    assert (draws[0]["label.W"] != draws[1]["label.W"]).all()  # nothing but the generator says which
    for name in draws[0]:
        W = np.stack([params[name] for params in draws])
        if name.endswith(".b"):
            assert not W.any()
            continue
        if name == "core.W" and recurrent_init == "identity":
            np.testing.assert_array_equal(W[:, :200], np.broadcast_to(np.eye(200), (20, 200, 200)))
            W = W[:, 200:]
        variance = GAINS.get(name[:-2], 2) / len(draws[0][name])
        check_normal(W, variance)


def check_normal(W, variance):
    """Mean, variance and kurtosis within four standard errors: 1, √2 and √24 over √n, in units of σ, σ² and 1."""
    z = W.ravel() / np.sqrt(variance)
    n = np.sqrt(z.size)
    assert abs(z.mean()) < 4 / n and abs(z.var() - 1) < 4 * np.sqrt(2) / n
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96) / n  # the fourth moment of a normal variable has the variance 96


# The gradient


def random_cotangents(t, seed=1, dtype=np.float64):
    r = np.random.default_rng(seed)
    return Cotangents(*(r.normal(size=x.shape).astype(dtype) for x in (t.logits, t.mu, t.log_std, t.baseline)))


def along(config, area, t, v, rollouts=1):
    """Σ v · (outputs of the heads) along the frozen locations of t, and the ReLU masks."""

    def f(params):
        new = rollout(params, config, area, None, rollouts, every_step=len(t.logits) > 1, frozen=t)
        value = sum(np.sum(a * b) for a, b in zip(v, (new.logits, new.mu, new.log_std, new.baseline)))
        return value, (new.glimpse.hidden > 0, new.glimpse.g > 0, new.core.h > 0, new.location.hidden > 0)

    return f


def unused(params, T):
    """The parameters whose heads decide nothing in a rollout of T glimpses."""
    return [name for name in params if T == 1 and name.startswith(("location", "baseline")) and "std" not in name]


def check_whole(config, shape=(2, 7, 9), rollouts=1, every_step=False, entries=None, seed=0, background=0):
    params, area = scene(config, shape, seed=seed, background=background)
    t = rollout(params, config, area, np.random.default_rng(seed), rollouts, every_step=every_step)
    v = random_cotangents(t)
    grads = backward(params, t, v)
    assert list(grads) == list(params)
    gradcheck.check_gradient(
        along(config, area, t, v, rollouts),
        params,
        grads,
        rtol=RTOL,
        entries=entries,
        expect_zero=unused(params, config.glimpses),
    ).raise_if_failed()


@pytest.mark.parametrize("T", range(1, 9))
def test_every_parameter_through_time(T):
    check_whole(TINY.changed({"glimpses": T, "learn_std": T % 2 == 0, "location_units": T % 2 * 4}), every_step=T > 4)


@pytest.mark.parametrize("head", Cotangents._fields)
def test_a_cotangent_at_one_head_alone(head):
    config = TINY.changed({"learn_std": True, "location_units": 3})
    params, area = scene(config)
    t = rollout(params, config, area, np.random.default_rng(0), every_step=True)
    v = Cotangents(*(x if name == head else x * 0 for name, x in zip(Cotangents._fields, random_cotangents(t))))
    reached = {
        "logits": ("glimpse", "core", "label"),
        "mu": ("glimpse", "core", "location.W", "location.b", "location.hidden"),
        "log_std": "location.log_std",
        "baseline": ("glimpse", "core", "baseline"),
    }[head]
    others = [name for name in params if not name.startswith(reached)]
    gradcheck.check_gradient(
        along(config, area, t, v), params, backward(params, t, v), rtol=RTOL, entries=12, expect_zero=others
    ).raise_if_failed()


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (2, 6, 5, 3), "background": 0.3},
        {"shape": (1, 7, 9), "rollouts": 3},
        {"config": TINY.changed({"continuous": True, "patch_size": 3})},
        {"config": TINY.changed({"recurrent_init": "identity", "start": "centre"})},
        {"config": TINY.changed({"scales": (1, 2, 5)})},
    ],
)
def test_every_kind_of_model(options):
    check_whole(**{"config": TINY, "entries": 12} | options)


@pytest.mark.parametrize("shape", [(28, 28), (60, 60), (100, 100), (37, 53)])
def test_the_same_parameters_fit_images_of_any_size(shape):
    params, _ = scene()
    r = np.random.default_rng(0)
    area = summed_area(r.integers(0, 256, (2, *shape), dtype=np.uint8))
    t = rollout(params, TINY, area, r)
    v = random_cotangents(t)
    gradcheck.check_gradient(
        along(TINY, area, t, v), params, backward(params, t, v), rtol=RTOL, entries=6
    ).raise_if_failed()


def rows_of(t, rows):
    """A Trajectory's rows as one of their own: the row axis is the last but one, or the last of the baseline."""

    def cut(x):
        return x[:, rows] if x.ndim > 1 else x

    parts = [type(c)(*map(cut, c)) for c in t[-3:]]
    return agent.Trajectory(t.image[rows], *map(cut, t[1:-3]), *parts)


def test_rows_are_independent():
    """The gradient of a batch is the sum of its rows' gradients, and each row's is that of the row alone."""
    config = TINY.changed({"location_units": 3})
    params, _ = scene(config)
    images = np.random.default_rng(3).random((5, 7, 9))
    t = rollout(params, config, summed_area(images), np.random.default_rng(0), every_step=True)
    v = random_cotangents(t)
    whole = backward(params, t, v)
    total = {name: 0 for name in params}
    largest = {name: 0 for name in params}
    for n in range(5):
        alone = rollout(
            params, config, summed_area(images[n : n + 1]), None, every_step=True, frozen=rows_of(t, slice(n, n + 1))
        )
        g = backward(params, alone, Cotangents(*(x[:, n : n + 1] if x.ndim > 1 else x for x in v)))
        for name in params:
            total[name] = total[name] + g[name]
            largest[name] = np.maximum(largest[name], np.abs(g[name]).max())
    for name in params:
        # Each row's gradient is a sum of T products of sums: some 100 roundings of numbers not much larger.
        close(whole[name], total[name], scale=10 * largest[name], steps=100)


def test_rollouts_are_copies():
    params, _ = scene()
    images = np.random.default_rng(3).random((2, 7, 9))
    t = rollout(params, TINY, summed_area(images), np.random.default_rng(0), 3)
    copies = rollout(params, TINY, summed_area(images.repeat(3, axis=0)), None, frozen=t)
    np.testing.assert_array_equal(t.image, [0, 0, 0, 1, 1, 1])
    v = random_cotangents(t)
    for a, b in ((t.logits, copies.logits), (t.mu, copies.mu), (t.baseline, copies.baseline)):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(backward(params, t, v).values(), backward(params, copies, v).values()):
        np.testing.assert_array_equal(a, b)


def test_float32_is_float64_to_rounding():
    """|g₃₂ − g₆₄| ≤ λ √K u |g|, entry by entry: K roundings along the longest path, |g| a sum over paths of |·|.

    With the ReLU masks fixed, a gradient is a sum of products of weights, inputs and cotangents. Rounding
    changes each by K factors 1 + δ, |δ| ≤ u, K the terms of all sums on the way: by λ √K u at most, but with
    probability 2 exp(−λ²/2), if the δ are independent (Higham and Mary 2019). The sum of the absolute values
    of these products is the gradient of the network of absolute values, all of whose ReLUs are open.
    """
    config = TINY.changed({"glimpses": 6, "std": 0.05, "start": "centre", "scales": (1, 2)})
    params, area = scene(config, (1, 40, 40), dtype=np.float32)
    params["location.b"] *= 0  # the retina stays inside the image, where the absolute φ below is 1
    params["location.W"] *= np.float32(0.1)
    params["core.W"] *= np.float32(0.3)  # absolute values that grow from step to step would say little
    t = rollout(params, config, area, np.random.default_rng(0), every_step=True)
    v = random_cotangents(t, dtype=np.float32)
    grads = backward(params, t, v)
    wide = {name: x.astype(np.float64) for name, x in params.items()}
    t64 = rollout(wide, config, area, None, every_step=True, frozen=t)
    grads64 = backward(wide, t64, Cotangents(*(x.astype(np.float64) for x in v)))
    for a, b in ((t.core.h, t64.core.h), (t.glimpse.g, t64.glimpse.g), (t.glimpse.hidden, t64.glimpse.hidden)):
        np.testing.assert_array_equal(a > 0, b > 0)

    absolute = {name: np.abs(x) for name, x in wide.items()}
    frozen = t._replace(loc=np.abs(t.loc), sample=np.abs(t.sample))
    t_abs = rollout(absolute, config, summed_area(np.ones((1, 40, 40))), None, every_step=True, frozen=frozen)
    np.testing.assert_array_equal(t_abs.glimpse.phi, 1)
    sums = backward(absolute, t_abs, Cotangents(*(np.abs(x).astype(np.float64) for x in v)))
    one_step = len(params["glimpse.what.W"]) + len(params["glimpse.combine.W"]) + len(params["core.W"]) + 6
    K = 2 * config.glimpses * one_step + 6 * 4  # there and back, and the sum over T · N rows
    u = np.finfo(np.float32).eps / 2
    bound = {name: 6 * np.sqrt(K) * u * x for name, x in sums.items()}  # λ = 6: probability 3e-8
    for name, g in grads.items():
        assert g.dtype == np.float32
        assert (np.abs(g - grads64[name]) <= bound[name]).all(), name
    # The bound is not too wide to fail: with weights rounded to half precision, they leave it.
    half = {name: x.astype(np.float16).astype(np.float64) for name, x in wide.items()}
    t16 = rollout(half, config, area, None, every_step=True, frozen=t)
    grads16 = backward(half, t16, Cotangents(*(x.astype(np.float64) for x in v)))
    assert any((np.abs(grads16[name] - grads64[name]) > bound[name]).any() for name in grads)


def test_the_backward_pass_writes_over_its_cotangents():
    """Of the large arrays it makes two, ∂L/∂h and ∂L/∂g; products of one step, and masks, are small beside them."""
    config = TINY.changed(glimpses=8, core_units=40, glimpse_units=40, flow=())
    params, images = init_params(config, np.random.default_rng(0), 3), np.random.default_rng(1).random((500, 6, 6))
    t = rollout(params, config, summed_area(images), np.random.default_rng(2))
    ones = Cotangents(*(np.ones_like(a) for a in (t.logits, t.mu, t.log_std, t.baseline)))
    tracemalloc.start()
    try:
        backward(params, t, ones, config.flow)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2 < peak / t.core.h.nbytes < 2.6
