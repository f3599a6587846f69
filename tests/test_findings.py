"""Each mistake that a diagnosis names, by hand: what it says, and the numbers at which it begins to say it.

The noise is 1e-12 and rtol 1e-7, unless it says otherwise; an entry above 2e-12 can be seen.
"""

import numpy as np
import pytest

from minram.gradcheck import diagnosis, factors, mistakes
from minram.gradcheck.checks import numbers
from minram.gradcheck.diagnosis import explain
from minram.gradcheck.differences import EPS, STEP
from minram.gradcheck.evidence import Seen
from minram.gradcheck.factors import readings
from minram.gradcheck.probe import _said, _stacked, probe
from minram.gradcheck.report import Report, Row

NOISE, RTOL = 1e-12, 1e-7
N = np.array([[1.3, -0.4, 2.2, 0.8], [0.7, 3.1, -1.9, 1.6], [-2.7, 0.9, 1.1, -0.6]])  # no sum or ratio is another's
HOLE = np.where(np.arange(12).reshape(3, 4) == 5, np.nan, N)  # one entry was not compared


def seen(analytic, numeric, **more):
    numeric = np.asarray(numeric, dtype=np.float64)
    return Seen(np.asarray(analytic, dtype=np.float64), numeric, np.full(numeric.shape, NOISE), RTOL, **more)


def said(mistake, analytic, numeric, **more):
    """{name: text}; a name that is said twice fails."""
    found = list(mistake(seen(analytic, numeric, **more)))
    assert len({f.name for f in found}) == len(found), found
    return {f.name: f.text for f in found}


def texts(mistake, analytic, numeric, **more):
    return [f.text for f in mistake(seen(analytic, numeric, **more))]


# ---- evidence ----


@pytest.mark.parametrize("share, wrong", [(0.99, False), (1.01, True)])
def test_wrong_is_beyond_the_tolerance_once(share, wrong):
    for sign in (1, -1):
        assert seen([sign * (1 + share * RTOL)], [sign * 1.0]).wrong == [wrong]
        assert seen([1.0], [1 + share * RTOL]).wrong == [wrong]  # of the larger of the two
        assert seen([sign * share * NOISE], [0.0]).wrong == [wrong]
        assert seen([0.0], [sign * share * NOISE]).wrong == [wrong]


def test_what_is_the_same_to_the_last_bit_is_right_where_nothing_is_allowed():
    for value in (0.0, 3.0):
        exact = Seen(np.array([value]), np.array([value]), np.zeros(1), 0.0)
        assert not exact.wrong and exact.close(value)


def test_what_is_made_of_other_entries_is_close_within_twice_that():
    for share, close in ((1.99, True), (2.01, False)):
        assert seen([share * NOISE], [1.0]).close(0.0) == [close]
        assert seen([1 + share * RTOL], [3.0]).close(1.0) == [close]
        assert seen([share * 5 * NOISE], [1.0]).close(0.0, 5.0) == [close]
        assert seen([share * NOISE], [1.0]).close(0.0, 0.2) == [close]  # rounding never becomes less
    assert seen([7.0], [np.nan]).close(0.0) == [True]


def test_an_entry_is_seen_above_twice_the_noise():
    for share, big in ((2.0, False), (2.01, True)):
        assert seen([-share * NOISE], [0.0]).big == seen([0.0], [-share * NOISE]).big == [big]
    s = seen([5.0], [np.nan])
    assert not s.big and not s.known and not s.wrong


def test_an_explanation_explains_two_entries_one_of_them_wrong():
    assert seen([2.0, 4.0], [1.0, 4.0]).explained_by(np.array([2.0, 4.0]))
    assert not seen([2.0, 4.0], [2.0, 4.0]).explained_by(np.array([2.0, 4.0]))  # nothing is wrong
    assert not seen([2.0, 4.0], [1.0, 4.0]).explained_by(np.array([2.0, 5.0]))
    for other in (np.nan, 0.0, 2 * NOISE):  # one alone is told
        assert not seen([2.0, 2 * NOISE], [1.0, 0.0]).explained_by(np.array([2.0, other]))
    assert seen([2.0, 2.1 * NOISE], [1.0, 0.0]).explained_by(np.array([2.0, 2.1 * NOISE]))
    # What is wrong is elsewhere, where nothing is expected that could be seen.
    assert not seen([2.0, 4.0, 1.0], [2.0, 4.0, 3.0]).explained_by(np.array([2.0, 4.0, np.nan]))


def test_a_part_has_no_masks_and_no_parameter():
    s = seen(N, HOLE, theta=N, masks=(N > 0,), axes=("row of dy",), facts={"M": 3})
    part = s.part((slice(0, 2), slice(1, 3)))
    assert part.analytic.shape == part.numeric.shape == part.noise.shape == (2, 2)
    assert part.theta is None and part.masks == () and part.axes == s.axes and part.facts == s.facts
    assert [s.axis(k) for k in range(3)] == ["row of dy", "axis 0", "axis 1"] and repr(s) == "Seen(3, 4)"


