"""Two tasks with a Gaussian policy, which the lessons' sheets do not have: its head, and a baseline that learns."""

import numpy as np

from teaching.assignment.task import Part, Task, Wrong

# ---- lesson 6: the location head ----


def head(h, W, b, log_std, a, r, power=2, clip=False):
    mean = h @ W + b  # (T, N, 2)
    a = np.clip(a, -1, 1) if clip else a
    dmean = r[:, None] * (a - mean) / np.exp(power * log_std) / len(r)
    return np.einsum("tnd,tnk->dk", h, dmean), dmean.sum(axis=(0, 1))


def head_cases(rng):
    cases = []
    for T, N, D in ((3, 5, 4), (2, 4, 2), (4, 3, 3)):
        h, W, b = rng.standard_normal((T, N, D)), rng.standard_normal((D, 2)) / 2, rng.standard_normal(2) / 2
        log_std = np.log(rng.uniform(0.2, 0.6, 2))
        a = h @ W + b + np.exp(log_std) * rng.standard_normal((T, N, 2))
        cases.append((h, W, b, log_std, a, rng.uniform(0.5, 3, N)))
    return cases


def scaled(x, factor):
    return tuple(factor * array for array in head(*x))


HEAD = Task(
    "task6_6",
    "The location head",
    (Part("dW", "0", 5), Part("db", "1", 2)),
    head_cases,
    head,
    (
        Wrong("1/σ² is missing: the score of a Gaussian is (a − μ)/σ².", 0.5, lambda *x: head(*x, power=0)),
        Wrong("divided by σ instead of σ².", 0.5, lambda *x: head(*x, power=1)),
        Wrong(
            "the score is that of the clipped location; the policy drew the raw sample.",
            0.25,
            lambda *x: head(*x, clip=True),
        ),
        Wrong(
            "the sample is a constant: differentiated through a = μ + σε, its score cancels to 0.",
            0,
            lambda *x: scaled(x, 0.0),
        ),
        Wrong(
            "this is the mean over the decisions; the log of a product is a sum over them.",
            0.5,
            lambda *x: scaled(x, 1 / len(x[0])),
        ),
        Wrong("this is the sum over the rows, not the mean.", 0.5, lambda *x: scaled(x, len(x[5]))),
        Wrong(
            "this is the last decision alone; all of them led to the reward.",
            0.25,
            lambda h, W, b, log_std, a, r: head(h[-1:], W, b, log_std, a[-1:], r),
        ),
        Wrong(
            "where is the reward? This is the score alone.",
            0.25,
            lambda h, W, b, log_std, a, r: head(h, W, b, log_std, a, np.ones_like(r)),
        ),
    ),
    lambda h, W, b, log_std, a, r: {"T": len(h), "N": h.shape[1]},
)

# ---- lesson 7: a baseline that learns ----


def learned(mean, a, std, r, b):
    advantage = r - b  # (T, N)
    return advantage[..., None] * (a - mean) / std**2 / len(r), -advantage / len(r)


def learned_cases(rng):
    cases = []
    for T, N in ((3, 4), (2, 5), (4, 3)):
        mean, std = rng.uniform(-0.9, 0.9, (T, N, 2)), float(rng.uniform(0.2, 0.6))
        a = mean + std * rng.standard_normal(mean.shape)
        cases.append((mean, a, std, rng.uniform(0, 2, N), rng.uniform(0, 1, (T, N))))
    return cases


def later(b):
    """The baseline of the step after each one, and for the last step its own."""
    return np.concatenate([b[1:], b[-1:]])


def leaking(mean, a, std, r, b):
    score = ((a - mean) / std**2).sum(axis=2)
    return learned(mean, a, std, r, b)[0], learned(mean, a, std, r, b)[1] + score / len(r)


LEARNED = Task(
    "task7_6",
    "A baseline that learns",
    (Part("dmean", "0", 4), Part("db", "1", 2)),
    learned_cases,
    learned,
    (
        Wrong("there is no baseline in it.", 0.25, lambda mean, a, std, r, b: learned(mean, a, std, r, 0 * b)),
        Wrong(
            "the baseline is biased: that of the next step has seen the action that it judges.",
            0.25,
            lambda mean, a, std, r, b: learned(mean, a, std, r, later(b)),
        ),
        Wrong(
            "the baseline is biased: it is the last one for all steps, which has seen the actions that it judges.",
            0.25,
            lambda mean, a, std, r, b: learned(mean, a, std, r, b[-1:] + 0 * b),
        ),
        Wrong("REINFORCE leaks into the baseline: for the estimate b is a constant.", 0.5, leaking),
        Wrong(
            "1/σ² is missing: the score of a Gaussian is (a − μ)/σ².",
            0.5,
            lambda mean, a, std, r, b: learned(mean, a, 1.0, r, b),
        ),
        Wrong("divided by σ instead of σ².", 0.5, lambda mean, a, std, r, b: learned(mean, a, std**0.5, r, b)),
        Wrong(
            "the score is that of the clipped location; the policy drew the raw sample.",
            0.25,
            lambda mean, a, std, r, b: learned(mean, np.clip(a, -1, 1), std, r, b),
        ),
        Wrong(
            "this is the sum over the rows, not the mean.",
            0.5,
            lambda *x: tuple(len(x[3]) * part for part in learned(*x)),
        ),
        Wrong(
            "this is the mean over the steps, too; the terms of the decisions add up.",
            0.5,
            lambda *x: tuple(part / len(x[0]) for part in learned(*x)),
        ),
        Wrong(
            "the baseline's error is squared: a factor b − r is missing.",
            0,
            lambda mean, a, std, r, b: (learned(mean, a, std, r, b)[0], np.sign(b - r) / len(r)),
        ),
    ),
    lambda mean, a, std, r, b: {"T": len(mean), "N": len(r), "σ": std},
)
