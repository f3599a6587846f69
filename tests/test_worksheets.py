"""The worksheets: answers are the package's, numbers are short for every seed, and each slip is named."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from minram.core import CoreCache, core_backward
from minram.ops import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
)
from minram.policy import log_prob_backward, log_prob_forward
from minram.reinforce import rollouts_baseline
from minram.sensor import sensor_forward, summed_area

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import build  # noqa: E402
from building import worksheet  # noqa: E402
from building.worksheets import marking, typeset  # noqa: E402
from building.worksheets.short import draw  # noqa: E402

SEEDS = (0, 17, 18, 19, 2**31 - 1)
each_seed = pytest.mark.parametrize("seed", SEEDS)


def parts(seed, number):
    sheet = worksheet.sheets(seed)[number - 1]
    given = {g.name: np.asarray(g.value, float) for g in sheet.given}
    return given, {q.key[1:]: q.value for q in sheet.questions}, sheet


def same(found, answer):
    assert np.array_equal(np.asarray(found).ravel(), answer.ravel())


@each_seed
def test_the_sensor_s_answers(seed):
    given, answer, _ = parts(seed, 1)
    area = summed_area(given["x"][None])
    same(area.table[0, 0, 1:, 1:], answer["a"])
    for letter, s in (("c", 1), ("d", 2)):
        phi, cache = sensor_forward(area, given["l"], (s,), 2)
        same(phi, answer[letter])
        if s == 1:
            same([cache.edges[1][0, 0, 0], cache.edges[0][0, 0, 0]], answer["b"])


@each_seed
def test_the_answers_of_two_layers(seed):
    given, answer, sheet = parts(seed, 2)
    z, first = linear_forward(given["x"], given["W"], given["b"][0])
    h, bend = relu_forward(z)
    y, second = linear_forward(h, given["V"], given["c"][0])
    right = ("first", "second").index(re.search(r"right label is the (\w+)\.", sheet.questions[4].text)[1])
    _, cache = cross_entropy_forward(y, np.array([right]))
    assert np.allclose(cache.p, answer["d"], rtol=0, atol=1e-12)
    dy = cross_entropy_backward(np.ones(1), cache)
    q = cache.p[0, 1 - right]
    dh, grads = linear_backward(dy, second)
    dz = relu_backward(dh, bend)
    dx, grads1 = linear_backward(dz, first)
    same(z, answer["a"])
    same(h, answer["b"])
    same(y, answer["c"])
    found = {"e": dy, "f": grads["W"], "g": dh, "h": dz, "i": grads1["W"], "j": dx}
    for letter, value in found.items():
        assert np.allclose(value / q, answer[letter], rtol=0, atol=1e-12)  # sums of a few numbers below 6


@each_seed
def test_the_core_s_answers(seed):
    given, answer, _ = parts(seed, 3)
    W, b = np.vstack([given["W_h"], given["W_g"]]), given["b"][0]
    h, hg = np.zeros((3, 1, 2)), np.zeros((2, 1, 4))
    for t in range(2):
        hg[t] = np.hstack([h[t], given["g"][t : t + 1]])
        h[t + 1] = np.maximum(hg[t] @ W + b, 0)
    dg, grads = core_backward({"core.W": W, "core.b": b}, given["delta"][:, None], CoreCache(hg, h[1:]))
    for found, letter in ((h[1], "a"), (h[2], "b"), (dg, "i"), (grads["core.b"], "h")):
        same(found, answer[letter])
    same(grads["core.W"][:2], answer["f"])
    same(grads["core.W"][2:], answer["g"])
    same(answer["c"] @ given["W_h"].T, answer["d"])
    same((given["delta"][:1] + answer["d"]) * (h[1] > 0), answer["e"])


@each_seed
def test_the_policy_s_answers(seed):
    given, answer, _ = parts(seed, 4)
    mu, cache = linear_forward(given["h"], given["W"], given["c"][0])
    a = mu + given["epsilon"] / 2
    before, score = log_prob_forward(a, mu, np.log([0.5, 0.5]))
    advantage = answer["e"][0, 0]
    dmu, _ = log_prob_backward(np.array([-advantage]), score)
    _, grads = linear_backward(dmu, cache)
    W, c = given["W"] - grads["W"] / 4, given["c"][0] - grads["b"] / 4
    after, _ = log_prob_forward(a, given["h"] @ W + c, np.log([0.5, 0.5]))
    found = {"a": mu, "b": a, "c": np.clip(a, -1, 1), "d": 4 * (a - mu), "f": dmu, "g": grads["W"], "h": W, "i": c}
    for letter, value in (found | {"j": given["h"] @ W + c, "k": after - before}).items():
        assert np.allclose(value, answer[letter], rtol=0, atol=1e-12)  # exp(log ½) may be off by a rounding
    assert (after - before)[0] * advantage > 0  # what was better than expected becomes more probable


@each_seed
def test_the_baseline_s_answers(seed):
    given, answer, sheet = parts(seed, 5)
    r, score = given["r"][0], given["epsilon"][0] / 0.5
    constant = float(re.search(r"baseline \$b = ([\d.]+)\$", sheet.questions[3].text)[1])
    for letters, b in (("bc", 0), ("de", constant), ("gh", rollouts_baseline(r, 3))):
        same((r - b) * score, answer[letters[0]])
        estimates = (r - b) * score
        assert np.allclose([estimates.mean(), estimates.var(ddof=1)], answer[letters[1]][0], rtol=0, atol=1e-12)
    same(rollouts_baseline(r, 3), answer["f"])
    assert np.allclose((r - r.mean()) * score, answer["i"] * answer["g"], rtol=0, atol=1e-12)
    assert answer["h"][0, 1] < answer["c"][0, 1]  # the baseline helps


def test_numbers_are_as_short_for_other_seeds():
    longest = {}
    for seed in (*SEEDS, *range(20, 30)):
        for sheet in worksheet.sheets(seed):
            for q in sheet.questions:
                texts = [typeset.number(x, q.round_to) for x in q.value.ravel()]
                longest[q.key] = max(longest.get(q.key, 0), *(len(text.lstrip("−")) for text in texts))
    assert set(longest) >= {"1a", "2j", "3i", "4k", "5i"}
    assert max(longest.values()) <= 8 and sum(n <= 6 for n in longest.values()) > 0.85 * len(longest), longest


def test_a_class_has_different_numbers():
    """Sheet 5 has 1,320 sets, of which two of 30 may be the same."""
    sheets = [worksheet.sheets(seed) for seed in range(17, 47)]
    for i, least in enumerate((30, 30, 30, 30, 28)):
        assert len({b"".join(g.value.tobytes() for g in each[i].given) for each in sheets}) >= least


def test_a_seed_always_gives_the_same_and_another_seed_another():
    first, again, other = (worksheet.sheets(seed) for seed in (17, 17, 18))
    for a, b, c in zip(first, again, other):
        assert all(np.array_equal(x.value, y.value) for x, y in zip(a.questions, b.questions))
        assert any(not np.array_equal(x.value, y.value) for x, y in zip(a.given, c.given))


# Marking


def answers(seed, changes=()):
    """The text of answers.txt: all right but for {key: numbers}."""
    changes = dict(changes)
    lines = []
    for sheet in worksheet.sheets(seed):
        for q in sheet.questions:
            lines.append(f"{q.key} = " + " ".join(map(str, np.ravel(changes.get(q.key, q.value)))))
    return "\n".join(lines)


@each_seed
def test_right_answers_are_right(seed):
    sheets = worksheet.sheets(seed)
    lines, right, total = marking.marked(sheets, marking.read(answers(seed)))
    assert right == total > 100 and all(line.endswith("  right") for line in lines)


@each_seed
def test_each_slip_is_named(seed):
    """All of a question's numbers with one slip: unless two slips come to the same numbers, it is named."""
    sheets = worksheet.sheets(seed)
    named = 0
    for q in (q for sheet in sheets for q in sheet.questions):
        for slip in q.slips:
            lines, right, _ = marking.marked(sheets, {q.key: slip.value.ravel()})
            twins = {other.sentence for other in q.slips if np.allclose(other.value, slip.value, atol=5e-4)}
            wrong = np.abs(slip.value - q.value).ravel() > 5e-4
            assert right == q.value.size - wrong.sum() < q.value.size
            assert len(lines) == 1 and any(sentence in lines[0] for sentence in twins), (q.key, slip.sentence, lines)
            named += slip.sentence in lines[0]
    assert named > 70


