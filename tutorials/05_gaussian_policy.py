# %% [markdown]
# # 5 · The Gaussian policy
#
# **What you will see.** Where the agent looks next is drawn from a normal distribution whose mean the location head
# computes. With a pencil first, then line by line, we derive the gradient of its log-likelihood, called the *score*. We
# prove that the score has mean zero, the fact on which baselines rest (lesson 7) and the first test of any score, and
# say what the proof needs. We see what a small σ costs, and when it costs nothing. And we compute what goes wrong when
# the location is clipped or squashed and the wrong thing is scored.
#
# **What you need.** Lesson 3 for gradients and their checks. The density of a normal distribution. Paper and pen.
#
# **How long it runs.** A few seconds.
#
# **To touch.** [A page](pages/reinforce.html) where samples and their scores follow μ and σ.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit, ndtr
from scipy.stats import norm

from lesson import show, show_source
from minram import gradcheck, policy
from minram.datasets import data
from minram.pictures import plots, style
from minram.training.recipes import RECIPES, recipe

style.use()
COLOUR = style.COLOURS
EPS = np.finfo(float).eps

# %% [markdown]
# ## A cloud of places to look at
#
# After each glimpse the location head gives a mean $\mu = (\mu_x, \mu_y)$. The next location is drawn around it, with a
# standard deviation σ that is a setting. Two hundred draws for two means and two σ:

# %% tags=["picture", "hide-input"]
dataset = data.load()
digit = dataset.x_test[dataset.y_test == 4][2]
drawing = np.random.default_rng(0)
fig, axes = plt.subplots(1, 3, figsize=(8.4, 3.1))
for ax, mu, std in zip(axes, ([0.1, -0.2], [0.1, -0.2], [0.85, 0.6]), (0.1, 0.3, 0.3)):
    plots.image(ax, digit, ticks=True)
    mu = np.array(mu)
    a = policy.sample(drawing, np.broadcast_to(mu, (200, 2)), np.log(std))
    ax.plot(*a.T, ".", color=COLOUR["location"], markersize=3, clip_on=False)
    ax.plot(*mu, "+", color=style.YELLOW, markersize=11, markeredgewidth=2)
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 100))
    for radius, line in ((1, "-"), (2, "--")):
        x, y = mu[0] + radius * std * circle.real, mu[1] + radius * std * circle.imag
        ax.plot(x, y, line, color=style.SKY, linewidth=1, clip_on=False)
    ax.set(title=f"μ = ({mu[0]}, {mu[1]}), σ = {std}", xlim=(-1.35, 1.35), ylim=(1.35, -1.35))
for ax in axes[1:]:
    ax.set(ylabel="")
show(
    "Three clouds of 200 locations around two means on a digit, with circles at one and two σ; a good part of the "
    "third lies outside the image"
)

# %% [markdown]
# Circles are drawn at one σ and, dashed, at two. On the right a good part of the cloud lies outside the image. There is
# nothing to see there, so the *sensor* clips such a location to the border. What the *policy* has drawn is still the
# point outside, and we keep both: `sample`, the raw draw $a$, and `loc`, the clipped $l$. Why both are needed is the
# second half of this lesson.
#
# ## With a pencil
#
# One coordinate, $\mu = 0$ and $\sigma = \tfrac12$. The draw is $a = 1$. How far is that, in units of σ? It is
# $z = (a - \mu)/\sigma = 2$. If μ moves to the right by a little, the draw becomes more probable. By how much? The
# logarithm of the density is $-\tfrac12 z^2$ and a constant. With μ at 0.1 it is $z = 1.8$, so $-\tfrac12 z^2$ goes
# from $-2$ to $-1.62$, up by 0.38. That is 3.8 for each unit of μ, and for a smaller step 4: it is
# $z/\sigma = 2/\tfrac12 = 4$. This number is the **score**.
#
# A draw at $a = -\tfrac12$ has $z = -1$ and the score $-2$: it asks μ to go to the left. In plain lines, for many draws
# in two dimensions:


# %%
def plain_log_prob(a, mu, std):
    """a, mu (N, 2), std (2,) → log π (N,), and the scores of μ and of log σ, each (N, 2)."""
    log_p, of_mu, of_log_std = np.zeros(len(a)), np.zeros(a.shape), np.zeros(a.shape)
    for n in range(len(a)):
        for i in range(2):
            z = (a[n, i] - mu[n, i]) / std[i]
            log_p[n] -= 0.5 * z**2 + np.log(std[i]) + 0.5 * np.log(2 * np.pi)
            of_mu[n, i], of_log_std[n, i] = z / std[i], z**2 - 1
    return log_p, of_mu, of_log_std


half = np.array([0.5, 0.5])
_, by_hand, _ = plain_log_prob(np.array([[1.0, -0.5]]), np.zeros((1, 2)), half)
print("by hand: the scores of a = 1 and a = −1/2 are", by_hand[0])
assert (by_hand[0] == [4, -2]).all()
rise = plain_log_prob(np.array([[1.0, 0.0]]), np.array([[0.1, 0.0]]), half)[0]
rise = rise - plain_log_prob(np.array([[1.0, 0.0]]), np.zeros((1, 2)), half)[0]
assert abs(rise[0] - 0.38) < 4 * EPS

# %% [markdown]
# ## The log-likelihood
#
# The two coordinates are independent, so the density is a product and its logarithm a sum:
#
# $$
# \begin{aligned}
# \pi(a \mid \mu, \sigma) &= \prod_{i \in \{x, y\}} \frac{1}{\sqrt{2\pi}\,\sigma_i}
#   \exp\Bigl(-\frac{(a_i - \mu_i)^2}{2\sigma_i^2}\Bigr) && \text{independent coordinates} \\
# \log \pi(a \mid \mu, \sigma) &= \sum_i \log \frac{1}{\sqrt{2\pi}\,\sigma_i}
#   - \sum_i \frac{(a_i - \mu_i)^2}{2\sigma_i^2} && \log(uv) = \log u + \log v, \ \log e^u = u \\
# &= -\sum_i \Bigl[ \tfrac12 z_i^2 + \log \sigma_i + \tfrac12 \log 2\pi \Bigr] &&
#   z_i = \frac{a_i - \mu_i}{\sigma_i}, \ \log\tfrac1u = -\log u
# \end{aligned}
# $$
#
# The last line is the line of code that returns. The number $z_i$ says how many standard deviations the sample lies
# from the mean. It and σ are all that the backward pass will need.

