"""A run on disk: what is saved, how it is read back, and how it goes on.

A run lives in a folder: config.json, metrics.jsonl (one line an epoch), last.npz (all that a resume needs),
best.npz (the parameters of the best epoch), result.json. Every file is replaced whole or not at all.
"""

import json
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import checkpoint
from .agent import init_params
from .config import Config
from .errors import InputError
from .files import atomic_write
from .optim import optimiser_state, pack, unpack

SUMS = ("loss", "error", "reward", "advantage_square", "baseline_error")  # a metrics line holds their means


class Run(NamedTuple):
    """The state of a run: everything that changes from step to step, and that a checkpoint holds."""

    vector: np.ndarray  # the parameters, flat
    params: dict  # views into it
    optimiser: dict
    task_rng: np.random.Generator  # makes the images
    policy_rng: np.random.Generator  # draws locations
    meta: dict  # epoch, step in the epoch, sums over the epoch, best epoch, seconds, metrics

    @property
    def averaged(self):
        """The parameters to use: the average of the weights where there is one."""
        return unpack(self.optimiser.get("average", self.vector), self.params)


def fresh(config, folder, dataset):
    if (folder / "last.npz").exists():
        raise InputError(f"{folder} holds a run already; go on with --resume, or choose another folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder with --out.") from None
    channels = dataset.image_shape[2] if len(dataset.image_shape) == 3 else 1
    seeds = np.random.SeedSequence(config.seed).spawn(3)
    vector, params = pack(init_params(config, np.random.default_rng(seeds[0]), dataset.n_classes, channels))
    run = Run(
        vector, params, optimiser_state(config, vector),
        np.random.default_rng(seeds[1]), np.random.default_rng(seeds[2]),
        {"epoch": 0, "step": 0, "sums": [0.0] * len(SUMS), "best": None, "seconds": 0.0, "metrics": []},
    )  # fmt: skip
    write_text(folder / "config.json", config.to_json())
    write_text(folder / "metrics.jsonl", "")
    save_run(run, config, folder)
    return run


def save_params(path, params, config, meta):
    """Write parameters with the configuration they belong to: enough to evaluate, show or transfer."""
    arrays = {f"params/{name}": a for name, a in params.items()}
    checkpoint.save(path, arrays, {"config": json.loads(config.to_json()), **meta})


def load_params(path):
    """Read what save_params or save_run wrote → (params, config, meta)."""
    arrays, meta = checkpoint.load(path)
    config = Config.from_dict(meta.get("config"))
    params = {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}
    if not params:
        raise InputError(f"{path} should hold the parameters of an agent, but it holds none; take a best.npz.")
    like = init_params(config, np.random.default_rng(0), params["label.b"].size if "label.b" in params else 1)
    for name, a in like.items():
        # The retina's channels are known only from the weights themselves.
        expected = (None, a.shape[1]) if name == "glimpse.what.W" else a.shape
        got = params[name].shape if name in params else None
        if got is None or len(got) != len(expected) or any(e not in (None, g) for e, g in zip(expected, got)):
            raise InputError(f"{path} should hold {name} of shape {expected}, but it is {got}; the file is damaged.")
    return {name: params[name] for name in like}, config, meta


def find_model(name):
    """The file with the parameters that a name stands for: a run folder's best.npz, a file, or pretrained:NAME."""
    if name.startswith("pretrained:"):
        path = resources.files("minram") / "data" / (name.removeprefix("pretrained:") + ".npz")
        if not path.is_file():
            raise InputError(f"there are no weights called '{name}'; train them with minram train.")
        return Path(str(path))
    path = Path(name)
    path = path / "best.npz" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{name} should be a run folder with a best.npz, or a .npz file, but there is none.")
    return path


def save_run(run, config, folder):
    arrays = {f"params/{name}": a for name, a in run.params.items()}
    arrays |= {f"optimiser/{name}": a for name, a in run.optimiser.items()}
    rngs = {"task_rng": checkpoint.rng_state(run.task_rng), "policy_rng": checkpoint.rng_state(run.policy_rng)}
    checkpoint.save(folder / "last.npz", arrays, {"config": json.loads(config.to_json()), **run.meta, **rngs})


def load_run(path):
    """→ (params, optimiser, meta) of a last.npz."""
    params, config, meta = load_params(path)
    arrays, _ = checkpoint.load(path)
    vector, _ = pack(params)
    optimiser = optimiser_state(config, vector)
    for name, a in optimiser.items():
        saved = arrays.get(f"optimiser/{name}")
        if saved is None or saved.shape != a.shape or saved.dtype != a.dtype:
            raise InputError(f"{path} should hold the optimiser's {name}, but does not; resume from a last.npz.")
        optimiser[name] = saved
    return params, optimiser, meta


def resumed(config, folder):
    """The run as the folder's last checkpoint left it. Raises InputError if that cannot be."""
    path = folder / "last.npz"
    if not path.exists():
        raise InputError(f"{folder} holds no run to resume; begin one without --resume.")
    params, optimiser, meta = load_run(path)
    if Config.from_dict(meta.pop("config")) != config:
        raise InputError(f"{folder} was begun with other settings; resume it without --set, or begin a new folder.")
    try:
        rngs = [checkpoint.restore_rng(meta.pop(name)) for name in ("task_rng", "policy_rng")]
        for name, kind in {"epoch": int, "step": int, "sums": list, "seconds": float, "metrics": list}.items():
            if not isinstance(meta[name], kind):
                raise TypeError(name)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} should hold {error} to be resumed, but does not; begin a new run.") from None
    vector, params = pack(params)
    return Run(vector, params, optimiser, *rngs, meta)


def write_text(path, text):
    atomic_write(path, lambda file: file.write(text.encode()))
