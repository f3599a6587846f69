"""The gradient checks pass right gradients and catch each kind of wrong one, on functions small enough to know."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest

from minram.errors import InputError
from minram.gradcheck import (
    Report,
    check_adjoint,
    check_complex_step,
    check_directions,
    check_gradient,
    check_pair,
    pairs,
    taylor_slope,
    v_curve,
)

EPS = np.finfo(np.float64).eps
X, Y = np.random.default_rng(0).standard_normal((2, 6, 4))  # (N, in), and targets (N, out); in = out = 4


def make_params():
    rng = np.random.default_rng(1)
    return {"W": rng.standard_normal((4, 4)), "b": rng.standard_normal(4)}


def loss(p):
    """Σ (tanh(X W + b) − Y)², which also accepts complex parameters."""
    return np.sum((np.tanh(X @ p["W"] + p["b"]) - Y) ** 2)


def gradient(p):
    t = np.tanh(X @ p["W"] + p["b"])
    dz = 2 * (t - Y) * (1 - t**2)
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}


def planted():
    """Wrong gradients of the loss by kind: what a mistake in one line of a backward pass makes of them."""
    p = make_params()
    t = np.tanh(X @ p["W"] + p["b"])
    dz, right = 2 * (t - Y) * (1 - t**2), gradient(p)
    return {
        "wrong sign": {**right, "W": -right["W"]},
        "sign of one entry": {**right, "W": right["W"] * np.where(np.arange(16).reshape(4, 4) == 6, -1, 1)},
        "transpose": {**right, "W": right["W"].T.copy()},
        "dropped term": {"W": X.T @ (2 * (t - Y)), "b": (2 * (t - Y)).sum(axis=0)},
        "wrong axis": {**right, "b": dz[:4].sum(axis=1)},
        "mean for sum": {**right, "b": dz.mean(axis=0)},
        "off by one row": {**right, "W": X[1:].T @ dz[:-1]},
        "last row left out": {**right, "b": dz[:-1].sum(axis=0)},
        "factor 2": {**right, "b": 2 * right["b"]},
        "one part in a hundred thousand": {**right, "W": right["W"] * (1 + 1e-5)},
        "nan": {**right, "W": np.where(np.arange(4) == 2, np.nan, right["W"])},
    }


CHECKS = {
    "entries": lambda grads: check_gradient(loss, make_params(), grads).passed,
    "directions": lambda grads: check_directions(loss, make_params(), grads, rng=np.random.default_rng(2)).passed,
    "complex step": lambda grads: check_complex_step(loss, make_params(), grads).passed,
    "Taylor": lambda grads: taylor_slope(loss, make_params(), grads, np.random.default_rng(3)).passed,
}


@pytest.mark.parametrize("check", CHECKS)
def test_right_gradient_passes(check):
    assert CHECKS[check](gradient(make_params()))


@pytest.mark.parametrize("kind", planted())
@pytest.mark.parametrize("check", CHECKS)
def test_planted_fault_fails(check, kind):
    assert not CHECKS[check](planted()[kind])


@pytest.mark.parametrize("check", [check_gradient, check_complex_step, check_directions])
@pytest.mark.parametrize(
    "fault, verdict",
    [
        ({"W": None}, "missing"),
        ({"V": np.zeros(3)}, "not a parameter"),
        ({"b": np.zeros((4, 1))}, "shape (4,1)"),
        ({"b": np.zeros(4, np.float32)}, "dtype float32"),
        ({"b": [0.0] * 4}, "not an array"),
    ],
)
def test_unfit_gradient_fails_and_the_others_are_still_checked(check, fault, verdict):
    report = check(loss, make_params(), gradient(make_params()) | fault, rng=np.random.default_rng(0))
    (name,) = fault
    assert report[name].verdict == verdict and not report.passed
    assert all(row.passed for row in report.rows if row.name != name)
    assert {"W", "b"} <= {row.name for row in report.rows}


@pytest.mark.parametrize("check", [check_gradient, check_complex_step, check_directions])
def test_without_any_fit_gradient_the_report_says_what_is_missing(check):
    report = check(loss, make_params(), {}, rng=np.random.default_rng(0))
    assert {row.verdict for row in report.rows} == {"missing"} and not report.passed


def test_taylor_refuses_unfit_gradients():
    with pytest.raises(InputError, match="'b' is wrong: missing"):
        taylor_slope(loss, make_params(), {"W": np.zeros((4, 4))}, np.random.default_rng(0))


def test_accuracy():
    """Smooth functions: 1e-8 with differences, 1e-12 with the complex step, whatever the scale of f."""
    p, g = make_params(), gradient(make_params())
    assert check_complex_step(loss, p, g, rtol=1e-12).passed
    for scale in (1e-20, 1.0, 1e20):
        report = check_gradient(lambda q, s=scale: s * loss(q), p, {k: scale * a for k, a in g.items()}, rtol=1e-8)
        assert report.passed, report
        # 1e-9 without any floor: what the step and the five points were chosen for
        assert all(row.abs_err < 1e-9 * np.abs(scale * g[row.name]).max() for row in report.rows)


@pytest.mark.parametrize("check", [check_gradient, check_complex_step, check_directions])
def test_default_tolerance_sees_one_part_in_a_million(check):
    g = gradient(make_params())
    wrong = {**g, "W": g["W"] * (1 + 1e-6)}
    assert not check(loss, make_params(), wrong, rng=np.random.default_rng(0)).passed


def test_fast_bending_function_needs_no_hand_tuned_step():
    for kappa in (1.0, 30.0, 1000.0):
        p = {"x": np.array([0.3, -0.2])}
        report = check_gradient(lambda q, k=kappa: np.sum(np.sin(k * q["x"])), p, {"x": kappa * np.cos(kappa * p["x"])})
        assert report.passed, report


def test_large_parameters_take_large_steps():
    p = {"x": np.array([1e6, -3e6])}

    def f(q):
        return np.sum(np.log(np.abs(q["x"])))

    assert check_gradient(f, p, {"x": 1 / p["x"]}).passed
    assert not check_gradient(f, p, {"x": (1 + 1e-5) / p["x"]}).passed


# Zero and tiny gradients


def test_zero_gradient_fails_unless_expected():
    def f(p):
        return np.sum(p["x"] ** 2) + 0 * np.sum(p["dead"])

    p = {"x": np.ones(3), "dead": np.ones(2)}
    g = {"x": 2 * np.ones(3), "dead": np.zeros(2)}
    checks = [
        lambda **k: check_gradient(f, p, g, **k),
        lambda **k: check_complex_step(f, p, g, **k),
        lambda **k: check_directions(f, p, g, rng=np.random.default_rng(0), **k),
    ]
    for check in checks:
        assert check()["dead"].verdict == "zero" and not check().passed
        assert check(expect_zero={"dead"}).passed
        assert check(expect_zero={"dead", "x"})["x"].verdict == "not zero"
    assert not check_gradient(f, p, {**g, "dead": np.full(2, 1e-6)}, expect_zero={"dead"}).passed
    forgotten = check_gradient(f, p, {**g, "x": np.zeros(3)}, expect_zero={"x", "dead"})
    assert forgotten["x"].verdict == "wrong"
    with pytest.raises(InputError, match="expect_zero"):
        check_gradient(f, p, g, expect_zero={"ded"})


@pytest.mark.parametrize("size", [1e-4, 1e-6, 1e-8, 1e-10])
def test_tiny_gradients_neither_pass_nor_fail_for_free(size):
    """Beside a function of size 1 and a gradient of size 1; σ/h is about 1e-12."""

    def f(p):
        return np.sum(np.sin(p["x"])) + size * np.sum(np.sin(p["tiny"]))

    p = {"x": np.array([0.1, 0.2, 0.3]), "tiny": np.array([0.4, 0.5])}
    right = {"x": np.cos(p["x"]), "tiny": size * np.cos(p["tiny"])}
    assert check_gradient(f, p, right).passed
    for wrong in (-1.0, 0.0, 0.5, 1.01) if size > 1e-9 else (-1.0, 0.0):  # 1 % of 1e-10 is beyond sight
        report = check_gradient(f, p, {**right, "tiny": wrong * right["tiny"]})
        assert report["tiny"].verdict == "wrong" and report["x"].passed, report


def test_gradient_below_rounding_is_not_called_right():
    p = {"x": np.array([1.0, 2.0])}
    tiny = {"x": np.full(2, 1e-15)}
    assert check_gradient(lambda q: 1.0 + np.sum(1e-15 * q["x"]), p, tiny)["x"].verdict == "zero"


def test_a_given_floor_sets_the_absolute_accuracy():
    """The error 1e-6 is allowed by rtol · floor = 1e-5, and not by 1e-7."""
    p = {"x": np.array([1.0, 2.0])}
    g = {"x": 2 * p["x"] + 1e-6}
    assert check_gradient(lambda q: np.sum(q["x"] ** 2), p, g, rtol=1e-7, floor=100.0).passed
    assert not check_gradient(lambda q: np.sum(q["x"] ** 2), p, g, rtol=1e-7, floor=1.0).passed


# Kinks


def relu_sum(p):
    return np.sum(np.maximum(p["x"], 0) * np.arange(1.0, len(p["x"]) + 1)), (p["x"] > 0,)


def relu_gradient(p):
    return {"x": (p["x"] > 0) * np.arange(1.0, len(p["x"]) + 1)}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("check", [check_gradient, check_complex_step])
def test_an_entry_that_is_not_finite_is_the_worst_one_and_no_other(bad, check):
    p = make_params()
    grads = gradient(p)
    grads["W"][2, 1] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = check(loss, p, grads)["W"]
    assert row.verdict == "wrong" and row.where == (2, 1)


def test_kink_is_marked_counted_and_capped():
    p = {"x": np.linspace(-1, 1, 40)}  # 0 is not among them
    assert check_gradient(relu_sum, p, relu_gradient(p))["x"].kinks == 0
    p["x"][3] = 1e-7  # within the smallest step
    report = check_gradient(relu_sum, p, relu_gradient(p))
    assert (report["x"].checked, report["x"].kinks, report["x"].verdict) == (39, 1, "ok")
    assert check_gradient(relu_sum, p, relu_gradient(p), max_kinks=0.02)["x"].verdict == "kinks"
    p["x"][4:6] = -1e-7, 1e-7
    assert check_gradient(relu_sum, p, relu_gradient(p))["x"].verdict == "kinks"  # 3 of 40 is above 5 %


def test_a_smaller_step_avoids_a_near_kink():
    p = {"x": np.array([3e-5, -3e-5, 1.0])}  # between the second step, 6e-6, and the first, 1.2e-4
    report = check_gradient(relu_sum, p, relu_gradient(p))
    assert report.passed and report["x"].kinks == 0


def test_unmarked_kink_fails_and_kinks_do_not_hide_errors():
    p = {"x": np.linspace(-1, 1, 40)}
    p["x"][3] = 1e-7
    assert check_gradient(lambda q: relu_sum(q)[0], p, relu_gradient(p))["x"].verdict == "wrong"
    wrong = relu_gradient(p)
    wrong["x"][30] *= -1
    assert check_gradient(relu_sum, p, wrong)["x"].where == (30,)
    only_kinks = check_gradient(relu_sum, {"x": np.zeros(3)}, {"x": np.zeros(3)}, max_kinks=1.0)
    assert only_kinks["x"].verdict == "kinks"


def test_kinks_in_directions_and_in_the_taylor_remainder():
    p, rng = {"x": np.array([1e-9, 1.0, 2.0])}, np.random.default_rng(0)
    assert check_directions(relu_sum, p, relu_gradient(p), rng=rng)["x"].verdict == "kinks"

    p = {"x": np.array([2e-6, 1.0, 2.0])}
    assert check_directions(relu_sum, p, relu_gradient(p), rng=rng).passed

    def f(q):
        value, masks = relu_sum(q)
        return value + np.sum(q["x"] ** 2), masks

    p = {"x": np.array([1e-3, -1e-3, 2.0])}
    g = {"x": relu_gradient(p)["x"] + 2 * p["x"]}
    assert taylor_slope(f, p, g, rng).passed
    p = {"x": np.array([1e-9, -1e-9, 2.0])}  # every step crosses a kink: nothing is shown
    result = taylor_slope(f, p, {"x": relu_gradient(p)["x"] + 2 * p["x"]}, rng)
    assert np.isnan(result.slope) and not result.passed


def test_crop_index_is_a_kink():
    image = np.arange(20.0) ** 2

    def f(p):
        left = np.floor(p["l"]).astype(int)
        t = p["l"] - left
        return np.sum((1 - t) * image[left] + t * image[left + 1]), (left,)

    def grad(p):
        left = np.floor(p["l"]).astype(int)
        return {"l": image[left + 1] - image[left]}

    p = {"l": np.array([2.5, 7.25, 9.0])}
    assert check_gradient(f, p, grad(p), max_kinks=0.4)["l"][2:4] == (2, 1)
    assert check_gradient(f, p, grad(p))["l"].verdict == "kinks"


# Taylor remainders


def test_taylor_slope_is_two_if_right_and_one_if_wrong():
    p = make_params()
    right = taylor_slope(loss, p, gradient(p), np.random.default_rng(4))
    wrong = taylor_slope(loss, p, planted()["factor 2"], np.random.default_rng(4))
    assert abs(right.slope - 2) < 0.01 and right.passed  # 1 % rounding and bending over two decades
    assert abs(wrong.slope - 1) < 0.01 and not wrong.passed
    assert right.steps.shape == right.remainders.shape == (11,)


def test_taylor_of_straight_and_quadratic_and_flat_functions():
    p, rng = {"x": np.array([1.0, -2.0, 3.0])}, np.random.default_rng(5)
    a = np.array([3.0, 1.0, -2.0])
    straight = taylor_slope(lambda q: np.sum(a * q["x"]), p, {"x": a}, rng)
    assert straight.passed and np.isnan(straight.slope)
    assert not taylor_slope(lambda q: np.sum(a * q["x"]), p, {"x": a * (1 + 1e-6)}, rng).passed
    quadratic = taylor_slope(lambda q: np.sum(a * q["x"] ** 2), p, {"x": 2 * a * p["x"]}, rng)
    assert quadratic.passed and abs(quadratic.slope - 2) < 0.01
    assert not taylor_slope(lambda q: 1.0 + 0 * np.sum(q["x"]), p, {"x": np.zeros(3)}, rng).passed
    at_zero = {"x": np.zeros(3)}  # no curvature: the slope is 3
    cubic = taylor_slope(lambda q: np.sum(np.sin(q["x"])), at_zero, {"x": np.ones(3)}, rng, np.logspace(-1, -4, 13))
    assert cubic.passed and abs(cubic.slope - 3) < 0.02


# Adjoints


A = np.random.default_rng(6).standard_normal((5, 12))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adjoint(dtype):
    B = A.astype(dtype)
    rng = np.random.default_rng(7)

    def check(forward, adjoint):
        return check_adjoint(forward, adjoint, (3, 4), (5,), rng, dtype=dtype)

    def apply(u):
        return B @ u.ravel()

    def back(v):
        return (B.T @ v).reshape(3, 4)

    assert check(apply, back).passed
    assert not check(apply, lambda v: -back(v)).passed
    assert not check(apply, lambda v: back(v)[::-1]).passed
    assert not check(apply, lambda v: back(np.roll(v, 1))).passed
    assert not check(apply, lambda v: back(v) * dtype(1 + 1000 * np.finfo(dtype).eps)).passed
    assert not check(lambda u: apply(u) + 1, back).passed  # affine, not linear
    assert check(lambda u: 0 * apply(u), lambda v: 0 * back(v))["adjoint"].verdict == "zero"
    assert "shape (12)" in str(check(apply, lambda v: B.T @ v))
    assert "dtype float16" in str(check(lambda u: apply(u).astype(np.float16), back))


# Pairs


class Cache(NamedTuple):
    x: np.ndarray
    W: np.ndarray
    y: np.ndarray


def forward(x, W, b):
    y = np.maximum(x @ W + b, 0)
    return y, Cache(x, W, y)


def backward(dy, cache):
    dz = dy * (cache.y > 0)
    return dz @ cache.W.T, {"W": cache.x.T @ dz, "b": dz.sum(axis=0)}


def run_pair(backward, **options):
    rng = np.random.default_rng(8)
    inputs = {"x": rng.standard_normal((5, 3)), "W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4)}
    return check_pair(forward, backward, inputs, rng=rng, signature=lambda cache: (cache.y > 0,), **options)


def test_pair():
    report = run_pair(backward)
    assert report.passed and [row.name for row in report.rows] == ["x", "W", "b"], report
    assert run_pair(lambda dy, c: {"x": backward(dy, c)[0], **backward(dy, c)[1]}).passed
    assert [row.name for row in run_pair(backward, wrt=["b"], rtol=1e-8).rows] == ["b"]


def test_backward_may_write_into_its_cotangent():
    def in_place(dy, cache):
        dy *= 2
        dx, grads = backward(dy, cache)
        return dx / 2, {name: g / 2 for name, g in grads.items()}

    assert run_pair(in_place).passed


def test_wrong_pairs_fail():
    def change(edit):
        return lambda dy, c: edit(*backward(dy, c))

    assert not run_pair(change(lambda dx, g: (-dx, g))).passed
    assert not run_pair(change(lambda dx, g: (dx, {**g, "b": g["b"] / 5}))).passed
    assert not run_pair(lambda dy, c: backward(dy, c._replace(y=np.ones_like(c.y)))).passed  # mask left out
    assert not run_pair(lambda dy, c: backward(np.ones_like(dy), c)).passed  # cotangent ignored
    assert run_pair(change(lambda dx, g: g))["x"].verdict == "missing"
    assert run_pair(change(lambda dx, g: (None, g)))["x"].verdict == "missing"
    assert run_pair(change(lambda dx, g: (dx, {**g, "c": dx})))["c"].verdict == "not a parameter"
    with pytest.raises(InputError, match="at most 3"):
        run_pair(change(lambda dx, g: (dx, dx, dx, dx, g)))


def test_pair_with_several_outputs_a_parameter_dict_and_integers():
    class Out(NamedTuple):
        sin: np.ndarray
        index: np.ndarray  # integers have no cotangent
        scaled: np.ndarray

    def f(x, params, rows):
        return Out(np.sin(x), rows, x[rows] * params["s"]), (x, params["s"], rows)

    def b(dy, cache):
        x, s, rows = cache
        assert dy.index is None
        dx = dy.sin * np.cos(x)
        np.add.at(dx, rows, dy.scaled * s)
        return dx, {"s": np.sum(dy.scaled * x[rows], axis=0)}

    rng = np.random.default_rng(9)
    inputs = {"x": rng.standard_normal((4, 2)), "params": {"s": rng.standard_normal(2)}, "rows": np.array([0, 2, 2])}
    report = check_pair(f, b, inputs, rng=rng, rtol=1e-8)
    assert report.passed and [row.name for row in report.rows] == ["x", "s"], report
    assert not check_pair(f, lambda dy, c: b(dy._replace(scaled=0 * dy.scaled), c), inputs, rng=rng).passed
    alone = check_pair(lambda x: (np.sin(x), x), lambda dy, x: dy * np.cos(x), {"x": inputs["x"]}, rng=rng)
    assert alone.passed, alone


# What a check leaves alone, samples, and refuses


NOISE = np.random.default_rng(11)


def test_params_are_left_alone():
    p = make_params()
    before = {name: x.copy() for name, x in p.items()}
    for x in p.values():
        x.flags.writeable = False
    check_gradient(loss, p, gradient(p))
    check_complex_step(loss, p, gradient(p))
    check_directions(loss, p, gradient(p), rng=np.random.default_rng(0))
    taylor_slope(loss, p, gradient(p), np.random.default_rng(0))
    assert all(np.array_equal(p[name], before[name]) for name in p)


def test_sampled_entries_include_the_largest():
    p = {"x": np.linspace(1, 2, 1000)}
    g = np.zeros(1000)
    g[777] = 1.0
    report = check_gradient(lambda q: q["x"][777], p, {"x": g}, entries=5, rng=np.random.default_rng(0))
    assert report.passed and report["x"].checked == 6
    assert check_gradient(loss, make_params(), gradient(make_params()), entries=5)["b"].checked == 4  # no more


def test_scalar_parameter():
    p = {"s": np.array(0.5)}
    assert not check_gradient(lambda q: np.exp(q["s"]), p, {"s": np.array(np.exp(0.4))}).passed
    assert check_gradient(lambda q: np.exp(q["s"]), p, {"s": np.array(np.exp(0.5))}).passed


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda p: p["W"] @ p["b"], "one finite float64"),
        (lambda p: np.float32(loss(p)), "one finite float64"),
        (lambda p: loss(p) + np.inf, "one finite float64"),
        (lambda p: loss(p) + NOISE.standard_normal(), "call to call"),
        (lambda p: loss(p) + 1e-6 * np.sin(1e13 * p["b"][0]), "exact to about 16 digits"),
        (lambda p: loss({**p, "b": np.add(p["b"], 0.01, out=p["b"])}), "changed params\\['b'\\] in place"),
        (lambda p: loss({**p, "b": np.maximum(p["b"], 0, out=p["b"])}), "in place"),
    ],
)
def test_unfit_functions_are_refused(f, message):
    with pytest.raises(InputError, match=message):
        check_gradient(f, make_params(), gradient(make_params()))


def test_unfit_params_are_refused():
    with pytest.raises(InputError, match="float64"):
        check_gradient(loss, {"W": np.zeros((4, 4), np.float32)}, {})
    with pytest.raises(InputError, match="at least one"):
        check_gradient(loss, {}, {})
    with pytest.raises(InputError, match="complex"):
        check_complex_step(lambda p: np.abs(loss(p)), make_params(), gradient(make_params()))


def test_lost_digits_inside_f_do_not_pass():
    def single(p):
        return np.float64(np.sum((np.tanh(X @ p["W"] + p["b"]) - Y).astype(np.float32) ** 2))

    for f in (single, lambda p: 1e16 + loss(p) - 1e16):
        try:
            assert not check_gradient(f, make_params(), gradient(make_params())).passed
        except InputError as error:
            assert "16 digits" in str(error)


# The report


def test_report():
    report = check_gradient(loss, make_params(), planted()["sign of one entry"])
    row = report["W"]
    assert row.where == (1, 2) and np.isclose(row.analytic, -row.numeric) and row.shape == (4, 4)
    assert np.isclose(row.rel_err, 2) and np.isclose(row.abs_err, 2 * abs(row.analytic))
    header, W, *diagnosis, b, total = str(report).splitlines()
    assert diagnosis and all(line.startswith("    ") for line in diagnosis)  # under the row that fails
    assert header.split()[:3] == ["name", "shape", "checked"] and header.endswith("verdict")
    assert W.split()[0] == "W" and W.endswith("wrong") and "(1,2)" in W and b.endswith("ok")
    assert header.index("verdict") == W.index("wrong") == b.index("ok") and total == "1 of 2 ok"
    with pytest.raises(AssertionError, match="wrong"):
        report.raise_if_failed()


def test_reports_add_up():
    right = check_gradient(loss, make_params(), gradient(make_params()))
    wrong = check_gradient(loss, make_params(), planted()["factor 2"])
    right.raise_if_failed()
    assert (right + right).passed and not (right + wrong).passed and len((right + wrong).rows) == 4
    assert not Report().passed  # nothing was shown


def test_v_curve():
    """Errors fall with h, h² and h⁴, then rounding takes over; each order's least error is below the last's."""
    p = {"x": np.array([0.1, 0.5, 0.9])}
    steps, errors = v_curve(lambda q: np.sum(np.exp(q["x"])), p, {"x": np.exp(p["x"])}, np.random.default_rng(10))
    for name, order in [("forward", 1), ("central", 2), ("five-point", 4)]:
        error = errors[name]
        assert error.shape == steps.shape
        top = (steps < 0.1) & (steps > 0.005)
        slope = np.polyfit(np.log(steps[top]), np.log(error[top]), 1)[0]
        assert abs(slope - order) < 0.1, name  # the next term is below 0.1 of it
        assert error[-1] > 1e3 * error.min()
    assert errors["forward"].min() > errors["central"].min() > errors["five-point"].min()


def test_a_pair_s_generator_chooses_its_entries_too(monkeypatch):
    given = {}
    monkeypatch.setattr(pairs, "check_gradient", lambda *_, **options: given.update(options) or Report())
    rng = np.random.default_rng(0)
    check_pair(lambda x: (2 * x, None), lambda dy, cache: 2 * dy, {"x": np.ones(3)}, rng=rng, entries=1)
    assert given["rng"] is rng and given["entries"] == 1
