"""The estimators of lesson 13 against the truth, by going through all that can happen; its problems, bench and race.

The mean of an estimator is a sum over groups of rollouts with their probabilities, or a quadrature that is exact for
polynomials, so that chance has no part in it. The faults at the end are planted one at a time; each must be found.
"""

import json
from functools import partial
from itertools import count, product

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.special import ndtr, softmax
from scipy.stats import binom

from helpers import fails, label, plant
from lessons import TUTORIALS
from minram import heads, policy
from minram.agent import rollout
from minram.errors import InputError
from minram.sensor import summed_area
from minram.training.config import Config
from tiny import CLUTTER, SIZES, dataset

assert TUTORIALS  # the lessons' folder is on the path
import exact_agent  # noqa: E402
import laboratory  # noqa: E402
import problems  # noqa: E402
import race  # noqa: E402
import trained_agent  # noqa: E402
import variance as v  # noqa: E402

EPS = np.finfo(float).eps
P3, R3 = np.array([0.6, 0.3, 0.1]), np.array([0.5, 1.0, 3.0])
SCORES = np.eye(3) - P3  # of three logits, a row for each place
TRUTH = P3 * (R3 - P3 @ R3)


def groups(M):
    """All groups of M choices among three places: probability (n,), G (n, M, 1), psi (n, M, 1, 3)."""
    a = np.array(list(product(range(3), repeat=M)))
    return P3[a].prod(axis=1), R3[a][..., None], SCORES[a][:, :, None]


# ---- baselines ----


@pytest.mark.parametrize("M", [2, 3, 5])
def test_the_mean_is_what_the_proof_says(M):
    chance, G, psi = groups(M)
    for says, factor in (
        (v.plain(G, psi), 1),
        (v.baselined(G, psi, 0.7), 1),
        (v.own_mean(G, psi), 1 - 1 / M),
        (v.leave_one_out(G, psi), 1),
    ):
        # 3^M products of numbers below 10, each rounded a few times
        np.testing.assert_allclose(chance @ says, factor * TRUTH, rtol=0, atol=1e3 * EPS)


def test_the_means_are_taken_over_the_group_itself():
    _, G, psi = groups(3)
    for n in (4, 11, 20):
        g, s = G[n, :, 0], psi[n, :, 0]
        others = np.array([np.delete(g, m).mean() for m in range(3)])
        np.testing.assert_allclose(v.own_mean(G, psi)[n], ((g - g.mean())[:, None] * s).mean(axis=0), atol=20 * EPS)
        np.testing.assert_allclose(v.leave_one_out(G, psi)[n], ((g - others)[:, None] * s).mean(axis=0), atol=20 * EPS)
        want = ((g - g.mean()) / g.std())[:, None] * s
        np.testing.assert_allclose(v.normalised(G, psi)[n], want.mean(axis=0), atol=50 * EPS)
    assert not v.normalised(np.ones((1, 3, 1)), psi[:1]).any()  # 0/0


def two_decisions():
    """Two choices, of which the second earns more after the third place: probability, rewards and psi of M = 1."""
    a = np.array(list(product(range(3), repeat=2)))
    rewards = np.stack([R3[a[:, 0]], R3[a[:, 1]] * (1 + (a[:, 0] == 2))], axis=1)[:, None]
    return P3[a].prod(axis=1), rewards, SCORES[a][:, None]


def test_the_best_constant_has_the_least_variance():
    chance, rewards, psi = two_decisions()
    for G in (rewards, rewards.sum(axis=-1, keepdims=True)):
        # Its means are over samples, so each history comes as often as it is likely: 1 of 100, at least.
        often = np.repeat(np.arange(len(chance)), np.round(100 * chance).astype(int))
        best = v.best_constant(G[often], psi[often])

        def spread(b, G=G):
            return chance @ (v.baselined(G, psi, b) ** 2).sum(axis=1)

        assert spread(best) < min(spread(best - 0.01), spread(best + 0.01))


