# %% [markdown]
# # 13 · A laboratory of variance
#
# **What you will see.** There are many ways to estimate $\nabla J$ with less noise. Here are a dozen, each about ten
# lines, each with its proof, on problems whose gradient is known: which are right, by how much the others are not, and
# which pay for what they cost. Then a trained agent, whose truth is itself an estimate, and where its noise comes from.
#
# **What you need.** Lessons 6 and 7.
#
# **How long it runs.** About half a minute.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import json
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

import exact_agent
import problems
import race
import trained_agent
import variance as v
from laboratory import ALARMS, measure, picture, table
from lesson import show, show_source
from minram import reinforce
from minram.pictures import style

style.use()
COLOUR = style.COLOURS
EPS = np.finfo(float).eps

# %% [markdown]
# ## What is subtracted, and what is its mean?
#
# The two places of lessons 6 and 7 once more. The agent looks to the right with probability ¼ and earns 8, to the left
# with ¾ and earns 4. One sample $X$ of the gradient says 6 or −1, and ¾ on average. Now take a second number $Y$ that
# comes with the same look, and *whose mean is known*: the score itself, ¾ or −¼, with the mean 0. Subtract a multiple
# of it:
#
# $$
# \begin{aligned}
# \mathbb{E}[X - c\,(Y - \mathbb{E} Y)] &= \mathbb{E}[X] && \text{linearity, for any } c \\
# \operatorname{Var}[X - cY] &= \operatorname{Var} X - 2c \operatorname{Cov}(X, Y) + c^2 \operatorname{Var} Y
#   && \text{expand the square} \\
# c^* &= \frac{\operatorname{Cov}(X, Y)}{\operatorname{Var} Y}, \qquad
#   \operatorname{Var}[X - c^* Y] = (1 - \rho^2) \operatorname{Var} X && \text{complete the square}
# \end{aligned}
# $$
#
# with ρ the correlation of the two. $Y$ is called a **control variate**. By hand:
# $\operatorname{Var} Y = \tfrac14 \cdot \tfrac{9}{16} + \tfrac34 \cdot \tfrac1{16} = \tfrac{3}{16}$, and
# $\mathbb{E}[XY] = \tfrac14 \cdot 6 \cdot \tfrac34 + \tfrac34 \cdot (-1) \cdot (-\tfrac14) = \tfrac{21}{16}$.
# So $c^* = 7$. But $X - 7Y$ is $(r - 7)$ times the score: lesson 7's best baseline. A baseline is the coefficient of a
# control variate.

# %%
chance2, X, Y = np.array([1 / 4, 3 / 4]), np.array([6.0, -1.0]), np.array([3 / 4, -1 / 4])
mean_X, mean_Y = chance2 @ X, chance2 @ Y
covariance = chance2 @ ((X - mean_X) * (Y - mean_Y))
coefficient = covariance / (chance2 @ (Y - mean_Y) ** 2)
left_over = chance2 @ (X - coefficient * Y - mean_X) ** 2
print(f"c* = {coefficient}, variance {chance2 @ (X - mean_X) ** 2} before and {left_over} after")
assert (mean_X, mean_Y, coefficient, left_over) == (3 / 4, 0, 7, 0)

# %% [markdown]
# Everything below can be read in this frame. Two questions are asked of each estimator.
#
# | estimator | what is subtracted | what is its mean? |
# |---|---|---|
# | plain | nothing | |
# | constant baseline, $b_t(h_t)$ | $b\,\psi$ | 0: $b$ knows nothing of the action |
# | mean, itself included | $\bar r\,\psi$ | $g/M$, **not** 0: biased |
# | leave one out | $\bar r_{\text{others}}\,\psi$ | 0: the others are independent |
# | reward-to-go | what came before, times ψ | 0: causality |
# | $p_y$ for the drawn label | $(r - p_y)\,\psi$ | 0, given the glimpses |
# | score of the cell; all cells | what the draw within, or among, cells adds | 0, given what is kept |
# | fitted quadratic | $q(a)\,\psi$, which knows the action | known, and added back |
# | antithetic pairs | half the difference of the two | 0: both are equally likely |
# | pathwise | another formula for the same integral | |
# | normalised returns | $\bar r\,\psi$, then divided by a deviation | not known: biased |
#
# They are in [variance.py](variance.py), functions of arrays that draw nothing themselves. It lies beside the lessons
# and not in the package: training uses four baselines of lesson 7, and these are here to be compared. $n$ estimates are
# made at once, of $M$ rollouts each, with $D = T - 1$ decisions and $P$ parameters. Three of them, with their proofs:

# %%
show_source(v.plain, v.leave_one_out, v.less_quadratic)

# %% [markdown]
# Two of the package's own, to see that they are the same (lesson 7 derives them):

# %%
show_source(reinforce.returns, reinforce.rollouts_baseline)
some = np.random.default_rng(0)
G_some, psi_some, r_some = some.random((5, 4, 1)), some.random((5, 4, 1, 2)), some.random((5, 4, 3))
theirs = reinforce.rollouts_baseline(G_some.ravel(), 4).reshape(G_some.shape)
assert np.abs(v.leave_one_out(G_some, psi_some) - v.baselined(G_some, psi_some, theirs)).max() < 100 * EPS
first_of_none = np.concatenate([np.zeros((20, 1)), r_some.reshape(20, 3)], axis=1)  # a reward after each glimpse
assert np.abs(v.reward_to_go(r_some).reshape(20, 3).T - reinforce.returns(first_of_none.T)).max() < 10 * EPS

# %% [markdown]
# ## Each proof, held by going through all that can happen
#
# Before anything is sampled: three places, chosen with a softmax; groups of three rollouts; 27 groups that can happen.
# So the mean of an estimator is a sum, and chance has no part in the check. $\nabla J$ is $p_j (r_j - \bar r)$ for
# each logit.

# %%
p3, r3 = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 3.0])
groups = np.array(list(product(range(3), repeat=3)))  # (27, M)
chance = p3[groups].prod(axis=1)
G3, psi3 = r3[groups][..., None], (np.eye(3) - p3)[groups][:, :, None]  # (27, M, 1), (27, M, 1, 3)
truth3 = p3 * (r3 - p3 @ r3)
best3 = v.best_constant(
    np.repeat(r3, [6, 3, 1])[None, :, None], np.repeat(np.eye(3) - p3, [6, 3, 1], axis=0)[None, :, None]
)
by_sum = {
    "plain": (v.plain(G3, psi3), 1),
    "b*": (v.baselined(G3, psi3, best3), 1),
    "mean, itself included": (v.own_mean(G3, psi3), 2 / 3),
    "leave one out": (v.leave_one_out(G3, psi3), 1),
    "normalised": (v.normalised(G3, psi3), None),
}
print("∇J", truth3)
for name, (says, factor) in by_sum.items():
    mean = chance @ says
    cosine = mean @ truth3 / np.linalg.norm(mean) / np.linalg.norm(truth3)
    angle = np.degrees(np.arccos(min(cosine, 1)))
    spread = chance @ ((says - mean) ** 2).sum(axis=1)
    print(f"{name:22} mean {mean.round(4)}, turned by {angle:4.1f} degrees, variance {spread:.3f}")
    if factor is not None:
        assert np.abs(mean - factor * truth3).max() < 50 * EPS
    else:
        assert angle > 3

# %% [markdown]
# The mean that includes the rollout itself keeps the direction and loses a third. Normalised returns lose the direction
# too. What they change is the size: rewards in other units give the same steps. What that costs, in one sentence: a
# group that nearly agrees, and so knows little, is made to speak as loudly as one that differs.
#
# Now the best constant. No other has less variance, summed over the parameters:

# %%
for b in (best3 - 0.01, best3 + 0.01, p3 @ r3, 0.0):
    assert chance @ (v.baselined(G3, psi3, b) ** 2).sum(axis=1) > chance @ (by_sum["b*"][0] ** 2).sum(axis=1)