# ---- factors ----


def test_every_common_factor_has_its_reading():
    for value, text in factors.COMMON.items():
        assert text in readings(value, {}) and text + ", and the sign is wrong" in readings(-value, {})
        assert not readings(np.full(3, value), {})  # of one factor a column nothing is common


@pytest.mark.parametrize(
    "value, word",
    [
        (57.29577951308232, "degrees for radians"),
        (0.017453292519943295, "radians for degrees"),
        (0.6931471805599453, "base 2"),
        (1.4426950408889634, "base 2"),
        (2.302585092994046, "base 10"),
        (0.4342944819032518, "base 10"),
        (0.00392156862745098, "pixels"),
        (255, "pixels"),
    ],
)
def test_common_factors_in_digits(value, word):
    assert len([text for text in readings(value, {}) if word in text]) == 1


def test_a_reading_is_right_to_1e_6():
    for share, n in ((0.9, 1), (1.1, 0)):
        for sign in (1, -1):
            assert len(readings(17 * (1 + sign * share * 1e-6), {"M": 17})) == n


def test_every_reading_of_a_count():
    for factor, reading in {
        5.0: "M: a sum where the mean belongs",
        1 / 5: "1/M: a mean where the sum belongs",
        4 / 5: "1 − 1/M: the mean includes the row itself, or one of M is not counted",
        5 / 4: "M/(M − 1): the mean leaves the row itself out",
    }.items():
        assert readings(factor, {"M": 5}) == [reading]
        assert readings(-factor, {"M": 5}) == [reading + ", and the sign is wrong"]
    assert readings(2.0, {"M": 2})[1:] == ["M: a sum where the mean belongs"]
    assert readings(0.5, {"M": 2})[1:] == ["1/M: a mean where the sum belongs"] and readings(4.0, {"M": 2}) == []
    assert readings(1.0, {"M": 1}) == readings(25.0, {"M": 5}) == []  # no square of a count


def test_every_reading_of_a_number():
    for value in (0.3, 7.5):
        for factor, begins in (
            (value, "σ: a div"),
            (1 / value, "1/σ: div"),
            (value**2, "σ²: a div"),
            (value**-2, "1/σ²: "),
        ):
            (reading,) = readings(factor, {"σ": value})
            assert reading.startswith(begins)
    assert readings(1.0, {"σ": 1.0, "N": 1}) == []  # which would explain everything
    assert readings(-0.3, {"σ": -0.3}) == readings(0.3, {"σ": 0, "M": 0.0}) == []  # no size
    column = np.array([0.3, 7.0])
    assert len(readings(column, {"σ": column, "other": np.ones(3), "M": 5})) == 1
    assert readings(np.array([0.3, 7.5]), {"σ": column}) == []  # all of them, or none
    assert readings(np.array([0.09, 49.0]), {"σ": np.array([0.3, -7.0])}) == []  # one of which is no size


def test_products_of_two_counts():
    facts = {"N": 3, "M": 7, "x.shape[0]": 11, "σ": 0.13}
    assert readings(21, facts) == ["N·M: a sum over both where the mean belongs"]
    assert readings(1 / 21, facts) == ["1/(N·M): a mean over both where the sum belongs"]
    assert readings(33, facts) == readings(1 / 77, facts) == []  # lengths of axes are many: none with another
    assert readings(9, facts) == []


def test_lengths_of_axes_are_facts_unless_they_have_a_name():
    arrays = {"W": np.ones((4, 3)), "b": np.ones(3), "x": np.ones((5, 3)), "y": np.ones(())}
    assert numbers({}, arrays) == {"W.shape[0]": 4, "W.shape[1] or b.shape[0]": 3, "x.shape[0]": 5}
    facts = {"M": 4, "σ": np.ones(3)}
    assert numbers(facts, arrays) == facts | {"W.shape[1] or b.shape[0]": 3, "x.shape[0]": 5}


# ---- one factor ----


def test_nothing_that_can_be_seen_is_said_nothing_of():
    assert said(mistakes.scaled, [NOISE, 0], [0, NOISE]) == {}


def test_missing_and_should_be_0():
    assert said(mistakes.scaled, 0 * N, HOLE) == {
        "missing": "0 where it should not be (11 of 11 entries): never filled, or cut off on the way"
    }
    assert said(mistakes.scaled, [0.0], [3.0])["missing"].startswith("0 where it should not be (1 entry)")
    assert said(mistakes.scaled, N, 0 * HOLE)["should be 0"] == (
        "not 0 where it should be (11 of 11 entries): f does not change with it"
    )
    assert set(said(mistakes.scaled, [3.0, -1.0], [2.0 * NOISE, 0.0])) == {"should be 0"}
    assert "should be 0" not in said(mistakes.scaled, [3.0, -1.0], [2.1 * NOISE, 0.0])


