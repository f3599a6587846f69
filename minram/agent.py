"""The agent: sensor, glimpse network, core and heads, rolled out over T glimpses and differentiated.

The rollout writes time-major arrays (T, N, …), row n = image n // M, rollout n % M. The backward pass takes
the gradients of any scalar with respect to the heads' outputs and knows nothing of rewards.
"""

from typing import NamedTuple

import numpy as np

from minram.core import CoreCache, core_backward, core_forward
from minram.errors import InputError
from minram.glimpse import GlimpseCache, glimpse_backward, glimpse_forward
from minram.heads import (
    LocationCache,
    baseline_backward,
    baseline_forward,
    label_backward,
    label_forward,
    location_backward,
    location_forward,
)
from minram.ops import LinearCache
from minram.policy import sample
from minram.sensor import sensor_forward

POLICIES = ("sampled", "mean", "random")

# Memory that was freed goes back to the system and returns page by page: 1200 page faults, a tenth of a training
# step. But glibc, once it has freed one block of just under 32 MiB, keeps up to 64 MiB for reuse.
np.empty(2**25 - 2**16, np.uint8)


def layers(config, n_classes=10, channels=1):
    """The layers by name: (inputs, outputs, gain). Their number does not depend on the image size."""
    retina = channels * len(config.scales) * config.patch_size**2
    hidden, core = config.what_units + config.where_units, config.core_units
    location = config.location_units or core
    gain = np.sqrt(2)
    layers = {
        "glimpse.what": (retina, config.what_units, gain),
        "glimpse.where": (2, config.where_units, gain),
        "glimpse.combine": (hidden, config.glimpse_units, gain),
        "core": (core + config.glimpse_units, core, gain),
        "label": (core, n_classes, 1),
        "location.hidden": (core, config.location_units, gain),
        "location": (location, 2, 0.01),
        "baseline": (core, 1, 1),
    }
    if not config.location_units:
        del layers["location.hidden"]
    return layers


def init_params(config, rng, n_classes=10, channels=1, dtype=np.float32):
    """The parameters as a flat dict: W (in, out) and b (out,) of each layer, and log σ (2,) where it is learned.

    Weights into a ReLU are N(0, 2/fan-in) (He et al. 2015), the heads' N(0, 1/fan-in) but for μ, which starts
    at a hundredth of that, near the centre. Recurrent weights may start as the identity (Le et al. 2015).
    """
    params = {}
    for name, (n_in, n_out, scale) in layers(config, n_classes, channels).items():
        params[name + ".W"] = (rng.standard_normal((n_in, n_out)) * (scale / np.sqrt(n_in))).astype(dtype)
        params[name + ".b"] = np.zeros(n_out, dtype)
    if config.recurrent_init == "identity":
        params["core.W"][: config.core_units] = np.eye(config.core_units, dtype=dtype)
    if config.learn_std:
        params["location.log_std"] = np.full(2, np.log(config.std), dtype)
    return params


def log_std(params, config, progress=1.0):
    """log σ (2,): a parameter if it is learned; if not, what the settings say at this share of the training."""
    if "location.log_std" in params:
        return params["location.log_std"]
    return np.full(2, np.log(config.std) + progress * np.log(config.final_std), params["core.W"].dtype)


class Trajectory(NamedTuple):
    image: np.ndarray  # (N,) the image of each row
    loc: np.ndarray  # (T, N, 2) where each glimpse was taken
    sample: np.ndarray  # (T−1, N, 2) the raw samples of which loc[1:] is clipped to the image
    mu: np.ndarray  # (T−1, N, 2) mean of the policy
    log_std: np.ndarray  # (2,)
    logits: np.ndarray  # (S, N, K) label guesses: S = 1, the last step, or S = T, every step
    baseline: np.ndarray  # (T−1, N) b_t from h_t, the state that decides on location t+1
    glimpse: GlimpseCache  # each (T, N, …)
    core: CoreCache  # each (T, N, …)
    location: LocationCache  # each (T−1, N, …)


