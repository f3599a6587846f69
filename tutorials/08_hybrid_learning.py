# %% [markdown]
# # 8 · Hybrid learning
#
# **What you will see.** The label is known in training, so why should the agent learn to name digits from a
# reward? We follow each gradient to the blocks that it reaches, train by the paper's hybrid rule and by pure
# REINFORCE on the same task, and find out why one is so much faster. The hybrid update of a batch turns out to be
# the gradient of no function at all.
#
# **What you need.** Lessons 1, 4, 6 and 7.
#
# **How long it runs.** About twenty seconds, most of it training.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, SymLogNorm
from scipy.special import softmax

from lesson import show_source
from minram import agent, gradcheck, reinforce
from minram.agent import Cotangents, backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck.network import only
from minram.ops import cross_entropy_backward, cross_entropy_forward
from minram.pictures import style
from minram.policy import log_prob_forward
from minram.sensor import summed_area
from minram.training import optim
from minram.training.config import Config
from minram.training.evaluate import evaluate

style.use()
COLOUR = style.COLOURS

# %% [markdown]
# ## Two actions, two ways to learn
#
# At the end of a rollout the agent has done two kinds of things. It has chosen where to look, and nobody can
# tell it where it should have looked. And it has named a digit, and there we can tell it. **Algorithm 1**
# treats both alike: the label is an action drawn from the softmax, and everything follows the reward,
#
# $$
# \nabla_\theta J \approx \frac1M \sum_m \Bigl[ \sum_{t=1}^{T-1} \nabla_\theta \log \pi_\theta(a_t^m \mid s_{1:t}^m)\,
#   (r^m - b_t^m) + \nabla_\theta \log p_\theta(\hat y^m \mid s_{1:T}^m)\, (r^m - b_{T-1}^m) \Bigr],
# $$
#
# where $a_t$ is the raw sample of the next location, $\hat y$ the label that was drawn, and $b_t$ the baseline, which
# for the label is the last one before it.
#
# The **hybrid** rule keeps REINFORCE for the locations and uses the known label $y$ directly, by the
# cross-entropy $-\log p_\theta(y \mid s_{1:T})$, whose gradient flows through the label head, the core and
# the glimpse network.
#
# Here is one whole run of either. It is Algorithm 1 of lesson 1 line by line; which of the two rules it is, and which
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

# %% tags=["picture"]


def smooth(values, width=60):
    """Running means over so many steps."""
    total = np.concatenate([[0], np.cumsum(values)])
    return (total[width:] - total[:-width]) / width


fig, ax = plt.subplots(figsize=(7, 3.4))
for name, colour in (("Algorithm 1", COLOUR["location"]), ("hybrid", COLOUR["label"])):
    for i, (_, record) in enumerate(runs[name]):
        ax.plot(100 * smooth(record[:, 1]), color=colour, alpha=(1, 0.5)[i], label=name if i == 0 else None)
ax.axhline(75, color=COLOUR["muted"], linewidth=1, linestyle=":", label="guessing")
ax.set(xlabel="update", ylabel="training error (%)", ylim=(0, 85))
ax.legend()
plt.show()
# 1,200 updates are many for chance to turn a factor of two around, and the seeds are fixed.
assert max(errors["hybrid"]) < min(errors["Algorithm 1"])

# %% [markdown]
# Two seeds each. Both learn. The hybrid is quick from the first update; Algorithm 1 is slower throughout, and
# with one of its two seeds does not get going for many updates.
#
# ## Why the label is slow to learn from a reward
#
# Look at one softmax, $p = \mathrm{softmax}(f)$, and the known label $y$. Drawing a guess $\hat y \sim p$ and
# rewarding it with $r = [\hat y = y]$ has the expected gradient
#
# $$
# \begin{aligned}
# \mathbb{E}_{\hat y \sim p}\bigl[r\, \nabla_f \log p_{\hat y}\bigr]
#  &= \sum_{j} p_j\, [j = y]\, \nabla_f \log p_j && \text{definition of the expectation} \\
#  &= p_y\, \nabla_f \log p_y && \text{one term is left} \\
#  &= -\,p_y\, \nabla_f \bigl(-\log p_y\bigr) && \text{the cross-entropy is } -\log p_y
# \end{aligned}
# $$
#
# So on average it *is* the cross-entropy's gradient, shortened by the factor $p_y$: the chance of having
# guessed right. Where the network is wrong, and has most to learn, it is not rewarded and learns next to
# nothing. And all this is only the average; a single guess scatters about it.

