"""Every tolerance that the gradient checks claim is held from both sides, and every option of each is heard.

Most functions here are straight or constant, so that differences are exact, the rounding error is known, and an error
can be planted just inside and just outside what is allowed. Each pair of errors would find a limit that is twice as
lax or half as strict.
"""

import numpy as np
import pytest

from minram.errors import InputError
from minram.gradcheck import (
    check_adjoint,
    check_complex_step,
    check_directions,
    check_gradient,
    check_pair,
    check_second,
    differences,
    taylor_slope,
    v_curve,
)
from minram.gradcheck.differences import five_point, random_direction
from minram.gradcheck.evidence import Finding
from minram.gradcheck.fitness import base_point
from minram.gradcheck.report import Report, Row, judge
from test_gradcheck import backward, forward, gradient, loss, make_params, relu_gradient, relu_sum

EPS = 2.0**-52
STEP, SHRINK = EPS**0.25, EPS ** (1 / 12)  # the claimed steps; the second try is at ε^(1/3)


def rng():
    return np.random.default_rng(0)


class Watched:
    """A function of p["x"] that writes down where it is asked; with `moved`, every other point is another piece."""

    def __init__(self, f, moved=False):
        self.f, self.moved, self.asked = f, moved, []

    def __call__(self, p):
        self.asked.append(np.copy(p["x"]))
        x0 = self.asked[0]
        return (self.f(p), (np.array_equal(p["x"], x0),)) if self.moved else self.f(p)


# ---- what the checks allow ----


@pytest.mark.parametrize("check, rtol", [(check_gradient, 1e-7), (check_directions, 1e-7), (check_complex_step, 1e-12)])
def test_the_relative_tolerance(check, rtol):
    p, g = {"x": np.full(3, 0.5)}, {"x": np.array([2.0, -3.0, 5.0])}

    def f(q):
        return np.sum(g["x"] * q["x"])

    for limit, options in ((rtol, {}), (1e-5, {"rtol": 1e-5})):
        for share, passes in ((0.7, True), (1.4, False), (-0.7, True), (-1.4, False)):
            assert check(f, p, {"x": g["x"] * (1 + share * limit)}, rng=rng(), **options).passed == passes


def test_ten_standard_errors_of_the_difference_are_allowed():
    """A constant of size 1 has the rounding error ε/2, and its slope is 0: only the floor lets a gradient pass."""
    for x in (0.5, 8.0):  # the step grows with the parameter, so the floor falls
        unit = EPS / 2 / (STEP * max(1, x))
        for step in (None, 1e-3):
            one = unit if step is None else EPS / 2 / (1e-3 * max(1, x))
            for share, verdict in ((9.9, "zero"), (10.1, "wrong")):
                a = {"x": np.array([share * one])}
                got = check_gradient(lambda q: 1.0 + 0 * q["x"][0], {"x": np.array([x])}, a, step=step)
                assert got["x"].verdict == verdict, (x, step, share)


def test_ten_roundings_of_the_largest_entry_are_allowed_to_the_others():
    """Straight through 0, where f has hardly a rounding error: σ/h is 1e-5 of ε max|a|."""
    big = 2.0**40
    for share, verdict in ((9.9, "ok"), (10.1, "wrong")):
        a = {"x": np.array([-big, share * EPS * big])}
        assert check_gradient(lambda q: -big * q["x"][0], {"x": np.zeros(2)}, a)["x"].verdict == verdict


def test_ten_roundings_of_the_terms_are_allowed_along_a_direction():
    """With rtol far below them, the roundings are all that is allowed; the slope itself has two or three."""
    c, p = np.array([3.0, -5.0, 7.0, 2.0]), {"x": np.zeros(4)}

    def f(q):
        return np.sum(c * q["x"])

    def passed(change):
        return check_directions(f, p, {"x": c + change}, rng=rng(), rtol=1e-20).passed

    replay = rng()
    random_direction(p, replay)  # the one of the base point
    d = [random_direction(p, replay)["x"] for _ in range(10)]  # five for all, five for x
    terms = np.array([np.abs(c * one).sum() for one in d])
    entry = np.array([abs(one[0]) for one in d])
    edge = (10 * EPS * terms / entry).min()  # the change of the first entry that the strictest direction allows
    assert passed(0) and passed(np.array([0.5, 0, 0, 0]) * edge) and not passed(np.array([2.0, 0, 0, 0]) * edge)


