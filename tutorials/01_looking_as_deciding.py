# %% [markdown]
# # 1 · Looking as deciding
#
# **What you will see.** A digit, looked at through a small window six times. How such a series of looks becomes a
# sequential decision problem, with states, actions, a policy, a history and a reward. The probability of one whole
# series, $p_\theta(\tau)$, with a pencil first. The expected reward $J(\theta)$, estimated with its standard error. And
# what an agent earns that has learnt nothing: one tenth on average, but not each such agent.
#
# **What you need.** Expectations and conditional probabilities. No reinforcement learning.
#
# **How long it runs.** About ten seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

from lesson import show, show_source
from minram.agent import backward, init_params, next_location, rollout
from minram.datasets import data
from minram.ops import cross_entropy_forward
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.policy import log_prob_forward
from minram.reinforce import cotangents, draw
from minram.sensor import sensor_backward_image, sensor_forward, summed_area
from minram.training.config import Config

style.use()
EPS = np.finfo(float).eps
digits = data.load()
images, labels = digits.x_test, digits.y_test
config = Config(glimpses=6, patch_size=8, scales=(1,), what_units=64, where_units=64, glimpse_units=128, core_units=128)

# %% [markdown]
# ## Six looks at a digit
#
# A network usually gets an image all at once. Ours never does. It sees a window of $8 \times 8$ pixels, called a
# *glimpse*, and then it decides where the next window shall be. After $T = 6$ glimpses it has to name the digit.
#
# Let us first watch an agent that does not decide at all. Each location is drawn uniformly from the image, and the
# weights of the network are random numbers. `rollout` runs it. The locations are numbered in the left picture. The
# other pictures show what is known after one, two, … glimpses: the pixels seen so far, and nothing of the grey rest.

# %%
params = init_params(config, np.random.default_rng(0))
one = images[1:2]  # (B, H, W) with B = 1
trajectory = rollout(params, config, summed_area(one), np.random.default_rng(16), policy="random", every_step=True)


def seen(loc, shape):
    """Which pixels glimpses at loc (n, 2) saw, one mask a glimpse: (n, H, W). Lesson 2 shows why this works."""
    area = summed_area(np.zeros((len(loc), *shape), np.float32))
    phi, cache = sensor_forward(area, loc, config.scales, config.patch_size)
    return sensor_backward_image(np.ones_like(phi), cache)[..., 0] > 0


trajectory_of_one, path = trajectory, trajectory.loc[:, 0]  # (T, 2)
masks = seen(path, one.shape[1:])
known = np.logical_or.accumulate(masks)  # (T, H, W)
print("pixels known after each glimpse:", known.sum(axis=(1, 2)))
assert (masks.sum(axis=(1, 2)) <= 64).all() and known[-1].sum() < 6 * 64 < 28 * 28

# %% tags=["picture", "hide-input"]
fig, axes = plt.subplot_mosaic("AABCD;AAEFG", figsize=(8.6, 3.6))
plots.glimpse_path(axes["A"], one[0], path, Retina.of(config), size=14)
axes["A"].set_title("the path")
for t, ax in enumerate(axes[name] for name in "BCDEFG"):
    plots.image(ax, np.where(known[t], one[0] / 255, 0.45))
    ax.set_title(f"known after {t + 1}")
show("A digit with six numbered windows on it, and what is known of it after one to six glimpses; the rest is grey")

# %% [markdown]
# This is the problem in one picture. Whoever chooses the next window knows only the pixels seen so far, and whoever
# names the digit knows only the last picture.
#
# ## The words for it
#
# Fix one image $x$ with its label $y$. The image is the world. The agent does not see it; it is *partially observed*.
# What the agent has at step $t$ is the **state**
#
# $$s_t = (l_t,\; \rho(x, l_t)),$$
#
# a location $l_t \in [-1, 1]^2$ and what the sensor $\rho$ saw there. All states so far are the **history** $s_{1:t}$.
#
# Having seen the history, the agent takes an **action** $a_t$: a point that it draws, around which the next glimpse is
# taken. The point may lie outside the image. Then the glimpse is taken at the border,
# $l_{t+1} = \operatorname{clip}(a_t, -1, 1)$. (Why both are kept is in lesson 5.) After the last glimpse there is
# nothing more to look at. The last action is to name a label $\hat y$.
#
# The agent draws its actions from its **policy** $\pi_\theta(a_t \mid s_{1:t})$, a distribution that a network with the
# parameters θ computes. Note what the policy is conditioned on: not on the last state, but on everything seen so far. A
# network cannot take an input that grows. So a recurrent core compresses the history into a vector $h_t$, and the
# policy reads that. (From lesson 3 on, *the state* means the core's, $h_t$.)
#
# At the end comes the **reward**: $r = 1$ if $\hat y = y$, and 0 if not. The whole series is a **trajectory**,
# $\tau = (l_1, a_1, \ldots, a_{T-1}, \hat y)$: all that was drawn, in order. The states are not in this list. Given the
# image they are functions of what was drawn.
#
# Each of these words is an array. Glimpse $t$ of the text is index `t - 1` of an array, because Python counts from 0.

