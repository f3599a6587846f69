"""Folders of pictures: one folder a class, with or without train/ and test/ above them."""

import math
from pathlib import Path

import numpy as np

from minram.datasets.image import read_image, resized
from minram.datasets.names import split_of
from minram.errors import InputError
from minram.ops import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
OTHERS = (".gif", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".avif")  # pictures too, which are not read
LONGEST = 128  # pixels of a side, where pictures of several sizes are brought to one
MOST = 2**32  # bytes of all pictures

Classes = dict[str, list[Path]]  # the pictures of each class


def find_classes(folder: Path) -> dict[str, Classes]:
    """{split: {class: its pictures}}: splits "train", "test" and "val", or "" alone; {} where there are none.

    Classes that lie beside test/ or val/ are for training. Raises InputError where pictures lie in no folder of their
    class.
    """
    splits: dict[str, Path] = {}
    for below in folders_in(folder):
        if (split := split_of(below.name)) and _classes(below):
            if split in splits:
                both = f"{splits[split].name}/ and {below.name}/"
                raise InputError(f"{folder} should hold one folder for {split}, but holds {both}; put them together.")
            splits[split] = below
    if "train" in splits:
        return {split: _classes(below) for split, below in splits.items()}
    classes = _classes(folder)
    named = [name for name in classes if split_of(name)]
    if (not classes and _pictures(folder)) or (named and len(named) == len(classes)):
        where = f" in {', '.join(f'{name}/' for name in named)}" if named else ""
        raise InputError(
            f"{folder} should hold a folder for each class, but its pictures lie side by side{where}; move those of "
            "each class into a folder that has its name."
        )
    if not classes:
        return {}
    return {"train" if splits else "": classes} | {split: _classes(below) for split, below in splits.items()}


def left_out(folder: Path, splits: dict[str, Classes]) -> list[str]:
    """A note on pictures in the folder that belong to no class, or are of a kind that is not read; else no note."""
    taken = {path for classes in splits.values() for paths in classes.values() for path in paths}
    kinds = (*SUFFIXES, *OTHERS)
    every = (path for path in folder.rglob("*") if path.suffix.lower() in kinds and path not in taken)
    left = sorted(p.relative_to(folder) for p in every if not any(x[0] in "._" for x in p.relative_to(folder).parts))
    if not left:
        return []
    some = ", ".join(map(str, left[:3])) + (", …" if len(left) > 3 else "")
    why = "they lie in no folder of their class, or are no PNG or JPEG"
    return [f"{len(left):,} pictures are not read, as {why}: {some}."]


def read_classes(splits: dict[str, Classes], shape: tuple[int, ...] = ()) -> tuple[dict[str, Array], list[str]]:
    """All pictures as {"x_train": (n, H, W[, C]) bytes, "y_train": (n,) the classes' names, …}, and what to say.

    shape: (H, W), or (H, W, C), that they are brought to; (): their own size if they have one, or a common one. They
    are grey if all of them are. Raises InputError for a picture that cannot be read, and for too many.
    """
    firsts = [_picture(paths[0]) for classes in splits.values() for paths in classes.values()]
    sizes = {x.shape[:2] for x in firsts}
    size = tuple(shape[:2]) if shape else sizes.pop() if len(sizes) == 1 else _common(firsts)
    total = sum(len(paths) for classes in splits.values() for paths in classes.values())
    if total * math.prod(size) * 3 > MOST:
        raise InputError(f"{total:,} pictures of {size[0]}x{size[1]} are too many to hold; set a smaller image_shape.")
    others, found = 0, {}
    for split, classes in splits.items():
        x = np.empty((sum(map(len, classes.values())), *size, 3), np.uint8)
        for i, path in enumerate(path for paths in classes.values() for path in paths):
            one = _picture(path)
            others += one.shape[:2] != size
            x[i] = one if one.shape[:2] == size else resized(one, size)
        key = f"_{split}" if split else ""
        found[f"x{key}"] = x
        found[f"y{key}"] = np.repeat(list(classes), [len(paths) for paths in classes.values()])
    images = [name for name in found if name[0] == "x"]
    grey = all((found[name] == found[name][..., :1]).all() for name in images)
    if shape[2:] == (1,) or (grey and shape[2:] != (3,)):
        found |= {name: _grey(found[name]) for name in images}
    note = f"{others:,} of {total:,} pictures have another size than {size[0]}x{size[1]} and are brought to it; "
    return found, [note + "image_shape=HxW says another."] if others and not shape else []


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, by name, but for hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")


def _pictures(folder):
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file())


def _classes(folder):
    return {below.name: pictures for below in folders_in(folder) if (pictures := _pictures(below))}


def _picture(path):
    """(H, W, 3) bytes."""
    x = read_image(path, 3)
    return x if x.dtype == np.uint8 else np.round(255 * x).astype(np.uint8)


def _common(firsts):
    """The median size, made smaller if it is large."""
    H, W = np.median([x.shape[:2] for x in firsts], axis=0)
    shrink = min(1, LONGEST / max(H, W))
    return max(1, round(H * shrink)), max(1, round(W * shrink))


def _grey(x):
    """(n, H, W, 3) → (n, H, W)."""
    return np.stack([read_image(one, 1) for one in x])
