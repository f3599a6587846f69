"""Where the rarer parts of the gradient checks begin to say something else: fitness of f, second derivatives, kinks."""

import numpy as np
import pytest

from minram.errors import InputError
from minram.gradcheck import check_gradient, check_pair, check_second, fitness
from minram.gradcheck.differences import STEP, _one_sided, five_point
from minram.gradcheck.fitness import _coarse_error, _in_single_precision, _rounding, base_point, unchanged
from minram.gradcheck.kinks import find_kink, kink_finding
from minram.gradcheck.outputs import is_floating, leaves, like
from minram.gradcheck.pairs import Pair
from minram.gradcheck.second import _derivative, _second_difference

EPS = 2.0**-52
WIDE = EPS ** (1 / 6)  # the claimed first step of a second difference


def rng(seed=0):
    return np.random.default_rng(seed)


def at(*values):
    return {"x": np.array(values, dtype=np.float64)}


# ---- fitness ----


def in_turn(size, value=1.0):
    """value times 1 + size and 1 − size in turn: ten of them have the standard deviation size · value."""
    calls = []
    return lambda p: calls.append(1) or np.float64(value * (1 + size * (-1) ** len(calls)))


@pytest.mark.parametrize("value", [1.0, -400.0])
def test_1e_10_of_f_from_call_to_call_is_too_much(value):
    for size, sentence in (
        (0.99e-10, "has a rounding error of"),
        (1.01e-10, "differs from call to call by about 1e-10|4e-08"),
    ):
        with pytest.raises(InputError, match=sentence):
            base_point(in_turn(size, value), at(0.7), rng())


def test_a_parameter_that_is_not_a_number_is_unchanged_if_it_stays_so():
    unchanged(at(0.7, np.nan), at(0.7, np.nan))
    with pytest.raises(InputError, match="leave its params alone"):
        unchanged(at(0.7, np.nan), at(0.7, 1))


def test_what_differs_is_asked_ten_times():
    calls = []

    def f(p):
        calls.append(p["x"].copy())
        return 1.0 + 1e-13 * (len(calls) == 1)

    base_point(f, at(0.7), rng())
    assert sum(np.array_equal(x, [0.7]) for x in calls) == 10


def test_noise_that_is_given_is_taken_but_no_less_than_rounding():
    for value in (3.0, -3.0):
        for noise, sigma in ((1e-3, 1e-3), (1e-30, 1.5 * EPS)):
            assert base_point(lambda p, v=value: v, at(0.7), rng(), noise) == (value, (), sigma)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="above 0"):
            base_point(lambda p: 1.0, at(0.7), rng(), wrong)


def test_stairs_are_an_error_where_they_are_steep():
    """f rises by steps of 2e-6 of x, or by a billionth of that."""
    for slope, refused in ((1.0, True), (1e-9, False)):

        def f(p, slope=slope):
            return 1 + slope * np.floor(p["x"][0] / 2e-6) * 2e-6

        if refused:
            with pytest.raises(InputError, match="exact to about 16 digits"):
                base_point(f, at(0.700001), rng())
        else:
            base_point(f, at(0.700001), rng())


@pytest.mark.parametrize("x", [1e-12, 0.7, 300.0])
def test_steps_relative_to_a_small_parameter_see_its_noise_too(x):
    """uniform(−1, 1) times √3·10⁻⁸ has the standard deviation 10⁻⁸, whatever the length of the steps."""

    def f(p):
        seed = p["x"].view(np.uint64) % np.uint64(2**63)
        return np.float64(1 + 3e-8 * np.random.default_rng(seed).uniform(-1, 1))

    with pytest.raises(InputError, match="has a rounding error of"):
        base_point(f, at(x), rng())


def test_the_rounding_error_is_the_root_of_the_mean_square():
    """Values that go up and down by a: third differences of 8a, and the root of 1 + 9 + 9 + 1 = 20 times a σ."""
    for value, a in ((1.0, 1e-9), (-300.0, 1e-9), (0.0, 1e-300)):

        def f(p, value=value, a=a):
            return value + a * (-1) ** round(p["x"][0] / 1e-10)

        _, sigma, _ = _rounding(f, at(0), at(1), value + a, ())
        # Roundings of the values, ε/2 of 300 each, are 1e-4 of a at most.
        assert sigma == pytest.approx(8 * a / np.sqrt(20), rel=1e-3, abs=0)
        odd = lambda p, f=f, a=a: f(p) + 3 * a * (round(p["x"][0] / 1e-10) == 24)  # noqa: E731  # one of 21 is 11a
        assert _rounding(odd, at(0), at(1), value + a, ())[1] == pytest.approx(
            a * np.sqrt((20 * 64 + 11**2) / 21 / 20), rel=1e-3, abs=0
        )


