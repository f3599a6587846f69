"""The question bank: each right option, number and bug is found again with the package; exams are fair."""

import re
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tutorials"))
from helpers import plant
from minram import agent, gradcheck, reinforce
from minram.core import CoreCache, core_backward
from minram.gradcheck.network import only
from minram.ops import cross_entropy_backward, cross_entropy_forward
from minram.policy import log_prob_backward, log_prob_forward
from minram.sensor import summed_area
from minram.training.config import Config
from teaching import bank, figures

QUESTIONS = bank.questions()


def by_kind(kind):
    return [name for name in QUESTIONS if name[0] == kind]


def numbers_of(name):
    """The sets of numbers of a question, as numbers."""
    return [{key: float(Fraction(value)) for key, value in each.items()} for each in bank.sets(QUESTIONS[name])]


# What is right: a function for each choice, which says so with numbers.


def time_first():
    rng = np.random.default_rng(0)
    T, N = 3, 5
    x, dz = rng.standard_normal((T, N, 4)), rng.standard_normal((N, T, 2))
    wanted = sum(np.outer(x[t, n], dz[n, t]) for t in range(T) for n in range(N))
    for i, option in enumerate(QUESTIONS["c1"]["options"]):
        found = eval(option["text"].strip("`"), {"np": np, "x": x, "dz": dz, "T": T, "N": N})
        assert found.shape == wanted.shape and np.allclose(found, wanted) == (i == 0)


def steps_back():
    for numbers in numbers_of("c2"):
        T, dh = int(numbers["T"]), np.zeros((int(numbers["T"]), 1, 4))
        dh[-1] = 1
        W = np.concatenate([numbers["w"] * np.eye(4), np.eye(4)])  # W_g is the identity, so that dg is dz
        on = CoreCache(np.ones((T, 1, 8)), np.ones((T, 1, 4)))
        dz, _ = core_backward({"core.W": W, "core.b": np.zeros(4)}, dh, on)
        said = [numbers[option["value"]] for option in QUESTIONS["c2"]["options"]]
        assert said[0] == pytest.approx(dz[0, 0, 0] / dz[-1, 0, 0], rel=1e-12)
        assert len(set(said)) == 4


def the_wrong_place():
    a = 0.9 + 0.2 * norm.ppf((np.arange(100_000) + 0.5) / 100_000)  # draws without chance
    for scored, mean in ((a, 0.0), (a.clip(-1, 1), -0.99)):
        assert np.mean((scored - 0.9) / 0.2**2) == pytest.approx(mean, abs=5e-3)

    l, std = np.repeat(a[-50:, None].clip(-1, 1), 2, axis=1), np.log([0.2, 0.2])  # all at the border

    def f(p):  # and a difference check of the false one passes
        return log_prob_forward(l, p["mu"] + 0 * l, std)[0].sum()

    dmu, _ = log_prob_backward(np.ones(50), log_prob_forward(l, 0.9 + 0 * l, std)[1])
    report = gradcheck.check_gradient(f, {"mu": np.full(2, 0.9)}, {"mu": dmu.sum(axis=0)})
    assert report.passed, report


def what_a_check_proves():
    """A reward that has the action added, and the wrong sign, pass a difference check of their surrogates."""
    rng = np.random.default_rng(1)
    a, mu = rng.standard_normal((20, 2)), np.zeros(2)
    right = (a[:, 0] > 0).astype(float)
    for r in (right, right + a[:, 0], -right):

        def L(p, r=r):
            return -np.mean(r * log_prob_forward(a, p["mu"] + 0 * a, np.zeros(2))[0])

        dmu, _ = log_prob_backward(-r / 20, log_prob_forward(a, mu + 0 * a, np.zeros(2))[1])
        assert gradcheck.check_gradient(L, {"mu": mu}, {"mu": dmu.sum(axis=0)}).passed


def one_lies():
    """The mean of the estimate over all that four rollouts of an image can do, relative to the gradient.

    The third and the fourth baseline are numbers that do not depend on the rollouts: any number will do for them.
    """
    p, r = 0.3, np.array([0.0, 1.0])  # the chance of the second choice, and what both earn
    baselines = (np.mean, lambda r: reinforce.rollouts_baseline(r, 4), lambda r: 0.7, lambda r: 0.2)
    found = np.zeros(4)
    for batch in product((0, 1), repeat=4):
        batch = np.array(batch)
        chance, rewards, score = np.where(batch, p, 1 - p).prod(), r[batch], batch - p
        found += [chance * np.mean((rewards - b(rewards)) * score) for b in baselines]
    ratios = found / (p * (1 - p) * (r[1] - r[0]))
    said = [float(Fraction(option["value"])) for option in QUESTIONS["c5"]["options"]]
    assert said == pytest.approx(ratios.tolist())


