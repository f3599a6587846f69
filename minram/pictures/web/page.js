"use strict";
// What every page has: its data, its colours, sharp canvases, things that light each other, and a sentence for errors.

const page = { lit: null, column: null, lastDraw: 0 };

page.get = (id) => document.getElementById(id);
page.data = JSON.parse(page.get("data").textContent);

// A colour by its role, as page.css has it for the light or the dark page. They are read once, as reading is slow.
page.colours = {};
page.colour = (role) => {
  const read = () => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
  return (page.colours[role] ??= read());
};

// An error is a sentence on the page, not a page that has stopped without a word.
page.sorry = (sentence) => {
  const box = page.get("sorry");
  box.textContent = sentence;
  box.hidden = !sentence;
};
window.addEventListener("error", (event) => page.sorry(`This page has stopped (${event.message}); load it again.`));

// The canvas as large as it is shown, in the pixels of the screen, cleared → context and size, or null while hidden.
page.begin = (canvas) => {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return null;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const draw = canvas.getContext("2d");
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw.clearRect(0, 0, width, height);
  draw.font = "12px system-ui, sans-serif";
  return { draw, width, height };
};

// Draw, and remember how long it took: a drag is to be answered within 16 ms.
page.redraw = () => {
  const start = performance.now();
  page.draw();
  page.lastDraw = performance.now() - start;
};

// Formula, line of code, array and picture of one quantity have one data-tie; what is pointed at or has the focus
// lights all of them. A finger's touch stays until the next one, since a finger does not hover.
page.light = (tie, column = null) => {
  if (tie === page.lit && column === page.column) return;
  [page.lit, page.column] = [tie, column];
  for (const other of document.querySelectorAll("[data-tie]")) {
    const of = other.dataset.column;
    const here = column === null || of === undefined || of === String(column);
    other.classList.toggle("lit", other.dataset.tie === tie && here);
  }
  page.redraw();
};
page.follow = (event) => {
  const tied = (element) => (element instanceof Element ? element.closest("[data-tie]") : null);
  const focus = document.activeElement?.matches(":focus-visible") ? document.activeElement : null; // by the keyboard
  const found = tied(event.target) ?? tied(focus);
  if (!found) return page.light(null);
  const { tie, column } = found.dataset;
  page.light(tie, column === undefined ? null : Number(column));
};

// A pointer on a canvas: `on(kind, x, y)` with "down", "move", "up" or "over", in pixels within the canvas. Where a
// finger may scroll the page, it presses only when it has moved sideways, or was lifted where it came down.
page.pointer = (canvas, on) => {
  let [held, waiting] = [null, null];
  const scrolls = getComputedStyle(canvas).touchAction.includes("pan-y");
  const press = ({ id, x, y }) => {
    waiting = null;
    if (on("down", x, y) === false) return;
    held = id;
    try {
      canvas.setPointerCapture(id);
    } catch {
      // the pointer is gone already
    }
  };
  const at = (kind) => (event) => {
    const id = event.pointerId;
    if ((held ?? waiting?.id ?? id) !== id) return; // a second finger
    const box = canvas.getBoundingClientRect();
    const x = Math.min(Math.max(event.clientX - box.left, 0), box.width);
    const y = Math.min(Math.max(event.clientY - box.top, 0), box.height);
    if (kind === "down") {
      if (event.button > 0) return; // the left button, a finger or a pen
      if (scrolls && event.pointerType === "touch") waiting = { id, x, y };
      else press({ id, x, y });
      return;
    }
    if (waiting) {
      const sideways = Math.abs(x - waiting.x) > Math.max(3, Math.abs(y - waiting.y));
      if (kind === "cancel") waiting = null; // the page scrolls
      else if (kind === "up" || sideways) press(waiting);
      else return;
    }
    if (kind === "move") on(held === null ? "over" : "move", x, y);
    else {
      if (held !== null) on("up", x, y);
      held = null;
    }
  };
  canvas.addEventListener("pointerdown", at("down"));
  canvas.addEventListener("pointermove", at("move"));
  canvas.addEventListener("pointerup", at("up"));
  canvas.addEventListener("pointercancel", at("cancel"));
};

// Draw for the first time, and again whenever the window, its colours or what is lit change.
page.start = () => {
  document.addEventListener("pointerover", page.follow);
  document.addEventListener("focusin", page.follow);
  window.addEventListener("resize", page.redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    page.colours = {};
    page.redraw();
  });
  page.redraw();
};

window.page = page;
