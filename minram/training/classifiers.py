"""The paper's other rows: networks that see the whole image at once, from the same operations on rows.

"fc" is two fully connected layers, "conv" is one convolution and one fully connected layer, each of ReLU
units, with the label head on top. A convolution is a linear map of the rows that its windows are, so its
forward and backward pass are those of any other layer.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minram.errors import InputError, check_labels
from minram.ops import (
    Array,
    Params,
    cross_entropy_backward,
    cross_entropy_forward,
    linear_backward,
    linear_forward,
    named,
    relu_backward,
    relu_forward,
)
from minram.reinforce import Outcome
from minram.training.config import Config

WINDOW, STRIDE, FILTERS = 10, 5, 8  # of the paper's convolution


def classifier_layers(config: Config, n_classes: int, image_shape: tuple[int, ...]) -> dict:
    """The layers by name, in order: (inputs, outputs, gain).

    image_shape: (H, W) or (H, W, C) of what the network sees. Raises InputError for images too small.
    """
    if config.model == "fc":
        return _layers(config, n_classes, math.prod(image_shape))
    _check_size(image_shape)
    places = math.prod((n - WINDOW) // STRIDE + 1 for n in image_shape[:2])
    return _layers(config, n_classes, places * FILTERS, math.prod(image_shape[2:]))


def classifier_layers_of(config: Config, params: Params) -> dict:
    """The layers of a network with these parameters, as `classifier_layers` gives them."""
    rows = {name: (np.shape(a) or (0,))[0] for name, a in params.items()}
    channels = max(1, rows.get("conv.W", 0) // WINDOW**2)
    return _layers(config, rows.get("label.b", 1), rows.get("hidden1.W", 0), channels)


def _layers(config, n_classes, inputs, channels=1):
    """inputs: what enters the first fully connected layer, pixels or the convolution's outputs."""
    n, gain = config.classifier_units, np.sqrt(2)
    first = {"conv": (WINDOW * WINDOW * channels, FILTERS, gain), "hidden1": (inputs, n, gain)}
    if config.model == "fc":
        first = {"hidden1": (inputs, n, gain), "hidden2": (n, n, gain)}
    return first | {"label": (n, n_classes, 1)}


def init_classifier(
    config: Config, rng: np.random.Generator, n_classes: int, image_shape: tuple[int, ...], dtype: Any = np.float32
) -> Params:
    """The parameters as a flat dict, W (in, out) and b (out,) of each layer, drawn as those of the agent are.

    image_shape: (H, W) or (H, W, C) of what the network sees.
    """
    params = {}
    for name, (n_in, n_out, gain) in classifier_layers(config, n_classes, image_shape).items():
        params[name + ".W"] = (rng.standard_normal((n_in, n_out)) * (gain / np.sqrt(n_in))).astype(dtype)
        params[name + ".b"] = np.zeros(n_out, dtype)
    return params


def windows(images: Array) -> Array:
    """Every window that the convolution looks through, as a row: the products of all places become one.

    images (N, H, W, C) → (N·P, C·10·10), P windows an image, row by row. Raises InputError for images too small.
    """
    _check_size(images.shape[1:])
    view = sliding_window_view(images, (WINDOW, WINDOW), axis=(1, 2))  # (N, H−9, W−9, C, 10, 10)
    view = view[:, ::STRIDE, ::STRIDE]  # (N, h, w, C, 10, 10)
    return view.reshape(-1, view[0, 0, 0].size)


def classifier_forward(params: Params, images: Array) -> tuple[Array, list]:
    """logits = W ReLU(… ReLU(W₁ x + b₁)) + b, where x is the image, or its windows if the first layer is "conv".

    images (N, H, W) or (N, H, W, C), uint8 or float in [0, 1] → logits (N, K), and for each layer the linear
    map's cache and its ReLU's. Raises InputError for images of another size than the parameters'.
    """
    names = [name.removesuffix(".W") for name in params if name.endswith(".W")]
    dtype, N = params["label.W"].dtype, len(images)
    y = images.reshape(*images.shape[:3], -1).astype(dtype)  # (N, H, W, C)
    y /= 255 if images.dtype == np.uint8 else 1
    caches = []
    for name in names:
        x = windows(y) if name == "conv" else y.reshape(N, -1)  # (N·P, C·10·10) or (N, in)
        if x.shape[1] != len(params[name + ".W"]):
            raise InputError(
                f"The layer {name} reads {len(params[name + '.W'])} numbers, but images of the shape "
                f"{images.shape[1:]} give {x.shape[1]}; take images of the size and colours that it was trained on."
            )
        y, cache = linear_forward(x, params[name + ".W"], params[name + ".b"])  # (N·P, 8) or (N, out)
        y, relu = (y, None) if name == "label" else relu_forward(y, out=y)
        caches.append((cache, relu))
    return y, caches


def classifier_backward(params: Params, dlogits: Array, caches: list) -> Params:
    """Gradients of all parameters, from the cotangent dlogits (N, K) → dict with the keys of `params`.

    Images need no gradient, so the adjoint of `windows` is never needed.
    """
    names = [name.removesuffix(".W") for name in params if name.endswith(".W")]
    grads: Params = {}
    dy = dlogits
    for name, (cache, relu) in reversed(list(zip(names, caches))):
        if relu is not None:
            dy = relu_backward(dy.reshape(relu.shape), relu)  # (N·P, 8) or (N, out)
        dy, layer = linear_backward(dy, cache, input_gradient=name != names[0])
        grads |= named(name, layer)
    return {name: grads[name] for name in params}


def classifier_gradients(
    params: Params, images: Array, labels: Array, share: float = 1.0, weights: Array | None = None
) -> tuple[Params, Outcome]:
    """One look at a minibatch: the mean cross-entropy's gradients, times `share`, and the outcome.

    labels (N,); weights (K,): of the classes. Raises InputError for labels that the model has not.
    """
    logits, caches = classifier_forward(params, images)
    check_labels(labels, *logits.shape)
    loss, cache = cross_entropy_forward(logits, labels)  # (N,)
    dloss = np.full_like(loss, share / len(loss))  # (N,)
    if weights is not None:
        dloss *= weights[labels].astype(loss.dtype)
    grads = classifier_backward(params, cross_entropy_backward(dloss, cache), caches)
    wrong = logits.argmax(axis=-1) != labels
    reward, none = 1 - wrong.astype(loss.dtype), np.empty((0, len(loss)), loss.dtype)  # it decides nothing
    return grads, Outcome(float(loss.mean()), float(wrong.mean()), reward, none, none, 0.0)


def _check_size(image_shape):
    if min(image_shape[:2]) < WINDOW:
        raise InputError(
            f"model=conv looks through windows of {WINDOW}x{WINDOW} pixels, but the images have the shape "
            f"{tuple(image_shape)}; set model=fc, or take larger images."
        )
