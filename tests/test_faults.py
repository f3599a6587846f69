"""What goes wrong around the package: backends, folders that go, full disks, kills while drawing, long drawings."""

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minram.command import cli, scaling, terminal
from minram.errors import InputError, printable
from minram.gradcheck import network
from minram.pictures import figures, movie, show, style
from minram.pictures.convergence import draw_convergence
from minram.pictures.retina import Retina
from minram.storage import writing
from minram.training.recipes import SMALL
from runs import save_untrained
from tiny import SHORT, WORDS, dataset, save_npz

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def minram(*words, cwd, **variables):
    """Run the command in a process of its own → what it printed and its exit code."""
    command = [sys.executable, "-m", "minram", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=os.environ | ONE_THREAD | variables, capture_output=True, text=True)


# ---- backends ----


@pytest.mark.parametrize("backend", ["module://none.of_these", "none", "tkagg", "inline"])
def test_a_backend_that_is_not_there_is_not_missed(tmp_path, backend):
    save_untrained(tmp_path / "p.npz", SHORT.changed(data=str(save_npz(tmp_path / "d.npz", dataset()))))
    done = minram("show", "p.npz", "--n", 1, "--out", "out", cwd=tmp_path, MPLBACKEND=backend, DISPLAY="")
    assert (done.returncode, done.stderr) == (0, "") and len(list((tmp_path / "out").iterdir())) == 7


def test_a_backend_that_was_chosen_stays(monkeypatch):
    """Here Matplotlib is imported already: the command leaves what its process has chosen."""
    monkeypatch.setenv("MPLBACKEND", "pdf")
    assert cli.main(["recipes"]) == 0 and os.environ["MPLBACKEND"] == "pdf"


# ---- folders and disks ----


@posix
@pytest.mark.parametrize(
    "words",
    [
        "gradcheck --picture x.png",
        "bench --picture x.png",
        "train --data d.npz",
        "show pretrained:mnist-28 --n 1",
        "train",
    ],
)
def test_a_working_directory_that_is_gone_is_one_sentence(tmp_path, words):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    words = [sys.executable, "-m", "minram", *words.split()]
    done = subprocess.run(["sh", "-c", command, "sh", gone, *words], env=os.environ | ONE_THREAD, capture_output=True)
    assert done.returncode == 2 and done.stderr.startswith(b"minram ") and done.stderr.count(b"\n") == 1


def full(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_pictures_are_whole_or_not_there(tmp_path, monkeypatch, ending):
    title, f, params, grads, _ = next(network.objectives(SMALL))
    results = {axis: {1: {"step_ms": 1, "matmul_ms": 1, "data_ms": 1}} for axis in ("a", "b", "c", "d")}
    draws = [
        lambda path: draw_convergence(path, title, f, params, grads),
        lambda path: scaling.draw(path, results),
        lambda path: show.write_figure(style.figure()[0], path.parent, path.name),
    ]
    for i, draw in enumerate(draws):
        path = tmp_path / f"{i}.{ending}"
        monkeypatch.setattr(writing.os, "fsync", full)
        with pytest.raises(InputError, match=r"No space left.*free some space"):
            draw(path)
        assert not list(tmp_path.glob(f"*{i}.*"))
        monkeypatch.setattr(writing.os, "fsync", lambda descriptor: None)
        draw(path)
        begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending]
        assert path.read_bytes().startswith(begins)


@posix
@pytest.mark.parametrize("kind, reason", [("full", "No space left on device"), ("pipe", "No such device or address")])
def test_a_log_that_cannot_be_written_is_named_and_the_run_goes_on_later(tmp_path, capsys, monkeypatch, kind, reason):
    monkeypatch.setattr(show, "training_figures", lambda *_: [])
    save_npz(tmp_path / "d.npz", dataset())
    folder = tmp_path / "run"
    folder.mkdir()
    if kind == "full" and not os.path.exists("/dev/full"):
        pytest.skip("has no device that is always full")
    (folder / "log.txt").symlink_to("/dev/full") if kind == "full" else os.mkfifo(folder / "log.txt")
    assert cli.main(["train", "--data", str(tmp_path / "d.npz"), "--out", str(folder), "--set", *WORDS]) == 2
    error = capsys.readouterr().err
    assert f"Cannot write {folder / 'log.txt'} ({reason})" in error and error.count("\n") == 1
    assert "Go on with: minram train --resume --out" in error
    (folder / "log.txt").unlink()
    assert cli.main(["train", "--resume", "--out", str(folder)]) == 0


