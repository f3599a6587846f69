"""Put the site's sources into a folder: the pages and notebooks of this repository, with links that hold on the site.

What is in tutorials/ is at the top of the site, everything else where it is in the repository; source code is in
code/. Links are written for the repository, and are rewritten here: to a page, to a line of code, or to a copy of the
file. A link that leads nowhere ends the program.
"""

import html
import json
import posixpath
import re
import shutil

from building.code_pages import code_page
from building.lessons import ROOT, TUTORIALS, lessons
from building.reference import reference
from minram.errors import InputError
from minram.storage.writing import write_text

SITE = TUTORIALS / "site"
LINK = re.compile(
    r"(?P<fence>^```.*?^```)"  # what is in these is left alone: blocks of code,
    r"|(?P<before>!?\[(?:`[^`\n]+`|[^\[\]`]|\[[^\[\]]*\])*\]\()(?P<target>[^)\s]+)\)"
    r"|(?P<attribute>\b(?:src|href)=\")(?P<file>[^\"]+)(?=\")"
    r"|(?P<code>`[^`\n]+`)",  # and code in the text, unless it is a link's
    re.M | re.S,
)
FRAME = (
    '<iframe class="touch" src="{0}" title="{1}"></iframe>\n\n<p><a href="{0}">The page alone</a>, a single file.</p>'
)
PLACES = {"README.md": "index", "tests/README.md": "contributors", "tutorials/README.md": "course"}


def stage(folder):
    """Write the site's sources into a folder: pages, notebooks, code, reference, and what they link to."""
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    (folder / "_extra").mkdir()
    site = Stage(folder)
    touch = site.touch()
    for source in site.pages:
        site.page(source)
    chapters = reference()
    for name, (_, text) in chapters.items():
        site.write(f"{name}.md", text)
    site.code |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "minram").rglob("*.py")}
    for name in site.code:
        site.write(f"code/{name}.md", code_page(name, (ROOT / name).read_text(encoding="utf-8")))
    site.write("index.md", (folder / "index.md").read_text(encoding="utf-8") + contents(site.pages, touch, chapters))
    site.write("alts.json", json.dumps(site.alts))


def site_pages():
    """The files of the repository that become pages → {file: page}, both with / and the page without its ending."""
    found = {path.with_suffix(".ipynb").relative_to(ROOT).as_posix(): path.stem for path in lessons()}
    texts = [path for path in TUTORIALS.rglob("*.md") if SITE not in path.parents]
    for name in [*PLACES, *sorted(path.relative_to(ROOT).as_posix() for path in texts)]:
        page = site_path(name).removesuffix(".md")
        found.setdefault(name, PLACES.get(name) or re.sub(r"README$", "index", page))
    return found


def site_path(name):
    """Where a file of the repository is on the site."""
    return name.removeprefix("tutorials/")


def contents(pages, touch, chapters):
    """The site's table of contents, which orders its pages: the lessons, what is to touch, teaching, use, reference."""
    names = list(pages.values())
    lessons = [name for name in names if name[:2].isdigit()]
    teaching = [name for name in names if name.startswith("teaching/")]
    tables = [name for name in names if name.startswith("tables/")]
    known = {*lessons, *teaching, *tables, *PLACES.values()}
    parts = {
        "Lessons": ["course", *lessons],
        "Pages to touch": touch,
        "For teachers": teaching,
        "Use it": [name for name in names if name not in known],
        "The paper's tables": tables,
        "Reference": [*chapters, "contributors"],
    }
    tree = "```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
    return "\n" + "\n".join(tree.format(title, "\n".join(names)) for title, names in parts.items() if names)


def heading_id(file, anchor):
    """The address of a heading on the site, which is not in all cases the one that the code host gives it."""
    from docutils.nodes import make_id

    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        if re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") == anchor:
            return make_id(heading)
    raise InputError(f"{file.name} has no heading #{anchor}; mend the links to it.")


def alternatives(cell):
    """What is on the pictures of a cell, in words, for whoever cannot see them."""
    outputs = [output for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})]
    return [
        output["metadata"].get("image/png", {}).get("alt", "A picture, drawn by the code above it")
        for output in outputs
    ]


