"""The README and the pages beside it: their commands parse, their links are alive, what they say of the code is so."""

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from minram.agent import Trajectory
from minram.command.cli import _parser
from minram.reinforce import Outcome
from minram.training.config import Config
from minram.training.evaluate import percent, wilson
from minram.training.recipes import recipe

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minram"
METHOD = ("ops", "sensor", "glimpse", "core", "heads", "policy", "agent", "reinforce")  # in reading order
PAGES = {
    page: (ROOT / page).read_text(encoding="utf-8")
    for page in (
        "README.md",
        "tests/README.md",
        "tutorials/check_your_own.md",
        "tutorials/own_images.md",
        "tutorials/speed.md",
        "tutorials/ten_breakpoints.md",
    )
}
README = PAGES["README.md"]


def commands(page):
    """The shell commands of a page, without the settings of the environment before them."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGES[page], re.S) for line in block.splitlines()]
    return [re.sub(r"^([A-Z_]+=\S+ )+", "", part) for line in lines for part in line.split(" && ")]


COMMANDS = [(page, command) for page in PAGES for command in commands(page)]
# Those of minram, in the running text too.
MINRAM = [(page, command) for page, command in COMMANDS if re.match(r"(\S*/)?minram ", command)]
MINRAM += [(page, command) for page, text in PAGES.items() for command in re.findall(r"`(minram [^`]+)`", text)]
LINKS = [(page, link) for page, text in PAGES.items() for link in dict.fromkeys(re.findall(r"\]\(([^)]+)\)", text))]


def test_something_was_found_on_every_page():
    for found in (COMMANDS, LINKS):
        assert {page for page, _ in found} == set(PAGES)
    assert len(MINRAM) > 12 and {page for page, _ in MINRAM} == set(PAGES) - {"tests/README.md"}


def test_there_are_two_marked_commands_each_on_one_line():
    for name in ("train", "test"):
        block = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
        lines = [line for line in block.strip().splitlines() if not line.startswith("```")]
        assert len(lines) == 1 and lines[0].startswith("python3 -m venv .venv && ")


@pytest.mark.parametrize("page, command", MINRAM)
def test_minram_commands_parse(page, command):
    words = shlex.split(command, comments=True)[1:]
    if words == ["--help"]:
        return
    args = _parser().parse_args(words)
    if args.command == "train":
        Config().changed(args.set)


def test_what_commands_and_pages_name_exists():
    words = [word for _, command in COMMANDS for word in shlex.split(command, comments=True)]
    files = {word for word in words if re.search(r"\.py$|^\.ci/", word)}
    files |= {path for text in PAGES.values() for path in re.findall(r"`([\w.]+/[\w./]+\.\w+)`", text)}
    assert {"tests/test_sensor.py", ".ci/run", ".ci/MANIFEST.in", "minram/datasets/mnist.npz"} <= files
    assert files == {file for file in files if (ROOT / file).is_file()}
    extras = {name for word in words for name in re.findall(r"^\.\[(\w+)\]$", word)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"dev", "test"} == extras <= set(project["optional-dependencies"])


@pytest.mark.parametrize("page, link", LINKS)
def test_links_are_alive(page, link):
    if link.startswith("https://"):
        return
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.is_file()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_in_a_package_index_links_lead_to_the_repository(monkeypatch):
    """Where pyproject.toml names one; see .ci/backend.py."""
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    from readme_links import absolute

    text = absolute(README, "https://host.example/a/minram/")
    links = re.findall(r"(!?)\[[^\[\]]*\]\(([^)]+)\)", text)
    assert len(links) == len(re.findall(r"\]\(([^)]+)\)", README)) > 20
    for picture, link in links:
        start = f"https://host.example/a/minram/{'raw' if picture else 'blob'}/HEAD/"
        assert link.startswith(start) and (ROOT / link.removeprefix(start).partition("#")[0]).is_file()
    assert absolute("[a](https://b.example/c) [d](#e)", "f") == "[a](https://b.example/c) [d](#e)"


def test_the_readme_is_short():
    assert 80 < README.count("\n") <= 120


def test_the_readme_lists_the_method_with_its_lines_which_keep_within_the_budget():
    lines = {name: (PACKAGE / f"{name}.py").read_text(encoding="utf-8").count("\n") for name in METHOD}
    listed = re.findall(r"^\| \[(\w+)\.py\]\(minram/\1\.py\) \| (\d+) \|", README, re.M)
    assert listed == [(name, str(n)) for name, n in lines.items()]
    (total,) = re.findall(r"^The method is ([\d,]+) lines", README, re.M)
    assert int(total.replace(",", "")) == sum(lines.values()) <= 1000


def test_the_readme_links_every_file_of_the_hall_and_every_room_once():
    rooms = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    files = sorted(path.name for path in PACKAGE.glob("[a-z]*.py"))
    assert "gradcheck" in rooms and {f"{name}.py" for name in METHOD} | {"errors.py"} <= set(files)
    for name in (*files, *(f"{room}/__init__.py" for room in rooms)):
        assert README.count(f"](minram/{name})") == 1, name


@pytest.mark.parametrize("room", sorted(path.parent for path in PACKAGE.glob("*/__init__.py")), ids=lambda p: p.name)
def test_a_room_lists_each_of_its_files_once(room):
    """Nothing in the package is left for readers to find by chance."""
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    listed = re.findall(r"^(\w+)  +\S", text, re.M)
    modules = sorted(path.stem for path in room.glob("[a-z]*.py"))
    assert modules and sorted(listed) == modules


def test_the_notation_table_names_what_the_code_has():
    table = README.split("## Notation")[1].split("##")[0]
    cells = [row.split("|")[2] for row in table.splitlines() if row.startswith("|")]
    names = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    known = {*Trajectory._fields, *Outcome._fields, *vars(Config()), "images", "phi", "g", "h", "dh"}
    assert names <= known and len(names) > 15


def test_the_example_does_what_it_says():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names = {}
    exec(example, names)
    look = names["look"]
    assert f"# {look.label}, {look.belief.shape}, {look.path.shape}\n" in example
    plt.close("all")


def test_the_quoted_training_is_the_stored_one():
    stored = ROOT / "tutorials" / "checkpoints" / "quick-0"
    result, config = (json.loads((stored / f"{name}.json").read_text()) for name in ("result", "config"))
    assert Config.from_dict(config) == recipe("quick")
    (printed,) = re.findall(r"```text\n(Training in .*?)```", README, re.S)
    rate = percent(result["val_error"], wilson(round(result["val_error"] * result["n_val"]), result["n_val"]))
    assert (
        f"Validation error {rate} on 5,000 images, the lowest, after epoch {result['epoch']} of 12: kept.\n" in printed
    )
    records = [json.loads(line) for line in (stored / "metrics.jsonl").read_text().splitlines()]
    for record in (records[0], records[-1]):
        assert re.search(
            rf"^epoch +{record['epoch']}/12  loss {record['loss']:.4f}  reward {record['reward']:.4f}  "
            rf"validation error +{100 * record['val_error']:.2f} %  ",
            printed,
            re.M,
        )
