"""The tables in README.md, made from the results and from nothing else."""

from pathlib import Path

import numpy as np

import ladder
import ledger
from choices import (
    ablation_table,
    brackets,
    diverged,
    habit_table,
    ladder_table,
    minutes,
    p_value,
    runs_of,
    scans_table,
)
from figure import draw
from intervals import against, holm, two_way
from minram.errors import InputError
from minram.pictures import style
from minram.pictures.show import write_figure
from minram.storage import checkpoint
from minram.storage.writing import write_text
from minram.training.jobs import ABLATED
from paper import CLAIMS, HEADLINES, ROWS, TASKS, reported_seeds
from pretrained import DATA
from record import HERE, load_results, load_v1, outcomes
from sweep import sweep_table
from tuning import draws_table, trials_table

N_PAPER = 10_000  # test images behind the paper's figures


def rebuild(folder=HERE, results=None, data=DATA):
    """Write table.png, and the tables between the marks of README.md."""
    results = load_results() if results is None else results
    path = Path(folder) / "README.md"
    text = path.read_text(encoding="utf-8")
    rows = summaries(results, load_v1())
    tables = {
        "table": [*main_table(rows), "", quick_line(results)],
        "claims": claims_table(),
        "looks": looks_table(ledger.read(ledger.LEDGER)),
    }
    tables |= {"weights": weights_table(data), "habit": habit_table(results), "scans": scans_table(results)}
    tables |= {"trials": trials_table(results), "draws": draws_table(results)}
    tables |= {f"ablations-{recipe}": ablation_table(results, recipe) for recipe in ABLATED}
    tables |= {f"ladder-{recipe}": ladder_table(results, recipe) for recipe in ladder.LADDERS}
    tables |= {"sweep": sweep_table()}
    for name, lines in tables.items():
        text = between(text, name, "\n".join(lines))
    write_text(path, text)
    with style.context():
        write_figure(draw(rows), folder, "table.png")


def between(text, name, new):
    """The text with what stands between <!-- name --> and <!-- /name --> replaced."""
    first, last = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    before, opened, rest = text.partition(first)
    _, closed, after = rest.partition(last)
    if not (opened and closed):
        raise InputError(f"README.md should have a line <!-- {name} --> and, after it, a line <!-- /{name} -->.")
    return before + first + new + last + after


# ---- the paper's rows ----


class Summary:
    """What the reported runs of a row, one a seed, came to; `mean` is None where there are none."""

    def __init__(self, row, results, v1):
        self.row = row
        self.runs = runs_of(results, row.recipe)
        self.v1 = runs_of(v1, row.recipe)
        self.paper = runs_of(results, row.recipe, "paper")
        self.lost = diverged(results, row.recipe, "paper", "")  # of them
        self.wanted = len(reported_seeds(row.recipe))  # 0 of a network that sees the whole image
        self.mean = two_way(outcomes(self.runs)) if self.runs else None  # of error rates
        self.difference = self.mean and against(self.mean, row.paper / 100, N_PAPER)
        self.verdict = self.p = None  # against the paper's figure; p is Holm's, of all rows of the agent

    @property
    def seeds(self):
        """How many of the seeds have run: "5 seeds", "2 of 5 seeds"."""
        have = len(self.runs)
        return f"{have} seeds" if have >= self.wanted else f"{have} of {self.wanted} seeds"

    def error(self, way):
        """Mean over seeds of a test error in percent, or None."""
        return percent_mean(self.runs, way)


def percent_mean(runs, way="mean"):
    found = [100 * r[way]["test_error"] for r in runs if way in r]
    return float(np.mean(found)) if found else None


def summaries(results, v1):
    """A Summary of each row, with verdicts on the agent's: p values, corrected as if those without a run had 1."""
    rows = [Summary(row, results, v1) for row in ROWS]
    agents = [s for s in rows if s.wanted]
    for s, p in zip(agents, holm([s.difference.p if s.mean else 1 for s in agents])):
        if s.mean:
            s.p = p
            s.verdict = "tie" if p >= 0.05 else "at or below" if s.difference.mean < 0 else "above"
    return rows


def main_table(rows):
    lines = [
        "| | paper | ours | 95 % interval | verdict | p (Holm's) | each seed | sampled | average of 10 | minutes "
        "| paper's recipe | first protocol |",
        "|:--|--:|--:|:-:|:-:|:-:|:-:|--:|--:|--:|--:|--:|",
    ]
    for task in TASKS:
        lines.append(f"| **{task}** | | | | | | | | | | | |")
        lines += [_line(s) for s in rows if s.row.task == task]
    agents = [s for s in rows if s.wanted]
    done = [s for s in agents if s.mean]
    counts = {verdict: sum(s.verdict == verdict for s in done) for verdict in ("at or below", "tie", "above")}
    lines += ["", f"{len(done)} of the agent's {len(agents)} rows have a reported run: {_counted(counts)}."]
    if missing := [f"{s.row.task}, {s.row.text}" for s in agents if not s.mean]:
        lines.append(f"Without one yet: {'; '.join(missing)}.")
    if begun := [f"{s.row.task}, {s.row.text} ({s.seeds})" for s in done if len(s.runs) < s.wanted]:
        lines.append(f"Begun: {'; '.join(begun)}.")
    return lines


