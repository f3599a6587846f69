"""The glimpse sensor ρ(x, l): a small retina that sees sharply in the middle and coarsely around it.

A retina is k concentric squares of w × w cells; a cell of scale s is the mean of s × s pixels, less the background.
With the summed-area table S[i, j], the sum of x − background above row edge i and left of column edge j, that is

    (S[i+s, j+s] − S[i, j+s] − S[i+s, j] + S[i, j]) / s²

whatever s is. Pixel edges are numbered 0..H and 0..W. Outside the image S is constant, so an edge outside
is moved to the border and the cells there see the background, which is 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minram.errors import InputError, check_shape
from minram.ops import Array, show_shapes


@show_shapes
class SummedArea(NamedTuple):
    table: Array  # (B, C, H+1, W+1)
    unit: float  # what one step of the stored pixels is worth: 1/255 for uint8, 1 for floats


def summed_area(images: Array, background: float = 0) -> SummedArea:
    """S[i, j] = Σ_{i' < i} Σ_{j' < j} (x[i', j'] − background), for each image and channel.

    images (B, H, W) or (B, H, W, C), uint8 or float in [0, 1]; background in [0, 1]: what they have outside their
    borders, for bytes rounded to 1/255. Sums of integers are exact: float32 holds all up to 2²⁴, float64 up to 2⁵³.
    Raises InputError for other shapes or dtypes. Source: Crow (1984); Viola & Jones (2001).
    """
    if images.ndim not in (3, 4) or not images.size or (images.dtype != np.uint8 and images.dtype.kind != "f"):
        raise InputError(
            "images should be an array (B, H, W) or (B, H, W, C), not empty, of uint8 or floats, "
            f"but it is {images.shape} of {images.dtype}; convert it first."
        )
    bytes_ = images.dtype == np.uint8
    pixels = images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2)  # (B, C, H, W)
    B, C, H, W = pixels.shape
    table = np.empty((B, C, H + 1, W + 1), np.float32 if bytes_ and 255 * H * W <= 2**24 else np.float64)
    some = max(1, 2**18 // (C * H * W))  # images at a time, so that they stay in the cache: a fifth faster on 100×100
    for start in range(0, B, some):
        part = slice(start, start + some)
        sums = _sums_along_y(pixels[part], round(255 * background) if bytes_ else background, table.dtype)
        _sums_along_x(sums, out=table[part])
    return SummedArea(table, 1 / 255 if bytes_ else 1.0)


def _sums_along_y(pixels, background, dtype):
    """Σ_{i' < i} (x[i', j] − background): pixels (B, C, H, W) → (B, C, H+1, 1+W) with a column of zeros before.

    The same as cumsum, but a row edge of all images lies in one piece of memory: four times as fast.
    """
    B, C, H, W = pixels.shape
    rows = np.zeros((H + 1, B, C, W + 1), dtype)
    inside = rows[1:, ..., 1:].transpose(1, 2, 0, 3)  # (B, C, H, W)
    inside[...] = pixels
    if background:
        inside -= background  # not before: as bytes, 0 − 1 would be 255
    for i in range(1, H + 1):
        rows[i] += rows[i - 1]
    return rows.transpose(1, 2, 0, 3)


def _sums_along_x(rows, out):
    """Σ_{j' ≤ j} rows[..., j'] → out (B, C, H+1, W+1); rows is changed.

    The same as cumsum, whose additions wait for each other. A product with a triangle of ones is twice as fast;
    34 columns at a time, each strip begun with the sum of all before it, a third of the work on 100×100.
    """
    ones = np.triu(np.ones((34, 34), rows.dtype))
    for j in range(0, rows.shape[-1], len(ones)):
        strip = rows[..., j : j + len(ones)]  # (B, C, H+1, n), n ≤ 34
        n = strip.shape[-1]
        if j > 0:
            strip[..., 0] += out[..., j - 1]
        np.matmul(strip, ones[:n, :n], out=out[..., j : j + n])


@show_shapes
class SensorCache(NamedTuple):
    area: SummedArea
    image: Array  # (N,) which image each row looks at
    edges: tuple[Array, Array]  # row edges and column edges, each (k, w+1, N), integers, not yet clamped
    fraction: tuple[Array, Array] | None  # how far the true edges lie beyond those, (k, 1, N), pixels; None if aligned
    value: Array  # (k, 1, 1, 1) unit / s²


def sensor_forward(
    area: SummedArea,
    loc: Array,
    scales: Sequence[int],
    patch_size: int,
    image: Array | None = None,
    continuous: bool = False,
    out: Array | None = None,
) -> tuple[Array, SensorCache]:
    """φ = ρ(x, l): what the retina sees at each location.

    loc (N, 2) as (x, y), −1 the left and top edge of the image, +1 the right and bottom edge, not pixels; image (N,)
    says which image each row looks at (default: row n at image n) → φ (N, C·k·w·w), dtype of loc, in `out` if given.
    Aligned: each square is moved to the nearest pixel edges, so every cell is a mean of whole pixels.
    Continuous: the table is interpolated bilinearly, which gives the exact mean at any location.
    Raises InputError for locations of another shape or type or, unless NumPy is told to ignore what is invalid, as
    in training, not finite. Source: Mnih et al. (2014), §3.1.
    """
    check_shape("loc", loc, (None, 2))
    if loc.dtype.kind != "f" or not (np.isfinite(loc).all() or np.geterr()["invalid"] == "ignore"):
        what = "one that is not finite; correct it" if loc.dtype.kind == "f" else f"{loc.dtype}; convert pixels to them"
        raise InputError(f"loc should hold floats, (x, y) from −1 to 1 across the image, but holds {what}.")
    H, W = area.table.shape[2] - 1, area.table.shape[3] - 1
    # Rows come last in here: NumPy's inner loops are then over N numbers, not over w. That takes a quarter less time.
    s = np.asarray(scales)[:, None, None]  # (k, 1, 1)
    centre = (loc.T + 1) * np.array([[W / 2], [H / 2]], loc.dtype)  # (2, N), pixels
    start = centre[:, None, None] - (s * (patch_size / 2)).astype(loc.dtype)  # (2, k, 1, N), first edges
    first = np.floor(start if continuous else start + loc.dtype.type(0.5))  # (2, k, 1, N)
    edges = first.astype(np.intp) + s * np.arange(patch_size + 1)[:, None]  # (2, k, w+1, N)
    # Weights of 64 bits: large sums are weighted before they are subtracted, and cells are small differences.
    fraction = (start - first).astype(np.float64)  # (2, k, 1, N)
    cache = SensorCache(
        area,
        np.arange(len(loc)) if image is None else np.asarray(image, np.intp),  # of few bits, C·H·W times it wraps
        (edges[1], edges[0]),
        (fraction[1], fraction[0]) if continuous else None,
        (area.unit / s**2).astype(loc.dtype)[..., None],
    )
    if continuous:
        corners = sum(weight * _look_up(cache, *step) for step, weight in _bilinear(cache))
    else:
        corners = _look_up(cache)  # (C, k, w+1, w+1, N)
    cells = _cells(corners)  # (C, k, w, w, N)
    if out is None:
        out = np.empty((np.prod(cells.shape[:-1]), len(loc)), loc.dtype).T  # (N, C·k·w·w)
    np.multiply(cells, cache.value, out=out.T.reshape(cells.shape))
    return out, cache


def sensor_backward_location(dphi: Array, cache: SensorCache) -> Array:
    """dl of the continuous sensor: the derivative of a mean is the difference of two edge averages.

    dphi (N, C·k·w·w) → dl (N, 2). With ∂S/∂x, the interpolated step of S to the next column edge, in place
    of S, the same four look-ups give ∂(cell sum)/∂x: what enters at the right edge minus what leaves at the
    left one. Raises InputError for an aligned sensor, whose derivative is 0 almost everywhere.
    Training never calls this: REINFORCE does without it.
    """
    if cache.fraction is None:
        raise InputError(
            "the location derivative needs a continuous sensor, but this cache is aligned; "
            "call sensor_forward with continuous=True."
        )
    fy, fx = (f[:, None] for f in cache.fraction)  # (k, 1, 1, N)
    S = {step: _look_up(cache, *step) for step, _ in _bilinear(cache)}
    dS_dx = (1 - fy) * (S[0, 1] - S[0, 0]) + fy * (S[1, 1] - S[1, 0])  # (C, k, w+1, w+1, N)
    dS_dy = (1 - fx) * (S[1, 0] - S[0, 0]) + fx * (S[1, 1] - S[0, 1])
    H, W = cache.area.table.shape[2] - 1, cache.area.table.shape[3] - 1
    dcells = _cotangent_of_cells(dphi, cache)  # (C, k, w, w, N)
    return np.stack(
        [
            (dcells * _cells(dS_dx)).sum(axis=(0, 1, 2, 3)) * (W / 2),
            (dcells * _cells(dS_dy)).sum(axis=(0, 1, 2, 3)) * (H / 2),
        ],
        axis=1,
    ).astype(dphi.dtype)


def sensor_backward_image(dphi: Array, cache: SensorCache) -> Array:
    """dx: the adjoint spreads each cell's cotangent evenly over the pixels that the cell saw.

    dphi (N, C·k·w·w) → dx (B, H, W, C), for pixels in the units in which they were stored.
    Each step is the transpose of the forward step: differences of corners, look-up, summed area.
    """
    dcells = _cotangent_of_cells(dphi, cache)  # (C, k, w, w, N)
    C, k, w, _, N = dcells.shape
    dcorners = np.zeros((C, k, w + 1, w + 1, N), dphi.dtype)
    dcorners[:, :, 1:, 1:] += dcells
    dcorners[:, :, :-1, 1:] -= dcells
    dcorners[:, :, 1:, :-1] -= dcells
    dcorners[:, :, :-1, :-1] += dcells
    dtable = np.zeros(cache.area.table.shape, dphi.dtype)  # (B, C, H+1, W+1)
    for step, weight in _bilinear(cache) if cache.fraction is not None else [((0, 0), 1)]:
        np.add.at(dtable.reshape(-1), _index(cache, *step), weight * dcorners)
    # Pixel (i, j) is in S at every edge below and to the right of it.
    dx = dtable[:, :, :0:-1, :0:-1].cumsum(axis=2).cumsum(axis=3)[:, :, ::-1, ::-1]  # (B, C, H, W)
    return dx.transpose(0, 2, 3, 1)


def _index(cache, row_step=0, column_step=0):
    """Flat indices into the table of the corners (edges + steps), clamped to the image."""
    _, C, H1, W1 = cache.area.table.shape
    rows = np.clip(cache.edges[0] + row_step, 0, H1 - 1) * W1  # (k, w+1, N)
    columns = np.clip(cache.edges[1] + column_step, 0, W1 - 1)
    base = (cache.image * C + np.arange(C)[:, None]) * (H1 * W1)  # (C, N)
    rows = base[:, None, None] + rows  # (C, k, w+1, N)
    return rows[:, :, :, None] + columns[:, None]  # (C, k, w+1, w+1, N)


def _look_up(cache, row_step=0, column_step=0):
    return cache.area.table.reshape(-1).take(_index(cache, row_step, column_step))


def _bilinear(cache):
    """The four neighbours of a corner as (row step, column step) and their weights (k, 1, 1, N)."""
    fy, fx = (f[:, None] for f in cache.fraction)
    return [((0, 0), (1 - fy) * (1 - fx)), ((0, 1), (1 - fy) * fx), ((1, 0), fy * (1 - fx)), ((1, 1), fy * fx)]


def _cells(corners):
    """Cell sums (C, k, w, w, N) from the table at the corners (C, k, w+1, w+1, N)."""
    strips = corners[:, :, 1:] - corners[:, :, :-1]
    return strips[:, :, :, 1:] - strips[:, :, :, :-1]


def _cotangent_of_cells(dphi, cache):
    """dL/d(cell sum) from dL/dφ: a cell of φ is its sum times unit / s². dphi (N, C·k·w·w) → (C, k, w, w, N)."""
    k, n, N = cache.edges[0].shape
    return dphi.T.reshape(-1, k, n - 1, n - 1, N) * cache.value
