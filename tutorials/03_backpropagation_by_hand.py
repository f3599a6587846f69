# %% [markdown]
# # 3 · Backpropagation by hand
#
# **What you will see.** The derivatives of the four operations that the whole network is made of, each derived index
# by index; how they are chained; and four ways to find out whether a gradient is right: finite differences, the
# complex step, the Taylor remainder, and knowing what a kink does to all of them.
#
# **What you need.** The chain rule for functions of several variables, matrix products. The other lessons are not
# needed.
#
# **How long it runs.** A few seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np

from lesson import show_source
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
rng = np.random.default_rng(0)

# %% [markdown]
# ## What a gradient is
#
# Take 20 digits, shrunk to $4 \times 4$ cells, and a small network that names them: a linear map, a tanh, another
# linear map, and the cross-entropy of the right label. Its loss is one number $L$. Change one weight, leave the others,
# and the loss draws a curve. The derivative of $L$ by this weight is the slope of the curve where we are.
#
# Every weight has such a curve. *Backpropagation* finds all the slopes at once, for
# little more than the price of computing $L$. Here are three of the curves, with lines drawn at the slopes that it
# found. The rest of the lesson says how it found them.

# %%
digits = data.load()
labels = digits.y_test[:20]
phi, _ = sensor_forward(summed_area(digits.x_test[:20]), np.zeros((20, 2)), scales=(7,), patch_size=4)  # (N, 16)
params = {
    "hidden.W": rng.standard_normal((16, 8)) / 2,
    "hidden.b": rng.standard_normal(8) / 2,
    "label.W": rng.standard_normal((8, 10)) / 2,
    "label.b": rng.standard_normal(10) / 2,
}


def forward(params):
    """L, the mean cross-entropy of the labels, and the caches of the four operations."""
    z, first = linear_forward(phi, params["hidden.W"], params["hidden.b"])  # (N, 8)
    a, bend = tanh_forward(z)  # (N, 8)
    logits, second = linear_forward(a, params["label.W"], params["label.b"])  # (N, 10)
    loss, last = cross_entropy_forward(logits, labels)  # (N,)
    return loss.mean(), (first, bend, second, last)


def backward(caches):
    """The gradients of L by all parameters: the same operations in reverse order."""
    first, bend, second, last = caches
    dloss = np.full(len(labels), 1 / len(labels))  # (N,) L is the mean of the losses
    dlogits = cross_entropy_backward(dloss, last)  # (N, 10)
    da, label = linear_backward(dlogits, second)  # (N, 8)
    dz = tanh_backward(da, bend)  # (N, 8)
    _, hidden = linear_backward(dz, first)
    return {"hidden.W": hidden["W"], "hidden.b": hidden["b"], "label.W": label["W"], "label.b": label["b"]}


L, caches = forward(params)
grads = backward(caches)
print(f"L = {L:.3f} nats, {sum(g.size for g in grads.values())} slopes")

fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for ax, (name, index) in zip(axes, [("hidden.W", (6, 3)), ("hidden.b", (5,)), ("label.W", (2, 7))]):
    theta, steps = params[name][index], np.linspace(-4, 4, 81)
    curve = []
    for step in steps:
        moved = {key: value.copy() for key, value in params.items()}
        moved[name][index] += step
        curve.append(forward(moved)[0])
    ax.plot(theta + steps, curve, color=COLOURS["label"])
    near = np.array([-1.5, 1.5])
    ax.plot(theta + near, L + grads[name][index] * near, color=COLOURS["location"], label=f"{grads[name][index]:.3f}")
    ax.plot(theta, L, "o", color=COLOURS["exact"])
    ax.legend(title="slope", loc="upper center")
    ax.set(xlabel=f"{name}[{', '.join(map(str, index))}]")
axes[0].set(ylabel="loss L (nats)")
plt.show()

