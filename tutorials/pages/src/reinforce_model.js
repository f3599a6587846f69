"use strict";
// REINFORCE in one dimension, as pure functions: a ~ N(μ, σ²), one reward, two estimators of dJ/dμ.
// A setting is {reward, c, w, mu, sigma, b, M}; all numbers are doubles.

const model = {};

// r(a) and r′(a). The slope is a ramp of width w, which is steeper the smaller w is; the step has no slope anywhere.
model.rewards = {
  step: { r: (a, c) => (a > c ? 1 : 0), slope: () => 0, edges: (c) => [c] },
  bump: {
    r: (a, c, w) => Math.exp(-0.5 * ((a - c) / w) ** 2),
    slope: (a, c, w) => (-(a - c) / w ** 2) * Math.exp(-0.5 * ((a - c) / w) ** 2),
    edges: (c, w) => Array.from({ length: 19 }, (_, i) => c + (i - 9) * w),
  },
  slope: {
    r: (a, c, w) => Math.min(Math.max((a - c) / w + 0.5, 0), 1),
    slope: (a, c, w) => (Math.abs(a - c) < w / 2 ? 1 / w : 0),
    edges: (c, w) => [c - w / 2, c + w / 2],
  },
};

// E f(z) for z ~ N(0, 1): Gauss–Legendre on pieces of at most one σ that end where r has an edge; beyond 9 σ lies
// less than 1e-18. rule: nodes x and weights on [−1, 1].
model.expect = (f, edges, rule) => {
  const ends = [-9, ...edges.filter((z) => z > -9 && z < 9), 9];
  let sum = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const pieces = Math.max(1, Math.ceil(ends[i + 1] - ends[i]));
    const half = (ends[i + 1] - ends[i]) / pieces / 2;
    for (let j = 0; j < pieces; j++) {
      const middle = ends[i] + (2 * j + 1) * half;
      for (let n = 0; n < rule.x.length; n++) {
        const z = middle + half * rule.x[n];
        sum += half * rule.w[n] * Math.exp(-0.5 * z * z) * f(z);
      }
    }
  }
  return sum / Math.sqrt(2 * Math.PI);
};

// J, its gradient, the moments behind the variance, and the best baseline.
model.exact = (s, rule) => {
  const { r, slope, edges } = model.rewards[s.reward];
  const z = edges(s.c, s.w).map((a) => (a - s.mu) / s.sigma);
  const mean = (f) => model.expect((z) => f(r(s.mu + s.sigma * z, s.c, s.w), z), z, rule);
  const pull = (power) => model.expect((z) => slope(s.mu + s.sigma * z, s.c, s.w) ** power, z, rule);
  const gradient = mean((r, z) => (r * z) / s.sigma); // E[r ψ], ψ = z/σ
  const best = mean((r, z) => r * z * z); // E[r ψ²]/E[ψ²], and E[ψ²] = 1/σ²
  const square = mean((r, z) => (r * z) ** 2);
  const pathwise = pull(1); // E[r′]: dJ/dμ where r has no jump
  return {
    J: mean((r) => r),
    gradient,
    best,
    square,
    variance: model.variance({ square, best, gradient }, s.sigma, s.b),
    pathwise,
    pathwiseVariance: Math.max(0, pull(2) - pathwise ** 2),
  };
};

// Var[(r − b) ψ] of one sample, the parabola of lesson 7.
model.variance = (e, sigma, b) =>
  Math.max(0, (e.square - 2 * b * e.best + b * b) / sigma ** 2 - e.gradient ** 2); // rounding may leave −1e-13

// J alone at many means, for its curve.
model.J = (s, mus, rule) => {
  const { r, edges } = model.rewards[s.reward];
  return mus.map((mu) => {
    const z = edges(s.c, s.w).map((a) => (a - mu) / s.sigma);
    return model.expect((z) => r(mu + s.sigma * z, s.c, s.w), z, rule);
  });
};

// One batch from standard normal numbers eps (M,): every array on the way to both estimates.
model.batch = (s, eps) => {
  const { r, slope } = model.rewards[s.reward];
  const a = Array.from(eps, (e) => s.mu + s.sigma * e); // (M,)
  const reward = a.map((a) => r(a, s.c, s.w));
  const advantage = reward.map((r) => r - s.b);
  const score = a.map((a) => (a - s.mu) / s.sigma / s.sigma); // z/σ
  const product = advantage.map((A, n) => A * score[n]);
  const path = a.map((a) => slope(a, s.c, s.w)); // dr/da · da/dμ, and da/dμ = 1
  const average = (x) => x.reduce((sum, v) => sum + v, 0) / x.length;
  return { a, reward, advantage, score, product, path, estimate: average(product), pathwise: average(path) };
};

// Many estimates of each kind, from one row of eps for each; no arrays on the way, as this runs while one drags.
model.estimates = (s, eps, count) => {
  const { r, slope } = model.rewards[s.reward];
  const [score, path] = [new Float64Array(count), new Float64Array(count)];
  const row = eps.length / count;
  for (let i = 0; i < count; i++) {
    for (let n = 0; n < s.M; n++) {
      const e = eps[i * row + n];
      const a = s.mu + s.sigma * e;
      score[i] += ((r(a, s.c, s.w) - s.b) * e) / s.sigma / s.M;
      path[i] += slope(a, s.c, s.w) / s.M;
    }
  }
  return { score, path };
};

// n standard normal numbers from a seed, the same in every browser: mulberry32, then Box and Muller.
model.normal = (n, seed) => {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return out;
};

window.model = model;
