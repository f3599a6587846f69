# %% [markdown]
# # 9 · Training on MNIST
#
# **What you will see.** The agent of the lessons before, trained on all of MNIST by one command. What its
# learning curves say and what they hide; where it looked before and where it looks now; how its belief grows
# glimpse by glimpse; whether it *uses* what it sees to decide where to look, and whether that gains anything; and what
# is lost when one choice of the recipe is taken back. With each number, what it is worth.
#
# **What you need.** Lessons 6 to 8.
#
# **How long it runs.** About fifteen seconds. The training itself takes about a minute and a half, and its result is
# stored beside this lesson.
#
# **To touch.** [The agent of lesson 10 in a browser](pages/agent.html); `minram page RUN` makes the page of your own.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import json
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from scipy.stats import binom, norm

from lesson import RESULTS, WEIGHTS, ablation_results, compared, row_results, show, training_command
from minram import reinforce
from minram.agent import init_params, rollout
from minram.datasets import data
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.sensor import summed_area
from minram.training.evaluate import evaluate, percent, wilson
from minram.training.jobs import QUICK
from minram.training.run import find_model, load_params
from minram.training.streams import PARAMETERS, stream

style.use()
COLOUR = style.COLOURS
digits = data.load()
x, y = digits.x_val, digits.y_val  # the test set is left alone, see below
n = len(y)

# %% [markdown]
# ## The run
#
# The weights come from the default command of the package. A stored file of weights knows its settings, so the command
# can be read off it:

# %%
params, config, about = load_params(WEIGHTS)
metrics = [json.loads(line) for line in (RESULTS / f"quick-s{config.seed}.jsonl").read_text().splitlines()]
seeds = row_results("quick")
result = next(r for r in seeds if r["seed"] == config.seed)
print(training_command(config))
print(f"{sum(a.size for a in params.values()):,} parameters, {config.epochs} epochs, best epoch {about['epoch']}")
print(
    f"{config.glimpses} glimpses, {config.patch_size} x {config.patch_size} cells, scales {config.scales}, "
    f"σ {config.std}, rollouts an image: {config.rollouts}, baseline: {config.baseline}"
)
print(f"training {len(digits.y_train):,} images, validation {n:,}, test {len(digits.y_test):,}")
T = config.glimpses

# %% [markdown]
# Three sets of images, three purposes. The training images teach. The validation images choose: the epoch
# whose weights are kept, the settings, everything that anybody compares. The test images are for one look, when all is
# decided: `minram train` does not open them, `minram evaluate RUN --split test` does. All numbers that this lesson
# computes are of validation images. They have helped to choose, so they flatter a little, and that is the reason why
# there is a third set.
#
# The recipe was frozen before its five seeds ran, and each of them had one look at the test set. Their mean test error,
# at the mean locations, is 1.74 % [1.54, 1.94]. The run of this lesson is the median of the five, by validation error.
# Tests were not always single looks: in a [first protocol](tables/README.md) every training ended with a test, and
# results were replaced when the settings had changed.
#
# > **Asked: what do I do with data of my own?** The same. Split before anything else. What chooses (the epoch, σ, the
# > size of the retina) looks at validation images only. [Own images](own_images.md) says how to bring them in, of other
# > sizes and in colour too.
#
# ## What an error rate is worth
#
# With a pencil: an agent labels 12 images and gets none wrong. Is its error rate 0? Surely not. Suppose its true rate
# were $p$. The measured rate scatters around $p$ with the variance $p(1-p)/12$. Twice the standard deviation is about
# what we are ready to believe. So we believe any $p$ with $(p - 0)^2 \le 4\, p(1-p)/12$, that is $p \le (1-p)/3$, or
# $p \le \tfrac14$. No mistake in 12 images says: between 0 and 25 %.
#
# In general. Of $n$ images, $m$ are labelled wrongly, and the error rate is $\hat p = m/n$. Count wrong labels as coin
# tosses: $m$ is binomial, so $\hat p$ has mean $p$ and variance $p(1-p)/n$, and for many images it is nearly Gaussian.
# So we do not reject any $p$ with
#
# $$
# |\hat p - p| \le z \sqrt{p(1-p)/n}, \qquad z = 1.96 \text{ for } 95\,\%.
# $$
#
# Both ends of the interval fulfil this with equality. Square it, and sort by powers of $p$:
#
# $$
# \begin{aligned}
# (\hat p - p)^2 &= \tfrac{z^2}{n}\, p(1-p) && \text{both sides squared}\\
# \left(1 + \tfrac{z^2}{n}\right) p^2 - \left(2\hat p + \tfrac{z^2}{n}\right) p + \hat p^2 &= 0
#   && \text{expanded, all on one side}\\
# p &= \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}
#   && \text{the two roots}
# \end{aligned}
# $$
#
# This is the interval of Edwin Wilson (1927). Unlike $\hat p \pm z\sqrt{\hat p(1-\hat p)/n}$ it takes the variance
# where the true rate is, not where the measured one happens to be. At $\hat p = 0$ that matters most: the simple
# formula claims certainty. How often does either hold the truth? All outcomes of 100 images can be added up, for a true
# rate of 1 %.


# %%
Z = norm.ppf(0.975)


def roots(m, n, z=Z):
    p, q = m / n, z**2 / n
    middle, half = p + q / 2, z * np.sqrt(p * (1 - p) / n + q / (4 * n))
    return (middle - half) / (1 + q), (middle + half) / (1 + q)


def simple(m, n, z=Z):
    p = m / n
    return p - z * np.sqrt(p * (1 - p) / n), p + z * np.sqrt(p * (1 - p) / n)


def holds(interval, p, n):
    """With which probability the interval holds the true rate p, when n images are drawn."""
    ends = np.array([interval(m, n) for m in range(n + 1)])
    return binom.pmf(np.arange(n + 1), n, p) @ ((ends[:, 0] <= p) & (p <= ends[:, 1]))


assert np.allclose(roots(0, 12, z=2), (0, 1 / 4), rtol=0, atol=1e-15)  # by hand
for m in (0, 1, 97, 5000):
    assert np.allclose(roots(m, 5000), wilson(m, 5000), rtol=0, atol=1e-14)  # some roundings of numbers up to 1
for end in roots(97, 5000):  # on the border: exactly z standard deviations away
    assert np.isclose(abs(97 / 5000 - end), Z * np.sqrt(end * (1 - end) / 5000), rtol=1e-12)
