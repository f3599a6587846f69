# %% [markdown]
# # 12 · Details that matter
#
# **What you will see.** What a paper leaves out and a program has to decide. One paragraph for each detail, what
# goes wrong without it, and the line where it is. Where a detail's effect has been measured, the number is
# printed.
#
# **What you need.** Lessons 2, 5, 6, 7 and 9. It is a page to come back to, not one to read in a sitting.
#
# **How long it runs.** A few seconds.
#
# The links quote the line that they lead to. A test compares them with the package, so they cannot go stale.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import log_softmax, ndtr, softmax

from jobs import QUICK
from lesson import CHECKPOINTS, ablation_results, paper_ablations
from minram import gradcheck, reinforce
from minram.agent import rollout
from minram.datasets import data
from minram.pictures import plots, style
from minram.policy import log_prob_backward, log_prob_forward
from minram.sensor import summed_area
from minram.training import optim
from minram.training.config import Config
from minram.training.evaluate import percent, wilson
from minram.training.run import load_params

style.use()
COLOUR = style.COLOURS

# %% [markdown]
# ## What was measured
#
# Four sets of short trainings, in each of which one choice is changed, or two that belong together: the default recipe
# on MNIST, and three of the paper's rows, the cluttered task with six and with eight glimpses and MNIST with two, of
# the [first protocol](tables/results/v1/README.md). What is changed is a recipe with fewer epochs, and, with six
# glimpses among clutter and with two on MNIST, without weight decay and with a λ that does not fall. A bar is the
# difference to it on the same validation images, in percentage points, with its 95 % interval, as if the images had
# been different ones; that is too wide, as both err on the same difficult ones (exercise 2 of lesson 9). Differences
# between seeds come on top.

# %% tags=["picture"]
rows, texts = paper_ablations()
MEASURED = {
    "MNIST": ablation_results(),
    "cluttered 60×60": rows.get("cluttered-60-6", {}),
    "MNIST, 2 glimpses": rows.get("mnist-2", {}),
    "cluttered 60×60, 8 glimpses": rows.get("cluttered-60-8", {}),
}
MEASURED = {task: runs for task, runs in MEASURED.items() if "nothing" in runs}
TEXT = texts | QUICK.texts
TEXT |= {"small-std": "a smaller σ", "large-std": "a larger σ"}  # than the recipe's, which differ
small = [r["settings"]["location_weight"] for runs in MEASURED.values() for r in runs.get("small-location-term", [])]
TEXT["small-location-term"] = f"λ = {', '.join(map(str, small))}"  # on the tasks in their order


def difference(run, recipe):
    """Error of a run minus that of its recipe, and half the width of its 95 % interval, in percentage points."""
    errors = np.array([run["val_error"], recipe["val_error"]])
    variance = errors * (1 - errors) / np.array([run["n_val"], recipe["n_val"]])
    return 100 * (errors[0] - errors[1]), 196 * np.sqrt(variance.sum())


def matched(runs, name):
    """Pairs of runs with the same seed: with the choice changed, and the recipe."""
    recipes = {r["seed"]: r for r in runs["nothing"]}
    return [(run, recipes.get(run["seed"], runs["nothing"][0])) for run in runs.get(name, [])]


def effect(*names):
    """Print what was measured of these choices."""
    for name in names:
        for task, runs in MEASURED.items():
            for run, recipe in matched(runs, name):
                d, half = difference(run, recipe)
                text = f"λ = {run['settings']['location_weight']}" if name == "small-location-term" else TEXT[name]
                print(
                    f"{text:32} {task}, {recipe['settings']['epochs']} epochs, seed {run['seed']}: "
                    f"{100 * run['val_error']:.2f} %, by {d:+.2f} ± {half:.2f} points"
                )


