"""Writing files that last: whole or not at all, and by one process at a time.

What is promised, whatever comes between (an exception, a full disk, a kill, a loss of power):
- A path holds all that was written, or what was there before; no reader finds half a file.
- When `atomic_write` returns, the file is on the disk, if the system keeps its word about that.
- A process that is killed leaves a temporary file at most, and `remove_temporaries` knows it by its name.
- Where the system refuses, the error is an InputError of one sentence.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from minram.errors import InputError

TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")  # .NAME.PID.tmp, as atomic_write calls it


def atomic_write(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Call write(fileobj) so that `path` holds either all that it wrote or what was there before.

    The bytes go to a temporary file in the same folder, are forced to the disk, and then take the name.
    Raises InputError, and leaves the existing file alone, if the disk is full or the folder read-only; what `write`
    itself raises is passed on, with the file as it was.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():
            raise OSError("it exists and is not a regular file")
        try:
            with open(temporary, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"Cannot write {path} ({error.strerror or error}); what was there is unchanged: "
            "free some space or choose another folder."
        ) from error
    with contextlib.suppress(OSError):  # Windows cannot open a folder, and needs no flush of its entries
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file of bytes, whole or not at all. Raises InputError as `atomic_write` does."""
    atomic_write(path, lambda file: file.write(content))


def write_text(path: str | Path, text: str) -> None:
    """Write a file of text in UTF-8, whole or not at all. Raises InputError as `atomic_write` does."""
    write_bytes(path, text.encode())


def remove_temporaries(folder: str | Path) -> None:
    """Remove from a folder what processes that were killed in the middle of `atomic_write` have left."""
    for path in Path(folder).iterdir():
        if (match := TEMPORARY.fullmatch(path.name)) and not _alive(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _alive(pid: int) -> bool:
    if os.name == "nt":  # has no signal 0, but does not remove a file that is open either
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # a process of somebody else
        return True
    return pid != os.getpid()


def make_folder(folder: str | Path) -> None:
    """Make a folder, and those that it is in, where they are not there yet. Raises InputError if that cannot be."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}); choose another folder.") from None


@contextlib.contextmanager
def held(folder: str | Path) -> Iterator[None]:
    """Let no other process hold the folder meanwhile; the system lets go of it however this process ends.

    Raises InputError if another does. Without effect on Windows, and where a file system knows no locks.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another process is training in {folder}; wait, or choose another folder.") from None
        yield
