"""Every setting of a run, in one frozen record that checks itself.

A configuration and a seed say all there is to say about a run. It is stored beside the results as JSON.
"""

import difflib
import json
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np

from minram.datasets.tasks import Task
from minram.errors import InputError

TASKS = ["original", "translated", "cluttered"]
# Settings that would be without effect for the other tasks and models.
ONLY = {
    "canvas": ("task", TASKS[1:]),
    "distractors": ("task", TASKS[2:]),
    "distractor_size": ("task", TASKS[2:]),
    "curriculum": ("task", TASKS[2:]),
    "classifier_units": ("model", ["fc", "conv"]),
    "background": ("model", ["ram"]),
}


def _setting(default, text, allowed=None):
    """A field: its default, what it means, and its range (low, high) or its list of choices."""
    return field(default=default, metadata={"help": text, "allowed": allowed})


@dataclass(frozen=True)
class Config:
    """The settings of the data, the model, the estimator and the optimiser, with the paper's as a guide.

    Raises InputError for a value outside its range and for settings that contradict each other.
    """

    # The data
    data: str = _setting("", "a .npz file or a folder of IDX files; empty: the embedded MNIST")
    task: str = _setting("original", "images as they are, on a canvas, or among clutter", TASKS)
    canvas: tuple = _setting((60, 60), "height and width of the canvas, in pixels (not for 'original')", (1, 4096))
    distractors: int = _setting(4, "pieces of other digits on the canvas (only for 'cluttered')", (1, 1000))
    distractor_size: int = _setting(8, "width of such a piece, in pixels", (1, 4096))
    curriculum: float = _setting(0.0, "share of the training in which distractors come one by one", (0, 1))
    background: float = _setting(0.0, "what images show outside their border, in [0, 1]", (0, 1))
    n_val: int = _setting(5000, "training images set aside for validation", (1, 10**7))

    # The model
    model: str = _setting("ram", "the agent, or the paper's networks that see the whole image", ["ram", "fc", "conv"])
    classifier_units: int = _setting(256, "units a fully connected layer (only for 'fc' and 'conv')", (1, 10**5))
    glimpses: int = _setting(6, "T, the number of glimpses", (1, 1000))
    patch_size: int = _setting(8, "w, the width of the retina's squares in cells", (1, 512))
    scales: tuple = _setting((1,), "width of a cell in pixels, one entry a square, (1, 2, 4) for three", (1, 512))
    continuous: bool = _setting(False, "look at exact locations, not at the nearest pixel edges")
    what_units: int = _setting(128, "width of h_g, what the retina saw", (1, 10**5))
    where_units: int = _setting(128, "width of h_l, where it looked", (1, 10**5))
    glimpse_units: int = _setting(256, "width of g, the glimpse feature", (1, 10**5))
    core_units: int = _setting(256, "width of h, the core's state", (1, 10**5))
    location_units: int = _setting(0, "width of the location head's hidden layer; 0: none, as in the paper", (0, 10**5))
    policy: str = _setting("gaussian", "locations from the location head, or uniform ones", ["gaussian", "random"])
    std: float = _setting(0.1, "σ of the location policy, in image half-widths", (1e-4, 10))
    final_std: float = _setting(1.0, "σ at the end of training, as a share of std; it falls geometrically", (1e-4, 1))
    learn_std: bool = _setting(False, "learn log σ")
    start: str = _setting("uniform", "the first location; gaussian: N(0, σ²)", ["uniform", "centre", "gaussian"])
    recurrent_init: str = _setting("identity", "initial weights from h_{t−1} to h_t", ["identity", "he"])

    # The estimator
    objective: str = _setting("hybrid", "labels by cross-entropy, or everything by REINFORCE", ["hybrid", "reinforce"])
    flow: tuple = _setting(("label",), "heads whose gradient goes on into the core", ["label", "location", "baseline"])
    rollouts: int = _setting(1, "M, Monte-Carlo rollouts per image", (1, 1000))
    baseline: str = _setting("learned", "what is subtracted from the reward", ["none", "batch", "rollouts", "learned"])
    reward: str = _setting(
        "correct",
        "1 for a right label, or that label's (log-)probability",
        ["correct", "probability", "log_probability"],
    )
    reward_steps: str = _setting("last", "a reward after the last glimpse, or after each", ["last", "every"])
    label_steps: str = _setting("last", "cross-entropy at the last step, or its mean over all", ["last", "every"])
    location_weight: float = _setting(1.0, "λ, weight of the location term", (0, 1000))
    final_location_weight: float = _setting(1.0, "λ at the end, as a share of the first; it falls as σ does", (1e-4, 1))
    baseline_weight: float = _setting(1.0, "weight of the baseline's squared error", (0, 1000))

    # The optimiser
    optimiser: str = _setting("adam", "Adam, or SGD with momentum as in the paper", ["adam", "sgd"])
    learning_rate: float = _setting(1e-3, "step size at the start", (1e-9, 100))
    final_rate: float = _setting(0.0, "step size at the end, as a share of the first", (0, 1))
    momentum: float = _setting(0.9, "momentum of SGD, β₁ of Adam", (0, 0.9999))
    weight_decay: float = _setting(0.0, "share of the parameters that a step of size 1 would take away", (0, 10))
    weight_average: float = _setting(0.0, "decay of an exponential average of the weights; 0: none", (0, 0.99999))
    batch_size: int = _setting(128, "images a step", (1, 10**6))
    epochs: int = _setting(20, "passes over the training images", (1, 10**6))
    validate_every: int = _setting(1, "epochs between two looks at the validation images", (1, 10**6))
    seed: int = _setting(0, "seed of everything random", (0, 2**63 - 1))

    def __post_init__(self):
        for f in fields(self):
            object.__setattr__(self, f.name, _valid(f, getattr(self, f.name)))
        pure = self.objective == "reinforce"
        contradictions = {
            "baseline=rollouts compares the rollouts of one image, but rollouts is 1; set rollouts=2 or more, or "
            "take baseline=batch.": self.baseline == "rollouts" and self.rollouts < 2,
            "baseline=batch compares the rows of a minibatch, but there is only one; set batch_size=2 or more, or "
            "take baseline=learned.": self.model == "ram"
            and self.baseline == "batch"
            and self.batch_size * self.rollouts < 2,
            "objective=reinforce learns locations too, but policy=random draws them from no policy; set "
            "objective=hybrid or policy=gaussian.": pure and self.policy == "random",
            "objective=reinforce follows one gradient through the whole network, but flow leaves out the label or the "
            "location head; set flow=label,location.": pure and not {"label", "location"} <= {*self.flow},
            "objective=reinforce rewards the label that was drawn, so reward should be 'correct'; set "
            "reward=correct or objective=hybrid.": pure and self.reward != "correct",
            "objective=reinforce draws one label, after the last glimpse, and rewards no other; set "
            "reward_steps=last or objective=hybrid.": pure and self.reward_steps == "every",
            "reward_steps=every rewards the label after each glimpse, so each should be trained; set "
            "label_steps=every.": self.reward_steps == "every" and self.label_steps == "last",
            "policy=random learns nothing of where to look, so no gradient of it can flow; set flow=label and "
            "learn_std=false.": self.policy == "random" and ("location" in self.flow or self.learn_std),
            "σ is either learned or annealed; set final_std=1 or learn_std=false.": self.learn_std
            and self.final_std != 1,
            f"a step would take away {self.learning_rate * self.weight_decay:.3g} times what there is of each weight; "
            "set a smaller weight_decay.": self.learning_rate * self.weight_decay >= 1,
            "weight decay pulls every parameter to 0, and log σ = 0 is σ = 1, half an image; set weight_decay=0 or "
            "learn_std=false.": self.learn_std and self.weight_decay > 0,
            "start=gaussian draws the first location with σ, but the gradient of σ counts the policy's draws alone; "
            "set learn_std=false or another start.": self.learn_std and self.start == "gaussian",
            f"the canvases of task={self.task} are black, but background is {self.background}; "
            "set background=0.": self.task != "original" and self.background != 0,
            f"distractor_size is {self.distractor_size}, but the canvas is {self.canvas}; set a larger canvas or "
            "a smaller distractor_size.": self.task == "cluttered" and self.distractor_size > min(self.canvas),
        }
        for sentence, contradiction in contradictions.items():
            if contradiction:
                raise InputError(sentence)

    @property
    def make_task(self):
        """The task as `tasks.make_images` takes it."""
        if self.task == "original":
            return Task()
        return Task(self.canvas, self.distractors if self.task == "cluttered" else 0, self.distractor_size)

    def task_at(self, progress):
        """The task at this share of the training: with a curriculum (Bengio et al. 2009), the first is the easiest."""
        task = self.make_task
        if progress < self.curriculum:
            n = int(progress / self.curriculum * (task.n_distractors + 1))  # 0, 1, … D, for an equal time each
            task = task._replace(n_distractors=min(n, task.n_distractors))
        return task

    def rollout_policy(self, wanted):
        """The policy of a rollout: the one that is wanted, but for an agent that has random locations and no other."""
        return "random" if self.policy == "random" else wanted

    def changed(self, settings):
        """A copy with some settings replaced, from "key=value" strings or a dict."""
        if not isinstance(settings, dict):
            pairs = [s.partition("=") for s in settings]
            for key, equals, _ in pairs:
                if not equals:
                    raise InputError(f"a setting should read key=value, but one is {_short(key)}; say epochs=5.")
            settings = {key.strip(): value.strip() for key, _, value in pairs}
        config = replace(self, **_known(settings))
        for key, (name, values) in ONLY.items():
            value = getattr(config, name)
            if key in settings and value not in values:
                raise InputError(
                    f"{key} is without effect when the {name} is '{value}'; set {name}={' or '.join(values)} too, "
                    f"or leave out {key}."
                )
        return config

    def to_json(self):
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_dict(cls, settings):
        if not isinstance(settings, dict):
            raise InputError("a configuration should be a JSON object of settings; take one that minram wrote.")
        return cls(**_known(settings))


