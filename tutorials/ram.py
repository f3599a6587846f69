"""The recurrent attention model of Mnih et al. (2014) in one file, in the order of its derivation: see lessons 2 to 8.

An agent names a digit that it sees through a small window, at T places of which it chooses all but the first. N images
are N rows; dy stands for ∂L/∂y, where L is what training makes small. The package has it all under the same names.
"""

import numpy as np

from minram.datasets.data import load

T, CELLS, SCALES = 6, 8, (1, 2)  # glimpses; cells along a side of the window; pixels per cell, a window each
WHAT, WHERE, GLIMPSE, CORE, K = 128, 128, 256, 256, 10  # widths of the layers, and the number of labels
SIGMA, BATCH, EPOCHS, RATE = 0.15, 128, 8, 2e-3  # σ of a chosen location, which goes from −1 to 1; training


# 1. The parameters: W (in, out) and b (out,) of each linear map y = x W + b.
def parameters(rng):
    sizes = {  # inputs, outputs, variance of y where x has variance 1: 2 before a ReLU, which lets half of it through
        "glimpse.what": (len(SCALES) * CELLS * CELLS, WHAT, 2),
        "glimpse.where": (2, WHERE, 2),
        "glimpse.combine": (WHAT + WHERE, GLIMPSE, 2),
        "core": (CORE + GLIMPSE, CORE, 2),
        "label": (CORE, K, 1),
        "location": (CORE, 2, 1e-4),  # so that the agent begins by looking near the centre
        "baseline": (CORE, 1, 1),
    }
    p = {}
    for name, (n_in, n_out, gain) in sizes.items():
        p[name + ".W"] = rng.standard_normal((n_in, n_out), np.float32) * np.float32(np.sqrt(gain / n_in))
        p[name + ".b"] = np.zeros(n_out, np.float32)
    return p


# 2. The sensor ρ(x, l): a sharp small window at l = (x, y), and a coarse large one around it.
def sense(images, loc):  # (N, H, W) bytes, (N, 2)
    N, H, W = images.shape
    pad = max(SCALES) * CELLS // 2  # beyond its border an image is black
    padded = np.pad(images, [(0, 0), (pad, pad), (pad, pad)])
    seen = []
    for s in SCALES:
        corner = (loc + 1) * (np.array([W, H]) / 2) - s * CELLS / 2  # (N, 2) in pixels: x, y
        corner = np.floor(corner + 0.5).astype(int) + pad  # the nearest pixel
        columns, rows = (corner[:, :, None] + np.arange(s * CELLS)).transpose(1, 0, 2)  # each (N, s·cells)
        window = padded[np.arange(N)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, s·cells, s·cells)
        seen.append(window.reshape(N, CELLS, s, CELLS, s).mean(axis=(2, 4)).reshape(N, -1))  # (N, cells²)
    return (np.hstack(seen) / 255).astype(loc.dtype)  # (N, k·cells²)


# 3. The rollout: T glimpses, each where the state after the one before has sent it; the label after the last.
def forward(p, images, first, noise):  # (N, H, W), (N, 2), (T−1, N, 2): all that is random comes from outside
    def linear(x, name):
        return x @ p[name + ".W"] + p[name + ".b"]

    loc, h = first, np.zeros((len(images), len(p["core.b"])), first.dtype)  # l_1 and h_0
    steps, decisions = [], []
    for t in range(T):
        phi = sense(images, loc)  # (N, k·cells²)
        hidden = np.maximum(np.hstack([linear(phi, "glimpse.what"), linear(loc, "glimpse.where")]), 0)  # (N, hidden)
        g = np.maximum(linear(hidden, "glimpse.combine"), 0)  # (N, glimpse)
        hg = np.hstack([h, g])  # (N, core + glimpse): what the core reads
        h = np.maximum(linear(hg, "core"), 0)  # (N, core)
        steps.append((phi, loc, hidden, g, hg, h))
        if t < T - 1:
            mu = linear(h, "location")  # (N, 2)
            sample = mu + SIGMA * noise[t]  # (N, 2) a draw from N(μ, σ²)
            loc = np.clip(sample, -1, 1)  # the sensor stays in the image; what is scored below is the draw itself
            decisions.append((mu, sample))
    path = dict(zip(("phi", "loc", "hidden", "g", "hg", "h"), map(np.array, zip(*steps))))  # each (T, N, …)
    path |= dict(zip(("mu", "sample"), map(np.array, zip(*decisions))))  # each (T−1, N, 2)
    path |= {"logits": linear(h, "label"), "baseline": linear(path["h"][:-1], "baseline")[..., 0]}  # (N, K), (T−1, N)
    return path


