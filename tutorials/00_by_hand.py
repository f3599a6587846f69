# %% [markdown]
# # 0 · By hand
#
# **What you will see.** One whole update of the recurrent attention model with a pencil: two glimpses, a label, a
# reward, the way back, and a step of all 51 weights. Every number stands beside its formula and its line of code, and
# is asserted to be the package's: exactly, where it is rational. Then another draw; and at the end the average over
# all draws, which is the gradient that the estimator promises.
#
# **What you need.** To multiply and to add. Where the formulas come from is the matter of lessons 2 to 8; here they
# are only used. A pencil and a blank sheet: do each line yourself before you read its number. The pages of the
# [worksheets](worksheets/blank-a4.pdf) are this lesson's lines with other numbers.
#
# **How long it runs.** A few seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import graph
from lesson import show
from minram.agent import Cotangents, backward, rollout
from minram.command import trace
from minram.pictures import style
from minram.policy import log_prob_forward
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training import by_hand

style.use()
COLOUR = style.COLOURS
EPS = np.finfo(float).eps  # 2⁻⁵², the spacing of numbers at 1
params = by_hand.parameters()
update, seen = trace.watch(lambda: by_hand.update(params))  # one update, with every array as its line was passed


def by_name(entries):
    """{name: its values, as often as it was seen}."""
    values = {}
    for entry in entries:
        values.setdefault(entry.name, []).append(entry.value)
    return values


def check(name, numbers, which=0):
    """The numbers are, bit for bit, those of the array of that name in the update."""
    value = SEEN[name][which]
    assert np.array_equal(value.ravel(), np.ravel(numbers)), f"{name} is {value.tolist()}"
    print(f"{name} = {value.ravel()}")


SEEN = by_name(seen)

# %% [markdown]
# ## The agent, and what it looks at
#
# Each layer is $y = xW + b$. $W$ has a row for each input and a column for each output. *What* reads the four pixels of
# a glimpse, *where* its location, *combine* the two numbers of each; the core reads its state and what was combined,
# and the three heads read the state. After *what*, *where*, *combine* and the core comes a ReLU: a positive number is
# kept, any other becomes 0. A unit whose number became 0 is *closed*, else it is *open*; at exactly 0 it would be on
# its *kink*. Copy these 51 numbers onto your sheet:
#
# $$\text{what: } \begin{pmatrix} 0 & 1 \\ 1 & 1 \\ 0 & -1 \\ 0 & 1 \end{pmatrix},\ (0, -\tfrac12) \qquad
#   \text{where: } \begin{pmatrix} -1 & -1 \\ 1 & 1 \end{pmatrix},\ (\tfrac12, 1) \qquad
#   \text{combine: } \begin{pmatrix} 1 & 1 \\ \frac12 & -\frac12 \\ 0 & 1 \\ 0 & -1 \end{pmatrix},\ (1, \tfrac12)$$
#
# $$\text{core: } \begin{pmatrix} -1 & 0 \\ 1 & 0 \\ 0 & \frac12 \\ 1 & 1 \end{pmatrix},\ (\tfrac14, -1) \quad
#   \text{label: } \begin{pmatrix} -1 & -\frac12 \\ -1 & \frac12 \end{pmatrix},\ (1, \tfrac14) \quad
#   \text{location: } \begin{pmatrix} -\frac12 & 0 \\ \frac12 & 1 \end{pmatrix},\ (0, 0) \quad
#   \text{baseline: } \begin{pmatrix} -\frac12 \\ \frac12 \end{pmatrix},\ 1$$
#
# The image is $4 \times 4$, and has label 1, the second of two. The agent sees it through a retina of $2 \times 2$
# pixels, twice:
#
# $$x = \begin{pmatrix} 0 & \frac12 & 1 & 1 \\ 1 & 0 & 0 & 1 \\ \frac12 & 1 & 1 & 1 \\ 1 & 1 & 0 & 1 \end{pmatrix}.$$

# %%
AGENT = {  # as above
    "glimpse.what": ([[0, 1], [1, 1], [0, -1], [0, 1]], [0, -0.5]),
    "glimpse.where": ([[-1, -1], [1, 1]], [0.5, 1]),
    "glimpse.combine": ([[1, 1], [0.5, -0.5], [0, 1], [0, -1]], [1, 0.5]),
    "core": ([[-1, 0], [1, 0], [0, 0.5], [1, 1]], [0.25, -1]),
    "label": ([[-1, -0.5], [-1, 0.5]], [1, 0.25]),
    "location": ([[-0.5, 0], [0.5, 1]], [0, 0]),
    "baseline": ([[-0.5], [0.5]], [1]),
}
for layer, (W, b) in AGENT.items():
    assert np.array_equal(params[layer + ".W"], W) and np.array_equal(params[layer + ".b"], b)
assert sum(value.size for value in params.values()) == 51 and len(params) == 2 * len(AGENT)
assert by_hand.IMAGE[0].tolist() == [[0, 0.5, 1, 1], [1, 0, 0, 1], [0.5, 1, 1, 1], [1, 1, 0, 1]]
assert by_hand.LABELS == 1

# %% [markdown]
# **How the numbers were chosen.** Most numbers are no good for a pencil, so these are not typical. Many sets were
# tried, and this one was taken because of all that it has:
#
# - parameters, pixels, the first location and the draw are sums of powers of two, and so are all products and sums up
#   to the softmax; nothing is ever rounded, and few numbers have more than two places;
# - no unit stands on its kink, and no location on the border between two pixels; one unit, and only one, is closed,
#   and on the way back it matters that it is;
# - both labels have a chance, the draw stays in the image, the label is right and the advantage positive;
# - after the step, the right label is more probable, and **the density of the place that was chosen has risen**. The
#   latter is what REINFORCE is after, but one step does not always bring it: the other weights move too, and some of
#   them move the mean. How often it fails, we shall count.
#
# ## The first glimpse
#
# It is taken at $l_1 = (-\frac12, -\frac12)$; the image goes from $-1$ to $1$. How many pixel edges are left of the
# retina? The centre is at $(l_x + 1) \cdot \frac42 = 1$, half the retina is 1, and we round to the nearest edge:
# $\lfloor 1 - 1 + \frac12 \rfloor = 0$. The same for the rows. So it covers the first two rows and columns:
# [`first = np.floor(start`](../minram/sensor.py#L118).
#
# The sensor takes its cells from the summed-area table, whose entry $S_{ij}$ is the sum of all pixels above edge $i$
# and left of edge $j$: the cell at row 0 and column 1 is
# $S_{1,2} - S_{0,2} - S_{1,1} + S_{0,1} = \frac12 - 0 - 0 + 0$. With cells of one pixel that is the pixel itself. Row
# by row, $\varphi_1 = (0, \frac12, 1, 0)$: [`_sums_along_x(sums, out=table[part])`](../minram/sensor.py#L47),
# [`strips[:, :, :, 1:] - strips[:, :, :, :-1]`](../minram/sensor.py#L212).

# %%
check("table", [[0, 0, 0, 0, 0], [0, 0, 0.5, 1.5, 2.5], [0, 1, 1.5, 2.5, 4.5], [0, 1.5, 3, 5, 8], [0, 2.5, 5, 7, 11]])
check("loc[0]", [-0.5, -0.5])
check("first", [0, 0])  # column, row
check("phi[0]", [0, 0.5, 1, 0])

