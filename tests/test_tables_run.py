"""The driver of the paper's tables: which runs it starts, goes on with, keeps, and refuses."""

import json
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from minram.errors import InputError
from minram.training.config import Config
from minram.training.recipes import RECIPES, recipe
from minram.training.train import train
from tiny import SHORT, dataset

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import choices  # noqa: E402
import cluster  # noqa: E402
import cost  # noqa: E402
import driver  # noqa: E402
import ladder  # noqa: E402
import ledger  # noqa: E402
import paper  # noqa: E402
import record  # noqa: E402
import run as runner  # noqa: E402
import status  # noqa: E402
import tuning  # noqa: E402
import verify  # noqa: E402
from minram.training.jobs import ABLATED, Job  # noqa: E402


def test_all_runs_the_headlines_first_and_every_row_with_its_seeds():
    jobs = runner.all_jobs()
    assert len(set(jobs)) == len(jobs) == 5 * 5 + 3 * len(paper.THREE)
    assert {job.recipe for job in jobs} == {name for name in RECIPES if recipe(name).model == "ram"}
    assert {job.recipe for job in jobs[:20]} == set(paper.HEADLINES.values())
    assert [job.seed for job in jobs[:20]] == sorted(4 * [*range(20, 25)])
    assert min(job.seed for job in jobs) == 20


def relative(name, rung):
    """What an epoch of a rung is taken to cost here: from 0.4 of ours for the paper's to 1."""
    return 0.4 + 0.6 * rung / 8


@pytest.fixture(autouse=True)
def costs(monkeypatch):
    monkeypatch.setattr(ladder, "relative", relative)


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The commands that the driver starts, in folders of its own, and how they end: `codes` has the exit code of the
    n-th, 0 if it has none; a run that ends well is kept without a look at anything."""
    started, codes = [], {}

    class Process:
        def __init__(self, command, **options):
            assert options["env"].items() >= driver.ONE_THREAD.items()
            assert command[1:4] == ["-P", "-m", "minram"]  # the installed package, wherever this is called
            started.append(command[4:])

        def wait(self):
            words = started[-1]
            folder = Path(words[words.index("--out") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "metrics.jsonl").write_text('{"epoch": 1, "val_error": 0.01}\n')
            if not codes.get(len(started)):
                (folder / "result.json").write_text("{}")
            return codes.get(len(started), 0)

    def finish(job, folder, frozen):
        path = record.result_path(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"settings": json.loads(job.config.to_json()), "frozen": frozen}))
        return path

    monkeypatch.setattr(driver.subprocess, "Popen", Process)
    monkeypatch.setattr(driver, "finish", finish)
    monkeypatch.setattr(driver.signal, "signal", lambda number, handler: None)  # or other tests would have it too
    monkeypatch.setattr(runner, "rebuild", lambda: None)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger.jsonl")
    monkeypatch.setattr(ledger, "FROZEN", tmp_path / "frozen.jsonl")
    monkeypatch.setattr(ledger, "committed", lambda path: path.read_text() if path.exists() else "")
    monkeypatch.setattr(ledger, "code", lambda: {"commit": 40 * "a", "sources": "b"})
    return started, codes


def row(tmp_path, *words):
    return runner.main(["row", *words, "--runs", str(tmp_path / "runs")])


def test_a_row_is_frozen_then_begins_goes_on_and_is_kept_once(started, tmp_path, capsys):
    started, codes = started
    codes |= {1: 130}
    assert row(tmp_path, "mnist-2", "--seed", "21") == 2 and not started
    assert "mnist-2 is not frozen" in capsys.readouterr().out
    assert runner.main(["freeze", "mnist-2", "mnist-3"]) == 0
    assert "mnist-3 is frozen as " in capsys.readouterr().out
    assert row(tmp_path, "mnist-2", "--seed", "3") == 2 and not started
    assert "reported seeds begin at 20, but this is 3" in capsys.readouterr().out
    assert row(tmp_path, "mnist-2", "--seed", "21") == 130  # stopped
    folder = tmp_path / "runs" / "mnist-2-s21"
    assert started == [["train", "mnist-2", "--set", "seed=21", "--out", str(folder), "--workers", "1"]]
    (folder / "last.npz").touch()
    assert row(tmp_path, "mnist-2", "--seed", "21", "--workers", "2") == 0
    assert started[1:] == [["train", "--resume", "--out", str(folder), "--workers", "2"]]
    kept = json.loads((tmp_path / "results" / "mnist-2-s21.json").read_text())
    assert kept["frozen"] == record.digest(Job("mnist-2").config)
    capsys.readouterr()
    assert row(tmp_path, "mnist-2", "--seed", "21") == 0 and len(started) == 2
    assert "mnist-2-s21: has a result" in capsys.readouterr().out


def test_runs_side_by_side_print_whole_lines(started, tmp_path, monkeypatch):
    """Two pieces of a line would let another run's line between them."""
    pieces, jobs = [], [ABLATED["quick"].job(name, 20) for name in ("nothing", "random")]
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(write=pieces.append, flush=lambda: None))
    for _ in range(2):
        driver.run_all(jobs, tmp_path / "runs", side_by_side=2)
    pieces = [piece for piece in pieces if piece]
    assert len(pieces) == 6 and all(piece.count("\n") == 1 and piece.endswith("\n") for piece in pieces)


