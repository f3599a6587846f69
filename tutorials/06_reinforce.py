# %% [markdown]
# # 6 · REINFORCE
#
# **What you will see.** The agent is rewarded for a right label, and the reward says nothing about which direction
# would have been better to look in. First with a pencil, then line by line, we derive how a gradient can be had all the
# same, and say under which conditions. Then we compute the *exact* gradient of a small agent and see that the estimator
# hits it: not roughly, but within what chance allows, counted in standard errors, parameter by parameter.
#
# **What you need.** Lesson 5 (the score and its mean), lesson 4 (backpropagation through time).
#
# **How long it runs.** About ten seconds.
#
# **To touch.** [REINFORCE in one dimension](pages/reinforce.html): one file for a browser, in which all of this moves.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import f as f_distribution
from scipy.stats import norm

from lesson import show, show_source
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
EPS = np.finfo(float).eps

# %% [markdown]
# ## Two places and a pencil
#
# An agent may look to the left or to the right. It looks to the right with probability $p$, to the left with $1 - p$.
# One parameter $\theta$ decides, $p = 1/(1 + e^{-\theta})$. On the right it earns 8, on the left 4. At the moment
# $p = \tfrac14$, so it earns
#
# $$J = \tfrac14 \cdot 8 + \tfrac34 \cdot 4 = 5$$
#
# on average. How does $J$ change with $\theta$? If we know both rewards, that is easy. The derivative of $p$ by
# $\theta$ is $p(1 - p) = \tfrac{3}{16}$, so $\mathrm{d}J/\mathrm{d}\theta = (8 - 4) \cdot \tfrac{3}{16} = \tfrac34$.
#
# But the agent does not know both rewards. It looks once, and is told one number. Here is what it can do. Take the
# *score*, the derivative of the logarithm of the probability of what it did: $1 - p = \tfrac34$ if it looked to the
# right, $-p = -\tfrac14$ if to the left. Multiply it by the reward:
#
# | what it did | how often | reward | score | reward · score |
# |---|--:|--:|--:|--:|
# | right | ¼ | 8 | ¾ | 6 |
# | left | ¾ | 4 | −¼ | −1 |
#
# One sample says 6 or −1, and never ¾. But the mean is $\tfrac14 \cdot 6 + \tfrac34 \cdot (-1) = \tfrac34$. Exactly.
# And each sample needed only its own reward. That is REINFORCE. In plain lines:

# %%
p_right, rewards_of = 1 / 4, {"right": 8.0, "left": 4.0}
score_of = {"right": 1 - p_right, "left": -p_right}
says = {action: rewards_of[action] * score_of[action] for action in rewards_of}
mean_says = p_right * says["right"] + (1 - p_right) * says["left"]


def J_of(theta):
    p = expit(theta)
    return p * rewards_of["right"] + (1 - p) * rewards_of["left"]


theta_now, step = np.log(p_right / (1 - p_right)), 1e-4
slope = (J_of(theta_now + step) - J_of(theta_now - step)) / (2 * step)
print(f"a sample says {says['right']} or {says['left']}; their mean is {mean_says}, the slope of J is {slope:.8f}")
assert says == {"right": 6, "left": -1} and mean_says == 3 / 4
assert abs(slope - mean_says) < 4 * step**2  # the difference is off by step² |J‴| / 6, and |J‴| < 4

# %% [markdown]
# Ronald Williams gave it the name in 1992. (It stands for *REward Increment = Nonnegative Factor × Offset Reinforcement
# × Characteristic Eligibility*; few remember.) In simulation it was known as the likelihood-ratio or score-function
# method before.
#
# > **Asked: is this a loss or a gradient?** A gradient, and one of a *reward*: go uphill. Some programs write a "loss"
# > whose derivative it is, minus the reward times the log-probability. The value of that loss means nothing. A section
# > below shows it falling while the reward falls.
#
# ## A reward with an edge
#
# Now a continuum of places. Take one coordinate and one decision. The agent draws $a \sim \mathcal{N}(\mu, \sigma^2)$
# and earns $r(a) = 1$ if $a > c$, otherwise 0. The reward is a step. Where it does not jump its slope is 0, and where
# it jumps it has no derivative. The *expected* reward
#
# $$
# J(\mu) = \mathbb{E}_{a \sim \pi_\mu}[r(a)] = \Pr(a > c) = \Phi\Bigl(\frac{\mu - c}{\sigma}\Bigr)
# $$
#
# is as smooth as one could wish. The policy's own spread has rounded the edge off.

# %%
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
print(f"J({mu}) = {J(mu):.4f}, dJ/dμ = {exact_gradient(mu):.4f} per half-width")
assert abs((J(mu + 1e-5) - J(mu - 1e-5)) / 2e-5 - exact_gradient(mu)) < 1e-8  # off by h²|J‴|/6 < 1e-9, and rounding

# %% tags=["picture", "hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.3))
density = norm.pdf(places, mu, std)
ax.fill_between(places, density / 4, color=COLOUR["location"], alpha=0.15, linewidth=0)
ax.fill_between(places, density / 4, where=places > c, color=COLOUR["location"], alpha=0.4, linewidth=0)
ax.plot(places, reward(places), color=COLOUR["reward"], label="reward r(a)")
ax.plot(places, J(places), "--", color=COLOUR["exact"], label="expected reward J(μ)")
ax.plot(mu, J(mu), "o", color=COLOUR["exact"])
tip = (mu + 0.18, J(mu) + 0.18 * exact_gradient(mu))
ax.annotate("", tip, (mu, J(mu)), arrowprops={"arrowstyle": "->", "color": COLOUR["exact"]})
ax.text(-0.42, 0.3, "policy π\n(density / 4)", ha="center", color=COLOUR["location"], fontsize=8.5)
ax.set(xlabel="location a, mean μ (half-widths)", ylabel="reward", ylim=(-0.02, 1.08))
ax.legend(loc="upper left")
show("A reward that jumps from 0 to 1, the policy's density, and the expected reward, a smooth curve with its slope")

# %% [markdown]
# The dark share of the area under the density is $J$. Moving the policy to the right makes it larger. Nothing in the
# reward of a single sample says so; the *average* over samples does. How is its slope to be found from
# samples?
#
# ## The log-derivative trick, step by step
#
# We write it at once for what we need it for. A **trajectory** $\tau$ is all that is random in one rollout,
# $p_\theta(\tau)$ its probability density, $r(\tau)$ its reward. (For the agent they are written out below.) In the
# problem above, τ is just the one number $a$. The aim is to maximise
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
#   && \text{(2) under the integral, see the box; } r(\tau) \text{ does not contain } \theta \\
# &= \int p_\theta(\tau)\, \frac{\nabla_\theta p_\theta(\tau)}{p_\theta(\tau)}\, r(\tau)\, d\tau
#   && \text{(3) multiply by } p_\theta / p_\theta = 1\text{; a Gaussian is nowhere 0} \\
# &= \int p_\theta(\tau)\, \nabla_\theta \log p_\theta(\tau)\, r(\tau)\, d\tau
#   && \text{(4) chain rule}, \ (\log u)' = u'/u \\
# &= \mathbb{E}_{\tau \sim p_\theta(\tau)}\bigl[\nabla_\theta \log p_\theta(\tau)\, r(\tau)\bigr]
#   && \text{(5) definition of the expectation}
# \end{aligned}
# $$
#
# Line 2 is a true formula that one cannot sample from: $\nabla p$ is not a density, it is negative in places. Lines 3
# and 4 bring the density back. This is the whole trick. And notice that $r$ is never differentiated. It may be a step,
# or come from a human who presses a button.
#
# Each line on the step reward, by numerical integration (the integrals begin at $c$, as $r = 0$ below):

