# %% [markdown]
# # 1 · Looking as deciding
#
# **What you will see.** A digit, looked at through a small window six times; how such a series of looks becomes a
# sequential decision problem, with states, actions, a policy, a history and a reward; the probability of one whole
# series, $p_\theta(\tau)$; the expected reward $J(\theta)$, estimated with its standard error; and why an agent that
# has learnt nothing earns a reward of one tenth.
#
# **What you need.** Expectations and conditional probabilities. No reinforcement learning.
#
# **How long it runs.** About ten seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import t as student_t

from lesson import show_source
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
digits = data.load()
images, labels = digits.x_test, digits.y_test
config = Config(glimpses=6, patch_size=8, scales=(1,))

# %% [markdown]
# ## Six looks at a digit
#
# A network usually gets an image all at once. Ours never does. It sees a window of $8 \times 8$ pixels, called a
# *glimpse*, and then it decides where the next window shall be. After $T = 6$ glimpses it has to name the digit.
#
# Let us first watch an agent that does not decide at all: each location is drawn uniformly from the image, and the
# weights of the network are random numbers. `rollout` runs it. The locations are numbered in the left picture, and the
# other pictures show what is known after one, two, … glimpses: the pixels seen so far, and nothing of the grey rest.

# %%
params = init_params(config, np.random.default_rng(0))
one = images[1:2]  # (B, H, W) with B = 1
trajectory = rollout(params, config, summed_area(one), np.random.default_rng(3), policy="random", every_step=True)


def seen(loc, shape):
    """Which pixels glimpses at loc (n, 2) saw, one mask a glimpse: (n, H, W). Lesson 2 shows why this works."""
    area = summed_area(np.zeros((len(loc), *shape), np.float32))
    phi, cache = sensor_forward(area, loc, config.scales, config.patch_size)
    return sensor_backward_image(np.ones_like(phi), cache)[..., 0] > 0


path = trajectory.loc[:, 0]  # (T, 2)
known = np.logical_or.accumulate(seen(path, one.shape[1:]))  # (T, H, W)
fig, axes = plt.subplots(1, 7, figsize=(10, 1.75))
plots.glimpse_path(axes[0], one[0], path, Retina.of(config))
axes[0].set_title("the path")
for t, ax in enumerate(axes[1:]):
    plots.image(ax, np.where(known[t], one[0] / 255, 0.45))
    ax.set_title(f"$s_{{1:{t + 1}}}$")
plt.show()

# %% [markdown]
# This is the problem in one row of pictures. Whoever chooses the next window knows only the pixels to the left of it,
# and whoever names the digit knows only the last picture.
#
# ## The words for it
#
# Fix one image $x$ with its label. The image is the world. The agent does not see it; it is *partially observed*, and
# what the agent has at step $t$ is the **state**
#
# $$s_t = (l_t,\; \rho(x, l_t)),$$
#
# a location $l_t \in [-1, 1]^2$ and what the sensor $\rho$ saw there. All states so far are the **history** $s_{1:t}$.
# Having seen the history, the agent takes an **action**
#
# $$a_t = (l_{t+1},\; y_t),$$
#
# the next location and a guess of the label. It draws the action from its **policy** $\pi_\theta(a_t \mid s_{1:t})$, a
# distribution that a network with the parameters $\theta$ computes. Note what the policy is conditioned on: not on
# the last state, but on everything seen so far. A network cannot take an input that grows, so a recurrent core
# compresses the history into a vector $h_t$, and the policy reads that.
#
# At the end comes the **reward**: $r_t = 0$ for $t < T$ and $r_T = 1$ if the guess $y_T$ is right, 0 if it is wrong.
# The earlier guesses cost nothing, and $l_{T+1}$ is a location where nothing will ever look, so `rollout` does not
# draw it. The whole series is a **trajectory** $\tau = (s_1, a_1, \ldots, s_T, a_T)$.
#
# Each of these words is an array. Glimpse $t$ of the text is index `t - 1` of an array, because Python counts from 0.

