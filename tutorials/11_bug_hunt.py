# %% [markdown]
# # 11 · The bug hunt
#
# **What you will see.** Twelve mistakes, nearly all of kinds found in public implementations, planted one at
# a time into the working package. Each still learns, or seems to. You set six checks on them, predict which
# check catches which bug, and compare. Then you look at the learning curves, with several seeds, and see why one finds
# so little there. At the end there is a mystery bug for you alone.
#
# **What you need.** Lessons 3 to 8. A pencil.
#
# **How long it runs.** About half a minute, most of it training broken agents.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy import stats
from scipy.special import ndtr
from scipy.stats import norm

import planting
from lesson import show, show_source
from minram import gradcheck, policy, reinforce, sensor
from minram.agent import Cotangents, backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck import network
from minram.gradcheck.network import only
from minram.pictures import style
from minram.sensor import summed_area
from minram.training import evaluate, optim
from minram.training.config import Config
from minram.training.recipes import SMALL
from planting import planted

style.use()
COLOUR = style.COLOURS

# %% [markdown]
# ## A check with a pencil
#
# Take one coordinate, $\mu = 0$, $\sigma = 2$, and let the sample be 2 or −2, each with probability ½. That has the
# mean 0 and the standard deviation 2, as it should. The score is $(a - \mu)/\sigma^2$, so ½ or −½. Its mean is 0 and
# its variance ¼, which is $1/\sigma^2$. Both must be so, by lesson 5, for whatever program computes it.
#
# Now a program takes a *variance* for a standard deviation: it thinks that σ is 4. It says $\pm 2/16 = \pm\tfrac18$.
# The mean is still 0. The variance is $\tfrac{1}{64}$ and not ¼. Two numbers that one knows beforehand, and the bug is
# found. A learning curve would not have shown it, as we shall see.

# %%
for thinks in (2.0, 4.0):
    says = np.array([2.0, -2.0]) / thinks**2
    print(f"σ = {thinks:.0f} in the program: the score is {says}, its mean {says.mean()}, its variance {says.var()}")
    assert says.mean() == 0 and (says.var() == 1 / 2**2) == (thinks == 2)

# %% [markdown]
# That is all there is to it. A check holds what a program computes against something that is known without it. The art
# is to know something.
#
# ## How a bug is planted
#
# Each bug is a change of one to three lines. The context manager `planted` replaces text in the source of one
# module, compiles it, and gives the functions their new code until the block ends. It insists that the old
# text occurs exactly once: a bug that has not been planted would be easy to miss.

# %%
show_source(planting.planted)

# %% [markdown]
# ## The suspects
#
# Read each change; the comment says what it does. Would you have seen it in a review? What would it do to the
# learning curve?

# %%
BUGS = {
    # Above and below the image, edges wrap around in the table; a cell across the seam is minus the rest of a column.
    "A  outside wraps around": (
        "sensor",
        [("np.clip(cache.edges[0] + row_step, 0, H1 - 1)", "((cache.edges[0] + row_step) % H1)")],
    ),
    # The sensor takes l for (y, x).
    "B  x and y swapped": ("sensor", [("(edges[1], edges[0])", "(edges[0], edges[1])")]),
    # Backpropagation through time forgets the ReLU of every step but the last.
    "C  mask forgotten in time": (
        "core",
        [
            (
                "relu_backward(dh[t] + dz[t + 1] @ W[:n_core].T, cache.h[t], out=dz[t])",
                "dz[t] = dh[t] + dz[t + 1] @ W[:n_core].T",
            )
        ],
    ),
    # The sample follows the mean, so that their difference does not depend on μ.
    "D  sample not detached": (
        "policy",
        [("dmu = dlogp[..., None] * cache.z / cache.std", "dmu = dlogp[..., None] * cache.z / cache.std * 0")],
    ),
    # What the sensor looked at is scored, not what was drawn.
    "E  clipped location scored": (
        "reinforce",
        [("log_prob_forward(trajectory.sample,", "log_prob_forward(trajectory.loc[1:],")],
    ),
    # The baseline's squared error flows into the core, whatever the setting says.
    "F  baseline trains the core": (
        "agent",
        [('_rows(h[deciding]), "baseline" in flow)', "_rows(h[deciding]), True)")],
    ),
    # b_t is made from the state that has already seen the glimpse it is to judge, forwards and backwards.
    "G  baseline saw the action": (
        "agent",
        [
            ("baseline_forward(params, _rows(h[:-1]))", "baseline_forward(params, _rows(h[1:]))"),
            ("dbaseline, _rows(h[deciding])", "dbaseline, _rows(h[1:])"),
            ("(deciding, dh_baseline)", "(slice(1, T), dh_baseline)"),
        ],
    ),
    # The mean over the rollouts of an image contains the rollout itself.
    "H  mean includes itself": ("reinforce", [("- per_image) / (rollouts - 1)", "+ 0 * per_image) / rollouts")]),
    # The sum over time became a mean.
    "I  mean over time": (
        "reinforce",
        [("-location_weight / N * advantage", "-location_weight / advantage.size * advantage")],
    ),
    # A variance is taken for a standard deviation.
    "J  variance scored": ("policy", [("std = np.exp(log_std)\n    z", "std = np.exp(2 * log_std)\n    z")]),
    # The baselines of different rows and times are mixed up by a reshape that should be none.
    "K  (T, N) became (N, T)": ("agent", [("baseline.reshape(T - 1, N)", "baseline.reshape(N, T - 1).T")]),
    # Log-probabilities are averaged over rollouts.
    "L  log p averaged": (
        "training.models",
        [
            (
                "return p.reshape(len(p), len(images), rollouts, -1).mean(axis=2)",
                "return np.exp(np.log(p.reshape(len(p), len(images), rollouts, -1)).mean(axis=2))",
            )
        ],
    ),
}

