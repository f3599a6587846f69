"""The question bank: exams of 60 minutes drawn from it by a seed, and all of it for the teacher, as Typst text."""

import tomllib
from functools import cache
from pathlib import Path

import numpy as np

from minram.errors import InputError

SOURCE = Path(__file__).with_name("questions.toml")
KINDS = {"c": "Choice", "d": "Derivation", "b": "Find the bug", "p": "Predict the plot"}
MINUTES = {"c": 3, "d": 11, "b": 7, "p": 6}  # of one question; a point a minute
DRAWN = {"c": 4, "d": 2, "b": 2, "p": 2}  # how many are in an exam: 12 + 22 + 14 + 12 = 60 minutes
LESSONS = {3, 4, 5, 6, 7}  # each has a question in every exam
DIFFICULTY = (16, 18)  # of an exam, added up: so that no seed is much harder than another
# One of these prints what the other asks for, or both ask for the same.
APART = ({"b1", "d1"}, {"b2", "d5"}, {"b4", "p3"}, {"b5", "c4"}, {"b5", "c5"}, {"b5", "d3"})
ROOM = {"c": 0, "d": 96, "b": 78, "p": 14}  # mm to write in


@cache
def questions():
    """All questions by id: dicts as in questions.toml."""
    return {q["id"]: q for q in tomllib.loads(SOURCE.read_text(encoding="utf-8"))["question"]}


def draw(seed, version=0):
    """The questions of an exam as they stand there, and the order of each choice's options {id: [numbers]}.

    Drawn anew until every lesson is there, the difficulty is as in other exams, and none gives another away. A version
    (0 to 3) has the same questions and numbers; no option has the letter that it has in another version. Raises
    InputError for a wrong seed.
    """
    if not 0 <= seed < 2**31:
        raise InputError(f"--seed should be from 0 to 2³¹ − 1, but is {seed}; choose another.")
    rng = np.random.default_rng(seed)
    every = questions()
    while True:
        ids = []
        for kind, count in DRAWN.items():
            mine = sorted(name for name in every if name[0] == kind)
            ids += sorted(rng.choice(mine, count, replace=False).tolist(), key=lambda name: every[name]["lesson"])
        lessons = {every[name]["lesson"] for name in ids}
        difficulty = sum(every[name]["difficulty"] for name in ids)
        alone = not any(pair <= set(ids) for pair in APART)
        if lessons >= LESSONS and DIFFICULTY[0] <= difficulty <= DIFFICULTY[1] and alone:
            break
    drawn = [with_numbers(every[name], int(rng.integers(len(sets(every[name]))))) for name in ids]
    orders = {}
    for name in ids[: DRAWN["c"]]:
        order, turns = rng.permutation(4), [0, *(1 + rng.permutation(3))]
        orders[name] = np.roll(order, turns[version]).tolist()
    return drawn, orders


def sets(q):
    """The sets of numbers of a question, one of which an exam takes."""
    return q.get("variants", [q.get("answers", {})])


def with_numbers(q, i):
    """The question with the numbers of its set i in all its texts."""

    def fill(text):
        for name, value in sets(q)[i].items():
            text = text.replace(f"<<{name}>>", value.replace("/", "\\/"))
        return text

    filled = q | {key: fill(q[key]) for key in ("text", "solution") if key in q}
    if "options" in q:
        filled["options"] = [option | {key: fill(option[key]) for key in ("text", "why")} for option in q["options"]]
    return filled


def block(q, number, order, solved, tags=False):
    """One question as Typst text: with room for the answer, or with the answer and the marking."""
    kind = q["id"][0]
    head = f"*{number}* #h(1mm) *{q['title']}* #h(1fr) {MINUTES[kind]} points"
    if tags:
        head += f" · lesson {q['lesson']} · difficulty {q['difficulty']}"
        head += f" · {len(q['variants'])} sets of numbers" if "variants" in q else ""
    lines = [f"#question[{head}][", q["text"]]
    if kind == "b":
        lines.append(listing(q["code"], q["code"].splitlines().index(q["wrong"]) if solved else None))
    if kind == "c":
        for letter, i in zip("ABCD", order):
            text, why = (q["options"][i][key] for key in ("text", "why"))
            if solved:
                lines.append(f"#option[{'#sym.checkmark' if i == 0 else '#h(1em)'} *{letter}* #h(2mm) {text}")
                lines.append(f"#h(3mm) #answer[{why}]]")
            else:
                lines.append(f"#option[#box(square(size: 3mm, stroke: 0.6pt)) #h(1mm) *{letter}* #h(2mm) {text}]")
    if kind == "p":
        name, width = (q["figure"], "62%") if solved else (f"{q['figure']}-blank", "78%")
        lines.append(f'#align(center, image("plot-{name}.svg", width: {width}))')
    if solved:
        if kind != "c":
            lines.append(f"#answer[{q['solution']}]")
        if kind == "b":
            lines.append("#answer[In its place:]\n" + listing(q["right"], None))
        points = [f"*{hint.partition(':')[0]}*{hint.partition(':')[2]}" for hint in q["marking"]]
        lines.append("#marking[" + "; #h(2mm) ".join(points) + "]")
    elif ROOM[kind]:
        lines.append(f"#v({ROOM[kind]}mm)")
    return "\n".join([*lines, "]"])


def listing(code, marked):
    """Code with line numbers, as a call of Typst; one line may be marked."""
    escaped = code.rstrip().replace("\\", "\\\\").replace('"', '\\"').split("\n")
    lines = ", ".join(f'"{line}"' for line in escaped)
    return f"#listing(({lines},), {'none' if marked is None else marked + 1})"


HEAD = '#import "common.typ": *\n#import "exam-lib.typ": *\n'


def exam(seed, solution=False, version=0, versions=1):
    """An exam of 60 minutes, or its solution with marking hints, as Typst text."""
    drawn, orders = draw(seed, version)
    title = f"Policy gradients, exam {seed}" + (f" {letter(version)}" if versions > 1 else "")
    parts = [f'{HEAD}#show: paper.with("{title}{": solution" if solution else ""}")']
    parts.append(f"#opening({'true' if solution else 'false'}, ({', '.join(str(MINUTES[q['id'][0]]) for q in drawn)}))")
    if solution:
        right = [f"{i} {'ABCD'[orders[q['id']].index(0)]}" for i, q in enumerate(drawn, 1) if q["id"] in orders]
        parts.append(f"#key[{', '.join(right)}][{', '.join(q['id'] for q in drawn)}]")
    parts += [block(q, i, orders.get(q["id"]), solution) for i, q in enumerate(drawn, 1)]
    return "\n\n".join(parts) + "\n"


def letter(version):
    """A, B, … of a version."""
    return chr(ord("A") + version)


def whole():
    """All questions with solutions, for the teacher, as Typst text."""
    parts = [f'{HEAD}#show: paper.with("Policy gradients, the question bank")', "#preface()"]
    for kind, name in KINDS.items():
        parts.append(f"#part[{name}, {MINUTES[kind]} minutes each]")
        mine = [with_numbers(q, 0) for q in questions().values() if q["id"][0] == kind]
        parts += [block(q, q["id"], range(4), True, tags=True) for q in mine]
    return "\n\n".join(parts) + "\n"