DRAWN = {task: runs for task, runs in MEASURED.items() if "glimpses" not in task}  # of the others there are few
names = sorted({name for runs in DRAWN.values() for name in runs if name != "nothing"}, key=list(TEXT).index)
fig, axes = plt.subplots(1, len(DRAWN), figsize=(8.4, 1.2 + 0.28 * len(names)), squeeze=False, sharey=True)
for ax, (task, runs) in zip(axes[0], DRAWN.items()):
    for i, name in enumerate(names):
        for j, (run, recipe) in enumerate(matched(runs, name)):
            d, half = difference(run, recipe)
            ax.errorbar(
                d, i + 0.22 * j, xerr=half, fmt="o", color=COLOUR["location"], capsize=2, alpha=(1, 0.6)[min(j, 1)]
            )
    ax.axvline(0, color=COLOUR["exact"], linewidth=1)
    ax.set_xscale("symlog", linthresh=2)
    ax.set(
        yticks=range(len(names)),
        yticklabels=[TEXT[name] for name in names],
        xticks=[-2, -1, 0, 1, 2, 10, 30],
        title=task,
    )
    ax.xaxis.set_major_formatter("{x:g}")
axes[0, 0].invert_yaxis()
fig.supxlabel("error minus the recipe's (percentage points)", fontsize="medium")
plt.show()
for task, runs in MEASURED.items():
    for run in runs["nothing"]:
        print(f"{task}, the recipe, seed {run['seed']}: {percent(run['val_error'], run['val_interval'])}")

# %% [markdown]
# ## The sensor
#
# **Outside looks like the background.** A square near the border covers pixels that do not exist. Filled with
# noise, or with zeros where the background is not zero, they draw a line around the image, and the border becomes
# a cue that tells the network where it is. Here the background is subtracted before anything is summed,
# [`inside -= background`](../minram/sensor.py#L61),
# so that outside the sum does not grow, and an edge outside is simply moved to the border:
# [`rows = np.clip(cache.edges[0] + row_step, 0, H1 - 1) * W1`](../minram/sensor.py#L192).
# No image is padded, so no padding can be forgotten when locations become pixels.
#
# **Pixel edges, not pixel centres.** The image reaches from −1 to 1, from the first pixel's left edge to the last
# pixel's right edge, so that $-1$ is edge 0 and $+1$ is edge $W$:
# [`centre = (loc.T + 1) * np.array([[W / 2], [H / 2]], loc.dtype)`](../minram/sensor.py#L116).
# With $(W-1)/2$ instead the middle would be half a pixel off. Width belongs to x and height to y, which only images
# that are not square can show.
#
# **One rounding for each square.** The first edge of a square is rounded,
# [`first = np.floor(start if continuous else start + loc.dtype.type(0.5))`](../minram/sensor.py#L118),
# and the others are counted from it,
# [`edges = first.astype(np.intp) + s * np.arange(patch_size + 1)[:, None]`](../minram/sensor.py#L119),
# so all cells have the same size, odd patches too. It is `floor(x + 0.5)` and not `round`: the latter rounds halves to
# the even neighbour, which moves squares by a pixel in every second place. No square is pushed back inside, so near
# a border the scales stay concentric.
#
# **Cells are means, and scales double.** A coarse cell is the mean of its pixels, not one of them; a stroke one pixel
# wide would otherwise come and go. The paper's scales double: 1, 2, 4, not 2, 4, 6. Here they are a setting.
#
# **Integer tables.** A summed-area table of bytes holds integers, and float32 holds all integers up to $2^{24}$.
# While $255\,HW$ stays below, four look-ups give the exact sum,
# [`np.float32 if bytes_ and 255 * H * W <= 2**24 else np.float64`](../minram/sensor.py#L42).
# Beyond, neighbouring integers fall together, and the difference of two large sums would be noise; so larger images
# get float64.

# %%
assert np.float32(2**24 - 1) + np.float32(1) == 2**24 and np.float32(2**24) + np.float32(1) == 2**24
print(f"largest square image of bytes with a float32 table: {int(np.sqrt(2**24 / 255))} pixels wide")
effect("one-scale")

