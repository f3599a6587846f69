"""REINFORCE in one dimension, the page, against closed formulas and the package; `-s` tells how near and how fast."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tutorials"))

from browser import FRAME, Visit, apart, chromium, processor_times
from building.one_dimension import exact, settings
from building.pages import SOURCES
from minram import policy

PAGE = SOURCES.parent / "reinforce.html"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def test_reinforce_agrees_with_closed_formulas(browser):
    """JavaScript integrates, NumPy has closed formulas: to 1e-12 at 600 random settings, 200 of each reward.

    Rounding alone: the slope's closed formula takes differences of moments times (σ/w)² ≤ 144, so some 1e-14 · 10.
    """
    chosen = settings(600, seed=1)
    wanted = [exact(s) for s in chosen]
    with Visit(browser, PAGE) as visit:
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
    with Visit(browser, PAGE) as visit:
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
    with Visit(browser, PAGE) as visit:
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
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(text) == 1
    (tmp_path / "planted.html").write_text(page.replace(text, other), encoding="utf-8")
    with Visit(browser, tmp_path / "planted.html") as visit:
        assert visit.run("page.checked") > 1e-3


def test_reinforce_is_dragged_within_a_frame(browser):
    """The most work there is: the bump, whose reward is an exponential, 256 samples, all pictures and texts."""
    with Visit(browser, PAGE) as visit:
        visit.run("set({reward: 'bump', M: 256, w: 0.3, sigma: 0.2})")
        for handle in ("mu", "c", "sigma", "w"):
            x, y = visit.run(f"view.scene.handles.{handle}")
            before = visit.run(f"state.s.{handle}")
            drag = partial(visit.drag, "#scene", (x, y), (x + 60, y + 5))
            times = processor_times(browser, visit.page, "pointermove", drag)
            moved = visit.run(f"state.s.{handle}")
            print(f"\ndrag {handle}: median {np.median(times):.1f} ms, longest {max(times):.1f} ms of {len(times)}")
            assert moved > before + 0.05
            assert len(times) > 5 and np.median(times) < FRAME


def test_reinforce_follows_pointer_keyboard_and_finger(browser):
    with Visit(browser, PAGE) as visit:
        mu = visit.run("view.scene.handles.mu")
        there = visit.run("view.scene.x.to(-0.5)")
        visit.drag("#scene", mu, (there, 10))
        assert abs(visit.run("state.s.mu") + 0.5) < 0.01  # a pixel is 2.6/670
        visit.drag("#scene", visit.run("view.scene.handles.mu"), (9000, -3000))  # far outside
        assert visit.run("state.s.mu") == 1
        visit.drag("#parabola", (50, 50), (visit.run("view.parabola.x.to(0.8)"), 60))
        assert abs(visit.run("state.s.b") - 0.8) < 0.01
        visit.page.focus("#M")
        visit.page.keyboard.press("ArrowRight")
        assert visit.run("state.s.M") == 32
        visit.page.focus("[data-b=best]")
        visit.page.keyboard.press("Enter")
        assert visit.run("state.s.b - now.exact.best") == 0
    with Visit(browser, PAGE, 390, 844, has_touch=True, is_mobile=True) as visit:
        visit.page.locator("tr[data-tie=score]").tap()
        assert visit.run("page.lit") == "score"
        visit.page.locator("[data-reward=bump]").tap()
        assert visit.run("state.s.reward") == "bump"


def test_reinforce_a_finger_that_scrolls_changes_nothing(browser):
    """One that moves sideways drags, and one that is lifted where it came down presses."""
    settings = "[{ ...state.s }, scrollY]"
    with Visit(browser, PAGE, 390, 844, has_touch=True, is_mobile=True) as visit:
        for canvas in ("#scene", "#parabola"):
            visit.page.locator(canvas).scroll_into_view_if_needed()
            x, y = visit.run("view.scene.handles.mu") if canvas == "#scene" else (200, 100)
            before, scrolled = visit.run(settings)
            visit.swipe(canvas, (x + 20, y), (x + 26, y - 80))
            visit.until(f"Math.abs(scrollY - {scrolled}) > 20")
            assert visit.run(settings)[0] == before
        visit.run("scrollTo(0, 0)")
        x, y = visit.run("view.scene.handles.mu")
        visit.swipe("#scene", (x, y), (visit.run("view.scene.x.to(0.6)"), y + 10))
        assert abs(visit.run("state.s.mu") - 0.6) < 0.02
        visit.page.locator("#parabola").tap(position={"x": 100, "y": 60})
        assert visit.run("state.s.b") == pytest.approx(visit.run("view.parabola.x.back(100)"), abs=0.02)


def test_reinforce_a_handle_is_in_the_picture_and_does_not_jump(browser):
    with Visit(browser, PAGE) as visit:
        for settings in ("{mu: 1, sigma: 0.6}", "{reward: 'bump', c: 1, w: 0.8}", "{mu: -1, sigma: 0.6, c: -1}"):
            visit.run(f"set({settings})")
            width = visit.run("page.get('scene').clientWidth")
            assert all(8 <= x <= width - 8 for x, y in visit.run("Object.values(view.scene.handles)"))
        visit.page.click("#again")
        x, y = visit.run("view.scene.handles.mu")
        visit.drag("#scene", (x + 20, y), (x + 22, y), steps=2)
        assert abs(visit.run("state.s.mu") - 0.1) < 0.011  # two pixels
        visit.page.locator("#scene").click(button="right", position={"x": x + 60, "y": y})
        visit.page.locator("#parabola").click(button="right", position={"x": 100, "y": 60})
        assert visit.run("state.s.b") == 0
        assert visit.run("document.querySelector('#M').getAttribute('aria-valuetext')") == "16"
        described = "[...document.querySelectorAll('#try button')].map(b => b.getAttribute('aria-describedby'))"
        assert visit.run(described) == [f"try-{i}" for i in range(1, 8)]


def test_reinforce_what_is_asked_to_be_tried_can_be_seen(browser):
    """Ten steps leave the place by the score function and not by the pathwise rule; with M = 1 it does not arrive."""
    with Visit(browser, PAGE) as visit:
        buttons = visit.page.locator("#try button")
        for rule, gone in (("score", True), ("path", False)):
            buttons.nth(3).click()
            visit.page.click(f"[data-rule={rule}]")
            visit.page.click("#steps")
            assert (abs(visit.run("state.s.mu") + 0.1) > 0.2) == gone
        for M, there in ((1, False), (64, True)):
            buttons.nth(6).click()
            visit.run("M => set({M})", M)
            visit.page.click("#steps")
            assert (abs(visit.run("state.s.mu - state.s.c")) < 0.1) == there


def test_reinforce_has_no_negative_variance_and_sets_up_all(browser):
    with Visit(browser, PAGE) as visit:
        for b in (0.5, 1.0, 1.5):  # the reward is 1 for every sample that can be drawn: rounding alone is left
            visit.run("b => set({ reward: 'slope', c: -0.5, w: 0.3, mu: 0.1, sigma: 0.05, b })", b)
            assert "NaN" not in visit.page.inner_text("#numbers") and visit.run("now.exact.variance") >= 0
        visit.page.click("[data-rule=path]")
        visit.run("state.eta = 0.2")
        buttons = visit.page.locator("#try button")
        for i, eta, batch in ((0, 0.05, 0), (buttons.count() - 1, 0.1, 25)):
            buttons.nth(i).click()
            assert visit.run("[state.rule, state.eta, state.batch]") == ["score", eta, batch]


def test_reinforce_takes_steps(browser):
    """μ moves by η times the estimate that is shown; by the pathwise rule it never leaves its place on the step."""
    with Visit(browser, PAGE) as visit:
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
    with Visit(browser, PAGE) as visit:
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
