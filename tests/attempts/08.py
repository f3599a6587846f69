# Typical wrong answers to the exercises of lesson 8: the exercise, and what its check has to say.


# %% 1: How often is it rewarded at all?
def predicted():
    return {"a": 1, "b": 1, "c": 0, "d": 1}


# %% 1: Which heads' gradients reach the core?
def predicted():
    return {"a": 0.2, "b": 1, "c": 0, "d": 2}


# %% 2: the difference of the two
def by_hand():
    return {"J": 1 / 2, "theta": 3 / 16, "eta": 3 / 32, "cross-entropy": 1 / 8}


# %% 2: η has a say only in those cases
def by_hand():
    return {"J": 1 / 2, "theta": 1 / 8, "eta": 3 / 16, "cross-entropy": 1 / 8}


# %% 2: the cross-entropy lacks one factor
def by_hand():
    return {"J": 1 / 2, "theta": 1 / 8, "eta": 3 / 32, "cross-entropy": 3 / 32}


# %% 3: this is Algorithm 1 itself
def reward_like_cross_entropy(p, label):
    return (np.arange(len(p)) == label) * 1.0


# %% 3: the factor p_y is there twice now
def reward_like_cross_entropy(p, label):
    return (np.arange(len(p)) == label) * p[label]


# %% 3: adds nothing on average
def reward_like_cross_entropy(p, label):
    return np.full(len(p), 1 / p[label])


# %% 4: one more factor
def blackwellised(logits, labels):
    p = softmax(logits)
    onehot = labels[:, None] == np.arange(p.shape[1])
    return p[np.arange(len(labels)), labels], (p - onehot) / len(labels)


# %% 4: this is the sum over rows
def blackwellised(logits, labels):
    p = softmax(logits)
    p_y = p[np.arange(len(labels)), labels]
    return p_y, p_y[:, None] * (p - (labels[:, None] == np.arange(p.shape[1])))


# %% 5: the direct part is missing
def one_rollout(theta, logits, y, place, F, dF):
    p = softmax(logits[place])
    return F(p[y]) * (place - 1 / (1 + np.exp(-theta))), np.zeros(logits.shape)


# %% 5: which is the direct part of log p_y alone
def one_rollout(theta, logits, y, place, F, dF):
    p = softmax(logits[place])
    dlogits = np.zeros(logits.shape)
    dlogits[place] = (np.arange(len(p)) == y) - p
    return F(p[y]) * (place - 1 / (1 + np.exp(-theta))), dlogits


# %% 5: the chain rule lacks p_y
def one_rollout(theta, logits, y, place, F, dF):
    p = softmax(logits[place])
    dlogits = np.zeros(logits.shape)
    dlogits[place] = dF(p[y]) * ((np.arange(len(p)) == y) - p)
    return F(p[y]) * (place - 1 / (1 + np.exp(-theta))), dlogits


# %% 2: η has a say only in those cases
def by_hand():
    return {"J": 1 / 2, "theta": 1 / 8, "eta": 3 / 32, "cross-entropy": 1 / 4}


# %% 3: wrong labels are rewarded, too
def reward_like_cross_entropy(p, label):
    return 1 / p


# %% 3: right.
def reward_like_cross_entropy(p, label):
    return (np.arange(len(p)) == label) / p[label] - 3.0  # with a baseline


# %% 4: the sum of the cross-entropy's
def blackwellised(logits, labels):
    p = softmax(logits)
    return p[np.arange(len(labels)), labels], p - (labels[:, None] == np.arange(p.shape[1]))


# %% 5: knows nothing of the place not looked at
def one_rollout(theta, logits, y, place, F, dF):
    p, chance = softmax(logits), np.array([1 / (1 + np.exp(theta)), 1 / (1 + np.exp(-theta))])  # the exact gradient
    dlogits = (chance * dF(p[:, y]) * p[:, y])[:, None] * ((np.arange(p.shape[1]) == y) - p)
    return chance[0] * chance[1] * (F(p[1, y]) - F(p[0, y])), dlogits


# %% 5: dlogits should have the shape of logits
def one_rollout(theta, logits, y, place, F, dF):
    p = softmax(logits[place])
    return F(p[y]) * (place - 1 / (1 + np.exp(-theta))), dF(p[y]) * p[y] * ((np.arange(len(p)) == y) - p)
