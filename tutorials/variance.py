"""Estimators of a policy's gradient ∇J, each a pure function with its derivation; lesson 13 holds them to the truth.

The frame is the *control variate*. To learn the mean of X, take X − Y + E Y, with a Y whose mean is known and that
moves along with X: the mean stays, the variance falls. So of each estimator two things are asked: what is subtracted,
and what is its mean? (Those that replace X by its mean given a part of what happened are the case Y = X − E[X | part],
whose mean is 0.)

n estimates are made at once, from M rollouts each with D decisions (D = T − 1 for T glimpses) and P parameters:

    G     (n, M, D)         what came after each decision; (n, M, 1) where all decisions share one reward
    psi   (n, M, D, P)      the score ψ = ∇ log π(a | s) of each decision
    z     (n, M, D, k)      the noise of a Gaussian decision a = μ + σ z with k coordinates
    slope (n, M, D, k, P)   ∂μ/∂θ, so that ψ = slopeᵀ z / σ

and come back as (n, P). Nothing here draws random numbers: what an estimator may know, it is given.
"""

import numpy as np
from scipy.special import ndtr, softmax
from scipy.stats import norm


def plain(G, psi):
    """1/M Σ_m Σ_t G ψ, the score function's estimate (lesson 6). Nothing is subtracted.

    ∇J = ∫ ∇p r = ∫ p (∇p/p) r = E[r ∇ log p], and ∇ log p(τ) = Σ_t ψ_t. So: a sum over decisions, a mean over rollouts.
    Source: Williams (1992).
    """
    return np.einsum("nmd,nmdp->np", np.broadcast_to(G, psi.shape[:3]), psi) / psi.shape[1]


def baselined(G, psi, b):
    """1/M Σ (G − b) ψ. Subtracted: bψ. Its mean: 0, if given the history b does not depend on the action.

    E[bψ | s] = E[b | s] E[ψ | s], independent given s, and E[ψ | s] = ∫ ∇π = ∇ 1 = 0. b: whatever has the shape of G.
    """
    return plain(G - b, psi)


def own_mean(G, psi):
    """A baseline that is the mean of all M rollouts, itself included. Its mean is not 0: the estimate is biased.

    E[Ḡ ψ_m] = 1/M Σ_j E[G_j ψ_m] = g/M, as only j = m is not independent. So (1 − 1/M) g is left. Dividing by 1 − 1/M
    repairs it, and is then the same number as `leave_one_out`.
    """
    return baselined(G, psi, G.mean(axis=1, keepdims=True))


def leave_one_out(G, psi):
    """Baseline: the mean of the *other* rollouts. They are independent of this one's action, so its mean is 0.

    For a row, G_m − (S − G_m)/(M − 1) = M/(M − 1) (G_m − Ḡ). Source: Kool, van Hoof and Welling (2019).
    """
    M = G.shape[1]
    return baselined(G, psi, (G.sum(axis=1, keepdims=True) - G) / (M - 1))


def best_constant(G, psi):
    """b*, the one constant with the least variance, summed over all parameters; of *other* samples, or it is biased.

    With X = Σ_t G_t ψ_t and Y = Σ_t ψ_t, E‖X − bY‖² is a parabola in b, lowest at E[X·Y] / E[Y·Y]; ‖E X‖² does not
    depend on b. Where all decisions share r that is E[r‖Y‖²] / E‖Y‖². Source: Greensmith, Bartlett and Baxter (2004).
    """
    X = np.einsum("nmd,nmdp->nmp", np.broadcast_to(G, psi.shape[:3]), psi)
    Y = psi.sum(axis=2)
    return (X * Y).sum() / (Y * Y).sum()


def fit_baseline(states, G):
    """The weights (F,) of a learned baseline b_t = h_t · w, by least squares on other samples; states (..., F).

    For `baselined`. Subtracted is b_t ψ_t, and its mean is 0, since h_t is known before a_t is drawn. Least squares
    makes E(G − b)² small, and leaves out the weights ‖ψ‖² that b* has: nearly the best, and far simpler.
    """
    G = np.broadcast_to(G, states.shape[:-1])
    return np.linalg.lstsq(states.reshape(-1, states.shape[-1]), G.ravel(), rcond=None)[0]


