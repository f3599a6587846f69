"""Sheet 4: a Gaussian policy, its score, and one update of REINFORCE."""

import numpy as np

from building.worksheets.records import Given, Sheet, question
from building.worksheets.short import WEIGHTS, short, unlike

SIGMA, RATE = 0.5, 0.25


def closer(a, mu, mu2):
    """By how much the log-density of a grows if the mean moves from mu to mu2."""
    return (((a - mu) ** 2).sum() - ((a - mu2) ** 2).sum()) / (2 * SIGMA**2)


def sheet(rng):
    h, W = rng.choice([0.5, 1], (1, 2)), rng.choice([w for w in WEIGHTS if abs(w) < 2], (2, 2))
    c, eps = rng.choice([-0.5, -0.25, 0.25, 0.5], (1, 2)), rng.choice([-2, -1, -0.5, 0.5, 1, 2], (1, 2))
    r, b = float(rng.integers(2)), rng.choice([0.25, 0.5, 0.75])
    mu = h @ W + c
    a = mu + SIGMA * eps
    l = np.clip(a, -1, 1)
    score, A = (a - mu) / SIGMA**2, r - b
    dmu = -A * score
    dW = h.T @ dmu
    W2, c2 = W - RATE * dW, c - RATE * dmu
    mu2 = h @ W2 + c2
    change = closer(a, mu, mu2)
    if not unlike(W) or dW[0, 1] == dW[1, 0] or h[0, 0] == h[0, 1]:
        return None
    if (np.abs(mu) > 1).any() or (np.abs(a) > 1).sum() != 1 or (mu == 0).any():
        return None
    if (np.abs(a) == 1).any() or abs(eps[0, 0]) == abs(eps[0, 1]) or np.sign(change) != np.sign(A):
        return None
    if not short(mu, a, dmu, dW, W2, c2, decimals=4, below=5) or not short(mu2, decimals=6):
        return None
    word = "right" if r else "wrong"
    ask = (
        question(
            4,
            "a",
            "$mu$, the mean",
            "mu = h W + c",
            mu,
            (h @ W.T + c, "W is transposed"),
            (h @ W, "the bias is missing"),
        ),
        question(
            4,
            "b",
            "$a$, the draw",
            "a = mu + sigma epsilon",
            a,
            (mu + eps, "σ is missing"),
            (mu + SIGMA**2 * eps, "this has σ²: the standard deviation belongs here"),
            (mu - SIGMA * eps, "the sign of ε"),
            after=lambda own: own["a"] + SIGMA * eps,
        ),
        question(
            4,
            "c",
            "$l$, where the sensor looks",
            "l = min(max(a, -1), 1)",
            l,
            (a, "the sensor stays in the image"),
            after=lambda own: np.clip(own["b"], -1, 1),
        ),
        question(
            4,
            "d",
            "The score, $partial log pi(a) \\/ partial mu$",
            "(a - mu) \\/ sigma^2",
            score,
            ((l - mu) / SIGMA**2, "the score is that of the draw a, not of the clipped location"),
            ((a - mu) / SIGMA, "this is divided by σ: divide by σ²"),
            (a - mu, "this is not yet divided by σ²"),
            (-score, "the sign: a − μ"),
            after=lambda own: (own["b"] - own["a"]) / SIGMA**2,
        ),
        question(
            4,
            "e",
            f"The label was {word}: $r = {r:g}$. The advantage",
            "r - b",
            [[A]],
            ([[-A]], "the sign: r − b"),
            ([[r]], "the baseline is missing"),
        ),
        question(
            4,
            "f",
            "$dif mu$, for $L = -J$, which is to fall",
            "dif mu = -(r - b) (a - mu) \\/ sigma^2",
            dmu,
            (-dmu, "the sign: training goes down on −J"),
            (-r * score, "the baseline is missing"),
            (-A * (l - mu) / SIGMA**2, "the score is that of the draw a, not of the clipped location"),
            (-A * (a - mu) / SIGMA, "this is divided by σ: divide by σ²"),
            after=lambda own: -own["e"] * own["d"],
        ),
        question(
            4,
            "g",
            "$dif W$",
            "dif W = h^T dif mu",
            dW,
            (dW.T, "this is the transpose"),
            (-dW, "the sign"),
            after=lambda own: h.T @ own["f"],
        ),
        question(
            4,
            "h",
            f"$W$ after one step, $eta = {RATE}$",
            "W - eta thin dif W",
            W2,
            (W + RATE * dW, "the sign: downhill"),
            (W - dW, "the step size is missing"),
            after=lambda own: W - RATE * own["g"],
        ),
        question(
            4,
            "i",
            "$c$ after it",
            "c - eta thin dif c, quad dif c = dif mu",
            c2,
            (c + RATE * dmu, "the sign: downhill"),
            (c - dmu, "the step size is missing"),
            after=lambda own: c - RATE * own["f"],
        ),
        question(
            4,
            "j",
            "$mu$ after it",
            "mu' = h W' + c'",
            mu2,
            (h @ W2 + c, "c has moved too"),
            (h @ W + c2, "W has moved too"),
            after=lambda own: h @ own["h"] + own["i"],
        ),
        question(
            4,
            "k",
            "By how much the log-density of this $a$ has changed, to three decimals",
            "log pi'(a) - log pi(a) = (abs(a - mu)^2 - abs(a - mu')^2) \\/ (2 sigma^2)",
            [[change]],
            ([[-change]], "the sign: the new one minus the old one"),
            ([[change / 4]], "the 2σ² below is ½"),
            ([[2 * change]], "the 2 of 2σ² is missing"),
            round_to=3,
            after=lambda own: closer(own["b"], own["a"], own["j"]),
        ),
    )
    text = (
        "Places go from $-1$ to $1$, and the sensor looks at the nearest place inside. "
        "A state $h$ sends the next glimpse to a draw from $N(mu, sigma^2)$ with $mu = h W + c$ and "
        "$sigma = 1\\/2$. The draw of "
        "the noise was $epsilon$. What was expected of the state is $b$, the baseline; then came the reward."
    )
    given = (Given("h", h), Given("W", W), Given("c", c), Given("epsilon", eps), Given("b", np.array([[b]])))
    return Sheet(4, "One update of REINFORCE", text, given, ask, "lessons 0, 5 and 6")
