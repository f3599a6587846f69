"""A sheet as the text of a Typst document: blank, with hints, or filled in; A4 or Letter."""

import hashlib

import numpy as np

STYLES, PAPERS = ("blank", "hints", "filled"), {"a4": "a4", "letter": "us-letter"}

HEAD = """\
#set page(paper: "{paper}", margin: (x: 18mm, top: 14mm, bottom: 13mm), footer: [
  #set text(size: 8pt, fill: luma(90))
  #grid(columns: (1fr, auto), [minram worksheets, numbers {seed}. Answers go to a file, a line a question, row by row: \
#raw("1a = 0.5 0.25 …")], context counter(page).display())])
#set text(font: "Libertinus Serif", size: 11pt, lang: "en")
#set document(title: "minram worksheets, numbers {seed}", date: none, keywords: ("{digest}",))
#let ink = rgb("#0072b2")
#set math.mat(delim: "[", align: right, column-gap: 0.8em, row-gap: 0.35em)
#let blanks(..rows) = table(columns: rows.pos().first().len() * (15mm,), rows: {height}, stroke: 0.6pt + luma(120), \
inset: 2pt, align: center + horizon, ..rows.pos().flatten().map(x => text(fill: ink, x)))
#let ask(key, body, hint, answer) = block(width: 100%, breakable: false, above: {gap}, below: 0pt, grid(
  columns: (7mm, 1fr, auto), column-gutter: 3mm, strong(key), \
[#body #if hint != none [\\ #text(fill: luma(60), hint)]], answer))
"""
NAME = "name: #box(width: 42mm, stroke: (bottom: 0.5pt))"


def number(x, round_to=None):
    """A number as one writes it: 0.25, −1, or rounded."""
    text = f"{x:.{round_to}f}" if round_to else f"{x:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text.replace("-", "−")


def matrix(value):
    """An array in Typst's mathematics; one number is that number."""
    if np.size(value) == 1:
        return number(np.ravel(value)[0])
    return "display(mat(" + "; ".join(", ".join(map(number, row)) for row in np.atleast_2d(value)) + "))"


def rows(value, cell):
    return ", ".join("(" + ", ".join(f"[{cell(x)}]" for x in row) + ",)" for row in np.atleast_2d(value))


def page(sheet, style):
    """One page: the body of a sheet in one of the STYLES."""
    lines = [
        f'#grid(columns: (1fr, auto), align: bottom, [#text(15pt, weight: "bold")[{sheet.number} · {sheet.title}]], '
        f"[#text(9pt, fill: luma(90))[{sheet.lesson} · {'solution' if style == 'filled' else NAME}]])",
        "#line(length: 100%, stroke: 0.6pt)",
        sheet.text,
        "",
        "#align(center)[" + " #h(5mm) ".join(f"${g.name} = {matrix(g.value)}$" for g in sheet.given) + "]",
    ]
    lines.append("#v(4mm)")
    for q in sheet.questions:
        unit = " #h(2pt) $q$" if q.unit else ""
        answer = rows(q.value, lambda x: number(x, q.round_to) if style == "filled" else "")  # noqa: B023
        hint = "none" if style == "blank" else f"[${q.hint}$]"
        boxes = f"#grid(columns: 2, align: horizon, blanks({answer}), [{unit}])"
        lines += [f'#ask("{q.key}", [{q.text}], {hint}, [{boxes}])', "#v(1fr)"]
    return "\n".join(lines)


def document(sheets_by_seed, style, paper, solutions=True):
    """The pages of {seed: sheets} → Typst text. Each sheet is followed by its solution, if those are wanted.

    The digest of the text, without it, is among the PDF's keywords: so one sees whether a PDF is that of today.
    """
    pages = []
    for sheets in sheets_by_seed.values():
        for sheet in sheets:
            styles = [style, "filled"] if solutions and style != "filled" else [style]
            pages += [page(sheet, each) for each in styles]
    seeds = list(sheets_by_seed)
    numbers = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    body = "\n#pagebreak()\n".join(pages) + "\n"
    head = HEAD.replace("{paper}", PAPERS[paper]).replace("{height}", "7.4mm").replace("{gap}", "0pt")
    head = head.replace("{seed}", numbers)
    digest = hashlib.sha256((head + body).encode()).hexdigest()
    return head.replace("{digest}", digest) + body, digest
