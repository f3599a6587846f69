# %% [markdown]
# # 2 · The glimpse sensor
#
# **What you will see.** A small retina that sees sharply in the middle and coarsely around it. Why the mean over any
# rectangle of an image costs four look-ups, however large the rectangle is: with a pencil, in ten plain lines, and then
# in the package. The two derivatives of the sensor, by the location and by the image. And one set of parameters that
# works on images of any size.
#
# **What you need.** Lesson 1 for the words. Sums, integrals of step functions, the transpose of a matrix. The two
# sections on derivatives need three things of lesson 3, and a box before them says which. You may also come back to
# them after it.
#
# **How long it runs.** A few seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import matplotlib.pyplot as plt
import numpy as np

from lesson import show, show_source
from minram import sensor
from minram.agent import init_params, rollout
from minram.datasets import data
from minram.datasets.tasks import cluttered, fixed_images
from minram.gradcheck import check_adjoint, check_pair
from minram.pictures import plots, style
from minram.pictures.retina import Retina
from minram.pictures.style import COLOURS
from minram.sensor import sensor_backward_image, sensor_backward_location, sensor_forward, summed_area
from minram.training.config import Config

style.use()
EPS = np.finfo(float).eps
digits = data.load().x_test[:40]
canvas = fixed_images(cluttered(60), digits, seed=1)  # (B, 60, 60) a digit and some clutter
rng = np.random.default_rng(0)

# %% [markdown]
# ## A retina
#
# Below is a digit somewhere on a canvas of $60 \times 60$ pixels, and a retina that looks at it: three squares around
# one location, each with $12 \times 12$ *cells*. A cell of the first square is a pixel. A cell of the second is the
# mean of $2 \times 2$ pixels, a cell of the third the mean of $4 \times 4$. So the retina covers a wide part of the
# canvas with few numbers, and is sharp only where it looks.

# %%
scales, w = (1, 2, 4), 12
l = np.array([[0.45, -0.15]], np.float32)  # (N, 2) as (x, y)
area = summed_area(canvas[1:2])
phi, cache = sensor_forward(area, l, scales, w)  # (N, k·w·w)
print(f"the image has {canvas[1].size} pixels, the glimpse {phi.size} numbers")

# %% tags=["picture", "hide-input"]
retina = Retina(scales, w)
fig, axes = plt.subplots(1, 5, figsize=(10, 2.3))
plots.image(axes[0], canvas[1])
plots.retina_outline(axes[0], l[0], canvas[1].shape, retina)
axes[0].set_title("the image")
for i, (patch, ax) in enumerate(zip(retina.patches(phi[0]), axes[1:4])):
    plots.image(ax, patch)
    ax.spines[:].set(visible=True, color=style.SCALES[i], linewidth=2)
    ax.set_title(f"scale {scales[i]}")
plots.retina_view(axes[4], phi[0], retina)
axes[4].set_title("put together")
show("A cluttered canvas with three nested squares on it, what each square sees, and the three put together")

# %% [markdown]
# ## Where is l?
#
# A location $l = (l_x, l_y)$ lies in $[-1, 1]^2$: $x$ to the right, $y$ down, the origin at the centre of the image.
# $-1$ is its left or top edge, $+1$ its right or bottom edge. For an image $W$ pixels wide and $H$ pixels high the
# position in pixels, counted from the left and the top *edge* of the image, is
#
# $$u_x = (l_x + 1)\,\frac{W}{2}, \qquad u_y = (l_y + 1)\,\frac{H}{2}.$$
#
# Pixels have no coordinates here, only edges have: column $j$ reaches from edge $j$ to edge $j + 1$. This small
# convention avoids the off-by-one errors that haunt such code. A square of $w$ cells of $s$ pixels around $u$ has the
# cell edges
#
# $$e_i = u - \frac{ws}{2} + s\,i, \qquad i = 0, \ldots, w.$$
#
# By hand: an image 8 pixels wide, $l_x = 0.5$, three cells of 2 pixels. Then $u_x = 1.5 \cdot 4 = 6$, and the edges are
# 3, 5, 7 and 9. The last cell sticks out of the image by one pixel.
#
# The squares of all scales have the same centre, and nothing in this depends on whether $w$ is even or odd, or $W$
# equal to $H$. Last, the square is moved to the nearest pixel edges, with all its cells, so that a cell holds whole
# pixels. This may shift two scales against each other by half a pixel.

# %%
_, at = sensor_forward(summed_area(np.zeros((1, 8, 8))), np.array([[0.5, 0.0]]), (2,), 3)
print("by hand, column edges", at.edges[1].ravel())
assert at.edges[1].ravel().tolist() == [3, 5, 7, 9]
for H, W in [(28, 28), (60, 60), (37, 53)]:
    _, at = sensor_forward(summed_area(np.zeros((2, H, W))), np.array([[-1.0, -1.0], [1.0, 1.0]]), (1,), 2)
    middle = np.stack(at.edges)[:, 0, 1].T  # (N, 2) row and column: of two cells, the edge between them
    print(f"{H} × {W}: (−1, −1) is at the edges {middle[0]}, (1, 1) at the edges {middle[1]}")
    assert np.array_equal(middle, [[0, 0], [H, W]])
# The nearest edges: none of the true ones is further away than half a pixel.
many = rng.uniform(-1, 1, (500, 2))
_, at = sensor_forward(summed_area(np.zeros((1, 37, 53))), many, (3,), 5, np.zeros(500, int))
for edges, l_i, n in ((at.edges[0], many[:, 1], 37), (at.edges[1], many[:, 0], 53)):
    moved = edges[0, 0] - ((l_i + 1) * n / 2 - 5 * 3 / 2)  # (N,) how far the square was moved
    assert np.abs(moved).max() <= 0.5 and moved.min() < -0.48 and moved.max() > 0.48

