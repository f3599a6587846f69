# Tasks of the assignment that lesson 4 has with fixed numbers; here they are functions of the numbers.

# %%
import numpy as np

from exercise import answers, exercise, finish, same
from minram.core import CoreCache, core_backward

# %% [markdown]
# **1. Predict.** A core of some units and $T$ steps. Every unit is on at every step, $W_g$ is the identity, and only
# the last step is judged: $\delta_T$ is something, the others are 0. Four numbers, for any $T$ and any number $w$.
#
# - `a`: $W_h = 0$. What is the norm of $\mathrm{d}g_1$?
# - `b`: $W_h$ is $w$ times the identity. By what is $\mathrm{d}z_T$ multiplied to give $\mathrm{d}z_1$?
# - `c`: all $T$ steps send the same $\delta$, and $W_h$ is the identity. By what is $\delta$ multiplied to give
#   $\mathrm{d}z_1$?
# - `d`: all $T$ steps send the same $\delta$, and $W_h$ is $w$ times the identity. By what now?


# %% tags=["solution"]
def task4_1(T, w):
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    # z_1 reaches all T states; the way to the k-th after it has k factors w.
    return {"a": 0, "b": w ** (T - 1), "c": T, "d": sum(w**k for k in range(T))}


# %%
@exercise("1. Predict")
def check_predict():
    def dz(recurrent, judged, T):
        W = np.concatenate([recurrent * np.eye(4), np.eye(4)])
        dh = np.zeros((T, 2, 4))
        dh[judged] = 0.5
        on = CoreCache(np.ones((T, 2, 8)), np.ones((T, 2, 4)))
        return core_backward({"core.W": W, "core.b": np.zeros(4)}, dh, on)[0]  # W_g is the identity, so this is dz

    hints = {
        "a": "Which way could anything come from the last step to the first?",
        "b": "How many steps back is it from the last to the first?",
        "c": "How many of the states does $z_1$ reach, and what adds up?",
        "d": "The same sum, but each term has come a way of its own.",
    }
    for T, w in ((6, 0.5), (3, 2.0)):
        every = range(T)
        seen = {
            "a": np.linalg.norm(dz(0.0, [T - 1], T)[0]),
            "b": dz(w, [T - 1], T)[0, 0, 0] / 0.5,
            "c": dz(1.0, every, T)[0, 0, 0] / 0.5,
            "d": dz(w, every, T)[0, 0, 0] / 0.5,
        }
        answers(task4_1(T, w), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** A core of one unit: $z_t = W_h h_{t-1} + W_g g_t$, $h_t = \operatorname{ReLU}(z_t)$,
# $h_0 = 0$. With a pencil: $W_h = -1$, $W_g = 2$ and $g = (2, 1, 3)$, and the heads send $\delta = (1, 10, 100)$. Draw
# it, watch the gates, and find $\mathrm{d}z_1, \mathrm{d}z_2, \mathrm{d}z_3$ and the gradients of both weights. Then
# write what you did as a function, for any numbers and any number of steps.


# %% tags=["solution"]
def task4_2(W_h, W_g, g, delta):
    """W_h, W_g numbers, g and delta (T,) → {"dz": (T,), "dW_h": …, "dW_g": …}."""
    # Solution
    T = len(g)
    h, dz = np.zeros(T), np.zeros(T)
    for t in range(T):
        h[t] = max(W_h * (h[t - 1] if t else 0) + W_g * g[t], 0)
    for t in reversed(range(T)):
        dz[t] = (delta[t] + (W_h * dz[t + 1] if t + 1 < T else 0)) * (h[t] > 0)
    return {"dz": dz, "dW_h": dz[1:] @ h[:-1], "dW_g": dz @ g}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, first hint</summary>
#
# Forward first, all steps. Which of the $h_t$ is 0?
#
# </details>
# <details><summary>Exercise 2, second hint</summary>
#
# From the right: $\mathrm{d}h_T = \delta_T$. What comes back from there to the state before, and does it get any
# further? A weight has been used $T$ times, each time with another input.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    step = 1e-6
    for W_h, W_g, g, delta in ((-1.0, 2.0, [2, 1, 3], [1, 10, 100]), (0.5, -1.0, [-1, -2, 3, 1], [1, 2, 3, 4])):
        got, T = task4_2(W_h, W_g, np.array(g, float), np.array(delta, float)), len(g)
        assert set(got) == {"dz", "dW_h", "dW_g"}, "the answer should have the keys dz, dW_h and dW_g."

        def L(to_h=0.0, to_g=0.0, to_z=None, W_h=W_h, W_g=W_g, g=g, delta=delta):  # Σ δ_t h_t; what is added to each
            h = total = 0.0
            for t in range(len(g)):
                h = max((W_h + to_h) * h + (W_g + to_g) * g[t] + (0.0 if to_z is None else to_z[t]), 0.0)
                total += delta[t] * h
            return total

        unit = step * np.eye(T)
        same("dz", got["dz"], [(L(to_z=u) - L(to_z=-u)) / (2 * step) for u in unit], tolerance=1e-6)
        same("dW_h", float(got["dW_h"]), (L(to_h=step) - L(to_h=-step)) / (2 * step), tolerance=1e-6)
        same("dW_g", float(got["dW_g"]), (L(to_g=step) - L(to_g=-step)) / (2 * step), tolerance=1e-6)


# %%
finish()
