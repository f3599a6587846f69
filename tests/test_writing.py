import errno
import os
import sys

import numpy as np
import pytest

from minram.errors import InputError
from minram.storage import checkpoint
from minram.storage.writing import atomic_write, write_bytes, write_text

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def test_bytes_and_text_are_written_as_they_are(tmp_path):
    write_bytes(tmp_path / "a", b"\r\n\xff")
    assert (tmp_path / "a").read_bytes() == b"\r\n\xff"
    write_text(tmp_path / "a", "λ → 1\n")  # shorter or longer than what was there, in UTF-8 on every system
    assert (tmp_path / "a").read_bytes() == b"\xce\xbb \xe2\x86\x92 1\n"
    assert os.listdir(tmp_path) == ["a"]


def no_space(file):
    file.write(bytes(100_000))
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a"
    atomic_write(path, lambda file: file.write(b"old"))
    with pytest.raises(InputError, match=r"No space left on device.*unchanged"):
        atomic_write(path, no_space)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_a_write_that_really_fails_leaves_the_old_file_alone(tmp_path):
    import resource

    path = tmp_path / "a.npz"
    checkpoint.save(path, {"a": np.arange(3)}, {})
    old = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        for n in (5_000, 6_200, 1_000_000):  # fails in the last flush, and in the middle
            with pytest.raises(InputError, match="Cannot write"):
                checkpoint.save(path, {"a": np.zeros(4_000), "b": np.zeros(n)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["a.npz"]


def test_any_exception_while_writing_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a"
    atomic_write(path, lambda file: file.write(b"old"))

    def interrupted(file):
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, interrupted)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"Permission denied.*another folder"):
            atomic_write(tmp_path / "a", lambda file: file.write(b"new"))
    finally:
        tmp_path.chmod(0o700)


def test_only_regular_files_are_replaced(tmp_path):
    with pytest.raises(InputError, match="regular file"):
        atomic_write(tmp_path, lambda file: file.write(b"new"))
    with pytest.raises(InputError, match="Cannot write"):
        atomic_write(tmp_path / "missing" / "a", lambda file: file.write(b"new"))


@posix
def test_a_device_is_not_replaced_and_a_link_stays_a_link(tmp_path):
    with pytest.raises(InputError, match="regular file"):
        atomic_write("/dev/null", lambda file: file.write(b"new"))
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    atomic_write(tmp_path / "link", lambda file: file.write(b"new"))
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
