"""Sheet 3: two steps of the core, forward and backward through time."""

import numpy as np

from building.worksheets.records import Given, Sheet, question
from building.worksheets.short import WEIGHTS, short, unlike


def sheet(rng):
    Wh, Wg = rng.choice(WEIGHTS, (2, 2)), rng.choice([-1, -0.5, 0.5, 1], (2, 2))
    b, g = rng.choice([-0.5, 0.5, 1], (1, 2)), rng.choice([0.5, 1, 2], (2, 2))
    delta = rng.choice([-2, -1, 1, 2], (2, 2))  # a row for each step, what the heads send
    z1 = g[:1] @ Wg + b
    h1 = np.maximum(z1, 0)
    z2 = h1 @ Wh + g[1:] @ Wg + b
    h2 = np.maximum(z2, 0)
    dz2 = delta[1:] * (z2 > 0)
    back = dz2 @ Wh.T
    dz1 = (delta[:1] + back) * (z1 > 0)
    dz = np.vstack([dz1, dz2])
    dWh, dWg, dg = h1.T @ dz2, g.T @ dz, dz @ Wg.T
    if not unlike(Wh, Wg) or dWg[0, 1] == dWg[1, 0] or dWh[0, 1] == dWh[1, 0]:
        return None
    if (z1 <= 0).any() or (z2 > 0).sum() != 1 or (z2 == 0).any() or (dz1 == 0).any():
        return None
    if (back == 0).any() or h1[0, 0] == h1[0, 1] or (g[0] == g[1]).any() or not short(h1, z2, dz, dWg, dg, decimals=2):
        return None
    ask = (
        question(
            3,
            "a",
            "$h_1$ (the state before it, $h_0$, is 0)",
            "h_1 = max(g_1 W_g + b, 0)",
            h1,
            (np.maximum(g[:1] @ Wg.T + b, 0), "W_g is transposed"),
            (np.maximum(g[:1] @ Wg, 0), "the bias is missing"),
        ),
        question(
            3,
            "b",
            "$h_2$",
            "h_2 = max(h_1 W_h + g_2 W_g + b, 0)",
            h2,
            (z2, "a negative number becomes 0"),
            (np.maximum(g[1:] @ Wg + b, 0), "the state of the step before is missing"),
            (np.maximum(h1 @ Wh.T + g[1:] @ Wg + b, 0), "W_h is transposed"),
            after=lambda own: np.maximum(own["a"] @ Wh + g[1:] @ Wg + b, 0),
        ),
        question(
            3,
            "c",
            "$dif z_2$, inside the ReLU of the second step",
            "dif z_2 = delta_2 dot [h_2 > 0]",
            dz2,
            (delta[1:], "the ReLU lets nothing through where h is 0"),
            after=lambda own: delta[1:] * (own["b"] > 0),
        ),
        question(
            3,
            "d",
            "What the second step sends back to $h_1$",
            "dif z_2 W_h^T",
            back,
            (dz2 @ Wh, "W_h should be transposed on the way back"),
            (delta[1:] @ Wh.T, "this is made of δ₂: of the closed unit nothing comes"),
            (dz2 @ Wg.T, "this goes back to g₂, through W_g"),
            after=lambda own: own["c"] @ Wh.T,
        ),
        question(
            3,
            "e",
            "$dif z_1$: the state $h_1$ was read twice",
            "dif z_1 = (delta_1 + dif z_2 W_h^T) dot [h_1 > 0]",
            dz1,
            (delta[:1], "what comes back from the second step is missing"),
            (back, "what the heads send to the first step is missing"),
            (delta[:1] - back, "both contributions are added"),
            (delta[:1] + dz2 @ Wh, "W_h should be transposed on the way back"),
            after=lambda own: (delta[:1] + own["d"]) * (own["a"] > 0),
        ),
        question(
            3,
            "f",
            "$dif W_h$",
            "dif W_h = h_0^T dif z_1 + h_1^T dif z_2",
            dWh,
            (dWh.T, "this is the transpose"),
            (h2.T @ dz2, "this is made of h₂: the step has read h₁"),
            (h1.T @ dz1, "step 1 has read h₀, which is 0"),
            (h1.T @ dz1 + dWh, "step 1 has read h₀, which is 0"),
            after=lambda own: own["a"].T @ own["c"],
        ),
        question(
            3,
            "g",
            "$dif W_g$",
            "dif W_g = g_1^T dif z_1 + g_2^T dif z_2",
            dWg,
            (dWg.T, "this is the transpose"),
            (g[1:].T @ dz2, "only the last step is in it"),
            (g[:1].T @ dz1, "only the first step is in it"),
            (dWg / 2, "this is the mean over the steps: take the sum"),
            after=lambda own: g.T @ np.vstack([own["e"], own["c"]]),
        ),
        question(
            3,
            "h",
            "$dif b$",
            "dif b = dif z_1 + dif z_2",
            dz1 + dz2,
            (dz2, "only the last step is in it"),
            ((dz1 + dz2) / 2, "this is the mean over the steps: take the sum"),
            after=lambda own: own["e"] + own["c"],
        ),
        question(
            3,
            "i",
            "$dif g_1$ and $dif g_2$, a row each",
            "dif g_t = dif z_t W_g^T",
            dg,
            (dz @ Wg, "W_g should be transposed on the way back"),
            (dg[::-1], "the steps are swapped"),
            (delta @ Wg.T, "this is made of δ: take dz, which is inside the ReLU"),
            after=lambda own: np.vstack([own["e"], own["c"]]) @ Wg.T,
        ),
    )
    text = (
        'The core, $h_t = "ReLU"(h_(t-1) W_h + g_t W_g + b)$, over two steps. The heads send $delta_1$ and $delta_2$ '
        "back to $h_1$ and $h_2$; all arrays have a row for each step."
    )
    given = (Given("W_h", Wh), Given("W_g", Wg), Given("b", b), Given("g", g), Given("delta", delta))
    return Sheet(3, "Two steps of the core, and back", text, given, ask, "lessons 0 and 4")
