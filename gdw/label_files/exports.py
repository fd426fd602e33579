"""Labels as other programs export them, in JSON or XML: each label becomes one row ``path, label``.

The forms are those of Label Studio (JSON, JSON-MIN), CVAT (XML for images), Pascal VOC and COCO. Any other JSON is
taken as records: fields, and lists of marks with a label each (VGG Image Annotator, LabelMe, Supervisely, CreateML,
FiftyOne, manifests of SageMaker and of Vertex AI, doccano, Hugging Face's ``metadata.jsonl``).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any
from xml.etree import ElementTree

from gdw.label_files.columns import LABEL_COLUMNS, PATH_COLUMNS, PICTURE, holds_no_label, spaced, usual_columns

Row = dict[str, str]
NESTED = ("classifications", "detections", "polylines", "keypoints")  # FiftyOne's fields with a list of marks
SHAPE_LABELS = ("rectanglelabels", "polygonlabels", "brushlabels", "ellipselabels", "keypointlabels")  # Label Studio's
QUESTION = "\0"  # begins the column of a question while it is not known how many there are
MARKS = ("tags", "annotations", "regions", "objects", "shapes")  # lists of what people marked; the whole picture first
WRAPPED = {"choices", "path", "name", "label"}  # a field that holds one of these is this one
DECLARATIONS = ("<!doctype", "<!entity")  # what XML needs to grow without limit; no export has them
SHAPES = ("tag", "box", "polygon", "mask", "polyline", "points", "cuboid", "ellipse", "skeleton")  # CVAT's


def rows_of_json(text: str, whole: bool = True) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of a JSON text, or of one with a JSON value on each line, and notes; ``ValueError`` for any other text.

    Args:
        whole: refuse it where a line is broken, as the last one of a file that was cut; otherwise a note says it.
    """
    broken = list[int]()
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        content, lines = [], text.rstrip().split("\n")  # other line ends may be in a word
        for number, line in enumerate(lines, 1):
            try:
                content += [json.loads(line)] if line.strip() else []
            except json.JSONDecodeError:
                broken.append(number)
        if broken and (whole or len(broken) > len(content) or not all(isinstance(one, dict) for one in content)):
            raise error from None
    return _rows_of(content), (f"passed over {len(broken)} broken lines (first: {broken[0]})",) if broken else ()


def _rows_of(content: Any) -> list[Row]:
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return list(_of_coco(content))
    rows = [row for item in _entries(_as_entries(content)) for row in _of_item(item)]
    asked = dict.fromkeys(name for row in rows for name in row if name.startswith(QUESTION))
    several = len(asked.keys() - {QUESTION}) > 1
    names = {name: (name[len(QUESTION) :] if several else "") or "label" for name in asked}
    return [{names.get(name, name): word for name, word in row.items()} for row in rows]


def _as_entries(content: Any) -> Any:
    """A table by its columns, or by rows without names, as records; anything else as it is."""
    if isinstance(content, dict) and isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        return [dict(zip(map(str, content["columns"]), row, strict=False)) for row in content["data"]]
    if isinstance(content, dict) and len(content) > 1 and usual_columns(content, PATH_COLUMNS):
        cells = [list(each.values()) if isinstance(each, dict) else each for each in content.values()]
        if all(isinstance(each, list) for each in cells) and len({len(each) for each in cells}) == 1:
            return [dict(zip(content, row, strict=True)) for row in zip(*cells, strict=True)]
    for rows in (content, content.get("labels") if isinstance(content, dict) else None):
        pairs = isinstance(rows, list) and all(isinstance(row, list) and len(row) == 2 for row in rows)
        if pairs and rows and all(isinstance(path, str) for path, _ in rows):
            return [{"path": path, "label": label} for path, label in rows]
    return content


