"""The driver of the paper's tables: which runs it starts, goes on with, keeps, and refuses."""

import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import paper  # noqa: E402
import record  # noqa: E402
import run as runner  # noqa: E402
from jobs import ABLATED, Job  # noqa: E402

RESULT = {"epoch": 3, "val_error": 0.02, "seconds": 90.0, "n_test": 10_000, "mean": 1, "sampled": 2, "average_10": 3}


def test_all_runs_every_row_and_some_three_times_and_skips_what_is_there(monkeypatch):
    jobs = runner.all_jobs()
    assert len(set(jobs)) == len(jobs) == len(paper.ROWS) + 2 * len(paper.THRICE)
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    assert {job.recipe for job in jobs if job.seed == 2} == set(paper.THRICE) > set(paper.HEADLINES.values())
    monkeypatch.setattr(runner.subprocess, "Popen", None)
    for r in record.load_results().values():
        job = ABLATED[r["recipe"]].job(r["ablation"], r["seed"]) if "ablation" in r else Job(r["recipe"], r["seed"])
        assert runner.run(job, [], quiet=True) == 0


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """The commands that the driver starts, in folders of its own, and how they end: `codes` has the exit code of the
    n-th, 0 if it has none, and under "job" what they have trained."""
    started, codes = [], {}

    class Process:
        def __init__(self, command, **options):
            assert options["env"].items() >= runner.ONE_THREAD.items()
            started.append(command[command.index("minram") + 1 :])

        def wait(self):
            folder, job = Path(started[-1][-1]), codes["job"]
            if not codes.get(len(started)):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "config.json").write_text(job.config.to_json())
                (folder / "metrics.jsonl").write_text("")
                (folder / "result.json").write_text(json.dumps(RESULT))
            return codes.get(len(started), 0)

    monkeypatch.setattr(runner.subprocess, "Popen", Process)
    monkeypatch.setattr(runner, "rebuild", lambda: None)
    monkeypatch.setattr(runner.signal, "signal", lambda number, handler: None)  # or other tests would have it too
    monkeypatch.setattr(record, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(runner, "collect", lambda folder: record.collect(folder, tmp_path / "results"))
    return started, codes


def test_a_row_begins_goes_on_and_is_kept_once(driver, tmp_path):
    started, codes = driver
    codes |= {"job": Job("mnist-2", 1), 1: 130}
    assert runner.main(["row", "mnist-2", "--seed", "1"]) == 130  # stopped
    folder = tmp_path / "runs" / "mnist-2-s1"
    assert started == [["train", "mnist-2", "--set", "seed=1", "--out", str(folder)]]
    folder.mkdir(parents=True)
    (folder / "last.npz").touch()
    for _ in range(2):  # the second time it is there
        assert runner.main(["row", "mnist-2", "--seed", "1"]) == 0
        assert started[1:] == [["train", "--resume", "--out", str(folder)]]
    assert (tmp_path / "results" / "mnist-2-s1.json").exists()


def test_an_ablation_is_a_shorter_run_with_its_change(driver, tmp_path):
    started, codes = driver
    codes["job"] = ABLATED["mnist-2"].job("centre")
    assert runner.main(["ablation", "mnist-2", "centre", "--jobs", "1"]) == 0
    folder = tmp_path / "runs" / "ablations" / "mnist-2" / "centre-s0"
    shorter = ["epochs=40", "weight_decay=0", "start=centre", "seed=0"]
    assert started == [["train", "mnist-2", "--set", *shorter, "--out", str(folder)]]
    assert (tmp_path / "results" / "ablations" / "mnist-2" / "centre-s0.json").exists()


def test_what_was_run_with_other_settings_is_not_taken_for_the_row(driver, tmp_path, capsys):
    started, _ = driver
    job, other = Job("mnist-2"), Job("mnist-2", 1).config.to_json()
    folder, result = record.places(job)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(other)
    assert runner.main(["row", "mnist-2"]) == 2 and not started
    assert "config.json has other settings than the recipe has now; move it away" in capsys.readouterr().out
    (folder / "config.json").unlink()
    result.parent.mkdir()
    result.write_text(json.dumps({"settings": json.loads(other)}))
    assert runner.main(["row", "mnist-2"]) == 2 and not started


def test_the_page_s_commands_parse(monkeypatch):
    parsed = []
    monkeypatch.setattr(runner, "execute", parsed.append)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    python tutorials/tables/run.py ([^#]*)", page, re.M):
        runner.main(line.split())
    assert {args.command for args in parsed} == {"row", "all", "ablation", "table"}
