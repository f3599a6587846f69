"""The operations that the network is made of, each a forward and a backward function on rows.

A row is one glimpse of one rollout; nothing here knows which. So each backward function may be called once
with the rows of all time steps: the gradient of a weight is a sum over rows, and one product takes it.

Throughout, dy stands for ∂L/∂y, the cotangent of y, where L is any scalar that depends on y.
"""

from typing import NamedTuple

import numpy as np


class LinearCache(NamedTuple):
    x: np.ndarray  # (N, in)
    W: np.ndarray  # (in, out)


def linear_forward(x, W, b, out=None):
    """y = x W + b, written into `out` if given.

    x (N, in), W (in, out), b (out,) → y (N, out).
    """
    y = np.matmul(x, W, out=out)  # (N, out)
    y += b
    return y, LinearCache(x, W)


def linear_backward(dy, cache, input_gradient=True):
    """dx = dy Wᵀ, dW = xᵀ dy, db = Σ_n dy_n: each from y_nj = Σ_i x_ni W_ij + b_j by the chain rule.

    dy (N, out) → dx (N, in), or None where the input needs no gradient; {"W": (in, out), "b": (out,)}.
    """
    dx = dy @ cache.W.T if input_gradient else None  # (N, in)
    return dx, {"W": cache.x.T @ dy, "b": dy.sum(axis=0)}


def relu_forward(x, out=None):
    """y = max(x, 0), elementwise. The cache is y: y > 0 exactly where x > 0."""
    y = np.maximum(x, 0, out=out)
    return y, y


def relu_backward(dy, y, out=None):
    """dx = dy · [y > 0]. At the kink x = 0 the derivative is taken to be 0."""
    return np.multiply(dy, y > 0, out=out)


def tanh_forward(x, out=None):
    """y = tanh(x), elementwise. The cache is y."""
    y = np.tanh(x, out=out)
    return y, y


def tanh_backward(dy, y):
    """dx = dy · (1 − y²), because tanh' = 1 − tanh²."""
    return dy * (1 - y * y)


class CrossEntropyCache(NamedTuple):
    p: np.ndarray  # (..., K) softmax(logits)
    labels: np.ndarray  # (...)


def cross_entropy_forward(logits, labels):
    """loss = −log p_label with p = softmax(logits), for each row.

    logits (..., K), labels (...) integers in 0..K−1 → loss (...).
    The largest logit is subtracted first: softmax does not change, and exp cannot overflow.
    """
    z = logits - logits.max(axis=-1, keepdims=True)  # (..., K)
    e = np.exp(z)
    total = e.sum(axis=-1, keepdims=True)  # (..., 1)
    onehot = labels[..., None] == np.arange(logits.shape[-1])  # (..., K)
    loss = np.log(total[..., 0]) - z.sum(axis=-1, where=onehot)  # (...)
    return loss, CrossEntropyCache(e / total, labels)


def cross_entropy_backward(dloss, cache):
    """dlogits = dloss · (p − onehot(label)), because ∂(log Σ_j exp z_j)/∂z_i = p_i.

    dloss (...) → dlogits (..., K).
    """
    onehot = cache.labels[..., None] == np.arange(cache.p.shape[-1])  # (..., K)
    return dloss[..., None] * (cache.p - onehot)
