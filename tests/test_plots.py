import json
import os
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image
from scipy.special import softmax

import tiny
from minram.agent import init_params, rollout
from minram.datasets.data import Dataset
from minram.errors import InputError
from minram.pictures import figures, movie, plots, show, style
from minram.pictures.retina import Retina
from minram.sensor import sensor_forward, summed_area
from minram.training.config import Config
from minram.training.run import load_params, save_params
from runs import save_untrained


def ax_of(size=(2, 2)):
    return style.figure(size=size)[1][0, 0]


def pixels(ax):
    """What is drawn inside an Axes, as bytes (rows, columns, 4)."""
    ax.figure.canvas.draw()
    box = ax.get_window_extent()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())
    height = len(picture)
    return picture[height - int(box.y1) : height - int(box.y0), int(box.x0) : int(box.x1)]


def random_images(rng, n, shape, dtype=np.uint8):
    x = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return x if dtype == np.uint8 else (x / 255).astype(dtype)


def checkpoint(folder, config, shape, n_classes, dtype=np.uint8, n=8):
    """A run folder with untrained parameters, and a data set that fits them."""
    rng = np.random.default_rng(0)
    params = init_params(config, rng, n_classes, shape[2] if len(shape) == 3 else 1)
    folder.mkdir()
    save_params(folder / "best.npz", params, config, {"epoch": 1, "val_error": 0.5})
    x, y = random_images(rng, n, shape, dtype), np.arange(n) % n_classes
    y[-1] = n_classes - 1
    return Dataset(x, y, x, y, x, y)


def test_importing_and_drawing_need_no_display_and_change_nothing(tmp_path):
    code = """
import sys, minram, minram.training.train
assert "matplotlib" not in sys.modules
import matplotlib
settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}
before = settings()
import numpy as np
from minram.pictures import figures, movie, plots, show, style
from minram.pictures.retina import Retina
figures.learning_curves([{"epoch": 1, "loss": 1.0, "error": 0.5}]).savefig(sys.argv[1])
images, belief = np.zeros((2, 5, 4), np.uint8), np.eye(3)[np.ones((3, 2), int)]
scene = figures.Scene(images, np.array([1, 2]), Retina((1,), 2), np.zeros((3, 2, 2)), np.zeros((3, 2, 4)), belief)
for figure in (figures.paths(scene, 2), figures.retina(scene, 2), figures.belief(scene, 2), figures.policy(scene)):
    figure.savefig(sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
assert settings() == before
"""
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    # As in pyproject.toml: the oldest Matplotlib uses what the newest pyparsing deprecates.
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    subprocess.run([sys.executable, *warnings, "-c", code, tmp_path / "a.png"], check=True, env=env)


