"""The recurrent core: it compresses everything seen so far into h_t.

    h_t = ReLU(h_{t−1} W_h + g_t W_g + b) = ReLU([h_{t−1}, g_t] W + b),    h_0 = 0

This is the only file with a loop over time in its backward pass, because it is the only place where a
derivative at one step depends on the next.
"""

from typing import NamedTuple

import numpy as np

from minram.ops import Array, Params, linear_backward, linear_forward, named, relu_backward, relu_forward, show_shapes


@show_shapes
class CoreCache(NamedTuple):
    hg: Array  # (N, core + glimpse) the input [h_{t−1}, g_t] of a step; (T, N, core + glimpse) of all
    h: Array  # (N, core) or (T, N, core)


def core_forward(params: Params, hg: Array, out: Array | None = None) -> tuple[Array, CoreCache]:
    """One step: h_t = ReLU([h_{t−1}, g_t] W + b), written into `out` if given.

    hg (N, core + glimpse) → h (N, core). Source: Mnih et al. (2014), §3.1 and §4.
    """
    z, _ = linear_forward(hg, params["core.W"], params["core.b"])
    h, _ = relu_forward(z, out=out)
    return h, CoreCache(hg, h)


def core_backward(params: Params, dh: Array, cache: CoreCache, out: Array | None = None) -> tuple[Array, Params]:
    """Backpropagation through time over the cache of all steps, then one product for the weights.

    With z_t = [h_{t−1}, g_t] W + b, so that h_t = ReLU(z_t), and δ_t what the heads send to step t, a part of ∂L/∂h_t:

        dz_t = (δ_t + dz_{t+1} W_hᵀ) · [h_t > 0],   dz_{T+1} = 0

    dh, the δ_t of all steps (T, N, core) → dg (T, N, glimpse), {"core.W": (core + glimpse, core), "core.b": (core,)}.
    dz is written into `out` if given, which may be dh.
    """
    T, N, n_core = dh.shape
    W = params["core.W"]
    dz = np.empty(dh.shape, dh.dtype) if out is None else out  # (T, N, core)
    relu_backward(dh[-1], cache.h[-1], out=dz[-1])
    for t in reversed(range(T - 1)):
        relu_backward(dh[t] + dz[t + 1] @ W[:n_core].T, cache.h[t], out=dz[t])
    rows = dz.reshape(T * N, n_core)
    _, grads = linear_backward(rows, (cache.hg.reshape(T * N, -1), W), input_gradient=False)
    dg = rows @ W[n_core:].T  # (T·N, glimpse)
    return dg.reshape(T, N, -1), named("core", grads)
