"""Is this the adjoint of a linear map? An inner product tells, with no differences at all."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minram.gradcheck.evidence import Seen
from minram.gradcheck.report import Report, judge, unfit_rows


def check_adjoint(
    forward: Callable[[np.ndarray], np.ndarray],
    adjoint: Callable[[np.ndarray], np.ndarray],
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    n: int = 3,
    dtype: Any = np.float64,
    name: str = "adjoint",
) -> Report:
    """Check ⟨A u, v⟩ = ⟨u, Aᵀ v⟩ for n random u: x_shape, v: y_shape, to rounding: for linear maps.

    The bound is 4 ε √(n_x + n_y) (|A u| |v| + |u| |Aᵀ v|): sums of n_x terms in A u and of n_y in Aᵀ v, with
    rounding errors that are independent, are off by about ε √n, and no inner product exceeds the norms.
    Relative errors are to that sum of norms. Source: Higham and Mary (2019), probabilistic rounding analysis.
    """
    rtol = 4 * np.finfo(dtype).eps * np.sqrt(np.prod(x_shape) + np.prod(y_shape))
    left, right, norms = np.empty((3, n))
    for j in range(n):
        u, v = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(y_shape).astype(dtype)
        Au, Av = forward(u.copy()), adjoint(v.copy())
        titles = f"{name}: A u", f"{name}: A' v"
        if faults := unfit_rows(dict(zip(titles, (v, u))), dict(zip(titles, (Au, Av)))):
            return Report(tuple(faults))
        u, v, Au, Av = (a.ravel().astype(np.float64) for a in (u, v, Au, Av))  # the only rounding left is A's
        left[j], right[j] = Au @ v, u @ Av
        norms[j] = np.linalg.norm(Au) * np.linalg.norm(v) + np.linalg.norm(u) * np.linalg.norm(Av)
    where = [(j,) for j in range(n)]
    row = judge(name, tuple(x_shape), where, right, left, rtol * norms, rtol=rtol, floor=norms)
    seen = Seen(right, left, rtol * norms, rtol, projected=True)
    return Report((row if row.passed else row._replace(seen=seen),))
