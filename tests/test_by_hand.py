"""Lesson 0 and its agent: what makes the agent fit for a pencil, and that the lesson sees every sign."""

from functools import cache

import numpy as np

import signs
from minram import agent
from minram.sensor import summed_area
from minram.training import by_hand

# The agent


def dyadic(a, places):
    return bool((np.asarray(a) * 2.0**places % 1 == 0).all())


def test_its_numbers_are_short_and_exact():
    params = by_hand.parameters()
    assert sum(a.size for a in params.values()) == 51
    assert all(dyadic(a, 2) and np.abs(a).max() <= 1 and a.dtype == np.float64 for a in params.values())
    assert dyadic(by_hand.IMAGE, 2) and dyadic(by_hand.START, 1) and dyadic(by_hand.NOISE, 1)
    t = by_hand.follow(params)
    forward = (t.glimpse.phi, t.glimpse.hidden, t.glimpse.g, t.core.h, t.mu, t.sample, t.loc, t.logits, t.baseline)
    assert all(dyadic(a, 2) for a in forward)  # quarters, all of them


def test_no_unit_is_on_its_kink_and_one_is_closed():
    params, t = by_hand.parameters(), by_hand.follow(by_hand.parameters())

    def linear(x, name):
        return x @ params[name + ".W"] + params[name + ".b"]

    what, where = linear(t.glimpse.phi, "glimpse.what"), linear(t.glimpse.loc, "glimpse.where")
    before = [what, where, linear(t.glimpse.hidden, "glimpse.combine"), linear(t.core.hg, "core")]
    before = np.concatenate([a.ravel() for a in before])
    assert before.size == 16 and np.abs(before).min() >= 0.25 and (before < 0).sum() == 1
    for l in t.loc[:, 0]:
        assert (np.abs(l) < 1).all() and ((2 * l + 1.5) % 1 == 0.5).all()  # in the middle between two borders
    p = np.exp(t.logits[:, 0]) / np.exp(t.logits[:, 0]).sum(axis=1, keepdims=True)
    assert p.min() > 0.3  # both labels have a chance


def test_an_update_leaves_the_parameters_alone():
    params = by_hand.parameters()
    update = by_hand.update(params)
    assert all(np.array_equal(a, b) for a, b in zip(params.values(), by_hand.parameters().values()))
    for name, new in update.params.items():
        assert np.array_equal(new, params[name] - by_hand.RATE * update.grads[name])


def test_draws_are_those_that_were_written_down():
    many = by_hand.follow(by_hand.parameters(), np.array([[0.5, -1], [2, 0]]), rollouts=2)
    assert np.array_equal(many.sample[0] - many.mu[0], [[0.25, -0.5], [1, 0]])
    assert np.array_equal(many.loc[0], [by_hand.START] * 2)


def test_a_label_is_guessed_after_each_glimpse():
    assert by_hand.CONFIG.label_steps == "every"  # as in the rollouts, for those who train with it
    for rollouts in (1, 3):
        t = by_hand.follow(by_hand.parameters(), rollouts=rollouts)
        assert t.logits.shape == (2, rollouts, 2) and not np.array_equal(t.logits[0], t.logits[1])


def test_the_draws_that_training_asks_for_are_those_too():
    """As in tutorials/one_step.py: a run whose first location is uniform and whose generator is this one."""
    rng, t = by_hand.Draws(by_hand.NOISE), by_hand.follow(by_hand.parameters())
    again = agent.rollout(by_hand.parameters(), by_hand.CONFIG, summed_area(by_hand.IMAGE), rng, every_step=True)
    assert by_hand.CONFIG.start == "uniform"
    assert np.array_equal(again.loc, t.loc) and np.array_equal(again.logits, t.logits)


# The lesson


@cache
def found():
    """The lesson's cells, and all signs in the lines that they run."""
    code = signs.cells()
    return code, signs.signs(code)


def test_there_are_signs_in_every_file():
    code, mutants = found()
    assert len(code) > 20 and len(mutants) > 250
    assert {m.file for m in mutants} == set(signs.FILES) - {"minram/heads.py"}  # which has none
    lines = {(m.file, m.line) for m in mutants}
    run = signs.lines_run(code[:1])  # imports alone
    assert len(lines) > 100 and not any(run.values())


def test_what_is_listed_as_unseen_is_there():
    assert signs.UNSEEN.keys() == {f"{m.file}: {m.after}" for m in found()[1] if signs.reason(m)}


def test_a_sample_of_changed_signs_makes_the_lesson_fail():
    """All of them: python tests/mutate.py --signs. Of each file here its first that counts, and one more in eight."""
    code, mutants = found()
    counted = [m for m in mutants if not signs.reason(m)]
    sample = {m.file: m for m in reversed(counted)} | {m.key: m for m in counted[:: len(counted) // 30]}
    survived = [signs.says(m) for m in sample.values() if not signs.caught(m, code)]
    assert len(sample) > 30 and not survived


def test_what_is_listed_as_unseen_is_unseen():
    """Two of them: else the list would hide a hole, or the machine that plants would see faults everywhere."""
    code, mutants = found()
    unseen = [m for m in mutants if signs.reason(m)]
    assert [signs.caught(m, code) for m in (unseen[0], unseen[-1])] == ["", ""]
