"""A computational graph: over each arrow the value that goes forward, under it the cotangent that comes back."""

import numpy as np

from minram.pictures.style import COLOURS


def draw(ax, nodes, edges, colours=None):
    """Draw the nodes and the edges between them.

    nodes: {name: (x, y)}, or {name: (x, y, text)} where the text is not the name. edges: (from, to, value, cotangent),
    numbers or texts, "" for none. Forward arrows are solid, backward ones dashed, so that no reader needs the colour.
    colours: {name: colour} of a box, where it is not black.
    """
    places = {name: np.array(node[:2], float) for name, node in nodes.items()}
    for start, end, value, cotangent in edges:
        p, q = places[start], places[end]
        along = (q - p) / np.linalg.norm(q - p)
        side = np.array([-along[1], along[0]])
        side *= 1 if (side[1], side[0]) > (0, 0) else -1  # up, or to the right of an arrow that goes up
        forward, backward = (p, q, value, 1), (q, p, cotangent, -1)
        for (tail, tip, text, sign), colour, line in (
            (forward, COLOURS["exact"], "-"),
            (backward, COLOURS["location"], "--"),
        ):
            if text == "":
                continue
            shift = sign * 0.055 * side
            look = {
                "arrowstyle": "->",
                "color": colour,
                "linestyle": line,
                "linewidth": 1.3,
                "shrinkA": 13,
                "shrinkB": 13,
            }
            ax.annotate("", tip + shift, tail + shift, arrowprops=look)
            place = (p + q) / 2 + sign * (0.22 + 0.16 * abs(side[0])) * side  # texts are wider than high
            clear = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"}
            ax.text(*place, text, color=colour, ha="center", va="center", fontsize=9, bbox=clear)
    for name, node in nodes.items():
        edge = (colours or {}).get(name, COLOURS["exact"])
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": edge, "linewidth": 1.4}
        ax.text(*places[name], node[2] if len(node) > 2 else name, ha="center", va="center", fontsize=10, bbox=box)
    corners = np.array(list(places.values()))
    low, high = corners.min(axis=0) - 0.4, corners.max(axis=0) + 0.4
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.axis("off")
