# %% [markdown]
# # 6. REINFORCE
#
# **What you will see.** The agent is rewarded for a right label, and the reward says nothing about which
# direction would have been better to look in. We derive how a gradient can be had all the same, one line at a
# time, and hold every line against a number. Then we compute the *exact* gradient of a small agent and see
# that the estimator hits it: not roughly, but within its standard error, parameter by parameter.
#
# **What you need.** Lesson 5 (the score and its mean), lesson 4 (backpropagation through time).
#
# **How long it runs.** About ten seconds.
#
# **To touch.** [REINFORCE in one dimension](pages/reinforce.html): one file for a browser, in which all of this moves.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import norm

from lesson import show_source
from minram import gradcheck, policy, reinforce
from minram.agent import Cotangents, backward, init_params, rollout
from minram.datasets import data
from minram.errors import InputError
from minram.gradcheck.network import only
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.sensor import sensor_backward_location, sensor_forward, summed_area
from minram.training.config import Config

style.use()
COLOUR = style.COLOURS

# %% [markdown]
# ## A reward with an edge
#
# Take one coordinate and one decision. The agent draws $a \sim \mathcal{N}(\mu, \sigma^2)$ and earns
# $r(a) = 1$ if $a > c$, otherwise 0. The reward is a step. It has no slope anywhere, and where it jumps it
# has no derivative. The *expected* reward
#
# $$
# J(\mu) = \mathbb{E}_{a \sim \pi_\mu}[r(a)] = \Pr(a > c) = \Phi\Bigl(\frac{\mu - c}{\sigma}\Bigr)
# $$
#
# is as smooth as one could wish. The policy's own spread has rounded the edge off.

# %% tags=["picture"]
c, std = 0.25, 0.2
places = np.linspace(-0.8, 1.1, 500)


def reward(a):
    return (a > c).astype(float)


def J(mu):
    return ndtr((mu - c) / std)


def exact_gradient(mu):
    """dJ/dμ = φ((μ − c)/σ)/σ, by the chain rule and Φ' = φ."""
    return norm.pdf((mu - c) / std) / std


mu = 0.1
fig, ax = plt.subplots(figsize=(7, 3.3))
density = norm.pdf(places, mu, std)
ax.fill_between(places, density / 4, color=COLOUR["location"], alpha=0.15, linewidth=0)
ax.fill_between(places, density / 4, where=places > c, color=COLOUR["location"], alpha=0.4, linewidth=0)
ax.plot(places, reward(places), color=COLOUR["reward"], label="reward r(a)")
ax.plot(places, J(places), color=COLOUR["exact"], label="expected reward J(μ)")
ax.plot(mu, J(mu), "o", color=COLOUR["exact"])
ax.annotate(
    "",
    (mu + 0.18, J(mu) + 0.18 * exact_gradient(mu)),
    (mu, J(mu)),
    arrowprops={"arrowstyle": "->", "color": COLOUR["exact"]},
)
ax.text(mu - 0.02, 0.04, "policy π\n(density / 4)", ha="center", color=COLOUR["location"], fontsize=8.5)
ax.set(xlabel="location a, mean μ (half-widths)", ylabel="reward", ylim=(-0.02, 1.08))
ax.legend(loc="upper left")
plt.show()
print(f"J({mu}) = {J(mu):.4f}, dJ/dμ = {exact_gradient(mu):.4f} per half-width")

# %% [markdown]
# The dark area under the density is $J$. Moving the policy to the right makes it larger. Nothing in the
# reward of a single sample says so; the *average* over samples does. How is its slope to be found from
# samples?
#
# ## The log-derivative trick, step by step
#
# We write it at once for what we need it for. A **trajectory** $\tau = (s_1, a_1, \ldots, s_T, a_T)$, of what is
# observed and what is done at each step, is all that happens in one rollout, $p_\theta(\tau)$ its probability
# density, $r(\tau)$ its reward. (For the agent they are written out below.) In the problem above, τ is just the one
# number $a$. The aim is to maximise
#
# $$
# J(\theta) = \mathbb{E}_{\tau \sim p_\theta(\tau)}[r(\tau)] = \int p_\theta(\tau)\, r(\tau)\, d\tau.
# $$
#
# Then
#
# $$
# \begin{aligned}
# \nabla_\theta J(\theta) &= \nabla_\theta \int p_\theta(\tau)\, r(\tau)\, d\tau && \text{(1) definition of } J \\
# &= \int \nabla_\theta p_\theta(\tau)\, r(\tau)\, d\tau
#   && \text{(2) Leibniz; } r(\tau) \text{ does not contain } \theta \\
# &= \int p_\theta(\tau)\, \frac{\nabla_\theta p_\theta(\tau)}{p_\theta(\tau)}\, r(\tau)\, d\tau
#   && \text{(3) multiply by } p_\theta / p_\theta = 1 \\
# &= \int p_\theta(\tau)\, \nabla_\theta \log p_\theta(\tau)\, r(\tau)\, d\tau
#   && \text{(4) chain rule}, \ (\log u)' = u'/u \\
# &= \mathbb{E}_{\tau \sim p_\theta(\tau)}\bigl[\nabla_\theta \log p_\theta(\tau)\, r(\tau)\bigr]
#   && \text{(5) definition of the expectation}
# \end{aligned}
# $$
#
# Line 2 is a true formula that one cannot sample from: $\nabla p$ is not a density, it is negative in places.
# Lines 3 and 4 bring the density back. This is the whole trick. And notice that $r$ is never differentiated:
# it may be a step, or come from a human who presses a button.
#
# Each line on the step reward, by numerical integration (the integrals begin at $c$, as $r = 0$ below):

