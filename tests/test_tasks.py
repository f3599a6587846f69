import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from minram.datasets import tasks
from minram.datasets.tasks import ORIGINAL, Task, cluttered, fixed_batches, fixed_images, make_images, translated
from minram.errors import InputError


def assert_uniform(counts):
    # One chi-square test at a fixed seed: a correct sampler fails it with probability 1e-4.
    counts = np.ravel(counts)
    statistic = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert statistic < stats.chi2.isf(1e-4, len(counts) - 1)
    assert counts.min() > 0  # the last position is reached as well as the first


def draw_slowly(task, images, index, layout):
    """The definition, pixel by pixel: clutter first, then the image, clipped after each sum."""
    # Bytes are summed as integers; floats in their own precision, so that they agree to the last bit.
    white, dtype = (255, int) if images.dtype == np.uint8 else (1, images.dtype)
    out = np.zeros((len(index), *task.canvas, *images.shape[3:]), dtype)
    s = task.distractor_size
    for b, i in enumerate(index):
        pieces = []
        for source, (y, x), corner in zip(layout.source[b], layout.cut[b], layout.drop[b]):
            assert source != i
            pieces.append((corner, images[source, y : y + s, x : x + s]))
        for (top, left), piece in [*pieces, (layout.place[b], images[i])]:
            for y, x in np.ndindex(piece.shape[:2]):
                at = b, top + y, left + x
                out[at] = np.minimum(out[at] + piece[y, x], white)
    return out.astype(images.dtype)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_equals_the_definition_for_any_shape_colour_and_type(data):
    n, h, w = (data.draw(st.integers(low, 5)) for low in (2, 1, 1))
    canvas = (h + data.draw(st.integers(0, 4)), w + data.draw(st.integers(0, 4)))
    task = cluttered(canvas, data.draw(st.integers(0, 4)), data.draw(st.integers(1, min(h, w))))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    images = rng.integers(0, 256, (n, h, w, *data.draw(st.sampled_from([(), (1,), (3,)])))).astype(np.uint8)
    dtype = data.draw(st.sampled_from([np.uint8, np.float32, np.float64]))
    if dtype != np.uint8:
        images = (images / 255).astype(dtype)
    index = rng.integers(0, n, data.draw(st.integers(1, 4)))
    before, state = images.copy(), rng.bit_generator.state
    got = make_images(task, images, index, rng)
    np.testing.assert_array_equal(images, before)
    rng.bit_generator.state = state
    want = draw_slowly(task, images, index, tasks._sample_layout(task, images, index, rng))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, want)


def test_every_position_of_the_canvas_is_equally_likely():
    images = np.full((1, 5, 4), 7, np.uint8)
    out = make_images(translated((8, 9)), images, np.zeros(20_000, int), np.random.default_rng(1))
    assert (out.sum((1, 2)) == 7 * 20).all()  # never cut off
    first = out.reshape(len(out), -1).argmax(1)
    counts = np.bincount(first, minlength=72).reshape(8, 9)
    assert counts[4:].sum() == counts[:, 6:].sum() == 0
    assert_uniform(counts[:4, :6])


def test_a_canvas_of_the_images_own_size_leaves_one_position():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    out = make_images(translated((3, 4)), images, np.array([1, 0]), np.random.default_rng(0))
    np.testing.assert_array_equal(out, images[[1, 0]])


def test_source_cut_and_drop_of_clutter_are_uniform_and_independent():
    # The image on top is black, and all pixels of the other three differ: one pixel tells the whole draw.
    images = np.zeros((4, 3, 4), np.uint8)
    images[1:] = np.arange(1, 37).reshape(3, 3, 4)
    out = make_images(cluttered((4, 5), 1, 2), images, np.zeros(40_000, int), np.random.default_rng(2))
    flat = out.reshape(len(out), -1)
    corner = (flat > 0).argmax(1)
    source, row, column = np.unravel_index(flat[np.arange(len(flat)), corner] - 1, (3, 3, 4))
    counts = np.zeros((3, 2, 3, 3, 4), int)
    np.add.at(counts, (source, row, column, *np.unravel_index(corner, (4, 5))), 1)
    assert counts.sum() == len(out)
    assert_uniform(counts)


def test_clutter_is_never_cut_from_the_image_itself():
    n, rng = 5, np.random.default_rng(3)
    images = np.repeat(np.arange(1, n + 1), 9).reshape(n, 3, 3).astype(np.uint8)
    index = rng.integers(0, n, 20_000)
    out = make_images(cluttered(6, 1, 2), images, index, rng)
    # Nothing reaches white, so the sum of the pixels tells the source.
    source = (out.sum((1, 2), dtype=int) - 9 * (index + 1)) // 4 - 1
    counts = np.zeros((n, n), int)
    np.add.at(counts, (index, source), 1)
    assert np.trace(counts) == 0
    assert_uniform(counts[~np.eye(n, dtype=bool)])