# %% [markdown]
# The **glimpse network** makes two numbers of what was seen, two of where, and of these four the feature $g_1$:
#
# | | | | |
# |--|--|--:|--:|
# | what, unit 1 | $0 \cdot 0 + \frac12 \cdot 1 + 1 \cdot 0 + 0 \cdot 0 + 0$ | $= \frac12$ | ReLU: $\frac12$ |
# | what, unit 2 | $0 \cdot 1 + \frac12 \cdot 1 + 1 \cdot (-1) + 0 \cdot 1 - \frac12$ | $= -1$ | ReLU: $0$ |
# | where, unit 1 | $-\frac12 \cdot (-1) - \frac12 \cdot 1 + \frac12$ | $= \frac12$ | $\frac12$ |
# | where, unit 2 | $-\frac12 \cdot (-1) - \frac12 \cdot 1 + 1$ | $= 1$ | $1$ |
# | $g_1$, unit 1 | $\frac12 \cdot 1 + 0 \cdot \frac12 + \frac12 \cdot 0 + 1 \cdot 0 + 1$ | $= \frac32$ | $\frac32$ |
# | $g_1$, unit 2 | $\frac12 - 0 \cdot \frac12 + \frac12 \cdot 1 - 1 \cdot 1 + \frac12$ | $= \frac12$ | $\frac12$ |
#
# One unit is closed. It is the only one in this update, and it will come up again on the way back. The **core** has
# nothing to remember yet, $h_0 = 0$, so that the upper two rows of its weights count for nothing:
#
# | | | | |
# |--|--|--:|--:|
# | $h_1$, unit 1 | $\frac32 \cdot 0 + \frac12 \cdot 1 + \frac14$ | $= \frac34$ | $\frac34$ |
# | $h_1$, unit 2 | $\frac32 \cdot \frac12 + \frac12 \cdot 1 - 1$ | $= \frac14$ | $\frac14$ |
#
# In the code: [`np.matmul(phi, params["glimpse.what.W"]`](../minram/glimpse.py#L39),
# [`np.matmul(loc, params["glimpse.where.W"]`](../minram/glimpse.py#L40),
# [`hidden += np.concatenate(`](../minram/glimpse.py#L41),
# [`relu_forward(hidden, out=hidden)`](../minram/glimpse.py#L42),
# [`z, _ = linear_forward(hidden, params["glimpse.combine.W"]`](../minram/glimpse.py#L43),
# [`z, _ = linear_forward(hg, params["core.W"]`](../minram/core.py#L27),
# [`h, _ = relu_forward(z, out=out)`](../minram/core.py#L28).

# %%
check("hidden", [0.5, -1, 0.5, 1])  # before the ReLU
check("hidden[0]", [0.5, 0, 0.5, 1])  # after it
check("g[0]", [1.5, 0.5])
check("h[0]", [0.75, 0.25])

# %% [markdown]
# ## Where to look next
#
# The **location head** says around where, $\mu_1 = h_1 W + b$. Then a draw decides:
# $a_1 = \mu_1 + \sigma \varepsilon_1$ with $\sigma = \frac12$. The dice fell on $\varepsilon_1 = (-\frac12, \frac12)$.
# The draw lies inside the image, so the second glimpse is taken there, at $l_2 = a_1$.
#
# | | | |
# |--|--|--:|
# | $\mu_x$ | $\frac34 \cdot (-\frac12) + \frac14 \cdot \frac12 + 0$ | $= -\frac14$ |
# | $\mu_y$ | $\frac34 \cdot 0 + \frac14 \cdot 1 + 0$ | $= \frac14$ |
# | $a_x$ | $-\frac14 + \frac12 \cdot (-\frac12)$ | $= -\frac12$ |
# | $a_y$ | $\frac14 + \frac12 \cdot \frac12$ | $= \frac12$ |
#
# [`mu[t], cache = heads.location_forward(`](../minram/agent.py#L141),
# [`return mu + np.exp(log_std) * eps`](../minram/policy.py#L20),
# [`np.clip(samples[t], -1, 1`](../minram/agent.py#L145).

# %%
check("mu[0]", [-0.25, 0.25])
check("samples[0]", [-0.5, 0.5])
check("loc[1]", [-0.5, 0.5])

# %% [markdown]
# ## The second glimpse
#
# The same parameters again, at the new place. Columns: $\lfloor \frac12 \cdot 2 - 1 + \frac12 \rfloor = 0$; rows:
# $\lfloor \frac32 \cdot 2 - 1 + \frac12 \rfloor = 2$. So $\varphi_2 = (\frac12, 1, 1, 1)$. All units are open:
#
# | | | |
# |--|--|--:|
# | what, unit 1 | $\frac12 \cdot 0 + 1 \cdot 1 + 1 \cdot 0 + 1 \cdot 0 + 0$ | $= 1$ |
# | what, unit 2 | $\frac12 \cdot 1 + 1 \cdot 1 + 1 \cdot (-1) + 1 \cdot 1 - \frac12$ | $= 1$ |
# | where, unit 1 | $-\frac12 \cdot (-1) + \frac12 \cdot 1 + \frac12$ | $= \frac32$ |
# | where, unit 2 | $-\frac12 \cdot (-1) + \frac12 \cdot 1 + 1$ | $= 2$ |
# | $g_2$, unit 1 | $1 \cdot 1 + 1 \cdot \frac12 + \frac32 \cdot 0 + 2 \cdot 0 + 1$ | $= \frac52$ |
# | $g_2$, unit 2 | $1 \cdot 1 + 1 \cdot (-\frac12) + \frac32 \cdot 1 + 2 \cdot (-1) + \frac12$ | $= \frac12$ |
# | $h_2$, unit 1 | $\frac34 \cdot (-1) + \frac14 \cdot 1 + \frac52 \cdot 0 + \frac12 \cdot 1 + \frac14$ | $= \frac14$ |
# | $h_2$, unit 2 | $\frac34 \cdot 0 + \frac14 \cdot 0 + \frac52 \cdot \frac12 + \frac12 \cdot 1 - 1$ | $= \frac34$ |
#
# Now $h_1 = (\frac34, \frac14)$ has a part in it: the agent remembers its first glimpse. The lines of code are those of
# the first; the loop over them is [`for t in range(T):`](../minram/agent.py#L135).

# %%
check("first", [0, 2], which=1)
check("phi[1]", [0.5, 1, 1, 1])
check("hidden[1]", [1, 1, 1.5, 2])
check("g[1]", [2.5, 0.5])
check("h[1]", [0.25, 0.75])

# %% [markdown]
# ## The label
#
# This agent names a label after each glimpse.
#
# | | | |
# |--|--|--:|
# | label 0, after the first glimpse | $\frac34 \cdot (-1) + \frac14 \cdot (-1) + 1$ | $= 0$ |
# | label 1 | $\frac34 \cdot (-\frac12) + \frac14 \cdot \frac12 + \frac14$ | $= 0$ |
# | label 0, after the second | $\frac14 \cdot (-1) + \frac34 \cdot (-1) + 1$ | $= 0$ |
# | label 1 | $\frac14 \cdot (-\frac12) + \frac34 \cdot \frac12 + \frac14$ | $= \frac12$ |
#
# These are logits; the softmax makes them probabilities, $p_i = e^{y_i} / \sum_j e^{y_j}$. After one glimpse both
# labels have $\frac12$. After two:
#
# | | | |
# |--|--|--|
# | $e^0 = 1$ | $e^{1/2} = 1.6487$ | sum $2.6487$ |
# | $p_0 = q = 1 / 2.6487 = 0.3775$ | $p_1 = 1.6487 / 2.6487 = 0.6225$ | |
# | $-\log p_1$ after the first | $= \log 2 = 0.6931$ | |
# | $-\log p_1$ after the second | $= -\log 0.6225 = 0.4741$ | |
#
# (The package subtracts the largest logit before it takes exponentials; that changes no $p$, and none overflows.) The
# number $q$, the probability that is left for the wrong label, is not rational. It is the only such number on the way
# back, and whatever depends on it below is a rational number plus another times $q$.
# [`logits, _ = linear_forward(h`](../minram/heads.py#L16),
# [`return loss, CrossEntropyCache(e / total, labels)`](../minram/ops.py#L106),
# [`loss = np.log(total[..., 0])`](../minram/ops.py#L105).

# %%
q = 1 / (1 + np.exp(0.5))
assert [round(x, 4) for x in (np.exp(0.5), 1 + np.exp(0.5), q, 1 - q)] == [1.6487, 2.6487, 0.3775, 0.6225]
assert [round(x, 4) for x in (np.log(2), -np.log(1 - q))] == [0.6931, 0.4741]
check("logits", [[0, 0], [0, 0.5]])
p, loss = SEEN["cache.p"][0][:, 0], SEEN["loss"][0][:, 0]  # (2 steps, 2 labels), (2 steps,)
print("p =", p.tolist(), "loss =", loss.tolist())
ULP = 4 * EPS  # an exponential, a sum and a quotient, each rounded once
assert np.array_equal(p[0], [0.5, 0.5]) and np.abs(p[1] - [q, 1 - q]).max() <= ULP
assert np.abs(loss - [np.log(2), -np.log(1 - q)]).max() <= 2 * ULP

