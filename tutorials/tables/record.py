"""From a run folder to what is kept of it: one JSON file, and the metrics of its epochs beside it."""

import json
import platform
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import scipy

from jobs import ABLATED, Job
from minram.errors import InputError
from minram.storage.writing import write_text
from minram.training.config import Config
from minram.training.evaluate import evaluate, wilson
from minram.training.run import load_params, save_params
from minram.training.train import load_data
from paper import HEADLINES, ROWS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
RUNS = HERE.parents[1] / "runs" / "tables"
DATA = HERE.parents[1] / "minram" / "training" / "weights"
CHECKED = 1000  # validation images with which a test repeats what is said of stored weights


def stem(job):
    """The name of a job's files."""
    name = f"ablations/{job.recipe}/{job.ablation}" if job.ablation else job.recipe
    return f"{name}-s{job.seed}"


def places(job):
    """Where a job runs, and where its result is kept → a folder and a file."""
    return RUNS / stem(job), RESULTS / f"{stem(job)}.json"


def job_of(config):
    """The Job whose settings these are. Raises InputError, with what differs from the nearest row, if none has."""
    settings = asdict(config).items()
    job, difference = min(
        ((job, {name for name, _ in known.items() ^ settings}) for job, known in _jobs(config.seed)),
        key=lambda pair: len(pair[1]),
    )
    if difference:
        names = ", ".join(sorted(difference))
        raise InputError(f"the run has settings of no row; the nearest is {stem(job)}, which differs in {names}.")
    return job


@cache
def _jobs(seed):
    jobs = [Job(row.recipe, seed) for row in ROWS]
    jobs += [ablated.job(name, seed) for ablated in ABLATED.values() for name in ablated.changes]
    return [(job, asdict(job.config)) for job in jobs]


def collect(folder, results=RESULTS):
    """Write results/NAME-sS.json and .jsonl of a finished run → the path of the first.

    Raises InputError for a run that is not finished or of no row, and for one that has been collected.
    """
    folder = Path(folder)
    if not (folder / "result.json").exists():
        raise InputError(f"{folder} holds no finished run; let minram train --resume --out {folder} end first.")
    config = Config.from_dict(json.loads((folder / "config.json").read_bytes()))
    job = job_of(config)
    path = Path(results) / f"{stem(job)}.json"
    if path.exists():
        raise InputError(f"{path.name} is there already; results are never changed, only removed.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".jsonl"), (folder / "metrics.jsonl").read_text())
    write_text(path, json.dumps(record(job, json.loads((folder / "result.json").read_bytes())), indent=1) + "\n")
    return path


def record(job, result):
    """What is kept of a run, from minram's result.json → dict. An ablation is judged on validation alone."""
    config, error = job.config, result["val_error"]
    n_val = config.n_val
    kept = {
        "recipe": job.recipe,
        "seed": job.seed,
        **({"ablation": job.ablation} if job.ablation else {}),
        "settings": asdict(config),
        "versions": versions(),
        "seconds": result["seconds"],
        "epoch": result["epoch"],
        "n_val": n_val,
        "val_error": error,
        "val_interval": wilson(round(error * n_val), n_val),
    }
    if not job.ablation:
        ways = ("mean", "sampled", "average_10") if config.model == "ram" else ("mean",)
        kept |= {"n_test": result["n_test"], **{way: result[way] for way in ways}}
    return kept


def versions():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "blas": f"{blas['name']} {blas['version']}",
    }


def load_results(results=RESULTS):
    """All results → {stem: dict}, ablations among them as "ablations/RECIPE/NAME-sS"."""
    paths = sorted(Path(results).rglob("*.json"))
    return {path.relative_to(results).with_suffix("").as_posix(): json.loads(path.read_bytes()) for path in paths}


def pretrain(name, folder, out=DATA):
    """Store the weights of a run in half precision as pretrained:NAME → the path.

    They are rounded, so they are measured again, once, as they are stored: what `minram evaluate` prints.
    """
    if name not in HEADLINES:
        raise InputError(f"weights are kept of {', '.join(HEADLINES)}, not of {name!r}.")
    params, config, meta = load_params(Path(folder) / "best.npz")
    job = job_of(config)
    if job.recipe != HEADLINES[name] or job.ablation:
        raise InputError(f"pretrained:{name} should be a run of {HEADLINES[name]}, but this is one of {stem(job)}.")
    half = {key: a.astype(np.float16) for key, a in params.items()}
    stored = {key: a.astype(np.float32) for key, a in half.items()}
    d = load_data(config)
    test, validation, checked = (
        evaluate(stored, config, x, y).wrong[-1]
        for x, y in ((d.x_test, d.y_test), (d.x_val, d.y_val), (d.x_val[:CHECKED], d.y_val[:CHECKED]))
    )
    about = {
        "recipe": job.recipe,
        "seed": job.seed,
        "epoch": meta["epoch"],
        "versions": versions(),
        "test_error": float(test.mean()),
        "test_interval": wilson(test.sum(), test.size),
        "val_error": float(validation.mean()),
        "checked": CHECKED,
        "checked_wrong": int(checked.sum()),
    }
    save_params(Path(out) / f"{name}.npz", half, config, about)
    return Path(out) / f"{name}.npz"
