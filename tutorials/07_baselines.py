# %% [markdown]
# # 7. Baselines
#
# **What you will see.** A number subtracted from the reward makes the gradient estimate less noisy and
# changes nothing else, provided that it does not know the action it judges. We prove both halves of the
# sentence, find the best constant, measure the baselines that programs use, and compute by how much the
# dishonest ones lie.
#
# **What you need.** Lesson 6.
#
# **How long it runs.** About ten seconds.
#
# **To touch.** [The same in a browser](pages/reinforce.html): pull the baseline along its parabola.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import norm

from lesson import show_source
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

# %% [markdown]
# ## Praise for everything
#
# Take the step reward of lesson 6 again, $r(a) = 1$ if $a > c$, and an agent that is already good: most of its samples
# are rewarded. Its gradient estimate from one sample is $r \cdot (a - \mu)/\sigma^2$. A success on the left of μ says
# "further left", a success on the right says "further right", and the left ones take back a part of what the right ones
# say, as printed below. The agent is praised for almost everything, so that praise tells little about where the edge
# is. Failures say nothing at all, being multiplied by 0. Subtract $b$ and a success counts $1 - b$, a failure $-b$.

# %% tags=["picture"]
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

fig, axes = plt.subplots(2, 2, figsize=(8.4, 4.4), sharex="col", width_ratios=(3, 2))
for (left, right), b, name in zip(axes, (0, mean_reward), ("no baseline", "b = mean reward")):
    for rewarded, colour in ((r == 1, COLOUR["right"]), (r == 0, COLOUR["wrong"])):
        left.plot(a[rewarded][:800], ((r - b) * score)[rewarded][:800], ".", color=colour, markersize=3)
    left.axvline(c, color=COLOUR["reward"], linewidth=1)
    left.set(ylim=(-14, 14), ylabel="estimate (1/half-width)", title=f"One sample's estimate, {name}")
    batch = ((r - b) * score).reshape(-1, 20).mean(axis=1)
    right.hist(batch, np.linspace(-2, 6, 41), color=COLOUR["location"], alpha=0.7)
    right.axvline(exact, color=COLOUR["exact"], linewidth=1)
    right.set(title=f"Means of 20: std {batch.std():.2f}", ylabel="number")
axes[1, 0].set(xlabel="sample a (half-widths); reward 1 right of the line")
axes[1, 1].set(xlabel="estimate of dJ/dμ (1/half-width)")
plt.show()

# %% [markdown]
# With the baseline the failures speak too, and with force: they lie on the left, their advantage is negative,
# and they push to the right. The many successes whisper. The mean of the estimates is the same, the scatter
# is not.
#
# ## Why it adds nothing on average
#
# Given the history $s_{1:t}$, let $b$ be independent of the action: it may be a function of the history itself, or
# of the label, or of what happened in other rollouts, but the action must have no influence on it.
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
# \nabla_\theta J(\theta) \approx \frac1M \sum_{m=1}^M \sum_{t=1}^{T}
#   \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\, (r^m - b_t^m).
# $$
#
# The difference $r - b$ is called the **advantage**: how much better it went than expected. In the function that makes
# it, `BASELINES` is a table of four functions under the names of the setting: `none` gives 0, `batch` the mean of the
# other rows, `rollouts` the mean of the other rollouts of the image, `learned` what a head of the network predicts. All
# four come below.

# %%
z, weights = np.polynomial.hermite_e.hermegauss(20)
weights = weights / weights.sum()
for b in (0.3, 1.0, -7.0):
    added = weights @ (b * z / std)
    print(f"b = {b:4}: adds {added: .1e} to the mean")
    assert abs(added) < 1e-12 * max(abs(b), 1) / std  # rounding of a sum of terms of size |b|/σ
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

line = np.linspace(-0.25, 1.45, 200)
fig, ax = plt.subplots(figsize=(7, 3.4))
ax.plot(line, variance(line), color=COLOUR["exact"], label="exact")
ax.errorbar(tried, sampled, 2 * np.array(error), fmt=".", color=COLOUR["muted"], label="samples, ± 2 standard errors")
for name, b, colour, up in (
    ("none", 0, COLOUR["location"], 3),
    ("optimal", best, COLOUR["label"], -3),
    ("mean reward", mean_reward, COLOUR["baseline"], 3),
):
    ax.plot(b, variance(b), "o", color=colour, markersize=8)
    ax.text(b, variance(b) + up, name, color=colour, ha="center", va="center")
    print(f"{name:12} b = {b:.3f}: variance of one sample {variance(b):6.2f}")