def test_a_learned_baseline_is_the_least_squares_one():
    rng = np.random.default_rng(0)
    states, G = rng.normal(size=(5, 4, 2, 3)), rng.normal(size=(5, 4, 2))
    for returns in (G, G[..., :1]):
        left = returns - states @ v.fit_baseline(states, returns)
        assert np.abs(np.einsum("nmdf,nmd->f", states, left)).max() < 1e3 * EPS  # at a right angle to every feature


def test_reward_to_go_keeps_the_mean_and_drops_what_came_before():
    chance, rewards, psi = two_decisions()
    to_go = v.reward_to_go(rewards)
    np.testing.assert_array_equal(to_go[..., 0], rewards.sum(axis=-1))
    np.testing.assert_array_equal(to_go[..., 1], rewards[..., 1])
    whole = v.plain(rewards.sum(axis=-1, keepdims=True), psi)
    np.testing.assert_allclose(chance @ v.plain(to_go, psi), chance @ whole, rtol=0, atol=100 * EPS)


# ---- Rao and Blackwell ----


def test_the_chance_of_a_label_is_the_mean_of_its_reward():
    logits, labels = np.random.default_rng(1).normal(size=(6, 2, 4)), np.arange(12).reshape(6, 2) % 4
    p = softmax(logits, axis=-1)
    mean = sum(p[..., drawn] * (labels == drawn) for drawn in range(4))
    np.testing.assert_allclose(v.label_probability(logits, labels), mean, rtol=10 * EPS)


def test_cells_give_the_slope_of_the_expected_reward():
    ends = np.array([-np.inf, -0.3, 0.4, np.inf])
    low = np.array([(ends[i], ends[j]) for i in range(3) for j in range(3)])
    high = np.array([(ends[i + 1], ends[j + 1]) for i in range(3) for j in range(3)])
    r, mu, std, h = np.arange(9.0) ** 2 / 10, np.array([0.1, -0.2]), 0.5, 1e-4

    def J(mu):
        return (ndtr((high - mu) / std) - ndtr((low - mu) / std)).prod(axis=1) @ r

    value, slope = v.over_cells(mu, std, low, high, r)
    by_difference = [(J(mu + h * e) - J(mu - h * e)) / (2 * h) for e in np.eye(2)]
    P = (ndtr((high - mu) / std) - ndtr((low - mu) / std)).prod(axis=1)
    assert abs(value - J(mu)) < 100 * EPS
    np.testing.assert_allclose(slope, by_difference, atol=1e-5)  # h²|J‴|/6 with |J‴| < 7 · 3/σ³
    np.testing.assert_allclose((P * r) @ v.cell_score(mu, std, low, high), slope, atol=1e3 * EPS)
    # The mean of the point's score over its cell, by integration, for the one in the middle.
    a = np.linspace(-0.3, 0.4, 20_001)
    density = np.exp(-0.5 * ((a - 0.1) / std) ** 2)
    mean = np.average((a - 0.1) / std**2, weights=density)
    assert (
        abs(v.cell_score(mu, std, low[4], high[4])[0] - mean) < 1e-4
    )  # ends of a sum: a step of 3.5e-5 times the score


# ---- Gaussian decisions ----

MU, STD = np.array([0.4, -0.3]), 0.5
SLOPE = np.array([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]])  # ∂μ/∂θ for three parameters


def cubic(a):
    return a[..., 0] ** 3 + 2 * a[..., 0] * a[..., 1] + a[..., 1] ** 2


def nodes(M):
    """All that M decisions can draw, on the nodes of a quadrature: noise (n, M, 1, 2), weights (n,), slope, psi."""
    z, weights = np.polynomial.hermite_e.hermegauss(4)  # exact to degree 7
    one = np.stack(np.meshgrid(z, z), axis=-1).reshape(-1, 2)
    w = np.outer(weights, weights).ravel() / weights.sum() ** 2
    i = np.array(list(product(range(16), repeat=M)))
    noise = one[i][:, :, None]
    slope = np.broadcast_to(SLOPE, (*noise.shape, 3))
    return noise, w[i].prod(axis=1), slope, np.einsum("nmdk,nmdkp->nmdp", noise / STD, slope)


def exact_cubic():
    return np.array([3 * (MU[0] ** 2 + STD**2) + 2 * MU[1], 2 * MU[0] + 2 * MU[1]]) @ SLOPE


