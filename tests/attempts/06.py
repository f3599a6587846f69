# Typical wrong answers to the exercises of lesson 6: the exercise, and what its check has to say.


# %% 1: What is the mean of the score?
def predicted():
    return {"a": 2, "b": 10, "c": 1 / 2, "d": 1 / 5}


# %% 1: the variance of a mean
def predicted():
    return {"a": 2, "b": 0, "c": 1 / 4, "d": 1 / 5}


# %% 2: a place that was not chosen has a score, too
def estimates_by_hand():
    return {"says": (0, 0, 6), "mean": 5 / 4}


# %% 2: the score of the chosen place is not 1
def estimates_by_hand():
    return {"says": (0, 0, 8), "mean": 2}


# %% 2: the three do not happen equally often
def estimates_by_hand():
    return {"says": (0, -1, 6), "mean": 5 / 3}


# %% 2: not weighted with its probability
def estimates_by_hand():
    return {"says": (0, -1 / 4, 6 / 4), "mean": 5 / 4}


# %% 2: still to be multiplied by what was earned
def estimates_by_hand():
    return {"says": (-1 / 4, -1 / 4, 3 / 4), "mean": 0}


# %% 3: the λ before the exponential
def waiting_score(a, theta):
    return -np.exp(theta) * a


# %% 3: this is the derivative of the density
def waiting_score(a, theta):
    rate = np.exp(theta)
    return rate * np.exp(-rate * a) * (1 - rate * a)


# %% 3: this is the derivative by λ
def waiting_score(a, theta):
    return np.exp(-theta) - a


# %% 3: wrong sign
def waiting_score(a, theta):
    return np.exp(theta) * a - 1


# %% 4: what does a logit do that was not chosen
def categorical_estimate(y, a, r):
    return ((a[:, None] == np.arange(len(y))) * r[:, None]).mean(axis=0)


# %% 4: this is the sum over the samples
def categorical_estimate(y, a, r):
    p = np.exp(y) / np.exp(y).sum()
    return (((a[:, None] == np.arange(len(y))) - p) * r[:, None]).sum(axis=0)


# %% 4: 1000 times
def categorical_estimate(y, a, r):
    p = np.exp(y) / np.exp(y).sum()
    return 1000 * (((a[:, None] == np.arange(len(y))) - p) * r[:, None]).mean(axis=0)


# %% 4: the mean of the scores is 0
def categorical_estimate(y, a, r):
    score = (a[:, None] == np.arange(len(y))) - softmax(y)
    return score.mean(axis=0) * r.mean()


# %% 4: the mean of all rewards, its own among them
def categorical_estimate(y, a, r):
    score = (a[:, None] == np.arange(len(y))) - softmax(y)
    return (score * (r - r.mean())[:, None]).mean(axis=0)


# %% 4: the estimate from an uneven sample
def categorical_estimate(y, a, r):
    p, K = softmax(y), len(y)
    earned = np.array([r[a == j].mean() for j in range(K)])
    return p * (earned - p @ earned)


# %% 5: the first decision is missing
def trajectory_score(theta, a1, s, a2):
    second = a2 - 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
    return np.stack([0 * second, second, second * s], axis=1)


# %% 5: the mean over the two decisions
def trajectory_score(theta, a1, s, a2):
    first = a1 - 1 / (1 + np.exp(-theta[0]))
    second = a2 - 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
    return np.stack([first, second, second * s], axis=1) / 2


# %% 5: by the chain rule its score is, too
def trajectory_score(theta, a1, s, a2):
    first = a1 - 1 / (1 + np.exp(-theta[0]))
    second = a2 - 1 / (1 + np.exp(-(theta[1] + theta[2] * s)))
    return np.stack([first, second, second], axis=1)


# %% 4: p is the softmax of the logits, not the shares of the sample
def categorical_estimate(y, a, r):
    shares = np.bincount(a, minlength=len(y)) / len(a)
    return ((np.eye(len(y))[a] - shares) * r[:, None]).mean(axis=0)


# %% 4: do your probabilities add up to 1
def categorical_estimate(y, a, r):
    p = np.exp(y - y.max())
    return ((np.eye(len(y))[a] - p) * r[:, None]).mean(axis=0)
