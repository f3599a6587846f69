"""Which answers are right, and which slip explains the others."""

import re

import numpy as np

from minram.errors import InputError

EXACT = 5e-4  # three decimals, rounded, are right for every number


def read(text):
    """answers.txt → {key: numbers}. A line reads "1a = 0.5 0.25"; what follows a # is left out, an x is an empty blank.

    Raises InputError, with the number of the line, for one that does not.
    """
    answers = {}
    for i, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].replace("−", "-").replace(",", " ").strip()
        if not line:
            continue
        match = re.fullmatch(r"(\d[a-z])\s*[=:]\s*(.*)", line)
        try:
            values = [_number(word) for word in match[2].split()] if match else None
        except (ValueError, ZeroDivisionError):
            values = None
        if values is None:
            raise InputError(f"line {i} should read like 1a = 0.5 0.25 1/4, but reads {line[:60]!r}; write it so.")
        answers[match[1]] = np.array(values)
    return answers


def _number(word):
    if word in ("x", "?", "_"):
        return np.nan
    over, _, under = word.removesuffix("q").partition("/")
    if over in ("", "-", "+") and word.endswith("q"):
        over += "1"
    return float(over) / (float(under) if under else 1)


def marked(sheets, answers):
    """A line for each question of which there is an answer, and how many numbers are right, of how many."""
    questions = {q.key: q for sheet in sheets for q in sheet.questions}
    if unknown := sorted(answers.keys() - questions.keys()):
        raise InputError(f"there is no question {', '.join(unknown)}; they go from 1a to {max(questions)}.")
    lines, right = [], 0
    for key, q in questions.items():
        if key not in answers:
            continue
        given, want = answers[key], q.value.ravel()
        if given.size != want.size:
            lines.append(f"{key}  {want.size} numbers are asked for, row by row, but there are {given.size}")
            continue
        good = np.abs(given - want) <= EXACT + 1e-9
        right += int(good.sum())
        if good.all():
            lines.append(f"{key}  right")
            continue
        for sentence, places in explained(q, given, good).items():
            lines.append(f"{key}  {where(q, places)}: {sentence}")
    return lines, right, sum(q.value.size for q in questions.values())


def explained(q, given, good):
    """{sentence: places} of the wrong numbers of one question; a slip that explains more of them comes first."""
    want, wrong, found = q.value.ravel(), np.flatnonzero(~good), {}
    slips = [(slip.value.ravel(), slip.sentence) for slip in q.slips]
    slips += [(-want, "the sign"), (want * 2, "twice too large"), (want / 2, "half of what it should be")]
    fits = [(np.abs(given - value) <= EXACT + 1e-9, sentence) for value, sentence in slips]
    # A slip explains a whole answer; where it does not, its share of it counts, the sheet's own before the general.
    order = sorted(range(len(fits)), key=lambda i: (not fits[i][0].all(), -fits[i][0][wrong].sum(), i))
    for place in wrong:
        if np.isnan(given[place]):
            sentence = "empty"
        else:
            sentence = next((fits[i][1] for i in order if fits[i][0][place]), "wrong, and by none of the usual slips")
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
