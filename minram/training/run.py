"""A run on disk: what is saved, how it is read back, and how it goes on.

A run lives in a folder: config.json, metrics.jsonl (one line an epoch), last.npz (all that a resume needs),
best.npz (the parameters of the best epoch), result.json. Every file is replaced whole or not at all.
"""

import json
import math
import zlib
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minram.agent import init_params, layers
from minram.errors import InputError
from minram.storage import checkpoint
from minram.storage.writing import remove_temporaries, write_text
from minram.training.classifiers import WINDOW, classifier_layers, init_classifier
from minram.training.config import Config
from minram.training.optim import optimiser_state, pack, unpack

SUMS = ("loss", "error", "reward", "advantage_square", "baseline_error")  # a metrics line holds their means


class Run(NamedTuple):
    """The state of a run: everything that changes from step to step, and that a checkpoint holds."""

    vector: np.ndarray  # the parameters, flat
    params: dict  # views into it
    optimiser: dict
    task_rng: np.random.Generator  # makes the images
    policy_rng: np.random.Generator  # draws locations
    meta: dict  # epoch, step in the epoch, sums over the epoch, best epoch, seconds, metrics, data

    @property
    def averaged(self):
        """The parameters to use: the average of the weights where there is one."""
        return unpack(self.optimiser.get("average", self.vector), self.params)


def fresh(config, folder, dataset):
    """A new run in a folder. Raises InputError if there is one already, or what is left of one."""
    if (folder / "last.npz").exists():
        raise InputError(f"{folder} holds a run already; go on with --resume, or choose another folder with --out.")
    for name in ("best.npz", "result.json", "metrics.jsonl"):  # the new run would take them for its own, or empty them
        path = folder / name
        if path.exists() and path.stat().st_size > 0:
            raise InputError(f"{folder} holds the {name} of another run; choose another folder with --out.")
    shape = seen_shape(config, dataset)
    seeds = np.random.SeedSequence(config.seed).spawn(3)
    init, size = (init_params, math.prod(shape[2:])) if config.model == "ram" else (init_classifier, shape)
    vector, params = pack(init(config, np.random.default_rng(seeds[0]), dataset.n_classes, size))
    meta = {"epoch": 0, "step": 0, "sums": [0.0] * len(SUMS), "best": None, "seconds": 0.0, "metrics": []}
    run = Run(
        vector,
        params,
        optimiser_state(config, vector),
        np.random.default_rng(seeds[1]),
        np.random.default_rng(seeds[2]),
        meta | {"data": _fingerprint(dataset)},
    )
    write_text(folder / "config.json", config.to_json())
    write_text(folder / "metrics.jsonl", "")
    save_run(run, config, folder)
    return run


def seen_shape(config, dataset):
    """(H, W) or (H, W, C) of the images that the model sees."""
    return (*(config.make_task.canvas or dataset.image_shape[:2]), *dataset.image_shape[2:])


def save_params(path, params, config, meta):
    """Write parameters with the configuration they belong to: enough to evaluate, show or transfer."""
    arrays = {f"params/{name}": a for name, a in params.items()}
    checkpoint.save(path, arrays, {"config": json.loads(config.to_json()), **meta})


def load_params(path):
    """Read what save_params or save_run wrote → (params, config, meta)."""
    return _load(path)[:3]


def _load(path):
    """→ params, config, meta, all arrays. Nothing is allocated by what a file says about itself."""
    arrays, meta = checkpoint.load(path)
    try:
        config = Config.from_dict(meta.get("config"))
    except InputError as error:
        raise InputError(f"{path} has settings that cannot be used: {error}") from None
    params = {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}
    if all(a.dtype == np.float16 for a in params.values()):  # half precision is for small files only
        params = {name: a.astype(np.float32) for name, a in params.items()}
    if not params:
        raise InputError(f"{path} should hold the parameters of an agent, but it holds none; take a best.npz.")
    shapes = _shapes(config, params)
    found = {name: a.shape for name, a in params.items()}
    for name in shapes | found:
        if shapes.get(name) != found.get(name):
            raise InputError(
                f"{path} should hold {name} with the shape {shapes.get(name, 'of nothing')}, but it has "
                f"{found.get(name, 'none')}; the file is damaged or was made otherwise."
            )
    dtype = next(iter(params.values())).dtype
    for name, a in params.items():
        if a.dtype not in (np.float32, np.float64) or a.dtype != dtype:
            raise InputError(f"{path} should hold floats of one type, but {name} is {a.dtype}; take another file.")
        if not np.isfinite(a).all():
            raise InputError(f"{path} has numbers in {name} that are not finite; take an earlier checkpoint.")
    return {name: params[name] for name in shapes}, config, meta, arrays


