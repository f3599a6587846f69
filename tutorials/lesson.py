"""What the lessons share."""

import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt

from minram.training.jobs import V1, words
from minram.training.recipes import recipe
from without_display import save_pictures

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "tables" / "results"
sys.path.append(str(RESULTS.parent))  # where `compared` finds what the tables are made with
WEIGHTS = HERE / "checkpoints" / "quick.npz"  # of the default recipe: of the median of its five seeds, by validation
save_pictures()


def show_source(*functions):
    """Print the source of functions or classes of the package, under the name of their file."""
    for f in functions:
        print(f"# {f.__module__.replace('.', '/')}.py\n{inspect.getsource(f)}")


def show(alt):
    """Show the figure that has been drawn; `alt` says what is on it, to whoever cannot see it."""
    if "inline" not in plt.get_backend():
        plt.show()
        return
    from IPython.display import display  # a notebook has it

    display(plt.gcf(), metadata={"image/png": {"alt": alt}})
    plt.close()


def touch(name, height=780):
    """Show one of the pages to touch in a frame; where there is no notebook, say where it is."""
    file = f"pages/{name}.html"
    if not (HERE / file).exists():  # beside a sheet, for instance
        print(f"There is a page to touch in the folder tutorials of the source: {file}")
        return
    if "inline" not in plt.get_backend():
        print(f"To touch, in a browser: {HERE / file}")
        return
    from IPython.display import display  # a notebook has it

    frame = f'<iframe src="{file}" title="A page to touch" width="100%" height="{height}" style="border: 0"></iframe>'
    display({"text/html": f'{frame}\n<p><a href="{file}">The page alone</a></p>', "text/plain": file}, raw=True)


def training_command(config, name="quick"):
    """The command that trains with these settings: a recipe and what differs from it."""
    known = asdict(recipe(name))
    changes = {key: value for key, value in asdict(config).items() if value != known[key]}
    return " ".join(["minram train", name, *(["--set", *words(changes)] if changes else [])])


def row_results(recipe):
    """The results of a recipe, by seed → a list of dicts."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(f"{recipe}-s*.json"))]


def ablation_results(folder=RESULTS / "ablations" / "quick"):
    """The ablations of quick, or those in another folder → {name: [a dict for each seed]}."""
    results = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        results.setdefault(result["name"] if "name" in result else result["ablation"], []).append(result)
    return results


def compared(results):
    """Each choice's validation errors minus those of "nothing", paired by seed and image → {name: (Mean, p)}.

    The interval is by seeds and by images, and p is Holm's over all choices, as on the page of the tables.
    """
    from intervals import holm, paired
    from record import outcomes

    tables = {name: outcomes(runs, "validation") for name, runs in results.items()}
    recipe = tables.pop("nothing")
    means = {name: paired(table, recipe) for name, table in tables.items()}
    return {name: (mean, p) for (name, mean), p in zip(means.items(), holm([mean.p for mean in means.values()]))}


def paper_ablations():
    """The first protocol's ablations of lesson 14 → {recipe: what ablation_results gives}, and what each changes.

    Both are empty where that lesson's results are missing.
    """
    folder = RESULTS / "v1" / "ablations"
    if not folder.exists():
        return {}, {}
    results = {name: ablation_results(folder / name) for name in V1}
    return results, {name: text for ablated in V1.values() for name, text in ablated.texts.items()}
