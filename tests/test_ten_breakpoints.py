"""The page "Ten breakpoints": pdb is given its commands, and prints what stands under them.

`python tests/test_ten_breakpoints.py` writes what is printed into the page.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minram.training import by_hand
from minram.training.process import VARIABLES
from tiny import WORDS, dataset, save_npz

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
PAGE = TUTORIALS / "ten_breakpoints.md"
BLOCK = re.compile(r"```pdb\n(.*?)```", re.S)
PROMPT = "(Pdb) "


def page():
    return PAGE.read_text(encoding="utf-8")


def entries(text):
    """[(command, what stands under it)] of all blocks of a page, in order."""
    found = []
    for block in BLOCK.findall(text):
        for part in block.split(PROMPT)[1:]:
            command, _, out = part.partition("\n")
            found.append((command, out))
    return found


def debug(words, commands, cwd):
    """What pdb prints after each command, without the files and numbers of lines, which a page does not show."""
    environment = os.environ | dict.fromkeys(VARIABLES, "1") | {"PYTHONUTF8": "1", "PYTHONBREAKPOINT": "pdb.set_trace"}
    environment |= {"NO_COLOR": "1", "PYTHON_COLORS": "0"}
    done = subprocess.run(
        [sys.executable, *words],
        input="\n".join(commands) + "\n",
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    outputs = done.stdout.split(PROMPT)[1:]
    assert len(outputs) >= len(commands), done.stdout + done.stderr
    return [_plain(command, out) for command, out in zip(commands, outputs)]


def _plain(command, out):
    """Without what depends on the machine and on the version of Python: where, and that, it stopped."""
    where = re.compile(r"^(> .*\(\d+\).*|--(Return|Call)--|(Temporary b|B)reakpoint \d+ .*|Deleted .*)$")
    lines = [line.rstrip() for line in out.splitlines() if not where.match(line)]
    if command == "r":  # where a function ends without a return, versions name different lines
        lines = [line for line in lines if not line.startswith("-> ") or line.startswith("-> return")]
    return "".join(f"{line}\n" for line in lines if line)


def session():
    """What the page's commands print, with the agent of lesson 0."""
    return debug([str(TUTORIALS / "one_step.py")], [command for command, _ in entries(page())], TUTORIALS)


def written(text, printed):
    """The page with what is printed today."""
    rest = iter(printed)

    def fill(match):
        commands = [part.partition("\n")[0] for part in match[1].split(PROMPT)[1:]]
        return "```pdb\n" + "".join(f"{PROMPT}{command}\n{next(rest)}" for command in commands) + "```"

    return BLOCK.sub(fill, text)


@pytest.fixture(scope="module")
def printed():
    return session()


def test_the_page_shows_what_pdb_prints(printed):
    found = entries(page())
    assert len(found) == len(printed) > 50
    for (command, text), out in zip(found, printed):
        assert rounded(text) == rounded(out), f"run: python tests/{Path(__file__).name}\n{command}"
        assert "Error" not in out and "***" not in out, out


def rounded(text):
    """Words, and numbers to six digits: the last ones may depend on the machine's libraries."""
    number = re.compile(r"-?\d+\.\d*")
    return number.sub("#", text).split(), [f"{float(x):.6g}" for x in number.findall(text)]


def test_a_change_of_the_page_is_seen(printed):
    text = page()
    assert written(text, printed).count("```") == text.count("```")
    (h,) = (out for out in printed if "0.75, 0.25" in out)
    assert rounded(h) != rounded(h.replace("0.75", "0.74")) and rounded(h) != rounded(h.replace("[[", "["))


def test_there_are_ten_stops_each_reached_in_order():
    text = page()
    stops = re.findall(r"^## (\d+) · `(\w+)`", text, re.M)
    commands = [command for command, _ in entries(text)]
    assert [number for number, _ in stops] == [str(i) for i in range(1, 11)]
    assert commands[:10] == [f"tbreak {name}" for _, name in stops]
    for section in re.split(r"^## ", text, flags=re.M)[1:11]:
        ((first, under), *_, _) = entries(section)
        assert first == "c" and under.startswith("-> ")  # a stop, at a line of code
        assert re.search(r"\]\(\.\./minram/\S+\.py\)", section)


def arrays(text):
    """The arrays in some output, one after the other."""
    return [np.array(eval(a, {"array": list})) for a in re.findall(r"array\((\[.*?\])\)", text, re.S)]


def test_the_numbers_are_those_of_lesson_0():
    """To the eight digits that NumPy prints."""
    update, params = by_hand.update(by_hand.parameters()), by_hand.parameters()
    t, seen = update.trajectory, {}
    for section in re.split(r"^## ", page(), flags=re.M)[1:11]:
        for command, out in entries(section):
            seen.setdefault(command.removeprefix("p "), []).extend(arrays(out))
    wanted = {
        "out": [t.glimpse.phi[0]],
        "hidden": [t.glimpse.hidden[0]],
        "g": [t.glimpse.g[0]],
        "h": [t.core.h[0]],
        "mu, np.exp(log_std)": [t.mu[0], [0.5, 0.5]],
        "__return__": [t.sample[0]],
        "trajectory.loc[:, 0]": [t.loc[:, 0]],
        "trajectory.logits[:, 0]": [t.logits[:, 0]],
        "trajectory.baseline": [t.baseline],
        "dmu": [update.cotangents.mu],
        "rewards, G, advantage": [[[0], [1]], [[1]], update.outcome.advantage],
        'grads["W"]': [update.grads["core.W"]],
        "cache.hidden": [t.glimpse.hidden[:, 0]],
        'grads["glimpse.what.W"]': [update.grads["glimpse.what.W"]],
        "vector[-5:-3], gradient[-5:-3]": [params["location.b"], update.grads["location.b"]],
        "vector[-5:-3]": [update.params["location.b"]],
    }
    for command, values in wanted.items():
        assert len(seen[command]) == len(values), command
        for found, value in zip(seen[command], values):
            assert np.abs(found - np.asarray(value)).max() < 1e-8, command


def test_a_training_of_one_s_own_stops_there_too(tmp_path):
    """With two parts a step and one process."""
    text = page()
    (command,) = re.findall(r"^python (-m pdb -m minram .*)$", text, re.M)
    (block,) = re.findall(r"```text\n(\(Pdb\).*?)```", text, re.S)
    save_npz(tmp_path / "d.npz", dataset())
    words = [*command.split(), "--data", "d.npz", "--out", "run", "--set", *WORDS, "shards=2", "background=0"]
    *_, shape, _ = debug(words, [*block.replace(PROMPT, "").splitlines(), "q"], tmp_path)
    assert shape == "(2, 4, 2)\n"  # T − 1, half the batch, two coordinates


if __name__ == "__main__":
    PAGE.write_text(written(page(), session()), encoding="utf-8")
