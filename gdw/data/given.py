"""Data sets from what people have: arrays, tables, files of embeddings, and the data sets of torch and Hugging Face."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from gdw import files
from gdw.cache import digest
from gdw.data.dataset import SHOWN, Dataset, as_images, check_labels
from gdw.data.human_labels import ARRAYS, label_sets
from gdw.data.picture_labels import MULTI_LABEL, class_numbers
from gdw.label_files.columns import LABEL_COLUMNS, chosen_column, usual_columns
from gdw.label_files.label_table import is_table, read_table, require_reader
from gdw.pictures.decoding import COMMON_SIZE, PictureFiles, one_size, to_colour
from gdw.pictures.feature_store import Rows
from gdw.pictures.on_disk import BATCH, Images, OnDisk
from gdw.pictures.pixels import Pixels

NUMBERS = (".npy", ".csv", ".tsv", ".parquet")  # endings of files of embeddings
ROWS = 4096  # read at once
NAME_ONE = "name one with --column"  # advice


LabelledRows = tuple[Dataset, Bool[np.ndarray, "rows"]]
"""A data set of the rows that have a label, and which rows of what was given these are."""


def as_dataset(data: Any, labels: Any = None) -> Dataset:
    """The data set of ``labelled_rows``."""
    return labelled_rows(data, labels)[0]


def labelled_rows(data: Any, labels: Any = None) -> LabelledRows:
    """What people have in Python as a data set; anything large stays where it is.

    Args:
        data: a ``Dataset``, which is returned as it is; an array, a tensor or a pandas table [rows, D] of numbers;
            torchvision's ``ImageFolder``; any torch data set of (picture or numbers, label); a Hugging Face data set
            with a column of classes.
        labels: one for each row, by name or number; by default the labels that ``data`` has.

    Raises:
        ValueError: no labels, another number of them, several classes for one row, fewer than two classes, no row that
            is finite. Rows with NaN or infinity are passed over, with a note; so are classes of no row.
    """
    if isinstance(data, Dataset):
        return data if labels is None else replace(data, labels=labels), np.ones(len(data.labels), bool)
    if hasattr(data, "samples") and hasattr(data, "classes"):  # torchvision's ImageFolder
        paths = [Path(path) for path, _ in data.samples]
        return _made(_of_files(paths), labels, [label for _, label in data.samples], data.classes, map(str, paths))
    if hasattr(data, "column_names") and hasattr(data, "features"):  # Hugging Face's
        return _of_columns(data, labels)
    if hasattr(data, "iloc"):
        return _made(torch.tensor(_of_frame(data)), labels, None, None, map(str, data.index))
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


def of_labelled(values: Any, rows: Bool[np.ndarray, "rows"]) -> np.ndarray:
    """What is given for each row, of those rows alone that have a label."""
    given: np.ndarray = np.asarray(values)
    return np.asarray(given[rows] if given.shape[:1] == rows.shape else given)


def read_rows(file: str | Path, labels: str | Path, column: str | None = None) -> LabelledRows:
    """Rows of numbers from a file, and a label for each from another, in the same order. A ``.npy`` file is mapped.

    Args:
        file: ``.npy``, ``.csv``, ``.tsv`` or ``.parquet``: [rows, D].
        labels: a table, or a file of one array with a label for each row.
        column: of the labels; by default the only one, or the one that is called label, class or target.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as for ``labelled_rows``; a file of another kind.
    """
    words, names, notes = _read_labels(files.user_path(labels), column)
    found, kept = _made(_numbers(read_numbers(file)), words, None, None, names)
    return replace(found, name=Path(file).stem, notes=(*notes, *found.notes)), kept


def read_numbers(file: str | Path) -> np.ndarray:
    """A matrix [rows, D] from a file; ``.npy`` stays on disk."""
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix == ".npy":
        try:
            matrix = np.load(file, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{file} is not a file of numbers by numpy ({error})") from None
    elif file.suffix in NUMBERS:
        matrix = _of_frame(_read_table(file))
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


def _of_columns(data: Any, labels: Any) -> LabelledRows:
    """A Hugging Face data set: its column of classes, and of pictures or numbers."""
    classes = {name: kind.names for name, kind in data.features.items() if hasattr(kind, "names")}
    column = next(iter([*classes, *usual_columns(data.column_names, LABEL_COLUMNS)]), None)
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


def _made(images: Images, labels: Any, theirs: Any, names: Sequence[str] | None, paths: Any) -> LabelledRows:
    if labels is None and theirs is None:
        raise ValueError("data without labels: give labels, one for each row")
    if labels is None and names is not None:
        numbers, classes = np.asarray(theirs, np.int64), tuple(map(str, names))
    else:
        found, classes = class_numbers(words_of(theirs if labels is None else labels), None, "the labels")
        numbers = np.array(found, np.int64)
    if len(numbers) != len(images):
        raise ValueError(f"{len(images)} rows but {len(numbers)} labels")
    labelled, finite, every = numbers >= 0, _finite(images), classes
    check_labels(torch.from_numpy(numbers[labelled]), len(classes), "data: labels")
    kept, listed, notes = labelled & finite, None if paths is None else tuple(paths), tuple[str, ...]()
    if not kept.all():
        places, called = np.flatnonzero(kept), listed or tuple(map(str, range(len(kept))))
        for bad, what in ((~labelled, "without a label"), (labelled & ~finite, "with a number that is not finite")):
            if bad.any():
                notes += (f"passed over {bad.sum()} rows {what} (first: {called[bad.argmax()]})",)
        if not len(places):
            raise ValueError(f"no row is left: {'; '.join(notes)}")
        images, listed = images[torch.from_numpy(places)], tuple(called[place] for place in places)
        numbers = numbers[places]
    left = np.unique(numbers)
    if lost := [name for label, name in enumerate(classes) if label not in left]:
        notes += (f"put aside {len(lost)} classes that have no row: {', '.join(lost[:SHOWN])}",)
        numbers, classes = np.searchsorted(left, numbers), tuple(classes[label] for label in left)
    pixels = Pixels(255) if images.dtype == torch.uint8 else Pixels()
    labels_of = torch.from_numpy(numbers)
    return Dataset(
        "data", classes, images, labels_of, pixels=pixels, paths=listed, notes=notes, all_class_names=every
    ), kept


def words_of(labels: Any) -> list[str]:
    """Each label as a word, "" for a missing one; a row of 0 and one 1 becomes the place of the 1."""
    import pandas as pd

    values = labels.cpu().numpy() if isinstance(labels, Tensor) else labels
    values = values if isinstance(values, np.ndarray) else list(values)
    if len(values) and np.ndim(values[0]):
        if several := [list(row) for row in values if not _is_one_hot(row)]:
            raise ValueError(MULTI_LABEL.format(found=several[0]))
        values = [np.asarray(row).argmax() for row in values]
    values = [value.item() if isinstance(value, Tensor) else value for value in values]
    return ["" if pd.isna(value) else _word(value) for value in values]


def _is_one_hot(row: Any) -> bool:
    values = np.asarray(row)
    return values.dtype.kind in "biuf" and np.count_nonzero(values) == 1 and values.max() == 1


def _word(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()


def _numbers(data: Any) -> Images:
    """Rows of numbers; a matrix that is mapped from a file stays there."""
    if isinstance(data, np.memmap) and data.ndim == 2:
        return OnDisk.all_of(Rows(data, np.arange(len(data))))
    return as_images(data, "data:", finite=False)


def _of_frame(frame: Any) -> np.ndarray:
    """The columns of numbers of a pandas table; what float32 cannot hold becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(frame.select_dtypes("number").to_numpy(np.float32))


