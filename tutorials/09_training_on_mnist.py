# %% [markdown]
# # 9 · Training on MNIST
#
# **What you will see.** The agent of the lessons before, trained on all of MNIST by one command. What its
# learning curves say and what they hide; where it looked before and where it looks now; how its belief grows
# glimpse by glimpse; whether it really *decides* where to look, or has only learnt a good habit; and what is
# lost when one choice of the recipe is taken back.
#
# **What you need.** Lessons 6 to 8.
#
# **How long it runs.** Under fifteen seconds. The training itself takes a few minutes, and its result is stored
# beside this lesson.
#
# **To touch.** [An agent in a browser](pages/agent.html); `minram page RUN` makes the page of your own.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import json
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from jobs import QUICK
from lesson import CHECKPOINTS, ablation_results, show_source, training_command
from minram import reinforce
from minram.agent import init_params, rollout
from minram.datasets import data
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.reinforce import advantages
from minram.sensor import summed_area
from minram.training import optim
from minram.training.evaluate import evaluate, percent, wilson
from minram.training.run import load_params
from minram.training.streams import PARAMETERS, stream

style.use()
COLOUR = style.COLOURS
digits = data.load()
x, y = digits.x_val, digits.y_val  # the test set is left alone, see below
n = len(y)

# %% [markdown]
# ## The run
#
# The weights come from the default command of the package. A stored file of weights knows its settings, so
# the command can be read off it:

# %%
params, config, about = load_params(CHECKPOINTS / "mnist" / "best.npz")
metrics = [json.loads(line) for line in (CHECKPOINTS / "mnist" / "metrics.jsonl").read_text().splitlines()]
result = json.loads((CHECKPOINTS / "mnist" / "result.json").read_text())
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
# whose weights are kept, the settings, everything that anybody compares. The test images are looked at once,
# at the end of the run, by nobody but the last line of the training; we only read its report. All numbers
# that this lesson computes are of validation images. They have helped to choose, so they flatter a little,
# and that is the reason why there is a third set.
#
# ## What an error rate is worth
#
# Of $n$ images, $m$ are labelled wrongly, and the error rate is $\hat p = m/n$. Another $n$ images of the same
# kind would have given another number. How far may the true rate $p$ be? Count wrong labels as coin tosses:
# $m$ is binomial, so $\hat p$ has mean $p$ and variance $p(1-p)/n$, and for many images it is nearly Gaussian.
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
# This is Wilson's interval. Unlike $\hat p \pm z\sqrt{\hat p(1-\hat p)/n}$ it takes the variance where the true rate
# is, not where the measured one happens to be. At $\hat p = 0$ that matters most: the simple formula claims
# certainty.

# %%
z = norm.ppf(0.975)


def roots(m, n):
    p, q = m / n, z**2 / n
    middle, half = p + q / 2, z * np.sqrt(p * (1 - p) / n + q / (4 * n))
    return (middle - half) / (1 + q), (middle + half) / (1 + q)


for m in (0, 1, 97, 5000):
    assert np.allclose(roots(m, 5000), wilson(m, 5000), rtol=0, atol=1e-14)  # some roundings of numbers up to 1
for end in roots(97, 5000):  # on the border: exactly z standard deviations away
    assert np.isclose(abs(97 / 5000 - end), z * np.sqrt(end * (1 - end) / 5000), rtol=1e-12)
print(f"no error in 5000: simple interval [0, 0], Wilson's {percent(0, wilson(0, 5000))}")
print("at the end of the run, the test set, once:")
for name in ("mean", "sampled", "average_10"):
    print(f"   {name:10} {percent(result[name]['test_error'], result[name]['interval'])}")

# %% [markdown]
# The interval says what the choice of *images* may have done. It knows nothing of the luck of a training, of
# its initial weights and samples. For that one has to train again with other seeds:

# %%
seeds = [result] + [json.loads(path.read_text()) for path in sorted((CHECKPOINTS / "mnist").glob("result-*.json"))]
rates = 100 * np.array([r["mean"]["test_error"] for r in seeds])
print(
    f"{len(rates)} seeds, test error with mean locations: {', '.join(f'{rate:.2f}' for rate in rates)} %; "
    f"mean {rates.mean():.2f}, standard deviation {rates.std(ddof=1):.2f}"
)
p_mean = rates.mean() / 100
print(f"standard deviation if only the images varied: {100 * np.sqrt(p_mean * (1 - p_mean) / result['n_test']):.2f}")

# %% [markdown]
# All of them were tested on the same images, so the spread between them is that of the training. What other test
# images would do comes on top.
#
# ## Learning curves

# %%
fig, axes = plt.subplots(1, 3, figsize=(9.6, 3))
epochs = [m["epoch"] for m in metrics]
axes[0].plot(epochs, [m["loss"] for m in metrics], "o-", color=COLOUR["label"])
axes[0].set(title="Cross-entropy, training", ylabel="nats", ylim=(0, None))
axes[1].plot(epochs, [100 * m["error"] for m in metrics], "o-", color=COLOUR["muted"], label="training, sampled l")
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
plt.show()

# %% [markdown]
# The training number is a mean over the whole epoch, with weights that still jump; validation comes at its end, with
# the average of the weights over the last thousand steps or so. That is why it may be the lower curve at first,
# although its images are new to the agent. (It also looks at the mean locations, training at sampled ones.) Later
# the agent does a little better on the images that it has seen before, and validation is the upper curve.
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
# Only the last part differs between rollouts of one image. Two of them that are both right, or both wrong, have
# nothing to say about where to look. The sum $\tfrac{1}{M-1}\sum_m (r_m - \bar r_i)^2$ over $M$ rollouts of
# an image estimates its $p_i(1-p_i)$ without bias.

# %%
rng = np.random.default_rng(0)
t = rollout(params, config, summed_area(x[:2000]), rng, M := 8)
_, outcome = reinforce.cotangents(t, y[:2000], config.changed({"baseline": "batch"}))
N, mean_reward = outcome.reward.size, outcome.reward.mean(dtype=float)
predicted = (N / (N - 1)) ** 2 * mean_reward * (1 - mean_reward)
# In float32, r − b of a right label is off by about ε, which is large only beside its value 1 − r̄.
rtol = 4 * np.finfo(np.float32).eps / (1 - mean_reward)
assert np.isclose(np.mean(outcome.advantage[0].astype(float) ** 2), predicted, rtol=rtol)
r = outcome.reward.reshape(-1, M).astype(float)
within = r.var(axis=1, ddof=1).mean()
print(
    f"with the trained weights: variance of the reward {predicted:.4f}, "
    f"of which {100 * within / predicted:.0f} % are due to where it looked"
)

# %% [markdown]
# The rest is noise for the location head. With several rollouts of an image, each judged by the others, it
# disappears from the advantage; it costs as many times the work. Which is better at equal cost is a question for
# an ablation (not for the one at the end of this lesson, which has as many epochs and so twice the work).
#
# ## Where it looked before, and where it looks now
#
# *Before* means: the same network with the very parameters that this run began with, drawn again from its
# seed. Both agents get the same first location, a random one, and sample the others.

# %%
before = init_params(config, stream(config.seed, PARAMETERS))
few = [int(np.flatnonzero(y == d)[0]) for d in (2, 3, 4, 5, 7, 9)]
fig, axes = plt.subplots(2, 6, figsize=(10, 3.9))
for row, (name, p) in zip(axes, (("before", before), ("after", params))):
    t = rollout(p, config, summed_area(x[few]), np.random.default_rng(5))
    guess = t.logits[-1].argmax(axis=-1)
    for i, ax in enumerate(row):
        plots.glimpse_path(ax, x[few[i]], t.loc[:, i])
        plots.verdict(ax, y[few[i]], guess[i])
    row[0].set_ylabel(name)
plt.show()