def test_the_better_of_two_directions_is_the_one_with_the_smaller_error(monkeypatch):
    """The second, along steps relative to each parameter, is tried where the first is beyond 1e-10."""
    for errors, sigmas, want in (((2e-10, 3e-11), (1e-15, 4e-15), 4e-15), ((2e-10, 3e-10), (4e-15, 1e-15), None)):
        rounding = iter(zip(errors, sigmas))
        monkeypatch.setattr(fitness, "_rounding", lambda f, theta, d, *base, r=rounding: (*next(r), d))
        monkeypatch.setattr(fitness, "_in_single_precision", lambda *given: [])
        if want:
            assert base_point(lambda p: 1.0, at(0.5), rng()) == (1.0, (), want)
        else:
            with pytest.raises(InputError, match="has a rounding error of 2e-10"):
                base_point(lambda p: 1.0, at(0.5), rng())


@pytest.mark.parametrize("signs", [(1, -1), (-1, 1), (1, 1), (-1, -1)])
def test_where_f_is_defined_in_one_quadrant_the_steps_go_there(signs):
    def f(p):
        return 1.0 if np.all((p["x"] - 0.5) * signs >= 0) else np.nan

    assert base_point(f, at(0.5, 0.5), rng())[2] == EPS / 2
    assert not np.all(np.sign(rng().standard_normal(2)) == signs) or signs == (1, -1)  # which is the first direction


def test_the_second_direction_is_relative_to_each_parameter(monkeypatch):
    asked, theta = [], at(0.5, -4.0, 0.0, 1.0)
    monkeypatch.setattr(fitness, "_rounding", lambda f, theta, d, *base: asked.append(d["x"]) or (1e-9, 1e-9, d))
    with pytest.raises(InputError, match="has a rounding error of"):
        base_point(lambda p: 1.0, theta, rng())
    normal = rng().standard_normal(4)
    np.testing.assert_array_equal(asked, [normal * [1, 4, 1, 1], normal * [0.5, 4, 0, 1]])


def coarse(f, value=1.0, signature=()):
    return _coarse_error(f, at(0), at(1), value, signature)


def test_the_error_over_longer_steps_is_the_seventh_decile():
    """Values that go up and down by a: third differences of 8a, and the root of 1 + 9 + 9 + 1 = 20 times a σ."""

    def f(p, begin=0, a=1e-9):
        k = round(p["x"][0] / 1e-8)
        return 1 + (a * (1 + 1e-6 * k) * (-1) ** k if k > begin else 0.0)

    assert coarse(f) == pytest.approx(8e-9 / np.sqrt(20), rel=1e-3, abs=0)
    assert coarse(lambda p: f(p, 8)) == pytest.approx(8e-9 / np.sqrt(20), rel=1e-3, abs=0)  # in 12 of the 20
    assert coarse(lambda p: f(p, 16)) < 1e-12  # in 4
    pieces = [coarse(lambda p, k=k: (f(p), (p["x"][0] > k * 1e-8,)), signature=(False,)) for k in (0.5, 3.5, 4.5)]
    # Four on the base's piece make one third difference.
    assert pieces == [0.0, 0.0, pytest.approx(8e-9 / np.sqrt(20), rel=1e-3, abs=0)]
    assert coarse(lambda p: np.nan) == 0.0


def test_stairs_are_taken_for_what_they_rise_in_twenty_steps():
    def stairs(height):
        return lambda p: 1 + height * np.floor(p["x"][0] / 2e-6 + 1e-6) * 2e-6

    for height in (1.0, 1e-3, 1.3e-6):  # 10⁻⁴ of it at 10⁻⁴, 2·10⁻⁷ in twenty steps
        assert coarse(stairs(height)) == pytest.approx(2e-7 * height, rel=1e-4, abs=0)
    assert coarse(stairs(1e-6)) == 0.0  # less than 1000 ε
    small = coarse(lambda p: (1e-3 - 1) + stairs(1e-6)(p), 1e-3)  # of f, which is less
    assert small == pytest.approx(2e-13, rel=1e-3, abs=0)
    for jump in (1e-6, 7e-5):  # one step alone, before both of the long ones or between them
        assert coarse(lambda p, jump=jump: 1 + 0.1 * (p["x"][0] > jump)) == 0.0