def rollout(params, config, area, rng, rollouts=1, policy="sampled", every_step=False, frozen=None, progress=1.0):
    """Run the agent on every image, `rollouts` times; N = B · rollouts rows.

    area: the images' SummedArea. policy: "sampled" from the Gaussian, its "mean", or "random" (uniform).
    frozen: a Trajectory whose locations are taken again, for gradient checks: a sample is data. progress: the
    share of the training that is over, where σ is annealed. Raises InputError for images that do not fit.
    """
    dtype = params["core.W"].dtype
    B, C = area.table.shape[:2]
    T, N, w, k = config.glimpses, B * rollouts, config.patch_size, len(config.scales)
    n_core = config.core_units
    if policy not in POLICIES or rollouts < 1:
        raise InputError(f"policy should be one of {POLICIES}, with 1 or more rollouts, not {policy!r}, {rollouts}.")
    if len(params["glimpse.what.W"]) != C * k * w * w:
        raise InputError(
            f"The model reads {len(params['glimpse.what.W'])} numbers a glimpse, but these images of {C} channels "
            f"give {C * k * w * w}; take the images and settings that it was trained with."
        )
    if frozen is not None and frozen.sample.shape != (T - 1, N, 2):
        raise InputError(f"frozen should hold samples {(T - 1, N, 2)}, but holds {frozen.sample.shape}; make another.")
    image = np.repeat(np.arange(B), rollouts)  # (N,)
    sigma = log_std(params, config, progress)

    # One array for [h_{t−1}, g_t]: each part is written in place by the layer that makes it, so that the
    # core's two inputs are one product. h_t is then a view of the row where step t+1 needs it.
    hg = np.empty((T + 1, N, n_core + config.glimpse_units), dtype)
    hg[0, :, :n_core] = 0  # h_0
    h, g = hg[1:, :, :n_core], hg[:T, :, n_core:]
    phi = np.empty((C * k * w * w, T, N), dtype).transpose(1, 2, 0)  # in memory as the sensor makes it, rows last
    hidden = np.empty((T, N, config.what_units + config.where_units), dtype)
    loc = np.empty((T, N, 2), dtype)
    samples, mu = np.empty((T - 1, N, 2), dtype), np.empty((T - 1, N, 2), dtype)
    location_hidden = np.empty((T - 1, N, config.location_units), dtype) if config.location_units else h[:-1]

    if frozen is not None:
        loc[0] = frozen.loc[0]
    elif policy == "random" or config.start == "uniform":
        loc[0] = rng.uniform(-1, 1, (N, 2))
    elif policy == "sampled" and config.start == "gaussian":
        # As if the policy had drawn it, with μ = 0. Neither this mean nor σ is a parameter (a learned σ is refused), so
        # the draw has no share in the gradient.
        np.clip(sample(rng, np.zeros((N, 2), dtype), sigma), -1, 1, out=loc[0])
    else:
        loc[0] = 0
    for t in range(T):
        sensor_forward(area, loc[t], config.scales, w, image, config.continuous, out=phi[t])
        glimpse_forward(params, phi[t], loc[t], hidden[t], out=g[t])
        core_forward(params, hg[t], out=h[t])
        if t < T - 1:  # a location after the last glimpse would only add variance
            mu[t], cache = location_forward(params, h[t])
            if config.location_units:
                location_hidden[t] = cache.hidden
            if frozen is not None:
                samples[t] = frozen.sample[t]
            elif policy == "random":
                samples[t] = rng.uniform(-1, 1, (N, 2))
            else:
                samples[t] = mu[t] if policy == "mean" else sample(rng, mu[t], sigma)
            np.clip(samples[t], -1, 1, out=loc[t + 1])

    # The other two heads decide nothing on the way, so they read all steps at once.
    labelled = h if every_step else h[-1:]  # (S, N, core)
    logits, _ = label_forward(params, labelled.reshape(-1, n_core))
    baseline, _ = baseline_forward(params, h[:-1].reshape(-1, n_core))
    return Trajectory(
        image,
        loc,
        samples,
        mu,
        sigma,
        logits.reshape(len(labelled), N, -1),
        baseline.reshape(T - 1, N),
        GlimpseCache(phi, loc, hidden, g),
        CoreCache(hg[:T], h),
        LocationCache(h[:-1], location_hidden),
    )


class Cotangents(NamedTuple):
    """∂L/∂(each output of the heads), for whatever scalar L."""

    logits: np.ndarray  # (S, N, K)
    mu: np.ndarray  # (T−1, N, 2)
    log_std: np.ndarray  # (2,)
    baseline: np.ndarray  # (T−1, N)


def backward(params, trajectory, cotangents, flow=("label", "location", "baseline")):
    """Gradients of all parameters, from the cotangents at the heads.

    flow names the heads whose gradient goes on into the core and the glimpse network; the parameters of the
    others are trained on a state that they do not shape. Returns a dict with the keys of `params`.
    """
    h = trajectory.core.h  # (T, N, core)
    T, N, n_core = h.shape
    steps = {"label": slice(T - len(trajectory.logits), T), "location": slice(0, T - 1), "baseline": slice(0, T - 1)}
    state = {head: _rows(h[part]) for head, part in steps.items()}
    location_cache = LocationCache(state["location"], _rows(trajectory.location.hidden))
    # A product of which nothing flows on is left out: 3 % of a step, more where the location head is deep.
    dh_from = {}
    dh_from["label"], label = label_backward(
        _rows(cotangents.logits), LinearCache(state["label"], params["label.W"]), "label" in flow
    )
    dh_from["location"], location = location_backward(params, _rows(cotangents.mu), location_cache, "location" in flow)
    dh_from["baseline"], baseline = baseline_backward(
        cotangents.baseline.reshape(-1), LinearCache(state["baseline"], params["baseline.W"]), "baseline" in flow
    )
    dh = np.zeros((T, N, n_core), h.dtype)
    for head in flow:
        dh[steps[head]] += dh_from[head].reshape(-1, N, n_core)

    # Written over, not beside it: what a step touches is several times the cache.
    dg, core = core_backward(params, dh, trajectory.core, out=dh)
    glimpse = glimpse_backward(params, dg, GlimpseCache(*(_rows(a) for a in trajectory.glimpse)), out=dg)
    grads = glimpse | core | label | location | baseline
    if "location.log_std" in params:
        grads["location.log_std"] = cotangents.log_std
    return {name: grads[name] for name in params}


def _rows(array):
    """(T, N, width) → (T·N, width): time is only one more way to number the rows."""
    return array.reshape(-1, array.shape[-1])
