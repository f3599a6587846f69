import gzip
import os
import struct
import sys

import numpy as np
import pytest

from minram.datasets import data
from minram.errors import InputError

KEYS = ("x_train", "y_train", "x_test", "y_test")


@pytest.fixture(scope="module")
def mnist():
    return data.load()


def small(n=20, shape=(4, 5), dtype=np.uint8):
    """A data set whose image i has the value i and the label i % 3."""
    x = np.broadcast_to(np.arange(n).reshape(n, *[1] * len(shape)), (n, *shape)).astype(dtype)
    x = x if dtype == np.uint8 else x / dtype(n)
    y = (np.arange(n) % 3).astype(np.uint8)
    return {"x_train": x, "y_train": y, "x_test": x[:6].copy(), "y_test": y[:6].copy()}


def save(path, arrays):
    np.savez(path, **arrays)
    return path


def save_idx(path, array):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_the_embedded_mnist(mnist):
    assert [len(part) for part in mnist[:6]] == [55_000, 55_000, 5_000, 5_000, 10_000, 10_000]
    assert mnist.image_shape == (28, 28) and mnist.n_classes == 10 and mnist.names == mnist.notes == ()
    assert mnist.x_train.dtype == np.uint8 and mnist.y_train.dtype == np.int64
    # The number of images of each digit, as LeCun and Cortes made the set.
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(np.concatenate([mnist.y_train, mnist.y_val])), train)
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(mnist.y_test), test)


def test_the_split_is_fixed_by_the_seed_and_leaves_the_test_set_alone(tmp_path):
    path = save(tmp_path / "a.npz", small())
    a, b, other = data.load(path, n_val=4, seed=1), data.load(path, n_val=4, seed=1), data.load(path, n_val=4, seed=2)
    for one, same in zip(a, b):
        np.testing.assert_array_equal(one, same)
    assert (a.x_val != other.x_val).any()
    np.testing.assert_array_equal(a.x_test, small()["x_test"])
    np.testing.assert_array_equal(other.x_test, a.x_test)
    for part in (a, other):
        ids = np.concatenate([part.x_val[:, 0, 0], part.x_train[:, 0, 0]])
        assert len(part.x_val) == 4
        np.testing.assert_array_equal(np.sort(ids), np.arange(20))  # each image once
        np.testing.assert_array_equal(np.concatenate([part.y_val, part.y_train]), ids % 3)  # with its label


def test_validation_takes_at_most_a_fifth(tmp_path):
    assert len(data.load(save(tmp_path / "a.npz", small(23))).x_val) == 4


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_own_images_of_any_shape(tmp_path, shape, dtype):
    dataset = data.load(save(tmp_path / "a.npz", small(shape=shape, dtype=dtype)))
    assert dataset.image_shape == shape and dataset.n_classes == 3
    assert {x.dtype for x in dataset[:6:2]} == {np.dtype(dtype)}