@each_seed
def test_what_follows_from_right_answers_is_right(seed):
    linked = 0
    for sheet in worksheet.sheets(seed):
        right = {q.key[1:]: q.value for q in sheet.questions}
        for q in sheet.questions:
            if q.after is not None:
                linked += 1
                assert np.allclose(q.after(right), q.value, rtol=0, atol=1e-12)
    assert linked > 30


@each_seed
def test_one_slip_is_told_once(seed):
    """Who goes on from a wrong answer without another mistake is told so, at every answer that follows from it."""
    followed = 0
    for sheet in worksheet.sheets(seed):
        for q in sheet.questions:
            for slip in q.slips:
                own, given = {}, {}
                for each in sheet.questions:
                    before = each.value if each.after is None else each.after(own)
                    own[each.key[1:]] = slip.value if each is q else before
                    given[each.key] = own[each.key[1:]].ravel()
                lines, _, _ = marking.marked([sheet], given)
                told = dict(line.split("  ", 1) for line in lines)
                assert len(lines) == len(told) and told.pop(q.key) != "right"
                assert all(text == "right" or text.endswith(marking.FOLLOWS) for text in told.values()), (slip, told)
                followed += sum(text != "right" for text in told.values())
    assert followed > 100


def test_after_a_wrong_answer_another_slip_is_not_guessed_at():
    """The sign in 2e, and then the mask forgotten in 2h: the first is named, and that it comes first."""
    sheet = worksheet.sheets(17)[1]
    q = {q.key: q for q in sheet.questions}
    wrong = {"2e": -q["2e"].value.ravel(), "2g": -q["2g"].value.ravel(), "2h": -q["2g"].value.ravel()}
    lines, _, _ = marking.marked([sheet], wrong)
    assert lines[:2] == ["2e  all: the sign: what was said minus what is right", f"2g  all: {marking.FOLLOWS}"]
    assert any("mend that one first" in line for line in lines[2:])


