"""The looks at a run's test set: each leaves a line beside the run, so that a later one is known to be one.

An error on images that were looked at before anything was chosen is a measurement. One of the best of several looks is
not: it was chosen by the test set.
"""

import contextlib
import json
import time
from pathlib import Path

from minram.errors import InputError
from minram.storage.writing import write_text

FILE = "looks.jsonl"


def keep_look(path: Path, error: float) -> str:
    """Add a look at the model of a file → a sentence on the looks before it, empty where there was none.

    Only a run's folder keeps them; one that cannot be written is left as it is.
    """
    folder = path.parent
    if not (folder / "config.json").exists():  # weights by name, or a file alone
        return ""
    text = (folder / FILE).read_text(encoding="utf-8") if (folder / FILE).is_file() else ""
    look = json.dumps({"date": time.strftime("%Y-%m-%d %H:%M:%S"), "error": error})
    with contextlib.suppress(InputError):
        write_text(folder / FILE, text + look + "\n")
    before = [line for line in text.splitlines() if line.strip()]
    if not before:
        return ""
    return (
        f"The test set was opened {len(before)} time{'s' * (len(before) > 1)} before for this run, as {FILE} says; "
        "what is chosen by its error is no longer measured by it."
    )