# %%
show_source(policy.log_prob_forward)

# %%
some = np.random.default_rng(1)
a, mu, log_std = some.normal(size=(5, 2)), some.normal(size=(5, 2)), np.log([0.3, 1.7])
log_p, cache = policy.log_prob_forward(a, mu, log_std)
reference = norm.logpdf(a, mu, np.exp(log_std)).sum(axis=1)
plain, of_mu, of_log_std = plain_log_prob(a, mu, np.exp(log_std))
print("ours :", log_p)
print("SciPy:", reference)
# All sum six terms; each addition rounds once, relative to the largest partial sum.
assert np.abs(log_p - reference).max() <= 6 * EPS * np.abs(reference).max()
assert np.abs(log_p - plain).max() <= 6 * EPS * np.abs(reference).max()

# %% [markdown]
# > **Asked: how can a log-probability be positive?** It is the logarithm of a *density*. With $\sigma = 0.1$ the
# > density at the mean is $1 / (2\pi \cdot 0.01) \approx 16$ per unit area, and its logarithm is 2.8. Only the
# > density's integral over a region is a probability.
#
# ## Its gradient
#
# What is differentiated, and what is not? The mean $\mu_t$ is computed by the network from the history $s_{1:t}$: from
# what was seen so far, and where. Here and in all that follows the gradient is taken **with the history held fixed**. θ
# moves $\mu_t$ through the weights. It does not move the locations that were drawn before, nor the draw $a_t$ itself. A
# random number that has been drawn does not depend on anything any more.
#
# First the mean. Only $z_i$ depends on $\mu_i$:
#
# $$
# \begin{aligned}
# \frac{\partial \log \pi}{\partial \mu_i}
#  &= -\frac{\partial}{\partial \mu_i} \tfrac12 z_i^2 && \text{the other terms do not contain } \mu_i \\
#  &= -z_i \, \frac{\partial z_i}{\partial \mu_i} && \text{chain rule}, \ (\tfrac12 z^2)' = z \\
#  &= -z_i \cdot \Bigl(-\frac{1}{\sigma_i}\Bigr) = \frac{z_i}{\sigma_i} = \frac{a_i - \mu_i}{\sigma_i^2} &&
#     z_i = (a_i - \mu_i)/\sigma_i
# \end{aligned}
# $$
#
# Then the standard deviation. It must stay positive, so what one learns is $\log \sigma_i$, which may be any number.
# Then $\partial \sigma_i / \partial \log \sigma_i = \sigma_i$:
#
# $$
# \begin{aligned}
# \frac{\partial \log \pi}{\partial \log \sigma_i}
#  &= -z_i \frac{\partial z_i}{\partial \log \sigma_i} - 1 && \text{sum and chain rule} \\
#  &= -z_i \frac{\partial z_i}{\partial \sigma_i}\, \sigma_i - 1 && \text{chain rule} \\
#  &= -z_i \Bigl(-\frac{a_i - \mu_i}{\sigma_i^2}\Bigr) \sigma_i - 1 && (1/\sigma)' = -1/\sigma^2 \\
#  &= z_i^2 - 1 && (a_i - \mu_i)/\sigma_i = z_i
# \end{aligned}
# $$
#
# Both results are read off in the code. The cotangent `dlogp` multiplies them, and since all rows share one σ, its
# gradient is summed over rows: uses add up. There is no `da`: the sample is data.

# %%
show_source(policy.log_prob_backward)

# %%
report = gradcheck.check_pair(
    lambda mu, log_std: policy.log_prob_forward(a, mu, log_std),
    lambda dlogp, cache: dict(zip(("mu", "log_std"), policy.log_prob_backward(dlogp, cache))),
    {"mu": mu, "log_std": log_std},
    rng=np.random.default_rng(2),
    rtol=1e-9,
)
print(report)
report.raise_if_failed()
dmu, dlog_std = policy.log_prob_backward(np.ones(5), cache)
assert np.abs(dmu - of_mu).max() <= 4 * EPS * np.abs(of_mu).max()
assert np.abs(dlog_std - of_log_std.sum(axis=0)).max() <= 40 * EPS * np.abs(of_log_std).max()

# %% [markdown]
# ## What the score says
#
# The gradient of the log-likelihood with respect to the parameters is called the **score**. For the mean it is a
# straight line in $a$: zero at the mean, positive to the right of it. Followed upwards, it moves the mean towards the
# sample, which makes the sample more likely. The smaller σ, the steeper the line.

# %% tags=["hide-input"]
grid = np.linspace(-1, 1, 401)
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 2.9))
for std, colour, line in ((0.1, COLOUR["location"], "-"), (0.3, COLOUR["label"], "--")):
    z = grid / std
    shown = np.abs(z) < 3.2
    left.plot(grid, norm.pdf(z) / std, line, color=colour, label=f"σ = {std}")
    middle.plot(grid[shown], (z / std)[shown], line, color=colour)
    right.plot(grid[shown], (z**2 - 1)[shown], line, color=colour)
left.set(title="Density π", xlabel="a − μ (half-widths)", ylabel="density (1/half-width)")
middle.set(title="Score of μ", xlabel="a − μ (half-widths)", ylabel="∂ log π/∂μ (1/half-width)")
right.set(title="Score of log σ", xlabel="a − μ (half-widths)", ylabel="∂ log π/∂log σ")
left.legend()
show("A narrow and a wide normal density, their scores of the mean, two straight lines, and of log σ, two parabolas")

