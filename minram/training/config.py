"""Every setting of a run, in one frozen record that checks itself.

A configuration and a seed say all there is to say about a run. It is stored beside the results as JSON.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import Any, Self

from minram.agent import HEADS
from minram.datasets.tasks import Task
from minram.errors import InputError, printable
from minram.reinforce import BASELINES, REWARDS
from minram.training.contradictions import contradictions
from minram.training.ranges import Choice, Real, Shape, Size, Subset, Switch, Text, Whole, Wholes

STD = Real(1e-4, 10)  # what σ may be, in image half-widths; a learned one is kept within it
TASKS = ("original", "translated", "cluttered")


def _setting(default, kind, text, only=None):
    """A field: its default, its range, what it means, and the (setting, values) without which it has no effect."""
    return field(default=default, metadata={"kind": kind, "help": text, "only": only})


_canvas = partial(_setting, only=("task", TASKS[1:]))
_clutter = partial(_setting, only=("task", TASKS[2:]))
_agent = partial(_setting, only=("model", ("ram",)))
_classifier = partial(_setting, only=("model", ("fc", "conv")))


@dataclass(frozen=True)
class Config:
    """The settings of the data, the model, the estimator and the optimiser, with the paper's as a guide.

    Raises InputError for a value outside its range, for settings that contradict each other, and for one that is
    not its default though its task or model does not read it.
    """

    # The data
    data: str = _setting("", Text(), "a .npz file, or a folder of pictures or IDX files; empty: MNIST")
    image_shape: tuple[int, ...] = _setting(
        (), Shape(4096), "HxW, or HxWxC, that your images are brought to; empty: none"
    )
    task: str = _setting("original", Choice(TASKS), "images as they are, on a canvas, or among clutter")
    canvas: tuple[int, int] = _canvas(
        (60, 60), Size(1, 4096), "height and width of the canvas, in pixels (not for 'original')"
    )
    distractors: int = _clutter(4, Whole(1, 1000), "pieces of other digits on the canvas (only for 'cluttered')")
    distractor_size: int = _clutter(8, Whole(1, 4096), "width of such a piece, in pixels")
    curriculum: float = _clutter(0.0, Real(0, 1), "share of the training in which distractors come one by one")
    background: float = _agent(0.0, Real(0, 1), "what images show outside their border, in [0, 1]")
    n_val: int = _setting(5000, Whole(1, 10**7), "training images set aside for validation")

    # The model
    model: str = _setting(
        "ram", Choice(("ram", "fc", "conv")), "the agent, or the paper's networks that see the whole image"
    )
    classifier_units: int = _classifier(
        256, Whole(1, 10**5), "units a fully connected layer (only for 'fc' and 'conv')"
    )
    glimpses: int = _agent(6, Whole(1, 1000), "T, the number of glimpses")
    patch_size: int = _agent(8, Whole(1, 512), "w, the width of the retina's squares in cells")
    scales: tuple[int, ...] = _agent(
        (1,), Wholes(1, 512), "width of a cell in pixels, one entry a square, (1, 2, 4) for three"
    )
    continuous: bool = _agent(False, Switch(), "look at exact locations, not at the nearest pixel edges")
    what_units: int = _agent(128, Whole(1, 10**5), "width of h_g, what the retina saw")
    where_units: int = _agent(128, Whole(1, 10**5), "width of h_l, where it looked")
    glimpse_units: int = _agent(256, Whole(1, 10**5), "width of g, the glimpse feature")
    core_units: int = _agent(256, Whole(1, 10**5), "width of h, the core's state")
    location_units: int = _agent(
        0, Whole(0, 10**5), "width of the location head's hidden layer; 0: none, as in the paper"
    )
    policy: str = _agent(
        "gaussian", Choice(("gaussian", "random")), "locations from the location head, or uniform ones"
    )
    std: float = _agent(0.1, STD, "σ of the location policy, in image half-widths")
    final_std: float = _agent(1.0, Real(1e-4, 1), "σ at the end of training, as a share of std; it falls geometrically")
    learn_std: bool = _agent(False, Switch(), f"learn log σ, within the range of std, {STD.low:g} to {STD.high}")
    start: str = _agent("uniform", Choice(("uniform", "centre", "gaussian")), "the first location; gaussian: N(0, σ²)")
    recurrent_init: str = _agent("identity", Choice(("identity", "he")), "initial weights from h_{t−1} to h_t")

    # The estimator
    objective: str = _agent(
        "hybrid", Choice(("hybrid", "reinforce")), "labels by cross-entropy, or everything by REINFORCE"
    )
    flow: tuple[str, ...] = _agent(("label",), Subset(HEADS), "heads whose gradient goes on into the core")
    rollouts: int = _agent(1, Whole(1, 1000), "M, Monte-Carlo rollouts per image")
    baseline: str = _agent("learned", Choice(tuple(BASELINES)), "what is subtracted from the reward")
    reward: str = _agent("correct", Choice(tuple(REWARDS)), "1 for a right label, or that label's (log-)probability")
    reward_steps: str = _agent("last", Choice(("last", "every")), "a reward after the last glimpse, or after each")
    label_steps: str = _agent("last", Choice(("last", "every")), "cross-entropy at the last step, or its mean over all")
    location_weight: float = _agent(1.0, Real(0, 1000), "λ, weight of the location term")
    final_location_weight: float = _agent(
        1.0, Real(1e-4, 1), "λ at the end, as a share of the first; it falls as σ does"
    )
    border_weight: float = _agent(
        0.0, Real(0, 1000), "weight, times λ, of ½ (distance to the image)² of a mean outside"
    )
    baseline_weight: float = _agent(1.0, Real(0, 1000), "weight of the baseline's squared error")

    class_weights: str = _setting(
        "none", Choice(("none", "balanced")), "images count alike, or classes, in loss, reward and choice of the epoch"
    )

    # The optimiser
    optimiser: str = _setting("adam", Choice(("adam", "sgd")), "Adam, or SGD with momentum as in the paper")
    learning_rate: float = _setting(1e-3, Real(1e-9, 100), "step size at the start")
    final_rate: float = _setting(0.0, Real(0, 1), "step size at the end, as a share of the first")
    annealing: str = _setting(
        "cosine", Choice(("cosine", "linear")), "how it falls: as half a cosine, or in a straight line as in the paper"
    )
    momentum: float = _setting(0.9, Real(0, 0.9999), "momentum of SGD, β₁ of Adam")
    weight_decay: float = _setting(0.0, Real(0, 10), "share of the parameters that a step of size 1 would take away")
    weight_average: float = _setting(0.0, Real(0, 0.99999), "decay of an exponential average of the weights; 0: none")
    batch_size: int = _setting(128, Whole(1, 10**6), "images a step")
    shards: int = _setting(1, Whole(1, 1024), "parts of a step, each with random numbers of its own, for as many cores")
    epochs: int = _setting(20, Whole(1, 10**6), "passes over the training images")
    validate_every: int = _setting(1, Whole(1, 10**6), "epochs between two looks at the validation images")
    seed: int = _setting(0, Whole(0, 2**63 - 1), "seed of everything random")

    def __post_init__(self):
        for f in fields(self):
            object.__setattr__(self, f.name, _valid(f, getattr(self, f.name)))
        _require_effect(self, (f.name for f in fields(self) if getattr(self, f.name) != f.default))
        for sentence in contradictions(self):
            raise InputError(sentence)

    def task_at(self, progress: float = 1.0) -> Task:
        """The task at this share of the training: with a curriculum (Bengio et al. 2009), the first is the easiest."""
        if self.task == "original":
            return Task()
        n = self.distractors if self.task == "cluttered" else 0
        if progress < self.curriculum:
            n = min(n, int(progress / self.curriculum * (n + 1)))  # 0, 1, … D, for an equal time each
        return Task(self.canvas, n, self.distractor_size)

    def rollout_policy(self, wanted: str) -> str:
        """The policy of a rollout: the one that is wanted, but for an agent that has random locations and no other."""
        return "random" if self.policy == "random" else wanted

    def changed(self, settings: dict[str, Any] | Iterable[str] = (), /, **more: Any) -> Self:
        """A copy with some settings replaced: a dict, "key=value" strings, or keywords.

        What has no effect any more, as the canvas with task="original", goes back to its default. Raises
        InputError as the constructor does, and for settings that are named but would have no effect.
        """
        changes = _known((settings if isinstance(settings, dict) else _pairs(settings)) | more)
        given = {f.name: _valid(f, changes[f.name]) for f in fields(self) if f.name in changes}
        new: dict[str, Any] = {
            f.name: f.default
            for f in fields(self)
            if not _effective(f, lambda name: given.get(name, getattr(self, name)))
        }
        config = replace(self, **new | given)
        _require_effect(config, given)
        return config

    def to_json(self) -> str:
        """All settings, as a JSON object."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_dict(cls, settings: Any) -> Self:
        """The Config of a dict such as JSON holds. Raises InputError for anything else."""
        if not isinstance(settings, dict):
            raise InputError("a configuration should be a JSON object of settings; take one that minram wrote.")
        return cls(**_known(settings))


