"""Named recipes: the settings that make each row of the paper's tables, and the quick default."""

import difflib
from typing import NamedTuple

from .config import Config
from .errors import InputError


class Recipe(NamedTuple):
    text: str
    settings: dict


RECIPES = {
    "quick": Recipe("MNIST, 6 glimpses: the default", {"epochs": 20}),
}


def recipe(name):
    """The Config of a recipe. Raises InputError, with the nearest name, for one that does not exist."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "minram recipes lists them."
        raise InputError(f"there is no recipe '{name}'; {hint}")
    return Config(**RECIPES[name].settings)
