"""The Gaussian policy of the location head: π(a | μ, σ) = N(a; μ, diag(σ²)) in two dimensions.

    log π = −Σ_i [ (a_i − μ_i)² / (2σ_i²) + log σ_i + ½ log 2π ]

What is scored is the raw sample a. The sensor looks at a clipped to the image, but the clipped location has
another distribution than π, and its score would not have mean zero.
"""

import math
from typing import NamedTuple

import numpy as np

from minram.ops import Array, show_shapes


def sample(rng: np.random.Generator, mu: Array, log_std: Array) -> Array:
    """a = μ + σ ε with ε ~ N(0, 1). mu (..., 2), log_std (2,) → a (..., 2), dtype of mu."""
    eps = rng.standard_normal(mu.shape, dtype=mu.dtype)
    return mu + np.exp(log_std) * eps


@show_shapes
class LogProbCache(NamedTuple):
    z: Array  # (..., 2) the standardised sample (a − μ) / σ
    std: Array  # (2,)


def log_prob_forward(a: Array, mu: Array, log_std: Array) -> tuple[Array, LogProbCache]:
    """log π(a | μ, σ). a, mu (..., 2), log_std (2,) → (...). Source: Williams (1992), §6."""
    std = np.exp(log_std)
    z = (a - mu) / std  # (..., 2)
    return -(0.5 * z * z + log_std + 0.5 * math.log(2 * math.pi)).sum(axis=-1), LogProbCache(z, std)


def log_prob_backward(dlogp: Array, cache: LogProbCache) -> tuple[Array, Array]:
    """dμ = dlogp · (a − μ)/σ², dlog σ = Σ dlogp · ((a − μ)²/σ² − 1). The sample a is data: it gets none.

    dlogp (...) → dmu (..., 2), dlog_std (2,), summed over all rows, which share one σ.
    """
    dmu = dlogp[..., None] * cache.z / cache.std  # (..., 2)
    dlog_std = (dlogp[..., None] * (cache.z**2 - 1)).reshape(-1, 2).sum(axis=0)  # (2,)
    return dmu, dlog_std
