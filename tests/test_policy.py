import numpy as np
import pytest
from scipy import stats

from minram import gradcheck, policy

STD = np.array([0.3, 1.7])
NODES = 20  # Gauss–Hermite with n nodes is exact for polynomials of degree 2n − 1


def batch(shape=(3, 5)):
    r = np.random.default_rng(0)
    return {"a": r.normal(size=(*shape, 2)), "mu": r.normal(size=(*shape, 2)), "log_std": np.log(STD)}


def expectation(values, weights):
    """E over both axes of values (n, n, ...) at the nodes."""
    return np.einsum("i,j,ij...->...", weights, weights, values)


def nodes(mu=(0.4, -0.2), std=STD):
    """Samples a (n, n, 2) and weights (n,) such that Σ w_i w_j f(a_ij) = E f(a), a ~ N(μ, σ²)."""
    z, weights = np.polynomial.hermite_e.hermegauss(NODES)
    a = np.stack(np.meshgrid(z, z, indexing="ij"), -1) * std + mu
    return a, weights / weights.sum()


def scores(a, mu, std):
    """∂log π/∂μ and ∂log π/∂log σ at each sample, side by side (..., 4)."""
    _, cache = policy.log_prob_forward(a, np.broadcast_to(mu, a.shape), np.log(std))
    rows = np.ones(a.shape[:-1])
    dmu, _ = policy.log_prob_backward(rows, cache)
    each = [
        policy.log_prob_backward(np.ones(1), policy.LogProbCache(z[None], cache.std))[1] for z in cache.z.reshape(-1, 2)
    ]
    return np.concatenate([dmu, np.reshape(each, a.shape)], axis=-1)


def test_log_probability_is_the_normal_one():
    x = batch()
    want = stats.norm.logpdf(x["a"], x["mu"], STD).sum(-1)
    # Six terms, none much larger than the largest sum.
    np.testing.assert_allclose(policy.log_prob_forward(**x)[0], want, rtol=0, atol=1e-15 * 6 * np.abs(want).max())


@pytest.mark.parametrize("shape", [(1,), (6,), (3, 5)])
def test_derivatives(shape):
    x = batch(shape)
    a = x.pop("a")
    v = np.random.default_rng(1).normal(size=shape)

    def f(p):
        return (v * policy.log_prob_forward(a, p["mu"], p["log_std"])[0]).sum()

    _, cache = policy.log_prob_forward(a, **x)
    grads = dict(zip(("mu", "log_std"), policy.log_prob_backward(v, cache)))
    gradcheck.check_gradient(f, x, grads, rtol=1e-9).raise_if_failed()
    gradcheck.check_complex_step(f, x, grads).raise_if_failed()  # 1e-12


def test_score_has_mean_zero_and_the_fisher_covariance():
    mu = np.array([0.4, -0.2])
    a, weights = nodes(mu)
    s = scores(a, mu, STD)
    fisher = np.diag([*STD**-2, 2, 2])
    np.testing.assert_allclose(expectation(s, weights), 0, atol=1e-12)
    outer = s[..., :, None] * s[..., None, :]
    np.testing.assert_allclose(expectation(outer, weights), fisher, atol=1e-12 * fisher.max())


def test_score_function_estimates_known_gradients():
    """∇_μ E f: 0 for a constant, 1 for a, 2μ for a²; ∇_{log σ} E a² = 2σ²."""
    mu = np.array([0.4, -0.2])
    a, weights = nodes(mu)
    s = scores(a, mu, STD)
    for axis in (0, 1):
        x = a[..., axis, None]
        for f, want in ((x * 0 + 1, (0, 0)), (x, (1, 0)), (x**2, (2 * mu[axis], 2 * STD[axis] ** 2))):
            got = expectation(f * s, weights)
            np.testing.assert_allclose(got[[axis, 2 + axis]], want, atol=1e-12)
            np.testing.assert_allclose(got[[1 - axis, 3 - axis]], 0, atol=1e-12)


def test_score_of_the_clipped_sample_is_biased():
    """Why the raw sample is scored: with μ near the border, the clipped one pulls inwards for no reward at all."""
    mu, std = np.array([0.9, 0.0]), np.array([0.2, 0.2])
    z = np.linspace(-8, 8, 200_001)  # the sums of a smooth integrand that vanishes at both ends are exact
    weights = stats.norm.pdf(z) * (z[1] - z[0])
    clipped = np.clip(mu[0] + std[0] * z, -1, 1)
    score = (clipped - mu[0]) / std[0] ** 2
    cut = (1 - mu[0]) / std[0]
    want = (cut * stats.norm.sf(cut) - stats.norm.pdf(cut)) / std[0]  # E min(z, c) − 0, over σ
    # The clip is a kink: one interval of the trapezoidal sum is off by h²/8 times the step of the slope.
    np.testing.assert_allclose(weights @ score, want, atol=(z[1] - z[0]) ** 2)
    assert want < -0.9


def test_samples_follow_the_policy():
    n = 20_000
    mu = np.broadcast_to(np.array([0.4, -2.0]), (n, 2))
    a = policy.sample(np.random.default_rng(3), mu, np.log(STD))
    for axis in (0, 1):
        # At a fixed seed; a right sampler fails with probability 1e-4.
        assert stats.kstest(a[:, axis], stats.norm(mu[0, axis], STD[axis]).cdf).pvalue > 1e-4
    assert abs(stats.pearsonr(*a.T)[0]) < stats.norm.isf(1e-4) / np.sqrt(n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_follows_the_data(dtype):
    mu, log_std = np.zeros((4, 2), dtype), np.zeros(2, dtype)
    a = policy.sample(np.random.default_rng(0), mu, log_std)
    logp, cache = policy.log_prob_forward(a, mu, log_std)
    assert {x.dtype for x in (a, logp, *policy.log_prob_backward(logp, cache))} == {np.dtype(dtype)}
    again = policy.sample(np.random.default_rng(0), mu, log_std)
    np.testing.assert_array_equal(a, again)
