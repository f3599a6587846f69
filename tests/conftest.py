import os
import signal

import matplotlib
import pytest
from hypothesis import Phase, settings

# The same examples on every run and machine; no deadline, because machines differ.
settings.register_profile("minram", derandomize=True, deadline=None, database=None, max_examples=40)
# mutate.py asks only whether a test fails: the same examples, but none is looked for that is simpler.
settings.register_profile("mutating", settings.get_profile("minram"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("mutating" if "MUTATING" in os.environ else "minram")


@pytest.fixture(autouse=True)
def signals_are_heard():
    """In the background or under nohup some signals are ignored; tests, and the processes they begin, need them."""
    handlers = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    numbers = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, numbers[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def the_style_is_taken_back():
    """Lessons set their style for good; a test that runs one leaves none to the next."""
    with matplotlib.rc_context():
        yield