# %%
rows = [
    ("l_t", "where glimpse t was taken", "trajectory.loc", trajectory.loc),
    ("ρ(x, l_t)", "what was seen there", "trajectory.glimpse.phi", trajectory.glimpse.phi),
    ("h_t", "the history, compressed", "trajectory.core.h", trajectory.core.h),
    ("μ_t", "mean of the next draw", "trajectory.mu", trajectory.mu),
    ("a_t", "what was drawn", "trajectory.sample", trajectory.sample),
    ("y_t", "scores of the ten labels", "trajectory.logits", trajectory.logits),
]
for symbol, meaning, name, array in rows:
    print(f"{symbol:10} {meaning:28} {name:24} {array.shape}")
T, N = trajectory.loc.shape[:2]
assert all(array.shape[:2] in [(T, N), (T - 1, N)] for *_, array in rows)
assert (trajectory.loc[1:] == trajectory.sample.clip(-1, 1)).all()

# %% [markdown]
# Time comes first, then the rows, then the components. Here there is one row, since one agent looked at one image.
# Below there are thousands, and nothing else changes.
#
# > **Asked: is this classification or reinforcement learning?** Both. The answer is a class. But *how to look* has no
# > right answer in the data, only a reward. That part is reinforcement learning, of the kind with one reward at the
# > end.
#
# ## How probable is a trajectory? With a pencil
#
# A tiny agent, to see it once with numbers. Its first look is to the left or to the right, by a fair coin. Then it
# decides to look to the right with a probability that depends on what it saw first: ¾ after left, ¼ after right. Then
# it names one of two labels. It says the true one with the probability ⅞ if it has looked at both sides, and ½ if not.
#
# How probable is: first left, then right, then the true label? One factor for each thing that is drawn, in order:
# $\tfrac12 \cdot \tfrac34 \cdot \tfrac78 = \tfrac{21}{64}$.
#
# How often is it right in all? It sees both sides with the probability
# $\tfrac12 \cdot \tfrac34 + \tfrac12 \cdot \tfrac34 = \tfrac34$. So
# $J = \tfrac34 \cdot \tfrac78 + \tfrac14 \cdot \tfrac12 = \tfrac{25}{32}$. In plain lines, over everything that can
# happen:

# %%
L, R, TRUE = 0, 1, 1


def probability(first, second, label):
    """p(τ) of the tiny agent: a product with a factor for each thing that is drawn."""
    to_the_right = 3 / 4 if first == L else 1 / 4
    says_true = 7 / 8 if first != second else 1 / 2
    p_second = to_the_right if second == R else 1 - to_the_right
    p_label = says_true if label == TRUE else 1 - says_true
    return 1 / 2 * p_second * p_label


trajectories = list(product((L, R), (L, R), (0, TRUE)))
total = sum(probability(*tau) for tau in trajectories)
J_tiny = sum(probability(*tau) * (tau[2] == TRUE) for tau in trajectories)
print(f"p(left, right, true) = {probability(L, R, TRUE)}, all {len(trajectories)} add up to {total}, J = {J_tiny}")
assert probability(L, R, TRUE) == 21 / 64 and total == 1 and J_tiny == 25 / 32

# %% [markdown]
# ## How probable is a trajectory? In general
#
# Everything later rests on this formula, so we derive it slowly. Start with the chain rule of probability, which holds
# for any series of random things. Each factor is conditioned on all that came before:
#
# $$p_\theta(\tau) = p(l_1)\; p(a_1 \mid l_1)\; p(a_2 \mid l_1, a_1) \cdots p(a_{T-1} \mid l_1, a_{1:T-2})\;
#   p(\hat y \mid l_1, a_{1:T-1}).$$
#
# Now use what we know of this problem. The image is given, so what was drawn up to step $t$ tells which states were
# seen, $s_{1:t}$. And the agent acts on these alone. So each factor of an action is the policy:
#
# $$p(a_t \mid l_1, a_{1:t-1}) = \pi_\theta(a_t \mid s_{1:t}), \qquad
#   p(\hat y \mid l_1, a_{1:T-1}) = p_\theta(\hat y \mid s_{1:T}).$$
#
# Put both in:
#
# $$p_\theta(\tau) = p(l_1)\; \prod_{t=1}^{T-1} \pi_\theta(a_t \mid s_{1:t})\; \cdot\; p_\theta(\hat y \mid s_{1:T}).$$
#
# The first location is drawn without the network, so $p(l_1)$ does not contain θ. Taking the logarithm, the product
# becomes a sum over time,
#
# $$\log p_\theta(\tau) = \sum_{t=1}^{T-1} \log \pi_\theta(a_t \mid s_{1:t}) + \log p_\theta(\hat y \mid s_{1:T})
#   + \text{a term without } \theta,$$
#
# and this sum is all that lesson 6 will have to differentiate.
#
# In other problems the world throws dice, too. Then there is a factor $p(s_{t+1} \mid s_{1:t}, a_{1:t})$ for each of
# its answers. It does not contain θ either. And if the label is not drawn, but is simply the most probable one, then it
# is a function of the history, and has no factor. Lesson 6 comes back to that.
#
# ## The formula, computed
#
# Our agent's policy has two parts. $a_t$ is Gaussian around a mean $\mu_t$ that the network computes from $h_t$, with a
# standard deviation σ in both directions. The label is drawn from a softmax over the scores after the last glimpse.
# Each sum below is over time, for all rows at once.

