"""The small agent of lesson 6 as a problem of lesson 13: three glimpses, all of whose histories are enumerated.

Images of 7 × 7 pixels, an aligned sensor of 2 × 2, and a network that does not hear where it looks. So a decision
matters only by the one of 64 cells that it hits, and 64² histories are all that can happen to an image. What is known
of each is tabulated once: h_t, μ_t and the chance of the right label. Rollouts are then look-ups, and J is a sum. There
are three digits here, so that images differ; the label is drawn, so that it is random too; and the first glimpse is in
a corner. J is climbed by the location head, (W, b).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

import variance as v
from laboratory import Problem, Way
from minram import reinforce
from minram.agent import backward, init_params, rollout
from minram.datasets import data
from minram.gradcheck.network import only
from minram.sensor import summed_area
from minram.training.config import Config
from minram.training.optim import optimiser_state, pack, update_in_place

UNITS = {"what_units": 4, "where_units": 1, "glimpse_units": 5, "core_units": 5}
CONFIG = Config(glimpses=3, patch_size=2, scales=(1,), **UNITS, std=0.3, recurrent_init="he", baseline="none")
DIGITS, LABELS = (4, 7, 0), np.arange(3)
START = np.array([-1.0, -1.0])  # a corner, where nothing is to be seen: all depends on what is done next
M = 8  # rollouts of an image in an estimate

_first = np.arange(-1, 7)  # the cells, as in lesson 6: a patch begins one pixel outside, or at pixel 0 to 6
_edges = np.concatenate([[-np.inf], (_first[1:] - 3) / 3.5, [np.inf]])
_y, _x = (a.ravel() for a in np.mgrid[:8, :8])
LOW, HIGH = np.stack([_edges[_x], _edges[_y]], axis=-1), np.stack([_edges[_x + 1], _edges[_y + 1]], axis=-1)  # (Q, 2)
MIDDLE = np.stack([(_first[_x] - 2.5) / 3.5, (_first[_y] - 2.5) / 3.5], axis=-1)
Q = len(MIDDLE)


class Known(NamedTuple):
    """All that can happen to B images. Index b the image, q the cell of glimpse 2, u that of glimpse 3."""

    h1: np.ndarray  # (B, core + 1) the state after glimpse 1, and a 1
    h2: np.ndarray  # (B, Q, core + 1)
    mu1: np.ndarray  # (B, 2)
    mu2: np.ndarray  # (B, Q, 2)
    p2: np.ndarray  # (B, Q) the chance of the right label after two glimpses
    p3: np.ndarray  # (B, Q, Q) after three
    P2: np.ndarray  # (B, Q) the chance of the cell
    P3: np.ndarray  # (B, Q, Q) given the one before


def images():
    d = data.load()
    digits = np.stack([d.x_test[d.y_test == digit][2] for digit in DIGITS])
    return digits.reshape(3, 7, 4, 7, 4).mean(axis=(2, 4)) / 255  # (3, 7, 7), means of 4 × 4 pixels


def parameters():
    """Random ones, and then 150 steps in which the labels are learned, so that it matters where the agent looks."""
    rng, area, config = np.random.default_rng(4), summed_area(images()), CONFIG.changed(rollouts=20)
    params = init_params(CONFIG, rng, 4, 1, np.float64)
    params = {name: x + rng.normal(0, 0.5, x.shape) for name, x in params.items()}
    params["glimpse.where.W"][:] = 0
    params["glimpse.where.b"][:] = -1  # the ReLU behind it is silent
    vector, params = pack(params)
    state = optimiser_state(CONFIG, vector)
    for step in range(150):
        t = rollout(params, CONFIG, area, rng, 20, start=START)
        heads, _ = reinforce.cotangents(t, LABELS, config)
        grads = backward(params, t, only(heads, "logits"), flow=("label",))
        gradient = np.concatenate([g.ravel() for g in grads.values()])
        update_in_place(CONFIG, vector, gradient, state, step, 0.02)
    return params


def tabulate(params):
    """Walk every path of every image once, with the package's rollout → Known."""
    B, area = len(LABELS), summed_area(images())
    paths = np.tile(np.stack([np.repeat(MIDDLE, Q, axis=0), np.tile(MIDDLE, (Q, 1))]), (1, B, 1))  # (2, B·Q², 2)
    start = rollout(params, CONFIG, area, np.random.default_rng(0), Q * Q, start=START)
    t = rollout(params, CONFIG, area, None, Q * Q, every_step=True, frozen=start._replace(sample=paths))

    def of(a):  # (N, …) → (B, Q, Q, …)
        return a.reshape(B, Q, Q, *a.shape[1:])

    h = np.concatenate([t.core.h, np.ones((*t.core.h.shape[:2], 1))], axis=-1)
    p = v.label_probability(t.logits, np.broadcast_to(LABELS[t.image], t.logits.shape[:2]))
    mu1, mu2 = of(t.mu[0])[:, 0, 0], of(t.mu[1])[:, :, 0]
    P2, P3 = (
        (ndtr((HIGH - mu[..., None, :]) / CONFIG.std) - ndtr((LOW - mu[..., None, :]) / CONFIG.std)).prod(axis=-1)
        for mu in (mu1, mu2)
    )
    return Known(of(h[0])[:, 0, 0], of(h[1])[:, :, 0], mu1, mu2, of(p[1])[:, :, 0], of(p[2]), P2, P3)


