"""What a process has to be told before NumPy is imported."""

import os

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread(environ=os.environ):
    """Set VARIABLES to "1" in `environ`, unless one of them is set already: one thread for the matrix products.

    They are small: two threads gain a third on two idle cores, and lose a factor of 2 to 10 to their waiting for each
    other where anything else runs. A BLAS reads the variables once, when it is loaded: call this before NumPy is
    imported.
    """
    if not any(name in environ for name in VARIABLES):
        environ.update(dict.fromkeys(VARIABLES, "1"))
