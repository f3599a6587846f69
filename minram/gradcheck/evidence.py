"""What a check has seen of one parameter, and what may be said of it: the two gradients side by side, and findings."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Finding(NamedTuple):
    """A mistake by its name, and the evidence for it in words."""

    name: str
    text: str


class Seen(NamedTuple):
    """The gradient that was given and the one that differences found, of one parameter or of a part of it."""

    analytic: np.ndarray
    numeric: np.ndarray  # the same shape; nan where nothing was compared
    noise: np.ndarray  # the same shape: what rounding alone may put between the two
    rtol: float
    theta: np.ndarray | None = None  # the parameter itself
    facts: Mapping[str, Any] = {}  # numbers at hand by their names, such as {"N": 5, "σ": 0.15}
    masks: tuple[np.ndarray, ...] = ()  # boolean arrays, True where a unit is open; their last axis are the units
    axes: tuple[str, ...] = ()  # what the first axes are called
    projected: bool = False  # slopes along random directions, in which only factors can be seen

    def __repr__(self):
        return f"Seen{self.analytic.shape}"

    @property
    def known(self) -> np.ndarray:
        """Where the two were compared."""
        return ~np.isnan(self.numeric)

    @property
    def big(self) -> np.ndarray:
        """Where they were compared and at least one of them is above rounding."""
        return self.known & (np.fmax(np.abs(self.analytic), np.abs(self.numeric)) > 2 * self.noise)

    @property
    def wrong(self) -> np.ndarray:
        """Where they differ by more than rounding."""
        return self.known & ~self.close(self.numeric, slack=1)

    def close(self, expected: Any, scale: float = 1.0, slack: float = 2.0) -> np.ndarray:
        """Is each entry what is expected? True also where nothing is known; scale: by what rounding was multiplied.

        The slack is 1 for the verdict, and 2 for what is made of the numeric gradient of other entries.
        """
        size = np.maximum(np.abs(self.analytic), np.abs(expected))
        off = np.abs(self.analytic - expected) > slack * np.maximum(self.rtol * size, self.noise * max(1.0, scale))
        return ~(off & self.known)

    def explained_by(self, expected: np.ndarray) -> bool:
        """Is it so for all entries, of which at least two are above rounding, and one is wrong?"""
        told = self.known & ~np.isnan(expected) & (np.abs(expected) > 2 * self.noise)
        return told.sum() > 1 and bool(np.any(told & self.wrong)) and bool(np.all(self.close(expected)))

    def part(self, index: Any) -> "Seen":
        """Some entries alone: without the parameter, and without the masks, which fit the whole."""
        return self._replace(
            analytic=self.analytic[index], numeric=self.numeric[index], noise=self.noise[index], theta=None, masks=()
        )

    def axis(self, k: int) -> str:
        """What to call an axis."""
        return self.axes[k] if k < len(self.axes) else f"axis {k - len(self.axes)}"
