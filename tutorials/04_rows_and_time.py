# %% [markdown]
# # 4 · Rows and time
#
# **What you will see.** The glimpse network and the recurrent core, derived backwards line by line; why the gradient of
# a weight that is used at every step is one large matrix product; the one place in the network where time enters the
# derivative; and how a gradient shrinks or grows on its way through many steps.
#
# **What you need.** Lesson 3: cotangents, the linear map and ReLU.
#
# **How long it runs.** A few seconds.
#
# **To touch.** [One step by hand](pages/step.html): a small agent, forward and back, number by number.

# %%
import matplotlib.pyplot as plt
import numpy as np

from lesson import show_source
from minram import agent
from minram.agent import init_params, rollout
from minram.core import CoreCache, core_backward, core_forward
from minram.datasets import data
from minram.glimpse import glimpse_backward, glimpse_forward
from minram.gradcheck import check_gradient, check_pair, network
from minram.ops import linear_backward, linear_forward, named
from minram.pictures import style
from minram.pictures.style import COLOURS
from minram.sensor import summed_area
from minram.training.config import Config
from minram.training.recipes import SMALL

style.use()
rng = np.random.default_rng(0)

# %% [markdown]
# ## The network, unrolled
#
# At each step a glimpse $\phi_t$ and its location $l_t$ become a feature $g_t$. The core takes its own last state and
# this feature to the next state $h_t$. Three heads read the state: a guess of the label, the mean $\mu_t$ of the next
# location, a prediction $b_t$ of the reward. The boxes of one row have the same parameters at every step.

# %%
fig, ax = plt.subplots(figsize=(8, 3.9))
ax.set(xlim=(-1.1, 9.2), ylim=(-0.5, 3.5))
ax.axis("off")
names = [("$\\phi_t,\\, l_t$", "muted"), ("$g_t$", "glimpse"), ("$h_t$", "core"), ("heads", "label")]


def arrow(start, end, kind="forward"):
    colour, line = {"forward": ("exact", "-"), "backward": ("location", "--"), "drawn": ("muted", ":")}[kind]
    look = {"arrowstyle": "->", "color": COLOURS[colour], "linestyle": line, "linewidth": 1.4}
    ax.annotate("", end, start, arrowprops=look)


for t in range(3):
    for y, (name, colour) in enumerate(names):
        name = name.replace("_t", f"_{t + 1}")
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": COLOURS[colour], "linewidth": 2}
        ax.text(2.5 * t, y, name, ha="center", va="center", fontsize=11, bbox=box)
        if y < 3:
            arrow((2.5 * t - 0.08, y + 0.27), (2.5 * t - 0.08, y + 0.75))
        if 0 < y < 3:
            arrow((2.5 * t + 0.08, y + 0.75), (2.5 * t + 0.08, y + 0.27), kind="backward")
    if t:
        arrow((2.5 * t - 2.1, 2.85), (2.5 * t - 0.45, 0.2), kind="drawn")
        arrow((2.5 * t - 2.1, 2.08), (2.5 * t - 0.4, 2.08))
        arrow((2.5 * t - 0.4, 1.92), (2.5 * t - 2.1, 1.92), kind="backward")
for y, text in [(1, "rows: one call"), (2, "time: the only loop"), (3, "rows: one call")]:
    ax.text(6.3, y, f"{text}\n{'backwards' if y == 2 else 'for all steps'}", va="center")
for y, start, end, kind, text in [
    (0.3, 6.3, 7.1, "forward", "forward"),
    (0, 7.1, 6.3, "backward", "cotangents"),
    (-0.3, 6.3, 7.1, "drawn", "a location is drawn"),
]:
    arrow((start, y), (end, y), kind)
    ax.text(7.3, y, text, va="center")
plt.show()

