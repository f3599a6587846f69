"""The one exception that means "what you gave cannot be used", and the checks that raise it."""

import os
import unicodedata

import numpy as np


def printable(text: object) -> str:
    r"""The text with control characters, line ends among them, as escapes such as \x1b: a terminal obeys the others.

    Names and settings that come from files may hold any.
    """
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in hidden else c for c in str(text))


class InputError(ValueError):
    """Wrong input: one sentence that says what was expected, what came and what to do.

    The command line prints it and ends with exit code 2. What it quotes is made printable.
    """

    def __init__(self, sentence: object) -> None:
        super().__init__(printable(sentence))


def check_shape(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Raise InputError unless `array` has `shape`; None in `shape` matches any length."""
    got = np.shape(array)
    if len(got) != len(shape) or any(want is not None and want != have for want, have in zip(shape, got)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ("," * (len(shape) == 1)) + ")"
        raise InputError(f"{name} should have the shape {wanted}, but has {got}; reshape or transpose it first.")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise InputError unless `value` is a whole number from `low` to `high`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} should be a whole number from {low} to {high}, but is {value!r:.60}.")


def check_path(name: str, value: object) -> None:
    """Raise InputError unless `value` can be a file's or a folder's path, or is None."""
    if value is not None and not (isinstance(value, str | os.PathLike) and os.fspath(value)):
        raise InputError(f"{name} should be a path, but is {value!r:.60}; give it as text, or leave it out.")


def check_labels(labels: np.ndarray, n: int, n_classes: int) -> None:
    """Raise InputError unless `labels` are n integers from 0 to n_classes − 1."""
    check_shape("labels", labels, (n,))
    numbers = labels.dtype.kind in "iuf" and labels.size > 0
    if labels.dtype.kind not in "iu" or (n and not 0 <= labels.min() <= labels.max() < n_classes):
        have = f"go from {labels.min()} to {labels.max()} as {labels.dtype}" if numbers else f"are {labels.dtype}"
        raise InputError(
            f"labels should be integers from 0 to {n_classes - 1}, the classes of the model, but {have}; number them "
            "so, or train a model on them."
        )