# %%


def p(a, mu):
    return norm.pdf(a, mu, std)


def integral(f):
    return quad(f, c, c + 12 * std, epsabs=1e-12, epsrel=1e-12)[0]


h = 1e-5
line_1 = (integral(lambda a: p(a, mu + h)) - integral(lambda a: p(a, mu - h))) / (2 * h)
line_2 = integral(lambda a: (p(a, mu + h) - p(a, mu - h)) / (2 * h))
line_3 = integral(lambda a: p(a, mu) * ((p(a, mu + h) - p(a, mu - h)) / (2 * h) / p(a, mu)))
line_4 = integral(lambda a: p(a, mu) * (a - mu) / std**2)
for name, value in (("1", line_1), ("2", line_2), ("3", line_3), ("4 and 5", line_4)):
    print(f"line {name:8} {value:.10f}")
    # Differences are off by h²|J‴|/6 < 1e-9, and the integrals by 1e-12, which line 1 divides by h.
    assert abs(value - exact_gradient(mu)) < 2e-7
print(f"exact         {exact_gradient(mu):.10f}")
assert abs(line_4 - exact_gradient(mu)) < 1e-11  # no differences in this one

# %% [markdown]
# ## The Monte-Carlo form
#
# Line 5 is an expectation under the policy, and the policy is what we can sample from: run it $M$ times and
# average,
#
# $$
# \nabla_\theta J(\theta) \approx \frac1M \sum_{m=1}^M \nabla_\theta \log p_\theta(\tau^m)\, r(\tau^m).
# $$
#
# The mean of independent samples has the variance of one sample over $M$. For the step reward that variance
# is exact too. With $k = (c - \mu)/\sigma$, integration by parts gives
# $\int_k^\infty z^2 \varphi(z)\,dz = k\varphi(k) + \Phi(-k)$, so
#
# $$
# \operatorname{Var}\Bigl[r \,\frac{z}{\sigma}\Bigr]
#   = \frac{1}{\sigma^2}\bigl(k\varphi(k) + \Phi(-k)\bigr) - \Bigl(\frac{dJ}{d\mu}\Bigr)^2 .
# $$

# %%


def estimates(mu, M, repeats, rng):
    """`repeats` estimates of dJ/dμ from M samples each, with the package's log-likelihood gradient."""
    means = np.full((repeats, M, 2), mu)
    a = policy.sample(rng, means, np.log([std, std]))
    _, cache = policy.log_prob_forward(a, means, np.log([std, std]))
    dmu, _ = policy.log_prob_backward(reward(a[..., 0]), cache)
    return dmu[..., 0].mean(axis=1)


k = (c - mu) / std
one_sample = np.sqrt((k * norm.pdf(k) + ndtr(-k)) / std**2 - exact_gradient(mu) ** 2)
rng = np.random.default_rng(0)
sizes = np.array([1, 4, 16, 64, 256, 1024, 4096])
repeats = 300
runs = {M: estimates(mu, M, repeats, rng) for M in sizes}
rms = np.array([np.sqrt(np.mean((runs[M] - exact_gradient(mu)) ** 2)) for M in sizes])
print("samples M          ", sizes)
print("r.m.s. error       ", rms.round(3))
print("exact, std(1)/√M   ", (one_sample / np.sqrt(sizes)).round(3))
# The mean square of R errors has the relative standard error √((κ − 1)/R), with κ = E e⁴/(E e²)² their kurtosis.
kurtosis = np.array([np.mean((runs[M] - exact_gradient(mu)) ** 4) / rms[i] ** 4 for i, M in enumerate(sizes)])
assert (np.abs(rms**2 * sizes / one_sample**2 - 1) < 4 * np.sqrt((kurtosis - 1) / repeats)).all()

fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
for M, colour in ((16, style.SKY), (64, COLOUR["label"]), (256, COLOUR["location"])):
    left.hist(runs[M], np.linspace(-1, 4, 51), histtype="step", linewidth=1.6, color=colour, label=f"M = {M}")
left.axvline(exact_gradient(mu), color=COLOUR["exact"], linewidth=1)
left.set(title=f"{repeats} estimates each", xlabel="estimate of dJ/dμ (1/half-width)", ylabel="number of estimates")
left.legend()
right.loglog(sizes, one_sample / np.sqrt(sizes), color=COLOUR["exact"], label="exact: ∝ 1/√M")
right.loglog(sizes, rms, "o", color=COLOUR["location"], label="measured")
right.set(title="Their error", xlabel="samples M", ylabel="r.m.s. error (1/half-width)")
right.legend()
plt.show()

