"use strict";
// The state of the page, what is computed when it changes, and who may change it.

const { config } = page.data;
const params = model.parameters(page.data.params);
const stored = (() => {
  const { height, width, pixels } = page.data.images;
  const bytes = model.bytes(pixels);
  const one = (i) => ({ height, width, pixels: bytes.subarray(i * height * width, (i + 1) * height * width) });
  return page.data.labels.map((_, i) => one(i));
})();
const digitSize = { height: page.data.images.height, width: page.data.images.width };
// The drawing: light ink on a dark ground, or dark ink where the images are light at their borders.
const ground = config.less;
const ink = ground > 127 ? 0 : 255;
const own = { ...digitSize, pixels: new Uint8ClampedArray(digitSize.height * digitSize.width).fill(ground) };
const { thing } = page.data; // "digit", or "image" for a model of other data
for (const word of document.querySelectorAll(".thing")) word.textContent = thing;
const called = (k) => page.data.names[k] ?? String(k);

if ("location.hidden.W" in params) page.get("mu-formula").innerHTML = "μ<sub>t</sub> = ReLU(<i>h</i><sub>t</sub> W′ + b′) W + b";

const state = {
  image: 0, // of the twenty, or −1 for the drawing
  label: null,
  height: config.height,
  width: config.width,
  place: null, // row, column of the digit's corner
  clutter: [],
  start: [-0.3, -0.3],
  glimpses: config.glimpses,
  t: 0,
  policy: "mean",
  sigma: [...page.data.sigma],
  on: config.scales.map(() => true),
  seed: 1,
  mode: "start",
};
let [now, view, grip] = [null, {}, null];
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const middle = () => [
  Math.floor((state.height - digitSize.height) / 2),
  Math.floor((state.width - digitSize.width) / 2),
];
const digit = () => (state.image < 0 ? (thing === "digit" ? model.centred(own) : own) : stored[state.image]);

function compute() {
  const [row, column] = state.place;
  const image = model.compose(state.height, state.width, [...state.clutter, { ...digit(), row, column }]);
  const eps = state.policy === "sampled" ? model.normal(state.glimpses, state.seed) : null;
  const how = { start: state.start, glimpses: state.glimpses, sigma: state.sigma, eps, scales: state.on };
  const steps = model.look(params, config, image, how);
  now = { image, area: { height: state.height, width: state.width }, steps, cloud };
  state.t = clamp(state.t, 0, steps.length - 1);
  state.label = state.image < 0 ? null : page.data.labels[state.image];
}
const cloud = model.normal(80, 99);

page.draw = () => {
  view = { scene: drawing.scene(state, now), beliefs: drawing.beliefs(state, now) };
  drawing.retina(state, now);
  drawing.together(state, now);
};

function update() {
  const start = performance.now();
  compute();
  page.get("beliefs").style.height = `${Math.max(150, 24 * state.glimpses + 18)}px`;
  page.draw();
  write();
  page.lastDraw = performance.now() - start;
}

function show(t) {
  state.t = clamp(t, 0, now.steps.length - 1);
  page.redraw();
  write();
}

const number = (v, digits = 2) => (Math.abs(v) < 0.5 / 10 ** digits ? 0 : v).toFixed(digits).replace("-", "−");
const pair = ([x, y]) => `(${number(x)}, ${number(y)})`;
const press = (query, is) =>
  document.querySelectorAll(query).forEach((b) => b.setAttribute("aria-pressed", is(b.dataset)));

// All text that changes with the state.
function write() {
  const { steps } = now;
  const step = steps[state.t];
  const best = step.belief.indexOf(Math.max(...step.belief));
  page.get("step").textContent = `glimpse ${state.t + 1} of ${steps.length}`;
  page.get("back").disabled = state.t === 0;
  page.get("forward").disabled = state.t === steps.length - 1;
  page.get("clear").disabled = !state.clutter.length;
  const last = state.t === steps.length - 1;
  const [how, kept] = state.policy === "mean" ? ["at", ", kept in the image"] : ["drawn around", ""];
  const next = last ? "It was the last." : `The next is ${how} μ = ${pair(step.mu)}, the cross${kept}.`;
  page.get("scene-text").textContent = `Glimpse ${state.t + 1} at l = ${pair(step.loc)}. ${next}`;
  const truth = state.label === null ? "" : ` The label is ${called(state.label)}.`;
  const what = config.reward_steps === "every" ? "Of the rewards still to come it expects" : "It expects the reward";
  const expected = last ? "" : ` ${what} b = ${number(step.baseline)}.`; // after the last there is nothing to expect
  const belief = `${called(best)}, with ${number(100 * step.belief[best], 1)} %`;
  page.get("belief-text").textContent = `After glimpse ${state.t + 1}: ${belief}.${expected}${truth}`;
  const empty = state.image < 0 && own.pixels.every((v) => v === ground);
  page.get("digit-text").textContent = empty
    ? `Nothing is drawn yet: draw on the square, or take one of the ${stored.length}. The agent looks at nothing.`
    : state.image < 0
      ? `Your drawing${thing === "digit" ? ", moved so that its centre of mass is in the middle, as MNIST has it" : ""}.`
      : `Validation image ${state.image + 1} of ${stored.length}, label ${called(state.label)}.`;
  for (const [id, value, text] of [
    ["glimpses", state.glimpses, String(state.glimpses)],
    ["sigma", state.sigma[0], number(state.sigma[0])],
  ]) {
    page.get(id).value = value;
    page.get(id).nextElementSibling.textContent = text;
  }
  const asTrained = state.glimpses === config.glimpses;
  page.get("trained").textContent = asTrained ? "" : `It was trained with ${config.glimpses}.`;
  press("[data-mode]", ({ mode }) => mode === state.mode);
  press("[data-policy]", ({ policy }) => policy === state.policy);
  press("[data-scale]", ({ scale }) => state.on[scale]);
  press("[data-image]", ({ image }) => Number(image) === state.image);
  press("#own", () => state.image < 0);
  page.get("again").disabled = state.policy === "mean";
  for (const cell of document.querySelectorAll("[data-array]")) {
    if (last && ["mu", "sample", "baseline"].includes(cell.dataset.array)) {
      cell.textContent = "—";
      continue;
    }
    const found = step[cell.dataset.array];
    const values = typeof found === "number" ? [found] : Array.from(found);
    const most = cell.dataset.array === "belief" ? 10 : 6;
    const more = values.length > most ? `, … (${values.length})` : "";
    cell.textContent =
      values
        .slice(0, most)
        .map((v) => number(v, 3))
        .join(", ") + more;
  }
}

function set(changes) {
  Object.assign(state, changes);
  update();
}

function resize(height, width) {
  [state.height, state.width, state.clutter] = [height, width, []];
  for (const id of ["scene", "together"]) page.get(id).style.aspectRatio = `${width} / ${height}`;
  set({ place: middle() });
}
