"""The tables in README.md, made from the results and from nothing else."""

import itertools
from pathlib import Path

import numpy as np

import ladder
import ledger
from figure import draw
from intervals import Mean, against, holm, paired, two_way
from jobs import ABLATED, words
from minram.errors import InputError
from minram.pictures import style
from minram.pictures.show import write_figure
from minram.storage import checkpoint
from minram.storage.writing import write_text
from paper import CLAIMS, HEADLINES, ROWS, TASKS
from pretrained import DATA
from record import HERE, load_results, load_v1, outcomes

N_PAPER = 10_000  # test images behind the paper's figures


def rebuild(folder=HERE, results=None, data=DATA):
    """Write table.png, and the tables between the marks of README.md."""
    results = load_results() if results is None else results
    path = Path(folder) / "README.md"
    text = path.read_text(encoding="utf-8")
    rows = summaries(results, load_v1())
    tables = {"table": main_table(rows), "claims": claims_table(), "looks": looks_table(ledger.read(ledger.LEDGER))}
    tables |= {"weights": weights_table(data), "habit": habit_table(results)}
    tables |= {f"ablations-{recipe}": ablation_table(results, recipe) for recipe in ABLATED}
    tables |= {f"ladder-{recipe}": ladder_table(results, recipe) for recipe in ladder.LADDERS}
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
    """What the runs of a row, one a seed, came to; `mean` is None where there are none.

    A network that sees the whole image has the one run of the first protocol, whose outcomes by image were not kept:
    its interval is that of images alone, as if they had been independent draws.
    """

    def __init__(self, row, results, v1):
        self.row = row
        self.runs = _runs(results, row.recipe)
        self.v1 = _runs(v1, row.recipe)
        self.paper = _runs(results, row.recipe, "paper")
        self.whole = bool(self.v1) and self.v1[0]["settings"]["model"] != "ram"
        self.mean = None  # a Mean, of error rates
        self.verdict = self.p = None  # against the paper's figure; p is Holm's, of all rows
        if self.runs:
            self.mean = two_way(outcomes(self.runs))
        elif self.whole:
            self.runs, error = self.v1, self.v1[0]["mean"]["test_error"]
            self.mean = Mean(
                error, np.sqrt(error * (1 - error) / N_PAPER), N_PAPER - 1, *self.runs[0]["mean"]["interval"]
            )
        self.difference = self.mean and against(self.mean, row.paper / 100, N_PAPER)

    def error(self, way):
        """Mean over seeds of a test error in percent, or None."""
        return percent_mean(self.runs, way)


def _runs(results, recipe, kind=""):
    found = [r for r in results.values() if r["recipe"] == recipe and r.get("kind", "") == kind and "ablation" not in r]
    return sorted(found, key=lambda r: r["seed"])


def percent_mean(runs, way="mean"):
    found = [100 * r[way]["test_error"] for r in runs if way in r]
    return float(np.mean(found)) if found else None


def summaries(results, v1):
    """A Summary of each row, with verdicts: a p value of each, corrected as if those without a run had one of 1."""
    rows = [Summary(row, results, v1) for row in ROWS]
    for s, p in zip(rows, holm([s.difference.p if s.mean else 1 for s in rows])):
        if s.mean:
            s.p = p
            s.verdict = "tie" if p >= 0.05 else "at or below" if s.difference.mean < 0 else "above"
    return rows


def main_table(rows):
    lines = [
        "| | paper | ours | 95 % interval | verdict | each seed | sampled | average of 10 | minutes | paper's recipe "
        "| first protocol |",
        "|:--|--:|--:|:-:|:-:|:-:|--:|--:|--:|--:|--:|",
    ]
    for task in TASKS:
        lines.append(f"| **{task}** | | | | | | | | | | |")
        lines += [_line(s) for s in rows if s.row.task == task]
    done = [s for s in rows if s.mean]
    counts = {verdict: sum(s.verdict == verdict for s in done) for verdict in ("at or below", "tie", "above")}
    lines += ["", f"{len(done)} of {len(ROWS)} rows have a reported run: " + _counted(counts) + "."]
    if missing := [f"{s.row.task}, {s.row.text}" for s in rows if not s.mean]:
        lines.append(f"Without a reported run yet: {'; '.join(missing)}.")
    return lines


def _counted(counts):
    return ", ".join(f"{n} {'are ties' if verdict == 'tie' else verdict}" for verdict, n in counts.items())


def _line(s):
    was = "" if s.whole else f"{percent_mean(s.v1):.2f} ({len(s.v1)})" if s.v1 else ""
    theirs = f"{percent_mean(s.paper):.2f} ({len(s.paper)})" if s.paper else ""
    if s.mean is None:
        return f"| {s.row.text} | {s.row.paper:.2f} | no reported run yet | | | | | | | {theirs} | {was} |"
    ours = f"**{100 * s.mean.mean:.2f}**" if s.verdict == "at or below" else f"{100 * s.mean.mean:.2f}"
    seeds = ", ".join(f"{r['seed']}: {100 * r['mean']['test_error']:.2f}" for r in s.runs)
    ways = " | ".join("–" if (e := s.error(way)) is None else f"{e:.2f}" for way in ("sampled", "average_10"))
    minutes = np.mean([r["seconds"] for r in s.runs]) / 60
    return (
        f"| {s.row.text} | {s.row.paper:.2f} | {ours} | {brackets(s.mean)} | {s.verdict} | {seeds} | {ways} "
        f"| {minutes:.0f} | {theirs} | {was} |"
    )


