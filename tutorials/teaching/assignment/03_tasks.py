# Tasks of the assignment that lesson 3 has with fixed numbers; here they are functions of the numbers.

# %%
import numpy as np

from exercise import answers, exercise, finish, same
from minram.ops import cross_entropy_forward, linear_backward, linear_forward, relu_backward, relu_forward

# %% [markdown]
# **1. Predict.** A linear map and a ReLU, $h = \operatorname{ReLU}(x W + b)$, and $L$ the sum of all $h$. No array is
# needed: four numbers, for any `copies` and any `shift`.
#
# - `a`: every row of $x$ is given `copies` times. By what is $\mathrm{d}W$ multiplied?
# - `b`: the same, but $L$ is the mean over the rows of what it was before. By what now?
# - `c`: a unit is off, its $h$ is 0, for every row. What is $\mathrm{d}b$ for this unit?
# - `d`: after the cross-entropy: `shift` is added to all ten logits of a row. By how much does its loss change?


# %% tags=["solution"]
def task3_1(copies, shift):
    """→ {"a": …, "b": …, "c": …, "d": …}, four numbers."""
    # Solution
    return {"a": copies, "b": 1, "c": 0, "d": 0}


# %%
@exercise("1. Predict")
def check_predict():
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((6, 4)), rng.standard_normal((4, 3)), np.array([0.1, -50.0, 0.2])

    def gradients(x, scale):
        z, cache = linear_forward(x, W, b)
        h, on = relu_forward(z)
        return linear_backward(relu_backward(np.full(h.shape, scale), on), cache)[1]

    hints = {
        "a": "How often is a weight used now? Uses add up.",
        "b": "There are more uses, but what does each row's cotangent begin with?",
        "c": "What does a gate that is shut let back?",
        "d": "Which fact about the softmax lets the package subtract the largest logit?",
    }
    for copies, shift in ((2, 7.0), (5, -3.0)):
        one, many = gradients(x, 1.0), gradients(np.tile(x, (copies, 1)), 1.0)
        mean, of_many = gradients(x, 1 / 6), gradients(np.tile(x, (copies, 1)), 1 / (6 * copies))
        logits, labels = rng.standard_normal((1, 10)), np.array([3])
        change = cross_entropy_forward(logits + shift, labels)[0] - cross_entropy_forward(logits, labels)[0]
        seen = {
            "a": many["W"][0, 0] / one["W"][0, 0],
            "b": of_many["W"][0, 0] / mean["W"][0, 0],
            "c": one["b"][1],
            "d": change[0],
        }
        answers(task3_1(copies, shift), seen, hints)


# %% [markdown]
# **2. Numbers by hand.** $L = (x_1 + x_2) \cdot (x_1 \cdot x_2)$. Draw the graph for $x_1 = 2$ and $x_2 = -3$: a node
# for the sum, one for the product, and one that multiplies the two. Write the values on it, then the cotangents. Then
# write what you did as a function of $x_1$ and $x_2$.


# %% tags=["solution"]
def task3_2(x1, x2):
    """→ {"sum": …, "product": …, "x1": …, "x2": …}, the four cotangents."""
    # Solution
    # Each of sum and product gets the other. Then x1 gets dsum, and dproduct · x2.
    dsum, dproduct = x1 * x2, x1 + x2
    return {"sum": dsum, "product": dproduct, "x1": dsum + dproduct * x2, "x2": dsum + dproduct * x1}


# %% [markdown] tags=["hints"]
# <details><summary>Exercise 2, hint</summary>
#
# Both $x_1$ and $x_2$ are used twice. Write down what comes back by the sum, and what comes back by the product, and
# only then the cotangent.
#
# </details>


# %%
@exercise("2. Numbers by hand")
def check_by_hand():
    for x1, x2 in ((2.0, -3.0), (1.5, 4.0)):
        got, step = task3_2(x1, x2), 1e-4
        assert set(got) == {"sum", "product", "x1", "x2"}, "the answer should have the keys sum, product, x1 and x2."

        def L(sum=0.0, product=0.0, x1=0.0, x2=0.0, at=(x1, x2)):  # what is added to each of the four
            x1, x2 = at[0] + x1, at[1] + x2
            return (x1 + x2 + sum) * (x1 * x2 + product)

        for name in got:
            want = (L(**{name: step}) - L(**{name: -step})) / (2 * step)  # off by step² at most
            same(f"the cotangent of {name}", float(got[name]), want, tolerance=1e-6)


# %%
finish()
