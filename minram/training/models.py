"""The kinds of models, each as one record: what training, evaluation and checkpoints need to know of them.

"ram" is the agent; "fc" and "conv" are the paper's networks that see the whole image at once.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from minram.agent import Cotangents, Trajectory, backward, init_params, layers, rollout
from minram.ops import Array, Params
from minram.reinforce import Outcome, cotangents
from minram.sensor import summed_area
from minram.training import classifiers
from minram.training.balance import balanced_cotangents
from minram.training.own import Own

Sizes = dict[str, tuple[int, int, float]]  # of the layers by name: inputs, outputs, gain


_NONE = Own()


class Update(NamedTuple):
    """What a minibatch, or a part of one, says of the parameters."""

    grads: Params  # times the share that the part has of the minibatch
    outcome: Outcome
    blocks: Callable[[], dict[str, Array]]  # what was computed on the way, by name and in order


def no_lap(stage: str) -> None:
    """The stopwatch that does not run. `minram bench` gives one that does: called after each stage of a step."""


class Model(NamedTuple):
    """One kind of model. Shapes of images are (H, W) or (H, W, C), of what the model sees."""

    looks: bool  # through glimpses; so it has locations, a policy and rollouts
    init: Callable[..., Params]  # (config, rng, n_classes, image_shape)
    layers: Callable[..., Sizes]  # (config, n_classes, image_shape)
    layers_of: Callable[..., Sizes]  # (config, params), where the shape of the images is not known
    gradients: Callable[..., Update]  # (params, config, images, labels, rng, progress, share, own, lap, weights)
    probabilities: Callable[..., Array]  # (params, config, images, rng, policy, rollouts) → (T, n, K)


def _init_agent(config, rng, n_classes, image_shape):
    return init_params(config, rng, n_classes, math.prod(image_shape[2:]))


def _agent_layers(config, n_classes, image_shape):
    return layers(config, n_classes, math.prod(image_shape[2:]))


def _agent_layers_of(config, params):
    inputs = (np.shape(params.get("glimpse.what.W")) or (0,))[0]
    channels = max(1, inputs // (len(config.scales) * config.patch_size**2))
    return layers(config, np.size(params.get("label.b")), channels)


def _agent_gradients(params, config, images, labels, rng, progress=1.0, share=1.0, own=_NONE, lap=no_lap, weights=None):
    """Look, be rewarded, and go back. weights (K,): of the classes."""
    area = summed_area(images, config.background)
    lap("table")
    policy, every = config.rollout_policy("sampled"), config.label_steps == "every"
    trajectory = rollout(params, config, area, rng, config.rollouts, policy, every, progress=progress)
    lap("rollout")
    if weights is None:
        heads, outcome = cotangents(trajectory, labels, config, rng, progress, own.reward, own.baseline)
    else:
        heads, outcome = balanced_cotangents(trajectory, labels, config, weights, rng, progress, own)
    heads = heads if share == 1 else Cotangents(*(share * a for a in heads))
    grads = backward(params, trajectory, heads, config.flow)
    lap("backward")
    return Update(grads, outcome, lambda: _blocks(trajectory, heads))


def _blocks(t: Trajectory, heads: Cotangents) -> dict[str, Array]:
    network = {
        "the sensor": t.glimpse.phi,
        "the glimpse network": t.glimpse.hidden,
        "the glimpse network's output": t.glimpse.g,
        "the core": t.core.h,
        "the location head": t.mu,
        "the sampled location": t.sample,
    }
    steps = range(len(t.loc))
    blocks = {f"{name} at glimpse {i + 1}": a[i : i + 1] for i in steps for name, a in network.items()}
    blocks |= {"the label head": t.logits, "the baseline head": t.baseline}
    return blocks | {f"the cotangent of {name}": a for name, a in heads._asdict().items()}


def _agent_probabilities(params, config, images, rng, policy="mean", rollouts=1):
    """Label probabilities after each glimpse, averaged over rollouts: probabilities, not their logarithms."""
    area = summed_area(images, config.background)
    trajectory = rollout(params, config, area, rng, rollouts, policy, every_step=True)
    p = softmax(trajectory.logits, axis=-1)  # (T, N, K)
    return p.reshape(len(p), len(images), rollouts, -1).mean(axis=2)


def _classifier_gradients(
    params, config, images, labels, rng, progress=1.0, share=1.0, own=_NONE, lap=no_lap, weights=None
):
    grads, outcome = classifiers.classifier_gradients(params, images, labels, share, weights)
    lap("backward")
    return Update(grads, outcome, dict)


def _classifier_probabilities(params, config, images, rng, policy="mean", rollouts=1):
    logits, _ = classifiers.classifier_forward(params, images)
    return softmax(logits, axis=-1)[None]  # one look (1, n, K)


AGENT = Model(True, _init_agent, _agent_layers, _agent_layers_of, _agent_gradients, _agent_probabilities)
CLASSIFIER = Model(
    False,
    classifiers.init_classifier,
    classifiers.classifier_layers,
    classifiers.classifier_layers_of,
    _classifier_gradients,
    _classifier_probabilities,
)
MODELS = {"ram": AGENT, "fc": CLASSIFIER, "conv": CLASSIFIER}
