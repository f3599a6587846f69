"""The command that makes notebooks, links and sheets: its words, its files, and what it says to wrong input."""

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from minram.errors import InputError
from minram.pictures.figures import Scene
from minram.pictures.retina import Retina

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import build  # noqa: E402
import building  # noqa: E402
from building import links, movie, notebooks  # noqa: E402
from building.lessons import lessons  # noqa: E402

MODULES = [import_module(f"building.{name}") for _, name, _ in pkgutil.iter_modules(building.__path__)]
COMMANDS = [m.__name__.removeprefix("building.").replace("_", "-") for m in MODULES if hasattr(m, "register")]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    for words in (["--help"], [command, "--help"]):
        with pytest.raises(SystemExit) as end:
            build.main(words)
        assert end.value.code == 0 and command in capsys.readouterr().out


def test_sheets_need_no_more_than_the_package_does():
    """Whoever has no development extra can make them: no command imports what only it needs before it runs."""
    extras = ("pygments", "sphinx", "docutils", "myst_nb", "PIL", "nbformat", "nbclient", "IPython", "playwright")
    deny = f"import sys; sys.modules.update(dict.fromkeys({extras}))"  # None: there is no such module
    code = f"{deny}; sys.path.insert(0, {str(TUTORIALS)!r}); import build; build.main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "exercises" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "words, numbers", [([], []), (["01", "04"], ["01", "04"]), (["notebooks"], []), (["notebooks", "12"], ["12"])]
)
def test_numbers_alone_are_notebooks(words, numbers, monkeypatch):
    ran = []
    monkeypatch.setattr(notebooks, "run", ran.append)
    assert build.main(words) == 0
    assert [args.numbers for args in ran] == [numbers]


@pytest.mark.parametrize(
    "words, said",
    [
        (["1"], "there is no lesson 1; take some of "),
        (["01", "77"], "there is no lesson 77; "),
        (["notebooks", "x"], "there is no lesson x; "),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["--nonsense"], "required: COMMAND"),
        (["links", "01"], "unrecognized arguments: 01"),
        (["exercises"], "required: DIR"),
        (["exercises", str(TUTORIALS)], "which their sheets would replace; choose another folder."),
        (["exercises", str(TUTORIALS / "build.py")], "build.py cannot be used ("),
        (["site", str(TUTORIALS)], "has files that are no site's, which it would replace; choose another folder."),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(Path(word).name for word in value),
)
def test_wrong_input_is_one_sentence_and_exit_code_2(words, said, capsys):
    try:
        code = build.main(words)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and said in err and err.count("\n") == 1 and err.endswith(".\n")


def test_a_file_with_register_is_a_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "greeting.py").write_text(
        "def register(commands):\n"
        "    parser = commands.add_parser('greet', help='say hello')\n"
        "    parser.add_argument('name')\n"
        "    parser.set_defaults(run=lambda args: print('hello', args.name))\n"
    )
    monkeypatch.setattr(building, "__path__", [*building.__path__, str(tmp_path)])
    assert build.main(["greet", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
    del sys.modules["building.greeting"], building.greeting


def test_the_sheets_have_all_that_they_import(tmp_path):
    folder = tmp_path / "new" / "sheets"
    assert build.main(["exercises", str(folder)]) == 0
    scripts = {path.name for path in folder.glob("*.py")}
    assert scripts > {path.name for path in lessons()}
    ours = {path.name for path in TUTORIALS.glob("*.py")}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {f"{name}.py" for name in names} & ours <= scripts, path.name
    stored = {path.relative_to(TUTORIALS) for path in (TUTORIALS / "checkpoints").rglob("*.*")}
    assert stored == {path.relative_to(folder) for path in (folder / "checkpoints").rglob("*.*")}
    assert build.main(["exercises", str(folder)]) == 0  # again, over them


@pytest.mark.parametrize("command", ["exercises", "assignment"])
def test_answers_are_not_written_over(command, tmp_path, capsys):
    solved, first = tmp_path / "06_reinforce.py", tmp_path / "03_backpropagation_by_hand.py"
    solved.write_text("mine\n", encoding="utf-8")
    assert build.main([command, str(tmp_path)]) == 2
    assert f"{solved} is there, with other text, which may be answers; choose another" in capsys.readouterr().err
    assert solved.read_text(encoding="utf-8") == "mine\n" and not first.exists()
    solved.unlink()
    assert build.main([command, str(tmp_path)]) == 0 and first.exists()


def test_links_renumbers_sources_and_notebooks(tmp_path, monkeypatch, capsys):
    lines = (links.ROOT / "minram" / "errors.py").read_text(encoding="utf-8").split("\n")
    n = 1 + lines.index("class InputError(ValueError):")
    stale = "[`class InputError(ValueError):`](../minram/errors.py#L1)"
    lesson = tmp_path / "00_lesson.py"
    lesson.write_text(f"# %% [markdown]\n# See {stale}.\n")
    cells = [{"cell_type": kind, "source": [f"See {stale}."]} for kind in ("markdown", "code")]
    lesson.with_suffix(".ipynb").write_text(links.notebook_text({"cells": cells}))
    monkeypatch.setattr(links, "lessons", lambda: [lesson])
    assert build.main(["links"]) == 0
    assert capsys.readouterr().out == "00_lesson.py\n00_lesson.ipynb\n"
    assert f"errors.py#L{n})" in lesson.read_text() and "#L1)" not in lesson.read_text()
    cells[0]["source"] = [f"See {stale}.".replace("#L1)", f"#L{n})")]  # code is left as it was executed
    assert lesson.with_suffix(".ipynb").read_text() == links.notebook_text({"cells": cells})
    assert build.main(["links"]) == 0 and capsys.readouterr().out == ""

    lesson.write_text("# %% [markdown]\n# [`no such line`](../minram/no_file.py#L1)\n")
    assert build.main(["links"]) == 2
    assert "'no such line' should be in one line of minram/no_file.py, but is in 0" in capsys.readouterr().err


def scene(labels, guesses):
    n = len(labels)
    probabilities = np.eye(10)[np.array([guesses, guesses])]  # (T, n, K)
    images, loc = np.arange(n)[:, None, None] * np.ones((2, 2)), np.zeros((2, n, 2))
    return Scene(images, np.array(labels), Retina((1,), 2), loc, np.zeros((2, n, 4)), probabilities)


def test_the_moving_picture_has_five_right_and_one_wrong():
    shown = movie.chosen(scene([3, 3, 7, 1, 0, 9, 9, 2, 4], [3, 3, 1, 1, 0, 9, 4, 2, 4]))
    assert shown.images[:, 0, 0].tolist() == [0, 3, 4, 5, 7, 2]  # five different digits, and the first that is wrong
    assert shown.loc.shape[1] == shown.phi.shape[1] == shown.probabilities.shape[1] == 6
    for labels, guesses in (([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), ([1, 2, 3, 4, 4, 6], [1, 2, 3, 4, 4, 0])):
        with pytest.raises(InputError, match="too few"):
            movie.chosen(scene(labels, guesses))


def test_the_moving_picture_is_small():
    data = movie.PICTURE.read_bytes()
    assert data.startswith(b"GIF89a") and 100_000 < len(data) < movie.MOST
