# %% [markdown]
# # 8 · Hybrid learning
#
# **What you will see.** The label is known in training, so why should the agent learn to name digits from a reward?
# With a pencil first, then line by line, we compare the paper's hybrid rule with pure REINFORCE. We follow each
# gradient to the blocks that it reaches. Then we draw a map: four rewards, two rules, and for each pair what is really
# climbed, and what is missing. And we see what makes an update the gradient of nothing. It is not the mixture.
#
# **What you need.** Lesson 1 for Algorithm 1, lesson 4 for the backward pass, lessons 6 and 7.
#
# **How long it runs.** About twenty seconds, most of it training.
#
# **To touch.** [One step by hand](pages/step.html): a hybrid update of a small agent, number by number.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from scipy.special import expit, ndtr, softmax
from scipy.stats import norm

from lesson import show, show_source
from minram import agent, gradcheck, reinforce
from minram.agent import Cotangents, backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck.network import only
from minram.ops import cross_entropy_backward, cross_entropy_forward
from minram.pictures import style
from minram.sensor import summed_area
from minram.training import optim
from minram.training.config import Config
from minram.training.evaluate import evaluate

style.use()
COLOUR = style.COLOURS
EPS = np.finfo(float).eps
blocks = ("glimpse", "core", "label", "location", "baseline")

# %% [markdown]
# ## Two actions, two ways to learn
#
# At the end of a rollout the agent has done two kinds of things. It has chosen where to look, and nobody can tell it
# where it should have looked. And it has named a digit, and there we can tell it.
#
# **Algorithm 1**, the loop of lesson 1 with a reward as its only teacher, treats both alike. The label is an action
# too, drawn from the softmax, and everything follows the reward:
#
# $$
# \nabla_\theta J \approx \frac1M \sum_m \Bigl[ \sum_{t=1}^{T-1} \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\,
#   (r^m - b_t^m) + \nabla_\theta \log p_\theta(\hat y^m \mid s_{1:T}^m)\, (r^m - b_{T-1}^m) \Bigr].
# $$
#
# Here $a_t$ is the raw sample of the next location, and $\hat y$ the label that was drawn. $b_t$ is the baseline; for
# the label it is the last one before it.
#
# The **hybrid** rule keeps REINFORCE for the locations. For the label it uses what is known, the true label $y$: it
# descends on the cross-entropy $-\log p_\theta(y \mid s_{1:T})$, whose gradient flows through the label head, the core
# and the glimpse network.
#
# ## With a pencil
#
# An agent looks once more, to the right with probability ¼, to the left with ¾. Then it names the digit. What it saw on
# the right makes it say the true label $y$ with probability ½; what it saw on the left, with probability ⅓. So it is
# right with probability $J = \tfrac14 \cdot \tfrac12 + \tfrac34 \cdot \tfrac13 = \tfrac38$.
#
# It has two parameters for us: the logit $\theta$ of looking to the right, and $\eta$, the logit of $y$ after it has
# looked to the right. The true slopes are
# $\partial J/\partial\theta = \tfrac{3}{16}(\tfrac12 - \tfrac13) = \tfrac{1}{32}$ and
# $\partial J/\partial\eta = \tfrac14 \cdot \tfrac12 (1 - \tfrac12) = \tfrac{1}{16}$. What does
# Algorithm 1 say? The scores are those of lesson 6:
#
# | where | label | how often | r | r · score of θ | r · score of η |
# |---|---|--:|--:|--:|--:|
# | right | y | ⅛ | 1 | ¾ | ½ |
# | right | another | ⅛ | 0 | 0 | 0 |
# | left | y | ¼ | 1 | −¼ | 0 |
# | left | another | ½ | 0 | 0 | 0 |
# | | **mean** | | **⅜** | **1/32** | **1/16** |
#
# Both are right. Now the cross-entropy. After a look to the right the slope of $\log p_y$ by $\eta$ is $1 - \tfrac12$,
# and that happens in a quarter of all cases: ⅛, twice as much. It is *another* slope, that of another function, the
# mean of $\log p_y$. Twice is $1 / p_y$. We come back to both.
#
# Last, let the reward not be 0 or 1, but $p_y$ itself, the probability of saying $y$, which the agent knows before it
# says anything: ½ on the right, ⅓ on the left. Then θ hears $\tfrac12 \cdot \tfrac34$ or $\tfrac13 \cdot (-\tfrac14)$.
# The mean is $\tfrac14 \cdot \tfrac38 - \tfrac34 \cdot \tfrac{1}{12} = \tfrac{1}{32}$ again, with less scatter.

# %%
look, says_y = np.array([1 / 4, 3 / 4]), np.array([1 / 2, 1 / 3])  # to the right, to the left
score_theta = np.array([3 / 4, -1 / 4])
often = np.stack([look * says_y, look * (1 - says_y)], axis=1)  # (right or left, y or another)
earned = np.array([1.0, 0.0])
score_eta = np.array([[1 / 2, -1 / 2], [0, 0]])  # on the left η has no say
theta_says = earned * score_theta[:, None]
theta_mean, eta_mean = (often * theta_says).sum(), (often * earned * score_eta).sum()
soft_says = says_y * score_theta
variances = (often * theta_says**2).sum() - theta_mean**2, look @ soft_says**2 - (look @ soft_says) ** 2
print(f"mean of θ: {theta_mean}, with p_y as the reward {look @ soft_says}; mean of η: {eta_mean}")
print(f"variance of θ: {variances[0]:.4f}, with p_y {variances[1]:.4f}")


def J_by_hand(theta, eta):
    right = expit(theta)
    return right * expit(eta) + (1 - right) / 3


h, theta_now = 1e-4, np.log(1 / 3)
slope_theta = (J_by_hand(theta_now + h, 0) - J_by_hand(theta_now - h, 0)) / (2 * h)
slope_eta = (J_by_hand(theta_now, h) - J_by_hand(theta_now, -h)) / (2 * h)
assert abs(slope_theta - theta_mean) < h**2 and abs(slope_eta - eta_mean) < h**2  # off by h² |J‴| / 6, and |J‴| < 1
assert theta_mean == 1 / 32 and eta_mean == 1 / 16 and abs(look @ soft_says - 1 / 32) < EPS
assert variances[1] < variances[0] / 2
assert look[0] * (1 - says_y[0]) == 2 * eta_mean  # the cross-entropy's

# %% [markdown]
# ## In plain lines
#
# Both rules as loops. What differs is one line: whose label is pushed, and with what weight.


# %%
def plain_cotangents(t, labels, r, b, guess=None):
    """r (N,), b (T−1, N), guess (N,) if it was drawn → cotangents of the logits (N, K) and of μ, for descent."""
    p, N, dmu = softmax(t.logits[-1], axis=-1), len(labels), np.zeros(t.mu.shape)
    dlogits = np.zeros(p.shape)
    for n in range(N):  # a mean over rollouts
        named, weight = (
            (labels[n], 1) if guess is None else (guess[n], r[n] - b[-1, n])
        )  # the hybrid rule, or Algorithm 1
        dlogits[n] = weight * (p[n] - (np.arange(p.shape[1]) == named)) / N
        for s in range(len(dmu)):  # a sum over time
            dmu[s, n] = -(r[n] - b[s, n]) * (t.sample[s, n] - t.mu[s, n]) / np.exp(2 * t.log_std) / N
    return dlogits, dmu


# %% [markdown]
# A tiny agent, to hold the package to it. (Lesson 6 prints `reinforce.cotangents`. What it adds to these lines: λ,
# other rewards and baselines, a reward after each glimpse, the baseline's own error.)

