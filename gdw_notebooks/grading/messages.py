"""Plain values between two processes, as one line of JSON each: numbers, words, lists, tables. Never a pickle."""

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

LONGEST = 4_000_000  # characters of a message; the longest right answer has some hundreds
MOST_NUMBERS = 100_000  # of an array that is handed in
MOST_KEYS = 1000  # of a mapping: of many more, chosen so that they collide, a dictionary takes hours
KIND = "kind"  # of what JSON does not know
DTYPES = {str(dtype): dtype for dtype in (torch.float64, torch.float32, torch.int64, torch.bool)}


class BadMessage(ValueError):
    """What came is too long, no JSON, or not built as it must be."""


def pack(value: object) -> object:
    """A value as JSON can hold it; a function becomes a note that there is one, and so does what is too large."""
    if value is None or value is Ellipsis:
        return {KIND: "empty"}
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Real | Decimal):  # as the checks take them: fractions, NumPy's numbers
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) > MOST_NUMBERS:
        return {KIND: "other", "type": f"{type(value).__name__} with more than {MOST_NUMBERS:,} numbers"}
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return {KIND: "tensor", "dtype": str(value.dtype), "values": value.tolist(), "shape": list(value.shape)}
    if isinstance(value, np.ndarray | np.generic):
        return pack(value.tolist())
    if isinstance(value, list | tuple | range):
        return [pack(part) for part in value]
    if isinstance(value, Mapping) and len(value) > MOST_KEYS:
        return {KIND: "other", "type": f"{type(value).__name__} with more than {MOST_KEYS:,} keys"}
    if isinstance(value, Mapping):
        return {KIND: "mapping", "items": [[pack(key), pack(part)] for key, part in value.items()]}
    if hasattr(value, "to_numpy"):
        return pack(value.to_numpy().tolist())
    return {KIND: "function"} if callable(value) else {KIND: "other", "type": type(value).__name__}


def unpack(packed: object, function: Callable[[], object] = lambda: None) -> object:
    """The value that ``pack`` was given; ``function()`` is put in the place of a function.

    Raises:
        BadMessage: it was not made by ``pack``.
    """
    try:
        return _unpack(packed, function)
    except (KeyError, TypeError, ValueError, RuntimeError, RecursionError, OverflowError) as error:
        raise BadMessage(f"a value cannot be read: {type(error).__name__}") from error


def _unpack(packed: object, function: Callable[[], object]) -> object:
    if isinstance(packed, list):
        return [_unpack(part, function) for part in packed]
    if not isinstance(packed, dict):
        return packed
    kind = packed[KIND]
    if kind == "tensor":
        values = torch.tensor(packed["values"], dtype=DTYPES.get(packed["dtype"], torch.float64))
        return values.reshape([int(n) for n in packed["shape"]])
    if kind == "mapping":
        if len(packed["items"]) > MOST_KEYS:
            raise ValueError("too many keys")
        return {_as_key(_unpack(key, function)): _unpack(part, function) for key, part in packed["items"]}
    if kind == "function":
        return function()
    return None if kind == "empty" else f"an object of type {packed['type']}"


def _as_key(value: object) -> object:
    """A list, which was a tuple before it was packed, as one again."""
    return tuple(map(_as_key, value)) if isinstance(value, list) else value


def packed(value: object) -> object:
    """As ``pack``, for whatever a student's value does: what cannot be packed, or is too long, becomes a note."""
    try:
        if len(json.dumps(found := pack(value))) < LONGEST // 4:
            return found
    except BaseException as error:
        return {KIND: "other", "type": f"{type(value).__name__} that cannot be read ({type(error).__name__})"}
    return {KIND: "other", "type": f"{type(value).__name__} that is too large"}


def line(message: dict) -> bytes:
    """A message as it goes through a pipe."""
    return json.dumps(message).encode("ascii") + b"\n"


def read(text: bytes) -> dict:
    """The message of a line.

    Raises:
        BadMessage: too long, or no JSON object.
    """
    if len(text) > LONGEST:
        raise BadMessage("a message is too long")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage("a message is no JSON") from error
    if not isinstance(message, dict):
        raise BadMessage("a message is no JSON object")
    return message
