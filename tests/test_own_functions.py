"""Functions as users have them: in single precision inside, random by a rounding, at the border of a domain, kinked."""

import math
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from minram.errors import InputError
from minram.gradcheck import (
    check_complex_step,
    check_directions,
    check_gradient,
    check_pair,
    check_second,
    taylor_slope,
    v_curve,
)
from minram.gradcheck.differences import STEP
from minram.gradcheck.kinks import find_kink

EPS = np.finfo(np.float64).eps


def rng(seed=0):
    return np.random.default_rng(seed)


def at(*values):
    return {"x": np.array(values, dtype=np.float64)}


# ---- single precision inside ----

X = rng(1).standard_normal((6, 4))
SINGLE = {
    "params cast": lambda p: np.float64(np.tanh(p["x"].astype(np.float32)).sum()),
    "params cast, summed in double": lambda p: np.tanh(p["x"].astype(np.float32)).astype(np.float64).sum(),
    "a product cast": lambda p: np.sum((X @ p["x"]).astype(np.float32).astype(np.float64) ** 2),
    "the result cast": lambda p: np.float64(np.float32(np.sum(np.sin(X @ p["x"])))),
}


@pytest.mark.parametrize("f", SINGLE.values(), ids=SINGLE)
@pytest.mark.parametrize("seed", range(8))
def test_single_precision_inside_is_told(f, seed):
    p = {"x": rng(seed).standard_normal(4)}
    with pytest.raises(InputError, match=r"single precision|float32 inside"):
        check_gradient(f, p, {"x": np.zeros(4)}, rng=rng(seed))


def test_single_precision_of_one_parameter_is_told_by_its_name():
    def f(p):
        return np.sum(np.sin(p["x"]) * p["y"].astype(np.float32))

    p = {"x": rng(2).standard_normal(3), "y": rng(3).standard_normal(3)}
    with pytest.raises(InputError, match=r"rounding params\['y'\] to float32 changes nothing"):
        check_gradient(f, p, {})


@pytest.mark.parametrize("seed", range(8))
def test_double_precision_is_never_taken_for_single(seed):
    """Numbers that are single-precision ones themselves, large and tiny slopes, straight and stepped functions."""
    p = {"x": rng(seed).standard_normal(4).astype(np.float32).astype(np.float64), "i": np.array([2.5, 7.25])}

    def f(q):
        return 100 + np.sum(np.sin(q["x"])) + 1e-9 * np.sum(q["x"]) + np.sum(np.floor(q["i"]))

    grads = {"x": np.cos(p["x"]) + 1e-9, "i": np.zeros(2)}
    assert check_gradient(f, p, grads, rng=rng(seed), expect_zero=("i",)).passed
    assert check_gradient(lambda q: 3 * q["x"].sum(), {"x": p["x"]}, {"x": np.full(4, 3.0)}, rng=rng(seed)).passed


def test_a_single_precision_result_says_so():
    with pytest.raises(InputError, match=r"float32.*single precision"):
        check_gradient(lambda p: np.float32(p["x"].sum()), at(1, 2), at(1, 1))


# ---- what f does to its params, and from call to call ----


def add_in_place(p):
    p["x"] += 0.1
    return p["x"].sum()


@pytest.mark.parametrize(
    "check",
    [
        check_gradient,
        lambda f, p, g: check_directions(f, p, g, rng=rng()),
        check_complex_step,
        lambda f, p, g: taylor_slope(f, p, g, rng()),
        lambda f, p, g: check_second(f, lambda q: g, p),
    ],
)
def test_a_function_that_changes_its_params_is_told_so(check):
    p = at(1, 2)
    with pytest.raises(InputError, match=r"leave its params alone, but changed params\['x'\] in place"):
        check(add_in_place, p, at(1, 1))
    for change, name in ((lambda q: q.pop("y", 0), "y"), (lambda q: q.setdefault("z", q["x"]), "z")):
        both = {"x": np.ones(2), "y": np.ones(1)}
        with pytest.raises(InputError, match=rf"leave its params alone, but changed params\['{name}'\] in place"):
            check(lambda q, change=change: np.sum(q["x"] ** 2) + 0 * np.sum(change(q)), both, both)


