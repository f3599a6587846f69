"""How long a training step takes, where the time goes, and how near that is to its matrix products alone.

Each setting is measured in a process of its own: a BLAS reads its number of threads when it is loaded, and the
peak of the memory is then that setting's. Times are medians in milliseconds.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from minram.agent import init_params, layers
from minram.datasets.data import Dataset
from minram.datasets.tasks import make_images
from minram.errors import InputError
from minram.ops import Array
from minram.sensor import sensor_forward, summed_area
from minram.training import step
from minram.training.config import Config
from minram.training.evaluate import evaluate
from minram.training.optim import optimiser_state, pack
from minram.training.own import Own
from minram.training.parallel import gradient_makers
from minram.training.process import VARIABLES, keep_freed_memory, kernel
from minram.training.run import Progress, Run
from minram.training.shards import InProcess
from minram.training.train import load_data

RETINA = {"patch_size": 12, "scales": (1, 2, 4)}
TASKS: dict[str, dict] = {
    "mnist": {},
    "translated-60": {"task": "translated", "canvas": 60} | RETINA,
    "cluttered-60": {"task": "cluttered", "canvas": 60} | RETINA,
    "cluttered-100": {"task": "cluttered", "canvas": 100, "distractors": 8, "glimpses": 8}
    | {"patch_size": 12, "scales": (1, 2, 4, 8)},
}
WARM_UP = 5  # steps that are not counted
TURN = 10  # steps in a row, as in training: a step then finds in the cache what its own last one left there
NOISY = 0.15  # 0.02 to 0.08 where nothing else runs
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
AVX512_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}


def run(config: Config, threads: int = 1, repeats: int = 50, workers: int = 1) -> dict:
    """Measure a Config in a new process with so many BLAS threads → what `measure` and `compare` return."""
    command = [sys.executable, "-m", "minram.command.bench", config.to_json(), str(repeats), str(workers)]
    environment = os.environ | {name: str(threads) for name in VARIABLES}
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    if child.returncode:
        reason = (child.stderr.strip() or f"exit code {child.returncode}").splitlines()[-1]
        raise InputError(f"the measurement failed ({reason}); set smaller sizes.")
    return json.loads(child.stdout) | {"threads": threads}


def compare(config: Config, repeats: int, workers: int) -> dict:
    """Steps by one process, and in parts by several, in turn → their medians in ms, and the ratio."""
    dataset = load_data(config)
    channels = int(np.prod(dataset.image_shape[2:]))
    times: dict[int, list[float]] = {}
    with contextlib.ExitStack() as stack:
        makers = {}
        for n in (1, workers):
            c = config.changed(shards=n)
            vector, params = pack(init_params(c, np.random.default_rng(0), dataset.n_classes, channels))
            state = Run(vector, params, optimiser_state(c, vector), Progress([]))
            makers[n] = stack.enter_context(gradient_makers(state, c, dataset, repeats + WARM_UP, Own(), n))
        count = repeats + WARM_UP
        for first in range(0, count, TURN):
            for n, maker in makers.items():
                for i in range(first, min(first + TURN, count)):
                    index = np.random.default_rng(i).integers(0, len(dataset.x_train), config.batch_size)
                    start = time.perf_counter()
                    step.train_step(maker, index, i)
                    times.setdefault(n, []).append(time.perf_counter() - start)
    one, several = (1000 * float(np.median(times[n][WARM_UP:])) for n in (1, workers))
    return {"workers": makers[workers].n, "one_worker_ms": one, "workers_ms": several, "speedup": one / several}


class Stopwatch:
    """Seconds by stage: `lap(stage)` counts what has passed since the lap before."""

    def __init__(self):
        self.last, self.seconds = time.perf_counter(), {}

    def lap(self, stage: str) -> None:
        """Count the time since the lap before as this stage's."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def measure(config: Config, repeats: int) -> dict:
    """Train for `repeats` steps after a warm-up → a dict of medians, in ms, and what else there is to know.

    total_ms = step_ms + data_ms, where data_ms is all that grows with the image: making it, and its summed-area
    table (table_ms). step_ms is split into sensor, forward, backward and update. matmul_ms: the products alone.
    noise: the quartiles' distance over the median, or the share of the time that other programs had if larger.
    """
    dataset, rng = load_data(config), np.random.default_rng(0)
    channels = int(np.prod(dataset.image_shape[2:]))
    vector, params = pack(init_params(config, rng, dataset.n_classes, channels))
    state = Run(vector, params, optimiser_state(config, vector), Progress([]))
    maker = InProcess(state, config, dataset, repeats + WARM_UP)
    alone, steps = products(config, dataset.n_classes, channels), []
    begin, used = time.perf_counter(), time.thread_time()
    for i in range(repeats + WARM_UP):
        index = rng.integers(0, len(dataset.x_train), config.batch_size)
        look = looks(config, dataset, rng)
        watch = Stopwatch()
        step.train_step(maker, index, i, watch.lap)
        look()
        watch.lap("sensor")
        for a, b, out in alone:
            np.matmul(a, b, out=out)
        watch.lap("matmul")
        steps.append(stages(watch.seconds))
    waited = 1 - (time.thread_time() - used) / (time.perf_counter() - begin)
    median = {name: float(np.median([s[name] for s in steps[WARM_UP:]])) for name in steps[0]}
    low, high = np.quantile([s["step"] for s in steps[WARM_UP:]], [0.25, 0.75])
    start = time.perf_counter()
    evaluate(params, config, dataset.x_test[:10_000], dataset.y_test[:10_000])
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {f"{name}_ms": 1000 * seconds for name, seconds in median.items()} | {
        "ratio": median["step"] / median["matmul"],
        "images_per_s": config.batch_size / median["total"],
        "evaluate_s": time.perf_counter() - start,
        "gflop": sum(2 * a.size * b.shape[1] for a, b, _ in alone) / 1e9,
        "noise": max(float(high - low) / median["step"], waited),
        "peak_mb": peak_mb(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "kernel": kernel(),
    }


def stages(laps: dict[str, float]) -> dict[str, float]:
    """What is reported of a step, in seconds, from the laps of `train_step`, of the sensor and of the products."""
    data = laps["images"] + laps["table"]
    step = laps["rollout"] + laps["backward"] + laps["update"]
    sensor = min(laps["sensor"], laps["rollout"])  # timed alone, later: on a busy machine it may have taken longer
    return {
        "total": data + step,
        "data": data,
        "table": laps["table"],
        "step": step,
        "sensor": sensor,
        "forward": laps["rollout"] - sensor,  # what is not the sensor in the rollout is the network
        "backward": laps["backward"],
        "update": laps["update"],
        "matmul": laps["matmul"],
    }


def looks(config: Config, dataset: Dataset, rng: np.random.Generator) -> Callable[[], None]:
    """The sensor's part of a step, at other locations of other images, to be timed alone."""
    index = rng.integers(0, len(dataset.x_train), config.batch_size)
    area = summed_area(make_images(config.task_at(), dataset.x_train, index, rng), config.background)
    image = np.repeat(np.arange(config.batch_size), config.rollouts)
    loc = rng.uniform(-1, 1, (config.glimpses, len(image), 2)).astype(np.float32)
    width = area.table.shape[1] * len(config.scales) * config.patch_size**2
    phi = np.empty((width, config.glimpses, len(image)), np.float32).transpose(1, 2, 0)

    def look():
        for l, out in zip(loc, phi):
            sensor_forward(area, l, config.scales, config.patch_size, image, config.continuous, out)

    return look


def products(config: Config, n_classes: int = 10, channels: int = 1) -> list[tuple[Array, Array, Array]]:
    """Every matrix product of a training step as (a, b, out): the same shapes and rows."""
    T, N, n_core = config.glimpses, config.batch_size * config.rollouts, config.core_units
    labelled = T if config.label_steps == "every" else 1
    rows = {"label": labelled} | dict.fromkeys(("location.hidden", "location", "baseline"), T - 1)  # others: T steps
    at_once = ("label", "baseline")  # their forward pass is one product for all steps
    flows = {"glimpse.combine", *config.flow}  # layers whose input needs a gradient
    if config.location_units:
        flows |= {"location"} | ({"location.hidden"} if "location" in flows else set())
    found = []

    def add(a, b):
        found.append((a, b, np.empty((len(a), b.shape[1]), a.dtype)))

    for name, (n_in, n_out, _) in layers(config, n_classes, channels).items():
        steps = rows.get(name, T)
        if steps == 0:
            continue
        x, dy, W = (np.ones(shape, np.float32) for shape in ((steps * N, n_in), (steps * N, n_out), (n_in, n_out)))
        for x_t in [x] if name in at_once else np.split(x, steps):
            add(x_t, W)
        add(x.T, dy)
        if name == "core":
            for dz_t in np.split(dy, T)[1:]:  # through time, towards h_{t−1}
                add(dz_t, W[:n_core].T)
            add(dy, W[n_core:].T)  # towards g
        elif name in flows:
            add(dy, W.T)
    return found


def peak_mb() -> float | None:
    """The most memory that this process has held, or None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def advice(kernel: str | None, cpuinfo: str = "/proc/cpuinfo") -> str | None:
    """The line that helps where OpenBLAS takes older kernels than the processor has, or None."""
    try:
        with open(cpuinfo) as lines:
            flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    except OSError:
        return None
    if kernel in AVX512_KERNELS | {None} or not flags >= AVX512:
        return None
    return (
        f"This processor has AVX-512, but OpenBLAS runs its {kernel} kernels. With OPENBLAS_CORETYPE=SkylakeX in "
        "the environment the products may be faster: on one such processor they were, 1.3 times."
    )


if __name__ == "__main__":
    keep_freed_memory()
    settings, steps, processes = Config.from_dict(json.loads(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    several = compare(settings, steps, processes) if processes > 1 else {}
    print(json.dumps(measure(settings, steps) | several))
