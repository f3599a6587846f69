"""minram gradcheck --function module:name: a gradient of the user's own, by the name that was asked for."""

import contextlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from minram.errors import InputError
from minram.gradcheck import Report, check_gradient, check_pair

PACKAGE = Path(__file__).resolve().parents[1]
WANTED = "a Report, (f, params, grads) or (forward, backward, inputs), or a function that returns one of these"


def check_function(name: str) -> Report:
    """Import the module, from the current folder too, and check what the name stands for.

    That is a Report, (f, params, grads), grads a dict or a function of params, (forward, backward, inputs), or a
    function without arguments that returns one of these. Only what is named is imported: the argument is the asking.
    Raises InputError if there is no such name, or if it is none of these.
    """
    module, colon, attribute = name.partition(":")
    if module.endswith(".py"):
        raise InputError(f"--function should read module:name, without .py, but is {name!r:.60}.")
    if not (colon and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])):
        raise InputError(f"--function should read module:name, such as mine:case for mine.py, but is {name!r:.60}.")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        with theirs(name):
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
    with theirs(name):
        case = case() if callable(case) else case
        if isinstance(case, Report):
            return case
        first, second, third = case if isinstance(case, tuple) and len(case) == 3 else (None, None, None)
        if callable(first) and isinstance(second, dict):
            grads = third(second) if callable(third) else third
            if isinstance(grads, dict):
                return check_gradient(first, second, grads)
            raise InputError(f"the gradients of {name} should be a dict of arrays, but are {_what(grads)}; name each.")
        if callable(first) and callable(second) and isinstance(third, dict):
            return check_pair(first, second, third, rng=np.random.default_rng(0))
    raise InputError(f"--function should name {WANTED}, but {name} is {_what(case)}; return one of these.")


@contextlib.contextmanager
def theirs(name: str) -> Iterator[None]:
    """What code of the user's raises in this block, as one sentence with the place; a gradient is then not wrong."""
    try:
        yield
    except (InputError, ModuleNotFoundError):
        raise
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _own(Path(f.filename))]
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise InputError(f"--function names {name}, which fails with {what}{place}; mend it there.") from error


def _own(path):
    return not path.is_relative_to(PACKAGE) and "site-packages" not in path.parts and path.suffix == ".py"


def _what(case: Any) -> str:
    if isinstance(case, tuple):
        return f"({', '.join(type(part).__name__ for part in case)})"
    return f"of type {type(case).__name__}"