# %% [markdown]
# The estimates scatter around the exact slope, marked by the thin line, and a hundred times as many samples
# bring one more decimal. That is the price of not differentiating the reward.
#
# ## The agent's trajectory
#
# For the recurrent agent, write $s_t = (l_t, \rho(x, l_t))$ for what is observed at step $t$, the location and the
# glimpse, and $s_{1:t}$ for the history. Let the image $x$ and its label be given, as in lesson 1. The probability of
# a whole trajectory is a product, one factor for every random thing that happens, in order:
#
# $$
# p_\theta(\tau) = p(s_1 \mid x) \prod_{t=1}^{T} \pi_\theta(a_t \mid s_{1:t})
#   \prod_{t=1}^{T-1} p(s_{t+1} \mid x, a_t).
# $$
#
# Its logarithm is a sum, and the gradient of the sum loses most of its terms:
#
# $$
# \begin{aligned}
# \log p_\theta(\tau) &= \log p(s_1 \mid x) + \sum_{t} \log \pi_\theta(a_t \mid s_{1:t})
#   + \sum_t \log p(s_{t+1} \mid x, a_t) && \log \textstyle\prod = \sum \log \\
# \nabla_\theta \log p_\theta(\tau) &= \sum_{t} \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})
#   && p(s_1 \mid x) \text{ and the sensor do not contain } \theta
# \end{aligned}
# $$
#
# One does not need to know how the world answers, $p(s_{t+1} \mid x, a_t)$, only how oneself has acted. (If the image
# is drawn too, there is one more factor, $p(x)$, which does not contain θ either.) Put into the Monte-Carlo form:
#
# $$
# \nabla_\theta J(\theta) \approx \frac1M \sum_{m=1}^M \sum_{t=1}^{T}
#   \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\; r^m
# $$
#
# Two remarks on indices. In `minram` the action that matters here is the next location, and no glimpse
# follows after the last one, so there are $T - 1$ of them. The label is an action, too; lesson 8 treats it.
# And $\pi_\theta(a_t \mid s_{1:t})$ is a Gaussian around $\mu_t$, which depends on θ *through the whole
# history* $h_t$. So one term of the sum is
#
# $$
# \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})
#  = \Bigl(\frac{\partial \mu_t}{\partial \theta}\Bigr)^{\!\top} \frac{a_t - \mu_t}{\sigma^2}
#  \qquad \text{chain rule, score of lesson 5.}
# $$
#
# The right factor is a cotangent at the location head; the left one is what lesson 4's backward pass applies.
# Here is where the package makes the cotangents. Look for the line with `log_prob_backward`: its first
# argument is $-\lambda (G_t - b)/N$, one number for each decision, minus because the optimiser goes downhill. Here
# $\lambda$, the `weight`, is 1 and does not fall, $b$, which lesson 7 explains, is 0, and all $G_t$ are the reward $r$.

# %%
show_source(reinforce.cotangents)

# %% [markdown]
# ## A small agent with an exact gradient
#
# To judge the estimator we need the truth. For the real agent it is out of reach, but a small one will do, if
# we choose it well. Let the image have seven by seven pixels and the patch two by two. The aligned sensor
# moves each glimpse to whole pixels, so all locations within one *cell* of the plane show exactly the same
# patch; there are eight by eight cells, the outer ones reaching to infinity. Let the first glimpse be in the
# centre and take away the location's own input to the network (its unit is silenced), so that only the patch
# matters. Then three glimpses can give only $64^2$ different histories, and
#
# $$
# J(\theta) = \sum_{q_2} \sum_{q_3} P(q_2 \mid \mu_1)\, P(q_3 \mid \mu_2(q_2))\; r(q_2, q_3)
# $$
#
# over the cells $q_t$ of glimpses 2 and 3 is a finite sum. Each $P$ is the mass of a Gaussian in a rectangle, a product
# of two differences of Φ.

# %%
digit = data.load().x_test[data.load().y_test == 4][2]
image = digit.reshape(7, 4, 7, 4).mean(axis=(1, 3)) / 255  # (7, 7), means of 4 × 4 pixels
area = summed_area(image[None])
config = Config(
    glimpses=3,
    patch_size=2,
    scales=(1,),
    what_units=4,
    where_units=1,
    glimpse_units=5,
    core_units=5,
    std=0.3,
    start="centre",
    recurrent_init="he",
    baseline="none",
    flow=("location",),
)
n_classes, label = 4, 0
rng = np.random.default_rng(7)
params = init_params(config, rng, n_classes, 1, np.float64)
params = {name: x + rng.normal(0, 0.5, x.shape) for name, x in params.items()}
params["glimpse.where.W"][:] = 0
params["glimpse.where.b"][:] = -1  # the ReLU behind it is silent

