"""The paper's tasks: a digit at a random place of a larger canvas, among pieces of other digits.

A task turns a pool of images into what the model sees. For training it is made fresh for every minibatch;
for validation and test it is made once, from a fixed seed, so that an error rate can be repeated.
All randomness is drawn first, into a `Layout`; the drawing itself is then a pure function. So the images of
a fixed seed do not depend on the size of the chunks in which they are made.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minram.errors import InputError, check_shape
from minram.ops import Array


class Task(NamedTuple):
    """What is made of an image: its canvas (None: the image as it is) and the clutter on it."""

    canvas: tuple[int, ...] | None = None
    n_distractors: int = 0
    distractor_size: int = 8


class Layout(NamedTuple):
    """Where everything goes, for B images with D distractors each; rows and columns of top-left corners."""

    source: Array  # (B, D) the pool image that a distractor is cut from
    cut: Array  # (B, D, 2) where in that image
    drop: Array  # (B, D, 2) where on the canvas
    place: Array  # (B, 2) where the image itself goes


ORIGINAL = Task()


def translated(size: Any) -> Task:
    """Task: the image at a uniform position of an empty canvas; `size` is an int or (H, W)."""
    return cluttered(size, n_distractors=0)


def cluttered(size: Any, n_distractors: int = 4, distractor_size: int = 8) -> Task:
    """Task: as `translated`, over `n_distractors` square patches cut from other images of the pool."""
    canvas = (size, size) if np.ndim(size) == 0 else tuple(size)
    return Task(tuple(int(n) for n in canvas), n_distractors, distractor_size)


def make_images(task: Task, images: Array, index: Any, rng: np.random.Generator) -> Array:
    """Make the images of one minibatch: clutter first, then the image on top, sums clipped at white.

    x = min(1, Σ_d patch_d + image): each patch is cut at a uniform position from a uniformly drawn *other*
    image of the pool; all positions that fit are possible, the last one included (paper §4.1).

    images (n, h, w[, C]): the pool, uint8 or float in [0, 1]; index (B,): the pool images of this minibatch.
    Returns (B, H, W[, C]) in the pool's dtype. Raises InputError if something does not fit.
    """
    index = _check(task, images, index)
    if task.canvas is None:
        return images[index]
    return _draw(task, images, index, _sample_layout(task, images, index, rng))


def fixed_images(task: Task, images: Array, seed: int) -> Array:
    """The whole pool once, from a fixed seed: images (n, h, w[, C]) → (n, H, W[, C])."""
    size = task.canvas or images.shape[1:3]
    out = np.empty((len(images), *size, *images.shape[3:]), images.dtype)
    for start, chunk in fixed_batches(task, images, 1000, seed):
        out[start : start + len(chunk)] = chunk
    return out


def fixed_batches(task: Task, images: Array, batch: int, seed: int) -> Iterator[tuple[int, Array]]:
    """Yield (start, images[start : start + batch] as the task makes them); the same bits for any `batch`."""
    if batch < 1:
        raise InputError(f"batch should be at least 1, but is {batch}.")
    index = _check(task, images, np.arange(len(images)))
    if task.canvas is not None:
        layout = _sample_layout(task, images, index, np.random.default_rng(seed))
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        if task.canvas is None:
            yield start, images[rows].copy()
        else:
            yield start, _draw(task, images, index[rows], Layout(*(array[rows] for array in layout)))


def _sample_layout(task, images, index, rng):
    B, D = len(index), task.n_distractors
    size, canvas, patch = np.array(images.shape[1:3]), np.array(task.canvas), task.distractor_size
    # How many values each number can take; + 1 because the last position that fits is one of them.
    place = canvas - size + 1  # (2,)
    clutter = [max(len(images) - 1, 1), *(size - patch + 1), *(canvas - patch + 1)]
    counts = np.array([*place, *clutter * D])  # (2 + 5D,)
    # floor(u·n) is uniform on 0 … n − 1 to within n·2⁻⁵³, and one call is faster than one for each range.
    drawn = (rng.random((B, len(counts))) * counts).astype(np.int64)  # (B, 2 + 5D)
    each = drawn[:, 2:].reshape(B, D, 5)
    source = each[..., 0]
    source = source + (source >= index[:, None])  # "other": one of n − 1 images, stepping over its own
    return Layout(source, cut=each[..., 1:3], drop=each[..., 3:5], place=drawn[:, :2])


def _draw(task, images, index, layout):
    out = np.zeros((len(index), *task.canvas, *images.shape[3:]), images.dtype)  # (B, H, W[, C])
    if task.n_distractors:
        shape = (task.distractor_size, task.distractor_size)
        row, column = np.moveaxis(layout.cut, -1, 0)  # (B, D), (B, D)
        patches = _windows(images, shape)[layout.source, row, column]  # (B, D, s, s[, C])
        windows = _windows(out, shape, writeable=True)
        for d in range(task.n_distractors):
            _add(windows, layout.drop[:, d], patches[:, d])
    _add(_windows(out, images.shape[1:3], writeable=True), layout.place, images[index])
    return out


def _add(windows, corner, patch):
    """Add patch (B, h, w[, C]) to the windows with the top-left corners (B, 2), clipped at white."""
    at = (np.arange(len(patch)), *corner.T)
    if patch.dtype == np.uint8:
        windows[at] = np.minimum(windows[at], 255 - patch) + patch  # a plain sum of bytes would wrap around
    else:
        windows[at] = np.minimum(windows[at] + patch, 1)


def _windows(images, shape, writeable=False):
    """All windows of a shape, as a view: (n, H, W[, C]) → (n, H-h+1, W-w+1, h, w[, C])."""
    view = sliding_window_view(images, shape, axis=(1, 2), writeable=writeable)
    return view if images.ndim == 3 else np.moveaxis(view, 3, -1)


def _check(task, images, index):
    if images.ndim not in (3, 4) or not (images.dtype == np.uint8 or images.dtype.kind == "f"):
        raise InputError(
            "images should have the shape (n, H, W) or (n, H, W, C) and be uint8, or floats in [0, 1], "
            f"but have the shape {images.shape} and are {images.dtype}; convert them first."
        )
    index = np.asarray(index)
    check_shape("index", index, (None,))
    if index.dtype.kind not in "iu" or (index.size and not 0 <= index.min() <= index.max() < len(images)):
        raise InputError(f"index should hold integers from 0 to {len(images) - 1}, one for each image.")
    if task.canvas is None:
        if task.n_distractors:
            raise InputError("Clutter needs a canvas: use cluttered(size, n_distractors).")
        return index
    size, patch = images.shape[1:3], task.distractor_size
    if len(task.canvas) != 2 or task.canvas[0] < size[0] or task.canvas[1] < size[1]:
        raise InputError(
            f"The canvas (H, W) should be at least as large as the images, {size}, but is {task.canvas}; "
            "choose a larger canvas."
        )
    if task.n_distractors < 0 or (task.n_distractors and not 1 <= patch <= min(size)):
        raise InputError(
            f"There should be 0 or more distractors of 1 to {min(size)} pixels for these images, but "
            f"{task.n_distractors} of {patch} pixels were asked for."
        )
    if task.n_distractors and len(images) < 2:
        raise InputError("Clutter is cut from other images, so at least 2 images are needed, but there is 1.")
    return index