def no_way_to_the_location_head():
    config = Config(glimpses=3, patch_size=2, what_units=3, where_units=2, glimpse_units=4, core_units=4, std=0.3)
    params = agent.init_params(config, np.random.default_rng(0), 3, 1, np.float64)
    t = agent.rollout(params, config, summed_area(np.random.default_rng(1).random((5, 6, 6))), np.random.default_rng(2))
    heads, _ = reinforce.cotangents(t, np.array([0, 1, 2, 0, 1]), config)
    for flow in (("label",), agent.HEADS):
        grads = agent.backward(params, t, only(heads, "logits"), flow)
        assert not grads["location.W"].any() and not grads["location.b"].any() and grads["core.W"].any()


CHOICES = {
    "c1": time_first,
    "c2": steps_back,
    "c3": the_wrong_place,
    "c4": what_a_check_proves,
    "c5": one_lies,
    "c6": no_way_to_the_location_head,
}


@pytest.mark.parametrize("name", by_kind("c"))
def test_what_the_right_option_says_holds(name):
    CHOICES[name]()


# Numbers of the other answers, again.


def softmax_numbers(given):
    y = np.log([[given["u"], given["v"], given["w"]]])
    _, cache = cross_entropy_forward(y, np.array([1]))
    found = dict(zip(("first", "second", "third"), cross_entropy_backward(np.ones(1), cache)[0]))
    return found | {"sum": np.exp(y).sum()}


def waiting_numbers(given):
    a, weights = np.polynomial.laguerre.laggauss(30)  # means over e^(−a); here λ = 1
    assert weights @ (1 - a) == pytest.approx(0, abs=1e-12) and weights @ (1 - a) ** 2 == pytest.approx(1)

    def log_density(theta):
        return theta - np.exp(theta) * given["a"]

    theta, h = np.log(given["rate"]), 1e-5
    return {"score": (log_density(theta + h) - log_density(theta - h)) / (2 * h)}


def places_numbers(given):
    y, r = np.log([2.0, 1.0, 1.0]), np.array([given["r1"], given["r2"], given["r3"]])
    p = softmax(y)
    gradient = p * (r - p @ r)
    report = gradcheck.check_gradient(lambda q: softmax(q["y"]) @ r, {"y": y}, {"y": gradient})
    assert report.passed, report
    return {"J": p @ r} | dict(zip(("first", "second", "third"), gradient))


def best_numbers(given):
    p, r = np.array([given["p"], given["q"]]), np.array([given["high"], given["low"]])
    psi = np.array([given["q"], -given["p"]])

    def variance(b):
        return p @ ((r - b) * psi) ** 2 - (p @ (r * psi)) ** 2

    curve = np.polyfit([0, 1, 2], [variance(b) for b in (0, 1, 2)], 2)
    best = -curve[1] / (2 * curve[0])
    moments = {"square": p @ psi**2, "product": p @ (r * psi**2), "says": (r[0] - best) * psi[0]}
    assert p.sum() == pytest.approx(1) and p @ psi == pytest.approx(0)
    return moments | {"best": best, "mean": p @ r, "variance": variance(best)}


def short_cut_numbers(given):
    def L(p, added=0.0, later=0.0):
        h1 = max(2 * p["W_g"][0] + added, 0)
        h2 = h1 / 2 + max(p["W_h"][0] * h1 + p["W_g"][0] * given["g2"] + later, 0)
        return given["d1"] * h1 + 2 * h2

    params = {"W_h": np.array([given["wh"]]), "W_g": np.ones(1)}
    h = 1e-6
    found = {"dz": (L(params, h) - L(params, -h)) / (2 * h), "z2": 2 * given["wh"] + given["g2"]}
    found["dz2"] = (L(params, later=h) - L(params, later=-h)) / (2 * h)
    for name, value in params.items():
        up, down = (L(params | {name: value + sign * h}) for sign in (1, -1))
        found[f"d{name}"] = (up - down) / (2 * h)
    return found


def slopes_of(points):
    return np.polyfit(np.log(points[0]), np.log(points[1]), 1)[0]


def line(name, i=0):
    from minram.pictures import style

    with style.context():
        _, ((ax,),) = style.figure()
        getattr(figures, name)(ax)
    return np.array(ax.lines[i].get_xdata(), float), np.array(ax.lines[i].get_ydata(), float)