# %% [markdown]
# ## The rule of the game
#
# For any array $y$ on the way to $L$, write $\mathrm{d}y$ for the array of all $\partial L / \partial y_k$. It has the
# shape of $y$ and is called the *cotangent* of $y$. If $y$ is computed from $x$, and $x$ is used nowhere else, the
# chain rule gives
#
# $$\mathrm{d}x_i = \frac{\partial L}{\partial x_i}
#   = \sum_k \frac{\partial L}{\partial y_k} \frac{\partial y_k}{\partial x_i}
#   = \sum_k \mathrm{d}y_k\, \frac{\partial y_k}{\partial x_i}.$$
#
# So each operation needs to know one thing: how to turn $\mathrm{d}y$ into $\mathrm{d}x$. It need not know what $L$ is,
# or what comes later. In `minram` each operation is a pair of functions, `…_forward`, which returns $y$ and whatever
# the way back will need, and `…_backward`, which is this formula. `backward` above is nothing but such functions, one
# after the other, last operation first.
#
# ## Linear
#
# $N$ rows go through the same map, $y_{nj} = \sum_i x_{ni} W_{ij} + b_j$. Three arrays went in, so three cotangents
# come back. First the weight. Which $y$ depend on $W_{ij}$? Those of column $j$, in every row:
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
# Three formulas, three expressions:

# %%
show_source(linear_forward, linear_backward)

# %% [markdown]
# A check that costs nothing is the shapes: $x^{\mathsf T} \mathrm{d}y$ is $(\text{in}, N)(N, \text{out})$, and there is
# only one way to multiply these. The other check is by numbers. `check_pair` draws a random cotangent $v$, takes
# $L = \sum_k v_k y_k$, whose cotangent is $\mathrm{d}y = v$, and compares every entry of what `backward` returns with
# finite differences of $L$. What those are, and how exact, comes below.

# %%
x, W, b = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(3)
report = check_pair(linear_forward, linear_backward, {"x": x, "W": W, "b": b}, rng=rng)
print(report)
assert report.passed

# %% [markdown]
# ## ReLU and tanh
#
# These act on each entry alone, $y_k = f(x_k)$.

# %%
at = np.linspace(-3, 3, 601)
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True)
for ax, name, f, df in [(axes[0], "ReLU", relu_forward, relu_backward), (axes[1], "tanh", tanh_forward, tanh_backward)]:
    y, cache = f(at)
    ax.plot(at, y, color=COLOURS["label"], label="f(x)")
    ax.plot(at, df(np.ones_like(at), cache), "--", color=COLOURS["location"], label="f′(x)")
    ax.set(title=name, xlabel="x", ylim=(-1.2, 2))
    ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# So in the sum of the chain rule only one term is left:
#
# $$\mathrm{d}x_i = \sum_k \mathrm{d}y_k\, \frac{\partial y_k}{\partial x_i} = \mathrm{d}y_i\, f'(x_i).$$
#
# For ReLU, $f(x) = \max(x, 0)$, the derivative is 1 where $x > 0$ and 0 where $x < 0$. At 0 there is none, and the code
# takes 0. For tanh,
#
# $$\begin{aligned}
# \frac{\mathrm{d}}{\mathrm{d}x} \tanh x &= \frac{\mathrm{d}}{\mathrm{d}x} \frac{\sinh x}{\cosh x}
#      && \text{definition} \\
#   &= \frac{\cosh x \cosh x - \sinh x \sinh x}{\cosh^2 x} && \text{quotient rule} \\
#   &= 1 - \tanh^2 x. && \text{divide each term}
# \end{aligned}$$
#
# Both derivatives can be read off the *output* $y$: $y > 0$ exactly where $x > 0$, and $1 - y^2$. That is why both
# functions cache $y$, which the next layer keeps anyway, and forget $x$.

# %%
show_source(relu_backward, tanh_backward)
report = check_pair(relu_forward, relu_backward, {"x": x}, rng=rng, signature=lambda y: (y > 0,))
report += check_pair(tanh_forward, tanh_backward, {"x": x}, rng=rng)
print(report)
assert report.passed

# %% [markdown]
# ## Softmax with cross-entropy
#
# The network ends in ten numbers $z_i$, the *logits*. The softmax makes them probabilities, and the loss is the
# negative logarithm of the probability of the right label $c$:
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}, \qquad \ell = -\log p_c = \log \sum_j e^{z_j} - z_c.$$
#
# Before the derivation, look at the result for one digit. The gradient by the logits is what the network said minus
# what it should have said.

