"""The errors of each class, and what always saying the most frequent one would get wrong, as lines to print."""

from collections.abc import Iterator, Sequence

import numpy as np

from minram.datasets.data import class_name
from minram.ops import Array
from minram.training.evaluate import confusion, percent, wilson

MOST = 30  # classes; of more, those with the most errors


def by_class(given: Array, labels: Array, training: Array, names: Sequence[str] = ()) -> Iterator[str]:
    """Lines for labels that were given (n,), the right ones (n,), and those of the training images."""
    K = 1 + int(max(given.max(), labels.max(), training.max()))
    confused = confusion(given, labels, K)
    counts, wrong = confused.sum(axis=1), confused.sum(axis=1) - confused.diagonal()
    shown = np.flatnonzero(counts)
    if len(shown) > MOST:
        shown = np.sort(shown[np.argsort(-wrong[shown], kind="stable")[:MOST]])
    yield "By class:" if len(shown) == np.count_nonzero(counts) else f"By class, the {MOST} with the most errors:"
    width = max(len(class_name(names, k)) for k in shown)
    for k in shown:
        others = np.where(np.arange(K) == k, 0, confused[k])
        as_what = f"  mostly called {class_name(names, others.argmax())}" if wrong[k] else ""
        rate = percent(wrong[k] / counts[k], wilson(wrong[k], counts[k]))
        yield f"  {class_name(names, k):{width}}  {counts[k]:6,} images  {rate}{as_what}"
    most = int(np.bincount(training).argmax())
    yield (
        f"Always saying {class_name(names, most)}, the most frequent class of training, would be wrong in "
        f"{100 * np.mean(labels != most):.2f} %."
    )
