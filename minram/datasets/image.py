"""One image from whatever a caller has: an array, a picture's path, a Pillow image."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.ops import Array

MOST_PIXELS = 8 * 1032  # a byte: of one bit each, and as small as deflate can make them
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


def read_image(source: Any, channels: int = 1) -> Array:
    """The image as the model takes it → (H, W), or (H, W, C) for C = `channels` > 1; uint8, or float32 in [0, 1].

    source: an array (H, W) or (H, W, C) of bytes, integers from 0 to 255, booleans, or floats in [0, 1]; the path of
    a picture; a Pillow image. Grey is repeated for a model of three colours, colours become grey (their luminance)
    for a model of one; what is transparent shows white. Raises InputError for anything else.
    """
    if isinstance(source, str | os.PathLike):
        source = _read_picture(Path(source))
    elif hasattr(source, "convert") and hasattr(source, "mode"):  # Pillow's, which need not be installed
        if source.mode.startswith("I;16"):  # convert would clip at 255
            source = np.asarray(source, np.float32) / 65535
        elif source.mode not in ("1", "L", "LA", "RGB", "RGBA", "I", "F"):
            source = source.convert("RGB")
    x = np.asarray(source)
    if x.ndim not in (2, 3) or 0 in x.shape:
        raise InputError(
            f"an image should be an array (H, W) or (H, W, C), but has the shape {x.shape}; give one image, or a batch "
            "of them as (n, H, W[, C])."
        )
    x = _in_range(x)
    return _in_colours(x, channels)


def resized(x: Array, size: Any) -> Array:
    """The image at another size (h, w): each pixel is the mean of the area that it covers.

    x (H, W) or (H, W, C), bytes or floats → (h, w) or (h, w, C) of the same type.
    """
    (H, W), (h, w) = x.shape[:2], size
    rows = np.tensordot(_areas(h, H), x, axes=(1, 0))  # (h, W[, C])
    y = np.moveaxis(np.tensordot(_areas(w, W), rows, axes=(1, 1)), 0, 1)  # (h, w[, C])
    return np.round(y).astype(np.uint8) if x.dtype == np.uint8 else y.astype(x.dtype)


def _areas(n, N):
    """The share (n, N) that each of N cells has in each of the n cells that divide the same length."""
    edges, cells = np.linspace(0, N, n + 1)[:, None], np.arange(N)  # (n+1, 1), (N,)
    return np.clip(np.minimum(edges[1:], cells + 1) - np.maximum(edges[:-1], cells), 0, None) * n / N


def split_batch(source: Any, channels: int) -> list[Any] | None:
    """The images of a batch, or None for a single image.

    A batch is a list, a tuple, or an array (n, H, W, C) or (n, H, W). An array of three axes is a single image if the
    last has 1, 3, 4 or `channels` entries: a batch of grey images as narrow as that is given as (n, H, W, 1).
    """
    if isinstance(source, list | tuple):
        return list(source)
    shape: tuple[int, ...] = source.shape if isinstance(source, np.ndarray) else ()
    single = len(shape) == 3 and shape[2] in (1, 3, 4, channels)
    return list(source) if len(shape) in (3, 4) and not single else None


def _read_picture(path):
    import matplotlib.image

    try:
        if not path.is_file():
            raise OSError("there is no such file" if not path.exists() else "it is not a regular file")
        _believable(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Pillow's own limit: 90 million pixels. It holds for no file that is opened as a PNG by its name.
            warnings.filterwarnings("error", "Image size")
            x = matplotlib.image.imread(path, format="any")
            return _upright(x / np.float32(65535) if x.dtype == np.uint16 else x, path)
    except Exception as error:  # for damaged bytes Pillow raises a dozen kinds
        reason = str(error)[:300] or type(error).__name__
        raise InputError(f"Cannot read {path} as a picture ({reason}); give a PNG or JPEG file.") from None


def _upright(x, path):
    """The picture turned as its camera says (Exif), where it says how."""
    import matplotlib.image

    with matplotlib.image.PIL.Image.open(path) as picture:  # type: ignore[attr-defined]  # imread's own Pillow
        orientation = picture.getexif().get(0x0112, 1)
    if orientation in (5, 6, 7, 8):
        x = x.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        x = x[:, ::-1]
    return x[::-1] if orientation in (3, 4, 7, 8) else x


def _believable(path):
    """Raise ValueError for a PNG that says it is larger than its bytes can hold, which Pillow would fill with 0."""
    with open(path, "rb") as file:
        head, size = file.read(24), os.fstat(file.fileno()).st_size
    width, height = (int.from_bytes(head[i : i + 4], "big") for i in (16, 20))
    if head.startswith(b"\x89PNG") and width * height > MOST_PIXELS * size:
        raise ValueError(f"{size} bytes are no picture of {width}x{height} pixels")


def _in_range(x):
    """Booleans and integers as bytes, floats in [0, 1] as float32."""
    if x.dtype == np.bool_:
        return x.astype(np.uint8) * np.uint8(255)
    low, high = (x.min(), x.max()) if x.dtype.kind in "iuf" else (np.nan, np.nan)
    if x.dtype.kind in "iu" and 0 <= low and high <= 255:
        return x.astype(np.uint8)
    if x.dtype.kind == "f" and 0 <= low and high <= 1:
        return x.astype(np.float32)
    raise InputError(
        f"an image should hold bytes, booleans, or floats from 0 to 1, but holds {x.dtype} from {low} to {high}; "
        "divide floats from 0 to 255 by 255, and map others to [0, 1]."
    )


def _in_colours(x, channels):
    has = x.shape[2] if x.ndim == 3 else 1
    if has in (2, 4) and has != channels:  # the last is how opaque it is; behind it is white paper
        white = 255 if x.dtype == np.uint8 else 1
        opaque = x[..., has - 1 :] / np.float32(white)
        x, has = (opaque * x[..., : has - 1] + (1 - opaque) * white).round(7).astype(x.dtype), has - 1
    if has != channels and {has, channels} != {1, 3}:
        raise InputError(
            f"this model sees {channels} channels, but the image has {has}; give it images as it was trained on."
        )
    if has == channels:
        return x if channels > 1 or x.ndim == 2 else x[..., 0]
    if channels == 3:
        return np.repeat(x.reshape(*x.shape[:2], 1), 3, axis=2)
    grey = x @ LUMINANCE
    return np.round(grey).astype(np.uint8) if x.dtype == np.uint8 else grey.astype(np.float32)
