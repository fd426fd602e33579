"""Columns as people have them in pandas, CSV and Parquet: a matrix of those that are numbers, and labels as words."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gdw.label_files.columns import LABEL_COLUMNS, MULTI_LABEL, PATH_COLUMNS, usual_columns
from gdw.label_files.label_table import BYTE_ORDER, as_text, require_reader, separator_of

COUNTERS = ("index", "id", "unnamed0", "row", "rowid", "column1")  # names of columns that number the rows
LEAST_COUNTED = 4  # rows: fewer say nothing of a column
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?|nan", re.I)
DECIMAL_COMMA = r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?"
SHOWN = 20  # columns that a note names
BEGINNING = 2**20  # bytes of a table that show its form


def row_names(frame: Any) -> tuple[str, ...] | None:
    """What the rows are called, where a column of words or whole numbers says so: each another name."""
    for name in usual_columns(map(str, frame.columns), PATH_COLUMNS):
        cells = frame.get(name)
        names = () if cells is None or cells.dtype.kind in "bf" else tuple(map(str, cells))
        if names and len(set(names)) == len(names):
            return names
    return None


def read_frame(file: Path) -> Any:
    """A pandas table; a first row of numbers alone is one of its rows, and 1,5 is a number."""
    import pandas as pd

    if file.suffix.lower() == ".parquet":
        require_reader(file, "pyarrow")
        frame = pd.read_parquet(file)
        return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    with file.open("rb") as stream:
        content = stream.read(BEGINNING)
    start = as_text(content)
    lines = start.splitlines()[:-1] or start.splitlines()
    skipped = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
    separator = separator_of("\n".join(lines[skipped:]))
    first = next(csv.reader(lines[skipped:], delimiter=separator), [])
    if len(first) == 1 and len(first[0].split()) > 1:
        separator, first = r"\s+", first[0].split()
    nameless = all(map(NUMBER.fullmatch, first)) and first != [*map(str, range(len(first)))]
    encoding = next((name for mark, name in BYTE_ORDER.items() if content.startswith(mark)), "utf-8")
    frame = pd.read_csv(
        file, sep=separator, header=None if nameless else 0, skiprows=skipped, encoding=encoding,
        encoding_errors="replace",
    )  # fmt: skip
    for name in frame.columns:
        if frame[name].dtype.kind not in "biuf":
            cells = frame[name].dropna().astype(str).str.strip()
            if len(cells) and cells.str.fullmatch(DECIMAL_COMMA).all():
                frame[name] = pd.to_numeric(frame[name].astype(str).str.replace(",", "."), errors="coerce")
    return frame


def of_frame(frame: Any, labels: Any = None, called: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of numbers of a pandas table, and a note of those that are left out.

    Words are, numbers of rows, and the labels themselves: they would give every label away. What float32 cannot hold
    becomes infinite.

    Args:
        labels: one for each row. ``called``: the name of their column.
    """
    kept, words, counters, own = list[int](), list[str](), list[str](), list[str]()
    usual = usual_columns(map(str, frame.columns), LABEL_COLUMNS)
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        named = isinstance(name, str) and (name == called or name in usual)
        if named and labels is not None and (name == called or words_of(cells) == words_of(labels)):
            own.append(name)
        elif cells.dtype.kind not in "biuf":
            words.append(str(name))
        elif _counts_rows(str(name), cells.to_numpy()):
            counters.append(str(name))
        else:
            kept.append(place)
    notes = tuple(
        f"left out {len(names)} columns of {what}: {', '.join(names[:SHOWN])}"
        for what, names in (("words", words), ("numbers of the rows", counters), ("the labels", own)) if names
    )  # fmt: skip
    with np.errstate(over="ignore"):
        return np.asarray(frame.iloc[:, kept].to_numpy(np.float32, na_value=np.nan)), notes


def _counts_rows(name: str, values: np.ndarray) -> bool:
    """Whether a column only numbers the rows: in order; or in any order, and its name says so."""
    if values.dtype.kind not in "iu" or len(values) < LEAST_COUNTED:
        return False
    return bool((np.diff(values) == 1).all()) or (
        bool(usual_columns([name], COUNTERS)) and len(np.unique(values)) == len(values)
    )


def words_of(labels: Any) -> list[str]:
    """Each label as a word, "" for a missing one; a row of 0 and one 1 becomes the place of the 1."""
    import pandas as pd

    if isinstance(labels, Mapping):
        raise ValueError("labels must be one for each row, in their order, got a dictionary")
    values = labels.cpu().numpy() if isinstance(labels, Tensor) else labels
    values = labels.to_numpy() if hasattr(labels, "iloc") else values
    names = getattr(labels, "columns", None)  # of pandas.get_dummies
    values = values if isinstance(values, np.ndarray) else list(values)
    if len(values) and all(np.shape(value) == (1,) for value in values):  # [rows, 1]
        values = [value[0] for value in values]
    if len(values) and np.ndim(values[0]):
        if several := [list(row) for row in values if not _is_one_hot(row)]:
            raise ValueError(MULTI_LABEL.format(found=several[0]))
        places = [int(np.asarray(row).argmax()) for row in values]
        values = places if names is None else [names[place] for place in places]
    values = [value.item() if isinstance(value, Tensor) else value for value in values]
    return ["" if pd.isna(value) else _word(value) for value in values]


def _is_one_hot(row: Any) -> bool:
    values = np.asarray(row)
    return values.dtype.kind in "biuf" and np.count_nonzero(values) == 1 and values.max() == 1


def _word(value: Any) -> str:
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()
