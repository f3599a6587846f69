"use strict";
// One update of a small agent as a graph of single numbers. A node is {name, value, terms, says, stage, code}: terms
// are products of other nodes, so that a number can show its formula, where it came from and where it goes.
// input: {params, image, label, loc, eps, sigma, patch, glimpses}, where `held` may give the draw a instead of ε;
// bug: a key of model.bugs, or null.

model.bugs = {
  sign: "the location gradient has the wrong sign",
  clipped: "the clipped location is scored, not the raw draw",
  sigma: "the score is divided by σ, not by σ²",
  mask: "the mask of the core's ReLU is forgotten",
  carry: "nothing flows from step 2 back to step 1",
  mean: "the label gradient is not divided by T",
  transposed: "the core's weights are not transposed on the way back",
  last: "the bias gradient is of the last step alone",
};

model.run = (input, bug = null) => {
  const G = model.graph();
  const { value, leaf, sum, call } = G;
  const [T, w] = [input.glimpses, input.patch];
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const size = {};
  for (const [name, { shape, values }] of Object.entries(input.params)) {
    size[name] = shape;
    values.forEach((v, n) => leaf(model.at(name, shape, n), v, "a parameter", "parameters"));
  }
  const units = (layer) => size[`${layer}.b`][0];
  const linear = (out, layer, inputs, stage, code) =>
    range(units(layer)).map((j) =>
      sum(`${out}[${j}]`, [...inputs.map((x, i) => [x, `${layer}.W[${i},${j}]`]), [`${layer}.b[${j}]`]], stage, code),
    );
  const relu = (out, inputs, stage, code) =>
    inputs.map((z, j) =>
      call(
        `${out}[${j}]`,
        (v) => Math.max(v, 0),
        [z],
        (z) => `max(${z}, 0)`,
        stage,
        code,
      ),
    );

  // Forward.
  const height = input.image.length;
  const width = input.image[0].length;
  input.image.forEach((row, i) => row.forEach((v, j) => leaf(`x[${i},${j}]`, v, "a pixel", "image")));
  leaf("label", input.label, "the right label, 0 or 1", "image");
  leaf("outside", 0, "what is seen beside the image", "image");
  const core = units("core");
  let h = range(core).map((j) => leaf(`h0[${j}]`, 0, "the state before the first glimpse", "image"));
  let loc = input.loc.map((v, i) => leaf(`l1[${i}]`, v, "where the first glimpse is taken", "draw"));
  input.eps.forEach((v, i) => leaf(`ε[${i}]`, v, "what chance gave", "draw"));
  input.sigma.forEach((v, i) => leaf(`σ[${i}]`, v, "the spread of the policy, a setting", "draw"));
  const step = [];
  let [mu, sample] = [null, null];
  for (let t = 1; t <= T; t++) {
    const stage = `glimpse ${t}`;
    const first = [width, height].map((n, i) => Math.floor((value(loc[i]) + 1) * (n / 2) - w / 2 + 0.5));
    const phi = range(w * w).map((n) => {
      const [i, j] = [first[1] + Math.floor(n / w), first[0] + (n % w)];
      const seen = i >= 0 && j >= 0 && i < height && j < width ? `x[${i},${j}]` : "outside";
      return sum(`φ${t}[${n}]`, [[seen]], stage, "sensor");
    });
    const what = relu(`what${t}`, linear(`zwhat${t}`, "glimpse.what", phi, stage, "linear"), stage, "relu");
    const where = relu(`where${t}`, linear(`zwhere${t}`, "glimpse.where", loc, stage, "linear"), stage, "relu");
    const hidden = [...what, ...where];
    const g = relu(`g${t}`, linear(`zg${t}`, "glimpse.combine", hidden, stage, "combine"), stage, "relu");
    const before = h;
    h = relu(`h${t}`, linear(`z${t}`, "core", [...h, ...g], stage, "core"), stage, "relu");
    const logits = linear(`logit${t}`, "label", h, stage, "label");
    const most = call(`largest${t}`, Math.max, logits, (...z) => `the largest of ${z.join(", ")}`, stage, "softmax");
    const e = logits.map((z, k) =>
      call(
        `e${t}[${k}]`,
        (z, m) => Math.exp(z - m), // so that none overflows; it changes no p
        [z, most],
        (z, m) => `exp(${z} − ${m})`,
        stage,
        "softmax",
      ),
    );
    const total = sum(
      `total${t}`,
      e.map((k) => [k]),
      stage,
      "softmax",
    );
    const p = e.map((k, n) =>
      call(
        `p${t}[${n}]`,
        (a, b) => a / b,
        [k, total],
        (a, b) => `${a} / ${b}`,
        stage,
        "softmax",
      ),
    );
    step.push({ phi, loc, what, where, hidden, g, before, h, logits, most, total, p });
    if (t === 1) {
      mu = linear("μ", "location", h, "draw", "location");
      const drawn = (_, i) => leaf(`a[${i}]`, input.held[i], "held", "draw");
      const draw = (m, i) => sum(`a[${i}]`, [[m], [`σ[${i}]`, `ε[${i}]`]], "draw", "sample");
      sample = mu.map(input.held ? drawn : draw);
      loc = sample.map((a, i) =>
        call(
          `l2[${i}]`,
          (v) => Math.min(Math.max(v, -1), 1),
          [a],
          (a) => `clip(${a}, −1, 1)`,
          "draw",
          "clip",
        ),
      );
      linear("b", "baseline", h, "draw", "baseline");
    }
  }

  // Reward: 1 if the label's logit is the largest (the first of equal ones).
  const { logits } = step[T - 1];
  const right = (...z) => (z.indexOf(Math.max(...z)) === input.label ? 1 : 0);
  call(
    "r",
    right,
    logits,
    (...z) => `1 if the largest of ${z.join(", ")} is label ${input.label}, else 0`,
    "reward",
    "reward",
  );
  sum("A", [["r"], [-1, "b[0]"]], "reward", "advantage");
  const losses = step.map(({ logits, most, total }, t) =>
    call(
      `loss${t + 1}`,
      (s, z, m) => Math.log(s) - (z - m),
      [total, logits[input.label], most],
      (s, z, m) => `log ${s} − (${z} − ${m})`, // −log p of the right label
      "reward",
      "loss",
    ),
  );
  sum(
    "loss",
    losses.map((l) => [1 / T, l]),
    "reward",
    "loss",
  );

  // Backward: the cotangents at the heads.
  const heads = "cotangents";
  const share = bug === "mean" ? 1 : 1 / T;
  const dlogits = step.map(({ p }, t) =>
    p.map((k, n) =>
      sum(`dlogit${t + 1}[${n}]`, n === input.label ? [[share, k], [-share]] : [[share, k]], heads, "dlogits"),
    ),
  );
  const scored = bug === "clipped" ? range(2).map((i) => `l2[${i}]`) : sample;
  const power = bug === "sigma" ? 1 : 2;
  const way = bug === "sign" ? 1 : -1;
  const score = (a, m, s) => (a - m) / s ** power;
  const dmu = mu.map((m, i) => {
    const says = (a, m, s) => `(${a} − ${m}) / ${s}${power === 2 ? "²" : ""}`;
    const psi = call(`ψ[${i}]`, score, [scored[i], m, `σ[${i}]`], says, heads, "score");
    return sum(`dμ[${i}]`, [[way, "A", psi]], heads, "dmu");
  });
  const db = sum("db", [["b[0]"], [-1, "r"]], heads, "dbaseline");

  // Backward: from step T to step 1. A layer's cotangent inside its ReLU is that outside, where the unit is open.
  const closed = (out, outer, units, stage, skip = false) =>
    outer.map((d, j) =>
      call(
        `${out}[${j}]`,
        (v, y) => (skip || y > 0 ? v : 0),
        [d, units[j]],
        (v, y) => (skip ? v : `${v} if ${y} > 0, else 0`),
        stage,
        "mask",
      ),
    );
  const back = [];
  for (let t = T; t >= 1; t--) {
    const stage = `back through glimpse ${t}`;
    const s = step[t - 1];
    const dh = s.h.map((_, i) => {
      const terms = dlogits[t - 1].map((d, k) => [d, `label.W[${i},${k}]`]);
      if (t === 1) terms.push(...dmu.map((d, j) => [d, `location.W[${i},${j}]`]));
      const turned = (j) => (bug === "transposed" ? `core.W[${j},${i}]` : `core.W[${i},${j}]`);
      if (t < T && bug !== "carry") terms.push(...back[0].dz.map((d, j) => [d, turned(j)]));
      return sum(`dh${t}[${i}]`, terms, stage, "carry");
    });
    const dz = closed(`dz${t}`, dh, s.h, stage, bug === "mask");
    const dg = s.g.map((_, i) =>
      sum(
        `dg${t}[${i}]`,
        dz.map((d, j) => [d, `core.W[${core + i},${j}]`]),
        stage,
        "dx",
      ),
    );
    const dzg = closed(`dzg${t}`, dg, s.g, stage);
    const dhidden = s.hidden.map((_, i) =>
      sum(
        `dhidden${t}[${i}]`,
        dzg.map((d, j) => [d, `glimpse.combine.W[${i},${j}]`]),
        stage,
        "dx",
      ),
    );
    const inner = closed(`dzhidden${t}`, dhidden, s.hidden, stage);
    back.unshift({ dz, dzg, dwhat: inner.slice(0, s.what.length), dwhere: inner.slice(s.what.length) });
  }

  // Gradients of the parameters: inputs times cotangents, summed over the steps.
  const gradient = (layer, pairs) => {
    const rows = size[`${layer}.W`][0];
    for (let j = 0; j < units(layer); j++) {
      for (let i = 0; i < rows; i++)
        sum(
          `∇${layer}.W[${i},${j}]`,
          pairs.map(([x, d]) => [x[i], d[j]]),
          "gradients",
          "dW",
        );
      const biases = pairs.map(([, d]) => [d[j]]);
      sum(`∇${layer}.b[${j}]`, bug === "last" ? biases.slice(-1) : biases, "gradients", "db");
    }
  };
  gradient(
    "glimpse.what",
    step.map((s, t) => [s.phi, back[t].dwhat]),
  );
  gradient(
    "glimpse.where",
    step.map((s, t) => [s.loc, back[t].dwhere]),
  );
  gradient(
    "glimpse.combine",
    step.map((s, t) => [s.hidden, back[t].dzg]),
  );
  gradient(
    "core",
    step.map((s, t) => [[...s.before, ...s.g], back[t].dz]),
  );
  gradient(
    "label",
    step.map((s, t) => [s.h, dlogits[t]]),
  );
  gradient("location", [[step[0].h, dmu]]);
  gradient("baseline", [[step[0].h, [db]]]);
  return G.nodes;
};
