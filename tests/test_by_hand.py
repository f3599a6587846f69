"""Lesson 0 and its agent: what makes the agent fit for a pencil, and that the lesson sees every sign.

The signs of the lines that the lesson runs are changed one by one, and its cells are run until one of them fails.
"""

import ast
import copy
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from minram import agent, core, glimpse, heads, ops, policy, reinforce, sensor
from minram.training import by_hand

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
from building.lessons import read_cells  # noqa: E402

METHOD = (ops, sensor, glimpse, core, heads, policy, agent, reinforce)


# The agent


def dyadic(a, places):
    return bool((np.asarray(a) * 2.0**places % 1 == 0).all())


def test_its_numbers_are_short_and_exact():
    params = by_hand.parameters()
    assert sum(a.size for a in params.values()) == 51
    assert all(dyadic(a, 2) and np.abs(a).max() <= 1 and a.dtype == np.float64 for a in params.values())
    assert dyadic(by_hand.IMAGE, 2) and dyadic(by_hand.START, 1) and dyadic(by_hand.NOISE, 1)
    t = by_hand.follow(params)
    forward = (t.glimpse.phi, t.glimpse.hidden, t.glimpse.g, t.core.h, t.mu, t.sample, t.loc, t.logits, t.baseline)
    assert all(dyadic(a, 2) for a in forward)  # quarters, all of them


def test_no_unit_is_on_its_kink_and_one_is_closed():
    params, t = by_hand.parameters(), by_hand.follow(by_hand.parameters())

    def linear(x, name):
        return x @ params[name + ".W"] + params[name + ".b"]

    what, where = linear(t.glimpse.phi, "glimpse.what"), linear(t.glimpse.loc, "glimpse.where")
    before = [what, where, linear(t.glimpse.hidden, "glimpse.combine"), linear(t.core.hg, "core")]
    before = np.concatenate([a.ravel() for a in before])
    assert before.size == 16 and np.abs(before).min() >= 0.25 and (before < 0).sum() == 1
    for l in t.loc[:, 0]:
        assert (np.abs(l) < 1).all() and ((2 * l + 1.5) % 1 == 0.5).all()  # in the middle between two borders
    p = np.exp(t.logits[:, 0]) / np.exp(t.logits[:, 0]).sum(axis=1, keepdims=True)
    assert p.min() > 0.3  # both labels have a chance


def test_an_update_leaves_the_parameters_alone():
    params = by_hand.parameters()
    update = by_hand.update(params)
    assert all(np.array_equal(a, b) for a, b in zip(params.values(), by_hand.parameters().values()))
    for name, new in update.params.items():
        assert np.array_equal(new, params[name] - by_hand.RATE * update.grads[name])


def test_draws_are_those_that_were_written_down():
    many = by_hand.follow(by_hand.parameters(), np.array([[0.5, -1], [2, 0]]), rollouts=2)
    assert np.array_equal(many.sample[0] - many.mu[0], [[0.25, -0.5], [1, 0]])
    assert np.array_equal(many.loc[0], [by_hand.START] * 2)


# The lesson

CELLS = [
    compile(cell.source, f"cell {i}", "exec")
    for i, cell in enumerate(read_cells((TUTORIALS / "00_by_hand.py").read_text(encoding="utf-8")))
    if cell.kind == "code" and "plt." not in cell.source and cell.source
]


def fails_at():
    """The number of the first cell of the lesson that fails, or None."""
    names = {}
    for i, cell in enumerate(CELLS):
        try:
            exec(cell, names)
        except Exception:
            return i
    return None


def lines_that_run():
    """{file: lines of the method that the cells run}."""
    files = {module.__file__: set() for module in METHOD}

    def on_line(frame, event, arg):
        if event == "line":
            files[frame.f_code.co_filename].add(frame.f_lineno)
        return on_line

    params, outer = by_hand.parameters(), sys.gettrace()
    sys.settrace(lambda frame, event, arg: on_line if frame.f_code.co_filename in files else None)
    try:
        by_hand.update(params)
        by_hand.update(params, [3.0, -0.5])
    finally:
        sys.settrace(outer)
    return files


def signs():
    """(module, number of the node, what stands there) of every + and − in the lines that run."""
    run = lines_that_run()
    for module in METHOD:
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        for i, node in enumerate(ast.walk(tree)):
            if is_sign(node) and node.lineno in run[module.__file__]:
                yield module, i, f"{module.__name__}:{node.lineno} {ast.unparse(node)}"


def is_sign(node):
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        return isinstance(node.op, (ast.Add, ast.Sub))
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def flipped(tree, number):
    tree = copy.deepcopy(tree)
    node = list(ast.walk(tree))[number]
    if isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    else:
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    return tree


# What changes no number of this agent, and why.
AXIS = "an axis, an index or a length to be found: −1 and 1 are the same where there are two of them"
NOT_READ = "added to 0, or not read where the sensor is aligned and σ stays as it is"
EQUIVALENT = {
    "logits - logits.max(axis=-1, keepdims=True)": "the softmax does not see it: it is there against overflow",
    "cache.edges[0] + row_step": NOT_READ,
    "cache.edges[1] + column_step": NOT_READ,
    "cache.image * C + np.arange(C)[:, None]": NOT_READ,
    "start - first": NOT_READ,
    "np.log(config.std) + progress * np.log(config.final_std)": NOT_READ,
    "j + len(ones)": "the table is one strip of 34 columns or less",
    "-rewarded": "two steps: the last and the one from 1 on are the same",
    "-1": AXIS,
    "t + 1": AXIS,
    "T - 1": AXIS,
}

SIGNS = list(signs())


def test_there_are_signs_and_the_lesson_runs():
    assert len(SIGNS) > 40 and len(CELLS) > 20
    assert fails_at() is None


@pytest.mark.parametrize("module, number, text", SIGNS, ids=[text for _, _, text in SIGNS])
def test_a_changed_sign_makes_the_lesson_fail(module, number, text, monkeypatch):
    tree = flipped(ast.parse(Path(module.__file__).read_text(encoding="utf-8")), number)
    changed = types.ModuleType(module.__name__)
    exec(compile(tree, module.__file__, "exec"), changed.__dict__)
    for name, function in vars(changed).items():
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
            monkeypatch.setattr(getattr(module, name), "__code__", function.__code__)
    place, _, sign = text.partition(" ")
    line = Path(module.__file__).read_text(encoding="utf-8").splitlines()[int(place.rpartition(":")[2]) - 1]
    border = sign == "-1" and "np.clip" in line  # a number, no index
    assert fails_at() is not None or (sign in EQUIVALENT and not border)


def test_what_is_listed_as_equivalent_is_there():
    assert EQUIVALENT.keys() <= {text.partition(" ")[2] for _, _, text in SIGNS}
