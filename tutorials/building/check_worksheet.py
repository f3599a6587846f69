"""Say of each answer to a worksheet whether it is right, or which slip explains the number that came.

The file has a line for each question, such as "1b = 1 0": its numbers row by row, as decimals or fractions, x for a
blank that was left empty. Where a unit is printed behind the blanks, it is left out. Questions may be missing. Of an
answer that is wrong only because an earlier one is, that is said.
"""

from pathlib import Path

from building import worksheet


def register(commands):
    text = "say which answers to a worksheet are right, and what went wrong with the others"
    parser = commands.add_parser("check-worksheet", help=text, description=__doc__)
    parser.add_argument("answers", type=Path, metavar="FILE", help="answers.txt")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the numbers at the foot of the sheet (0)")
    parser.set_defaults(run=run)


def run(args):
    from building.worksheets import marking

    worksheet.require_seed(args.seed)
    content = args.answers.read_bytes()
    coding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"  # as editors of Windows have it
    answers = marking.read(content.decode(coding, "replace"))
    lines, right, total = marking.marked(worksheet.sheets(args.seed), answers)
    for line in lines:
        print(line)
    print(f"{right} of {total} numbers are right.")
