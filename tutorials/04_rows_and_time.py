# %% [markdown]
# # 4 · Rows and time
#
# **What you will see.** The recurrent core on two steps with a pencil. Then the glimpse network and the core, derived
# backwards line by line. Why the gradient of a weight that is used at every step is one large matrix product. The one
# place in the network where time enters the derivative. How a gradient shrinks or grows on its way through many steps.
# And why a batch may be cut into parts.
#
# **What you need.** Lesson 3: cotangents, *uses add up*, the linear map and ReLU.
#
# **How long it runs.** A few seconds.
#
# **To touch.** [One step by hand](pages/step.html): a small agent, forward and back, number by number.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np

import graph
from lesson import show, show_source
from minram import agent
from minram.agent import backward, init_params, rollout
from minram.core import CoreCache, core_backward, core_forward
from minram.datasets import data
from minram.glimpse import glimpse_backward, glimpse_forward
from minram.gradcheck import check_gradient, check_pair, network
from minram.ops import linear_backward
from minram.pictures import style
from minram.pictures.style import COLOURS
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training.config import Config
from minram.training.recipes import SMALL

style.use()
EPS = np.finfo(float).eps

# %% [markdown]
# ## The network, unrolled
#
# At each step a glimpse $\phi_t$ and its location $l_t$ become a feature $g_t$. The core takes its own previous state
# and this feature to the next state $h_t$. Three heads read the state: a guess of the label, the mean $\mu_t$ of the
# next location, a prediction $b_t$ of the reward. Boxes at one height have the same parameters at every step.

# %% tags=["hide-input"]
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
show("Three steps of the network: cotangents go down in each step, and from step to step between states only")

# %% [markdown]
# Follow the dashed arrows. From one step to another they lead in one place only, along the core. Where the location of
# the next glimpse is drawn, nothing comes back. Everywhere else a step knows nothing of the others, and neither does
# the code. Those parts are maps on *rows*. Whether a row belongs to another image or to another time makes no
# difference to them.
#
# > **Asked: why is the location detached, and how can it learn then?** It is a sample. We treat what was
# > drawn as data and hold it fixed, so there is nothing to differentiate. What moves with the weights is how *probable*
# > that draw was. Lesson 6
# > makes a gradient of this, and it enters at the head that gave the mean $\mu_t$.
#
# ## Two steps and a pencil
#
# A core of one unit, with one number $g_t$ a step:
#
# $$z_t = W_h h_{t-1} + W_g g_t, \qquad h_t = \operatorname{ReLU}(z_t), \qquad h_0 = 0.$$
#
# Let $W_h = 2$, $W_g = 1$, and $g = (1, -1)$. Forward: $z_1 = 1$, so $h_1 = 1$. Then $z_2 = 2 \cdot 1 - 1 = 1$, so
# $h_2 = 1$.
#
# Now backward. The heads of each step send something back to their state. Call it $\delta_t$: what $h_t$ does to $L$
# *directly*, through the heads of its own step. Let it be $\delta_1 = 3$ and $\delta_2 = 5$. The cotangent
# $\mathrm{d}h_t$ is, as ever, all that $h_t$ does to $L$. And $h_1$ is used twice, by its heads and by the next step.
# **Uses add up.** Cover the dashed numbers again, and fill them in from the right.

# %% tags=["picture", "hide-input"]
nodes = {
    "g1": (0, 0, "$g_1$"),
    "z1": (1.6, 0, "$z_1$"),
    "h1": (3.2, 0, "$h_1$"),
    "heads1": (3.2, 1.5, "heads"),
    "g2": (4.0, -1.4, "$g_2$"),
    "z2": (5.6, 0, "$z_2$"),
    "h2": (7.2, 0, "$h_2$"),
    "heads2": (7.2, 1.5, "heads"),
}
edges = [
    ("g1", "z1", "1", "$W_g$ · 13 = 13"),
    ("z1", "h1", "1", "13"),
    ("h1", "heads1", "1", "$δ_1$ = 3"),
    ("h1", "z2", "1", "$W_h$ · 5 = 10"),
    ("g2", "z2", "−1", "$W_g$ · 5 = 5"),
    ("z2", "h2", "1", "5"),
    ("h2", "heads2", "1", "$δ_2$ = 5"),
]
fig, ax = plt.subplots(figsize=(8.6, 4))
graph.draw(ax, nodes, edges)
ax.set_title("The core, two steps. Solid: values. Dashed: cotangents. At $h_1$ two of them meet: 3 + 10 = 13")
show(
    "Two steps of a core with one unit: at the first state meet 3 from its heads and 10 from the next step, together 13"
)

# %% [markdown]
# From the right: $\mathrm{d}h_2 = 5$, and the gate is open, so $\mathrm{d}z_2 = 5$. Back through the multiplication by
# $W_h = 2$ comes 10. So $\mathrm{d}h_1 = 3 + 10 = 13$, and $\mathrm{d}z_1 = 13$.
#
# The weights are used at both steps, so again uses add up. $W_g$ has multiplied $g_1$ and $g_2$:
# $\mathrm{d}W_g = 1 \cdot 13 + (-1) \cdot 5 = 8$. $W_h$ has multiplied $h_0 = 0$ and $h_1 = 1$:
# $\mathrm{d}W_h = 0 \cdot 13 + 1 \cdot 5 = 5$.
#
# In plain lines, for rows and matrices:


# %%
def plain_core_backward(delta, h, g, W_h, W_g):
    """delta, h (T, N, D), g (T, N, F) → dg (T, N, F), dW_h (D, D), dW_g (F, D): step by step, from the last."""
    dg, dW_h, dW_g = np.zeros(g.shape), np.zeros(W_h.shape), np.zeros(W_g.shape)
    from_next = np.zeros(h[0].shape)
    for t in reversed(range(len(h))):
        dh = delta[t] + from_next  # two uses
        dz = dh * (h[t] > 0)  # a gate
        dW_g += g[t].T @ dz
        dW_h += h[t - 1].T @ dz if t else 0  # h_0 is 0
        dg[t], from_next = dz @ W_g.T, dz @ W_h.T
    return dg, dW_h, dW_g


one = np.ones((1, 1))
pencil = plain_core_backward(
    delta=np.reshape([3.0, 5.0], (2, 1, 1)),
    h=np.ones((2, 1, 1)),
    g=np.reshape([1.0, -1.0], (2, 1, 1)),
    W_h=2 * one,
    W_g=one,
)
for name, value in zip(("dg", "dW_h", "dW_g"), pencil):
    print(f"{name} = {value.ravel()}")
assert (pencil[0].ravel() == [13, 5]).all() and pencil[1] == 5 and pencil[2] == 8

