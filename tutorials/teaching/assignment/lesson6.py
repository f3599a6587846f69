"""Tasks of lesson 6, REINFORCE: what is asked, what is right, and which mistakes have names."""

import numpy as np

from teaching.assignment.gaussian import HEAD
from teaching.assignment.task import Part, Task, Wrong, only

# ---- 1: predict ----


def predict(k, c, M, T):
    return {"a": k, "b": 0.0, "c": M**-0.5, "d": 1 / T}


PREDICT = Task(
    "task6_1",
    "Predict",
    tuple(Part(key, key, 1) for key in "abcd"),
    lambda rng: [
        (2.0, 10.0, 4, 5),
        *(
            (float(rng.uniform(2, 5)), float(rng.uniform(2, 20)), int(M), int(T))
            for M, T in zip(2 + rng.permutation(9)[:3], 2 + rng.permutation(9)[:3])
        ),
    ],
    predict,
    (
        Wrong("the reward is in the estimate once.", 0, lambda k, c, M, T: only(a=k**2)),
        Wrong("the reward is in the estimate.", 0, lambda k, c, M, T: only(a=1.0)),
        Wrong("what is the mean of the score?", 0, lambda k, c, M, T: only(b=c)),
        Wrong("what is the variance of a mean of independent numbers?", 0, lambda k, c, M, T: only(c=1 / M)),
        Wrong("more rollouts make it smaller.", 0, lambda k, c, M, T: only(c=M**0.5)),
        Wrong("a mean is the sum divided by their number.", 0, lambda k, c, M, T: only(d=1.0)),
        Wrong("a mean is the sum divided by their number.", 0, lambda k, c, M, T: only(d=float(T))),
    ),
    pencil=True,
)

# ---- 2: numbers by hand ----


def by_hand(p, r, j, own=True, others=True):
    score = own * (np.arange(len(p)) == j) - others * p[j]
    return {"says": r * score, "mean": p @ (r * score)}


def says_one(p, r, j, value):
    says = r * np.where(np.arange(len(p)) == j, value, 0.0)
    return {"says": says, "mean": p @ says}


BY_HAND = Task(
    "task6_2",
    "Numbers by hand",
    (Part("says", "says", 2), Part("mean", "mean", 1)),
    lambda rng: [
        (np.array([0.5, 0.25, 0.25]), np.array([0.0, 4.0, 8.0]), 2),
        *((rng.dirichlet(np.full(K, 5.0)), rng.uniform(1, 9, K), int(rng.integers(K))) for K in (3, 4, 5)),
    ],
    by_hand,
    (
        Wrong(
            "a place that was not chosen has a score, too: its logit is in the denominator.",
            0.25,
            lambda p, r, j: says_one(p, r, j, 1 - p[j]),
        ),
        Wrong(
            "the score of the chosen place is not 1: its own logit is in the denominator, too.",
            0,
            lambda p, r, j: says_one(p, r, j, 1.0),
        ),
        Wrong(
            "the places do not happen equally often.",
            0.25,
            lambda p, r, j: by_hand(p, r, j) | {"mean": by_hand(p, r, j)["says"].mean()},
        ),
        Wrong(
            "this is the slope of the probability; the score is that of its logarithm.",
            0.25,
            lambda p, r, j: {"says": p * by_hand(p, r, j)["says"], "mean": p @ (p * by_hand(p, r, j)["says"])},
        ),
        Wrong("these are the scores; where is the reward?", 0.25, lambda p, r, j: by_hand(p, np.ones_like(r), j)),
        Wrong(
            "this is the mean reward, not the mean of what the samples say.",
            0,
            lambda p, r, j: {"says": r, "mean": p @ r},
        ),
    ),
    pencil=True,
)

# ---- 3: the log-derivative ----


def waiting(a, theta):
    return 1 - np.exp(theta) * a


