"use strict";
// A graph of single numbers: each node keeps what it was made of, so that it can show its formula.

const model = {};

model.graph = () => {
  const nodes = new Map();
  const value = (name) => nodes.get(name).value;
  const add = (name, found, terms, says, stage, code) => {
    nodes.set(name, { name, value: found, terms, says, stage, code });
    return name;
  };
  return {
    nodes,
    value,
    leaf: (name, found, says, stage) => add(name, found, [], says, stage, null),
    // Σ of products: terms [[factor, …], …], a factor the name of a node, or a number.
    sum: (name, terms, stage, code) => {
      const product = (factors) => factors.reduce((p, f) => p * (typeof f === "number" ? f : value(f)), 1);
      return add(
        name,
        terms.reduce((s, t) => s + product(t), 0),
        terms,
        null,
        stage,
        code,
      );
    },
    // Any other function of named nodes, with the words for it.
    call: (name, f, inputs, says, stage, code) =>
      add(
        name,
        f(...inputs.map(value)),
        inputs.map((i) => [i]),
        says,
        stage,
        code,
      ),
  };
};

// The name of a parameter's n-th number, as Python would index it.
model.at = (name, shape, n) =>
  shape.length === 1 ? `${name}[${n}]` : `${name}[${Math.floor(n / shape[1])},${n % shape[1]}]`;

window.model = model;
