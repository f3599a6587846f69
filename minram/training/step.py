"""One update: images → gradients → parameters, and a look at every number on the way."""

import math
from collections.abc import Callable

import numpy as np

from minram.datasets.data import Dataset
from minram.datasets.tasks import make_images
from minram.errors import InputError
from minram.ops import Array, Params
from minram.reinforce import Outcome
from minram.training.config import STD, Config
from minram.training.models import MODELS, no_lap
from minram.training.run import seen_shape
from minram.training.shards import InProcess, merged, split

MAX_NUMBERS = 2**31  # 8 GiB of float32


class Diverged(ArithmeticError):
    """A loss, gradient or parameter that is not finite: training stopped before anything good was overwritten."""


def train_step(maker: InProcess, index: Array, step: int, lap: Callable[[str], None] = no_lap) -> Outcome:
    """Update a run's parameters by the gradient of one minibatch → what the minibatch came to.

    maker: makes the gradients of its parts, and takes the step. index (B,): its training images. step: how many steps
    came before. Raises Diverged, with the name of the first block that is not finite; the checkpoints are then as they
    were.
    """
    parts = split(index, maker.config.shards)
    outcome = merged(maker.make(step, parts, lap), parts)
    finite = math.isfinite(outcome.loss)
    if not (finite and maker.take(step)):
        block = "the update" if finite else _where_not_finite(maker, step, parts)
        epoch, step = divmod(step, maker.n_steps // maker.config.epochs)
        raise Diverged(f"A number is not finite in step {step + 1} of epoch {epoch + 1}, first in {block}.")
    if maker.config.learn_std:
        keep_std(maker.run.params)
        keep_std(maker.run.averaged)
    lap("update")
    return outcome


def keep_std(params: Params) -> None:
    """Move a learned log σ back into the range of `std`, in place.

    In float32 a sample with log σ = −45 is its mean, and beyond −104 and 89 the score is not a number. The step is a
    projected one: at the bound the gradient is still the estimator's own, and one that leads inside is followed.
    """
    log_std = params["location.log_std"]
    np.clip(log_std, math.log(STD.low), math.log(STD.high), out=log_std)


def _where_not_finite(maker, step, parts):
    """Name the first block, in the order of computation, with a number that is not finite."""
    for part, share, index in parts:
        update = maker.part(step, part, share, index)  # made again, here: nothing of it was kept
        blocks = update.blocks() | {f"the gradient of {name}": a for name, a in update.grads.items()}
        for name, a in blocks.items():
            if not np.isfinite(a).all():
                return name
    return "the norm of the gradient"


def check_fit(config: Config, dataset: Dataset) -> None:
    """Raise InputError, before anything is made, for settings that do not fit the data or no usual memory."""
    n = len(dataset.x_train)
    if config.batch_size > n:
        raise InputError(f"batch_size is {config.batch_size}, but there are {n} training images; set batch_size={n}.")
    for images in (dataset.x_train, dataset.x_val, dataset.x_test):
        make_images(config.task_at(), images, np.array([0]), np.random.default_rng(0))
    model, shape = MODELS[config.model], seen_shape(config, dataset)
    sizes = model.layers(config, dataset.n_classes, shape).values()  # (in, out, gain)
    rows = config.batch_size * (config.rollouts * config.glimpses if model.looks else 1)
    for what, count, remedy in (
        ("parameters", sum((n_in + 1) * n_out for n_in, n_out, _ in sizes), "units, patch_size or scales"),
        ("activations in a step", rows * sum(n_in for n_in, _, _ in sizes), "batch_size, rollouts or glimpses"),
        ("pixels in a step", config.batch_size * math.prod(shape), "batch_size or canvas"),
    ):
        if count > MAX_NUMBERS:
            raise InputError(f"These settings make {count:.1e} {what}, but 2e9 is the limit; set smaller {remedy}.")
