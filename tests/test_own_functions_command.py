"""minram gradcheck --function module:name: what it takes, what it says, and that nothing else is imported."""

import os
import subprocess
import sys

import pytest

from minram.command import cli

CASES = """
import numpy as np
from minram.gradcheck import check_gradient

X = np.arange(12.0).reshape(4, 3) / 10

def f(p):
    return np.sum(np.sin(X @ p["w"]))

def grad(p):
    return {"w": X.T @ np.cos(X @ p["w"])}

params = {"w": np.array([0.3, -0.2, 0.5])}
right = (f, params, grad)
wrong = (f, params, {"w": -grad(params)["w"]})

def report():
    return check_gradient(f, params, grad(params))

def forward(x, w):
    return x @ w, (x, w)

def backward(dy, cache):
    return np.outer(dy, cache[1]), {"w": cache[0].T @ dy}

def pair():
    return forward, backward, {"x": X, "w": params["w"]}

class Layer:
    pair = (forward, backward, {"x": X, "w": params["w"]})

def divides(p):
    return 1 / 0

def exits(p):
    raise SystemExit(0)

raises = (divides, params, grad(params))
leaves = (exits, params, grad(params))
listed = (f, params, [1.0])
number = 3
several = (1, 2, 3)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with the user's module, which is forgotten afterwards."""
    (tmp_path / "mine_own.py").write_text(CASES)
    (tmp_path / "mine_broken.py").write_text("right = (")
    (tmp_path / "mine_needs.py").write_text("import no_such_module_at_all")
    (tmp_path / "mine_unasked.py").write_text("raise SystemExit('imported without being asked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in [name for name in sys.modules if name.startswith("mine_")]:
        del sys.modules[name]


@pytest.mark.parametrize("name, code", [("right", 0), ("wrong", 1), ("report", 0), ("pair", 0), ("Layer.pair", 0)])
def test_a_gradient_of_ones_own(mine, capsys, name, code):
    path = list(sys.path)
    assert cli.main(["gradcheck", "--function", f"mine_own:{name}"]) == code
    printed = capsys.readouterr().out
    assert "verdict" in printed and ("sign: the sign is wrong (3 of 3 entries)" in printed) == bool(code)
    assert sys.path == path and "mine_unasked" not in sys.modules


@pytest.mark.parametrize("name, code", [("right", 0), ("wrong", 1)])
def test_the_exit_code_is_the_same_where_nobody_reads(mine, name, code):
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "minram", "gradcheck", "--function", f"mine_own:{name}"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize(
    "words, sentence",
    [
        ("mine_own", "should read module:name"),
        ("mine_own.py:right", "should read module:name, without .py"),
        ("mine_own:f", "fails with TypeError: f() missing 1 required positional argument: 'p'; mend it there"),
        ("mine_own:raises", "fails with ZeroDivisionError: division by zero at mine_own.py:"),
        ("mine_own:leaves", "fails with SystemExit: 0 at mine_own.py:"),
        ("mine_own:listed", "the gradients of mine_own:listed should be a dict of arrays, but are of type list"),
        ("mine_broken:right", "fails with SyntaxError: "),
        ("../mine_own:right", "should read module:name"),
        ("mine_own:", "should read module:name"),
        ("mine_gone:right", "there is no module named 'mine_gone'; run it where it can be imported"),
        ("mine_needs:right", "there is no module named 'no_such_module_at_all'"),
        ("mine_own:gone", "has no attribute 'gone'; correct the name after the colon"),
        ("mine_own:number", "(f, params, grads) or (forward, backward, inputs)"),
        ("mine_own:several", "is (int, int, int)"),
        ("mine_own:right --full", "leave out --full and --picture"),
        ("mine_own:right --picture a.png", "leave out --full and --picture"),
    ],
)
def test_other_names_end_in_one_sentence(mine, capsys, words, sentence):
    assert cli.main(["gradcheck", "--function", *words.split()]) == 2
    error = capsys.readouterr().err
    assert any(part in error for part in sentence.split("|")) and error.count("\n") == 1
