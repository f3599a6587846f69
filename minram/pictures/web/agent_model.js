"use strict";
// The agent's forward pass as pure functions, line by line that of minram/agent.py, in double precision.
// An image is {height, width, pixels}, pixels one number of 0 … 255 each, row by row.

const model = {};

model.bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// Half precision, two bytes a number, the low one first → doubles, which hold each of them exactly.
model.halves = (base64) => {
  const bytes = model.bytes(base64);
  const powers = Float64Array.from({ length: 32 }, (_, e) => 2 ** (Math.max(e, 1) - 25)); // of the mantissa's last bit
  const out = new Float64Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) {
    const [low, high] = [bytes[2 * i], bytes[2 * i + 1]];
    const exponent = (high >> 2) & 31;
    const mantissa = ((high & 3) << 8) | low | (exponent ? 1024 : 0);
    out[i] = (high & 128 ? -1 : 1) * mantissa * powers[exponent];
  }
  return out;
};

model.parameters = (stored) => {
  const decoded = Object.entries(stored).map(([name, { shape, half }]) => [
    name,
    { shape, values: model.halves(half) },
  ]);
  return Object.fromEntries(decoded);
};

// Images laid on an empty canvas, sums clipped at white: the digit, and pieces of others.
model.compose = (height, width, parts) => {
  const pixels = new Uint8ClampedArray(height * width);
  for (const part of parts) {
    for (let i = Math.max(0, -part.row); i < part.height && part.row + i < height; i++) {
      for (let j = Math.max(0, -part.column); j < part.width && part.column + j < width; j++) {
        pixels[(part.row + i) * width + part.column + j] += part.pixels[i * part.width + j]; // clamped at 255
      }
    }
  }
  return { height, width, pixels };
};

// S[i, j], the sum of all pixels above row edge i and left of column edge j.
// less: the background as a byte, which Python has rounded (a half to the even number, as JavaScript does not).
model.summedArea = ({ height, width, pixels }, less) => {
  const table = new Float64Array((height + 1) * (width + 1));
  for (let i = 0; i < height; i++) {
    let row = 0;
    for (let j = 0; j < width; j++) {
      row += pixels[i * width + j] - less;
      table[(i + 1) * (width + 1) + j + 1] = table[i * (width + 1) + j + 1] + row;
    }
  }
  return { height, width, table };
};

// The first pixel edges of a square, and how far the true ones lie beyond them (0 if aligned).
model.square = (area, loc, scale, { patch_size, continuous }) => {
  const start = [area.width, area.height].map((n, i) => (loc[i] + 1) * (n / 2) - scale * (patch_size / 2));
  const first = start.map((v) => Math.floor(continuous ? v : v + 0.5));
  return { first, fraction: start.map((v, i) => (continuous ? v - first[i] : 0)) };
};

// φ = ρ(x, l): for each scale w × w means of pixels, by four look-ups each.
model.sensor = (area, loc, config, on) => {
  const { patch_size: w, scales } = config;
  const phi = new Float64Array(scales.length * w * w);
  const at = (i, j) => {
    const row = Math.min(Math.max(i, 0), area.height);
    return area.table[row * (area.width + 1) + Math.min(Math.max(j, 0), area.width)];
  };
  scales.forEach((s, k) => {
    if (on && !on[k]) return; // a scale that is switched off sees the background
    const { first, fraction } = model.square(area, loc, s, config);
    const [fx, fy] = fraction;
    const corner = (i, j) => {
      const [y, x] = [first[1] + s * i, first[0] + s * j];
      if (!config.continuous) return at(y, x);
      const above = (1 - fx) * at(y, x) + fx * at(y, x + 1);
      return (1 - fy) * above + fy * ((1 - fx) * at(y + 1, x) + fx * at(y + 1, x + 1));
    };
    const corners = Array.from({ length: (w + 1) ** 2 }, (_, n) => corner(Math.floor(n / (w + 1)), n % (w + 1)));
    for (let i = 0; i < w; i++) {
      for (let j = 0; j < w; j++) {
        const n = i * (w + 1) + j;
        const sum = corners[n + w + 2] - corners[n + 1] - corners[n + w + 1] + corners[n];
        phi[(k * w + i) * w + j] = sum / 255 / s ** 2;
      }
    }
  });
  return phi;
};

