"""Which classes are taken for which: the confusion matrix, drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minram.ops import Array
from minram.pictures import style

NUMBERED = 20  # classes at most whose counts are written into the cells


@style.context()
def confusion_figure(counts: Array, names: Sequence[str] = ()) -> Figure:
    """The matrix (K, K) as shares of each row, with the counts written in; right labels are on the diagonal."""
    K = len(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(0.42 * K, 2.2), 7)
    fig, ((ax,),) = style.figure(1, 1, (side + 1.9, side + 0.9))
    drawn = ax.imshow(share, style.BELIEF, vmin=0, vmax=1, interpolation="nearest")
    ax.grid(False)
    ticks = style.ticks(0, K - 1, 20)
    called = [style.name(names, k) for k in ticks]
    long = any(len(text) > 3 for text in called)
    ax.set_xticks(ticks, called, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor")
    ax.set_yticks(ticks, called)
    ax.set(xlabel="label that was given", ylabel="true label")
    ax.set_title(f"{counts.sum():,} validation images, {1 - counts.trace() / counts.sum():.2%} wrong")
    if K <= NUMBERED:
        for (i, j), n in np.ndenumerate(counts):
            if n:
                colour = "white" if drawn.norm(share[i, j]) > 0.5 else style.INK
                ax.text(j, i, f"{n}", ha="center", va="center", color=colour, fontsize=7.5)
    fig.colorbar(drawn, ax=ax, label="share of the true label's images", shrink=0.8)
    return fig
