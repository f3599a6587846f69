"""What the lessons share."""

import inspect


def show_source(*functions):
    """Print the source of functions or classes of the package, under the name of their file."""
    for f in functions:
        print(f"# {f.__module__.replace('.', '/')}.py\n{inspect.getsource(f)}")
