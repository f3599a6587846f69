"""Does it matter? Three estimators train the same agent among clutter for equal processor time, five seeds each.

The reward is 1 if a label that is drawn after the last glimpse is right, and the location head alone follows REINFORCE
(flow=label), so that with Adam its scale plays no part: what differs is the noise, and what it costs.

    plain       the drawn label's 0 or 1, nothing subtracted
    chance      its mean p_y, less the mean of the other images' (leave one out): as cheap, and less noisy
    four        four rollouts of each image, judged by the other three: less noisy still, at 3.6 times the time

What counts is the processor time of this process in training steps: not the clock on the wall, which other work
stretches, and not validation. Rates are annealed by the share of it that is spent. A job is one estimator and one seed.
What is finished is skipped, and what was stopped goes on from its last mark.

python tutorials/race.py run                   all fifteen one after the other, 180 s of processor time each
python tutorials/race.py run plain --seeds 0   some of them, for as many processes as there are idle cores
python tutorials/race.py status                what is there
"""

import argparse
import json
import time
from pathlib import Path

from minram.training.process import machine, one_thread

if __name__ == "__main__":
    one_thread()  # before NumPy is loaded

import numpy as np
from scipy.stats import t as student

from minram.errors import InputError
from minram.storage import checkpoint
from minram.storage.writing import held, make_folder, write_text
from minram.training.evaluate import evaluate
from minram.training.models import MODELS
from minram.training.optim import optimiser_state, pack
from minram.training.own import Own
from minram.training.recipes import recipe
from minram.training.run import Run, seen_shape
from minram.training.shards import InProcess
from minram.training.step import train_step
from minram.training.streams import ORDER, PARAMETERS, stream
from minram.training.train import load_data
from variance import label_probability

RESULTS = Path(__file__).resolve().parent / "variance_results" / "race"
RUNS = Path.home() / ".cache" / "minram" / "race"  # what is under way
SEEDS = range(5)
BUDGET, MARKS = 180.0, 20  # seconds of processor time, and looks at the validation images on the way
ESTIMATORS = {
    "plain": {"rollouts": 1, "baseline": "none", "reward": "correct"},
    "chance": {"rollouts": 1, "baseline": "batch", "reward": "probability"},
    "four": {"rollouts": 4, "baseline": "rollouts", "reward": "probability"},
}


def config_of(name, seed, changes=None):
    """The settings of a job: the recipe for four glimpses among clutter, with one reward, after the last glimpse.

    Minibatches, epochs and the first location are those that the recipe had when the race was run.
    """
    if name not in ESTIMATORS:
        raise InputError(f"there is no estimator {name!r}; take some of {', '.join(ESTIMATORS)}.")
    one = {"reward_steps": "last", "flow": ("label",), "location_weight": 1, "final_location_weight": 1, "seed": seed}
    one |= {"batch_size": 128, "epochs": 120, "start": "uniform"}
    return recipe("cluttered-60-4").changed(one | ESTIMATORS[name] | (changes or {}))


def own_reward(name, seed):
    """For the plain estimator a label that is drawn, of which `probability` is the mean; for the others none."""
    rng = np.random.default_rng([*seed, 28])

    def drawn_label(trajectory, labels):
        r = np.zeros(trajectory.loc.shape[:2])
        r[-1] = rng.random(len(labels)) < label_probability(trajectory.logits[-1], labels)
        return r

    return Own(reward=drawn_label if name == "plain" else None)


