"""A wrong gradient is called by its name, a right one and one of unrelated numbers draw none."""

import numpy as np
import pytest

import planted
import students
from minram.gradcheck import check_gradient, check_pair
from minram.gradcheck.diagnosis import explain
from minram.gradcheck.evidence import Seen
from minram.gradcheck.factors import readings
from planted import FAULTS, PACKAGE, names


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.mistake}: {fault.what}")
def test_a_planted_mistake_is_named(fault):
    report = fault.report()
    said = [f for row, found in zip(report.rows, report.diagnosis) for f in found if row.name == fault.row]
    assert any(f.name == fault.mistake and fault.text in f.text for f in said), report
    assert fault.mistake == "only one parameter" or "unknown" not in {f.name for f in said}
    assert all(any(f.name in line for line in str(report).splitlines()) for f in said)


def test_there_are_enough_of_both_kinds():
    assert len(PACKAGE) >= 30 and len(students.FAULTS) >= 40
    assert len({fault.mistake for fault in FAULTS}) >= 15


def test_right_gradients_draw_no_name():
    for report in planted.right():
        assert report.passed and not any(report.diagnosis), report
        assert len(str(report).splitlines()) == len(report.rows) + 2  # the table, and nothing under its rows


def test_unrelated_numbers_draw_no_name():
    """90 gradients of random numbers and more; by chance alone a factor would fit one in a million."""
    reports = students.unrelated()
    assert len(reports) > 90
    for report in reports:
        assert not report.passed
        for row in report.rows:
            assert names(report, row.name) == ["unknown"], report


def test_the_contributors_page_has_the_table_of_today():
    page = planted.PAGE.read_text(encoding="utf-8")
    assert planted.with_table(page) == page, "run: python tests/planted.py"


# ---- evidence, and rivals ----


def seen(analytic, numeric, **more):
    numeric = np.asarray(numeric, dtype=np.float64)
    return Seen(np.asarray(analytic, dtype=np.float64), numeric, np.full(numeric.shape, 1e-12), 1e-7, **more)


def said(analytic, numeric, **more):
    return {f.name: f.text for f in explain(seen(analytic, numeric, **more))}


NUMBERS = np.array([[1.3, -0.4, 2.2], [0.7, 3.1, -1.9]])


def test_the_evidence_counts_the_entries_that_were_compared():
    holes = NUMBERS.copy()
    holes[0, 1] = np.nan
    found = said(16 * NUMBERS, holes, facts={"M": 16})
    assert found["factor"] == "factor 16 (5 of 5 entries); M: a sum where the mean belongs"
    # an entry that was not compared is not explained either: it may be anything
    assert said(np.where(np.isnan(holes), 7.0, 16 * NUMBERS), holes)["factor"] == "factor 16 (5 of 5 entries)"


def test_one_entry_shows_no_factor_that_has_no_reading():
    assert set(said([2.6], [1.0])) == {"unknown"}
    assert set(said([2.6], [1.0], facts={"σ": 2.6})) == {"factor"}
    assert set(said([-1.0], [1.0])) == {"sign"}


def test_a_factor_is_told_apart_from_its_neighbour():
    """Readings are equal to 1e-6: 16.0001 is not 16, and one entry off by 1e-6 is no part of it."""
    assert "M:" not in said(16.0001 * NUMBERS, NUMBERS, facts={"M": 16})["factor"]
    spoilt = 16 * NUMBERS
    spoilt[1, 2] *= 1 + 1e-6
    assert "factor" not in said(spoilt, NUMBERS, facts={"M": 16})


def test_what_explains_as_well_is_said_too():
    both = said(4 * NUMBERS, NUMBERS, facts={"N": 4, "T": 4})["factor"]
    assert "N: a sum" in both and "T: a sum" in both
    assert {"shifted", "reversed"} <= set(
        said([5.0, 2.0, 0.5], [0.5, 2.0, 5.0]) | said([9.0, 1.0, 2.0], [1.0, 2.0, 4.0])
    )
    two = said([2.0, 1.0], [1.0, 2.0])
    assert {"reversed", "wrong axis"} & set(two) and len(two) >= 1
    squared = said(-2 * NUMBERS, 2 * NUMBERS, theta=NUMBERS)  # f = Σ x²: its gradient is as the parameter
    assert {"sign", "decay"} <= set(squared)


