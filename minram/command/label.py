"""Labels for pictures from elsewhere."""

import math
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from minram.errors import InputError, printable
from minram.ops import Params
from minram.training.config import Config
from minram.training.models import MODELS
from minram.training.run import class_names, find_model, load_model, load_params


def label_command(args: Namespace) -> int:
    """Print the label of each picture, its name and how sure the model is, and draw where it looked.

    A picture that cannot be read does not keep the others from their labels → 2 where there is one, else 0.
    """
    from minram.datasets.adapt import adapted
    from minram.datasets.data import class_name
    from minram.datasets.image import read_image

    path = find_model(args.model)
    (params, config, meta), about = load_model(path), about_of(path)
    names, looks = class_names(meta, params["label.b"].size), MODELS[config.model].looks
    inputs = len(params["glimpse.what.W"]) // (len(config.scales) * config.patch_size**2) if looks else 0
    channels = inputs or math.prod(about.get("shape", [])[2:])
    pictures = drawn(args, looks)
    code = 0
    for file, picture in zip(args.images, pictures):
        try:
            x, done = adapted(read_image(file, channels), about)
        except InputError as error:
            where = "" if file in str(error) else f"{file}: "
            print(printable(f"minram label: {where}{error}"), file=sys.stderr)
            code = 2
            continue
        x = on_canvas(x, config)
        p = MODELS[config.model].probabilities(params, config, x[None], np.random.default_rng(0))[-1, 0]  # (K,)
        second, label = np.argsort(p)[-2:]
        called = f" ({names[label]})" if names else ""
        other = f"{class_name(names, second)}, {p[second]:.1%}"
        print(printable(f"{file}: label {label}{called}, {p[label]:.1%}; next {other}"))
        if done:
            print(f"  For the model, {'; '.join(done)}.")
        if picture:
            draw(x, params, config, names, picture)
            print(f"Picture: {printable(picture)}")
    return code


def drawn(args: Namespace, looks: bool) -> list[Path | None]:
    """The file that each picture is drawn into, or None. Raises InputError where that would be one of the pictures."""
    if not args.picture:
        return [None] * len(args.images)
    if not looks:
        raise InputError("this model sees the whole image at once, so it has no path to draw; leave out --picture.")
    path, n = args.picture, len(args.images)
    paths = [path] if n == 1 else [path.with_stem(f"{path.stem}-{i + 1}") for i in range(n)]
    given = {Path(file).resolve() for file in args.images}
    if over := [out for out in paths if out.resolve() in given]:
        raise InputError(f"--picture would be drawn over the picture {over[0]} itself; choose another name.")
    return paths


def draw(x: np.ndarray, params: Params, config: Config, names: tuple[str, ...], path: Path) -> None:
    """Draw where the model looked at an image, and its beliefs."""
    from minram.agent import rollout
    from minram.pictures import style
    from minram.pictures.look import Look
    from minram.sensor import summed_area

    area, policy = summed_area(x[None], config.background), config.rollout_policy("mean")
    t = rollout(params, config, area, np.random.default_rng(0), policy=policy, every_step=True)
    style.save(Look(x, t, config, names).plot(), path)


def about_of(path: Path) -> dict[str, Any]:
    """What a model's training images were like; of the embedded MNIST where the file does not say it."""
    from minram.training.train import load_data

    _, config, meta = load_params(path)
    about = meta.get("about")
    if isinstance(about, dict) and about:
        return about
    if not config.data:
        return load_data(config).about
    shape = meta.get("data")
    return {"shape": shape[1:-1]} if isinstance(shape, list) else {}


def on_canvas(x: np.ndarray, config: Any) -> np.ndarray:
    """The image in the middle of the canvas that the model knows, where there is one and it is not as large."""
    canvas = config.task_at().canvas
    if canvas is None or x.shape[0] > canvas[0] or x.shape[1] > canvas[1]:
        return x
    y = np.zeros((*canvas, *x.shape[2:]), x.dtype)
    top, left = (canvas[0] - x.shape[0]) // 2, (canvas[1] - x.shape[1]) // 2
    y[top : top + x.shape[0], left : left + x.shape[1]] = x
    return y
