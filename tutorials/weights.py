"""Keep what lessons 9 and 10 need of finished runs: weights, settings, metrics and the result.

minram train quick
python tutorials/weights.py mnist runs/quick [FOLDER …]          for lesson 9, with the results of other seeds
minram train cluttered-60-8
python tutorials/weights.py cluttered runs/cluttered-60-8        for lesson 10

Then python tutorials/build.py 09 10 12 prints every number and draws every picture anew.
"""

import shutil
import sys
from pathlib import Path

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
NAMES = ("mnist", "cluttered")
FILES = ("best.npz", "config.json", "metrics.jsonl", "result.json")


def keep(name, folder, *other_seeds):
    """Copy the files of a run, of which one under way has no result yet; of other seeds the result alone."""
    target = CHECKPOINTS / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    copies = {file: Path(folder) / file for file in FILES}
    copies |= {f"result-{i}.json": Path(other) / "result.json" for i, other in enumerate(other_seeds, 1)}
    for file, source in copies.items():
        if source.exists():
            shutil.copyfile(source, target / file)
            print(target / file)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in NAMES:
        sys.exit(__doc__)
    keep(*sys.argv[1:])
