# %% [markdown]
# # 10 · Translated and cluttered digits
#
# **What you will see.** A digit somewhere on a large canvas, among pieces of other digits. How such canvases
# are made, fresh for every minibatch and yet repeatable; a retina of several scales, and what this agent uses
# each of them for; heat maps of where the policy goes; what happens when the agent is sent along another image's path;
# and when the same weights are put to work on canvases of other sizes.
#
# **What you need.** Lessons 2 and 9.
#
# **How long it runs.** About fifteen seconds. The training took far longer; its weights are in the package.
#
# **To touch.** [This agent in a browser](pages/agent.html): place a digit, throw in clutter, say where it looks first.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2

from lesson import RESULTS, WEIGHTS, show, show_source, training_command
from minram.agent import rollout
from minram.datasets import tasks
from minram.datasets.data import load
from minram.datasets.tasks import fixed_images, make_images
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.sensor import sensor_forward, summed_area
from minram.training.evaluate import evaluate, percent, wilson
from minram.training.run import find_model, load_params

style.use()
COLOUR = style.COLOURS
digits = load()
x, y = digits.x_val, digits.y_val  # validation images; the test set is left alone

# %% [markdown]
# ## The task
#
# The paper's harder tasks begin with an empty canvas, black as MNIST's background. Small squares, cut out of
# other digits, are dropped on it. Then a digit is put on top, anywhere. What overlaps is added, and sums above
# white are white:
#
# $$
# x = \min\Bigl(1,\; \sum_{d=1}^{D} \text{patch}_d + \text{digit}\Bigr)
# $$
#
# With a pencil, and with bytes, where white is 255. A canvas of three pixels, black. A patch (200, 200) is dropped on
# the first two. A digit (100, 50) is put on the last two. The sums are 200, 300 and 50, and 300 is white: 200, 255, 50.
# A program that adds bytes gets 300 − 256 = 44 in the middle, nearly black, where both have ink.

# %%
patch, digit = np.array([200, 200, 0], np.uint8), np.array([0, 100, 50], np.uint8)
print(f"wrapped {patch + digit}, clipped {np.minimum(patch.astype(int) + digit, 255)}")
assert (patch + digit == [200, 44, 50]).all() and (np.minimum(patch.astype(int) + digit, 255) == [200, 255, 50]).all()

# %% [markdown]
# Everything random is drawn first, into a `Layout`: the image each patch is cut from, where it is cut, where it
# is dropped, and the place of the digit. The drawing itself is then a function without any randomness, short
# enough to be repeated here by hand, one patch after the other.

# %%
params, config, about = load_params(find_model("pretrained:cluttered-60"))
task = config.task_at()
S, D, T = task.canvas[0], task.n_distractors, config.glimpses
size = x.shape[1]  # of a digit
index, seed = np.array([11]), 188  # a seed that gives patches with ink, which overlap each other and the digit
layout = tasks._sample_layout(task, x, index, np.random.default_rng(seed))

canvas, stages = np.zeros(task.canvas, int), []
for d in range(D):
    (r, c), (i, j), w = layout.cut[0, d], layout.drop[0, d], task.distractor_size
    canvas[i : i + w, j : j + w] += x[layout.source[0, d], r : r + w, c : c + w]
    canvas = np.minimum(canvas, 255)
    stages.append(canvas.copy())
i, j = layout.place[0]
canvas[i : i + size, j : j + size] += x[index[0]]
stages.append(np.minimum(canvas, 255))

assert (stages[-1] == make_images(task, x, index, np.random.default_rng(seed))[0]).all()
assert canvas.max() > 255  # so clipping matters here
show_source(make_images)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, D + 1, figsize=(9.6, 2.2))
for step, ax in enumerate(axes):
    plots.image(ax, stages[step].astype(np.uint8))
    ax.set_title(f"patch {step + 1}" if step < D else "and the digit")
show("A black canvas on which four pieces of other digits and then a whole digit appear, one after the other")

# %% [markdown]
# Does it matter that clutter is clipped before the digit is added? No: with numbers that are not negative,
# $\min(1, \min(1, a) + b) = \min(1, a + b)$. If $a \le 1$ both sides are the same, and if $a > 1$ both are 1.
#
# ## Fresh, and for ever the same
#
# In training each minibatch is drawn anew, so that the network never sees the same canvas twice. That is no
# figure of speech. The number of canvases that one digit can be on is a product of ranges:

# %%
places = (S - size + 1) ** 2
cuts, drops = (size - task.distractor_size + 1) ** 2, (S - task.distractor_size + 1) ** 2
others = len(digits.x_train) - 1
ways = np.log10(places) + D * np.log10(float(others * cuts * drops))
print(
    f"{places:,} places of the digit; for each patch {others:,} images, {cuts} cuts, {drops:,} drops: "
    f"10^{ways:.0f} canvases of one digit, patches numbered"
)

many = tasks._sample_layout(task, x, np.zeros(20_000, int), np.random.default_rng(1)).place  # (20000, 2)
counts = np.bincount(many[:, 0], minlength=S - size + 1)
statistic = np.sum((counts - counts.mean()) ** 2) / counts.mean()
print(
    f"rows {many[:, 0].min()} to {many[:, 0].max()}; chi-square {statistic:.1f} "
    f"for {len(counts) - 1} degrees of freedom"
)
assert len(counts) == S - size + 1 and counts[0] > 0 and counts[-1] > 0
assert statistic < chi2.ppf(1 - 1e-6, len(counts) - 1)  # a fair draw exceeds this once in a million

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 2.6))
ax.bar(range(len(counts)), counts, color=COLOUR["label"], width=0.8)
ax.axhline(counts.mean(), color=COLOUR["exact"], linewidth=1)
ax.set(xlabel="first row of the digit (pixels)", ylabel="canvases")
show("How often the digit begins in each of 33 rows: about six hundred times each, the last row too")

# %% [markdown]
# Look at the right end. A digit $h$ pixels high fits on a canvas of height $H$ at $H - h + 1$ places, not at $H - h$:
# the last one, flush with the border, is one of them. Random integers in Python come with the upper end
# excluded in one library and included in another, and so some public code for this task misses the last row
# and column. The digits are then a little too far up and to the left, in training and in test alike, and no
# learning curve shows it.
#
# Validation is the opposite case. Its canvases must be the same in every epoch, or the best epoch would be
# the one with the easiest canvases. They are made from a fixed seed, and do not depend on how many of
# them are made at a time.

# %%
one, other = fixed_images(task, x, seed=0), fixed_images(task, x, seed=1)
in_chunks = np.concatenate([c for _, c in tasks.fixed_batches(task, x, 333, seed=0)])
assert (one == in_chunks).all() and (one != other).any(axis=(1, 2)).all()

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 6, figsize=(9.6, 3.5))
for k in range(6):
    plots.image(axes[0, k], one[k])
    plots.image(axes[1, k], other[k])
axes[0, 0].set_ylabel("seed 0")
axes[1, 0].set_ylabel("seed 1")
show("Six digits on canvases of two seeds: the same digits, at other places and among other clutter")

# %% [markdown]
# The seed is a source of luck like the choice of the images. How much luck is printed below, where the agent is
# evaluated with several seeds, which also draw its first glimpses. (Seed 0 has chosen the epoch, so its number
# flatters a little.)
#
# ## A retina of several scales
#
# A window of $8 \times 8$ pixels would search such a canvas for long. So the retina has several concentric
# squares, each with the same number of cells, each cell of the next one covering more pixels. It is sharp in
# the middle and coarse around, like an eye.

# %%
w, scales = config.patch_size, config.scales
l = np.array([[0.25, -0.15]], np.float32)
phi, _ = sensor_forward(summed_area(one[3:4]), l, scales, w)
print(f"{phi.size} numbers a glimpse, of {S * S} pixels")

# %% tags=["picture", "hide-input"]
retina = Retina(scales, w)
fig, axes = plt.subplots(1, 2 + len(scales), figsize=(10, 2.5))
plots.image(axes[0], one[3])
plots.retina_outline(axes[0], l[0], one[3].shape, retina)
axes[0].set_title("canvas and retina")
for k, cells in enumerate(retina.patches(phi[0])):
    plots.image(axes[1 + k], cells)
    axes[1 + k].set_title(f"scale {scales[k]}: {retina.widths[k]} pixels wide", fontsize=8.5)
plots.retina_view(axes[-1], phi[0], retina)
axes[-1].set_title("what it sees")
show("A canvas with three nested squares on it, the three scales as images of twelve by twelve cells, and all in one")

# %% [markdown]
# ## The agent at work
#
# The weights are in the package, a run of the [first protocol](tables/README.md), so the command has some settings that
# the recipe of today has not. They are read from a file that knows its settings and when it was saved. It is one agent;
# what another seed would do, this lesson does not know.

# %%
print(training_command(config, about["recipe"]))
print(f"weights of epoch {about['epoch']} of {config.epochs}")
final = evaluate(params, config, x, y)
n = len(y)
print(f"validation error {percent(final.error, wilson(final.wrong[-1].sum(), n))}")
luck = [evaluate(params, config, x, y, seed=s).error for s in range(1, 4)]
print("three other seeds, canvases and first glimpses:", ", ".join(f"{100 * e:.2f}" for e in luck), "%")
for step, error in enumerate(final.errors, 1):
    print(f"   stopped after glimpse {step}: {100 * error:.1f} %")