# %% [markdown]
# The score of $\log\sigma$ is a parabola. A sample further than one σ from the mean asks for a larger σ, a nearer one
# for a smaller σ. Weighted by the density on the left, what is above zero and what is below balance. For the line one
# can see it. For the parabola hardly: its values above zero are larger, but rarer.
#
# > **Asked: why a Gaussian, and one σ for all?** Because the paper has it so, and its score is a line. Any density will
# > do whose logarithm one can differentiate and from which one can draw. Ronald Williams worked out the Gaussian in
# > 1992, with a learned σ too. Here `learn_std` learns one $\log\sigma$ for each coordinate.
#
# ## The lemma: the score has mean zero
#
# $$
# \begin{aligned}
# \mathbb{E}_{a \sim \pi_\theta}\bigl[\nabla_\theta \log \pi_\theta(a)\bigr]
#  &= \int \pi_\theta(a) \, \nabla_\theta \log \pi_\theta(a) \, da && \text{definition of the expectation} \\
#  &= \int \pi_\theta(a) \, \frac{\nabla_\theta \pi_\theta(a)}{\pi_\theta(a)} \, da
#   && \text{chain rule}, \ (\log u)' = u'/u \\
#  &= \int \nabla_\theta \pi_\theta(a) \, da && \text{cancel } \pi_\theta(a) > 0 \\
#  &= \nabla_\theta \int \pi_\theta(a) \, da && \text{under the integral, see the box} \\
#  &= \nabla_\theta \, 1 = 0 && \text{a density integrates to one}
# \end{aligned}
# $$
#
# > **Box: what the proof needs.** (1) The density in the expectation is the *same* as the one in the score. The second
# > half of this lesson is about what happens if not. (2) The density is positive wherever it is for a nearby θ, or one
# > could not divide. (3) The derivative may pass under the integral. That $\pi_\theta(a)$ has a derivative at all θ
# > nearby is not enough. There has to be *one* integrable function above $|\nabla_\theta \pi_\theta(a)|$ for all of
# > them. For a Gaussian there is one, which lesson 6 has in three lines. A policy for which the lemma is false: uniform
# > on an interval that grows, from 0 to θ. Its score is $-1/\theta$ everywhere, and so is the mean.
#
# The check is exact up to rounding, by **Gauss–Hermite quadrature**. With $n$ nodes it integrates every polynomial of
# degree up to $2n - 1$ against a normal density without error, and the scores are polynomials of degree one and two.
# The weights go in as the cotangents `dlogp`, so it is the package that forms the sums.

# %%
z, weights = np.polynomial.hermite_e.hermegauss(20)
weights = weights / weights.sum()  # so that weights @ f(z) is E f(z), z ~ N(0, 1)
mu_x, std = 0.4, 0.1


def score(a, mu, std):
    """∂ log π/∂μ of samples a (n,) of one coordinate, by the package → (n,)."""
    rows = np.stack([a, np.full_like(a, mu)], axis=1)  # the second coordinate sits at its mean
    _, cache = policy.log_prob_forward(rows, np.full((len(a), 2), mu), np.log([std, std]))
    return policy.log_prob_backward(np.ones(len(a)), cache)[0][:, 0]


def mean_score_of_log_std(a, mu, std, weights):
    """E ∂ log π/∂ log σ, the sum over samples a (n,) with weights (n,), by the package → a number."""
    rows = np.stack([a, np.full_like(a, mu)], axis=1)
    _, cache = policy.log_prob_forward(rows, np.full((len(a), 2), mu), np.log([std, std]))
    return policy.log_prob_backward(weights, cache)[1][0]


score_mu = score(mu_x + std * z, mu_x, std)
mean_s = mean_score_of_log_std(mu_x + std * z, mu_x, std, weights)
print(f"E score of μ     = {weights @ score_mu: .1e}")
print(f"E score of log σ = {mean_s: .1e}")
# The terms are as large as 1/σ = 10 and 2; a sum of 20 of them rounds to about 20 ε · 10 < 1e-13.
assert abs(weights @ score_mu) < 1e-12 and abs(mean_s) < 1e-12

# %% [markdown]
# And by sampling, which is how the agent meets it. A mean of $n$ samples is not zero; it is a random number around
# zero. The yardstick for its size is its own **standard error**, the standard deviation of one sample over $\sqrt n$.
# This is how this course judges every random result: not "close to", but "so many standard errors". And a check that
# finds nothing says what it could have found.

# %%
n = 40_000
a = policy.sample(np.random.default_rng(3), np.full((n, 2), mu_x), np.log([std, std]))[:, 0]
dmu = score(a, mu_x, std)
error = dmu.std() / np.sqrt(n)
print(f"mean score of μ = {dmu.mean(): .4f}, which is {dmu.mean() / error: .2f} standard errors from 0")
# A right score fails this once in 16,000 seeds, and the seed is fixed. A mean of 4 σ_error = 0.2 would be seen: a
# score of samples from a policy that is off by 0.2 σ² = 0.002 half-widths.
assert abs(dmu.mean()) < 4 * error < 0.21
mean_s = mean_score_of_log_std(a, mu_x, std, np.full(n, 1 / n))
print(f"mean score of log σ = {mean_s: .4f}, which is {mean_s / np.sqrt(2 / n): .2f} standard errors from 0")
assert abs(mean_s) < 4 * np.sqrt(2 / n)  # one has the variance 2, see below

# %% tags=["hide-input"]
count = np.arange(1, n + 1)
fig, ax = plt.subplots()
width = 2 / std / np.sqrt(count)
look = {"color": COLOUR["muted"], "alpha": 0.25, "linewidth": 0}
ax.fill_between(count, -width, width, label="± 2 standard errors, (1/σ)/√n", **look)
ax.axhline(0, color=COLOUR["exact"], linewidth=1)
ax.plot(count, np.cumsum(dmu) / count, color=COLOUR["location"], label="mean score of the first n samples")
ax.set(xscale="log", xlim=(10, n), ylim=(-8, 8), xlabel="samples n", ylabel="mean score of μ (1/half-width)")
ax.legend()
show("The mean score of the first n samples wanders into zero, within a band of two standard errors that narrows")

# %% [markdown]
# ## The spread of the score
#
# The mean of the score is zero whatever σ is. Its spread is not. With $\mathbb{E}\,z = 0$, $\mathbb{E}\,z^2 = 1$ and
# $\mathbb{E}\,z^4 = 3$ for a standard normal $z$:
#
# $$
# \begin{aligned}
# \operatorname{Var}\Bigl[\frac{\partial \log\pi}{\partial \mu_i}\Bigr]
#  &= \mathbb{E}\Bigl[\frac{z_i^2}{\sigma_i^2}\Bigr] = \frac{1}{\sigma_i^2}
#   && \text{mean zero, so the variance is the mean square} \\
# \operatorname{Var}\Bigl[\frac{\partial \log\pi}{\partial \log\sigma_i}\Bigr]
#  &= \mathbb{E}\bigl[z_i^4 - 2 z_i^2 + 1\bigr] = 3 - 2 + 1 = 2 && \text{expand } (z_i^2 - 1)^2
# \end{aligned}
# $$
#
# The variance of the score is the **Fisher information**: how much one sample tells about the parameter. A narrow
# policy tells much about its mean.