# %%
n = 3
logits, _ = linear_forward(caches[2].x, params["label.W"], params["label.b"])
_, cache = cross_entropy_forward(logits, labels)
dlogits = cross_entropy_backward(np.ones(len(labels)), cache)
onehot = np.eye(10)[labels[n]]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.4), sharey=True)
bars = [
    ("p, what it said", cache.p[n], "label"),
    ("what is right", onehot, "exact"),
    ("dz, their difference", dlogits[n], "location"),
]
for ax, (title, height, colour) in zip(axes, bars):
    ax.bar(range(10), height, color=COLOURS[colour])
    ax.set(title=title, xlabel="label", xticks=range(10))
axes[0].set(ylabel="probability")
plt.show()

# %% [markdown]
# Derived, for one row:
#
# $$\begin{aligned}
# \frac{\partial \ell}{\partial z_i}
#   &= \frac{\partial}{\partial z_i} \log \sum_j e^{z_j} - \frac{\partial z_c}{\partial z_i}
#      && \text{sum rule} \\
#   &= \frac{1}{\sum_j e^{z_j}}\, \frac{\partial}{\partial z_i} \sum_j e^{z_j} - [i = c]
#      && \text{derivative of log, chain rule} \\
#   &= \frac{e^{z_i}}{\sum_j e^{z_j}} - [i = c] && \text{only the term } j = i \text{ depends on } z_i \\
#   &= p_i - [i = c]. && \text{definition of } p
# \end{aligned}$$
#
# Here $[i = c]$ is 1 if $i = c$ and else 0. Times the row's own cotangent $\mathrm{d}\ell$ this is the last line of
# `cross_entropy_backward`. The entries add up to 0, as they must: adding one number to all logits changes nothing,
#
# $$\frac{e^{z_i + a}}{\sum_j e^{z_j + a}} = \frac{e^a\, e^{z_i}}{e^a \sum_j e^{z_j}} = p_i,$$
#
# so the slope in this direction is 0. The forward pass makes use of the same fact and subtracts the largest logit
# first. Then no exponential exceeds 1, and nothing overflows.

# %%
show_source(cross_entropy_forward, cross_entropy_backward)
large, _ = cross_entropy_forward(np.array([[1000.0, 0.0]]), np.array([1]))
print(f"loss for the logits 1000 and 0, when the second is right: {large[0]}")
assert large[0] == 1000
assert np.abs(dlogits.sum(axis=1)).max() <= 10 * np.finfo(float).eps  # ten terms of at most 1, each rounded
report = check_pair(cross_entropy_forward, cross_entropy_backward, {"logits": logits, "labels": labels}, rng=rng)
print(report)
assert report.passed

# %% [markdown]
# ## The chain
#
# `backward`, at the beginning, chains the four. Its first line is one more small derivative: $L$ is the mean of the
# losses, so $\mathrm{d}\ell_n = 1/N$. There is nothing else in it. Every entry of its four gradients, against
# differences:


# %%
def f(params):
    return forward(params)[0]


report = check_gradient(f, params, grads)
print(report)
assert report.passed

# %% [markdown]
# A check is worth something only if it fails when it should. Forget that $\tanh$ has a derivative, or transpose the
# square matrix that should not be transposed, or add the rows' gradients where the mean was meant: each such gradient
# has the right shape, and nothing complains. Here is the first.

# %%
first, bend, second, last = caches
dlogits = cross_entropy_backward(np.full(20, 1 / 20), last)
da, _ = linear_backward(dlogits, second)
_, hidden = linear_backward(da, first)  # tanh_backward is missing
forgetful = grads | {"hidden.W": hidden["W"], "hidden.b": hidden["b"]}
report = check_gradient(f, params, forgetful)
print(report)
assert not report.passed and report["label.W"].passed and not report["hidden.W"].passed