def fold(cell):
    """Imports, code that only draws, and solutions are folded; and what is for notebooks alone is left out."""
    tags = cell["metadata"].setdefault("tags", [])
    folded = ""
    if "elsewhere" in tags or "one_thread()" in "".join(cell["source"][-1:]):
        tags.append("remove-cell")
    elif "frame" in tags:
        tags.append("remove-input")
    elif "solution" in tags:
        folded = "a solution"
    elif "".join(cell["source"]).startswith("@exercise("):
        folded = "an answer, and what it is told"
        tags.append("hide-cell")
    elif "planted" in tags:
        folded = "the mistakes that the assertions have to catch"
    elif "hide-input" in tags:
        folded = "the code of the picture"
    elif re.match("import |from ", "".join(cell["source"])):
        folded = "what is imported"
    if folded:
        tags += [] if "hide-cell" in tags else ["hide-input"]
        cell["metadata"]["mystnb"] = {"code_prompt_show": f"Show {folded}", "code_prompt_hide": f"Hide {folded}"}


class Stage:
    """The folder under construction: which pages there are, and what they link to."""

    def __init__(self, folder):
        self.folder = folder
        self.pages = site_pages()  # file of the repository: page of the site
        self.code = set()  # Python files that a page shows
        self.alts = {}

    def link(self, source, target):
        """The target of a link in a file of the repository → (its address on the site, is it of this repository?)."""
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return target, False
        file = (ROOT / source).parent.joinpath(path).resolve()
        if not file.exists():
            raise InputError(f"{source} links to {target}, which is not there; mend the link.")
        name = file.relative_to(ROOT).as_posix()
        if file.is_dir():
            name += "/README.md"
        if name.endswith(".py") and name[: -len(".py")] + ".ipynb" in self.pages:
            name = name[: -len(".py")] + ".ipynb"
        if name in self.pages:
            there = self.pages[name] + ".html"
            anchor = heading_id(ROOT / name, anchor) if anchor else ""
        elif name.endswith(".py"):
            self.code.add(name)
            there = f"code/{name}.html"
            anchor = re.sub(r"^L(\d+).*", r"L-\1", anchor)
        elif (ROOT / name).is_file():
            there = site_path(name)
            self.copy(name, "_extra")
        else:
            raise InputError(f"{source} links to the folder {target}, which has no README; link to a file.")
        here = posixpath.dirname(self.pages[source])
        return posixpath.relpath(there, here or ".") + (f"#{anchor}" if anchor else ""), True

    def copy(self, name, where=""):
        target = self.folder / where / site_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        if name.startswith("tutorials/pages/"):  # it stands in a frame: a lesson takes the whole window
            text = re.sub(
                r'href="(\.\./\w+)\.ipynb"', r'href="\1.html" target="_top"', target.read_text(encoding="utf-8")
            )
            target.write_text(text, encoding="utf-8")

    def markdown(self, source, text):
        """The text of a page or of a notebook's cell with its links as the site needs them."""

        def change(link):
            before = link["before"]
            if link["fence"] or link["code"]:
                return link[0]
            if before is None:  # of an HTML tag, which nobody checks or copies but we
                return link["attribute"] + self.link(source, link["file"])[0]
            if before.startswith("!") and "://" not in link["target"]:
                name = (ROOT / source).parent.joinpath(link["target"]).resolve().relative_to(ROOT).as_posix()
                self.copy(name)
                here = posixpath.dirname(self.pages[source]) or "."
                return f"{before}{posixpath.relpath(site_path(name), here)})"
            target, ours = self.link(source, link["target"])
            return f"{before}{target})" + ("{.external}" if ours else "")  # for Sphinx: do not look for it

        return LINK.sub(change, text)

    def touch(self):
        """A page of the site around each page to touch → their names."""
        names = []
        for path in sorted((TUTORIALS / "pages").glob("*.html")):
            self.copy(path.relative_to(ROOT).as_posix(), "_extra")
            title = html.unescape(re.search(r"<title>(.*?)</title>", path.read_text(encoding="utf-8"))[1])
            title = title.partition(":")[0]  # without the name of the weights
            names.append(f"touch/{path.stem}")
            address = f"../pages/{path.name}"
            self.write(f"{names[-1]}.md", f"# {title}\n\n{FRAME.format(address, title)}\n")
        return names

    def page(self, source):
        """Write the page of a file of the repository, Markdown or a notebook."""
        text = (ROOT / source).read_text(encoding="utf-8")
        name = self.pages[source]
        if source.endswith(".ipynb"):
            nb = json.loads(text)
            self.alts[name] = [alt for cell in nb["cells"] for alt in alternatives(cell)]
            for cell in nb["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = self.markdown(source, "".join(cell["source"]))
                else:
                    fold(cell)
                    for output in cell["outputs"]:
                        if text := output.get("data", {}).get("text/html"):
                            output["data"]["text/html"] = self.markdown(source, "".join(text))
            return self.write(f"{name}.ipynb", json.dumps(nb))
        return self.write(f"{name}.md", self.markdown(source, text))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