def _finite(images: Images) -> Bool[np.ndarray, "rows"]:
    """Which rows of numbers are finite in float32, read in batches; pictures of whole numbers are."""
    if not images.dtype.is_floating_point:
        return np.ones(len(images), bool)
    parts = images.split(ROWS if images.ndim == 2 else BATCH)
    return torch.cat([part.to("cpu").unsqueeze(-1).flatten(1).isfinite().all(1) for part in parts]).numpy()


def _read_labels(file: Path, column: str | None) -> tuple[Any, tuple[str, ...] | None, tuple[str, ...]]:
    """The labels, the names of the rows where a column has them, and notes."""
    if not is_table(file) and file.suffix in ARRAYS:
        sets = label_sets(file)
        return sets[chosen_column(sets, column, file, NAME_ONE)], None, ()
    table = read_table(file, label_column=column, in_order=True)
    names = tuple(table.paths)
    wanted = chosen_column(table.columns, column, file, NAME_ONE)
    return table.columns[wanted], names if len(set(names)) == len(names) > 0 else None, table.notes


def _read_table(file: Path) -> Any:
    import pandas as pd

    if file.suffix == ".parquet":
        require_reader(file, "pyarrow")
        return pd.read_parquet(file)
    return pd.read_csv(file, sep=None, engine="python", encoding="utf-8-sig")
