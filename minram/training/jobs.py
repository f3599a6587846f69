"""What there is to train: recipes, with what is changed of them, and the choices that are changed one at a time.

What the tables need beside (the paper's own recipe, the ladder from it to ours) is in tutorials/tables/ladder.py.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from minram.errors import InputError
from minram.training.recipes import recipe


@dataclass(frozen=True)
class Job:
    """A training: a recipe, a seed, the settings that are changed, the change's name, and what it is made for.

    A row of the tables has no kind, and one of the paper's recipe the kind "paper"; both are tested. All others, such
    as "ablations", are judged on validation images alone.
    """

    recipe: str
    seed: int = 0
    changes: dict = field(default_factory=dict, hash=False)
    name: str = ""
    kind: str = ""

    @property
    def settings(self):
        """What differs from the recipe."""
        return self.changes | {"seed": self.seed}

    @property
    def config(self):
        return recipe(self.recipe).changed(self.settings)

    @property
    def row(self):
        """Its name without the seed: "mnist-7", "paper/mnist-7", "ablations/quick/no-baseline"."""
        return "/".join(part for part in (self.kind, self.recipe, self.name) if part)

    @property
    def stem(self):
        """The name of its files."""
        return f"{self.row}-s{self.seed}"

    @property
    def tested(self):
        """Is it one whose test error is reported?"""
        return self.kind in ("", "paper")


def words(settings):
    """Settings as `minram train --set` takes them → a list of "key=value"."""
    values = {key: ",".join(map(str, v)) if isinstance(v, tuple) else v for key, v in settings.items()}
    return [f"{key}={value}" for key, value in values.items()]


class Ablated(NamedTuple):
    """A recipe of which one choice at a time is changed; training is shorter, as there are many."""

    recipe: str
    shorter: dict
    changes: dict  # name: (what it changes, in words; the settings)

    @property
    def texts(self):
        """What each changes, in words → {name: text}."""
        return {name: text for name, (text, _) in self.changes.items()}

    def job(self, name, seed=0):
        """The Job of one of the changes. Raises InputError for a name that is none of theirs."""
        if name not in self.changes:
            raise InputError(f"there is no ablation {name!r} of {self.recipe}; take some of {', '.join(self.changes)}.")
        return Job(self.recipe, seed, self.shorter | self.changes[name][1], name, "ablations")


LAST_STEP = ("label and reward after the last glimpse alone", {"label_steps": "last", "reward_steps": "last"})

# Of lessons 9 and 12. Names that the other ablations have too mean the same.
QUICK = Ablated(
    "quick",
    {"epochs": 3},
    {
        "nothing": ("the recipe itself", {}),
        "random": ("random locations", {"policy": "random"}),
        "small-std": ("σ = 0.05", {"std": 0.05}),
        "large-std": ("σ = 0.4", {"std": 0.4}),
        "annealed-std": ("σ falls to 0.3 of itself", {"final_std": 0.3}),
        "no-baseline": ("no baseline", {"baseline": "none"}),
        "learned-baseline": ("a learned baseline", {"baseline": "learned"}),
        "two-rollouts": ("two rollouts, leave one out", {"rollouts": 2, "baseline": "rollouts"}),
        "small-location-term": ("λ = 0.03, not 1", {"location_weight": 0.03}),
        "leaking-location": ("REINFORCE trains the core too", {"flow": ("label", "location")}),
        "linear-location-head": ("no hidden layer before μ", {"location_units": 0}),
        "identity-core": ("identity recurrent weights", {"recurrent_init": "identity"}),
        "no-average": ("no average of the weights", {"weight_average": 0}),
        "every-step": ("a label at every step", {"label_steps": "every"}),
        "2-glimpses": ("2 glimpses", {"glimpses": 2}),
        "4-glimpses": ("4 glimpses", {"glimpses": 4}),
        "8-glimpses": ("8 glimpses", {"glimpses": 8}),
        "one-scale": ("one scale", {"scales": (1,)}),
    },
)

# Of the tables: the eight choices that carry the weight, on the row where there is most to decide.
EIGHT = Ablated(
    "cluttered-60-8",
    {"epochs": recipe("cluttered-60-8").epochs // 8},
    {
        "nothing": ("nothing", {}),
        "no-flow": ("REINFORCE trains the location head alone", {"flow": ("label",)}),
        "last-reward": ("a reward after the last glimpse alone", {"reward_steps": "last"}),
        "last-step": LAST_STEP,
        "zero-one": ("1 for a right label as reward", {"reward": "correct"}),
        "learned-baseline": ("a learned baseline instead of the other rollouts", {"baseline": "learned"}),
        "constant-std": ("σ stays as it is", {"final_std": 1}),
        "constant-location-term": ("λ stays as it is", {"final_location_weight": 1}),
        "no-decay": ("no weight decay", {"weight_decay": 0}),
    },
)
ABLATED = {ablated.recipe: ablated for ablated in (EIGHT, QUICK)}

# Those of the first protocol, whose results are under tutorials/tables/results/v1 and which nothing runs any more.
CLUTTERED_6 = Ablated(
    "cluttered-60-6",
    {"epochs": 8, "weight_decay": 0, "final_location_weight": 1, "rollouts": 2, "start": "uniform"},
    {
        "nothing": ("nothing", {}),
        "no-flow": ("REINFORCE trains the location head alone", {"flow": ("label",)}),
        "last-reward": ("a reward after the last glimpse alone", {"reward_steps": "last"}),
        "last-step": LAST_STEP,
        "zero-one": ("1 for a right label as reward", {"reward": "correct"}),
        "log-probability": ("the right label's log-probability as reward", {"reward": "log_probability"}),
        "small-location-term": ("λ = 0.02", {"location_weight": 0.02}),
        "large-location-term": ("λ = 1", {"location_weight": 1}),
        "one-rollout": ("one rollout an image, a learned baseline", {"rollouts": 1, "baseline": "learned"}),
        "four-rollouts": ("four rollouts an image", {"rollouts": 4}),
        "learned-baseline": ("a learned baseline instead of the other rollout", {"baseline": "learned"}),
        "linear-location-head": ("no hidden layer before μ", {"location_units": 0}),
        "identity-core": ("recurrent weights start as the identity", {"recurrent_init": "identity"}),
        "constant-std": ("σ stays as it is", {"final_std": 1}),
        "small-std": ("σ = 0.05 at the start", {"std": 0.05}),
        "large-std": ("σ = 0.2 at the start", {"std": 0.2}),
        "double-rate": ("learning rate 0.002", {"learning_rate": 0.002}),
        "no-average": ("no average of the weights", {"weight_average": 0}),
        "momentum": ("SGD with momentum, as in the paper", {"optimiser": "sgd", "learning_rate": 0.02}),
        "curriculum": ("distractors come one by one", {"curriculum": 0.25}),
        "centre": ("the first glimpse at the centre", {"start": "centre"}),
        "random": ("random glimpses", {"policy": "random", "flow": ("label",)}),
    },
)
CLUTTERED_8 = Ablated(
    "cluttered-60-8",
    {"epochs": 24, "rollouts": 2, "start": "uniform"},
    {
        "nothing": ("nothing", {}),
        "no-decay": ("no weight decay", {"weight_decay": 0}),
        "constant-location-term": ("λ stays as it is", {"final_location_weight": 1}),
        "neither": ("no weight decay, and λ stays as it is", {"weight_decay": 0, "final_location_weight": 1}),
    },
)
MNIST_2 = Ablated(
    "mnist-2",
    {"epochs": 40, "weight_decay": 0},
    {
        "nothing": ("nothing", {}),
        "uniform": ("the first glimpse anywhere, as in the paper", {"start": "uniform"}),
        "centre": ("the first glimpse at the centre", {"start": "centre"}),
        "small-location-term": ("λ = 0.05", {"location_weight": 0.05}),
        "four-rollouts": ("four rollouts an image", {"rollouts": 4}),
        "last-step": LAST_STEP,
    },
)
V1 = {ablated.recipe: ablated for ablated in (CLUTTERED_6, CLUTTERED_8, MNIST_2)}
