"""Small faults, planted one at a time, and whether the tests see them: python tests/mutate.py [FILE …] [--n N].

With --signs it plants other faults, and asks whether lesson 0 sees them: signs.py says which.

A mutant is a copy of the package in which one operator, comparison, constant, statement, axis, slice, argument or
keyword is another. Those that the tests of its file pass are printed with their line: a hole in the tests, unless no
test could tell, which equivalent.json says with the reason. Work is done in a temporary copy, never in this tree.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import signs
from minram.training.evaluate import wilson
from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent.json")
METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")

# The tests of each file, those first that most faults fail: a mutant is killed by the first that does.
GRADCHECK = "test_gradcheck_limits test_gradcheck test_gradcheck_network"
TESTS = {
    "minram/ops.py": "test_ops test_network",
    "minram/sensor.py": "test_sensor",
    "minram/glimpse.py": "test_network test_arguments",
    "minram/core.py": "test_network test_arguments",
    "minram/heads.py": "test_network",
    "minram/policy.py": "test_policy test_network",
    "minram/agent.py": "test_network test_arguments test_hybrid",
    "minram/reinforce.py": "test_hybrid test_arguments test_estimators",
    "minram/gradcheck/adjoint.py": GRADCHECK,
    "minram/gradcheck/checks.py": GRADCHECK,
    "minram/gradcheck/differences.py": GRADCHECK,
    "minram/gradcheck/report.py": GRADCHECK,
    "minram/gradcheck/taylor.py": GRADCHECK,
    "minram/gradcheck/network.py": "test_gradcheck_network test_hybrid",
    "minram/storage/reading.py": "test_reading",
    "minram/storage/writing.py": "test_writing test_run test_train",
    "minram/storage/checkpoint.py": "test_checkpoint test_reading",
    "minram/datasets/data.py": "test_data",
    "minram/datasets/image.py": "test_door",
    "minram/datasets/tasks.py": "test_tasks",
    "minram/training/classifiers.py": "test_classifiers",
    "minram/training/config.py": "test_config",
    "minram/training/contradictions.py": "test_config",
    "minram/training/evaluate.py": "test_evaluate test_train",
    "minram/training/models.py": "test_train test_classifiers test_run test_evaluate",
    "minram/training/optim.py": "test_optim",
    "minram/training/own.py": "test_door",
    "minram/training/parallel.py": "test_parallel",
    "minram/training/process.py": "test_process test_bench",
    "minram/training/ranges.py": "test_config",
    "minram/training/recipes.py": "test_config test_readme",
    "minram/training/run.py": "test_run test_train test_cli",
    "minram/training/shards.py": "test_parallel test_train",
    "minram/training/signals.py": "test_train test_cli",
    "minram/training/step.py": "test_train test_classifiers",
    "minram/training/streams.py": "test_run",
    "minram/training/train.py": "test_train test_run test_cli",
}


class Copy:
    """A copy of the package and its tests in which mutants are tried."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        for name in ("minram", "tests", "tutorials"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "runs", ".*"))
        for name in ("pyproject.toml", "README.md", "requirements.txt"):
            shutil.copy(ROOT / name, folder / name)

    def passes(self, tests: str, seconds: float) -> bool | None:
        """Do these test files pass? None if they took longer than so many seconds."""
        command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider"]
        command += [f"tests/{name}.py" for name in tests.split()]
        environment = os.environ | {"PYTHONPATH": str(self.root), "OPENBLAS_NUM_THREADS": "1", "MUTATING": "1"}
        with tempfile.TemporaryDirectory() as temporary:  # what a killed test leaves behind goes with it
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=environment | {"TMPDIR": temporary},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(OSError):  # those that it has started too
                    os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
                process.wait()
        return None if code is None else code == 0

    @contextlib.contextmanager
    def planted(self, mutant: Mutant):
        """The copy has this fault in the block."""
        path = self.root / mutant.file
        whole = path.read_bytes()
        self._write(path, mutant.text.encode())
        try:
            yield
        finally:
            self._write(path, whole)

    def _write(self, path, content):
        path.write_bytes(content)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # it is trusted if size and second are the same
            compiled.unlink()


def group(file: str) -> str:
    """What a file counts for: the method, or its room."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "the method" if Path(file).stem in METHOD else "the rest"


def chosen(names: list[str], n: int | None, seed: int) -> list[Mutant]:
    """The mutants of these files or folders, or n of them."""
    wanted = [Path(name).resolve() for name in names] or [ROOT]
    files = [file for file in TESTS if any(path in ((ROOT / file), *(ROOT / file).parents) for path in wanted)]
    found = [mutant for file in files for mutant in mutants(file, (ROOT / file).read_text(encoding="utf-8"))]
    return sorted(random.Random(seed).sample(found, min(n or len(found), len(found))), key=lambda m: (m.file, m.line))


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
    parser.add_argument("--list", action="store_true", help="print the mutants and plant none")
    parser.add_argument(
        "--signs", action="store_true", help="instead, every sign that lesson 0 runs, and whether it fails"
    )
    args = parser.parse_args()
    if args.signs:
        return signs.report()
    sample, reasons = chosen(args.files, args.n, args.seed), equivalents()
    killed, seen = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        tried = None if args.list else Copy(Path(folder))
        limits: dict[str, float] = {}
        for mutant in sample:
            says = f"{mutant.file}:{mutant.line} {mutant.kind}: {mutant.before}  →  {mutant.after}"
            if args.list or mutant.key in reasons:
                print(f"equivalent {says}  ({reasons[mutant.key]})" if mutant.key in reasons else says, flush=True)
                continue
            tests = TESTS[mutant.file]
            if tests not in limits:
                begun = time.monotonic()
                if not tried.passes(tests, 1800):
                    raise SystemExit(f"{tests} should pass before anything is planted; mend them first.")
                limits[tests] = 10 + 3 * (time.monotonic() - begun)
            with tried.planted(mutant):
                survived = tried.passes(tests, limits[tests])
            seen[group(mutant.file)] += 1
            killed[group(mutant.file)] += not survived
            print(f"{'SURVIVED' if survived else 'killed' if survived is False else 'endless'}  {says}", flush=True)
    for name, n in seen.items():
        low, high = wilson(killed[name], n)
        print(f"{name}: {killed[name]} of {n} killed, {killed[name] / n:.1%} [{low:.1%}, {high:.1%}]")
    return int(killed.total() < seen.total())


if __name__ == "__main__":
    raise SystemExit(main())
