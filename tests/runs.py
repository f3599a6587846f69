"""What a run leaves in its folder, and what must be equal for two runs to be the same."""

import json

import numpy as np

from minram.agent import init_params
from minram.storage import checkpoint
from minram.training.models import MODELS
from minram.training.run import save_params


def save_untrained(path, config):
    """Write an agent for the tiny data set as a run does, but with the parameters that it would begin with."""
    save_params(path, init_params(config, np.random.default_rng(0), 3), config, {})
    return path


def save_whole(path, config, shape=(6, 5)):
    """Write a network that sees images of this shape as a whole, with the parameters that it would begin with."""
    config = config.changed(model="fc")
    save_params(path, MODELS["fc"].init(config, np.random.default_rng(0), 3, shape), config, {})
    return path


def outcome(folder):
    """Everything that a run has left, to the last bit, but the seconds it took and the machines it ran on."""
    files = {}
    for name in ("last.npz", "best.npz"):
        arrays, meta = checkpoint.load(folder / name)
        files[name] = {k: (a.dtype.str, a.shape, a.tobytes()) for k, a in arrays.items()}, timeless(meta)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((folder / "result.json").read_text())
    return files | {"metrics": timeless(lines), "result": timeless(result)}


def timeless(record):
    """A record without what differs from machine to machine."""
    if isinstance(record, list):
        return [timeless(r) for r in record]
    if isinstance(record, dict):
        return {k: timeless(r) for k, r in record.items() if k not in ("seconds", "segments")}
    return record
