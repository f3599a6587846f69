"""How errors shrink with the step: Taylor remainders of a right and of a wrong gradient, and three differences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from minram.gradcheck import taylor_slope, v_curve
from minram.ops import Params
from minram.pictures import style


@style.context()
def draw_convergence(path: str | Path, title: str, f: Callable, params: Params, grads: Params, seed: int = 0) -> None:
    """Save the picture, for one f with the right gradients `grads`, of which core.b's is made 1 % wrong."""
    wrong = grads | {"core.b": grads["core.b"] * 1.01}
    fig, ((left, right),) = style.figure(1, 2, size=(9, 3.6))
    for label, g, colour in (("right", grads, "right"), ("1 % wrong in core.b", wrong, "wrong")):
        result = taylor_slope(f, params, g, np.random.default_rng(seed), np.logspace(-2, -8, 25))
        name = f"gradient {label}: slope {result.slope:.2f}"
        marker = "o" if g is grads else "s"
        left.loglog(result.steps, result.remainders, marker, color=style.COLOURS[colour], label=name)
    left.set(title="Remainder after the linear term", xlabel="step h", ylabel="|f(θ+hd) − f(θ) − h ∇f·d|")

    steps = np.logspace(-2, -12, 41)
    curves = [v_curve(f, params, grads, np.random.default_rng(seed + i), steps) for i in range(5)]
    for name, line in zip(curves[0][1], ("-", "--", ":")):  # the typical error: one direction is noisy
        right.loglog(steps, np.median([errors[name] for _, errors in curves], axis=0), line, label=name)
    right.set(title="Error of differences (large steps cross kinks)", xlabel="step h")
    right.set_ylabel("relative error, median of 5 directions")
    left.legend(), right.legend()
    fig.suptitle(title)
    style.save(fig, path)