ax.set(xlabel="baseline b (reward)", ylabel="variance of one sample (1/half-width²)", ylim=(0, None))
ax.legend(loc="upper right")
plt.show()
integral, bound = quad(lambda z: z**2 * norm.pdf(z), k, np.inf)  # E[r z²], with a bound on its own error
assert abs(best - integral) < bound
assert variance(best) < variance(mean_reward) < variance(0)

# %% [markdown]
# The gain of the mean reward over nothing is large, that of the optimum over the mean reward is smaller. As
# $b^*$ would be different for every parameter of the network, the mean is what is used.
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
# of an image it is a quarter. The mean of the *others* costs one line more and is right:

# %%
show_source(reinforce.batch_baseline, reinforce.rollouts_baseline)

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

fig, ax = plt.subplots(figsize=(7, 3))
line = np.linspace(1.7, 34, 300)
ax.plot(line, 1 - 1 / line, color=COLOUR["exact"], linewidth=1, label="1 − 1/N")
ax.axhline(1, color=COLOUR["exact"], linewidth=1, linestyle=":")
for (name, values), colour in zip(ratio.items(), (COLOUR["wrong"], COLOUR["right"])):
    m, e = np.array(values).T
    want = 1 - 1 / np.array(sizes) if name == "itself included" else 1
    print(f"{name}: off by {np.abs((m - want) / e).max():.1f} standard errors at most")
    assert (np.abs(m - want) < 4 * e).all()
    ax.errorbar(sizes, m, 2 * e, fmt="o", color=colour, label=name)
ax.set(xscale="log", xlabel="rows N", ylabel="mean estimate / exact", ylim=(0.4, 1.1), xticks=sizes, xticklabels=sizes)
ax.minorticks_off()
ax.legend(loc="lower right")
plt.show()

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
h = 1e-4  # ∇E[b], by differences of the integral
slope = (norm.pdf(grid, mu + h, std) - norm.pdf(grid, mu - h, std)) @ predictor * (grid[1] - grid[0]) / (2 * h)
print(f"mean with κ = 1: {signal[-1]:.4f};  ∇E[r] − ∇E[b] = {signal[0] - slope:.4f};  the truth: {exact:.4f}")
# The difference is off by h²|J‴|/6 with |J‴| < 1/σ³, the grid sum of the step by one cell, 4e-4 of dJ/dμ.
assert abs(signal[-1] - (signal[0] - slope)) < h**2 / std**3 + 1e-9
assert abs(signal[0] - exact) < (grid[1] - grid[0]) / std**2

fig, ax = plt.subplots(figsize=(7, 3))
ax.plot(shares, noise, color=COLOUR["muted"], label="noise: std of one sample")
ax.plot(shares, signal, color=COLOUR["location"], label="signal: mean")
ax.axhline(exact, color=COLOUR["exact"], linewidth=1, linestyle=":", label="exact dJ/dμ")
ax.set(xlabel="share κ of the baseline that has seen the action", ylabel="1/half-width", ylim=(0, None))
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# This is what makes the mistake so attractive. The better the baseline predicts the reward, the calmer the
# estimates look, and the curve of the baseline's error is splendid. The signal fades along with the noise.
#
# ## On the agent
#
# Now the network. Rewards differ from image to image: one digit is read correctly wherever one looks, another
# never. A single number cannot follow that. Two baselines can: the mean of the *other rollouts of the same
# image*, and a **learned** one, a linear head $b_t = h_t W + \beta$ that predicts the reward from the state that
# is about to decide. It is trained by $\tfrac12 (b_t - r)^2$, whose gradient stays in the head.
#
# We train a small agent for a moment, hold it fixed, let its baseline head learn to the end, and then measure
# the gradient of the location head again and again, with all four baselines on the same rollouts.

# %%
dataset = data.load()
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
noise = {}
for kind in kinds:
    s = np.array(samples[kind], np.float64)
    noise[kind] = s.var(axis=0, ddof=1).sum()  # of a batch, summed over parameters
    print(f"{kind:9} mean square advantage {np.mean(advantage[kind]):.3f}, variance of the gradient {noise[kind]:.2e}")
assert noise["learned"] < noise["batch"] < noise["none"] and noise["rollouts"] < noise["batch"]