// y = x W + b; inputs that are 0, as many are behind a ReLU, cost nothing.
model.linear = (params, layer, x) => {
  const { shape, values } = params[`${layer}.W`];
  const y = Float64Array.from(params[`${layer}.b`].values);
  for (let i = 0; i < shape[0]; i++) {
    if (x[i] === 0) continue;
    for (let j = 0; j < shape[1]; j++) y[j] += x[i] * values[i * shape[1] + j];
  }
  return y;
};
model.relu = (x) => x.map((v) => Math.max(v, 0));
model.join = (a, b) => Float64Array.from([...a, ...b]);

model.softmax = (logits) => {
  const largest = Math.max(...logits);
  const e = Array.from(logits, (v) => Math.exp(v - largest));
  const total = e.reduce((sum, v) => sum + v, 0);
  return e.map((v) => v / total);
};

// One rollout → its steps. how: start (x, y), glimpses, sigma (2,), eps (T−1, 2) or null for the mean, scales (k,).
model.look = (params, config, image, how) => {
  const area = model.summedArea(image, config.less);
  const steps = [];
  let loc = how.start;
  let h = new Float64Array(params["core.b"].shape[0]);
  for (let t = 0; t < how.glimpses; t++) {
    const phi = model.sensor(area, loc, config, how.scales);
    const what = model.relu(model.linear(params, "glimpse.what", phi));
    const where = model.relu(model.linear(params, "glimpse.where", loc));
    const g = model.relu(model.linear(params, "glimpse.combine", model.join(what, where)));
    h = model.relu(model.linear(params, "core", model.join(h, g)));
    const deep = "location.hidden.W" in params ? model.relu(model.linear(params, "location.hidden", h)) : h;
    const mu = Array.from(model.linear(params, "location", deep));
    const sample = how.eps ? mu.map((m, i) => m + how.sigma[i] * how.eps[t][i]) : mu;
    const logits = model.linear(params, "label", h);
    const baseline = model.linear(params, "baseline", h)[0];
    steps.push({ loc, phi, what, where, g, h, mu, sample, logits, belief: model.softmax(logits), baseline });
    loc = sample.map((v) => Math.min(Math.max(v, -1), 1));
  }
  return steps;
};

// A drawing with its centre of mass in the middle, as MNIST has it; whole pixels, what leaves the border is lost.
model.centred = ({ height, width, pixels }) => {
  let [sum, y, x] = [0, 0, 0];
  pixels.forEach((v, n) => {
    sum += v;
    y += v * Math.floor(n / width);
    x += v * (n % width);
  });
  if (!sum) return { height, width, pixels };
  const row = Math.round((height - 1) / 2 - y / sum);
  const column = Math.round((width - 1) / 2 - x / sum);
  return model.compose(height, width, [{ height, width, pixels, row, column }]);
};

// Everything seen so far: for each pixel the mean of the finest cell that has covered it, or −1.
model.together = (area, steps, config, on) => {
  const { patch_size: w, scales, less } = config;
  const seen = new Float64Array(area.height * area.width).fill(-1);
  const order = scales.map((_, k) => k).filter((k) => !on || on[k]);
  order.sort((a, b) => scales[b] - scales[a]); // the coarsest first, then what is finer over it
  for (const k of order) {
    for (const { loc, phi } of steps) {
      const { first } = model.square(area, loc, scales[k], config);
      for (let i = 0; i < w * scales[k]; i++) {
        const y = first[1] + i;
        if (y < 0 || y >= area.height) continue;
        for (let j = 0; j < w * scales[k]; j++) {
          const x = first[0] + j;
          if (x < 0 || x >= area.width) continue;
          const cell = (k * w + Math.floor(i / scales[k])) * w + Math.floor(j / scales[k]);
          seen[y * area.width + x] = Math.max(0, phi[cell] + less / 255); // rounding may leave black a little below 0
        }
      }
    }
  }
  return seen;
};

// n pairs of standard normal numbers from a seed, the same in every browser: mulberry32, then Box and Muller.
model.normal = (n, seed) => {
  const uniform = model.uniform(seed);
  return Array.from({ length: n }, () => {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - uniform())), 2 * Math.PI * uniform()];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
};
model.uniform = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

window.model = model;
