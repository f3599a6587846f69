# %% [markdown]
# # 5 · The Gaussian policy
#
# **What you will see.** Where the agent looks next is drawn from a normal distribution whose mean the
# location head computes. We derive the gradient of its log-likelihood, called the *score*; we prove that the
# score has mean zero, which is the fact on which all of REINFORCE rests; we see what a small σ costs; and we
# compute what goes wrong when the location is clipped or squashed and the wrong thing is scored.
#
# **What you need.** Lesson 3 for gradients and their checks. The density of a normal distribution. Paper and
# pen.
#
# **How long it runs.** A few seconds.
#
# **To touch.** [A page](pages/reinforce.html) where samples and their scores follow μ and σ.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

from lesson import show_source
from minram import gradcheck, policy
from minram.datasets import data
from minram.pictures import plots, style

style.use()
COLOUR = style.COLOURS

# %% [markdown]
# ## A cloud of places to look at
#
# After each glimpse the location head gives a mean $\mu = (\mu_x, \mu_y)$, and the next location is drawn
# around it, with a standard deviation σ that is a setting. Two hundred draws for two means and two σ:

# %% tags=["picture"]
dataset = data.load()
digit = dataset.x_test[dataset.y_test == 4][2]
rng = np.random.default_rng(0)
fig, axes = plt.subplots(1, 3, figsize=(8.4, 3.1))
for ax, mu, std in zip(axes, ([0.1, -0.2], [0.1, -0.2], [0.85, 0.6]), (0.1, 0.3, 0.3)):
    plots.image(ax, digit, ticks=True)
    mu = np.array(mu)
    a = policy.sample(rng, np.broadcast_to(mu, (200, 2)), np.log(std))
    ax.plot(*a.T, ".", color=COLOUR["location"], markersize=3, clip_on=False)
    ax.plot(*mu, "+", color=style.YELLOW, markersize=11, markeredgewidth=2)
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 100))
    for radius in (1, 2):
        ax.plot(
            mu[0] + radius * std * circle.real,
            mu[1] + radius * std * circle.imag,
            color=style.SKY,
            linewidth=1,
            clip_on=False,
        )
    ax.set(title=f"μ = ({mu[0]}, {mu[1]}), σ = {std}", xlim=(-1.35, 1.35), ylim=(1.35, -1.35))
for ax in axes[1:]:
    ax.set(ylabel="")
plt.show()

# %% [markdown]
# Circles are drawn at one and two σ. On the right a good part of the cloud lies outside the image. There is
# nothing to see there, so the *sensor* clips such a location to the border. What the *policy* has drawn is
# still the point outside, and we keep both: `sample`, the raw draw $a$, and `loc`, the clipped $l$. Why both
# are needed is the second half of this lesson.
#
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
# The last line is the line of code that returns. The number $z_i$ says how many standard deviations the
# sample lies from the mean; it and σ are all that the backward pass will need.

# %%
show_source(policy.log_prob_forward)

# %%
r = np.random.default_rng(1)
a, mu, log_std = r.normal(size=(5, 2)), r.normal(size=(5, 2)), np.log([0.3, 1.7])
log_p, _ = policy.log_prob_forward(a, mu, log_std)
reference = norm.logpdf(a, mu, np.exp(log_std)).sum(axis=1)
print("ours :", log_p)
print("SciPy:", reference)
# Both sum six terms; each addition rounds once, relative to the largest partial sum.
assert np.abs(log_p - reference).max() <= 6 * np.finfo(float).eps * np.abs(reference).max()

# %% [markdown]
# ## Its gradient
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
# Then the standard deviation. It must stay positive, so what one learns is $s_i = \log \sigma_i$, which may
# be any number. Then $\sigma_i = e^{s_i}$ and $\partial \sigma_i / \partial s_i = \sigma_i$:
#
# $$
# \begin{aligned}
# \frac{\partial \log \pi}{\partial s_i}
#  &= -z_i \frac{\partial z_i}{\partial s_i} - \frac{\partial s_i}{\partial s_i} && \text{sum and chain rule} \\
#  &= -z_i \frac{\partial z_i}{\partial \sigma_i} \frac{\partial \sigma_i}{\partial s_i} - 1 && \text{chain rule} \\
#  &= -z_i \Bigl(-\frac{a_i - \mu_i}{\sigma_i^2}\Bigr) \sigma_i - 1 && (1/\sigma)' = -1/\sigma^2 \\
#  &= z_i^2 - 1 && (a_i - \mu_i)/\sigma_i = z_i
# \end{aligned}
# $$
#
# Both results are read off in the code. The cotangent `dlogp` multiplies them, and since all rows share one
# σ, its gradient is summed over rows. There is no `da`: the sample is data. A random number that has been
# drawn does not depend on anything any more.

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

