"""What a sheet is: what is given, the questions, their answers, and the slips that one can make."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Own = dict[str, np.ndarray]  # answers to the questions of a sheet by their letters, of whoever solves it


class Slip(NamedTuple):
    value: np.ndarray  # what comes out, in the shape of the answer
    sentence: str


class Question(NamedTuple):
    """One line of answers.txt: its key, and its numbers row by row."""

    key: str  # "1a": the sheet, then the question
    text: str  # Typst
    hint: str  # the formula, Typst
    value: np.ndarray
    slips: tuple[Slip, ...] = ()
    unit: str = ""  # "q" where numbers are multiples of it
    round_to: int | None = None  # decimals, where a number is not exact
    after: Callable[[Own], np.ndarray] | None = None  # what is right after these answers to the questions before


class Given(NamedTuple):
    name: str  # Typst mathematics
    value: np.ndarray


class Sheet(NamedTuple):
    number: int
    title: str
    text: str  # Typst
    given: tuple[Given, ...]
    questions: tuple[Question, ...]
    lesson: str  # where the derivation is


def question(number, letter, text, hint, value, *slips, unit="", round_to=None, after=None):
    """A Question whose slips are pairs (value, sentence); those that come to the right answer are left out."""
    value = np.atleast_2d(np.asarray(value, float))
    kept = tuple(Slip(np.asarray(wrong, float).reshape(value.shape), sentence) for wrong, sentence in slips)
    kept = tuple(slip for slip in kept if not np.allclose(slip.value, value))
    return Question(f"{number}{letter}", text, hint, value, kept, unit, round_to, after)