# %%
many = summed_area(images[:1000])
trajectory = rollout(params, config, many, np.random.default_rng(4))  # the policy's own locations
cross_entropy, cache = cross_entropy_forward(trajectory.logits[-1], np.zeros(1000, int))
guess = draw(cache.p, np.random.default_rng(5))  # (N,) drawn from the softmax

log_locations, _ = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)  # (T-1, N)
log_guess = -cross_entropy_forward(trajectory.logits[-1], guess)[0]  # (N,)
log_p = log_locations.sum(axis=0) + log_guess  # (N,)
print(f"log p without the term that θ is not in, for the first three trajectories: {log_p[:3]}")

# %% [markdown]
# To check it we do the most literal thing: multiply the densities, one factor after the other, in float64, and take the
# logarithm at the end. The network computes in float32. A sum whose terms each pass through about 20 roundings can be
# off by 20 $\varepsilon$ times the sum of the absolute terms. That is the bound in the assertion.

# %%
std = np.exp(trajectory.log_std.astype(float))
for n in range(100):
    factors = [float(cache.p[n, guess[n]])]
    for t in range(T - 1):
        for i in range(2):
            a, mu = float(trajectory.sample[t, n, i]), float(trajectory.mu[t, n, i])
            factors += [norm.pdf(a, mu, std[i])]
    bound = 20 * np.finfo(np.float32).eps * np.abs(np.log(factors)).sum()
    assert abs(log_p[n] - np.log(np.prod(factors))) < bound
print(f"a product of {len(factors)} factors, for each of 100 rows: its logarithm is the sum")
counts = np.bincount(guess, minlength=10)  # the labels are drawn as often as the softmax says
expected, spread = cache.p.sum(axis=0), np.sqrt((cache.p * (1 - cache.p)).sum(axis=0))
assert np.abs((counts - expected) / spread).max() < 4.5  # ten comparisons: one false alarm in 15,000 seeds

# %% [markdown]
# > **Asked: how can $\log p$ be positive? No probability is above one.** It is the logarithm of a *density*. With
# > $\sigma = 0.1$ a narrow cloud has a density of up to 16 per unit area, so each of the five draws may add up to
# > $\log 16 = 2.8$. Only the integral of a density over a region is a probability. Nothing here needs more.
#
# ## What is to be maximised
#
# The **expected reward** is
#
# $$J(\theta) = \mathbb{E}_{\tau \sim p_\theta(\tau)}[\,r(\tau)\,].$$
#
# With a reward of 0 or 1 it is simply the probability of being right. We fixed one image. From here on the image is
# drawn too, uniformly from the test set, and $J$ is averaged over it.
#
# Nobody can compute this expectation exactly. The trajectories are points of a space of twelve dimensions (a first
# location and five draws, of two coordinates each), and the reward jumps from 0 to 1 inside it. But it can be
# *estimated*. We can draw from $p_\theta(\tau)$ as often as we like, and average. From $N$ independent rollouts,
#
# $$J(\theta) \approx \frac{1}{N} \sum_{n=1}^{N} r_n, \qquad
#   \text{standard error} = \sqrt{\frac{\operatorname{Var}[r]}{N}} \approx \sqrt{\frac{J(1-J)}{N}},$$
#
# the last step because a variable that is 1 with probability $J$ and otherwise 0 has the variance $J - J^2$. The
# standard error is as much a part of the answer as the mean. In this course no estimate is judged without one.
#
# The formulas hold for every policy. Here we take the simplest: uniform locations, and the most probable label.


# %%
def played(params, seed, n=1000):
    """The most probable label and the true one, for n random paths, each on an image drawn uniformly. → 2 × (n,)"""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(images), n)
    trajectory = rollout(params, config, summed_area(images[index]), rng, policy="random")
    return trajectory.logits[-1].argmax(axis=1), labels[index]


