"""Typical wrong answers to the exercises: (number, function, its source, what the check has to say of it)."""


def lines(head, *body):
    return "\n".join([head, *(f"    {line}" for line in body)])


PREDICTED = "def predicted():"
BY_HAND = "def cotangents_by_hand():"
SOFTPLUS = "def softplus_backward(dy, x):"
LAYERNORM = "def layernorm_backward(dy, cache):"
LEAKY = "def leaky_backward(delta, cache):"

WRONG = {
    "03": [
        ("1", "predicted", lines(PREDICTED, 'return {"a": 1, "b": 1, "c": 0, "d": 0}'), "Uses add up."),
        ("1", "predicted", lines(PREDICTED, 'return {"a": 2, "b": 2, "c": 0, "d": 0}'), "each row's cotangent begin"),
        ("1", "predicted", lines(PREDICTED, 'return {"a": 2, "b": 1, "c": 0, "d": 7}'), "(d) is not what comes out"),
        ("1", "predicted", lines(PREDICTED, "return 2, 1, 0, 0"), "should be a dict with the keys"),
        (
            "2",
            "cotangents_by_hand",
            lines(BY_HAND, 'return {"sum": -6, "product": -1, "x1": -6, "x2": -8}'),
            "by the sum; but it is used in the product, too",
        ),
        (
            "2",
            "cotangents_by_hand",
            lines(BY_HAND, 'return {"sum": -6, "product": -1, "x1": 3, "x2": -8}'),
            "by the product; but it is used in the sum, too",
        ),
        (
            "2",
            "cotangents_by_hand",
            lines(BY_HAND, 'return {"sum": -1, "product": -6, "x1": -3, "x2": -8}'),
            "this is the node's own value",
        ),
        (
            "3",
            "softplus_backward",
            lines(SOFTPLUS, "return dy * np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))"),
            "overflow",
        ),
        ("3", "softplus_backward", lines(SOFTPLUS, "return dy * np.exp(x) / (1 + np.exp(x))"), "not finite"),
        ("3", "softplus_backward", lines(SOFTPLUS, "return 1 / (1 + np.exp(-np.clip(x, -500, 500)))"), "wrong"),
        (
            "4",
            "layernorm_backward",
            lines(
                LAYERNORM,
                "xhat, root, scale = cache",
                'return dy * scale / root, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}',
            ),
            "how does x act through the mean?",
        ),
        (
            "4",
            "layernorm_backward",
            lines(
                LAYERNORM,
                "xhat, root, scale = cache",
                "q = dy * scale",
                "dx = (q - q.mean(axis=1, keepdims=True)) / root",
                'return dx, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}',
            ),
            "how does x act through the variance?",
        ),
        ("5", "leaky_backward", lines(LEAKY, "return delta"), "y_1 is used by it"),
        (
            "5",
            "leaky_backward",
            lines(
                LEAKY,
                "dx = delta.copy()",
                "for t in range(1, len(delta)):",
                "    dx[t] += 0.5 * dx[t - 1]",
                "return dx",
            ),
            "backwards in time",
        ),
        (
            "5",
            "leaky_backward",
            lines(LEAKY, "dx = delta.copy()", "dx[:-1] += 0.5 * delta[1:]", "return dx"),
            "two steps back",
        ),
    ]
}