t = rollout(params, config, summed_area(one[:2000]), np.random.default_rng(0), policy="mean", every_step=True)
guess = t.logits[-1].argmax(axis=-1)

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 5, figsize=(9.6, 4.3))
wrong = 8 + np.flatnonzero(guess[8:] != y[8:2000])[:2]
for k, ax in zip([*range(8), *wrong], axes.flat):
    plots.glimpse_path(ax, one[k], t.loc[:, k], size=8)
    plots.verdict(ax, y[k], guess[k])
show("Ten cluttered canvases with the path of eight glimpses; eight labels are right, the last two wrong")

# %% [markdown]
# The first eight canvases, and the first two after them that it gets wrong. (From here on there are fewer canvases,
# 2,000 or 1,000, and other first glimpses, so the same agent's error is now 2.4, now 3 %. Compare within a cell.) The
# square mark is the first, random glimpse.
#
# ## Where does the policy go?
#
# On a canvas, a map of locations alone shows little, since the digit may be anywhere. We know where it is: the
# layout of the fixed seed says so. So draw each location twice, once where it is on the canvas, and once
# *relative to the centre of the digit*, in pixels.

# %%
place = tasks._sample_layout(task, x, np.arange(n), np.random.default_rng(0)).place[:2000]  # (2000, 2) row, column
centre = place[:, ::-1] + size / 2  # (2000, 2) x, y in pixels
pixels = (t.loc + 1) * (S / 2)  # (T, 2000, 2)
relative = pixels - centre

# %% tags=["hide-input"]
steps = [0, 1, 2, 3, T - 1]
fig, axes = plt.subplots(2, len(steps), figsize=(10, 4.3), sharex="row", sharey="row")
for column, step in zip(axes.T, steps):
    above, below = column
    above.hist2d(*pixels[step].T, bins=np.linspace(0, S, 31), cmap=style.DENSITY, density=True)
    below.hist2d(*relative[step].T, bins=np.linspace(-S / 2, S / 2, 31), cmap=style.DENSITY, density=True)
    below.plot(*(size / 2 * np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])), color=COLOUR["label"], linewidth=1)
    above.set_title(f"glimpse {step + 1}")
    above.set(aspect=1, ylim=(S, 0))
    below.set(aspect=1, ylim=(S / 2, -S / 2))
    above.grid(False)
    below.grid(False)
axes[0, 0].set(ylabel="canvas (pixels)")
axes[1, 0].set(ylabel="from the digit (pixels)")
show("Density maps of five glimpses: on the canvas above, and around the digit below, where they gather")

# %% [markdown]
# Above, the canvas; below, the same glimpses with the digit moved to the middle, its frame of 28 by 28 pixels
# drawn in blue. The darker, the more glimpses; each panel has its own scale. A dark spot above that is a cloud
# below is a habit: the agent goes there wherever the digit is. A cloud above that is a dark spot below is a
# decision: it follows the digit. Now as a number: how many of
# the glimpses lie *on the digit*, that is within the inner 20 by 20 pixels where MNIST has its ink? The first
# glimpse, which is random, shows what chance gives.

# %%
on_digit = (np.abs(relative) <= 10).all(axis=-1)  # (T, 2000)
shares, distance = on_digit.mean(axis=1), np.median(np.hypot(*np.moveaxis(relative, -1, 0)), axis=1)
low, high = np.array([wilson(m, on_digit.shape[1]) for m in on_digit.sum(axis=1)]).T
for step in range(T):
    print(f"glimpse {step + 1}: {100 * shares[step]:5.1f} % on the digit, median distance {distance[step]:4.1f} pixels")
chance = (20 / S) ** 2
assert abs(shares[0] - chance) < 5 * np.sqrt(chance * (1 - chance) / 2000)  # five standard errors
assert shares[2:].min() > 0.9 and final.errors[2] > 1.5 * final.errors[-1]

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.8, 3))
ends = 100 * np.array([shares - low, high - shares])
axes[0].errorbar(range(1, T + 1), 100 * shares, ends, fmt="o-", capsize=3, color=COLOUR["location"])
axes[0].axhline(100 * chance, color=COLOUR["exact"], linewidth=1)
axes[0].text(T, 100 * chance + 2, "chance", ha="right", fontsize=8.5)
axes[0].set(xlabel="glimpse", ylabel="glimpses on the digit (%)", ylim=(0, 105))
mistaken = final.wrong.sum(axis=1)
ends = 100 * np.abs(np.array([wilson(m, n) for m in mistaken]).T - final.errors)
axes[1].errorbar(range(1, T + 1), 100 * final.errors, ends, fmt="s-", capsize=3, color=COLOUR["label"])
axes[1].set(xlabel="stopped after glimpse", ylabel="validation error (%)", yscale="log", yticks=[2, 5, 10, 20, 50, 100])
axes[1].yaxis.set_major_formatter("{x:g}")
axes[1].minorticks_off()
show(
    "Left the share of glimpses on the digit, high from the third on; right the error, which falls to the last glimpse"
)

