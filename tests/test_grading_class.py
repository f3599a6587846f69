"""A class is graded whole: files of every kind, a table and pages that nothing of a submission can abuse, archives."""

import csv
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from graders import key, marked, sheets, solutions
from teaching.grading import classes, reports
from teaching.grading.marks import Mark
from teaching.grading.results import faults, results_of
from teaching.grading.sandbox import Sandbox

import build  # isort: skip
from building import assignment  # isort: skip

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are limited by POSIX means")
KEY = {"tasks": list(key().values()), "given": sheets.given()}
LESSON4 = [name for name in key() if name.startswith("task4")]


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def points(files, names=LESSON4):
    """{task: points} of a submission, for the tasks named."""
    some = {"tasks": [key()[name] for name in names], "given": KEY["given"]}
    with Sandbox() as sandbox:
        (result,) = classes.grade([classes.Student("one", files)], some, sandbox)
    return {mark.task: (mark.points, mark.reasons) for mark in result.marks}


def test_retyped_lost_and_broken_cells_do_no_harm():
    """No imports, no helpers, no checks, another order and spelling, a cell that is no Python, one that never ends."""
    own = solutions()
    slow = own["task4_5"].replace("task4_5", "Task_4_5").replace("np.zeros_like", "zeros")
    cells = [
        "%matplotlib inline\n!pip install numpy\ndef helper(:",
        "while True:\n    pass",
        slow,
        "%%bash\nrm -rf /",
        "zeros = np.zeros_like  # after the function that needs it",
        own["task4_4"].replace("\n", "\r\n"),
        [line + "\n" for line in own["task4_3"].split("\n")],
        own["task4_2"].replace("task4_2", "mine") + "\ntask4_2 = mine",
        "def task4_1(T, w):\n    raise NotImplementedError",
        "1 / 0",
    ]
    got = points({"own.ipynb": notebook(*cells)})
    most = {name: sum(part["points"] for part in key()[name]["parts"]) for name in LESSON4}
    assert {name: got[name][0] for name in LESSON4} == most | {"task4_1": 0}
    assert got["task4_1"][1] == ("still to be written",)
    assert got["task4_5"][1] == ("taken from the function Task_4_5",)


def test_helpers_of_the_sheet_are_there_though_their_cell_is_not():
    source = "def task6_2(p, r, j):\n    s = slopes(lambda y: np.log(softmax(y)), np.log(p))\n    return s\n"
    assert "slopes" in KEY["given"]["6"] and "NameError" not in str(points({"own.py": source}, ["task6_2"]))
    assert "NameError" in str(points({"own.py": source.replace("slopes", "gradients")}, ["task6_2"]))


def test_one_broken_function_of_a_script_costs_itself_alone():
    text = "\n\n".join(["import numpy as np", *(solutions()[name] for name in LESSON4)])
    got = points({"own.py": text.replace("def task4_3(x, dz):", "def task4_3(x, dz:")})
    line = text[: text.index("def task4_3")].count("\n") + 2
    assert got["task4_3"] == (0, (f"SyntaxError in line {line} of own.py: '(' was never closed",))
    assert all(reasons == () for name, (_, reasons) in got.items() if name != "task4_3")


@pytest.mark.parametrize(
    "text", ["", "not json", "{}", '{"cells": 3}', '{"cells": [3]}', "[" * 10**5, '{"cells": [{"cell_type": "code"}]}']
)
def test_what_is_no_notebook_is_said(text):
    got = points({"own.ipynb": text}, ["task4_3"])
    assert got == {"task4_3": (0, ("there is no function task4_3; own.ipynb is not a notebook",))}


@pytest.mark.parametrize("text", ["(" * 10**5, "-" * 10**5 + "1", "x = " + "[" * 10**4, "\0\0", "a\n" * 10**4])
def test_a_script_that_no_parser_likes_is_one_student_s_affair(text):
    got = points({"own.py": f"{solutions()['task4_3']}\n\n{text}"}, ["task4_3"])
    assert got["task4_3"][0] in (0, 4) and len(got) == 1