def test_use_sets_the_style_and_context_takes_it_back():
    with matplotlib.rc_context():
        wanted = dict(matplotlib.RcParams(style.RC))

        def settings():
            return {key: matplotlib.rcParams[key] for key in style.RC}

        before = settings()
        with style.context():
            assert settings() == wanted
        assert settings() == before != wanted
        style.use()
        assert settings() == wanted


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1), (6, 9, 2), (6, 9, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_image_stands_upright_in_the_coordinates_of_locations(shape, dtype):
    x = np.zeros(shape, dtype)
    x[0, 6:] = 255 if dtype == np.uint8 else 1  # the upper right corner
    ax = ax_of()
    plots.image(ax, x)
    drawn = pixels(ax)
    assert abs(drawn.shape[0] / drawn.shape[1] - 6 / 9) < 2 / min(drawn.shape[:2])  # whole screen pixels
    assert (drawn[5, -6] == 255).all()
    assert (drawn[-6, -6, :3] == 0).all() and (drawn[5, 5, :3] == 0).all()
    column, row = ax.transData.transform((0.9, -0.9)) - ax.get_window_extent().p0
    assert column > 0.9 * drawn.shape[1] and row > 0.9 * drawn.shape[0]  # l = (0.9, −0.9) is there too


def test_black_bytes_are_not_mistaken_for_floats():
    ax = ax_of()
    plots.image(ax, np.ones((2, 2), np.uint8))  # the darkest grey but black
    assert ax.images[0].get_array().max() == 1 / 255


@pytest.mark.parametrize("continuous", [False, True])
def test_squares_are_exactly_the_pixels_that_the_sensor_reads(continuous):
    H, W, w, scales = 5, 8, 3, (1, 2, 3)
    rng = np.random.default_rng(1)
    loc = rng.uniform(-1, 1, (20, 2)).astype(np.float32)
    left, top, width, height = Retina(scales, w, continuous).squares(loc, (H, W))  # each (20, 3)
    one_hot = summed_area(np.eye(H * W).reshape(H * W, H, W))
    for n in range(len(loc)):
        phi, _ = sensor_forward(one_hot, np.repeat(loc[n : n + 1], H * W, 0), scales, w, continuous=continuous)
        read = np.abs(phi.reshape(H, W, len(scales), w * w)).max(axis=3)  # (H, W, k)
        x, y = np.arange(W) * 2 / W - 1, np.arange(H) * 2 / H - 1  # left and top edges of the pixels
        share_x = np.minimum(left[n] + width[n], x[:, None] + 2 / W) - np.maximum(left[n], x[:, None])
        share_y = np.minimum(top[n] + height[n], y[:, None] + 2 / H) - np.maximum(top[n], y[:, None])
        # Float32 rounds coordinates ≤ 2 and sums ≤ 1 to about 1e-7, so 1e-5 and 1e-4 are clear of rounding. Two
        # sides of 0.01, at least 0.04 and 0.025 pixels, are an area that a cell of 3 × 3 reads as 1.1e-4.
        inside, well_inside = ((share_y[:, None] > side) & (share_x > side) for side in (1e-5, 1e-2))
        assert ((read > 1e-4) >= well_inside).all()
        assert (inside >= (read > 1e-4)).all()


def test_integer_locations_are_taken_too():
    corner = Retina((1,), 2).squares([[-1, -1]], (4, 4))[:, 0, 0]
    assert corner.tolist() == [-1.5, -1.5, 1, 1]


def test_a_retina_has_the_settings_of_its_agent():
    retina = Retina.of(Config(patch_size=3, scales=(2, 1, 4), continuous=True, background=0.25))
    assert retina == ((2, 1, 4), 3, True, 0.25)
    assert retina.size == 3 * 3 * 3 and retina.widths.tolist() == [6, 3, 12]
    assert retina.finest == ((1,), 3, True, 0.25)


def test_patches_are_cut_out_of_the_image():
    x = np.random.default_rng(2).random((1, 6, 8, 3))
    phi, _ = sensor_forward(summed_area(x), np.zeros((1, 2)), (1, 2), 2)
    fine, coarse = Retina((1, 2), 2).patches(phi[0])
    # Sums of at most 48 numbers below 1, differenced: rounding stays below 4 · 48 · 48 · ε.
    np.testing.assert_allclose(fine, x[0, 2:4, 3:5], rtol=0, atol=4 * 48 * 48 * np.finfo(float).eps)
    np.testing.assert_allclose(coarse[0, 1], x[0, 1:3, 4:6].mean(axis=(0, 1)), atol=4 * 48 * 48 * np.finfo(float).eps)


def test_the_finest_patch_lies_on_top_of_the_coarse_ones_whatever_their_order():
    for scales, fine in [((1, 2), 0), ((2, 1), 1)]:
        phi = np.zeros((2, 4, 4))
        phi[fine] = 1
        ax = ax_of()
        plots.retina_view(ax, phi.ravel(), Retina(scales, 4), outlined=False)
        drawn = pixels(ax)
        middle = len(drawn) // 2
        assert (drawn[middle, middle] == 255).all() and (drawn[3, 3, :3] == 0).all()


def test_the_background_is_added_back():
    ax = ax_of()
    plots.retina_view(ax, np.full(4, -0.25), Retina((1,), 2, background=0.75))
    assert (ax.images[0].get_array() == 0.5).all()


def test_a_path_is_numbered_and_its_title_tells_right_from_wrong():
    x, loc = np.zeros((6, 9)), np.random.default_rng(0).uniform(-1, 1, (4, 2))
    titles = []
    for predicted in (3, 5):
        ax = ax_of()
        plots.glimpse_path(ax, x, loc, Retina((1, 2), 3))
        plots.verdict(ax, 3, predicted)
        assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4"]
        np.testing.assert_array_equal([text.xy for text in ax.texts], loc)
        assert [patch.get_width() for patch in ax.patches] == [3 * 2 / 9] * 4  # the finest square, 3 pixels of 9
        titles.append((ax.get_title(loc="left") or ax.get_title(), ax.title.get_color()))
    assert titles == [("✓ 3", style.COLOURS["right"]), ("✗ 5, is 3", style.COLOURS["wrong"])]


def test_a_step_keeps_its_colour_while_the_path_grows():
    assert np.array_equal(style.time_colours(8)[2], style.time_colours(8)[:3][2])
    ax, loc = ax_of(), np.zeros((2, 2))
    plots.glimpse_path(ax, np.zeros((4, 4)), loc, total=8)
    assert not ax.patches
    assert np.array_equal(ax.lines[-1].get_color(), style.time_colours(8)[1])


@pytest.mark.parametrize("T, K", [(1, 1), (1, 300), (30, 2)])
def test_belief_has_few_ticks_whatever_its_size(T, K):
    ax = ax_of()
    plots.label_belief(ax, np.full((T, K), 1 / K), label=K - 1)
    ax.figure.canvas.draw()
    assert ax.images[0].get_array().shape == (K, T)
    assert 1 <= len(ax.get_xticks()) <= 10 and 1 <= len(ax.get_yticks()) <= 10
    assert ax.get_xlabel() and ax.get_ylabel()


@pytest.mark.parametrize("T", [1, 5])
def test_policy_map_shows_every_location_after_the_random_first(T):
    ax, loc = ax_of(), np.random.default_rng(0).uniform(-1, 1, (T, 7, 2))
    plots.policy_map(ax, loc, np.zeros((4, 6, 3)))
    drawn = [c.get_offsets().data for c in ax.collections]
    np.testing.assert_array_equal(drawn, loc if T == 1 else loc[1:])


def record(epoch, **more):
    return {
        "epoch": epoch,
        "loss": 1 / epoch,
        "error": 0.5 / epoch,
        "reward": 0.5,
        "advantage_square": 0.25,
        "baseline_error": 0.25,
        "seconds": 1.0,
        **more,
    }


def test_learning_curves_leave_out_what_was_not_measured():
    metrics = [record(1), record(2, val_error=0.2, val_errors=[0.5, 0.2]), record(3)]
    _, error, reward, by_glimpse = figures.learning_curves(metrics).axes
    assert error.lines[1].get_xydata().tolist() == [[2, 20]]
    assert reward.lines[1].get_ydata().tolist() == [0.5] * 3  # the root of the mean square
    assert [line.get_ydata().tolist() for line in by_glimpse.lines] == [[50], [20]]
    assert error.get_yscale() == "log"


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        [record(1)],
        [record(e, val_error=0.0, val_errors=[0.0]) for e in (1, 2)],
        [record(e, val_error=0.1, val_errors=[0.1] * 40) for e in range(1, 200)],
    ],
)
def test_learning_curves_of_any_run(metrics):
    figures.learning_curves(metrics).canvas.draw()


