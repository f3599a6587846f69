# %% [markdown]
# # 2 · The glimpse sensor
#
# **What you will see.** A small retina that sees sharply in the middle and coarsely around it; why the mean over any
# rectangle of an image costs four look-ups, however large the rectangle is; the two derivatives of the sensor, by the
# image and by the location, derived and checked; and one set of parameters that works on images of any size.
#
# **What you need.** Lesson 1 for the words. Sums, integrals of step functions, the transpose of a matrix. The sections
# on the two derivatives use three things of lesson 3, and say them before they do. You may come back to them after it.
#
# **How long it runs.** A few seconds.

# %%
from minram.training.process import one_thread

one_thread()  # before NumPy: small products are as fast on one thread, and many times faster beside other programs

# %%
import matplotlib.pyplot as plt
import numpy as np

from lesson import show_source
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
digits = data.load().x_test[:40]
canvas = fixed_images(cluttered(60), digits, seed=1)  # (B, 60, 60) a digit and some clutter
rng = np.random.default_rng(0)

# %% [markdown]
# ## A retina
#
# Below is a digit somewhere on a canvas of $60 \times 60$ pixels, and a retina that looks at it: three squares around
# one location, each with $12 \times 12$ *cells*. A cell of the first square is a pixel, a cell of the second is the
# mean of $2 \times 2$ pixels, a cell of the third the mean of $4 \times 4$. So the retina covers a wide part of the
# canvas with few numbers, and is sharp only where it looks.

# %%
scales, w = (1, 2, 4), 12
l = np.array([[0.45, -0.15]], np.float32)  # (N, 2) as (x, y)
area = summed_area(canvas[1:2])
phi, cache = sensor_forward(area, l, scales, w)  # (N, k·w·w)
print(f"the image has {canvas[1].size} pixels, the glimpse {phi.size} numbers")

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
plt.show()

# %% [markdown]
# ## Where is l?
#
# A location $l = (l_x, l_y)$ lies in $[-1, 1]^2$: $x$ to the right, $y$ down, the origin at the centre of the image,
# $-1$ its left and top edge, $+1$ its right and bottom edge. For an image $W$ pixels wide and $H$ pixels high the
# position in pixels, counted from the left and the top *edge* of the image, is
#
# $$u_x = (l_x + 1)\,\frac{W}{2}, \qquad u_y = (l_y + 1)\,\frac{H}{2}.$$
#
# Pixels have no coordinates here, only edges have: column $j$ reaches from edge $j$ to edge $j + 1$. This small
# convention avoids the off-by-one errors that haunt such code. A square of $w$ cells of $s$ pixels around $u$ starts at
# the edge $u - ws/2$, and its cells have the edges
#
# $$e_i = u - \frac{ws}{2} + s\,i, \qquad i = 0, \ldots, w.$$
#
# The squares of all scales have the same centre, and nothing in this depends on whether $w$ is even or odd, or $W$
# equal to $H$. Last, the square is moved to the nearest pixel edges, with all its cells, so that a cell holds whole
# pixels; this may shift two scales against each other by half a pixel.

# %%
for H, W in [(28, 28), (60, 60), (37, 53)]:
    _, at = sensor_forward(summed_area(np.zeros((2, H, W))), np.array([[-1.0, -1.0], [1.0, 1.0]]), (1,), 2)
    middle = np.stack(at.edges)[:, 0, 1].T  # (N, 2) row and column: of two cells, the edge between them
    print(f"{H} × {W}: (−1, −1) is at the edges {middle[0]}, (1, 1) at the edges {middle[1]}")
    assert np.array_equal(middle, [[0, 0], [H, W]])