# %%
tiny = Config(
    glimpses=3, patch_size=2, what_units=3, where_units=2, glimpse_units=4, core_units=4, std=0.3, recurrent_init="he"
)
rng = np.random.default_rng(2)
theta = init_params(tiny, rng, 3, 1, np.float64)
theta = {name: v + rng.normal(0, 0.5, v.shape) for name, v in theta.items()}
images, labels = rng.random((12, 6, 6)), rng.integers(0, 3, 12)
area = summed_area(images)
walked = rollout(theta, tiny, area, rng)
PURE_FLOW = ("label", "location", "baseline")
for objective in ("hybrid", "reinforce"):
    flow = tiny.flow if objective == "hybrid" else PURE_FLOW
    heads, outcome = reinforce.cotangents(
        walked, labels, tiny.changed(objective=objective, flow=flow), np.random.default_rng(3)
    )
    guess = reinforce.draw(softmax(walked.logits[-1], axis=-1), np.random.default_rng(3))
    drawn = None if objective == "hybrid" else guess
    plain = plain_cotangents(walked, labels, outcome.reward, walked.baseline, drawn)
    for ours, simple in zip((heads.logits[0], heads.mu), plain):
        assert np.abs(ours - simple).max() <= 8 * EPS * np.abs(simple).max()  # a few roundings of each entry
    print(f"{objective:9} the same, with {outcome.reward.sum():.0f} of {len(labels)} rewarded")
    assert 0 < outcome.reward.mean() < 1
    if objective == "reinforce":
        assert (outcome.reward == (guess == labels)).all()  # of the label that was drawn
p_y = softmax(walked.logits[-1], axis=-1)[np.arange(len(labels)), labels]
for name, value in (("probability", p_y), ("log_probability", np.log(p_y))):
    _, outcome = reinforce.cotangents(walked, labels, tiny.changed(reward=name))
    assert np.abs(outcome.reward - value).max() <= 8 * EPS * np.abs(value).max()

# %% [markdown]
# ## Both in training
#
# Here is one whole run of either. It is the loop of lesson 1 line by line. Which of the two rules it follows, and which
# gradients flow where, is in the settings.

# %%
dataset = data.load()
n_classes = 4  # zeros, ones, twos and threes: learned in seconds
x, y = (part[dataset.y_train < n_classes] for part in (dataset.x_train, dataset.y_train))
x_val, y_val = (part[dataset.y_val < n_classes] for part in (dataset.x_val, dataset.y_val))
BASE = Config(
    glimpses=4, patch_size=6, what_units=32, where_units=16, glimpse_units=64, core_units=64, std=0.15, batch_size=32
)


def learn(config, steps, seed, rate=1e-3):
    """Train from scratch → parameters, a record (reward, error) of each step (steps, 2)."""
    rng = np.random.default_rng(seed)
    vector, params = optim.pack(init_params(config, rng, n_classes))  # 1. Initialise the policy.
    state, record = optim.optimiser_state(config, vector), []
    for step in range(steps):
        index = rng.integers(len(x), size=config.batch_size)  # 2. Pick images.
        area = summed_area(x[index])
        t = rollout(params, config, area, rng, config.rollouts)  # 3., 4. A random first location, T glimpses.
        heads, outcome = reinforce.cotangents(t, y[index], config, rng)  # 5. The reward,
        grads = backward(params, t, heads, config.flow)  # and its gradient.
        gradient = np.concatenate([g.ravel() for g in grads.values()])
        optim.update_in_place(config, vector, gradient, state, step, rate * (1 - step / steps))  # 6. Update.
        record.append((outcome.reward.mean(), outcome.error))
    return params, np.array(record)


steps, seeds = 1200, (0, 1)
HYBRID = BASE
PURE = BASE.changed({"objective": "reinforce", "flow": ("label", "location")})
SOFT = BASE.changed({"reward": "probability"})
BLIND = BASE.changed({"location_weight": 0.0})
configs = {"hybrid": HYBRID, "Algorithm 1": PURE, "soft reward": SOFT, "locations untrained": BLIND}
runs = {name: [learn(config, steps, seed) for seed in seeds] for name, config in configs.items()}
errors = {}
for name, pair in runs.items():
    errors[name] = [evaluate(params, BASE, x_val, y_val, "sampled").error for params, _ in pair]
for name, e in errors.items():
    print(f"{name:20} validation error, sampled locations: {', '.join(f'{100 * v:.1f} %' for v in e)}")
# 1,200 updates are many for chance to turn a factor of two around, and the seeds are fixed.
assert max(errors["hybrid"] + errors["soft reward"]) < min(errors["Algorithm 1"])
assert max(errors["Algorithm 1"]) < 0.4  # it learns, too: guessing has 0.75


def smooth(values, width=60):
    """Running means over so many steps."""
    total = np.concatenate([[0], np.cumsum(values)])
    return (total[width:] - total[:-width]) / width


# %% tags=["picture", "hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.4))
for name, colour, line in (("Algorithm 1", COLOUR["location"], "--"), ("hybrid", COLOUR["label"], "-")):
    for i, (_, record) in enumerate(runs[name]):
        ax.plot(100 * smooth(record[:, 1]), line, color=colour, alpha=(1, 0.5)[i], label=name if i == 0 else None)
ax.axhline(75, color=COLOUR["muted"], linewidth=1, linestyle=":", label="guessing")
ax.set(xlabel="update", ylabel="training error (%)", ylim=(0, 85))
ax.legend()
show(
    "Training error against updates, two seeds each: the hybrid rule falls at once, Algorithm 1 more slowly, with one "
    "seed much later"
)

# %% [markdown]
# Two seeds each. Both learn. The hybrid is quick from the first update. Algorithm 1 is slower throughout, and with one
# of its two seeds does not get going for many updates.
#
# ## Why the label is slow to learn from a reward
#
# Look at one softmax, $p = \mathrm{softmax}(\eta)$, and the known label $y$. Drawing a guess $\hat y \sim p$ and
# rewarding it with $r = [\hat y = y]$ has the expected gradient
#
# $$
# \begin{aligned}
# \mathbb{E}_{\hat y \sim p}\bigl[r\, \nabla_\eta \log p_{\hat y}\bigr]
#  &= \sum_{j} p_j\, [j = y]\, \nabla_\eta \log p_j && \text{definition of the expectation} \\
#  &= p_y\, \nabla_\eta \log p_y && \text{one term is left} \\
#  &= -\,p_y\, \nabla_\eta \bigl(-\log p_y\bigr) && \text{the cross-entropy is } -\log p_y
# \end{aligned}
# $$
#
# So on average it *is* the descent on the cross-entropy, shortened by the factor $p_y$, the chance of having guessed
# right. In the pencil example that was ½. Where the network is wrong, and has most to learn, it is not rewarded, and
# learns next to nothing. And all this is only the average. A single guess scatters about it.

# %%
p_right = np.linspace(0.001, 0.999, 200)  # of two labels, so that one number says it all
cross_entropy = 1 - p_right  # −∂(−log p_y)/∂η_y
mean = p_right * (1 - p_right)  # p_y ∂ log p_y/∂η_y
noise = np.sqrt(p_right * (1 - p_right) ** 2 - mean**2)  # E[r² (1 − p)²] − mean², r² = r

# The identity with ten labels, against finite differences of J = p_y and against the package's cross-entropy.
r = np.random.default_rng(0)
eta, label = r.normal(size=10), 3
p = softmax(eta)
expected = sum(p[j] * (j == label) * ((np.arange(10) == j) - p) for j in range(10))
report = gradcheck.check_gradient(lambda q: softmax(q["eta"])[label], {"eta": eta}, {"eta": expected})
print(report)
report.raise_if_failed()
_, cache = cross_entropy_forward(eta[None], np.array([label]))
descent = -cross_entropy_backward(np.ones(1), cache)[0]
assert np.allclose(expected, p[label] * descent, rtol=0, atol=1e-15)  # numbers below 1: a few roundings of 1e-16

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(p_right, cross_entropy, color=COLOUR["label"], label="cross-entropy")
ax.plot(p_right, mean, "--", color=COLOUR["location"], label="REINFORCE, mean")
band = {"color": COLOUR["location"], "alpha": 0.15, "linewidth": 0}
ax.fill_between(p_right, mean - noise, mean + noise, label="± standard deviation of one guess", **band)
ax.set(xlabel="probability of the right label", ylabel="push on its logit", ylim=(-0.3, 1.05))
ax.legend()
show("The push on the right label's logit, where that is improbable: large for the cross-entropy, near 0 for REINFORCE")