# %% [markdown]
# ## What the score says
#
# The gradient of the log-likelihood with respect to the parameters is called the **score**. For the mean it
# is a straight line in $a$: zero at the mean, positive to the right of it. Followed upwards, it moves the
# mean towards the sample, which makes the sample more likely. The smaller σ, the steeper the line.

# %%
grid = np.linspace(-1, 1, 401)
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 2.9))
for std, colour in ((0.1, COLOUR["location"]), (0.3, COLOUR["label"])):
    z = grid / std
    shown = np.abs(z) < 3.2
    left.plot(grid, norm.pdf(z) / std, color=colour, label=f"σ = {std}")
    middle.plot(grid[shown], (z / std)[shown], color=colour)
    right.plot(grid[shown], (z**2 - 1)[shown], color=colour)
left.set(title="Density π", xlabel="a − μ (half-widths)", ylabel="density (1/half-width)")
middle.set(title="Score of μ", xlabel="a − μ (half-widths)", ylabel="∂ log π/∂μ (1/half-width)")
right.set(title="Score of log σ", xlabel="a − μ (half-widths)", ylabel="∂ log π/∂log σ")
left.legend()
plt.show()

# %% [markdown]
# The score of $\log\sigma$ is a parabola: a sample further than one σ from the mean asks for a larger σ, a
# nearer one for a smaller σ. Weighted by the density on the left, what is above zero and what is below balance. For
# the line one can see it; for the parabola hardly, whose values above zero are larger, but rarer.
#
# ## The lemma: the score has mean zero
#
# $$
# \begin{aligned}
# \mathbb{E}_{a \sim \pi_\theta}\bigl[\nabla_\theta \log \pi_\theta(a)\bigr]
#  &= \int \pi_\theta(a) \, \nabla_\theta \log \pi_\theta(a) \, da && \text{definition of the expectation} \\
#  &= \int \pi_\theta(a) \, \frac{\nabla_\theta \pi_\theta(a)}{\pi_\theta(a)} \, da
#   && \text{chain rule}, \ (\log u)' = 1/u \\
#  &= \int \nabla_\theta \pi_\theta(a) \, da && \text{cancel } \pi_\theta(a) > 0 \\
#  &= \nabla_\theta \int \pi_\theta(a) \, da && \text{under the integral: dominated, see below} \\
#  &= \nabla_\theta \, 1 = 0 && \text{a density integrates to one}
# \end{aligned}
# $$
#
# Note what the proof needs. The density in the expectation is the *same* as the one in the score. And the derivative
# may pass under the integral: smoothness and a fixed domain are not enough for that. There has to be one integrable
# function above $|\nabla_\theta \pi_\theta(a)|$ for all θ nearby. For a Gaussian there is one; a box in lesson 6 has
# it, and a policy for which the lemma is false.
#
# The check is exact up to rounding, by **Gauss–Hermite quadrature**. With $n$ nodes it integrates every
# polynomial of degree up to $2n - 1$ against a normal density without error, and the scores are polynomials
# of degree one and two.

# %%
z, weights = np.polynomial.hermite_e.hermegauss(20)
weights = weights / weights.sum()  # so that weights @ f(z) is E f(z), z ~ N(0, 1)
mu_x, std = 0.4, 0.1


def score(a, mu, std):
    """∂log π/∂μ and ∂log π/∂log σ of samples a (n,) of one coordinate → two arrays (n,)."""
    rows = np.stack([a, np.full_like(a, mu)], axis=1)  # the second coordinate sits at its mean
    _, cache = policy.log_prob_forward(rows, np.full((len(a), 2), mu), np.log([std, std]))
    dmu, _ = policy.log_prob_backward(np.ones(len(a)), cache)
    return dmu[:, 0], cache.z[:, 0] ** 2 - 1


