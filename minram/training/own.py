"""A caller's own reward and baseline in place of the settings': what they must return, and how a run remembers them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minram.agent import Trajectory
from minram.errors import InputError
from minram.ops import Array
from minram.training.config import Config


class Own(NamedTuple):
    """reward(trajectory, labels (N,)) → (T, N), what each glimpse earns, and baseline(trajectory, returns (T−1, N)) →
    (T−1, N), which must not depend on the action that it judges. None: what the settings say."""

    reward: Callable[[Trajectory, Array], Any] | None = None
    baseline: Callable[[Trajectory, Array], Any] | None = None

    @property
    def names(self) -> dict[str, str]:
        """How a run remembers them: by name alone, since nothing is ever imported because a file says so."""
        return {part: _name(f) for part, f in self._asdict().items() if f is not None}

    def checked(self, config: Config) -> "Own":
        """The same functions, whose results are arrays of the shape and type that are needed, or an InputError.

        Raises InputError for functions that the settings leave without effect.
        """
        for part, function in self._asdict().items():
            if function is not None and not callable(function):
                raise InputError(f"{part} should be a function, but is {function!r:.60}; give its name alone.")
        if self.names and (config.model != "ram" or config.policy == "random" or config.objective != "hybrid"):
            raise InputError(
                f"an own {' and '.join(self.names)} judges the locations of an agent that learns them; set model=ram, "
                "policy=gaussian and objective=hybrid."
            )
        reward = self.reward and _checked("reward", self.reward, lambda t: t.loc.shape[:2])
        baseline = self.baseline and _checked("baseline", self.baseline, lambda t: t.mu.shape[:2])
        return Own(reward, baseline)

    def require_same(self, names: dict[str, str], folder: Any) -> None:
        """Raise InputError unless these are the functions, by name, with which a run was begun."""
        if names != self.names:
            was = ", ".join(f"{part}={name}" for part, name in names.items()) or "no functions of its own"
            raise InputError(f"{folder} was begun with {was}; pass the same to minram.train again.")


def _name(function):
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", type(function).__name__)
    return f"{module}.{name}" if module else name


def _checked(part, function, shape_of):
    def checked(trajectory, given):
        result = np.asarray(function(trajectory, given))
        shape = shape_of(trajectory)
        if result.shape != shape or result.dtype.kind not in "fiub" or not np.isfinite(result).all():
            what = ", not all finite" if result.shape == shape else ""
            raise InputError(
                f"{part} should return finite numbers of the shape {shape}, but returned {result.dtype} of the shape "
                f"{result.shape}{what}; correct {_name(function)}."
            )
        return result.astype(trajectory.mu.dtype)

    return checked
