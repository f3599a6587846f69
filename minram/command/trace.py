"""One update, step by step: each array at the line that makes it, forward and backward.

A point is a line of the method and what to look at when that line has run, as one would in a debugger. The lines are
found by their text, so the numbers that are printed are those of the files as they are.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minram import agent, core, glimpse, heads, ops, reinforce, sensor
from minram.agent import backward, init_params, rollout
from minram.errors import InputError
from minram.ops import Array, Params
from minram.sensor import summed_area
from minram.training import by_hand, optim
from minram.training.config import Config


class Point(NamedTuple):
    module: Any
    line: str  # a piece of it that is in no other line of that file
    name: str  # an expression of the code; [t] is shown with the value of t
    formula: str
    before: bool = False  # look before the line has run: where it writes over what it reads


LABEL, LOCATION, BASELINE = (
    f"dh_{head}, {head} = heads.{head}_backward(" for head in ("label", "location", "baseline")
)
GLIMPSE, CORE, HIDDEN = "glimpse_forward(params, phi[t]", "relu_backward(dh[t] + dz[t + 1]", "dhidden, combine = linear"

# In the order of the update. What a layer's own lines say of its parameters is dW = xᵀ dy, db = Σ dy.
POINTS = [
    Point(sensor, "_sums_along_x(sums, out=table[part])", "table", "S[i, j] = Σ_{i' < i} Σ_{j' < j} x[i', j']"),
    Point(agent, "loc[0] = first_location(", "loc[0]", "l_1, drawn or given"),
    Point(sensor, "first = np.floor(start", "first", "⌊(l + 1) W/2 − s w/2 + ½⌋: first column edge, first row edge"),
    Point(agent, "sensor_forward(area, loc[t]", "phi[t]", "φ_t = ρ(x, l_t)"),
    Point(glimpse, "relu_forward(hidden, out=hidden)", "hidden", "[φ_t W_what + b, l_t W_where + b]", True),
    Point(glimpse, "g, _ = relu_forward(z", "z", "[h_g, h_l] W + b"),
    Point(agent, GLIMPSE, "hidden[t]", "[h_g, h_l] = ReLU(hidden)"),
    Point(agent, GLIMPSE, "g[t]", "g_t = ReLU(z)"),
    Point(core, "h, _ = relu_forward(z", "z", "z_t = [h_{t−1}, g_t] W + b"),
    Point(agent, "core_forward(params, hg[t], out=h[t])", "h[t]", "h_t = ReLU(z_t)"),
    Point(agent, "mu[t], cache = heads.location_forward", "mu[t]", "μ_t = h_t W + b"),
    Point(
        agent, "trajectory.location.hidden[t] = cache.hidden", "cache.hidden", "ReLU(h_t W' + b'), if the head has it"
    ),
    Point(agent, "samples[t] = next_location(", "samples[t]", "a_t = μ_t + σ ε_t"),
    Point(agent, "np.clip(samples[t], -1, 1, out=loc[t + 1])", "loc[t + 1]", "l_{t+1} = a_t, moved into the image"),
    Point(agent, "logits, _ = heads.label_forward", "logits", "y = h W + b, of every step that has a label"),
    Point(agent, "baseline, _ = heads.baseline_forward", "baseline", "b_t = h_t W + b"),
    Point(ops, "total = e.sum(axis=-1", "e", "exp(y − the largest y), which is softmax's numerator"),
    Point(reinforce, "loss, cache = cross_entropy_forward", "cache.p", "p = softmax(y)"),
    Point(reinforce, "loss, cache = cross_entropy_forward", "loss", "−log p_label"),
    Point(reinforce, "G = returns(rewards)", "rewards", "r, after each glimpse"),
    Point(reinforce, "G = returns(rewards)", "G", "G_t = r_{t+1} + … + r_T"),
    Point(reinforce, "advantage = advantages(G, trajectory", "advantage", "G_t − b_t"),
    Point(reinforce, "dmu, dlog_std = log_prob_backward(", "dmu", "dμ_t = −λ/N (G_t − b_t) (a_t − μ_t)/σ²"),
    Point(
        reinforce, "dlogits = cross_entropy_backward(np.full_like", "dlogits", "dy = (p − onehot)/(S N), S labels a row"
    ),
    Point(reinforce, "residual = trajectory.baseline - G", "residual", "b_t − G_t; over N it is the cotangent of b_t"),
    Point(agent, LABEL, "dh_label", "dy Wᵀ, from the label head"),
    *(
        Point(agent, LABEL, f"label['label.{k}']", f"{of}, of the label head")
        for k, of in (("W", "hᵀ dy"), ("b", "Σ dy"))
    ),
    Point(heads, "dz = relu_backward(dhidden, cache.hidden)", "dz", "dμ Wᵀ · [hidden > 0], in the location head"),
    Point(heads, "dh, hidden_grads = linear_backward", "hidden_grads['W']", "hᵀ dz, of its hidden layer"),
    Point(heads, "dh, hidden_grads = linear_backward", "hidden_grads['b']", "Σ dz, of its hidden layer"),
    Point(agent, LOCATION, "dh_location", "dμ Wᵀ, from the location head"),
    Point(agent, LOCATION, "location['location.W']", "hᵀ dμ"),
    Point(agent, LOCATION, "location['location.b']", "Σ dμ"),
    Point(agent, BASELINE, "baseline['baseline.W']", "hᵀ db"),
    Point(agent, BASELINE, "baseline['baseline.b']", "Σ db"),
    Point(agent, "dg, core = core_backward(", "dh", "what the heads in `flow` send to each step, added", True),
    Point(core, "relu_backward(dh[-1], cache.h[-1], out=dz[-1])", "dz[-1]", "dz_T = dh_T · [h_T > 0]"),
    Point(core, CORE, "dz[t + 1] @ W[:n_core].T", "dz_{t+1} W_hᵀ, from the core at the step after", True),
    Point(core, CORE, "dz[t]", "dz_t = (dh_t + dz_{t+1} W_hᵀ) · [h_t > 0]"),
    Point(core, "_, grads = linear_backward(rows", "grads['W']", "[h_{t−1}, g_t]ᵀ dz, over the rows of all steps"),
    Point(core, "_, grads = linear_backward(rows", "grads['b']", "Σ dz"),
    Point(core, "dg = rows @ W[n_core:].T", "dg", "dz W_gᵀ"),
    Point(glimpse, "dz = relu_backward(dg, cache.g", "dz", "dg · [g > 0]"),
    Point(glimpse, HIDDEN, "dhidden", "dz Wᵀ"),
    Point(glimpse, HIDDEN, "combine['W']", "[h_g, h_l]ᵀ dz"),
    Point(glimpse, HIDDEN, "combine['b']", "Σ dz"),
    Point(glimpse, "relu_backward(dhidden, cache.hidden, out", "dhidden", "dz Wᵀ · [hidden > 0]"),
    Point(glimpse, "dphi, what = linear_backward(", "what['W']", "φᵀ dhidden, its columns of h_g"),
    Point(glimpse, "dphi, what = linear_backward(", "what['b']", "Σ dhidden, its columns of h_g"),
    Point(glimpse, "dloc, where = linear_backward(", "where['W']", "lᵀ dhidden, its columns of h_l"),
    Point(glimpse, "dloc, where = linear_backward(", "where['b']", "Σ dhidden, its columns of h_l"),
]


class Seen(NamedTuple):
    name: str
    value: Array
    formula: str
    where: str  # file:line

    def text(self, most: int = 8) -> str:
        """Two lines: name, shape, norm and values, all of them or the first `most`; formula, file and line."""
        flat = self.value.reshape(-1)
        values = " ".join(f"{x:.4g}" for x in flat[:most]) + (" …" if flat.size > most else "")
        shape = str(self.value.shape).replace(" ", "")
        return (
            f"{self.name:24} {shape:12} norm {np.linalg.norm(flat):<9.4g} {values}\n    {self.formula:64} {self.where}"
        )


def line_of(module: Any, piece: str) -> int:
    """The number of the one line of a module's file that holds this piece of code. Raises InputError for 0 or 2."""
    lines = inspect.getsource(module).split("\n")
    found = [i for i, line in enumerate(lines, 1) if piece in line]
    if len(found) != 1:
        raise InputError(
            f"{piece!r} should be in one line of {module.__name__}, but is in {len(found)}; quote another."
        )
    return found[0]