def test_code_of_no_commit_reports_nothing(started, tmp_path, monkeypatch, capsys):
    runner.main(["freeze", "mnist-2"])
    monkeypatch.setattr(ledger, "code", lambda: {"commit": None, "sources": "b"})
    assert row(tmp_path, "mnist-2") == 2 and not started[0]
    assert "the installed minram is that of no commit" in capsys.readouterr().out


def test_an_ablation_is_a_shorter_run_with_its_change_and_needs_no_freeze(started, tmp_path):
    started, _ = started
    words = ["ablation", "cluttered-60-8", "zero-one", "--jobs", "1", "--runs", str(tmp_path)]
    assert runner.main(words) == 0
    epochs = recipe("cluttered-60-8").epochs // 8
    folders = [tmp_path / "ablations" / "cluttered-60-8" / f"zero-one-s{seed}" for seed in range(20, 25)]
    assert started == [
        ["train", "cluttered-60-8", "--set", f"epochs={epochs}", "reward=correct", f"seed={seed}", "--out",
         str(folder), "--workers", "1"]
        for seed, folder in zip(range(20, 25), folders)
    ]  # fmt: skip
    assert (tmp_path / "results" / "ablations" / "cluttered-60-8" / "zero-one-s24.json").exists()


def test_a_trial_is_of_validation_alone_and_its_seed_is_no_reported_one(started, tmp_path, capsys):
    started, _ = started
    words = ["trial", "mnist-2", "slow", "--runs", str(tmp_path), "--set", "learning_rate=1e-4", "epochs=4"]
    assert runner.main(words) == 0
    folder = tmp_path / "trials" / "mnist-2" / "slow-s10"
    changes = ["learning_rate=0.0001", "epochs=4", "seed=10"]
    (words,) = started
    assert sorted(words[3:6]) == sorted(changes) and words[6:8] == ["--out", str(folder)]
    assert (tmp_path / "results" / "trials" / "mnist-2" / "slow-s10.json").exists() and not ledger.LEDGER.exists()
    for more, reason in (
        (["--seed", "20"], "seeds from 20 on are the reported ones"),
        (["--set", "epoch=3"], "did you mean 'epochs'"),
    ):
        with pytest.raises(SystemExit) as ended:
            runner.main(["trial", "mnist-2", "slow", *more])
        assert ended.value.code == 2 and reason in capsys.readouterr().err
    with pytest.raises(SystemExit):
        runner.main(["trial", "mnist-2", "../slow"])
    assert len(started) == 1


def test_the_table_of_trials_says_what_differs(monkeypatch):
    job = tuning.trial_job("mnist-2", "slow", ["learning_rate=1e-4", "epochs=4"], 3)
    assert job.settings == {"learning_rate": 1e-4, "epochs": 4, "seed": 3}
    kept = {"recipe": "mnist-2", "seed": 3, "kind": "trials", "name": "slow", "seconds": 600}
    kept["settings"] = json.loads(job.config.to_json())
    epochs = [{"val_error": e / 100, "error": e / 200} for e in (8.0, 4.0, 3.0, 2.5)]
    monkeypatch.setattr(tuning, "metrics", lambda stem: epochs if stem == "trials/mnist-2/slow-s3" else None)
    line = tuning.trials_table({job.stem: kept, "quick-s20": {"recipe": "quick"}})[2:]
    assert line == ["| mnist-2 | slow, seed 3 | `learning_rate=0.0001` | 4 | 10 by the clock | 2.50 | 1.25 |"]