# %% [markdown]
# Follow the dashed arrows. From one step to another they lead in one place only, along the core; where the location of
# the next glimpse is drawn, nothing comes back. Everywhere else a step knows nothing of the others, and neither does
# the code: those parts are maps on *rows*, and whether a row belongs to another image or to another time makes no
# difference to them.
#
# ## The glimpse network
#
# What was seen and where it was seen are taken through a layer each, and then combined:
#
# $$h_g = \operatorname{ReLU}(\phi W_1 + b_1), \qquad h_l = \operatorname{ReLU}(l\, W_2 + b_2), \qquad
#   g = \operatorname{ReLU}(h_g U_1 + h_l U_2 + b).$$
#
# The last line is the paper's $\operatorname{Linear}(h_g) + \operatorname{Linear}(h_l)$, with the two biases added to
# one. Write $h_g$ and $h_l$ side by side, and $U_1$ above $U_2$; by the rule for products of blocks
#
# $$h_g U_1 + h_l U_2 = \begin{bmatrix} h_g & h_l \end{bmatrix} \begin{bmatrix} U_1 \\ U_2 \end{bmatrix},$$
#
# so it is one product, and the code makes only one. Now backwards, from $\mathrm{d}g$. Each line undoes one operation,
# last one first; $u = [h_g, h_l]$ and $U$ is the stacked matrix.
#
# $$\begin{aligned}
# \mathrm{d}z &= \mathrm{d}g \cdot [g > 0] && \text{ReLU} \\
# \mathrm{d}U &= u^{\mathsf T}\, \mathrm{d}z, \quad \mathrm{d}b = \textstyle\sum_n \mathrm{d}z_n
#    && \text{linear, its weights} \\
# \mathrm{d}u &= \mathrm{d}z\, U^{\mathsf T} && \text{linear, its input} \\
# [\mathrm{d}v_1, \mathrm{d}v_2] &= \mathrm{d}u \cdot [u > 0] && \text{both ReLUs at once} \\
# \mathrm{d}W_1 &= \phi^{\mathsf T}\, \mathrm{d}v_1, \quad \mathrm{d}b_1 = \textstyle\sum_n \mathrm{d}v_{1,n}
#    && \text{linear, the columns of } h_g \\
# \mathrm{d}W_2 &= l^{\mathsf T}\, \mathrm{d}v_2, \quad \mathrm{d}b_2 = \textstyle\sum_n \mathrm{d}v_{2,n}
#    && \text{linear, the columns of } h_l
# \end{aligned}$$
#
# Here it ends. The glimpse and the location are data: no parameter of this network is behind them that a derivative
# should reach. So training does without $\mathrm{d}\phi$ and $\mathrm{d}l$, each one more product that
# `glimpse_backward` makes only if it is asked to. (The location was drawn by a policy with parameters. That they learn
# nevertheless is the subject of lesson 6.)
#
# Every block of the network has the same form. Forward it takes the parameters and its inputs, and returns its output
# and a cache of what went in and came out. Backward it takes the parameters, the cotangent of its output and the cache,
# and returns the cotangents of its inputs and the gradients of its parameters, under their names: `named` makes
# `core.W` of the `W` of a linear map.

# %%
show_source(glimpse_forward, glimpse_backward)

# %%
N, T = 7, 5
config = Config(
    patch_size=2,
    scales=(1, 2),
    what_units=6,
    where_units=5,
    glimpse_units=8,
    core_units=9,
    glimpses=T,
    recurrent_init="he",
)
params = init_params(config, rng, dtype=np.float64)
params = {name: x + 0.1 * rng.standard_normal(x.shape) for name, x in params.items()}  # biases that are not 0
glimpse_params = {name: x for name, x in params.items() if name.startswith("glimpse")}
phi, loc = rng.random((N, 8)), rng.uniform(-1, 1, (N, 2))
report = check_pair(
    glimpse_forward,
    lambda dg, cache: glimpse_backward(params, dg, cache)[1],  # the gradients of the parameters alone
    {"params": glimpse_params, "phi": phi, "loc": loc},
    wrt=glimpse_params,
    rng=rng,
    signature=lambda cache: (cache.hidden > 0, cache.g > 0),
)
print(report)
assert report.passed

# %% [markdown]
# ## One large product
#
# The same $W$ works at all $T$ steps. What is then $\partial L / \partial W$? Pretend for a moment that each step has a
# matrix of its own, $z_t = x_t W_t$, and that all happen to be equal, $W_t = W$. Then
#
# $$\begin{aligned}
# \mathrm{d}W &= \sum_{t=1}^{T} \frac{\partial W_t}{\partial W}\, \mathrm{d}W_t = \sum_{t=1}^{T} \mathrm{d}W_t
#    && \text{chain rule; } W_t \text{ is } W \\
#   &= \sum_{t=1}^{T} x_t^{\mathsf T}\, \mathrm{d}z_t && \text{linear, at each step} \\
#   &= \begin{bmatrix} x_1 \\ \vdots \\ x_T \end{bmatrix}^{\mathsf T}
#      \begin{bmatrix} \mathrm{d}z_1 \\ \vdots \\ \mathrm{d}z_T \end{bmatrix}
#      && \text{product of blocks, read backwards} \\
#   &= X^{\mathsf T}\, \mathrm{d}Z. && X \text{ and } \mathrm{d}Z \text{ have } T \cdot N \text{ rows}
# \end{aligned}$$
#
# A sum over rows at each step and then over steps is a sum over all rows. So the network is asked for its weight
# gradients once, with all the rows of all steps, and nobody needs to loop. Making the rows is free: an array
# $(T, N, \cdot)$ is already stored as $T \cdot N$ rows, one step after the other, and `reshape` only reads it so.

