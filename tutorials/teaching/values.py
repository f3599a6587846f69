"""The numbers that the sheets and slides quote, as they are printed: each from the package or an exact sum."""

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

from minram.core import CoreCache, core_backward
from minram.policy import log_prob_forward

QUARTERS = {Fraction(1, 4): "¼", Fraction(1, 2): "½", Fraction(3, 4): "¾"}


@cache
def computed():
    """{name: text} of all numbers."""
    return two_places() | score() | step_reward() | normalised() | core() | {"rollouts.truth": "75,000"}


def two_places():
    """Sheets 2 and 3: right with probability ¼ earns 8, left earns 4; what a sample says with three baselines."""
    p, r = [Fraction(1, 4), Fraction(3, 4)], [Fraction(8), Fraction(4)]
    psi = [1 - p[0], -p[0]]
    mean_square = sum(p[a] * psi[a] ** 2 for a in (0, 1))
    best = sum(p[a] * r[a] * psi[a] ** 2 for a in (0, 1)) / mean_square
    found = {"two.J": sum(p[a] * r[a] for a in (0, 1)), "two.slope": (r[0] - r[1]) * p[0] * p[1], "two.best": best}
    for b, end in ((0, ""), (5, "5"), (7, "7")):
        says = [(r[a] - b) * psi[a] for a in (0, 1)]
        mean = sum(p[a] * says[a] for a in (0, 1))
        found |= {f"two.right{end}": says[0], f"two.left{end}": says[1], f"two.mean{end}": mean}
        found[f"two.var{end}"] = sum(p[a] * (says[a] - mean) ** 2 for a in (0, 1))
    moved = [(r[a] + 10) * psi[a] for a in (0, 1)]  # slides: 10 more for everything
    found |= {"two.right+10": moved[0], "two.left+10": moved[1]}
    found["two.mean+10"] = sum(p[a] * moved[a] for a in (0, 1))
    sure, psi = [Fraction(9, 10), Fraction(1, 10)], [Fraction(1, 10), Fraction(-9, 10)]  # and rewards 1 and 0
    variances = []
    for b in (sure[0], 0):  # the mean reward, and nothing
        says = [(1 - b) * psi[0], -b * psi[1]]
        mean = sum(sure[a] * says[a] for a in (0, 1))
        variances.append(sum(sure[a] * (says[a] - mean) ** 2 for a in (0, 1)))
    found["sure"] = variances[0] / variances[1]
    return {name: short(value) for name, value in found.items()}


def short(x):
    """A fraction as one writes it by hand: −1, 2¼, or with two decimals."""
    x, sign = abs(x), "−" if x < 0 else ""
    whole, rest = divmod(x, 1)
    if rest and rest not in QUARTERS:
        return f"{sign}{float(x):.2f}"
    return sign + (str(whole) if whole or not rest else "") + QUARTERS.get(rest, "")


def score():
    """Sheet 1: the pencil example, and the mean of the score of a clipped and of a squashed location."""
    log_p, _ = log_prob_forward(np.array([0.5, -0.25]), np.zeros(2), np.log([0.5, 0.5]))
    mu, std = 0.9, 0.2
    low, high = (-1 - mu) / std, (1 - mu) / std
    clipped = (low * ndtr(low) + norm.pdf(low) - norm.pdf(high) + high * ndtr(-high)) / std
    z, weights = np.polynomial.hermite_e.hermegauss(40)
    squashed = weights @ (np.tanh(0.5 + std * z) - 0.5) / weights.sum() / std**2
    push = -0.5 - np.log(std) - 0.5 * np.log(2 * np.pi)
    found = {"score.logp": log_p, "score.clipped": clipped, "score.squashed": squashed, "push": push}
    return {name: f"{value:.2f}".replace("-", "−") for name, value in found.items()}


def step_reward():
    """The variance of one sample for the step reward of lesson 7: no baseline, the mean reward, the best."""
    c, mu, std = 0.25, 0.4, 0.2
    k = (c - mu) / std
    mean, best, slope = ndtr(-k), k * norm.pdf(k) + ndtr(-k), norm.pdf(k) / std

    def variance(b):
        return (best - 2 * b * best + b**2) / std**2 - slope**2

    found = {"step.var0": variance(0), "step.varmean": variance(mean), "step.varbest": variance(best)}
    return {name: f"{value:.1f}" for name, value in found.items()}


def normalised():
    """Lesson 7's three places, all batches of four: how far rewards divided by their deviation turn the estimate."""
    p, r = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 3.0])
    scores, truth, mean = np.eye(3) - p, p * (r - p @ r), np.zeros(3)
    for batch in product(range(3), repeat=4):
        rewards, chance = r[list(batch)], p[list(batch)].prod()
        mean += chance * ((rewards - rewards.mean()) / (rewards.std() or 1.0)) @ scores[list(batch)] / 4
    angle = np.degrees(np.arccos(mean @ truth / np.linalg.norm(mean) / np.linalg.norm(truth)))
    return {"norm.degrees": f"{angle:.0f}"}


def core():
    """Sheet 4: the gradients of the pencil example by the package, and what is left of a gradient after some steps."""
    hg = np.array([[[0.0, 1.0]], [[1.0, -1.0]]])  # (T, N, 2): h before, g
    delta = np.array([[[3.0]], [[5.0]]])
    _, grads = core_backward(
        {"core.W": np.array([[2.0], [1.0]]), "core.b": np.zeros(1)}, delta, CoreCache(hg, np.ones((2, 1, 1)))
    )
    found = {"time.dW_h": f"{grads['core.W'][0, 0]:g}", "time.dW_g": f"{grads['core.W'][1, 0]:g}"}
    left = 0.5 ** (29 / 2)
    return found | {"shrink.5": f"{0.5 ** (5 / 2):.2f}", "shrink.29": f"{left * 1e5:.0f} · 10⁻⁵"}