def test_a_draw_that_diverges_is_a_result_and_a_row_is_not(started, tmp_path, capsys, monkeypatch):
    """It would again whenever it was begun, and the twelve draws would never be there."""
    started, codes = started
    codes |= {2: 3, 13: 3}
    jobs = ladder.draws("mnist-7")
    assert driver.run_all(jobs, tmp_path / "runs") == 0 and len(started) == 12
    path = record.result_path(jobs[1])
    assert f"{jobs[1].stem}: diverged, which {jobs[1].name}-s10.json keeps" in capsys.readouterr().out
    kept = json.loads(path.read_text())
    assert kept["diverged"] is True and kept["settings"] == json.loads(jobs[1].config.to_json())
    assert (kept["recipe"], kept["kind"], kept["name"], kept["seed"]) == ("mnist-7", "draws", jobs[1].name, 10)
    assert record.metrics(jobs[1].stem) == [{"epoch": 1, "val_error": 0.01}]
    runner.main(["freeze", "mnist-2"])
    codes |= {14: 3}
    monkeypatch.setattr(driver, "prepare", lambda job, folder: "a digest")
    theirs = Job("mnist-7", 20, {}, kind="paper")  # else its mean would be of those that survived, without a word
    assert driver.run(theirs, tmp_path / "runs") == 0
    assert json.loads(record.result_path(theirs).read_text())["diverged"] is True and not ledger.LEDGER.exists()
    assert row(tmp_path, "mnist-2") == 3 and not record.result_path(Job("mnist-2", 20)).exists()


def test_what_diverged_is_chosen_by_nobody(tried):
    """However good it was before: its last epoch had the least error of all."""
    best, jobs = ladder.drawn("mnist-7", tried), ladder.draws("mnist-7")
    assert best.items() <= jobs[2].changes.items()
    tried[jobs[2].stem] = {"diverged": True}
    assert ladder.drawn("mnist-7", tried).items() <= jobs[0].changes.items()
    tried |= {job.stem: {"diverged": True} for job in jobs}
    with pytest.raises(InputError, match="all of mnist-7's draws diverged"):
        ladder.drawn("mnist-7", tried)
    other = "cluttered-60-8"
    rates = [job for job in ladder.trials(other, tried) if job.name.startswith("3-")]
    tried |= {job.stem: {"diverged": True} for job in rates}
    with pytest.raises(InputError, match="rung 3 of cluttered-60-8 diverged with each of its rates"):
        ladder.climbs(other, [20], tried)


def test_the_tables_say_what_diverged():
    job = tuning.trial_job("mnist-2", "fast", ["learning_rate=1"], 3)
    kept = {"recipe": "mnist-2", "seed": 3, "kind": "trials", "name": "fast", "diverged": True}
    kept["settings"] = json.loads(job.config.to_json())
    lines = tuning.trials_table({job.stem: kept})[2:]
    assert lines == ["| mnist-2 | fast, seed 3 | `learning_rate=1.0` | 0 | – | diverged | – |"]
    kept = {"recipe": "mnist-7", "kind": "ladder", "diverged": True, "val_error": 0.5}
    names = {"a": ("1-adam-r2", 20), "b": ("1-adam-r2", 10), "c": ("2-hidden-layer-r0", 20)}
    results = {stem: kept | {"name": name, "seed": seed} for stem, (name, seed) in names.items()}
    lines = choices.ladder_table(results, "mnist-7")[2:]
    assert "| 1 diverged |" in lines[1] and "| 1 diverged |" in lines[2] and "| no run yet |" in lines[3]
    assert choices.runs_of(results, "mnist-7", "ladder", "1-") == []


def test_what_was_run_with_other_settings_is_not_taken_for_the_row(started, tmp_path, capsys):
    runner.main(["freeze", "mnist-2"])
    job, other = Job("mnist-2", 20), Job("mnist-2", 21).config.to_json()
    folder, result = tmp_path / "runs" / job.stem, record.result_path(job)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(other)
    assert row(tmp_path, "mnist-2") == 2 and not started[0]
    assert "config.json has other settings than mnist-2-s20 has now; move it away" in capsys.readouterr().out
    (folder / "config.json").unlink()
    result.parent.mkdir()
    result.write_text(json.dumps({"settings": json.loads(other)}))
    assert row(tmp_path, "mnist-2") == 2 and not started[0]


def test_a_seed_that_no_row_reports_is_refused(started, tmp_path, capsys):
    """It would be tested, and be one of those whose mean is reported."""
    for job, reason in (
        (Job("mnist-7", 25), "its seeds are 20 to 24"),
        (Job("mnist-2", 23), "its seeds are 20 to 22"),
        (Job("mnist-conv", 20), "it is not run again"),
    ):
        assert driver.run(job, tmp_path) == 2 and not started[0]  # as alone, so of several and on a cluster
        assert reason in capsys.readouterr().out


