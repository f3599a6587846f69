"""The operations that the network is made of, each a forward and a backward function on rows.

A row is one glimpse of one rollout; nothing here knows which. So each backward function may be called once
with the rows of all time steps: the gradient of a weight is a sum over rows, and one product takes it.

Throughout, dy stands for ∂L/∂y, the cotangent of y, where L is any scalar that depends on y. A forward function
returns (y, cache), with what its backward function needs of the forward pass in the cache; the backward function
returns dx, and a dict of the parameters' gradients where it has parameters.
"""

import textwrap
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
Params = dict[str, np.ndarray]


def show_shapes(cls: Any) -> Any:
    """A record's class whose repr are its fields by their shapes: all numbers would bury a debugger's view."""

    def brief(value):
        if isinstance(value, np.ndarray):
            return str(value.shape).replace(" ", "")
        return f"{type(value).__name__}(…)" if isinstance(value, tuple) else repr(value)

    def show(self):
        text = ", ".join(f"{name} {brief(value)}" for name, value in zip(self._fields, self))
        return textwrap.fill(f"{cls.__name__}({text})", 110, subsequent_indent="    ", break_on_hyphens=False)

    cls.__repr__ = show
    return cls


@show_shapes
class LinearCache(NamedTuple):
    x: Array  # (N, in)
    W: Array  # (in, out)


def linear_forward(x: Array, W: Array, b: Array, out: Array | None = None) -> tuple[Array, LinearCache]:
    """y = x W + b, written into `out` if given.

    x (N, in), W (in, out), b (out,) → y (N, out).
    """
    y = np.matmul(x, W, out=out)  # (N, out)
    y += b
    return y, LinearCache(x, W)


def linear_backward(dy: Array, cache: tuple[Array, Array], input_gradient: bool = True) -> tuple[Any, Params]:
    """dx = dy Wᵀ, dW = xᵀ dy, db = Σ_n dy_n: each from y_nj = Σ_i x_ni W_ij + b_j by the chain rule.

    dy (N, out), cache (x, W) → dx (N, in), or None where the input needs no gradient; {"W": (in, out), "b": (out,)}.
    """
    x, W = cache
    dx = dy @ W.T if input_gradient else None  # (N, in)
    return dx, {"W": x.T @ dy, "b": dy.sum(axis=0)}


def named(layer: str, grads: Params) -> Params:
    """The gradients of one layer under the names of the network's parameters: "W" becomes "core.W"."""
    return {f"{layer}.{key}": g for key, g in grads.items()}


def relu_forward(x: Array, out: Array | None = None) -> tuple[Array, Array]:
    """y = max(x, 0), elementwise. The cache is y: y > 0 exactly where x > 0."""
    y = np.maximum(x, 0, out=out)
    return y, y


def relu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    """dx = dy · [y > 0]. At the kink x = 0 the derivative is taken to be 0."""
    return np.multiply(dy, y > 0, out=out)


def tanh_forward(x: Array, out: Array | None = None) -> tuple[Array, Array]:
    """y = tanh(x), elementwise. The cache is y. It is not in the agent: a ReLU without the kink, for checks."""
    y = np.tanh(x, out=out)
    return y, y


def tanh_backward(dy: Array, y: Array) -> Array:
    """dx = dy · (1 − y²), because tanh' = 1 − tanh²."""
    return dy * (1 - y * y)


@show_shapes
class CrossEntropyCache(NamedTuple):
    p: Array  # (..., K) softmax(logits)
    labels: Array  # (...)


def cross_entropy_forward(logits: Array, labels: Array) -> tuple[Array, CrossEntropyCache]:
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


def cross_entropy_backward(dloss: Array, cache: CrossEntropyCache) -> Array:
    """dlogits = dloss · (p − onehot(label)), because ∂(log Σ_j exp z_j)/∂z_i = p_i.

    dloss (...) → dlogits (..., K).
    """
    onehot = cache.labels[..., None] == np.arange(cache.p.shape[-1])  # (..., K)
    return dloss[..., None] * (cache.p - onehot)
