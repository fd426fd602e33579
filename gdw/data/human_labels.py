"""Labels that people gave, from a file: CIFAR-10N and CIFAR-100N as published, arrays, and tables by path.

Files of torch, numpy and pickle are read as plain arrays: whatever in them could run code is refused.
"""

import io
import pickle
import pickletools
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gdw import files
from gdw.data.dataset import Dataset, check_labels, native
from gdw.data.picture_labels import NO_CLASS, class_number, labels_by_path, names_counted, numbered_names
from gdw.label_files.columns import CLEAN_KEY, chosen_column
from gdw.label_files.label_table import ENDINGS, is_table, read_table, require_file

PREFIX = "human:"
ARRAYS = (".pt", ".pth", ".npy", ".npz", ".pkl", ".pickle")  # endings of files of arrays
SHOWN = 12  # classes whose numbers an error lists
ALONE = "label"  # what one array without a name is called
NPY, ZIP, PICKLE = b"\x93NUMPY", b"PK", b"\x80"  # how such files begin
LENGTH = {1: slice(8, 10), 2: slice(8, 12), 3: slice(8, 12)}  # of a .npy file's description, by version: where it is


def parse(noise: str) -> tuple[Path, str | None]:
    r"""``"human:PATH"`` or ``"human:PATH:KEY"`` to the path and the key; ``C:\labels.csv`` keeps its drive."""
    text = noise.removeprefix(PREFIX)
    path, colon, key = text.rpartition(":")
    drive = len(path) == 1 and path.isalpha()
    if not colon or drive or "/" in key or "\\" in key or Path(key).suffix in (*ARRAYS, *ENDINGS, ".gz"):
        path, key = text, ""
    if not path.strip():
        raise ValueError(f"human labels need a path, human:PATH or human:PATH:KEY, got {noise!r}")
    return files.user_path(path), key or None


def human_labels(noise: str, dataset: Dataset) -> Int[Tensor, "images"]:
    """The observed labels of the training images of a data set, checked against it; -1 where a table has none.

    A table (``.csv``, ``.tsv``, also ``.gz``) has a column ``path`` and columns of labels, which are names of classes
    or their numbers; its rows are matched by path to a data set from a folder of pictures. Any other file holds one
    array of class numbers, or a dictionary of them as published (``aggre_label``, ``worse_label``,
    ``random_label1``, ... for CIFAR-10N, ``noisy_label`` for CIFAR-100N), in the order of the training images.

    The published files follow CIFAR's own order, with mixed classes; a folder of pictures is read class
    by class. If such a file has a ``clean_label`` with the folder's number of images in each class, its k-th row
    of a class belongs to the folder's k-th picture of that class: this is right if the folder's names keep CIFAR's
    order within each class.

    Args:
        noise: ``"human:PATH"`` or ``"human:PATH:KEY"``; KEY is a set of labels, or a column of a table.
        dataset: the labels are for its training images.

    Source: Wei et al., Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations, ICLR 2022.
    """
    path, key = parse(noise)
    if is_table(path):
        return _from_table(path, key, dataset)
    found = label_sets(path)
    key = chosen_column(found, key, path)
    labels = whole_numbers(found[key], path)
    if labels.shape != dataset.labels.shape:
        count = len(dataset.labels)
        raise ValueError(f"{path}: one label for each of {count} training images, got shape {tuple(labels.shape)}")
    clean_key = key.replace("noisy", "clean")  # CIFAR-100N has coarse classes too, each set with its clean labels
    clean_key = clean_key if clean_key != key and clean_key in found else CLEAN_KEY
    clean = whole_numbers(found[clean_key], path) if clean_key in found else None
    numbers = [*labels.tolist(), *([] if clean is None else clean.flatten().tolist())]
    names = numbered_names(dataset, dataset.class_names, numbers)
    labels = _numbered(labels, dataset, path, names)
    _warn_of_numbers(dataset, path, names)
    if clean is None:
        return labels
    clean = clean if names == dataset.class_names else _numbered(clean, dataset, path, names)
    return labels[_rows_for(clean, dataset, path)]


def _numbered(labels: Tensor, dataset: Dataset, path: Path, names: Sequence[str]) -> Int[Tensor, "images"]:
    """The data set's own number for each label, which counts these names; -1 for a class that has no picture."""
    own = dataset.class_names
    check_labels(labels, len(names), f"{path}: labels", _class_order(dataset))
    return torch.tensor([own.index(name) if name in own else NO_CLASS for name in names])[labels]


def _from_table(path: Path, key: str | None, dataset: Dataset) -> Int[Tensor, "images"]:
    table = read_table(path, label_column=key)
    column = chosen_column(table.columns, key, path)
    labels = labels_by_path(table, column, dataset)
    if CLEAN_KEY in table.columns:
        clean = labels_by_path(table, CLEAN_KEY, dataset)
        if not torch.equal(clean[clean >= 0], dataset.labels.cpu()[clean >= 0]):
            raise ValueError(f"{path}: its {CLEAN_KEY} is not this data set's{_class_order(dataset)}")
    words = set(table.columns[column])
    if any(map(class_number, words)) and not words & set(dataset.class_names):
        _warn_of_numbers(dataset, path, names_counted(table, column, dataset))
    return labels