# %% [markdown]
# > **Asked: why −1 to 1, and not pixels?** So that the network need not know how large the image is. The centre is 0
# > and the edge is 1 in every image, and 0.1 is a twentieth of it.
#
# ## Sums with a pencil
#
# A cell of scale $s$ is a mean over $s^2$ pixels. Added up one by one, the large scales would cost most, though they
# tell least. There is a better way. Here is an image of $3 \times 3$ pixels, and beside it a table with one more row
# and column. Each entry is the sum of all pixels above it and to the left of it:
#
# | | | | | | | | |
# |--:|--:|--:|---|--:|--:|--:|--:|
# | | | | | 0 | 0 | 0 | 0 |
# | 1 | 2 | 0 | | 0 | 1 | 3 | 3 |
# | 3 | 1 | 1 | | 0 | 4 | 7 | 8 |
# | 0 | 2 | 4 | | 0 | 4 | 9 | **14** |
#
# What is the sum of the four pixels at the bottom right, 1 + 1 + 2 + 4? Take the last entry, 14: that is everything.
# Take away what is above: 3. Take away what is to the left: 4. The pixel at the top left has been taken away twice, so
# give it back: 1. The sum is $14 - 3 - 4 + 1 = 8$. Four look-ups, and it would have been four for a million pixels.
#
# Franklin Crow found this in 1984, to draw textures. Paul Viola and Michael Jones made it famous in 2001, as the
# *integral image*, for finding faces. In plain lines:


# %%
def plain_table(x):
    """x (H, W) → S (H + 1, W + 1), the sums of all pixels above and to the left of each edge."""
    S = np.zeros((x.shape[0] + 1, x.shape[1] + 1))
    S[1:, 1:] = x.cumsum(axis=0).cumsum(axis=1)
    return S


def plain_sum(S, i, i2, j, j2):
    """The sum of the rows i to i2 − 1 and the columns j to j2 − 1."""
    return S[i2, j2] - S[i, j2] - S[i2, j] + S[i, j]


small = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 1.0], [0.0, 2.0, 4.0]])
S = plain_table(small)
print(S)
assert (S == [[0, 0, 0, 0], [0, 1, 3, 3], [0, 4, 7, 8], [0, 4, 9, 14]]).all()
assert plain_sum(S, 1, 3, 1, 3) == 8

# %% [markdown]
# ## Why it is right
#
# Start with one row of pixels $x_0, \ldots, x_{W-1}$. Let
#
# $$S_0 = 0, \qquad S_j = x_0 + \cdots + x_{j-1}$$
#
# be the sum of everything to the left of edge $j$. Then any stretch of the row is a difference of two of them:
#
# $$\sum_{q=a}^{b-1} x_q = S_b - S_a,$$
#
# because the pixels to the left of edge $a$ are in both and cancel.

# %%
row = digits[3, 14] / 255  # one row of a digit
S_row = np.concatenate([[0], np.cumsum(row)])
a, b = 8, 19
print(f"sum of the pixels 8 to 18: {row[a:b].sum():.6f}, difference {S_row[b] - S_row[a]:.6f}")
assert abs(row[a:b].sum() - (S_row[b] - S_row[a])) < 28 * EPS * S_row[-1]  # rounding of some 28 additions

# %% tags=["hide-input"]
fig, (above, below) = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True, height_ratios=[1, 1.4])
bars = above.bar(
    np.arange(28) + 0.5, row, width=1, color=[COLOURS["glimpse" if a <= q < b else "muted"] for q in range(28)]
)
for bar in bars[a:b]:
    bar.set(hatch="//", edgecolor="white", linewidth=0)
above.set(ylabel="pixel $x_q$", title="A row of pixels, and the sums to the left of each edge")
below.plot(np.arange(29), S_row, "o-", color=COLOURS["core"], markersize=3.5)
below.plot([a, b + 2], [S_row[a], S_row[a]], ":", color=COLOURS["exact"], linewidth=1)
below.plot([b, b + 2], [S_row[b], S_row[b]], ":", color=COLOURS["exact"], linewidth=1)
below.annotate(
    "", (b + 1.5, S_row[b]), (b + 1.5, S_row[a]), arrowprops={"arrowstyle": "<->", "color": COLOURS["exact"]}
)
below.text(b + 1.8, (S_row[a] + S_row[b]) / 2, "$S_b - S_a$", va="center")
below.set(xlabel="column edge", ylabel="$S_j$", xticks=[0, a, 14, b, 28], xlim=(0, 28))
below.set_xticklabels(["0", "a = 8", "14", "b = 19", "28"])
show("Bars of one row's pixels, hatched from edge 8 to 19, and their running sum, whose rise between the two is marked")

# %% [markdown]
# For an image the same is done twice. Write $R_{p,j} = \sum_{q<j} x_{p,q}$ for the sums along row $p$. Then $S_{i,j}$,
# the sum of all pixels above row edge $i$ and to the left of column edge $j$, is the sum of $R_{p,j}$ down to row edge
# $i$. The rectangle from row edge $i$ to $i'$ and from column edge $j$ to $j'$:
#
# $$\begin{aligned}
# \sum_{p=i}^{i'-1} \sum_{q=j}^{j'-1} x_{p,q}
#   &= \sum_{p=i}^{i'-1} \left( R_{p,j'} - R_{p,j} \right) && \text{the rule along each row} \\
#   &= \sum_{p=i}^{i'-1} R_{p,j'} - \sum_{p=i}^{i'-1} R_{p,j} && \text{a sum of differences} \\
#   &= \left( S_{i',j'} - S_{i,j'} \right) - \left( S_{i',j} - S_{i,j} \right)
#      && \text{the rule down each column of } R \\
#   &= S_{i',j'} - S_{i,j'} - S_{i',j} + S_{i,j}. &&
# \end{aligned}$$
#
# The picture shows why there are four. What is subtracted twice, hatched both ways, has to be added once.

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), width_ratios=(1, 1, 1))
x, (i, i2, j, j2) = digits[0], (6, 20, 9, 23)


def shade(ax, top, bottom, left, right, colour, hatch):
    box = (left / 14 - 1, top / 14 - 1), (right - left) / 14, (bottom - top) / 14
    ax.add_patch(plt.Rectangle(*box, facecolor=(*colour, 0.25), edgecolor=colour, hatch=hatch, linewidth=1.5))