def test_anything_may_be_answered():
    """Numbers of any size, and empty blanks, in every place at once: a line for each, and no warning."""
    sheets = worksheet.sheets(17)
    for x in (np.nan, 1e300, -1e300, 0.0):
        lines, right, _ = marking.marked(sheets, {q.key: np.full(q.value.size, x) for s in sheets for q in s.questions})
        assert len(lines) >= sum(len(s.questions) for s in sheets) and right < 40


def test_what_is_rounded_may_be_off_by_one_in_the_last_place():
    """As with the table of exponentials: 1.649 / 2.649 is 0.62250, but the probability is 0.62246."""
    sheets = worksheet.sheets(17)
    (q,) = [q for q in sheets[1].questions if q.key == "2d"]
    for off, right in ((0.0009, 2), (0.0012, 0)):
        assert marking.marked(sheets, {"2d": q.value.ravel() + off})[1] == right


def test_marking_says_where_and_what():
    sheets = worksheet.sheets(17)
    q = {q.key: q for sheet in sheets for q in sheet.questions}
    wrong = q["3g"].value.copy()
    wrong[1, 0] *= -1
    lines, _, _ = marking.marked(sheets, {"3g": wrong.ravel()})
    assert lines == ["3g  row, column 2, 1: the sign"]
    empty = q["2a"].value.copy()
    empty[0, 1] = np.nan
    assert marking.marked(sheets, {"2a": empty.ravel()})[0] == ["2a  number 2: empty"]
    assert marking.marked(sheets, {"2a": q["2a"].value.ravel() + 0.37})[0] == [
        "2a  all: wrong, and by none of the usual slips"
    ]
    assert marking.marked(sheets, {"2a": np.zeros(3)})[0] == [
        "2a  2 numbers are asked for, row by row, but there are 3"
    ]
    with pytest.raises(ValueError, match="there is no question 9z"):
        marking.marked(sheets, {"9z": np.zeros(1)})


def test_answers_are_read_as_people_write_them():
    read = marking.read("1a = 0.5, −1 1/4\n\n# a remark\n2e: -q +q  # in units of q\n5i = 2/3\n3h = x 1")
    assert read["1a"].tolist() == [0.5, -1, 0.25] and read["2e"].tolist() == [-1, 1]
    assert abs(read["5i"][0] - 0.667) < marking.EXACT and np.isnan(read["3h"][0])
    read = marking.read("2D = [½, -¼; – 1]\n2e = q/2 -3q/4 3/4q 2q".replace("– 1", "–1"))
    assert read["2d"].tolist() == [0.5, -0.25, -1] and read["2e"].tolist() == [0.5, -0.75, 0.75, 2]
    for line in ("0.5 0.25", "1a = half", "1a = 1/0", "1a = q q q/q", "1a = - 1", "1a = 1 /2"):
        with pytest.raises(ValueError, match="line 1 should read like"):
            marking.read(line)
    for text, says in (
        ("4e = -0,5", "line 1 has a number with ',' in it, '4e = -0,5'; write a point, or a space after it"),
        ("4k = 7½", "line 1 has a number with '½' in it, '4k = 7½'; write a fraction, such as 15/2"),
        ("1a = 1\n1A = 2", "line 2 answers 1a once more"),
    ):
        with pytest.raises(ValueError, match=re.escape(says)):
            marking.read(text)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_may_come_from_any_editor(tmp_path, capsys, coding):
    path = tmp_path / "answers.txt"
    path.write_bytes("4e = 1/2\n".encode(coding))
    assert build.main(["check-worksheet", str(path)]) == 0
    assert "numbers are right" in capsys.readouterr().out
    path.write_bytes("4e = – ½\n".encode(coding))
    assert build.main(["check-worksheet", str(path)]) == 2
    assert "line 1 should read like" in capsys.readouterr().err
    assert build.main(["check-worksheet", str(path), "--seed", "-1"]) == 2
    assert "--seed should be from 0" in capsys.readouterr().err


