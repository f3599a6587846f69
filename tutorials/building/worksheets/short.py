"""Numbers that are short to write, drawn until a sheet's conditions hold.

They are sums of powers of two, so that arithmetic in double precision is exact.
"""

import numpy as np

from minram.errors import InputError

QUARTERS = np.array([0, 0.25, 0.5, 0.75, 1])
WEIGHTS = np.array([-1, -0.5, 0.5, 1, 2])  # no 0, so that every number has an effect
TRIES = 200_000


def short(*arrays, decimals=4, below=10):
    """Whether all numbers are below `below` and have at most so many decimals."""
    flat = np.concatenate([np.ravel(a) for a in arrays])
    return bool((np.abs(flat) < below).all() and (flat * 2.0**decimals % 1 == 0).all())


def draw(sheet, rng):
    """sheet(rng) gives None where its conditions do not hold: try until it gives a sheet."""
    for _ in range(TRIES):
        if (drawn := sheet(rng)) is not None:
            return drawn
    raise InputError("no numbers were found that are short enough; take another seed.")


def unlike(*matrices):
    """Whether each (2, 2) matrix differs from its transpose and can be inverted: then no slip with it goes unseen."""
    return all(m[0, 1] != m[1, 0] and m[0, 0] * m[1, 1] != m[0, 1] * m[1, 0] for m in matrices)
