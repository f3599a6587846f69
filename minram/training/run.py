"""A run on disk: what is saved, how it is read back, and how it goes on.

A run lives in a folder: config.json, metrics.jsonl (one line an epoch), last.npz (all that a resume needs),
best.npz (the parameters of the best epoch), result.json. Every file is replaced whole or not at all.
"""

import itertools
import json
import math
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from minram.datasets.data import Dataset
from minram.errors import InputError
from minram.ops import Array, Params
from minram.storage import checkpoint
from minram.storage.writing import remove_temporaries, write_text
from minram.training.config import STD, Config
from minram.training.metrics import SUMS, check_metrics, mend_metrics, write_metrics
from minram.training.models import MODELS
from minram.training.optim import optimiser_state, pack, unpack
from minram.training.origin import require_best, require_empty, require_own, require_same
from minram.training.streams import PARAMETERS, stream


@dataclass
class Progress:
    """How far a training has come, and what it has seen on the way."""

    data: list  # the fingerprint of the data
    epoch: int = 0  # epochs that are over
    step: int = 0  # steps of the next one that are done
    sums: list[float] = field(default_factory=lambda: [0.0] * len(SUMS))  # over those steps
    best: dict | None = None  # epoch and val_error
    seconds: float = 0.0
    metrics: list[dict] = field(default_factory=list)  # a dict for each epoch
    own: dict[str, str] = field(default_factory=dict)  # the caller's own functions by name
    about: dict[str, Any] = field(default_factory=dict)  # the data: names of classes, notes, size and brightness
    segments: list[dict] = field(default_factory=list)  # the machine and the processes, from which step on

    @classmethod
    def read(cls, meta: dict, config: Config, n_steps: int) -> Self:
        """The Progress of a checkpoint. Raises ValueError or TypeError unless it is one that `train` can have made."""
        p = cls(**meta)
        best = {"epoch": 0, "val_error": 0.0} if p.best is None else p.best
        weighted = p.best is not None and config.class_weights != "none"
        measures = ["val_error"] + ["balanced_error"] * weighted
        numbers = [*p.sums, p.seconds, *(best[name] for name in measures)]
        check_metrics(p.metrics)
        sound = (
            all(type(n) is int and n >= 0 for n in (p.epoch, p.step, best["epoch"]))
            and p.step <= n_steps  # of an epoch; a run that was stopped after the last has all of them
            and (p.best is not None) == any("val_error" in record for record in p.metrics)
            and best["epoch"] <= p.epoch == len(p.metrics) <= config.epochs
            and all(0 <= best[name] <= 1 for name in measures)
            and p.seconds >= 0
            and len(p.sums) == len(SUMS)
            and all(type(x) is float and math.isfinite(x) for x in numbers)
            and isinstance(p.own, dict)
            and isinstance(p.about, dict)
            and all(isinstance(text, str) for item in p.own.items() for text in item)
            and isinstance(p.segments, list)
            and all(isinstance(segment, dict) for segment in p.segments)
        )
        if not sound:
            raise ValueError("no account of a training")
        return p


class Run(NamedTuple):
    """The state of a run: everything that changes from step to step, and that a checkpoint holds."""

    vector: Array  # the parameters, flat
    params: Params  # views into it
    optimiser: Params
    progress: Progress

    @property
    def averaged(self) -> Params:
        """The parameters to use: the average of the weights where there is one."""
        return unpack(self.optimiser.get("average", self.vector), self.params)


def fresh(config: Config, folder: Path, dataset: Dataset, own: dict[str, str] | None = None) -> Run:
    """A new run in a folder. Raises InputError if there is one already, or what is left of one."""
    require_empty(folder)
    init, rng = MODELS[config.model].init, stream(config.seed, PARAMETERS)
    vector, params = pack(init(config, rng, dataset.n_classes, seen_shape(config, dataset)))
    run = Run(
        vector,
        params,
        optimiser_state(config, vector),
        Progress(dataset.fingerprint, own=own or {}, about=dataset.about),
    )
    write_text(folder / "config.json", json.dumps(asdict(config) | ({"own": own} if own else {}), indent=1))
    write_metrics(folder, [])
    save_run(run, config, folder)
    return run


def seen_shape(config: Config, dataset: Dataset) -> tuple[int, ...]:
    """(H, W) or (H, W, C) of the images that the model sees."""
    return (*(config.task_at().canvas or dataset.image_shape[:2]), *dataset.image_shape[2:])


def save_params(path: Path, params: Params, config: Config, meta: dict) -> None:
    """Write parameters with the configuration they belong to: enough to evaluate, show or transfer."""
    arrays = {f"params/{name}": a for name, a in params.items()}
    checkpoint.save(path, arrays, {"config": asdict(config), **meta})


def load_params(path: Path) -> tuple[Params, Config, dict]:
    """Read what save_params or save_run wrote → (params, config, meta)."""
    return _load(path)[:3]


def load_model(path: Path) -> tuple[Params, Config, dict]:
    """As `load_params`, and InputError too for a best.npz that lies in the folder of another run."""
    params, config, meta = load_params(path)
    require_own(path, config)
    return params, config, meta


