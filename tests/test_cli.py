import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minram.command import cli, commands
from minram.errors import InputError
from minram.gradcheck import network
from minram.gradcheck.report import Report, Row
from minram.pictures import show
from minram.training import evaluate as evaluation
from minram.training.recipes import RECIPES
from minram.training.run import newest
from runs import outcome, save_untrained, save_whole
from tiny import SHORT, dataset, save_npz
from tiny import WORDS as SETTINGS

WORDS = [*SETTINGS, "background=0"]  # for these images, of noise, another is proposed

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def no_figures(folder, dataset, say):
    """Drawing takes seconds and has its own tests."""
    for name in ("paths.png", "curves.png"):
        (folder / name).touch()
    return [folder / "curves.png"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with a small data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(show, "training_figures", no_figures)
    save_npz(tmp_path / "d.npz", dataset())
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    save_npz(folder / "d.npz", dataset())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(show, "training_figures", no_figures)
        assert cli.main(["train", "--data", str(folder / "d.npz"), "--out", str(folder / "run"), "--set", *WORDS]) == 0
    return folder / "run"


def run(*words):
    """An exit code, whether main returns or argparse exits."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as done:
        return done.code


def test_every_command_has_help_with_an_example_that_parses(capsys):
    assert run("--help") == 0
    names = re.findall(r"^    (\w+)\b", capsys.readouterr().out, re.MULTILINE)
    assert names == ["train", "evaluate", "show", "label", "page", "recipes", "gradcheck", "trace", "bench"]
    for name in names:
        assert run(name, "--help") == 0
        example = re.search(r"^Example: minram (.*)$", capsys.readouterr().out, re.MULTILINE)[1]
        assert cli._parser().parse_args(shlex.split(example)).command == name
        assert callable(getattr(commands, f"{name}_command"))


def test_recipes_and_settings_are_listed(capsys):
    assert run("recipes") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RECIPES)
    assert run("train", "--settings") == 0
    assert "learning_rate=" in capsys.readouterr().out


WRONG = [
    ("", "required: command"),
    ("tran", "invalid choice: 'tran'"),
    ("train quikc", "did you mean 'quick'"),
    ("train zzz", "minram recipes lists them"),
    ("train --set epoch=3", "did you mean 'epochs'"),
    ("train --set epochs", "should read key=value"),
    ("train --set epochs=0", "from 1 to 1000000, but it is '0'"),
    ("train --set", "expected at least one argument"),
    ("train --resume", "no run in runs/ with a last.npz"),
    ("train --resume --out none", "none holds no run to resume"),
    ("train --resume quick", "takes all settings from the run"),
    ("train --resume --set epochs=3", "takes all settings from the run"),
    ("train --data none.npz", "none.npz"),
    ("train --data .", "four IDX files"),
    ("train --data text", "Cannot read"),
    ("train --data d.npz --set batch_size=29", "set batch_size=28"),
    ("train --data=", "--data should name one data set"),
    ("train --data d.npz --set data=text", "--data should name one data set"),
    ("train --data d.npz --out text --set batch_size=8", "choose another folder"),
    ("train --data d.npz --out text/run --set batch_size=8", "choose another folder"),
    ("train --data d.npz --set batch_size=8 task=translated canvas=5", "canvas"),
    ("train --data d.npz --set batch_size=8 canvas=9", "set task=translated or cluttered"),
    ("train --data d.npz --set batch_size=8 what_units=100000 where_units=100000 glimpse_units=100000", "parameters"),
    ("evaluate", "no run in runs/ with a best.npz"),
    ("evaluate none", "run folder with a best.npz"),
    ("evaluate text", "Cannot read"),
    ("evaluate d.npz", "not a checkpoint"),
    ("evaluate pretrained:none", "there are pretrained:cluttered-100, pretrained:cluttered-60"),
    ("evaluate RUN --rollouts 0", "whole number from 1 to 10000, but got '0'"),
    ("evaluate RUN --rollouts x", "whole number from 1 to 10000, but got 'x'"),
    ("evaluate RUN --rollouts 99999999999999999999999", "whole number from 1 to 10000"),
    ("evaluate RUN --policy best", "invalid choice: 'best'"),
    ("evaluate RUN --split train", "invalid choice: 'train'"),
    ("evaluate RUN --size 9", "expected HxW such as 60x60, but got '9'"),
    ("evaluate RUN --size 9x9x9", "expected HxW"),
    ("evaluate RUN --size 0x9", "canvas should be one or two whole numbers from 1"),
    ("evaluate RUN --size 5x5", "at least as large as the images"),
    ("evaluate RUN --data none.npz", "none.npz"),
    ("evaluate RUN --data colour.npz", "3 channels"),
    ("evaluate RUN --data classes.npz", "from 0 to 2, the classes of the model"),
    ("show", "no run in runs/ with a best.npz"),
    ("show none", "run folder with a best.npz"),
    ("show RUN --n 0", "whole number from 1"),
    ("show RUN --seed -1", "whole number from 0"),
    ("show RUN --out text", "cannot be made"),
    ("gradcheck --picture check.foo", "a .png, .pdf or .svg in an existing folder"),
    ("bench --picture none/speed.png", "a .png, .pdf or .svg in an existing folder"),
    ("gradcheck --half", "minram gradcheck: unrecognized arguments: --half; see minram gradcheck --help."),
    ("trace --tiny --n 3", "--tiny has images of its own; leave out --n"),
    ("evaluate WHOLE --policy mean", "leave out --policy and --rollouts"),
    ("evaluate WHOLE --rollouts 10", "leave out --policy and --rollouts"),
    ("recipes quick", "minram recipes: unrecognized arguments: quick"),
]


@pytest.mark.parametrize("words, sentence", WRONG, ids=[words for words, _ in WRONG])
def test_wrong_input_is_one_sentence_and_exit_code_2(here, finished, capsys, words, sentence):
    (here / "text").write_text("not a file of numbers")
    save_npz(here / "colour.npz", dataset(shape=(6, 5, 3)))
    save_npz(here / "classes.npz", dataset(classes=4))
    whole = save_whole(here / "whole.npz", SHORT.changed(data=str(here / "d.npz")))
    named, before = {"RUN": str(finished), "WHOLE": str(whole)}, sorted(here.rglob("*"))
    assert run(*[named.get(word, word) for word in words.split()]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.startswith("minram") and error.count("\n") == 1
    assert sorted(here.rglob("*")) == before  # and nothing is left behind


def test_a_second_look_at_the_test_set_is_known_to_be_one(here, finished, capsys):
    def told(*words):
        assert run("evaluate", *words, "--rollouts", "1") == 0
        return capsys.readouterr().out

    shutil.copytree(finished, here / "mine")
    split = ("--split", "test")
    assert "was opened" not in told("mine", *split) + told("mine") + told(here / "mine" / "best.npz")
    assert told("mine", *split).startswith("The test set was opened 1 time before for this run, as looks.jsonl says; ")
    assert told(here / "mine" / "best.npz", *split).startswith("The test set was opened 2 times before")
    lines = [json.loads(line) for line in (here / "mine" / "looks.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and all(line["error"] == lines[0]["error"] and line["date"][:2] == "20" for line in lines)
    (here / "mine" / "config.json").unlink()  # no run's folder
    assert "was opened" not in told("mine", *split)
    assert len((here / "mine" / "looks.jsonl").read_text().splitlines()) == 3


def test_a_model_without_a_name_is_none(here, finished, capsys, monkeypatch):
    monkeypatch.chdir(finished)  # where a best.npz lies
    assert run("evaluate", "") == 2
    assert "'' should be a run folder with a best.npz" in capsys.readouterr().err


def test_the_run_that_goes_on_is_the_newest_that_has_not_ended(here, capsys):
    for i, (name, ended) in enumerate({"first": False, "stopped": False, "ended": True}.items()):
        folder = here / "runs" / name
        folder.mkdir(parents=True)
        (folder / "last.npz").touch()
        os.utime(folder / "last.npz", (1000 + i, 1000 + i))
        if ended:
            (folder / "result.json").touch()
    assert newest("last.npz").name == "ended" and newest("last.npz", without="result.json").name == "stopped"
    assert run("train", "--resume") == 2
    assert os.path.join("runs", "stopped") in capsys.readouterr().err
    for name in ("first", "stopped"):
        (here / "runs" / name / "result.json").touch()
    assert newest("last.npz", without="result.json").name == "ended"  # whose pictures may still be missing


def test_trained_evaluated_and_finished_again(here, finished, capsys):
    assert run("train", "--data", "d.npz", "--set", *WORDS, "seed=1") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Training in {os.path.join('runs', 'quick')}: 3 glimpses, 3 epochs.\nepoch   1/3  loss ")
    assert "\r" not in out and "Pictures: " in out and out.count("images/s") == 3
    folder = here / "runs" / "quick"
    assert (folder / "log.txt").read_text(encoding="utf-8").splitlines() == out.splitlines()[1:4]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    os.chdir(here / "runs")  # data are found from anywhere
    assert run("train", "--out", "quick") == 2
    assert not capsys.readouterr().out  # nothing is said to be trained that is not
    assert run("train", "--resume", "--out", "quick") == 0
    told, again = out.splitlines()[4:], capsys.readouterr().out.splitlines()
    assert again[0] == "The run in quick has ended: 3 glimpses, 3 epochs."
    rate, pictures, hint = (line for line in told if not line.startswith("Diagnosis: "))
    assert rate.startswith("Validation error ") and pictures.startswith("Pictures: ")
    hint = hint.replace(os.path.join("runs", "quick"), "quick")
    assert again[1:] == [line for line in told[:-1] if line != pictures] + [hint]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    os.chdir(here)
    assert run("train", "--data", "d.npz", "--set", *WORDS) == 0
    assert (here / "runs" / "quick-2" / "result.json").exists()
    assert outcome(finished) == outcome_without_path(here / "runs" / "quick-2", finished)


def outcome_without_path(folder, other):
    got, want = outcome(folder), outcome(other)
    for name in ("last.npz", "best.npz"):
        got[name][1]["config"]["data"] = want[name][1]["config"]["data"]
    return got


def test_resume_takes_the_latest_run(here, capsys):
    for name, age in (("a", 30), ("b", 10), ("c", 20)):
        run("train", "--data", "d.npz", "--out", f"runs/{name}", "--set", *WORDS)
        now = time.time()
        os.utime(f"runs/{name}/last.npz", (now - age, now - age))
    capsys.readouterr()
    assert run("train", "--resume") == 0
    assert capsys.readouterr().out.startswith(f"The run in {os.path.join('runs', 'b')} has ended:")


@pytest.mark.parametrize(
    "options, first, lines",
    [
        ("", "6 validation images", 8),
        ("--rollouts 1 --split test", "10 test images", 7),
        ("--policy random --rollouts 3", "6 validation images", 7),
        ("--policy sampled --split validation", "6 validation images", 8),
        ("--size 9x8 --rollouts 2 --split test", "10 test images", 8),
    ],
)
def test_evaluate(finished, capsys, options, first, lines):
    assert run("evaluate", finished, *options.split()) == 0
    told = capsys.readouterr().out.splitlines()
    out, classes = told[: told.index("By class:")], told[told.index("By class:") + 1 :]
    assert out[0].startswith(first) and len(out) == lines and classes[-1].startswith("Always saying ")
    assert all(re.search(r"\d+\.\d\d % \[\d+\.\d\d, \d+\.\d\d\]$", line) for line in out if line.startswith("  "))
    assert out[-1].startswith("   3  ")


# What goes wrong elsewhere is one sentence as well.
FAILURES = [
    (InputError("a sentence."), 2, "a sentence."),
    (MemoryError("Unable to allocate 8 GiB"), 2, "not enough memory (Unable to allocate 8 GiB)"),
    (PermissionError(13, "Permission denied", "x"), 2, "x cannot be used (Permission denied)."),
    (KeyboardInterrupt(), 130, "interrupted."),
]


@pytest.mark.parametrize("error, code, sentence", FAILURES)
def test_any_failure_is_one_sentence(monkeypatch, capsys, error, code, sentence):
    def fail(args):
        raise error

    monkeypatch.setattr(commands, "recipes_command", fail)
    assert run("recipes") == code
    assert capsys.readouterr().err.startswith("minram recipes: ") and "\n" not in sentence


# ---- real processes ----

LONG = [*WORDS, "epochs=100000"]


def environment(**variables):
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | variables


def process(*words, env=None, **keywords):
    command = [sys.executable, "-m", "minram", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    return subprocess.Popen(command, env=env or environment(), **pipes | keywords)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, getattr(signal, "SIGHUP", None)])
def test_a_stopped_process_says_how_to_go_on(here, number):
    with process("train", "--data", "d.npz", "--out", "my runs/it's one", "--set", *LONG) as training:
        training.stdout.readline()
        assert training.stdout.readline().startswith("epoch   1/100000")
        training.send_signal(number)
        out, error = training.communicate(timeout=60)
    assert training.returncode == 130 and error == ""
    said = re.search(r"Go on with: minram (train --resume --out .*)$", out)[1]
    with process(*shlex.split(said)) as resumed:
        assert resumed.stdout.readline().startswith("Training in my runs/it's one")
        assert int(resumed.stdout.readline().split("/")[0].split()[1]) > 1
        resumed.terminate()
        assert "Stopped and saved" in resumed.communicate(timeout=60)[0]
    assert resumed.returncode == 130


def test_a_run_that_was_shown_before_its_end_gets_its_pictures(here, capsys):
    folder = here / "run"
    folder.mkdir()
    (folder / "paths.png").touch()  # as `show` leaves it
    assert run("train", "--data", "d.npz", "--out", "run", "--set", *WORDS) == 0
    assert "Pictures: " in capsys.readouterr().out
    assert run("train", "--resume", "--out", "run") == 0  # a finished run has them
    assert "Pictures: " not in capsys.readouterr().out


@posix
def test_training_goes_on_without_its_reader(here):
    folder = here / "run"
    folder.mkdir()
    (folder / "curves.png").touch()  # drawing is tested elsewhere
    with process("train", "--data", "d.npz", "--out", "run", "--set", *WORDS) as training:
        training.stdout.close()
        assert training.stderr.read() == ""
    assert training.returncode == 0 and (folder / "result.json").exists()
    assert len((folder / "log.txt").read_text(encoding="utf-8").splitlines()) == 3
    with process("train", "--settings") as listing:  # as | head would
        listing.stdout.close()
        assert listing.stderr.read() == ""
    assert listing.returncode == 0


DRAW = """
import sys
from minram.command import cli
assert cli.main(["recipes"]) == 0
from minram.pictures import show, style
style.figure()[0].savefig(sys.argv[1])
"""


@posix
def test_without_stdout_display_home_and_unicode(here):
    """As under cron: nothing to draw on, nowhere to keep a cache, ASCII, and a home that cannot be written."""
    env = environment(HOME="/dev/null", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    env = {k: v for k, v in env.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLCONFIGDIR", "XDG_CACHE_HOME")}
    drawn = subprocess.run([sys.executable, "-c", DRAW, here / "a.png"], env=env, capture_output=True)
    assert drawn.returncode == 0 and drawn.stderr == b"" and (here / "a.png").exists()
    listed = subprocess.run([sys.executable, "-m", "minram", "train", "--settings"], env=env, capture_output=True)
    assert listed.returncode == 0 and listed.stderr == b"" and b"learn log ?" in listed.stdout
    command = f"exec {shlex.quote(sys.executable)} -m minram recipes >&-"
    closed = subprocess.run(["sh", "-c", command], env=env, capture_output=True)
    assert closed.returncode == 0 and closed.stderr == b""


@posix
def test_on_a_terminal_progress_stays_on_one_line(here):
    import pty

    save_npz(here / "d.npz", dataset(20_000))  # an epoch takes more than the half second between two reports
    leader, follower = pty.openpty()
    words = ["train", "--data", "d.npz", "--out", "run", "--set", *LONG, "batch_size=2", "shards=1"]
    seen, deadline, asked = "", time.monotonic() + 60, False
    with process(*words, stdout=follower, env=environment(COLUMNS="50", LINES="20")) as training:
        os.close(follower)
        while training.poll() is None and time.monotonic() < deadline:
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    seen += os.read(leader, 4096).decode()
                except OSError:  # the other end is closed
                    break
            if seen.count("\r\x1b[K") >= 2 and not asked:
                training.terminate()
                asked = True
    os.close(leader)
    assert training.returncode == 130 and "Stopped and saved" in seen
    progress = re.findall(r"\r\x1b\[K([^\r\n]*)", seen)
    assert len(progress) >= 2 and all(len(line) < 50 and line.startswith("epoch   1/") for line in progress)


def test_a_diverging_run_ends_with_one_sentence_and_exit_code_3(here, capsys):
    wild = ["optimiser=sgd", "learning_rate=100", "momentum=0.99", "epochs=200"]
    assert run("train", "--data", "d.npz", "--out", "run", "--set", *WORDS, *wild) == 3
    error = capsys.readouterr().err
    assert error.startswith("minram train: A number is not finite in step ") and error.count("\n") == 1
    assert f"last good checkpoint is {os.path.join('run', 'last.npz')}" in error
    assert np.isfinite(outcome_vector(here / "run")).all()


def outcome_vector(folder):
    from minram.training.run import load_params

    return np.concatenate([a.ravel() for a in load_params(folder / "last.npz")[0].values()])


def test_a_run_knows_its_data_from_every_folder(here, monkeypatch):
    for i, words in enumerate((["--data", "d.npz", "--set"], ["--set", "data=d.npz"])):
        assert cli.main(["train", "--out", f"known-{i}", *words, *WORDS]) == 0
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    for i in range(2):
        assert cli.main(["evaluate", f"../known-{i}"]) == 0


def test_a_model_with_a_background_does_not_go_onto_black_canvases(tmp_path, capsys):
    c = SHORT.changed(background=0.3)
    save_untrained(tmp_path / "p.npz", c)
    assert cli.main(["evaluate", str(tmp_path / "p.npz"), "--size", "40x40"]) == 2
    assert "leave out --size" in capsys.readouterr().err


def test_evaluate_measures_what_it_says(tmp_path, monkeypatch, capsys):
    c = SHORT.changed(data=str(save_npz(tmp_path / "d.npz", dataset())))
    save_untrained(tmp_path / "p.npz", c)
    asked = []

    def scripted(params, c, images, labels, policy="mean", rollouts=1):
        asked.append((c.canvas, policy, rollouts))
        wrong = np.arange(10) < np.array([[3], [2], [1]]) * len(asked)  # after the last glimpse: 1, 2 and 3 of 10
        return evaluation.Evaluation(wrong, np.zeros((3, 10, 3)))

    monkeypatch.setattr(evaluation, "evaluate", scripted)
    assert (
        cli.main(
            ["evaluate", str(tmp_path / "p.npz"), *"--policy sampled --rollouts 3 --size 9x8 --split test".split()]
        )
        == 0
    )
    assert asked == [((9, 8), "sampled", 1), ((9, 8), "sampled", 3), ((9, 8), "random", 1)]
    lines = capsys.readouterr().out.partition("By class:")[0].splitlines()
    rates = [float(line.partition(" %")[0].split()[-1]) for line in lines if "[" in line]
    assert rates == [10, 20, 30, 30, 20, 10]


@pytest.mark.parametrize("verdict, code", [("ok", 0), ("wrong", 1)])
def test_gradcheck_tells_by_its_exit_code(monkeypatch, verdict, code):
    asked = []
    found = [("a part", Report((Row("W", (1,)),))), ("another", Report((Row("W", (1,), verdict=verdict),)))]
    monkeypatch.setattr(network, "report", lambda config, **full: asked.append(bool(full)) or found)
    assert cli.main(["gradcheck"]) == cli.main(["gradcheck", "--full"]) == code
    assert asked == [False, True]
