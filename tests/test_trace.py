"""`minram trace`: each point's line is there once, and what is shown is what the update computes."""

import re
import sys

import numpy as np
import pytest

from minram.agent import rollout
from minram.command import cli, trace
from minram.command.trace import POINTS, Point, line_of, watch
from minram.errors import InputError
from minram.reinforce import cotangents
from minram.sensor import summed_area
from minram.training import by_hand, config
from tiny import EVERY, TINY, dataset


def names(seen):
    return [entry.name for entry in seen]


def test_each_point_is_a_line_that_runs():
    """All of them in one update of an agent whose location head is deep and whose heads all shape the core."""
    deep = TINY.changed(EVERY, location_units=3, flow=("label", "location"))
    d = dataset()
    seen = trace.usual(deep, d.x_train[:4], d.y_train[:4])
    assert {entry.formula for entry in seen} >= {point.formula for point in POINTS}
    for point in POINTS:
        where = f"minram/{point.module.__name__.split('.')[-1]}.py:{line_of(point.module, point.line)}"
        assert any(entry.where == where and entry.formula == point.formula for entry in seen), point


def test_what_is_seen_is_what_was_computed():
    d = dataset()
    images, labels = d.x_train[:4], d.y_train[:4]
    settings = TINY.changed(EVERY)
    params = by_hand.parameters()
    update, seen = watch(lambda: by_hand.update(params))
    by_name = {entry.name: entry.value for entry in seen}
    t = update.trajectory
    for i in range(2):
        assert np.array_equal(by_name[f"phi[{i}]"], t.glimpse.phi[i])
        assert np.array_equal(by_name[f"g[{i}]"], t.glimpse.g[i])
        assert np.array_equal(by_name[f"h[{i}]"], t.core.h[i])
        assert np.array_equal(by_name[f"loc[{i}]"], t.loc[i])
    assert np.array_equal(by_name["dmu"], update.cotangents.mu)
    assert np.array_equal(by_name["grads['W']"], update.grads["core.W"])
    assert np.array_equal(by_name["what['W']"], update.grads["glimpse.what.W"])
    assert names(seen).index("h[0]") < names(seen).index("mu[0]") < names(seen).index("phi[1]")
    # With three glimpses, each step has its own entries, and the backward pass counts downwards.
    rng = np.random.default_rng(0)
    p = {name: x + 0.1 for name, x in trace.init_params(settings, rng, 3, dtype=np.float64).items()}

    def forward():
        trajectory = rollout(p, settings, summed_area(images), rng, every_step=True)
        heads, _ = cotangents(trajectory, labels, settings)
        return trajectory, trace.backward(p, trajectory, heads, settings.flow)

    (trajectory, grads), seen = watch(forward)
    assert [name for name in names(seen) if name.startswith("dz[")] == [
        "dz[-1]", "dz[2] @ W[:n_core].T", "dz[1]", "dz[1] @ W[:n_core].T", "dz[0]"
    ]  # fmt: skip
    last = {entry.name: entry.value for entry in seen}
    assert np.array_equal(last["h[2]"], trajectory.core.h[2])
    assert np.array_equal(last["where['b']"], grads["glimpse.where.b"])


def test_a_value_is_a_copy_of_its_moment():
    """`dz` is written over what it is made of: the entry before must not change with it."""
    _, seen = watch(lambda: by_hand.update(by_hand.parameters()))
    first, second = (entry.value for entry in seen if entry.name == "dhidden")
    assert not np.array_equal(first, second) and np.array_equal(first[second != 0], second[second != 0])


def test_watching_changes_nothing_and_ends():
    params = by_hand.parameters()
    alone = by_hand.update(params)
    before = sys.gettrace()
    watched, _ = watch(lambda: by_hand.update(params))
    assert sys.gettrace() is before
    for name, g in alone.grads.items():
        assert np.array_equal(g, watched.grads[name])
    with pytest.raises(ZeroDivisionError):
        watch(lambda: 1 / 0)
    assert sys.gettrace() is before


def test_a_line_that_fails_ends_the_run_with_its_own_error():
    """What the line should have made is not there to be looked at."""
    params = by_hand.parameters()
    update = by_hand.update(params)
    params["glimpse.combine.W"] = np.zeros((4, 3))
    with pytest.raises(ValueError, match="matmul"):
        watch(lambda: trace.backward(params, update.trajectory, update.cotangents, by_hand.CONFIG.flow))


def test_a_point_has_to_quote_one_line():
    for piece in ("no such line", "return"):
        with pytest.raises(InputError, match=r"should be in one line of minram\.training\.config"):
            watch(lambda: None, [Point(config, piece, "x", "")])


@pytest.mark.parametrize("words", [["--tiny"], ["--n", "3"]])
def test_the_command_prints_two_lines_an_array(words, capsys):
    assert cli.main(["trace", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 100 and len(lines) % 2 == 0
    for first, second in zip(lines[::2], lines[1::2]):
        assert re.match(r"\S.* +\([\d,]+\) +norm \S+ +\S", first), first
        assert re.match(r"    \S.* minram/[\w/]+\.py:\d+$", second), second
    assert any(line.startswith("core.W ") for line in lines)
    assert any(" …" in line for line in lines[::2]) == (words != ["--tiny"])  # of the small agent, every number