def _entries(content: Any) -> Sequence[Mapping[str, Any]]:
    """A list of records, however it is wrapped: one record, records by their names, the lists of them in it."""
    values, names = (list(content.values()), content.get("classes")) if isinstance(content, dict) else ([], None)
    if values and not _is_entry(content) and not any(isinstance(value, (dict, list)) for value in values):
        return [{"path": path, "label": label} for path, label in content.items()]
    if isinstance(names, list) and isinstance(labels := content.get("labels"), dict):  # by their numbers
        words = dict(enumerate(names))
        return [{"path": path, "label": words.get(label, label)} for path, label in labels.items()]
    lists = list(_lists_in(content))
    if not lists:
        raise ValueError("JSON without a list of records")
    of_pictures = [each for each in lists if all(map(_is_entry, each))]  # one for each split, say
    return [item for each in of_pictures for item in each] if of_pictures else max(lists, key=len)


def _lists_in(content: Any) -> Iterator[Sequence[Mapping[str, Any]]]:
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        yield content
    elif isinstance(content, dict):
        values = list(content.values())
        if _is_entry(content):
            yield [content]
        elif all(isinstance(value, dict) and _is_entry(value) for value in values) and values:
            yield [{"path": name, **item} for name, item in content.items()]
        else:
            for value in values:
                yield from _lists_in(value)


