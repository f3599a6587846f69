# Typical wrong answers to the exercises of lesson 0: the exercise, and what its check has to say.


# %% 1: What is the advantage now, and what was it?
def predicted():
    return {"a": 0, "b": 0, "c": 2, "d": 4}


# %% 1: The score grows with a − μ.
def predicted():
    return {"a": -3, "b": 0, "c": 4, "d": 4}


# %% 1: By which power of σ is it divided?
def predicted():
    return {"a": -3, "b": 0, "c": 2, "d": 2}


# %% 2: σ is ½
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"loc": (5 / 4, 3 / 4)}


# %% 2: row by row
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"phi": (1, 0, 1, 1)}


# %% 2: round to the nearest edge
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"phi": (0, 0, 1, 1)}


# %% 2: g: a negative number becomes 0.
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"g": (13 / 4, -1 / 4)}


# %% 2: h_1 has a part in it
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"h": (1 / 4, 5 / 8)}


# %% 2: the score is divided by σ²
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"dmu": (-3 / 16, -1 / 16)}


# %% 2: the baseline is missing
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"dmu": (-3, -1)}


# %% 3: the sign
def told_to_the_location_head(r, b, a, mu, sigma):
    return (r - b) * (a - mu) / sigma**2


# %% 3: divided by σ², not by σ
def told_to_the_location_head(r, b, a, mu, sigma):
    return -(r - b) * (a - mu) / sigma


# %% 3: what was expected is to be taken from the reward
def told_to_the_location_head(r, b, a, mu, sigma):
    return -r * (a - mu) / sigma**2


# %% 4: what the core sends back is missing
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T) * (h1 > 0)


# %% 4: the core's weights should be transposed
def fork(params, dy1, dmu1, dz2, h1):
    from_core = dz2 @ params["core.W"][:2]
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + from_core) * (h1 > 0)


# %% 4: these are the lower two
def fork(params, dy1, dmu1, dz2, h1):
    from_core = dz2 @ params["core.W"][2:].T
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + from_core) * (h1 > 0)


# %% 4: a unit of h_1 is closed
def fork(params, dy1, dmu1, dz2, h1):
    return dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + dz2 @ params["core.W"][:2].T


# %% 5: each draw counts with its weight
def on_average(a, weight, reward, b, mu, sigma):
    return ((reward - b)[:, None] * (a - mu) / sigma**2).sum(axis=0)


# %% 5: not equally probable
def on_average(a, weight, reward, b, mu, sigma):
    return ((reward - b)[:, None] * (a - mu) / sigma**2).mean(axis=0)


# %% 5: this goes up
def on_average(a, weight, reward, b, mu, sigma):
    return -weight @ ((reward - b)[:, None] * (a - mu) / sigma**2)


# %% 2: so the label is right
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return right | {"dmu": (9 / 4, 3 / 4)}


# %% 2: right.
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return dict(reversed(right.items()))


# %% 2: the answer should have the keys
def second_glimpse_by_hand():
    right = {
        "loc": (1 / 2, 1 / 2),
        "phi": (1, 1, 0, 1),
        "hidden": (1, 5 / 2, 1 / 2, 1),
        "g": (13 / 4, 0),
        "h": (0, 5 / 8),
        "logits": (3 / 8, 9 / 16),
        "dmu": (-3 / 4, -1 / 4),
    }
    return list(right.values())


# %% 4: the label head's weights should be transposed
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"] + dmu1 @ params["location.W"].T + dz2 @ params["core.W"][:2].T) * (h1 > 0)


# %% 4: all weights should be transposed
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"] + dmu1 @ params["location.W"] + dz2 @ params["core.W"][:2]) * (h1 > 0)


# %% 4: not h_1
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + dz2 @ params["core.W"][:2].T) * h1


# %% 4: what the core sends back goes through the ReLU as well
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T) * (h1 > 0) + dz2 @ params["core.W"][:2].T


# %% 4: fork ends with ValueError
def fork(params, dy1, dmu1, dz2, h1):
    return (dy1 @ params["label.W"].T + dmu1 @ params["location.W"].T + dz2 @ params["core.W"].T) * (h1 > 0)


# %% 5: the baseline is to be taken from the reward
def on_average(a, weight, reward, b, mu, sigma):
    return weight @ (reward[:, None] * (a - mu) / sigma**2)


# %% 5: 1 of 2 entries are right
def on_average(a, weight, reward, b, mu, sigma):
    return np.array([0.5, 3.0])  # the truth, where the check begins


# %% 5: for a handful of draws
def on_average(a, weight, reward, b, mu, sigma):
    return np.array([2 * mu[0], 3.0])  # the truth for the check's reward, whatever was drawn
