"""From a finished run to what is kept of it: one JSON file, and the metrics of its epochs beside it.

A run of a row is tested here, once: its folder keeps what came out, the ledger gets its line, and neither another
call nor another training of the same row and seed tests again.
"""

import base64
import json
import platform
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import scipy

import ledger
from minram.errors import InputError
from minram.storage.writing import held, write_text
from minram.training.config import Config
from minram.training.evaluate import evaluate, wilson
from minram.training.run import load_params
from minram.training.train import load_data

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
RUNS = Path.home() / ".cache" / "minram" / "tables"  # outside the work tree, which may be changed meanwhile
WAYS = {"mean": ("mean", 1), "sampled": ("sampled", 1), "average_10": ("sampled", 10)}  # policy, rollouts


def result_path(job):
    """Where the result of a job is kept."""
    return RESULTS / f"{job.stem}.json"


def finish(job, folder, frozen=None):
    """Keep a finished run, and test it if it is one of a row → the path of its result.

    frozen: the digest of the recipe of a row. Raises InputError for a run that is not finished or not the job's, and
    for a row and seed that were tested in another run.
    """
    folder, path = Path(folder), result_path(job)
    if not (folder / "result.json").exists():
        raise InputError(f"{folder} holds no finished run; let it end first.")
    with held(folder):
        if path.exists():
            return path
        params, config, about = load_params(folder / "best.npz")
        if config != job.config:
            raise InputError(f"{folder} holds a run with other settings than {job.stem} has; take another --runs.")
        weights = ledger.weights_digest(params)
        kept = validated(job, json.loads((folder / "result.json").read_bytes()), params)
        kept |= {"data": about["data"], "digests": {"settings": frozen or digest(config), "weights": weights}}
        if job.tested:
            test = tested_once(job, folder, params, kept)
            kept["wrong"] |= {"test": test.pop("wrong")}
            kept |= test
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path.with_suffix(".jsonl"), (folder / "metrics.jsonl").read_text())
        write_text(path, json.dumps(kept, indent=1) + "\n")
    return path


def keep_diverged(job, folder):
    """Keep that a training diverged, and the epochs before → the path of its result."""
    path = result_path(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".jsonl"), (Path(folder) / "metrics.jsonl").read_text())
    kept = about_job(job) | {"diverged": True}
    write_text(path, json.dumps(kept, indent=1) + "\n")
    return path


def about_job(job):
    """What a result says of its job, and of what it was made with → dict."""
    return {
        "recipe": job.recipe,
        "seed": job.seed,
        **({"kind": job.kind, "name": job.name} if job.kind else {}),
        "settings": asdict(job.config),
        "code": ledger.code(),
        "versions": versions(),
    }


def digest(config):
    """As `ledger.settings_digest`, of a Config."""
    return ledger.settings_digest(json.loads(config.to_json()))


def validated(job, result, params):
    """What is kept of a run without its test, from minram's result.json and the parameters → dict."""
    config = job.config
    d = data_of(config.data, config.n_val)
    kept = about_job(job) | {
        "segments": result["segments"],
        "seconds": result["seconds"],
        "epoch": result["epoch"],
        "n_val": len(d.y_val),
    }
    for name, way in (("val", "mean"), ("sampled_val", "sampled")):
        wrong = evaluate(params, config, d.x_val, d.y_val, way).wrong
        kept[f"{name}_error"] = float(wrong[-1].mean())
        kept[f"{name}_interval"] = wilson(wrong[-1].sum(), wrong[-1].size)
        kept[f"{name}_by_glimpse"] = wrong.mean(axis=1).tolist()
        if way == "mean":
            kept["wrong"] = {"validation": packed(wrong[-1])}
    return kept


