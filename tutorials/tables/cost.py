"""What an epoch costs on one core, of the paper's recipe and of each rung above it, beside what it costs of ours.

Trainings that are compared are to have equal processor time, so their lengths follow from these figures. They are
measured once, before anything of a row runs, and stay: other figures would be other lengths.
"""

import statistics

import ledger
from minram.command import bench
from minram.errors import InputError
from record import RESULTS, data_of

COSTS = RESULTS / "costs.jsonl"
ROUNDS, IMAGES = 3, 6400  # how often each is measured, in turn, and over how many images each time


def relative(name, rung, path=None):
    """What an epoch of a rung costs, in epochs of our recipe. Raises InputError where it has not been measured."""
    found = next((line for line in ledger.read(path or COSTS) if line["row"] == name), None)
    if found is None or str(rung) not in found["seconds"]:
        raise InputError(f"what an epoch of {name} costs has not been measured; do it with: run.py cost {name}.")
    (*_, ours) = found["seconds"].values()
    rounds = zip(found["seconds"][str(rung)], ours)
    return statistics.median(theirs / our for theirs, our in rounds)


def measure(name, configs, path=None):
    """Measure {rung: Config}, of which the last is our recipe, and keep the seconds → the line that is kept.

    Raises InputError for a row that has been measured.
    """
    path = path or COSTS
    if any(line["row"] == name for line in ledger.read(path)):
        raise InputError(f"{name} has been measured, and lengths of trainings follow from it; {path} has the figures.")
    seconds = {str(rung): [] for rung in configs}
    for _ in range(ROUNDS):
        for rung, config in configs.items():
            seconds[str(rung)].append(epoch_seconds(config))
    return ledger.append(path, {"row": name, "code": ledger.code()["commit"], "seconds": seconds})


def epoch_seconds(config):
    """About how long an epoch takes, from some of its steps, and its validation."""
    found, d = bench.measure(config, IMAGES // config.batch_size), data_of(config.data, config.n_val)
    steps = len(d.x_train) // config.batch_size
    validation = found["evaluate_s"] * len(d.x_val) / min(10_000, len(d.x_test))
    return round(steps * found["total_ms"] / 1000 + validation, 3)