# %% [markdown]
# At the right end both fade, as they should. At the left end only the cross-entropy pushes. With ten classes an
# untrained network sits near the left end, at one tenth.
#
# ## Which gradient reaches which block
#
# Now to the plumbing. Three scalars are being worked on: the cross-entropy of the label, the surrogate of the
# locations' expected reward, and the squared error of the baseline. The backward pass takes the cotangents of all three
# at the heads. Its argument `flow` names the heads whose gradient goes *on*, into the core and the glimpse network. In
# the code below, that is the last argument of each head's own backward pass: whether a cotangent of $h$ is made.

# %%
show_source(agent.backward)

# %% [markdown]
# How long is each objective's gradient in each block? We measure it on a trained agent, over batches of training.

# %%
params = runs["hybrid"][0][0]
objectives = {"cross-entropy": "logits", "locations": "mu", "baseline error": "baseline"}


def norms(flow, batches=60):
    """Root-mean-square norm of each objective's gradient in each block, over batches of training (3, 5)."""
    rng = np.random.default_rng(1)
    squares = np.zeros((len(objectives), len(blocks)))
    for _ in range(batches):
        index = rng.integers(len(x), size=BASE.batch_size)
        t = rollout(params, BASE, summed_area(x[index]), rng)
        heads, _ = reinforce.cotangents(t, y[index], BASE)
        for i, head in enumerate(objectives.values()):
            for name, g in backward(params, t, only(heads, head), flow).items():
                squares[i, blocks.index(name.split(".")[0])] += np.sum(np.square(g))
    return np.sqrt(squares / batches)


hybrid, everything = norms(("label",)), norms(("label", "location", "baseline"))
assert (hybrid[0, :3] > 0).all() and not hybrid[0, 3:].any()  # cross-entropy: glimpse, core, label
assert hybrid[1, 3] > 0 and not np.delete(hybrid[1], 3).any()  # locations: their head alone
assert hybrid[2, 4] > 0 and not np.delete(hybrid[2], 4).any()  # baseline: its head alone
assert (everything[1:, :2] > 0).all() and not everything[0, 3:].any()
print("flow = label:", hybrid.round(2).tolist())

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.9), sharey=True)
for ax, N, flow in zip(axes, (hybrid, everything), ("label", "label, location, baseline")):
    ax.imshow(np.where(N > 0, N, np.nan), style.DENSITY, norm=LogNorm(1e-3, 10), aspect="auto")
    for (i, j), value in np.ndenumerate(N):
        text = f"{value:.2g}" if value else "0"
        ax.text(j, i, text, ha="center", va="center", fontsize=8.5, color="white" if value > 0.3 else style.INK)
    ax.grid(False)
    ax.set(xticks=range(5), xticklabels=blocks, yticks=range(3), yticklabels=objectives)
    ax.set_title(f"flow = {flow}")
fig.supxlabel("r.m.s. norm of each objective's gradient in each block, over 60 batches", fontsize=9)
show("Two tables of gradient norms: with flow = label each objective has its own blocks, with all three they share")

# %% [markdown]
# The numbers are root-mean-square norms: how long a gradient is in a typical batch. On the left is the hybrid rule as
# the paper has it. The cross-entropy trains label head, core and glimpse network. The location head is trained by
# REINFORCE, on a state that it does not shape. The baseline learns from the side-line.
#
# On the right all three flow into the core. What the other two send there is not small beside what the cross-entropy
# sends. The paper keeps them out. Whether that is better is a question to the experiment: among clutter to keep
# REINFORCE out cost several points, with one seed (lesson 12). Algorithm 1 has no choice, as the map below shows.
#
# > **Asked: could the cross-entropy not teach the location head as well?** Whatever `flow` says, it cannot reach it.
# > The only way there leads through the sampled locations, and a sample is data. What it *can* do is to be the reward:
# > $\log p_y$, below.
#
# ## A map of objectives
#
# What is it, then, that each rule climbs? That depends on the reward. Four rewards are in use:
#
# - the **drawn** label is right: $r = [\hat y = y]$, as in Algorithm 1;
# - the **most probable** label is right: $r = [\arg\max p = y]$, as the package has it by default;
# - $r = p_y$, the probability of the right label (`reward=probability`);
# - $r = \log p_y$, which is minus the cross-entropy (`reward=log_probability`).
#
# Each is a number $r$ that comes with a trajectory τ, and $J = \mathbb{E}[r(\tau)]$. The last three are *computed* by
# the network. So they contain θ themselves, and the step of lesson 6 in which $r$ did not contain θ has to be made
# again, with the product rule:
#
# $$
# \begin{aligned}
# \nabla_\theta J &= \nabla_\theta \int p_\theta(\tau)\, r_\theta(\tau)\, d\tau && \text{definition of } J \\
#  &= \int \nabla_\theta p_\theta(\tau)\, r_\theta(\tau)\, d\tau
#   + \int p_\theta(\tau)\, \nabla_\theta r_\theta(\tau)\, d\tau
#   && \text{product rule, under the integral: lesson 6, the box} \\
#  &= \mathbb{E}\bigl[r_\theta\, \nabla_\theta \log p_\theta(\tau)\bigr]
#   + \mathbb{E}\bigl[\nabla_\theta r_\theta(\tau)\bigr]
#   && \text{log-derivative trick on the first}
# \end{aligned}
# $$
#
# The first part is REINFORCE. The second is the *direct* part: the reward's own gradient, along a trajectory that is
# held fixed. Now put the four in.
#
# **The drawn label.** $\hat y$ is drawn, so it belongs to τ, and $p_\theta(\tau)$ has its factor. Given τ the reward is
# just a number, and there is no direct part. Algorithm 1 is the whole gradient.
#
# **$p_y$.** Nothing is drawn at the end. The direct part is $\nabla p_y = p_y \nabla \log p_y$: the cross-entropy's
# descent, times $p_y$. The hybrid rule has $\nabla \log p_y$ there, without the factor. So it does not climb $p_y$. And
# notice that $J$ is the *same* function as for the drawn label, because $\mathbb{E}[\,[\hat y = y] \mid \tau] = p_y$.
# The chance of the last draw has been averaged away, exactly. This is called Rao–Blackwellisation, after C. R. Rao
# (1945) and David Blackwell (1947): the mean stays, and the variance can only fall.
#
# **$\log p_y$.** The direct part is $\nabla \log p_y$. That is precisely what the hybrid rule does for the label. So
# with this reward, λ = 1 and both heads flowing, the hybrid update *is* a gradient, that of $\mathbb{E}[\log p_y]$.
# (Which is not the chance of being right. By Jensen's inequality it is below the logarithm of that chance.)
#
# **The most probable label.** Along a fixed trajectory this reward is 0 or 1 and stays so if θ moves a little. Its
# direct part is 0, or so it seems. We come back to that.
#
# ### Checked by going through all that can happen
#
# Each pair of reward and rule is held against the slope of its $J$, as in lesson 6. A small agent looks at $5 \times 5$
# pixels, its first glimpse in the centre. Each of its two decisions falls into one of $6 \times 6$ cells that show the
# same patch, so there are $36^2$ histories, and three labels that may be drawn. For each we call the package's
# `cotangents` and `backward`. Two details. A whole cell stands for all samples in it: we give it the mean sample of the
# cell, whose score is the mean score. And `cotangents` draws a label with a generator; we hand it one that is rigged,
# so that the label $j$ comes out, and weigh with $p_j$.

