"""Pickles that hold plain arrays and nothing else: whatever could run code is refused before it is looked up."""

import io
import pickle
import re
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


class _Kind:
    """In place of numpy's dtype: a plain type, such as int64 or text, and its byte order.

    numpy's own ``__setstate__`` believes what a pickle says; of a damaged one it reads memory that is not there, and
    the process ends.
    """

    def __init__(self, code: str, align: bool = False, copy: bool = False):
        if not isinstance(code, str) or not PLAIN_KIND.fullmatch(code):
            raise pickle.UnpicklingError(f"values of the type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _, order, base, names, fields = state[:5]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in (base, names, fields)):
            raise pickle.UnpicklingError("a type that is not plain")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """In place of numpy's array while a pickle is read; ``value`` is made from bytes whose number is right."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, by_columns, data = state
        if kind.dtype.hasobject:
            self.value = np.empty(len(data), object)
            self.value[:] = data
        else:
            data = data.encode("latin1") if isinstance(data, str) else data
            self.value = np.frombuffer(data, kind.dtype).copy()
        self.value = self.value.reshape(shape, order="F" if by_columns else "C")


def _reconstruct(kind: type, shape: tuple, code: bytes) -> _Array:
    return _Array()


def _scalar(kind: _Kind, data: bytes) -> np.generic:
    if kind.dtype.hasobject:
        raise pickle.UnpicklingError("a single object")
    return np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, kind.dtype, count=1)[0]


def arrays_in(content: Any) -> Any:
    """The same content with numpy's arrays, once it has been read.

    Raises:
        ValueError: an array that has no content.
    """
    if isinstance(content, _Array):
        if content.value is None:
            raise ValueError("an array without content")
        if content.value.dtype.hasobject:
            content.value.flat = [arrays_in(value) for value in content.value.flat]
        return content.value
    if isinstance(content, _Kind):
        return content.dtype
    if isinstance(content, dict):
        return type(content)((arrays_in(name), arrays_in(value)) for name, value in content.items())
    if isinstance(content, (list, tuple)):
        return type(content)(map(arrays_in, content))
    return content


PLAIN_KIND = re.compile(r"[biufcSUO]\d{1,9}")  # numpy's short names: i8, f4, b1, U3, O8
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): OrderedDict,
    **{(core, "_reconstruct"): _reconstruct for core in CORES},
    **{(core, "scalar"): _scalar for core in CORES},
}
# The same for torch's own reader of such files; arrays_in makes arrays of what it gives.
TORCH_SAFE: list = [(value, f"{module}.{name}") for (module, name), value in ALLOWED.items() if module[:5] == "numpy"]


class PlainUnpickler(pickle._Unpickler):
    """Reads dictionaries, lists and arrays of numbers; refuses every other name.

    It is the standard library's unpickler in Python. The one in C takes room for as many objects as a damaged file
    says that it has remembered: 24 GB for one wrong byte, or the process ends.
    """

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
        return arrays_in(PlainUnpickler(io.BytesIO(content)).load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # junk may raise anything
        raise pickle.UnpicklingError(str(error)) from error