def front_page(rows):
    """What the project's README says of the last row of each task, as far as it has run: a line each."""
    found = (s for s in rows if s.row.recipe in HEADLINES.values() and s.mean)
    return "\n".join(
        f"- {s.row.task}, {s.row.text}: {100 * s.mean.mean:.2f} % {brackets(s.mean)}, {s.seeds}; paper "
        f"{s.row.paper:.2f}: {s.verdict.removeprefix('at or ')}"
        for s in found
    )


def quick_line(results):
    """A sentence on the default recipe, which is no row of the paper's."""
    runs = runs_of(results, "quick")
    if not runs:
        return "`quick`, the default recipe, has no reported run yet."
    m, seeds = two_way(outcomes(runs)), ", ".join(f"{100 * r['mean']['test_error']:.2f}" for r in runs)
    return (
        f"`quick`, the default recipe, with the seeds {runs[0]['seed']} to {runs[-1]['seed']}: {100 * m.mean:.2f} % "
        f"{brackets(m)} ({seeds}); average of 10: {percent_mean(runs, 'average_10'):.2f} %."
    )


def _counted(counts):
    return ", ".join(f"{n} {'tied' if verdict == 'tie' else verdict}" for verdict, n in counts.items())


def _line(s):
    was = f"{percent_mean(s.v1):.2f} ({len(s.v1)})" if s.v1 else ""
    theirs = f"{percent_mean(s.paper):.2f} ({len(s.paper)}), {minutes(s.paper):.0f} minutes" if s.paper else ""
    theirs += f"{', ' if s.paper else ''}{s.lost} diverged" if s.lost else ""
    if not s.wanted:
        low, high = (100 * x for x in s.v1[0]["mean"]["interval"])
        took = f"{minutes(s.v1):.0f}"
        return f"| {s.row.text} | {s.row.paper:.2f} | | | | | | | | {took} | | {was} [{low:.2f}, {high:.2f}] |"
    if s.mean is None:
        return f"| {s.row.text} | {s.row.paper:.2f} | not yet | | | | | | | | {theirs} | {was} |"
    ours = f"**{100 * s.mean.mean:.2f}**" if s.verdict == "at or below" else f"{100 * s.mean.mean:.2f}"
    seeds = ", ".join(f"{r['seed']}: {100 * r['mean']['test_error']:.2f}" for r in s.runs)
    ways = " | ".join("–" if (e := s.error(way)) is None else f"{e:.2f}" for way in ("sampled", "average_10"))
    interval = brackets(s.mean) + ("" if len(s.runs) > 1 else ", images alone")
    return (
        f"| {s.row.text} | {s.row.paper:.2f} | {ours} | {interval} | {s.verdict} | {p_value(s.difference.p)} "
        f"({p_value(s.p)}) | {seeds} | {ways} | {minutes(s.runs):.0f} | {theirs} | {was} |"
    )


# ---- the rest ----


def claims_table():
    lines = ["| task | model | claimed error, % | where |", "|:--|:--|--:|:--|"]
    return lines + [f"| {c.task} | {c.model} | {c.error} | {c.source} |" for c in CLAIMS]


def looks_table(lines):
    """Every look at the test set by row: the errors at mean locations, in percent, in the order of the ledger."""
    table = ["| row | recovered looks, seed: errors | reported looks |", "|:--|:--|:--|"]
    names = sorted({line["row"] for line in lines}, key=lambda name: (name.startswith("paper/"), _order(name)))
    for name in names:
        cells = []
        for recovered in (True, False):
            found = [line for line in lines if line["row"] == name and ("recovered" in line) == recovered]
            seeds = sorted({line["seed"] for line in found})
            cells.append("; ".join(f"{seed}: {_errors(found, seed)}" for seed in seeds))
        table.append(f"| {name} | {' | '.join(cells)} |")
    return table


def _order(name):
    names = ["quick", *(row.recipe for row in ROWS)]
    return names.index(name.removeprefix("paper/"))


def _errors(lines, seed):
    """ "1.68 → 0.98": rounded weights, which were tested beside their run, are left out here."""
    return " → ".join(
        f"{100 * line['errors']['mean']:.2f}"
        for line in lines
        if line["seed"] == seed and not line.get("recovered", "").endswith(".npz")
    )


def weights_table(data):
    lines = ["| weights | recipe | seed | test error | file |", "|:--|:--|--:|:--|--:|"]
    for name, recipe in HEADLINES.items():
        path = Path(data) / f"{name}.npz"
        if not path.exists():
            lines.append(f"| `pretrained:{name}` | {recipe} | | not stored yet | |")
            continue
        about = checkpoint.load(path)[1]
        low, high = about["test_interval"]
        error = f"{100 * about['test_error']:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
        error += "" if about["seed"] >= ledger.FIRST else ", first protocol"
        size = f"{path.stat().st_size / 1e6:.2f} MB"
        lines.append(f"| `pretrained:{name}` | {recipe} | {about['seed']} | {error} | {size} |")
    return lines