# %% [markdown]
# ## The data
#
# **Ranges that include their end.** A digit fits on the canvas at $H - h + 1$ places:
# [`place = canvas - size + 1`](../minram/datasets/tasks.py#L93).
# Lesson 10 counts them.
#
# **Bytes wrap around.** Clutter and digit are added as bytes, and 200 + 100 is 44. The sum is clipped before it is
# made: [`windows[at] = np.minimum(windows[at], 255 - patch) + patch`](../minram/datasets/tasks.py#L121).
#
# **Fresh to train, fixed to validate.** In training a canvas is never seen twice. For validation and test the layout
# of the whole set is drawn at once from a fixed seed,
# [`layout = _sample_layout(task, images, index, np.random.default_rng(seed))`](../minram/datasets/tasks.py#L80),
# so that it does not depend on the batch size, and errors of two epochs can be compared.
#
# **Easy canvases first.** Where nothing is found nothing is rewarded, and among many distractors that may last for
# epochs. A curriculum (Bengio et al. 2009) begins with none and adds them one by one,
# [`n = min(n, int(progress / self.curriculum * (n + 1)))`](../minram/training/config.py#L136),
# each number for an equal time. The recipe of the 100×100 canvas, with its eight distractors, does so, though lesson 14
# tells of a run that learned faster without. Among four there is no gain to be seen:

# %%
effect("curriculum")

# %% [markdown]
# ## Looking
#
# **Score the raw sample, look at the clipped one.** A sample of the Gaussian may lie outside the image. Where the
# sensor looks it is clipped,
# [`np.clip(samples[t], -1, 1, out=loc[t + 1])`](../minram/agent.py#L145),
# and what is scored is the sample itself:
# [`_, score = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)`](../minram/reinforce.py#L150).
# The clipped location has another distribution, with lumps of probability on the border; scored as if it were
# Gaussian, its score does not have mean zero. Lesson 5 computes the bias.
#
# **The mean is not squashed.** With $\tanh$ before μ the mean could not leave the image, but near the border its
# gradient shrinks: by $1 - \tanh^2 u$, 0.071 at $u = 2$. Here μ is linear,
# [`mu, _ = linear_forward(hidden, params["location.W"], params["location.b"])`](../minram/heads.py#L38),
# and at the border its gradient is whole. But it may leave the image, and some σ outside there is less gradient than
# $\tanh$ would leave: every sample is clipped to the same point, so no reward tells one from another. Take the reward
# $r = 1 - |\mathrm{clip}(a)|$, which wants $a = 0$, and σ = 0.15. As $r$ changes only where $|a| < 1$, the gradient is
# minus the share of samples that land inside:

# %%
z = np.linspace(-9, 9, 200_001)
density, sigma = np.exp(-z * z / 2) / np.sqrt(2 * np.pi), 0.15
gradients = {}
for mean in (1.0, 1.5, 2.0):
    a = np.stack([mean + sigma * z, 0 * z], axis=-1)  # the second coordinate stays in the middle
    _, cache = log_prob_forward(a, np.array([mean, 0.0]), np.log([sigma, sigma]))
    score, _ = log_prob_backward(np.ones(len(z)), cache)
    reward = 1 - np.abs(np.clip(a[:, 0], -1, 1))
    gradients[mean] = np.trapezoid(density * reward * score[:, 0], z)
    print(f"μ = {mean}: dJ/dμ = {gradients[mean]:.2g}")
    # Trapezoids of width 9e-5 are exact to 1e-9 of the score's size, 7, but at the kinks of r: 2e-9 in all.
    assert abs(gradients[mean] + ndtr((1 - mean) / sigma)) < 1e-8
assert -0.51 < gradients[1.0] < -0.49 and -5e-4 < gradients[1.5] < -4e-4 and abs(gradients[2.0]) < 1e-8

