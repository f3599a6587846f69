"""How does the error on 100×100 pixels grow with the number of distractors? Evaluation alone, on validation digits."""

import json
from pathlib import Path

from ledger import read, weights_digest
from minram.command.terminal import say
from minram.errors import InputError
from minram.pictures import style
from minram.pictures.show import write_figure
from minram.storage.writing import write_text
from minram.training.evaluate import evaluate
from minram.training.jobs import Job
from paper import HEADLINES, reported_seeds
from record import HERE, data_of, own_weights, result_path

ROW = HEADLINES["cluttered-100"]
DISTRACTORS = range(21)


def with_distractors(config, n):
    """The settings with so many distractors; none is a translated digit."""
    if n:
        return config.changed(distractors=n)
    return config.changed(task="translated")


def sweep(runs):
    """Evaluate the finished runs of the row, each once → the paths of results/sweep/, and a figure of all of them.

    Raises InputError where no run is finished.
    """
    written = []
    for seed in reported_seeds(ROW):
        stem = Job(ROW, seed).stem
        path, folder = result_path(Job(ROW, seed, kind="sweep")).with_suffix(".jsonl"), Path(runs) / stem
        if not path.exists() and (folder / "result.json").exists():
            params, config = own_weights(Job(ROW, seed), runs)
            d = data_of(config.data, config.n_val)
            lines = []
            for n in DISTRACTORS:
                error = evaluate(params, with_distractors(config, n), d.x_val, d.y_val).error
                lines.append({"distractors": n, "val_error": error, "n_val": len(d.y_val)})
                say(f"{stem}: {n} distractors, {100 * error:.2f} %")
            lines[0]["weights"] = weights_digest(params)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
        if path.exists():
            written.append(path)
    if not written:
        raise InputError(f"{runs} holds no finished run of {ROW}; run the row first.")
    with style.context():
        write_figure(draw(written, Job(ROW).config.distractors), HERE, "sweep.png")
    return written


def draw(paths, trained):
    """The curves of all runs, and the number of distractors that they were trained with → Figure."""
    fig, axes = style.figure(size=(6, 3.2))
    ax = axes[0, 0]
    for path in paths:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        x, y = zip(*((line["distractors"], 100 * line["val_error"]) for line in lines))
        ax.plot(x, y, "o-", ms=3, color=style.COLOURS["label"], alpha=0.6)
    ax.axvline(trained, color=style.COLOURS["muted"], linestyle="--")
    ax.annotate("trained with", (trained, ax.get_ylim()[1]), (4, -10), textcoords="offset points")
    ax.set(xlabel="distractors", ylabel="validation error (%)", ylim=(0, None), xticks=range(0, 21, 4))
    return fig


def stored():
    """{seed: lines} of what has been measured."""
    paths = {seed: result_path(Job(ROW, seed, kind="sweep")).with_suffix(".jsonl") for seed in reported_seeds(ROW)}
    return {seed: read(path) for seed, path in paths.items() if path.exists()}


def sweep_table():
    """The figure and some of its numbers, as lines of the page."""
    found = stored()
    if not found:
        return ["It has not been run yet."]
    lines = ["![The validation error against the number of distractors](sweep.png)", ""]
    lines += [
        "| seed | " + " | ".join(str(n) for n in DISTRACTORS[::4]) + " |",
        "|--:|" + "--:|" * len(DISTRACTORS[::4]),
    ]
    for seed, measured in found.items():
        lines.append(
            f"| {seed} | " + " | ".join(f"{100 * measured[n]['val_error']:.2f}" for n in DISTRACTORS[::4]) + " |"
        )
    return lines
