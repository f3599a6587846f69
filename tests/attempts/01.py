# Typical wrong answers to the exercises of lesson 1: the exercise, and what its check has to say.


# %% 1: The variance of a mean
def predicted():
    return {"a": 1 / 4, "b": 6, "c": 15, "d": 1 / 5}


# %% 1: The first location is not its own decision
def predicted():
    return {"a": 1 / 2, "b": 7, "c": 15, "d": 1 / 5}


# %% 2: the first look is drawn too
def by_hand():
    return {"trajectory": 3 / 8, "J": 19 / 32, "both": 9 / 19}


# %% 2: divide by the probability of being right
def by_hand():
    return {"trajectory": 3 / 16, "J": 19 / 32, "both": 9 / 32}


# %% 2: being right happens without that, too
def by_hand():
    return {"trajectory": 3 / 16, "J": 9 / 32, "both": 9 / 19}


# %% 3: that of the mean is smaller by √N
def estimate(r):
    return r.mean(), r.std(ddof=1)


# %% 3: divided by N − 1
def estimate(r):
    return r.mean(), r.std() / np.sqrt(len(r))


# %% 3: this is the sum; J is a mean
def estimate(r):
    return r.sum(), r.std(ddof=1) / np.sqrt(len(r))


# %% 4: the label was drawn too
def log_probability(a, mu, std, p, guess):
    return norm.logpdf(a, mu, std).sum(axis=(0, 2))


# %% 4: a sum, not a mean
def log_probability(a, mu, std, p, guess):
    of_draws = norm.logpdf(a, mu, std).sum(axis=2)
    return of_draws.mean(axis=0) + np.log(p[np.arange(len(guess)), guess])


# %% 4: log σ is missing
def log_probability(a, mu, std, p, guess):
    z = (a - mu) / std
    of_draws = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    return of_draws.sum(axis=(0, 2)) + np.log(p[np.arange(len(guess)), guess])


# %% 5: of the ink compared with the lesson's six
def my_places():
    return np.array([(a, b) for a in (-0.5, 0.5) for b in (-0.5, 0, 0.5)])


# %% 5: 0 is the centre of the image, not a pixel
def my_places():
    return np.array([(10, 8), (18, 8), (10, 14), (18, 14), (10, 20), (18, 20)])


# %% 2: both is None
def by_hand():
    return {"trajectory": 3 / 16, "J": 19 / 32, "both": None}


# %% 2: both is nearly right, but not exact
def by_hand():
    return {"trajectory": 3 / 16, "J": 19 / 32, "both": 0.474}


# %% 2: J should be a single number
def by_hand():
    return {"trajectory": 3 / 16, "J": (19, 32), "both": 9 / 19}


# %% 3: rewards of 0 and 1 alone
def estimate(r):
    return r.mean(), np.sqrt(r.mean() * (1 - r.mean()) / len(r))


# %% 3: the distance from the mean
def estimate(r):
    return r.mean(), np.sqrt((r**2).sum() / (len(r) - 1) / len(r))


# %% 3: the answer should have 2 parts
def estimate(r):
    return r.mean()


# %% 4: each has a probability of its own
def log_probability(a, mu, std, p, guess):
    return norm.logpdf(a, mu, std).sum() + np.log(p[np.arange(len(guess)), guess])


# %% 4: only the label that was drawn
def log_probability(a, mu, std, p, guess):
    return norm.logpdf(a, mu, std).sum(axis=(0, 2)) + np.log(p).sum(axis=1)


# %% 4: a factor ½ before z²
def log_probability(a, mu, std, p, guess):
    of_draws = -(((a - mu) / std) ** 2) - np.log(std) - 0.5 * np.log(2 * np.pi)
    return of_draws.sum(axis=(0, 2)) + np.log(p[np.arange(len(guess)), guess])


# %% 5: should be numbers
def my_places():
    return [(0, 0)] * 5 + [None]
