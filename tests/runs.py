"""Tiny data sets and training runs for the tests of training, and what must be equal for two runs to be the same."""

import json

import numpy as np

from minram.datasets.data import Dataset
from minram.storage import checkpoint
from minram.training.config import Config


def dataset(n=24, shape=(6, 5), classes=3, seed=0):
    """Random uint8 images with a bright band of rows where the label says, so that something can be learned."""
    rng = np.random.default_rng(seed)
    parts = []
    for size in (n, 10, 10):
        labels = rng.permutation(size) % classes
        bright = np.arange(shape[0]) * classes // shape[0] == labels[:, None]  # (n, H)
        noise = rng.integers(0, 100, (size, *shape), dtype=np.uint8)
        parts += [noise + np.uint8(150) * bright.reshape(size, shape[0], *[1] * (len(shape) - 1)), labels]
    return Dataset(*parts)


def config(**settings):
    """Three epochs of three steps, unless told otherwise."""
    tiny = {"glimpses": 3, "patch_size": 2, "what_units": 4, "where_units": 3, "glimpse_units": 5, "core_units": 4}
    tiny = tiny if settings.get("model", "ram") == "ram" else {}
    return Config(**tiny | {"batch_size": 8, "epochs": 3, "learning_rate": 0.01} | settings)


def save_npz(path, d):
    """Write a data set as a user would; a fifth of the training images is for validation again."""
    x, y = np.concatenate([d.x_train, d.x_val]), np.concatenate([d.y_train, d.y_val])
    np.savez(path, x_train=x, y_train=y, x_test=d.x_test, y_test=d.y_test)
    return path


def outcome(folder):
    """Everything that a run has left, to the last bit, but the seconds it took."""
    files = {}
    for name in ("last.npz", "best.npz"):
        arrays, meta = checkpoint.load(folder / name)
        files[name] = {k: (a.dtype.str, a.shape, a.tobytes()) for k, a in arrays.items()}, _timeless(meta)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((folder / "result.json").read_text())
    return files | {"metrics": _timeless(lines), "result": _timeless(result)}


def _timeless(record):
    if isinstance(record, list):
        return [_timeless(r) for r in record]
    if isinstance(record, dict):
        return {k: _timeless(r) for k, r in record.items() if k != "seconds"}
    return record