@pytest.mark.parametrize("M", [1, 2])
def test_gaussian_estimators_have_the_mean_of_the_integral(M):
    noise, weights, slope, psi = nodes(M)
    a = MU + STD * noise
    d = np.stack([3 * a[..., 0] ** 2 + 2 * a[..., 1], 2 * a[..., 0] + 2 * a[..., 1]], axis=-1)
    c = np.array([0.3, -1.0, 2.0, 0.5, 0.7, -0.2])
    both = v.mirrored(noise)
    assert both.shape[1] == 2 * M
    G = cubic(MU + STD * both)
    psi_both = np.einsum("nmdk,nmdkp->nmdp", both / STD, np.broadcast_to(SLOPE, (*both.shape, 3)))
    for says in (
        v.plain(cubic(a), psi),
        v.less_quadratic(cubic(a), noise, slope, STD, c),
        v.pathwise(d, slope),
        v.plain(G, psi_both),
    ):
        np.testing.assert_allclose(weights @ says, exact_cubic(), rtol=0, atol=1e4 * EPS)
    # A constant falls out of a pair.
    np.testing.assert_allclose(v.plain(G, psi_both), v.plain(G - 5, psi_both), rtol=0, atol=1e3 * EPS)


def test_a_quadratic_that_fits_leaves_no_variance():
    noise, _, slope, _ = nodes(1)
    G = 1 + 2 * noise[..., 0] - noise[..., 0] * noise[..., 1] + 3 * noise[..., 1] ** 2
    c = v.fit_quadratic(G, noise)
    np.testing.assert_allclose(c, [1, 2, 0, 0, -1, 3], atol=1e3 * EPS)
    says = v.less_quadratic(G, noise, slope, STD, c)
    np.testing.assert_allclose(says, np.tile(np.array([2, 0]) / STD @ SLOPE, (len(says), 1)), atol=1e4 * EPS)


def test_uniform_numbers_are_mirrored_about_a_half():
    np.testing.assert_allclose(v.mirrored(np.array([[0.2, 0.9]]), 0.5), [[0.2, 0.9, 0.8, 0.1]], rtol=4 * EPS)


def test_the_measure_valued_difference_has_the_mean_of_the_slope():
    w = (np.arange(40_000) + 0.5) * 12 / 40_000
    weights = w * np.exp(-w * w / 2) * 12 / 40_000
    found = weights @ v.measure_valued(lambda a: a**3 - a, 0.4, STD, w[:, None])
    assert abs(found[0] - (3 * (0.4**2 + STD**2) - 1)) < 1e-6  # midpoints: the step squared, 1e-7, times the slope
    one = v.measure_valued(lambda a: a, 0.4, STD, np.array([[1.0, 3.0]]))
    assert abs(one[0, 0] - 4 / np.sqrt(2 * np.pi)) < 10 * EPS  # the mean of the pairs, each 2σw / (σ√(2π))


# ---- parts of the variance ----


def test_the_parts_of_the_variance_are_unbiased():
    """Images, locations and labels add ±1, ±2 and ±3, so that the parts are 1, 4 and 9.

    They are sums of products of two. So instead of all 2²¹ draws 32 will do of which the signs have the mean 0, and
    all products of two different ones too: the columns of a Hadamard matrix.
    """
    found = np.zeros(3)
    for b in hadamard(32)[:, 1:22]:
        y = b[:3, None, None] + 2 * b[3:9].reshape(3, 2, 1) + 3 * b[9:].reshape(3, 2, 2)
        parts = v.variance_parts(y[..., None].astype(float))
        found += [parts[name][0] for name in ("images", "locations", "labels")]
    np.testing.assert_allclose(found / 32, [1, 4, 9], rtol=0, atol=1e-12)


def test_the_errors_of_the_parts_are_the_jackknife_s():
    y = np.random.default_rng(2).normal(size=(7, 3, 2, 4))
    left_out = [v.variance_parts(np.delete(y, i, axis=0)) for i in range(len(y))]
    for name, (_, error) in v.variance_parts(y).items():
        values = np.array([parts[name][0] for parts in left_out])
        assert error == pytest.approx(np.sqrt(6 / 7 * ((values - values.mean()) ** 2).sum()), rel=1e-9)


