"""The teacher's kit: paper is that of today, derivations name their rules, code is in the package, times add up."""

import re
import shlex
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import build  # noqa: E402
from building import teaching  # noqa: E402
from building.lessons import lessons  # noqa: E402
from minram.errors import InputError  # noqa: E402
from teaching import pictures, values  # noqa: E402

PDF = teaching.KIT / "pdf"
each_document = pytest.mark.parametrize("name", teaching.DOCUMENTS)
each_sheet = pytest.mark.parametrize("name", teaching.SHEETS)


def typst_of(name):
    return (teaching.SOURCES / f"{name}.typ").read_text(encoding="utf-8")


def pages(path):
    """The number of pages of a PDF, whose list of objects may be compressed."""
    content = path.read_bytes()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.S):
        try:
            content += zlib.decompress(stream)
        except zlib.error:
            continue
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", content))


# Paper


@each_document
def test_a_pdf_is_that_of_today(name):
    _, data = teaching.source(name)
    assert data["digest"].encode() in (PDF / f"{name}.pdf").read_bytes(), "run: python tutorials/build.py teaching"


def test_there_is_no_other_pdf():
    assert {path.stem for path in PDF.iterdir()} == set(teaching.DOCUMENTS)
    assert sum(path.stat().st_size for path in PDF.iterdir()) < 3_000_000


@each_sheet
def test_a_proof_sheet_has_two_pages(name):
    assert pages(PDF / f"{name}.pdf") == pages(PDF / f"{name}-blank.pdf") == 2


def test_the_digest_sees_a_change(monkeypatch):
    _, before = teaching.source("score")
    monkeypatch.setattr(values, "computed", lambda: before["numbers"] | {"score.logp": "−1.07"})
    assert teaching.source("score")[1]["digest"] != before["digest"]


def test_a_small_document_is_set_the_same_twice(tmp_path):
    pytest.importorskip("typst")
    text = '#import "common.typ": *\n#show: sheet.with(9, "A test", "lesson 0", [nothing])\n$ x &= y #by[why] $\n'
    text += '#code("core.py", "dg = rows @ W[n_core:].T")'
    data = teaching.read_by(text)
    first, second = (teaching.typeset(text, data, tmp_path, "pdf") for _ in range(2))
    assert first == second and data["digest"].encode() in first
    blank = teaching.read_by(text, blank=True)
    assert blank["digest"] != data["digest"] and teaching.typeset(text, blank, tmp_path, "pdf") != first
    assert all(b"FontFile" in part for part in re.findall(rb"/Type /FontDescriptor.*?endobj", first, re.S))