# %% [markdown]
# ## Reward and advantage
#
# After the last glimpse label 1 is the more probable, and it is right: the reward is 1. What did the agent expect when
# it decided where to look? That is the **baseline**, read from $h_1$:
# $b_1 = \frac34 \cdot (-\frac12) + \frac14 \cdot \frac12 + 1 = \frac34$. So the draw was better than expected by the
# **advantage** $G_1 - b_1 = 1 - \frac34 = \frac14$, where $G_1$ is all that was earned after the decision.
# [`right = cache.p.argmax(axis=-1) == labels`](../minram/reinforce.py#L132),
# [`return reward[:0:-1].cumsum(axis=0)[::-1]`](../minram/reinforce.py#L56),
# [`return np.broadcast_to(G - BASELINES[kind]`](../minram/reinforce.py#L96).

# %%
check("baseline", [0.75])
check("rewards", [0, 1])
check("G", [1])
check("advantage", [0.25])
assert update.outcome.error == 0 and update.outcome.baseline_error == 1 / 16  # (¾ − 1)²

# %% [markdown]
# ## Back: what each head is told
#
# From here on $\mathrm{d}y$ stands for $\partial L / \partial y$: how much what we want small grows with $y$. It is
# called the *cotangent* of $y$. What each head is told is all that training wants (lesson 8):
#
# | head | formula | numbers |
# |--|--|--|
# | label, step 1 | $\frac12 (p - \mathrm{onehot})$ | $\frac12 (\frac12 - 0, \frac12 - 1) = (\frac14, -\frac14)$ |
# | label, step 2 | $\frac12 (p - \mathrm{onehot})$ | $\frac12 (q - 0, (1 - q) - 1) = (\frac12 q, -\frac12 q)$ |
# | location | $-(G_1 - b_1)(a_1 - \mu_1)/\sigma^2$ | $-\frac14 (-\frac14, \frac14) \cdot 4 = (\frac14, -\frac14)$ |
# | baseline | $b_1 - G_1$ | $\frac34 - 1 = -\frac14$ |
#
# The $\frac12$ before the labels: they count as the mean of the two steps. The line of the location head is REINFORCE.
# $(a - \mu)/\sigma^2$ is $\partial \log \pi(a) / \partial \mu$, which is called the *score*, and points from the mean
# to the draw; the draw was good, and going *down* along $\mathrm{d}\mu$ moves the mean towards it.
#
# [`dlogits = cross_entropy_backward(np.full_like`](../minram/reinforce.py#L162),
# [`return dloss[..., None] * (cache.p - onehot)`](../minram/ops.py#L115),
# [`dmu, dlog_std = log_prob_backward(`](../minram/reinforce.py#L152),
# [`dmu = dlogp[..., None] * cache.z / cache.std`](../minram/policy.py#L41),
# [`residual = trajectory.baseline - G`](../minram/reinforce.py#L163).

# %%
check("dmu", [0.25, -0.25])
check("residual", [-0.25])
heads = update.cotangents
assert heads.log_std.tolist() == [0.1875, 0.1875]  # what σ would be told, were it learned: −¼ ((±½)² − 1)
assert heads.baseline.tolist() == [[-0.25]]
_, score = log_prob_forward(update.trajectory.sample, update.trajectory.mu, update.trajectory.log_std)
assert score.z.ravel().tolist() == [-0.5, 0.5] and score.std.tolist() == [0.5, 0.5]  # (a − μ)/σ is ε again
assert np.array_equal(heads.logits[0], [[0.25, -0.25]])
assert np.abs(heads.logits[1] - [q / 2, -q / 2]).max() <= ULP

# %% [markdown]
# The rest of the way back is linear in what the heads are told. So we can go it twice: once with the rational numbers
# alone, once with what is multiplied by $q$. Every array is $A + Bq$, and both $A$ and $B$ are exact.


# %%
def way_back(logits, mu, baseline):
    """Every array on the way back from these cotangents of the heads."""
    told = Cotangents(np.array(logits)[:, None], np.array([[mu]]), np.zeros(2), np.array([[baseline]]))
    return by_name(trace.watch(lambda: backward(params, update.trajectory, told, by_hand.CONFIG.flow))[1])


RATIONAL = way_back([[0.25, -0.25], [0, 0]], [0.25, -0.25], -0.25)
TIMES_Q = way_back([[0, 0], [0.5, -0.5]], [0.0, 0.0], 0.0)


def check_back(name, A, B=0, which=0):
    """A and B are exact, and A + Bq is the array of that name in the update, to rounding."""
    a, b, value = (seen[name][which] for seen in (RATIONAL, TIMES_Q, SEEN))
    A, B = np.broadcast_to(A, a.shape), np.broadcast_to(B, b.shape)
    assert np.array_equal(a, A), f"{name}: the rational part is {a.tolist()}"
    assert np.array_equal(b, B), f"{name}: what is multiplied by q is {b.tolist()}"
    assert np.abs(value - (A + B * q)).max() <= 8 * ULP  # sums of a few numbers below 4, each with q's rounding
    print(f"{name} = {A.tolist()}" + (f" + {B.tolist()} q" if B.any() else ""))


# %% [markdown]
# ## Through the heads
#
# A linear map $y = xW + b$ has $\mathrm{d}W = x^{\mathsf T} \mathrm{d}y$, $\mathrm{d}b = \mathrm{d}y$ and
# $\mathrm{d}x = \mathrm{d}y\, W^{\mathsf T}$ (lesson 3): [`return dx, {"W": x.T @ dy`](../minram/ops.py#L59). For the
# label head, with both steps added,
#
# $$\mathrm{d}W = \begin{pmatrix} \frac34 \\ \frac14 \end{pmatrix} (\tfrac14, -\tfrac14) +
#   \begin{pmatrix} \frac14 \\ \frac34 \end{pmatrix} (\tfrac12, -\tfrac12)\, q =
#   \begin{pmatrix} \frac3{16} & -\frac3{16} \\ \frac1{16} & -\frac1{16} \end{pmatrix} +
#   \begin{pmatrix} \frac18 & -\frac18 \\ \frac38 & -\frac38 \end{pmatrix} q.$$

# %%
check_back("label['label.W']", [[0.1875, -0.1875], [0.0625, -0.0625]], [[0.125, -0.125], [0.375, -0.375]])
check_back("label['label.b']", [0.25, -0.25], [0.5, -0.5])
check_back("location['location.W']", [[0.1875, -0.1875], [0.0625, -0.0625]])
check_back("location['location.b']", [0.25, -0.25])
check_back("baseline['baseline.W']", [[-0.1875], [-0.0625]])
check_back("baseline['baseline.b']", [-0.25])

# %% [markdown]
# And what do they send into the states, $\mathrm{d}h = \mathrm{d}y\, W^{\mathsf T}$?
#
# | from, into | | |
# |--|--|--:|
# | label, $h_1$, unit 1 | $\frac14 \cdot (-1) - \frac14 \cdot (-\frac12)$ | $= -\frac18$ |
# | label, $h_1$, unit 2 | $\frac14 \cdot (-1) - \frac14 \cdot \frac12$ | $= -\frac38$ |
# | label, $h_2$, unit 1 | $(\frac12 \cdot (-1) - \frac12 \cdot (-\frac12))\, q$ | $= -\frac14 q$ |
# | label, $h_2$, unit 2 | $(\frac12 \cdot (-1) - \frac12 \cdot \frac12)\, q$ | $= -\frac34 q$ |
# | location, $h_1$, unit 1 | $\frac14 \cdot (-\frac12) - \frac14 \cdot 0$ | $= -\frac18$ |
# | location, $h_1$, unit 2 | $\frac14 \cdot \frac12 - \frac14 \cdot 1$ | $= -\frac18$ |
#
# The baseline sends nothing: it reads the state and does not shape it. The line is the same for every layer,
# [`dx = dy @ W.T if input_gradient else None`](../minram/ops.py#L58).

# %%
check_back("dh_label", [[-0.125, -0.375], [0, 0]], [[0, 0], [-0.25, -0.75]])
check_back("dh_location", [[-0.125, -0.125]])

