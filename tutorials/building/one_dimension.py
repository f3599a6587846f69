"""REINFORCE in one dimension, exactly: what the page's JavaScript finds by quadrature, from closed formulas.

With z = (a − μ)/σ, the moments E[z^n; p < z < q] of a truncated normal come from integration by parts,

    I_n = (n − 1) I_{n−2} + p^{n−1} φ(p) − q^{n−1} φ(q),    I_0 = Φ(q) − Φ(p),    I_1 = φ(p) − φ(q),

and a bump times the density is another Gaussian.
"""

import numpy as np
from scipy.special import ndtr


def settings(n, seed):
    """n random settings of the page, of all rewards in turn: plain dicts."""
    rng = np.random.default_rng(seed)
    low, high = np.array([-1, 0.05, -1.2, 0.05, -0.5]), np.array([1, 0.8, 1.2, 0.6, 1.5])
    names = ("c", "w", "mu", "sigma", "b")
    kinds = ("step", "bump", "slope")
    drawn = [dict(zip(names, (low + (high - low) * rng.random(5)).tolist())) for _ in range(n)]
    return [{"reward": kinds[i % 3], "M": int(2 ** rng.integers(9)), **s} for i, s in enumerate(drawn)]


def exact(s):
    """J, gradient, best (b*), square (E[r² z²]), variance at b, pathwise and pathwiseVariance of a setting."""
    std, b = s["sigma"], s["b"]
    m, square, slope, slope_square = {"step": _step, "bump": _bump, "slope": _slope}[s["reward"]](s)
    gradient = m[1] / std
    return {
        "J": m[0],
        "gradient": gradient,
        "best": m[2],
        "square": square,
        "variance": (square - 2 * b * m[2] + b * b) / std**2 - gradient**2,
        "pathwise": slope,
        "pathwiseVariance": slope_square - slope**2,
    }


def _phi(z):
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _truncated(p, q):
    """E[z^n; p < z < q] for n = 0 … 4; q may be infinite."""
    at = (lambda n: 0.0) if np.isinf(q) else (lambda n: q**n * _phi(q))
    found = [float(ndtr(q) - ndtr(p) if p < 0 else ndtr(-p) - ndtr(-q)), float(_phi(p) - at(0))]
    for n in (2, 3, 4):
        found.append(float((n - 1) * found[n - 2] + p ** (n - 1) * _phi(p) - at(n - 1)))
    return found


def _step(s):
    found = _truncated((s["c"] - s["mu"]) / s["sigma"], np.inf)
    return found[:3], found[2], 0.0, 0.0


def _slope(s):
    """r = (z − p)/(q − p) between p and q, 1 beyond."""
    p, q = ((s["c"] + side * s["w"] / 2 - s["mu"]) / s["sigma"] for side in (-1, 1))
    inside, beyond, per = _truncated(p, q), _truncated(q, np.inf), s["sigma"] / s["w"]
    m = [per * (inside[n + 1] - p * inside[n]) + beyond[n] for n in range(3)]
    square = per**2 * (inside[4] - 2 * p * inside[3] + p * p * inside[2]) + beyond[2]
    return m, square, inside[0] / s["w"], inside[0] / s["w"] ** 2


def _bump(s):
    """exp(−(a − c)²/2w²) φ is a height times the density of N(m, v) in z; of its square, with w/√2 for w."""

    def gaussian(w):
        k, d = w / s["sigma"], (s["c"] - s["mu"]) / s["sigma"]
        v = k * k / (1 + k * k)
        return np.sqrt(v) * np.exp(-0.5 * d * d / (1 + k * k)), d / (1 + k * k), v, k, d

    height, m, v, k, d = gaussian(s["w"])
    moments = [height, height * m, height * (v + m * m)]
    slope = -(m - d) * height / k**2 / s["sigma"]  # r′ = −(z − d)/k² · r, per σ
    height, m, v, _, _ = gaussian(s["w"] / np.sqrt(2))
    slope_square = ((m - d) ** 2 + v) * height / k**4 / s["sigma"] ** 2
    return [float(x) for x in moments], float(height * (v + m * m)), float(slope), float(slope_square)
