"""What may a factor be called? 16 is M where there are M = 16 rollouts, and so on: all readings, not the likeliest."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

RTOL = (
    1e-6  # a measured factor is as exact as differences are, about 1e-9; two readings this close cannot be told apart
)

# Numbers that turn up in any formula.
COMMON = {
    2.0: "counted twice, or the 2 of a square's derivative once too often",
    0.5: "the 2 of a square's derivative is missing, or a ½ is there twice",
    float(np.log(2)): "ln 2: a logarithm to base 2",
    float(1 / np.log(2)): "1/ln 2: a logarithm to base 2",
    float(np.log(10)): "ln 10: a logarithm to base 10",
    float(1 / np.log(10)): "1/ln 10: a logarithm to base 10",
    255.0: "255: pixels from 0 to 255, or from 0 to 1",
    1 / 255: "1/255: pixels from 0 to 255, or from 0 to 1",
    180 / float(np.pi): "180/π: degrees for radians",
    float(np.pi) / 180: "π/180: radians for degrees",
}


def readings(factor: Any, facts: Mapping[str, Any]) -> list[str]:
    """Everything that a factor can be, in words: of the numbers at hand (facts, by their names), and of COMMON.

    factor and the facts are numbers, or arrays of one shape: one factor a column, such as σ. Counts are whole
    numbers of 2 or more.
    """
    whole = np.ndim(factor) == 0
    size, sign = np.abs(factor), "" if np.all(np.asarray(factor) > 0) else ", and the sign is wrong"
    found = [text for value, text in COMMON.items() if whole and same(size, value)]
    for name, value in facts.items():
        if np.shape(value) == np.shape(factor) and np.all(np.asarray(value) > 0):
            found += [text for made, text in _made_of(name, value) if not same(made, 1.0) and same(size, made)]
    counts = [(name, v) for name, v in facts.items() if whole and np.ndim(v) == 0 and _is_count(v) and "." not in name]
    for i, (one, v) in enumerate(counts):
        for other, w in counts[i + 1 :]:
            found += [f"{one}·{other}: a sum over both where the mean belongs"] * same(size, v * w)
            found += [f"1/({one}·{other}): a mean over both where the sum belongs"] * same(size, 1 / (v * w))
    return [text + sign for text in found]


def _made_of(name: str, value: Any) -> Iterator[tuple[Any, str]]:
    """(number, reading) of everything that a mistake makes of one fact."""
    if _is_count(value):
        yield value, f"{name}: a sum where the mean belongs"
        yield 1 / value, f"1/{name}: a mean where the sum belongs"
        if value == 2:  # what follows would be the same again
            return
        yield 1 - 1 / value, f"1 − 1/{name}: the mean includes the row itself, or one of {name} is not counted"
        yield value / (value - 1), f"{name}/({name} − 1): the mean leaves the row itself out"
    else:
        yield value, f"{name}: a division by {name} is missing, or a factor {name} is there once too often"
        yield 1 / value, f"1/{name}: divided by {name} once too often, or a factor {name} is missing"
        yield value**2, f"{name}²: a division by {name}² is missing, or a factor {name}² is there once too often"
        yield 1 / value**2, f"1/{name}²: divided by {name}² once too often, or a factor {name}² is missing"


def _is_count(value: Any) -> bool:
    return np.ndim(value) == 0 and value == int(value) and value > 1


def same(one: Any, other: Any) -> bool:
    """Are two factors equal as far as differences can tell?"""
    return bool(np.all(np.abs(np.asarray(one) - other) <= RTOL * np.abs(other)))
