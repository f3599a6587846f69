"""The agent's page against the package in float64 on the same half-precision weights; `-s` tells how near, how fast."""

import base64
from functools import partial

import numpy as np
import pytest

from browser import FRAME, Visit, apart, chromium, processor_times
from minram.agent import init_params
from minram.command.cli import main
from minram.datasets import data
from minram.datasets.tasks import fixed_images
from minram.errors import InputError
from minram.pictures.agent_page import agent_page, distance_to_edges, halved, in_half, looks, write_page
from minram.training.models import MODELS
from minram.training.run import find_model, load_params, save_params
from tiny import TINY, dataset, parameters

MODEL = find_model("pretrained:cluttered-60")
LOOK = """([images, size, starts, how]) => starts.map((start, i) => {
    const [height, width] = size;
    const pixels = model.bytes(images).subarray(i * height * width, (i + 1) * height * width);
    const steps = model.look(params, config, {height, width, pixels}, {...how, start});
    return Object.fromEntries(["loc", "mu", "logits", "baseline", "phi"].map(
        key => [key, steps.map(step => typeof step[key] === "number" ? step[key] : Array.from(step[key]))]));
})"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_page(MODEL, tmp_path_factory.mktemp("page"), name="pretrained:cluttered-60")


def found_by(visit, images, starts, **how):
    """What the page's JavaScript finds on images (n, H, W): a dict of arrays (n, T, …)."""
    text = base64.b64encode(images.tobytes()).decode()
    found = visit.run(LOOK, [text, list(images.shape[1:]), np.asarray(starts).tolist(), how])
    return {key: np.array([look[key] for look in found]) for key in found[0]}


def away_from_edges(params, config, images, starts):
    """The images and starts whose whole paths keep 1e-6 of a pixel away from where the sensor jumps."""
    t = looks(params, config, images, starts)
    far = [distance_to_edges(t.loc[:, n], config, images.shape[1:]) > 1e-6 for n in range(len(images))]
    return images[far], starts[far]


def test_200_looks_agree_with_numpy(browser, page):
    """Logits, locations and labels to 1e-9: a few thousand roundings of ε times numbers of size 100 are 1e-11."""
    params, config, _ = load_params(MODEL)
    rng = np.random.default_rng(0)
    pool = data.load().x_val[:220]
    images, starts = away_from_edges(
        params, config, fixed_images(config.task_at(), pool, 1), rng.uniform(-1, 1, (220, 2))
    )
    images, starts = images[:200], starts[:200]
    assert len(images) == 200
    t = looks(params, config, images, starts)
    with Visit(browser, page) as visit:
        found = found_by(visit, images, starts, glimpses=config.glimpses, sigma=[0, 0], eps=None)
        assert visit.run("page.checked") < 1e-9 and "6 looks" in visit.page.inner_text("#checked")
    wanted = {"loc": t.loc, "mu": t.mu, "logits": t.logits, "baseline": t.baseline, "phi": t.glimpse.phi}
    steps = {"mu": slice(0, -1), "baseline": slice(0, -1)}  # Python has none after the last glimpse
    off = {k: apart(found[k][:, steps.get(k, slice(None))], np.moveaxis(w, 0, 1)) for k, w in wanted.items()}
    print("\nagent:", {key: f"{value:.0e}" for key, value in off.items()})
    assert max(off.values()) < 1e-9
    assert (found["logits"][:, -1].argmax(axis=1) == t.logits[-1].argmax(axis=1)).all()