# %% [markdown]
# So a linear mean gets stuck too, only farther out. It seldom goes there, as it starts in the middle and no reward
# leads outside; but steps that are too large can throw it out, and then all images are seen at the same place. The
# setting `border_weight` adds the gradient of ½ (distance to the image)² there, times λ, and nothing inside:
# [`dmu += location_weight * config.border_weight / N * (`](../minram/reinforce.py#L152).
# `quick` has it. Three epochs of `quick` with three seeds, begun with μ = (2, 2), end at validation errors of 38, 41
# and 19 % without the pull, and of 8, 8 and 9 % with it; begun as usual, at 3.7, 3.4 and 3.5 % without and 3.8, 3.2
# and 3.7 % with it, with a standard error of 0.3 each.
#
# **It starts in the middle.** The weights of μ begin at a hundredth of their usual size,
# [`"location": (config.location_units or core, 2, 0.01),`](../minram/agent.py#L55),
# so that the first locations are a cloud around the centre, where the digits are, and none is outside.
#
# **The first glimpse, on which nobody decides.** The paper draws it uniformly, and so does the default. Where the
# digits are in the middle, it then often sees nothing, and of two glimpses that is half. At the centre it sees enough,
# but always the same, and a small data set is soon known by heart. The setting `start=gaussian` draws it as the policy
# draws the others, with a mean that stays 0:
# [`return np.clip(sample(rng, centre, log_sigma), -1, 1)`](../minram/agent.py#L163).
# No parameter has a part in that mean, so the draw has no score, and the gradient stays what it is.
#
# **A hidden layer before μ.** The paper's location head is linear. As its gradient does not reach the core, it can
# only read what the core has prepared for the label. One hidden layer of its own,
# [`if "location.hidden.W" in params:`](../minram/heads.py#L35),
# lets it read more.
#
# **T − 1 decisions.** Of $T$ glimpses the first is at a random place, and after the last one nobody looks again. A
# location drawn then would earn praise and blame that it has no part in: no bias, but noise. So none is drawn:
# [`break  # a location after the last glimpse would only add variance`](../minram/agent.py#L140).
#
# **log σ, not σ, and σ, not σ².** What is stored is $\log\sigma$. It may be any number, steps of it are relative, and
# if it is learned its gradient is well scaled. (Any number on paper. In float32 a sample with $\log\sigma = -45$ is its
# mean, and beyond −104 and 89 the score is not a number; training keeps a learned σ within 0.0001 and 10, by
# [`np.clip(log_std, math.log(STD.low), math.log(STD.high), out=log_std)`](../minram/training/step.py#L54)
# after the step, so that no gradient is bent.) In
# [`return mu + np.exp(log_std) * eps`](../minram/policy.py#L20)
# and in the score the same exponential stands, so that nobody can pass a variance where a deviation is meant.
#
# **The size of σ.** The variance of the score is $1/\sigma^2$, so small σ is noisy to learn from; large σ looks past
# what μ points at. It may fall in the course of training,
# [`return np.full(2, np.log(config.std) + progress * np.log(config.final_std)`](../minram/agent.py#L84).
# The recipes of the paper's tables let it fall, on MNIST to a fifth of what it was, so that the mean locations, which
# are used in the end, are also what the core has learned to live with. `quick` keeps it. What that does in short
# runs is below.

# %%
effect("small-std", "large-std", "annealed-std", "constant-std", "linear-location-head", "uniform", "centre", "random")

# %% [markdown]
# ## The estimator
#
# **A sample is data.** The score differentiates $\log\pi(a \mid \mu)$ with $a$ held fixed:
# [`dmu = dlogp[..., None] * cache.z / cache.std`](../minram/policy.py#L41).
# Frameworks that follow every operation back must be told so, by a `detach` at the right place. If the sample is
# followed, μ gets no gradient at all, as $a - \mu$ does not depend on it; if μ is detached in its stead, the same.
# Without autograd there is nothing to forget. Lesson 11 plants this bug.
#
# **Sum over time, mean over rows.** $\log p_\theta(\tau)$ is a sum over decisions; an average over rollouts estimates
# the expectation. So the cotangent is divided by $N$ and not by $T$:
# [`dmu, dlog_std = log_prob_backward(-location_weight / N * advantage, score)`](../minram/reinforce.py#L151).
#
# **λ hardly matters, with Adam, where its gradient stays in the location head.** Many programs scale the REINFORCE
# term by 0.01 or so. If its gradient goes into the shared core, that is a choice between two goals. If it stays in
# the location head, as in the paper, the head's parameters get no other gradient, and Adam divides each gradient by
# its own size: a factor cancels, but for ε and rounding. The cell below shows it. With SGD the factor is a learning
# rate. (In the recipes of lesson 14 it flows on. There λ matters among clutter; with two glimpses on
# MNIST no difference is to be seen.)