rgb = {"sky": (0.34, 0.71, 0.91), "orange": (0.9, 0.62, 0.0)}
for ax, (title, boxes) in zip(
    axes,
    (
        ("the sum that is wanted", [(i, i2, j, j2, rgb["sky"], "")]),
        ("$S_{i',j'}$: everything up to there", [(0, i2, 0, j2, rgb["sky"], "")]),
        (
            "taken away: $S_{i,j'}$ and $S_{i',j}$",
            [(0, i, 0, j2, rgb["orange"], "//"), (0, i2, 0, j, rgb["orange"], "\\\\")],
        ),
    ),
):
    plots.image(ax, x)
    for box in boxes:
        shade(ax, *box)
    ax.set_title(title)
    ax.set_xticks([j / 14 - 1, j2 / 14 - 1], ["$j$", "$j'$"])
    ax.set_yticks([i / 14 - 1, i2 / 14 - 1], ["$i$", "$i'$"])
    for edge in (i, i2):
        ax.axhline(edge / 14 - 1, color="white", linewidth=0.6, linestyle=":")
    for edge in (j, j2):
        ax.axvline(edge / 14 - 1, color="white", linewidth=0.6, linestyle=":")
show(
    "A digit with the wanted rectangle, with all up to its far corner, and with the two parts taken away, which overlap"
)

# %% [markdown]
# ## A whole glimpse in plain lines
#
# Put the edges and the sums together, and that is the sensor. What lies outside the image is clamped to the border; the
# section after the next says why.


# %%
def plain_glimpse(x, l, scales, w):
    """x (H, W), l (2,) as (x, y) → φ (k·w·w,), cell by cell."""
    S, phi = plain_table(x), []
    for s in scales:
        top, left = (int(np.floor((l[d] + 1) * n / 2 - w * s / 2 + 0.5)) for d, n in ((1, x.shape[0]), (0, x.shape[1])))
        for r in range(w):
            for c in range(w):
                i, i2 = np.clip([top + s * r, top + s * (r + 1)], 0, x.shape[0])
                j, j2 = np.clip([left + s * c, left + s * (c + 1)], 0, x.shape[1])
                phi.append(plain_sum(S, i, i2, j, j2) / s**2)
    return np.array(phi)


x = rng.integers(0, 256, (3, 19, 26), np.uint8)
places = rng.uniform(-1, 1, (40, 2))
ours, _ = sensor_forward(summed_area(x), places, (1, 2, 3), 4, np.arange(40) % 3)
for n in range(40):
    plain = plain_glimpse(x[n % 3], places[n], (1, 2, 3), 4) / 255
    assert np.abs(ours[n] - plain).max() <= 4 * EPS  # two rounded factors of numbers below 1
print("40 glimpses of three scales, cell by cell: the same as the package")

# %% [markdown]
# Now the package. What it adds to `plain_table`: images in a batch, colours, the background, and speed. `_sums_along_y`
# and `_sums_along_x` do what `cumsum` does. What it adds to the loops: all cells and all rows at once. `_index` clamps
# the edges and says where in the table the corners are, `_look_up` reads them, and `_cells` takes the differences along
# one axis, then along the other. Neighbouring cells share their corners, so a cell costs even less than four look-ups.

# %%
show_source(summed_area, sensor._index, sensor._look_up, sensor._cells)

# %% [markdown]
# The check: random rectangles, added up pixel by pixel.

# %%
table = summed_area(digits[:1]).table[0, 0]  # (H+1, W+1)
for _ in range(500):
    (i, i2), (j, j2) = np.sort(rng.integers(0, 29, (2, 2)), axis=1)
    assert plain_sum(table, i, i2, j, j2) == digits[0, i:i2, j:j2].sum(dtype=int)
print("500 rectangles, no difference at all")
for shape in ((2, 40, 90), (1, 3, 5), (3, 7, 69)):  # also wider than the strips in which sums are made
    x = rng.integers(0, 256, shape, np.uint8)
    for n in range(len(x)):
        assert (summed_area(x).table[n, 0] == plain_table(x[n])).all()

# %% [markdown]
# ## Exactness
#
# The comparisons of the last check are `==`, without a tolerance. Pixels are bytes, and float32 holds every integer up
# to $2^{24}$. As long as the sum of all pixels stays below that, no addition is rounded. Differences of large sums are
# where floating-point numbers usually lose their digits; here they lose none. For larger images the table is float64,
# which holds integers up to $2^{53}$. Had we divided by 255 first, every addition would round.

# %%
print(f"largest possible sum of a 28 × 28 image: {255 * 28 * 28}, and 2^24 = {2**24}")
divided = np.cumsum(np.cumsum(digits[0] / np.float32(255), axis=0), axis=1)  # float32
worst = np.abs(divided * 255 - table[1:, 1:]).max()
print(f"divided first, the table is off by up to {worst:.2e} grey levels")
whole = digits.astype(np.int64).cumsum(axis=1).cumsum(axis=2)
assert summed_area(digits).table.dtype == np.float32 and worst > 0
assert (summed_area(digits).table[:, 0, 1:, 1:] == whole).all()
white = np.full((1, 300, 300), 255, np.uint8)  # 255 · 300² > 2^24
assert summed_area(white).table.dtype == np.float64 and summed_area(white).table[0, 0, -1, -1] == 255 * 300 * 300

# %% [markdown]
# ## What a glimpse costs
#
# We count the numbers that are read for one square of $12 \times 12$ cells: pixels if one adds them up, entries of the
# table if one uses it. The second count is what `_look_up` reads.

# %%
scale = np.array([1, 2, 3, 4, 6, 8, 12, 16])
pixels = w * w * scale**2
corners = []
for s in scale:
    _, at = sensor_forward(area, l, (int(s),), w)
    corners.append(sensor._look_up(at).size)
print(f"table: {corners[0]} numbers at every scale; pixels: {pixels[0]} to {pixels[-1]}")
assert set(corners) == {(w + 1) ** 2}  # corners are shared: fewer than 4 w²

# %% tags=["hide-input"]
fig, ax = plt.subplots()
ax.loglog(scale, pixels, "s--", color=COLOURS["muted"], label="adding up pixels")
ax.loglog(scale, corners, "o-", color=COLOURS["glimpse"], label="summed-area table")
ax.set(xlabel="scale s (pixels to a cell's side)", ylabel="numbers read for a square", xticks=scale, ylim=(50, None))
ax.set_title("The cost of a square of 12 × 12 cells")
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
show("Numbers read against the scale: a rising line for pixels, a level one for the table")

