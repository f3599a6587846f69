"""Train short versions of the quick recipe, each with one choice changed, for lessons 9 and 12.

python tutorials/ablations.py                run all that have no result yet, one after the other
python tutorials/ablations.py NAME [NAME …]  only these
python tutorials/ablations.py --seed 2 NAME  with another seed

Each leaves checkpoints/ablations/NAME-sSEED.json: the settings, and the error on the validation images, on which
alone ablations are judged. To repeat one, remove its file. Without --seed those of TWICE run with the seeds 0 and 1.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from minram.training.process import one_thread

if __name__ == "__main__":
    one_thread()

import numpy as np

from jobs import QUICK
from minram.errors import InputError
from minram.storage.writing import write_text
from minram.training.evaluate import evaluate, wilson
from minram.training.run import load_params
from minram.training.train import load_data, train

RESULTS = Path(__file__).resolve().parent / "checkpoints" / "ablations"
TWICE = {"nothing", "random", "small-std", "large-std", "no-baseline", "learned-baseline"}  # of which lesson 9 speaks


def run(job):
    """Train one and write its result → the path, or nothing where it is there already."""
    path = RESULTS / f"{job.ablation}-s{job.seed}.json"
    if path.exists():
        return None
    config = job.config
    d = load_data(config)
    # Training ends with a look at the test set. Here there is none: one validation image stands in its place.
    without_test = d._replace(x_test=d.x_val[:1], y_test=d.y_val[:1])
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, folder, dataset=without_test)
        params, _, _ = load_params(Path(folder) / "best.npz")
    n = len(d.y_val)
    record = {
        "recipe": job.recipe,
        "seed": job.seed,
        "ablation": job.ablation,
        "settings": asdict(config),
        "seconds": result["seconds"],
        "epoch": result["epoch"],
        "n_val": n,
    }
    for policy in ("mean", "sampled"):
        wrong = evaluate(params, config, d.x_val, d.y_val, policy).wrong
        last = wrong[-1]
        prefix = "val" if policy == "mean" else "sampled_val"
        record[f"{prefix}_error"] = float(last.mean())
        record[f"{prefix}_interval"] = wilson(last.sum(), n)
        record[f"{prefix}_by_glimpse"] = np.round(wrong.mean(axis=1), 6).tolist()
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(QUICK.changes))
    parser.add_argument("--seed", type=int, help="0, and for some also 1")
    args = parser.parse_args(argv)
    names = args.names or QUICK.changes
    seeds = {name: [args.seed] if args.seed is not None else [0, 1] if name in TWICE else [0] for name in names}
    try:
        for job in [QUICK.job(name, seed) for name in names for seed in seeds[name]]:
            if path := run(job):
                record = json.loads(path.read_text())
                print(f"{path.stem}: {100 * record['val_error']:.2f} %, {record['seconds']} s", flush=True)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
