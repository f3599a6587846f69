"""REINFORCE and the cross-entropy: from what happened to the cotangents at the heads.

For N rollouts with returns G (the rewards that came after a decision) and advantages G − b, the location head
follows

    ∇J ≈ 1/N Σ_n Σ_t (G_{t,n} − b_{t,n}) ∇ log π(a_{t,n} | μ_{t,n}, σ)

a mean over rows but a sum over time, because log p(τ) is a sum over time. In the paper only the last glimpse is
rewarded, so that all G are that reward r. The optimiser descends, so the cotangents are those of −J. The reward
and the baseline count as constants here: no derivative of them is taken, which is why the hybrid update is the
gradient of no single scalar.
"""

from typing import NamedTuple

import numpy as np

from minram.agent import Cotangents
from minram.errors import InputError, check_labels
from minram.ops import CrossEntropyCache, cross_entropy_backward, cross_entropy_forward
from minram.policy import log_prob_backward, log_prob_forward


def returns(reward):
    """G_t = r_{t+1} + … + r_T: what came after each decision, and so all that it can have changed.

    reward (T, N), one after each glimpse → (T−1, N). Source: Sutton & Barto (2018), §13.3.
    """
    return reward[:0:-1].cumsum(axis=0)[::-1]


def batch_baseline(reward):
    """Mean reward of the *other* rows. With itself in the mean, a row would scale its gradient by 1 − 1/N.

    reward (..., N) → (..., N), N ≥ 2.
    """
    return (reward.sum(axis=-1, keepdims=True) - reward) / (reward.shape[-1] - 1)


def rollouts_baseline(reward, rollouts):
    """Mean reward of the other rollouts of the same image ("leave one out"; Kool et al. 2019).

    reward (..., N), N = B·M with M = rollouts ≥ 2 → (..., N).
    """
    per_image = reward.reshape(*reward.shape[:-1], reward.shape[-1] // rollouts, rollouts)  # (..., B, M)
    return ((per_image.sum(axis=-1, keepdims=True) - per_image) / (rollouts - 1)).reshape(reward.shape)


def advantages(G, baseline, kind, rollouts=1):
    """G − b at every decision, for one of the baselines that do not depend on the action that they judge.

    G (T−1, N) the returns, or (N,) if all decisions share one; baseline (T−1, N) the baseline head's output;
    kind "none", "batch", "rollouts" or "learned" → (T−1, N). Source: Sutton & Barto (2018), §13.4.
    """
    if (kind == "batch" and G.shape[-1] < 2) or (kind == "rollouts" and rollouts < 2):
        raise InputError(f"the baseline '{kind}' compares rows, but there is only one; take 'learned' or 'none'.")
    if kind == "learned":
        b = baseline
    elif kind == "rollouts":
        b = rollouts_baseline(G, rollouts)
    elif kind == "batch":
        b = batch_baseline(G)
    elif kind == "none":
        b = np.zeros_like(G)
    else:
        raise InputError(f"there is no baseline {kind!r}; take 'none', 'batch', 'rollouts' or 'learned'.")
    return np.broadcast_to(G - b, baseline.shape)  # (T−1, N)


class Outcome(NamedTuple):
    """What the batch came to: the numbers that a training curve shows, and the rows behind them."""

    loss: float  # mean cross-entropy of the labels
    error: float  # share of wrong labels (the most probable one)
    reward: np.ndarray  # (N,) after the last glimpse
    returns: np.ndarray  # (T−1, N) what came after each decision
    advantage: np.ndarray  # (T−1, N)
    baseline_error: float  # mean squared error of the baseline head


def cotangents(trajectory, labels, config, rng=None, progress=1.0):
    """The cotangents of the heads for one update, and the outcome of the batch.

    labels (B,). Hybrid: logits by cross-entropy, averaged over rows and labelled steps. Objective "reinforce":
    the label is drawn from the softmax with `rng` and scored like any action. The baseline descends on
    its own squared error ½ (b − G)², averaged over rows. progress: the share of the training that is over,
    where λ is annealed. Raises InputError for labels that the model has not, and for a trajectory without the
    labels or rollouts that the settings compare. Source: Mnih et al. (2014), equations 1–3.
    """
    labels, B = np.asarray(labels), trajectory.image[-1] + 1
    check_labels(labels, B, trajectory.logits.shape[-1])
    labels = labels[trajectory.image]  # (N,)
    N = labels.size
    if config.reward_steps == "every" and len(trajectory.logits) < len(trajectory.loc):
        raise InputError(
            "reward_steps=every rewards the label after each glimpse, but the trajectory has the last one alone; make "
            "it with every_step=True."
        )
    if config.baseline == "rollouts" and N // B % config.rollouts:
        raise InputError(
            f"baseline=rollouts compares {config.rollouts} rollouts of an image, but the trajectory has {N // B}; make "
            f"it with rollouts={config.rollouts}."
        )
    loss, ce_cache = cross_entropy_forward(trajectory.logits, labels)  # (S, N)
    p = ce_cache.p
    wrong = p.argmax(axis=-1) != labels  # (S, N)
    if config.objective == "reinforce":
        guess = draw(p[-1], rng)  # (N,)
        scored = (guess == labels)[None].astype(p.dtype)
    elif config.reward == "correct":
        scored = 1 - wrong.astype(p.dtype)
    else:
        scored = -loss if config.reward == "log_probability" else np.exp(-loss)
    reward = np.zeros((len(trajectory.loc), N), p.dtype)  # (T, N)
    rewarded = len(reward) if config.reward_steps == "every" else 1
    reward[-rewarded:] = scored[-rewarded:]

    G = returns(reward)  # (T−1, N)
    advantage = advantages(G, trajectory.baseline, config.baseline, config.rollouts)
    _, cache = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)
    location_weight = config.location_weight * config.final_location_weight**progress  # λ
    if config.policy == "random":
        location_weight = 0  # the location head, of which nothing is used, did not draw these locations
    dmu, dlog_std = log_prob_backward(-location_weight / N * advantage, cache)
    if config.objective == "reinforce":
        # −log π(guess) is a cross-entropy with the drawn label, weighted by the advantage. The label's baseline is
        # the last b_t, which a single glimpse has not, or the row baselines as above.
        last = trajectory.baseline[-1:] if len(trajectory.baseline) else np.zeros_like(reward)
        weight = np.zeros_like(loss)
        weight[-1] = advantages(reward[-1], last, config.baseline, config.rollouts)[0] / N
        dlogits = cross_entropy_backward(weight, CrossEntropyCache(p, np.broadcast_to(guess, loss.shape)))
    else:
        dlogits = cross_entropy_backward(np.full_like(loss, 1 / loss.size), ce_cache)
    residual = trajectory.baseline - G  # (T−1, N)
    outcome = Outcome(
        float(loss[-1].mean()),
        float(wrong[-1].mean()),
        reward[-1],
        G,
        advantage,
        float(np.mean(residual**2)) if residual.size else 0.0,
    )
    return Cotangents(dlogits, dmu, dlog_std, config.baseline_weight / N * residual), outcome


def draw(p, rng):
    """A label from each row of probabilities p (N, K) → (N,), by inverting the cumulative distribution."""
    u = rng.random((len(p), 1), dtype=p.dtype)
    return np.minimum((p.cumsum(axis=1) < u).sum(axis=1), p.shape[1] - 1)
