"""The policy gradient against exact answers.

Crops: with an aligned sensor, and a glimpse network that does not hear where it looks, only the pixel that a
location rounds to matters. J(θ) is then a finite sum of Gaussian cell probabilities times rewards.
Ramp: on images linear in x and y, with ReLUs that stay on their sides, everything is smooth, and
Gauss–Hermite quadrature is exact to rounding, with locations that the network sees and hears.

∇J is a five-point difference of that sum. A mean of n independent estimates is then compared with it in units
of its own standard error.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, softmax

from minram.agent import backward, rollout
from minram.gradcheck.network import only
from minram.reinforce import cotangents
from minram.sensor import summed_area
from tiny import EVERY, REINFORCE, TINY, parameters

ALARM = 1e-4  # probability that a right estimator fails a test; the seeds are fixed
BASELINES = ("none", "batch", "rollouts", "learned", "constant")
M = 6  # rollouts per image in a batch


def small(T, **changes):
    small = {
        "glimpses": T,
        "what_units": 3,
        "where_units": 2,
        "glimpse_units": 4,
        "core_units": 3,
        "start": "centre",
        "rollouts": M,
        "learn_std": True,
        "flow": ("location",),
    }
    return TINY.changed(small | changes)


def moved(config, spread, std, seed=0):
    params = parameters(config, np.random.default_rng(seed), spread)
    return params | {"location.log_std": np.log([std, 1.5 * std])}


class Crops:
    """Two images of 3 × 3 pixels: a retina of 2 × 2 pixels has 4 × 4 places on them, of which it takes T − 1."""

    def __init__(self, T, seed=8, **changes):
        self.config = small(T, patch_size=2, scales=(1,), **changes)
        self.params = moved(self.config, 0.3, 0.5, seed)
        self.params["glimpse.where.W"] *= 0
        for name in ("glimpse.what.b", "glimpse.combine.b", "core.b"):
            self.params[name] += 0.5
        if self.config.objective == "hybrid":
            self.params["label.W"] *= 3
        self.params["baseline.W"] *= 0.1
        self.fixed = ("baseline", "glimpse.where.W")  # what J does not depend on, or may not
        self.area = summed_area(np.random.default_rng(1).normal(0, 2, (2, 3, 3)))
        self.labels = np.array([0, 2])
        # In pixels the retina starts at 3 (l + 1) / 2 − 1, which is rounded to −1, 0, 1 or 2. What lies beyond
        # the image is clipped to its border, so the first and the last place get all that is outside.
        starts = np.arange(-1, 3)
        self.middles = (starts + 1) * 2 / 3 - 1
        edges = (starts[1:] - 0.5 + 1) * 2 / 3 - 1
        self.low, self.high = np.array([-np.inf, *edges]), np.array([*edges, np.inf])

    def trajectories(self, params):
        """All sequences of places on all images, and their probabilities (B · 16^(T−1),)."""
        T, B = self.config.glimpses, len(self.labels)
        index = np.array(list(np.ndindex((4, 4) * (T - 1)))).reshape(-1, T - 1, 2).swapaxes(0, 1)
        index = np.tile(index, (1, B, 1))  # (T−1, N, 2)
        frozen = SimpleNamespace(loc=np.zeros((1, index.shape[1], 2)), sample=self.middles[index])
        every = self.config.label_steps == "every"
        t = rollout(params, self.config, self.area, None, index.shape[1] // B, every_step=every, frozen=frozen)
        std = np.exp(t.log_std)
        cells = ndtr((self.high[index] - t.mu) / std) - ndtr((self.low[index] - t.mu) / std)
        return t, cells.prod(axis=(0, 2))


class Ramp:
    """One image that is a plane: what the retina sees is linear in where it looks."""

    nodes = 4

    def __init__(self, T, **changes):
        self.config = small(T, continuous=True, patch_size=2, scales=(1, 3), **changes)
        self.fixed = ("baseline",)
        y, x = np.mgrid[:40, :40] / 40
        self.area = summed_area((2 * x - 1.5 * y + 0.3)[None])
        self.labels = np.array([1])
        p = moved(self.config, 0.3, 0.08)
        for name in ("glimpse.what.b", "glimpse.where.b", "glimpse.combine.b", "core.b"):
            p[name] = np.where(np.arange(p[name].size) == 1, -50.0, 5.0)  # one unit off
        p["location.W"] *= 0.1
        p["baseline.W"] *= 0.1
        p["location.b"] = np.array([0.1, -0.2])
        p["label.W"] *= 5
        # Labels and rewards that are in doubt, where the agent looks on average.
        typical = rollout(p, self.config, self.area, None, policy="mean")
        p["label.b"] -= typical.logits[-1, 0]
        p["baseline.b"] += 1 / 3 - typical.baseline[-1]
        self.params = p

    def trajectories(self, params):
        T = self.config.glimpses
        z, weights = np.polynomial.hermite_e.hermegauss(self.nodes)
        index = np.array(list(np.ndindex((self.nodes, self.nodes) * (T - 1)))).reshape(-1, T - 1, 2).swapaxes(0, 1)
        frozen = SimpleNamespace(loc=np.zeros((1, index.shape[1], 2)), sample=np.zeros(index.shape))
        for step in range(T):  # where the nodes of a step lie depends on the steps before
            every = self.config.label_steps == "every"
            t = rollout(params, self.config, self.area, None, index.shape[1], every_step=every, frozen=frozen)
            if step < T - 1:
                frozen.sample[step] = t.mu[step] + np.exp(t.log_std) * z[index[step]]
        for mask in (t.glimpse.hidden > 0, t.glimpse.g > 0, t.core.h > 0):
            assert (mask == mask[:, :1]).all()
        return t, (weights / weights.sum())[index].prod(axis=(0, 2))


def expected_reward(problem, params):
    """J(θ): a mean over images, a sum over all that can happen to each, and over the rewards on the way."""
    t, probability = problem.trajectories(params)
    p = softmax(t.logits, axis=-1)  # (S, N, K)
    labels = problem.labels[t.image]
    if problem.config.objective == "reinforce" or problem.config.reward != "correct":
        reward = p[:, np.arange(p.shape[1]), labels]  # a drawn label is right with its probability
        reward = np.log(reward) if problem.config.reward == "log_probability" else reward
    else:
        reward = p.argmax(axis=-1) == labels
    reward = reward.sum(axis=0) if problem.config.reward_steps == "every" else reward[-1]
    return reward @ probability / len(problem.labels)


def learning(problem):
    """The parameters whose ∇J the update estimates."""
    if problem.config.reward != "correct":  # the reward's own dependence on the others is not followed
        return [name for name in problem.params if name.startswith("location")]
    return [name for name in problem.params if not name.startswith(problem.fixed)]


def exact_gradient(problem):
    """∇J (P,), entry by entry, by five-point differences."""
    params = {name: x.copy() for name, x in problem.params.items()}
    gradient, h = [], 1e-3
    for name in learning(problem):
        for i in range(params[name].size):
            old, values = params[name].flat[i], []
            for step in (h / 2, -h / 2, h, -h):
                params[name].flat[i] = old + step
                values.append(expected_reward(problem, params))
            params[name].flat[i] = old
            a, b, c, d = values
            gradient.append((8 * (a - b) - (c - d)) / (6 * h))
    return np.array(gradient)


def estimates(problem, kinds, n, rng, rollouts=M):
    """n independent estimates of ∇J with each baseline {kind: (n, P)}, all from the same rollouts.

    "constant" and "self" are not settings: a baseline head that says 0.4, or the mean reward of the batch.
    """
    config, names = problem.config, learning(problem)
    found = {kind: [] for kind in kinds}
    for seed in rng.integers(2**63, size=n):
        every = config.label_steps == "every"
        t = rollout(problem.params, config, problem.area, rng, rollouts, every_step=every)
        for kind in kinds:
            setting, judged = config, t
            if kind == "constant":
                judged = t._replace(baseline=np.full_like(t.baseline, 0.4))
            elif kind == "self":
                _, outcome = cotangents(t, problem.labels, config, np.random.default_rng(seed))
                judged = t._replace(baseline=np.full_like(t.baseline, outcome.reward.mean()))
            else:
                setting = config.changed({"baseline": kind})
            heads, _ = cotangents(judged, problem.labels, setting, np.random.default_rng(seed))
            if config.objective == "hybrid":
                heads = only(heads, "mu", "log_std")
            grads = backward(problem.params, t, heads, config.flow)
            found[kind].append(np.concatenate([-grads[name].ravel() for name in names]))
    return {kind: np.array(x) for kind, x in found.items()}


def independent(samples):
    """A matrix that makes the columns of samples (n, P) uncorrelated with variance 1 → (P, rank).

    Directions with less than 1e-4 of the largest variance are left out: some have none (softmax does not
    notice a common shift), and where rare events decide, a mean is not yet normal.
    """
    variance, directions = np.linalg.eigh(np.cov(samples.T))
    seen = variance > 1e-4 * variance.max()
    return directions[:, seen] / np.sqrt(variance[seen])


PROBLEMS = {
    "crops, hybrid": (Crops, {}),
    "crops, reinforce": (Crops, REINFORCE),
    "ramp, hybrid": (Ramp, {"reward": "probability"}),
    "ramp, reinforce": (Ramp, REINFORCE),
    "crops, a reward after each glimpse": (Crops, EVERY),
    "ramp, log p after each glimpse": (Ramp, EVERY | {"reward": "log_probability"}),
}
CASES = [(name, T) for name in PROBLEMS for T in (2, 3)]
BATCHES = 300


@cache
def case(name, T):
    """The exact gradient (P,), and estimates of it with each baseline {kind: (BATCHES, P)}."""
    kind, changes = PROBLEMS[name]
    problem = kind(T, **changes)
    rng = np.random.default_rng([T, *name.encode()])
    return exact_gradient(problem), estimates(problem, BASELINES, BATCHES, rng)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("name, T", CASES)
def test_reinforce_estimates_the_gradient(name, T, baseline):
    exact, samples = case(name, T)
    samples = samples[baseline]
    scale = independent(samples)
    z = np.sqrt(BATCHES) * (samples.mean(axis=0) - exact) @ scale  # independent N(0, 1) if unbiased
    assert (z**2).sum() < stats.chi2.isf(ALARM, z.size)


@pytest.mark.parametrize("baseline", BASELINES)
def test_errors_are_standard_normal(baseline):
    """z-scores of independent groups of batches, in independent directions, of all problems."""
    z = []
    for name, T in CASES:
        exact, samples = case(name, T)
        groups = samples[baseline].reshape(10, -1, exact.size)
        z.append(np.sqrt(groups.shape[1]) * (groups.mean(axis=1) - exact) @ independent(samples[baseline]))
    z = np.concatenate([x.ravel() for x in z])
    assert stats.kstest(z, "norm").pvalue > ALARM


@pytest.mark.parametrize("rollouts", [1, 2])
def test_a_batch_mean_that_includes_the_row_itself_is_biased(rollouts):
    """It scales the gradient by 1 − 1/N, as N rows have each their own reward in b with weight 1/N."""
    problem, N, n = Crops(2), 2 * rollouts, 1000
    exact = exact_gradient(problem)
    for kind, factor in (("self", 1 - 1 / N), ("batch", 1)):
        samples = estimates(problem, (kind,), n, np.random.default_rng(rollouts), rollouts)[kind]
        scale = independent(samples)
        g = exact @ scale
        # Least squares: the factor of g that is nearest to the mean, and its standard error.
        found, error = samples.mean(axis=0) @ scale @ g / (g @ g), 1 / np.sqrt(n * g @ g)
        assert abs(found - factor) < stats.norm.isf(ALARM / 2) * error
        assert kind == "batch" or found < 1 - 6 * error


# Variance, for one decision: the score of location.b is s = (a − μ) / σ²


class OneDecision:
    """J, E r, E|s|² and E[r|s|²] exactly, from the truncated moments of the normal distribution."""

    def __init__(self):
        self.problem = Crops(2, seed=9, learn_std=False, std=0.5)
        del self.problem.params["location.log_std"]
        self.problem.params["location.b"] += [0.4, 0]  # so that E r and the optimum are well apart
        self.problem.area = self.problem.area._replace(table=self.problem.area.table[:1])
        self.problem.labels = self.problem.labels[:1]
        t, probability = self.problem.trajectories(self.problem.params)
        reward = t.logits[-1].argmax(axis=-1) == self.problem.labels
        mu, std = t.mu[0, 0], np.exp(t.log_std)
        a, b = (self.problem.low - mu[:, None]) / std[:, None], (self.problem.high - mu[:, None]) / std[:, None]
        density, P = stats.norm.pdf, ndtr(b) - ndtr(a)  # (2, 4): axis, place
        first = density(a) - density(b)  # E[z; a < z < b]
        second = P - np.where(np.isinf(b), 0, b) * density(b) + np.where(np.isinf(a), 0, a) * density(a)
        (Px, Py), (x1, y1), (x2, y2) = P, first, second
        r = reward.reshape(4, 4)  # x, y
        np.testing.assert_allclose(probability, np.outer(Px, Py).ravel(), rtol=1e-12)
        self.mean = np.sum(r * np.outer(Px, Py))
        self.g = np.array([np.sum(r * np.outer(x1, Py)) / std[0], np.sum(r * np.outer(Px, y1)) / std[1]])
        self.rs2 = np.sum(r * (np.outer(x2, Py) / std[0] ** 2 + np.outer(Px, y2) / std[1] ** 2))
        self.s2 = np.sum(std**-2.0)
        self.optimum = self.rs2 / self.s2

    def variance(self, b):
        """Of one row's (r − b) s, summed over its components; r² = r."""
        return self.rs2 * (1 - 2 * b) + b**2 * self.s2 - self.g @ self.g

    def leave_one_out(self, N):
        """N times the variance of the mean over N rows, when b is the mean of the other rows.

        Of a row: b has the mean E r and the variance Var r / (N − 1), and knows nothing of s. Of two rows: each
        has the other's reward in its b, which leaves |g|² / (N − 1)² of covariance.
        """
        spread = self.mean * (1 - self.mean)
        return self.variance(self.mean) + (spread * self.s2 + self.g @ self.g) / (N - 1)

    def samples(self, baseline, n, N, seed=0):
        """n estimates (n, 2), each a mean over N rows, by the package; baseline a number or "rollouts"."""
        config = self.problem.config.changed({"rollouts": N})
        t = rollout(self.problem.params, config, self.problem.area, np.random.default_rng(seed), n * N)
        if baseline == "rollouts":
            config = config.changed({"baseline": "rollouts"})
        else:
            t = t._replace(baseline=np.full_like(t.baseline, baseline))
        heads, _ = cotangents(t, self.problem.labels, config)
        return t, -n * heads.mu[0].reshape(n, N, 2).sum(axis=1)


