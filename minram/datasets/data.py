"""Labelled images, split into training, validation and test: the embedded MNIST, or your own."""

import zlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minram.datasets.adapt import by_mass, extent
from minram.datasets.formats import normalised
from minram.datasets.labels import encode
from minram.datasets.sources import read
from minram.errors import InputError
from minram.ops import Array

SHARE = 5  # a fifth for the test, where one set is all there is, and at most a fifth of the rest for validation
UNEQUAL = 10  # times as many images of one class as of another are worth a word


class Dataset(NamedTuple):
    """Images (n, H, W) or (n, H, W, C), uint8 or float in [0, 1]; labels (n,), int64, from 0."""

    x_train: Array
    y_train: Array
    x_val: Array
    y_val: Array
    x_test: Array
    y_test: Array
    names: tuple[str, ...] = ()  # of the classes; (): they are called 0, 1, …
    notes: tuple[str, ...] = ()  # what was understood of the data, and what is suspicious, a sentence each

    @property
    def n_classes(self) -> int:
        """The largest label plus 1."""
        return 1 + max(int(y.max()) for y in (self.y_train, self.y_val, self.y_test) if len(y))

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        return self.x_train.shape[1:]

    @property
    def fingerprint(self) -> list[int]:
        """What tells one data set from another: the shape of its training images and a checksum of everything."""
        checksum = 0
        for array in self[:6]:
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
        return [*self.x_train.shape, checksum]

    @property
    def about(self) -> dict[str, Any]:
        """What a run keeps of it, for those who meet the model without the data; JSON can hold it.

        border, mean: how bright training images are along their edges, and in all, in [0, 1]; extent: how large the
        object is on its dark ground, if there is one, as a share of the side; by_mass: whether its centre of mass is
        in the middle, and not that of its outline.
        """
        some = self.x_train[:1000]
        white = 255 if some.dtype == np.uint8 else 1
        edges = [some[:, [0, -1]].mean(), some[:, :, [0, -1]].mean()]
        brightness = {"border": float(np.mean(edges)) / white, "mean": float(some.mean()) / white}
        sizes = {"shape": [*self.image_shape], "extent": extent(some / np.float32(white))}
        if sizes["extent"]:
            sizes["by_mass"] = by_mass(some / np.float32(white))
        return {"names": [*self.names], "notes": [*self.notes]} | sizes | brightness