def test_a_plain_folder_of_its_name_is_not_taken_for_the_package(tmp_path):
    """Such as the clone itself, for a script that stands beside it."""
    (tmp_path / "minram").mkdir()
    (tmp_path / "script.py").write_text("import minram\nprint(minram.load)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- pictures of a run ----


@pytest.fixture
def finished(tmp_path):
    save_npz(tmp_path / "d.npz", dataset())
    assert cli.main(["train", "--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "run"), "--set", *WORDS]) == 0
    return tmp_path / "run"


def test_pictures_that_a_kill_took_are_drawn_again(finished, monkeypatch, capsys):
    for lost in ("paths.png", "curves.png"):
        (finished / lost).unlink()
        assert cli.main(["train", "--resume", "--out", str(finished)]) == 0
        assert (finished / lost).exists() and "Pictures: " in capsys.readouterr().out
    for path in finished.glob("*.png"):
        path.unlink()
    (finished / "paths.png").touch()  # as `show` leaves it in the folder of an unfinished run
    drawn = []

    def killed(fig, out, name):
        if drawn:
            raise KeyboardInterrupt
        drawn.append(name)
        return write(fig, out, name)

    write = show.write_figure
    monkeypatch.setattr(show, "write_figure", killed)
    assert cli.main(["train", "--resume", "--out", str(finished)]) == 130
    assert (
        "Stopped while drawing. The run is finished; for its pictures: minram train --resume" in capsys.readouterr().out
    )
    monkeypatch.undo()
    assert drawn == ["paths.png"] and not (finished / "curves.png").exists()  # which comes last
    assert cli.main(["train", "--resume", "--out", str(finished)]) == 0
    assert (finished / "curves.png").exists() and (finished / "paths.png").stat().st_size > 0


def test_a_network_that_does_not_look_has_no_paths(tmp_path):
    assert [path.name for path in show.training_pictures(tmp_path, SHORT.changed(model="fc"))] == ["curves.png"]
    assert [path.name for path in show.training_pictures(tmp_path, SHORT)] == ["curves.png", "paths.png"]


# ---- long drawings ----


def scene(T, K, n=4):
    r = np.random.default_rng(0)
    p = r.random((T, n, K), dtype=np.float32)
    images, labels = r.integers(0, 256, (n, 9, 8), dtype=np.uint8), r.integers(0, K, n)
    return figures.Scene(images, labels, Retina((1, 2), 3), r.uniform(-1, 1, (T, n, 2)), r.random((T, n, 18)), p)


def artists(fig):
    """How many things are drawn, which is what takes the time."""
    return sum(len(ax.lines) + len(ax.patches) + len(ax.texts) + len(ax.collections) for ax in fig.axes)


@pytest.mark.parametrize("draw", [lambda s: figures.paths(s, 4), lambda s: figures.retina(s, 4), figures.policy])
def test_a_thousand_glimpses_are_few_objects(draw):
    assert artists(draw(scene(1000, 4))) < 4 * artists(draw(scene(50, 4)))


def test_a_long_path_has_every_glimpse_in_its_colour():
    s = scene(60, 3)
    fig = figures.paths(s, 1)
    line, points = fig.axes[0].collections
    np.testing.assert_allclose([segment[0] for segment in line.get_segments()], s.loc[:-1, 0])
    np.testing.assert_allclose([segment[1] for segment in line.get_segments()], s.loc[1:, 0])
    np.testing.assert_allclose(points.get_offsets(), s.loc[:, 0])
    np.testing.assert_allclose(points.get_facecolors(), style.time_colours(60))
    np.testing.assert_allclose(line.get_colors(), style.time_colours(60)[1:])
    assert not fig.axes[0].texts and len(figures.paths(scene(50, 3), 1).axes[0].texts) == 50


def test_many_classes_are_few_objects():
    for K, most in ((50, 200), (10_000, 200)):
        fig, axes = style.figure(3, 2)
        movie.frame(axes, scene(3, K), 2)
        assert artists(fig) < most
    heights = [segment[1][1] for segment in axes[2, 0].collections[0].get_segments()]
    np.testing.assert_allclose(heights, scene(3, 10_000).probabilities[2, 0])


def test_drawing_tells_how_far_it_is(tmp_path):
    save_untrained(tmp_path / "p.npz", SHORT)
    said = []
    show.show(tmp_path / "p.npz", tmp_path / "out", 1, 0, dataset(), said.append)
    assert said[:3] == ["Looking at images", "Drawing paths.png", "Drawing retina.png"]
    assert said[-1] == "Drawing paths.gif and paths.html, 4 of 4"


class Terminal:
    """A stderr that says it is a terminal, or not."""

    def __init__(self, terminal):
        self.text, self.isatty, self.flush = "", lambda: terminal, lambda: None

    def write(self, text):
        self.text += text


def test_progress_is_written_over_on_a_terminal_alone(monkeypatch):
    for terminal_, want in ((True, "\r\033[KDrawing\r\033[K"), (False, "")):
        stream = Terminal(terminal_)
        monkeypatch.setattr(sys, "stderr", stream)
        terminal.progress("Drawing")
        terminal.progress()
        assert stream.text == want
    monkeypatch.setattr(sys, "stderr", None)
    terminal.progress("Drawing")  # as under pythonw


@posix
def test_a_long_drawing_can_be_stopped(tmp_path):
    c = SHORT.changed(glimpses=1000, data=str(save_npz(tmp_path / "d.npz", dataset())))
    save_untrained(tmp_path / "p.npz", c)
    command = [sys.executable, "-m", "minram", "show", "p.npz", "--out", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | ONE_THREAD, **pipes) as drawing:
        until = time.monotonic() + 60
        while not (tmp_path / "out" / "policy.png").exists() and time.monotonic() < until:
            time.sleep(0.05)
        drawing.send_signal(signal.SIGINT)
        out, error = drawing.communicate(timeout=60)
    assert (drawing.returncode, out, error) == (130, "", "minram show: interrupted.\n")
    assert not list((tmp_path / "out").glob(".*.tmp"))


# ---- what is printed ----

WILD = "a\x1b[31m\x07\r\nb\u202ec\u2028d\x9b"


def test_printable_text_has_no_control_characters_and_keeps_the_rest():
    assert printable(WILD) == r"a\x1b[31m\x07\r\nb\u202ec\u2028d\x9b"
    assert printable("σ → l_t, 9 × 8 – ‘β’ 漢字 \\x") == "σ → l_t, 9 × 8 – ‘β’ 漢字 \\x"
    assert str(InputError(f"{WILD} is wrong.")) == printable(WILD) + " is wrong."


def controls(text):
    return re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)


@posix
def test_names_and_settings_are_printed_without_control_characters(tmp_path, capsys):
    name = "x\x1b[31m\x07y"
    data = save_npz(tmp_path / f"{name}.npz", dataset())
    folder = tmp_path / name
    words = ["--data", str(data), "--out", str(folder), "--set", *WORDS]
    assert cli.main(["train", *words]) == 0
    assert cli.main(["train", "--resume", "--out", str(folder)]) == 0
    assert cli.main(["train", "--resume", "--out", str(folder), "--settings"]) == 0
    assert cli.main(["evaluate", str(folder), "--rollouts", "1"]) == 0
    assert cli.main(["show", str(folder), "--n", "1"]) == 0
    assert cli.main(["train", *words]) == 2  # it is there already
    for wrong in (["evaluate", name], ["train", name], ["train", "--set", name], ["train", "--data", name], [name]):
        with pytest.raises(SystemExit) if wrong == [name] else contextlib.nullcontext():
            assert cli.main(wrong) == 2
    (folder / "best.npz").write_bytes(b"")
    assert cli.main(["show", str(folder)]) == 2
    shutil.rmtree(folder)
    out, error = capsys.readouterr()
    assert r"x\x1b[31m\x07y" in out and r"x\x1b[31m\x07y" in error
    assert not controls(out) and not controls(error)
