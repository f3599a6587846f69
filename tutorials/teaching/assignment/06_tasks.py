# Tasks of the assignment that lesson 6 has with fixed numbers, and one more: the estimate for the location head.

# %%
from itertools import product

import numpy as np

from exercise import answers, exercise, finish, same

# %% [markdown]
# **1. Predict.** REINFORCE without a baseline, on any problem. Four numbers, for any $k$, $c$, $M$ and $T$.
#
# - `a`: all rewards are multiplied by $k$. By what is the mean of the estimate multiplied?
# - `b`: $c$ is added to all rewards. What is added to the mean of the estimate?
# - `c`: $M$ times as many rollouts are averaged. By what is the standard deviation of the estimate multiplied?
# - `d`: the terms of $T$ decisions are averaged, where they should be added up. By what is the mean of the estimate
#   multiplied?


# %% tags=["solution"]
def task6_1(k, c, M, T):
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": k, "b": 0, "c": 1 / np.sqrt(M), "d": 1 / T}


# %%
@exercise("1. Predict")
def check_predict():
    p, r = np.array([0.3, 0.7]), np.array([4.0, 8.0])
    score = np.array([0.7, -0.3])  # of the logit of the first of two places

    def moments(r, M=1, decisions=1, average=np.sum):
        """Mean and standard deviation of the estimate, by going through all that can happen."""
        mean = square = 0.0
        for a in product((0, 1), repeat=M * decisions):
            a = np.array(a).reshape(M, decisions)
            value = np.mean([r[row].mean() * average(score[row]) for row in a])
            mean, square = mean + p[a].prod() * value, square + p[a].prod() * value**2
        return mean, np.sqrt(square - mean**2)

    hints = {
        "a": "The estimate is reward times score.",
        "b": "What is the mean of the score?",
        "c": "What is the variance of a mean of independent numbers?",
        "d": "What is the mean of T numbers, in terms of their sum?",
    }
    for k, c, M, T in ((2.0, 10.0, 4, 5), (3.0, -1.0, 6, 2)):
        seen = {
            "a": moments(k * r)[0] / moments(r)[0],
            "b": moments(r + c)[0] - moments(r)[0],
            "c": moments(r, M)[1] / moments(r)[1],
            "d": moments(r, decisions=T, average=np.mean)[0] / moments(r, decisions=T)[0],
        }
        answers(task6_1(k, c, M, T), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** Some places, chosen with the probabilities $p$, the softmax of as many logits. They earn $r$.
# What does one sample say of the slope of $J$ by logit $j$, if the first, the second, … place was chosen? And what is
# the mean? With a pencil: three places, $p = (\tfrac12, \tfrac14, \tfrac14)$, $r = (0, 4, 8)$, the third logit. Then
# write what you did as a function; `j` counts from 0.


# %% tags=["solution"]
def task6_2(p, r, j):
    """p, r (K,), j a number → {"says": (K,), after each of the places, "mean": …}."""
    # Solution
    # The score of logit j is [a = j] − p_j.
    says = r * ((np.arange(len(p)) == j) - p[j])
    return {"says": says, "mean": p @ says}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Lesson 3 has the derivative of $-\log p_c$ by each logit.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# If a place is *not* chosen, the logarithm of the probability of what *was* chosen still depends on its logit: all
# share one denominator.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    step = 1e-6
    for p, r, j in (([0.5, 0.25, 0.25], [0.0, 4.0, 8.0], 2), ([0.1, 0.2, 0.3, 0.4], [3.0, 1.0, 2.0, 5.0], 0)):
        p, r = np.array(p), np.array(r)
        got = task6_2(p, r, j)
        assert set(got) == {"says", "mean"}, "the answer should have the keys says and mean."

        def chances(move, p=p, j=j):
            e = p * np.exp(move * (np.arange(len(p)) == j))  # the softmax, with logit j moved
            return e / e.sum()

        high, low = chances(step), chances(-step)
        same("says", got["says"], r * (np.log(high) - np.log(low)) / (2 * step), tolerance=1e-6)
        same("mean", float(got["mean"]), (high - low) @ r / (2 * step), tolerance=1e-6)


# %% [markdown]
# **6. The location head.** In each of $N$ rollouts the agent decides $T$ times where to look next. From the state
# $h_{tn}$ comes the mean $\mu_{tn} = h_{tn} W + b$, and from it the raw sample
# $a_{tn} \sim \mathcal{N}(\mu_{tn}, \sigma^2)$, with a $\sigma$ for $x$ and one for $y$. (The sensor looks at the
# clipped location; `a` is the raw one.) At the end the rollout is rewarded with $r_n$. Write the REINFORCE estimate of
# $\nabla J$ by $W$ and $b$: the mean over the rollouts, with all decisions in it.


# %% tags=["solution"]
def task6_6(h, W, b, log_std, a, r):
    """h (T, N, D), W (D, 2), b (2,), log_std (2,), a (T, N, 2), r (N,) → dW (D, 2), db (2,), in the direction of J."""
    # Solution
    mean = h @ W + b  # (T, N, 2)
    score = (a - mean) / np.exp(2 * log_std)  # (T, N, 2): the raw sample is held fixed
    dmean = r[:, None] * score / len(r)
    return np.einsum("tnd,tnk->dk", h, dmean), dmean.sum(axis=(0, 1))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 6, first hint</summary>
#
# $\log p(\tau)$ is a sum over the decisions. The sample is a number that was drawn: it has no derivative. What is
# $\partial \log \pi(a) / \partial \mu$ for one Gaussian?
#
# </details>
# <details><summary>Exercise 6, second hint</summary>
#
# Reward times score is the cotangent of $\mu_{tn}$. From there on it is the linear map of lesson 3, with the rows of
# all steps.
#
# </details>


# %%
@exercise("6. The location head")
def check_head():
    rng = np.random.default_rng(6)
    for T, N, D in ((1, 1, 2), (3, 4, 3)):
        h, W, b, log_std = rng.normal(size=(T, N, D)), rng.normal(size=(D, 2)), rng.normal(size=2), np.log([0.3, 0.5])
        a, r = h @ W + b + np.exp(log_std) * rng.normal(size=(T, N, 2)), rng.uniform(1, 2, N)

        def surrogate(W, b, h=h, log_std=log_std, a=a, r=r):  # Σ r · log p(τ), over N; its slope is the estimate
            return np.sum(r[:, None] * -((a - h @ W - b) ** 2) / (2 * np.exp(2 * log_std))) / len(r)

        dW, db, step = np.zeros((D, 2)), np.zeros(2), 1e-4
        for i, j in np.ndindex(D, 2):
            move = step * (np.arange(D)[:, None] == i) * (np.arange(2) == j)
            dW[i, j] = (surrogate(W + move, b) - surrogate(W - move, b)) / (2 * step)
        for j in range(2):
            move = step * (np.arange(2) == j)
            db[j] = (surrogate(W, b + move) - surrogate(W, b - move)) / (2 * step)
        got = task6_6(h, W, b, log_std, a, r)
        assert isinstance(got, tuple) and len(got) == 2, "the answer should be two arrays: dW, db."
        same("dW", got[0], dW, tolerance=1e-6)
        same("db", got[1], db, tolerance=1e-6)


# %%
finish()
