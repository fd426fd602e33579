"""Pickles that hold plain arrays and nothing else: whatever could run code is refused before it is looked up."""

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

# numpy 1 wrote these module names, numpy 2 writes the second; both name the same functions.
CORES = ("numpy.core.multiarray", "numpy._core.multiarray")
LATIN = ("latin1", "latin-1", "iso8859-1")


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """Bytes as pickles of protocol 2 hold them; any other encoding would load a codec by name."""
    if encoding not in LATIN:
        raise pickle.UnpicklingError(f"a text in the encoding {encoding!r}")
    return text.encode("latin1")


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): OrderedDict,
    **{(core, "_reconstruct"): np._core.multiarray._reconstruct for core in CORES},
    **{(core, "scalar"): np._core.multiarray.scalar for core in CORES},
}
# The same for torch's own reader of such files; the integer types of numpy have a class each.
TORCH_SAFE: list = [
    np.ndarray,
    np.dtype,
    *(np._core.multiarray._reconstruct, np._core.multiarray.scalar),
    *((np._core.multiarray._reconstruct, f"{core}._reconstruct") for core in CORES),
    *((np._core.multiarray.scalar, f"{core}.scalar") for core in CORES),
    *{type(np.dtype(kind)) for kind in "?bhilqBHILQefd"},
]


class PlainUnpickler(pickle.Unpickler):  # noqa: S301 - made safe here, find_class allows only plain arrays
    """Reads dictionaries, lists and arrays of numbers; refuses every other name."""

    def find_class(self, module: str, name: str):
        """The object of an allowed name.

        Raises:
            pickle.UnpicklingError: any other name.
        """
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not a plain array")
        return ALLOWED[module, name]


def plain_load(content: bytes) -> Any:
    """What a pickle holds, if that is plain.

    Raises:
        pickle.UnpicklingError: it names anything else, or it is not a pickle; the error is the same.
    """
    try:
        return PlainUnpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # junk may raise anything
        raise pickle.UnpicklingError(str(error)) from error