score_mu, score_s = score(mu_x + std * z, mu_x, std)
print(f"E score of μ     = {weights @ score_mu: .1e}")
print(f"E score of log σ = {weights @ score_s: .1e}")
# The terms are as large as 1/σ = 10 and 2; a sum of 20 of them rounds to about 20 ε · 10 < 1e-13.
assert abs(weights @ score_mu) < 1e-12 and abs(weights @ score_s) < 1e-12

# %% [markdown]
# And by sampling, which is how the agent meets it. A mean of $n$ samples is not zero; it is a random number
# around zero, and the yardstick for its size is its own **standard error**, the standard deviation of one
# sample over $\sqrt n$. This is how this course judges every random result: not "close to", but "so many
# standard errors".

# %%
n = 40_000
a = policy.sample(np.random.default_rng(3), np.full((n, 2), mu_x), np.log([std, std]))
dmu, ds = score(a[:, 0], mu_x, std)
for name, s in (("μ", dmu), ("log σ", ds)):
    error = s.std() / np.sqrt(n)
    print(f"mean score of {name:5} = {s.mean(): .4f}, which is {s.mean() / error: .2f} standard errors from 0")
    assert abs(s.mean()) < 4 * error  # a right score fails this once in 16,000 seeds; the seed is fixed

count = np.arange(1, n + 1)
fig, ax = plt.subplots()
ax.fill_between(
    count,
    -2 / std / np.sqrt(count),
    2 / std / np.sqrt(count),
    color=COLOUR["muted"],
    alpha=0.25,
    linewidth=0,
    label="± 2 standard errors, (1/σ)/√n",
)
ax.axhline(0, color=COLOUR["exact"], linewidth=1)
ax.plot(count, np.cumsum(dmu) / count, color=COLOUR["location"], label="mean score of the first n samples")
ax.set(xscale="log", xlim=(10, n), ylim=(-8, 8), xlabel="samples n", ylabel="mean score of μ (1/half-width)")
ax.legend()
plt.show()

# %% [markdown]
# ## The price of a small σ
#
# The mean of the score is zero whatever σ is. Its spread is not. With $\mathbb{E}\,z = 0$,
# $\mathbb{E}\,z^2 = 1$ and $\mathbb{E}\,z^4 = 3$ for a standard normal $z$:
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
# The variance of the score is the **Fisher information**: how much one sample tells about the parameter. A
# narrow policy tells much about its mean, and this is bad news here. The gradient estimate of lesson 6 is a
# reward times the score, so its noise grows like $1/\sigma$: halve σ, and four times as many samples are
# needed for the same accuracy.

# %%
stds = np.geomspace(0.02, 1, 12)
exact, sampled = [], []
for std_ in stds:
    at_nodes, _ = score(mu_x + std_ * z, mu_x, std_)
    drawn, _ = score(policy.sample(rng, np.full((500, 2), mu_x), np.log([std_, std_]))[:, 0], mu_x, std_)
    exact.append(weights @ at_nodes**2)
    sampled.append(drawn.std())
exact, sampled = np.array(exact), np.array(sampled)
# Every term of the quadrature is right to a few ε, so the sum is right to 20 of them or so.
assert np.abs(exact * stds**2 - 1).max() < 1e-12
assert abs(weights @ score_s**2 - 2) < 1e-12
# The standard deviation of 500 normal numbers has the relative standard error 1/√1000.
assert np.abs(sampled * stds - 1).max() < 4 / np.sqrt(1000)

fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.1))
for std_, colour in ((0.05, COLOUR["location"]), (0.1, COLOUR["reward"]), (0.3, COLOUR["label"])):
    left.hist(
        rng.standard_normal(20_000) / std_,
        np.linspace(-60, 60, 81),
        density=True,
        histtype="step",
        linewidth=1.6,
        color=colour,
        label=f"σ = {std_}",
    )
