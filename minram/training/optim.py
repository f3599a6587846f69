"""Optimisers on one flat vector, learning-rate annealing, and the average of the weights.

The parameter dictionary's arrays are views into the vector, so an update is a handful of in-place operations
however many parameters there are.
"""

import math

import numpy as np

from minram.ops import Array, Params
from minram.training.config import Config

# Where gradients have become 0, what only shrinks ends below 1e-38, where processors are slow: in long runs Adam took
# twice as long, and products with weights that decay can take a hundred times as long. So numbers below this are made
# 0 from time to time, which is too little for any other parameter to notice.
TINY = 1e-30
CHUNK = 2**15  # numbers at a time, so that the passes stay in the cache: with the scalars below, 30 % less time


def pack(params: Params) -> tuple[Array, Params]:
    """Copy a dict of arrays into one vector → (vector, dict of views into it)."""
    vector = np.concatenate([a.ravel() for a in params.values()])
    return vector, unpack(vector, params)


def unpack(vector: Array, like: Params) -> Params:
    """The views into `vector` with the names and shapes of `like`."""
    views, start = {}, 0
    for name, a in like.items():
        views[name] = vector[start : start + a.size].reshape(a.shape)
        start += a.size
    return views


def annealed(config: Config, progress: float) -> float:
    """The learning rate after a share `progress` of the steps: half a cosine, or a line, from first to final rate."""
    share = 1 - progress if config.annealing == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * share)


def optimiser_state(config: Config, vector: Array) -> Params:
    """The optimiser's memory, as arrays: what a checkpoint stores beside the parameters."""
    state = {"momentum": np.zeros_like(vector)}
    if config.optimiser == "adam":
        state["square"] = np.zeros_like(vector)
    if config.weight_average:
        state["average"] = vector.copy()
    return state


def update_in_place(config: Config, vector: Array, gradient: Array, state: Params, step: int, rate: float) -> None:
    """One step downhill: changes `vector`, `gradient` (scratch space from here on) and `state`.

    SGD: v ← βv + g, θ ← θ − ηv.  Adam (Kingma & Ba 2015): m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²,
    θ ← θ − η m̂/(√v̂ + ε) with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ), t = step + 1. Either after a weight decay
    θ ← θ − ηωθ, ω = weight_decay, of which m and v know nothing (Loshchilov & Hutter 2019). The average of the
    weights is ā ← ā + (1−d)(θ − ā), with a decay d that is smaller at the start, where old weights mean little.
    """
    beta1, beta2, eps, t = config.momentum, 0.999, 1e-8, step + 1
    # m̂/(√v̂ + ε) = m·c/(√v + ε√(1−β₂ᵗ)) with c = √(1−β₂ᵗ)/(1−β₁ᵗ): two scalars instead of two arrays. They are
    # Python's: a float64 of NumPy's would be the type in which the arrays are added and multiplied.
    root = math.sqrt(1 - beta2**t)
    decay = min(config.weight_average, (step + 1) / (step + 10))
    if step % 100 == 0:  # numbers near the smallest that there are make processors slow: see TINY
        for numbers in (vector, *state.values()):
            numbers[np.abs(numbers) < TINY] = 0
    for start in range(0, len(vector), CHUNK):
        part = slice(start, start + CHUNK)
        theta, g, m = vector[part], gradient[part], state["momentum"][part]
        m *= beta1
        if config.optimiser == "sgd":
            m += g
            np.multiply(m, rate, out=g)
        else:
            v = state["square"][part]
            m += (1 - beta1) * g
            v *= beta2
            np.multiply(g, g, out=g)
            g *= 1 - beta2
            v += g
            np.sqrt(v, out=g)
            g += eps * root
            np.divide(m, g, out=g)
            g *= rate * root / (1 - beta1**t)
        if config.weight_decay:
            theta *= 1 - rate * config.weight_decay
        theta -= g
        if "average" in state:
            average = state["average"][part]
            average += (1 - decay) * (theta - average)