print(f"no error in 5000: simple interval [0, 0], Wilson's {percent(0, wilson(0, 5000))}")
print(f"a true rate of 1 %, 100 images: held by {holds(simple, 0.01, 100):.0%} of the simple intervals", end="")
print(f" and by {holds(roots, 0.01, 100):.0%} of Wilson's")
assert holds(simple, 0.01, 100) < 0.7 and 0.9 < holds(roots, 0.01, 100) < 0.95
print("the test set, as the stored result has it:")
for name in ("mean", "sampled", "average_10"):
    print(f"   {name:10} {percent(result[name]['test_error'], result[name]['interval'])}")

# %% [markdown]
# The interval says what the choice of *images* may have done. It knows nothing of the luck of a training, of
# its initial weights and samples. For that one has to train again with other seeds:

# %%
rates = 100 * np.array([r["mean"]["test_error"] for r in seeds])
print(
    f"{len(rates)} seeds, test error with mean locations: {', '.join(f'{rate:.2f}' for rate in rates)} %; "
    f"mean {rates.mean():.2f}, standard deviation {rates.std(ddof=1):.2f}"
)
p_mean = rates.mean() / 100
print(f"standard deviation if only the images varied: {100 * np.sqrt(p_mean * (1 - p_mean) / result['n_test']):.2f}")

