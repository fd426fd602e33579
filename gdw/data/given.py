"""Data sets from what people have: arrays, tables, files of embeddings, and the data sets of torch and Hugging Face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from gdw import files
from gdw.cache import digest
from gdw.data.dataset import SHOWN, Dataset, as_images, check_labels, native
from gdw.data.human_labels import ARRAYS, label_sets
from gdw.data.picture_labels import class_numbers, doubtful_names, loose, passed_over
from gdw.label_files.columns import (
    LABEL_COLUMNS,
    chosen_column,
    numbered_in_order,
    usual_columns,
    without_rejected,
)
from gdw.label_files.label_table import is_table, read_table
from gdw.label_files.numbers import FAR_NOTE, in_float32, number_columns, of_frame, read_frame, words_of
from gdw.label_files.row_names import are_names, by_name, places_of, row_names, shared_names
from gdw.pictures.decoding import COMMON_SIZE, PictureFiles, one_size, to_colour
from gdw.pictures.feature_store import Rows
from gdw.pictures.on_disk import BATCH, Images, OnDisk
from gdw.pictures.pixels import Pixels

NUMBERS = (".npy", ".csv", ".tsv", ".parquet")  # endings of files of embeddings
ROWS = 4096  # read at once
LOOKED_AT = 16  # items of a data set, whose labels are compared
NAME_ONE = "name one with --column"  # advice
EXACT_NUMBERS = ("float64", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")  # with more than float32
P_CLASS = ("p(", ")")  # around a class, as gdw predict writes it


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
        labels: one for each row, by name or number, or the column of a pandas table; by default the labels that
            ``data`` has.

    Raises:
        ValueError: no labels, another number of them, several classes for one row, fewer than two classes, no row that
            is finite. Rows with NaN or infinity are passed over, with a note; so are classes of no row.
    """
    if isinstance(data, Mapping):
        raise ValueError(f"data is a dictionary of {', '.join(map(str, data))}: give one of them")
    if isinstance(data, Dataset):
        return data if labels is None else replace(data, labels=labels), np.ones(len(data.labels), bool)
    if hasattr(data, "samples") and hasattr(data, "classes"):  # torchvision's ImageFolder
        paths = [Path(path) for path, _ in data.samples]
        images = OnDisk.all_of(PictureFiles(paths, one_size(paths) or (COMMON_SIZE, COMMON_SIZE)))
        stored, change = [label for _, label in data.samples], getattr(data, "target_transform", None)
        changed = {label: label if change is None else change(label) for label in set(stored)}
        if len(set(changed.values())) == len(changed):  # else classes are put together, and have other names
            return _made(images, labels, stored, data.classes, map(str, paths))
        return _made(images, labels, [changed[label] for label in stored], None, map(str, paths))
    if hasattr(data, "column_names") and hasattr(data, "features"):  # Hugging Face's
        return _of_columns(data, labels)
    if hasattr(data, "iloc"):
        labels = data[labels] if isinstance(labels, str | int) and labels in data.columns else labels
        require_order(data, labels, "the labels")
        numbers, notes = of_frame(data, labels, None if hasattr(labels, "columns") else getattr(labels, "name", None))
        return _made(torch.tensor(numbers), labels, None, None, map(str, data.index), notes)
    if hasattr(data, "toarray"):
        raise ValueError("data is a sparse matrix: give its .toarray()")
    if isinstance(data, np.ma.MaskedArray):
        data = np.ma.filled(data.astype(np.float64), np.nan) if data.mask.any() else data.data
    if isinstance(data, Tensor | np.ndarray | list):
        rows, notes = _numbers(data)
        return _made(rows, labels, None, None, None, notes)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        theirs = getattr(data, "targets", None) if labels is None else labels
        picture, column = _keys(_first(data), theirs is None)
        if labels is None and theirs is not None and not _are_labels(theirs, data, column):
            theirs = None  # as they were before something changed them
        theirs = [data[place][column] for place in range(len(data))] if theirs is None else theirs
        return _made(OnDisk.all_of(Items(data, picture)), labels, theirs, _classes_of(data), None)
    raise ValueError(
        f"data must be a gdw.data.Dataset, an array, a pandas table, a torch Dataset or a Hugging Face dataset, got "
        f"{type(data).__name__}"
    )