# %% [markdown]
# ## Sums for the price of a subtraction
#
# A cell of scale $s$ is a mean over $s^2$ pixels. Added up one by one, the large scales would cost most, though they
# tell least. There is a better way, and it starts with one row of pixels $x_0, \ldots, x_{W-1}$. Let
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
S = np.concatenate([[0], np.cumsum(row)])
a, b = 8, 19
fig, (above, below) = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True, height_ratios=[1, 1.4])
above.bar(np.arange(28) + 0.5, row, width=1, color=[COLOURS["glimpse" if a <= q < b else "muted"] for q in range(28)])
above.set(ylabel="pixel $x_q$", title="A row of pixels, and the sums to the left of each edge")
below.plot(np.arange(29), S, "o-", color=COLOURS["core"], markersize=3.5)
below.plot([a, b + 2], [S[a], S[a]], ":", color=COLOURS["exact"], linewidth=1)
below.plot([b, b + 2], [S[b], S[b]], ":", color=COLOURS["exact"], linewidth=1)
below.annotate("", (b + 1.5, S[b]), (b + 1.5, S[a]), arrowprops={"arrowstyle": "<->", "color": COLOURS["exact"]})
below.text(b + 1.8, (S[a] + S[b]) / 2, "$S_b - S_a$", va="center")
below.set(xlabel="column edge", ylabel="$S_j$", xticks=range(0, 29, 7), xlim=(0, 28))
plt.show()
print(f"sum of the coloured pixels {row[a:b].sum():.6f}, difference {S[b] - S[a]:.6f}")
assert abs(row[a:b].sum() - (S[b] - S[a])) < 28 * np.finfo(float).eps * S[-1]  # rounding of some 28 additions

# %% [markdown]
# For an image let $S_{i,j}$ be the sum of all pixels above row edge $i$ and to the left of column edge $j$. This is the
# *summed-area table*. The sum over a rectangle from row edge $i$ to $i'$ and from column edge $j$ to $j'$ follows by
# using the one-dimensional rule twice. Write $R_{p,j} = \sum_{q<j} x_{p,q}$ for the sums along row $p$.
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
# Four look-ups, whatever the size of the rectangle. The picture shows why there are four: the part that is subtracted
# twice has to be added once.

# %%
fig, axes = plt.subplots(1, 5, figsize=(10, 2.2))
x, (i, i2, j, j2) = digits[0], (6, 20, 9, 23)
parts = [
    ("the sum wanted", i, i2, j, j2),
    ("$S_{i',j'}$", 0, i2, 0, j2),
    ("$-\\,S_{i,j'}$", 0, i, 0, j2),
    ("$-\\,S_{i',j}$", 0, i2, 0, j),
    ("$+\\,S_{i,j}$", 0, i, 0, j),
]
for ax, (title, top, bottom, left, right) in zip(axes, parts):
    plots.image(ax, x)
    colour = COLOURS["wrong" if title.startswith("$-") else "right"]
    ax.add_patch(
        plt.Rectangle(
            (left / 14 - 1, top / 14 - 1), (right - left) / 14, (bottom - top) / 14, facecolor=colour, alpha=0.55
        )
    )
    ax.set_title(title)
plt.show()

# %% [markdown]
# In the code the subtractions are made for all cells of a retina at once. `corners` holds the table at the
# $(w+1) \times (w+1)$ edges of a square; the difference along one axis, then along the other, gives $w \times w$
# sums. Neighbouring cells share their corners, so a cell costs even less than four look-ups. The table is made by two
# running sums, down the columns and then along the rows. `_sums_along_y` and `_sums_along_x` do what NumPy's `cumsum`
# does, only faster; below they are compared with it.

# %%
show_source(summed_area, sensor._cells)

# %% [markdown]
# The check: random rectangles, added up pixel by pixel.

# %%
table = summed_area(digits[:1]).table[0, 0]  # (H+1, W+1)
for _ in range(500):
    (i, i2), (j, j2) = np.sort(rng.integers(0, 29, (2, 2)), axis=1)
    assert table[i2, j2] - table[i, j2] - table[i2, j] + table[i, j] == digits[0, i:i2, j:j2].sum(dtype=int)
print("500 rectangles, no difference at all")

# %% [markdown]
# ## Exactness
#
# The comparison above is `==`, without a tolerance. Pixels are bytes, and float32 holds every integer up to $2^{24}$,
# so as long as the sum of all pixels stays below that, no addition is rounded. Differences of large sums are where
# floating-point numbers usually lose their digits; here they lose none. For larger images the table is float64, which
# holds integers up to $2^{53}$. Had we divided by 255 first, every addition would round.

# %%
print(f"largest possible sum of a 28 × 28 image: {255 * 28 * 28}, and 2^24 = {2**24}")
divided = np.cumsum(np.cumsum(digits[0] / np.float32(255), axis=0), axis=1)  # float32
print(f"divided first, the table is off by up to {np.abs(divided * 255 - table[1:, 1:]).max():.2e} grey levels")
whole = digits.astype(np.int64).cumsum(axis=1).cumsum(axis=2)
assert summed_area(digits).table.dtype == np.float32
assert (summed_area(digits).table[:, 0, 1:, 1:] == whole).all()

