"use strict";
// The graph as arrays of buttons, one a number; what is pointed at is explained, what is wrong is red.

const STAGES = [
  "image", "parameters", "glimpse 1", "draw", "glimpse 2", "reward", "cotangents",
  "back through glimpse 2", "back through glimpse 1", "gradients",
]; // prettier-ignore
const RED = 1e-6; // differences at h = 1e-5 are right to some 1e-9
const copy = (x) => JSON.parse(JSON.stringify(x));
const state = { input: copy(page.data.input), bug: null, stage: 0, name: "φ1[0]" };
const buttons = new Map();
let [nodes, differences, timer] = [null, {}, null];

const number = (v) => (Number.isInteger(v * 10000) ? String(v) : v.toFixed(4)).replace("-", "−");
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

function update() {
  const start = performance.now();
  nodes = model.run(state.input, state.bug);
  page.draw();
  page.lastDraw = performance.now() - start;
  clearTimeout(timer);
  timer = setTimeout(compare, 0); // a hundred runs of the whole graph: after what was asked for is shown
}

function compare() {
  differences = model.differences(state.input);
  page.draw();
}

const isWrong = (name) => name in differences && Math.abs(nodes.get(name).value - differences[name]) > RED;

page.draw = () => {
  const here = nodes.get(state.name);
  const from = new Set(here.terms.flat().filter((f) => typeof f === "string"));
  for (const [name, button] of buttons) {
    const node = nodes.get(name);
    const wrong = isWrong(name);
    button.textContent = (wrong ? "✗ " : "") + number(node.value);
    button.className =
      name === state.name ? "here" : from.has(name) ? "from" : node.terms.flat().includes(state.name) ? "to" : "";
    if (wrong) button.classList.add("wrong");
    button.setAttribute("aria-label", `${name} = ${number(node.value)}${wrong ? ", wrong" : ""}`);
  }
  STAGES.forEach((stage, i) => {
    document.querySelector(`[data-stage="${stage}"]`).classList.toggle("later", i > state.stage);
  });
  page.get("where").textContent = `${state.stage + 1} of ${STAGES.length}: ${STAGES[state.stage]}`;
  page.get("back").disabled = state.stage === 0;
  page.get("forward").disabled = state.stage === STAGES.length - 1;
  const wrong = [...buttons.keys()].filter(isWrong);
  const names = [...new Set(wrong.map(arrayOf))].join(", ");
  page.get("verdict").textContent = wrong.length
    ? `${wrong.length} gradients differ from those by differences (red, with ✗): ${names}.`
    : state.bug && Object.keys(differences).length
      ? "No gradient differs: with these numbers the bug changes nothing. Change one."
      : "All gradients agree with those by differences.";
  explain(here);
};

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
      line(`= ${node.says(...names.map(filled))} = ${number(node.value)}`),
    );
  } else {
    const join = (write) => node.terms.map((t) => t.map(write).join(" · ")).join(" + ");
    lines.push(line(`${node.name} = ${join(shown)}`), line(`= ${join(filled)} = ${number(node.value)}`));
  }
  const code = page.data.code[node.code];
  if (code) {
    const row = line("");
    row.append(line(code.text, "code"), line(` ${code.file}, line ${code.line}`, "span"));
    lines.push(row);
  }
  if (node.name in differences) lines.push(line(`By differences: ${number(differences[node.name])}.`));
  box.replaceChildren(...lines);
  if (setter(node.name)) {
    const label = line("Change it: ", "label");
    const input = document.createElement("input");
    Object.assign(input, { id: "change", type: "number", step: 0.25, value: node.value });
    input.addEventListener("change", () => change(node.name, input.value));
    label.append(input);
    box.append(label);
  }
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
    page.sorry(`A number here should be from −100 to 100, but it is “${text}”; nothing was changed.`);
    return;
  }
  page.sorry("");
  setter(name)(v);
  update();
}

function go(stage) {
  state.stage = Math.min(Math.max(stage, 0), STAGES.length - 1);
  page.draw();
  document.querySelector(`[data-stage="${STAGES[state.stage]}"]`).scrollIntoView({ block: "nearest" });
}

function point(event) {
  const button = event.target instanceof Element ? event.target.closest("[data-node]") : null;
  if (!button || button.dataset.node === state.name) return;
  if (event.type === "pointerover" && document.activeElement?.id === "change") return; // someone types
  state.name = button.dataset.node;
  page.redraw();
}

nodes = model.run(state.input);
build();
for (const kind of ["pointerover", "focusin", "click"]) page.get("stages").addEventListener(kind, point);
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "ArrowLeft") go(state.stage - 1);
  if (event.key === "ArrowRight") go(state.stage + 1);
});
page.get("back").addEventListener("click", () => go(state.stage - 1));
page.get("forward").addEventListener("click", () => go(state.stage + 1));
page.get("all").addEventListener("click", () => go(STAGES.length - 1));
page.get("reset").addEventListener("click", () => {
  state.input = copy(page.data.input);
  update();
});
page
  .get("bug")
  .append(new Option("none", ""), ...Object.entries(model.bugs).map(([key, text]) => new Option(text, key)));
page.get("bug").addEventListener("change", (event) => {
  state.bug = event.target.value || null;
  state.stage = STAGES.length - 1;
  update();
});

// What the package computed for these numbers when this page was made, and what this page finds.
page.checked = Math.max(
  ...Object.entries(page.data.checks).map(([name, value]) => Math.abs(nodes.get(name).value - value)),
);
page.get("checked").textContent =
  `This page has just compared ${Object.keys(page.data.checks).length} numbers with those of the package: ` +
  `the largest difference is ${page.checked.toExponential(0)}.`;
page.start();
update();