# %% [markdown]
# This is *backpropagation through time*: unroll the steps, and go back through them. Rumelhart, Hinton and Williams
# described it in 1986, and Paul Werbos wrote in 1990 what it does and how to do it. The rest of the lesson does it with
# matrices, and finds that most of it needs no loop.
#
# ## The glimpse network
#
# What was seen and where it was seen are taken through a layer each, and then combined. $h_g$ and $h_l$ are the paper's
# names, and side by side they are the code's `hidden`; *what*, *where* and *combine* are the code's:
#
# $$\begin{aligned}
# h_g &= \operatorname{ReLU}(z_g), & z_g &= \phi\, W_{\text{what}} + b_{\text{what}} \\
# h_l &= \operatorname{ReLU}(z_l), & z_l &= l\, W_{\text{where}} + b_{\text{where}} \\
# g &= \operatorname{ReLU}(z), & z &= [h_g, h_l]\, W_{\text{combine}} + b_{\text{combine}}
# \end{aligned}$$
#
# The paper writes $z$ as $\operatorname{Linear}(h_g) + \operatorname{Linear}(h_l)$. That is the same. Two matrices on
# top of each other, $U$ above $V$, are $W_{\text{combine}}$, and by the rule for products of blocks
# $h_g U + h_l V = [h_g, h_l]\, W_{\text{combine}}$. So it is one product, and the code makes only one.
#
# By hand, with a single number everywhere: $\phi = 2$, $l = -1$, $W_{\text{what}} = 1$, $W_{\text{where}} = 3$, no
# biases. So $h_g = 2$, and $h_l = \operatorname{ReLU}(-3) = 0$. With $W_{\text{combine}}$ the column $(2, 5)$ it is
# $g = 4$. Now let $\mathrm{d}g = 1$. The gate of $g$ is open: $\mathrm{d}z = 1$. So $\mathrm{d}W_{\text{combine}}$ is
# the column $(2, 0)$, and $\mathrm{d}[h_g, h_l] = (2, 5)$. The gate of $h_g$ is open, that of $h_l$ is shut:
# $(\mathrm{d}z_g, \mathrm{d}z_l) = (2, 0)$. And so $\mathrm{d}W_{\text{what}} = 2 \cdot 2 = 4$,
# $\mathrm{d}W_{\text{where}} = 0$.
#
# In general, each line undoes one operation, last one first:
#
# $$\begin{aligned}
# \mathrm{d}z &= \mathrm{d}g \cdot [g > 0] && \text{ReLU} \\
# \mathrm{d}W_{\text{combine}} &= [h_g, h_l]^{\mathsf T}\, \mathrm{d}z, \quad
#    \mathrm{d}b_{\text{combine}} = \textstyle\sum_n \mathrm{d}z_n && \text{linear, its weights} \\
# \mathrm{d}[h_g, h_l] &= \mathrm{d}z\, W_{\text{combine}}^{\mathsf T} && \text{linear, its input} \\
# [\mathrm{d}z_g, \mathrm{d}z_l] &= \mathrm{d}[h_g, h_l] \cdot [\,[h_g, h_l] > 0\,] && \text{both ReLUs at once} \\
# \mathrm{d}W_{\text{what}} &= \phi^{\mathsf T}\, \mathrm{d}z_g, \quad
#    \mathrm{d}b_{\text{what}} = \textstyle\sum_n \mathrm{d}z_{g,n} && \text{linear, the columns of } h_g \\
# \mathrm{d}W_{\text{where}} &= l^{\mathsf T}\, \mathrm{d}z_l, \quad
#    \mathrm{d}b_{\text{where}} = \textstyle\sum_n \mathrm{d}z_{l,n} && \text{linear, the columns of } h_l
# \end{aligned}$$
#
# Here it ends. The glimpse and the location are data: no parameter is behind them that a derivative should reach. So
# training does without $\mathrm{d}\phi$ and $\mathrm{d}l$, each one more product.


# %%
def plain_glimpse_backward(params, dg, phi, loc, hidden, g):
    """The six lines above, on rows; hidden is [h_g, h_l] → the six gradients by their names."""
    n_what = params["glimpse.what.b"].size
    dz = dg * (g > 0)
    dz_both = dz @ params["glimpse.combine.W"].T * (hidden > 0)
    dz_g, dz_l = dz_both[:, :n_what], dz_both[:, n_what:]
    layers = {"combine": (hidden, dz), "what": (phi, dz_g), "where": (loc, dz_l)}
    weights = {f"glimpse.{name}.W": x.T @ d for name, (x, d) in layers.items()}
    return weights | {f"glimpse.{name}.b": d.sum(axis=0) for name, (x, d) in layers.items()}


numbers = {"what": [[1.0]], "where": [[3.0]], "combine": [[2.0], [5.0]]}
tiny = {f"glimpse.{name}.W": np.array(W) for name, W in numbers.items()}
tiny |= {f"glimpse.{name}.b": np.zeros(1) for name in numbers}
g, cache = glimpse_forward(tiny, np.array([[2.0]]), np.array([[-1.0]]))
by_hand = plain_glimpse_backward(tiny, np.ones((1, 1)), *cache)
print({name: dW.ravel().tolist() for name, dW in by_hand.items() if name.endswith("W")})
assert g == 4 and (cache.hidden == [2, 0]).all()
assert (by_hand["glimpse.combine.W"] == [[2], [0]]).all()
assert by_hand["glimpse.what.W"] == 4 and by_hand["glimpse.where.W"] == 0

# %% [markdown]
# Now the package. Every block of the network has the same form. Forward it takes the parameters and its inputs, and
# returns its output and a cache of what went in and came out. Backward it takes the parameters, the cotangent of its
# output and the cache, and returns the cotangents of its inputs and the gradients of its parameters, under their names:
# `named` makes `core.W` of the `W` of a linear map. What it adds to the plain lines: arrays to write into (`hidden`,
# `out`), and the cotangents of its inputs where they are wanted.

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
rng = np.random.default_rng(0)
params = init_params(config, rng, dtype=np.float64)
params = {name: x + 0.1 * rng.standard_normal(x.shape) for name, x in params.items()}  # biases that are not 0
glimpse_params = {name: x for name, x in params.items() if name.startswith("glimpse")}
phi, loc, dg = rng.random((N, 8)), rng.uniform(-1, 1, (N, 2)), rng.standard_normal((N, 8))
_, cache = glimpse_forward(params, phi, loc)
_, ours = glimpse_backward(params, dg, cache)
for name, plain in plain_glimpse_backward(params, dg, *cache).items():
    assert np.abs(ours[name] - plain).max() <= 4 * N * EPS * 100  # sums of N numbers below 100, twice
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
# The same $W$ works at all $T$ steps. What is then $\partial L / \partial W$? By hand, with single numbers: at the
# first step $W$ multiplies 2 and $\mathrm{d}z_1 = 3$ comes back, at the second it multiplies $-1$ and
# $\mathrm{d}z_2 = 5$ comes back. Uses add up: $\mathrm{d}W = 2 \cdot 3 - 1 \cdot 5 = 1$. And that is the product of the
# row $(2, -1)$ with the column $(3, 5)$.
#
# In general, pretend for a moment that each step has a matrix of its own, $z_t = x_t W_t$, and that all happen to be
# equal, $W_t = W$. Then
#
# $$\begin{aligned}
# \mathrm{d}W &= \sum_{t=1}^{T} \mathrm{d}W_t && \text{uses add up: } W_t \text{ is } W \\
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
x, dz = rng.standard_normal((T, N, 4)), rng.standard_normal((T, N, 3))  # time first
rows = x.reshape(T * N, 4)
assert np.shares_memory(rows, x)
_, once = linear_backward(dz.reshape(T * N, 3), (rows, np.zeros((4, 3))), input_gradient=False)
by_steps = sum(x[t].T @ dz[t] for t in range(T))
error = np.abs(once["W"] - by_steps).max()
print(f"one product and a sum of {T} products differ by {error:.1e}")
assert error <= T * N * EPS * (np.abs(rows).T @ np.abs(dz.reshape(T * N, 3))).max()  # T·N roundings

