"""An agent so small that one update of it can be followed with a pencil; lesson 0 does.

A 4 × 4 image, a retina of 2 × 2 pixels, two glimpses, two units in each layer, two labels, σ = ½, double precision. All
numbers are sums of powers of two, chosen so that no sum or product is rounded and few have more than two places. No
unit is on its kink and no location on the border between two pixels; one ReLU is closed, and its mask matters.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minram.agent import Cotangents, Trajectory, backward, rollout
from minram.ops import Array, Params, show_shapes
from minram.reinforce import Outcome, cotangents
from minram.sensor import summed_area
from minram.training.config import Config
from minram.training.optim import optimiser_state, pack, unpack, update_in_place

IMAGE = np.array([[[0, 0.5, 1, 1], [1, 0, 0, 1], [0.5, 1, 1, 1], [1, 1, 0, 1]]])  # (1, 4, 4)
LABELS = np.array([1])  # (1,)
START = np.array([-0.5, -0.5])  # (2,) l_1
NOISE = np.array([-0.5, 0.5])  # (2,) ε_1, of the draw a_1 = μ_1 + σ ε_1
RATE = 1 / 64  # of the one step of gradient descent: small, as all weights move at once

# A label after each glimpse, as in the recipes for the paper's tables: so h_1 is read by all heads and by the core, and
# the gradient that it gets comes from the label head, from the location head and from the step after.
CONFIG = Config(
    glimpses=2,
    patch_size=2,
    scales=(1,),
    what_units=2,
    where_units=2,
    glimpse_units=2,
    core_units=2,
    std=0.5,
    label_steps="every",
    flow=("label", "location"),
    optimiser="sgd",
    learning_rate=RATE,
    batch_size=1,
)


PARAMETERS: dict[str, Sequence[Any]] = {
    "glimpse.what.W": [[0, 1], [1, 1], [0, -1], [0, 1]],
    "glimpse.what.b": [0, -0.5],
    "glimpse.where.W": [[-1, -1], [1, 1]],
    "glimpse.where.b": [0.5, 1],
    "glimpse.combine.W": [[1, 1], [0.5, -0.5], [0, 1], [0, -1]],
    "glimpse.combine.b": [1, 0.5],
    "core.W": [[-1, 0], [1, 0], [0, 0.5], [1, 1]],
    "core.b": [0.25, -1],
    "label.W": [[-1, -0.5], [-1, 0.5]],
    "label.b": [1, 0.25],
    "location.W": [[-0.5, 0], [0.5, 1]],
    "location.b": [0, 0],
    "baseline.W": [[-0.5], [0.5]],
    "baseline.b": [1],
}


def parameters() -> Params:
    """The 51 parameters, float64: W (in, out) and b (out,) of each layer."""
    return {name: np.array(values, np.float64) for name, values in PARAMETERS.items()}


class Draws:
    """A random generator whose draws are known beforehand: what one writes down to follow a rollout by hand."""

    def __init__(self, noise: Any, start: Any = START) -> None:
        self.noise = np.asarray(noise, np.float64)  # (2,) or (N, 2) ε
        self.start = np.asarray(start, np.float64)  # (2,) or (N, 2) where the first glimpse is taken

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        """l_1 (N, 2), as often as it is asked."""
        return np.broadcast_to(self.start, shape).astype(np.float64)

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = np.float64) -> Array:
        """ε (N, 2), as often as it is asked."""
        return np.broadcast_to(self.noise, shape).astype(dtype)


@show_shapes
class HandUpdate(NamedTuple):
    """One update, and what it was made of."""

    trajectory: Trajectory
    cotangents: Cotangents
    outcome: Outcome
    grads: Params
    params: Params  # after the step


def follow(
    params: Params, noise: Any = NOISE, rollouts: int = 1, image: Array = IMAGE, start: Any = START
) -> Trajectory:
    """Two glimpses, the second where the draws ε (2,) or (N, 2) lead → Trajectory of N = rollouts rows.

    image (1, 4, 4); start (2,): where the first glimpse is taken.
    """
    draws: Any = Draws(noise, start)
    return rollout(params, CONFIG, summed_area(image), draws, rollouts, every_step=True, start=start)


def update(
    params: Params, noise: Any = NOISE, image: Array = IMAGE, labels: Any = LABELS, start: Any = START
) -> HandUpdate:
    """One step of gradient descent on the hybrid objective; `params` stay as they are. labels (1,)."""
    trajectory = follow(params, noise, image=image, start=start)
    at_heads, outcome = cotangents(trajectory, labels, CONFIG)
    grads = backward(params, trajectory, at_heads, CONFIG.flow)
    vector, _ = pack(params)
    gradient, _ = pack(grads)
    update_in_place(CONFIG, vector, gradient, optimiser_state(CONFIG, vector), 0, CONFIG.learning_rate)
    return HandUpdate(trajectory, at_heads, outcome, grads, unpack(vector, params))
