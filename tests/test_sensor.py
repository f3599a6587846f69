import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import close
from minram import gradcheck
from minram.errors import InputError
from minram.sensor import sensor_backward_image, sensor_backward_location, sensor_forward, summed_area


def overlap(start, width, pixel):
    """How much of pixel [pixel, pixel + 1] lies in [start, start + width]."""
    return max(0.0, min(start + width, pixel + 1) - max(start, pixel))


def look(image, loc, scales, w, background, continuous):
    """The definition, cell by cell and pixel by pixel, for one image (H, W, C) and one location."""
    H, W, C = image.shape
    phi = np.zeros((C, len(scales), w, w))
    for q, s in enumerate(scales):
        left, top = (loc[0] + 1) * (W / 2) - s * w / 2, (loc[1] + 1) * (H / 2) - s * w / 2
        if not continuous:
            left, top = np.floor(left + 0.5), np.floor(top + 0.5)
        for c, i, j in np.ndindex(C, w, w):
            for y, x in np.ndindex(H, W):
                area = overlap(top + i * s, s, y) * overlap(left + j * s, s, x)
                phi[c, q, i, j] += area * (float(image[y, x, c]) - background) / s**2
    return phi.ravel()


@st.composite
def scenes(draw, floats=False, smallest=1):
    """Images, locations and a retina of any kind → (images, loc, index, scales, w, background)."""
    H, W, B = draw(st.integers(smallest, 7)), draw(st.integers(smallest, 7)), draw(st.integers(1, 3))
    C, N = draw(st.sampled_from([(), (1,), (2,)])), draw(st.integers(1, 3))
    scales = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    w = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    bytes_ = not floats and draw(st.booleans())
    images = rng.integers(0, 256, (B, H, W, *C), dtype=np.uint8) if bytes_ else rng.random((B, H, W, *C))
    background = draw(st.sampled_from([0, 1 / 15 if bytes_ else 0.25]))
    loc = rng.uniform(-1.7, 1.7, (N, 2))  # some far outside
    loc = np.where(rng.random((N, 2)) < 0.3, rng.choice([-1.0, 0.0, 1.0], (N, 2)), loc)  # or on a border
    loc[0] = rng.uniform(-0.9, 0.9, 2)  # one inside, so that something is seen
    return images, loc, rng.integers(0, B, N), scales, w, background


def fixed_scene(floats=True):
    """One scene in which every axis has its own length and some cells lie outside: fast, for planted faults."""
    rng = np.random.default_rng(0)
    images = rng.random((2, 5, 7, 2)) if floats else rng.integers(0, 256, (2, 5, 7, 2), dtype=np.uint8)
    loc = np.array([[0.11, -0.43], [0.97, 0.71], [-1.3, -0.9], [-0.62, 0.2]])
    return images, loc, np.array([1, 0, 0, 1]), (1, 2, 5), 3, 0.25 if floats else 17


@given(scenes(), st.booleans())
@settings(max_examples=150)
def test_any_scene_equals_the_definition(scene, continuous):
    check_definition(scene, continuous)


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("continuous", [False, True])
def test_equals_the_definition(floats, continuous):
    check_definition(fixed_scene(floats), continuous)


def check_definition(scene, continuous):
    images, loc, index, scales, w, background = scene
    phi, _ = sensor_forward(summed_area(images, background), loc, scales, w, index, continuous)
    unit = 255 if images.dtype == np.uint8 else 1
    one = images.reshape(*images.shape[:3], -1)
    background = round(255 * background) if unit == 255 else background
    want = np.array([look(one[i], l, scales, w, background, continuous) for i, l in zip(index, loc)]) / unit
    # A table entry is a sum of up to H·W numbers below 1, taken in H + W steps; four of them, each between
    # four neighbours, make a cell.
    H, W = images.shape[1:3]
    close(phi, want, scale=H * W, steps=16 * (H + W))


@given(scenes(floats=True), st.booleans())
def test_image_adjoint_of_any_scene(scene, continuous):
    check_image_adjoint(scene, continuous)