def test_a_parameter_is_in_single_precision_where_rounding_it_should_be_seen():
    """Of 1 + s x, x rounded: moved by t it changes by s t, and its rounding would change it by s |x − float32(x)|."""
    x, changes = 0.7, []
    for t in (1e-4, 5e-5):
        changes.append(abs(x + t - np.float64(np.float32(x + t))))
    edge = 1000 * EPS / min(changes)
    theta, d = {"x": np.array([x]), "y": np.array([x])}, {"x": np.ones(1), "y": np.ones(1)}

    def names(s, sigma=0.0, cast=np.float32, scale=1.0):
        f = lambda p: scale * (1 + s * np.float64(cast(p["x"][0])) + s * p["y"][0])  # noqa: E731
        return list(_in_single_precision(f, theta, d, f(theta), sigma))

    big = names(1e-3)
    assert big == ["params['x']"] and names(1e-3, cast=np.float64) == []
    # The base has 1 + 1.4 s, so that what is allowed for its own rounding hardly depends on s.
    assert names(1.1 * edge) == big and names(0.9 * edge) == []
    assert names(1.1 * edge, scale=1e6) == big and names(0.9 * edge, scale=1e6) == []
    assert names(1e-3, sigma=0.9e-6 * min(changes)) == big and names(1e-3, sigma=1.1e-6 * min(changes)) == []
    # Exactly: of a step t it is seen what the rounded one is long, of which a rounding of x + t is a share.
    single, steps = (lambda a: np.float64(np.float32(a))), (1e-4, 5e-5)
    seen = min(1e-3 * abs(single(x + t) - single(x)) * abs(x + t - single(x + t)) / t for t in steps)
    assert names(1e-3, sigma=0.9999e-3 * seen) == big and names(1e-3, sigma=1.0001e-3 * seen) == []
    step = lambda p: 1.0 + (p["x"][0] > x + 1e-5)  # noqa: E731  # a step shows the same at both places
    assert list(_in_single_precision(step, theta, d, 1.0, 0.0)) == []


def test_of_no_entries_nothing_is_in_single_precision():
    theta, d = {"none": np.empty((0, 3)), "x": np.ones(1)}, {"none": np.empty((0, 3)), "x": np.ones(1)}
    f = lambda p: 1 + np.float64(np.float32(p["x"][0]))  # noqa: E731
    assert list(_in_single_precision(f, theta, d, 2.0, 0.0)) == ["params['x']"]


def test_parameters_are_moved_and_rounded_one_by_one():
    theta, d, asked = {"x": np.array([0.7]), "y": np.array([2.0])}, {"x": np.full(1, 3.0), "y": np.full(1, -5.0)}, []
    list(_in_single_precision(lambda p: asked.append(dict(p)) or np.float64(0), theta, d, 9.0, 0.0))
    places = [(float(p["x"][0]), float(p["y"][0])) for p in asked]
    x, y = [[0.7 + 3e-4, 0.7 + 1.5e-4], [2.0 - 5e-4, 2.0 - 2.5e-4]]
    want = [(v, 2.0) for one in x for v in (one, np.float32(one))] + [
        (0.7, v) for one in y for v in (one, np.float32(one))
    ]
    np.testing.assert_allclose(places, want, rtol=EPS)


def test_the_step_of_a_noisy_function_is_the_fifth_root_of_its_noise():
    for value, noise, h in (
        (1.0, 1e-6, 1e-6**0.2),
        (-100.0, 1e-4, 1e-6**0.2),
        (1.0, 1e-30, (EPS / 2) ** 0.2),
        (1.0, 1.0, 0.1),
    ):
        asked = []

        def f(p, value=value, asked=asked):
            asked.append(p["x"][0])
            return value + 0 * p["x"][0]

        check_gradient(f, at(0), at(0), noise=noise)
        np.testing.assert_allclose(sorted(asked[-4:]), h * np.array([-1, -0.5, 0.5, 1]))


def test_a_one_sided_slope_has_twelve_times_the_rounding_error():
    for side in (1, -1):

        def f(p, side=side):
            return np.exp(p["x"][0]) if side * p["x"][0] >= 0 else np.nan

        slope, error = _one_sided(f, lambda t: at(t), (1.0, (), EPS), 1e-3)
        assert abs(slope - 1) < 1e-11 and error == 12 * EPS / 1e-3
        # Where it bends too fast the steps become shorter: this is the third.
        bent = lambda p, f=f: f({"x": 1000 * p["x"]}) / 1000  # noqa: E731
        slope, error = _one_sided(bent, lambda t: at(t), (1e-3, (), EPS), 1e-3)
        assert abs(slope - 1) < 1e-5 and error == pytest.approx(12 * EPS / (1e-3 * EPS ** (2 / 12)), abs=0)


