# %% [markdown]
# # 7 · Baselines
#
# **What you will see.** A number subtracted from the reward makes the gradient estimate less noisy and changes nothing
# else, provided that it does not know the action it judges. With a pencil first. Then we prove both halves of the
# sentence, find the best constant, measure the baselines that programs use, and compute by how much the dishonest ones
# lie.
#
# **What you need.** Lesson 6.
#
# **How long it runs.** About ten seconds.
#
# **To touch.** [The same in a browser](pages/reinforce.html): pull the baseline along its parabola.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import norm

from lesson import show, show_source
from minram import reinforce
from minram.agent import backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck.network import only
from minram.pictures import style
from minram.sensor import summed_area
from minram.training import optim
from minram.training.config import Config

style.use()
COLOUR = style.COLOURS
EPS = np.finfo(float).eps

# %% [markdown]
# ## Two places and a pencil
#
# Take the two places of lesson 6 again. The agent looks to the right with probability ¼ and earns 8, to the left with
# ¾ and earns 4. The scores are ¾ and −¼. A sample says 6 or −1. The mean of that is ¾, which is right. But look at how
# it gets there. *Both* places are praised, the worse one too, and only the difference of the two praises is of any use.
#
# Subtract a number $b$ from the reward first. Its average is $J = 5$, so try $b = 5$, and then, for no reason that
# could be seen yet, $b = 7$:
#
# | what it did | how often | (r − 0) · score | (r − 5) · score | (r − 7) · score |
# |---|--:|--:|--:|--:|
# | right, 8 | ¼ | 6 | 3 · ¾ = 2¼ | 1 · ¾ = ¾ |
# | left, 4 | ¾ | −1 | −1 · −¼ = ¼ | −3 · −¼ = ¾ |
# | **mean** | | **¾** | **¾** | **¾** |
# | **variance** | | 9.19 | 0.75 | **0** |
#
# The mean is the same each time. The variance is not. With $b = 7$ every single sample says the truth. In plain lines:

# %%
chance, earns, score_of = np.array([1 / 4, 3 / 4]), np.array([8.0, 4.0]), np.array([3 / 4, -1 / 4])


def moments(b):
    """Mean and variance of what one sample says, with the baseline b."""
    says = (earns - b) * score_of
    mean = chance @ says
    return mean, chance @ (says - mean) ** 2


for b in (0, 5, 7):
    print(f"b = {b}: mean {moments(b)[0]:.4f}, variance {moments(b)[1]:.4f}")
assert [moments(b)[0] for b in (0, 5, 7)] == [3 / 4] * 3
assert [moments(b)[1] for b in (0, 5, 7)] == [9.1875, 0.75, 0]

# %% [markdown]
# Two questions, then. Why does the mean not change, whatever $b$ is? And how does one find the 7?
#
# ## Praise for everything
#
# Take the step reward of lesson 6, $r(a) = 1$ if $a > c$, and an agent that is already good: most of its samples
# are rewarded. Its gradient estimate from one sample is $r \cdot (a - \mu)/\sigma^2$. A success on the left of μ says
# "further left", a success on the right says "further right", and the left ones take back a part of what the right ones
# say, as printed below. The agent is praised for almost everything, so that praise tells little about where the edge
# is. Failures say nothing at all, being multiplied by 0. Subtract $b$ and a success counts $1 - b$, a failure $-b$.

# %%
c, mu, std = 0.25, 0.4, 0.2
k = (c - mu) / std
mean_reward = ndtr(-k)
exact = norm.pdf(k) / std  # dJ/dμ
rng = np.random.default_rng(0)
a = mu + std * rng.standard_normal(4000)
r, score = (a > c).astype(float), (a - mu) / std**2
print(f"mean reward {mean_reward:.3f}, dJ/dμ = {exact:.3f} per half-width")
says_right, says_left = norm.pdf(0) / std, (norm.pdf(k) - norm.pdf(0)) / std  # E[r · score] over a > μ, c < a < μ
print(f"successes on the right of μ give {says_right:.2f} of it, those on the left {says_left:.2f}")
assert abs(says_right + says_left - exact) < 1e-14  # rounding of numbers of size 2
spread = {b: ((r - b) * score).reshape(-1, 20).mean(axis=1).std() for b in (0, mean_reward)}
assert spread[mean_reward] < 0.7 * spread[0]

# %% tags=["picture", "hide-input"]
fig, axes = plt.subplots(2, 2, figsize=(8.4, 4.4), sharex="col", width_ratios=(3, 2))
for (left, right), b, name in zip(axes, (0, mean_reward), ("no baseline", "b = mean reward")):
    for rewarded, colour, marker in ((r == 1, COLOUR["right"], "."), (r == 0, COLOUR["wrong"], "x")):
        left.plot(a[rewarded][:800], ((r - b) * score)[rewarded][:800], marker, color=colour, markersize=3)
    left.axvline(c, color=COLOUR["reward"], linewidth=1)
    left.set(ylim=(-14, 14), ylabel="estimate (1/half-width)", title=f"One sample's estimate, {name}")
    batch = ((r - b) * score).reshape(-1, 20).mean(axis=1)
    right.hist(batch, np.linspace(-2, 6, 41), color=COLOUR["location"], alpha=0.7)
    right.axvline(exact, color=COLOUR["exact"], linewidth=1)
    right.set(title=f"Means of 20: std {batch.std():.2f}", ylabel="number")
axes[1, 0].set(xlabel="sample a (half-widths); reward 1 right of the line")
axes[1, 1].set(xlabel="estimate of dJ/dμ (1/half-width)")
show(
    "Estimates of single samples without and with a baseline: with it failures speak, and means of twenty scatter less"
)

# %% [markdown]
# With the baseline the failures speak too, and with force. They lie on the left, their advantage is negative, and they
# push to the right. The many successes whisper. The mean of the estimates is the same, the scatter is not.
#
# ## Why it adds nothing on average
#
# Given the history $s_{1:t}$, let $b$ be independent of the action. It may be a function of the history itself, or of
# the label, or of what happened in other rollouts that were drawn independently.
#
# $$
# \begin{aligned}
# \mathbb{E}\bigl[b\, \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})\bigr]
#  &= \mathbb{E}_{s_{1:t}}\Bigl[\mathbb{E}\bigl[b\, \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})
#    \,\big|\, s_{1:t}\bigr]\Bigr] && \text{tower rule} \\
#  &= \mathbb{E}_{s_{1:t}}\Bigl[\mathbb{E}[b \mid s_{1:t}]\;
#    \mathbb{E}_{a_t}\bigl[\nabla_\theta \log \pi_\theta(a_t \mid s_{1:t}) \,\big|\, s_{1:t}\bigr]\Bigr]
#    && \text{independent, given } s_{1:t} \\
#  &= \mathbb{E}_{s_{1:t}}\bigl[\mathbb{E}[b \mid s_{1:t}] \cdot 0\bigr] = 0
#    && \text{the score has mean zero (lesson 5)}
# \end{aligned}
# $$
#
# So we may subtract it from the reward, at each step its own, and arrive at the form that is used:
#
# $$
# \nabla_\theta J(\theta) \approx \frac1M \sum_{m=1}^M \sum_{t=1}^{T-1}
#   \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\, (r^m - b_t^m).
# $$
#
# The difference $r - b$ is called the **advantage**: how much better it went than expected. What is subtracted from the
# estimate, $b\, \nabla \log \pi$, is in general called a **control variate**: something whose mean is known, here 0,
# and which moves up and down along with what one wants to measure. Ronald Williams had the baseline in his paper of
# 1992.
#
# Now we hold the package to it, exactly. One image, one decision. The sample is put on the nodes of a quadrature, which
# integrates polynomials against the normal density without error. The rewards are 0, so that what `cotangents` returns
# is the baseline's part alone.

