"""The reference of the package for the site: its public functions and classes, from the sources, which are not run."""

import ast

from building.formulas import escaped, markdown
from building.lessons import ROOT
from minram.errors import InputError

METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")
ROOMS = ("gradcheck", "storage", "datasets", "training", "pictures", "command")  # what the method needs least is last


def reference():
    """The pages as {name on the site: (title, the page's Markdown)}, in the order in which they are read."""
    package = ROOT / "minram"
    pages = {"method": ("The method", [package / f"{name}.py" for name in METHOD])}
    pages["door"] = ("The front door", [package / "door.py", package / "errors.py"])
    for room in ROOMS:
        pages[room] = (f"minram.{room}", [package / room / "__init__.py", *sorted((package / room).glob("[a-z]*.py"))])
    if unlisted := {path.parent.name for path in package.glob("*/__init__.py")} - set(pages):
        raise InputError(f"the reference has no page for {', '.join(sorted(unlisted))}; add it to ROOMS.")
    return {f"reference/{name}": (title, _page(title, files)) for name, (title, files) in pages.items()}


def _page(title, files):
    parts = [f"# {title}\n"]
    for path in files:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        room = path.name == "__init__.py"  # whose docstring lists the files
        if not room:
            parts.append(f"## {name}\n")
        parts.append(f"{_source(path)}\n\n:::{{py:currentmodule}} {name}\n:::\n")
        files_of_room = (lambda stem, path=path: _file(path.parent / f"{stem}.py")) if room else None
        parts.append(markdown(ast.get_docstring(tree) or "", files_of_room))
        parts += [_entry(node, path, text) for node in tree.body if _public(node, path.parent.name == "minram")]
    return "\n".join(parts)


def _public(node, records=False):
    """Has it an entry? Functions and classes with a docstring; and `records`, whose fields say what they are."""
    if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
        return False
    record = isinstance(node, ast.ClassDef) and any(isinstance(child, ast.AnnAssign) for child in node.body)
    return (records and record) or ast.get_docstring(node) is not None


def _source(path, line=0):
    """A link to a file's page, or to a line of it."""
    there = f"../code/{path.relative_to(ROOT).as_posix()}.html"
    text = f"{path.name}, line {line}" if line else path.relative_to(ROOT).as_posix()
    return f"[{escaped(text)}]({there}{f'#L-{line}' if line else ''}){{.external .source}}"


def _file(path):
    return f"[{path.stem}](../code/{path.relative_to(ROOT).as_posix()}.html){{.external}}"


def _entry(node, path, text, kind="function"):
    """A function, or a class with its fields and public methods, as directives of Sphinx."""
    body = f"{_source(path, node.lineno)}\n\n{markdown(ast.get_docstring(node) or '')}"
    if isinstance(node, ast.FunctionDef):
        marks = {ast.unparse(mark) for mark in node.decorator_list}
        if "property" in marks:
            kept = f":type: {ast.unparse(node.returns)}\n" if node.returns else ""
            return f":::{{py:property}} {node.name}\n{kept}\n{body}\n:::\n"
        options = ":classmethod:\n" if "classmethod" in marks else ""
        if kind == "method" and "staticmethod" not in marks:
            node.args.args = node.args.args[1:]  # self, or the class, which a caller does not give
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f":::{{py:{kind}}} {node.name}({ast.unparse(node.args)}){result}\n{options}\n{body}\n:::\n"
    lines = text.split("\n")
    fields = [lines[child.lineno - 1].strip() for child in node.body if isinstance(child, ast.AnnAssign)]
    if fields:
        body += "\n```python\n" + "\n".join(fields) + "\n```\n"
    methods = "\n".join(_entry(child, path, text, "method") for child in node.body if _public(child))
    return f"::::{{py:class}} {node.name}\n\n{body}\n{methods}::::\n"