# %%
config = load_params(CHECKPOINTS / "mnist" / "best.npz")[1]
rng = np.random.default_rng(0)
gradients = rng.normal(size=(100, 5))
ends = {}
for weight in (1.0, 0.03):
    theta = np.zeros(5)
    state = optim.optimiser_state(config, theta)
    for step, g in enumerate(gradients):
        optim.update_in_place(config, theta, weight * g, state, step, 1e-3)
    ends[weight] = theta
print(f"100 steps of Adam, λ 1 and 0.03: {ends[1.0][0]:.9f} and {ends[0.03][0]:.9f}")
# ε = 1e-8 is added to √v, here of size 1 and 0.03: relative changes of 1e-8 and 3e-7 of steps that sum to at most 0.1.
assert np.abs(ends[1.0] - ends[0.03]).max() < 1e-7
effect("small-location-term", "large-location-term")

# %% [markdown]
# **λ may fall with σ.** The score $(a - \mu)/\sigma^2$ has the size $1/\sigma$: as σ falls, REINFORCE's gradient grows,
# and its noise with it. Where that flows into the core, it disturbs what the label needs. So λ may fall in the course
# of the training too, and stay large at the start, when there is most to learn about where to look:
# [`weight = config.location_weight * config.final_location_weight**progress`](../minram/reinforce.py#L147).
# Among clutter with eight glimpses σ falls to 0.3 of what it was, and λ to 0.1.

# %%
effect("constant-location-term", "neither")

# %% [markdown]
# **A baseline must not know the action it judges.** The mean of the batch that includes the row itself scales the
# gradient by $1 - 1/N$; the mean of the others does not:
# [`return (G.sum(axis=-1, keepdims=True) - G) / (G.shape[-1] - 1)`](../minram/reinforce.py#L63).
# The learned baseline for the choice of $l_{t+1}$ is made from $h_t$, which has not seen it:
# [`baseline, _ = heads.baseline_forward(params, _rows(h[:-1]))`](../minram/agent.py#L150).
# Made from $h_{t+1}$ it would be biased, and look better. Lesson 7 computes by how much.
#
# **Several rollouts of an image.** The best judge of a rollout is another rollout of the same image, because what is
# due to the image cancels:
# [`return ((per_image.sum(axis=-1, keepdims=True) - per_image) / (rollouts - 1))`](../minram/reinforce.py#L72).
# Lesson 9 measures what share of the reward's variance that is. It costs $M$ times the work. On
# MNIST the default spends that on more epochs instead; the recipes of the paper's tables take several rollouts.
#
# **Which gradient flows on.** REINFORCE trains the location head, the squared error of the baseline trains the
# baseline head, and neither flows into the core, unless the setting `flow` says so:
# [`dh_location, location = heads.location_backward(params, dmu, cache, "location" in flow)`](../minram/agent.py#L199).
# A core that follows the label alone has no reason to keep what would tell *where* the digit is. With the digit in the
# middle that costs little; among clutter it costs several points (below), so there the recipes let REINFORCE flow,
# weighted by a $\lambda$ small enough not to drown the label.
#
# **What came before a decision cannot judge it.** The paper rewards the last glimpse alone, so that every location of
# a rollout is praised or blamed for the same number. With a reward after each glimpse, a location answers for what
# came after it,
# [`return reward[:0:-1].cumsum(axis=0)[::-1]`](../minram/reinforce.py#L55),
# which leaves out rewards that it could not change. They would have mean zero in the gradient, and variance.
#
# **No silent broadcasting.** $(T-1, N)$ minus $(N,)$ is what is meant; $(N, 1)$ minus $(N,)$ would be an
# $N \times N$ matrix, and its mean would still be a number. Advantages are broadcast once, to a named shape,
# [`return np.broadcast_to(G - BASELINES[kind](G, head, rollouts), head.shape)`](../minram/reinforce.py#L95),
# and what is made as rows of all steps is given its two axes back in the order in which they were joined:
# [`baseline=baseline.reshape(T - 1, N)`](../minram/agent.py#L151).
#
# **When to ask for the label.** The cross-entropy is taken after the last glimpse, as in the paper, or at every step,
# averaged:
# [`dlogits = cross_entropy_backward(np.full_like(loss, 1 / loss.size), cache)`](../minram/reinforce.py#L161).
# The second makes an agent that can be stopped early, and asks the core for something else: each prefix of the path
# has to stand on its own.
#
# **How much a right label is worth.** 1, as in the paper, or its probability, which also tells a narrow escape from a
# safe one: [`"probability": lambda loss, right: np.exp(-loss),`](../minram/reinforce.py#L45).
# With its logarithm, $\lambda = 1$ and both gradients in the core, the update would be the gradient of one
# function, a bound on the likelihood of the labels (Ba et al. 2015); but a logarithm has no lowest value, and one
# confident mistake can outweigh the rest of the batch:
# [`"log_probability": lambda loss, right: -loss,`](../minram/reinforce.py#L46).