# %% [markdown]
# ## What a glimpse costs
#
# We count the numbers that are read for one square of $12 \times 12$ cells: pixels if one adds them up, entries of the
# table if one uses it. The second count is that of the sensor itself, the size of the grid of edges that it looks up.

# %%
scale = np.array([1, 2, 3, 4, 6, 8, 12, 16])
pixels = w * w * scale**2
corners = []
for s in scale:
    _, at = sensor_forward(area, l, (int(s),), w)
    corners.append(at.edges[0].size * at.edges[1].size)
fig, ax = plt.subplots()
ax.loglog(scale, pixels, "s-", color=COLOURS["muted"], label="adding up pixels")
ax.loglog(scale, corners, "o-", color=COLOURS["glimpse"], label="summed-area table")
ax.set(
    xlabel="scale s (pixels to a cell's side)",
    ylabel="numbers read for a square",
    title="The cost of a square of 12 × 12 cells",
    xticks=scale,
    ylim=(50, None),
)
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()
assert len(set(corners)) == 1 and corners[0] == (w + 1) ** 2
print(f"table: {corners[0]} numbers at every scale; pixels: {pixels[0]} to {pixels[-1]}")

# %% [markdown]
# The table itself costs one pass over the image, once, for all glimpses and all rollouts.
#
# ## Beyond the border
#
# A retina near the border sticks out of the image. What is there? If it were noise, or a colour that the images do not
# have, the border would shine, and the agent would learn to find the border. Outside there must be background. With
# background 0 nothing is added when one goes on past the border, so $S$ is constant there, and it is enough to move an
# edge that lies outside back to the border. No padding, and every square stays where it belongs.
#
# If the background is not black, `summed_area` subtracts it first. It is given as a grey value from 0 to 1, for bytes
# too. So a negative, whose background is white, must look exactly like the digit with its sign changed, wherever the
# retina is.

# %%
corner = np.array([[0.8, -0.7]], np.float32)
black, _ = sensor_forward(summed_area(digits[3:4]), corner, scales, w)
white, _ = sensor_forward(summed_area(255 - digits[3:4], background=1), corner, scales, w)
forgotten, _ = sensor_forward(summed_area(255 - digits[3:4]), corner, scales, w)
assert np.array_equal(black, -white)

fig, axes = plt.subplots(1, 4, figsize=(8.4, 2.3))
plots.image(axes[0], 255 - digits[3])
plots.retina_outline(axes[0], corner[0], (28, 28), retina)
axes[0].set(title="a negative", xlim=(-1.1, 3.2), ylim=(1.6, -2.7))
plots.retina_view(axes[1], white[0], Retina(scales, w, background=1))
axes[1].set_title("background 1")
plots.retina_view(axes[2], forgotten[0], retina)
axes[2].set_title("background forgotten")
padded = np.pad(digits[3].astype(float), 60)  # the slow way, to check the fast one
slow = []
for s in scales:
    top, left = np.floor((corner[0, ::-1] + 1) * 14 - w * s / 2 + 0.5).astype(int) + 60
    slow.append(padded[top : top + w * s, left : left + w * s].reshape(w, s, w, s).mean(axis=(1, 3)) / 255)
plots.retina_view(axes[3], np.ravel(slow), retina)
axes[3].set_title("the digit, by padding")
plt.show()
# Both are a few rounded operations away from the exact mean, which is at most 1.
assert np.abs(np.ravel(slow) - black[0]).max() <= 4 * np.finfo(np.float32).eps

# %% [markdown]
# ## Between the pixels
#
# So far each square was moved to the nearest pixel edge. That is exact and fast, and it is how we train. But it makes
# $\phi$ a step function of $l$, with the derivative 0 wherever there is one. Can the sensor look at $l$ itself?
#
# Take the image for what it is, a function that is constant on each pixel. In one dimension its integral from the
# left border to a point between edge $j$ and edge $j + 1$, at $j + f$ with $0 \le f < 1$, is
#
# $$\begin{aligned}
# S(j + f) &= S_j + f\, x_j && \text{all of the pixels before, and a share of pixel } j \\
#   &= S_j + f\,(S_{j+1} - S_j) && \text{since } S_{j+1} = S_j + x_j \\
#   &= (1 - f)\, S_j + f\, S_{j+1}. && \text{linear interpolation}
# \end{aligned}$$
#
# This is no approximation: interpolating the *sums* linearly integrates the *pixels* exactly. In two dimensions the
# integral up to $(i + f_y, j + f_x)$ gives the bilinear interpolation of the table, by the same argument along $x$ and
# then along $y$. The rest of the sensor stays as it is. The check computes the overlap of each cell with each pixel.

