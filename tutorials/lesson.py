"""What the lessons share."""

import inspect
import json
from dataclasses import asdict
from pathlib import Path

from jobs import ABLATED, words
from minram.training.recipes import recipe
from without_display import save_pictures

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
save_pictures()


def show_source(*functions):
    """Print the source of functions or classes of the package, under the name of their file."""
    for f in functions:
        print(f"# {f.__module__.replace('.', '/')}.py\n{inspect.getsource(f)}")


def training_command(config, name="quick"):
    """The command that trains with these settings: a recipe and what differs from it."""
    known = asdict(recipe(name))
    changes = {key: value for key, value in asdict(config).items() if value != known[key]}
    return " ".join(["minram train", name, *(["--set", *words(changes)] if changes else [])])


def ablation_results(folder=CHECKPOINTS / "ablations"):
    """What ablations.py, or lesson 13, has measured → {name: [a dict for each seed]}."""
    results = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        results.setdefault(result["ablation"], []).append(result)
    return results


def paper_ablations():
    """The ablations of lesson 13 → {recipe: what ablation_results gives}, and what each changes, in words.

    Both are empty where that lesson's results are missing.
    """
    folder = CHECKPOINTS.parent / "tables" / "results" / "ablations"
    if not folder.exists():
        return {}, {}
    results = {name: ablation_results(folder / name) for name in ABLATED}
    return results, {name: text for ablated in ABLATED.values() for name, text in ablated.texts.items()}
