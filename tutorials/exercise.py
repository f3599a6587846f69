"""The exercises of a lesson: each check runs at once, says what it found, and leaves the next one to be reached."""

import linecache
import sys
import traceback
import types

import numpy as np

FOUND = "_right_exercises"  # the name, in a sheet's namespace, of {title → was it right?}: no sheet counts another's


class Open(AssertionError):
    """Exercises are still open. To a reader that is a sentence, and no traceback."""

    def _render_traceback_(self):
        """What IPython and notebooks print."""
        return [str(self)]


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
            said = f"not yet. {_ended(error, check)}"
        print(f"{title}: {said}")
        check.__globals__.setdefault(FOUND, {})[title] = said == "right."
        return check

    return run


def _ended(error, check):
    """Which function of the sheet an error came out of, and in which line; or that the answer is of another kind."""
    what = f"{type(error).__name__}: {error}"
    sheet = check.__globals__
    functions = [f for f in sheet.values() if isinstance(f, types.FunctionType) and f.__globals__ is sheet]
    theirs = {f.__code__ for f in functions if f.__name__ != check.__name__}
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code in theirs:
            line = linecache.getline(frame.f_code.co_filename, number).strip()
            return f"{frame.f_code.co_name} ends with {what}" + (f" (line {number}: {line})" if line else "")
    return f"the check cannot work with this answer; is it of the kind that is asked for? ({what})"


def finish():
    """Raise Open, an AssertionError with the titles of those that are not right yet, unless all are.

    A script ends with that sentence, and with the exit code 1.
    """
    found = sys._getframe(1).f_globals.get(FOUND, {})
    still = [title for title, right in found.items() if not right]
    print(f"{len(found) - len(still)} of {len(found)} exercises are right.", flush=True)
    if still:
        sys.excepthook = _plainly
        raise Open(f"These are still open: {', '.join(still)}")


def _plainly(kind, error, trace, before=sys.excepthook):
    """Print what ends a script: the sentence of an Open, and of all else what would have been printed."""
    if issubclass(kind, Open):
        print(error, file=sys.stderr)
    else:
        before(kind, error, trace)


def entries(got, *names):
    """The values of an answer that is a dict, in the order of names. Raise AssertionError where its keys are others."""
    assert got is not None, "the answer is None: is there a `return`?"
    named = f"{', '.join(names[:-1])} and {names[-1]}"
    assert isinstance(got, dict) and set(got) == set(names), f"the answer should have the keys {named}."
    return [got[name] for name in names]


def parts(got, *names):
    """The parts of an answer, a tuple, a list or an array. Raise AssertionError where there are more or fewer."""
    assert got is not None, "the answer is None: is there a `return`?"
    several = isinstance(got, tuple | list) or np.ndim(got) > 0
    assert several and len(got) == len(names), f"the answer should have {len(names)} parts: {', '.join(names)}."
    return list(got)


def numbers(name, got):
    """An answer as an array. Raise AssertionError where it is not made of numbers."""
    assert got is not None, f"{name} is None: is there a `return`?"
    try:
        found = np.asarray(got)
        if found.dtype.kind == "O":  # fractions, for instance
            found = np.reshape([float(value) for value in found.ravel()], found.shape)
    except (TypeError, ValueError):
        raise AssertionError(f"{name} should be numbers, in rows of equal length, but is {_short(got)}.") from None
    assert found.dtype.kind in "fiub", f"{name} should be numbers, but is {_short(got)}."
    return found


def truth(got):
    """An answer that is True or False. Raise AssertionError where it is neither."""
    assert isinstance(got, bool | np.bool_), f"it should return True or False, not {_short(got)}."
    return bool(got)


def _short(got):
    """An answer in one line."""
    return " ".join(repr(got).split())[:60]


def same(name, got, want, because=None, tolerance=1e-9):
    """Raise AssertionError, with a reason, unless an answer is the number or array that it should be.

    because: {reason: what one gets who went wrong in that way}. tolerance: relative to the largest entry.
    """
    got, want = numbers(name, got), np.asarray(want, float)
    shape = f"have the shape {want.shape}" if want.ndim else "be a single number"
    assert got.shape == want.shape, f"{name} should {shape}, but has {got.shape or 'that of a single number'}."
    assert np.isfinite(got).all(), f"{name} has entries that are not finite." if want.ndim else f"{name} is {got}."

    def close(value):
        value = np.asarray(value, float)
        return value.shape == want.shape and np.abs(got - value).max(initial=0) <= tolerance * scale

    scale = max(np.abs(want).max(initial=0), 1e-12)
    if close(want):
        return
    for reason, value in (because or {}).items():
        assert not close(value), f"{name}: {reason}"
    assert not close(-want), f"{name} has the wrong sign."
    assert not _nearly(got, want), f"{name} {NEARLY}"
    assert got.ndim == 0 or not close(0 * want), f"{name} is 0 everywhere."
    factor = (got * want).sum() / (want * want).sum() if want.any() and want.size > 1 else 0  # one number always fits
    assert factor == 0 or not close(factor * want), f"{name} is {factor:.4g} times what it should be: {_why(factor)}"
    if got.ndim == 0:
        raise AssertionError(f"{name} = {got:.6g} is not it.")
    where = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(got - want)), want.shape))
    right = np.abs(got - want) <= tolerance * scale
    raise AssertionError(f"{name}: {right.sum()} of {right.size} entries are right; the entry {where} is furthest off.")


NEARLY = "is nearly right, but not exact: give a fraction, or all digits, in double precision."


def _nearly(got, want):
    """Is each entry off by less than a hundredth of itself?"""
    return bool(np.all(np.abs(got - want) <= 0.01 * np.abs(want)))


def _why(factor):
    """What a factor on all entries alike may come from."""
    if factor > 0 and min(abs(n - round(n)) for n in (factor, 1 / factor)) < 1e-6:
        return "is there a sum where a mean belongs, or the other way round?"
    return "a factor is missing, or there is one too many."


def answers(got, want, hints):
    """Check a dict of predictions against what came out; the message names the first that is off, and its hint."""
    assert got is not None, "the answer is None: is there a `return`?"
    assert isinstance(got, dict) and set(got) == set(want), f"the answer should be a dict with the keys {sorted(want)}."
    for key, value in want.items():
        told = numbers(f"({key})", got[key])
        assert told.ndim == 0, f"({key}) should be a single number, but has the shape {told.shape}."
        if not np.isclose(told, value, rtol=1e-6, atol=1e-9):
            assert not _nearly(told, value), f"({key}) {NEARLY}"
            raise AssertionError(f"({key}) is not what comes out. {hints[key]}")
