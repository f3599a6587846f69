"""Where there is no display, a lesson that runs as a script saves its pictures and says where."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt


def save_pictures():
    """Let `plt.show()` write the open figures into pictures-of-LESSON/ in the current folder, if it cannot show them.

    In a notebook, and with a window to draw on, it stays what it is.
    """
    script = Path(sys.argv[0])
    if script.suffix != ".py" or plt.get_backend().lower() != "agg":  # what Matplotlib falls back to
        return
    folder, count = Path(f"pictures-of-{script.stem}"), 0

    def show(*arguments, **keywords):
        nonlocal count
        for number in plt.get_fignums():
            count += 1
            folder.mkdir(exist_ok=True)
            path = folder / f"{count:02}.png"
            plt.figure(number).savefig(path)
            plt.close(number)
            print(f"Picture: {path}")

    plt.show = show
