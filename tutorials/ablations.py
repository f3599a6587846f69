"""Train short versions of the quick recipe, each with one choice changed, for lessons 9 and 12.

python tutorials/ablations.py                run all that have no result yet, one after the other
python tutorials/ablations.py NAME [NAME …]  only these
python tutorials/ablations.py --seed 2 NAME  with another seed

Each leaves checkpoints/ablations/NAME-sSEED.json: the settings, and the error on the validation images, on which
alone ablations are judged. To repeat one, remove its file. Without --seed those of TWICE run with the seeds 0 and 1.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":  # before NumPy is imported: one thread, so that sums are taken in the same order
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from minram.storage.writing import write_text
from minram.training.evaluate import evaluate, wilson
from minram.training.recipes import recipe
from minram.training.run import load_params
from minram.training.train import load_data, train

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "checkpoints" / "ablations"
RECIPE, SHORTER = "quick", ("epochs=3",)
# What is changed: its name, its description, its settings. Names that tables/paper.py has too mean the same.
ABLATIONS = {
    "nothing": ("the recipe itself", ()),
    "random": ("random locations", ("policy=random",)),
    "small-std": ("σ = 0.05", ("std=0.05",)),
    "large-std": ("σ = 0.4", ("std=0.4",)),
    "annealed-std": ("σ falls to 0.3 of itself", ("final_std=0.3",)),
    "no-baseline": ("no baseline", ("baseline=none",)),
    "learned-baseline": ("baseline: learned", ("baseline=learned",)),
    "two-rollouts": ("two rollouts, leave one out", ("rollouts=2", "baseline=rollouts")),
    "small-location-term": ("a small λ", ("location_weight=0.03",)),
    "leaking-location": ("REINFORCE trains the core too", ("flow=label,location",)),
    "linear-location-head": ("no hidden layer before μ", ("location_units=0",)),
    "identity-core": ("identity recurrent weights", ("recurrent_init=identity",)),
    "no-average": ("no average of the weights", ("weight_average=0",)),
    "every-step": ("a label at every step", ("label_steps=every",)),
    "2-glimpses": ("2 glimpses", ("glimpses=2",)),
    "4-glimpses": ("4 glimpses", ("glimpses=4",)),
    "8-glimpses": ("8 glimpses", ("glimpses=8",)),
    "one-scale": ("one scale", ("scales=1",)),
}
TWICE = {"nothing", "random", "small-std", "large-std", "no-baseline", "learned-baseline"}  # of which lesson 9 speaks


def settings(name, seed):
    """The Config of one."""
    return recipe(RECIPE).changed([*SHORTER, *ABLATIONS[name][1], f"seed={seed}"])


def run(name, seed):
    """Train one and write its result → the path, or nothing where it is there already."""
    path = RESULTS / f"{name}-s{seed}.json"
    if path.exists():
        return None
    config = settings(name, seed)
    d = load_data(config)
    # Training ends with a look at the test set. Here there is none: one validation image stands in its place.
    without_test = d._replace(x_test=d.x_val[:1], y_test=d.y_val[:1])
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, folder, dataset=without_test)
        params, _, _ = load_params(Path(folder) / "best.npz")
    n = len(d.y_val)
    record = {
        "recipe": RECIPE,
        "seed": seed,
        "ablation": name,
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ABLATIONS))
    parser.add_argument("--seed", type=int, help="0, and for some also 1")
    args = parser.parse_args()
    if unknown := set(args.names) - set(ABLATIONS):
        parser.error(f"there is no ablation {sorted(unknown)[0]!r}; take some of {', '.join(ABLATIONS)}.")
    for name in args.names or ABLATIONS:
        seeds = [args.seed] if args.seed is not None else [0, 1] if name in TWICE else [0]
        for seed in seeds:
            if path := run(name, seed):
                record = json.loads(path.read_text())
                print(f"{path.stem}: {100 * record['val_error']:.2f} %, {record['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