# %% [markdown]
# The square mark is the first, random glimpse. Before, all means lie near the centre, and the path is a cloud of
# width σ around it. Is the second row so different? The labels are. For the paths we have to look at many images
# and without the noise of the sampling, as we shall do below.
#
# ## Belief, glimpse by glimpse
#
# The label head is trained to read the last state. Nothing forbids to ask it earlier. Four images, chosen by
# a rule and not by taste: of the labels 3, 5 and 8 the one of which the agent was least sure after half of its
# glimpses, though right in the end; and the first that it gets wrong.

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
fig, axes = plt.subplots(2, 4, figsize=(9.6, 4.6), height_ratios=(1, 1.1))
for i, (above, below) in enumerate(axes.T):
    plots.glimpse_path(above, x[chosen[i]], t.loc[:, chosen[i]], Retina.of(config))
    plots.verdict(above, y[chosen[i]], belief[-1, i].argmax())
    drawn = plots.label_belief(below, belief[:, i], y[chosen[i]])
    if i:
        below.set_ylabel("")
fig.colorbar(drawn, ax=axes[1], label="probability")
plt.show()

# %% [markdown]
# The frame marks the true label. A column is a probability distribution over the ten labels after so many
# glimpses.
#
# ## How many glimpses?
#
# Two different questions. How wrong is *this* agent if it is stopped early? And how wrong is an agent that
# was *trained* for fewer glimpses? The first is read off the evaluation. For the second, short trainings with
# 2, 4, 6 and 8 glimpses were run, whose results are stored.

# %%
ablation = ablation_results()
short = ablation["nothing"][0]["settings"]["epochs"]


def interval_bars(ax, at, wrong, n, **keywords):
    """Error rates (percent) of `wrong` of n with Wilson's intervals."""
    rate = 100 * np.asarray(wrong) / n
    low, high = 100 * np.array([wilson(m, n) for m in wrong]).T
    ax.errorbar(at, rate, [rate - low, high - rate], capsize=3, **keywords)