# %%
rows = [
    ("l_t", "where glimpse t was taken", "trajectory.loc", trajectory.loc),
    ("ρ(x, l_t)", "what was seen there", "trajectory.glimpse.phi", trajectory.glimpse.phi),
    ("h_t", "the history, compressed", "trajectory.core.h", trajectory.core.h),
    ("μ_t", "mean of the next location", "trajectory.mu", trajectory.mu),
    ("a_t", "the next location, as drawn", "trajectory.sample", trajectory.sample),
    ("y_t", "scores of the ten labels", "trajectory.logits", trajectory.logits),
]
for symbol, meaning, name, array in rows:
    print(f"{symbol:10} {meaning:28} {name:24} {array.shape}")
T, N = trajectory.loc.shape[:2]
assert all(array.shape[:2] in [(T, N), (T - 1, N)] for *_, array in rows)

# %% [markdown]
# Time comes first, then the rows, then the components. Here there is one row, since one agent looked at one image;
# below there are thousands, and nothing else changes.
#
# ## How probable is a trajectory?
#
# Everything later rests on one formula, the probability of a whole trajectory, so we derive it slowly. Start with the
# chain rule of probability, which holds for any series of random things: each factor is conditioned on all that came
# before.
#
# $$p_\theta(\tau) = p(s_1)\; p(a_1 \mid s_1)\; p(s_2 \mid s_1, a_1)\; p(a_2 \mid s_{1:2}, a_1) \cdots
#   p(a_T \mid s_{1:T}, a_{1:T-1})$$
#
# Now use what we know of this problem. The agent acts on the history of states alone, so each factor of an action is
# the policy:
#
# $$p(a_t \mid s_{1:t}, a_{1:t-1}) = \pi_\theta(a_t \mid s_{1:t}).$$
#
# And the world answers to the last action alone: whatever happened before, looking at $l_{t+1}$ shows
# $\rho(x, l_{t+1})$, so
#
# $$p(s_{t+1} \mid s_{1:t}, a_{1:t}) = p(s_{t+1} \mid s_t, a_t).$$
#
# Put both in, and collect the factors by kind:
#
# $$p_\theta(\tau) = p(s_1)\; \prod_{t=1}^{T} \pi_\theta(a_t \mid s_{1:t})\;
#   \prod_{t=1}^{T-1} p(s_{t+1} \mid s_t, a_t).$$
#
# The parameters $\theta$ occur in the first product only. The first location is drawn by nobody's will, and the world
# does not know $\theta$. In fact, for a given image the world does not even throw dice: $s_{t+1}$ is a function of
# $l_{t+1}$. Taking the logarithm, the product becomes a sum over time,
#
# $$\log p_\theta(\tau) = \sum_{t=1}^{T} \log \pi_\theta(a_t \mid s_{1:t}) + \text{terms without } \theta,$$
#
# and this sum is all that lesson 6 will have to differentiate.
#
# ## The formula, computed
#
# Our agent's policy has two independent parts. The next location is Gaussian around a mean $\mu_t$ that the network
# computes from $h_t$, with a standard deviation $\sigma$ in both directions; the label is drawn from a softmax over the
# scores. Only the last guess counts, so only $y_T$ is drawn. Each sum below is over time, for all rows at once.

# %%
many = summed_area(images[:1000])
trajectory = rollout(params, config, many, np.random.default_rng(4))  # the policy's own locations
cross_entropy, cache = cross_entropy_forward(trajectory.logits[-1], np.zeros(1000, int))
guess = draw(cache.p, np.random.default_rng(5))  # (N,) y_T, drawn from the softmax

log_locations, _ = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)  # (T-1, N)
log_guess = -cross_entropy_forward(trajectory.logits[-1], guess)[0]  # (N,)
log_p = log_locations.sum(axis=0) + log_guess  # (N,)
print(f"log p without the terms that θ is not in, for the first three trajectories: {log_p[:3]}")

# %% [markdown]
# To check it we compute the same thing in the most literal way, in float64, one factor after the other. The network
# computes in float32, and a sum whose terms each pass through about 20 roundings can be off by 20 $\varepsilon$ times
# the sum of the absolute terms. That is the bound in the assertion.

# %%
std = np.exp(trajectory.log_std.astype(float))
for n in range(100):
    terms = [np.log(float(cache.p[n, guess[n]]))]
    for t in range(T - 1):
        for i in range(2):
            l, mu = float(trajectory.sample[t, n, i]), float(trajectory.mu[t, n, i])
            terms += [norm.logpdf(l, mu, std[i])]
    assert abs(log_p[n] - sum(terms)) < 20 * np.finfo(np.float32).eps * np.abs(terms).sum()