# %% [markdown]
# The report says where to look: the parameters behind the missing step are wrong, those after it are right.
#
# ## How exact is a difference?
#
# The derivative is the limit of a difference quotient, and a computer cannot take limits. It has to choose a step $h$.
# Let $f(h)$ be the loss after a step $h$ along some direction. Taylor's theorem says what each quotient misses:
#
# $$\begin{aligned}
# f(h) &= f(0) + h f' + \tfrac{1}{2} h^2 f'' + \tfrac{1}{6} h^3 f''' + \cdots && \text{Taylor} \\
# \frac{f(h) - f(0)}{h} &= f' + \tfrac{1}{2} h f'' + \cdots && \text{forward difference} \\
# D(h) = \frac{f(h) - f(-h)}{2h} &= f' + \tfrac{1}{6} h^2 f''' + \cdots && \text{central: the even terms cancel} \\
# \frac{4 D(h/2) - D(h)}{3} &= f' - \tfrac{1}{480} h^4 f^{(5)} + \cdots
#   && \text{five-point: the } h^2 \text{ terms cancel}
# \end{aligned}$$
#
# So should $h$ be as small as possible? No, for each value of $f$ is rounded, with an error of about $\varepsilon |f|$,
# where $\varepsilon = 2^{-52}$. The quotient divides this by $h$. The two errors work against each other:
#
# $$\text{error}(h) \approx C\, h^p + \frac{\varepsilon\, |f|}{h}, \qquad
#   \text{least at } h \sim \varepsilon^{1/(p+1)} \quad \text{(set the derivative by } h \text{ to zero)},$$
#
# with $p = 1, 2, 4$. A picture of it is a V.

# %% tags=["picture"]
steps = np.logspace(0, -13, 53)
curves = [v_curve(f, params, grads, np.random.default_rng(seed), steps)[1] for seed in range(9)]
fig, ax = plt.subplots(figsize=(7, 3.8))
for (name, p), marker in zip({"forward": 1, "central": 2, "five-point": 4}.items(), "os^"):
    error = np.median([curve[name] for curve in curves], axis=0)  # the typical one of nine directions
    (line,) = ax.loglog(steps, error, marker + "-", markersize=3.5, linewidth=1, label=f"{name}, p = {p}")
    best = np.finfo(float).eps ** (1 / (p + 1))
    ax.axvline(best, color=line.get_color(), linestyle=":", linewidth=1)
    far = (steps < 1e-1) & (steps > 10 * best)  # right of the minimum, where the power of h rules
    slope = np.polyfit(np.log(steps[far]), np.log(error[far]), 1)[0]
    print(f"{name:10}  slope {slope:.2f}  least error {error.min():.1e} at h = {steps[error.argmin()]:.1e}")
    assert round(slope) == p  # an order is a whole number: being off by half decides
ax.set(xlabel="step h", ylabel="relative error", title="Three differences; dotted: $h = ε^{1/(p+1)}$", ylim=(1e-15, 10))
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# The left sides of all three curves are the same line, the rounding error $1/h$; the right sides have the slopes 1, 2
# and 4. A gradient whose error is smaller than the lowest point of a curve cannot be told from a right one by that
# difference, and a mistake in a term that is usually small may well be that small. So `check_gradient` uses five
# points, and measures how much rounding there is in $f$ to know what it may expect.
#
# ## The complex step
#
# The rounding error came from subtracting two nearly equal numbers. There is a derivative without a subtraction. Let
# the step be imaginary:
#
# $$\begin{aligned}
# f(\mathrm{i}h) &= f(0) + \mathrm{i} h f' - \tfrac{1}{2} h^2 f'' - \tfrac{1}{6} \mathrm{i} h^3 f''' + \cdots
#      && \text{Taylor, with } \mathrm{i}^2 = -1 \\
# \operatorname{Im} f(\mathrm{i}h) &= h f' - \tfrac{1}{6} h^3 f''' + \cdots && \text{the imaginary part} \\
# \frac{\operatorname{Im} f(\mathrm{i}h)}{h} &= f' - \tfrac{1}{6} h^2 f''' + \cdots && \text{divide}
# \end{aligned}$$
#
# Nothing cancels, so $h$ can be $10^{-30}$, and the error $h^2$ is gone. The function has to be analytic near the point
# and its code has to accept complex numbers. Linear maps, tanh and the cross-entropy do. So does ReLU away from its
# kink: complex numbers compare by their real parts first, and a step of $10^{-30}$ crosses no kink, however near.

# %%
report = check_complex_step(f, params, grads)
print(report)
assert report.passed