print(f"b* {best3:.4f}, the mean reward {p3 @ r3:.4f}")

# %% [markdown]
# Reward-to-go: two decisions among the three places, the second with twice the reward where the first went to the last
# place. All nine histories. What was earned before times the score has the mean 0, term by term:

# %%
pairs = np.array(list(product(range(3), repeat=2)))  # (9, D)
chance9, psi9 = p3[pairs].prod(axis=1), (np.eye(3) - p3)[pairs][:, None]  # (9,), (9, 1, D, 3)
rewards9 = np.stack([r3[pairs[:, 0]], r3[pairs[:, 1]] * (1 + (pairs[:, 0] == 2))], axis=1)[:, None]  # (9, 1, D)
whole = v.plain(rewards9.sum(axis=-1, keepdims=True), psi9)
to_go = v.plain(v.reward_to_go(rewards9), psi9)
J_slope = np.zeros(3)
for j in range(3):  # the slope of J = Σ p p (r₁ + r₂), by the derivative of the product p p
    J_slope[j] = sum(c * q.sum() * s.sum(axis=0)[j] for c, q, s in zip(chance9, rewards9[:, 0], psi9[:, 0]))
print("everything", chance9 @ whole, " to go", chance9 @ to_go)
assert np.abs(chance9 @ whole - J_slope).max() < 50 * EPS and np.abs(chance9 @ to_go - J_slope).max() < 50 * EPS
assert chance9 @ (to_go**2).sum(axis=1) < 0.9 * (chance9 @ (whole**2).sum(axis=1))

# %% [markdown]
# Then the Gaussian ones, in two coordinates, by a quadrature that is exact for polynomials: with
# $r(a) = a_1^3 + 2 a_1 a_2 + a_2^2$ everything can be integrated. What the quadratic is made of does not matter for the
# mean, as long as it is given back what it took.

# %%
nodes, weights = np.polynomial.hermite_e.hermegauss(8)
z2 = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 1, 1, 2)  # (n, M, D, k)
weight2 = np.outer(weights, weights).ravel() / weights.sum() ** 2
mu2, std2 = np.array([0.4, -0.3]), 0.5
a2 = mu2 + std2 * z2


def cubic(a):
    return a[..., 0] ** 3 + 2 * a[..., 0] * a[..., 1] + a[..., 1] ** 2


slope2 = np.broadcast_to(np.array([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]]), (*z2.shape, 3))  # μ depends on three parameters
dr2 = np.stack([3 * a2[..., 0] ** 2 + 2 * a2[..., 1], 2 * a2[..., 0] + 2 * a2[..., 1]], axis=-1)
truth2 = np.array([3 * (mu2[0] ** 2 + std2**2) + 2 * mu2[1], 2 * mu2[0] + 2 * mu2[1]]) @ slope2[0, 0, 0]
psi2 = np.einsum("nmdk,nmdkp->nmdp", z2 / std2, slope2)
some_c = np.array([0.3, -1.0, 2.0, 0.5, 0.7, -0.2])
fitted_c = v.fit_quadratic(cubic(a2), z2)
both = v.mirrored(z2)
assert np.abs(both + both[:, ::-1]).max() == 0 and v.mirrored(np.array([[0.2]]), 0.5).tolist() == [[0.2, 0.8]]
w_nodes, w_weights = np.polynomial.laguerre.laggauss(20)  # w = √(2t) with t exponential has the density w e^(−w²/2)
by_integral = {
    "plain": v.plain(cubic(a2), psi2),
    "less some quadratic": v.less_quadratic(cubic(a2), z2, slope2, std2, some_c),
    "less the fitted one": v.less_quadratic(cubic(a2), z2, slope2, std2, fitted_c),
    "pathwise": v.pathwise(dr2, slope2),
    "pairs, twice as many": v.plain(
        cubic(mu2 + std2 * both), np.einsum("nmdk,nmdkp->nmdp", both / std2, slope2.repeat(2, 1))
    ),
}
for name, says in by_integral.items():
    print(f"{name:20} mean {(weight2 @ says).round(12)}, variance {weight2 @ ((says - truth2) ** 2).sum(axis=1):8.3f}")
    assert np.abs(weight2 @ says - truth2).max() < 1e3 * EPS * np.abs(says).max()  # 64 terms, each rounded
lost = truth2 - weight2 @ v.plain(cubic(a2) - v.quadratic(z2[:, :, :, :]) @ some_c, psi2)
print("not given back, the quadratic would have taken", lost)
assert np.abs(lost - some_c[1:3] / std2 @ slope2[0, 0, 0]).max() < 1e3 * EPS
measured_by_w = w_weights @ v.measure_valued(lambda a: a**3 - a, 0.4, std2, np.sqrt(2 * w_nodes)[:, None])
# √(2t) is no polynomial, but the difference of a cubic is one times w, and E w, E w³ are √(π/2), 3√(π/2).
assert abs(measured_by_w[0] - (3 * (0.4**2 + std2**2) - 1)) < 0.01

# %% [markdown]
# The measure-valued estimate is a third kind beside score and path: the derivative of the normal density is
# $1/(\sigma\sqrt{2\pi})$ times a difference of two densities, and so the gradient is that times a difference of two
# mean rewards. (The last line above is of pairs, two samples each; at equal cost it is twice that.) It is in Mohamed's
# figures below.
#
# Last those after Rao and Blackwell. On a line with three cells, of which each earns what it likes, the score of the
# cell that was hit and the sum over all cells are held to the slope of $\sum_q r_q P(q)$; the chance of a label to a
# sum over labels.

# %%
low3, high3 = np.array([[-np.inf], [-0.2], [0.5]]), np.array([[-0.2], [0.5], [np.inf]])
mu_line, r_line, h = np.array([0.1]), np.array([1.0, -2.0, 0.5]), 1e-4


def mean_line(mu):
    return v.over_cells(mu, 0.3, low3, high3, r_line)[0]


_, line_slope = v.over_cells(mu_line, 0.3, low3, high3, r_line)
by_difference = (mean_line(mu_line + h) - mean_line(mu_line - h)) / (2 * h)
P_line = ndtr((high3 - mu_line) / 0.3)[:, 0] - ndtr((low3 - mu_line) / 0.3)[:, 0]
hit = v.cell_score(mu_line, 0.3, low3, high3)[:, 0]
print(f"by cells {line_slope[0]:.8f}, by hits {P_line @ (r_line * hit):.8f}, by differences {by_difference:.8f}")
assert abs(line_slope[0] - by_difference) < h**2 * 100  # h²|J‴|/6, and |J‴| < 2 · 3/σ³
assert abs(P_line @ (r_line * hit) - line_slope[0]) < 100 * EPS and abs(P_line @ hit) < 100 * EPS
assert abs(mean_line(mu_line) - P_line @ r_line) < 10 * EPS
logits_some = some.normal(size=(6, 4))
p_of = np.stack([v.label_probability(logits_some, np.full(6, label)) for label in range(4)])
assert np.abs(p_of.sum(axis=0) - 1).max() < 10 * EPS
assert np.abs(np.log(p_of[2] / p_of[1]) - (logits_some[:, 2] - logits_some[:, 1])).max() < 100 * EPS

# %% [markdown]
# ## The bench
#
# So much for what can be summed up. The bench in [laboratory.py](laboratory.py) takes a problem with a truth, makes
# thousands of estimates in every way, each way with random numbers of its own, and says two things:
#
# - **bias**: how far the mean is from the truth, in standard errors; up to four is called chance. Beside it the
#   smallest bias that would have been *seen*, four standard errors as a share of the truth. Where there are several
#   parameters, Hotelling's test (lesson 6) looks in all directions.
# - **variance × cost**, in units of the plain estimate's: cost is how often the reward is evaluated, a rollout being
#   one; a derivative counts as one more. An estimator with half the variance at twice the cost has gained nothing, as
#   one could have averaged two. An estimate with another mean is scaled to the truth first: half the gradient with a
#   quarter of the variance is no gain.
#
# What is *fitted* (b*, the quadratic, the learned baseline) is fitted once, on other samples. These are not counted: a
# training has those of the steps before.


