"""A file of labels, read once: one row a picture, or one for each annotator of a picture, in any usual form.

Text with any separator and encoding, JSON and XML (:mod:`gdw.data.exports`), Excel and Parquet, also gzipped. Columns
are known by their names and by what they hold.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gdw import files
from gdw.data.exports import rows_of_json, rows_of_xml
from gdw.data.path_match import LEGACY
from gdw.errors import MissingPackage, unknown

if TYPE_CHECKING:
    from pandas import DataFrame

Columns = Iterable[tuple[str, list[str]]]

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".xlsx", ".parquet")
SEPARATORS = ",\t;|"
BYTE_ORDER = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
GZIP, PARQUET, EXCEL = b"\x1f\x8b", b"PAR1", b"PK"  # how such files begin
EXPORT = b"<annotations"  # how the XML of an export begins
LONGEST = 2**31 - 1  # letters of a field: an outline in an export may be long
PICTURE = re.compile(r"\.(avif|bmp|gif|heic|jfif|jpe?g?|jp2|p[bgnp]m|png|tiff?|webp|dcm)([?#].*)?$", re.I)
# Names of columns, compared without case and punctuation; the first that is there is taken.
PATH_COLUMNS = (
    "path", "file", "filename", "filepath", "image", "img", "picture", "imagepath", "imagefile", "imagefilename",
    "imagename", "imageid", "imgpath", "imgname", "imgfile", "imgid", "photo", "fname", "imageurl", "url", "name", "id",
    "text",
)  # fmt: skip
# Columns, or sets of labels in other files: CIFAR-100N's, then CIFAR-10N's worst, then usual names for your own.
LABEL_COLUMNS = (
    "noisylabel", "worselabel", "label", "labels", "observedlabel", "class", "classname", "classlabel", "category",
    "categoryname", "labelname", "target", "choice", "tag", "annotation", "groundtruth", "gt", "species", "breed",
    "diagnosis", "dx", "y", "classid", "labelid", "categoryid",
)  # fmt: skip
NO_LABELS = frozenset({  # a word in the name of a column that holds something else
    "agreement", "annotator", "area", "bbox", "chosen", "comment", "comments", "completed", "conf", "confidence",
    "created", "date", "fold", "hash", "height", "id", "ids", "index", "iscrowd", "lead", "license", "md5", "note",
    "notes", "prob", "probability", "rank", "rater", "reason", "score", "scores", "sha1", "sha256", "size", "source",
    "split", "subset", "time", "unnamed", "updated", "url", "user", "uuid", "width", "worker",
})  # fmt: skip
YES_NO = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "0,0": 0, "1,0": 1, "false": 0, "true": 1}
CLEAN_KEY = "clean_label"
NAME_ONE = "name one as human:PATH:KEY"  # advice for the option at hand
MOST_SEVERAL = 0.05  # of the rows of a one-hot table; with more it is one of several labels a picture


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

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a pipe or a device; an empty file, a web page, a pointer of Git LFS.
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
    require_file(path, EXPORT)
    columns: dict[str, list[str]] = {}
    try:
        found, notes = _columns(path, in_order)
        for name, cells in found:
            columns.setdefault(str(name).strip(), cells)
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
    place = _path_column(others, path_column, path)
    if len(columns) < 2 or place is None:
        if not (in_order and columns):
            shown = ", ".join(columns)
            raise ValueError(f"{path} needs a column 'path' and a column of labels, got the columns {shown}")
        place = None
    paths = [] if place is None else columns.pop(place)
    words = {name: [cell.strip() for cell in cells] for name, cells in columns.items()}
    return Table(path, paths, _with_one_hot(words, path), notes)


def _columns(path: Path, in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    """The columns of a table, whatever its form, and notes of what was passed over; ``in_order``, no row is."""
    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(GZIP) or path.suffix.lower() == ".gz" else content
    for start, module in ((PARQUET, "pyarrow"), (EXCEL, "openpyxl")):
        if content.startswith(start):
            require_reader(path, module)
            return _of_frame(io.BytesIO(content), module), ()
    text = _as_text(content)
    if (start_of_text := text.lstrip()[:1]) not in ("{", "[", "<"):
        return _of_text(text, in_order)
    rows = rows_of_xml(text.lstrip()) if start_of_text == "<" else rows_of_json(text)
    names = dict.fromkeys(name for row in rows for name in row)
    return [(name, [row.get(name, "") for row in rows]) for name in names], ()


def require_reader(path: Path, module: str) -> None:
    """Refuse a file that a package reads which is not installed.

    Raises:
        MissingPackage: it is not; says what to do.
    """
    if find_spec(module) is None:
        raise MissingPackage(f"{path} needs the package {module}: pip install {module}, or save the table as CSV")


def _of_frame(content: io.BytesIO, module: str) -> Iterator[tuple[str, list[str]]]:
    import pandas as pd

    frame: DataFrame = (
        pd.read_parquet(content) if module == "pyarrow" else pd.read_excel(content, dtype=str, keep_default_na=False)
    )
    for name, cells in frame.items():
        yield str(name), cells.astype(object).where(cells.notna(), "").astype(str).tolist()


def _as_text(content: bytes) -> str:
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
    given = re.fullmatch(r'"?sep=(.)"?\r?', first, re.I)  # Excel's
    text = rest if given else text
    separator = given[1] if given else _separator(text)
    csv.field_size_limit(LONGEST)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE))
        notes.append(f"its quotes are read as letters ({error})")
    return _of_rows(rows, notes, in_order)


def _of_rows(rows: list[list[str]], notes: list[str], in_order: bool) -> tuple[Columns, tuple[str, ...]]:
    """Rows of another length lose nothing but themselves; a first row that names a picture is no row of names."""
    rows = [[cell.strip() for cell in row] for row in rows]
    filled = [number for number, row in enumerate(rows) if any(row) or (in_order and row == [""])]  # "" in quotes
    rows = rows[filled[0] : filled[-1] + 1] if filled and in_order else [rows[number] for number in filled]
    if not rows:
        return (), ()
    names = _names(rows)
    body = rows if names is not rows[0] else rows[1:]
    fit = [row for row in body if not any(row[len(names) :])]
    if len(fit) < len(body) and in_order:
        row = next(number for number, row in enumerate(body, 1) if any(row[len(names) :]))
        raise ValueError(f"row {row} has more fields than the {len(names)} columns, and the order of the rows counts")
    if len(fit) < len(body):
        notes.append(f"passed over {len(body) - len(fit)} rows with more fields than columns")
    if short := sum(len(row) < len(names) for row in fit):
        notes.append(f"{short} rows have fewer fields than there are columns: the others are empty")
    columns = [[row[place] if place < len(row) else "" for row in fit] for place in range(len(names))]
    return [(name or f"column {place}", cells) for place, (name, cells) in
            enumerate(zip(names, columns, strict=True), 1)], tuple(notes)  # fmt: skip


def _names(rows: list[list[str]]) -> list[str]:
    at = next((place for place, cell in enumerate(rows[0]) if PICTURE.search(cell)), None)
    if at is None:
        return rows[0]
    label = at + 1 if at + 1 < len(rows[0]) else at - 1
    return ["path" if place == at else "label" if place == label else "" for place in range(len(rows[0]))]


def _separator(text: str) -> str:
    """The one that cuts the first rows into equally many fields; a space in lists as of ImageNet."""
    lines = text.splitlines()[:20]

    def fit(separator: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row] or [1]
        return (counts.count(counts[0]), counts[0]) if counts[0] > 1 else (0, 0)

    best = max(SEPARATORS, key=fit)
    spaced = lines and fit(best) == (0, 0) and PICTURE.search(lines[0].partition(" ")[0])
    return " " if spaced else best


def usual_columns(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The columns that are called as one of the known names is, in the order of these."""
    keys = [(re.sub(r"[\W_]", "", name.lower()), name) for name in names]
    return [name for usual in known for key, name in keys if key == usual]