@pytest.mark.parametrize(
    "factor, facts, reading",
    [
        (16, {"M": 16}, "M: a sum where the mean belongs"),
        (1 / 6, {"T": 6}, "1/T: a mean where the sum belongs"),
        (1 - 1 / 8, {"N": 8}, "1 − 1/N: the mean includes the row itself"),
        (8 / 7, {"N": 8}, "N/(N − 1): the mean leaves the row itself out"),
        (1 / 0.15, {"σ": 0.15}, "1/σ: divided by σ once too often"),
        (1 / 0.15**2, {"σ": 0.15}, "1/σ²: divided by σ² once too often"),
        (0.15**2, {"σ": 0.15}, "σ²: a division by σ² is missing"),
        (48, {"N": 8, "T": 6}, "N·T: a sum over both"),
        (-16, {"M": 16}, "M: a sum where the mean belongs, and the sign is wrong"),
        (2, {}, "counted twice"),
        (np.array([0.1, 0.3]), {"σ": np.array([0.1, 0.3])}, "σ: a division by σ is missing"),
    ],
)
def test_factors_have_readings(factor, facts, reading):
    found = readings(factor, facts)
    assert any(text.startswith(reading) or text.endswith(reading) for text in found), found
    assert not readings(factor * 1.001, facts)


def test_masks_name_the_units():
    numeric = np.array([[1.0, 0.5, 2.0], [3.0, 1.5, 1.0]])
    analytic = numeric + np.array([[0, 0.3, 0], [0, -0.2, 0]])
    entries = np.array([[True, False, True], [True, False, True]])
    assert said(analytic, numeric, masks=(entries,))["mask"].startswith("right but for the 2 of 6 entries")
    assert "mask" not in said(analytic, numeric, masks=(~entries,))
    wide = np.ones((4, 3), bool)  # (rows, units): unit 1 is closed in one row
    wide[2, 1] = False
    assert said(analytic, numeric, masks=(wide,))["mask"].startswith("right but for the 1 of 3 units")
    wide[2, 0] = False  # another unit would have to be wrong too
    assert "mask" not in said(analytic, numeric, masks=(wide,))


def test_a_report_joined_of_several_does_not_speak_of_the_only_parameter():
    wrong = students.of_layer(lambda g, dz: {"W": -g["W"]})
    assert "only one parameter" in str(wrong)
    assert "only one parameter" not in str(wrong + students.of_layer(lambda g, dz: {}))


def test_what_was_not_compared_has_a_sentence_too():
    f, p, g, _ = students.layer()
    report = check_gradient(
        lambda q: f(q) + 0 * q["dead"].sum(), p | {"dead": np.ones(2)}, {"b": g["b"], "dead": np.zeros(2)}
    )
    table = str(report)
    assert "no gradient was returned under this name" in table and "does f use it?" in table


def test_of_sampled_entries_no_region_is_told():
    r = np.random.default_rng(0)
    p = {"W": r.standard_normal((60, 70))}
    right = 2 * p["W"]
    f = lambda q: np.sum(q["W"] ** 2)  # noqa: E731
    (found,) = check_gradient(f, p, {"W": -right}, entries=6).diagnosis
    assert ("sign", "the sign is wrong (7 of 7 entries)") in [tuple(finding) for finding in found]
    (found,) = check_gradient(f, p, {"W": right + (np.arange(60) % 2)[:, None] * p["W"] ** 3}, entries=6).diagnosis
    assert [finding.name for finding in found] == ["unknown"]


@pytest.mark.parametrize("scale", [1e-250, 1e-20, 1e20, 1e250])
def test_gradients_of_any_size_can_be_printed(scale):
    report = check_gradient(lambda q: scale * np.sum(np.sin(q["x"])), {"x": NUMBERS}, {"x": -scale * np.cos(NUMBERS)})
    assert not report.passed and "verdict" in str(report)


def test_a_backward_that_cannot_take_a_row_alone_has_its_report():
    def backward(dy, x):
        if not np.all(dy):
            raise IndexError("rows of zeros")
        return dy * np.exp(x) ** 2

    report = check_pair(lambda x: (np.sin(x), x), backward, {"x": NUMBERS}, rng=np.random.default_rng(0))
    assert names(report, "x") == ["unknown"]


def test_a_row_of_the_output_is_tried_only_where_it_is_cheap():
    """A pair too large to be tried row by row still has its report, which says that nothing is known."""
    r = np.random.default_rng(0)
    inputs = {"x": r.standard_normal((60, 10)), "W": r.standard_normal((10, 12))}
    report = check_pair(
        lambda x, W: (np.tanh(x @ W), (x, W)), lambda dy, c: (dy @ c[1].T, {"W": c[0].T @ dy}), inputs, rng=r
    )
    assert names(report, "W") == ["unknown"]