for name, (module, changes) in BUGS.items():
    print(f"{name}   in {module}.py")
    for old, new in changes:
        print("   −", " ".join(old.split()))
        print("   +", " ".join(new.split()) or "(nothing)")

# %% [markdown]
# ## The six checks
#
# **Check 1, the sensor against its definition.** A cell is the mean of the pixels in it, with zeros outside.
# Nested loops say the same thing, slowly and beyond doubt. The image is not square, one location is near a
# corner, and x and y differ.

# %%


def check_sensor():
    image = np.random.default_rng(0).random((9, 13))
    H, W = image.shape
    loc, scales, w = np.array([[-0.9, -0.8], [0.31, 0.05], [0.75, 0.95]]), (1, 2), 3
    seen, _ = sensor.sensor_forward(summed_area(image[None]), loc, scales, w, np.zeros(3, int))
    slow = []
    for l_x, l_y in loc:
        for s in scales:
            top = int(np.floor((l_y + 1) * H / 2 - s * w / 2 + 0.5))
            left = int(np.floor((l_x + 1) * W / 2 - s * w / 2 + 0.5))
            for i in range(w):
                for j in range(w):
                    rows, columns = range(top + i * s, top + (i + 1) * s), range(left + j * s, left + (j + 1) * s)
                    pixels = [image[r, c] for r in rows for c in columns if 0 <= r < H and 0 <= c < W]
                    slow.append(sum(pixels) / s**2)
    # Table entries reach H·W, and four of them are added: 4 ε · H · W is the most that rounding can do.
    return np.abs(seen.ravel() - slow).max() < 4 * np.finfo(float).eps * H * W


assert check_sensor()

# %% [markdown]
# **Check 2, the network by finite differences.** Random cotangents at all heads make a scalar of the outputs.
# Its gradient through heads, core and glimpse network is compared with differences, along frozen locations.
# Rewards do not occur.

# %%
FROZEN = network.freeze(SMALL, np.random.default_rng(1).random((3, 11, 13)), np.array([0, 3, 1]), n_classes=4, seed=1)


def check_network():
    params, config, start = FROZEN.params, FROZEN.config, FROZEN.trajectory
    rng = np.random.default_rng(2)
    v = Cotangents(*(rng.standard_normal(a.shape) for a in (start.logits, start.mu, start.log_std, start.baseline)))

    def f(at):
        t = rollout(at, config, FROZEN.area, None, config.rollouts, frozen=start)
        value = np.sum(v.logits * t.logits) + np.sum(v.mu * t.mu) + np.sum(v.baseline * t.baseline)
        return value, (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0, t.location.hidden > 0)

    t = rollout(params, config, FROZEN.area, None, config.rollouts, frozen=start)
    grads = backward(params, t, v, ("label", "location", "baseline"))
    return gradcheck.check_directions(f, params, grads, n=2, rng=rng, max_kinks=1).passed


assert check_network()

# %% [markdown]
# **Check 3, the score.** By quadrature: mean zero, and variance $1/\sigma^2$.

# %%


def check_score():
    z, weights = np.polynomial.hermite_e.hermegauss(20)
    weights, std = weights / weights.sum(), 0.3
    a = 0.2 + std * np.stack([z, np.zeros_like(z)], axis=1)  # (20, 2)
    _, cache = policy.log_prob_forward(a, np.full_like(a, 0.2), np.log([std, std]))
    s = policy.log_prob_backward(np.ones(20), cache)[0][:, 0]
    return bool(abs(weights @ s) < 1e-12 / std and abs(weights @ s**2 * std**2 - 1) < 1e-12)  # rounding of 20 terms


assert check_score()

# %% [markdown]
# **Check 4, the estimator against the exact gradient.** The small agent of lesson 6, whose expected reward is
# a finite sum over the cells of the plane, with a σ so large that many samples fall outside the image. The
# sample mean of what `cotangents` and `backward` make must agree with the exact gradient within its standard
# errors; with the baseline of the other rollouts, and with a learned one.

# %%
TOY = Config(
    glimpses=3,
    patch_size=2,
    what_units=4,
    where_units=1,
    glimpse_units=5,
    core_units=5,
    std=0.6,
    start="centre",
    recurrent_init="he",
    flow=("location",),
    rollouts=4,
    baseline="rollouts",
)
dataset = data.load()
small = dataset.x_test[dataset.y_test == 4][2].reshape(7, 4, 7, 4).mean(axis=(1, 3)) / 255
rng = np.random.default_rng(7)
toy_params = init_params(TOY, rng, 4, 1, np.float64)
toy_params = {name: v + rng.normal(0, 0.5, v.shape) for name, v in toy_params.items()}
toy_params["glimpse.where.W"][:], toy_params["glimpse.where.b"][:] = 0, -1  # only what is seen matters
HEAD = ("location.W", "location.b")