# ---- problems ----


def test_truths_are_those_of_closed_forms():
    for k in (-2.0, 0.0, 1.5):
        assert problems.cost("(x − k)²", k).truth[0] == pytest.approx(2 * (1 - k), abs=1e-12)
    for k in (0.1, 1.0, 10.0):
        want = -2 * k / (1 + 2 * k) ** 1.5 * np.exp(-k / (1 + 2 * k))
        assert problems.cost("exp(−k x²)", k).truth[0] == pytest.approx(want, abs=1e-12)
    for k in (0.5, 5.0):
        assert problems.cost("cos kx", k).truth[0] == pytest.approx(-k * np.exp(-k * k / 2) * np.sin(k), abs=1e-12)
    assert problems.rebar(0.45).truth[0] == pytest.approx(0.025) and problems.rebar(0.499).truth[0] == pytest.approx(
        5e-4
    )
    assert problems.kool().truth[0] == pytest.approx(-0.0450, abs=5e-5)


def test_the_truth_of_the_small_agent_is_the_slope_of_J():
    params = exact_agent.parameters()
    known, W = exact_agent.tabulate(params), params["location.W"].copy()
    found = exact_agent.gradient(known, known.p3)
    assert np.abs(known.P2.sum(axis=1) - 1).max() < 1e-12 and np.abs(known.P3.sum(axis=2) - 1).max() < 1e-12
    for entry, h in (((4, 0), 1e-5), ((0, 1), 1e-5), (None, 1e-5)):
        values = []
        for move in (h, -h):
            moved = params | {"location.W": W.copy(), "location.b": params["location.b"].copy()}
            if entry:
                moved["location.W"][entry] += move
            else:
                moved["location.b"][1] += move
            k = exact_agent.tabulate(moved)
            values.append(exact_agent.expected(k, k.p3))
        at = 2 * entry[0] + entry[1] if entry else -1
        assert (values[0] - values[1]) / (2 * h) == pytest.approx(found[at], abs=1e-7)  # h²|J‴|/6, and 1e-16/h


def test_look_ups_are_the_package_s_rollouts():
    params, n = exact_agent.parameters(), 50
    z = np.random.default_rng(3).normal(size=(3, n, 2, 2))
    d = exact_agent.draw(exact_agent.tabulate(params), np.arange(3), z)
    area = summed_area(exact_agent.images())
    start = rollout(params, exact_agent.CONFIG, area, np.random.default_rng(0), n, start=exact_agent.START)
    sample = np.zeros_like(start.sample)
    for step in range(2):  # where a sample lies depends on the steps before
        t = rollout(params, exact_agent.CONFIG, area, None, n, frozen=start._replace(sample=sample))
        sample[step] = t.mu[step] + exact_agent.CONFIG.std * z[:, :, step].reshape(-1, 2)
    t = rollout(params, exact_agent.CONFIG, area, None, n, frozen=start._replace(sample=sample))
    p = v.label_probability(t.logits[-1], exact_agent.LABELS[t.image]).reshape(3, n)
    np.testing.assert_allclose(exact_agent.chance_of_right(d)[..., 0], p, rtol=1e-9)
    _, cache = policy.log_prob_forward(sample, t.mu, t.log_std)
    dmu, _ = policy.log_prob_backward(np.ones((2, 3 * n)), cache)
    h = np.concatenate([t.core.h[:2], np.ones((2, 3 * n, 1))], axis=-1)
    want = np.einsum("tnh,tnk->nthk", h, dmu).reshape(3, n, 2, -1)
    np.testing.assert_allclose(d.psi, want, rtol=1e-7, atol=1e-9)


# ---- the bench ----


def held(problem, n):
    """Are all ways as their proofs say? Four standard errors, and Hotelling at one in 10,000."""
    for m in laboratory.measure(problem, n):
        if m.expected is not None:
            assert abs(m.factor - m.expected) <= laboratory.ALARMS * m.error + 1e-9, m
        assert m.chance > 1e-4 or m.expected != 1, m


