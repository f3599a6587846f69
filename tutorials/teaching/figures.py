"""The plots of the question bank: axes to draw on (NAME-blank), and what belongs there."""

import inspect

import numpy as np

from minram.core import CoreCache, core_backward
from minram.gradcheck import v_curve
from minram.ops import cross_entropy_backward, cross_entropy_forward
from minram.pictures import style
from minram.pictures.style import COLOURS


def draw(name, path):
    """Write the plot `plot-NAME` or `plot-NAME-blank` as SVG."""
    from teaching.pictures import save

    blank = name.endswith("-blank")
    with style.context():
        fig, ((ax,),) = style.figure(size=(6, 3.4))
        _plot(name)(ax)
        if blank:
            limits = ax.get_xlim(), ax.get_ylim()
            for artist in [*ax.lines, *ax.texts, *ax.collections]:
                artist.remove()
            if ax.get_legend():
                ax.get_legend().remove()
            ax.set(xlim=limits[0], ylim=limits[1])
        save(fig, path)


def source_of(name):
    """The source of what draws a plot."""
    return inspect.getsource(_plot(name))


def _plot(name):
    return {"central": central, "parabola": parabola, "root": root, "shrink": shrink}[name.split("-")[1]]


def central(ax):
    """The error of a central difference against its step, of the cross-entropy of a few rows."""
    rng = np.random.default_rng(0)
    params, labels = {"logits": rng.standard_normal((5, 4))}, np.array([0, 1, 2, 3, 0])
    _, cache = cross_entropy_forward(params["logits"], labels)
    grads = {"logits": cross_entropy_backward(np.ones(5), cache)}

    def f(p):
        return cross_entropy_forward(p["logits"], labels)[0].sum()

    steps = np.logspace(0, -12, 49)
    curves = [v_curve(f, params, grads, np.random.default_rng(seed), steps)[1]["central"] for seed in range(9)]
    ax.loglog(steps, np.median(curves, axis=0), "o-", markersize=3, color=COLOURS["location"])
    ax.axvline(np.finfo(float).eps ** (1 / 3), color=COLOURS["exact"], linestyle=":", linewidth=1)
    ax.text(3e-8, 3e-7, "slope −1", color=COLOURS["exact"], ha="left")
    ax.text(2e-3, 3e-8, "slope 2", color=COLOURS["exact"], ha="left")
    ax.set(xlabel="step s", ylabel="error of the central difference", xlim=(1e-13, 3), ylim=(1e-14, 10))


def parabola(ax):
    """The variance of one sample against the baseline, for the two places."""
    p, r, psi = np.array([1 / 4, 3 / 4]), np.array([8.0, 4.0]), np.array([3 / 4, -1 / 4])
    b = np.linspace(-1, 12, 131)
    says = (r - b[:, None]) * psi
    ax.plot(b, says**2 @ p - (says @ p) ** 2, color=COLOURS["location"])
    for at in (0, 5, 7):
        value = ((r - at) * psi) ** 2 @ p - ((r - at) * psi @ p) ** 2
        ax.plot(at, value, "o", color=COLOURS["exact"])
        ax.text(at + 0.25, value + 0.4, f"{value:g}", color=COLOURS["exact"])
    ax.set(xlabel="baseline b", ylabel="variance of one sample", xlim=(-1, 12), ylim=(-0.6, 12.5), xticks=range(0, 13))


def root(ax):
    """Errors of a mean of M rollouts: without and with a baseline, and of a program that is off by a factor."""
    M = np.geomspace(1, 10_000, 60)
    ax.loglog(M, 3 / np.sqrt(M), color=COLOURS["location"], label="as asked first")
    ax.loglog(M, 1.5 / np.sqrt(M), "--", color=COLOURS["baseline"], label="with a baseline")
    ax.loglog(M, np.sqrt(0.6**2 / M + 0.8**2), ":", color=COLOURS["exact"], label="mean over time")
    ax.set(xlabel="rollouts M", ylabel="r.m.s. error", xlim=(1, 1e4), ylim=(1e-2, 10))
    ax.legend(loc="lower left")


def shrink(ax):
    """What is left of a cotangent after some steps back through a core of one unit that is always on."""
    T = 31
    for weight, line, judged in ((0.5, "-", [-1]), (1.0, "-", [-1]), (2.0, "-", [-1]), (1.0, "--", range(T))):
        dh = np.zeros((T, 1, 1))
        dh[judged] = 1
        on = CoreCache(np.ones((T, 1, 2)), np.ones((T, 1, 1)))
        dz, _ = core_backward({"core.W": np.array([[weight], [1.0]]), "core.b": np.zeros(1)}, dh, on)
        size = dz[::-1, 0, 0] / dz[-1, 0, 0]
        ax.semilogy(range(T), size, line, color=COLOURS["exact" if line == "--" else "location"])
        ax.text(30.3, size[-1], "all steps" if line == "--" else f"{weight:g}", va="center", fontsize=8.5)
    ax.set(xlabel="steps back, T − t", ylabel="|dz| relative to the last", xlim=(0, 34), ylim=(1e-10, 1e10))
