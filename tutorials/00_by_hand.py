# %% [markdown]
# # 0 · By hand
#
# **What you will see.** One whole update of the recurrent attention model with a pencil: two glimpses, a label, a
# reward, the way back, and a step of all 51 weights. Every number stands beside its formula and its line of code, and
# is asserted to be the package's: exactly, where it is rational. Then another draw; and at the end the average over
# all draws, which is the gradient that the estimator promises.
#
# **What you need.** To multiply and to add. Where the formulas come from is the matter of lessons 2 to 8; here they
# are only used. A blank sheet beside you: do each line yourself before you read its number.
#
# **How long it runs.** A few seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from minram.agent import Cotangents, backward, rollout
from minram.command import trace
from minram.pictures import style
from minram.policy import log_prob_forward
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training import by_hand

style.use()
COLOUR = style.COLOURS
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
for name, value in params.items():
    print(f"{name:18}", value.tolist())

# %% [markdown]
# These are its parameters, 51 numbers, and all of them are sums of powers of two. So are the products and sums below,
# so nothing is ever rounded. `W` has a row for each input and a column for each output: $y = xW + b$.
#
# The image is $4 \times 4$. The agent sees it through a retina of $2 \times 2$ pixels, twice.
#
# ## The first glimpse
#
# It is taken at $l_1 = (-\frac12, -\frac12)$; the image goes from $-1$ to $1$. How many pixel edges are left of the
# retina? The centre is at $(l_x + 1) \cdot \frac42 = 1$, half the retina is 1, and we round to the nearest edge:
# $\lfloor 1 - 1 + \frac12 \rfloor = 0$. The same for the rows. So it covers the first two rows and columns.
#
# The sensor takes its cells from the summed-area table, whose entry $S_{ij}$ is the sum of all pixels above edge $i$
# and left of edge $j$: the cell at row 0 and column 1 is
# $S_{1,2} - S_{0,2} - S_{1,1} + S_{0,1} = \frac12 - 0 - 0 + 0$. With cells of one pixel that is the pixel itself. Line
# by line, $\varphi_1 = (0, \frac12, 1, 0)$: [`strips[:, :, :, 1:] - strips[:, :, :, :-1]`](../minram/sensor.py#L210).

# %%
check("table", [[0, 0, 0, 0, 0], [0, 0, 0.5, 1.5, 2.5], [0, 1, 1.5, 2.5, 4.5], [0, 1.5, 3, 5, 8], [0, 2.5, 5, 7, 11]])
check("loc[0]", [-0.5, -0.5])
check("phi[0]", [0, 0.5, 1, 0])

# %% [markdown]
# The **glimpse network** makes two numbers of what was seen, two of where, and of these four the feature $g_1$:
#
# | | | | |
# |--|--|--:|--:|
# | what, unit 1 | $0 \cdot 0 + \frac12 \cdot 1 + 1 \cdot 0 + 0 \cdot 0 + 0$ | $= \frac12$ | $\frac12$ |
# | what, unit 2 | $0 \cdot 1 + \frac12 \cdot 1 + 1 \cdot (-1) + 0 \cdot 1 - \frac12$ | $= -1$ | ReLU: $0$ |
# | where, unit 1 | $-\frac12 \cdot (-1) - \frac12 \cdot 1 + \frac12$ | $= \frac12$ | $\frac12$ |
# | where, unit 2 | $-\frac12 \cdot (-1) - \frac12 \cdot 1 + 1$ | $= 1$ | $1$ |
# | $g_1$, unit 1 | $\frac12 \cdot 1 + 0 \cdot \frac12 + \frac12 \cdot 0 + 1 \cdot 0 + 1$ | $= \frac32$ | $\frac32$ |
# | $g_1$, unit 2 | $\frac12 - 0 \cdot \frac12 + \frac12 \cdot 1 - 1 \cdot 1 + \frac12$ | $= \frac12$ | $\frac12$ |
#
# One unit is closed. It is the only one in this lesson, and it will come up again on the way back. The **core** has
# nothing to remember yet, $h_0 = 0$, so that the upper two rows of its weights count for nothing:
#
# | | | | |
# |--|--|--:|--:|
# | $h_1$, unit 1 | $\frac32 \cdot 0 + \frac12 \cdot 1 + \frac14$ | $= \frac34$ | $\frac34$ |
# | $h_1$, unit 2 | $\frac32 \cdot \frac12 + \frac12 \cdot 1 - 1$ | $= \frac14$ | $\frac14$ |
#
# In the code: [`hidden += np.concatenate(`](../minram/glimpse.py#L41),
# [`relu_forward(hidden, out=hidden)`](../minram/glimpse.py#L42),
# [`h, _ = relu_forward(z, out=out)`](../minram/core.py#L28).

