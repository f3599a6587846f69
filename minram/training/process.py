"""What a process of its own should be told before, or as soon as, NumPy is loaded, and what it runs on."""

import contextlib
import ctypes
import os
import platform
from collections.abc import MutableMapping

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let matrix products run on one thread, unless the environment says otherwise.

    They are small: two threads gain a third on two idle cores, and lose a factor of 2 to 10 to their waiting for
    each other where anything else runs. A BLAS reads the environment once, when it is loaded, so this is best called
    before NumPy is imported; an OpenBLAS that is loaded already is told as well.
    """
    if any(name in environ for name in VARIABLES):
        return
    environ.update(dict.fromkeys(VARIABLES, "1"))
    for library in _openblas():
        for name in ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads"):
            if hasattr(library, name):
                getattr(library, name)(1)


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 64 MiB, for the next array.

    Otherwise it goes back to the system and returns page by page: 1200 page faults, a tenth of a training step.
    glibc does so once it has freed one block of just under 32 MiB.
    """
    import numpy as np

    np.empty(2**25 - 2**16, np.uint8)


def kernel() -> str | None:
    """The processor type whose kernels OpenBLAS has chosen, or None for another BLAS or system."""
    for library in _openblas():
        for name in ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename"):
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_char_p
                return function().decode()
    return None


def _openblas():
    """The OpenBLAS libraries that this process has loaded; none where the system does not tell."""
    found = []
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[5].strip() for line in maps if "openblas" in line}  # which may hold spaces
        for path in sorted(paths):
            with contextlib.suppress(OSError):
                found.append(ctypes.CDLL(path))
    return found


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str | int | None]:
    """What the last bits of a training depend on: processor, BLAS kernels, threads."""
    threads = next((os.environ[name] for name in VARIABLES if name in os.environ), None)
    return {"processor": _processor(), "kernel": kernel(), "threads": threads, "cores": usable_cores()}


def _processor():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
