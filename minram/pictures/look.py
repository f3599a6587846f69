"""What an agent did with one image, as a record that can be read glimpse by glimpse and drawn."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from minram.agent import Trajectory
from minram.datasets.data import class_name
from minram.ops import Array
from minram.training.config import Config

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Step:
    """One glimpse: where it was taken, what it saw, and what the agent made of it."""

    t: int  # 1 for the first
    loc: Array  # (2,) (x, y), −1 the left or top edge of the image, +1 the right or bottom edge
    phi: Array  # (C·k·w·w,) what the sensor saw, in [0, 1] above the background
    belief: Array  # (K,) label probabilities after it
    mu: Array | None  # (2,) mean of the next location; None after the last glimpse
    std: Array  # (2,) σ of the next location

    def __repr__(self) -> str:
        mu = "none" if self.mu is None else _numbers(self.mu)
        return (
            f"Step {self.t}: loc {_numbers(self.loc)}, phi {self.phi.shape}\n"
            f"    belief {_numbers(self.belief)}\n    mu {mu}, std {_numbers(self.std)}"
        )


@dataclass(frozen=True, repr=False)
class Look:
    """What an agent did with one image."""

    image: Array  # (H, W) or (H, W, C), as the model took it
    trajectory: Trajectory  # of one row
    config: Config
    names: tuple[str, ...] = ()  # of the classes; (): their numbers

    @property
    def path(self) -> Array:
        """Where each glimpse was taken (T, 2), (x, y) in [−1, 1]."""
        return self.trajectory.loc[:, 0]

    @cached_property
    def belief(self) -> Array:
        """Label probabilities after each glimpse (T, K)."""
        return softmax(self.trajectory.logits[:, 0], axis=-1)

    @property
    def label(self) -> int:
        """The most probable label after the last glimpse."""
        return int(self.belief[-1].argmax())

    @property
    def name(self) -> str:
        """The name of that label, or its number."""
        return class_name(self.names, self.label)

    @property
    def steps(self) -> list[Step]:
        """The glimpses one by one."""
        t, std = self.trajectory, np.exp(self.trajectory.log_std)
        mu = [*t.mu[:, 0], None]
        return [
            Step(i + 1, t.loc[i, 0], t.glimpse.phi[i, 0], self.belief[i], mu[i], std) for i in range(len(self.path))
        ]

    def plot(self) -> "Figure":
        """The path over the image, and the belief after each glimpse → a Figure, which a notebook shows by itself.

        >>> minram.load("pretrained:mnist-28").look(image).plot().savefig("look.png")
        """
        from minram.pictures.figures import look_figure  # here: an agent that is not drawn needs no Matplotlib
        from minram.pictures.retina import Retina

        return look_figure(self.image, self.path, self.belief, Retina.of(self.config), self.names)

    def __repr__(self) -> str:
        sure = f"{100 * self.belief[-1, self.label]:.1f} %"
        return (
            f"Look at an image {self.image.shape} of {self.image.dtype}: label {self.name}, {sure}\n"
            f"    path {self.path.shape}, from {_numbers(self.path[0])} to {_numbers(self.path[-1])}\n"
            f"    belief {self.belief.shape}; plot() draws both, trajectory has all arrays"
        )


def _numbers(values):
    text = [f"{v:.2f}" for v in itertools.islice(values, 10)]
    return f"({', '.join(text)}{', …' if len(values) > 10 else ''})"