# %% [markdown]
# All of them were tested on the same images. So their spread has two parts: how good each training is, and which of
# these images each happens to miss. ([intervals.py](tables/intervals.py) takes the two apart.) What other test images
# would do to all of them alike comes on top.
#
# ## Learning curves

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9.6, 3))
epochs = [m["epoch"] for m in metrics]
axes[0].plot(epochs, [m["loss"] for m in metrics], "o-", color=COLOUR["label"])
axes[0].set(title="Cross-entropy, training", ylabel="nats", ylim=(0, None))
axes[1].plot(epochs, [100 * m["error"] for m in metrics], "s--", color=COLOUR["muted"], label="training, sampled l")
val = np.array([100 * m["val_error"] for m in metrics])
low, high = 100 * np.array([wilson(round(m["val_error"] * n), n) for m in metrics]).T
axes[1].errorbar(
    epochs,
    val,
    [val - low, high - val],
    fmt="o-",
    color=COLOUR["label"],
    capsize=2,
    label="validation, mean l, averaged weights",
)
axes[1].set(title="Error", ylabel="error (%)", yscale="log", yticks=[1, 2, 5, 10, 20])
axes[1].yaxis.set_major_formatter("{x:g}")
axes[1].minorticks_off()
axes[1].legend(fontsize=7.5)
axes[2].plot(epochs, [100 * m["advantage_square"] for m in metrics], "o-", color=COLOUR["location"])
axes[2].set(title="Mean square of the advantage", ylabel="% of the squared reward", ylim=(0, None))
for ax in axes:
    ax.set(xlabel="epoch", xticks=epochs[:: max(1, len(epochs) // 5)])
show("Over twelve epochs cross-entropy, training and validation error and the squared advantage fall, steeply at first")

# %% [markdown]
# The training number is a mean over the whole epoch, and the agent was worse at its beginning. Validation comes at the
# epoch's end. So it may be the lower curve at first, although its images are new to the agent. (It also has the average
# of the weights over the last thousand steps or so, and looks at the mean locations.) Later the agent does a little
# better on the images that it has seen before, and validation is the upper curve.
#
# The third curve deserves a thought. The baseline is the mean reward of the other rows of the batch, $N$ in all,
# so with $\bar r$ for the mean of all rewards
#
# $$
# \begin{aligned}
# A_n &= r_n - \frac{N\bar r - r_n}{N-1} = \frac{N}{N-1}\,(r_n - \bar r) && \text{common denominator}\\
# \frac1N \sum_n A_n^2 &= \Bigl(\frac{N}{N-1}\Bigr)^2 \bar r (1 - \bar r)
#   && \text{variance of numbers that are 0 or 1}
# \end{aligned}
# $$
#
# As the label head gets better, $\bar r$ goes to one, and the signal that trains the locations fades. The curve
# is the fuel gauge of REINFORCE. And not all of that fuel is good for something. An image may be hard or easy,
# whatever one looks at. Let $p_i$ be the probability that a rollout of image $i$ is right. Then
#
# $$
# \underbrace{\mathrm{Var}(r)}_{\text{all}} = \underbrace{\mathrm{Var}_i(p_i)}_{\text{which image it is}}
#   + \underbrace{\mathrm{E}_i\,[p_i (1 - p_i)]}_{\text{where one looks}}
#   \qquad \text{law of total variance.}
# $$
#
# By hand, with two images. One is right wherever one looks, $p_1 = 1$, the other half of the time, $p_2 = \tfrac12$.
# The mean reward is ¾, so all of the variance is $\tfrac34 \cdot \tfrac14 = \tfrac{3}{16}$. The $p_i$ themselves
# scatter by $\tfrac{1}{16}$. And $p_i(1 - p_i)$ is 0 and ¼, in the mean $\tfrac{2}{16}$. The two add up.
#
# Only the last part differs between rollouts of one image. Two of them that are both right, or both wrong, have
# nothing to say about where to look. The sum $\tfrac{1}{M-1}\sum_m (r_m - \bar r_i)^2$ over $M$ rollouts of
# an image estimates its $p_i(1-p_i)$ without bias.


# %%
def parts(p):
    """The right rollouts' probability of each image (B,) → variance of the reward, by image, by where one looks."""
    return p.mean() * (1 - p.mean()), p.var(), (p * (1 - p)).mean()


def within(r):
    """Rewards (B, M) of M rollouts of an image → an estimate, without bias, of the mean of p_i (1 − p_i)."""
    return r.var(axis=1, ddof=1).mean()


assert parts(np.array([1, 1 / 2])) == (3 / 16, 1 / 16, 2 / 16)
outcomes = np.array(list(product((0.0, 1.0), repeat=3)))  # (8, M): all that three rollouts of an image can be
chance = np.prod(np.where(outcomes == 1, 0.3, 0.7), axis=1)
assert np.isclose(sum(c * within(o[None]) for c, o in zip(chance, outcomes)), 0.3 * 0.7, rtol=1e-14)

t = rollout(params, config, summed_area(x[:2000]), np.random.default_rng(0), M := 8)
_, outcome = reinforce.cotangents(t, y[:2000], config.changed({"baseline": "batch"}))
N, mean_reward = outcome.reward.size, outcome.reward.mean(dtype=float)
predicted = (N / (N - 1)) ** 2 * mean_reward * (1 - mean_reward)
# In float32, r − b of a right label is off by about ε, which is large only beside its value 1 − r̄.
rtol = 4 * np.finfo(np.float32).eps / (1 - mean_reward)
assert rtol < 1 / N  # so that the factor N/(N − 1) is seen
assert np.isclose(np.mean(outcome.advantage[0].astype(float) ** 2), predicted, rtol=rtol)
looking = within(outcome.reward.reshape(-1, M).astype(float))
print(f"with the trained weights: variance of the reward {predicted:.4f}, ", end="")
print(f"of which {100 * looking / predicted:.0f} % are due to where it looked")
assert 0.2 < looking / predicted < 0.9

# %% [markdown]
# The rest is noise for the location head. With several rollouts of an image, each judged by the others, this noise
# disappears from the advantage; but the rollouts cost as many times the work. Which is better at equal cost is a
# question for an ablation (not for the one at the end of this lesson, which has as many epochs and so twice the work).
#
# ## Where it looked before, and where it looks now
#
# *Before* means: the same network with the very parameters that this run began with, drawn again from its seed. Both
# agents get the same first location, a random one, and sample the others, with the same noise.

# %%
before = init_params(config, stream(config.seed, PARAMETERS))
few = [int(np.flatnonzero(y == d)[0]) for d in (2, 3, 4, 5, 7, 9)]

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 6, figsize=(10, 3.9))
for row, (name, p) in zip(axes, (("before", before), ("after", params))):
    t = rollout(p, config, summed_area(x[few]), np.random.default_rng(5))
    guess = t.logits[-1].argmax(axis=-1)
    for i, ax in enumerate(row):
        plots.glimpse_path(ax, x[few[i]], t.loc[:, i])
        plots.verdict(ax, y[few[i]], guess[i])
    row[0].set_ylabel(name)
show("Six digits with the agent's path: before, a cloud around the centre and wrong labels; after, right labels")

# %% [markdown]
# The square mark is the first, random glimpse. Before, all means lie near the centre, and the path is a cloud of width
# σ around it. Is the second row so different? The labels are. The paths look alike, but part of that is the noise,
# which is the same in both. For the paths we have to look at many images and without the noise of the sampling, as we
# shall do below.
#
# ## Belief, glimpse by glimpse
#
# The label head is trained to read the last state. Nothing forbids asking it earlier. Four images, chosen by a rule and
# not by taste: of the labels 3, 5 and 8 the one of which the agent was least sure after half of its glimpses, though
# right in the end; and the first that it gets wrong.

# %%
final = evaluate(params, config, x, y)
t = rollout(params, config, summed_area(x), np.random.default_rng(1), policy="mean", every_step=True)
p = softmax(t.logits, axis=-1)  # (T, n, 10)
entropy = -np.sum(p * np.log(np.maximum(p, 1e-12)), axis=-1)  # (T, n), nats
wrong = p[-1].argmax(axis=-1) != y
chosen = []
for digit in (3, 5, 8):
    hesitant = np.where((y == digit) & ~wrong, entropy[T // 2 - 1], -1)
    chosen.append(int(hesitant.argmax()))
chosen.append(int(np.flatnonzero(wrong)[0]))
belief = p[:, chosen]  # (T, 4, 10)

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 4, figsize=(9.6, 4.6), height_ratios=(1, 1.1))
for i, (above, below) in enumerate(axes.T):
    plots.glimpse_path(above, x[chosen[i]], t.loc[:, chosen[i]], Retina.of(config))
    plots.verdict(above, y[chosen[i]], belief[-1, i].argmax())
    drawn = plots.label_belief(below, belief[:, i], y[chosen[i]])
    if i:
        below.set_ylabel("")
fig.colorbar(drawn, ax=axes[1], label="probability")
show("Four digits with their paths, and under each the probabilities of the ten labels after one to six glimpses")

# %% [markdown]
# The squares on the digits are the inner ones of the glimpses; the outer ones, 16 pixels wide, are not drawn. The frame
# marks the true label. A column is a probability distribution over the ten labels after so many glimpses.
#
# ## How many glimpses?
#
# Two different questions. How wrong is *this* agent if it is stopped early? And how wrong is an agent that
# was *trained* for fewer glimpses? The first is read off the evaluation. For the second, short trainings with
# 2, 4, 6 and 8 glimpses were run, with five seeds each, whose results are stored.

# %%
ablation = ablation_results()
short = ablation["nothing"][0]["settings"]["epochs"]


def interval_bars(ax, at, wrong, n, **keywords):
    """Error rates (percent) of `wrong` of n with Wilson's intervals."""
    rate = 100 * np.asarray(wrong) / n
    low, high = 100 * np.array([wilson(m, n) for m in wrong]).T
    ax.errorbar(at, rate, [rate - low, high - rate], capsize=3, **keywords)


counts = final.wrong.sum(axis=1)
trained_for = {"2-glimpses": 2, "4-glimpses": 4, "nothing": 6, "8-glimpses": 8}
rates = {name: 100 * np.array([r["val_error"] for r in runs]) for name, runs in ablation.items()}  # (S,) in percent
for step, m in enumerate(counts, 1):
    print(f"stopped after {step}: {percent(m / n, wilson(m, n))}")
for name, g in trained_for.items():
    print(f"trained for {g}, {short} epochs: {', '.join(f'{rate:.2f}' for rate in rates[name])} %")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.4))
interval_bars(
    ax,
    range(1, T + 1),
    counts,
    n,
    fmt="o-",
    color=COLOUR["label"],
    label=f"trained for {T}, stopped early ({config.epochs} epochs)",
)
for name, g in trained_for.items():
    words = f"trained for that many, five seeds ({short} epochs)" if g == T else None
    ax.plot([g] * len(rates[name]), rates[name], "s", color=COLOUR["location"], mfc="none", markersize=5, label=words)
ax.set(xlabel="glimpses", ylabel="validation error (%)", yscale="log", yticks=[1, 2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show(
    "Error against glimpses on a logarithmic axis: it falls from three quarters to two percent; squares lie higher, "
    "between three and six percent"
)

# %% [markdown]
# After one glimpse the agent has seen one random place with a label head that expects six, and is wrong three times out
# of four. Its second location is the first that it has chosen. The two kinds of marks were trained for different
# lengths of time; compare within a kind. The squares of 4 and of 6 glimpses overlap; those of 8 lie a little higher. Is
# that luck? The end of this lesson says how to find out.
#
# ## Where does it look?
#
# Clouds of mean locations, one colour for each step, over the mean image of each class.

# %%
t = rollout(params, config, summed_area(x), np.random.default_rng(2), policy="mean", every_step=True)
# How much of the variance of each step's location lies between the classes?
for step in range(T):
    l = t.loc[step].astype(float)
    means = np.array([l[y == d].mean(axis=0) for d in range(10)])
    between, total = np.sum((means[y] - l.mean(axis=0)) ** 2), np.sum((l - l.mean(axis=0)) ** 2)
    spread = np.sqrt(total / n)
    print(
        f"glimpse {step + 1}: spread {spread:.2f} half-widths, of its variance {100 * between / total:4.1f} % "
        "between classes"
    )

# %% tags=["picture", "hide-input"]
fig, axes = plt.subplots(2, 5, figsize=(9.6, 4.2), sharex=True, sharey=True)
for digit, ax in enumerate(axes.flat):
    rows = np.flatnonzero(y == digit)
    plots.policy_map(ax, t.loc[:, rows[:150]], x[rows].mean(axis=0) / 255)
    ax.set(title=f"{digit}", xlabel="", ylabel="")
fig.supxlabel("x (image half-widths)", fontsize=9)
fig.supylabel("y (image half-heights)", fontsize=9)
handles, names = axes[0, 0].get_legend_handles_labels()
fig.legend(handles, names, title="glimpse", loc="outside right center", markerscale=2.5)
show("For each of the ten digits the clouds of mean locations of glimpses two to six, over the mean image of the class")

# %% [markdown]
# A cloud that is small and the same in all ten panels is a habit; clouds that differ between classes show that
# the agent reacts to what it has seen. The printed shares say how much of the variance that is. The first
# glimpse is random, so its share is what chance gives.
#
# ## Does it decide, or has it a habit?
#
# A picture cannot settle this; an experiment can say something. Give each image the path that the agent took on
# *another* image. The locations are then just as well spread as before, and come in the same order, but they were not
# chosen for this image. `rollout` can do that: its argument `frozen` takes the locations of another
# trajectory. Three degrees: the own path, the path of another image of the same class, the path of any other
# image. For comparison, one path for all images, the mean of all paths after the first glimpse: a habit and no
# decision. And locations without any sense, drawn uniformly.
#
# Two agents: the one of this lesson, and `pretrained:mnist-28`, which was trained ten times as long, with other
# settings: seven glimpses of one scale, of which the first is here at the centre, so that its curve begins lower.

# %%
rng = np.random.default_rng(3)
others, same_class = np.empty(n, int), np.empty(n, int)
rows = rng.permutation(n)
others[rows] = np.roll(rows, 1)  # another image: a cycle through them, in random order; below, through each class
for digit in range(10):
    rows = rng.permutation(np.flatnonzero(y == digit))
    same_class[rows] = np.roll(rows, 1)
assert (y[same_class] == y).all() and (same_class != np.arange(n)).all() and (others != np.arange(n)).all()


def ways_of(params, config):
    """Wrong labels after each glimpse (T, n), on the own path and along others → {name: wrong}."""
    t = rollout(params, config, summed_area(x), np.random.default_rng(2), policy="mean", every_step=True)

    def along(loc, sample):
        path = t._replace(loc=loc, sample=sample)
        walked = rollout(params, config, summed_area(x), None, every_step=True, frozen=path)
        assert (walked.loc == loc).all()
        return walked.logits.argmax(axis=-1) != y

    habit = np.broadcast_to(t.loc[1:].mean(axis=1, keepdims=True), t.sample.shape)  # each keeps its own first glimpse
    ways = {
        "own path": along(t.loc, t.sample),
        "path of the same class": along(t.loc[:, same_class], t.sample[:, same_class]),
        "one path for all": along(np.concatenate([t.loc[:1], habit]), habit),
        "path of any image": along(t.loc[:, others], t.sample[:, others]),
        "random locations": evaluate(params, config, x, y, policy="random").wrong,
    }
    assert (ways["own path"] == (t.logits.argmax(axis=-1) != y)).all()
    return ways


def difference(first, second):
    """Difference of two error rates in points and its standard error, image by image, as the images are the same."""
    d = 100 * (first.astype(int) - second)
    return d.mean(), d.std(ddof=1) / np.sqrt(len(d))


right_wrong = np.array([True, True, False, False]), np.array([True, False, False, False])
assert np.allclose(difference(*right_wrong), (25, 25))  # one image of four; d = 0, 100, 0, 0

strong, strong_config, _ = load_params(find_model("pretrained:mnist-28"))
AGENTS = {"this lesson's": ways_of(params, config), "pretrained:mnist-28": ways_of(strong, strong_config)}
for agent, ways in AGENTS.items():
    print(agent)
    for name, wrong in ways.items():
        d, error = difference(wrong[-1], ways["own path"][-1])
        more = "" if name == "own path" else f", {d:+.2f} ± {error:.2f} points against the own path"
        print(f"   {name:24} {percent(wrong[-1].mean(), wilson(wrong[-1].sum(), n))}{more}")
    d, error = difference(ways["path of any image"][-1], ways["own path"][-1])
    assert d > 3 * error  # both agents do worse on a path that was chosen for another image

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6), sharey=True)
looks = zip(ways, ("label", "baseline", "location", "reward", "muted"), "osD^v", ("-", "-", "--", "-.", ":"))
for name, colour, marker, line in looks:
    for ax, (agent, found) in zip(axes, AGENTS.items()):
        bars = {"fmt": marker + line, "color": COLOUR[colour], "label": name, "linewidth": 1.2}
        interval_bars(ax, range(1, len(found[name]) + 1), found[name].sum(axis=1), n, **bars)
        ax.set(title=agent, xlabel="glimpses so far", yscale="log", yticks=[0.5, 1, 2, 5, 10, 20, 50, 100])
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
axes[0].set(ylabel="validation error (%)")
axes[1].legend(fontsize=7.5)
show("Error against glimpses for two agents on five kinds of paths; the own path is best, the order of others differs")

# %% [markdown]
# What does this show? Both agents do better on the path that they chose for the image than on one that they chose for
# another. So they *use* what they see; it is not habit alone. (The path of another image of the same class is a tie for
# the first agent. Its own path has a little more than the error above, as other first glimpses were drawn.)
#
# What does it **not** show? How much is owed to the habit. It is tempting to read it off the step from *random* to *one
# path for all*, and an earlier version of this lesson did. But neither agent was *trained* for such a path. Taken off
# its own, an agent meets states that it never met before, and how badly it copes with that tells little about how good
# a habit could be.
#
# ## A habit from the beginning
#
# The fair comparison is an agent that has one fixed path and is trained with it. For each of the five seeds, one was:
# the same network, as many glimpses and epochs, a first glimpse anywhere as before, and after it one path for all
# images, the mean path of that seed's agent. It chooses nothing, so there is nothing for REINFORCE to do.
#
#     python tutorials/tables/run.py habit quick --seed 22
#
# A second one has its first glimpse on the path, too. The mean of places drawn anywhere is the centre, so it begins
# with a useful look where the others often do not: a better habit. And there is one difference left. The agent that
# chooses was trained with noise at every location that it chose, so that it saw a little more of each image than a scan
# that never moves. So each of the two was trained once more with noise of the same σ (`--noise`); judged are all
# without.

# %%
scans = {
    name: [json.loads(path.read_text()) for path in sorted((RESULTS / "scan" / "quick").glob(f"{name}-s*.json"))]
    for name in ("after-first", "after-first-noise", "fixed", "fixed-noise")
}
found = {
    "it chooses": [r["val_error"] for r in seeds],
    # The agent that chooses, sent along that path.
    "one path, untrained": [r["ways"]["one path for all"] for r in scans["fixed"]],
    "trained with one path": [r["val_error"] for r in scans["after-first"]],
    "with one path, and noise": [r["val_error"] for r in scans["after-first-noise"]],
    "its first glimpse too": [r["val_error"] for r in scans["fixed"]],
    "first glimpse, and noise": [r["val_error"] for r in scans["fixed-noise"]],
}
found = {name: 100 * np.array(errors) for name, errors in found.items()}
print("validation errors in %, seed by seed")
for name, errors in found.items():
    print(f"   {name:24} {', '.join(f'{rate:.2f}' for rate in errors)}; mean {errors.mean():.2f}")
assert all([r["seed"] for r in runs] == [r["seed"] for r in seeds] for runs in scans.values())
differs = {}
for name, (d, p) in zip(list(found)[2:], compared({"nothing": seeds} | scans).values()):
    interval = f"[{100 * d.low:+.2f}, {100 * d.high:+.2f}]"
    print(f"{name}, minus chosen: {100 * d.mean:+.2f} {interval} points, p = {p:.3f}")
    differs[name] = p < 0.05
assert [name for name, does in differs.items() if does] == ["with one path, and noise"]

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.2), width_ratios=(1, 1.9))
axes[0].imshow(x.mean(axis=0), cmap="gray_r", extent=(-1, 1, 1, -1), alpha=0.5)
for r, marker in zip(scans["after-first"], "os^vD"):
    xs, ys = np.array(r["path"][1:]).T
    axes[0].plot(xs, ys, marker + "-", color=COLOUR["location"], mfc="none", markersize=4, linewidth=1)
    axes[0].plot(xs[0], ys[0], marker, color=COLOUR["exact"], markersize=5)
