"""Sheet 5: what a baseline does to three samples."""

from functools import cache
from itertools import permutations

import numpy as np

from building.worksheets.records import Given, Sheet, question
from building.worksheets.short import QUARTERS

NOISE = (-3, -2.5, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 2.5, 3)


def estimates(r, b, score):
    """Without a baseline, with b, and with the mean of the others: each (…, 3)."""
    others = (r.sum(axis=-1, keepdims=True) - r) / 2
    return r * score, (r - b) * score, (r - others) * score


@cache
def choices():
    """All (ε_1, ε_2, ε_3, r_1, r_2, r_3, b) that a sheet may have → (n, 7).

    Few will do: what is divided by three has to stay short.
    """
    triples = [e for e in permutations(NOISE, 3) if len({*map(abs, e)}) == 3 and min(e) < 0 < max(e)]
    rest = [(*r, b) for r in permutations(QUARTERS, 3) for b in (0.25, 0.5, 0.75)]
    sets = np.concatenate([np.repeat(triples, len(rest), axis=0), np.tile(rest, (len(triples), 1))], axis=1)
    three = estimates(sets[:, 3:6], sets[:, 6:], sets[:, :3] / 0.5)
    means, spreads = (np.stack(a) for a in zip(*((e.mean(axis=1), e.var(axis=1, ddof=1)) for e in three)))  # (3, n)
    numbers = np.concatenate([*(e.T for e in three), means, spreads])  # (15, n)
    fits = (np.abs(numbers) < 10).all(axis=0) & (np.abs(numbers * 16 - np.round(numbers * 16)) < 1e-9).all(axis=0)
    helps = (spreads[2] < spreads[0]) & (spreads[1] < spreads[0])
    unlike = (means != 0).all(axis=0) & (means[0] != means[1]) & (means[0] != means[2]) & (means[1] != means[2])
    return sets[fits & helps & unlike]


def sheet(rng):
    chosen = choices()[rng.integers(len(choices()))]
    eps, r, b = chosen[:3], chosen[3:6], chosen[6]
    score, others = eps / 0.5, (r.sum() - r) / 2
    plain, constant, leave = estimates(r, b, score)
    whole = (r - r.mean()) * score

    def about(letter, text, e, before):
        m, v = e.mean(), e.var(ddof=1)
        return (
            question(
                5,
                letter,
                f"Their mean and variance, {text}",
                "macron(g) = 1/3 sum g_i, quad 1/2 sum (g_i - macron(g))^2",
                [[m, v]],
                ([[m * 3, e.var(ddof=0)]], slip),
                ([[m * 1.5, v * 2]], "the mean has three terms, the variance is divided by 2"),
                ([[m, (e**2).sum() / 2]], "the mean is still to be taken away, before squaring"),
                after=lambda own: np.array([[own[before].mean(), own[before].var(ddof=1)]]),
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
            after=lambda own: r * own["a"],
        ),
        *about("c", "over three samples", plain, "b"),
        question(
            5,
            "d",
            f"The estimates with the baseline $b = {b}$",
            "g_i = (r_i - b) s_i",
            constant[None],
            (-constant[None], "the sign: r − b"),
            (plain - b, "the baseline is taken from the reward, before the score"),
            (plain[None], "the baseline is missing"),
            after=lambda own: (r - b) * own["a"],
        ),
        *about("e", "with $b$", constant, "d"),
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
            after=lambda own: (r - own["f"]) * own["a"],
        ),
        *about("h", "with the others' mean", leave, "g"),
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
        "followed. Each gives an estimate of the same gradient, $partial J \\/ partial mu$. The variance of three "
        "numbers is here the sum of the squares of what they differ from their mean, divided by $3 - 1$. (Of three "
        "samples it need not fall with a baseline; these are chosen so that it does.)"
    )
    given = (Given("epsilon", eps[None]), Given("r", r[None]))
    return Sheet(5, "Three samples and a baseline", text, given, ask, "lesson 7")
