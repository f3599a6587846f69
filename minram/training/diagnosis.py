"""What may be wrong with a run: cheap metrics after each validation, and in the end a sentence for each bad one.

outside         share of decisions whose mean μ is outside the image
spread_images   how far μ of different images are apart, root mean square, in image half-widths
spread_steps    how far the steps of one image are apart
dead            share of core units that are 0 for every image at every step
std             σ
coverage        what the largest squares of all glimpses could cover at most, as a share of the image
entropy         of the labels that are given, in nats: 0 if all images get the same
balanced_error  the mean of the error rates of the classes
majority_error  what always saying the most frequent training label would get wrong
class_errors    the share of each class that is wrong; null with fewer than two validation images
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minram.agent import rollout
from minram.datasets.data import Dataset, class_name
from minram.datasets.tasks import fixed_images
from minram.ops import Array, Params
from minram.sensor import summed_area
from minram.training.config import STD, Config
from minram.training.evaluate import Evaluation
from minram.training.models import MODELS

ROWS, PIXELS = 500, 2**23  # at most, of the validation images whose locations are looked at
CLASSES = 100  # more have no error of their own
Record = dict[str, Any]


def diagnose(params: Params, config: Config, dataset: Dataset, evaluation: Evaluation) -> Record:
    """The metrics above, of a model and its evaluation on the validation images."""
    record = of_labels(evaluation.probabilities[-1].argmax(axis=-1), dataset.y_val, dataset.y_train, dataset.n_classes)
    if not MODELS[config.model].looks:
        return record
    size = config.task_at().canvas or dataset.image_shape[:2]
    images = fixed_images(config.task_at(), dataset.x_val[: max(2, min(ROWS, PIXELS // math.prod(size)))], 0)
    area = summed_area(images, config.background)
    t = rollout(params, config, area, np.random.default_rng(0), policy=config.rollout_policy("mean"))
    return record | of_looking(t.mu, t.core.h, t.log_std) | {"coverage": coverage(config, size)}


def of_labels(given: Array, labels: Array, training: Array, n_classes: int) -> Record:
    """The metrics of labels: those that were given (n,), the right ones (n,) and those of the training images."""
    share = np.bincount(given) / len(given)
    entropy = float(np.sum(-share[share > 0] * np.log(share[share > 0])))
    record: Record = {"entropy": entropy, "majority_error": float(np.mean(labels != np.bincount(training).argmax()))}
    counts = np.bincount(labels, minlength=n_classes)
    wrong = np.bincount(labels[given != labels], minlength=n_classes)
    record["balanced_error"] = float(np.mean(wrong[counts > 0] / counts[counts > 0]))
    if n_classes <= CLASSES:
        record["class_errors"] = [w / n if n > 1 else None for w, n in zip(wrong.tolist(), counts.tolist())]
    return record


def of_looking(mu: Array, h: Array, log_std: Array) -> Record:
    """The metrics of locations and of the core: mu (T−1, N, 2), h (T, N, core), log σ (2,)."""
    record: Record = {"dead": float(np.mean(h.max(axis=(0, 1)) <= 0)), "std": np.exp(log_std).tolist()}
    if len(mu):
        seen = mu.clip(-1, 1)
        record["outside"] = float(np.mean((np.abs(mu) > 1).any(axis=-1)))
        record["spread_images"] = float(np.sqrt(seen.var(axis=1).sum(axis=-1).mean()))
        record["spread_steps"] = float(np.sqrt(seen.var(axis=0).sum(axis=-1).mean()))
    return record


def coverage(config: Config, size: Sequence[int]) -> float:
    """Share of an image (H, W) that the largest squares of all glimpses could cover, if none overlapped."""
    width = config.patch_size * max(config.scales)
    return min(1.0, config.glimpses * min(width, size[0]) * min(width, size[1]) / (size[0] * size[1]))


def sentences(record: Record, config: Config, names: Sequence[str] = (), n_val: int = 1) -> list[str]:
    """What is bad in a line of metrics.jsonl, what it means and what usually helps: a sentence each."""
    found, error, majority = [], record.get("val_error", 0.0), record.get("majority_error", 1.0)
    if record.get("dead", 0) > 0.9:
        found.append(
            f"Of the core's units {record['dead']:.0%} are 0 for all images, so nothing is remembered: take a smaller "
            f"step, such as learning_rate={config.learning_rate / 10:.1g}."
        )
    learned = config.policy == "gaussian"
    if learned and record.get("outside", 0) > 0.2:
        found.append(
            f"The policy's mean is outside the image in {record['outside']:.0%} of its decisions, where its gradient "
            "is lost: set border_weight=1, a larger std or a smaller learning_rate."
        )
    elif learned and record.get("spread_images", 1) < 0.01:
        found.append(
            f"The locations do not vary: those of different images are {record['spread_images']:.2g} of half a width "
            "apart, so nothing that is seen decides where to look; set a larger std, or more epochs."
        )
    bound = [std for std in record.get("std", []) if not 1.1 * STD.low < std < STD.high / 1.1]
    if config.learn_std and bound:
        found.append(f"The learned σ has reached its bound, {bound[0]:.2g}: set learn_std=false.")
    if record.get("coverage", 1) < 0.25 and error > majority / 4:
        found.append(
            f"The retina is small for the image: all {config.glimpses} glimpses together cover at most "
            f"{record['coverage']:.1%} of it; set a larger patch_size, coarser scales (such as scales=1,4,16) or more "
            "glimpses, or leave all three to the rule of --data."
        )
    if error > majority - 2 * math.sqrt(majority * (1 - majority) / n_val):
        found.append(
            f"It is no better than always saying the most frequent label, which is wrong in {100 * majority:.2f} %: "
            "train for longer, with a smaller learning_rate, and look at what the retina sees (minram show)."
        )
    wrong = [class_name(names, k) for k, e in enumerate(record.get("class_errors", [])) if e is not None and e >= 1]
    if wrong and error < majority:
        listed = ", ".join(wrong[:5]) + (", …" if len(wrong) > 5 else "")
        found.append(
            f"Every image of class {listed} is wrong: give more images of it, or set class_weights=balanced, with "
            "which each class counts alike."
        )
    return found
