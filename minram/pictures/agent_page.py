"""The page of an agent: its weights in half precision, twenty validation images, and what Python finds on some."""

import base64
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from minram.agent import Trajectory, log_std, rollout
from minram.datasets.data import Dataset, aligned
from minram.errors import InputError
from minram.ops import Array, Params
from minram.pictures import style
from minram.pictures.page import WEB, assemble
from minram.sensor import summed_area
from minram.storage.writing import make_folder, write_text
from minram.training.config import Config
from minram.training.models import MODELS
from minram.training.origin import data_differ
from minram.training.run import class_names, load_model
from minram.training.train import load_data

IMAGES, CHECKS = 20, 6  # images of the page, and how many of them it compares with Python
COLOURS = 12  # of a path; the page takes those between


def write_page(source: str | Path, out: str | Path, dataset: Dataset | None = None, name: str = "") -> Path:
    """Write agent.html, the page of a run folder's or checkpoint's agent, into the folder `out` → its path.

    name: what the page calls the model. Images are of the validation set. Raises InputError for a model or data that
    the page cannot show, and for a folder that cannot be used.
    """
    text = page_of(source, dataset, name)
    make_folder(out)
    written = Path(out) / "agent.html"
    write_text(written, text)
    return written


def page_of(source: str | Path, dataset: Dataset | None = None, name: str = "") -> str:
    """The same as `write_page`, as HTML. Raises InputError as it does."""
    path = Path(source) / "best.npz" if Path(source).is_dir() else Path(source)
    params, config, meta = load_model(path)
    if not MODELS[config.model].looks:
        raise InputError(f"{path} sees the whole image at once and has no scales; take an agent, model=ram.")
    if config.policy == "random":
        raise InputError(f"{path} has random locations and no policy to follow; take an agent with policy=gaussian.")
    if dataset is None:
        dataset = load_data(config)
        if differ := data_differ(path, meta, dataset):
            raise InputError(f"{differ} Put the data back, or train on these.")
    names = class_names(meta, params["label.b"].size)
    dataset = aligned(dataset, names)
    index = np.random.default_rng(0).permutation(len(dataset.x_val))[:IMAGES]
    return agent_page(params, config, dataset.x_val[index], dataset.y_val[index], name or str(source), names)


def agent_page(
    params: Params, config: Config, images: Array, labels: Array, name: str, names: tuple[str, ...] = ()
) -> str:
    """The page of an agent → its HTML.

    images (n, H, W) uint8, or floats in [0, 1]; labels (n,); name: any text; names: of the classes, or () for their
    numbers. Raises InputError for images with colour channels, weights that half precision cannot hold, and a page over
    2 MB.
    """
    if images.ndim != 3:
        raise InputError(
            f"the page shows grey images (n, H, W), but these are {images.shape}; draw them with `minram show`."
        )
    seen, wanted = len(params["glimpse.what.W"]), len(config.scales) * config.patch_size**2
    if seen != wanted:
        raise InputError(
            f"the page shows a retina of {wanted} grey cells, but this model reads {seen}; draw it with `minram show`."
        )
    if images.dtype != np.uint8:
        images = np.round(images * 255).astype(np.uint8)  # as the page stores them
    half, size = in_half(params), config.task_at().canvas or images.shape[1:]
    sigma = np.exp(log_std(halved(params), config))
    known = ("glimpses", "patch_size", "scales", "continuous", "background", "distractor_size", "reward_steps")
    told = {
        "name": name,
        "names": names,
        "thing": "image" if config.data or names else "digit",
        "config": {key: getattr(config, key) for key in known}
        | {"height": size[0], "width": size[1], "less": round(255 * config.background)},
        "params": {key: {"shape": w.shape, "half": _base64(w)} for key, w in half.items()},
        "sigma": np.asarray(sigma, float).tolist(),
        "images": {"height": images.shape[1], "width": images.shape[2], "pixels": _base64(images)},
        "labels": labels.tolist(),
        "colours": {"scales": style.SCALES, "time": [to_hex(c) for c in style.time_colours(COLOURS)]},
        "checks": _checks(params, config, images[:CHECKS], size),
    }
    return assemble(WEB / "agent.html", told, title=name)


def in_half(params: Params) -> Params:
    """The parameters in half precision. Raises InputError for a number that it cannot hold."""
    with np.errstate(over="ignore"):
        half = {name: w.astype("<f2") for name, w in params.items()}
    if not all(np.isfinite(w).all() for w in half.values()):
        raise InputError(
            f"the page holds weights up to {np.finfo(np.float16).max:.0f}, but these are larger or not finite; "
            "train again, with a smaller learning_rate."
        )
    return half


def halved(params: Params) -> Params:
    """The same in float64: what the page computes with."""
    return {name: w.astype(np.float64) for name, w in in_half(params).items()}


def on_canvas(images: Array, size: tuple[int, ...]) -> Array:
    """Each image in the middle of an empty canvas: (n, h, w) → (n, H, W)."""
    out = np.zeros((len(images), *size), images.dtype)
    row, column = ((n - m) // 2 for n, m in zip(size, images.shape[1:]))
    out[:, row : row + images.shape[1], column : column + images.shape[2]] = images
    return out


def looks(params: Params, config: Config, images: Array, starts: Array, **how: Any) -> Trajectory:
    """Rollouts at the mean locations in float64 on half-precision weights, a label after each glimpse.

    images (n, H, W) uint8; starts (n, 2); how: as for `minram.agent.rollout`.
    """
    how = {"policy": "mean", "every_step": True} | how
    how = {"rng": np.random.default_rng(0)} | how
    return rollout(halved(params), config, summed_area(images, config.background), start=starts, **how)


def distance_to_edges(loc: Array, config: Config, size: tuple[int, ...]) -> float:
    """How near the squares of an aligned sensor come to where they jump by a pixel; loc (..., 2) → pixels, ≤ ½.

    There the last bit of a location decides what is seen. A continuous sensor has no such places.
    """
    if config.continuous:
        return 0.5
    centre = (loc + 1) * np.array([size[1], size[0]]) / 2
    start = centre[..., None] - np.asarray(config.scales) * config.patch_size / 2
    return float(np.abs(start + 0.5 - np.round(start + 0.5)).min())


def _checks(params, config, images, size):
    """What Python finds on images in the middle of the canvas, from starts that keep away from the sensor's edges."""
    placed, rng, found = on_canvas(images, size), np.random.default_rng(1), []
    for i in range(len(images)):
        for _ in range(20):
            start = rng.uniform(-0.9, 0.9, (1, 2)).round(3)
            t = looks(params, config, placed[i : i + 1], start)
            if distance_to_edges(t.loc, config, size) > 1e-6:
                found.append(
                    {"image": i, "start": start[0].tolist(), "loc": t.loc[:, 0].tolist()}
                    | {"logits": t.logits[:, 0].tolist()}
                )
                break
    if not all(math.isfinite(x) for check in found for row in check["logits"] for x in row):
        raise InputError("the model's outputs are not finite; train it again, with a smaller learning_rate.")
    return found


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