runs = np.stack([np.equal(*played(params, seed)) for seed in range(24)]).astype(float)  # (24, n), all rewards
J, error = runs.mean(), runs.std(ddof=1) / np.sqrt(runs.size)
print(f"J = {J:.4f} ± {error:.4f}, from {runs.size} rollouts")
# Is it 1/√N? Groups of 10 and of 100 rollouts: the variance of their means over J(1 − J)/N. That of R groups has the
# relative standard error √(2/R). With N^0.9, or 3N, for N it would be 1.26, 1.58, or 1/3.
for size in (10, 100):
    means = runs.reshape(-1, size).mean(axis=1)
    ratio, scatter = means.var() / (J * (1 - J) / size), np.sqrt(2 / len(means))
    print(f"N = {size:3}: variance of {len(means)} means over J(1 − J)/N = {ratio:.3f} ± {scatter:.3f}")
    assert abs(ratio - 1) < 4 * scatter < 0.4

# %% [markdown]
# The second ratio is 2.4 of its standard errors away from 1, which chance brings about once in sixty times. The
# assertion allows four. The picture repeats the estimate twelve times, each time with more and more rollouts. The band
# is the mean of all plus and minus two standard errors. It narrows like $1/\sqrt{N}$: to halve the error takes four
# times the work. This slow law is the reason why so much of the course is about variance.

# %% tags=["hide-input"]
n = np.arange(1, runs.shape[1] + 1, 3)
fig, ax = plt.subplots()
ax.plot(
    n, 100 * runs[:12].cumsum(axis=1).T[n - 1] / n[:, None], color=style.COLOURS["reward"], linewidth=0.9, alpha=0.7
)
width = 2 * np.sqrt(J * (1 - J) / n)
look = {"color": style.COLOURS["muted"], "alpha": 0.25, "linewidth": 0}
ax.fill_between(n, 100 * (J - width), 100 * (J + width), label="two standard errors", **look)
ax.axhline(100 * J, color=style.COLOURS["exact"], linewidth=1, label="mean of all")
ax.set(xlim=(0, 1000), ylim=(0, 25), xlabel="number of rollouts N", ylabel="mean reward (%)")
ax.set_title("Twelve estimates of J for one random agent")
ax.legend()
show("Twelve running means of the reward, which mostly lie within a band of two standard errors, that narrows")

# %% [markdown]
# ## Why one tenth, and why not
#
# The estimate lies near 10 %, as everybody expects of ten classes. But why, exactly? A network with random weights is
# not a die. Here is how often each of 24 such networks gives each answer.

# %%
games = [played(init_params(config, np.random.default_rng(seed)), seed) for seed in range(100, 124)]
share = np.stack([np.bincount(guess, minlength=10) / len(guess) for guess, _ in games])  # (24, 10)
print(f"the favourite answer of each is given in {100 * share.max(axis=1).min():.0f} % of cases or more")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 2.7))
drawn = ax.imshow(100 * share.T, style.BELIEF, vmin=0, vmax=100, aspect="auto", extent=(0.5, 24.5, 9.5, -0.5))
ax.grid(False)
ax.set(xlabel="initialisation", ylabel="answer", yticks=range(10), xticks=range(1, 25, 2))
fig.colorbar(drawn, label="how often (%)")
show("How often each of 24 untrained networks gives each answer: every one has one favourite or a few")

# %% [markdown]
# Each has its favourites. So it is tempting to say: it is a coin, a biased one. It says its favourites whatever it
# sees, so it is right as often as they come up, $\sum_k \text{share}_k \cdot \text{frequency}_k$. And it does not
# matter where it looks. Both are false. A random network is still a function of what it sees. Two digits that look
# alike get like answers, and ink in one place may make it say *seven*, rightly or wrongly. We let one of them look at
# all 10,000 test images, at random places and at the mean ones:

# %%
frequency = np.bincount(labels, minlength=10) / len(labels)
found = {}
seed = 3
theta = init_params(config, np.random.default_rng(seed))
for policy in ("random", "mean"):
    t = rollout(theta, config, summed_area(images), np.random.default_rng(seed), policy=policy)
    said = t.logits[-1].argmax(axis=1)
    coin = np.bincount(said, minlength=10) / len(said) @ frequency
    J_one, error = np.mean(said == labels), np.std(said == labels) / np.sqrt(len(said))
    found[policy] = J_one, error, (J_one - coin) / error
    off = f"{abs(found[policy][2]):.1f} standard errors apart"
    print(f"{policy:6} locations: J = {J_one:.4f} ± {error:.4f}, a coin {coin:.4f}: {off}")
assert abs(found["mean"][2]) > 5  # not a coin
(J_a, e_a, _), (J_b, e_b, _) = found["random"], found["mean"]
assert abs(J_a - J_b) > 5 * np.hypot(e_a, e_b)  # and it matters where it looks

# %% [markdown]
# At random places this one cannot be told from a coin. At the mean places it can, clearly: it earns more than one, and
# more than at random places, though nobody has taught it anything. Another θ would earn less.
#
# What is exactly one tenth is the mean of $J(\theta)$ over the initial weights. The ten columns of the label head's
# matrix are drawn independently from one distribution, and its biases are 0. Exchanging two columns therefore changes
# nothing in the distribution of θ, but exchanges two answers. By this symmetry each of the ten answers has the same
# probability, for every image and every path, and so
#
# $$\mathbb{E}_\theta[J(\theta)] = \frac{1}{10}.$$
#
# An exact value is what one wants to hold an estimate against. The mean over the 24 initialisations must lie within
# four of its standard errors of one tenth.

