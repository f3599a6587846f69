"""Every lesson runs as a script, and its notebook is the executed form of that script.

The notebooks are read as the JSON that they are, so that this needs none of the tools that make them.
"""

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minram.command.cli import _parser
from minram.training.config import Config
from minram.training.process import VARIABLES
from minram.training.recipes import recipe
from minram.training.run import find_model, load_params

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "tutorials"
LESSONS = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
assert LESSONS
sys.path[:0] = [str(TUTORIALS), str(TUTORIALS / "tables")]
import build  # noqa: E402
import ledger  # noqa: E402
from building import elsewhere, exercises, links, notebooks  # noqa: E402
from building.lessons import read_cells  # noqa: E402
from lesson import WEIGHTS, ablation_results, row_results  # noqa: E402
from minram.training.jobs import QUICK  # noqa: E402

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def source(lesson):
    return lesson.read_text(encoding="utf-8")


def notebook(lesson):
    return json.loads(source(lesson.with_suffix(".ipynb")))


def outputs(lesson):
    return [output for cell in notebook(lesson)["cells"] for output in cell.get("outputs", [])]


@pytest.mark.tutorial
@each_lesson
def test_runs_as_a_script_within_a_minute(lesson, tmp_path):
    environment = os.environ | dict.fromkeys(VARIABLES, "1") | {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    # Where there is a display, plt.show() says that Agg has none.
    no_display = "ignore:FigureCanvasAgg is non-interactive:UserWarning"
    # As in pyproject.toml: the oldest Matplotlib uses what the newest pyparsing deprecates.
    parsers = [f"ignore::DeprecationWarning:matplotlib.{name}" for name in ("_fontconfig_pattern", "_mathtext")]
    allowed = [word for warning in (no_display, *parsers) for word in ("-W", warning)]
    command = [sys.executable, "-W", "error", *allowed, str(lesson)]
    before = os.times()
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=600
    )
    after = os.times()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    # Processor time, as a machine that does other work beside would stretch any clock. (Windows does not tell.)
    assert after.children_user + after.children_system - before.children_user - before.children_system < 60


