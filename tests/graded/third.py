"""A third right solution of each task, as someone would write it who lets the computer do the calculus."""

import numpy as np

STEP = 1e-30  # of the complex step, which subtracts nothing and so loses nothing


def slope(f, x):
    """The gradient of a number f(x) by an array x, by the complex step."""
    x = np.asarray(x, complex)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 1j * STEP
        gradient[index] = np.imag(f(moved)) / STEP
    return gradient


def relu(z):
    return np.where(z.real > 0, z, 0)


def task3_1(copies, shift):
    x, y = np.tile([1.0, 2.0], copies), np.arange(3.0)
    a = slope(lambda w: sum(w * x), 1.0) / 3

    def loss(s):
        return np.log(np.exp(y + s).sum()) - y[0] - s

    return {"a": a, "b": a / copies, "c": slope(lambda b: relu(b - 9), 0.0), "d": np.round(loss(shift) - loss(0), 9)}


def task3_2(x1, x2):
    def L(v):
        return (v[0] + v[1] + v[2]) * (v[0] * v[1] + v[3])

    return dict(zip(("x1", "x2", "sum", "product"), slope(L, [x1, x2, 0, 0])))


def task3_3(dy, x):
    small = np.exp(-np.abs(x))
    return dy * np.where(x >= 0, 1, small) / (1 + small)


def task3_4(dy, cache):
    xhat, root, scale = cache
    x = xhat * root  # of mean 0, which changes nothing

    def L(x):
        centred = x - x.mean(axis=1, keepdims=True)
        return (dy * scale * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)).sum()

    return slope(L, x), {"scale": slope(lambda s: (dy * s * xhat).sum(), scale), "shift": dy.sum(axis=0)}


def task3_5(delta, cache):
    def L(x):
        y, total = 0, 0
        for t in range(len(x)):
            y = y / 2 + x[t]
            total = total + (delta[t] * y).sum()
        return total

    return slope(L, np.zeros(delta.shape))


def task4_1(T, w):
    def last(z, w, every):
        h, total = z, z
        for _ in range(T - 1):
            h = w * h
            total = total + h
        return total if every else h

    return {
        "a": slope(lambda z: last(z, 0, False), 1.0),
        "b": slope(lambda z: last(z, w, False), 1.0),
        "c": slope(lambda z: last(z, 1, True), 1.0),
        "d": slope(lambda z: last(z, w, True), 1.0),
    }


def task4_2(W_h, W_g, g, delta):
    def L(v):
        h, total = 0, 0
        for t in range(len(g)):
            h = relu(np.asarray(v[0] * h + v[1] * g[t] + v[2 + t]))
            total = total + delta[t] * h
        return total

    found = slope(L, [W_h, W_g, *np.zeros(len(g))])
    return {"dz": found[2:], "dW_h": found[0], "dW_g": found[1]}


def task4_3(x, dz):
    return sum(np.outer(x[t, n], dz[n, t]) for t in range(len(x)) for n in range(len(dz)))


def unrolled(step, W, b, g, dh):
    h, total = np.zeros((g.shape[1], len(b))), 0
    for t in range(len(g)):
        h = step(h, np.concatenate([h, g[t]], axis=1) @ W + b)
        total = total + (dh[t] * h).sum()
    return total


def of_core(step, W, b, g, dh):
    return (
        slope(lambda g: unrolled(step, W, b, g, dh), g),
        slope(lambda W: unrolled(step, W, b, g, dh), W),
        slope(lambda b: unrolled(step, W, b, g, dh), b),
    )


def task4_4(W, dh, hg, h):
    D = h.shape[-1]
    b = np.where(h > 0, h - hg @ W, -1e9).max(axis=(0, 1))  # what an open unit shows of its bias
    return of_core(lambda h, z: relu(z), W, b, hg[..., D:], dh)


def task4_5(dh, cache):
    hg, z, W = cache
    D = dh.shape[-1]
    b, g = (z - hg @ W)[0, 0], hg[..., D:]
    return of_core(lambda h, z: 0.75 * h + 0.25 * relu(z), W, b, g, dh)


def task6_1(k, c, M, T):
    return {"a": k * 1.0, "b": 0, "c": np.sqrt(1 / M), "d": 1.0 / T}


def softmax(y):
    return np.exp(y) / np.exp(y).sum()


def task6_2(p, r, j):
    y = np.log(p)
    says = [r[a] * slope(lambda y, a=a: np.log(softmax(y)[a]), y)[j] for a in range(len(p))]
    return {"says": np.array(says), "mean": slope(lambda y: softmax(y) @ r, y)[j]}


def task6_3(a, theta):
    return np.array([slope(lambda theta, one=one: theta - np.exp(theta) * one, theta) for one in a])


def task6_4(y, a, r):
    return slope(lambda y: (r * np.log(softmax(y))[a]).mean(), y)


def task6_5(theta, a1, s, a2):
    def log_p(theta, n):
        z = theta[0], theta[1] + theta[2] * s[n]
        return sum(-np.log(1 + np.exp(-z[k] if a == 1 else z[k])) for k, a in enumerate((a1[n], a2[n])))

    return np.array([slope(lambda theta, n=n: log_p(theta, n), theta) for n in range(len(s))])


def task6_6(h, W, b, log_std, a, r):
    def J(W, b):
        return (r[:, None] * -((a - h @ W - b) ** 2) / (2 * np.exp(2 * log_std))).sum() / len(r)

    return slope(lambda W: J(W, b), W), slope(lambda b: J(W, b), b)


def task7_1(c, N, x):
    return {"a": 1.0, "b": 1 - N**-1, "c": 0.0, "d": 1.0}


def task7_2(p, right, left):
    chance, r, psi = np.array([p, 1 - p]), np.array([right, left]), np.array([1 - p, -p])
    best = (chance * psi**2) @ r / (chance @ psi**2)
    # As on the proof sheet; it comes to 0 but for rounding.
    square, product = chance @ psi**2, chance @ (r * psi**2)
    variance = chance @ (r * psi) ** 2 - 2 * best * product + best**2 * square - (chance @ (r * psi)) ** 2
    return {"mean reward": chance @ r, "says": (r - chance @ r) * psi, "best": best, "variance": variance}


def task7_3(centred):
    return np.array([one - np.delete(centred, n).mean() for n, one in enumerate(centred)])


def task7_4(p, r, psi, eta):
    def spread(b):
        return (p[:, None] * ((r - b)[:, None] * psi * eta) ** 2).sum()

    low, middle, high = spread(-1.0), spread(0.0), spread(1.0)
    return (low - high) / (2 * (low + high - 2 * middle))


def task7_5(d, N):
    return (N - 1 + d) / N


def task7_6(mean, a, std, r, b):
    def J(mean):
        return ((r - b)[:, :, None] * -((a - mean) ** 2)).sum() / (2 * std**2 * len(r))

    return slope(J, mean), slope(lambda b: ((r - b) ** 2).sum() / (2 * len(r)), b)