def test_one_factor_for_all():
    assert said(mistakes.scaled, -N, HOLE) == {"sign": "the sign is wrong (11 of 11 entries)"}
    assert said(mistakes.scaled, 2 * N, HOLE)["doubled"].startswith("factor 2 (11 of 11 entries); counted twice")
    assert said(mistakes.scaled, 17.5 * N, N, facts={"M": 17.5})["factor"] == (
        "factor 17.5 (12 of 12 entries); M: a division by M is missing, or a factor M is there once too often"
    )
    assert said(mistakes.scaled, np.pi * N, N)["factor"] == "factor 3.1416 (12 of 12 entries)"
    assert said(mistakes.scaled, 1.0009 * N, N)["factor"] == "factor 1.0009 (12 of 12 entries)"
    assert said(mistakes.scaled, 1.000012345 * N, N)["factor"] == "factor 1.000012345 (12 of 12 entries)"
    assert said(mistakes.scaled, 1.00112345 * N, N)["factor"] == "factor 1.0011 (12 of 12 entries)"
    spoilt = np.where(np.arange(12).reshape(3, 4) == 7, 1 + 3e-7, 1.0) * 3 * N
    assert said(mistakes.scaled, spoilt, N) == {} and said(mistakes.scaled, [3.3], [1.0]) == {}
    assert set(said(mistakes.scaled, [-3.3], [3.3])) == {"sign"}
    uneven = N * (1 + 1.5 * RTOL * (-1) ** np.arange(12).reshape(3, 4))  # wrong, but on the whole by no factor
    assert seen(uneven, N).wrong.all() and said(mistakes.scaled, uneven, N) == {}
    # The noise of the numeric gradient is multiplied too: 4·10⁻¹² is within 2·3·10⁻¹² of it.
    assert "factor" in said(mistakes.scaled, [3.0, 6.0, 4 * NOISE], [1.0, 2.0, 0.0])


# ---- a factor for each index ----


def test_a_factor_for_each_column():
    c = np.array([2.0, 3.0, -0.5, 7.0])
    found = said(mistakes.scaled_by_index, N * c, HOLE, facts={"σ": 1 / c})
    assert found == {"factor by index": "a factor of its own for each index of axis 1, the same along axis 0"}
    found = said(mistakes.scaled_by_index, N * np.abs(c), HOLE, facts={"σ": 1 / np.abs(c)})
    assert found["factor by index"].endswith("axis 0; 1/σ: divided by σ once too often, or a factor σ is missing")
    assert "axis 0, the same along axis 1" in said(mistakes.scaled_by_index, N * c[:3, None], N)["factor by index"]
    spoilt = N * c
    spoilt[1, 2] *= 1 + 3e-7
    assert said(mistakes.scaled_by_index, spoilt, N) == {}
    assert said(mistakes.scaled_by_index, 3 * N, N) == {}  # one for all is another mistake
    assert said(mistakes.scaled_by_index, N * [2, 3, 1, 7], N) == {}  # a part that is right is another
    assert said(mistakes.scaled_by_index, [2.0, 6.0], [1.0, 2.0]) == {}
    assert said(mistakes.scaled_by_index, 0 * N, 0 * N) == {}


def test_a_factor_has_to_be_seen_twice_more_often_than_not():
    c = np.array([2.0, 3.0, -0.5, 7.0])
    for holes, told in ((1, True), (2, False), (3, False)):
        numeric = N[:2].copy()
        numeric[1, :holes] = np.nan  # so many columns show their factor once
        assert ("factor by index" in said(mistakes.scaled_by_index, N[:2] * c, numeric)) == told
    small = np.where(np.arange(3)[:, None] == 1, 1.9 * NOISE, N)  # a row that cannot be seen
    assert "factor by index" in said(mistakes.scaled_by_index, small * c[:4], small)
    assert said(mistakes.scaled_by_index, N * c, np.where(np.arange(4) == 1, 0.0, N)) == {}  # 0 has no such factor
    once = np.where((np.arange(3)[:, None] > 0) & (np.arange(4) == 3), np.nan, N)
    assert said(mistakes.scaled_by_index, N * [2, 3, -0.5, 1], once) == {}  # a column that is right, if seen once
    assert set(said(mistakes.scaled_by_index, N * [2, 3, -0.5, 7], once)) == {"factor by index"}
    # Of each column the largest entry tells its factor: of the others rounding may be a third.
    low = np.where(np.arange(3)[:, None] == 0, 3 * NOISE, N)
    off = c * low + np.where(low == 3 * NOISE, NOISE, 0)
    assert set(said(mistakes.scaled_by_index, off, low)) == {"factor by index"}
    faint = np.where(np.arange(2)[:, None] == 1, 1.9 * NOISE, N[:2])  # so that a factor is seen in one row alone
    assert said(mistakes.scaled_by_index, faint * c, faint) == {}
    unseen = np.where(np.arange(4) < 2, 0.0, N[:2])  # columns that show nothing speak neither for it nor against it
    assert "factor by index" in said(mistakes.scaled_by_index, unseen * c, unseen)


