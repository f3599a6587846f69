"""Large images of which a small part matters: a figure of 24 pixels somewhere among noise says the class."""

import numpy as np

SIZE = 24  # of the figure, in pixels
STROKE = 3  # half the width of a bar


def figures():
    """The two figures (2, 24, 24): an upright and a diagonal cross, white where True."""
    middle = np.arange(SIZE) - (SIZE - 1) / 2
    x, y = np.meshgrid(middle, middle)
    upright = (np.abs(x) < STROKE) | (np.abs(y) < STROKE)
    diagonal = (np.abs(x - y) < STROKE) | (np.abs(x + y) < STROKE)
    return np.stack([upright, diagonal])


def figure_in_noise(n=1000, size=256, seed=0):
    """n grey images (n, size, size) of noise from 0 to 127, each with one white figure at a uniform place → (x, y)."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 128, (n, size, size), dtype=np.uint8), rng.permutation(n) % 2
    for image, label, (row, column) in zip(x, y, rng.integers(0, size - SIZE + 1, (n, 2))):
        image[row : row + SIZE, column : column + SIZE][figures()[label]] = 255
    return x, y
