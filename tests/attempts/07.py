# Typical wrong answers to the exercises of lesson 7: the exercise, and what its check has to say.


# %% 1: A fifth of the baseline is the row's own reward
def predicted():
    return {"a": 1, "b": 1, "c": 0, "d": 1}


# %% 1: What is left of the reward
def predicted():
    return {"a": 1, "b": 4 / 5, "c": 1, "d": 1}


# %% 2: this is the mean reward
def baselines_by_hand():
    return {"mean reward": 1, "says": (16 / 5, 1 / 5), "best": 1, "variance": 1.44}


# %% 2: the places are not equally likely
def baselines_by_hand():
    return {"mean reward": 1, "says": (16 / 5, 1 / 5), "best": 80 / 17, "variance": 0}


# %% 2: the weights are the squares of the scores
def baselines_by_hand():
    return {"mean reward": 1, "says": (16 / 5, 1 / 5), "best": 2.5, "variance": 0}


# %% 2: where are the scores?
def baselines_by_hand():
    return {"mean reward": 1, "says": (4, -1), "best": 4, "variance": 0}


# %% 2: the mean square minus the square of the mean
def baselines_by_hand():
    return {"mean reward": 1, "says": (16 / 5, 1 / 5), "best": 4, "variance": 16 / 25}


# %% 3: this one is right for five rows
def repaired(centred):
    return centred * 1.25


# %% 3: larger, not smaller
def repaired(centred):
    return centred * (len(centred) - 1) / len(centred)


# %% 3: this is what you were given
def repaired(centred):
    return centred


# %% 4: the squared length of its score, not the length
def best_baseline(p, r, psi, eta):
    weight = p * np.sqrt(((eta * psi) ** 2).sum(axis=1))
    return weight @ r / weight.sum()


# %% 4: where are the step lengths?
def best_baseline(p, r, psi, eta):
    weight = p * (psi**2).sum(axis=1)
    return weight @ r / weight.sum()


# %% 4: with the square of a step length
def best_baseline(p, r, psi, eta):
    weight = p * (eta * psi**2).sum(axis=1)
    return weight @ r / weight.sum()


# %% 4: this is the mean reward
def best_baseline(p, r, psi, eta):
    return p @ r


# %% 4: the mean of the parameters' own best numbers
def best_baseline(p, r, psi, eta):
    return np.mean((p * r) @ psi**2 / (p @ psi**2))


# %% 4: the places are not equally likely
def best_baseline(p, r, psi, eta):
    return (r[:, None] * (eta * psi) ** 2).mean() / ((eta * psi) ** 2).mean()


# %% 5: only a part of the baseline is new
def factor(d, N):
    return 1 - 1 / N


# %% 5: the other rows of the batch are honest
def factor(d, N):
    return d


# %% 5: the new one has seen this batch
def factor(d, N):
    return 1


# %% 5: a share 1 − d goes into b, not d
def factor(d, N):
    return 1 - d / N


# %% 5: the true gradient divided by the mean
def factor(d, N):
    return 1 / (1 - (1 - d) / N)


# %% 5: what is missing, not what is left
def factor(d, N):
    return (1 - d) / N


# %% 5: the row's own part of the batch's mean that is not honest
def factor(d, N):
    return d + (1 - d) / N
