"""Sheet 1: the summed-area table, and a retina of two scales."""

import numpy as np

from building.worksheets.records import Given, Sheet, question
from building.worksheets.short import QUARTERS, short


def first_edges(l, s):
    """Column and row of the first edge of a square of 2 cells of s pixels, moved to the nearest pixel edge."""
    return np.floor((l + 1) * 2 - s + 0.5).astype(int)


def cells(S, first, s):
    """Sums of the four cells, from the table; edges outside the image are moved to its border."""
    columns, rows = (np.clip(f + s * np.arange(3), 0, 4) for f in first)
    corners = S[np.ix_(rows, columns)]
    return corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]


def table(inside):
    """The whole of S, from what is not 0 anyway."""
    return np.pad(inside, ((1, 0), (1, 0)))


def whole(edges):
    """Two edges (1, 2) as they were answered, as whole numbers; 9, which is outside, for one that is none."""
    return np.nan_to_num(np.clip(np.round(edges), -9, 9), nan=9).astype(int)[0]


def sheet(rng):
    x = rng.choice(QUARTERS, (4, 4), p=[0.3, 0.15, 0.25, 0.1, 0.2])
    l = rng.integers(-7, 8, 2) / 8
    S = np.zeros((5, 5))
    S[1:, 1:] = x.cumsum(axis=0).cumsum(axis=1)
    near, far = first_edges(l, 1), first_edges(l, 2)
    if (l * 4 % 2 == 1).any() or near[0] == near[1] or near.min() < 0 or near.max() > 2 or (l == 0).any():
        return None
    fine, coarse = cells(S, near, 1), cells(S, far, 2) / 4
    inside = np.outer(*(np.diff(np.clip(f + 2 * np.arange(3), 0, 4)) for f in far[::-1]))  # pixels of a cell
    if (near == np.floor((l + 1) * 2 - 1)).all():  # rounding down would be right
        return None
    if not short(coarse) or coarse.min() == coarse.max() or fine[0, 1] == fine[1, 0] or (far == 0).all():
        return None
    swapped = cells(S, near[::-1], 1)
    ask = (
        question(
            1,
            "a",
            "Fill in the table: $S_(i j)$ is the sum of all pixels above row edge $i$ and left of column edge $j$. "
            "(Its first row and column, $i = 0$ and $j = 0$, are 0.)",
            "S_(i j) = S_(i-1, j) + S_(i, j-1) - S_(i-1, j-1) + x_(i j)",
            S[1:, 1:],
            (x.cumsum(axis=1), "the rows were added up, but not the columns"),
            (x.cumsum(axis=0), "the columns were added up, but not the rows"),
            (S[:-1, :-1], "this entry stops one row and one column too early"),
        ),
        question(
            1,
            "b",
            "The retina looks at $l$. Its square of two by two cells of one pixel each, $s = 1$, is moved to the "
            "nearest pixel edges ($-1$ is edge 0, $1$ is edge 4): its first column edge, and its first row edge.",
            "floor.l (l_x + 1) dot 4/2 - (2 s)/2 + 1/2 floor.r, quad floor.l (l_y + 1) dot 4/2 - (2 s)/2 + 1/2 floor.r",
            near,
            (near[::-1], "x and y are swapped: x counts columns"),
            (near + 1, "this is the middle of the square: half its width is still to be taken away"),
            (np.floor((l + 1) * 2 - 1), "this is rounded down: add ½ first, for the nearest edge"),
        ),
        question(
            1,
            "c",
            "The four cells of that square, each from four entries of $S$.",
            "S_(i+s, j+s) - S_(i, j+s) - S_(i+s, j) + S_(i j)",
            fine,
            (swapped, "x and y are swapped: this is another square"),
            (fine.T, "the cells are right, but the table is transposed"),
            after=lambda own: cells(table(own["a"]), whole(own["b"]), 1),
        ),
        question(
            1,
            "d",
            "The four cells of the square with cells of $s = 2$ pixels around the same $l$, as means of $s^2$ pixels. "
            "The first edges are as in (b), with this $s$. What lies outside the image is black: move an edge outside "
            "to the border.",
            "(S_(i+s, j+s) - S_(i, j+s) - S_(i+s, j) + S_(i j)) \\/ s^2",
            coarse,
            (coarse * 4, "this is the sum: divide by s²"),
            (coarse * 2, "this is divided by s: divide by s²"),
            (
                coarse * 4 / np.maximum(inside, 1),
                "this is the mean of the pixels inside the image: black ones count too",
            ),
            after=lambda own: cells(table(own["a"]), far, 2) / 4,
        ),
    )
    text = (
        "An image $x$ of $4 times 4$ pixels, and a location $l = (x, y)$ from $-1$, left and top, to $1$, right and "
        "bottom."
    )
    return Sheet(1, "The sensor and its table", text, (Given("x", x), Given("l", l[None])), ask, "lessons 0 and 2")