left.set(title="One sample's score", xlabel="score of μ (1/half-width)", ylabel="density (half-widths)")
left.legend()
right.loglog(stds, 1 / stds, color=COLOUR["exact"], label="1/σ, exact")
right.loglog(stds, sampled, "o", color=COLOUR["location"], label="500 samples")
right.set(title="Its standard deviation", xlabel="σ (half-widths)", ylabel="std of the score (1/half-width)")
right.legend()
plt.show()

# %% [markdown]
# Why not take a large σ, then? Because the agent would look almost anywhere, and a policy that cannot aim
# cannot be rewarded for aiming. The choice of σ is a compromise. The recipes here start at 0.1 to 0.25 of the
# image's half-width, and those of the paper's tables end at 0.03 to 0.05.
#
# ## Scoring the wrong thing: the clipped location
#
# Now to a mistake that is easy to make and hard to see. The sensor looks at $l = \mathrm{clip}(a, -1, 1)$. If
# the program keeps only $l$, it is natural to score $l$: to compute
# $\nabla_\mu \log \pi(l \mid \mu, \sigma)$. The formula is right, the code runs, the gradient check passes.
# But $l$ is not distributed as π: all the samples beyond the border sit on it. The lemma needed the same
# density in both places, and here they differ.
#
# How large is the mean of this false score? Write $\alpha = (-1 - \mu)/\sigma$ and $\beta = (1 - \mu)/\sigma$
# for the two borders in units of σ, φ and Φ for the standard normal density and distribution function.
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
false, _ = score(np.clip(a, -1, 1), mu_x, std)
true, _ = score(a, mu_x, std)
error = false.std() / np.sqrt(n)
print(f"at μ = {mu_x}, σ = {std} the false score has the mean {clipped_score_mean(mu_x, std):.4f}, exactly")
print(f"sampled, of the clipped location: {false.mean(): .4f} ± {error:.4f}")
print(f"sampled, of the raw sample:       {true.mean(): .4f} ± {true.std() / np.sqrt(n):.4f}")
assert abs(false.mean() - clipped_score_mean(mu_x, std)) < 4 * error
assert abs(true.mean()) < 4 * true.std() / np.sqrt(n)
assert clipped_score_mean(mu_x, std) < -20 * error  # the bias is no accident of the sample

# %% [markdown]
# ## Scoring the wrong thing: the squashed location
#
# The other habit is $l = \tanh(a)$, so that no clipping is needed. Scoring $l$ under
# $\pi(\cdot \mid \mu, \sigma)$ is the same mistake, and a worse one, because tanh moves *every* sample: it is
# nearer to zero than its argument. The mean of the false score is
# $\mathbb{E}[\tanh(\mu + \sigma z) - \mu]/\sigma^2$; we integrate it by quadrature.

# %%


def squashed_score_mean(mu, std):
    """E (tanh(a) − μ)/σ² by Gauss–Hermite quadrature, mu an array (n,)."""
    return (np.tanh(mu[:, None] + std * z) - mu[:, None]) @ weights / std**2


means = np.linspace(-1.3, 1.3, 261)
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), sharex=True)
for std_, colour in ((0.1, COLOUR["location"]), (0.2, COLOUR["reward"]), (0.4, COLOUR["label"])):
    left.plot(means, clipped_score_mean(means, std_), color=colour, label=f"σ = {std_}")
    right.plot(means, squashed_score_mean(means, std_), color=colour)
for ax in (left, right):
    ax.axhline(0, color=COLOUR["exact"], linewidth=1)
    ax.axvspan(-1, 1, color=COLOUR["muted"], alpha=0.12, linewidth=0)
    ax.set(xlabel="μ (half-widths; the image is shaded)", ylabel="mean of the false score (1/half-width)")
left.set(title="Clipped location scored")
right.set(title="Squashed location scored")
left.legend()
plt.show()
for std_ in (0.4, 0.2, 0.1, 0.05):
    scaled = std_**2 * squashed_score_mean(np.array([0.5]), std_)[0]
    print(f"σ = {std_:4}: bias at μ = 0.5, times σ²: {scaled:.4f};   tanh μ − μ = {np.tanh(0.5) - 0.5:.4f}")
    # Taylor: E tanh(μ + σz) is tanh μ to within σ²/2 · max |tanh''|, and |tanh''| ≤ 4/√27.
    assert abs(scaled - (np.tanh(0.5) - 0.5)) <= std_**2 / 2 * 4 / np.sqrt(27)

