"""Small problems whose gradient is known: the step of lesson 6, Mohamed's costs, ink, bits. See laboratory.py."""

import numpy as np
from scipy.special import expit
from scipy.stats import norm

import variance as v
from laboratory import Problem, Way
from minram.datasets import data
from minram.sensor import sensor_backward_location, sensor_forward, summed_area

# ---- one Gaussian decision ----


def gaussian(title, f, df, mu, std, truth, M=8, low=None, high=None):
    """The problem ∂/∂μ E f(a), a ~ N(μ, σ²), μ (k,). f: a (…, k) → (…); df: its slope → (…, k).

    low, high (Q, 1): the cells of a line within which f is constant, if it is a step. What is fitted (b*, the
    quadratic) is fitted once, on 2,000 other samples, as a training has those of the steps before; they do not count
    as cost.
    """
    k = len(mu)

    def given(z):  # (n, M, k) → G (n, M, 1), psi (n, M, 1, k), noise (n, M, 1, k), slope (n, M, 1, k, k)
        slope = np.broadcast_to(np.eye(k), (*z.shape[:2], 1, k, k))
        return f(mu + std * z)[..., None], (z / std)[:, :, None], z[:, :, None], slope

    def drawn(rng, n, rollouts=M):
        return given(rng.standard_normal((n, rollouts, k)))

    G, psi, z, _ = drawn(np.random.default_rng(100), 2000, 1)
    best, c = v.best_constant(G, psi), v.fit_quadratic(G, z)

    def score_ways(estimate):
        return lambda rng, n: estimate(*drawn(rng, n)[:2])

    def of_pairs(rng, n):
        return v.plain(*given(v.mirrored(rng.standard_normal((n, M // 2, k))))[:2])

    def of_quadratic(rng, n):
        G, _, z, slope = drawn(rng, n)
        return v.less_quadratic(G, z, slope, std, c)

    def of_path(rng, n):
        _, _, z, slope = drawn(rng, n)
        return v.pathwise(df(mu + std * z), slope)

    def of_measure(rng, n):
        w = np.sqrt(2 * rng.standard_exponential((n, M // 2)))
        return v.measure_valued(lambda a: f(a[..., None]), mu[0], std, w)

    def of_hit_cells(rng, n):
        a = mu + std * rng.standard_normal((n, M, k))
        q = np.searchsorted(high[:-1, 0], a[..., 0])
        return v.leave_one_out(f(a)[..., None], v.cell_score(mu, std, low[q], high[q])[:, :, None])

    def of_all_cells(rng, n):
        inside = (np.maximum(low, -99) + np.minimum(high, 99)) / 2  # a point of each cell
        return np.tile(v.over_cells(mu, std, low, high, f(inside))[1], (n, 1))

    ways = {
        "plain": Way(score_ways(v.plain), M),
        "mean, itself included": Way(score_ways(v.own_mean), M, 1 - 1 / M),
        "leave one out": Way(score_ways(v.leave_one_out), M),
        "best constant b*": Way(score_ways(lambda G, psi: v.baselined(G, psi, best)), M),
        "fitted quadratic": Way(of_quadratic, M),
        "antithetic pairs": Way(of_pairs, M),
        "normalised returns": Way(score_ways(v.normalised), M, None),
    }
    if k == 1:
        ways["measure-valued"] = Way(of_measure, M)
    if low is not None:
        ways |= {"leave one out, cell's score": Way(of_hit_cells, M), "all cells": Way(of_all_cells, len(low))}
    ways["pathwise"] = Way(of_path, 2 * M, 1 if low is None else 0)  # the slope of a step is 0
    return Problem(title, np.atleast_1d(truth), ways)


def step(c=0.25, mu=0.1, std=0.2):
    """The step reward of lesson 6: 1 beyond c. J = Φ((μ − c)/σ)."""
    low, high = np.array([[-np.inf], [c]]), np.array([[c], [np.inf]])
    truth = norm.pdf((mu - c) / std) / std
    return gaussian(
        "The step reward",
        lambda a: (a[..., 0] > c).astype(float),
        lambda a: 0 * a,
        np.array([mu]),
        std,
        truth,
        low=low,
        high=high,
    )


# Mohamed and others (2020), figures 2 and 3: cost f(x; k), its slope, the range of k, and the k of our table.
COSTS = {
    "(x − k)²": (lambda x, k: (x - k) ** 2, lambda x, k: 2 * (x - k), (-3.0, 3.0), 0.0),
    "exp(−k x²)": (lambda x, k: np.exp(-k * x * x), lambda x, k: -2 * k * x * np.exp(-k * x * x), (0.1, 10.0), 1.0),
    "cos kx": (lambda x, k: np.cos(k * x), lambda x, k: -k * np.sin(k * x), (0.5, 5.0), 1.0),
}


def quadrature(nodes=4001, width=12.0):
    """Nodes z and weights of E f(z), z ~ N(0, 1), by the trapezoidal rule: for smooth f exact to rounding."""
    z = np.linspace(-width, width, nodes)
    weights = norm.pdf(z)
    return z, weights / weights.sum()


def cost(name, k=None):
    """One of the costs, with x ~ N(1, 1) and the gradient in the mean; the truth by quadrature of f(x) (x − μ)."""
    f, df, _, at = COSTS[name]
    k = at if k is None else k
    z, weights = quadrature()
    return gaussian(
        f"{name}, k = {k:g}",
        lambda a: f(a[..., 0], k),
        lambda a: df(a, k),
        np.ones(1),
        1.0,
        weights @ (f(1 + z, k) * z),
    )


def ink(std=0.15, width=8, mean=(0.45, -0.6)):
    """The ink of lesson 6: the mean brightness of a glimpse of the continuous sensor. Truth: a grid of 241² nodes."""
    d = data.load()
    area, mean = summed_area(d.x_test[d.y_test == 4][2:3].astype(float) / 255), np.array(mean)

    def look(a):
        rows = a.reshape(-1, 2)
        return sensor_forward(area, rows, (1,), width, np.zeros(len(rows), int), continuous=True)

    def brightness(a):
        return look(a)[0].mean(axis=1).reshape(a.shape[:-1])

    def slope(a):
        phi, cache = look(a)
        return sensor_backward_location(np.full_like(phi, 1 / phi.shape[1]), cache).reshape(a.shape)

    z, weights = quadrature(241, 5.0)  # beyond 5σ lies 6e-7
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1)
    truth = np.einsum("i,j,ij,ijk->k", weights, weights, brightness(mean + std * grid), grid) / std
    return gaussian("Ink under the continuous sensor", brightness, slope, mean, std, truth)


# ---- bits ----


def bits(title, reward, k, logit=0.0, M=4):
    """k Bernoulli bits that share one logit; reward: b (…, k) → (…). The truth is a sum over all 2^k outcomes."""
    p = expit(logit)
    outcomes = (np.arange(2**k)[:, None] >> np.arange(k)) & 1
    chance = np.where(outcomes, p, 1 - p).prod(axis=1)
    truth = chance @ (reward(outcomes) * (outcomes - p).sum(axis=1))

    def given(u):  # (n, M, k) uniform numbers → G (n, M, 1), psi (n, M, 1, 1)
        b = (u < p).astype(float)
        return reward(b)[..., None], (b - p).sum(axis=-1)[..., None, None]

    def way(estimate):
        return lambda rng, n: estimate(*given(rng.random((n, M, k))))

    best = v.best_constant(*given(np.random.default_rng(100).random((2000, 1, k))))
    ways = {
        "plain": Way(way(v.plain), M),
        "mean, itself included": Way(way(v.own_mean), M, 1 - 1 / M),
        "leave one out": Way(way(v.leave_one_out), M),
        "best constant b*": Way(way(lambda G, psi: v.baselined(G, psi, best)), M),
        "antithetic pairs": Way(lambda rng, n: v.plain(*given(v.mirrored(rng.random((n, M // 2, k)), 0.5))), M),
        "normalised returns": Way(way(v.normalised), M, None),
        "all outcomes": Way(lambda rng, n: np.full((n, 1), truth), 2**k),
    }
    return Problem(title, np.array([truth]), ways)


def rebar(t=0.45):
    """The toy of REBAR (Tucker and others 2017) and RELAX (Grathwohl and others 2018): reward (b − t)²."""
    return bits(f"One bit, (b − {t})²", lambda b: (b[..., 0] - t) ** 2, 1)


def kool():
    """Three bits, Σ (b − p₀)²: the toy of Liu and others (2019) and Kool and others (2020), here at logit 0."""
    return bits("Three bits", lambda b: ((b - np.array([0.6, 0.51, 0.48])) ** 2).sum(axis=-1), 3)


def toys():
    """All problems of this file."""
    return [step(), *(cost(name) for name in COSTS), ink(), rebar(), kool()]
