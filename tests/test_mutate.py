"""The tool that plants faults makes those that it says, and knows the ones that no test can tell by their text."""

import ast
import sys

import pytest

import mutate
import trials
from mutants import mutants

SOURCE = '''"""Text with 1 + 1."""
import math

def f(a: int = 3, *, b=True):
    """More text, 2."""
    if a < 2 and not b:
        raise ValueError(f"{a + 1} is {max(a, 7)}")
    a[1:-1] = g(a, b, axis=(0, 1), out=a)
    a += -b.max()
    h(a)
    return a if b else 1.5
'''
WANTED = {
    "def f(a: int = 4, *, b=True):",
    "def f(a: int = 3, *, b=False):",
    "if (a <= 2) and not b:",
    "if (a < 2 or not b):",
    "if a < 2 and (b):",
    "pass",
    "a[:-1:] = g(a, b, axis=(0, 1), out=a)",
    "a[1::] = g(a, b, axis=(0, 1), out=a)",
    "a[1:-1] = g(b, a, axis=(0, 1), out=a)",
    "a[1:-1] = g(a, b, out=a)",
    "a[1:-1] = g(a, b, axis=(0,), out=a)",
    "a -= -b.max()",
    "a += (b.max())",
    "a += -b.min()",
    "return (1.5 if b else a)",
    "return a if b else 3.0",
}


def test_a_small_function_has_the_faults_that_are_named():
    found = mutants("f.py", SOURCE)
    assert {m.after for m in found} >= WANTED
    assert len({m.text for m in found}) == len(found) and SOURCE not in {m.text for m in found}
    assert {m.function for m in found} == {"f"}  # no text, no import and no annotation is changed
    for m in found:
        ast.parse(m.text)
        changed = [a != b for a, b in zip(SOURCE.splitlines(), m.text.splitlines(), strict=True)]
        assert sum(changed) == 1 and changed[m.line - 1]
        assert (m.before, m.after) == tuple(text.splitlines()[m.line - 1].strip() for text in (SOURCE, m.text))


def test_a_fault_is_known_again_where_lines_were_added_above():
    shifted = mutants("f.py", SOURCE.replace("import math\n", "import math\n\nx = y\n"))
    assert [m.key for m in shifted] == [m.key for m in mutants("f.py", SOURCE)]


def test_a_sample_is_that_of_its_seed():
    first, again, other = (mutate.chosen([str(mutate.ROOT / "minram" / "ops.py")], 9, seed) for seed in (1, 1, 2))
    assert first == again != other and len(first) == 9 and {m.file for m in first} == {"minram/ops.py"}


def test_every_file_of_the_method_and_of_its_checks_has_tests():
    files = {f"minram/{name}.py" for name in mutate.METHOD}
    for room in ("gradcheck", "training", "storage", "datasets"):
        paths = (mutate.ROOT / "minram" / room).glob("*.py")
        files |= {f"minram/{room}/{path.name}" for path in paths if path.name != "__init__.py"}
    assert files <= set(mutate.TESTS)
    for file, tests in mutate.TESTS.items():
        assert (mutate.ROOT / file).exists() and all(
            (mutate.ROOT / "tests" / f"{t}.py").exists() for t in tests.split()
        )


@pytest.mark.parametrize("name", ["minram/door.py", "minram/sensors.py", "minram/command"])
def test_a_file_for_which_nothing_would_be_planted_is_refused(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mutate.py", "--list", str(mutate.ROOT / name)])
    with pytest.raises(SystemExit) as end:
        mutate.main()
    assert end.value.code == 2 and f"{name} has no tests in the list TESTS" in capsys.readouterr().err


def test_what_is_called_equivalent_is_there_and_has_a_reason():
    there = {m.key for m in mutate.chosen([], None, 0)}
    for key, reason in mutate.equivalents().items():
        assert key in there, f"{key} is not a mutant any more; take it out of equivalent.json."
        assert len(reason) > 10


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
@pytest.mark.parametrize("how", ["forked", "started"])
def test_a_fault_is_killed_by_the_test_that_is_named_or_survives_or_never_ends(tmp_path, monkeypatch, how):
    """In a small package of the same name, with a test that is a little slow and one that sees everything."""
    monkeypatch.setattr(trials, "forked", getattr(trials, how))
    monkeypatch.setattr(trials.sys, "platform", "linux")
    for name, text in {
        "minram/__init__.py": "",
        "minram/one.py": "import time\ndef f(n):\n    while n < 3:\n        n += 1\n"
        "    time.sleep(400 * 0)\n    return n, 7\n",
        "tests/test_one.py": "from minram.one import f\n"
        "def test_a(): assert f(5)[0] == 5\ndef test_b(): assert f(0)[0] == 3\n",
        "pyproject.toml": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    runner = trials.Runner(tmp_path)
    runner.prepare("test_one")
    assert list(runner.durations["test_one"]) == ["tests/test_one.py::test_a", "tests/test_one.py::test_b"]
    found = {m.after: m for m in mutants("minram/one.py", (tmp_path / "minram" / "one.py").read_text())}
    for after, verdict in {
        "while n < 4:": ("killed", "tests/test_one.py::test_b"),
        "return n, 8": ("SURVIVED", ""),
        "n += 0": ("endless", ""),
        "time.sleep(400 * 1)": ("endless", ""),  # which takes none of the processor
    }.items():
        monkeypatch.setattr(trials, "EACH", 2 if verdict[0] == "endless" else 60)
        with mutate.planted(tmp_path, found[after]):
            assert runner.verdict("test_one") == verdict
    assert runner.kills == {"tests/test_one.py::test_b": 1}
    assert (tmp_path / "minram" / "one.py").read_text().startswith("import time\ndef f(n):\n    while n < 3")


def test_times_are_read_from_a_run_of_all_tests(tmp_path):
    case = '<testcase classname="tests.test_ops" name="test_relu[(3, 2)-&quot;x&quot;]" time="0.250" />'
    (tmp_path / "times.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    runner = trials.Runner(None)
    runner.read_times(tmp_path / "times.xml")
    assert runner.durations == {"test_ops": {'tests/test_ops.py::test_relu[(3, 2)-"x"]': 0.25}}
    runner.prepare("test_ops")  # runs nothing
