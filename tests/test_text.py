"""What is printed fits the terminal, and what does not fit is what is least useful."""

import os
import re
import subprocess
import sys

import pytest

from minram.command import cli, text
from minram.command.text import fitted, wrapped

LINE = "epoch   3/120  loss 0.1234  reward 0.9612  validation error  3.21 %  112,345 images/s  12356 s left"


@pytest.mark.parametrize(
    "width, wanted",
    [
        (120, LINE),
        (79, "epoch   3/120  loss 0.1234  validation error  3.21 %  12356 s left"),
        (59, "epoch   3/120  validation error  3.21 %  12356 s left"),
        (40, "epoch   3/120  validation error  3.21 %"),
        (20, "epoch   3/120  valid"),
    ],
)
def test_a_line_of_progress_fits(width, wanted):
    got = fitted(LINE, width)
    assert len(got) <= width
    assert got == wanted


def test_a_usual_line_loses_its_speed_alone_at_80_columns():
    usual = "epoch   1/12  loss 0.5016  reward 0.8385  validation error  4.56 %  9,702 images/s  62 s left"
    assert fitted(usual, 79) == "epoch   1/12  loss 0.5016  reward 0.8385  validation error  4.56 %  62 s left"
    assert fitted(usual.replace("0.8385", "-0.8385"), 59) == "epoch   1/12  validation error  4.56 %  62 s left"


def test_lists_are_broken_between_words(monkeypatch):
    monkeypatch.setattr(text, "columns", lambda: 40)
    got = wrapped("name=value   what it means, in more words than there is room for", 13)
    assert got.splitlines()[0] == "name=value   what it means, in more" and len(got.splitlines()) == 3
    assert all(line.startswith(" " * 13) and line[13] != " " for line in got.splitlines()[1:])
    monkeypatch.setattr(text, "columns", lambda: None)
    assert wrapped("x " * 100, 13) == "x " * 100


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("words", [["recipes"], ["train", "--settings"]])
def test_what_a_terminal_shows_is_no_wider(monkeypatch, capsys, width, words):
    monkeypatch.setattr(text, "columns", lambda: width)
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width - 1


@pytest.mark.parametrize("width", [60, 80])
def test_help_is_no_wider(width):
    for command in ("", "train", "evaluate", "show", "label", "recipes", "gradcheck", "bench"):
        words = [sys.executable, "-m", "minram", *command.split(), "--help"]
        out = subprocess.run(words, env=os.environ | {"COLUMNS": str(width)}, capture_output=True, text=True).stdout
        wide = [line for line in out.splitlines() if len(line) > width and not line.startswith("Example: ")]
        assert out and not wide


def test_the_example_of_a_command_is_one_line_to_be_copied():
    out = subprocess.run([sys.executable, "-m", "minram", "label", "--help"], capture_output=True, text=True).stdout
    assert re.search(r"^Example: minram label runs/quick scan.png --picture path.png$", out, re.MULTILINE)