def _holds_entries(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [None]
    return all(isinstance(item, dict) for item in inner)


def _is_entry(item: Mapping[str, Any]) -> bool:
    """Whether it is one picture's: it names a picture under a usual name, or holds outlines."""
    named = [item[name] for name in usual_columns(item, PATH_COLUMNS)]
    return (
        any(isinstance(value, str) and PICTURE.search(value) for value in named)
        or "shapes" in item
        or ("tags" in item and "objects" in item)
    )


def rows_of_xml(text: str) -> list[Row]:
    """The rows of CVAT's XML for images, or of Pascal VOC's for one; ``ValueError`` for any other text."""
    if any(declaration in text.lower() for declaration in DECLARATIONS):
        raise ValueError("XML with a document type: not an export of labels")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without declarations
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    if root.find("image") is None:
        if root.tag == "annotation" and root.findtext("filename"):  # Pascal VOC's, of one picture
            names = dict.fromkeys(one.findtext("name", "") for one in root.findall("object"))
            return [{"path": root.findtext("filename", ""), "label": name} for name in names or [""]]
        raise ValueError("XML without pictures: CVAT's 'for images' has them")
    rows = []
    for picture in root.iter("image"):
        marks = [mark for shape in SHAPES for mark in picture.findall(shape)]
        labels = dict.fromkeys(mark.get("label", "") for mark in picture.findall("tag") or marks)
        rows += [{"path": picture.get("name", ""), "label": label} for label in labels or [""]]
    return rows


def _of_coco(content: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each category of a picture; pictures without an annotation have no label."""
    names = {str(category.get("id")): word_of(category.get("name")) for category in content["categories"]}
    of_picture: dict[str, dict[str, None]] = {}
    for annotation in content["annotations"]:
        label = names.get(str(annotation.get("category_id")), "")
        of_picture.setdefault(str(annotation.get("image_id")), {})[label] = None
    for picture in content["images"]:
        for label in of_picture.get(str(picture.get("id")), {"": None}):
            yield {"path": word_of(picture.get("file_name", picture.get("path", ""))), "label": label}


def _of_item(item: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each label: of Label Studio's answers, of the marks in a list, or of the record itself."""
    answers = item.get("annotations", item.get("completions"))
    if not isinstance(item.get("data"), dict) or not isinstance(answers, list):
        yield from _of_entry(item)
        return
    own = {name: word_of(value) for name, value in item["data"].items()
           if not usual_columns([name], LABEL_COLUMNS)}  # what was there before is no answer  # fmt: skip
    if not answers:
        yield own | {"annotator": ""}
    for answer in answers:
        row = own | {"annotator": _person(answer.get("completed_by"))}
        results = [] if answer.get("was_cancelled") else answer.get("result") or []
        said = [(result, words) for result in results if (words := _chosen(result.get("value") or {}))]
        said = said or [(result, words) for result in results if (words := _shapes(result.get("value") or {}))]
        yield from [row | {QUESTION + str(result.get("from_name", "")): word}
                    for result, words in said for word in words] or [row]  # fmt: skip


def _chosen(value: Mapping[str, Any]) -> list[str]:
    """What an answer says of the whole: choices, or the last names of a taxonomy."""
    return [word_of(one[-1] if isinstance(one, list) else one)
            for one in value.get("choices") or value.get("taxonomy") or ()]  # fmt: skip


def _shapes(value: Mapping[str, Any]) -> list[str]:
    """What the outlines in it are called."""
    return [word_of(one) for name in SHAPE_LABELS for one in value.get(name) or ()]


def _of_entry(item: Mapping[str, Any]) -> Iterator[Row]:
    lists = usual_columns((name for name, value in item.items() if value and isinstance(value, list)), LABEL_COLUMNS)
    marks = {name: item[name] for name in (*MARKS, *lists) if item.get(name) is not None and _holds_entries(item[name])}
    fields = {name: value for name, value in item.items() if isinstance(value, dict) and not holds_no_label(name)}
    marks |= {name: value[inner] for name, value in fields.items() for inner in NESTED if value.get(inner)}
    row, labels = _flat({name: value for name, value in item.items() if name not in marks}), dict[str, None]()
    if not any(row[name] for name in usual_columns(row, LABEL_COLUMNS)):  # of the whole picture
        for listed in marks.values():
            each = listed.values() if isinstance(listed, dict) else listed
            labels = labels or dict.fromkeys(filter(None, map(_label_of, each)))
    yield from [row | {"label": label} for label in labels] or [row]


def _label_of(mark: Mapping[str, Any]) -> str:
    """What a tag or an outline is called: by a usual name, or the only field that can be one."""
    row = {name: word for name, word in _flat(mark).items() if word and not holds_no_label(spaced(name))}
    usual = usual_columns(row, (*SHAPE_LABELS, *LABEL_COLUMNS, "name"))
    return row[usual[0]] if usual else next(iter(row.values())) if len(row) == 1 else ""


def _flat(item: Mapping[str, Any]) -> Row:
    """A field of several fields, or of one with a usual name, becomes a column for each: ``field.inner``."""
    row: Row = {}
    for name, value in item.items():
        inside = value if isinstance(value, dict) and not WRAPPED & value.keys() and not _are_flags(value) else {}
        inner = {key: one for key, one in inside.items() if not isinstance(one, (dict, list))}
        if len(inner) > 1 or usual_columns(inner, LABEL_COLUMNS):
            row |= {f"{name}.{key}": word_of(one) for key, one in inner.items()}
        else:
            row[name] = word_of(value)
    return row


def _are_flags(value: Mapping[str, Any]) -> bool:
    return all(isinstance(one, bool) for one in value.values())


def _person(value: Any) -> str:
    return word_of(value.get("email") or value.get("id")) if isinstance(value, dict) else word_of(value)


def word_of(value: Any) -> str:
    """One word of what a field holds: the only value, what is true, a wrapped choice or path; several with bars.

    Half of a pair of UTF-16 could be written to no file.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, dict):
        wrapped = [value[name] for name in ("choices", "path", "name", "label") if name in value]
        if value and _are_flags(value):
            wrapped = [[name for name, one in value.items() if one]]
        only = list(value.values()) if len(value) == 1 else []
        value = (wrapped or only or [json.dumps(value) if value else ""])[0]
    if isinstance(value, list):
        whole = all(isinstance(one, str) for one in value)
        value = value[0] if len(value) == 1 else "|".join(value) if whole else json.dumps(value)
    nothing = value is None or (isinstance(value, float) and isnan(value))
    return "" if nothing else str(value).encode("utf-8", "replace").decode()


def columns_of(name: str, cells: list[str]) -> list[tuple[str, list[str]]]:
    """A column; where its cells are JSON, a column of their words, or of each of their fields."""
    if not any(cell.startswith(("{", "[{")) for cell in cells):
        return [(name, cells)]
    rows = [_row_of(name, cell) for cell in cells]
    names = dict.fromkeys(inner for row in rows for inner in row)
    return [(inner, [row.get(inner, "") for row in rows]) for inner in names]


def _row_of(name: str, cell: str) -> Row:
    try:
        value = json.loads(cell) if cell.startswith(("{", "[{")) else cell
    except ValueError:
        value = cell
    if isinstance(value, list) and _holds_entries(value):
        return {name: "|".join(dict.fromkeys(filter(None, map(_label_of, value))))}
    return _flat({name: value}) if isinstance(value, dict) else {name: cell}
