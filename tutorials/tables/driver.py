"""Jobs trained by `minram train`, in processes of their own, and their results kept; what was stopped goes on."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ledger
from minram.command import terminal
from minram.command.commands import DIVERGED
from minram.errors import InputError
from minram.storage.writing import make_folder
from minram.training.config import Config
from minram.training.jobs import words
from minram.training.process import VARIABLES
from paper import reported_seeds
from record import finish, keep_diverged, result_path

ONE_THREAD = dict.fromkeys(VARIABLES, "1")  # whatever the environment says: results are compared


def prepare(job, folder):
    """The digest under which a row is frozen, or None for a job that is not tested.

    Raises InputError for a row that may not run, for code of no commit, and where result or folder are of other
    settings than the job has now.
    """
    for path in (result_path(job), folder / "config.json"):
        if path.exists():
            kept = json.loads(path.read_bytes())
            if Config.from_dict(kept.get("settings", kept)) != job.config:
                raise InputError(f"{path} has other settings than {job.stem} has now; move it away.")
    if result_path(job).exists() or not job.tested:
        return None
    seed, wanted = job.config.seed, reported_seeds(job.row)
    if seed >= ledger.FIRST and seed not in wanted:
        some = f"its seeds are {wanted[0]} to {wanted[-1]}" if wanted else "it is not run again"
        raise InputError(f"{job.row} is not tested with the seed {seed}: {some}.")
    if ledger.code()["commit"] is None:
        raise InputError("the installed minram is that of no commit; commit it, or take a wheel that was built of one.")
    return ledger.require_frozen(job.row, job.config)


def run(job, runs, workers=1, running=(), quiet=False):
    """Train a job, or go on with it, and keep its result; nothing if that is there → the exit code."""
    folder = Path(runs) / job.stem
    try:
        frozen = prepare(job, folder)
        if result_path(job).exists():
            say(f"{job.stem}: has a result")
            return 0
        if not (folder / "result.json").exists() and (code := train(job, folder, workers, running, quiet)):
            if code == DIVERGED and job.kind:  # it would again; so it is what came out of these settings
                say(f"{job.stem}: diverged, which {keep_diverged(job, folder).name} keeps")
                return 0
            say(f"{job.stem}: ended with exit code {code}")
            return code
        say(f"{job.stem}: {finish(job, folder, frozen).name}")
        return 0
    except InputError as error:
        say(f"{job.stem}: {error}")
        return 2


def train(job, folder, workers, running, quiet):
    """Train in a process of its own → its exit code."""
    resume = (folder / "last.npz").exists()
    what = ["--resume"] if resume else [job.recipe, "--set", *words(job.settings)]
    # -P: the installed package, and not one that happens to lie in the folder where this was called.
    command = [sys.executable, "-P", "-m", "minram", "train", *what, "--out", str(folder), "--workers", str(workers)]
    say(f"{job.stem}: {'goes on' if resume else 'begins'}")
    make_folder(folder.parent)
    process = subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.DEVNULL if quiet else None)
    if isinstance(running, list):
        running.append(process)
    return process.wait()


def say(text):
    """Print in one piece, since runs side by side print at the same time; go on where nobody reads any more."""
    terminal.say(f"{text}\n", end="")


def run_all(jobs, runs, side_by_side=1, workers=1):
    """Run jobs, so many side by side → the largest exit code.

    Ctrl-C or a termination signal stops and saves those under way; the same command goes on with them.
    """
    running = []
    signal.signal(signal.SIGTERM, _interrupt)
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            futures = [pool.submit(run, job, runs, workers, running, len(jobs) > 1) for job in jobs]
            return max((future.result() for future in futures), default=0)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            return 130


def _interrupt(number, frame):
    """As Ctrl-C, also where that is ignored, as in the background of a script."""
    raise KeyboardInterrupt
