"""The paper's tables, one command a task: python tutorials/tables/run.py --help

Results come from finished runs and are never changed; tables and figure are made from them. The order of a row is:
tune on validation images, freeze, commit, run fresh seeds; the test comes once, when the training has ended.
"""

import argparse
import sys
from pathlib import Path

from minram.training.process import one_thread

if __name__ == "__main__":
    one_thread()  # results are compared, and they are tested here

import cost
import habit
import ladder
import ledger
import sweep
from driver import run_all, say
from minram.errors import InputError
from minram.training.jobs import ABLATED, Job
from minram.training.recipes import RECIPES
from minram.training.train import Stopped
from paper import HEADLINES, reported_seeds
from pretrained import pretrain
from record import RUNS
from status import status
from table import rebuild
from tuning import trial_job
from verify import verify

SEEDS = {"ablations": range(20, 25), "ladder": range(20, 25)}


def row_job(name, seed):
    """The Job of a row by its name, such as mnist-7 or paper/mnist-7. Raises InputError for any other name."""
    kind, _, recipe = name.rpartition("/")
    if recipe not in RECIPES or kind not in ("", "paper"):
        raise InputError(f"there is no row {name!r}; take a recipe, or paper/ before {', '.join(HEADLINES.values())}.")
    return ladder.paper_job(recipe, seed) if kind else Job(recipe, seed)


def all_jobs():
    """Every row with its fresh seeds: the headlines first, then the others; the first seeds first."""
    names = [*HEADLINES.values(), *(name for name in RECIPES if name not in HEADLINES.values())]
    jobs = [Job(name, seed) for name in names for seed in reported_seeds(name)]
    return sorted(jobs, key=lambda job: (job.recipe not in HEADLINES.values(), job.seed))


def parser():
    p = argparse.ArgumentParser(description="The paper's tables: train, freeze, test once, and draw them.")
    commands = p.add_subparsers(dest="command", required=True)

    def trains(name, text, workers=False, jobs=True):
        command = commands.add_parser(name, help=text)
        command.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help=f"where runs are ({RUNS})")
        if workers:
            command.add_argument("--workers", type=int, default=1, help="processes of a run, at most one a shard (1)")
        elif jobs:
            command.add_argument("--jobs", type=int, default=2, help="runs side by side, of one thread each (2)")
        return command

    freeze = commands.add_parser("freeze", help="freeze the recipes of rows, before their reported seeds run")
    freeze.add_argument("rows", nargs="+", metavar="ROW", help="a recipe, or paper/ and a headline")
    row = trains("row", "run one row with one seed, test it once, and keep its result", workers=True)
    row.add_argument("row", metavar="ROW", help="a recipe, or paper/ and a headline")
    row.add_argument("--seed", type=int, default=ledger.FIRST, help=f"from {ledger.FIRST} on ({ledger.FIRST})")
    every = trains("all", "run all rows; skip the finished ones, resume the others")
    every.add_argument("--scheduler", metavar="ADDRESS", help="of a dask.distributed cluster that is to run them")
    trial = trains("trial", "try other settings of a row, on validation images alone, before it is frozen", jobs=False)
    trial.add_argument("row", choices=RECIPES, metavar="ROW", help="a recipe")
    trial.add_argument("name", metavar="NAME", help="a short name of the trial")
    trial.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings that are changed")
    trial.add_argument("--seed", type=int, default=ladder.TRIAL, help=f"below {ledger.FIRST} ({ladder.TRIAL})")
    ablation = trains("ablation", "run a recipe, shorter, with one choice changed, for each of them")
    ablation.add_argument("recipe", choices=ABLATED, metavar="RECIPE", help=" or ".join(ABLATED))
    known = "; ".join(f"{', '.join(ablated.changes)} ({name})" for name, ablated in ABLATED.items())
    ablation.add_argument("names", nargs="*", metavar="NAME", help=f"of {known}; default: all")
    costs = commands.add_parser("cost", help="measure what an epoch of a row's rungs costs, before any of them runs")
    costs.add_argument("recipe", choices=HEADLINES.values(), metavar="RECIPE", help=", ".join(HEADLINES.values()))
    for name, text, of in (
        ("draws", "twelve draws of σ, rate and λ for the paper's recipe", HEADLINES.values()),
        ("ladder", "climb from the paper's recipe to ours: rates first, then seeds", ladder.LADDERS),
    ):
        command = trains(name, text)
        command.add_argument("recipe", choices=[*of], metavar="RECIPE", help=", ".join(of))
    scan = trains("habit", "take a row's run off its path, and train a fixed scan along its mean path", jobs=False)
    scan.add_argument("recipe", choices=habit.HABITS, metavar="ROW", help=", ".join(habit.HABITS))
    scan.add_argument("--seed", type=int, default=ledger.FIRST, help="of the row's run and of the scan's")
    scan.add_argument("--first-too", action="store_true", help="begin on the path, where the row begins anywhere")
    scan.add_argument("--noise", action="store_true", help="train with the noise and the rollouts of the row")
    trains("sweep", "how the error on 100×100 grows with the number of distractors, on validation digits", jobs=False)
    again = commands.add_parser("verify", help="train the first epoch of a result again; name what differs")
    again.add_argument("row", metavar="ROW")
    again.add_argument("--seed", type=int, default=ledger.FIRST)
    weights = commands.add_parser("pretrain", help="keep the weights of the median seed as pretrained:NAME")
    weights.add_argument("name", choices=HEADLINES, metavar="NAME", help=", ".join(HEADLINES))
    weights.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")
    commands.add_parser("table", help="make tables and figure from the results")
    commands.add_parser("status", help="what is missing, in the order in which it should run")
    return p