class Job:
    """One training: its parameters, its optimiser, what it has spent, and its marks."""

    def __init__(self, name, seed, budget, dataset, changes=None):
        self.name, self.seed, self.budget, self.dataset = name, seed, budget, dataset
        self.config = c = config_of(name, seed, changes)
        init = MODELS[c.model].init(c, stream(seed, PARAMETERS), dataset.n_classes, seen_shape(c, dataset))
        vector, params = pack(init)
        self.run = Run(vector, params, optimiser_state(c, vector), None)
        self.spent, self.steps, self.marks = 0.0, 0, []

    def train_to(self, share, clock=time.process_time):
        """Steps until that share of the budget is spent, by `clock`; then a mark, which does not count."""
        maker = InProcess(self.run, self.config, self.dataset, 1, own_reward(self.name, (self.seed, self.steps)))
        n, size = len(self.dataset.x_train), self.config.batch_size
        epoch, order = None, None
        with np.errstate(all="ignore"):  # numbers that are not finite end a step
            while self.spent < share * self.budget:
                start = clock()
                now, step = divmod(self.steps, n // size)
                if now != epoch:
                    epoch, order = now, stream(self.seed, ORDER, now).permutation(n)
                # How many steps there will be, as it looks now: so that rates follow the share that is spent.
                maker.n_steps = max(self.steps / max(self.spent / self.budget, 1e-9), self.steps + 1)
                train_step(maker, order[step * size :][:size], self.steps)
                self.steps += 1
                self.spent += clock() - start
        error = evaluate(self.run.averaged, self.config, self.dataset.x_val, self.dataset.y_val).error
        self.marks.append({"share": share, "steps": self.steps, "spent": round(self.spent, 2), "val_error": error})

    def save(self, path):
        arrays = {"vector": self.run.vector, **{f"optimiser/{k}": a for k, a in self.run.optimiser.items()}}
        meta = {"spent": self.spent, "steps": self.steps, "marks": self.marks, "budget": self.budget}
        checkpoint.save(path, arrays, meta | {"config": json.loads(self.config.to_json())})

    def resume(self, path):
        """Go on where `save` was. Raises InputError for what was begun with another budget or other settings."""
        arrays, meta = checkpoint.load(path)
        if meta["budget"] != self.budget or meta["config"] != json.loads(self.config.to_json()):
            raise InputError(f"{path} was begun with another budget or other settings; take another --runs.")
        self.run.vector[:] = arrays["vector"]
        for name, a in self.run.optimiser.items():
            a[:] = arrays[f"optimiser/{name}"]
        self.spent, self.steps, self.marks = meta["spent"], meta["steps"], meta["marks"]


def run(name, seed, budget=BUDGET, marks=MARKS, runs=RUNS, results=RESULTS, changes=None, dataset=None, report=print):
    """Do a job, or what is left of it, and keep its result → its path."""
    result, stem = results / f"{name}-s{seed}.json", f"{name}-s{seed}"
    if result.exists():
        report(f"{stem}: has a result")
        return result
    job = Job(name, seed, budget, dataset or load_data(config_of(name, seed)), changes)
    make_folder(runs)
    path = runs / f"{stem}.npz"
    make_folder(runs / stem)
    with held(runs / stem):
        if path.exists():
            job.resume(path)
        for mark in range(len(job.marks) + 1, marks + 1):
            job.train_to(mark / marks)
            job.save(path)
            last = job.marks[-1]
            report(f"{stem}: {100 * last['share']:.0f} %, {last['steps']} steps, error {100 * last['val_error']:.2f} %")
        kept = {"estimator": name, "seed": seed, "budget": budget, "settings": json.loads(job.config.to_json())}
        make_folder(results)
        write_text(result, json.dumps(kept | {"marks": job.marks, "machine": machine()}, indent=1) + "\n")
        path.unlink()
    return result


def load_results(results=RESULTS):
    """{estimator: validation errors (seeds, marks)}, and the shares of the budget (marks,); ({}, None) if none."""
    found = {}
    for path in sorted(results.glob("*.json")):
        kept = json.loads(path.read_bytes())
        found.setdefault(kept["estimator"], []).append(kept)
    curves = {name: np.array([[m["val_error"] for m in r["marks"]] for r in found[name]]) for name in found}
    share = [m["share"] for m in next(iter(found.values()))[0]["marks"]] if found else None
    return curves, share


def interval(values):
    """Mean and half-width of its 95 % interval, over the first axis, the seeds (Student)."""
    n = len(values)
    half = student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.nan * values[0]
    return values.mean(axis=0), half


def status(results=RESULTS):
    for name in ESTIMATORS:
        seeds = [seed for seed in SEEDS if (results / f"{name}-s{seed}.json").exists()]
        print(f"{name:8} {len(seeds)} of {len(SEEDS)} seeds: {seeds}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "status"))
    parser.add_argument("names", nargs="*", metavar="ESTIMATOR", help=f"of {', '.join(ESTIMATORS)}; default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="default: 0 1 2 3 4")
    parser.add_argument("--budget", type=float, default=BUDGET, help=f"seconds of processor time a job ({BUDGET:g})")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help=f"where unfinished jobs are ({RUNS})")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where results are kept")
    args = parser.parse_args(argv)
    try:
        if args.command == "run":
            for seed in args.seeds:  # the first seed of each, before the second of any
                for name in args.names or ESTIMATORS:
                    run(
                        name,
                        seed,
                        args.budget,
                        runs=args.runs,
                        results=args.results,
                        report=lambda s: print(s, flush=True),
                    )
        status(args.results)
    except InputError as error:
        parser.exit(2, f"race.py: {error}\n")


if __name__ == "__main__":
    main()