@pytest.mark.parametrize(
    "check", [check_gradient, lambda f, p, g: check_directions(f, p, g, rng=rng()), check_complex_step]
)
def test_what_f_changes_at_its_last_call_is_seen(check):
    p, calls = {"x": np.ones(2), "y": np.ones(1)}, []

    def f(q, late=None):
        calls.append(1)
        if len(calls) == late:
            q["x"][0] += 1e-9  # while it is y that is moved
        return np.sum(q["x"]) + np.sum(q["y"])

    assert check(f, p, p).passed
    last, calls[:] = len(calls), []
    with pytest.raises(InputError, match="leave its params alone"):
        check(lambda q: f(q, last), p, p)


def test_the_callers_params_are_as_they_were():
    checks = (lambda f, p, g: taylor_slope(f, p, g, rng()), lambda f, p, g: check_second(f, lambda q: g, p))
    for check in (check_gradient, check_complex_step, *checks):
        p = at(1, 2)
        with pytest.raises(InputError):
            check(add_in_place, p, at(1, 1))
        np.testing.assert_array_equal(p["x"], [1, 2])


def unsteady(size, seed=0):
    """Σ sin x, times 1 + size · noise: as a sum whose order is another one each time."""
    r = rng(seed)
    return lambda p: np.sum(np.sin(p["x"])) * (1 + size * r.standard_normal())


P, G = at(0.3, 0.8, 1.1), {"x": np.cos([0.3, 0.8, 1.1])}


@pytest.mark.parametrize("size", [EPS, 10 * EPS, 1e-13])
@pytest.mark.parametrize("seed", range(5))
def test_a_rounding_from_call_to_call_is_measured(size, seed):
    """σ/h at h = 1.2e-4 is 1e-9 for the largest: 10 σ/h is what is allowed, so that 1e-6 of 1 is still seen."""
    assert check_gradient(unsteady(size, seed), P, G).passed
    assert not check_gradient(unsteady(size, seed), P, {"x": G["x"] * (1 + 1e-6)}).passed


def test_more_than_that_is_refused_unless_it_is_given():
    with pytest.raises(InputError, match=r"differs from call to call by about .*give that as noise="):
        check_gradient(unsteady(1e-6), P, G)


@pytest.mark.parametrize("seed", range(5))
def test_noise_that_is_given_is_allowed_for(seed):
    """σ = 2e-6 at f = 1.9: the step is (σ/f)^(1/5) = 0.06, and 10 σ/h = 3e-4 is allowed: 1 % is beyond it."""
    f = unsteady(1e-6, seed)
    for check in (check_gradient, lambda *a, **k: check_directions(*a, rng=rng(seed), **k)):
        assert check(f, P, G, noise=2e-6).passed
        assert not check(f, P, {"x": 1.01 * G["x"]}, noise=2e-6).passed
        assert not check(f, P, {"x": -G["x"]}, noise=2e-6).passed


def test_noise_has_to_be_a_size():
    with pytest.raises(InputError, match="above 0"):
        check_gradient(unsteady(EPS), P, G, noise=0.0)


# ---- borders of the domain ----


@pytest.mark.parametrize("x", [1e-4, 1e-6, 1e-9, 3e-12])
def test_a_step_that_leaves_the_domain_is_shortened(x):
    p = at(x, 1.0)
    for f in (lambda q: np.sum(np.log(q["x"])), lambda q: sum(math.log(v) for v in q["x"])):
        report = check_gradient(f, p, {"x": 1 / p["x"]})
        assert report.passed, report
        assert not check_gradient(f, p, {"x": np.array([1 + 1e-5, 1]) / p["x"]}).passed


def test_no_warning_escapes_from_outside_the_domain():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_gradient(lambda q: np.sum(np.log(q["x"])), at(1e-4), at(1e4)).passed


