"""The smallest models, tasks and data that still have everything, for all test files.

A test that needs something else says so where it begins: `TINY.changed(glimpses=1)`.
"""

import numpy as np

from minram.agent import init_params
from minram.datasets.data import Dataset
from minram.training.config import Config

# Three glimpses, so that one is neither the first nor the last; few units, so that differences reach every parameter.
SIZES = {"glimpses": 3, "patch_size": 2, "what_units": 4, "where_units": 3, "glimpse_units": 5, "core_units": 4}

# For gradients: with two scales no layer has as many inputs as outputs, so that a transposed matrix does not fit, and
# the core begins with random weights, as the identity is its own transpose.
TINY = Config(**SIZES, scales=(1, 3), recurrent_init="he")

# For training: three epochs of three steps on the data set below, so that there are a first, a last and one between.
TRAINING = SIZES | {"batch_size": 8, "epochs": 3, "learning_rate": 0.01}
SHORT = Config(**TRAINING)
WORDS = [f"{name}={value}" for name, value in TRAINING.items()]  # the same for the command line

# Settings to add. The canvas is larger than the images below and not square, the distractors smaller than they are.
CANVAS = {"task": "translated", "canvas": (9, 8)}
CLUTTER = {"task": "cluttered", "canvas": (9, 8), "distractors": 2, "distractor_size": 3}
EVERY = {"label_steps": "every", "reward_steps": "every"}  # a label and a reward after each glimpse
REINFORCE = {"objective": "reinforce", "flow": ("label", "location")}  # the label is drawn, as a location is


def parameters(config, rng, spread=0.3, channels=1):
    """Float64 parameters for 3 classes, each moved by N(0, spread²): biases of 0 would hide what is done to them."""
    params = init_params(config, rng, 3, channels, np.float64)
    return {name: x + rng.normal(0, spread, x.shape) for name, x in params.items()}


def dataset(n=24, shape=(6, 5), classes=3, seed=0):
    """Random uint8 images with a bright band of rows where the label says, so that something can be learned.

    n for training, 10 for validation and 10 for the test. They are not square, so that x and y cannot be mistaken.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for size in (n, 10, 10):
        labels = rng.permutation(size) % classes
        bright = np.arange(shape[0]) * classes // shape[0] == labels[:, None]  # (n, H)
        noise = rng.integers(0, 100, (size, *shape), dtype=np.uint8)
        parts += [noise + np.uint8(150) * bright.reshape(size, shape[0], *[1] * (len(shape) - 1)), labels]
    return Dataset(*parts)


def save_npz(path, d):
    """Write a data set as a user would; a fifth of the training images is for validation again."""
    x, y = np.concatenate([d.x_train, d.x_val]), np.concatenate([d.y_train, d.y_val])
    np.savez(path, x_train=x, y_train=y, x_test=d.x_test, y_test=d.y_test)
    return path
