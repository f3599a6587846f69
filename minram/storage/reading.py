"""Reading files that may be damaged or hostile: .npz archives, IDX files and JSON, without trust.

What is promised, whatever the bytes are:
- Nothing in a file is run: no array is unpickled, and no header is evaluated.
- Only regular files are opened: no pipe is waited for, and no device is read for ever.
- A declared size is believed only after a comparison with the size of the file: arrays take at most `max_ratio`
  times as much memory, and 1 MiB; reading them takes less than 1 MiB more.
- JSON of more than 32 MiB is not read; objects take up to 25 times the size of their text.
- What is returned is whole: bools, integers or floats, or text where it is asked for, in the shape and the type that
  the file declares; of JSON, numbers that are finite.
- Every failure is an InputError of one sentence.
"""

import contextlib
import gzip
import json
import math
import os
import re
import stat
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

import numpy as np

from minram.errors import InputError

# Deflate can shrink zeros a thousandfold. MNIST shrinks 5-fold, on mostly empty 100x100 canvases 60-fold.
MAX_RATIO = 100
SLACK = 1 << 20  # so that a file of a few hundred bytes may still hold a small array of zeros
CHUNK = 1 << 16  # bytes at a time: buffers stay small beside SLACK
MAX_JSON = 1 << 25  # bytes: the metrics of a thousand epochs with a thousand glimpses each
Stream = IO[bytes] | gzip.GzipFile

NPY_HEADER = re.compile(
    rb"\{\s*'descr':\s*('[^']*'|\[.*\]),"
    rb"\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(([\d, ]*)\),?\s*\}\s*"
)
NPY_DTYPE = re.compile(r"'([<>|=]?(?:b1|[iu][1248]|f[248]))'")
NPY_TEXT = re.compile(r"'([<>|=]?[US][1-9]\d{0,4})'")
IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npz(
    path: str | Path, names: Collection[str] | None = None, max_ratio: float = MAX_RATIO, text: bool = False
) -> dict[str, np.ndarray]:
    """Read a .npz file of bool, integer and float arrays, all or those of `names` that it has → {name: array}.

    text: those of text and of bytes are read too. Refuses files whose arrays would take more than `max_ratio` times
    the file's size (plus 1 MiB).
    Raises InputError for anything but a whole and well-formed file.
    """
    with _opened(path, "a .npz file of plain number arrays") as file:
        limit = max_ratio * os.fstat(file.fileno()).st_size + SLACK
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_size(sum(member.file_size for member in members), limit)
            found = [member.filename.removesuffix(".npy") for member in members]
            if len(set(found)) < len(found):
                raise ValueError("two arrays have the same name")
            wanted = [(name, member) for name, member in zip(found, members) if names is None or name in names]
            return {name: _read_npy(archive, member, text) for name, member in wanted}


def list_npz(path: str | Path) -> dict[str, str]:
    """What the arrays of a .npz file are, by name: {"x": "(100, 8, 8) <f4"}; nothing but headers is read.

    Raises InputError for what is no such file.
    """
    found = {}
    with _opened(path, "a .npz file of plain number arrays") as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist()[:1000]:
            with archive.open(member) as stream:
                with contextlib.suppress(ValueError, EOFError):
                    kind, shape, _, _ = _read_header(stream, member)
                    found[member.filename.removesuffix(".npy")] = f"{tuple(shape)} {kind[:40]}"
    return found


def read_idx(path: str | Path, max_ratio: float = MAX_RATIO) -> np.ndarray:
    """Read an array in the IDX format of MNIST's files, gzipped or not → the array.

    Two zero bytes, the type, the number of dimensions, the dimensions as big-endian uint32, the values.
    Raises InputError as `read_npz` does.
    """
    with _opened(path, "an IDX file as MNIST's, gzipped or not") as file:
        size = os.fstat(file.fileno()).st_size
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream: Stream = gzip.GzipFile(fileobj=file) if gzipped else file
        zeros, code, ndim = np.frombuffer(_exactly(stream, 4), ">u2, u1, u1")[0].tolist()
        if zeros or code not in IDX_DTYPES:
            raise ValueError("it does not begin with an IDX header")
        shape = np.frombuffer(_exactly(stream, 4 * ndim), ">u4").tolist()
        dtype = np.dtype(IDX_DTYPES[code])
        _check_size(math.prod(shape) * dtype.itemsize, max_ratio * size + SLACK if gzipped else size)
        array = _read_array(stream, shape, dtype)
        if stream.read(1):  # at its end gzip also compares the checksum
            raise ValueError("it is longer than its header says")
        return array


