"""Keep what lesson 9 needs of quick: weights, settings and metrics of one run, and the results of all its seeds.

python tutorials/weights.py FOLDER     a run of `run.py row quick`, such as ~/.cache/minram/tables/quick-s20

Then python tutorials/trained_agent.py measures the gradient of that run, for lesson 13, and
python tutorials/build.py 09 10 12 13 prints every number and draws every picture anew.
"""

import argparse
import json
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "checkpoints" / "mnist"
RESULTS = HERE / "tables" / "results"
FILES = ("best.npz", "config.json", "metrics.jsonl")


def main(argv=None):
    """Copy the files of a run, its result of the tables, and those of its other seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a finished run of quick, by run.py row")
    folder = parser.parse_args(argv).folder
    copies = {file: folder / file for file in FILES}
    for source in copies.values():  # all of them, before anything that is kept is removed
        if not source.is_file():
            parser.error(f"there is no {source}; let that run end first, or name another folder.")
    result = RESULTS / f"quick-s{json.loads(copies['config.json'].read_bytes())['seed']}.json"
    others = sorted(path for path in RESULTS.glob("quick-s*.json") if path != result)
    if not result.is_file():
        parser.error(f"there is no {result.name} among the results; make it with run.py row quick.")
    copies |= {"result.json": result, **{f"result-{i}.json": other for i, other in enumerate(others, 1)}}
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for file, source in copies.items():
        shutil.copyfile(source, TARGET / file)
        print(TARGET / file)


if __name__ == "__main__":
    main()