def load(
    path: str | Path | None = None, n_val: int = 5000, seed: int = 0, image_shape: tuple[int, ...] = ()
) -> Dataset:
    """Load a data set and split its training images, by a permutation fixed by `seed`, into two parts.

    path: None for the embedded MNIST; a .npz file with images and labels under the usual names; a folder with a
    folder of pictures for each class, with or without train/ and test/ above; or a folder of IDX files. (EMNIST
    stores each image transposed; it is left so.) Where there is no test set, a fifth of the images becomes it. Of the
    training images, `n_val` but at most a fifth are for validation, unless the data has a validation set of its own.
    image_shape: (H, W) or (H, W, C) that images are brought to, (): as they are. Raises InputError, with a sentence
    for each kind of fault, if a file is damaged or the images and labels do not fit together.
    """
    if path is None:
        with resources.as_file(resources.files("minram.datasets") / "mnist.npz") as mnist:
            source = read(mnist, image_shape)
    else:
        source = read(path, image_shape)
    parts = [key[2:] for key in source.arrays if key[0] == "x"]  # "train", "test", "val"; or "" where all is one
    y = {part: np.atleast_1d(source.arrays[f"y_{part}" if part else "y"]) for part in parts}
    x = {part: source.arrays[f"x_{part}" if part else "x"] for part in parts}
    x, notes = normalised(x, {part: len(labels) for part, labels in y.items()}, source.shape)
    y, names, more = encode(y, {part: len(images) for part, images in x.items()}, source.names)
    notes = [*source.notes, *notes, *more]
    if "test" not in x:
        whole = "train" if "train" in x else parts[0]
        n = len(x[whole])
        least = SHARE if "val" in x else SHARE + 1
        if n < least:
            raise InputError(
                f"There is no test set, and {n} images are too few to take one from; give {least} or more."
            )
        test, rest = np.split(np.random.default_rng([seed, 1]).permutation(n), [n // SHARE])
        x |= {"test": x[whole][test], "train": x[whole][rest]}
        y |= {"test": y[whole][test], "train": y[whole][rest]}
        notes.append(f"There is no test set, so a fifth of the {n:,} images, drawn with a fixed seed, is kept as one.")
    x_train, y_train = x["train"], y["train"]
    if "val" not in x:
        if n_val < 1 or len(x_train) < SHARE:
            raise InputError(
                "For validation at least 1 and at most a fifth of the training images are needed, but n_val is "
                f"{n_val} of {len(x_train)}; set n_val=1 or more, and give 5 or more images."
            )
        order = np.random.default_rng(seed).permutation(len(x_train))
        val, train = np.split(order, [min(n_val, len(x_train) // SHARE)])
        x |= {"val": x_train[val], "train": x_train[train]}
        y |= {"val": y_train[val], "train": y_train[train]}
    found = Dataset(x["train"], y["train"], x["val"], y["val"], x["test"], y["test"], names)
    return found._replace(notes=(*notes, *_about_classes(found)))


def aligned(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The same data with the classes numbered as in `names`, a model's; unchanged where either has no names.

    Raises InputError for a class that is not among them.
    """
    if not names or not dataset.names or dataset.names == tuple(names):
        return dataset
    if unknown := [name for name in dataset.names if name not in names]:
        raise InputError(
            f"the model knows the classes {', '.join(names[:8])}, but the data has {', '.join(unknown[:8])} too; leave "
            "these images out, or name the classes alike."
        )
    new = np.array([names.index(name) for name in dataset.names])
    return dataset._replace(
        y_train=new[dataset.y_train], y_val=new[dataset.y_val], y_test=new[dataset.y_test], names=tuple(names)
    )


def require_sound(dataset: Dataset) -> None:
    """Raise InputError for a Dataset that was put together by hand and is none: see the fields for what is one."""
    for part in ("train", "val", "test"):
        x, y = (np.asarray(getattr(dataset, f"{kind}_{part}")) for kind in "xy")
        bytes_ = x.dtype == np.uint8
        if x.ndim not in (3, 4) or x.shape[1:] != dataset.image_shape or not (len(x) or part == "test"):
            raise InputError(
                f"x_{part} should hold images (n, H, W) or (n, H, W, C), of one size with x_train, but has the shape "
                f"{x.shape}; see minram.datasets.data.load."
            )
        if not bytes_ and not (x.dtype.kind == "f" and (not x.size or (x.min() >= 0 and x.max() <= 1))):
            raise InputError(f"x_{part} should hold bytes, or floats from 0 to 1, but is {x.dtype}; divide by 255.")
        if y.shape != (len(x),) or y.dtype.kind not in "iu" or (y.size and y.min() < 0):
            raise InputError(f"y_{part} should hold {len(x):,} labels, integers from 0, but has {y.dtype} {y.shape}.")


def class_name(names: Sequence[str], label: Any) -> str:
    """What a class is called: its name, or its number where there are no names."""
    return names[label] if label < len(names) else str(label)


def _about_classes(d):
    """What is suspicious about how many images each class has."""
    counts = np.bincount(d.y_train, minlength=d.n_classes)
    absent = [class_name(d.names, k) for k in np.flatnonzero(counts == 0)]
    if absent:
        shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        yield f"No training image is of class {shown}, which can only be got wrong."
    if len(counts) > len(d.y_train) / 2:
        yield f"There are {len(counts):,} classes for {len(d.y_train):,} training images; are the labels classes?"
    elif counts.max() >= UNEQUAL * max(counts.min(), 1):
        few = int(np.where(counts, counts, counts.max()).argmin())
        yield (
            f"Classes are unequal: of {len(d.y_train):,} training images {counts[few]:,} are of class "
            f"{class_name(d.names, few)}; with class_weights=balanced each class counts alike."
        )
