"""Labelled images, split into training, validation and test: the embedded MNIST, or your own."""

import re
import zlib
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minram.errors import InputError, check_shape
from minram.ops import Array
from minram.storage.reading import read_idx, read_npz

KEYS = ("x_train", "y_train", "x_test", "y_test")
# train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte.gz
IDX_NAME = re.compile(r"(.*-)?(train|t10k|test)-(images|labels)[-.]idx[134]-ubyte(\.gz)?")
MAX_CLASSES = 10_000  # one wrong label in a damaged file must not make a label head of a billion rows


class Dataset(NamedTuple):
    """Images (n, H, W) or (n, H, W, C), uint8 or float in [0, 1]; labels (n,), int64, from 0."""

    x_train: Array
    y_train: Array
    x_val: Array
    y_val: Array
    x_test: Array
    y_test: Array

    @property
    def n_classes(self) -> int:
        """The largest label plus 1."""
        return 1 + int(max(self.y_train.max(), self.y_val.max(), self.y_test.max()))

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        return self.x_train.shape[1:]

    @property
    def fingerprint(self) -> list[int]:
        """What tells one data set from another: the shape of its training images and a checksum of everything."""
        checksum = 0
        for array in self:
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
        return [*self.x_train.shape, checksum]


def load(path: str | Path | None = None, n_val: int = 5000, seed: int = 0) -> Dataset:
    """Load a data set and split its training images, by a permutation fixed by `seed`, into two parts.

    path: None for the embedded MNIST; a .npz file with x_train, y_train, x_test and y_test; or a folder with
    four IDX files, gzipped or not, under the names that MNIST, Fashion-MNIST, KMNIST and EMNIST use. (EMNIST
    stores each image transposed; it is left so.) Of the training images, `n_val` but at most a fifth are for
    validation. Raises InputError if a file is damaged or the images and labels do not fit together.
    """
    if path is None:
        with resources.as_file(resources.files("minram.datasets") / "mnist.npz") as mnist:
            arrays = _read_keys(mnist)
    else:
        arrays = _read_folder(path) if Path(path).is_dir() else _read_keys(path)
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    y_train = _check_part("train", x_train, y_train)
    y_test = _check_part("test", x_test, y_test)
    if x_train.shape[1:] != x_test.shape[1:] or x_train.dtype != x_test.dtype:
        raise InputError(
            f"x_train and x_test should hold images of one shape and dtype, but hold {x_train.shape[1:]} "
            f"{x_train.dtype} and {x_test.shape[1:]} {x_test.dtype}; resize or convert one of them."
        )
    if n_val < 1 or len(x_train) < 5:
        raise InputError(
            "For validation at least 1 and at most a fifth of the training images are needed, but n_val is "
            f"{n_val} of {len(x_train)}; set n_val=1 or more, and give 5 or more images."
        )
    order = np.random.default_rng(seed).permutation(len(x_train))
    val, train = np.split(order, [min(n_val, len(x_train) // 5)])
    return Dataset(x_train[train], y_train[train], x_train[val], y_train[val], x_test, y_test)


def _read_keys(path):
    arrays = read_npz(path, KEYS)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(
            f"{path} should hold the arrays {', '.join(KEYS)}, but of these it holds {sorted(arrays) or 'none'}; "
            f"rename or add {' and '.join(missing)}."
        )
    return arrays


def _read_folder(folder):
    found: dict[str | None, dict[str, Path]] = {}
    try:
        paths = sorted(Path(folder).iterdir(), reverse=True)  # reversed: a plain file replaces its .gz
    except OSError as error:
        raise InputError(f"Cannot read the folder {folder} ({error.strerror}): check its permissions.") from error
    for path in paths:
        if match := IDX_NAME.fullmatch(path.name):
            prefix, part, kind, _ = match.groups()
            key = ("x" if kind == "images" else "y") + ("_train" if part == "train" else "_test")
            found.setdefault(prefix, {})[key] = path
    if len(found) != 1 or len(*found.values()) != len(KEYS):
        names = sorted(path.name for files in found.values() for path in files.values())
        raise InputError(
            f"{folder} should hold the four IDX files of one data set, such as train-images-idx3-ubyte.gz, "
            f"train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, but holds "
            f"{names[:8]}; put exactly these four in one folder."
        )
    return {key: read_idx(path) for key, path in found.popitem()[1].items()}


def _check_part(part, x, y):
    """Check the images and labels of one part; return the labels as int64."""
    if x.ndim not in (3, 4) or 0 in x.shape or x.dtype not in (np.uint8, np.float32, np.float64):
        raise InputError(
            f"x_{part} should hold images of the shape (n, H, W) or (n, H, W, C), as uint8, or as float32 or "
            f"float64 in [0, 1], but has the shape {x.shape} and is {x.dtype}; reshape or convert it."
        )
    if x.dtype != np.uint8 and not (x.min() >= 0 and x.max() <= 1):  # a NaN fails this too
        raise InputError(
            f"x_{part} should hold finite floats in [0, 1], but goes from {x.min()} to {x.max()}; "
            "divide bytes by 255, or save them as uint8."
        )
    check_shape(f"y_{part}", y, (len(x),))
    labels = y.astype(np.int64) if y.min() >= 0 and y.max() < MAX_CLASSES else None
    if labels is None or (labels != y).any():
        raise InputError(
            f"y_{part} should hold integer labels from 0 to {MAX_CLASSES - 1}, but goes from {y.min()} "
            f"to {y.max()} as {y.dtype}; number your classes 0, 1, 2, ..."
        )
    return labels
