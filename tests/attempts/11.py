# Typical wrong answers to the exercises of lesson 11: the exercise, and what its check has to say.


# %% 1: How many decisions are there
def predicted():
    return {"a": 1 / 6, "b": 3 / 4, "c": 25, "d": 0}


# %% 1: Put σ² in the place of σ
def predicted():
    return {"a": 1 / 5, "b": 3 / 4, "c": 5, "d": 0}


# %% 1: when both move together
def predicted():
    return {"a": 1 / 5, "b": 3 / 4, "c": 25, "d": 1}


# %% 2: the root is missing
def power_by_hand():
    return {"standard error": 0.0002, "share": 0.2, "estimates": 40_000}


# %% 2: which share of 0.5 is that
def power_by_hand():
    return {"standard error": 0.02, "share": 0.1, "estimates": 40_000}


# %% 2: with the root of n only
def power_by_hand():
    return {"standard error": 0.02, "share": 0.2, "estimates": 20_000}


# %% 3: what the heads of this step send is missing
def recursion(dz_next, dh_t, h_t, W_h):
    return (dz_next @ W_h.T) * (h_t > 0)


# %% 3: through the matrix transposed
def recursion(dz_next, dh_t, h_t, W_h):
    return (dz_next @ W_h + dh_t) * (h_t > 0)


# %% 3: not a part
def recursion(dz_next, dh_t, h_t, W_h):
    return (dz_next @ W_h.T) * (h_t > 0) + dh_t


# %% 4: the last row alone is missed
def check_places():
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0))
    return bool((drawn.sum(axis=(0, 1)) > 0).all())


# %% 4: the healthy package is ill
def check_places():
    white, index = np.ones((1, 1, 1)), np.zeros(12, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng())
    return bool((drawn.sum(axis=0) > 0).all())


# %% 2: a share of all is 1, not 100
def power_by_hand():
    return {"standard error": 0.02, "share": 20, "estimates": 40_000}


# %% 2: the root of n
def power_by_hand():
    return {"standard error": 0.02, "share": 0.2, "estimates": 200}


# %% 3: it is h > 0, not h
def recursion(dz_next, dh_t, h_t, W_h):
    return (dz_next @ W_h.T + dh_t) * h_t


# %% 3: does not go through the core's weights
def recursion(dz_next, dh_t, h_t, W_h):
    return ((dz_next + dh_t) @ W_h.T) * (h_t > 0)


# %% 3: its mask comes after the weights
def recursion(dz_next, dh_t, h_t, W_h):
    return (dz_next * (h_t > 0)) @ W_h.T + dh_t


# %% 3: right.
def recursion(dz_next, dh_t, h_t, W_h):
    dh_t += dz_next @ W_h.T
    dh_t *= h_t > 0
    return dh_t


# %% 4: the first row is missed
def check_places():
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0))
    return bool(drawn[:, -1, -1].any())


# %% 4: the first corner is missed
def check_places():
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0)).sum(axis=0)
    return bool(drawn.sum(axis=0).all() and drawn.sum(axis=1).all())


# %% 4: and raise nothing
def check_places():
    white, index = np.ones((1, 1, 1)), np.zeros(2000, int)
    drawn = tasks.make_images(tasks.translated((3, 4)), white, index, np.random.default_rng(0))
    assert (drawn.sum(axis=0) > 0).all()
    return True