def main(argv=None):
    p = parser()
    args = p.parse_args(argv)
    try:
        return execute(args)
    except Stopped as stopped:  # the one training that is made in this process
        say(stopped)
        return 130
    except InputError as error:
        p.exit(2, f"{args.command}: {error}\n")


def execute(args):
    code = 0
    if args.command == "status":
        say("\n".join(status()))
        return 0
    if args.command == "cost":
        line = cost.measure(args.recipe, ladder.measured(args.recipe))
        for rung in line["seconds"]:
            say(f"{args.recipe}, rung {rung}: {cost.relative(args.recipe, rung):.3f} of an epoch of ours")
        return 0
    if args.command == "freeze":
        for name in args.rows:
            line = ledger.freeze(name, row_job(name, 0).config)
            say(f"{name} is frozen as {line['digest']} since {line['date'][:10]}; commit {ledger.FROZEN.name}")
        return 0
    if args.command == "verify":
        same, lines = verify(row_job(args.row, args.seed))
        say("\n".join(lines))
        return 0 if same else 1
    if args.command == "row":
        code = run_all([row_job(args.row, args.seed)], args.runs, workers=args.workers)
    elif args.command == "all" and args.scheduler:
        from cluster import run_on

        code = run_on(args.scheduler, all_jobs(), args.runs)
    elif args.command == "all":
        code = run_all(all_jobs(), args.runs, args.jobs)
    elif args.command == "trial":
        code = run_all([trial_job(args.row, args.name, args.set, args.seed)], args.runs)
    elif args.command == "ablation":
        ablated = ABLATED[args.recipe]
        jobs = [ablated.job(name, s) for s in SEEDS["ablations"] for name in args.names or ablated.changes]
        code = run_all(jobs, args.runs, args.jobs)
    elif args.command == "draws":
        code = run_all(ladder.draws(args.recipe), args.runs, args.jobs)
        say(f"{args.recipe}: the best draw has {ladder.drawn(args.recipe)}")
    elif args.command == "ladder":
        code = run_all(ladder.trials(args.recipe), args.runs, args.jobs)
        code = code or run_all(ladder.climbs(args.recipe, SEEDS["ladder"]), args.runs, args.jobs)
    elif args.command == "habit":
        say(habit.run(args.recipe, args.seed, args.runs, args.first_too, args.noise).name)
    elif args.command == "sweep":
        sweep.sweep(args.runs)
    elif args.command == "pretrain":
        say(pretrain(args.name, args.runs).name)
    rebuild()
    return code


if __name__ == "__main__":
    sys.exit(main())