first = np.arange(-1, 7)  # the pixel at which a patch begins: from one pixel outside to the last one
edges = np.concatenate([[-np.inf], (first[1:] - 3) / 3.5, [np.inf]])  # of the cells, in location units
middle = (first - 2.5) / 3.5
cells = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)  # (64, 2)
K = len(cells)
every_path = np.stack([np.repeat(cells, K, axis=0), np.tile(cells, (K, 1))])  # (2, 64², 2)
# A trajectory to be walked again: `rollout` takes its first location and its samples from here.
template = rollout(params, config, area, rng, K * K)._replace(sample=every_path)


def walk(params):
    """Every possible trajectory, its probability and its reward → Trajectory, (64²,), (64²,)."""
    t = rollout(params, config, area, None, K * K, frozen=template)
    k = np.searchsorted(edges, every_path) - 1
    upper, lower = ndtr((edges[k + 1] - t.mu) / config.std), ndtr((edges[k] - t.mu) / config.std)
    P = (upper - lower).prod(axis=(0, 2))  # over both decisions and both coordinates
    return t, P, (t.logits[-1].argmax(axis=1) == label).astype(float)


def exact_J(params):
    """J(θ), and the masks and rewards that tell on which smooth piece θ lies."""
    t, P, r = walk(params)
    return P @ r, (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0, r)


_, P, r = walk(params)
print(f"trajectories: {len(P)}, sum of their probabilities − 1 = {P.sum() - 1:.1e}")
print(f"J = {exact_J(params)[0]:.6f}")
assert abs(P.sum() - 1) < len(P) * np.finfo(float).eps

fig, axes = plt.subplots(1, 3, figsize=(8.4, 3.1))
plots.image(axes[0], image, ticks=True)
plots.retina_outline(axes[0], np.zeros(2), image.shape, Retina((1,), 2))
axes[0].set(title="The image and glimpse 1")
P2 = P.reshape(K, K).sum(axis=1)
for ax, values, cmap, title in (
    (axes[1], P2, style.DENSITY, "Probability of glimpse 2"),
    (axes[2], (P * r).reshape(K, K).sum(axis=1) / P2, style.BELIEF, "Expected reward after it"),
):
    half = 8 / 7  # eight cells over seven pixels: half a cell beyond each border
    drawn = ax.imshow(values.reshape(8, 8), cmap, vmin=0, extent=(-half, half, half, -half))
    fig.colorbar(drawn, ax=ax, shrink=0.7)
    ax.plot(*template.mu[0, 0], "+", color=COLOUR["location"], markersize=10, markeredgewidth=2)
    ax.grid(False)
    ax.set(title=title, xlabel="x (image half-widths)", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
plt.show()

# %% [markdown]
# The cross is $\mu_1$. Where glimpse 2 falls changes the chance of a right label, so there is something to
# learn.
#
# Now its exact gradient. The log-derivative trick holds for sums as well as for integrals:
# $\nabla J = \sum_\tau p(\tau)\, r(\tau)\, \nabla \log p(\tau)$, and the derivative of $\log P(q)$ with
# respect to μ is
#
# $$
# \frac{\partial}{\partial\mu} \log\bigl[\Phi(\tfrac{u - \mu}{\sigma}) - \Phi(\tfrac{v - \mu}{\sigma})\bigr]
#  = \frac{\varphi(\tfrac{v - \mu}{\sigma}) - \varphi(\tfrac{u - \mu}{\sigma})}
#   {\sigma \bigl[\Phi(\tfrac{u - \mu}{\sigma}) - \Phi(\tfrac{v - \mu}{\sigma})\bigr]}
#  \qquad \text{chain rule}, \ \Phi' = \varphi
# $$
#
# for a cell from $v$ to $u$. These are the cotangents; the agent's backward pass does the rest. We do not
# have to believe it: $J$ is an ordinary function of the parameters, and `gradcheck` compares every entry with
# differences of $J$ itself.

# %%
t, P, r = walk(params)
k = np.searchsorted(edges, every_path) - 1
u, v = (edges[k + 1] - t.mu) / config.std, (edges[k] - t.mu) / config.std
dlog_P = (norm.pdf(v) - norm.pdf(u)) / (config.std * np.maximum(ndtr(u) - ndtr(v), 1e-300))  # (2, 64², 2)
heads = Cotangents(np.zeros_like(t.logits), (P * r)[:, None] * dlog_P, np.zeros(2), np.zeros_like(t.baseline))
exact = backward(params, t, heads, flow=("location",))

silent = [name for name in params if name.startswith(("label", "baseline", "glimpse.where"))]
report = gradcheck.check_gradient(exact_J, params, exact, expect_zero=silent)
print(report)
report.raise_if_failed()

# %% [markdown]
# The gradient of the label head is zero. That is no accident: the reward is 0 or 1 for the *most probable*
# label, there are finitely many histories here, and a small change of the label head changes none of their answers.
#
# In the agent as it is, the location enters the network as well, and there is a continuum of histories. A change of
# the label head then moves the border between those that are read rightly and those that are not, and $J$ has a
# gradient there that line (2) leaves out: its $r(\tau)$ must not contain θ. It is exact in Algorithm 1 (lesson 8),
# where the label is drawn, and so a part of τ. The hybrid rule counts the reward as a constant.
#
# ## The estimator meets the truth
#
# Nothing of the enumeration is used from here on. The agent draws locations, and `reinforce.cotangents` and
# `backward` do what they do in training. We take many batches, and from their scatter the standard error of
# each parameter's mean.

# %%


def reinforce_gradient(params, N, rng, own_reward=None):
    """One REINFORCE estimate of ∇J from N rollouts, as a flat vector."""
    t = rollout(params, config, area, rng, N)
    heads, _ = reinforce.cotangents(t, [label], config.changed({"rollouts": N}), reward=own_reward)
    grads = backward(params, t, only(heads, "mu"), flow=("location",))
    return -np.concatenate([g.ravel() for g in grads.values()])  # the package's gradients are those of −J


rng = np.random.default_rng(1)
batches = np.array([reinforce_gradient(params, 400, rng) for _ in range(400)])
truth = np.concatenate([g.ravel() for g in exact.values()])
live = np.abs(truth) > 1e-9  # some cells are so far away that no rollout will ever see them
estimate, error = batches.mean(axis=0)[live], batches.std(axis=0, ddof=1)[live] / np.sqrt(len(batches))
z = (estimate - truth[live]) / error
print(f"parameters with a gradient: {live.sum()}; rollouts: {400 * len(batches)}")
print(f"mean square of the errors, in standard errors: {np.mean(z**2):.2f}; the largest: {np.abs(z).max():.2f}")
# 5 standard errors: with fewer than 100 numbers a right estimator fails less than once in 10,000 seeds.
assert live.sum() < 100 and np.abs(z).max() < 5
assert not batches[:, truth == 0].any()

fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4))
left.axline((0, 0), slope=1, color=COLOUR["exact"], linewidth=1)
left.errorbar(truth[live], estimate, 2 * error, fmt="o", color=COLOUR["location"], markersize=3, linewidth=1)
left.set(title="Every parameter's gradient", xlabel="exact", ylabel="mean of samples, ± 2 standard errors")
for name, group in (("location", "location"), ("core", "core"), ("glimpse", "glimpse")):
    index = np.concatenate([np.full(g.size, n.startswith(group)) for n, g in exact.items()])[live]
    right.plot(np.flatnonzero(index), z[index], "o", color=COLOUR[name], markersize=4, label=name)