def test_in_three_dimensions_two_axes_are_named():
    cube = N.reshape(3, 2, 2)
    c = np.array([[2.0], [3.0], [5.0]])[:, :, None] * np.array([1.5, 4.0])
    text = said(mistakes.scaled_by_index, cube * c, cube, facts={"σ": c.ravel()})["factor by index"]
    assert text == "a factor of its own for each index of axis 0 and axis 2, the same along axis 1"


# ---- of the parameter ----


@pytest.mark.parametrize("text", mistakes.OF_PARAMETER)
def test_every_factor_of_the_chain_rule(text):
    theta = np.array([[0.3, 0.9, 1.4], [0.5, 0.2, 1.1]])
    value = {
        "the parameter itself": theta,
        "exp(parameter), the derivative by σ instead of log σ or the reverse": np.exp(theta),
        "tanh'(parameter) = 1 − tanh²": 1 / np.cosh(theta) ** 2,
        "sigmoid'(parameter)": np.exp(-theta) / (1 + np.exp(-theta)) ** 2,
        "1 + tanh(parameter), as of 1 − y where 1 − y² belongs": 1 + np.tanh(theta),
    }[text]
    n = N[:2, :3]
    for analytic, what in ((n / value, "missing"), (n * value, "there once too often")):
        found = texts(mistakes.scaled_by_parameter, analytic, n, theta=theta)
        assert found == [f"a factor is {what}: {text} (6 entries)"]
    assert texts(mistakes.scaled_by_parameter, n / value, n) == []
    same = np.full((2, 3), 0.3)  # of one value for all it would be any factor
    assert texts(mistakes.scaled_by_parameter, n * 0.3, n, theta=same) == []


def test_a_factor_that_is_infinite_somewhere_explains_nothing():
    theta, n = np.array([0.0, 0.3, 0.9, 1.4]), N[0]
    with np.errstate(divide="ignore"):
        analytic = np.where(theta == 0, 5.0, n / theta)
    assert texts(mistakes.scaled_by_parameter, analytic, n, theta=theta) == []
    assert len(texts(mistakes.scaled_by_parameter, analytic[1:], n[1:], theta=theta[1:])) == 1


# ---- moved ----


def test_a_transpose_and_a_reshape():
    square = N[:, :3]
    assert texts(mistakes.moved, square.T, square) == ["rows and columns are exchanged"]
    assert texts(mistakes.moved, -square.T, square) == ["rows and columns are exchanged, and the sign is wrong"]
    wrong = "the right numbers, but a reshape where a transpose belongs, or the reverse"
    for analytic in (N.T.reshape(3, 4), N.reshape(4, 3).T):
        assert texts(mistakes.moved, analytic, N) == [wrong]
        assert texts(mistakes.moved, -analytic, N) == [wrong + ", and the sign is wrong"]
    cube = np.arange(1, 9.0).reshape(2, 2, 2) ** 1.5
    assert "axes in the order (0, 2, 1)" in texts(mistakes.moved, cube.transpose(0, 2, 1), cube)
    four = np.arange(1, 17.0).reshape(2, 2, 2, 2) ** 1.5
    assert "axes in the order (0, 1, 3, 2)" in texts(mistakes.moved, four.transpose(0, 1, 3, 2), four)
    five = np.arange(1, 33.0).reshape((2,) * 5) ** 1.5
    assert texts(mistakes.moved, five.transpose(0, 1, 2, 4, 3), five) == ["the right 32 numbers in another order"]


def test_reversed_and_shifted():
    assert texts(mistakes.moved, N[::-1], N) == ["reversed along axis 0"]
    assert texts(mistakes.moved, -N[:, ::-1], N) == ["reversed along axis 1, and the sign is wrong"]
    for step, holds, end in ((1, "i−1", 0), (-1, "i+1", -1)):
        for axis in (0, 1):
            analytic = np.roll(N, step, axis)
            np.moveaxis(analytic, axis, 0)[end] = 100.0  # what enters may be anything
            want = f"shifted by one along axis {axis} (index i holds that of {holds})"
            assert texts(mistakes.moved, analytic, N) == [want]
            np.moveaxis(analytic, axis, 0)[end + 1 if end == 0 else -2] = 50.0
            assert texts(mistakes.moved, analytic, N) == []
    # What changes nothing is no mistake: an axis of one number, a row for a column, a palindrome.
    for same in (N[:1], N[:, :1], np.where(N[:1] == 2.2, np.nan, N[:1]), np.array([1.0, 3.0, 1.0])):
        assert texts(mistakes.moved, -same, same) == []
    assert texts(mistakes.moved, [9.0, 1.0], [1.0, 2.0]) == []  # two numbers shift into one
    assert texts(mistakes.moved, [[9.0, 8.0, 7.0, 6.0], N[0]], N[:2]) == []  # and two rows into one
    assert texts(mistakes.moved, [9.0, 1.0, 2.0], [1.0, 2.0, 4.0]) == [
        "shifted by one along axis 0 (index i holds that of i−1)"
    ]