# %% [markdown]
# The table itself costs one pass over the image, once, for all glimpses and all rollouts.
#
# ## Beyond the border
#
# A retina near the border sticks out of the image. What is there? If it were noise, or a colour that the images do not
# have, the border would shine, and the agent would learn to find the border. Outside there must be background. With
# background 0 nothing is added when one goes on past the border. So $S$ is constant there, and it is enough to move an
# edge that lies outside back to the border. No padding, and every square stays where it belongs.
#
# If the background is not black, `summed_area` subtracts it first. It is given as a grey value from 0 to 1, for bytes
# too. So a negative, whose background is white, must look exactly like the digit with its sign changed, wherever the
# retina is.

# %%
corner = np.array([[0.85, -0.65]], np.float32)
black, _ = sensor_forward(summed_area(digits[3:4]), corner, scales, w)
white, _ = sensor_forward(summed_area(255 - digits[3:4], background=1), corner, scales, w)
forgotten, _ = sensor_forward(summed_area(255 - digits[3:4]), corner, scales, w)
assert np.array_equal(black, -white)
padded = np.pad(digits[3].astype(float), 60)  # the slow way, to check the fast one
slow = []
for s in scales:
    top, left = np.floor((corner[0, ::-1] + 1) * 14 - w * s / 2 + 0.5).astype(int) + 60
    slow.append(padded[top : top + w * s, left : left + w * s].reshape(w, s, w, s).mean(axis=(1, 3)) / 255)
# Both are a few rounded operations away from the exact mean, which is at most 1.
assert np.abs(np.ravel(slow) - black[0]).max() <= 4 * np.finfo(np.float32).eps
print(f"padding and clamping differ by {np.abs(np.ravel(slow) - black[0]).max():.0e}")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 5, figsize=(10, 2.4))
plots.image(axes[0], 255 - digits[3])
plots.retina_outline(axes[0], corner[0], (28, 28), retina)
axes[0].set(title="a negative", xlim=(-1.1, 3.2), ylim=(1.6, -2.7))
for ax, title, values, view in (
    (axes[1], "background 1", white[0], Retina(scales, w, background=1)),
    (axes[2], "background forgotten", forgotten[0], retina),
    (axes[3], "the digit itself", black[0], retina),
    (axes[4], "the digit, by padding", np.ravel(slow), retina),
):
    plots.retina_view(ax, values, view)
    ax.set_title(title)
show(
    "A retina over the corner of a negative: white outside as it should be, and black outside where that was forgotten"
)

# %% [markdown]
# In the third picture the border shines, as a black rim.
#
# ## Between the pixels
#
# So far each square was moved to the nearest pixel edge. That is exact and fast, and it is how we train. But it makes
# $\phi$ a step function of $l$, with the derivative 0 wherever there is one. Can the sensor look at $l$ itself?
#
# Take the image for what it is, a function that is constant on each pixel. In one dimension its integral from the left
# border to a point between edge $j$ and edge $j + 1$, at $j + f$ with $0 \le f < 1$, is
#
# $$\begin{aligned}
# S(j + f) &= S_j + f\, x_j && \text{all of the pixels before, and a share of pixel } j \\
#   &= S_j + f\,(S_{j+1} - S_j) && \text{since } S_{j+1} = S_j + x_j \\
#   &= (1 - f)\, S_j + f\, S_{j+1}. && \text{linear interpolation}
# \end{aligned}$$
#
# This is no approximation: interpolating the *sums* linearly integrates the *pixels* exactly. By hand, with the first
# row of the small image, 1, 2, 0, whose sums are 0, 1, 3, 3: up to the point 1.5 it is
# $\tfrac12 \cdot 1 + \tfrac12 \cdot 3 = 2$, one whole pixel and half of the 2.
#
# In two dimensions the integral up to $(i + f_y, j + f_x)$ gives the bilinear interpolation of the table, by the same
# argument along $x$ and then along $y$. Its four weights are in `_bilinear`. The rest of the sensor stays as it is. The
# check computes the overlap of each cell with each pixel.

# %%
show_source(sensor._bilinear)
x = rng.random((1, 9, 13))  # a small image that is not square
l = np.array([[0.237, -0.419]])
phi, cache = sensor_forward(summed_area(x), l, (1, 3), 5, continuous=True)  # an odd patch
assert np.interp(1.5, np.arange(4), S[1]) == 2  # the row by hand: S[1] holds 0, 1, 3, 3


def overlap(edges, n):
    """The length of each cell (between neighbouring edges) inside each pixel. (w + 1,) → (w, n)"""
    low = np.maximum(edges[:-1, None], np.arange(n))
    high = np.minimum(edges[1:, None], np.arange(n) + 1)
    return np.maximum(high - low, 0)


direct = []
for s in (1, 3):
    ex, ey = ((l[0, d] + 1) * n / 2 - 5 * s / 2 + s * np.arange(6) for d, n in ((0, 13), (1, 9)))
    direct.append(overlap(ey, 9) @ x[0] @ overlap(ex, 13).T / s**2)
error = np.abs(np.ravel(direct) - phi[0]).max()
print(f"largest difference {error:.1e}")
# Entries of the table are sums of up to 9 · 13 pixels, each rounded; four of them are subtracted.
assert error < 4 * 9 * 13 * EPS * x.sum()

# %% [markdown]
# Here is one number of a glimpse, while the retina moves slowly to the right across a digit. Its slope, below, is
# derived in the next section.

# %%
xs = np.linspace(-0.8, 0.8, 801)
track = np.stack([xs, np.full_like(xs, -0.36)], axis=1)  # (n, 2)
one = summed_area(digits[:1])
aligned, _ = sensor_forward(one, track, (2,), 3, np.zeros(len(xs), int))
moving, cache = sensor_forward(one, track, (2,), 3, np.zeros(len(xs), int), continuous=True)
pick = np.zeros_like(moving)
pick[:, 4] = 1  # the middle cell of 3 × 3
slope = sensor_backward_location(pick, cache)[:, 0]  # ∂φ/∂l_x
# The slope is constant between pixels' edges: its sum over the track is the rise, but for a step at each edge.
rise = moving[-1, 4] - moving[0, 4]
assert abs(slope[:-1] @ np.diff(xs) - rise) < 24 * np.diff(xs)[0] * np.abs(np.diff(slope)).max()
assert len(np.unique(aligned[:, 4])) <= 24 < len(np.unique(moving[:, 4]))  # a step for each pixel edge on the way

