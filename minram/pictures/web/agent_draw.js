"use strict";
// The pictures of the agent's page. now: {image, area, steps, seen}; state: what the reader has chosen.

const drawing = {};
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]]; // of the scales, so that they differ not in colour alone

// A grey image (values 0 … 255, or −1 for unseen) of height × width, as large as the canvas is shown.
drawing.pixels = (draw, values, height, width, shownWidth, shownHeight) => {
  const small = (drawing.small ??= document.createElement("canvas"));
  [small.width, small.height] = [width, height];
  const inner = small.getContext("2d", { willReadFrequently: true });
  const data = inner.createImageData(width, height);
  for (let n = 0; n < height * width; n++) {
    const unseen = values[n] < 0;
    const hatch = (Math.floor(n / width) + (n % width)) % 4 === 0;
    const [r, g, b] = unseen ? (hatch ? [90, 110, 150] : [40, 50, 75]) : [values[n], values[n], values[n]];
    data.data.set([r, g, b, 255], 4 * n);
  }
  inner.putImageData(data, 0, 0);
  draw.imageSmoothingEnabled = false;
  draw.drawImage(small, 0, 0, shownWidth, shownHeight);
};

drawing.timeColour = (t, T) => {
  const colours = page.data.colours.time;
  return colours[Math.round((t / Math.max(T - 1, 1)) * (colours.length - 1))];
};
drawing.scaleColour = (k) => page.data.colours.scales[k % page.data.colours.scales.length];

drawing.scene = (state, now) => {
  const area = page.begin(page.get("scene"));
  if (!area) return null;
  const { draw, width, height } = area;
  const { image, steps } = now;
  drawing.pixels(draw, image.pixels, image.height, image.width, width, height);
  const at = (l) => [((l[0] + 1) / 2) * width, ((l[1] + 1) / 2) * height];
  const step = steps[state.t];
  const on = (tie) => page.lit === tie;

  // The retina's squares at this glimpse, as the sensor places them.
  const config = page.data.config;
  const pixel = width / image.width;
  config.scales.forEach((s, k) => {
    if (!state.on[k]) return;
    const { first, fraction } = model.square(now.area, step.loc, s, config);
    const side = s * config.patch_size * pixel;
    draw.strokeStyle = drawing.scaleColour(k);
    draw.lineWidth = on("phi") ? 4 : 2;
    draw.setLineDash(DASHES[k % DASHES.length]);
    draw.strokeRect((first[0] + fraction[0]) * pixel, (first[1] + fraction[1]) * pixel, side, side);
    draw.setLineDash([]);
  });

  // The cloud from which the next location is drawn: 80 draws, circles at one and two σ, a cross at μ.
  if (state.t < steps.length - 1) {
    const mu = at(step.mu);
    draw.fillStyle = page.colour("location");
    draw.globalAlpha = on("a") || on("mu") ? 1 : 0.6;
    for (const e of now.cloud) {
      const [x, y] = at(step.mu.map((m, i) => m + state.sigma[i] * e[i]));
      draw.fillRect(x - 1, y - 1, 2.5, 2.5);
    }
    for (const radius of [1, 2]) {
      draw.beginPath();
      draw.ellipse(...mu, radius * state.sigma[0] * (width / 2), radius * state.sigma[1] * (height / 2), 0, 0, 7);
      draw.strokeStyle = page.colour("location");
      draw.lineWidth = 1;
      draw.stroke();
    }
    draw.globalAlpha = 1;
    const arm = on("mu") ? 10 : 6;
    page.line(
      draw,
      [
        [mu[0] - arm, mu[1]],
        [mu[0] + arm, mu[1]],
      ],
      "#F0E442",
      2,
    );
    page.line(
      draw,
      [
        [mu[0], mu[1] - arm],
        [mu[0], mu[1] + arm],
      ],
      "#F0E442",
      2,
    );
  }

  // The path so far, numbered.
  for (let t = 1; t <= state.t; t++) {
    page.line(draw, [at(steps[t - 1].loc), at(steps[t].loc)], drawing.timeColour(t, steps.length), on("loc") ? 4 : 2);
  }
  for (let t = 0; t <= state.t; t++) {
    const here = t === state.t;
    const keep = (v, end) => Math.min(Math.max(v, here ? 9 : 6), end - (here ? 9 : 6)); // its number can be read
    const [x, y] = at(steps[t].loc).map((v, i) => keep(v, [width, height][i]));
    page.disc(draw, x, y, here ? 9 : 6, drawing.timeColour(t, steps.length), true);
    draw.font = `${here ? "bold 12px" : "10px"} system-ui, sans-serif`;
    page.text(draw, String(t + 1), x, y + (here ? 4 : 3.5), t < steps.length / 2 ? "#000" : "#fff", "center");
  }
  return { width, height, pixel };
};

