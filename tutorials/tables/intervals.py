"""Intervals by seeds and by images: how certain is the mean error of a row, and the difference of two?

Let e_ij be 1 where the agent of seed i is wrong on image j. Seeds and images are both a sample, of those that could
have been: e_ij = μ + a_i + b_j + c_ij with variances A, B, C. The mean of S seeds and n images has the variance
A/S + B/n + C/(S n). Mean squares of a two-way table without repetition (Scheffé 1959, ch. 7) know these:

    M_a = n  Σ_i (e_i· − e··)² / (S − 1)            expects  n A + C
    M_b = S  Σ_j (e_·j − e··)² / (n − 1)            expects  S B + C
    M_c = Σ_ij (e_ij − e_i· − e_·j + e··)² / ((S − 1)(n − 1))    expects  C

so (M_a + M_b − M_c) / (S n) is the variance, without bias. Its degrees of freedom are Satterthwaite's (1946).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


class Mean(NamedTuple):
    mean: float
    error: float  # standard error
    df: float  # degrees of freedom of the standard error
    low: float
    high: float

    @property
    def p(self):
        """Of the hypothesis that the mean is 0, from both sides."""
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * student.sf(abs(self.mean) / self.error, self.df))


def two_way(table):
    """The mean of outcomes (S, n), a row a seed and a column an image, with its 95 % interval → Mean.

    Of one seed the interval is by images alone.
    """
    e = np.asarray(table, float)
    S, n = e.shape
    mean, of_seed, of_image = e.mean(), e.mean(axis=1, keepdims=True), e.mean(axis=0, keepdims=True)
    b = S * ((of_image - mean) ** 2).sum() / (n - 1)
    if S == 1:
        return interval(mean, np.sqrt(b / n), n - 1)
    a = n * ((of_seed - mean) ** 2).sum() / (S - 1)
    c = ((e - of_seed - of_image + mean) ** 2).sum() / ((S - 1) * (n - 1))
    parts = np.array([a, b, -c])
    freedom = np.array([S - 1, n - 1, (S - 1) * (n - 1)])
    total = max(parts.sum(), b)  # fewer than by images alone would be luck
    df = total**2 / max((parts**2 / freedom).sum(), np.finfo(float).tiny)
    return interval(mean, np.sqrt(total / (S * n)), df)


def interval(mean, error, df):
    """mean ± t · standard error → Mean."""
    half = student.ppf((1 + LEVEL) / 2, df) * error
    return Mean(float(mean), float(error), float(df), float(mean - half), float(mean + half))


def paired(table, other):
    """The mean difference of outcomes (S, n), seed by seed and image by image; both were drawn alike → Mean."""
    return two_way(np.asarray(table, float) - np.asarray(other, float))


def against(mean, error, n):
    """A row minus another's figure of which only the error rate on n images is known → Mean.

    The other's variance is that of independent images, error (1 − error) / n; what other seeds of it would have given
    is not known, and that some of its images were the same would make the difference more certain, not less.
    """
    ours, theirs = mean.error**2, error * (1 - error) / n
    df = (ours + theirs) ** 2 / max(ours**2 / mean.df + theirs**2 / (n - 1), np.finfo(float).tiny)
    return interval(mean.mean - error, np.sqrt(ours + theirs), df)


def holm(p):
    """Holm's (1979) corrected p values, in the order of `p`: reject those below 0.05, and one error in 20 families."""
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    corrected = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected[np.argsort(order, kind="stable")].tolist()