CASES = {
    "one glimpse, grey, wide": (dict(glimpses=1, patch_size=3), (7, 19), 2, np.uint8),
    "colour, four scales, narrow": (
        dict(glimpses=3, scales=(1, 2, 4, 8), background=0.5, continuous=True),
        (40, 9, 3),
        13,
        np.float32,
    ),
}


@pytest.mark.parametrize("settings, shape, n_classes, dtype", CASES.values(), ids=CASES.keys())
def test_show_writes_every_picture(tmp_path, settings, shape, n_classes, dtype):
    config = tiny.SHORT.changed(**settings)
    dataset = checkpoint(tmp_path / "run", config, shape, n_classes, dtype, n=3)
    written = show.show(tmp_path / "run", tmp_path / "new" / "out", n=2, dataset=dataset)
    names = ["paths.png", "retina.png", "belief.png", "policy.png", "confusion.png", "paths.gif", "paths.html"]
    assert [path.name for path in written] == names
    assert sorted(os.listdir(tmp_path / "new" / "out")) == sorted(names)
    for path in written[:-2]:
        height, width = imread(path).shape[:2]
        assert 100 < height < 1500 and 100 < width < 1500
        assert path.stat().st_size < 100_000
    with Image.open(written[-2]) as movie:
        assert movie.n_frames == config.glimpses  # the last one, held, is one longer frame
    page = written[-1].read_text(encoding="utf-8")
    assert len(re.findall(r"frames\[\d+\] = ", page)) == config.glimpses + 1
    assert not re.search(r"https?:|fa-|<link", page)