# %%
x = rng.random((1, 9, 13))  # a small image that is not square
l = np.array([[0.237, -0.419]])
phi, cache = sensor_forward(summed_area(x), l, (1, 3), 5, continuous=True)  # an odd patch


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
assert error < 4 * 9 * 13 * np.finfo(float).eps * x.sum()

# %% [markdown]
# Here is one number of a glimpse, while the retina moves slowly to the right across a digit.

# %%
xs = np.linspace(-0.8, 0.8, 801)
track = np.stack([xs, np.full_like(xs, -0.36)], axis=1)  # (n, 2)
one = summed_area(digits[:1])
aligned, _ = sensor_forward(one, track, (2,), 3, np.zeros(len(xs), int))
smooth, cache = sensor_forward(one, track, (2,), 3, np.zeros(len(xs), int), continuous=True)
pick = np.zeros_like(smooth)
pick[:, 4] = 1  # the middle cell of 3 × 3
slope = sensor_backward_location(pick, cache)[:, 0]  # ∂φ/∂l_x, derived below

fig, (above, below) = plt.subplots(2, 1, figsize=(7, 4), sharex=True)
above.plot(xs, aligned[:, 4], color=COLOURS["muted"], label="aligned")
above.plot(xs, smooth[:, 4], color=COLOURS["glimpse"], label="continuous")
above.set(ylabel="φ (grey value, 0 to 1)", title="One cell of a moving retina")
above.legend()
below.plot(xs, slope, color=COLOURS["location"])
below.set(xlabel="$l_x$ (image half-widths)", ylabel="∂φ/∂$l_x$ (per half-width)", xlim=(-0.8, 0.8))
plt.show()

# %% [markdown]
# ## The derivative by the location
#
# Three things of lesson 3. $L$ is any one number that is computed from what the sensor sees, and the *cotangent*
# $\mathrm{d}\phi$ is $\partial L / \partial \phi$, one number for each cell. A location is used by all its cells, and
# *uses add up*: $\partial L / \partial l$ is a sum over cells. And `check_pair` draws cotangents at random, and
# compares what a backward function makes of them with *finite differences*: how much $L$ changes from a place a little
# to the left to one a little to the right, divided by their distance.
#
# A cell with the edges $u$ and $u + s$ in $x$, and $v$ and $v + s$ in $y$, sees the mean
#
# $$\phi = \frac{1}{s^2} \int_v^{v+s} \int_u^{u+s} x(a, b)\, \mathrm{d}a\, \mathrm{d}b.$$
#
# Move it to the right. By the fundamental theorem of calculus, the derivative of an integral by its upper limit is the
# integrand there, and by its lower limit minus the integrand there:
#
# $$\begin{aligned}
# \frac{\partial \phi}{\partial u}
#   &= \frac{1}{s^2} \int_v^{v+s} \big( x(u + s, b) - x(u, b) \big)\, \mathrm{d}b
#      && \text{fundamental theorem, both limits move} \\
#   &= \frac{1}{s} \Big( \text{mean over the right edge} - \text{mean over the left edge} \Big).
#      && \text{an integral over a length } s
# \end{aligned}$$
#
# What enters at one side minus what leaves at the other. As $u = (l_x + 1) W/2 + \text{constant}$, the chain rule adds
# a factor, and the cotangents $\mathrm{d}\phi_c = \partial L / \partial \phi_c$ of all cells $c$ add up, since all move
# with the one location:
#
# $$\frac{\partial L}{\partial l_x} = \frac{W}{2} \sum_c \mathrm{d}\phi_c\, \frac{\partial \phi_c}{\partial u}.$$
#
# In the code the integral along an edge comes from the table as well. Between two edges $S$ is linear in $x$, so its
# slope is the step to the next column edge, $\partial S / \partial x = S_{\cdot,\,j+1} - S_{\cdot,\,j}$, interpolated
# along $y$; with this in place of $S$, the same four look-ups give the derivative of the cell's sum. A mean is that sum
# over $s^2$, and `_cotangent_of_cells` makes the cotangents of the sums from those of the means.

# %%
show_source(sensor_backward_location)

