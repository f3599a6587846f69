"""The grader is graded: right solutions of three kinds get all points, wrong ones what they should, with its reason."""

import pytest

from graded.wrong import WRONG as BACKWARD
from graded.wrong_estimates import WRONG as ESTIMATES
from graders import GRADED, TASKS, TUTORIALS, key, marked, solutions

WRONG = BACKWARD | ESTIMATES
CASES = [(name, *one) for name, all_of_task in WRONG.items() for one in all_of_task]
each_task = pytest.mark.parametrize("name", TASKS)


def most(name):
    return sum(part["points"] for part in key()[name]["parts"])


def test_the_points_add_up_to_100():
    assert sum(most(name) for name in TASKS) == 100 and len(TASKS) == 22


@pytest.mark.parametrize("seed", ["a seed", "another", "1"])
@each_task
def test_three_right_solutions_get_all_points(name, seed):
    second, third = ((GRADED / f"{which}.py").read_text(encoding="utf-8") for which in ("second", "third"))
    for source in (solutions()[name], second, third):
        got = marked(name, source, seed)
        assert (got.points, got.reasons) == (most(name), ())


@pytest.mark.parametrize("name, old, new, points, sentence", CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_a_wrong_solution_loses_what_it_should_and_is_told_why(name, old, new, points, sentence):
    source = solutions()[name]
    body = source[source.index("# Solution") :]
    assert body.count(old) == 1, "the text to be replaced should be there once"
    got = marked(name, source.replace(body, body.replace(old, new)))
    assert any(sentence in reason for reason in got.reasons), got.reasons
    assert got.points == points < most(name), got


@each_task
def test_each_task_has_six_wrong_solutions_and_no_two_are_alike(name):
    assert len({(old, new) for old, new, _, _ in WRONG[name]}) >= 6


@each_task
def test_another_seed_asks_for_other_numbers_and_the_same_seed_for_the_same(name):
    def numbers(seed):
        from teaching.assignment import task, tasks

        (one,) = [t for t in tasks.TASKS if t.name == name]
        return repr(task.key_of(one, seed)["right"]), repr(task.key_of(one, seed)["inputs"])

    assert numbers("1") == numbers("1") and numbers("1")[1] != numbers("2")[1]
    assert repr(key()[name]["inputs"]) == numbers("a seed")[1]


@each_task
def test_no_named_mistake_is_right_or_another_one(name):
    """What a mistake answers differs from what is right, or its sentence would never be said."""
    entry = key()[name]
    for wrong in entry["wrong"]:
        differs = [
            abs(case[path] - right[path]).max(initial=0) > 1e-3 * abs(right[path]).max(initial=1e-9)
            for case, right in zip(wrong["answers"], entry["right"])
            for path in right
        ]
        assert any(differs), wrong["sentence"]


def table():
    """The tasks with their points and parts, as the assignment's README has them."""
    lines = ["| task | | points | parts |", "|:--|:--|--:|:--|"]
    for name in TASKS:
        parts = [f"{part['label']}: {part['points']}" for part in key()[name]["parts"]]
        lines.append(f"| `{name}` | {key()[name]['title']} | {most(name)} | {'; '.join(parts)} |")
    return "\n".join(lines)


def test_the_page_on_the_assignment_has_these_points():
    text = (TUTORIALS / "teaching" / "assignment" / "README.md").read_text(encoding="utf-8")
    assert text.partition("<!-- points -->\n")[2].partition("\n<!-- /points -->")[0] == table()
