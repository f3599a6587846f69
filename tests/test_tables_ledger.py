"""The ledger of looks at the test set only grows; recipes are frozen before reported seeds; a run is tested once."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minram.errors import InputError
from minram.training.config import Config
from minram.training.run import load_params
from minram.training.train import train
from tiny import SHORT, dataset

FOLDER = Path(__file__).resolve().parent.parent / "tutorials" / "tables"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import ledger  # noqa: E402
import paper  # noqa: E402
import record  # noqa: E402
import recover  # noqa: E402
import table  # noqa: E402
from minram.training.jobs import Job  # noqa: E402

LINES = ledger.read(ledger.LEDGER)
RECOVERED = [line for line in LINES if "recovered" in line]
ERRORS = ("mean", "sampled", "average_10")


class Stop(BaseException):
    """Like a Ctrl-C, but one that ends no test run."""


def stopped(*arguments):
    raise Stop


# ---- the ledger as it is ----


def test_the_recovered_part_is_what_the_history_held():
    text = "".join(ledger.LEDGER.read_text(encoding="utf-8").splitlines(True)[: len(RECOVERED)])
    assert len(RECOVERED) == 92 and LINES[:92] == RECOVERED
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "464ba0d80ab05f501fcbae0e534fae46bbcc2524dcfe6dc7ee89f4c5ab72454f"
    )


def test_lines_are_whole_and_in_order_of_date():
    assert [line["date"] for line in LINES] == sorted(line["date"] for line in LINES)
    for line in LINES:
        known = {"date", "commit", "row", "seed", "settings", "weights", "n", "errors"}
        assert set(line) - {"recovered"} == known
        assert line["n"] == 10_000 and {"mean"} <= set(line["errors"]) <= set(ERRORS)
        assert all(error == round(error * 10_000) / 10_000 for error in line["errors"].values())
        assert len(line["commit"]) == 40 and len(line["settings"]) == 16 == len(line["weights"] or 16 * "-")
        assert "recovered" in line or (line["seed"] >= ledger.FIRST and line["weights"])


def test_frozen_recipes_are_whole_and_in_order_of_date():
    lines = ledger.read(ledger.FROZEN)
    assert [line["date"] for line in lines] == sorted(line["date"] for line in lines)
    for line in lines:
        assert set(line) == {"date", "row", "digest", "settings"} and "seed" not in line["settings"]
        assert line["digest"] == ledger.settings_digest(line["settings"])
        Config.from_dict(line["settings"])


def test_every_stored_result_has_its_line():
    found = {(line["row"], line["seed"], line["settings"], json.dumps(line["errors"])) for line in LINES}
    results = record.load_v1() | record.load_results()
    tested = {stem: r for stem, r in results.items() if "mean" in r}
    assert len(tested) >= 36
    for stem, r in tested.items():
        row = f"paper/{r['recipe']}" if r.get("kind") else r["recipe"]
        digest = r["digests"]["settings"] if "digests" in r else ledger.settings_digest(r["settings"])
        errors = {way: r[way]["test_error"] for way in ERRORS if way in r}
        assert (row, r["seed"], digest, json.dumps(errors)) in found, stem


def test_no_reported_run_was_tested_twice():
    keys = [(line["row"], line["seed"]) for line in LINES if "recovered" not in line]
    assert len(keys) == len(set(keys))


def test_the_page_tells_what_happened():
    """Of 20 rows an earlier result was replaced after its test error was known; six were tested once a seed."""
    rows = {row.recipe for row in paper.ROWS}
    looks = {}
    for line in RECOVERED:
        if not line["recovered"].endswith(".npz") and line["row"] in rows:
            looks.setdefault((line["row"], line["seed"]), []).append(line["settings"])
    replaced = {row for (row, _), digests in looks.items() if len(set(digests)) > 1}
    once = {f"{task}-{n}" for task in ("translated-60", "cluttered-100") for n in (4, 6, 8)}
    assert rows - replaced == once and len(replaced) == 20
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "20 of the 26 rows" in page and "`mnist-7` with seed 0 went 1.68 → 0.98 → 0.97 → 0.78 %" in page
    assert "| mnist-7 | 0: 1.68 → 0.98 → 0.97 → 0.78; " in "\n".join(table.looks_table(RECOVERED))


def test_the_history_still_gives_the_recovered_part():
    """Where there is a history; an sdist and a shallow clone have none."""
    if not ledger.git("cat-file", "-t", RECOVERED[0]["commit"]):
        pytest.skip("no history")
    assert list(recover.looks())[:92] == RECOVERED


def test_the_first_protocol_s_page_shows_its_results():
    page = (record.RESULTS / "v1" / "README.md").read_text(encoding="utf-8")
    v1 = record.load_v1()
    for row in paper.ROWS:
        runs = [r for r in v1.values() if r["recipe"] == row.recipe and "ablation" not in r]
        seeds = ", ".join(f"{r['seed']}: {100 * r['mean']['test_error']:.2f}" for r in runs)
        assert f"| {seeds} |" in page, row


# ---- writing it ----


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A ledger, frozen recipes and results of its own; what is frozen counts as committed."""
    for module, name, path in (
        (ledger, "LEDGER", "ledger.jsonl"), (ledger, "FROZEN", "frozen.jsonl"), (record, "RESULTS", "results")
    ):  # fmt: skip
        monkeypatch.setattr(module, name, tmp_path / path)
    monkeypatch.setattr(ledger, "committed", lambda path: path.read_text() if path.exists() else "")
    monkeypatch.setattr(ledger, "code", lambda: {"commit": 40 * "a", "sources": "b"})
    return tmp_path


