"""The gradient check of the whole model: every parameter, through all time steps, for every objective.

A sample is data, and so are the reward and the advantage: the locations, labels and advantages of one rollout
are frozen, and what is left are functions of the parameters that differences can follow:

    cross-entropy     mean over rows and labelled steps of −log softmax(logits)_label
    log-likelihood    −λ/N Σ_n Σ_t (G − b)_{t,n} log π(a_{t,n} | μ_{t,n}, σ)
    border            λ·w/2N Σ_n Σ_t |μ_{t,n} − clip(μ_{t,n})|², w = border_weight, clipped to the image
    guess             −1/N Σ_n (G − b)_{T−1,n} log softmax(logits)_guess, for a label that is drawn as well
    baseline          β/2N Σ_n Σ_t (b_{t,n} − G_{t,n})²
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from minram.agent import Cotangents, Trajectory, backward, init_params, rollout
from minram.gradcheck.checks import check_directions, check_gradient
from minram.gradcheck.report import Report
from minram.ops import Array, Params, cross_entropy_forward
from minram.policy import log_prob_forward
from minram.reinforce import Outcome, advantages, cotangents
from minram.reinforce import draw as draw_label
from minram.sensor import SummedArea, summed_area

# The drawn label alone is rewarded, whatever a hybrid recipe rewards.
REINFORCE = {
    "objective": "reinforce",
    "flow": ("label", "location", "baseline"),
    "reward": "correct",
    "reward_steps": "last",
}


class Frozen(NamedTuple):
    """A model and one rollout of it, with all that an update takes as data."""

    params: Params
    config: Any
    area: SummedArea
    trajectory: Trajectory
    labels: Array  # (N,)
    guess: Array  # (N,) the labels that objective "reinforce" draws
    cotangents: Cotangents
    outcome: Outcome


def freeze(config: Any, images: Array, labels: Array, n_classes: int, seed: int = 0) -> Frozen:
    """Random float64 parameters, biases and log σ among them, and one rollout on images (B, H, W[, C])."""
    rng = np.random.default_rng(seed)
    params = init_params(config, rng, n_classes, np.prod(images.shape[3:], dtype=int), np.float64)
    # Biases of 0 and μ near 0 would hide what their gradients do.
    params = {k: x + rng.normal(0, 0.5 / np.sqrt(len(x)), x.shape) for k, x in params.items()}
    area = summed_area(images)
    t = rollout(params, config, area, rng, config.rollouts, every_step=config.label_steps == "every")
    heads, outcome = cotangents(t, labels, config, np.random.default_rng(seed))
    guess = draw_label(softmax(t.logits[-1], axis=-1), np.random.default_rng(seed))
    return Frozen(params, config, area, t, labels[t.image], guess, heads, outcome)


def scalars(frozen: Frozen) -> dict[str, Callable[[Trajectory], Any]]:
    """The five functions above, each of a Trajectory along the frozen locations."""
    _, config, _, trajectory, labels, guess, _, outcome = frozen
    advantage = outcome.advantage
    # The drawn label is the last decision, and judged as the location before it, which a single glimpse has not.
    last = trajectory.baseline[-1:] if len(advantage) else np.zeros((1, labels.size))
    of_guess = advantages(outcome.reward, last, config.baseline, config.rollouts)[0]  # (N,)
    N, weight = labels.size, config.location_weight * config.final_location_weight  # λ
    return {
        "cross-entropy": lambda t: cross_entropy_forward(t.logits, labels)[0].mean(),
        "log-likelihood": lambda t: (
            -weight / N * np.sum(advantage * log_prob_forward(trajectory.sample, t.mu, t.log_std)[0])
        ),
        "border": lambda t: weight * config.border_weight / (2 * N) * np.sum((t.mu - t.mu.clip(-1, 1)) ** 2),
        "guess": lambda t: np.sum(of_guess * cross_entropy_forward(t.logits[-1], guess)[0]) / N,
        "baseline": lambda t: config.baseline_weight / (2 * N) * np.sum((t.baseline - outcome.returns) ** 2),
    }


def along(frozen: Frozen, scalar: Callable[[Trajectory], Any]) -> Callable[[Params], tuple]:
    """scalar(trajectory) as a function of (some of) the parameters → (value, ReLU masks)."""
    every = len(frozen.trajectory.logits) > 1

    def f(params):
        t = rollout(
            frozen.params | params,
            frozen.config,
            frozen.area,
            None,
            frozen.config.rollouts,
            every_step=every,
            frozen=frozen.trajectory,
        )
        return scalar(t), (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0, t.location.hidden > 0)

    return f


def only(cotangents: Cotangents, *heads: str) -> Cotangents:
    """The cotangents of some heads, 0 at the others."""
    return Cotangents(*(x if name in heads else x * 0 for name, x in zip(cotangents._fields, cotangents)))


def objectives(
    config: Any, n_classes: int = 4, shape: tuple[int, ...] = (3, 11, 13), seed: int = 0
) -> Iterator[tuple[str, Callable, Params, Params, list[str]]]:
    """Yield (title, f, params, grads, names of the gradients that are 0) for everything an update descends on.

    config: a dataclass of settings, such as a `minram.training.config.Config`; shape (B, H, W[, C]): of the random
    images.
    """
    rng = np.random.default_rng(seed)
    images, labels = rng.random(shape), rng.integers(0, n_classes, shape[0])
    all_heads = Cotangents._fields
    decides = config.glimpses > 1 and config.policy == "gaussian"
    for title, names, heads, changes in (
        ("cross-entropy of the label", ("cross-entropy",), ("logits",), {}),
        ("log-likelihood of the locations", ("log-likelihood", "border"), ("mu", "log_std"), {}),
        ("squared error of the baseline", ("baseline",), ("baseline",), {}),
        ("objective reinforce", ("log-likelihood", "border", "guess", "baseline"), all_heads, REINFORCE),
    ):
        used = heads if decides else tuple(h for h in heads if h == "logits")
        if not used or (changes and config.policy == "random"):  # which has nothing to reinforce
            continue
        for learn_std in (False, True) if "mu" in used else (False,):
            # What a learned σ goes without.
            free = {"final_std": 1.0, "weight_decay": 0.0, "start": "uniform"} if learn_std else {}
            settings = replace(config, **changes, **free, learn_std=learn_std)
            frozen = freeze(settings, images, labels, n_classes, seed)
            parts = [scalars(frozen)[name] for name in names]
            f = along(frozen, partial(_sum_of, parts))
            grads = backward(frozen.params, frozen.trajectory, only(frozen.cotangents, *used))
            shared = ("glimpse", "core", *(h.replace("logits", "label").replace("mu", "location") for h in used))
            zero = [name for name in frozen.params if not name.startswith(shared)]
            sigma = " (σ learned)" if learn_std else " (σ fixed)" if "mu" in used else ""
            yield f"{title}{sigma}, T = {config.glimpses}, float64", f, frozen.params, grads, zero


def _sum_of(parts, trajectory):
    return sum(part(trajectory) for part in parts)


def report(
    config: Any, n_classes: int = 4, shape: tuple[int, ...] = (3, 11, 13), entries: int | None = None, seed: int = 0
) -> list[tuple[str, Report]]:
    """[(title, Report)] for every objective: all entries of each parameter.

    With `entries` only so many of each, and random directions through all of them: for models at full size.
    """
    reports = []
    rows = shape[0] * config.rollouts
    facts = {"T": config.glimpses, "M": config.rollouts, "B": shape[0], "N": rows, "K": n_classes, "σ": config.std}
    for title, f, params, grads, zero in objectives(config, n_classes, shape, seed):
        rng, part = np.random.default_rng(seed), Report()
        if entries is not None:
            part += check_directions(f, params, grads, n=3, rng=rng, expect_zero=zero, facts=facts)
        part += check_gradient(f, params, grads, entries=entries, rng=rng, expect_zero=zero, facts=facts)
        reports.append((title, part))
    return reports
