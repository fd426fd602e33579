"""Columns as people have them in pandas, CSV and Parquet: a matrix of those that are numbers, and labels as words."""

import csv
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gdw.label_files.columns import MULTI_LABEL, PATH_COLUMNS, numbered_in_order, usual_columns
from gdw.label_files.label_table import BYTE_ORDER, NUMBER, as_text, require_reader, separator_of, stated_separator
from gdw.label_files.row_names import COUNTERS, are_names, word

LEAST_COUNTED = 4  # rows: fewer say nothing of a column
DECIMAL_COMMA = r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?"
THOUSANDS = r"[-+]?[1-9]\d{0,2}(,\d{3})+"
DOTTED = r"[-+]?[1-9]\d{0,2}(\.\d{3})+"
SHOWN = 20  # columns that a note names
ROUNDED = 1e-12  # of a mean: a smaller deviation is rounding
FAR = 1e4  # deviations from 0: float32 leaves a thousandth of one
TOGETHER = 32  # columns
FAR_NOTE = "columns that lie far from 0 for how little they differ count from their mean: {names}"
NOTE = "note"  # of how a table was read, among its attributes
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BEGINNING = 2**20  # bytes of a table that show its form
FIRST = 20  # rows of numbers that show whether the one before them is one of them
ROWS = 10_000  # read at once
SAMPLE = 1000  # rows of a column that show whether it may hold the labels


def read_frame(file: Path) -> Any:
    """A pandas table; a first row of numbers as below it is one of its rows, and 1,5 is a number."""
    import pandas as pd

    if file.suffix.lower() == ".parquet":
        require_reader(file, "pyarrow")
        frame = pd.read_parquet(file)
        return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    with file.open("rb") as stream:
        content = b"".join(stream.readlines(BEGINNING))
        if content.startswith(UTF_16):
            content += stream.read(len(content) % 2)  # the other byte of the line end
    start = as_text(content)
    lines = start.splitlines()
    skipped = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
    stated = stated_separator(lines[skipped]) if lines[skipped:] else None
    skipped += stated is not None
    separator = stated or separator_of("\n".join(lines[skipped:]))
    rows = list(csv.reader(lines[skipped : skipped + 1 + FIRST], delimiter=separator))
    if rows and len(rows[0]) == 1 and len(rows[0][0].split()) > 1:
        first = [line.replace("\t", " ").strip() for line in lines[skipped : skipped + 1 + FIRST]]
        separator, rows = r"\s+", list(csv.reader(first, delimiter=" ", skipinitialspace=True))
    encoding = next((name for mark, name in BYTE_ORDER.items() if content.startswith(mark)), "utf-8")
    nameless = _nameless(rows)
    named_first = not nameless and _names_rows_first(rows, separator, "".join(lines[skipped + 1 : skipped + 2]), file)
    read = partial(
        pd.read_csv, file, sep=separator, header=None if nameless else 0, skiprows=skipped, encoding=encoding,
        encoding_errors="replace", index_col=0 if named_first else False,
    )  # fmt: skip
    frame = read().reset_index(names="Unnamed: 0") if named_first else read()
    if rows and _are_counts(rows[0]) and rows[0] != [*map(str, range(len(rows[0])))]:
        said = "is one of the rows" if nameless else "names the columns"
        frame.attrs[NOTE] = f"the first row ({', '.join(rows[0][:SHOWN])}) {said}"
    return _with_decimal_commas(frame, file, read)


def _names_rows_first(rows: list[list[str]], separator: str, line: str, file: Path) -> bool:
    """Whether rows begin with a name that the first line has no column for, as R writes them.

    Args:
        line: the second one, as it is written.
    """
    first, body = len(rows[0]) if rows else 0, rows[1:]
    longer = [number for number, row in enumerate(body, 1) if len(row) > first]
    if not longer or all(len(row) == first + 1 and not row[-1] for row in body):  # each ends with a separator
        return False
    names = [row[0] for row in body]
    whole = all(len(row) == first + 1 for row in body) and are_names(names)
    sure = separator != "," or line.startswith(('"', "'")) or not any(map(NUMBER.fullmatch, names))
    sure = sure or any("." in cell for row in body for cell in row)  # then a comma parts no fraction
    if whole and (sure or numbered_in_order(names)):
        return True
    comma = "; is a comma the one of a fraction?" if separator == "," else ""
    raise ValueError(f"row {longer[0]} of {file} has more fields than there are names of columns ({first}){comma}")