# %% [markdown]
# The check compares it with finite differences, which lesson 3 explains. At a pixel's edge the slope jumps, as the
# lower plot above shows, and there is no derivative to compare with. So the check is told which pixels the edges lie
# in, and leaves out a comparison whose step would cross into another pixel; it counts them as *kinks*.

# %%
area = summed_area(rng.random((4, 9, 13)))
l = rng.uniform(-1.1, 1.1, (4, 2))  # also a little outside


def forward(loc):
    return sensor_forward(area, loc, (1, 3), 5, continuous=True)


report = check_pair(forward, sensor_backward_location, {"loc": l}, rng=rng, signature=lambda cache: cache.edges)
print(report)
assert report.passed

# %% [markdown]
# Training in this project never calls this function. REINFORCE learns where to look without asking how the image
# changes there, and lesson 6 shows what happens if one asks.
#
# ## The derivative by the image
#
# For a fixed location the sensor is linear in the image: $\phi = A x$ with a matrix $A$ that nobody writes down. The
# gradient of $L$ by the image is then $\mathrm{d}x = A^{\mathsf T} \mathrm{d}\phi$, and $A^{\mathsf T}$ is called the
# *adjoint*. To apply it without writing it down, note that the sensor is three linear steps,
#
# $$A = D\, E\, P, \qquad\text{so}\qquad A^{\mathsf T} = P^{\mathsf T} E^{\mathsf T} D^{\mathsf T}
#   \quad \text{(the transpose of a product),}$$
#
# and each has a transpose that one can say in words.
#
# $P$ makes the table: $S_{i,j}$ is the sum of the pixels above and to the left. Pixel $(p, q)$ is in $S_{i,j}$ for
# all $i > p$ and $j > q$, so $P^{\mathsf T}$ sums the table's cotangents below and to the right: two `cumsum` from the
# other end.
#
# $E$ looks entries up. Where a table entry is read twice, its cotangent comes back twice, so $E^{\mathsf T}$ adds each
# cotangent at the place it was read from: `np.add.at`.
#
# $D$ takes differences of corners, $S_{i',j'} - S_{i,j'} - S_{i',j} + S_{i,j}$, and divides them by $s^2$. So
# $D^{\mathsf T}$ divides each cell's cotangent by $s^2$ and gives it to the four corners, with those signs.

# %%
show_source(sensor_backward_image)

# %% [markdown]
# Together they do something simple: they spread each cell's cotangent evenly over the pixels that the cell saw. The
# picture shows it for one cell, and for a whole glimpse sent back.

# %%
one = summed_area(canvas[1:2] / np.float32(255))
l = np.array([[0.45, -0.15]], np.float32)
phi, cache = sensor_forward(one, l, scales, w)
single = np.zeros_like(phi)
single[0, 2 * w * w + 3 * w + 7] = 1  # scale 4, fourth row, eighth column
back = sensor_backward_image(single, cache)[0, ..., 0]
share = back[back != 0]
print(f"{share.size} pixels get {share.min():.4f} to {share.max():.4f} each, in all {share.sum():.4f}")
assert share.size == 16 and np.all(share == 1 / 16)

fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6))
plots.image(axes[0], canvas[1])
plots.retina_outline(axes[0], l[0], (60, 60), retina)
axes[0].set_title("x")
plots.image(axes[1], back / back.max())
axes[1].set_title("$A^{\\mathsf{T}}$ of one cell")
back = sensor_backward_image(phi, cache)[0, ..., 0]
plots.image(axes[2], back / back.max())
axes[2].set_title("$A^{\\mathsf{T}} A\\,x$")
plt.show()

# %% [markdown]
# How does one check a transpose without the matrix? By what defines it: for all $u$ and $v$,
#
# $$\langle A u, v \rangle = \langle u, A^{\mathsf T} v \rangle.$$
#
# If this holds for a few random vectors, up to rounding, the adjoint is right, for a wrong entry anywhere would change
# one side and not the other. This *dot-product test* costs two applications and knows nothing of step sizes.

# %%
l = rng.uniform(-1.1, 1.1, (6, 2))
image = np.array([0, 0, 1, 1, 1, 0])  # some rows share an image, whose gradients then add up
for continuous in (False, True):

    def A(u, continuous=continuous):
        return sensor_forward(summed_area(u), l, (1, 3), 5, image, continuous)[0]

    def A_transposed(v, continuous=continuous):
        _, cache = sensor_forward(summed_area(np.zeros((2, 9, 13))), l, (1, 3), 5, image, continuous)
        return sensor_backward_image(v, cache)[..., 0]

    report = check_adjoint(A, A_transposed, (2, 9, 13), (6, 50), rng, name=f"continuous = {continuous}")
    print(report)
    assert report.passed

