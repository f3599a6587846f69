"""The glimpse network: what the sensor saw and where it looked become one feature g_t.

    h_g = ReLU(φ W_what + b_what)        h_l = ReLU(l W_where + b_where)
    g   = ReLU([h_g, h_l] W + b)

The paper writes the last line as Linear(h_g) + Linear(h_l). That is the same map with the two weight matrices
stacked, and one product instead of two.

Here, as in the core and the heads: forward(params, inputs) → (output, cache), backward(params, doutput, cache) →
(dinputs, gradients by the parameters' names). A cache holds what went in and came out, never the parameters, so
that the rows of all steps can be put into one.
"""

from typing import NamedTuple

import numpy as np

from minram.ops import Array, Params, linear_backward, linear_forward, named, relu_backward, relu_forward, show_shapes


@show_shapes
class GlimpseCache(NamedTuple):
    phi: Array  # (N, C·k·w·w)
    loc: Array  # (N, 2)
    hidden: Array  # (N, what + where) the columns of h_g, then those of h_l
    g: Array  # (N, glimpse)


def glimpse_forward(
    params: Params, phi: Array, loc: Array, hidden: Array | None = None, out: Array | None = None
) -> tuple[Array, GlimpseCache]:
    """g = G(φ, l): a map on rows, written into `hidden` and `out` if given.

    phi (N, C·k·w·w), loc (N, 2) → g (N, glimpse). Source: Mnih et al. (2014), §3.1 and figure 1B.
    """
    n_what = params["glimpse.what.b"].size
    if hidden is None:
        hidden = np.empty((len(phi), len(params["glimpse.combine.W"])), phi.dtype)  # (N, what + where)
    np.matmul(phi, params["glimpse.what.W"], out=hidden[:, :n_what])
    np.matmul(loc, params["glimpse.where.W"], out=hidden[:, n_what:])
    hidden += np.concatenate([params["glimpse.what.b"], params["glimpse.where.b"]])  # one pass over it, not two
    relu_forward(hidden, out=hidden)
    z, _ = linear_forward(hidden, params["glimpse.combine.W"], params["glimpse.combine.b"])
    g, _ = relu_forward(z, out=out)  # (N, glimpse)
    return g, GlimpseCache(phi, loc, hidden, g)


def glimpse_backward(
    params: Params, dg: Array, cache: GlimpseCache, input_gradient: bool = False, out: Array | None = None
) -> tuple[tuple[Array, Array] | None, Params]:
    """Gradients of the six parameters, summed over all rows, and of φ and l if asked: in training they are data.

    dg (N, glimpse) → (dphi (N, C·k·w·w), dloc (N, 2)) or None, {"glimpse.what.W": …, …}. The cotangent inside
    the last ReLU is written into `out` if given, which may be dg.
    """
    n_what = params["glimpse.what.b"].size
    dz = relu_backward(dg, cache.g, out=out)  # (N, glimpse)
    dhidden, combine = linear_backward(dz, (cache.hidden, params["glimpse.combine.W"]))
    relu_backward(dhidden, cache.hidden, out=dhidden)  # (N, what + where)
    dphi, what = linear_backward(dhidden[:, :n_what], (cache.phi, params["glimpse.what.W"]), input_gradient)
    dloc, where = linear_backward(dhidden[:, n_what:], (cache.loc, params["glimpse.where.W"]), input_gradient)
    grads = named("glimpse.what", what) | named("glimpse.where", where) | named("glimpse.combine", combine)
    return (dphi, dloc) if input_gradient else None, grads