# %%
J_of = np.array([np.mean(guess == label) for guess, label in games])
error = J_of.std(ddof=1) / np.sqrt(len(J_of))
print(f"mean over {len(J_of)} initialisations: {J_of.mean():.4f} ± {error:.4f}")
print(f"single ones: {J_of.min():.3f} to {J_of.max():.3f}")
chance = 2 * student_t.sf(4, len(J_of) - 1)
print(f"four standard errors are exceeded by chance once in {1 / chance:.0f} times")
assert abs(J_of.mean() - 0.1) < 4 * error < 0.03  # so that a mean of 0.07 or 0.13 would be seen

# %% [markdown]
# ## Where one looks matters
#
# How much can looking well be worth? Take a reward that needs no network: the share of a digit's ink that has been seen
# after six glimpses. We compare two policies: the random one, and one that always goes to the same six places, three on
# the left and three on the right.


# %%
def ink_seen(loc, x):
    """The share of the ink of each image x (n, H, W) that glimpses at loc (T, n, 2) saw. → (n,)"""
    mask = np.zeros(x.shape, bool)
    for l in loc:
        mask |= seen(l, x.shape[1:])
    return (x * mask).sum(axis=(1, 2)) / x.sum(axis=(1, 2))


x = images[:1000] / np.float32(255)
rng = np.random.default_rng(6)
random_path = rng.uniform(-1, 1, (6, len(x), 2)).astype(np.float32)
grid = np.array([(a, b) for a in (-0.28, 0.28) for b in (-0.5, 0, 0.5)], np.float32)
grid_path = np.broadcast_to(grid[:, None], random_path.shape)
ink = {"random": ink_seen(random_path, x), "six fixed places": ink_seen(grid_path, x)}
for name, r in ink.items():
    print(f"{name:18} J = {r.mean():.3f} ± {r.std(ddof=1) / np.sqrt(len(r)):.3f}")
difference = ink["six fixed places"] - ink["random"]  # (n,) of the same digits: their own spread cancels
assert difference.mean() > 4 * difference.std(ddof=1) / np.sqrt(len(difference))
of_one = ink_seen(trajectory_of_one.loc, one / 255)[0]  # against the masks of the first picture
assert abs(of_one - (one[0] * known[-1]).sum() / one.sum()) < 1e-12

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.3), gridspec_kw={"width_ratios": [1, 1, 0.1, 2.6]})
for ax, path, name in zip(axes, (random_path, grid_path), ink):
    plots.glimpse_path(ax, images[2], path[:, 2], Retina.of(config))
    ax.set_title(name)
axes[2].axis("off")
for (name, r), colour, hatch in zip(ink.items(), (style.COLOURS["muted"], style.COLOURS["location"]), ("", "///")):
    look = {"color": colour, "alpha": 0.75, "hatch": hatch, "edgecolor": "white", "label": name}
    axes[3].hist(100 * r, np.linspace(0, 100, 31), **look)
axes[3].set(xlabel="ink seen (%)", ylabel="digits of 1000")
axes[3].legend(loc="upper left")
show("A random path and a fixed one on a digit, and histograms of the ink seen: the fixed places see far more")

# %% [markdown]
# A fixed series of places does well on digits that sit in the middle of a small image. On a large image with the digit
# anywhere it would fail. There the only good policy is one that decides by what it has seen.
#
# ## How it will learn: Algorithm 1
#
# The plan of the paper fits on six lines:
#
# 1. Initialise $\pi_\theta$ with random parameters.
# 2. Pick an image $x_n$ with its label.
# 3. Draw a random first location.
# 4. Run the policy for $T$ steps; at the end collect the reward $r \in \lbrace 0, 1 \rbrace$.
# 5. *Estimate* the gradient of the expected reward, $\hat g \approx \nabla_\theta J(\theta_n)$.
# 6. Update $\theta_{n+1} \leftarrow \theta_n + \alpha_n\, \hat g$, and go on with step 2.
#
# Here it is in `minram`, each step beside its number, on a minibatch of images at once. All but step 5 you understand
# already. Step 5 is two calls, and the rest of the course opens them: `backward` in lessons 3 and 4, `cotangents` in
# lessons 5 to 8. Both are written for descent, so the update subtracts. To see that it learns within seconds, the agent
# is small, and the digits are zeros and ones.

