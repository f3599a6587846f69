# Typical wrong answers to the exercises of lesson 2: the exercise, and what its check has to say.


# %% 1: Then half the square to the left
def predicted():
    return {"a": 30, "b": 4, "c": 4, "d": 1 / 4}


# %% 1: It does not depend on the scale
def predicted():
    return {"a": 24, "b": 4, "c": 16, "d": 1 / 4}


# %% 2: what is above belongs to it, too
def by_hand():
    return {"table": [[0, 0, 0, 0], [0, 2, 3, 3], [0, 1, 1, 4]], "look-ups": (7, 0, 3, 0), "between": 3}


# %% 2: the last two columns begin at edge 1
def by_hand():
    return {"table": [[0, 0, 0, 0], [0, 2, 3, 3], [0, 3, 4, 7]], "look-ups": (7, 0, 4, 0), "between": 3}


# %% 2: the order is
def by_hand():
    return {"table": [[0, 0, 0, 0], [0, 2, 3, 3], [0, 3, 4, 7]], "look-ups": (7, 3, 0, 0), "between": 3}


# %% 3: without the factor 1/s
def running_mean_adjoint(dy, s):
    dS = np.zeros(len(dy) + s)
    dS[s:] += dy
    dS[:-s] -= dy
    return np.cumsum(dS[:0:-1])[::-1]


# %% 3: has the wrong sign
def running_mean_adjoint(dy, s):
    dS = np.zeros(len(dy) + s)
    dS[s:] += dy / s
    dS[:-s] -= dy / s
    return np.cumsum(dS)[:-1]


# %% 3: should have the shape of x
def running_mean_adjoint(dy, s):
    return running_mean(dy, s)


# %% 4: only what enters
def cell_backward(dphi, e, x, s):
    return dphi * x[np.floor(e + s).astype(int)] / s


# %% 4: without the factor 1/s
def cell_backward(dphi, e, x, s):
    return dphi * (x[np.floor(e + s).astype(int)] - x[np.floor(e).astype(int)])


# %% 4: wrong sign
def cell_backward(dphi, e, x, s):
    return dphi * (x[np.floor(e).astype(int)] - x[np.floor(e + s).astype(int)]) / s


# %% 2: the signs come after the look-ups
def by_hand():
    return {"table": [[0, 0, 0, 0], [0, 2, 3, 3], [0, 3, 4, 7]], "look-ups": (7, 0, -3, 0), "between": 3}


# %% 2: table should be numbers, in rows of equal length
def by_hand():
    return {"table": [[0, 0, 0], [0, 2, 3, 3], [0, 3, 4, 7]], "look-ups": (7, 0, 3, 0), "between": 3}


# %% 4: rounded to the nearest, not down
def cell_backward(dphi, e, x, s):
    return dphi * (x[np.rint(e + s).astype(int)] - x[np.rint(e).astype(int)]) / s
