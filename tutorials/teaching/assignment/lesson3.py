"""Tasks of lesson 3, backpropagation by hand: what is asked, what is right, and which mistakes have names."""

import numpy as np

from teaching.assignment.task import WARNINGS, Part, Task, Wrong, only

# ---- 1: predict ----


def predict(copies, shift):
    return {"a": copies, "b": 1.0, "c": 0.0, "d": 0.0}


PREDICT = Task(
    "task3_1",
    "Predict",
    tuple(Part(key, key, 1) for key in "abcd"),
    lambda rng: [(2, 7.0), *((int(n), float(rng.uniform(1, 9))) for n in 3 + rng.permutation(6)[:3])],
    predict,
    (
        Wrong("how often is a weight used now? Uses add up.", 0, lambda n, s: only(a=1.0)),
        Wrong("uses add up; they are not averaged.", 0, lambda n, s: only(a=1 / n)),
        Wrong("there are more uses, but each row's cotangent begins with less.", 0, lambda n, s: only(b=n)),
        Wrong("there are more uses, but each row's cotangent begins with less.", 0, lambda n, s: only(b=1 / n)),
        Wrong("a gate that is shut lets nothing back.", 0, lambda n, s: only(c=1.0)),
        Wrong("a number that is added to all logits does not change the softmax.", 0, lambda n, s: only(d=s)),
        Wrong("a number that is added to all logits does not change the softmax.", 0, lambda n, s: only(d=-s)),
    ),
    pencil=True,
)

# ---- 2: numbers by hand ----


def by_hand(x1, x2):
    """L = (x1 + x2) · (x1 · x2)."""
    return {"sum": x1 * x2, "product": x1 + x2, "x1": x1 * x2 + (x1 + x2) * x2, "x2": x1 * x2 + (x1 + x2) * x1}


BY_HAND = Task(
    "task3_2",
    "Numbers by hand",
    tuple(Part(f"the cotangent of {name}", name, 1) for name in ("sum", "product", "x1", "x2")),
    lambda rng: [(2.0, -3.0), *((float(a), float(b)) for a, b in rng.uniform(1.5, 5, (3, 2)) * [1, -1])],
    by_hand,
    (
        Wrong(
            "this is what comes back by the sum; but it is used in the product, too.",
            0.25,
            lambda x1, x2: by_hand(x1, x2) | {"x1": x1 * x2, "x2": x1 * x2},
        ),
        Wrong(
            "this is what comes back by the product; but it is used in the sum, too.",
            0.25,
            lambda x1, x2: by_hand(x1, x2) | {"x1": (x1 + x2) * x2, "x2": (x1 + x2) * x1},
        ),
        Wrong(
            "a product gives each factor the other, not itself.",
            0.25,
            lambda x1, x2: by_hand(x1, x2) | {"x1": x1 * x2 + (x1 + x2) * x1, "x2": x1 * x2 + (x1 + x2) * x2},
        ),
        Wrong(
            "this is the node's own value; a product gives each factor the other.",
            0.25,
            lambda x1, x2: by_hand(x1, x2) | {"sum": x1 + x2, "product": x1 * x2},
        ),
    ),
    pencil=True,
)

# ---- 3: softplus ----


def softplus(dy, x):
    return dy * np.exp(x - np.logaddexp(0, x))


SOFTPLUS = Task(
    "task3_3",
    "Softplus",
    (
        Part("dx", "", 2, cases=(0, 1, 2)),
        Part("dx at −1000 and 1000", "", 1, cases=(3,)),
        Part("no warning on the way", WARNINGS, 1),
    ),
    lambda rng: (
        [(rng.standard_normal(shape), 3 * rng.standard_normal(shape)) for shape in ((5, 4), (7,), (2, 3, 2))]
        + [(rng.uniform(1, 3, 6), np.array([-1000.0, -40.0, 0.0, 2.0, 40.0, 1000.0]))]
    ),
    softplus,
    (
        Wrong("dy is missing: the chain rule multiplies.", 0.25, lambda dy, x: softplus(np.ones_like(dy), x)),
        Wrong("this is the forward pass, times dy.", 0, lambda dy, x: dy * np.logaddexp(0, x)),
        Wrong(
            "this is the derivative of the sigmoid, one derivative too many.",
            0.25,
            lambda dy, x: dy * softplus(1, x) * softplus(1, -x),
        ),
        Wrong("this is the sigmoid of −x.", 0.25, lambda dy, x: softplus(dy, -x)),
        Wrong("this is the gate of a ReLU.", 0, lambda dy, x: dy * (x > 0)),
    ),
)

