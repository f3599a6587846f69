"""What a setting may be: types with a range that read a value, from a program or from text, and say what they want.

Each has `read(value)`, which returns the value as its type or raises ValueError, TypeError, KeyError or
OverflowError, and `str()`, which completes the sentence "it should be …".
"""

from typing import Any, NamedTuple

import numpy as np


class Text(NamedTuple):
    """Any text."""

    def read(self, value: Any) -> str:
        """The text itself."""
        if not isinstance(value, str):
            raise TypeError
        return value

    def __str__(self):
        return "text"


class Switch(NamedTuple):
    """True or false, also as "yes", "no", 1 and 0."""

    def read(self, value: Any) -> bool:
        """True or False."""
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]

    def __str__(self):
        return "true or false"


class Choice(NamedTuple):
    """One of some names."""

    names: tuple[str, ...]

    def read(self, value: Any) -> str:
        """The name."""
        return self.names[self.names.index(Text().read(value))]

    def __str__(self):
        return f"one of {', '.join(self.names)}"


class Subset(NamedTuple):
    """Some of some names, each once, in their order: a name twice would count twice."""

    names: tuple[str, ...]

    def read(self, value: Any) -> tuple[str, ...]:
        """The names."""
        chosen = {Choice(self.names).read(v) for v in _listed(value)}
        return tuple(sorted(chosen, key=self.names.index))

    def __str__(self):
        return f"some of {', '.join(self.names)}"


class Whole(NamedTuple):
    """A whole number from low to high: 3, "3" or 3.0, but never 3.7, which would hide a mistake."""

    low: int
    high: int

    def read(self, value: Any) -> int:
        """3 of 3, "3" or 3.0."""
        return _within(self, int, value)

    def __str__(self):
        return f"a whole number from {self.low} to {self.high}"


class Real(NamedTuple):
    """A number from low to high."""

    low: float
    high: float

    def read(self, value: Any) -> float:
        """0.1 or "0.1"."""
        return _within(self, float, value)

    def __str__(self):
        return f"a number from {self.low} to {self.high}"


class Wholes(NamedTuple):
    """One or more whole numbers from low to high."""

    low: int
    high: int

    def read(self, value: Any) -> tuple[int, ...]:
        """(1, 2), "1,2" or 1."""
        numbers = tuple(_within(self, int, v) for v in _listed(value))
        if not numbers:
            raise ValueError
        return numbers

    def __str__(self):
        return f"whole numbers from {self.low} to {self.high}"


class Size(NamedTuple):
    """Height and width, whole numbers from low to high: 60, (60, 40), "60x40"."""

    low: int
    high: int

    def read(self, value: Any) -> tuple[int, int]:
        """(height, width)."""
        numbers = Wholes(self.low, self.high).read(value.replace("x", ",") if isinstance(value, str) else value)
        height, width = numbers * 2 if len(numbers) == 1 else numbers
        return height, width

    def __str__(self):
        return f"one or two whole numbers from {self.low} to {self.high}"


class Shape(NamedTuple):
    """Height and width, with or without a number of channels: "60x40", (60, 40, 3); empty: none."""

    largest: int

    def read(self, value: Any) -> tuple[int, ...]:
        """(height, width), (height, width, channels), or ()."""
        items = _listed(value.replace("x", ",") if isinstance(value, str) else value)
        numbers = tuple(Whole(1, self.largest).read(v) for v in items)
        if len(numbers) not in (0, 2, 3):
            raise ValueError
        return numbers

    def __str__(self):
        return f"HxW or HxWxC, of whole numbers from 1 to {self.largest}, or empty"


def _within(bounds, kind, value):
    if isinstance(value, (bool, np.bool_)):
        raise TypeError
    if kind is int and not isinstance(value, str) and value != int(value):
        raise ValueError
    number = kind(value)
    if not bounds.low <= number <= bounds.high:  # a NaN is not
        raise ValueError
    return number


def _listed(value):
    """(1, 2), "1,2", "(1,)" and 1 as a list of their items."""
    if isinstance(value, str):
        text = value.strip("()[] ").removesuffix(",")  # (1,) has one entry
        return [item.strip() for item in text.split(",")] if text else []
    return list(value) if isinstance(value, (tuple, list)) else [value]
