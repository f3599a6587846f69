"""The paper's own recipe, as far as it is known, and the ladder that leads from it to ours, one change a rung.

What the paper leaves open, σ, the learning rate and λ, comes from twelve random draws at an eighth of the length, as in
the paper ("random search"), judged on validation images. Every rung has the processor time of a quarter of our
recipe's training, and a learning rate chosen of three.
"""

import math

import numpy as np

from cost import relative
from minram.errors import InputError
from minram.training.jobs import Job
from minram.training.recipes import recipe
from paper import HEADLINES
from record import level, load_results, metrics

PAPER = {
    "optimiser": "sgd",
    "momentum": 0.9,
    "batch_size": 20,
    "final_rate": 0,
    "annealing": "linear",
    "rollouts": 1,
    "baseline": "learned",
    "reward": "correct",
    "reward_steps": "last",
    "label_steps": "last",
    "flow": ("label",),
    "final_location_weight": 1,
    "location_units": 0,
    "start": "uniform",
    "final_std": 1,
    "weight_decay": 0,
    "weight_average": 0,
}
# What each rung takes over from our recipe, in words and settings; together they are all that differs.
RUNGS = {
    "adam": ("Adam, larger minibatches, a rate that falls as half a cosine", ("optimiser", "batch_size", "annealing")),
    "hidden-layer": ("a hidden layer before μ", ("location_units",)),
    "labels": ("a label after every glimpse", ("label_steps",)),
    "rewards": ("and a reward, the right label's probability", ("reward", "reward_steps")),
    "rollouts": ("rollouts of an image that judge each other", ("rollouts", "baseline")),
    "flow": ("REINFORCE into the core, and our λ", ("flow", "location_weight", "final_location_weight")),
    "std": ("our σ, which falls, and our first location", ("std", "final_std", "start")),
    "weights": ("weight decay, and the average of the weights", ("weight_decay", "weight_average")),
}
LADDERS = ("mnist-7", "cluttered-60-8")
TRIAL = 10  # the seed of trainings that choose something
# The 24 before, of mnist-7 alone, had a rate that fell as a cosine. With λ = 1, the first twelve, all means of their
# policies left the image, or the training diverged; of the next twelve the best were those with small rates and λ.
DRAWS = range(25, 37)
DRAWN = {"mnist-7": 15}  # epochs of those that were drawn before costs had been measured
RANGES = {"std": (0.03, 0.3), "learning_rate": (3e-4, 3e-2), "location_weight": (1e-3, 0.1)}
RATES = (1 / 3, 1, 3)  # times the rate of the draw, or of our recipe


def shortened(name, rung, changes, share):
    """The changes of a rung, with as many epochs as take `share` of the processor time of our recipe."""
    return changes | {"epochs": max(1, round(share * recipe(name).epochs / relative(name, rung)))}


def taken_over(rung):
    """The settings that a rung has from our recipe."""
    return {setting for _, settings in list(RUNGS.values())[:rung] for setting in settings}


def paper_changes(name, taken=()):
    """What makes the paper's recipe of ours, without the settings that a rung has taken over."""
    ours = recipe(name)
    return {key: value for key, value in PAPER.items() if key not in taken and getattr(ours, key) != value}


def measured(name):
    """{rung: Config} of what is to be measured of a row: the whole ladder, or the paper's recipe and ours."""
    rungs = range(len(RUNGS) + 1) if name in LADDERS else (0, len(RUNGS))
    return {rung: recipe(name).changed(paper_changes(name, taken_over(rung))) for rung in rungs}


# ---- the paper's recipe ----


def draws(name):
    """The jobs of the twelve draws of σ, the rate and λ, each even in its logarithm."""
    uniform = np.random.default_rng([2014, DRAWS.start]).random((len(DRAWS), len(RANGES)))
    lows, highs = np.array([*RANGES.values()]).T
    found = []
    for i, values in zip(DRAWS, lows * (highs / lows) ** uniform):
        changes = paper_changes(name) | {key: float(f"{value:.3g}") for key, value in zip(RANGES, values)}
        changes = changes | {"epochs": DRAWN[name]} if name in DRAWN else shortened(name, 0, changes, 1 / 8)
        found.append(Job(name, TRIAL, changes, f"{i:02d}", "draws"))
    return found


def drawn(name, results=None):
    """σ, rate and λ of the best draw → dict. Raises InputError while one of them has no result."""
    results = load_results() if results is None else results
    if missing := [job.stem for job in draws(name) if job.stem not in results]:
        raise InputError(f"{name} lacks {len(missing)} of {len(DRAWS)} draws; make them with: run.py draws {name}.")
    best = min(draws(name), key=lambda job: judged(job, results))
    if "diverged" in results[best.stem]:
        raise InputError(f"all of {name}'s draws diverged, so there is none to choose.")
    return {key: best.changes[key] for key in RANGES}


def judged(job, results):
    """The validation error by which a job is chosen: infinite if it diverged, however good it was before."""
    return math.inf if "diverged" in results[job.stem] else level(metrics(job.stem))


def paper_job(name, seed, results=None):
    """The paper's recipe, with as much processor time as ours."""
    if name not in HEADLINES.values():
        raise InputError(f"the paper's recipe is run for {', '.join(HEADLINES.values())}, not for {name}.")
    return Job(name, seed, shortened(name, 0, paper_changes(name) | drawn(name, results), 1), kind="paper")


# ---- the ladder ----


def rung_changes(name, rung, rate, results=None):
    """What differs from our recipe on a rung: 0 is the paper's, 8 ours; `rate` times the rate there."""
    taken = taken_over(rung)
    changes, choice = paper_changes(name, taken), drawn(name, results)
    changes |= {key: choice[key] for key in ("std", "location_weight") if key not in taken}
    base = choice["learning_rate"] if "optimiser" not in taken else recipe(name).learning_rate
    changes["learning_rate"] = float(f"{base * rate:.3g}")
    return shortened(name, rung, changes, 1 / 4)


def rung_job(name, rung, rate, seed, results=None):
    """The Job of a rung with one of the three rates."""
    text = ("paper", *RUNGS)[rung]
    return Job(name, seed, rung_changes(name, rung, rate, results), f"{rung}-{text}-r{RATES.index(rate)}", "ladder")


def trials(name, results=None):
    """The jobs that choose the rate of each rung."""
    return [rung_job(name, rung, rate, TRIAL, results) for rung in range(len(RUNGS) + 1) for rate in RATES]


def climbs(name, seeds, results=None):
    """The jobs of the ladder, each rung with the best of its rates. Raises InputError while a trial has no result."""
    results = load_results() if results is None else results
    found = []
    for rung in range(len(RUNGS) + 1):
        jobs = [rung_job(name, rung, rate, TRIAL, results) for rate in RATES]
        if missing := [job.stem for job in jobs if job.stem not in results]:
            raise InputError(f"the rate of {missing[0]} has not been tried; make it with: run.py ladder {name}.")
        best = min(range(len(RATES)), key=lambda i: judged(jobs[i], results))
        if "diverged" in results[jobs[best].stem]:
            raise InputError(f"rung {rung} of {name} diverged with each of its rates, so there is none to choose.")
        found += [rung_job(name, rung, RATES[best], seed, results) for seed in seeds]
    return found
