"""The page "Check your own gradient": its examples run, and print what stands under them.

`python tests/test_check_your_own.py` writes what they print into the page.
"""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import planted

PAGE = Path(__file__).resolve().parent.parent / "tutorials" / "check_your_own.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", re.S)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def blocks():
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def run():
    """What each block prints, with the names that those before it have made."""
    printed, names = [], {"__name__": "page"}
    for code, _ in blocks():
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(
                compile(code, str(PAGE), "exec"), names if not code.startswith("# test_") else {"__name__": "template"}
            )
        printed.append(out.getvalue())
    return printed


def written(text, printed):
    """The page with the blocks of text as they are printed today."""
    rest = iter(printed)

    def fill(match):
        code, out = match[1], next(rest)
        return f"```python\n{code}```" + (f"\n```text\n{out}```" if match[2] is not None else "")

    return BLOCK.sub(fill, text)


@pytest.fixture(scope="module")
def printed():
    return run()


def rounded(text):
    """Words, and numbers to six digits or, where they are rounding themselves, to none."""
    numbers = [float(number) for number in NUMBER.findall(text)]
    return NUMBER.sub("#", text).split(), [f"{x:.6g}" if abs(x) > 1e-8 else "0" for x in numbers]


def test_the_page_shows_what_its_examples_print(printed):
    """Rounding differs between machines: errors below 1e-8, and digits beyond the sixth, may be others."""
    found = blocks()
    assert len(found) == len(printed) > 8 and sum(bool(text) for _, text in found) >= 8
    for (code, text), out in zip(found, printed):
        words, numbers = rounded(text)
        assert (words, numbers) == rounded(out), f"run: python {Path(__file__).name}\n{code}\n{out}"


def test_a_change_of_the_page_is_seen(printed):
    text = PAGE.read_text(encoding="utf-8")
    assert written(text, printed).count("```") == text.count("```")
    (first, *_) = (out for out in printed if out)
    assert rounded(first) != rounded(first.replace("factor 5", "factor 6"))
    assert rounded(first) != rounded(first.replace("sign is wrong", "sign is right"))


def test_one_failing_example_of_each_kind_is_shown(printed):
    """Every mistake that the table explains, and every verdict, is named in an output or was planted elsewhere."""
    text = "".join(printed)
    shown = ("sign", "factor", "doubled", "missing", "transposed", "reversed", "shifted", "factor by index", "decay")
    shown += ("not finite", "single precision", "unknown", "carried back", "kink", "only one parameter", "mask")
    shown += ("offset", "another order", "wrong axis", "chain rule", "should be 0", "zero", "only there", "no scalar")
    shown += ("dy ignored", "not linear")
    for name in shown:
        assert re.search(rf"\b{name}: ", text), name


def test_every_name_of_the_table_exists():
    table = PAGE.read_text(encoding="utf-8").split("| it says | look for |")[1].split("\n## ")[0]
    named = {name for row in table.splitlines()[2:] if row for name in row.split("|")[1].strip().split(", ")}
    planned = {fault.mistake for fault in planted.FAULTS} | {"should be 0", "unknown"}
    assert named <= planned and planned - named == {"not finite", "only one parameter"}  # which say what they are


def test_the_template_passes_as_it_is(tmp_path):
    (template,) = (code for code, _ in blocks() if code.startswith("# test_mine.py"))
    (tmp_path / "test_mine.py").write_text(template)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout + done.stderr


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), run()), encoding="utf-8")
