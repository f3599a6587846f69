"""Is the wrong entry a kink that f did not tell of? The slopes on its two sides differ however short the step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minram.gradcheck.differences import STEP, nearby
from minram.gradcheck.evidence import Finding
from minram.ops import Params

HALVINGS = 4.0 ** -np.arange(8)  # shares of the first step: down to 7e-9


class Kink(NamedTuple):
    """A jump of the slope, near a point on a line through it."""

    at: float  # where, from the point
    left: float  # the slope below it
    right: float  # and above


def find_kink(f: Callable[[Params], Any], at: Callable[[float], Params], base: tuple, step: float) -> Kink | None:
    """The kink of f(at(t)) nearest to t = 0, if there is one within the step.

    Let D(h) = f(h) − 2f(0) + f(−h). Where f is smooth, D(h)/h falls fourfold with h; where the slope jumps by J at
    a distance δ, it is J (1 − δ/h), which is nearly the same for all h well above δ.
    """
    value, _, sigma = base
    before = None
    found = None
    for h in step * HALVINGS:
        up, down = nearby(f, at(h))[0], nearby(f, at(-h))[0]
        D = up - 2 * value + down
        if before is not None and abs(D) > 100 * sigma and abs(D / h) > 0.6 * abs(before[1] / before[0]):
            jump = (before[1] - D) / (before[0] - h)
            distance = max(0.0, before[0] - before[1] / jump) if jump else 0.0
            # The kink is on the side that is not straight.
            half_up, half_down = nearby(f, at(h / 2))[0], nearby(f, at(-h / 2))[0]
            above = abs(2 * half_up - up - value) > abs(2 * half_down - down - value)
            left, right = (value - down) / h, (up - value) / h
            if distance < 1e-3 * h:
                found = Kink(0.0, left, right)
            elif above:
                found = Kink(distance, left, left + jump)
            else:
                found = Kink(-distance, right - jump, right)
        before = h, D
    return found


def kink_finding(
    f: Callable[[Params], Any], theta: Params, name: str, analytic: np.ndarray, wrong: list[int], base: tuple
) -> tuple[list[int], tuple[Finding, ...]]:
    """Which of the wrong entries (flat indices) are kinks where the gradient is a slope all the same, and in words."""
    x = theta[name]
    kinks, texts = [], []
    for i in wrong:
        old = x.flat[i]

        def at(t, i=i, old=old):
            x.flat[i] = old + t
            return theta

        kink = find_kink(f, at, base, STEP * max(1.0, abs(old)))
        x.flat[i] = old
        if kink is None:
            continue
        a = analytic.flat[i]
        low, high = sorted((kink.left, kink.right))
        slack = 1e-5 * max(abs(low), abs(high))
        if kink.at:  # its slopes were taken over longer steps, on which f bends: the one here again, short of the kink
            s = abs(kink.at) / 2
            low = high = (nearby(f, at(s))[0] - nearby(f, at(-s))[0]) / (2 * s)
            slack += 4 * base[2] / s  # and what the values' rounding makes of a short step
            x.flat[i] = old
        if low - slack <= a <= high + slack:
            kinks.append(i)
        side = "one of the slopes there, or between them" if kink.at == 0 else "the slope on its side"
        is_right = f"yours, {a:.4g}, is {'' if i in kinks[-1:] else 'not '}{side}"
        index = ",".join(str(int(j)) for j in np.unravel_index(i, x.shape))
        place = old + kink.at if abs(old + kink.at) > 1e-2 * abs(kink.at) else 0.0  # it is not known to more digits
        where = f"at {name}({index}) = {place:.3g}" + (f", {abs(kink.at):.1g} away" if kink.at else "")
        texts.append(f"{where} (slopes {kink.left:.4g} and {kink.right:.4g}; {is_right})")
    if not texts:
        return [], ()
    more = f", and {len(texts) - 3} more" if len(texts) > 3 else ""
    text = f"looks like a kink {'; '.join(texts[:3])}{more}. Return (value, masks) from f, or take another point"
    return kinks, (Finding("kink", text),)