WAITING = Task(
    "task6_3",
    "The log-derivative",
    (Part("the score", "", 3),),
    lambda rng: [
        (rng.exponential(np.exp(-theta), n), float(theta)) for theta, n in zip(rng.uniform(-1.5, 1.5, 3), (5, 8, 3))
    ],
    waiting,
    (
        Wrong(
            "this is the derivative of the density; the score is that of its logarithm.",
            0.25,
            lambda a, theta: waiting(a, theta) * np.exp(theta - np.exp(theta) * a),
        ),
        Wrong("this is the derivative by λ; θ is its logarithm.", 0.5, lambda a, theta: np.exp(-theta) - a),
        Wrong("θ was taken for λ: the density has λ = e^θ.", 0.25, lambda a, theta: 1 - theta * a),
        Wrong("this is log p itself, not its derivative.", 0, lambda a, theta: theta - np.exp(theta) * a),
        Wrong("the factor λ in front of the density depends on θ, too.", 0.25, lambda a, theta: -np.exp(theta) * a),
        Wrong("the mean of a score is 0: this is θ times as much.", 0.5, lambda a, theta: theta * waiting(a, theta)),
    ),
)

# ---- 4: many places ----


def softmax(y):
    e = np.exp(y - y.max())
    return e / e.sum()


def categorical(y, a, r, denominator=True):
    score = (a[:, None] == np.arange(len(y))) - denominator * softmax(y)
    return (score * r[:, None]).mean(axis=0)


CATEGORICAL = Task(
    "task6_4",
    "Many places",
    (Part("the estimate", "", 4),),
    lambda rng: [
        (rng.standard_normal(K) + 1.5, rng.integers(K, size=M), rng.normal(2, 1, M))
        for K, M in ((4, 16), (2, 5), (5, 30))
    ],
    categorical,
    (
        Wrong(
            "what does a logit do that was not chosen? It is in the denominator.",
            0.25,
            lambda *x: categorical(*x, denominator=False),
        ),
        Wrong("this is the sum over the samples, not the mean.", 0.5, lambda y, a, r: len(a) * categorical(y, a, r)),
        Wrong(
            "where is the reward? These are the scores alone.", 0.25, lambda y, a, r: categorical(y, a, np.ones_like(r))
        ),
        Wrong(
            "the reward has to stand with its own sample: this is the mean reward times the mean score.",
            0.25,
            lambda y, a, r: categorical(y, a, np.ones_like(r)) * r.mean(),
        ),
        Wrong(
            "the logits were taken for probabilities.",
            0.25,
            lambda y, a, r: (((a[:, None] == np.arange(len(y))) - y) * r[:, None]).mean(axis=0),
        ),
        Wrong(
            "subtracting the mean reward is a baseline that has seen the sample: it is biased by 1/M.",
            0.5,
            lambda y, a, r: categorical(y, a, r - r.mean()),
        ),
    ),
    lambda y, a, r: {"M": len(a), "K": len(y)},
)

# ---- 5: a whole trajectory ----


def trajectory(theta, a1, s, a2):
    first = a1 - 1 / (1 + np.exp(-theta[0]))
    second = a2 - 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
    return np.stack([first, second, second * s], axis=1)


def trajectory_cases(rng):
    cases = []
    for M in (4, 7, 5):
        a1, a2 = rng.integers(2, size=(2, M))
        cases.append((rng.normal(size=3), a1, rng.normal(size=2)[a1], a2))
    return cases


TRAJECTORY = Task(
    "task6_5",
    "A whole trajectory",
    (Part("the score by θ1", "@..0", 1), Part("the score by θ2", "@..1", 1), Part("the score by θ3", "@..2", 2)),
    trajectory_cases,
    trajectory,
    (
        Wrong(
            "the decision is missing: the log of a product is a sum over all decisions.",
            0,
            lambda *x: trajectory(*x) * 0,
        ),
        Wrong("this is the mean over the two decisions; it is their sum.", 0.5, lambda *x: trajectory(*x) / 2),
        Wrong(
            "z = θ2 + θ3 s has the slope s by θ3.",
            0.25,
            lambda *x: np.concatenate([trajectory(*x)[:, :2], trajectory(*x)[:, 1:2]], axis=1),
        ),
        Wrong(
            "the score is a − p, not p or a alone.",
            0,
            lambda theta, a1, s, a2: np.stack([a1, a2, a2 * s], axis=1) - trajectory(theta, a1, s, a2),
        ),
        Wrong("the score is a − p, not p or a alone.", 0, lambda theta, a1, s, a2: np.stack([a1, a2, a2 * s], axis=1)),
        Wrong(
            "θ3 s is missing in the second probability.",
            0.25,
            lambda theta, a1, s, a2: trajectory(np.array([theta[0], theta[1], 0.0]), a1, s, a2),
        ),
    ),
)

TASKS = (PREDICT, BY_HAND, WAITING, CATEGORICAL, TRAJECTORY, HEAD)