def test_ten_standard_errors_are_allowed_along_a_direction():
    p, one = {"x": np.array([0.5])}, EPS / 2 / STEP
    replay = rng()
    random_direction(p, replay)
    d = np.array([random_direction(p, replay)["x"][0] for _ in range(5)])
    for share, verdict in ((9.9, "zero"), (10.1, "wrong")):
        a = {"x": np.array([share * one / np.abs(d).max()])}
        assert check_directions(lambda q: 1.0 + 0 * q["x"][0], p, a, rng=rng())["all"].verdict == verdict


def kinked(n, kinks):
    """n steep and flat parameters, of which so many lie on a kink."""
    x = np.linspace(0.5, 1, n)
    x[:kinks] = 1e-9
    return {"x": x}


def test_the_share_of_kinks_that_a_check_allows():
    for n, kinks, options, verdict in [
        (40, 2, {}, "ok"),  # 5 %
        (40, 3, {}, "kinks"),
        (40, 3, {"max_kinks": 0.075}, "ok"),
        (40, 1, {"max_kinks": 0.02}, "kinks"),
    ]:
        p = kinked(n, kinks)
        assert check_gradient(relu_sum, p, relu_gradient(p), **options)["x"].verdict == verdict


def test_the_share_of_kinks_that_directions_allow():
    p, last = {"x": np.zeros(1)}, STEP * SHRINK**2  # of three steps
    replay = rng()
    random_direction(p, replay)
    d = np.sort([abs(random_direction(p, replay)["x"][0]) for _ in range(5)])
    for kinks, options, verdict in [
        (1, {}, "ok"),  # one in five
        (2, {}, "kinks"),
        (2, {"max_kinks": 0.4}, "ok"),
        (1, {"max_kinks": 0.1}, "kinks"),
    ]:
        border = last * (d[-kinks] + d[-kinks - 1]) / 2  # the last step of so many directions goes beyond it

        def f(q, border=border):
            return 3 * q["x"][0], (abs(q["x"][0]) > border,)

        row = check_directions(f, p, {"x": np.array([3.0])}, rng=rng(), **options)["all"]
        assert (row.kinks, row.verdict) == (kinks, verdict)


def test_a_complex_step_takes_the_value_and_no_signature():
    p, g = {"x": np.array([0.5, -2.0])}, {"x": np.array([3.0, 0.0])}

    def f(q):
        on = q["x"].real > 0
        return 3 * np.sum(q["x"] * on), (on, 1j * on)

    assert check_complex_step(f, p, g).passed and not check_complex_step(f, p, {"x": np.ones(2)}).passed


def test_an_empty_parameter_has_no_gradient_to_show():
    p, g = {"x": np.ones(2), "none": np.empty((0, 3))}, {"x": np.full(2, 2.0), "none": np.empty((0, 3))}

    def f(q):
        return np.sum(q["x"] ** 2) + np.sum(q["none"])

    for check in (check_gradient, check_directions, check_complex_step):
        assert check(f, p, g, rng=rng())["none"].verdict == "zero"
        assert check(f, p, g, rng=rng(), expect_zero=["none"]).passed


def test_only_a_parameter_of_zeros_is_expected_to_be_zero_in_a_group():
    p, g = {"x": np.ones(2), "dead": np.ones(1)}, {"x": np.ones(2), "dead": np.zeros(1)}
    report = check_directions(lambda q: np.sum(q["x"]), p, g, rng=rng(), expect_zero=["dead"])
    assert [(row.name, row.verdict) for row in report.rows] == [("all", "ok"), ("x", "ok"), ("dead", "ok")]


