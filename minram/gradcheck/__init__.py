"""Is this gradient right, and if not, what is wrong? For any f(params), and any forward/backward pair.

checks       entry by entry, along random directions, and by the complex step: for any f(params)
pairs        the same for any forward/backward pair
outputs      what a forward pass may return
adjoint      for linear maps: an inner product tells
second       gradients of gradients: curvature, symmetry, and products with the Hessian
report       a row and a verdict for each parameter; prints as a table, with a diagnosis under what fails
diagnosis    what is wrong: named mistakes, each with its evidence
mistakes     those that turn the whole of a right gradient into the wrong one
factors      what a factor may be called
evidence     what was seen of a parameter, and what is found
probe        which rows of a pair's output are wrong
kinks        is it a kink that f did not tell of?
fitness      can differences of f test a gradient at all?
differences  slopes by finite differences, and how exact they can be
taylor       how errors shrink with the step: the two curves that tell a right gradient from a wrong one
network      all of this for the whole model, through time, for every objective
"""

from minram.gradcheck.adjoint import check_adjoint
from minram.gradcheck.checks import check_complex_step, check_directions, check_gradient
from minram.gradcheck.evidence import Finding
from minram.gradcheck.pairs import check_pair
from minram.gradcheck.report import Report, Row
from minram.gradcheck.second import check_second
from minram.gradcheck.taylor import TaylorResult, taylor_slope, v_curve

__all__ = [
    "Finding",
    "Report",
    "Row",
    "TaylorResult",
    "check_adjoint",
    "check_complex_step",
    "check_directions",
    "check_gradient",
    "check_pair",
    "check_second",
    "taylor_slope",
    "v_curve",
]
