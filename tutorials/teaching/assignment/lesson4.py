"""Tasks of lesson 4, rows and time: what is asked, what is right, and which mistakes have names."""

import numpy as np

from teaching.assignment.task import Part, Task, Wrong, only

# ---- 1: predict ----


def predict(T, w):
    return {"a": 0.0, "b": w ** (T - 1), "c": float(T), "d": sum(w**k for k in range(T))}


PREDICT = Task(
    "task4_1",
    "Predict",
    tuple(Part(key, key, 1) for key in "abcd"),
    lambda rng: [(6, 0.5), *((int(T), float(rng.uniform(0.4, 0.9))) for T in 3 + rng.permutation(5)[:3])],
    predict,
    (
        Wrong("with W_h = 0 there is no way back from the last step.", 0, lambda T, w: only(a=1.0)),
        Wrong("how many steps back is it from the last to the first?", 0, lambda T, w: only(b=w**T, c=T - 1)),
        Wrong("each step back multiplies by w; the steps do not add up.", 0, lambda T, w: only(b=w * (T - 1))),
        Wrong("how many of the states does z_1 reach, and what adds up?", 0, lambda T, w: only(c=1.0)),
        Wrong("that is the last state alone; z_1 reaches T of them.", 0, lambda T, w: only(d=w ** (T - 1))),
        Wrong("each of the T states has come a way of its own.", 0, lambda T, w: only(d=T * w)),
    ),
    pencil=True,
)

# ---- 2: numbers by hand ----


def by_hand(W_h, W_g, g, delta, gates=True, back=True, now=False):
    T, h, dz = len(g), np.zeros(len(g) + 1), np.zeros(len(g) + 1)  # h[t + 1] is the state after step t
    for t in range(T):
        h[t + 1] = max(W_h * h[t] + W_g * g[t], 0)
    for t in reversed(range(T)):
        dz[t] = (delta[t] + back * W_h * dz[t + 1]) * (h[t + 1] > 0 or not gates)
    return {"dz": dz[:T], "dW_h": dz[:T] @ (h[1:] if now else h[:T]), "dW_g": dz[:T] @ g}


def core_of_one(rng):
    """A unit that is shut at the second step, and open at the others; W_h negative."""
    cases = [(-1.0, 2.0, np.array([2.0, 1.0, 3.0]), np.array([1.0, 10.0, 100.0]))]
    for T in (3, 4, 5):
        W_h, W_g = -rng.uniform(0.5, 1), rng.uniform(1, 2)
        g = rng.uniform(1, 2, T)
        g[1], g[3:] = -rng.uniform(0.2, 1), g[3:] + 2  # open for good
        cases.append((float(W_h), float(W_g), g, rng.uniform(1, 9, T)))
    return cases


def last_alone(W_h, W_g, g, delta):
    whole = by_hand(W_h, W_g, g, delta)
    before = by_hand(W_h, W_g, g, np.eye(len(g))[-1], back=False)["dW_h"]  # h_{T−1}
    return whole | {"dW_h": delta[-1] * before, "dW_g": delta[-1] * g[-1]}


BY_HAND = Task(
    "task4_2",
    "Numbers by hand",
    (Part("dz", "dz", 2), Part("dW_h", "dW_h", 1), Part("dW_g", "dW_g", 1)),
    core_of_one,
    by_hand,
    (
        Wrong("the second gate is shut, is it not?", 0.25, lambda *x: by_hand(*x, gates=False)),
        Wrong("each step needs what comes back from the next one.", 0.25, lambda *x: by_hand(*x, back=False)),
        Wrong(
            "neither a gate nor what comes back from the next step.", 0, lambda *x: by_hand(*x, gates=False, back=False)
        ),
        Wrong("which h did it multiply? The one before.", 0.5, lambda *x: by_hand(*x, now=True)),
        Wrong("a weight adds up its uses; this is the last one alone.", 0.25, last_alone),
    ),
    lambda W_h, W_g, g, delta: {"T": len(g)},
    pencil=True,
)

# ---- 3: rows ----


def rows(x, dz):
    return np.einsum("tni,ntj->ij", x, dz)


ROWS = Task(
    "task4_3",
    "Rows",
    (Part("dW", "", 4),),
    lambda rng: [
        (rng.standard_normal((T, N, i)), rng.standard_normal((N, T, j)))
        for T, N, i, j in ((3, 5, 4, 2), (5, 3, 3, 3), (4, 4, 2, 5), (4, 3, 3, 3))
    ],
    rows,
    (
        Wrong(
            "rows of different steps meet: to reshape is not to transpose.",
            0.25,
            lambda x, dz: x.reshape(-1, x.shape[-1]).T @ dz.reshape(-1, dz.shape[-1]),
        ),
        Wrong(
            "this is the mean over the steps; the weight is used at each, and uses add up.",
            0.5,
            lambda x, dz: rows(x, dz) / len(x),
        ),
        Wrong(
            "this is the mean over the rows; the weight is used in each, and uses add up.",
            0.5,
            lambda x, dz: rows(x, dz) / len(dz),
        ),
        Wrong(
            "this is the mean over all steps and rows; the weight is used in each, and uses add up.",
            0.5,
            lambda x, dz: rows(x, dz) / dz.shape[0] / dz.shape[1],
        ),
        Wrong("this is the last step alone; the weight is used at each.", 0, lambda x, dz: rows(x[-1:], dz[:, -1:])),
    ),
    lambda x, dz: {"T": x.shape[0], "N": x.shape[1]},
)

