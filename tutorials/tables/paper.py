"""The rows of the paper's tables, which are the recipes but the quick one, and those of which there is more."""

from typing import NamedTuple

from ledger import FIRST
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

# The last row of each task: its weights are in the package under this name.
HEADLINES = {
    "mnist-28": "mnist-7",  # "mnist" is the data set
    "translated-60": "translated-60-8",
    "cluttered-60": "cluttered-60-8",
    "cluttered-100": "cluttered-100-8",
}
# Rows that are run with fresh seeds; the networks that see the whole image stay as the first protocol left them.
FIVE = (*HEADLINES.values(), "quick")
THREE = tuple(row.recipe for row in ROWS if recipe(row.recipe).model == "ram" and row.recipe not in FIVE)


def reported_seeds(name):
    """The seeds whose mean a row reports: five of a headline and of quick, three of others; none if it is v1's."""
    if name.startswith("paper/"):
        return range(FIRST, FIRST + 3)
    return range(FIRST, FIRST + 5) if name in FIVE else range(FIRST, FIRST + 3 * (name in THREE))


class Claim(NamedTuple):
    task: str
    model: str
    error: str
    source: str


# What others say of the same tasks, as they say it: mostly without logs or seeds, some choosing on the test set or
# averaging rollouts. The Torch blog and DRAW are quoted second-hand; EDRAM and the networks have another task.
CLAIMS = (
    Claim(
        TASKS[0],
        "6 glimpses of 8×8, one rollout; by seed; below 0.7 when trained with all 60,000 images",
        "0.8 to 1.2",
        "kevinzakka/recurrent-visual-attention, pull request 32",
    ),
    Claim(TASKS[0], "Torch RAM, 853 epochs", "0.85", "Torch blog, 2015"),
    Claim(TASKS[1], "7 glimpses of 12×12, three scales, 683 epochs", "0.92", "Torch blog, 2015"),
    Claim(TASKS[1], "8 glimpses of 12×12, three scales", "0.94", "slundqui/tfRAM, README"),
    Claim(TASKS[2], "8 glimpses of 12×12, three scales, LSTM, M = 10", "2.63", "slundqui/tfRAM, README"),
    Claim(TASKS[3], "8 glimpses of 12×12, three scales; distractors unstated", "5.9", "slundqui/tfRAM, README"),
    Claim(
        TASKS[3],
        "8 glimpses of 12×12, three scales, LSTM; distractors unstated, 4 by default",
        "2.68",
        "PrincipalComponent-zz/ram, README_org.md",
    ),
    Claim(
        TASKS[3],
        "DRAM, two recurrent layers and a view of the whole, 8 glimpses of 12×12, two scales; likewise",
        "1.71",
        "PrincipalComponent-zz/ram, README_org.md",
    ),
    Claim(TASKS[3], "DRAW, soft attention", "3.36", "Gregor et al. 2015, quoted second-hand"),
    Claim(
        TASKS[3],
        "EDRAM, 8 glimpses of 26×26, convolutional, differentiable, locations given in training",
        "1.24",
        "EDRAM, README",
    ),
    Claim(
        TASKS[3],
        "networks of 3 and of 6 convolutional layers that see the whole image",
        "1.69, 0.92",
        "Torch baseline repository",
    ),
)
