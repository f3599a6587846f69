"""Write five worksheets as PDF, blank, with hints, and filled in, on A4 and on Letter paper.

A seed gives numbers of its own, as short as those of the others; seed 0 is the standard set, in worksheets/. Each sheet
is followed by its solution. With --class 30 there are sheets for 30 seeds, --seed and those after it: the blank ones
and those with hints come without solutions, to be handed out, and the filled ones are for the teacher.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from building.lessons import TUTORIALS
from minram.errors import InputError

STANDARD = TUTORIALS / "worksheets"


def register(commands):
    text = "write the worksheets of a seed as PDF"
    parser = commands.add_parser("worksheet", help=text, description=__doc__)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which numbers (0: the standard ones)")
    parser.add_argument("--class", type=int, dest="students", metavar="N", help="one set each for so many students")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where they go (default: here; seed 0: worksheets/)")
    parser.set_defaults(run=run)


def run(args):
    require_seed(args.seed)
    if not (args.students is None or 1 <= args.students <= 500):
        raise InputError(f"--class should be from 1 to 500, but is {args.students}; choose another.")
    typst = _typst()
    from building.worksheets import typeset

    out = args.out or (Path() if args.seed or args.students else STANDARD)
    out.mkdir(parents=True, exist_ok=True)
    sets = {seed: sheets(seed) for seed in range(args.seed, args.seed + (args.students or 1))}
    name = "" if args.seed == 0 and not args.students else f"-{args.seed}"
    name += f"-to-{args.seed + args.students - 1}" if args.students else ""
    for paper in typeset.PAPERS:
        for style in typeset.STYLES:
            text, _ = typeset.document(sets, style, paper, solutions=not args.students)
            path = out / f"{style}{name}-{paper}.pdf"
            # Without tags for screen readers, which take four fifths of the file.
            path.write_bytes(typst.compile(text.encode(), ignore_system_fonts=True, pdf_tags=False))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def require_seed(seed):
    """Raises InputError unless there are sheets of this seed."""
    if not 0 <= seed < 2**31:
        raise InputError(f"--seed should be from 0 to 2³¹ − 1, but is {seed}; choose another.")


@lru_cache(maxsize=1000)
def sheets(seed):
    """The five sheets of a seed; the numbers of one do not depend on the others."""
    from building.worksheets import backwards, baseline, policy, sensor, short, through_time

    modules = (sensor, backwards, through_time, policy, baseline)
    return [short.draw(module.sheet, np.random.default_rng((seed, i))) for i, module in enumerate(modules, 1)]


def _typst():
    try:
        import typst
    except ModuleNotFoundError:
        raise InputError('the worksheets are set by Typst, which is not here; pip install -e ".[paper]".') from None
    return typst
