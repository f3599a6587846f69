import numpy as np

from helpers import plant
from minram import core
from minram.agent import init_params
from minram.gradcheck import check_gradient, network
from minram.pictures.convergence import draw_convergence
from minram.training.recipes import SMALL


def test_every_parameter_of_every_objective_is_right():
    reports = network.report(SMALL)
    for title, report in reports:
        assert report.passed, f"{title}\n{report}"
    params = init_params(SMALL.changed({"learn_std": True}), np.random.default_rng(0), 4)
    names = {row.name for _, report in reports for row in report.rows if row.analytic}
    assert names == set(params)  # and none of them only by a gradient of 0
    assert len({title for title, _ in reports}) == len(reports) == 6


def test_a_planted_fault_fails(monkeypatch):
    plant(monkeypatch, core, ("dh[t] + dz[t + 1]", "dh[t + 1] + dz[t + 1]"))
    passed = []
    for _, f, params, grads, zero in network.objectives(SMALL):
        passed.append(check_gradient(f, params, grads, entries=3, expect_zero=zero).passed)
    assert passed == [False] * 6


def test_picture(tmp_path):
    title, f, params, grads, _ = next(network.objectives(SMALL))
    draw_convergence(tmp_path / "check.png", title, f, params, grads)
    assert (tmp_path / "check.png").stat().st_size > 10_000