# %%
x, dz = rng.standard_normal((T, N, 4)), rng.standard_normal((T, N, 3))  # time-major
rows = x.reshape(T * N, 4)
assert np.shares_memory(rows, x)
_, once = linear_backward(dz.reshape(T * N, 3), (rows, np.zeros((4, 3))), input_gradient=False)
by_steps = sum(x[t].T @ dz[t] for t in range(T))
error = np.abs(once["W"] - by_steps).max()
print(f"one product and a sum of {T} products differ by {error:.1e}")
assert error <= T * N * np.finfo(float).eps * (np.abs(rows).T @ np.abs(dz.reshape(T * N, 3))).max()  # T·N roundings

# %% [markdown]
# It also saves work that is not arithmetic. The gradient of the core's matrix, for the paper's sizes, is an array of
# $512 \times 256$ numbers, and a loop would read and write it $T$ times to add a few rows to it each time.
#
# The reshape has one trap. The order must be time first. An array $(N, T, \cdot)$ reshaped to $(T, N, \cdot)$ has the
# right shape and the wrong contents; it has to be transposed. Nothing complains but the gradient check.
#
# ## The core
#
# The state is the history, compressed:
#
# $$z_t = h_{t-1} W_h + g_t W_g + b, \qquad h_t = \operatorname{ReLU}(z_t), \qquad h_0 = 0.$$
#
# As above, $[h_{t-1}, g_t]$ side by side and $W_h$ above $W_g$ make this one product,
# $z_t = [h_{t-1}, g_t]\, W + b$. Forward one has to go step by step, for $h_t$ needs $h_{t-1}$.
#
# Backward, the heads send each step a cotangent. Call it $\mathrm{d}h_t$; it is what $h_t$ does to $L$ *directly*,
# through the heads of step $t$. But $h_t$ is used in a second place, by the next step, where it does something to $L$
# as well. Write $\overline{h}_t$ for the whole, the true $\partial L/\partial h_t$, and $\mathrm{d}z_t$ for
# $\partial L / \partial z_t$.
#
# $$\begin{aligned}
# \overline{h}_t &= \mathrm{d}h_t + \frac{\partial L}{\partial z_{t+1}} \frac{\partial z_{t+1}}{\partial h_t}
#    && \text{chain rule: two uses, two terms} \\
#  &= \mathrm{d}h_t + \mathrm{d}z_{t+1} W_h^{\mathsf T} && \text{linear, its input} \\
# \mathrm{d}z_t &= \overline{h}_t \cdot [h_t > 0] && \text{ReLU} \\
#  &= \left( \mathrm{d}h_t + \mathrm{d}z_{t+1} W_h^{\mathsf T} \right) \cdot [h_t > 0] && \text{put together}
# \end{aligned}$$
#
# After the last step nothing follows, so $\mathrm{d}z_{T+1} = 0$, and with this the recursion runs from $t = T$ down to
# $t = 1$. It is called *backpropagation through time*, and it is all there is to it. What $\mathrm{d}z_t$ does to the
# parameters and to the glimpse features needs no loop any more:
#
# $$\begin{aligned}
# \mathrm{d}W &= \sum_t [h_{t-1}, g_t]^{\mathsf T}\, \mathrm{d}z_t && \text{linear, its weights; one large product} \\
# \mathrm{d}b &= \sum_t \sum_n \mathrm{d}z_{t,n} && \text{linear, its bias} \\
# \mathrm{d}g_t &= \mathrm{d}z_t W_g^{\mathsf T} && \text{linear, its other input; all } t \text{ at once}
# \end{aligned}$$

# %%
show_source(core_forward, core_backward)

# %% [markdown]
# To check it we need a function of all its inputs at once: the features of all steps, and the parameters. It calls
# `core_forward` for one step after the other, and puts the caches of the steps, arrays $(N, \cdot)$, into one of
# arrays $(T, N, \cdot)$, which is what `core_backward` reads.


