# Typical wrong answers to the exercises of lesson 5: the exercise, and what its check has to say.


# %% 1: It is z/σ, and not z
def predicted():
    return {"a": 2, "b": 2, "c": 2, "d": 1}


# %% 1: Multiply it by z/σ
def predicted():
    return {"a": 2, "b": 2, "c": 20, "d": 2}


# %% 1: Is there a σ in it?
def predicted():
    return {"a": 2, "b": 400, "c": 20, "d": 1}


# %% 2: this is the distance
def by_hand():
    return {"z": (1, -1), "mu": (4, -1 / 4), "log_std": (3, -3 / 4), "less": 17 / 8}


# %% 2: the score is z/σ
def by_hand():
    return {"z": (2, -1 / 2), "mu": (2, -1 / 2), "log_std": (3, -3 / 4), "less": 17 / 8}


# %% 2: a draw at one σ asks for no other σ
def by_hand():
    return {"z": (2, -1 / 2), "mu": (4, -1 / 4), "log_std": (4, 1 / 4), "less": 17 / 8}


# %% 2: there is a factor ½
def by_hand():
    return {"z": (2, -1 / 2), "mu": (4, -1 / 4), "log_std": (3, -3 / 4), "less": 17 / 4}


# %% 3: how does σ depend on ρ?
def softplus_log_prob_backward(dlogp, cache):
    z, std, _ = cache
    return (dlogp[:, None] * (z**2 - 1)).sum(axis=0) / std


# %% 3: a factor 1/σ
def softplus_log_prob_backward(dlogp, cache):
    z, _, rho = cache
    return (dlogp[:, None] * (z**2 - 1)).sum(axis=0) / (1 + np.exp(-rho))


# %% 3: dlogp is not used
def softplus_log_prob_backward(dlogp, cache):
    z, std, rho = cache
    return (z**2 - 1).sum(axis=0) / std / (1 + np.exp(-rho))


# %% 4: this is the false score
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    return dlogp * (l - mu) / std**2


# %% 4: both signs are turned round
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    below, above = norm.pdf(alpha) / ndtr(alpha) / std, -norm.pdf(beta) / ndtr(-beta) / std
    return dlogp * np.where(l <= -1, below, np.where(l >= 1, above, (l - mu) / std**2))


# %% 4: a factor 1/σ is missing
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    below, above = -norm.pdf(alpha) / ndtr(alpha), norm.pdf(beta) / ndtr(-beta)
    return dlogp * np.where(l <= -1, below, np.where(l >= 1, above, (l - mu) / std**2))


# %% 3: asks for no other σ
def softplus_log_prob_backward(dlogp, cache):
    z, std, rho = cache
    return dlogp @ z**2 / std / (1 + np.exp(-rho))


# %% 3: 1 far to the right
def softplus_log_prob_backward(dlogp, cache):
    z, std, rho = cache
    return dlogp @ (z**2 - 1) / std / (1 + np.exp(rho))


# %% 4: its derivative is u'/u
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    return dlogp * np.where(l <= -1, -norm.pdf(alpha) / std, np.where(l >= 1, norm.pdf(beta) / std, (l - mu) / std**2))


# %% 4: on the border log p changes with μ, too
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    return dlogp * np.where(abs(l) >= 1, 0, (l - mu) / std**2)


# %% 4: on the left border the sign is turned round
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    alpha, beta = (-1 - mu) / std, (1 - mu) / std
    below, above = norm.pdf(alpha) / ndtr(alpha) / std, norm.pdf(beta) / ndtr(-beta) / std
    return dlogp * np.where(l <= -1, below, np.where(l >= 1, above, (l - mu) / std**2))


# %% 4: dmu should be numbers
def clipped_log_prob_backward(dlogp, cache):
    l, mu, std = cache
    return dlogp * (l - mu) / std**2, 0
