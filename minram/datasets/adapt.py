"""A picture from elsewhere as the training images are: its size, light on dark or dark on light, how large the object.

A scanned digit is dark on grey paper, hundreds of pixels wide, and anywhere on it; MNIST's are white on black, 20 of 28
pixels large, and have their centre of mass in the middle.
"""

import math
from typing import Any

import numpy as np

from minram.datasets.image import resized
from minram.ops import Array

INK = 0.5  # of the contrast: what belongs to the object
FAINT = 0.2  # as a contrast: less than a pencil leaves


def extent(images: Array) -> float | None:
    """How much of the image's larger side the object takes, on average: images (n, H, W[, C]), floats in [0, 1].

    None unless there is a dark margin all around nearly every one, so that there is one object on it.
    """
    x = images.reshape(*images.shape[:3], -1).max(axis=-1)  # (n, H, W)
    margin = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)  # (n, 2H + 2W)
    if np.mean(margin.max(axis=1) < 0.1) < 0.9:
        return None
    sizes = [max((high - low) / n for low, high, n in zip(*_box(one > INK), one.shape)) for one in x if one.max() > INK]
    return float(np.mean(sizes)) if sizes else None


def by_mass(images: Array) -> bool:
    """Whether objects are in the middle by their centre of mass, as in MNIST, or by their outline; images as above.

    The one that scatters less from image to image is what was put in the middle.
    """
    x = [one for one in images.reshape(*images.shape[:3], -1).max(axis=-1) if one.max() > INK]
    mass, outline = (np.std([_middle(one, mass) for one in x], axis=0).sum() for mass in (True, False))
    return bool(mass < outline)


def adapted(x: Array, about: dict[str, Any]) -> tuple[Array, list[str]]:
    """The picture as the model's training images are, and what was done to it.

    x (H, W) or (H, W, C), bytes or floats in [0, 1]; about: what a run keeps of its data ("shape", "border", "extent").
    """
    x, done = (x / np.float32(255) if x.dtype == np.uint8 else x), []
    border, size = about.get("border"), tuple(about.get("shape") or x.shape)[:2]
    if border is not None and turned(x, border):
        x = 1 - x
        done.append("light and dark are exchanged")
    if about.get("extent") and x.shape[:2] != size:
        low, high = np.median(_margin(x)), np.quantile(x, 0.995)
        if high > low:
            x = np.clip((x - low) / (high - low), 0, 1)
            x = _framed(x, about["extent"], about.get("by_mass", False))
            little = "what little stands out is taken for the object, and" if high - low < FAINT else "the object is"
            done.append(f"{little} brought to the middle")
        else:
            done.append("nothing stands out, so its label means nothing")
    if x.shape[:2] != size:
        done.append(f"{x.shape[0]}x{x.shape[1]} pixels became {size[0]}x{size[1]}")
        x = resized(x, size)
    return x.astype(np.float32), done


def turned(x: Array, border: float) -> bool:
    """Whether the edges of an image, bytes or floats in [0, 1], would be nearer to `border` with light for dark."""
    found = float(np.median(_margin(x))) / (255 if x.dtype == np.uint8 else 1)
    return abs(1 - found - border) + 0.2 < abs(found - border)


def _margin(x):
    return np.concatenate([x[0].ravel(), x[-1].ravel(), x[:, 0].ravel(), x[:, -1].ravel()])


def _box(mask):
    """((first row, first column), (last row + 1, last column + 1)) of what is true in (H, W), but for lone specks."""
    found = []
    for counts in (mask.sum(axis=1), mask.sum(axis=0)):
        there = np.flatnonzero(counts > min(0.02 * counts.max(), 3))
        found.append((there[0], there[-1] + 1))
    return tuple(zip(*found))


def _middle(x, mass):
    """Of the object in (H, W), as (row, column) in pixels from the upper left: its centre of mass, or its outline's."""
    (top, left), (bottom, right) = _box(x > INK)
    if not mass:
        return (top + bottom) / 2, (left + right) / 2
    part = np.where(x > FAINT, x, 0)[top:bottom, left:right]
    rows, columns = (part.sum(axis=axis) @ (np.arange(part.shape[1 - axis]) + 0.5) / part.sum() for axis in (1, 0))
    return top + rows, left + columns


def _framed(x, share, mass):
    """A square around the object, of which that takes a share; black where the picture ends."""
    grey = x if x.ndim == 2 else x.max(axis=-1)
    (top, left), (bottom, right) = _box(grey > INK)
    side = max(1, round(max(bottom - top, right - left) / share))
    y, corner = np.zeros((side, side, *x.shape[2:]), x.dtype), [math.floor(m - side / 2) for m in _middle(grey, mass)]
    rows, columns = (slice(max(c, 0), min(c + side, n)) for c, n in zip(corner, x.shape))
    y[rows.start - corner[0] : rows.stop - corner[0], columns.start - corner[1] : columns.stop - corner[1]] = x[
        rows, columns
    ]
    return y