# %%
def held(measured, seen=None):
    """The rows are as their proofs say; and the bench is sharp enough to see what has to be seen."""
    for m in measured:
        if m.expected is not None:
            assert abs(m.factor - m.expected) <= ALARMS * m.error + 1e-9, m
        if m.expected == 1:
            assert m.chance > 1e-4, m
        elif "included" in m.name:
            assert m.off < -ALARMS, m  # a bias of 1/M is seen
    by_name = {m.name: m for m in measured}
    if seen is not None:
        assert next(m for m in measured if "leave one out" in m.name).seen < seen
    return by_name


def two_panels(measured, title, alt):
    _, axes = plt.subplots(1, 2, figsize=(8.6, 0.9 + 0.27 * len(measured)), width_ratios=(3, 2))
    picture(axes, measured)
    axes[0].set_title(title)
    show(alt)


# %% [markdown]
# ## The step
#
# The step reward of lesson 6, groups of eight samples.

# %%
step = measure(problems.step())
print(table(step))
found_step = held(step, seen=0.02)
k = (0.25 - 0.1) / 0.2
exact_step = norm.pdf(k) / 0.2
moment = k * norm.pdf(k) + ndtr(-k)  # E[r z²], lesson 6; it is b*, too (lesson 7)
one_sample = moment / 0.04 - exact_step**2
at_best = (moment - moment**2) / 0.04 - exact_step**2
for name, exact in (("plain", one_sample), ("best constant b*", at_best)):
    m = found_step[name]
    print(f"{name:17} variance of one sample {m.work:.3f} ± {m.work_error:.3f}, exact {exact:.3f}")
    assert abs(m.work - exact) < ALARMS * m.work_error + 1e-3 * exact  # b* is fitted: off by its error squared
assert found_step["all cells"].work < 1e-20 and found_step["pathwise"].factor == 0

# %% tags=["picture", "hide-input"]
two_panels(step, "The step reward", "Bias in standard errors and variance times cost of eleven estimators on a step")

# %% [markdown]
# Dots are honest, crosses are not. The pathwise estimate says 0 every time: no scatter, and no truth (lesson 6). Where
# the reward is constant within two cells, a sum over both needs two evaluations and no luck. The score of the cell that
# was hit costs nothing more than the score, and gains a quarter. The mean that includes itself *looks* better than
# leave one out as long as one looks at its variance alone; scaled to the truth the two are one and the same, as their
# docstring says. And the measure-valued estimate, which hardly anyone uses, is the best one that knows nothing of
# cells.
#
# ## Mohamed's three costs
#
# Shakir Mohamed and others have surveyed the field, and compare estimators on three costs of
# $x \sim \mathcal{N}(\mu, 1)$ at $\mu = 1$: $(x - k)^2$ in their figure 2, $e^{-k x^2}$ and $\cos kx$ in figure 3.
# Here are their curves for the gradient in μ, the variance of one sample, by quadrature: no sampling at all. For the
# first cost there are formulas. With $c = 1 - k$ the variance is $c^4 + 14c^2 + 15$ for the plain score, $8c^2 + 10$
# with the mean as baseline, $8c^2 + 6$ with the best one, and 4 for the path.

# %%
z, quad_weights = problems.quadrature()
w_grid = np.linspace(0, 12, 4001)
w_weights = w_grid * np.exp(-(w_grid**2) / 2) * (w_grid[1] - w_grid[0])


def curves(name, ks):
    """The variance of one sample of each kind, for each k → {kind: (len(ks),)}; measure-valued: of one pair."""
    f, df, _, _ = problems.COSTS[name]
    found = {kind: [] for kind in ("score", "less the mean", "less b*", "pathwise", "measure-valued", "antithetic")}
    for k in ks:
        fx = f(1 + z, k)
        g, best = quad_weights @ (fx * z), quad_weights @ (fx * z * z)
        difference = (f(1 + w_grid, k) - f(1 - w_grid, k)) / np.sqrt(2 * np.pi)
        pair = (fx - f(1 - z, k)) * z / 2
        says = {"score": fx * z, "less the mean": (fx - quad_weights @ fx) * z, "less b*": (fx - best) * z}
        says |= {"pathwise": df(1 + z, k), "antithetic": pair}
        for kind, x in says.items():
            assert abs(quad_weights @ x - g) < 1e-9  # all of them have the same mean
            found[kind].append(quad_weights @ x**2 - g**2)
        assert abs(w_weights @ difference - g) < 1e-4 * max(1, np.abs(difference).max())  # a step of 0.003
        found["measure-valued"].append(w_weights @ difference**2 - g**2)
    return {kind: np.array(values) for kind, values in found.items()}


ks = {
    name: np.geomspace(*ends, 41) if ends[0] > 0.05 else np.linspace(*ends, 41)
    for name, (_, _, ends, _) in problems.COSTS.items()
}
mohamed = {name: curves(name, ks[name]) for name in ks}
c2 = (1 - ks["(x − k)²"]) ** 2
formulas = {"score": c2**2 + 14 * c2 + 15, "less the mean": 8 * c2 + 10, "less b*": 8 * c2 + 6, "pathwise": 0 * c2 + 4}
for kind, values in formulas.items():
    assert np.abs(mohamed["(x − k)²"][kind] - values).max() < 1e-9 * values.max()
at_zero = curves("(x − k)²", [0.0])
print("at k = 0:", {kind: round(float(at_zero[kind][0]), 3) for kind in formulas})
for name in ("exp(−k x²)", "cos kx"):
    better = mohamed[name]["pathwise"] < mohamed[name]["score"]
    print(f"{name}: the path has less variance up to k = {ks[name][better].max():.2f}")
    assert better[0] and not better[-1] and (np.diff(better.astype(int)) <= 0).all()

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.8, 3.6))
looks = {
    "score": ("location", "-"),
    "less the mean": ("baseline", "--"),
    "less b*": ("label", "-."),
    "pathwise": ("glimpse", "-"),
    "measure-valued": ("reward", ":"),
    "antithetic": ("core", "--"),
}
for ax, name in zip(axes, ks):
    for kind, (colour, line) in looks.items():
        ax.plot(ks[name], mohamed[name][kind], line, color=COLOUR[colour], label=kind)
    ax.set(yscale="log", xlabel="k", title=name)
axes[1].set(xscale="log", ylim=(1e-3, None))
axes[0].set(ylabel="variance of one sample, or one pair")
fig.legend(*axes[0].get_legend_handles_labels(), ncols=6, fontsize=8, loc="outside lower center")
show("Variance of six gradient estimators against k, for a square, a bell and a cosine: no kind is lowest everywhere")

# %% [markdown]
# No estimator wins everywhere. The path is better while the cost is smooth at the width of the policy, and worse once
# it is not: where $\cos kx$ turns within a few σ its slope is large, and points everywhere. (Measure-valued and
# antithetic are of one pair, two evaluations, and the path's derivative is not counted here. At equal cost these three
# go up by a factor of two, and the path pays up to a smaller $k$.) A baseline helps most where the cost is far from 0;
# on the cosine, but for the smallest $k$, the mean does *worse than nothing* or no better, as the best constant is not
# the mean. Now the same by sampling, at one $k$ each, in groups of eight and with leave one out:

# %%
costs = {name: measure(problems.cost(name)) for name in problems.COSTS}
for name, rows in costs.items():
    print(f"{problems.cost(name).title}\n{table(rows)}\n")
    found = held(rows, seen=0.03)
    exact = curves(name, [problems.COSTS[name][3]])
    for kind, way, evaluations in (
        ("score", "plain", 1),
        ("pathwise", "pathwise", 2),
        ("antithetic", "antithetic pairs", 2),
    ):
        m = found[way]
        assert abs(m.work - evaluations * exact[kind][0]) < ALARMS * m.work_error
assert {m.name: m for m in costs["cos kx"]}["leave one out"].work > 1.3 * costs["cos kx"][0].work
assert {m.name: m for m in costs["(x − k)²"]}["fitted quadratic"].work < 1e-12

# %% tags=["hide-input"]
for name, rows in costs.items():
    two_panels(rows, problems.cost(name).title, f"Bias and variance times cost of nine estimators on the cost {name}")

# %% [markdown]
# A quadratic that is fitted to a quadratic leaves nothing. Fitted to a bell it does worse than a constant: least
# squares looks where samples are, but the variance counts a sample with its squared score, so the tails. A control
# variate has to resemble the reward *times the score*.
#
# ## Ink
#
# Two coordinates, and the agent's own continuous sensor, with the brightness of the glimpse as reward (lesson 6). It
# has a derivative by the location, so the path can be followed. The truth is a sum over a fine grid.

# %%
ink = measure(problems.ink(), n=4000)
print(table(ink))
found_ink = held(ink, seen=0.05)
assert found_ink["fitted quadratic"].work < 0.5 * found_ink["pathwise"].work < found_ink["leave one out"].work

# %% tags=["hide-input"]
two_panels(
    ink, "Ink under the continuous sensor", "Bias and variance times cost of eight estimators on ink under the sensor"
)

# %% [markdown]
# The path is better than any baseline. Better still is a quadratic fitted to the samples of before, which needs no
# derivative. Within this σ the ink is nearly a quadratic.
#
# ## Bits
#
# The toys by which REBAR, RELAX and their followers are known: a bit $b$ with logit 0 and the reward $(b - t)^2$, and
# three bits that share a logit. They are small enough to know everything. First the figures that others report:

# %%
for t in (0.45, 0.499):
    toy = problems.rebar(t)
    says = np.array([(1 - t) ** 2 / 2, -(t**2) / 2])  # r ψ after 1 and after 0
    print(f"t = {t}: gradient {toy.truth[0]:.4f}, variance of the plain estimate {says.var():.5f}")
    assert abs(toy.truth[0] - says.mean()) < EPS
    assert abs(toy.truth[0] - (0.5 - t) / 2) < EPS and abs(says.var() - {0.45: 0.01594, 0.499: 0.01563}[t]) < 5e-6
print(f"three bits: gradient {problems.kool().truth[0]:.4f}")
assert abs(problems.kool().truth[0] + 0.0450) < 5e-5
rows_of_bits = {"one bit": measure(problems.rebar()), "three bits": measure(problems.kool())}
for rows in rows_of_bits.values():
    print(table(rows))
    held(rows, seen=0.04)

# %% tags=["hide-input"]
for name, rows in rows_of_bits.items():
    two_panels(rows, name.capitalize(), f"Bias and variance times cost of seven estimators on {name}")

# %% [markdown]
# Here nearly all of the plain estimate's noise is a constant that a baseline takes away. With one bit at logit 0 a pair
# of mirrored draws is a look at both outcomes. With three bits it is not, and gains less than leave one out.
#
# ## The small agent
#
# The small agent of lesson 6, with its 64² histories, but with three images, a label that is drawn, and a first glimpse
# into a corner ([exact_agent.py](exact_agent.py)). The plain estimate now has three sources of noise.

# %%
small = measure(exact_agent.last_glimpse(), n=12_000)
print(table(small))
found_small = held(small, seen=0.08)
# Rao and Blackwell, and then a baseline; the exact E[r | s_t] is the best that least squares could find.
order = ("plain: the label is drawn", "p_y", "p_y, leave one out", "p_y, E[r | s_t] itself")
works = [found_small[name].work for name in order]
assert (np.diff(works) < 0).all() and works[1] < 0.6 * works[0]
hits, points = found_small["p_y, leave one out, cells' scores"], found_small["p_y, leave one out"]
assert points.work - hits.work > ALARMS * np.hypot(points.work_error, hits.work_error)
assert found_small["p_y, all cells of the last decision"].work > 3 * points.work

# %% tags=["hide-input"]
two_panels(small, "The small agent, T = 3", "Bias and variance times cost of twelve estimators on the small agent")

# %% [markdown]
# $p_y$ for the drawn label is free, and takes away half. (A program that rewards the *probability* of the right label
# does just this.) A baseline takes most of the rest. The learned one gains hardly anything over a constant, and is not
# as good as the exact expected reward, which one linear layer of five units cannot be. Summing the last decision over
# all its cells has the smallest variance of all, and is the worst buy of those: it walks 64 last glimpses where one
# sample takes one.
#
# ### Reward-to-go
#
# Now each glimpse is rewarded. The proof is causality, above. Its gain:

# %%
every = measure(exact_agent.every_glimpse(), n=12_000)
print(table(every))
found_every = held(every)
gain = found_every["reward-to-go"].work / found_every["everything"].work
gain_error = gain * np.hypot(*(found_every[n].work_error / found_every[n].work for n in ("reward-to-go", "everything")))
print(f"reward-to-go alone: {gain:.3f} ± {gain_error:.3f} of the variance")
assert gain + ALARMS * gain_error < 0.8

# %% tags=["hide-input"]
two_panels(every, "Every glimpse rewarded", "Bias and variance times cost with all rewards and with rewards to go")

# %% [markdown]
# Without a baseline it gains a lot; what came before was mostly a constant. With leave one out that constant is gone
# already, and with two decisions there is little left to gain.
#
# ## The trained agent
#
# Now an agent trained by the recipe of lesson 9, in the first protocol: six glimpses of real digits. Its reward is
# again a drawn label, and the gradient is that of the last layer of the location head, whose rows can be written down
# one by one. Nobody knows the truth. It is estimated, from millions of rollouts, by the package's own functions
# ([trained_agent.py](trained_agent.py)). A first half of them gives a *direction*; a second half says how steep $J$ is
# along it. (One half for both would count its own noise as signal.) That record is kept, with the digest of the
# weights, and this makes it anew, in a quarter of an hour:
#
#     python tutorials/trained_agent.py

# %%
record = json.loads(trained_agent.TRUTH.read_text(encoding="utf-8"))
assert record["weights"] == trained_agent.digest(), "the weights have changed: run python tutorials/trained_agent.py"
share_of_slope = record["slope_error"] / record["slope"]
print(f"of {record['rollouts']:,} rollouts: J = {record['J']:.5f} ± {record['J_error']:.5f}")
print(f"slope along the direction {record['slope']:.5f} ± {record['slope_error']:.5f} ({100 * share_of_slope:.0f} %)")
print(f"squared length of the gradient {record['square']:.2e} ± {record['square_error']:.1e}")
agent = trained_agent.load()
trained = trained_agent.measured(agent, record)
print(table(trained))
for m in trained:
    if m.expected is not None:
        assert abs(m.factor - m.expected) < ALARMS * m.error
found_trained = {m.name: m for m in trained}
assert found_trained["p_y, the image's others, leave one out"].work < 0.1 * trained[0].work
assert found_trained["p_y, normalised over the image"].off > ALARMS

# %% tags=["hide-input"]
two_panels(trained, "The trained agent", "Bias and variance times cost of nine estimators on the trained agent")