# %%


def p(a, mu):
    return norm.pdf(a, mu, std)


def integral(f):
    return quad(f, c, c + 12 * std, epsabs=1e-12, epsrel=1e-12)[0]


step = 1e-5
line_1 = (integral(lambda a: p(a, mu + step)) - integral(lambda a: p(a, mu - step))) / (2 * step)
line_2 = integral(lambda a: (p(a, mu + step) - p(a, mu - step)) / (2 * step))
line_3 = integral(lambda a: p(a, mu) * ((p(a, mu + step) - p(a, mu - step)) / (2 * step) / p(a, mu)))
line_4 = integral(lambda a: p(a, mu) * (a - mu) / std**2)
for name, value in (("1", line_1), ("2", line_2), ("3", line_3), ("4 and 5", line_4)):
    print(f"line {name:8} {value:.10f}")
    # Differences are off by h²|J‴|/6 < 1e-9, and the integrals by 1e-12, which line 1 divides by step.
    assert abs(value - exact_gradient(mu)) < 2e-7
print(f"exact         {exact_gradient(mu):.10f}")
assert abs(line_4 - exact_gradient(mu)) < 1e-11  # no differences in this one

# %% [markdown]
# > **Box: when may the derivative pass under the integral?** (Line 2.) Not always. It may if, for almost every τ,
# > $p_\theta(\tau)$ has a derivative at *every* θ near the one where we are, and if these derivatives are *dominated*:
# > there is one function $\Gamma(\tau)$ with $|\nabla_\theta p_\theta(\tau)\, r(\tau)| \le \Gamma(\tau)$ for **all**
# > those $\theta$, and $\int \Gamma\, d\tau$ is finite. (By the mean value theorem every difference quotient is then
# > below Γ too, and Lebesgue's theorem of dominated convergence takes the limit inside.)
#
# A Gaussian policy with a bounded reward, $|r| \le R$, has such a Γ. Let $|\mu - \mu_0| \le \sigma$.
#
# $$\begin{aligned}
# |\partial_\mu p_\mu(a)\, r(a)| &\le R\, \frac{|a - \mu|}{\sigma^2}\, p_\mu(a)
#     && \text{score times density, } |r| \le R \\
# (a - \mu)^2 &\ge \tfrac12 (a - \mu_0)^2 - (\mu - \mu_0)^2 \ge \tfrac12 (a - \mu_0)^2 - \sigma^2
#     && (u + v)^2 \le 2u^2 + 2v^2 \\
# \Gamma(a) &= R\, \frac{|a - \mu_0| + \sigma}{\sqrt{2\pi}\, \sigma^3}\, e^{1/2}\, e^{-(a - \mu_0)^2 / 4\sigma^2}
#     && \text{put in: } \mu \text{ is gone, and the integral is finite}
# \end{aligned}$$
#
# For the agent, $\mu_t$ is made of sums, products, ReLU and tanh, of parameters and of a history that is bounded:
# locations are clipped to the image, and pixels are between 0 and 1. So near θ it changes by at most a constant times
# the change of θ. Γ(τ) is then a sum with a term for each coordinate of each decision: the Γ above with a constant
# factor, times a bound of the same kind on the densities of all other coordinates. (At the kink of a ReLU there need be
# no derivative. For almost all θ the histories that meet one have the probability 0, and the bound on the difference
# quotients needs none. But where all biases are 0, as before the first step, a black glimpse sits on one.)
#
# It looks like a formality. So here is a policy for which it fails: $a$ is uniform between θ and $\theta + 1$, and the
# reward is $r = a$. Then $J = \theta + \tfrac12$, and the slope is 1. But inside its interval the density is 1,
# whatever θ is. Its logarithm has the derivative 0, and REINFORCE says 0, for ever. All of the change is at the two
# ends, where the density jumps. There the difference quotient is one over its step, on a length of one step. The least
# function above all of them is one over the distance to the end, and its integral is infinite. (The box does not cover
# it: near the ends there are, for every neighbourhood of θ, places where $p_\theta(a)$ jumps.)

# %%
grid = mu + std * np.linspace(-12, 12, 4001)
bound = (np.abs(grid - mu) + std) / (np.sqrt(2 * np.pi) * std**3) * np.exp(0.5 - (grid - mu) ** 2 / (4 * std**2))
for other in mu + std * np.linspace(-1, 1, 21):
    assert (np.abs(grid - other) / std**2 * p(grid, other) <= bound).all()  # one Γ for all of them
print(f"Gaussian: ∫Γ = {bound.sum() * (grid[1] - grid[0]):.1f}, finite")


def uniform(a, theta):
    return ((theta < a) & (a < theta + 1)).astype(float)


step = 1e-3
cells = np.arange(-1, 3, step / 4) + step / 8  # midpoints, none of which is an end of an interval
slope = np.sum(cells * (uniform(cells, step) - uniform(cells, -step)) / (2 * step)) * step / 4
inside = cells[uniform(cells, 0.0) > 0]
score = (np.log(uniform(inside[8:-8], step)) - np.log(uniform(inside[8:-8], -step))) / (2 * step)  # away from the ends
print(f"uniform: the slope of J is {slope:.3f}; REINFORCE says {np.mean(inside[8:-8] * score):.3f}")
assert abs(slope - 1) < 1e-6 and not score.any()

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


# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
for M, colour, line in ((16, style.SKY, ":"), (64, COLOUR["label"], "--"), (256, COLOUR["location"], "-")):
    look = {"histtype": "step", "linewidth": 1.6, "color": colour, "linestyle": line}
    left.hist(runs[M], np.linspace(-1, 4, 51), label=f"M = {M}", **look)
left.axvline(exact_gradient(mu), color=COLOUR["exact"], linewidth=1)
left.set(title=f"{repeats} estimates each", xlabel="estimate of dJ/dμ (1/half-width)", ylabel="number of estimates")
left.legend()
right.loglog(sizes, one_sample / np.sqrt(sizes), color=COLOUR["exact"], label="exact: ∝ 1/√M")
right.loglog(sizes, rms, "o", color=COLOUR["location"], label="measured")
right.set(title="Their error", xlabel="samples M", ylabel="r.m.s. error (1/half-width)")
right.legend()
show("Histograms of estimates that get narrower with more samples, and their error on a line of slope minus one half")