def exact_gradient():
    """∇J of the location head by enumeration: Σ p(τ) r(τ) ∇ log p(τ), with the cells' probabilities."""
    first = np.arange(-1, 7)
    edges = np.concatenate([[-np.inf], (first[1:] - 3) / 3.5, [np.inf]])
    middle = (first - 2.5) / 3.5
    cells = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    K = len(cells)
    paths = np.stack([np.repeat(cells, K, axis=0), np.tile(cells, (K, 1))])  # (2, 64², 2)
    area = summed_area(small[None])
    start = rollout(toy_params, TOY, area, rng, K * K)._replace(sample=paths)
    t = rollout(toy_params, TOY, area, None, K * K, frozen=start)
    k = np.searchsorted(edges, paths) - 1
    u, v = (edges[k + 1] - t.mu) / TOY.std, (edges[k] - t.mu) / TOY.std
    mass = ndtr(u) - ndtr(v)
    r = t.logits[-1].argmax(axis=1) == 0
    dmu = (mass.prod(axis=(0, 2)) * r)[:, None] * (norm.pdf(v) - norm.pdf(u)) / (TOY.std * mass)
    heads = Cotangents(0 * t.logits, dmu, np.zeros(2), 0 * t.baseline)
    grads = backward(toy_params, t, heads, TOY.flow)
    return np.concatenate([grads[name].ravel() for name in HEAD])


TRUTH = exact_gradient()
LIVE = np.abs(TRUTH) > 1e-9  # two of five hidden units are never on
assert LIVE.sum() == 8


def standard_errors_off():
    """The largest |mean − exact|, in standard errors, over both baselines and all weights of the location head.

    And the standard error of the factor by which all of them together are too long or too short.
    """
    area, labels = summed_area(np.repeat(small[None], 200, axis=0)), np.zeros(200, int)
    worst, factor_error = 0, 0
    for kind in ("rollouts", "learned"):
        rng, batches = np.random.default_rng(3), []
        for _ in range(100):
            t = rollout(toy_params, TOY, area, rng, TOY.rollouts)
            heads, _ = reinforce.cotangents(t, labels, TOY.changed({"baseline": kind}))
            grads = backward(toy_params, t, only(heads, "mu"), TOY.flow)
            batches.append(-np.concatenate([grads[name].ravel() for name in HEAD])[LIVE])
        batches = np.array(batches)
        error = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
        worst = max(worst, np.abs((batches.mean(axis=0) - TRUTH[LIVE]) / np.maximum(error, 1e-12)).max())
        weight = TRUTH[LIVE] / np.maximum(error, 1e-12) ** 2  # the factor by which all are too long: precise ones count
        factors = batches @ weight / (TRUTH[LIVE] @ weight)
        this_error = max(factors.std(ddof=1) / np.sqrt(len(batches)), 1e-12)
        worst, factor_error = max(worst, abs(factors.mean() - 1) / this_error), max(factor_error, this_error)
    return worst, factor_error


def check_estimator():
    return standard_errors_off()[0] < 5  # 18 numbers, each Student's t of 99: a right one fails once in 22,000 seeds


off, factor_error = standard_errors_off()
print(f"healthy: off by {off:.1f} standard errors at most; a factor is seen from {5 * factor_error:.2f} away from 1 on")
assert check_estimator() and 5 * factor_error < 0.25  # with the noisier baseline, the learned one

# %% [markdown]
# > **Asked: for my own problem I have no exact gradient. How do I check the estimator?** Shrink the problem until you
# > have one: two decisions, few places, five hidden units, one image. Then all paths can be counted out. The code is
# > the same code. A sign, a factor or an index is wrong in the small as in the large.

# %% [markdown]
# **Check 5, who reaches whom.** The error of the baseline alone, under the hybrid rule, must leave every
# block but its own head at zero.

# %%


def check_separation():
    grads = backward(FROZEN.params, FROZEN.trajectory, only(FROZEN.cotangents, "baseline"), ("label",))
    return all(g.any() == name.startswith("baseline") for name, g in grads.items())


assert check_separation()

# %% [markdown]
# **Check 6, evaluation.** Averaged probabilities are probabilities: they sum to one.

# %%


def check_evaluation():
    config = SMALL.changed({"std": 0.5})
    images, labels = np.random.default_rng(4).random((6, 11, 13)), np.arange(6) % 4
    found = evaluate.evaluate(FROZEN.params, config, images, labels, "sampled", rollouts=5)
    return np.abs(found.probabilities.sum(axis=-1) - 1).max() < 1e-14 * 4 * 5  # 4 classes, 5 rollouts to add


assert check_evaluation()
CHECKS = {
    "1 sensor": check_sensor,
    "2 network": check_network,
    "3 score": check_score,
    "4 estimator": check_estimator,
    "5 separation": check_separation,
    "6 evaluation": check_evaluation,
}

# %% [markdown]
# ## Your prediction, please
#
# Draw a table with the twelve bugs as rows and the six checks as columns, and tick the fields where you
# expect a check to fail. Then run the next cell.

# %%


def caught(check):
    """Does a check fail, by its verdict or because it cannot even run?"""
    try:
        return not check()
    except Exception:
        return True


table = []
for module, changes in BUGS.values():
    with planted(module, *changes):
        table.append([caught(check) for check in CHECKS.values()])
table = np.array(table)  # (bugs, checks)
assert table.any(axis=1).all(), "every bug is caught by some check"
assert table.any(axis=0).all(), "and every check catches some bug"
assert all(check() for check in CHECKS.values()), "the package is healthy again"

# %% tags=["picture", "hide-input"]
fig, ax = plt.subplots(figsize=(7, 4.4))
ax.imshow(table, ListedColormap(["#F2F2F2", COLOUR["wrong"]]), aspect="auto", vmin=0, vmax=1)
for (i, j), value in np.ndenumerate(table):
    look = {"color": "white", "weight": "bold"} if value else {"color": "#6A6A6A"}
    ax.text(j, i, "caught" if value else "–", ha="center", va="center", fontsize=8.5, **look)