def test_a_recipe_is_frozen_before_and_not_after(files, monkeypatch):
    job, other = Job("mnist-2", 20), Job("mnist-2", 20, {"std": 0.77})
    with pytest.raises(InputError, match="mnist-2 is not frozen; tune it"):
        ledger.require_frozen("mnist-2", job.config)
    line = ledger.freeze("mnist-2", Job("mnist-2", 3).config)
    assert line["digest"] == record.digest(job.config) != record.digest(other.config)
    assert ledger.freeze("mnist-2", job.config) == line and len(ledger.read(ledger.FROZEN)) == 1  # once is enough
    assert ledger.require_frozen("mnist-2", job.config) == line["digest"]
    with pytest.raises(InputError, match=r"frozen on .* with other settings"):
        ledger.require_frozen("mnist-2", other.config)
    with pytest.raises(InputError, match="reported seeds begin at 20, but this is 19"):
        ledger.require_frozen("mnist-2", Job("mnist-2", 19).config)
    ledger.freeze("mnist-2", other.config)  # before a test, as often as one likes; the last line counts
    assert ledger.require_frozen("mnist-2", other.config) == record.digest(other.config)
    monkeypatch.setattr(ledger, "committed", lambda path: "")
    with pytest.raises(InputError, match="not in the last commit"):
        ledger.require_frozen("mnist-2", other.config)
    ledger.append(ledger.LEDGER, {"row": "mnist-2", "seed": 20})
    with pytest.raises(InputError, match=r"was tested on .* not changed because of a test figure"):
        ledger.freeze("mnist-2", job.config)


def test_a_later_setting_does_not_thaw_a_recipe(files):
    """A setting that came after the freeze has its default in the frozen recipe, as runs of that time had."""
    config = Job("mnist-2", 20).config
    line = ledger.freeze("mnist-2", config)
    del line["settings"]["learn_std"]
    ledger.FROZEN.write_text(json.dumps(line) + "\n")
    assert ledger.require_frozen("mnist-2", config) == line["digest"]


class Short(Job):
    """A row that is trained in a second."""

    config = SHORT.changed(seed=20)


@pytest.fixture
def finished(files, monkeypatch):
    """A finished run of a row, and how often anything was evaluated on test images."""
    d, looks = dataset(), []
    monkeypatch.setattr(record, "data_of", lambda data, n_val: d)
    evaluate = record.evaluate

    def counted(params, config, images, labels, *arguments):
        looks.append(1) if images is d.x_test else None
        return evaluate(params, config, images, labels, *arguments)

    monkeypatch.setattr(record, "evaluate", counted)
    train(Short.config, files / "run", dataset=d)
    return Short("mnist-2", 20), files / "run", looks, d


