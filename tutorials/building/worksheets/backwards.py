"""Sheet 2: linear, ReLU, linear, softmax; forward and backward."""

import numpy as np
from scipy.special import softmax

from building.worksheets.records import Given, Sheet, question
from building.worksheets.short import WEIGHTS, short, unlike


def sheet(rng):
    x, W, V = rng.choice([0.5, 1, 2, -1], (1, 2)), rng.choice(WEIGHTS, (2, 2)), rng.choice(WEIGHTS, (2, 2))
    b, c = rng.choice([-1, -0.5, 0.5, 1], (1, 2)), rng.choice([-1, -0.5, 0.5, 1], (1, 2))
    right = int(rng.integers(2))
    z = x @ W + b  # (1, 2)
    h = np.maximum(z, 0)
    y = h @ V + c
    gap = y[0, 0] - y[0, 1]
    dy = np.array([[1.0, 1.0]])
    dy[0, right] = -1  # times q, the probability of the wrong label
    dh = dy @ V.T
    dz = dh * (z > 0)
    dW, dV, dx = x.T @ dz, h.T @ dy, dz @ W.T
    if not unlike(W, V) or (z > 0).sum() != 1 or (z == 0).any() or (dh == 0).any() or (dx == 0).any():
        return None
    if abs(gap) not in (0.5, 1, 1.5, 2) or x[0, 0] == x[0, 1] or not short(z, y, dW, dV, dx, decimals=2, below=6):
        return None
    p = 1 / (1 + np.exp([[-gap, gap]]))  # (1, 2)
    e = np.exp(y)
    ask = (
        question(
            2,
            "a",
            "$z$, the first layer before its ReLU.",
            "z = x W + b",
            z,
            (x @ W.T + b, "W is transposed: column j of W makes z_j"),
            (x @ W, "the bias is missing"),
        ),
        question(
            2,
            "b",
            "$h$, after it.",
            "h = max(z, 0)",
            h,
            (z, "a negative number becomes 0"),
            (np.abs(z), "this is |z|: a negative number becomes 0"),
            after=lambda own: np.maximum(own["a"], 0),
        ),
        question(
            2,
            "c",
            "$y$, the logits of the two labels.",
            "y = h V + c",
            y,
            (h @ V.T + c, "V is transposed: column j of V makes y_j"),
            (h @ V, "the bias is missing"),
            (z @ V + c, "this is made of z: the second layer reads h"),
            after=lambda own: own["b"] @ V + c,
        ),
        question(
            2,
            "d",
            "$p$, their probabilities, to three decimals, with the table of exponentials.",
            "p_1 = 1 \\/ (1 + e^(y_2 - y_1)), quad p_2 = 1 \\/ (1 + e^(y_1 - y_2))",
            p,
            (p[:, ::-1], "the labels are swapped: the larger logit has the larger probability"),
            (e, "these are the exponentials: divide by their sum"),
            round_to=3,
            after=lambda own: softmax(own["c"], axis=1),
        ),
        question(
            2,
            "e",
            f"The right label is the {('first', 'second')[right]}. $q$ stands for the probability of the *wrong* one; "
            "from here on, write how many times $q$. First $dif y$.",
            'dif y = p - "onehot"',
            dy,
            (-dy, "the sign: what was said minus what is right"),
            unit="q",
        ),
        question(
            2,
            "f",
            "$dif V$",
            "dif V = h^T dif y",
            dV,
            (dV.T, "this is the transpose"),
            (z.T @ dy, "this is made of z: the layer has read h"),
            (-dV, "the sign"),
            unit="q",
            after=lambda own: own["b"].T @ own["e"],
        ),
        question(
            2,
            "g",
            "$dif h$",
            "dif h = dif y V^T",
            dh,
            (dy @ V, "V should be transposed on the way back"),
            (-dh, "the sign"),
            unit="q",
            after=lambda own: own["e"] @ V.T,
        ),
        question(
            2,
            "h",
            "$dif z$",
            "dif z = dif h dot [z > 0]",
            dz,
            (dh, "the ReLU lets nothing through where z < 0"),
            (dh * (z < 0), "the other way round: it lets through where z > 0"),
            unit="q",
            after=lambda own: own["g"] * (own["a"] > 0),
        ),
        question(
            2,
            "i",
            "$dif W$",
            "dif W = x^T dif z",
            dW,
            (dW.T, "this is the transpose"),
            (x.T @ dh, "this is made of dh: of the closed unit nothing comes"),
            (-dW, "the sign"),
            unit="q",
            after=lambda own: x.T @ own["h"],
        ),
        question(
            2,
            "j",
            "$dif x$",
            "dif x = dif z W^T",
            dx,
            (dz @ W, "W should be transposed on the way back"),
            (dh @ W.T, "this is made of dh: of the closed unit nothing comes"),
            unit="q",
            after=lambda own: own["h"] @ W.T,
        ),
    )
    text = (
        'Two layers, $z = x W + b$, $h = "ReLU"(z)$, $y = h V + c$, and a softmax. $dif y$ stands for '
        "$partial L \\/ partial y$, $L$ for the cross-entropy $-log p$ of the right label. "
        "$e^(0.5) = 1.649$, $e^1 = 2.718$, $e^(1.5) = 4.482$, $e^2 = 7.389$; $e^(-u) = 1 \\/ e^u$."
    )
    given = (Given("x", x), Given("W", W), Given("b", b), Given("V", V), Given("c", c))
    return Sheet(2, "Backwards through two layers", text, given, ask, "lessons 0 and 3")