# %%
effect("no-baseline", "learned-baseline", "one-rollout", "two-rollouts", "four-rollouts")
effect("leaking-location", "no-flow", "every-step", "last-reward", "last-step", "zero-one", "log-probability")
r = np.array([1.0, 0.0, 1.0, 1.0])
assert np.allclose(r - r.mean(), (1 - 1 / r.size) * (r - reinforce.batch_baseline(r)), rtol=0, atol=1e-15)

# %% [markdown]
# ## The network
#
# **One product for all rows.** A weight's gradient is a sum over rows, and a row does not know its time. So each
# layer's backward pass runs once, with the rows of all steps; even the core's, once the loop has its cotangents:
# [`_, grads = linear_backward(rows, (cache.hg.reshape(T * N, -1), W)`](../minram/core.py#L49).
# Lesson 4 shows that the result is the same, and `minram bench` what it saves.
#
# **One array for two inputs.** The core reads $[h_{t-1}, g_t]$. Each is written by its layer straight into the place
# where the product will read it,
# [`hg = np.empty((T + 1, N, n_core + config.glimpse_units), dtype)`](../minram/agent.py#L226),
# and nothing is copied.
#
# **How recurrent weights begin.** As the identity, $h_t$ starts as a sum of all that was seen, and gradients pass
# through time undiminished:
# [`params["core.W"][: config.core_units] = np.eye(config.core_units, dtype=dtype)`](../minram/agent.py#L74).
# That is a rule for hundreds of steps. The random weights of the recipes, of the size of He et al. for both inputs
# together, let a gradient fade to a fifth over five steps (lesson 4); the line below says how the comparison came out.
#
# **A softmax that cannot overflow.** The largest logit is subtracted first,
# [`z = logits - logits.max(axis=-1, keepdims=True)`](../minram/ops.py#L101),
# which changes nothing but the range of `exp`.

# %%
effect("identity-core", "2-glimpses", "4-glimpses", "8-glimpses")

