"""What a process of its own should be told before, or as soon as, NumPy is loaded."""

import os
from collections.abc import MutableMapping

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let matrix products run on one thread, unless the environment says otherwise; call it before NumPy is imported.

    They are small: two threads gain a third on two idle cores, and lose a factor of 2 to 10 to their waiting for
    each other where anything else runs. A BLAS reads this once, when it is loaded.
    """
    if not any(name in environ for name in VARIABLES):
        environ.update(dict.fromkeys(VARIABLES, "1"))


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 64 MiB, for the next array.

    Otherwise it goes back to the system and returns page by page: 1200 page faults, a tenth of a training step.
    glibc does so once it has freed one block of just under 32 MiB.
    """
    import numpy as np

    np.empty(2**25 - 2**16, np.uint8)