print("the sum of logarithms is the logarithm of the product, for every row that was tried")

# %% [markdown]
# ## What is to be maximised
#
# The **expected reward** is
#
# $$J(\theta) = \mathbb{E}_{\tau \sim p_\theta(\tau)}\Big[\sum_{t=1}^{T} r(s_t, a_t)\Big]
#   = \mathbb{E}_{\tau \sim p_\theta(\tau)}[\,r\,], \qquad r = r_T,$$
#
# where the second form holds because all rewards but the last are 0. With a reward of 0 or 1 it is simply the
# probability of being right. We fixed one image; from here on the image is drawn too, uniformly from the test set,
# and $J$ is averaged over it.
#
# Nobody can compute this expectation. The trajectories are points of a space of twelve dimensions (six locations
# of two coordinates each), and the reward jumps from 0 to 1 inside it. But we can draw from $p_\theta(\tau)$ as often
# as we like, and average. From $N$ independent rollouts,
#
# $$J(\theta) \approx \frac{1}{N} \sum_{n=1}^{N} r_n, \qquad
#   \text{standard error} = \sqrt{\frac{\operatorname{Var}[r]}{N}} \approx \sqrt{\frac{J(1-J)}{N}},$$
#
# the last step because a variable that is 1 with probability $J$ and otherwise 0 has the variance $J - J^2$. The
# standard error is as much a part of the answer as the mean. In this course no estimate is judged without one.
#
# The formulas hold for every policy. Here we take the simplest: uniform locations, and the most probable label.


# %%
def answers(params, seed, n=1000):
    """The most probable label and the true one, for n random paths, each on an image drawn uniformly. → 2 × (n,)"""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(images), n)
    trajectory = rollout(params, config, summed_area(images[index]), rng, policy="random")
    return trajectory.logits[-1].argmax(axis=1), labels[index]


runs = np.stack([np.equal(*answers(params, seed)) for seed in range(12)]).astype(float)  # (12, n) twelve times r
J, error = runs.mean(), runs.std(ddof=1) / np.sqrt(runs.size)
print(f"J = {J:.4f} ± {error:.4f}, from {runs.size} rollouts")

# %% [markdown]
# The picture repeats the estimate twelve times, each time with more and more rollouts. The band is the mean of all
# plus and minus two standard errors. It narrows like $1/\sqrt{N}$: to halve the error takes four times the work. This
# slow law is the reason why so much of the course is about variance.

# %%
n = np.arange(1, runs.shape[1] + 1, 3)
fig, ax = plt.subplots()
ax.plot(n, 100 * runs.cumsum(axis=1).T[n - 1] / n[:, None], color=style.COLOURS["reward"], linewidth=0.9, alpha=0.7)
width = 2 * np.sqrt(J * (1 - J) / n)
ax.fill_between(
    n,
    100 * (J - width),
    100 * (J + width),
    color=style.COLOURS["muted"],
    alpha=0.25,
    linewidth=0,
    label="two standard errors",
)
ax.axhline(100 * J, color=style.COLOURS["exact"], linewidth=1, label="mean of all")
ax.set(
    xlim=(0, 1000),
    ylim=(0, 25),
    xlabel="number of rollouts N",
    ylabel="mean reward (%)",
    title="Twelve estimates of J for one random agent",
)
ax.legend()
plt.show()
# The variance of twelve independent means is distributed like a chi-square with 11 degrees of freedom.
ratio = runs.mean(axis=1).var(ddof=1) / (J * (1 - J) / runs.shape[1])
low, high = chi2.ppf([0.0005, 0.9995], 11) / 11
print(f"variance of the end points / (J(1 − J)/N) = {ratio:.2f}, in 999 of 1000 cases from {low:.2f} to {high:.2f}")
assert low < ratio < high

# %% [markdown]
# ## Why one tenth
#
# The estimate lies near 10 %, as everybody expects of ten classes. But why, exactly? A network with random weights is
# not a die. Here is how often each of 24 such networks gives each answer.

