"""The tables in README.md and the figure, made from the results and from nothing else."""

from pathlib import Path

import numpy as np

from jobs import ABLATED, words
from minram.errors import InputError
from minram.pictures import style
from minram.pictures.show import write_figure
from minram.storage import checkpoint
from minram.storage.writing import write_text
from minram.training.evaluate import wilson
from paper import HEADLINES, ROWS, TASKS
from record import DATA, HERE, load_results


def rebuild(folder=HERE, results=None, data=DATA):
    """Write table.png, and the tables between the marks of README.md."""
    results = load_results() if results is None else results
    path = Path(folder) / "README.md"
    text = path.read_text(encoding="utf-8")
    tables = {"table": main_table(results), "weights": weights_table(data)}
    tables |= {recipe: ablation_table(results, recipe) for recipe in ABLATED}
    for name, lines in tables.items():
        text = between(text, name, "\n".join(lines))
    write_text(path, text)
    with style.context():
        write_figure(figure(results), folder, "table.png")


def between(text, name, new):
    """The text with what stands between <!-- name --> and <!-- /name --> replaced."""
    first, last = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    before, opened, rest = text.partition(first)
    _, closed, after = rest.partition(last)
    if not (opened and closed):
        raise InputError(f"README.md should have a line <!-- {name} --> and, after it, a line <!-- /{name} -->.")
    return before + first + new + last + after


class Summary:
    """What the runs of a row, one a seed, came to; None in `mean` where there are none."""

    def __init__(self, row, results):
        self.runs = [r for r in results.values() if r["recipe"] == row.recipe and "ablation" not in r]
        self.runs.sort(key=lambda r: r["seed"])
        self.mean = self.error("mean")
        if self.runs:
            # All seeds label the same test images and err on many of the same, so that their mean is more certain than
            # one of them, but by less than √3. This is the interval of one: too wide for the mean of three.
            n = self.runs[0]["n_test"]
            self.interval = tuple(100 * x for x in wilson(round(self.mean / 100 * n), n))

    def error(self, way):
        """Mean over seeds of a test error in percent."""
        found = [100 * r[way]["test_error"] for r in self.runs if way in r]
        return float(np.mean(found)) if found else None


def main_table(results):
    lines = [
        "| | paper | ours | 95 % interval | each seed | sampled | average of 10 | minutes |",
        "|:--|--:|--:|:-:|:-:|--:|--:|--:|",
    ]
    below, above = [], []
    for task in TASKS:
        lines.append(f"| **{task}** | | | | | | | |")
        for row in (row for row in ROWS if row.task == task):
            s = Summary(row, results)
            if not s.runs:
                lines.append(f"| {row.text} | {row.paper:.2f} | no run yet | | | | | |")
                continue
            # As it is printed: an error that reads the same as the paper's is not above it.
            good = round(s.mean, 2) <= row.paper
            (below if good else above).append(f"{row.task}, {row.text}")
            ours = f"**{s.mean:.2f}**" if good else f"{s.mean:.2f}"
            seeds = ", ".join(f"{r['seed']}: {100 * r['mean']['test_error']:.2f}" for r in s.runs)
            ways = " | ".join("–" if (e := s.error(way)) is None else f"{e:.2f}" for way in ("sampled", "average_10"))
            minutes = np.mean([r["seconds"] for r in s.runs]) / 60
            lines.append(
                f"| {row.text} | {row.paper:.2f} | {ours} | [{s.interval[0]:.2f}, {s.interval[1]:.2f}] | {seeds} "
                f"| {ways} | {minutes:.0f} |"
            )
    done = len(below) + len(above)
    lines += ["", f"{done} of {len(ROWS)} rows have a run; {len(below)} of these are at or below the paper's figure."]
    if above:
        lines.append(f"Above it: {'; '.join(above)}.")
    return lines


def ablation_table(results, recipe):
    _, shorter, changes = ABLATED[recipe]
    runs = [r for r in results.values() if "ablation" in r and r["recipe"] == recipe]
    errors = {name: [100 * r["val_error"] for r in runs if r["ablation"] == name] for name in changes}
    base = np.mean(errors["nothing"]) if errors["nothing"] else None
    lines = [
        f"The recipe is `{recipe}`, with {_code(shorter)}.",
        "",
        "| changed | settings | validation error, % | seeds | 95 % interval | more than with nothing changed |",
        "|:--|:--|--:|--:|:-:|--:|",
    ]
    for name, (text, settings) in changes.items():
        if not errors[name]:
            lines.append(f"| {text} | {_code(settings)} | no run yet | | | |")
            continue
        mean, n = np.mean(errors[name]), next(r["n_val"] for r in runs if r["ablation"] == name)
        low, high = wilson(round(mean / 100 * n), n)
        more = "" if base is None or name == "nothing" else f"{mean - base:+.2f}"
        lines.append(
            f"| {text} | {_code(settings)} | {mean:.2f} | {len(errors[name])} "
            f"| [{100 * low:.2f}, {100 * high:.2f}] | {more} |"
        )
    return lines


def _code(settings):
    return " ".join(f"`{word}`" for word in words(settings))


def weights_table(data):
    lines = ["| weights | recipe | seed | test error of these weights | file |", "|:--|:--|--:|:--|--:|"]
    for name, recipe in HEADLINES.items():
        path = Path(data) / f"{name}.npz"
        if not path.exists():
            lines.append(f"| `pretrained:{name}` | {recipe} | | not stored yet | |")
            continue
        about = checkpoint.load(path)[1]
        low, high = about["test_interval"]
        error = f"{100 * about['test_error']:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
        size = f"{path.stat().st_size / 1e6:.2f} MB"
        lines.append(f"| `pretrained:{name}` | {recipe} | {about['seed']} | {error} | {size} |")
    return lines


def figure(results):
    """The paper's errors and ours, a panel a task → Figure."""
    fig, axes = style.figure(2, 2, (8.4, 6.2), height_ratios=(8, 7))
    for ax, task in zip(axes.flat, TASKS):
        rows = [row for row in ROWS if row.task == task]
        paper = [row.paper for row in rows]
        ax.plot(paper, range(len(rows)), "o", color=style.COLOURS["muted"], mfc="none", ms=8, label="paper")
        shown = [(y, s) for y, s in enumerate(Summary(row, results) for row in rows) if s.runs]
        if shown:
            y, x = [y for y, _ in shown], np.array([s.mean for _, s in shown])
            low, high = np.array([s.interval for _, s in shown]).T
            ax.errorbar(
                x,
                y,
                xerr=(np.maximum(x - low, 0), np.maximum(high - x, 0)),
                fmt="o",
                capsize=2,
                color=style.COLOURS["label"],
                label="ours, 95 % interval",
            )
        ax.set(title=task, xscale="log", yticks=range(len(rows)), yticklabels=[row.text for row in rows])
        low, high = ax.get_xlim()
        ticks = [t for t in (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30) if low <= t <= high]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_xticks([], minor=True)
        ax.invert_yaxis()
    for ax in axes[1]:
        ax.set_xlabel("test error (%)")
    handles = {text: handle for ax in axes.flat for handle, text in zip(*ax.get_legend_handles_labels())}
    fig.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles))
    return fig