# %%
p_right = np.linspace(0.001, 0.999, 200)  # of two labels, so that one number says it all
logit = np.log(p_right / (1 - p_right))
cross_entropy = 1 - p_right  # −∂(−log p_y)/∂f_y
mean = p_right * (1 - p_right)  # p_y ∂ log p_y/∂f_y
noise = np.sqrt(p_right * (1 - p_right) ** 2 - mean**2)  # E[r² (1 − p)²] − mean², r² = r
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(p_right, cross_entropy, color=COLOUR["label"], label="cross-entropy")
ax.plot(p_right, mean, color=COLOUR["location"], label="REINFORCE, mean")
ax.fill_between(
    p_right,
    mean - noise,
    mean + noise,
    color=COLOUR["location"],
    alpha=0.15,
    linewidth=0,
    label="± standard deviation of one guess",
)
ax.set(xlabel="probability of the right label", ylabel="push on its logit", ylim=(-0.3, 1.05))
ax.legend()
plt.show()

# The identity with ten labels, against finite differences of J = p_y and against the package's cross-entropy.
r = np.random.default_rng(0)
f, label = r.normal(size=10), 3
p = softmax(f)
expected = sum(p[j] * (j == label) * ((np.arange(10) == j) - p) for j in range(10))
report = gradcheck.check_gradient(lambda q: softmax(q["f"])[label], {"f": f}, {"f": expected})
print(report)
report.raise_if_failed()
_, cache = cross_entropy_forward(f[None], np.array([label]))
descent = -cross_entropy_backward(np.ones(1), cache)[0]
assert np.allclose(expected, p[label] * descent, rtol=0, atol=1e-15)  # numbers below 1: a few roundings of 1e-16

# %% [markdown]
# At the right end both fade, as they should. At the left end only the cross-entropy pushes. With ten classes
# an untrained network sits near the left end, at one tenth.
#
# ## Which gradient reaches which block
#
# Now to the plumbing. Three scalars are being worked on: the cross-entropy of the label, the (surrogate of
# the) expected reward of the locations, and the squared error of the baseline. The backward pass takes the
# cotangents of all three at the heads. Its argument `flow` names the heads whose gradient goes *on*, into the
# core and the glimpse network.

# %%
show_source(agent.backward)

# %% [markdown]
# The matrix shows how long each objective's gradient is in each block, for a trained agent and a batch of
# training.

# %%
params = runs["hybrid"][0][0]
blocks = ("glimpse", "core", "label", "location", "baseline")
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


fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.7), sharey=True)
for ax, flow in zip(axes, (("label",), ("label", "location", "baseline"))):
    N = norms(flow)
    ax.imshow(np.where(N > 0, N, np.nan), style.DENSITY, norm=LogNorm(1e-3, 10), aspect="auto")
    for (i, j), value in np.ndenumerate(N):
        ax.text(
            j,
            i,
            f"{value:.2g}" if value else "0",
            ha="center",
            va="center",
            fontsize=8.5,
            color="white" if value > 0.3 else style.INK,
        )
    ax.grid(False)
    ax.set(xticks=range(5), xticklabels=blocks, yticks=range(3), yticklabels=objectives)
    ax.set_title(f"flow = {', '.join(flow)}")
plt.show()
hybrid, everything = norms(("label",)), norms(("label", "location", "baseline"))
assert (hybrid[0, :3] > 0).all() and not hybrid[0, 3:].any()  # cross-entropy: glimpse, core, label
assert hybrid[1, 3] > 0 and not np.delete(hybrid[1], 3).any()  # locations: their head alone
assert hybrid[2, 4] > 0 and not np.delete(hybrid[2], 4).any()  # baseline: its head alone
assert (everything[1:, :2] > 0).all() and not everything[0, 3:].any()

