"""The rows of the paper's tables, which are the recipes but the quick one, and those of which there is more."""

from typing import NamedTuple

from minram.training.recipes import RECIPES, recipe


class Row(NamedTuple):
    task: str
    text: str
    recipe: str
    paper: float  # the error rate on the test set in percent, as the proceedings have it


TASKS = ("MNIST 28×28", "translated 60×60", "cluttered 60×60", "cluttered 100×100")


def _row(name):
    """The row of a recipe, in the tables' words."""
    c = recipe(name)
    task = TASKS[0] if c.task == "original" else f"{c.task} {c.canvas[0]}×{c.canvas[1]}"
    if c.model == "ram":
        text = f"{c.glimpses} {'random ' if c.policy == 'random' else ''}glimpses"
    else:
        text = "convolutional" if c.model == "conv" else f"fully connected, 2 × {c.classifier_units}"
    return Row(task, text, name, RECIPES[name].error)


def _place(row):
    """Tasks in their order; first the networks that see the whole image, then random glimpses, then chosen ones."""
    c = recipe(row.recipe)
    return TASKS.index(row.task), c.model == "ram", c.policy != "random"


ROWS = tuple(sorted((_row(name) for name in RECIPES if name != "quick"), key=_place))

# The last row of each task, three times: its weights are in the package under this name.
HEADLINES = {
    "mnist-28": "mnist-7",  # "mnist" is the data set
    "translated-60": "translated-60-8",
    "cluttered-60": "cluttered-60-8",
    "cluttered-100": "cluttered-100-8",
}
SEEDS = 3
THRICE = (*HEADLINES.values(), "mnist-3")  # three glimpses, whose paper's figure was the hardest to reach