def test_the_last_function_that_was_written_counts():
    stub = "def task4_3(x, dz):\n    '''As handed out.'''\n    raise NotImplementedError\n"
    files = {"a.py": solutions()["task4_3"], "b.py": stub}
    assert points(files, ["task4_3"])["task4_3"] == (4, ())
    assert marked("task4_3", f"{stub}\n{solutions()['task4_3']}").points == 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A class: a script with a formula for a name, a folder with a notebook, one with everything that is no file."""
    folder = tmp_path_factory.mktemp("class") / "submissions"
    folder.mkdir()
    text = "import numpy as np\n\n" + "\n\n".join(solutions().values())
    (folder / "=1+1;<b>.py").write_text(text, encoding="utf-8")
    (folder / "=1+1;b.py").write_text("", encoding="utf-8")
    (folder / "anna" / "week 1").mkdir(parents=True)
    (folder / "anna" / "week 1" / "own.ipynb").write_text(notebook(text), encoding="utf-8")
    (folder / "anna" / ".ipynb_checkpoints").mkdir()
    (folder / "anna" / ".ipynb_checkpoints" / "own.ipynb").write_text(notebook("def task4_3(): 1 / 0"))
    (folder / "anna" / "exercise.py").write_text("def task4_3(): 1 / 0")
    odd = folder / "bert"
    odd.mkdir()
    (odd / "link.py").symlink_to(folder / "=1+1;<b>.py")
    os.mkfifo(odd / "pipe.py")
    (odd / "large.py").write_bytes(b"#" * (classes.LARGEST + 1))
    (odd / "bytes.py").write_bytes(
        b"\xff\xfe\x00def task4_3(x, dz):\n    raise ValueError('=HYPERLINK(\"x\")<img src=x>')\n"
    )
    (folder / "notes.txt").write_text("no submission")
    return folder


def test_a_class_gets_a_table_and_pages(folder, tmp_path, capsys):
    target = tmp_path / "marks"
    assert build.main(["grade", str(folder), "--seed", "s", "--to", str(target), "--processes", "2"]) == 0
    assert "4 students in " in capsys.readouterr().out
    with open(target / "marks.csv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    table = {row[0]: dict(zip(head, row)) for row in rows}
    assert {name: row["points"] for name, row in table.items()} == {
        "'=1+1;<b>": "100",
        "'=1+1;b": "0",
        "anna": "100",
        "bert": "0",
    }
    assert table["anna"]["task4_4"] == "6" and table["anna"]["remarks"] == ""
    assert "no task was found" in table["'=1+1;b"]["remarks"]
    assert "link.py was not read" in table["bert"]["remarks"] and "pipe.py was not read" in table["bert"]["remarks"]
    assert "large.py was not read" in table["bert"]["remarks"]
    assert not [value for row in rows for value in row if value[:1] in tuple("=+-@\t\r")]
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (target / "pages").iterdir()}
    assert sorted(pages) == ["1-1-b", "1-1-b-2", "anna", "bert"]
    for text in pages.values():
        assert "default-src 'none'" in text and "<img" not in text and "<b>" not in text
        assert set(re.findall(r"<(\w+)", text)) <= set("html meta title style h1 p strong table tr th td ul li".split())


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "\n-1", "%x", "|x"])
def test_no_cell_begins_as_a_formula_does(text):
    assert reports.cell(text) == f"'{text}" and reports.cell("1 = 1") == "1 = 1"


@pytest.mark.parametrize(
    "words, said",
    [
        (["FOLDER/none", "--seed", "s"], "should be a folder of submissions, and is none"),
        (["EMPTY", "--seed", "s"], "holds no submissions"),
        (["FOLDER", "--seed", "s", "--to", "FOLDER/marks"], "is in the folder of the submissions"),
        (["FOLDER", "--seed", "s", "--processes", "0"], "--processes should be 1 or more"),
        (["FOLDER"], "required: --seed"),
    ],
)
def test_wrong_words_are_one_sentence(words, said, folder, tmp_path, capsys):
    words = [word.replace("FOLDER", str(folder)).replace("EMPTY", str(tmp_path)) for word in words]
    try:
        code = build.main(["grade", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--notebooks"]])
def test_the_sheets_run_and_count_what_is_right(words, tmp_path, monkeypatch):
    assert build.main(["assignment", str(tmp_path / "sheets"), *words]) == 0
    assert build.main(["assignment", str(tmp_path / "solved"), "--with-solutions"]) == 0
    names = sorted(path.name for path in (tmp_path / "sheets").iterdir())
    assert names[-1] == "exercise.py" and len(names) == 5
    for number, path in zip(sheets.NUMBERS, sorted((tmp_path / "sheets").glob("0*"))):
        assert path.read_text(encoding="utf-8").count("raise NotImplementedError") == len(
            [name for name in key() if name[4] == number[1]]
        )
        assert not re.search(r"(?<!`)(?<!def )task\d_\d(?![(,)])", path.read_text(encoding="utf-8"))  # as a word
        assert "# Solution" not in path.read_text(encoding="utf-8") and f"task{number[1]}_1" in path.read_text("utf-8")
    if words:
        return
    for path in sorted((tmp_path / "solved").glob("0*.py")):
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and re.search(r"(\d) of \1 exercises are right", done.stdout), (
            done.stdout + done.stderr
        )


def test_a_sheet_as_handed_out_has_no_points_and_no_mistakes():
    files = {f"{number}.py": text for number, text in KEY["given"].items()}
    got = points(files, list(key()))
    assert set(got.values()) == {(0, ("still to be written",))}
    cells = json.loads(build_notebook(KEY["given"]["4"]))["cells"]
    assert [cell["cell_type"] for cell in cells[:3]] == ["markdown", "markdown", "code"]


def build_notebook(text):
    return json.dumps(assignment.notebook(text))


@pytest.mark.parametrize("words", [[], ["--with-solutions"]])
def test_the_archive_grades_where_gradescope_unpacks_it(words, tmp_path):
    made, home = tmp_path / "autograder.zip", tmp_path / "autograder"
    assert build.main(["gradescope", "--seed", "s", "--to", str(made), *words]) == 0
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        archive.extractall(home / "source")
        assert [archive.getinfo(n).external_attr >> 16 for n in ("setup.sh", "run_autograder")] == [0o755, 0o755]
    assert not [name for name in names if re.search(r"lesson\d|gaussian|_tasks|sheets|core\.py", name)]
    (home / "run_autograder").write_bytes((home / "source" / "run_autograder").read_bytes())
    (home / "run_autograder").chmod(0o755)
    (home / "submission").mkdir()
    right = {name: text for name, text in solutions().items() if name != "task3_1"}
    right["task4_3"] = right["task4_3"].replace("dz.transpose(1, 0, 2)", "dz")
    (home / "submission" / "own.py").write_text(
        "import numpy as np\n\n" + "\n\n".join(right.values()), encoding="utf-8"
    )
    environment = os.environ | {"AUTOGRADER": str(home), "PYTHON": sys.executable}
    done = subprocess.run([str(home / "run_autograder")], env=environment, capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stderr
    results = json.loads((home / "results" / "results.json").read_text(encoding="utf-8"))
    assert faults(results) == [] and results["score"] == 100 - 4 - 3
    tests = {test["number"]: test for test in results["tests"]}
    assert len(tests) == 22 and tests["4.4"]["status"] == "passed" and tests["3.1"]["status"] == "failed"
    assert tests["4.3"]["score"] == 1 and "to reshape is not to transpose" in tests["4.3"]["output"]
    text = json.dumps(results) + "".join((home / "source" / n).read_text("utf-8", "replace") for n in names)
    assert ("dz.transpose(1, 0, 2)" in text) == bool(words)
    assert ("A solution:" in tests["4.3"]["output"]) == bool(words) and "A solution:" not in tests["4.4"]["output"]


def test_results_that_are_not_as_documented_are_not_written():
    result = classes.Result(classes.Student("a", {}), (Mark("task3_1", "Predict", 1.0, 4, ("why",)),))
    good = results_of(result, 1.0)
    assert faults(good) == []
    test = good["tests"][0]
    for bad in (
        good | {"scores": 1},
        good | {"visibility": "never"},
        good | {"score": "1"},
        good | {"tests": [test | {"score": 5.0}]},
        good | {"tests": [test | {"visibility": "hidden"}]},
        good | {"tests": [test | {"status": "ok"}]},
        good | {"tests": [test | {"points": 1}]},
        {"tests": [{"name": "a"}]},
    ):
        assert len(faults(bad)) == 1, bad