# %% [markdown]
# It also saves work that is not arithmetic. The gradient of the core's matrix, for the paper's sizes, is an array of
# $512 \times 256$ numbers. A loop would read and write it $T$ times, to add a few rows to it each time.
#
# > **Asked: sum or mean over time?** A sum. The weight is used at every step, and uses add up. If $L$ is a mean over
# > steps, then the factor $1/T$ is in the cotangents already.
#
# The reshape has one trap. The order must be time first. An array $(N, T, \cdot)$ reshaped to $(T, N, \cdot)$ has the
# right shape and the wrong contents. It has to be transposed. Nothing complains but the gradient check:

# %%
batch_first = np.ascontiguousarray(dz.transpose(1, 0, 2))  # (N, T, 3), as another library may give it
reshaped, transposed = batch_first.reshape(T, N, 3), batch_first.transpose(1, 0, 2)
assert reshaped.shape == transposed.shape and (transposed == dz).all()
off = np.abs(rows.T @ reshaped.reshape(T * N, 3) - by_steps).max()
print(f"reshaped, not transposed: dW is off by up to {off:.1f}, its largest entry is {np.abs(by_steps).max():.1f}")
assert off > 1

# %% [markdown]
# ## The core
#
# The state is the history, compressed:
#
# $$z_t = h_{t-1} W_h + g_t W_g + b, \qquad h_t = \operatorname{ReLU}(z_t), \qquad h_0 = 0.$$
#
# By the rule for products of blocks, $[h_{t-1}, g_t]$ side by side and $W_h$ on top of $W_g$, called $W$, make this one
# product, $z_t = [h_{t-1}, g_t]\, W + b$. Forward one has to go step by step, for $h_t$ needs $h_{t-1}$.
#
# Backward it is what the pencil did. $\mathrm{d}h_t$ is the whole cotangent, $\delta_t$ the direct part of it, what the
# heads of step $t$ send.
#
# $$\begin{aligned}
# \mathrm{d}h_t &= \delta_t + \frac{\partial L}{\partial z_{t+1}} \frac{\partial z_{t+1}}{\partial h_t}
#    && \text{chain rule: two uses, two terms} \\
#  &= \delta_t + \mathrm{d}z_{t+1} W_h^{\mathsf T} && \text{linear, its input} \\
# \mathrm{d}z_t &= \mathrm{d}h_t \cdot [h_t > 0] && \text{ReLU} \\
#  &= \left( \delta_t + \mathrm{d}z_{t+1} W_h^{\mathsf T} \right) \cdot [h_t > 0] && \text{put together}
# \end{aligned}$$
#
# After the last step nothing follows, so $\mathrm{d}z_{T+1} = 0$, and with this the recursion runs from $t = T$ down to
# $t = 1$. What $\mathrm{d}z_t$ does to the parameters and to the glimpse features needs no loop any more:
#
# $$\begin{aligned}
# \mathrm{d}W &= \sum_t [h_{t-1}, g_t]^{\mathsf T}\, \mathrm{d}z_t && \text{linear, its weights; one large product} \\
# \mathrm{d}b &= \sum_t \sum_n \mathrm{d}z_{t,n} && \text{linear, its bias} \\
# \mathrm{d}g_t &= \mathrm{d}z_t W_g^{\mathsf T} && \text{linear, its other input; all } t \text{ at once}
# \end{aligned}$$
#
# In the package the argument `dh` holds the $\delta_t$ of all steps. What it adds to the plain lines: the two matrices
# are one, the products for the weights and for $\mathrm{d}g$ are outside the loop, and $\mathrm{d}z$ may be written
# over `dh`.

# %%
show_source(core_forward, core_backward)

# %% [markdown]
# To check it we need a function of all its inputs at once: the features of all steps, and the parameters. It calls
# `core_forward` for one step after the other, and puts the caches of the steps, arrays $(N, \cdot)$, into one of
# arrays $(T, N, \cdot)$, which is what `core_backward` reads.


# %%
core_params = {name: params[name] for name in ("core.W", "core.b")}
inputs = {"g": rng.random((T, N, 8)), "params": core_params}


def unroll(g, params):
    """h of all steps (T, N, D), from the features g (T, N, F)."""
    h, steps = np.zeros((g.shape[1], 9)), []  # h_0
    for g_t in g:
        h, cache = core_forward(params, np.concatenate([h, g_t], axis=1))  # (N, D)
        steps.append(cache)
    cache = CoreCache(*(np.stack(arrays) for arrays in zip(*steps)))  # each (T, N, …)
    return cache.h, cache


h, cache = unroll(**inputs)
delta = rng.standard_normal(h.shape)
W_h, W_g = params["core.W"][:9], params["core.W"][9:]
plain_dg, plain_dW_h, plain_dW_g = plain_core_backward(delta, h, inputs["g"], W_h, W_g)
dg, grads = core_backward(params, delta.copy(), cache)
for ours, plain in ((dg, plain_dg), (grads["core.W"], np.concatenate([plain_dW_h, plain_dW_g]))):
    error = np.abs(ours - plain).max()
    assert error <= 100 * EPS * np.abs(plain).max()  # T steps of sums of up to 9 and T·N terms, in another order
report = check_pair(
    unroll, lambda dh, cache: core_backward(params, dh, cache), inputs, rng=rng, signature=lambda cache: (cache.h > 0,)
)
print(report)
assert report.passed

# %% [markdown]
# The random cotangent of this check has entries at every step, so both terms of the recursion are at work. Leave one
# out, and the check notices. Here the term from the next step is missing. (With the term cut off after a fixed number
# of steps this is called *truncated* backpropagation through time. It is cheaper, and it is not the gradient.)


# %%
def forgetful_backward(delta, cache):
    dz = delta * (cache.h > 0)  # without dz_{t+1} W_hᵀ
    dW = np.einsum("tni,tnj->ij", cache.hg, dz)
    return dz @ W_g.T, {"core.W": dW, "core.b": dz.sum(axis=(0, 1))}


report = check_pair(unroll, forgetful_backward, inputs, rng=rng, signature=lambda cache: (cache.h > 0,))
print(report)
assert not report["g"].passed and not report["core.W"].passed and not report["core.b"].passed