# %% tags=["hide-input"]
fig, (above, below) = plt.subplots(2, 1, figsize=(7, 4), sharex=True)
above.plot(xs, aligned[:, 4], "--", color=COLOURS["muted"], label="aligned")
above.plot(xs, moving[:, 4], color=COLOURS["glimpse"], label="continuous")
above.set(ylabel="φ (grey value, 0 to 1)", title="One cell of a moving retina")
above.legend()
below.plot(xs, slope, color=COLOURS["location"])
below.set(xlabel="$l_x$ (image half-widths)", ylabel="∂φ/∂$l_x$ (per half-width)", xlim=(-0.8, 0.8))
show("One cell's value against the location: steps where aligned, a line with corners where continuous, and its slope")

# %% [markdown]
# > **What the next two sections need of lesson 3.** (1) $L$ is any *one number* that is computed, in the end, from what
# > the sensor sees. The **cotangent** $\mathrm{d}\phi$ is $\partial L / \partial \phi$: for each cell, by how much $L$
# > changes if that cell's number does. (2) **Uses add up.** If a number is used in several places, its derivative is
# > the sum of what comes back from all of them. Here a location is used by all its cells, and a pixel by all cells that
# > see it. (3) A derivative is checked by **finite differences**: compute the function a little to the right and a
# > little to the left, and divide the difference by the distance. `check_pair` does so, for cotangents that it draws at
# > random.
#
# ## The derivative by the location
#
# A cell whose left and right edges are $e$ and $e + s$, and whose upper and lower edges are $e'$ and $e' + s$, sees the
# mean
#
# $$\phi = \frac{1}{s^2} \int_{e'}^{e'+s} \int_e^{e+s} x(a, b)\, \mathrm{d}a\, \mathrm{d}b.$$
#
# Move it to the right. By the fundamental theorem of calculus, the derivative of an integral by its upper limit is the
# integrand there, and by its lower limit minus the integrand there:
#
# $$\begin{aligned}
# \frac{\partial \phi}{\partial e}
#   &= \frac{1}{s^2} \int_{e'}^{e'+s} \big( x(e + s, b) - x(e, b) \big)\, \mathrm{d}b
#      && \text{fundamental theorem, both limits move} \\
#   &= \frac{1}{s} \Big( \text{mean over the right edge} - \text{mean over the left edge} \Big).
#      && \text{an integral over a length } s
# \end{aligned}$$
#
# What enters at one side minus what leaves at the other. By hand, with a cell of one pixel on the row 1, 2, 0, from 0.5
# to 1.5: it sees $\tfrac12 \cdot 1 + \tfrac12 \cdot 2 = 1.5$. Moved to the right, the 2 enters and the 1 leaves, so its
# slope is $2 - 1 = 1$ per pixel.
#
# As $e = (l_x + 1) W/2 + \text{constant}$, the chain rule adds a factor. And since all cells move with the one
# location, uses add up:
#
# $$\frac{\partial L}{\partial l_x} = \frac{W}{2} \sum_c \mathrm{d}\phi_c\, \frac{\partial \phi_c}{\partial e},
#   \qquad c \text{ over all cells}.$$
#
# In the code the integral along an edge comes from the table as well. Between two edges $S$ is linear in $x$, so its
# slope is the step to the next column edge, $\partial S / \partial x = S_{\cdot,\,j+1} - S_{\cdot,\,j}$, interpolated
# along $y$. With this in place of $S$, the same four look-ups give the derivative of the cell's sum. A mean is that sum
# over $s^2$ (times 1/255 for bytes), and `_cotangent_of_cells` makes the cotangents of the sums from those of the
# means.

# %%
show_source(sensor_backward_location)

# %%
line = np.array([[[1.0, 2.0, 0.0]]])  # (B, 1, 3)
phi, at = sensor_forward(summed_area(line), np.array([[-1 / 3, 0.0]]), (1,), 1, continuous=True)
slope = sensor_backward_location(np.ones((1, 1)), at)[0, 0]
print(f"by hand: φ = {phi[0, 0]:.4f}, slope {slope / 1.5:.4f} per pixel, {slope:.4f} per half-width of 1.5 pixels")
assert abs(phi[0, 0] - 1.5) < 8 * EPS and abs(slope - 1.5 * 1) < 8 * EPS

# %% [markdown]
# Then against finite differences, on an image that is not square, with an odd patch. At a pixel's edge the slope jumps,
# as the lower plot above shows, and there is no derivative to compare with. So the check is told which pixels the edges
# lie in (`signature`), and leaves out a comparison whose step would cross into another pixel. It counts those as
# *kinks*.

# %%
area_4 = summed_area(rng.random((4, 9, 13)))
l = rng.uniform(-1.1, 1.1, (4, 2))  # also a little outside


def forward(loc):
    return sensor_forward(area_4, loc, (1, 3), 5, continuous=True)


report = check_pair(forward, sensor_backward_location, {"loc": l}, rng=rng, signature=lambda cache: cache.edges)
print(report)
assert report.passed

# %% [markdown]
# > **Asked: then why does the agent not learn by this derivative?** Training never calls this function. REINFORCE
# > learns where to look without asking how the image changes there. Lesson 6 shows what happens if one asks.
#
# ## The derivative by the image
#
# For a fixed location the sensor is linear in the image: $\phi_c = \sum_n A_{cn}\, x_n$, with a number for each cell
# $c$ and pixel $n$, and a matrix $A$ that nobody writes down. So
#
# $$\begin{aligned}
# \mathrm{d}x_n = \frac{\partial L}{\partial x_n} &= \sum_c \frac{\partial L}{\partial \phi_c}\,
#     \frac{\partial \phi_c}{\partial x_n} && \text{uses add up: the pixel is used by the cells } c \\
#   &= \sum_c \mathrm{d}\phi_c\, A_{cn} && \phi_c \text{ is linear} \\
#   &= (A^{\mathsf T} \mathrm{d}\phi)_n. && \text{the rows of } A^{\mathsf T} \text{ are the columns of } A
# \end{aligned}$$
#
# $A^{\mathsf T}$ is called the *adjoint*. To apply it without writing it down, note that the sensor is four linear
# steps, $A = V D\, E\, P$, so
#
# $$A^{\mathsf T} = P^{\mathsf T} E^{\mathsf T} D^{\mathsf T} V \qquad \text{(the transpose of a product; } V
#   \text{ is diagonal)},$$
#
# and each has a transpose that one can say in words.
#
# $P$ makes the table: $S_{i,j}$ is the sum of the pixels above and to the left. Pixel $(p, q)$ is in $S_{i,j}$ for all
# $i > p$ and $j > q$. So $P^{\mathsf T}$ sums the table's cotangents below and to the right: two `cumsum` from the
# other end.
#
# $E$ looks entries up. Where a table entry is read twice, its cotangent comes back twice. So $E^{\mathsf T}$ adds each
# cotangent at the place it was read from: `np.add.at`.
#
# $D$ takes differences of corners, $S_{i',j'} - S_{i,j'} - S_{i',j} + S_{i,j}$. So $D^{\mathsf T}$ gives each cell's
# cotangent to the four corners, with those signs.
#
# $V$ turns sums into means: it multiplies by $1/s^2$, and by 1/255 for bytes. So does its transpose. This is
# `cache.value`.

