"""The lessons' pictures, as SVG: each is drawn by the cell that draws it in the lesson, which runs up to there."""

import contextlib
import io
from pathlib import Path

from building.lessons import lessons, read_cells
from minram.errors import InputError

# name: the lesson, and a text that only the cell with this picture has.
PICTURES = {
    "01-windows": ("01", 'subplot_mosaic("AABCD'),
    "04-unrolled": ("04", "rows: one call"),
    "04-two": ("04", '"heads1"'),
    "05-clouds": ("05", "np.exp(1j * np.linspace"),
    "05-score": ("05", 'title="Score of log σ"'),
    "05-price": ("05", "1/σ, exact"),
    "06-edge": ("06", "expected reward J(μ)"),
    "06-root": ("06", "exact: ∝ 1/√M"),
    "06-truth": ("06", "Every parameter's gradient"),
    "06-surrogate": ("06", "Surrogate “loss”"),
    "07-praise": ("07", "One sample's estimate, {name}"),
    "07-parabola": ("07", "baseline b (reward)"),
    "07-others": ("07", "mean estimate / exact"),
    "07-seen": ("07", "share κ of the baseline"),
}


def cell_of(name):
    """The source of the cell that draws a picture. Raises InputError unless exactly one does."""
    return _cells(name)[0][-1]


def draw(names, folder):
    """Write the pictures of these names into the folder; each lesson runs once, up to the last cell that is needed."""
    for number in sorted({PICTURES[name][0] for name in names}):
        mine = {_cells(name)[1]: name for name in names if PICTURES[name][0] == number}
        _run(number, mine, folder)


def _cells(name):
    """The lesson's code cells up to that of the picture, and the number of the last."""
    number, text = PICTURES[name]
    cells = _code(number)
    found = [i for i, cell in enumerate(cells) if text in cell.source]
    if len(found) != 1:
        raise InputError(f"{text!r} should be in one cell of lesson {number}, but is in {len(found)}; name another.")
    return [cell.source for cell in cells[: found[0] + 1]], found[0]


def _code(number):
    (path,) = lessons([number])
    return [cell for cell in read_cells(path.read_text(encoding="utf-8")) if cell.kind == "code"]


def _run(number, mine, folder):
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    import lesson

    shown, kept = [], (plt.show, lesson.show)

    def show(*arguments, **keywords):
        shown.extend(plt.figure(i) for i in plt.get_fignums())

    plt.show, lesson.show = show, show
    namespace = {"__name__": f"lesson_{number}"}
    try:
        for i, cell in enumerate(_code(number)[: max(mine) + 1]):
            shown.clear()
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, f"lesson {number}", "exec"), namespace)
            if i in mine:
                save(shown[-1], Path(folder) / f"{mine[i]}.svg")
            plt.close("all")
    finally:
        plt.show, lesson.show = kept


def save(figure, path):
    """Write a figure as SVG, the same bytes whenever it is drawn; clouds of many points as pixels."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "minram", "svg.fonttype": "path", "savefig.dpi": 200}):
        figure.savefig(path, metadata={"Date": None, "Creator": None})
