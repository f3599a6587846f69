"""Small functions as students write them, right, and with one mistake each in the gradient."""

import numpy as np

from minram.gradcheck import check_adjoint, check_complex_step, check_directions, check_gradient, check_pair


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- a layer with a mean squared error: f(params), gradients by the side ----

N, IN, OUT = 6, 3, 4
X, Y = rng(1).standard_normal((N, IN)), rng(2).standard_normal((N, OUT))


def layer(n=N):
    """(f, params, right gradients) of mean over n rows of Σ (tanh(x W + b) − y)²."""
    x, y = X[:n], Y[:n]
    p = {"W": rng(3).standard_normal((IN, OUT)), "b": rng(4).standard_normal(OUT)}

    def f(q):
        return np.sum((np.tanh(x @ q["W"] + q["b"]) - y) ** 2) / n

    t = np.tanh(x @ p["W"] + p["b"])
    dz = 2 * (t - y) * (1 - t * t) / n
    return f, p, {"W": x.T @ dz, "b": dz.sum(axis=0)}, dz


def of_layer(change, check=check_gradient, n=N, **options):
    """The report on the layer's gradients g = {"W", "b"} after change(g, dz) → the entries that are wrong."""
    f, p, g, dz = layer(n)
    return check(f, p, g | change(g, dz), facts={"N": n}, **options)


def square(change):
    """The same for Σ sin(A W B), W (4, 4), whose transpose fits."""
    A, B, W = rng(5).standard_normal((3, 4, 4))
    g = {"W": A.T @ np.cos(A @ W @ B) @ B.T}
    return check_gradient(lambda q: np.sum(np.sin(A @ q["W"] @ B)), {"W": W}, change(g))


# ---- pairs ----


def dense(x, W, b):
    y = np.maximum(x @ W + b, 0)
    return y, (x, W, y)


def dense_backward(dy, cache):
    x, W, y = cache
    dz = dy * (y > 0)
    return dz @ W.T, {"W": x.T @ dz, "b": dz.sum(axis=0)}


def dense_inputs():
    return {
        "x": rng(6).standard_normal((7, 5)),
        "W": rng(7).standard_normal((5, 4)),
        "b": 2 + rng(8).standard_normal(4),
    }


def smooth(x, W, b):
    y = np.tanh(x @ W + b)
    return y, (x, W, y)


def smooth_backward(dy, cache, slope=lambda y: 1 - y * y):
    x, W, y = cache
    dz = dy * slope(y)
    return dz @ W.T, {"W": x.T @ dz, "b": dz.sum(axis=0)}


def of_pair(backward, forward=dense):
    return check_pair(forward, backward, dense_inputs(), rng=rng(9))


def changed(edit, backward=dense_backward):
    """backward with edit(dx, gradients, dy, cache) → what it returns instead."""
    return lambda dy, cache: edit(*backward(dy, cache), dy, cache)


STEPS = 5


def recurrent(x, U, V):
    """h_t = tanh(h_{t−1} U + x_t V), all T of them: x (T, N, in)."""
    h = [np.zeros((x.shape[1], len(U)))]
    for t in range(len(x)):
        h.append(np.tanh(h[t] @ U + x[t] @ V))
    return np.array(h[1:]), (x, U, V, np.array(h))


def recurrent_backward(dh, cache, carry="dz @ U.T", steps=slice(None)):
    x, U, V, h = cache
    dx, dU, dV = np.zeros_like(x), np.zeros_like(U), np.zeros_like(V)
    back = np.zeros_like(h[0])
    for t in list(reversed(range(len(x))))[steps]:
        total = dh[t] + back
        dz = total * (1 - h[t + 1] ** 2)
        dx[t], dU, dV = dz @ V.T, dU + h[t].T @ dz, dV + x[t].T @ dz
        back = {"dz @ U.T": dz @ U.T, "dz @ U": dz @ U, "dh @ U.T": total @ U.T, "dh_t @ U.T": dh[t] @ U.T}[carry]
    return {"x": dx, "U": dU, "V": dV}