def test_a_row_that_is_none_is_refused(capsys):
    for words in (["row", "mnist-70"], ["freeze", "other/mnist-7"], ["row", "paper/mnist-2"]):
        with pytest.raises(SystemExit) as end:
            runner.main(words)
        assert end.value.code == 2
    assert "there is no row 'mnist-70'" in capsys.readouterr().err


# ---- the paper's recipe, and the ladder ----


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Results of all draws and trials: the third draw and, on each rung, the largest rate are the best."""
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    results = {}

    def keep(jobs, best):
        for i, job in enumerate(jobs):
            path = record.result_path(job).with_suffix(".jsonl")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{{"val_error": {0.1 if i in best else 0.2}}}\n')
            results[job.stem] = {}

    for name in paper.HEADLINES.values():
        keep(ladder.draws(name), {2})
    for name in ladder.LADDERS:
        keep(ladder.trials(name, results), set(range(2, 27, 3)))
    return results


def test_the_paper_s_recipe_is_the_paper_s_with_the_best_draw(tried):
    for name in paper.HEADLINES.values():
        config, ours, best = ladder.paper_job(name, 20, tried).config, recipe(name), ladder.draws(name)[2]
        assert (config.optimiser, config.momentum, config.batch_size, config.rollouts) == ("sgd", 0.9, 20, 1)
        assert (config.reward, config.reward_steps, config.label_steps) == ("correct", "last", "last")
        assert (config.baseline, config.flow, config.location_units) == ("learned", ("label",), 0)
        assert (config.start, config.final_std) == ("uniform", 1)
        assert (config.final_rate, config.annealing) == (0, "linear")
        assert config.weight_decay == config.weight_average == config.curriculum == 0
        assert (config.glimpses, config.task, config.scales) == (ours.glimpses, ours.task, ours.scales)
        assert all(getattr(config, key) == getattr(best.config, key) for key in ladder.RANGES)
        # As much processor time as ours, to half an epoch; the draws an eighth of it, but where they were there first.
        assert abs(config.epochs * relative(name, 0) - ours.epochs) <= relative(name, 0) / 2 + 1e-9
        assert best.config.epochs == 15 if name == "mnist-7" else abs(8 * best.config.epochs - config.epochs) <= 8
    with pytest.raises(InputError, match="lacks 12 of 12 draws"):
        ladder.paper_job("mnist-7", 20, {})


def test_draws_are_twelve_and_spread_over_their_ranges():
    jobs = ladder.draws("mnist-7")
    assert len(jobs) == 12 and {job.seed for job in jobs} == {10}
    for key, (low, high) in ladder.RANGES.items():
        values = sorted(getattr(job.config, key) for job in jobs)
        middle = (low * high) ** 0.5
        assert len(set(values)) == 12 and low <= values[0] and values[-1] <= high
        assert values[2] < middle < values[-3]  # three of twelve at least on either side of the middle
    assert not any(job.tested for job in jobs)


def test_the_ladder_leads_from_the_paper_s_recipe_to_ours(tried):
    assert len(ladder.RUNGS) == 8
    taken = [setting for _, settings in ladder.RUNGS.values() for setting in settings]
    assert len(taken) == len(set(taken)) and set(taken) == set(ladder.PAPER) - {"momentum", "final_rate"} | {
        "std",
        "location_weight",
    }
    for name in ladder.LADDERS:
        ours = recipe(name)
        jobs = ladder.climbs(name, [20], tried)
        bottom, *_, top = [job.config for job in jobs]
        theirs = ladder.paper_job(name, 20, tried).config
        free = {"learning_rate": 1, "epochs": 1, "seed": 0}
        assert bottom.changed(free) == theirs.changed(free) and top.changed(free) == ours.changed(free)
        assert top.learning_rate == pytest.approx(3 * ours.learning_rate)  # the best of the trials
        for job, rung in zip(jobs, ("paper", *ladder.RUNGS)):
            assert job.name.rpartition("-")[0].endswith(rung) and job.kind == "ladder"
            one = relative(name, int(job.name[0])) / ours.epochs  # an epoch's share
            assert abs(job.config.epochs * one - 1 / 4) <= one / 2 + 1e-12
    with pytest.raises(InputError, match="has not been tried"):
        ladder.climbs("mnist-7", [20], {stem: r for stem, r in tried.items() if not stem.startswith("ladder")})


def test_what_an_epoch_costs_is_measured_once(tmp_path, monkeypatch):
    """Each rung in turn, so that what slows the machine slows all; the ratio is the median of the rounds'."""
    measured, path = [], tmp_path / "costs.jsonl"
    configs = ladder.measured("mnist-7")
    assert list(configs) == [*range(9)] and configs[8] == recipe("mnist-7")
    assert [*ladder.measured("translated-60-8")] == [0, 8] and configs[0].optimiser == "sgd"
    assert configs[3].label_steps == "every" and configs[3].reward_steps == "last" == configs[2].label_steps

    def seconds(config):
        measured.append(config)
        slow = 1 + (len(measured) > 18)  # the third round
        return slow * (4.0 if config == configs[8] else 1.0 + len(measured) % 9)

    monkeypatch.setattr(cost, "epoch_seconds", seconds)
    with pytest.raises(InputError, match=r"has not been measured; do it with: run.py cost mnist-7"):
        cost.relative("mnist-7", 0, path)
    line = cost.measure("mnist-7", configs, path)
    assert measured == 3 * [*configs.values()] and line["seconds"]["0"] == [2, 2, 4]
    assert cost.relative("mnist-7", 0, path) == 0.5 and cost.relative("mnist-7", 8, path) == 1
    with pytest.raises(InputError, match="lengths of trainings follow from it"):
        cost.measure("mnist-7", configs, path)
    with pytest.raises(InputError, match="translated-60-8 costs has not been measured"):
        cost.relative("translated-60-8", 0, path)


