# %% [markdown]
# # 3 · Backpropagation by hand
#
# **What you will see.** A gradient with three numbers and a pencil. Then the derivatives of the operations that the
# agent's layers are made of, each derived index by index, each first by hand, then in a few plain lines, then as it
# stands in the package. And four ways to find out whether a gradient is right: finite differences, the complex step,
# the Taylor remainder, and knowing what a kink does to all of them.
#
# **What you need.** The chain rule for functions of several variables, and matrix products. No other lesson.
#
# **How long it runs.** A few seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np

import graph
from lesson import show, show_source
from minram.datasets import data
from minram.gradcheck import check_complex_step, check_gradient, check_pair, taylor_slope, v_curve
from minram.ops import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
    tanh_backward,
    tanh_forward,
)
from minram.pictures import style
from minram.pictures.style import COLOURS
from minram.sensor import sensor_forward, summed_area

style.use()
EPS = np.finfo(float).eps  # 2⁻⁵², the spacing of numbers at 1

# %% [markdown]
# ## Three numbers and a pencil
#
# A program computes a number $L$ from other numbers, in small steps. If one of them changes a little, how much does $L$
# change? That ratio is the derivative of $L$ by this number. A gradient is all of them.
#
# For any number $y$ on the way write $\mathrm{d}y$ for $\partial L / \partial y$. It is called the *cotangent* of $y$.
# Three rules are enough to begin with. Suppose that we already know the cotangent of a result, and want those of what
# went in.
#
# - **Add**, $y = x_1 + x_2$. If $x_1$ grows by a little, $y$ grows by as much. So $\mathrm{d}x_1 = \mathrm{d}y$, and
#   $\mathrm{d}x_2 = \mathrm{d}y$.
# - **Multiply**, $y = x_1 \cdot x_2$. If $x_1$ grows by a little, $y$ grows $x_2$ times as much. So
#   $\mathrm{d}x_1 = \mathrm{d}y \cdot x_2$, and $\mathrm{d}x_2 = \mathrm{d}y \cdot x_1$: each gets the *other*.
# - **Fork**. A number that is used twice acts on $L$ by two ways, and the two effects add up. **Uses add up.**

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6))
ends = {"in1": (0, 1.5, "$x_1$"), "in2": (0, 0, "$x_2$"), "out": (2.7, 0.75, "$y$")}
graph.draw(
    axes[0], ends | {"op": (1.5, 0.75, "+")}, [("in1", "op", 3, "dy"), ("in2", "op", 4, "dy"), ("op", "out", 7, "dy")]
)
graph.draw(
    axes[1],
    ends | {"op": (1.5, 0.75, "×")},
    [("in1", "op", 3, "4 dy"), ("in2", "op", 4, "3 dy"), ("op", "out", 12, "dy")],
)
graph.draw(
    axes[2],
    {"in": (-0.3, 0.75, "$x$"), "fork": (1.2, 0.75, "fork"), "one": (2.7, 1.5, "use 1"), "two": (2.7, 0, "use 2")},
    [("in", "fork", 3, "10 + 4 = 14"), ("fork", "one", 3, "10"), ("fork", "two", 3, "4")],
)
for ax, title in zip(axes, ("Add: pass it on", "Multiply: times the other", "Fork: uses add up")):
    ax.set_title(title)
show("Three small graphs, add, multiply and fork: values on solid arrows, cotangents on dashed ones back")

# %% [markdown]
# Now an example. $L = (W x + b) \cdot W$ with $W = 3$, $x = 2$, $b = -5$. Note that $W$ is used twice.
#
# Forward, from left to right: $3 \cdot 2 = 6$, then $6 - 5 = 1$, which we call $z$, then $L = 1 \cdot 3 = 3$.
#
# Backward, from right to left. It begins with $\mathrm{d}L = 1$: if $L$ grows, $L$ grows by as much. Take a pencil,
# cover the dashed numbers of the picture, and fill them in.

# %% tags=["picture", "hide-input"]
nodes = {
    "W": (0, 1.7),
    "x": (0, -0.1),
    "b": (1.8, -0.7),
    "×": (1.8, 0.6),
    "+": (3.4, 0.3),
    "times": (5, 1.3, "×"),
    "L": (6.4, 1.3),
}
edges = [
    ("W", "×", "3", "x · 3 = 6"),
    ("x", "×", "2", "W · 3 = 9"),
    ("×", "+", "6", "3"),
    ("b", "+", "−5", "3"),
    ("+", "times", "z = 1", "W · 1 = 3"),
    ("W", "times", "3", "z · 1 = 1"),
    ("times", "L", "3", "1"),
]
fig, ax = plt.subplots(figsize=(8.6, 3.6))
graph.draw(ax, nodes, edges)
ax.set_title("L = (W x + b) · W.  Solid: values. Dashed: cotangents. W gets 6 by one way and 1 by the other: dW = 7")
show("The graph of L = (W x + b) W with every value and every cotangent; at W come back 6 and 1")

# %% [markdown]
# The same in plain lines, the first three forward, the others backward:

# %%
W, x, b = 3.0, 2.0, -5.0
product = W * x  # 6
z = product + b  # 1
L = z * W  # 3
dL = 1.0
dz, dW_second = dL * W, dL * z  # multiply: 3, 1
dproduct, db = dz, dz  # add: 3, 3
dW_first, dx = dproduct * x, dproduct * W  # multiply: 6, 9
dW = dW_first + dW_second  # W is used twice: 7
print(f"dW = {dW:g}, dx = {dx:g}, db = {db:g}")
assert (dW, dx, db) == (7, 9, 3)

# %% [markdown]
# Is it right? Multiply out: $L = W^2 x + W b$, so $\partial L / \partial W = 2 W x + b = 12 - 5 = 7$. And a first look
# at a tool of the package. `check_gradient` moves every number a little, both ways, watches $L$, and compares:

# %%
scalars = {name: np.array([value]) for name, value in (("W", W), ("x", x), ("b", b))}
by_hand = {name: np.array([value]) for name, value in (("W", dW), ("x", dx), ("b", db))}
report = check_gradient(lambda p: ((p["W"] * p["x"] + p["b"]) * p["W"])[0], scalars, by_hand)
print(report)
assert report.passed

# %% [markdown]
# This is *backpropagation*. It goes through the program once, from its end to its beginning. Seppo Linnainmaa described
# it for any program in 1970. Paul Werbos saw in 1974 that it trains networks. David Rumelhart, Geoffrey Hinton and
# Ronald Williams made everybody see it in 1986.
#
# > **Asked: is this what an autograd tool does?** Yes. It writes down the graph while it computes forward, and applies
# > these rules backward. Here we write the backward half ourselves, once for each operation. The numbers are the same.
#
# ## What a gradient is
#
# Now arrays. Take 20 digits, shrunk to $4 \times 4$ cells, and a small network that names them: a linear map, a tanh,
# another linear map, and the *cross-entropy*: minus the logarithm of the probability that the network gives to the
# right label, in nats, the unit of a natural logarithm. Its mean over the digits is one number, the loss $L$. Change
# one weight, leave the others, and the loss draws a curve. The derivative of $L$ by this weight is the slope of the
# curve where we are. Every weight has such a curve, and backpropagation finds all the slopes at once.
#
# (The agent has a ReLU where this network has a tanh. A tanh is smooth, and the first checks are easier to understand
# on a smooth function. What the kink of a ReLU does comes last.)

