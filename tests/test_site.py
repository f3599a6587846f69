"""The site: made without a warning from what is committed; no link is broken; every page is whole in a browser.

Where the extra `site` is not installed all of this skips, and where there is no browser what needs one. Screenshots are
in tmp_path: `pytest tests/test_site.py --basetemp=DIR` keeps them in DIR.
"""

import ast
import html
import os
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "tutorials"
sys.path.insert(0, str(TUTORIALS))
from browser import Visit, chromium  # noqa: E402
from building.formulas import markdown, to_latex  # noqa: E402
from building.lessons import lessons  # noqa: E402
from building.site import NEEDED  # noqa: E402
from minram.errors import InputError  # noqa: E402

MINUTE = 60  # s


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """The folder of the site, made once, however many processes run the tests."""
    for name in NEEDED:
        pytest.importorskip(name, reason='no builder: pip install -e ".[site]"')
    try:
        metadata.files("sphinx-mathjax-offline")
    except metadata.PackageNotFoundError:
        pytest.skip('no MathJax: pip install -e ".[site]"')
    top = tmp_path_factory.getbasetemp()
    top = top if worker_id == "master" else top.parent
    folder, made = top / "site", top / "site-made"
    try:
        (top / "site-begun").mkdir()
    except FileExistsError:
        end = time.monotonic() + 10 * MINUTE
        while not made.exists():
            assert time.monotonic() < end, "another process did not make the site"
            time.sleep(0.1)
    else:
        before = os.times()
        done = subprocess.run([sys.executable, TUTORIALS / "build.py", "site", folder], capture_output=True, text=True)
        after = os.times()
        took = after.children_user + after.children_system - before.children_user - before.children_system
        made.write_text(f"{done.returncode} {took}\n{done.stdout}{done.stderr}", encoding="utf-8")
    (code, took), said = made.read_text(encoding="utf-8").split("\n", 1)[0].split(), made.read_text(encoding="utf-8")
    assert code == "0", said
    assert float(took) < MINUTE  # of processor time, as other work on the machine would stretch any clock
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


class Page(HTMLParser):
    """What a page links to, and which addresses it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def own(site):
    """The site's own pages: not those to touch, which have tests of their own."""
    return sorted(path for path in site.rglob("*.html") if path.parent.name not in ("pages", "_static"))


def test_every_lesson_and_every_page_is_there(site):
    names = {path.relative_to(site).as_posix() for path in own(site)}
    wanted = {f"{path.stem}.html" for path in lessons()}
    wanted |= {f"{path.stem}.html" for path in TUTORIALS.glob("*.md") if path.stem != "README"}
    wanted |= {f"touch/{path.stem}.html" for path in (TUTORIALS / "pages").glob("*.html")}
    wanted |= {f"code/{path.relative_to(ROOT).as_posix()}.html" for path in (ROOT / "minram").rglob("*.py")}
    wanted |= {"index.html", "course.html", "contributors.html", "search.html", "tables/index.html"}
    assert wanted <= names
    assert len([name for name in names if name.startswith("reference/")]) == 8


def test_no_link_is_broken(site):
    pages = {path: Page(path) for path in own(site)}
    count = 0
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                assert link.startswith(("https://", "data:", "mailto:")), link
                continue
            file = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            assert file.is_file(), f"{path.relative_to(site)} links to {link}"
            if anchor and file in pages:
                assert unquote(anchor) in pages[file].ids, f"{path.relative_to(site)} links to {link}"
                count += 1
    assert count > 1000


def test_links_of_the_pages_to_touch_lead_to_lessons(site):
    """They stand in a frame, so the lesson takes the whole window."""
    links = []
    for path in (site / "pages").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        links += [(path.parent / link, more) for link, more in re.findall(r'<a href="([^"]+)"([^>]*)>', text)]
    assert len(links) >= 3 and all(file.resolve().is_file() and '_top"' in more for file, more in links)


def test_nothing_comes_from_a_network(site):
    for path in own(site):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|link|img|iframe)[^>]* (?:src|href)=\"(?:https?:)?//", text), path


