"use strict";
// The state of the page, what is computed when it changes, and who may change it.

const BATCHES = 300;
const MOST = 256;
const START = { reward: "step", c: 0.25, w: 0.3, mu: 0.1, sigma: 0.2, b: 0, M: 16 };
const ETA = 0.05;
const state = { s: { ...START }, eta: ETA, rule: "score", batch: 0, trail: [], seed: 1 };
let noise = model.normal(BATCHES * MOST, state.seed);
let [now, curve, view, held, grip] = [null, { key: "" }, {}, null, 0];

const TRY = [
  ["Pull the baseline to 0.8: what happens to the histogram? And to its middle?", { mu: 0.4, b: 0 }],
  [
    "Halve σ. The pictures stay, as their unit doubles with the estimates (see the axis of the histogram). How much larger is the variance?",
    { sigma: 0.4, mu: 0.25 },
  ],
  ["M four times as large: how much narrower is the histogram?", { M: 4 }],
  ["On the step, the pathwise gradient is 0, always: no sample sees the edge. Take ten steps by each rule.", { mu: -0.1 }],
  ["Make the slope steep, w small: which of the two estimators gets worse?", { reward: "slope", w: 0.6 }],
  [
    "Far from the bump nothing is rewarded. Does a baseline help? What would?",
    { reward: "bump", w: 0.1, c: 0.8, mu: -0.6 },
  ],
  [
    "Ten steps with M = 1. Then set it up again, and ten with M = 64: who arrives?",
    { reward: "bump", w: 0.4, c: 0.5, mu: -0.2, M: 1, eta: 0.1, batch: 25 },
  ],
];
const FORMULA = {
  step: "= 1 if a > c, otherwise 0",
  bump: "= exp(−(a − c)²/2w²)",
  slope: "= (a − c)/w + ½, kept within 0 and 1",
};
const RANGE = { c: [-1, 1], w: [0.05, 0.8], mu: [-1, 1], sigma: [0.05, 0.6], b: [-0.5, 1.5] };
const LIMIT = (name, value) => Math.min(Math.max(value, RANGE[name][0]), RANGE[name][1]);

function compute() {
  const { s } = state;
  const rule = page.data.rule;
  const key = [s.reward, s.c, s.w, s.sigma].join();
  if (curve.key !== key) {
    const means = Array.from({ length: 66 }, (_, i) => -1.3 + i * 0.04);
    curve = { key, means, values: model.J(s, means, rule) };
  }
  const exact = model.exact(s, rule);
  // The scales of the pictures do not follow b and M, or one could not see what these do.
  const size = Math.sqrt(
    Math.max(model.variance(exact, s.sigma, 0), exact.pathwiseVariance / 4, exact.gradient ** 2, 0.04),
  );
  const half =
    [0.2, 0.4, 1, 2, 4, 10, 20, 40].find((h) => h > Math.max(1.3 * size, 1.5 * Math.abs(exact.gradient))) ?? 100;
  const eps = noise.subarray(state.batch * MOST, state.batch * MOST + s.M);
  now = {
    means: curve.means,
    curve: curve.values,
    exact,
    size,
    half,
    batch: model.batch(s, eps),
    many: model.estimates(s, noise, BATCHES),
  };
}

page.draw = () => {
  view = { scene: drawing.scene(state, now), parabola: drawing.parabola(state, now) };
  drawing.histogram(state, now);
};

function update() {
  const start = performance.now();
  compute();
  page.draw();
  write();
  page.lastDraw = performance.now() - start;
}

const number = (v, digits = 3) => (Math.abs(v) < 0.5 / 10 ** digits ? 0 : v).toFixed(digits).replace("-", "−");
const spread = (values) => {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length)];
};

// All text that changes with the state.
function write() {
  const { s } = state;
  for (const input of document.querySelectorAll(".slider input")) {
    const value = input.id === "eta" ? state.eta : s[input.id];
    const text = input.id === "M" ? String(value) : number(value, input.id === "eta" ? 3 : 2);
    input.value = input.id === "M" ? Math.log2(value) : value;
    input.setAttribute("aria-valuetext", text); // the slider of M moves in powers of two
    input.nextElementSibling.textContent = text;
  }
  page.get("w").disabled = s.reward === "step";
  for (const b of document.querySelectorAll("[data-reward]"))
    b.setAttribute("aria-pressed", b.dataset.reward === s.reward);
  for (const b of document.querySelectorAll("[data-rule]"))
    b.setAttribute("aria-pressed", b.dataset.rule === state.rule);
  page.get("reward-formula").textContent = FORMULA[s.reward];
  const { exact, batch, many } = now;
  const [score, path] = [spread(many.score), spread(many.path)];
  const by = `${number(batch.estimate)} by the score function, ${number(batch.pathwise)} pathwise`;
  const say = (id, ...sentences) => (page.get(id).textContent = sentences.join(" "));
  say(
    "scene-text",
    `J(μ) = ${number(exact.J)}, dJ/dμ = ${number(exact.gradient)}. This batch says ${by}.`,
    "Full dots: better than the baseline; hollow ones: not.",
  );
  const both = ([mean, std]) => `${number(mean)} ± ${number(std)}`;
  say("histogram-text", `Mean ± spread: score function ${both(score)}, pathwise ${both(path)}.`);
  const lowest = number(model.variance(exact, s.sigma, exact.best));
  const wrong = s.reward === "step" ? ", of a wrong mean, 0" : "";
  say(
    "parabola-text",
    `At b = ${number(s.b, 2)}: ${number(exact.variance)}; at b* = ${number(exact.best, 2)}: ${lowest};`,
    `pathwise ${number(exact.pathwiseVariance)}${wrong}.`,
  );
  writeArray();
  const rows = [
    ["", "score function", "pathwise", "exact"],
    ["this batch's estimate", batch.estimate, batch.pathwise, exact.gradient],
    ["mean of an estimate, exactly", exact.gradient, exact.pathwise, exact.gradient],
    ["its standard deviation, exactly", Math.sqrt(exact.variance / s.M), Math.sqrt(exact.pathwiseVariance / s.M), 0],
    ["the same, of the 300", score[1], path[1], 0],
  ];
  fill(page.get("numbers"), rows);
}

