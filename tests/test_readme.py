"""The README's commands parse, its links and its reading order are alive, and its notation is the code's."""

import re
import shlex
from pathlib import Path

import pytest

from minram.agent import Trajectory
from minram.command.cli import _parser
from minram.reinforce import Outcome
from minram.training.config import Config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [part for block in BLOCKS for line in block.splitlines() for part in line.split(" && ")]
MINRAM = [c for c in COMMANDS if re.match(r"(\S*/)?minram ", c)]


def test_there_are_two_marked_commands_each_on_one_line():
    for name in ("train", "test"):
        block = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
        lines = [line for line in block.strip().splitlines() if not line.startswith("```")]
        assert len(lines) == 1 and lines[0].startswith("python3 -m venv .venv && ")


@pytest.mark.parametrize("command", MINRAM)
def test_minram_commands_parse(command):
    args = _parser().parse_args(shlex.split(command, comments=True)[1:])
    if args.command == "train":
        Config().changed(args.set)


def test_commands_name_files_that_exist():
    files = [w for c in COMMANDS for w in shlex.split(c, comments=True) if w.endswith(".py")]
    assert files == [w for w in files if (ROOT / w).exists()]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_are_alive(link):
    path, _, anchor = link.partition("#")
    if not link.startswith("https://"):
        assert not path or (ROOT / path).exists()
        headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_every_module_is_named_once_in_the_reading_order():
    """Nothing in the package is left for readers to find by chance."""
    paths = sorted((ROOT / "minram").rglob("[a-z]*.py"))
    assert {"sensor.py", "train.py"} <= {path.name for path in paths}
    for path in paths:
        assert README.count(f"](minram/{path.relative_to(ROOT / 'minram').as_posix()})") == 1, path.name


def test_the_notation_table_names_what_the_code_has():
    table = README.split("## Notation")[1].split("##")[0]
    cells = [row.split("|")[2] for row in table.splitlines() if row.startswith("|")]
    names = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    known = {*Trajectory._fields, *Outcome._fields, *vars(Config()), "images", "phi", "g", "h"}
    assert names <= known and len(names) > 15
