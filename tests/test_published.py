"""Numbers that others have published, or that follow from their problems by enumeration, got with the package.

Each value is computed here twice: by the package, and by adding up all cases or by a formula.
"""

import itertools

import numpy as np
import pytest

from helpers import close
from minram.ops import cross_entropy_backward, cross_entropy_forward, linear_backward, linear_forward
from minram.policy import log_prob_backward, log_prob_forward

# Mazur, "A step by step backpropagation example" (2015): 2-2-2, logistic units, squared error


def logistic(z):
    return 1 / (1 + np.exp(-z))


def mazur(W1, W2, rate=0.5, overtaken=False):
    """The error ½ Σ (target − out)², and the weights after one step; the biases are held fixed, as he does.

    overtaken: the cotangent of the hidden layer is taken through output weights that have already moved.
    """
    x, target, b1, b2 = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]]), np.full(2, 0.35), np.full(2, 0.60)
    z, first = linear_forward(x, W1, b1)
    h = logistic(z)  # (1, 2)
    z, second = linear_forward(h, W2, b2)
    out = logistic(z)  # (1, 2)
    dz = (out - target) * out * (1 - out)
    dh, grads2 = linear_backward(dz, second)
    V2 = W2 - rate * grads2["W"]
    if overtaken:
        dh, _ = linear_backward(dz, (h, V2))
    _, grads1 = linear_backward(dh * h * (1 - h), first)
    return 0.5 * np.sum((target - out) ** 2), W1 - rate * grads1["W"], V2


def test_mazurs_network():
    """Column j holds the weights into unit j: w1, w2 of his lead to h1, w3, w4 to h2.

    The error that he gives after the step, 0.291027924, is not that of the weights that he gives, 0.291027774: it
    comes out if the hidden weights are updated through output weights that have already moved, as a loop over layers
    does that updates each at once.
    """
    W1, W2 = np.array([[0.15, 0.25], [0.20, 0.30]]), np.array([[0.40, 0.50], [0.45, 0.55]])
    error, V1, V2 = mazur(W1, W2)
    assert round(error, 9) == 0.298371109
    # His w1⁺ … w8⁺, to eight digits.
    assert np.array_equal(V2.round(8), [[0.35891648, 0.51130127], [0.40866619, 0.56137012]])
    assert np.array_equal(V1.round(8), [[0.14978072, 0.24975114], [0.19956143, 0.29950229]])
    assert round(mazur(V1, V2)[0], 9) == 0.291027774
    _, U1, U2 = mazur(W1, W2, overtaken=True)
    assert np.array_equal(U2, V2) and not np.array_equal(U1, V1)
    assert round(mazur(U1, U2)[0], 9) == 0.291027924


# Bernoulli toys: ∂E[f(b)]/∂logit, all bits of one shared logit


def logit_estimates(n, logit, f):
    """Of every draw of n bits: its probability (2ⁿ,), f(b), and the score, that of the package's softmax."""
    bits = np.array(list(itertools.product([0, 1], repeat=n)))  # (2ⁿ, n)
    logits = np.broadcast_to([0.0, logit], (*bits.shape, 2))
    loss, cache = cross_entropy_forward(logits, bits)  # −log p(b) (2ⁿ, n)
    score = -cross_entropy_backward(np.ones_like(loss), cache)[..., 1].sum(axis=1)
    return np.exp(-loss.sum(axis=1)), f(bits), score


def moments(probability, f, score, baseline=0.0):
    """Mean and variance of the estimate (f − b) · score."""
    estimate = (f - baseline) * score
    mean = (probability * estimate).sum()
    return mean, (probability * estimate**2).sum() - mean**2


def test_kools_three_bits():
    """Kool et al. (2020), after Liu et al. (2019): Σ_i (b_i − p_i)² at logit 0."""
    target = np.array([0.6, 0.51, 0.48])
    draws = logit_estimates(3, 0.0, lambda b: ((b - target) ** 2).sum(axis=1))
    gradient, _ = moments(*draws)
    close(gradient, -0.0450, scale=1, steps=16)  # ¼ Σ (1 − 2 p_i)
    assert abs(moments(*draws, baseline=5.0)[0] - gradient) < 1e-14  # a constant changes the variance alone


@pytest.mark.parametrize("t, gradient, variance", [(0.45, 0.025, 0.01594), (0.499, 0.0005, 0.01563)])
def test_rebars_toy(t, gradient, variance):
    """Tucker et al. (2017), Grathwohl et al. (2018): one bit at logit 0, (b − t)²."""
    mean, spread = moments(*logit_estimates(1, 0.0, lambda b: (b[:, 0] - t) ** 2))
    close(mean, gradient, scale=1, steps=16)  # ¼ (1 − 2t)
    close(spread, ((1 - t) ** 4 + t**4) / 8 - gradient**2, scale=1, steps=16)
    assert round(spread, 5) == variance


# Mohamed et al. (2020), figure 2: x ~ N(1, 1), cost (x − k)²; the gradient in the mean is 2 (1 − k)


@pytest.mark.parametrize("k", [-3, -1, 0, 0.5, 1, 3])
def test_mohameds_quadratic(k):
    """Gauss-Hermite quadrature of 20 points is exact for polynomials up to degree 39; the squares here have 6."""
    node, weight = np.polynomial.hermite_e.hermegauss(20)
    weight = weight / weight.sum()
    x, mu = np.stack([1 + node, 0 * node], axis=1), np.array([1.0, 0.0])  # the policy has two dimensions; one is idle
    _, cache = log_prob_forward(x, np.broadcast_to(mu, x.shape), np.zeros(2))
    score = log_prob_backward(np.ones(20), cache)[0][:, 0]  # x − μ
    cost, c = (x[:, 0] - k) ** 2, 1 - k
    best = (weight * cost * score**2).sum() / (weight * score**2).sum()
    scale = c**4 + 14 * c**2 + 15
    for baseline, variance in ((0, scale), (c**2 + 1, 8 * c**2 + 10), (best, 8 * c**2 + 6)):
        found = moments(weight, cost, score, baseline)
        close(found[0], 2 * c, scale=scale, steps=200)  # the same mean whatever the baseline
        close(found[1], variance, scale=20 * scale, steps=200)
    assert abs(best - (c**2 + 3)) < 1e-11 * scale
    pathwise = 2 * (x[:, 0] - k)  # ∂cost/∂μ, as x = μ + ε
    close((weight * pathwise**2).sum() - 4 * c**2, 4, scale=scale, steps=200)
