"""Data sets from what people have: arrays, tables, files of embeddings, and the data sets of torch and Hugging Face."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gdw.cache import digest
from gdw.data.dataset import Dataset, as_images
from gdw.data.feature_store import Rows
from gdw.data.folder import natural_key
from gdw.data.label_table import PATH_COLUMNS, USUAL_LABELS, chosen_column, read_frame, require_reader, usual_columns
from gdw.data.on_disk import Images, OnDisk
from gdw.data.pictures import COMMON_SIZE, PictureFiles, one_size, to_colour
from gdw.data.pixels import Pixels

NUMBERS = (".npy", ".csv", ".tsv", ".parquet")  # endings of files of embeddings
BETWEEN = "|;"  # several classes in one cell
MULTI_LABEL = (
    "several classes for one row ({found}): an audit needs exactly one class each, so audit one class at a time "
    "(yes or no)"
)


def as_dataset(data: Any, labels: Any = None) -> Dataset:
    """What people have in Python as a data set; anything large stays where it is.

    Args:
        data: a ``Dataset``, which is returned as it is; an array, a tensor or a pandas table [rows, D] of numbers;
            torchvision's ``ImageFolder``; any torch data set of (picture or numbers, label); a Hugging Face data set
            with a column of classes.
        labels: one for each row, by name or number; by default the labels that ``data`` has.

    Raises:
        ValueError: no labels, another number of them, several classes for one row, fewer than two classes.
    """
    if isinstance(data, Dataset):
        return data if labels is None else replace(data, labels=labels)
    if hasattr(data, "samples") and hasattr(data, "classes"):  # torchvision's ImageFolder
        paths = [Path(path) for path, _ in data.samples]
        return _made(_of_files(paths), labels, [label for _, label in data.samples], data.classes, map(str, paths))
    if hasattr(data, "column_names") and hasattr(data, "features"):  # Hugging Face's
        return _of_columns(data, labels)
    if hasattr(data, "iloc"):
        numbers = data.select_dtypes("number")
        return _made(torch.tensor(numbers.to_numpy(np.float32)), labels, None, None, map(str, data.index))
    if isinstance(data, Tensor | np.ndarray | list):
        return _made(_numbers(data), labels, None, None, None)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        theirs = getattr(data, "targets", None) if labels is None else labels
        theirs = [data[place][1] for place in range(len(data))] if theirs is None else theirs
        names = getattr(data, "classes", None)
        return _made(OnDisk.all_of(Items(data, 0)), labels, theirs, names, None)
    raise ValueError(
        f"data must be a gdw.data.Dataset, an array, a pandas table, a torch Dataset or a Hugging Face dataset, got "
        f"{type(data).__name__}"
    )


def read_embeddings(file: str | Path, labels: str | Path, column: str | None = None) -> Dataset:
    """Rows of numbers from a file, and a label for each from another, in the same order. A ``.npy`` file is mapped.

    Args:
        file: ``.npy``, ``.csv``, ``.tsv`` or ``.parquet``: [rows, D].
        labels: a table, or a ``.npy`` file with one label for each row.
        column: of the labels; by default the only one, or the one that is called label, class or target.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as for ``as_dataset``; a file of another kind.
    """
    words, names = _read_labels(Path(labels), column)
    found = as_dataset(read_numbers(file), words)
    return replace(found, name=Path(file).stem, paths=names)


def read_numbers(file: str | Path) -> np.ndarray:
    """A matrix [rows, D] from a file; ``.npy`` stays on disk.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no matrix of numbers.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix == ".npy":
        try:
            matrix = np.load(file, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{file} is not a file of numbers by numpy ({error})") from None
    elif file.suffix in NUMBERS:
        matrix = _read_table(file).select_dtypes("number").to_numpy(np.float32)
    else:
        raise ValueError(f"{file} must end in {', '.join(NUMBERS)}")
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or not matrix.size:
        raise ValueError(f"{file} must hold numbers [rows, D], got {matrix.dtype} of the shape {matrix.shape}")
    return np.asanyarray(matrix)


@dataclass(frozen=True, eq=False)
class Items:
    """A reader of the items of somebody's data set: pictures become uint8 of the first one's size."""

    data: Any
    key: Any

    def __post_init__(self) -> None:
        first = self._values(0, None)
        object.__setattr__(self, "_first", first)

    @property
    def dtype(self) -> torch.dtype:
        """Of the first item."""
        return self._first.dtype  # type: ignore[attr-defined, no-any-return]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first item."""
        return tuple(self._first.shape)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.data)

    def read(self, places: np.ndarray, /) -> Tensor:
        """These items."""
        return torch.stack([self._values(int(place), self.shape) for place in places])

    def stamp(self, place: int) -> tuple[bytes, bool]:
        """A hash of the item's values."""
        return digest(self._values(place, self.shape).numpy().tobytes()), True

    def _values(self, place: int, shape: tuple[int, ...] | None) -> Tensor:
        from PIL import Image, ImageOps

        found = self.data[place][self.key]
        if isinstance(found, Image.Image):
            colour = to_colour(found, 2**16 - 1)
            size = colour.size if shape is None else (shape[2], shape[1])
            return torch.from_numpy(np.array(ImageOps.fit(colour, size))).permute(2, 0, 1)
        values = torch.as_tensor(found)
        return values if values.dtype == torch.uint8 else values.float()