ax.set(xticks=range(len(CHECKS)), yticks=range(len(BUGS)))
ax.set_xticklabels(CHECKS, fontsize=8)
ax.set_yticklabels(BUGS, ha="left")
ax.tick_params(axis="y", pad=165, length=0)
ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
ax.grid(False)
ax.spines[:].set_visible(False)
show("A table of twelve bugs and six checks, filled where a check catches a bug; the column of the estimator has most")

# %%
names, columns = [name[0] for name in BUGS], dict(zip(CHECKS, table.T))
for check, column in columns.items():
    print(f"{check:12} catches {' '.join(name for name, value in zip(names, column) if value)}")
estimator = columns["4 estimator"]
assert all(estimator.sum() >= column.sum() for column in columns.values())
assert estimator[columns["1 sensor"] | columns["3 score"]].all()  # these two find nothing that it would miss
assert not columns["2 network"][names.index("G")]

# %% [markdown]
# No check catches everything. Check 4 catches most, and takes the longest, and when it fails it says only that
# something is wrong. Checks 1 and 3 catch nothing that it would miss, but they point at the file. The finite
# differences of check 2, which many regard as *the* test of a hand-written gradient, see what is wrong with the
# derivative of the network, and nothing else. G is the bug to remember: forward and backward agree, and what comes out
# is a biased estimate of $\nabla J$, correctly propagated back.
#
# > **Asked: my gradient check passes, and it still does not learn. What now?** The check has shown that the backward
# > pass belongs to the forward pass. It knows nothing of rewards. So look at what makes the cotangents: the sign, the
# > sum over time, the baseline, which sample is scored, and which gradient flows where.

# %% [markdown]
# ## And without the checks?
#
# One would look at the learning curves. Here they are: every bug trained for as many steps as the healthy agent, on
# four kinds of digits, with small patches so that it matters where one looks. And each with four seeds, as one training
# says little. The seed sets the weights, the images and the samples, and the healthy agent gets the same four. All
# learn their baseline but H and its healthy runs, where the other rollout is the baseline.

# %%
n_classes, steps, seeds = 4, 400, range(4)
x, y = (part[dataset.y_train < n_classes] for part in (dataset.x_train, dataset.y_train))
x_val, y_val = (part[dataset.y_val < n_classes] for part in (dataset.x_val, dataset.y_val))
HUNT = Config(
    glimpses=4,
    patch_size=4,
    what_units=32,
    where_units=16,
    glimpse_units=48,
    core_units=48,
    std=0.2,
    batch_size=16,
    rollouts=2,
)


def learn(config, seed, steps=steps):
    """Train from scratch → training error of each step, validation error with mean locations (%), parameters."""
    rng = np.random.default_rng(seed)
    vector, params = optim.pack(init_params(config, rng, n_classes))
    state, error = optim.optimiser_state(config, vector), []
    for step in range(steps):
        index = rng.integers(len(x), size=config.batch_size)
        t = rollout(params, config, summed_area(x[index]), rng, config.rollouts)
        heads, outcome = reinforce.cotangents(t, y[index], config)
        grads = backward(params, t, heads, config.flow)
        gradient = np.concatenate([g.ravel() for g in grads.values()])
        optim.update_in_place(config, vector, gradient, state, step, 2e-3 * (1 - step / steps))
        error.append(outcome.error)
    return np.array(error), tested(config, params), params


def tested(config, params):
    """Validation error (%) at mean locations, averaged over five first ones, so that L has something to average."""
    return 100 * evaluate.evaluate(params, config, x_val, y_val, "mean", rollouts=5).error


# %%
kind_of = {name: "rollouts" if name.startswith("H") else "learned" for name in BUGS}
healthy = {kind: [learn(HUNT.changed({"baseline": kind}), seed) for seed in seeds] for kind in ("learned", "rollouts")}
runs = {}
for name, (module, changes) in BUGS.items():
    with planted(module, *changes):
        runs[name] = [learn(HUNT.changed({"baseline": kind_of[name]}), seed) for seed in seeds]

# %% tags=["hide-input"]


def smooth(values, width=50):
    total = np.concatenate([[0], np.cumsum(values)])
    return 100 * (total[width:] - total[:-width])[::20] / width


fig, axes = plt.subplots(3, 4, figsize=(6.8, 4.2), sharex=True, sharey=True)
for ax, (name, four) in zip(axes.flat, runs.items()):
    band = np.stack([smooth(run[0]) for run in healthy[kind_of[name]]], axis=1)
    at = 50 + 20 * np.arange(len(band))
    ax.fill_between(at, band.min(axis=1), band.max(axis=1), color="#C8C8C8", linewidth=0)
    for run in four:
        ax.plot(at, smooth(run[0]), color=COLOUR["wrong"], linewidth=0.9)
    ax.set_title(name, fontsize=8)
    ax.grid(visible=False)
    ax.set(ylim=(0, 75))
for ax in axes[-1]:
    ax.set(xlabel="update")
for ax in axes[:, 0]:
    ax.set(ylabel="training error (%)")
show("Twelve panels of learning curves, four seeds of a bug over the grey band of four healthy seeds; most lie in it")