# %%
dataset = data.load()
image_area = summed_area(dataset.x_test[:1])
one_decision = Config(
    glimpses=2, patch_size=6, what_units=8, where_units=4, glimpse_units=8, core_units=8, std=0.3, start="centre"
)
params_one = init_params(one_decision, np.random.default_rng(1), dtype=np.float64)
nodes, weights = np.polynomial.hermite_e.hermegauss(10)
z = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(1, -1, 2)  # (T−1, N, 2)
weight = np.outer(weights, weights).ravel() / weights.sum() ** 2  # (N,)
walked = rollout(params_one, one_decision, image_area, None, 100, policy="mean")
walked = walked._replace(sample=walked.mu + one_decision.std * z, log_std=np.log([one_decision.std] * 2))


def adds(baseline):
    """What a baseline adds to the mean of the estimate of dJ/dμ: minus E[b ∇ log π] (2,)."""
    config = one_decision.changed({"rollouts": 100})
    heads, _ = reinforce.cotangents(
        walked, dataset.y_test[:1], config, reward=lambda t, labels: np.zeros((2, 100)), baseline=baseline
    )
    return -len(weight) * weight @ heads.mu[0]


honest = {
    "0.3": lambda t, G: np.full_like(G, 0.3),
    "−7": lambda t, G: np.full_like(G, -7.0),
    "the head's b_t": lambda t, G: t.baseline,
    "another row's luck": lambda t, G: np.full_like(G, t.sample[0, 3, 0]),
}
for name, baseline in honest.items():
    print(f"b = {name:20} adds {np.abs(adds(baseline)).max():.0e}")
    assert np.abs(adds(baseline)).max() < 1e3 * EPS  # a hundred terms below 7/σ, each rounded
seen = adds(lambda t, G: t.sample[:, :, 0])  # the action itself: E[a ∇ log π] = ∇ E a = (1, 0)
print(f"b = the action itself     adds {seen.round(12)}")
assert np.abs(seen + np.array([1, 0])).max() < 1e3 * EPS
mirrored = adds(lambda t, G: (2 * t.mu - t.sample)[:, :, 0])
print(f"b = the mirrored place    adds {mirrored.round(12)}")
assert np.abs(mirrored - np.array([1, 0])).max() < 1e3 * EPS

# %% [markdown]
# The four that are allowed are each one number on all nodes: given the history, the action leaves them as they are. The
# last two are not. If $r = a_x$, the gradient is $(1, 0)$. To subtract the action itself takes all of it away. And a
# partner that looks at the mirrored place, $2\mu - a$, is another rollout, but not an independent one: to subtract its
# reward adds the gradient once more.
#
# In the package `BASELINES` is a table of four functions under the names of the setting: `none` gives 0, `batch` the
# mean of the other rows, `rollouts` the mean of the other rollouts of the image, `learned` what a head of the network
# predicts. All four come below.

# %%
show_source(reinforce.advantages)

# %% [markdown]
# ## The variance parabola
#
# What it does to the variance, for a constant $b$ and with $\psi = \partial \log\pi / \partial\mu$ for the score:
#
# $$
# \begin{aligned}
# \operatorname{Var}[(r - b)\, \psi] &= \mathbb{E}\bigl[(r - b)^2 \psi^2\bigr] - \mathbb{E}[(r - b)\,\psi]^2
#    && \text{definition of the variance} \\
#  &= \mathbb{E}\bigl[(r - b)^2 \psi^2\bigr] - g^2 && \text{the mean is } g = dJ/d\mu \text{ for any } b \\
#  &= \mathbb{E}[r^2 \psi^2] - 2b\, \mathbb{E}[r \psi^2] + b^2\, \mathbb{E}[\psi^2] - g^2
#    && \text{expand the square} \\
#  &= \text{const} + \mathbb{E}[\psi^2]\, (b - b^*)^2, \qquad
#    b^* = \frac{\mathbb{E}[r \psi^2]}{\mathbb{E}[\psi^2]} && \text{complete the square}
# \end{aligned}
# $$
#
# A parabola in $b$. Its lowest point $b^*$ is *not* the mean reward. It is a mean of rewards weighted with
# the squared score: samples far from μ, which pull hardest, count most. For the step reward,
# $\mathbb{E}[r] = \Phi(-k)$ and $b^* = \mathbb{E}[r z^2] = k\varphi(k) + \Phi(-k)$ with
# $k = (c - \mu)/\sigma$, by the integrals of lesson 6.

# %%
best = k * norm.pdf(k) + ndtr(-k)


def variance(b):
    """Var[(r − b) ψ], exactly: r² = r, E ψ² = 1/σ²."""
    return (best - 2 * b * best + b**2) / std**2 - exact**2


n = 40_000
a = mu + std * np.random.default_rng(1).standard_normal(n)
r, score = (a > c).astype(float), (a - mu) / std**2
tried = np.linspace(-0.2, 1.4, 9)
sampled, error = [], []
for b in tried:
    square = ((r - b) * score - exact) ** 2
    sampled.append(square.mean())
    error.append(square.std() / np.sqrt(n))
assert (np.abs(sampled - variance(tried)) < 4 * np.array(error)).all()

integral, bound = quad(lambda z: z**2 * norm.pdf(z), k, np.inf)  # E[r z²], with a bound on its own error
assert abs(best - integral) < bound
assert variance(best) < variance(mean_reward) < variance(0)
# The two places again: E[ψ²] = 3/16, E[r ψ²] = 21/16, so b* = 7.
assert (chance @ (earns * score_of**2)) / (chance @ score_of**2) == 7

# %% tags=["hide-input"]
line = np.linspace(-0.25, 1.45, 200)
fig, ax = plt.subplots(figsize=(7, 3.4))
ax.plot(line, variance(line), color=COLOUR["exact"], label="exact")
ax.errorbar(tried, sampled, 2 * np.array(error), fmt=".", color=COLOUR["muted"], label="samples, ± 2 standard errors")
for name, b, colour, up, marker in (
    ("none", 0, COLOUR["location"], 3, "o"),
    ("optimal", best, COLOUR["label"], -3, "D"),
    ("mean reward", mean_reward, COLOUR["baseline"], 3, "s"),
):
    ax.plot(b, variance(b), marker, color=colour, markersize=8)
    ax.text(b, variance(b) + up, name, color=colour, ha="center", va="center")
    print(f"{name:12} b = {b:.3f}: variance of one sample {variance(b):6.2f}")