# %% [markdown]
# Two decisions find the digit, wherever it is; after that the share has nowhere to rise, but the error goes on falling.
# First the agent searches, then it reads.
#
# ## Along another path
#
# The experiment of lesson 9, here: the agent is sent along the path that it took on another canvas, and along one path
# for all, the mean of all paths.

# %%
rng = np.random.default_rng(3)
order = rng.permutation(2000)
another = np.empty(2000, int)
another[order] = np.roll(order, 1)  # a cycle through all, so that no canvas gets its own
assert (another != np.arange(2000)).all()
mean_path = np.broadcast_to(t.sample.mean(axis=1, keepdims=True), t.sample.shape)
paths = {
    "own path": (t.loc, t.sample),
    "one path for all": (np.concatenate([t.loc[:1], mean_path]), mean_path),
    "another canvas's": (t.loc[:, another], t.sample[:, another]),
}
area_2000, off_path = summed_area(one[:2000]), {}
for name, (loc, sample) in paths.items():
    walked = rollout(params, config, area_2000, None, frozen=t._replace(loc=loc, sample=sample))
    off_path[name] = walked.logits[-1].argmax(axis=-1) != y[:2000]
    m = off_path[name].sum()
    d = off_path[name].astype(int) - off_path["own path"]
    error = d.std(ddof=1) / np.sqrt(2000)
    print(f"{name:18} {percent(m / 2000, wilson(m, 2000))}, {100 * d.mean():+.1f} ± {100 * error:.1f} points")
assert (off_path["own path"] == (guess != y[:2000])).all()
assert min(off_path[name].mean() for name in list(paths)[1:]) > 0.2

# %% [markdown]
# Off its own path this agent is lost: it errs in about a third of the canvases, or more. So on this task it lives by
# what it sees. As in lesson 9 this does *not* say how good an agent with one fixed path could be, since this one was
# never trained for such paths. What it would have to do without is the digit's place.
#
# One path was tried on *empty* canvases of 60 by 60 pixels. There, too, an agent was trained with one path for all, the
# mean path of one that chooses, once after a first glimpse anywhere, once with the first glimpse on the path (`run.py
# habit translated-60-8`; one seed each):

# %%
folder = RESULTS / "scan" / "translated-60-8"
after, fixed = (json.loads((folder / f"{name}-s20.json").read_text()) for name in ("after-first", "fixed"))
habits = {
    "it chooses": fixed["ways"]["own path"],
    "one path, untrained": fixed["ways"]["one path for all"],
    "trained with one path": after["val_error"],
    "its first glimpse too": fixed["val_error"],
}
for name, rate in habits.items():
    print(f"{name:22} {percent(rate, wilson(round(rate * n), n))}")
farthest = np.abs(fixed["path"]).max() * S / 2
print(f"the path stays within {farthest:.1f} pixels of the centre; the outermost square has {scales[-1] * w} pixels")
assert min(habits["trained with one path"], habits["its first glimpse too"]) > 4 * habits["it chooses"]

# %% [markdown]
# On MNIST, with two scales, the two were a tie. Here the mean path is hardly a path. The digits are anywhere, so the
# mean of where it looks is the middle, eight times over. To stare at the middle costs seven times the errors, although
# the outermost square reaches over 48 of the 60 pixels each way, coarsely. How good a path would be that goes over the
# canvas was not tried. (Nor is deciding all that the two differ in: the agent that chooses was trained with noise at
# its locations and with four rollouts of an image, the other without. The [tables](tables/README.md#habit-or-decision)
# say which scans have been trained, and which have not yet.)
#
# ## Which scale does what?
#
# Blind one scale at a time: set the weights that read it to zero, which is as good as showing it black. The
# rows of `glimpse.what.W` are ordered by scale. Nothing is trained again, so this tells what *this* agent uses.

# %%


def blinded(params, k):
    """The parameters without those that read the k-th scale."""
    W = params["glimpse.what.W"].copy()  # (k·w·w, what)
    W[k * w * w : (k + 1) * w * w] = 0
    return params | {"glimpse.what.W": W}