# ---- steps ----


@pytest.mark.parametrize("step", [None, 1e-3])
@pytest.mark.parametrize("x", [0.5, -4.0])
def test_steps_are_as_long_as_they_say(x, step):
    f = Watched(lambda p: p["x"][0])
    check_gradient(f, {"x": np.array([x])}, {"x": np.ones(1)}, step=step)
    h = (STEP if step is None else step) * max(1, abs(x))
    far = np.ravel(f.asked)[-4:] - x
    np.testing.assert_allclose(np.sort(far), [-h, -h / 2, h / 2, h], rtol=1e-9)  # x ± h is rounded to 4 ε


BASE = 2 + 24 + 20  # calls at the base point: f twice, short and longer steps to see its rounding by


def test_steps_along_a_direction_are_as_long_as_they_say():
    for step in (None, 1e-3):
        f = Watched(lambda p: p["x"].sum())
        p = {"x": np.array([0.5, -4.0])}
        check_directions(f, p, {"x": np.ones(2)}, rng=rng(), step=step, n=2)
        replay = rng()
        random_direction(p, replay)
        for i in range(4):  # two directions for all, two for x
            d, h = random_direction(p, replay)["x"], STEP if step is None else step
            far = [one - p["x"] for one in f.asked[BASE + 4 * i : BASE + 4 * i + 4]]
            np.testing.assert_allclose(far, [t * d for t in (h / 2, -h / 2, h, -h)], rtol=1e-8)
        assert len(f.asked) == BASE + 16


def test_a_kink_is_tried_again_with_a_shorter_step():
    """Each try ends at its first point, h/2, as that is on another piece."""
    for check, tries, lines in ((check_gradient, 2, 1), (check_directions, 3, 10)):  # five for all, five for x
        f = Watched(lambda p: p["x"][0], moved=True)
        row = check(f, {"x": np.full(1, 0.5)}, {"x": np.ones(1)}, rng=rng()).rows[-1]
        assert row.verdict == "kinks" and len(f.asked) == BASE + lines * tries
        far = np.abs(np.ravel(f.asked)[BASE:] - 0.5).reshape(lines, tries)
        # The shortest are 1e-8, and 0.5 plus that is rounded to ε/4.
        np.testing.assert_allclose(far / far[:, :1], [SHRINK ** np.arange(tries)] * lines, rtol=1e-8)
        assert lines > 1 or far[0, 0] == pytest.approx(STEP / 2, rel=1e-9)


def test_second_derivatives_take_three_steps_for_a_slope_and_four_for_a_curvature():
    f = Watched(lambda p: p["x"][0], moved=True)
    check_second(f, lambda p: {"x": np.ones(1)}, {"x": np.full(1, 0.5)}, rng=rng(), n=1)
    replay = rng()
    random_direction({"x": np.ones(1)}, replay)  # the one of the base point
    d, far = random_direction({"x": np.ones(1)}, replay)["x"], np.ravel(f.asked)[BASE:] - 0.5
    curvature = np.outer(EPS ** (1 / 6) * 4.0 ** -np.arange(4), [1, -1, 2, -2]).ravel()
    np.testing.assert_allclose(far, d * [*STEP / 2 * SHRINK ** np.arange(3), *curvature], rtol=1e-7)


def count(f, sigma, h=0.01):
    """How often f(t) is called for a slope at 0 whose first step is h."""
    calls = []
    slope, error = five_point(lambda t: calls.append(t) or np.float64(f(t)), lambda t: t, (f(0.0), (), sigma), h)
    return len(calls), slope, error