def _nameless(rows: list[list[str]]) -> bool:
    """Whether the first row is one of numbers as those below, not the columns' names or counts of them.

    Counts are different whole numbers above rows without a whole number; or pandas' own, but 0 and 1 above rows of 0
    and 1 are two classes.
    """
    first, cells = rows[0] if rows else [], [cell for row in rows[1:] for cell in row]
    if not all(map(NUMBER.fullmatch, first)):
        return False
    if first == [*map(str, range(len(first)))] and not (len(first) == 2 and {*cells} <= {"0", "1"}):
        return False
    return not _are_counts(first) or any(cell.strip().lstrip("+-").isdecimal() for cell in cells)


def _are_counts(cells: list[str]) -> bool:
    return all(cell.isdecimal() for cell in cells) and len(set(cells)) == len(cells)


def _with_decimal_commas(frame: Any, file: Path, read: Callable[..., Any]) -> Any:
    """The table with the words that are numbers with a comma as numbers.

    Args:
        read: reads the file once more.
    """
    import pandas as pd

    written = dict[Any, Any]()
    for name in frame.columns:
        if frame[name].dtype.kind not in "biuf":
            cells = frame[name].dropna().astype(str).str.strip()
            if len(cells) and (cells.str.fullmatch(DECIMAL_COMMA) | cells.str.fullmatch(THOUSANDS)).all():
                written[name] = cells[cells.str.contains(",")]
    unclear = written if all(cells.str.fullmatch(THOUSANDS).all() for cells in written.values()) else {}
    if written and not unclear and (others := [*frame.select_dtypes("floating")]):
        unclear = _with_dots(read(dtype=str, chunksize=ROWS), others)
    if unclear:
        name, cells = next(iter(unclear.items()))
        raise ValueError(
            f"{file} has numbers that may be thousands or fractions ({cells.iloc[0]} in column {name}): write them "
            f"without {'dots' if '.' in cells.iloc[0] else 'commas'}"
        )
    for name in written:
        frame[name] = pd.to_numeric(frame[name].astype(str).str.strip().str.replace(",", "."), errors="coerce")
    return frame


def _with_dots(chunks: Iterable[Any], names: list[Any]) -> dict[Any, Any]:
    """Columns with a dot only where one may part thousands, and cells with such a dot."""
    found, fractions = dict[Any, Any](), set[Any]()
    for chunk in chunks:
        for name in names:
            cells = chunk[name].dropna().str.strip()
            cells = cells[cells.str.contains(".", regex=False)]
            if len(cells) and not cells.str.fullmatch(DOTTED).all():
                fractions.add(name)
            elif len(cells):
                found.setdefault(name, cells)
    return {name: cells for name, cells in found.items() if name not in fractions}


