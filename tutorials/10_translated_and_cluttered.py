# %% [markdown]
# # 10 · Translated and cluttered digits
#
# **What you will see.** A digit somewhere on a large canvas, among pieces of other digits. How such canvases
# are made, fresh for every minibatch and yet repeatable; a retina of several scales, and what this agent uses
# each of them for; heat maps of where the policy goes; and what happens when the same weights are put to work
# on canvases of other sizes.
#
# **What you need.** Lessons 2 and 9.
#
# **How long it runs.** About fifteen seconds. The training took far longer; its weights are in the package.
#
# **To touch.** [This agent in a browser](pages/agent.html): place a digit, throw in clutter, say where it looks first.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2

from lesson import CHECKPOINTS, show_source, training_command
from minram import gradcheck
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
# Everything random is drawn first, into a `Layout`: the image each patch is cut from, where it is cut, where it
# is dropped, and the place of the digit. The drawing itself is then a function without any randomness, short
# enough to be repeated here by hand, one patch after the other.

# %%
params, config, about = load_params(find_model("pretrained:cluttered-60"))
task = config.task_at()
S, D, T = task.canvas[0], task.n_distractors, config.glimpses
size = x.shape[1]  # of a digit
index, seed = np.array([11]), 23  # a seed that gives patches with ink
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
fig, axes = plt.subplots(1, D + 1, figsize=(9.6, 2.2))
for step, ax in enumerate(axes):
    plots.image(ax, stages[step].astype(np.uint8))
    ax.set_title(f"patch {step + 1}" if step < D else "and the digit")
plt.show()
show_source(make_images)

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
fig, ax = plt.subplots(figsize=(7, 2.6))
ax.bar(range(len(counts)), counts, color=COLOUR["label"], width=0.8)
ax.axhline(counts.mean(), color=COLOUR["exact"], linewidth=1)
ax.set(xlabel="first row of the digit (pixels)", ylabel="canvases")
plt.show()
statistic = np.sum((counts - counts.mean()) ** 2) / counts.mean()
print(
    f"rows {many[:, 0].min()} to {many[:, 0].max()}; chi-square {statistic:.1f} "
    f"for {len(counts) - 1} degrees of freedom"
)
assert len(counts) == S - size + 1 and counts[0] > 0 and counts[-1] > 0
assert statistic < chi2.ppf(1 - 1e-6, len(counts) - 1)  # a fair draw exceeds this once in a million

# %% [markdown]
# Look at the right end. A digit $h$ pixels high fits on a canvas of height $H$ at $H - h + 1$ places, not at $H - h$:
# the last one, flush with the border, is one of them. Random integers in Python come with the upper end
# excluded in one library and included in another, and so public code for this task often misses the last row
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
fig, axes = plt.subplots(2, 6, figsize=(9.6, 3.5))
for k in range(6):
    plots.image(axes[0, k], one[k])
    plots.image(axes[1, k], other[k])
axes[0, 0].set_ylabel("seed 0")
axes[1, 0].set_ylabel("seed 1")
plt.show()

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

# %% tags=["picture"]
w, scales = config.patch_size, config.scales
l = np.array([[0.25, -0.15]], np.float32)
phi, _ = sensor_forward(summed_area(one[3:4]), l, scales, w)
retina = Retina(scales, w)
fig, axes = plt.subplots(1, 2 + len(scales), figsize=(10, 2.5))
plots.image(axes[0], one[3])
plots.retina_outline(axes[0], l[0], one[3].shape, retina)
axes[0].set_title("canvas and retina")
for k, patch in enumerate(retina.patches(phi[0])):
    plots.image(axes[1 + k], patch)
    axes[1 + k].set_title(f"scale {scales[k]}: {retina.widths[k]} pixels wide", fontsize=8.5)
plots.retina_view(axes[-1], phi[0], retina)
axes[-1].set_title("what it sees")
plt.show()
print(f"{phi.size} numbers a glimpse, of {S * S} pixels")

# %% [markdown]
# ## The agent at work
#
# The weights come from a run of this command. They are read from a file that knows its settings and when it
# was saved:

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
fig, axes = plt.subplots(2, 5, figsize=(9.6, 4.3))
wrong = 8 + np.flatnonzero(guess[8:] != y[8:2000])[:2]
for k, ax in zip([*range(8), *wrong], axes.flat):
    plots.glimpse_path(ax, one[k], t.loc[:, k], size=8)
    plots.verdict(ax, y[k], guess[k])
plt.show()