def test_a_one_sided_slope_takes_ten_of_its_standard_errors():
    """Of t³ the slope is 0, and the two that are compared differ by h²/2; ten standard errors are 120 σ/h."""
    for share, calls in ((9.9, 4), (10.1, 9)):  # then the other side, not defined at its first point, and h·SHRINK
        asked, h = [], 1e-3

        def f(p, asked=asked):
            asked.append(p["x"][0])
            return asked[-1] ** 3 if asked[-1] >= 0 else np.nan

        _one_sided(f, lambda t: at(t), (0.0, (), h**3 / 24 / share), h)
        assert len(asked) == calls


def test_where_the_side_that_is_defined_has_kinks_there_is_no_slope():
    def f(p):  # the first point that is asked is on the other side
        return (1.0 if p["x"][0] <= 0 else np.nan), (p["x"][0] < 0,)

    assert np.isnan(five_point(f, lambda t: at(t), (1.0, (False,), EPS), 1e-3)).all()
    with pytest.raises(InputError, match="smooth on one side of its params at least"):
        five_point(lambda p: np.nan if p["x"][0] else 1.0, lambda t: at(t), (1.0, (), EPS), 1e-3)


def test_a_step_that_leaves_the_domain_is_shortened_eight_times():
    """Of each pair of points the second is outside; on the one side there are four points more."""
    asked = []

    def f(p):
        asked.append(p["x"][0])
        return np.exp(asked[-1]) if asked[-1] >= 0 else np.nan

    slope, _ = five_point(f, lambda t: at(t), (1.0, (), EPS), 1e-3)
    assert abs(slope - 1) < 1e-11
    shorter = EPS ** (np.arange(8) / 12)
    np.testing.assert_allclose(asked, [*np.outer(1e-3 * shorter / 2, [1, -1]).ravel(), *1e-3 * np.arange(1, 5) / 4])


# ---- second differences ----


def counted(k, sigma):
    """The second derivative of exp(kx)/k² at 0, its error, and how often f is called."""
    calls = []

    def f(p):
        calls.append(1)
        return np.exp(k * p["x"][0]) / k**2

    return *_second_difference(f, at(0), at(1), (1 / k**2, (), sigma)), len(calls)


def test_the_second_difference_is_of_fourth_order_with_the_constant_that_it_says():
    for kh in (0.2, 0.4):  # so much noise that no step is too long
        second, error, calls = counted(kh / WIDE, 1e6)
        assert calls == 4 and error == 4.4e6 / WIDE**2
        assert abs((1 - second) / (kh**4 / 90) - 1) < kh**2


def test_its_step_is_shortened_where_f_bends_too_fast():
    """Three points are wrong by (kh)²/12, of which 1e-3 is allowed; a step is a quarter of the one before."""
    edge = np.sqrt(12e-3)
    for steps in range(4):
        for share, calls in ((0.98, 4 * (steps + 1)), (1.02, 4 * min(steps + 2, 4))):
            assert counted(share * edge * 4**steps / WIDE, 0)[2] == calls
    # x³ + x⁴ has the second derivative 0, three points give 2h²: ten of its errors, 44 σ/h², are allowed.
    for share, calls in ((1.05, 4), (0.95, 8)):
        asked, sigma = [], share * 2 * WIDE**4 / 44

        def f(p, asked=asked):
            asked.append(1)
            return p["x"][0] ** 3 + p["x"][0] ** 4

        _second_difference(f, at(0), at(1), (0.0, (), sigma))
        assert len(asked) == calls


def test_a_second_difference_stays_on_its_piece_and_in_the_domain():
    for border, there in ((0.9 * WIDE * 2 / 64, False), (1.1 * WIDE * 2 / 64, True)):  # of the last of four steps
        for outside in (1.0, np.nan):

            def f(p, border=border, outside=outside):
                beyond = abs(p["x"][0]) > border
                return (outside if beyond else p["x"][0] ** 2), (beyond,)

            second, error = _second_difference(f, at(0), at(1), (0.0, (False,), EPS))
            assert np.isfinite(second) == np.isfinite(error) == there


def test_a_derivative_of_gradients_takes_the_shorter_step_where_they_bend():
    for k, steps in ((0.97 * np.sqrt(8e-4) / STEP, 1), (1.03 * np.sqrt(8e-4) / STEP, 2)):
        asked = []

        def grad(p, k=k, asked=asked):
            asked.append(p["x"][0])
            return {"x": np.exp(k * p["x"]) / k}

        (slope,) = _derivative(grad, at(0), at(1))["x"]
        assert len(asked) == 4 * steps and abs(slope - 1) < 1e-8
        np.testing.assert_allclose(sorted(asked[-4:]), STEP / 20 ** (steps - 1) * np.array([-1, -0.5, 0.5, 1]))


