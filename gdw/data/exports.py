"""Labels as other programs export them, in JSON or XML: each label becomes one row ``path, label``.

The forms are those of Label Studio (JSON, JSON-MIN), CVAT (XML for images), COCO (a category for each picture) and
Hugging Face's ``metadata.jsonl``; any other JSON list of records is taken as it is.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

Row = dict[str, str]
DECLARATIONS = ("<!doctype", "<!entity")  # what XML needs to grow without limit; no export has them
SHAPES = ("tag", "box", "polygon", "mask", "polyline", "points", "cuboid", "ellipse", "skeleton")  # CVAT's


def rows_of_json(text: str) -> list[Row]:
    """The rows of a JSON text, or of one with a JSON value on each line; ``ValueError`` for any other text."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(content, dict):
        if {"images", "annotations", "categories"} <= content.keys():
            return list(_of_coco(content))
        if all(isinstance(value, (str, int, float)) for value in content.values()):
            return [{"path": path, "label": _cell(label)} for path, label in content.items()]
        lists = [value for value in content.values() if isinstance(value, list)]
        content = max(lists, key=len, default=None)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise ValueError("JSON without a list of records")
    return [row for item in content for row in _of_item(item)]


def rows_of_xml(text: str) -> list[Row]:
    """The rows of CVAT's XML for images; ``ValueError`` for any other text."""
    if any(declaration in text.lower() for declaration in DECLARATIONS):
        raise ValueError("XML with a document type: not an export of labels")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without declarations
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    if root.find("image") is None:
        raise ValueError("XML without pictures: CVAT's 'for images' has them")
    rows = []
    for picture in root.iter("image"):
        marks = [mark for shape in SHAPES for mark in picture.findall(shape)]
        labels = dict.fromkeys(mark.get("label", "") for mark in picture.findall("tag") or marks)
        rows += [{"path": picture.get("name", ""), "label": label} for label in labels or [""]]
    return rows


def _of_coco(content: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each category of a picture; pictures without an annotation have no label."""
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    of_picture: dict[Any, dict[str, None]] = {}
    for annotation in content["annotations"]:
        label = names.get(annotation.get("category_id"), "")
        of_picture.setdefault(annotation["image_id"], {})[label] = None
    for picture in content["images"]:
        for label in of_picture.get(picture["id"], {"": None}):
            yield {"path": _cell(picture.get("file_name", "")), "label": label}


def _of_item(item: Mapping[str, Any]) -> Iterator[Row]:
    """Label Studio's task has its answers in a list; any other record is a row."""
    answers = item.get("annotations", item.get("completions"))
    if not isinstance(item.get("data"), dict) or not isinstance(answers, list):
        yield {name: _cell(value) for name, value in item.items()}
        return
    own = {name: _cell(value) for name, value in item["data"].items()}
    if not answers:
        yield own | {"label": "", "annotator": ""}
    for answer in answers:
        results = [] if answer.get("was_cancelled") else answer.get("result", [])
        labels = [label for result in results for label in result.get("value", {}).get("choices", ())]
        for label in labels or [""]:
            yield own | {"label": str(label), "annotator": _person(answer.get("completed_by"))}


def _person(value: Any) -> str:
    return _cell(value.get("email") or value.get("id")) if isinstance(value, dict) else _cell(value)


def _cell(value: Any) -> str:
    """One word of what a field holds: Label Studio wraps a choice, Hugging Face's datasets a picture's path.

    Half of a pair of UTF-16 could be written to no file.
    """
    if isinstance(value, dict):
        value = next((value[name] for name in ("choices", "path", "name", "label") if name in value), json.dumps(value))
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else json.dumps(value)
    return "" if value is None else str(value).encode("utf-8", "replace").decode()
