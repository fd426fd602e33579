"""Tables of labels: one row a picture, matched by its path; CSV or TSV, also gzipped."""

import csv
import gzip
import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from gdw import files
from gdw.data.dataset import Dataset
from gdw.errors import unknown

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "img", "picture")  # any of them, in any case
SEPARATORS = ",\t;"
NAMED = 3  # paths that an error shows
# Columns, or sets of labels in other files, tried in this order where none is named: CIFAR-100N's, then CIFAR-10N's
# worst, then common names for your own labels.
KEYS = ("noisy_label", "worse_label", "label", "labels", "observed_label")
CLEAN_KEY = "clean_label"
SPLITS = {  # the names that folders of splits have
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Table:
    """Paths and columns of words, all of one length."""

    path: Path
    paths: list[str]
    columns: dict[str, list[str]]


def is_table(path: Path) -> bool:
    """Whether the file's name says that it is a table."""
    return path.name.lower().endswith(ENDINGS)


def require_file(path: Path) -> None:
    """Refuse a file that cannot hold labels, by its kind or its first bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a pipe or a device; an empty file, a web page, a pointer of Git LFS.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'a pipe or a device'}, not a file of labels")
    if cause := files.damage(path):
        raise ValueError(f"{path} holds no labels: {cause}")


def chosen_column(columns: Iterable[str], key: str | None, path: Path) -> str:
    """The column (or set) of labels: the one named, the first of ``KEYS``, or the only one.

    Raises:
        ValueError: no such column, or several to choose from.
    """
    columns = list(columns)
    if key is None:
        others = [name for name in columns if name != CLEAN_KEY]
        usual = [name for name in KEYS if name in others]
        if not usual and len(others) != 1:
            raise ValueError(f"{path} has several sets of labels, name one as human:PATH:KEY: {', '.join(columns)}")
        return (usual or others)[0]
    if key not in columns:
        raise unknown(f"label set in {path.name}", key, columns)
    return key


def read_table(path: Path, least: int = 1) -> Table:
    """The table; its column of paths is known by its name.

    Args:
        least: how many rows it must have, besides that of the column names.

    Raises:
        FileNotFoundError: there is none.
        ValueError: no table (empty, a web page, no text), no column of paths or of labels, a row of another length.
    """
    require_file(path)
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix.lower() == ".gz" else content).decode("utf-8-sig")
        first = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
        separator = max(SEPARATORS, key=first.count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ValueError(f"{path} is not a table of text in UTF-8 ({error})") from error
    except Exception as error:  # zlib's own
        raise ValueError(f"{path} is not a gzip file ({error})") from error
    if len(rows) <= least:
        raise ValueError(f"{path} needs a row of column names and one row for each picture, got {len(rows)} rows")
    names = [name.strip() for name in rows[0]]
    place = next((place for place, name in enumerate(names) if name.lower() in PATH_COLUMNS), None)
    if place is None or len(names) < 2:
        raise ValueError(f"{path} needs a column 'path' and a column of labels, got the columns {', '.join(names)}")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            raise ValueError(f"{path}: row {number} has {len(row)} fields, but there are {len(names)} columns")
    columns = {name: [row[at].strip() for row in rows[1:]] for at, name in enumerate(names) if at != place}
    return Table(path, [row[place] for row in rows[1:]], columns)


def labels_by_path(table: Table, column: str, dataset: Dataset) -> Int[Tensor, "images"]:
    """The label of each training picture of a data set from a folder.

    Paths match with or without their split's folder, with forward or backward slashes. Rows of the data set's own
    test and validation pictures are not needed.

    Raises:
        ValueError: the data set keeps no paths; a path twice, of no picture, or missing; an unknown class.
    """
    if dataset.paths is None:
        raise ValueError(
            f"{table.path} names pictures by path, but {dataset.name} is not read from a folder of pictures"
        )
    row_of = match(table, dataset.paths, (*(dataset.test_paths or ()), *(dataset.validation_paths or ())))
    missing = [path for place, path in enumerate(dataset.paths) if place not in row_of]
    if missing:
        raise ValueError(f"{table.path}: no label for {_some(missing, 'training pictures')}")
    numbers = class_numbers(table.columns[column], dataset.class_names, table.path)
    return torch.tensor([numbers[row_of[place]] for place in range(len(dataset.paths))])


def match(table: Table, paths: Sequence[str], others: Sequence[str] = ()) -> dict[int, int]:
    """The place of each path that a row names, and that row.

    Raises:
        ValueError: a picture in two rows; a row whose picture is not here and not among the others.
    """
    places, others_here, prefix = _places(paths), _places(others), _common_split(paths)
    row_of: dict[int, int] = {}
    unknown_paths = []
    for row, written in enumerate(table.paths):
        names = [written] if written in places else _spellings(written, prefix)
        place = next((places[name] for name in names if name in places), None)
        if place is None:
            if not any(name in others_here for name in names):
                unknown_paths.append(written)
        elif row_of.setdefault(place, row) != row:
            raise ValueError(f"{table.path}: {paths[place]} is in rows {row_of[place] + 1} and {row + 1}")
    if unknown_paths:
        near = f"; a picture here is {paths[0]}" if paths else ""
        raise ValueError(f"{table.path}: no picture here is called {_some(unknown_paths, 'paths')}{near}")
    return dict(sorted(row_of.items()))


def class_numbers(words: Sequence[str], class_names: Sequence[str], path: Path) -> list[int]:
    """Labels from names of classes; from numbers 0 ... C - 1 where no word is a class.

    Raises:
        ValueError: an unknown class, with the nearest known one; a number out of range.
    """
    number = {_plain(name): label for label, name in enumerate(class_names)}
    found = {_plain(word) for word in words}
    if found and not found & number.keys() and all(word.isascii() and word.isdigit() for word in found):
        if max(int(word) for word in found) >= len(class_names):
            raise ValueError(
                f"{path}: labels must be names of classes or lie in 0 ... {len(class_names) - 1}, "
                f"got {max(found, key=int)}"
            )
        return [int(word) for word in words]
    for word in words:
        if _plain(word) not in number:
            raise unknown(f"class in {path}", word, class_names)
    return [number[_plain(word)] for word in words]


def _places(paths: Sequence[str]) -> dict[str, int]:
    return {_plain(path): place for place, path in enumerate(paths)}


def _plain(text: str) -> str:
    """One spelling for letters with accents, which systems store in two ways."""
    return unicodedata.normalize("NFC", text)


def _common_split(paths: Sequence[str]) -> str | None:
    """The folder of the training split if all paths begin with it."""
    first = paths[0].partition("/")[0] if paths else ""
    is_split = first.lower() in SPLITS["train"] and all(path.startswith(f"{first}/") for path in paths)
    return first if is_split else None


def _spellings(written: str, prefix: str | None) -> list[str]:
    """The ways in which a data set may write this path, the most likely first."""
    parts = [part for part in _plain(written.strip()).replace("\\", "/").split("/") if part not in ("", ".")]
    bare = parts[1:] if len(parts) > 1 and parts[0].lower() in SPLITS["train"] else parts
    ways = [parts, bare] + ([[prefix, *parts], [prefix, *bare]] if prefix else [])
    return ["/".join(way) for way in ways]


def _some(paths: Sequence[str], what: str) -> str:
    more = f" and {len(paths) - NAMED} more {what}" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more
