"""Damaged files of every kind that is read back: valid arrays or the declared error, and nothing else.

MINRAM_FUZZ=10000 pytest -q tests/test_fuzzing.py is the long form: so many files for each reader.
"""

import gzip
import io
import json
import os
import re
import shutil
import zipfile
import zlib

import numpy as np
import pytest
from matplotlib.image import imsave

from minram.datasets import data
from minram.datasets.image import read_image
from minram.datasets.labels import MAX_CLASSES
from minram.errors import InputError
from minram.storage import checkpoint
from minram.storage.reading import MAX_RATIO, SLACK, read_idx, read_json, read_npz
from minram.training import run, train
from minram.training.config import Config
from minram.training.metrics import check_metrics, read_metrics
from test_reading import IDX, npy_bytes, zip_bytes
from tiny import SHORT, dataset

DATA = dataset()
N = int(os.environ.get("MINRAM_FUZZ", 300))


def mutate(content, rng):
    """Damage bytes in one to four places: flips, extreme numbers, cuts, repeats, noise."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not content:
            break
        at = int(rng.integers(len(content)))
        length = int(rng.integers(1, 9))
        kind = rng.integers(7)
        if kind == 0:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            extreme = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
            content[at : at + 4] = extreme.to_bytes(4, ["little", "big"][rng.integers(2)])
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length]
        elif kind == 5:
            content[at : at + length] = rng.bytes(length)
        else:
            content[at : at + 1] = b"0123456789(),'<>[]{}fiubO |"[rng.integers(27) :][:1]
    return bytes(content)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run from which every file is taken, as a training leaves it."""
    folder = tmp_path_factory.mktemp("run")
    train.train(SHORT.changed(epochs=2, learn_std=True), folder, dataset=DATA)
    return folder


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def make_npz(finished):
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.integers(0, 256, (20, 4, 4), dtype=np.uint8), "y_train": np.arange(20) % 10}
    arrays |= {"x_test": arrays["x_train"][:3], "y_test": arrays["y_train"][:3]}
    return {f"{name}.npy": npy_bytes(array) for name, array in arrays.items()}


def make_named(finished):
    """Labels of text, and with names."""
    arrays = {"x": np.random.default_rng(0).random((20, 16)), "y": np.arange(20) % 3}
    arrays |= {"class_names": np.array(["a", "é", "c"]), "x_test": arrays["x"], "y_test": np.array([b"0", b"1"] * 10)}
    return {f"{name}.npy": npy_bytes(array) for name, array in arrays.items()}


