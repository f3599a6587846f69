"""What a task is: a function that students write, inputs that are drawn from a seed, right and typically wrong answers.

An answer is an array, or a tuple or dict of answers. A path leads into it: "1.scale" is answer[1]["scale"], and "" the
whole. What follows "@" is a piece of the array that is found there: "0@-1" is answer[0][-1], "@..2" is answer[..., 2].
The path "!warnings" is the number of warnings that NumPy gave.
"""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """A piece of an answer that has points of its own; cases: the numbers of those that count for it, () for all."""

    label: str
    path: str
    points: float
    cases: tuple[int, ...] = ()


class Wrong(NamedTuple):
    """A mistake that is known: what is said to it, the share of a part's points that it leaves, how it is made."""

    sentence: str
    share: float
    function: Callable[..., Any]


class Task(NamedTuple):
    """draw(rng) → the inputs of each case, a tuple of arguments; right(*inputs) → the answer.

    facts(*inputs) → names for numbers that a wrong factor may be, such as {"T": 5}. Where the sheet has numbers for a
    pencil, they are the first case.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    draw: Callable[[np.random.Generator], list[tuple]]
    right: Callable[..., Any]
    wrong: tuple[Wrong, ...] = ()
    facts: Callable[..., dict] = lambda *inputs: {}
    pencil: bool = False


WARNINGS = "!warnings"


def only(**keys):
    """The answer to a prediction in which these are typically wrong; of the other keys no mistake is known."""
    return dict.fromkeys("abcd", np.nan) | keys


def pick(answer, path):
    """The array at a path. Raises LookupError or TypeError where the answer has no such place."""
    place, _, piece = path.partition("@")
    for step in place.split(".") if place else ():
        answer = answer[step if isinstance(answer, dict) else int(step)]
    return piece_of(np.asarray(answer, float), piece)


def piece_of(array, piece):
    """A step of an array, or a component: "-1", "..2", or all of it: ""."""
    if not piece:
        return array
    return array[..., int(piece[2:])] if piece.startswith("..") else array[int(piece)]


def rng_of(seed, name):
    """The generator of a task's inputs. The seed may be any text; inputs of one task tell nothing of another's."""
    return np.random.default_rng(list(hashlib.sha256(f"{seed}\n{name}".encode()).digest()))


def key_of(task, seed):
    """What the grader has to know of a task, in plain dicts, lists and arrays: no function is left in it."""
    inputs = task.draw(rng_of(seed, task.name))

    def answers(function):
        paths = [part.path for part in task.parts]
        return [{path: _expected(function(*_copied(case)), path) for path in paths} for case in inputs]

    with np.errstate(all="ignore"):
        return {
            "name": task.name,
            "title": task.title,
            "pencil": task.pencil,
            "parts": [part._asdict() for part in task.parts],
            "inputs": inputs,
            "right": answers(task.right),
            "wrong": [{"sentence": w.sentence, "share": w.share, "answers": answers(w.function)} for w in task.wrong],
            "facts": [task.facts(*case) for case in inputs],
        }


def _expected(answer, path):
    return np.zeros(()) if path == WARNINGS else pick(answer, path)


def _copied(inputs):
    if isinstance(inputs, tuple):
        return tuple(map(_copied, inputs))
    return inputs.copy() if isinstance(inputs, np.ndarray) else inputs
