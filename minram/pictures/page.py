"""Pages to touch: one HTML file each, made of a template, scripts and arrays, that needs no network.

A template names its parts: {{page.css}} and {{NAME.js}} are files beside it or in web/, {{data}} is what the caller
computed, as JSON, and {{code:FILE:TEXT}} is the one line of the method's file that has this text, with its number.
"""

import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from minram.errors import InputError
from minram.pictures import style

WEB = Path(str(resources.files("minram.pictures"))) / "web"
PART = re.compile(r"\{\{([^{}\n]+)\}\}")
MOST = 2_000_000  # bytes of a page


def assemble(template: Path, data: Any, title: str = "") -> str:
    """The page of a template → its HTML. data: what JSON can hold; title: any text, for {{title}}.

    Raises InputError for a part that there is not, for a line of code that has changed, and for a page over 2 MB.
    """

    def part(match):
        name = match[1]
        if name == "data":
            return as_json(data)
        if name == "title":
            return html.escape(title)
        if name.startswith("code:"):
            return code_line(*name.removeprefix("code:").split(":", 1))
        path = next((p for p in (template.parent / name, WEB / name) if p.is_file()), None)
        if path is None:
            raise InputError(f"{template.name} needs {name}, which is neither beside it nor in {WEB}; add it.")
        text = path.read_text(encoding="utf-8")
        return text.replace("/*COLOURS*/", colours()) if path.suffix == ".css" else text

    page = PART.sub(part, template.read_text(encoding="utf-8"))
    if (size := len(page.encode())) > MOST:
        raise InputError(f"the page would have {size:,} bytes, but at most {MOST:,} are kind; give a smaller model.")
    return page


def as_json(data: Any) -> str:
    """JSON that may stand in a <script>: no text in it can end that."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def colours() -> str:
    """The lessons' colours by role, as properties of CSS."""
    return " ".join(f"--{role}: {colour};" for role, colour in style.COLOURS.items())


def find_line(file: str, text: str) -> dict[str, Any]:
    """Where a file of the package has this text → its file, line and text. Raises InputError unless it is one line."""
    lines = (resources.files("minram") / file).read_text(encoding="utf-8").splitlines()
    found = [(i, line.strip()) for i, line in enumerate(lines, 1) if text in line]
    if len(found) != 1:
        raise InputError(f"{text!r} should be in one line of {file}, but is in {len(found)}; quote another.")
    return {"file": file, "line": found[0][0], "text": found[0][1]}


def code_line(file: str, text: str) -> str:
    """The same as HTML."""
    found = find_line(file, text)
    return f'<code>{html.escape(found["text"])}</code> <span class="quiet">{file}, line {found["line"]}</span>'
