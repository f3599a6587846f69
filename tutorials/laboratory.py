"""The measuring bench of lesson 13: estimators held to the truth of a problem, as rows of a table and as a picture.

A Problem is its truth and a list of ways to estimate it. `measure` makes many estimates of each, and says how far off
their mean is, in standard errors, how small a bias it would have seen, and how large variance times cost is.

python tutorials/laboratory.py                 print the tables of all problems with an exact truth: half a minute
"""

from typing import Any, NamedTuple

if __name__ == "__main__":
    from minram.training.process import one_thread

    one_thread()  # before NumPy is loaded

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter
from scipy.stats import f as f_distribution

from minram.pictures import style

ALARMS = 4  # standard errors: of 16,000 honest comparisons one would be beyond


class Way(NamedTuple):
    """One way to estimate: make(rng, n) → (n, P)."""

    make: Any
    cost: float  # evaluations of the reward (a rollout is one) that an estimate takes; a derivative is one more
    factor: float | None = 1  # what the mean should be, in units of the truth; None where no formula is known


class Problem(NamedTuple):
    title: str
    truth: Any  # (P,), or what is known of it: the slope along `direction`
    ways: dict  # name: Way; the first is the plain estimate
    direction: Any = None  # (P,), of length 1; None: that of the truth
    error: float = 0.0  # the standard error of the truth along it


class Measured(NamedTuple):
    name: str
    factor: float  # the mean of the estimates along the truth, divided by it
    error: float  # its standard error
    expected: float | None
    chance: float  # of a distance as large in any direction, if the mean is the truth (Hotelling); 1 for one parameter
    work: float  # variance, summed over parameters, of the estimate scaled to the truth's length, times cost
    work_error: float

    @property
    def off(self):
        """The bias in standard errors; 0 where only rounding is left."""
        if abs(self.factor - 1) < 1e-9:
            return 0.0
        return (self.factor - 1) / self.error if self.error else np.sign(self.factor - 1) * np.inf

    @property
    def seen(self):
        """The smallest bias that would have been seen, as a share of the truth."""
        return ALARMS * self.error


def measure(problem, n=20_000, seed=0):
    """[Measured] of all ways of a problem, each from n estimates of its own, with a random stream of its own."""
    streams = np.random.SeedSequence([seed, *problem.title.encode()]).spawn(len(problem.ways))
    return [
        compared(problem, name, way, way.make(np.random.default_rng(stream), n))
        for (name, way), stream in zip(problem.ways.items(), streams)
    ]


def compared(problem, name, way, estimates):
    """Measured of estimates (n, P). Their squared distances from the mean are averaged, and so have an error too."""
    n, mean = len(estimates), estimates.mean(axis=0)
    length = np.linalg.norm(problem.truth) if problem.direction is None else float(problem.truth)
    along = estimates @ (problem.truth / length if problem.direction is None else problem.direction)
    error = np.sqrt(along.var(ddof=1) / n + problem.error**2) / length
    squares = ((estimates - mean) ** 2).sum(axis=1) * n / (n - 1)
    chance = hotelling(estimates, problem.truth) if problem.direction is None else 1.0
    factor = along.mean() / length
    scale = factor if way.factor is None else way.factor  # half the gradient with a quarter of the variance is no gain
    if scale == 0:
        return Measured(name, factor, error, way.factor, chance, np.inf, np.inf)
    share = way.cost / scale**2
    work, work_error = share * squares.mean(), share * squares.std(ddof=1) / np.sqrt(n)
    return Measured(name, factor, error, way.factor, chance, work, work_error)


def hotelling(estimates, truth):
    """The probability of such a distance from the truth, or a larger one, in any direction (lesson 6)."""
    variance, directions = np.linalg.eigh(np.atleast_2d(np.cov(estimates.T)))
    kept = variance > 1e-4 * max(variance.max(), 1e-24)
    n, k = len(estimates), kept.sum()
    if k < 2:
        return 1.0
    off = (estimates.mean(axis=0) - truth) @ directions[:, kept] / np.sqrt(variance[kept])
    return f_distribution.sf(n * off @ off * (n - k) / (k * (n - 1)), k, n - k)


def table(measured):
    """The rows of a problem as text; work is in units of the first, the plain estimate."""
    lines = [f"{'':40} {'mean/truth':>10} {'off by':>8} {'seen from':>9} {'variance × cost':>16}"]
    plain = measured[0].work
    for m in measured:
        star = "" if m.expected == 1 else " biased"
        work = f"{m.work / plain:.3f} ± {m.work_error / plain:.3f}" if np.isfinite(m.work) else "no signal"
        lines.append(f"{m.name:40} {m.factor:10.3f} {m.off:7.1f}σ {100 * m.seen:7.1f} % {work:>16}{star}")
    return "\n".join(lines)


def picture(axes, measured, colours=style.COLOURS):
    """Draw the rows of a problem on two axes: the bias in standard errors, and variance × cost; the first row is 1."""
    left, right = axes
    rows = np.arange(len(measured))[::-1]
    plain = measured[0].work
    for y, m in zip(rows, measured):
        honest = m.expected == 1
        colour, marker = (colours["right"], "o") if honest else (colours["wrong"], "X")
        left.plot(np.clip(m.off, -9, 9), y, marker, color=colour)
        off = f"{m.off:+.0f}σ, " if 9 < abs(m.off) < np.inf else ""
        percent = f"{100 * m.seen:.0f}" if m.seen > 0.1 else f"{100 * m.seen:.2g}"
        sees = f"{off}sees {percent} %" if m.seen > 1e-9 else "without noise"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        at = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
        left.annotate(sees, (0.985, y), fontsize=7, bbox=box, **at)
        share, error = m.work / plain, m.work_error / plain
        if share < 1e-6 or not np.isfinite(share):  # no variance at all, or no signal
            text = "0" if share < 1e-6 else "no signal"
            right.annotate(text, (0.02, y), xycoords=("axes fraction", "data"), va="center", color=colour)
        else:
            right.errorbar(share, y, xerr=[[min(2 * error, 0.99 * share)], [2 * error]], fmt=marker, color=colour)
    left.axvspan(-ALARMS, ALARMS, color=colours["muted"], alpha=0.15, linewidth=0)
    left.axvline(0, color=colours["exact"], linewidth=1)
    left.set(xlim=(-10, 22), ylim=(-0.6, len(rows) - 0.4), xticks=[-8, -4, 0, 4, 8], xlabel="bias (standard errors)")
    left.set_yticks(rows, [m.name for m in measured], fontsize=8)
    right.axvline(1, color=colours["exact"], linewidth=1)
    right.set(xscale="log", ylim=left.get_ylim(), yticks=[], xlabel="variance × cost, of the plain estimate's")
    low, high = right.get_xlim()
    right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 30 else (1,)))
    right.xaxis.set_major_formatter("{x:g}")
    right.xaxis.set_minor_formatter(NullFormatter())
    left.tick_params(length=0)


def main():
    from exact_agent import every_glimpse, last_glimpse
    from problems import toys

    for problem in [*toys(), last_glimpse(), every_glimpse()]:
        print(f"\n{problem.title}\n{table(measure(problem))}")


if __name__ == "__main__":
    main()
