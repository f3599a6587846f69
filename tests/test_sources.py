"""What people have: each natural kind of data is read as what it means, each fault has a sentence of its own."""

import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave

import minram
from minram.command.cli import main
from minram.datasets import data, names
from minram.datasets.image import read_image, resized
from minram.errors import InputError
from minram.pictures import figures, show, style
from minram.storage import checkpoint
from minram.training.run import class_names
from tiny import WORDS

# 30 images of 5×4 pixels of which no two are alike, 6 more for the test; labels 0, 1, 2.
R = np.random.default_rng(0)
X, Y = R.integers(0, 256, (30, 5, 4), dtype=np.uint8), np.arange(30) % 3
X_TEST, Y_TEST = R.integers(0, 256, (6, 5, 4), dtype=np.uint8), np.arange(6) % 3
SQUARE, SQUARE_TEST = R.integers(0, 256, (30, 4, 4), dtype=np.uint8), R.integers(0, 256, (6, 4, 4), dtype=np.uint8)
COLOUR, COLOUR_TEST = (
    R.integers(0, 256, (30, 5, 7, 3), dtype=np.uint8),
    R.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8),
)
TEXT = np.array(["cat", "dog", "an emu"])


def loaded(folder, arrays, **how):
    np.savez(folder / "a.npz", **arrays)
    return data.load(folder / "a.npz", **how)


def parts(x=X, y=Y, x_test=X_TEST, y_test=Y_TEST):
    return {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}


def together(d):
    """All images and labels of a Dataset in an order that does not depend on the split."""
    x, y = np.concatenate([d.x_train, d.x_val, d.x_test]), np.concatenate([d.y_train, d.y_val, d.y_test])
    order = np.lexsort(x.reshape(len(x), -1).T)
    return x[order], y[order]


def same(a, b):
    for one, other in zip(together(a), together(b)):
        np.testing.assert_array_equal(one, other)


# ---- names ----

PAIRS = [
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "Y_train", "X_test", "Y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("trainX", "trainy", "testX", "testy"),
    ("train_data", "train_target", "test_data", "test_target"),
    ("images_train", "labels_train", "images_test", "labels_test"),
]


@pytest.mark.parametrize("keys", PAIRS, ids=lambda keys: keys[0])
def test_the_usual_names(tmp_path, keys):
    want = loaded(tmp_path, parts())
    got = loaded(tmp_path, dict(zip(keys, parts().values())))
    assert all((a == b).all() for a, b in zip(want[:6], got[:6], strict=True)) and got[6:] == want[6:] == ((), ())


def test_a_validation_set_of_its_own_is_taken(tmp_path):
    """As MedMNIST has one; its labels are (n, 1)."""
    arrays = {"train_images": X, "train_labels": Y[:, None], "val_images": X_TEST, "val_labels": Y_TEST[:, None]}
    d = loaded(tmp_path, arrays | {"test_images": X[:5], "test_labels": Y[:5, None]}, n_val=2)
    assert len(d.x_train) == 30 and d.notes == ()
    np.testing.assert_array_equal(d.x_val, X_TEST)
    np.testing.assert_array_equal(d.y_test, Y[:5])


