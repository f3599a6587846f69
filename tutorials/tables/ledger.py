"""The ledger of looks at the test set, one JSON line each in results/ledger.jsonl, and the recipes that are frozen.

Both files only grow. A look is written down when its result is; a recipe is frozen, and committed, before any of its
reported seeds runs.
"""

import contextlib
import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import minram
from minram.errors import InputError
from minram.training.config import Config

HERE = Path(__file__).resolve().parent
LEDGER = HERE / "results" / "ledger.jsonl"
FROZEN = HERE / "results" / "frozen.jsonl"
FIRST = 20  # the first reported seed; those below were looked at while recipes were made


def now():
    """The time as the files have it, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def settings_digest(settings):
    """16 hexadecimal digits that tell settings apart, whatever their seed (a dict, or a Config as a dict)."""
    settings = {name: value for name, value in settings.items() if name != "seed"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def weights_digest(params):
    """16 hexadecimal digits that tell parameters (a dict of arrays) apart."""
    digest = hashlib.sha256()
    for name, a in sorted(params.items()):
        digest.update(f"{name} {a.dtype.str} {a.shape}".encode() + a.tobytes())
    return digest.hexdigest()[:16]


def read(path):
    """The lines of a file of JSON lines → list of dicts; [] where there is no file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def append(path, record):
    """Add one line, with the time, and nothing else; one process at a time → the line as a dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        with contextlib.suppress(ImportError, OSError):  # Windows has no such lock
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        record = {"date": now()} | record
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return record


# ---- frozen recipes ----


def frozen(row, path=None):
    """The last line that freezes a row, or None."""
    return next((line for line in reversed(read(path or FROZEN)) if line["row"] == row), None)


def freeze(row, config):
    """Freeze a row at these settings → the line. Raises InputError once it has been tested with a reported seed."""
    looks = [look for look in read(LEDGER) if look["row"] == row and "recovered" not in look]
    if looks:
        raise InputError(
            f"{row} was tested on {looks[0]['date'][:10]}, with seed {looks[0]['seed']}; a recipe is not changed "
            "because of a test figure."
        )
    settings = json.loads(config.changed(seed=0).to_json())
    del settings["seed"]
    line = frozen(row)
    if line and line["settings"] == settings:
        return line
    return append(FROZEN, {"row": row, "digest": settings_digest(settings), "settings": settings})


def require_frozen(row, config):
    """The digest under which a row is frozen. Raises InputError unless its settings are these, and committed."""
    line, again = frozen(row), f"freeze it with: run.py freeze {row}, and commit that"
    if line is None:
        raise InputError(f"{row} is not frozen; tune it on validation images, then {again}.")
    if Config.from_dict(line["settings"]) != config.changed(seed=0):
        raise InputError(f"{row} was frozen on {line['date'][:10]} with other settings than the recipe has; {again}.")
    if line not in [json.loads(text) for text in committed(FROZEN).splitlines()]:
        raise InputError(f"{row} is frozen, but not in the last commit; commit {FROZEN.name}, then run it.")
    if config.seed < FIRST:
        raise InputError(f"reported seeds begin at {FIRST}, but this is {config.seed}; others are for validation.")
    return line["digest"]


# ---- which code ----


def git(*arguments):
    """What Git prints in this folder, or "" where there is none."""
    try:
        done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def committed(path):
    """A file of this folder as the last commit has it."""
    return git("show", f"HEAD:./{path.relative_to(HERE).as_posix()}")


def code(package=None):
    """The package that computes: the newest commit with the same sources, or None, and the digest of these.

    A wheel does not know its commit, so the sources' names for Git are compared with those of each commit.
    """
    package = Path(package or Path(minram.__file__).parent)
    blobs = {}
    for path in package.rglob("*.py"):
        text = path.read_bytes()
        name = f"minram/{path.relative_to(package).as_posix()}"
        blobs[name] = hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()
    digest = hashlib.sha256(json.dumps(blobs, sort_keys=True).encode()).hexdigest()[:16]
    for commit in git("log", "--format=%H", "--", "../../minram").split():
        tree = (line.split(maxsplit=3) for line in git("ls-tree", "-r", "--full-tree", commit, "minram").splitlines())
        if {name: blob for _, _, blob, name in tree if name.endswith(".py")} == blobs:
            return {"commit": commit, "sources": digest}
    return {"commit": None, "sources": digest}