# %%
rng = np.random.default_rng(9)
stds = np.geomspace(0.02, 1, 12)
exact = np.array([weights @ score(mu_x + s * z, mu_x, s) ** 2 for s in stds])
drawn = [policy.sample(rng, np.full((500, 2), mu_x), np.log([s, s]))[:, 0] for s in stds]
sampled = np.array([score(a, mu_x, s).std() for a, s in zip(drawn, stds)])
# Every term of the quadrature is right to a few ε, so the sum is right to 20 of them or so.
assert np.abs(exact * stds**2 - 1).max() < 1e-12
square = [mean_score_of_log_std(mu_x + std * z, mu_x, std, np.eye(20)[k]) ** 2 for k in range(20)]  # node by node
assert abs(weights @ square - 2) < 1e-12
# The standard deviation of 500 normal numbers has the relative standard error 1/√1000: 13 % are seen.
assert np.abs(sampled * stds - 1).max() < 4 / np.sqrt(1000)
print("σ · std of the score:", (sampled * stds).round(2))

# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.1))
for s, colour, line in ((0.05, COLOUR["location"], "-"), (0.1, COLOUR["reward"], "--"), (0.3, COLOUR["label"], ":")):
    look = {"histtype": "step", "linewidth": 1.6, "color": colour, "linestyle": line, "density": True}
    left.hist(rng.standard_normal(20_000) / s, np.linspace(-60, 60, 81), label=f"σ = {s}", **look)
left.set(title="One sample's score", xlabel="score of μ (1/half-width)", ylabel="density (half-widths)")
left.legend()
right.loglog(stds, 1 / stds, color=COLOUR["exact"], label="1/σ, exact")
right.loglog(stds, sampled, "o", color=COLOUR["location"], label="500 samples")
right.set(title="Its standard deviation", xlabel="σ (half-widths)", ylabel="std of the score (1/half-width)")
right.legend()
show("Histograms of the score, wide for a small σ, and its standard deviation on the line one over σ")

# %% [markdown]
# ## What a small σ costs, and when
#
# The gradient estimate of lesson 6 is a reward times the score. So it is tempting to say: its noise grows like
# $1/\sigma$; halve σ, and four times as many samples are needed. One reads that often. It is true in one case and false
# in another.
#
# Take the simplest reward, a fixed line: $r(a) = c + k\,(a - \mu_0)$, and the policy at $\mu = \mu_0$. The slope of its
# mean by μ is $k$. One sample says, without anything subtracted, and with the mean reward $c$ subtracted (a *baseline*,
# lesson 7):
#
# $$
# \begin{aligned}
# r \cdot \frac{z}{\sigma} &= (c + k \sigma z)\, \frac{z}{\sigma} = \frac{c}{\sigma}\, z + k z^2
#   && a - \mu = \sigma z; \quad \text{variance } \frac{c^2}{\sigma^2} + 2k^2 \\
# (r - c) \cdot \frac{z}{\sigma} &= k \sigma z \cdot \frac{z}{\sigma} = k z^2
#   && \text{σ cancels;} \quad \text{variance } 2k^2
# \end{aligned}
# $$
#
# (The variances: $\operatorname{Var} z = 1$, $\operatorname{Var} z^2 = 2$, and $z$ and $z^2$ are uncorrelated.) With
# the baseline the noise does not depend on σ *at all*. The score grows like $1/\sigma$, but in a narrow cloud the
# rewards differ less, and by just as much. For other smooth rewards it is nearly so. And where the reward is a step
# that stays half a σ away from μ, the noise does grow, but the slope that is looked for grows with it. (A step that
# stays where it is, a narrow cloud does not reach.) All by quadrature:

# %%
fine = np.linspace(-9, 9, 40_001)
mass = norm.pdf(fine) * (fine[1] - fine[0])  # of z


def noise(r, b, std, mu=0.1):
    """Mean and standard deviation of (r(a) − b) · score, for one sample."""
    g = (r(mu + std * fine) - b) * fine / std
    return mass @ g, np.sqrt(mass @ g**2 - (mass @ g) ** 2)


def smooth(a):
    return expit((a - 0.25) / 0.3) + 1


widths = (0.2, 0.1, 0.05, 0.025)
without = [noise(smooth, 0, s)[1] for s in widths]
with_b = [noise(smooth, mass @ smooth(0.1 + s * fine), s)[1] for s in widths]
print("σ                                    ", *(f"{s:7.3f}" for s in widths))
print("smooth reward, without a baseline: std", *(f"{v:7.2f}" for v in without))
print("smooth reward, mean reward as baseline", *(f"{v:7.2f}" for v in with_b))
assert all(1.8 < narrow / wide < 2.1 for wide, narrow in pairwise(without))  # doubles: 1/σ
assert max(with_b) < 1.2 * min(with_b)  # and does not
line_c, line_k = noise(lambda a: 3 + 2 * (a - 0.1), 0, 0.1), noise(lambda a: 3 + 2 * (a - 0.1), 3, 0.1)
assert abs(line_c[1] - np.sqrt(9 / 0.01 + 8)) < 1e-9 and abs(line_k[1] - np.sqrt(8)) < 1e-9
assert abs(line_c[0] - 2) < 1e-9 and abs(line_k[0] - 2) < 1e-9  # the same mean
# The step reward [a > c], c so that (μ − c)/σ = −½ each time; exactly: E = φ/σ, E[square] = (½ φ(½) + Φ(−½))/σ².
ratios = []
for s in widths:
    signal, spread = norm.pdf(0.5) / s, np.sqrt((0.5 * norm.pdf(0.5) + ndtr(-0.5)) / s**2 - (norm.pdf(0.5) / s) ** 2)
    sums = noise(lambda a: (a > 0.1 + 0.5 * s).astype(float), 0, s)  # noqa: B023
    assert abs(sums[0] / signal - 1) < 1e-3 and abs(sums[1] / spread - 1) < 1e-3  # the grid's share of the jump
    ratios.append(signal / spread)
print("step reward, signal over noise       ", *(f"{v:7.3f}" for v in ratios))
assert max(ratios) - min(ratios) < 1e-12

# %% [markdown]
# So when does a small σ cost samples? When something is in the reward that the location has no say in: no baseline, or
# a wrong one, or the luck of other decisions and other draws. This part does not shrink with σ, and it is multiplied by
# a score of size $1/\sigma$. An agent has plenty of such luck.
#
# And why not take a large σ, then? Because the agent would look almost anywhere, and a policy that cannot aim cannot be
# rewarded for aiming. The choice of σ is a compromise:

# %%
agents = [recipe(name) for name in RECIPES if recipe(name).model == "ram" and recipe(name).policy == "gaussian"]
first, last = sorted({c.std for c in agents}), sorted({round(c.std * c.final_std, 4) for c in agents})
print(
    f"{len(agents)} recipes: σ starts at {first[0]} to {first[-1]}, and ends at {last[0]} to {last[-1]}, in half-widths"
)
assert 0 < last[0] <= first[-1] < 1

# %% [markdown]
# ## Scoring the wrong thing: the clipped location
#
# Now to a mistake that is easy to make and hard to see. The sensor looks at $l = \mathrm{clip}(a, -1, 1)$. If the
# program keeps only $l$, it is natural to score $l$: to compute $\nabla_\mu \log \pi(l \mid \mu, \sigma)$. The formula
# is right, the code runs, the gradient check passes. But $l$ is not distributed as π: all the samples beyond the border
# sit on it. The lemma needed the same density in both places, and here they differ.
#
# How large is the mean of this false score? Write $\alpha = (-1 - \mu)/\sigma$ and $\beta = (1 - \mu)/\sigma$ for the
# two borders in units of σ, φ and Φ for the standard normal density and distribution function.
#
# $$
# \begin{aligned}
# \mathbb{E}\Bigl[\frac{\mathrm{clip}(a, -1, 1) - \mu}{\sigma^2}\Bigr]
#  &= \frac1\sigma \, \mathbb{E}[\mathrm{clip}(z, \alpha, \beta)] && a = \mu + \sigma z \\
#  &= \frac1\sigma \Bigl[ \alpha \, \Phi(\alpha) + \int_\alpha^\beta z \, \varphi(z) \, dz
#     + \beta \, (1 - \Phi(\beta)) \Bigr] && \text{below, between, above} \\
#  &= \frac1\sigma \Bigl[ \alpha \, \Phi(\alpha) + \varphi(\alpha) - \varphi(\beta)
#     + \beta \, (1 - \Phi(\beta)) \Bigr] && \varphi' = -z\varphi
# \end{aligned}
# $$
#
# `scipy.special.ndtr` is Φ. The formula against samples, in standard errors:


# %%
def clipped_score_mean(mu, std):
    """E (clip(a, −1, 1) − μ)/σ², exactly."""
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    return (alpha * ndtr(alpha) + norm.pdf(alpha) - norm.pdf(beta) + beta * ndtr(-beta)) / std


mu_x, std = 0.9, 0.2
a = mu_x + std * np.random.default_rng(4).standard_normal(n)
false = score(np.clip(a, -1, 1), mu_x, std)
true = score(a, mu_x, std)
error = false.std() / np.sqrt(n)
print(f"at μ = {mu_x}, σ = {std} the false score has the mean {clipped_score_mean(mu_x, std):.4f}, exactly")
print(f"sampled, of the clipped location: {false.mean(): .4f} ± {error:.4f}")
print(f"sampled, of the raw sample:       {true.mean(): .4f} ± {true.std() / np.sqrt(n):.4f}")
assert abs(false.mean() - clipped_score_mean(mu_x, std)) < 4 * error
assert abs(true.mean()) < 4 * true.std() / np.sqrt(n)
assert clipped_score_mean(mu_x, std) < -20 * error  # the bias is no accident of the sample
assert (
    abs(clipped_score_mean(0.0, 0.4)) < 4 * EPS
    and abs(clipped_score_mean(-0.9, 0.2) + clipped_score_mean(0.9, 0.2)) < 1e-14
)

# %% [markdown]
# ## Scoring the wrong thing: the squashed location
#
# The other habit is $l = \tanh(a)$, so that no clipping is needed. Scoring $l$ under $\pi(\cdot \mid \mu, \sigma)$ is
# the same mistake, and a worse one, because tanh moves *every* sample: it is nearer to zero than its argument. The mean
# of the false score is $\mathbb{E}[\tanh(\mu + \sigma z) - \mu]/\sigma^2$. We integrate it by quadrature.


# %%
def squashed_score_mean(mu, std):
    """E (tanh(a) − μ)/σ² by Gauss–Hermite quadrature, mu an array (n,)."""
    return (np.tanh(mu[:, None] + std * z) - mu[:, None]) @ weights / std**2


for s in (0.4, 0.2, 0.1, 0.05):
    scaled = s**2 * squashed_score_mean(np.array([0.5]), s)[0]
    print(f"σ = {s:4}: bias at μ = 0.5, times σ²: {scaled:.4f};   tanh μ − μ = {np.tanh(0.5) - 0.5:.4f}")
    # Taylor: E tanh(μ + σz) is tanh μ to within σ²/2 · max |tanh''|, and |tanh''| ≤ 4/√27.
    assert abs(scaled - (np.tanh(0.5) - 0.5)) <= s**2 / 2 * 4 / np.sqrt(27)

# %% tags=["hide-input"]
means = np.linspace(-1.3, 1.3, 261)
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), sharex=True)
for s, colour, line in ((0.1, COLOUR["location"], "-"), (0.2, COLOUR["reward"], "--"), (0.4, COLOUR["label"], ":")):
    left.plot(means, clipped_score_mean(means, s), line, color=colour, label=f"σ = {s}")
    right.plot(means, squashed_score_mean(means, s), line, color=colour)
for ax in (left, right):
    ax.axhline(0, color=COLOUR["exact"], linewidth=1)
    ax.axvspan(-1, 1, color=COLOUR["muted"], alpha=0.12, linewidth=0)
    ax.set(xlabel="μ (half-widths; the image is shaded)", ylabel="mean of the false score (1/half-width)")
left.set(title="Clipped location scored")
right.set(title="Squashed location scored")
left.legend()
show("Mean of the false score against μ: for clipping it departs from zero at the borders, for squashing everywhere")

# %% [markdown]
# The honest score would be zero everywhere in these pictures. Clipping hurts where the policy reaches the border.
# Squashing hurts everywhere but at the centre, and a smaller σ makes it worse, for the bias is about
# $(\tanh\mu - \mu)/\sigma^2$. In both cases the push is towards the centre.
#
# What does it do to learning? Let every look earn the same reward, $r = 1$. There is nothing to learn, and with an
# honest score μ stays where it is, but for the noise. We follow the mean update
# $\mu \leftarrow \mu + \eta\, \mathbb{E}[r \cdot \text{score}]$ of each rule from several starts:

# %%
rate, steps, std = 0.002, 400, 0.2
rules = {
    "Raw sample scored": lambda mu: np.array([weights @ score(m + std * z, m, std) for m in mu]),
    "Clipped location scored": lambda mu: clipped_score_mean(mu, std),
    "Squashed location scored": lambda mu: squashed_score_mean(mu, std),
}
paths = {}
for title, drift in rules.items():
    path = [np.array([-1.2, -0.8, -0.4, 0.4, 0.8, 1.2])]
    for _ in range(steps):
        path.append(path[-1] + rate * drift(path[-1]))
    paths[title] = np.array(path)
ends = {title: path[-1] for title, path in paths.items()}
print("where μ ends:", {title: end.round(2).tolist() for title, end in ends.items()})
assert np.abs(ends["Raw sample scored"] - paths["Raw sample scored"][0]).max() < 1e-12  # 400 updates of a few roundings
assert np.abs(ends["Clipped location scored"]).max() < 1
assert np.abs(ends["Squashed location scored"]).max() < 0.4

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), sharey=True)
for ax, (title, path) in zip(axes, paths.items()):
    ax.plot(path, color=COLOUR["location"], linewidth=1.4)
    ax.axhspan(-1, 1, color=COLOUR["muted"], alpha=0.12, linewidth=0)
    ax.set(title=title, xlabel="update")
axes[0].set(ylabel="μ (half-widths)")
show(
    "Six means over 400 updates: level lines for the raw sample, pulled into the image for clipping, to 0 for squashing"
)

# %% [markdown]
# A policy that drifts to the centre looks reasonable on centred digits, which is why this mistake survives. On digits
# that may lie anywhere it is a handicap.
#
# Does a baseline help? The false and the true score agree wherever nothing was clipped, and the true one has the mean
# zero. So if all looks beyond the border earn the same, $r_\text{out}$, the bias is
#
# $$\mathbb{E}[(r - b)(\text{false} - \text{true})] = (r_\text{out} - b)\, \mathbb{E}[\text{false}].$$
#
# If every look earns the same, a good baseline takes the bias away. If looks beyond the border earn nothing, it is the
# baseline that brings it in.

# %%
std = 0.2
for what, r, r_out in (("every look earns 1", np.ones(n), 1), ("beyond the border 0", (np.abs(a) <= 1) * 1.0, 0)):
    for b in (0, r.mean()):
        difference = (r - b) * (false - true)
        bias = (r_out - b) * clipped_score_mean(mu_x, std)
        print(f"{what:20} b = {b:.2f}: bias {bias: .3f}, sampled {difference.mean(): .3f}")
        assert abs(difference.mean() - bias) <= 4 * difference.std() / np.sqrt(n)

# %% [markdown]
# There are two honest ways out. One is to score the raw sample, as `minram` does. The other is to score $l$ under the
# distribution that $l$ really has. For $l = \tanh(a)$ its density is $\pi(a)\,/\,(1 - l^2)$ by the change of variables,
# and the logarithm of the denominator does not contain μ. So the honest score of $l$ *is* the score of the raw sample.
# For the clipped location the honest density is the fourth exercise.
#
# A relative of the mistake is to clip or squash the *mean*. Nothing becomes biased. But where the squash is flat its
# derivative vanishes, and a mean that has reached the border has no gradient to come back by:

# %%
u = np.array([0.0, 1.0, 2.0, 4.0])
flat = 1 - np.tanh(u) ** 2
print("pre-activation u      ", u)
print("∂ tanh(u)/∂u          ", flat.round(4))
print("∂ clip(u, −1, 1)/∂u   ", (np.abs(u) < 1).astype(float))
assert np.abs((np.tanh(u + 1e-6) - np.tanh(u - 1e-6)) / 2e-6 - flat).max() < 1e-9 and flat[-1] < 0.002

# %% [markdown]
# For this reason the last layer of `minram`'s location head is linear, without anything after it. (The recipes have a
# hidden layer before it.) That alone does not lead a mean back that is far outside: where all samples are clipped, no
# reward tells them apart (lesson 12).
#
# Pull μ and σ, and see samples and their scores follow.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("reinforce")