def _of_files(paths: Sequence[Path]) -> OnDisk:
    return OnDisk.all_of(PictureFiles(paths, one_size(list(paths)) or (COMMON_SIZE, COMMON_SIZE)))


def _of_columns(data: Any, labels: Any) -> Dataset:
    """A Hugging Face data set: its column of classes, and of pictures or numbers."""
    classes = {name: kind.names for name, kind in data.features.items() if hasattr(kind, "names")}
    column = next(iter([*classes, *usual_columns(data.column_names, USUAL_LABELS)]), None)
    if labels is None and column is None:
        raise ValueError(f"there is no column of classes among {', '.join(data.column_names)}: give labels")
    others = [name for name in data.column_names if name != column and not isinstance(data[0][name], str | int)]
    if not others:
        raise ValueError(
            f"there is no column of pictures or numbers among {', '.join(data.column_names)}: text needs embeddings"
        )
    return _made(
        OnDisk.all_of(Items(data, others[0])), labels, data[column] if column else None, classes.get(column or ""), None
    )


def _made(images: Images, labels: Any, theirs: Any, names: Sequence[str] | None, paths: Any) -> Dataset:
    if labels is None and theirs is None:
        raise ValueError("data without labels: give labels, one for each row")
    numbers, classes = numbered_classes(theirs if labels is None else labels, None if labels is not None else names)
    if len(numbers) != len(images):
        raise ValueError(f"{len(images)} rows but {len(numbers)} labels")
    kept = np.flatnonzero(numbers >= 0)
    listed = None if paths is None else tuple(paths)
    notes: tuple[str, ...] = ()
    if len(kept) < len(numbers):
        notes = (f"passed over {len(numbers) - len(kept)} rows without a label (first: row {np.argmin(numbers) + 1})",)
        images, numbers = images[torch.from_numpy(kept)], numbers[kept]
        listed = listed or tuple(map(str, range(int(kept.max(initial=0)) + 1)))
        listed = tuple(listed[place] for place in kept)
    pixels = Pixels(255) if images.dtype == torch.uint8 else Pixels()
    return Dataset("data", classes, images, torch.from_numpy(numbers), pixels=pixels, paths=listed, notes=notes)


def numbered_classes(labels: Any, names: Sequence[str] | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of each label's class, -1 for an empty one; and the names of the classes, in natural order.

    Raises:
        ValueError: several classes for one row.
    """
    if isinstance(labels, Tensor):
        labels = labels.cpu().numpy()
    values = labels if isinstance(labels, np.ndarray) else list(labels)
    if len(values) and np.ndim(values[0]):
        labels = np.asarray([np.asarray(row).argmax() if _is_one_hot(row) else -1 for row in values])
        if (labels < 0).any():
            raise ValueError(MULTI_LABEL.format(found=list(values[int(np.argmin(labels))])))
        values = labels
    if names is not None:
        return np.asarray(values, np.int64), tuple(map(str, names))
    words = ["" if value is None or value != value else _word(value) for value in values]
    known = set(words)
    for word in known:
        if any(mark in word and known.issuperset(word.split(mark)) for mark in BETWEEN):
            raise ValueError(MULTI_LABEL.format(found=word))
    classes = tuple(sorted(known - {""}, key=natural_key))
    number = {name: place for place, name in enumerate(classes)} | {"": -1}
    return np.array([number[word] for word in words], np.int64), classes


def _is_one_hot(row: Any) -> bool:
    values = np.asarray(row)
    return values.dtype.kind in "biuf" and np.count_nonzero(values) == 1 and values.max() == 1


def _word(value: Any) -> str:
    value = value.item() if isinstance(value, Tensor) else value
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()


def _numbers(data: Any) -> Images:
    """Rows of numbers; a matrix that is mapped from a file stays there."""
    if isinstance(data, np.memmap) and data.ndim == 2:
        return OnDisk.all_of(Rows(data, np.arange(len(data))))
    return as_images(data, "data:")


def _read_labels(file: Path, column: str | None) -> tuple[Any, tuple[str, ...] | None]:
    """The labels, and the names of the rows where a column has them."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix == ".npy":
        return np.load(file, allow_pickle=False), None
    table, _ = read_frame(file)
    named = next((name for name in usual_columns(table.columns, (*PATH_COLUMNS, "text")) if name != column), None)
    wanted = chosen_column([name for name in table.columns if name != named], column, file, "name one with --column")
    rows = None if named is None or table[named].duplicated().any() else tuple(table[named].astype(str))
    return table[wanted].to_numpy(), rows


def _read_table(file: Path) -> Any:
    import pandas as pd

    if file.suffix == ".parquet":
        require_reader(file, "pyarrow")
        return pd.read_parquet(file)
    return pd.read_csv(file, sep=None, engine="python", encoding="utf-8-sig")