# %%
x, y = (part[digits.y_train < 2] for part in (digits.x_train, digits.y_train))
pure = Config(
    objective="reinforce",
    flow=("label", "location"),
    baseline="batch",  # the mean of the other rows is subtracted from a reward; lesson 7 says why
    baseline_weight=0.0,
    glimpses=4,
    std=0.2,
    what_units=32,
    where_units=16,
    glimpse_units=64,
    core_units=64,
)
rng = np.random.default_rng(7)
theta = init_params(pure, rng, n_classes=2)  # 1
earned = []
for n in range(300):
    index = rng.integers(0, len(x), 100)  # 2
    area = summed_area(x[index])
    trajectory = rollout(theta, pure, area, rng)  # 3 and 4
    heads, outcome = cotangents(trajectory, y[index], pure, rng)  # 5: rewards become cotangents,
    gradient = backward(theta, trajectory, heads, pure.flow)  # which become the estimate
    alpha = 0.02 * (1 - n / 300)
    theta = {name: theta[name] - alpha * gradient[name] for name in theta}  # 6
    earned.append(outcome.reward.mean())
before, after = np.mean(earned[:40]), np.mean(earned[-40:])
print(f"mean reward of the first 40 updates {before:.2f}, of the last 40 {after:.2f}")
assert after - before > 0.12  # 4,000 rollouts each: a standard error of 0.008

# %% [markdown]
# Nobody has told it where to look, nor, in this form, what the right label was: only whether it was right. (The hybrid
# rule of lesson 8 does tell the label, and learns far faster.)
#
# The rollout itself is a short loop. Before it the arguments are checked, and arrays are made for the loop to fill. You
# need not follow each line now. Find in it the sensor, the glimpse network, the core, and the place where the policy
# draws a location, by the function printed below it. Lessons 2, 4, 5 and 7 explain its lines.

# %%
show_source(rollout, next_location)

# %% [markdown]
# An agent that has learnt where to look, to be compared with the one above that has not. Draw a digit, and click where
# the first glimpse shall fall.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("agent")

# %% [markdown]
# ## What to remember
#
# Looking at an image piece by piece is a decision problem. The image is a world of which the agent sees a small part,
# the history is what it knows, the policy turns the history into the next look. The probability of a trajectory is a
# product with one factor for each thing that is drawn, and θ occurs only in the factors of the policy. So
# $\log p_\theta(\tau)$ is a sum over time. The expected reward $J(\theta)$ is estimated by a mean, with an error that
# falls like $1/\sqrt{N}$. An untrained agent is right one time in ten on average over its initial weights; a single one
# need not be, and where it looks matters even to that one.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("return 1 / 2 * p_second * p_label", "return p_second * p_label"),  # the first look is drawn, too
    ("p_second = to_the_right if second == R", "p_second = to_the_right if second == L"),
    ("says_true = 7 / 8 if first != second else 1 / 2", "says_true = 7 / 8"),
    ("log_locations.sum(axis=0) + log_guess", "log_locations.mean(axis=0) + log_guess"),
    ("log_locations.sum(axis=0) + log_guess", "log_locations.sum(axis=0)"),
    ("log_locations.sum(axis=0) + log_guess", "log_locations[1:].sum(axis=0) + log_guess"),
    ("log_guess = -cross_entropy_forward", "log_guess = cross_entropy_forward"),
    ("minram.policy", "0.5 * z * z + log_std", "0.5 * z * z - log_std"),
    ("minram.agent", "np.clip(samples[t], -1, 1, out=loc[t + 1])", "np.clip(samples[t], -0.5, 0.5, out=loc[t + 1])"),
    ("minram.reinforce", "(p.cumsum(axis=1) <= u)", "(p.cumsum(axis=1) > u)"),
    ("(J * (1 - J) / size), np.sqrt", "(J * (1 - J) / size**0.9), np.sqrt"),
    ("(J * (1 - J) / size), np.sqrt", "(J * (1 - J) / (3 * size)), np.sqrt"),
    ("coin = np.bincount(said, minlength=10) / len(said) @ frequency", "coin = np.mean(said == labels)"),
    (
        "summed_area(images), np.random.default_rng(seed), policy=policy)",
        'summed_area(images), np.random.default_rng(seed), policy="mean")',
    ),
    ("np.mean(guess == label) for guess, label in games", "np.mean(guess == 1) + 0.1 for guess, label in games"),
    ("mask |= seen(l, x.shape[1:])", "mask = seen(l, x.shape[1:])"),  # the last look alone
    ("theta[name] - alpha * gradient[name]", "theta[name] + alpha * gradient[name]"),
    ("trajectory.sample.clip(-1, 1)", "trajectory.sample.clip(-0.5, 0.5)"),
    ("expected, spread = cache.p.sum(axis=0),", "expected, spread = np.full(10, 100.0),"),  # a die
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to a policy of your own. Each has a function to be written and, after it, a check that says at
# once what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np
from scipy.stats import norm

from exercise import answers, entries, exercise, finish, numbers, parts, same
from minram import sensor
from minram.datasets import data

# %% [markdown]
# **1. Predict**, before you compute anything.
#
# - `a`: four times as many rollouts are averaged. By what is the standard error multiplied?
# - `b`: an agent takes $T = 7$ glimpses. How many locations does it *decide* on?
# - `c`: how many numbers are drawn in one of its rollouts, if the label is drawn too? (A location has two.)
# - `d`: untrained agents for five classes, with random weights. What is the mean, over them, of the expected reward
#   $J(\theta)$, which is 1 for the true label?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 1 / 2, "b": 6, "c": 15, "d": 1 / 5}