def central_numbers(given):
    s, error = line("central")
    best = np.finfo(float).eps ** (1 / 3)
    left, right = s < best / 10, (s < 0.1) & (s > 10 * best)
    assert best / 30 < s[error.argmin()] < 30 * best and 1e-13 < error.min() < 1e-9
    found = {"left": slopes_of((s[left], error[left])), "right": slopes_of((s[right], error[right]))}
    assert all(abs(value - round(value)) < 0.25 for value in found.values())  # an order is a whole number
    return {name: round(value) for name, value in found.items()}


def parabola_numbers(given):
    b, variance = line("parabola")
    at = dict(zip(b.round(6), variance))
    return {"best": b[variance.argmin()], "least": variance.min(), "none": at[0.0], "five": at[5.0]}


def root_numbers(given):
    M, error = line("root")
    rng = np.random.default_rng(0)
    for i, (gain, std) in enumerate(((1, 3), (1, 1.5), (1 / 5, 3 / 5))):  # the plotted curves are what samples give
        drawn = gain + std * rng.standard_normal((20_000, 16))
        rms = np.sqrt(np.mean((drawn.mean(axis=1) - 1) ** 2))
        assert np.interp(16, *line("root", i)) == pytest.approx(rms, rel=0.03)  # 20,000 squares: 0.5 %, and the grid
    return {"slope": slopes_of((M, error)), "baseline": line("root", 1)[1][0], "floor": line("root", 2)[1][-1]}


def shrink_numbers(given):
    half, _, two, dashed = (line("shrink", i)[1] for i in range(4))
    assert dashed[30] == 31
    return {"half": half[10], "two": two[10], "dashed": dashed[10]}


NUMBERS = {
    "d1": softmax_numbers,
    "d2": waiting_numbers,
    "d3": places_numbers,
    "d4": best_numbers,
    "d5": short_cut_numbers,
    "p1": central_numbers,
    "p2": parabola_numbers,
    "p3": root_numbers,
    "p4": shrink_numbers,
}


@pytest.mark.parametrize("name", [*by_kind("d"), *by_kind("p")])
def test_the_numbers_of_the_answer(name):
    tolerance = 1e-3 if name == "p3" else 1e-8  # the third curve reaches its floor to within 1/(2M)
    for said in numbers_of(name):
        found = NUMBERS[name](said)
        assert found
        for key in found:
            assert found[key] == pytest.approx(said[key], rel=tolerance, abs=1e-8), key
        if "variants" not in QUESTIONS[name]:
            assert found.keys() == said.keys()


# Bugs: the printed code fails a check against differences, and passes it when it is mended.


def cross_entropy(code):
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 2])

    def backward(dloss, cache):
        return {"logits": code["cross_entropy_backward"](dloss, cache.p, cache.labels)}

    return gradcheck.check_pair(cross_entropy_forward, backward, {"logits": logits, "labels": labels}, rng=rng)


def core(code):
    rng = np.random.default_rng(3)
    T, N, D, F = 4, 3, 4, 2
    inputs = {"g": rng.standard_normal((T, N, F)), "W": rng.standard_normal((D + F, D))}

    def forward(g, W):
        h, hg = np.zeros((T + 1, N, D)), np.zeros((T, N, D + F))
        for t in range(T):
            hg[t] = np.concatenate([h[t], g[t]], axis=1)
            h[t + 1] = np.maximum(hg[t] @ W, 0)
        return h[1:], (h[1:], hg, W)

    def backward(dh, cache):
        return dict(zip(("g", "W"), code["core_backward"](dh, *cache)))

    return gradcheck.check_pair(forward, backward, inputs, rng=rng, signature=lambda cache: (cache[0] > 0,))


def log_prob(code):
    rng = np.random.default_rng(1)
    a, inputs = rng.standard_normal((5, 2)), {"mu": rng.standard_normal((5, 2)), "log_std": np.log([0.3, 1.7])}

    def forward(mu, log_std):
        return log_prob_forward(a, mu, log_std)[0], (mu, log_std)

    def backward(dlogp, cache):
        return dict(zip(("mu", "log_std"), code["log_prob_backward"](dlogp, a, *cache)))

    ones = code["log_prob_backward"](np.ones(5), a, inputs["mu"], inputs["log_std"])
    assert np.allclose(ones[1], log_prob_backward(np.ones(5), log_prob_forward(a, *inputs.values())[1])[1])  # unseen
    return gradcheck.check_pair(forward, backward, inputs, rng=rng)