for k in range(len(scales)):  # as good as showing it black
    black = phi.copy()
    black[:, k * w * w : (k + 1) * w * w] = 0
    seen_black, blind = black @ params["glimpse.what.W"], phi @ blinded(params, k)["glimpse.what.W"]
    assert np.abs(seen_black - blind).max() < 1e-5 and not np.allclose(blind, phi @ params["glimpse.what.W"])

lesions = {"none": params} | {f"scale {s}": blinded(params, k) for k, s in enumerate(scales)}
m = 1000
area, effects = summed_area(one[:m]), {}
for name, p in lesions.items():
    walked = rollout(p, config, area, np.random.default_rng(0), policy="mean")
    mistakes = np.sum(walked.logits[-1].argmax(axis=-1) != y[:m])
    found = 100 * (np.abs((walked.loc[1:] + 1) * (S / 2) - centre[:m]) <= 10).all(axis=-1).mean()
    effects[name] = mistakes, found
    rate = percent(mistakes / m, wilson(mistakes, m))
    print(f"blinded {name:8}: error {rate}, {found:.0f} % of glimpses 2 to {T} on the digit")
lost = {name: effects["none"][1] - found for name, (_, found) in effects.items()}
assert max(lost["scale 1"], lost["scale 2"]) < 3 and lost["scale 4"] > 10  # points of glimpses on the digit
assert all(mistakes > 2 * effects["none"][0] for name, (mistakes, _) in effects.items() if name != "none")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.4, 2.8), sharey=True)
for k, (mistakes, found) in enumerate(effects.values()):
    look = {"color": COLOUR["label" if k == 0 else "location"], "alpha": 0.75, "hatch": "" if k == 0 else "//"}
    axes[0].barh(k, 100 * mistakes / m, edgecolor="white", **look)
    axes[0].plot(100 * np.array(wilson(mistakes, m)), [k, k], color=COLOUR["exact"], linewidth=2)
    axes[1].barh(k, found, edgecolor="white", **look)
axes[0].set(yticks=range(len(lesions)), yticklabels=lesions, ylabel="blinded", xlabel="error (%)")
axes[1].set(xlabel="later glimpses on the digit (%)")
axes[0].invert_yaxis()
show("Bars of the error, and of the share of glimpses on the digit, with no scale blinded and with each of the three")

# %% [markdown]
# The two panels belong together: an error may come from not finding the digit or from not reading it. If blinding a
# scale raises the error but leaves the glimpses on the digit, this agent read with it. So it is with the two finer
# scales. Without the coarsest it reads worse too, and finds the digit less often: that one also shows the way. It was
# not trained without the scale, so this does not say that one *needs* it.
#
# ## The same weights on other canvases
#
# No parameter knows the size of the image. The retina has its size in pixels; locations are relative, from
# $-1$ to $1$ over the full extent. So these weights can be put to work on any canvas, and the question is
# only how well. Two agents, three tasks: the one of lesson 9, trained on bare digits of 28 by 28 pixels, on
# empty canvases of up to 100; the one of this lesson on empty canvases, and on canvases with its clutter.

# %%
small, small_config, _ = load_params(WEIGHTS)
sizes = (28, 36, 44, 52, 60, 68, 76, 84, 92, 100)
curves = {
    "lesson 9, no clutter": (small, small_config, "translated", COLOUR["baseline"]),
    "this lesson, no clutter": (params, config, "translated", COLOUR["label"]),
    f"this lesson, {D} distractors": (params, config, "cluttered", COLOUR["location"]),
}
rates = {}
for name, (p, c, kind, _) in curves.items():
    rates[name] = np.array(
        [evaluate(p, c.changed({"task": kind, "canvas": (s, s)}), x[:m], y[:m]).error for s in sizes]
    )
    trained = c.canvas[0] if c.task != "original" else size
    some = ", ".join(f"{s}: {100 * e:.1f} %" for s, e in zip(sizes, rates[name]) if s in (28, 60, 100))
    print(f"{name:32} {some} (trained at {trained})")
wide = evaluate(params, config.changed({"canvas": (40, 90)}), x[:m], y[:m])
print(f"40 by 90 pixels, cluttered: {percent(wide.error, wilson(wide.wrong[-1].sum(), m))}")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.4, 3.6))
for (name, errors), (*_, colour), marker in zip(rates.items(), curves.values(), "os^"):
    ends = 100 * np.abs(np.array([wilson(round(e * m), m) for e in errors]).T - errors)
    ax.errorbar(sizes, 100 * errors, ends, fmt=f"{marker}-", capsize=2, color=colour, label=name, linewidth=1.3)