# %%
digits = data.load()
labels = digits.y_test[:20]
phi, _ = sensor_forward(summed_area(digits.x_test[:20]), np.zeros((20, 2)), scales=(7,), patch_size=4)  # (N, 16)
rng = np.random.default_rng(0)
params = {
    "hidden.W": rng.standard_normal((16, 10)) / 2,
    "hidden.b": rng.standard_normal(10) / 2,
    "label.W": rng.standard_normal((10, 10)) / 2,
    "label.b": rng.standard_normal(10) / 2,
}


def forward(params):
    """L, the mean cross-entropy of the labels, and the caches of the four operations."""
    z, first = linear_forward(phi, params["hidden.W"], params["hidden.b"])  # (N, 10)
    h, bend = tanh_forward(z)  # (N, 10)
    logits, second = linear_forward(h, params["label.W"], params["label.b"])  # (N, 10)
    loss, last = cross_entropy_forward(logits, labels)  # (N,)
    return loss.mean(), (first, bend, second, last)


def backward(caches):
    """The gradients of L by all parameters: the same operations in reverse order."""
    first, bend, second, last = caches
    dloss = np.full(len(labels), 1 / len(labels))  # (N,) L is the mean of the losses
    dlogits = cross_entropy_backward(dloss, last)  # (N, 10)
    dh, label = linear_backward(dlogits, second)  # (N, 10)
    dz = tanh_backward(dh, bend)  # (N, 10)
    _, hidden = linear_backward(dz, first, input_gradient=False)
    return {"hidden.W": hidden["W"], "hidden.b": hidden["b"], "label.W": label["W"], "label.b": label["b"]}


L, caches = forward(params)
grads = backward(caches)
print(f"L = {L:.3f} nats, {sum(g.size for g in grads.values())} slopes")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for ax, (name, index) in zip(axes, [("hidden.W", (5, 5)), ("hidden.b", (5,)), ("label.W", (2, 7))]):
    theta, moves = params[name][index], np.linspace(-4, 4, 81)
    curve = []
    for step in moves:
        moved = {key: value.copy() for key, value in params.items()}
        moved[name][index] += step
        curve.append(forward(moved)[0])
    ax.plot(theta + moves, curve, color=COLOURS["label"])
    near = np.array([-1.5, 1.5])
    line = L + grads[name][index] * near
    ax.plot(theta + near, line, "--", color=COLOURS["location"], label=f"{grads[name][index]:.3f}")
    ax.plot(theta, L, "o", color=COLOURS["exact"])
    ax.legend(title="slope", loc="upper center")
    ax.set(xlabel=f"{name}[{', '.join(map(str, index))}]")
axes[0].set(ylabel="loss L (nats)")
show("The loss against one weight, three times, with a dashed line at the slope that was found")

# %% [markdown]
# What does it cost? To move each of the 280 parameters and watch $L$ takes 280 passes. Backpropagation takes one pass
# forward and one backward. Count the multiplications in the matrix products. A linear map has one product forward and
# two backward, one for its weight and one for its input. The first map needs no cotangent of its input, which is data.
# So the way back costs between one and two times the way forward, *however many parameters there are*.

# %%
first_map, second_map = 20 * 16 * 10, 20 * 10 * 10  # multiplications: rows · in · out
there, back = first_map + second_map, first_map + 2 * second_map
print(f"multiplications: forward {there}, backward {back}, which is {back / there:.2f} times as many")
assert there < back < 2 * there

# %% [markdown]
# ## The rule of the game
#
# For an array $y$ on the way to $L$, $\mathrm{d}y$ is the array of all $\partial L / \partial y_k$. It has the shape of
# $y$. If $y$ is computed from $x$, and $x$ is used nowhere else, the chain rule gives
#
# $$\mathrm{d}x_i = \frac{\partial L}{\partial x_i}
#   = \sum_k \frac{\partial L}{\partial y_k} \frac{\partial y_k}{\partial x_i}
#   = \sum_k \mathrm{d}y_k\, \frac{\partial y_k}{\partial x_i}.$$
#
# The sum is the rule of the fork: $x_i$ acts on $L$ through every $y_k$, and the effects add up. If $x$ is used
# elsewhere too, what comes back from there is added as well.
#
# So each operation needs to know one thing: how to turn $\mathrm{d}y$ into $\mathrm{d}x$. It need not know what $L$ is,
# or what comes later. In `minram` each operation is a pair of functions. `…_forward` returns $y$ and a *cache*,
# whatever the way back will need. `…_backward` takes $\mathrm{d}y$ and the cache, and is the formula above. The
# function `backward` of the section before is nothing but such functions, one after the other, last operation first.
#
# (In this lesson $x$ and $y$ are what goes into any one operation and what comes out. So in particular the logits, what
# comes out of the last linear map, are a $y$, as in the README's table.)
#
# ## Linear
#
# First by hand. Two rows, two numbers each, and one output: $y = x W + b$ with
#
# $$x = \begin{bmatrix} 1 & 2 \\ 3 & -1 \end{bmatrix}, \quad W = \begin{bmatrix} 2 \\ 1 \end{bmatrix}, \quad
#   b = 1, \quad y = \begin{bmatrix} 1 \cdot 2 + 2 \cdot 1 + 1 \\ 3 \cdot 2 - 1 \cdot 1 + 1 \end{bmatrix}
#   = \begin{bmatrix} 5 \\ 6 \end{bmatrix}.$$
#
# Let the cotangents $\mathrm{d}y = (10, 100)$ come back. The upper weight multiplies 1 in the first row and 3 in
# the second. By *multiply* and *uses add up* its cotangent is $1 \cdot 10 + 3 \cdot 100 = 310$. The lower weight gets
# $2 \cdot 10 - 1 \cdot 100 = -80$. The bias is added in both rows, so it gets $10 + 100 = 110$. And each $x$ gets its
# weight times the $\mathrm{d}y$ of its row: $(20, 10)$ and $(200, 100)$.
#
# In plain lines, for any sizes, this is three loops. Each multiplication of the forward pass, $x_{ni}\, W_{ij}$, sends
# back to both of its factors:


# %%
def plain_linear_backward(dy, x, W):
    """dy (N, out), x (N, in), W (in, out) → dx (N, in), dW (in, out), db (out,)."""
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(W.shape[1])
    for n, j in np.ndindex(dy.shape):
        db[j] += dy[n, j]  # add
        for i in range(len(W)):
            dW[i, j] += dy[n, j] * x[n, i]  # multiply: times the other
            dx[n, i] += dy[n, j] * W[i, j]
    return dx, dW, db


x, W, b = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[2.0], [1.0]]), np.array([1.0])
y, cache = linear_forward(x, W, b)
dx, dW, db = plain_linear_backward(np.array([[10.0], [100.0]]), x, W)
print(f"y = {y.T}, dW = {dW.T}, db = {db}, dx =\n{dx}")
assert (y == [[5], [6]]).all()
assert (dW == [[310], [-80]]).all() and db == 110 and (dx == [[20, 10], [200, 100]]).all()