# %% [markdown]
# The grey band spans the four healthy runs. Could you have told from the curves that anything is wrong? The validation
# error with the mean policy says more, as an agent that cannot aim is punished there. For each bug we take the
# difference to the healthy run of the same seed. Four differences have a mean and a standard error, and Student's $t$
# with three degrees of freedom says how large it has to be. There are twelve comparisons, and among twelve equals one
# often looks different. So Holm's correction applies: the smallest of the twelve $p$ values is multiplied by twelve,
# the next by eleven, and so on (lesson 12).

# %%
ends = {name: np.array([run[1] for run in four]) for name, four in runs.items()}
sound = {kind: np.array([run[1] for run in four]) for kind, four in healthy.items()}
differences = {name: values - sound[kind_of[name]] for name, values in ends.items()}
for kind, values in sound.items():
    print(f"healthy, baseline {kind}: {', '.join(f'{v:.1f}' for v in values)} %")
p_values = []
for d in differences.values():
    scatter = d.std(ddof=1) / np.sqrt(len(d))
    p_values.append(2 * stats.t.sf(abs(d.mean()) / scatter, len(d) - 1) if scatter else 1.0)
order = np.argsort(p_values)
corrected = np.empty(len(order))
corrected[order] = np.minimum(1, np.maximum.accumulate(np.array(p_values)[order] * np.arange(len(order), 0, -1)))
DIFFERS = dict(zip(differences, corrected < 0.05))
for name, d in differences.items():
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    print(
        f"{name:28} {ends[name].mean():5.1f} %, {d.mean():+5.1f} ± {half:4.1f}  "
        f"{'differs' if DIFFERS[name] else 'a tie'}"
    )
print(f"seen by four seeds of each: {sum(DIFFERS.values())} of {len(BUGS)} bugs")
assert sum(DIFFERS.values()) <= 6

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.8))
for i, (name, d) in enumerate(differences.items()):
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    colour = COLOUR["wrong"] if DIFFERS[name] else COLOUR["muted"]
    face = colour if DIFFERS[name] else "white"
    ax.errorbar(d.mean(), i, xerr=half, fmt="o", color=colour, mfc=face, capsize=2, linewidth=1.3)
    ax.plot(d, [i + 0.3] * len(d), "|", color=colour, markersize=6)
ax.axvline(0, color=COLOUR["exact"], linewidth=1)
ax.set(yticks=range(len(BUGS)), xlabel="validation error minus that of the healthy run (points)")
ax.set(ylim=(len(BUGS) - 0.4, -0.6))
ax.set_yticklabels(BUGS, ha="left")
ax.tick_params(axis="y", pad=165, length=0)
show(
    "The difference of each bug to the healthy run with its interval; D alone differs after the correction and is "
    "filled, the others are hollow"
)

# %% [markdown]
# Filled: differs after the correction. Hollow: a tie. The strokes under a dot are the four seeds. A bar is an interval
# of its own, without the correction. D is seen: it has not learned where to aim, and has to look at its mean. Look at
# G, too: many points in the mean, and after the correction still a tie, because its seeds lie between a few points and
# more than twenty. One seed would have told any story.
#
# > **Asked: how many seeds do I need?** If the difference of two runs scatters by $s$ and you want to see a difference
# > $d$ four times out of five, about $8\,(s/d)^2$ pairs, and a few more because $s$ has to be estimated. (Its standard
# > error $s/\sqrt n$ has to fit into it 2.8 times: 1.96 times to be significant, 0.84 more for four times out of five;
# > and $2.8^2 \approx 8$.) It depends on the bug, as the numbers below show: some retrace the healthy run, others need
# > hundreds of pairs. A check takes a second.

# %%
scatter = {name[0]: d.std(ddof=1) for name, d in differences.items() if d.any()}
print("differences of two runs of a seed scatter by, in points, and pairs to see one point:")
print("; ".join(f"{name} {s:.1f}, {max(2, 8 * s**2):.0f}" for name, s in scatter.items()))

# %% [markdown]
# ## Where they hide
#
# That a bug leaves no trace in a curve has reasons, and some of them can be shown.
#
# **H, I and J are factors.** They multiply the gradient of the location head by $1 - 1/M$, by $1/(T-1)$ and by
# $1/\sigma^2$, each exactly. And Adam divides a gradient by its size (lesson 12). With plain SGD the factor would be a
# learning rate.

# %%
bugs = {name[0]: bug for name, bug in BUGS.items()}
factors = {"H": 1 - 1 / HUNT.rollouts, "I": 1 / (HUNT.glimpses - 1), "J": 1 / HUNT.std**2}


def location_gradient(kind):
    """The gradient of the location head for one batch, with the bugs that are planted at the moment."""
    config, rng = HUNT.changed({"baseline": kind}), np.random.default_rng(0)
    params = init_params(config, rng, n_classes, dtype=np.float64)
    t = rollout(params, config, summed_area(x[:64]), rng, config.rollouts)
    heads, _ = reinforce.cotangents(t, y[:64], config)
    return backward(params, t, only(heads, "mu"), config.flow)["location.W"]


for name, factor in factors.items():
    kind = "rollouts" if name == "H" else "learned"
    right = location_gradient(kind)
    with planted(bugs[name][0], *bugs[name][1]):
        wrong = location_gradient(kind)
        after = learn(HUNT.changed({"baseline": kind}), 0, 20)[2]["location.W"]
    before = learn(HUNT.changed({"baseline": kind}), 0, 20)[2]["location.W"]
    start = init_params(HUNT, np.random.default_rng(0), n_classes)["location.W"]
    apart = np.abs(after - before).max() / np.abs(before - start).max()
    print(f"{name}: {factor:.3f} times the gradient; after 20 steps of Adam weights are {apart:.0e} of their way apart")
    assert np.abs(wrong - factor * right).max() < 1e-12 * np.abs(wrong).max()
    assert apart < 0.02

