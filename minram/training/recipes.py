"""Named recipes: the quick default, and every row of the paper's tables.

What each choice was found to be worth is on the tables' page, tutorials/tables/README.md.
"""

import difflib
from typing import Any, NamedTuple

from minram.errors import InputError
from minram.training.config import Config

Settings = dict[str, Any]


class Recipe(NamedTuple):
    text: str
    settings: Settings
    minutes: float  # what it takes on one core of about 140 GFLOP/s
    error: float  # in percent: the paper's figure (Mnih et al. 2014, tables 1 and 2), and of quick its own


# Where every agent's recipe begins, found on validation images. The paper gives neither its σ nor its learning rate.
COMMON: Settings = {"location_units": 128, "recurrent_init": "he", "learning_rate": 2e-3, "weight_average": 0.999}

# Two scales, not the paper's one: a policy that must find everything with one takes longer to learn. Two parts a step:
# two cores make four no faster, as the products of small parts are slower.
# A mean that left the image would stay outside; the pull back changes nothing where none does.
QUICK = COMMON | {"std": 0.15, "border_weight": 1.0, "baseline": "batch", "scales": (1, 2), "epochs": 12, "shards": 2}

# The paper's rows: a label and its probability as a reward after each glimpse, so that a location is judged soon
# after it is chosen, and a little of REINFORCE into the core, whose state must tell where to look next.
AGENT = COMMON | {
    "rollouts": 2,
    "baseline": "rollouts",
    "label_steps": "every",
    "reward_steps": "every",
    "reward": "probability",
    "flow": ("label", "location"),
    "location_weight": 0.2,
}
# The digits of MNIST are in the middle: a first glimpse anywhere, as in the paper, often sees none of them. There are
# only so many digits, shown again in every epoch, and agents learn them by heart; weight decay helps.
MNIST = AGENT | {"std": 0.25, "final_std": 0.2, "start": "gaussian", "weight_decay": 0.1}
# λ falls as σ does. Translated digits are learned by heart too: more rollouts, and more decay.
TRANSLATED = AGENT | {
    "rollouts": 4,
    "task": "translated",
    "canvas": (60, 60),
    "patch_size": 12,
    "scales": (1, 2, 4),
    "std": 0.1,
    "final_std": 0.3,
    "learning_rate": 1e-3,
    "weight_average": 0.9995,
    "final_location_weight": 0.1,
    "weight_decay": 0.2,
    "epochs": 66,
}
# Clutter is new in every epoch. In trials of one seed each, minibatches of 64 gained after 24 epochs, but after 200 two
# rollouts in such had fitted no better than four in minibatches of 128 after 80. From the centre the widest square sees
# most of a canvas of 60, so the first glimpse is of use.
CLUTTERED = TRANSLATED | {"task": "cluttered", "distractors": 4, "start": "centre", "weight_decay": 0.1, "epochs": 130}
# With a first glimpse anywhere, as in the trial of 80 epochs from which this comes, and longer.
CLUTTERED_100 = CLUTTERED | {
    "canvas": (100, 100),
    "distractors": 8,
    "scales": (1, 2, 4, 8),
    "start": "uniform",
    "location_weight": 0.1,
    "epochs": 135,
}
RANDOM: Settings = {
    "glimpses": 8,
    "policy": "random",
    "start": "uniform",
    "flow": ("label",),
    "location_weight": 0,
    "final_location_weight": 1,
    "rollouts": 1,
    "baseline": "none",
    "batch_size": 128,
    "weight_decay": 0,
    "epochs": 200,
}


# For checks: an agent so small that every entry of every gradient can be compared with differences.
SMALL = Config(
    glimpses=6,
    patch_size=2,
    scales=(1, 3),
    what_units=4,
    where_units=4,
    glimpse_units=5,
    core_units=5,
    location_units=4,
    recurrent_init="he",
    rollouts=2,
)


