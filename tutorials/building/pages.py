"""Write the pages to touch, pages/*.html: one file each, that a double click opens.

Their templates and scripts are in pages/src/, what all pages share in minram/pictures/web/; the numbers in them are
computed by the package.
"""

from building.lessons import TUTORIALS
from minram.errors import InputError
from minram.storage.writing import write_text

SOURCES = TUTORIALS / "pages" / "src"


def register(commands):
    text = "write the pages to touch, one HTML file each"
    parser = commands.add_parser("pages", help=text, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAGES)} (all)")
    parser.set_defaults(run=run)


def run(args):
    if unknown := sorted(set(args.names) - set(PAGES)):
        raise InputError(f"there is no page {', '.join(unknown)}; take some of {', '.join(PAGES)}.")
    for name in args.names or PAGES:
        path = SOURCES.parent / f"{name}.html"
        text = PAGES[name]()
        write_text(path, text)
        print(f"{path.name}: {len(text.encode()) / 1000:.0f} kB")


def reinforce():
    """REINFORCE in one dimension, with settings computed here by which the page checks itself."""
    import numpy as np

    from building.one_dimension import exact, settings
    from minram.pictures.page import assemble

    x, w = np.polynomial.legendre.leggauss(16)
    checks = [{"setting": s, "values": exact(s)} for s in settings(30, seed=0)]
    return assemble(SOURCES / "reinforce.html", {"rule": {"x": x.tolist(), "w": w.tolist()}, "checks": checks})


def agent():
    """The agent of the weights pretrained:cluttered-60; `minram page RUN` makes that of any other."""
    from minram.pictures.agent_page import page_of
    from minram.training.run import find_model

    return page_of(find_model("pretrained:cluttered-60"), name="pretrained:cluttered-60")


PAGES = {"agent": agent, "reinforce": reinforce}
