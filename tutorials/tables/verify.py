"""The first epoch of a stored result, trained again: the same bits, or what is different."""

import contextlib
import json
import tempfile

import ledger
from minram.errors import InputError
from minram.storage import checkpoint
from minram.training.config import Config
from minram.training.metrics import read_metrics
from minram.training.train import train
from record import data_of, metrics, result_path, versions


class _Enough(Exception):
    pass


def first_epoch(config, dataset):
    """Train for one epoch of all that the settings say → the line of metrics.jsonl and the segment, as dicts."""

    def stop(line, epoch_done):
        if epoch_done:
            raise _Enough

    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(_Enough):
            train(config, folder, report=stop, dataset=dataset, workers=1)
        return read_metrics(folder)[0], checkpoint.load(f"{folder}/last.npz")[1]["segments"][0]


def verify(job, dataset=None):
    """Lines that say whether the first epoch of a result has the same bits again, and else what is not as it was.

    Raises InputError for a job without a result.
    """
    path = result_path(job)
    if not path.exists():
        raise InputError(f"{job.stem} has no result to verify; run it first.")
    stored = json.loads(path.read_bytes())
    config = Config.from_dict(stored["settings"])
    dataset = dataset or data_of(config.data, config.n_val)
    again, segment = first_epoch(config, dataset)
    before = metrics(job.stem)[0]
    wrong = [key for key in before if key != "seconds" and before[key] != again.get(key)]
    lines = [
        f"{job.stem}: the first epoch again, {'the same bits' if not wrong else 'other bits in ' + ', '.join(wrong)}"
    ]
    lines += [f"  {name}: was {old}, is {new}" for name, old, new in differences(stored, job, dataset, segment)]
    if wrong and len(lines) == 1:
        lines.append("  every ingredient that is recorded is the same; look for one that is not")
    return not wrong, lines


def differences(stored, job, dataset, segment):
    """What is not as it was: (name, old, new) of settings, data, code, versions and machine."""
    first = stored["segments"][0]
    now = json.loads(job.config.to_json())
    pairs = [(f"setting {name}", old, now[name]) for name, old in stored["settings"].items()]
    pairs.append(("data", stored["data"], dataset.fingerprint))
    pairs.append(("code", *((c["commit"] or c["sources"])[:12] for c in (stored["code"], ledger.code()))))
    pairs += [(name, old, versions().get(name)) for name, old in stored["versions"].items()]
    pairs += [(name, first.get(name), segment.get(name)) for name in ("processor", "kernel", "threads", "workers")]
    return [(name, old, new) for name, old, new in pairs if json.dumps(old) != json.dumps(new)]