def test_a_step_is_shortened_where_the_function_bends_too_fast():
    """exp(κt): the two-point slopes differ by (κh)²/8 of their size, 1e-4 of it is allowed."""
    edge = np.sqrt(8e-4) / 0.01
    assert [count(lambda t, k=share * edge: np.exp(k * t) / k, 0)[0] for share in (0.97, 1.03)] == [4, 8]
    # t³ has the slope 0: they differ by 3h²/4, and ten standard errors are allowed.
    assert [count(lambda t: t**3, 0.75 * 0.01**3 / share)[0] for share in (9.9, 10.1)] == [4, 8]


def test_the_difference_is_of_fourth_order_with_the_constant_that_it_says():
    for h in (0.1, 0.05):
        points, slope, error = count(np.exp, 1e-3, h)  # with so much noise no step is too long
        assert points == 4 and error == 1e-3 / h
        assert abs((1 - slope) / (h**4 / 480) - 1) < h**2  # the next term is h²/28 or so of this one


def test_where_no_step_stays_on_the_piece_there_is_no_slope():
    f = Watched(lambda p: 1.0, moved=True)
    f({"x": 0.0})
    assert np.isnan(five_point(f, lambda t: {"x": t}, (1.0, (True,), EPS), 0.1)).all()


# ---- how exact f is ----


def noisy(size):
    """1 and uniform noise of ± size, the same for the same x."""

    def f(p):
        seed = p["x"].view(np.uint64) % np.uint64(2**63)
        return np.float64(1 + size * np.random.default_rng(seed).uniform(-1, 1))

    return f


@pytest.mark.parametrize("size", [1e-13, 1e-11])
def test_the_rounding_error_is_measured(size):
    got = [base_point(noisy(size), {"x": np.array([x])}, np.random.default_rng(3))[2] for x in np.linspace(1, 2, 40)]
    # Third differences of 24 values are some 8 independent ones: the root of the mean of 40 such measurements has a
    # standard error of 1/√(2·8·40) = 4 %, three of which are 12 %.
    assert abs(np.sqrt(np.mean(np.square(got))) / (size / np.sqrt(3)) - 1) < 0.12


def test_the_rounding_error_is_at_least_half_an_epsilon():
    for value in (1.0, -8.0):
        assert base_point(lambda p, v=value: v, {"x": np.ones(1)}, rng())[2] == EPS / 2 * abs(value)


def test_a_rounding_error_of_1e_10_is_too_much():
    p = {"x": np.array([0.7])}
    base_point(noisy(3e-11 * np.sqrt(3)), p, rng())
    with pytest.raises(InputError, match="exact to about 16 digits"):
        base_point(noisy(3e-10 * np.sqrt(3)), p, rng())


def test_the_rounding_error_is_measured_to_one_side():
    p = {"x": np.zeros(1)}
    assert base_point(lambda q: 1 + np.abs(q["x"][0]), p, rng())[2] <= EPS
    assert base_point(lambda q: 1 + np.abs(q["x"][0]), p, np.random.default_rng(2))[2] <= EPS


def test_the_rounding_error_is_measured_in_steps_of_1e_10_and_of_1e_8():
    """Of a constant also over the two long ones that would show stairs."""
    f, p = Watched(lambda p: 1.0), {"x": np.array([4.0])}
    base_point(f, p, rng())
    steps = (np.ravel(f.asked) - 4) / random_direction(p, rng())["x"]
    expected = [0, 0, *1e-10 * np.arange(1, 25), *1e-8 * np.arange(1, 21), 5e-5, 1e-4]
    np.testing.assert_allclose(steps, expected, rtol=1e-4)  # the shortest is known to 4 ε, which is 1e-5 of it


def test_directions_are_normal_and_as_large_as_their_parameters():
    d = random_direction({"a": np.full(4000, 0.1), "b": np.full((40, 100), -30.0)}, rng())
    assert d["a"].shape == (4000,) and d["b"].shape == (40, 100)
    for name, scale in (("a", 1), ("b", 30)):
        # Standard errors: 1/√4000 of the mean, 1/√8000 of the standard deviation; four of them.
        assert abs(d[name].mean()) < 4 * scale / np.sqrt(4000) and abs(d[name].std() / scale - 1) < 4 / np.sqrt(8000)