right.axhspan(-2, 2, color=COLOUR["muted"], alpha=0.15, linewidth=0)
right.axhline(0, color=COLOUR["exact"], linewidth=1)
right.set(title="Their errors", xlabel="parameter", ylabel="(estimate − exact) / standard error", ylim=(-5, 5))
right.legend(ncols=3, loc="lower center")
plt.show()

# %% [markdown]
# ## Sum over time, mean over the batch
#
# The sum over time came out of $\log \prod = \sum \log$; it is not a choice. The mean over rollouts came out
# of the Monte-Carlo estimate of an expectation. Programs that average over both, because `mean()` is at hand,
# scale the gradient by $1/(T-1)$: the direction is right, the balance with every other term of the loss is
# not, and it changes when $T$ does.

# %%
best = np.argmax(np.abs(truth[live]) / error)  # the parameter known best
for name, factor in (("sum over time", 1), ("mean over time", 1 / (config.glimpses - 1))):
    off = (factor * estimate[best] - truth[live][best]) / (factor * error[best])
    print(f"{name:14} {factor * estimate[best]:.4f}, exact {truth[live][best]:.4f}: off by {off:.1f} standard errors")
assert abs((estimate[best] / 2 - truth[live][best]) / (error[best] / 2)) > 10

# %% [markdown]
# ## What a gradient check of the surrogate proves
#
# Most programs build the estimator as the gradient of a **surrogate loss**: with the sampled locations and
# rewards frozen,
#
# $$
# L(\theta) = -\frac1M \sum_m r^m \sum_t \log \pi_\theta(a^m_t \mid \mu_t(\theta), \sigma),
# \qquad \nabla_\theta L = -\,\text{the estimate of } \nabla_\theta J.
# $$
#
# It is an ordinary function, so finite differences can check its backward pass. Let us do so, twice: once as
# it should be, and once with a mistake in the estimator, a "reward" to which someone has added the x of the
# first location that was drawn.

# %%
N = 20
sampled = rollout(params, config, area, np.random.default_rng(2), N)
right_r = (sampled.logits[-1].argmax(axis=1) == label).astype(float)
wrong_r = right_r + sampled.sample[0, :, 0]  # its expectation is another J


def surrogate(r):
    def L(params):
        t = rollout(params, config, area, None, N, frozen=sampled)
        log_p, _ = policy.log_prob_forward(sampled.sample, t.mu, t.log_std)  # (2, N)
        return -np.mean(r * log_p.sum(axis=0)), (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0)

    return L


