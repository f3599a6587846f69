"""What names of arrays, files and folders mean: x_train, trainLabels, t10k-images, valid/."""

import re
from collections.abc import Iterable

SPLITS = {"train": ("train", "training", "tr"), "test": ("test", "testing", "te", "t10k"), "val": ("val", "valid")}
SPLITS["val"] += ("validation", "dev")
# The first that is there is taken: scikit-learn's digits have "images" (n, 8, 8) and "data" (n, 64).
IMAGES = ("x", "images", "image", "imgs", "img", "pixels", "data", "features", "inputs", "samples")
LABELS = ("y", "labels", "label", "targets", "target", "lbls", "classes", "class")
CLASS_NAMES = ("class_names", "classnames", "target_names", "label_names", "names", "categories", "classes")

_SPLIT = {word: split for split, words in SPLITS.items() for word in words}


def split_of(name: str) -> str:
    """ "train", "test" or "val" for a name that means one of them, whatever its case; "" for any other."""
    return _SPLIT.get(name.lower().strip(" _-."), "")


def split_in(name: str) -> str:
    """The same for a name that has such a word in it, as emnist-letters-test-images does."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((_SPLIT[word] for word in words if word in _SPLIT), "")


def roles(names: Iterable[str]) -> dict[str, str]:
    """{"x_train": the name that means it, …}: x and y of "train", "test" and "val", or plain "x" and "y"."""
    ranked: dict[str, tuple[int, str]] = {}
    for name in names:
        for key, rank in _meanings(name):
            if key not in ranked or rank < ranked[key][0]:
                ranked[key] = rank, name
    return {key: name for key, (_, name) in ranked.items()}


def _meanings(name):
    """(role, rank among its synonyms) of a name such as X_train, trainX, train_images or labels."""
    lower = name.lower().strip("_")
    words = [(lower, "")]
    for word, split in _SPLIT.items():
        if lower.startswith(word):
            words.append((lower[len(word) :], f"_{split}"))
        if lower.endswith(word):
            words.append((lower[: -len(word)], f"_{split}"))
    for rest, split in words:
        kind = rest.strip("_-. ")
        if kind in IMAGES:
            yield "x" + split, IMAGES.index(kind)
        if kind in LABELS:
            yield "y" + split, LABELS.index(kind)
