"""The retina as pictures need it: where its squares are, and what it saw in each of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minram.sensor import SummedArea, sensor_forward
from minram.training.config import Config


class Retina(NamedTuple):
    """k concentric squares of w × w cells: the settings of the glimpse sensor, which travel together."""

    scales: tuple[int, ...]  # (k,) the width of a cell in pixels, one for each square
    patch_size: int  # w, the width of a square in cells
    continuous: bool = False  # at exact locations, not at the nearest pixel edges
    background: float = 0.0  # in [0, 1]: what the sensor has subtracted from what it saw

    @classmethod
    def of(cls, config: Config) -> "Retina":
        """The retina of an agent with these settings."""
        return cls(config.scales, config.patch_size, config.continuous, config.background)

    @property
    def size(self) -> int:
        """k·w²: how many numbers a glimpse has for each colour channel."""
        return len(self.scales) * self.patch_size**2

    @property
    def widths(self) -> np.ndarray:
        """The width of each square in pixels (k,)."""
        return np.asarray(self.scales) * self.patch_size

    @property
    def finest(self) -> "Retina":
        """The square with the smallest cells alone."""
        return self._replace(scales=(min(self.scales),))

    def squares(self, loc: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
        """The squares that the sensor averages over at some locations, found by the sensor itself.

        loc (n, 2); shape: of the image, (H, W, …) → left, top, width, height (4, n, k), in units of l.
        """
        H, W = shape[:2]
        loc = np.asarray(loc)
        loc = loc if loc.dtype.kind == "f" else loc.astype(np.float32)
        nothing = SummedArea(np.zeros((1, 1, H + 1, W + 1), np.float32), 1.0)
        image = np.zeros(len(loc), int)  # (n,) every location on the one image
        _, cache = sensor_forward(nothing, loc, self.scales, self.patch_size, image, self.continuous)
        top, left = (edges[:, 0].T + 0.0 for edges in cache.edges)  # (n, k), pixels
        if cache.fraction is not None:
            top, left = top + cache.fraction[0][:, 0].T, left + cache.fraction[1][:, 0].T
        side = np.broadcast_to(self.widths, left.shape)
        return np.stack([left * 2 / W - 1, top * 2 / H - 1, side * 2 / W, side * 2 / H])

    def patches(self, phi: np.ndarray) -> np.ndarray:
        """One glimpse φ (C·k·w²,) as images, in the order of the scales, with the background → (k, w, w[, C])."""
        patches = phi.reshape(-1, len(self.scales), self.patch_size, self.patch_size) + self.background  # (C, k, w, w)
        return patches[0] if len(patches) == 1 else np.moveaxis(patches, 0, -1)
