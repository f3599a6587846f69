"""Is this gradient right? Point these checks at any f(params) or at any forward/backward pair.

checks       entry by entry, along random directions, by the complex step, and for forward/backward pairs
adjoint      for linear maps: an inner product tells
differences  slopes by finite differences, how exact they can be, and where a kink is
taylor       how errors shrink with the step: the two curves that tell a right gradient from a wrong one
report       a row and a verdict for each parameter; prints as a table
network      all of this for the whole model, through time, for every objective
"""

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