axes[0].set(title="The five fixed paths", xlabel="x (image half-widths)", ylabel="y (image half-heights)")
axes[0].set(xlim=(-0.25, 0.25), ylim=(0.25, -0.25))
axes[0].grid(visible=False)
for i, (errors, colour) in enumerate(zip(found.values(), ("label", "muted", *["location"] * 4))):
    for rate, marker in zip(errors, "os^vD"):
        axes[1].plot(rate, i, marker, color=COLOUR[colour], mfc="none", markersize=7)
    axes[1].plot(errors.mean(), i, "|", color=COLOUR[colour], markersize=26)
axes[1].set(yticks=range(len(found)), yticklabels=[name.replace(", ", ",\n") for name in found])
axes[1].set(xlabel="validation error (%)", ylim=(len(found) - 0.5, -0.5), xlim=(1, None))
show(
    "Five short paths near the middle of the mean image; errors of five seeds: those that choose and those trained "
    "with one path lie nearly alike, those sent along a path without training lie higher"
)

# %% [markdown]
# On the left the middle of the mean image with the five paths, glimpses 2 to 6; the second is filled. On the right a
# marker is a seed, the same as on the left, and a stroke the mean of five.
#
# ($p$ is Holm's over the four.) Three of the four are **ties**. Noise was to make up for what a scan lacks, but it has
# not helped: with a random first glimpse it costs, and only that scan is worse than choosing. So the rival to beat is
# the scan without noise, and against it choosing gains nothing that these seeds could tell. The fixed path hardly
# leaves the middle. It reads the digit there again and again, with an inner square of 8 pixels and an outer one of 16.
#
# Put both results together. The agent *uses* what it sees: on a path of another image it does worse, and its clouds
# differ from class to class. And nothing measurable is *gained* by it. To react is not yet to gain. Every image of
# MNIST has its digit in the middle, and that is known before one looks. Compare with random locations only, as below,
# and you would praise the policy for having found the middle.
#
# Is it the task, or is it the eye? The second agent has no outer square: seven glimpses of 8 by 8 pixels each, none of
# which sees the digit as a whole. Of its recipe there is a run with another seed, 20 (the stored weights are of 23),
# and for that one, too, an agent was trained with its mean path, `habit mnist-7`. The first glimpse is in the centre
# for both when they are judged.

