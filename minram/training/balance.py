"""Classes that count alike, however many images each has: the setting class_weights=balanced.

Each class k with n_k of the n training images gets the weight w_k = n / (K n_k), which is 1 on average over the images.
The cross-entropy of an image is weighted by that of its class, and so are the rewards: the locations then follow the
gradient of the same weighted mean, and a baseline predicts weighted returns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minram.agent import Cotangents, Trajectory
from minram.ops import Array, cross_entropy_forward
from minram.reinforce import REWARDS, Outcome, cotangents
from minram.training.config import Config
from minram.training.own import Own


def class_weights(config: Config, labels: Array, n_classes: int) -> Array | None:
    """The weight of each class (K,), 0 of one without training images; None where images count alike.

    labels (n,): of the training images.
    """
    if config.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    share = np.where(counts, len(labels) / np.maximum(counts, 1), 0.0)
    return share / np.count_nonzero(counts)


def balanced_cotangents(
    trajectory: Trajectory,
    labels: Array,
    config: Config,
    weights: Array,
    rng: Any = None,
    progress: float = 1.0,
    own: Own = Own(),  # noqa: B008, a frozen record
) -> tuple[Cotangents, Outcome]:
    """The cotangents and the outcome of `minram.reinforce.cotangents`, with weights (K,) of the classes.

    labels (B,). The outcome's rewards, returns and advantages are weighted, its loss and error are not.
    """
    weights = weights.astype(trajectory.logits.dtype)
    plain = own.reward or default_reward(config)
    heads, outcome = cotangents(
        trajectory, labels, config, rng, progress, lambda t, rows: weights[rows] * plain(t, rows), own.baseline
    )
    of_rows = weights[labels][trajectory.image]  # (N,)
    return heads._replace(logits=heads.logits * of_rows[:, None]), outcome


def default_reward(config: Config) -> Callable[[Trajectory, Array], Array]:
    """The settings' reward as a function (trajectory, labels (N,)) → (T, N), what each glimpse earns."""

    def reward(trajectory, labels):
        loss, cache = cross_entropy_forward(trajectory.logits, labels)  # (S, N)
        scored = REWARDS[config.reward](loss, cache.p.argmax(axis=-1) == labels)
        rewarded = len(scored) if config.reward_steps == "every" else 1
        rewards = np.zeros(trajectory.loc.shape[:2], loss.dtype)
        rewards[-rewarded:] = scored[-rewarded:]
        return rewards

    return reward