@pytest.mark.parametrize("sign", [1, -1])
def test_at_the_border_the_slope_of_the_inside_is_taken(sign):
    def f(p):
        if np.any(sign * p["x"] < 0):
            raise ValueError("outside")
        return np.sum(np.exp(p["x"]) + 3 * p["x"])

    p = at(0, sign * 0.7, 0)
    g = {"x": np.exp(p["x"]) + 3}
    assert check_gradient(f, p, g).passed
    for wrong in (-1, 0, 1 + 1e-5):
        assert check_gradient(f, p, {"x": g["x"] * [1, 1, wrong]})["x"].where == (2,)


def test_directions_and_remainders_stay_in_the_domain():
    p = at(1e-3, 0.5)
    f, g = (lambda q: np.sum(np.log(q["x"]))), {"x": 1 / p["x"]}
    assert check_directions(f, p, g, rng=rng(3), rtol=1e-6).passed
    _, errors = v_curve(f, p, g, rng(4))
    assert np.isnan(errors["forward"][0]) and np.nanmin(errors["five-point"]) < 1e-8
    far = at(0.1, 0.5)
    assert taylor_slope(f, far, {"x": 1 / far["x"]}, rng(5), np.logspace(1, -4, 16)).passed


def test_where_no_step_is_inside_the_sentence_asks_for_one():
    def f(p):  # defined at integers and next to them alone
        near = np.abs(p["x"] - np.round(p["x"])) < 1e-8
        return float(np.sum(p["x"])) if near.all() else np.nan

    with pytest.raises(InputError, match=r"not defined.*shorter step="):
        check_gradient(f, at(1, 2), at(1, 1), step=1000.1)
    assert check_gradient(f, at(1, 2), at(1, 1), step=1e-9, rtol=1e-5).passed
    with pytest.raises(InputError, match="defined near its params"):
        check_gradient(lambda p: 1.0 if p["x"][0] == 1 else np.nan, at(1), at(1))
    with pytest.raises(InputError, match=r"one finite float64.*where f is defined"):
        check_gradient(lambda p: float(np.log(p["x"][0] - 1)) if p["x"][0] > 1 else np.nan, at(1), at(1))


# ---- kinks ----


def relu(p):
    return np.sum(np.maximum(p["x"], 0) * np.arange(1.0, len(p["x"]) + 1)) + np.sum(np.sin(p["x"]))


def relu_gradient(p, at_zero=0.0):
    slope = np.where(p["x"] == 0, at_zero, p["x"] > 0)
    return {"x": slope * np.arange(1.0, len(p["x"]) + 1) + np.cos(p["x"])}


@pytest.mark.parametrize("offset", [0.0, 1e-8, -1e-8, 2e-7, -3e-6])
def test_a_kink_is_found_and_measured(offset):
    """|x − offset| + eˣ: the slopes are 0 and 2, to the curvature times the distance."""
    f = lambda p: abs(p["x"][0] - offset) + np.exp(p["x"][0])  # noqa: E731
    kink = find_kink(f, lambda t: at(t), (f(at(0)), (), EPS), STEP)
    assert abs(kink.at - offset) <= 0.02 * abs(offset)
    assert abs(kink.left) < 1e-3 and abs(kink.right - 2) < 1e-3


@pytest.mark.parametrize("f", [np.exp, np.sin, lambda x: x**4, lambda x: np.sin(300 * x), lambda x: 3 * x + 1])
def test_what_is_smooth_has_none(f):
    for x in (0.0, 0.4, -1.3):
        assert find_kink(lambda p: float(f(p["x"][0])), lambda t, x=x: at(x + t), (float(f(x)), (), EPS), STEP) is None