# 4. What training wants, as cotangents of the heads' outputs. Label: less cross-entropy, −log p_label. Location: more
#    reward; REINFORCE takes ∇ log N(a; μ, σ²) = (a − μ)/σ² times reward minus baseline. Baseline: ½ (b − r)² small.
def cotangents(path, labels):  # (N,)
    N = len(labels)
    p_label = np.exp(path["logits"] - path["logits"].max(axis=1, keepdims=True))  # (N, K)
    p_label /= p_label.sum(axis=1, keepdims=True)  # softmax
    onehot = labels[:, None] == np.arange(p_label.shape[1])  # (N, K)
    reward = p_label.argmax(axis=1) == labels  # (N,) 1 if right, else 0
    advantage = reward - path["baseline"]  # (T−1, N); a constant here: it sends nothing back into b
    dmu = -advantage[..., None] * (path["sample"] - path["mu"]) / SIGMA**2 / N  # (T−1, N, 2); minus: L is to fall
    return (p_label - onehot) / N, dmu, -advantage / N  # a mean over rows, but a sum over time: log p(path) is one


# 5. Backwards: from the heads' cotangents, through time, to the gradient of every parameter.
def backward(p, path, dlogits, dmu, db):
    def linear(name, x, dy):  # y = x W + b: dW = xᵀ dy, db = Σ dy, over the rows of all steps at once
        x, dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        grads[name + ".W"], grads[name + ".b"] = x.T @ dy, dy.sum(axis=0)

    grads, h, hidden, core, what = {}, path["h"], path["hidden"], len(p["core.b"]), len(p["glimpse.what.b"])
    linear("label", h[-1], dlogits)
    linear("location", h[:-1], dmu)  # this head and the next read the state and do not shape it, as in the paper:
    linear("baseline", h[:-1], db[..., None])  # of their cotangents nothing flows on into the core
    dz = np.zeros_like(h)  # (T, N, core) inside the ReLU of the core, where h > 0 says what it has let through
    dz[-1] = (dlogits @ p["label.W"].T) * (h[-1] > 0)
    for t in reversed(range(T - 1)):  # h_t was read by the core at t + 1, through the upper rows of W
        dz[t] = (dz[t + 1] @ p["core.W"][:core].T) * (h[t] > 0)
    linear("core", path["hg"], dz)
    dg = (dz @ p["core.W"][core:].T) * (path["g"] > 0)  # (T, N, glimpse), again inside the ReLU
    linear("glimpse.combine", hidden, dg)
    dhidden = (dg @ p["glimpse.combine.W"].T) * (hidden > 0)  # (T, N, hidden)
    linear("glimpse.what", path["phi"], dhidden[..., :what])
    linear("glimpse.where", path["loc"], dhidden[..., what:])  # a place is a draw, so data: nothing flows into μ
    return grads


# 6. Adam: each parameter moves by the mean of its gradients, in units of their size. (m and v begin at 0; t corrects.)
def adam(p, grads, m, v, t, rate):
    for name, g in grads.items():
        m[name] += 0.1 * (g - m[name])
        v[name] += 0.001 * (g * g - v[name])
        p[name] -= rate * m[name] / (1 - 0.9**t) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)


# 7. Training, and a look at what was learned.
def train(x, y, x_val, y_val, rng):  # (n, H, W) bytes and (n,) labels, twice
    p, t, n = parameters(rng), 0, len(x) // BATCH  # n steps an epoch
    m, v = ({name: np.zeros_like(a) for name, a in p.items()} for _ in "mv")
    for epoch in range(EPOCHS):
        for rows in rng.permutation(len(x))[: n * BATCH].reshape(n, BATCH):
            t += 1
            first = rng.uniform(-1, 1, (BATCH, 2)).astype(np.float32)
            path = forward(p, x[rows], first, rng.standard_normal((T - 1, BATCH, 2), np.float32))
            grads = backward(p, path, *cotangents(path, y[rows]))
            adam(p, grads, m, v, t, RATE / 2 * (1 + np.cos(np.pi * t / (n * EPOCHS))))  # falls to 0, and noise with it
        error = (look(p, x_val)["logits"].argmax(axis=1) != y_val).mean()
        print(f"epoch {epoch + 1}/{EPOCHS}  validation error {error:.2%}", flush=True)
    return p


def look(p, images):  # from the centre on, each time where the mean is
    return forward(p, images, np.zeros((len(images), 2), np.float32), np.zeros((T - 1, 1, 2), np.float32))


def drawing(image, loc):  # (H, W) bytes, (T, 2): a character a pixel, and at each place the number of its glimpse
    picture = np.array(list(" .:+#"))[image // 52]  # (H, W)
    for t, l in enumerate(loc):
        column, row = np.minimum((l + 1) / 2 * image.shape[::-1], np.array(image.shape[::-1]) - 1).astype(int)
        picture[row, column] = t + 1
    return "\n".join(" ".join(line) for line in picture)


if __name__ == "__main__":
    data = load()
    p = train(data.x_train, data.y_train, data.x_val, data.y_val, np.random.default_rng(0))
    path = look(p, data.x_val[:1])
    print(drawing(data.x_val[0], path["loc"][:, 0]), "\nIt says", path["logits"][0].argmax())