# %%
n_labels, true_label, W = 3, 1, 5
MAP = Config(
    glimpses=3,
    patch_size=2,
    what_units=4,
    where_units=1,
    glimpse_units=4,
    core_units=4,
    std=0.4,
    start="centre",
    recurrent_init="he",
    baseline="none",
    baseline_weight=0.0,
)
PURE_MAP = MAP.changed(objective="reinforce", flow=("label", "location"))
rng = np.random.default_rng(27)
small = init_params(MAP, rng, n_labels, 1, np.float64)
small = {name: v + rng.normal(0, 1.0, v.shape) for name, v in small.items()}
small["location.W"] *= 0.2  # so that no cell is more than 8 σ away
small["location.b"] *= 0.2
small["glimpse.where.W"][:] = 0
small["glimpse.where.b"][:] = -1  # silent, so that the cell alone matters
small_area = summed_area(rng.random((1, W, W)))

first = np.arange(-1, W)  # the pixel at which a patch begins
edges = np.concatenate([[-np.inf], (first[1:] + 0.5) * 2 / W - 1, [np.inf]])  # of the cells, in location units
middle = (first + 1) * 2 / W - 1
cells = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)  # (36, 2)
K = len(cells)
every_path = np.stack([np.repeat(cells, K, axis=0), np.tile(cells, (K, 1))])  # (2, 36², 2)
at_cell = np.searchsorted(edges, every_path) - 1
template = rollout(small, MAP, small_area, rng, K * K)._replace(sample=every_path)


def walk(params):
    """Every path, its samples the mean samples of their cells → Trajectory, probabilities (36²,), p (36², 3)."""
    t = rollout(params, MAP, small_area, None, K * K, frozen=template)
    low, high = (edges[at_cell] - t.mu) / MAP.std, (edges[at_cell + 1] - t.mu) / MAP.std
    mass = ndtr(high) - ndtr(low)  # of the cell, in each coordinate
    t = t._replace(sample=t.mu + MAP.std * (norm.pdf(low) - norm.pdf(high)) / mass)
    return t, mass.prod(axis=(0, 2)), softmax(t.logits[0], axis=-1)


REWARDS = {  # of p (36², 3) and the label j that was drawn → (36²,)
    "drawn": lambda p, j: np.full(len(p), float(j == true_label)),
    "most probable": lambda p, j: (p.argmax(axis=1) == true_label).astype(float),
    "p_y": lambda p, j: p[:, true_label],
    "log p_y": lambda p, j: np.log(p[:, true_label]),
}


class Rigged:
    """A generator with which `reinforce.draw` draws the label j in every row: u in the middle of its share."""

    def __init__(self, p, j):
        self.u = (p.cumsum(axis=1) - p / 2)[:, [j]]

    def random(self, shape, dtype):
        return self.u


def J_of(params):
    """J for each of the four rewards (4,), and what tells on which smooth piece θ lies."""
    t, P, p = walk(params)
    J = [sum((P * p[:, j]) @ r(p, j) for j in range(n_labels)) for r in REWARDS.values()]
    return np.array(J), (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0, p.argmax(axis=1))


def mean_update(params, kind, config, flow):
    """The mean of the package's update, uphill, over all that can happen → {name: gradient}."""
    t, P, p = walk(params)
    total = {name: np.zeros(v.shape) for name, v in params.items()}
    for j in range(n_labels):

        def reward(t, labels, j=j):
            r = np.zeros(t.loc.shape[:2])
            r[-1] = REWARDS[kind](p, j)
            return r

        heads, _ = reinforce.cotangents(t, [true_label], config, Rigged(p, j), reward=reward)
        weight = (len(P) * P * p[:, j])[:, None]  # `cotangents` takes the rows for equally likely
        heads = Cotangents(heads.logits * weight, heads.mu * weight, heads.log_std, heads.baseline * weight[:, 0])
        for name, g in backward(params, t, heads, flow).items():
            total[name] -= g
    return total


vector, views = optim.pack(small)
h, slopes = 1e-5, np.zeros((len(REWARDS), len(vector)))
for i in range(len(vector)):
    move = np.zeros(len(vector))
    move[i] = h
    (up, piece_up), (down, piece_down) = (J_of(optim.unpack(vector + s * move, views)) for s in (1, -1))
    assert all((a == b).all() for a, b in zip(piece_up, piece_down))  # no kink between the two
    slopes[:, i] = (up - down) / (2 * h)
exact = {kind: optim.unpack(s, views) for kind, s in zip(REWARDS, slopes)}
_, P, p = walk(small)
print(f"{K * K} histories, their probabilities add up to 1 + {P.sum() - 1:.0e}")
print("J:", {kind: float(J.round(4)) for kind, J in zip(REWARDS, J_of(small)[0])})
assert abs(P.sum() - 1) < len(P) * EPS
assert np.abs(slopes[0] - slopes[2]).max() < 1e-10  # the same J: the drawn label, and p_y


def off(found, kind):
    """How far an update is from ∇J in each block, relative to ∇J there: 0 it is right, 1 it may be missing."""
    distances = {}
    for block in blocks[:4]:
        names = [name for name in found if name.split(".")[0] == block]
        gap = np.sqrt(sum(np.sum((found[name] - exact[kind][name]) ** 2) for name in names))
        size = np.sqrt(sum(np.sum(exact[kind][name] ** 2) for name in names))
        distances[block] = gap / size if size > 1e-9 else gap
    return distances


# %% [markdown]
# The table: how far the mean update is from $\nabla J$, block by block, relative to $\nabla J$ there. (Where that is 0,
# as for the label head with the most probable label, the distance itself is shown.) Both heads flow.

# %%
BOTH = ("label", "location")
RULES = {"pure": PURE_MAP, "hybrid": MAP}
found, right = {}, 1e-6  # differences of J are off by h² |J‴| / 6, and by ε / h = 2e-11
print(f"{'reward':14} {'rule':7}", *(f"{block:>9}" for block in blocks[:4]))
for kind in REWARDS:
    for rule, config in RULES.items():
        found[kind, rule] = mean_update(small, kind, config, BOTH)
        distances = off(found[kind, rule], kind)
        shown = ["ok" if d < right else f"{d:.2f}" for d in distances.values()]
        climbs = "∇J" if max(distances.values()) < right else ""
        print(f"{kind:14} {rule:7}", *(f"{s:>9}" for s in shown), f"  {climbs}")
        assert distances["location"] < right  # the reward enters at this head, and is right for each
        assert (climbs == "∇J") == (
            (kind, rule) in {("drawn", "pure"), ("most probable", "pure"), ("log p_y", "hybrid")}
        )


def label_part(kind, rule):
    return np.abs(found[kind, rule]["label.W"]).max()


# Pure, with a reward that does not ask what was drawn: the label's own part has the mean zero.
assert (
    max(label_part(kind, "pure") for kind in ("most probable", "p_y", "log p_y")) < 1e-12 < label_part("drawn", "pure")
)
# Hybrid: the drawn label and p_y are one and the same on average.
for name in small:
    assert np.abs(found["drawn", "hybrid"][name] - found["p_y", "hybrid"][name]).max() < 1e-12

# %% [markdown]
# Read it row by row.
#
# | reward | J is | pure: all by reward · score | hybrid: the label by cross-entropy |
# |---|---|---|---|
# | drawn label | chance of drawing $y$ | **∇J**: Algorithm 1 | the label's part lacks the factor $p_y$ |
# | most probable | chance that it is $y$ | **∇J** here; see below | a cross-entropy that is no part of $J$ |
# | $p_y$ | the same as the first | direct part missing | the label's part lacks the factor $p_y$ |
# | $\log p_y$ | minus the mean cross-entropy | direct part missing | **∇J** |
#
# The location head is right in every row. The two heads differ in what they are told, and the label's part is wrong, or
# missing, in most rows. "Wrong" is not "bad": the paper's rule, hybrid with 0 or 1, is none of the exact ones, and
# learns well. It does two sensible things at once, of which neither is the slope of the other's aim.
#
# And $p_y$ can be made exact, too. Take it as the reward of the locations, and multiply the label's cross-entropy by
# $p_y$, row by row. This is Algorithm 1, Rao–Blackwellised: no label is drawn any more, and the mean is the same.

# %%
t, P, p = walk(small)
p_y = p[:, true_label]
N = len(P)


def reward_p_y(t, labels):
    r = np.zeros(t.loc.shape[:2])
    r[-1] = p_y
    return r


