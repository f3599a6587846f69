"""A batch is a sum: its gradient is made in parts, by whoever is there, and added in a fixed order.

Rows are independent given the parameters, so the gradient of a minibatch's mean is the sum of its parts' gradients,
each times the part's share of the images. A part has random streams of its own, by seed, step and part. So the number
of parts, the setting `shards`, is part of what is computed, but not who computes them: one process or several, the
bits are the same. A baseline that compares rows compares those of its part.
"""

from collections.abc import Callable, Sequence

import numpy as np

from minram.datasets.data import Dataset
from minram.datasets.tasks import make_images
from minram.ops import Array, Params
from minram.reinforce import Outcome
from minram.training.config import Config
from minram.training.models import MODELS, Update, no_lap
from minram.training.own import Own
from minram.training.streams import IMAGES, POLICY, stream

Parts = Sequence[tuple[int, Array]]  # (number, training images) of some parts of a minibatch


class InProcess:
    """Makes the gradients of parts one after the other, in this process: `rows[part]` is the part's, flat."""

    def __init__(
        self,
        vector: Array,
        params: Params,
        config: Config,
        dataset: Dataset,
        n_steps: int,
        own: Own = Own(),  # noqa: B008, a frozen record
        rows: Array | None = None,
    ) -> None:
        """params: views of `vector`, which may be changed between calls. n_steps: of the whole training."""
        self.params, self.config, self.dataset, self.n_steps = params, config, dataset, n_steps
        self.own = own.checked(config)
        self.n = 1  # processes
        self.vector = vector
        self.rows = np.empty((config.shards, vector.size), vector.dtype) if rows is None else rows  # (S, P)

    def make(self, step: int, parts: Parts, lap: Callable[[str], None] = no_lap) -> list[Outcome]:
        """Fill the rows of these parts → their outcomes."""
        outcomes = []
        for part, index in parts:
            update = self.update(step, part, index, lap)
            np.concatenate([g.ravel() for g in update.grads.values()], out=self.rows[part])
            outcomes.append(update.outcome)
        return outcomes

    def update(self, step: int, part: int, index: Array, lap: Callable[[str], None] = no_lap) -> Update:
        """What one part says of the parameters; the same however often it is asked."""
        c, progress = self.config, step / self.n_steps
        images = make_images(c.task_at(progress), self.dataset.x_train, index, stream(c.seed, IMAGES, step, part))
        lap("images")
        labels, rng = self.dataset.y_train[index], stream(c.seed, POLICY, step, part)
        return MODELS[c.model].gradients(self.params, c, images, labels, rng, progress, self.own, lap)


def split(index: Array, shards: int) -> Parts:
    """The training images of a minibatch (B,) as numbered parts, as equal as can be."""
    return list(enumerate(np.array_split(index, shards)))


def add_up(rows: Array, parts: Parts) -> Array:
    """Σ share · gradient over the parts' rows (S, P), in their order → (P,), written into the first row."""
    total = rows[0]
    if len(parts) > 1:
        B = sum(len(index) for _, index in parts)
        total *= len(parts[0][1]) / B
        for part, index in parts[1:]:
            rows[part] *= len(index) / B
            total += rows[part]
    return total


def merged(outcomes: Sequence[Outcome], parts: Parts) -> Outcome:
    """The outcome of a minibatch from its parts': means by their shares, rows side by side."""
    if len(outcomes) == 1:
        return outcomes[0]
    shares = np.array([len(index) for _, index in parts]) / sum(len(index) for _, index in parts)
    loss, error, baseline_error = (
        float(shares @ [getattr(o, name) for o in outcomes]) for name in ("loss", "error", "baseline_error")
    )
    reward, returns, advantage = (
        np.concatenate([getattr(o, name) for o in outcomes], axis=-1) for name in ("reward", "returns", "advantage")
    )
    return Outcome(loss, error, reward, returns, advantage, baseline_error)
