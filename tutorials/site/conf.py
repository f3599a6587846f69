"""How Sphinx makes the site of what `python tutorials/build.py site` has put beside this file."""

import json
import shutil
from importlib import metadata
from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer

HERE = Path(__file__).resolve().parent
ALTS = json.loads((HERE / "alts.json").read_text(encoding="utf-8"))  # {page: [what is on each picture]}

project = "minram"
author = "The minram authors"
html_title = "minram"
language = "en"
extensions = ["myst_nb", "sphinx.ext.githubpages", "sphinx.ext.mathjax"]
exclude_patterns = ["_extra"]

nb_execution_mode = "off"  # what is committed is shown
smartquotes = False  # what is quoted may be code
python_maximum_signature_line_length = 88
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_extra_path = ["_extra"]
html_copy_source = False
html_show_search_summary = False  # it would be fetched, which no page from a disk may do
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

# Mathematics is set in the browser by a MathJax that lies beside the pages.
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}, "chtml": {"scale": 0.95}}


def copy_mathjax(app):
    """MathJax and its fonts, out of the package that brings them, into the site."""
    wanted = ("tex-chtml.js", ".woff")
    for file in metadata.files("sphinx-mathjax-offline"):
        inside = str(file).partition("/static/")[2]
        if inside.endswith(wanted):
            target = Path(app.outdir) / "_static" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target)


def describe_pictures(app, doctree):
    """Give each picture of a notebook the words that its lesson has for it."""
    alts = iter(ALTS.get(app.env.docname, ()))
    for image in doctree.findall(nodes.image):
        if "jupyter_execute" in image["uri"]:
            image["alt"] = next(alts)


def setup(app):
    app.add_lexer("pdb", TextLexer)  # Pygments has none
    app.connect("builder-inited", copy_mathjax)
    app.connect("doctree-read", describe_pictures)