# %% [markdown]
# The estimates scatter around the exact slope, marked by the thin line. A hundred times as many samples bring one more
# decimal. That is the price of not differentiating the reward.
#
# > **Asked: where does σ come from?** It is a setting. The paper found its σ by random search, and does not give it.
# > The recipes here start at 0.1 to 0.25 of the image's half-width. It may also be learned, by the score of
# > $\log \sigma$ (lesson 5).
#
# ### How fast to climb
#
# The estimate is used to climb: $\theta_{n+1} = \theta_n + \alpha_n \cdot \text{estimate}$. How large may the steps
# $\alpha_n$ be, if each estimate is noisy? Herbert Robbins and Sutton Monro found in 1951 that two conditions are
# enough (for a $J$ that behaves): $\sum \alpha_n = \infty$, so that one gets anywhere, and $\sum \alpha_n^2 < \infty$,
# so that the noise dies out. Three ways to choose them, for the reward $-(a - c)^2$, whose best policy is $\mu = c$:

# %%
rules = {
    "0.1, all the time": lambda n: 0.1,  # Σ α² is infinite
    "0.5 / n": lambda n: 0.5 / n,  # both hold
    "0.1 / n²": lambda n: 0.1 / n**2,  # Σ α is finite
}
ends = {}
for name, alpha in rules.items():
    rng, m = np.random.default_rng(1), np.full(400, -0.3)  # 400 climbers, each on its own
    for n in range(1, 2001):
        a = m + std * rng.standard_normal(400)
        m = m + alpha(n) * (0.1 - (a - c) ** 2) * (a - m) / std**2  # r − b, with the baseline b = −0.1, see lesson 7
        m = np.clip(m, -1, 1)  # a few first steps are long
    ends[name] = np.sqrt(np.mean((m - c) ** 2))
    print(f"step {name:18} after 2,000 steps off by {ends[name]:.3f} (r.m.s. of 400 climbers)")
assert ends["0.5 / n"] < 0.5 * min(ends["0.1, all the time"], ends["0.1 / n²"])

# %% [markdown]
# A constant step goes on dancing about the top. Steps that shrink too fast stop on the way. In practice a run has an
# end, and the rate is annealed to 0 at it, as the paper does.
#
# ## The agent's trajectory
#
# What is random in a rollout? The first location $l_1$, and the actions $a_1, \ldots, a_{T-1}$, the raw samples. All
# else is a *function* of these. With the image $x$ given, the location of the next glimpse is the clipped sample,
# $l_{t+1} = \operatorname{clip}(a_t)$, and what is observed is $s_t = (l_t, \rho(x, l_t))$. So the trajectory is
# $\tau = (l_1, a_1, \ldots, a_{T-1})$ (lesson 1 had the label in the list, too; see below), and its density, by the
# chain rule of probability, one factor for every random thing that happens, in order:
#
# $$
# p_\theta(\tau) = p(l_1) \prod_{t=1}^{T-1} \pi_\theta(a_t \mid s_{1:t}).
# $$
#
# Its logarithm is a sum, and the gradient of the sum loses a term:
#
# $$
# \begin{aligned}
# \log p_\theta(\tau) &= \log p(l_1) + \sum_{t} \log \pi_\theta(a_t \mid s_{1:t})
#   && \log \textstyle\prod = \sum \log \\
# \nabla_\theta \log p_\theta(\tau) &= \sum_{t} \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})
#   && p(l_1) \text{ does not contain } \theta
# \end{aligned}
# $$
#
# Put into the Monte-Carlo form:
#
# $$
# \nabla_\theta J(\theta) \approx \frac1M \sum_{m=1}^M \sum_{t=1}^{T-1}
#   \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\; r^m
# $$
#
# Three remarks.
#
# **Other worlds.** Where the world answers at random, there are factors $p(s_{t+1} \mid s_{1:t}, a_{1:t})$ too. They do
# not contain θ, and drop out like $p(l_1)$. One need not know how the world answers, only how oneself has acted. Here
# the answer is certain: it would be a point mass, which has no density and no logarithm. So states are better not
# counted among what is random.
#
# **The label.** One also meets $p_\theta(\tau)$ with the factors of the locations alone, as here, and with factors of
# location *and* label. Which is right? It depends on who says the label. If it is *drawn* and rewarded, as in Algorithm
# 1 (lesson 8), then it is an action like the others. It has its factor $p_\theta(\hat y \mid s_{1:T})$, and to drop
# that is wrong. The pencil example shows by how much. Read its two places as two labels, one of which earns 8, the
# other 4. Then the slope is ¾, all of it comes from the label's factor, and the short form says 0. If the network names
# its most probable label, or the reward is the probability of the true one, then nothing is drawn there, and there is
# no factor. But then $r$ contains the parameters of the label, and line 2 has lost a term. What is derived here is then
# the gradient by way of the locations alone. The rest is the label's own, and lesson 8 says how it is learned.
#
# **With the history held fixed.** $\pi_\theta(a_t \mid s_{1:t})$ is a Gaussian around $\mu_t$, and $\mu_t$ is computed
# by the network from $s_{1:t}$. In $\nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})$ what stands behind the bar is
# *data*. θ acts on $\mu_t$ through the weights, at all steps up to $t$, and not through the locations that were drawn
# before. So one term of the sum is
#
# $$
# \nabla_\theta \log \pi_\theta(a_t \mid s_{1:t})
#  = \Bigl(\frac{\partial \mu_t}{\partial \theta} \Big|_{s_{1:t}}\Bigr)^{\!\top} \frac{a_t - \mu_t}{\sigma^2}
#  \qquad \text{chain rule, score of lesson 5.}
# $$
#
# The right factor is a cotangent at the location head. The left one is what lesson 4's backward pass applies. So all
# that REINFORCE has to make is one cotangent for each decision. In plain lines, a double loop:


# %%
def plain_reinforce(a, mu, std, r):
    """a, mu (T−1, N, 2), rewards r (N,) → the cotangents of μ for an optimiser that goes downhill (T−1, N, 2)."""
    dmu = np.zeros(mu.shape)
    for n in range(len(r)):  # a mean over rollouts
        for t in range(len(mu)):  # a sum over time: each decision has its own term
            score = (a[t, n] - mu[t, n]) / std**2
            dmu[t, n] = -r[n] * score / len(r)  # minus: the optimiser descends on −J
    return dmu


# %% [markdown]
# By hand, for one coordinate: $\sigma = \tfrac12$, two decisions with means 0 and samples $\tfrac12$ and $-\tfrac14$,
# one rollout that earned 1. The scores are $\tfrac12 / \tfrac14 = 2$ and $-1$. The optimiser goes downhill, so the
# cotangents are minus reward times score, $-2$ and 1.
#
# Now the package. Look for the line with `log_prob_backward`. Its first argument is $-\lambda (G_t - b_t)/N$, one
# number for each decision. Three letters do nothing yet. $\lambda$, the `weight` of this term beside the others
# (lesson 8), is 1 and does not fall. $b_t$, the baseline (lesson 7), is 0. And $G_t$, the sum of the rewards still to
# come (lesson 7), is the one reward $r$. What the function adds: the label's cross-entropy (lesson 8), baselines
# (lesson 7), rewards after every glimpse, labels that are drawn (lesson 8), a pull back for means outside the image, a
# policy that does not look, and the record of what happened.