# %% [markdown]
# Now as formulas. $N$ rows go through the same map, $y_{nj} = \sum_i x_{ni} W_{ij} + b_j$. Which $y$ depend on
# $W_{ij}$? Those of column $j$, in every row:
#
# $$\begin{aligned}
# \mathrm{d}W_{ij} &= \sum_n \sum_{j'} \mathrm{d}y_{nj'}\, \frac{\partial y_{nj'}}{\partial W_{ij}}
#      && \text{chain rule} \\
#   &= \sum_n \mathrm{d}y_{nj}\, x_{ni}
#      && \frac{\partial y_{nj'}}{\partial W_{ij}} = x_{ni} \text{ if } j' = j, \text{ else } 0 \\
#   &= \sum_n (x^{\mathsf T})_{in}\, \mathrm{d}y_{nj} && \text{definition of the transpose} \\
#   &= (x^{\mathsf T}\, \mathrm{d}y)_{ij}. && \text{definition of the matrix product}
# \end{aligned}$$
#
# Note the sum over rows. A weight is used once in every row, and each use contributes. Then the bias, which is a
# weight whose input is always 1,
#
# $$\mathrm{d}b_j = \sum_n \mathrm{d}y_{nj} \cdot 1,$$
#
# and the input, which reaches every column of its own row,
#
# $$\begin{aligned}
# \mathrm{d}x_{ni} &= \sum_{n'} \sum_j \mathrm{d}y_{n'j}\, \frac{\partial y_{n'j}}{\partial x_{ni}}
#      && \text{chain rule} \\
#   &= \sum_j \mathrm{d}y_{nj}\, W_{ij}
#      && \frac{\partial y_{n'j}}{\partial x_{ni}} = W_{ij} \text{ if } n' = n, \text{ else } 0 \\
#   &= (\mathrm{d}y\, W^{\mathsf T})_{ni}. && \text{definitions as above}
# \end{aligned}$$
#
# Three formulas, three expressions. What the package adds to them: `out`, so that a training step can write into an
# array that is there already, and `input_gradient=False`, which leaves out $\mathrm{d}x$ where nobody needs it.

# %%
show_source(linear_forward, linear_backward)

# %%
rng = np.random.default_rng(1)
x, W, b, dy = (rng.standard_normal(shape) for shape in ((5, 4), (4, 4), 4, (5, 4)))
_, cache = linear_forward(x, W, b)
dx, named = linear_backward(dy, cache)
for ours, plain in zip((dx, named["W"], named["b"]), plain_linear_backward(dy, x, W)):
    assert np.abs(ours - plain).max() <= 5 * EPS * 20  # at most five terms, together below 20, in another order

# %% [markdown]
# Shapes are a check that costs nothing. $x^{\mathsf T} \mathrm{d}y$ is $(\text{in}, N)(N, \text{out})$, and no other
# product of the two has the shape of $W$. But it is a weak check: where a matrix is square, as this $W$, its transpose
# fits just as well. The other check is by numbers. `check_pair` draws a random $v$ and takes $L = \sum_k v_k y_k$, so
# that $\mathrm{d}y = v$. It compares every entry of what the backward function returns with finite differences of $L$.
# What those are, and how exact, comes below. The column *kinks* of its table stays 0 until then, too.

# %%
report = check_pair(linear_forward, linear_backward, {"x": x, "W": W, "b": b}, rng=rng)
print(report)
assert report.passed
untransposed = check_pair(
    linear_forward,
    lambda dy, cache: (dy @ cache[1], linear_backward(dy, cache)[1]),  # W where Wᵀ belongs: it fits
    {"x": x, "W": W, "b": b},
    rng=rng,
)
assert not untransposed["x"].passed and untransposed["W"].passed

# %% [markdown]
# > **Asked: sum or mean?** Over rows, the *derivative* is a sum; nobody chose it. If $L$ is the mean of the rows'
# > losses, then each row's cotangent carries the factor $1/N$ from the start, and the sum over rows becomes a mean by
# > itself. The factor belongs into $\mathrm{d}\ell$, the first cotangent, and nowhere else.
#
# ## ReLU and tanh
#
# These act on each entry alone, $y_k = f(x_k)$. So in the sum of the chain rule only one term is left:
#
# $$\mathrm{d}x_i = \sum_k \mathrm{d}y_k\, \frac{\partial y_k}{\partial x_i} = \mathrm{d}y_i\, f'(x_i).$$
#
# For ReLU, $f(x) = \max(x, 0)$, a number and its pencil: $x = (-2, 0, 3)$ gives $y = (0, 0, 3)$, and from
# $\mathrm{d}y = (5, 6, 7)$ comes back $\mathrm{d}x = (0, 0, 7)$. A ReLU is a gate. Where the value could pass, the
# cotangent passes.

# %% tags=["hide-input"]
at = np.linspace(-3, 3, 601)
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True)
for ax, name, f, df in [(axes[0], "ReLU", relu_forward, relu_backward), (axes[1], "tanh", tanh_forward, tanh_backward)]:
    y, cache = f(at)
    ax.plot(at, y, color=COLOURS["label"], label="f(x)")
    ax.plot(at, df(np.ones_like(at), cache), "--", color=COLOURS["location"], label="f′(x)")
    ax.set(title=name, xlabel="x", ylim=(-1.2, 2))
    ax.legend(loc="upper left")
show("ReLU and tanh, solid, and their derivatives, dashed")

# %% [markdown]
# The derivative of ReLU is 1 where $x > 0$ and 0 where $x < 0$. For tanh,
#
# $$\begin{aligned}
# \tanh' x &= \left( \frac{\sinh x}{\cosh x} \right)'
#      && \text{definition} \\
#   &= \frac{\cosh x \cosh x - \sinh x \sinh x}{\cosh^2 x} && \text{quotient rule} \\
#   &= 1 - \tanh^2 x. && \text{divide each term}
# \end{aligned}$$
#
# Both derivatives can be read off the *output* $y$: $y > 0$ exactly where $x > 0$, and $1 - y^2$. That is why both
# functions cache $y$, which the next layer keeps anyway, and forget $x$.
#
# > **Asked: and at 0?** There ReLU has no derivative. The slope is 0 on the left and 1 on the right, and any number
# > between would do for gradient descent. The code takes 0. With continuous data a unit is at exactly 0 practically
# > never, except where its whole input and its bias are 0.

# %%
show_source(relu_backward, tanh_backward)
y, cache = relu_forward(np.array([-2.0, 0.0, 3.0]))
assert (relu_backward(np.array([5.0, 6.0, 7.0]), cache) == [0, 0, 7]).all()
# `signature` tells the check on which side of its corner each ReLU is; the section on kinks says what for.
report = check_pair(relu_forward, relu_backward, {"x": x}, rng=rng, signature=lambda y: (y > 0,))
report += check_pair(tanh_forward, tanh_backward, {"x": x}, rng=rng)
print(report)
assert report.passed