def of_recurrent(**how):
    shapes = {"x": (STEPS, 2, 3), "U": (4, 4), "V": (3, 4)}
    inputs = {name: rng(i).standard_normal(shape) for i, (name, shape) in enumerate(shapes.items())}
    return check_pair(recurrent, lambda dh, c: recurrent_backward(dh, c, **how), inputs, rng=rng(9), facts={"T": STEPS})


# ---- policies, losses, tables ----

SIGMA, M = 0.15, 16
ACTION = rng(10).standard_normal((5, 2))


def gaussian(change):
    """Σ w log N(a; μ, σ²) by μ and log σ, with one σ for both."""
    w = rng(11).standard_normal(5)
    p = {"mu": rng(12).standard_normal((5, 2)), "log_std": np.log([SIGMA, 0.4])}

    def f(q):
        z = (ACTION - q["mu"]) / SIGMA
        return np.sum(w[:, None] * -0.5 * z * z) + np.sum(w[:, None] * (-0.5 * (ACTION / np.exp(q["log_std"])) ** 2))

    right = {
        "mu": w[:, None] * (ACTION - p["mu"]) / SIGMA**2,
        "log_std": np.sum(w[:, None] * (ACTION / np.exp(p["log_std"])) ** 2, axis=0),
    }
    return check_gradient(f, p, right | change(right, p), facts={"σ": SIGMA})


def leave_one_out(change):
    """Σ over rollouts of (r − mean of the other M − 1) · score, by the scores' parameters."""
    r = rng(13).standard_normal((3, M))
    others = (r.sum(axis=1, keepdims=True) - r) / (M - 1)
    p = {"score": rng(14).standard_normal((3, M))}
    right = {"score": r - others}
    return check_gradient(lambda q: np.sum((r - others) * q["score"]), p, change(right, r), facts={"M": M, "B": 3})


def classifier(change):
    """Weighted cross-entropy: −Σ w_n log softmax(z_n)_label."""
    w, labels = rng(15).uniform(0.5, 2, 5), np.array([0, 2, 1, 1, 0])
    p = {"z": rng(16).standard_normal((5, 3))}

    def f(q):
        return np.sum(w * (np.log(np.exp(q["z"]).sum(axis=1)) - q["z"][np.arange(5), labels]))

    e = np.exp(p["z"])
    right = (e / e.sum(axis=1, keepdims=True) - np.eye(3)[labels]) * w[:, None]
    return check_gradient(f, p, {"z": change(right, w)})


ROWS = np.array([0, 2, 2, 4])


def lookup(add):
    """Rows of a table, one of them twice: its gradient is a sum."""
    v, p = rng(17).standard_normal((4, 3)), {"table": rng(18).standard_normal((6, 3))}
    g = np.zeros((6, 3))
    add(g, ROWS, v)
    return check_gradient(lambda q: np.sum(v * np.sin(q["table"][ROWS])), p, {"table": g * np.cos(p["table"])})


def dropout(change):
    keep = rng(19).random((5, 4)) < 0.8
    v, p = rng(20).standard_normal((5, 4)), {"x": rng(21).standard_normal((5, 4))}
    return check_gradient(
        lambda q: np.sum(v * np.sin(q["x"]) * keep) / 0.8,
        p,
        {"x": change(v * np.cos(p["x"]) * keep / 0.8, keep, v * np.cos(p["x"]) / 0.8)},
        facts={"keep": 0.8},
    )


def convolution(change):
    """Σ v · (x ∗ k), by the kernel."""
    x, v, p = rng(22).standard_normal(12), rng(23).standard_normal(8), {"k": rng(24).standard_normal(5)}
    right = np.array([np.sum(v * x[4 - i : 12 - i]) for i in range(5)])
    return check_gradient(lambda q: np.sum(v * np.convolve(x, q["k"], "valid")), p, {"k": change(right)})


def returns(change):
    """Σ_t w_t (r_t + r_{t+1} + …), by the rewards: each has the sum of the w before it."""
    w, p = rng(25).standard_normal(6), {"r": rng(26).standard_normal(6)}
    return check_gradient(
        lambda q: np.sum(w * q["r"][::-1].cumsum()[::-1]), p, {"r": change(w.cumsum(), w)}, facts={"T": 6}
    )


