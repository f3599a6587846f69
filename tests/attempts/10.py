# Typical wrong answers to the exercises of lesson 10: the exercise, and what its check has to say.


# %% 1: the last row and column that fit are missing
def canvas_by_hand():
    return {"places": 144, "once": 1 / 4, "at least once": 7 / 16, "byte": 44}


# %% 1: then this counts it twice
def canvas_by_hand():
    return {"places": 169, "once": 1 / 4, "at least once": 1 / 2, "byte": 44}


# %% 2: then a sum counts it twice
def found_by_chance(T, S):
    return T * (20 / S) ** 2


# %% 2: all of them miss
def found_by_chance(T, S):
    return (1 - (20 / S) ** 2) ** T


# %% 2: not of all 28
def found_by_chance(T, S):
    return 1 - (1 - (28 / S) ** 2) ** T


# %% 3: has wrapped around before it was clipped
def add_bytes(a, b):
    return np.minimum(a + b, 255)


# %% 3: the larger of the two
def add_bytes(a, b):
    return np.maximum(a, b)


# %% 4: nothing that u does is seen
def clipped_sum_backward(dz, u, v):
    return dz, dz


# %% 4: this is where the sum is white
def clipped_sum_backward(dz, u, v):
    return dz * (u + v >= 1), dz * (u + v >= 1)


# %% 4: where is dz
def clipped_sum_backward(dz, u, v):
    return (u + v < 1) * 1.0, (u + v < 1) * 1.0


# %% 2: nearly right, but not exact
def found_by_chance(T, S):
    return round(1 - (1 - (20 / S) ** 2) ** T, 3)


# %% 3: should be an array of uint8
def add_bytes(a, b):
    return np.minimum(a.astype(int) + b, 255)


# %% 3: right.
def add_bytes(a, b):
    a += np.minimum(b, 255 - a)
    return a


# %% 4: the answer should have 2 parts
def clipped_sum_backward(dz, u, v):
    return dz * (u + v < 1)


# %% 4: this is where the sum is white
def clipped_sum_backward(dz, u, v):
    dz[u + v < 1] = 0
    return dz, dz