# %%
show_source(reinforce.cotangents)
by_hand = plain_reinforce(np.array([[[0.5]], [[-0.25]]]), np.zeros((2, 1, 1)), 0.5, np.array([1.0]))
print("by hand:", by_hand.ravel())
assert (by_hand.ravel() == [-2, 1]).all()

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


# The double loop and the package, on rollouts of this agent.
drawn = rollout(params, config, area, np.random.default_rng(11), 50)
heads, outcome = reinforce.cotangents(drawn, [label], config)
plain = plain_reinforce(drawn.sample, drawn.mu, config.std, outcome.reward)
assert 0 < outcome.reward.mean() < 1
assert np.abs(heads.mu - plain).max() <= 8 * EPS * np.abs(plain).max()  # a few roundings of each entry

# %% tags=["hide-input"]
P2 = P.reshape(K, K).sum(axis=1)
fig, axes = plt.subplots(1, 3, figsize=(8.4, 3.1))
plots.image(axes[0], image, ticks=True)
plots.retina_outline(axes[0], np.zeros(2), image.shape, Retina((1,), 2))
axes[0].set(title="The image and glimpse 1")
for ax, values, cmap, title in (
    (axes[1], P2, style.DENSITY, "Probability of glimpse 2"),
    (axes[2], (P * r).reshape(K, K).sum(axis=1) / P2, style.BELIEF, "Expected reward after it"),
):
    half = 8 / 7  # eight cells over seven pixels: half a cell beyond each border
    pixels = ax.imshow(values.reshape(8, 8), cmap, vmin=0, extent=(-half, half, half, -half))
    fig.colorbar(pixels, ax=ax, shrink=0.7)
    ax.plot(*template.mu[0, 0], "+", color=COLOUR["location"], markersize=10, markeredgewidth=2)
    ax.grid(False)
    ax.set(title=title, xlabel="x (image half-widths)", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
show("A coarse digit with the first glimpse, where the second glimpse falls, and the chance of a right label after it")

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

# %%
silent = [name for name in params if name.startswith(("label", "baseline", "glimpse.where"))]
report = gradcheck.check_gradient(exact_J, params, exact, expect_zero=silent)
print(report)
report.raise_if_failed()

# %% [markdown]
# The gradient of the label head is zero. That is no accident: the reward is 0 or 1 for the *most probable*
# label, there are finitely many histories here, and a small change of the label head changes none of their answers.
#
# In the agent as it is, the location enters the network as well, and there is a continuum of histories. A change of the
# label head then moves the border between those that are read rightly and those that are not, and $J$ has a gradient
# there that line (2) leaves out: its $r(\tau)$ must not contain θ. Line (2) is exact in Algorithm 1 (lesson 8), where
# the label is drawn, and so a part of τ. The hybrid rule counts the reward as a constant.
#
# > **Asked: which prediction counts?** The one after the last glimpse, and its most probable label. With
# > `reward_steps=every` each glimpse's prediction is rewarded, and each decision is judged by what comes after it
# > (lesson 7).
#
# ## The estimator meets the truth
#
# The estimator knows nothing of the enumeration. The agent draws locations, and `reinforce.cotangents` and `backward`
# do what they do in training. We take many batches, and compare their mean with the truth. Two questions have to be
# asked of such a comparison.
#
# *Is the difference more than chance?* There are many parameters, and their errors are correlated. Harold Hotelling's
# $T^2$ (1931) measures the distance of the mean from the truth in units of the batches' own scatter, in all directions
# at once. If the estimator is unbiased, its law is known, an $F$ distribution, which allows for the covariance being
# estimated from the same batches. So one number is tested, and one false alarm in 10,000 seeds is allowed. (A
# probability of 0.04 is no alarm: one seed in 25 has it.)
#
# *How small a bias would have been seen?* A check that says "no difference" must say what it could have seen. The
# common mistakes multiply the gradient by a factor: a half, $1 - 1/N$, a sign. So we fit the factor too, and its
# standard error is the answer.

# %%


def reinforce_gradient(params, N, rng, own_reward=None, scale=1.0):
    """One REINFORCE estimate of ∇J from N rollouts, as a flat vector; scale: a factor on the cotangents."""
    t = rollout(params, config, area, rng, N)
    heads, _ = reinforce.cotangents(t, [label], config.changed({"rollouts": N}), reward=own_reward)
    heads = only(heads, "mu")
    grads = backward(params, t, heads._replace(mu=scale * heads.mu), flow=("location",))
    return -np.concatenate([g.ravel() for g in grads.values()])  # the package's gradients are those of −J


def against(truth, batches):
    """The probability of such a T² or a larger one by chance, and the factor of the truth with its standard error."""
    n = len(batches)
    assert batches.std(axis=0).all(), "estimates scatter"
    variance, directions = np.linalg.eigh(np.cov(batches.T))
    seen = variance > 1e-4 * variance.max()  # some directions have no variance, and rare events are not normal
    scale = directions[:, seen] / np.sqrt(variance[seen])
    off, length, k = (batches.mean(axis=0) - truth) @ scale, truth @ scale, seen.sum()
    T2 = n * off @ off
    chance = f_distribution.sf(T2 * (n - k) / (k * (n - 1)), k, n - k)
    return chance, 1 + off @ length / (length @ length), 1 / np.sqrt(n * length @ length)


truth = np.concatenate([g.ravel() for g in exact.values()])
live = np.abs(truth) > 1e-9  # some cells are so far away that no rollout will ever see them

# %%
rng = np.random.default_rng(1)
batches = np.array([reinforce_gradient(params, 300, rng) for _ in range(250)])
chance, factor, factor_error = against(truth[live], batches[:, live])
print(f"parameters with a gradient: {live.sum()}; rollouts: {300 * len(batches):,}")
print(f"Hotelling: such a distance or more has the probability {chance:.2f}")
print(f"the estimate is {factor:.3f} ± {factor_error:.3f} times the truth")
assert chance > 1e-4 and abs(factor - 1) < 4 * factor_error
assert factor_error < 0.02  # so that a factor below 0.92 or above 1.08 is seen with four standard errors
assert not batches[:, truth == 0].any()

# %% tags=["hide-input"]
estimate, error = batches.mean(axis=0)[live], batches.std(axis=0, ddof=1)[live] / np.sqrt(len(batches))
z = (estimate - truth[live]) / error
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4))
left.axline((0, 0), slope=1, color=COLOUR["exact"], linewidth=1)
left.errorbar(truth[live], estimate, 2 * error, fmt="o", color=COLOUR["location"], markersize=3, linewidth=1)
left.set(title="Every parameter's gradient", xlabel="exact", ylabel="mean of samples, ± 2 standard errors")
for name, marker in (("location", "o"), ("core", "s"), ("glimpse", "^")):
    index = np.concatenate([np.full(g.size, n.startswith(name)) for n, g in exact.items()])[live]
    right.plot(np.flatnonzero(index), z[index], marker, color=COLOUR[name], markersize=4, label=name)