def _holds_no_label(name: str) -> bool:
    return not NO_LABELS.isdisjoint(re.split(r"[\W_]+", name.lower()))


def _path_column(columns: Mapping[str, list[str]], named: str | None, path: Path) -> str | None:
    if named is not None:
        if named not in columns:
            raise unknown(f"column in {path.name}", named, columns)
        return named
    usual = usual_columns(columns, PATH_COLUMNS)
    pictures = [
        name
        for name, cells in columns.items()
        if 2 * sum(bool(PICTURE.search(cell.strip())) for cell in cells) > len(cells)
    ]
    return next(iter([name for name in usual if name in pictures] or pictures or usual), None)


def _with_one_hot(columns: dict[str, list[str]], path: Path) -> dict[str, list[str]]:
    """With a column ``label`` in front where the others say 0 or 1 for each class.

    Raises:
        ValueError: many rows have several 1.
    """
    hot = {name: [YES_NO.get(cell.lower()) for cell in cells] for name, cells in columns.items()
           if not _holds_no_label(name) and any(cells)
           and all(cell.lower() in YES_NO for cell in cells)}  # fmt: skip
    if len(hot) < 2 or usual_columns(columns, LABEL_COLUMNS):
        return columns
    rows = [[name for name, cells in hot.items() if cells[row]] for row in range(len(next(iter(hot.values()))))]
    several = sum(len(row) > 1 for row in rows)
    if several > MOST_SEVERAL * len(rows):
        raise ValueError(
            f"{path} gives several labels to {several} of {len(rows)} pictures: one label a picture is needed"
        )
    return {"label": [row[0] if len(row) == 1 else "" for row in rows], **columns}


def chosen_column(
    columns: Iterable[str], key: str | None, path: Path, advice: str = NAME_ONE, first: Sequence[str] = ()
) -> str:
    """The column (or set) of labels: the one named, the first of the usual names, or the only one.

    Args:
        first: names that come before the usual ones.

    Raises:
        ValueError: no such column, or several to choose from.
    """
    columns = list(columns)
    if key is not None:
        if key not in columns:
            raise unknown(f"label set in {path.name}", key, columns)
        return key
    others = [name for name in columns if name != CLEAN_KEY]
    usual = usual_columns(others, (*first, *LABEL_COLUMNS))
    left = [name for name in others if not _holds_no_label(name)]
    if not usual and len(others) != 1 and len(left) != 1:
        raise ValueError(f"{path} has several sets of labels, {advice}: {', '.join(columns)}")
    return (usual or (left if len(left) == 1 else others))[0]