fig, ax = plt.subplots(figsize=(7, 3.4))
counts = final.wrong.sum(axis=1)
interval_bars(
    ax,
    range(1, T + 1),
    counts,
    n,
    fmt="o-",
    color=COLOUR["label"],
    label=f"trained for {T}, stopped early ({config.epochs} epochs)",
)
trained_for = {"2-glimpses": 2, "4-glimpses": 4, "nothing": 6, "8-glimpses": 8}
done = {g: ablation[name][0] for name, g in trained_for.items() if name in ablation}
interval_bars(
    ax,
    list(done),
    [round(a["val_error"] * a["n_val"]) for a in done.values()],
    n,
    fmt="s",
    color=COLOUR["location"],
    label=f"trained for that many ({short} epochs)",
)
ax.set(xlabel="glimpses", ylabel="validation error (%)", yscale="log", yticks=[1, 2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()
for step, m in enumerate(counts, 1):
    print(f"stopped after {step}: {percent(m / n, wilson(m, n))}")
for g, a in done.items():
    print(f"trained for {g}, {short} epochs: {percent(a['val_error'], a['val_interval'])}")

# %% [markdown]
# After one glimpse the agent has seen one random place with a label head that expects six, and is wrong three
# times out of four. Its second location is the first that it has chosen. The two kinds of marks were trained for
# different lengths of time; compare within a kind.
#
# ## Where does it look?
#
# Clouds of mean locations, one colour for each step, over the mean image of each class.

# %% tags=["picture"]
t = rollout(params, config, summed_area(x), np.random.default_rng(2), policy="mean", every_step=True)
fig, axes = plt.subplots(2, 5, figsize=(9.6, 4.2), sharex=True, sharey=True)
for digit, ax in enumerate(axes.flat):
    rows = np.flatnonzero(y == digit)
    plots.policy_map(ax, t.loc[:, rows[:150]], x[rows].mean(axis=0) / 255)
    ax.set(title=f"{digit}", xlabel="", ylabel="")
fig.supxlabel("x (image half-widths)", fontsize=9)
fig.supylabel("y (image half-heights)", fontsize=9)
handles, names = axes[0, 0].get_legend_handles_labels()
fig.legend(handles, names, title="glimpse", loc="outside right center", markerscale=2.5)
plt.show()

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

# %% [markdown]
# A cloud that is small and the same in all ten panels is a habit; clouds that differ between classes show that
# the agent reacts to what it has seen. The printed shares say how much of the variance that is. The first
# glimpse is random, so its share is what chance gives.
#
# ## Does it decide, or has it a habit?
#
# A picture cannot settle this; an experiment can. Give each image the path that the agent took on *another*
# image. The locations are then just as well spread as before, and come in the same order, but they were not
# chosen for this image. `rollout` can do that: its argument `frozen` takes the locations of another
# trajectory. Three degrees: the own path, the path of another image of the same class, the path of any other
# image. For comparison, one path for all images, the mean of all paths after the first glimpse: a habit and no
# decision. And locations without any sense, drawn uniformly.

# %%
rng = np.random.default_rng(3)
others, same = np.empty(n, int), np.empty(n, int)
rows = rng.permutation(n)
others[rows] = np.roll(rows, 1)  # another image: a cycle through them, in random order; below, through each class
for digit in range(10):
    rows = rng.permutation(np.flatnonzero(y == digit))
    same[rows] = np.roll(rows, 1)
assert (y[same] == y).all() and (same != np.arange(n)).all() and (others != np.arange(n)).all()


def along(loc, sample):
    """Wrong labels after each glimpse (T, n), along the paths loc (T, n, 2)."""
    path = t._replace(loc=loc, sample=sample)
    walked = rollout(params, config, summed_area(x), None, every_step=True, frozen=path)
    return walked.logits.argmax(axis=-1) != y


habit = np.broadcast_to(t.loc[1:].mean(axis=1, keepdims=True), t.sample.shape)  # each keeps its own first glimpse
ways = {
    "own path": along(t.loc, t.sample),
    "path of the same class": along(t.loc[:, same], t.sample[:, same]),
    "one path for all": along(np.concatenate([t.loc[:1], habit]), habit),
    "path of any image": along(t.loc[:, others], t.sample[:, others]),
    "random locations": evaluate(params, config, x, y, policy="random").wrong,
}
assert (ways["own path"] == (t.logits.argmax(axis=-1) != y)).all()
fig, ax = plt.subplots(figsize=(7, 3.4))
colours = (COLOUR["label"], COLOUR["baseline"], COLOUR["location"], COLOUR["reward"], COLOUR["muted"])
for (name, wrong), colour in zip(ways.items(), colours):
    interval_bars(ax, range(1, T + 1), wrong.sum(axis=1), n, fmt="o-", color=colour, label=name, linewidth=1.2)
    print(f"{name:24} {percent(wrong[-1].mean(), wilson(wrong[-1].sum(), n))}")
ax.set(xlabel="glimpses so far", ylabel="validation error (%)", yscale="log", yticks=[2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()


def difference(first, second):
    """The difference of two error rates as text, measured image by image, as the images were the same."""
    d = 100 * (first.astype(int) - second)
    return f"{d.mean():.2f} ± {d.std(ddof=1) / np.sqrt(n):.2f} percentage points (one standard error)"


print("one path for all minus own path:", difference(ways["one path for all"][-1], ways["own path"][-1]))

# %% [markdown]
# The step from *random* to *one path for all* is what a good habit is worth, the step from there to the *own path*
# what deciding is worth to this agent. A borrowed path is worse than a habit: it goes where another digit asked it to.
# On MNIST the habit is worth most by far: its digits are centred and of one size, and a retina in the middle of the
# image, whose coarser square spans more than half of it, sees nearly all there is. The next lesson takes the habit
# away. (Random locations are unfair to this agent in one way: it was not trained with them. An agent that was is among
# the ablations below.)
#
# ## Mean, sampled, or averaged?
#
# In training the locations must be sampled. Afterwards there is a choice: take the mean μ, sample once, or
# sample $M$ rollouts and average their probabilities.

# %%
rollouts = (1, 2, 4, 8)
averaged = {m: evaluate(params, config, x, y, "sampled", m) for m in rollouts}
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
mean_rate, (low, high) = 100 * final.error, wilson(final.wrong[-1].sum(), n)
ax.axhline(mean_rate, color=COLOUR["label"], label="mean locations")
ax.axhspan(100 * low, 100 * high, color=COLOUR["label"], alpha=0.12, linewidth=0)
ax.set(xscale="log", xticks=rollouts, xlabel="rollouts M", ylabel="validation error (%)", ylim=(0, None))
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()
print(f"mean locations:      {percent(final.error, (low, high))}")
for m, e in averaged.items():
    print(f"rollouts averaged: {m} {percent(e.error, wilson(e.wrong[-1].sum(), n))}")
print("mean locations minus average of 8:", difference(final.wrong[-1], averaged[8].wrong[-1]))

# %% [markdown]
# An average of rollouts is an ensemble: the agent looks at the image again from another first place, and the
# mistakes of single rollouts partly cancel. It costs $M$ times the glimpses, so it answers another question
# than the paper's tables. When you compare error rates of different authors, ask first which of the three was
# measured.
#
# ## Taking choices back, one at a time
#
# Short trainings of the same recipe, each with one thing changed, made by
#
#     python tutorials/tables/run.py ablation quick
#
# A dot is one training; a second dot is another seed. The bars are Wilson's intervals, the grey band is that
# of the recipe itself.

# %%
names = [name for name in QUICK.texts if name in ablation]
fig, ax = plt.subplots(figsize=(8, 0.34 * len(names) + 0.9))
reference = ablation["nothing"][0]
for i, name in enumerate(names):
    for j, a in enumerate(ablation[name]):
        colour = COLOUR["label"] if name == "nothing" else COLOUR["location"]
        rate, (low, high) = 100 * a["val_error"], 100 * np.array(a["val_interval"])
        ax.errorbar(
            rate,
            i + 0.22 * j,
            xerr=[[rate - low], [high - rate]],
            fmt="o",
            color=colour,
            capsize=2,
            alpha=(1, 0.6)[min(j, 1)],
        )
ax.axvspan(*(100 * np.array(reference["val_interval"])), color=COLOUR["muted"], alpha=0.15, linewidth=0)
ax.set(
    yticks=range(len(names)),
    yticklabels=[QUICK.texts[name] for name in names],
    xscale="log",
    xlabel=f"validation error after {short} epochs (%), mean locations",
    xticks=[2, 3, 5, 10, 20],
)
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.invert_yaxis()
plt.show()
print(f"{reference['n_val']} validation images, {short} epochs")
for name in names:
    for a in ablation[name]:
        print(
            f"{QUICK.texts[name]:30} seed {a['seed']}: {percent(a['val_error'], a['val_interval'])}, "
            f"sampled {100 * a['sampled_val_error']:.2f} %"
        )

# %% [markdown]
# How to read it. A difference smaller than the bars says little; the images were the same, so the bars are too wide for
# it (exercise 2). A difference that exceeds the bars, but not the distance between two seeds of one row, says nothing
# either: where two dots of a row lie on different sides of the band, either of them alone would have told a story.
# Three epochs are a short training: they show what helps to learn *quickly*. A choice can be quick and end worse.
#
# With that said, some rows are worth a look. *Random locations* trains the same network, with the same number of
# glimpses, but never lets it choose: what is lost there is the value of the policy. σ works in two ways: lesson 5 has
# shown that the score's variance is 1/σ², so a small σ is noisy to learn from, but a large σ looks at wrong places in
# training. Here σ = 0.05 is no worse than the recipe's, while 0.4 costs more than three points, at the mean locations
# too: what was learned is worse, not only the aim. *Baselines* differ in noise alone, and only while there is
# something left to learn about where to look.
#
# ## What to remember
#
# Validation images choose, test images are for one look. An error rate without the number of images is half a
# number, and a difference without other seeds is half a result. The location head learns only from the part
# of the reward's variance that is due to where one looks. Whether an agent decides or follows a habit is not
# seen in pictures of paths but in an experiment with other ones.
#
# ## Exercises
#
# **1. The fuel gauge.** An agent gets an image right with probability $p$ in each of $M$ independent rollouts.
# What is the mean square of the leave-one-out advantage $r_1 - \tfrac{1}{M-1}\sum_{m > 1} r_m$? Check against
# all $2^M$ outcomes.


# %% tags=["solution"]
def expected_square(p, M):
    """E[(r_1 − mean of the other rewards)²] for M independent 0/1 rewards of mean p → float."""
    # Solution
    return p * (1 - p) * (1 + 1 / (M - 1))  # the variances of r_1 and of a mean of M − 1, added; the mean is 0


# %%
for p_right, M in product((0.02, 0.5, 0.9), (2, 3, 6)):
    total = 0.0
    for outcome in product((0.0, 1.0), repeat=M):
        probability = np.prod([p_right if r else 1 - p_right for r in outcome])
        A = advantages(np.array(outcome), np.zeros((1, M)), "rollouts", M)
        total += probability * A[0, 0] ** 2
    assert np.isclose(total, expected_square(p_right, M), rtol=1e-13)  # sums of at most 64 terms, all positive
print("exact for every M and p tried")

# %% [markdown]
# It is largest for images that the agent gets right half of the time, and vanishes for those that it always or
# never gets right.
#
# **2. A paired comparison.** Two agents label the same images. Of the four cases (both right, only the first
# wrong, only the second wrong, both wrong) only two matter. From the counts $b$ (only the first wrong) and $c$
# (only the second wrong) of $n$ images, write the difference of the error rates and its standard error.


# %% tags=["solution"]
def paired(b, c, n):
    """Difference of two error rates, first minus second, and its standard error, from the discordant counts."""
    # Solution
    difference = (b - c) / n
    variance = (b + c) / n - difference**2  # the mean of d² is (b + c)/n, for d in {−1, 0, 1}
    return difference, np.sqrt(variance / (n - 1))


# %%
first_wrong, second_wrong = final.wrong[-1], averaged[8].wrong[-1]
d = first_wrong.astype(float) - second_wrong
b, c = np.sum(first_wrong & ~second_wrong), np.sum(second_wrong & ~first_wrong)
mine = paired(b, c, n)
print(f"difference {100 * mine[0]:.2f} ± {100 * mine[1]:.2f} percentage points (one standard error)")
assert np.allclose(mine, (d.mean(), d.std(ddof=1) / np.sqrt(n)), rtol=1e-3)  # divided by n or by n − 1
unpaired = np.sqrt(first_wrong.var() / n + second_wrong.var() / n)
print(f"had the images been different ones: ± {100 * unpaired:.2f}")

# %% [markdown]
# **3. Exponential averages.** With a decay $d$ the averaged weights become
# $\bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta$
# after each step. Write the weight that $\theta$ of $j$ steps ago has in $\bar\theta$, for a constant decay. How
# many steps is an average of $d$ worth?


# %% tags=["solution"]
def weight_of(j, decay):
    """The weight of the parameters of j steps ago in their exponential average."""
    # Solution
    return (1 - decay) * decay**j


# %%
decay, steps = 0.9, 400
history = np.random.default_rng(0).normal(size=steps)
average = history[0]
for theta in history[1:]:
    average = decay * average + (1 - decay) * theta
# What is left of the start weighs decay^399 < 1e-18, less than rounding.
assert np.isclose(average, sum(weight_of(j, decay) * history[-1 - j] for j in range(steps)), rtol=1e-12)
print(
    f"mean age for {config.weight_average}: {1 / (1 - config.weight_average) - 1:.0f} steps, "
    f"an epoch has {len(digits.y_train) // config.batch_size}"
)
show_source(optim.update_in_place)