_NAMES = [f.name for f in fields(Config)]
ONLY |= {name: ("model", ["ram"]) for name in _NAMES[_NAMES.index("glimpses") : _NAMES.index("optimiser")]}


def describe_settings():
    """All settings, one line each: name = default, meaning, choices."""
    lines = []
    for f in fields(Config):
        default = ",".join(map(str, f.default)) if isinstance(f.default, tuple) else str(f.default)
        choices = f": {', '.join(f.metadata['allowed'])}" if isinstance(f.metadata["allowed"], list) else ""
        lines.append(f"{f.name + '=' + default:28} {f.metadata['help']}{choices}")
    return "\n".join(lines)


def _known(settings):
    """The settings themselves, or InputError with the nearest name for one that does not exist."""
    known = [f.name for f in fields(Config)]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see minram train --settings for all of them."
            raise InputError(f"there is no setting {_short(key)}; {hint}")
    return settings


def _valid(f, value):
    """The value of field f as its type, or InputError with the range that is allowed."""
    allowed, kind = f.metadata["allowed"], type(f.default)
    choice = isinstance(allowed, list)
    item = (str if choice else int) if kind is tuple else kind
    try:
        values = value if kind is tuple and isinstance(value, (tuple, list)) else [value]
        if kind is tuple and isinstance(value, str):
            value = value.replace("x", ",") if f.name == "canvas" else value  # 60x60
            value = value.strip("()[] ").removesuffix(",")  # (1,) has one entry
            values = [v.strip() for v in value.split(",")] if value else []
        values = tuple(_convert(item, v) for v in values)
        if f.name == "canvas" and len(values) == 1:
            values *= 2
        if f.name == "flow":  # a head twice would count twice
            values = tuple(sorted(set(values), key=allowed.index))
        n = {"canvas": 2, "flow": len(values), "scales": max(len(values), 1)}.get(f.name, 1)
        good = len(values) == n and all(
            allowed is None or (v in allowed if choice else allowed[0] <= v <= allowed[1]) for v in values
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        good = False
    if good:
        return values if kind is tuple else values[0]
    if choice:
        wanted = f"{'one' if kind is str else 'some'} of {', '.join(allowed)}"
    elif allowed is None:
        wanted = "true or false" if kind is bool else "text"
    else:
        number = "a whole number" if kind is int else "a number"
        number = {"canvas": "one or two whole numbers", "scales": "whole numbers"}.get(f.name, number)
        wanted = f"{number} from {allowed[0]} to {allowed[1]}"
    raise InputError(f"{f.name} should be {wanted}, but it is {_short(value)} ({f.metadata['help']}).")


def _convert(kind, value):
    """int("3") and float("0.1") and bool("true"), but never int(3.7), which would hide a mistake."""
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
    if isinstance(value, (bool, np.bool_)) or (kind is str and not isinstance(value, str)):
        raise TypeError
    if kind is int and not isinstance(value, str) and value != int(value):
        raise ValueError
    return kind(value)


def _short(value):
    return repr(str(value)[:60])