def test_another_order():
    assert texts(mistakes.moved, [4.0, 1.0, 2.0, 3.0][::-1], [1.0, 2.0, 3.0, 4.0]) != []
    shuffled = N.ravel()[np.random.default_rng(0).permutation(12)].reshape(3, 4)
    assert texts(mistakes.moved, shuffled, N) == ["the right 12 numbers in another order"]
    assert texts(mistakes.moved, shuffled, np.where(N == 1.3, np.nan, N)) == []  # of all of them, or not at all
    assert texts(mistakes.moved, [[1.0], [3.0], [2.0]], [[1.0], [2.0], [3.0]]) == [
        "the right 3 numbers in another order"
    ]
    assert texts(mistakes.moved, [3.0], [1.0]) == texts(mistakes.moved, N, N) == []
    assert texts(mistakes.moved, [2.0, 1.0], [1.0, 2.0]) == ["reversed along axis 0"]


# ---- added ----


def test_a_constant_that_is_added():
    assert (
        said(mistakes.added, N + 0.375, HOLE)["offset"] == "too large by 0.375 in each of 11 entries: a constant term"
    )
    assert "offset" in said(mistakes.added, [1.5, 2.5], [1.0, 2.0]) and said(mistakes.added, [1.5], [1.0]) == {}
    assert "offset" not in said(mistakes.added, N + np.where(N == 1.3, 0.3750004, 0.375), N)


def test_a_decay_goes_with_the_parameter():
    theta = np.arange(12.0).reshape(3, 4) ** 2 - 5
    text = "the difference is 0.01 times the parameter: weight decay in one of the two?"
    assert said(mistakes.added, N + 0.01 * theta, HOLE, theta=theta) == {"decay": text}
    assert said(mistakes.added, N + 0.01 * theta, N) == {}
    wrong = N + 0.01 * theta + np.where(N == 1.3, 1e-6, 0)
    assert said(mistakes.added, wrong, N, theta=theta) == {}
    for spread, told in ((0.9e-6, False), (1.1e-6, True)):  # of a parameter of one value it would be an offset
        theta = np.array([1.0, 1 - spread / 2, 1 - spread])
        assert ("decay" in said(mistakes.added, [1.5, 2.5, 3.5], [1.0, 2.0, 3.0], theta=theta)) == told


def test_right_sums_of_wrong_entries():
    analytic = N.copy()
    analytic[0] += [0.5, -0.5, 0.25, -0.25]
    text = "along axis 1 entries are wrong, their sums are right: summed over another axis, or added in wrong places"
    assert said(mistakes.added, analytic, N) == {"wrong axis": text}
    assert "axis 0" in said(mistakes.added, N + [[0.5], [-0.75], [0.25]] * np.array([[1, 0, 0, 0]]), N)["wrong axis"]
    assert said(mistakes.added, analytic, HOLE) == {}  # of all entries, or not at all
    assert said(mistakes.added, N + np.array([1e-3, -1e-3 + 1e-5, 0, 0]), N) == {}
    for one in (N, N[:1], N[:, :1]):  # wrong, but by less than the sum may be: of one number the sum is the number
        assert "wrong axis" not in said(mistakes.added, one + 1.5 * RTOL * np.abs(one), one)
    off = 8 * RTOL * np.array([1.0, -1.0, 0.0])  # the sum of |entries| is 4, twice that times rtol is allowed
    for share, told in ((0.99, False), (1.01, True)):
        assert bool(said(mistakes.added, np.array([1.0, 1.0, 2.0]) + share * off, [1.0, 1.0, 2.0])) == told
    for share, told in ((0.99, True), (1.01, False)):  # off by rtol of the larger of the two, here of 1e6, twice
        n = np.array([1.0, -1.0, 10.0])
        a = n + np.array([1e6, -1e6, share * 4 * RTOL * 1e6])
        assert ("wrong axis" in said(mistakes.added, a, n)) == told
    for share, told in ((0.99, False), (1.01, True)):  # a sum should be ten times what it is allowed to be off
        n, noise = np.array([1.0, -1.0, share * 10 * 6e-3]), np.full(3, 1e-3)
        found = list(mistakes.added(Seen(n + np.array([0.5, -0.5, 0.0]), n, noise, 0.0)))
        assert [f.name for f in found] == ["wrong axis"] * told
    zero = N - N.mean(axis=1, keepdims=True)  # sums of 0 are right by chance alone
    assert said(mistakes.added, zero * 1.5, zero) == {}
    assert said(mistakes.added, [1.5, 1.5], [1.0, 2.0]) == {} != said(mistakes.added, [1.5, 1.5, 3], [1.0, 2.0, 3])
    assert said(mistakes.added, [[1.5, 1.0, 4.0]], [[1.0, 2.0, 4.0]]) == {}