def tested_once(job, folder, params, kept):
    """The look at the test set, or what the folder keeps of it, and its line in the ledger → dict."""
    seen, key = folder / "tested.json", (job.row, job.seed)
    lines = [line for line in ledger.read(ledger.LEDGER) if "recovered" not in line]
    line = next((line for line in lines if (line["row"], line["seed"]) == key), None)
    if line and not (seen.exists() and line["weights"] == kept["digests"]["weights"]):
        raise InputError(
            f"{job.stem} was tested on {line['date'][:10]}, with other weights or in another folder; what came out "
            "then is in the ledger, and a run is tested once."
        )
    if not seen.exists():
        config = job.config
        d = data_of(config.data, config.n_val)
        wrong = {
            way: evaluate(params, config, d.x_test, d.y_test, policy, rollouts).wrong
            for way, (policy, rollouts) in WAYS.items()
            if way == "mean" or config.model == "ram"
        }
        test = {way: _summary(w) for way, w in wrong.items()}
        test |= {"n_test": len(d.y_test), "wrong": packed(wrong["mean"][-1])}
        write_text(seen, json.dumps(test))
    test = json.loads(seen.read_bytes())
    if line is None:
        errors = {way: test[way]["test_error"] for way in WAYS if way in test}
        about = {"commit": kept["code"]["commit"], "row": job.row, "seed": job.seed, **kept["digests"]}
        ledger.append(ledger.LEDGER, about | {"n": test["n_test"], "errors": errors})
    return test


def _summary(wrong):
    last = wrong[-1]
    interval = wilson(last.sum(), last.size)
    return {"test_error": float(last.mean()), "interval": interval, "by_glimpse": wrong.mean(axis=1).tolist()}


@cache
def data_of(data, n_val):
    """The data set of a run, read once."""
    return load_data(Config(data=data, n_val=n_val))


def packed(wrong):
    """Outcomes (n,), one bit each, as text."""
    return base64.b64encode(np.packbits(wrong)).decode()


def unpacked(text, n):
    """The outcomes (n,) of `packed`."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(bool)


def outcomes(runs, split="test"):
    """Was the last label wrong? (S, n), a row for each run."""
    n = "n_test" if split == "test" else "n_val"
    return np.array([unpacked(r["wrong"][split], r[n]) for r in runs])


def own_weights(job, runs):
    """The parameters and the settings of a row's run, for what is measured of it later.

    Raises InputError where the folder has no finished run of the job, or another one than the result's.
    """
    folder = Path(runs) / job.stem
    if not (folder / "result.json").exists():
        raise InputError(f"{folder} holds no finished run; run the row first.")
    params, config, _ = load_params(folder / "best.npz")
    if not result_path(job).exists():
        raise InputError(f"{job.stem} has no result yet; run the row first.")
    kept = json.loads(result_path(job).read_bytes())
    if config != job.config or ledger.weights_digest(params) != kept["digests"]["weights"]:
        raise InputError(f"{folder} holds another run of {job.stem} than the one of the result; look for that one.")
    return params, config


def versions():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "blas": f"{blas['name']} {blas['version']}",
    }


def load_results(results=None):
    """All results but those of the first protocol → {stem: dict}."""
    results = Path(results or RESULTS)
    return {stem: r for stem, r in _load(results).items() if not stem.startswith("v1/")}


def load_v1():
    """The results of the first protocol → {stem: dict}, ablations among them as "ablations/RECIPE/NAME-sS"."""
    return _load(RESULTS / "v1")


def _load(folder):
    paths = sorted(folder.rglob("*.json"))
    return {path.relative_to(folder).with_suffix("").as_posix(): json.loads(path.read_bytes()) for path in paths}


def metrics(stem):
    """The epochs of a stored result → list of dicts."""
    return ledger.read(RESULTS / f"{stem}.jsonl")


def level(epochs):
    """The validation error at the end of a training: the mean of ten epochs, or of a quarter of a short one."""
    last = [m["val_error"] for m in epochs if "val_error" in m]
    return float(np.mean(last[-max(1, min(10, len(last) // 4)) :]))
