"""tutorials/ram.py, the method in one file: its gradients are the package's, and it stays short."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import fails, plant
from minram.agent import backward, layers, rollout
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training.config import Config
from minram.training.optim import pack, update_in_place

PATH = Path(__file__).resolve().parent.parent / "tutorials" / "ram.py"
sys.path.insert(0, str(PATH.parent))
import ram  # noqa: E402

N = 7
CONFIG = Config(
    glimpses=ram.T,
    patch_size=ram.CELLS,
    scales=ram.SCALES,
    what_units=ram.WHAT,
    where_units=ram.WHERE,
    glimpse_units=ram.GLIMPSE,
    core_units=ram.CORE,
    std=ram.SIGMA,
)


def batch(seed=0):
    """Parameters whose biases are not 0, images that are not square, and the random numbers of a rollout, in float64.

    Some of the locations lie on the border, so that clipping has an effect.
    """
    rng = np.random.default_rng(seed)
    p = {name: a.astype(float) + rng.normal(0, 0.1, a.shape) for name, a in ram.parameters(rng).items()}
    images, labels = rng.integers(0, 256, (N, 30, 25), dtype=np.uint8), rng.integers(0, 10, N)
    return p, images, labels, rng.uniform(-1, 1, (N, 2)), rng.normal(0, 4, (ram.T - 1, N, 2))


def of_the_package(p, images, labels, path, reward=None):
    """The same rollout, its cotangents and gradients by the package."""
    frozen = SimpleNamespace(loc=path["loc"][:1], sample=path["sample"])
    trajectory = rollout(p, CONFIG, summed_area(images), None, frozen=frozen)
    heads, _ = cotangents(trajectory, labels, CONFIG, reward=reward)
    return trajectory, heads, backward(p, trajectory, heads, CONFIG.flow)


def equal(ours, theirs):
    """To rounding: sums of at most a few thousand numbers, far from the 1e-3 of the smallest fault planted below."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())


def compare(seed=0):
    p, images, labels, first, noise = batch(seed)
    path = ram.forward(p, images, first, noise)
    labels[:3] = path["logits"].argmax(axis=1)[:3]  # some are right, so that there are both rewards
    dlogits, dmu, db = ram.cotangents(path, labels)
    grads = ram.backward(p, path, dlogits, dmu, db)
    trajectory, heads, theirs = of_the_package(p, images, labels, path)
    assert (np.abs(path["loc"]) == 1).any() and (np.abs(path["loc"]) < 1).any()
    for name in ("loc", "mu", "baseline"):
        equal(path[name], getattr(trajectory, name))
    for name, a in [*trajectory.glimpse._asdict().items(), *trajectory.core._asdict().items()]:
        equal(path[name], a)
    equal(path["logits"], trajectory.logits[0])
    equal(dlogits, heads.logits[0])
    equal(dmu, heads.mu)
    equal(db, heads.baseline)
    assert list(grads) and set(grads) == set(theirs)
    for name in theirs:
        assert np.abs(theirs[name]).max() > 0, name
        equal(grads[name], theirs[name])


@pytest.mark.parametrize("seed", range(3))
def test_every_array_and_gradient_is_the_package_s(seed):
    compare(seed)


FAULTS = [
    ("+ 0.5).astype", ").astype"),
    ("np.array([W, H])", "np.array([H, W])"),
    ("columns, rows =", "rows, columns ="),
    ("np.clip(sample, -1, 1)", "sample.clip(-1, 0.5)"),
    ("p_label - onehot", "p_label + onehot"),
    ('reward - path["baseline"]', "reward - 0 * path['baseline']"),
    ("dmu = -advantage", "dmu = advantage"),
    ("SIGMA**2", "SIGMA"),
    ('(path["sample"] - path["mu"])', '(np.clip(path["sample"], -1, 1) - path["mu"])'),
    ("/ N, dmu, -advantage", "/ N, dmu, advantage"),
    ("-advantage / N", "-advantage / T / N"),
    ("* (h[-1] > 0)", ""),
    ("reversed(range(T - 1))", "reversed(range(1, T - 1))"),
    ('p["core.W"][:core].T) * (h[t] > 0)', 'p["core.W"][:core].T)'),
    ('(path["g"] > 0)', '(path["g"] >= 0)'),
    ("* (hidden > 0)", ""),
    ("dhidden[..., :what]", "dhidden[..., -what:]"),
    ("dy.sum(axis=0)", "dy.mean(axis=0)"),
    ('linear("location", h[:-1], dmu)', 'linear("location", h[1:], dmu)'),
]


@pytest.mark.parametrize("old, new", FAULTS)
def test_a_planted_fault_is_seen(old, new, monkeypatch):
    plant(monkeypatch, ram, (old, new))
    assert fails(compare)


def test_its_parameters_are_the_package_s():
    p = ram.parameters(np.random.default_rng(0))
    sizes = layers(CONFIG)
    assert list(p) == [f"{name}.{part}" for name in sizes for part in "Wb"]
    for name, (n_in, n_out, gain) in sizes.items():
        assert p[f"{name}.W"].shape == (n_in, n_out) and p[f"{name}.b"].shape == (n_out,)
        spread = p[f"{name}.W"].std() * np.sqrt(n_in) / gain  # 1 but for a share of 1/√(2n), of which four are allowed
        assert abs(spread - 1) < 4 / np.sqrt(2 * n_in * n_out)


def test_adam_is_the_package_s():
    rng = np.random.default_rng(0)
    p = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    m, v = ({name: np.zeros_like(a) for name, a in p.items()} for _ in "mv")
    vector, views = pack(p)
    state = {"momentum": np.zeros_like(vector), "square": np.zeros_like(vector)}
    for step in range(5):
        grads = {name: rng.normal(size=a.shape) for name, a in p.items()}
        ram.adam(p, grads, m, v, step + 1, rate=0.1)
        update_in_place(Config(), vector, pack(grads)[0], state, step, 0.1)
    for name in p:
        equal(p[name], views[name])


def test_it_trains_and_draws(monkeypatch, capsys):
    """Bright images are of one label and dark ones of the other: even a small agent learns that in some seconds."""
    for name, value in {"EPOCHS": 8, "BATCH": 16, "T": 3, "WHAT": 16, "WHERE": 16, "GLIMPSE": 32, "CORE": 32}.items():
        monkeypatch.setattr(ram, name, value)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    images = (rng.integers(0, 60, (400, 20, 20)) + 150 * (labels[:, None, None] == 1)).astype(np.uint8)
    p = ram.train(images[:320], labels[:320], images[320:], labels[320:], rng)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 8 and printed[-1].startswith("epoch 8/8  validation error ")
    assert float(printed[-1].split()[-1].rstrip("%")) < 5
    assert all(a.dtype == np.float32 and np.isfinite(a).all() for a in p.values())


def test_a_drawing_shows_where_each_glimpse_was():
    image = np.zeros((3, 4), np.uint8)
    image[1, 2], image[2, 3] = 255, 104
    drawn = ram.drawing(image, np.array([[-1.0, -1.0], [1.0, -0.2]]))
    assert drawn.split("\n") == ["1      ", "    # 2", "      :"]


def test_it_is_one_file_of_150_lines():
    text = PATH.read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import numpy as np", "from minram.datasets.data import load"]