def test_moving_leaves_the_others_where_they_are():
    theta, d = {"a": np.ones(2), "b": np.ones(1)}, {"a": np.array([1.0, -2.0])}
    moved = differences.move(theta, d, 0.5)
    assert moved["a"].tolist() == [1.5, 0.0] and moved["b"] is theta["b"]


@pytest.mark.parametrize("other", [(), (1,), (1, 3), (3, 2), (1, 2, 3), (np.array([1]), 2)])
def test_signatures_differ_in_length_and_in_each_entry(other):
    assert differences.same_piece((1, 2), (1, 2)) and differences.same_piece((), ())
    assert not differences.same_piece((1, 2), other) and not differences.same_piece(other, (1, 2))


# ---- the other options ----


def test_entries_are_chosen_by_the_generator():
    p = {"x": np.linspace(1, 1.5, 60)}
    g = {"x": np.cos(p["x"])}

    def f(q):
        return np.sum(np.sin(q["x"]))

    for check in (check_gradient, check_complex_step):
        report = check(f, p, g, entries=7, rng=rng())
        assert report.passed and report["x"].checked in (7, 8)  # and the largest, if it is not among them
        wrong = {"x": g["x"].copy()}
        wrong["x"][5] *= 0.5  # a draw of 7 among 60 finds it once in nine times
        found = [not check(f, p, wrong, entries=7, rng=np.random.default_rng(s)).passed for s in range(30)]
        assert 0 < sum(found) < 10
        assert check(f, p, g, entries=7) == check(f, p, g, entries=7, rng=rng())  # the default


def test_the_number_of_directions():
    for n in (1, 4):
        report = check_directions(loss, make_params(), gradient(make_params()), n=n, rng=rng())
        assert [(row.name, row.checked) for row in report.rows] == [("all", n), ("W", n), ("b", n)]
        assert [row.shape for row in report.rows] == [(20,), (4, 4), (4,)]
    assert check_directions(loss, make_params(), gradient(make_params()), rng=rng())["all"].checked == 5


def test_along_directions_there_are_slopes_and_no_places():
    wrong = {name: g[::-1] for name, g in gradient(make_params()).items()}
    report = check_directions(loss, make_params(), wrong, rng=rng(), facts={"M": 3})
    for row in report.rows:
        assert row.verdict == "wrong" and row.seen.projected and row.seen.analytic.shape == (5,)
        assert row.seen.facts == {"M": 3, "W.shape[0] or W.shape[1]": 4}
    assert [name for name, _ in report.diagnosis[0]] == ["unknown"]


def test_a_pair_hands_its_options_on():
    inputs = {"x": np.full((5, 3), 0.5), "W": np.linspace(-1, 1, 12).reshape(3, 4), "b": np.full(4, 0.3)}

    def pair(**options):
        return check_pair(forward, backward, inputs, rng=rng(), **options)

    def signature(cache):
        return (cache.y > 0,)

    assert pair(signature=signature).passed
    assert pair(signature=signature, entries=2)["W"].checked in (2, 3)
    assert pair(signature=signature, wrt=["b"], expect_zero=["b"])["b"].verdict == "not zero"
    assert pair(signature=signature, rtol=1e-20, floor=1.0)["x"].verdict == "wrong"
    inputs["b"][0] -= (inputs["x"] @ inputs["W"] + inputs["b"])[0, 0]  # a unit on its kink
    assert pair(signature=signature)["x"].verdict == "kinks"
    assert pair()["x"].verdict == "wrong"