def _load(path):
    """→ params, config, meta, all arrays. Nothing is allocated by what a file says about itself."""
    arrays, meta = checkpoint.load(path)
    try:
        config = Config.from_dict(meta.get("config"))
    except InputError as error:
        raise InputError(f"{path} has settings that cannot be used: {error}") from None
    params = {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}
    if all(a.dtype == np.float16 for a in params.values()):  # half precision is for small files only
        params = {name: a.astype(np.float32) for name, a in params.items()}
    if not params:
        raise InputError(f"{path} should hold the parameters of an agent, but it holds none; take a best.npz.")
    sizes = MODELS[config.model].layers_of(config, params)  # image size, channels and classes: from the arrays alone
    shapes: dict[str, tuple] = {f"{name}.{key}": n[key == "b" : 2] for name, n in sizes.items() for key in "Wb"}
    shapes |= {"location.log_std": (2,)} if config.learn_std else {}
    found = {name: a.shape for name, a in params.items()}
    for name in shapes | found:
        if shapes.get(name) != found.get(name):
            raise InputError(
                f"{path} should hold {name} with the shape {shapes.get(name, 'of nothing')}, but it has "
                f"{found.get(name, 'none')}; the file is damaged or was made otherwise."
            )
    dtype = next(iter(params.values())).dtype
    for name, a in params.items():
        if a.dtype not in (np.float32, np.float64) or a.dtype != dtype:
            raise InputError(f"{path} should hold floats of one type, but {name} is {a.dtype}; take another file.")
        if not np.isfinite(a).all():
            raise InputError(f"{path} has numbers in {name} that are not finite; take an earlier checkpoint.")
    log_std = params.get("location.log_std", np.zeros(2))
    if not (math.log(STD.low) - 0.01 < log_std.min() and log_std.max() < math.log(STD.high) + 0.01):  # 0.01: as float16
        raise InputError(f"{path} has a learned σ outside {STD.low:g} to {STD.high}; take an earlier checkpoint.")
    return {name: params[name] for name in shapes}, config, meta, arrays


def class_names(meta: dict, n_classes: int) -> tuple[str, ...]:
    """The names of the classes that a checkpoint's meta has, or () where there are none for each class."""
    about = meta.get("about")
    names = about.get("names") if isinstance(about, dict) else None
    if isinstance(names, list) and len(names) == n_classes and all(isinstance(name, str) for name in names):
        return tuple(names)
    return ()


def find_model(name: str) -> Path:
    """The file with the parameters that a name stands for: a run folder's best.npz, a file, or pretrained:NAME."""
    weights = Path(str(resources.files("minram.training"))) / "weights"
    named = {f"pretrained:{path.stem}": path for path in sorted(weights.glob("*.npz"))}
    if name in named:
        return named[name]
    path = Path(name)
    path = path / "best.npz" if path.is_dir() else path
    if not name or name.startswith("pretrained:") or not path.is_file():
        runs = sorted(str(run.parent) for run in Path("runs").glob("*/best.npz"))
        raise InputError(
            f"{name or repr(name)} should be a run folder with a best.npz, or a .npz file, or the name of weights, but "
            f"there is none; there are {', '.join([*runs[-8:], *named])}."
        )
    return path


def newest(name: str, without: str = "") -> Path:
    """The run in runs/ whose file `name` is the newest → its folder; one that has the file `without` comes last.

    Raises InputError where there is none.
    """
    found = list(Path("runs").glob(f"*/{name}"))
    if not found:
        raise InputError(f"there is no run in runs/ with a {name}; name its folder.")
    return max(found, key=lambda path: (not (path.parent / without).is_file(), path.stat().st_mtime)).parent


def new_folder(name: str) -> Path:
    """A folder in runs/ that was not there before, made at once: another run may begin at this moment."""
    for i in itertools.count(1):
        folder = Path("runs") / (name if i == 1 else f"{name}-{i}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror}); choose another with --out.") from None
    raise AssertionError("count ends")


def save_run(run: Run, config: Config, folder: Path) -> None:
    """Write last.npz: all that a resume needs."""
    arrays = {f"params/{name}": a for name, a in run.params.items()}
    arrays |= {f"optimiser/{name}": a for name, a in run.optimiser.items()}
    checkpoint.save(folder / "last.npz", arrays, {"config": asdict(config), **asdict(run.progress)})


def resumed(config: Config, folder: Path, dataset: Dataset) -> Run:
    """The run as the folder's last checkpoint left it. Raises InputError if that cannot be."""
    path = folder / "last.npz"
    if not path.is_file():
        raise InputError(f"{folder} holds no run to resume; begin one without --resume.")
    params, saved_config, meta, arrays = _load(path)
    if saved_config != config:
        raise InputError(f"{folder} was begun with other settings; resume it without --set, or begin a new folder.")
    if meta.get("data") != dataset.fingerprint:
        raise InputError(f"{folder} was begun with other data; resume it with the same, or begin a new folder.")
    vector, params = pack(params)
    optimiser = optimiser_state(config, vector)
    for name, a in optimiser.items():
        saved = arrays.get(f"optimiser/{name}")
        if saved is None or (saved.shape, saved.dtype) != (a.shape, a.dtype) or not np.isfinite(saved).all():
            raise InputError(f"{path} should hold the optimiser's {name}, but does not; begin a new run.")
        optimiser[name] = saved
    del meta["config"]
    try:
        progress = Progress.read(meta, config, len(dataset.x_train) // config.batch_size)
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path} should say where in the training it was saved, but does not; begin a new run."
        ) from None
    if progress.best:
        best = folder / "best.npz"
        if not best.is_file():
            raise InputError(
                f"{folder} should hold the best parameters so far in best.npz, but does not; begin a new run."
            )
        _, best_config, about = load_params(best)
        require_same(best, best_config, config)
        require_best(best, about, progress.best, progress.epoch, progress.data)
    remove_temporaries(folder)
    mend_metrics(folder, progress.metrics)
    return Run(vector, params, optimiser, progress)