# %%
show_source(sensor._cotangent_of_cells, sensor_backward_image)

# %% [markdown]
# Together they do something simple: they spread each cell's cotangent evenly over the pixels that the cell saw. The
# picture shows it for one cell, and for a whole glimpse sent back.

# %%
one = summed_area(canvas[1:2] / np.float32(255))
l = np.array([[0.45, -0.15]], np.float32)
phi, cache = sensor_forward(one, l, scales, w)
single = np.zeros_like(phi)
single[0, 2 * w * w + 3 * w + 7] = 1  # scale 4, fourth row, eighth column
of_one = sensor_backward_image(single, cache)[0, ..., 0]
share = of_one[of_one != 0]
print(f"{share.size} pixels get {share.min():.4f} to {share.max():.4f} each, in all {share.sum():.4f}")
assert share.size == 16 and np.all(share == 1 / 16)
of_all = sensor_backward_image(phi, cache)[0, ..., 0]

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6))
plots.image(axes[0], canvas[1])
plots.retina_outline(axes[0], l[0], (60, 60), retina)
axes[0].set_title("x")
plots.image(axes[1], of_one / of_one.max())
axes[1].set_title("$A^{\\mathsf{T}}$ of one cell")
plots.image(axes[2], of_all / of_all.max())
axes[2].set_title("$A^{\\mathsf{T}} A\\,x$")
show(
    "The canvas with its retina, the 16 pixels that one cell of scale 4 gives its cotangent to, and a glimpse sent back"
)

# %% [markdown]
# How does one check a transpose without the matrix? By what defines it: for every image $x'$ and every $\phi'$,
#
# $$\langle A x', \phi' \rangle = \langle x', A^{\mathsf T} \phi' \rangle.$$
#
# If this holds for a few random ones, up to rounding, the adjoint is right, for a wrong entry anywhere would change one
# side and not the other. This *dot-product test* costs two applications and knows nothing of step sizes.

# %%
l = rng.uniform(-1.1, 1.1, (6, 2))
image = np.array([0, 0, 1, 1, 1, 0])  # some rows share an image, whose gradients then add up
for continuous in (False, True):

    def A(x, continuous=continuous):
        return sensor_forward(summed_area(x), l, (1, 3), 5, image, continuous)[0]

    def A_transposed(dphi, continuous=continuous):
        _, cache = sensor_forward(summed_area(np.zeros((2, 9, 13))), l, (1, 3), 5, image, continuous)
        return sensor_backward_image(dphi, cache)[..., 0]

    report = check_adjoint(A, A_transposed, (2, 9, 13), (6, 50), rng, name=f"continuous = {continuous}")
    print(report)
    assert report.passed

# %% [markdown]
# ## The whole sensor
#
# Read it now from top to bottom. The first lines refuse what makes no sense. Then come the section on locations
# (`centre`, `start`), the nearest edges (`first`, `edges`), the weights between pixels (`fraction`), the look-ups, the
# differences and the factor `value`. One trick is new: rows come last inside, since NumPy's inner loops are then long.

# %%
show_source(sensor_forward)

# %% [markdown]
# ## The same parameters, any image
#
# The network behind the sensor sees $k w^2$ numbers and two coordinates, never the image. So its parameters do not know
# how large the image is. One agent, three image sizes:

# %%
config = Config(glimpses=4, patch_size=8, scales=(1, 2), what_units=32, where_units=32, glimpse_units=64, core_units=64)
params = init_params(config, np.random.default_rng(0))
wide = np.zeros((1, 37, 53), np.uint8)
wide[0, 5:33, 20:48] = digits[7]
shown = [digits[7:8], canvas[7:8], wide]
walks = [rollout(params, config, summed_area(x), np.random.default_rng(2)) for x in shown]
assert all(t.logits.shape == (1, 1, 10) for t in walks)
assert all((t.loc[0] == walks[0].loc[0]).all() for t in walks)  # the first place is the same share of each image
print(f"{sum(p.size for p in params.values())} parameters, for all three")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6))
for ax, x, t in zip(axes, shown, walks):
    plots.glimpse_path(ax, x[0], t.loc[:, 0], Retina.of(config))
    ax.set_title(f"{x.shape[1]} × {x.shape[2]}")
show("The same agent on images of 28 × 28, 60 × 60 and 37 × 53 pixels: four numbered glimpses on each")

# %% [markdown]
# The location $(0.5, 0)$ means *half-way to the right edge* in each of them, while the squares keep their size in
# pixels.
#
# ## What to remember
#
# Locations are affine to the image. Edges are counted, pixels are not. A summed-area table turns the mean over any
# rectangle into four look-ups; integers keep it exact; moving edges to the border makes the outside background. The
# table interpolated linearly integrates the image exactly, so the sensor has a derivative by the location: what enters
# minus what leaves. Its adjoint by the image spreads cotangents over the pixels that were seen, and one checks an
# adjoint with two inner products.
#
# **Further reading.** F. C. Crow, *Summed-area tables for texture mapping*, SIGGRAPH 1984; P. Viola and M. Jones,
# *Rapid object detection using a boosted cascade of simple features*, CVPR 2001.