# %% [markdown]
# Compare the column of relative errors with that of the report above.
#
# ## The Taylor remainder
#
# A check that needs no tolerance for the error asks not how large it is, but how it shrinks. Go a step $h$ in a random
# direction $d$ through the space of all parameters, and take away what the gradient predicts. By Taylor's theorem,
#
# $$R(h) = \big| f(\theta + h d) - f(\theta) - h\, \nabla f \cdot d \big|
#   = \tfrac{1}{2} h^2\, \big| d^{\mathsf T} H d \big| + O(h^3)$$
#
# with the matrix $H$ of second derivatives. If the gradient is right, the remainder falls with $h^2$. If it is wrong by
# $e$, there remains $h\, |e \cdot d|$, and for small $h$ it falls with $h$ alone. On logarithmic axes the powers are
# slopes, 2 or 1, and one sees at a glance which it is.

# %%
wrong = grads | {"hidden.b": 1.02 * grads["hidden.b"]}
fig, ax = plt.subplots(figsize=(7, 3.4))
for name, g, marker, colour in [("right", grads, "o", "right"), ("2 % wrong in one bias vector", wrong, "s", "wrong")]:
    result = taylor_slope(f, params, g, np.random.default_rng(1))
    ax.loglog(
        result.steps,
        result.remainders,
        marker + "-",
        linewidth=1,
        color=COLOURS[colour],
        label=f"{name}: slope {result.slope:.2f}",
    )
    print(f"{name}: slope {result.slope:.3f}, passed: {result.passed}")
    assert result.passed == (g is grads)
ax.set(xlabel="step h", ylabel="remainder R(h)", title="What is left when the linear part is taken away")
ax.legend()
plt.show()

# %% [markdown]
# ## What a kink does
#
# All of this rested on Taylor's theorem, and ReLU does not obey it: at 0 its slope jumps. A difference whose two points
# lie on either side of the kink measures a mixture of the two slopes. At $x = 0$ itself the central difference of ReLU
# is $(h - 0)/2h = 1/2$ for every $h$, neither 0 nor 1.
#
# In a network this happens when a unit is close to switching. We build the case: the tanh is replaced by a ReLU, and
# one bias is set such that one unit, for one digit, is a millionth above 0.


# %%
def rectified(params):
    """As `forward`, with ReLU for tanh, and the masks of the ReLU."""
    z, first = linear_forward(phi, params["hidden.W"], params["hidden.b"])
    a, _ = relu_forward(z)
    logits, second = linear_forward(a, params["label.W"], params["label.b"])
    loss, last = cross_entropy_forward(logits, labels)
    return loss.mean(), (first, a, second, last)


near = {name: value.copy() for name, value in params.items()}
z, _ = linear_forward(phi, near["hidden.W"], near["hidden.b"])
near["hidden.b"][2] += 1e-6 - z[0, 2]  # now z[0, 2] = 1e-6
_, (first, a, second, last) = rectified(near)
da, label = linear_backward(cross_entropy_backward(np.full(20, 1 / 20), last), second)
_, hidden = linear_backward(relu_backward(da, a), first)
grads_near = {"hidden.W": hidden["W"], "hidden.b": hidden["b"], "label.W": label["W"], "label.b": label["b"]}

fig, ax = plt.subplots(figsize=(7, 3.4))
steps = np.logspace(-3, -10, 57)
for unit, colour in [(2, "wrong"), (3, "right")]:
    slopes = []
    for h in steps:
        moved = [{k: v.copy() for k, v in near.items()} for _ in range(2)]
        for m, sign in zip(moved, (1, -1)):
            m["hidden.b"][unit] += sign * h
        slopes.append((rectified(moved[0])[0] - rectified(moved[1])[0]) / (2 * h))
    error = np.abs(np.array(slopes) / grads_near["hidden.b"][unit] - 1)
    label = "bias of the unit near its kink" if unit == 2 else "another bias"
    ax.loglog(steps, error, "o-", markersize=3.5, linewidth=1, color=COLOURS[colour], label=label)
ax.axvline(1e-6, color=COLOURS["exact"], linestyle=":", label="distance to the kink")
ax.set(xlabel="step h", ylabel="relative error", title="Central differences of a network with ReLU")
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# As soon as the step is longer than the way to the kink, the difference is wrong, and the gradient is not. Many
# published gradient checks meet this by a tolerance wide enough to hide it, which hides mistakes as well. Here the
# function returns, next to its value, a *signature*: the ReLU masks, which say on which smooth piece of the function
# the point lies. A comparison whose step changes the signature is not made. It is counted as a kink, and too many of
# them are a failure.


# %%
def f_blind(params):
    return rectified(params)[0]