# %% [markdown]
# The first eight canvases, and the first two after them that it gets wrong. The square mark is the first,
# random glimpse.
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
plt.show()

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
fig, ax = plt.subplots(figsize=(7, 3))
ax.errorbar(
    range(1, T + 1),
    100 * shares,
    100 * np.array([shares - low, high - shares]),
    fmt="o-",
    capsize=3,
    color=COLOUR["location"],
    label="glimpses on the digit",
)
ax.plot(range(1, T + 1), 100 * final.errors, "o-", color=COLOUR["label"], label="validation error")
ax.axhline(100 * (20 / S) ** 2, color=COLOUR["exact"], linewidth=1, label="chance")
ax.set(xlabel="glimpse", ylabel="%", ylim=(0, 100))
ax.legend(loc="upper right")
plt.show()
for step in range(T):
    print(f"glimpse {step + 1}: {100 * shares[step]:5.1f} % on the digit, median distance {distance[step]:4.1f} pixels")
chance = (20 / S) ** 2
assert abs(shares[0] - chance) < 5 * np.sqrt(chance * (1 - chance) / 2000)  # five standard errors
assert shares[2:].min() > 0.9 and final.errors[2] > 1.5 * final.errors[-1]

# %% [markdown]
# Two decisions find the digit, wherever it is; after that the share has nowhere to rise, but the error goes on falling.
# First the agent searches, then it reads.
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


lesions = {"none": params} | {f"scale {s}": blinded(params, k) for k, s in enumerate(scales)}
m = 1000
area = summed_area(one[:m])
fig, axes = plt.subplots(1, 2, figsize=(8.4, 2.8), sharey=True)
for k, (name, p) in enumerate(lesions.items()):
    walked = rollout(p, config, area, np.random.default_rng(0), policy="mean")
    mistakes = np.sum(walked.logits[-1].argmax(axis=-1) != y[:m])
    found = 100 * (np.abs((walked.loc[1:] + 1) * (S / 2) - centre[:m]) <= 10).all(axis=-1).mean()
    error, ends = mistakes / m, np.array(wilson(mistakes, m))
    colour = COLOUR["label" if k == 0 else "location"]
    axes[0].barh(k, 100 * error, color=colour, alpha=0.75)
    axes[0].plot(100 * ends, [k, k], color=COLOUR["exact"], linewidth=2)
    axes[1].barh(k, found, color=colour, alpha=0.75)
    print(f"blinded {name:8}: error {percent(error, ends)}, {found:.0f} % of glimpses 2 to {T} on the digit")
axes[0].set(yticks=range(len(lesions)), yticklabels=lesions, ylabel="blinded", xlabel="error (%)")
axes[1].set(xlabel="later glimpses on the digit (%)")
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# The two panels belong together: an error may come from not finding the digit or from not reading it. If
# blinding a scale raises the error but leaves the glimpses on the digit, that scale was for reading.
#
# ## The same weights on other canvases
#
# No parameter knows the size of the image. The retina has its size in pixels; locations are relative, from
# $-1$ to $1$ over the full extent. So these weights can be put to work on any canvas, and the question is
# only how well. Two agents, three tasks: the one of lesson 9, trained on bare digits of 28 by 28 pixels, on
# empty canvases of up to 100; the one of this lesson on empty canvases, and on canvases with its clutter.

# %%
small, small_config, _ = load_params(CHECKPOINTS / "mnist" / "best.npz")
sizes = (28, 36, 44, 52, 60, 68, 76, 84, 92, 100)
curves = {
    "lesson 9, no clutter": (small, small_config, "translated", COLOUR["baseline"]),
    "this lesson, no clutter": (params, config, "translated", COLOUR["label"]),
    f"this lesson, {D} distractors": (params, config, "cluttered", COLOUR["location"]),
}
fig, ax = plt.subplots(figsize=(7.4, 3.6))
for name, (p, c, kind, colour) in curves.items():
    errors = {}
    for s in sizes:
        errors[s] = evaluate(p, c.changed({"task": kind, "canvas": (s, s)}), x[:m], y[:m]).error
    rates = np.array(list(errors.values()))
    low, high = np.array([wilson(round(e * m), m) for e in rates]).T
    ax.errorbar(
        sizes,
        100 * rates,
        100 * np.array([rates - low, high - rates]),
        fmt="o-",
        capsize=2,
        color=colour,
        label=name,
        linewidth=1.3,
    )
    trained = c.canvas[0] if c.task != "original" else size
    print(f"{name:32} " + ", ".join(f"{s}: {100 * errors[s]:.1f} %" for s in (28, 60, 100)), f"(trained at {trained})")
ax.set(xlabel="width of the canvas (pixels)", ylabel="validation error (%)", ylim=(0, None), xticks=sizes)
ax.legend()
plt.show()
wide = evaluate(params, config.changed({"canvas": (40, 90)}), x[:m], y[:m])
print(f"40 by 90 pixels, cluttered: {percent(wide.error, wilson(wide.wrong[-1].sum(), m))}")

