"""The one exception that means "what you gave cannot be used", and the checks that raise it."""

import numpy as np


class InputError(ValueError):
    """Wrong input: one sentence that says what was expected, what came and what to do.

    The command line prints it and ends with exit code 2.
    """


def check_shape(name, array, shape):
    """Raise InputError unless `array` has `shape`; None in `shape` matches any length."""
    got = np.shape(array)
    if len(got) != len(shape) or any(want is not None and want != have for want, have in zip(shape, got)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise InputError(f"{name} should have the shape {wanted}, but has {got}; reshape or transpose it first.")
