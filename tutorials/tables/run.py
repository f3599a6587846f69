"""The paper's tables, one command a task: python tutorials/tables/run.py --help

Results come from finished runs and are never edited; tables and figure are made from them.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where jobs.py is

from jobs import ABLATED, Job, words
from minram.errors import InputError
from minram.training.config import Config
from minram.training.process import VARIABLES
from paper import HEADLINES, ROWS, SEEDS, THRICE
from record import collect, places, pretrain, stem
from table import rebuild

ONE_THREAD = dict.fromkeys(VARIABLES, "1")  # whatever the environment says: results are compared


def all_jobs():
    """Every row, some with three seeds; the first seeds first, the quick ones before the slow ones."""
    jobs = [Job(row.recipe, s) for row in ROWS for s in range(SEEDS if row.recipe in THRICE else 1)]
    return sorted(jobs, key=lambda job: (job.seed, cost(job.config)))


def cost(config):
    """About how long a run takes: glimpses of an image, or a single look, times epochs."""
    return config.epochs * (config.glimpses * config.rollouts if config.model == "ram" else 1)


def outdated(job):
    """The result of a job, or its run's config.json, if that has other settings than the job has now; else None."""
    folder, result = places(job)
    for path in (result, folder / "config.json"):
        if path.exists():
            kept = json.loads(path.read_bytes())
            if Config.from_dict(kept.get("settings", kept)) != job.config:
                return path
    return None


def run(job, running, quiet):
    """Train a job, or go on with it, and keep its result; nothing if that is there → the exit code."""
    if path := outdated(job):
        print(f"{stem(job)}: {path} has other settings than the recipe has now; move it away", flush=True)
        return 2
    folder, result = places(job)
    if result.exists():
        return 0
    if not (folder / "result.json").exists():
        resume = (folder / "last.npz").exists()
        what = ["--resume"] if resume else [job.recipe, "--set", *words(job.settings)]
        command = [sys.executable, "-m", "minram", "train", *what, "--out", str(folder)]
        print(f"{stem(job)}: {'goes on' if resume else 'begins'}", flush=True)
        process = subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.DEVNULL if quiet else None)
        running.append(process)
        if code := process.wait():
            print(f"{stem(job)}: ended with exit code {code}", flush=True)
            return code
    print(f"{stem(job)}: {collect(folder).name}", flush=True)
    return 0


def run_all(jobs, side_by_side):
    """Run jobs, so many side by side with one thread each → the largest exit code.

    Ctrl-C or a termination signal stops and saves those under way; the same command goes on with them.
    """
    running = []
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    with ThreadPoolExecutor(side_by_side) as pool:
        futures = [pool.submit(run, job, running, len(jobs) > 1) for job in jobs]
        try:
            return max((future.result() for future in futures), default=0)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            return 130


def main(argv=None):
    parser = argparse.ArgumentParser(description="The paper's tables: train, collect, and draw them.")
    commands = parser.add_subparsers(dest="command", required=True)
    row = commands.add_parser("row", help="run one row again and keep its result")
    row.add_argument("name", choices=[row.recipe for row in ROWS], metavar="NAME", help="a recipe of the paper's rows")
    row.add_argument("--seed", type=int, default=0)
    every = commands.add_parser("all", help="run all rows; skip the finished ones, resume the others")
    ablation = commands.add_parser("ablation", help="run a recipe, shorter, with one choice changed, for each of them")
    ablation.add_argument("recipe", choices=ABLATED, metavar="RECIPE", help=" or ".join(ABLATED))
    known = "; ".join(f"{', '.join(ablated.changes)} ({name})" for name, ablated in ABLATED.items())
    ablation.add_argument("names", nargs="*", metavar="NAME", help=f"of {known}; default: all")
    ablation.add_argument("--seed", type=int, default=0)
    for command in (every, ablation):
        command.add_argument("--jobs", type=int, default=2, help="runs side by side, of one thread each (2)")
    kept = commands.add_parser("collect", help="keep the results of finished run folders")
    kept.add_argument("folders", nargs="+", metavar="FOLDER")
    weights = commands.add_parser("pretrain", help="keep the weights of a run as pretrained:NAME")
    weights.add_argument("name", metavar="NAME", help=", ".join(HEADLINES))
    weights.add_argument("folder", metavar="FOLDER")
    commands.add_parser("table", help="make tables and figure from the results")
    args = parser.parse_args(argv)
    try:
        return execute(args)
    except InputError as error:
        parser.exit(2, f"{args.command}: {error}\n")


def execute(args):
    code = 0
    if args.command == "row":
        code = run_all([Job(args.name, args.seed)], 1)
    elif args.command == "all":
        code = run_all(all_jobs(), args.jobs)
    elif args.command == "ablation":
        ablated = ABLATED[args.recipe]
        code = run_all([ablated.job(name, args.seed) for name in args.names or ablated.changes], args.jobs)
    elif args.command == "collect":
        for folder in args.folders:
            print(collect(folder).name)
    elif args.command == "pretrain":
        print(pretrain(args.name, args.folder).name)
    rebuild()
    return code


if __name__ == "__main__":
    sys.exit(main())
