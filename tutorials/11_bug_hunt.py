# %% [markdown]
# # 11 · The bug hunt
#
# **What you will see.** Twelve mistakes, nearly all of kinds found in public implementations, planted one at
# a time into the working package. Each still learns, or seems to. You set six checks on them, predict which
# check catches which bug, and compare. At the end there is a mystery bug for you alone.
#
# **What you need.** Lessons 3 to 8. A pencil.
#
# **How long it runs.** About half a minute, most of it training broken agents.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import codecs
import importlib
import inspect
import types
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.special import ndtr
from scipy.stats import norm

from minram import core, gradcheck, policy, reinforce, sensor
from minram.agent import Cotangents, backward, init_params, rollout
from minram.datasets import data, tasks
from minram.gradcheck import network
from minram.gradcheck.network import only
from minram.pictures import style
from minram.sensor import summed_area
from minram.training import evaluate, optim
from minram.training.config import Config
from minram.training.recipes import SMALL
from without_display import save_pictures

style.use()
save_pictures()  # where there is no display
COLOUR = style.COLOURS

# %% [markdown]
# ## How a bug is planted
#
# Each bug is a change of one to three lines. The context manager `planted` replaces text in the source of one
# module, compiles it, and gives the functions their new code until the block ends. It insists that the old
# text occurs exactly once: a bug that has not been planted would be easy to miss.

# %%


@contextmanager
def planted(module, *changes):
    """Replace pieces (old, new) of a module's source while the block runs."""
    module = importlib.import_module("minram." + module)
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    changed = types.ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(source, module.__file__, "exec"), changed.__dict__)
    healthy = {}
    for name, function in vars(changed).items():
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
            healthy[name] = getattr(module, name).__code__
            getattr(module, name).__code__ = function.__code__
    try:
        yield
    finally:
        for name, code in healthy.items():
            getattr(module, name).__code__ = code


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
LIVE = np.abs(TRUTH) > 1e-9


def standard_errors_off():
    """The largest |mean − exact|, in standard errors, over both baselines and all weights of the location head."""
    area, labels = summed_area(np.repeat(small[None], 200, axis=0)), np.zeros(200, int)
    worst = 0
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
    return worst


def check_estimator():
    return standard_errors_off() < 5  # 16 numbers, each Student's t of 99: a right one fails once in 25,000 seeds


print(f"healthy: off by {standard_errors_off():.1f} standard errors at most")
assert check_estimator()

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

# %% tags=["picture"]


def caught(check):
    """1 if a check fails, by its verdict or because it cannot even run."""
    try:
        return not check()
    except Exception:
        return True


table = []
for module, changes in BUGS.values():
    with planted(module, *changes):
        table.append([caught(check) for check in CHECKS.values()])
table = np.array(table)
fig, ax = plt.subplots(figsize=(7, 4.4))
ax.imshow(table, ListedColormap(["#F2F2F2", COLOUR["wrong"]]), aspect="auto", vmin=0, vmax=1)
for (i, j), value in np.ndenumerate(table):
    ax.text(
        j,
        i,
        "caught" if value else "–",
        ha="center",
        va="center",
        fontsize=8.5,
        color="white" if value else COLOUR["muted"],
    )
ax.set(xticks=range(len(CHECKS)), yticks=range(len(BUGS)))
ax.set_xticklabels(CHECKS, fontsize=8)
ax.set_yticklabels(BUGS, ha="left")
ax.tick_params(axis="y", pad=165, length=0)
ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
ax.grid(False)
ax.spines[:].set_visible(False)
plt.show()
assert table.any(axis=1).all(), "every bug is caught by some check"
assert table.any(axis=0).all(), "and every check catches some bug"
assert all(check() for check in CHECKS.values()), "the package is healthy again"

# %% [markdown]
# No check catches everything. Check 4 catches most, and takes the longest, and when it fails it says only
# that something is wrong. Checks 1 and 3 catch nothing that it would miss, but they point at the file. The
# finite differences of check 2, which many regard as *the* test of a hand-written gradient, see what is wrong
# with the derivative of the network, and nothing else. G is the bug to remember: forward and backward agree,
# and the gradient is the right gradient of the wrong estimator.
#
# ## And without the checks?
#
# One would look at the learning curves. Here they are: every bug trained for as many steps as the healthy
# agent, on four kinds of digits, with small patches so that it matters where one looks. The grey band, in
# each panel, spans four healthy runs that differ by their seed. All learn their baseline but H and its healthy
# runs, where the other rollout is the baseline.

# %%
n_classes, steps = 4, 700
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


def learn(config, seed):
    """Train from scratch → training error of each step, validation error with mean locations."""
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
    # Averaged over five rollouts' first locations, so that bug L has something to average.
    return np.array(error), evaluate.evaluate(params, config, x_val, y_val, "mean", rollouts=5).error


