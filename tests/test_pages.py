"""The pages to touch: each is one file that asks nobody anything, and computes what the package computes.

Run with `-s` to read how far JavaScript and NumPy are apart and how long a drag takes. Screenshots are in tmp_path:
`pytest tests/test_pages.py --basetemp=DIR` keeps them in DIR.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tutorials"))

from browser import Visit, chromium
from building.one_dimension import exact, settings
from building.pages import PAGES, SOURCES
from minram import policy
from minram.errors import InputError
from minram.pictures.page import WEB, as_json, assemble, code_line

PAGE = {name: SOURCES.parent / f"{name}.html" for name in PAGES}
FRAME = 16  # ms: a drag that is answered within it follows the finger


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def apart(found, wanted):
    """The largest difference, relative to numbers larger than 1."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape and np.isfinite(found).all()
    return np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted)))


# ---- every page ----


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_its_sources_make(name):
    assert PAGE[name].read_text(encoding="utf-8") == PAGES[name](), "make it anew: python tutorials/build.py pages"


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
        colours = (
            "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
        )
        found = visit.run(f"[...document.querySelectorAll('canvas')].filter(c => c.clientWidth).map({colours})")
        assert found and min(found) > 3
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
            visit.until(f"[...document.querySelectorAll('canvas')].every({fits})")
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


# ---- REINFORCE in one dimension ----


def test_reinforce_agrees_with_closed_formulas(browser):
    """JavaScript integrates, NumPy has closed formulas: to 1e-12 at 600 random settings, 200 of each reward.

    Rounding alone: the slope's closed formula takes differences of moments times (σ/w)² ≤ 144, so some 1e-14 · 10.
    """
    chosen = settings(600, seed=1)
    wanted = [exact(s) for s in chosen]
    with Visit(browser, PAGE["reinforce"]) as visit:
        found = visit.run("S => S.map(s => model.exact(s, page.data.rule))", chosen)
        J = visit.run("S => S.map(s => model.J(s, [s.mu], page.data.rule)[0])", chosen)
        assert visit.run("page.checked") < 1e-12 and "30 settings" in visit.page.inner_text("#checked")
    off = {key: apart([f[key] for f in found], [w[key] for w in wanted]) for key in wanted[0]}
    print("\nreinforce:", {key: f"{value:.0e}" for key, value in off.items()})
    assert max(off.values()) < 1e-12
    assert apart(J, [w["J"] for w in wanted]) < 1e-12


def test_reinforce_s_arrays_are_the_package_s(browser):
    """a, ψ, A ψ and their mean against the package's policy, from the same normal numbers; b of `advantages`' place."""
    rng = np.random.default_rng(2)
    with Visit(browser, PAGE["reinforce"]) as visit:
        for s in settings(30, seed=3):
            eps = rng.standard_normal(s["M"])
            found = visit.run("([s, eps]) => model.batch(s, eps)", [s, eps.tolist()])
            a, mu = s["mu"] + s["sigma"] * eps, np.full((s["M"], 2), s["mu"])
            rows = np.stack([a, mu[:, 0]], axis=1)  # the second coordinate sits at its mean
            r = {
                "step": (a > s["c"]) * 1.0,
                "bump": np.exp(-0.5 * ((a - s["c"]) / s["w"]) ** 2),
                "slope": np.clip((a - s["c"]) / s["w"] + 0.5, 0, 1),
            }[s["reward"]]
            _, cache = policy.log_prob_forward(rows, mu, np.log([s["sigma"], s["sigma"]]))
            score, _ = policy.log_prob_backward(np.ones(s["M"]), cache)
            product, _ = policy.log_prob_backward(r - s["b"], cache)
            for key, wanted in (("a", a), ("reward", r), ("score", score[:, 0]), ("product", product[:, 0])):
                assert apart(found[key], wanted) < 1e-12
            assert apart(found["estimate"], product[:, 0].mean()) < 1e-12
            # r′ by differences: at h = 1e-6 they are off by h²|r‴|/6 < 1e-12 · 1.4/w³ ≤ 2e-8, and by ε/h = 2e-10.
            if s["reward"] == "bump":
                up, down = (np.exp(-0.5 * ((a + h - s["c"]) / s["w"]) ** 2) for h in (1e-6, -1e-6))
                assert apart(found["path"], (up - down) / 2e-6) < 1e-7


def test_reinforce_s_300_estimates_are_of_that_kind(browser):
    """Their mean and their variance against the exact ones, in standard errors; numbers are drawn in the page."""
    s = {"reward": "slope", "c": 0.25, "w": 0.5, "mu": 0.1, "sigma": 0.3, "b": 0.4, "M": 8}
    count, want = 20_000, exact(s)
    with Visit(browser, PAGE["reinforce"]) as visit:
        script = "([s, n]) => Object.values(model.estimates(s, model.normal(8 * n, 7), n)).map(v => [...v])"
        both = np.array(visit.run(script, [s, count]))
        one = visit.run("s => model.batch(s, model.normal(8, 7)).estimate", s)
    assert apart(one, both[0, 0]) < 1e-12
    for values, mean, variance in zip(both, (want["gradient"],) * 2, (want["variance"], want["pathwiseVariance"])):
        square = (values - mean) ** 2
        assert abs(values.mean() - mean) < 4 * values.std() / np.sqrt(count)
        assert abs(square.mean() - variance / s["M"]) < 4 * square.std() / np.sqrt(count)