ax.set(xlabel="baseline b (reward)", ylabel="variance of one sample (1/half-width²)", ylim=(0, None))
ax.legend(loc="upper center")
show("The variance against the baseline, a parabola; no baseline lies high, the mean reward near the lowest point")

# %% [markdown]
# The gain of the mean reward over nothing is large here, that of the optimum over the mean reward is smaller. That is
# not so everywhere. Two places, of which the right one earns 1 and the other 0, and a policy that is sure: it takes the
# right one with the probability 0.9, with the score 0.1, and the other with the score −0.9. Then $b^* = 0.1$. The mean
# reward is 0.9, and with it the seldom failure says $0.9 \cdot 0.9$, where without a baseline it says nothing:

# %%
sure, earned, scores = np.array([0.9, 0.1]), np.array([1.0, 0.0]), np.array([0.1, -0.9])
spread = {b: sure @ ((earned - b) * scores) ** 2 - (sure @ (earned * scores)) ** 2 for b in (0.0, 0.9, 0.1)}
print("two places, p = 0.9:", ", ".join(f"b = {b:g}: variance {value:.4f}" for b, value in spread.items()))
assert abs(spread[0.9] / spread[0.0] - 64) < 1e-10 and abs(spread[0.1]) < 4 * EPS  # four terms of size 0.1

# %% [markdown]
# With many parameters each has a parabola of its own. But there is also one best $b$ for all of them together. Add up
# the variances of all components, with $\psi$ now the whole score vector. The derivation is the same, with
# $\lVert \psi \rVert^2$ for $\psi^2$:
#
# $$
# b^* = \frac{\mathbb{E}\bigl[r\, \lVert\psi\rVert^2\bigr]}{\mathbb{E}\bigl[\lVert\psi\rVert^2\bigr]}.
# $$
#
# Lex Weaver and Nigel Tao asked for the best constant in 2001, for tasks without end, where it becomes the mean reward;
# Evan Greensmith, Peter Bartlett and Jonathan Baxter found in 2004 that in general it is not. We check it on a choice
# among three places, whose score has three components, against the lowest point of the parabola itself:


# %%
def best_constant(chance, r, psi):
    """b* for rewards r (K,) and score vectors psi (K, P) that happen with the probabilities chance (K,)."""
    square = (psi**2).sum(axis=1)
    return chance @ (r * square) / (chance @ square)


p3, r3 = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 3.0])
psi3 = np.eye(3) - p3  # ∂ log p_a / ∂y_j = [j = a] − p_j
tried = np.array([0.0, 1.0, 2.0])
total = [sum(p3 @ ((r3 - b) * psi3[:, j]) ** 2 for j in range(3)) for b in tried]  # less the mean's square, the same
curve = np.polyfit(tried, total, 2)
lowest = -curve[1] / (2 * curve[0])
print(f"mean reward {p3 @ r3:.3f}, b* {best_constant(p3, r3, psi3):.3f}, the parabola is lowest at {lowest:.3f}")
assert abs(best_constant(p3, r3, psi3) - lowest) < 1e-12 < abs(p3 @ r3 - lowest)

# %% [markdown]
# Then why is the mean used? The best $b$ needs the norm of every row's own gradient, which the backward pass does not
# make: it makes their sum. And it has to be estimated from products of rewards and squared scores, which are noisy. We
# measure below, on an agent, what it would gain.
#
# ## A mean that includes the sample itself
#
# The simplest estimate of the mean reward is the mean of the batch. But row $n$ is in it, and so the baseline
# of row $n$ depends, a little, on the action of row $n$. With $\bar r = \frac1N \sum_j r_j$ and
# $\mathbb{E}[r_j \psi_n]$ equal to $g$ if $j = n$ and to $\mathbb{E}[r_j]\,\mathbb{E}[\psi_n] = 0$ if not, as rows
# are independent,
#
# $$
# \begin{aligned}
# \mathbb{E}[(r_n - \bar r)\, \psi_n] &= \mathbb{E}[r_n \psi_n] - \frac1N \sum_j \mathbb{E}[r_j \psi_n]
#    && \text{linearity} \\
#  &= g - \frac1N\, g = \Bigl(1 - \frac1N\Bigr) g && \text{only } j = n \text{ is left}
# \end{aligned}
# $$
#
# The gradient is too short by exactly the share $1/N$. For a batch of a hundred it does not matter, for four rollouts
# of an image it is a quarter. By hand, with the rewards 1, 0, 0, 1 of four rollouts: the mean of all is ½ for each. The
# means of the others are ⅓, ⅔, ⅔, ⅓. In plain lines, and then as the package has it, for all images and decisions at
# once and without a loop:


# %%
def plain_rollouts_baseline(r, M):
    """r (B·M,), M rollouts of each of B images side by side → the mean of the image's other rollouts (B·M,)."""
    b = np.zeros(len(r))
    for n in range(len(r)):
        first = n // M * M  # the image's first row
        others = [r[j] for j in range(first, first + M) if j != n]
        b[n] = sum(others) / len(others)
    return b


four = np.array([1.0, 0.0, 0.0, 1.0])
print(plain_rollouts_baseline(four, 4))
assert np.abs(plain_rollouts_baseline(four, 4) - [1 / 3, 2 / 3, 2 / 3, 1 / 3]).max() <= EPS
show_source(reinforce.batch_baseline, reinforce.rollouts_baseline)
some = np.random.default_rng(2).random(24)
for M in (2, 3, 4, 8):
    assert np.abs(reinforce.rollouts_baseline(some, M) - plain_rollouts_baseline(some, M)).max() <= 4 * M * EPS
assert np.abs(reinforce.batch_baseline(some) - plain_rollouts_baseline(some, 24)).max() <= 4 * 24 * EPS

# %%
sizes = [2, 3, 4, 6, 8, 16, 32]
rng = np.random.default_rng(2)
ratio = {"itself included": [], "the others only": []}
for N in sizes:
    a = mu + std * rng.standard_normal((60_000, N))
    r, score = (a > c).astype(float), (a - mu) / std**2
    total = r.sum(axis=1, keepdims=True)
    for name, b in (("itself included", total / N), ("the others only", (total - r) / (N - 1))):
        g = ((r - b) * score).mean(axis=1)
        ratio[name].append((g.mean() / exact, g.std() / exact / np.sqrt(len(g))))
# `batch_baseline` is the second of the two.
assert np.allclose(reinforce.batch_baseline(r[0]), b[0], rtol=0, atol=4 * N * np.finfo(float).eps)

for name, values in ratio.items():
    m, e = np.array(values).T
    want = 1 - 1 / np.array(sizes) if name == "itself included" else 1
    print(f"{name}: off by {np.abs((m - want) / e).max():.1f} standard errors at most, of {e.max():.3f} or less")
    assert (np.abs(m - want) < 4 * e).all() and e.max() < 0.01  # so a share of 1/16 is seen

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3))
line = np.linspace(1.7, 34, 300)
ax.plot(line, 1 - 1 / line, color=COLOUR["exact"], linewidth=1, label="1 − 1/N")
ax.axhline(1, color=COLOUR["exact"], linewidth=1, linestyle=":")
for (name, values), colour, marker in zip(ratio.items(), (COLOUR["wrong"], COLOUR["right"]), "so"):
    m, e = np.array(values).T
    ax.errorbar(sizes, m, 2 * e, fmt=marker, color=colour, label=name)
