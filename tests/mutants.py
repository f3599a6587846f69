"""Every small fault that mutate.py may plant in a file: made from the syntax tree, written into the text.

What is not arithmetic is left alone: texts, imports, annotations, decorators, and what an error says.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault: where it is, its line before and after, and the whole text of the file that has it."""

    file: str
    function: str  # "Config.changed", or "" at the top
    line: int
    kind: str
    before: str
    after: str
    text: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when the file grows above it."""
        return self.file, self.function, self.before, self.after


OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# Of these the first two arguments can be exchanged.
SYMMETRIC = {"max", "min", "maximum", "minimum", "fmax", "fmin", "array_equal", "union1d", "logaddexp", "result_type"}
NAMES = {"max": "min", "maximum": "minimum", "argmax": "argmin", "any": "all", "sum": "mean"}
NAMES |= {other: name for name, other in NAMES.items()}


def mutants(
    file: str, text: str, changes: Callable[[ast.AST], Iterator[tuple[str, str]]] | None = None
) -> list[Mutant]:
    """All mutants of a file, in the order of its lines; changes: of a node, other faults, (kind, text in its place)."""
    source, starts = text.encode(), [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for function, node, kind, new in _walk(ast.parse(text), "", changes or _changes):
        first, last = node.lineno, node.end_lineno
        at, to = starts[first - 1] + node.col_offset, starts[last - 1] + node.end_col_offset
        changed = source[:at] + new.encode() + source[to:]
        tail = len(source) - starts[last]  # what follows the last line is as it was
        before, after = source[starts[first - 1] : starts[last]], changed[starts[first - 1] : len(changed) - tail]
        if changed != source:
            found.append(Mutant(file, function, first, kind, _plain(before), _plain(after), changed.decode()))
    return found


def _plain(lines):
    """Some lines as one, without what does not matter."""
    return " ".join(line.strip() for line in lines.decode().splitlines())


def _walk(node: ast.AST, function: str, changes: Callable) -> Iterator[tuple[str, ast.AST, str, str]]:
    """Yield (function, node, kind, the text in its place)."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    yield from ((function, node, kind, new) for kind, new in changes(node))
    if isinstance(node, ast.Raise):  # its words are not arithmetic
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        inside = f"{function}.{node.name}" if function else node.name
        children = [*node.body, *(node.args.defaults + node.args.kw_defaults if hasattr(node, "args") else [])]
        children = [child for child in children if child is not None]
    elif isinstance(node, ast.AnnAssign):
        inside, children = function, [node.value] if node.value else []
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    else:
        inside, children = function, list(ast.iter_child_nodes(node))
    for child in children:
        yield from _walk(child, inside, changes)


def _changes(node):
    """Yield (kind, text) for one node."""
    match node:
        case ast.BinOp(op=op) if type(op) in OPERATORS:
            yield "operator", _with(node, op=OPERATORS[type(op)]())
        case ast.AugAssign(op=op):
            yield "dropped statement", "pass"
            if type(op) in OPERATORS:
                yield "operator", _with(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield "operator", f"({ast.unparse(operand)})"
        case ast.BoolOp(op=op):
            yield "operator", _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield "comparison", _with(node, ops=[*ops[:i], other(), *ops[i + 1 :]])
        case ast.IfExp(body=body, orelse=orelse):
            yield "condition", _with(node, body=orelse, orelse=body)
        case ast.Constant(value=bool() as value):
            yield "constant", str(not value)
        case ast.Constant(value=int() as value):
            yield "constant", str(value + 1)
            if value > 0:
                yield "constant", str(value - 1)
        case ast.Constant(value=float() as value):
            yield "constant", repr(2 * value or 1.0)
        case ast.Slice(lower=lower, upper=upper, step=step):
            parts = [ast.unparse(part) if part else "" for part in (lower, upper, step)]
            for i in range(3):
                if parts[i]:
                    yield "slice", ":".join("" if i == j else part for j, part in enumerate(parts))
        case ast.Call(func=func, args=args, keywords=keywords):
            symmetric = ast.unparse(func).rpartition(".")[2] in SYMMETRIC
            if len(args) > 1 and not symmetric and ast.unparse(args[0]) != ast.unparse(args[1]):
                yield "swapped arguments", _with(node, args=[args[1], args[0], *args[2:]])
            for i, keyword in enumerate(keywords):
                yield "dropped keyword", _with(node, keywords=keywords[:i] + keywords[i + 1 :])
                yield from _axes(node, i, keyword)
            if isinstance(func, ast.Attribute) and func.attr in NAMES:
                yield "other function", _with(node, func=ast.Attribute(func.value, NAMES[func.attr]))
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Break() | ast.Continue():
            yield "dropped statement", "pass"
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "dropped statement", "pass"


def _axes(call, i, keyword):
    """Other axes than those that a call names."""
    if keyword.arg == "axis" and isinstance(keyword.value, ast.Tuple):
        fewer = ast.keyword("axis", ast.Tuple(keyword.value.elts[:-1]))
        yield "axis", _with(call, keywords=[*call.keywords[:i], fewer, *call.keywords[i + 1 :]])


def _with(node, **fields):
    """The text of a node with some fields replaced; in brackets if it is an expression that a neighbour could split."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    text = ast.unparse(changed)
    return f"({text})" if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp) else text