def test_a_run_is_tested_once_and_its_outcomes_are_kept(finished):
    job, folder, looks, d = finished
    path = record.finish(job, folder, "0123456789abcdef")
    r = json.loads(path.read_text())
    assert len(looks) == 3 and len(path.with_suffix(".jsonl").read_text().splitlines()) == SHORT.epochs
    params, config, about = load_params(folder / "best.npz")
    wrong = record.evaluate(params, config, d.x_test, d.y_test).wrong
    looks.clear()
    assert r["mean"]["by_glimpse"] == wrong.mean(axis=1).tolist() and r["n_test"] == 10
    np.testing.assert_array_equal(record.outcomes([r]), [wrong[-1]])
    assert record.outcomes([r], "validation").mean() == r["val_error"] == about["val_error"]
    assert r["digests"] == {"settings": "0123456789abcdef", "weights": ledger.weights_digest(params)}
    assert r["segments"][0]["workers"] == 1 and {"processor", "kernel", "threads"} <= set(r["segments"][0])
    (line,) = ledger.read(ledger.LEDGER)
    errors = {way: r[way]["test_error"] for way in ERRORS}
    expected = {"commit": 40 * "a", "row": "mnist-2", "seed": 20, **r["digests"], "n": 10, "errors": errors}
    assert {name: value for name, value in line.items() if name != "date"} == expected
    before = path.read_text()
    assert record.finish(job, folder, "0123456789abcdef") == path and path.read_text() == before
    path.unlink()  # lost: it is written again, from what the folder keeps
    record.finish(job, folder, "0123456789abcdef")
    assert path.read_text() == before and not looks and len(ledger.read(ledger.LEDGER)) == 1


def test_a_test_that_was_not_written_down_is_not_taken_again(finished, monkeypatch):
    job, folder, looks, _ = finished
    with monkeypatch.context() as m:
        m.setattr(ledger, "append", stopped)
        with pytest.raises(Stop):
            record.finish(job, folder, "f")
    assert len(looks) == 3 and not ledger.read(ledger.LEDGER)
    record.finish(job, folder, "f")
    assert len(looks) == 3 and len(ledger.read(ledger.LEDGER)) == 1


def test_the_same_row_and_seed_in_another_folder_is_not_tested(finished, files):
    job, folder, looks, d = finished
    record.finish(job, folder, "f").unlink()
    train(Short.config, files / "again", dataset=d)
    looks.clear()
    with pytest.raises(InputError, match=r"mnist-2-s20 was tested on .* a run is tested once"):
        record.finish(job, files / "again", "f")
    assert not looks and not record.result_path(job).exists()


def test_what_is_not_a_row_is_not_tested(finished):
    _, folder, looks, _ = finished
    job = Short("mnist-2", 20, {}, "none", "ablations")
    r = json.loads(record.finish(job, folder).read_text())
    assert not looks and "mean" not in r and set(r["wrong"]) == {"validation"} and not ledger.LEDGER.exists()
    assert (r["kind"], r["name"]) == ("ablations", "none")


def test_a_folder_with_another_run_or_an_unfinished_one_is_refused(finished, files):
    job, folder, _, _ = finished
    with pytest.raises(InputError, match="holds no finished run"):
        record.finish(job, files / "nothing")
    with pytest.raises(InputError, match="other settings than mnist-3-s20 has"):
        record.finish(Job("mnist-3", 20), folder)


def test_outcomes_are_packed_without_loss():
    wrong = np.random.default_rng(0).random(10_000) < 0.3
    text = record.packed(wrong)
    assert len(text) == 1668  # 1250 bytes, four letters for three
    np.testing.assert_array_equal(record.unpacked(text, 10_000), wrong)


def test_the_code_is_found_by_its_sources(tmp_path):
    if not ledger.git("rev-parse", "HEAD"):
        pytest.skip("no history")
    commit = ledger.git("log", "--format=%H", "-1", "--", "../../minram").strip()
    archive = subprocess.run(["git", "archive", commit, "minram"], cwd=FOLDER.parents[1], capture_output=True)
    subprocess.run(["tar", "x", "-C", str(tmp_path)], input=archive.stdout, check=True)
    found = ledger.code(tmp_path / "minram")
    assert found["commit"] == commit
    with open(tmp_path / "minram" / "ops.py", "a") as file:
        file.write("# changed\n")
    changed = ledger.code(tmp_path / "minram")
    assert changed["commit"] is None and changed["sources"] != found["sources"]
