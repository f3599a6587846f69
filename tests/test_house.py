"""The house rules: who imports whom, what lies where, and how long a file may be.

The files are read, not imported, so that what a function imports when it is called counts as well. A rule takes the
folder of a package and returns what breaks it, a sentence each; every rule is tried on houses with one planted fault.
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "minram"

METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")
ROOMS = ("command", "pictures", "training", "datasets", "storage", "gradcheck")
FLOORS = ("door", *ROOMS, "method", "errors")  # each imports itself and those below it
OUTSIDE = {"numpy", "scipy", *sys.stdlib_module_names}  # of other packages, what any file may import
DRAWING = ("door", "command", "pictures", "datasets")  # where Matplotlib is imported too, to draw or to read pictures

LINES, METHOD_LINES = 260, 1000  # of a file, and of the method in all


# ---- what is read ----


class Import(NamedTuple):
    line: int
    name: str  # "minram.ops.linear_forward" of `from minram.ops import linear_forward`; with its dots if relative
    first: bool  # it runs when the module is imported: in no function, and not for type checkers alone


def imports(tree, first=True):
    """All Imports of a syntax tree."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, first) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (f"{node.module}." if node.module else "")
            yield from (Import(node.lineno, origin + alias.name, first) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from imports(ast.Module(node.body), False)
            yield from imports(ast.Module(node.orelse), first)
        else:
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
                name = node.args[0] if node.args else None
                yield Import(node.lineno, name.value if isinstance(name, ast.Constant) else "minram", first)
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from imports(node, first and not inside)


def read(package):
    """{module's dotted name: its Imports}."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = list(imports(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def floor(module):
    """Where a module lies; what is neither a room's nor the method's is at the door, where all may be imported."""
    place = [*module.split("."), ""][1]
    return place if place in ROOMS or place == "errors" else "method" if place in METHOD else "door"


def module_of(name, modules):
    """The longest beginning of a dotted name that is a module, or None: the name is then of another package."""
    parts = name.split(".")
    return next((m for n in range(len(parts), 0, -1) if (m := ".".join(parts[:n])) in modules), None)


def lines(package):
    """{path within the package: number of lines}."""
    paths = sorted(package.rglob("*.py"))
    return {p.relative_to(package).as_posix(): len(p.read_text(encoding="utf-8").splitlines()) for p in paths}


# ---- the rules ----


def directions(package):
    """Imports lead downwards: door → command → pictures → training → datasets → storage → gradcheck → method."""
    modules = read(package)
    for module, found in modules.items():
        here = floor(module)
        others = OUTSIDE | ({"matplotlib"} if here in DRAWING else set())
        for line, name, _ in found:
            target = module_of(name, modules)
            if target is None:
                wrong = name.partition(".")[0] not in others | {""}  # "" of a relative one, which has its own rule
            else:
                wrong = FLOORS.index(floor(target)) < FLOORS.index(here)
            if wrong and name != "minram.__version__":  # which is there before any module is
                yield f"{module}:{line}: {here} imports {name}"


def circles(package):
    """No module needs itself to be imported."""
    modules = read(package)
    needs = {module: {module_of(i.name, modules) for i in found if i.first} for module, found in modules.items()}
    try:
        TopologicalSorter({module: targets - {None} for module, targets in needs.items()}).prepare()
    except CycleError as error:
        yield " ← ".join(error.args[1])


def places(package):
    """In the hall lie the method, what a package must have, and the rooms: nothing else, and nothing is missing."""
    must = {f"{name}.py" for name in (*METHOD, "errors", "door", "__init__", "__main__")} | {"py.typed"} | set(ROOMS)
    there = {path.name for path in package.iterdir() if path.name != "__pycache__" and path.name[0] != "."}
    yield from (f"{name} is missing" for name in sorted(must - there))
    yield from (f"{name} should lie in a room" for name in sorted(there - must))
    yield from (f"{name} should be a folder" for name in ROOMS if name in there and not (package / name).is_dir())


def budget(package):
    """The method in 1,000 lines, and no file that one cannot hold in the head at once."""
    found = lines(package)
    total = sum(found.get(f"{name}.py", 0) for name in METHOD)
    if total > METHOD_LINES:
        yield f"the method has {total} lines, {total - METHOD_LINES} too many"
    yield from (f"{path} has {n} lines, {n - LINES} too many" for path, n in found.items() if n > LINES)


def absolute(package):
    """One style of import: by the whole name."""
    for module, found in read(package).items():
        yield from (f"{module}:{i.line}: {i.name} is relative" for i in found if i.name.startswith("."))


RULES = (directions, circles, places, budget, absolute)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_is_in_order(rule):
    assert not list(rule(PACKAGE))


def test_the_budget_is_told():
    """Read it with pytest -s."""
    found = lines(PACKAGE)
    method = {name: found[f"{name}.py"] for name in METHOD}
    print(f"\nthe method: {sum(method.values())} of {METHOD_LINES} lines {method}")
    assert len(found) > 40 and min(method.values()) > 20  # the files were found and read


# ---- planted faults ----

TYPED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from "
FAULTS = {
    "the method imports a room": (directions, {"agent.py": "from minram.training.config import Config"}),
    "the method imports gradcheck": (directions, {"ops.py": "from minram import gradcheck"}),
    "the method imports the door": (directions, {"agent.py": "from minram.door import load"}),
    "the method imports what the front page offers": (directions, {"agent.py": "from minram import load"}),
    "the method draws": (directions, {"sensor.py": "import matplotlib.pyplot as plt"}),
    "the method imports another package": (directions, {"core.py": "import torch"}),
    "errors imports the method": (directions, {"errors.py": "from minram.ops import Array"}),
    "gradcheck imports training": (directions, {"gradcheck/a.py": "from minram.training.config import Config"}),
    "storage imports datasets": (directions, {"storage/a.py": "import minram.datasets"}),
    "datasets imports training": (directions, {"datasets/a.py": "from minram.training import config"}),
    "training imports pictures": (directions, {"training/a.py": "import minram.pictures as p"}),
    "training draws": (directions, {"training/a.py": "from matplotlib.figure import Figure"}),
    "pictures imports command": (directions, {"pictures/a.py": "from minram.command import *"}),
    "a room imports the door": (directions, {"command/a.py": "from minram import door"}),
    "upwards in a function": (directions, {"storage/a.py": "def f():\n    from minram.training import config"}),
    "upwards in a class": (directions, {"storage/a.py": "class A:\n    def f(self):\n        import minram.command"}),
    "upwards for a type checker": (directions, {"datasets/a.py": TYPED + "minram.training.config import Config"}),
    "upwards by its name": (directions, {"ops.py": "import importlib\nimportlib.import_module('minram.training')"}),
    "upwards by a name that is not yet known": (directions, {"ops.py": "name = 'minram.command'\n__import__(name)"}),
    "a circle of two": (circles, {"core.py": "import minram.heads", "heads.py": "from minram.core import f"}),
    "a circle of three": (
        circles,
        {
            "storage/a.py": "from minram.storage import b",
            "storage/b.py": "try:\n    from minram.storage.c import f\nexcept ImportError:\n    pass",
            "storage/c.py": "from minram.storage.a import f",
        },
    ),
    "a circle through a room's front page": (
        circles,
        {
            "gradcheck/__init__.py": "from minram.gradcheck.a import f",
            "gradcheck/a.py": "from minram.gradcheck import g",
        },
    ),
    "a file that is not the method": (places, {"utils.py": ""}),
    "a room too many": (places, {"helpers/__init__.py": ""}),
    "a file that is no module": (places, {"notes.txt": ""}),
    "a file for a room": (places, {"gradcheck/__init__.py": None, "gradcheck": ""}),
    "a file of the method is missing": (places, {"core.py": None}),
    "a long file of a room": (budget, {"training/a.py": "\n" * 261}),
    "a long file of the method": (budget, {"agent.py": "\n" * 261}),
    "a long method": (budget, {f"{name}.py": "\n" * 126 for name in METHOD}),
    "a neighbour by a dot": (absolute, {"training/a.py": "from .config import Config"}),
    "a folder above by dots": (absolute, {"training/a.py": "def f():\n    from .. import ops"}),
}
SOUND = {
    "the door opens every room": {"door.py": "\n".join(f"import minram.{room}" for room in ROOMS)},
    "the front page leads to the door": {
        "__init__.py": "__version__ = '1'\ndef __getattr__(name):\n    from minram import door",
        "command/a.py": "from minram import __version__",
    },
    "a room imports itself and what is below": {
        "pictures/a.py": "import minram.pictures\nfrom minram.training import config\nfrom minram.ops import Array"
    },
    "the method imports itself": {"agent.py": "import numpy as np, scipy.special\nfrom minram import errors, ops"},
    "a circle for type checkers within a room": {
        "training/config.py": "from minram.training.a import f",
        "training/a.py": TYPED + "minram.training.config import Config",
    },
    "a circle that closes when all is imported": {
        "training/config.py": "from minram.training.a import f",
        "training/a.py": "def f():\n    from minram.training.config import Config",
    },
    "files as long as they may be": {f"{name}.py": "\n" * 125 for name in METHOD} | {"storage/a.py": "\n" * 260},
    "what Python leaves": {"__pycache__/ops.pyc": "", "py.typed": ""},
}


@pytest.fixture
def build(tmp_path):
    """Build a house of empty files but for the given texts; None leaves a file out."""

    def build(texts):
        files = [f"{name}.py" for name in (*METHOD, "errors", "door", "__init__", "__main__")]
        files += [f"{room}/__init__.py" for room in ROOMS] + ["training/config.py"]
        files += ["py.typed"]
        for name, text in (dict.fromkeys(files, "") | texts).items():
            if text is not None:
                (tmp_path / "minram" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "minram" / name).write_text(text)
        return tmp_path / "minram"

    return build


@pytest.mark.parametrize("rule, texts", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(build, rule, texts):
    house = build(texts)
    assert [(r, len(faults)) for r in RULES if (faults := list(r(house)))] == [(rule, 1)]


@pytest.mark.parametrize("texts", SOUND.values(), ids=SOUND)
def test_what_is_allowed_is_no_fault(build, texts):
    house = build(texts)
    assert not [fault for rule in RULES for fault in rule(house)]