heads, _ = reinforce.cotangents(t, [true_label], MAP, reward=reward_p_y)
blackwell = heads._replace(logits=heads.logits * (N * P * p_y)[:, None], mu=heads.mu * (N * P)[:, None])
grads = backward(small, t, blackwell, BOTH)
distances = off({name: -g for name, g in grads.items()}, "p_y")
print("Algorithm 1, Rao–Blackwellised:", {block: f"{d:.0e}" for block, d in distances.items()})
assert max(distances.values()) < right

# Its scatter at the location head, of one rollout without a baseline: E[r² | τ] is p_y for the drawn label, p_y² here.
score = ((t.sample - t.mu) / MAP.std**2) ** 2
squares = score.sum(axis=(0, 2))
of_drawn, of_soft = (P * p_y) @ squares, (P * p_y**2) @ squares
print(f"mean square of the location head's cotangents: drawn label {of_drawn:.2f}, p_y {of_soft:.2f}")
assert of_soft < of_drawn

# %% [markdown]
# ### The flow and the baseline, one at a time
#
# Now the two exact pairs again, once with less flow, once with another baseline.

# %%
EXACT = {"Algorithm 1": ("drawn", PURE_MAP), "log p_y, hybrid": ("log p_y", MAP)}
VARIED = {
    "both flow": (BOTH, {}),
    "flow = label": (("label",), {}),
    "flow = location": (("location",), {}),
    "learned baseline": (BOTH, {"baseline": "learned"}),
    "and its error flows": (PURE_FLOW, {"baseline": "learned", "baseline_weight": 1.0}),
}
print(f"{'':16} {'':20}", *(f"{block:>9}" for block in blocks[:4]))
for name, (kind, config) in EXACT.items():
    for what, (flow, changes) in VARIED.items():
        distances = off(mean_update(small, kind, config.changed(changes), flow), kind)
        print(f"{name:16} {what:20}", *(f"{'ok' if d < right else f'{d:.2f}':>9}" for d in distances.values()))
        heads_right, shared = (
            max(distances["label"], distances["location"]),
            min(distances["glimpse"], distances["core"]),
        )
        assert heads_right < right
        if what in ("both flow", "learned baseline"):
            assert max(distances.values()) < right
        else:
            assert shared > 0.01

# %% [markdown]
# The heads stay right, whatever flows. What changes is the core and the glimpse network: with one head's flow stopped,
# that head's part of $\nabla J$ is missing there. A learned baseline changes nothing on average, as lesson 7 proved:
# its $b_t$ is subtracted, and no derivative of it is taken. (The other rows' mean is as harmless, since rows are
# independent.) But its *error* is another aim. If that flows into the core, the core climbs something else as well.
#
# ### The border that moves
#
# For the most probable label the pure rule came out as exact, and the label head was told nothing. That was so because
# there are finitely many histories. With a continuum of locations there are histories on the very border between right
# and wrong, and if θ moves, the border moves. One location $a \sim \mathcal{N}(\mu, \sigma^2)$, and a label head that
# says $y$ if $a > c$, where $c$ is its parameter: $J = \Phi((\mu - c)/\sigma)$. The slope by $c$ is not 0. But the
# reward of each sample is constant as long as $c$ does not pass it, so neither the score nor the direct part says
# anything of $c$:

# %%
mu, std, c = 0.1, 0.2, 0.25
a = mu + std * np.linspace(-9, 9, 200_001)
density = norm.pdf(a, mu, std) * (a[1] - a[0])
slope = -norm.pdf((mu - c) / std) / std  # ∂J/∂c, by the chain rule and Φ′ = φ
direct = density @ (((a > c + 1e-9).astype(float) - (a > c - 1e-9)) / 2e-9)
print(f"most probable label: the slope of J by c is {slope:.3f}, what an update says {direct:.3f}")
assert slope < -1 and direct == 0
for omega in (0.1, 0.02, 0.004):  # the drawn label, with a softmax that sharpens

    def drawn_J(c, omega=omega):
        return density @ expit((a - c) / omega)

    p_a = expit((a - c) / omega)
    says = density @ (p_a * -(1 - p_a) / omega)  # E[r ∂ log p_ŷ/∂c] = E[p_y ∂ log p_y/∂c]
    print(
        f"drawn label, softmax of width {omega}: slope {(drawn_J(c + 1e-6) - drawn_J(c - 1e-6)) / 2e-6:.3f}, ", end=""
    )
    print(f"Algorithm 1 says {says:.3f}")
    assert abs((drawn_J(c + 1e-6) - drawn_J(c - 1e-6)) / 2e-6 - says) < 1e-6
assert abs(says - slope) < 0.01

# %% [markdown]
# So where labels are drawn the label head gets its due, however sharp the softmax. Where the most probable one is
# rewarded, a term is missing that no sample shows. The hybrid rule's cross-entropy steps in for it.
#
# > **Asked: is the hybrid update a loss or a gradient?** It is the sum of a loss's gradient, that of the cross-entropy,
# > and of an estimate of a reward's gradient. One may write both as one "loss", and descend. Its value says little:
# > plot the cross-entropy and the reward, each by itself.
#
# ## The gradient of nothing
#
# On average, then, some updates are the gradient of a $J$ and others are not. And a single batch? Given what was
# sampled, is its update the gradient of *some* function $F(\theta)$, perhaps an odd one? There is a test. If
# $u = \nabla F$, then its Jacobian is the matrix of second derivatives, and
#
# $$
# \frac{\partial u_i}{\partial \theta_j} = \frac{\partial^2 F}{\partial\theta_j\, \partial\theta_i}
#  = \frac{\partial^2 F}{\partial\theta_i\, \partial\theta_j} = \frac{\partial u_j}{\partial \theta_i}
#  \qquad \text{Schwarz: the order does not matter.}
# $$
#
# So the Jacobian of a gradient is symmetric. By hand, with two parameters: $u = (\theta_2, \theta_1)$ has the Jacobian
# with ones off the diagonal, symmetric, and is the gradient of $\theta_1 \theta_2$. Stop one of the two,
# $u = (\theta_2, 0)$, and it is not symmetric any more: no $F$ has this gradient.
#
# It is tempting to say: the hybrid update mixes two aims, so it is the gradient of nothing. That is false. For a tiny
# network we compute the Jacobian column by column, by differences of the update itself, with samples and guesses
# frozen. We vary the rule, the flow and the baseline, and at the end the reward.


# %%
def update_direction(at, config, flow):
    """The update at the parameters `at` (P,), along the frozen locations, the same guesses drawn."""
    params = optim.unpack(at, theta)
    t = rollout(params, config, area, None, frozen=walked)
    heads, outcome = reinforce.cotangents(t, labels, config, np.random.default_rng(3))
    grads = backward(params, t, heads, flow)
    return np.concatenate([g.ravel() for g in grads.values()]), outcome.reward


def jacobian(config, flow, h=1e-6):
    """∂u_i/∂θ_j by central differences (P, P), along frozen samples."""
    at, _ = optim.pack(theta)
    columns = []
    for j in range(len(at)):
        step = np.zeros_like(at)
        step[j] = h
        (up, r_up), (down, r_down) = (
            update_direction(at + step, config, flow),
            update_direction(at - step, config, flow),
        )
        assert config.reward != "correct" or (r_up == r_down).all()  # 0 or 1 stays as it is
        columns.append((up - down) / (2 * h))
    return np.array(columns).T


sizes = [sum(v.size for name, v in theta.items() if name.startswith(block)) for block in blocks]
borders = np.cumsum([0, *sizes])


def block_norms(A):
    """The norm of each block of a matrix (5, 5)."""
    rows = np.split(A, borders[1:-1])
    return np.array([[np.linalg.norm(part) for part in np.split(row, borders[1:-1], axis=1)] for row in rows])