# %%
narrow = json.loads((RESULTS / "scan" / "mnist-7" / "fixed-s20.json").read_text())
for name, rate in (
    ("it chooses", narrow["ways"]["own path"]),
    ("one path, untrained", narrow["ways"]["one path for all"]),
    ("trained with one path", narrow["val_error"]),
):
    print(f"{name:22} {percent(rate, wilson(round(rate * n), n))}")
assert narrow["val_error"] > 2 * narrow["ways"]["own path"]

# %% [markdown]
# Here choosing pays: with one path there are nearly three times as many errors. So what a choice is worth may depend on
# what one can see without it. (The two agents differ in more than their retina, and this is one seed. That the scales
# alone make the difference was not tested.) But look at the last two numbers: the agent that was *trained* with this
# path is no better on it than the one that was only sent along it. It saw each image always in the same way, without
# noise and with one rollout, and knew its training images by heart in the end. So it does not say how good this path
# could be. A scan that is trained with noise and with two rollouts, as the agent was, would say more; the
# [tables](tables/README.md#habit-or-decision) tell whether it has been run.
#
# And where the digit may be anywhere, nobody can know its place before looking. Lesson 10 goes there.
#
# ## Mean, sampled, or averaged?
#
# In training the locations must be sampled. Afterwards there is a choice: take the mean μ, sample once, or
# sample $M$ rollouts and average their probabilities.

