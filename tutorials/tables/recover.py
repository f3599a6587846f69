"""How the ledger's beginning was made: every stored test error that the repository's history knows.

python tutorials/tables/recover.py > ledger.jsonl

A look is dated by the commit that first held it, not by the hour of the test. What was printed and not stored (every
training ended with a test in those days, ablations and trials among them) cannot be recovered.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from ledger import git, settings_digest, weights_digest
from minram.errors import InputError
from minram.storage import checkpoint

FOLDERS = ("tutorials/13_papers_tables/results", "tutorials/tables/results", "tutorials/checkpoints", "minram/data")
WAYS = ("mean", "sampled", "average_10")


def looks():
    """All looks in the order of their commits → a dict each, as the ledger has them."""
    seen = set()
    for line in git("log", "--reverse", "--format=%H %cI", "--", *(f":/{f}" for f in FOLDERS)).splitlines():
        commit, date = line.split()
        names = git("diff-tree", "-r", "--root", "-m", "--no-commit-id", "--name-status", commit).splitlines()
        for name in sorted({name.split("\t")[1] for name in names if name[0] in "AM"}):
            if name.startswith(FOLDERS) and (look := look_of(commit, name)):
                content = json.dumps(look)
                if content not in seen:  # a file that was only moved
                    seen.add(content)
                    yield {"date": date, "commit": commit} | look | {"recovered": name}


def look_of(commit, name):
    """What a file says of the test set, or None."""
    if name.endswith(".npz"):
        return rounded(commit, name)
    if not name.endswith(".json"):
        return None
    result = json.loads(git("show", f"{commit}:{name}"))
    if "mean" not in result:
        return None
    folder, weights = Path(name).parent, None
    if "recipe" not in result:  # a run's own result.json, whose settings are beside it
        settings = json.loads(git("show", f"{commit}:{folder.as_posix()}/config.json"))
        seed = Path(name).stem.partition("-")[2]
        row = "quick" if folder.name == "mnist" else "cluttered-60-8"
        result |= {"recipe": row, "seed": int(seed or settings["seed"]), "settings": settings}
        if not seed:
            weights = weights_digest(parameters(commit, f"{folder.as_posix()}/best.npz")[0])
    return look(result, weights, result["n_test"], {way: result[way]["test_error"] for way in WAYS if way in result})


def rounded(commit, name):
    """Weights in half precision, which were tested once more as they were stored."""
    try:
        params, about = parameters(commit, name)
    except InputError:  # not parameters: images
        return None
    if "test_error" not in about:
        return None
    return look(about | {"settings": about["config"]}, weights_digest(params), 10_000, {"mean": about["test_error"]})


def look(result, weights, n, errors):
    digest = settings_digest(result["settings"])
    about = {"row": result["recipe"], "seed": result["seed"], "settings": digest, "weights": weights}
    return about | {"n": n, "errors": errors}


def parameters(commit, name):
    """Arrays and description of a .npz of the history."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stored.npz"
        with open(path, "wb") as file:
            subprocess.run(["git", "show", f"{commit}:{name}"], stdout=file, check=True)
        arrays, about = checkpoint.load(path)
    return {key.removeprefix("params/"): a for key, a in arrays.items() if key.startswith("params/")}, about


if __name__ == "__main__":
    for found in looks():
        print(json.dumps(found, ensure_ascii=False))
