"""Small faults, planted one at a time, and whether the tests see them: python tests/mutate.py [FILE …] [--n N].

With --signs it plants other faults, and asks whether lesson 0 sees them: signs.py says which.

A mutant is a copy of the package in which one operator, comparison, constant, statement, axis, slice, argument or
keyword is another. Those that the tests of its file pass are printed with their line: a hole in the tests, unless no
test could tell, which equivalent.json says with the reason. Work is done in a temporary copy, never in this tree.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from mutants import Mutant, mutants
from trials import Runner

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent.json")
METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")

# The tests of each file. Of all of them those come first that have seen the most faults in the least time.
EDGES = "test_gradcheck_limits test_gradcheck_edges test_gradcheck test_own_functions"
GRADCHECK = f"{EDGES} test_findings test_gradcheck_network test_diagnosis"
SOURCES = "test_sources test_data test_door"
TESTS = {
    "minram/ops.py": "test_ops test_network test_arguments",
    "minram/sensor.py": "test_sensor test_arguments",
    "minram/glimpse.py": "test_network test_arguments",
    "minram/core.py": "test_network test_arguments",
    "minram/heads.py": "test_network test_arguments",
    "minram/policy.py": "test_policy test_network test_arguments",
    "minram/agent.py": "test_network test_arguments test_hybrid test_run",
    "minram/reinforce.py": "test_hybrid test_arguments test_estimators",
    "minram/gradcheck/adjoint.py": GRADCHECK,
    "minram/gradcheck/checks.py": GRADCHECK,
    "minram/gradcheck/diagnosis.py": "test_findings test_diagnosis test_check_your_own test_own_functions",
    "minram/gradcheck/differences.py": GRADCHECK,
    "minram/gradcheck/evidence.py": "test_findings test_diagnosis test_own_functions",
    "minram/gradcheck/factors.py": "test_findings test_diagnosis",
    "minram/gradcheck/fitness.py": GRADCHECK,
    "minram/gradcheck/kinks.py": "test_gradcheck_edges test_own_functions test_diagnosis",
    "minram/gradcheck/mistakes.py": "test_findings test_diagnosis",
    "minram/gradcheck/network.py": "test_gradcheck_network test_hybrid",
    "minram/gradcheck/outputs.py": "test_gradcheck_edges test_own_functions test_gradcheck",
    "minram/gradcheck/pairs.py": f"{EDGES} test_diagnosis",
    "minram/gradcheck/probe.py": "test_findings test_diagnosis test_own_functions",
    "minram/gradcheck/report.py": GRADCHECK,
    "minram/gradcheck/second.py": "test_gradcheck_edges test_own_functions test_gradcheck_limits",
    "minram/gradcheck/taylor.py": GRADCHECK,
    "minram/storage/reading.py": "test_reading test_fuzzing test_sources",
    "minram/storage/writing.py": "test_writing test_run test_train test_faults",
    "minram/storage/checkpoint.py": "test_checkpoint test_fuzzing",
    "minram/datasets/adapt.py": SOURCES,
    "minram/datasets/data.py": "test_data test_sources",
    "minram/datasets/folders.py": SOURCES,
    "minram/datasets/formats.py": SOURCES,
    "minram/datasets/image.py": "test_door test_sources",
    "minram/datasets/labels.py": SOURCES,
    "minram/datasets/names.py": SOURCES,
    "minram/datasets/sources.py": SOURCES,
    "minram/datasets/tasks.py": "test_tasks",
    "minram/training/balance.py": "test_balance",
    "minram/training/by_hand.py": "test_by_hand test_trace",
    "minram/training/classifiers.py": "test_classifiers test_balance test_run",
    "minram/training/jobs.py": "test_recipes test_tables test_tables_run",
    "minram/training/config.py": "test_config test_recipes",
    "minram/training/contradictions.py": "test_config",
    "minram/training/diagnosis.py": "test_training_diagnosis",
    "minram/training/evaluate.py": "test_evaluate test_train",
    "minram/training/metrics.py": "test_metrics test_run",
    "minram/training/models.py": "test_train test_classifiers test_run test_evaluate test_balance test_bench",
    "minram/training/optim.py": "test_optim",
    "minram/training/origin.py": "test_origin",
    "minram/training/own.py": "test_door test_balance",
    "minram/training/parallel.py": "test_parallel test_train",
    "minram/training/process.py": "test_process test_bench",
    "minram/training/proposal.py": "test_proposal",
    "minram/training/ranges.py": "test_config test_recipes",
    "minram/training/recipes.py": "test_recipes test_proposal test_cli",
    "minram/training/run.py": "test_run test_origin test_metrics test_train test_cli test_balance",
    "minram/training/shards.py": "test_parallel test_train",
    "minram/training/signals.py": "test_train test_cli",
    "minram/training/step.py": "test_train test_classifiers test_bench",
    "minram/training/streams.py": "test_run",
    "minram/training/train.py": "test_train test_run test_cli test_balance test_parallel test_training_diagnosis",
}


@contextlib.contextmanager
def copied(root: Path):
    """A copy of the package and its tests in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("minram", "tests", "tutorials"):
            ignore = shutil.ignore_patterns("__pycache__", "runs", ".*", "*.ipynb", "*.html")
            shutil.copytree(root / name, Path(folder) / name, ignore=ignore)
        for name in ("pyproject.toml", "README.md", "requirements.txt"):
            shutil.copy(root / name, Path(folder) / name)
        yield Path(folder)


