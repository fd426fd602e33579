"""A file of labels, read once: one row a picture, or one for each annotator of a picture, in any usual form.

Text with any separator and encoding, JSON and XML (:mod:`gdw.label_files.exports`), Excel and Parquet, also gzipped.
Columns are known by their names and by what they hold.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING

from gdw import files
from gdw.errors import MissingPackage
from gdw.label_files.columns import (
    MULTI_LABEL,
    NUMERIC,
    PATH_COLUMNS,
    PICTURE,
    other_export,
    usual_columns,
    with_one_hot,
)
from gdw.label_files.columns import path_column as path_column_of
from gdw.label_files.exports import columns_of, rows_of_json, rows_of_xml, word_of
from gdw.label_files.path_match import LEGACY

if TYPE_CHECKING:
    from pandas import DataFrame

Columns = Iterable[tuple[str, list[str]]]

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".xlsx", ".parquet")
SEPARATORS = ",\t;|"
BYTE_ORDER = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
GZIP, PARQUET, EXCEL = b"\x1f\x8b", b"PAR1", b"PK"  # how such files begin
UNREADABLE = {b"\xd0\xcf\x11\xe0": "an Excel file of before 2007", b"oasis.opendocument": "an OpenDocument sheet"}
EACH_PICTURE = (".json", ".xml")  # endings of files of one picture each
EXPORT = b"<annotation"  # how the XML of an export begins
NAMED_WITHIN = 100  # bytes of a file that name its kind
MOST_TITLES = 6  # rows before that of the names
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?|nan", re.I)
AS_TEXT = re.compile(r'^="(.*)"$')  # how programs keep spreadsheets from reading a number
LONGEST = 2**31 - 1  # letters of a field: an outline in an export may be long


@dataclass(frozen=True)
class Table:
    """Paths and columns of words, all of one length; ``notes`` say what of the file was passed over."""

    path: Path
    paths: list[str]
    columns: dict[str, list[str]]
    notes: tuple[str, ...] = ()


def is_table(path: Path) -> bool:
    """Whether the file's name says that it is a table."""
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)


