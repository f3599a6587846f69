"""All tasks of the assignment, and the key that a seed makes of them."""

from teaching.assignment import lesson3, lesson4, lesson6, lesson7
from teaching.assignment.task import Task, key_of

TASKS: tuple[Task, ...] = (*lesson3.TASKS, *lesson4.TASKS, *lesson6.TASKS, *lesson7.TASKS)


def key(seed):
    """What a grader has to know, for all tasks: inputs, right answers, named wrong ones."""
    return [key_of(task, seed) for task in TASKS]