# %% [markdown]
# ## The fork at $h_1$
#
# Through time we go from the last step to the first. $z_t$ is what the core computes before its ReLU; $W_h$ are the
# upper two rows of its weights, which $h$ meets, and $W_g$ the lower two. At $h_2$ only the label head has read, and
# both units are open: $\mathrm{d}z_2 = (-\frac14, -\frac34)\, q$. But $h_1$ was read three times: by the label head, by
# the location head, and by the core at step 2. A number that is read three times gets the sum of three cotangents:
#
# | from | formula | unit 1 | unit 2 |
# |--|--|--:|--:|
# | the label head | $\mathrm{d}y_1 W^{\mathsf T}$ | $-\frac18$ | $-\frac38$ |
# | the location head | $\mathrm{d}\mu_1 W^{\mathsf T}$ | $-\frac18$ | $-\frac18$ |
# | the core | $\mathrm{d}z_2 W_h^{\mathsf T}$ | $\frac14 q$ | $-\frac14 q$ |
# | sum, $\mathrm{d}z_1$ | both are open | $-\frac14 + \frac14 q$ | $-\frac12 - \frac14 q$ |
#
# The third row is $(-\frac14 \cdot (-1) - \frac34 \cdot 0)\, q$ and $(-\frac14 \cdot 1 - \frac34 \cdot 0)\, q$. In the
# code the heads' share is added up first, [`dh[steps] += part`](../minram/agent.py#L204), and then the core's:
# [`relu_backward(dh[-1], cache.h[-1]`](../minram/core.py#L45),
# [`relu_backward(dh[t] + dz[t + 1] @ W[:n_core].T`](../minram/core.py#L47).

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(8.6, 3.4))
places = {"h1": (0, 0, "$h_1$"), "label": (6, 1.7), "location": (6, 0), "core": (6, -1.7)}
edges = [
    ("h1", "label", "(¾, ¼)", "(−⅛, −⅜)"),
    ("h1", "location", "(¾, ¼)", "(−⅛, −⅛)"),
    ("h1", "core", "(¾, ¼)", "(¼ q, −¼ q)"),
]
graph.draw(ax, places, edges)
ax.set_title("Read three times (solid), told three times (dashed); what it is told is added")
show("The state h_1 with three arrows to its readers, and three cotangents that come back and are added")

# %%
check_back("dh", [[[-0.25, -0.5]], [[0, 0]]], [[[0, 0]], [[-0.25, -0.75]]])
check_back("dz[-1]", 0, [[-0.25, -0.75]])
check_back("dz[1] @ W[:n_core].T", 0, [[0.25, -0.25]])
check_back("dz[0]", [[-0.25, -0.5]], [[0.25, -0.25]])

# %% [markdown]
# The weights of the core. $h_0 = 0$ gives nothing, so the upper two rows are $h_1^{\mathsf T} \mathrm{d}z_2$ alone, the
# lower two $g_1^{\mathsf T} \mathrm{d}z_1 + g_2^{\mathsf T} \mathrm{d}z_2$:
#
# $$\begin{pmatrix} \frac34 \\ \frac14 \end{pmatrix} (-\tfrac14, -\tfrac34)\, q =
#   \begin{pmatrix} -\frac3{16} & -\frac9{16} \\ -\frac1{16} & -\frac3{16} \end{pmatrix} q,$$
#
# $$\begin{pmatrix} \frac32 \\ \frac12 \end{pmatrix} (-\tfrac14 + \tfrac14 q, -\tfrac12 - \tfrac14 q) +
#   \begin{pmatrix} \frac52 \\ \frac12 \end{pmatrix} (-\tfrac14, -\tfrac34)\, q =
#   \begin{pmatrix} -\frac38 - \frac14 q & -\frac34 - \frac94 q \\ -\frac18 & -\frac14 - \frac12 q \end{pmatrix}.$$
#
# The bias gets $\mathrm{d}z_1 + \mathrm{d}z_2 = (-\frac14, -\frac12 - q)$. What goes on to the glimpse network is
# $\mathrm{d}g_t = \mathrm{d}z_t W_g^{\mathsf T}$:
#
# | | | |
# |--|--|--:|
# | $g_1$, unit 1 | $(-\frac14 + \frac14 q) \cdot 0 + (-\frac12 - \frac14 q) \cdot \frac12$ | $= -\frac14 - \frac18 q$ |
# | $g_1$, unit 2 | $(-\frac14 + \frac14 q) \cdot 1 + (-\frac12 - \frac14 q) \cdot 1$ | $= -\frac34$ |
# | $g_2$, unit 1 | $(-\frac14 \cdot 0 - \frac34 \cdot \frac12)\, q$ | $= -\frac38 q$ |
# | $g_2$, unit 2 | $(-\frac14 \cdot 1 - \frac34 \cdot 1)\, q$ | $= -q$ |
#
# [`_, grads = linear_backward(rows`](../minram/core.py#L49), [`dg = rows @ W[n_core:].T`](../minram/core.py#L50).

# %%
check_back(
    "grads['W']",
    [[0, 0], [0, 0], [-0.375, -0.75], [-0.125, -0.25]],
    [[-0.1875, -0.5625], [-0.0625, -0.1875], [-0.25, -2.25], [0, -0.5]],
)
check_back("grads['b']", [-0.25, -0.5], [0, -1])
check_back("dg", [[-0.25, -0.75], [0, 0]], [[-0.125, 0], [-0.375, -1]])

# %% [markdown]
# ## The glimpse network
#
# It knows nothing of time: both glimpses are rows of one array, and one product adds them up. All $g$ are open, so
# $\mathrm{d}z = \mathrm{d}g$. The four numbers before them get $\mathrm{d}z\, W^{\mathsf T}$:
#
# | | | | |
# |--|--|--:|--:|
# | first glimpse: what, unit 1 | $(-\frac14 - \frac18 q) \cdot 1 - \frac34 \cdot 1$ | $= -1 - \frac18 q$ | |
# | what, unit 2 | $(-\frac14 - \frac18 q) \frac12 + \frac34 \cdot \frac12$ | $= \frac14 - \frac1{16} q$ | closed: 0 |
# | where, unit 1 | $(-\frac14 - \frac18 q) \cdot 0 - \frac34 \cdot 1$ | $= -\frac34$ | |
# | where, unit 2 | $(-\frac14 - \frac18 q) \cdot 0 - \frac34 \cdot (-1)$ | $= \frac34$ | |
# | second glimpse: what, unit 1 | $(-\frac38 \cdot 1 - 1 \cdot 1)\, q$ | $= -\frac{11}8 q$ | |
# | what, unit 2 | $(-\frac38 \cdot \frac12 - 1 \cdot (-\frac12))\, q$ | $= \frac5{16} q$ | |
# | where, unit 1 | $(-\frac38 \cdot 0 - 1 \cdot 1)\, q$ | $= -q$ | |
# | where, unit 2 | $(-\frac38 \cdot 0 - 1 \cdot (-1))\, q$ | $= q$ | |
#
# Here is the closed unit again. It gave nothing to $g_1$, whatever its weights were, so by this glimpse they get
# nothing: a small change of them changes nothing. Then the weights, each input times each cotangent, both glimpses
# added. The layer that combines,
#
# $$\begin{pmatrix} \frac12 \\ 0 \\ \frac12 \\ 1 \end{pmatrix} (-\tfrac14 - \tfrac18 q, -\tfrac34) +
#   \begin{pmatrix} 1 \\ 1 \\ \frac32 \\ 2 \end{pmatrix} (-\tfrac38, -1)\, q = \begin{pmatrix}
#   -\frac18 - \frac7{16} q & -\frac38 - q \\ -\frac38 q & -q \\ -\frac18 - \frac58 q & -\frac38 - \frac32 q \\
#   -\frac14 - \frac78 q & -\frac34 - 2 q \end{pmatrix},$$
#
# what was seen,
#
# $$\begin{pmatrix} 0 \\ \frac12 \\ 1 \\ 0 \end{pmatrix} (-1 - \tfrac18 q, 0) +
#   \begin{pmatrix} \frac12 \\ 1 \\ 1 \\ 1 \end{pmatrix} (-\tfrac{11}8, \tfrac5{16})\, q = \begin{pmatrix}
#   -\frac{11}{16} q & \frac5{32} q \\ -\frac12 - \frac{23}{16} q & \frac5{16} q \\
#   -1 - \frac32 q & \frac5{16} q \\ -\frac{11}8 q & \frac5{16} q \end{pmatrix},$$
#
# and where,
#
# $$\begin{pmatrix} -\frac12 \\ -\frac12 \end{pmatrix} (-\tfrac34, \tfrac34) +
#   \begin{pmatrix} -\frac12 \\ \frac12 \end{pmatrix} (-1, 1)\, q = \begin{pmatrix}
#   \frac38 + \frac12 q & -\frac38 - \frac12 q \\ \frac38 - \frac12 q & -\frac38 + \frac12 q \end{pmatrix}.$$
#
# The biases get the sums of the cotangents.
# [`dz = relu_backward(dg, cache.g`](../minram/glimpse.py#L57),
# [`dhidden, combine = linear_backward(`](../minram/glimpse.py#L58),
# [`relu_backward(dhidden, cache.hidden, out=dhidden)`](../minram/glimpse.py#L59),
# [`dphi, what = linear_backward(`](../minram/glimpse.py#L60),
# [`dloc, where = linear_backward(`](../minram/glimpse.py#L61).