def location(code):
    """Against differences of −J's surrogate, the sum over decisions and the mean over rollouts."""
    rng = np.random.default_rng(2)
    T, N = 4, 5
    a, mu = rng.standard_normal((T - 1, N, 2)), rng.standard_normal((T - 1, N, 2))
    r, b = rng.random(N), rng.random((T - 1, N))

    def L(p):
        return -np.sum((r - b) * log_prob_forward(a, p["mu"], np.log([0.5, 0.5]))[0]) / N

    return gradcheck.check_gradient(L, {"mu": mu}, {"mu": code["location_cotangents"](a, mu, 0.5, r, b)})


def estimator(code):
    """The mean of the estimate over all that can happen, against differences of J itself."""
    y, r = np.log([2.0, 1.0, 1.0]), np.array([0.0, 4.0, 8.0])
    p, mean = softmax(y), np.zeros(3)
    for a in product(range(3), repeat=4):
        a = np.array(a)
        mean += p[a].prod() * code["estimate"](y, a, r[a])
    return gradcheck.check_gradient(lambda q: softmax(q["y"]) @ r, {"y": y}, {"y": mean})


BUGS = {"b1": cross_entropy, "b2": core, "b3": log_prob, "b4": location, "b5": estimator}


@pytest.mark.parametrize("name", by_kind("b"))
def test_the_bug_fails_a_gradient_check_and_the_mended_code_passes(name):
    q = QUESTIONS[name]
    lines = q["code"].rstrip().split("\n")
    assert len(lines) <= 8 and q["code"].count(q["wrong"]) == 1
    assert re.search(rf"Line {1 + lines.index(q['wrong'])}[.:]", q["solution"])
    for text, passes in ((q["code"], False), (q["code"].replace(q["wrong"], q["right"]), True)):
        namespace = {"np": np}
        exec(compile(text, name, "exec"), namespace)
        report = BUGS[name](namespace)
        assert report.passed == passes, report


def test_the_factors_that_solutions_name():
    """b4: 1/(T − 1); b5: three quarters; b2: the last step is right."""

    def bugged(name):
        namespace = {"np": np}
        exec(QUESTIONS[name]["code"], namespace)
        return namespace

    rng = np.random.default_rng(0)
    a, mu, r, b = rng.standard_normal((3, 5, 2)), np.zeros((3, 5, 2)), rng.random(5), np.zeros((3, 5))
    wrong = bugged("b4")["location_cotangents"](a, mu, 0.5, r, b)
    assert np.allclose(3 * wrong, -(r[:, None] * a / 0.25) / 5)
    y, rewards, mean = np.log([2.0, 1.0, 1.0]), np.array([0.0, 4.0, 8.0]), np.zeros(3)
    p = softmax(y)
    for a in product(range(3), repeat=4):
        a = np.array(a)
        mean += p[a].prod() * bugged("b5")["estimate"](y, a, rewards[a])
    assert np.allclose(mean, 3 / 4 * p * (rewards - p @ rewards))
    h, hg = np.maximum(rng.standard_normal((3, 2, 4)), 0), rng.standard_normal((3, 2, 6))
    W, delta = np.concatenate([rng.standard_normal((4, 4)), np.eye(4)[:2]]), rng.standard_normal((3, 2, 4))
    dg, _ = bugged("b2")["core_backward"](delta, h, hg, W)
    right, _ = core_backward({"core.W": W, "core.b": np.zeros(4)}, delta, CoreCache(hg, h))
    assert np.allclose(dg[2], right[2]) and not np.allclose(dg[:2], right[:2])


# The bank as a whole, and exams.


def test_the_bank_is_whole():
    assert len(QUESTIONS) == 20 and set(CHOICES) | set(NUMBERS) | set(BUGS) == set(QUESTIONS)
    for name, q in QUESTIONS.items():
        kind = name[0]
        assert q["lesson"] in (3, 4, 5, 6, 7, 8) and q["difficulty"] in (1, 2, 3) and q["title"] and q["text"]
        assert sum(int(hint.split(":")[0]) for hint in q["marking"]) == bank.MINUTES[kind], name
        if kind == "c":
            assert len(q["options"]) == 4 and all(len(option["why"]) > 20 for option in q["options"])
        used = set(re.findall(r"<<(\w+)>>", str([q["text"], q.get("solution"), q.get("options")])))
        for i, numbers in enumerate(bank.sets(q)):
            assert used <= set(numbers) and "<<" not in str(bank.with_numbers(q, i)["text"]), name
        assert ("variants" in q) <= (len({str(each) for each in bank.sets(q)}) == 3)