def expected(known, rewards):
    """J for rewards (B, Q, Q) of whole paths."""
    return np.einsum("bq,bqu,bqu->", known.P2, known.P3, rewards) / len(known.P2)


def gradient(known, rewards):
    """∇J by the location head, exactly: Σ P r Σ_t ∇ log P(cell) → (P,), W before b. rewards (B, Q, Q)."""
    weight = known.P2[:, :, None] * known.P3 * rewards / len(known.P2)  # (B, Q, Q)
    first = v.cell_score(known.mu1[:, None], CONFIG.std, LOW, HIGH)  # (B, Q, 2)
    second = v.cell_score(known.mu2[:, :, None], CONFIG.std, LOW, HIGH)  # (B, Q, Q, 2)
    by_first = np.einsum("bqu,bqk,bh->hk", weight, first, known.h1)
    return (by_first + np.einsum("bqu,bquk,bqh->hk", weight, second, known.h2)).ravel()


class Draws(NamedTuple):
    image: np.ndarray  # (n, 1)
    q: np.ndarray  # (n, M) the cell of glimpse 2
    u: np.ndarray  # (n, M) that of glimpse 3
    z: np.ndarray  # (n, M, 2, 2) the noise of both decisions
    states: np.ndarray  # (n, M, 2, core + 1)
    slope: np.ndarray  # (n, M, 2, 2, P) ∂μ_t/∂(W, b)
    psi: np.ndarray  # (n, M, 2, P)
    hit: np.ndarray  # (n, M, 2, P) the score of the cells instead


def cell_of(a):
    """The number of the cell that a location (…, 2) hits."""
    i = np.searchsorted(_edges[1:-1], a)
    return 8 * i[..., 1] + i[..., 0]


def draw(known, image, z):
    """Rollouts of images (n,) with noise z (n, M, 2, 2) → Draws."""
    image, std = image[:, None], CONFIG.std
    mu1 = np.broadcast_to(known.mu1[image], z[:, :, 0].shape)
    q = cell_of(mu1 + std * z[:, :, 0])
    mu2 = known.mu2[image, q]
    u = cell_of(mu2 + std * z[:, :, 1])
    states = np.stack([np.broadcast_to(known.h1[image], (*q.shape, known.h1.shape[-1])), known.h2[image, q]], axis=2)
    slope = np.einsum("nmdh,ik->nmdihk", states, np.eye(2)).reshape(*z.shape, -1)  # ∂μ_i/∂W_hk = h_h [k = i]
    hit = [v.cell_score(m, std, LOW[cell], HIGH[cell]) for m, cell in ((mu1, q), (mu2, u))]
    psi, hit = (np.einsum("nmdi,nmdip->nmdp", s, slope) for s in (z / std, np.stack(hit, axis=2)))
    return Draws(image, q, u, z, states, slope, psi, hit)


@cache
def known():
    return tabulate(parameters())