def image(change):
    """Σ v · sin(x) of a batch of square images."""
    v, p = rng(27).standard_normal((2, 3, 3)), {"x": rng(28).standard_normal((2, 3, 3))}
    return check_gradient(lambda q: np.sum(v * np.sin(q["x"])), p, {"x": change(v * np.cos(p["x"]))})


A = rng(29).standard_normal((5, 8))


def linear_map(adjoint):
    return check_adjoint(lambda u: A @ u, adjoint, (8,), (5,), rng(30))


def float32(a):
    return a.astype(np.float32).astype(np.float64)


def where(array, index, value):
    """A copy with some entries replaced."""
    made = array.copy()
    made[index] = value
    return made


def directions(*given, **options):
    return check_directions(*given, rng=rng(31), **options)


# The mistake, what was done, the parameter, the report, what the finding has to say.
FAULTS = [
    ("factor", "a sum where the mean belongs", "W", lambda: of_layer(lambda g, dz: {"W": N * g["W"]}), "N: a sum"),
    ("factor", "the mean taken twice", "W", lambda: of_layer(lambda g, dz: {"W": g["W"] / N}), "1/N: a mean"),
    (
        "factor",
        "the 2 of the square forgotten",
        "b",
        lambda: of_layer(lambda g, dz: {"b": g["b"] / 2}),
        "2 of a square",
    ),
    ("doubled", "added twice", "b", lambda: of_layer(lambda g, dz: {"b": 2 * g["b"]}), "counted twice"),
    ("factor", "right to five digits", "W", lambda: of_layer(lambda g, dz: {"W": g["W"] * 1.00001}), "1.00001"),
    ("sign", "descent and ascent mixed up", "W", lambda: of_layer(lambda g, dz: {"W": -g["W"]}), ""),
    ("sign", "seen along directions", "W", lambda: of_layer(lambda g, dz: {"W": -g["W"]}, check=directions), "5 of 5"),
    ("sign", "of one block", "W", lambda: of_layer(lambda g, dz: {"W": g["W"] * [[-1], [-1], [1]]}), "axis 0: 0, 1"),
    ("missing", "never filled", "b", lambda: of_layer(lambda g, dz: {"b": 0 * g["b"]}), "4 of 4"),
    ("missing", "one unit", "W", lambda: of_layer(lambda g, dz: {"W": g["W"] * [1, 1, 0, 1]}), "axis 1: 2"),
    ("doubled", "one row", "W", lambda: of_layer(lambda g, dz: {"W": g["W"] * [[1], [2], [1]]}), "axis 0: 1"),
    (
        "decay",
        "weight decay in one of the two",
        "W",
        lambda: of_layer(lambda g, dz: {"W": g["W"] + 0.01 * layer()[1]["W"]}),
        "0.01 times",
    ),
    (
        "single precision",
        "computed in float32",
        "W",
        lambda: of_layer(lambda g, dz: {"W": float32(g["W"])}, rtol=1e-9),
        "single-precision ones",
    ),
    ("not finite", "a nan", "W", lambda: of_layer(lambda g, dz: {"W": where(g["W"], (1, 2), np.nan)}), "1 of 12"),
    (
        "only one parameter",
        "noise in one",
        "b",
        lambda: of_layer(lambda g, dz: {"b": rng(32).standard_normal(4)}),
        "only b",
    ),
    (
        "transposed",
        "a reshape where a transpose belongs",
        "W",
        lambda: of_layer(lambda g, dz: {"W": g["W"].T.reshape(IN, OUT)}),
        "reshape",
    ),
    (
        "wrong axis",
        "the bias summed over the units",
        "b",
        lambda: of_layer(lambda g, dz: {"b": dz.sum(axis=1)}, n=4),
        "sums are right",
    ),
    ("transposed", "a square matrix", "W", lambda: square(lambda g: {"W": g["W"].T.copy()}), ""),
    ("transposed", "and the sign too", "W", lambda: square(lambda g: {"W": -g["W"].T}), "sign is wrong"),
    ("shifted", "columns by one", "W", lambda: square(lambda g: {"W": np.roll(g["W"], 1, axis=1)}), "axis 1"),
    ("reversed", "rows from last to first", "W", lambda: square(lambda g: {"W": g["W"][::-1].copy()}), "axis 0"),
    ("another order", "rows shuffled", "W", lambda: square(lambda g: {"W": g["W"][[2, 0, 3, 1]]}), "16 numbers"),
    (
        "transposed",
        "height and width of images",
        "x",
        lambda: image(lambda g: g.transpose(0, 2, 1).copy()),
        "(0, 2, 1)",
    ),
    (
        "mask",
        "a ReLU's mask forgotten",
        "W",
        lambda: of_pair(lambda dy, c: (dy @ c[1].T, {"W": c[0].T @ dy, "b": dy.sum(0)})),
        "closed ReLU",
    ),
    ("dy ignored", "ones for dy", "W", lambda: of_pair(lambda dy, c: dense_backward(np.ones_like(dy), c)), ""),
    (
        "not linear",
        "dy clipped on the way",
        "W",
        lambda: of_pair(lambda dy, c: dense_backward(np.clip(dy, dy.min() / 2, 0.5), c)),
        "",
    ),
    (
        "missing",
        "the last row left out",
        "b",
        lambda: of_pair(changed(lambda dx, g, dy, c: (dx, g | {"b": (dy * (c[2] > 0))[:-1].sum(0)}))),
        "row of dy: 6",
    ),
    (
        "doubled",
        "the first row twice",
        "W",
        lambda: of_pair(
            changed(lambda dx, g, dy, c: (dx, g | {"W": g["W"] + np.outer(c[0][0], (dy * (c[2] > 0))[0])}))
        ),
        "row of dy: 0",
    ),
    (
        "missing",
        "dx of one row",
        "x",
        lambda: of_pair(changed(lambda dx, g, dy, c: (where(dx, 3, 0.0), g))),
        "axis 0: 3",
    ),
    (
        "factor by index",
        "each row with the next row's input",
        "W",
        lambda: of_pair(changed(lambda dx, g, dy, c: (dx, g | {"W": np.roll(c[0], -1, 0).T @ (dy * (c[2] > 0))}))),
        "same along axis 1",
    ),
    (
        "factor by index",
        "tanh' forgotten",
        "W",
        lambda: of_pair(lambda dy, c: smooth_backward(dy, c, np.ones_like), smooth),
        "same along axis 0",
    ),
    (
        "factor by index",
        "1 − y for 1 − y²",
        "W",
        lambda: of_pair(lambda dy, c: smooth_backward(dy, c, lambda y: 1 - y), smooth),
        "same along axis 0",
    ),
    ("carried back", "dh carried for dz", "x", lambda: of_recurrent(carry="dh @ U.T"), "last index of axis 0"),
    ("carried back", "U untransposed", "x", lambda: of_recurrent(carry="dz @ U"), "last index of axis 0"),
    (
        "carried back",
        "U untransposed, by the weights",
        "V",
        lambda: of_recurrent(carry="dz @ U"),
        "first index of row of dy",
    ),
    ("carried back", "dh of one step alone carried", "x", lambda: of_recurrent(carry="dh_t @ U.T"), ""),
    ("missing", "the first step never reached", "x", lambda: of_recurrent(steps=slice(0, -1)), "axis 0: 0"),
    (
        "factor",
        "a division by σ forgotten",
        "mu",
        lambda: gaussian(lambda g, p: {"mu": g["mu"] * SIGMA}),
        "; σ: a division by σ",
    ),
    (
        "factor",
        "σ for σ² forgotten",
        "mu",
        lambda: gaussian(lambda g, p: {"mu": g["mu"] * SIGMA**2}),
        "σ²: a division by σ²",
    ),
    ("factor", "divided by σ twice too often", "mu", lambda: gaussian(lambda g, p: {"mu": g["mu"] / SIGMA**2}), "1/σ²"),
    (
        "chain rule",
        "by σ where log σ belongs",
        "log_std",
        lambda: gaussian(lambda g, p: {"log_std": g["log_std"] / np.exp(p["log_std"])}),
        "log σ",
    ),
    (
        "factor",
        "the mean includes the rollout itself",
        "score",
        lambda: leave_one_out(lambda g, r: {"score": r - r.mean(axis=1, keepdims=True)}),
        "1 − 1/M: the mean includes",
    ),
    (
        "factor",
        "a sum over rollouts for their mean",
        "score",
        lambda: leave_one_out(lambda g, r: {"score": M * g["score"]}),
        "M: a sum where the mean",
    ),
    (
        "factor",
        "a mean over images and rollouts",
        "score",
        lambda: leave_one_out(lambda g, r: {"score": g["score"] / r.size}),
        "1/(M·B)",
    ),
    (
        "factor by index",
        "the weights of rows forgotten",
        "z",
        lambda: classifier(lambda g, w: g / w[:, None]),
        "index of axis 0",
    ),
    ("factor", "log₂ for log", "z", lambda: classifier(lambda g, w: g / np.log(2)), "base 2"),
    (
        "only there",
        "the second of two equal rows lost",
        "table",
        lambda: lookup(lambda g, rows, v: g.__setitem__(rows, v)),
        "axis 0: 2",
    ),
    ("mask", "dropout's mask forgotten", "x", lambda: dropout(lambda g, keep, open_: open_), "not 0 where"),
    ("factor", "dropout's scale forgotten", "x", lambda: dropout(lambda g, keep, open_: g * 0.8), "keep"),
    ("reversed", "a correlation for a convolution", "k", lambda: convolution(lambda g: g[::-1].copy()), ""),
    ("reversed", "returns summed from the wrong end", "r", lambda: returns(lambda g, w: g[::-1].copy()), ""),
    ("shifted", "the reward of the step itself left out", "r", lambda: returns(lambda g, w: g - w), "i−1"),
    ("doubled", "an adjoint, by inner products", "adjoint", lambda: linear_map(lambda v: 2 * A.T @ v), ""),
    ("sign", "by the complex step", "W", lambda: of_layer(lambda g, dz: {"W": -g["W"]}, check=check_complex_step), ""),
]


