"""Tasks of lesson 7, baselines: what is asked, what is right, and which mistakes have names."""

import numpy as np

from teaching.assignment.gaussian import LEARNED
from teaching.assignment.task import Part, Task, Wrong, only

# ---- 1: predict ----


def predict(c, N, x):
    return {"a": 1.0, "b": 1 - 1 / N, "c": 0.0, "d": 1.0}


PREDICT = Task(
    "task7_1",
    "Predict",
    tuple(Part(key, key, 1) for key in "abcd"),
    lambda rng: [
        (1000.0, 5, 0.1),
        *((float(rng.uniform(2, 99)), int(N), float(rng.uniform(0.1, 0.9))) for N in 2 + rng.permutation(9)[:3]),
    ],
    predict,
    (
        Wrong("a constant baseline adds nothing to the mean.", 0, lambda c, N, x: only(a=0.0)),
        Wrong("a constant baseline adds nothing to the mean.", 0, lambda c, N, x: only(a=1 - c)),
        Wrong("the row itself is one of the rows in its mean.", 0, lambda c, N, x: only(b=1.0)),
        Wrong("this is what is missing, not what is left.", 0, lambda c, N, x: only(b=1 / N)),
        Wrong("too short, not too long.", 0, lambda c, N, x: only(b=N / (N - 1))),
        Wrong("what is left of the reward when such a baseline is subtracted?", 0, lambda c, N, x: only(c=1.0)),
        Wrong("it is a parabola, with its lowest point between the two.", 0, lambda c, N, x: only(d=(1 + x) / (1 - x))),
    ),
    pencil=True,
)

# ---- 2: numbers by hand ----


def by_hand(p, right, left):
    mean = p * right + (1 - p) * left
    says = np.array([(right - mean) * (1 - p), (left - mean) * -p])
    return {"mean reward": mean, "says": says, "best": (1 - p) * right + p * left, "variance": 0.0}


def with_mean(p, right, left):
    """The mean reward in place of the best baseline, and what it leaves."""
    one = by_hand(p, right, left)
    mean, square = (p * one["says"][0] ** k + (1 - p) * one["says"][1] ** k for k in (1, 2))
    return one | {"best": one["mean reward"], "variance": square - mean**2}


BY_HAND = Task(
    "task7_2",
    "Numbers by hand",
    tuple(Part(name, name, 1) for name in ("mean reward", "says", "best", "variance")),
    lambda rng: [
        (0.25, 4.0, 0.0),
        *((float(p), float(r), float(l)) for p, r, l in rng.uniform((0.1, 4, 1), (0.4, 9, 3), (3, 3))),
    ],
    by_hand,
    (
        Wrong(
            "the places are not equally likely.", 0.25, lambda p, r, l: by_hand(p, r, l) | {"mean reward": (r + l) / 2}
        ),
        Wrong("this is the mean reward; rewards far from the mean of the policy pull harder.", 0.25, with_mean),
        Wrong(
            "these are the advantages; where are the scores?",
            0.25,
            lambda p, r, l: by_hand(p, r, l) | {"says": np.array([r, l]) - by_hand(p, r, l)["mean reward"]},
        ),
        Wrong(
            "this is without a baseline.",
            0.25,
            lambda p, r, l: by_hand(p, r, l) | {"says": np.array([r * (1 - p), -l * p])},
        ),
        Wrong(
            "the weights are the squares of the scores, not their sizes.",
            0.25,
            lambda p, r, l: by_hand(p, r, l) | {"best": (r + l) / 2},
        ),
        Wrong(
            "the variance is the mean square minus the square of the mean.",
            0.25,
            lambda p, r, l: by_hand(p, r, l) | {"variance": (p * (1 - p) * (r - l)) ** 2},
        ),
    ),
    pencil=True,
)

# ---- 3: leave one out ----


def repaired(centred):
    return centred * len(centred) / (len(centred) - 1)


def centred_cases(rng):
    return [(r - r.mean(),) for r in (rng.uniform(0, 3, N) for N in (2, 5, 8))]


