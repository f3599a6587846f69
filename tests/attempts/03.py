# Typical wrong answers to the exercises of lesson 3: the exercise, and what its check has to say.


# %% 1: Uses add up.
def predicted():
    return {"a": 1, "b": 1, "c": 0, "d": 0}


# %% 1: each row's cotangent begin
def predicted():
    return {"a": 2, "b": 2, "c": 0, "d": 0}


# %% 1: (d) is not what comes out
def predicted():
    return {"a": 2, "b": 1, "c": 0, "d": 7}


# %% 1: should be a dict with the keys
def predicted():
    return 2, 1, 0, 0


# %% 2: by the sum; but it is used in the product, too
def cotangents_by_hand():
    return {"sum": -6, "product": -1, "x1": -6, "x2": -8}


# %% 2: by the product; but it is used in the sum, too
def cotangents_by_hand():
    return {"sum": -6, "product": -1, "x1": 3, "x2": -8}


# %% 2: this is the node's own value
def cotangents_by_hand():
    return {"sum": -1, "product": -6, "x1": -3, "x2": -8}


# %% 3: overflow
def softplus_backward(dy, x):
    return dy * np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))


# %% 3: not finite
def softplus_backward(dy, x):
    return dy * np.exp(x) / (1 + np.exp(x))


# %% 3: wrong
def softplus_backward(dy, x):
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


# %% 3: its slope is nearly 0 far to the left and 1 far to the right
def softplus_backward(dy, x):
    return dy * np.exp(-np.logaddexp(0, x))


# %% 4: how does x act through the mean?
def layernorm_backward(dy, cache):
    xhat, root, scale = cache
    return dy * scale / root, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}


# %% 4: how does x act through the variance?
def layernorm_backward(dy, cache):
    xhat, root, scale = cache
    q = dy * scale
    dx = (q - q.mean(axis=1, keepdims=True)) / root
    return dx, {"scale": (dy * xhat).sum(axis=0), "shift": dy.sum(axis=0)}


# %% 5: y_1 is used by it
def leaky_backward(delta, cache):
    return delta


# %% 5: backwards in time
def leaky_backward(delta, cache):
    dx = delta.copy()
    for t in range(1, len(delta)):
        dx[t] += 0.5 * dx[t - 1]
    return dx


# %% 5: two steps back
def leaky_backward(delta, cache):
    dx = delta.copy()
    dx[:-1] += 0.5 * delta[1:]
    return dx