drawing.retina = (state, now) => {
  const { patch_size: w, scales, less } = page.data.config;
  const phi = now.steps[state.t].phi;
  scales.forEach((s, k) => {
    const canvas = page.get("retina").children[k].querySelector("canvas");
    const area = page.begin(canvas);
    if (!area) return;
    const cells = Array.from(phi.subarray(k * w * w, (k + 1) * w * w), (v) =>
      state.on[k] ? Math.max(0, 255 * v + less) : -1,
    );
    drawing.pixels(area.draw, cells, w, w, area.width, area.height);
    area.draw.strokeStyle = drawing.scaleColour(k);
    area.draw.lineWidth = 4;
    area.draw.setLineDash(DASHES[k % DASHES.length]);
    area.draw.strokeRect(2, 2, area.width - 4, area.height - 4);
    area.draw.setLineDash([]);
  });
};

// A row of bars for each glimpse, of equal scale; behind them the most probable label.
drawing.beliefs = (state, now) => {
  const short = (k) => (called(k).length > 6 ? `${called(k).slice(0, 5)}…` : called(k));
  const area = page.begin(page.get("beliefs"));
  if (!area) return null;
  const { draw, width, height } = area;
  const { steps } = now;
  const K = steps[0].belief.length;
  const [left, right, foot] = [24, width - (page.data.names.length ? 92 : 64), 18];
  const rowHeight = (height - foot) / steps.length;
  const column = (right - left) / K;
  steps.forEach(({ belief }, t) => {
    const bottom = (t + 1) * rowHeight - 2;
    if (t === state.t) {
      draw.fillStyle = page.colour("lit");
      draw.fillRect(0, t * rowHeight, width, rowHeight);
    }
    page.line(
      draw,
      [
        [left, bottom],
        [right, bottom],
      ],
      page.colour("line"),
      1,
    );
    page.text(draw, String(t + 1), 4, bottom - 3, page.colour("quiet"));
    const best = belief.indexOf(Math.max(...belief));
    belief.forEach((p, k) => {
      draw.fillStyle = k === state.label ? page.colour("label") : page.colour("muted");
      draw.globalAlpha = t <= state.t ? 1 : 0.35;
      draw.fillRect(left + k * column + 1, bottom - p * (rowHeight - 4), column - 2, p * (rowHeight - 4));
    });
    draw.globalAlpha = 1;
    page.text(draw, `${short(best)}: ${Math.round(100 * belief[best])} %`, right + 6, bottom - 3, page.colour("text"));
  });
  for (let k = 0; k < K; k += Math.ceil(K / 10)) {
    draw.font = k === state.label ? "bold 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
    page.text(draw, column > 44 ? short(k) : String(k), left + (k + 0.5) * column, height - 4, page.colour("text"), "center");
  }
  return { rowHeight };
};

drawing.together = (state, now) => {
  const area = page.begin(page.get("together"));
  if (!area) return;
  const seen = model.together(now.area, now.steps.slice(0, state.t + 1), page.data.config, state.on);
  const values = seen.map((v) => (v < 0 ? -1 : 255 * v));
  drawing.pixels(area.draw, values, now.area.height, now.area.width, area.width, area.height);
};

drawing.thumbnail = (canvas, { height, width, pixels }) => {
  [canvas.width, canvas.height] = [width, height];
  drawing.pixels(canvas.getContext("2d"), pixels, height, width, width, height);
};
