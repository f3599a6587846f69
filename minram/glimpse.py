"""The glimpse network: what the sensor saw and where it looked become one feature g_t.

    h_g = ReLU(φ W_what + b_what)        h_l = ReLU(l W_where + b_where)
    g   = ReLU([h_g, h_l] W + b)

The paper writes the last line as Linear(h_g) + Linear(h_l). That is the same map with the two weight matrices
stacked, and one product instead of two.
"""

from typing import NamedTuple

import numpy as np

from minram.ops import LinearCache, linear_backward, linear_forward, relu_backward, relu_forward


class GlimpseCache(NamedTuple):
    phi: np.ndarray  # (N, C·k·w·w)
    loc: np.ndarray  # (N, 2)
    hidden: np.ndarray  # (N, what + where) the columns of h_g, then those of h_l
    g: np.ndarray  # (N, glimpse)


def glimpse_forward(params, phi, loc, hidden=None, out=None):
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


def glimpse_backward(params, dg, cache, out=None):
    """Gradients of the six parameters, summed over all rows; φ and l are data and get none.

    dg (N, glimpse) → {"glimpse.what.W": …, …}, the parameters' shapes. The cotangent inside the last ReLU is
    written into `out` if given, which may be dg.
    """
    n_what = params["glimpse.what.b"].size
    dz = relu_backward(dg, cache.g, out=out)  # (N, glimpse)
    dhidden, combine = linear_backward(dz, LinearCache(cache.hidden, params["glimpse.combine.W"]))
    relu_backward(dhidden, cache.hidden, out=dhidden)  # (N, what + where)
    what = LinearCache(cache.phi, params["glimpse.what.W"])
    where = LinearCache(cache.loc, params["glimpse.where.W"])
    _, what = linear_backward(dhidden[:, :n_what], what, input_gradient=False)
    _, where = linear_backward(dhidden[:, n_what:], where, input_gradient=False)
    return {
        "glimpse.what.W": what["W"],
        "glimpse.what.b": what["b"],
        "glimpse.where.W": where["W"],
        "glimpse.where.b": where["b"],
        "glimpse.combine.W": combine["W"],
        "glimpse.combine.b": combine["b"],
    }
