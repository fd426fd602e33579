"""Which column of a table holds what: known by its name, and by what is in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from gdw.errors import unknown

PICTURE = re.compile(r"\.(avif|bmp|gif|heic|jfif|jpe?g?|jp2|p[bgnp]m|png|tiff?|webp|dcm)([?#].*)?$", re.I)
# Names of columns, compared without case and punctuation; the first that is there is taken.
PATH_COLUMNS = (
    "path", "file", "filename", "filepath", "image", "img", "picture", "imagepath", "imagefile", "imagefilename",
    "imagename", "imageid", "imgpath", "imgname", "imgfile", "imgid", "photo", "fname", "imageurl", "url", "bild",
    "datei", "dateiname", "fichier", "archivo", "imagen", "name", "id", "text",
)  # fmt: skip
# Columns, or sets of labels in other files: CIFAR-100N's, then CIFAR-10N's worst, then usual names for your own.
LABEL_COLUMNS = (
    "noisylabel", "worselabel", "label", "labels", "observedlabel", "class", "classname", "classlabel", "category",
    "categoryname", "labelname", "target", "choice", "tag", "annotation", "groundtruth", "gt", "species", "breed",
    "diagnosis", "dx", "klasse", "clase", "classe", "kategorie", "categoria", "etikett", "etiqueta", "classtitle",
    "displayname", "y", "classid", "labelid", "categoryid",
)  # fmt: skip
NO_LABELS = frozenset({  # a word in the name of a column that holds something else, or the whole name
    "agreement", "annotator", "area", "bbox", "chosen", "comment", "comments", "completed", "conf", "confidence",
    "created", "date", "filesize", "fold", "hash", "height", "id", "ids", "imagedata", "index", "iscrowd", "lead",
    "license", "md5", "note", "notes", "pred", "predicted", "predictions", "prob", "probability", "rank",
    "rater", "reason", "regioncount", "regionshapeattributes", "score", "scores", "sha1", "sha256", "shapeattributes",
    "size", "source", "split", "subset", "time", "unnamed", "updated", "url", "user", "uuid", "version", "width",
    "worker",
})  # fmt: skip
YES_NO = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "0,0": 0, "1,0": 1, "false": 0, "true": 1, "no": 0, "yes": 1, "": 0}
# What a column says of answers that somebody checked: those do not count.
REJECTED = frozenset({"reject", "rejected", "ignore", "ignored"})
VERDICTS = REJECTED | {"accept", "accepted", "approve", "approved", "submitted"}
VOTE = re.compile(
    r"(annotator|rater|worker|expert|reader|labell?er|coder|reviewer|judge|vote|label)s?[ _-]*\w{1,2}", re.I
)
CLEAN_KEY = "clean_label"
NAME_ONE = "name one as human:PATH:KEY"  # advice for the option at hand
NESTED = (".json", ".jsonl", ".ndjson", ".xml")  # endings of exports
NUMERIC = re.compile(r"-?[\d.,]*")
FRACTION = re.compile(r"-?\d*[.,]\d+(e-?\d+)?|nan", re.I)
MOST_SEVERAL = 0.05  # of the rows of a one-hot table; with more it is one of several labels a picture, or none
MULTI_LABEL = (
    "several classes for one row ({found}): an audit needs exactly one class each, so audit one class at a time "
    "(yes or no)"
)


def usual_columns(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The columns that are called as one of the known names is, in the order of these; y beside x is a place."""
    keys = [(column_key(name), name) for name in names]
    places = {"y"} if any(key == "x" for key, _ in keys) else set[str]()
    return [name for usual in known for key, name in keys if key == usual and key not in places]


def votes_among(names: Iterable[str]) -> list[str]:
    """The columns that may be of one annotator each: ``rater 1``, ``label_b``."""
    return [name for name in names if VOTE.fullmatch(name) and not name.lower().endswith("id")]


def holds_no_label(name: str) -> bool:
    """Whether a column of this name holds something else: a word of its name says so."""
    return not NO_LABELS.isdisjoint([*re.split(r"[\W_]+", name.lower()), column_key(name)])


def spaced(name: str) -> str:
    """``imageHeight`` as two words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def column_key(name: str) -> str:
    """The name of a column as it is compared."""
    return re.sub(r"[\W_]", "", name.lower())


def numbered_in_order(cells: Sequence[str]) -> bool:
    """Whether a column only numbers the rows in order, from 0 or from 1."""
    return any([*cells] == [*map(str, range(start, start + len(cells)))] for start in (0, 1))


def _may_hold_labels(cells: object) -> bool:
    """Not a column of blanks, or of fractions of which all are the same or most different."""
    filled = [cell for cell in cells if cell] if isinstance(cells, list) else [""]
    fractions = all(isinstance(cell, str) and FRACTION.fullmatch(cell) for cell in filled)
    return bool(filled) and not (fractions and (len(set(filled)) == 1 or 2 * len(set(filled)) > len(filled)))


def without_rejected(
    columns: Mapping[str, list[str]], wanted: Sequence[str], class_names: Iterable[str] = ()
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The wanted columns, blank where another column says that the answer was rejected; and a note of these rows.

    Nothing is blank where ``rejected`` or the like is a class itself: a class name, or a word in a wanted column.
    """
    said, found = tuple[str, ...](), {name: columns[name] for name in wanted}
    if not REJECTED.isdisjoint(word.lower() for word in (*class_names, *chain(*found.values()))):
        return found, said
    for name, cells in columns.items():
        words = [cell.lower() for cell in cells]
        if name not in found and REJECTED.intersection(words) and VERDICTS.issuperset(filter(None, words)):
            lost = [word for *own, word in zip(*found.values(), words, strict=True) if word in REJECTED and any(own)]
            found = {own: ["" if word in REJECTED else cell for cell, word in zip(answers, words, strict=True)]
                     for own, answers in found.items()}  # fmt: skip
            said += (f"passed over {len(lost)} answers: {' or '.join(sorted({*lost}))}, says column {name}",)
    return found, said


