"""Labels of every kind as numbers from 0, and the names that they had."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.ops import Array

MAX_CLASSES = 10_000  # one wrong label in a damaged file must not make a label head of a billion rows


def encode(
    parts: dict[str, Array], counts: dict[str, int], given: Sequence[str] = ()
) -> tuple[dict[str, Array], tuple[str, ...], list[str]]:
    """The labels of all parts as int64 from 0, the names of the classes, and what there is to say.

    parts: {"train": y, "test": y}, each (n,), (n, 1) or one-hot (n, K), of integers, whole floats, booleans or text;
    counts: how many images each part has. given: the names of the classes 0, 1, …, if the file has them. Classes are
    all that occur in any part. Names are empty where the labels were 0, 1, …, K − 1 and have no others. Raises
    InputError, a sentence for each kind of fault.
    """
    flat = {part: _flat(f"y_{part}" if part else "y", np.asarray(y), counts[part]) for part, y in parts.items()}
    kinds = {part: "text" if y.dtype.kind == "U" else "numbers" for part, y in flat.items()}
    if len(set(kinds.values())) > 1:
        raise InputError(f"labels should be of one kind, but are {kinds}; save all of them as text or as numbers.")
    found: dict[str, tuple[list, Array]] = {}
    for part, y in flat.items():
        values, inverse = np.unique(y, return_inverse=True)
        found[part] = values.tolist(), inverse
    classes = sorted(set().union(*(values for values, _ in found.values())))
    _check_number(classes)
    index = {value: i for i, value in enumerate(classes)}
    labels = {part: np.array([index[v] for v in values])[inverse] for part, (values, inverse) in found.items()}
    plain = classes == list(range(len(classes)))
    if given and "text" not in kinds.values() and classes[0] >= 0 and classes[-1] < len(given):
        names = [str(given[value]) for value in classes]
    else:
        names = [] if plain else [str(value) for value in classes]
    notes = []
    if not plain and "text" not in kinds.values():
        shown = ", ".join(map(str, classes[:4])) + (f", …, {classes[-1]}" if len(classes) > 4 else "")
        notes.append(f"The labels are {shown}: {len(classes)} classes, which keep these names.")
    return labels, _distinct([*map(_printable, names)]), notes


def _flat(name, y, n):
    """The labels as (n,) integers or text."""
    if y.ndim == 2 and 1 in y.shape:
        y = y.reshape(-1)
    if y.ndim == 2 and len(y) == n:
        y = _from_one_hot(name, y)
    if y.shape != (n,):
        raise InputError(
            f"{name} should hold one label for each of the {n:,} images, but has the shape {y.shape}; give labels "
            "and images of the same length, in the same order."
        )
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise InputError(f"{name} should hold labels, but some are not finite; remove those images, or label them.")
        if (y != np.round(y)).any():
            raise InputError(
                f"{name} should hold classes, but has values such as {y[y != np.round(y)][0]:.4g}; this is a "
                "classifier, so make classes of them, such as np.digitize(y, bins)."
            )
        y = y.astype(object) if np.abs(y).max() >= 2**62 else y.astype(np.int64)
    if y.dtype.kind not in "biuUO":
        raise InputError(f"{name} should hold integers or text, but holds {y.dtype}; convert it.")
    return y.astype(np.int64) if y.dtype.kind == "b" else y


def _from_one_hot(name, y):
    if y.dtype.kind not in "biuf":
        raise InputError(f"{name} should hold one label an image, but holds {y.shape[1]} texts; take one column.")
    binary, sums = np.isin(y, (0, 1)).all(), y.sum(axis=1)
    if binary and (sums == 1).all():
        return y.argmax(axis=1)
    if binary:
        raise InputError(
            f"{name} marks {int(sums.min())} to {int(sums.max())} classes an image, but this is a classifier of one "
            "label an image; leave out the images with none or several."
        )
    raise InputError(
        f"{name} should hold one label an image, or rows with a single 1, but has the shape {y.shape} and values from "
        f"{y.min():.4g} to {y.max():.4g}; if they are probabilities, take y.argmax(axis=1)."
    )


def _check_number(classes):
    if len(classes) > MAX_CLASSES:
        raise InputError(
            f"labels should be of at most {MAX_CLASSES:,} classes, but there are {len(classes):,}; are they numbers of "
            "images? Give each image the number of its class."
        )
    if len(classes) < 2:
        raise InputError(f"labels should be of two classes or more, but all are {str(classes[0])[:40]}; add another.")


def _distinct(names):
    """The names, with the number of the class where two have become one."""
    often = Counter(names)
    return tuple(f"{name[:32]} #{k}" if often[name] > 1 else name for k, name in enumerate(names))


def _printable(name: Any) -> str:
    """One line of at most 40 printable characters."""
    text = "".join(c if c.isprintable() else "?" for c in str(name).strip())
    return text if len(text) <= 40 else text[:39] + "…"
