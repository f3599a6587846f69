"use strict";
// The three pictures. Each takes what was computed and returns how pixels and numbers correspond, for the pointer.

const SAMPLES = 16; // shown as arrows and as columns of the array
const drawing = {};

drawing.scene = (state, now) => {
  const area = page.begin(page.get("scene"));
  if (!area) return null;
  const { draw, width, height } = area;
  const c = page.colour;
  const on = (tie) => page.lit === tie;
  const floor = height - 205; // below it, the samples
  const [x, y] = [page.axis(-1.3, 1.3, 8, width - 8), page.axis(0, 1.12, floor, 8)];
  const { s } = state;
  for (const v of [-1, -0.5, 0, 0.5, 1]) {
    page.line(
      draw,
      [
        [x.to(v), 8],
        [x.to(v), floor],
      ],
      c("line"),
      1,
    );
    page.text(draw, String(v), x.to(v), floor + 14, c("quiet"), "center");
  }
  page.line(
    draw,
    [
      [8, floor],
      [width - 8, floor],
    ],
    c("quiet"),
    1,
  );

  // The policy's density, scaled to a third of the height.
  const points = Array.from({ length: 121 }, (_, i) => -1.3 + (2.6 * i) / 120);
  const cloud = points.map((a) => [x.to(a), y.to(0.35 * Math.exp(-0.5 * ((a - s.mu) / s.sigma) ** 2))]);
  draw.beginPath();
  draw.moveTo(x.to(-1.3), floor);
  cloud.forEach((p) => draw.lineTo(...p));
  draw.lineTo(x.to(1.3), floor);
  draw.globalAlpha = on("a") ? 0.5 : 0.2;
  draw.fillStyle = c("location");
  draw.fill();
  draw.globalAlpha = 1;
  page.line(draw, cloud, c("location"), on("a") ? 3 : 1.5);

  // The reward, and what is expected of it; the baseline as a dashed level.
  const r = model.rewards[s.reward].r;
  const fine = Array.from({ length: 521 }, (_, i) => -1.3 + (2.6 * i) / 520);
  page.line(
    draw,
    fine.map((a) => [x.to(a), y.to(r(a, s.c, s.w))]),
    c("reward"),
    on("r") ? 5 : 2.5,
  );
  page.line(
    draw,
    now.curve.map((J, i) => [x.to(now.means[i]), y.to(J)]),
    c("exact"),
    1.5,
    [6, 4],
  );
  const inside = s.b >= 0 && s.b < 1.12;
  if (inside)
    page.line(
      draw,
      [
        [8, y.to(s.b)],
        [width - 8, y.to(s.b)],
      ],
      c("baseline"),
      on("advantage") ? 3 : 1.2,
      [2, 4],
    );
  page.legend(draw, "reward r", 14, 16, c("reward"), 3);
  page.legend(draw, "expected reward J(μ)", 14, 32, c("exact"), 1.5, [6, 4]);
  if (inside) page.legend(draw, "baseline b", 14, 48, c("baseline"), 1.5, [2, 4]);
  state.trail.forEach((mu) =>
    page.line(
      draw,
      [
        [x.to(mu), floor - 5],
        [x.to(mu), floor + 3],
      ],
      c("location"),
      1,
    ),
  );
  page.disc(draw, x.to(s.mu), y.to(now.exact.J), 4, c("exact"), true);
  const rise = now.exact.gradient * 0.15; // the tangent of J at μ
  page.line(
    draw,
    [
      [x.to(s.mu - 0.15), y.to(now.exact.J - rise)],
      [x.to(s.mu + 0.15), y.to(now.exact.J + rise)],
    ],
    c("exact"),
    2,
  );

  // Handles: a disc for μ, a square for c, diamonds for the two widths, on the left where there is no room.
  const beside = (middle, width) => middle + (middle + width > 1.25 ? -width : width);
  const edge = beside(s.c, s.w / 2);
  const handles = {
    sigma: [x.to(beside(s.mu, s.sigma)), y.to(0.35 * Math.exp(-0.5))],
    w: [x.to(edge), y.to(Math.min(1.04, r(edge + 1e-9, s.c, s.w)))],
    c: [x.to(s.c), y.to(s.reward === "bump" ? 1 : 0.5)],
    mu: [x.to(s.mu), y.to(0.35)],
  };
  if (s.reward === "step") delete handles.w;
  page.diamond(draw, ...handles.sigma, 8, c("location"), "σ");
  if (handles.w) page.diamond(draw, ...handles.w, 8, c("reward"), "w");
  draw.fillStyle = c("reward");
  draw.fillRect(handles.c[0] - 7, handles.c[1] - 7, 14, 14);
  page.text(draw, "c", handles.c[0] + 11, handles.c[1] - 6, c("text"));
  page.disc(draw, ...handles.mu, 8, c("location"), true);
  page.text(draw, "μ", handles.mu[0], handles.mu[1] - 12, c("text"), "center");

  // A row for each sample: the arrow is its estimate (r − b) ψ, full where A > 0, else hollow.
  const scale = (0.12 * width) / now.size;
  const length = (v) => Math.min(Math.max(v * scale, -width / 3), width / 3);
  const { a, product, advantage, path } = now.batch;
  const top = floor + 26;
  for (let n = 0; n < Math.min(SAMPLES, a.length); n++) {
    const [px, py] = [x.to(Math.min(Math.max(a[n], -1.3), 1.3)), top + n * 7.5];
    const colour = advantage[n] > 0 ? c("right") : c("wrong");
    const chosen = page.column === n || (page.column === null && ["score", "product", "advantage"].includes(page.lit));
    if (page.column === n)
      page.line(
        draw,
        [
          [px, py],
          [px, y.to(r(a[n], s.c, s.w))],
        ],
        c("quiet"),
        1,
        [2, 2],
      );
    page.arrow(draw, px, px + length(page.lit === "path" ? path[n] : product[n]), py, colour, chosen ? 3 : 1.5);
    page.disc(draw, px, py, chosen ? 4 : 3, colour, advantage[n] > 0);
  }
  const foot = top + SAMPLES * 7.5 + 8;
  page.arrow(draw, x.to(s.mu), x.to(s.mu) + length(now.batch.estimate), foot, c("location"), on("mean") ? 6 : 3.5);
  page.arrow(draw, x.to(s.mu), x.to(s.mu) + length(now.batch.pathwise), foot + 15, c("baseline"), on("path") ? 6 : 3.5);
  page.arrow(draw, x.to(s.mu), x.to(s.mu) + length(now.exact.gradient), foot + 30, c("exact"), 3.5);
  const side = s.mu > -0.4 ? ["left", 8] : ["right", width - 8];
  ["score function, mean of M", "pathwise, mean of M", "exact"].forEach((text, i) =>
    page.text(draw, text, side[1], foot + 4 + 15 * i, c("text"), side[0]),
  );
  return { x, y, handles };
};