ax.set(xscale="log", xlabel="rows N", ylabel="mean estimate / exact", ylim=(0.4, 1.1), xticks=sizes, xticklabels=sizes)
ax.minorticks_off()
ax.legend(loc="lower right")
show("The mean estimate over the exact one against the rows: 1 with the others' mean, 1 − 1/N with itself in it")

# %% [markdown]
# The idea of *leaving one out* is common; for rollouts of one image it was made known by Wouter Kool and others in
# 2019, as "buy four samples, get a baseline for free".
#
# > **Asked: why normalise returns?** Many programs subtract the mean of the batch's returns and divide by their
# > standard deviation. The first half is this section's baseline, the row itself included. The second half sets the
# > *size* of the steps: with rewards of 0 to 1000 one need not look for another learning rate. But it is not free. The
# > deviation is computed from the same actions, so the mean estimate changes its direction, too, and where all rewards
# > of a batch are equal it divides zero by zero. The rewards of the recipes are between 0 and 1, so their returns have
# > a known size, and `minram` leaves it out.
#
# By how much does the direction change? The three places again, batches of four, all 81 batches that can happen:

# %%
true_gradient = p3 * (r3 - p3 @ r3)  # of J = Σ p_a r_a by the three logits
means = {"subtracted": np.zeros(3), "and divided": np.zeros(3)}
for batch in product(range(3), repeat=4):
    rewards, probability = r3[list(batch)], p3[list(batch)].prod()
    scores = psi3[list(batch)]  # (4, 3)
    centred = rewards - rewards.mean()
    for name, scale in (("subtracted", 1.0), ("and divided", rewards.std() or 1.0)):
        means[name] += probability * (centred / scale) @ scores / 4
for name, mean in means.items():
    cosine = mean @ true_gradient / np.linalg.norm(mean) / np.linalg.norm(true_gradient)
    print(f"mean {name:12} {np.linalg.norm(mean) / np.linalg.norm(true_gradient):.3f} times as long, ", end="")
    print(f"{np.degrees(np.arccos(min(cosine, 1))):.1f} degrees off")
    if name == "subtracted":
        assert np.abs(mean - 3 / 4 * true_gradient).max() < 100 * EPS  # 1 − 1/N, and no turn
    else:
        assert cosine < np.cos(np.radians(3))

# %% [markdown]
# ## A baseline that has seen the action
#
# If $b$ depends on the action, $b(a)$, the proof fails at its second line, and the estimate has another mean:
#
# $$
# \mathbb{E}\bigl[(r(a) - b(a))\, \nabla \log \pi(a)\bigr] = \nabla\, \mathbb{E}[r(a)] - \nabla\, \mathbb{E}[b(a)]
# \qquad \text{log-derivative trick, used on } r - b
# $$
#
# It follows the gradient of what the baseline could *not* predict. In the recurrent agent this happens if the
# reward expected from $h_{t+1}$ is subtracted for the decision on $l_{t+1}$, because $h_{t+1}$ has already
# seen the glimpse there: an off-by-one in an index. Below, the baseline is a mixture, a share κ of a smooth
# predictor of the reward from $a$, the rest the mean reward. All numbers are exact integrals.

# %%
grid = mu + std * np.linspace(-9, 9, 36_001)
density = norm.pdf(grid, mu, std) * (grid[1] - grid[0])
r, score = (grid > c).astype(float), (grid - mu) / std**2
predictor = expit((grid - c) / 0.05)
shares = np.linspace(0, 1, 41)
signal, noise = [], []
for share in shares:
    one = (r - (1 - share) * mean_reward - share * predictor) * score
    signal.append(density @ one)
    noise.append(np.sqrt(density @ one**2 - signal[-1] ** 2))
step = 1e-4  # ∇E[b], by differences of the integral
moved = norm.pdf(grid, mu + step, std) - norm.pdf(grid, mu - step, std)
slope = moved @ predictor * (grid[1] - grid[0]) / (2 * step)
print(f"mean with κ = 1: {signal[-1]:.4f};  ∇E[r] − ∇E[b] = {signal[0] - slope:.4f};  the truth: {exact:.4f}")
# The difference is off by step²|J‴|/6 with |J‴| < 1/σ³, the grid sum of the step by one cell, 4e-4 of dJ/dμ.
assert abs(signal[-1] - (signal[0] - slope)) < step**2 / std**3 + 1e-9
assert abs(signal[0] - exact) < (grid[1] - grid[0]) / std**2

assert signal[-1] < 0.2 * exact and noise[-1] < 0.5 * noise[0]

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3))
ax.plot(shares, noise, "--", color=COLOUR["muted"], label="noise: std of one sample")
ax.plot(shares, signal, color=COLOUR["location"], label="signal: mean")
ax.axhline(exact, color=COLOUR["exact"], linewidth=1, linestyle=":", label="exact dJ/dμ")
ax.set(xlabel="share κ of the baseline that has seen the action", ylabel="1/half-width", ylim=(0, None))
ax.legend(loc="upper right")
show("The more of the action the baseline has seen, the smaller the noise, and the smaller the signal too")

# %% [markdown]
# This is what makes the mistake so attractive. The better the baseline predicts the reward, the calmer the estimates
# look, and the curve of the baseline's error is splendid. The signal fades along with the noise.
#
# ## A learned baseline
#
# A single number cannot follow that images differ: one digit is read correctly wherever one looks, another never. A
# **learned** baseline can, a linear head $b_t = h_t W + \beta$ that predicts the reward from the state that is about to
# decide. It is trained by $\tfrac12 (b_t - r)^2$, whose gradient stays in the head. Three questions come up.
#
# **It shares $h_t$ with the policy. Is it still unbiased?** Yes. The proof needs $b_t$ to be a *number* that, given
# $s_{1:t}$, does not depend on $a_t$. $h_t$ is computed from $s_{1:t}$ alone. That the same weights are in $\mu_t$ does
# not matter: no derivative of $b_t$ is taken.
#
# **What if a derivative is taken**, because someone forgot to detach it? Then the surrogate $-(r - b) \log \pi$ has one
# more derivative, $+\log \pi \cdot \nabla b$, which has nothing to do with rewards. Its mean is $\mathbb{E} \log \pi$
# times $\nabla b$. For one coordinate that is $-\tfrac12 - \log \sigma - \tfrac12 \log 2\pi$, positive for a narrow
# policy. So descent pushes $b$ down, whatever the rewards are: for ever, if nothing else trains it, and with its own
# error until it lies $\mathbb{E} \log \pi$ below the mean reward.