def test_arrays_that_are_not_needed_do_no_harm(tmp_path):
    arrays = small()
    want = data.load(save(tmp_path / "a.npz", arrays))
    got = data.load(save(tmp_path / "b.npz", arrays | {"weights": np.ones(3), "comment": np.array("none")}))
    assert all(np.array_equal(a, b) for a, b in zip(want, got, strict=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
def test_labels_of_any_type_become_integers(tmp_path, dtype):
    arrays = small()
    arrays["y_train"] = (arrays["y_train"] % 2).astype(dtype)
    dataset = data.load(save(tmp_path / "a.npz", arrays))
    assert dataset.y_train.dtype == dataset.y_val.dtype == np.int64
    assert set(dataset.y_train.tolist()) == {0, 1}
    assert dataset.n_classes == 3  # a class that only the test set has is counted


NAMES = {
    "MNIST": ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    "MNIST unpacked by some tools": [
        "train-images.idx3-ubyte",
        "train-labels.idx1-ubyte",
        "t10k-images.idx3-ubyte",
        "t10k-labels.idx1-ubyte",
    ],
    "EMNIST": [
        "emnist-letters-train-images-idx3-ubyte",
        "emnist-letters-train-labels-idx1-ubyte",
        "emnist-letters-test-images-idx3-ubyte",
        "emnist-letters-test-labels-idx1-ubyte",
    ],
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_a_folder_of_idx_files(tmp_path, names, suffix):
    arrays = small()
    for name, key in zip(names, KEYS):
        save_idx(tmp_path / (name + suffix), arrays[key])
    (tmp_path / "readme.txt").write_text("not data")
    want = data.load(save(tmp_path / "a.npz", arrays))
    for got, array in zip(data.load(tmp_path)[:6], want):
        np.testing.assert_array_equal(got, array)


def test_an_unpacked_file_beside_its_gz_is_taken_once(tmp_path):
    for name, key in zip(NAMES["MNIST"], KEYS):
        save_idx(tmp_path / name, small()[key])
        (tmp_path / (name + ".gz")).write_bytes(b"damaged")
    assert len(data.load(tmp_path).x_test) == 6


def test_a_folder_without_exactly_one_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"four IDX files of one data set.*holds \[\]"):
        data.load(tmp_path)
    for name, key in zip(NAMES["MNIST"], KEYS):
        save_idx(tmp_path / name, small()[key])
    save_idx(tmp_path / NAMES["EMNIST"][0], small()["x_train"])
    with pytest.raises(InputError, match="four IDX files of one data set"):
        data.load(tmp_path)
    for name in (NAMES["MNIST"][3], NAMES["EMNIST"][0]):
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match="four IDX files of one data set"):
        data.load(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path):
    tmp_path.chmod(0)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            data.load(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def replaced(**new):
    return lambda arrays: {**arrays, **new}


X = small()["x_train"]
BAD = {
    "a missing key": (lambda a: {k: v for k, v in a.items() if k != "y_test"}, "rename or add y_test"),
    "fewer labels": (
        replaced(y_train=np.zeros(19, int)),
        r"y_train should hold one label for each of the 20 images, but has the shape \(19,\)",
    ),
    "another test shape": (replaced(x_test=np.zeros((6, 5, 4), np.uint8)), "images should have one shape"),
    "another test dtype": (replaced(x_test=np.zeros((6, 4, 5), np.float32)), "images should be of one kind"),
    "flat images": (replaced(x_train=np.ones((20, 18), np.uint8)), "18 numbers an image, but that is no square"),
    "16 bits": (replaced(x_train=X.astype(np.int32) * 1000), "as 16-bit images do; divide by 65535"),
    "complex numbers": (replaced(x_train=X + 0j), "'<c16', not bools, integers or floats"),
    "no images": (replaced(x_test=X[:0], y_test=np.zeros(0, int)), "x_test should hold images"),
    "images without pixels": (replaced(x_test=np.zeros((6, 0, 5), np.uint8)), "x_test should hold images"),
    "floats to 255": (replaced(x_train=X.astype(np.float32)), "divide bytes by 255"),
    "negative floats": (replaced(x_train=X / -20.0), r"from -0.95 to -0, as if standardised"),
    "not a number": (replaced(x_train=np.where(X == 3, np.nan, 0.5)), "not finite, as a NaN"),
    "infinite": (replaced(x_train=np.where(X == 3, np.inf, 0.5)), "not finite"),
    "labels between integers": (replaced(y_train=np.arange(20) / 2), r"values such as 0\.5"),
    "labels that are no numbers": (replaced(y_train=np.full(20, np.nan)), "y_train .* are not finite"),
    "infinite labels": (replaced(y_train=np.full(20, np.inf)), "y_train .* are not finite"),
    "one class": (replaced(y_train=np.zeros(20, int), y_test=np.zeros(6, int)), "two classes or more, but all are 0"),
    "too few images": (replaced(x_train=X[:4], y_train=np.zeros(4, int)), "n_val is 5000 of 4"),
}


@pytest.mark.parametrize("change, sentence", BAD.values(), ids=BAD)
def test_contradictions_are_one_sentence(tmp_path, change, sentence):
    path = save(tmp_path / "a.npz", change(small()))
    with pytest.raises(InputError, match=sentence) as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def test_no_validation_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="n_val is 0 of 20"):
        data.load(save(tmp_path / "a.npz", small()), n_val=0)