FAULTS = {
    "a sign": ("reinforce_model.js", "(-(a - c) / w ** 2)", "((a - c) / w ** 2)"),
    "σ forgotten": ("reinforce_model.js", "(r * z) / s.sigma)", "r * z)"),
    "b not squared": ("reinforce_model.js", "* e.best + b * b", "* e.best + b"),
    "half a step": ("reinforce_model.js", "(a - c) / w + 0.5", "(a - c) / w"),
}


@pytest.mark.parametrize("file, text, other", FAULTS.values(), ids=FAULTS)
def test_reinforce_notices_a_planted_fault(browser, file, text, other, tmp_path):
    """The page's own comparison with Python's numbers sees each."""
    page = PAGE["reinforce"].read_text(encoding="utf-8")
    assert page.count(text) == 1
    (tmp_path / "planted.html").write_text(page.replace(text, other), encoding="utf-8")
    with Visit(browser, tmp_path / "planted.html") as visit:
        assert visit.run("page.checked") > 1e-3


def test_reinforce_is_dragged_within_a_frame(browser):
    """The most work there is: the bump, whose reward is an exponential, 256 samples, all pictures and texts."""
    with Visit(browser, PAGE["reinforce"]) as visit:
        visit.run("set({reward: 'bump', M: 256, w: 0.3, sigma: 0.2})")
        visit.run("page.get('scene').addEventListener('pointermove', () => times.push(page.lastDraw))")
        for handle in ("mu", "c", "sigma", "w"):
            visit.run("window.times = []")
            x, y = visit.run(f"view.scene.handles.{handle}")
            before = visit.run(f"state.s.{handle}")
            visit.drag("#scene", (x, y), (x + 60, y + 5))
            times, moved = visit.run(f"[times, state.s.{handle}]")
            print(f"\ndrag {handle}: median {np.median(times):.1f} ms, longest {max(times):.1f} ms of {len(times)}")
            assert moved > before + 0.05
            assert np.median(times) < FRAME  # the longest depends on what else the machine does


def test_reinforce_follows_pointer_keyboard_and_finger(browser):
    with Visit(browser, PAGE["reinforce"]) as visit:
        mu = visit.run("view.scene.handles.mu")
        there = visit.run("view.scene.x.to(-0.5)")
        visit.drag("#scene", mu, (there, 10))
        assert abs(visit.run("state.s.mu") + 0.5) < 0.01  # a pixel is 2.6/670
        visit.drag("#scene", visit.run("view.scene.handles.mu"), (9000, -3000))  # far outside
        assert visit.run("state.s.mu") == 1.2
        visit.drag("#parabola", (50, 50), (visit.run("view.parabola.x.to(0.8)"), 60))
        assert abs(visit.run("state.s.b") - 0.8) < 0.01
        visit.page.focus("#M")
        visit.page.keyboard.press("ArrowRight")
        assert visit.run("state.s.M") == 32
        visit.page.focus("[data-b=best]")
        visit.page.keyboard.press("Enter")
        assert visit.run("state.s.b - now.exact.best") == 0
    with Visit(browser, PAGE["reinforce"], 390, 844, has_touch=True, is_mobile=True) as visit:
        visit.page.locator("tr[data-tie=score]").tap()
        assert visit.run("page.lit") == "score"
        visit.page.locator("[data-reward=bump]").tap()
        assert visit.run("state.s.reward") == "bump"


def test_reinforce_takes_steps(browser):
    """μ moves by η times the estimate that is shown; by the pathwise rule it never leaves its place on the step."""
    with Visit(browser, PAGE["reinforce"]) as visit:
        mu, eta, estimate = visit.run("[state.s.mu, state.eta, now.batch.estimate]")
        visit.page.click("#step")
        assert visit.run("state.s.mu") == mu + eta * estimate
        visit.page.click("[data-rule=path]")
        here = visit.run("state.s.mu")
        visit.page.click("#steps")
        assert visit.run("state.s.mu") == here
        visit.page.click("#again")
        assert visit.run("state.s.mu") == mu and visit.run("state.trail.length") == 0
        for i in range(visit.page.locator("#try button").count()):
            visit.page.locator("#try button").nth(i).click()
            visit.page.click("#steps")
            assert visit.run("Number.isFinite(state.s.mu)")


def test_reinforce_ties_formula_code_and_array(browser):
    with Visit(browser, PAGE["reinforce"]) as visit:
        for tie in visit.run("[...document.querySelectorAll('table.ties tr[data-tie]')].map(r => r.dataset.tie)"):
            visit.page.hover(f"table.ties tr[data-tie={tie}]")
            lit = visit.run("[...document.querySelectorAll('.lit')].map(e => e.dataset.tie)")
            assert set(lit) == {tie} and len(lit) == visit.page.locator(f"[data-tie={tie}]").count()
        visit.page.hover("#array td[data-tie=product][data-column='3']")
        assert visit.run("[page.lit, page.column]") == ["product", 3]
        assert visit.page.locator("#array .lit[data-column]").count() == 1
        visit.page.hover("h1")
        assert visit.page.locator(".lit").count() == 0
        visit.page.focus("tr[data-tie=a]")
        assert visit.run("page.lit") == "a"


def test_shared_files_are_in_the_package():
    """They are read by `minram page` where there is no clone."""
    assert {path.name for path in WEB.iterdir()} >= {"page.css", "page.js"}
