"""A page of the site for a Python file: every line has a number and an address, FILE.html#L-12."""

from building.formulas import escaped

FENCE = "``````"  # longer than any in a docstring
HEAD = "---\norphan: true\nnosearch: true\nhide-toc: true\n---\n"


def code_page(name, text):
    """The page of the file `name` with this text, as Markdown."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    form = HtmlFormatter(linenos="inline", linespans="L", cssclass="highlight code-page")
    return f"{HEAD}\n# {escaped(name)}\n\n{FENCE}{{raw}} html\n{highlight(text, PythonLexer(), form)}{FENCE}\n"
