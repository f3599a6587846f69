"""The same runs on a dask.distributed cluster, one a task: python tutorials/tables/run.py all --scheduler ADDRESS

A worker needs an installed minram and distributed, and nothing else of this repository. It trains in a folder of the
same name there, which is on a disk that all workers share or else its own; a run whose worker is gone goes on where
its folder is, or begins again. What is tested is tested here, when the files have come.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("config.json", "metrics.jsonl", "best.npz", "result.json")


def train_there(settings, folder):
    """Train on a worker, or go on → the digest of the package's sources there, and the run's files as bytes."""
    from ledger import code
    from minram.training.config import Config
    from minram.training.train import train

    folder = Path(folder)
    train(Config.from_dict(settings), folder, resume=(folder / "last.npz").exists(), workers=1)
    return code()["sources"], {name: (folder / name).read_bytes() for name in FILES}


def run_on(address, jobs, runs):
    """Run jobs on the cluster of a scheduler, and keep their results as they end → the largest exit code."""
    from dask.distributed import Client, as_completed

    import ledger
    from driver import prepare, say
    from minram.errors import InputError
    from minram.storage.writing import make_folder, write_bytes
    from record import finish, result_path

    worst, here = 0, ledger.code()["sources"]
    with Client(address) as client:
        for name in ("ledger.py", "cluster.py"):
            client.upload_file(str(HERE / name))
        waiting = {}
        for job in jobs:
            folder = Path(runs) / job.stem
            try:
                frozen = prepare(job, folder)
            except InputError as error:
                say(f"{job.stem}: {error}")
                worst = 2
                continue
            if not result_path(job).exists():
                settings = json.loads(job.config.to_json())
                future = client.submit(train_there, settings, str(folder), key=job.stem, retries=2, pure=False)
                waiting[future] = job, folder, frozen
        for future in as_completed(waiting):
            job, folder, frozen = waiting[future]
            try:
                sources, files = future.result()
                if sources != here:
                    raise InputError("the worker has another minram than is installed here; install the same wheel.")
                make_folder(folder)
                for name in FILES:
                    write_bytes(folder / name, files[name])
                say(f"{job.stem}: {finish(job, folder, frozen).name}")
            except Exception as error:  # whatever a worker raises; the other runs go on
                say(f"{job.stem}: {type(error).__name__}: {error}")
                worst = max(worst, 1)
    return worst