# %% [markdown]
# On the left the hybrid rule as the paper has it. The cross-entropy trains label head, core and glimpse
# network. The location head is trained by REINFORCE, on a state that it does not shape, and the baseline
# learns from the side-line. The cross-entropy *cannot* reach the location head, whatever `flow` says: the
# only way there leads through the sampled locations, and a sample is data.
#
# On the right all three flow into the core. What the other two send there is not small beside what the
# cross-entropy sends. The paper keeps them out. Whether that is better is a question to the experiment: among clutter
# it is better to let REINFORCE in (lesson 12). Algorithm 1 has no choice.
#
# ## The gradient of nothing
#
# Given what was sampled, is the hybrid update the gradient of *some* function $F(\theta)$, perhaps an odd one? There
# is a test. If $u = \nabla F$, then its Jacobian is the matrix of second derivatives, and
#
# $$
# \frac{\partial u_i}{\partial \theta_j} = \frac{\partial^2 F}{\partial\theta_j\, \partial\theta_i}
#  = \frac{\partial^2 F}{\partial\theta_i\, \partial\theta_j} = \frac{\partial u_j}{\partial \theta_i}
#  \qquad \text{Schwarz: the order does not matter.}
# $$
#
# So the Jacobian of a gradient is symmetric. For a tiny network we compute it column by column, by
# differences of the update itself, with samples, guesses and rewards frozen. On the left is Algorithm 1, all
# of whose parts flow into the core, the baseline's error too, unlike in the training above: trained in its head alone
# it would break the symmetry by itself.

# %%
tiny = Config(
    glimpses=3,
    patch_size=2,
    what_units=3,
    where_units=2,
    glimpse_units=4,
    core_units=4,
    std=0.3,
    recurrent_init="he",
    baseline="batch",
)
rng = np.random.default_rng(2)
theta = init_params(tiny, rng, 3, 1, np.float64)
theta = {name: v + rng.normal(0, 0.5, v.shape) for name, v in theta.items()}
vector, views = optim.pack(theta)
images, labels = rng.random((12, 6, 6)), rng.integers(0, 3, 12)
area = summed_area(images)
walked = rollout(theta, tiny, area, rng)


def update_direction(at, config):
    """The update at the parameters `at` (P,), along the frozen locations, the same guesses drawn."""
    params = optim.unpack(at, views)
    t = rollout(params, config, area, None, frozen=walked)
    heads, outcome = reinforce.cotangents(t, labels, config, np.random.default_rng(3))
    grads = backward(params, t, heads, config.flow)
    return np.concatenate([g.ravel() for g in grads.values()]), outcome.reward


def jacobian(config, h=1e-6):
    """∂u_i/∂θ_j by central differences (P, P)."""
    columns = []
    for j in range(len(vector)):
        step = np.zeros_like(vector)
        step[j] = h
        (up, r_up), (down, r_down) = update_direction(vector + step, config), update_direction(vector - step, config)
        assert (r_up == r_down).all()  # rewards stay as they are, so they are frozen
        columns.append((up - down) / (2 * h))
    return np.array(columns).T


cases = {
    "Algorithm 1": tiny.changed({"objective": "reinforce", "flow": ("label", "location", "baseline")}),
    "hybrid": tiny,
}
fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.8))
asymmetry = {}
sizes = [sum(v.size for name, v in theta.items() if name.startswith(block)) for block in blocks]
borders = np.cumsum([0, *sizes])
for ax, (name, config) in zip(axes, cases.items()):
    A = jacobian(config)
    asymmetry[name] = np.abs(A - A.T).max() / np.abs(A).max()
    drawn = ax.imshow(A, style.SIGNED, norm=SymLogNorm(1e-3, vmin=-1, vmax=1))
    for border in borders[1:-1] - 0.5:
        ax.axhline(border, color=COLOUR["muted"], linewidth=0.6)
        ax.axvline(border, color=COLOUR["muted"], linewidth=0.6)
    middle = (borders[1:] + borders[:-1]) / 2
    ax.grid(False)
    ax.set(xticks=middle, yticks=middle, yticklabels=blocks, ylabel="update of", xlabel="derivative with respect to")
    ax.set_xticklabels(blocks, rotation=45, ha="right", fontsize=7.5)
    ax.set_title(f"{name}: |A − Aᵀ| up to {asymmetry[name]:.1g} of |A|")