# ---- the whole ----


def names(analytic, numeric, **more):
    return [f.name for f in explain(seen(analytic, numeric, **more))]


def test_what_is_not_finite_is_counted_and_what_is_right_has_no_finding():
    (found,) = explain(seen([np.nan, np.inf, 1.0], [1.0, 1.0, 1.0]))
    assert found == ("not finite", "2 of 3 entries are nan or infinite")
    assert explain(seen(N, N)) == [] and explain(seen(N, HOLE)) == []
    (found,) = explain(seen(N + N**3 * np.sign(N), HOLE))
    assert found == ("unknown", "11 of 11 entries are wrong, and no mistake known here explains them")


@pytest.mark.parametrize("others, text", [(1, "the other one is right"), (2, "the other 2 are right"), (0, None)])
def test_where_one_of_several_is_wrong_that_is_said(others, text):
    wrong = Row("W", N.shape, verdict="wrong", seen=seen(-N, N))
    rows = [Row(f"ok{i}", (1,)) for i in range(others)]
    *rest, found = diagnosis.diagnose([*rows, wrong])
    assert [f.text for f in found if f.name == "only one parameter"] == [f"only W is wrong, {text}"] * bool(text)
    assert rest == [()] * others and found[0].name == "sign"
    for twice in ([wrong, wrong, *rows], [*rows, wrong, Row("W", ())], [*rows, wrong._replace(verdict="zero")]):
        assert "only one parameter" not in [f.name for each in diagnosis.diagnose(twice) for f in each]


def test_along_directions_only_a_factor_is_looked_for():
    assert names(N[0, ::-1], N[0], projected=True) == ["unknown"]
    assert names(-N[0], N[0], projected=True) == ["sign"]


def test_single_precision_is_an_error_of_16_roundings_of_the_largest():
    eps = diagnosis.SINGLE
    for share, told in ((15.9, True), (16.1, False)):
        for a in (np.array([4.0, 0.7, 0.3]), np.array([0.1, 4.0, 0.3]), np.array([0.02, -0.01, 0.0])):
            found = dict(diagnosis.imprecise(seen(a + np.array([0, 0, share * eps * np.abs(a).max()]), a)))
            assert ("single precision" in found) == told
    for nothing in (np.empty(0), np.full(3, np.nan)):  # was compared
        assert list(diagnosis.imprecise(seen(nothing, nothing))) == []
    assert list(diagnosis.imprecise(seen([1e-9, 0.0], [0.0, 0.0]))) == []
    assert list(diagnosis.imprecise(seen([4.0, 16 * eps * 4], [4.0, 0.0])))  # no more than 16
    (found,) = diagnosis.imprecise(seen(a.astype(np.float32), a))
    assert found.text.endswith("of the largest entry: all its numbers are single-precision ones")
    (found,) = diagnosis.imprecise(seen(a * (1 + 3e-7), a))
    size = "off by 3e-07 of the largest entry: the size of what single precision rounds"
    assert found.text == size + "; or a gradient that is nearly right"
    assert "the size of" in next(diagnosis.imprecise(seen([0.5, 0.25], [0.5 + 1e-8, 0.25]))).text  # any type has these
    assert list(diagnosis.imprecise(seen([4.0000004], [4.0]))) == []
    assert list(diagnosis.imprecise(seen([4.0000004, 7.0], [4.0, np.nan]))) == []


# ---- a part of it ----


def placed(analytic, numeric, **more):
    return {f.name: f.text for f in diagnosis.place(seen(analytic, numeric, **more))}


def spoilt(index, change, n=N):
    made = n.copy()
    made[index] = change(made[index])
    return made


def test_a_region_is_named():
    missing = "0 where it should not be (3 of 3 entries): never filled, or cut off on the way"
    found = placed(spoilt((slice(None), 2), lambda x: 0 * x), N)["missing"]
    assert found == f"at axis 1: 2: {missing}; the other 9 are right"
    assert placed(spoilt((0, slice(None)), lambda x: 3 * x), N)["factor"].startswith("at axis 0: 0: factor 3 (4 of 4")
    assert placed(spoilt(np.ix_([0, 2], [1, 3]), lambda x: -x), N)["sign"].startswith(
        "at axis 0: 0, 2; axis 1: 1, 3: the sign"
    )
    assert placed(spoilt((slice(None), slice(1, 4)), lambda x: -x), N)["sign"].startswith("at axis 1: 1 to 3: the sign")
    assert placed(spoilt((slice(None), [0, 1, 3]), lambda x: -x), N)["sign"].startswith("at axis 1: 0, 1, 3: the sign")
    assert placed(spoilt((slice(None), [0, 1]), lambda x: -x), N)["sign"].startswith("at axis 1: 0, 1: the sign")
    only = placed(spoilt((1, slice(None)), lambda x: x**2 + 1), N)
    assert only == {"only there": "wrong only at axis 0: 1; the other 8 are right"}
    some_0 = np.where(np.arange(4) == 3, 0.0, N)  # and zeros that both have are right as well
    only = placed(spoilt((1, slice(None)), lambda x: x**2 + 1, some_0), some_0)
    assert only == {"only there": "wrong only at axis 0: 1; the other 8 are right"}