def require_file(path: Path, markup: bytes | None = None) -> None:
    """Refuse a file that cannot hold labels, by its kind or its first bytes.

    Args:
        markup: what the beginning of a web page holds that is none.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'a pipe or a device'}, not a file of labels")
    cause = files.damage(path)
    if cause and not (markup and markup in path.read_bytes()[: files.BEGINNING]):
        raise ValueError(f"{path} holds no labels: {cause}")


def read_table(
    path: Path,
    least: int = 1,
    path_column: str | None = None,
    *,
    label_column: str | None = None,
    in_order: bool = False,
) -> Table:
    """The table; its column of paths is known by its name, or by names of pictures in it.

    Args:
        least: how many rows it must have, besides that of the column names.
        path_column: the column of paths.
        label_column: one that holds labels, whatever it is called.
        in_order: its rows are in the order of another file's, so they need no names: ``paths`` may be empty.

    Raises:
        FileNotFoundError: there is none.
        ValueError: no table, no column of paths or of labels; several labels a picture.
        MissingPackage: what reads Excel or Parquet is not installed.
    """
    if not path.is_dir():
        require_file(path, EXPORT)
    columns: dict[str, list[str]] = {}
    try:
        found, notes = _columns(path, in_order)
        notes += _add_columns(columns, found)
    except MissingPackage:
        raise
    except Exception as error:  # of junk anything may come
        raise ValueError(f"{path} is not a table that can be read ({error})") from error
    rows = len(next(iter(columns.values()), ()))
    if rows < least:
        raise ValueError(
            f"{path} needs a row of column names and one row for each picture, got {rows + bool(columns)} rows"
        )
    others = {name: cells for name, cells in columns.items() if name != label_column}
    place = path_column_of(others, path_column, path, keys=not in_order)
    if len(columns) < 2 or place is None:
        if not (in_order and columns):
            shown = f"{', '.join(columns)}{other_export(path)}"
            raise ValueError(f"{path} needs a column 'path' and a column of labels, got the columns {shown}")
        place = None
    paths = [] if place is None else columns.pop(place)
    words = {name: [cell.strip() for cell in cells] for name, cells in columns.items()}
    named = [label_column or "", *(label_column or "").split(",")]  # of several annotators, with commas
    is_named = any(name.strip() in words for name in named)
    return Table(path, paths, words if is_named else with_one_hot(words, path, label_column == "label"), notes)


def _add_columns(columns: dict[str, list[str]], found: Columns) -> tuple[str, ...]:
    """Add columns; another one of the same name gets a number and a note; the same paths once more do not count."""
    notes, listed = list[str](), [(str(name).strip(), cells) for name, cells in found]
    taken = {name for name, _ in listed}
    for first, cells in listed:
        name = first
        if name in columns:
            if cells == columns[name] and usual_columns([name], PATH_COLUMNS):
                continue
            name = next(new for number in count(2) if (new := f"{first} {number}") not in taken)
            notes.append(f"another column is called {first}: it is {name} now")
            taken.add(name)
        columns[name] = cells
    return tuple(notes)


def _columns(path: Path, in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    """The columns of a table, whatever its form, and notes of what was passed over; ``in_order``, no row is."""
    if path.is_dir():
        return _of_folder(path)
    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(GZIP) or path.suffix.lower() == ".gz" else content
    for mark, kind in UNREADABLE.items():
        if mark in content[:NAMED_WITHIN]:
            raise ValueError(f"{kind}: save it as CSV")
    for start, module in ((PARQUET, "pyarrow"), (EXCEL, "openpyxl")):
        if content.startswith(start):
            require_reader(path, module)
            return _of_frame(io.BytesIO(content), module, in_order)
    text = as_text(content)
    if (start_of_text := text.lstrip()[:1]) not in ("{", "[", "<"):
        return _of_text(text, in_order)
    rows, notes = (rows_of_xml(text.lstrip()), ()) if start_of_text == "<" else rows_of_json(text, in_order)
    return _of_entries(rows), notes


def _of_entries(rows: list[dict[str, str]]) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row)
    return [(name, [row.get(name, "") for row in rows]) for name in names]


def _of_folder(folder: Path) -> tuple[Columns, tuple[str, ...]]:
    """The columns of a folder with a file of JSON or XML for each picture, which is called as the picture is."""
    rows, broken = list[dict[str, str]](), list[str]()
    for file in sorted(one for ending in EACH_PICTURE for one in folder.rglob(f"*{ending}")):
        try:
            text = as_text(file.read_bytes()).lstrip()
            found = rows_of_xml(text) if text.startswith("<") else rows_of_json(text)[0]
        except (ValueError, OSError, AttributeError, TypeError) as error:  # junk
            broken.append(f"{file.name}: {error}")
            continue
        named = {"path": file.relative_to(folder).as_posix().removesuffix(file.suffix)}
        rows += [row if any(map(PICTURE.search, row.values())) else named | row for row in found]
    if not rows:
        raise ValueError(f"a folder without a file of labels ({', '.join(EACH_PICTURE)})")
    return _of_entries(rows), (f"passed over {len(broken)} files (first: {broken[0]})",) if broken else ()


def require_reader(path: Path, module: str) -> None:
    """Refuse a file that a package reads which is not installed."""
    if find_spec(module) is None:
        raise MissingPackage(f"{path} needs the package {module}: pip install {module}, or save the table as CSV")


def _of_frame(content: io.BytesIO, module: str, in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    import pandas as pd

    if module == "openpyxl":
        sheets = pd.read_excel(content, header=None, dtype=str, keep_default_na=False, sheet_name=None)
        rows = {name: sheet.where(sheet.notna(), "").to_numpy().tolist() for name, sheet in sheets.items()}
        tables = [name for name in rows if any(usual_columns(map(str, row), PATH_COLUMNS) or _names_a_picture(row)
                                               for row in rows[name][:MOST_TITLES])]  # fmt: skip
        taken = (tables or [name for name in rows if rows[name]] or list(rows))[0]
        said = [f"the sheet {taken} is read, of {', '.join(rows)}"] if len(rows) > 1 else []
        return _of_rows(rows[taken], said, in_order)
    frame: DataFrame = pd.read_parquet(content)
    frame = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    return [(str(name), [word_of(cell) for cell in cells.astype(object).where(cells.notna(), "").tolist()])
            for name, cells in frame.items()], ()  # fmt: skip


def as_text(content: bytes) -> str:
    """By its byte order mark, or by zeros between the letters; else UTF-8, with other bytes as on Windows."""
    for mark, encoding in BYTE_ORDER.items():
        if content.startswith(mark):
            return content.decode(encoding)
    if content[:2].count(0) == 1:
        return content.decode("utf-16-le" if content[1] == 0 else "utf-16-be")
    return content.decode("utf-8", "surrogateescape").translate(LEGACY)


def _of_text(text: str, in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    text = text.lstrip("\r\n")
    notes: list[str] = []
    first, _, rest = text.partition("\n")
    separator = stated_separator(first)
    text = rest if separator else text
    separator = separator or separator_of(text)
    csv.field_size_limit(LONGEST)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE))
        notes.append(f"its quotes are read as letters ({error})")
    return _of_rows(rows, notes, in_order)


def _of_rows(rows: list[list[str]], notes: list[str], in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    """Rows of another length lose nothing but themselves; a first row that names a picture is no row of names."""
    rows = [[AS_TEXT.sub(r"\1", cell.strip()) for cell in row] for row in rows]
    filled = [number for number, row in enumerate(rows) if any(row) or (in_order and row == [""])]  # "" in quotes
    rows = rows[filled[0] : filled[-1] + 1] if filled and in_order else [rows[number] for number in filled]
    if not rows:
        return (), ()
    if titles := _titles(rows):
        notes.append(f"passed over {titles} lines before the names of the columns (first: {rows[0][0]})")
    rows = rows[titles:]
    names = _names(rows, in_order)
    body = rows if names is not rows[0] else rows[1:]
    if body is rows and "" in names:
        notes.append(f"no row names the columns: column {names.index('label') + 1} holds the labels")
    fit = [row for row in body if not any(row[len(names) :])]
    if len(fit) < len(body) and in_order:
        row = next(number for number, row in enumerate(body, 1) if any(row[len(names) :]))
        raise ValueError(f"row {row} has more fields than the {len(names)} columns, and the order of the rows counts")
    if len(fit) < len(body):
        notes.append(f"passed over {len(body) - len(fit)} rows with more fields than columns")
    if short := sum(len(row) < len(names) for row in fit):
        notes.append(f"{short} rows have fewer fields than there are columns: the others are empty")
    columns = [[row[place] if place < len(row) else "" for row in fit] for place in range(len(names))]
    return [column for place, (name, cells) in enumerate(zip(names, columns, strict=True), 1)
            for column in columns_of(name.lstrip("# ") or f"column {place}", cells)], tuple(notes)  # fmt: skip


def _titles(rows: list[list[str]]) -> int:
    """How many rows before that of the names are comments, or titles.

    A title fills its first field alone, or the row of names stands right above a picture's name. Where every row begins
    with ``#``, none is a comment.
    """
    comments = next((place for place, row in enumerate(rows) if not "".join(row[:1]).startswith("#")), 0)
    bare = True
    for place, row in enumerate(rows[: max(MOST_TITLES, comments + 1)]):
        named = [bool(usual_columns([cell.lstrip("# ")], PATH_COLUMNS)) for cell in row]
        below = [bool(PICTURE.search(cell)) for cell in rows[min(place + 1, len(rows) - 1)]]
        if sum(map(bool, row)) > 1 and any(named if bare else map(and_, named, below)):
            return place
        bare = bare and not (place >= comments and any(row[1:]))
    return min(comments, len(rows) - 1)


def _names(rows: list[list[str]], in_order: bool) -> list[str]:
    """The first row, or names in its place: of a list of words without one, or where it names a picture."""
    first, others = rows[0], range(len(rows[0]))
    if in_order and len(first) == 1 and first in rows[1:]:
        return ["label"]
    at = next((place for place, cell in enumerate(first) if PICTURE.search(cell)), None)
    if at is None:
        return first
    words = [place for place in others if place != at and not all(map(NUMERIC.fullmatch, (row[place] for row in rows if
             row[place:])))]  # fmt: skip
    label = words[0] if len(words) == 1 else at + 1 if at + 1 < len(first) else at - 1
    known = {row[label] for row in rows if row[label:]} - {""}
    for place in words:
        others_of = {row[place] for row in rows if row[max(place, label) :] and row[place] != row[label]}
        if place != label and (both := others_of & known):
            raise ValueError(MULTI_LABEL.format(found=f"{min(both)} in columns {label + 1} and {place + 1}"))
    return ["path" if place == at else "label" if place == label else "" for place in others]


def _names_a_picture(row: list[str]) -> bool:
    return any(isinstance(cell, str) and PICTURE.search(cell.strip()) for cell in row)


def stated_separator(line: str) -> str | None:
    """What Excel writes in a first line of its own: ``sep=;``."""
    given = re.fullmatch(r'"?sep=(.)"?\r?', line, re.I)
    return given[1] if given else None


def separator_of(text: str) -> str:
    """The one that cuts the first rows into equally many fields; a space in lists as of ImageNet.

    No comma where another one leaves numbers alone, as ``0,5;1,5``.
    """
    lines = [line for line in text.splitlines()[:20] if not line.startswith("#")] or text.splitlines()[:20]

    def fit(separator: str) -> tuple[int, bool, int]:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        counts = [len(row) for row in rows[_titles(rows) if rows else 0 :]] or [1]
        numbers = separator != "," and all(NUMBER.fullmatch(cell.strip()) for row in rows for cell in row)
        return (counts.count(counts[0]), numbers, counts[0]) if counts[0] > 1 else (0, False, 0)

    best = max(SEPARATORS, key=fit)
    spaced = lines and not any(fit(best)) and PICTURE.search(lines[0].partition(" ")[0])
    return " " if spaced else best