def brackets(mean, sign=""):
    """The interval of a Mean in percent: "[0.61, 0.95]"."""
    return f"[{100 * mean.low:{sign}.2f}, {100 * mean.high:{sign}.2f}]"


# ---- what each choice is worth ----


def ablation_table(results, recipe):
    """Differences to "nothing" on the same validation images with the same seeds, and Holm's p over the table."""
    ablated = ABLATED[recipe]
    runs = {name: _named(results, "ablations", recipe, name) for name in ablated.changes}
    differences = {name: _paired(r, runs["nothing"]) for name, r in runs.items() if name != "nothing"}
    found = [name for name, d in differences.items() if d]
    p = dict(zip(found, holm([differences[name].p for name in found])))
    lines = [
        f"The recipe is `{recipe}`, with {_code(ablated.shorter)}.",
        "",
        "| changed | settings | validation error, % | seeds | more than with nothing changed | p |",
        "|:--|:--|--:|--:|:-:|--:|",
    ]
    for name, (text, settings) in ablated.changes.items():
        if not runs[name]:
            lines.append(f"| {text} | {_code(settings)} | no run yet | | | |")
            continue
        d = differences.get(name)
        more = f"{100 * d.mean:+.2f} {brackets(d, '+')} | {_p(p[name])}" if d else " | "
        lines.append(f"| {text} | {_code(settings)} | {_level(runs[name])} | {len(runs[name])} | {more} |")
    return lines


def ladder_table(results, recipe):
    """Each rung with the best of its rates, and what it gains over the one before; Holm's p over the ladder."""
    texts = ["the paper's recipe", *(text for text, _ in ladder.RUNGS.values())]
    rungs = [_rung(results, recipe, i) for i in range(len(texts))]
    differences = [_paired(new, old) for old, new in itertools.pairwise(rungs)]
    p = iter(holm([d.p for d in differences if d]))
    lines = [
        "| rung | the rung before, with | rate | epochs | minutes | validation error, % | seeds | change | p |",
        "|--:|:--|--:|--:|--:|--:|--:|:-:|--:|",
    ]
    for i, (text, runs, d) in enumerate(zip(texts, rungs, [None, *differences])):
        if not runs:
            lines.append(f"| {i} | {text} | | | | no run yet | | | |")
            continue
        settings, minutes = runs[0]["settings"], np.mean([r["seconds"] for r in runs]) / 60
        change = f"{100 * d.mean:+.2f} {brackets(d, '+')} | {_p(next(p))}" if d else " | "
        lines.append(
            f"| {i} | {text} | {settings['learning_rate']:g} | {settings['epochs']} | {minutes:.0f} | {_level(runs)} "
            f"| {len(runs)} | {change} |"
        )
    return lines


def _named(results, kind, recipe, name):
    found = [r for r in results.values() if (r.get("kind"), r["recipe"], r.get("name")) == (kind, recipe, name)]
    return sorted(found, key=lambda r: r["seed"])


def _rung(results, recipe, rung):
    found = [r for r in results.values() if (r.get("kind"), r["recipe"]) == ("ladder", recipe)]
    found = [r for r in found if r["name"].startswith(f"{rung}-") and r["seed"] != ladder.TRIAL]
    return sorted(found, key=lambda r: r["seed"])


def _paired(runs, others):
    """The paired difference of two sets of runs on validation images, over the seeds that both have, or None."""
    both = {r["seed"] for r in runs} & {r["seed"] for r in others}
    if not both:
        return None
    return paired(*(outcomes([r for r in found if r["seed"] in both], "validation") for found in (runs, others)))


def _level(runs):
    return f"{100 * np.mean([r['val_error'] for r in runs]):.2f}"


def _p(p):
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _code(settings):
    return " ".join(f"`{word}`" for word in words(settings))


def habit_table(results):
    """Validation errors off the path, and of a fixed scan minus the row's, paired, by row."""
    lines = [
        "| row | seeds | own path | one path for all | path of any image | trained with one path | more than the row |",
        "|:--|--:|--:|--:|--:|--:|:-:|",
    ]
    for recipe in HEADLINES.values():
        scans = _named(results, "scan", recipe, "fixed")
        if not scans:
            lines.append(f"| {recipe} | no run yet | | | | | |")
            continue
        ways = " | ".join(f"{100 * np.mean([r['ways'][way] for r in scans]):.2f}" for way in scans[0]["ways"])
        d = _paired(scans, _runs(results, recipe))
        more = f"{100 * d.mean:+.2f} {brackets(d, '+')}" if d else ""
        lines.append(f"| {recipe} | {len(scans)} | {ways} | {_level(scans)} | {more} |")
    return lines


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