def test_a_kink_without_a_signature_is_said_to_look_like_one():
    p = at(0.5, -0.7, 1e-7, 0.0, 1.2)
    for at_zero in (0.0, 0.25, 1.0):  # every subgradient is as good (0.5 is what a central difference gives)
        report = check_gradient(relu, p, relu_gradient(p, at_zero))
        assert not report.passed  # a kink is never passed over in silence
        ((finding,),) = report.diagnosis
        assert finding.name == "kink" and finding.text.startswith(
            "looks like a kink at x(2) = 0, 1e-07 away (slopes 1 and 4"
        )
        assert "; at x(3) = 0 (slopes 1 and 5" in finding.text
        assert f"yours, {1 + 4 * at_zero:.4g}, is one of the slopes there, or between them" in finding.text
        assert "yours, 4, is the slope on its side" in finding.text and "Return (value, masks)" in finding.text


def test_a_kink_does_not_excuse_what_is_wrong():
    p = at(0.5, -0.7, 1.1, 0.0, 1.2)
    for wrong in (-0.5, 1.5):
        ((finding, *_),) = check_gradient(relu, p, relu_gradient(p, wrong)).diagnosis
        assert "is not one of the slopes there" in finding.text
    g = relu_gradient(p)
    g["x"][4] *= -1
    (found,) = check_gradient(relu, p, g).diagnosis
    assert {f.name for f in found} >= {"kink", "sign"}


def test_the_complex_step_takes_relu_in_its_stride():
    p = at(0.5, -0.7, 1e-12, -1e-200, 1.2)
    forms = (relu, lambda q: np.sum(q["x"] * (q["x"] > 0) * np.arange(1.0, len(q["x"]) + 1)) + np.sum(np.sin(q["x"])))
    for f in forms:
        assert check_complex_step(f, p, relu_gradient(p)).passed
        assert not check_complex_step(f, p, relu_gradient({"x": p["x"] + 1e-6})).passed
        assert check_complex_step(f, at(0.0, 1.0), relu_gradient(at(0.0, 1.0), at_zero=1.0)).passed  # from the right


# ---- several outputs ----


@dataclass(frozen=True)
class Heads:
    label: np.ndarray
    rest: dict


def several(x, make):
    return make(np.sin(x), np.exp(x).sum(axis=1), np.arange(3)), x


SHAPES = {
    "tuple": (lambda a, b, i: (a, b, i), lambda d: (d[0], d[1])),
    "list": (lambda a, b, i: [a, i, b], lambda d: (d[0], d[2])),
    "dict": (lambda a, b, i: {"a": a, "b": b, "i": i}, lambda d: (d["a"], d["b"])),
    "dataclass": (lambda a, b, i: Heads(a, {"b": b, "i": i}), lambda d: (d.label, d.rest["b"])),
    "object": (lambda a, b, i: SimpleNamespace(a=a, b=b, name="heads"), lambda d: (d.a, d.b)),
    "nested": (lambda a, b, i: ([a, {"b": b}], i), lambda d: (d[0][0], d[0][1]["b"])),
}


@pytest.mark.parametrize("make, parts", SHAPES.values(), ids=SHAPES)
def test_outputs_of_any_shape(make, parts):
    x = rng(6).standard_normal((4, 3))

    def backward(dy, x):
        da, db = parts(dy)
        return da * np.cos(x) + db[:, None] * np.exp(x)

    def first(dy, x):
        return parts(dy)[0] * np.cos(x)

    assert check_pair(lambda x: several(x, make), backward, {"x": x}, rng=rng(7)).passed
    assert not check_pair(lambda x: several(x, make), first, {"x": x}, rng=rng(7)).passed


def test_a_layer_that_keeps_its_state():
    class Layer:
        def __init__(self):
            self.W = rng(8).standard_normal((3, 2))

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dy):
            self.dW = self.x.T @ dy
            return dy @ self.W.T

    layer = Layer()

    def forward(x, W):
        layer.W = W
        return layer.forward(x), None

    def backward(dy, _):
        dx = layer.backward(dy)
        return dx, {"W": layer.dW}

    assert check_pair(forward, backward, {"x": rng(9).standard_normal((4, 3)), "W": layer.W}, rng=rng(10)).passed