def f_signed(params):
    loss, (_, a, _, _) = rectified(params)
    return loss, (a > 0,)


print("without the masks:")
report = check_gradient(f_blind, near, grads_near)
print(report)
assert not report.passed

print("\nwith the masks:")
report = check_gradient(f_signed, near, grads_near, max_kinks=0.2)
print(report)
assert report.passed and report["hidden.b"].kinks == 1

# %% [markdown]
# ## What to remember
#
# A backward function turns the cotangent of an output into the cotangents of the inputs, and knows nothing else. Weight
# gradients are sums over rows: $x^{\mathsf T} \mathrm{d}y$. The gradient of softmax with cross-entropy is what was said
# minus what is right. Differences have an error that first falls and then rises with a smaller step; the complex step
# has no such error; the Taylor remainder tells right from wrong by a slope. Near a kink differences are wrong and
# gradients are not, so a check has to know where the kinks are.
#
# ## Exercises
#
# **1. Softplus**, $y = \log(1 + e^x)$, is a ReLU without the kink. Derive its derivative, and write the backward pass
# from the cached $x$. Take care that no exponential overflows: one of the inputs is $-1000$.


# %%
def softplus_forward(x):
    return np.logaddexp(0, x), x


# %% tags=["solution"]
def softplus_backward(dy, x):
    """dy (...), the cached x (...) → dx (...)."""
    # Solution
    # By the chain rule e^x / (1 + e^x), which is e^(x − log(1 + e^x)), and the exponent is never positive.
    return dy * np.exp(x - np.logaddexp(0, x))


# %%
x = rng.standard_normal((5, 4))
report = check_pair(softplus_forward, softplus_backward, {"x": x}, rng=rng)
print(report)
assert report.passed
with np.errstate(over="raise"):
    assert np.array_equal(softplus_backward(np.ones(2), np.array([-1000.0, 1000.0])), [0.0, 1.0])

# %% [markdown]
# **2. Layer normalisation.** Each row is shifted to mean 0 and scaled to variance 1, then given a learned scale and
# shift: with $m$ the mean of the row's $D$ entries and $v$ the mean of $(x_i - m)^2$,
#
# $$\hat{x}_i = \frac{x_i - m}{\sqrt{v + 10^{-5}}}, \qquad y_i = \gamma_i\, \hat{x}_i + \beta_i.$$
#
# Now an entry of $x$ acts on all the entries of its row, by three ways: directly, through $m$ and through $v$. Derive
# all three before you write a line.


# %%
def layernorm_forward(x, gamma, beta):
    """x (N, D), gamma (D,), beta (D,) → y (N, D)."""
    m = x.mean(axis=1, keepdims=True)  # (N, 1)
    root = np.sqrt(((x - m) ** 2).mean(axis=1, keepdims=True) + 1e-5)  # (N, 1)
    xhat = (x - m) / root  # (N, D)
    return gamma * xhat + beta, (xhat, root, gamma)


# %% tags=["solution"]
def layernorm_backward(dy, cache):
    """dy (N, D) → dx (N, D), {"gamma": (D,), "beta": (D,)}."""
    xhat, root, gamma = cache
    # Solution
    # With q = dy · γ the cotangent of x̂ and r = √(v + 10⁻⁵):
    #   directly    ∂x̂_k/∂x_i = [i = k] / r
    #   through m   ∂x̂_k/∂m = −1/r, ∂m/∂x_i = 1/D; v does not change with m, as Σ_k (x_k − m) = 0
    #   through v   ∂x̂_k/∂v = −x̂_k / (2r²), ∂v/∂x_i = 2 (x_i − m)/D = 2 r x̂_i / D
    # Their sum is dx_i = (q_i − mean of q − x̂_i · mean of q x̂) / r.
    q = dy * gamma
    dx = (q - q.mean(axis=1, keepdims=True) - xhat * (q * xhat).mean(axis=1, keepdims=True)) / root
    return dx, {"gamma": (dy * xhat).sum(axis=0), "beta": dy.sum(axis=0)}


# %%
inputs = {"x": rng.standard_normal((5, 4)), "gamma": rng.standard_normal(4), "beta": rng.standard_normal(4)}
report = check_pair(layernorm_forward, layernorm_backward, inputs, rng=rng)
print(report)
assert report.passed
