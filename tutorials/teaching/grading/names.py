"""Find a function in a submission by its name, and what it needs: not by its cell, which may be gone or retyped.

A submission is read in pieces, its statements on the top level. A piece that Python cannot read is left out, and said.
Of the others those are run that make a name which the function needs, directly or through others. So a plot, a check
or an endless loop beside it does no harm.
"""

import ast
import contextlib
import json
import re
import symtable
from typing import NamedTuple

MOST = 5000  # statements on the top level of a file


class Piece(NamedTuple):
    """A statement on the top level: its tree, names that it makes, and names that it reads."""

    tree: ast.stmt
    made: frozenset
    read: frozenset
    file: str


def pieces(file, text):
    """The pieces of a script or a notebook → (pieces, sentences on what could not be read)."""
    if file.endswith(".ipynb"):
        try:
            cells = json.loads(text)["cells"]
            blocks = [_code(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return [], [f"{file} is not a notebook"]
    else:
        blocks = [text]
    found, lost = [], []
    for number, block in enumerate(blocks, start=1):
        name = f"{file}, code cell {number}" if file.endswith(".ipynb") else file
        found += [(tree, name) for tree in _trees(block, name, lost)]
    if len(found) > MOST:
        lost.append(f"{file}: only the first {MOST} statements were read")
    return [_piece(*one) for one in found[:MOST]], lost


def _code(source):
    """A notebook's cell, without the lines that are no Python."""
    text = source if isinstance(source, str) else "".join(source)
    if text.lstrip().startswith("%%"):
        return ""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        ast.parse(text)
        return text  # a line may begin with % for other reasons
    return re.sub(r"^(\s*)[%!?].*", r"\1pass", text, flags=re.M)


def _trees(text, name, lost, line=0):
    """Its statements. What is wrong is narrowed down: to a cell of the percent format, then to a paragraph."""
    try:
        body = ast.parse(text).body
        return [ast.increment_lineno(tree, line) for tree in body]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = getattr(error, "msg", type(error).__name__)
    for separator in (r"^(?=# %%)", r"^(?=[^\s#)\]}])"):
        parts = _with_decorators([part for part in re.split(separator, text, flags=re.M) if part])
        if len(parts) > 1:
            found = []
            for part in parts:
                found += _trees(part, name, lost, line)
                line += part.count("\n")
            return found
    lost.append(f"{name}: what begins with {text.strip().partition(chr(10))[0][:60]!r} is no Python ({what})")
    wanted = re.match(r"\s*def\s+(\w+)", text)
    return [ast.increment_lineno(_broken(wanted[1], what), line)] if wanted else []


def _with_decorators(parts):
    """Decorators, and else, except, finally and elif, go with what they belong to."""
    joined = []
    for part in parts:
        if joined and (joined[-1].startswith("@") or re.match(r"(else|elif|except|finally)\b", part)):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _broken(name, what):
    return ast.parse(f"def {name}(*_):\n    raise SyntaxError({str(what)!r})").body[0]


def _piece(tree, file):
    """The names of a piece; those within functions are told from the module's by Python's own table of symbols."""
    made, read = set(), set()
    try:
        top = symtable.symtable(ast.unparse(tree), "piece", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return Piece(tree, frozenset(), frozenset(), file)
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            made.add(symbol.get_name())
    _reads(top, read)
    for node in ast.walk(tree):  # what is changed in place is made anew
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            made |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Call) and isinstance(tree.value.func, ast.Attribute):
        owner = tree.value.func.value
        if isinstance(owner, ast.Name):
            made.add(f"{owner.id}.")  # such as table.append(1); whether it is a module's function is seen below
    return Piece(tree, frozenset(made), frozenset(read), file)


def _reads(table, read):
    top = table.get_type() == "module"
    read |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    for inner in table.get_children():
        _reads(inner, read)


def needed(found, name, given=()):
    """The pieces that a name needs, in order; those that nobody has made are looked for in what was given."""
    imported = {n for p in found if isinstance(p.tree, ast.Import | ast.ImportFrom) for n in p.made}
    wanted, before = {name}, None
    while wanted != before:
        before = set(wanted)
        for piece in found:
            if _makes(piece, wanted, imported):
                wanted |= piece.read
    own = [piece for piece in found if _makes(piece, wanted, imported)]
    made = {n for piece in own for n in piece.made}
    missing, before = wanted - made, None
    while missing != before:
        before = set(missing)
        for piece in given:
            if piece.made & missing:
                missing |= piece.read - made
    return [piece for piece in given if piece.made & missing] + own


def _makes(piece, wanted, imported):
    star = isinstance(piece.tree, ast.ImportFrom) and any(alias.name == "*" for alias in piece.tree.names)
    return star or any(n.rstrip(".") in wanted and not (n.endswith(".") and n[:-1] in imported) for n in piece.made)


def spelled(found, name):
    """The name under which a task is found: its own, or one that differs in case and underscores; else None."""
    names = [n for piece in found for n in piece.made]
    plain = name.replace("_", "")
    others = [n for n in names if n.replace("_", "").lower() == plain]
    return name if name in names else others[-1] if others else None


def is_open(found, name):
    """Is the last function of that name still as it was handed out?"""
    functions = [p.tree for p in found if isinstance(p.tree, ast.FunctionDef) and p.tree.name == name]
    last = functions[-1].body[-1] if functions else None
    return isinstance(last, ast.Raise) and "NotImplementedError" in ast.unparse(last)
