"use strict";
// Who may change the state: pointers, keys, buttons; then the page compares itself with Python, and is shown.

// A square piece of another of the twenty digits, its middle at a pixel: the clutter of the package's task.
function throwIn(row, column) {
  const size = Math.min(config.distractor_size, digitSize.height, digitSize.width);
  const uniform = model.uniform(1000 + 7919 * state.clutter.length + 31 * Math.round(row) + Math.round(column));
  const others = stored.filter((_, i) => i !== state.image);
  const whole = others[Math.floor(uniform() * others.length)] ?? stored[0];
  const [i0, j0] = [digitSize.height, digitSize.width].map((n) => Math.floor(uniform() * (n - size + 1)));
  const pixels = new Uint8Array(size * size);
  pixels.forEach((_, n) => (pixels[n] = whole.pixels[(i0 + Math.floor(n / size)) * whole.width + j0 + (n % size)]));
  const piece = { height: size, width: size, pixels };
  piece.row = clamp(Math.round(row - size / 2), 0, Math.max(0, state.height - size));
  piece.column = clamp(Math.round(column - size / 2), 0, Math.max(0, state.width - size));
  set({ clutter: [...state.clutter, piece].slice(-40) });
}

const moved = (row, column) => [
  clamp(Math.round(row), 0, Math.max(0, state.height - digitSize.height)),
  clamp(Math.round(column), 0, Math.max(0, state.width - digitSize.width)),
];

page.pointer(page.get("scene"), (kind, x, y) => {
  if (!view.scene || kind === "over" || kind === "up") return true;
  const l = [(2 * x) / view.scene.width - 1, (2 * y) / view.scene.height - 1].map((v) => clamp(v, -1, 1));
  const [row, column] = [y / view.scene.pixel, x / view.scene.pixel];
  if (state.mode === "start") set({ start: l, t: kind === "down" ? 0 : state.t });
  else if (state.mode === "place") {
    if (kind === "down") grip = [row - state.place[0], column - state.place[1]];
    set({ place: moved(row - grip[0], column - grip[1]) });
  } else if (kind === "down") throwIn(row, column);
  return true;
});
page.pointer(page.get("beliefs"), (kind, x, y) => {
  if (kind === "down" && view.beliefs) show(Math.floor(y / view.beliefs.rowHeight));
  return true;
});

// The pad: a soft pen, two pixels wide on a digit's 28, along the line from where it was.
let pen = null;
page.pointer(page.get("pad"), (kind, x, y) => {
  if (kind === "over") return true;
  const pad = page.get("pad");
  const to = [(y / pad.clientHeight) * own.height, (x / pad.clientWidth) * own.width];
  if (kind === "down") pen = to;
  if (kind === "up" || !pen) {
    pen = null;
    return true;
  }
  const parts = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - pen[0], to[1] - pen[1])));
  const radius = own.height / 28;
  for (let n = 0; n <= parts; n++) {
    const [y0, x0] = pen.map((v, i) => v + ((to[i] - v) * n) / parts);
    for (let i = Math.max(0, Math.floor(y0 - 3 * radius)); i < Math.min(own.height, y0 + 3 * radius); i++) {
      for (let j = Math.max(0, Math.floor(x0 - 3 * radius)); j < Math.min(own.width, x0 + 3 * radius); j++) {
        const share = clamp(1.9 - Math.hypot(i + 0.5 - y0, j + 0.5 - x0) / radius, 0, 1);
        const [was, value] = [own.pixels[i * own.width + j], ground + share * (ink - ground)];
        own.pixels[i * own.width + j] = ink > ground ? Math.max(was, value) : Math.min(was, value);
      }
    }
  }
  pen = to;
  drawing.thumbnail(pad, own);
  set({ image: -1 });
  return true;
});

const click = (query, act) =>
  document.querySelectorAll(query).forEach((b) => b.addEventListener("click", () => act(b.dataset)));