def test_seconds_of_an_epoch_are_those_of_its_steps_and_its_validation(monkeypatch):
    asked = []
    found = {"total_ms": 2.0, "evaluate_s": 3.0}  # of 10,000 test images
    monkeypatch.setattr(cost.bench, "measure", lambda config, repeats: asked.append(repeats) or found)
    config = recipe("mnist-7").changed(batch_size=20)
    assert cost.epoch_seconds(config) == 2750 * 2 / 1000 + 3 / 2 and asked == [320]


def test_a_level_is_the_mean_of_the_last_epochs():
    epochs = [{"val_error": float(e)} for e in range(40, 0, -1)]
    assert record.level(epochs) == 5.5 and record.level(epochs[:8]) == 33.5 and record.level(epochs[:1]) == 40


# ---- status, verify, the page ----


def test_status_lists_what_is_missing_in_the_order_of_running():
    text = "\n".join(status.status({}))
    places = [text.index(part) for part in ("1. Headlines", "   quick:", "2. The paper's", "3. The agent's", "4. Abl")]
    assert places == sorted(places)
    assert "mnist-7: 0 of 5 seeds" in text and "draws/mnist-7: 0 of 12" in text and "ablations/quick: 0 of 90" in text
    done = {Job("mnist-7", seed).stem: {} for seed in range(20, 25)}
    assert re.search(r"^   mnist-7: 5 of 5 seeds, [\w -]*$", "\n".join(status.status(done)), re.M)


class Short(Job):
    """A row that is trained in a second."""

    config = SHORT.changed(seed=20)


