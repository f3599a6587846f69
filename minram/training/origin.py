"""Do parameters, settings and data belong together? A file that was put in the place of another should not pass."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from minram.datasets.data import Dataset
from minram.errors import InputError
from minram.storage.reading import read_json
from minram.training.config import Config


def require_own(path: Path, config: Config) -> None:
    """Raise InputError if a best.npz with these settings lies beside the config.json of a run with others."""
    beside = path.with_name("config.json")
    if path.name != "best.npz" or not beside.exists():
        return
    said = read_json(beside)
    settings = {key: value for key, value in said.items() if key != "own"} if isinstance(said, dict) else said
    try:
        of_run = Config.from_dict(settings)
    except InputError as error:
        raise InputError(f"{beside} has settings that cannot be used: {error}") from None
    require_same(path, config, of_run)


def require_same(path: Path, config: Config, of_run: Config) -> None:
    """Raise InputError unless the settings that a file carries are those of its run."""
    other = [f.name for f in fields(Config) if getattr(config, f.name) != getattr(of_run, f.name)]
    if other:
        raise InputError(
            f"{path} is of a run with other settings ({', '.join(other[:3])}) than its folder's; put the run's own "
            "there, or this one into a folder of its own."
        )


def require_best(path: Path, meta: dict[str, Any], best: dict[str, Any], epochs: int, data: list) -> None:
    """Raise InputError unless a best.npz with this `meta` is that of a run, which knows its `best` epoch and its data.

    After so many `epochs` it may be of the next: it is written first, and again if the rest is not.
    """
    same = all(meta.get(name) == best[name] for name in best) or meta.get("epoch") == epochs + 1
    if not same or meta.get("data", data) != data:
        raise InputError(f"{path} is not of this run; put the run's own there, or begin a new run.")


def data_differ(path: Path, meta: dict[str, Any], dataset: Dataset) -> str:
    """What to say if a model was trained on other data than these, in one sentence; "" if it was not, or is unknown."""
    if meta.get("data", dataset.fingerprint) == dataset.fingerprint:
        return ""
    return (
        f"{path} was trained on other data than these: their shapes or their checksum, which covers the test images "
        "too, are not those that were stored with it."
    )


def require_empty(folder: Path) -> None:
    """Raise InputError for a folder that holds a run already, or what is left of one."""
    if (folder / "last.npz").exists():
        raise InputError(f"{folder} holds a run already; go on with --resume, or choose another folder with --out.")
    for name in ("best.npz", "result.json", "metrics.jsonl"):  # the new run would take them for its own, or empty them
        path = folder / name
        if path.exists() and path.stat().st_size > 0:
            raise InputError(f"{folder} holds the {name} of another run; choose another folder with --out.")
