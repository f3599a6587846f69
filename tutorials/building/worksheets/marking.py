"""Which answers are right, and which slip explains the others."""

import re

import numpy as np

from minram.errors import InputError

EXACT = 5e-4  # three decimals, rounded, are right for every number
ROUNDED = 1e-3  # of what is rounded anyway: a table of exponentials may lead to the next one
# What other keyboards and editors write for a sign, a fraction, or between numbers.
WRITTEN = str.maketrans({"−": "-", "–": "-", "½": "1/2", "¼": "1/4", "¾": "3/4"} | dict.fromkeys("[](){}|;", " "))
FOLLOWS = "follows from an earlier answer, and is right from there"


def read(text):
    """answers.txt → {key: numbers}. A line reads "1a = 0.5 0.25"; what follows a # is left out, an x is an empty blank.

    Brackets and semicolons may part numbers too, and commas, but not within a number. Raises InputError, with the
    number of the line, for one that does not read so, and for a question that is answered twice.
    """
    answers = {}
    for i, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if found := re.search(r"\d,\d|\d[½¼¾]", line):
            how = "a point, or a space after it" if "," in found[0] else "a fraction, such as 15/2"
            raise InputError(f"line {i} has a number with {found[0][1]!r} in it, {line[:60]!r}; write {how}.")
        line = line.translate(WRITTEN).strip()
        if not line:
            continue
        match = re.fullmatch(r"(\d[a-z])\s*[=:]\s*(.*)", line.replace(",", " "), re.IGNORECASE)
        try:
            values = [_number(word) for word in match[2].split()] if match else None
        except (ValueError, ZeroDivisionError):
            values = None
        if values is None:
            raise InputError(f"line {i} should read like 1a = 0.5 0.25 1/4, but reads {line[:60]!r}; write it so.")
        key = match[1].lower()
        if key in answers:
            raise InputError(f"line {i} answers {key} once more; leave one of the two out.")
        answers[key] = np.array(values)
    return answers


def _number(word):
    """A number, or a multiple of q without it: 0.5, -1/4, q, 2q, q/2, 3/4q; x, ? or _ for an empty blank."""
    if word.lower() in ("x", "?", "_"):
        return np.nan
    match = re.fullmatch(r"([-+]?)([\d.]*)(q?)(?:/([\d.]+))?(q?)", word)
    sign, over, q, under, last = match.groups() if match else ("", "", "", "", "")
    if not (over or q) or (q and last):
        raise ValueError(word)
    return float(f"{sign}{over or 1}") / float(under or 1)


def marked(sheets, answers):
    """A line for each question of which there is an answer; how many numbers are right, and of how many."""
    keys = [q.key for sheet in sheets for q in sheet.questions]
    if unknown := sorted(answers.keys() - set(keys)):
        raise InputError(f"there is no question {', '.join(unknown)}; they go from 1a to {max(keys)}.")
    lines, right = [], 0
    for sheet in sheets:
        own = {}  # what was answered, where it was; else what is right
        for q in sheet.questions:
            given = answers.get(q.key)
            if given is not None and given.size != q.value.size:
                lines.append(f"{q.key}  {q.value.size} numbers are asked for, row by row, but there are {given.size}")
                given = None
            elif given is not None:
                good = close(q, given, q.value)
                right += int(good.sum())
                with np.errstate(all="ignore"):  # own answers may be anything
                    after = None if q.after is None else q.after(own)
                lines += [f"{q.key}  right"] if good.all() else said(q, given, good, after)
            own[q.key[1:]] = q.value if given is None else given.reshape(q.value.shape)
    return lines, right, sum(q.value.size for sheet in sheets for q in sheet.questions)


def close(q, given, value):
    """Which of the given numbers are those of an array."""
    return np.abs(given - np.ravel(value)) <= (EXACT if q.round_to is None else ROUNDED) + 1e-9


def said(q, given, good, after):
    """Lines for the wrong numbers of a question. after: what is right after the answers before it, or None."""
    if after is not None and close(q, np.ravel(after), q.value).all():
        after = None  # nothing before it is wrong
    if after is not None and close(q, given, after).all():
        return [f"{q.key}  {where(q, np.flatnonzero(~good))}: {FOLLOWS}"]
    return [f"{q.key}  {where(q, places)}: {text}" for text, places in explained(q, given, good, after).items()]


def explained(q, given, good, after):
    """{sentence: places} of the wrong numbers of one question; a slip that explains more of them comes first."""
    want, wrong, found = q.value.ravel(), np.flatnonzero(~good), {}
    slips = [(slip.value, slip.sentence) for slip in q.slips]
    slips += [(-want, "the sign"), (want * 2, "twice too large"), (want / 2, "half of what it should be")]
    unknown = "wrong, and by none of the usual slips"
    if after is not None:
        slips += [(after, FOLLOWS), (-after, "the sign, after an earlier answer that is wrong")]
        unknown = "wrong, and so is an earlier answer that it needs: mend that one first"
    fits = [(close(q, given, value), sentence) for value, sentence in slips]
    # A slip explains a whole answer; where it does not, its share of it counts, the sheet's own before the general.
    order = sorted(range(len(fits)), key=lambda i: (not fits[i][0].all(), -fits[i][0][wrong].sum(), i))
    for place in wrong:
        if np.isnan(given[place]):
            sentence = "empty"
        else:
            sentence = next((fits[i][1] for i in order if fits[i][0][place]), unknown)
        found.setdefault(sentence, []).append(place)
    return found


def where(q, places):
    """The places of an answer in words: "all", or rows and columns from 1."""
    shape = q.value.shape
    if len(places) == q.value.size:
        return "all" if q.value.size > 1 else "the number"
    if shape[0] == 1:
        return "number " + ", ".join(str(p + 1) for p in places)
    return "row, column " + "; ".join("{}, {}".format(*(i + 1 for i in np.unravel_index(p, shape))) for p in places)
