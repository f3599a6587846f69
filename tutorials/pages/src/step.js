"use strict";
// The graph as arrays of buttons, one a number; what is pointed at is explained, what is wrong is red.

const STAGES = [
  "image", "parameters", "glimpse 1", "draw", "glimpse 2", "reward", "cotangents",
  "back through glimpse 2", "back through glimpse 1", "gradients",
]; // prettier-ignore
const RED = 1e-6; // differences at h = 1e-5 are right to some 1e-9, and to some 1e-11 of what is differenced
const copy = (x) => JSON.parse(JSON.stringify(x));
const state = { input: copy(page.data.input), bug: null, stage: 0, name: "φ1[0]", held: false };
const buttons = new Map();
let [nodes, differences, rounding, timer] = [null, {}, 0, null];

const number = (v) =>
  (Number.isInteger(v * 10000) ? String(v) : (Math.abs(v) < 5e-5 ? 0 : v).toFixed(4)).replace("-", "−");
const shown = (factor) => (typeof factor === "number" ? number(factor) : factor);
const bracket = (v) => (v < 0 ? `(${number(v)})` : number(v));
const filled = (factor) => bracket(typeof factor === "number" ? factor : nodes.get(factor).value);

// An array's name is that of its numbers before the bracket.
const arrayOf = (name) => name.replace(/\[.*$/, "");
const indexOf = (name) => (name.match(/\[(.*)\]$/)?.[1] ?? "0").split(",").map(Number);

function build() {
  const box = page.get("stages");
  for (const stage of STAGES) {
    const section = document.createElement("section");
    section.dataset.stage = stage;
    section.classList.toggle("wide", ["parameters", "gradients"].includes(stage));
    const head = document.createElement("h2");
    head.textContent = stage;
    const arrays = document.createElement("div");
    arrays.className = "arrays";
    section.append(head, arrays);
    box.append(section);
  }
  const cells = new Map();
  for (const { name, stage } of nodes.values()) {
    const array = arrayOf(name);
    if (!cells.has(array)) {
      const group = document.createElement("div");
      const label = document.createElement("span");
      label.textContent = array;
      const grid = document.createElement("div");
      grid.className = "cells";
      group.append(label, grid);
      box.querySelector(`[data-stage="${stage}"] .arrays`).append(group);
      cells.set(array, grid);
    }
    const button = document.createElement("button");
    button.dataset.node = name;
    const [row, column] = [0, ...indexOf(name)].slice(-2);
    button.style.gridArea = `${row + 1} / ${column + 1}`;
    cells.get(array).append(button);
    buttons.set(name, button);
  }
}

function update(input = true) {
  if (input) differences = {}; // of the numbers before
  const start = performance.now();
  nodes = model.run(state.input, state.bug);
  page.draw();
  page.lastDraw = performance.now() - start;
  clearTimeout(timer);
  timer = setTimeout(compare, 0); // a hundred runs of the whole graph: after what was asked for is shown
}

function compare() {
  differences = model.differences(state.input);
  rounding = 1e-10 * model.size(state.input);
  page.draw();
}

// A unit whose z is 0 is on its kink: the package takes the slope 0 there, and differences take half of the other.
const kinks = () => [...nodes.values()].filter((n) => n.name.startsWith("z") && Math.abs(n.value) < 1e-4);
const isWrong = (name) => {
  if (!(name in differences)) return false;
  const [found, by] = [nodes.get(name).value, differences[name]];
  return !(Math.abs(found - by) <= RED * Math.max(1, Math.abs(by)) + rounding);
};

page.draw = () => {
  const here = nodes.get(state.name);
  const edge = kinks();
  const from = new Set(here.terms.flat().filter((f) => typeof f === "string"));
  for (const [name, button] of buttons) {
    const node = nodes.get(name);
    const wrong = !edge.length && isWrong(name);
    button.textContent = (wrong ? "✗ " : "") + number(node.value);
    button.className =
      name === state.name ? "here" : from.has(name) ? "from" : node.terms.flat().includes(state.name) ? "to" : "";
    if (wrong) button.classList.add("wrong");
    button.setAttribute("aria-pressed", state.held && name === state.name);
    button.setAttribute("aria-label", `${name} = ${number(node.value)}${wrong ? ", wrong" : ""}`);
  }
  STAGES.forEach((stage, i) => {
    document.querySelector(`[data-stage="${stage}"]`).classList.toggle("later", i > state.stage);
  });
  page.get("where").textContent = `${state.stage + 1} of ${STAGES.length}: ${STAGES[state.stage]}`;
  page.get("back").disabled = state.stage === 0;
  page.get("forward").disabled = state.stage === STAGES.length - 1;
  const wrong = edge.length ? [] : [...buttons.keys()].filter(isWrong);
  const names = [...new Set(wrong.map(arrayOf))].join(", ");
  const compared = Object.keys(differences).length > 0;
  const verdict = !compared
    ? "Comparing the gradients with those by differences …"
    : edge.length
    ? `${edge[0].name} is 0, on its ReLU's kink, where differences are no judge: change a number a little.`
    : wrong.length
    ? `${wrong.length} gradients differ from those by differences (red, with ✗): ${names}.`
    : state.bug
      ? "No gradient differs: with these numbers the bug changes nothing. Change one."
      : "All gradients agree with those by differences.";
  if (page.get("verdict").textContent !== verdict) page.get("verdict").textContent = verdict; // it is read aloud
  page.get("held").textContent = state.held ? "Held. " : "";
  explain(here);
};

// What a formula comes to, once where there is nothing to work out.
const result = (worked, value) => (worked === number(value) ? `= ${worked}` : `= ${worked} = ${number(value)}`);

function explain(node) {
  const box = page.get("explain");
  const line = (text, kind = "p") => {
    const element = document.createElement(kind);
    element.textContent = text;
    return element;
  };
  const lines = [];
  if (node.says && !node.terms.length) lines.push(line(`${node.name} = ${number(node.value)}: ${node.says}.`));
  else if (node.says) {
    const names = node.terms.flat();
    lines.push(
      line(`${node.name} = ${node.says(...names)}`),
      line(result(node.says(...names.map(filled)), node.value)),
    );
  } else {
    const join = (write) => node.terms.map((t) => t.map(write).join(" · ")).join(" + ");
    lines.push(line(`${node.name} = ${join(shown)}`), line(result(join(filled), node.value)));
  }
  const code = page.data.code[node.code];
  if (code) {
    const row = line("");
    row.append(line(code.text, "code"), line(` ${code.file}, line ${code.line}`, "span"));
    lines.push(row);
  }
  if (node.name in differences) lines.push(line(`By differences: ${number(differences[node.name])}.`));
  box.firstElementChild.replaceChildren(...lines);
  const input = page.get("change");
  input.parentElement.hidden = !setter(node.name);
  if (document.activeElement !== input) input.value = node.value;
}

// Where the input keeps a number that may be changed → a function that sets it, or null.
function setter(name) {
  const { params, image, eps } = state.input;
  const [array, index] = [arrayOf(name), indexOf(name)];
  if (array in params) {
    const { shape, values } = params[array];
    return (v) => (values[shape.length === 1 ? index[0] : index[0] * shape[1] + index[1]] = v);
  }
  if (array === "x") return (v) => (image[index[0]][index[1]] = v);
  if (array === "ε") return (v) => (eps[index[0]] = v);
  if (array === "a") {
    const [i] = index; // the draw is moved by what chance gave
    return (v) => (eps[i] = (v - nodes.get(`μ[${i}]`).value) / nodes.get(`σ[${i}]`).value);
  }
  if (array === "label") return (v) => (state.input.label = v ? 1 : 0);
  return null;
}

function change(name, text) {
  const v = Number(text);
  if (text.trim() === "" || !Number.isFinite(v) || Math.abs(v) > 100) {
    page.get("refused").textContent = `A number here should be from −100 to 100, but it is “${text}”; nothing was changed.`;
    page.get("change").value = nodes.get(name).value;
    return;
  }
  page.get("refused").textContent = "";
  setter(name)(v);
  update();
}

function go(stage, byKey = false) {
  state.stage = Math.min(Math.max(stage, 0), STAGES.length - 1);
  page.draw();
  const section = document.querySelector(`[data-stage="${STAGES[state.stage]}"]`);
  section.scrollIntoView({ block: "nearest" });
  if (byKey) section.querySelector("button").focus({ preventScroll: true }); // Tab goes on from there
}

function point(event) {
  const button = event.target instanceof Element ? event.target.closest("[data-node]") : null;
  if (!button || (event.type !== "click" && state.held)) return;
  const again = button.dataset.node === state.name;
  if (event.type === "click") state.held = !(again && state.held); // so that the pointer can go to the field below
  else if (again) return;
  state.name = button.dataset.node;
  page.get("refused").textContent = "";
  page.redraw();
  if (event.type === "click" && event.detail === 0 && state.held) page.get("change").focus(); // by the Enter key
}

nodes = model.run(state.input);
build();
for (const kind of ["pointerover", "focusin", "click"]) page.get("stages").addEventListener(kind, point);
page.get("change").addEventListener("change", (event) => change(state.name, event.target.value));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (document.activeElement === page.get("change")) buttons.get(state.name).focus();
    state.held = false;
    page.redraw();
  }
  if (event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "ArrowLeft") go(state.stage - 1, true);
  if (event.key === "ArrowRight") go(state.stage + 1, true);
});
page.get("back").addEventListener("click", () => go(state.stage - 1));
page.get("forward").addEventListener("click", () => go(state.stage + 1));
page.get("all").addEventListener("click", () => go(STAGES.length - 1));
for (const [button, input] of [
  ["reset", page.data.input],
  ["lesson", page.data.lesson.input],
])
  page.get(button).addEventListener("click", () => {
    state.input = copy(input);
    page.get("refused").textContent = "";
    update();
  });
page
  .get("bug")
  .append(new Option("none", ""), ...Object.entries(model.bugs).map(([key, text]) => new Option(text, key)));
page.get("bug").addEventListener("change", (event) => {
  state.bug = event.target.value || null;
  state.stage = STAGES.length - 1;
  update(false);
});

// What the package computed for both sets of numbers when this page was made, and what this page finds.
const off = ({ input, checks }) => {
  const found = model.run(input);
  return Object.entries(checks).map(([name, value]) => Math.abs(found.get(name).value - value));
};
const offs = [...off(page.data), ...off(page.data.lesson)];
page.checked = Math.max(...offs);
page.get("checked").textContent =
  `This page has just compared ${offs.length} numbers with those of the package: ` +
  `the largest difference is ${page.checked.toExponential(0)}.`;
page.start();
update();