# %%
rollouts = (1, 2, 4, 8)
averaged = {m: evaluate(params, config, x, y, "sampled", m) for m in rollouts}
mean_rate, (low, high) = 100 * final.error, wilson(final.wrong[-1].sum(), n)
print(f"mean locations:      {percent(final.error, (low, high))}")
for m, e in averaged.items():
    print(f"rollouts averaged: {m} {percent(e.error, wilson(e.wrong[-1].sum(), n))}")
d, error = difference(final.wrong[-1], averaged[8].wrong[-1])
print(f"mean locations minus average of 8: {d:+.2f} ± {error:.2f} points (one standard error)")
assert np.allclose(averaged[8].probabilities.sum(axis=-1), 1, rtol=0, atol=1e-5)  # single precision
assert d > 2 * error

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.2))
interval_bars(
    ax,
    rollouts,
    [e.wrong[-1].sum() for e in averaged.values()],
    n,
    fmt="o-",
    color=COLOUR["location"],
    label="sampled, probabilities averaged",
)
ax.axhline(mean_rate, color=COLOUR["label"], linestyle="--", label="mean locations")
ax.axhspan(100 * low, 100 * high, color=COLOUR["label"], alpha=0.12, linewidth=0)
ax.set(xscale="log", xticks=rollouts, xlabel="rollouts M", ylabel="validation error (%)", ylim=(0, None))
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show(
    "Error against the number of averaged rollouts falls; the line of the mean locations lies near that of one rollout"
)

# %% [markdown]
# An average of rollouts is an ensemble: the agent looks at the image again from another first place, and the
# mistakes of single rollouts partly cancel. It costs $M$ times the glimpses.
#
# > **Asked: which prediction counts?** One rollout, if you compare with the paper's tables: an average of ten answers
# > another question. When you compare error rates of different authors, ask first which of the three was measured.
#
# ## Taking choices back, one at a time
#
# Short trainings of the same recipe, each with one thing changed, each with the seeds 20 to 24. They were made by
#
#     python tutorials/tables/run.py ablation quick
#
# and each is compared with the recipe's own run of the same seed, on the same images. With a pencil: without a baseline
# the error was larger by 1.20, 0.40, 0.78, 0.64 and 0.80 points. The mean is 0.76. The five scatter around it with a
# standard deviation of 0.29, so the mean of five is uncertain by $0.29/\sqrt5 = 0.13$.
#
# These 5,000 images are a sample as well: others would have given other numbers. The intervals below are of both, seeds
# and images; [intervals.py](tables/intervals.py) says how. And seventeen choices are seventeen chances of a false
# alarm. The $p$ values are corrected for that, by a rule of Holm that lesson 12 works out by hand.

# %%
difference_by_seed = rates["no-baseline"] - rates["nothing"]
assert np.allclose(difference_by_seed, (1.20, 0.40, 0.78, 0.64, 0.80), rtol=0, atol=1e-9)  # counts of 5000, by hand
assert abs(difference_by_seed.mean() - 0.76) < 0.005 and abs(difference_by_seed.std(ddof=1) - 0.29) < 0.005
for name in ("small-std", "two-rollouts"):  # of which more is said below
    assert (rates[name] < rates["nothing"]).all()
choices = compared(ablation)
assert np.isclose(100 * choices["no-baseline"][0].mean, difference_by_seed.mean(), rtol=1e-12)  # sums in another order
print(f"the recipe, {short} epochs, {len(y)} validation images: {rates['nothing'].mean():.2f} %")
for name in (name for name in QUICK.texts if name in choices):
    d, p = choices[name]
    interval = f"{100 * d.mean:+5.2f} [{100 * d.low:+.2f}, {100 * d.high:+.2f}]"
    print(
        f"{QUICK.texts[name]:30} {rates[name].mean():5.2f} %, {interval}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    )

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(8, 0.34 * len(choices) + 0.9))
ordered = sorted(choices, key=lambda name: choices[name][0].mean)
for i, name in enumerate(ordered):
    d, p = choices[name]
    colour = COLOUR["location"] if p < 0.05 else COLOUR["muted"]
    bar = [[100 * (d.mean - d.low)], [100 * (d.high - d.mean)]]
    face = colour if p < 0.05 else "white"
    ax.errorbar(100 * d.mean, i, xerr=bar, fmt="o", color=colour, mfc=face, capsize=2, linewidth=1.3)
    ax.plot(rates[name] - rates["nothing"], [i + 0.3] * len(rates[name]), "|", color=colour, markersize=6)
ax.axvline(0, color=COLOUR["exact"], linewidth=1)
ax.grid(visible=False, axis="y")
ax.set(
    yticks=range(len(ordered)),
    yticklabels=[QUICK.texts[name] for name in ordered],
    xlabel=f"validation error minus the recipe's after {short} epochs (points), mean locations",
)
ax.invert_yaxis()
show(
    "A row for each choice that was taken back, with the difference to the recipe: eleven reach over zero or lie just "
    "left of it, drawn hollow; six lie to the right, filled, random locations far off"
)

# %% [markdown]
# How to read it. A dot is the mean of five differences, a bar its 95 % interval, the strokes under it are the five.
# Filled dots differ after the correction, hollow ones are **ties**. A tie is not *no effect*; it says that these runs
# cannot tell. Three epochs are a short training: they show what helps to learn *quickly*. A choice can be quick and end
# worse.
#
# Six of the seventeen cost something. *Random locations* train the same network, with the same number of glimpses, but
# never let it choose: 13.2 % instead of 3.7 %. (That is what the policy is worth against no sense at all. Against a
# trained habit, and after twelve epochs, it was a tie.) One scale costs 5.3 points, σ = 0.4 costs 3.6, two glimpses
# 1.8, no baseline 0.76, eight glimpses 0.63. The last two are close to the border: $p$ is 0.03 and 0.02.
#
# Look at σ = 0.05 and at two rollouts. All five strokes of each lie left of zero, and so do their bars. Alone, each
# would have been called a gain; among seventeen it is a tie. They are what to try next, with *new* seeds. (Two rollouts
# have as many epochs here, and so twice the work.)
#
# All of that is about *mean* locations. The same runs, looked at with sampled ones:

