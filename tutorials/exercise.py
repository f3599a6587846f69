"""The exercises of a lesson: each check runs at once, says what it found, and leaves the next one to be reached."""

import traceback

import numpy as np

_found = {}  # title → was it right?


def exercise(title):
    """A decorator that runs a check at once and prints what came of it, whatever that is."""

    def run(check):
        try:
            check()
            said = "right."
        except NotImplementedError:
            said = "still to be written."
        except AssertionError as error:
            said = f"not yet. {error}"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            said = f"not yet. {last.name} ends with {type(error).__name__}: {error}"
        print(f"{title}: {said}")
        _found[title] = said == "right."
        return check

    return run


def finish():
    """Raise AssertionError, with the titles of those that are still open, unless every exercise is right."""
    still, n = [title for title, right in _found.items() if not right], len(_found)
    _found.clear()
    print(f"{n - len(still)} of {n} exercises are right.")
    assert not still, f"still open: {', '.join(still)}"


def same(name, got, want, because=None, tolerance=1e-9):
    """Raise AssertionError, with a reason, unless an answer is the number or array that it should be.

    because: {reason: what one gets who went wrong in that way}. tolerance: relative to the largest entry.
    """
    assert got is not None, f"{name} is None: is there a `return`?"
    got, want = np.asarray(got), np.asarray(want, float)
    assert got.dtype.kind in "fiub", f"{name} should be numbers, but is of type {got.dtype}."
    assert got.shape == want.shape, f"{name} should have the shape {want.shape}, but has {got.shape}."
    assert np.isfinite(got).all(), f"{name} has entries that are not finite."

    def close(value):
        value = np.asarray(value, float)
        return value.shape == want.shape and np.abs(got - value).max(initial=0) <= tolerance * scale

    scale = max(np.abs(want).max(initial=0), 1e-12)
    if close(want):
        return
    for reason, value in (because or {}).items():
        assert not close(value), f"{name}: {reason}"
    assert not close(-want), f"{name} has the wrong sign."
    factor = (got * want).sum() / (want * want).sum() if want.any() and want.size > 1 else 0  # one number always fits
    assert factor == 0 or not close(factor * want), (
        f"{name} is {factor:.4g} times what it should be: is there a sum where a mean belongs, or the other way round?"
    )
    if got.ndim == 0:
        raise AssertionError(f"{name} = {got:.6g} is not it.")
    where = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(got - want)), want.shape))
    right = np.abs(got - want) <= tolerance * scale
    raise AssertionError(f"{name}: {right.sum()} of {right.size} entries are right; the entry {where} is furthest off.")


def answers(got, want, hints):
    """Check a dict of predictions against what came out; the message names the first that is off, and its hint."""
    assert isinstance(got, dict) and set(got) == set(want), f"the answer should be a dict with the keys {sorted(want)}."
    for key, value in want.items():
        assert np.isclose(float(got[key]), value, rtol=1e-6, atol=1e-9), f"({key}) is not what comes out. {hints[key]}"