def surrogate_gradient(r):
    _, cache = policy.log_prob_forward(sampled.sample, sampled.mu, sampled.log_std)
    dmu, _ = policy.log_prob_backward(np.broadcast_to(-r / N, (2, N)), cache)
    heads = Cotangents(np.zeros_like(sampled.logits), dmu, np.zeros(2), np.zeros_like(sampled.baseline))
    return backward(params, sampled, heads, flow=("location",))


for name, r in (("right", right_r), ("wrong", wrong_r)):
    grads = surrogate_gradient(r)
    expect_zero = [key for key, g in grads.items() if not g.any()]
    report = gradcheck.check_gradient(surrogate(r), params, grads, expect_zero=expect_zero)
    print(
        f"{name} reward, gradient of the surrogate: largest relative error "
        f"{max(row.rel_err for row in report.rows):.1e}, {'passed' if report.passed else 'FAILED'}"
    )
    assert report.passed

# %% [markdown]
# Both pass. The check has shown that the *backward pass* computes the gradient of the function in front of
# it. It cannot know whether this function is the one we want, for the step from $J$ to the estimator is not a
# derivative, it is a statement about an average. Only a comparison with the average finds the second mistake.
# `cotangents` can be given a reward of one's own, so we give it the wrong one:


# %%
def wrong_reward(t, labels):
    """1 for a right label, plus the x of the first location that was drawn, after the last glimpse. → (T, N)"""
    r = np.zeros(t.loc.shape[:2])
    r[-1] = (t.logits[-1].argmax(axis=1) == labels) + t.sample[0, :, 0]
    return r


rng = np.random.default_rng(3)
wrong = np.array([reinforce_gradient(params, 400, rng, wrong_reward) for _ in range(100)])[:, live]
z_wrong = (wrong.mean(axis=0) - truth[live]) / (wrong.std(axis=0, ddof=1) / np.sqrt(len(wrong)))
print(f"the wrong reward: off by up to {np.abs(z_wrong).max():.0f} standard errors")
assert np.abs(z_wrong).max() > 10

# %% [markdown]
# So two kinds of tests are needed, finite differences for the network and exact means for the estimator; and
# neither can stand in for the other.
#
# ## The other gradient: pathwise
#
# There is another way to write the same sample: $a = \mu + \sigma\varepsilon$ with
# $\varepsilon \sim \mathcal{N}(0, 1)$. If the noise ε is what we freeze, the sample moves with μ, and
#
# $$
# \begin{aligned}
# \frac{dJ}{d\mu} &= \frac{d}{d\mu}\, \mathbb{E}_\varepsilon\bigl[r(\mu + \sigma\varepsilon)\bigr]
#   && \text{definition of } J \\
# &= \mathbb{E}_\varepsilon\Bigl[\frac{d}{d\mu}\, r(\mu + \sigma\varepsilon)\Bigr]
#   && \text{Leibniz: only if } r \text{ is continuous} \\
# &= \mathbb{E}_\varepsilon\bigl[r'(a)\bigr] && \text{chain rule}, \ \partial a/\partial\mu = 1
# \end{aligned}
# $$
#
# This is the **pathwise** gradient. For a smooth reward it is right, and less noisy unless the reward is steep.
# For a step, $r' = 0$
# wherever it exists, every sample says zero, and the second line is false: the derivative may not pass under
# the integral. Below the step is softened to $r_\omega(a) = 1/(1 + e^{-(a - c)/\omega})$ and sharpened again.
# Both standard deviations are numerical integrals.

# %%
widths = np.geomspace(0.3, 0.003, 25)
a = mu + std * np.linspace(-8, 8, 80_001)  # far finer than the sharpest step
weights = norm.pdf(a, mu, std) * (a[1] - a[0])
spread = {"pathwise": [], "score function": []}
for omega in widths:
    soft = expit((a - c) / omega)
    one = {"pathwise": soft * (1 - soft) / omega, "score function": soft * (a - mu) / std**2}
    means = {name: weights @ g for name, g in one.items()}
    # The same mean. The trapezoidal rule is exact to rounding, as the integrand is smooth on this grid.
    assert abs(means["pathwise"] - means["score function"]) < 1e-9
    for name, g in one.items():
        spread[name].append(np.sqrt(weights @ g**2 - means[name] ** 2))

fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
for omega, shade in ((0.2, 0.35), (0.05, 0.65), (0.01, 1.0)):
    left.plot(places, expit((places - c) / omega), color=COLOUR["reward"], alpha=shade, label=f"ω = {omega}")
left.set(title="A reward that sharpens", xlabel="a (half-widths)", ylabel="reward r(a)")
left.legend()
right.loglog(widths, spread["pathwise"], color=COLOUR["glimpse"], label="pathwise")
right.loglog(widths, spread["score function"], color=COLOUR["location"], label="score function (REINFORCE)")
right.invert_xaxis()
right.set(
    title="One sample's standard deviation",
    xlabel="width ω of the step (half-widths), sharper to the right",
    ylabel="std (1/half-width)",
)
right.legend()
plt.show()

a = mu + std * np.random.default_rng(4).standard_normal(10_000)
h = 1e-6
moved = (reward(a + h) - reward(a - h)) / (2 * h)
print(
    f"the step itself: {np.count_nonzero(moved)} of {len(a)} pathwise samples are not zero; "
    f"their mean is {moved.mean():.3f}, the truth {exact_gradient(mu):.3f}"
)