# %% [markdown]
# ## How gradients shrink and grow
#
# With a pencil first. A core of one unit that is always on, $W_h = \tfrac12$, and only the last of six steps is judged,
# $\delta_6 = 1$. Each step back multiplies by $\tfrac12$, so $\mathrm{d}z_1 = (\tfrac12)^5 = \tfrac{1}{32}$. With
# $W_h = 2$ it is 32. After fifty steps the two are $10^{-15}$ and $10^{15}$.
#
# Now a wide core. Suppose again that only the last step is judged, as in the paper: $\delta_t = 0$ for $t < T$. Then
# the recursion has one term, and we can write out what becomes of it. For one row, with the masks $[h_t > 0]$ as
# diagonal matrices,
#
# $$\begin{aligned}
# \mathrm{d}z_t &= \mathrm{d}z_{t+1}\, W_h^{\mathsf T} \operatorname{diag}[h_t > 0]
#      && \text{recursion, } \delta_t = 0 \\
#   &= \mathrm{d}z_T\, \bigl( W_h^{\mathsf T} \operatorname{diag}[h_{T-1} > 0] \bigr) \cdots
#      \bigl( W_h^{\mathsf T} \operatorname{diag}[h_t > 0] \bigr). && \text{the same, } T - t \text{ times}
# \end{aligned}$$
#
# A product of many matrices shrinks or grows like a power. Sepp Hochreiter saw in 1991 that this is why recurrent
# networks forget; Yoshua Bengio, Patrice Simard and Paolo Frasconi in 1994. How fast, for random weights? Let the
# entries of $W_h$ be independent with mean 0 and variance $\gamma^2 \cdot 2/D$, where $D$ is the width of the core and
# $\gamma$ is called the *gain*. For a fixed row $v$,
#
# $$\begin{aligned}
# \mathbb{E}\, \lVert v W_h^{\mathsf T} \rVert^2
#   &= \sum_i \mathbb{E}\Big( \sum_j v_j (W_h)_{ij} \Big)^2 && \text{definition of the norm} \\
#   &= \sum_i \sum_j v_j^2\, \operatorname{Var}\, (W_h)_{ij} && \text{independent, mean 0: mixed terms vanish} \\
#   &= D \cdot \lVert v \rVert^2 \cdot \frac{2 \gamma^2}{D} = 2 \gamma^2\, \lVert v \rVert^2. && D \text{ equal terms}
# \end{aligned}$$
#
# The masks switch off about half of the units, which halves it. So a step multiplies the norm by about $\gamma$. This
# is why the variance $2/D$, with $\gamma = 1$, is the one to start a network of ReLUs with (Kaiming He and others,
# 2015).
#
# The first part is exact, so we check it, over many random matrices:

# %%
D, gain = 40, 0.8
rng = np.random.default_rng(1)
v = rng.standard_normal(D)
W = rng.standard_normal((2000, D, D)) * (gain * np.sqrt(2 / D))
ratio = ((v @ W.transpose(0, 2, 1)) ** 2).sum(axis=1) / (v @ v)  # (2000,)
error = ratio.std(ddof=1) / np.sqrt(len(ratio))
print(f"mean {ratio.mean():.4f} ± {error:.4f}, exactly {2 * gain**2:.4f}")
assert error < 0.01 * 2 * gain**2  # so that a factor of 1.05 would be seen
assert abs(ratio.mean() - 2 * gain**2) < 4 * error

# %% [markdown]
# The part about the masks is an argument, not a proof: they depend on the same weights, and are not independent of
# them. So we look. An agent takes 30 glimpses of real digits at random places, a random cotangent enters at the last
# step, and we follow what reaches the glimpse features of the earlier ones, $\lVert \mathrm{d}g_t \rVert$. Dotted is
# $\gamma^{T-t}$. The last curve is another way to start: $W_h$ is the identity, and each unit keeps what it has (Quoc
# Le, Navdeep Jaitly and Geoffrey Hinton, 2015).

# %%
T_long = 30
long = Config(glimpses=T_long)
area = summed_area(data.load().x_test[:64])
width = long.core_units
last_alone = np.zeros((T_long, 64, width), np.float32)
last_alone[-1] = np.random.default_rng(4).standard_normal((64, width))
starts = {"γ = 0.6": 0.6, "γ = 0.71": np.sqrt(0.5), "γ = 1": 1.0, "γ = 1.4": 1.4, "identity": None}
unrolled = {}
for name, gain in starts.items():
    theta = init_params(long, np.random.default_rng(1))  # W_h is the identity here
    if gain is not None:
        random = np.random.default_rng(2).standard_normal((width, width))
        theta["core.W"][:width] = random * (gain * np.sqrt(2 / width))
    trajectory = rollout(theta, long, area, np.random.default_rng(3), policy="random")
    dg, _ = core_backward(theta, last_alone.copy(), trajectory.core)
    size = np.linalg.norm(dg.reshape(T_long, -1), axis=1)  # (T,)
    unrolled[name] = theta, trajectory, size / size[-1]
    a_step = (size[0] / size[-1]) ** (1 / (T_long - 1))
    print(f"{name:9}  first glimpse, relative to the last: {size[0] / size[-1]:.1e}, which is {a_step:.3f} a step")
    if gain is not None:
        assert abs(a_step / gain - 1) < 0.1  # an argument, not a proof: it holds to a tenth here

# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
steps = np.arange(1, T_long + 1)
lines = ("label", "-", "o"), ("location", "-", "s"), ("baseline", "-", "^"), ("reward", "-", "v"), ("exact", "-", "D")
for (name, (_, trajectory, size)), (colour, line, marker) in zip(unrolled.items(), lines):
    look = {"color": COLOURS[colour], "linestyle": line, "marker": marker, "markevery": 6, "markersize": 4}
    state = np.sqrt((trajectory.core.h**2).mean(axis=(1, 2)))
    for ax, at, curve in ((left, steps, state), (right, T_long - steps, size)):
        ax.semilogy(at, curve, **look)
        end = -1 if ax is left else 0
        up = {"γ = 0.71": 4, "γ = 0.6": -5} if ax is left else {"γ = 1": 5, "identity": -5}
        ax.annotate(
            name, (at[end], curve[end]), (5, up.get(name, 0)), textcoords="offset points", va="center", fontsize=8
        )
    if starts[name] is not None:
        right.semilogy(T_long - steps, starts[name] ** (T_long - steps), ":", color=COLOURS[colour], linewidth=1.2)
left.set(title="Forward", xlabel="step t", ylabel="size of a unit of $h_t$ (r.m.s.)", xlim=(0, 38))
right.set(title="Backward", xlabel="steps back, T − t", ylabel="norm of d$g_t$, relative to d$g_T$", xlim=(-1, 37))
show(
    "Over thirty steps, on a logarithmic axis. The state: up like a power for gain 1.4, nearly level for 0.6 and 0.71, "
    "a flattening curve for the identity. The gradient: straight lines, up for 1.4, nearly level for 1 and the "
    "identity, down for 0.6 and 0.71"
)

# %% [markdown]
# For the random matrices the argument holds to a tenth a step; over 29 steps that adds up, to a factor of 1.7 for
# $\gamma = 1.4$. With $\gamma$ below 1 the first glimpses learn next to nothing from the last label. No learning rate
# can repair it, since the ratio between early and late stays what it is. With $\gamma$ above 1 everything explodes,
# forward too.
#
# With the identity the recursion is $\mathrm{d}z_t = \mathrm{d}z_{t+1} \cdot [h_t > 0]$. The gradient is neither scaled
# nor mixed, and where a unit stays on, it arrives as it left. There the state adds up what it sees, and grows like a
# sum, not like a power. That is how `init_params` starts the core with `recurrent_init="identity"`, its default. The
# recipes take `"he"`, whose fan-in counts both inputs of the core. So the variance is $2/(2D)$, and
# $\gamma = \sqrt{1/2} \approx 0.71$. That will do for six glimpses, and not for thirty:

# %%
print(f"γ = √½: over 5 steps {np.sqrt(0.5) ** 5:.2f}, over 29 steps {np.sqrt(0.5) ** 29:.0e}")

# %% [markdown]
# We check the statement about the identity to the bit: for each unit that was on at all steps, $\mathrm{d}z_1$ and
# $\mathrm{d}z_T$ are equal.

# %%
theta, trajectory, _ = unrolled["identity"]
always = (trajectory.core.h > 0).all(axis=0)  # (N, D)
# dg = dz W_gᵀ hides dz behind a product, so we let W_g be the identity too: then dg is dz.
plain = theta | {"core.W": np.concatenate([np.eye(width, dtype=np.float32)] * 2)}
dz, _ = core_backward(plain, last_alone.copy(), trajectory.core)  # (T, N, D)
print(f"{100 * always.mean():.0f} % of the units are on at all {T_long} steps")
assert always.any() and dz[-1][always].all() and np.array_equal(dz[0][always], dz[-1][always])
assert np.all(dz[0][trajectory.core.h[0] == 0] == 0)

# %% [markdown]
# ## The whole network
#
# With the parts derived, the backward pass of the whole agent is a page of calls. It takes the cotangents of the heads'
# outputs, from wherever they may come, and knows nothing of rewards. The heads are linear maps, the location head's if
# wanted after one hidden layer of ReLUs (`location.hidden` in the checks below), so there is nothing new in them. Find
# three things: where arrays become rows, which `_rows` does; where a state that several heads have read gets the sum of
# what they send, which is $\delta_t$; and the one call that knows of time.

# %%
show_source(agent.backward, agent._rows)

# %% [markdown]
# And the check of all parameters, through the sensor's glimpses and all steps, on a small agent with frozen locations.
# Two of those that `minram gradcheck` runs. First the label's cross-entropy alone:

# %%
checks = {title: rest for title, *rest in network.objectives(SMALL)}
title = next(name for name in checks if name.startswith("cross-entropy"))
f, small, grads, zero = checks[title]
print(title)
report = check_gradient(f, small, grads, expect_zero=zero, rng=np.random.default_rng(0))
print(report)
assert report.passed

# %% [markdown]
# The parameters of the location head and of the baseline have the gradient zero here, exactly. The label's
# cross-entropy cannot move them. The one acts on the label only through locations, and a sampled location is data. The
# other does not act on it at all. How they learn is the next part of the story.
#
# But this check has a weakness: only one head is at work. Whether `backward` *adds* what several heads send to a state,
# or whether each overwrites the last, it cannot see. Nor whether $b_t$ is read from $h_t$ or from $h_{t+1}$. So the
# second check has all three heads at work at once:

# %%
title = next(name for name in checks if name.startswith("objective reinforce (σ fixed)"))
f, small, grads, zero = checks[title]
print(title)
report = check_gradient(f, small, grads, expect_zero=zero, rng=np.random.default_rng(0))
print(report)
assert report.passed and not zero

# %% [markdown]
# ## A batch is a sum
#
# Rows are independent, given the parameters. No row's forward pass looks at another row. So the sum of the losses has a
# gradient that is a sum over rows. Cut the batch into parts, and it is the sum of the parts' gradients. Training takes
# the *mean* of the losses, and then each part needs a factor.
#
# By hand: five images with the losses' gradients 1, 2, 3, 4, 5. Their mean is 3. Cut them into the first two and the
# other three. The parts' means are 1.5 and 4. Their plain sum is wrong, and so is their mean. Each part counts by its
# *share* of the images: $\tfrac25 \cdot 1.5 + \tfrac35 \cdot 4 = 3$.
#
# The same with the agent, on 30 digits in four parts of 8, 8, 7 and 7. (A baseline that compares rows would compare
# those of its part. So it is left out here, and what is checked is the gradient of the cross-entropy.)

# %%
digits = data.load()
images, labels = digits.x_test[:30], digits.y_test[:30]
theta = {name: x.astype(np.float64) for name, x in init_params(config, np.random.default_rng(5)).items()}


def gradient(index, share=1.0):
    """The gradient of the mean cross-entropy over some of the images, times their share; each row looks at its mean."""
    t = rollout(theta, config, summed_area(images[index]), None, policy="mean", start=(0.0, 0.0))
    heads = network.only(cotangents(t, labels[index], config)[0], "logits")
    heads = heads._replace(logits=share * heads.logits)  # the cotangents are small, the gradients large
    return np.concatenate([g.ravel() for g in backward(theta, t, heads, flow=("label",)).values()])


parts = np.array_split(np.arange(30), 4)
whole = gradient(np.arange(30))
pieces = [gradient(index, len(index) / 30) for index in parts]
total = pieces[0] + pieces[1] + pieces[2] + pieces[3]
error = np.abs(total - whole).max()
print(f"largest entry {np.abs(whole).max():.2f}; the sum of the parts is off by {error:.0e}")
assert np.abs(whole).max() > 0.01 and error <= 30 * T * EPS * sum(np.abs(piece).max() for piece in pieces)
equal_shares = sum(gradient(index, 1 / 4) for index in parts)
assert np.abs(equal_shares - whole).max() > 1e6 * error  # 7 images are not 8

# %% [markdown]
# In what sense are they equal? As real numbers, exactly. On a computer each addition rounds, and so the *order* of the
# additions is part of the result:

# %%
print(f"(0.1 + 0.2) + 0.3 = {(0.1 + 0.2) + 0.3!r},  0.1 + (0.2 + 0.3) = {0.1 + (0.2 + 0.3)!r}")
assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
other_order = pieces[3] + pieces[2] + pieces[1] + pieces[0]
print(f"added in the opposite order: {np.mean(other_order != total):.0%} of the entries differ, in their last bits")

# %% [markdown]
# So the whole and the sum of its parts agree to rounding, and not to the bit. But fix the parts, and fix the order in
# which they are added. Then it does not matter who makes them, nor who is ready first. Here they are made in another
# order, as two processes might, and added in theirs:

# %%
made = {k: gradient(parts[k], len(parts[k]) / 30) for k in (2, 0, 3, 1)}
again = made[0] + made[1] + made[2] + made[3]
print("the same bits:", np.array_equal(again, total))
assert np.array_equal(again, total)

# %% [markdown]
# What is that worth? A training step may be made by several processes, each on a core of its own, and the result is the
# same *to the bit* for one, two or four of them. So it can be tested by equality, and a run does not depend on how many
# cores there were. In `minram` the number of parts is a setting, `shards`, since it is part of what is computed. The
# number of processes is an option, `--workers`, since it is not. Each part draws its locations from a stream of random
# numbers of its own, or the bits would depend on who came first. `python -m minram bench --workers 2` says what
# a second core gains on your machine. Here is how the parts are added:

# %%
from minram.training import shards

