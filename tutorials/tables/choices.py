"""The tables of what each choice is worth: ablations, the ladder, and habit or decision.

All of them are validation errors, and paired differences over the seeds that two sets of runs share.
"""

import itertools

import numpy as np

import ladder
from habit import HABITS
from intervals import holm, paired
from minram.training.jobs import ABLATED, words
from record import outcomes

WAYS = ("own path", "one path for all", "path of any image")
SCANS = {  # by name: the first glimpse, and how it was trained
    f"{first}{more}": (text, how)
    for first, text in (("after-first", "anywhere"), ("fixed", "on the path"))
    for more, how in (("", "no noise, one rollout"), ("-noise", "the row's noise and rollouts"))
}


def ablation_table(results, recipe):
    """Differences to "nothing" on the same validation images with the same seeds, and Holm's p over the table."""
    ablated = ABLATED[recipe]
    runs = {name: runs_of(results, recipe, "ablations", name) for name in ablated.changes}
    differences = {name: _paired(r, runs["nothing"]) for name, r in runs.items() if name != "nothing"}
    p = dict(zip(differences, _corrected(differences.values())))
    lines = [
        f"The recipe is `{recipe}`, with {code(ablated.shorter)}.",
        "",
        "| changed | settings | validation error, best epoch, % | seeds | more than unchanged | p |",
        "|:--|:--|--:|--:|:-:|--:|",
    ]
    for name, (text, settings) in ablated.changes.items():
        lost = diverged(results, recipe, "ablations", name)
        if not runs[name]:
            lines.append(f"| {text} | {code(settings)} | {f'{lost} diverged' if lost else 'no run yet'} | | | |")
            continue
        seeds = f"{len(runs[name])}{f', and {lost} diverged' if lost else ''}"
        change = _change(differences.get(name), p.get(name))
        lines.append(f"| {text} | {code(settings)} | {_level(runs[name])} | {seeds} | {change} |")
    return lines


def ladder_table(results, recipe):
    """Each rung with the best of its rates, and what it gains over the one before; Holm's p over the ladder."""
    texts = ["the paper's recipe", *(text for text, _ in ladder.RUNGS.values())]
    rungs = [_rung(results, recipe, i) for i in range(len(texts))]
    differences = [_paired(new, old) for old, new in itertools.pairwise(rungs)]
    p = _corrected(differences)
    lines = [
        "| rung | the rung before, with | rate | epochs | minutes | validation error, best epoch, % | seeds "
        "| change | p |",
        "|--:|:--|--:|--:|--:|--:|--:|:-:|--:|",
    ]
    for i, (text, runs, d) in enumerate(zip(texts, rungs, [None, *differences])):
        lost = diverged(results, recipe, "ladder", f"{i}-")
        if not runs:
            lines.append(f"| {i} | {text} | | | | {f'{lost} diverged' if lost else 'no run yet'} | | | |")
            continue
        settings, took = runs[0]["settings"], minutes(runs)
        change = _change(d, p[i - 1])
        lines.append(
            f"| {i} | {text} | {settings['learning_rate']:g} | {settings['epochs']} | {took:.0f} | {_level(runs)} "
            f"| {len(runs)}{f', and {lost} diverged' if lost else ''} | {change} |"
        )
    return lines


def diverged(results, recipe, kind, name=""):
    """How many seeds diverged, but for those that choose something."""
    return sum("diverged" in r and r["seed"] != ladder.TRIAL for r in _all_of(results, recipe, kind, name))


def _corrected(differences):
    """Holm's p values of the differences of a table, of which those that are not there yet count as 1."""
    return holm([d.p if d else 1.0 for d in differences])


def _rung(results, recipe, rung):
    found = runs_of(results, recipe, "ladder", f"{rung}-")
    return [r for r in found if r["seed"] != ladder.TRIAL]


def _paired(runs, others, least=2):
    """The paired difference of two sets of runs on validation images, over the seeds that both have, or None.

    Of one seed it is none of choices, since images alone do not say what other seeds would have given.
    """
    both = {r["seed"] for r in runs} & {r["seed"] for r in others}
    if len(both) < least:
        return None
    return paired(*(outcomes([r for r in found if r["seed"] in both], "validation") for found in (runs, others)))


def _change(d, p):
    """The two cells of a difference and its p value, empty without one."""
    return f"{_more(d)} | {p_value(p)}" if d else " | "


def _more(d):
    """A difference in percentage points with its interval: "+0.76 [+0.41, +1.12]"; nothing without one."""
    return f"{100 * d.mean:+.2f} {brackets(d, '+')}" if d else ""


def _level(runs):
    return f"{100 * np.mean([r['val_error'] for r in runs]):.2f}"


def p_value(p):
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def code(settings):
    return " ".join(f"`{word}`" for word in words(settings))


def habit_table(results):
    """Validation errors of a row's runs on their own path and off it."""
    lines = ["| row | seeds | own path | one path for all | path of any image |", "|:--|--:|--:|--:|--:|"]
    for recipe in HABITS:
        seen = max((runs_of(results, recipe, "scan", name) for name in SCANS), key=len)
        ways = " | ".join(f"{100 * np.mean([r['ways'][way] for r in seen]):.2f}" for way in WAYS) if seen else " | | "
        lines.append(f"| {recipe} | {len(seen) or 'no run yet'} | {ways} |")
    return lines


def scans_table(results):
    """Validation errors of agents that were trained with one path for all images, and what they lack to their row."""
    lines = [
        "| row | the scan's first glimpse | in training | seeds | validation error, best epoch, % "
        "| more than the row |",
        "|:--|:--|:--|--:|--:|:-:|",
    ]
    for recipe in HABITS:
        found = {name: runs for name in SCANS if (runs := runs_of(results, recipe, "scan", name))}
        for name, runs in found.items():
            d = _paired(runs, runs_of(results, recipe), least=1)
            alone = ", images alone" if len(runs) == 1 else ""
            lines.append(f"| {recipe} | {' | '.join(SCANS[name])} | {len(runs)} | {_level(runs)} | {_more(d)}{alone} |")
        if not found:
            lines.append(f"| {recipe} | | | no run yet | | |")
    return lines


def brackets(mean, sign=""):
    """The interval of a Mean in percent: "[0.61, 0.95]"."""
    return f"[{100 * mean.low:{sign}.2f}, {100 * mean.high:{sign}.2f}]"


def minutes(runs):
    """The mean time of a run in minutes: of the processor, or of the clock where nothing else was recorded."""
    return float(np.mean([_seconds(r) for r in runs])) / 60


def by_processor(result):
    """Is it known what a run took of the processor? That is its own process's, so not where there were more."""
    segments = result.get("segments", [])
    return bool(segments) and all(s["workers"] == 1 and "processor_seconds" in s for s in segments)


def _seconds(result):
    return sum(s["processor_seconds"] for s in result["segments"]) if by_processor(result) else result["seconds"]


def runs_of(results, recipe, kind="", name=""):
    """The results of a row, or of another kind of runs whose name is this, or begins so if it ends in "-", by seed.

    A run that diverged is none of them.
    """
    found = [r for r in _all_of(results, recipe, kind, name) if "diverged" not in r]
    return sorted(found, key=lambda r: r["seed"])


def _all_of(results, recipe, kind, name):
    return [
        r
        for r in results.values()
        if (r["recipe"], r.get("kind", "")) == (recipe, kind)
        and (r.get("name", "") == name or (name.endswith("-") and r["name"].startswith(name)))
        and "ablation" not in r  # of the first protocol
    ]