SETTINGS = {
    "one scale": {"scales": (1,)},
    "two scales, a deep location head": {"location_units": 3},
    "continuous": {"continuous": True},
    "a grey background": {"background": 0.3},
    "a canvas that is not square": {"task": "translated", "canvas": (9, 8)},
    "a learned σ": {"learn_std": True, "start": "centre"},
    "one glimpse": {"glimpses": 1},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_kind_of_agent_agrees(browser, settings, tmp_path):
    """Tiny agents of random weights, at their means and at drawn locations, with more glimpses than trained."""
    config = TINY.changed(settings)
    rng = np.random.default_rng(1)
    params = parameters(config, rng)
    d = dataset()
    path = tmp_path / "agent.html"
    path.write_text(agent_page(params, config, d.x_val, d.y_val, "tiny"), encoding="utf-8")
    longer = config.changed(glimpses=config.glimpses + 2)
    size = config.task_at().canvas or d.x_val.shape[1:]
    images = rng.integers(0, 256, (40, *size), dtype=np.uint8)
    images, starts = away_from_edges(params, longer, images, rng.uniform(-1, 1, (40, 2)))
    assert len(images) > 20

    class Drawn:
        """A generator whose normal numbers are those that the page gets."""

        eps = iter(())

        def standard_normal(self, shape, dtype):
            return np.broadcast_to(next(self.eps), shape)

    eps = rng.standard_normal((longer.glimpses, 2))
    with Visit(browser, path) as visit:
        assert visit.run("page.checked") < 1e-12
        sigma = visit.run("page.data.sigma")
        for policy, given in (("mean", None), ("sampled", eps.tolist())):
            Drawn.eps = iter(eps)
            t = looks(params, longer, images, starts, policy=policy, rng=Drawn())
            found = found_by(visit, images, starts, glimpses=longer.glimpses, sigma=sigma, eps=given)
            far = [distance_to_edges(t.loc[:, n], config, size) > 1e-6 for n in range(len(images))]
            assert apart(found["logits"][far], np.moveaxis(t.logits, 0, 1)[far]) < 1e-12
            assert apart(found["loc"][far], np.moveaxis(t.loc, 0, 1)[far]) < 1e-12


def test_half_precision_is_decoded_exactly(browser, page):
    """All 63,488 finite halves: normal and subnormal numbers, both zeros, both signs."""
    bits = np.arange(2**16, dtype="<u2")
    halves = bits.view("<f2")[np.isfinite(bits.view("<f2"))]
    with Visit(browser, page) as visit:
        found = visit.run("text => Array.from(model.halves(text))", base64.b64encode(halves.tobytes()).decode())
    assert (np.array(found) == halves.astype(float)).all() and len(found) == 63488


FAULTS = {
    "a corner": ("corners[n + w + 2] - corners[n + 1]", "corners[n + w + 2] - corners[n]"),
    "rounding": ("continuous ? v : v + 0.5", "v"),
    "the order of a join": ("model.join(h, g)", "model.join(g, h)"),
    "a location twice as far": ("loc = sample.map((v)", "loc = sample.map((v) => 2 * v).map((v)"),
    "no ReLU": ("model.relu = (x) => x.map((v) => Math.max(v, 0))", "model.relu = (x) => x"),
    "a scale": ("sum / 255 / s ** 2", "sum / 255 / s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_page_notices_a_planted_fault(browser, page, fault, tmp_path):
    text = page.read_text(encoding="utf-8")
    was, other = FAULTS[fault]
    assert text.count(was) == 1
    (tmp_path / "planted.html").write_text(text.replace(was, other), encoding="utf-8")
    with Visit(browser, tmp_path / "planted.html") as visit:
        assert visit.run("page.checked") > 1e-6


def test_a_drag_is_answered_within_a_frame(browser, page):
    """Eight glimpses of three scales, and all pictures and texts, at each move."""
    with Visit(browser, page) as visit:
        for mode in ("start", "place"):
            visit.page.click(f"[data-mode={mode}]")
            drag = partial(visit.drag, "#scene", (150, 150), (300, 260))
            times = processor_times(browser, visit.page, "pointermove", drag)
            print(f"\ndrag {mode}: median {np.median(times):.1f} ms, longest {max(times):.1f} ms of {len(times)}")
            assert len(times) > 10 and np.median(times) < FRAME


def test_pointer_and_keys(browser, page):
    with Visit(browser, page) as visit:
        width = visit.run("view.scene.width")
        visit.drag("#scene", (0.25 * width, 0.75 * width), (0.75 * width, 0.25 * width))
        assert apart(visit.run("state.start"), [0.5, -0.5]) < 0.01
        visit.drag("#scene", (200, 200), (9000, -9000))  # far outside
        assert visit.run("state.start") == [1, -1]
        visit.page.locator("#scene").press("ArrowRight")
        assert visit.run("state.t") == 1 and "Glimpse 2" in visit.page.inner_text("#scene-text")
        for _ in range(20):
            visit.page.keyboard.press("ArrowRight")
        assert visit.run("state.t") == 7 and visit.page.locator("#forward").is_disabled()
        visit.page.keyboard.press("ArrowLeft")
        assert visit.run("state.t") == 6
        visit.page.keyboard.press("Shift+ArrowLeft")
        assert apart(visit.run("state.start"), [0.95, -1]) < 1e-12
        visit.page.click("[data-mode=place]")
        before = visit.run("state.place")
        visit.page.keyboard.press("Shift+ArrowDown")
        assert visit.run("state.place") == [before[0] + 1, before[1]]
        visit.drag("#scene", (200, 200), (9000, 9000))
        assert visit.run("state.place") == [32, 32]
        visit.page.click("[data-mode=clutter]")
        for x in (5, 100, 300):
            visit.drag("#scene", (x, x), (x, x))
        assert visit.run("state.clutter.length") == 3
        visit.page.click("#clear")
        assert visit.run("state.clutter.length") == 0


def test_keys_throw_clutter_and_other_buttons_do_nothing(browser, page):
    with Visit(browser, page) as visit:
        before = visit.run("state.start")
        visit.page.locator("#scene").click(button="right", position={"x": 300, "y": 300})
        assert visit.run("state.start") == before
        visit.page.locator("#scene").press("Enter")
        assert visit.run("state.clutter.length") == 0
        visit.page.click("[data-mode=clutter]")
        visit.page.locator("#scene").press("Enter")
        [piece] = visit.run("state.clutter.map(c => [c.column + c.width / 2, c.row + c.height / 2])")
        where = visit.run("now.steps[state.t].loc.map(v => (v + 1) / 2 * state.width)")
        assert np.abs(np.subtract(piece, where)).max() <= 0.5


def test_an_agent_of_many_glimpses_is_shown_with_all(browser, tmp_path):
    config, d = TINY.changed(glimpses=25), dataset()
    path = tmp_path / "agent.html"
    path.write_text(agent_page(parameters(config, np.random.default_rng(0)), config, d.x_val, d.y_val, "long"), "utf-8")
    with Visit(browser, path) as visit:
        assert visit.page.inner_text("#step") == "glimpse 1 of 25" and visit.page.inner_text("#trained") == ""
        visit.run("set({ glimpses: 3 })")
        assert visit.page.inner_text("#trained") == "It was trained with 25."


def test_a_model_of_other_images_has_its_own_names_and_ground(browser, tmp_path):
    """Dark objects on a light ground: so is what one draws, and no black canvas is put around it."""
    config, rng = TINY.changed(task="original", background=0.9), np.random.default_rng(0)
    x, y = np.full((6, 40, 30), 230, np.uint8), np.array([0, 1, 2] * 2)
    x[:, 10:20, 5:15] = 20
    html = agent_page(parameters(config, rng), config, x, y, "birds", ("crow", "a very long name", "emu"))
    (tmp_path / "agent.html").write_text(html, "utf-8")
    with Visit(browser, tmp_path / "agent.html") as visit:
        assert visit.run("page.checked") < 1e-12
        assert "digit" not in visit.page.inner_text("body").replace("digits of", "")
        assert "The label is crow." in visit.page.inner_text("#belief-text") or visit.run("state.label") != 0
        visit.run("set({ image: 1 })")
        assert "The label is a very long name." in visit.page.inner_text("#belief-text")
        assert visit.page.locator("#size option").count() == 1
        visit.page.click("#own")
        assert "Nothing is drawn yet" in visit.page.inner_text("#digit-text")
        assert visit.run("now.image.pixels.every(v => v === 230)")
        visit.drag("#pad", (20, 20), (20, 110))
        drawn = np.array(visit.run("Array.from(now.image.pixels)"))
        assert drawn.min() == 0 and drawn.max() == 230
        assert visit.page.inner_text("#digit-text") == "Your drawing."


def test_switches(browser, page):
    with Visit(browser, page) as visit:
        before = visit.run("Array.from(now.steps[0].phi)")
        visit.page.click("[data-scale='1']")
        after = visit.run("Array.from(now.steps[0].phi)")
        assert after[:144] == before[:144] and after[288:] == before[288:] and not any(after[144:288])
        visit.page.click("[data-policy=sampled]")
        path = visit.run("now.steps.map(s => s.loc)")
        visit.page.click("#again")
        assert visit.run("now.steps.map(s => s.loc)") != path
        visit.page.focus("#glimpses")
        visit.page.keyboard.press("End")
        assert visit.run("now.steps.length") == 20
        for size in ("100×100", "28×28"):
            visit.page.select_option("#size", size)
            assert visit.run("now.image.width") == int(size.split("×")[0])
        for i in range(visit.page.locator("#try button").count()):
            visit.page.locator("#try button").nth(i).click()
            assert visit.run("now.steps.at(-1).belief.every(Number.isFinite)")


def test_after_the_last_glimpse_nothing_is_expected(browser, page):
    with Visit(browser, page) as visit:
        said, last = [], visit.run("now.steps.length - 1")
        for t in (0, last):
            visit.run("t => show(t)", t)
            arrays = "['mu', 'sample', 'baseline'].map(k => document.querySelector(`[data-array=${k}]`).textContent)"
            said.append((visit.page.inner_text("#belief-text"), visit.run(arrays)))
        assert "Of the rewards still to come it expects b = " in said[0][0] and "—" not in said[0][1]
        assert "expects" not in said[1][0] and said[1][1] == ["—"] * 3
        assert "ReLU" in visit.page.inner_text("#mu-formula")  # a layer before μ, which these weights have


def test_a_drawing(browser, page):
    """An empty one is a sentence; one that is drawn is in the image, its centre of mass in the middle."""
    with Visit(browser, page) as visit:
        visit.page.click("#own")
        assert "Nothing is drawn yet" in visit.page.inner_text("#digit-text")
        assert visit.run("now.steps.every(s => s.phi.every(v => v === 0))")
        visit.drag("#pad", (20, 20), (20, 110))
        assert "centre of mass" in visit.page.inner_text("#digit-text") and visit.run("state.image") == -1
        pixels = np.array(visit.run("Array.from(digit().pixels)")).reshape(28, 28)
        assert pixels.max() == 255 and (pixels > 0).sum() > 30
        centre = [(pixels.sum(axis=axis) * np.arange(28)).sum() / pixels.sum() for axis in (0, 1)]
        assert np.abs(np.array(centre) - 13.5).max() <= 0.5 + 1e-9  # whole pixels
        visit.page.click("#wipe")
        assert not visit.run("own.pixels.some(v => v > 0)")
    with Visit(browser, page, 390, 844, has_touch=True, is_mobile=True) as visit:
        visit.page.locator("[data-image='3']").tap()
        assert visit.run("state.image") == 3
        visit.page.locator("#scene").tap(position={"x": 40, "y": 40})
        assert max(visit.run("state.start")) < -0.5


def test_what_was_seen_is_put_together(browser, page):
    """With the finest scale alone, what is seen is the image itself, and what is not is −1."""
    with Visit(browser, page) as visit:
        visit.run("set({on: [true, false, false]})")
        seen = np.array(visit.run("Array.from(model.together(now.area, now.steps, config, state.on))"))
        image = np.array(visit.run("Array.from(now.image.pixels)"))
    covered = seen >= 0
    assert 144 <= covered.sum() < 8 * 144 and apart(seen[covered] * 255, image[covered]) < 1e-12


def test_formula_code_and_array_are_tied(browser, page):
    with Visit(browser, page) as visit:
        for tie in visit.run("[...document.querySelectorAll('table.ties tr[data-tie]')].map(r => r.dataset.tie)"):
            visit.page.hover(f"table.ties tr[data-tie={tie}]")
            lit = visit.run("[...document.querySelectorAll('.lit')].map(e => e.dataset.tie)")
            assert set(lit) == {tie} and len(lit) == visit.page.locator(f"[data-tie={tie}]").count()


# ---- what cannot be shown ----


def test_names_are_escaped(browser, tmp_path):
    params, d = parameters(TINY, np.random.default_rng(0)), dataset()
    name = "</title><script>throw 1</script><img src=x>"
    path = tmp_path / "agent.html"
    path.write_text(agent_page(params, TINY, d.x_val, d.y_val, name), encoding="utf-8")
    with Visit(browser, path) as visit:
        assert visit.page.inner_text("#name") == name and name in visit.page.title()
        assert visit.page.locator("img").count() == 0


def test_models_that_the_page_cannot_show(tmp_path):
    d, rng = dataset(), np.random.default_rng(0)
    colour = init_params(TINY, rng, 3, channels=3)
    with pytest.raises(InputError, match="grey cells, but this model reads"):
        agent_page(colour, TINY, d.x_val, d.y_val, "colour")
    with pytest.raises(InputError, match="grey images"):
        agent_page(colour, TINY, np.repeat(d.x_val[..., None], 3, axis=3), d.y_val, "colour")
    params = parameters(TINY, rng)
    for wrong in (1e5, np.inf, np.nan):
        with pytest.raises(InputError, match="weights up to 65504"):
            in_half(params | {"label.b": np.array([wrong])})
    assert max(np.abs(w - params[name]).max() for name, w in halved(params).items()) < 2**-10  # below 2: 2⁻¹¹ of each
    config = TINY.changed(policy="random")
    save_params(tmp_path / "random.npz", parameters(config, rng), config, {})
    with pytest.raises(InputError, match="no policy to follow"):
        write_page(tmp_path / "random.npz", tmp_path)
    config = TINY.changed(model="fc")
    save_params(tmp_path / "fc.npz", MODELS["fc"].init(config, rng, 3, (6, 5)), config, {})
    with pytest.raises(InputError, match="has no scales"):
        write_page(tmp_path / "fc.npz", tmp_path)


def test_the_command(tmp_path, capsys):
    assert main(["page", "pretrained:mnist-28", "--out", str(tmp_path / "new")]) == 0
    written = tmp_path / "new" / "agent.html"
    assert capsys.readouterr().out.strip() == str(written)
    assert "pretrained:mnist-28</title>" in written.read_text(encoding="utf-8") and written.stat().st_size < 2_000_000
    assert main(["page", "no-such-run"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