# %%
sampled = {name: 100 * np.array([r["sampled_val_error"] for r in runs]) for name, runs in ablation.items()}
print(f"the recipe, sampled: {sampled['nothing'].mean():.2f} %")
for name in ("2-glimpses", "4-glimpses", "8-glimpses", "linear-location-head", "no-baseline"):
    more = sampled[name] - sampled["nothing"]
    error = more.std(ddof=1) / np.sqrt(len(more))
    print(f"{QUICK.texts[name]:26} {more.mean():+.2f} ± {error:.2f} (one standard error, by seeds alone)")
assert (sampled["linear-location-head"] - sampled["nothing"]).min() > 0.1

# %% [markdown]
# Now it is four glimpses that cost something, and eight that do not. And without the hidden layer before μ, a tie
# above, all five seeds lose 0.12 points or more. (These are picked out, and not corrected.) A verdict belongs to the
# way of looking, so say which it was.
#
# *Why* does having no baseline cost something? Lesson 7 has proved that all honest baselines give the same mean
# gradient, and measured that without one the noise is larger. That the noise is the reason for these 0.76 points is
# likely; these runs do not prove it.
#
# > **Asked: my policy goes to one corner, whatever the image. Why?** Look where its means are (`minram show RUN`). If
# > they are outside the image, all samples are clipped to the same point, and no reward leads back (lesson 12). If they
# > do not vary, the location head has not learned anything: is σ so small that all samples see the same? Is there a
# > gradient at all (lesson 11, bug D)? A run of `minram train` says so itself when it sees one of these.
#
# An agent to be tried. Draw a digit, throw in clutter, and click where the first glimpse shall fall.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("agent")