right.axhspan(-2, 2, color=COLOUR["muted"], alpha=0.15, linewidth=0)
right.axhline(0, color=COLOUR["exact"], linewidth=1)
right.set(title="Their errors", xlabel="parameter", ylabel="(estimate − exact) / standard error", ylim=(-5, 5))
right.legend(ncols=3, loc="lower center")
show("Every parameter's estimated gradient against the exact one, on the diagonal, and the errors in standard errors")

# %% [markdown]
# > **Asked: is it still REINFORCE if …** … the reward is a probability instead of 0 or 1? If Adam takes the step? If a
# > baseline is subtracted (lesson 7)? If there is a reward after each step? If several rollouts share an image? Yes,
# > each time: what makes it REINFORCE is reward times score. It is not if the reward itself is differentiated as well,
# > or if the sample moves with the mean, as in the section on pathwise gradients.
#
# ## Sum over time, mean over the batch
#
# The sum over time came out of $\log \prod = \sum \log$. It is not a choice. The mean over rollouts came out of the
# Monte-Carlo estimate of an expectation. Programs that average over both, because `mean()` is at hand, scale the
# gradient by $1/(T-1)$. The direction is right. The balance with every other term of the loss is not, and it changes
# when $T$ does. We run such a program, with its two decisions:

# %%
rng = np.random.default_rng(2)
averaged = np.array([reinforce_gradient(params, 300, rng, scale=1 / (config.glimpses - 1)) for _ in range(150)])
chance, factor, factor_error = against(truth[live], averaged[:, live])
print(f"mean over time: {factor:.3f} ± {factor_error:.3f} times the truth; by chance with probability {chance:.0e}")
assert chance < 1e-4 and abs(factor - 1 / 2) < 4 * factor_error < 0.1

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
# Both pass. The check has shown that the *backward pass* computes the gradient of the function in front of it. It
# cannot know whether this function is the one we want, for the step from $J$ to the estimator is not a derivative, it
# is a statement about an average. Only a comparison with the average finds this mistake. `cotangents` can be given a
# reward of one's own, so we give it the wrong one:


# %%
def wrong_reward(t, labels):
    """1 for a right label, plus the x of the first location that was drawn, after the last glimpse. → (T, N)"""
    r = np.zeros(t.loc.shape[:2])
    r[-1] = (t.logits[-1].argmax(axis=1) == labels) + t.sample[0, :, 0]
    return r


rng = np.random.default_rng(3)
wrong = np.array([reinforce_gradient(params, 300, rng, wrong_reward) for _ in range(150)])
chance, _, _ = against(truth[live], wrong[:, live])
print(f"the wrong reward: by chance with probability {chance:.0e}")
assert chance < 1e-4

# %% [markdown]
# So two kinds of tests are needed, finite differences for the network and exact means for the estimator. Neither can
# stand in for the other.
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
#   && \text{under the expectation, see below} \\
# &= \mathbb{E}_\varepsilon\bigl[r'(a)\bigr] && \text{chain rule}, \ \partial a/\partial\mu = 1
# \end{aligned}
# $$
#
# This is the **pathwise** gradient. What does its second line need? One reads: a continuous reward. That is tempting,
# and not enough. What it needs is a reward that is the integral of its own slope, $r(a) = r(0) + \int_0^a r'$. Such a
# function is called *absolutely continuous*. (And again a dominating function: it is enough that $|r'|$ is bounded.)
#
# A step is no integral of its slope. Its slope is 0 wherever it has one, every sample says zero, and the second line is
# false. But there are also *continuous* functions that climb from 0 to 1 and have the slope 0 almost everywhere. Georg
# Cantor's is the most famous (1884). It is flat on the middle third of $[0, 1]$, flat on the middle thirds of what is
# left, and so on, until the flat pieces have the total length 1. The pathwise gradient is 0 for it, too. The score
# function does not mind.

# %%
rng = np.random.default_rng(4)


def cantor(a, digits=40):
    """Cantor's function of a (n,): ternary digits 0 and 2 become binary 0 and 1, and the first 1 ends it."""
    x, value, going = np.clip(a, 0, 1 - 1e-16), np.zeros(len(a)), np.ones(len(a), bool)
    for k in range(1, digits + 1):
        x = 3 * x
        digit = np.floor(x)
        value += going * (digit > 0) / 2.0**k
        going &= digit != 1
        x -= digit
    return np.where(a >= 1, 1.0, value)


a = 0.3 + std * rng.standard_normal(400_000)
r = cantor(a)
moved = (cantor(a + 1e-9) - cantor(a - 1e-9)) / 2e-9  # r′ by differences: almost always 0
ends = np.zeros(1)  # the places where it climbs: what is left after twelve rounds of taking out middle thirds
for k in range(1, 13):
    ends = np.concatenate([ends, ends + 2 / 3**k])
true_slope = norm.pdf(ends + 0.5 / 3**12, 0.3, std).mean()  # dJ/dμ: the density where r climbs
by_score = r * (a - 0.3) / std**2
error = by_score.std() / np.sqrt(len(a))
print(f"Cantor: truth {true_slope:.4f}, score function {by_score.mean():.4f} ± {error:.4f}; ", end="")
print(f"pathwise: {np.mean(moved == 0):.4%} of the samples say 0")
assert error < 0.01 * true_slope and abs(by_score.mean() - true_slope) < 4 * error
assert np.mean(moved == 0) > 0.999
assert abs(cantor(np.array([0.25]))[0] - 1 / 3) < 1e-9 and (cantor(np.array([-1.0, 0.5, 2.0])) == [0, 0.5, 1]).all()

# %% [markdown]
# For a smooth reward the pathwise gradient is right, and less noisy unless the reward is steep. Below the step is
# softened to $r_\omega(a) = 1/(1 + e^{-(a - c)/\omega})$ and sharpened again. Both standard deviations are numerical
# integrals.

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

a = mu + std * np.random.default_rng(4).standard_normal(10_000)
step = 1e-6
moved = (reward(a + step) - reward(a - step)) / (2 * step)
print(f"the step itself: {np.count_nonzero(moved)} of {len(a)} pathwise samples are not zero; ", end="")
print(f"their mean is {moved.mean():.3f}, the truth {exact_gradient(mu):.3f}")
assert not moved.any() and exact_gradient(mu) > 1
assert spread["pathwise"][0] < spread["score function"][0] and spread["pathwise"][-1] > spread["score function"][-1]

# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
for omega, line in ((0.2, ":"), (0.05, "--"), (0.01, "-")):
    left.plot(places, expit((places - c) / omega), line, color=COLOUR["reward"], label=f"ω = {omega}")
left.set(title="A reward that sharpens", xlabel="a (half-widths)", ylabel="reward r(a)")
left.legend()
right.loglog(widths, spread["pathwise"], "--", color=COLOUR["glimpse"], label="pathwise")
right.loglog(widths, spread["score function"], color=COLOUR["location"], label="score function (REINFORCE)")
right.invert_xaxis()
right.set(title="One sample's standard deviation", xlabel="width ω of the step, sharper to the right", ylabel="std")
right.legend()
show("A step that sharpens; the pathwise estimate's noise grows without limit, that of the score function does not")

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


# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.6, 3.2))
for ax, (name, g), colour in zip(axes, both.items(), (style.SKY, COLOUR["location"])):
    plots.image(ax, digit)
    plots.retina_outline(ax, mean, digit.shape, Retina((1,), w, continuous=True), colours=[style.YELLOW])
    for m in range(40):
        step = 1.5 * g[16 * m : 16 * (m + 1)].mean(axis=0)  # from 16 samples
        head = {"arrowstyle": "->", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", mean + step, mean, arrowprops=head, annotation_clip=False)
    ax.set(title=f"{name.capitalize()}: 40 estimates", xlabel="x", ylabel="y", xlim=(-1.1, 1.1), ylim=(1.1, -1.1))
line = np.linspace(-1, 1, 400)
across = np.stack([line, np.full_like(line, mean[1])], axis=1)
ink_across, slope_across = ink(across)
threshold = (ink_across > 0.07).astype(float)
axes[2].plot(line, 5 * ink_across, "--", color=style.SKY, label="5 × ink")
axes[2].plot(line, threshold, color=COLOUR["reward"], label="1 if ink > 0.07")
axes[2].axvline(mean[0], color=COLOUR["exact"], linewidth=1)
axes[2].set(title="Rewards across the mark", xlabel="x (image half-widths)", ylabel="reward")
axes[2].legend(loc="upper left", bbox_to_anchor=(0, 0.9), fontsize=7.5)
show("Forty estimates each as arrows on a digit: the pathwise ones scatter less than those of the score function")

# %% [markdown]
# Both sets of arrows, each the mean of 16 samples, point the same way on average, and the pathwise ones scatter less.
# (The score function has no baseline here.) So why does the model not use them? First, because the paper's reward is 1
# for a right label and 0 for a wrong one: a step, like the orange one on the right, whose derivative is zero wherever
# it has one. Second, because the paper's sensor looks at whole pixels, and there is then no derivative to use, which
# the package says plainly:

# %%
_, aligned = sensor_forward(digit_area, mean[None], (1,), w)
try:
    sensor_backward_location(np.ones((1, w * w)), aligned)
except InputError as error:
    print("InputError:", error)
else:
    raise AssertionError("an aligned sensor has no location derivative")

# %% [markdown]
# > **Asked: why is the location detached?** What if a program lets the gradient flow through the sampled location *as
# > well*? With an automatic differentiation tool this happens if one forgets to detach the sample. Then
# > $\log \pi(a \mid \mu)$ with $a = \mu + \sigma\varepsilon$ becomes $-\tfrac12 \varepsilon^2 - \log \sigma - \ldots$,
# > in which μ does not occur at all. Its gradient is exactly zero, and no reward ever reaches the location head. The
# > location is detached *so that* it can learn. (The opposite mistake is to detach the *mean*. Then nothing is left
# > that the reward could move, either.)

# %%
eps = np.random.default_rng(6).standard_normal((5, 2))
at = np.array([[0.3, -0.2]])


def log_density(means, noise_frozen):
    a = means + 0.5 * eps if noise_frozen else at + 0.5 * eps  # a sample that moves with the mean; one that is data
    return policy.log_prob_forward(a, np.broadcast_to(means, a.shape), np.log([0.5, 0.5]))[0]


step = 1e-6
for noise_frozen in (True, False):
    slope = (
        log_density(at + np.array([step, 0]), noise_frozen) - log_density(at - np.array([step, 0]), noise_frozen)
    ) / (2 * step)
    print(f"{'the sample moves along' if noise_frozen else 'the sample is data':23} ∂log π/∂μ_x = {slope.round(3)}")
    assert np.abs(slope - (0 if noise_frozen else eps[:, 0] / 0.5)).max() < 1e-8  # rounding: 1e-15 / step

# %% [markdown]
# ## The surrogate is not a loss
#
# A loss that falls is good news. A surrogate that falls is no news at all. Its value has no meaning, only its gradient
# has. To see how misleading it is, learn the step reward by following the estimate from 200 samples, uphill as one
# should, and once, by a mistake of sign, downhill. (A density with $\sigma > 1/\sqrt{2\pi} \approx 0.4$ is below 1
# everywhere. So here its logarithm is negative, and $-r \log \pi$ is positive where the agent succeeds.)

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
(r0, L0), (r1, L1) = curves["wrong sign"][:20].mean(axis=0), curves["wrong sign"][-20:].mean(axis=0)
print(f"wrong sign: the surrogate falls from {L0:.2f} to {L1:.2f} while the reward falls from {r0:.2f} to {r1:.2f}")
assert L1 < L0 and r1 < r0 - 0.1
assert curves["right sign"][-20:, 0].mean() > curves["right sign"][:20, 0].mean() + 0.1

# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3))
for name, colour, line in (("right sign", COLOUR["right"], "-"), ("wrong sign", COLOUR["wrong"], "--")):
    left.plot(curves[name][:, 0], line, color=colour, label=name)
    right.plot(curves[name][:, 1], line, color=colour, label=name)
left.set(title="Mean reward", xlabel="update", ylabel="reward", ylim=(0, 1))
right.set(title="Surrogate “loss”", xlabel="update", ylabel="−r log π (nats)", ylim=(0, None))
left.legend()
show("With the wrong sign the reward falls and the surrogate loss falls too; with the right sign the reward rises")

# %% [markdown]
# The run that is getting worse is the one with the beautiful loss curve. Plot the reward.
#
# The same in one dimension. Pull the reward, and compare the histogram of estimates with the exact gradient.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("reinforce")

# %% [markdown]
# ## What to remember
#
# $\nabla J = \mathbb{E}[\nabla \log p_\theta(\tau)\, r(\tau)]$, where the derivative may pass under the integral.
# What is random are the actions. Only the policy's own factors of $p_\theta(\tau)$ contain θ, each with its history
# held fixed. Sum over time, mean over rollouts. The estimate is right on average, and its error falls like
# $1/\sqrt M$. The sample is data: freeze the locations, not the noise. A finite-difference check of the surrogate tests
# the backward pass, an exact mean tests the estimator. A statistical check says what it could have seen. Watch the
# reward, not the surrogate.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ('"left": -p_right}', '"left": p_right}'),
    ('"left": -p_right}', '"left": 0}'),  # who says nothing about what was not done
    ("norm.pdf((mu - c) / std) / std", "norm.pdf((mu - c) / std)"),
    ("integral(lambda a: p(a, mu) * (a - mu) / std**2)", "integral(lambda a: p(a, mu) * (a - mu) / std)"),
    ("/ (2 * step) / p(a, mu)))", "/ (2 * step)))"),
    ("np.exp(0.5 - (grid", "np.exp(-0.5 - (grid"),  # a bound that is not one
    ("(theta < a) & (a < theta + 1)", "(0 < a) & (a < 1)"),  # an interval that stays
    ("np.sqrt((k * norm.pdf(k) + ndtr(-k)) / std**2", "np.sqrt(ndtr(-k) / std**2"),
    ('"0.5 / n": lambda n: 0.5 / n', '"0.5 / n": lambda n: 0.5 / n**2'),
    ("-r[n] * score / len(r)", "r[n] * score / len(r)"),
    ("-r[n] * score / len(r)", "-r[n] * score / len(r) / len(mu)"),
    ("score = (a[t, n] - mu[t, n]) / std**2", "score = (a[t, n] - mu[t, n]) / std"),
    ("minram.reinforce", "log_prob_backward(-location_weight / N", "log_prob_backward(-location_weight / N**2"),
    ("minram.reinforce", "log_prob_backward(-location_weight / N", "log_prob_backward(location_weight / N"),
    ("minram.policy", "* cache.z / cache.std", "* cache.z"),
    ("minram.policy", "* cache.z / cache.std", "* cache.z / cache.std / len(cache.z)"),  # a mean over time
    ("(upper - lower).prod(axis=(0, 2))", "(upper - lower)[1].prod(axis=1)"),  # the last decision alone
    ("dlog_P = (norm.pdf(v) - norm.pdf(u))", "dlog_P = (norm.pdf(u) - norm.pdf(v))"),
    ("(P * r)[:, None] * dlog_P", "P[:, None] * dlog_P"),
    (
        "return -np.concatenate([g.ravel() for g in grads.values()])",
        "return np.concatenate([g.ravel() for g in grads.values()])",
    ),
    ("heads._replace(mu=scale * heads.mu)", "heads._replace(mu=0.95 * scale * heads.mu)"),  # the smallest that is seen
    ("heads._replace(mu=scale * heads.mu)", "heads._replace(mu=0 * heads.mu)"),
    ("heads._replace(mu=scale * heads.mu)", "heads._replace(mu=scale * heads.mu[::-1])"),  # the steps exchanged
    ("scale=1 / (config.glimpses - 1)", "scale=1.0"),  # no mistake: none to be found
    ("== labels) + t.sample[0, :, 0]", "== labels)"),  # no mistake: none to be found
    ('"pathwise": soft * (1 - soft) / omega', '"pathwise": soft * (1 - soft)'),
    ("going &= digit != 1", "going &= digit >= 0"),
    ("by_score = r * (a - 0.3) / std**2", "by_score = moved"),
    ("a = means + 0.5 * eps if noise_frozen", "a = at + 0.5 * eps if noise_frozen"),
    ("m += sign * 0.02", "m += 0.02"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to the estimator of a whole trajectory. Each has a function to be written and, after it, a
# check that says at once what it thinks. The checks do not depend on each other. They compare with exact sums, so that
# chance has no part in them.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np

from exercise import answers, entries, exercise, finish, numbers, same


def slopes(f, at, step=1e-4):
    """The gradient of f at an array, by five-point differences: off by about 1e-12 for functions of size 1."""
    at, found = np.asarray(at, float), []
    for i in range(at.size):
        move = np.zeros(at.size)
        move[i] = step
        move = move.reshape(at.shape)
        near, far = f(at + move) - f(at - move), f(at + 2 * move) - f(at - 2 * move)
        found.append((8 * near - far) / (12 * step))
    return np.reshape(found, at.shape)


def softmax(y):
    e = np.exp(y - np.max(y))
    return e / e.sum()


# %% [markdown]
# **1. Predict**, before you compute anything. REINFORCE without a baseline, on any problem.
#
# - `a`: all rewards are doubled. By what is the mean of the estimate multiplied?
# - `b`: 10 is added to all rewards. What is added to the mean of the estimate?
# - `c`: four times as many rollouts are averaged. By what is the standard deviation of the estimate multiplied?
# - `d`: the terms of five decisions are averaged, where they should be added up. By what is the mean of the estimate
#   multiplied?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 2, "b": 0, "c": 1 / 2, "d": 1 / 5}


# %%
@exercise("1. Predict")
def check_predicted():
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

    seen = {
        "a": moments(2 * r)[0] / moments(r)[0],
        "b": moments(r + 10)[0] - moments(r)[0],
        "c": moments(r, 4)[1] / moments(r)[1],
        "d": moments(r, decisions=5, average=np.mean)[0] / moments(r, decisions=5)[0],
    }
    hints = {
        "a": "The estimate is reward times score.",
        "b": "What is the mean of the score?",
        "c": "What is the variance of a mean of independent numbers?",
        "d": "What is the mean of five numbers, in terms of their sum?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** Three places, chosen with the probabilities $p = (\tfrac12, \tfrac14, \tfrac14)$, the softmax
# of three logits. They earn 0, 4 and 8. What does one sample say of the slope of $J$ by the **third** logit, if the
# first, the second, the third place was chosen? And what is the mean?


# %% tags=["solution"]
def estimates_by_hand():
    """→ {"says": (after the first, the second, the third place), "mean": …}."""
    # Solution
    # The score of the third logit is [a = 3] − ¼: −¼, −¼, ¾. Times the rewards: 0, −1, 6.
    return {"says": (0, -1, 6), "mean": 5 / 4}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Lesson 3 has the derivative of $-\log p_c$ by each logit. For a softmax, that of $\log p_a$ by $y_j$ is
# $[j = a] - p_j$.
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
    got_says, got_mean = entries(estimates_by_hand(), "says", "mean")
    y, r = np.log([2.0, 1.0, 1.0]), np.array([0.0, 4.0, 8.0])
    want = [r[a] * slopes(lambda y: np.log(softmax(y)[a]), y)[2] for a in range(3)]  # noqa: B023
    because = {
        "a place that was not chosen has a score, too: its logit is in the denominator.": [0, 0, 6],
        "the score of the chosen place is not 1: its own logit is in the denominator, too.": [0, 0, 8],
        "this is the derivative of −log p; the sign is that of a loss.": [0, 1, -6],
        "a sample is not weighted with its probability; that comes in the mean.": [0, -1 / 4, 6 / 4],
        "these are the scores; each is still to be multiplied by what was earned.": [-1 / 4, -1 / 4, 3 / 4],
    }
    same("says", got_says, want, because, tolerance=1e-6)
    slope = slopes(lambda y: softmax(y) @ r, y)[2]
    because = {"the three do not happen equally often.": np.mean(want)}
    same("mean", got_mean, slope, because, tolerance=1e-6)


# %% [markdown]
# **3. The log-derivative.** The agent does not choose a place, but how long to wait: $a > 0$ with the density
# $\lambda e^{-\lambda a}$, where $\lambda = e^{\theta}$. Derive the score
# $\partial \log p_\theta(a) / \partial \theta$.


# %% tags=["solution"]
def waiting_score(a, theta):
    """a (M,), theta a number → the score of each a (M,)."""
    # Solution
    # log p = θ − e^θ a.
    return 1 - np.exp(theta) * a


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# First the logarithm, then $\lambda = e^\theta$, and only then the derivative.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# A score has the mean zero. The mean of $a$ is $1/\lambda$.
#
# </details>


# %%
@exercise("3. The log-derivative")
def check_waiting():
    a, weights = np.polynomial.laguerre.laggauss(30)  # for means over e^(−a)
    for theta in (0.7, -1.2, 0.1):
        places = a[:12] / np.exp(theta)

        def density(theta, places=places):
            return np.exp(theta) * np.exp(-np.exp(theta) * places)

        def by(variable, step=1e-5):
            return (variable(step) - variable(-step)) / (2 * step)

        rate = np.exp(theta)
        because = {
            "this is the derivative of the density; the score is that of its logarithm.": by(
                lambda s: density(theta + s)  # noqa: B023
            ),
            "this is the derivative of −λa alone; the λ before the exponential contains θ as well.": -rate * places,
            "this is the derivative by λ; θ is its logarithm.": by(lambda s: np.log(density(np.log(rate + s)))),  # noqa: B023
        }
        want = by(lambda s: np.log(density(theta + s)))  # noqa: B023
        same("the score", waiting_score(places.copy(), theta), want, because, tolerance=1e-7)
        mean = weights @ numbers("the score", waiting_score(a / rate, theta))
        assert abs(mean) < 1e-9, f"the mean of a score is 0, but this one has the mean {mean:.3g}."


# %% [markdown]
# **4. Many places.** A choice among $K$ places, with probabilities $p = \operatorname{softmax}(y)$. Write the REINFORCE
# estimate of $\nabla_y J$ from $M$ sampled choices and their rewards, without a loop over $M$. The check gives it
# samples that contain each place exactly as often as its probability says, so that the estimate has to be exact, and
# one that does not.


# %% tags=["solution"]
def categorical_estimate(y, a, r):
    """y (K,) logits, a (M,) integers, r (M,) → estimate of the gradient of J by y (K,)."""
    # Solution
    p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    score = (a[:, None] == np.arange(len(y))) - p  # (M, K): ∂ log p_a/∂y_j = [j = a] − p_j
    return (score * r[:, None]).mean(axis=0)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# For one sample it is exercise 2, for all logits at once: a row of $K$ numbers.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# `a[:, None] == np.arange(K)` is $[j = a_m]$, an array $(M, K)$. The rewards $(M,)$ have to multiply its rows.
#
# </details>


# %%
@exercise("4. Many places")
def check_categorical():
    rng = np.random.default_rng(4)
    for counts in ((1, 2, 5, 8), (3, 1), (1, 1, 2, 4, 8)):
        y, values = np.log(counts) + 1.5, rng.normal(size=len(counts))
        a = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        got = numbers("the estimate", categorical_estimate(y.copy(), a.copy(), values[a]))
        want = slopes(lambda y: softmax(y) @ values, y)  # noqa: B023
        if np.shape(got) == want.shape and np.isfinite(got).all() and abs(np.sum(got)) > 1e-9:
            raise AssertionError(
                "Adding a number to all logits changes nothing, so the estimate should add up to 0, but it adds up to "
                f"{np.sum(got):.3g}: what does a logit do that was not chosen, and do your probabilities add up to 1?"
            )
        because = {
            "this is the sum over the samples, not the mean.": len(a) * want,
            "the mean of the scores is 0: multiply each by its reward before the mean is taken.": 0 * want,
        }
        same("the estimate", got, want, because, 1e-8)
    y, a, r = np.log([2.0, 1.0, 1.0]), np.array([0, 0, 1, 2, 2]), np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    want = np.mean([r_m * (np.eye(3)[a_m] - softmax(y)) for a_m, r_m in zip(a, r)], axis=0)
    got = numbers("the estimate", categorical_estimate(y.copy(), a.copy(), r.copy()))
    assert not np.allclose(got, want - r.mean() * (np.bincount(a) / 5 - softmax(y))), (
        "where a sample is uneven: p is the softmax of the logits, not the shares of the sample; or the mean of all "
        "rewards, its own among them, was subtracted from each (lesson 7). The two give the same."
    )
    same("the estimate from an uneven sample", got, want, tolerance=1e-8)


# %% [markdown]
# **5. A whole trajectory.** The agent decides twice. First it looks to the right, $a_1 = 1$, with the probability
# $1/(1 + e^{-\theta_1})$, or to the left, $a_1 = 0$. It sees a number $s$, which depends on $a_1$. Then it looks to the
# right, $a_2 = 1$, with the probability $1/(1 + e^{-(\theta_2 + \theta_3 s)})$. Write down the density of
# $\tau = (a_1, a_2)$, and from it the score of the whole trajectory by $\theta = (\theta_1, \theta_2, \theta_3)$.


# %% tags=["solution"]
def trajectory_score(theta, a1, s, a2):
    """theta (3,), and for M rollouts a1, s, a2 (M,) → the scores (M, 3)."""
    # Solution
    # p(τ) = p(a1) p(a2 | s), and s is a function of a1: it has no factor. For one decision with p = 1/(1 + e^(−z)) the
    # score by z is a − p, and z = θ2 + θ3 s has the slopes 1 and s, with the history, s, held fixed.
    first = a1 - 1 / (1 + np.exp(-theta[0]))
    second = a2 - 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
    return np.stack([first, second, second * s], axis=1)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# The chain rule of probability: one factor for each random thing, in order. Then $\log$ of a product. Which terms
# contain $\theta_1$?
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# The score of one decision with the probability $1/(1 + e^{-z})$, by $z$, is in the pencil example of the lesson:
# $1 - p$ if $a = 1$, and $-p$ if $a = 0$. Then the chain rule for $z = \theta_2 + \theta_3 s$, with $s$ held fixed.
#
# </details>


# %%
@exercise("5. A whole trajectory")
def check_trajectory():
    rng = np.random.default_rng(5)
    a1, a2 = np.array(list(product((0, 1), repeat=2))).T  # all four trajectories
    for _ in range(3):
        theta, seen, r = rng.normal(size=3), rng.normal(size=2), rng.normal(size=4)
        s = seen[a1]

        def probability(theta, s=s):
            right = 1 / (1 + np.exp(-theta[0])), 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
            return np.where(a1, right[0], 1 - right[0]) * np.where(a2, right[1], 1 - right[1])

        want = np.array([slopes(lambda theta: np.log(probability(theta)[k]), theta) for k in range(4)])  # noqa: B023
        got = numbers("the score", trajectory_score(theta.copy(), a1.copy(), s.copy(), a2.copy()))
        because = {
            "the first decision is missing: a log of a product is a sum over all decisions.": want * [0, 1, 1],
            "this is the mean over the two decisions; it is their sum.": want / 2,
            "θ_3 is multiplied by s: by the chain rule its score is, too.": want / np.stack([s**0, s**0, s], axis=1),
        }
        same("the score", got, want, because, tolerance=1e-7)
        J = slopes(lambda theta: probability(theta) @ r, theta)  # noqa: B023
        same("the mean of reward · score", (probability(theta) * r) @ got, J, tolerance=1e-7)


# %%
finish()
