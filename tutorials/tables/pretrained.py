"""The weights by name: those of a headline's median seed, in half precision."""

from pathlib import Path

import numpy as np

from minram.errors import InputError
from minram.training.evaluate import evaluate
from minram.training.jobs import Job
from minram.training.run import load_params, save_params
from paper import HEADLINES, reported_seeds
from record import HERE, data_of, load_results, packed, versions

DATA = HERE.parents[1] / "minram" / "training" / "weights"
CHECKED = 1000  # validation images with which a test repeats what is said of stored weights


def median_run(name, results=None):
    """The result of a row whose validation error is the median of its reported seeds; of alike ones in their order.

    Raises InputError while one of them is missing.
    """
    results = load_results() if results is None else results
    stems = [Job(name, seed).stem for seed in reported_seeds(name)]
    if missing := [stem for stem in stems if stem not in results]:
        raise InputError(f"{', '.join(missing)} should have a result first; run them with: run.py all.")
    runs = sorted((results[stem] for stem in stems), key=lambda r: (r["val_error"], r["seed"]))
    return runs[len(runs) // 2]


def pretrain(name, runs, out=DATA):
    """Store a headline's weights as pretrained:NAME → the path.

    They are rounded; what that changes is measured on validation images. The test error is that of the run: the test
    set is not looked at again.
    """
    r = median_run(HEADLINES[name])
    job = Job(HEADLINES[name], r["seed"])
    params, config, meta = load_params(Path(runs) / job.stem / "best.npz")
    half = {key: a.astype(np.float16) for key, a in params.items()}
    stored = {key: a.astype(np.float32) for key, a in half.items()}
    d = data_of(config.data, config.n_val)
    before, after = (evaluate(p, config, d.x_val, d.y_val).wrong[-1] for p in (params, stored))
    if packed(before) != r["wrong"]["validation"]:
        raise InputError(f"{runs} holds another run of {job.stem} than the one of the result; look for that one.")
    about = {
        "recipe": job.recipe,
        "seed": job.seed,
        "epoch": meta["epoch"],
        "versions": versions(),
        "test_error": r["mean"]["test_error"],
        "test_interval": r["mean"]["interval"],
        "val_error": float(after.mean()),
        "changed": int((before != after).sum()),
        "checked": CHECKED,
        "checked_wrong": int(evaluate(stored, config, d.x_val[:CHECKED], d.y_val[:CHECKED]).wrong[-1].sum()),
    }
    save_params(Path(out) / f"{name}.npz", half, config, about)
    return Path(out) / f"{name}.npz"