show_source(shards.split, shards.add_up)
assert [len(index) for _, _, index in shards.split(np.arange(30), 4)] == [len(index) for index in parts]
assert [share for _, share, _ in shards.split(np.arange(30), 4)] == [len(index) / 30 for index in parts]
assert np.array_equal(shards.add_up(np.array(pieces)), total)

# %% [markdown]
# All of this on one page: an agent of 51 parameters makes one step. Lay the pointer on a number to see what it came
# from and where it goes.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("step")

# %% [markdown]
# ## What to remember
#
# A layer is a map on rows. Time is one more way to number the rows, so weight gradients of all steps are one product
# $X^{\mathsf T} \mathrm{d}Z$. Only the core links the steps. A state is used by its heads and by the next step, so its
# cotangent has two terms, and the recursion runs backwards. Going back through many steps multiplies by many matrices.
# With variance $2/D$ or with the identity the gradient neither vanishes nor explodes. A batch is a sum, equal to its
# parts to rounding, and to the bit if the order of the sum is fixed.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("dh = delta[t] + from_next  # two uses", "dh = delta[t]"),  # truncated
    ("dh = delta[t] + from_next  # two uses", "dh = from_next + delta[t - 1]"),
    ("dz = dh * (h[t] > 0)  # a gate", "dz = dh * (h[t - 1] > 0)"),
    ("dW_h += h[t - 1].T @ dz if t else 0", "dW_h += h[t].T @ dz"),  # the new state for the old
    ("dW_g += g[t].T @ dz", "dW_g += g[t].T @ dh"),
    ("dz @ W_g.T, dz @ W_h.T", "dz @ W_g.T, dz @ W_h"),
    ("dz = dg * (g > 0)", "dz = dg"),
    ('params["glimpse.combine.W"].T * (hidden > 0)', 'params["glimpse.combine.W"].T'),
    ("minram.glimpse", "dz = relu_backward(dg, cache.g, out=out)", "dz = dg"),
    ("minram.glimpse", "relu_backward(dhidden, cache.hidden, out=dhidden)", "pass"),
    ("minram.glimpse", 'named("glimpse.where", where)', 'named("glimpse.where", {k: -g for k, g in where.items()})'),
    ("x[t].T @ dz[t] for t in range(T)", "x[t].T @ dz[t] / T for t in range(T)"),  # a mean over time
    ("rows.T @ reshaped.reshape", "rows.T @ transposed.reshape"),  # no mistake: none to be found
    ("minram.core", "relu_backward(dh[-1], cache.h[-1], out=dz[-1])", "dz[-1] = dh[-1]"),
    ("minram.core", "@ W[:n_core].T,", "@ W[:n_core],"),
    ("minram.core", "dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]"),
    ("minram.core", "dh[t] + dz[t + 1]", "dz[t + 1]"),
    ("minram.core", "cache.h[t], out=dz[t]", "cache.h[t + 1], out=dz[t]"),
    ("minram.core", 'named("core", grads)', 'named("core", {"W": grads["W"] / T, "b": grads["b"] / T})'),
    ("dz = delta * (cache.h > 0)", "return core_backward(params, delta, cache)"),  # nothing is forgotten
    ("(gain * np.sqrt(2 / D))", "(gain * np.sqrt(2.2 / D))"),
    ("random * (gain * np.sqrt(2 / width))", "random * (gain * np.sqrt(1 / width))"),
    ("minram.agent", "dh[steps] += ", "dh[steps] = "),
    ("minram.agent", "(deciding, dh_baseline)", "(slice(1, T), dh_baseline)"),
    ("minram.agent", "(deciding, dh_location)", "(slice(1, T), dh_location)"),
    ("logits=share * heads.logits", "logits=heads.logits"),
    ("minram.training.shards", "rows[0] += row", "rows[0] -= row"),
    ("minram.training.shards", "len(some) / len(index), some", "1 / shards, some"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to a core that forgets slowly. Each has a function to be written and, after it, a check that
# says at once what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np

from exercise import answers, entries, exercise, finish, numbers, parts, same
from minram.core import CoreCache, core_backward, core_forward  # noqa: F811
from minram.gradcheck import check_pair


def steps_of(core, g, W, b):
    """Run a core: [h_{t−1}, g_t] and h of all steps, arrays (T, N, …)."""
    h, inputs, states = np.zeros((g.shape[1], len(b))), [], []
    for g_t in g:
        inputs.append(np.concatenate([h, g_t], axis=1))
        h = core(inputs[-1], h, W, b)
        states.append(h)
    return np.stack(inputs), np.stack(states)


# %% [markdown]
# **1. Predict**, before you compute anything. A core of 4 units, $z_t = h_{t-1} W_h + g_t W_g + b$ and
# $h_t = \operatorname{ReLU}(z_t)$, and $T = 6$ steps. Every unit is on at every step, and only the last step is judged:
# what reads a state (its *heads*) sends some $\delta_6$ back to $h_6$, and $\delta_1, \dots, \delta_5$ are 0.
#
# - `a`: $W_h = 0$. What is the norm of $\mathrm{d}g_1$?
# - `b`: $W_h$ is the identity. By what is $\mathrm{d}z_6$ multiplied to give $\mathrm{d}z_1$?
# - `c`: $W_h$ is *minus* half the identity. By what now?
# - `d`: all six steps send the same $\delta$, and $W_h$ is the identity. By what is $\delta$ multiplied to give
#   $\mathrm{d}z_1$?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 0, "b": 1, "c": -1 / 32, "d": 6}


# %%
@exercise("1. Predict")
def check_predicted():
    def dz(recurrent, judged):
        W, T = np.concatenate([recurrent * np.eye(4), np.eye(4)]), 6
        dh = np.zeros((T, 2, 4))
        dh[judged] = 0.5
        on = CoreCache(np.ones((T, 2, 8)), np.ones((T, 2, 4)))
        return core_backward({"core.W": W, "core.b": np.zeros(4)}, dh, on)[0]  # W_g is the identity, so this is dz

    seen = {
        "a": np.linalg.norm(dz(0.0, [5])[0]),
        "b": dz(1.0, [5])[0, 0, 0] / 0.5,
        "c": dz(-0.5, [5])[0, 0, 0] / 0.5,
        "d": dz(1.0, range(6))[0, 0, 0] / 0.5,
    }
    hints = {
        "a": "Which way could anything come from the last step to the first?",
        "b": "What does the identity do to a row?",
        "c": "How many steps back is it from the sixth to the first, and what does each do to the sign?",
        "d": "How many of the states does $z_1$ reach, and what adds up?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** A core of one unit: $z_t = W_h h_{t-1} + W_g g_t$, $h_t = \operatorname{ReLU}(z_t)$,
# $h_0 = 0$, with $W_h = -1$, $W_g = 2$ and $g = (2, 1, 3, 4)$. The heads send $\delta = (1, 10, 100, 1000)$. Draw it,
# watch the gates, and give $\mathrm{d}z_1, \dots, \mathrm{d}z_4$ and the gradients of both weights.


# %% tags=["solution"]
def cotangents_by_hand():
    """→ {"dz": (dz_1, dz_2, dz_3, dz_4), "dW_h": …, "dW_g": …}."""
    # Solution
    # h = (4, 0, 6, 2): the second gate is shut. dz_4 = 1000; dz_3 = 100 − 1000; dz_2 = 0; dz_1 = 1 − 0.
    # dW_h = h_1 dz_2 + h_2 dz_3 + h_3 dz_4 = 6 · 1000; dW_g = 2 · 1 + 1 · 0 − 3 · 900 + 4 · 1000.
    return {"dz": (1, 0, -900, 1000), "dW_h": 6000, "dW_g": 1302}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Forward first, all four steps. Which of the $h_t$ is 0?
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# From the right: $\mathrm{d}h_4 = 1000$. What comes back from step 4 to $h_3$, from step 3 to $h_2$, and does it get
# any further? A weight has been used four times, each time with another input.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    got_dz, got_dW_h, got_dW_g = entries(cotangents_by_hand(), "dz", "dW_h", "dW_g")
    delta, g, step = np.array([1.0, 10.0, 100.0, 1000.0]), np.array([2.0, 1.0, 3.0, 4.0]), 1e-6

    def L(W_h=-1.0, W_g=2.0, added=(0, 0, 0, 0)):  # Σ δ_t h_t; added: to each z_t
        h = total = 0.0
        for t in range(4):
            h = max(W_h * h + W_g * g[t] + added[t], 0.0)
            total += delta[t] * h
        return total

    def slope(**moved):
        high, low = ({k: sign * np.asarray(v) for k, v in moved.items()} for sign in (1, -1))
        at = {"W_h": -1.0, "W_g": 2.0, "added": np.zeros(4)}
        return (L(**{k: at[k] + v for k, v in high.items()}) - L(**{k: at[k] + v for k, v in low.items()})) / (2 * step)

    unit = step * np.eye(4)
    because = {
        "the second gate is shut, is it not?": [1 - 910, 10 + 900, 100 - 1000, 1000],
        "what step 2 sends back to h_1 comes through the second gate, and that is shut.": [1 - 910, 0, -900, 1000],
        "each step needs what comes back from the next one.": [1, 0, 100, 1000],
        "each step needs what comes back from the next one, and its gate.": [1, 10, 100, 1000],
        "W_h is negative: what comes back changes its sign.": [1, 0, 100 + 1000, 1000],
    }
    same("dz", got_dz, [slope(added=unit[t]) for t in range(4)], because, tolerance=1e-6)
    because = {"which h did it multiply? The one before.": 4 - 6 * 900 + 2 * 1000}
    same("dW_h", got_dW_h, slope(W_h=step), because, tolerance=1e-6)
    same("dW_g", got_dW_g, slope(W_g=step), {"a weight adds up its uses.": 4000}, tolerance=1e-6)


# %% [markdown]
# **3. Rows.** One matrix is used at all steps, $z_t = x_t W$. Its inputs come time first, `x` $(T, N, \text{in})$. The
# cotangents come from another library, batch first, `dz` $(N, T, \text{out})$. Give $\mathrm{d}W$ as *one* product of
# two matrices, without a loop. (That it is one is for you to see; the check sees whether it is right.)


# %% tags=["solution"]
def weight_gradient(x, dz):
    """x (T, N, in), dz (N, T, out) → dW (in, out), the sum over all steps and rows."""
    # Solution
    same_order = dz.transpose(1, 0, 2)  # (T, N, out)
    return x.reshape(-1, x.shape[-1]).T @ same_order.reshape(-1, dz.shape[-1])


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Which entry of `dz` belongs to `x[t, n]`? In a product of matrices the k-th row of one meets the k-th row of the
# other.
#
# </details>


# %%
@exercise("3. Rows")
def check_rows():
    rng = np.random.default_rng(1)
    for T, N, n_in, n_out in ((3, 5, 4, 2), (5, 3, 2, 2), (1, 4, 3, 1)):
        x, dz = rng.standard_normal((T, N, n_in)), rng.standard_normal((N, T, n_out))
        wanted = np.zeros((n_in, n_out))
        for t in range(T):
            for n in range(N):
                wanted += np.outer(x[t, n], dz[n, t])
        rows = x.reshape(T * N, n_in).T
        because = {
            "rows of different steps meet: to reshape is not to transpose.": rows @ dz.reshape(T * N, n_out),
            "this is the mean over the steps; the weight is used at each, and uses add up.": wanted / T,
        }
        if T > 1:
            same("dW", weight_gradient(x.copy(), dz.copy()), wanted, because)
        else:
            same("dW", weight_gradient(x.copy(), dz.copy()), wanted)


# %% [markdown]
# **4. Time, with matrices.** Write the backward pass of the core, from the derivation and without looking at the
# source: first the loop for $\mathrm{d}z_t$, then the products. `dh` holds the direct parts $\delta_t$, `hg` the inputs
# $[h_{t-1}, g_t]$ side by side, and `W` is $W_h$ on top of $W_g$, as in $z_t = [h_{t-1}, g_t]\, W + b$.


# %% tags=["solution"]
def my_core_backward(W, dh, hg, h):
    """W (D + F, D), dh and h (T, N, D), hg (T, N, D + F) → dg (T, N, F), dW (D + F, D), db (D,)."""
    # Solution
    T, _, D = h.shape
    dz = np.zeros_like(dh)
    from_next = np.zeros_like(dh[0])
    for t in reversed(range(T)):
        dz[t] = (dh[t] + from_next) * (h[t] > 0)
        from_next = dz[t] @ W[:D].T
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Begin with two steps and the pencil. With one unit it is the fifth exercise of lesson 3, and a gate.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# `h.shape[-1]` says where in `W` the one matrix ends and the other begins. What comes from the next step has gone
# through that step's gate: it is in terms of $\mathrm{d}z_{t+1}$, not of $\mathrm{d}h_{t+1}$.
#
# </details>


# %%
@exercise("4. The core")
def check_core():
    rng = np.random.default_rng(2)
    for T, N, D, F in ((4, 3, 5, 2), (3, 2, 3, 3), (1, 2, 4, 3)):
        W, b, g = rng.standard_normal((D + F, D)) / 2, rng.standard_normal(D) / 2, rng.standard_normal((T, N, F))
        hg, h = steps_of(lambda hg, h, W, b: core_forward({"core.W": W, "core.b": b}, hg)[0], g, W, b)
        dh = rng.standard_normal(h.shape)
        got = parts(my_core_backward(W.copy(), dh.copy(), hg.copy(), h.copy()), "dg", "dW", "db")
        got[0] = numbers("dg", got[0])
        dg, grads = core_backward({"core.W": W, "core.b": b}, dh.copy(), CoreCache(hg, h))
        assert np.shape(got[0]) == dg.shape, f"dg should have the shape {dg.shape}, but has {np.shape(got[0])}."
        off = np.abs(got[0] - dg).max(axis=(1, 2)) / np.abs(dg).max()  # of each step
        table = ", ".join(f"{error:.1g}" for error in off)
        if (off < 1e-9).all():
            before = np.concatenate([np.zeros_like(hg[:1]), hg[:-1]])
            because = {
                "weights get the dz, behind the gate, and not the dh.": np.einsum("tni,tnj->ij", hg, dh),
                "this is the last step's part; a weight adds up its uses.": hg[-1].T @ (dh[-1] * (h[-1] > 0)),
                "hg[t] belongs to dz[t]: it holds h of the step before already.": core_backward(
                    {"core.W": W, "core.b": b}, dh.copy(), CoreCache(before, h)
                )[1]["core.W"],
            }
            if T == 1:
                because = {}
            same("dW", got[1], grads["core.W"], because)
            same("db", got[2], grads["core.b"], {"the bias gets the dz, behind the gate.": dh.sum(axis=(0, 1))})
            continue
        assert not np.allclose(got[0][-1], dh[-1] @ W[D:].T), f"errors of dg by step: {table}. Where is the gate?"
        assert off[-1] < 1e-9 or (off[:-1] >= 1e-9).any() or T == 1, (
            f"errors of dg by step: {table}. Only the last step is wrong: does step 1 write to index −1, which is it?"
        )
        assert off[-1] < 1e-9, (
            f"errors of dg by step: {table}. The last step needs no other: begin there. W_g is the lower part of W, "
            "and the gate that of the same step."
        )
        alone = dh * (h > 0) @ W[D:].T
        assert not np.allclose(got[0], alone), f"errors of dg by step: {table}. Nothing comes from the next step."
        late = int(np.flatnonzero(off >= 1e-9)[-1]) + 1  # the latest step that is wrong
        assert late == T - 1, (
            f"errors of dg by step: {table}. Step {late} is the latest that is wrong. Does the loop reach it? And is "
            f"what comes back from step {late + 1} its whole dz, with what came to that step from the next?"
        )
        raise AssertionError(
            f"errors of dg by step: {table}. The last step is right, the one before is not. What goes from z to the "
            "state before it: through which matrix, transposed or not, and after which gate?"
        )


# %% [markdown]
# **5. A core that forgets slowly.** Let the state be a running mean,
#
# $$h_t = \tfrac34 h_{t-1} + \tfrac14 \operatorname{ReLU}(z_t), \qquad z_t = [h_{t-1}, g_t]\, W + b.$$
#
# Now $h_{t-1}$ reaches $h_t$ by two ways. Derive the recursion for the whole $\mathrm{d}h_t$, and write it; the
# argument `dh` holds the $\delta_t$ alone, and $h_0 = 0$. Before you run it: what does it say about gradients over many
# steps? By what does one shrink over fifty, if $W_h = 0$?


# %%
def slow_forward(g, W, b):
    """h of all steps (T, N, D), and the cache: the inputs [h_{t−1}, g_t] and z, both for all steps, and W."""
    hg, h = steps_of(lambda hg, h, W, b: 0.75 * h + 0.25 * np.maximum(hg @ W + b, 0), g, W, b)
    return h, (hg, hg @ W + b, W)


# %% tags=["solution"]
def slow_backward(dh, cache):
    """dh (T, N, D), what the heads send to each step → dg (T, N, F), dW (D + F, D), db (D,)."""
    hg, z, W = cache
    # Solution
    # h_t is used by the heads of step t, by z_{t+1}, and directly by h_{t+1}. With the whole cotangent dh_t, and δ_t
    # what the heads send:   dh_t = δ_t + dz_{t+1} W_hᵀ + ¾ dh_{t+1},    dz_t = ¼ dh_t · [z_t > 0].
    # The new term brings the gradient back with a factor ¾ a step, whatever W_h is: 6 · 10⁻⁷ after fifty, if W_h = 0.
    T, _, D = dh.shape
    dz, whole, from_next = np.zeros_like(dh), np.zeros_like(dh[0]), np.zeros_like(dh[0])
    for t in reversed(range(T)):
        whole = dh[t] + from_next + 0.75 * whole
        dz[t] = 0.25 * whole * (z[t] > 0)
        from_next = dz[t] @ W[:D].T
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# Draw two steps. $h_1$ has three uses now: its heads, $z_2$, and $h_2$ directly. Uses add up.
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# One of the three terms needs the whole $\mathrm{d}h_{t+1}$, another needs $\mathrm{d}z_{t+1}$. So the loop carries two
# things from one step to the one before. And the factor $\tfrac14$ stands between $\mathrm{d}h_t$ and $\mathrm{d}z_t$.
#
# </details>


# %%
@exercise("5. A core that forgets slowly")
def check_slow():
    rng = np.random.default_rng(3)

    def backward(dh, cache):
        got = parts(slow_backward(dh.copy(), tuple(a.copy() for a in cache)), "dg", "dW", "db")
        return tuple(numbers(name, a) for name, a in zip(("dg", "dW", "db"), got))

    for T, N, D, F in ((1, 2, 3, 2), (4, 3, 5, 2), (6, 2, 3, 3)):
        W, b, g = rng.standard_normal((D + F, D)), rng.standard_normal(D) / 2, rng.standard_normal((T, N, F))
        inputs = {"g": g, "W": W, "b": b}
        report = check_pair(
            slow_forward, backward, inputs, rng=rng, signature=lambda cache: (cache[1] > 0,), max_kinks=0.2
        )
        if report.passed:
            continue
        _, cache = slow_forward(g, W, b)
        dh = rng.standard_normal((T, N, D))
        dg = backward(dh, cache)[0]
        assert dg.shape == g.shape, f"dg should have the shape {g.shape}, but has {dg.shape}."
        gate = cache[1][-1] > 0
        because = {
            "ReLU(z_t) enters h_t with the factor ¼.": (dh[-1] * gate) @ W[D:].T,
            "there is a ReLU: which of its gates are shut?": 0.25 * dh[-1] @ W[D:].T,
            "where are the factor ¼ and the gate?": dh[-1] @ W[D:].T,
            "nothing comes back; is the gate open where z_t > 0?": 0 * g[-1],
        }
        same("dg of the last step", dg[-1], 0.25 * (dh[-1] * gate) @ W[D:].T, because)
        if T > 1:
            zeros = np.zeros((D + F, D))
            zeros[D:] = rng.standard_normal((F, D))  # W_h = 0: the direct way alone
            h, cache = slow_forward(g, zeros, np.full(D, 20.0))  # every gate open
            dh = np.zeros_like(h)
            dh[-1] = 1
            dg = backward(dh, cache)[0]
            assert dg[-2].any(), "with W_h = 0 and the last step judged, nothing comes back: the direct way is missing."
            ratio = dg[0, 0, 0] / dg[-1, 0, 0] + 0.0  # no −0
            assert np.isclose(ratio, 0.75 ** (T - 1)), (
                f"with W_h = 0, dg_1 should be {0.75 ** (T - 1):.3g} of dg_{T} (¾ a step), but is {ratio:.3g} of it."
            )
            shut = cache[1].copy()
            shut[1:-1] = -1.0  # all gates but those of the first and the last step
            dg = backward(dh, (cache[0], shut, zeros))[0]
            assert np.isclose(dg[0, 0, 0] / dg[-1, 0, 0], 0.75 ** (T - 1)), (
                "with gates shut on the way, less comes back by the direct way; but it passes no gate."
            )
            assert report["g"].passed, (
                "the last step and the direct way are right, but not what comes through W. It needs the whole dz of "
                "the next step, with its ¼ and its gate, and W_h transposed."
            )
        report.raise_if_failed()


# %%
finish()
