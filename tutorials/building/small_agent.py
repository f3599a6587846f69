"""The agent of the page "one step by hand", and its update as named numbers, computed by the package.

Two glimpses of 2 × 2 pixels at a 4 × 4 image, two units in each layer, two labels; numbers are quarters and halves.
"""

import numpy as np

from minram.agent import backward, rollout
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training.config import Config

CONFIG = Config(
    glimpses=2,
    patch_size=2,
    scales=(1,),
    what_units=2,
    where_units=2,
    glimpse_units=2,
    core_units=2,
    std=0.5,
    label_steps="every",
    flow=("label", "location"),
)


class Draws:
    """A generator whose normal numbers are known beforehand."""

    def __init__(self, eps):
        self.eps = np.asarray(eps, float)

    def standard_normal(self, shape, dtype):
        return np.broadcast_to(self.eps, shape).astype(dtype)


def drawn(rng, quarters=True):
    """A random input of the page, plain lists; quarters: all numbers are multiples of ¼."""
    from minram.agent import layers

    def numbers(*shape):
        x = rng.normal(0, 0.8, shape)
        return np.round(4 * x) / 4 if quarters else x

    params = {}
    for name, (n_in, n_out, _) in layers(CONFIG, 2).items():
        for key, shape in ((f"{name}.W", (n_in, n_out)), (f"{name}.b", (n_out,))):
            params[key] = {"shape": list(shape), "values": numbers(*shape).ravel().tolist()}
    image = rng.integers(0, 5, (4, 4)) / 4 if quarters else rng.random((4, 4))
    loc = np.array([0.0, -0.5]) if quarters else rng.uniform(-1, 1, 2)
    return {
        "params": params,
        "image": image.tolist(),
        "label": int(rng.integers(2)),
        "loc": loc.tolist(),
        "eps": numbers(2).tolist(),
        "sigma": [CONFIG.std] * 2,
        "patch": CONFIG.patch_size,
        "glimpses": CONFIG.glimpses,
    }


def update(s):
    """Trajectory, Cotangents, Outcome and gradients of an input."""
    params = {name: np.reshape(w["values"], w["shape"]).astype(float) for name, w in s["params"].items()}
    area = summed_area(np.array([s["image"]], float))
    t = rollout(params, CONFIG, area, Draws(s["eps"]), 1, every_step=True, start=np.array(s["loc"]))
    at_heads, outcome = cotangents(t, [s["label"]], CONFIG)
    return t, at_heads, outcome, backward(params, t, at_heads, CONFIG.flow)


def named(s):
    """The same as {name of the page: number}."""
    t, at_heads, outcome, grads = update(s)
    found = {}

    def put(name, array):
        for index in np.ndindex(np.shape(array)):
            found[f"{name}[{','.join(map(str, index))}]"] = float(array[index])

    n_what = CONFIG.what_units
    for i in range(CONFIG.glimpses):
        put(f"l{i + 1}", t.loc[i, 0])
        put(f"φ{i + 1}", t.glimpse.phi[i, 0])
        put(f"what{i + 1}", t.glimpse.hidden[i, 0, :n_what])
        put(f"where{i + 1}", t.glimpse.hidden[i, 0, n_what:])
        put(f"g{i + 1}", t.glimpse.g[i, 0])
        put(f"h{i + 1}", t.core.h[i, 0])
        put(f"logit{i + 1}", t.logits[i, 0])
        put(f"dlogit{i + 1}", at_heads.logits[i, 0])
    put("μ", t.mu[0, 0])
    put("a", t.sample[0, 0])
    put("b", t.baseline[0])
    put("dμ", at_heads.mu[0, 0])
    for name, gradient in grads.items():
        put(f"∇{name}", gradient)
    found |= {"r": float(outcome.reward[0]), "A": float(outcome.advantage[0, 0]), "db": float(at_heads.baseline[0, 0])}
    return found


def standard():
    """The page's own numbers: the first seed for which every bug shows, and no unit is on its kink.

    The draw is clipped, a unit of the core that has a gradient is closed, and all gradients are alive.
    """
    for seed in range(100_000):
        s = drawn(np.random.default_rng(seed))
        t, _, outcome, grads = update(s)
        h, g, hidden = t.core.h[:, 0], t.glimpse.g[:, 0], t.glimpse.hidden[:, 0]
        clipped = (np.abs(t.sample[0, 0]) > 1).sum() == 1
        half = (h > 0).sum() == 3 and (g > 0).sum() >= 3 and (hidden > 0).sum() >= 5
        alive = outcome.advantage[0, 0] != 0 and all(w.any() for w in grads.values())
        numbers = np.concatenate([t.mu.ravel(), t.loc.ravel(), t.baseline.ravel()])
        if clipped and half and alive and np.abs(numbers).max() < 2 and (h[0] > 0).all() and outcome.reward[0] == 1:
            return s
    raise AssertionError("no seed will do")