def _mnist() -> dict[str, Recipe]:
    """The agent on MNIST; with two and three glimpses the training error still falls after 120 epochs."""
    recipes = {}
    for n, error in zip(range(2, 8), (3.79, 1.51, 1.54, 1.34, 1.12, 1.07)):
        settings = MNIST | {"glimpses": n, "epochs": 200 if n <= 3 else 120}
        settings |= {"location_weight": 0.05} if n > 4 else {}
        recipes[f"mnist-{n}"] = Recipe(
            f"MNIST 28x28, {n} glimpses of 8x8", settings, n * settings["epochs"] / 32, error
        )
    return recipes


def _canvases(name: str, task: str, settings: Settings, minutes: float, errors: tuple) -> dict[str, Recipe]:
    """The agent with 4, 6 and 8 glimpses of a canvas; `minutes` a glimpse."""
    return {
        f"{name}-{n}": Recipe(f"{task}, {n} glimpses of 12x12", settings | {"glimpses": n}, minutes * n, error)
        for n, error in zip((4, 6, 8), errors)
    }


def _random(name: str, settings: Settings, minutes: float, error: float) -> dict[str, Recipe]:
    """An agent that looks anywhere."""
    return {f"{name}-random": Recipe(f"{name}, 8 random glimpses of 12x12", settings | RANDOM, minutes, error)}


def _whole_image(name: str, settings: Settings, training: Settings, rows: dict) -> dict[str, Recipe]:
    """The paper's networks that see the whole image; rows: {units or "conv": (minutes, the paper's error)}."""
    recipes = {}
    seen = {key: value for key, value in settings.items() if key in ("task", "canvas", "distractors")}
    for units, (minutes, error) in rows.items():
        conv = units == "conv"
        model: Settings = {"model": "conv"} if conv else {"model": "fc", "classifier_units": units}
        text = f"{name}, the whole image: " + ("convolution and 256 units" if conv else f"two layers of {units} units")
        all_settings = seen | {"learning_rate": 1e-3, "weight_average": 0.999} | training | model
        recipes[f"{name}-conv" if conv else f"{name}-fc{units}"] = Recipe(text, all_settings, minutes, error)
    return recipes


RECIPES = {
    "quick": Recipe("the default: MNIST, 6 glimpses of two scales", QUICK, 1.5, 2.0),
    **_mnist(),
    **_canvases("translated-60", "translated 60x60, 3 scales", TRANSLATED, 4.7, (1.54, 1.22, 1.20)),
    **_canvases("cluttered-60", "cluttered 60x60, 3 scales", CLUTTERED, 10.0, (4.96, 4.08, 4.04)),
    **_canvases("cluttered-100", "cluttered 100x100, 4 scales", CLUTTERED_100, 10.7, (9.41, 8.31, 8.11)),
    **_random("cluttered-60", CLUTTERED, 44, 14.4),
    **_random("cluttered-100", CLUTTERED_100, 52, 28.4),
    **_whole_image(
        "mnist", MNIST, {"epochs": 60, "learning_rate": 3e-3, "weight_decay": 0.1}, {256: (2, 1.69), "conv": (1, 1.21)}
    ),
    **_whole_image("translated-60", TRANSLATED, {"epochs": 300}, {64: (6, 6.42), 256: (18, 2.63), "conv": (14, 1.62)}),
    **_whole_image("cluttered-60", CLUTTERED, {"epochs": 300}, {64: (8, 28.58), 256: (18, 11.96), "conv": (14, 8.09)}),
    **_whole_image("cluttered-100", CLUTTERED_100, {"epochs": 150}, {"conv": (27, 14.35)}),
}


def recipe(name: str) -> Config:
    """The Config of a recipe. Raises InputError, with the nearest name, for one that does not exist."""
    if name not in RECIPES:
        near = difflib.get_close_matches(str(name), RECIPES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "minram recipes lists them."
        raise InputError(f"there is no recipe '{name}'; {hint}")
    return Config(**RECIPES[name].settings)