# %% [markdown]
# Read the left half first. The slope is small, as training has used it up, and so the bench is blunt: in spite of two
# million rollouts it would see no bias of the plain estimate that is not several times the truth. An honest bench says
# so. The mean that includes itself is $1/M$ short, here a quarter, by its proof (on the small agent, with eight
# rollouts, it was an eighth); here that would hardly have been seen. Normalised returns are another matter: they are
# not the same gradient in other units. An image that is nearly always read correctly, and one that hardly ever is, are
# made to count as much as one in doubt.
#
# The right half is known well. What matters is not to reward what is nearly always earned: $J$ is close to 1, and any
# baseline near 1 takes away most of the noise. (A mean of three others is itself noisy; among the 127 others of a
# minibatch it comes close to the constant.) Lesson 7 could not say how many rows an estimate needs until it holds as
# much signal as noise, since the length of the gradient was hardly known. Now it can:

# %%
for name in ("plain: the label is drawn", "p_y, best constant b*", "p_y, the image's others, leave one out"):
    rows_needed = found_trained[name].work / record["square"]
    print(f"{name:42} about {float(f'{rows_needed:.2g}'):,.0f} rollouts for a signal as large as the noise")
assert record["square"] > ALARMS * record["square_error"]
assert found_trained["p_y, the image's others, leave one out"].work / record["square"] > 1000

# %% [markdown]
# A minibatch is 128. Training lives far below that line, with many small steps that add up (lesson 7).
#
# ## Where the noise comes from
#
# What is random in one estimate? Which image came, where the agent looked, which label was drawn. The **law of total
# variance**, used twice, splits the variance into these:
#
# $$
# \operatorname{Var} y = \underbrace{\operatorname{Var} \mathbb{E}[y \mid x]}_{\text{images}}
#  + \underbrace{\mathbb{E} \operatorname{Var}\bigl[\mathbb{E}[y \mid x, l] \,\big|\, x\bigr]}_{\text{locations}}
#  + \underbrace{\mathbb{E} \operatorname{Var}[y \mid x, l]}_{\text{labels}}
# $$
#
# It is estimated by nesting: $B$ images, $M$ rollouts of each, $L$ labels for each rollout. One would take the variance
# of the images' means for the first part. But these means are of few rollouts, and scatter for that reason as well. So
# the mean of that variance is $\sigma^2_x + \sigma^2_l / M + \sigma^2_y / (ML)$, with the parts of images, locations
# and labels, and the correction is to subtract what the levels below it contribute. It is the analysis of variance of
# Ronald Fisher. On the small agent all three parts are also known exactly:

# %%
show_source(v.variance_parts)
rng = np.random.default_rng(13)
z_small = rng.standard_normal((20_000, 3, 2, 2))
nested = exact_agent.draw(exact_agent.known(), rng.integers(3, size=len(z_small)), z_small)
p_small = exact_agent.chance_of_right(nested)  # (B, M, 1)
two_labels = (rng.random((*p_small.shape[:2], 2)) < p_small)[..., None]  # (B, M, L, 1)
estimated = v.variance_parts(two_labels * nested.psi.sum(axis=2)[:, :, None])
for part, exact in exact_agent.exact_parts().items():
    value, error = estimated[part]
    print(f"{part:10} {value:8.3f} ± {error:.3f}, exact {exact:8.3f}")
    assert abs(value - exact) < ALARMS * error
means_alone = (two_labels * nested.psi.sum(axis=2)[:, :, None]).mean(axis=(1, 2)).var(axis=0, ddof=1).sum()
print(f"without the correction the images would be said to have {means_alone:.1f}")
assert means_alone - exact_agent.exact_parts()["images"] > ALARMS * estimated["images"][1]

# %% [markdown]
# The trained agent, with nothing subtracted, with the best constant, and with a learned baseline. The part of the
# labels can be had exactly from the same rollouts, as the variance of a label is $p_y (1 - p_y)$; the nested estimate
# has to agree.

# %%
fit = trained_agent.fitted(agent)
d = trained_agent.draws(agent, np.random.default_rng(14), 1000, "one")
labels = np.random.default_rng(15).random((*d.p.shape[:2], 2)) < d.p  # (B, M, L)
parts = {}
for name, b in (("nothing", 0.0), ("b*", fit.best), ("learned b_t(h_t)", d.states @ fit.weights)):
    r = labels[..., None] - np.zeros(d.psi.shape[2])  # (B, M, L, T−1)
    advantage = r - (np.broadcast_to(b, d.psi.shape[:3])[:, :, None])
    parts[name] = v.variance_parts(np.einsum("bmlt,bmtp->bmlp", advantage, d.psi))
    total = sum(value for value, _ in parts[name].values())
    text = ", ".join(f"{part} {value:7.1f} ± {error:.1f}" for part, (value, error) in parts[name].items())
    print(f"less {name:17} {text}; in all {total:.1f}")
length = (d.psi.sum(axis=2) ** 2).sum(axis=-1, keepdims=True)  # ‖ψ‖²
per_image = (d.p * (1 - d.p) * length).mean(axis=(1, 2))
value, error = parts["nothing"]["labels"]
assert abs(value - per_image.mean()) < ALARMS * np.hypot(error, per_image.std() / np.sqrt(len(per_image)))
assert parts["b*"]["labels"][0] == parts["nothing"]["labels"][0] or np.isclose(
    *(parts[n]["labels"][0] for n in ("b*", "nothing"))
)
assert parts["b*"]["locations"][0] < 0.1 * parts["nothing"]["locations"][0]

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.6), width_ratios=(1, 1))
for ax, names in zip(axes, (list(parts), list(parts)[1:])):
    left = np.zeros(len(names))
    for part, colour, hatch in (("images", "reward", ""), ("locations", "location", "//"), ("labels", "label", "..")):
        width = np.array([max(parts[name][part][0], 0) for name in names])
        ax.barh(range(len(names)), width, left=left, color=COLOUR[colour], hatch=hatch, edgecolor="white", label=part)
        left += width
    ax.set_yticks(range(len(names)), [f"less {name}" for name in names])
    ax.invert_yaxis()
    ax.set(xlabel="variance of one rollout, all parameters")
axes[0].set_title("Where the noise comes from")
axes[0].legend(fontsize=8)
axes[1].set_title("The lower two, enlarged")
show("Bars of the variance due to images, locations and labels; a baseline shortens the part of the locations alone")

# %% [markdown]
# Without a baseline nearly everything is due to where the agent happened to look: not because it mattered, but because
# a reward of nearly 1 is multiplied by a score that scatters. A baseline takes *that* away. It can change neither the
# images' part, since a baseline times the score has the mean 0 for each image (the two numbers printed for it are two
# estimates of one), nor the labels', for which there is $p_y$. The images' part is small: that gradients differ from
# image to image is the least of the agent's troubles, so that rollouts of the same image are about as good as others.
# George Tucker and others split the variance of other policies in such a way, and found that baselines which also see
# the action gained next to nothing.
#
# ## One table
#
# Variance times cost in units of the plain estimate; a column in brackets is of a biased one. This lesson makes it anew
# each time it runs, and `python tutorials/laboratory.py` prints all rows but those of the trained agent in half a
# minute.

# %%
benches = {"step": step, **{f"{name}": rows for name, rows in costs.items()}, "ink": ink, **rows_of_bits}
benches |= {"small agent": small, "trained agent": trained}
columns = {
    "leave one out": ("leave one out", "p_y, leave one out", "p_y, the image's others, leave one out"),
    "b*": ("best constant b*", "p_y, best constant b*"),
    "quadratic": ("fitted quadratic", "p_y, fitted quadratic"),
    "antithetic": ("antithetic pairs", "p_y, antithetic pairs"),
    "pathwise": ("pathwise",),
    "(normalised)": ("normalised returns", "p_y, normalised", "p_y, normalised over the image"),  # biased
}
print(f"{'':14}" + "".join(f"{name:>15}" for name in columns) + "   the best honest one")
for name, rows in benches.items():
    cells = []
    for names in columns.values():
        found = [m.work / rows[0].work for m in rows if m.name in names]
        cells.append("–" if not found else "no signal" if np.isinf(found[0]) else f"{found[0]:.3f}")
    honest = [m for m in rows if m.expected == 1 and "E[r | s_t] itself" not in m.name]  # nobody is told that
    best = min(honest, key=lambda m: m.work)
    print(f"{name:14}" + "".join(f"{cell:>15}" for cell in cells) + f"   {best.name}")
    assert best.work < 0.6 * rows[0].work

