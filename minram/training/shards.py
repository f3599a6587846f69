"""A batch is a sum: its gradient is made in parts, by whoever is there, and added in a fixed order.

Rows are independent given the parameters, so the gradient of a minibatch's mean is the sum of its parts' gradients,
each times the part's share of the images; the share is put into the cotangents at the heads, which are small. A part
has random streams of its own, by seed, step and part. So the number of parts, the setting `shards`, is part of what is
computed, but not who computes them: one process or several, the bits are the same. A baseline that compares rows
compares those of its part.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from minram.datasets.data import Dataset
from minram.datasets.tasks import make_images
from minram.ops import Array
from minram.reinforce import Outcome
from minram.training.balance import class_weights
from minram.training.config import Config
from minram.training.models import MODELS, Update, no_lap
from minram.training.optim import annealed, update_in_place
from minram.training.own import Own
from minram.training.run import Run
from minram.training.streams import IMAGES, POLICY, stream

Parts = Sequence[tuple[int, float, Array]]  # (number, share, training images) of some parts of a minibatch


class InProcess:
    """Makes the gradients of parts one after the other, in this process, and takes the step that they add up to."""

    def __init__(
        self,
        run: Run,
        config: Config,
        dataset: Dataset,
        n_steps: int,
        own: Own = Own(),  # noqa: B008, a frozen record
        rows: Array | None = None,
    ) -> None:
        """run: whose parameters are read and updated. n_steps: of the whole training. rows: see `make`."""
        self.run, self.config, self.dataset, self.n_steps = run, config, dataset, n_steps
        self.own = own.checked(config)
        self.weights = class_weights(config, dataset.y_train, run.params["label.b"].size)
        self.rows = np.empty((config.shards, run.vector.size), run.vector.dtype) if rows is None else rows  # (S, P)
        self.n = 1  # processes

    def make(self, step: int, parts: Parts, lap: Callable[[str], None] = no_lap) -> list[Outcome]:
        """Write the gradient of each part, flat, into `rows[part]` → the parts' outcomes.

        The loss of a part with a number that is not finite is not finite.
        """
        outcomes = []
        for part, share, index in parts:
            update, row = self.part(step, part, share, index, lap), self.rows[part]
            np.concatenate([g.ravel() for g in update.grads.values()], out=row)
            finite = np.isfinite(row @ row)
            outcomes.append(update.outcome if finite else update.outcome._replace(loss=math.nan))
        return outcomes

    def part(self, step: int, part: int, share: float, index: Array, lap: Callable[[str], None] = no_lap) -> Update:
        """What one part says of the parameters; the same however often it is asked."""
        c, progress = self.config, step / self.n_steps
        images = make_images(c.task_at(progress), self.dataset.x_train, index, stream(c.seed, IMAGES, step, part))
        lap("images")
        labels, rng = self.dataset.y_train[index], stream(c.seed, POLICY, step, part)
        return MODELS[c.model].gradients(
            self.run.params, c, images, labels, rng, progress, share, self.own, lap, self.weights
        )

    def take(self, step: int, piece: slice = slice(None)) -> bool:
        """Add up the rows and update this piece of the parameters, which no other depends on → is it still finite?"""
        run, rate = self.run, annealed(self.config, step / self.n_steps)
        vector, gradient = run.vector[piece], add_up(self.rows[:, piece])
        update_in_place(
            self.config, vector, gradient, {name: a[piece] for name, a in run.optimiser.items()}, step, rate
        )
        return bool(np.isfinite(vector.sum()))


def split(index: Array, shards: int) -> Parts:
    """The training images of a minibatch (B,) as numbered parts, as equal as can be."""
    return [(part, len(some) / len(index), some) for part, some in enumerate(np.array_split(index, shards))]


def add_up(rows: Array) -> Array:
    """The sum of the parts' rows (S, P), in their order → (P,), written into the first."""
    for row in rows[1:]:
        rows[0] += row
    return rows[0]


def merged(outcomes: Sequence[Outcome], parts: Parts) -> Outcome:
    """The outcome of a minibatch from its parts': means by their shares, rows side by side."""
    if len(outcomes) == 1:
        return outcomes[0]
    loss, error, baseline_error = (
        sum(share * getattr(o, name) for (_, share, _), o in zip(parts, outcomes))
        for name in ("loss", "error", "baseline_error")
    )
    reward, returns, advantage = (
        np.concatenate([getattr(o, name) for o in outcomes], axis=-1) for name in ("reward", "returns", "advantage")
    )
    return Outcome(loss, error, reward, returns, advantage, baseline_error)