# %%
check_back("dz", [[-0.25, -0.75], [0, 0]], [[-0.125, 0], [-0.375, -1]])
check_back("dhidden", [[-1, 0.25, -0.75, 0.75], [0] * 4], [[-0.125, -0.0625, 0, 0], [-1.375, 0.3125, -1, 1]])
check_back("dhidden", [[-1, 0, -0.75, 0.75], [0] * 4], [[-0.125, 0, 0, 0], [-1.375, 0.3125, -1, 1]], which=1)
check_back(
    "combine['W']",
    [[-0.125, -0.375], [0, 0], [-0.125, -0.375], [-0.25, -0.75]],
    [[-0.4375, -1], [-0.375, -1], [-0.625, -1.5], [-0.875, -2]],
)
check_back("combine['b']", [-0.25, -0.75], [-0.5, -1])
check_back(
    "what['W']",
    [[0, 0], [-0.5, 0], [-1, 0], [0, 0]],
    [[-0.6875, 0.15625], [-1.4375, 0.3125], [-1.5, 0.3125], [-1.375, 0.3125]],
)
check_back("what['b']", [-1, 0], [-1.5, 0.3125])
check_back("where['W']", [[0.375, -0.375], [0.375, -0.375]], [[0.5, -0.5], [-0.5, 0.5]])
check_back("where['b']", [-0.75, 0.75], [-1, 1])

# %% [markdown]
# ## One step
#
# Each weight goes down its gradient: $\theta' = \theta - \eta\, \mathrm{d}\theta$ with $\eta = \frac1{64}$,
# [`theta -= g`](../minram/training/optim.py#L88). The location head's bias, for example, was $(0, 0)$ and becomes
# $-\frac1{64} (\frac14, -\frac14) = (-\frac1{256}, \frac1{256})$, and the core's weight in row 3 and column 1 was $0$
# and becomes $\frac1{64} (\frac38 + \frac14 q) = 0.0073$. All of them:

# %%
ORDER = {"glimpse.what": "what", "glimpse.where": "where", "glimpse.combine": "combine", "core": "grads"}
for name, new in update.params.items():
    layer, _, kind = name.rpartition(".")
    key = f"{ORDER[layer]}['{kind}']" if layer in ORDER else f"{layer}['{name}']"
    A, B = RATIONAL[key][-1], TIMES_Q[key][-1]  # the arrays that were checked above
    assert np.array_equal(new[B == 0], (params[name] - A / 64)[B == 0])  # exactly
    assert np.abs(new - (params[name] - (A + B * q) / 64)).max() <= 8 * ULP
    print(f"{name:18}", new.round(4).tolist())
assert update.params["location.b"].tolist() == [-1 / 256, 1 / 256]
assert round(update.params["core.W"][2, 0], 4) == round((3 / 8 + q / 4) / 64, 4) == 0.0073

# %% [markdown]
# What has it brought? Take the new weights, look at the same two places again, and compare. The density of the place
# that was chosen is that of a Gaussian in two dimensions; before the step, $|a_1 - \mu_1|^2 = \frac1{16} + \frac1{16}$:
#
# $$\pi(a_1) = \frac1{2 \pi \sigma^2}\, e^{-|a_1 - \mu_1|^2 / 2 \sigma^2}
#   = \frac2\pi\, e^{-2 \cdot 1/8} = 0.4958.$$
#
# | | before | after |
# |--|--:|--:|
# | probability of the right label, after the first glimpse | 0.5000 | 0.6213 |
# | after the second | 0.6225 | 0.7763 |
# | density of the place that was chosen | 0.4958 | 0.5423 |
# | expected reward $b_1$ | 0.7500 | 0.7971 |


# %%
def density(trajectory):
    """π(a_1): a Gaussian with σ = ½ in two dimensions, (2/π) exp(−2 |a − μ|²)."""
    found = float(2 / np.pi * np.exp(-2 * ((trajectory.sample - trajectory.mu) ** 2).sum()))
    log_p, _ = log_prob_forward(trajectory.sample, trajectory.mu, trajectory.log_std)
    assert abs(found - np.exp(log_p[0, 0])) < 8 * ULP
    return found


def right(trajectory):
    """The probability of label 1, after each glimpse."""
    y = trajectory.logits[:, 0]
    return (np.exp(y) / np.exp(y).sum(axis=1, keepdims=True))[:, 1]


again = rollout(
    update.params, by_hand.CONFIG, summed_area(by_hand.IMAGE), None, frozen=update.trajectory, every_step=True
)
compared = [(*right(each), density(each), each.baseline[0, 0]) for each in (update.trajectory, again)]
for name, before, after in zip(("right label, first", "right label, second", "density", "expected"), *compared):
    print(f"{name:20} {before:.4f} → {after:.4f}")
assert np.round(compared[0], 4).tolist() == [0.5, 0.6225, 0.4958, 0.75]
assert np.round(compared[1], 4).tolist() == [0.6213, 0.7763, 0.5423, 0.7971]

# %% [markdown]
# The right label has become more probable, the place that turned out to be good is more likely to be chosen again, and
# more is expected.
#
# Remember that the numbers were chosen so that it comes out like this. A gradient is a promise for small moves, and
# the density is only one part of what this step is after: all 51 weights move, those of the glimpse network and the
# core move $h_1$, for the label's sake too, and $h_1$ moves $\mu_1$. How often does the density go the right way, up
# where the advantage is positive and down where it is negative? We take 144 draws on a grid, each with its weight, and
# update from each, once with all weights and once with those of the location head alone:


# %%
def goes_right(noise, only=""):
    """Does the density of the chosen place move as the advantage has it, if the weights named `only`… are moved?"""
    one = by_hand.update(params, noise)
    moved = {name: one.params[name] if name.startswith(only) else params[name] for name in params}
    after = rollout(moved, by_hand.CONFIG, summed_area(by_hand.IMAGE), None, frozen=one.trajectory, every_step=True)
    return (density(after) - density(one.trajectory)) * one.outcome.advantage[0, 0] > 0


steps = np.arange(-5.5, 6) * 0.4
noises = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # (144, 2)
share = np.exp(-(noises**2).sum(axis=1) / 2)
share /= share.sum()
all_move = share @ [goes_right(noise) for noise in noises]
head_moves = share @ [goes_right(noise, "location") for noise in noises]
print(f"the density goes the right way: all weights {all_move:.1%}, the location head's alone {head_moves:.1%}")
assert round(7 * all_move) == 6 and head_moves > 0.999999

# %% [markdown]
# By the head alone for all of them, by all weights in six draws of seven. The seventh is no mistake of REINFORCE, which
# speaks of $\mathrm{d}\mu_1$ and promises that it is right on average; that is the last section. And with four times
# the step even our chosen numbers fail. In $y$ the mean is carried far past the place that it was to come nearer to; in
# $x$ it moves away from it, as with the small step, for the other weights pull there:

# %%
far = {name: params[name] - 4 / 64 * update.grads[name] for name in params}
too_far = rollout(far, by_hand.CONFIG, summed_area(by_hand.IMAGE), None, frozen=update.trajectory, every_step=True)
print(f"with η = 1/16 the density goes from {density(update.trajectory):.4f} to {density(too_far):.4f}")
assert density(too_far) < density(update.trajectory)