def test_the_usual_slip_is_wrong_for_every_seed():
    """Rounded down, transposed, and the mean square for the variance: none comes to the right numbers."""
    for seed in range(60):
        _, sensor, _ = parts(seed, 1)
        given, _, _ = parts(seed, 1)
        down = np.floor((given["l"] + 1) * 2 - 1)
        assert not np.array_equal(sensor["b"], down)
        for number, letters in ((3, "fg"), (4, "g")):
            _, answer, _ = parts(seed, number)
            assert all(answer[letter][0, 1] != answer[letter][1, 0] for letter in letters)
        _, answer, _ = parts(seed, 5)
        assert all(answer[letter][0, 0] for letter in "ceh")


def test_the_command_marks_a_file(tmp_path, capsys):
    path = tmp_path / "answers.txt"
    (q,) = [q for q in worksheet.sheets(17)[3].questions if q.key == "4f"]
    path.write_text(answers(17, {"4f": -q.value}), encoding="utf-8")
    assert build.main(["check-worksheet", str(path), "--seed", "17"]) == 0
    printed = capsys.readouterr().out
    assert "4f  all: the sign: training goes down on −J\n" in printed
    assert re.search(r"^(\d+) of (\d+) numbers are right\.$", printed, re.M)
    assert build.main(["check-worksheet", str(tmp_path / "none.txt")]) == 2


# Typesetting


@pytest.mark.parametrize("paper", typeset.PAPERS)
@pytest.mark.parametrize("style", typeset.STYLES)
def test_the_pdfs_of_the_standard_numbers_are_those_of_today(style, paper):
    path = worksheet.STANDARD / f"{style}-{paper}.pdf"
    _, digest = typeset.document({0: worksheet.sheets(0)}, style, paper)
    content = path.read_bytes()
    assert digest.encode() in content, "run: python tutorials/build.py worksheet"
    assert len(content) < 120_000


def test_solutions_follow_the_sheets_but_not_for_a_class():
    sets = {17: worksheet.sheets(17)}
    blank, _ = typeset.document(sets, "blank", "a4")
    assert blank.count("#pagebreak()") == 9 and blank.count("· solution]") == 5
    handout, _ = typeset.document(sets, "hints", "letter", solutions=False)
    assert handout.count("#pagebreak()") == 4 and "solution" not in handout and 'paper: "us-letter"' in handout
    for sheet in sets[17]:
        for q in sheet.questions:
            for x in q.value.ravel():
                assert f"[{typeset.number(x, q.round_to)}]" in blank


@pytest.mark.parametrize("paper", typeset.PAPERS)
def test_each_sheet_is_one_page(paper):
    typst = pytest.importorskip("typst")
    for seed in (0, 17):
        text, _ = typeset.document({seed: worksheet.sheets(seed)}, "hints", paper)
        assert len(typst.compile(text.encode(), format="png", ppi=20, ignore_system_fonts=True)) == 10


def test_a_class_has_a_set_each(tmp_path, capsys):
    pytest.importorskip("typst")
    assert build.main(["worksheet", "--seed", "17", "--class", "2", "--out", str(tmp_path)]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(f"{s}-17-to-18-{p}.pdf" for s in typeset.STYLES for p in typeset.PAPERS)
    assert build.main(["worksheet", "--seed", "-1"]) == 2
    assert "--seed should be from 0" in capsys.readouterr().err


def test_numbers_that_cannot_be_found_end_in_a_sentence(monkeypatch):
    monkeypatch.setattr("building.worksheets.short.TRIES", 3)
    with pytest.raises(ValueError, match="take another seed"):
        draw(lambda rng: None, np.random.default_rng(0))
