"""A trained agent, of the first protocol, as a problem of lesson 13: its rollouts, and a truth that is itself a mean.

J is the chance that a label drawn after the last glimpse is right, over the training images. It is climbed by the last
layer of the location head, (W, b), of 258 parameters with the usual widths, as a row's own gradient can be written down
there. The truth cannot be enumerated. A first half of many rollouts gives a direction d, a second half the slope of J
along d with its standard error: the one number that estimators are held to. (The length of a noisy mean is too long.)
Their own means take as many rollouts, so they are kept with it; how they scatter shows in seconds, and is drawn anew.

python tutorials/trained_agent.py              make variance_results/truth.json anew: a quarter of an hour, one thread
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    from minram.training.process import one_thread

    one_thread()  # before NumPy is loaded

import numpy as np

import variance as v
from laboratory import Problem, Way, compared
from minram import heads, reinforce
from minram.agent import rollout
from minram.datasets import data
from minram.sensor import summed_area
from minram.training.process import machine
from minram.training.run import load_params

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE / "checkpoints" / "v1" / "mnist" / "best.npz"
TRUTH = HERE / "variance_results" / "truth.json"
SEED, BATCH = 28, 512  # images of a batch, with two rollouts each
GROUP = 4  # rollouts of an estimate in the comparison


class Agent(NamedTuple):
    params: dict
    config: object
    images: np.ndarray  # (n, 28, 28)
    labels: np.ndarray

    @property
    def std(self):
        return self.config.std * self.config.final_std


def load():
    params, config, _ = load_params(WEIGHTS)
    d = data.load(n_val=config.n_val)
    return Agent(params, config, d.x_train, d.y_train)


def digest(path=WEIGHTS):
    """Of the weights, so that a truth is never taken for that of others."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def walk(agent, rng, images, rollouts):
    """Rollouts of images that are drawn with replacement → Trajectory with a label guess at every step, labels (B,)."""
    index = rng.integers(len(agent.images), size=images)
    area = summed_area(agent.images[index], agent.config.background)
    return rollout(agent.params, agent.config, area, rng, rollouts, every_step=True), agent.labels[index]