# %%
check("hidden[0]", [0.5, 0, 0.5, 1])
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
# $\lfloor \frac32 \cdot 2 - 1 + \frac12 \rfloor = 2$. So $\varphi_2 = (\frac12, 1, 1, 1)$, and
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
# Now $h_1 = (\frac34, \frac14)$ has a part in it: the agent remembers its first glimpse.

# %%
check("phi[1]", [0.5, 1, 1, 1])
check("hidden[1]", [1, 1, 1.5, 2])
check("g[1]", [2.5, 0.5])
check("h[1]", [0.25, 0.75])

# %% [markdown]
# ## The label
#
# This agent names a label after each glimpse. There are two labels, and the image has label 1, the second.
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
#
# The number $q$, the probability that is left for the wrong label, is not rational. It is the only such number, and
# whatever depends on it below is a rational number plus another times $q$.
# [`return loss, CrossEntropyCache(e / total, labels)`](../minram/ops.py#L106)

# %%
q = 1 / (1 + np.exp(0.5))
assert round(q, 4) == 0.3775
check("logits", [[0, 0], [0, 0.5]])
p = SEEN["cache.p"][0][:, 0]  # (2 steps, 2 labels)
print("p =", p.tolist())
ULP = 4 * np.finfo(float).eps  # an exponential, a sum and a quotient, each rounded once
assert np.array_equal(p[0], [0.5, 0.5]) and np.abs(p[1] - [q, 1 - q]).max() <= ULP
assert np.abs(SEEN["loss"][0].ravel() - [np.log(2), -np.log(1 - q)]).max() <= 2 * ULP

# %% [markdown]
# ## Reward and advantage
#
# After the last glimpse label 1 is the more probable, and it is right: the reward is 1. What did the agent expect when
# it decided where to look? That is the **baseline**, read from $h_1$:
# $b_1 = \frac34 \cdot (-\frac12) + \frac14 \cdot \frac12 + 1 = \frac34$. So the draw was better than expected by the
# **advantage** $G_1 - b_1 = 1 - \frac34 = \frac14$.

# %%
check("baseline", [0.75])
check("rewards", [0, 1])
check("G", [1])
check("advantage", [0.25])

# %% [markdown]
# ## Back: what each head is told
#
# From here on $\mathrm{d}y$ stands for $\partial L / \partial y$: how much what we want small grows with $y$. What
# each head is told is all that training wants (lesson 8):
#
# | head | formula | numbers |
# |--|--|--|
# | label, step 1 | $\frac12 (p - \mathrm{onehot})$ | $\frac12 (\frac12 - 0, \frac12 - 1) = (\frac14, -\frac14)$ |
# | label, step 2 | $\frac12 (p - \mathrm{onehot})$ | $\frac12 (q - 0, (1 - q) - 1) = (\frac12 q, -\frac12 q)$ |
# | location | $-(G_1 - b_1)(a_1 - \mu_1)/\sigma^2$ | $-\frac14 (-\frac14, \frac14) \cdot 4 = (\frac14, -\frac14)$ |
# | baseline | $b_1 - G_1$ | $\frac34 - 1 = -\frac14$ |
#
# The $\frac12$ before the labels: they count as the mean of the two steps. The line of the location head is REINFORCE.
# $(a - \mu)/\sigma^2$ points from the mean to the draw; the draw was good, and going *down* along $\mathrm{d}\mu$
# moves the mean towards it. [`dmu, dlog_std = log_prob_backward(`](../minram/reinforce.py#L150),
# [`dmu = dlogp[..., None] * cache.z / cache.std`](../minram/policy.py#L41),
# [`residual = trajectory.baseline - G`](../minram/reinforce.py#L160).

# %%
check("dmu", [0.25, -0.25])
check("residual", [-0.25])
heads = update.cotangents
assert heads.log_std.tolist() == [0.1875, 0.1875]  # what σ would be told, were it learned: −¼ ((±½)² − 1)
assert heads.baseline.tolist() == [[-0.25]]
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
# The baseline sends nothing: it reads the state and does not shape it.

# %%
check_back("dh_label", [[-0.125, -0.375], [0, 0]], [[0, 0], [-0.25, -0.75]])
check_back("dh_location", [[-0.125, -0.125]])

