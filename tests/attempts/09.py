# Typical wrong answers to the exercises of lesson 9: the exercise, and what its check has to say.


# %% 1: this is divided by 2
def variance_by_hand():
    return {"all": 1 / 4, "image": 1 / 4, "looking": 1 / 12, "upper end": 1 / 5}


# %% 1: what is the mean over the three
def variance_by_hand():
    return {"all": 1 / 4, "image": 1 / 6, "looking": 1 / 4, "upper end": 1 / 5}


# %% 1: take the variance where the true rate is
def variance_by_hand():
    return {"all": 1 / 4, "image": 1 / 6, "looking": 1 / 12, "upper end": 0}


# %% 2: the baseline scatters too
def expected_square(p, M):
    return p * (1 - p)


# %% 2: variances of independent numbers are added
def expected_square(p, M):
    return p * (1 - p) * (1 - 1 / (M - 1))


# %% 2: a mean of M − 1 numbers
def expected_square(p, M):
    return p * (1 - p) * (1 + 1 / M)


# %% 2: this is the baseline's variance; r_1 scatters too
def expected_square(p, M):
    return p * (1 - p) / (M - 1)


# %% 3: as if the images had been different ones
def paired(b, c, n):
    rng = np.random.default_rng(0)  # as the check draws its first case
    difficult = rng.random(n) < 0.35
    first, second = (rng.random(n) < np.where(difficult, rate / 0.35, 0) for rate in (0.02, 0.03))
    return (b - c) / n, np.sqrt((first.var() + second.var()) / n)


# %% 3: this is the standard deviation of one image
def paired(b, c, n):
    d = (b - c) / n
    return d, np.sqrt((b + c) / n - d**2)


# %% 3: first minus second
def paired(b, c, n):
    return (c - b) / n, np.sqrt(((b + c) / n - ((b - c) / n) ** 2) / n)


# %% 4: the weights have to add up to one
def weight_of(j, decay):
    return decay**j, decay / (1 - decay)


# %% 4: it is the new parameters that are multiplied by 1 − d
def weight_of(j, decay):
    return decay * (1 - decay) ** j, decay / (1 - decay)


# %% 4: of age 0 or of age 1
def weight_of(j, decay):
    return (1 - decay) * decay**j, 1 / (1 - decay)


# %% 1: this is for the rate of right labels
def variance_by_hand():
    return {"all": 1 / 4, "image": 1 / 6, "looking": 1 / 12, "upper end": 4 / 5}


# %% 1: image is nearly right, but not exact
def variance_by_hand():
    return {"all": 1 / 4, "image": 0.167, "looking": 1 / 12, "upper end": 1 / 5}


# %% 2: itself included
def expected_square(p, M):
    return p * (1 - p) * (1 - 1 / M)


# %% 3: the mean of d is not 0
def paired(b, c, n):
    return (b - c) / n, np.sqrt(b + c) / n


# %% 3: which share of n
def paired(b, c, n):
    return b - c, np.sqrt(((b + c) / n - ((b - c) / n) ** 2) / n)


# %% 4: the sum of all
def weight_of(j, decay):
    return (1 - decay) * decay**j, j * (1 - decay) * decay**j


# %% 4: the mean age, for each j,
def weight_of(j, decay):
    return (1 - decay) * decay**j, decay / (1 - decay) if j == 0 else 7
