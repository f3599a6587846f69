"""Write an exam of 60 minutes, drawn from the question bank by a seed, and its solution, as PDF.

Four choices whose options are shuffled, two derivations, two bugs to find, two plots to predict: 60 points, of every
lesson from 3 to 7, and of nearly the same difficulty for all seeds.
"""

import tempfile
from pathlib import Path


def register(commands):
    text = "write an exam and its solution as PDF"
    parser = commands.add_parser("exam", help=text, description=__doc__)
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="which exam")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where it goes (default: here)")
    parser.set_defaults(run=run)


def run(args):
    from building import teaching
    from teaching import bank

    bank.draw(args.seed)  # before anything is written
    teaching.typst_of_today()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for end in ("", "-solution"):
            name = f"exam-{args.seed}{end}"
            text, data = teaching.source(name)
            teaching.draw(teaching.pictures_of(text), Path(scratch))
            teaching.write(args.out / f"{name}.pdf", text, data, Path(scratch))