# ---- adjoints ----


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 64])
def test_the_tolerance_of_an_adjoint(n, dtype):
    """The identity and 1 + e times it: off by e |u·v|, where 4 ε √(2n) (|u| |v| + |u| |v|) is allowed.

    With 64 numbers u·v nearly cancels, so it is the norms that count.
    """
    eps = np.finfo(dtype).eps
    replay = rng()
    u, v = (replay.standard_normal(n).astype(dtype).astype(float) for _ in "uv")
    edge = 4 * eps * np.sqrt(2 * n) * 2 * np.linalg.norm(u) * np.linalg.norm(v) / abs(u @ v)
    for share, verdict in ((0.8, "ok"), (1.25, "wrong")):  # rounding moves u·v by an ε or two, of 11 and more
        grown = dtype(1 + share * edge)
        report = check_adjoint(lambda a: a, lambda a, c=grown: a * c, (n,), (n,), rng(), n=1, dtype=dtype, name="I")
        assert [(row.name, row.verdict, row.checked, row.shape) for row in report.rows] == [("I", verdict, 1, (n,))]


def test_an_adjoint_is_tried_with_three_vectors_and_each_of_them_counts():
    calls = []

    def forward(u):
        calls.append(u)
        return u * (2 if len(calls) == 3 else 1)

    report = check_adjoint(forward, lambda v: v, (4,), (4,), rng())
    assert len(calls) == 3 and report["adjoint"].checked == 3
    assert report["adjoint"].verdict == "wrong" and report["adjoint"].where == (2,)
    row = report["adjoint"]
    assert row.analytic == pytest.approx(row.numeric / 2)  # ⟨u, Aᵀv⟩ beside ⟨Au, v⟩
    # Its norms are 2|u||v| and |u||v|.
    replay = rng()
    u, v = [replay.standard_normal((2, 4)) for _ in range(3)][-1]
    assert row.rel_err == pytest.approx(abs(u @ v) / (3 * np.linalg.norm(u) * np.linalg.norm(v)))


# ---- Taylor remainders and the curves ----


def test_a_slope_of_1_9_is_asked_for():
    """x² with a gradient that is δ too small: the remainder is h² + δh.

    Over five steps in two decades, δ = ⅔ of the smallest step takes off 0.1, as is said beside the limit.
    """
    p, steps, replay = {"x": np.ones(1)}, np.logspace(-1, -3, 5), rng()
    random_direction(p, replay)
    sign = np.sign(replay.standard_normal())  # of d: δh and h² are to add up
    for share, passes in ((0.5, True), (0.9, True), (1.1, False), (2.0, False)):
        wrong = {"x": np.array([2 - sign * share * 2 / 3 * steps[-1]])}
        result = taylor_slope(lambda q: q["x"][0] ** 2, p, wrong, rng(), steps)
        assert result.passed == passes and 1.7 < result.slope < 2


def test_the_remainders_are_those_of_a_step_as_long_as_the_parameters():
    p = {"x": np.array([3.0, 0.0]), "y": np.array([4.0])}  # of length 5, as d is

    def f(q):
        return np.sum(q["x"] ** 2) + np.sum(q["y"] ** 2)

    result = taylor_slope(f, p, {"x": 2 * p["x"], "y": 2 * p["y"]}, rng())
    np.testing.assert_array_equal(result.steps, np.logspace(-2, -7, 11))
    np.testing.assert_allclose(result.remainders[:4], 25 * result.steps[:4] ** 2, rtol=1e-6)  # of |hd|², ε·25/h² off


def test_steps_of_any_type_are_taken_in_double_precision():
    """Differences over steps in single precision would be single-precision ones."""
    p, f = {"x": np.array([0.3])}, lambda q: np.exp(q["x"][0])
    g = {"x": np.exp(p["x"])}
    for steps in (np.array([0.5, 0.25, 2.0**-10], np.float32), [1, 2, 4]):
        same = np.array(steps, np.float64)
        for got, want in zip(v_curve(f, p, g, rng(), steps)[1].values(), v_curve(f, p, g, rng(), same)[1].values()):
            np.testing.assert_array_equal(got, want, strict=True)
        result, wanted = taylor_slope(f, p, g, rng(), steps), taylor_slope(f, p, g, rng(), same)
        np.testing.assert_array_equal(result.steps, same, strict=True)
        np.testing.assert_array_equal(result.remainders, wanted.remainders, strict=True)
        assert result[2:] == wanted[2:]


