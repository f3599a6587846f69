"""What a forward pass returns: an array, or a tuple, list, dict, dataclass or object of arrays, nested as you like."""

import copy
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np


def is_floating(a: Any) -> bool:
    """Does it have a cotangent? Arrays and NumPy's scalars of real numbers do; integers, names and None do not."""
    return isinstance(a, np.ndarray | np.floating) and a.dtype.kind == "f"


def leaves(y: Any) -> list[Any]:
    """The arrays of an output, and whatever else is in it, in order."""
    parts = _parts(y)
    return [y] if parts is None else [leaf for part in parts.values() for leaf in leaves(part)]


def like(y: Any, values: list[Any]) -> Any:
    """An output built like y, of other leaves: the cotangent of y."""
    rest = iter(values)

    def build(y):
        parts = _parts(y)
        return next(rest) if parts is None else _of_parts(y, {name: build(part) for name, part in parts.items()})

    return build(y)


def _parts(y):
    if isinstance(y, tuple | list):
        return dict(enumerate(y))
    if isinstance(y, dict):
        return y
    return vars(y) if hasattr(y, "__dict__") and not isinstance(y, np.ndarray | type | Callable) else None


def _of_parts(y, parts):
    if isinstance(y, tuple | list):
        return type(y)(*parts.values()) if hasattr(y, "_fields") else type(y)(parts.values())
    if isinstance(y, dict):
        return parts
    if is_dataclass(y) and not isinstance(y, type):
        return replace(y, **parts)
    made = copy.copy(y)
    vars(made).update(parts)
    return made