@pytest.mark.parametrize("problem", [problems.step, problems.rebar, problems.kool, exact_agent.last_glimpse])
def test_every_way_holds_on_the_bench(problem):
    held(problem(), 3000)


@pytest.mark.parametrize("name", problems.COSTS)
def test_every_way_holds_on_the_costs(name):
    held(problems.cost(name, 0.6), 3000)


def test_the_bench_sees_what_it_says_it_sees():
    problem = problems.step()
    honest = problem.ways["leave one out"]
    (m,) = laboratory.measure(problem._replace(ways={"leave one out": honest}), 3000)
    for factor in (1 - 2 * m.seen, 1 + 2 * m.seen, -1.0):  # at the smallest itself it would be seen half the time

        def wrong(rng, n, factor=factor):
            return factor * honest.make(rng, n)

        (seen,) = laboratory.measure(problem._replace(ways={"leave one out": honest._replace(make=wrong)}), 3000)
        assert abs(seen.off) > laboratory.ALARMS


def test_an_estimate_in_other_units_is_scaled_before_it_is_compared():
    problem = problems.step()
    way = problem.ways["leave one out"]
    half = way._replace(make=lambda rng, n: way.make(rng, n) / 2, factor=None)
    known = half._replace(factor=1 / 2)
    found = [laboratory.compared(problem, "", w, w.make(np.random.default_rng(0), 3000)) for w in (way, half, known)]
    assert found[1].work == pytest.approx(found[0].work / found[0].factor ** 2) and found[2].work == found[0].work


def test_a_known_direction_has_the_error_of_its_truth_too():
    d = np.array([0.6, 0.8])
    estimates = d + np.random.default_rng(0).normal(size=(400, 2))
    exact = laboratory.compared(
        laboratory.Problem("", np.array([0.6, 0.8]), {}), "", laboratory.Way(None, 1), estimates
    )
    noisy = laboratory.Problem("", 1.0, {}, d, 0.3)
    found = laboratory.compared(noisy, "", laboratory.Way(None, 1), estimates)
    assert found.factor == pytest.approx(exact.factor) and found.error == pytest.approx(np.hypot(exact.error, 0.3))


def test_hotelling_alarms_as_often_as_it_says():
    rng = np.random.default_rng(4)
    mix = rng.normal(size=(3, 3))
    p = np.array([laboratory.hotelling(rng.normal(size=(40, 3)) @ mix, np.zeros(3)) for _ in range(2000)])
    low, high = binom.ppf([5e-5, 1 - 5e-5], 2000, 0.05)
    assert low <= (p < 0.05).sum() <= high
    assert laboratory.hotelling(rng.normal(size=(40, 3)) @ mix, 2 * mix[0]) < 1e-4


def test_a_table_names_what_is_biased_and_what_has_no_signal():
    text = laboratory.table(laboratory.measure(problems.step(), 500))
    assert text.count("biased") == 3 and text.count("no signal") == 1 and "all cells" in text


# ---- the trained agent ----


def test_the_record_is_of_the_weights_that_are_there():
    record = json.loads(trained_agent.TRUTH.read_text(encoding="utf-8"))
    assert record["weights"] == trained_agent.digest(), "run: python tutorials/trained_agent.py"
    assert set(record["means"]) == set(trained_agent.WAYS)
    assert record["rollouts"] == record["batches"] * trained_agent.BATCH * 2
    assert np.linalg.norm(record["direction"]) == pytest.approx(1, abs=1e-5)  # seven digits each
    assert record["slope"] > 4 * record["slope_error"] and record["square"] > 4 * record["square_error"]


