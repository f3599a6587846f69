"""REINFORCE and the cross-entropy: from what happened to the cotangents at the heads.

For N rollouts with returns G (the rewards that came after a decision) and advantages G − b, the location head
follows

    ∇J ≈ 1/N Σ_n Σ_t (G_{t,n} − b_{t,n}) ∇ log π(a_{t,n} | μ_{t,n}, σ)

a mean over rows but a sum over time, because log p(τ) is a sum over time. In the paper only the last glimpse is
rewarded, so that all G are that reward r. The optimiser descends, so the cotangents are those of −J. No derivative
is taken of G and b. With label and location in `flow`, the baseline not, λ = 1 and no border term the mean is exact
for objective "reinforce", ∇E[drawn label right], and, with a label after the last glimpse alone, for "hybrid" with
r = log p_y, ∇E[log p_y]; what `flow` stops is missing, and a batch's is then no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from minram.agent import Cotangents, Trajectory
from minram.errors import InputError, check_labels
from minram.ops import Array, cross_entropy_backward, cross_entropy_forward, show_shapes
from minram.policy import log_prob_backward, log_prob_forward


@dataclass(frozen=True, match_args=False)  # frozen: settings are read, never set
class Objective(Protocol):
    """What the estimator reads of the settings (those of a run are a `minram.training.config.Config`)."""

    objective: str  # hybrid, reinforce
    policy: str  # gaussian, random
    rollouts: int  # M
    reward: str  # of REWARDS
    reward_steps: str  # last, every
    baseline: str  # of BASELINES
    baseline_weight: float
    location_weight: float  # λ at the start of training
    final_location_weight: float  # as a share of it
    border_weight: float  # w in −λ w ½ |μ − clip(μ)|²: far outside no sample lands inside, and no reward leads back


# What a label guess earns, from its cross-entropy −log p_label and whether the most probable label is right.
REWARDS: dict[str, Callable[[Array, Array], Array]] = {
    "correct": lambda loss, right: right.astype(loss.dtype),
    "probability": lambda loss, right: np.exp(-loss),
    "log_probability": lambda loss, right: -loss,
}


def returns(reward: Array) -> Array:
    """G_t = r_{t+1} + … + r_T: what came after each decision, and so all that it can have changed.

    reward (T, N), one after each glimpse → (T−1, N). Source: Sutton & Barto (2018), §13.3.
    """
    return reward[:0:-1].cumsum(axis=0)[::-1]


def batch_baseline(G: Array) -> Array:
    """Mean return of the *other* rows. With itself in the mean, a row would scale its gradient by 1 − 1/N.

    G (..., N) → (..., N), N ≥ 2.
    """
    return (G.sum(axis=-1, keepdims=True) - G) / (G.shape[-1] - 1)


def rollouts_baseline(G: Array, rollouts: int) -> Array:
    """Mean return of the other rollouts of the same image ("leave one out"; Kool et al. 2019).

    G (..., N), N = B·M with M = rollouts ≥ 2 → (..., N).
    """
    per_image = G.reshape(*G.shape[:-1], G.shape[-1] // rollouts, rollouts)  # (..., B, M)
    return ((per_image.sum(axis=-1, keepdims=True) - per_image) / (rollouts - 1)).reshape(G.shape)


# b for returns G, the baseline head's output and M: none depends on the action that it judges.
BASELINES: dict[str, Callable[[Array, Array, int], Array]] = {
    "none": lambda G, head, M: np.zeros_like(G),
    "batch": lambda G, head, M: batch_baseline(G),
    "rollouts": lambda G, head, M: rollouts_baseline(G, M),
    "learned": lambda G, head, M: head,
}


def advantages(G: Array, head: Array, kind: str, rollouts: int = 1) -> Array:
    """G − b at every decision, for one of the BASELINES.

    G (T−1, N) the returns, or (N,) if all decisions share one; head (T−1, N) the baseline head's output → (T−1, N).
    Raises InputError for an unknown kind, and for one that compares rows where there is only one.
    Source: Sutton & Barto (2018), §13.4.
    """
    if kind not in BASELINES:
        raise InputError(f"there is no baseline {kind!r}; take one of {', '.join(BASELINES)}.")
    if (kind == "batch" and G.shape[-1] < 2) or (kind == "rollouts" and rollouts < 2):
        raise InputError(f"the baseline '{kind}' compares rows, but there is only one; take 'learned' or 'none'.")
    return np.broadcast_to(G - BASELINES[kind](G, head, rollouts), head.shape)  # (T−1, N)


@show_shapes
class Outcome(NamedTuple):
    """What the batch came to: the numbers that a training curve shows, and the rows behind them."""

    loss: float  # mean cross-entropy of the labels
    error: float  # share of wrong labels (the most probable one)
    reward: Array  # (N,) after the last glimpse
    returns: Array  # (T−1, N) what came after each decision
    advantage: Array  # (T−1, N)
    baseline_error: float  # mean squared error of the baseline head


def cotangents(
    trajectory: Trajectory,
    labels: Any,
    config: Objective,
    rng: np.random.Generator | None = None,
    progress: float = 1.0,
    reward: Callable[[Trajectory, Array], Array] | None = None,
    baseline: Callable[[Trajectory, Array], Array] | None = None,
) -> tuple[Cotangents, Outcome]:
    """The cotangents of the heads for one update, and the outcome of the batch.

    labels (B,). Hybrid: logits by cross-entropy, averaged over rows and labelled steps. Objective "reinforce":
    the label is drawn from the softmax with `rng` and scored like any action. The baseline descends on its own
    squared error ½ (b − G)², averaged over rows. progress: the share of the training that is over, where λ is
    annealed. reward, baseline: own functions instead of the settings', (trajectory, labels (N,)) → (T, N) and
    (trajectory, returns (T−1, N)) → (T−1, N). Raises InputError for labels that the model has not, and for a
    trajectory without the labels or rollouts that the settings compare. Source: Mnih et al. (2014), equations 1–3.
    """
    labels = _labels_of_rows(trajectory, labels, config)  # (N,)
    N = labels.size
    loss, cache = cross_entropy_forward(trajectory.logits, labels)  # (S, N)
    right = cache.p.argmax(axis=-1) == labels  # (S, N)
    pure = config.objective == "reinforce"
    guess = draw(cache.p[-1], rng) if pure else labels  # (N,) what is rewarded
    if reward is not None:
        rewards = reward(trajectory, labels)  # (T, N)
    else:
        scored = (guess == labels)[None].astype(loss.dtype) if pure else REWARDS[config.reward](loss, right)
        rewarded = len(scored) if config.reward_steps == "every" else 1  # the glimpses, counted from the last
        rewards = np.zeros(trajectory.loc.shape[:2], loss.dtype)
        rewards[-rewarded:] = scored[-rewarded:]
    G = returns(rewards)  # (T−1, N)
    if baseline is not None:
        advantage = G - baseline(trajectory, G)
    else:
        advantage = advantages(G, trajectory.baseline, config.baseline, config.rollouts)

    location_weight = config.location_weight * config.final_location_weight**progress  # λ
    if config.policy == "random":
        location_weight = 0.0  # the location head, of which nothing is used, did not draw these locations
    _, score = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)
    dmu, dlog_std = log_prob_backward(-location_weight / N * advantage, score)
    dmu += location_weight * config.border_weight / N * (trajectory.mu - trajectory.mu.clip(-1, 1))
    if pure:
        # −log π(guess) is a cross-entropy with the drawn label, weighted by the advantage. The label's baseline is
        # the last b_t, which a single glimpse has not, or the row baselines as above.
        head = trajectory.baseline[-1:] if len(trajectory.baseline) else np.zeros_like(rewards)
        dloss = np.zeros_like(loss)
        dloss[-1] = advantages(rewards[-1], head, config.baseline, config.rollouts)[0] / N
        dlogits = cross_entropy_backward(dloss, cache._replace(labels=np.broadcast_to(guess, loss.shape)))
    else:
        dlogits = cross_entropy_backward(np.full_like(loss, 1 / loss.size), cache)
    residual = trajectory.baseline - G  # (T−1, N)
    squared = float(np.mean(residual**2)) if residual.size else 0.0
    outcome = Outcome(float(loss[-1].mean()), float(np.mean(~right[-1])), rewards[-1], G, advantage, squared)
    return Cotangents(dlogits, dmu, dlog_std, config.baseline_weight / N * residual), outcome


def draw(p: Array, rng: Any) -> Array:
    """A label from each row of probabilities p (N, K) → (N,), by inverting the cumulative distribution."""
    u = rng.random((len(p), 1), dtype=p.dtype)
    return np.minimum((p.cumsum(axis=1) <= u).sum(axis=1), p.shape[1] - 1)


def _labels_of_rows(trajectory, labels, config):
    """labels (B,) → (N,), one a row; InputError for labels or a trajectory that do not fit the settings."""
    labels, B = np.asarray(labels), trajectory.image[-1] + 1
    check_labels(labels, B, trajectory.logits.shape[-1])
    if config.reward_steps == "every" and len(trajectory.logits) < len(trajectory.loc):
        raise InputError(
            "reward_steps=every rewards the label after each glimpse, but the trajectory has the last one alone; make "
            "it with every_step=True."
        )
    M = len(trajectory.image) // B
    if config.baseline == "rollouts" and M % config.rollouts:
        raise InputError(
            f"baseline=rollouts compares {config.rollouts} rollouts of an image, but the trajectory has {M}; make "
            f"it with rollouts={config.rollouts}."
        )
    return labels[trajectory.image]