# %% [markdown]
# ## Another draw
#
# The same agent, the same image; but now the dice fall on $\varepsilon_1 = (3, -\frac12)$, which is rare. Then
#
# | | |
# |--|--|
# | the draw, outside the image | $a_1 = (-\frac14 + \frac32, \frac14 - \frac14) = (\frac54, 0)$ |
# | where the sensor looks | $l_2 = (1, 0)$ |
# | half of what it sees is outside, and black | $\varphi_2 = (1, 0, 1, 0)$, $h_2 = (\frac14, 0)$ |
# | label 0 is the more probable | $y_2 = (\frac34, \frac18)$, $r = 0$, advantage $0 - \frac34 = -\frac34$ |
# | the mean is sent *away* from $a_1$ | $\mathrm{d}\mu_1 = \frac34 (\frac32, -\frac14) \cdot 4 = (\frac92, -\frac34)$ |
#
# What is scored is the draw itself, $\frac54$, not the border where the sensor stopped (lesson 5):
# [`_, score = log_prob_forward(trajectory.sample`](../minram/reinforce.py#L151). And see how large it is: thirteen
# times as long as the first draw's, and in $x$ alone eighteen times. A single draw says little; that is the variance
# which lesson 7 is about.

# %%
RARE = [3.0, -0.5]
other = by_hand.update(params, RARE)
assert other.trajectory.sample.ravel().tolist() == [1.25, 0] and other.trajectory.loc[1].tolist() == [[1, 0]]
assert other.trajectory.glimpse.phi[1].tolist() == [[1, 0, 1, 0]] and other.trajectory.core.h[1].tolist() == [[0.25, 0]]
assert other.trajectory.logits[1].tolist() == [[0.75, 0.125]]
assert other.outcome.reward.tolist() == [0] and other.outcome.advantage.tolist() == [[-0.75]]
assert other.outcome.error == 1 and other.outcome.baseline_error == 9 / 16
assert other.cotangents.mu.ravel().tolist() == [4.5, -0.75]
assert abs(other.outcome.loss + np.log(right(other.trajectory)[1])) <= 4 * ULP
again = rollout(
    other.params, by_hand.CONFIG, summed_area(by_hand.IMAGE), None, frozen=other.trajectory, every_step=True
)
print(f"density of the place that was chosen: {density(other.trajectory):.6f} → {density(again):.6f}")
assert density(again) < density(other.trajectory)

# %% [markdown]
# ## On average
#
# Is a thing that depends so much on the dice right? What REINFORCE promises is that its average is $-\nabla J$, where
# $J = \mathrm{E}[r]$ is the expected reward. Here both can be computed.
#
# *The promise.* The retina moves in steps of a pixel, so there are only $5 \times 5$ windows that the second glimpse
# can see, and in each the reward turns out to be the same all over. So $J$ is the sum, over the windows with reward 1,
# of the probability that the draw falls into them. That is a product of two differences of the normal distribution
# function $\Phi$, and its derivative a difference of densities. A draw outside the image counts for the window at its
# border.

# %%
edges = np.array([-np.inf, -0.75, -0.25, 0.25, 0.75, np.inf])  # where 2l + 3/2 is a whole number
mu, sigma = update.trajectory.mu[0, 0], 0.5
centres = np.array([-0.9, -0.5, 0, 0.5, 0.9])


def rewards_at(a):
    """What the draws a (n, 2) earn → (n,)."""
    trajectory = by_hand.follow(params, (a - mu) / sigma, rollouts=len(a))
    _, outcome = cotangents(trajectory, by_hand.LABELS, by_hand.CONFIG)
    return outcome.reward


R = rewards_at(np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)).reshape(5, 5)  # rows y, columns x
P = [np.diff(norm.cdf(edges, m, sigma)) for m in mu]  # (5,) for x and for y
dP = [-np.diff(norm.pdf(edges, m, sigma)) for m in mu]  # by μ: as it grows, mass enters at the left edge
J = P[1] @ R @ P[0]
gradient = np.array([P[1] @ R @ dP[0], dP[1] @ R @ P[0]])  # (2,) by μ_x and μ_y
print(R.astype(int))
print(f"J = {J:.4f}, ∇J by μ = {gradient.round(5)}")

# %% [markdown]
# *The estimator.* A grid of draws, $\frac1{32}$ apart, from −3 to 3, at least 5½ σ to each side of the mean, each with
# its density as its weight. For each of these draws the package is asked, as in training, what the location head is
# told.

# %%
side = np.arange(-3, 3, 1 / 32) + 1 / 64
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)  # (n, 2)
weight = norm.pdf(grid, mu, sigma).prod(axis=1) / 32**2  # (n,)
many = by_hand.follow(params, (grid - mu) / sigma, rollouts=len(grid))
told, outcome = cotangents(many, by_hand.LABELS, by_hand.CONFIG)
estimates = -told.mu[0] * len(grid)  # (n, 2) each draw's estimate of ∇J by μ; the package has divided by n
average = weight @ estimates
spread = np.sqrt(weight @ (estimates - average) ** 2)
print(f"{len(grid)} draws, of weight {weight.sum():.6f}")
print(f"average of the estimates {average.round(5)}, exact ∇J {gradient.round(5)}; spread of one {spread.round(3)}")

# The reward is the same all over a window, so that J above is exact.
window = np.clip(np.floor(2 * np.clip(grid, -1, 1) + 1.5) + 1, 0, 4).astype(int)
assert np.array_equal(outcome.reward, R[window[:, 1], window[:, 0]])
# The borders of the windows lie between the points of the grid, so that its error is that of the midpoint rule, at most
# h²/24 · ∫|∂²f/∂x²| + |∂²f/∂y²|. Here h = 1/32, and f is an advantage below ¾ times the derivative of the density by μ:
# with σ = ½ the integral is below 14.
TOLERANCE = 14 / 24 / 32**2
assert np.abs(average - gradient).max() < TOLERANCE
assert abs(weight @ outcome.reward - J) < TOLERANCE

# %% [markdown]
# They agree: *on average* REINFORCE is the gradient, though one draw is off by many times as much. And not only for
# the mean. Each weight of the location head gets $h_1$ times this, and so is right as well. What would be seen here? A
# wrong sign, a factor, a score of the clipped location:

# %%
clipped = (outcome.advantage[0][:, None] * (many.loc[1] - mu) / sigma**2 * weight[:, None]).sum(axis=0)
print(f"with the clipped location scored: {clipped.round(5)}")
assert np.abs(clipped - gradient).max() > 10 * TOLERANCE
baseless = (outcome.reward[:, None] * (grid - mu) / sigma**2 * weight[:, None]).sum(axis=0)
print(f"without the baseline:             {baseless.round(5)}")
assert np.abs(baseless - gradient).max() < 4 / 3 * TOLERANCE  # rewards go up to 1

# %% tags=["picture", "hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2))
axes[0].imshow(by_hand.IMAGE[0], cmap="gray", extent=(-1, 1, 1, -1))
for t, (l, colour) in enumerate(zip(update.trajectory.loc[:, 0], (style.SKY, style.ORANGE)), start=1):
    corner = (np.floor((l + 1) * 2 - 0.5)) / 2 - 1
    axes[0].add_patch(plt.Rectangle(corner, 1, 1, fill=False, edgecolor=colour, linewidth=3))
    axes[0].text(*(corner + 0.12), str(t), color=colour, fontsize=13, fontweight="bold", va="center", ha="center")
axes[0].set(title="two glimpses", xlabel="x", ylabel="y")
shown = np.clip(edges, -1, 1)
for ax, title in ((axes[1], "where a second glimpse is rewarded"), (axes[2], "one estimate, and all of them")):
    ax.pcolormesh(shown, shown, R, cmap="Blues", vmin=0, vmax=2.4, edgecolor="white")
    ax.plot(*mu, "+", color=COLOUR["exact"], markersize=11, markeredgewidth=2)
    ax.set(title=title, xlim=(-1, 1), ylim=(1, -1), xlabel="x", aspect="equal")
circle = np.exp(1j * np.linspace(0, 2 * np.pi, 100)) * sigma
for radius in (1, 2):
    axes[1].plot(mu[0] + radius * circle.real, mu[1] + radius * circle.imag, color=COLOUR["location"], linewidth=1)
axes[1].plot(*update.trajectory.sample[0, 0], "o", color=style.ORANGE, markeredgecolor=COLOUR["exact"])
for arrow, colour, text in ((-heads.mu[0, 0], style.ORANGE, "this draw"), (average, COLOUR["exact"], "average = ∇J")):
    axes[2].annotate("", mu + arrow, mu, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 2})
    axes[2].plot([], [], color=colour, label=text)
axes[2].legend(loc="lower right")
show(
    "The image with its two windows; the windows that would be rewarded, with the mean and the draw; "
    "and the arrow of one estimate beside that of the average"
)

