"""Everything a resume needs, in one file: arrays by name, and the rest as JSON.

The file is an uncompressed .npz that `numpy.load` opens too. It is written whole or not at all.
"""

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minram.errors import InputError
from minram.storage.reading import parse_json, read_npz
from minram.storage.writing import atomic_write

FORMAT = 1
META = "__meta__"
NAME = re.compile(r"[ -\[\]-~]{1,200}")  # printable ASCII but the backslash: the same on every system


def save(path: str | Path, arrays: Mapping[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write arrays {name: ndarray} and meta (a dict that JSON can hold), atomically.

    Equal contents give equal bytes. Raises InputError if an array or its name cannot be held, or if the file
    cannot be written; what was there then stays.
    """
    text = json.dumps({"format": FORMAT, "meta": meta}).encode()
    for name, array in arrays.items():
        if not NAME.fullmatch(name) or name == META:
            raise InputError(
                "The name of an array should be 1 to 200 printable ASCII characters, without a backslash, "
                f"and not {META}, but one is {name!a}; rename it."
            )
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise InputError(
                "A checkpoint holds arrays of bools, integers and floats of at most 64 bits, but "
                f"{name} is {getattr(array, 'dtype', type(array).__name__)}; convert it."
            )
    members = {META: np.frombuffer(text, np.uint8), **arrays}

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in members.items():
                # A ZipInfo of its own carries no date, so that equal contents give equal bytes.
                with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    atomic_write(path, write)


def load(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save` wrote → (arrays, meta). Raises InputError for any other or a damaged file."""
    arrays = read_npz(path, max_ratio=1)  # it is not compressed
    try:
        record = parse_json(arrays.pop(META).tobytes())
        version, meta = record["format"], record["meta"]
        if not isinstance(meta, dict):
            raise TypeError("meta is not a dict")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a checkpoint of minram: give one that a run saved.") from error
    if version != FORMAT:
        raise InputError(
            f"{path} has the checkpoint format {str(version)[:40]}, but this version of minram reads format "
            f"{FORMAT}; continue with the version that wrote it."
        )
    return arrays, meta