# %%
@exercise("1. Predict")
def check_predicted():
    hints = {
        "a": "The variance of a mean is that of one number, over N.",
        "b": "The first location is not its own decision.",
        "c": "Count the first location, the draws of the decisions, and one label.",
        "d": "Each answer is as probable as any other, for every image.",
    }
    T = 7
    answers(predicted(), {"a": np.sqrt(1 / 4), "b": T - 1, "c": 2 + 2 * (T - 1) + 1, "d": 1 / 5}, hints)


# %% [markdown]
# **2. Numbers by hand.** An agent looks once at random, to the left or to the right, by a fair coin. After left it
# decides to go on (look at the other side) with probability ½, after right with ¼; if not, it stays. Then it says the
# true label with probability ¾ if it has seen both sides, and ½ if not. How probable is: right, stay, the true label?
# What is $J$, the mean of a reward of 1 for the true label? And how often has it seen both sides, *given* that its
# label was true?


# %% tags=["solution"]
def by_hand():
    """→ {"trajectory": …, "J": …, "both": …}, three numbers."""
    # Solution
    # ½ · ¾ · ½. Both sides: ½ · ½ + ½ · ¼ = ⅜, so J = ⅜ · ¾ + ⅝ · ½ = 19/32. Of these, 9/32 had seen both.
    return {"trajectory": 3 / 16, "J": 19 / 32, "both": 9 / 19}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# One factor for each thing that is drawn, in order. $J$ is the sum of the probabilities of all trajectories that end
# with the true label.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# First the probability of having seen both sides. The last question is a ratio of two probabilities: of both things
# together, and of being right.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    got_trajectory, got_J, got_both = entries(by_hand(), "trajectory", "J", "both")
    p = {}
    for first, on, true in product(("left", "right"), (True, False), (True, False)):
        goes, says = {"left": 1 / 2, "right": 1 / 4}[first], 3 / 4 if on else 1 / 2
        p[first, on, true] = 1 / 2 * (goes if on else 1 - goes) * (says if true else 1 - says)
    want = p["right", False, True]
    because = {
        "a factor is missing: the first look is drawn too, and so is the label.": 2 * want,
        "this is for going on; it stays.": p["right", True, True],
    }
    same("trajectory", got_trajectory, want, because)
    J = sum(value for (_, _, true), value in p.items() if true)
    both = sum(value for (_, on, true), value in p.items() if on and true)
    because = {"this is the share with both sides seen and right; being right happens without that, too.": both}
    same("J", got_J, J, because)
    because = {
        "this is both things together; divide by the probability of being right.": both,
        "this is how often it sees both sides at all.": sum(value for (_, on, _), value in p.items() if on),
    }
    same("both", got_both, both / J, because)


# %% [markdown]
# **3. A number: the estimate.** Write the Monte-Carlo estimate of $J$ and its standard error, for rewards that are any
# numbers. Divide the sum of squares by $N - 1$, since the mean is estimated too.


# %% tags=["solution"]
def estimate(r):
    """Rewards r (N,) → the estimate of J and its standard error, two numbers."""
    # Solution
    return r.mean(), r.std(ddof=1) / np.sqrt(len(r))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# The standard error is that of a *mean*. It is smaller than the scatter of one reward.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# `r.std()` divides by $N$. `ddof=1` makes it $N - 1$.
#
# </details>


# %%
@exercise("3. The estimate")
def check_estimate():
    rng = np.random.default_rng(3)
    for r in (np.array([3.0, -1.0, 1.0, -1.0]), (rng.random(50) < 0.3).astype(float), rng.normal(size=7)):
        mean, error = parts(estimate(r.copy()), "the estimate", "its standard error")
        N, square = len(r), sum((value - sum(r) / len(r)) ** 2 for value in r)
        same("the estimate", mean, sum(r) / N, {"this is the sum; J is a mean.": sum(r)})
        because = {
            "this is the scatter of one reward; that of the mean is smaller by √N.": np.sqrt(square / (N - 1)),
            "the sum of squares should be divided by N − 1.": np.sqrt(square / N / N),
            "this is the variance of the mean; take its root.": square / (N - 1) / N,
            "J(1 − J) is the variance of rewards of 0 and 1 alone.": np.sqrt(abs(mean * (1 - mean)) / N),
            "what is squared is the distance from the mean.": np.sqrt(sum(r**2) / (N - 1) / N),
        }
        same("the standard error", error, np.sqrt(square / (N - 1) / N), because)


# %% [markdown]
# **4. A matrix, and time: how probable was it?** For $N$ rollouts there are the draws $a$ and the means $\mu$ of
# $T - 1$ decisions, one σ for all, and the probabilities of the labels with the labels that were drawn. Write
# $\log p_\theta(\tau)$ of each rollout, without the first location's term.


