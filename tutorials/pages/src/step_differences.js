"use strict";
// The gradients once more, by differences of what the update descends on; they know nothing of the chain rule.

// What the update descends on, with all that is data held at `held`, the nodes of a run: the draw a, and so l2, the
// reward and the advantage; and for the baseline, whose gradient ends in its head, the state h1.
model.summands = (input, held) => {
  const of = (name) => held.get(name).value;
  const nodes = model.run({ ...input, held: input.eps.map((_, i) => of(`a[${i}]`)) });
  const now = (name) => nodes.get(name).value;
  const miss = input.eps.reduce((s, _, i) => s + ((of(`a[${i}]`) - now(`μ[${i}]`)) / of(`σ[${i}]`)) ** 2, 0);
  let b = now("baseline.b[0]");
  for (let i = 0; held.has(`h1[${i}]`); i++) b += of(`h1[${i}]`) * now(`baseline.W[${i},0]`);
  return [now("loss"), (of("A") * miss) / 2, (b - of("r")) ** 2 / 2]; // −A log π, but for what does not depend on μ
};
model.surrogate = (input, held) => model.summands(input, held).reduce((sum, v) => sum + v, 0);

// How large its summands are: a difference of two of it is off by its rounding.
model.size = (input) => model.summands(input, model.run(input)).reduce((sum, v) => sum + Math.abs(v), 0);

// Every parameter's gradient by central differences: {name: value}. No bug is in it.
model.differences = (input, h = 1e-5) => {
  const held = model.run(input);
  const found = {};
  for (const [name, { shape, values }] of Object.entries(input.params)) {
    values.forEach((v, n) => {
      const moved = (to) => {
        const changed = { shape, values: values.map((old, m) => (m === n ? to : old)) };
        return model.surrogate({ ...input, params: { ...input.params, [name]: changed } }, held);
      };
      found[`∇${model.at(name, shape, n)}`] = (moved(v + h) - moved(v - h)) / (2 * h);
    });
  }
  return found;
};