@each_lesson
def test_one_blas_thread_is_set_before_numpy_is_loaded(lesson, tmp_path):
    """By the first cell of a lesson, and by that of its sheet, wherever it is run."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    seen = "import os, sys; print('numpy' in sys.modules, {os.environ.get(name) for name in VARIABLES})"
    for text in (source(lesson), exercises.sheet(source(lesson))):
        first = next(cell.source for cell in read_cells(text) if cell.kind == "code")
        program = f"{first}\nfrom minram.training.process import VARIABLES\n{seen}"
        command = [sys.executable, "-c", program]
        assert subprocess.check_output(command, cwd=tmp_path, env=environment, text=True) == "False {'1'}\n"


@each_lesson
def test_notebook_has_the_cells_of_its_source(lesson):
    cells = [
        (cell["cell_type"], tuple(cell["metadata"].get("tags", ())), "".join(cell["source"]))
        for cell in notebook(lesson)["cells"]
    ]
    assert cells == [elsewhere.FIRST, *read_cells(source(lesson))], f"run: python tutorials/build.py {lesson.name[:2]}"


def test_a_notebook_that_was_moved_finds_its_files_or_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = importlib.util.find_spec("minram")
    for package, folder in ((ROOT / "minram", TUTORIALS), (tmp_path / "site-packages" / "minram", None)):
        found.origin = str(package / "__init__.py")  # of a clone, and of a wheel
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
        if folder:
            exec(elsewhere.SOURCE, {})
            assert Path.cwd() == folder == Path(sys.path[0])
            monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="the comment above says how"):
        exec(elsewhere.SOURCE, {})
    for folder in (tmp_path / "minram-0.1.0" / "tutorials", tmp_path / "tutorials"):  # an sdist's, and a clone's
        folder.mkdir(parents=True)
        (folder / "lesson.py").write_text("")
        monkeypatch.chdir(tmp_path)
        exec(elsewhere.SOURCE, {})
        assert Path.cwd() == folder == Path(sys.path[0])
        exec(elsewhere.SOURCE, {})  # again, in the folder itself
        assert Path.cwd() == folder


@each_lesson
def test_notebook_was_run_from_top_to_bottom_without_a_complaint(lesson):
    code = [cell for cell in notebook(lesson)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {(output["output_type"], output.get("name")) for output in outputs(lesson)}
    assert kinds <= {("stream", "stdout"), ("display_data", None), ("execute_result", None)}
    assert ("stream", "stdout") in kinds and ("display_data", None) in kinds


@pytest.mark.parametrize(
    "stem, weights",
    [("09_training_on_mnist", WEIGHTS), ("10_translated_and_cluttered", find_model("pretrained:cluttered-60"))],
)
def test_the_command_that_a_notebook_shows_trains_what_its_weights_know(stem, weights):
    """A recipe may have changed since the notebook was built."""
    text = "".join("".join(output.get("text", "")) for output in outputs(TUTORIALS / f"{stem}.py"))
    (command,) = re.findall(r"^minram (train .*)$", text, re.M)
    args = _parser().parse_args(command.split())
    assert recipe(args.recipe).changed(args.set) == load_params(weights)[1], f"run: build.py {stem[:2]}"


@each_lesson
def test_notebook_is_small(lesson):
    assert lesson.with_suffix(".ipynb").stat().st_size < 1_000_000
    sizes = [len(base64.b64decode(o["data"]["image/png"])) for o in outputs(lesson) if "image/png" in o.get("data", {})]
    assert max(sizes) < 100_000, sizes


@each_lesson
def test_notebook_shows_the_package_as_it_is(lesson):
    # What lesson.show_source prints: the file's name, the line of the definition, and all that is indented under it.
    shown = r"^# (minram/[\w/]+\.py)\n((?:@.*\n)*(?:def|class) .*\n(?:(?:[ )].*)?\n)*)"
    printed = ["".join(output.get("text", [])) for output in outputs(lesson)]
    found = [match for text in printed for match in re.findall(shown, text, re.M)]
    assert len(found) == sum(text.count("# minram/") for text in printed)
    assert bool(found) == bool(re.search(r"^ *show_source\((?!planting\.)", source(lesson), re.M))  # of the package
    for name, code in found:
        assert code.strip() in source(ROOT / name), f"run: python tutorials/build.py {lesson.name[:2]}"


@each_lesson
def test_notebook_has_read_the_stored_runs_as_they_are(lesson):
    digest = notebooks.digest_of_what_it_reads(source(lesson))
    assert notebook(lesson)["metadata"].get("stored") == digest, f"run: python tutorials/build.py {lesson.name[:2]}"


@each_lesson
def test_mathematics_is_between_dollars(lesson):
    for cell in read_cells(source(lesson)):
        if cell.kind == "markdown":
            assert_mathematics_between_dollars(cell.source)


def assert_mathematics_between_dollars(text):
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    text = re.sub(r"\$\$.+?\$\$", "", text, flags=re.S)
    text = re.sub(r"\$(?! )[^$\n]+(?<! )\$", "", text)
    assert "$" not in text and "\\" not in text, text


@each_lesson
def test_exercise_sheet_leaves_out_the_solutions(lesson):
    cells = [cell for cell in read_cells(source(lesson)) if "solution" in cell.tags]
    code = [cell for cell in cells if cell.kind == "code"]
    assert code
    sheet = exercises.sheet(source(lesson))
    compile(sheet, lesson.name, "exec")
    assert sheet.count("raise NotImplementedError") == source(lesson).count("raise NotImplementedError") + len(code)
    for cell in code:
        _, mark, solution = cell.source.partition("# Solution\n")
        assert mark and solution not in sheet


@each_lesson
def test_syllabus_lists_the_lesson_with_its_picture(lesson):
    syllabus = source(TUTORIALS / "README.md")
    assert f"({lesson.stem}.ipynb)" in syllabus
    assert f"pictures/{lesson.stem}.png" in syllabus
    assert (TUTORIALS / "pictures" / f"{lesson.stem}.png").stat().st_size < 100_000


@each_lesson
def test_links_into_the_package_lead_to_the_line_that_they_quote(lesson):
    text = source(lesson)
    assert links.renumbered(text) == text, "run: python tutorials/build.py links"
    assert len(links.LINK.findall(text)) == text.count(".py#L")


def test_links_into_the_package_are_found():
    found = [link for lesson in LESSONS for link in links.LINK.findall(source(lesson))]
    assert len(found) > 40 and {file.count("/") for _, _, file in found} == {1, 2}  # the method and the rooms


def test_a_link_has_to_quote_one_line():
    renumbered = links.renumbered
    lines = source(ROOT / "minram" / "sensor.py").split("\n")
    link = renumbered("[`def sensor_forward(`](../minram/sensor.py#L1)")
    assert "def sensor_forward(" in lines[int(link.removesuffix(")").rpartition("#L")[2]) - 1]
    for code in ("no such line", "return"):
        with pytest.raises(ValueError, match="should be in one line"):
            renumbered(f"[`{code}`](../minram/sensor.py#L1)")


def test_stored_weights_are_of_the_recipe_s_median_seed_by_validation():
    params, config, _ = load_params(WEIGHTS)
    ranked = sorted(row_results("quick"), key=lambda r: (r["val_error"], r["seed"]))
    assert len(ranked) == 5 and ranked[2]["seed"] == config.seed
    assert ranked[2]["digests"]["weights"] == ledger.weights_digest(params)
    assert config.changed(seed=0) == recipe("quick")


def test_stored_ablations_are_of_the_recipe_of_today():
    results = [result for runs in ablation_results().values() for result in runs]
    assert len(results) == 5 * len(QUICK.changes)
    for result in results:
        assert Config.from_dict(result["settings"]) == QUICK.job(result["name"], result["seed"]).config


PAGES = [TUTORIALS / name for name in ("README.md", "tables/README.md", "tables/results/v1/README.md")]


@pytest.mark.parametrize("page", [*PAGES, *LESSONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_links_lead_somewhere(page):
    text = source(page)
    if page.suffix == ".py":
        text = "\n".join(cell.source for cell in read_cells(text) if cell.kind == "markdown")
    else:
        assert_mathematics_between_dollars(text)
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        target = "".join(link).partition("#")[0]
        if target and "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_syllabus_s_commands_name_programs_and_recipes_that_exist():
    commands = re.findall(r"^    (?:.*(?:do|&&) )?((?:python|minram) .*?)(?: &&.*|;.*|  #.*)?$", source(PAGES[0]), re.M)
    assert len(commands) >= 8
    for command in commands:
        program, *words = command.replace("$seed", "1").split()
        if program == "minram":
            args = _parser().parse_args(words)
            recipe(args.recipe).changed(args.set)
        else:
            assert (ROOT / words[0]).is_file(), command
            if words[0] == "tutorials/build.py":
                build.parse(words[1:])


def test_the_paths_of_an_hour_take_an_hour_and_name_sections_that_exist():
    rows = re.findall(r"^\| (\d+) \| (.*?(?:lesson|exercises) .*?) \|", source(PAGES[0]), re.M)
    assert sum(int(minutes) for minutes, _ in rows) == 2 * 60
    for _, what in rows:
        numbers = [int(number) for number in re.findall(r"lesson (\d+)", what)]
        for section in re.findall(r"\*(.+?)\*", what):
            (lesson,) = [path for path in LESSONS if int(path.name[:2]) == numbers[0]]
            assert f"\n# ## {section}\n" in source(lesson), section
