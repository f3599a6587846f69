"""What each epoch leaves: a line of metrics.jsonl, and how the lines are read back."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minram.errors import InputError
from minram.storage.reading import read_json_lines
from minram.storage.writing import write_text

SUMS = ("loss", "error", "reward", "advantage_square", "baseline_error")  # a line holds their means
# What a number of an epoch can be. A loss is in 32 bits, and a training ends where it is not finite.
MOST = 2.0**128
RANGES = {
    "loss": (-MOST, MOST),
    "error": (0, 1),
    "reward": (-MOST, MOST),
    "advantage_square": (0, MOST),
    "baseline_error": (0, MOST),
    "seconds": (0, MOST),
    "val_error": (0, 1),
    # Of the diagnosis.
    **dict.fromkeys(("outside", "dead", "coverage", "balanced_error", "majority_error"), (0, 1)),
    **dict.fromkeys(("spread_images", "spread_steps", "entropy"), (0, MOST)),
}
ALWAYS = (*SUMS, "seconds")
ROUNDING = 1e-6  # means of numbers from 0 to 1 may be so much above


def check_metrics(records: Any) -> None:
    """Raise ValueError unless these are the records of the first epochs of a training: a list of dicts in order."""
    if not isinstance(records, list):
        raise ValueError("metrics are not a list")
    glimpses = set()
    for epoch, record in enumerate(records, start=1):
        if not isinstance(record, dict) or type(record.get("epoch")) is not int or record["epoch"] != epoch:
            raise ValueError(f"line {epoch} is not about epoch {epoch}")
        for name, (low, high) in RANGES.items():
            if name in record or name in ALWAYS:
                _check(record.get(name), low, high, f"{name} in line {epoch}")
        errors = record.get("val_errors", [])
        if not isinstance(errors, list) or bool(errors) != ("val_error" in record):
            raise ValueError(f"line {epoch} has no error after each glimpse")
        for error in errors:
            _check(error, 0, 1, f"an error in line {epoch}")
        glimpses.add(len(errors))
        for name, high in (("std", MOST), ("class_errors", 1)):
            numbers = record.get(name, [])
            if not isinstance(numbers, list):
                raise ValueError(f"{name} in line {epoch} is not a list")
            for number in numbers:
                if number is not None or name == "std":  # a class of too few images has no error
                    _check(number, 0, high, f"{name} in line {epoch}")
    if len(glimpses - {0}) > 1:
        raise ValueError("the lines differ in their number of glimpses")


def _check(number, low, high, what):
    if type(number) is not float or not (math.isfinite(number) and low <= number <= high + ROUNDING):
        raise ValueError(f"{what} is not a number from {low:.4g} to {high:.4g}")


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl, a dict for each epoch. Raises InputError if they are not sound."""
    path = Path(folder) / "metrics.jsonl"
    records = read_json_lines(path)
    try:
        check_metrics(records)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); train --resume writes it again.") from None
    return records


def write_metrics(folder: Path, records: Sequence[dict]) -> None:
    """Write the lines of a run's metrics.jsonl. Raises InputError if that cannot be."""
    write_text(folder / "metrics.jsonl", "".join(json.dumps(record) + "\n" for record in records))


def mend_metrics(folder: Path, records: Sequence[dict]) -> None:
    """Write a run's metrics.jsonl again if it does not say what the checkpoint does."""
    try:
        same = read_metrics(folder) == records
    except InputError:
        same = False
    if not same:
        write_metrics(folder, records)