# ---- 4: the core ----


def core(W, dh, hg, h, gate=None, turned=True, back=True, whole=False):
    """gate: of which step (0: its own, −1: of the one before); whole: what is carried back is dh instead of dz."""
    T, _, D = h.shape
    opened = h > 0
    if gate == "none":
        opened = np.ones_like(opened)
    elif gate == "before":
        opened = np.concatenate([opened[:1], opened[:-1]])
    dz, carried = np.zeros_like(dh), np.zeros_like(dh[0])
    for t in reversed(range(T)):
        total = dh[t] + back * carried
        dz[t] = total * opened[t]
        carried = (total if whole else dz[t]) @ (W[:D].T if turned else W[:D])
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


def states(W, b, g, step):
    """[h_{t−1}, g_t] and h of all steps, with h_t = step(h_{t−1}, z_t)."""
    h, inputs, out = np.zeros((g.shape[1], len(b))), [], []
    for g_t in g:
        inputs.append(np.concatenate([h, g_t], axis=1))
        h = step(h, inputs[-1] @ W + b)
        out.append(h)
    return np.stack(inputs), np.stack(out)


def core_cases(rng):
    cases = []
    for T, N, D, F in ((4, 3, 5, 2), (3, 4, 3, 3), (5, 2, 4, 3)):
        W, b, g = rng.standard_normal((D + F, D)) / 2, rng.uniform(0, 1, D), rng.standard_normal((T, N, F))
        hg, h = states(W, b, g, lambda h, z: np.maximum(z, 0))
        cases.append((W, rng.standard_normal(h.shape), hg, h))
    return cases


CORE = Task(
    "task4_4",
    "The core",
    (Part("dg of the last step", "0@-1", 1), Part("dg of all steps", "0", 3), Part("dW", "1", 1), Part("db", "2", 1)),
    core_cases,
    core,
    (
        Wrong("nothing comes from the next step.", 0.25, lambda *x: core(*x, back=False)),
        Wrong("what comes back goes through W_h, which has to be transposed.", 0.5, lambda *x: core(*x, turned=False)),
        Wrong("what comes from the next step has gone through that step's gate.", 0.5, lambda *x: core(*x, whole=True)),
        Wrong(
            "the gates are missing: where a unit is shut, nothing comes back.", 0.25, lambda *x: core(*x, gate="none")
        ),
        Wrong("this is the gate of another step.", 0.5, lambda *x: core(*x, gate="before")),
        Wrong(
            "this is the mean over the steps; a weight is used at each, and uses add up.",
            0.5,
            lambda *x: (core(*x)[0], core(*x)[1] / len(x[1]), core(*x)[2] / len(x[1])),
        ),
    ),
    lambda W, dh, hg, h: {"T": len(h), "N": h.shape[1]},
)

# ---- 5: a core that forgets slowly ----


def slow(dh, cache, direct=True, quarter=True, late=False, mapped=True):
    (hg, z, W), D = cache, dh.shape[-1]
    dz, whole, carried = np.zeros_like(dh), np.zeros_like(dh[0]), np.zeros_like(dh[0])
    for t in reversed(range(len(dh))):
        before = (dh[t + 1] if t + 1 < len(dh) else 0 * dh[0]) if late else whole
        whole = dh[t] + mapped * carried + 0.75 * direct * before
        dz[t] = (0.25 if quarter else 1) * whole * (z[t] > 0)
        carried = dz[t] @ W[:D].T
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


def slow_cases(rng):
    cases = []
    for T, N, D, F in ((4, 3, 5, 2), (6, 2, 3, 3), (3, 4, 4, 3)):
        W, b, g = rng.standard_normal((D + F, D)), rng.uniform(0, 1, D), rng.standard_normal((T, N, F))
        hg, h = states(W, b, g, lambda h, z: 0.75 * h + 0.25 * np.maximum(z, 0))
        cases.append((rng.standard_normal(h.shape), (hg, hg @ W + b, W)))
    return cases


SLOW = Task(
    "task4_5",
    "A core that forgets slowly",
    (Part("dg of the last step", "0@-1", 1), Part("dg of all steps", "0", 4), Part("dW", "1", 1), Part("db", "2", 1)),
    slow_cases,
    slow,
    (
        Wrong("the way from h_t through z_{t+1} is missing.", 0.25, lambda *x: slow(*x, mapped=False)),
        Wrong("the direct way from h_t to h_{t+1} is missing.", 0.25, lambda *x: slow(*x, direct=False)),
        Wrong(
            "the direct way carries the whole cotangent of h_{t+1}, not what the heads send to it.",
            0.5,
            lambda *x: slow(*x, late=True),
        ),
        Wrong("¼ stands between dh_t and dz_t.", 0.5, lambda *x: slow(*x, quarter=False)),
        Wrong("this is the core without a running mean.", 0, lambda *x: slow(*x, quarter=False, direct=False)),
        Wrong(
            "this is the mean over the steps; a weight is used at each, and uses add up.",
            0.5,
            lambda *x: (slow(*x)[0], slow(*x)[1] / len(x[0]), slow(*x)[2] / len(x[0])),
        ),
    ),
    lambda dh, cache: {"T": len(dh), "N": dh.shape[1]},
)

TASKS = (PREDICT, BY_HAND, ROWS, CORE, SLOW)