ax.set(xlabel="width of the canvas (pixels)", ylabel="validation error (%)", yscale="log", xticks=sizes)
ax.set_yticks([1, 2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show(
    "Error against the width of the canvas, on a logarithmic axis: lesson 9's agent goes from two percent to most "
    "labels wrong; this lesson's stays low on empty canvases up to the size of its training, and rises beyond"
)

# %% [markdown]
# Clutter is denser on a smaller canvas, so the small end of the last curve is a harder task. The agent of lesson 9 has
# never seen a digit that is not in the middle, which shows on every canvas. For the other one, on a larger canvas than
# that of its training, three things change. The digit is more often beyond the reach of the coarsest square. The same
# difference of locations is another number of pixels, so that a step that was right becomes too long. And a larger
# canvas may need more steps than the agent was given.
#
# > **Asked: may I use these weights for images of my own?** Of any size, the program does not mind. But the agent knows
# > white digits on black, and nothing else. For other images train another agent: [own images](own_images.md).
#
# What does not change is anything relative. To see that nothing else in the program is measured in pixels, enlarge
# everything, the canvas, the digit, the clutter and the cells of the retina, by the same factor: the agent must do
# exactly the same. (With the continuous sensor and in float64, so that only rounding is left.) How much of the loss
# is due to which of the three causes this does not say.

# %%
exact = {name: a.astype(np.float64) for name, a in params.items()}
doubled = np.kron(one[:50], np.ones((1, 2, 2), np.uint8))  # every pixel becomes four
ours = config.changed({"continuous": True})
twice = ours.changed({"scales": tuple(2 * s for s in scales)})
a = rollout(exact, ours, summed_area(one[:50]), np.random.default_rng(0), policy="mean")
b = rollout(exact, twice, summed_area(doubled), np.random.default_rng(0), policy="mean")
print(
    f"largest difference of a location {np.abs(a.loc - b.loc).max():.0e}, of a logit "
    f"{np.abs(a.logits - b.logits).max():.0e}"
)
# Rounding begins at 1e-16 and is enlarged at each of T steps. A retina that had moved by a pixel would be seen at 1e-2.
assert np.abs(a.loc - b.loc).max() < 1e-6 and np.abs(a.logits - b.logits).max() < 1e-5

# %% [markdown]
# The third cause can be tested. The core has no fixed number of steps, so it may go on looking:

# %%
long, longer = 3 * T, {}
for s in (S, 100):
    longer[s] = more = evaluate(params, config.changed({"canvas": (s, s), "glimpses": long}), x[:m], y[:m])
    print(f"canvas {s}: {100 * more.errors[T - 1]:.1f} % after {T} glimpses")
    for later in (2 * T, 3 * T):  # the same images, so the difference is measured image by image
        d = more.wrong[later - 1].astype(int) - more.wrong[T - 1]
        error = d.std(ddof=1) / np.sqrt(m)
        print(f"  after {later}: {100 * d.mean():+.1f} ± {100 * error:.1f} points (one standard error)")
assert longer[100].error < longer[100].errors[T - 1]

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3))
for (s, more), colour, line in zip(longer.items(), ("label", "location"), ("-", "--")):
    label = f"{s} by {s} pixels, {D} distractors"
    ax.semilogy(range(1, long + 1), 100 * more.errors, line, color=COLOUR[colour], label=label)
