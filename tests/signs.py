"""Every sign in the lines of the package that lesson 0 runs, changed one at a time: python tests/mutate.py --signs.

A sign is changed where two numbers are added or subtracted, where a number is negative, before a product, a quotient,
a sum or a function's value, and before each number of a list. Then the lesson's cells are run until one of them fails;
those that only draw are left out, and the exercises, which have checks of their own. All this happens in one process.
"""

import ast
import contextlib
import importlib
import io
import json
import sys
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lessons import TUTORIALS, halves
from mutants import Mutant, mutants

ROOT = TUTORIALS.parent
METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")
FILES = (*(f"minram/{name}.py" for name in METHOD), "minram/training/by_hand.py", "minram/training/optim.py")
LESSON = TUTORIALS / "00_by_hand.py"
VALUES = ("sum", "cumsum", "log", "exp", "sqrt", "floor", "mean", "take", "abs", "arange")

# What changes nothing that lesson 0 could see: {file and line with the fault: why}.
UNSEEN = {
    line: reason
    for reason, lines in json.loads(Path(__file__).with_name("unseen.json").read_text(encoding="utf-8")).items()
    for line in lines
}


def _signs(node):
    """Yield (kind, text) for each sign of one node."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            new = "-" if isinstance(op, ast.Add) else "+"
            yield "sign", f"({ast.unparse(left)} {new} {_factor(right)})"
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.MatMult()):
            yield "sign", f"(-({ast.unparse(node)}))"
        case ast.AugAssign(target, ast.Add() | ast.Sub() as op, value):
            new = "-" if isinstance(op, ast.Add) else "+"
            yield "sign", f"{ast.unparse(target)} {new}= {ast.unparse(value)}"
        case ast.UnaryOp(ast.USub(), operand):
            yield "sign", f"({ast.unparse(operand)})"
        case ast.Call(func, [first, *_], keywords) if any(k.arg == "out" for k in keywords):
            text = ast.unparse(node)
            yield (
                "sign",
                text.replace(f"{ast.unparse(func)}({ast.unparse(first)}", f"{ast.unparse(func)}(-{_factor(first)}", 1),
            )
        case ast.Call(ast.Attribute(attr=name)) if name in VALUES:
            yield "sign", f"(-{ast.unparse(node)})"
        case ast.List(elements):
            for i, x in enumerate(elements):
                if isinstance(x, ast.Constant) and x.value:
                    parts = [ast.unparse(y) for y in elements]
                    yield "sign", "[" + ", ".join([*parts[:i], f"-{parts[i]}", *parts[i + 1 :]]) + "]"


def _factor(node):
    """An expression as what follows a minus."""
    return (
        f"({ast.unparse(node)})"
        if isinstance(node, ast.BinOp | ast.IfExp | ast.BoolOp | ast.Compare)
        else ast.unparse(node)
    )


def cells():
    """The code of the lesson, cell by cell."""
    return [compile(cell.source, f"cell {i}", "exec") for i, cell in enumerate(halves(LESSON)[0])]


def reason(mutant):
    """Why the lesson cannot see it, or None."""
    return UNSEEN.get(f"{mutant.file}: {mutant.after}")


def not_a_number(shape, dtype=float, **others):
    """An array in the place of np.empty, which may have the right numbers of the run before."""
    made = np.zeros(shape, dtype, **others)
    return made + np.nan if made.dtype.kind == "f" else made


def run(code):
    """The error of the first cell that fails, or None. What nobody has written is not a number."""
    names = {"__name__": LESSON.stem}
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(np, "empty", not_a_number)
        for cell in code:
            try:
                exec(cell, names)
            except Exception as error:
                return error
    return None


def lines_run(code):
    """{file: numbers of the lines in functions that the cells run}."""
    paths = {str(ROOT / file): file for file in FILES}
    found = {file: set() for file in FILES}

    def on_line(frame, event, arg):
        if event == "line":
            found[paths[frame.f_code.co_filename]].add(frame.f_lineno)
        return on_line

    outer = sys.gettrace()
    sys.settrace(lambda frame, event, arg: on_line if frame.f_code.co_filename in paths else None)
    try:
        error = run(code)
    finally:
        sys.settrace(outer)
    if error is not None:
        raise error
    return found


def signs(code) -> list[Mutant]:
    """All signs in the lines that the cells run; what stands outside functions has run when it was imported."""
    lines, found = lines_run(code), []
    for file in FILES:
        text = (ROOT / file).read_text(encoding="utf-8")
        for mutant in mutants(file, text, _signs):
            if not mutant.function or mutant.line in lines[file]:
                found.append(mutant)
    return found


@contextlib.contextmanager
def planted(mutant):
    """The module has this fault in the block; its functions stay who they are, so all who imported them have it too."""
    module = importlib.import_module(mutant.file.removesuffix(".py").replace("/", "."))
    changed = types.ModuleType(module.__name__)
    exec(compile(mutant.text, module.__file__, "exec"), changed.__dict__)
    with pytest.MonkeyPatch.context() as patch:
        for name, new in vars(changed).items():
            if isinstance(new, types.FunctionType) and new.__module__ == module.__name__:
                patch.setattr(getattr(module, name), "__code__", new.__code__)
                patch.setattr(getattr(module, name), "__defaults__", new.__defaults__)
            elif not mutant.function and not name.startswith("__") and not isinstance(new, type | types.ModuleType):
                patch.setattr(module, name, new)
        yield


def caught(mutant, code):
    """What the lesson says of it: "assertion", "error", or "" if nothing."""
    try:
        with planted(mutant):
            error = run(code)
    except Exception as failed:  # the module cannot even be made
        error = failed
    return "" if error is None else "assertion" if isinstance(error, AssertionError) else "error"


def says(mutant):
    return f"{mutant.file}:{mutant.line} {mutant.before}  →  {mutant.after}"


def report() -> int:
    """Plant them all and print what came of it → 1 if the lesson has not seen one that it should."""
    code, kinds = cells(), Counter()
    for mutant in signs(code):
        why = reason(mutant)
        kind = caught(mutant, code) or ("unseen" if why else "SURVIVED")
        kinds[kind] += 1
        print(f"{kind:10} {says(mutant)}" + (f"  ({why})" if kind == "unseen" else ""), flush=True)
    seen = kinds["assertion"] + kinds["error"]
    print(
        f"{kinds.total()} signs: lesson 0 sees {seen}, {kinds['assertion']} of them by an assertion; "
        f"{kinds['unseen']} change nothing that it could see; {kinds['SURVIVED']} survived."
    )
    return int(kinds["SURVIVED"] > 0)