# %% [markdown]
# Nothing is best everywhere. The best constant is nowhere worse than nothing; leave one out is, on the cosine. To know
# exactly what can be known, instead of drawing it, helps where it is free. Pairs take away what a constant takes away
# too, and cost two evaluations; they shine where the reward is nearly even about μ. What is *dear* seldom pays.
#
# ## Does it matter?
#
# Less variance at equal cost should mean faster learning. Three estimators train the same agent among clutter
# ([race.py](race.py)): the plain one; $p_y$ less the mean of the other images, at the same price; and four rollouts of
# each image that judge each other, for three to four times the price. Each has the same *processor time*, not the same
# number of steps, so that the dear one sees fewer images. Five seeds each. This trains them, three quarters of an hour
# on one core, and takes up again what was stopped:
#
#     python tutorials/race.py run

# %%
results, shares = race.load_results()
whole_race = len(results) == 3 and all(len(curve) == len(race.SEEDS) for curve in results.values())
if not results:
    print("There are no results of the race yet: run python tutorials/race.py run, and then this lesson again.")
for name, curve in results.items():
    mean, half = race.interval(curve[:, -1])
    print(f"{name:7} {len(curve)} seeds: validation error {100 * mean:.2f} % ± {100 * half:.2f} (95 % interval)")
if whole_race:
    for name in ("chance", "four"):
        mean, half = race.interval(results[name][:, -1] - results["plain"][:, -1])  # seed by seed
        print(f"{name} less plain: {100 * mean:+.2f} ± {100 * half:.2f} points")

# %% tags=["hide-input"]
if results:
    fig, ax = plt.subplots(figsize=(7, 3.4))
    for (name, curve), colour, line in zip(results.items(), ("label", "reward", "location"), ("-", "--", ":")):
        mean, half = race.interval(100 * curve)
        ax.plot(shares, mean, line, color=COLOUR[colour], label=f"{name}, {len(curve)} seeds")
        ax.fill_between(shares, mean - half, mean + half, color=COLOUR[colour], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="share of the processor time", ylabel="validation error (%)")
    ax.legend()
    show("Validation error of three estimators against processor time, with 95 percent intervals over seeds")

# %% [markdown]
# It does. What costs nothing gains most: 4.5 points. Four rollouts are less noisy still, but each image costs 3.6 times
# as much, and the agent, which has the label to learn as well, sees too few of them: 2.1 points. That is one task, one
# training of three minutes, and no rate was tuned for any of the three; where images are few, or training is long, the
# order may be another. (The machine did other work beside; it is the processor's time that was shared out evenly.)

# %%
if whole_race:
    ends = {name: curve[:, -1] for name, curve in results.items()}
    assert (ends["chance"] < ends["four"]).all() and (ends["four"] < ends["plain"]).all()  # with every seed

