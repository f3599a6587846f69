"""A page of the site for a Python file: every line has a number and an address, FILE.html#L-12."""

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FENCE = "``````"  # longer than any in a docstring


def code_page(name, text):
    """The page of the file `name` with this text, as Markdown."""
    form = HtmlFormatter(linenos="inline", linespans="L", cssclass="highlight code-page")
    code = f"{FENCE}{{raw}} html\n{highlight(text, PythonLexer(), form)}{FENCE}"
    return f"---\norphan: true\nnosearch: true\nhide-toc: true\n---\n\n# {name}\n\n{code}\n"