def test_equal_seeds_give_equal_pictures(tmp_path):
    config = tiny.SHORT.changed(glimpses=2, task="cluttered", canvas=(20, 16), distractor_size=4)
    dataset = checkpoint(tmp_path / "run", config, (8, 8), 3)
    scenes = [show.look(tmp_path / "run" / "best.npz", 5, seed, dataset) for seed in (0, 0, 1)]
    assert scenes[0].images.shape == (5, 20, 16)
    assert np.array_equal(scenes[0].images, scenes[1].images)
    assert not np.array_equal(scenes[0].images, scenes[2].images)
    first, second = (movie.write_movie(scene, tmp_path / out, 1) for scene, out in zip(scenes, "ab"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_squares_of_the_continuous_sensor_are_centred_where_it_looks():
    left, top, width, height = Retina((1, 3), 5, continuous=True).squares(np.array([[0.237, -0.419]]), (9, 13))
    np.testing.assert_allclose(left + width / 2, [[0.237, 0.237]], rtol=1e-14)  # a few roundings of numbers up to 13
    np.testing.assert_allclose(top + height / 2, [[-0.419, -0.419]], rtol=1e-14)


def test_of_large_images_fewer_are_looked_at(tmp_path, monkeypatch):
    config = tiny.SHORT.changed(glimpses=2, task="translated", canvas=(20, 16))
    dataset = checkpoint(tmp_path / "run", config, (8, 8), 3)
    monkeypatch.setattr(show, "PIXELS", 3 * 20 * 16)
    assert len(show.look(tmp_path / "run", 5, 0, dataset).images) == 3
    assert len(show.show(tmp_path / "run", tmp_path / "pictures", 5, 0, dataset)) > 4


def test_a_scene_is_what_the_agent_does_with_validation_images(tmp_path):
    c, d = tiny.SHORT.changed(background=0.3, start="centre"), tiny.dataset(40)
    d = d._replace(y_val=np.random.default_rng(1).integers(0, 3, 10))
    scene = show.look(save_untrained(tmp_path / "p.npz", c), 6, 2, d)
    index = np.random.default_rng(2).permutation(10)[:6]
    np.testing.assert_array_equal(scene.images, d.x_val[index])
    np.testing.assert_array_equal(scene.labels, d.y_val[index])
    area = summed_area(scene.images, c.background)
    params = load_params(tmp_path / "p.npz")[0]
    t = rollout(params, c, area, np.random.default_rng(2), policy="mean", every_step=True)
    np.testing.assert_array_equal(scene.loc, t.loc)
    np.testing.assert_array_equal(t.sample, t.mu)
    np.testing.assert_array_equal(scene.probabilities, softmax(t.logits, axis=-1))
    assert scene.retina == Retina(c.scales, 2, background=0.3)
    phi, _ = sensor_forward(area, scene.loc[0], c.scales, 2)
    np.testing.assert_array_equal(scene.phi[0], phi)


def test_the_pictures_show_each_image_at_its_glimpse(tmp_path):
    scene = show.look(save_untrained(tmp_path / "p.npz", tiny.SHORT), 2, 0, tiny.dataset())
    guess = np.array([[0, 1], [1, 2], [2, 0]])  # (T, n)
    scene = scene._replace(labels=np.array([0, 1]), probabilities=np.eye(3)[guess])
    said = [["✓ 0", "✗ 1, is 0", "✗ 2, is 0"], ["✓ 1", "✗ 2, is 1", "✗ 0, is 1"]]

    def title(ax):
        return ax.get_title(loc="left") or ax.get_title()

    assert [title(ax) for ax in figures.paths(scene, 2).axes] == [said[0][-1], said[1][-1]]
    axes = np.reshape(figures.retina(scene, 2).axes, (4, 3))
    assert [[title(ax) for ax in row] for row in axes[1::2]] == said
    for i, (above, below) in enumerate(axes.reshape(2, 2, 3)):
        assert [len(ax.texts) for ax in above] == [1, 2, 3]
        for t, ax in enumerate(below):
            seen = ax.images[0].get_array()
            np.testing.assert_array_equal(seen.ravel(), scene.phi[t, i])
    drawn = [ax.images[0].get_array() for ax in figures.belief(scene, 2).axes if ax.get_xlabel() == "glimpse"]
    np.testing.assert_array_equal(drawn, scene.probabilities.transpose(1, 2, 0))


def test_an_agent_with_random_locations_is_drawn_with_them(tmp_path):
    for policy, wide in (("gaussian", False), ("random", True)):
        config = tiny.SHORT.changed(glimpses=4, policy=policy)
        scene = show.look(tmp_path / policy, 40, 0, checkpoint(tmp_path / policy, config, (8, 8), 3))
        # A new agent's mean is near the centre; the standard deviation of a uniform location is 0.58.
        assert (scene.loc[1:].std() > 0.5) == wide


def test_a_long_path_is_shown_in_evenly_chosen_steps(tmp_path):
    config = tiny.SHORT.changed(glimpses=50)
    scene = show.look(tmp_path / "run", 3, 0, checkpoint(tmp_path / "run", config, (8, 8), 3))
    steps = scene.steps(8)
    assert len(steps) == 8 and steps[0] == 0 and steps[-1] == 49
    assert set(np.diff(steps)) == {7}


def test_training_figures_come_from_the_run_folder(tmp_path):
    config = tiny.SHORT.changed(glimpses=2, patch_size=3)
    dataset = checkpoint(tmp_path / "run", config, (9, 9), 3)
    (tmp_path / "run" / "metrics.jsonl").write_text("".join(json.dumps(record(e)) + "\n" for e in (1, 2)))
    written = show.training_figures(tmp_path / "run", dataset)
    assert written == [tmp_path / "run" / "curves.png", tmp_path / "run" / "paths.png"]
    assert imread(written[0]).shape[:2] == (520, 840)


def test_wrong_input_says_what_to_do(tmp_path):
    config = tiny.SHORT.changed(glimpses=2)
    dataset = checkpoint(tmp_path / "run", config, (8, 8), 3)
    colour = Dataset(*(np.repeat(a[..., None], 3, -1) if a.ndim == 3 else a for a in dataset[:6]))
    more_classes = dataset._replace(y_train=dataset.y_train + 1)
    (tmp_path / "file").write_text("")
    for message, source, out, keywords in [
        ("at least 1 image", "run", "out", {"n": 0}),
        ("colours", "run", "out", {"dataset": colour}),
        ("fewer classes", "run", "out", {"dataset": more_classes}),
        ("nowhere", "nowhere", "out", {}),
        ("cannot be made", "run", "file", {}),
    ]:
        with pytest.raises(InputError, match=message):
            show.show(tmp_path / source, tmp_path / out, **{"n": 1, "dataset": dataset, **keywords})
