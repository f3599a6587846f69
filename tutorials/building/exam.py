"""Write an exam of 60 minutes, drawn from the question bank by a seed, and its solution, as PDF.

Four choices whose options are shuffled, two derivations, two bugs to find, two plots to predict: 60 points, of every
lesson from 3 to 7, and of nearly the same difficulty for all seeds. With --versions 2 neighbours get an exam A and an
exam B: the same questions, with no option at the same letter.
"""

import tempfile
from pathlib import Path

from minram.errors import InputError


def register(commands):
    text = "write an exam and its solution as PDF"
    parser = commands.add_parser("exam", help=text, description=__doc__)
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="which exam")
    parser.add_argument("--versions", type=int, default=1, metavar="N", help="how many for neighbours (1)")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where it goes (default: here)")
    parser.set_defaults(run=run)


def run(args):
    from building import teaching
    from teaching import bank

    bank.draw(args.seed)  # before anything is written
    if not 1 <= args.versions <= 4:
        raise InputError(f"--versions should be from 1 to 4, but is {args.versions}; choose another.")
    teaching.typst_of_today()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for version in range(args.versions):
            for solution in (False, True):
                name = f"exam-{args.seed}{bank.letter(version) if args.versions > 1 else ''}{'-solution' * solution}"
                text = bank.exam(args.seed, solution, version, args.versions)
                teaching.draw(teaching.pictures_of(text), Path(scratch))
                teaching.write(args.out / f"{name}.pdf", text, teaching.read_by(text), Path(scratch))