# %%
inputs = {"g": rng.random((T, N, 8)), "params": {name: params[name] for name in ("core.W", "core.b")}}


def unroll(g, params):
    """h of all steps (T, N, core), from the features g (T, N, glimpse)."""
    h, steps = np.zeros((g.shape[1], 9)), []  # h_0
    for g_t in g:
        h, cache = core_forward(params, np.concatenate([h, g_t], axis=1))  # (N, core)
        steps.append(cache)
    cache = CoreCache(*(np.stack(arrays) for arrays in zip(*steps)))  # each (T, N, …)
    return cache.h, cache


report = check_pair(
    unroll, lambda dh, cache: core_backward(params, dh, cache), inputs, rng=rng, signature=lambda cache: (cache.h > 0,)
)
print(report)
assert report.passed

# %% [markdown]
# The random cotangent of this check has entries at every step, so both terms of the recursion are at work. Leave one
# out, and the check notices. Here the term from the next step is missing, a truncation after one step:


# %%
def forgetful_backward(dh, cache):
    dz = (dh * (cache.h > 0)).reshape(T * N, -1)  # without dz_{t+1} W_hᵀ
    _, grads = linear_backward(dz, (cache.hg.reshape(T * N, -1), params["core.W"]), input_gradient=False)
    return (dz @ params["core.W"][9:].T).reshape(T, N, 8), named("core", grads)


report = check_pair(unroll, forgetful_backward, inputs, rng=rng, signature=lambda cache: (cache.h > 0,))
print(report)
assert not report.passed

# %% [markdown]
# ## How gradients shrink and grow
#
# Suppose that only the last step is judged, as in the paper: $\mathrm{d}h_t = 0$ for $t < T$. Then the recursion has
# one term, and we can write out what becomes of it. For one row, with the diagonal matrix $D_t$ of the masks
# $[h_t > 0]$,
#
# $$\begin{aligned}
# \mathrm{d}z_t &= \mathrm{d}z_{t+1} W_h^{\mathsf T} D_t && \text{recursion, } \mathrm{d}h_t = 0 \\
#   &= \mathrm{d}z_T\, (W_h^{\mathsf T} D_{T-1}) (W_h^{\mathsf T} D_{T-2}) \cdots (W_h^{\mathsf T} D_t).
#      && \text{the same, } T - t \text{ times}
# \end{aligned}$$
#
# A product of many matrices shrinks or grows like a power. How fast, for random weights? Let the entries of $W_h$ be
# independent with mean 0 and variance $\alpha^2 \cdot 2/n$, where $n$ is the width of the core. For a fixed row $v$,
#
# $$\begin{aligned}
# \mathbb{E}\, \lVert v W_h^{\mathsf T} \rVert^2
#   &= \sum_i \mathbb{E}\Big( \sum_j v_j (W_h)_{ij} \Big)^2 && \text{definition of the norm} \\
#   &= \sum_i \sum_j v_j^2\, \operatorname{Var}\, (W_h)_{ij} && \text{independent, mean 0: mixed terms vanish} \\
#   &= n \cdot \lVert v \rVert^2 \cdot \frac{2 \alpha^2}{n} = 2 \alpha^2\, \lVert v \rVert^2. && n \text{ equal terms}
# \end{aligned}$$
#
# The masks switch off about half of the units, which halves it. So a step multiplies the norm by about $\alpha$; and
# this is why the variance $2/n$, with $\alpha = 1$, is the one to start a network of ReLUs with.
#
# The first part is exact, so we check it, over many random matrices:

# %%
n, alpha = 40, 0.8
v = rng.standard_normal(n)
W = rng.standard_normal((2000, n, n)) * (alpha * np.sqrt(2 / n))
ratio = ((v @ W.transpose(0, 2, 1)) ** 2).sum(axis=1) / (v @ v)  # (2000,)
error = ratio.std(ddof=1) / np.sqrt(len(ratio))
print(f"mean {ratio.mean():.4f} ± {error:.4f}, exactly {2 * alpha**2:.4f}")
assert abs(ratio.mean() - 2 * alpha**2) < 4 * error

# %% [markdown]
# The part about the masks is an argument, not a proof: they depend on the same weights, and are not independent of
# them. So we look. An agent takes 30 glimpses of real digits at random places, a random cotangent enters at the last
# step, and we follow what reaches the glimpse features of the earlier ones, $\lVert \mathrm{d}g_t \rVert$. Dotted is
# $\alpha^{T-t}$. The last curve is another way to start: $W_h$ is the identity, and each unit keeps what it has.