def test_outputs_that_cannot_be_checked_are_told():
    with pytest.raises(InputError, match="y holds int64"):
        check_pair(lambda x: (np.arange(3), x), lambda dy, x: x, {"x": np.ones(3)}, rng=rng())
    for forgotten in (lambda x: x**2, lambda x: (x, x, x)):  # an array of two rows could be taken for y and cache
        with pytest.raises(InputError, match=r"return \(y, cache\), but returned .* (ndarray|tuple of 3); return both"):
            check_pair(forgotten, lambda dy, cache: dy, {"x": np.ones((2, 2))}, rng=rng())
    with pytest.raises(InputError, match=r"an array of shape \(3,\); sum its outputs"):
        check_gradient(lambda p: p["x"], at(1, 2, 3), at(1, 1, 1))


# ---- gradients of gradients ----

A = rng(11).standard_normal((5, 3))


def bowl(p):
    return np.sum(np.logaddexp(0, A @ p["w"])) + np.sum(np.cos(p["b"])) * p["w"][0]


def bowl_gradient(p):
    s = 1 / (1 + np.exp(-A @ p["w"]))
    w = A.T @ s
    w[0] += np.sum(np.cos(p["b"]))
    return {"w": w, "b": -np.sin(p["b"]) * p["w"][0]}


def bowl_hvp(p, d):
    s = 1 / (1 + np.exp(-A @ p["w"]))
    w = A.T @ (s * (1 - s) * (A @ d["w"]))
    w[0] -= np.sum(np.sin(p["b"]) * d["b"])
    return {"w": w, "b": -np.cos(p["b"]) * p["w"][0] * d["b"] - np.sin(p["b"]) * d["w"][0]}


W = {"w": rng(12).standard_normal(3), "b": rng(13).standard_normal(2)}


def test_second_derivatives_of_a_right_gradient():
    report = check_second(bowl, bowl_gradient, W, hvp=bowl_hvp)
    assert report.passed and [row.name for row in report.rows] == ["gradient", "curvature", "symmetry", "w", "b"], (
        report
    )
    assert check_second(bowl, bowl_gradient, W).passed
    straight = check_second(
        lambda p: 3 * p["w"].sum() + p["b"].sum(), lambda p: {"w": np.full(3, 3.0), "b": np.ones(2)}, W
    )
    assert straight.passed, straight  # a Hessian of 0 is no fault


@pytest.mark.parametrize(
    "change, row",
    [
        (lambda d, Hd: {"w": 2 * Hd["w"], "b": Hd["b"]}, "w"),
        (lambda d, Hd: {"w": Hd["w"], "b": -Hd["b"]}, "b"),
        (lambda d, Hd: {"w": Hd["w"] + 1e-5, "b": Hd["b"]}, "w"),
        (lambda d, Hd: {"w": Hd["w"], "b": Hd["b"] + np.sin(W["b"]) * d["w"][0]}, "b"),
    ],
)
def test_a_wrong_product_with_the_hessian_fails(change, row):
    report = check_second(bowl, bowl_gradient, W, hvp=lambda p, d: change(d, bowl_hvp(p, d)))
    assert [r.name for r in report.rows if not r.passed] == [row], report


def test_the_gradient_of_nothing_is_not_symmetric():
    """With cos b held constant, as a surrogate holds its weights, no scalar has this gradient."""
    report = check_second(bowl, lambda p: bowl_gradient(p) | {"b": 0 * p["b"]}, W)
    assert not report["symmetry"].passed and not report["gradient"].passed, report
    assert report.diagnosis[2][0].name == "no scalar"
    twice = check_second(bowl, lambda p: {name: 2 * g for name, g in bowl_gradient(p).items()}, W)
    assert twice["symmetry"].passed and not twice["gradient"].passed and not twice["curvature"].passed
    assert dict(twice.diagnosis[0])["doubled"].startswith("factor 2 (3 of 3 entries)")