# %%
nodes, weights = np.polynomial.hermite_e.hermegauss(20)
log_pi = norm.logpdf(std * nodes, 0, std)
push = weights @ log_pi / weights.sum()
print(f"E log π = {push:.4f}, by the formula {-0.5 - np.log(std) - 0.5 * np.log(2 * np.pi):.4f}")
assert abs(push - (-0.5 - np.log(std) - 0.5 * np.log(2 * np.pi))) < 100 * EPS and push > 0
values = []
for moved_b in (0.5 + 1e-4, 0.5 - 1e-4):
    values.append(weights @ (-((std * nodes + mu > c) - moved_b) * log_pi) / weights.sum())
assert abs((values[0] - values[1]) / 2e-4 - push) < 1e-9  # the slope of the surrogate by b, for any reward

# %% [markdown]
# **What if it is fitted first, on the same batch, and used then?** Then it has seen the actions. The mean that includes
# the row itself is the simplest case of that. In the package a row's $b_t$ is what the head said *before* this batch
# taught it anything.
#
# ## Four baselines, one mean
#
# All four are honest, so all four must have the same mean: the exact gradient. We check it with the package's
# `advantages`, on a problem where it is known. Two images, four rollouts each, one decision with the step reward; on
# the first image the edge lies 0.25 to the right of μ, on the second 0.25 to its left, so the second is easier. The
# "head" of the learned baseline says each image's own expected reward. And as in lesson 6 the check says how small a
# bias it could have seen.

# %%
edges = np.array([0.65, 0.15])  # of the two images
M, n = 4, 40_000
rng = np.random.default_rng(5)
c_row = np.repeat(edges, M)  # (N,)
a = mu + std * rng.standard_normal((n, 2 * M))
r, score = (a > c_row).astype(float), (a - mu) / std**2
head = np.broadcast_to(ndtr((mu - c_row) / std), r.shape)
true_mean = (norm.pdf((c_row - mu) / std) / std).mean()
found = {}
for kind in ("none", "batch", "rollouts", "learned"):
    g = (reinforce.advantages(r, head, kind, M) * score).mean(axis=1)  # (n,) an estimate each
    factor, error = g.mean() / true_mean, g.std() / true_mean / np.sqrt(n)
    found[kind] = g.var()
    print(f"{kind:9} {factor:.4f} ± {error:.4f} times the exact gradient; variance of an estimate {g.var():.3f}")
    assert abs(factor - 1) < 4 * error < 0.04  # four comparisons; a factor of 0.92, or a sign, would be seen
assert found["learned"] < found["batch"] < found["none"] and found["rollouts"] < found["none"]
own = (r - r.reshape(n, 2, M).mean(axis=2).repeat(M, axis=1)) * score  # itself included: a quarter is missing
assert abs(own.mean() / true_mean - 3 / 4) < 0.04

# %% [markdown]
# The images differ, so their own expected reward is the best of the four. The mean of an image's other rollouts knows
# the image too, but it is the mean of three numbers, and noisy itself. With more rollouts it comes close.
#
# ## Reward-to-go
#
# In other problems there is a reward $r_t$ after each action. An action cannot change what was earned before it. Given
# the history they are independent, so $\mathbb{E}[r_{t'} \nabla\log\pi(a_t \mid s_{1:t})] = 0$ for what came before, by
# the proof above, with the old reward in place of $b$. Dropping these terms leaves the **reward-to-go**. In `minram`
# the reward $r_t$ is for the guess after glimpse $t$, and the location drawn from $h_t$ acts from glimpse $t+1$ on. So
# its reward-to-go is $G_t = \sum_{t' > t} r_{t'}$.
#
# By hand: rewards 1, 2, 3, 4 after four glimpses. After the first decision come 2 + 3 + 4 = 9, after the second 7,
# after the third 4. Where all rewards but the last are zero, it is that reward, at every step.

# %%
to_go = reinforce.returns(np.array([[1.0], [2.0], [3.0], [4.0]]))  # (T−1, N)
print(to_go.ravel())
assert (to_go.ravel() == [9, 7, 4]).all()
last_alone = np.zeros((4, 3))  # (T, N)
last_alone[-1] = [1.0, 0.0, 1.0]
assert (reinforce.returns(last_alone) == [1.0, 0.0, 1.0]).all()

# %% [markdown]
# What does it gain? Five glimpses and four decisions, each with the step reward of its own action. Either each decision
# is judged by everything that was earned, or by what came after it:

# %%
n = 40_000
rng = np.random.default_rng(8)
a = mu + std * rng.standard_normal((4, n))
reward = np.concatenate([np.zeros((1, n)), a > c])  # (T, N): decision t is rewarded after glimpse t + 1
score = (a - mu) / std**2
whole, to_go = reward.sum(axis=0) * score, reinforce.returns(reward) * score  # (T−1, N)
for name, g in (("everything", whole), ("what came after", to_go)):
    error = g.std(axis=1) / np.sqrt(n)
    print(f"{name:16} mean {g.mean(axis=1).round(2)}, exact {exact:.2f}; variance {g.var(axis=1).round(0)}")
    assert (np.abs(g.mean(axis=1) - exact) < 4 * error).all() and error.max() < 0.1 * exact
assert (whole[0] == to_go[0]).all() and whole[3].var() > 4 * to_go[3].var()

# %% [markdown]
# The first decision gains nothing, the last one most: it is no longer judged by the luck of the three before it. This
# is without a baseline. The recipes for the paper's tables reward every guess (`reward_steps=every`), and have one;
# what is then left to gain, lesson 13 measures.
#
# ## On the agent
#
# Now the network. We train a small agent for a moment, hold it fixed, let its baseline head learn to the end, and then
# measure the gradient of the location head again and again, with all four baselines on the same rollouts.

# %%
config = Config(
    glimpses=4,
    patch_size=6,
    what_units=32,
    where_units=16,
    glimpse_units=48,
    core_units=48,
    std=0.15,
    rollouts=4,
    batch_size=16,
)
rng = np.random.default_rng(3)
vector, params = optim.pack(init_params(config, rng))
state = optim.optimiser_state(config, vector)
n_agent, n_baseline = 3000, 1500  # steps
for step in range(n_agent + n_baseline):
    index = rng.integers(len(dataset.x_train), size=config.batch_size)
    t = rollout(params, config, summed_area(dataset.x_train[index]), rng, config.rollouts)
    heads, outcome = reinforce.cotangents(t, dataset.y_train[index], config)
    if step >= n_agent:  # the agent is held, the baseline learns on
        heads = only(heads, "baseline")
    grads = backward(params, t, heads, flow=("label",))
    gradient = np.concatenate([g.ravel() for g in grads.values()])
    if step == n_agent:
        state = optim.optimiser_state(config, vector)  # or Adam's momentum would move the agent on
        held = vector.copy()
    optim.update_in_place(config, vector, gradient, state, step % n_agent, 2e-3)
head = slice(-params["baseline.W"].size - 1, None)  # the last parameters are the baseline's
moved = vector != held
assert moved[head].any() and not moved[: head.start].any()

