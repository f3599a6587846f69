"""Images of every kind as the model takes them: (n, H, W) or (n, H, W, C), bytes, or floats in [0, 1].

What can only mean one thing is converted; what cannot is refused, each kind of fault with a sentence of its own.
"""

import math

import numpy as np

from minram.datasets.image import resized
from minram.errors import InputError
from minram.ops import Array

CHANNELS = (1, 2, 3, 4)
LONG = 8  # times as high as wide, or as wide as high: an unlikely picture


def normalised(
    parts: dict[str, Array], labels: dict[str, int], shape: tuple[int, ...] = ()
) -> tuple[dict[str, Array], list[str]]:
    """The images of all parts in one shape and type → ({part: images}, what there is to say).

    parts: {"train": x, "test": x}; labels: how many labels each has; shape: (H, W) or (H, W, C) that they are brought
    to, () for as they are. Raises InputError.
    """
    notes: list[str] = []
    found = {}
    for part, x in parts.items():
        name = f"x_{part}" if part else "x"
        x = _folded(name, np.asarray(x), labels[part], shape)
        found[part] = _ranged(name, _channels_last(name, x, notes))
    shapes, kinds = {x.shape[1:] for x in found.values()}, {x.dtype.kind for x in found.values()}
    if not shape and len(shapes) > 1:
        listed = ", ".join(f"{x.shape[1:]} in x_{part}" for part, x in found.items())
        raise InputError(f"images should have one shape, but have {listed}; say to which with image_shape=HxW.")
    if len(kinds) > 1:
        listed = ", ".join(f"{x.dtype} in x_{part}" for part, x in found.items())
        raise InputError(f"images should be of one kind, but are {listed}; divide the bytes by 255.")
    dtype = np.result_type(*found.values())
    found = {part: _brought_to(x.astype(dtype, copy=False), shape) for part, x in found.items()}
    _suspect(found, notes)
    return found, notes


def _folded(name, x, n, shape):
    """Rows of numbers as images, and InputError for what is no array of images."""
    if x.size == 0 or x.ndim not in (2, 3, 4) or x.dtype.kind not in "biuf":
        raise InputError(
            f"{name} should hold images of the shape (n, H, W) or (n, H, W, C), as numbers, but has the shape "
            f"{x.shape} and is {x.dtype}; reshape or convert it."
        )
    if len(x) != n and x.shape[-1] == n:
        raise InputError(
            f"{name} should have its {n:,} images along the first axis, but has the shape {x.shape}, with them along "
            "the last; give np.moveaxis(x, -1, 0)."
        )
    if x.ndim > 2:
        return x
    numbers = x.shape[1]
    side = math.isqrt(numbers)
    if shape and math.prod(shape) == numbers:
        return x.reshape(len(x), *shape)
    if side * side == numbers and not shape:
        return x.reshape(len(x), side, side)
    does = f"image_shape={'x'.join(map(str, shape))} makes {math.prod(shape)}" if shape else "that is no square"
    raise InputError(
        f"{name} holds {numbers} numbers an image, but {does}; say their shape with image_shape=HxW, or HxWxC for "
        "colours that lie side by side."
    )


def _channels_last(name, x, notes):
    """(n, H, W, C), of (n, C, H, W) too where that is unmistakable; a single channel is left out."""
    if x.ndim == 4 and x.shape[3] not in CHANNELS:
        if x.shape[1] not in (1, 3, 4):
            raise InputError(
                f"{name} has the shape {x.shape}, but {x.shape[3]} along the last axis is no number of channels, which "
                "are 1 to 4; give images as (n, H, W, C)."
            )
        notes.append(f"{name} {x.shape} has its channels first; they are put last.")
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    return x[..., 0] if x.ndim == 4 and x.shape[3] == 1 and min(x.shape[1:3]) > 1 else x


def _ranged(name, x):
    """Bytes, or float32 or float64 in [0, 1]."""
    if x.dtype == np.bool_:
        return x.astype(np.uint8) * np.uint8(255)
    low, high = x.min(), x.max()
    if x.dtype.kind in "iu":
        return _bytes(name, x, int(low), int(high))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"{name} holds numbers that are not finite, as a NaN; replace them, or leave their images out."
        )
    span = f"from {low:.4g} to {high:.4g}"
    if low < 0:
        remedy = "take (x + 1)/2" if low >= -1 and high <= 1 else "undo it, or take (x − min)/(max − min) of all images"
        raise InputError(f"{name} should hold floats in [0, 1], but goes {span}, as if standardised; {remedy}.")
    if high > 255:
        raise InputError(f"{name} should hold floats in [0, 1], but goes {span}; divide by the largest possible value.")
    if high > 1:
        by = 255 if high > 16 else math.ceil(high)
        remedy = "divide bytes by 255, or save them as uint8" if by == 255 else f"divide by {by}"
        raise InputError(f"{name} should hold floats in [0, 1], but goes {span}; {remedy}.")
    return x.astype(np.float32) if x.dtype == np.float16 else x.astype(x.dtype.newbyteorder("="), copy=False)


def _bytes(name, x, low, high):
    if low < 0:
        raise InputError(
            f"{name} should hold bytes from 0 to 255, but goes from {low} to {high}; add {-low}, or save it as uint8."
        )
    if high > 255:
        raise InputError(
            f"{name} should hold bytes from 0 to 255, but goes to {high}, as 16-bit images do; divide by "
            f"{65535 if high > 4095 else 4095 if high > 1023 else 1023} and save it as float32."
        )
    return x.astype(np.uint8, copy=False)


def _brought_to(x, shape):
    """Images of another size and, where a third number says so, of so many channels."""
    if not shape:
        return x
    if x.shape[1:3] != shape[:2]:
        x = np.stack([resized(one, shape[:2]) for one in x])
    channels = x.shape[3] if x.ndim == 4 else 1
    if shape[2:] and shape[2] != channels:
        raise InputError(
            f"image_shape asks for {shape[2]} channels, but the images have {channels}; leave the third number out."
        )
    return x


def _suspect(found, notes):
    """What is possible, but unlikely; InputError for what is black."""
    high = max(x.max() for x in found.values())
    if high.dtype == np.uint8 and high <= 1:
        raise InputError(
            f"images hold whole numbers that never exceed {high}, which as bytes is black; save them as bool, or "
            "multiply them by 255."
        )
    if high <= (16 if high.dtype == np.uint8 else 1 / 16):
        remedy = f"multiply by 255/{high}" if high.dtype == np.uint8 else "were they divided by 255 twice"
        notes.append(f"The images never exceed {high:.3g}, which is nearly black: {remedy}?")
    H, W = next(iter(found.values())).shape[1:3]
    if max(H, W) >= LONG * min(H, W) and max(H, W) > LONG:
        notes.append(f"The images are {H} pixels high and {W} wide; are the axes in the order (n, H, W)?")