@pytest.mark.parametrize("continuous", [False, True])
def test_image_adjoint(continuous):
    check_image_adjoint(fixed_scene(), continuous)


def check_image_adjoint(scene, continuous):
    images, loc, index, scales, w, _ = scene
    C = images.shape[3:] or (1,)
    shape = (*images.shape[:3], *C)

    def adjoint(v):
        return sensor_backward_image(v, sensor_forward(summed_area(images), loc, scales, w, index, continuous)[1])

    gradcheck.check_adjoint(
        lambda u: sensor_forward(summed_area(u), loc, scales, w, index, continuous)[0],
        adjoint,
        shape,
        (len(loc), C[0] * len(scales) * w * w),
        np.random.default_rng(0),
    ).raise_if_failed()


@given(scenes(floats=True), st.booleans())
def test_image_adjoint_is_exact_where_arithmetic_is(scene, continuous):
    # Whole numbers, cells of 1, 4 or 16 pixels and locations on a grid of 1/16 pixel: nothing is rounded.
    images, loc, index, scales, w, _ = scene
    H, W = images.shape[1:3]
    scales = tuple(2 ** (s % 3) for s in scales)
    size = np.array([W, H])
    pixels = np.round((loc + 1) * size / 2 * 16) / 16
    loc = pixels * 2 / size - 1
    if not np.array_equal((loc + 1) * (size / 2), pixels):
        return  # a width of 3, 5, 6 or 7 pixels: some locations are rounded
    rng = np.random.default_rng(0)
    u = rng.integers(-9, 10, images.shape).astype(float)
    phi, cache = sensor_forward(summed_area(u), loc, scales, w, index, continuous)
    v = rng.integers(-9, 10, phi.shape).astype(float)
    assert np.sum(phi * v) == np.sum(u.reshape(*u.shape[:3], -1) * sensor_backward_image(v, cache))


def test_image_adjoint_of_bytes_is_in_bytes():
    rng = np.random.default_rng(0)
    images, loc = rng.integers(0, 256, (2, 5, 6), dtype=np.uint8), rng.uniform(-1, 1, (2, 2))
    v = rng.normal(size=(2, 9))
    dx = [sensor_backward_image(v, sensor_forward(summed_area(x), loc, (2,), 3)[1]) for x in (images, images / 255)]
    close(dx[0] * 255, dx[1], scale=10, steps=4)
    assert dx[0].shape == (2, 5, 6, 1)


@given(scenes(smallest=2), st.integers(0, 2**32))
def test_location_derivative_of_any_scene(scene, seed):
    check_location_derivative(scene, seed)


def test_location_derivative():
    check_location_derivative(fixed_scene(), seed=0)


def check_location_derivative(scene, seed):
    images, _, index, scales, w, background = scene
    scales = (1, *scales)  # a cell wider than the image need not notice a move
    rng = np.random.default_rng(seed)
    size = np.array([images.shape[2], images.shape[1]])
    # In pixels, 0.1 or more from the edges and the middles of pixels, so that no cell edge is on a pixel edge.
    pixels = rng.integers(0, size, (len(index), 2)) + rng.uniform(0.1, 0.4, (len(index), 2))
    pixels += 0.5 * rng.integers(0, 2, pixels.shape)
    area = summed_area(images.astype(float) / 255 if images.dtype == np.uint8 else images, background)
    gradcheck.check_pair(
        lambda loc: sensor_forward(area, loc, scales, w, index, continuous=True),
        sensor_backward_location,
        {"loc": pixels * 2 / size - 1},
        rng=rng,
        signature=lambda cache: cache.edges,
        rtol=1e-7,
        max_kinks=0,
    ).raise_if_failed()


def test_an_aligned_sensor_has_no_location_derivative():
    phi, cache = sensor_forward(summed_area(np.ones((1, 4, 4))), np.zeros((1, 2)), (1,), 2)
    with pytest.raises(InputError, match="continuous=True"):
        sensor_backward_location(phi, cache)


