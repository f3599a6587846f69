"""A rule for the retina, and for how long to train: what `quick` is changed to for images of another kind.

Up to 32 pixels the retina is that of `quick`. Above, it is 12 cells wide, with eight glimpses, and there are as many
scales, each twice as coarse as the one before, as it takes to see 0.7 of the longer side at once; one must then look
around, so that each glimpse gets a label and a reward, as in the recipes of the paper's larger images.
The background, which is beyond the border and taken from every pixel, is the images' mean brightness along their edges:
so the border is no cue, and what is no object is near 0. A small data set is shown so often, in small batches, that
there are 6,000 steps.
"""

import math
from collections.abc import Collection, Iterable
from typing import Any

from minram.datasets.data import Dataset
from minram.training.config import Config
from minram.training.recipes import AGENT
from minram.training.run import seen_shape

SMALL = 32  # pixels of the longer side
WIDTH, SHARE, GLIMPSES = 12, 0.7, 8
FEW, BATCH, STEPS = 10_000, 32, 6000  # images, images a step, steps
DARK = 0.02  # is black


# The estimator of the paper's rows, with more rollouts to compare, and a σ that begins wide enough to find a small
# thing by chance and then falls.
TAKEN = ("rollouts", "baseline", "label_steps", "reward_steps", "reward", "flow", "location_weight")
SEARCH = {name: AGENT[name] for name in TAKEN} | {"rollouts": 4, "std": 0.2, "final_std": 0.3, "weight_decay": 0.1}


def retina_for(size: tuple[int, ...]) -> dict[str, Any]:
    """patch_size, scales and glimpses for images (H, W), as settings; {} where those of `quick` will do."""
    side = max(size[:2])
    if side <= SMALL:
        return {}
    scales = [1]
    while WIDTH * scales[-1] < SHARE * side:
        scales.append(2 * scales[-1])
    return {"patch_size": WIDTH, "scales": tuple(scales), "glimpses": GLIMPSES}


def length_for(n: int, least: int = 1) -> dict[str, Any]:
    """batch_size, `least` or more, and epochs for n training images; {} where those of `quick` will do."""
    if n >= FEW:
        return {}
    batch = min(max(BATCH, least), n)
    return {"batch_size": batch, "epochs": math.ceil(STEPS / (n // batch))}


def proposed(config: Config, dataset: Dataset, recipe: str | None, given: Iterable[str] = ()) -> tuple[Config, str]:
    """What `quick`, which is also the default, becomes for this data; any other recipe stays as it is.

    given: names of settings, or "name=value", that are to stay. Returns what `propose` returns.
    """
    if recipe not in (None, "quick"):
        return config, ""
    names = {text.partition("=")[0].strip() for text in given}
    return propose(config, seen_shape(config, dataset), len(dataset.x_train), names, dataset.about["border"])


def propose(
    config: Config, size: tuple[int, ...], n: int, given: Collection[str] = (), border: float = 0.0
) -> tuple[Config, str]:
    """The Config changed by the rule, but for the settings that are given, and a sentence that says so, or "".

    size: (H, W) or (H, W, C) of what the model sees; n: how many training images there are; border: how bright they
    are along their edges, in [0, 1].
    """
    looks = config.model == "ram"
    wanted = (retina_for(size) if looks else {}) | length_for(n, 2 * config.shards)
    if looks and retina_for(size) and config.objective == "hybrid" and config.policy == "gaussian":
        wanted |= SEARCH
        if "rollouts" in given and config.rollouts == 1:
            del wanted["baseline"]  # there is nobody to compare with
        if "label_steps" in given and config.label_steps == "last":
            del wanted["reward_steps"]  # there is no label to reward before
        if config.learn_std:
            del wanted["final_std"], wanted["weight_decay"]  # which do not go with it
    if looks and config.task == "original" and border > DARK:
        wanted["background"] = round(border, 2)
    changes = {name: value for name, value in wanted.items() if name not in given and value != getattr(config, name)}
    if "batch_size" in given and "epochs" in changes:  # for the batches that there will be
        changes["epochs"] = math.ceil(STEPS / max(1, n // config.batch_size))
    if not changes:
        return config, ""
    text = {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in changes.items()}
    listed = " ".join(f"{name}={value}" for name, value in text.items())
    shape = "x".join(map(str, size[:2]))
    return config.changed(changes), f"For {n:,} images of {shape}: {listed} (--set says otherwise)."