# %% [markdown]
# ## Softmax with cross-entropy
#
# The network ends in ten numbers $y_i$, the *logits*. The softmax makes them probabilities, and the loss $\ell$ is the
# negative logarithm of the probability of the right label $c$:
#
# $$p_i = \frac{e^{y_i}}{\sum_j e^{y_j}}, \qquad \ell = -\log p_c = \log \sum_j e^{y_j} - y_c.$$
#
# By hand, with three labels and logits that were chosen well, $y = (\log 1, \log 2, \log 5)$. The exponentials are 1, 2
# and 5, their sum is 8, so $p = (\tfrac18, \tfrac28, \tfrac58)$. Let the second label be right. Then
# $\ell = -\log \tfrac28 = \log 4$. The gradient by the logits will turn out to be what the network said minus what it
# should have said:
#
# $$\mathrm{d}y = (\tfrac18, \tfrac28, \tfrac58) - (0, 1, 0) = (\tfrac18, -\tfrac68, \tfrac58).$$


# %%
def plain_cross_entropy(y, c):
    """Logits y (K,), the right label c → the loss, and its gradient by the logits (K,)."""
    p = np.exp(y) / np.exp(y).sum()
    said, right = p, np.eye(len(y))[c]
    return -np.log(p[c]), said - right


loss, dlogits = plain_cross_entropy(np.log([1.0, 2.0, 5.0]), 1)
print(f"loss {loss:.4f} = log 4, dy = {dlogits}")
assert abs(loss - np.log(4)) <= 4 * EPS
assert np.abs(dlogits - [1 / 8, -6 / 8, 5 / 8]).max() <= 4 * EPS  # exp, sum, quotient, difference

# %% [markdown]
# For one of the twenty digits: the gradient of its own loss by its logits. ($L$ above is the mean of twenty losses, so
# its cotangent for this row is a twentieth of that.)

# %% tags=["hide-input"]
n = 3
p = caches[3].p[n]
onehot = np.eye(10)[labels[n]]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.4), sharey=True)
bars = [
    ("p, what it said", p, "label"),
    ("what is right", onehot, "exact"),
    ("their difference", p - onehot, "location"),
]
for ax, (title, height, colour) in zip(axes, bars):
    ax.bar(range(10), height, color=COLOURS[colour])
    ax.axhline(0, color=COLOURS["exact"], linewidth=0.8)
    ax.set(title=title, xlabel="label", xticks=range(10))
axes[0].set(ylabel="probability")
show("Bars over ten labels: what the network said, what is right, and their difference, the gradient")

# %% [markdown]
# Derived, for one row:
#
# $$\begin{aligned}
# \frac{\partial \ell}{\partial y_i}
#   &= \frac{\partial}{\partial y_i} \log \sum_j e^{y_j} - \frac{\partial y_c}{\partial y_i}
#      && \text{sum rule} \\
#   &= \frac{1}{\sum_j e^{y_j}}\, \frac{\partial}{\partial y_i} \sum_j e^{y_j} - [i = c]
#      && \text{derivative of log, chain rule} \\
#   &= \frac{e^{y_i}}{\sum_j e^{y_j}} - [i = c] && \text{only the term } j = i \text{ depends on } y_i \\
#   &= p_i - [i = c]. && \text{definition of } p
# \end{aligned}$$
#
# Here $[i = c]$ is 1 if $i = c$ and else 0. The entries add up to 0, as they must. Adding one number $\eta$ to all
# logits changes nothing,
#
# $$\frac{e^{y_i + \eta}}{\sum_j e^{y_j + \eta}} = \frac{e^\eta\, e^{y_i}}{e^\eta \sum_j e^{y_j}} = p_i,$$
#
# so the slope in this direction is 0.
#
# What the package adds to the plain lines: it takes all rows at once, multiplies by each row's own cotangent
# $\mathrm{d}\ell$, and it does not overflow. $e^{1000}$ is more than a computer can hold. So it subtracts the largest
# logit first, by the same fact changing nothing, and then no exponential exceeds 1.

# %%
show_source(cross_entropy_forward, cross_entropy_backward)
large, _ = cross_entropy_forward(np.array([[1000.0, 0.0]]), np.array([1]))
print(f"loss for the logits 1000 and 0, when the second is right: {large[0]}")
assert large[0] == 1000

logits, _ = linear_forward(caches[2].x, params["label.W"], params["label.b"])
loss, cache = cross_entropy_forward(logits, labels)
dlogits = cross_entropy_backward(np.ones(len(labels)), cache)
for n in range(len(labels)):
    plain_loss, plain = plain_cross_entropy(logits[n], labels[n])
    assert abs(loss[n] - plain_loss) <= 20 * EPS * max(1, abs(logits[n]).max())
    assert np.abs(dlogits[n] - plain).max() <= 40 * EPS * max(1, abs(logits[n]).max())  # exp(y) rounds by |y| ε
assert np.abs(dlogits.sum(axis=1)).max() <= 10 * EPS  # ten terms of at most 1, each rounded
report = check_pair(cross_entropy_forward, cross_entropy_backward, {"logits": logits, "labels": labels}, rng=rng)
print(report)
assert report.passed

# %% [markdown]
# ## The chain
#
# `backward`, far above, chains the four. Its first line is one more small derivative: $L$ is the mean of the losses, so
# $\mathrm{d}\ell_n = 1/N$. There is nothing else in it. Every entry of its four gradients, against differences:


# %%
def f(params):
    return forward(params)[0]


report = check_gradient(f, params, grads)
print(report)
assert report.passed

# %% [markdown]
# A check is worth something only if it fails when it should. Three mistakes that are easy to make: forget that tanh has
# a derivative; do not transpose the matrix of the second map, which is square; add the rows' gradients where the mean
# was meant. Each wrong gradient has the right shape. Nothing else complains.

# %%
first, bend, second, last = caches
dlogits = cross_entropy_backward(np.full(20, 1 / 20), last)
dh, label = linear_backward(dlogits, second)


def hidden_gradients(dz):
    _, hidden = linear_backward(dz, first, input_gradient=False)
    return {"hidden.W": hidden["W"], "hidden.b": hidden["b"]}


mistakes = {
    "tanh has no derivative": grads | hidden_gradients(dh),
    "W for its transpose": grads | hidden_gradients(tanh_backward(dlogits @ params["label.W"], bend)),
    "a sum for the mean": {name: 20 * g for name, g in grads.items()},
}
for name, wrong in mistakes.items():
    report = check_gradient(f, params, wrong)
    failed = [row.name for row in report.rows if not row.passed]
    print(f"{name:24} fails in {', '.join(failed)}")
    assert failed == (list(params) if name == "a sum for the mean" else ["hidden.W", "hidden.b"])

