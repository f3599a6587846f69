"""The three heads that read the core's state: label, location and baseline. Each is a map on rows.

    logits = h W + b          μ = h W + b          b_t = h W + b

The location head may have one hidden layer: μ = ReLU(h W' + b') W + b. Its mean is not squashed: a squashed
mean that has reached the border has no gradient to come back by.
"""

from typing import NamedTuple

import numpy as np

from minram.ops import LinearCache, linear_backward, linear_forward, relu_backward, relu_forward


def label_forward(params, h):
    """logits = h W + b. h (N, core) → (N, K). Source: Mnih et al. (2014), §4."""
    return linear_forward(h, params["label.W"], params["label.b"])


def label_backward(dlogits, cache, input_gradient=True):
    """dlogits (N, K) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters."""
    dh, grads = linear_backward(dlogits, cache, input_gradient)
    return dh, {"label.W": grads["W"], "label.b": grads["b"]}


class LocationCache(NamedTuple):
    h: np.ndarray  # (N, core)
    hidden: np.ndarray  # (N, hidden), or h itself where the head is linear


def location_forward(params, h):
    """μ = h W + b, the mean of the next location. h (N, core) → (N, 2). Source: Mnih et al. (2014), §4."""
    hidden = h
    if "location.hidden.W" in params:
        hidden, _ = linear_forward(h, params["location.hidden.W"], params["location.hidden.b"])
        relu_forward(hidden, out=hidden)  # (N, hidden)
    mu, _ = linear_forward(hidden, params["location.W"], params["location.b"])
    return mu, LocationCache(h, hidden)


def location_backward(params, dmu, cache, input_gradient=True):
    """dmu (N, 2) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters but σ."""
    deep = "location.hidden.W" in params
    dhidden, grads = linear_backward(dmu, LinearCache(cache.hidden, params["location.W"]), deep or input_gradient)
    named = {"location.W": grads["W"], "location.b": grads["b"]}
    if not deep:
        return dhidden, named
    dz = relu_backward(dhidden, cache.hidden)  # (N, hidden)
    dh, grads = linear_backward(dz, LinearCache(cache.h, params["location.hidden.W"]), input_gradient)
    return dh, named | {"location.hidden.W": grads["W"], "location.hidden.b": grads["b"]}


def baseline_forward(params, h):
    """b_t = h_t W + b, the reward to be expected from here on. h (N, core) → (N,)."""
    baseline, cache = linear_forward(h, params["baseline.W"], params["baseline.b"])
    return baseline[:, 0], cache


def baseline_backward(dbaseline, cache, input_gradient=True):
    """dbaseline (N,) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters."""
    dh, grads = linear_backward(dbaseline[:, None], cache, input_gradient)
    return dh, {"baseline.W": grads["W"], "baseline.b": grads["b"]}