def test_a_line_of_code_has_its_address(site):
    """The link from a lesson to a line leads to that line."""
    lesson = (site / "12_details_that_matter.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(code/(minram/[\w/]+\.py)\.html)#(L-(\d+))"', lesson)
    assert len(links) > 10
    for page, file, anchor, number in links:
        (shown,) = re.findall(rf'<span id="{anchor}">(.*)', (site / page).read_text(encoding="utf-8"))
        shown = html.unescape(re.sub(r"<[^>]+>", "", shown))
        line = (ROOT / file).read_text(encoding="utf-8").split("\n")[int(number) - 1]
        assert shown.split() == [number, *line.split()]


# What the page says of itself when it is loaded and its mathematics is set.
STATE = """() => ({
    wide: Math.max(0, document.documentElement.scrollWidth - window.innerWidth),
    asked: document.querySelectorAll("span.math, div.math").length,
    unset: [...document.querySelectorAll("span.math, div.math")].filter(m => !m.querySelector("mjx-container")).length,
    wrong: [...document.querySelectorAll("mjx-merror, .problematic")].map(m => m.textContent),
    dollars: [...document.querySelectorAll("article p, article li, article td, article dd")]
        .filter(e => !e.closest(".highlight")).map(e => {
            const copy = e.cloneNode(true);
            copy.querySelectorAll("code, pre, mjx-container").forEach(c => c.remove());
            return copy.textContent;
        }).filter(text => /\\$|\\\\[([]|\\\\[a-zA-Z]{2}/.test(text)),
    pictures: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
    silent: [...document.querySelectorAll("article img")].filter(i => !i.alt).map(i => i.src),
})"""


FAULTS = ("wide", "unset", "wrong", "dollars", "pictures", "silent")


@pytest.mark.parametrize("how", ["desktop", "phone"])
def test_every_page_is_whole_in_a_browser(site, browser, how, tmp_path):
    """Nothing on the console, no formula unset, no picture missing or without words, nothing wider than a phone."""
    options = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True} if how == "phone" else {}
    formulas, wrong = 0, []
    for path in own(site):
        name = path.relative_to(site).with_suffix("").as_posix()
        with Visit(browser, path, **options) as visit:
            visit.until("!window.MathJax || document.documentElement.dataset.formulas === 'set'", seconds=30)
            found = visit.run(STATE)
            if not name.startswith("code/"):
                visit.page.screenshot(path=tmp_path / f"{name.replace('/', '-')}.png", full_page=True)
        formulas += found["asked"]
        wrong += [(name, key, found[key]) for key in FAULTS if found[key]]
    assert not wrong
    assert formulas > 1000


def test_search_finds_a_function(site, browser):
    with Visit(browser, site / "search.html") as visit:
        visit.page.goto((site / "search.html").as_uri() + "?q=check_gradient")
        visit.until("document.querySelectorAll('ul.search li').length > 2", seconds=30)
        assert "reference/gradcheck" in visit.run("document.querySelector('ul.search').innerHTML")


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("dx = dy Wᵀ, db = Σ_n dy_n: by the chain rule.",
         r"$\mathrm{d}x = \mathrm{d}y W^{\mathsf{T}}$, $\mathrm{d}b = \sum _{n} \mathrm{d}y_{n}$: by the chain rule."),
        ("x (N, in), W (in, out) → y (N, out).", "$x$ `(N, in)`, $W$ `(in, out)` → $y$ `(N, out)`."),
        ("log_std (2,): a parameter of `rng`, x_shape.", "`log_std` `(2,)`: a parameter of `rng`, `x_shape`."),
        ("uint8 hold 2²⁴; ε^(1/4), m̂ = 0", r"uint8 hold $2^{24}$; $\varepsilon ^{1/4}$, $\hat{m} = 0$"),
        ("row n = image n // M", "row $n$ = image $n$ // $M$"),
        ("a mean of the *other* rows_ and [it] <br>", r"a mean of the *other* rows\_ and \[it\] \<br\>"),
        ("    h_t = ReLU(z),    h_0 = 0",
         "$$\n\\begin{gathered}\nh_{t} = \\mathrm{ReLU}(z),\\\\\nh_{0} = 0\n\\end{gathered}\n$$"),
        ("Held:\n- one `a` of\n  two\n- h_t, too", "Held:\n\n- one `a` of two\n- $h_{t}$, too"),
        ("    h = ReLU(z)\n    g   = h W",
         "$$\n\\begin{gathered}\nh = \\mathrm{ReLU}(z)\\\\\ng   = h W\n\\end{gathered}\n$$"),
        ("    border    w |μ − clip(μ)|² outside|inside\n    log-loss  of −log p",
         "| | |\n|:--|:--|\n| border | $w \\vert \\mu  - \\mathrm{clip}(\\mu )\\vert ^{2}$ outside\\|inside |\n"
         "| log-loss | of $-\\log  p$ |"),
    ],
)  # fmt: skip
def test_formulas_of_docstrings_are_set(text, wanted):
    assert markdown(text) == wanted + "\n"


def test_no_words_run_together_in_a_formula():
    """Words that follow each other are prose, of which mathematics drops the spaces."""
    texts = [ast.get_docstring(node) for path in (ROOT / "minram").rglob("*.py") for node in documented(path)]
    assert len(texts) > 500
    together = re.compile(r"(\\mathrm\{\w{2,}\}\s+){2}")
    assert not [found[0] for text in texts for found in [together.search(markdown(text))] if found]
    assert together.search(r"$\mathrm{mean} \mathrm{over} n$")


def documented(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [node for node in nodes if isinstance(node, kinds) and ast.get_docstring(node)]


def test_what_is_no_formula_stays():
    assert to_latex("☃") == ""
    for text in (
        "Is this gradient right? Point these checks at it.",
        "Raises InputError for a name that does not exist.",
    ):
        assert markdown(text) == text + "\n"


def test_a_link_that_leads_nowhere_is_said(tmp_path):
    pytest.importorskip("pygments")
    from building.stage import Stage

    with pytest.raises(InputError, match=r"README\.md links to nothing\.md, which is not there"):
        Stage(tmp_path).markdown("README.md", "[a](nothing.md)")
    with pytest.raises(InputError, match=r"has no heading #no-such"):
        Stage(tmp_path).markdown("README.md", "[a](tutorials/README.md#no-such)")
    text = "`[a](nothing.md)`\n```\n[a](nothing.md)\n```\n"
    assert Stage(tmp_path).markdown("README.md", text) == text