# %% [markdown]
# The report says where to look. On the way back, what comes before the mistake is right, and all that comes after it is
# wrong. In the first two cases the way back has passed the second map, `label`, before it goes wrong. In the third it
# is wrong from its first line.
#
# ## How exact is a difference?
#
# The derivative is the limit of a difference quotient, and a computer cannot take limits. It has to choose a step $s$.
# Let $f(s)$ be the loss after a step $s$ along some direction. Taylor's theorem gives
#
# $$f(\pm s) = f \pm s f' + \tfrac{1}{2} s^2 f'' \pm \tfrac{1}{6} s^3 f''' + \tfrac{1}{24} s^4 f^{(4)}
#   \pm \tfrac{1}{120} s^5 f^{(5)} + \cdots,$$
#
# with $f$ and all its derivatives on the right taken at 0. What does each quotient miss?
#
# $$\begin{aligned}
# \frac{f(s) - f(0)}{s} &= f' + \tfrac{1}{2} s f'' + \cdots && \text{forward difference} \\
# D(s) = \frac{f(s) - f(-s)}{2s} &= f' + \tfrac{1}{6} s^2 f''' + \tfrac{1}{120} s^4 f^{(5)} + \cdots
#   && \text{central: the even terms cancel} \\
# D(s/2) &= f' + \tfrac{1}{24} s^2 f''' + \tfrac{1}{1920} s^4 f^{(5)} + \cdots && \text{half the step} \\
# \frac{4 D(s/2) - D(s)}{3} &= f' + \tfrac13 \bigl( \tfrac{4}{1920} - \tfrac{1}{120} \bigr) s^4 f^{(5)} + \cdots
#   && \text{five-point: the } s^2 \text{ terms cancel} \\
#   &= f' - \tfrac{1}{480} s^4 f^{(5)} + \cdots && \tfrac{1}{480} - \tfrac{4}{480} = -\tfrac{3}{480}
# \end{aligned}$$
#
# So should $s$ be as small as possible? No, for each value of $f$ is rounded, with an error of about
# $\varepsilon |f|$, where $\varepsilon = 2^{-52}$. The quotient divides this by $s$. The two errors work against each
# other. Where is their sum least? Write $C s^q$ for the first term that was left out, $q$ being its power of $s$:
#
# $$\begin{aligned}
# E(s) &\approx C\, s^q + \frac{\varepsilon\, |f|}{s} && q = 1, 2, 4 \\
# 0 = E'(s) &= q\, C\, s^{q-1} - \frac{\varepsilon\, |f|}{s^2} && \text{at the least error the slope is } 0 \\
# s^{q+1} &= \frac{\varepsilon\, |f|}{q\, C} && \text{times } s^2, \text{ solved} \\
# s &\sim \varepsilon^{1/(q+1)} && \text{if } |f| \text{ and } C \text{ are of size } 1
# \end{aligned}$$
#
# A picture of it is a V. On logarithmic axes its left side has the slope $-1$, and its right side the slope $q$.

# %%
steps = np.logspace(0, -13, 53)
curves = [v_curve(f, params, grads, np.random.default_rng(seed), steps)[1] for seed in range(9)]
orders = {"forward": 1, "central": 2, "five-point": 4}
error = {name: np.median([curve[name] for curve in curves], axis=0) for name in orders}  # of nine directions
for name, q in orders.items():
    best = EPS ** (1 / (q + 1))
    right = (steps < 1e-1) & (steps > 10 * best)  # of the minimum, where the power of s rules
    left = steps < best / 10  # where rounding rules
    slopes = [np.polyfit(np.log(steps[side]), np.log(error[name][side]), 1)[0] for side in (left, right)]
    least = steps[error[name].argmin()]
    print(f"{name:10}  slopes {slopes[0]:.2f}, {slopes[1]:.2f}  least error {error[name].min():.0e} at s = {least:.0e}")
    assert round(slopes[0]) == -1 and round(slopes[1]) == q  # an order is a whole number: being off by half decides
    assert best / 20 < least < 20 * best  # C is not 1: (1/C)^(1/(q+1)) lies in between for C from 1/400 to 400

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.8))
for (name, q), marker in zip(orders.items(), "os^"):
    (line,) = ax.loglog(steps, error[name], marker + "-", markersize=3.5, linewidth=1, label=f"{name}, q = {q}")
    ax.axvline(EPS ** (1 / (q + 1)), color=line.get_color(), linestyle=":", linewidth=1)
ax.set(xlabel="step s", ylabel="relative error", title="Three differences; dotted: $s = ε^{1/(q+1)}$", ylim=(1e-15, 10))
ax.legend(loc="lower left")
show("The error of forward, central and five-point differences against the step: three Vs with one left side")

# %% [markdown]
# A gradient whose error is smaller than the lowest point of a curve cannot be told from a right one by that difference.
# And a mistake in a term that is usually small may well be that small. So `check_gradient` uses five points, and
# measures how much rounding there is in $f$ to know what it may expect.
#
# ## The complex step
#
# The rounding error came from subtracting two nearly equal numbers. There is a derivative without a subtraction (James
# Lyness and Cleve Moler, 1967). Let the step be imaginary:
#
# $$\begin{aligned}
# f(\mathrm{i}s) &= f + \mathrm{i} s f' - \tfrac{1}{2} s^2 f'' - \tfrac{1}{6} \mathrm{i} s^3 f''' + \cdots
#      && \text{Taylor, with } \mathrm{i}^2 = -1 \\
# \operatorname{Im} f(\mathrm{i}s) &= s f' - \tfrac{1}{6} s^3 f''' + \cdots && \text{the imaginary part} \\
# \frac{\operatorname{Im} f(\mathrm{i}s)}{s} &= f' - \tfrac{1}{6} s^2 f''' + \cdots && \text{divide}
# \end{aligned}$$
#
# Nothing cancels, so $s$ can be $10^{-30}$, and the error $s^2$ is gone. What it needs: $f$ is analytic near the point
# where we are, and its code accepts complex numbers. The largest logit, which the cross-entropy subtracts, is not
# analytic. But it does no harm, since the loss does not depend on what is subtracted.

# %%
report = check_complex_step(f, params, grads)
print(report)
assert report.passed
assert max(row.rel_err for row in report.rows) < 0.1 * error["five-point"].min()  # no difference comes near it

# %% [markdown]
# ## The Taylor remainder
#
# A check that needs no tolerance for the error asks not how large it is, but how it shrinks. Go a step $s$ in a random
# direction $v$ through the space of all parameters, and take away what the gradient predicts. By Taylor's theorem,
#
# $$R(s) = \big| f(\theta + s v) - f(\theta) - s\, \nabla f \cdot v \big|
#   = \tfrac{1}{2} s^2\, \big| v^{\mathsf T}\, (\nabla^2 f)\, v \big| + O(s^3)$$
#
# with the matrix $\nabla^2 f$ of second derivatives. If the gradient is right, the remainder falls with $s^2$. If it is
# wrong by $e$, there remains $s\, |e \cdot v|$, and for small $s$ it falls with $s$ alone. On logarithmic axes the
# powers are slopes, 2 or 1, and one sees at a glance which it is. The slope is fitted to the five smallest steps: at
# long ones the curvature hides the mistake, and the two lines coincide.

# %%
wrong = grads | {"hidden.b": 1.02 * grads["hidden.b"]}
right_slope, wrong_slope = (taylor_slope(f, params, g, np.random.default_rng(1)) for g in (grads, wrong))
for name, result in (("right", right_slope), ("2 % wrong in one bias vector", wrong_slope)):
    print(f"{name}: slope {result.slope:.3f}, passed: {result.passed}")
assert right_slope.passed and abs(right_slope.slope - 2) < 0.1
assert not wrong_slope.passed and abs(wrong_slope.slope - 1) < 0.1

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.4))
for name, result, marker, colour in (("right", right_slope, "o-", "right"), ("2 % wrong", wrong_slope, "s--", "wrong")):
    label_text = f"{name}: slope {result.slope:.2f}"
    ax.loglog(result.steps, result.remainders, marker, linewidth=1, color=COLOURS[colour], label=label_text)