fig.colorbar(drawn, ax=axes, shrink=0.7)
plt.show()
# Differences with h = 1e-6 of numbers of size 1 round to about ε/h = 2e-10, a little more after long sums.
assert asymmetry["Algorithm 1"] < 1e-7
assert asymmetry["hybrid"] > 0.01
for what, changes in {
    "the baseline's error in its head alone": {"flow": ("label", "location")},
    "the learned baseline": {"baseline": "learned"},
}.items():
    A = jacobian(cases["Algorithm 1"].changed(changes))
    off = np.abs(A - A.T).max() / np.abs(A).max()
    print(f"Algorithm 1 with {what}: |A − Aᵀ| up to {off:.1g} of |A|")
    assert off > 0.01

# %% [markdown]
# The left picture is its own mirror image, to rounding. The right one is not, and one sees where. The row of
# the location head has entries under *glimpse* and *core*: the update of the location head depends on the
# core, of course. But along frozen samples the column of the location head is empty in those rows: the core's
# update does not care for the location head's weights. A function of which both were the gradient would need both.
#
# Algorithm 1 passes the test with the mean of the batch as a baseline: it is the gradient of its surrogate loss plus
# the baseline's error. It fails with the learned one, as the last printed line shows: then the advantage contains
# $b_t$, a function of θ that is treated as a constant.
#
# All this is about one batch. The *average* update is another matter, since its samples move with θ: there the
# location head does matter to the core, as it decides what is seen, and the average of Algorithm 1's policy part is
# $\nabla J$ with either baseline (lesson 7).
#
# This has practical consequences. There is no function of which the hybrid update of a batch is the gradient, so none
# offers itself to be plotted as "the loss". A finite-difference check of the update as a whole must fail, and does
# not mean a mistake; each part has to be checked with the function it belongs to. `minram gradcheck` does it in this
# way.
#
# ## Soft reward
#
# Might the reward be less coarse than right or wrong? One can reward the probability $p_y$ of the right
# label: a number in $[0, 1]$ that tells a lucky guess from a sure one. (Its direct derivative is left to the
# cross-entropy; only the locations' part is taken by REINFORCE.) First signal and noise, of an agent whose
# locations are still untrained, so that there is something to learn. Both rewards are given for the same
# rollouts:

# %%
samples = {"0/1 reward": [], "soft reward": []}
rng = np.random.default_rng(4)
params = runs["locations untrained"][0][0]
for _ in range(300):
    index = rng.integers(len(x), size=256)
    t = rollout(params, BASE, summed_area(x[index]), rng)
    for name, config in (("0/1 reward", BASE), ("soft reward", SOFT)):
        heads, _ = reinforce.cotangents(t, y[index], config.changed({"baseline": "batch"}))
        samples[name].append(backward(params, t, only(heads, "mu"))["location.W"].ravel())
for name, s in samples.items():
    s = np.array(s, np.float64)
    total, n = s.sum(axis=0), len(s)
    signal = np.sqrt((total @ total - (s**2).sum()) / (n * (n - 1)))  # all pairs of different batches
    noise = np.sqrt(s.var(axis=0, ddof=1).sum())
    print(
        f"{name:11} noise of a batch {noise:.2f}, signal {signal:.2f}, "
        f"rows for a signal as large as the noise: {256 * (noise / signal) ** 2:,.0f}"
    )

fig, ax = plt.subplots(figsize=(7, 3.4))
for name, colour in (
    ("hybrid", COLOUR["label"]),
    ("soft reward", COLOUR["baseline"]),
    ("locations untrained", COLOUR["muted"]),
):
    for i, (_, record) in enumerate(runs[name]):
        shown = name if name != "hybrid" else "0/1 reward"
        ax.plot(100 * smooth(record[:, 1], 120), color=colour, alpha=(1, 0.5)[i], label=shown if i == 0 else None)
