"""How often is the agent wrong? One rollout or the average of many, after each glimpse, with an interval."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minram.datasets.tasks import fixed_batches
from minram.errors import InputError, check_labels, check_whole
from minram.ops import Array, Params
from minram.training.config import Config
from minram.training.models import MODELS

BATCH = 500  # rows at a time: large enough for fast products, small enough to stay in the cache
SEEDS = 2**63 - 1  # the largest
PIXELS = 2**25  # at a time, on large canvases


class Evaluation(NamedTuple):
    wrong: Array  # (T, n) was the most probable label after each glimpse wrong?
    probabilities: Array  # (T, n, K) averaged over rollouts

    @property
    def errors(self) -> Array:
        """Share of wrong labels after each glimpse (T,)."""
        return self.wrong.mean(axis=1)

    @property
    def error(self) -> float:
        """Share of wrong labels after the last glimpse."""
        return float(self.errors[-1])


def evaluate(
    params: Params, config: Config, images: Array, labels: Any, policy: str = "mean", rollouts: int = 1, seed: int = 0
) -> Evaluation:
    """Label every image and compare; probabilities, not their logarithms, are averaged over the rollouts.

    images (n, h, w[, C]), labels (n,); the task is made from a fixed `seed`, which also fixes the first
    locations and the samples. → Evaluation. Raises InputError for images or labels that do not fit the model.
    """
    labels = np.asarray(labels)
    check_whole("rollouts", rollouts, 1, 10_000)
    check_whole("seed", seed, 0, SEEDS)
    if not len(images):
        raise InputError("there are no images to evaluate; give one or more.")
    check_labels(labels, len(images), params["label.b"].size)
    policy = config.rollout_policy(policy)
    rng = np.random.default_rng([seed, 1])  # not the generator that makes the task
    task = config.task_at()
    batch_size = max(1, min(BATCH // rollouts, PIXELS // math.prod(task.canvas or images.shape[1:3])))
    chunks = []
    for _, batch in fixed_batches(task, images, batch_size, seed):
        chunks.append(MODELS[config.model].probabilities(params, config, batch, rng, policy, rollouts))
    probabilities = np.concatenate(chunks, axis=1)  # (T, n, K)
    return Evaluation(probabilities.argmax(axis=-1) != labels, probabilities)


def confusion(given: Array, labels: Array, K: int) -> Array:
    """How many images of each class (row) were given each label (column): given, labels (n,) → (K, K)."""
    return np.bincount(K * labels + given, minlength=K * K).reshape(K, K)


def wilson(wrong: int, n: int) -> tuple[float, float]:
    """The 95 % score interval (low, high) of an error rate, from the number of wrong labels of n (Wilson 1927)."""
    from scipy.stats import binomtest  # here, because importing it takes longer than the rest of the package

    interval = binomtest(int(wrong), int(n)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def percent(error: float, interval: Sequence[float]) -> str:
    """An error rate and its interval as text: "1.23 % [1.03, 1.47]"."""
    return f"{100 * error:.2f} % [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]"