H = np.array([[2.0, 0.5], [0.5, -1.5]])
B = np.array([3.0, -2.0])


def quadratic(p):
    return B @ p["x"] + p["x"] @ H @ p["x"] / 2


@pytest.mark.parametrize("share, passes", [(0.7, True), (1.4, False), (-0.7, True), (-1.4, False)])
def test_the_tolerances_of_second_derivatives(share, passes):
    def verdicts(grad, **options):
        return {row.name: row.passed for row in check_second(quadratic, grad, at(0, 0), **options).rows}

    for limit, options in ((1e-7, {}), (1e-5, {"rtol": 1e-5})):
        found = verdicts(lambda p, e=share * limit: {"x": B * (1 + e) + H @ p["x"]}, **options)
        assert found == {"gradient": passes, "curvature": True, "symmetry": True}
        found = verdicts(
            lambda p: {"x": B + H @ p["x"]}, hvp=lambda p, d, e=share * limit: {"x": (1 + e) * (H @ d["x"])}, **options
        )
        assert found == {"gradient": True, "curvature": True, "symmetry": True, "x": passes}
    for limit, options in ((1e-4, {}), (1e-2, {"curvature_rtol": 1e-2})):
        found = verdicts(lambda p, e=share * limit: {"x": B + (1 + e) * (H @ p["x"])}, **options)
        assert found == {"gradient": True, "curvature": passes, "symmetry": True}


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_noise_of_second_derivatives_is_that_of_f(scale):
    def f(p):
        return scale * quadratic(p)

    for e, passes in ((0.7e-7, True), (1.4e-7, False)):
        product = lambda p, d, e=e: {"x": scale * (1 + e) * (H @ d["x"])}  # noqa: E731
        report = check_second(f, lambda p: {"x": scale * (B + H @ p["x"])}, at(0, 0), hvp=product)
        assert [row.passed for row in report.rows] == [True, True, True, passes]


@pytest.mark.parametrize("slope, share", [(0.0, 1.0), (1e-4, 0.5), (1.0, 0.0)])
def test_what_rounding_may_do_to_second_derivatives(slope, share):
    """Ten roundings ε: of g over steps of STEP, for H d, H u and each entry; and of the terms of the two products.

    With an rtol of nearly 0, a row's relative error is its error in units of that. H is not symmetric, so that there
    is an error; share: how much of the noise of the two products is that of their terms.
    """
    skew, b, asked = H + np.array([[0.0, 0.1], [-0.2, 0.0]]), slope * B, []

    def grad(p):
        asked.append(p["x"].copy())
        return {"x": b + skew @ p["x"]}

    products = {"hvp": lambda p, d: {"x": 1.001 * (skew @ d["x"])}}
    report = check_second(lambda p: b @ p["x"], grad, at(0, 0), n=1, rtol=1e-30, **products)
    noise = {name: report[name].abs_err / report[name].rel_err * 1e-30 for name in ("symmetry", "x")}
    d, u = asked[1] / (STEP / 2), asked[5] / (STEP / 2)  # after the gradient itself, two pairs of steps along each
    Hd, Hu = skew @ d, skew @ u
    of_g = 10 * EPS / STEP * np.abs(b) @ (np.abs(d) + np.abs(u))
    of_terms = 10 * EPS * (np.abs(Hd) @ np.abs(u) + np.abs(Hu) @ np.abs(d))
    assert noise["symmetry"] == pytest.approx(of_g + of_terms, rel=1e-6, abs=0)
    assert noise["x"] == pytest.approx(10 * EPS / STEP * max(np.abs(b).max(), np.abs(Hd).max()), rel=1e-6, abs=0)
    assert of_terms / (of_g + of_terms) == pytest.approx(share, abs=0.3)


def test_a_product_with_the_hessian_has_the_shapes_of_the_parameters():
    for product, fault in (
        ({}, "'x' is wrong: missing"),
        ({"x": np.ones(3)}, r"'x' is wrong: shape \(3\)"),
        ({"x": np.ones(2), "y": np.ones(2)}, "'y' is wrong: not a parameter"),
    ):
        with pytest.raises(InputError, match=fault):
            check_second(quadratic, lambda p: {"x": B + H @ p["x"]}, at(0, 0), hvp=lambda p, d, made=product: made)
    none = {"none": np.empty((0, 3))}
    grad = lambda p: {"x": B + H @ p["x"]} | none  # noqa: E731
    report = check_second(quadratic, grad, at(0, 0) | none, hvp=lambda p, d: {"x": H @ d["x"]} | none)
    assert report.passed and (report["none"].shape, report["none"].checked) == ((3, 0, 3), 0)


