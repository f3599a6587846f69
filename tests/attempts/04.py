# Typical wrong answers to the exercises of lesson 4: the exercise, and what its check has to say.


# %% 1: from the sixth to the first
def predicted():
    return {"a": 0, "b": 1, "c": -1 / 64, "d": 6}


# %% 1: what does each do to the sign
def predicted():
    return {"a": 0, "b": 1, "c": 1 / 32, "d": 6}


# %% 1: what adds up
def predicted():
    return {"a": 0, "b": 1, "c": -1 / 32, "d": 1}


# %% 2: each step needs what comes back from the next one.
def cotangents_by_hand():
    return {"dz": (1, 0, 100, 1000), "dW_h": 6000, "dW_g": 4302}


# %% 2: each step needs what comes back from the next one, and its gate
def cotangents_by_hand():
    return {"dz": (1, 10, 100, 1000), "dW_h": 6040, "dW_g": 4312}


# %% 2: comes through the second gate
def cotangents_by_hand():
    return {"dz": (-909, 0, -900, 1000), "dW_h": 6000, "dW_g": -518}


# %% 2: changes its sign
def cotangents_by_hand():
    return {"dz": (1, 0, 1100, 1000), "dW_h": 6000, "dW_g": 7302}


# %% 2: the second gate is shut
def cotangents_by_hand():
    return {"dz": (-909, 910, -900, 1000), "dW_h": 6000, "dW_g": 1302}


# %% 2: which h did it multiply?
def cotangents_by_hand():
    return {"dz": (1, 0, -900, 1000), "dW_h": -3396, "dW_g": 1302}


# %% 3: to reshape is not to transpose
def weight_gradient(x, dz):
    return x.reshape(-1, x.shape[-1]).T @ dz.reshape(-1, dz.shape[-1])


# %% 3: this is the mean over the steps
def weight_gradient(x, dz):
    return np.einsum("tni,ntj->ij", x, dz) / len(x)


# %% 4: Nothing comes from the next step.
def my_core_backward(W, dh, hg, h):
    D = h.shape[-1]
    dz = dh * (h > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: through which matrix, transposed or not
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(h))):
        later = dz[t + 1] @ W[:D] if t + 1 < len(h) else 0
        dz[t] = (dh[t] + later) * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: after which gate
def my_core_backward(W, dh, hg, h):
    D, dz, whole = h.shape[-1], np.zeros_like(dh), 0
    for t in reversed(range(len(h))):
        whole = dh[t] + (whole @ W[:D].T if t + 1 < len(h) else 0)
        dz[t] = whole * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: NameError: name 'n_core' is not defined
def my_core_backward(W, dh, hg, h):
    return dh @ W[:n_core].T


# %% 4: weights get the dz
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(h))):
        dz[t] = (dh[t] + (dz[t + 1] @ W[:D].T if t + 1 < len(h) else 0)) * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dh), dz.sum(axis=(0, 1))


# %% 4: Where is the gate?
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], dh.copy()
    for t in reversed(range(len(h) - 1)):
        dz[t] += dz[t + 1] @ W[:D].T
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: Step 2 is the latest that is wrong
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(h))):
        later = (dh[t + 1] * (h[t + 1] > 0)) @ W[:D].T if t + 1 < len(h) else 0
        dz[t] = (dh[t] + later) * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: Step 1 is the latest that is wrong. Does the loop reach it?
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], dh * (h > 0)
    for t in range(len(h) - 2, 0, -1):
        dz[t] = (dh[t] + dz[t + 1] @ W[:D].T) * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: does step 1 write to index −1
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], dh.copy()
    for t in reversed(range(len(h))):
        dz[t] *= h[t] > 0
        dz[t - 1] += dz[t] @ W[:D].T
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: the gate that of the same step
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    before = np.concatenate([np.ones_like(h[:1]), h[:-1]])
    for t in reversed(range(len(h))):
        dz[t] = (dh[t] + (dz[t + 1] @ W[:D].T if t + 1 < len(h) else 0)) * (before[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 4: this is the last step's part
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(h))):
        dz[t] = (dh[t] + (dz[t + 1] @ W[:D].T if t + 1 < len(h) else 0)) * (h[t] > 0)
    return dz @ W[D:].T, hg[-1].T @ dz[-1], dz.sum(axis=(0, 1))


# %% 4: it holds h of the step before already
def my_core_backward(W, dh, hg, h):
    D, dz = h.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(h))):
        dz[t] = (dh[t] + (dz[t + 1] @ W[:D].T if t + 1 < len(h) else 0)) * (h[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg[:-1], dz[1:]), dz.sum(axis=(0, 1))


# %% 5: but it passes no gate
def slow_backward(dh, cache):
    (hg, z, W), D, dz, whole = cache, dh.shape[-1], np.zeros_like(dh), 0
    for t in reversed(range(len(dh))):
        direct = 0.75 * whole * (z[t + 1] > 0) if t + 1 < len(dh) else 0
        whole = dh[t] + (dz[t + 1] @ W[:D].T if t + 1 < len(dh) else 0) + direct
        dz[t] = 0.25 * whole * (z[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 5: which of its gates are shut?
def slow_backward(dh, cache):
    (hg, _, W), D, dz, whole = cache, dh.shape[-1], np.zeros_like(dh), 0
    for t in reversed(range(len(dh))):
        whole = dh[t] + (dz[t + 1] @ W[:D].T + 0.75 * whole if t + 1 < len(dh) else 0)
        dz[t] = 0.25 * whole
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 5: with the factor ¼
def slow_backward(dh, cache):
    (hg, z, W), D, dz, whole = cache, dh.shape[-1], np.zeros_like(dh), 0
    for t in reversed(range(len(dh))):
        whole = dh[t] + (dz[t + 1] @ W[:D].T + 0.75 * whole if t + 1 < len(dh) else 0)
        dz[t] = whole * (z[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 5: not what comes through W
def slow_backward(dh, cache):
    (hg, z, W), D, dz, whole = cache, dh.shape[-1], np.zeros_like(dh), 0
    for t in reversed(range(len(dh))):
        whole = dh[t] + (dz[t + 1] @ W[:D] + 0.75 * whole if t + 1 < len(dh) else 0)
        dz[t] = 0.25 * whole * (z[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 5: the direct way is missing
def slow_backward(dh, cache):
    (hg, z, W), D, dz = cache, dh.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(dh))):
        later = dz[t + 1] @ W[:D].T if t + 1 < len(dh) else 0
        dz[t] = 0.25 * (dh[t] + later) * (z[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))


# %% 5: ¾ a step
def slow_backward(dh, cache):
    (hg, z, W), D, dz = cache, dh.shape[-1], np.zeros_like(dh)
    for t in reversed(range(len(dh))):
        later = dz[t + 1] @ W[:D].T + 0.75 * dh[t + 1] if t + 1 < len(dh) else 0
        dz[t] = 0.25 * (dh[t] + later) * (z[t] > 0)
    return dz @ W[D:].T, np.einsum("tni,tnj->ij", hg, dz), dz.sum(axis=(0, 1))