def test_entries_here_and_there_are_named_where_one_factor_explains_them():
    diagonal = np.eye(3, 4, dtype=bool) | np.eye(3, 4, 1, dtype=bool)  # in every row and column
    found = placed(np.where(diagonal, 3 * N, N), N)
    assert found["factor"] == "in 6 entries here and there: factor 3 (6 of 6 entries); the other 6 are right"
    assert placed(np.where(diagonal, N**2 + 1, N), N) == {}
    assert placed(3 * N, N) == placed(N, N) == {}


def test_what_should_be_0_in_a_region_is_a_forgotten_mask():
    numeric = N * np.array([1, 0, 1, 1])
    assert placed(N, numeric)["mask"] == (
        "at axis 1: 1: not 0 where it should be (3 of 3 entries): f does not change with it, as behind a closed ReLU "
        "whose mask is forgotten; the other 9 are right"
    )


def test_of_half_the_entries_no_region_is_told():
    for known, told in ((6, False), (7, True)):
        numeric = np.where(np.arange(12).reshape(3, 4) < known, N, np.nan)
        found = placed(spoilt((0, slice(None)), lambda x: x**2 + 1), numeric)
        assert ("only there" in found) == told


@pytest.mark.parametrize("axes, end, index", [((), "last", slice(0, -1)), (("row of dy",), "first", slice(1, None))])
def test_what_is_carried_back(axes, end, index):
    analytic = spoilt(index, lambda x: x**2 + 1)
    found = placed(analytic, N, axes=axes)["carried back"]
    off, size = ((analytic - N)[index] ** 2).sum(axis=1), (N[index] ** 2).sum(axis=1)
    errors = ", ".join(f"{e:.2g}" for e in np.sqrt(off / size)) if not axes else ""
    axis = axes[0] if axes else "axis 0"
    assert found.startswith(f"right at the {end} index of {axis} and wrong at all others (relative errors {errors}")
    assert placed(spoilt(1, lambda x: x**2 + 1), N, axes=axes).keys() == {"only there"}
    assert placed(analytic[:, 0], N[:, 0], axes=axes).keys() == {"only there"}  # of one axis anything is so
    two = (slice(0, 2), slice(None))
    found = placed(spoilt(0 if not axes else 1, lambda x: x**2 + 1)[two], N[two], axes=axes)
    assert "carried back" not in found  # and of two indices, unless T is said to be 2
    found = placed(spoilt(0 if not axes else 1, lambda x: x**2 + 1)[two], N[two], axes=axes, facts={"T": 2})
    assert "carried back" in found


def test_masks_of_entries_and_of_units():
    closed = np.array([True, False, True, False])
    rows = np.ones((5, 4), bool)
    rows[2, closed] = False
    text = dict(diagnosis.masked(seen(np.where(closed, N + 1, N), N, masks=(rows,))))["mask"]
    assert text == "right but for the 2 of 4 units whose ReLU is closed in some row: its mask is forgotten or another's"
    one = spoilt((0, [0, 2]), lambda x: x + 1)  # a wrong entry of each closed unit is enough
    assert "mask" in dict(diagnosis.masked(seen(one, N, masks=(rows,))))
    for masks in ((~rows,), (rows[:, :3],), (rows[0],), (np.ones((5, 4), bool),), ()):
        assert list(diagnosis.masked(seen(np.where(closed, N + 1, N), N, masks=masks))) == []
    entries = np.ones((3, 4), bool)
    entries[0, 1] = entries[2, 2] = False
    text = dict(diagnosis.masked(seen(np.where(entries, N, N + 1), N, masks=(entries,))))["mask"]
    assert text == "right but for the 2 of 12 entries whose ReLU is closed: its mask is forgotten or another's"
    assert list(diagnosis.masked(seen(N + 1, N, masks=(np.zeros((3, 4), bool),)))) == []  # with nothing right
    assert "mask" in dict(diagnosis.masked(seen(np.where(closed, N + 1, N)[0], N[0], masks=(rows,))))  # of a bias
    assert list(diagnosis.masked(seen(3.0, 2.0, masks=(rows, rows[0])))) == []  # one number alone


# ---- row by row ----


def rows_said(analytic, numeric, whole=None, **more):
    """What the gradients (rows of dy, …) show beside their sum, or that which was given for the whole of dy."""
    a, n = np.asarray(analytic, dtype=np.float64), np.asarray(numeric, dtype=np.float64)
    row = Row("W", a.shape[1:], seen=seen(a.sum(axis=0) if whole is None else whole, n.sum(axis=0), **more))
    return {f.name: f.text for f in _said(row, a, n, np.full(n.shape, NOISE))}


