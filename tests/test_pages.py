"""The pages to touch: each is one file that asks nobody anything, and computes what the package computes.

Run with `-s` to read how far JavaScript and NumPy are apart and how long a drag takes. Screenshots are in tmp_path:
`pytest tests/test_pages.py --basetemp=DIR` keeps them in DIR.
"""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tutorials"))

from browser import Visit, chromium
from building.pages import PAGES, SOURCES
from minram.errors import InputError
from minram.pictures.page import WEB, as_json, assemble, code_line

PAGE = {name: SOURCES.parent / f"{name}.html" for name in PAGES}


# All that the page draws by itself: not what the reader draws, nor the images on buttons.
CANVASES = "[...document.querySelectorAll('canvas')].filter(c => c.clientWidth && !c.matches('.pen, button *'))"
PIXELS = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def parts(page):
    """The page around its numbers, and the numbers."""
    before, _, rest = page.partition('<script type="application/json" id="data">')
    numbers, _, after = rest.partition("</script>")
    return before + after, json.loads(numbers)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_its_sources_make(name):
    """Numbers to 1e-9: their last bits depend on the machine's libraries."""
    (text, data), (new_text, new_data) = map(parts, (PAGE[name].read_text(encoding="utf-8"), PAGES[name]()))
    assert text == new_text, "make it anew: python tutorials/build.py pages"
    assert_near(data, new_data)


def assert_near(a, b):
    if isinstance(a, (dict, list)):
        assert type(a) is type(b) and len(a) == len(b)
        keys = a if isinstance(a, dict) else range(len(a))
        for key in keys:
            assert_near(a[key], b[key])
    else:
        assert a == b or (isinstance(a, float) and abs(a - b) < 1e-9)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_one_small_file(name):
    text = PAGE[name].read_text(encoding="utf-8")
    assert len(text.encode()) < 2_000_000
    assert "{{" not in text and "<noscript>" in text and "default-src 'none'" in text
    assert "src=" not in text and "<link" not in text and "@import" not in text


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("how", ["desktop", "phone", "dark", "dark phone"])
def test_the_page_is_drawn(browser, name, how, tmp_path):
    """On a phone nothing is wider than the screen; every canvas has something on it; the dark page is dark."""
    options = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True} if "phone" in how else {}
    with Visit(browser, PAGE[name], color_scheme="dark" if "dark" in how else "light", **options) as visit:
        visit.page.screenshot(path=tmp_path / f"{name}-{how.replace(' ', '-')}.png", full_page=True)
        assert visit.run("document.documentElement.scrollWidth <= window.innerWidth")
        colours = f"c => new Set(new Uint32Array({PIXELS})).size"
        found = visit.run(f"{CANVASES}.map({colours})")
        assert name == "step" or (found and min(found) > 3)  # that page is made of buttons
        paper = visit.run("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, paper[4:-1].split(","))) < 60) == ("dark" in how)
        assert visit.page.locator("#sorry").is_hidden()


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_there_is_a_sentence(browser, name):
    with Visit(browser, PAGE[name], java_script_enabled=False) as visit:
        assert "JavaScript" in visit.page.locator("noscript").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_stops_says_so(browser, name):
    visit = Visit(browser, PAGE[name])
    visit.run("setTimeout(() => { throw new Error('planted') }, 0)")
    visit.until("!page.get('sorry').hidden")
    assert "planted" in visit.page.locator("#sorry").inner_text()
    visit.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_resized_window_is_drawn_again(browser, name):
    with Visit(browser, PAGE[name]) as visit:
        for width in (390, 320, 1600):
            visit.page.set_viewport_size({"width": width, "height": 700})
            fits = "c => c.width === Math.round(c.clientWidth * devicePixelRatio)"
            visit.until(f"{CANVASES}.every({fits})")
            assert visit.run("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_a_template_names_must_be_there(tmp_path):
    (tmp_path / "a.html").write_text("{{nothing.js}}")
    with pytest.raises(InputError, match=r"nothing\.js"):
        assemble(tmp_path / "a.html", {})
    with pytest.raises(InputError, match=r"in one line of policy\.py, but is in 0"):
        code_line("policy.py", "no such line")
    (tmp_path / "b.html").write_text("{{data}}")
    with pytest.raises(InputError, match=r"2,000,0.. bytes"):
        assemble(tmp_path / "b.html", "x" * 2_000_000)


def test_no_text_ends_its_script_or_its_title(tmp_path):
    (tmp_path / "a.html").write_text("<title>{{title}}</title><script>{{data}}</script>")
    page = assemble(tmp_path / "a.html", {"name": "</script><b>\u2028"}, title="</title><b>&")
    assert page.count("</script>") == page.count("</title>") == 1 and "<b>" not in page
    assert as_json({"a": "</"}) == '{"a":"\\u003c/"}'


def test_shared_files_are_in_the_package():
    """They are read by `minram page` where there is no clone."""
    assert {path.name for path in WEB.iterdir()} >= {"page.css", "page.js"}
