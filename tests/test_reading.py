import contextlib
import gzip
import io
import json
import os
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minram.errors import InputError
from minram.storage import checkpoint, reading
from minram.storage.reading import MAX_RATIO, SLACK, read_idx, read_json, read_json_lines, read_npz

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def idx_bytes(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, IDX_CODES[array.dtype.str[1:]], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy_bytes(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def zip_bytes(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


# ---- what is well-formed is read ----

plain_arrays = hnp.arrays(
    st.sampled_from(["?", "<i2", ">i4", "|u1", "<u8", "<f2", ">f4", "<f8"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(st.dictionaries(st.sampled_from(["x", "y_train", "params/core.W", "0"]), plain_arrays), st.booleans())
@settings(max_examples=60, deadline=None)
def test_npz_gives_back_what_numpy_saved(tmp_path_factory, arrays, compressed):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    got = read_npz(path)
    assert got.keys() == arrays.keys()
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype.newbyteorder("=")
        assert got[name].flags.writeable
        np.testing.assert_array_equal(got[name], array, strict=False)
        assert got[name].shape == array.shape


def test_npz_keeps_the_memory_order(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "a.npz", a=array)
    got = read_npz(tmp_path / "a.npz")["a"]
    np.testing.assert_array_equal(got, array)
    assert got.flags.f_contiguous and not got.flags.c_contiguous


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("dtype", IDX_CODES)
def test_idx(tmp_path, dtype, gzipped):
    array = np.arange(-30, 30).reshape(3, 4, 5).astype(dtype)
    content = idx_bytes(array)
    (tmp_path / "a").write_bytes(gzip.compress(content) if gzipped else content)
    got = read_idx(tmp_path / "a")
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


# ---- what is not is one InputError, and little memory ----


class Pickled:
    def __reduce__(self):
        return os._exit, (1,)  # unpickling ends the test run


def npz_of(header, content=b""):
    length = struct.pack("<H", len(header))
    return zip_bytes({"a.npy": b"\x93NUMPY\x01\x00" + length + header + content})


def header_of(descr="'<f8'", shape="(1,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


# The zip and the array in it agree on 872 bytes, but the compressed stream goes on for 30 million.
LYING = bytearray(npz_of(header_of("'|u1'", "(872,)"), bytes(30_000_000)))
for place in (LYING.find(b"PK\3\4") + 22, LYING.find(b"PK\1\2") + 24):
    LYING[place : place + 4] = struct.pack("<I", 10 + len(header_of("'|u1'", "(872,)")) + 872)
NPY = npy_bytes(np.arange(100.0))
NPZ = zip_bytes({"a.npy": NPY})
ENCRYPTED = bytearray(NPZ)
ENCRYPTED[6] |= 1
ENCRYPTED[ENCRYPTED.find(b"PK\1\2") + 8] |= 1
BOMB = np.zeros(30_000_000, np.uint8)
STORED = bytearray(zip_bytes({"a.npy": NPY}, zipfile.ZIP_STORED))
STORED[300] ^= 1
NO_NUMBERS = "not bools, integers or floats"

BAD_NPZ = {
    "empty": (b"", "not a zip"),
    "text": (b"hello" * 100, "not a zip"),
    "a bare array": (NPY, "not a zip"),
    "truncated": (NPZ[:-30], "not a zip"),
    "beheaded": (NPZ[30:], ""),
    "one flipped bit": (bytes(STORED), "CRC"),
    "encrypted": (bytes(ENCRYPTED), "encrypted"),
    "no array in it": (zip_bytes({"a.txt": b"hello"}), "not an array"),
    "text named as an array": (zip_bytes({"a.npy": b"hello hello"}), "not an array"),
    "a short array": (zip_bytes({"a.npy": b"\x93NUM"}), "too early"),
    "another compression": (zip_bytes({"a.npy": NPY}, zipfile.ZIP_LZMA), "not an array"),
    "two of one name": (zip_bytes({"a.npy": NPY, "a": NPY}), "same name"),
    "objects": (zip_bytes({"a.npy": npy_bytes(np.array([Pickled()], object))}), NO_NUMBERS),
    "strings": (zip_bytes({"a.npy": npy_bytes(np.array(["cat"]))}), NO_NUMBERS),
    "records": (zip_bytes({"a.npy": npy_bytes(np.zeros(2, "i4, f4"))}), NO_NUMBERS),
    "complex numbers": (zip_bytes({"a.npy": npy_bytes(np.zeros(2, "c8"))}), NO_NUMBERS),
    "a bool of 7": (npz_of(header_of("'|b1'"), b"\7"), "neither 0 nor 1"),
    "a huge shape": (npz_of(header_of(shape="(99999999999, 99999999999)"), bytes(8)), "its header says"),
    "a huge empty shape": (npz_of(header_of(shape="(0, 99999999999, 99999999999)")), ""),
    "many dimensions": (npz_of(header_of(shape="(" + "1, " * 99 + ")"), bytes(8)), ""),
    "a long number": (npz_of(header_of(shape="(" + "9" * 9000 + ",)"), bytes(8)), ""),
    "a negative shape": (npz_of(header_of(shape="(-1,)"), bytes(8)), "header .* damaged"),
    "code in the header": (npz_of(header_of(shape="__import__('os')._exit(1)")), "header .* damaged"),
    "deep brackets": (npz_of(b"(" * 9000), "header .* damaged"),
    "an oversized header": (npz_of(header_of() + b" " * 20_000, bytes(8)), "oversized"),
    "a longer array": (npz_of(header_of(), bytes(9)), "size that its header says"),
    "a bomb": (zip_bytes({"a.npy": npy_bytes(BOMB)}), "declares 30000128 bytes"),
    "a bomb of many": (zip_bytes({f"{i}.npy": npy_bytes(BOMB[:900_000]) for i in range(40)}), "declares 36"),
    "a bomb that lies": (bytes(LYING), "CRC"),
}
IDX = idx_bytes(np.zeros((10, 4, 4), np.uint8))
BAD_IDX = {
    "empty": (b"", "too early"),
    "text": (b"hello hello", "IDX header"),
    "an unknown type": (b"\0\0\x0a\1\0\0\0\1\0", "IDX header"),
    "no room for the shape": (IDX[:7], "too early"),
    "truncated": (IDX[:-1], "too early"),
    "longer": (IDX + b"\0", "longer than its header"),
    "a huge shape": (b"\0\0\x0e\3" + b"\xff" * 12 + bytes(8), "declares"),
    "many dimensions": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\0", ""),
    "a gzip cut off": (gzip.compress(IDX)[:-9], ""),
    "a gzip without its end": (gzip.compress(IDX)[:-1], ""),
    "a gzip with another checksum": (gzip.compress(IDX)[:-8] + bytes(4) + struct.pack("<I", len(IDX)), "CRC"),
    "a bomb": (gzip.compress(idx_bytes(BOMB)), "declares 30000000 bytes"),
    "a bomb that lies": (gzip.compress(IDX + bytes(30_000_000)), "longer than its header"),
}


@pytest.mark.parametrize(
    "reader, content, sentence",
    [
        pytest.param(reader, content, sentence, id=f"{reader.__name__}: {name}")
        for reader, cases in [(read_npz, BAD_NPZ), (read_idx, BAD_IDX)]
        for name, (content, sentence) in cases.items()
    ],
)
def test_a_bad_file_is_one_sentence_and_little_memory(tmp_path, reader, content, sentence):
    path = tmp_path / "file"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=f"Cannot read .*{sentence}") as caught:
            reader(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Decompressors and buffers take a few hundred kilobytes; then nothing but copies of what was read.
    assert peak < 4 * len(content) + 2 * SLACK
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def peak_of(reader, path):
    """The bytes that a reader takes at most, what it returns among them."""
    tracemalloc.start()
    try:
        with contextlib.suppress(InputError):
            reader(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [">f8", ">i2", "<f8", "u1"])
@pytest.mark.parametrize("shape", [(4, 10**6), (1000,)])
def test_no_array_is_held_twice(tmp_path, dtype, shape):
    """The stated limit is 100 times the file, and 1 MiB; beside it there are buffers of less than 1 MiB."""
    array = np.zeros(shape, dtype)
    (tmp_path / "a.npz").write_bytes(zip_bytes({"a.npy": npy_bytes(array)}))
    np.savez(tmp_path / "plain.npz", a=array)
    for name in ("a.npz", "plain.npz"):
        size = os.path.getsize(tmp_path / name)
        assert peak_of(read_npz, tmp_path / name) < min(array.nbytes, MAX_RATIO * size + SLACK) + SLACK
    assert read_npz(tmp_path / "plain.npz")["a"].dtype.isnative


def test_a_small_gzip_takes_little_memory(tmp_path):
    content = gzip.compress(idx_bytes(np.zeros(10**6, np.uint8)))  # a thousand bytes for a million
    (tmp_path / "a").write_bytes(content)
    assert len(content) < 1100 and peak_of(read_idx, tmp_path / "a") < MAX_RATIO * len(content) + 2 * SLACK


def test_a_checkpoint_takes_no_more_than_its_file(tmp_path):
    meta = npy_bytes(np.frombuffer(b'{"format": 1, "meta": {}}' + b" " * 10**6, np.uint8))
    (tmp_path / "a").write_bytes(zip_bytes({"__meta__.npy": meta, "x.npy": npy_bytes(np.zeros(10**6))}))
    with pytest.raises(InputError, match="declares 9000"):
        checkpoint.load(tmp_path / "a")


# ---- JSON ----


def test_json_is_read_as_it_is_written(tmp_path):
    value = {"λ": [1, 2.5, -3e-300, True, None, "\n"], "nested": {"deeper": [[]]}}
    (tmp_path / "a").write_text(json.dumps(value), encoding="utf-8")
    assert read_json(tmp_path / "a") == value
    (tmp_path / "b").write_text("".join(json.dumps(v) + "\n" for v in (value, 1, None)))
    assert read_json_lines(tmp_path / "b") == [value, 1, None]
    (tmp_path / "b").write_text("")
    assert read_json_lines(tmp_path / "b") == []


BAD_JSON = [b"", b"x", b"[", b"[1] 2", b"\xff", b"NaN", b"[Infinity]", b"1e999", b"-1e999", b"9" * 10_000, b"[" * 10**6]


@pytest.mark.parametrize("content", BAD_JSON, ids=lambda content: repr(content[:20]))
def test_bad_json_is_one_sentence(tmp_path, content):
    (tmp_path / "a").write_bytes(content or b"\n")
    for reader in (read_json, read_json_lines):
        with pytest.raises(InputError, match=r"Cannot read .*: check or replace it") as caught:
            reader(tmp_path / "a")
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("reader", [read_json, read_json_lines])
def test_large_json_is_not_read(tmp_path, monkeypatch, reader):
    for size in (100, 101):
        (tmp_path / "a").write_bytes(b"1" + b" " * (size - 1))
        monkeypatch.setattr(reading, "MAX_JSON", 100)
        if size == 100:
            reader(tmp_path / "a")
    with pytest.raises(InputError, match="larger than 0 MiB"):
        reader(tmp_path / "a")
    monkeypatch.undo()
    with open(tmp_path / "a", "wb") as file:
        file.truncate(2**40)  # a file of a terabyte that takes no room
    assert peak_of(reader, tmp_path / "a") < SLACK


def test_objects_take_no_more_than_is_said(tmp_path):
    for unit in ("[],", "{},", '{"a":1},', "1.5,", '"ab",', "[[]],"):
        (tmp_path / "a").write_text("[" + unit * 20_000 + "0]")
        assert peak_of(read_json, tmp_path / "a") < 25 * 20_000 * len(unit) + SLACK, unit


@pytest.mark.parametrize("reader", [read_npz, read_idx])
def test_an_accepted_file_takes_no_more_than_the_ratio(tmp_path, reader):
    content, _ = (BAD_NPZ if reader is read_npz else BAD_IDX)["a bomb"]
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="without compression"):
        reader(tmp_path / "a")
    tracemalloc.start()
    try:
        reader(tmp_path / "a", max_ratio=1100)  # deflate cannot do better than 1032
        assert len(BOMB) <= tracemalloc.get_traced_memory()[1] < len(BOMB) + 8 * SLACK  # one copy
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("reader", [read_npz, read_idx, checkpoint.load, read_json, read_json_lines])
def test_what_is_no_file_is_refused(tmp_path, reader):
    for path in (tmp_path, tmp_path / "missing", "null\0byte"):
        with pytest.raises(InputError, match="Cannot read"):
            reader(path)


@posix
@pytest.mark.parametrize("reader", [read_npz, read_idx, read_json, read_json_lines])
def test_pipes_and_devices_are_refused_before_they_block(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(InputError, match="regular file"):
            reader(path)
