"""The recurrent attention model in NumPy, with every derivative written out and checked.

    agent = minram.load("pretrained:cluttered-60")   # or a run folder, or a file
    look = agent.look(image, start=(0.5, -0.2))      # an array, a picture's path, a Pillow image
    look.label, look.belief, look.path               # the guess, (T, K), (T, 2)
    run = minram.train("quick", epochs=2)

Nothing is loaded before it is used.
"""

import importlib

__version__ = "0.1.0"

TYPE_CHECKING = False  # to type checkers it is True; typing takes longer to load than all the rest
if TYPE_CHECKING:
    from typing import Any

    from minram.door import Agent, Look, Step, TrainedRun, load, train
    from minram.errors import InputError

_NAMES = {name: "minram.door" for name in ("Agent", "Look", "Step", "TrainedRun", "load", "train")}
_NAMES["InputError"] = "minram.errors"
__all__ = ["Agent", "InputError", "Look", "Step", "TrainedRun", "load", "train"]


def __getattr__(name: str) -> "Any":
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'minram' has no attribute {name!r}; it has {', '.join(__all__)}, and its modules")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