def test_remainders_are_taken_where_they_are_above_a_hundred_roundings():
    """1 + x² at 0: σ is ε/2, and of two steps both must be seen for a slope."""
    p, g = {"x": np.zeros(1)}, {"x": np.zeros(1)}

    def steps(share):
        return np.sqrt(np.array([1.5, 1]) * share * 100 * EPS / 2)  # at 0, d has the length 1

    def f(q):
        return 1 + q["x"][0] ** 2

    assert np.isnan(taylor_slope(f, p, g, rng(), steps(0.6)).slope)
    assert np.isfinite(taylor_slope(f, p, g, rng(), steps(1.2)).slope)


def test_a_straight_function_passes_where_its_slope_is_seen():
    p = {"x": np.zeros(1)}  # d has the length 1
    for share, passes in ((0.995, False), (1.005, True)):
        a = share * 100 * EPS / 2 / 1e-2  # at the largest step h a is that share of 100 σ
        result = taylor_slope(lambda q, a=a: 1 + a * q["x"][0], p, {"x": np.array([a])}, rng())
        assert np.isnan(result.slope) and result.passed == passes
        np.testing.assert_array_equal(result.steps, np.logspace(-2, -7, 11))
        assert result.remainders.shape == (11,) and result.remainders.max() < 10 * EPS


def test_one_step_makes_no_slope_and_two_make_nothing_straight():
    p, h = {"x": np.zeros(1)}, np.sqrt(100 * EPS / 2)
    one = taylor_slope(lambda q: 1 + q["x"][0] ** 2, p, {"x": np.zeros(1)}, rng(), np.array([2, 0.5, 0.1]) * h)
    assert np.isnan(one.slope) and not one.passed
    for n, passes in ((2, False), (3, True)):
        steps = np.array([1e-1, 1e-2, 1e-3])[:n]
        assert taylor_slope(lambda q: 1 + q["x"][0], p, {"x": np.ones(1)}, rng(), steps).passed == passes


def test_the_five_smallest_steps_are_fitted():
    """x² and x⁶: the large steps would give a slope of 4 or more."""
    p = {"x": np.zeros(1)}
    steps = np.logspace(1, -4, 11)
    result = taylor_slope(lambda q: q["x"][0] ** 2 + q["x"][0] ** 6, p, {"x": np.zeros(1)}, rng(), steps)
    assert abs(result.slope - 2) < 1e-3
    shuffled = taylor_slope(lambda q: q["x"][0] ** 2 + q["x"][0] ** 6, p, {"x": np.zeros(1)}, rng(), steps[::-1])
    assert shuffled.slope == pytest.approx(result.slope)
    steps = np.linspace(0.3, 1, 8)  # each of these has a slope of its own
    line = np.polyfit(np.log(steps[:5]), np.log(steps[:5] ** 2 + steps[:5] ** 6), 1)
    result = taylor_slope(lambda q: q["x"][0] ** 2 + q["x"][0] ** 6, p, {"x": np.zeros(1)}, rng(), steps)
    assert result.slope == pytest.approx(line[0], rel=1e-9)


def test_the_curves_are_relative_errors():
    """c x³ at x: forward 3xd²h, central d³h² and five-point 0, each over 3x²d, whatever c is."""
    for c in (1.0, 1e6):
        p = {"x": np.array([2.0])}
        steps, errors = v_curve(
            lambda q, c=c: c * q["x"][0] ** 3, p, {"x": np.array([12.0 * c])}, rng(), np.array([1e-1, 1e-2])
        )
        d = random_direction(p, rng())["x"][0]
        assert steps.tolist() == [1e-1, 1e-2]
        np.testing.assert_allclose(
            errors["forward"], np.abs(6 * d**2 * steps + d**3 * steps**2) / abs(12 * d), rtol=1e-9
        )
        np.testing.assert_allclose(errors["central"], np.abs(d**3 * steps**2) / abs(12 * d), rtol=1e-6)
        assert (errors["five-point"] < 1e-12).all()
    steps, _ = v_curve(lambda q: np.exp(q["x"][0]), p, {"x": np.exp(p["x"])}, rng())
    np.testing.assert_allclose(steps, np.logspace(0, -13, 40))