def path_column(columns: Mapping[str, list[str]], named: str | None, path: Path, *, keys: bool = True) -> str | None:
    """The column of paths: the one named, or one of a usual name, or with names of pictures.

    Args:
        keys: else the first column that has another word in each row and is not one of labels.
    """
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
    found = [name for name in usual if name in pictures] or pictures or usual
    if keys and not found:
        labels = usual_columns(columns, LABEL_COLUMNS)
        found = [name for name, cells in columns.items() if len({*cells} - {""}) == len(cells) > 1
                 and not numbered_in_order(cells) and name not in labels]  # fmt: skip
        found.sort(key=lambda name: (holds_no_label(name), all(map(NUMERIC.fullmatch, columns[name]))))  # words first
    return next(iter(found), None)


def with_one_hot(columns: dict[str, list[str]], path: Path, asked: bool = False) -> dict[str, list[str]]:
    """With a column ``label`` in front where the others say 0 or 1 for each class.

    Beside another column of words that may hold labels (``animal``, ``male``, ``female``), or where blanks are no 0
    since many rows say 1 for no class or for several, only where a person ``asked`` for it.
    """
    every = _of_yes_and_no(columns)
    votes = votes_among(columns)
    hot = {name: cells for name, cells in every.items() if not (holds_no_label(name) or name in votes)}
    if (hot or votes) and not _mostly_one(_ones(hot)) and _mostly_one(_ones(every)):
        hot = every  # a class may be called date or user
    if len(hot) < 2 or usual_columns(columns, LABEL_COLUMNS):
        return columns
    rows, others = _ones(hot), (name for name in columns if name not in every and not holds_no_label(spaced(name)))
    words = [columns[name] for name in others if not all(map(NUMERIC.fullmatch, columns[name]))]
    rival = any(2 * len({*cells}) <= len(rows) and _may_hold_labels(cells) for cells in words)
    unsure = any("" in columns[name] for name in hot) and not _mostly_one(rows)
    if not asked and (rival or unsure):
        return columns
    several = sum(len(row) > 1 for row in rows)
    if several > MOST_SEVERAL * len(rows):
        raise ValueError(
            f"{path} gives several labels to {several} of {len(rows)} pictures: one label a picture is needed"
        )
    return {"label": [row[0] if len(row) == 1 else "" for row in rows], **columns}


def _of_yes_and_no(columns: Mapping[str, list[str]]) -> dict[str, list[int]]:
    """The columns of 0 and 1, or of other words for them, as numbers; a blank is 0."""
    return {name: [YES_NO[cell.lower()] for cell in cells] for name, cells in columns.items()
            if any(cells) and all(cell.lower() in YES_NO for cell in cells)}  # fmt: skip


def _ones(hot: Mapping[str, Sequence[object]]) -> list[list[str]]:
    """For each row, the columns that say 1."""
    return [[name for name, one in zip(hot, row, strict=True) if one] for row in zip(*hot.values(), strict=True)]


def _mostly_one(rows: Sequence[Sequence[str]]) -> bool:
    return bool(rows) and sum(len(row) != 1 for row in rows) <= MOST_SEVERAL * len(rows)


def chosen_column(
    columns: Iterable[str] | Mapping[str, object],
    key: str | None,
    path: Path,
    advice: str = NAME_ONE,
    first: Sequence[str] = (),
) -> str:
    """The column (or set) of labels: the one named, the first of the usual names, or the only one.

    Args:
        columns: with what is in them, a column of blanks, or of fractions that are all the same or mostly different,
            is none of labels.
        first: names that come before the usual ones.
    """
    cells, columns = columns if isinstance(columns, Mapping) else {}, list(columns)
    if key is not None:
        if key not in columns:
            raise unknown(f"label set in {path.name}", key, columns)
        return key
    others = [name for name in columns if name != CLEAN_KEY]
    asked = usual_columns(others, first)
    usual = asked or usual_columns(others, LABEL_COLUMNS)
    filled = [name for name in usual if not isinstance(words := cells.get(name), list) or any(words)]
    if filled or asked:
        return (filled or asked)[0]
    left = [name for name in others if not holds_no_label(spaced(name)) and _may_hold_labels(cells.get(name, ""))]
    inner = [name for name in left if usual_columns([name.rpartition(".")[2]], LABEL_COLUMNS)]
    again = [name for name in others if not isinstance(words := cells.get(name), list) or len({*words}) < len(words)]
    ways = (inner, left, [name for name in left if name in again], again)
    found = next((names for names in ways if len(names) == 1), [] if left else usual)
    if not found:
        flags = _of_yes_and_no({name: words for name in left if isinstance(words := cells.get(name), list)})
        more = f" (label: that of {', '.join(flags)} which says 1)" if len(flags) > 1 and "label" not in columns else ""
        raise ValueError(f"{path} has several sets of labels, {advice}: {', '.join(columns)}{more}{other_export(path)}")
    return found[0]


def other_export(path: Path) -> str:
    """Advice for a file that may be an export in a form that is not read."""
    known = "have it written as CSV or COCO (docs/audit.md lists what is read)"
    return f". If it is another program's export, {known}" if path.suffix.lower() in NESTED else ""