def fuzz_zip(make):
    """Mutations of the whole file, and of one member of it that is then zipped with a right checksum."""

    def fuzz(finished, rng, n):
        members = make(finished)
        whole = [zip_bytes(members, method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
        for i in range(n):
            if i % 2:
                yield mutate(whole[i // 2 % 2], rng)
            else:
                name = list(members)[rng.integers(len(members))]
                # The header of an array is where damage means something.
                cut = int(rng.choice([32, 80, len(members[name])]))
                yield zip_bytes(members | {name: mutate(members[name][:cut], rng) + members[name][cut:]})

    return fuzz


def fuzz_checkpoint(name):
    """As `fuzz_zip`, and in every other file the JSON in it instead."""

    def fuzz(finished, rng, n):
        members = members_of(finished / name)
        meta = checkpoint.META + ".npy"
        text = np.load(io.BytesIO(members[meta])).tobytes()
        arrays, texts = fuzz_zip(lambda _: members)(finished, rng, n), fuzz_json(text)(finished, rng, n)
        for i in range(n):
            damaged = npy_bytes(np.frombuffer(next(texts), np.uint8))
            yield next(arrays) if i % 2 else zip_bytes(members | {meta: damaged}, zipfile.ZIP_STORED)

    return fuzz


def fuzz_picture(finished, rng, n):
    """PNG with a right checksum of a damaged header, or without; and JPEG."""
    files = {}
    for kind in ("png", "jpg"):
        file = io.BytesIO()
        imsave(file, rng.integers(0, 256, (9, 8, 3), dtype=np.uint8), format=kind)
        files[kind] = file.getvalue()
    png, ihdr = files["png"], slice(12, 29)
    for i in range(n):
        if i % 10:
            yield mutate(files["png" if i % 2 else "jpg"], rng)
        else:  # few: some of them ask for hundreds of megabytes
            header = b"IHDR" + (mutate(png[16:29], rng) + bytes(13))[:13]
            yield png[: ihdr.start] + header + zlib.crc32(header).to_bytes(4, "big") + png[ihdr.stop + 4 :]


def fuzz_idx(finished, rng, n):
    for i in range(n):
        damaged = mutate(IDX[: [16, 176][i % 2]], rng) + IDX[[16, 176][i % 2] :]
        yield [damaged, gzip.compress(damaged, 1), mutate(gzip.compress(IDX), rng)][i % 3]


def fuzz_json(text):
    """Mutations of bytes, and of single values."""

    def fuzz(finished, rng, n):
        values = re.findall(rb"(?<=: )[^,\n}\]]+", text)
        wild = [
            b"-1",
            b"1e999",
            b"NaN",
            b"null",
            b"[[1]]",
            b"{}",
            b'"x"',
            b"1e300",
            b"true",
            b"9" * 400,
            b"\xff",
            b"0.5",
        ]
        for i in range(n):
            if i % 2:
                yield mutate(text, rng)
            else:
                old = values[rng.integers(len(values))]
                yield text.replace(b": " + old, b": " + wild[rng.integers(len(wild))], 1)

    return fuzz


def fuzz_file(name):
    """Mutations of a JSON file of the run."""
    return lambda finished, rng, n: fuzz_json((finished / name).read_bytes())(finished, rng, n)


METRICS = "".join(
    json.dumps(
        {"epoch": i, "loss": 0.5, "error": 0.25, "reward": 0.75, "advantage_square": 0.1, "baseline_error": 0.2}
        | {"seconds": 1.5 * i, "val_errors": [0.5, 0.25], "val_error": 0.25}
    )
    + "\n"
    for i in (1, 2, 3)
).encode()


def metrics_of(path):
    path.rename(path.with_name("metrics.jsonl"))
    return read_metrics(path.parent)


def settings_of(path):
    return Config.from_dict(read_json(path))


def model_of(path):
    """A best.npz beside the run's own settings."""
    return run.load_model(path.rename(path.with_name("best.npz")))


def model_beside(path):
    """The run's own best.npz beside damaged settings."""
    path.rename(path.with_name("config.json"))
    return run.load_model(path.with_name("best.npz"))


def run_of(path):
    last = path.rename(path.with_name("last.npz"))
    return run.resumed(run.load_params(last)[1], path.parent, DATA)


def result_beside(path):
    """The finished run, whose result.json is damaged: it is written, and never read."""
    path.rename(path.with_name("result.json"))
    return train.train(run.load_params(path.with_name("best.npz"))[1], path.parent, True, dataset=DATA)


def picture_of(path):
    return read_image(path.rename(path.with_suffix(".png" if path.read_bytes()[:1] == b"\x89" else ".jpg")), 3)


def check_arrays(arrays, size):
    assert all(array.dtype.kind in "biuf" and array.flags.writeable for array in arrays)
    assert sum(array.nbytes for array in arrays) <= MAX_RATIO * size + SLACK


def check_checkpoint(out, size):
    check_arrays(out[0].values(), size)
    assert isinstance(out[1], dict)


def check_dataset(dataset, size):
    for x, y in zip(dataset[:6:2], dataset[1:6:2]):
        assert len(x) == len(y) > 0 and x.shape[1:] == dataset.image_shape and y.dtype == np.int64
        assert 0 <= y.min() and y.max() < dataset.n_classes <= MAX_CLASSES
        assert 0 <= x.min() and (x.dtype == np.uint8 or x.max() <= 1)


def check_model(out, size):
    params, config, _ = out
    assert config == config.changed() and params["core.W"].shape[1] == config.core_units
    assert all(a.dtype.kind == "f" and np.isfinite(a).all() for a in params.values())


def check_run(out, size):
    assert np.isfinite(out.vector).all() and all(np.isfinite(a).all() for a in out.optimiser.values())
    check_metrics(out.progress.metrics)
    assert 0 <= out.progress.epoch == len(out.progress.metrics) and 0 <= out.progress.step <= 3


def check_result(out, size):
    assert out["n_val"] == 10 and out["epoch"] in (1, 2)


def check_picture(x, size):
    assert x.ndim == 3 and x.shape[2] == 3 and 0 <= x.min() and (x.dtype == np.uint8 or x.max() <= 1)


CONFIG = Config().to_json().encode()
FUZZED = {
    "npz": (fuzz_zip(make_npz), read_npz, lambda out, size: check_arrays(out.values(), size)),
    "idx": (fuzz_idx, read_idx, lambda out, size: check_arrays([out], size)),
    "dataset": (fuzz_zip(make_npz), data.load, check_dataset),
    "dataset with names": (fuzz_zip(make_named), data.load, check_dataset),
    "checkpoint": (fuzz_checkpoint("best.npz"), checkpoint.load, check_checkpoint),
    "best.npz": (fuzz_checkpoint("best.npz"), model_of, check_model),
    "last.npz": (fuzz_checkpoint("last.npz"), run_of, check_run),
    "metrics.jsonl": (fuzz_json(METRICS), metrics_of, lambda out, size: check_metrics(out)),
    "settings": (fuzz_json(CONFIG), settings_of, lambda out, size: out.changed()),
    "config.json": (fuzz_file("config.json"), model_beside, check_model),
    "result.json": (fuzz_file("result.json"), result_beside, check_result),
    "picture": (fuzz_picture, picture_of, check_picture),
}


@pytest.mark.parametrize("name", FUZZED)
def test_a_mutated_file_gives_valid_arrays_or_an_input_error(tmp_path, finished, name):
    fuzz, reader, check = FUZZED[name]
    folder = shutil.copytree(finished, tmp_path / "run")
    path = folder / "file"
    refused = 0
    for content in fuzz(finished, np.random.default_rng(7), N):
        path.write_bytes(content)
        try:
            out = reader(path)
        except InputError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000
            refused += 1
        else:
            check(out, len(content))
    print(f"{name}: {N} files, {refused} refused, {N - refused} valid")
    if name == "result.json":
        assert refused == 0  # what it says is not read back
    else:  # many mutations do harm, not all; of config.json all do, as no setting may be another than in best.npz
        assert 0.2 * N < refused and (refused < N or name == "config.json")