ax.axvline(T, color=COLOUR["exact"], linewidth=1)
ax.set(xlabel="glimpses", ylabel="validation error (%)", yticks=[2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show("Error against up to 24 glimpses: on the larger canvas it still falls beyond the eight of the training")

# %% [markdown]
# The black line marks how far it was trained to look. Beyond it the core meets states that no training has prepared it
# for; yet on the larger canvas twice the glimpses take off some points. On its own canvas twice as many are a tie, and
# three times as many cost it about a point. So a part of this agent's loss on large canvases was a lack of time.
#
# ## What to remember
#
# Draw all randomness first, then draw the picture. Fresh canvases to train, the same ones to validate.
# Integer ranges have two ends. To learn what a part of an agent is for, take it away and look at both what the
# agent finds and what it reads. Parameters that do not know the image size can be *used* at any size, which is
# not the same as being *good* at any size.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    (
        "np.minimum(patch.astype(int) + digit, 255) == [200, 255, 50]",
        "np.minimum(patch + digit, 255) == [200, 255, 50]",
    ),
    (
        "canvas[i : i + w, j : j + w] += x[layout.source[0, d], r : r + w, c : c + w]",
        "canvas[i : i + w, j : j + w] = 0",
    ),
    ("stages.append(np.minimum(canvas, 255))", "stages.append(canvas)"),
    ("minram.datasets.tasks", "np.minimum(windows[at], 255 - patch) + patch", "windows[at] + patch"),
    ("minram.datasets.tasks", "np.minimum(windows[at], 255 - patch) + patch", "patch"),  # what is under it is gone
    ("minram.datasets.tasks", "place = canvas - size + 1", "place = canvas - size"),
    ("minram.datasets.tasks", "place = canvas - size + 1", "place = canvas - size + 1 - np.array([1, 0])"),
    (
        "minram.datasets.tasks",
        "layout = _sample_layout(task, images, index, np.random.default_rng(seed))",
        "layout = _sample_layout(task, images, index, np.random.default_rng(0))",
    ),
    ("tasks.fixed_batches(task, x, 333, seed=0)", "tasks.fixed_batches(task, x, 333, seed=2)"),
    ("centre = place[:, ::-1] + size / 2", "centre = place + size / 2"),  # x and y
    ("centre = place[:, ::-1] + size / 2", "centre = place[:, ::-1]"),  # its corner
    ("pixels = (t.loc + 1) * (S / 2)", "pixels = t.loc * (S / 2)"),
    ("another[order] = np.roll(order, 1)", "another[order] = order"),
    ("minram.agent", "np.clip(samples[t], -1, 1, out=loc[t + 1])", "np.clip(mu[t], -1, 1, out=loc[t + 1])"),
    ("W[k * w * w : (k + 1) * w * w] = 0", "W[:, k * w * w : (k + 1) * w * w] = 0"),
    ("W[k * w * w : (k + 1) * w * w] = 0", "W[k * w : (k + 1) * w] = 0"),
    ("tuple(2 * s for s in scales)", "scales"),
    ("np.ones((1, 2, 2), np.uint8)", "np.ones((1, 2, 1), np.uint8)"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Four, from numbers by hand to a backward pass. Each has a function to be written and, after it, a check that says at
# once what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np

from exercise import entries, exercise, finish, numbers, parts, same
from minram.gradcheck import check_gradient

# %% [markdown]
# **1. Numbers by hand.** A canvas of 40 by 40 pixels, and on it a digit of 28 by 28. At how many places can the digit
# be? An agent looks at a random location. How likely is it to lie on the inner 20 by 20 pixels of the digit? It looks
# twice. How likely is it that at least one of the two does? And what does a program that adds bytes get for 200 + 100?


# %% tags=["solution"]
def canvas_by_hand():
    """→ {"places": …, "once": …, "at least once": …, "byte": …}."""
    # Solution
    # 40 − 28 + 1 = 13 rows and as many columns. (20/40)². One minus ¾ · ¾. 300 − 256.
    return {"places": 169, "once": 1 / 4, "at least once": 7 / 16, "byte": 44}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 1, first hint</summary>
#
# Can the digit begin in row 0? In row 12? In row 13?
#
# </details>
# <details><summary>Exercise 1, second hint</summary>
#
# For *at least one*: how likely is it that both miss?
#
# </details>


# %%
@exercise("1. Numbers by hand")
def check_by_hand():
    places, once, at_least_once, byte = entries(canvas_by_hand(), "places", "once", "at least once", "byte")
    because = {"the last row and column that fit are missing.": 12**2, "rows and columns.": 13}
    fits = [28 + row <= 40 for row in range(40)]
    same("places", places, sum(fits) ** 2, because)
    because = {"this is one side; the square has two.": 1 / 2, "of the inner 20 pixels, not of all 28.": (28 / 40) ** 2}
    same("once", once, (20 / 40) ** 2, because)
    because = {
        "both may hit; then this counts it twice.": 1 / 2,
        "this is both of them.": 1 / 16,
        "this is none of them.": 9 / 16,
    }
    hit = np.array([True, False, False, False])  # a quarter of the canvas
    same("at least once", at_least_once, (hit[:, None] | hit).mean(), because)
    because = {"a byte ends at 255, and begins again.": 300, "this is the clipped sum.": 255, "it begins at 0.": 45}
    same("byte", byte, float((np.array([200], np.uint8) + np.array([100], np.uint8))[0]), because)


# %% [markdown]
# **2. A number: what chance gives.** Now for $T$ locations on a square canvas of width $S$ pixels. With which
# probability does at least one lie on the inner 20 by 20 pixels of the digit?


# %% tags=["solution"]
def found_by_chance(T, S):
    """P(at least one of T random locations is on the digit) → float."""
    # Solution
    return 1 - (1 - (20 / S) ** 2) ** T  # the inner square never leaves the canvas, so all T are alike


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# The inner square is always whole on the canvas, wherever the digit is. So one look finds it with the same probability
# everywhere.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# The looks are independent. How likely do all of them miss?
#
# </details>


# %%
@exercise("2. What chance gives")
def check_chance():
    for T, S in ((1, 60), (3, 40), (8, 100)):
        canvas = np.zeros((S, S))
        canvas[4:24, 15:35] = 1  # somewhere; that it is whole is all that matters
        p, want = canvas.mean(), 0.0
        for looks in product((True, False), repeat=T):  # all 2^T ways to hit and to miss
            want += np.prod([p if hit else 1 - p for hit in looks]) * any(looks)
        because = {
            "two looks may both hit; then a sum counts it twice.": T * p,
            "this is the probability that all of them hit.": p**T,
            "this is the probability that all of them miss.": (1 - p) ** T,
            "this is one minus the probability that all of them hit.": 1 - p**T,
            "this is of one side; the square has two.": 1 - (1 - 20 / S) ** T,
            "of the inner 20 pixels, not of all 28.": 1 - (1 - (28 / S) ** 2) ** T,
        }
        because = {reason: value for reason, value in because.items() if T > 1 or abs(value - want) > 1e-9}
        same(f"for T = {T}, S = {S} the probability", found_by_chance(T, S), want, because)


# %% [markdown]
# **3. Arrays: white without overflow.** Bytes wrap around: 200 + 100 is 44. Write the clipped sum of two `uint8` arrays
# with byte arithmetic alone, without arrays of a wider type. (The check sees only whether it is right.)


# %% tags=["solution"]
def add_bytes(a, b):
    """min(255, a + b) for uint8 arrays a, b → uint8."""
    # Solution
    return np.minimum(a, 255 - b) + b


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# How much room does $b$ leave up to white? That is a byte.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# Of $a$ no more can be added than there is room.
#
# </details>


# %%
@exercise("3. White without overflow")
def check_bytes():
    grids = [grid.astype(np.uint8) for grid in np.meshgrid(np.arange(256), np.arange(256))]  # every pair of bytes
    for rows in (slice(100), slice(100, 256)):
        a, b = (grid[rows] for grid in grids)
        got, want = numbers("the sum", add_bytes(a.copy(), b.copy())), np.minimum(a.astype(int) + b, 255)
        because = {
            "the sum has wrapped around before it was clipped.": (a + b).astype(float),
            "this is the larger of the two, not their sum.": np.maximum(a, b).astype(float),
        }
        same("the sum", got.astype(float), want, because)
        assert got.dtype == np.uint8, f"the sum should be an array of uint8, but is of {got.dtype}."


# %% [markdown]
# **4. A backward pass: through the clipped sum.** Should you ever want the gradient of a loss with respect to the digit
# before it was put on the canvas, you need the backward pass of $z = \min(1, u + v)$. Write it.


# %% tags=["solution"]
def clipped_sum_backward(dz, u, v):
    """dz, u, v (…) → du, dv (…), of z = min(1, u + v)."""
    # Solution
    du = dz * (u + v < 1)
    return du, du  # u and v are alike


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Where the sum is above 1, what does $z$ do when $u$ moves a little?
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# It is ReLU's backward pass, turned over: a mask, made from what went forward.
#
# </details>


# %%
@exercise("4. Through the clipped sum")
def check_clipped():
    rng = np.random.default_rng(0)
    for shape in ((4, 5), (30,)):
        inputs = {"u": rng.random(shape), "v": rng.random(shape)}
        u, v, dz = inputs["u"], inputs["v"], rng.normal(size=shape)
        du, dv = parts(clipped_sum_backward(dz.copy(), u.copy(), v.copy()), "du", "dv")
        slope = (np.minimum(1, u + 1e-6 + v) - np.minimum(1, u - 1e-6 + v)) / 2e-6  # rounding leaves 1e-10
        because = {
            "where the sum is white, nothing that u does is seen.": dz,
            "this is where the sum is white; there nothing is seen.": dz - dz * slope,
            "the cotangent comes back multiplied by the derivative; where is dz?": slope,
            "the derivative of a sum by u is 1.": dz * u * slope,
        }
        same("du", du, dz * slope, because, 1e-8)
        same("dv", dv, dz * slope, because, 1e-8)

        def f(q, dz=dz):
            return np.sum(dz * np.minimum(1, q["u"] + q["v"])), (q["u"] + q["v"] < 1,)

        check_gradient(f, inputs, {"u": np.array(du), "v": np.array(dv)}, max_kinks=0.1).raise_if_failed()


# %%
finish()