def test_an_exam_is_written(tmp_path, capsys):
    pytest.importorskip("typst")
    assert build.main(["exam", "--seed", "5", "--out", str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["exam-5-solution.pdf", "exam-5.pdf"]
    assert "exam-5.pdf: " in capsys.readouterr().out and pages(tmp_path / "new" / "exam-5.pdf") == 4
    assert build.main(["exam", "--seed", "5", "--versions", "2", "--out", str(tmp_path / "two")]) == 0
    names = [f"exam-5{end}.pdf" for end in ("A-solution", "A", "B-solution", "B")]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == names


@pytest.mark.parametrize(
    "words, said",
    [
        (["teaching", "poster"], "there is no document poster; take some of score, "),
        (["exam", "--seed", "-1"], "--seed should be from 0 to 2³¹ − 1, but is -1; choose another."),
        (["exam", "--seed", "1", "--versions", "9"], "--versions should be from 1 to 4, but is 9; choose another."),
        (["exam"], "the following arguments are required: --seed"),
    ],
)
def test_wrong_input_is_one_sentence(words, said, capsys):
    try:
        code = build.main(words)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


def test_without_typst_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[paper\]"'):
        teaching.typst_of_today()


# Proof sheets


@each_sheet
def test_each_step_has_its_rule(name):
    """In a derivation, displayed and aligned, every line ends in what makes it true."""
    steps = 0
    for formula in re.findall(r"^\$ (.*?) \$$", typst_of(name), re.S | re.M):
        if "&=" not in formula:
            continue
        for line in re.split(r"\\\n", formula):
            assert "#by[" in line, line
            steps += 1
    assert steps >= 8


@each_sheet
def test_code_of_a_sheet_is_in_the_package(name):
    text = typst_of(name)
    found = teaching.quoted(text)  # raises where it is not in exactly one line
    assert len(found) >= (1 if name == "reinforce" else 3)
    for key, line in found.items():
        file, part = key.split("|")
        source = (TUTORIALS.parent / "minram" / file).read_text(encoding="utf-8")
        assert part in line["text"] and f"def {line['function']}(" in source


@pytest.mark.parametrize(
    "code, said",
    [
        ('#code("core.py", "no such line")', "but is in 0"),
        ('#code("ops.py", "return")', "should be in one line of minram/ops.py"),
    ],
)
def test_code_that_is_not_there_is_not_quoted(code, said):
    with pytest.raises(InputError, match=re.escape(said)):
        teaching.quoted(code)


@each_sheet
def test_a_sheet_has_what_a_board_needs(name):
    text = typst_of(name)
    mistakes = "[Mistakes that everyone makes]" if name == "baselines" else "#mistakes("
    for part in ("[With a pencil]", mistakes, "#class["):
        assert part in text, part
    assert set(re.findall(r'#n\("([^"]+)"\)', text)) <= set(values.computed())


def printed(number):
    """All that the notebook of a lesson prints, as one text."""
    import json

    (path,) = lessons([number])
    nb = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in nb["cells"] for output in cell.get("outputs", ())]
    return "".join("".join(output.get("text", "")) for output in outputs)


def test_numbers_are_those_that_the_lessons_print():
    n = {name: text.replace("−", "-") for name, text in values.computed().items()}
    said = {number: printed(number) for number in ("05", "06", "07")}
    for number, pattern, text in [
        ("05", r"the false score has the mean (-[\d.]+)", n["score.clipped"]),
        ("07", r"none +b = 0\.000: variance of one sample +([\d.]+)", n["step.var0"]),
        ("07", r"mean reward +b = [\d.]+: variance of one sample +([\d.]+)", n["step.varmean"]),
        ("07", r"optimal +b = [\d.]+: variance of one sample +([\d.]+)", n["step.varbest"]),
        ("07", r"mean and divided +[\d.]+ times as long, ([\d.]+) degrees", n["norm.degrees"]),
        ("07", r"E log π = ([\d.]+)", n["push"]),
    ]:
        digits = len(text.partition(".")[2])
        assert f"{float(re.search(pattern, said[number])[1]):.{digits}f}" == text, pattern
    assert f"rollouts: {n['rollouts.truth']}\n" in said["06"]
    assert "a sample says 6.0 or -1.0; their mean is 0.75" in said["06"] and n["two.mean"] == "¾"
    assert "b = 5: mean 0.7500, variance 0.7500" in said["07"] and n["two.var5"] == "¾" and n["two.var"] == "9.19"
    sure = re.search(r"b = 0: variance (\S+), b = 0.9: variance (\S+), b = 0.1: variance -?0\.0000\n", said["07"])
    assert float(sure[2]) / float(sure[1]) == pytest.approx(float(n["sure"]), rel=1e-6) and n["sure"] == "64"
    assert "b = 7: mean 0.7500, variance 0.0000" in said["07"] and n["two.var7"] == "0" and n["two.best"] == "7"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_in_one_cell_of_its_lesson(name):
    assert "plt" in pictures.cell_of(name)
    texts = [typst_of(document) for document in (*teaching.SHEETS, "slides")]
    assert any(name in teaching.pictures_of(text) for text in texts)


# Slides

SLIDE = re.compile(r'^#(slide|build|ask|answer)\("([^"]+)", minutes: (\d+)(.*?)$', re.M)


def slides():
    """(kind, title, first minute, minutes, the rest of its first line) of each."""
    found, clock = [], 0
    for kind, title, minutes, rest in SLIDE.findall(typst_of("slides")):
        found.append((kind, title, clock, int(minutes), rest))
        clock += int(minutes)
    return found


def test_the_lecture_is_90_minutes():
    text, found = typst_of("slides"), slides()
    assert len(found) == len(re.findall(r"^#(?:slide|build|ask|answer)\(", text, re.M)) > 40
    assert sum(minutes for _, _, _, minutes, _ in found) == 90 and max(minutes for _, _, _, minutes, _ in found) <= 5
    assert all("note: [" in rest for *_, rest in found)


def test_a_question_comes_every_ten_minutes_and_its_answer_next():
    found = slides()
    since = 0
    for (kind, title, clock, minutes, _), after in zip(found, [*found[1:], (None,) * 5]):
        if kind == "ask":
            assert clock - since <= 10, title
            assert after[0] == "answer" and after[1].startswith(title.replace("Question", "Answer"))
        if kind == "answer":
            since = clock + minutes
    assert sum(kind == "ask" for kind, *_ in found) >= 8 and 90 - since <= 10


def test_pages_to_touch_are_there():
    touched = [rest.partition('touch: "')[2].partition('"')[0] for *_, rest in slides() if "touch:" in rest]
    assert len(touched) >= 4 and all((TUTORIALS / "pages" / name).exists() for name in touched)


def test_slides_quote_the_package():
    assert len(teaching.quoted(typst_of("slides"))) == 3
    assert set(re.findall(r'#n\("([^"]+)"\)', typst_of("slides"))) <= set(values.computed())


# The page for teachers


def test_the_teacher_s_page_is_true():
    text = (teaching.KIT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (teaching.KIT / link).resolve().exists(), link
    for name in teaching.SHEETS:
        assert f"pdf/{name}.pdf" in text
    for name, row in (("slides", "Slides"), ("notes", "Notes for the speaker"), ("questions", "Question bank")):
        said = re.search(rf"\[{row}\]\(pdf/{name}\.pdf\)[^|]*\| (\d+) \|", text)[1]
        assert int(said) == pages(PDF / f"{name}.pdf"), name
    said = re.search(r"\[its solution\]\(pdf/exam-0-solution\.pdf\) \| (\d+), (\d+) \|", text)
    assert [int(said[1]), int(said[2])] == [pages(PDF / "exam-0.pdf"), pages(PDF / "exam-0-solution.pdf")]
    plan = re.findall(r"^\| (\d+)–(\d+) \| (\d+)–(\d+) \|", text, re.M)
    starts = [clock for _, _, clock, _, _ in slides()] + [90]
    for begin, end, first, last in (map(int, row) for row in plan):
        assert (starts[first - 1], starts[last]) == (begin, end)
    assert plan[0][0] == "0" and plan[-1][1] == "90"


def test_the_commands_of_the_teacher_s_page_are_commands():
    text = (teaching.KIT / "README.md").read_text(encoding="utf-8")
    for words in re.findall(r"python tutorials/build\.py ([^`\n]+)", text):
        assert build.parse(shlex.split(words)).run, words


def test_numbers_do_not_need_typst():
    """What CI has is enough for the digests: the kit is imported without Typst."""
    code = "import sys; sys.modules['typst'] = None; from building import teaching; teaching.source('slides')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TUTORIALS)