def test_the_scores_of_rows_add_up_to_the_package_s_gradient():
    agent, n = trained_agent.load(), 3
    for kind in ("images", "one", "mirrored"):
        d = trained_agent.draws(agent, np.random.default_rng(5), n, kind)
        images, rollouts = {"images": (12, 1), "one": (3, 4), "mirrored": (6, 2)}[kind]
        rng = np.random.default_rng(5)
        t, labels = trained_agent.walk(
            agent, trained_agent.Mirrored(rng) if kind == "mirrored" else rng, images, rollouts
        )
        _, cache = policy.log_prob_forward(t.sample, t.mu, t.log_std)
        weight = np.arange(60.0).reshape(5, 12).astype(np.float32)
        dmu, _ = policy.log_prob_backward(weight, cache)
        rows = heads.LocationCache(*(a.reshape(-1, a.shape[-1]) for a in t.location))
        _, grads = heads.location_backward(agent.params, dmu.reshape(-1, 2), rows, input_gradient=False)
        want = np.concatenate([grads["location.W"].ravel(), grads["location.b"]])
        found = np.einsum("nmt,nmtp->p", weight.T.reshape(n, 4, 5), d.psi)
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-5 * np.abs(want).max())  # float32, 60 terms
        p = v.label_probability(t.logits[-1].astype(float), labels[t.image])
        np.testing.assert_allclose(d.p.ravel(), p, rtol=1e-12)
        if kind == "mirrored":
            noise = (t.sample - t.mu).reshape(5, 6, 2, 2)
            assert np.abs(noise.sum(axis=2)).max() < 1e-6 and np.abs(t.loc[0].reshape(6, 2, 2).sum(axis=1)).max() < 1e-6
            assert (t.image == np.arange(12) // 2).all()


def test_along_a_direction_is_the_product_with_it():
    agent, direction = trained_agent.load(), np.random.default_rng(6).normal(size=258)
    whole, along = (trained_agent.draws(agent, np.random.default_rng(7), 2, "one", d) for d in (None, direction))
    np.testing.assert_allclose(along.psi[..., 0], whole.psi @ direction, rtol=1e-9, atol=1e-9)


def test_a_truth_says_what_it_is_of(tmp_path, capsys):
    path = tmp_path / "some" / "truth.json"
    trained_agent.main(["--batches", "4", "--chunks", "2", "--out", str(path)])
    record = json.loads(path.read_text())
    assert record["rollouts"] == 4096 and record["rollouts_of_means"] == 2048
    assert set(record) == set(json.loads(trained_agent.TRUTH.read_text(encoding="utf-8")))


# ---- the race ----

SMALL = SIZES | CLUTTER | {"scales": (1, 2), "batch_size": 8, "location_units": 0}


def ticks():
    """A clock on which each look takes a second."""
    seconds = count()
    return lambda: float(next(seconds))


@pytest.fixture
def quick_race(monkeypatch, tmp_path):
    """race.run of a small agent on twelve marks, with a clock that ticks; stops after so many reports."""
    monkeypatch.setattr(race.Job.train_to, "__defaults__", (ticks(),))

    def run(name, seed=0, stop=None, where="a", **changes):
        said = []

        def report(line):
            said.append(line)
            if len(said) == stop:
                raise KeyboardInterrupt

        folders = {"runs": tmp_path / where / "runs", "results": tmp_path / where / "results"}
        path = race.run(name, seed, 30.0, 3, **folders, changes=SMALL | changes, dataset=dataset(), report=report)
        return json.loads(path.read_text()), said

    return run


@pytest.mark.parametrize("name", race.ESTIMATORS)
def test_a_job_that_was_stopped_goes_on_with_the_same_numbers(quick_race, name):
    whole, _ = quick_race(name)
    with pytest.raises(KeyboardInterrupt):
        quick_race(name, stop=2, where="b")
    resumed, said = quick_race(name, where="b")
    assert whole["marks"] == resumed["marks"] and len(said) == 1
    assert [m["spent"] for m in whole["marks"]] == [10, 20, 30]
    assert quick_race(name, where="b")[1] == [f"{name}-s0: has a result"]


def test_what_was_begun_with_another_budget_is_not_resumed(quick_race):
    with pytest.raises(KeyboardInterrupt):
        quick_race("chance", stop=1)
    with pytest.raises(InputError, match="other settings"):
        quick_race("chance", learning_rate=0.5)


def test_the_drawn_label_has_the_mean_that_the_others_reward():
    images = np.random.default_rng(0).integers(0, 255, (40, 9, 8)).astype(np.uint8)
    config = race.config_of("plain", 0, SMALL)
    params = race.MODELS["ram"].init(config, np.random.default_rng(1), 3, (9, 8))
    params["label.W"] = 5 * params["label.W"]
    t, labels = rollout(params, config, summed_area(images), np.random.default_rng(2)), np.arange(40) % 3
    reward = race.own_reward("plain", (0, 0)).reward
    drawn = np.array([reward(t, labels) for _ in range(2000)])
    p = v.label_probability(t.logits[-1], labels)
    assert not drawn[:, :-1].any() and set(np.unique(drawn)) == {0.0, 1.0}
    z = (drawn[:, -1].mean(axis=0) - p) / np.sqrt(p * (1 - p) / 2000 + 1e-12)
    assert np.abs(z).max() < 5  # forty comparisons: one false alarm in 40,000
    assert race.own_reward("four", (0, 0)).reward is None


def test_the_estimators_differ_in_what_they_say_alone():
    plain, chance, four = (race.config_of(name, 3) for name in race.ESTIMATORS)
    assert plain.changed(race.ESTIMATORS["chance"]) == chance and chance.changed(race.ESTIMATORS["four"]) == four
    assert (plain.flow, plain.reward_steps, plain.seed) == (("label",), "last", 3)
    with pytest.raises(InputError, match="no estimator"):
        race.config_of("best", 0)


def test_results_are_read_by_estimator_and_seed(tmp_path):
    assert race.load_results(tmp_path) == ({}, None)
    for name, seed, error in (("plain", 0, 0.5), ("plain", 1, 0.3), ("four", 0, 0.2)):
        marks = [{"share": share, "val_error": error * (2 - share)} for share in (0.5, 1.0)]
        (tmp_path / f"{name}-s{seed}.json").write_text(json.dumps({"estimator": name, "seed": seed, "marks": marks}))
    curves, share = race.load_results(tmp_path)
    assert curves["plain"].shape == (2, 2) and curves["four"].shape == (1, 2) and share == [0.5, 1.0]
    mean, half = race.interval(curves["plain"][:, -1])
    assert mean == pytest.approx(0.4) and half == pytest.approx(12.706 * 0.1, rel=1e-4)  # t of one degree of freedom
    assert np.isnan(race.interval(curves["four"])[1]).all()


def sound(kept):
    """Is a result one of `race.py run` with today's settings and its whole budget?"""
    marks = kept["marks"]
    shares = np.arange(1, race.MARKS + 1) / race.MARKS
    return (
        Config.from_dict(kept["settings"]) == race.config_of(kept["estimator"], kept["seed"])
        and kept["budget"] == race.BUDGET
        and len(marks) == race.MARKS
        and np.allclose([mark["share"] for mark in marks], shares)
        # A mark comes after the step that spends its share; times are kept in hundredths.
        and all(-0.01 < mark["spent"] - mark["share"] * race.BUDGET < 2 for mark in marks)
    )


def test_stored_results_of_the_race_are_sound():
    kept = [json.loads(path.read_bytes()) for path in sorted(race.RESULTS.glob("*.json"))]
    assert all(sound(result) for result in kept), "move them away, and run: python tutorials/race.py run"
    # The check itself, on one that could be, and on one that was stopped early.
    marks = [{"share": i / race.MARKS, "spent": race.BUDGET * i / race.MARKS + 0.02} for i in range(1, race.MARKS + 1)]
    one = {"estimator": "four", "seed": 1, "budget": race.BUDGET, "marks": marks}
    one["settings"] = json.loads(race.config_of("four", 1).to_json())
    assert sound(one) and not sound(one | {"marks": marks[:5]}) and not sound(one | {"seed": 2})


def test_the_commands_of_the_race(tmp_path, capsys):
    race.main(["status", "--results", str(tmp_path)])
    assert capsys.readouterr().out.count("of 5 seeds") == 3
    with pytest.raises(SystemExit) as error:
        race.main(["run", "best", "--results", str(tmp_path), "--runs", str(tmp_path)])
    assert error.value.code == 2 and "no estimator 'best'" in capsys.readouterr().err


# ---- planted faults ----

the_group = test_the_means_are_taken_over_the_group_itself
the_mean = partial(test_the_mean_is_what_the_proof_says, 3)
the_integral = partial(test_gaussian_estimators_have_the_mean_of_the_integral, 2)
QUADRATIC, PARTS = "return plain(G - quadratic(z) @ c, psi) + mean", "[among - within / M, within - labels / L, labels]"
FAULTS = [
    ("psi.shape[:3]), psi) / psi.shape[1]", "psi.shape[:3]), psi)", the_mean),
    ("return plain(G - b, psi)", "return plain(G + b, psi)", test_the_means_are_taken_over_the_group_itself),
    ("baselined(G, psi, G.mean(axis=1, keepdims=True))", "baselined(G, psi, G.mean())", the_mean),
    ("G.sum(axis=1, keepdims=True) - G) / (M - 1)", "G.sum(axis=1, keepdims=True)) / M", the_mean),
    ("G.sum(axis=1, keepdims=True) - G) / (M - 1)", "G.sum(axis=1, keepdims=True) - G) / M", the_group),
    ("return (X * Y).sum() / (Y * Y).sum()", "return G.mean()", test_the_best_constant_has_the_least_variance),
    ("(X * Y).sum() / (Y * Y).sum()", "abs(Y).sum() / (Y * Y).sum()", test_the_best_constant_has_the_least_variance),
    (
        "G.ravel(), rcond=None)[0]",
        "G.ravel() - G.mean(), rcond=None)[0]",
        test_a_learned_baseline_is_the_least_squares_one,
    ),
    (
        "[..., ::-1].cumsum(axis=-1)[..., ::-1]",
        ".cumsum(axis=-1)",
        test_reward_to_go_keeps_the_mean_and_drops_what_came_before,
    ),
    ("softmax(logits, axis=-1)", "softmax(logits, axis=1)", test_the_chance_of_a_label_is_the_mean_of_its_reward),
    (
        "(norm.pdf(v) - norm.pdf(u)) / (std *",
        "(norm.pdf(v) - norm.pdf(u)) / (1 *",
        test_cells_give_the_slope_of_the_expected_reward,
    ),
    ("return (P * r).sum(axis=-1)", "return r.sum(axis=-1)", test_cells_give_the_slope_of_the_expected_reward),
    ("(slope * r[..., None])", "(slope * r.mean())", test_cells_give_the_slope_of_the_expected_reward),
    ("for j in range(i, k)]", "for j in range(k)]", the_integral),
    (QUADRATIC, QUADRATIC.removesuffix(" + mean"), the_integral),
    (QUADRATIC, QUADRATIC.replace("+ mean", "- mean"), the_integral),
    ("/ std, slope) / z.shape[1]", "/ std, slope)", the_integral),
    ("c[1 : 1 + z.shape[-1]] / std", "c[1 : 1 + z.shape[-1]]", the_integral),
    ("[half, 2 * centre - half]", "[half, half]", test_uniform_numbers_are_mirrored_about_a_half),
    ("[half, 2 * centre - half]", "[half, -half]", test_uniform_numbers_are_mirrored_about_a_half),
    ("dr_da, slope) / dr_da.shape[1]", "dr_da, slope)", the_integral),
    (
        "r(mu + std * w) - r(mu - std * w)",
        "r(mu + std * w) - r(mu)",
        test_the_measure_valued_difference_has_the_mean_of_the_slope,
    ),
    (
        "G.std(axis=1, keepdims=True)",
        "G.std(axis=1, keepdims=True, ddof=1)",
        test_the_means_are_taken_over_the_group_itself,
    ),
    (PARTS, PARTS.replace(" - within / M", ""), test_the_parts_of_the_variance_are_unbiased),
    (PARTS, PARTS.replace(" - labels / L", ""), test_the_parts_of_the_variance_are_unbiased),
    ("/ (M * (L - 1))", "/ (M * L)", test_the_parts_of_the_variance_are_unbiased),
    ("np.sqrt((B - 1) / B *", "np.sqrt(1 / B *", test_the_errors_of_the_parts_are_the_jackknife_s),
]


@pytest.mark.parametrize("old, new, test", FAULTS, ids=[f"{old}→{new}-{label(test)}" for old, new, test in FAULTS])
def test_a_planted_fault_is_found(old, new, test, monkeypatch):
    test()
    plant(monkeypatch, v, (old, new))
    assert fails(test)