def test_an_exam_is_an_hour_of_all_lessons():
    assert sum(bank.MINUTES[kind] * count for kind, count in bank.DRAWN.items()) == 60
    seen, orders, texts = set(), set(), set()
    for seed in range(60):
        drawn, order = bank.draw(seed)
        ids = [q["id"] for q in drawn]
        assert [name[0] for name in ids] == list("ccccddbbpp") and len(set(ids)) == 10
        assert {q["lesson"] for q in drawn} >= {3, 4, 5, 6, 7}
        assert 16 <= sum(q["difficulty"] for q in drawn) <= 18
        assert set(order) == {name for name in ids if name[0] == "c"}
        seen |= set(ids)
        orders |= {tuple(o).index(0) for o in order.values()}
        texts |= {q["text"] for q in drawn}
    assert seen == set(QUESTIONS)  # none is never drawn
    assert orders == {0, 1, 2, 3}  # the right option may be any of the four
    assert len(texts) == 20 + 2 * sum("variants" in q for q in QUESTIONS.values())  # all sets of numbers
    assert len({str(bank.draw(seed)[0]) for seed in range(60)}) > 50


def test_a_seed_always_gives_the_same_exam():
    assert bank.exam(5) == bank.exam(5) != bank.exam(6)


def test_versions_differ_in_the_order_of_options_alone():
    shifts = set()
    for seed in range(100):
        drawn = [bank.draw(seed, version) for version in range(4)]
        assert all(questions == drawn[0][0] for questions, _ in drawn)
        for name in drawn[0][1]:
            orders = np.array([order[name] for _, order in drawn])
            assert (np.sort(orders, axis=0) == np.arange(4)[:, None]).all()  # each letter has each option once
            shifts.add((orders[1].tolist().index(0) - orders[0].tolist().index(0)) % 4)
    assert shifts == {1, 2, 3}  # so whoever knows the neighbour's letter does not know their own
    assert "exam 5 B" in bank.exam(5, version=1, versions=2) and "exam 5 A" not in bank.exam(5)


def test_what_gives_another_away_is_in_no_exam_with_it():
    """p3 tells of b4's bug; b5 says that differences pass, which c4 asks, and prints the score that d3 asks for."""
    for seed in range(300):
        ids = {q["id"] for q in bank.draw(seed)[0]}
        for pair in ("b4 p3", "b5 c4", "b5 c5", "b5 d3", "b1 d1", "b2 d5"):
            assert not ids >= set(pair.split()), (seed, pair)


def test_an_exam_gives_no_answer_away():
    for seed in range(10):
        text = bank.exam(seed)
        drawn, orders = bank.draw(seed)
        for q in drawn:
            secrets = [*(option["why"] for option in q.get("options", ())), *q["marking"]]
            secrets += [q[key] for key in ("right", "solution") if key in q]
            assert secrets and not [secret for secret in secrets if secret in text]
            if "figure" in q:
                assert f"plot-{q['figure']}.svg" not in text and f"plot-{q['figure']}-blank.svg" in text
        solution = bank.exam(seed, solution=True)
        letters = [f"{i} {'ABCD'[orders[q['id']].index(0)]}" for i, q in enumerate(drawn, 1) if q["id"] in orders]
        assert ", ".join(letters) in solution
        assert all(q["solution"] in solution for q in drawn if "solution" in q)


def test_a_blank_plot_has_axes_and_nothing_on_them(tmp_path):
    for name in ("central", "parabola", "root", "shrink"):
        sizes = []
        for end in ("", "-blank"):
            figures.draw(f"plot-{name}{end}", tmp_path / f"{name}{end}.svg")
            sizes.append((tmp_path / f"{name}{end}.svg").stat().st_size)
        assert sizes[1] < sizes[0]
        first = (tmp_path / f"{name}.svg").read_bytes()
        figures.draw(f"plot-{name}", tmp_path / "again.svg")
        assert (tmp_path / "again.svg").read_bytes() == first  # the same bytes whenever it is drawn


def test_a_wrong_choice_of_the_right_option_would_be_seen(monkeypatch):
    """The checks of the choices fail when another option is called right."""
    for name in ("c1", "c2", "c5"):
        q = QUESTIONS[name]
        monkeypatch.setitem(q, "options", [q["options"][i] for i in (1, 0, 2, 3)])
        with pytest.raises(AssertionError):
            CHOICES[name]()


def test_a_fault_of_the_package_would_be_seen(monkeypatch):
    plant(monkeypatch, reinforce, ("- per_image) / (rollouts - 1)", "- 0 * per_image) / rollouts"))
    with pytest.raises(AssertionError):
        one_lies()
