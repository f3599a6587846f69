"""The paper's errors and ours, a panel a task."""

import numpy as np

from minram.pictures import style
from paper import TASKS

TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30)


def draw(rows):
    """rows: the Summaries of all rows → Figure. The paper's error has its own binomial interval, of 10,000 images."""
    fig, axes = style.figure(2, 2, (8.4, 6.2), height_ratios=(8, 7))
    for ax, task in zip(axes.flat, TASKS):
        found = [s for s in rows if s.row.task == task]
        y = np.arange(len(found))
        paper = np.array([s.row.paper for s in found])
        half = 1.96 * np.sqrt(paper * (100 - paper) / 10_000)
        ax.errorbar(
            paper, y, xerr=half, fmt="o", mfc="none", ms=8, capsize=2, color=style.COLOURS["muted"], label="paper"
        )
        old = [(np.mean([100 * r["mean"]["test_error"] for r in s.v1]), i) for i, s in enumerate(found) if not s.mean]
        if old:
            ax.plot(*zip(*old), "x", color=style.COLOURS["location"], label="first protocol, where none is reported")
        shown = [(i, s.mean) for i, s in enumerate(found) if s.mean]
        if shown:
            x, low, high = 100 * np.array([(m.mean, m.low, m.high) for _, m in shown]).T
            ax.errorbar(
                x,
                [i for i, _ in shown],
                xerr=(np.maximum(x - low, 0), np.maximum(high - x, 0)),
                fmt="o",
                capsize=2,
                color=style.COLOURS["label"],
                label="ours, 95 % interval",
            )
        ax.set(title=task, xscale="log", yticks=y, yticklabels=[s.row.text for s in found])
        low, high = ax.get_xlim()
        ticks = [t for t in TICKS if low <= t <= high]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_xticks([], minor=True)
        ax.invert_yaxis()
    for ax in axes[1]:
        ax.set_xlabel("test error (%)")
    handles = {text: handle for ax in axes.flat for handle, text in zip(*ax.get_legend_handles_labels())}
    fig.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles))
    return fig