# %% [markdown]
# The honest score would be zero everywhere in these pictures. Clipping hurts where the policy reaches the
# border; squashing hurts everywhere but at the centre, and a smaller σ makes it worse, for the bias is about
# $(\tanh\mu - \mu)/\sigma^2$. In both cases the push is towards the centre.
#
# What does it do to learning? Let every look earn the same reward, $r = 1$. There is nothing to learn, and
# with an honest score μ stays where it is, but for the noise. We follow the mean update
# $\mu \leftarrow \mu + \eta\, \mathbb{E}[r \cdot \text{score}]$ of each rule from several starts:

# %%
rate, steps, std = 0.002, 400, 0.2
fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), sharey=True)
ends = {}
for ax, (title, drift) in zip(
    axes,
    {
        "Raw sample scored": lambda mu: np.array([weights @ score(m + std * z, m, std)[0] for m in mu]),
        "Clipped location scored": lambda mu: clipped_score_mean(mu, std),
        "Squashed location scored": lambda mu: squashed_score_mean(mu, std),
    }.items(),
):
    path = [np.array([-1.2, -0.8, -0.4, 0.4, 0.8, 1.2])]
    for _ in range(steps):
        path.append(path[-1] + rate * drift(path[-1]))
    ends[title] = path[-1]
    ax.plot(path, color=COLOUR["location"], linewidth=1.4)
    ax.axhspan(-1, 1, color=COLOUR["muted"], alpha=0.12, linewidth=0)
    ax.set(title=title, xlabel="update")
axes[0].set(ylabel="μ (half-widths)")
plt.show()
print("where μ ends:", {title: end.round(2).tolist() for title, end in ends.items()})
assert np.abs(ends["Raw sample scored"] - path[0]).max() < 1e-12  # 400 updates of a few roundings each
assert np.abs(ends["Clipped location scored"]).max() < 1
assert np.abs(ends["Squashed location scored"]).max() < np.abs(path[0]).min()

# %% [markdown]
# A policy that drifts to the centre looks reasonable on centred digits, which is why this mistake survives. On digits
# that may lie anywhere it is a handicap.
#
# Does a baseline help? The false and the true score agree wherever nothing was clipped, and the true one has the mean
# zero. So if all looks beyond the border earn the same, $r_\text{out}$, the bias is
#
# $$\mathbb{E}[(r - b)(\text{false} - \text{true})] = (r_\text{out} - b)\, \mathbb{E}[\text{false}].$$
#
# If every look earns the same, a good baseline takes the bias away; if looks beyond the border earn nothing, it is the
# baseline that brings it in.

# %%
for what, r, r_out in (("every look earns 1", np.ones(n), 1), ("beyond the border 0", (np.abs(a) <= 1) * 1.0, 0)):
    for b in (0, r.mean()):
        difference = (r - b) * (false - true)
        bias = (r_out - b) * clipped_score_mean(mu_x, std)
        print(f"{what:20} b = {b:.2f}: bias {bias: .3f}, sampled {difference.mean(): .3f}")
        assert abs(difference.mean() - bias) <= 4 * difference.std() / np.sqrt(n)

# %% [markdown]
# There are two honest ways out. One is to score the raw sample, as `minram` does. The other is to score $l$
# under the distribution that $l$ really has. For $l = \tanh(a)$ its density is $\pi(a)\,/\,(1 - l^2)$ by the
# change of variables, and the logarithm of the denominator does not contain μ: the honest score of $l$ *is*
# the score of the raw sample. For the clipped location the honest density is the first exercise.
#
# A relative of the mistake is to clip or squash the *mean*. Nothing becomes biased, but where the squash is
# flat its derivative vanishes, and a mean that has reached the border has no gradient to come back by:

# %%
u = np.array([0.0, 1.0, 2.0, 4.0])
print("pre-activation u      ", u)
print("∂ tanh(u)/∂u          ", (1 - np.tanh(u) ** 2).round(4))
print("∂ clip(u, −1, 1)/∂u   ", (np.abs(u) < 1).astype(float))