# ---- 4: layer normalisation ----


def layernorm(dy, cache, mean=True, variance=True):
    xhat, root, scale = cache
    q = dy * scale
    dx = q / root
    if mean:
        dx = dx - q.mean(axis=1, keepdims=True) / root
    if variance:
        dx = dx - xhat * (q * xhat).mean(axis=1, keepdims=True) / root
    return dx, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}


def layernorm_cases(rng):
    cases = []
    for N, D in ((5, 4), (4, 4), (2, 7)):
        x, scale = rng.standard_normal((N, D)), rng.standard_normal(D)
        centred = x - x.mean(axis=1, keepdims=True)
        root = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        cases.append((rng.standard_normal((N, D)), (centred / root, root, scale)))
    return cases


LAYERNORM = Task(
    "task3_4",
    "Layer normalisation",
    (Part("dx", "0", 6), Part("the gradient of scale", "1.scale", 1), Part("the gradient of shift", "1.shift", 1)),
    layernorm_cases,
    layernorm,
    (
        Wrong(
            "only the direct way; how does x act through the mean, and how through the variance?",
            0.25,
            lambda dy, c: layernorm(dy, c, mean=False, variance=False),
        ),
        Wrong("how does x act through the variance?", 0.5, lambda dy, c: layernorm(dy, c, variance=False)),
        Wrong("how does x act through the mean?", 0.5, lambda dy, c: layernorm(dy, c, mean=False)),
        Wrong(
            "the learned scale is missing: dy is the cotangent of y, not of x̂.",
            0.5,
            lambda dy, c: (layernorm(dy, (c[0], c[1], 1.0))[0], layernorm(dy, c)[1]),
        ),
        Wrong("it is not divided by the root.", 0.5, lambda dy, c: (layernorm(dy, c)[0] * c[1], layernorm(dy, c)[1])),
        Wrong(
            "this is the mean over the rows; each row uses it, and uses add up.",
            0.5,
            lambda dy, c: (layernorm(dy, c)[0], {k: v / len(dy) for k, v in layernorm(dy, c)[1].items()}),
        ),
        Wrong(
            "scale multiplies x̂, so x̂ belongs in its gradient.",
            0,
            lambda dy, c: (layernorm(dy, c)[0], {"scale": dy.sum(axis=0), "shift": dy.sum(axis=0)}),
        ),
    ),
    lambda dy, cache: {"N": len(dy), "D": dy.shape[1]},
)

# ---- 5: a memory that leaks ----


def leaky(delta, cache=None, reach=None):
    dy = delta.copy()
    for t in reversed(range(len(delta) - 1)):
        dy[t] += 0.5 * (dy if reach is None else delta)[t + 1]
    return dy


def leaky_forwards(delta, cache=None):
    return leaky(delta[::-1])[::-1]


def leaky_whole(delta, cache=None):
    return np.cumsum(delta[::-1], axis=0)[::-1]


LEAKY = Task(
    "task3_5",
    "A memory that leaks",
    (Part("dx of the last step", "@-1", 1), Part("dx of all steps", "", 4)),
    lambda rng: [(rng.standard_normal((T, N)), None) for T, N in ((4, 3), (6, 1), (5, 5))],
    leaky,
    (
        Wrong("nothing comes back from the next step, which uses y_t.", 0, lambda d, c: d),
        Wrong(
            "only one step back: the next step's cotangent is the whole one, not δ.",
            0.5,
            lambda d, c: leaky(d, reach=1),
        ),
        Wrong("this goes forwards in time; cotangents come backwards.", 0.25, leaky_forwards),
        Wrong("the leak is missing: y_t reaches y_{t+1} with the factor ½.", 0.5, leaky_whole),
        Wrong("the half belongs to what comes from the next step alone.", 0.5, lambda d, c: 0.5 * leaky(d)),
    ),
    lambda delta, cache: {"T": len(delta), "N": delta.shape[1]},
)

TASKS = (PREDICT, BY_HAND, SOFTPLUS, LAYERNORM, LEAKY)