# %% [markdown]
# **L is not in the training at all.** **D** leaves the location head where it began. **E** mis-scores only samples that
# fell outside. **A** is seen only where the retina looks over the upper or the lower border. **B** learns in a
# transposed world; load its weights into a correct program, and see. All of this is counted here, not guessed:

# %%
seed0 = healthy["learned"][0]
assert (runs["L  log p averaged"][0][0] == seed0[0]).all()  # the same training, to the bit
start = init_params(HUNT, np.random.default_rng(0), n_classes)
d_params = runs["D  sample not detached"][0][2]
assert all((d_params[name] == start[name]).all() for name in ("location.W", "location.b"))
assert not (seed0[2]["location.W"] == start["location.W"]).all()

t = rollout(seed0[2], HUNT, summed_area(x_val), np.random.default_rng(0))
outside = (np.abs(t.sample) > 1).any(axis=-1).mean()
print(f"E: of the trained healthy agent's samples {100 * outside:.2f} % fall outside the image")
reach = HUNT.patch_size / x.shape[1]  # half a retina, in half-widths
over = (np.abs(t.loc[..., 1]) > 1 - reach).mean()
ours = t.logits[-1].argmax(axis=-1)
with planted(bugs["A"][0], *bugs["A"][1]):
    theirs = rollout(seed0[2], HUNT, summed_area(x_val), None, frozen=t).logits[-1].argmax(axis=-1)
changed_labels = (ours != theirs).mean()
print(
    f"A: {100 * over:.0f} % of its glimpses look over the upper or lower border; "
    f"planted, it changes {100 * changed_labels:.1f} % of labels"
)
swapped = [(run[1], tested(HUNT, run[2])) for run in runs["B  x and y swapped"]]
print(
    "B: in its own world and in a correct program:", ", ".join(f"{own:.1f} → {right:.1f} %" for own, right in swapped)
)
assert all(right > own + 5 for own, right in swapped)

# %% [markdown]
# For C, F, G and K we have only the differences above. *Why* they cost what they cost here, these runs do not say.
#
# None of the bugs is harmless. This task has only not asked for what they break. Digits in the middle hide A;
# translated ones would make a cue of it. Adam hides factors, SGD would not.
#
# ## What to remember
#
# Plausible learning is no evidence of correctness. Test the parts against what they are defined to be: the
# sensor against loops, the network against differences, the score against its two moments, the estimator
# against an exact mean, the flow of gradients against zero. Then test the tests: plant a bug, and see that
# one of them fails.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("/ thinks**2", "/ thinks"),
    ("minram.sensor", "np.clip(cache.edges[0] + row_step, 0, H1 - 1)", "((cache.edges[0] + row_step) % H1)"),
    ("minram.sensor", "(edges[1], edges[0])", "(edges[0], edges[1])"),
    ("minram.sensor", "start + loc.dtype.type(0.5)", "start + loc.dtype.type(0.4)"),
    ("for s in scales:", "for s in scales[:1] * 2:"),  # the loops forget a scale
    ("minram.core", "dh[t] + dz[t + 1] @ W[:n_core].T", "dh[t] + dz[t + 1] @ W[:n_core]"),
    ("minram.policy", "* cache.z / cache.std", "* cache.z / cache.std**2"),
    ("minram.policy", "* cache.z / cache.std", "* (cache.z + 0.1) / cache.std"),
    ("weights @ s**2 * std**2 - 1) < 1e-12)", "weights @ s**2 - 1) < 1e-12)"),
    ("minram.reinforce", "-location_weight / N * advantage", "location_weight / N * advantage"),
    ("minram.reinforce", "- per_image) / (rollouts - 1)", "+ 0 * per_image) / rollouts"),
    ("minram.reinforce", "log_prob_forward(trajectory.sample,", "log_prob_forward(trajectory.loc[1:],"),
    ("mass.prod(axis=(0, 2)) * r)[:, None]", "mass.prod(axis=(0, 2)))[:, None]"),  # every path is rewarded
    ("norm.pdf(v) - norm.pdf(u)", "norm.pdf(u) - norm.pdf(v)"),
    ('only(FROZEN.cotangents, "baseline"), ("label",))', 'only(FROZEN.cotangents, "baseline"), ("baseline",))'),
    ("minram.training.models", "rollouts, -1).mean(axis=2)", "rollouts, -1).max(axis=2)"),
    ("table.append([caught(check)", "table.append([check is check_sensor and caught(check)"),
    ('"J": 1 / HUNT.std**2', '"J": 1 / HUNT.std'),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Four, from a prediction to a check of your own. Each has a function to be written and, after it, a check that says at
# once what it thinks. They do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import codecs

import numpy as np

from exercise import answers, entries, exercise, finish, numbers, same, truth
from minram import agent, core
from minram.datasets import tasks
from minram.gradcheck import check_gradient, check_pair, network
from minram.reinforce import cotangents
from minram.training.recipes import SMALL
from planting import planted