def of_frame(frame: Any, labels: Any = None, called: Any = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of numbers of a pandas table in float32, and the notes of ``number_columns``.

    What float32 cannot hold becomes infinite. ``ValueError`` where there are none.

    Args:
        labels, called: see ``number_columns``.
    """
    kept, notes = number_columns(frame, labels, called)
    if not kept:
        raise ValueError(f"there is no column of numbers among {', '.join(map(str, frame.columns[:SHOWN]))}")
    values, far = in_float32(frame.iloc[:, kept])
    names = ", ".join(str(frame.columns[kept[place]]) for place in far[:SHOWN])
    return values, (*notes, FAR_NOTE.format(names=names)) if far else notes


@np.errstate(over="ignore", invalid="ignore")
def in_float32(table: Any) -> tuple[np.ndarray, list[int]]:
    """Rows of numbers, and the columns whose mean was taken away, since float32 would round their differences away.

    Args:
        table: an array or a pandas table [rows, D]; a few columns at a time are copied in float64.
    """
    found, far = np.empty(table.shape, np.float32), list[int]()
    for start in range(0, table.shape[1], TOGETHER):
        part = slice(start, start + TOGETHER)
        is_frame = hasattr(table, "iloc")
        values = table.iloc[:, part].to_numpy(np.float64, na_value=np.nan) if is_frame else table[:, part]
        values = np.asarray(values, np.float64)
        finite = np.isfinite(values)
        count = np.maximum(finite.sum(0), 1)
        mean = np.where(finite, values, 0.0).sum(0) / count
        deviation = np.sqrt(np.square(np.where(finite, values - mean, 0.0)).sum(0) / count)
        distant = (np.abs(mean) > FAR * deviation) & (deviation > ROUNDED * np.abs(mean))
        found[:, part] = values - np.where(distant, mean, 0.0)
        far += (start + np.flatnonzero(distant)).tolist()
    return found, far


def number_columns(frame: Any, labels: Any = None, called: Any = None) -> tuple[list[int], tuple[str, ...]]:
    """The places of the columns of numbers, and notes of those that are left out.

    Words are, numbers of rows, and the labels themselves, in one column or in one of 0 and 1 for each class (but for
    one, perhaps): they would give every label away.

    Args:
        labels: one for each row. ``called``: the name of their column.
    """
    import pandas as pd

    kept, away = list[int](), dict[int, list[int]]()
    empty, words, counters = list[str](), list[str](), list[str]()
    words_given = [] if labels is None else words_of(labels)
    known = pd.factorize(np.array([word or None for word in words_given], object))[0]
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if cells.isna().iloc[:1].all() and cells.isna().all():
            empty.append(str(name))
        elif cells.dtype.kind not in "biuf":
            words.append(str(name))
        elif len(known) == len(cells) and (
            given := _given_away(cells, known, called is not None and str(name) == str(called))
        ):
            away[place] = given
        elif _counts_rows(str(name), cells.to_numpy()):
            counters.append(str(name))
        else:
            kept.append(place)
    marked = {given[0] for given in away.values() if len(given) == 1}
    leak = len(marked) >= known.max(initial=-1)  # of one class less than there are, the last one is known too
    own = [str(frame.columns[place]) for place, given in away.items() if leak or len(given) > 1]
    kept = sorted((*kept, *(place for place, given in away.items() if not (leak or len(given) > 1))))
    found = {"blanks": empty, "words": words, "numbers of the rows": counters, "the labels": own}
    notes = tuple(
        f"left out {len(names)} columns of {what}: {', '.join(names[:SHOWN])}" for what, names in found.items() if names
    )
    return kept, (*([frame.attrs[NOTE]] if NOTE in frame.attrs else []), *notes)


def _given_away(cells: Any, labels: np.ndarray, same_name: bool) -> list[int]:
    """Which labels a column gives away: all, where each value stands for one label and each label for one value.

    In a column that is called as the labels are, values may stand for another label here and there, but not be more. Of
    0 and 1, 1 may stand for one label and 0 for all others: this one label.

    Args:
        labels: their numbers, -1 for none.
    """
    import pandas as pd

    classes, known = int(labels.max(initial=-1)) + 1, labels >= 0
    if cells.iloc[:SAMPLE].nunique() > classes + 1:
        return []
    values = pd.factorize(cells.to_numpy()[known], use_na_sentinel=False)[0].astype(np.int64)
    different = int(values.max(initial=-1)) + 1
    pairs = np.unique(values * classes + labels[known])
    if not 1 < different <= classes or len(pairs) == len(values):
        return []
    if same_name or len(pairs) == different == classes:
        return [*range(classes)]
    labels_of_one = np.unique(labels[known][cells.to_numpy()[known] == 1]).tolist()
    hot = (different, len(pairs)) == (2, classes) and len(labels_of_one) == 1 and cells.isin((0, 1)).all()
    return labels_of_one if hot else []


def _counts_rows(name: str, values: np.ndarray) -> bool:
    """Whether a column only numbers the rows: in order; or in any order, and its name says so."""
    if values.dtype.kind not in "iu" or len(values) < LEAST_COUNTED:
        return False
    return bool((np.diff(values) == 1).all()) or (
        bool(usual_columns([name], (*COUNTERS, *PATH_COLUMNS))) and len(np.unique(values)) == len(values)
    )


def words_of(labels: Any) -> list[str]:
    """Each label as a word, "" for a missing one; a row of 0 and one 1 becomes the place of the 1."""
    import pandas as pd

    if isinstance(labels, Mapping):
        raise ValueError("labels must be one for each row, in their order, got a dictionary")
    values = labels.cpu().numpy() if isinstance(labels, Tensor) else labels
    values = values.tolist() if isinstance(values, np.ma.MaskedArray) else values  # None where it is masked
    values = labels.to_numpy() if hasattr(labels, "iloc") else values
    names = getattr(labels, "columns", None)  # of pandas.get_dummies
    if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
        if several := [[*one] for one in values if isinstance(one, set) and len(one) > 1]:
            raise ValueError(MULTI_LABEL.format(found=several[0]))
        values = [next(iter(one), None) if isinstance(one, set) else one for one in values]
    if len(values) and all(np.shape(value) == (1,) for value in values):  # [rows, 1]
        values = [value[0] for value in values]
    if len(values) and np.ndim(values[0]):
        if several := [list(row) for row in values if not _is_one_hot(row)]:
            raise ValueError(MULTI_LABEL.format(found=np.asarray(several[0]).tolist()))
        places = [int(np.asarray(row).argmax()) for row in values]
        values = places if names is None else [names[place] for place in places]
    values = [value.item() if isinstance(value, Tensor) else value for value in values]
    return ["" if pd.isna(value) else word(value) for value in values]


def _is_one_hot(row: Any) -> bool:
    values = np.asarray(row)
    return values.dtype.kind in "biuf" and np.count_nonzero(values) == 1 and values.max() == 1
