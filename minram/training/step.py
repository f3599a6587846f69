"""One update: images → rollout → cotangents → gradients → parameters, and a look at every number on the way."""

import math

import numpy as np

from minram.agent import backward, layers, rollout
from minram.datasets.tasks import make_images
from minram.errors import InputError
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training.classifiers import classifier_gradients, classifier_inputs, classifier_layers
from minram.training.evaluate import background_level
from minram.training.optim import annealed, update_in_place
from minram.training.run import seen_shape

MAX_NUMBERS = 2**31  # 8 GiB of float32


class Diverged(ArithmeticError):
    """A loss, gradient or parameter that is not finite: training stopped before anything good was overwritten."""


def train_step(run, config, dataset, index, gradient, step, steps_per_epoch):
    """One update of a Run: images → rollout → cotangents → gradients → parameters. `gradient` is scratch space."""
    progress = step / (config.epochs * steps_per_epoch)
    images = make_images(config.task_at(progress), dataset.x_train, index, run.task_rng)
    labels = dataset.y_train[index]
    if config.model == "ram":
        grads, outcome, rolled_out = _agent_gradients(run, config, images, labels, progress)
    else:
        grads, outcome = classifier_gradients(run.params, images, labels)
        rolled_out = None
    np.concatenate([g.ravel() for g in grads.values()], out=gradient)
    finite = np.isfinite(outcome.loss + gradient @ gradient)
    if finite:
        update_in_place(config, run.vector, gradient, run.optimiser, step, annealed(config, progress))
    if not (finite and np.isfinite(run.vector.sum())):
        block = "the update" if finite else _where_not_finite(rolled_out, grads)
        epoch, step = divmod(step, steps_per_epoch)
        raise Diverged(f"A number is not finite in step {step + 1} of epoch {epoch + 1}, first in {block}.")
    return outcome


def _agent_gradients(run, config, images, labels, progress):
    """Look, be rewarded, and go back → gradients, outcome, (trajectory, cotangents)."""
    area = summed_area(images, background_level(config, images))
    policy = config.rollout_policy("sampled")
    every = config.label_steps == "every"
    trajectory = rollout(
        run.params, config, area, run.policy_rng, config.rollouts, policy, every_step=every, progress=progress
    )
    heads, outcome = cotangents(trajectory, labels, config, run.policy_rng, progress)
    return backward(run.params, trajectory, heads, config.flow), outcome, (trajectory, heads)


def _where_not_finite(rolled_out, grads):
    """Name the first block, in the order of computation, with a number that is not finite."""
    blocks = _blocks(*rolled_out) if rolled_out else {}
    blocks |= {f"the gradient of {name}": a for name, a in grads.items()}
    return next((name for name, a in blocks.items() if not np.isfinite(a).all()), "the norm of the gradient")


def _blocks(trajectory, heads):
    """What the agent computed, by name, in this order."""
    _, loc, sample, mu, _, logits, baseline, (phi, _, hidden, g), (_, h), _ = trajectory
    network = {
        "the sensor": phi,
        "the glimpse network": hidden,
        "the glimpse network's output": g,
        "the core": h,
        "the location head": mu,
        "the sampled location": sample,
    }
    blocks = {f"{name} at glimpse {t + 1}": a[t : t + 1] for t in range(len(loc)) for name, a in network.items()}
    blocks |= {"the label head": logits, "the baseline head": baseline}
    return blocks | {f"the cotangent of {name}": a for name, a in heads._asdict().items()}


def check_fit(config, dataset):
    """Raise InputError, before anything is made, for settings that do not fit the data or no usual memory."""
    n = len(dataset.x_train)
    if config.batch_size > n:
        raise InputError(f"batch_size is {config.batch_size}, but there are {n} training images; set batch_size={n}.")
    for images in (dataset.x_train, dataset.x_val, dataset.x_test):
        make_images(config.make_task, images, np.array([0]), np.random.default_rng(0))
    channels = math.prod(dataset.image_shape[2:])
    shape, rows = seen_shape(config, dataset), config.batch_size
    if config.model == "ram":
        sizes = layers(config, dataset.n_classes, channels).values()  # (in, out, gain)
        rows *= config.rollouts * config.glimpses
    else:
        sizes = classifier_layers(config, dataset.n_classes, classifier_inputs(config, shape), channels).values()
    pixels = math.prod(shape)
    for what, count, remedy in (
        ("parameters", sum((n_in + 1) * n_out for n_in, n_out, _ in sizes), "units, patch_size or scales"),
        ("activations in a step", rows * sum(n_in for n_in, _, _ in sizes), "batch_size, rollouts or glimpses"),
        ("pixels in a step", config.batch_size * pixels, "batch_size or canvas"),
    ):
        if count > MAX_NUMBERS:
            raise InputError(f"These settings make {count:.1e} {what}, but 2e9 is the limit; set smaller {remedy}.")