def test_x_is_to_the_right_and_y_is_down():
    image = np.zeros((1, 4, 8))
    image[0, 1, 6] = 1
    at = np.array([[2 * 6.5 / 8 - 1, 2 * 1.5 / 4 - 1]])  # the middle of that pixel
    for continuous in (False, True):
        np.testing.assert_array_equal(sensor_forward(summed_area(image), at, (1,), 1, continuous=continuous)[0], 1)
        # What moves right in the image moves left in the retina.
        phi, _ = sensor_forward(summed_area(image), at + np.array([2 / 8, 0]), (1,), 3, continuous=continuous)
        np.testing.assert_array_equal(phi.reshape(3, 3), [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
        phi, _ = sensor_forward(summed_area(image), at + np.array([0, 2 / 4]), (1,), 3, continuous=continuous)
        np.testing.assert_array_equal(phi.reshape(3, 3), [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("continuous", [False, True])
def test_outside_is_the_background(kind, continuous):
    """Over an image that is all background, the retina sees the same everywhere: no border is a cue."""
    images = np.full((1, 5, 7), 51, np.uint8) if kind == np.uint8 else np.full((1, 5, 7), 0.2)
    area = summed_area(images, 0.2)
    loc = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    phi, _ = sensor_forward(area, loc, (1, 2, 5), 3, np.zeros(50, int), continuous)
    assert not phi.any()


@pytest.mark.parametrize("background, level", [(0.499, 127), (0.5, 128)])  # of 127.2; of 127.5, the even one
def test_the_background_of_bytes_is_the_nearest_level(background, level):
    images = np.full((1, 2, 3), 200, np.uint8)
    table = summed_area(images, background).table
    np.testing.assert_array_equal(table[0, 0, :, -1], [0, 3 * (200 - level), 6 * (200 - level)])
    np.testing.assert_array_equal(summed_area(images / 255, background).table[0, 0, 1, 1], 200 / 255 - background)


@pytest.mark.parametrize("w", [1, 2, 3, 4])
@pytest.mark.parametrize("l", [(-1, -1), (0.9, -0.2), (0, 0), (1, 1)])
def test_scales_are_concentric_everywhere(w, l):
    """A square of scale 2 is the means of 2 × 2 pixels in the middle of a wider square, at borders too."""
    area, loc = summed_area(np.random.default_rng(w).random((1, 6, 8))), np.array([l], float)
    coarse, _ = sensor_forward(area, loc, (2,), w, continuous=True)
    fine, _ = sensor_forward(area, loc, (1,), 4 * w, continuous=True)
    middle = fine.reshape(4 * w, 4 * w)[w:-w, w:-w]
    close(coarse.reshape(w, w), middle.reshape(w, 2, w, 2).mean((1, 3)), scale=48, steps=64)
    both, _ = sensor_forward(area, loc, (1, 2), w, continuous=True)
    np.testing.assert_array_equal(both[:, w * w :], coarse)


def test_locations_do_not_depend_on_the_size_of_the_image():
    images = np.random.default_rng(0).random((2, 4, 6))
    loc = np.random.default_rng(1).uniform(-1.2, 1.2, (2, 2))
    phi, _ = sensor_forward(summed_area(images), loc, (1, 3), 3, continuous=True)
    larger = images.repeat(5, axis=1).repeat(5, axis=2)
    close(sensor_forward(summed_area(larger), loc, (5, 15), 3, continuous=True)[0], phi, scale=24, steps=64)


def test_dtype_follows_the_location():
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8), dtype=np.uint8)
    loc = np.array([[0.25, -0.5]])  # exact in both
    for continuous in (False, True):
        for x in (images, images / 255):
            wide, _ = sensor_forward(summed_area(x), loc, (1, 2), 3, continuous=continuous)
            phi, cache = sensor_forward(summed_area(x), loc.astype(np.float32), (1, 2), 3, continuous=continuous)
            assert phi.dtype == np.float32
            close(phi, wide, scale=1, steps=4)  # the product with 1/s², and both its factors, are rounded
            assert sensor_backward_image(phi, cache).dtype == np.float32
            if continuous:
                assert sensor_backward_location(phi, cache).dtype == np.float32


def test_the_continuous_sensor_does_not_lose_small_cells_of_large_bright_images():
    """Sums of 10⁶ are weighted, and cells of a pixel are their differences."""
    rng = np.random.default_rng(0)
    images = rng.integers(192, 256, (4, 100, 100), dtype=np.uint8)
    loc = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
    phi, _ = sensor_forward(summed_area(images), loc, (1,), 8, continuous=True)
    want, _ = sensor_forward(summed_area(images / 255), loc, (1,), 8, continuous=True)
    # Both from the same corners; φ is rounded to 32 bits after sums in 64: a few roundings of numbers up to 1.
    close(phi, want, scale=1, steps=4)


def test_bytes_are_summed_exactly():
    """The sums stay whole numbers, in float32 while it can hold them all and in float64 beyond."""
    for side, dtype in ((250, np.float32), (300, np.float64)):
        area = summed_area(np.full((1, side, side), 255, np.uint8))
        assert area.table.dtype == dtype
        np.testing.assert_array_equal(area.table[0, 0, -1], 255 * side * np.arange(side + 1))


def test_a_table_that_is_made_in_pieces_is_that_of_each_image():
    images = np.random.default_rng(0).integers(0, 256, (3, 400, 300), dtype=np.uint8)  # some = 2
    table = summed_area(images).table[:, 0, 1:, 1:]
    np.testing.assert_array_equal(table, images.astype(int).cumsum(axis=1).cumsum(axis=2))


@pytest.mark.parametrize("shape", [(2, 600, 500), (1, 300, 300, 3), (3, 512, 512)])  # 2¹⁸ numbers are 512 × 512
def test_an_image_larger_than_a_piece_is_a_piece(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    table = summed_area(images).table[:, :, 1:, 1:]
    want = images.reshape(*shape[:3], -1).astype(int).cumsum(axis=1).cumsum(axis=2)
    np.testing.assert_array_equal(table, want.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 4, 4)),
        np.zeros((4, 4)),
        np.zeros((1, 4, 4), int),
        np.zeros((1, 4, 4), bool),
        np.zeros((1, 1, 4, 4, 1)),
    ],
)
def test_unfit_images_are_refused(images):
    with pytest.raises(InputError, match="images should be"):
        summed_area(images)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 3, 2)])