def smooth(values, width=50):
    total = np.concatenate([[0], np.cumsum(values)])
    return (total[width:] - total[:-width]) / width


baseline = {name: "rollouts" if name.startswith("H") else "learned" for name in BUGS}
kinds = ("learned", "rollouts")
healthy = {kind: [learn(HUNT.changed({"baseline": kind}), seed) for seed in range(4)] for kind in kinds}
runs = {}
for name, (module, changes) in BUGS.items():
    with planted(module, *changes):
        runs[name] = learn(HUNT.changed({"baseline": baseline[name]}), 0)

fig, axes = plt.subplots(3, 4, figsize=(7.6, 4.6), sharex=True, sharey=True)
for ax, (name, (error, _)) in zip(axes.flat, runs.items()):
    band = 100 * np.stack([smooth(other)[::20] for other, _ in healthy[baseline[name]]], axis=1)
    ax.fill_between(range(len(band)), band.min(axis=1), band.max(axis=1), color="#D4D4D4", linewidth=0)
    ax.plot(100 * smooth(error)[::20], color=COLOUR["wrong"], linewidth=1.5)
    ax.set_title(name, fontsize=8)
    ax.set(ylim=(0, 65), xticks=[0, 10, 20, 30], xticklabels=[0, 200, 400, 600])
for ax in axes[-1]:
    ax.set(xlabel="update")
for ax in axes[:, 0]:
    ax.set(ylabel="training error (%)")
plt.show()

# %% [markdown]
# *G* does worse, though one would rather blame the learning rate than an index. Could you have told from the
# others that anything is wrong? The validation error with the mean policy says more, as one that cannot aim
# is punished there:

# %%
fig, ax = plt.subplots(figsize=(7, 3.6))
finals = {name: final for name, (_, final) in runs.items()}
low, high = ({kind: pick(final for _, final in ends) for kind, ends in healthy.items()} for pick in (min, max))
for i, kind in enumerate(baseline.values()):
    ax.fill_between(
        [100 * low[kind], 100 * high[kind]],
        i - 0.5,
        i + 0.5,
        color="#C4C4C4",
        alpha=0.5,
        linewidth=0,
        label="four healthy seeds" if i == 0 else None,
    )
ax.plot([100 * v for v in finals.values()], range(len(finals)), "o", color=COLOUR["wrong"])
ax.set(yticks=range(len(finals)), xlabel="validation error, mean locations (%)", ylim=(len(finals) - 0.5, -0.5))
ax.set_yticklabels(finals, ha="left")
ax.tick_params(axis="y", pad=165, length=0)
ax.legend(loc="lower right")
plt.show()
within = [name for name, v in finals.items() if v <= high[baseline[name]]]
for kind in low:
    print(f"healthy, baseline {kind}: {100 * low[kind]:.1f} to {100 * high[kind]:.1f} %")
print(f"bugs that end no worse than the worst healthy seed: {len(within)} of {len(finals)}")
for name, v in finals.items():
    print(f"{name:28} {100 * v:5.1f} %")
assert len(within) >= 3 and finals["D  sample not detached"] > high["learned"]

# %% [markdown]
# *D* stands out now, too. The bugs that end among the healthy seeds are not harmless; this task has only not
# asked for what they break. *A*: the digits are in the middle of the image, and what is seen beyond the
# border hardly matters; on translated digits it is a cue. *B*: the network learns the transposed world just
# as well, until someone draws the paths over the images, or loads a checkpoint into a correct program. *C*
# gives the core a gradient that is wrong and still points downhill. *D* leaves the locations untrained, which shows
# where the agent looks at μ itself, and hardly in training, where it looks anywhere around it. *E*: hardly a sample
# falls outside the image here, so there is next to nothing to mis-score. *I* and *J* scale the location gradient, and
# Adam, which divides by the gradient's size, hides it; with plain SGD they would decide whether anything is learned.
# *H* shortens the gradient by the factor $1 - 1/M$ and is hidden in the same way. *F* and *K* disturb the core and the
# baseline a little. *L* is not in the training at all.
#
# A run of another seed changes the curve as much as most bugs do. To see a small bug in learning curves takes
# many seeds of each; to see it by a check takes a second.
#
# ## What to remember
#
# Plausible learning is no evidence of correctness. Test the parts against what they are defined to be: the
# sensor against loops, the network against differences, the score against its two moments, the estimator
# against an exact mean, the flow of gradients against zero. Then test the tests: plant a bug, and see that
# one of them fails.
#
# ## Exercises
#
# **1. The mystery bug.** The next cell plants a bug in the package without saying where; its text is rotated
# by thirteen letters, so that you do not see it by accident. The report is that of a gradient check of the
# cross-entropy, every entry of every parameter, for three glimpses and for one. Where is the bug? Which
# blocks are right, which are wrong, and what has changed between one glimpse and three?