# %%
played = [answers(init_params(config, np.random.default_rng(seed)), seed) for seed in range(100, 124)]
share = np.stack([np.bincount(guess, minlength=10) / len(guess) for guess, _ in played])  # (24, 10)
fig, ax = plt.subplots(figsize=(7, 2.7))
drawn = ax.imshow(100 * share.T, style.BELIEF, vmin=0, vmax=100, aspect="auto", extent=(0.5, 24.5, 9.5, -0.5))
ax.grid(False)
ax.set(xlabel="initialisation", ylabel="answer", yticks=range(10), xticks=range(1, 25, 2))
fig.colorbar(drawn, label="how often (%)")
plt.show()

# %% [markdown]
# Each has its favourites and says them whatever digit it looks at. It is right as often as those digits come up, so
# $J(\theta)$ of *one* untrained agent need not be one tenth.
#
# What is exactly one tenth is the mean of $J(\theta)$ over the initial weights. The ten columns of the label head's
# matrix are drawn independently from one distribution, and its biases are 0. Exchanging two columns therefore changes
# nothing in the distribution of $\theta$, but exchanges two answers. By this symmetry each of the ten answers has the
# same probability, for every image and every path, and so
#
# $$\mathbb{E}_\theta[J(\theta)] = \frac{1}{10}.$$
#
# An exact value is what one wants to hold an estimate against: the mean over these initialisations must lie within
# four of its standard errors of one tenth.

# %%
J_of = np.array([np.mean(guess == label) for guess, label in played])
error = J_of.std(ddof=1) / np.sqrt(len(J_of))
print(f"mean over {len(J_of)} initialisations: {J_of.mean():.4f} ± {error:.4f}")
chance = 2 * student_t.sf(4, len(J_of) - 1)
print(f"four standard errors are exceeded by chance once in {1 / chance:.0f} times")
assert abs(J_of.mean() - 0.1) < 4 * error

# %% [markdown]
# ## Where one looks matters
#
# All the weights above are random, so it does not matter where such an agent looks. To see that it can matter,
# take a reward that needs no network: the share of a digit's ink that has been seen after six glimpses. We
# compare two policies, the random one, and one that always goes to the same six places, three on the left and three
# on the right.


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

fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.2), gridspec_kw={"width_ratios": [1, 1, 0.1, 2.6]})
for ax, path, name in zip(axes, (random_path, grid_path), ink):
    plots.glimpse_path(ax, images[2], path[:, 2], Retina.of(config))
    ax.set_title(name)
axes[2].axis("off")
for (name, r), colour in zip(ink.items(), (style.COLOURS["muted"], style.COLOURS["location"])):
    axes[3].hist(100 * r, np.linspace(0, 100, 41), color=colour, alpha=0.75, label=name)
axes[3].set(xlabel="ink seen (%)", ylabel="digits of 1000")
axes[3].legend(loc="upper left")
plt.show()

difference = ink["six fixed places"] - ink["random"]  # (n,) of the same digits: their own spread cancels
assert difference.mean() > 4 * difference.std(ddof=1) / np.sqrt(len(difference))

# %% [markdown]
# A fixed series of places does well on digits that sit in the middle of a small image. On a large image with the digit
# anywhere it would fail, and there the only good policy is one that decides by what it has seen.
#
# ## How it will learn: Algorithm 1
#
# The plan of the paper fits on six lines:
#
# 1. Initialise $\pi_\theta$ with random parameters.
# 2. Pick an image $x_n$ with its label.
# 3. Draw a random first location.
# 4. Run the policy for $T$ steps; at the end collect the reward $r_T \in \lbrace 0, 1 \rbrace$.
# 5. Compute the gradient of the expected reward, $\nabla_\theta J(\theta_n)$.
# 6. Update $\theta_{n+1} \leftarrow \theta_n + \alpha_n \nabla_\theta J(\theta_n)$, and go on with step 2.
#
# Here it is in `minram`, each step beside its number, on a minibatch of images at once. All but step 5 you understand
# already. Step 5 is two calls, and the rest of the course opens them: `backward` in lessons 3 and 4, `cotangents` in
# lessons 5 to 8. Both are written for descent, so the update subtracts.