ax.set(xlabel="update", ylabel="training error (%)", yscale="log", yticks=[7, 10, 20, 40])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# The soft reward has less noise, as the printed numbers show, and the learning curves can hardly tell the two
# apart: on so small a task the label head is what takes its time. The grey curves, without any training of
# the locations, end a little higher, which is what there was to win; of the validation errors printed at the
# beginning, those of the hybrid rule are hardly lower than theirs. A difference between curves of two seeds is no
# evidence; lesson 12 compares the rewards among clutter, where 0 or 1 does much worse.
#
# ## What to remember
#
# Where the right answer is known, say so: the reward's gradient is the cross-entropy's times the chance of
# having been right. Which gradients enter the core is a choice. The cross-entropy cannot reach the location
# head, as a sample is data. The hybrid update is three gradients of three functions, each restricted to its
# blocks; as a whole, that of a batch is the gradient of none.
#
# ## Exercises
#
# **1. The hybrid cotangents.** Write the cotangents of one hybrid update: at the logits by the cross-entropy,
# averaged over rows, at μ by REINFORCE with the given advantages, at the baseline by $\tfrac12 (b - r)^2$
# summed over time and averaged over rows.


# %% tags=["solution"]
def hybrid_cotangents(t, labels, reward, advantage):
    """t a Trajectory, labels and reward (N,), advantage (T−1, N) → dlogits (1, N, K), dmu (T−1, N, 2), dbaseline."""
    # Solution
    N = len(labels)
    p = softmax(t.logits, axis=-1)
    dlogits = (p - (labels[:, None] == np.arange(p.shape[-1]))) / N
    dmu = -advantage[..., None] / N * (t.sample - t.mu) / np.exp(t.log_std) ** 2
    dbaseline = (t.baseline - reward) / N
    return dlogits, dmu, dbaseline


# %%
_, outcome = reinforce.cotangents(walked, labels, tiny)
mine = hybrid_cotangents(walked, labels, outcome.reward, outcome.advantage)
heads = Cotangents(mine[0], mine[1], np.zeros(2), mine[2])


def along(scalar):
    """A function of the trajectory as a function of the parameters, along the frozen locations."""

    def f(at):
        t = rollout(theta | at, tiny, area, None, frozen=walked)
        return scalar(t), (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0)

    return f


N = len(labels)
for head, scalar in {
    "logits": lambda t: -np.mean(np.log(softmax(t.logits[0], axis=-1)[np.arange(N), labels])),
    "mu": lambda t: -np.sum(outcome.advantage * log_prob_forward(walked.sample, t.mu, t.log_std)[0]) / N,
    "baseline": lambda t: np.sum((t.baseline - outcome.reward) ** 2) / (2 * N),
}.items():
    grads = backward(theta, walked, only(heads, head))
    # What flow = everything reaches is the whole gradient of this one function.
    report = gradcheck.check_gradient(
        along(scalar), theta, grads, rtol=1e-6, max_kinks=0.1, expect_zero=[n for n, g in grads.items() if not g.any()]
    )
    print(f"{head:9}", "passed" if report.passed else report)
    assert report.passed
    assert any(g.any() for g in grads.values())

# %% [markdown]
# **2. A better reward for the label.** The expected gradient of Algorithm 1 for the label is
# $p_y \nabla \log p_y$. Which reward $r(\hat y)$ would make it equal to the cross-entropy's,
# $\nabla \log p_y$? Write it down, from the probabilities $p$ and the true label.


# %% tags=["solution"]
def reward_like_cross_entropy(p, label):
    """The reward of each guess (K,)."""
    # Solution
    return (np.arange(len(p)) == label) / p[label]


# %%
f = np.random.default_rng(5).normal(size=5)
p = softmax(f)
scores = np.eye(5) - p  # row j: ∇_f log p_j
gradient = (p * reward_like_cross_entropy(p, 2)) @ scores
report = gradcheck.check_gradient(lambda q: np.log(softmax(q["f"])[2]), {"f": f}, {"f": gradient})
print(report)
report.raise_if_failed()

# %% [markdown]
# A right guess that was unlikely is rewarded in proportion to how unlikely it was. On average this is the
# cross-entropy; for a single guess it is noisier the less likely the label. To know the right answer and to
# use it directly is better than any reward.
