"""Make the site: lessons, pages to touch, reference and code as static HTML, from what is committed, unexecuted.

The sources are put together in a folder (see building/stage.py), and Sphinx makes HTML of them. It needs the extra:
pip install -e ".[site]". A warning is an error.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from building.lessons import ROOT
from minram.errors import InputError

NEEDED = ("sphinx", "myst_nb", "furo")


def register(commands):
    text = "make the site, static HTML, of what is committed"
    parser = commands.add_parser("site", help=text, description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="where it goes (build/site)")
    parser.set_defaults(run=run, folder=ROOT / "build" / "site")


def run(args):
    folder = args.folder
    if folder.exists() and any(folder.iterdir()) and not (folder / "searchindex.js").exists():
        raise InputError(f"{folder} has files that are no site's, which it would replace; choose another folder.")
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f'the site needs {", ".join(missing)}, which is not there; pip install -e ".[site]".')
    from building.stage import stage

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "made" / "html"
        source.mkdir()
        stage(source)
        sphinx = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", "-d", f"{temporary}/trees"]
        if subprocess.run([*sphinx, source, made]).returncode:
            raise InputError("the site was not made; mend what Sphinx has said above.")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".buildinfo*", "objects.inv"))
    print(f"{folder / 'index.html'}: {time.perf_counter() - start:.0f} s")