@contextlib.contextmanager
def planted(root: Path, mutant: Mutant):
    """The copy has this fault in the block."""
    path = root / mutant.file
    whole = path.read_bytes()
    _write(path, mutant.text.encode())
    try:
        yield
    finally:
        _write(path, whole)


def _write(path, content):
    path.write_bytes(content)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # it is trusted if size and second are the same
        compiled.unlink()


def group(file: str) -> str:
    """What a file counts for: the method, or its room."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "the method" if Path(file).stem in METHOD else "the rest"


def files_of(name: str | Path) -> list[str]:
    """The files of the list that a path is, or has in it."""
    path = Path(name).resolve()
    return [file for file in TESTS if path in ((ROOT / file), *(ROOT / file).parents)]


def chosen(names: list[str], n: int | None, seed: int) -> list[Mutant]:
    """The mutants of these files or folders, or n of them, in an order by chance: the first few are a sample too.

    The order is that of a checksum of what each is, so that a change of one file leaves the others' places as they are.
    """
    wanted = {file for name in names or [ROOT] for file in files_of(name)}
    files = [file for file in TESTS if file in wanted]
    found = [mutant for file in files for mutant in mutants(file, (ROOT / file).read_text(encoding="utf-8"))]
    return sorted(found, key=lambda mutant: hashlib.sha256(repr((seed, mutant.key)).encode()).digest())[:n]


def equivalents() -> dict[tuple, str]:
    """Why no test can tell: {key of a mutant: the reason}."""
    return {
        (file, e["function"], e["before"], e["after"]): e["reason"]
        for file, entries in json.loads(EQUIVALENT.read_text(encoding="utf-8")).items()
        for e in entries
    }


def main() -> int:
    """Plant, test, print → 1 if a fault was not seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="files or folders of the package (all)")
    parser.add_argument("--n", type=int, metavar="N", help="a sample of so many (all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the sample (0)")
    parser.add_argument("--after", type=int, default=0, metavar="K", help="without its first K: go on from there (0)")
    parser.add_argument("--minutes", type=float, default=1e6, metavar="M", help="begin no more after so many")
    parser.add_argument("--times", type=Path, metavar="XML", help="of pytest --junitxml: do not time the tests again")
    parser.add_argument("--list", action="store_true", help="print the mutants and plant none")
    parser.add_argument(
        "--signs", action="store_true", help="instead, every sign that lesson 0 runs, and whether it fails"
    )
    args = parser.parse_args()
    for name in args.files:
        if not files_of(name):
            parser.error(f"{name} has no tests in the list TESTS of tests/mutate.py; enter them, or name another file.")
    if args.signs:
        import signs  # not before: a fork would have the lesson of this tree, and not of the copy

        return signs.report()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no test goes on after it
    sample, reasons = chosen(args.files, args.n, args.seed)[args.after :], equivalents()
    killed, seen = Counter(), Counter()
    end = time.monotonic() + 60 * args.minutes
    with copied(ROOT) if not args.list else contextlib.nullcontext() as root:
        runner = Runner(root)
        if args.times:
            runner.read_times(args.times)
        for mutant in sample:
            if time.monotonic() > end:
                break
            where = f"{mutant.file}:{mutant.line} in {mutant.function or 'the file'}, {mutant.kind}"
            says = f"{where}: {mutant.before}  →  {mutant.after}"
            if args.list or mutant.key in reasons:
                print(f"equivalent {says}  ({reasons[mutant.key]})" if mutant.key in reasons else says, flush=True)
                continue
            tests = TESTS[mutant.file]
            runner.prepare(tests)
            with planted(root, mutant):
                verdict, test = runner.verdict(tests)
            seen[group(mutant.file)] += 1
            killed[group(mutant.file)] += verdict != "SURVIVED"
            print(f"{verdict:8}  {says}" + f"  ({test})" * bool(test), flush=True)
    from minram.training.evaluate import wilson  # not before: a fork would have the package as it is

    for name, n in seen.items():
        low, high = wilson(killed[name], n)
        print(f"{name}: {killed[name]} of {n} killed, {killed[name] / n:.1%} [{low:.1%}, {high:.1%}]")
    return int(killed.total() < seen.total())


if __name__ == "__main__":
    raise SystemExit(main())