def drawn(rng, n, rollouts=M, mirror=False):
    image = rng.integers(len(LABELS), size=n)
    z = rng.standard_normal((n, rollouts // 2 if mirror else rollouts, 2, 2))
    return draw(known(), image, v.mirrored(z) if mirror else z)


def chance_of_right(d):
    """G (n, M, 1): the chance of the right label after the last glimpse."""
    return known().p3[d.image, d.q, d.u][..., None]


def all_cells(d):
    """The last decision over all cells at once, the first with the mean of what may follow → (n, P)."""
    k = known()
    mean, slope = v.over_cells(k.mu2[d.image, d.q], CONFIG.std, LOW, HIGH, k.p3[d.image, d.q])  # (n, M), (n, M, 2)
    last = np.einsum("nmi,nmip->np", slope, d.slope[:, :, 1]) / mean.shape[1]
    return v.leave_one_out(mean[..., None], d.hit[:, :, :1]) + last


def last_glimpse():
    """The agent with a reward after its last glimpse: a label that is drawn, or its chance of being right."""
    pilot = drawn(np.random.default_rng(100), 1000, 2)
    p = chance_of_right(pilot)
    best, w = v.best_constant(p, pilot.psi), v.fit_baseline(pilot.states, p)
    c = v.fit_quadratic(np.broadcast_to(p, pilot.z.shape[:3]), pilot.z)
    k = known()
    first_value = np.einsum("bq,bqu,bqu->b", k.P2, k.P3, k.p3)
    second_value = np.einsum("bqu,bqu->bq", k.P3, k.p3)

    def way(estimate, mirror=False):
        return lambda rng, n: estimate(drawn(rng, n, mirror=mirror))

    def of_drawn_label(rng, n):
        d = drawn(rng, n)
        p = chance_of_right(d)
        return v.plain((rng.random(p.shape) < p).astype(float), d.psi)

    def of_value(d):
        value = np.stack([np.broadcast_to(first_value[d.image], d.q.shape), second_value[d.image, d.q]], axis=-1)
        return v.baselined(chance_of_right(d), d.psi, value)

    G = chance_of_right
    ways = {
        "plain: the label is drawn": Way(of_drawn_label, M),
        "p_y": Way(way(lambda d: v.plain(G(d), d.psi)), M),
        "p_y, mean, itself included": Way(way(lambda d: v.own_mean(G(d), d.psi)), M, 1 - 1 / M),
        "p_y, leave one out": Way(way(lambda d: v.leave_one_out(G(d), d.psi)), M),
        "p_y, best constant b*": Way(way(lambda d: v.baselined(G(d), d.psi, best)), M),
        "p_y, learned b_t(h_t)": Way(way(lambda d: v.baselined(G(d), d.psi, d.states @ w)), M),
        "p_y, E[r | s_t] itself": Way(way(of_value), M),
        "p_y, fitted quadratic": Way(way(lambda d: v.less_quadratic(G(d), d.z, d.slope, CONFIG.std, c)), M),
        "p_y, antithetic pairs": Way(way(lambda d: v.plain(G(d), d.psi), mirror=True), M),
        "p_y, normalised": Way(way(lambda d: v.normalised(G(d), d.psi)), M, None),
        "p_y, leave one out, cells' scores": Way(way(lambda d: v.leave_one_out(G(d), d.hit)), M),
        "p_y, all cells of the last decision": Way(way(all_cells), M * (2 + Q) / 3),  # two glimpses, and 64 last ones
    }
    return Problem("The small agent, T = 3", gradient(k, k.p3), ways)


def every_glimpse():
    """The agent that is rewarded after each glimpse, with the label's chance: what reward-to-go is for.

    What it earned after the first glimpse, before any decision, is the image's own, and left out.
    """
    k = known()

    def rewards(d):
        return np.stack([k.p2[d.image, d.q], k.p3[d.image, d.q, d.u]], axis=-1)  # (n, M, 2) after each decision

    def way(estimate):
        def make(rng, n):
            d = drawn(rng, n)
            return estimate(rewards(d), d.psi)

        return make

    def everything(r):
        return r.sum(axis=-1, keepdims=True)

    ways = {
        "everything": Way(way(lambda r, psi: v.plain(everything(r), psi)), M),
        "reward-to-go": Way(way(lambda r, psi: v.plain(v.reward_to_go(r), psi)), M),
        "everything, leave one out": Way(way(lambda r, psi: v.leave_one_out(everything(r), psi)), M),
        "reward-to-go, leave one out": Way(way(lambda r, psi: v.leave_one_out(v.reward_to_go(r), psi)), M),
    }
    return Problem("The small agent, every glimpse rewarded", gradient(k, k.p2[:, :, None] + k.p3), ways)


def exact_parts():
    """The parts of Var(r ψ) of one rollout with a drawn label, by enumeration → as `variance.variance_parts`.

    E‖ψ‖² given a path is needed, with ψ = Σ_t h_t ⊗ z_t/σ: E[z² | cell] = 1 − (u φ(u) − v φ(v)) / (Φ(u) − Φ(v)), while
    the two decisions are independent given their cells.
    """
    k, std = known(), CONFIG.std

    def square(mu):  # E‖z/σ‖² in each cell (…, Q)
        high, low = (HIGH - mu[..., None, :]) / std, (LOW - mu[..., None, :]) / std
        end = [np.where(np.isfinite(x), x, 0) * norm.pdf(x) for x in (high, low)]
        return (1 - (end[0] - end[1]) / np.maximum(ndtr(high) - ndtr(low), 1e-300)).sum(axis=-1) / std**2

    first = v.cell_score(k.mu1[:, None], std, LOW, HIGH)
    second = v.cell_score(k.mu2[:, :, None], std, LOW, HIGH)
    length = (k.h1**2).sum(axis=-1)[:, None, None] * square(k.mu1)[:, :, None]
    length = length + (k.h2**2).sum(axis=-1)[:, :, None] * square(k.mu2)
    cross = np.einsum("bh,bqh,bqk,bquk->bqu", k.h1, k.h2, first, second)
    P = k.P2[:, :, None] * k.P3 / len(LABELS)
    squares = length + 2 * cross  # E‖ψ‖² on each path
    total = (P * k.p3 * squares).sum() - (gradient(k, k.p3) ** 2).sum()
    labels = (P * k.p3 * (1 - k.p3) * squares).sum()
    alone = np.eye(len(LABELS))[:, :, None, None] * len(LABELS)  # one image, and no other
    among = np.mean([(gradient(k, k.p3 * one) ** 2).sum() for one in alone]) - (gradient(k, k.p3) ** 2).sum()
    return {"images": among, "locations": total - labels - among, "labels": labels}