def reward_to_go(rewards):
    """G_t: the rewards (n, M, D) that decisions earned one after the other, from each one's own on → (n, M, D).

    Subtracted: Σ_{t' < t} r_t' ψ_t. Its mean is 0 by causality: r_t' is a function of the history s_t that decision t
    found, so that E[r_t' ψ_t] = E[r_t' E[ψ_t | s_t]] = 0.
    """
    return rewards[..., ::-1].cumsum(axis=-1)[..., ::-1]


def label_probability(logits, label):
    """p_y, the mean of the reward [drawn label = y] given the glimpses: logits (..., K), label (...) → (...).

    Rao and Blackwell: for any X and part S of what happened, Var X = E Var[X | S] + Var E[X | S], so E[X | S] has the
    same mean and no more variance. Here S is all but the draw of the label, and E[r ψ | S] = p_y ψ, as S knows ψ.
    """
    return np.take_along_axis(softmax(logits, axis=-1), np.asarray(label)[..., None], axis=-1)[..., 0]


def cell_score(mu, std, low, high):
    """E[ψ | cell] by the mean μ: the score of the cell that was hit instead of that of the point; all (..., k).

    An aligned sensor shows the same patch in a whole cell [low, high], so r depends on the cell q alone, and
    E[r ψ | q] = r E[ψ | q] with E[ψ | q] = ∫_q ∇π / ∫_q π = ∇ log P(q). It costs no rollout more (Rao and Blackwell).
    """
    u, v = (high - mu) / std, (low - mu) / std
    return (norm.pdf(v) - norm.pdf(u)) / (std * np.maximum(ndtr(u) - ndtr(v), 1e-300))


def over_cells(mu, std, low, high, r):
    """All cells of the last decision at once: Σ_q r_q P(q | μ) (...) and its slope by μ (..., k), without a draw.

    mu (..., k); low, high (Q, k); r (..., Q), the reward of each cell: Q rollouts of the last glimpse, where there was
    one. E[r ψ | s] = Σ_q r_q ∇P(q), the mean of all that the last draw could have said. Earlier decisions get
    E[r | s] = Σ_q r_q P(q) for r.
    """
    mu = mu[..., None, :]
    P = (ndtr((high - mu) / std) - ndtr((low - mu) / std)).prod(axis=-1)  # (..., Q)
    slope = P[..., None] * cell_score(mu, std, low, high)  # (..., Q, k)
    return (P * r).sum(axis=-1), (slope * r[..., None]).sum(axis=-2)


def quadratic(z):
    """The features of a quadratic in z (..., k): 1, z_i, and z_i z_j for i ≤ j → (..., 1 + k + k (k + 1)/2)."""
    k = z.shape[-1]
    squares = [z[..., i] * z[..., j] for i in range(k) for j in range(i, k)]
    return np.stack([np.ones(z.shape[:-1]), *np.moveaxis(z, -1, 0), *squares], axis=-1)


def fit_quadratic(G, z):
    """The coefficients c of the quadratic q(z) that is nearest to G, by least squares; of *other* samples."""
    return fit_baseline(quadratic(z), G)


def less_quadratic(G, z, slope, std, c):
    """1/M Σ [(G − q(z)) ψ + E qψ]. Subtracted: q(z) ψ, which has seen the action. Its mean is not 0, but it is known.

    ψ = slopeᵀ z/σ, and of E[q(z) z_i] only the linear term is left: E z_i = E z_i z_j z_l = 0, E z_i z_j = [i = j]. So
    E[q ψ | s] = slopeᵀ c_linear / σ. Forget to add it back, and the estimate has lost that (lesson 7).
    """
    psi = np.einsum("nmdk,nmdkp->nmdp", z / std, slope)
    mean = np.einsum("k,nmdkp->np", c[1 : 1 + z.shape[-1]] / std, slope) / z.shape[1]
    return plain(G - quadratic(z) @ c, psi) + mean


