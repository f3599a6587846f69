# Typical wrong answers to the exercises of lesson 13: the exercise, and what its check has to say.


# %% 1: What share of the gradient is lost?
def predicted():
    return {"a": 4 / 5, "b": 4 / 3, "c": 0, "d": 0.36}


# %% 1: How many plain estimates could be averaged
def predicted():
    return {"a": 5 / 4, "b": 1 / 3, "c": 0, "d": 0.36}


# %% 1: has a square
def predicted():
    return {"a": 5 / 4, "b": 4 / 3, "c": 0, "d": 0.2}


# %% 2: where one is large the other is small
def control_by_hand():
    return {"means": (3, 0), "coefficient": 3, "variance": 2}


# %% 2: divide by the variance of Y
def control_by_hand():
    return {"means": (3, 0), "coefficient": -3 / 11, "variance": 2}


# %% 2: they are not equally likely
def control_by_hand():
    return {"means": (4, -1 / 3), "coefficient": -3, "variance": 2}


# %% 2: this is the variance before
def control_by_hand():
    return {"means": (3, 0), "coefficient": -3, "variance": 11}


# %% 3: the means of M rollouts scatter, too
def two_parts(y):
    return y.mean(axis=1).var(ddof=1), y.var(axis=1, ddof=1).mean()


# %% 3: a variance that divides by n is too small
def two_parts(y):
    return y.mean(axis=1).var() - y.var(axis=1).mean() / y.shape[1], y.var(axis=1).mean()


# %% 3: of the first part too much is taken off
def two_parts(y):
    within = y.var(axis=1, ddof=1).mean()
    return y.mean(axis=1).var(ddof=1) - within, within


# %% 4: one of the others is not independent
def factor(M):
    return 1


# %% 4: the opposite sign of the gradient
def factor(M):
    return 1 - 1 / (M - 1) if M > 2 else 2


# %% 4: one of M − 1 others
def factor(M):
    return 1 + 1 / M if M > 2 else 2


# %% 5: it is biased
def own_estimate(f, mu, std, noise):
    r = f(mu + std * noise)
    return ((r - r.mean(axis=1, keepdims=True)) * noise / std).mean(axis=1)


# %% 5: it is biased
def own_estimate(f, mu, std, noise):
    z = ndtri((np.arange(8) + 0.5) / 8) + 0 * noise  # the middle of each eighth: no luck at all, and not the truth
    return (f(mu + std * z) * z / std).mean(axis=1)


# %% 5: eight are allowed
def own_estimate(f, mu, std, noise):
    both = np.concatenate([noise, -noise], axis=1)
    return (f(mu + std * both) * both / std).mean(axis=1)


# %% 5: that is no gain
def own_estimate(f, mu, std, noise):
    r = f(mu + std * noise)
    return ((r - (r.sum(axis=1, keepdims=True) - r) / 7) * noise / std).mean(axis=1)


# %% 3: 0 of 2 entries are right
def two_parts(y):
    return 1.0, 1.0


# %% 3: the first is due to the images
def two_parts(y):
    within = y.var(axis=1, ddof=1).mean()
    return within, y.mean(axis=1).var(ddof=1) - within / y.shape[1]


# %% 4: here the sample itself is left out
def factor(M):
    return 1 - 1 / M


# %% 5: it is biased
def own_estimate(f, mu, std, noise):
    true = 2.0 if mu == 1 else norm.pdf(0.75) / 0.2  # without a question to f
    return true + 0.01 * noise[:, 0]


# %% 5: it is biased
def own_estimate(f, mu, std, noise):
    scale = f(np.full(len(noise), 5.0)) if mu < 1 else f(np.full(len(noise), 2.0)) / 4  # asks for the scale alone
    return (2.0 if mu == 1 else norm.pdf(0.75) / 0.2) * scale + 0.01 * noise[:, 0]


# %% 5: all estimates are alike
def own_estimate(f, mu, std, noise):
    z = np.linspace(-8, 8, 4001)
    weight = np.exp(-(z**2) / 2)
    return np.full(len(noise), (weight / weight.sum() * z) @ f(mu + std * z) / std)


# %% 5: it should use its own eight rewards alone
def own_estimate(f, mu, std, noise):
    r = f(mu + std * noise)
    return ((r - r.mean()) * noise / std).mean(axis=1)
