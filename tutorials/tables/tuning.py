"""What is tried of a row on validation images before it is frozen: other settings, a seed below the reported ones."""

import re
from dataclasses import fields

import ledger
from choices import by_processor, code, minutes
from minram.errors import InputError
from minram.training.config import Config
from minram.training.jobs import Job
from minram.training.recipes import recipe
from record import level, metrics


def trial_job(row, name, changes, seed):
    """The Job of a trial of a recipe; changes: "key=value" strings.

    Raises InputError for a name or a seed that a trial may not have, and for settings as Config does.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise InputError(f"a trial's name is made of a-z, 0-9, '.' and '-', but this is {name!r}.")
    if seed >= ledger.FIRST:
        raise InputError(f"seeds from {ledger.FIRST} on are the reported ones, but this is {seed}; take a smaller one.")
    ours = recipe(row)
    return Job(row, seed, different(ours.changed(changes), ours), name, "trials")


def different(config, other):
    """The settings of a Config that another one has not → dict."""
    pairs = ((f.name, getattr(config, f.name), getattr(other, f.name)) for f in fields(config))
    return {name: value for name, value, its in pairs if value != its}


def trials_table(results):
    """Lines of a table: each trial, and what differs from what the recipe is now."""
    lines = [
        "| row | trial | what differs from the recipe | epochs | minutes | validation error, last epochs, % "
        "| training error, % |",
        "|:--|:--|:--|--:|--:|--:|--:|",
    ]
    found = sorted((r for r in results.values() if r.get("kind") == "trials"), key=lambda r: (r["recipe"], r["name"]))
    for r in found:
        config = Config.from_dict(r["settings"])
        epochs = metrics(Job(r["recipe"], r["seed"], {}, r["name"], "trials").stem)
        changes = different(config, recipe(r["recipe"]).changed(seed=r["seed"], epochs=config.epochs))
        end = "– | diverged | –"
        if "diverged" not in r:
            took = f"{minutes([r]):.0f}{'' if by_processor(r) else ' by the clock'}"
            end = f"{took} | {100 * level(epochs):.2f} | {100 * epochs[-1]['error']:.2f}"
        name = f"{r['name']}, seed {r['seed']}"
        lines.append(f"| {r['recipe']} | {name} | {code(changes)} | {len(epochs)} | {end} |")
    return lines


def draws_table(results):
    """Lines of a table: every draw of what the paper's recipe leaves open."""
    lines = [
        "| row | draw | σ | rate | which falls as | λ | epochs | validation error, last epochs, % |",
        "|:--|:--|--:|--:|:--|--:|--:|--:|",
    ]
    found = sorted((r for r in results.values() if r.get("kind") == "draws"), key=lambda r: (r["recipe"], r["name"]))
    for r in found:
        s = r["settings"]
        fall = "a line" if s.get("annealing") == "linear" else "a cosine"  # the settings of old draws do not say it
        drawn = f"{s['std']:g} | {s['learning_rate']:g} | {fall} | {s['location_weight']:g}"
        epochs = metrics(Job(r["recipe"], r["seed"], {}, r["name"], "draws").stem)
        error = "diverged" if "diverged" in r else f"{100 * level(epochs):.2f}"
        lines.append(f"| {r['recipe']} | {r['name']} | {drawn} | {len(epochs)} | {error} |")
    return lines