# %% [markdown]
# ## The optimiser and the program
#
# **One flat vector.** All parameters are views into one array,
# [`views[name] = vector[start : start + a.size].reshape(a.shape)`](../minram/training/optim.py#L31).
# An update is a few operations on it, however many layers there are, and Adam's memory is two more such arrays.
#
# **The rate falls to zero.** Half a cosine,
# [`share = 0.5 * (1 + math.cos(math.pi * progress))`](../minram/training/optim.py#L38):
# long at a high rate, then a smooth landing. A run that is to be twice as long is another run from its first step on.
#
# **An average of the weights.** Validation and test use an exponential average of the weights, with a shorter memory at
# the start, when old weights mean little:
# [`decay = min(config.weight_average, (step + 1) / (step + 10))`](../minram/training/optim.py#L64).
# It takes the last steps' noise out, at the cost of one array. It matters most while the rate is still high.
#
# **Weight decay beside the gradient, not in it.** Small weights learn less by heart. The textbook adds
# $\tfrac{\omega}{2} \lVert\theta\rVert^2$ to the loss, so $\omega\theta$ to the gradient. But Adam divides a gradient
# by its size: where nothing else pulls, it takes steps of the full rate, whatever $\omega$ is; and where the
# gradients of the loss are large, $\omega\theta$ drowns. So the weights are shrunk beside the step, as Loshchilov and
# Hutter (2019) propose: [`theta *= 1 - rate * config.weight_decay`](../minram/training/optim.py#L87). What it gains in
# long runs on MNIST is in [lesson 14](tables/README.md), and in one among clutter below.
#
# **Randomness is an argument.** No function draws from a global generator. Each purpose has a stream of its own,
# derived from the seed: the parameters, the order of an epoch, the images and the locations of a step,
# [`np.random.SeedSequence(seed, spawn_key=(purpose, *place))`](../minram/training/streams.py#L14).
# So another policy does not see other canvases, and no step depends on how many numbers the steps before it drew.
#
# **Resuming to the bit.** A stream is made where it is needed and not carried on, so a checkpoint need not hold one. It
# holds the parameters, the optimiser's memory and the step within the epoch. A run that is stopped and resumed ends
# with the same bits as one that was left in peace, and a test compares them.
#
# **Threads of the matrix library.** Sums of floats depend on their order, and a product that is shared among threads
# may be summed in another order than one that is not. The same seed gives the same bits on the same machine with the
# same number of threads. For matrices as small as these one thread is often faster than many:
# [`environ.update(dict.fromkeys(VARIABLES, "1"))`](../minram/training/process.py#L20).
#
# **Stop at the first number that is not one.** A single NaN in a gradient spreads to all parameters in one step, and
# the last good weights are gone. Each step looks, at the price of one dot product:
# [`finite = np.isfinite(row @ row)`](../minram/training/shards.py#L58).

# %%
assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
ends = {}
for omega in (0.1, 0.01):
    for inside in (True, False):
        decayed = Config(weight_decay=0 if inside else omega)
        theta = np.ones(1)
        state = optim.optimiser_state(decayed, theta)
        for step in range(100):
            optim.update_in_place(decayed, theta, omega * theta if inside else np.zeros(1), state, step, 1e-3)
        ends[omega, inside] = theta[0]
    print(
        f"100 steps of Adam, no loss, ω = {omega:4}: a weight of 1 ends at {ends[omega, True]:.6f} with ωθ in the "
        f"gradient, at {ends[omega, False]:.6f} with it beside"
    )
    assert np.isclose(ends[omega, False], (1 - 1e-3 * omega) ** 100, rtol=1e-13)  # 200 roundings
assert abs(ends[0.1, True] - ends[0.01, True]) < 1e-6  # ε/√v is 1e-6 at most, and the steps sum to 0.1
effect("no-average", "double-rate", "momentum", "no-decay")

# %% [markdown]
# ## Evaluation
#
# **Mean or sampled locations.** After training one may take μ itself,
# [`return mu if policy == "mean" else sample(rng, mu, log_sigma)`](../minram/agent.py#L170).
# It is not obvious that this is better: the label head was trained on sampled paths.
#
# **Average probabilities, not their logarithms.** With several rollouts of an image, the agent that picks one at random
# has the probabilities $\tfrac1M\sum_m p_m$, so these are averaged:
# [`return p.reshape(len(p), len(images), rollouts, -1).mean(axis=2)`](../minram/training/models.py#L101).
# A mean of logarithms is a product of experts, in which one rollout that is sure of nonsense has a veto. Often the
# two agree; they are two numbers, and a paper should say which.
#
# **The epoch is chosen on validation images, the test set stays closed.** The best epoch so far is found by
# [`improved = measure in record and`](../minram/training/train.py#L174).
# Training never looks at the test set; it is opened by hand, once a run, by `minram evaluate RUN --split test`. To take
# the best test error of all epochs is to report a maximum of many noisy numbers.
#
# **All images, and an interval.** The test covers all images, the last incomplete batch too, and every error rate comes
# with its interval,
# [`interval = binomtest(int(wrong), int(n)).proportion_ci(method="wilson")`](../minram/training/evaluate.py#L68).

