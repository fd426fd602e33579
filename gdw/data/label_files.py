"""Files of labels: sets of labels by name, out of torch's, numpy's and pickle's files; no code of theirs runs."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gdw.data.arrays import native
from gdw.data.damage import damage
from gdw.data.plain_pickle import TORCH_SAFE, arrays_in, plain_load

ALONE = "label"  # what one array without a name is called
NPY, ZIP, PICKLE = b"\x93NUMPY", b"PK", b"\x80"  # how such files begin
LONGEST_HEADER = 10_000  # bytes of a .npy file's description, as numpy allows
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def require_file(path: Path) -> None:
    """Raise unless there is a file with content.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a folder or a pipe; an empty file, a web page, a pointer of Git LFS.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file of labels")
    if not path.is_file():
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}, not a file of labels")
    if cause := damage(path):
        raise ValueError(f"{path} holds no labels: {cause}")


def label_sets(path: Path) -> dict[str, object]:
    """Every set of labels in a ``.pt``, ``.npy``, ``.npz`` or pickle file; the content decides, not the ending.

    Raises:
        FileNotFoundError, ValueError: see :func:`require_file`; or the file holds anything but plain arrays.
    """
    require_file(path)
    try:
        content = _content(path)
    except Exception:  # of junk anything may come; torch's own message advises to load the file unsafely: not passed on
        raise ValueError(
            f"{path} does not hold plain arrays of labels, which must be whole numbers: "
            "give a .pt, .npy or .npz file of such arrays, or a .csv table"
        ) from None
    if isinstance(content, np.ndarray) and content.dtype == object and content.ndim == 0:
        content = content.item()  # a dictionary that numpy saved
    if isinstance(content, Mapping):
        return {str(name): values for name, values in content.items()}
    return {ALONE: content}


def whole_numbers(values, path: Path) -> Int[Tensor, "images"]:
    """Labels as int64, from whole numbers of any type and byte order.

    Raises:
        ValueError: anything else.
    """
    refusal = f"{path}: labels must be whole numbers"
    if not isinstance(values, Tensor):
        try:
            array = np.asarray(values)
            values = torch.from_numpy(native(array))
        except Exception:  # of junk anything may come
            raise ValueError(refusal) from None
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{refusal}, got {str(values.dtype).removeprefix('torch.')}")
    return values.detach().cpu().long()


def _content(path: Path):
    with path.open("rb") as stream:
        beginning = stream.read(len(NPY))
    if beginning == NPY:
        return _numpy(path)
    if beginning.startswith(PICKLE):
        content = plain_load(path.read_bytes())
        # before torch wrote archives, it wrote pickles in a row; the first is a number
        return _torch(path) if isinstance(content, int) else content
    if path.suffix == ".npz":
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return dict(arrays)
    if beginning.startswith(ZIP):
        return _torch(path)
    raise ValueError(path)


def _torch(path: Path):
    with torch.serialization.safe_globals(TORCH_SAFE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that torch did not write: they are refused or read
        return arrays_in(torch.load(path, weights_only=True, map_location="cpu"))


def _numpy(path: Path):
    """An array; or the objects in it, such as a dictionary of arrays, read as a plain pickle."""
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        if version in READERS:
            _, _, dtype = READERS[version](stream, max_header_size=LONGEST_HEADER)
            if dtype.hasobject:
                return plain_load(stream.read())
        stream.seek(0)
        return np.load(stream, allow_pickle=False)
