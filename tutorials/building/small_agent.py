"""The agent of lesson 0 as the page "one step by hand" reads it: an input, and its update as named numbers.

The agent and its update are those of minram/training/by_hand.py. The numbers that the page begins with are others, as
each of its bugs has to show: in lesson 0 the draw is not clipped and no unit of the core is closed. A button of the
page brings those of the lesson.
"""

import numpy as np

from minram.agent import layers
from minram.training import by_hand
from minram.training.by_hand import CONFIG


def drawn(rng, quarters=True):
    """A random input of the page, plain lists; quarters: all numbers are multiples of ¼."""

    def numbers(*shape):
        x = rng.normal(0, 0.8, shape)
        return np.round(4 * x) / 4 if quarters else x

    params = {}
    for name, (n_in, n_out, _) in layers(CONFIG, 2).items():
        for key, shape in ((f"{name}.W", (n_in, n_out)), (f"{name}.b", (n_out,))):
            params[key] = {"shape": list(shape), "values": numbers(*shape).ravel().tolist()}
    image = rng.integers(0, 5, (4, 4)) / 4 if quarters else rng.random((4, 4))
    loc = np.array([0.0, -0.5]) if quarters else rng.uniform(-1, 1, 2)
    return _input(params, image, int(rng.integers(2)), loc, numbers(2))


def lesson():
    """Lesson 0 as an input of the page."""
    params = {name: {"shape": list(a.shape), "values": a.ravel().tolist()} for name, a in by_hand.parameters().items()}
    return _input(params, by_hand.IMAGE[0], int(by_hand.LABELS[0]), by_hand.START, by_hand.NOISE)


def _input(params, image, label, loc, eps):
    return {
        "params": params,
        "image": image.tolist(),
        "label": label,
        "loc": loc.tolist(),
        "eps": eps.tolist(),
        "sigma": [CONFIG.std] * 2,
        "patch": CONFIG.patch_size,
        "glimpses": CONFIG.glimpses,
    }


def update(s):
    """The update of an input, with all that it was made of."""
    params = {name: np.reshape(w["values"], w["shape"]).astype(float) for name, w in s["params"].items()}
    image, loc = np.array([s["image"]], float), np.array(s["loc"])
    return by_hand.update(params, s["eps"], image, np.array([s["label"]]), loc)


def named(s):
    """The same as {name of the page: number}."""
    t, at_heads, outcome, grads, _ = update(s)
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


def inside(s, t):
    """What each ReLU of an update is given, an array a layer."""
    params = {name: np.reshape(w["values"], w["shape"]) for name, w in s["params"].items()}
    read = {
        "glimpse.what": t.glimpse.phi,
        "glimpse.where": t.loc,
        "glimpse.combine": t.glimpse.hidden,
        "core": t.core.hg,
    }
    return [x @ params[f"{name}.W"] + params[f"{name}.b"] for name, x in read.items()]


def standard():
    """The page's own numbers: the first seed for which every bug shows, and no unit is on its kink.

    The draw is clipped, a unit of the core that has a gradient is closed, all gradients are alive, and the advantage
    turns with the label.
    """
    for seed in range(100_000):
        s = drawn(np.random.default_rng(seed))
        t, _, outcome, grads, _ = update(s)
        h, g, hidden = t.core.h[:, 0], t.glimpse.g[:, 0], t.glimpse.hidden[:, 0]
        clipped = (np.abs(t.sample[0, 0]) > 1).sum() == 1
        half = (h > 0).sum() == 3 and (g > 0).sum() >= 3 and (hidden > 0).sum() >= 5
        smooth = min(np.abs(z).min() for z in inside(s, t)) > 0 and 0 < t.baseline[0, 0] < 1
        alive = outcome.advantage[0, 0] != 0 and all(w.any() for w in grads.values())
        numbers = np.concatenate([t.mu.ravel(), t.loc.ravel(), t.baseline.ravel()])
        if (
            clipped
            and half
            and alive
            and smooth
            and np.abs(numbers).max() < 2
            and (h[0] > 0).all()
            and outcome.reward[0] == 1
        ):
            return s
    raise AssertionError("no seed will do")
