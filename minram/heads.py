"""The three heads that read the core's state: label, location and baseline. Each is a map on rows.

    logits = h W + b          μ = h W + b          b_t = h W + b

The location head may have one hidden layer: μ = ReLU(h W' + b') W + b. Its mean is not squashed. At the border half of
its samples are clipped and tell nothing, some σ outside all: `border_weight` leads back. A linear head's cache is h.
"""

from typing import Any, NamedTuple

from minram.ops import Array, Params, linear_backward, linear_forward, named, relu_backward, relu_forward, show_shapes


def label_forward(params: Params, h: Array) -> tuple[Array, Array]:
    """logits = h W + b. h (N, core) → (N, K). Source: Mnih et al. (2014), §4."""
    logits, _ = linear_forward(h, params["label.W"], params["label.b"])
    return logits, h


def label_backward(params: Params, dlogits: Array, h: Array, input_gradient: bool = True) -> tuple[Any, Params]:
    """dlogits (N, K) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters."""
    dh, grads = linear_backward(dlogits, (h, params["label.W"]), input_gradient)
    return dh, named("label", grads)


@show_shapes
class LocationCache(NamedTuple):
    h: Array  # (N, core)
    hidden: Array  # (N, hidden), or h itself where the head is linear


def location_forward(params: Params, h: Array) -> tuple[Array, LocationCache]:
    """μ = h W + b, the mean of the next location. h (N, core) → (N, 2). Source: Mnih et al. (2014), §4."""
    hidden = h
    if "location.hidden.W" in params:
        hidden, _ = linear_forward(h, params["location.hidden.W"], params["location.hidden.b"])
        relu_forward(hidden, out=hidden)  # (N, hidden)
    mu, _ = linear_forward(hidden, params["location.W"], params["location.b"])
    return mu, LocationCache(h, hidden)


def location_backward(
    params: Params, dmu: Array, cache: LocationCache, input_gradient: bool = True
) -> tuple[Any, Params]:
    """dmu (N, 2) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters but σ."""
    deep = "location.hidden.W" in params
    dhidden, grads = linear_backward(dmu, (cache.hidden, params["location.W"]), deep or input_gradient)
    if not deep:
        return dhidden, named("location", grads)
    dz = relu_backward(dhidden, cache.hidden)  # (N, hidden)
    dh, hidden_grads = linear_backward(dz, (cache.h, params["location.hidden.W"]), input_gradient)
    return dh, named("location", grads) | named("location.hidden", hidden_grads)


def baseline_forward(params: Params, h: Array) -> tuple[Array, Array]:
    """b_t = h_t W + b, the reward to be expected from here on. h (N, core) → (N,)."""
    baseline, _ = linear_forward(h, params["baseline.W"], params["baseline.b"])
    return baseline[:, 0], h


def baseline_backward(params: Params, dbaseline: Array, h: Array, input_gradient: bool = True) -> tuple[Any, Params]:
    """dbaseline (N,) → dh (N, core), or None if it is not wanted, and the gradients of the head's parameters."""
    dh, grads = linear_backward(dbaseline[:, None], (h, params["baseline.W"]), input_gradient)
    return dh, named("baseline", grads)