def mirrored(half, centre=0.0):
    """Antithetic draws: half (n, M/2, …) and its mirror image → (n, M, …), for `plain`. centre ½ for uniform numbers.

    −z is as likely as z, so each half of the estimate has the right mean, and so has their average. Its variance is
    ½ Var X (1 + ρ) with ρ the correlation of the two. What is even in z, as any constant baseline, falls out of rψ:
    (r₊ − b) z + (r₋ − b)(−z) does not contain b.
    """
    return np.concatenate([half, 2 * centre - half], axis=1)


def pathwise(dr_da, slope):
    """1/M Σ slopeᵀ r′(a): the derivative of the reward at a = μ + σz with z held; dr_da (n, M, D, k).

    ∇ E r(μ + σz) = E[r′(a) ∂a/∂θ], where r is the integral of its slope (lesson 6). For one decision, or several of
    which none has seen another's outcome.
    """
    return np.einsum("nmdk,nmdkp->np", dr_da, slope) / dr_da.shape[1]


def measure_valued(r, mu, std, w):
    """The difference of two rewards, for one coordinate: ∂N(μ, σ²)/∂μ is a difference of two densities. r: a function.

    ∂φ_μ(a)/∂μ = φ_μ(a) (a − μ)/σ², which is the density of μ + σw less that of μ − σw, over σ√(2π), where w > 0 has the
    density w e^(−w²/2). So ∇J = (E r(μ + σw) − E r(μ − σw)) / (σ√(2π)); the same w for both. w (n, M) → (n, 1).
    """
    difference = r(mu + std * w) - r(mu - std * w)
    return (difference / (std * np.sqrt(2 * np.pi))).mean(axis=1)[:, None]


def normalised(G, psi):
    """(G − Ḡ)/s with the standard deviation s of the M rollouts: biased twice, and in other units.

    E[(G − Ḡ)ψ] = (1 − 1/M) g; the division by s, which depends on the same actions, also turns the mean, as groups of
    rollouts that agree are made to speak as loudly as others. Where all agree, 0/0 is taken as 0.
    """
    centred, s = G - G.mean(axis=1, keepdims=True), G.std(axis=1, keepdims=True)
    return plain(centred / np.where(s > 0, s, 1), psi)


def variance_parts(y):
    """Of nested draws y (B, M, L, P), images, locations of each, labels of each: what part of Var y is due to which.

    Var y = Var E[y | image] + E Var[E[y | image, locations] | image] + E Var[y | image, locations]: total variance,
    twice. Means of a few draws scatter too, so the variances of means expect too much: within images σ²_loc + σ²_lab/L,
    among images σ²_img + (σ²_loc + σ²_lab/L)/M. Take that off, and each is unbiased (and may fall below 0).
    → {part: (variance summed over parameters, standard error)}. The error is the jackknife's: each image left out.
    """
    B, M, L, _ = y.shape
    cells, images = y.mean(axis=2), y.mean(axis=(1, 2))  # (B, M, P), (B, P)
    labels = ((y - cells[:, :, None]) ** 2).sum(axis=(1, 2, 3)) / (M * (L - 1))  # (B,)
    within = ((cells - images[:, None]) ** 2).sum(axis=(1, 2)) / (M - 1)
    total, squares = images.sum(axis=0), (images**2).sum(axis=1)

    def found(n, labels, within, squares, total):
        among = (squares - (total**2).sum(axis=-1) / n) / (n - 1)
        return np.array([among - within / M, within - labels / L, labels])

    all_of_them = found(B, labels.mean(), within.mean(), squares.sum(), total)
    without = [(a.sum() - a) / (B - 1) for a in (labels, within)] + [squares.sum() - squares, total - images]
    left_out = found(B - 1, *without)  # (3, B)
    error = np.sqrt((B - 1) / B * ((left_out - left_out.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    return dict(zip(("images", "locations", "labels"), zip(all_of_them.tolist(), error.tolist())))