def right():
    """The reports on the same functions with nothing changed."""
    return [
        of_layer(lambda g, dz: {}),
        of_layer(lambda g, dz: {}, check=directions),
        of_layer(lambda g, dz: {}, check=check_complex_step),
        of_layer(lambda g, dz: {}, n=4),
        square(lambda g: g),
        of_pair(dense_backward),
        of_pair(smooth_backward, smooth),
        of_recurrent(),
        gaussian(lambda g, p: {}),
        leave_one_out(lambda g, r: g),
        classifier(lambda g, w: g),
        lookup(np.add.at),
        dropout(lambda g, keep, open_: g),
        convolution(lambda g: g),
        returns(lambda g, w: g),
        image(lambda g: g),
        linear_map(lambda v: A.T @ v),
    ]


def unrelated(n=10):
    """Reports on gradients that have nothing to do with the right ones, n times for each function."""
    found = []
    for seed in range(n):
        r = rng(100 + seed)

        def noise(a, r=r):
            return np.abs(a).mean() * r.standard_normal(a.shape)

        found += [
            of_layer(lambda g, dz: {name: noise(a) for name, a in g.items()}),
            of_layer(lambda g, dz: {name: noise(a) for name, a in g.items()}, check=directions),
            square(lambda g: {"W": noise(g["W"])}),
            gaussian(lambda g, p: {name: noise(a) for name, a in g.items()}),
            leave_one_out(lambda g, r: {"score": noise(g["score"])}),
            classifier(lambda g, w: noise(g)),
            convolution(noise),
            returns(lambda g, w: noise(g)),
            image(noise),
        ]
    fixed = {name: rng(7).standard_normal(a.shape) for name, a in dense_inputs().items()}

    def other(dy, cache):  # linear in dy, as the right one is, with other matrices
        W, x = rng(40).standard_normal((5, 4)), fixed["x"]
        return np.sin(7 * x) * (dy @ W.T), {
            "W": x.T @ (dy @ rng(41).standard_normal((4, 4))),
            "b": dy @ W.T @ np.ones(5) @ rng(42).standard_normal((7, 4)),
        }

    return [*found, of_pair(other)]