def test_verify_finds_the_same_bits_or_names_what_is_not_as_it_was(tmp_path, monkeypatch):
    d, job = dataset(), Short("mnist-2", 20)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(record, "data_of", lambda data, n_val: d)
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger.jsonl")
    with pytest.raises(InputError, match="no result to verify"):
        verify.verify(job, d)
    train(Short.config, tmp_path / "run", dataset=d)
    path = record.finish(job, tmp_path / "run", "f")
    same, lines = verify.verify(job, d)
    assert same and lines == ["mnist-2-s20: the first epoch again, the same bits"]

    # Another kernel alone changes no bit here, but it is named.
    stored = json.loads(path.read_text())
    stored["segments"][0]["kernel"] = "Pentium"
    stored["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(stored))
    same, lines = verify.verify(job, d)
    assert same and any("kernel: was Pentium" in line for line in lines) and any("numpy: was 1.0" in s for s in lines)

    # Other images change bits, and are named.
    other = dataset(seed=1)
    same, lines = verify.verify(job, other)
    assert not same and "other bits in loss" in lines[0] and any("  data: was" in line for line in lines)

    # A recipe that has changed since: the run is repeated as it was, and the setting is named.
    monkeypatch.setattr(Short, "config", SHORT.changed(seed=20, std=0.2))
    same, lines = verify.verify(job, d)
    assert same and "  setting std: was 0.1, is 0.2" in lines
    assert Config.from_dict(stored["settings"]).std == 0.1


def test_the_page_s_commands_parse(monkeypatch):
    parsed = []
    monkeypatch.setattr(runner, "execute", parsed.append)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    python tutorials/tables/run.py ([^#\n]*)", page, re.M):
        runner.main(line.split())
    commands = {args.command for args in parsed}
    assert commands == {
        "freeze",
        "row",
        "trial",
        "all",
        "ablation",
        "cost",
        "draws",
        "ladder",
        "verify",
        "pretrain",
        "table",
        "status",
    } | {"habit", "sweep"}
    assert {args.recipe for args in parsed if args.command == "ablation"} <= set(ABLATED)


# ---- on a cluster ----


def test_a_cluster_runs_the_same_rows_and_they_are_tested_here(tmp_path, monkeypatch, capsys):
    """With a cluster that is this process; the real one was tried by hand, as the page says."""
    d = dataset()
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(record, "data_of", lambda data, n_val: d)
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger.jsonl")
    monkeypatch.setattr(ledger, "FROZEN", tmp_path / "frozen.jsonl")
    monkeypatch.setattr(ledger, "committed", lambda path: path.read_text())
    monkeypatch.setattr(ledger, "code", lambda: {"commit": 40 * "a", "sources": "b"})
    monkeypatch.setattr("minram.training.train.load_data", lambda config: d)
    uploaded, answers = [], {}

    class Client:
        def __init__(self, address):
            assert address == "tcp://there:8786"

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def upload_file(self, path):
            uploaded.append(Path(path).name)

        def submit(self, function, *arguments, key, **options):
            answers[key] = function(*arguments)
            return Answer(answers[key])

    class Answer:
        def __init__(self, answer):
            self.result = lambda: answer

    fake = types.ModuleType("dask.distributed")
    fake.Client, fake.as_completed = Client, list
    monkeypatch.setitem(sys.modules, "dask", types.ModuleType("dask"))
    monkeypatch.setitem(sys.modules, "dask.distributed", fake)
    job, none = Short("mnist-2", 20), Short("mnist-3", 20)
    ledger.freeze("mnist-2", Short.config)
    assert cluster.run_on("tcp://there:8786", [job, none], tmp_path / "runs") == 2
    assert uploaded == ["ledger.py", "cluster.py"] and list(answers) == ["mnist-2-s20"]
    assert "mnist-3-s20: mnist-3 is not frozen" in capsys.readouterr().out
    r = json.loads((tmp_path / "results" / "mnist-2-s20.json").read_text())
    assert r["mean"]["test_error"] == ledger.read(ledger.LEDGER)[0]["errors"]["mean"]
    answers.clear()
    assert cluster.run_on("tcp://there:8786", [job], tmp_path / "runs") == 0 and not answers  # it is there
    monkeypatch.setattr(cluster, "train_there", lambda settings, folder: ("other sources", {}))
    job = Short("mnist-2", 20, {}, "none", "ablations")
    assert cluster.run_on("tcp://there:8786", [job], tmp_path / "runs") == 1
    assert "the worker has another minram" in capsys.readouterr().out and not record.result_path(job).exists()


IN_THE_BACKGROUND = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what a script starts with &
import driver

def run(job, runs, workers, running, quiet):
    running.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
    driver.say(job)
    return running[-1].wait()

driver.run = run
sys.exit(driver.run_all(["one", "two", "three"], "runs", 2))
"""


SLOW_TO_BEGIN = """
class Pool(driver.ThreadPoolExecutor):
    def submit(self, f, job, *more):
        if job == "three":
            time.sleep(600)
        return super().submit(f, job, *more)

driver.ThreadPoolExecutor = Pool
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("early", [False, True])
def test_a_signal_stops_all_that_runs_and_begins_no_more(number, early):
    """Also one that comes while the runs are being begun."""
    text = IN_THE_BACKGROUND
    if number == signal.SIGINT:  # which is Ctrl-C, in a terminal
        text = text.replace("signal.SIG_IGN", "signal.default_int_handler")
    if early:
        text = text.replace("driver.run = run", SLOW_TO_BEGIN + "driver.run = run")
    process = subprocess.Popen([sys.executable, "-c", text], cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    try:
        begun = {process.stdout.readline() for _ in range(2)}
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert begun == {"one\n", "two\n"} and rest == "" and process.returncode == 130