def is_idx(path: str | Path) -> int | None:
    """The number of dimensions of an IDX file, or None for any other; nothing but its first four bytes is believed."""
    with contextlib.suppress(InputError), _opened(path, "an IDX file") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        zeros, code, ndim = np.frombuffer((gzip.GzipFile(fileobj=file) if gzipped else file).read(4), ">u2, u1, u1")[0]
        return int(ndim) if zeros == 0 and code in IDX_DTYPES and 1 <= ndim <= 4 else None
    return None


def read_json(path: str | Path) -> Any:
    """Read a JSON file → what it says, in finite numbers. Raises InputError for anything else, or above 32 MiB."""
    with _opened(path, "a JSON file") as file:
        return parse_json(_bounded(file))


def read_json_lines(path: str | Path) -> list[Any]:
    """Read a file with JSON on each line → a list of what they say. Raises InputError as `read_json` does."""
    with _opened(path, "a file with JSON on each line") as file:
        return [parse_json(line) for line in _bounded(file).splitlines()]


def parse_json(text: bytes) -> Any:
    """What JSON in UTF-8 says. Raises ValueError or RecursionError for anything else, and for infinite numbers."""
    return json.loads(text.decode(), parse_float=_finite, parse_constant=_finite)


def _bounded(file):
    size = os.fstat(file.fileno()).st_size
    if size > MAX_JSON:
        raise ValueError(f"it is larger than {MAX_JSON >> 20} MiB")
    return file.read(size)


def _finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


@contextlib.contextmanager
def _opened(path: str | Path, kind: str) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb", opener=_open_regular) as file:
            yield file
    # zipfile, zlib, gzip and NumPy raise a dozen kinds of exceptions for damaged bytes.
    except Exception as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        raise InputError(f"Cannot read {path} as {kind} ({reason[:300]}): check or replace it.") from error


def _open_regular(path: str, flags: int) -> int:
    # Before opening: a pipe would block, and a device may never end.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it is not a regular file")
    return os.open(path, flags)


def _check_size(size: int, limit: float) -> None:
    if size > limit:
        raise ValueError(
            f"it declares {size} bytes of data where at most {limit} are believed of a file of its size; "
            "if it is sound, save it without compression"
        )


def _read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, text: bool = False) -> np.ndarray:
    with archive.open(member) as stream:
        kind, shape, order, before = _read_header(stream, member)
        found = NPY_DTYPE.fullmatch(f"'{kind}'") or (text and NPY_TEXT.fullmatch(f"'{kind}'"))
        if not found:
            what = "; save text with astype(str)" if kind == "|O" else ""
            raise ValueError(f"{member.filename!r} holds {kind[:40]!a}, not bools, integers or floats{what}")
        dtype = np.dtype(found[1])
        if math.prod(shape) * dtype.itemsize != member.file_size - before:
            raise ValueError(f"{member.filename!r} does not have the size that its header says")
        return _read_array(stream, shape, dtype, order)


def _read_header(stream: Stream, member: zipfile.ZipInfo) -> tuple[str, list[int], Literal["C", "F"], int]:
    """(type, shape, order, length of the header) of an array."""
    if not member.filename.endswith(".npy") or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename!r} in it is not an array as NumPy saves it")
    magic = _exactly(stream, 8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise ValueError(f"{member.filename!r} in it is not an array as NumPy saves it")
    n_bytes = 2 if magic[6] == 1 else 4
    length = int.from_bytes(_exactly(stream, n_bytes), "little")
    if length > 10_000:
        raise ValueError(f"the header of {member.filename!r} is oversized")
    header = NPY_HEADER.fullmatch(_exactly(stream, length))
    if header is None:
        raise ValueError(f"the header of {member.filename!r} is damaged")
    shape = [int(n) for n in header[3].replace(b" ", b"").split(b",") if n]
    order: Literal["C", "F"] = "F" if header[2] == b"True" else "C"
    return header[1].decode("latin1").strip("'"), shape, order, 8 + n_bytes + length


def _read_array(stream: Stream, shape: list[int], dtype: np.dtype, order: Literal["C", "F"] = "C") -> np.ndarray:
    array = np.empty(math.prod(shape), dtype)
    raw = array.view(np.uint8)
    for start in range(0, len(raw), CHUNK):
        part = raw[start : start + CHUNK]
        part[:] = np.frombuffer(_exactly(stream, len(part)), np.uint8)
    if dtype.kind == "b" and raw.max(initial=0) > 1:
        raise ValueError("it holds a bool that is neither 0 nor 1")
    if dtype.kind == "U":
        points = raw.view(np.dtype("u4").newbyteorder(dtype.byteorder))
        if points.max(initial=0) > 0x10FFFF or ((points >= 0xD800) & (points < 0xE000)).any():
            raise ValueError("it holds text that is none")
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder())  # no second copy of a large array
    return array.reshape(shape, order=order)


def _exactly(stream: Stream, n: int) -> bytes:
    data = stream.read(n)
    if len(data) != n:
        raise EOFError("it ends too early")
    return data