// Bars are the score function, the stepped outline is pathwise; what lies outside is counted at the ends.
drawing.histogram = (state, now) => {
  const area = page.begin(page.get("histogram"));
  if (!area) return;
  const { draw, width, height } = area;
  const c = page.colour;
  const bins = 41;
  const count = (values) => {
    const found = new Array(bins).fill(0);
    for (const v of values) found[Math.min(Math.max(Math.floor(((v / now.half + 1) / 2) * bins), 0), bins - 1)]++;
    return found;
  };
  const [score, path] = [count(now.many.score), count(now.many.path)];
  const most = Math.max(20, ...score);
  const [x, y] = [page.axis(-now.half, now.half, 4, width - 4), page.axis(0, most * 1.15, height - 20, 6)];
  const step = (width - 8) / bins;
  const level = (n) => y.to(Math.min(n, most * 1.12)); // pathwise may be one tall bar
  score.forEach((n, i) => {
    draw.fillStyle = c("location");
    draw.globalAlpha = page.lit === "mean" ? 1 : 0.75;
    draw.fillRect(4 + i * step + 0.5, y.to(n), step - 1, height - 20 - y.to(n));
  });
  draw.globalAlpha = 1;
  const outline = path.flatMap((n, i) => [
    [4 + i * step, level(n)],
    [4 + (i + 1) * step, level(n)],
  ]);
  page.line(draw, outline, c("baseline"), page.lit === "path" ? 3.5 : 2, [5, 2]);
  page.line(
    draw,
    [
      [4, height - 20],
      [width - 4, height - 20],
    ],
    c("quiet"),
    1,
  );
  page.line(
    draw,
    [
      [x.to(now.exact.gradient), 4],
      [x.to(now.exact.gradient), height - 20],
    ],
    c("exact"),
    2,
  );
  page.text(draw, "exact", x.to(now.exact.gradient) + 4, 14, c("text"));
  for (const v of [-now.half / 2, 0, now.half / 2])
    page.text(draw, String(v), x.to(v), height - 5, c("quiet"), "center");
  page.legend(draw, "score function", 8, 12, c("location"), 8);
  page.legend(draw, "pathwise", 8, 28, c("baseline"), 2, [5, 2]);
};

drawing.parabola = (state, now) => {
  const area = page.begin(page.get("parabola"));
  if (!area) return null;
  const { draw, width, height } = area;
  const c = page.colour;
  const { s } = state;
  const v = (b) => model.variance(now.exact, s.sigma, b);
  const most = Math.max(v(-0.5), v(1.5), 1e-6) * 1.2; // room for the letter b
  const [x, y] = [page.axis(-0.5, 1.5, 14, width - 14), page.axis(0, most, height - 20, 8)];
  const points = Array.from({ length: 81 }, (_, i) => -0.5 + i / 40);
  page.line(
    draw,
    [
      [8, height - 20],
      [width - 8, height - 20],
    ],
    c("quiet"),
    1,
  );
  for (const b of [-0.5, 0, 0.5, 1, 1.5])
    page.text(draw, String(b), x.to(b), height - 5, c("quiet"), b < 0 ? "left" : b > 1 ? "right" : "center");
  page.line(
    draw,
    points.map((b) => [x.to(b), y.to(v(b))]),
    c("exact"),
    page.lit === "variance" ? 4 : 2,
  );
  const flat = y.to(Math.min(now.exact.pathwiseVariance, most));
  page.line(
    draw,
    [
      [8, flat],
      [width - 8, flat],
    ],
    c("baseline"),
    page.lit === "path" ? 3.5 : 2,
    [5, 2],
  );
  page.legend(draw, "score function", width / 2 - 60, 12, c("exact"), 2);
  page.legend(draw, "pathwise", width / 2 - 60, 28, c("baseline"), 2, [5, 2]);
  page.diamond(draw, x.to(now.exact.best), y.to(v(now.exact.best)), 7, c("label"), "b*");
  page.triangle(draw, x.to(now.exact.J), y.to(v(now.exact.J)), c("reward"));
  const right = now.exact.J < now.exact.best; // within the parabola, where neither b nor b* is
  page.text(
    draw,
    "mean reward",
    x.to(now.exact.J) + (right ? 14 : -14),
    y.to(v(now.exact.J)) - 12,
    c("text"),
    right ? "left" : "right",
  );
  page.disc(draw, x.to(s.b), y.to(v(s.b)), 8, c("location"), true);
  page.text(draw, "b", x.to(s.b), y.to(v(s.b)) - 12, c("text"), "center");
  return { x };
};