# %% [markdown]
# As the step sharpens, fewer and fewer samples fall on the slope, and those few are steeper and steeper. In
# the limit all the noise sits in an event of probability zero, and no sample sees anything. The score
# function does not care.
#
# ### On the sensor
#
# The agent's sensor can be made continuous, and then it has a derivative with respect to the location (lesson
# 2). So one could pass the gradient of a smooth objective through the sampled location. Let the reward be the
# *ink*, the mean brightness of the glimpse. We estimate the gradient of the expected ink with respect to μ
# both ways, at the marked place.

# %%
digit_area = summed_area(digit[None].astype(float) / 255)
std_s, w = 0.15, 8


def ink(l):
    """The mean brightness of the glimpses at l (N, 2), and its derivative with respect to l."""
    phi, cache = sensor_forward(digit_area, l, (1,), w, np.zeros(len(l), int), continuous=True)
    return phi.mean(axis=1), sensor_backward_location(np.full_like(phi, 1 / phi.shape[1]), cache)


mean = np.array([0.45, -0.6])
n = 20_000
rng = np.random.default_rng(5)
eps = rng.standard_normal((n, 2))
value, slope = ink(mean + std_s * eps)
by_path, by_score = slope, value[:, None] * eps / std_s
both = {"pathwise": by_path, "score function": by_score}
for name, g in both.items():
    print(
        f"{name:15} mean {g.mean(axis=0).round(3)} ± {(g.std(axis=0) / np.sqrt(n)).round(3)}, "
        f"std of one sample {g.std(axis=0).round(2)}"
    )
difference = (by_path - by_score).mean(axis=0) / ((by_path - by_score).std(axis=0) / np.sqrt(n))
print("their difference, in standard errors:", difference.round(2))
assert np.abs(difference).max() < 4

fig, axes = plt.subplots(1, 3, figsize=(8.6, 3.2))
for ax, (name, g), colour in zip(axes, both.items(), (style.SKY, COLOUR["location"])):
    plots.image(ax, digit)
    plots.retina_outline(ax, mean, digit.shape, Retina((1,), w, continuous=True), colours=[style.YELLOW])
    for m in range(40):
        step = 1.5 * g[16 * m : 16 * (m + 1)].mean(axis=0)  # from 16 samples
        ax.plot(*zip(mean, mean + step), color=colour, linewidth=1, clip_on=False)
    ax.set(title=f"{name.capitalize()}: 40 estimates", xlabel="x", ylabel="y", xlim=(-1.1, 1.1), ylim=(1.1, -1.1))
line = np.linspace(-1, 1, 400)
across = np.stack([line, np.full_like(line, mean[1])], axis=1)
ink_across, slope_across = ink(across)
threshold = (ink_across > 0.07).astype(float)
axes[2].plot(line, 5 * ink_across, color=style.SKY, label="5 × ink")
axes[2].plot(line, threshold, color=COLOUR["reward"], label="1 if ink > 0.07")
axes[2].axvline(mean[0], color=COLOUR["exact"], linewidth=1)
axes[2].set(title="Rewards across the mark", xlabel="x (image half-widths)", ylabel="reward")
axes[2].legend(loc="upper left", bbox_to_anchor=(0, 0.9), fontsize=7.5)
plt.show()

# %% [markdown]
# Both sets of arrows, each the mean of 16 samples, point the same way on average, and the pathwise ones
# scatter much less. So why does the model not use them? First, because the paper's reward is 1 for a right label
# and 0 for a wrong one: a step, like the orange one on the right, whose derivative is zero wherever it has one.
# Second, because the paper's sensor looks at whole pixels, and there is then no derivative to use, which the package
# says plainly:

# %%
_, aligned = sensor_forward(digit_area, mean[None], (1,), w)
try:
    sensor_backward_location(np.ones((1, w * w)), aligned)
except InputError as error:
    print("InputError:", error)
else:
    raise AssertionError("an aligned sensor has no location derivative")

# %% [markdown]
# What if a program lets the gradient flow through the sampled location *as well*? With an automatic
# differentiation tool this is what happens if one forgets to detach the sample. Then $\log\pi(a \mid \mu)$
# with $a = \mu + \sigma\varepsilon$ becomes $-\tfrac12\varepsilon^2 - \log\sigma - \ldots$, in which μ does
# not occur at all: its gradient is exactly zero, and no reward ever reaches the location head. (The cross-entropy may,
# through the location that the network is told, but that knows nothing of what there would have been to see.) This
# answers a question that is asked often: the location is detached *so that* it can learn.

# %% [markdown]
# ## The surrogate is not a loss
#
# A loss that falls is good news; a surrogate that falls is no news at all. Its value has no meaning, only its
# gradient has. To see how misleading it is, learn the step reward by following the estimate from 200 samples,
# uphill as one should, and once, by a mistake of sign, downhill. (A density with
# $\sigma > 1/\sqrt{2\pi} \approx 0.4$ is below 1 everywhere, so that here its logarithm is negative and $-r \log \pi$
# is positive where the agent succeeds.)