# %% tags=["planted", "hide-cell"]
# Wrong variants that the assertions above have to catch: the text, and the text in its place. Where a module comes
# first, they are planted there. tests/test_planted.py plants them one by one and wants each to fail.
PLANTED = [
    ("minram.sensor", "loc.dtype.type(0.5)", "loc.dtype.type(0.4)"),  # not the nearest edge
    ("minram.sensor", "loc.dtype.type(0.5)", "loc.dtype.type(0)"),
    ("minram.sensor", "(s * (patch_size / 2))", "(s * (patch_size // 2))"),  # off by half a cell for odd patches
    ("minram.sensor", "centre = (loc.T + 1)", "centre = (loc.T[::-1] + 1)"),  # x and y exchanged
    ("minram.sensor", "(loc.T + 1) * np.array([[W / 2], [H / 2]]", "(loc.T + 1) * np.array([[H / 2], [W / 2]]"),
    ("minram.sensor", "[[W / 2], [H / 2]]", "[[(W - 1) / 2], [(H - 1) / 2]]"),  # pixels counted, not edges
    ("minram.sensor", "strip[..., 0] += out[..., j - 1]", "pass"),  # a strip that forgets the one before
    ("minram.sensor", "255 * H * W <= 2**24", "255 * H * W <= 2**25"),
    ("minram.sensor", "round(255 * background) if bytes_", "background if bytes_"),
    (
        "minram.sensor",
        "np.clip(cache.edges[1] + column_step, 0, W1 - 1)",
        "np.clip(cache.edges[1] + column_step, 0, W1 - 2)",
    ),
    ("minram.sensor", "(1 - fy) * (1 - fx)), ((0, 1)", "(1 - fy) * fx), ((0, 1)"),
    ("minram.sensor", "(area.unit / s**2)", "(area.unit / s)"),
    ("minram.sensor", "axis=(0, 1, 2, 3)) * (W / 2)", "axis=(0, 1, 2, 3)) * (H / 2)"),
    ("minram.sensor", "dS_dx = (1 - fy) * (S[0, 1] - S[0, 0])", "dS_dx = fy * (S[0, 1] - S[0, 0])"),
    ("minram.sensor", "dcorners[:, :, :-1, 1:] -= dcells", "dcorners[:, :, :-1, 1:] += dcells"),
    ("minram.sensor", "dtable[:, :, :0:-1, :0:-1]", "dtable[:, :, ::-1, ::-1][:, :, 1:, 1:]"),
    (
        "minram.sensor",
        "np.add.at(dtable.reshape(-1), _index(cache, *step), weight * dcorners)",
        "dtable.reshape(-1)[_index(cache, *step)] += weight * dcorners",
    ),  # read twice, given back once
    ("minram.sensor", "* cache.value\n", "\n"),  # the factor 1/s² left out
    ("S[i2, j2] - S[i, j2] - S[i2, j] + S[i, j]", "S[i2, j2] - S[i, j2] - S[i2, j]"),
    ("x.cumsum(axis=0).cumsum(axis=1)", "x.cumsum(axis=0)"),
    ("w * s / 2 + 0.5)) for d, n in ((1, x.shape[0])", "w * s / 2)) for d, n in ((1, x.shape[0])"),
    ("- w * s / 2 + 0.5).astype(int) + 60", "- w * s / 2).astype(int) + 60"),
    ("np.maximum(high - low, 0)", "np.abs(high - low)"),
    ("corners.append(sensor._look_up(at).size)", "corners.append(4 * w * w)"),
]

# %% [markdown] tags=["exercises"]
# ## Exercises
#
# Four, from a prediction to a derivative. Each has a function to be written and, after it, a check that says at once
# what it thinks. The checks do not depend on each other.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy is loaded

# %%
import numpy as np

from exercise import answers, entries, exercise, finish, same
from minram.sensor import sensor_forward, summed_area

# %% [markdown]
# **1. Predict**, before you compute anything. An image 40 pixels wide and 20 high, and a retina with one square of
# $3 \times 3$ cells of 4 pixels.
#
# - `a`: it looks at $l = (0.5, 0)$. At which column edge does its square begin?
# - `b`: at which row edge does it begin?
# - `c`: how many numbers of the table are read for one cell, taken by itself?
# - `d`: it looks at the corner $l = (1, -1)$. What share of the square's pixels lies inside the image?


# %% tags=["solution"]
def predicted():
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": 24, "b": 4, "c": 4, "d": 1 / 4}