# %%
pure = Config(objective="reinforce", flow=("label", "location", "baseline"), baseline="batch")
rng = np.random.default_rng(7)
theta = init_params(pure, rng)  # 1
start = {name: value.copy() for name, value in theta.items()}
for n in range(3):
    index = rng.integers(0, len(digits.x_train), 20)  # 2
    area = summed_area(digits.x_train[index])
    trajectory = rollout(theta, pure, area, rng)  # 3 and 4
    heads, outcome = cotangents(trajectory, digits.y_train[index], pure, rng)  # 5: rewards become cotangents,
    gradient = backward(theta, trajectory, heads, pure.flow)  # which become the gradient
    theta = {name: theta[name] - 0.01 * gradient[name] for name in theta}  # 6
    print(f"update {n + 1}: mean reward {outcome.reward.mean():.2f}")
assert all(np.any(theta[name] != start[name]) for name in theta)

# %% [markdown]
# The rollout itself is a short loop; before it the arguments are checked, and arrays are made for the loop to fill. You
# need not follow each line now, but find in it the sensor, the glimpse network, the core, and the place where the
# policy draws a location, by the function printed below it. Every later lesson explains one of its lines.

# %%
show_source(rollout, next_location)

# %% [markdown]
# ## What to remember
#
# Looking at an image piece by piece is a decision problem: the image is a world of which the agent sees a small part,
# the history is what it knows, the policy turns the history into the next look. The probability of a trajectory is a
# product in which $\theta$ occurs only in the factors of the policy, so $\log p_\theta(\tau)$ is a sum over time. The
# expected reward $J(\theta)$ is estimated by a mean, with an error that falls like $1/\sqrt{N}$. An untrained agent is
# right one time in ten, exactly so on average over its initial weights.
#
# ## Exercises
#
# **1. The estimate.** Write the Monte-Carlo estimate of $J$ and its standard error, for rewards that are any numbers;
# divide the sum of squares by $N - 1$, since the mean is estimated too. The check tries four numbers, and then plays
# a game whose exact value is known: two random locations, and reward 1 if at least one of them lies in the right half
# of the image. Each misses with probability one half, so $J = 1 - 2^{-2}$.


# %% tags=["solution"]
def estimate(r):
    """Rewards r (N,) → the estimate of J and its standard error."""
    # Solution
    return r.mean(), r.std(ddof=1) / np.sqrt(len(r))


# %%
assert np.allclose(estimate(np.array([3.0, -1.0, 4.0, 6.0])), (3, np.sqrt(26 / 3) / 2))
N = 10_000
l = np.random.default_rng(8).uniform(-1, 1, (2, N, 2))
J, error = estimate((l[..., 0] > 0).any(axis=0).astype(float))
print(f"{J:.4f} ± {error:.4f}, exactly 0.75")
assert abs(J - 0.75) < 4 * error
# The sample variance of a 0/1 reward with J = 3/4 scatters by 1.15/√N of its size, its root by half of that.
assert abs(error / np.sqrt(0.75 * 0.25 / N) - 1) < 4 * 0.58 / np.sqrt(N)

# %% [markdown]
# **2. A policy of your own.** Find six places that show more ink than the six above, on images that you did not use to
# find them. The check wants four standard errors.


# %% tags=["solution"]
def my_places():
    """Six locations (x, y) in [-1, 1]², as an array (6, 2)."""
    # Solution
    # The window is 8/28 half-widths to each side of its centre. Digits fill the middle 20 × 20 pixels, and lean to
    # the right at the top: two columns, moved against each other, whose windows hardly overlap.
    return np.array([(-0.22, -0.5), (0.35, -0.5), (-0.29, 0.07), (0.28, 0.07), (-0.35, 0.6), (0.2, 0.6)])


# %%
fresh = digits.x_val[:1000] / np.float32(255)
mine = np.broadcast_to(my_places().astype(np.float32)[:, None], (6, len(fresh), 2))
difference = ink_seen(mine, fresh) - ink_seen(np.broadcast_to(grid[:, None], mine.shape), fresh)  # (n,)
print(f"more ink by {difference.mean():.4f} ± {difference.std(ddof=1) / np.sqrt(len(difference)):.4f}")
assert difference.mean() > 4 * difference.std(ddof=1) / np.sqrt(len(difference))