# %% [markdown]
# ## The fork at $h_1$
#
# Through time we go from the last step to the first. At $h_2$ only the label head has read, and both units are open:
# $\mathrm{d}z_2 = (-\frac14, -\frac34)\, q$. But $h_1$ was read three times: by the label head, by the location head,
# and by the core at step 2. A number that is read three times gets the sum of three cotangents:
#
# | from | formula | unit 1 | unit 2 |
# |--|--|--:|--:|
# | the label head | $\mathrm{d}y_1 W^{\mathsf T}$ | $-\frac18$ | $-\frac38$ |
# | the location head | $\mathrm{d}\mu_1 W^{\mathsf T}$ | $-\frac18$ | $-\frac18$ |
# | the core | $\mathrm{d}z_2 W_h^{\mathsf T}$ | $\frac14 q$ | $-\frac14 q$ |
# | sum, $\mathrm{d}z_1$ | both are open | $-\frac14 + \frac14 q$ | $-\frac12 - \frac14 q$ |
#
# The third row is $(-\frac14 \cdot (-1) - \frac34 \cdot 0)\, q$ and $(-\frac14 \cdot 1 - \frac34 \cdot 0)\, q$. In the
# code it is one line: [`relu_backward(dh[t] + dz[t + 1] @ W[:n_core].T`](../minram/core.py#L47)

# %%
check_back("dh", [[[-0.25, -0.5]], [[0, 0]]], [[[0, 0]], [[-0.25, -0.75]]])
check_back("dz[-1]", 0, [[-0.25, -0.75]])
check_back("dz[1] @ W[:n_core].T", 0, [[0.25, -0.25]])
check_back("dz[0]", [[-0.25, -0.5]], [[0.25, -0.25]])

# %% [markdown]
# The weights of the core: $h_0 = 0$ gives nothing, so the upper rows are $h_1^{\mathsf T} \mathrm{d}z_2$ alone, the
# lower $g_1^{\mathsf T} \mathrm{d}z_1 + g_2^{\mathsf T} \mathrm{d}z_2$. For example row 3, column 1:
# $\frac32 (-\frac14 + \frac14 q) + \frac52 \cdot (-\frac14 q) = -\frac38 - \frac14 q$. What goes on to the glimpse
# network is $\mathrm{d}g_t = \mathrm{d}z_t W_g^{\mathsf T}$; for $g_1$, unit 1, it is
# $(-\frac14 + \frac14 q) \cdot 0 + (-\frac12 - \frac14 q) \cdot \frac12 = -\frac14 - \frac18 q$, and for unit 2
# $(-\frac14 + \frac14 q) + (-\frac12 - \frac14 q) = -\frac34$.

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
# It knows nothing of time: both glimpses are rows of one array, and one product adds them up. All $g$ are open. The
# four numbers before them get $\mathrm{d}g\, W^{\mathsf T}$; for the first glimpse
#
# | | | | |
# |--|--|--:|--:|
# | what, unit 1 | $(-\frac14 - \frac18 q) \cdot 1 - \frac34 \cdot 1$ | $= -1 - \frac18 q$ | |
# | what, unit 2 | $(-\frac14 - \frac18 q) \frac12 + \frac34 \cdot \frac12$ | $= \frac14 - \frac1{16} q$ | closed: $0$ |
# | where, unit 1 | $(-\frac14 - \frac18 q) \cdot 0 - \frac34 \cdot 1$ | $= -\frac34$ | |
# | where, unit 2 | $(-\frac14 - \frac18 q) \cdot 0 - \frac34 \cdot (-1)$ | $= \frac34$ | |
#
# Here is the closed unit again. It gave nothing, whatever its weights were, so they get nothing: a small change of
# them changes nothing. [`relu_backward(dhidden, cache.hidden, out=dhidden)`](../minram/glimpse.py#L59)

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
# Each weight goes down its gradient: $\theta' = \theta - \eta\, \mathrm{d}\theta$ with $\eta = \frac1{64}$. The
# location head's bias, for example, was $(0, 0)$ and becomes
# $-\frac1{64} (\frac14, -\frac14) = (-\frac1{256}, \frac1{256})$. What has it brought? We look at the same two places
# again with the new weights.

# %%
ORDER = {"glimpse.what": "what", "glimpse.where": "where", "glimpse.combine": "combine", "core": "grads"}
for name, new in update.params.items():
    layer, _, kind = name.rpartition(".")
    key = f"{ORDER[layer]}['{kind}']" if layer in ORDER else f"{layer}['{name}']"
    A, B = RATIONAL[key][-1], TIMES_Q[key][-1]  # the arrays that were checked above
    assert np.abs(new - (params[name] - (A + B * q) / 64)).max() <= 8 * ULP
    print(f"{name:18}", new.round(4).tolist())