ax.set(xlabel="step s", ylabel="remainder R(s)", title="What is left when the linear part is taken away")
ax.legend()
show(
    "The Taylor remainder against the step: slope 2 for the right gradient; for one that is two percent wrong the same "
    "at long steps, and slope 1 at short ones"
)

# %% [markdown]
# ## What a kink does
#
# Taylor's theorem needs derivatives, and ReLU has none at 0: there its slope jumps. A difference whose two points lie
# on either side of the kink measures a mixture of the two slopes. At $x = 0$ itself the central difference of ReLU is
# $(s - 0)/2s = 1/2$ for every $s$, neither 0 nor 1.
#
# In a network this happens when a unit is close to switching. We build the case: the tanh is replaced by a ReLU, and
# one bias is set such that one unit, for one digit, is a millionth above 0.


# %%
def rectified(params):
    """As `forward`, with ReLU for tanh; its caches, whose second is the ReLU's output."""
    z, first = linear_forward(phi, params["hidden.W"], params["hidden.b"])
    h, _ = relu_forward(z)
    logits, second = linear_forward(h, params["label.W"], params["label.b"])
    loss, last = cross_entropy_forward(logits, labels)
    return loss.mean(), (first, h, second, last)


near = {name: value.copy() for name, value in params.items()}
z, _ = linear_forward(phi, near["hidden.W"], near["hidden.b"])
near["hidden.b"][2] += 1e-6 - z[0, 2]  # now z[0, 2] = 1e-6
_, (first, h, second, last) = rectified(near)
dh, label = linear_backward(cross_entropy_backward(np.full(20, 1 / 20), last), second)
grads_near = hidden_gradients(relu_backward(dh, h)) | {"label.W": label["W"], "label.b": label["b"]}

kink_steps = np.logspace(-3, -10, 57)
kink_error = {}
for unit in (2, 3):
    slopes = []
    for s in kink_steps:
        moved = [{k: v.copy() for k, v in near.items()} for _ in range(2)]
        for m, sign in zip(moved, (1, -1)):
            m["hidden.b"][unit] += sign * s
        slopes.append((rectified(moved[0])[0] - rectified(moved[1])[0]) / (2 * s))
    kink_error[unit] = np.abs(np.array(slopes) / grads_near["hidden.b"][unit] - 1)
beyond = (kink_steps > 2e-6) & (kink_steps < 1e-4)
least, other = kink_error[2][beyond].min(), kink_error[3][beyond].max()
print(f"steps over the kink: off by {least:.0e} or more; the other bias by {other:.0e} or less")
assert least > 1000 * other
assert kink_error[2][kink_steps < 9e-7].max() < least

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7, 3.4))
for unit, colour, marker in [(2, "wrong", "s-"), (3, "right", "o-")]:
    name = "bias of the unit near its kink" if unit == 2 else "another bias"
    ax.loglog(kink_steps, kink_error[unit], marker, markersize=3.5, linewidth=1, color=COLOURS[colour], label=name)
ax.axvline(1e-6, color=COLOURS["exact"], linestyle=":", label="distance to the kink")
ax.set(xlabel="step s", ylabel="relative error", title="Central differences of a network with ReLU")
ax.legend(loc="center right")
show("The error of central differences against the step: for the bias near a kink it jumps where the step reaches it")

# %% [markdown]
# As soon as the step is longer than the way to the kink, the difference is wrong, and the gradient is not. Many
# published gradient checks meet this by a tolerance wide enough to hide it, which hides mistakes as well. Here the
# function returns, next to its value, a *signature*: the ReLU masks, which say on which smooth piece of the function
# the point lies. A comparison whose step changes the signature is not made. It is counted as a kink. Too many of them
# are a failure, by default more than a twentieth of a parameter's entries. Here one of ten biases is one tenth, so we
# allow a fifth.


# %%
def f_blind(params):
    return rectified(params)[0]


def f_signed(params):
    loss, (_, h, _, _) = rectified(params)
    return loss, (h > 0,)


print("without the masks:")
blind = check_gradient(f_blind, near, grads_near)
print(blind)
assert not blind.passed and "is the slope on its side" in " ".join(str(blind).split())

print("\nwith the masks:")
signed = check_gradient(f_signed, near, grads_near, max_kinks=0.2)
print(signed)
assert signed.passed and signed["hidden.b"].kinks == 1
assert not check_gradient(f_signed, near, grads_near).passed  # a tenth is more than a twentieth

# %% [markdown]
# And the complex step? One reads that it fails for ReLU, since $\max(x, 0)$ is not analytic. That is tempting, and
# false. It is not analytic *at* 0. Anywhere else it is $x$, or it is 0, and both are as analytic as can be. A step of
# $10^{-30}\,\mathrm{i}$ leaves the real part where it is, and NumPy's maximum of complex numbers goes by the real part
# first. So the step never crosses a kink, however near:

# %%
report = check_complex_step(f_blind, near, grads_near)
print(report)
assert report.passed and not blind["hidden.b"].passed  # where differences are wrong it is right, without any masks