def test_only_the_entries_of_a_product_are_places():
    """In slopes along random directions no more than a factor can be seen."""
    wrong = {"hvp": lambda p, d: {"x": -(H @ d["x"])}}
    report = check_second(quadratic, lambda p: {"x": 3 * B + 5 * H @ p["x"]}, at(0, 0), **wrong)
    assert [report[name].seen.projected for name in ("gradient", "curvature", "x")] == [True, True, False]
    assert [report[name].seen.axes for name in ("gradient", "curvature", "x")] == [("d",)] * 3
    assert report["symmetry"].seen is None and report["symmetry"].passed


def test_gradients_of_other_shapes_have_no_second_derivatives():
    for given in ({}, {"x": np.ones(3)}, {"x": np.ones(2, np.float32)}):
        with pytest.raises(InputError, match="'x' is wrong"):
            check_second(quadratic, lambda p, made=given: made, at(0, 0))


@pytest.mark.parametrize("kinks, verdict", [(1, "ok"), (2, "kinks")])
def test_one_in_five_directions_may_meet_a_kink(kinks, verdict):
    """Steps along the first directions, and these alone, are on another piece."""
    replay = rng()
    replay.standard_normal(2)  # the direction of the base point
    d = replay.standard_normal((5, 2, 2))[:, 0]  # of each pair the first
    crossing = d[:kinks] / np.linalg.norm(d[:kinks], axis=1, keepdims=True)

    def f(p):
        length = np.linalg.norm(p["x"])
        return quadratic(p), (bool(length) and bool(np.any(np.abs(crossing @ p["x"]) > (1 - 1e-9) * length)),)

    report = check_second(f, lambda p: {"x": B + H @ p["x"]}, at(0, 0), rng=rng(), n=5)
    for name in ("gradient", "curvature"):
        assert (report[name].kinks, report[name].verdict) == (kinks, verdict)


def test_rows_of_second_derivatives_have_n_directions():
    def grad(p):
        return {"x": B + H @ p["x"]}

    for options, n in (({}, 3), ({"n": 5}, 5)):
        report = check_second(quadratic, grad, at(0.3, 0.4), hvp=lambda p, d: {"x": H @ d["x"]}, **options)
        assert [(row.shape, row.checked) for row in report.rows] == [((n,), n)] * 3 + [((n, 2), 2 * n)]
    one = check_second(quadratic, grad, at(0.3, 0.4))
    assert str(one) == str(check_second(quadratic, grad, at(0.3, 0.4), rng=rng()))  # the default
    skew = np.array([[0.0, 0.3], [-0.3, 0.0]])
    report = check_second(quadratic, lambda p: {"x": B + (H + skew) @ p["x"]}, at(0, 0))
    assert [row.passed for row in report.rows] == [True, True, False]  # uᵀ(H + S)u is uᵀHu


# ---- kinks ----


@pytest.mark.parametrize("offset", [0.0, 2e-6, -2e-6])
def test_a_kink_is_where_it_is_and_its_slopes_are_those_beside_it(offset):
    """Steep on the left, flat on the right, or the reverse, and a slope and a value of their own."""
    for left, right in ((-3.0, 2.0), (2.0, -3.0), (5.0, 6.0)):

        def f(p, left=left, right=right):
            x = p["x"][0] - offset
            return 7 + (left if x < 0 else right) * x

        kink = find_kink(f, lambda t: at(t), (f(at(0)), (), EPS), STEP)
        np.testing.assert_allclose(kink, (offset, left, right), rtol=1e-6, atol=1e-12)


def test_an_entry_beside_a_kink_is_excused_for_the_slope_of_its_side_alone():
    def f(p):
        return 2 * abs(p["x"][0] - 1e-6) + 3 * p["x"][0] + 9

    for place, own, other in ((0.0, 1.0, 5.0), (2e-6, 5.0, 1.0)):
        theta = at(place)
        base = (f(theta), (), EPS)
        near = [(own + share * 5e-5, abs(share) < 1) for share in (0, 0.9, -0.9, 1.1, -1.1)]  # 1e-5 of the steeper, 5
        for a, excused in (*near, (other, False), (3.0, False)):
            kinks, (finding,) = kink_finding(f, theta, "x", np.array([a]), [0], base)
            assert (kinks == [0]) == excused
            assert (f"yours, {a:.4g}, is the slope on its side" in finding.text) == excused
            assert f"at x(0) = 1e-06, 1e-06 away (slopes {1:.4g} and {5:.4g}; " in finding.text
        assert theta["x"] == [place]


