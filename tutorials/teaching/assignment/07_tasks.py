# Tasks of the assignment that lesson 7 has with fixed numbers, and one more: a baseline that learns.

# %%
from itertools import product

import numpy as np

from exercise import answers, exercise, finish, same


def everything(p, N=1):
    """All that N choices among K places with probabilities p can be: choices (K^N, N), and their probabilities."""
    a = np.array(list(product(range(len(p)), repeat=N)))
    return a, p[a].prod(axis=1)


# %% [markdown]
# **1. Predict.** Four numbers, for any $c$, $N$ and $x$.
#
# - `a`: a constant baseline $c$ is subtracted from rewards of 0 and 1. By what is the mean of the estimate multiplied?
# - `b`: the baseline is the mean of $N$ rows, the row itself among them. By what now?
# - `c`: a head predicts each reward perfectly, but from the state *after* the action. Its prediction is the baseline.
#   What is the mean of the estimate?
# - `d`: the variance with a constant baseline $x$ above the best one, divided by that $x$ below it.


# %% tags=["solution"]
def task7_1(c, N, x):
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 1, "b": 1 - 1 / N, "c": 0, "d": 1}


# %%
@exercise("1. Predict")
def check_predict():
    p, r = np.array([0.3, 0.7]), np.array([1.0, 0.0])
    score = np.array([0.7, -0.3])
    true = p @ (r * score)

    def variance(b):
        return p @ ((r - b) * score) ** 2 - true**2

    curve = np.polyfit([0.0, 0.5, 1.0], [variance(b) for b in (0.0, 0.5, 1.0)], 2)
    lowest = -curve[1] / (2 * curve[0])
    hints = {
        "a": "What does it add to the mean?",
        "b": "One of the N is the row's own reward.",
        "c": "What is left of the reward when such a baseline is subtracted?",
        "d": "What kind of curve is it, and where is its lowest point?",
    }
    for c, N, x in ((1000.0, 5, 0.1), (-3.0, 2, 0.4)):
        a, chance = everything(p, N)
        own = chance @ ((r[a] - r[a].mean(axis=1, keepdims=True)) * score[a]).mean(axis=1)
        seen = {
            "a": (p @ ((r - c) * score)) / true,
            "b": own / true,
            "c": p @ ((r - r) * score),
            "d": variance(lowest + x) / variance(lowest - x),
        }
        answers(task7_1(c, N, x), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** Two places. To the right, with the probability $p$, the agent earns `right`, to the left
# `left`. The scores are $1 - p$ and $-p$. What is the mean reward? What does a sample say with the mean reward as its
# baseline? Which baseline is the best, and how large is the variance with it? With a pencil: $p = \tfrac14$, 4 and 0.
# Then write what you did as a function.


# %% tags=["solution"]
def task7_2(p, right, left):
    """→ {"mean reward": …, "says": (after right, after left), "best": …, "variance": …}."""
    # Solution
    mean = p * right + (1 - p) * left
    # E ψ² = p (1 − p)² + (1 − p) p² = p (1 − p), and E r ψ² = p (1 − p) ((1 − p) · right + p · left). With the best
    # baseline both samples say the same: no scatter at all.
    says = ((right - mean) * (1 - p), (left - mean) * -p)
    return {"mean reward": mean, "says": says, "best": (1 - p) * right + p * left, "variance": 0}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# The best constant is a mean of rewards, too. But each is weighted with the square of its score.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# With two outcomes one can do without a formula: which $b$ lets both samples say the same?
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    for p, right, left in ((0.25, 4.0, 0.0), (0.4, 1.0, 3.0)):
        got = task7_2(p, right, left)
        keys = {"mean reward", "says", "best", "variance"}
        assert set(got) == keys, "the answer should have the keys mean reward, says, best and variance."
        chance, r, score = np.array([p, 1 - p]), np.array([right, left]), np.array([1 - p, -p])
        mean = float(chance @ r)
        same("mean reward", float(got["mean reward"]), mean, {"the places are not equally likely.": r.mean()})
        same("says", got["says"], (r - mean) * score)
        curve = np.polyfit([0.0, 1.0, 2.0], [chance @ ((r - b) * score) ** 2 for b in (0.0, 1.0, 2.0)], 2)
        lowest = -curve[1] / (2 * curve[0])
        because = {"this is the mean reward; rewards far from the mean of the policy pull harder.": mean}
        same("best", float(got["best"]), lowest, because, tolerance=1e-6)
        left_over = chance @ ((r - lowest) * score) ** 2 - (chance @ (r * score)) ** 2
        assert abs(float(got["variance"]) - left_over) < 1e-6, "how far apart are the two samples with it?"


# %% [markdown]
# **6. A baseline that learns.** The policy is as in lesson 6, with one $\sigma$ for both coordinates. A head gives the
# baselines $b_{tn}$, each from the state *before* the action $a_{tn}$. Two cotangents are wanted. `dmean`: the
# REINFORCE estimate of $\nabla J$ by each $\mu_{tn}$, with the baseline, and with the mean over the $N$ rollouts in it.
# `db`: the gradient of $\frac1N \sum_{tn} \tfrac12 (r_n - b_{tn})^2$ by each $b_{tn}$, which teaches the head.


# %% tags=["solution"]
def task7_6(mean, a, std, r, b):
    """mean, a (T, N, 2), std a number, r (N,), b (T, N) → dmean (T, N, 2), uphill in J; db (T, N), of the squares."""
    # Solution
    advantage = r - b  # (T, N); for the estimate the baseline is a constant
    return advantage[:, :, None] * (a - mean) / std**2 / len(r), -advantage / len(r)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 6, hint</summary>
#
# Two gradients that have nothing to do with each other but $r - b$. In the first $b$ is a number that was given, and
# only the score depends on $\mu$. In the second there is no policy at all.
#
# </details>


# %%
@exercise("6. A baseline that learns")
def check_learned():
    rng = np.random.default_rng(7)
    for T, N in ((1, 2), (3, 4)):
        mean, std, r, b = rng.normal(size=(T, N, 2)), 0.4, rng.uniform(0, 2, N), rng.uniform(0, 1, (T, N))
        a, step = mean + std * rng.normal(size=(T, N, 2)), 1e-4
        dmean, db = np.zeros(mean.shape), np.zeros(b.shape)
        for k in np.ndindex(mean.shape):
            move = np.zeros(mean.shape)
            move[k] = step
            log_p = [
                np.sum((r - b)[..., None] * -((a - m) ** 2) / (2 * std**2)) / N for m in (mean + move, mean - move)
            ]
            dmean[k] = (log_p[0] - log_p[1]) / (2 * step)
        for k in np.ndindex(b.shape):
            move = np.zeros(b.shape)
            move[k] = step
            squares = [np.sum((r - c) ** 2) / 2 / N for c in (b + move, b - move)]
            db[k] = (squares[0] - squares[1]) / (2 * step)
        got = task7_6(mean, a, std, r, b)
        assert isinstance(got, tuple) and len(got) == 2, "the answer should be two arrays: dmean, db."
        same("dmean", got[0], dmean, tolerance=1e-6)
        same("db", got[1], db, tolerance=1e-6)


# %%
finish()
