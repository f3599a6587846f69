"""One update: images → gradients → parameters, and a look at every number on the way."""

import math
from collections.abc import Callable

import numpy as np

from minram.datasets.data import Dataset
from minram.datasets.tasks import make_images
from minram.errors import InputError
from minram.ops import Array, Params
from minram.reinforce import Outcome
from minram.training.classifiers import STRIDE, WINDOW
from minram.training.config import STD, Config
from minram.training.models import MODELS, no_lap
from minram.training.run import seen_shape
from minram.training.shards import InProcess, merged, split

LIMIT = 2**33  # bytes of a step: 8 GiB


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
    parts = wanted(config, dataset)
    total = sum(size for _, size, _ in parts)
    if total > LIMIT:
        what, _, remedy = max(parts, key=lambda part: part[1])
        raise InputError(
            f"These settings want {total / 2**30:.3g} GiB of memory, most of it for {what}, but the limit is "
            f"{LIMIT / 2**30:.3g}; set smaller {remedy}."
        )


def wanted(config: Config, dataset: Dataset) -> list[tuple[str, int, str]]:
    """What a step holds at once, in bytes: (what, how many, the settings that make it less); right to a fifth."""
    model, shape, B, S = MODELS[config.model], seen_shape(config, dataset), config.batch_size, config.shards
    image = dataset.x_train.itemsize  # bytes a pixel
    layers = model.layers(config, dataset.n_classes, shape)  # {name: (in, out, gain)}
    parameters = sum((n_in + 1) * n_out for n_in, n_out, _ in layers.values())
    states = 1 + (config.optimiser == "adam") + (config.weight_average > 0)
    pixels = B * math.prod(shape)
    if model.looks:
        c, rows = config, B * config.rollouts * config.glimpses
        # A number for each unit, and one for its cotangent; two for those of the core, and of each head that flows on.
        flows = 3 + len({"location", "baseline"} & {*c.flow})
        both = 2 * (c.what_units + c.where_units + c.glimpse_units + c.location_units + 4) + flows * c.core_units
        activations = 4 * rows * (layers["glimpse.what"][0] + both)
        # The summed-area table is of 32 bits where these hold its sums exactly, else of 64.
        a_pixel = image + (4 if image == 1 and 255 * math.prod(shape[:2]) <= 2**24 else 8)
    else:
        places = math.prod((n - WINDOW) // STRIDE + 1 for n in shape[:2])  # of a convolution
        inputs = {name: n_in * (places if name == "conv" else 1) for name, (n_in, _, _) in layers.items()}
        activations, a_pixel = 4 * B * sum(inputs.values()), image + 4
    task = config.task_at()
    clutter = B * task.n_distractors * task.distractor_size**2 * math.prod(shape[2:]) * image
    return [
        ("parameters", 4 * parameters * (2 + S + states), "units, patch_size or scales"),  # and their gradients
        ("activations in a step", activations, "batch_size, rollouts or glimpses"),
        ("pixels in a step", pixels * a_pixel, "batch_size or canvas"),
        # They are gone before the activations and the table are made.
        (
            "distractors in a step",
            max(0, clutter - activations - pixels * (a_pixel - image)),
            "batch_size, distractors or distractor_size",
        ),
    ]