# %% [markdown]
# ## What to remember
#
# Ask of each technique what it subtracts, and what the mean of that is. Then count: variance times cost. A check
# of an estimator says how small a bias it could have seen, and is paired with a wrong one that it does see. Two honest
# techniques together need a new proof (exercise 4). A small variance is no merit by itself: 0 has none.
#
# ## What to read
#
# First, in this order:
#
# 1. **Mohamed, Rosca, Figurnov and Mnih**, *Monte Carlo gradient estimation in machine learning*, JMLR 21 (2020). The
#    survey: score, path and measure, with history and with the experiments above. If you read one, read this one.
# 2. **Williams**, *Simple statistical gradient-following algorithms for connectionist reinforcement learning*, Machine
#    Learning 8 (1992). REINFORCE and its baseline, in the notation of its time. The proofs are those of lessons 6 and
#    7.
# 3. **Greensmith, Bartlett and Baxter**, *Variance reduction techniques for gradient estimates in reinforcement
#    learning*, JMLR 5 (2004). Baselines and actor-critic methods as additive control variates. Derives the best
#    baseline, and shows that the mean reward need not be it.
# 4. **Tucker, Bhupatiraju, Gu, Turner, Ghahramani and Levine**, *The mirage of action-dependent baselines in
#    reinforcement learning*, ICML 2018. Splits the variance into its sources, and finds that baselines which see the
#    action gained little. What had looked like a gain came from details of programs, some of them biased.
#
# Then, for baselines and sampling:
#
# 5. **Weaver and Tao**, *The optimal reward baseline for gradient-based reinforcement learning*, UAI 2001. The best
#    constant in the limit of long-running tasks, where it is the mean reward. Compare with 3 for why that limit
#    matters.
# 6. **Mnih and Gregor**, *Neural variational inference and learning in belief networks*, ICML 2014. Baselines learned
#    from the input, centring and scaling, for models with discrete units. Here stands what a practitioner does.
# 7. **Kool, van Hoof and Welling**, *Buy 4 REINFORCE samples, get a baseline for free!*, ICLR 2019 workshop. Several
#    samples of one input judge each other. Short, and the estimator of the recipes here.
# 8. **Ranganath, Gerrish and Blei**, *Black box variational inference*, AISTATS 2014. Rao–Blackwell and control
#    variates for score-function gradients in another field. Shows how general the frame is.
#
# And for control variates that are built:
#
# 9. **Paisley, Blei and Jordan**, *Variational Bayesian inference with stochastic search*, ICML 2012. A control variate
#    from an approximation of the integrand whose mean is known. The fitted quadratic above is a relative.
# 10. **Tucker, Mnih, Maddison, Lawson and Sohl-Dickstein**, *REBAR: low-variance, unbiased gradient estimates for
#     discrete latent variable models*, NIPS 2017. A relaxed, continuous twin of a discrete sample as control variate.
#     The source of the toy with one bit.
# 11. **Liu, Regier, Tripuraneni, Jordan and McAuliffe**, *Rao–Blackwellized stochastic gradients for discrete
#     distributions*, ICML 2019. Sums the likely categories and samples the others. Between one sample and all cells.
# 12. **Titsias and Shi**, *Double control variates for gradient estimation in discrete latent variable models*, AISTATS
#     2022. A second control variate on top of leave one out, by Taylor expansion. It takes no evaluation more.
#
# And a sentence each for neighbours. **Importance weights** let a sample of one policy estimate the gradient of
# another, multiplied by the ratio of their densities, unbiased where that ratio is finite, and wild where it is large.
# **Evolution strategies** (Salimans and others, 2017) put the noise on the parameters instead of the actions: the same
# score function, of a Gaussian over θ. The **natural gradient** (Amari, 1998; Kakade, 2001) changes the direction in
# which one steps, by the inverse Fisher matrix, not the estimate of the slope. **RELAX** (Grathwohl and others, 2018)
# makes the control variate a network that is trained to lower the variance itself. **GAE** (Schulman and others, 2016)
# replaces far rewards by a critic's predictions, and trades a bias that one sets for less variance.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("coefficient = covariance / (chance2 @ (Y - mean_Y) ** 2)", "coefficient = covariance / mean_X"),
    (
        "variance",
        '"nmd,nmdp->np", np.broadcast_to(G, psi.shape[:3]), psi) / psi.shape[1]',
        '"nmd,nmdp->np", np.broadcast_to(G, psi.shape[:3]), psi) / psi.shape[1] ** 2',
    ),
    ("variance", "return plain(G - b, psi)", "return plain(b - G, psi)"),
    (
        "variance",
        "baselined(G, psi, G.mean(axis=1, keepdims=True))",
        "baselined(G, psi, G.mean(axis=0, keepdims=True))",
    ),
    (
        "variance",
        "(G.sum(axis=1, keepdims=True) - G) / (M - 1))",
        "G.sum(axis=1, keepdims=True) / M)",
    ),  # itself included
    ("variance", "(G.sum(axis=1, keepdims=True) - G) / (M - 1))", "(G.sum(axis=1, keepdims=True) - G) / M)"),
    ("variance", "return (X * Y).sum() / (Y * Y).sum()", "return G.mean()"),  # the mean for the best
    ("variance", "rewards[..., ::-1].cumsum(axis=-1)[..., ::-1]", "rewards.cumsum(axis=-1)"),  # what came before
    ("variance", "rewards[..., ::-1].cumsum(axis=-1)[..., ::-1]", "rewards"),  # the next reward alone
    ("variance", "return plain(G - quadratic(z) @ c, psi) + mean", "return plain(G - quadratic(z) @ c, psi)"),
    (
        "variance",
        "return plain(G - quadratic(z) @ c, psi) + mean",
        "return plain(G - quadratic(z) @ c, psi) + z.shape[1] * 2 * mean",
    ),
    ("variance", "c[1 : 1 + z.shape[-1]] / std", "c[: z.shape[-1]] / std"),  # another coefficient
    ("variance", "[half, 2 * centre - half]", "[half, half]"),
    ("variance", "[half, 2 * centre - half]", "[half, centre - half]"),
    (
        "variance",
        'np.einsum("nmdk,nmdkp->np", dr_da, slope) / dr_da.shape[1]',
        'np.einsum("nmdk,nmdkp->np", dr_da, slope)[:, ::-1]',
    ),
    ("variance", "(std * np.sqrt(2 * np.pi))", "(2 * std)"),
    ("variance", "(norm.pdf(v) - norm.pdf(u))", "(norm.pdf(u) - norm.pdf(v))"),
    ("variance", "(slope * r[..., None]).sum(axis=-2)", "slope.sum(axis=-2)"),
    ("variance", "softmax(logits, axis=-1)", "softmax(logits, axis=0)"),
    (
        "variance",
        "s = G - G.mean(axis=1, keepdims=True), G.std(axis=1, keepdims=True)",
        "s = G - G.mean(axis=1, keepdims=True), 1",
    ),
    ("variance", "[among - within / M, within - labels / L, labels]", "[among, within - labels / L, labels]"),
    ("variance", "[among - within / M, within - labels / L, labels]", "[among - within / M, within, labels]"),
    ("variance", "/ (M * (L - 1))", "/ (M * L)"),
    ("problems", "lambda a: (a[..., 0] > c).astype(float)", "lambda a: (a[..., 0] > 0.9 * c).astype(float)"),
    ("one_sample = moment / 0.04 - exact_step**2", "one_sample = ndtr(-k) / 0.04 - exact_step**2"),
    ('"less the mean": (fx - quad_weights @ fx) * z', '"less the mean": (fx - best) * z'),
    ("pair = (fx - f(1 - z, k)) * z / 2", "pair = (fx - f(1 - z, k)) * z"),
    ("8 * c2 + 10", "8 * c2 + 8"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Five, from a prediction to an estimator of your own. Each has a function to be written and, after it, a check that
# says at once what it thinks. The checks do not depend on each other. All but the last go through all that can happen,
# so that chance has no part in them.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from exercise import answers, entries, exercise, finish, numbers, parts, same

# %% [markdown]
# **1. Predict**, before you compute anything.
#
# - `a`: a baseline is the mean of five rollouts, itself included. By what must the estimate be multiplied to be honest?
# - `b`: an estimator has a third of the plain one's variance, and takes four times as long. What is its variance times
#   cost, in units of the plain one's?
# - `c`: the reward is $(a - m)^2$, where $m$ is the number that μ happens to be, and samples come in antithetic pairs.
#   What is the variance of the estimate of $\mathrm{d}J/\mathrm{d}\mu$?
# - `d`: a control variate has the correlation 0.8 with the estimate, and the best coefficient. What share of the
#   variance is left?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 5 / 4, "b": 4 / 3, "c": 0, "d": 0.36}


# %%
@exercise("1. Predict")
def check_predicted():
    p, r = np.array([0.3, 0.7]), np.array([1.0, 0.0])
    score, true = np.array([0.7, -0.3]), 0.3 * 0.7
    a = np.array(list(product((0, 1), repeat=5)))
    own = p[a].prod(axis=1) @ ((r[a] - r[a].mean(axis=1, keepdims=True)) * score[a]).mean(axis=1)
    z = np.linspace(-3, 3, 7)
    pairs = (z**2 * z + (-z) ** 2 * -z) / 2
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.0, 2.0])
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    y = y - (x @ y / 3) * x
    control = 0.8 * x + 0.6 * y / y.std()  # of variance 1, with the correlation 0.8
    seen = {"a": true / own, "b": 1 / 3 * 4, "c": pairs.var(), "d": (x - 0.8 * control).var()}
    hints = {
        "a": "What share of the gradient is lost?",
        "b": "How many plain estimates could be averaged in that time?",
        "c": "What does a pair say, whatever is drawn?",
        "d": "The formula at the beginning of the lesson has a square.",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** An estimate $X$ is 0, 4 or 8 with the probabilities ½, ¼, ¼. A second number $Y$ that comes
# with it is 1, −1, −1. What are the means of both, which multiple of $Y$ should be subtracted, and how large is the
# variance then?


# %% tags=["solution"]
def control_by_hand():
    """→ {"means": (of X, of Y), "coefficient": …, "variance": …}."""
    # Solution
    # E X = 1 + 2, E Y = 0. Cov = E XY = −1 − 2, Var Y = 1: the coefficient is −3. Var X = 4 + 16 − 9 = 11, less 3² · 1.
    return {"means": (3, 0), "coefficient": -3, "variance": 2}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# $c^* = \operatorname{Cov}(X, Y) / \operatorname{Var} Y$. As one of the means is 0, the covariance is a short sum.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# Or write down the three values of $X - cY$, and look at which $c$ they scatter least.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    means, coefficient, variance = entries(control_by_hand(), "means", "coefficient", "variance")
    p, x, y = np.array([0.5, 0.25, 0.25]), np.array([0.0, 4.0, 8.0]), np.array([1.0, -1.0, -1.0])
    same("means", means, [p @ x, p @ y], {"they are not equally likely.": [x.mean(), y.mean()]})
    tried = np.array([-1.0, 0.0, 1.0])
    curve = np.polyfit(tried, [p @ (x - c * y) ** 2 - (p @ (x - c * y)) ** 2 for c in tried], 2)
    best = -curve[1] / (2 * curve[0])
    because = {
        "it is subtracted: where one is large the other is small.": -best,
        "divide by the variance of Y, not by that of X.": (p @ (x * y)) / (p @ x**2 - (p @ x) ** 2),
    }
    same("coefficient", coefficient, best, because, tolerance=1e-6)
    left = np.polyval(curve, best)
    because = {"this is the variance before, or the mean square from which the square of the mean is due.": curve[2]}
    same("variance", variance, left, because, tolerance=1e-6)


# %% [markdown]
# **3. A number: what is due to the images?** $M$ rollouts of each of $B$ images have given the estimates $y$. Split
# their variance in two, due to images and due to rollouts, both without bias.


# %% tags=["solution"]
def two_parts(y):
    """y (B, M) → (variance due to images, variance due to rollouts)."""
    # Solution
    within = y.var(axis=1, ddof=1).mean()
    # The means of M rollouts scatter by within / M, even if all images are alike.
    return y.mean(axis=1).var(ddof=1) - within / y.shape[1], within


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Suppose that all images are alike. What variance do the means of $M$ rollouts have then?
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# An unbiased variance of $n$ numbers divides by $n - 1$: `ddof=1`.
#
# </details>


# %%
@exercise("3. What is due to the images?")
def check_two_parts():
    # Two kinds of images, equally likely, whose means are 2a apart; rollouts add −b or b. So the parts are a² and b².
    for B, M, a, b in ((2, 2, 1.5, 0.5), (3, 2, 0.5, 2.0), (2, 3, 2.0, 1.0)):
        got = np.zeros(2)
        for kinds in product((0.0, 2 * a), repeat=B):
            for noise in product((-b, b), repeat=B * M):
                y = np.array(kinds)[:, None] + np.reshape(noise, (B, M))
                found = parts(two_parts(y), "due to images", "due to rollouts")
                got += numbers("the answer", found) / 2 ** (B + B * M)
        images, rollouts = a**2, b**2
        wrong = {
            "the first is due to the images, the second to the rollouts.": [rollouts, images],
            "on average the first part is too large: the means of M rollouts scatter, too.": [
                images + rollouts / M,
                rollouts,
            ],
            "a variance that divides by n is too small on average.": [
                (images + rollouts / M) * (B - 1) / B - rollouts * (M - 1) / M / M,
                rollouts * (M - 1) / M,
            ],
            "of the first part too much is taken off: the means of M rollouts scatter by a share 1/M of it.": [
                images + rollouts / M - rollouts,
                rollouts,
            ],
        }
        same(f"the mean answer for B = {B}, M = {M}", got, [images, rollouts], wrong)


# %% [markdown]
# **4. A bias: two honest techniques.** Someone draws $M/2$ antithetic pairs, $z$ and $-z$, *and* judges each of the $M$
# samples by the mean of the $M - 1$ others. Both are honest. Together they are not. By what factor is the mean of the
# estimate too long or too short? The distribution is symmetric, and the score an odd function of $z$.


# %% tags=["solution"]
def factor(M):
    """The mean of the estimate divided by the true gradient."""
    # Solution
    # Among the others is the partner, with E[r(−z) ψ(z)] = E[r(z) ψ(−z)] = −g. It has the weight 1/(M − 1), and is
    # subtracted.
    return 1 + 1 / (M - 1)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# Which of the others know the sample's action?
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# The partner's reward is $r(-z)$. What is $\mathbb{E}[r(-z)\, \psi(z)]$? Put $-z$ for $z$.
#
# </details>


# %%
@exercise("4. Two honest techniques")
def check_factor():
    z, p = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.2, 0.3, 0.3, 0.2])
    r = np.array([0.0, 1.0, 3.0, -1.0])
    for M in (2, 4, 6):
        mean = 0.0
        for half in product(range(4), repeat=M // 2):
            i = np.concatenate([half, 3 - np.array(half)])  # z[3 − i] = −z[i]
            others = (r[i].sum() - r[i]) / (M - 1)
            mean += p[list(half)].prod() * ((r[i] - others) * z[i]).mean()
        want = mean / (p @ (r * z))
        because = {
            "one of the others is not independent: the partner.": 1.0,
            "the partner's share has the opposite sign of the gradient, and is subtracted.": 1 - 1 / (M - 1),
            "the partner is one of M − 1 others, not of M.": 1 + 1 / M,
            "this is that of the mean of all M, without pairs; here the sample itself is left out.": 1 - 1 / M,
        }
        same(f"the factor for M = {M}", factor(M), want, because)


# %% [markdown]
# **5. An estimator of your own.** Beat leave one out at equal cost. You get a reward $f$, the policy's μ and σ, and $n$
# rows of eight standard normal numbers. $f$ may be asked for eight rewards a row. Return an estimate of $dJ/d\mu$ for
# each row, from its own eight rewards alone. It must be unbiased on two problems like those of the lesson, a step and a
# square: where the step is, where the square has its centre, and what each is multiplied by, only $f$ knows. And it
# must have less variance than leave one out on at least one of them (95 % or less), and nowhere four times as much.
# What you use, derive: what is subtracted, and what is its mean? The table of the lesson is the mark to beat.


# %% tags=["solution"]
def own_estimate(f, mu, std, noise):
    """f: an array of actions → their rewards; noise (n, 8) ~ N(0, 1) → estimates (n,)."""
    # Solution
    # Strata: Φ(noise) is uniform, so that z_i is normal, but within the i-th eighth of the distribution. Each eighth
    # has the probability 1/8, so Σ_i 1/8 E[r ψ | eighth i] = E[r ψ]: the law of total expectation. What is subtracted
    # is the luck of how many samples fall into which.
    z = ndtri((np.arange(8) + ndtr(noise)) / 8)
    return (f(mu + std * z) * z / std).mean(axis=1)


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 5, first hint</summary>
#
# Which noise is there besides that of the reward? Eight normal numbers may all be on one side by chance.
#
# </details>
# <details><summary>Exercise 5, second hint</summary>
#
# Ways that work: pairs (on the square); one sample in each eighth of the distribution; differences
# $f(\mu + \sigma w) - f(\mu - \sigma w)$ with $w = \sqrt{z_1^2 + z_2^2}$.
#
# </details>


# %%
@exercise("5. An estimator of your own")
def check_own():
    n, std = 20_000, {"the step": 0.2, "the square": 1.0}
    mu = {"the step": 0.1, "the square": 1.0}
    drawn = np.random.default_rng(13)
    edge, centre = drawn.uniform(0.2, 0.3), drawn.uniform(-0.3, 0.3)
    f = {"the step": lambda a: (a > edge) * 1.0, "the square": lambda a: (a - centre) ** 2}
    factors = {"the step": 1.7, "the square": -0.6}  # of the reward: an answer that does not ask f is off by them
    true = {"the step": norm.pdf((edge - 0.1) / 0.2) / 0.2, "the square": 2 * (1 - centre)}
    gains = {}
    for name in f:
        noise, asked = np.random.default_rng(5).normal(size=(n, 8)), [0]

        def reward(a, name=name, asked=asked):
            asked[0] += np.size(a)
            return factors[name] * f[name](np.asarray(a))

        r = f[name](mu[name] + std[name] * noise)
        others = (r.sum(axis=1, keepdims=True) - r) / 7
        reference = ((r - others) * noise / std[name]).mean(axis=1).std()
        got = numbers("the answer", own_estimate(reward, mu[name], std[name], noise.copy())) / factors[name]
        assert got.shape == (n,), f"there should be {n} estimates, but the shape is {got.shape}."
        assert asked[0] <= 8 * n, f"on {name} {asked[0] / n:g} rewards a row were asked for; eight are allowed."
        few = numbers("the answer", own_estimate(reward, mu[name], std[name], noise[:50].copy())) / factors[name]
        assert np.allclose(few, got[:50]), (
            f"on {name} a row's estimate changes with the other rows: it should use its own eight rewards alone."
        )
        ratio, error = got.mean() / true[name], max(got.std() / np.sqrt(n) / true[name], 1e-9)
        seen = f"on {name} its mean is {ratio:.3f} ± {error:.3f} times the truth: it is biased."
        assert abs(ratio - 1) < max(4 * error, 0.01 * (got.std() < 1e-9)), seen  # if all are alike: an integral
        # Its own standard error may not be the excuse: twice leave one out's is the limit.
        assert got.std() < 2 * reference, (
            f"on {name} it has {(got.std() / reference) ** 2:.1f} times the variance of leave one out."
        )
        gains[name] = (got.std() / reference) ** 2
    alike = "all estimates are alike: that is an integral, and each row should use its own eight rewards alone."
    assert min(gains.values()) > 1e-12, alike
    said = ", ".join(f"{100 * gain:.0f} % on {name}" for name, gain in gains.items())
    assert min(gains.values()) < 0.95, f"it is honest, but has {said} of leave one out's variance; that is no gain."


# %%
finish()