# %%
std_b, edge = 0.6, 0.25
curves = {}
for name, sign in (("right sign", 1), ("wrong sign", -1)):
    m, rng, history = 0.25, np.random.default_rng(6), []
    for _ in range(250):
        a = m + std_b * rng.standard_normal(200)
        r = (a > edge).astype(float)
        history.append((r.mean(), -np.mean(r * norm.logpdf(a, m, std_b))))
        m += sign * 0.02 * np.mean(r * (a - m)) / std_b**2
    curves[name] = np.array(history)
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3))
for name, colour in (("right sign", COLOUR["right"]), ("wrong sign", COLOUR["wrong"])):
    left.plot(curves[name][:, 0], color=colour, label=name)
    right.plot(curves[name][:, 1], color=colour, label=name)
left.set(title="Mean reward", xlabel="update", ylabel="reward", ylim=(0, 1))
right.set(title="Surrogate “loss”", xlabel="update", ylabel="−r log π (nats)", ylim=(0, None))
left.legend()
plt.show()
(r0, L0), (r1, L1) = curves["wrong sign"][:20].mean(axis=0), curves["wrong sign"][-20:].mean(axis=0)
print(f"wrong sign: the surrogate falls from {L0:.2f} to {L1:.2f} while the reward falls from {r0:.2f} to {r1:.2f}")
assert L1 < L0 and r1 < r0

# %% [markdown]
# The run that is getting worse is the one with the beautiful loss curve. Plot the reward.
#
# ## What to remember
#
# $\nabla J = \mathbb{E}[\nabla \log p_\theta(\tau)\, r(\tau)]$; only the policy's own factors of
# $p_\theta(\tau)$ contain θ; sum over time, mean over rollouts. The estimate is right on average, and its
# error falls like $1/\sqrt M$. The sample is data: freeze the locations, not the noise. A finite-difference
# check of the surrogate tests the backward pass, an exact mean tests the estimator. Watch the reward, not the
# surrogate.
#
# ## Exercises
#
# **1. REINFORCE for a choice among K places.** Let the policy not be Gaussian but a choice of one of $K$
# fixed places with probabilities $p = \mathrm{softmax}(f)$. Derive $\partial \log p_a / \partial f_j$ and
# write down the estimate of $\nabla_f J$ from sampled choices `a` (M,) and rewards `r` (M,). The check
# compares it with the exact gradient of $J = \sum_j p_j r_j$: first as an identity, on a sample that contains
# each place exactly as often as its probability says, then with random choices.


# %% tags=["solution"]
def categorical_estimate(f, a, r):
    """f (K,) logits, a (M,) integers, r (M,) → estimate of ∇_f J (K,)."""
    # Solution
    p = np.exp(f - f.max())
    p /= p.sum()
    score = (a[:, None] == np.arange(len(f))) - p  # (M, K): ∂ log p_a/∂f_j = [j = a] − p_j
    return (score * r[:, None]).mean(axis=0)


# %%
counts = np.array([1, 2, 5, 8])
f, values = np.log(counts), np.array([1.0, 0.0, 0.5, 0.2])
a = np.repeat(np.arange(4), counts)
exact_f = categorical_estimate(f, a, values[a])
report = gradcheck.check_gradient(
    lambda params: np.exp(params["f"]) @ values / np.exp(params["f"]).sum(), {"f": f}, {"f": exact_f}
)
print(report)
report.raise_if_failed()
rng = np.random.default_rng(8)
a = rng.choice(4, size=(200, 500), p=counts / counts.sum())
many = np.array([categorical_estimate(f, row, values[row]) for row in a])
z = (many.mean(axis=0) - exact_f) / (many.std(axis=0, ddof=1) / np.sqrt(200))
print("random choices, error in standard errors:", z.round(2))
assert np.abs(z).max() < 4

# %% [markdown]
# **2. The gradient for σ.** For the step reward, write the REINFORCE estimate of $dJ/d\log\sigma$ from
# samples `a` (M,). The check compares it with the exact $dJ/d\log\sigma = -\varphi(d)\,d$, where
# $d = (\mu - c)/\sigma$. Derive this too, and say why its sign depends on the side of the edge on which μ
# lies.


# %% tags=["solution"]
def std_estimates(a, mu, std):
    """The M single-sample estimates of dJ/dlog σ, a (M,) → (M,)."""
    # Solution
    z = (a - mu) / std
    return reward(a) * (z**2 - 1)


# %%
a = mu + std * np.random.default_rng(9).standard_normal(100_000)
single = std_estimates(a, mu, std)
d = (mu - c) / std
want = -norm.pdf(d) * d
error = single.std() / np.sqrt(len(a))
print(
    f"mean {single.mean():.4f} ± {error:.4f}, exact {want:.4f}: "
    f"off by {(single.mean() - want) / error:.2f} standard errors"
)
assert abs(single.mean() - want) < 4 * error