# %% [markdown]
# ## What to remember
#
# The score of the mean is $(a - \mu)/\sigma^2$, that of $\log \sigma$ is $z^2 - 1$, each with the history held fixed.
# Both have mean zero, and only because the sample is scored under the distribution from which it was drawn. The score's
# variance is $1/\sigma^2$. That makes a small σ costly where the reward has a part that the location has no say in, and
# costs nothing where a baseline has taken that away. Clip where the sensor looks, not what the policy scores. A
# gradient check cannot find this mistake, as the gradient of the wrong formula is computed correctly. A test of the
# *mean* finds it.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("of_mu[n, i], of_log_std[n, i] = z / std[i], z**2 - 1", "of_mu[n, i], of_log_std[n, i] = z, z**2 - 1"),
    ("of_mu[n, i], of_log_std[n, i] = z / std[i], z**2 - 1", "of_mu[n, i], of_log_std[n, i] = z / std[i], z**2"),
    ("log_p[n] -= 0.5 * z**2 + np.log(std[i])", "log_p[n] -= z**2 + np.log(std[i])"),
    ("minram.policy", "0.5 * z * z + log_std", "0.5 * z * z - log_std"),
    ("minram.policy", "0.5 * math.log(2 * math.pi)", "math.log(2 * math.pi)"),
    ("minram.policy", "* cache.z / cache.std", "* cache.z"),
    ("minram.policy", "* cache.z / cache.std", "* -cache.z / cache.std"),
    ("minram.policy", "(cache.z**2 - 1)", "cache.z**2"),
    ("minram.policy", "reshape(-1, 2).sum(axis=0)", "reshape(-1, 2).mean(axis=0)"),
    ("minram.policy", "return mu + np.exp(log_std) * eps", "return mu + np.exp(2 * log_std) * eps"),  # a variance for σ
    ("minram.policy", "return mu + np.exp(log_std) * eps", "return mu + 0.003 + np.exp(log_std) * eps"),  # just seen
    ("weights = weights / weights.sum()", "weights = weights / len(weights)"),
    ("g = (r(mu + std * fine) - b) * fine / std", "g = (r(mu + std * fine) - b) * fine"),
    ("with_b = [noise(smooth, mass @ smooth(0.1 + s * fine), s)[1]", "with_b = [noise(smooth, 1.0, s)[1]"),
    ("np.sqrt((0.5 * norm.pdf(0.5) + ndtr(-0.5))", "np.sqrt((ndtr(-0.5))"),
    ("norm.pdf(alpha) - norm.pdf(beta) + beta * ndtr(-beta)) / std", "norm.pdf(alpha) - norm.pdf(beta)) / std"),
    ("alpha * ndtr(alpha) + norm.pdf(alpha)", "ndtr(alpha) + norm.pdf(alpha)"),
    ("false = score(np.clip(a, -1, 1), mu_x, std)", "false = score(a, mu_x, std)"),  # no mistake: none to be found
    ("(np.tanh(mu[:, None] + std * z) - mu[:, None])", "(np.tanh(mu[:, None]) * np.ones(20) - np.tanh(mu[:, None]))"),
    ("bias = (r_out - b) * clipped_score_mean(mu_x, std)", "bias = (1 - b) * clipped_score_mean(mu_x, std)"),
    ("flat = 1 - np.tanh(u) ** 2", "flat = 1 - np.tanh(u)"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Four, from a prediction to the honest density of a clipped location. Each has a function to be written and, after it,
# a check that says at once what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

from exercise import answers, entries, exercise, finish, numbers, same
from minram import policy

# %% [markdown]
# **1. Predict**, before you compute anything. One coordinate.
#
# - `a`: σ is halved. By what is the standard deviation of the score of μ multiplied?
# - `b`: what is the variance of the score of $\log\sigma$, for $\sigma = 0.05$?
# - `c`: a sample lies two σ to the right of the mean, $\sigma = 0.1$. What is its score of μ?
# - `d`: the reward is $5 + 2(a - \mu_0)$, now $\mu = \mu_0$, and 5 is subtracted from it. σ is halved. By what is the
#   standard deviation of reward times score multiplied?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 2, "b": 2, "c": 20, "d": 1}


# %%
@exercise("1. Predict")
def check_predicted():
    z, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()

    def scores(std):
        rows = np.stack([std * z, 0 * z], axis=1)
        _, cache = policy.log_prob_forward(rows, np.zeros((12, 2)), np.log([std, std]))
        of_log_std = [policy.log_prob_backward(row, cache)[1][0] for row in np.eye(12)]
        return policy.log_prob_backward(np.ones(12), cache)[0][:, 0], np.array(of_log_std)

    def spread(x):
        return np.sqrt(weights @ x**2 - (weights @ x) ** 2)

    one = policy.log_prob_forward(np.array([[0.2, 0.0]]), np.zeros((1, 2)), np.log([0.1, 0.1]))[1]
    seen = {
        "a": spread(scores(0.1)[0]) / spread(scores(0.2)[0]),
        "b": spread(scores(0.05)[1]) ** 2,
        "c": policy.log_prob_backward(np.ones(1), one)[0][0, 0],
        "d": spread(2 * 0.1 * z * scores(0.1)[0]) / spread(2 * 0.2 * z * scores(0.2)[0]),
    }
    hints = {
        "a": "The score is z/σ, and z has the standard deviation 1.",
        "b": "It is the variance of z² − 1. Is there a σ in it?",
        "c": "It is z/σ, and not z.",
        "d": "What is left of the reward is 2(a − μ) = 2σz. Multiply it by z/σ.",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** $\mu = (0, 1)$, $\sigma = (\tfrac12, 2)$, and the draw is $a = (1, 0)$. What is $z$? What are
# the scores of μ and of $\log\sigma$? And by how much is $\log\pi$ at this draw smaller than at the mean?


# %% tags=["solution"]
def by_hand():
    """→ {"z": (x, y), "mu": (x, y), "log_std": (x, y), "less": a number}."""
    # Solution
    # z = (1/½, −1/2); z/σ; z² − 1; ½ (z_x² + z_y²) = ½ (4 + ¼).
    return {"z": (2, -1 / 2), "mu": (4, -1 / 4), "log_std": (3, -3 / 4), "less": 17 / 8}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# $z$ is the distance from the mean in units of σ, with its sign. Each coordinate has its own σ.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# At the mean $z$ is 0. Of $\log\pi$ only $-\tfrac12 z^2$ differs between the two, summed over both coordinates.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    got_z, got_mu, got_log_std, got_less = entries(by_hand(), "z", "mu", "log_std", "less")
    mu, std, a = np.array([[0.0, 1.0]]), np.array([0.5, 2.0]), np.array([[1.0, 0.0]])

    def log_pi(mu=mu, log_std=np.log(std), a=a):  # noqa: B008
        return policy.log_prob_forward(a, mu, log_std)[0][0]

    def slope(f, h=1e-5):
        return np.array([(f(h * e) - f(-h * e)) / (2 * h) for e in np.eye(2)])

    z = ((a - mu) / std)[0]
    same("z", got_z, z, {"this is the distance; divide it by σ.": (a - mu)[0], "the sign is that of a − μ.": abs(z)})
    want = slope(lambda e: log_pi(mu=mu + e))
    same("mu", got_mu, want, {"this is z; the score is z/σ.": z, "this is z · σ.": z * std}, tolerance=1e-7)
    want = slope(lambda e: log_pi(log_std=np.log(std) + e))
    because = {"a draw at one σ asks for no other σ: what is missing?": z**2, "this is by σ, not by log σ.": want / std}
    same("log_std", got_log_std, want, because, tolerance=1e-7)
    want = log_pi(a=mu) - log_pi()
    because = {"there is a factor ½ before z².": 2 * want, "both coordinates count.": z[0] ** 2 / 2}
    same("less", got_less, want, because)


# %% [markdown]
# **3. A softplus σ.** Some programs learn ρ with $\sigma = \log(1 + e^\rho)$ instead of $\log\sigma$. Write the
# backward pass: $\partial\log\pi/\partial\rho_i$ of each row, times its cotangent `dlogp`, summed over rows.


# %%
def softplus_log_prob(a, mu, rho):
    """log π(a | μ, σ = log(1 + e^ρ)), a and mu (N, 2), rho (2,) → (N,), cache."""
    std = np.log1p(np.exp(rho))
    log_p, cache = policy.log_prob_forward(a, mu, np.log(std))
    return log_p, (cache.z, std, rho)


# %% tags=["solution"]
def softplus_log_prob_backward(dlogp, cache):
    """dlogp (N,) → drho (2,)."""
    z, std, rho = cache
    # Solution
    dstd = (dlogp[:, None] * (z**2 - 1)).sum(axis=0) / std  # ∂/∂σ = (∂/∂log σ)/σ
    return dstd / (1 + np.exp(-rho))  # the derivative of softplus is the logistic function


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# The lesson has the derivative by $\log\sigma$. What is that by σ? And what is $\partial\sigma/\partial\rho$?
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# $\partial/\partial\sigma = \frac{1}{\sigma}\,\partial/\partial\log\sigma$, and
# $\partial\sigma/\partial\rho = e^\rho/(1 + e^\rho)$.
#
# </details>


# %%
@exercise("3. A softplus σ")
def check_softplus():
    rng = np.random.default_rng(6)
    for N, rho in ((4, [-1.0, 0.5]), (1, [2.0, -0.3]), (7, [0.0, -2.0])):
        a, mu, dlogp, rho = rng.normal(size=(N, 2)), rng.normal(size=(N, 2)), rng.normal(size=N), np.array(rho)
        got = softplus_log_prob_backward(dlogp.copy(), softplus_log_prob(a, mu, rho.copy())[1])
        _, (z, std, _) = softplus_log_prob(a, mu, rho)
        h = 1e-5
        moved = [[softplus_log_prob(a, mu, rho + s * h * e)[0] for s in (1, -1)] for e in np.eye(2)]
        want = np.array([dlogp @ (up - down) / (2 * h) for up, down in moved])
        by_log = (dlogp[:, None] * (z**2 - 1)).sum(axis=0)
        because = {
            "this is by log σ; ρ is neither that nor σ.": by_log,
            "this is by σ; how does σ depend on ρ?": by_log / std,
            "the step from log σ to σ is missing, a factor 1/σ.": by_log / (1 + np.exp(-rho)),
            "dlogp is not used.": (z**2 - 1).sum(axis=0) / std / (1 + np.exp(-rho)),
            "a draw at one σ asks for no other σ: what is missing?": dlogp @ z**2 / std / (1 + np.exp(-rho)),
            "∂σ/∂ρ is 1 far to the right, and 0 far to the left.": by_log / std / (1 + np.exp(rho)),
        }
        same(f"for {N} rows drho", got, want, because, tolerance=1e-7)


# %% [markdown]
# **4. The honest density of the clipped location.** One coordinate, μ and σ given. The clipped location has a density
# inside and two lumps of probability on the border:
#
# $$
# \log p(l) = \begin{cases}
# \log \Phi(\alpha) & l = -1 \\
# -\tfrac12 z^2 - \log\sigma - \tfrac12\log 2\pi & -1 < l < 1 \\
# \log \Phi(-\beta) & l = 1
# \end{cases}
# $$
#
# with $\alpha = (-1 - \mu)/\sigma$ and $\beta = (1 - \mu)/\sigma$. Derive $\partial \log p / \partial \mu$ in each case
# and write it down. (You need $\Phi' = \varphi$ and
# $\partial\alpha/\partial\mu = \partial\beta/\partial\mu = -1/\sigma$. `norm.pdf` is φ, `ndtr` is Φ.)


# %%
def clipped_log_prob(l, mu, std):
    """log p(l) of the clipped location, l and mu (n,) → (n,), cache."""
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    inside = norm.logpdf(l, mu, std)
    log_p = np.where(l <= -1, norm.logcdf(alpha), np.where(l >= 1, norm.logcdf(-beta), inside))
    return log_p, (l, mu, std)


# %% tags=["solution"]
def clipped_log_prob_backward(dlogp, cache):
    """dlogp (n,) → dmu (n,)."""
    l, mu, std = cache
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    # Solution
    below = -norm.pdf(alpha) / ndtr(alpha) / std  # (log Φ(α))' = φ(α)/Φ(α) · (−1/σ)
    above = norm.pdf(beta) / ndtr(-beta) / std  # (log Φ(−β))' = φ(β)/Φ(−β) · (+1/σ)
    return dlogp * np.where(l <= -1, below, np.where(l >= 1, above, (l - mu) / std**2))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Inside it is the score of the lesson. On the border: the derivative of $\log u$ is $u'/u$, and then the chain rule.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# A mean further to the right makes the left border less probable and the right one more so. Which signs must the two
# have?
#
# </details>


# %%
@exercise("4. The honest density")
def check_clipped():
    l = np.array([-1.0, -0.7, 0.2, 1.0, 1.0])
    mu, dlogp, h = np.array([-0.8, -0.5, 0.1, 0.7, 1.2]), np.array([1.0, -2.0, 0.5, 3.0, 1.5]), 1e-6
    for std in (0.3, 0.5):
        got = clipped_log_prob_backward(dlogp.copy(), (l.copy(), mu.copy(), std))
        want = dlogp * (clipped_log_prob(l, mu + h, std)[0] - clipped_log_prob(l, mu - h, std)[0]) / (2 * h)
        border = np.abs(l) == 1
        because = {
            "this is the false score of the lesson, of the formula for the inside.": dlogp * (l - mu) / std**2,
            "on the border both signs are turned round.": np.where(border, -want, want),
            "on the border a factor 1/σ is missing.": np.where(border, want * std, want),
            "dlogp is not used.": want / dlogp,
            "on the border it is a logarithm: its derivative is u'/u.": np.where(
                border, want * np.exp(clipped_log_prob(l, mu, std)[0]), want
            ),
            "on the border log p changes with μ, too.": np.where(border, 0.0, want),
            "on the left border the sign is turned round.": np.where(l == -1, -want, want),
            "on the right border the sign is turned round.": np.where(l == 1, -want, want),
        }
        same(f"for σ = {std}, dmu", got, want, because, tolerance=1e-7)
    # The lemma for it: two lumps and an integral, here by Gauss–Legendre quadrature on 200 nodes.
    mu_x, std = 0.9, 0.2
    x, w = np.polynomial.legendre.leggauss(200)
    places = np.concatenate([x, [-1, 1]])
    probability = np.concatenate([w * norm.pdf(x, mu_x, std), [ndtr((-1 - mu_x) / std), ndtr((mu_x - 1) / std)]])
    honest = clipped_log_prob_backward(np.ones(202), (places.copy(), np.full(202, mu_x), std))
    honest = numbers("dmu", honest)
    mean, variance = probability @ honest, probability @ honest**2
    assert abs(mean) < 1e-6, f"the mean of a score is 0, but this one has the mean {mean:.3g}."
    assert variance < 1 / std**2, f"the variance should be below that of the raw sample's score, but is {variance:.3g}."


# %% [markdown]
# The honest score has a *smaller* variance than the raw sample's. It is the raw score averaged over all samples that
# end on the same border, and averaging away what does not matter never adds noise (Rao and Blackwell; lesson 8 uses it
# for the label).

# %%
finish()
