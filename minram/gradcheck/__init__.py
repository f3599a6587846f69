"""Is this gradient right? Point these checks at any f(params) or at any forward/backward pair."""

from minram.gradcheck.adjoint import check_adjoint
from minram.gradcheck.checks import check_complex_step, check_directions, check_gradient, check_pair
from minram.gradcheck.report import Report, Row
from minram.gradcheck.taylor import TaylorResult, taylor_slope, v_curve

__all__ = [
    "Report",
    "Row",
    "TaylorResult",
    "check_adjoint",
    "check_complex_step",
    "check_directions",
    "check_gradient",
    "check_pair",
    "taylor_slope",
    "v_curve",
]