# %% [markdown]
# ## What to remember
#
# Validation images choose, test images are for one look. An error rate without the number of images is half a number,
# and a difference without other seeds is half a result. The location head learns only from the part of the reward's
# variance that is due to where one looks. That an agent uses what it sees is shown by giving it other paths. How good
# it could be without is shown only by training one that has no choice. With an eye that sees most of the digit from the
# middle, the two are a tie.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("middle, half = p + q / 2", "middle, half = p + q"),
    ("middle, half = p + q / 2", "middle, half = p"),
    ("np.sqrt(p * (1 - p) / n + q / (4 * n))", "np.sqrt(p * (1 - p) / n)"),
    ("((ends[:, 0] <= p) & (p <= ends[:, 1]))", "(p <= ends[:, 1])"),
    ("minram.training.evaluate", 'proportion_ci(method="wilson")', 'proportion_ci(method="exact")'),
    ("p.mean() * (1 - p.mean()), p.var()", "p.mean() * (1 - p.mean()), p.std()"),
    ("(p * (1 - p)).mean()\n", "p.mean() * (1 - p.mean())\n"),
    ("r.var(axis=1, ddof=1).mean()", "r.var(axis=1).mean()"),
    ("r.var(axis=1, ddof=1).mean()", "r.var(ddof=1)"),
    ("predicted = (N / (N - 1)) ** 2 *", "predicted = 1 *"),
    ("minram.reinforce", "- G) / (G.shape[-1] - 1)", "- 0 * G) / G.shape[-1]"),
    ("looking = within(outcome.reward.reshape(-1, M)", "looking = within(outcome.reward.reshape(M, -1)"),
    ("same_class[rows] = np.roll(rows, 1)", "same_class[rows] = rows"),
    ("others[rows] = np.roll(rows, 1)", "others[rows] = rows"),
    ("minram.agent", "np.clip(samples[t], -1, 1, out=loc[t + 1])", "np.clip(mu[t], -1, 1, out=loc[t + 1])"),
    ("100 * (first.astype(int) - second)", "100 * (first.astype(int) - second[::-1])"),
    ("d.std(ddof=1) / np.sqrt(len(d))", "d.std(ddof=1)"),
    ('= rates["no-baseline"] - rates["nothing"]', '= rates["nothing"] - rates["no-baseline"]'),
    ("abs(difference_by_seed.std(ddof=1) - 0.29)", "abs(difference_by_seed.std() - 0.29)"),
    ("minram.training.models", "rollouts, -1).mean(axis=2)", "rollouts, -1).sum(axis=2)"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Four, from numbers by hand to an estimator. Each has a function to be written and, after it, a check that says at once
# what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np

from exercise import entries, exercise, finish, parts, same
from minram.reinforce import advantages

# %% [markdown]
# **1. Numbers by hand.** Three images. One is labelled rightly wherever the agent looks, one never, one half of the
# time. How large is the variance of the reward of one rollout, of an image that is drawn at random from the three?
# Which part of it is due to which image it is, and which part to where one looks? And an agent labels 16 images without
# a mistake. What is the upper end of Wilson's interval for its error rate, with $z = 2$?


# %% tags=["solution"]
def variance_by_hand():
    """→ {"all": …, "image": …, "looking": …, "upper end": …}."""
    # Solution
    # The mean is ½, so all of it is ¼. The p are 0, ½, 1, with the variance (¼ + 0 + ¼)/3; p(1 − p) is 0, ¼, 0.
    # p² = 4 p (1 − p)/16 gives p = (1 − p)/4, so p = 1/5.
    return {"all": 1 / 4, "image": 1 / 6, "looking": 1 / 12, "upper end": 1 / 5}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 1, first hint</summary>
#
# A reward is 0 or 1. Its variance is $p(1-p)$, with $p$ for its mean, whatever else is going on.
#
# </details>
# <details><summary>Exercise 1, second hint</summary>
#
# Write down the three $p_i$. Their own variance is the first part. The mean of $p_i(1 - p_i)$ is the second. Do the two
# add up? For the interval: which $p$ is just two standard deviations $\sqrt{p(1-p)/16}$ away from 0?
#
# </details>


# %%
@exercise("1. Numbers by hand")
def check_by_hand():
    everything, image, looking, upper = entries(variance_by_hand(), "all", "image", "looking", "upper end")
    p = np.array([1, 0, 1 / 2])
    same("all", everything, p.mean() * (1 - p.mean()), {"this is the mean reward.": p.mean()})
    because = {
        "this is divided by 2; the three images are all there are.": p.var(ddof=1),
        "this is the part within the images.": (p * (1 - p)).mean(),
    }
    same("image", image, p.var(), because)
    because = {"this is of the third image alone; what is the mean over the three?": 1 / 4}
    same("looking", looking, (p * (1 - p)).mean(), because)
    because = {
        "the simple formula claims certainty: take the variance where the true rate is.": 0.0,
        "this is p = 4/16; and the factor 1 − p?": 1 / 4,
        "this is for the rate of right labels, and its lower end.": 4 / 5,
    }
    same("upper end", upper, np.roots([1 + 4 / 16, -4 / 16, 0]).max(), because)  # p² = 4 p (1 − p)/16


# %% [markdown]
# **2. A number: the fuel gauge.** An agent gets an image right with probability $p$ in each of $M$ independent
# rollouts. What is the mean square of the leave-one-out advantage $r_1 - \tfrac{1}{M-1}\sum_{m > 1} r_m$?


# %% tags=["solution"]
def expected_square(p, M):
    """E[(r_1 − mean of the other rewards)²] for M independent 0/1 rewards of mean p → float."""
    # Solution
    return p * (1 - p) * (1 + 1 / (M - 1))  # the variances of r_1 and of a mean of M − 1, added; the mean is 0


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# The mean of the advantage is 0, so its mean square is its variance.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# $r_1$ and the mean of the others are independent. What is the variance of a difference of independent numbers, and of
# a mean of $M - 1$ of them?
#
# </details>


# %%
@exercise("2. The fuel gauge")
def check_square():
    for p, M in product((0.02, 0.5, 0.9), (4, 2, 6)):
        total = 0.0
        for outcome in product((0.0, 1.0), repeat=M):  # all 2^M of them
            probability = np.prod([p if r else 1 - p for r in outcome])
            total += probability * advantages(np.array(outcome), np.zeros((1, M)), "rollouts", M)[0, 0] ** 2
        because = {
            "the baseline scatters too.": p * (1 - p),
            "this is the baseline's variance; r_1 scatters too.": p * (1 - p) / (M - 1),
            "variances of independent numbers are added, also for a difference.": p * (1 - p) * (1 - 1 / (M - 1)),
            "the baseline is a mean of M − 1 numbers.": p * (1 - p) * (1 + 1 / M),
            "this is with the mean of all M rollouts, itself included; it is left out here.": p * (1 - p) * (1 - 1 / M),
            "this is its root.": np.sqrt(total),
        }
        same(f"for p = {p}, M = {M} the mean square", expected_square(p, M), total, because)


# %% [markdown]
# It is largest for images that the agent gets right half of the time, and vanishes for those that it always or
# never gets right.
#
# **3. An estimator: a paired comparison.** Two agents label the same images. Of the four cases (both right, only the
# first wrong, only the second wrong, both wrong) only two matter. From the counts $b$ (only the first wrong) and $c$
# (only the second wrong) of $n$ images, write the difference of the error rates and its standard error.


# %% tags=["solution"]
def paired(b, c, n):
    """Difference of two error rates, first minus second, and its standard error, from the discordant counts."""
    # Solution
    difference = (b - c) / n
    variance = (b + c) / n - difference**2  # the mean of d² is (b + c)/n, for d in {−1, 0, 1}
    return difference, np.sqrt(variance / (n - 1))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Give each image a number $d$: 1 if only the first agent is wrong, −1 if only the second is, otherwise 0. The
# difference is the mean of $d$.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# What is the mean of $d^2$? The variance of the mean is the variance of $d$, divided by $n$ (or, without bias, by
# $n - 1$).
#
# </details>


# %%
@exercise("3. A paired comparison")
def check_paired():
    rng = np.random.default_rng(0)
    for n, p, q in ((5000, 0.02, 0.03), (400, 0.3, 0.2)):
        difficult = rng.random(n) < 0.35  # both agents err on the difficult ones
        first, second = (rng.random(n) < np.where(difficult, rate / 0.35, 0) for rate in (p, q))
        d = first.astype(float) - second
        b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
        got_difference, got_error = parts(paired(b, c, n), "the difference", "its standard error")
        because = {"first minus second.": -d.mean(), "these are images; which share of n are they?": d.sum()}
        same("the difference", got_difference, d.mean(), because)
        unpaired = np.sqrt(first.var() / n + second.var() / n)
        error = d.std() / np.sqrt(n)
        because = {
            "this is the standard deviation of one image.": d.std(),
            "this is the variance; its root?": d.var() / n,
            "this is as if the images had been different ones.": unpaired,
            "the mean of d is not 0; take its square off.": np.sqrt(b + c) / n,
        }
        same("the standard error", got_error, error, because, 1.2 / n)  # divided by n or by n − 1
    assert 1.5 < unpaired / error < 1.7


# %% [markdown]
# In the check's last case, with different images for the two agents the standard error would be 1.6 times as large.
#
# **4. Time: exponential averages.** With a decay $d$ the averaged weights become
# $\bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta$ after each step. Write the weight that $\theta$ of $j$ steps ago
# has in $\bar\theta$, for a constant decay. And the mean age of what is in it, $\sum_j j \cdot \text{weight}_j$, in
# steps.


# %% tags=["solution"]
def weight_of(j, decay):
    """→ the weight of the parameters of j steps ago, and the mean age of all that is in the average, in steps.

    The second number is the same for every j.
    """
    # Solution
    return (1 - decay) * decay**j, decay / (1 - decay)  # a geometric series, Σ j dʲ = d/(1 − d)²


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Put the formula into itself: what is $\bar\theta$ two steps later? The newest parameters have the weight $1 - d$.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# $\sum_j d^j = 1/(1 - d)$. Take the derivative of both sides by $d$ to get $\sum_j j\, d^{j-1}$.
#
# </details>


# %%
@exercise("4. Exponential averages")
def check_weights():
    for decay in (0.9, 0.5):
        history = np.eye(400)  # each step's parameters are 1 in a place of their own
        average = history[0]
        for theta in history[1:]:
            average = decay * average + (1 - decay) * theta
        right = average[::-1]  # the newest first; what is left of the start weighs 0.9^399 < 1e-18
        weights, ages = zip(*(parts(weight_of(j, decay), "the weight", "the mean age") for j in range(400)))
        j = np.arange(400)
        because = {
            "the weights have to add up to one.": right / right[0],
            "the newest parameters, j = 0, have been multiplied by 1 − d alone.": right * decay,
            "it is the new parameters that are multiplied by 1 − d.": decay * (1 - decay) ** j,
        }
        same("the weights", weights, right, because)
        because = {
            "is the newest one of age 0 or of age 1?": np.full(400, 1 / (1 - decay)),
            "this is one term; the mean age is the sum of all.": right * j,
        }
        same("the mean age, for each j,", ages, np.full(400, right @ j), because)


# %% [markdown]
# For the recipe's $d = 0.999$ that is 999 steps, a little more than two epochs.

# %%
finish()
