"""Write the teacher's kit as PDF: proof sheets, slides with notes, the question bank, an exam with its solution.

Their sources are in teaching/src/ (Typst) and teaching/questions.toml. Numbers are computed by teaching/values.py and
lines of code are read from the package. Pictures are those of the lessons, which are run for them up to the last that
is wanted (half a minute); with --keep they are stored, and taken from there the next time.
"""

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

from building.lessons import TUTORIALS
from minram.errors import InputError

KIT = TUTORIALS / "teaching"
SOURCES = KIT / "src"
SHEETS = ("score", "reinforce", "baselines", "time")
DOCUMENTS = (
    *SHEETS,
    *(f"{name}-blank" for name in SHEETS),
    "slides",
    "notes",
    "questions",
    "exam-0",
    "exam-0-solution",
)
CODE = re.compile(r'\bcode\("([^"]+)", "((?:[^"\\]|\\.)*)"')
PICTURE = re.compile(r'image\("([\w-]+)\.svg"')


def register(commands):
    text = "write the teacher's kit as PDF"
    parser = commands.add_parser("teaching", help=text, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DOCUMENTS)} (all)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the lessons' pictures are kept")
    parser.set_defaults(run=run)


def run(args):
    if unknown := sorted(set(args.names) - set(DOCUMENTS)):
        raise InputError(f"there is no document {', '.join(unknown)}; take some of {', '.join(DOCUMENTS)}.")
    typst_of_today()  # before a minute is spent
    (KIT / "pdf").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        for name in args.names or DOCUMENTS:
            text, data = source(name)
            draw(pictures_of(text), folder)
            write(KIT / "pdf" / f"{name}.pdf", text, data, folder)


def source(name):
    """The Typst text of a document, and what it reads as data.json."""
    from teaching import bank

    file = name.removesuffix("-blank")
    if name == "questions":
        text = bank.whole()
    elif name.startswith("exam-"):
        text = bank.exam(int(name.split("-")[1]), solution=name.endswith("solution"))
    else:
        text = (SOURCES / f"{'slides' if name == 'notes' else file}.typ").read_text(encoding="utf-8")
    return text, read_by(text, notes=name == "notes", blank=name.endswith("-blank"))


def read_by(text, **flags):
    """What a document reads: numbers, lines of code, flags, and the digest of all that it is made from."""
    from teaching import values

    data = {"numbers": values.computed(), "code": quoted(text), "notes": False, "blank": False} | flags
    shared = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.typ")) if path.name in text]
    shared.append((SOURCES / "common.typ").read_text(encoding="utf-8"))
    parts = [text, *shared, json.dumps(data, sort_keys=True), *map(made_by, pictures_of(text))]
    return data | {"digest": hashlib.sha256("\n".join(parts).encode()).hexdigest()}


def quoted(text):
    """{file|part: the line of the package that has this part, and the function that it is in}.

    Raises InputError for a part that is not in exactly one line.
    """
    found = {}
    for file, part in CODE.findall(text):
        part = part.replace('\\"', '"')
        lines = (TUTORIALS.parent / "minram" / file).read_text(encoding="utf-8").splitlines()
        at = [i for i, line in enumerate(lines) if part in line]
        if len(at) != 1:
            raise InputError(f"{part!r} should be in one line of minram/{file}, but is in {len(at)}; quote another.")
        above = [re.match(r"def (\w+)", line) for line in lines[at[0] :: -1]]
        function = next(match[1] for match in above if match)
        found[f"{file}|{part}"] = {"text": lines[at[0]].strip(), "file": file, "function": function}
    return found


def pictures_of(text):
    return sorted(set(PICTURE.findall(text)))


def made_by(picture):
    """The source of what draws a picture, so that a change to it is seen in the digest."""
    from teaching import figures, pictures

    return pictures.cell_of(picture) if picture in pictures.PICTURES else figures.source_of(picture)


def draw(names, folder):
    """Draw those pictures that are not in the folder yet, as SVG."""
    from teaching import figures, pictures

    folder.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in names if not (folder / f"{name}.svg").exists()]
    pictures.draw([name for name in wanted if name in pictures.PICTURES], folder)
    for name in wanted:
        if name not in pictures.PICTURES:
            figures.draw(name, folder / f"{name}.svg")


def write(path, text, data, folder):
    """Typeset one document, with the pictures in `folder`, into the file at `path`."""
    pages = typeset(text, data, folder, "pdf")
    path.write_bytes(pages)
    print(f"{path.name}: {len(pages) / 1000:.0f} kB", flush=True)


def typeset(text, data, folder, form, **options):
    """The document as the bytes of a PDF, or with form="png" as a list of pages."""
    typst = typst_of_today()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for path in (*SOURCES.glob("*.typ"), *folder.glob("*.svg")):
            shutil.copy(path, scratch)
        (scratch / "data.json").write_text(json.dumps(data), encoding="utf-8")
        (scratch / "main.typ").write_text(text, encoding="utf-8")
        options |= {"pdf_tags": False} if form == "pdf" else {}  # tags are a third of a file
        return typst.compile(scratch / "main.typ", root=scratch, format=form, ignore_system_fonts=True, **options)


def typst_of_today():
    try:
        import typst
    except ModuleNotFoundError:
        raise InputError('paper is set by Typst, which is not here; pip install -e ".[paper]".') from None
    return typst