kinds = ["none", "batch", "rollouts", "learned"]
samples = {kind: [] for kind in kinds}
rewards, advantage = [], {kind: [] for kind in kinds}
for _ in range(300):
    index = rng.integers(len(dataset.x_train), size=config.batch_size)
    t = rollout(params, config, summed_area(dataset.x_train[index]), rng, config.rollouts)
    for kind in kinds:
        heads, outcome = reinforce.cotangents(t, dataset.y_train[index], config.changed({"baseline": kind}))
        samples[kind].append(-backward(params, t, only(heads, "mu"))["location.W"].ravel())
        advantage[kind].append(np.mean(outcome.advantage**2))
    rewards.append(outcome.reward.mean())
N = config.batch_size * config.rollouts
print(f"mean reward {np.mean(rewards):.3f}; rows per batch {N}; batches {len(rewards)}")
squares = {}  # the squared distance of each batch from the mean: of their mean, the variance, we know the error
for kind in kinds:
    s = np.array(samples[kind], np.float64)
    squares[kind] = ((s - s.mean(axis=0)) ** 2).sum(axis=1) * len(s) / (len(s) - 1)
for kind in kinds:
    share = squares[kind].mean() / squares["none"].mean()
    # All four saw the same rollouts, so that much of the chance is common to them, and falls out of the ratio.
    error = (squares[kind] - share * squares["none"]).std() / squares["none"].mean() / np.sqrt(len(rewards))
    print(f"{kind:9} mean square advantage {np.mean(advantage[kind]):.3f}, variance {share:.3f} ± {error:.3f} of none")
    assert kind == "none" or share + 4 * error < 1


# %% [markdown]
# The mean square advantage tells the same story as the variance, and is cheaper to watch. All three baselines gain,
# beyond chance. The other rollouts of the image know how hard the image is. The learned baseline has to guess it from
# what it has seen so far, with one linear layer. Which of the three is best is a finer question, and whether it pays
# what it costs another: lesson 13 has a bench for both, with a dozen more estimators.
#
# And the best single number? For the last layer of the location head a row's own gradient can be written down:
# $\psi = \sum_t h_t^{\mathsf T} z_t / \sigma$. So its norm is known, and with it $b^*$:

# %%
index = np.random.default_rng(6).integers(len(dataset.x_train), size=1000)
t = rollout(params, config, summed_area(dataset.x_train[index]), np.random.default_rng(7))
_, outcome = reinforce.cotangents(t, dataset.y_train[index], config.changed({"rollouts": 1}))
r = outcome.reward.astype(float)
scores = ((t.sample - t.mu) / config.std**2).astype(float)  # (T−1, N, 2)
states = t.core.h[:-1].astype(float)  # (T−1, N, core)
psi = np.einsum("tni,tnj->nij", states, scores).reshape(len(r), -1)  # (N, core · 2)
best_b = best_constant(np.full(len(r), 1 / len(r)), r, psi)


def total_variance(b):
    g = (r - b)[:, None] * psi
    return g.var(axis=0).sum()


print(f"mean reward {r.mean():.3f}, b* = {best_b:.3f}")
for name, b in (("none", 0.0), ("mean reward", r.mean()), ("b*", best_b)):
    print(f"{name:12} variance of one row {total_variance(b):.3g}, {total_variance(b) / total_variance(0):.2f} of none")
assert total_variance(best_b) < 1.01 * total_variance(r.mean()) < 0.9 * total_variance(0)

# %% [markdown]
# Hardly any different from the mean reward here: $r$ and the length of the score know little of each other. What the
# learned baseline knows after each glimpse:

# %%
correct, predicted = [], []
for start in range(0, 2000, 500):
    images, labels = dataset.x_val[start : start + 500], dataset.y_val[start : start + 500]
    t = rollout(params, config, summed_area(images), rng)
    _, outcome = reinforce.cotangents(t, labels, config.changed({"rollouts": 1}))
    correct.append(outcome.reward)
    predicted.append(t.baseline)
correct, predicted = np.concatenate(correct), np.concatenate(predicted, axis=1)  # (n,), (T−1, n)
explained = [1 - np.mean((correct - b) ** 2) / correct.var() for b in predicted]
for step, share in enumerate(explained):
    print(f"after glimpse {step + 1} the baseline explains {100 * share:.0f} % of the variance of the reward")
assert max(explained) < 0.2

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), sharey=True)
for step, ax in enumerate(axes):
    order = np.argsort(predicted[step]).reshape(10, -1)  # ten groups, from the least to the most hopeful
    x, y = predicted[step][order].mean(axis=1), correct[order].mean(axis=1)
    ax.axline((0, 0), slope=1, color=COLOUR["exact"], linewidth=1)
    ax.errorbar(x, y, 2 * np.sqrt(y * (1 - y) / order.shape[1]), fmt="o", color=COLOUR["baseline"])
    ax.axhline(correct.mean(), color=COLOUR["muted"], linewidth=1, linestyle=":")
    ax.set(title=f"After glimpse {step + 1}", xlabel="predicted reward b", xlim=(0.45, 1.05), ylim=(0.45, 1.05))
axes[0].set(ylabel="mean reward, ± 2 standard errors")
show("Mean reward against predicted reward after one, two and three glimpses: later ones spread along the diagonal")