def test_beside_a_kink_a_slope_is_known_to_four_roundings_over_half_the_way():
    """With so much noise that 1e-5 of the slope is nothing beside it, and little enough to see the kink by."""
    sigma, delta = 1e-9, 1e-6
    slack = 4 * sigma / (delta / 2) + 1e-5
    for share, excused in ((0.99, True), (-0.99, True), (1.01, False), (-1.01, False)):
        a, base = 1 + share * slack, (2 + delta, (), sigma)
        theta = at(delta)
        kinks, _ = kink_finding(lambda p: 2 + abs(p["x"][0]), theta, "x", np.array([a]), [0], base)
        assert (kinks == [0]) == excused, share


@pytest.mark.parametrize("place", [1e-6, -1e-6])
def test_the_slope_of_an_entry_is_taken_short_of_the_kink(place):
    """f bends: over the step that finds the kink its slope changes by 6e-5 of itself, and 1e-5 is excused."""

    def f(p):
        x = p["x"][0]
        return max(x, 0.0) + 2 * x + 5 * x * x + 3

    theta = at(place)
    own = 2 + (place > 0) + 10 * place
    base = (f(theta), (), EPS)
    assert abs(abs(find_kink(f, lambda t: at(place + t), base, STEP).at) - 1e-6) < 1e-8
    noise = 4 * EPS / 5e-7  # of the difference that is half as long as the way to the kink
    for share, excused in ((0, True), (0.9, True), (-0.9, True), (1.2, False), (-1.2, False)):
        a = own + share * (3e-5 + noise)  # 1e-5 of the steeper slope, 3
        kinks, (finding,) = kink_finding(f, theta, "x", np.array([a]), [0], base)
        assert (kinks == [0]) == ("is the slope on its side" in finding.text) == excused, share
        assert theta["x"] == [place]


def test_a_kink_is_seen_above_a_hundred_roundings():
    """Of |x| D(h) is 2h, and the second of the steps has to see it too."""
    for share, found in ((0.999, True), (1.001, False)):
        base = (0.0, (), share * 2 * (STEP / 4) / 100)
        assert bool(find_kink(lambda p: abs(p["x"][0]), lambda t: at(t), base, STEP)) == found


def test_a_kink_within_a_thousandth_of_the_step_is_at_the_point():
    """With so much noise that the second step is the last that sees it."""
    for sign in (1, -1):
        for share, there in ((0.98, True), (1.02, False)):
            delta = sign * share * 1e-3 * STEP / 4
            f = lambda p, delta=delta: abs(p["x"][0] - delta)  # noqa: E731
            kink = find_kink(f, lambda t: at(t), (f(at(0)), (), 0.9 * 2 * (STEP / 4) / 100), STEP)
            assert kink.at == (0 if there else pytest.approx(delta, rel=1e-6, abs=0))


def test_a_kink_is_looked_for_in_eight_steps_of_which_each_is_a_quarter():
    asked = []
    find_kink(lambda p: asked.append(p["x"][0]) or p["x"][0] ** 2, lambda t: at(t), (0.0, (), EPS), STEP)
    assert asked == [sign * STEP / 4**k for k in range(8) for sign in (1, -1)]


def test_a_jump_of_f_itself_is_a_kink_at_the_point():
    kink = find_kink(lambda p: 7.0 + (p["x"][0] > 0), lambda t: at(t), (7.0, (), EPS), STEP)
    assert kink.at == kink.left == 0 and kink.right > 1e6


@pytest.mark.parametrize("old, within", [(0.5, STEP), (-0.5, STEP), (1000.0, 1000 * STEP), (-1000.0, 1000 * STEP)])
def test_a_kink_is_looked_for_as_far_as_a_step_goes(old, within):
    """The step is relative to a large parameter, as that of the difference is.

    A jump J that is δ away makes J (1 − δ/h) of D(h), and of the next, shorter step at least 0.6 of it should be
    left: 1 − 4δ/h > 0.6 (1 − δ/h), so δ < h 2/17 = 0.1176 h.
    """
    for away, found in ((0.117 * within, True), (0.1185 * within, False)):

        def f(p, kink=old + away):
            return abs(p["x"][0] - kink) + 7

        theta = at(old)
        kinks, findings = kink_finding(f, theta, "x", np.array([-1.0]), [0], (f(theta), (), 1e3 * EPS))
        assert (kinks == [0]) == bool(findings) == found
        assert not found or f"= {old + away:.3g}, {away:.1g} away" in findings[0].text