REPAIRED = Task(
    "task7_3",
    "Leave one out",
    (Part("the advantage", "", 3),),
    centred_cases,
    repaired,
    (
        Wrong("this is what you were given, with the row itself in its mean.", 0, lambda c: c),
        Wrong("it should become larger, not smaller: it was too short.", 0.25, lambda c: c * (len(c) - 1) / len(c)),
        Wrong("the factor depends on N; this one is right for five rows.", 0, lambda c: 1.25 * c),
        Wrong("the factor is N/(N − 1), not N: the others are N − 1.", 0.25, lambda c: len(c) * c),
        Wrong("the factor is N/(N − 1): one of the two is missing.", 0.25, lambda c: c / (len(c) - 1)),
        Wrong("the factor is (N + 1)/N here; which rows are the others?", 0.25, lambda c: c * (len(c) + 1) / len(c)),
        Wrong("the deviations were normalised; that is no leaving out.", 0, lambda c: c / c.std()),
    ),
    lambda c: {"N": len(c)},
)

# ---- 4: one baseline for all ----


def best(p, r, psi, eta, power=2, likely=True):
    weight = (p if likely else 1.0) * (((eta * psi) ** 2).sum(axis=1)) ** (power / 2)
    return weight @ r / weight.sum()


def best_cases(rng):
    cases = []
    for K, P in ((3, 3), (5, 5), (4, 2)):
        p = rng.dirichlet(np.full(K, 2.0))
        cases.append((p, rng.normal(size=K), (np.eye(K) - p) @ rng.normal(size=(K, P)), rng.uniform(0.2, 3, size=P)))
    return cases


BEST = Task(
    "task7_4",
    "One baseline for all",
    (Part("b", "", 4),),
    best_cases,
    best,
    (
        Wrong("this is the mean reward.", 0, lambda p, r, psi, eta: p @ r),
        Wrong(
            "this is the mean of the rewards, as if the places were equally likely.", 0, lambda p, r, psi, eta: r.mean()
        ),
        Wrong("where are the step lengths?", 0.5, lambda p, r, psi, eta: best(p, r, psi, 1.0)),
        Wrong(
            "a variance grows with the square of a step length.", 0.5, lambda p, r, psi, eta: best(p, r, psi, eta**0.5)
        ),
        Wrong(
            "the weight of a reward is the squared length of its step, not the length.",
            0.5,
            lambda *x: best(*x, power=1),
        ),
        Wrong(
            "this is the mean of the parameters' own best numbers.",
            0.5,
            lambda p, r, psi, eta: np.mean((p * r) @ psi**2 / (p @ psi**2)),
        ),
        Wrong("the places are not equally likely.", 0.5, lambda *x: best(*x, likely=False)),
        Wrong(
            "it is not divided by the mean square of the step.",
            0.25,
            lambda p, r, psi, eta: (p * ((eta * psi) ** 2).sum(axis=1)) @ r,
        ),
        Wrong(
            "this is the best number of the first parameter alone.",
            0.25,
            lambda p, r, psi, eta: (p * r) @ psi[:, 0] ** 2 / (p @ psi[:, 0] ** 2),
        ),
    ),
)

# ---- 5: a bias ----

BIAS = Task(
    "task7_5",
    "A bias",
    (Part("the factor", "", 4),),
    lambda rng: [(float(d), int(N)) for d, N in zip(rng.uniform(0.2, 0.95, 4), 2 + rng.permutation(7)[:4])],
    lambda d, N: 1 - (1 - d) / N,
    (
        Wrong("only a part of the baseline is new: how much does d leave of the old one?", 0.5, lambda d, N: 1 - 1 / N),
        Wrong("the other rows of the batch are honest; only the row itself is not.", 0.25, lambda d, N: d),
        Wrong("the old mean is honest, but the new one has seen this batch.", 0, lambda d, N: 1.0),
        Wrong("this is what is missing, not what is left.", 0.5, lambda d, N: (1 - d) / N),
        Wrong("d is the share that is kept, 1 − d the share that is new.", 0.5, lambda d, N: 1 - d / N),
        Wrong("too short, not too long: the row's own part is subtracted.", 0.5, lambda d, N: 1 + (1 - d) / N),
        Wrong("a row is one of the N in the mean, not one of N − 1.", 0.5, lambda d, N: 1 - (1 - d) / (N - 1)),
    ),
)

TASKS = (PREDICT, BY_HAND, REPAIRED, BEST, BIAS, LEARNED)