# All four have the same mean: compare each with "none", batch by batch, in standard errors.
for kind in kinds[1:]:
    d = np.array(samples[kind], np.float64) - np.array(samples["none"], np.float64)
    d = d[:, d.any(axis=0)]  # without the weights of units that are never active
    zs = d.mean(axis=0) / (d.std(axis=0, ddof=1) / np.sqrt(len(d)))
    print(
        f"{kind:9} minus none, {zs.size} weights: mean square {np.mean(zs**2):.2f} (in standard errors), "
        f"largest {np.abs(zs).max():.1f}"
    )
    assert np.abs(zs).max() < 5  # of about a hundred numbers

# %% [markdown]
# The mean square advantage tells the same story as the variance, and is cheaper to watch. The other rollouts
# of the image know how hard the image is. The learned baseline has to guess it from what it has seen so far,
# with one linear layer. What it knows after each glimpse:

# %%
correct, predicted = [], []
for start in range(0, 2000, 500):
    images, labels = dataset.x_val[start : start + 500], dataset.y_val[start : start + 500]
    t = rollout(params, config, summed_area(images), rng)
    _, outcome = reinforce.cotangents(t, labels, config.changed({"rollouts": 1}))
    correct.append(outcome.reward)
    predicted.append(t.baseline)
correct, predicted = np.concatenate(correct), np.concatenate(predicted, axis=1)  # (n,), (T−1, n)
fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), sharey=True)
for step, ax in enumerate(axes):
    order = np.argsort(predicted[step]).reshape(10, -1)  # ten groups, from the least to the most hopeful
    x, y = predicted[step][order].mean(axis=1), correct[order].mean(axis=1)
    ax.axline((0, 0), slope=1, color=COLOUR["exact"], linewidth=1)
    ax.errorbar(x, y, 2 * np.sqrt(y * (1 - y) / order.shape[1]), fmt="o", color=COLOUR["baseline"])
    ax.axhline(correct.mean(), color=COLOUR["muted"], linewidth=1, linestyle=":")
    explained = 1 - np.mean((correct - predicted[step]) ** 2) / correct.var()
    print(f"after glimpse {step + 1} the baseline explains {100 * explained:.0f} % of the variance of the reward")
    ax.set(title=f"After glimpse {step + 1}", xlabel="predicted reward b", xlim=(0.45, 1.05), ylim=(0.45, 1.05))
axes[0].set(ylabel="mean reward, ± 2 standard errors")
plt.show()

# %% [markdown]
# After one glimpse it knows nothing that the mean does not (a negative share: even a little less), and after three it
# explains a few percent. That is why it gains so little here over the mean of the batch.
#
# ## Signal to noise
#
# How many rows are needed before the estimate is more signal than noise? The squared length of the true gradient we
# estimate from two *different* batches, as $g_1 \cdot g_2$, since $g_1 \cdot g_1$ would count the noise as signal. It
# is an estimate, too, and its pairs are not independent, as each batch is in many of them; its standard error comes
# from leaving out each batch in turn (the *jackknife*). The noise of a batch of $N$ rows falls like $1/\sqrt N$, and so
# the **signal-to-noise ratio** $|g| / \mathrm{std}$ grows like $\sqrt N$:

# %%
s = np.array(samples["learned"], np.float64)
n, pairs = len(s), s @ s.T
np.fill_diagonal(pairs, 0)  # a batch with itself
square = pairs.sum() / (n * (n - 1))
without = (pairs.sum() - 2 * pairs.sum(axis=1)) / ((n - 1) * (n - 2))  # (n,) the same, each batch left out once
error = np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
print(f"squared length of the gradient: {square:.2f} ± {error:.2f} (one standard error)")
signal = np.sqrt(square)
rows = np.geomspace(16, 30_000, 50)
fig, ax = plt.subplots(figsize=(7, 3.4))
colours = dict(zip(kinds, (COLOUR["location"], COLOUR["reward"], COLOUR["label"], COLOUR["baseline"])))
for kind in kinds:
    ax.loglog(
        rows,
        signal / np.sqrt(noise[kind] * N / rows),
        color=colours[kind],
        label=kind,
        linestyle="--" if kind == "learned" else "-",
    )
    ax.loglog(N, signal / np.sqrt(noise[kind]), "o", color=colours[kind])
    needed, least = (float(f"{noise[kind] * N / v:.1g}") for v in (square, square + 2 * error))
    print(f"{kind:9} rows for a signal as large as the noise: about {needed:,.0f}, and hardly fewer than {least:,.0f}")