def _shapes(config, params):
    """The shapes that params should have. Image size, channels and classes are known only from the arrays."""
    rows = {name: (np.shape(a) or (0,))[0] for name, a in params.items()}
    classes = np.size(params.get("label.b"))
    if config.model == "ram":
        channels = max(1, rows.get("glimpse.what.W", 0) // (len(config.scales) * config.patch_size**2))
        sizes = layers(config, classes, channels)
    else:
        channels = max(1, rows.get("conv.W", 0) // WINDOW**2)
        sizes = classifier_layers(config, classes, rows.get("hidden1.W", 0), channels)
    shapes = {f"{name}.{key}": n[key == "b" : 2] for name, n in sizes.items() for key in "Wb"}
    return shapes | ({"location.log_std": (2,)} if config.learn_std else {})


def find_model(name):
    """The file with the parameters that a name stands for: a run folder's best.npz, a file, or pretrained:NAME."""
    if name.startswith("pretrained:"):
        path = resources.files("minram.training") / "weights" / (name.removeprefix("pretrained:") + ".npz")
        if not path.is_file():
            raise InputError(f"there are no weights called '{name}'; train them with minram train.")
        return Path(str(path))
    path = Path(name)
    path = path / "best.npz" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{name} should be a run folder with a best.npz, or a .npz file, but there is none.")
    return path


def save_run(run, config, folder):
    """Write last.npz: all that a resume needs."""
    arrays = {f"params/{name}": a for name, a in run.params.items()}
    arrays |= {f"optimiser/{name}": a for name, a in run.optimiser.items()}
    rngs = {"task_rng": checkpoint.rng_state(run.task_rng), "policy_rng": checkpoint.rng_state(run.policy_rng)}
    checkpoint.save(folder / "last.npz", arrays, {"config": json.loads(config.to_json()), **run.meta, **rngs})


def resumed(config, folder, dataset):
    """The run as the folder's last checkpoint left it. Raises InputError if that cannot be."""
    path = folder / "last.npz"
    if not path.is_file():
        raise InputError(f"{folder} holds no run to resume; begin one without --resume.")
    params, saved_config, meta, arrays = _load(path)
    if saved_config != config:
        raise InputError(f"{folder} was begun with other settings; resume it without --set, or begin a new folder.")
    if meta.get("data") != _fingerprint(dataset):
        raise InputError(f"{folder} was begun with other data; resume it with the same, or begin a new folder.")
    vector, params = pack(params)
    optimiser = optimiser_state(config, vector)
    for name, a in optimiser.items():
        saved = arrays.get(f"optimiser/{name}")
        if saved is None or (saved.shape, saved.dtype) != (a.shape, a.dtype) or not np.isfinite(saved).all():
            raise InputError(f"{path} should hold the optimiser's {name}, but does not; begin a new run.")
        optimiser[name] = saved
    rngs = [checkpoint.restore_rng(meta.pop(name, None)) for name in ("task_rng", "policy_rng")]
    del meta["config"]
    if not _sound(meta, config, len(dataset.x_train) // config.batch_size):
        raise InputError(f"{path} should say where in the training it was saved, but does not; begin a new run.")
    if meta["best"] and not (folder / "best.npz").is_file():
        raise InputError(f"{folder} should hold the best parameters so far in best.npz, but does not; begin a new run.")
    remove_temporaries(folder)
    return Run(vector, params, optimiser, *rngs, meta)


def _sound(meta, config, steps):
    """Does a checkpoint's account of the training have the types and ranges that `train` gave it?"""
    try:
        best = {"epoch": 0, "val_error": 0.0} if meta["best"] is None else meta["best"]
        numbers = [*meta["sums"], meta["seconds"], best["val_error"]]
        numbers += [record[name] for record in meta["metrics"] for name in (*SUMS, "seconds")]
        return (
            all(type(n) is int and n >= 0 for n in (meta["epoch"], meta["step"], best["epoch"]))
            and meta["step"] <= steps  # of an epoch; a run that was stopped after the last has all of them
            and (meta["best"] is not None) == any("val_error" in record for record in meta["metrics"])
            and best["epoch"] <= meta["epoch"] == len(meta["metrics"]) <= config.epochs
            and len(meta["sums"]) == len(SUMS)
            and all(type(x) is float and math.isfinite(x) for x in numbers)
        )
    except (KeyError, TypeError):
        return False


def _fingerprint(dataset):
    """What tells one data set from another: the shape of its training images and a checksum, with the labels."""
    checksum = zlib.crc32(dataset.y_train, zlib.crc32(np.ascontiguousarray(dataset.x_train)))
    return [*dataset.x_train.shape, checksum]
