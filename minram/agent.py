"""The agent: sensor, glimpse network, core and heads, rolled out over T glimpses and differentiated.

The rollout writes time-major arrays (T, N, …), row n = image n // M, rollout n % M. The backward pass takes
the gradients of any scalar with respect to the heads' outputs and knows nothing of rewards.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from minram import heads
from minram.core import CoreCache, core_backward, core_forward
from minram.errors import InputError
from minram.glimpse import GlimpseCache, glimpse_backward, glimpse_forward
from minram.ops import Array, Params, show_shapes
from minram.policy import sample
from minram.sensor import SummedArea, sensor_forward

POLICIES = ("sampled", "mean", "random")


@dataclass(frozen=True, match_args=False)  # frozen: settings are read, never set
class Architecture(Protocol):
    """What the agent reads of the settings (those of a run are a `minram.training.config.Config`)."""

    glimpses: int  # T
    patch_size: int  # w, in cells
    scales: tuple[int, ...]  # pixels per cell, one entry a square
    continuous: bool
    what_units: int
    where_units: int
    glimpse_units: int
    core_units: int
    location_units: int  # 0: no hidden layer
    recurrent_init: str  # identity, he
    start: str  # uniform, centre, gaussian
    std: float  # σ at the start of training
    final_std: float  # as a share of std
    learn_std: bool


def layers(config: Architecture, n_classes: int = 10, channels: int = 1) -> dict[str, tuple[int, int, float]]:
    """The layers by name: (inputs, outputs, gain). None depends on the image size."""
    retina = channels * len(config.scales) * config.patch_size**2
    core, relu = config.core_units, float(np.sqrt(2))
    found = {
        "glimpse.what": (retina, config.what_units, relu),
        "glimpse.where": (2, config.where_units, relu),
        "glimpse.combine": (config.what_units + config.where_units, config.glimpse_units, relu),
        "core": (core + config.glimpse_units, core, relu),
        "label": (core, n_classes, 1.0),
        "location.hidden": (core, config.location_units, relu),
        "location": (config.location_units or core, 2, 0.01),
        "baseline": (core, 1, 1.0),
    }
    return {name: size for name, size in found.items() if size[1] > 0}


def init_params(
    config: Architecture, rng: np.random.Generator, n_classes: int = 10, channels: int = 1, dtype: Any = np.float32
) -> Params:
    """The parameters as a flat dict: W (in, out) and b (out,) of each layer, and log σ (2,) where it is learned.

    Weights into a ReLU are N(0, 2/fan-in) (He et al. 2015), the heads' N(0, 1/fan-in) but for μ, which starts
    at a hundredth of that, near the centre. Recurrent weights may start as the identity (Le et al. 2015).
    """
    params = {}
    for name, (n_in, n_out, gain) in layers(config, n_classes, channels).items():
        params[name + ".W"] = (rng.standard_normal((n_in, n_out)) * (gain / np.sqrt(n_in))).astype(dtype)
        params[name + ".b"] = np.zeros(n_out, dtype)
    if config.recurrent_init == "identity":
        params["core.W"][: config.core_units] = np.eye(config.core_units, dtype=dtype)
    if config.learn_std:
        params["location.log_std"] = np.full(2, np.log(config.std), dtype)
    return params


def log_std(params: Params, config: Architecture, progress: float = 1.0) -> Array:
    """log σ (2,): a parameter if it is learned; if not, what the settings say at this share of the training."""
    if "location.log_std" in params:
        return params["location.log_std"]
    return np.full(2, np.log(config.std) + progress * np.log(config.final_std), params["core.W"].dtype)


@show_shapes
class Trajectory(NamedTuple):
    """What happened in N rollouts, and all that the backward pass needs of it."""

    image: Array  # (N,) the image of each row
    loc: Array  # (T, N, 2) where each glimpse was taken
    sample: Array  # (T−1, N, 2) the raw samples of which loc[1:] is clipped to the image
    mu: Array  # (T−1, N, 2) mean of the policy
    log_std: Array  # (2,)
    logits: Array  # (S, N, K) label guesses: S = 1, the last step, or S = T, every step
    baseline: Array  # (T−1, N) b_t from h_t, the state that decides on location t+1
    glimpse: GlimpseCache  # each (T, N, …)
    core: CoreCache  # each (T, N, …)
    location: heads.LocationCache  # each (T−1, N, …)


def rollout(
    params: Params,
    config: Architecture,
    area: SummedArea,
    rng: np.random.Generator | None,
    rollouts: int = 1,
    policy: str = "sampled",
    every_step: bool = False,
    frozen: Trajectory | None = None,
    progress: float = 1.0,
    start: Any = None,
) -> Trajectory:
    """Run the agent on every image, `rollouts` times; N = B · rollouts rows → Trajectory.

    area: the images' SummedArea. policy: "sampled" from the Gaussian, its "mean", or "random" (uniform).
    every_step: a label after each glimpse. frozen: a Trajectory whose locations are taken again, for gradient
    checks: a sample is data; only without it is `rng` needed. progress: the share of the training that is over,
    where σ is annealed. start: the first location, (2,) or (N, 2), instead of the settings'.
    Raises InputError for images and arguments that do not fit. Source: Mnih et al. (2014), §3.1.
    """
    _check(params, config, area, rollouts, policy, frozen, start)
    image = np.repeat(np.arange(len(area.table)), rollouts)  # (N,)
    T, N = config.glimpses, len(image)
    trajectory = _empty_trajectory(params, config, image, log_std(params, config, progress))
    loc, samples, mu, log_sigma = trajectory.loc, trajectory.sample, trajectory.mu, trajectory.log_std
    phi, _, hidden, g = trajectory.glimpse  # each (T, N, …): what step t makes is written into [t]
    hg, h = trajectory.core

    if frozen is not None:
        loc[0] = frozen.loc[0]
    else:
        loc[0] = first_location(config, rng, N, policy, log_sigma) if start is None else start
    for t in range(T):
        sensor_forward(area, loc[t], config.scales, config.patch_size, image, config.continuous, out=phi[t])
        glimpse_forward(params, phi[t], loc[t], hidden[t], out=g[t])
        core_forward(params, hg[t], out=h[t])
        if t == T - 1:
            break  # a location after the last glimpse would only add variance
        mu[t], cache = heads.location_forward(params, h[t])
        if config.location_units:
            trajectory.location.hidden[t] = cache.hidden
        samples[t] = next_location(rng, mu[t], log_sigma, policy) if frozen is None else frozen.sample[t]
        np.clip(samples[t], -1, 1, out=loc[t + 1])

    # The other two heads decide nothing on the way, so they read all steps at once.
    labelled = h if every_step else h[-1:]  # (S, N, core)
    logits, _ = heads.label_forward(params, _rows(labelled))
    baseline, _ = heads.baseline_forward(params, _rows(h[:-1]))
    return trajectory._replace(logits=logits.reshape(len(labelled), N, -1), baseline=baseline.reshape(T - 1, N))


def first_location(config: Architecture, rng: Any, N: int, policy: str, log_sigma: Array) -> Array:
    """Where the N first glimpses are taken (N, 2): by the setting `start`, or anywhere if all locations are random."""
    if policy == "random" or config.start == "uniform":
        return rng.uniform(-1, 1, (N, 2))
    centre = np.zeros((N, 2), log_sigma.dtype)
    if policy == "mean" or config.start == "centre":
        return centre
    # As if the policy had drawn it, with μ = 0. Neither this mean nor σ is a parameter (a learned σ is refused), so
    # the draw has no share in the gradient.
    return np.clip(sample(rng, centre, log_sigma), -1, 1)


def next_location(rng: Any, mu: Array, log_sigma: Array, policy: str) -> Array:
    """The raw next location (N, 2): a draw from N(μ, σ²), its mean, or anywhere. mu (N, 2), log_sigma (2,)."""
    if policy == "random":
        return rng.uniform(-1, 1, mu.shape)
    return mu if policy == "mean" else sample(rng, mu, log_sigma)


@show_shapes
class Cotangents(NamedTuple):
    """∂L/∂(each output of the heads), for whatever scalar L."""

    logits: Array  # (S, N, K)
    mu: Array  # (T−1, N, 2)
    log_std: Array  # (2,)
    baseline: Array  # (T−1, N)


HEADS = ("label", "location", "baseline")


def backward(params: Params, trajectory: Trajectory, cotangents: Cotangents, flow: Collection[str] = HEADS) -> Params:
    """Gradients of all parameters, from the cotangents at the heads → a dict with the keys of `params`.

    flow names the heads whose gradient goes on into the core and the glimpse network; the parameters of the
    others are trained on a state that they do not shape.
    """
    h = trajectory.core.h  # (T, N, core)
    T, N, n_core = h.shape
    labelled, deciding = slice(T - len(trajectory.logits), T), slice(0, T - 1)  # the steps that a head has read
    dlogits, dmu, dbaseline = _rows(cotangents.logits), _rows(cotangents.mu), cotangents.baseline.reshape(-1)
    cache = heads.LocationCache(*(_rows(a) for a in trajectory.location))
    # A product of which nothing flows on is left out: 3 % of a step, more where the location head is deep.
    dh_label, label = heads.label_backward(params, dlogits, _rows(h[labelled]), "label" in flow)
    dh_location, location = heads.location_backward(params, dmu, cache, "location" in flow)
    dh_baseline, baseline = heads.baseline_backward(params, dbaseline, _rows(h[deciding]), "baseline" in flow)
    dh = np.zeros((T, N, n_core), h.dtype)  # a state that several heads have read gets the sum
    for steps, part in ((labelled, dh_label), (deciding, dh_location), (deciding, dh_baseline)):
        if part is not None:  # the head is in `flow`
            dh[steps] += part.reshape(-1, N, n_core)

    # Written over, not beside it: what a step touches is several times the cache.
    dg, core = core_backward(params, dh, trajectory.core, out=dh)
    dg = _rows(dg)
    _, glimpse = glimpse_backward(params, dg, GlimpseCache(*(_rows(a) for a in trajectory.glimpse)), out=dg)
    grads = glimpse | core | label | location | baseline
    if "location.log_std" in params:
        grads["location.log_std"] = cotangents.log_std
    return {name: grads[name] for name in params}


def _rows(array):
    """(T, N, width) → (T·N, width): time is only one more way to number the rows."""
    return array.reshape(-1, array.shape[-1])


def _empty_trajectory(params, config, image, log_sigma):
    """A Trajectory whose arrays wait to be filled, each where the next layer and the backward pass will read it."""
    T, N, n_core, dtype = config.glimpses, len(image), config.core_units, params["core.W"].dtype
    # One array for [h_{t−1}, g_t]: each part is written in place by the layer that makes it, so that the
    # core's two inputs are one product. h_t is then a view of the row where step t+1 needs it.
    hg = np.empty((T + 1, N, n_core + config.glimpse_units), dtype)
    hg[0, :, :n_core] = 0  # h_0
    h, g = hg[1:, :, :n_core], hg[:T, :, n_core:]
    # In memory as the sensor makes it, rows last.
    phi = np.empty((len(params["glimpse.what.W"]), T, N), dtype).transpose(1, 2, 0)
    hidden = np.empty((T, N, config.what_units + config.where_units), dtype)
    loc, sample, mu = (np.empty((steps, N, 2), dtype) for steps in (T, T - 1, T - 1))
    deep = np.empty((T - 1, N, config.location_units), dtype) if config.location_units else h[:-1]
    none = np.empty((0, N), dtype)  # of the two heads that read all steps at once, in the end
    glimpse, core, location = GlimpseCache(phi, loc, hidden, g), CoreCache(hg[:T], h), heads.LocationCache(h[:-1], deep)
    return Trajectory(image, loc, sample, mu, log_sigma, none, none, glimpse, core, location)


def _check(params, config, area, rollouts, policy, frozen, start):
    """Raise InputError, before anything is made, for arguments of `rollout` that do not fit together."""
    if not isinstance(area, SummedArea):
        raise InputError(f"area should be a SummedArea, but is {type(area).__name__}; give summed_area(images).")
    if policy not in POLICIES or rollouts < 1:
        raise InputError(f"policy should be one of {POLICIES}, with 1 or more rollouts, not {policy!r}, {rollouts}.")
    B, C = area.table.shape[:2]
    reads, gives = len(params["glimpse.what.W"]), C * len(config.scales) * config.patch_size**2
    if reads != gives:
        raise InputError(
            f"The model reads {reads} numbers a glimpse, but these images of {C} channels give {gives}; take the "
            "images and settings that it was trained with."
        )
    wanted = (config.glimpses - 1, B * rollouts, 2)
    if start is not None and np.shape(start) not in ((2,), wanted[1:]):
        raise InputError(f"start should be (x, y), or one for each of {wanted[1]} rows, but has another shape.")
    if frozen is not None and frozen.sample.shape != wanted:
        raise InputError(f"frozen should hold samples {wanted}, but holds {frozen.sample.shape}; make another.")
