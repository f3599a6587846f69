"""How often is the agent wrong? One rollout or the average of many, after each glimpse, with an interval."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from minram.agent import rollout
from minram.datasets.tasks import fixed_batches
from minram.errors import InputError, check_labels
from minram.sensor import summed_area
from minram.training.classifiers import classifier_forward

BATCH = 500  # rows at a time: large enough for fast products, small enough to stay in the cache
PIXELS = 2**25  # at a time, on large canvases


class Evaluation(NamedTuple):
    wrong: np.ndarray  # (T, n) was the most probable label after each glimpse wrong?
    probabilities: np.ndarray  # (T, n, K) averaged over rollouts

    @property
    def errors(self):
        """Share of wrong labels after each glimpse (T,)."""
        return self.wrong.mean(axis=1)

    @property
    def error(self):
        """Share of wrong labels after the last glimpse."""
        return float(self.errors[-1])


def evaluate(params, config, images, labels, policy="mean", rollouts=1, seed=0):
    """Label every image and compare; probabilities, not their logarithms, are averaged over the rollouts.

    images (n, h, w[, C]), labels (n,); the task is made from a fixed `seed`, which also fixes the first
    locations and the samples. → Evaluation. Raises InputError for images or labels that do not fit the model.
    """
    labels = np.asarray(labels)
    if not (len(images) and 1 <= rollouts <= 10_000):
        raise InputError(
            f"An evaluation takes 1 or more images and 1 to 10000 rollouts, not {len(images)} and {rollouts}."
        )
    check_labels(labels, len(images), params["label.b"].size)
    policy = config.rollout_policy(policy)
    rng = np.random.default_rng([seed, 1])  # not the generator that makes the task
    task = config.make_task
    batch_size = max(1, min(BATCH // rollouts, PIXELS // math.prod(task.canvas or images.shape[1:3])))
    chunks = []
    for _, batch in fixed_batches(task, images, batch_size, seed):
        if config.model != "ram":
            logits, _ = classifier_forward(params, batch)
            chunks.append(softmax(logits, axis=-1)[None])  # one look (1, n, K)
            continue
        area = summed_area(batch, background_level(config, batch))
        trajectory = rollout(params, config, area, rng, rollouts, policy, every_step=True)
        p = softmax(trajectory.logits, axis=-1)  # (T, N, K)
        chunks.append(p.reshape(len(p), len(batch), rollouts, -1).mean(axis=2))
    probabilities = np.concatenate(chunks, axis=1)  # (T, n, K)
    return Evaluation(probabilities.argmax(axis=-1) != labels, probabilities)


def wilson(wrong, n):
    """The 95 % score interval (low, high) of an error rate, from the number of wrong labels of n (Wilson 1927)."""
    from scipy.stats import binomtest  # here, because importing it takes longer than the rest of the package

    interval = binomtest(int(wrong), int(n)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def percent(error, interval):
    """An error rate and its interval as text: "1.23 % [1.03, 1.47]"."""
    return f"{100 * error:.2f} % [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]"


def background_level(config, images):
    """The background in the units of the images."""
    return round(255 * config.background) if images.dtype == np.uint8 else config.background
