"""metrics.jsonl is read back without trust, and written again from the checkpoint where it is damaged."""

import json
import os

import numpy as np
import pytest

from minram.errors import InputError
from minram.pictures import figures, show
from minram.training import train
from minram.training.metrics import check_metrics, read_metrics
from tiny import SHORT, dataset

DATA = dataset()
LINE = {"epoch": 1, "loss": 1.0, "error": 0.5, "reward": -0.5, "advantage_square": 0.2, "baseline_error": 0.1}
LINE |= {"seconds": 1.5}
VALIDATED = {"val_error": 0.25, "val_errors": [0.5, 0.25]}


def test_sound_metrics_pass():
    check_metrics([])
    check_metrics([LINE, LINE | {"epoch": 2} | VALIDATED, LINE | {"epoch": 3}])
    check_metrics([LINE | {"std": [0.1, 20.0], "class_errors": [0.0, None, 1.0]}, LINE | {"epoch": 2, "std": []}])
    for value in (0.0, 1.0):
        check_metrics([LINE | dict.fromkeys(SHARES + SIZES, value)])
    check_metrics([LINE | dict.fromkeys(SIZES, 2.0**127)])
    check_metrics([LINE | {"error": 1 + 5e-7, "loss": -3.0, "reward": -1e38}])  # a mean of shares may be so much above


HUGE = 2.0**129
SHARES = ("outside", "dead", "coverage", "balanced_error", "majority_error")  # of the diagnosis
SIZES = ("spread_images", "spread_steps", "entropy")
BAD = {
    **{f"{name} is {value!r}": {name: value} for name in LINE for value in (None, "1", [], True, float("nan"), HUGE)},
    **{f"{name} is -1": {name: -1.0} for name in ("error", "advantage_square", "baseline_error", "seconds")},
    **{f"{name} is {value}": {name: value} for name in SHARES for value in (-0.1, 1.1, None, 1, "0.5")},
    **{f"{name} is {value}": {name: value} for name in SIZES for value in (-0.1, HUGE, None, 1, "0.5")},
    **{f"std is {value}": {"std": value} for value in (0.1, None, [-0.1], [0.1, None], [HUGE], ["0.1"], [1])},
    **{f"class_errors are {value}": {"class_errors": value} for value in (0.1, None, [-0.1], [1.1], ["0.1"], [1])},
    "the second epoch": {"epoch": 2},
    "an epoch of 1.0": {"epoch": 1.0},
    "an error of 1.1": {"error": 1.1},
    "no errors after each glimpse": {"val_error": 0.5},
    "no error after the last": {"val_errors": [0.5]},
    "an error below 0": VALIDATED | {"val_error": -0.1},
    "one of them above 1": VALIDATED | {"val_errors": [0.5, 1.5]},
    "one of them text": VALIDATED | {"val_errors": ["x"]},
    "a number for a list": VALIDATED | {"val_errors": 0.5},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_metrics_that_no_training_can_have_left_are_refused(change):
    with pytest.raises(ValueError):
        check_metrics([LINE | change])


def test_a_number_may_be_a_rounding_of_1e_6_above_its_range_and_nothing_below():
    for error, sound in (
        (0.0, True),
        (1 + 1e-6, True),
        (np.nextafter(0, -1), False),
        (np.nextafter(1 + 1e-6, 2), False),
    ):
        changed = LINE | {"error": float(error)}
        if sound:
            check_metrics([changed])
        else:
            with pytest.raises(ValueError, match="error in line 1 is not a number from 0 to 1"):
                check_metrics([changed])


@pytest.mark.parametrize("records", [None, {}, "x", [None], [[1]], [LINE, LINE], [VALIDATED]])
def test_metrics_are_a_list_of_epochs(records):
    with pytest.raises(ValueError):
        check_metrics(records)
    with pytest.raises(ValueError):
        other = VALIDATED | {"val_errors": [0.25]}
        check_metrics([LINE | VALIDATED, LINE | other | {"epoch": 2}])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    train.train(SHORT.changed(validate_every=2), folder, dataset=DATA)
    return folder


def test_a_run_reads_what_it_wrote(finished):
    records = read_metrics(finished)
    assert records == [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]


DAMAGED = {
    "nonsense": b"nonsense\n",
    "a list": b"[1]\n",
    "null": b"null\n",
    "bad UTF-8": b"\xff\xfe\n",
    "nested": b"[" * 100_000,
    "an infinite number": b'{"epoch": 1, "loss": 1e999}\n',
    "a long number": b"9" * 10_000,
    "nothing": None,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_metrics_are_one_sentence_and_a_resume_writes_them_again(tmp_path, finished, content):
    for path in finished.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "metrics.jsonl"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        show.training_figures(tmp_path, DATA)
    assert "metrics.jsonl" in str(caught.value) and "\n" not in str(caught.value)
    train.train(SHORT.changed(validate_every=2), tmp_path, True, dataset=DATA)
    assert path.read_bytes() == (finished / "metrics.jsonl").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="POSIX only")
def test_pipes_and_devices_in_the_place_of_metrics_are_one_sentence(tmp_path, finished):
    for i, make in enumerate((os.mkfifo, lambda path: os.symlink("/dev/zero", path))):
        folder = tmp_path / str(i)
        folder.mkdir()
        for path in finished.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "metrics.jsonl").unlink()
        make(folder / "metrics.jsonl")
        with pytest.raises(InputError, match="regular file"):
            read_metrics(folder)
        with pytest.raises(InputError, match="regular file"):
            train.train(SHORT.changed(validate_every=2), folder, True, dataset=DATA)


def test_whatever_is_accepted_can_be_drawn():
    rng, kinds = np.random.default_rng(0), [0.0, 1.0, 1e-300, 3e38, -3e38, 0.5]
    for _ in range(20):
        records = []
        for epoch in (1, 2):
            record = {"epoch": epoch} | {name: float(rng.choice(kinds)) for name in LINE if name != "epoch"}
            record |= VALIDATED if rng.random() < 0.5 else {}
            try:
                check_metrics([*records, record])
            except ValueError:
                record = LINE | {"epoch": epoch}
            records.append(record)
        figures.learning_curves(records).canvas.draw()
