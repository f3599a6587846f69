"""The front door: what a user types first, with right and with wrong input."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import softmax

import minram
from minram.agent import rollout
from minram.datasets import data
from minram.datasets.image import read_image
from minram.datasets.tasks import cluttered, fixed_images
from minram.errors import InputError
from minram.sensor import summed_area
from minram.storage import checkpoint
from minram.training.classifiers import init_classifier
from minram.training.config import Config
from minram.training.evaluate import evaluate
from minram.training.run import find_model, load_params
from minram.training.train import train as train_in_folder
from runs import outcome
from tiny import SHORT, dataset

AGENT = minram.load("pretrained:cluttered-60")
DIGITS = data.load()
IMAGES, LABELS = fixed_images(cluttered(60), DIGITS.x_val[:6], 0), DIGITS.y_val[:6]
TINY = {"glimpses": 3, "patch_size": 2, "scales": (1,), "what_units": 4, "where_units": 3, "glimpse_units": 5,
        "core_units": 4, "location_units": 0, "batch_size": 8, "shards": 1, "background": 0, "epochs": 2}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quiet(**settings):
    return minram.train("quick", data=dataset(), report=None, **TINY | settings)


def test_importing_is_quick_and_loads_no_numpy():
    script = (
        "import sys, time; start = time.process_time(); import minram; seconds = time.process_time() - start\n"
        "assert 'numpy' not in sys.modules and 'argparse' not in sys.modules; print(seconds)\n"
        "assert {'load', 'train', 'Agent', 'Look', 'InputError'} <= set(dir(minram))\n"
        "minram.load; assert 'matplotlib' not in sys.modules\n"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.01, seconds  # of the processor; 4 ms here


def test_each_name_of_the_door_is_there_and_no_other():
    assert all(hasattr(minram, name) for name in dir(minram))
    with pytest.raises(AttributeError, match="has no attribute 'laod'; it has Agent"):
        minram.laod  # noqa: B018


def test_a_look_is_the_rollout():
    look = AGENT.look(IMAGES[0], start=(0.5, -0.2), seed=3)
    t = rollout(AGENT.params, AGENT.config, summed_area(IMAGES[:1]), None, policy="mean", every_step=True,
                start=np.array([0.5, -0.2]))  # fmt: skip
    np.testing.assert_array_equal(look.path, t.loc[:, 0])
    np.testing.assert_array_equal(look.belief, softmax(t.logits[:, 0], axis=-1))
    np.testing.assert_allclose(look.path[0], (0.5, -0.2), rtol=1e-7)  # single precision
    assert look.label == t.logits[-1, 0].argmax() and type(look.label) is int
    assert look.path.shape == (8, 2) and look.belief.shape == (8, 10)


def test_the_recipes_own_start_is_drawn_by_the_seed():
    one, same, other = (AGENT.look(IMAGES[0], seed=seed).path[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    np.testing.assert_array_equal(minram.load("pretrained:mnist-28").look(DIGITS.x_val[0]).path[0], (0, 0))


def test_the_steps_are_the_look_glimpse_by_glimpse():
    look = AGENT.look(IMAGES[1], start=(0, 0))
    steps = list(AGENT.steps(IMAGES[1], start=(0, 0)))
    assert [step.t for step in steps] == list(range(1, 9))
    for i, step in enumerate(steps):
        np.testing.assert_array_equal(step.loc, look.path[i])
        np.testing.assert_array_equal(step.belief, look.belief[i])
        np.testing.assert_array_equal(step.phi, look.trajectory.glimpse.phi[i, 0])
        np.testing.assert_allclose(step.std, AGENT.config.std * AGENT.config.final_std, rtol=1e-6)
        if i < 7:  # at mean locations the next glimpse is at μ, clipped to the image
            np.testing.assert_array_equal(np.clip(step.mu, -1, 1), look.path[i + 1])
    assert steps[-1].mu is None


def test_policy_and_glimpses_of_a_look():
    longer = AGENT.look(IMAGES[0], start=(0, 0), glimpses=12)
    np.testing.assert_array_equal(longer.path[:8], AGENT.look(IMAGES[0], start=(0, 0)).path)
    assert longer.belief.shape == (12, 10)
    sampled = AGENT.look(IMAGES[0], start=(0, 0), policy="sampled", seed=1).path
    assert (sampled[1:] != longer.path[1:8]).all()
    again = AGENT.look(IMAGES[0], start=(0, 0), policy="sampled", seed=1).path
    np.testing.assert_array_equal(sampled, again)


def test_a_batch_of_images_gives_a_batch_of_looks():
    looks = AGENT.look(IMAGES, start=(0.1, 0.1))
    assert [type(look) for look in looks] == [minram.Look] * 6
    for look, image in zip(looks, IMAGES):
        np.testing.assert_array_equal(look.belief, AGENT.look(image, start=(0.1, 0.1)).belief)
    assert len(AGENT.look(list(IMAGES[:2]))) == len(AGENT.look(IMAGES[:2, :, :, None])) == 2


def test_an_image_with_light_and_dark_exchanged_is_warned_of():
    for ask in (AGENT.look, AGENT.predict, lambda x: list(AGENT.steps(x)), lambda x: AGENT.predict(x[None])):
        for x in (255 - IMAGES[0], 1 - IMAGES[0] / 255):
            with pytest.warns(UserWarning, match="light along its edges and the model's are dark"):
                ask(x)
        ask(IMAGES[0])  # any warning is an error here


def test_images_of_any_size_and_kind_are_the_same_image(tmp_path):
    x = IMAGES[0]
    Image.fromarray(x).save(tmp_path / "x.png")
    binary = (x > 127).astype(np.uint8) * np.uint8(255)
    same = [x, x.astype(np.int64), x[..., None], str(tmp_path / "x.png"), tmp_path / "x.png", Image.fromarray(x),
            np.repeat(x[..., None], 3, axis=2), Image.fromarray(x).convert("RGBA")]  # fmt: skip
    want = AGENT.look(x, start=(0, 0)).belief
    for image in same:
        np.testing.assert_allclose(AGENT.look(image, start=(0, 0)).belief, want, atol=2e-4)  # 8 bits, in one or three
    np.testing.assert_allclose(AGENT.look(x / 255, start=(0, 0)).belief, want, atol=2e-4)
    np.testing.assert_array_equal(AGENT.look(x > 127, start=(0, 0)).belief, AGENT.look(binary, start=(0, 0)).belief)
    wide = np.zeros((40, 90), np.uint8)
    wide[5:33, 50:78] = DIGITS.x_val[0]
    assert AGENT.look(wide).image.shape == (40, 90)


def test_a_model_of_colours_takes_grey_and_colours(here):
    d = dataset(shape=(6, 5, 3))
    run = minram.train("quick", data=d, report=None, **TINY)
    assert run.agent.channels == 3 and run.agent.classes == 3
    grey = d.x_test[0].mean(axis=2).astype(np.uint8)
    np.testing.assert_array_equal(
        run.agent.look(grey).belief, run.agent.look(np.repeat(grey[..., None], 3, axis=2)).belief
    )
    assert len(run.agent.look(d.x_test)) == 10 and run.agent.predict(d.x_test).shape == (10,)
    with pytest.raises(InputError, match="sees 3 channels, but the image has 5"):
        run.agent.look(np.zeros((6, 5, 5), np.uint8)[None])


def test_predictions_are_those_of_an_evaluation():
    plain = AGENT.config.changed(task="original")
    want = evaluate(AGENT.params, plain, IMAGES, LABELS)
    np.testing.assert_array_equal(AGENT.predict_proba(IMAGES), want.probabilities[-1])
    np.testing.assert_array_equal(AGENT.predict(IMAGES), want.probabilities[-1].argmax(axis=1))
    assert AGENT.score(IMAGES, LABELS) == 1 - want.error
    assert AGENT.predict(IMAGES[0]) == want.probabilities[-1, 0].argmax()
    many = evaluate(AGENT.params, plain, IMAGES, LABELS, "sampled", 5, 2)
    got = AGENT.predict_proba(IMAGES, policy="sampled", rollouts=5, seed=2)
    np.testing.assert_array_equal(got, many.probabilities[-1])


def test_a_network_of_the_whole_image_predicts_but_does_not_look(here):
    run = minram.train("mnist-fc256", data=dataset(), report=None, batch_size=8, epochs=1)
    assert run.agent.predict_proba(dataset().x_test).shape == (10, 3)
    assert "model=fc" in repr(run.agent)
    with pytest.raises(InputError, match="use predict"):
        run.agent.look(dataset().x_test[0])


WRONG_LOOKS = {
    "start outside": (dict(image=IMAGES[0], start=(0, 1.5)), "start should be"),
    "start of three": (dict(image=IMAGES[0], start=(0, 0, 0)), "start should be"),
    "start of words": (dict(image=IMAGES[0], start="left"), "start should be"),
    "start not finite": (dict(image=IMAGES[0], start=(0, np.nan)), "start should be"),
    "policy": (dict(image=IMAGES[0], policy="best"), "policy should be one of"),
    "glimpses": (dict(image=IMAGES[0], glimpses=0), "glimpses should be a whole number"),
    "seed": (dict(image=IMAGES[0], seed=-1), "seed should be a whole number from 0 to 9223372036854775807, but is -1"),
    "seed of words": (dict(image=IMAGES[0], seed="a"), "seed should be a whole number .* but is 'a'"),
    "seed or not": (dict(image=IMAGES[0], seed=True), "seed should be a whole number .* but is True"),
    "no such file": (dict(image="nowhere.png"), "there is no such file"),
    "a folder": (dict(image="."), "not a regular file"),
    "text": (dict(image=__file__), "as a picture"),
    "floats to 255": (dict(image=IMAGES[0].astype(float)), "divide floats"),
    "negative": (dict(image=IMAGES[0] - 0.5), "from 0 to 1"),
    "not finite": (dict(image=np.full((9, 9), np.nan)), "from 0 to 1"),
    "words": (dict(image=np.full((9, 9), "a")), "from 0 to 1"),
    "one row": (dict(image=np.zeros(9)), "should be an array"),
    "nothing": (dict(image=np.zeros((0, 9))), "should be an array"),
    "five channels": (dict(image=np.zeros((1, 9, 9, 5))), "sees 1 channels, but the image has 5"),
}


@pytest.mark.parametrize("name", WRONG_LOOKS)
def test_a_wrong_look_is_one_sentence(name):
    arguments, sentence = WRONG_LOOKS[name]
    with pytest.raises(InputError, match=sentence) as caught:
        AGENT.look(**arguments)
    assert "\n" not in str(caught.value)


def test_other_wrong_calls_are_one_sentence():
    with pytest.raises(InputError, match="take one of them"):
        list(AGENT.steps(IMAGES))
    with pytest.raises(InputError, match="one shape and type"):
        AGENT.predict([IMAGES[0], IMAGES[1][:50]])
    with pytest.raises(InputError, match="give \\(n, H, W\\) and \\(n,\\)"):
        AGENT.score(IMAGES[0], 1)
    for wrong in (LABELS + 10, np.array(["a"] * len(LABELS)), np.array([None] * len(LABELS)), LABELS + 0.5):
        with pytest.raises(InputError, match="labels should be integers from 0 to 9"):
            AGENT.score(IMAGES, wrong)
    for how in (dict(rollouts=0), dict(rollouts=1.5), dict(rollouts="2"), dict(seed=-1), dict(seed=None)):
        with pytest.raises(InputError, match=f"{next(iter(how))} should be a whole number from"):
            AGENT.predict(IMAGES, policy="sampled", **how)
    for none in ([], IMAGES[:0]):
        with pytest.raises(InputError, match="no images to label"):
            AGENT.predict(none)
    for start in (0.3, (1, 2, 3), np.zeros((3, 1)), np.zeros((3, 2)), "here"):
        with pytest.raises(InputError, match=r"start should be \(x, y\), or one for each of 2 rows"):
            rollout(AGENT.params, AGENT.config, summed_area(IMAGES[:2]), None, policy="mean", start=start)
    with pytest.raises(InputError, match="give summed_area"):
        rollout(AGENT.params, AGENT.config, IMAGES, np.random.default_rng(0))
    for name in ("pretrained:cluttered", "nowhere"):
        with pytest.raises(InputError, match="pretrained:cluttered-100, pretrained:cluttered-60, pretrained:mnist-28"):
            minram.load(name)


def test_what_is_printed_of_a_look_and_its_parts_is_three_lines():
    look = AGENT.look(IMAGES[0])
    records = [AGENT, look, look.steps[0], look.trajectory, look.trajectory.glimpse, look.trajectory.core]
    for record in records:
        assert repr(record).count("\n") <= 2 and max(map(len, repr(record).splitlines())) <= 120
    assert "loc (8,1,2)" in repr(look.trajectory) and "hidden (8,1,256)" in repr(look.trajectory.glimpse)


def test_a_plot_is_a_figure_that_a_notebook_shows():
    figure = AGENT.look(IMAGES[0]).plot()
    assert isinstance(figure, Figure) and figure._repr_png_().startswith(b"\x89PNG")
    path = figure.axes[0]
    assert len(path.lines) >= 8


def test_training_at_the_door_is_training(here):
    steps, lines = [], []
    run = minram.train("quick", data=dataset(), reward="probability", report=lines.append,
                       on_step=lambda step, outcome: steps.append((step, outcome.loss)), **TINY)  # fmt: skip
    assert run.folder == here.relative_to(here) / "runs" / "quick" and len(lines) == 2
    assert [step for step, _ in steps] == list(range(1, 7)) and len(run.metrics) == 2
    np.testing.assert_allclose(run.metrics[0]["loss"], np.mean([loss for _, loss in steps[:3]]), rtol=1e-12)
    params, _, _ = load_params(find_model(str(run.folder)))
    np.testing.assert_array_equal(run.agent.params["core.W"], params["core.W"])
    assert run.agent.config.reward == "probability"
    assert isinstance(run.plot(), Figure) and "best epoch" in repr(run)
    assert quiet().folder.name == "quick-2"  # a new one each time


def far(trajectory, labels):
    """The nearer to the right edge, the better."""
    return trajectory.loc[..., 0]


def zero(trajectory, returns):
    return np.zeros_like(returns)


def test_an_own_reward_and_baseline_are_used(here):
    seen = []

    def on_step(step, outcome):
        seen.append(outcome)

    quiet(reward=far, baseline=zero, on_step=on_step)
    for one in seen:
        np.testing.assert_array_equal(one.advantage, one.returns)
        assert (np.abs(one.reward) <= 1).all() and len(np.unique(one.reward)) == 8  # a place in each row
    assert json.loads((here / "runs" / "quick" / "config.json").read_text())["own"] == {
        "reward": "test_door.far", "baseline": "test_door.zero"
    }  # fmt: skip


def test_an_own_reward_moves_the_agent(here):
    """Paid to look to the right, it does. (The last weights, not those of the epoch with the fewest wrong labels.)"""
    settings = {"epochs": 30, "learning_rate": 0.02, "location_weight": 1.0, "std": 0.3, "start": "centre"}
    ends = []
    for sign in (1, -1):
        run = quiet(reward=lambda t, labels, sign=sign: sign * far(t, labels), **settings)
        agent = minram.Agent(*load_params(run.folder / "last.npz")[:2])
        ends.append(np.mean([look.path[-1, 0] for look in agent.look(dataset().x_test)]))
    assert ends[0] > 0.7 and ends[1] < -0.7  # untrained, both are near 0


def test_a_run_with_an_own_reward_goes_on_only_with_it(here):
    want = quiet(reward=far, out="whole")

    def stop(step, outcome):
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(Exception, match=r"Go on with: minram\.train\(resume='parts', …\) and the same reward\."):
        quiet(reward=far, out="parts", on_step=stop)
    with pytest.raises(InputError, match="leave out recipe"):
        minram.train("mnist-7", resume="parts", data=dataset(), report=None, reward=far)
    for wrong in ({}, {"reward": zero}, {"reward": far, "baseline": zero}):
        with pytest.raises(InputError, match=r"was begun with reward=test_door\.far; pass the same"):
            minram.train(resume="parts", data=dataset(), report=None, **wrong)
    minram.train(resume="parts", data=dataset(), report=None, reward=far)
    assert outcome(here / "parts") == outcome(want.folder)
    _, meta = checkpoint.load(here / "parts" / "last.npz")
    assert meta["own"] == {"reward": "test_door.far"}
    quiet(out="without")
    with pytest.raises(InputError, match="was begun with no functions of its own"):
        minram.train(resume="without", data=dataset(), report=None, reward=far)


WRONG_REWARDS = {
    "one number": (lambda t, labels: 1.0, "of the shape \\(3, 8\\)"),
    "a row": (lambda t, labels: np.zeros(8), "of the shape \\(3, 8\\)"),
    "transposed": (lambda t, labels: np.zeros((8, 3)), "of the shape \\(3, 8\\)"),
    "not finite": (lambda t, labels: np.full((3, 8), np.nan), "not all finite"),
    "words": (lambda t, labels: np.full((3, 8), "a"), "finite numbers"),
    "a number": (3, "should be a function"),
    "a name": ("far", "reward should be one of correct"),
}


@pytest.mark.parametrize("name", WRONG_REWARDS)
def test_a_wrong_reward_is_one_sentence(here, name):
    function, sentence = WRONG_REWARDS[name]
    with pytest.raises(InputError, match=sentence):
        quiet(reward=function)


def test_an_own_reward_without_effect_is_refused(here):
    for settings in (
        {"policy": "random", "baseline": "none"},
        {"objective": "reinforce", "flow": ("label", "location")},
    ):
        with pytest.raises(InputError, match="set model=ram, policy=gaussian and objective=hybrid"):
            quiet(reward=far, **settings)
    with pytest.raises(InputError, match=r"of the shape \(2, 8\)"):
        quiet(baseline=lambda t, returns: returns.mean())


def test_wrong_training_calls_are_one_sentence(here):
    for call, sentence in (
        (lambda: minram.train("quikc"), "did you mean 'quick'"),
        (lambda: minram.train(epochs=0), "epochs should be"),
        (lambda: minram.train(epoch=1), "did you mean 'epochs'"),
        (lambda: minram.train(resume="nowhere"), "nowhere"),
        (lambda: minram.train(resume="nowhere", epochs=3), "leave out recipe, settings"),
        (lambda: minram.train(data="nowhere.npz"), "nowhere.npz"),
        (lambda: minram.train(data=""), "data should be a path, but is ''"),
        (lambda: minram.train(data=IMAGES), "data should be a path"),
        (lambda: minram.train(out=""), "out should be a path, but is ''"),
        (lambda: minram.train(out=3), "out should be a path, but is 3"),
        (lambda: minram.train(resume=""), "resume should be a path, but is ''"),
        (lambda: minram.train(None), "there is no recipe 'None'"),
        (lambda: minram.train(workers=0), "workers should be a whole number from 1 to 1024, but is 0"),
        (lambda: minram.train(workers="two"), "workers should be a whole number"),
        (lambda: train_in_folder(SHORT, "new", workers=1.5), "workers should be a whole number"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()
    assert not list(here.rglob("runs/*")) and not (here / "new").exists()
    assert SHORT.changed(epochs=1).epochs == 1  # keywords simply work


def test_pictures_of_sixteen_bits_are_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 28 * 28).astype(np.uint16).reshape(28, 28)
    for name in ("ramp.png", "ramp.tif"):
        Image.fromarray(ramp).save(tmp_path / name)
        np.testing.assert_allclose(read_image(tmp_path / name), ramp / 65535, atol=1e-7)
    np.testing.assert_allclose(read_image(Image.fromarray(ramp)), ramp / 65535, atol=1e-7)  # float32
    np.testing.assert_array_equal(read_image(Image.fromarray(np.float32(ramp / 65535))), np.float32(ramp / 65535))
    with pytest.raises(InputError):  # which 16 of the 32 bits are meant is not known
        read_image(Image.fromarray(ramp.astype(np.int32)))


def test_a_convolution_tells_how_many_colours_it_reads():
    config = Config(model="conv")
    for channels in (1, 3):
        params = init_classifier(config, np.random.default_rng(0), 4, (28, 28, channels))
        agent = minram.door.Agent(params, config)
        assert agent.channels == channels
        assert agent.predict(np.random.default_rng(1).random((5, 28, 28, channels))).shape == (5,)


def test_what_cannot_be_trained_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for wrong in ({"batch_size": 1000}, {"policy": "random", "baseline": "none", "reward": lambda t, labels: t}):
        with pytest.raises(InputError):
            minram.train("quick", data=dataset(), report=None, **wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"x_train": np.full((24, 6, 5), 29.0)}, "x_train should hold bytes, or floats from 0 to 1"),
        ({"x_val": np.full((10, 6, 5), np.nan)}, "x_val should hold bytes, or floats from 0 to 1"),
        ({"x_test": np.zeros((10, 6, 6), np.uint8)}, "x_test should hold images"),
        ({"x_val": np.zeros((0, 6, 5), np.uint8), "y_val": np.zeros(0, int)}, "x_val should hold images"),
        ({"y_train": np.arange(24) - 1}, "y_train should hold 24 labels, integers from 0"),
        ({"y_val": np.arange(9)}, "y_val should hold 10 labels"),
        ({"y_val": np.arange(10) / 2}, "y_val should hold 10 labels"),
    ],
)
def test_a_data_set_that_is_none_is_refused(tmp_path, monkeypatch, changes, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        minram.train("quick", data=dataset()._replace(**changes), report=None)
    assert not list(tmp_path.iterdir())
