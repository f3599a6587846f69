import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minram.errors import InputError
from minram.storage import checkpoint

ARRAYS = hnp.arrays(
    st.sampled_from(["?", "i8", "u4", "f4", "f8"]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), min_size=1, max_size=30)
META = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text() | st.booleans(), st.lists))


@given(st.dictionaries(NAMES, ARRAYS, max_size=4), META)
@settings(max_examples=30, deadline=None)
def test_what_is_saved_comes_back(tmp_path_factory, arrays, meta):
    path = tmp_path_factory.mktemp("run") / "last.npz"
    checkpoint.save(path, arrays, meta)
    got, got_meta = checkpoint.load(path)
    assert got_meta == meta
    assert list(got) == list(arrays)
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype and got[name].shape == array.shape
        assert got[name].tobytes() == array.tobytes()  # NaNs and signed zeros too


def test_equal_contents_give_equal_bytes_and_numpy_can_read_them(tmp_path):
    arrays = {"params/glimpse.what.W": np.eye(3, dtype=np.float32)}
    for name in "ab":
        checkpoint.save(tmp_path / name, arrays, {"epoch": 3})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with np.load(tmp_path / "a") as file:
        np.testing.assert_array_equal(file["params/glimpse.what.W"], np.eye(3))


@pytest.mark.parametrize(
    "arrays, sentence",
    [
        ({"a": np.array(["text"])}, "a is <U4"),
        ({"a": np.array([None])}, "a is object"),
        ({"a": [1.0]}, "a is list"),
        ({"a": np.zeros(2, complex)}, "a is complex128"),
        ({"": np.zeros(2)}, "1 to 200 printable"),
        ({"a\0b": np.zeros(2)}, "1 to 200 printable"),
        ({"a\\b": np.zeros(2)}, "1 to 200 printable"),
        ({"λ": np.zeros(2)}, "1 to 200 printable"),
        ({"__meta__": np.zeros(2)}, "not __meta__"),
    ],
)
def test_what_cannot_be_held_is_refused_and_nothing_is_written(tmp_path, arrays, sentence):
    with pytest.raises(InputError, match=sentence):
        checkpoint.save(tmp_path / "a.npz", arrays, {})
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path / "a.npz", {}, {"not": {"json"}})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "record, sentence",
    [
        (None, "not a checkpoint"),
        (b"", "not a checkpoint"),
        (b"\xff\xfe", "not a checkpoint"),
        (b"[1, 2]", "not a checkpoint"),
        (b'{"format": 1}', "not a checkpoint"),
        (b'{"format": 1, "meta": [3]}', "not a checkpoint"),
        (b"[" * 100_000, "not a checkpoint"),
        (b'{"format": 2, "meta": {}}', "format 2, but this version of minram reads format 1"),
        (b'{"format": "' + b"x" * 100_000 + b'", "meta": {}}', "format xxx"),
    ],
)
def test_other_files_and_formats_are_refused(tmp_path, record, sentence):
    arrays = {} if record is None else {"__meta__": np.frombuffer(record, np.uint8)}
    np.savez(tmp_path / "a.npz", w=np.zeros(3), **arrays)
    with pytest.raises(InputError, match=sentence) as caught:
        checkpoint.load(tmp_path / "a.npz")
    assert len(str(caught.value)) < 1000


def test_every_flipped_bit_of_an_array_is_caught(tmp_path):
    path = tmp_path / "a.npz"
    checkpoint.save(path, {"w": np.arange(8.0)}, {})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = content.find(archive.read("w.npy"))
    for bit in range(8 * start, 8 * (start + 128 + 64), 5):  # the array's header and its 8 numbers
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / f"{bit}.npz").write_bytes(damaged)
        with pytest.raises(InputError):
            checkpoint.load(tmp_path / f"{bit}.npz")


# ---- a process killed while it saves ----

KILLED = """
import os, random, signal, sys, time
import numpy as np
from minram.storage import checkpoint

path = sys.argv[1]

def save(step):
    checkpoint.save(path, {f"w{i}": np.full(20_000, step) for i in range(8)}, {"step": step})

start = time.perf_counter()
for step in range(5):
    save(step)
duration = (time.perf_counter() - start) / 5
random.seed(0)
for kill in range(50):
    child = os.fork()
    if child == 0:
        while True:
            step += 1
            save(step)
    time.sleep(random.uniform(0, 4 * duration))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    arrays, meta = checkpoint.load(path)
    assert all((array == meta["step"]).all() for array in arrays.values())
    assert meta["step"] >= step  # resumes from the last completed save, never from an earlier one
    step = meta["step"]
print(step, len(os.listdir(os.path.dirname(path))) - 1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork, no SIGKILL")
def test_killed_at_any_moment_the_file_is_a_complete_save(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "last.npz")], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    steps, interrupted = map(int, run.stdout.split())
    print(f"{steps} saves, {interrupted} interrupted")
    assert steps >= 20 and interrupted >= 5  # else the kills missed the saves, and nothing was tested
