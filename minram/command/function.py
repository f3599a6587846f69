"""minram gradcheck --function module:name: a gradient of the user's own, by the name that was asked for."""

import os
import pkgutil
import sys
from functools import reduce
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.gradcheck import Report, check_gradient, check_pair

WANTED = "a Report, (f, params, grads) or (forward, backward, inputs), or a function that returns one of these"


def check_function(name: str) -> Report:
    """Import the module, from the current folder too, and check what the name stands for.

    That is a Report, (f, params, grads), grads a dict or a function of params, (forward, backward, inputs), or a
    function without arguments that returns one of these. Only what is named is imported: the argument is the asking.
    Raises InputError if there is no such name, or if it is none of these.
    """
    module, colon, attribute = name.partition(":")
    if not (colon and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])):
        raise InputError(f"--function should read module:name, such as mine:case for mine.py, but is {name!r:.60}.")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        owner = pkgutil.resolve_name(f"{module}:")
    except ModuleNotFoundError as error:
        sentence = (
            f"--function names {name}, but there is {str(error)[0].lower()}{str(error)[1:]}; run it where it can be"
        )
        raise InputError(f"{sentence} imported.") from None
    finally:
        sys.path.remove(here)
    try:
        case = reduce(getattr, attribute.split("."), owner)
    except AttributeError as error:
        raise InputError(f"--function names {name}, but {error}; correct the name after the colon.") from None
    case = case() if callable(case) else case
    if isinstance(case, Report):
        return case
    if not (isinstance(case, tuple) and len(case) == 3 and callable(case[0])):
        raise InputError(f"--function should name {WANTED}, but {name} is {_what(case)}; return one of these.")
    first, second, third = case
    if isinstance(second, dict):
        return check_gradient(first, second, third(second) if callable(third) else third)
    if callable(second) and isinstance(third, dict):
        return check_pair(first, second, third, rng=np.random.default_rng(0))
    raise InputError(f"--function should name {WANTED}, but {name} is {_what(case)}; return one of these.")


def _what(case: Any) -> str:
    if isinstance(case, tuple):
        return f"({', '.join(type(part).__name__ for part in case)})"
    return f"of type {type(case).__name__}"
