"""Where every random number of a training comes from: a stream for each purpose and place, derived from the seed.

A stream is made where it is needed and not carried on, so that nothing has to be saved to resume a run, and no part
of a minibatch depends on how many processes make it.
"""

import numpy as np

PARAMETERS, ORDER, IMAGES, POLICY = range(4)  # purposes; their numbers are part of what a seed means


def stream(seed: int, purpose: int, *place: int) -> np.random.Generator:
    """The generator of one purpose at one place: PARAMETERS; ORDER of an epoch; IMAGES and POLICY of a step's part."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *place)))