# %% [markdown]
# **1. Predict.** Each of these mistakes multiplies the gradient of the location head by a factor. Which?
#
# - `a`: the mean over the $T - 1$ decisions is taken where the sum belongs; $T = 6$ glimpses.
# - `b`: the baseline is the mean of all $M = 4$ rollouts of the image, the rollout itself among them.
# - `c`: the score is computed with σ² where σ is meant; σ = 0.2.
# - `d`: the sample is not detached: when μ moves, it moves along.


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four factors."""
    # Solution
    return {"a": 1 / 5, "b": 3 / 4, "c": 25, "d": 0}


# %%
@exercise("1. Predict")
def check_predicted():
    config = SMALL.changed(rollouts=4, baseline="rollouts", std=0.2, glimpses=6)
    frozen = network.freeze(config, np.random.default_rng(1).random((3, 11, 13)), np.array([0, 3, 1]), n_classes=4)

    def size():
        heads, _ = cotangents(frozen.trajectory, frozen.labels[::4], config)
        return float(np.abs(heads.mu).sum())

    bugs = {
        "a": ("reinforce", ("-location_weight / N * advantage", "-location_weight / advantage.size * advantage")),
        "b": ("reinforce", ("- per_image) / (rollouts - 1)", "+ 0 * per_image) / rollouts")),
        "c": ("policy", ("std = np.exp(log_std)\n    z", "std = np.exp(2 * log_std)\n    z")),
        "d": ("policy", ("* cache.z / cache.std", "* cache.z / cache.std * 0")),
    }
    right, seen = size(), {}
    for key, (module, change) in bugs.items():
        with planted(module, change):
            seen[key] = size() / right
    hints = {
        "a": "How many decisions are there with six glimpses?",
        "b": "Write r − mean of all in terms of r − mean of the others (lesson 7).",
        "c": "The score is (a − μ)/σ². Put σ² in the place of σ.",
        "d": "What does a − μ do when both move together?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand: how much does a check see?** A true gradient is 0.5. A check compares it with the mean of 10,000
# independent estimates, each with a standard deviation of 2, and raises the alarm at five standard errors. How large is
# the standard error? From which missing *share* of the gradient on does the check raise the alarm at least every second
# time? And how many estimates would it need for a missing tenth?


# %% tags=["solution"]
def power_by_hand():
    """→ {"standard error": …, "share": …, "estimates": …}."""
    # Solution
    # 2/√10,000 = 0.02; five of them are 0.1, a fifth of 0.5. Half of that share needs four times as many.
    return {"standard error": 0.02, "share": 0.2, "estimates": 40_000}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# The standard error of a mean of $n$ numbers is their standard deviation divided by $\sqrt n$.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# What is missing has to be as large as five standard errors. Then measure it in units of the true gradient.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_power():
    error, share, estimates = entries(power_by_hand(), "standard error", "share", "estimates")
    because = {
        "this is the standard deviation divided by n; the root is missing.": 2 / 10_000,
        "this is the variance of the mean; its root?": 4 / 10_000,
    }
    same("standard error", error, 2 / np.sqrt(10_000), because)
    because = {
        "this is five standard errors; which share of 0.5 is that?": 0.1,
        "the alarm is raised at five standard errors, not at one.": 0.04,
        "a share of all is 1, not 100.": 20.0,
    }
    same("share", share, 5 * 0.02 / 0.5, because)
    because = {
        "a standard error falls with the root of n only.": 20_000,
        "this is the root of n.": 200,
        "the alarm is raised at five standard errors, not at one.": 1600,
    }
    same("estimates", estimates, (5 * 2 / (0.1 * 0.5)) ** 2, because)


# %% [markdown]
# **3. The mystery bug.** The next cell plants a bug in the package without saying where; its text is rotated
# by thirteen letters, so that you do not see it by accident. The report is that of a gradient check of the
# cross-entropy, every entry of every parameter, for three glimpses and for one. Where is the bug? Which
# blocks are right, which are wrong, and what has changed between one glimpse and three?

# %%
MYSTERY = [codecs.decode(line, "rot13") for line in ("qu[g] + qm[g + 1]", "qu[g + 1] + qm[g + 1]")]


def cross_entropy_report(glimpses):
    images, labels = np.random.default_rng(5).random((3, 11, 13)), np.array([2, 0, 1])
    config = SMALL.changed({"glimpses": glimpses, "label_steps": "every", "std": 0.5})
    frozen = network.freeze(config, images, labels, n_classes=4, seed=5)
    grads = agent.backward(frozen.params, frozen.trajectory, network.only(frozen.cotangents, "logits"))
    zero = [name for name in grads if name.startswith(("location", "baseline"))]
    f = network.along(frozen, network.scalars(frozen)["cross-entropy"])
    return check_gradient(f, frozen.params, grads, expect_zero=zero, max_kinks=0.1)


with planted("core", MYSTERY):
    reports = [cross_entropy_report(glimpses) for glimpses in (3, 1)]
print(f"\n3 glimpses\n{reports[0]}\n\n1 glimpse\n{reports[1]}")
assert not reports[0].passed and reports[1].passed

# %% [markdown]
# The label head is right: the bug lies behind it. Everything behind the core is wrong as well, but it has got its
# cotangent from there. With one glimpse all is right, so it is in what only several glimpses need, the recursion over
# time. Derive the recursion once more (lesson 4) and write it down: $dz_t$ from $dz_{t+1}$, from what the heads send to
# step $t$, which is $\delta_t$ or `dh_t`, and from the state $h_t$. The check runs your line in place of the package's.


# %% tags=["solution"]
def recursion(dz_next, dh_t, h_t, W_h):
    """dz_next (N, core), dh_t (N, core), h_t (N, core), W_h (core, core) → dz_t (N, core)."""
    # Solution
    return (dz_next @ W_h.T + dh_t) * (h_t > 0)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# $h_t$ is used twice: by the heads of step $t$, and by the core in step $t + 1$. Uses add up.
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# Forwards, $z_{t+1} = h_t W_h + \dots$ and $h_t = \mathrm{ReLU}(z_t)$. Go back through the product first, then through
# the ReLU.
#
# </details>


# %%
@exercise("3. The mystery bug")
def check_recursion():
    T, N, n, m = 4, 3, 5, 2
    r = np.random.default_rng(6)
    inputs = {
        "params": {"core.W": r.normal(size=(n + m, n)) / 2, "core.b": r.normal(size=n)},
        "g": r.normal(size=(T, N, m)),
    }
    dz, dh, z, W = (r.normal(size=shape) for shape in ((N, n), (N, n), (N, n), (n, n)))
    h = np.maximum(z, 0)

    def cotangent(dz=dz, dh=dh, W=W, relu=True):
        """∂/∂z of what z does to the next step and to the heads, by complex steps."""
        found = np.zeros(z.shape)
        for at in np.ndindex(z.shape):
            moved = z.astype(complex)
            moved[at] += 1e-30j
            out = np.where(moved.real > 0, moved, 0) if relu else moved
            found[at] = (np.sum(dz * (out @ W)) + np.sum(dh * out)).imag / 1e-30
        return found

    because = {
        "what the heads of this step send is missing.": cotangent(dh=0 * dh),
        "what comes from the next step is missing.": cotangent(dz=0 * dz),
        "through the matrix transposed.": cotangent(W=W.T),
        "all of it goes through the ReLU, not a part.": cotangent(dh=0 * dh) + dh,
        "the ReLU of this step is missing.": cotangent(relu=False),
        "a ReLU lets all through or nothing: it is h > 0, not h.": cotangent() * h,
        "what the heads send does not go through the core's weights.": cotangent(dz=dz + dh, dh=0 * dh),
        "the ReLU is that of this step: its mask comes after the weights.": (dz * (h > 0)) @ W.T + dh,
    }
    same("dz_t", recursion(dz.copy(), dh.copy(), h.copy(), W.copy()), cotangent(), because)

    def forward(params, g):
        h, steps = np.zeros((N, n)), []
        for g_t in g:
            h, cache = core.core_forward(params, np.concatenate([h, g_t], axis=1))
            steps.append(cache)
        cache = core.CoreCache(*(np.stack(arrays) for arrays in zip(*steps)))  # each (T, N, …)
        return cache.h, cache

    def backward_of_all(dh, cache):
        W, dz = inputs["params"]["core.W"], [dh[-1] * (cache.h[-1] > 0)]
        for t in reversed(range(T - 1)):
            dz.insert(0, numbers("dz_t", recursion(dz[0].copy(), dh[t].copy(), cache.h[t].copy(), W[:n].copy())))
        dz = np.array(dz)
        dW = np.einsum("tni,tnj->ij", cache.hg, dz)
        return {"g": dz @ W[n:].T, "core.W": dW, "core.b": dz.sum(axis=(0, 1))}

    check_pair(
        forward, backward_of_all, inputs, rng=np.random.default_rng(7), signature=lambda c: c.h > 0, max_kinks=0.1
    ).raise_if_failed()


# %% [markdown]
# **4. The seventh check.** This bug passes all six: digits on a larger canvas are never placed in the last
# row or column that would fit. Write the check that catches it, a function that returns True if all is well, and False
# if there is a place where the digit fits and never is. `tasks.make_images(task, images, index, rng)` draws the images,
# for a task such as `tasks.translated((3, 4))`; a tiny image of one white pixel shows where it was put.

# %%
LAST_PLACE = ("place = canvas - size + 1", "place = canvas - size")


# %% tags=["solution"]
def check_places():
    """True if a 1 × 1 image on a 3 × 4 canvas is put everywhere it fits."""
    # Solution
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0))
    # Each of 12 places is missed by all of 2000 draws with probability (11/12)^2000, about 1e-76.
    return bool((drawn.sum(axis=0) > 0).all())


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# `tasks.translated((3, 4))` is a task with a canvas of three rows and four columns. `index` says which image is drawn:
# zeros, as many as you want canvases. Add all canvases up. Which sums should be there?
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# The canvas should not be square. And take so many canvases that a healthy program never fails by chance.
#
# </details>


# %%
@exercise("4. The seventh check")
def check_the_check():
    def says():
        try:
            found = check_places()
        except AssertionError:
            raise AssertionError("it should return False where something is wrong, and raise nothing.") from None
        return truth(found)

    assert all(says() for _ in range(20)), "it says that the healthy package is ill."
    drawn = "drawn = (rng.random((B, len(counts))) * counts).astype(np.int64)"
    for change, where in (
        (LAST_PLACE, "the last row and column are missed"),
        ((LAST_PLACE[0], LAST_PLACE[0] + " - np.array([1, 0])"), "the last row alone is missed"),
        ((LAST_PLACE[0], LAST_PLACE[0] + " - np.array([0, 1])"), "the last column alone is missed"),
        ((drawn, drawn + "; drawn[:, :1] = np.maximum(drawn[:, :1], 1)"), "the first row is missed"),
        ((drawn, drawn + "; drawn[:, 1] += (drawn[:, :2] == 0).all(axis=1)"), "the first corner is missed"),
        ((drawn, drawn + "; drawn[:, 1] += (drawn[:, :2] == 1).all(axis=1)"), "one place in the middle is missed"),
    ):
        with planted("datasets.tasks", change):
            assert not says(), f"{where}, and it says that all is well."


# %%
finish()
