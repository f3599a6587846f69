"""What people have, as arrays: a .npz file under the usual names, IDX files, or a folder of pictures for each class.

Nothing is judged here but whether there are images with labels; `formats` and `labels` do that.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minram.datasets.folders import find_classes, folders_in, left_out, read_classes
from minram.datasets.names import CLASS_NAMES, roles, split_in
from minram.errors import InputError
from minram.ops import Array
from minram.storage.reading import is_idx, list_npz, read_idx, read_npz

# train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte.gz
IDX_NAME = re.compile(r"(.*-)?(train|t10k|test)-(images|labels)[-.]idx[134]-ubyte(\.gz)?")
SHOWN = 8  # names in a sentence


class Source(NamedTuple):
    """The arrays as they were found: x and y of "train", "test" and "val", or of one set without a split."""

    arrays: dict[str, Array]  # {"x_train": …, "y_train": …, …} or {"x": …, "y": …}
    names: tuple[str, ...] = ()  # of the classes 0, 1, …
    notes: tuple[str, ...] = ()  # what there is to say
    shape: tuple[int, ...] = ()  # that the images are still to be brought to


def read(path: str | Path, shape: tuple[int, ...] = ()) -> Source:
    """What a file or a folder holds → Source. shape: (H, W) or (H, W, C) that images are brought to, or ().

    Raises InputError for a path that is not there, and for what holds no images with labels.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no file or folder {path}; give a .npz file, or a folder of pictures or IDX files.")
    if not path.is_dir():
        arrays, names = _archive(path)
        return Source(arrays, names, shape=shape)
    try:
        splits = find_classes(path)
        if not splits:
            return Source(_idx_files(path), shape=shape)
    except OSError as error:
        raise InputError(f"Cannot read the folder {path} ({error.strerror}): check its permissions.") from error
    arrays, notes = read_classes(splits, shape)
    return Source(arrays, notes=(*notes, *left_out(path, splits)))


def _archive(path):
    """The arrays of a .npz file under their roles, and the names of the classes."""
    there = list_npz(path)
    found = roles(there)
    if "x_train" not in found and found.keys() & {"x_test", "x_val"}:  # beside these a plain pair is for training
        found = {key + "_train" * (key in ("x", "y")): name for key, name in found.items()}
    pairs = [split for split in ("_train", "") if f"x{split}" in found]
    holds = "; ".join(f"{name} {what}" for name, what in list(there.items())[:SHOWN]) or "nothing"
    if not pairs:
        raise InputError(
            f"{path} should hold the arrays x_train and y_train, or x and y, or others of the usual names (images, "
            f"labels, data, target), but holds {holds}; rename them."
        )
    parts = ("_train", "_test", "_val") if pairs[0] else ("",)
    keys = [kind + part for part in parts for kind in "xy" if found.keys() & {f"x{part}", f"y{part}"}]
    if missing := [key for key in keys if key not in found]:
        raise InputError(
            f"{path} should hold images and labels of each part, but holds {holds}; rename or add "
            f"{' and '.join(missing)}."
        )
    wanted = {key: found[key] for key in keys}
    named = [name for name in CLASS_NAMES if name in there and name not in wanted.values()]
    named = [name for name in named if re.fullmatch(r"\(\d+,\) .*[US]\d+", there[name])]
    arrays = read_npz(path, {*wanted.values(), *named[:1]}, text=True)
    names = arrays[named[0]] if named else np.array([], str)
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8", "replace")
    return {key: arrays[name] for key, name in wanted.items()}, tuple(names.tolist())


def _idx_files(folder):
    """The IDX files of one data set, under the names that MNIST and its like have, or told apart by what they hold."""
    files = [path for path in sorted(folder.iterdir(), reverse=True) if path.name[0] != "." and path.is_file()]
    found: dict[str | None, dict[str, Path]] = {}
    for path in files:  # in reversed order: a plain file replaces its .gz
        if match := IDX_NAME.fullmatch(path.name):
            prefix, part, kind, _ = match.groups()
            key = ("x" if kind == "images" else "y") + ("_train" if part == "train" else "_test")
            found.setdefault(prefix, {})[key] = path
    if not found:
        found = _by_content(files)
    if len(found) == 1:
        keys = next(iter(found.values()))
        if keys.keys() in ({"x", "y"}, {"x_train", "y_train"}, {"x_train", "y_train", "x_test", "y_test"}):
            return {key: read_idx(path) for key, path in keys.items()}
    names = sorted(path.name for keys in found.values() for path in keys.values())
    holds = names or [path.name for path in reversed(files)] + [f"{path.name}/" for path in folders_in(folder)]
    raise InputError(
        f"{folder} should hold a folder of PNG or JPEG pictures for each class, or the four IDX files of one data set, "
        "such as train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
        f"t10k-labels-idx1-ubyte.gz, but holds {holds[:SHOWN]}; put exactly these in one folder."
    )


def _by_content(files):
    """IDX files under other names: of one dimension labels, of more images; the part is in the name, if it is."""
    keys: dict[str, Path] = {}
    for path in files[:100]:
        dimensions = is_idx(path)
        if dimensions is None:
            continue
        split = split_in(path.name)
        key = ("y" if dimensions == 1 else "x") + (f"_{split}" if split else "")
        twin = keys.get(key)
        if twin is not None and twin.name.removesuffix(".gz") != path.name.removesuffix(".gz"):
            return {}  # two of a kind: which belongs to which is not to be told
        keys[key] = path
    return {None: keys} if keys else {}
