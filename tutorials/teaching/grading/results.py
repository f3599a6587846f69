"""The file that Gradescope reads: results.json, and the fields that its documentation names.

Source: Gradescope's "Autograder Specifications", the sections on output format.
"""

NUMBER, FORMATS = (int, float), ("text", "html", "simple_format", "md", "ansi")
VISIBILITY = ("hidden", "after_due_date", "after_published", "visible")
WHOLE = {
    "score": NUMBER,
    "execution_time": NUMBER,
    "output": str,
    "output_format": FORMATS,
    "test_output_format": FORMATS,
    "test_name_format": FORMATS,
    "visibility": VISIBILITY,
    "stdout_visibility": VISIBILITY,
    "extra_data": dict,
    "tests": list,
    "leaderboard": list,
}
TEST = {
    "score": NUMBER,
    "max_score": NUMBER,
    "status": ("passed", "failed"),
    "name": str,
    "name_format": FORMATS,
    "number": str,
    "output": str,
    "output_format": FORMATS,
    "tags": list,
    "visibility": VISIBILITY,
    "extra_data": dict,
}


def faults(results):
    """What keeps results from being what is documented: sentences, none where nothing does."""
    found = list(_faults("the results", results, WHOLE))
    if "score" not in results and not any("score" in test for test in results.get("tests", [])):
        found.append("there is neither a score nor a test with one")
    for i, test in enumerate(results.get("tests", [])):
        found += _faults(f"test {i}", test, TEST)
        if {"score", "max_score"} <= set(test) and not 0 <= test["score"] <= test["max_score"]:
            found.append(f"test {i} has {test['score']} of {test['max_score']} points")
        if test.get("visibility", "visible") != "visible":
            found.append(f"test {i} is not visible, and would hide the student's total")
    return found


def _faults(what, fields, known):
    for name, value in fields.items():
        wanted = known.get(name)
        if wanted is None:
            yield f"{what}: {name} is no documented field"
        elif isinstance(wanted, tuple) and isinstance(wanted[0], str):
            if value not in wanted:
                yield f"{what}: {name} is {value!r}, and should be one of {', '.join(wanted)}"
        elif not isinstance(value, wanted) or isinstance(value, bool):
            yield f"{what}: {name} is of the wrong type"


def results_of(result, seconds, solutions=None):
    """The results of a student, a test for each task; solutions {task: source} are added where points are missing."""
    tests = []
    for m in result.marks:
        lines = [*m.reasons] or ["right"]
        lines += [f"{label}: {points:g} of {of:g}" for label, points, of in m.parts if 0 < m.points < m.most]
        if solutions and m.points < m.most:
            lines += ["", "A solution:", solutions[m.task]]
        tests.append(
            {
                "score": m.points,
                "max_score": m.most,
                "status": "passed" if m.points == m.most else "failed",
                "name": f"{m.task}, {m.title}",
                "number": m.task.removeprefix("task").replace("_", "."),
                "output": "\n".join(lines),
                "output_format": "text",
                "tags": [f"lesson {m.task[4]}"],
                "visibility": "visible",
            }
        )
    return {
        "score": result.points,
        "execution_time": round(seconds),
        "output": "\n".join([*result.student.remarks, f"{result.points:g} of {result.most:g} points."]),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