def with_probs(
    data: Dataset, rows: Bool[np.ndarray, "rows"], values: Any
) -> tuple[Dataset, Bool[np.ndarray, "rows"], np.ndarray]:
    """The data set, which of the rows that were given are in it, and the probabilities given for each of these.

    Rows with a probability that is not finite are passed over. Columns of a pandas table that are called as the classes
    are (or all with the same letters around it: ``p(class)``, ``prob_class``) are taken by their names.
    """
    if hasattr(values, "iloc"):
        values, notes = _by_class(values, data)
        data = replace(data, notes=(*data.notes, *notes))
    given: np.ndarray = np.asarray(_of_numpy(values))
    given = np.asarray(given[rows] if given.shape[:1] == rows.shape else given)
    if given.shape[:1] != data.labels.shape or given.dtype.kind != "f" or given.ndim != 2 or np.isfinite(given).all():
        return data, rows, given
    finite = np.isfinite(given).all(1)
    called = data.paths or tuple(map(str, range(len(finite))))
    notes = passed_over("rows with a probability that is not finite", [*compress(called, ~finite)])
    left, places = replace(data, paths=called, notes=(*data.notes, *notes)).chosen({"": np.flatnonzero(finite)})
    kept = np.zeros_like(rows)
    kept[np.flatnonzero(rows)[places[""]]] = True
    return left, kept, given[places[""]]


def _of_numpy(values: Any) -> Any:
    """A tensor as numpy can hold it; anything else as it is."""
    if not isinstance(values, Tensor):
        return values
    return (values.float() if values.dtype == torch.bfloat16 else values).detach().cpu().numpy()


