"""The file format of a saved run: one safetensors file with tensors, a JSON text and a digest of both. No pickle.

A value is packed as JSON, with each tensor replaced by its name; the JSON text is part of the file's metadata. The
digest says whether the file is whole and as it was written. It is not a signature: anyone who can
write the file can also write the digest.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from gdw import files

FORMAT = "gdw run 1"


def write(path: str | Path, value: dict[str, Any]) -> None:
    """Write a tree of dictionaries, lists, tuples, numbers, texts, arrays and tensors, all at once."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(pack(value, tensors))
    write_tensors(path, FORMAT, text, tensors)


def read(path: str | Path) -> dict[str, Any]:
    """What ``write`` wrote; ``ValueError`` for another kind of file, and for one that was cut off or changed."""
    text, tensors = read_tensors(path, FORMAT, "a saved run")
    try:
        value = unpack(json.loads(text), tensors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not a saved run: its content cannot be understood")
    return value


def write_tensors(path: str | Path, format: str, text: str, tensors: dict[str, Tensor]) -> None:
    """Write named tensors and a text, all at once."""
    metadata = {"format": format, "content": text, "digest": _digest(text, tensors)}
    files.write(path, save_tensors(tensors, metadata))


def read_tensors(path: str | Path, format: str, what: str) -> tuple[str, dict[str, Tensor]]:
    """The text and the tensors that ``write_tensors`` wrote; ``what`` they should be is for the message."""
    content = files.read_bytes(path)
    try:
        metadata = _metadata(content)
        tensors = load_tensors(content)
    except Exception:  # what safetensors raises for wrong bytes is not one kind of error
        raise ValueError(f"{path} is not {what}, or it was cut off") from None
    if metadata.get("format") != format:
        raise ValueError(f"{path} is not {what}: its format is {metadata.get('format')!r}, not {format!r}")
    text = metadata.get("content", "")
    if _digest(text, tensors) != metadata.get("digest"):
        raise ValueError(f"{path} is damaged: its content does not fit the digest written with it")
    return text, tensors


def pack(value: object, tensors: dict[str, Tensor]) -> object:
    """The value as JSON; its tensors go to ``tensors``, on the CPU."""
    if isinstance(value, Tensor):
        return {"tensor": _put(value, tensors)}
    if isinstance(value, np.ndarray):
        return {"array": _put(torch.from_numpy(value), tensors)}
    if isinstance(value, dict):
        return {"dict": [[pack(key, tensors), pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) in (list, tuple) else "tuple": [pack(v, tensors) for v in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a saved run cannot hold a {type(value).__name__}")


def unpack(packed: object, tensors: dict[str, Tensor]) -> object:
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "dict":
        return {unpack(key, tensors): unpack(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](unpack(item, tensors) for item in content)


def _put(tensor: Tensor, tensors: dict[str, Tensor]) -> str:
    name = str(len(tensors))
    tensors[name] = own_copy(tensor)
    return name


def own_copy(tensor: Tensor) -> Tensor:
    """A copy on the CPU: safetensors refuses memory that two tensors share."""
    return tensor.detach().cpu().contiguous().clone()


def _metadata(content: bytes) -> dict[str, str]:
    """The header of a safetensors file: 8 bytes with its length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    whole = hashlib.sha256(text.encode("utf-8"))
    for name in sorted(tensors):
        tensor = tensors[name]
        whole.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))  # strides of 0 have no bytes
        whole.update(flat.view(torch.uint8).numpy().data)
    return whole.hexdigest()