# %% [markdown]
# At exactly 0 there is no derivative to be found: NumPy then goes by the imaginary part, and the step says 1 where the
# code takes 0. What limits the complex step is something else: all code on the way has to accept complex numbers. A
# sensor that rounds a location to pixels does not.
#
# ## What to remember
#
# Add passes a cotangent on, multiply takes it times the other, and uses add up. A backward function turns the cotangent
# of an output into the cotangents of the inputs, and knows nothing else. Weight gradients are sums over rows:
# $x^{\mathsf T} \mathrm{d}y$. The gradient of softmax with cross-entropy is what was said minus what is right.
# Differences have an error that first falls and then rises with a smaller step. The complex step has no such error.
# The Taylor remainder tells right from wrong by a slope. Near a kink differences are wrong and gradients are not, so a
# check has to know where the kinks are.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("dW = dW_first + dW_second", "dW = dW_first"),  # a use is forgotten
    ("dproduct * x, dproduct * W", "dproduct * W, dproduct * x"),  # each gets itself, not the other
    ("dz, dW_second = dL * W, dL * z", "dz, dW_second = -dL * W, dL * z"),
    ("dW[i, j] += dy[n, j] * x[n, i]", "dW[i, j] = dy[n, j] * x[n, i]"),  # the last row alone
    ("dx[n, i] += dy[n, j] * W[i, j]", "dx[n, i] = dy[n, j] * W[i, j]"),  # the last output alone
    ("db[j] += dy[n, j]", "db[j] += dy[n, j] / len(dy)"),
    ("minram.ops", "dy @ W.T if", "dy @ W if"),  # fits where W is square
    ("minram.ops", "x.T @ dy", "x.T @ dy / len(x)"),
    ("minram.ops", '"b": dy.sum(axis=0)', '"b": dy[1:].sum(axis=0)'),
    ("minram.ops", "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y >= 0, out=out)"),
    ("minram.ops", "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, y, out=out)"),
    ("minram.ops", "dy * (1 - y * y)", "dy * (1 - y)"),
    ("minram.ops", "dy * (1 - y * y)", "dy * (1 + y * y)"),
    ("said - right", "right - said"),
    ("minram.ops", "* (cache.p - onehot)", "* (onehot - cache.p)"),
    ("minram.ops", "* (cache.p - onehot)", "* cache.p"),
    ("minram.ops", "dloss[..., None] * (cache.p", "dloss.mean() * (cache.p"),
    ("minram.ops", "z = logits - logits.max(axis=-1, keepdims=True)", "z = np.minimum(logits, 700)"),
    ("np.full(len(labels), 1 / len(labels))", "np.ones(len(labels))"),  # a sum for the mean
    ("dz = tanh_backward(dh, bend)", "dz = dh"),
    ('tanh_backward(dlogits @ params["label.W"], bend)', "tanh_backward(dh, bend)"),  # no mistake: none to be found
    ("20 * g for name", "g for name"),
    ("minram.gradcheck.taylor", "(4 * narrow - wide) / 3", "(4 * narrow - wide) / 2"),
    ("minram.gradcheck.taylor", "(value(h) - value(-h)) / (2 * h)", "(value(2 * h) - value(0)) / (2 * h)"),
    ("1.02 * grads", "1.0 * grads"),
    ("1e-6 - z[0, 2]", "1e-2 - z[0, 2]"),  # no kink within reach
    ("return loss, (h > 0,)", "return loss, ()"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to a recursion through time. Each has a function to be written and, after it, a check that
# says at once what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np

from exercise import answers, entries, exercise, finish, numbers, parts, same
from minram.gradcheck import check_pair
from minram.ops import cross_entropy_forward, linear_backward, linear_forward, relu_backward, relu_forward

# %% [markdown]
# **1. Predict**, before you compute anything. A linear map and a ReLU, $h = \operatorname{ReLU}(x W + b)$, and $L$ the
# sum of all $h$.
#
# - `a`: every row of $x$ is given twice. By what is $\mathrm{d}W$ multiplied?
# - `b`: the same, but $L$ is, before and after, the mean over the rows of each row's sum of $h$. By what now?
# - `c`: a unit is off, its $h$ is 0, for every row. What is $\mathrm{d}b$ for this unit?
# - `d`: after the cross-entropy: 7 is added to all ten logits of a row. By how much does its loss change?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 2, "b": 1, "c": 0, "d": 0}


# %%
@exercise("1. Predict")
def check_predicted():
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((6, 4)), rng.standard_normal((4, 3)), np.array([0.1, -50.0, 0.2])

    def gradients(x, scale):
        z, cache = linear_forward(x, W, b)
        h, on = relu_forward(z)
        return linear_backward(relu_backward(np.full(h.shape, scale), on), cache)[1]

    once, twice = gradients(x, 1.0), gradients(np.concatenate([x, x]), 1.0)
    mean, mean_twice = gradients(x, 1 / 6), gradients(np.concatenate([x, x]), 1 / 12)
    logits, labels = rng.standard_normal((1, 10)), np.array([3])
    change = cross_entropy_forward(logits + 7, labels)[0] - cross_entropy_forward(logits, labels)[0]
    seen = {
        "a": twice["W"][0, 0] / once["W"][0, 0],
        "b": mean_twice["W"][0, 0] / mean["W"][0, 0],
        "c": once["b"][1],
        "d": change[0],
    }
    hints = {
        "a": "How often is a weight used now? Uses add up.",
        "b": "There are twice as many uses, but what does each row's cotangent begin with?",
        "c": "What does a gate that is shut let back?",
        "d": "Which fact about the softmax lets the package subtract the largest logit?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** $L = (x_1 + x_2) \cdot (x_1 \cdot x_2)$ with $x_1 = 2$ and $x_2 = -3$. Draw the graph: a node
# for the sum, one for the product, and one that multiplies the two. Write the values on it, then the cotangents.


# %% tags=["solution"]
def cotangents_by_hand():
    """→ {"sum": …, "product": …, "x1": …, "x2": …}, four numbers."""
    # Solution
    # The sum is −1, the product −6. Each gets the other. Then x1 gets dsum, and dproduct · x2.
    return {"sum": -6, "product": -1, "x1": -6 + 3, "x2": -6 - 2}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Forward: the values of the two nodes in the middle. Backward from 1: a product gives each factor the other.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# Both $x_1$ and $x_2$ are used twice. Write down what comes back by the sum, and what comes back by the product, and
# only then the cotangent.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    step, names = 1e-4, ("sum", "product", "x1", "x2")
    got = dict(zip(names, entries(cotangents_by_hand(), *names)))

    def L(sum=0.0, product=0.0, x1=0.0, x2=0.0):  # what is added to each of the four
        x1, x2 = 2.0 + x1, -3.0 + x2
        return (x1 + x2 + sum) * (x1 * x2 + product)

    slope = {name: (L(**{name: step}) - L(**{name: -step})) / (2 * step) for name in got}  # off by step² at most
    for name, want in slope.items():
        if name.startswith("x"):
            because = {
                "this is what comes back by the sum; but it is used in the product, too.": slope["sum"],
                "this is what comes back by the product; but it is used in the sum, too.": want - slope["sum"],
            }
        else:
            itself = {"sum": 2.0 + -3.0, "product": 2.0 * -3.0}[name]
            because = {"this is the node's own value; a product gives each factor the other.": itself}
        same(f"the cotangent of {name}", got[name], want, because, tolerance=1e-6)


# %% [markdown]
# **3. A scalar function.** Softplus, $y = \log(1 + e^x)$, is a ReLU without the kink. Derive its derivative, and write
# the backward pass from the cached $x$. No exponential may overflow, not even one whose result is thrown away: the
# inputs of the check go from $-1000$ to 1000.


# %%
def softplus_forward(x):
    return np.logaddexp(0, x), x


# %% tags=["solution"]
def softplus_backward(dy, x):
    """dy (...), the cached x (...) → dx (...)."""
    # Solution
    # By the chain rule e^x / (1 + e^x), which is e^(x − log(1 + e^x)), and the exponent is never positive.
    return dy * np.exp(x - np.logaddexp(0, x))


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# The chain rule gives a quotient with $e^x$ in it. Divide above and below by $e^x$: which of the two forms overflows at
# 1000, and which at $-1000$?
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# `np.where` computes both of its branches everywhere. Write the quotient as one exponential: its exponent is a
# difference that you can compute without overflow. Or limit $x$ to a range in which nothing happens.
#
# </details>


# %%
@exercise("3. Softplus")
def check_softplus():
    rng = np.random.default_rng(1)

    def backward(dy, x):
        return numbers("dx", softplus_backward(dy.copy(), x.copy()))

    low, high = backward(np.ones(2), np.array([-9.0, 9.0]))
    turned = "As y is nearly max(0, x), its slope is nearly 0 far to the left and 1 far to the right, not the reverse."
    assert not np.allclose([low, high], [1, 0], atol=1e-3), turned
    for shape in ((5, 4), (7,)):
        x = 3 * rng.standard_normal(shape)
        check_pair(softplus_forward, backward, {"x": x}, rng=rng).raise_if_failed()
    ends = np.array([-1000.0, -40.0, 40.0, 1000.0])
    with np.errstate(over="ignore", invalid="ignore"):
        got = backward(np.full(4, 2.0), ends)
    same("dx at −1000, −40, 40, 1000", got, [0, 0, 2, 2])
    try:
        with np.errstate(over="raise", invalid="raise"):
            softplus_backward(np.full(4, 2.0), ends.copy())
    except FloatingPointError as error:
        raise AssertionError(f"The numbers are right, but on the way there is an {error}.") from None


# %% [markdown]
# **4. A matrix.** Layer normalisation. Each row is shifted to mean 0 and scaled to variance 1, then given a learned
# scale and shift. With $\bar{x}$ the mean of the row's $D$ entries, and their variance the mean of
# $(x_i - \bar{x})^2$,
#
# $$\hat{x}_i = \frac{x_i - \bar{x}}{\sqrt{\text{variance} + 10^{-5}}}, \qquad
#   y_i = \text{scale}_i \cdot \hat{x}_i + \text{shift}_i.$$
#
# Now an entry of $x$ acts on all the entries of its row, by three ways: directly, through the mean and through the
# variance. Derive all three before you write a line. The gradients of scale and shift are warm-ups.


# %%
def layernorm_forward(x, scale, shift):
    """x (N, D), scale (D,), shift (D,) → y (N, D)."""
    mean = x.mean(axis=1, keepdims=True)  # (N, 1)
    root = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5)  # (N, 1)
    xhat = (x - mean) / root  # (N, D)
    return scale * xhat + shift, (xhat, root, scale)


# %% tags=["solution"]
def layernorm_backward(dy, cache):
    """dy (N, D) → dx (N, D), {"scale": (D,), "shift": (D,)}."""
    xhat, root, scale = cache
    # Solution
    # With dx̂ = dy · scale, root = √(variance + 10⁻⁵), and i, j entries of a row:
    #   directly               ∂x̂_j/∂x_i = [i = j] / root
    #   through the mean       ∂x̂_j/∂mean = −1/root, ∂mean/∂x_i = 1/D; the variance does not change with the mean,
    #                          as Σ_j (x_j − mean) = 0
    #   through the variance   ∂x̂_j/∂variance = −x̂_j / (2 root²), ∂variance/∂x_i = 2 (x_i − mean)/D = 2 root x̂_i / D
    # Their sum is dx_i = (dx̂_i − mean of dx̂ − x̂_i · mean of dx̂ x̂) / root.
    dxhat = dy * scale
    along = (dxhat * xhat).mean(axis=1, keepdims=True)
    dx = (dxhat - dxhat.mean(axis=1, keepdims=True) - xhat * along) / root
    return dx, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Go back in two stages. First from $\mathrm{d}y$ to the cotangent of $\hat{x}$: that is *multiply*. Then from
# $\hat{x}$ to $x$, and here are the three ways.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# Mean and variance are numbers that all entries of the row use. So their cotangents are sums over the row. Each entry
# of $x$ gets its share of these: by how much do mean and variance change if $x_i$ alone does?
#
# </details>
# <details><summary>Exercise 4, third hint</summary>
#
# Test yourself without the check. If all entries of a row of $x$ grow by the same number, $y$ does not change. If they
# are all stretched away from their mean, $y$ hardly changes. What does each say about $\mathrm{d}x$?
#
# </details>


# %%
@exercise("4. Layer normalisation")
def check_layernorm():
    rng = np.random.default_rng(2)

    def backward(dy, cache):
        dx, grads = parts(layernorm_backward(dy.copy(), tuple(a.copy() for a in cache)), "dx", "the gradients")
        dscale, dshift = entries(grads, "scale", "shift")
        return numbers("dx", dx), {"scale": numbers("dscale", dscale), "shift": numbers("dshift", dshift)}

    for N, D in ((5, 4), (3, 3), (2, 7)):
        inputs = {"x": rng.standard_normal((N, D)), "scale": rng.standard_normal(D), "shift": rng.standard_normal(D)}
        _, cache = layernorm_forward(**inputs)
        dx, _ = backward(rng.standard_normal((N, D)), cache)
        assert np.shape(dx) == (N, D), f"dx should have the shape {(N, D)}, but has {np.shape(dx)}."
        report = check_pair(layernorm_forward, backward, inputs, rng=rng)
        if not report["x"].passed:
            size = np.abs(dx).max()
            moved = np.abs(dx.sum(axis=1)).max() / size
            stretched = np.abs((dx * cache[0]).sum(axis=1)).max() / size
            assert moved < 1e-9, (
                f"Adding a number to a row changes nothing, so each row of dx should add up to 0, but one adds up to "
                f"{moved:.2g} times its largest entry: how does x act through the mean?"
            )
            assert stretched < 1e-2, (
                "Stretching a row about its mean changes almost nothing, so each row of dx · x̂ should add up to about "
                f"0, but one adds up to {stretched:.2g} of dx's largest entry: how does x act through the variance?"
            )
        report.raise_if_failed()


# %% [markdown]
# **5. Time.** A memory that leaks: $y_t = \tfrac12 y_{t-1} + x_t$ for $t = 1, \dots, T$, with $y_0 = 0$. So $y_t$ is
# used twice. It is an output, to which the cotangent $\delta_t$ comes from outside. And it is used by $y_{t+1}$. Write
# $\mathrm{d}x$ for arrays $(T, N)$. (Lesson 4 is this, with matrices.)


# %%
def leaky_forward(x):
    """x (T, N) → y (T, N)."""
    y = np.zeros_like(x)
    for t in range(len(x)):
        y[t] = (0.5 * y[t - 1] if t else 0) + x[t]
    return y, None


# %% tags=["solution"]
def leaky_backward(delta, cache):
    """delta (T, N), what comes from outside to each y_t → dx (T, N). There is nothing in the cache."""
    # Solution
    # dy_t = δ_t + ½ dy_{t+1}: what comes from outside, and what comes by the next step. And dx_t = dy_t.
    dy = delta.copy()
    for t in reversed(range(len(delta) - 1)):
        dy[t] += 0.5 * dy[t + 1]
    return dy


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# Draw three steps. Which way do the dashed arrows go between $y_1$, $y_2$ and $y_3$? Which cotangent can you write down
# first?
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# Uses add up: the whole cotangent of $y_t$ has one term from outside and one from $y_{t+1}$. The latter is in terms of
# the *whole* cotangent of $y_{t+1}$.
#
# </details>


# %%
@exercise("5. A memory that leaks")
def check_leaky():
    rng = np.random.default_rng(3)

    def backward(delta, cache):
        return numbers("dx", leaky_backward(delta.copy(), cache))

    for T, N in ((1, 2), (4, 3), (6, 1)):
        x = rng.standard_normal((T, N))
        report = check_pair(leaky_forward, backward, {"x": x}, rng=rng)
        if not report.passed and T > 1:
            for t in range(T):  # a cotangent at one step alone, in powers of a half
                delta = np.zeros((T, N))
                delta[t] = 1
                got = backward(delta, None)
                assert got.shape == (T, N), f"dx should have the shape {(T, N)}, but has {got.shape}."
                assert not got[t + 1 :].any(), (
                    f"y_{t + 1} is judged, and a later x gets a gradient; it cannot act backwards in time."
                )
                assert t == 0 or got[t - 1].any(), f"y_{t + 1} is judged, and x_{t} gets nothing: y_{t} is used by it."
                assert t < 2 or got[t - 2].any(), f"y_{t + 1} is judged, and x_{t - 1} gets nothing: two steps back."
        report.raise_if_failed()


# %%
finish()
