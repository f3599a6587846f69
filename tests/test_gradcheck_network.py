import numpy as np
import pytest

from helpers import plant
from minram import core
from minram.agent import backward, init_params
from minram.command import cli
from minram.gradcheck import check_gradient, network
from minram.pictures.convergence import draw_convergence
from minram.training import config, run  # noqa: F401, run: not first loaded while Config is another
from minram.training.recipes import SMALL, recipe
from tiny import TINY

SIGMA = ["", "fixed", "learned", "", "fixed", "learned"]


def test_every_parameter_of_every_objective_is_right():
    reports = network.report(SMALL)
    for title, report in reports:
        assert report.passed, f"{title}\n{report}"
    params = init_params(SMALL.changed({"learn_std": True}), np.random.default_rng(0), 4)
    names = {row.name for _, report in reports for row in report.rows if row.analytic}
    assert names == set(params)  # and none of them only by a gradient of 0
    assert len({title for title, _ in reports}) == len(reports) == 6
    assert [title.partition(" (σ ")[2].partition(")")[0] for title, _ in reports] == SIGMA


@pytest.mark.parametrize("name", ["mnist-7", "cluttered-100-8", "cluttered-60-random"])
def test_the_settings_of_any_recipe_can_be_checked(name):
    """Every reward, a σ that is annealed, weight decay, random locations; where nothing is decided no decision is."""
    small = dict(glimpses=3, patch_size=3, scales=[1, 2], location_units=5)
    small |= dict.fromkeys(("what_units", "where_units", "glimpse_units", "core_units"), 9)
    titles = [title.split(",")[0] for title, _ in _passing(recipe(name).changed(small))]
    assert titles[1:] == [] if name.endswith("random") else len(titles) == 6
    titles = [title.split(",")[0] for title, _ in _passing(recipe(name).changed(small | {"glimpses": 1}))]
    assert titles == ["cross-entropy of the label", "objective reinforce"][: 1 + (not name.endswith("random"))]


def _passing(config):
    parts = network.report(config, shape=(9, 11, 13))  # of three images all drawn labels may be wrong
    assert [title for title, part in parts if not part.passed] == []
    return parts


def test_a_planted_fault_fails(monkeypatch):
    plant(monkeypatch, core, ("dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]"))
    passed = []
    for _, f, params, grads, zero in network.objectives(SMALL):
        passed.append(check_gradient(f, params, grads, entries=3, expect_zero=zero).passed)
    assert passed == [False] * 6


@pytest.mark.parametrize(
    "settings",
    [
        {"location_weight": 0.7, "final_location_weight": 0.3, "baseline_weight": 0.6, "learn_std": True},
        {"reward_steps": "every", "label_steps": "every", "reward": "probability"},
        {"baseline": "rollouts", "rollouts": 2, "reward": "log_probability", "location_units": 5},
    ],
)
def test_every_weight_is_in_the_function_too(settings):
    r = np.random.default_rng(0)
    frozen = network.freeze(TINY.changed(settings), r.random((4, 7, 9)), r.integers(0, 3, 4), 3)
    heads = {"cross-entropy": ["logits"], "log-likelihood": ["mu", "log_std"], "baseline": ["baseline"]}
    for name, names in heads.items():
        f = network.along(frozen, network.scalars(frozen)[name])
        part = {k: x for k, x in frozen.params.items() if k.startswith(("core", "glimpse"))}
        grads = backward(frozen.params, frozen.trajectory, network.only(frozen.cotangents, *names))
        check_gradient(f, part, {k: grads[k] for k in part}, entries=4).raise_if_failed()


MASKS = {"glimpse.what": 0, "glimpse.where": 0, "glimpse.combine": 1, "core": 2, "location.hidden": 3}


@pytest.mark.parametrize("layer", MASKS)
def test_every_mask_is_in_the_signature(layer):
    """A unit whose bias is far below 0 is off everywhere, and the signature says so in its place."""
    r = np.random.default_rng(0)
    units = dict.fromkeys(("what_units", "where_units", "glimpse_units", "core_units", "location_units"), 8)
    frozen = network.freeze(TINY.changed(units), r.random((4, 7, 9)), r.integers(0, 3, 4), 3)
    f = network.along(frozen, network.scalars(frozen)["cross-entropy"])
    before, place = f({})[1], MASKS[layer]
    t = frozen.trajectory
    for mask, a in zip(before, (t.glimpse.hidden, t.glimpse.g, t.core.h, t.location.hidden), strict=True):
        np.testing.assert_array_equal(mask, a > 0)
    columns = before[place].reshape(-1, before[place].shape[-1]).any(axis=0)  # glimpse.hidden: what, then where
    columns[: 8 if layer == "glimpse.where" else 0] = False
    unit = int(columns.argmax())  # one that is on somewhere
    assert columns[unit]
    b = frozen.params[f"{layer}.b"].copy()
    b[unit % 8] = -1e3
    after = f({f"{layer}.b": b})[1]
    assert not after[place][..., unit].any()
    # What comes before it in the first step has seen nothing of that.
    assert all(np.array_equal(before[i][0], after[i][0]) for i in range(place))


def test_biases_are_not_zero_where_they_are_checked():
    r = np.random.default_rng(0)
    units = {"core_units": 400, "glimpse_units": 400}
    params = network.freeze(TINY.changed(units), r.random((2, 7, 9)), r.integers(0, 3, 2), 3).params
    for name in ("core.b", "glimpse.combine.b"):  # N(0, 1/4n); a standard error is 1/√2n of it
        assert abs(params[name].std() / (0.5 / np.sqrt(400)) - 1) < 4 / np.sqrt(800)


def test_at_full_size_directions_go_through_all_parameters():
    (title, part), *others = network.report(TINY, entries=2)
    assert len(others) == 5 and part.passed, part
    (whole,) = (row for row in part.rows if row.name == "all")
    assert whole.checked == 3
    n = len(init_params(TINY, np.random.default_rng(0), 4))
    assert [row.checked for row in part.rows[: n + 1]] == [3] * (n + 1) and part.rows[0].name == "all"
    assert len(part.rows) == 2 * n + 1 and all(1 <= row.checked <= 3 for row in part.rows[n + 1 :])
    assert "T = 3, float64" in title


def test_the_numbers_at_hand_are_named_in_every_part(monkeypatch):
    """A gradient that is M times too large along directions, and entry by entry."""
    right = network.backward
    monkeypatch.setattr(network, "backward", lambda *args: {k: 7 * g for k, g in right(*args).items()})
    (_, part), *_ = network.report(TINY.changed(rollouts=7), entries=2)
    texts = [text for findings in part.diagnosis for name, text in findings if name == "factor"]
    wrong = [row for row in part.rows if row.verdict == "wrong"]
    assert len(texts) == len(wrong) > 10 and all("; M: a sum where the mean belongs" in text for text in texts)


def test_the_command_checks_the_default_model_at_full_size(monkeypatch, capsys):
    """gradcheck --full, with a small model in the place of the default one, which takes half a minute."""
    monkeypatch.setattr(config, "Config", lambda: SMALL)
    assert cli.main(["gradcheck", "--full"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nall ") == 6 and out.endswith("Every gradient is right.\n")
    plant(monkeypatch, core, ("dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]"))
    assert cli.main(["gradcheck", "--full"]) == 1
    assert capsys.readouterr().out.endswith("6 parts failed.\n")


def test_picture(tmp_path):
    title, f, params, grads, _ = next(network.objectives(SMALL))
    draw_convergence(tmp_path / "check.png", title, f, params, grads)
    assert (tmp_path / "check.png").stat().st_size > 10_000
