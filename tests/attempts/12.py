# Typical wrong answers to the exercises of lesson 12: the exercise, and what its check has to say.


# %% 1: what does the factor do to that?
def predicted():
    return {"a": 0.03, "b": 0.03, "c": 1 / 2, "d": 0}


# %% 1: no room for the last bit
def predicted():
    return {"a": 0.03, "b": 1, "c": 1 / 2, "d": 1}


# %% 2: cat and dog have to add up to one
def averages_by_hand():
    return {"probabilities": 0.5367, "logarithms": 0.0064 ** (1 / 3)}


# %% 2: not yet to the power of one third
def averages_by_hand():
    return {"probabilities": 0.5367, "logarithms": 0.0064 / 0.046}


# %% 2: this is the sum
def averages_by_hand():
    return {"probabilities": 1.61, "logarithms": 0.3527}


# %% 2: nearly: three digits, please
def averages_by_hand():
    return {"probabilities": 0.537, "logarithms": 0.35}


# %% 3: 2^m itself can be held
def table_is_exact(H, W, b, m):
    return H * W * (2**b - 1) < 2**m


# %% 3: what is the largest number of b bits
def table_is_exact(H, W, b, m):
    return H * W * 2**b <= 2**m


# %% 4: how much of the sum is it responsible for
def averaged_loss_backward(f, label):
    return softmax(f, axis=-1) - (np.arange(f.shape[1]) == label)


# %% 4: here a logarithm is taken of the mean
def averaged_loss_backward(f, label):
    return (softmax(f, axis=-1) - (np.arange(f.shape[1]) == label)) / len(f)


# %% 4: should add up to one
def averaged_loss_backward(f, label):
    p = softmax(f, axis=-1)
    return p[:, label][:, None] * (p - (np.arange(f.shape[1]) == label))


# %% 2: this is the probability of dog
def averages_by_hand():
    return {"probabilities": 0.537, "logarithms": 0.647}


# %% 2: right.
def averages_by_hand():
    return {"probabilities": 0.537, "logarithms": 0.353}


# %% 3: it should return True or False
def table_is_exact(H, W, b, m):
    return "yes" if H * W * (2**b - 1) <= 2**m else "no"