def _by_class(frame: Any, data: Dataset) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of the classes, and notes of what was left out where these are not known by their names."""
    columns, lacking = [*map(str, frame.columns)], list[str]()
    for form, names in product((str, loose), dict.fromkeys((data.all_class_names, data.class_names))):
        every, words = {form(name): place for place, name in enumerate(columns)}, [*map(form, names)]
        if len(every) < len(columns) or len({*words}) < len(words):
            continue
        around = {(before, after) for name in every for cut in (name.partition, name.rpartition) for one in words[:2]
                  for before, word, after in [cut(one)] if word}  # fmt: skip
        found = {each: [every.get(word.join(each)) for word in words] for each in {("", ""), P_CLASS} | around}
        fit = {each: places for each, places in found.items() if None not in places}
        if best := fit.get(P_CLASS) or fit.get(("", "")) or (next(iter(fit.values())) if len(fit) == 1 else None):
            return np.asarray(frame.iloc[:, best]), ()
        for (before, after), places in found.items():
            shared = [name for name in every if name.startswith(before) and name.endswith(after)]
            counts = [f"{before}{number}{after}" for number in range(len(words))]
            some = places.count(None) < len(places) and len(shared) > 1
            if some and [name for name in shared if name in counts] != counts:
                lacking = [name for name, place in zip(names, places, strict=True) if place is None]
    if lacking:
        raise ValueError(f"pred_probs has no column of class {', '.join(lacking[:SHOWN])}")
    kept, notes = number_columns(frame)
    probs = frame.iloc[:, kept]
    names = next((each for each in (data.all_class_names, data.class_names) if len(each) == len(kept)), ())
    order = ", ".join(f"{columns[place]} = {name}" for place, name in list(zip(kept, names, strict=False))[:SHOWN])
    notes = (*([f"the columns of pred_probs are taken in the order of the classes: {order}"] if order else []), *notes)
    return np.asarray(probs if all(isinstance(kind, np.dtype) for kind in probs.dtypes) else probs.astype(float)), notes


def require_order(data: Any, given: Any, what: str) -> None:
    """Refuse a pandas table or series whose index names rows of another one, but not these rows in this order."""
    if hasattr(data, "iloc") and hasattr(given, "iloc") and len(data) == len(given):
        mine, theirs = data.index, given.index
        unique = mine.is_unique and theirs.is_unique and mine.nlevels == theirs.nlevels
        if not mine.equals(theirs) and unique and (shared := mine.isin(theirs)).any():
            wrong, way = "the index of data in another order", ".loc[data.index]"
            if not shared.all():
                wrong, way = "an index that is only partly that of data", ".reindex(data.index)"
            raise ValueError(
                f"{what} have {wrong}: give {way} of them, or .to_numpy() if they are in the order of the rows"
            )


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
    words, names, notes, called, columns = _read_labels(files.user_path(labels), column)
    table, rows = _read_numbers(file), None
    if hasattr(table, "iloc"):
        rows = row_names(table)
        if rows is None or names is None:
            both = shared_names(table, columns)
            notes += both.notes
            if both.place is not None:
                rows, names = both.rows, both.names
                notes += (f"the rows are named by column {table.columns[both.place]}, which is no feature",)
                table = table.drop(columns=table.columns[both.place])
    if names is None and rows is not None and not numbered_in_order(rows):
        names = rows
    words, names, how = by_name(words, names, rows)
    if len(words) != len(table):
        column_of = f" in column {called}" if called else ""
        raise ValueError(
            f"{Path(file).name} has {len(table)} rows but {Path(labels).name} {len(words)} labels{column_of}"
        )
    matrix, said = of_frame(table, words, called) if hasattr(table, "iloc") else (table, ())
    images, far = _numbers(_checked(matrix, file))
    found, kept = _made(images, words, None, None, names, far)
    return replace(found, name=Path(file).stem, notes=(*notes, *said, *how, *found.notes)), kept


def read_probs(file: str | Path, dataset: Dataset, rows: Bool[np.ndarray, "rows"] | None = None) -> Any:
    """Probabilities from a file; those of a table with its columns' names, matched by name where it names its rows.

    Args:
        rows: which of the rows that were given are in the data set; by default all.
    """
    frame = _read_numbers(file)
    if not hasattr(frame, "iloc"):
        return _checked(frame, file)
    names, paths = row_names(frame), dataset.paths
    if names is None and paths is not None:
        every = {key: paths for n, name in enumerate(frame.columns, 1) for key in (str(name), f"column {n}")}
        names = shared_names(frame, every).rows
    places, _ = places_of(names, paths, rows)
    lost = [path for path, place in zip(dataset.paths or (), places, strict=True) if place is None] if places else []
    if lost and (len(lost) < len(places) or not numbered_in_order(names or ())):
        raise ValueError(
            f"{file} has no row for {len(lost)} of {len(places)} rows (first: {lost[0]}); it calls its own first one "
            f"{(names or ('',))[0]}. If both have one order, leave out the column of names"
        )
    return frame if lost or not places else frame.iloc[places]


def _read_numbers(file: str | Path) -> Any:
    """What a file of numbers holds: an array, mapped, or a pandas table."""
    file = files.user_path(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix.lower() not in NUMBERS:
        raise ValueError(f"{file} must end in {', '.join(NUMBERS)}")
    if file.suffix.lower() != ".npy":
        return read_frame(file)
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{file} is not a file of numbers by numpy ({error})") from None


def _checked(matrix: np.ndarray, file: str | Path) -> np.ndarray:
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub" or not matrix.size:
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
            colour = to_colour(ImageOps.exif_transpose(found), 2**16 - 1)
            size = colour.size if shape is None else (shape[2], shape[1])
            return torch.from_numpy(np.array(ImageOps.fit(colour, size))).permute(2, 0, 1)
        values = found if isinstance(found, Tensor) else torch.from_numpy(native(np.asarray(found)))
        if values.dtype == torch.uint8 and values.ndim in (2, 3):  # channels first
            return as_images(values[None], "an item's", finite=False)[0]
        return values if values.dtype == torch.uint8 else values.float()


def _of_columns(data: Any, labels: Any) -> LabelledRows:
    """A Hugging Face data set: its column of classes, and of pictures or numbers."""
    classes = {name: kind.names for name, kind in data.features.items() if hasattr(kind, "names")}
    column = next(iter([*classes, *usual_columns(data.column_names, LABEL_COLUMNS)]), None)
    if labels is None and column is None:
        raise ValueError(f"there is no column of classes among {', '.join(data.column_names)}: give labels")
    others = {name: value for name, value in _first(data).items() if name != column}
    notes = (
        (f"the labels are those of column {column}, not of {', '.join([*classes][1:])}",) if len(classes) > 1 else ()
    )
    return _made(
        OnDisk.all_of(Items(data, _picture_column(others))), labels, data[column] if column else None,
        classes.get(column or ""), None, notes if labels is None else (),
    )  # fmt: skip


def _first(data: Any) -> Any:
    if not len(data):
        raise ValueError("data has no rows")
    return data[0]


def _are_labels(targets: Any, data: Any, column: Any) -> bool:
    """Whether a data set's ``targets`` stand for the labels of its items, one for one; some are looked at."""
    if column is None or not isinstance(_first(data), tuple | list | Mapping):
        return True
    if len(targets) != len(data):
        return False
    targets = targets.to_numpy() if hasattr(targets, "iloc") else targets
    places = np.unique(np.linspace(0, len(data) - 1, LOOKED_AT).astype(int)).tolist()
    try:
        mine = words_of([data[place][column] for place in places])
    except ValueError:  # labels of several parts: the targets say which is meant
        return True
    theirs = words_of([targets[place] for place in places])
    return len({*mine}) == len({*theirs}) == len({*zip(mine, theirs, strict=True)})