# %% tags=["picture"]
T_long = 30
long = Config(glimpses=T_long)
area = summed_area(data.load().x_test[:64])
n_core = long.core_units
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
steps = np.arange(1, T_long + 1)
dh = np.zeros((T_long, 64, n_core), np.float32)
dh[-1] = rng.standard_normal((64, n_core))
starts = [
    ("0.6", 0.6, COLOURS["label"]),
    ("0.71", np.sqrt(0.5), COLOURS["location"]),
    ("1", 1.0, COLOURS["baseline"]),
    ("1.4", 1.4, COLOURS["reward"]),
    ("identity", None, COLOURS["core"]),
]
for name, alpha, colour in starts:
    theta = init_params(long, np.random.default_rng(1))  # W_h is the identity here
    if alpha is not None:
        W_h = np.random.default_rng(2).standard_normal((n_core, n_core)) * (alpha * np.sqrt(2 / n_core))
        theta["core.W"][:n_core] = W_h
    trajectory = rollout(theta, long, area, np.random.default_rng(3), policy="random")
    dg, _ = core_backward(theta, dh, trajectory.core)
    size = np.linalg.norm(dg.reshape(T_long, -1), axis=1)  # (T,)
    right.semilogy(T_long - steps, size / size[-1], color=colour, label=name if alpha is None else f"α = {name}")
    if alpha is not None:
        right.semilogy(T_long - steps, alpha ** (T_long - steps), ":", color=colour, linewidth=1.2)
    left.semilogy(steps, np.sqrt((trajectory.core.h**2).mean(axis=(1, 2))), color=colour)
    print(f"{name:9}  gradient at the first glimpse, relative to the last: {size[0] / size[-1]:.1e}")
    if alpha is None:
        identity = theta, trajectory, dg
left.set(title="Forward", xlabel="step t", ylabel="size of a unit of $h_t$ (r.m.s.)")
right.set(title="Backward", xlabel="steps back, T − t", ylabel="norm of d$g_t$, relative to d$g_T$")
right.legend(loc="lower left")
plt.show()

# %% [markdown]
# For the random matrices the argument holds very nearly. With $\alpha$ below 1 the first glimpses learn next to nothing
# from the last label, and no learning rate can repair it, since the ratio between early and late stays what it is. With
# $\alpha$ above 1 everything explodes, forward too.
#
# With the identity $W_h = I$ the recursion is $\mathrm{d}z_t = \mathrm{d}z_{t+1} \cdot [h_t > 0]$: the gradient is
# neither scaled nor mixed, and where a unit stays on, it arrives as it left. There the state adds up what it sees, and
# grows like a sum, not like a power. That is how `init_params` starts the core with `recurrent_init="identity"`, its
# default. The recipes take `"he"`, whose fan-in counts both inputs of the core: the variance is $2/(2n)$, so
# $\alpha = \sqrt{1/2} \approx 0.71$, and a gradient shrinks to about a fifth over five steps. That will do for six
# glimpses, and not for thirty.
#
# We check the statement about the identity to the bit: for each unit that was on at all steps, $\mathrm{d}z_1$ and
# $\mathrm{d}z_T$ are equal.

# %%
theta, trajectory, dg = identity
always = (trajectory.core.h > 0).all(axis=0)  # (N, core)
# dg = dz W_gᵀ hides dz behind a product, so we let W_g be the identity too: then dg is dz.
plain = theta | {"core.W": np.concatenate([np.eye(n_core, dtype=np.float32)] * 2)}
dz, _ = core_backward(plain, dh, trajectory.core)  # (T, N, core)
print(f"{100 * always.mean():.0f} % of the units are on at all {T_long} steps")
assert always.any() and np.array_equal(dz[0][always], dz[-1][always])
assert np.all(dz[0][trajectory.core.h[0] == 0] == 0)

# %% [markdown]
# ## The whole network
#
# With the parts derived, the backward pass of the whole agent is a page of calls. It takes the cotangents of the heads'
# outputs, from wherever they may come, and knows nothing of rewards. The heads are linear, so there is nothing new in
# them. Find where arrays become rows, which `_rows` does; where a state that several heads have read gets the sum of
# their cotangents; and the one call that knows of time.

# %%
show_source(agent.backward, agent._rows)

# %% [markdown]
# And the check of all parameters, through the sensor's glimpses, all steps and the label head, on a small agent with
# frozen locations. It is the first of those that `minram gradcheck` runs.