# %% [markdown]
# Clutter is denser on a smaller canvas, so the small end of the last curve is a harder task. On a larger canvas
# than that of the training three things change. The digit is more often beyond the reach of the coarsest square. The
# same difference of locations is another number of pixels, so that a step that was right becomes too long. And
# a larger canvas may need more steps than the agent was given.
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
fig, ax = plt.subplots(figsize=(7, 3))
long = 3 * T
for s, colour in ((S, COLOUR["label"]), (100, COLOUR["location"])):
    more = evaluate(params, config.changed({"canvas": (s, s), "glimpses": long}), x[:m], y[:m])
    ax.semilogy(range(1, long + 1), 100 * more.errors, color=colour, label=f"{s} by {s} pixels, {D} distractors")
    print(f"canvas {s}: {100 * more.errors[T - 1]:.1f} % after {T} glimpses")
    for later in (2 * T, 3 * T):  # the same images, so the difference is measured image by image
        d = more.wrong[later - 1].astype(int) - more.wrong[T - 1]
        error = d.std(ddof=1) / np.sqrt(m)
        print(f"  after {later}: {100 * d.mean():+.1f} ± {100 * error:.1f} points (one standard error)")
ax.axvline(T, color=COLOUR["exact"], linewidth=1)
ax.set(xlabel="glimpses", ylabel="validation error (%)", yticks=[2, 5, 10, 20, 50, 100])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# The black line marks how far it was trained to look. Beyond it the core meets states that no training has
# prepared it for; yet on the larger canvas twice the glimpses take off some points, while on its own canvas they take
# off none. So a part of the loss on large canvases was a lack of time.
#
# ## What to remember
#
# Draw all randomness first, then draw the picture. Fresh canvases to train, the same ones to validate.
# Integer ranges have two ends. To learn what a part of an agent is for, take it away and look at both what the
# agent finds and what it reads. Parameters that do not know the image size can be *used* at any size, which is
# not the same as being *good* at any size.
#
# ## Exercises
#
# **1. Through the clipped sum.** Should you ever want the gradient of a loss with respect to the digit before
# it was put on the canvas, you need the backward pass of $z = \min(1, u + v)$. Write it.


# %% tags=["solution"]
def clipped_sum_backward(dz, u, v):
    """dz, u, v (…) → du, dv (…), of z = min(1, u + v)."""
    # Solution
    du = dz * (u + v < 1)
    return du, du  # u and v are alike


# %%
rng = np.random.default_rng(0)
inputs = {"u": rng.random((4, 5)), "v": rng.random((4, 5))}
dz = rng.normal(size=(4, 5))
du, dv = clipped_sum_backward(dz, **inputs)
report = gradcheck.check_gradient(lambda q: np.sum(dz * np.minimum(1, q["u"] + q["v"])), inputs, {"u": du, "v": dv})
print(report)
report.raise_if_failed()

# %% [markdown]
# **2. What chance gives.** An agent looks $T$ times at uniformly random locations of a square canvas of width
# $S$ pixels. With which probability does at least one glimpse lie on the inner 20 by 20 pixels of the digit?


# %% tags=["solution"]
def found_by_chance(T, S):
    """P(at least one of T random locations is on the digit) → float."""
    # Solution
    return 1 - (1 - (20 / S) ** 2) ** T  # the inner square never leaves the canvas, so all T are alike


# %%
walk = rollout(params, config, summed_area(one[:2000]), np.random.default_rng(7), policy="random")
hit = (np.abs((walk.loc + 1) * (S / 2) - centre) <= 10).all(axis=-1).any(axis=0).mean()
p = found_by_chance(T, S)
print(
    f"measured {100 * hit:.1f} %, by the formula {100 * p:.1f} %; "
    f"the trained agent {100 * on_digit.any(axis=0).mean():.1f} %"
)
rng = np.random.default_rng(8)
for looks, width in ((1, 60), (1, 40), (3, 100)):  # many draws without any agent, wherever the square may be
    where, middle = width * rng.random((10**6, looks, 2)), 10 + (width - 20) * rng.random((10**6, 1, 2))
    seen, p = (np.abs(where - middle) <= 10).all(axis=-1).any(axis=1).mean(), found_by_chance(looks, width)
    assert abs(seen - p) < 5 * np.sqrt(p * (1 - p) / 10**6)  # five standard errors

# %% [markdown]
# **3. White without overflow.** Bytes wrap around: 200 + 100 is 44. Write the clipped sum of two `uint8` arrays
# with byte arithmetic alone, without arrays of a wider type. (The check sees only whether it is right.)


# %% tags=["solution"]
def add_bytes(a, b):
    """min(255, a + b) for uint8 arrays a, b → uint8."""
    # Solution
    return np.minimum(a, 255 - b) + b


# %%
a, b = np.meshgrid(np.arange(256), np.arange(256))
result = add_bytes(a.astype(np.uint8), b.astype(np.uint8))
assert result.dtype == np.uint8 and (result == np.minimum(a + b, 255)).all()  # every pair of bytes
print("right for all", a.size, "pairs")
