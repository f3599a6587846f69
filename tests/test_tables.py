"""The paper's tables: every row has a recipe, every result is whole, and the tables are made from the results."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from minram.agent import init_params
from minram.errors import InputError
from minram.storage import checkpoint
from minram.training.config import Config
from minram.training.evaluate import evaluate, wilson
from minram.training.recipes import RECIPES
from minram.training.run import find_model, load_params, save_params
from minram.training.train import load_data

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import paper  # noqa: E402
import record  # noqa: E402
import table  # noqa: E402
from jobs import ABLATED, Job  # noqa: E402

RESULTS = record.load_results()
JOBS = [Job(row.recipe, 1) for row in paper.ROWS]
JOBS += [ablated.job(name, 1) for ablated in ABLATED.values() for name in ablated.changes]


def job_of_result(r):
    return ABLATED[r["recipe"]].job(r["ablation"], r["seed"]) if "ablation" in r else Job(r["recipe"], r["seed"])


def test_every_row_of_the_paper_has_a_recipe_and_every_recipe_but_quick_a_row():
    names = [row.recipe for row in paper.ROWS]
    assert sorted(names) == sorted(set(RECIPES) - {"quick"})
    for row in paper.ROWS:
        config = Job(row.recipe).config
        size = re.findall(r"\d+", row.task)
        assert config.task == row.task.partition(" ")[0].lower().replace("mnist", "original")
        assert config.task == "original" or config.canvas == tuple(map(int, size))
        assert config.task != "cluttered" or config.distractors == {60: 4, 100: 8}[config.canvas[0]]
        if "glimpses" in row.text:
            assert config.model == "ram" and config.glimpses == int(row.text[0])
            assert (config.policy == "random") == ("random" in row.text)
            retina = {"original": (8, (1,)), "translated": (12, (1, 2, 4)), "cluttered": (12, (1, 2, 4))}[config.task]
            retina = (12, (1, 2, 4, 8)) if config.canvas == (100, 100) else retina
            assert (config.patch_size, config.scales) == retina
        else:
            assert config.model == ("conv" if row.text == "convolutional" else "fc")
            assert config.classifier_units == int((re.findall(r"\d+", row.text) or [256])[-1])


def test_the_paper_s_figures():
    """Mnih et al. (2014) in the proceedings: by number of glimpses, random glimpses, FC 64, FC 256, conv."""
    figures = {
        "MNIST 28×28": [1.69, 1.21, 3.79, 1.51, 1.54, 1.34, 1.12, 1.07],
        "translated 60×60": [6.42, 2.63, 1.62, 1.54, 1.22, 1.20],
        "cluttered 60×60": [28.58, 11.96, 8.09, 14.4, 4.96, 4.08, 4.04],
        "cluttered 100×100": [14.35, 28.4, 9.41, 8.31, 8.11],
    }
    assert {task: [row.paper for row in paper.ROWS if row.task == task] for task in paper.TASKS} == figures


def test_a_run_is_recognised_by_its_settings():
    for job in JOBS:
        assert record.job_of(job.config) == job
        assert record.job_of(Config.from_dict(json.loads(job.config.to_json()))) == job
    with pytest.raises(InputError, match="nearest is mnist-7-s2, which differs in std"):
        record.job_of(Job("mnist-7", 2).config.changed({"std": 0.77}))


@pytest.mark.parametrize("stem", RESULTS)
def test_a_result_is_whole(stem):
    r = RESULTS[stem]
    job = job_of_result(r)
    assert stem == record.stem(job) and Config.from_dict(r["settings"]) == job.config
    settings = json.loads(json.dumps(asdict(job.config)))  # some may be newer than the run, which had their defaults
    assert r["settings"] == {name: settings[name] for name in r["settings"]}
    assert set(r["versions"]) == {"python", "numpy", "scipy", "blas"} and r["seconds"] > 0
    keys = ["recipe", "seed", "settings", "versions", "seconds", "epoch", "n_val", "val_error", "val_interval"]
    ways = [way for way in ("mean", "sampled", "average_10") if way == "mean" or job.config.model == "ram"]
    assert set(r) == {*keys, *(["ablation"] if job.ablation else ["n_test", *ways])}

    lines = (record.RESULTS / f"{stem}.jsonl").read_text().splitlines()
    metrics = [json.loads(line) for line in lines]
    assert [m["epoch"] for m in metrics] == list(range(1, job.config.epochs + 1))
    validated = [(m["val_error"], m["epoch"]) for m in metrics if "val_error" in m]
    assert min(validated) == (r["val_error"], r["epoch"])  # the first of the best epochs
    looks = job.config.glimpses if job.config.model == "ram" else 1
    for way in () if job.ablation else ways:
        wrong = round(r[way]["test_error"] * r["n_test"])
        assert r["n_test"] == 10_000 and r[way]["test_error"] == wrong / r["n_test"]
        # A difference of two numbers below 1 + 2/n, each of a few roundings.
        np.testing.assert_allclose(r[way]["interval"], wilson(wrong, r["n_test"]), rtol=0, atol=1e-14)
        assert len(r[way]["by_glimpse"]) == looks and r[way]["by_glimpse"][-1] == r[way]["test_error"]


def test_nothing_in_the_results_tells_of_a_machine():
    for path in record.RESULTS.rglob("*.json*"):
        assert not re.search(r"/(home|root|tmp|work|Users)\b|\\\\", path.read_text()), path


def test_the_tables_are_those_of_the_results(tmp_path):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    table.rebuild(tmp_path)
    again = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert again == page, "run: python tutorials/tables/run.py table"
    assert (tmp_path / "table.png").stat().st_size < 100_000 > (FOLDER / "table.png").stat().st_size


def test_a_page_that_lacks_a_mark_is_left_as_it_is(tmp_path):
    page = (FOLDER / "README.md").read_text(encoding="utf-8").replace("<!-- /mnist-2 -->", "")
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    with pytest.raises(InputError, match="a line <!-- mnist-2 --> and, after it, a line <!-- /mnist-2 -->"):
        table.rebuild(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == page


def test_the_front_page_says_what_the_results_say():
    page = (FOLDER.parent.parent / "README.md").read_text(encoding="utf-8")
    for recipe in paper.HEADLINES.values():
        error = np.mean([100 * RESULTS[f"{recipe}-s{seed}"]["mean"]["test_error"] for seed in range(3)])
        assert re.search(rf"{error:.2f} %[^.,;%]*\({RECIPES[recipe].error:.2f}\)", page), recipe


def fake(job, error, **more):
    ways = {
        way: {"test_error": error, "interval": [0, 1], "by_glimpse": [error]}
        for way in ("mean", "sampled", "average_10")
    }
    result = {"epoch": 3, "val_error": error, "n_test": 10_000, "seconds": 90.0, **ways}
    return json.loads(json.dumps(record.record(job, result)))


def test_a_row_is_the_mean_of_its_seeds_and_says_which_are_below_the_paper():
    jobs = [Job("mnist-7", 2), Job("mnist-7", 0), Job("mnist-6", 0), Job("mnist-conv", 0)]
    results = {record.stem(job): fake(job, e) for job, e in zip(jobs, (0.0108, 0.0104, 0.0112, 0.0122))}
    ablations = [ABLATED["cluttered-60-6"].job(name, s) for s in (0, 1) for name in ("nothing", "small-std")]
    results |= {record.stem(job): fake(job, e) for job, e in zip(ablations, (0.02, 0.03, 0.04, 0.06))}
    text = "\n".join(table.main_table(results))
    low, high = wilson(106, 10_000)
    interval = f"[{100 * low:.2f}, {100 * high:.2f}]"
    assert f"| 7 glimpses | 1.07 | **1.06** | {interval} | 0: 1.04, 2: 1.08 | 1.06 | 1.06 | 2 |" in text
    assert "| 6 glimpses | 1.12 | **1.12** |" in text
    assert "| convolutional | 1.21 | 1.22 |" in text and "| 0: 1.22 | – | – | 2 |" in text
    assert "| 5 glimpses | 1.34 | no run yet |" in text
    assert "3 of 26 rows have a run; 2 of these are at or below" in text
    assert "Above it: MNIST 28×28, convolutional." in text
    text = "\n".join(table.ablation_table(results, "cluttered-60-6"))
    assert re.search(r"\| nothing \|  \| 3.00 \| 2 \|.*\|  \|", text)
    assert re.search(r"`std=0.05` \| 4.50 \| 2 \| .* \| \+1.50 \|", text)
    assert "| nothing |  | no run yet |" in table.ablation_table(results, "mnist-2")[4]
    figure = table.figure(results)
    assert len(figure.axes) == len(paper.TASKS)
    rows = [row for row in paper.ROWS if row.task == paper.TASKS[0]]
    papers, ours = figure.axes[0].lines[:2]
    np.testing.assert_array_equal(papers.get_xydata(), [(row.paper, y) for y, row in enumerate(rows)])
    at = {row.recipe: y for y, row in enumerate(rows)}
    found = [(1.22, at["mnist-conv"]), (1.12, at["mnist-6"]), (1.06, at["mnist-7"])]
    np.testing.assert_allclose(ours.get_xydata(), found, rtol=1e-12)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [row.text for row in rows]
    bar = figure.axes[0].collections[0].get_segments()[-1]
    np.testing.assert_allclose(bar, [(100 * low, at["mnist-7"]), (100 * high, at["mnist-7"])], rtol=1e-12)


def test_collecting_keeps_a_finished_run_once(tmp_path):
    job, run = Job("mnist-fc256", 5), tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(job.config.to_json())
    (run / "metrics.jsonl").write_text('{"epoch": 1}\n')
    with pytest.raises(InputError, match="no finished run"):
        record.collect(run, tmp_path)
    result = {"epoch": 1, "val_error": 0.02, "seconds": 1.5, "n_test": 10, "mean": 1, "sampled": 2, "average_10": 3}
    (run / "result.json").write_text(json.dumps(result))
    path = record.collect(run, tmp_path)
    kept = json.loads(path.read_text())
    assert path == tmp_path / "mnist-fc256-s5.json" and path.with_suffix(".jsonl").read_text() == '{"epoch": 1}\n'
    assert kept["settings"] == json.loads(job.config.to_json()) and kept["mean"] == 1 and "sampled" not in kept
    assert kept["val_interval"] == list(wilson(100, 5000))
    with pytest.raises(InputError, match="never changed"):
        record.collect(run, tmp_path)


STORED = [name for name in paper.HEADLINES if (record.DATA / f"{name}.npz").exists()]


@pytest.mark.parametrize("name", STORED)
def test_stored_weights_do_what_is_said_of_them(name):
    path = find_model(f"pretrained:{name}")
    params, config, about = load_params(path)
    assert about["recipe"] == paper.HEADLINES[name] and config == Job(about["recipe"], about["seed"]).config
    assert path.stat().st_size < 1.2e6
    d = load_data(config)
    n = about["checked"]
    wrong = int(evaluate(params, config, d.x_val[:n], d.y_val[:n]).wrong[-1].sum())
    if about["versions"] == record.versions():
        assert wrong == about["checked_wrong"]
    # Another BLAS rounds otherwise, which now and then moves a glimpse by a pixel: less than other images would do.
    assert abs(wrong - about["checked_wrong"]) <= np.sqrt(about["checked_wrong"])


def test_weights_are_stored_with_the_error_that_they_have_as_stored(tmp_path, monkeypatch):
    job = Job(paper.HEADLINES["mnist-28"], 3)
    d = load_data(job.config)
    few = d._replace(x_test=d.x_test[:60], y_test=d.y_test[:60], x_val=d.x_val[:80], y_val=d.y_val[:80])
    monkeypatch.setattr(record, "load_data", lambda config: few)
    monkeypatch.setattr(record, "CHECKED", 20)
    params = init_params(job.config, np.random.default_rng(0))
    save_params(tmp_path / "best.npz", params, job.config, {"epoch": 7, "val_error": 0.5})
    path = record.pretrain("mnist-28", tmp_path, tmp_path)
    arrays, about = checkpoint.load(path)
    assert {a.dtype for a in arrays.values()} == {np.dtype(np.float16)} and path.stat().st_size < 1e6
    stored, config, _ = load_params(path)
    assert config == job.config and about["epoch"] == 7 and about["seed"] == 3
    assert about["test_error"] == evaluate(stored, config, few.x_test, few.y_test).error
    assert about["val_error"] == evaluate(stored, config, few.x_val, few.y_val).error
    assert about["checked_wrong"] == evaluate(stored, config, few.x_val[:20], few.y_val[:20]).wrong[-1].sum()
    line = next(line for line in table.weights_table(tmp_path) if "pretrained:mnist-28" in line)
    assert f"| 3 | {100 * about['test_error']:.2f} % [" in line and " MB |" in line
    with pytest.raises(InputError, match="should be a run of cluttered-60-8, but this is one of mnist-7-s3"):
        record.pretrain("cluttered-60", tmp_path, tmp_path)
    with pytest.raises(InputError, match="weights are kept of"):
        record.pretrain("mnist", tmp_path, tmp_path)