# ---- the verdict of a row ----


def row(analytic, numeric, noise=1e-12, **limits):
    a = np.array(analytic, float)
    where = [(i, 0) for i in range(len(a))]
    return judge(
        "W", (len(a), 1), where, a, np.array(numeric, float), np.full(len(a), noise), **{"rtol": 1e-3} | limits
    )


def test_a_row_says_which_entry_is_worst_and_by_how_much():
    got = row([1, 2, 4, 5], [1, 2.1, np.nan, 5.2])
    assert got[:10] == ("W", (4, 1), 3, 1, pytest.approx(0.2), pytest.approx(0.1 / 2.1), (1, 0), 2, 2.1, "wrong")
    assert got.seen is None and got.findings == ()  # the check that asked adds what it has seen
    assert row([1, 2, np.nan, 5], [1, 2.1, 4, 5.2]).where == (2, 0)
    assert row([1, 2], [np.nan, 2.1]).where == (1, 0)  # kinks before it do not shift its index


def test_what_is_within_the_noise_is_zero_or_right():
    assert row([1e-12], [0]).verdict == "zero" and row([1e-12], [0], expect_zero=True).verdict == "ok"
    assert row([1.1e-12], [0]).verdict == "wrong"
    assert row([2e-12], [1.5e-12]).verdict == "ok" and row([2e-12], [1.5e-12], expect_zero=True).verdict == "not zero"
    assert row([0.0], [0.0], noise=0.0).verdict == "zero" and row([0.0], [0.0], noise=0.0).rel_err == 0
    assert row([0, 1], [0, 1]).verdict == "ok"  # one that is not 0 is enough
    assert row([1e-3], [0], floor=1.0).verdict == "ok" and row([1.1e-3], [0], floor=1.0).verdict == "wrong"
    assert row([1e-3, 2], [0, 2], floor=np.array([1.0, 1.0])).rel_err == pytest.approx(1e-3)


def test_a_row_of_nothing_has_no_kinks_and_no_entries():
    assert Row("W", (3,))[2:4] == (0, 0) and np.isnan(Row("W", (3,))[4:6]).all() and Row("W", (3,)).where == ()


def test_rows_without_a_number_and_reports_without_a_row_pass_nothing():
    assert row([], []).verdict == "zero" and row([], [], expect_zero=True).verdict == "ok"
    got = row([1.0], [np.nan], expect_zero=True, max_kinks=1.0)
    assert (got.verdict, got.checked, got.kinks) == ("kinks", 0, 1)
    assert row([1, 2], [np.nan, 2], max_kinks=0.5).verdict == "ok" and row([1, 2], [np.nan, 2]).verdict == "kinks"
    assert not Report().passed and Report((Row("W", ()),)).passed


def test_a_finding_stands_under_its_row_with_a_hanging_indent():
    found = Finding("kink", " ".join(["word"] * 40))
    row = Row("W", (2,), 2, verdict="wrong", findings=(found,))
    _, _, first, second, last = str(Report((row,))).splitlines()
    assert first.startswith("    kink: word") and len(first) <= 118 < len(first) + len(" word")
    assert second.startswith(" " * 8 + "word") and len(second) <= 118 and last == "0 of 1 ok"
    found = Finding("odd", " ".join("a" * 100))  # 4 + 5 + 55·2 − 1
    assert len(str(Report((Row("W", (2,), 2, verdict="wrong", findings=(found,)),))).splitlines()[2]) == 118
