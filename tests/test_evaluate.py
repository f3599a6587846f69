import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import softmax

from minram.agent import init_params, rollout
from minram.datasets.tasks import fixed_images
from minram.errors import InputError
from minram.sensor import summed_area
from minram.training import evaluate as module
from minram.training import models
from minram.training.evaluate import Evaluation, evaluate, percent, wilson
from tiny import CANVAS, CLUTTER, SHORT, dataset

DATA = dataset(40)
PARAMS = init_params(SHORT, np.random.default_rng(0), 3)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_interval_of_the_score_test(case):
    wrong, n = case
    low, high = wilson(wrong, n)
    rate, z = wrong / n, stats.norm.ppf(0.975)
    assert 0 <= low <= rate <= high <= 1 and low < high
    for end in (low, high):  # were it the true rate, the one observed would be 1.96 standard deviations away
        off = (rate - end) ** 2 - z**2 * end * (1 - end) / n
        # The slope of that in `end`, times 1e-14: an end is a difference of two numbers of a few roundings each.
        assert abs(off) <= 1e-14 * (2 * abs(rate - end) + z**2 / n)


def test_an_agent_with_random_locations_is_evaluated_with_them():
    random = SHORT.changed(policy="random", baseline="none")
    want = evaluate(PARAMS, SHORT, DATA.x_train, DATA.y_train, "random").probabilities
    np.testing.assert_array_equal(evaluate(PARAMS, random, DATA.x_train, DATA.y_train).probabilities, want)
    assert (evaluate(PARAMS, SHORT, DATA.x_train, DATA.y_train).probabilities != want).any()


def test_a_rate_and_its_interval_as_text():
    assert percent(0.0123, (0.0103, 0.0147)) == "1.23 % [1.03, 1.47]"


@pytest.mark.parametrize("settings", [{"final_std": 0.3}, CLUTTER])
@pytest.mark.parametrize("rollouts", [1, 3])
def test_probabilities_are_averaged_over_rollouts(settings, rollouts):
    c = SHORT.changed(**settings)
    got = evaluate(PARAMS, c, DATA.x_train, DATA.y_train, "sampled", rollouts, seed=5)
    images = fixed_images(c.task_at(), DATA.x_train, 5)
    area, rng = summed_area(images), np.random.default_rng([5, 1])
    t = rollout(PARAMS, c, area, rng, rollouts, "sampled", every_step=True, progress=1)  # σ as it ended
    p = softmax(t.logits, axis=-1)
    for i in range(40):
        rows = p[:, t.image == i]  # (T, M, K)
        np.testing.assert_allclose(got.probabilities[:, i], rows.mean(axis=1), rtol=1e-5)  # float32, M ≤ 3
    assert got.wrong.shape == (3, 40) and got.probabilities.shape == (3, 40, 3)
    np.testing.assert_array_equal(got.wrong, got.probabilities.argmax(axis=-1) != DATA.y_train)
    assert got.error == got.errors[-1] == got.wrong[-1].sum() / 40
    assert isinstance(got, Evaluation)


def test_one_look_by_the_mean_policy_is_what_is_meant_unless_it_is_said():
    plain, said = (
        models.MODELS["ram"].probabilities(PARAMS, SHORT, DATA.x_train, np.random.default_rng(0), *how)
        for how in ((), ("mean", 1))
    )
    np.testing.assert_array_equal(plain, said)


def test_the_same_seed_gives_the_same_bits():
    a, b, c = (evaluate(PARAMS, SHORT, DATA.x_train, DATA.y_train, "sampled", 2, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(a.probabilities, b.probabilities)
    assert (a.probabilities != c.probabilities).any()
    unsaid = evaluate(PARAMS, SHORT, DATA.x_train, DATA.y_train, "sampled", 2)
    np.testing.assert_array_equal(unsaid.probabilities, a.probabilities)


def test_large_canvases_are_made_a_few_at_a_time(monkeypatch):
    sizes = []

    def counting(params, c, area, *arguments, **keywords):
        sizes.append(len(area.table))
        return rollout(params, c, area, *arguments, **keywords)

    monkeypatch.setattr(models, "rollout", counting)
    evaluate(PARAMS, SHORT, DATA.x_train, DATA.y_train, rollouts=200)
    assert sizes == [2] * 20  # 500 rows and no more
    sizes.clear()
    monkeypatch.setattr(module, "PIXELS", 1200)
    evaluate(PARAMS, SHORT.changed(CANVAS), DATA.x_train, DATA.y_train)
    assert sizes == [16, 16, 8]


X, Y = DATA.x_train, DATA.y_train
BAD = {
    "colours": ((np.zeros((4, 6, 5, 3), np.uint8), Y[:4]), "reads 4 numbers a glimpse.*3 channels give 12"),
    "flat images": ((X.reshape(40, 30), Y), "images should"),
    "integers": ((X.astype(int), Y), "images should"),
    "fewer labels": ((X, Y[1:]), r"labels should have the shape \(40,\), but has \(39,\)"),
    "a class more": ((X, Y + 1), "labels should be integers from 0 to 2, the classes of the model"),
    "negative labels": ((X, Y - 1), "labels should be integers from 0"),
    "float labels": ((X, Y / 1), "as float64"),
    "no images": ((X[:0], Y[:0]), "no images to evaluate"),
    "nothing at all": ((X[:0], []), "no images to evaluate"),
    "an unknown policy": ((X, Y, "best"), "policy should be one of"),
    "no rollouts": ((X, Y, "mean", 0), "rollouts should be a whole number from 1 to 10000"),
    "too many rollouts": ((X, Y, "mean", 10_001), "rollouts should be a whole number from 1 to 10000"),
}


@pytest.mark.parametrize("arguments, sentence", BAD.values(), ids=BAD)
def test_what_does_not_fit_the_model_is_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        evaluate(PARAMS, SHORT, *arguments)


def test_ten_thousand_rollouts_of_one_image_are_not_too_many():
    got = evaluate(PARAMS, SHORT, X[:1], Y[:1], "sampled", 10_000)
    assert got.probabilities.shape == (3, 1, 3) and np.isfinite(got.probabilities).all()