ax.axhline(1, color=COLOUR["exact"], linewidth=1)
ax.axvline(N, color=COLOUR["muted"], linewidth=1, linestyle=":")
ax.set(xlabel="rows N in a batch (dotted: as above)", ylabel="|g| / standard deviation")
ax.legend(title="baseline")
plt.show()
assert square + 2 * error < min(noise.values())  # with 64 rows there is more noise than signal, whatever the baseline

# %% [markdown]
# The dots are measured, the lines are the law of $\sqrt N$ through them. How high they lie is uncertain, as the
# standard error says, but that is the same for all; their distances are the ratios of the variances and are measured
# well. A baseline moves a line to the left: it is worth a larger batch, for free. Below the black line the estimate of
# one batch is mostly noise, and that is where training lives, with small steps, of which many add up.
#
# ## Reward-to-go
#
# In other problems there is a reward $r_t$ after each action. An action cannot change what was earned before it: given
# the history they are independent, so $\mathbb{E}[r_{t'} \nabla\log\pi(a_t \mid s_{1:t})] = 0$ for $t' < t$ by the
# proof above, with $r_{t'}$ in place of $b$. Dropping these terms leaves the **reward-to-go** $\sum_{t' \ge t} r_{t'}$.
# In `minram` the reward $r_t$ is for the guess after glimpse $t$, and the location drawn from $h_t$ acts from glimpse
# $t+1$ on, so its reward-to-go is $G_t = \sum_{t' > t} r_{t'}$. Where all rewards but the last are zero, that is the
# reward, at every step:

# %%
r = np.array([1.0, 0.0, 1.0])
reward = np.zeros((4, 3))  # (T, N), one after each glimpse
reward[-1] = r
to_go = reinforce.returns(reward)  # (T−1, N): after decision t comes glimpse t + 1
print(to_go)
assert (to_go == r).all()
assert (reinforce.returns(np.array([[1.0], [2.0], [3.0], [4.0]])) == [[9], [7], [4]]).all()

# %% [markdown]
# So nothing is gained by it here. It matters where every guess is rewarded (`reward_steps=every`, as in the
# recipes for the paper's tables), and `returns` computes it for both.
#
# ## What to remember
#
# Subtract anything from the reward on which the action had no influence; the mean stays, and with a good choice the
# variance falls. The mean reward is not the best constant, but here it has five sixths of the gain. Leave the row
# itself out of a mean, or lose a share $1/N$. A baseline that has seen the action takes away the signal along with
# the noise, and looks good doing so. The learned $b_t(h_t)$ must come from the state that decides, and its error must
# be trained in its own head.
#
# ## Exercises
#
# **1. Leave one out.** A colleague has already computed $r_n - \bar r$ with the mean of all $N$ rows. Turn it
# into the advantage with the mean of the others, without seeing $r$.


# %% tags=["solution"]
def repaired(centred):
    """r − mean of all rows (N,) → r − mean of the other rows (N,)."""
    # Solution
    N = len(centred)
    return centred * N / (N - 1)  # r − (N r̄ − r)/(N − 1) = N (r − r̄)/(N − 1)


# %%
r = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
print(repaired(r - r.mean()))
assert np.allclose(repaired(r - r.mean()), r - reinforce.batch_baseline(r), rtol=0, atol=1e-15 * 8)

# %% [markdown]
# **2. The best constant for σ.** For the step reward and the score $\psi = z^2 - 1$ of $\log\sigma$, find $b^*$
# from samples `a` (n,). The check has the exact value from the moments of the truncated normal, and takes the
# standard error of your estimate from fifty groups of samples.


# %% tags=["solution"]
def best_for_std(a):
    """An estimate of b* = E[r ψ²]/E[ψ²] for ψ = z² − 1, from samples a (n,) → float."""
    # Solution
    z = (a - mu) / std
    psi = z**2 - 1
    return np.mean((a > c) * psi**2) / np.mean(psi**2)


# %%
a = mu + std * np.random.default_rng(4).standard_normal((50, 4000))
groups = np.array([best_for_std(row) for row in a])
# E[z⁴; z > k] = k³φ + 3 E[z²; z > k], so E[r(z² − 1)²] = k³φ + 3m − 2m + Φ(−k) with m = E[z²; z > k] = best.
want = (k**3 * norm.pdf(k) + best + mean_reward) / 2
off = (groups.mean() - want) / (groups.std(ddof=1) / np.sqrt(50))
print(f"estimate {groups.mean():.4f}, exact {want:.4f}: off by {off:.2f} standard errors")
assert abs(off) < 4
