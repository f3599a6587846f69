from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import log_softmax

from minram import gradcheck, ops

SMOOTH, RELU = 1e-8, 1e-7  # the stated accuracy of the checks, relative


def rng():
    return np.random.default_rng(1)


def check(forward, backward, inputs, rtol):
    gradcheck.check_pair(forward, backward, inputs, rng=rng(), rtol=rtol).raise_if_failed()


@pytest.mark.parametrize("N", [1, 7])
def test_linear(N):
    r = rng()
    inputs = {"x": r.normal(size=(N, 4)), "W": r.normal(size=(4, 3)), "b": r.normal(size=3)}
    check(ops.linear_forward, ops.linear_backward, inputs, SMOOTH)
    y, cache = ops.linear_forward(**inputs)
    want = [[sum(x[i] * inputs["W"][i, j] for i in range(4)) + inputs["b"][j] for j in range(3)] for x in inputs["x"]]
    np.testing.assert_allclose(y, want, rtol=0, atol=8 * np.finfo(float).eps * np.abs(want).max())
    dx, grads = ops.linear_backward(y, cache, input_gradient=False)
    assert dx is None
    np.testing.assert_array_equal(grads["W"], ops.linear_backward(y, cache)[1]["W"])


def test_linear_writes_where_it_is_told():
    r = rng()
    x, W, b = r.normal(size=(5, 4)), r.normal(size=(4, 3)), r.normal(size=3)
    wide = np.full((5, 6), 9.0)
    y, _ = ops.linear_forward(x, W, b, out=wide[:, 2:5])
    np.testing.assert_array_equal(wide[:, 2:5], ops.linear_forward(x, W, b)[0])
    assert np.shares_memory(y, wide)
    assert (wide[:, [0, 1, 5]] == 9).all()


def test_relu():
    x = rng().normal(size=(6, 5))
    x += np.sign(x) * 0.1  # away from the kink
    check(ops.relu_forward, ops.relu_backward, {"x": x}, RELU)
    y, cache = ops.relu_forward(np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(y, [0, 0, 2])
    np.testing.assert_array_equal(ops.relu_backward(np.array([3.0, 3.0, 3.0]), cache), [0, 0, 3])


def test_relu_in_place():
    x = rng().normal(size=(6, 5))
    want, mask = np.where(x > 0, x, 0), x > 0
    y, _ = ops.relu_forward(x, out=x)
    np.testing.assert_array_equal(y, want)
    assert y is x
    dy = np.ones((6, 5))
    assert ops.relu_backward(dy, y, out=dy) is dy
    np.testing.assert_array_equal(dy, mask)


def test_tanh():
    x = rng().normal(size=(6, 5))
    check(ops.tanh_forward, ops.tanh_backward, {"x": x}, SMOOTH)
    v = rng().normal(size=x.shape)
    out = np.empty_like(x)
    assert ops.tanh_forward(x, out=out)[0] is out
    _, cache = ops.tanh_forward(x)
    report = gradcheck.check_complex_step(
        lambda p: (v * ops.tanh_forward(p["x"])[0]).sum(), {"x": x}, {"x": ops.tanh_backward(v, cache)}
    )
    report.raise_if_failed()


@pytest.mark.parametrize("shape", [(1,), (6,), (3, 2)])
def test_cross_entropy(shape):
    r = rng()
    inputs = {"logits": 3 * r.normal(size=(*shape, 4)), "labels": r.integers(0, 4, shape)}
    check(ops.cross_entropy_forward, lambda dy, c: (ops.cross_entropy_backward(dy, c),), inputs, SMOOTH)
    loss, cache = ops.cross_entropy_forward(**inputs)
    logp = log_softmax(inputs["logits"], axis=-1)
    want = -np.take_along_axis(logp, inputs["labels"][..., None], -1)[..., 0]
    # log Σ exp of numbers up to 10 in absolute value, each rounded a few times.
    np.testing.assert_allclose(loss, want, rtol=0, atol=8 * np.finfo(float).eps * 10)
    np.testing.assert_allclose(cache.p, np.exp(logp), rtol=32 * np.finfo(float).eps)
    # The probabilities sum to 1, so each row's cotangents sum to 0.
    dlogits = ops.cross_entropy_backward(np.ones(shape), cache)
    np.testing.assert_allclose(dlogits.sum(-1), 0, atol=8 * np.finfo(float).eps)


def test_cross_entropy_of_every_step_shares_the_labels():
    r = rng()
    logits, labels = r.normal(size=(3, 5, 4)), r.integers(0, 4, 5)
    loss, cache = ops.cross_entropy_forward(logits, labels)
    dlogits = ops.cross_entropy_backward(np.ones((3, 5)), cache)
    for t in range(3):
        want, one = ops.cross_entropy_forward(logits[t], labels)
        np.testing.assert_array_equal(loss[t], want)
        np.testing.assert_array_equal(dlogits[t], ops.cross_entropy_backward(np.ones(5), one))


def test_cross_entropy_cannot_overflow():
    logits = np.array([[1e4, 0.0], [-1e4, 1e4]])
    loss, cache = ops.cross_entropy_forward(logits, np.array([0, 0]))
    np.testing.assert_array_equal(loss, [0, 2e4])
    np.testing.assert_array_equal(ops.cross_entropy_backward(np.ones(2), cache), [[0, 0], [-1, 1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_follows_the_data(dtype):
    x, W, b = np.ones((2, 3), dtype), np.ones((3, 4), dtype), np.ones(4, dtype)
    y, cache = ops.linear_forward(x, W, b)
    dx, grads = ops.linear_backward(y, cache)
    loss, ce = ops.cross_entropy_forward(y, np.array([0, 1]))
    t, t_cache = ops.tanh_forward(y)
    arrays = [
        y,
        dx,
        *grads.values(),
        loss,
        ops.cross_entropy_backward(loss, ce),
        ops.tanh_backward(t, t_cache),
        ops.relu_backward(*ops.relu_forward(y)),
    ]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}


@ops.show_shapes
class Record(NamedTuple):
    x: Any
    rest: Any = 0


def test_a_record_shows_the_shapes_of_its_arrays():
    assert repr(Record(np.zeros((2, 3)), (1, np.zeros(9)))) == "Record(x (2,3), rest tuple(…))"
    assert repr(Record(-1.5, "a")) == "Record(x -1.5, rest 'a')"
    text = "Record(x (), rest '" + "a-b " * 22  # of 107 characters
    for end, lines in (("x", 1), ("xx", 2)):  # with '): 110 and 111
        found = repr(Record(np.zeros(()), "a-b " * 22 + end)).splitlines()
        assert " ".join(line.strip() for line in found) == f"{text}{end}')" and len(found) == lines
        assert max(map(len, found)) <= 110 and not any(line.endswith("-") for line in found)
    assert found[1] == "    xx')"