# %%
MYSTERY = [codecs.decode(line, "rot13") for line in ("qu[g] + qm[g + 1]", "qu[g + 1] + qm[g + 1]")]


def cross_entropy_report(glimpses):
    images, labels = np.random.default_rng(5).random((3, 11, 13)), np.array([2, 0, 1])
    config = SMALL.changed({"glimpses": glimpses, "label_steps": "every", "std": 0.5})
    frozen = network.freeze(config, images, labels, n_classes=4, seed=5)
    grads = backward(frozen.params, frozen.trajectory, only(frozen.cotangents, "logits"))
    zero = [name for name in grads if name.startswith(("location", "baseline"))]
    f = network.along(frozen, network.scalars(frozen)["cross-entropy"])
    return gradcheck.check_gradient(f, frozen.params, grads, expect_zero=zero, max_kinks=0.1)


with planted("core", MYSTERY):
    for glimpses in (3, 1):
        print(f"{glimpses} glimpse{'s' * (glimpses > 1)}")
        print(cross_entropy_report(glimpses))
        print()
    assert not cross_entropy_report(3).passed and cross_entropy_report(1).passed

# %% [markdown]
# The label head is right: the bug lies behind it. Everything behind the core is wrong as well, but it has got
# its cotangent from there. With one glimpse all is right, so it is in what only several glimpses need, the
# recursion over time. Derive the recursion once more (lesson 4) and write it down: $dz_t$ from $dz_{t+1}$,
# from what the heads send to step $t$, and from the state $h_t$. The check runs your line in place of the
# package's.


# %% tags=["solution"]
def recursion(dz_next, dh_t, h_t, W_h):
    """dz_next (N, core), dh_t (N, core), h_t (N, core), W_h (core, core) → dz_t (N, core)."""
    # Solution
    return (dz_next @ W_h.T + dh_t) * (h_t > 0)


# %%
T, N, n, m = 4, 3, 5, 2
r = np.random.default_rng(6)
inputs = {
    "params": {"core.W": r.normal(size=(n + m, n)) / 2, "core.b": r.normal(size=n)},
    "g": r.normal(size=(T, N, m)),
}


def forward(params, g):
    h, steps = np.zeros((N, n)), []
    for g_t in g:
        h, cache = core.core_forward(params, np.concatenate([h, g_t], axis=1))
        steps.append(cache)
    cache = core.CoreCache(*(np.stack(arrays) for arrays in zip(*steps)))  # each (T, N, …)
    return cache.h, cache


def backward_with(step):
    """A backward pass of the core that takes its recursion from `step`."""

    def run(dh, cache):
        W = inputs["params"]["core.W"]
        dz = [dh[-1] * (cache.h[-1] > 0)]
        for t in reversed(range(T - 1)):
            dz.insert(0, step(dz[0], dh[t], cache.h[t], W[:n]))
        dz = np.array(dz)
        dW = np.einsum("tni,tnj->ij", cache.hg, dz)
        return {"g": dz @ W[n:].T, "core.W": dW, "core.b": dz.sum(axis=(0, 1))}

    return run


report = gradcheck.check_pair(
    forward,
    backward_with(recursion),
    inputs,
    rng=np.random.default_rng(7),
    signature=lambda cache: cache.h > 0,
    max_kinks=0.1,
)
print(report)
report.raise_if_failed()

# %% [markdown]
# **2. The seventh check.** This bug passes all six: digits on a larger canvas are never placed in the last
# row or column that would fit. Write the check that catches it, a function that returns True if all is well.
# `tasks.make_images(task, images, index, rng)` draws the images; a tiny image of one white pixel shows where
# it was put.

# %%
LAST_PLACE = ("datasets.tasks", ("place = canvas - size + 1", "place = canvas - size"))


# %% tags=["solution"]
def check_places():
    """True if a 1 × 1 image on a 3 × 4 canvas is put everywhere it fits."""
    # Solution
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0))
    # Each of 12 places is missed by all of 2000 draws with probability (11/12)^2000, about 1e-76.
    return bool((drawn.sum(axis=0) > 0).all())


# %%
assert check_places()
with planted(*LAST_PLACE):
    assert all(check() for check in CHECKS.values()), "one of the six has found it"
    assert not check_places()
for missed in ("[1, 0]", "[0, 1]"):  # the last row alone, the last column alone
    with planted("datasets.tasks", ("place = canvas - size + 1", f"place = canvas - size + 1 - np.array({missed})")):
        assert not check_places()
print("the seventh check catches what the six have missed")