# %% [markdown]
# After one glimpse it knows nothing that the mean does not (a negative share: even a little less). After three it
# explains a few percent at most. That is why it gains so little here over the mean of the batch.
#
# ## Signal and noise
#
# How many rows are needed before an estimate is more signal than noise? The noise of a batch of $N$ rows falls like
# $1/\sqrt N$, and so the **signal-to-noise ratio** $|g| / \mathrm{std}$ grows like $\sqrt N$: a baseline that halves
# the variance is worth a batch of twice the size, for free. For a trained agent the length of the gradient is hard to
# get from a few hundred batches, as these are mostly noise. (Lesson 8 gets it for one whose locations are untrained.)
# That is where training lives, with small steps, of which many add up. In lesson 13 millions of rollouts show how long
# it is.
#
# ## What to remember
#
# Subtract anything from the reward on which the action had no influence: the mean stays, and with a good choice the
# variance falls. It is a control variate. The best constant weights rewards by the squared score; the mean reward is
# cheaper, and often nearly as good, but for a policy that is sure it can be worse than none. Leave the row itself out
# of a mean, or lose a share $1/N$. A baseline that has seen the action takes away the signal along with the noise, and
# looks good doing so. The learned $b_t(h_t)$ must come from the state that decides, its error must be trained in its
# own head, and its derivative must not be taken anywhere else.
#
# **Further reading.** Lesson 13 ends with a list of twelve papers, with a word on each. Williams, *Machine Learning* 8
# (1992), for the baseline; Weaver and Tao, UAI 2001, and Greensmith, Bartlett and Baxter, JMLR 5 (2004), for the best
# one; Sutton and Barto, *Reinforcement Learning*, 2nd edition (2018), §13.3 and §13.4; Mnih and Gregor, ICML 2014, for
# learned baselines in models like this one; Schulman and others, ICLR 2016, for rewards that are far away; Tucker and
# others, ICML 2018, on baselines that see the action; Mohamed and others, JMLR 21 (2020), for the whole field.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("says = (earns - b) * score_of", "says = (earns - b) * np.abs(score_of)"),
    ("says = (earns - b) * score_of", "says = earns * score_of - b"),
    ("minram.policy", "* cache.z / cache.std", "* (cache.z + 0.01) / cache.std"),  # a score whose mean is not 0
    ("minram.reinforce", "advantage = G - baseline(trajectory, G)", "advantage = G + baseline(trajectory, G)"),
    ("t.sample[0, 3, 0]", "t.sample[0, :, 0]"),  # one's own luck
    ("best = k * norm.pdf(k) + ndtr(-k)", "best = ndtr(-k)"),  # the mean reward for the best constant
    ("+ b**2) / std**2 - exact**2", "+ b**2) / std**2"),
    ("(earns * score_of**2)) / (chance @ score_of**2)", "(earns * np.abs(score_of))) / (chance @ np.abs(score_of))"),
    ("if j != n]", "]"),  # itself included
    ("minram.reinforce", "- G) / (G.shape[-1] - 1)", "- G) / G.shape[-1]"),
    ("minram.reinforce", "- per_image) / (rollouts - 1)", "- 0 * per_image) / rollouts"),
    ("minram.reinforce", "G.shape[-1] // rollouts, rollouts)", "rollouts, G.shape[-1] // rollouts)"),
    ("minram.reinforce", "G - BASELINES[kind](G, head, rollouts)", "BASELINES[kind](G, head, rollouts) - G"),
    ("minram.reinforce", "G - BASELINES[kind](G, head, rollouts)", "0 * G"),  # always 0, and very calm
    ("minram.reinforce", "G - BASELINES[kind](G, head, rollouts)", "0.95 * G - BASELINES[kind](G, head, rollouts)"),
    ('("the others only", (total - r) / (N - 1))', '("the others only", (total - r) / N)'),
    ('("and divided", rewards.std() or 1.0)', '("and divided", 1.0)'),  # no mistake: none to be found
    ("- share * predictor) * score", "- share * mean_reward) * score"),  # a baseline that has seen nothing
    ("- moved_b) * log_pi", "- 0.5) * log_pi"),  # detached: nothing is pushed
    ("head = np.broadcast_to(ndtr((mu - c_row) / std), r.shape)", "head = 0.9 * r"),  # it knows how it went
    ("own = (r - r.reshape(n, 2, M).mean(axis=2).repeat(M, axis=1)) * score", "own = r * score"),
    ("square = (psi**2).sum(axis=1)\n", "square = np.sqrt((psi**2).sum(axis=1))\n"),
    ("minram.reinforce", "reward[:0:-1].cumsum(axis=0)[::-1]", "reward[::-1].cumsum(axis=0)[:0:-1]"),
    ("minram.reinforce", "reward[:0:-1].cumsum(axis=0)[::-1]", "reward[:-1].cumsum(axis=0)"),  # what came before
    ("reinforce.returns(reward) * score  #", "reinforce.returns(reward) * score / 2  #"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to a bias. Each has a function to be written and, after it, a check that says at once what it
# thinks. The checks do not depend on each other. They compare with exact sums, so that chance has no part in them.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np

from exercise import answers, entries, exercise, finish, numbers, same


def everything(p, N=1):
    """All that N choices among K places with probabilities p can be: choices (K^N, N), and their probabilities."""
    a = np.array(list(product(range(len(p)), repeat=N)))
    return a, p[a].prod(axis=1)


# %% [markdown]
# **1. Predict**, before you compute anything. The estimate is, as ever, the mean over the rows of
# (reward − baseline) · score.
#
# - `a`: a constant baseline of 1000 is subtracted from rewards of 0 and 1. By what is the mean of the estimate
#   multiplied?
# - `b`: the baseline is the mean reward of five rows, the row itself among them. By what now?
# - `c`: a head predicts each reward perfectly, but from the state *after* the action. Its prediction is the baseline.
#   What is the mean of the estimate?
# - `d`: one constant baseline lies 0.1 above the best one, another 0.1 below it. What is the variance with the first,
#   divided by that with the second?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 1, "b": 4 / 5, "c": 0, "d": 1}


# %%
@exercise("1. Predict")
def check_predicted():
    p, r = np.array([0.3, 0.7]), np.array([1.0, 0.0])
    score = np.array([0.7, -0.3])
    true = p @ (r * score)
    a, chance = everything(p, 5)
    own = chance @ ((r[a] - r[a].mean(axis=1, keepdims=True)) * score[a]).mean(axis=1)

    def variance(b):
        return p @ ((r - b) * score) ** 2 - true**2

    tried = np.array([0.0, 0.5, 1.0])
    curve = np.polyfit(tried, [variance(b) for b in tried], 2)
    lowest = -curve[1] / (2 * curve[0])
    seen = {
        "a": (p @ ((r - 1000) * score)) / true,
        "b": own / true,
        "c": p @ ((r - r) * score),
        "d": variance(lowest + 0.1) / variance(lowest - 0.1),
    }
    hints = {
        "a": "What does it add to the mean?",
        "b": "A fifth of the baseline is the row's own reward.",
        "c": "What is left of the reward when such a baseline is subtracted?",
        "d": "What kind of curve is it, and where is its lowest point?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** Two places. To the right, with the probability ⅕, the agent earns 5, to the left nothing. The
# scores are ⅘ and −⅕. What is the mean reward? What does a sample say with the mean reward as its baseline? With which
# constant baseline is the variance of what a sample says the least, and how large is it then?


# %% tags=["solution"]
def baselines_by_hand():
    """→ {"mean reward": …, "says": (after right, after left), "best": …, "variance": …}."""
    # Solution
    # E ψ² = ⅕ · 16/25 + ⅘ · 1/25 = 4/25, E r ψ² = ⅕ · 5 · 16/25 = 16/25, so the best is 4. It leaves 1 and −4 of the
    # rewards, and times their scores that is ⅘ and ⅘: no scatter at all.
    return {"mean reward": 1, "says": (16 / 5, 1 / 5), "best": 4, "variance": 0}


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
    names = ("mean reward", "says", "best", "variance")
    got = dict(zip(names, entries(baselines_by_hand(), *names)))
    p, r, score = np.array([1 / 5, 4 / 5]), np.array([5.0, 0.0]), np.array([4 / 5, -1 / 5])
    mean = float(p @ r)
    same("mean reward", got["mean reward"], mean, {"the places are not equally likely.": r.mean()})
    because = {"this is without a baseline.": r * score, "these are the advantages; where are the scores?": r - mean}
    same("says", got["says"], (r - mean) * score, because)
    tried = np.array([0.0, 2.0, 4.0])
    squares = [p @ ((r - b) * score) ** 2 for b in tried]
    curve = np.polyfit(tried, squares, 2)
    lowest = -curve[1] / (2 * curve[0])
    because = {
        "this is the mean reward; but the rarer place has the larger score, and its reward pulls harder.": mean,
        "the places are not equally likely.": (score**2 @ r) / (score**2).sum(),
        "the weights are the squares of the scores, not their sizes.": p @ (r * abs(score)) / (p @ abs(score)),
    }
    same("best", got["best"], lowest, because, tolerance=1e-6)
    left = p @ ((r - lowest) * score) ** 2 - (p @ (r * score)) ** 2
    message = "the variance is the mean square minus the square of the mean; or look how far the two samples are apart."
    assert abs(numbers("variance", got["variance"]) - left) < 1e-6, message


# %% [markdown]
# **3. Leave one out.** A colleague has already computed $r_n - \bar r$ with the mean of all $N$ rows. Turn it into the
# advantage (reward minus baseline) whose baseline is the mean of the *other* rows, without seeing $r$.


# %% tags=["solution"]
def repaired(centred):
    """r − mean of all rows (N,) → r − mean of the other rows (N,)."""
    # Solution
    N = len(centred)
    return centred * N / (N - 1)  # r − (N r̄ − r)/(N − 1) = N (r − r̄)/(N − 1)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Write the mean of the others in terms of $\bar r$ and $r_n$, and subtract it from $r_n$.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# By how much is the estimate too short if the row itself is in its mean?
#
# </details>


# %%
@exercise("3. Leave one out")
def check_repaired():
    rng = np.random.default_rng(1)
    for N in (2, 5, 8):
        r = rng.random(N)
        others = np.array([np.delete(r, n).mean() for n in range(N)])
        got = repaired(r - r.mean())
        because = {"this is what you were given, with the row itself in its mean.": r - r.mean()}
        if N != 5:
            because["the factor depends on N; this one is right for five rows."] = (r - r.mean()) * 1.25
        because["it should become larger, not smaller: it was too short."] = (r - r.mean()) ** 2 / (r - others)
        same(f"for {N} rows the advantage", got, r - others, because)


# %% [markdown]
# **4. One baseline for a whole gradient.** A choice among $K$ places with the probabilities $p$. Place $k$ earns $r_k$,
# and its score is the row $\psi_k$, with a component for each of $P$ parameters. As ever, the scores have the mean 0:
# $\sum_k p_k \psi_k = 0$. The optimiser has a step length $\eta_j$ of its own for each parameter, so its step is
# $(r - b)\, \eta_j\, \psi_{kj}$. Find the *one* number $b$ for which the variances of all components of the step, added
# up, are least.


# %% tags=["solution"]
def best_baseline(p, r, psi, eta):
    """p, r (K,), psi (K, P), eta (P,) → b, a number."""
    # Solution
    # Σ_j Var[(r − b) η_j ψ_j] = E (r − b)² ‖ηψ‖² − ‖ηg‖², and g does not depend on b. The derivative by b is 0 at
    # E[r ‖ηψ‖²] / E ‖ηψ‖².
    weight = p * ((eta * psi) ** 2).sum(axis=1)
    return weight @ r / weight.sum()


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Write down the sum of the variances, as a function of $b$. Which parts of it do not depend on $b$? Set the derivative
# of the rest to zero.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# It is the formula for one parameter, in which $\psi^2$ has become the squared length of a row, but of which row, now
# that there are step lengths? It is *not* the mean of the parameters' own best numbers.
#
# </details>


# %%
@exercise("4. One baseline for all")
def check_best():
    rng = np.random.default_rng(2)
    for K, P in ((3, 3), (5, 5), (4, 2)):
        p, r = rng.dirichlet(np.ones(K)), rng.normal(size=K)
        psi = (np.eye(K) - p) @ rng.normal(size=(K, P))  # a score has the mean 0
        eta = rng.uniform(0.2, 3, size=P)
        steps = eta * psi

        def variances(b, p=p, r=r, steps=steps):
            g = (r - b)[:, None] * steps
            return p @ g**2 - (p @ g) ** 2  # (P,)

        def lowest(of, p=p):
            curve = np.polyfit([-1.0, 0.0, 1.0], [of(b) for b in (-1.0, 0.0, 1.0)], 2)
            return -curve[1] / (2 * curve[0])

        sizes = np.sqrt((steps**2).sum(axis=1))

        def weighted(weight, p=p, r=r):
            return p @ (r * weight) / (p @ weight)

        because = {
            "this is the mean reward.": p @ r,
            "this is the best for the gradient; where are the step lengths?": weighted((psi**2).sum(axis=1)),
            "a variance grows with the square of a step length.": weighted((eta * psi**2).sum(axis=1)),
            "the weight of a reward is the squared length of its score, not the length.": weighted(sizes),
            "this is the mean of the parameters' own best numbers.": np.mean(
                [lowest(lambda b, j=j: variances(b)[j]) for j in range(P)]
            ),
            "the places are not equally likely.": (sizes**2 @ r) / (sizes**2).sum(),
        }
        got = best_baseline(p.copy(), r.copy(), psi.copy(), eta.copy())
        same("b", got, lowest(lambda b: variances(b).sum()), because, tolerance=1e-7)


# %% [markdown]
# **5. A bias.** A program keeps a running mean $b$ of the rewards. A batch of $N$ rows comes, with the mean reward
# $\bar r$. First $b$ is updated, $b \leftarrow d \cdot b + (1 - d) \cdot \bar r$, with a share $d$ that is kept, say
# 0.9. *Then* the new $b$ is subtracted from this batch's rewards. The mean of the gradient estimate is now the true
# gradient times a factor. Derive it, and write it.


# %% tags=["solution"]
def factor(d, N):
    """The mean of the estimate divided by the true gradient, for a share d that is kept and N rows."""
    # Solution
    # The old b is honest. Of r̄ only the row's own part, r_n / N, has to do with its score: E[r̄ ψ_n] = g / N.
    return 1 - (1 - d) / N


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# Split the new $b$ into three parts: the old mean, the other rows, the row itself. Which of them knows the row's
# action?
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# What is the mean of $r_j \psi_n$ for another row $j$, and what is it for $j = n$? The derivation in the section on the
# mean that includes the sample itself has both.
#
# </details>


# %%
@exercise("5. A bias")
def check_factor():
    p, r = np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.0, 3.0])
    score = np.eye(3)[0] - p[0]  # by the logit of the first place
    true = p @ (r * score)
    for d, N in ((0.9, 3), (0.6, 4), (0.0, 4), (0.9, 1), (0.99, 3)):
        a, chance = everything(p, N)
        b = d * 0.7 + (1 - d) * r[a].mean(axis=1, keepdims=True)  # 0.7: what it was before
        mean = chance @ ((r[a] - b) * score[a]).mean(axis=1)
        because = {
            "only a part of the baseline is new: how much does d leave of the old one?": 1 - 1 / N if d else np.inf,
            "the other rows of the batch are honest; only the row itself is not.": d if N > 1 else np.inf,
            "it is the row's own part of the batch's mean that is not honest, not the others'.": (
                d + (1 - d) / N if N > 1 else np.inf
            ),
            "the old mean is honest, but the new one has seen this batch.": 1.0,
            "this is what is missing, not what is left.": 1 - mean / true,
            "of the batch's mean a share 1 − d goes into b, not d.": 1 - d / N if d else np.inf,
            "this is the true gradient divided by the mean of the estimate.": true / mean if mean else np.inf,
        }
        same(f"for d = {d} and N = {N} the factor", factor(d, N), mean / true, because)


# %%
finish()