# %%
title, f, small, grads, zero = next(network.objectives(SMALL))
print(title)
report = check_gradient(f, small, grads, expect_zero=zero, rng=np.random.default_rng(0))
print(report)
assert report.passed

# %% [markdown]
# The parameters of the location head and of the baseline have the gradient zero here, exactly. The label's
# cross-entropy cannot move them: the one acts on the label only through locations, and a sampled location is data; the
# other does not act on it at all. How they learn is the next part of the story.
#
# ## What to remember
#
# A layer is a map on rows. Time is one more way to number the rows, so weight gradients of all steps are one product
# $X^{\mathsf T} \mathrm{d}Z$. Only the core links the steps: a state is used by its heads and by the next step, so its
# cotangent has two terms, and the recursion runs backwards. Going back through many steps multiplies by many matrices;
# with variance $2/n$ or with the identity the gradient neither vanishes nor explodes.
#
# ## Exercises
#
# **1. Write `core_backward` yourself**, from the derivation and without looking at the source: first the loop for
# $\mathrm{d}z_t$, then the products.


# %% tags=["solution"]
def my_core_backward(dh, cache):
    """dh, cache.h (T, N, core), cache.hg (T, N, core + glimpse) → dg (T, N, glimpse), {"core.W": …, "core.b": …}."""
    W = params["core.W"]  # (core + glimpse, core)
    # Solution
    n_core = dh.shape[-1]
    dz = np.zeros((len(dh) + 1, *dh.shape[1:]))  # (T + 1, N, core), the last one stays 0
    for t in reversed(range(len(dh))):
        dz[t] = (dh[t] + dz[t + 1] @ W[:n_core].T) * (cache.h[t] > 0)
    dz = dz[:-1]
    dW = np.einsum("tni,tnj->ij", cache.hg, dz)
    return dz @ W[n_core:].T, {"core.W": dW, "core.b": dz.sum(axis=(0, 1))}


# %%
report = check_pair(unroll, my_core_backward, inputs, rng=rng, signature=lambda cache: (cache.h > 0,))
print(report)
assert report.passed

# %% [markdown]
# **2. A core that forgets slowly.** Let the state be a running mean,
#
# $$h_t = a\, h_{t-1} + (1 - a) \operatorname{ReLU}(z_t), \qquad z_t = [h_{t-1}, g_t]\, W + b, \qquad 0 < a < 1.$$
#
# Now $h_{t-1}$ reaches $h_t$ by two ways. Derive the recursion for $\overline{h}_t$, the whole
# $\partial L / \partial h_t$, and write it. What does it say about gradients over many steps?


# %%
a = 0.7


def slow_forward(g, params):
    """h of all steps (T, N, core), and the cache: the inputs [h_{t−1}, g_t] and z, both for all steps."""
    h, hg, z = [np.zeros((g.shape[1], 9))], [], []
    for g_t in g:
        hg.append(np.concatenate([h[-1], g_t], axis=1))
        z.append(linear_forward(hg[-1], params["core.W"], params["core.b"])[0])
        h.append(a * h[-1] + (1 - a) * np.maximum(z[-1], 0))
    return np.stack(h[1:]), (np.stack(hg), np.stack(z))


# %% tags=["solution"]
def slow_backward(dh, cache):
    """dh (T, N, core), what the heads send to each step → dg (T, N, glimpse), {"core.W": …, "core.b": …}."""
    (hg, z), W = cache, params["core.W"]
    # Solution
    # h_t is used by the heads of step t, by z_{t+1}, and directly by h_{t+1}:
    #     h̄_t = dh_t + dz_{t+1} W_hᵀ + a h̄_{t+1},    dz_t = (1 − a) h̄_t · [z_t > 0].
    # The new term brings the gradient back with a factor a per step, whatever W_h is.
    n_core, dz, whole = dh.shape[-1], np.zeros_like(dh), np.zeros(dh.shape[1:])
    for t in reversed(range(len(dh))):
        from_next = dz[t + 1] @ W[:n_core].T if t + 1 < len(dh) else 0
        whole = dh[t] + from_next + a * whole
        dz[t] = (1 - a) * whole * (z[t] > 0)
    dW = np.einsum("tni,tnj->ij", hg, dz)
    return dz @ W[n_core:].T, {"core.W": dW, "core.b": dz.sum(axis=(0, 1))}


# %%
report = check_pair(slow_forward, slow_backward, inputs, rng=rng, signature=lambda cache: (cache[1] > 0,))
print(report)
assert report.passed