def watch(run: Callable[[], Any], points: Iterable[Point] = POINTS) -> tuple[Any, list[Seen]]:
    """Call `run` and look at each point as its line is passed → what `run` returned, and what was seen, in order.

    The lines are watched as a debugger does it, by `sys.settrace`; nothing is computed twice.
    """
    stops: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        stops.setdefault((point.module.__file__, line_of(point.module, point.line)), []).append(point)
    files, seen = {file for file, _ in stops}, []

    def look(frame, line, before):
        for point in stops.get((frame.f_code.co_filename, line), ()):
            if point.before != before:
                continue
            value = eval(point.name, frame.f_globals, frame.f_locals)
            if value is not None:  # the cotangent of a head that is not in `flow`
                name = point.name.replace("[t]", f"[{frame.f_locals.get('t')}]")
                name = name.replace("[t + 1]", f"[{frame.f_locals.get('t', 0) + 1}]")
                where = f"minram/{Path(point.module.__file__).name}:{line}"
                seen.append(Seen(name, np.array(value), point.formula, where))

    def on_call(frame, event, arg):
        if frame.f_code.co_filename not in files:
            return None
        running = 0  # the line that is being run

        def on_line(frame, event, arg):
            nonlocal running
            if event == "exception":
                running = 0  # it has not done what it is there for
            if event in ("line", "return"):
                look(frame, running, before=False)
                running = frame.f_lineno if event == "line" else 0
                look(frame, running, before=True)
            return on_line

        return on_line

    outer = sys.gettrace()
    sys.settrace(on_call)
    try:
        return run(), seen
    finally:
        sys.settrace(outer)


def tiny() -> list[Seen]:
    """Every array of the update that lesson 0 follows with a pencil."""
    params = by_hand.parameters()
    update, seen = watch(lambda: by_hand.update(params))
    return [*seen, *_stepped(params, update.params)]


def usual(config: Config, images: Array, labels: Array, seed: int = 0) -> list[Seen]:
    """Every array of a first update with these settings. images (B, H, W), labels (B,)."""
    rng = np.random.default_rng(seed)
    params = init_params(config, rng, int(labels.max()) + 1)
    vector, views = optim.pack(params)

    def update():
        every = config.label_steps == "every"
        trajectory = rollout(views, config, summed_area(images), rng, config.rollouts, every_step=every, progress=0.0)
        at_heads, _ = reinforce.cotangents(trajectory, labels, config, rng, progress=0.0)
        gradient, _ = optim.pack(backward(views, trajectory, at_heads, config.flow))
        state = optim.optimiser_state(config, vector)
        optim.update_in_place(config, vector, gradient, state, 0, config.learning_rate)

    _, seen = watch(update)
    return [*seen, *_stepped(params, views)]


def _stepped(old: Params, new: Params) -> Iterator[Seen]:
    where = f"minram/training/optim.py:{line_of(optim, 'theta -= g')}"
    for name in new:
        yield Seen(name, new[name], f"after the step; moved by {np.linalg.norm(new[name] - old[name]):.4g}", where)
