"""What the lessons share."""

import inspect
import json
import runpy
from dataclasses import asdict
from pathlib import Path

from minram.training.recipes import recipe

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"


def show_source(*functions):
    """Print the source of functions or classes of the package, under the name of their file."""
    for f in functions:
        print(f"# {f.__module__.replace('.', '/')}.py\n{inspect.getsource(f)}")


def training_command(config, name="quick"):
    """The command that trains with these settings: a recipe and what differs from it."""
    recipe_settings, settings = asdict(recipe(name)), asdict(config)
    changed = [
        f"{key}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in settings.items()
        if value != recipe_settings[key]
    ]
    return " ".join(["minram train", name, *(["--set", *changed] if changed else [])])


def ablation_results(folder=CHECKPOINTS / "ablations"):
    """What ablations.py, or lesson 13, has measured → {name: [a dict for each seed]}."""
    results = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        results.setdefault(result["ablation"], []).append(result)
    return results


def paper_ablations():
    """The ablations of lesson 13 → {recipe: what ablation_results gives}, and what each changes, in words.

    Both are empty where that folder is missing.
    """
    folder = CHECKPOINTS.parent / "tables"
    if not folder.exists():
        return {}, {}
    ablated = runpy.run_path(str(folder / "paper.py"))["ABLATED"]
    results = {name: ablation_results(folder / "results" / "ablations" / name) for name in ablated}
    return results, {name: text for a in ablated.values() for name, (text, _) in a.changes.items()}