def _rows_for(clean: Tensor, dataset: Dataset, path: Path) -> Int[Tensor, "images"]:
    """For each training image the row of the file that is its own."""
    own = dataset.labels.cpu()
    if torch.equal(clean, own):
        return torch.arange(len(own))
    classes = len(dataset.class_names)
    if clean.shape == own.shape and int(clean.min()) >= 0 and dataset.paths is not None:
        counts, own_counts = (torch.bincount(labels, minlength=classes) for labels in (clean, own))
        if torch.equal(counts, own_counts):
            rows = torch.empty_like(own)
            rows[own.argsort(stable=True)] = clean.argsort(stable=True)
            return rows
    raise ValueError(
        f"{path}: its {CLEAN_KEY} is not this data set's: other images, or another order{_class_order(dataset)}"
    )


def _class_order(dataset: Dataset, named: Sequence[str] = ()) -> str:
    """The number of each class, for a data set whose classes were folders: their order is a likely cause."""
    if dataset.paths is None:
        return ""
    names = [f"{label} = {name}" for label, name in enumerate(named or dataset.class_names)][:SHOWN]
    more = ", ..." if len(named or dataset.class_names) > SHOWN else ""
    return f" (its classes are numbered {', '.join(names)}{more})"


def _warn_of_numbers(dataset: Dataset, path: Path, names: Sequence[str]) -> None:
    """Numbers of classes mean something else to each way of ordering folders: say which is taken where it matters."""
    numbers_differ = any(name.isdigit() and int(name) != label for label, name in enumerate(names))
    lost = len(dataset.folder_names) > len(dataset.class_names)
    if dataset.paths is not None and (lost or list(names) != sorted(names) or numbers_differ):
        warnings.warn(f"{path} gives numbers of classes: they are taken{_class_order(dataset, names)}", stacklevel=4)


def label_sets(path: Path) -> dict[str, object]:
    """Every set of labels in a ``.pt``, ``.npy``, ``.npz`` or pickle file; the content decides, not the ending."""
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


def whole_numbers(values: Any, path: Path) -> Int[Tensor, "images"]:
    """Labels as int64, from whole numbers of any type and byte order."""
    refusal = f"{path}: labels must be whole numbers"
    if not isinstance(values, Tensor):
        try:
            array = np.asarray(values)
            values = torch.from_numpy(native(array))
        except Exception:  # of junk anything may come
            raise ValueError(refusal) from None
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{refusal}, got {str(values.dtype).removeprefix('torch.')}")
    return cast(Tensor, values).detach().cpu().long()


def _content(path: Path) -> Any:
    with path.open("rb") as stream:
        beginning = stream.read(len(NPY))
    if beginning == NPY:
        return _numpy(path.read_bytes())
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


def _torch(path: Path) -> Any:
    with torch.serialization.safe_globals(TORCH_SAFE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that torch did not write: they are refused or read
        return _arrays_in(torch.load(path, weights_only=True, map_location="cpu"))


def _numpy(content: bytes) -> Any:
    """An array; or the objects in it, such as a dictionary of arrays, read as a plain pickle."""
    length = LENGTH[content[6]]
    end = length.stop + int.from_bytes(content[length], "little")
    objects = b"|O" in content[:end]
    return plain_load(content[end:]) if objects else np.load(io.BytesIO(content), allow_pickle=False)


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

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, base, names, fields = state[:5]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in (base, names, fields)):
            raise pickle.UnpicklingError("a type that is not plain")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """In place of numpy's array while a pickle is read; ``value`` is made from bytes whose number is right."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_columns, data = state
        if kind.dtype.hasobject:
            self.value = np.empty(len(data), object)
            self.value[:] = data
        else:
            data = data.encode("latin1") if isinstance(data, str) else data
            self.value = np.frombuffer(data, kind.dtype).copy()
        self.value = self.value.reshape(shape, order="F" if by_columns else "C")


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes) -> _Array:
    return _Array()


def _scalar(kind: _Kind, data: bytes | str) -> Any:
    if kind.dtype.hasobject:
        raise pickle.UnpicklingError("a single object")
    return np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, kind.dtype, count=1)[0]


def _arrays_in(content: Any) -> Any:
    """The same content with numpy's arrays, once it has been read."""
    if isinstance(content, _Array):
        if content.value is None:
            raise ValueError("an array without content")
        if content.value.dtype.hasobject:
            for place, value in enumerate(content.value.flat):
                content.value.flat[place] = _arrays_in(value)
        return content.value
    if isinstance(content, _Kind):
        return content.dtype
    if isinstance(content, dict):
        return type(content)((_arrays_in(name), _arrays_in(value)) for name, value in content.items())
    if isinstance(content, (list, tuple)):
        return type(content)(map(_arrays_in, content))
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
# The same for torch's own reader of such files; ``_arrays_in`` makes arrays of what it gives.
TORCH_SAFE: list[Any] = [(kind, ".".join(name)) for name, kind in ALLOWED.items() if name[0].startswith("numpy")]


class _PlainUnpickler(pickle.Unpickler):  # noqa: S301 - it looks up no name that is not in ALLOWED
    """Reads dictionaries, lists and arrays of numbers; refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not a plain array")
        return ALLOWED[module, name]


def plain_load(content: bytes) -> Any:
    """What a pickle holds, if that is plain; ``pickle.UnpicklingError`` for anything else."""
    try:
        # with the objects to remember numbered from 0: where a damaged file numbers one a billion, Python would make
        # room for a billion
        content = pickletools.optimize(content)
        return _arrays_in(_PlainUnpickler(io.BytesIO(content)).load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # junk may raise anything
        raise pickle.UnpicklingError(str(error)) from error