class Mirrored:
    """A generator whose second rollout of an image has the first one's noise, mirrored: antithetic pairs for `walk`."""

    def __init__(self, rng):
        self.rng, self.integers = rng, rng.integers

    def uniform(self, low, high, size):
        half = self.rng.uniform(low, high, (size[0] // 2, *size[1:]))
        return np.stack([half, low + high - half], axis=1).reshape(size)

    def standard_normal(self, size, dtype=float):
        half = self.rng.standard_normal((size[0] // 2, *size[1:]), dtype=dtype)
        return np.stack([half, -half], axis=1).reshape(size)


class Draws(NamedTuple):
    """What the estimators of variance.py read, in n groups of M rollouts."""

    p: np.ndarray  # (n, M, 1) the chance of the right label after the last glimpse
    r: np.ndarray  # (n, M, 1) 1 if a label that is drawn from it is right
    psi: np.ndarray  # (n, M, T−1, P), or (…, 1): along a direction
    states: np.ndarray  # (n, M, T−1, core + 1) h_t and a 1


def draws(agent, rng, n, kind="images", along=None):
    """n groups of four rollouts: of four "images", of "one" image, or of two "mirrored" pairs. along: a direction (P,).

    The score by (W, b) of the last layer is the outer product of what it reads, with a 1, and the score by μ.
    """
    images, rollouts = {"images": (GROUP * n, 1), "one": (n, GROUP), "mirrored": (2 * n, 2)}[kind]
    t, labels = walk(agent, Mirrored(rng) if kind == "mirrored" else rng, images, rollouts)
    shape = (n, GROUP, len(t.mu))

    def rows(a):  # (T−1, N, …) → (n, M, T−1, …)
        return np.moveaxis(a, 0, 1).reshape(*shape, *a.shape[2:]).astype(float)

    def with_one(a):
        return np.concatenate([a, np.ones((*a.shape[:-1], 1))], axis=-1)

    hidden, score = with_one(rows(t.location.hidden)), rows((t.sample - t.mu) / np.exp(t.log_std) ** 2)
    if along is None:
        psi = (hidden[..., :, None] * score[..., None, :]).reshape(*shape, -1)  # W (128, 2), then b (2)
    else:
        psi = (hidden @ along.reshape(-1, 2) * score).sum(axis=-1, keepdims=True)
    p = v.label_probability(t.logits[-1].astype(float), labels[t.image]).reshape(n, GROUP, 1)
    return Draws(p, (rng.random(p.shape) < p).astype(float), psi, with_one(rows(t.core.h[:-1])))


class Fitted(NamedTuple):
    """What is fitted on other rollouts: b*, and the weights of a learned baseline."""

    best: float
    weights: np.ndarray


def fitted(agent, n=1000):
    d = draws(agent, np.random.default_rng(100), n)
    return Fitted(v.best_constant(d.p, d.psi), v.fit_baseline(d.states, d.p))


# name: (kind of group, estimate from Draws and Fitted, what its mean should be)
WAYS = {
    "plain: the label is drawn": ("images", lambda d, f: v.plain(d.r, d.psi), 1),
    "p_y": ("images", lambda d, f: v.plain(d.p, d.psi), 1),
    "p_y, other images, leave one out": ("images", lambda d, f: v.leave_one_out(d.p, d.psi), 1),
    "p_y, best constant b*": ("images", lambda d, f: v.baselined(d.p, d.psi, f.best), 1),
    "p_y, learned b_t(h_t)": ("images", lambda d, f: v.baselined(d.p, d.psi, d.states @ f.weights), 1),
    "p_y, the image's mean, itself included": ("one", lambda d, f: v.own_mean(d.p, d.psi), 3 / 4),
    "p_y, the image's others, leave one out": ("one", lambda d, f: v.leave_one_out(d.p, d.psi), 1),
    "p_y, normalised over the image": ("one", lambda d, f: v.normalised(d.p, d.psi), None),
    "p_y, antithetic pairs": ("mirrored", lambda d, f: v.plain(d.p, d.psi), 1),
}


def means(agent, direction, chunks, report=print):
    """The mean of every way along the direction, and its standard error → {name: (mean, error)}."""
    f, rng, found = fitted(agent), np.random.default_rng(SEED + 1), {name: [] for name in WAYS}
    for i in range(chunks):
        some = {kind: draws(agent, rng, 256, kind, direction) for kind in ("images", "one", "mirrored")}
        for name, (kind, estimate, _) in WAYS.items():
            found[name].append(estimate(some[kind], f)[:, 0].mean())
        if (i + 1) % 200 == 0:
            report(f"{i + 1} of {chunks} chunks")
    return {name: (float(np.mean(a)), float(np.std(a, ddof=1) / np.sqrt(chunks))) for name, a in found.items()}


def measured(agent, record, n=3000, seed=0):
    """[Measured] of all ways: the bias as the record has it, variance × cost from rollouts drawn now."""
    f, rng = fitted(agent), np.random.default_rng(seed)
    some = {kind: draws(agent, rng, n, kind) for kind in ("images", "one", "mirrored")}
    direction, rows = np.array(record["direction"]), []
    for name, (kind, estimate, expected) in WAYS.items():
        way = Way(None, GROUP, expected)
        now = compared(Problem("", record["slope"], {}, direction), name, way, estimate(some[kind], f))
        mean, error = record["means"][name]
        factor = mean / record["slope"]
        # Of a ratio of two independent means, each with its own error.
        error = np.hypot(error, factor * record["slope_error"]) / record["slope"]
        scale = 1 if expected is not None else now.factor / factor  # the length of the mean, better known by now
        rows.append(
            now._replace(factor=factor, error=error, work=now.work * scale**2, work_error=now.work_error * scale**2)
        )
    return rows


def one_batch(agent, config, rng):
    """The gradient of J from a batch, by the package's own functions, and the mean reward of its two rollouts (B,)."""
    t, labels = walk(agent, rng, BATCH, 2)
    cotangents, outcome = reinforce.cotangents(t, labels, config)
    rows = heads.LocationCache(*(a.reshape(-1, a.shape[-1]) for a in t.location))
    _, grads = heads.location_backward(agent.params, cotangents.mu.reshape(-1, 2), rows, input_gradient=False)
    gradient = np.concatenate([grads["location.W"].ravel(), grads["location.b"]])
    return -gradient.astype(float), outcome.reward.reshape(BATCH, 2).mean(axis=1)  # uphill


def truth(agent, batches, report=print):
    """The record that is kept: direction, slope along it, and the squared length of the gradient, with errors."""
    changes = {"reward": "probability", "reward_steps": "last", "baseline": "rollouts", "rollouts": 2}
    config = agent.config.changed(changes | {"location_weight": 1, "final_location_weight": 1})
    rng, found, rewards = np.random.default_rng(SEED), [], []
    for i in range(batches):
        gradient, reward = one_batch(agent, config, rng)
        found.append(gradient)
        rewards.append(reward.mean())
        if (i + 1) % 500 == 0:
            report(f"{i + 1} of {batches} batches")
    found, half = np.array(found), batches // 2
    first, second = found[:half].mean(axis=0), found[half:].mean(axis=0)
    d = first / np.linalg.norm(first)
    along = found[half:] @ d
    # A product of two independent means: each scatters, along the other.
    square_error = np.sqrt(
        (found[:half] @ second).var(ddof=1) / half + along.var(ddof=1) * (first @ first) / len(along)
    )
    return {
        "command": f"python tutorials/trained_agent.py --batches {batches}",
        "machine": machine(),
        "weights": digest(),
        "seed": SEED,
        "batches": batches,
        "rollouts": batches * BATCH * 2,
        "J": float(np.mean(rewards)),
        "J_error": float(np.std(rewards, ddof=1) / np.sqrt(batches)),
        "slope": float(along.mean()),
        "slope_error": float(along.std(ddof=1) / np.sqrt(len(along))),
        "square": float(first @ second),
        "square_error": float(square_error),
        "direction": [float(f"{x:.7g}") for x in d],
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=8000, help="of 512 images with two rollouts each (8000)")
    parser.add_argument("--chunks", type=int, default=2000, help="of 1,024 rollouts of each kind, for the means (2000)")
    parser.add_argument("--out", type=Path, default=TRUTH, metavar="FILE", help="where the record goes")
    args = parser.parse_args(argv)
    agent, report = load(), lambda line: print(line, flush=True)
    record = truth(agent, args.batches, report)
    record["command"] += f" --chunks {args.chunks}"
    record["rollouts_of_means"] = args.chunks * 256 * GROUP
    record["means"] = means(agent, np.array(record["direction"]), args.chunks, report)
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print({name: value for name, value in record.items() if name != "direction"})


if __name__ == "__main__":
    main()