# %% [markdown]
# ## The whole sensor
#
# Read it now from top to bottom; there is no line left that has not been explained.

# %%
show_source(sensor_forward)

# %% [markdown]
# ## The same parameters, any image
#
# The network behind the sensor sees $k w^2$ numbers and two coordinates, never the image. So its parameters do not
# know how large the image is. One agent, three image sizes:

# %%
config = Config(glimpses=4, patch_size=8, scales=(1, 2), what_units=32, where_units=32, glimpse_units=64, core_units=64)
params = init_params(config, np.random.default_rng(0))
wide = np.zeros((1, 37, 53), np.uint8)
wide[0, 5:33, 20:48] = digits[7]
shown = [digits[7:8], canvas[7:8], wide]
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6))
for ax, x in zip(axes, shown):
    trajectory = rollout(params, config, summed_area(x), np.random.default_rng(2))
    assert trajectory.logits.shape == (1, 1, 10)
    plots.image(ax, x[0])
    for t, colour in enumerate(style.time_colours(4)):
        plots.retina_outline(ax, trajectory.loc[t, 0], x[0].shape, Retina.of(config), colours=[colour])
    ax.set_title(f"{x.shape[1]} × {x.shape[2]}")
plt.show()
print(f"{sum(p.size for p in params.values())} parameters, for all three")

# %% [markdown]
# The location $(0.5, 0)$ means *half-way to the right edge* in each of them, while the squares keep their size in
# pixels.
#
# ## What to remember
#
# Locations are affine to the image, edges are counted and pixels are not. A summed-area table turns the mean over any
# rectangle into four look-ups; integers keep it exact; moving edges to the border makes the outside background. The
# table interpolated linearly integrates the image exactly, so the sensor has a derivative by the location: what enters
# minus what leaves. Its adjoint by the image spreads cotangents over the pixels that were seen, and one checks an
# adjoint with two inner products.
#
# ## Exercises
#
# **1. An adjoint.** The running mean of a signal $x_0, \ldots, x_{n-1}$ over $s$ neighbours is
# $y_i = (S_{i+s} - S_i)/s$ for $i = 0, \ldots, n - s$. Write its adjoint. Make it as fast as the forward pass: a
# number of additions that does not depend on $s$. (That is for you to see; the check sees only whether it is right.)


# %%
s = 4


def running_mean(x):
    S = np.concatenate([[0], np.cumsum(x)])  # (n + 1,)
    return (S[s:] - S[:-s]) / s  # (n - s + 1,)


# %% tags=["solution"]
def running_mean_adjoint(dy):
    """dy (n − s + 1,) → dx (n,)."""
    # Solution
    dS = np.zeros(len(dy) + s)  # (n + 1,)
    dS[s:] += dy / s
    dS[:-s] -= dy / s
    # x_q is in S_j for every j > q.
    return np.cumsum(dS[:0:-1])[::-1]


# %%
report = check_adjoint(running_mean, running_mean_adjoint, (30,), (27,), rng)
print(report)
assert report.passed

# %% [markdown]
# **2. A location derivative.** In one dimension, a single cell of width $s$ that starts at the position $u$ in pixels
# sees $\phi(u) = (S(u + s) - S(u))/s$ with $S$ interpolated linearly. Write its derivative by $u$, from the cached
# signal. The check tries many positions at once; none of them is at an edge.


# %%
def cell_forward(u, x):
    """u (N,) positions from 0 to n − s, x (n,) → φ (N,)."""
    S = np.concatenate([[0], np.cumsum(x)])
    edges = np.arange(len(S))
    return (np.interp(u + s, edges, S) - np.interp(u, edges, S)) / s, (u, x)


# %% tags=["solution"]
def cell_backward(dphi, cache):
    """dphi (N,) → du (N,)."""
    u, x = cache
    # Solution
    enters = x[np.floor(u + s).astype(int)]
    leaves = x[np.floor(u).astype(int)]
    return dphi * (enters - leaves) / s


# %%
x = rng.random(30)
u = rng.integers(0, 26, 20) + rng.uniform(0.1, 0.9, 20)
report = check_pair(lambda u: cell_forward(u, x), cell_backward, {"u": u}, rng=rng)
print(report)
assert report.passed