assert update.params["location.b"].tolist() == [-1 / 256, 1 / 256]


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
for t in range(2):
    print(f"right label after glimpse {t + 1}: {right(update.trajectory)[t]:.4f} → {right(again)[t]:.4f}")
print(f"density of the place that was chosen: {density(update.trajectory):.4f} → {density(again):.4f}")
print(f"expected reward b: {update.trajectory.baseline[0, 0]:.4f} → {again.baseline[0, 0]:.4f}")
assert (right(again) > right(update.trajectory) + 0.1).all()
assert density(again) > density(update.trajectory) + 0.04 and again.baseline[0, 0] > 0.75

# %% [markdown]
# The right label has become more probable, the place that turned out to be good is more likely to be chosen again, and
# more is expected.
#
# Why so small a step? All 51 weights move at once, and a gradient is a promise for small moves only. With four times
# the step the mean is carried past the place that it was to come nearer to, because $h_1$ has moved as well:

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
# | label 0 is the more probable | $r = 0$, advantage $0 - \frac34 = -\frac34$ |
# | the mean is sent *away* from $a_1$ | $\mathrm{d}\mu_1 = \frac34 (\frac32, -\frac14) \cdot 4 = (\frac92, -\frac34)$ |
#
# What is scored is the draw itself, $\frac54$, not the border where the sensor stopped (lesson 5). And see how large
# it is: eighteen times the first draw's. A single draw says little; that is the variance which lesson 7 is about.

# %%
RARE = [3.0, -0.5]
other = by_hand.update(params, RARE)
assert other.trajectory.sample.ravel().tolist() == [1.25, 0] and other.trajectory.loc[1].tolist() == [[1, 0]]
assert other.outcome.reward.tolist() == [0] and other.outcome.advantage.tolist() == [[-0.75]]
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
# *The estimator.* A grid of draws, $\frac1{32}$ apart, over six σ to each side, each with its density as its weight.
# For each of these draws the package is asked, as in training, what the location head is told.

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

# %% tags=["picture"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2))
axes[0].imshow(by_hand.IMAGE[0], cmap="gray", extent=(-1, 1, 1, -1))
for t, (l, colour) in enumerate(zip(update.trajectory.loc[:, 0], (style.SKY, style.ORANGE)), start=1):
    first = np.floor(2 * l + 1.5) - 1
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
plt.show()

# %% [markdown]
# On the left the image with the two glimpses. In the middle the $5 \times 5$ windows, the rewarded ones dark, the mean
# as a cross, the draw as a dot, and circles at one and two σ. On the right two arrows from the mean: what this one
# draw says, and what all draws say on average.
#
# ## Exercises
#
# **1. Before you compute.** Had the label been wrong, with the same draw, what would $\mathrm{d}\mu_1$ have been?
# Write it down first, as a function of the reward.


# %% tags=["solution"]
def told_to_the_location_head(r):
    """dμ_1 (2,) for reward r, the draw of the lesson."""
    # Solution
    return -(r - 0.75) * np.array([-0.25, 0.25]) / 0.25


# %%
assert told_to_the_location_head(1).tolist() == [0.25, -0.25]
assert told_to_the_location_head(0).tolist() == [-0.75, 0.75]  # three times as much, and the other way

# %% [markdown]
# **2. The fork.** Write $\mathrm{d}z_1$ for any cotangents: `dy1`, `dmu1` of the two heads at step 1, `dz2` of the
# core at step 2, and $h_1$.


# %% tags=["solution"]
def fork(params, dy1, dmu1, dz2, h1):
    """dy1 (2,), dmu1 (2,), dz2 (2,), h1 (2,) → dz_1 (2,)."""
    # Solution
    from_core = dz2 @ params["core.W"][:2].T
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + from_core) * (h1 > 0)


# %%
r = np.random.default_rng(0)
dy, dmu = r.normal(size=(2, 2)), r.normal(size=2)
arrays = way_back(dy, dmu, 0.0)
answer = fork(params, dy[0], dmu, arrays["dz[-1]"][0][0], update.trajectory.core.h[0, 0])
wanted = arrays["dz[0]"][0][0]
assert np.abs(answer - wanted).max() < 1e-12, f"{answer} instead of {wanted}: are all three added, and W transposed?"

# %% [markdown]
# **3. With other numbers.** `python tutorials/build.py worksheet --seed 17` makes five sheets with numbers of your
# own, and `python tutorials/build.py check-worksheet answers.txt --seed 17` says which of yours are right, and what
# went wrong with the others. `minram trace --tiny` prints the update of this lesson, array by array.
