"""Named recipes: the quick default, and every row of the paper's tables."""

import difflib
from typing import NamedTuple

from .config import Config
from .errors import InputError


class Recipe(NamedTuple):
    text: str  # what it is, how long it takes and what it should reach
    settings: dict


# What every recipe shares, found on validation images. The paper gives neither its σ nor its learning rate.
COMMON = {
    "rollouts": 4, "baseline": "rollouts", "location_units": 128, "std": 0.15, "recurrent_init": "he",
    "learning_rate": 2e-3, "weight_average": 0.999,
}  # fmt: skip
MNIST = COMMON | {"final_std": 0.2, "epochs": 60}
TRANSLATED = COMMON | {
    "task": "translated", "canvas": (60, 60), "patch_size": 12, "scales": (1, 2, 4), "final_std": 0.3, "epochs": 60,
}  # fmt: skip
CLUTTERED = TRANSLATED | {"task": "cluttered", "distractors": 4}
CLUTTERED_100 = CLUTTERED | {"canvas": (100, 100), "distractors": 8, "scales": (1, 2, 4, 8)}

RECIPES = {
    # Two scales, not the paper's one: a policy that must find everything with one takes longer to learn.
    "quick": Recipe(
        "the default: MNIST, 6 glimpses of two scales; below 2 % error within 2 minutes",
        COMMON | {"rollouts": 1, "baseline": "batch", "scales": (1, 2), "epochs": 12},
    )
}
for n in range(2, 8):
    RECIPES[f"mnist-{n}"] = Recipe(f"MNIST 28x28, {n} glimpses of 8x8", MNIST | {"glimpses": n})
for name, task, settings in (
    ("translated-60", "translated 60x60, 3 scales", TRANSLATED),
    ("cluttered-60", "cluttered 60x60, 3 scales", CLUTTERED),
    ("cluttered-100", "cluttered 100x100, 4 scales", CLUTTERED_100),
):
    for n in (4, 6, 8):
        RECIPES[f"{name}-{n}"] = Recipe(f"{task}, {n} glimpses of 12x12", settings | {"glimpses": n})
    if name != "translated-60":
        random = settings | {"glimpses": 8, "policy": "random", "rollouts": 1, "baseline": "none"}
        RECIPES[f"{name}-random"] = Recipe(f"{task}, 8 random glimpses", random)

# The paper's networks that see the whole image: (task, its settings, units of the fully connected ones).
WHOLE = ("learning_rate", "weight_average", "epochs", "task", "canvas", "distractors")
for name, task, settings, units in (
    ("mnist", "MNIST 28x28", MNIST, (256,)),
    ("translated-60", "translated 60x60", TRANSLATED, (64, 256)),
    ("cluttered-60", "cluttered 60x60", CLUTTERED, (64, 256)),
    ("cluttered-100", "cluttered 100x100", CLUTTERED_100, ()),
):
    settings = {key: value for key, value in settings.items() if key in WHOLE} | {"learning_rate": 1e-3}
    for n in units:
        text = f"{task}, the whole image: two layers of {n} units"
        RECIPES[f"{name}-fc{n}"] = Recipe(text, settings | {"model": "fc", "classifier_units": n})
    text = f"{task}, the whole image: a convolution and 256 units"
    RECIPES[f"{name}-conv"] = Recipe(text, settings | {"model": "conv"})


def recipe(name):
    """The Config of a recipe. Raises InputError, with the nearest name, for one that does not exist."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "minram recipes lists them."
        raise InputError(f"there is no recipe '{name}'; {hint}")
    return Config(**RECIPES[name].settings)