# %%
@exercise("1. Predict")
def check_predicted():
    area = summed_area(np.ones((1, 20, 40)))
    _, at = sensor_forward(area, np.array([[0.5, 0.0]]), (4,), 3)
    phi, _ = sensor_forward(area, np.array([[1.0, -1.0]]), (4,), 3)
    _, cell = sensor_forward(area, np.array([[0.5, 0.0]]), (4,), 1)
    seen = {
        "a": at.edges[1][0, 0, 0],
        "b": at.edges[0][0, 0, 0],
        "c": cell.edges[0].size * cell.edges[1].size,
        "d": phi.mean(),
    }
    hints = {
        "a": "First the centre in pixels, (l_x + 1) · W/2. Then half the square to the left.",
        "b": "The image is 20 high, and the square 12.",
        "c": "It does not depend on the scale.",
        "d": "The centre of the square is at the corner of the image.",
    }
    answers(predicted(), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** An image with the rows (2, 1, 0) and (1, 0, 3). Write its table, with the row and the column
# of zeros. Then what is looked up for the sum of its last two columns: four numbers of the table, in the order
# $S_{i',j'},\ S_{i,j'},\ S_{i',j},\ S_{i,j}$, for rows from edge $i$ to $i'$ and columns from edge $j$ to $j'$. And
# what does linear interpolation give for $S_1(2.5)$, the integral over the first row up to the point 2.5?


# %% tags=["solution"]
def by_hand():
    """→ {"table": (3, 4), "look-ups": (4,), "between": a number}."""
    # Solution
    # S_1(2.5) = ½ S_{1,2} + ½ S_{1,3} = ½ · 3 + ½ · 3: the last pixel of the row is 0.
    return {"table": [[0, 0, 0, 0], [0, 2, 3, 3], [0, 3, 4, 7]], "look-ups": (7, 0, 3, 0), "between": 3}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Each entry of the table is the sum of all pixels above it and to the left of it. The first row and the first column
# have nothing above, or nothing to the left.
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# The last two columns reach from row edge 0 to 2, and from column edge 1 to 3.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    table, look_ups, between = entries(by_hand(), "table", "look-ups", "between")
    x = np.array([[2, 1, 0], [1, 0, 3]])
    want = np.zeros((3, 4))
    want[1:, 1:] = [[x[:i, :j].sum() for j in (1, 2, 3)] for i in (1, 2)]
    rows, columns = want.copy(), want.copy()
    rows[1:, 1:], columns[1:, 1:] = x.cumsum(axis=1), x.cumsum(axis=0)
    because = {
        "these are sums along the rows; what is above belongs to it, too.": rows,
        "these are sums down the columns; what is to the left belongs to it, too.": columns,
    }
    same("table", table, want, because)
    corners = want[2, 3], want[0, 3], want[2, 1], want[0, 1]
    because = {
        "this is from column edge 2; the last two columns begin at edge 1.": (
            want[2, 3],
            want[0, 3],
            want[2, 2],
            want[0, 2],
        ),
        "the order is S at (i', j'), (i, j'), (i', j), (i, j).": (corners[0], corners[2], corners[1], corners[3]),
        "the signs come after the look-ups.": np.multiply(corners, (1, -1, -1, 1)),
    }
    same("look-ups", look_ups, corners, because)
    same(
        "between",
        between,
        np.interp(2.5, np.arange(4), want[1]),
        {"this is row 2 of the table, both rows of pixels together.": 5.5, "this is the second row of pixels.": 2.5},
    )


# %% [markdown]
# **3. An adjoint.** The running mean of a signal $x_0, \ldots, x_{n-1}$ over $s$ neighbours is
# $y_i = (S_{i+s} - S_i)/s$ for $i = 0, \ldots, n - s$. Write its adjoint. Make it as fast as the forward pass: a number
# of additions that does not depend on $s$. (That is for you to see. The check sees only whether it is right.)


# %%
def running_mean(x, s):
    """x (n,) → (n − s + 1,)."""
    S = np.concatenate([[0], np.cumsum(x)])  # (n + 1,)
    return (S[s:] - S[:-s]) / s


# %% tags=["solution"]
def running_mean_adjoint(dy, s):
    """dy (n − s + 1,) → dx (n,)."""
    # Solution
    dS = np.zeros(len(dy) + s)  # (n + 1,)
    dS[s:] += dy / s
    dS[:-s] -= dy / s
    # x_q is in S_j for every j > q.
    return np.cumsum(dS[:0:-1])[::-1]


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 3, first hint</summary>
#
# Two steps, backwards: first from $y$ to $S$, then from $S$ to $x$. Which entries of $S$ has $y_i$ read, with which
# sign and factor?
#
# </details>
# <details><summary>Exercise 3, second hint</summary>
#
# $x_q$ is in every $S_j$ with $j > q$. So $\mathrm{d}x_q$ is the sum of all $\mathrm{d}S_j$ behind it: a cumsum from
# the end.
#
# </details>


# %%
@exercise("3. An adjoint")
def check_running_mean():
    rng = np.random.default_rng(3)
    for n, s in ((30, 4), (7, 3), (5, 1)):
        A = np.array([running_mean(unit, s) for unit in np.eye(n)]).T  # (n − s + 1, n), written down for once
        dy = rng.normal(size=n - s + 1)
        want = A.T @ dy
        got = running_mean_adjoint(dy.copy(), s)
        assert got is None or np.shape(got) == (n,), f"dx should have the shape of x, {(n,)}, but has {np.shape(got)}."
        because = {
            "this is without the factor 1/s.": s * want if s > 1 else np.inf,
            "this is dx from back to front.": want[::-1],
        }
        same(f"for n = {n}, s = {s}, dx", got, want, because)


# %% [markdown]
# **4. A location derivative.** In one dimension, a single cell of width $s$ whose left edge is at the position $e$ in
# pixels sees $\phi(e) = (S(e + s) - S(e))/s$, with $S$ interpolated linearly. Write its derivative by $e$, for many
# positions at once. None of them is at a pixel's edge.


# %%
def cell_forward(e, x, s):
    """e (N,) positions from 0 to n − s, x (n,) → φ (N,)."""
    S = np.concatenate([[0], np.cumsum(x)])
    return (np.interp(e + s, np.arange(len(S)), S) - np.interp(e, np.arange(len(S)), S)) / s


# %% tags=["solution"]
def cell_backward(dphi, e, x, s):
    """dphi, e (N,), x (n,) → de (N,)."""
    # Solution
    enters = x[np.floor(e + s).astype(int)]
    leaves = x[np.floor(e).astype(int)]
    return dphi * (enters - leaves) / s


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 4, first hint</summary>
#
# What enters at the right edge, minus what leaves at the left one.
#
# </details>
# <details><summary>Exercise 4, second hint</summary>
#
# Which pixel is the right edge in? `np.floor` gives the number of a pixel from a position.
#
# </details>


# %%
@exercise("4. A location derivative")
def check_cell():
    rng = np.random.default_rng(4)
    for n, s, border in ((30, 4, 1), (9, 2, 0), (12, 1, 0)):  # who rounds to the nearest pixel finds one, at first
        x, e = rng.random(n), rng.integers(0, n - s - border, 20) + rng.uniform(0.1, 0.9, 20)
        dphi, h = rng.normal(size=20), 1e-6
        want = dphi * (cell_forward(e + h, x, s) - cell_forward(e - h, x, s)) / (2 * h)
        got = cell_backward(dphi.copy(), e.copy(), x.copy(), s)
        right, left = x[np.floor(e + s).astype(int)], x[np.floor(e).astype(int)]
        because = {
            "this is without dphi.": (right - left) / s,
            "this is without the factor 1/s.": s * want if s > 1 else np.inf,
            "this is only what enters; what leaves at the other side?": dphi * right / s,
            "this is half a pixel off: rounded to the nearest, not down.": dphi
            * (x[np.minimum(np.rint(e + s).astype(int), n - 1)] - x[np.rint(e).astype(int)])
            / s,
        }
        same(f"for n = {n}, s = {s}, de", got, want, because, tolerance=1e-8)


# %%
finish()
