"""Tables of labels: one row a picture, or one for each annotator of a picture, in any usual form.

Text with any separator and encoding, JSON, XML, Excel and Parquet, also gzipped (:mod:`gdw.data.exports`). Columns are
known by their names and by what they hold; a path is matched however it is written (:mod:`gdw.data.path_match`).
"""

import csv
import gzip
import io
import re
from collections.abc import Iterable, Sequence
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
)  # fmt: skip
# Columns, or sets of labels in other files, tried in this order where none is named: CIFAR-100N's, then CIFAR-10N's
# worst, then common names for your own labels.
KEYS = ("noisy_label", "worse_label", "label", "labels", "observed_label")
USUAL_LABELS = (
    "label", "labels", "class", "classname", "classlabel", "category", "categoryname", "labelname", "target", "choice",
    "tag", "annotation", "groundtruth", "gt", "species", "breed", "diagnosis", "dx", "y",
    "classid", "labelid", "categoryid",
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


def read_table(path: Path, least: int = 1, path_column: str | None = None) -> Table:
    """The table; its column of paths is known by its name, or by names of pictures in it.

    Args:
        least: how many rows it must have, besides that of the column names.
        path_column: the column of paths.

    Raises:
        FileNotFoundError: there is none.
        ValueError: no table, no column of paths or of labels; several labels a picture.
    """
    require_file(path, EXPORT)
    try:
        frame, notes = read_frame(path)
    except MissingPackage:
        raise
    except Exception as error:  # of junk anything may come
        raise ValueError(f"{path} is not a table that can be read ({error})") from error
    names = list(frame.columns)
    if len(frame) < least:
        raise ValueError(
            f"{path} needs a row of column names and one row for each picture, got {len(frame) + bool(names)} rows"
        )
    place = _path_column(frame, path_column, path)
    if place is None or len(names) < 2:
        shown = ", ".join(map(str, names))
        raise ValueError(f"{path} needs a column 'path' and a column of labels, got the columns {shown}")
    columns = {name: frame[name].str.strip().tolist() for name in names if name != place}
    return Table(path, frame[place].tolist(), _with_one_hot(columns, path), notes)


def read_frame(path: Path) -> "tuple[DataFrame, tuple[str, ...]]":
    """The words of a table, whatever its form, and notes of what was passed over.

    Raises:
        ValueError: no table.
        MissingPackage: what reads Excel or Parquet is not installed.
    """
    import pandas as pd

    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(GZIP) or path.suffix.lower() == ".gz" else content
    notes: tuple[str, ...] = ()
    if content.startswith(PARQUET):
        require_reader(path, "pyarrow")
        frame = pd.read_parquet(io.BytesIO(content))
    elif content.startswith(EXCEL):
        require_reader(path, "openpyxl")
        frame = pd.read_excel(io.BytesIO(content), dtype=str, keep_default_na=False)
    else:
        text = _as_text(content)
        if text.lstrip()[:1] in ("{", "["):
            frame = pd.DataFrame(rows_of_json(text))
        elif text.lstrip()[:1] == "<":
            frame = pd.DataFrame(rows_of_xml(text.lstrip()))
        else:
            frame, notes = _frame_of_text(text)
    frame.columns = [str(name).strip() for name in frame.columns]
    frame = frame.loc[:, ~frame.columns.duplicated()]
    return frame.astype(object).where(frame.notna(), "").astype(str), notes


def require_reader(path: Path, module: str) -> None:
    """Refuse a file that a package reads which is not installed.

    Raises:
        MissingPackage: it is not; says what to do.
    """
    if find_spec(module) is None:
        raise MissingPackage(f"{path} needs the package {module}: pip install {module}, or save the table as CSV")


def _as_text(content: bytes) -> str:
    """By its byte order mark, or by zeros between the letters; else UTF-8, with other bytes as on Windows."""
    for mark, encoding in BYTE_ORDER.items():
        if content.startswith(mark):
            return content.decode(encoding)
    if content[:2].count(0) == 1:
        return content.decode("utf-16-le" if content[1] == 0 else "utf-16-be")
    return content.decode("utf-8", "surrogateescape").translate(LEGACY)


def _frame_of_text(text: str) -> "tuple[DataFrame, tuple[str, ...]]":
    """Rows of another length lose nothing but themselves; a first row that names a picture is no row of names."""
    import pandas as pd

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
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return pd.DataFrame(), ()
    names = _names(rows)
    body = rows if names is not rows[0] else rows[1:]
    fit = [row for row in body if not any(row[len(names) :])]
    if len(fit) < len(body):
        notes.append(f"passed over {len(body) - len(fit)} rows with more fields than columns")
    short = sum(len(row) < len(names) for row in fit)
    if short:
        notes.append(f"{short} rows have fewer fields than there are columns: the others are empty")
    padded = [(row + [""] * len(names))[: len(names)] for row in fit]
    return pd.DataFrame(padded, columns=[name or f"column {place}" for place, name in enumerate(names, 1)]), tuple(
        notes
    )


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


def _path_column(frame: "DataFrame", named: str | None, path: Path) -> str | None:
    names = list(frame.columns)
    if named is not None:
        if named not in names:
            raise unknown(f"column in {path.name}", named, names)
        return named
    usual = usual_columns(names, PATH_COLUMNS)
    pictures = [
        name for name in names if 2 * sum(bool(PICTURE.search(cell.strip())) for cell in frame[name]) > len(frame)
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
    if len(hot) < 2 or usual_columns(columns, USUAL_LABELS) or not columns.keys().isdisjoint(KEYS):
        return columns
    rows = [[name for name, cells in hot.items() if cells[row]] for row in range(len(next(iter(hot.values()))))]
    several = sum(len(row) > 1 for row in rows)
    if several > MOST_SEVERAL * len(rows):
        raise ValueError(
            f"{path} gives several labels to {several} of {len(rows)} pictures: one label a picture is needed"
        )
    return {"label": [row[0] if len(row) == 1 else "" for row in rows], **columns}


def chosen_column(columns: Iterable[str], key: str | None, path: Path, advice: str = NAME_ONE) -> str:
    """The column (or set) of labels: the one named, the first of the usual names, or the only one.

    Raises:
        ValueError: no such column, or several to choose from.
    """
    columns = list(columns)
    if key is None:
        others = [name for name in columns if name != CLEAN_KEY]
        usual = [name for name in KEYS if name in others]
        usual += usual_columns(others, USUAL_LABELS)
        left = [name for name in others if not _holds_no_label(name)]
        if not usual and len(others) != 1 and len(left) != 1:
            raise ValueError(f"{path} has several sets of labels, {advice}: {', '.join(columns)}")
        return (usual or (left if len(left) == 1 else others))[0]
    if key not in columns:
        raise unknown(f"label set in {path.name}", key, columns)
    return key
