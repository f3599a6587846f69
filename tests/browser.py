"""A real browser for tests of pages: Chromium as the system has it, driven by Playwright (the extra `pages`)."""

import json
import shutil
import time
from contextlib import contextmanager

import numpy as np
import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update".split()

FRAME = 16  # ms: a drag that is answered within it follows the finger


def apart(found, wanted):
    """The largest difference, relative to numbers larger than 1."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape and np.isfinite(found).all()
    return np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted)))


@contextmanager
def chromium():
    """A browser; skips the test, with the reason, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason='no driver: pip install -e ".[pages]"')
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    with playwright.sync_playwright() as driver:
        # Playwright gives each browser a new folder for its data, and removes it. A sandbox is for strangers' pages.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-sync", *QUIET])
        yield browser
        browser.close()


def processor_times(browser, page, kind, act):
    """How long the page's thread computed for each event of this kind while `act` ran, in ms.

    That is what the browser traced of the processor, not of the clock, which other work on the machine stretches.
    """
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    found = [e for e in events if e["name"] == "EventDispatch" and e["args"]["data"]["type"] == kind]
    return [event["tdur"] / 1000 for event in found if "tdur" in event]


class Visit:
    """One page in a window of its own: what it said to the console, and whom it asked over a network."""

    def __init__(self, browser, path, width=1200, height=900, **options):
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()
        if error[0] is None:
            assert not self.complaints
            assert all(url.startswith(("file:", "data:", "blob:")) for url in self.asked)

    def run(self, script, *argument):
        return self.page.evaluate(script, *argument)

    def until(self, script, seconds=10):
        """Wait until a script is true. (Playwright's own way needs eval, which the pages forbid themselves.)"""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"after {seconds} s there is still not {script}"
            time.sleep(0.02)

    def drag(self, canvas, start, end, steps=30):
        """Press at `start`, move to `end`, let go; both in pixels within the canvas."""
        self.page.locator(canvas).scroll_into_view_if_needed()
        box = self.page.locator(canvas).bounding_box()
        mouse = self.page.mouse
        mouse.move(box["x"] + start[0], box["y"] + start[1])
        mouse.down()
        mouse.move(box["x"] + end[0], box["y"] + end[1], steps=steps)
        mouse.up()

    def swipe(self, canvas, start, end, steps=10):
        """The same with a finger, of which the browser decides whether it scrolls the page."""
        self.page.locator(canvas).scroll_into_view_if_needed()
        box, touch = self.page.locator(canvas).bounding_box(), self.context.new_cdp_session(self.page)
        for i in range(steps + 1):
            x, y = (box[k] + a + (b - a) * i / steps for k, a, b in zip("xy", start, end))
            points = {"type": "touchMove" if i else "touchStart", "touchPoints": [{"x": x, "y": y}]}
            touch.send("Input.dispatchTouchEvent", points)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        touch.detach()