stored.forEach((image, i) => {
  const button = document.createElement("button");
  button.dataset.image = i;
  button.setAttribute("aria-label", `validation image ${i + 1}, label ${called(page.data.labels[i])}`);
  button.append(document.createElement("canvas"));
  drawing.thumbnail(button.firstChild, image);
  page.get("images").append(button);
});
config.scales.forEach((s, k) => {
  const button = document.createElement("button");
  button.dataset.scale = k;
  button.textContent = `${s} pixel${s > 1 ? "s" : ""} a cell`;
  page.get("scales").append(button);
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.className = "quiet";
  caption.textContent = `${s}×${s} pixels a cell`;
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${config.patch_size}×${config.patch_size} cells of ${s}×${s} pixels`);
  figure.append(canvas, caption);
  page.get("retina").append(figure);
});
const sizes = [
  [config.height, config.width],
  [digitSize.height, digitSize.width],
  [60, 60],
  [100, 100],
].filter(([h, w]) => !ground && h >= digitSize.height && w >= digitSize.width); // around images it would be black
const trained = `${config.height}×${config.width}`;
const kinds = new Set([trained, ...sizes.map(([h, w]) => `${h}×${w}`)]);
for (const text of kinds) page.get("size").append(new Option(text === trained ? `${text}, as trained` : text, text));

click("[data-image]", ({ image }) => set({ image: Number(image) }));
click("[data-mode]", ({ mode }) => set({ mode }));
click("[data-policy]", ({ policy }) => set({ policy }));
click("[data-scale]", ({ scale }) => set({ on: state.on.map((is, k) => (k === Number(scale) ? !is : is)) }));
click("#own", () => set({ image: -1 }));
click("#wipe", () => {
  own.pixels.fill(ground);
  drawing.thumbnail(page.get("pad"), own);
  set({ image: -1 });
});
click("#clear", () => set({ clutter: [] }));
click("#again", () => set({ seed: state.seed + 1 }));
click("#back", () => show(state.t - 1));
click("#forward", () => show(state.t + 1));
page.get("glimpses").addEventListener("input", (event) => set({ glimpses: Number(event.target.value) }));
page
  .get("sigma")
  .addEventListener("input", (event) => set({ sigma: state.sigma.map(() => Number(event.target.value)) }));
page.get("size").addEventListener("change", (event) => resize(...event.target.value.split("×").map(Number)));

// ← and → step; with Shift, arrows move what a press on the scene would move. Enter throws clutter at the glimpse.
page.get("scene").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || state.mode !== "clutter") return;
  const [x, y] = now.steps[state.t].loc;
  throwIn(((y + 1) / 2) * state.height, ((x + 1) / 2) * state.width);
});
document.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!way || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select")) return;
  if (event.shiftKey) {
    if (state.mode === "place") set({ place: moved(state.place[0] + way[0], state.place[1] + way[1]) });
    else set({ start: [state.start[0] + 0.05 * way[1], state.start[1] + 0.05 * way[0]].map((v) => clamp(v, -1, 1)) });
  } else if (way[1]) show(state.t + way[1]);
  else return;
  event.preventDefault();
});

for (const [text, act] of [
  [
    `Drag the first glimpse around: from where is the ${thing} not found?`,
    () => set({ mode: "start", t: state.glimpses - 1 }),
  ],
  ["Switch the coarse scales off: what were they for?", () => set({ on: state.on.map((_, k) => k === 0), t: 0 })],
  ["Let it look twenty times: does it become surer, or restless?", () => set({ glimpses: 20, t: 19 })],
  [
    "Draw the locations with a large σ: how much does it forgive?",
    () => set({ policy: "sampled", sigma: [0.3, 0.3], t: state.glimpses - 1 }),
  ],
  [
    `Throw pieces of other ${thing}s over it.`,
    () => [0.2, 0.4, 0.6, 0.8].forEach((f, i) => throwIn(f * state.height, [0.2, 0.7, 0.3, 0.8][i] * state.width)),
  ],
]) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.textContent = "Set it up";
  button.addEventListener("click", act);
  item.append(text + " ", button);
  page.get("try").append(item);
}

// What Python found on some images in the middle of the canvas when this page was made, and what this page finds.
const compare = () => {
  let off = 0;
  const [row, column] = middle();
  for (const { image, start, loc, logits } of page.data.checks) {
    const canvas = model.compose(config.height, config.width, [{ ...stored[image], row, column }]);
    const steps = model.look(params, config, canvas, { start, glimpses: config.glimpses, sigma: [0, 0], eps: null });
    steps.forEach((step, t) => {
      step.loc.forEach((v, i) => (off = Math.max(off, Math.abs(v - loc[t][i]))));
      step.logits.forEach((v, k) => (off = Math.max(off, Math.abs(v - logits[t][k]))));
    });
  }
  return off;
};
page.checked = compare();
page.get("checked").textContent =
  `This page has just compared itself with ${page.data.checks.length} looks of Python on the same weights: ` +
  `the largest difference of a location or a logit is ${page.checked.toExponential(0)}.`;
drawing.thumbnail(page.get("pad"), own);
page.get("glimpses").max = Math.max(20, state.glimpses);
state.place = middle();
for (const id of ["scene", "together"]) page.get(id).style.aspectRatio = `${state.width} / ${state.height}`;
compute();
page.get("beliefs").style.height = `${Math.max(150, 24 * state.glimpses + 18)}px`;
page.start();
write();
