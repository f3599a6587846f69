"""Ctrl-C and termination signals, turned into a question that is asked between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """In this block the first Ctrl-C, SIGTERM or SIGHUP does nothing but be remembered → was there one?

    A second Ctrl-C interrupts. Signals that are ignored, as under nohup, stay so; outside the main thread nothing
    is changed.
    """
    asked: list[int] = []
    old = {}

    def ask(number, frame):
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # None: a handler that is not Python's, and could not be put back.
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                old[number] = signal.signal(number, ask)
    except ValueError:
        pass
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