ALL = tiny.changed(objective="reinforce", flow=PURE_FLOW)
asymmetry, twisted = {}, {}
for rule, config in {"Algorithm 1": ALL, "hybrid": tiny}.items():
    for flow in (PURE_FLOW, ("label",)):
        for baseline in ("batch", "learned"):
            A = jacobian(config.changed(baseline=baseline), flow)
            case = rule, "all flow" if len(flow) > 1 else "flow = label", baseline
            asymmetry[case] = np.abs(A - A.T).max() / np.abs(A).max()
            twisted[case] = block_norms(A - A.T) / np.linalg.norm(A)
            assert abs(np.linalg.norm(twisted[case]) - np.linalg.norm(A - A.T) / np.linalg.norm(A)) < 1e-12
            print(f"{case[0]:12} {case[1]:13} baseline {baseline:8} |A − Aᵀ| up to {asymmetry[case]:.0e} of |A|")
            # Differences with h = 1e-6 of numbers of size 1 round to about ε/h = 2e-10, a little more after long sums.
            whole = case[1] == "all flow" and baseline == "batch"
            assert asymmetry[case] < 1e-7 if whole else asymmetry[case] > 0.01
for reward in ("probability", "log_probability"):  # everything flows, and they are treated as constants
    A = jacobian(tiny.changed(baseline="batch", reward=reward), PURE_FLOW)
    softly = np.abs(A - A.T).max() / np.abs(A).max()
    print(f"hybrid       all flow      reward {reward}: |A − Aᵀ| up to {softly:.0e} of |A|")
    assert softly > 0.01

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.6, 3.1), sharey=True)
shown = [
    ("hybrid", "all flow", "batch"),
    ("hybrid", "flow = label", "batch"),
    ("hybrid", "all flow", "learned"),
    ("Algorithm 1", "flow = label", "batch"),
]
for ax, case in zip(axes, shown):
    values = twisted[case]
    ax.imshow(values, style.DENSITY, vmin=0, vmax=0.8)
    for (i, j), value in np.ndenumerate(values):
        text = "0" if value < 1e-7 else f"{value:.2f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if value > 0.4 else style.INK)
    ax.grid(False)
    ax.set(xticks=range(5), yticks=range(5), yticklabels=blocks)
    ax.set_xticklabels(blocks, rotation=45, ha="right", fontsize=7.5)
    ax.set_title(f"{case[0]}, {case[1]},\n{case[2]} baseline", fontsize=9)
show(
    "Block norms of A minus its transpose: all 0 for the hybrid rule with all flowing and the batch's baseline, not "
    "with a stopped flow, nor quite with a learned baseline"
)

# %% [markdown]
# The numbers are the norms of the blocks of $A - A^{\mathsf T}$, relative to $A$; zero everywhere is a symmetric
# Jacobian. The first picture is the hybrid rule, and it passes, to rounding: with everything flowing and the batch's
# mean as the baseline it is the gradient of an honest function, the sum of cross-entropy, surrogate and baseline's
# error. A mixture of two gradients is the gradient of the sum.
#
# What breaks it are **stopped gradients**, of either rule. With `flow = label` the update of the location head depends
# on the core, of course. But the core's update does not care for the location head's weights. A function of which both
# were the gradient would need both. With the learned baseline the advantage contains $b_t$, a function of θ that is
# treated as a constant: stopped as well. Rewards of 0 or 1 are treated as constants too, but along frozen samples they
# *are* constant. $p_y$ and $\log p_y$ are not: they are stopped gradients as well. So the update for $\log p_y$, whose
# mean is the exact gradient, is in a single batch no gradient.
#
# This has practical consequences. Where a gradient is stopped there is no function to be plotted as "the loss". A
# finite-difference check of the update as a whole must fail, and does not mean a mistake. Each part has to be checked
# with the function that it belongs to. `minram gradcheck` does it in this way.
#
# ## Soft reward, on a trained agent
#
# Now the rewards on the agent from above, whose locations are still untrained, so that there is something to learn. All
# three for the same rollouts: a drawn label, the most probable one, and $p_y$.

# %%
kinds = ("drawn label", "most probable", "p_y")
samples = {name: [] for name in kinds}
rng = np.random.default_rng(4)
params = runs["locations untrained"][0][0]
for _ in range(300):
    index = rng.integers(len(x), size=256)
    t = rollout(params, BASE, summed_area(x[index]), rng)
    p = softmax(t.logits[-1], axis=-1)
    guess = reinforce.draw(p, rng)
    known = np.arange(256), y[index]
    values = {"drawn label": guess == y[index], "most probable": p.argmax(axis=1) == y[index], "p_y": p[known]}
    for name, value in values.items():

        def reward(t, labels, value=value):
            r = np.zeros(t.loc.shape[:2], t.mu.dtype)
            r[-1] = value
            return r

        heads, _ = reinforce.cotangents(t, y[index], BASE.changed(baseline="batch"), reward=reward)
        samples[name].append(backward(params, t, only(heads, "mu"))["location.W"].ravel())
noises = {}
for name, s in samples.items():
    s = np.array(s, np.float64)
    total, n = s.sum(axis=0), len(s)
    signal = np.sqrt((total @ total - (s**2).sum()) / (n * (n - 1)))  # all pairs of different batches
    noises[name] = np.sqrt(s.var(axis=0, ddof=1).sum())
    print(f"{name:13} noise of a batch {noises[name]:.3f}, signal about {signal:.2f}")
    samples[name] = s
gap = samples["drawn label"] - samples["p_y"]  # the same mean: the one is the other's mean, given the rollout
gap = gap[:, gap.any(axis=0)]  # some units of the core are silent
z = gap.mean(axis=0) / (gap.std(axis=0, ddof=1) / np.sqrt(len(gap)))
print(f"drawn label against p_y: {len(z)} means, the furthest apart by {np.abs(z).max():.1f} standard errors")
assert len(z) > 50 and np.abs(z).max() < 5  # some 100 comparisons: one false alarm in 15,000 seeds
assert noises["p_y"] < 0.95 * noises["drawn label"]

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.4))
for name, colour, line in (
    ("hybrid", COLOUR["label"], "-"),
    ("soft reward", COLOUR["baseline"], "--"),
    ("locations untrained", COLOUR["muted"], ":"),
):
    for i, (_, record) in enumerate(runs[name]):
        shown = name if name != "hybrid" else "0/1 reward"
        ax.plot(100 * smooth(record[:, 1], 120), line, color=colour, alpha=(1, 0.5)[i], label=shown if i == 0 else None)
ax.set(xlabel="update", ylabel="training error (%)", yscale="log", yticks=[7, 10, 20, 40])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show(
    "Training error with 0/1 reward, soft reward and untrained locations: the first two coincide, the third ends higher"
)