def test_rows_should_add_up_to_1e_9_of_the_largest_sum():
    rows = np.array([[1.0, -2.0, 0.5, 3.0], [2.0, 5.0, -1.0, 3.0]])  # the largest is 7, of |−2| and |5|
    for sign in (1, -1):
        for share, there in ((0.99, False), (1.01, True)):
            whole = rows.sum(axis=0) + np.array([0, 0, sign * share * 7e-9, 0])
            assert ("not linear" in rows_said(rows, rows, whole)) == there
    assert "not linear" not in rows_said([[1, 0], [0, 0]], [[1, 0], [0, 0]], [1, 1e-9])  # to the last bit


def test_rows_that_are_the_same_to_1e_12_ignore_dy():
    for share, there in ((0.99, True), (1.01, False)):
        rows = np.array([[3.0, -4.0], [3.0, -4.0 - share * 4e-12]])
        found = rows_said(rows, np.array([[1.0, 2.0], [5.0, 7.0]]))
        assert ("dy ignored" in found) == there
        assert not there or found == {"dy ignored": "the same gradient whatever dy is (2 tried)"}
    assert "dy ignored" not in rows_said(np.zeros((2, 2)), np.array([[1.0, 2.0], [5.0, 7.0]]))


def test_the_facts_at_hand_and_the_row_are_in_what_is_said_of_rows():
    rows = np.stack([N, 2 * N + 1, N**2, N - 5])
    wrong = rows.copy()
    wrong[2] *= 7.3
    (text,) = rows_said(wrong, rows, facts={"M": 7.3}).values()
    assert text.startswith("with one row of dy after the other: at row of dy: 2: factor 7.3 (12 of 12 entries); M: ")
    (text,) = rows_said(wrong, rows).values()
    assert "row of dy: 2: factor 7.3" in text and "M:" not in text


class Tried:
    """A pair that writes down each cotangent that it is asked with."""

    def __init__(self, shape):
        self.shape, self.cotangents = shape, []

    def f(self, v):
        self.cotangents.append(v)
        return lambda p: np.float64(p["x"].sum())

    def gradients(self, v):
        return {"x": np.ones(self.shape)}


ONES = {n: np.ones(n) for n in (1, 2, 3, 5)}


@pytest.mark.parametrize(
    "v, size, times",
    [
        ([ONES[2]], 3, 2),
        ([ONES[1]], 3, 0),  # of one row the whole is all there is
        ([ONES[2], None], 3, 2),
        ([ONES[2], np.ones((2, 4))], 3, 2),
        ([ONES[2], ONES[3]], 3, 0),  # which row belongs to which?
        ([ONES[2], np.array(1.0)], 3, 0),
        ([np.array(1.0)], 3, 0),
        ([ONES[5]], 1000, 5),  # four calls an entry and row: 20,000
        ([ONES[5]], 1001, 0),
    ],
)
def test_rows_are_tried_one_by_one_where_that_can_say_something_and_takes_20_000_calls_at_most(v, size, times):
    pair, unrelated = Tried(size), np.random.default_rng(0).standard_normal((2, size))
    report = Report((Row("x", (size,), verdict="wrong", seen=seen(*unrelated)),))
    probe(report, pair, {"x": np.ones(size)}, v)
    assert len(pair.cotangents) == times
    for i, alone in enumerate(pair.cotangents):
        for given, w in zip(alone, v):
            assert (given is None) if w is None else np.array_equal(given, np.where(np.arange(len(w)).reshape(
                -1, *[1] * (w.ndim - 1)) == i, w, 0))  # fmt: skip


def test_the_rows_have_the_noise_that_a_check_of_entries_allows():
    """Ten times σ/h, of a σ that is ε/2 of f = 2, and ten ε of the largest entry of the gradient."""
    pair = Tried((2,))
    pair.gradients = lambda v: {"x": np.array([3.0, -700.0])}
    found = _stacked(pair, {"x": np.ones(2)}, ["x"], [ONES[3]], 3)
    analytic, numeric, noise = found["x"]
    assert (analytic == [3.0, -700.0]).all() and np.allclose(numeric, 1, rtol=1e-9, atol=0) and noise.shape == (3, 2)
    np.testing.assert_allclose(noise, 10 * (EPS / STEP + EPS * 700), rtol=1e-3)


def test_rows_are_tried_only_for_what_has_no_name_yet():
    for numeric, times in ((N**3 + 1, 2), (-N, 0)):
        pair = Tried(N.shape)
        probe(Report((Row("x", N.shape, verdict="wrong", seen=seen(N, numeric)),)), pair, {"x": N}, [ONES[2]])
        assert len(pair.cotangents) == times