def measured_variance(samples):
    """The summed variance of the columns, and its standard error."""
    squares = ((samples - samples.mean(axis=0)) ** 2).sum(axis=1)
    return squares.sum() / (len(samples) - 1), squares.std() / np.sqrt(len(samples))


def test_variances_are_ordered_as_theory_says():
    exact, N, n = OneDecision(), 8, 5000
    best, mean, none = (exact.variance(b) for b in (exact.optimum, exact.mean, 0))
    assert best < mean < exact.leave_one_out(N) < none
    found = {}
    for name, baseline, want in (
        ("optimal", exact.optimum, best),
        ("mean", exact.mean, mean),
        ("none", 0.0, none),
        ("leave one out", "rollouts", exact.leave_one_out(N)),
    ):
        _, samples = exact.samples(baseline, n, N)
        assert (np.abs(samples.mean(axis=0) - exact.g) < 4 * samples.std(axis=0) / np.sqrt(n)).all()
        found[name], error = measured_variance(samples * np.sqrt(N))
        assert abs(found[name] - want) < stats.norm.isf(ALARM / 2) * error
    assert found["optimal"] < found["mean"] < found["leave one out"] < found["none"]


def test_leave_one_out_comes_close_to_the_expected_reward():
    exact = OneDecision()
    for N in (2, 32):
        _, samples = exact.samples("rollouts", 40_000 // N, N)
        found, error = measured_variance(samples * np.sqrt(N))
        assert abs(found - exact.leave_one_out(N)) < stats.norm.isf(ALARM / 2) * error
    # What it costs beyond E r falls with 1/(N − 1).
    excess = [exact.leave_one_out(N) - exact.variance(exact.mean) for N in (2, 32)]
    np.testing.assert_allclose(excess[0], 31 * excess[1], rtol=1e-9)


def test_the_dead_last_location_only_adds_variance():
    """A location drawn after the last glimpse, and reinforced: nothing sees it, so E[(r − b) s] = 0."""
    exact, N, n, b = OneDecision(), 8, 5000, 0.3
    t, samples = exact.samples(b, n, N)
    reward = t.logits[-1].argmax(axis=-1) == exact.problem.labels
    std = exact.problem.config.std
    score = np.random.default_rng(5).normal(size=(n, N, 2)) / std
    dead = ((reward.reshape(n, N, 1) - b) * score).mean(axis=1)  # (n, 2)
    both = samples + dead
    assert (np.abs(both.mean(axis=0) - exact.g) < 4 * both.std(axis=0) / np.sqrt(n)).all()
    more = (exact.mean * (1 - 2 * b) + b**2) * 2 / std**2  # E[(r − b)²] E|s|²: independent
    found, error = measured_variance(both * np.sqrt(N))
    assert abs(found - exact.variance(b) - more) < stats.norm.isf(ALARM / 2) * error
    assert found - measured_variance(samples * np.sqrt(N))[0] > 10 * error
    # The package draws no such location: T − 1 decisions for T glimpses.
    assert t.sample.shape[0] == t.mu.shape[0] == len(t.loc) - 1


def test_the_sums_are_exact():
    """Probabilities add up to 1, and two more nodes change the gradient by much less than sampling can see."""
    for kind in (Crops, Ramp):
        for T in (2, 3):
            problem = kind(T)
            _, probability = problem.trajectories(problem.params)
            np.testing.assert_allclose(probability.sum(), len(problem.labels), rtol=1e-12)
    ramp = Ramp(2, **REINFORCE)
    gradient = exact_gradient(ramp)
    ramp.nodes += 2
    np.testing.assert_allclose(exact_gradient(ramp), gradient, rtol=0, atol=1e-5 * np.abs(gradient).max())