# %% [markdown]
# The drawn label and $p_y$ have the same mean, and $p_y$ has less noise: it is the same estimate with one source of
# chance averaged away. The most probable label is another objective, so its signal need not be the same.
#
# The learning curves can hardly tell 0/1 and soft reward apart. On so small a task the label head is what takes its
# time. The grey curves, without any training of the locations, end a little higher: that is what training the locations
# has won here. A difference between curves of two seeds is no evidence. Lesson 12 compares the rewards among clutter,
# with one seed each; there $p_y$ was ahead of the two others.
#
# ## What to remember
#
# Where the right answer is known, say so: a reward's gradient is the cross-entropy's times the chance of having been
# right. Ask what $J$ is, and whether its direct part is in the update. Algorithm 1 is the exact gradient of the chance
# of drawing the right label; $p_y$ is the same with less noise, if the label's part has the factor $p_y$; the hybrid
# rule is exact for the reward $\log p_y$, with both heads flowing. The paper's rule is none of these, and learns well.
# Mixing does not make an update the gradient of nothing; stopping gradients does, in the flow, in the baseline or in a
# soft reward.
#
# **Further reading.** Mnih, Heess, Graves and Kavukcuoglu, NIPS 2014, for Algorithm 1 and the hybrid rule; Williams,
# *Machine Learning* 8 (1992); Ba, Mnih and Kavukcuoglu, ICLR 2015, who start from a bound with $\log p_y$.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("score_eta = np.array([[1 / 2, -1 / 2], [0, 0]])", "score_eta = np.array([[1 / 2, -1 / 2], [1 / 2, -1 / 2]])"),
    ("soft_says = says_y * score_theta", "soft_says = score_theta"),
    ("often = np.stack([look * says_y, look * (1 - says_y)], axis=1)", "often = np.stack([look, look], axis=1) / 2"),
    ("(labels[n], 1) if guess is None", "(labels[n], r[n]) if guess is None"),
    ("else (guess[n], r[n] - b[-1, n])", "else (guess[n], r[n] - b[0, n])"),
    ("else (guess[n], r[n] - b[-1, n])", "else (labels[n], r[n] - b[-1, n])"),
    ("minram.reinforce", "guess = draw(cache.p[-1], rng) if pure", "guess = cache.p[-1].argmax(axis=-1) if pure"),
    ("minram.reinforce", "head = trajectory.baseline[-1:] if", "head = trajectory.baseline[:1] if"),
    (
        "minram.reinforce",
        "dlogits = cross_entropy_backward(dloss, cache._",
        "dlogits = 0 * cross_entropy_backward(dloss, cache._",
    ),
    ("minram.reinforce", "np.full_like(loss, 1 / loss.size)", "np.full_like(loss, 1)"),
    ("minram.reinforce", "dloss[-1] = advantages(", "dloss[-1] = 0.9 * advantages("),
    ("minram.reinforce", "log_prob_backward(-location_weight / N", "log_prob_backward(-location_weight / N / len(G)"),
    ("sum(p[j] * (j == label)", "sum((j == label)"),
    (
        "found[kind, rule] = mean_update(small, kind, config, BOTH)",
        'found[kind, rule] = mean_update(small, kind, config, ("label",))',
    ),
    ('"p_y": lambda p, j: p[:, true_label],', '"p_y": lambda p, j: 1 - p[:, true_label],'),
    ("weight = (len(P) * P * p[:, j])[:, None]", "weight = (len(P) * P / n_labels)[:, None]"),
    ("(norm.pdf(low) - norm.pdf(high)) / mass)", "(norm.pdf(high) - norm.pdf(low)) / mass)"),
    ("logits=heads.logits * (N * P * p_y)[:, None]", "logits=heads.logits * (N * P)[:, None]"),
    ("(P * p_y) @ squares, (P * p_y**2) @ squares", "(P * p_y) @ squares, (P * p_y) @ squares"),
    ('"flow = location": (("location",), {})', '"flow = location": (BOTH, {})'),
    ('(PURE_FLOW, {"baseline": "learned", "baseline_weight": 1.0})', '(PURE_FLOW, {"baseline": "learned"})'),
    ("says = density @ (p_a * -(1 - p_a) / omega)", "says = density @ (-(1 - p_a) / omega)"),
    (
        "grads = backward(params, t, heads, flow)\n    return np",
        "grads = backward(params, t, heads, PURE_FLOW)\n    return np",
    ),
    ("jacobian(config.changed(baseline=baseline), flow)", 'jacobian(config.changed(baseline="batch"), flow)'),
    ("jacobian(config.changed(baseline=baseline), flow)", 'jacobian(config.changed(baseline="learned"), flow)'),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to an estimator with both of its parts. Each has a function to be written and, after it, a
# check that says at once what it thinks. The checks do not depend on each other. They compare with exact sums, so that
# chance has no part in them.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np

from exercise import answers, entries, exercise, finish, numbers, parts, same
from minram import reinforce
from minram.agent import backward, init_params, rollout
from minram.sensor import summed_area
from minram.training.config import Config