# %% [markdown]
# On the left the image with the two glimpses. In the middle the $5 \times 5$ windows, the rewarded ones dark, the mean
# as a cross, the draw as a dot, and circles at one and two σ. On the right two arrows from the mean: what this one
# draw says, and what all draws say on average.
#
# ## From here
#
# **With other numbers.** `python tutorials/build.py worksheet --seed 17` makes five sheets, each with its solution,
# with numbers of your own; `python tutorials/build.py check-worksheet answers.txt --seed 17` says which of your answers
# are right, and what went wrong with the others.
#
# **On the screen.** `minram trace --tiny` prints this update, array by array, each with its file and line. The page
# [one step by hand](pages/step.html) has its numbers too: change one, or plant a bug. And the
# [ten breakpoints](ten_breakpoints.md) go through it in a debugger.

# %% tags=["frame", "hide-input"]
from lesson import touch

touch("step")

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
# (tests/mutate.py --signs does so with every sign in the lines that this lesson runs.)
PLANTED = [
    ("q = 1 / (1 + np.exp(0.5))", "q = 1 / (1 + np.exp(-0.5))"),  # the right label's probability
    ("minram.sensor", "start + loc.dtype.type(0.5)", "start"),  # rounded down, not to the nearest edge
    ("minram.sensor", "strips[:, :, :, 1:] - strips[:, :, :, :-1]", "strips[:, :, :, 1:] + strips[:, :, :, :-1]"),
    ("minram.sensor", "(edges[1], edges[0]),", "(edges[0], edges[1]),"),  # x and y exchanged
    ("minram.glimpse", "relu_forward(hidden, out=hidden)", "pass"),
    ("minram.core", "h, _ = relu_forward(z, out=out)", "h, _ = relu_forward(2 * z, out=out)"),
    ("minram.policy", "mu + np.exp(log_std) * eps", "mu + np.exp(2 * log_std) * eps"),  # the variance for the deviation
    ("minram.agent", "np.clip(samples[t], -1, 1, out=loc[t + 1])", "loc[t + 1] = samples[t]"),
    ("minram.reinforce", "np.full_like(loss, 1 / loss.size)", "np.ones_like(loss)"),  # a sum for the mean
    ("minram.reinforce", "log_prob_backward(-location_weight / N", "log_prob_backward(location_weight / N"),
    ("minram.reinforce", "G - BASELINES[kind](G, head, rollouts)", "G"),
    ("minram.reinforce", "G - BASELINES[kind](G, head, rollouts)", "BASELINES[kind](G, head, rollouts) - G"),
    ("minram.reinforce", "residual = trajectory.baseline - G", "residual = G - trajectory.baseline"),
    ("minram.policy", "* cache.z / cache.std", "* cache.z"),
    ("minram.ops", "* (cache.p - onehot)", "* cache.p"),
    ("minram.ops", "dy @ W.T if", "2 * dy @ W.T if"),
    ("minram.ops", "x.T @ dy", "(x.T @ dy)[::-1]"),
    ("minram.ops", "np.multiply(dy, y > 0, out=out)", "np.multiply(dy, 1, out=out)"),  # the closed unit lets through
    ("minram.agent", "dh[steps] += part", "dh[steps] = part"),  # of three readers, the last
    ("minram.core", "dh[t] + dz[t + 1] @ W[:n_core].T", "dh[t]"),
    ("minram.core", "dh[t] + dz[t + 1] @ W[:n_core].T", "dh[t] + dz[t + 1] @ W[:n_core]"),
    ("minram.core", "dg = rows @ W[n_core:].T", "dg = rows @ W[:n_core].T"),
    ("minram.training.optim", "theta -= g", "theta += g"),
    ("minram.training.optim", "np.multiply(m, rate, out=g)", "np.multiply(m, 2 * rate, out=g)"),
    ("found = float(2 / np.pi * np.exp(-2 *", "found = float(2 / np.pi * np.exp(-4 *"),
    ("params[name] - 4 / 64 * update.grads", "params[name] - 1 / 64 * update.grads"),
    ("dP = [-np.diff(", "dP = [np.diff("),  # mass enters at the other edge
    ("np.array([P[1] @ R @ dP[0], dP[1] @ R @ P[0]])", "np.array([dP[1] @ R @ P[0], P[1] @ R @ dP[0]])"),
    ("estimates = -told.mu[0] * len(grid)", "estimates = -told.mu[0] * len(grid) * 1.02"),  # a factor near 1
    ("estimates = -told.mu[0] * len(grid)", "estimates = told.mu[0] * len(grid)"),
    ("(many.loc[1] - mu) / sigma**2 * weight", "(grid - mu) / sigma**2 * weight"),  # no mistake: none to be found
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to an estimator. Each has a function to be written and, after it, a check that says at once
# what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np

from exercise import answers, entries, exercise, finish, same
from minram.policy import log_prob_backward, log_prob_forward
from minram.training import by_hand

# %% [markdown]
# **1. Predict**, before you compute anything. In the lesson the location head was told
# $\mathrm{d}\mu_1 = -(r - b_1)(a_1 - \mu_1)/\sigma^2$ with $r = 1$ and $b_1 = \frac34$. Each time one thing alone is
# changed. By what is $\mathrm{d}\mu_1$ multiplied?
#
# - `a`: the label was wrong, so $r = 0$.
# - `b`: the reward was foreseen, $b_1 = 1$.
# - `c`: the draw fell twice as far from the mean, $\varepsilon_1 = (-1, 1)$, and was rewarded all the same.
# - `d`: the draw fell at the same place, but of a policy with $\sigma = \frac14$.


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": -3, "b": 0, "c": 2, "d": 4}


# %%
@exercise("1. Predict")
def check_predicted():
    def told(r=1.0, b=0.75, a=(-0.5, 0.5), sigma=0.5):
        mu = np.array([[-0.25, 0.25]])
        _, cache = log_prob_forward(np.array([a]), mu, np.log([sigma, sigma]))
        return log_prob_backward(np.array([b - r]), cache)[0][0, 0]

    seen = {
        "a": told(r=0.0) / told(),
        "b": told(b=1.0) / told(),
        "c": told(a=(-0.75, 0.75)) / told(),
        "d": told(sigma=0.25) / told(),
    }
    hints = {
        "a": "What is the advantage now, and what was it?",
        "b": "What is the advantage of what was foreseen?",
        "c": "The score grows with a − μ.",
        "d": "By which power of σ is it divided?",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** A third draw, $\varepsilon_1 = (\frac32, \frac12)$. Image and parameters are those at the top
# of the lesson, `by_hand.IMAGE` and `by_hand.PARAMETERS`; $\sigma = \frac12$, and $h_1 = (\frac34, \frac14)$,
# $\mu_1 = (-\frac14, \frac14)$ and $b_1 = \frac34$ are as there. Where does the second glimpse look, which
# $2 \times 2$ pixels $\varphi$ does it see, and what becomes of them? *What* reads the pixels and *where* the location;
# their two numbers each are together `hidden`. *Combine* makes $g$ of these four, the core $h$ of $[h_1, g]$, and the
# label head the logits. (This time two units of the second step are closed.) What is the location head told? The reward
# is 1 if the larger logit is that of the true label, the second of two.


# %% tags=["solution"]
def second_glimpse_by_hand():
    """→ {"loc": (x, y), "phi": 4 numbers, "hidden": 4, "g": 2, "h": 2, "logits": 2, "dmu": 2}, after the ReLUs."""
    # Solution
    # a = (−¼ + ¾, ¼ + ¼). The first column is ⌊3/2 · 2 − 1 + ½⌋ = 2, and so is the first row: the lower right quarter.
    return {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# $a_1 = \mu_1 + \frac12 \varepsilon_1$ lies inside the image. The first column is
# $\lfloor (a_x + 1) \cdot 2 - 1 + \frac12 \rfloor$.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# The two closed units are the second of $g_2$, which would be $-\frac14$, and the first of $h_2$.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_second_glimpse():
    got = second_glimpse_by_hand()
    names = ["loc", "phi", "hidden", "g", "h", "logits", "dmu"]
    entries(got, *names)
    t, told, *_ = by_hand.update(by_hand.parameters(), [1.5, 0.5])
    p, before = by_hand.parameters(), t.core.h[0]

    def core(h, g):
        return np.concatenate([h, g], axis=1) @ p["core.W"] + p["core.b"]

    open_g = t.glimpse.hidden[1] @ p["glimpse.combine.W"] + p["glimpse.combine.b"]
    image = by_hand.IMAGE[0]
    because = {
        "loc": {"σ is ½: the draw is μ + ½ ε.": t.mu[0, 0] + [1.5, 0.5]},
        "phi": {
            "this is read column by column; it goes row by row.": t.glimpse.phi[1, 0, [0, 2, 1, 3]],
            "this is one pixel too far up and to the left: round to the nearest edge.": image[1:3, 1:3].ravel(),
        },
        "g": {"a negative number becomes 0.": open_g[0]},
        "h": {
            "a negative number becomes 0.": core(before, t.glimpse.g[1])[0],
            "h_1 has a part in it: the upper two rows of the core's weights.": np.maximum(
                core(0 * before, t.glimpse.g[1])[0], 0
            ),
        },
        "dmu": {
            "training goes down, and the draw was good: the sign.": -told.mu[0, 0],
            "the baseline is missing.": 4 * told.mu[0, 0],
            "the second logit is the larger one, so the label is right, and r = 1.": -3 * told.mu[0, 0],
            "the score is divided by σ², which is ¼.": told.mu[0, 0] / 4,
            "the score is divided by σ², not by σ.": told.mu[0, 0] / 2,
        },
    }
    want = {"loc": t.loc[1], "phi": t.glimpse.phi[1], "hidden": t.glimpse.hidden[1], "g": t.glimpse.g[1]}
    want |= {"h": t.core.h[1], "logits": t.logits[1], "dmu": told.mu[0]}
    for name in names:
        same(name, got[name], want[name][0], because.get(name))


# %% [markdown]
# **3. A number.** REINFORCE in one line: what is the location head told, for any reward, baseline, draw, mean and σ? It
# is to go *down* along what it is told.


# %% tags=["solution"]
def told_to_the_location_head(r, b, a, mu, sigma):
    """r, b and sigma numbers, a (2,), mu (2,) → dμ (2,)."""
    # Solution
    return -(r - b) * (a - mu) / sigma**2


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, a hint</summary>
#
# For $r = 1$, $b = \frac34$, $a = (-\frac12, \frac12)$, $\mu = (-\frac14, \frac14)$ and $\sigma = \frac12$ it is
# $(\frac14, -\frac14)$. Which way does the mean then go, and is that towards $a$?
#
# </details>


# %%
@exercise("3. What the location head is told")
def check_told():
    rng = np.random.default_rng(3)
    for r, b, sigma in ((1.0, 0.75, 0.5), (0.0, 0.75, 0.5), (0.25, 0.5, 0.125)):
        a, mu = rng.integers(-8, 9, (2, 2)) / 4
        _, cache = log_prob_forward(a[None], mu[None], np.log([sigma, sigma]))
        want = log_prob_backward(np.array([b - r]), cache)[0][0]
        because = {
            "the sign: going down along it should lead towards a draw that was better than expected.": -want,
            "the score is divided by σ², not by σ.": want * sigma,
            "it is not yet divided by σ².": want * sigma**2,
            "what was expected is to be taken from the reward.": -r * (a - mu) / sigma**2,
        }
        same("dmu", told_to_the_location_head(r, b, a, mu, sigma), want, because)


# %% [markdown]
# **4. The fork.** Write $\mathrm{d}z_1$ for any cotangents: `dy1` and `dmu1` of the two heads at step 1, `dz2` of the
# core at step 2, and the state $h_1$, whose units may be closed.


# %% tags=["solution"]
def fork(params, dy1, dmu1, dz2, h1):
    """params as in the lesson; dy1, dmu1, dz2 and h1 (2,) → dz_1 (2,)."""
    # Solution
    from_heads = dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T
    from_core = dz2 @ params["core.W"][:2].T
    return (from_heads + from_core) * (h1 > 0)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# A linear map sends back $\mathrm{d}y\, W^{\mathsf T}$. Three linear maps have read $h_1$.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# The core has read $[h_1, g_2]$: which rows of its weights has $h_1$ met?
#
# </details>


# %%
@exercise("4. The fork")
def check_fork():
    rng = np.random.default_rng(4)
    p = {name: rng.integers(-4, 5, a.shape) / 4 for name, a in by_hand.parameters().items()}
    for h1 in (np.array([0.75, 0.25]), np.array([0.5, 0.0])):
        dy1, dmu1, dz2 = rng.integers(1, 9, (3, 2)) / 4
        parts = {
            "the label head": dy1 @ p["label.W"].T,
            "the location head": dmu1 @ p["location.W"].T,
            "the core": dz2 @ p["core.W"][:2].T,
        }
        whole, opened = sum(parts.values()), h1 > 0
        because = {f"what {name} sends back is missing.": (whole - part) * opened for name, part in parts.items()}
        turned = {
            "the label head": dy1 @ p["label.W"],
            "the location head": dmu1 @ p["location.W"],
            "the core": dz2 @ p["core.W"][:2],
        }
        because |= {f"{n}'s weights should be transposed.": (whole - parts[n] + turned[n]) * opened for n in parts}
        because["all weights should be transposed."] = sum(turned.values()) * opened
        because["h_1 met the upper two rows of the core's weights; these are the lower two."] = (
            whole - parts["the core"] + dz2 @ p["core.W"][2:].T
        ) * opened
        because["a ReLU lets all through or nothing: the mask is h_1 > 0, not h_1."] = whole * h1
        if not opened.all():
            because["a unit of h_1 is closed, and gets nothing."] = whole
            for name, part in parts.items():
                because[f"what {name} sends back goes through the ReLU as well."] = (whole - part) * opened + part
        got = fork(p, dy1.copy(), dmu1.copy(), dz2.copy(), h1.copy())
        same("dz1", got, whole * opened, because)


# %% [markdown]
# **5. An estimator.** The average over a grid: draws $a_i$, each with its weight (they add up to 1), its reward and the
# baseline of the state. What does REINFORCE say of $\nabla_\mu J$ on average? Nothing of the lesson may be used; the
# check compares with the exact gradient of rewards that are known, and goes through a handful of draws by itself.


# %% tags=["solution"]
def on_average(a, weight, reward, b, mu, sigma):
    """a (n, 2), weight (n,), reward (n,), b and sigma numbers, mu (2,) → ∇J by μ (2,)."""
    # Solution
    estimates = (reward - b)[:, None] * (a - mu) / sigma**2  # (n, 2)
    return weight @ estimates


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# One draw says $(r_i - b)(a_i - \mu)/\sigma^2$. $\nabla J$ goes *up*: there is no minus here.
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# An average is the sum of each value times its weight.
#
# </details>


# %%
@exercise("5. On average")
def check_on_average():
    side = (np.arange(-160, 160) + 0.5) / 32  # ten σ, in steps of σ/16: so fine that nothing is left of its error
    whole = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(5)
    for mu, sigma, b, few in (((0.25, -0.5), 0.5, 0.3, 0), ((-0.5, 0.75), 0.625, -0.2, 0), ((1.0, 0.0), 0.25, 0.3, 5)):
        mu = np.array(mu)
        a = rng.normal(mu, sigma, (few, 2)) if few else whole
        weight = rng.random(few) if few else np.exp(-((a - mu) ** 2).sum(axis=1) / (2 * sigma**2))
        weight /= weight.sum()
        reward = a[:, 0] ** 2 + 3 * a[:, 1]  # so J = μ_x² + σ² + 3 μ_y, and ∇J = (2 μ_x, 3), for all there is to draw
        estimates = [(r - b) * (place - mu) / sigma**2 for r, place in zip(reward, a)]
        want = sum(w * one for w, one in zip(weight, estimates)) if few else np.array([2 * mu[0], 3.0])
        score = weight @ (a - mu) / sigma**2
        because = {
            "this is the sum of all; each draw counts with its weight.": np.sum(estimates, axis=0),
            "this is the plain mean; the draws are not equally probable.": np.mean(estimates, axis=0),
            "the score is divided by σ², not by σ.": want * sigma,
            "it is not yet divided by σ².": want * sigma**2,
            "the sign: this goes up.": -want,
        }
        if few:
            because["the baseline is to be taken from the reward."] = want + b * score
        got = on_average(a.copy(), weight.copy(), reward.copy(), b, mu.copy(), sigma)
        same("for a handful of draws, the average" if few else "∇J", got, want, because, tolerance=1e-6)


# %%
finish()