def _keys(item: Any, labelled: bool) -> tuple[Any, Any]:
    """The keys of the picture or the numbers and of the label in an item of somebody's data set.

    Args:
        labelled: whether it must have a label.
    """
    if not isinstance(item, Mapping):
        return 0, 1
    names = [name for name in item if isinstance(name, str) and name.lower() != "x"]
    label = next(iter(usual_columns(names, LABEL_COLUMNS)), None)
    if labelled and label is None:
        raise ValueError(f"there is no label among {', '.join(map(str, item))}: give labels")
    return _picture_column({name: value for name, value in item.items() if name != label}), label


def _picture_column(item: Mapping[str, Any]) -> str:
    """The key of the picture or the numbers in it: no single number, no words."""
    for name, value in item.items():
        values = None if isinstance(value, str | bytes | Mapping) else np.asarray(value)
        if values is not None and values.ndim and values.dtype.kind in "biuf":
            return name
    raise ValueError(
        f"there is no column of pictures or numbers among {', '.join(map(str, item))}: text needs embeddings"
    )


def _classes_of(data: Any) -> Sequence[str] | None:
    """The names of its classes; of a part of a data set, those of the whole."""
    while not hasattr(data, "classes") and hasattr(data, "dataset"):
        data = data.dataset
    return getattr(data, "classes", None)


def _made(
    images: Images, labels: Any, theirs: Any, names: Sequence[str] | None, paths: Any, notes: tuple[str, ...] = ()
) -> LabelledRows:
    if labels is None and theirs is None:
        raise ValueError("data without labels: give labels, one for each row")
    if labels is None and names is not None:
        numbers = np.array([-1 if label is None else label for label in theirs], np.int64)
        classes = tuple(map(str, names))
    else:
        found, classes = class_numbers(words_of(theirs if labels is None else labels), None, "the labels")
        numbers, notes = np.array(found, np.int64), (*notes, *doubtful_names(classes))
    if len(numbers) != len(images):
        raise ValueError(f"{len(images)} rows but {len(numbers)} labels")
    labelled, finite, every = numbers >= 0, _finite(images), classes
    check_labels(torch.from_numpy(numbers[labelled]), len(classes), "data: labels")
    kept, listed = labelled & finite, None if paths is None else tuple(paths)
    if not kept.all():
        places, called = np.flatnonzero(kept), listed or tuple(map(str, range(len(kept))))
        for bad, what in ((~labelled, "without a label"), (labelled & ~finite, "with a number that is not finite")):
            notes += passed_over(f"rows {what}", [*compress(called, bad)])
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


def _numbers(data: Any) -> tuple[Images, tuple[str, ...]]:
    """Rows of numbers, and a note; a matrix that is mapped from a file stays there."""
    if isinstance(data, np.memmap) and data.ndim == 2:
        return OnDisk.all_of(Rows(data, np.arange(len(data)))), ()
    notes: tuple[str, ...] = ()
    if str(getattr(data, "dtype", "")).removeprefix("torch.") in EXACT_NUMBERS and data.ndim == 2:  # a table
        data, far = in_float32(data.detach().cpu().numpy() if isinstance(data, Tensor) else data)
        notes = (FAR_NOTE.format(names=", ".join(map(str, far[:SHOWN]))),) if far else ()
    return as_images(data, "data:", finite=False), notes


def _finite(images: Images) -> Bool[np.ndarray, "rows"]:
    """Which rows of numbers are finite in float32, read in batches; pictures of whole numbers are."""
    if not images.dtype.is_floating_point:
        return np.ones(len(images), bool)
    parts = images.split(ROWS if images.ndim == 2 else BATCH)
    return torch.cat([part.to("cpu").unsqueeze(-1).flatten(1).isfinite().all(1) for part in parts]).numpy()


def _read_labels(
    file: Path, column: str | None
) -> tuple[Any, tuple[str, ...] | None, tuple[str, ...], str | None, Mapping[str, list[str]]]:
    """The labels, the names of the rows where a column has them, notes, the labels' column, and the other columns."""
    if not is_table(file) and file.suffix.lower() in ARRAYS:
        sets = label_sets(file)
        return sets[chosen_column(sets, column, file, NAME_ONE)], None, (), None, {}
    table = read_table(file, label_column=column, in_order=True)
    names = tuple(table.paths)
    wanted = chosen_column(table.columns, column, file, NAME_ONE)
    labels, rejected = without_rejected(table.columns, [wanted])
    others = {name: cells for name, cells in table.columns.items() if name != wanted}
    others |= {"path": table.paths} if names else {}
    return labels[wanted], names if are_names(names) else None, (*table.notes, *rejected), wanted, others