# %% [markdown]
# For this reason the location head of `minram` is linear, without anything after it.
#
# ## What to remember
#
# The score of the mean is $(a - \mu)/\sigma^2$, that of $\log \sigma$ is $z^2 - 1$. Both have mean zero, and
# only because the sample is scored under the distribution from which it was drawn. The score's variance is
# $1/\sigma^2$: a small σ aims well and learns slowly. Clip where the sensor looks, not what the policy
# scores. A gradient check cannot find this mistake, as the gradient of the wrong formula is computed
# correctly; a test of the *mean* finds it.
#
# ## Exercises
#
# **1. The honest density of the clipped location.** One coordinate, μ and σ given. The clipped location has a
# density inside and two lumps of probability on the border:
#
# $$
# \log p(l) = \begin{cases}
# \log \Phi(\alpha) & l = -1 \\
# -\tfrac12 z^2 - \log\sigma - \tfrac12\log 2\pi & -1 < l < 1 \\
# \log \Phi(-\beta) & l = 1
# \end{cases}
# $$
#
# with α and β as above. Derive $\partial \log p / \partial \mu$ in each case and write it down. (You need
# $\Phi' = \varphi$ and $\partial\alpha/\partial\mu = \partial\beta/\partial\mu = -1/\sigma$.)

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
    # Solution
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    below = -norm.pdf(alpha) / ndtr(alpha) / std  # (log Φ(α))' = φ(α)/Φ(α) · (−1/σ)
    above = norm.pdf(beta) / ndtr(-beta) / std  # (log Φ(−β))' = φ(β)/Φ(−β) · (+1/σ)
    return dlogp * np.where(l <= -1, below, np.where(l >= 1, above, (l - mu) / std**2))


# %%
l = np.array([-1.0, -0.7, 0.2, 1.0, 1.0])
report = gradcheck.check_pair(
    lambda mu: clipped_log_prob(l, mu, 0.3),
    lambda dlogp, cache: {"mu": clipped_log_prob_backward(dlogp, cache)},
    {"mu": np.array([-0.8, -0.5, 0.1, 0.7, 1.2])},
    rng=np.random.default_rng(5),
)
print(report)
report.raise_if_failed()

# The lemma for it: two lumps and an integral, here by Gauss–Legendre quadrature on 200 nodes.
mu_x, std = 0.9, 0.2
x, w = np.polynomial.legendre.leggauss(200)
places = np.concatenate([x, [-1, 1]])
probability = np.concatenate([w * norm.pdf(x, mu_x, std), [ndtr((-1 - mu_x) / std), ndtr((mu_x - 1) / std)]])
honest = clipped_log_prob_backward(np.ones(202), (places, np.full(202, mu_x), std))
print(f"total probability − 1 = {probability.sum() - 1:.1e}")
print(f"mean of the honest score = {probability @ honest:.1e}")
print(f"its variance = {probability @ honest**2:.2f}; that of the raw sample's score, 1/σ² = {1 / std**2:.2f}")
assert abs(probability @ honest) < 1e-12 / std  # rounding of sums of terms of size 1/σ
assert probability @ honest**2 < 1 / std**2

# %% [markdown]
# The honest score has a *smaller* variance than the raw sample's. It is the raw score averaged over all
# samples that end on the same border, and averaging away what does not matter never adds noise (Rao and
# Blackwell).

# %% [markdown]
# **2. A softplus σ.** Some programs learn $\rho$ with $\sigma = \log(1 + e^\rho)$ instead of $\log\sigma$.
# Write the backward pass: $\partial\log\pi/\partial\rho_i$, summed over rows.

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


# %%
r = np.random.default_rng(6)
a, mu = r.normal(size=(4, 2)), r.normal(size=(4, 2))
report = gradcheck.check_pair(
    lambda rho: softplus_log_prob(a, mu, rho),
    lambda dlogp, cache: {"rho": softplus_log_prob_backward(dlogp, cache)},
    {"rho": np.array([-1.0, 0.5])},
    rng=np.random.default_rng(7),
)
print(report)
report.raise_if_failed()
