"""Keep what lesson 9 needs of a finished run: weights, settings, metrics and the result.

python tutorials/weights.py FOLDER [FOLDER …]     a run of minram train quick, then the same with other seeds

Then python tutorials/build.py 09 10 12 prints every number and draws every picture anew.
"""

import argparse
import shutil
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "checkpoints" / "mnist"
FILES = ("best.npz", "config.json", "metrics.jsonl", "result.json")


def main(argv=None):
    """Copy the files of a run; of other seeds the result alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a finished run")
    folder, *others = parser.parse_args(argv).folders
    copies = {file: folder / file for file in FILES}
    copies |= {f"result-{i}.json": other / "result.json" for i, other in enumerate(others, 1)}
    for source in copies.values():  # all of them, before anything that is kept is removed
        if not source.is_file():
            parser.error(f"there is no {source}; let that run end first, or name another folder.")
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for file, source in copies.items():
        shutil.copyfile(source, TARGET / file)
        print(TARGET / file)


if __name__ == "__main__":
    main()