def test_unfit_locations_are_refused(shape):
    with pytest.raises(InputError, match="loc should have the shape"):
        sensor_forward(summed_area(np.zeros((3, 4, 4))), np.zeros(shape), (1,), 2)


def test_whole_numbers_are_no_locations():
    with pytest.raises(InputError, match=r"loc should hold floats.*int64; convert pixels"):
        sensor_forward(summed_area(np.zeros((3, 4, 4))), np.zeros((3, 2), int), (1,), 2)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_locations_that_are_not_finite_are_refused(number, continuous):
    """But not where NumPy is told to ignore what is invalid: training names the block, after the step."""
    area, loc = summed_area(np.ones((3, 4, 4))), np.zeros((3, 2))
    loc[1, 1] = number
    with pytest.raises(InputError, match=r"\(x, y\) from −1 to 1 .* not finite"):
        sensor_forward(area, loc, (1,), 2, continuous=continuous)
    with np.errstate(invalid="ignore"):
        phi, _ = sensor_forward(area, loc, (1,), 2, continuous=continuous)
    assert (phi[[0, 2]] == 1).all()


def test_which_image_may_be_of_few_bits():
    """A row's place in the table is C·H·W times its image, which an integer of 8 bits does not hold."""
    area = summed_area(np.random.default_rng(0).random((200, 4, 4, 3)))
    loc = np.zeros((1, 2))
    want, _ = sensor_forward(area, loc, (1,), 2, np.array([199]))
    for kind in (np.uint8, np.int16):
        got, cache = sensor_forward(area, loc, (1,), 2, np.array([199], kind))
        np.testing.assert_array_equal(got, want)
        assert sensor_backward_image(np.ones_like(got), cache)[199].any()
