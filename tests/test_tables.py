"""The paper's tables: every row has a recipe, every result is whole, and the tables are made from the results."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from minram.agent import init_params
from minram.errors import InputError
from minram.storage import checkpoint
from minram.training.config import Config
from minram.training.evaluate import evaluate, wilson
from minram.training.recipes import RECIPES, recipe
from minram.training.run import find_model, load_params, save_params
from minram.training.train import load_data

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import choices  # noqa: E402
import ledger  # noqa: E402
import paper  # noqa: E402
import pretrained  # noqa: E402
import record  # noqa: E402
import table  # noqa: E402
from intervals import against, two_way  # noqa: E402
from minram.training.jobs import ABLATED, Job  # noqa: E402

V1, RESULTS = record.load_v1(), record.load_results()


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


def test_reported_seeds_are_fresh():
    """Five of the headlines and of quick, three of the agent's other rows, none of the networks without attention."""
    counts = {name: len(paper.reported_seeds(name)) for name in RECIPES}
    assert [name for name, n in counts.items() if n == 5] == ["quick", *paper.HEADLINES.values()]
    whole = {name for name, n in counts.items() if n == 0}
    assert whole == {name for name in RECIPES if Job(name).config.model != "ram"}
    assert set(counts.values()) == {0, 3, 5}
    assert all(min(paper.reported_seeds(name)) == ledger.FIRST == 20 for name in set(RECIPES) - whole)


def job_of(r):
    """The Job of a result, of settings that may not be those of today's recipe any more."""
    return Job(r["recipe"], r["seed"], {}, r.get("name", ""), r.get("kind", ""))


@pytest.mark.parametrize("stem", RESULTS)
def test_a_result_is_whole(stem):
    r = RESULTS[stem]
    job, config = job_of(r), Config.from_dict(r["settings"])
    assert stem == job.stem and config.seed == r["seed"]
    if job.tested and "diverged" not in r:
        line = next(line for line in ledger.read(ledger.FROZEN) if line["digest"] == r["digests"]["settings"])
        assert line["row"] == job.row and Config.from_dict(line["settings"]) == config.changed(seed=0)
        assert line["digest"] == ledger.settings_digest(line["settings"]) and r["seed"] >= ledger.FIRST
        assert r["code"]["commit"]
    assert set(r["versions"]) == {"python", "numpy", "scipy", "blas"}
    metrics = record.metrics(stem)
    if "diverged" in r:
        assert job.kind and r["code"]["commit"] and len(metrics) < config.epochs and "val_error" not in r
        return
    assert all({"processor", "kernel", "threads", "workers"} <= set(segment) for segment in r["segments"])
    assert r["seconds"] > 0
    check_metrics(r, metrics, config)
    wrong = record.outcomes([r], "validation")
    assert wrong.mean() == r["val_error"] == r["val_by_glimpse"][-1]
    if job.tested:
        check_ways(r, config)
        assert record.outcomes([r]).mean() == r["mean"]["test_error"]


@pytest.mark.parametrize("stem", V1)
def test_a_result_of_the_first_protocol_is_whole(stem):
    """Its settings are those of its time, not of today's recipe."""
    r = V1[stem]
    config = Config.from_dict(r["settings"])
    name = f"ablations/{r['recipe']}/{r['ablation']}" if "ablation" in r else r["recipe"]
    assert stem == f"{name}-s{r['seed']}" and config.seed == r["seed"] < ledger.FIRST
    assert set(r["versions"]) == {"python", "numpy", "scipy", "blas"} and r["seconds"] > 0
    keys = ["recipe", "seed", "settings", "versions", "seconds", "epoch", "n_val", "val_error", "val_interval"]
    ways = [way for way in ("mean", "sampled", "average_10") if way == "mean" or config.model == "ram"]
    assert set(r) == {*keys, *(["ablation"] if "ablation" in r else ["n_test", *ways])}
    lines = (record.RESULTS / "v1" / f"{stem}.jsonl").read_text().splitlines()
    check_metrics(r, [json.loads(line) for line in lines], config)
    if "ablation" not in r:
        check_ways(r, config)