function writeArray() {
  const { batch } = now;
  const n = Math.min(8, batch.a.length);
  const rows = [
    ["a", "a"],
    ["r", "r(a)", "reward"],
    ["score", "ψ", "score"],
    ["advantage", "A", "advantage"],
    ["product", "A ψ", "product"],
    ["path", "r′(a)", "path"],
  ];
  const table = page.get("array");
  if (table.rows.length !== rows.length || table.rows[0].cells.length !== n + 1) {
    table.replaceChildren();
    for (const [tie, name] of rows) {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      for (let i = 0; i < n; i++) row.insertCell().dataset.column = i;
      for (const cell of row.cells) cell.dataset.tie = tie;
    }
  }
  rows.forEach(([tie, , key], i) => {
    for (let j = 0; j < n; j++) table.rows[i].cells[j + 1].textContent = number(batch[key ?? tie][j]);
  });
}

// Cells are made once and then only their text changes, as making them takes longer than drawing.
function fill(table, rows) {
  rows.forEach((values, i) => {
    const row = table.rows[i] ?? table.insertRow();
    values.forEach((value, j) => {
      const cell = row.cells[j] ?? row.insertCell();
      cell.textContent = typeof value === "number" ? number(value) : value;
      if (j) cell.className = "number";
    });
  });
}

function step(times) {
  for (let i = 0; i < times; i++) {
    if (i) compute();
    state.trail = [...state.trail.slice(-60), state.s.mu];
    const estimate = state.rule === "path" ? now.batch.pathwise : now.batch.estimate;
    state.s.mu = LIMIT("mu", state.s.mu + state.eta * estimate);
    state.batch = (state.batch + 1) % BATCHES;
  }
  update();
}

function set(changes) {
  Object.assign(state.s, changes);
  update();
}

// The handle that is nearest to the pointer, if one is near.
function nearest(x, y) {
  const far = Object.entries(view.scene?.handles ?? {}).map(([name, [hx, hy]]) => [Math.hypot(hx - x, hy - y), name]);
  far.sort((a, b) => a[0] - b[0]);
  return far.length && far[0][0] < 30 ? far[0][1] : null;
}

function drag(kind, x, y) {
  if (kind === "over") page.get("scene").style.cursor = nearest(x, y) ? "grab" : "default";
  if (kind === "down") {
    held = nearest(x, y);
    grip = held ? view.scene.handles[held][0] - x : 0; // so that it does not jump to the pointer
    return held !== null;
  }
  if (kind !== "move" || !held) return true;
  const value = view.scene.x.back(x + grip);
  const { s } = state;
  const wanted = { mu: value, c: value, sigma: Math.abs(value - s.mu), w: 2 * Math.abs(value - s.c) }[held];
  set({ [held]: LIMIT(held, wanted) });
  return true;
}

for (const input of document.querySelectorAll(".slider input")) {
  input.addEventListener("input", () => {
    const value = Number(input.value);
    if (input.id === "eta") state.eta = value;
    set(input.id === "eta" ? {} : { [input.id]: input.id === "M" ? 2 ** value : value });
  });
}
const click = (query, act) =>
  document.querySelectorAll(query).forEach((b) => b.addEventListener("click", () => act(b.dataset)));
click("[data-reward]", ({ reward }) => set({ reward }));
click("[data-b]", ({ b }) => set({ b: LIMIT("b", { none: 0, mean: now.exact.J, best: now.exact.best }[b]) }));
click("[data-rule]", ({ rule }) => {
  state.rule = rule;
  update();
});
click("#step", () => step(1));
click("#steps", () => step(10));
click("#again", () => {
  Object.assign(state, { eta: ETA, trail: [], batch: 0, rule: "score" });
  set(START);
});
click("#fresh", () => {
  noise = model.normal(BATCHES * MOST, ++state.seed);
  update();
});
for (const [text, setting] of TRY) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.textContent = "Set it up";
  item.id = `try-${page.get("try").children.length + 1}`;
  button.setAttribute("aria-describedby", item.id);
  button.addEventListener("click", () => {
    const { eta = ETA, batch = 0, ...rest } = setting;
    Object.assign(state, { eta, batch, trail: [], rule: "score" });
    set({ ...START, ...rest });
  });
  item.append(text + " ", button);
  page.get("try").append(item);
}
page.pointer(page.get("scene"), drag);
page.pointer(page.get("parabola"), (kind, x) => {
  if (kind === "down" || kind === "move") set({ b: LIMIT("b", view.parabola.x.back(x)) });
});

// What Python computed for some settings when this page was made, and what this page finds.
let off = 0;
for (const { setting, values } of page.data.checks) {
  const found = model.exact(setting, page.data.rule);
  for (const [name, value] of Object.entries(values))
    off = Math.max(off, Math.abs(found[name] - value) / Math.max(1, Math.abs(value)));
}
page.get("checked").textContent =
  `This page has just compared itself with ${page.data.checks.length} settings that Python computed: ` +
  `the largest difference is ${off.toExponential(0)}.`;
page.checked = off;
compute();
page.start();
write();
