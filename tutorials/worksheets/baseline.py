"""Sheet 5: what a baseline does to three samples."""

import numpy as np

from worksheets.records import Given, Sheet, question
from worksheets.short import QUARTERS, short


def sheet(rng):
    eps, r, b = rng.choice([-1.5, -1, -0.5, 0.5, 1, 1.5], 3), rng.choice(QUARTERS, 3), rng.choice([0.25, 0.5, 0.75])
    score = eps / 0.5  # (3,)
    others = (r.sum() - r) / 2
    plain, constant, leave = r * score, (r - b) * score, (r - others) * score
    if len(set(r)) < 3 or len(set(np.abs(eps))) < 3 or len(set(np.sign(eps))) < 2:
        return None
    means = [e.mean() for e in (plain, constant, leave)]
    spread = [e.var(ddof=1) for e in (plain, constant, leave)]
    if not short(plain, constant, leave, others, means, spread, decimals=4) or not spread[2] < spread[0] > spread[1]:
        return None
    whole = (r - r.mean()) * score
    if len({*means}) < 3 or not short(3 * r.mean(), decimals=2):
        return None

    def about(letter, text, e, lead):
        m, v = e.mean(), e.var(ddof=1)
        return (
            question(
                5,
                letter,
                f"Their mean and variance, {text}",
                "macron(g) = 1/3 sum g_i, quad 1/2 sum (g_i - macron(g))^2",
                [[m, v]],
                ([[m * 3, e.var(ddof=0)]], lead),
                ([[m * 1.5, v * 2]], "the mean has three terms, the variance is divided by 2"),
                ([[m, (e**2).sum() / 2]], "the mean is still to be taken away, before squaring"),
            ),
        )

    slip = "the mean is a third of the sum; and the variance of three samples is divided by 3 − 1"
    ask = (
        question(
            5,
            "a",
            "The scores, $sigma = 1\\/2$",
            "s_i = (a_i - mu) \\/ sigma^2 = epsilon_i \\/ sigma",
            score[None],
            (eps / 0.25, "a − μ is σε, so one σ is left"),
            (eps, "this is ε: divide by σ"),
            (eps / 2, "divide by σ = ½"),
        ),
        question(
            5,
            "b",
            "The estimates without a baseline",
            "g_i = r_i s_i",
            plain[None],
            (r * eps, "this has ε: take the score"),
        ),
        *about("c", "over three samples", plain, slip),
        question(
            5,
            "d",
            f"The estimates with the baseline $b = {b}$",
            "g_i = (r_i - b) s_i",
            constant[None],
            (-constant[None], "the sign: r − b"),
            (plain - b, "the baseline is taken from the reward, before the score"),
            (plain[None], "the baseline is missing"),
        ),
        *about("e", "with $b$", constant, slip),
        question(
            5,
            "f",
            "The baseline of each sample: the mean reward of the *other two*",
            "b_i = 1/2 sum_(j != i) r_j",
            others[None],
            (np.full((1, 3), r.mean()), "this is the mean of all three: leave the sample itself out"),
            (2 * others[None], "this is the sum: take the mean"),
        ),
        question(
            5,
            "g",
            "The estimates with it",
            "g_i = (r_i - b_i) s_i",
            leave[None],
            (-leave[None], "the sign: r − b"),
            (whole[None], "this is with the mean of all three: leave the sample itself out"),
        ),
        *about("h", "with the others' mean", leave, slip),
        question(
            5,
            "i",
            "With the mean of *all three* as the baseline, each estimate of (g) is multiplied by the same number. By "
            "which? (as a fraction, or to three decimals)",
            "r_i - macron(r) = (1 - 1/3) (r_i - b_i)",
            [[2 / 3]],
            ([[1.5]], "the other way round"),
            ([[1 / 3]], "1 − 1/3 is not 1/3"),
            round_to=3,
        ),
    )
    text = (
        "Three draws $a_i = mu + sigma epsilon_i$ of one location in one dimension, and the rewards $r_i$ that "
        "followed. Each gives an "
        "estimate of the same gradient, $partial J \\/ partial mu$."
    )
    given = (Given("epsilon", eps[None]), Given("r", r[None]))
    return Sheet(5, "A baseline, and the variance of three samples", text, given, ask, "lesson 7")