def describe_settings(config: Config | None = None) -> str:
    """All settings, one line each: name=value, meaning, choices; the values are the defaults or those of `config`."""
    lines = []
    for f in fields(Config):
        value = f.default if config is None else getattr(config, f.name)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        kind = f.metadata["kind"]
        choices = f": {', '.join(kind.names)}" if isinstance(kind, (Choice, Subset)) else ""
        lines.append(f"{f.name + '=' + printable(text):28} {f.metadata['help']}{choices}")
    return "\n".join(lines)


def _effective(f, value_of):
    """Has field f an effect, given the values of the others?"""
    return f.metadata["only"] is None or value_of(f.metadata["only"][0]) in f.metadata["only"][1]


def _require_effect(config, names):
    """Raise InputError for the first of these settings that has no effect beside the others."""
    by_name = {f.name: f for f in fields(config)}
    for key in names:
        if not _effective(by_name[key], partial(getattr, config)):
            name, values = by_name[key].metadata["only"]
            raise InputError(
                f"{key} is without effect when the {name} is '{getattr(config, name)}'; set {name}="
                f"{' or '.join(values)} too, or leave out {key}."
            )


def _pairs(texts):
    """{key: value} of "key=value" strings."""
    pairs = [text.partition("=") for text in texts]
    for key, equals, _ in pairs:
        if not equals:
            raise InputError(f"a setting should read key=value, but one is {_short(key)}; say epochs=5.")
    return {key.strip(): value.strip() for key, _, value in pairs}


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
    kind = f.metadata["kind"]
    try:
        return kind.read(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{f.name} should be {kind}, but it is {_short(value)} ({f.metadata['help']}).") from None


def _short(value):
    return repr(str(value)[:60])