def softmax(y):
    e = np.exp(y - np.max(y, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


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


# %% [markdown]
# **1. Predict**, before you compute anything.
#
# - `a`: the right label has the probability 0.2. By what must the cross-entropy's push on its logit be multiplied, to
#   get the mean push of Algorithm 1?
# - `b`: the reward is $p_y$ in place of 0 or 1 for the drawn label. By what is the mean gradient of the *location* head
#   multiplied?
# - `c`: Algorithm 1, but the reward of everything is $p_y$. A label is drawn and scored all the same. What is the mean
#   of the label's part?
# - `d`: the hybrid rule with `flow=label`. The weight λ of the locations is doubled. By what is the gradient of the
#   *core* multiplied?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 0.2, "b": 1, "c": 0, "d": 1}


# %%
@exercise("1. Predict")
def check_predicted():
    p = np.array([0.2, 0.5, 0.3])  # of the labels; the first is right
    score = np.eye(3)[0] - p[0]  # of the right label's logit, for each label that may be drawn
    where, p_y = np.array([0.3, 0.7]), np.array([0.2, 0.9])
    score_where = np.array([0.7, -0.3])
    drawn = sum(where[i] * p_y[i] * 1.0 * score_where[i] for i in range(2))  # and 0 for the other labels
    config = Config(glimpses=2, patch_size=2, what_units=3, where_units=2, glimpse_units=4, core_units=4)
    rng = np.random.default_rng(1)
    params = init_params(config, rng, 3, 1, np.float64)
    t = rollout(params, config, summed_area(rng.random((6, 5, 5))), rng)
    core = []
    for weight in (1.0, 2.0):
        heads, _ = reinforce.cotangents(t, np.arange(6) % 3, config.changed(location_weight=weight))
        core.append(np.linalg.norm(backward(params, t, heads, config.flow)["core.W"]))
    seen = {
        "a": p @ (np.array([1, 0, 0]) * score) / (1 - p[0]),
        "b": where @ (p_y * score_where) / drawn,
        "c": p @ (p[0] * score),
        "d": core[1] / core[0],
    }
    hints = {
        "a": "How often is it rewarded at all?",
        "b": "What is the mean of the 0 or 1, given where was looked?",
        "c": "This reward does not ask which label was drawn. It is a constant, times a score.",
        "d": "Which heads' gradients reach the core?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** An agent looks to the right or to the left, each with probability ½. On the right it says the
# true label with probability ¾, on the left with ¼. θ is the logit of looking to the right, $\eta$ the logit of the
# true label after a look to the right. What is $J$, the chance of saying the true label? What are its slopes by θ and
# by $\eta$? And what is the mean push of the *cross-entropy* on $\eta$?


# %% tags=["solution"]
def by_hand():
    """→ {"J": …, "theta": …, "eta": …, "cross-entropy": …}."""
    # Solution
    # ½ · ¾ + ½ · ¼; ½ (1 − ½) (¾ − ¼); ½ · ¾ (1 − ¾); ½ (1 − ¾).
    return {"J": 1 / 2, "theta": 1 / 8, "eta": 3 / 32, "cross-entropy": 1 / 8}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# The derivative of a probability by its logit is $p(1 - p)$.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# $\eta$ matters only after a look to the right. The cross-entropy pushes with $1 - p_y$ there.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    got_J, got_theta, got_eta, got_push = entries(by_hand(), "J", "theta", "eta", "cross-entropy")

    def says(at, F=lambda p: p):
        right, p_y = 1 / (1 + np.exp(-at[0])), 1 / (1 + np.exp(-at[1]))
        return right * F(p_y) + (1 - right) * F(1 / 4)

    now = np.array([0.0, np.log(3)])
    slope, push = slopes(says, now), slopes(lambda at: says(at, np.log), now)[1]
    same("J", got_J, says(now))
    because = {"looking to the right more means looking to the left less: the difference of the two.": 3 / 16}
    same("theta", got_theta, slope[0], because, tolerance=1e-6)
    because = {
        "η has a say only in those cases in which it looks to the right.": 3 / 16,
        "this is the cross-entropy's; the drawn label is rewarded in a share of cases.": 1 / 8,
    }
    same("eta", got_eta, slope[1], because, tolerance=1e-6)
    because = {
        "η has a say only in those cases in which it looks to the right.": 1 / 4,
        "this is the slope of J; the cross-entropy lacks one factor.": 3 / 32,
    }
    same("cross-entropy", got_push, push, because, tolerance=1e-6)


# %% [markdown]
# **3. A better reward for the label.** The expected gradient of Algorithm 1 for the label is $p_y \nabla \log p_y$.
# Which reward $r(\hat y)$ of the drawn label would make it equal to the cross-entropy's, $\nabla \log p_y$? Write it
# down, from the probabilities $p$ and the true label.


# %% tags=["solution"]
def reward_like_cross_entropy(p, label):
    """p (K,), label a number → the reward of each guess (K,)."""
    # Solution
    return (np.arange(len(p)) == label) / p[label]


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Write the expectation as a sum over the labels that may be drawn. Which terms should be left?
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# A right guess that was unlikely happens seldom. By what must it be paid more?
#
# </details>


# %%
@exercise("3. A better reward")
def check_reward():
    rng = np.random.default_rng(5)
    for n, label in ((5, 2), (3, 0), (10, 9)):
        f = rng.normal(size=n)
        p, known = softmax(f), np.arange(n) == label
        scores = np.eye(n) - p  # row j: the score of drawing j
        r = numbers("the answer", reward_like_cross_entropy(p.copy(), label))
        assert r.shape == (n,), f"there should be a reward for each of the {n} guesses, but the shape is {r.shape}."
        because = {
            "this is Algorithm 1 itself: the mean has the factor p_y.": (p * known) @ scores,
            "the factor p_y is there twice now; it was to go.": (p * known * p[label]) @ scores,
            "log p_y is a number that does not ask what was drawn, times 0 or 1; what has to cancel p_y?": (
                p * known * np.log(p[label])
            )
            @ scores,
            "a reward that does not ask what was drawn adds nothing on average.": np.zeros(n),
            "wrong labels are rewarded, too.": scores.sum(axis=0),
        }
        want = slopes(lambda f: np.log(softmax(f)[label]), f)  # noqa: B023
        same("the mean gradient with this reward", (p * r) @ scores, want, because, tolerance=1e-7)


# %% [markdown] tags=["solution"]
# A right guess is paid in proportion to how unlikely it was. On average that is the cross-entropy; for a single guess
# it is noisier the less likely the label. To know the right answer and to use it directly is better than any reward.

# %% [markdown]
# **4. A matrix: no label is drawn.** Write the Rao–Blackwellised form of Algorithm 1 for a batch: the reward of each
# row, and the cotangents at the logits for an optimiser that goes downhill on minus the mean reward.


# %% tags=["solution"]
def blackwellised(logits, labels):
    """logits (N, K), labels (N,) → reward (N,), dlogits (N, K)."""
    # Solution
    p = softmax(logits)  # (N, K)
    p_y = p[np.arange(len(labels)), labels]  # (N,)
    onehot = labels[:, None] == np.arange(p.shape[1])
    return p_y, p_y[:, None] * (p - onehot) / len(labels)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# What is the mean of the reward of the drawn label, given all that was seen? The cotangents are the derivative of minus
# its mean over the rows.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# $\nabla p_y = p_y \nabla \log p_y$, and lesson 3 has $\nabla \log p_y$: one where the label is, minus $p$.
#
# </details>


# %%
@exercise("4. No label is drawn")
def check_blackwellised():
    rng = np.random.default_rng(6)
    for N, K in ((4, 3), (1, 2), (6, 10)):
        logits, labels = rng.normal(size=(N, K)), rng.integers(0, K, N)
        reward, dlogits = parts(blackwellised(logits.copy(), labels.copy()), "reward", "dlogits")
        p = softmax(logits)
        p_y = p[np.arange(N), labels]
        because = {"this is for the most probable label; it should be soft.": (p.argmax(axis=1) == labels) * 1.0}
        same("the reward", reward, p_y, because)
        want = slopes(lambda f: -softmax(f)[np.arange(N), labels].mean(), logits)  # noqa: B023
        because = {
            "this is the cross-entropy's; that of p_y has one more factor.": want / p_y[:, None],
            "this is the sum over rows, not the mean.": N * want if N > 1 else np.inf,
            "this is the sum of the cross-entropy's over rows.": N * want / p_y[:, None] if N > 1 else np.inf,
        }
        same("dlogits", dlogits, want, because, tolerance=1e-8)


# %% [markdown]
# **5. An estimator with both parts.** Two places, chosen with one logit θ: the second with probability
# $1/(1 + e^{-\theta})$. After a look at place $i$ the labels have the logits `logits[i]`. The reward is $F(p_y)$, for
# any smooth $F$, whose derivative is `dF`. Write what *one* rollout says: the gradient by θ and by all logits, uphill,
# such that the mean is the exact gradient of $J = \mathbb{E}[F(p_y)]$.


# %% tags=["solution"]
def one_rollout(theta, logits, y, place, F, dF):
    """theta a number, logits (2, K), y and place numbers → dtheta, a number, and dlogits (2, K)."""
    # Solution
    p = softmax(logits[place])
    # REINFORCE for what was drawn, the place; it was not drawn how probable y is, so the reward is differentiated.
    dtheta = F(p[y]) * (place - 1 / (1 + np.exp(-theta)))
    dlogits = np.zeros(logits.shape)
    dlogits[place] = dF(p[y]) * p[y] * ((np.arange(len(p)) == y) - p)
    return dtheta, dlogits


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# The product rule of the lesson: reward times score, for what was drawn, plus the reward's own gradient.
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# The chain rule: $\nabla F(p_y) = F'(p_y)\, \nabla p_y$, and $\nabla p_y = p_y \nabla \log p_y$. Logits of the place
# that was not looked at get nothing from this rollout.
#
# </details>


# %%
@exercise("5. Both parts")
def check_one_rollout():
    rng = np.random.default_rng(7)
    for F, dF in ((np.log, lambda u: 1 / u), (lambda u: u, lambda u: 1.0), (lambda u: u**2, lambda u: 2 * u)):
        theta, logits, y = rng.normal(), rng.normal(size=(2, 4)), int(rng.integers(4))

        def J(at, F=F, y=y):
            right = 1 / (1 + np.exp(-at[0]))
            values = F(softmax(at[1:].reshape(2, 4))[:, y])
            return (1 - right) * values[0] + right * values[1]

        right = 1 / (1 + np.exp(-theta))
        says, again = [], []
        for place in (0, 1):
            for found, unseen in ((says, 0.0), (again, 1.0)):
                there = logits.copy()
                there[1 - place, 0] += unseen  # where this rollout did not look
                dtheta, dlogits = parts(one_rollout(theta, there, y, place, F, dF), "dtheta", "dlogits")
                dtheta, dlogits = numbers("dtheta", dtheta), numbers("dlogits", dlogits)
                assert dtheta.shape == (), f"dtheta should be a single number, but has the shape {dtheta.shape}."
                assert dlogits.shape == (2, 4), f"dlogits should have the shape of logits, but has {dlogits.shape}."
                found.append((dtheta, dlogits))
        mean = [(1 - right) * np.asarray(a) + right * np.asarray(b) for a, b in zip(*says)]
        want = slopes(J, np.concatenate([[theta], logits.ravel()]))
        p, chance = softmax(logits), np.array([1 - right, right])[:, None]
        ce = chance * ((np.arange(4) == y) - p)
        because = {
            "the direct part is missing: the reward has a gradient of its own.": np.zeros((2, 4)),
            "this is the cross-entropy's, which is the direct part of log p_y alone.": ce if dF(0.5) != 2 else np.inf,
            "the chain rule lacks p_y: the derivative of p_y is p_y times that of its logarithm.": ce
            * np.array([dF(u) for u in p[:, y]])[:, None],
        }
        same("the mean of dlogits", mean[1], want[1:].reshape(2, 4), because, tolerance=1e-7)
        because = {"the score of the place is missing: reward times score.": chance[:, 0] @ F(p[:, y])}
        same("the mean of dtheta", mean[0], want[0], because, tolerance=1e-7)
        for (a, b), (c, d) in zip(says, again):
            known = a == c and np.array_equal(b, d)
            assert known, "this is right on average, but a rollout knows nothing of the place not looked at."


# %%
finish()