def test_the_original_task_gives_copies():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    rng = np.random.default_rng(0)
    out = make_images(ORIGINAL, images, np.array([1, 1, 0]), rng)
    np.testing.assert_array_equal(out, images[[1, 1, 0]])
    out[:] = 0
    for _, chunk in fixed_batches(ORIGINAL, images, 2, 0):
        chunk[:] = 0
    assert images.any()
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state  # nothing was drawn


@pytest.mark.parametrize("task", [ORIGINAL, translated(9), cluttered((9, 11), 3, 2)])
def test_fixed_images_depend_on_the_seed_alone(task):
    images = np.random.default_rng(0).integers(0, 256, (23, 5, 6), dtype=np.uint8)
    want = fixed_images(task, images, seed=4)
    np.testing.assert_array_equal(want, fixed_images(task, images, seed=4))
    for batch in (1, 7, 23, 100):
        starts, chunks = zip(*fixed_batches(task, images, batch, seed=4))
        assert starts == tuple(range(0, 23, batch))
        np.testing.assert_array_equal(np.concatenate(chunks), want)
    if task != ORIGINAL:
        assert (want != fixed_images(task, images, seed=5)).any()


@pytest.mark.parametrize("task", [ORIGINAL, translated(4), cluttered((4, 5), 1, 2)])
def test_more_images_than_are_made_at_a_time(task):
    images = np.random.default_rng(0).integers(0, 256, (2001, 3, 2), dtype=np.uint8)
    chunks = [chunk for _, chunk in fixed_batches(task, images, 1, seed=4)]
    np.testing.assert_array_equal(fixed_images(task, images, seed=4), np.concatenate(chunks))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_clutter_of_many_colours_is_wider_or_narrower_than_their_number(channels, size):
    images = np.random.default_rng(0).random((3, 6, 7, channels))
    task, index = cluttered((9, 11), 3, size), np.array([2, 0, 0, 1])
    got = make_images(task, images, index, np.random.default_rng(1))
    layout = tasks._sample_layout(task, images, index, np.random.default_rng(1))
    np.testing.assert_array_equal(got, draw_slowly(task, images, index, layout))


def test_same_seed_same_bits():
    images = np.random.default_rng(0).random((10, 5, 6, 3), dtype=np.float32)
    a, b = (make_images(cluttered(12, 2, 3), images, np.arange(10), np.random.default_rng(6)) for _ in "ab")
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "task, sentence",
    [
        (translated(5), r"at least as large as the images, \(6, 5\), but is \(5, 5\)"),
        (translated((6, 4)), "larger canvas"),
        (translated((6, 7, 8)), r"is \(6, 7, 8\)"),
        (cluttered(9, 2, 6), "1 to 5 pixels"),
        (cluttered(9, -1, 2), "0 or more distractors"),
        (cluttered(9, 1, 0), "1 to 5 pixels"),
        (Task(None, 2), "needs a canvas"),
    ],
)
def test_what_does_not_fit_is_refused(task, sentence):
    with pytest.raises(InputError, match=sentence):
        make_images(task, np.zeros((3, 6, 5), np.uint8), np.arange(3), np.random.default_rng(0))


@pytest.mark.parametrize(
    "images, index, sentence",
    [
        (np.zeros((3, 6), np.uint8), [0], "shape"),
        (np.zeros((3, 6, 6), np.int64), [0], "int64"),
        (np.zeros((3, 6, 6), np.uint8), [[0]], "index"),
        (np.zeros((3, 6, 6), np.uint8), [0.0], "integers from 0 to 2"),
        (np.zeros((3, 6, 6), np.uint8), [3], "integers from 0 to 2"),
        (np.zeros((3, 6, 6), np.uint8), [-1], "integers from 0 to 2"),
        (np.zeros((1, 6, 6), np.uint8), [0], "at least 2 images"),
    ],
)
def test_wrong_images_and_indices_are_refused(images, index, sentence):
    with pytest.raises(InputError, match=sentence):
        make_images(cluttered(20, 1, 2), images, np.array(index), np.random.default_rng(0))


def test_a_chunk_has_at_least_one_image():
    with pytest.raises(InputError, match="batch"):
        list(fixed_batches(ORIGINAL, np.zeros((3, 6, 6), np.uint8), 0, 0))