@pytest.mark.parametrize("share, place", [(0.9, "0"), (1.1, "1.1e-07")])
def test_a_place_within_a_hundredth_of_its_distance_from_0_is_0(share, place):
    """It was measured from a point that is 1e-5 away, and is not known to more digits."""
    at0 = share * 1e-7
    theta = at(at0 - 1e-5)

    def f(p):
        return abs(p["x"][0] - at0) + 7

    _, (finding,) = kink_finding(f, theta, "x", np.array([-1.0]), [0], (f(theta), (), EPS))
    assert f"at x(0) = {place}, 1e-05 away" in finding.text


def test_three_kinks_are_described_and_of_more_it_is_said_how_many():
    def f(p):
        return np.sum(np.abs(p["x"]))

    for n, more in ((3, "between them). Return"), (4, ", and 1 more. Return"), (5, ", and 2 more. Return")):
        theta = {"x": np.zeros(n)}
        kinks, (finding,) = kink_finding(f, theta, "x", np.full(n, 0.5), list(range(n)), (0.0, (), EPS))
        assert kinks == list(range(n)) and finding.text.count(" = 0 (slopes -1 and 1") == 3 and more in finding.text
    assert kink_finding(lambda p: np.sum(p["x"] ** 2), {"x": np.ones(2)}, "x", np.ones(2), [0, 1], (2.0, (), EPS)) == (
        [],
        (),
    )


def test_of_wrong_entries_the_first_twenty_are_looked_at():
    x = np.zeros(23)
    row = check_gradient(lambda p: np.sum(np.abs(p["x"])), {"x": x}, {"x": np.full(23, 0.5)})["x"]
    assert row.verdict == "wrong" and ", and 17 more. Return" in row.findings[0].text  # than three
    assert np.flatnonzero(row.seen.known).tolist() == [20, 21, 22]


# ---- pairs ----


def test_what_has_a_cotangent():
    for yes in (np.ones(2), np.ones(2, np.float32), np.float64(1)):
        assert is_floating(yes)
    for no in (np.arange(2), np.ones(2, complex), 1.0, None, "x", np.ones(2, bool), [1.0]):
        assert not is_floating(no)


def test_an_output_is_taken_apart_and_put_together():
    y = {"a": (np.ones(2), [3, None]), "b": "name"}
    assert len(leaves(y)) == 4 and leaves(like(y, [1, 2, 3, 4])) == [1, 2, 3, 4]
    made = like(y, [1, 2, 3, 4])
    assert made == {"a": (1, [2, 3]), "b": 4} and isinstance(made["a"], tuple)
    assert leaves(np.ndarray) == [np.ndarray] and leaves(len) == [len]  # types and functions are what they are


def test_a_pair_with_a_dict_of_parameters_and_too_many_arrays():
    x, p = rng(1).standard_normal((4, 3)), {"W": rng(2).standard_normal((3, 2)), "b": np.zeros(2)}

    def forward(x, params):
        return np.tanh(x @ params["W"] + params["b"]), (x, params)

    def backward(dy, cache):
        x, params = cache
        dz = dy * (1 - np.tanh(x @ params["W"] + params["b"]) ** 2)
        return dz @ params["W"].T, {"W": x.T @ dz, "b": dz.sum(axis=0)}

    report = check_pair(forward, backward, {"x": x, "params": p}, rng=rng())
    assert report.passed and [row.name for row in report.rows] == ["x", "W", "b"]
    with pytest.raises(InputError, match="at most 1 arrays, one an input, but returned 2"):
        check_pair(lambda x: (x**2, x), lambda dy, x: (dy, dy), {"x": x}, rng=rng())
    surplus = check_pair(
        lambda x: (x**2, x), lambda dy, x: {"x": 2 * x * dy, "y": dy, "none": None}, {"x": x}, rng=rng()
    )
    assert {row.name: row.verdict for row in surplus.rows} == {"x": "ok", "y": "not a parameter"}


def test_a_backward_that_writes_into_its_cotangent_spoils_nothing():
    x = rng(1).standard_normal((4, 3))

    def backward(dy, x):
        dy *= 2 * x
        return dy

    assert check_pair(lambda x: (x**2, x), backward, {"x": x}, rng=rng()).passed


def test_a_pair_is_a_sum_over_all_of_its_outputs():
    pair = Pair(lambda x: ((x, 3, x**2), x), None, {"x": None}, ["x"], {}, None)
    assert pair.f([np.ones(2), None, np.array([1.0, 10.0])])(at(2, 3)) == 5 + 4 + 90
