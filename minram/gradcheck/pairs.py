"""Is this backward pass right? Check any forward/backward pair: Σ v·y, for random v, is a function f(params)."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from minram.errors import InputError
from minram.gradcheck.checks import NO_FACTS, check_gradient, numbers
from minram.gradcheck.outputs import is_floating, leaves, like
from minram.gradcheck.probe import probe
from minram.gradcheck.report import Report
from minram.ops import Params


def check_pair(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    inputs: dict[str, Any],
    *,
    rng: np.random.Generator,
    signature: Callable[[Any], Any] | None = None,
    wrt: Collection[str] | None = None,
    **options: Any,
) -> Report:
    """Check the gradient of Σ v·y for a random cotangent v of every floating output y of a pair.

    forward(**inputs) → (y, cache), y an array, or a tuple, list, dict or object of arrays; backward(dy, cache), dy
    built like y, returns a dict by the inputs' names, or (dx, ..., dict) with the gradients of the first inputs in
    order, or dx alone. An input may be a dict of parameters, known by their own names. Checked are the inputs named
    in wrt, or all floating ones. signature(cache) → tuple of arrays finds kinks; options: `check_gradient`. Where a
    wrong gradient alone does not show what is wrong, the rows of y are tried one by one.
    """
    flat: dict[str, Any] = {}
    for name, given in inputs.items():
        flat |= given if isinstance(given, dict) else {name: given}
    wrt = [name for name, a in flat.items() if is_floating(a)] if wrt is None else list(wrt)
    params = {name: np.copy(flat[name]) for name in wrt}
    pair = Pair(forward, backward, inputs, wrt, flat, signature)
    outputs = leaves(pair.run({name: x.copy() for name, x in params.items()})[0])
    v = [rng.standard_normal(a.shape) if is_floating(a) else None for a in outputs]
    if not any(w is not None for w in v):
        kinds = ", ".join(sorted({str(getattr(a, "dtype", type(a).__name__)) for a in outputs}))
        raise InputError(f"forward should return (y, cache) with a floating y, but y holds {kinds}; convert it.")
    shapes = {"y" if len(v) == 1 else f"y[{i}]": w for i, w in enumerate(v) if w is not None}
    options["facts"] = numbers(options.get("facts", NO_FACTS), shapes)
    report = check_gradient(pair.f(v), params, pair.gradients(v), rng=rng, **options)
    return report if report.passed else probe(report, pair, params, v)


class Pair(NamedTuple):
    """A forward/backward pair and its inputs."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], Any]
    inputs: dict[str, Any]
    wrt: Collection[str]
    flat: dict[str, Any]
    signature: Callable[[Any], Any] | None

    def run(self, theta: Params) -> tuple[Any, Any]:
        """The forward pass with some of the inputs replaced."""
        given = {
            name: {k: theta.get(k, a) for k, a in x.items()} if isinstance(x, dict) else theta.get(name, x)
            for name, x in self.inputs.items()
        }
        returned = self.forward(**given)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            what = type(returned).__name__ + (f" of {len(returned)}" if isinstance(returned, tuple) else "")
            raise InputError(f"forward should return (y, cache), but returned a value of type {what}; return both.")
        return returned

    def f(self, v: list) -> Callable[[Params], Any]:
        """Σ v·y as a function of the inputs that are checked."""

        def f(theta):
            y, cache = self.run(theta)
            value = sum(np.sum(w * a) for w, a in zip(v, leaves(y)) if w is not None)
            return value if self.signature is None else (value, self.signature(cache))

        return f

    def gradients(self, v: list) -> Params:
        """What the backward pass makes of the cotangents v, by the inputs' names."""
        y, cache = self.run({name: np.copy(self.flat[name]) for name in self.wrt})
        # A backward that writes into dy must not spoil v.
        result = self.backward(like(y, [None if w is None else np.copy(w) for w in v]), cache)
        result = result if isinstance(result, tuple) else (result,)
        firsts, named = (result[:-1], result[-1]) if isinstance(result[-1], dict) else (result, {})
        if len(firsts) > len(self.inputs):
            raise InputError(
                f"backward should return at most {len(self.inputs)} arrays, one an input, but returned "
                f"{len(firsts)}; put the gradients of parameters into a dict."
            )
        return {
            name: g
            for name, g in {**dict(zip(self.inputs, firsts)), **named}.items()
            if name in self.wrt or (name not in self.flat and g is not None)
        }