@pytest.mark.parametrize("x, y", [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"), ("Image", "LABEL")])
def test_a_lone_pair_is_split_and_that_is_said(tmp_path, x, y):
    d = loaded(tmp_path, {x: X, y: Y})
    assert [len(part) for part in d[:6:2]] == [20, 4, 6] and len({a.tobytes() for a in together(d)[0]}) == 30
    assert d.notes == ("There is no test set, so a fifth of the 30 images, drawn with a fixed seed, is kept as one.",)
    again = loaded(tmp_path, {x: X, y: Y})
    assert all((a == b).all() for a, b in zip(d[:6], again[:6]))
    order = np.lexsort(X.reshape(30, -1).T)
    np.testing.assert_array_equal(together(d)[0], X[order])
    np.testing.assert_array_equal(together(d)[1], Y[order])


def test_training_images_alone_are_split_too(tmp_path):
    d = loaded(tmp_path, {"x_train": X, "y_train": Y})
    assert len(d.x_test) == 6 and "no test set" in d.notes[0]


def test_beside_a_test_or_validation_set_a_plain_pair_is_for_training(tmp_path):
    named = {"x_train": X, "y_train": Y}
    for part in ("test", "val"):
        other = {f"x_{part}": X_TEST, f"y_{part}": Y_TEST}
        want, got = loaded(tmp_path, named | other), loaded(tmp_path, {"x": X, "y": Y} | other)
        same(got, want)
        assert got.notes == want.notes and len(got.notes) == (part == "val")
        np.testing.assert_array_equal(got.x_test if part == "test" else got.x_val, X_TEST)
    with pytest.raises(InputError, match="rename or add y_test"):
        loaded(tmp_path, {"x": X, "y": Y, "x_test": X_TEST})


def test_images_of_scikit_learns_digits_are_preferred_to_their_rows(tmp_path):
    d = loaded(tmp_path, {"data": np.ones((30, 16)), "images": SQUARE, "target": Y})
    assert d.image_shape == (4, 4) and d.x_train.dtype == np.uint8


@pytest.mark.parametrize("name", ["x_trains", "weights", "xy", "extra_x", "training", "y_train_names"])
def test_other_names_mean_nothing(name):
    assert names.roles([name]) == {}


# ---- labels ----

LABELS = {
    "(n, 1)": (lambda y: y[:, None], ()),
    "one-hot": (lambda y: np.eye(3)[y], ()),
    "floats": (lambda y: y.astype(np.float32), ()),
    "big-endian": (lambda y: y.astype(">i4"), ()),
    "text": (lambda y: np.array(["ant", "bee", "cow"])[y], ("ant", "bee", "cow")),
    "bytes": (lambda y: np.array([b"ant", b"bee", b"cow"])[y], ("ant", "bee", "cow")),
    "from 1": (lambda y: y + 1, ("1", "2", "3")),
    "with gaps": (lambda y: np.array([0, 100, 9000])[y], ("0", "100", "9000")),
    "negative": (lambda y: y - 1, ("-1", "0", "1")),
    "huge": (lambda y: np.uint64(2**64 - 3) + y.astype(np.uint64), tuple(str(2**64 - 3 + k) for k in range(3))),
    "two bools": (lambda y: y > 0, ()),
}


@pytest.mark.parametrize("change, wanted", LABELS.values(), ids=LABELS)
def test_labels_of_any_kind(tmp_path, change, wanted):
    d = loaded(tmp_path, parts(y=change(Y), y_test=change(Y_TEST)))
    assert d.names == wanted and {y.dtype for y in d[1:6:2]} == {np.dtype(np.int64)}
    want = Y_TEST if change(Y_TEST).dtype != bool else Y_TEST > 0
    np.testing.assert_array_equal(d.y_test, want)
    said = bool(wanted) and wanted[0] != "ant"
    assert len(d.notes) == said and (not said or "3 classes, which keep these names" in d.notes[0])


def test_names_of_classes_are_taken_from_the_file(tmp_path):
    assert loaded(tmp_path, parts() | {"class_names": TEXT}).names == ("cat", "dog", "an emu")
    gap = loaded(tmp_path, parts(y=2 * (Y % 2), y_test=2 * (Y_TEST % 2)) | {"target_names": TEXT.astype("S")})
    assert gap.names == ("cat", "an emu") and set(gap.y_train) == {0, 1}
    assert loaded(tmp_path, parts() | {"class_names": TEXT[:2]}).names == ()  # too few to be theirs


def test_names_that_a_terminal_should_not_see(tmp_path):
    d = loaded(tmp_path, parts() | {"class_names": np.array(["\x1b[2J", "a\nb", "z" * 1000])})
    assert d.names == ("?[2J", "a?b", "z" * 39 + "…")


def test_a_class_without_training_images_is_named(tmp_path):
    d = loaded(tmp_path, parts(y=Y % 2) | {"class_names": TEXT})
    assert d.n_classes == 3 and "No training image is of class an emu, which can only be got wrong." in d.notes


def test_unequal_classes_are_named(tmp_path):
    y = np.arange(30) >= 29
    d = loaded(tmp_path, parts(y=np.where(y, 1, 0), y_test=Y_TEST % 2), n_val=1)
    assert len(d.notes) == 1 and "of 29 training images 1 are of class 1; with class_weights=balanced" in d.notes[0]


def test_as_many_classes_as_images_are_a_question(tmp_path):
    assert "are the labels classes?" in loaded(tmp_path, parts(y=np.arange(30))).notes[-1]


# ---- images ----

IMAGES = {
    "booleans": (X > 99, X_TEST > 99, np.uint8((X_TEST > 99) * 255)),
    "integers": (X.astype(np.int64), X_TEST.astype(np.int16), X_TEST),
    "big-endian": (X.astype(">u2"), X_TEST.astype(">i8"), X_TEST),
    "half": (np.float16(X / 255), np.float16(X_TEST / 255), np.float32(np.float16(X_TEST / 255))),
    "single and double": (np.float32(X / 255), X_TEST / 255, X_TEST / 255),
    "big-endian floats": ((X / 255).astype(">f4"), (X_TEST / 255).astype(">f4"), np.float32(X_TEST / 255)),
    "flat": (SQUARE.reshape(30, 16), SQUARE_TEST.reshape(6, 16), SQUARE_TEST),
    "one channel": (X[..., None], X_TEST[..., None], X_TEST),
    "channels first": (COLOUR.transpose(0, 3, 1, 2), COLOUR_TEST.transpose(0, 3, 1, 2), COLOUR_TEST),
    "one channel first": (X[:, None].repeat(2, -1), X_TEST[:, None].repeat(2, -1), X_TEST.repeat(2, -1)),
    "Fortran order": (np.asfortranarray(X), np.asfortranarray(X_TEST), X_TEST),
}


@pytest.mark.parametrize("x, x_test, want", IMAGES.values(), ids=IMAGES)
def test_images_of_any_kind(tmp_path, x, x_test, want):
    d = loaded(tmp_path, parts(x=x, x_test=x_test))
    np.testing.assert_array_equal(d.x_test, want)
    assert {a.dtype for a in d[:6:2]} == {want.dtype} and want.dtype.isnative
    first = x.ndim == 4 and x.shape[-1] > 4
    assert len(d.notes) == 2 * first and all("has its channels first; they are put last" in note for note in d.notes)


@pytest.mark.parametrize("shape", [(5, 7, 3), (7, 5, 3), (35, 3)])
def test_rows_are_folded_as_they_are_told(tmp_path, shape):
    rows = parts(x=COLOUR.reshape(30, 105), x_test=COLOUR_TEST.reshape(6, 105))
    np.testing.assert_array_equal(loaded(tmp_path, rows, image_shape=shape).x_test, COLOUR_TEST.reshape(6, *shape))


def test_images_are_brought_to_a_shape(tmp_path):
    d = loaded(tmp_path, parts(), image_shape=(10, 2))
    pairs = X_TEST.astype(float).reshape(6, 5, 2, 2).mean(axis=-1)  # of columns; each row twice
    np.testing.assert_array_equal(d.x_test, np.round(pairs.repeat(2, axis=1)).astype(np.uint8))
    mixed = parts(x_test=SQUARE_TEST)
    assert loaded(tmp_path, mixed, image_shape=(3, 3)).x_test.shape == (6, 3, 3)


@pytest.mark.parametrize("size", [(5, 4), (3, 4), (7, 9), (1, 1), (5, 1)])
def test_resizing_keeps_the_mean(size):
    """Each pixel counts by its area, so the mean is the same, to the rounding of as many sums as there are pixels."""
    for x in (X[0] / 255, COLOUR[0] / 255):
        y = resized(x, size)
        assert y.shape == (*size, *x.shape[2:])
        np.testing.assert_allclose(y.mean(axis=(0, 1)), x.mean(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_array_equal(resized(X[0], (5, 4)), X[0])


def with_nan(x):
    return np.where(np.arange(len(x))[:, None, None] == 3, np.nan, x / 255)


FAULTS = {
    "floats to 255": (parts(x=X / 1.0), "divide bytes by 255, or save them as uint8"),
    "floats to 16": (parts(x=X / 16), "goes from 0.* to 15.94; divide by 16"),
    "standardised": (parts(x=(X - 128.0) / 64), "as if standardised; undo it"),
    "from −1 to 1": (parts(x=X / 127.5 - 1), r"as if standardised; take \(x \+ 1\)/2"),
    "NaN": (parts(x=with_nan(X)), "x_train holds numbers that are not finite"),
    "bytes to 1": (parts(x=X % 2, x_test=X_TEST % 2), "never exceed 1, which as bytes is black"),
    "16 bits": (parts(x=X.astype(np.uint16) * 257), "goes to 65535, as 16-bit images do; divide by 65535"),
    "12 bits": (parts(x=X.astype(np.uint16) * 16), "divide by 4095"),
    "negative": (parts(x=X.astype(int) - 100), "goes from -100 to 155; add 100"),
    "images last": (parts(x=np.moveaxis(X, 0, -1)), r"np.moveaxis\(x, -1, 0\)"),
    "no channel": (parts(x=np.zeros((30, 5, 4, 9))), "9 along the last axis is no number of channels"),
    "flat": (parts(x=np.ones((30, 50), np.uint8)), "50 numbers an image, but that is no square; say their shape"),
    "one number": (parts(x=np.ones(30)), r"shape \(n, H, W\) .* has the shape \(30,\)"),
    "film": (parts(x=np.zeros((30, 2, 5, 4, 3))), r"has the shape \(30, 2, 5, 4, 3\)"),
    "bytes and floats": (parts(x_test=X_TEST / 255), "of one kind, but are uint8 in x_train, float64 in x_test"),
    "two sizes": (parts(x_test=SQUARE_TEST), r"one shape, but have \(5, 4\) in x_train, \(4, 4\) in x_test"),
    "several labels": (parts(y=np.ones((30, 3))), "y_train marks 3 to 3 classes an image"),
    "no label": (parts(y=np.zeros((30, 3))), "y_train marks 0 to 0 classes an image"),
    "probabilities": (parts(y=np.full((30, 3), 1 / 3)), r"if they are probabilities, take y.argmax\(axis=1\)"),
    "values": (parts(y=np.linspace(0, 1, 30)), "this is a classifier, so make classes of them"),
    "text and numbers": (parts(y=TEXT[Y]), "labels should be of one kind"),
    "texts": (parts(y=np.array([["a", "b"]] * 30)), "holds 2 texts; take one column"),
    "one class": (parts(y=0 * Y, y_test=0 * Y_TEST), "labels should be of two classes or more, but all are 0"),
    "too few labels": (parts(y=Y[:7]), r"one label for each of the 30 images, but has the shape \(7,\)"),
    "a lone label": (parts(y=np.array(3)), "one label for each of the 30 images"),
    "no images": ({"weights": X}, r"should hold the arrays x_train and y_train.* but holds weights \(30, 5, 4\) \|u1"),
    "no labels": ({"x_train": X}, r"but holds x_train \(30, 5, 4\) \|u1; rename or add y_train"),
    "labels of the test missing": ({"x": X, "y": Y, "x_train": X, "y_train": Y, "x_test": X}, "rename or add y_test"),
}


@pytest.mark.parametrize("arrays, sentence", FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_sentence(tmp_path, arrays, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        loaded(tmp_path, arrays)
    assert "\n" not in str(caught.value)


def test_objects_are_not_unpickled_and_the_remedy_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", **parts(y=TEXT[Y].astype(object)))
    with pytest.raises(InputError, match=r"not bools, integers or floats; save text with astype\(str\)"):
        data.load(tmp_path / "a.npz")


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"there is no file or folder .*birds.npz"):
        data.load(tmp_path / "birds.npz")


SUSPECT = {
    "bytes to 16": (parts(x=X // 16, x_test=X_TEST // 16), r"never exceed 15, .* multiply by 255/15\?"),
    "divided twice": (parts(x=X / 65025, x_test=X_TEST / 65025), "divided by 255 twice"),
    "a strip": (parts(x=X.reshape(30, 1, 20), x_test=X_TEST.reshape(6, 1, 20)), "1 pixels high and 20 wide; are the"),
}


@pytest.mark.parametrize("arrays, sentence", SUSPECT.values(), ids=SUSPECT)
def test_what_is_possible_but_unlikely_is_a_note(tmp_path, arrays, sentence):
    d = loaded(tmp_path, arrays)
    assert len(d.notes) == 1
    with pytest.raises(InputError, match=sentence):
        raise InputError(d.notes[0])


# ---- folders of pictures ----


def pictures(folder, images, labels, suffix=".png"):
    """Write each image into the folder of its class, beside a file that is no picture."""
    for i, (image, k) in enumerate(zip(images, labels)):
        below = folder / ["cats", "dogs", "an emu"][k]
        below.mkdir(parents=True, exist_ok=True)
        rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, -1)
        imsave(below / f"picture{i:03}{suffix}", rgb)
        (below / "notes.txt").write_text("not a picture")
    return folder


def test_a_folder_for_each_class(tmp_path):
    want = {"x": X, "y": np.array(["cats", "dogs", "an emu"])[Y]}
    d = data.load(pictures(tmp_path / "a", X, Y))
    assert d.names == ("an emu", "cats", "dogs") and d.image_shape == (5, 4) and d.x_train.dtype == np.uint8
    same(d, loaded(tmp_path, want))
    assert len(d.notes) == 1 and "no test set" in d.notes[0]


@pytest.mark.parametrize("train, test", [("train", "test"), ("Training", "TEST"), ("train", "valid")])
def test_folders_with_a_split(tmp_path, train, test):
    pictures(tmp_path / "a" / train, COLOUR, Y)
    pictures(tmp_path / "a" / test, COLOUR_TEST, Y_TEST)
    (tmp_path / "a" / "train" / "__MACOSX").mkdir(parents=True)
    (tmp_path / "a" / ".git").mkdir()
    d = data.load(tmp_path / "a")
    held = d.x_val if test == "valid" else d.x_test
    assert d.names == ("an emu", "cats", "dogs") and d.image_shape == (5, 7, 3) and len(held) == 6
    assert {a.tobytes() for a in held} == {a.tobytes() for a in COLOUR_TEST}


@pytest.mark.parametrize("name", ["dev", "Val", "valid"])  # which come before train/, or after it
def test_without_a_test_set_one_is_taken_from_the_training_images(tmp_path, name):
    pictures(tmp_path / "a" / "train", COLOUR, Y)
    pictures(tmp_path / "a" / name, COLOUR_TEST, Y_TEST)
    d = data.load(tmp_path / "a")
    assert [len(d.x_train), len(d.x_test)] == [24, 6]
    assert {a.tobytes() for a in d.x_val} == {a.tobytes() for a in COLOUR_TEST}
    assert {a.tobytes() for a in [*d.x_train, *d.x_test]} == {a.tobytes() for a in COLOUR}


def test_pictures_that_are_not_read_are_said(tmp_path):
    folder = pictures(tmp_path / "a", COLOUR, Y)
    imsave(folder / "loose.png", COLOUR[0])
    (folder / "dogs" / "deeper").mkdir()
    imsave(folder / "dogs" / "deeper" / "one.png", COLOUR[0])
    (folder / "birds").mkdir()
    for i in range(3):
        (folder / "birds" / f"{i}.tif").write_bytes(b"")
    (folder / "birds" / "readme.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    imsave(folder / ".hidden" / "one.png", COLOUR[0])
    said = [note for note in data.load(folder).notes if "not read" in note]
    assert said == [
        "5 pictures are not read, as they lie in no folder of their class, or are no PNG or JPEG: "
        f"{Path('birds/0.tif')}, {Path('birds/1.tif')}, {Path('birds/2.tif')}, …."
    ]


def test_parts_without_folders_of_classes_are_no_classes(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        for i in range(6):
            imsave(tmp_path / name / f"{i}.png", COLOUR[i])
    with pytest.raises(InputError, match="its pictures lie side by side in test/, train/; move those of each class"):
        data.load(tmp_path)
    (tmp_path / "car").mkdir()
    imsave(tmp_path / "car" / "0.png", COLOUR[0])
    assert data.load(tmp_path).names == ("car", "test", "train")  # a train may be one


@pytest.mark.parametrize("orientation", range(10))  # of which 1 to 8 mean something
def test_a_picture_is_turned_as_its_camera_says(tmp_path, orientation):
    from PIL import Image, ImageOps

    x = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(x).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as picture:
        want = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_allclose(read_image(tmp_path / "turned.png", 3), want / 255, atol=1e-6)  # float32


def test_what_is_transparent_shows_white_paper():
    ink = np.zeros((4, 4, 4), np.uint8)  # black, as drawing programs save it
    ink[1:3, 1:3, 3] = 255
    ink[0, 0, 3] = 51  # a fifth
    want = np.full((4, 4), 255)
    want[1:3, 1:3], want[0, 0] = 0, 204
    np.testing.assert_array_equal(read_image(ink), want)
    np.testing.assert_array_equal(read_image(ink[..., 2:]), want)
    np.testing.assert_allclose(read_image(ink / np.float32(255)), want / 255, atol=1e-6)


@pytest.mark.parametrize("names", [("x" * 45 + "a", "x" * 45 + "b", "z"), ("a", "a ", "z"), ("a\nb", "a\tb", "z")])
def test_names_that_become_alike_stay_apart(tmp_path, names):
    d = loaded(tmp_path, {"x": X, "y": np.array(names)[Y]})
    assert len(set(d.names)) == 3 and all(len(name) <= 40 for name in d.names)
    assert [name.endswith(f" #{k}") for k, name in enumerate(d.names)].count(True) == 2
    turned = data.aligned(d, (*d.names, "other"))
    np.testing.assert_array_equal(turned.y_train, d.y_train)


def test_two_folders_for_one_part_are_refused(tmp_path):
    for name in ("train", "training", "test"):
        pictures(tmp_path / "a" / name, COLOUR, Y)
    with pytest.raises(InputError, match=r"one folder for train, but holds train/ and training/; put them together"):
        data.load(tmp_path / "a")


def test_too_few_to_take_a_test_set_from(tmp_path):
    val = {"x_val": X_TEST, "y_val": Y_TEST}
    assert len(loaded(tmp_path, {"x": X[:5], "y": Y[:5]} | val).x_test) == 1
    with pytest.raises(InputError, match="no test set, and 4 images are too few to take one from; give 5 or more"):
        loaded(tmp_path, {"x": X[:4], "y": Y[:4]} | val)
    assert len(loaded(tmp_path, {"x": X[:6], "y": Y[:6]}).x_train) == 4
    with pytest.raises(InputError, match="no test set, and 5 images are too few to take one from; give 6 or more"):
        loaded(tmp_path, {"x": X[:5], "y": Y[:5]})


def test_what_is_wrong_with_a_plain_pair_is_said_of_x_and_y(tmp_path):
    with pytest.raises(InputError, match=r"^x should hold"):
        loaded(tmp_path, {"x": X / 100.0, "y": Y})
    with pytest.raises(InputError, match=r"^y should hold"):
        loaded(tmp_path, {"x": X, "y": Y[:-1]})


@pytest.mark.parametrize("part", ["test", "val"])
def test_folders_beside_a_test_or_validation_set_are_for_training(tmp_path, part):
    pictures(tmp_path / "a", COLOUR, Y)
    pictures(tmp_path / "a" / part, COLOUR_TEST, Y_TEST)
    d = data.load(tmp_path / "a")
    assert {a.tobytes() for a in getattr(d, f"x_{part}")} == {a.tobytes() for a in COLOUR_TEST}
    assert {a.tobytes() for a in d.x_train} <= {a.tobytes() for a in COLOUR}


def test_pictures_of_several_sizes(tmp_path):
    folder = pictures(tmp_path / "a", [x[: 3 + i % 3] for i, x in enumerate(COLOUR)], Y)
    d = data.load(folder)
    assert d.image_shape == (4, 7, 3) and "20 of 30 pictures have another size than 4x7" in d.notes[0]
    told = data.load(folder, image_shape=(6, 6))
    assert told.image_shape == (6, 6, 3) and len(told.notes) == 1  # that of the split
    assert data.load(folder, image_shape=(6, 6, 1)).image_shape == (6, 6)


def test_photographs_become_smaller(tmp_path):
    large = [np.full((300, 200 + 100 * (i % 2), 3), i * 8, np.uint8) for i in range(12)]
    d = data.load(pictures(tmp_path / "a", large, np.arange(12) % 2, ".jpg"))
    assert d.image_shape == (128, 107) and d.x_train.dtype == np.uint8  # the median, 300×250, at most 128


def test_pictures_that_lie_side_by_side(tmp_path):
    imsave(tmp_path / "one.png", X[0])
    with pytest.raises(InputError, match="should hold a folder for each class, but its pictures lie side by side"):
        data.load(tmp_path)


def test_a_picture_that_is_none_is_named(tmp_path):
    folder = pictures(tmp_path / "a", X, Y)
    (folder / "cats" / "picture003.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"Cannot read .*picture003.png as a picture"):
        data.load(folder)


@pytest.mark.parametrize(
    "size, sentence", [((8, 2**23), "bytes are no picture of"), ((20_000, 5_000), "exceeds limit")]
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_takes_no_more_memory_than_its_bytes_can_hold(tmp_path, name, size, sentence):
    """Pillow fills what is missing with 0, and looks at no limit where the name ends with png."""
    imsave(tmp_path / "a.png", X[0])
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">2I", *size)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    # What is not looked at by the decoder counts as bytes too: the second kind has enough of them.
    (tmp_path / name).write_bytes(content + bytes(20_000 if "limit" in sentence else 0))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=f"Cannot read .* as a picture .*{sentence}"):
            read_image(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_more_than_memory_holds_is_refused_before_it_is_made(tmp_path):
    folder = pictures(tmp_path / "a", X, Y)
    with pytest.raises(InputError, match="30 pictures of 40000x40000 are too many"):
        data.load(folder, image_shape=(40_000, 40_000))


# ---- IDX files under other names ----


def idx(path, array):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(
    "keys",
    [
        ("train_x.idx", "train_y.idx", "test_x.idx", "test_y.idx"),
        ("my.train.pixels.gz", "my.train.classes.gz", "my.t10k.pixels.gz", "my.t10k.classes.gz"),
    ],
)
def test_idx_files_are_told_apart_by_what_they_hold(tmp_path, keys):
    folder = tmp_path / "idx"
    folder.mkdir()
    (folder / "readme.txt").write_text("not data")
    for name, array in zip(keys, parts().values()):
        idx(folder / name, array)
    same(data.load(folder), loaded(tmp_path, parts()))


def test_a_lone_pair_of_idx_files(tmp_path):
    idx(tmp_path / "digits", X)
    idx(tmp_path / "answers", Y)
    assert "no test set" in data.load(tmp_path).notes[0]


def test_two_of_a_kind_are_not_guessed_at(tmp_path):
    for i, array in enumerate((X, Y, X_TEST)):
        idx(tmp_path / f"{i}.idx", array)
    with pytest.raises(InputError, match=r"but holds \['0.idx', '1.idx', '2.idx'\]"):
        data.load(tmp_path)


# ---- what a run keeps of them ----


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on the folder of pictures, by the command line → its folder."""
    here = tmp_path_factory.mktemp("named")
    pictures(here / "pets", X, Y)
    assert main(["train", "--data", str(here / "pets"), "--out", str(here / "run"), "--set", *WORDS]) == 0
    return here / "run"


def test_notes_are_stored_with_the_run(run):
    note = "There is no test set, so a fifth of the 30 images"
    for name in ("best.npz", "last.npz"):
        about = checkpoint.load(run / name)[1]["about"]
        assert about["names"] == ["an emu", "cats", "dogs"] and about["notes"][0].startswith(note)
        assert about["shape"] == [5, 4] and 0 < about["border"] < 1 and 0 < about["mean"] < 1
    assert (run / "log.txt").read_text().startswith(f"Note: {note}")


def test_names_are_shown(run):
    agent = minram.load(run)
    look = agent.look(X[0])
    assert (
        agent.names == ("an emu", "cats", "dogs") and look.name == agent.names[look.label] and look.name in repr(look)
    )
    texts = [text.get_text() for text in look.plot().findobj(lambda artist: hasattr(artist, "get_text"))]
    assert {"an emu", "cats", "dogs"} <= set(texts) and any(text.startswith(f"{look.name}, ") for text in texts)
    scene = show.look(run, 10)
    drawn = figures.paths(scene, 4).findobj(lambda artist: hasattr(artist, "get_text"))
    assert any(text.get_text()[2:] in agent.names for text in drawn)


def test_a_name_is_no_formula():
    assert style.name(["$x_1$", "a very long name of a class"], 0) == r"\$x_1\$"
    assert style.name(["$x_1$", "a very long name of a class"], 1) == "a very long n…" and style.name([], 7) == "7"


@pytest.mark.parametrize("about", [None, "names", {"names": "abc"}, {"names": ["a", "b"]}, {"names": [1, 2, 3]}, {}])
def test_names_that_do_not_fit_are_none(about):
    assert class_names({"about": about}, 3) == ()