# %% tags=["solution"]
def log_probability(a, mu, std, p, guess):
    """a, mu (T−1, N, 2), std a number, p (N, K), guess (N,) → (N,)."""
    # Solution
    z = (a - mu) / std
    of_draws = -0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi)  # (T−1, N, 2)
    return of_draws.sum(axis=(0, 2)) + np.log(p[np.arange(len(guess)), guess])


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# A factor for each thing that was drawn, so a term for each: $T - 1$ times two coordinates, and a label.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# The density of one coordinate is $\exp(-(a - \mu)^2 / 2\sigma^2) / (\sqrt{2\pi}\,\sigma)$. The probability of the
# label that was drawn is `p[n, guess[n]]`, for all rows at once `p[np.arange(N), guess]`.
#
# </details>


# %%
@exercise("4. How probable was it?")
def check_log_probability():
    rng = np.random.default_rng(4)
    for T, N, K, std in ((6, 5, 10, 0.1), (2, 3, 2, 0.3), (4, 1, 3, 2.0)):
        mu = rng.normal(size=(T - 1, N, 2))
        a, p, guess = mu + std * rng.normal(size=mu.shape), rng.dirichlet(np.ones(K), N), rng.integers(0, K, N)
        terms = norm.logpdf(a, mu, std)
        label = np.array([np.log(p[n, guess[n]]) for n in range(N)])
        want = terms.sum(axis=(0, 2)) + label
        constant = 0.5 * np.log(2 * np.pi) * terms[:, 0].size
        because = {
            "the label was drawn too, and has a factor.": terms.sum(axis=(0, 2)),
            "a product over time has a logarithm that is a sum, not a mean.": terms.sum(axis=2).mean(axis=0) + label,
            "the constant ½ log 2π is missing, once for each number that was drawn.": want + constant,
            "log σ is missing: how high is a narrow density?": want + np.log(std) * terms[:, 0].size,
            "this is the product, without the logarithm.": np.exp(want),
            "this is the sum over all rollouts; each has a probability of its own.": terms.sum() + label,
            "of the label, too, it is the logarithm.": want - label + np.exp(label),
            "only the label that was drawn has a factor.": want - label + np.log(p).sum(axis=1),
            "there is a factor ½ before z².": want - 0.5 * (((a - mu) / std) ** 2).sum(axis=(0, 2)),
        }
        got = log_probability(a.copy(), mu.copy(), std, p.copy(), guess.copy())
        same(f"for T = {T}, log p", got, want, because)


# %% [markdown]
# **5. A policy of your own.** Find six places that show more ink than the six of the lesson, on images that you did not
# use to find them. (The lesson's have $x = \pm 0.28$ and $y = -\frac12, 0, \frac12$, and a window has $8 \times 8$ of
# the $28 \times 28$ pixels.) The check wants four standard errors.


# %% tags=["solution"]
def my_places():
    """Six locations (x, y) in [-1, 1]², as an array (6, 2)."""
    # Solution
    # The window is 8/28 half-widths to each side of its centre. Digits fill the middle 20 × 20 pixels, and lean to
    # the right at the top: two columns, moved against each other, whose windows hardly overlap.
    return np.array([(-0.22, -0.5), (0.35, -0.5), (-0.29, 0.07), (0.28, 0.07), (-0.35, 0.6), (0.2, 0.6)])


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# Where is the ink? Look at the mean of many digits, `data.load().x_train.mean(axis=0)`, and at how digits lean.
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# Windows that overlap see the same ink twice. A window reaches 8/28 of a half-width to each side. Who places one window
# after the other, each where most ink is left, gets stuck: begin with the lesson's six and move one at a time.
#
# </details>


# %%
@exercise("5. A policy of your own")
def check_places():
    fresh = data.load().x_val[:1000] / np.float32(255)
    area = sensor.summed_area(np.zeros((1, 28, 28), np.float32))

    def ink(places):
        """The share of the ink of each digit that 8 × 8 windows at six places saw (n,)."""
        phi, cache = sensor.sensor_forward(area, places.astype(np.float32), (1,), 8, np.zeros(6, int))
        mask = sensor.sensor_backward_image(np.ones_like(phi), cache)[0, ..., 0] > 0
        return fresh[:, mask].sum(axis=1) / fresh.sum(axis=(1, 2))

    places = numbers("the answer", my_places()).astype(float)
    assert places.shape == (6, 2), f"there should be six places with two numbers each, but the shape is {places.shape}."
    assert np.abs(places).max() <= 1, "places lie between −1 and 1: 0 is the centre of the image, not a pixel."
    known = np.array([(a, b) for a in (-0.28, 0.28) for b in (-0.5, 0, 0.5)])
    difference = ink(places) - ink(known)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    enough = difference.mean() > 4 * error
    assert enough, f"they show {difference.mean():+.3f} ± {error:.3f} of the ink compared with the lesson's six."


# %%
finish()
