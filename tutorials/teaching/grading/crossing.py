"""Values as bytes, from one process to another: JSON, and an .npz for the arrays in it; never a pickle.

What comes from a submission is not to be trusted. So archives are read only if they are what `numpy.savez` writes:
not compressed, no longer than was said, numbers alone, and each array as long as its header says.
"""

import io
import json
import math
import zipfile

import numpy as np

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def dump(value):
    """Dicts with text keys, lists, tuples, arrays of numbers, numbers, text, True, False, None → bytes."""
    arrays = []
    text = json.dumps(_outward(value, arrays)).encode()
    archive = io.BytesIO()
    np.savez(archive, *arrays)
    return len(text).to_bytes(8, "big") + text + archive.getvalue()


def load(data, most=2**24):
    """The value of such bytes. Raises ValueError for any others, and for more than `most` of them."""
    try:
        if len(data) > most:
            raise ValueError(f"{len(data)} bytes are more than {most}")
        end = 8 + int.from_bytes(data[:8], "big")
        if len(data) < end:
            raise ValueError("the text is cut off")
        return _inward(json.loads(data[8:end]), list(read_arrays(data[end:], most)))
    except Exception as error:  # whatever it is, the bytes are not what they should be
        raise ValueError(f"{type(error).__name__}: {str(error)[:200]}") from None


def read_arrays(data, most=2**24):
    """The arrays of an .npz of numbers, in order. Raises ValueError for anything else."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = archive.infolist()
        if sum(file.file_size for file in files) > most or len(files) > 10_000:
            raise ValueError("the arrays are too large")
        for file in files:
            if file.compress_type != zipfile.ZIP_STORED or file.file_size > len(data):
                raise ValueError("the archive is compressed, or says that it holds more than it does")
            yield _array(archive.read(file))


def _array(data):
    stream = io.BytesIO(data)
    shape, fortran, dtype = HEADERS[np.lib.format.read_magic(stream)](stream)
    if dtype.hasobject or dtype.fields or dtype.subdtype or dtype.kind not in "fiub":
        raise ValueError("an array does not hold numbers")
    rest = data[stream.tell() :]
    if min(shape, default=0) < 0 or len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError("an array is not as long as its header says")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C").copy()


def _outward(value, arrays):
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": {str(k): _outward(v, arrays) for k, v in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_outward(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_outward(v, arrays) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _inward(value, arrays):
    if isinstance(value, list):
        return [_inward(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "array" and isinstance(inner, int) and 0 <= inner < len(arrays):
        return arrays[inner]
    if kind == "dict":
        return {k: _inward(v, arrays) for k, v in inner.items()}
    if kind == "tuple":
        return tuple(_inward(v, arrays) for v in inner)
    raise ValueError(f"there is no kind of value called {kind}")
