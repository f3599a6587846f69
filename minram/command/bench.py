"""How long a training step takes, where the time goes, and how near that is to its matrix products alone.

Each setting is measured in a process of its own: a BLAS reads its number of threads when it is loaded, and the
peak of the memory is then that setting's. Times are medians in milliseconds.
"""

import ctypes
import importlib
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np

from minram.agent import init_params
from minram.command.cli import VARIABLES
from minram.errors import InputError
from minram.training import step
from minram.training.config import Config
from minram.training.evaluate import evaluate
from minram.training.optim import optimiser_state, pack
from minram.training.run import Run
from minram.training.train import load_data

RETINA = {"patch_size": 12, "scales": (1, 2, 4)}
TASKS = {
    "mnist": {},
    "translated-60": {"task": "translated", "canvas": 60} | RETINA,
    "cluttered-60": {"task": "cluttered", "canvas": 60} | RETINA,
    "cluttered-100": {"task": "cluttered", "canvas": 100, "distractors": 8, "glimpses": 8}
    | {"patch_size": 12, "scales": (1, 2, 4, 8)},
}
# The functions whose time is a stage's, by the module that calls them.
STAGES = {
    "data": [("training.step", "make_images"), ("training.step", "summed_area")],
    "sensor": [("agent", "sensor_forward")],
    "forward": [("training.step", "rollout")],
    "backward": [("training.step", "cotangents"), ("training.step", "backward")],
}
WARM_UP = 5  # steps that are not counted
NOISY = 0.15  # 0.02 to 0.08 where nothing else runs
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
AVX512_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}


def run(config, threads=1, repeats=50):
    """Measure a Config in a new process with so many BLAS threads → what `measure` returns, and `threads`."""
    command = [sys.executable, "-m", "minram.command.bench", config.to_json(), str(repeats)]
    environment = os.environ | {name: str(threads) for name in VARIABLES}
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    if child.returncode:
        reason = (child.stderr.strip() or f"exit code {child.returncode}").splitlines()[-1]
        raise InputError(f"the measurement failed ({reason}); set smaller sizes.")
    return json.loads(child.stdout) | {"threads": threads}


def measure(config, repeats):
    """Train for `repeats` steps after a warm-up → a dict of medians, in ms, and what else there is to know.

    total_ms = step_ms + data_ms, where data_ms is all that grows with the image: making it, and its summed-area
    table (table_ms). step_ms is split into sensor, forward, backward and update. matmul_ms: the products alone.
    noise: the quartiles' distance over the median, or the share of the time that other programs had if larger.
    """
    dataset, rng = load_data(config), np.random.default_rng(0)
    channels = int(np.prod(dataset.image_shape[2:]))
    vector, params = pack(init_params(config, rng, dataset.n_classes, channels))
    state = Run(vector, params, optimiser_state(config, vector), rng, rng, {})
    gradient, alone, steps = np.empty_like(vector), products(params, config), []
    begin, used = time.perf_counter(), time.thread_time()
    for i in range(repeats + WARM_UP):
        index = rng.integers(0, len(dataset.x_train), config.batch_size)
        with watched() as spent:
            start = time.perf_counter()
            step.train_step(state, config, dataset, index, gradient, i, repeats + WARM_UP)
            end = time.perf_counter()
        for a, b, out in alone:
            np.matmul(a, b, out=out)
        spent |= {"total": end - start, "matmul": time.perf_counter() - end}
        spent["step"] = spent["total"] - spent["data"]
        spent["forward"] -= spent["sensor"]  # what is not the sensor in the rollout is the network
        spent["update"] = spent["step"] - spent["sensor"] - spent["forward"] - spent["backward"]  # all the rest
        steps.append(spent)
    waited = 1 - (time.thread_time() - used) / (time.perf_counter() - begin)
    median = {name: float(np.median([s[name] for s in steps[WARM_UP:]])) for name in spent}
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


@contextmanager
def watched():
    """Let the functions of STAGES, inside the real training step, add up the seconds that they take."""
    spent, originals = dict.fromkeys([*STAGES, "table"], 0.0), []

    def timed(function, keys):
        def wrapper(*args, **kwargs):
            start = time.perf_counter()
            result = function(*args, **kwargs)
            seconds = time.perf_counter() - start
            for key in keys:
                spent[key] += seconds
            return result

        return wrapper

    try:
        for stage, functions in STAGES.items():
            for module, name in functions:
                module = importlib.import_module(f"minram.{module}")
                originals.append((module, name, getattr(module, name)))
                setattr(module, name, timed(getattr(module, name), [stage] + ["table"] * (name == "summed_area")))
        yield spent
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


def products(params, config):
    """Every matrix product of a training step as (a, b, out): the same shapes, order and rows."""
    T, N, n_core = config.glimpses, config.batch_size * config.rollouts, config.core_units
    found = []

    def add(a, b):
        found.append((a, b, np.empty((len(a), b.shape[1]), a.dtype)))

    def layer(name, steps, input_gradient, at_once=False):
        """x W at each step, or once for all, then xᵀ dy and, if the input needs a gradient, dy Wᵀ once."""
        W = params[name + ".W"]
        x, dy = (np.ones((steps * N, n), W.dtype) for n in W.shape)
        for x_t in [x] if at_once else np.split(x, steps):
            add(x_t, W)
        add(x.T, dy)
        if input_gradient:
            add(dy, W.T)
        return dy

    layer("glimpse.what", T, False)
    layer("glimpse.where", T, False)
    layer("glimpse.combine", T, True)
    dz, W = layer("core", T, False), params["core.W"]
    for dz_t in np.split(dz, T)[1:]:  # through time, towards h_{t−1}
        add(dz_t, W[:n_core].T)
    add(dz, W[n_core:].T)  # towards g
    layer("label", T if config.label_steps == "every" else 1, "label" in config.flow, at_once=True)
    if T > 1:
        deep, flows = config.location_units > 0, "location" in config.flow
        layer("location", T - 1, deep or flows)
        if deep:
            layer("location.hidden", T - 1, flows)
        layer("baseline", T - 1, "baseline" in config.flow, at_once=True)
    return found


def peak_mb():
    """The most memory that this process has held, or None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def kernel():
    """The processor type whose kernels OpenBLAS has chosen, or None for another BLAS or system."""
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "openblas" in line}
    except OSError:
        return None
    for library in map(ctypes.CDLL, sorted(paths)):
        for name in ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename"):
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_char_p
                return function().decode()
    return None


def advice(kernel, cpuinfo="/proc/cpuinfo"):
    """The line that helps where OpenBLAS takes older kernels than the processor has, or None."""
    try:
        with open(cpuinfo) as lines:
            flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    except OSError:
        return None
    if kernel in AVX512_KERNELS | {None} or not flags >= AVX512:
        return None
    return (
        f"This processor has AVX-512, but OpenBLAS runs its {kernel} kernels. The products may be up to 1.6 times "
        "faster with OPENBLAS_CORETYPE=SkylakeX in the environment."
    )


if __name__ == "__main__":
    print(json.dumps(measure(Config.from_dict(json.loads(sys.argv[1])), int(sys.argv[2]))))
