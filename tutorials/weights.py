"""Keep what lesson 9 needs of a finished run: weights, settings, metrics and the result.

python tutorials/weights.py FOLDER [FOLDER …]     a run of minram train quick, then the same with other seeds

Then python tutorials/build.py 09 10 12 prints every number and draws every picture anew.
"""

import shutil
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "checkpoints" / "mnist"
FILES = ("best.npz", "config.json", "metrics.jsonl", "result.json")


def keep(folder, *other_seeds):
    """Copy the files of a run; of other seeds the result alone."""
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    copies = {file: Path(folder) / file for file in FILES}
    copies |= {f"result-{i}.json": Path(other) / "result.json" for i, other in enumerate(other_seeds, 1)}
    for file, source in copies.items():
        shutil.copyfile(source, TARGET / file)
        print(TARGET / file)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    keep(*sys.argv[1:])
