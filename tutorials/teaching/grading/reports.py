"""What grading leaves: a table of the class as CSV, and a page for each student as HTML.

Names and sentences come from submissions. In the table none begins as a formula does, which a spreadsheet would
compute; on the pages all is escaped, and the page says that nothing on it may be run or loaded.
"""

import csv
import html
import re
import unicodedata

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>
body {{ font: 16px/1.45 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4em .6em; border-bottom: 1px solid #bbb; }}
td.points {{ white-space: nowrap; text-align: right; }}
ul {{ margin: .2em 0; padding-left: 1.2em; }}
</style>
<h1>{name}</h1>
<p><strong>{points} of {most} points.</strong> {remarks}</p>
<table>
<tr><th>task</th><th>points</th><th>what was found</th></tr>
{rows}
</table>
</html>
"""


def number(points):
    """Points as they are written: quarters at most."""
    return f"{round(points, 2):g}"


def cell(value):
    """A text that no spreadsheet takes for a formula."""
    text = str(value)
    first = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text}" if first in ("=", "+", "-", "@", "|", "%") or text[:1] in ("\t", "\r", "\n") else text


def write_table(path, results, key):
    """One row a student: name, points, those of each task, and what keeps them from being all."""
    tasks = [task["name"] for task in key["tasks"]]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "points", "of", *tasks, "remarks"])
        for result in results:
            said = [f"{m.task}: {reason}" for m in result.marks if m.tried for reason in m.reasons]
            remarks = " · ".join([*result.student.remarks, *said])
            points = [number(m.points) for m in result.marks]
            writer.writerow(
                [cell(result.student.name), number(result.points), number(result.most), *points, cell(remarks)]
            )


def page(result):
    """The page of a student."""
    rows = []
    for m in result.marks:
        said = [html.escape(reason) for reason in m.reasons] or ["right"]
        said += [
            f"{html.escape(label)}: {number(p)} of {number(of)}" for label, p, of in m.parts if 0 < m.points < m.most
        ]
        items = "".join(f"<li>{text}</li>" for text in said)
        title = f"{html.escape(m.task)}, {html.escape(m.title)}"
        points = f"{number(m.points)} of {number(m.most)}"
        rows.append(f'<tr><td>{title}</td><td class="points">{points}</td><td><ul>{items}</ul></td></tr>')
    return PAGE.format(
        name=html.escape(result.student.name),
        points=number(result.points),
        most=number(result.most),
        remarks=html.escape(" ".join(f"{remark}." for remark in result.student.remarks)),
        rows="\n".join(rows),
    )


def write_pages(folder, results):
    """A page for each student → {student: file name}. Names become letters, digits and dashes, and no two the same."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = {}
    for result in results:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", result.student.name).strip("-")[:60] or "student"
        name, k = plain, 1
        while name.lower() in {other.lower() for other in taken.values()}:
            k += 1
            name = f"{plain}-{k}"
        taken[result.student.name] = name
        (folder / f"{name}.html").write_text(page(result), encoding="utf-8", newline="\n")
    return taken
