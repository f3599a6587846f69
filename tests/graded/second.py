"""A second right solution of each task, as someone would write it who thinks in sums over indices."""

import numpy as np


def task3_1(copies, shift):
    return dict(a=float(copies), b=copies / copies, c=0.0, d=shift - shift)


def task3_2(x1, x2):
    dx1 = 2 * x1 * x2 + x2**2  # L = x1² x2 + x1 x2²
    dx2 = x1**2 + 2 * x1 * x2
    return {"x1": dx1, "x2": dx2, "sum": x1 * x2, "product": x1 + x2}


def task3_3(dy, x):
    return dy * 0.5 * (1 + np.tanh(x / 2))


def task3_4(dy, cache):
    xhat, root, scale = cache
    N, D = xhat.shape
    dx = np.zeros((N, D))
    for n in range(N):
        jacobian = (np.eye(D) - 1 / D - np.outer(xhat[n], xhat[n]) / D) / root[n]
        dx[n] = jacobian @ (dy[n] * scale)
    return [dx, {"shift": np.ones(N) @ dy, "scale": np.einsum("nd,nd->d", dy, xhat)}]


def task3_5(delta, cache):
    T = len(delta)
    lag = np.arange(T) - np.arange(T)[:, None]
    return np.where(lag >= 0, 0.5 ** np.maximum(lag, 0), 0) @ delta


def task4_1(T, w):
    return {"a": 0.0, "b": np.power(w, T - 1), "c": T, "d": (1 - w**T) / (1 - w)}


def task4_2(W_h, W_g, g, delta):
    h, before, opened = 0.0, [], []
    for value in g:
        before.append(h)
        z = W_h * h + W_g * value
        opened.append(z > 0)
        h = max(z, 0)
    carried, dz = 0.0, []
    for d, on in zip(delta[::-1], opened[::-1]):
        carried = (d + W_h * carried) * on
        dz.insert(0, carried)
    return {"dz": dz, "dW_h": sum(a * b for a, b in zip(dz, before)), "dW_g": sum(a * b for a, b in zip(dz, g))}


def task4_3(x, dz):
    return np.tensordot(x, dz.transpose(1, 0, 2), axes=([0, 1], [0, 1]))


def task4_4(W, dh, hg, h):
    T, N, D = h.shape
    dW, db, dg = np.zeros_like(W), np.zeros(D), np.zeros((T, N, W.shape[0] - D))
    later = np.zeros((N, D))
    for t in range(T - 1, -1, -1):
        dz = np.where(h[t] > 0, dh[t] + later, 0.0)
        both = dz @ W.T
        later, dg[t] = both[:, :D], both[:, D:]
        dW += hg[t].T @ dz
        db += dz.sum(0)
    return dg, dW, db


def task4_5(dh, cache):
    hg, z, W = cache
    T, N, D = dh.shape
    dW, db, dg = 0 * W, np.zeros(D), np.zeros((T, N, W.shape[0] - D))
    later = np.zeros((N, D))
    for t in range(T)[::-1]:
        whole = dh[t] + later
        dz = np.where(z[t] > 0, whole / 4, 0)
        both = dz @ W.T
        later, dg[t] = 0.75 * whole + both[:, :D], both[:, D:]
        dW, db = dW + hg[t].T @ dz, db + dz.sum(axis=0)
    return dg, dW, db


def task6_1(k, c, M, T):
    return {"a": k, "b": 0 * c, "c": M**-0.5, "d": np.ones(T).mean() / np.ones(T).sum()}


def task6_2(p, r, j):
    says = [r[a] * ((1 - p[j]) if a == j else -p[j]) for a in range(len(p))]
    return {"says": says, "mean": p[j] * (r[j] - sum(p * r))}


def task6_3(a, theta):
    rate = np.exp(theta)
    return rate * (1 / rate - a)


def task6_4(y, a, r):
    p = np.exp(y) / sum(np.exp(y))
    total = -r.sum() * p
    np.add.at(total, a, r)
    return total / len(a)


def task6_5(theta, a1, s, a2):
    one = np.where(a1 == 1, 1 / (1 + np.exp(theta[0])), -1 / (1 + np.exp(-theta[0])))
    z = theta[1] + theta[2] * s
    two = np.where(a2 == 1, 1 / (1 + np.exp(z)), -1 / (1 + np.exp(-z)))
    return np.array([one, two, s * two]).T


def task6_6(h, W, b, log_std, a, r):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for t in range(len(h)):
        for n in range(len(r)):
            score = (a[t, n] - h[t, n] @ W - b) / np.exp(log_std) ** 2
            dW += np.outer(h[t, n], score) * r[n] / len(r)
            db += score * r[n] / len(r)
    return dW, db


def task7_1(c, N, x):
    return {"a": 1, "b": (N - 1) / N, "c": 0, "d": x**2 / x**2}


def task7_2(p, right, left):
    gap = right - left
    mean = left + p * gap
    return {
        "mean reward": mean,
        "says": [gap * (1 - p) ** 2, gap * p**2],
        "best": left + (1 - p) * gap,
        "variance": 0.0,
    }


def task7_3(centred):
    total = centred.sum()
    return centred - (total - centred) / (len(centred) - 1)


def task7_4(p, r, psi, eta):
    return np.average(r, weights=p * np.linalg.norm(eta * psi, axis=1) ** 2)


def task7_5(d, N):
    return d + (1 - d) * (N - 1) / N


def task7_6(mean, a, std, r, b):
    N = r.size
    error = b - r
    return np.einsum("tn,tnk->tnk", -error, (a - mean)) / (N * std * std), error / N