def check_metrics(r, metrics, config):
    assert [m["epoch"] for m in metrics] == list(range(1, config.epochs + 1))
    validated = [(m["val_error"], m["epoch"]) for m in metrics if "val_error" in m]
    assert min(validated) == (r["val_error"], r["epoch"])  # the first of the best epochs


def check_ways(r, config):
    looks = config.glimpses if config.model == "ram" else 1
    for way in ("mean", "sampled", "average_10") if config.model == "ram" else ("mean",):
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
    page = (FOLDER / "README.md").read_text(encoding="utf-8").replace("<!-- /ladder-mnist-7 -->", "")
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    with pytest.raises(
        InputError, match="a line <!-- ladder-mnist-7 --> and, after it, a line <!-- /ladder-mnist-7 -->"
    ):
        table.rebuild(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == page


def test_what_is_missing_of_a_table_of_choices_counts_and_what_diverged_is_told():
    """A p value does not move as results come in, and one seed has none: images alone do not tell of other seeds."""
    of = {
        name: {k: r for k, r in RESULTS.items() if k.startswith(f"ablations/quick/{name}-s")}
        for name in ("nothing", "random", "no-baseline")
    }

    def line(results, text):
        return next(one for one in choices.ablation_table(results, "quick") if one.startswith(f"| {text} |"))

    some = of["nothing"] | of["no-baseline"]
    d = choices._paired(*(choices.runs_of(some, "quick", "ablations", name) for name in ("no-baseline", "nothing")))
    assert line(some, "no baseline").endswith(f"| {choices.p_value(min(1, 17 * d.p))} |") and 17 * d.p < 1
    more = line(some | of["random"], "no baseline")
    assert more.endswith(f"| {choices.p_value(16 * d.p)} |")  # random locations have a smaller one
    alone = {k: r for k, r in some.items() if k.endswith("s20")}
    assert line(alone, "no baseline").endswith(" | 1 |  |  |")
    lost = {
        k: r | ({"diverged": True} if "no-baseline" in k and not k.endswith(("s20", "s21")) else {})
        for k, r in some.items()
    }
    assert " | 2, and 3 diverged | +" in line(lost, "no baseline")
    lost = {k: r | ({"diverged": True} if "no-baseline" in k else {}) for k, r in some.items()}
    assert " | 5 diverged | " in line(lost, "no baseline")


def test_a_seed_of_the_paper_s_recipe_that_diverged_is_told():
    some = np.arange(10_000)
    results = stored(
        (Job("mnist-7", 20, {}, kind="paper"), some[:130]), (Job("mnist-7", 21, {}, kind="paper"), some[:1])
    )
    results["paper/mnist-7-s21"] |= {"diverged": True}
    text = "\n".join(table.main_table(table.summaries(results, V1)))
    assert "| 1.30 (1), 2 minutes, 1 diverged | 0.76 (3) |" in text


def test_what_is_said_to_be_missing_is_missing():
    """Sentences of pages and lessons that are true until some results have come."""

    def have(*begins):
        return any(stem.startswith(begins) for stem in RESULTS)

    page, lesson = (FOLDER / "README.md"), FOLDER.parent / "12_details_that_matter.py"
    headlines = [name for name in paper.HEADLINES.values()]
    scans = [f"scan/{name}/{scan}-noise-s" for name in headlines for scan in ("fixed", "after-first")]
    for path, words, there in (
        (page, "which have been run for `quick` so far", have(*scans)),
        (page, "and replaced below as the new ones end", have("ablations/cluttered-60-8/no-decay-s24")),
        (lesson, "Until it has its runs, nobody can say", have("ladder/mnist-7/8-")),
        (lesson, "New ones among clutter, with five seeds, will be on", have("ablations/cluttered-60-8/no-decay-s24")),
    ):
        text = one_line(path.read_text(encoding="utf-8").replace("\n# ", "\n"))
        assert (words in text) == (not there), f"{path.name}: {words}"


def test_the_front_page_says_what_the_results_say():
    page = (FOLDER.parent.parent / "README.md").read_text(encoding="utf-8")
    says = table.front_page(table.summaries(RESULTS, V1))
    assert says.count("\n") == 3 and says in page, f"README.md should say: {says}"
    quick = choices.runs_of(RESULTS, "quick")
    errors = [100 * r["mean"]["test_error"] for r in quick]
    assert [r["seed"] for r in quick] == list(paper.reported_seeds("quick"))
    page, lesson = one_line(page), one_line((FOLDER.parent / "09_training_on_mnist.py").read_text(encoding="utf-8"))
    reached = f"{np.mean(errors):.2f} % {choices.brackets(two_way(record.outcomes(quick)))}"
    assert f"{reached} with five fresh seeds ({min(errors):.2f} to {max(errors):.2f})" in page
    assert reached in lesson and f"sampled rollouts {table.percent_mean(quick, 'average_10'):.2f} %" in page


def one_line(text):
    return " ".join(text.replace("\n#", " ").split())


def fake(job, wrong, validation=(), error=None):
    """A result, with wrong labels on these of 10,000 test images and of 5,000 validation images."""
    outcomes = np.isin(np.arange(10_000), wrong)
    val = np.isin(np.arange(5000), validation)
    error = outcomes.mean() if error is None else error
    ways = {way: {"test_error": error, "interval": [0, 1], "by_glimpse": [error]} for way in record.WAYS}
    kind = {"kind": job.kind, "name": job.name} if job.kind else {}
    settings = json.loads(job.config.to_json())
    return {"recipe": job.recipe, "seed": job.seed, **kind, "settings": settings, "seconds": 90.0, "n_test": 10_000} | {
        "n_val": 5000, "val_error": val.mean(), "epoch": 3, **ways,
        "wrong": {"test": record.packed(outcomes), "validation": record.packed(val)},
    }  # fmt: skip


def stored(*results):
    return {job.stem: fake(job, *more) for job, *more in results}


def test_a_row_is_the_mean_of_its_seeds_with_an_interval_and_a_verdict():
    some = np.arange(10_000)
    results = stored(
        (Job("mnist-7", 20), some[:60]),
        (Job("mnist-7", 21), some[5:70]),
        (Job("mnist-6", 20), some[:112]),
        (Job("mnist-2", 20), some[:900]),
        (Job("mnist-7", 20, {}, kind="paper"), some[:130]),
    )
    rows = table.summaries(results, V1)
    text = "\n".join(table.main_table(rows))
    m = two_way(record.outcomes([results["mnist-7-s20"], results["mnist-7-s21"]]))
    interval = f"[{100 * m.low:.2f}, {100 * m.high:.2f}]"
    p = next(s.difference.p for s in rows if s.row.recipe == "mnist-7")
    assert p == pytest.approx(against(m, 0.0107, 10_000).p, rel=1e-9)
    ps = f"{choices.p_value(p)} ({choices.p_value(16 * p)})"  # Holm's, of 17 rows; one has a smaller p
    assert p < 0.05 / 16  # so that it survives the correction
    seeds = "20: 0.60, 21: 0.65 | 0.62 | 0.62 | 2"
    assert f"| 7 glimpses | 1.07 | **0.62** | {interval} | at or below | {ps} | {seeds} | 1.30 (1), 2 minutes |" in text
    assert re.search(
        r"\| 6 glimpses \| 1.12 \| 1.12 \| \[.*\], images alone \| tie \| 1.* \(1.000\) \| 20: 1.12 ", text
    )
    assert re.search(r"\| 2 glimpses \| 3.79 \| 9.00 \| .* \| above \| < 0.001 \(< 0.001\) \| 20: 9.00 ", text)
    assert "| 5 glimpses | 1.34 | not yet | | | | | | | |  | 0.88 (1) |" in text
    # A network that sees the whole image has the first protocol's run and no verdict.
    assert "| convolutional | 1.21 | | | | | | | | 1 | | 1.16 (1) [0.97, 1.39] |" in text
    assert "3 of the agent's 17 rows have a reported run: 1 at or below, 1 tied, 1 above." in text
    assert "Without one yet: MNIST 28×28, 3 glimpses; " in text and "fully connected" not in text.partition("yet:")[2]
    assert "Begun: MNIST 28×28, 2 glimpses (1 of 3 seeds); MNIST 28×28, 6 glimpses (1 of 3 seeds); MNIST" in text
    front = f"- MNIST 28×28, 7 glimpses: 0.62 % {interval}, 2 of 5 seeds; paper 1.07: below"
    assert table.front_page(rows) == front

    assert table.quick_line(results) == "`quick`, the default recipe, has no reported run yet."
    quick = stored((Job("quick", 20), some[:150]), (Job("quick", 21), some[:160]))
    assert re.match(
        r"`quick`, .* seeds 20 to 21: 1.55 % \[1.\d\d, 1.\d\d\] \(1.50, 1.60\); .* 10: 1.55 %", table.quick_line(quick)
    )

    figure = table.draw(rows)
    assert len(figure.axes) == len(paper.TASKS)
    mnist = [row for row in paper.ROWS if row.task == paper.TASKS[0]]
    at = {row.recipe: y for y, row in enumerate(mnist)}
    drawn = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    points = [container.lines[0].get_xydata() for container in figure.axes[0].containers]
    np.testing.assert_allclose(points[0], [(row.paper, y) for y, row in enumerate(mnist)], rtol=1e-12)
    ours = {y: x for x, y in points[1]}
    assert ours[at["mnist-7"]] == pytest.approx(0.625) and ours[at["mnist-2"]] == pytest.approx(9)
    old = {y: x for x, y in drawn["first protocol, where none is reported"]}
    assert old[at["mnist-5"]] == pytest.approx(0.88) and at["mnist-7"] not in old
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [row.text for row in mnist]


def test_an_ablation_is_paired_with_the_same_seeds():
    some, job = np.arange(5000), ABLATED["cluttered-60-8"].job
    results = stored(
        *((job("nothing", seed), [], some[seed : 150 + seed]) for seed in (20, 21, 22)),
        *((job("zero-one", seed), [], some[seed : 250 + seed]) for seed in (20, 21)),
        *((job("no-decay", seed), [], some[seed + 1 : 151 + seed]) for seed in (20, 21)),
    )
    text = "\n".join(choices.ablation_table(results, "cluttered-60-8"))
    assert re.search(r"\| nothing \|  \| 3.00 \| 3 \|  \|  \|", text)
    assert re.search(r"`reward=correct` \| 5.00 \| 2 \| \+2.00 \[\+1\.\d\d, \+2\.\d\d\] \| < 0.001 \|", text)
    assert re.search(r"`weight_decay=0` \| 3.00 \| 2 \| \+0.00 \[.*\] \| 1.000 \|", text)
    assert "| λ stays as it is | `final_location_weight=1` | no run yet | | | |" in text


def test_a_rung_is_paired_with_the_one_before():
    """Trials of rates are no runs of the ladder."""
    some = np.arange(5000)

    def rung(i, name, seed, wrong):
        return Job("mnist-7", seed, {}, f"{i}-{name}-r1", "ladder"), [], wrong

    results = stored(
        *(rung(0, "paper", seed, some[seed : 300 + seed]) for seed in (20, 21)),
        *(rung(1, "adam", seed, some[seed : 150 + seed]) for seed in (20, 21)),
        rung(1, "adam", 10, some),
    )
    text = choices.ladder_table(results, "mnist-7")
    assert "| 0 | the paper's recipe | 0.002 | 120 | 2 | 6.00 | 2 |  |  |" in text
    assert any(re.search(r"\| 1 \| Adam, .* \| 3.00 \| 2 \| -3.00 \[-3.\d\d, -2.\d\d\] \| < 0.001 \|", t) for t in text)
    assert "| 2 | a hidden layer before μ | | | | no run yet | | | |" in text


def test_minutes_are_the_processor_s_where_they_are_known():
    alone = {"workers": 1, "processor_seconds": 90}
    runs = [
        {"seconds": 600, "segments": segments} for segments in ([alone, alone], [alone | {"workers": 2}], [{**alone}])
    ]
    assert [choices.minutes([r]) for r in runs] == [3, 10, 1.5] and choices.minutes(runs) == 14.5 / 3
    assert choices.minutes([{"seconds": 60}]) == choices.minutes([{"seconds": 60, "segments": [{"workers": 1}]}]) == 1


def test_every_ablation_changes_something_of_the_recipe():
    for ablated in ABLATED.values():
        reference = ablated.job("nothing").config
        for name in ablated.changes:
            assert (ablated.job(name).config == reference) == (name == "nothing"), name


def test_where_ours_differs_is_what_the_recipes_say():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    said = page.partition("## Where it differs")[2].partition("\n## ")[0]
    ours = {row.split(" | ")[0].strip("| "): row.split(" | ")[-1] for row in said.splitlines() if row.startswith("| ")}
    found = [recipe(name) for name in paper.HEADLINES.values()]
    assert [c.weight_decay for c in found] == [0.1, 0.2, 0.1, 0.1] and "0.1 (translated: 0.2)" in ours["steps"]
    assert {c.batch_size for c in found} == {128} and {c.optimiser for c in found} == {"adam"}
    assert all(c.weight_average for c in found)
    assert [c.learning_rate for c in found] == [2e-3, 1e-3, 1e-3, 1e-3]
    assert "0.002 (MNIST) or 0.001" in ours["learning rate"] and "minibatches of 128" in ours["steps"]
    assert {(c.final_rate, c.annealing, c.location_units) for c in found} == {(0, "cosine", 128)}
    stds = [(c.std, round(c.std * c.final_std, 12)) for c in found]
    assert stds == [(0.25, 0.05), *[(0.1, 0.03)] * 3] and "from 0.25 to 0.05 (MNIST), from 0.1 to 0.03" in ours["σ"]
    assert [c.start for c in found] == ["gaussian", "uniform", "centre", "uniform"]
    assert "MNIST: N(0, σ²), and the centre when judged; clutter on 60×60: the centre" in ours["first location"]
    assert {(c.label_steps, c.reward_steps, c.reward) for c in found} == {("every", "every", "probability")}
    assert [c.rollouts for c in found] == [2, 4, 4, 4] and {c.baseline for c in found} == {"rollouts"}
    assert "of which there are 2 (MNIST) or 4" in ours["baseline"] and "layer of 128 units" in ours["before μ"]
    assert {c.flow for c in found} == {("label", "location")}
    weights = [(c.location_weight, round(c.location_weight * c.final_location_weight, 12)) for c in found]
    assert weights == [(0.05, 0.05), (0.2, 0.02), (0.2, 0.02), (0.1, 0.01)]
    assert "0.05 (MNIST); from 0.2 to 0.02, on 100×100 from 0.1 to 0.01" in ours["its weight λ"]


def test_validation_errors_at_the_best_epoch_lean_low_by_what_is_said():
    """Of every reported run, against the mean of its last epochs."""
    leans = [record.level(record.metrics(stem)) - r["val_error"] for stem, r in RESULTS.items() if not r.get("kind")]
    said = f"have been run by {100 * min(leans):.2f} to {100 * max(leans):.2f} points"
    assert said in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_claims_are_called_claims():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "claimed error" in page and {claim.task for claim in paper.CLAIMS} == set(paper.TASKS)
    best = {
        task: min(float(re.match(r"[\d.]+", c.error)[0]) for c in paper.CLAIMS if c.task == task)
        for task in paper.TASKS
    }
    assert list(best.values()) == [0.8, 0.92, 2.63, 1.24]


STORED = [name for name in paper.HEADLINES if (pretrained.DATA / f"{name}.npz").exists()]


@pytest.mark.parametrize("name", STORED)
def test_stored_weights_do_what_is_said_of_them(name):
    path = find_model(f"pretrained:{name}")
    params, config, about = load_params(path)
    results = V1 if about["seed"] < ledger.FIRST else RESULTS
    assert about["recipe"] == paper.HEADLINES[name]
    assert config == Config.from_dict(results[f"{about['recipe']}-s{about['seed']}"]["settings"])
    assert path.stat().st_size < 1.2e6
    d = load_data(config)
    n = about["checked"]
    wrong = int(evaluate(params, config, d.x_val[:n], d.y_val[:n]).wrong[-1].sum())
    if about["versions"] == record.versions():
        assert wrong == about["checked_wrong"]
    # Another BLAS rounds otherwise, which now and then moves a glimpse by a pixel: less than other images would do.
    assert abs(wrong - about["checked_wrong"]) <= np.sqrt(about["checked_wrong"])


def test_weights_are_those_of_the_median_seed_and_not_tested_again(tmp_path, monkeypatch):
    jobs = [Job("mnist-7", seed) for seed in range(20, 25)]
    d = load_data(jobs[0].config)
    few = d._replace(x_test=d.x_test[:0], y_test=d.y_test[:0], x_val=d.x_val[:80], y_val=d.y_val[:80])
    monkeypatch.setattr(pretrained, "data_of", lambda *arguments: few)
    monkeypatch.setattr(pretrained, "CHECKED", 20)
    params = init_params(jobs[0].config, np.random.default_rng(0))
    wrong = evaluate(params, jobs[0].config, few.x_val, few.y_val).wrong[-1]
    results = {}
    for job, error in zip(jobs, (0.5, 0.1, 0.3, 0.2, 0.4)):
        results[job.stem] = fake(job, [], error=0.02) | {"val_error": error}
        results[job.stem]["wrong"]["validation"] = record.packed(wrong)
    monkeypatch.setattr(pretrained, "load_results", lambda: results)
    run = tmp_path / "mnist-7-s22"
    run.mkdir()
    save_params(run / "best.npz", params, jobs[2].config, {"epoch": 7, "val_error": 0.3})
    path = pretrained.pretrain("mnist-28", tmp_path, tmp_path)
    arrays, about = checkpoint.load(path)
    assert {a.dtype for a in arrays.values()} == {np.dtype(np.float16)} and path.stat().st_size < 1e6
    stored, config, _ = load_params(path)
    assert config == jobs[2].config and about["epoch"] == 7 and about["seed"] == 22
    assert about["test_error"] == 0.02  # the run's; of the weights as they are stored, validation alone
    after = evaluate(stored, config, few.x_val, few.y_val).wrong[-1]
    assert about["val_error"] == after.mean() and about["changed"] == (after != wrong).sum()
    assert about["checked_wrong"] == evaluate(stored, config, few.x_val[:20], few.y_val[:20]).wrong[-1].sum()
    line = next(line for line in table.weights_table(tmp_path) if "pretrained:mnist-28" in line)
    assert "| 22 | 2.00 % [" in line and " MB |" in line and "first protocol" not in line
    results["mnist-7-s22"]["wrong"]["validation"] = record.packed(~wrong)
    with pytest.raises(InputError, match="holds another run of mnist-7-s22"):
        pretrained.pretrain("mnist-28", tmp_path, tmp_path)
    del results["mnist-7-s24"]
    with pytest.raises(InputError, match="mnist-7-s24 should have a result first"):
        pretrained.pretrain("mnist-28", tmp_path, tmp_path)


def test_what_is_said_of_the_ablations_of_quick_is_what_their_table_shows():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = page.partition("<!-- ablations-quick -->")[2].partition("<!-- /ablations-quick -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "`" in line[1:]]
    choices = [(name, more, float(p.removeprefix("< "))) for name, _, _, seeds, more, p in rows[-17:] if seeds == "5"]
    cost = {name for name, more, p in choices if p < 0.05 and more.startswith("+")}
    said = re.search(r"six of the seventeen cost something: (.*)\. The others are ties", page)[1]
    assert len(choices) == 17 and cost == set(said.split(", ")) and len(cost) == 6
    assert not [name for name, more, p in choices if p < 0.05 and name not in cost]
    lesson = (FOLDER.parent / "09_training_on_mnist.py").read_text(encoding="utf-8")
    more = {name: more.split()[0] for name, more, _ in choices}
    words = ("One scale costs", "σ = 0.4 costs", "two glimpses", "no baseline", "eight glimpses")
    lesson = re.sub(r"\s*\n# ", " ", lesson)
    for text, name in zip(words, ("one scale", "σ = 0.4", "2 glimpses", "no baseline", "8 glimpses")):
        (said,) = re.findall(rf"{text} (\d\.\d+)(?: points)?[,.]", lesson)
        assert f"{float(more[name]):.{len(said) - 2}f}" == said, name