# %%
params = load_params(CHECKPOINTS / "mnist" / "best.npz")[0]
digits = data.load()
x, y, M = digits.x_val[:2000], digits.y_val[:2000], 10
t = rollout(params, config, summed_area(x), np.random.default_rng(0), M)
logits = t.logits[-1].reshape(len(x), M, -1)  # (B, M, 10)
mean_path = rollout(params, config, summed_area(x), np.random.default_rng(0), 1, "mean").logits[-1]
ways = {
    "one rollout, sampled": logits[:, 0],
    "one rollout, mean locations": mean_path,
    f"{M} rollouts, probabilities averaged": softmax(logits, axis=-1).mean(axis=1),
    f"{M} rollouts, their logarithms averaged": log_softmax(logits, axis=-1).mean(axis=1),
}
guesses = {name: scores.argmax(axis=-1) for name, scores in ways.items()}
for name, guess in guesses.items():
    m = np.sum(guess != y)
    print(f"{name:40} {percent(m / len(y), wilson(m, len(y)))}")
average, logarithms = list(guesses.values())[2:]
torn = np.flatnonzero(average != logarithms)
print(f"of {len(y)} images, the two averages disagree on {len(torn)}")
fig, axes = plt.subplots(1, 4, figsize=(9.6, 2.7), width_ratios=(1, 1.6, 1, 1.6))
spread = softmax(logits, axis=-1).std(axis=1).sum(axis=-1)  # where rollouts differ most
shown = [*torn, *spread.argsort()[::-1]][:2]
for k, (left, right) in zip(shown, axes.reshape(2, 2)):
    plots.glimpse_path(left, x[k], t.loc[:, k * M])
    plots.verdict(left, y[k], average[k])
    drawn = plots.label_belief(right, softmax(logits[k], axis=-1), y[k])
    right.set(xlabel="rollout")
fig.colorbar(drawn, ax=axes, label="probability")
plt.show()

# %% [markdown]
# Two images on which rollouts differ, with the path of the first rollout and the final belief of each of the ten.
#
# ## What to remember
#
# None of these details is in the equations, and most of them do not show in a learning curve. That is why each has
# a test, and why a difference between two programs is seldom due to the idea that the paper is about.
#
# ## Exercises
#
# **1. Through the average.** Suppose one trained with the loss of the averaged probabilities,
# $L = -\log \tfrac1M \sum_m p_m(y)$ with $p_m = \mathrm{softmax}(f_m)$. Write its gradient with respect to the logits
# $f_m$. (Hint: which rollout is responsible for how much of the sum?)


# %% tags=["solution"]
def averaged_loss_backward(f, label):
    """f (M, K) logits of M rollouts → df (M, K)."""
    # Solution
    p = softmax(f, axis=-1)
    responsible = p[:, label] / p[:, label].sum()  # (M,), from the quotient rule; their sum is 1
    onehot = np.arange(f.shape[1]) == label
    return responsible[:, None] * (p - onehot)


# %%
f = np.random.default_rng(1).normal(size=(3, 5))
report = gradcheck.check_gradient(
    lambda q: -np.log(softmax(q["f"], axis=-1)[:, 2].mean()), {"f": f}, {"f": averaged_loss_backward(f, 2)}
)
print(report)
report.raise_if_failed()

# %% [markdown]
# Each rollout is taught in proportion to how right it is already. A rollout that is lost is left alone.
#
# **2. A table too large.** Write a function that says whether the summed-area table of $H \times W$ pixels of
# $b$ bits is exact in a float type with $m$ bits of mantissa (the leading one included).


# %% tags=["solution"]
def table_is_exact(H, W, b, m):
    """Can all sums of H·W integers below 2^b be held by a float with m bits?"""
    # Solution
    return H * W * (2**b - 1) <= 2**m


# %%
for height, width in ((28, 28), (256, 256), (257, 257), (241, 273), (16, 4112), (16, 4113), (1000, 1000)):
    white = np.full((1, height, width), 255, np.uint8)
    assert table_is_exact(height, width, 8, 24) == (summed_area(white).table.dtype == np.float32)
for H, W, b, exact in ((3, 5, 1, True), (16, 1, 1, True), (17, 1, 1, False), (1, 2, 3, True), (1, 3, 3, False)):
    assert table_is_exact(H, W, b, 4) == exact
print("the package decides alike")
