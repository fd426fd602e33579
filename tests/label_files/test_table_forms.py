"""Tables in the forms that other programs give them, one list: each labels the same four pictures."""
# ruff: noqa: E501 - the lines are those of the other programs

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from gdw import files
from gdw.data.confirmed import confirmed_of, read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.folder import list_folder
from gdw.data.given import read_rows
from gdw.data.picture_labels import class_numbers, labelled
from gdw.label_files.label_table import read_table
from gdw.label_files.path_match import Places
from tests.data.test_scan import picture

RIGHT = {"cat/a1.jpg": "lynx", "cat/b2.jpg": "wolf", "dog/c3.jpg": "lynx", "dog/d4.jpg": "wolf"}
NAMES = [("a1", "lynx"), ("b2", "wolf"), ("c3", "lynx"), ("d4", "wolf")]


def lines(form, header="path,label"):
    """A row for each picture: ``{p}`` its path, ``{n}`` its name, ``{w}`` its label, ``{d}`` its folder."""
    rows = [form.format(p=path, n=path[4:6], d=path[:3], w=word) for path, word in RIGHT.items()]
    return "\n".join([*([header] if header else []), *rows, ""])


# Label Studio's documentation, "Label Studio Task Format": a cancelled answer and a prediction are no labels.
TASKS = """[{"id": 1, "annotations": [{"id": 11, "completed_by": 1, "result": [{"value": {"choices": ["lynx"]}, "id": "x1",
"from_name": "choice", "to_name": "image", "type": "choices", "origin": "manual"}], "was_cancelled": false,
"ground_truth": false, "lead_time": 3.4, "draft_created_at": null, "task": 1}], "file_upload": "3f2a1b4c-a1.jpg", "drafts": [],
"predictions": [{"result": [{"value": {"choices": ["wolf"]}}]}], "data": {"image": "/data/upload/1/3f2a1b4c-a1.jpg"}},
{"id": 2, "annotations": [{"completed_by": {"id": 2, "email": "b@c.d"}, "result": [{"value": {"choices": ["wolf"]}}]},
{"completed_by": 1, "result": [{"value": {"choices": ["lynx"]}}], "was_cancelled": true}],
"data": {"image": "/data/local-files/?d=pets/cat/b2.jpg"}, "meta": {}},
{"id": 3, "completions": [{"result": [{"value": {"choices": ["lynx"]}}]}], "data": {"image": "s3://bucket/some%20dir/c3.jpg"}},
{"id": 4, "annotations": [{"completed_by": 1, "result": [{"value": {"choices": ["wolf"]}}]}],
"data": {"image": "https://host/x/d4.jpg?width=100"}}]"""
SMALL_TASKS = """[{"image": "/data/upload/1/3f2a1b4c-a1.jpg", "id": 1, "choice": "lynx", "annotator": 1, "annotation_id": 5,
"created_at": "2021-03-09T21:52:49Z", "lead_time": 2.1}, {"image": "/data/upload/1/0f2a1b4c-b2.jpg", "id": 2,
"choice": {"choices": ["wolf"]}, "annotator": 1}, {"image": "/data/upload/1/1f2a1b4c-c3.jpg", "id": 3, "choice": "lynx"},
{"image": "/data/upload/1/2f2a1b4c-d4.jpg", "id": 4, "choice": "wolf", "sentiment": null}]"""
# CVAT's documentation, "XML annotation format"; attributes of a tag, and a box beside it, are no labels.
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>5</id><name>pets</name><labels><label><name>lynx</name></label>
</labels></task><dumped>2021-03-09 21:52:49</dumped></meta>
<image id="0" name="cat/a1.jpg" width="4" height="4" subset="default" task_id="5"><tag label="lynx" source="manual">
<attribute name="sure">true</attribute></tag><box label="ear" occluded="0" xtl="0" ytl="0" xbr="1" ybr="1"></box></image>
<image id="1" name="cat/b2.jpg" width="4" height="4"><box label="wolf" xtl="0" ytl="0" xbr="4" ybr="4"/></image>
<image id="2" name="c3.jpg" width="4" height="4"><tag label="lynx" source="auto"/></image>
<image id="3" name="dog\\d4.jpg" width="4" height="4"><tag label="wolf"/></image></annotations>"""
# The COCO data format, with what real files have beside it: licenses, crowds, twice the same category.
COCO = """{"info": {"year": 2021}, "licenses": [{"id": 1}], "categories": [{"id": 7, "name": "lynx", "supercategory": "none"},
{"id": 9, "name": "wolf", "supercategory": "x"}], "images": [{"id": 0, "file_name": "a1.jpg", "width": 4, "height": 4,
"license": 1, "coco_url": "", "flickr_url": "http://x/1_z.jpg"}, {"id": 1, "file_name": "images/b2.jpg"},
{"id": 2, "file_name": "c3.jpg"}, {"id": 30, "file_name": "d4.jpg", "extra": {"user_tags": []}}],
"annotations": [{"id": 0, "image_id": 0, "category_id": 7, "bbox": [0, 0, 4, 4], "area": 16, "segmentation": [], "iscrowd": 0},
{"id": 1, "image_id": 1, "category_id": 9}, {"id": 2, "image_id": 1, "category_id": 9}, {"id": 3, "image_id": 2,
"category_id": 7}, {"id": 4, "image_id": 30, "category_id": 9}]}"""
RECORDS = "".join(f'{{"file_name": "{path}", "label": "{word}", "text": null}}\n' for path, word in RIGHT.items())
COPY = ".rf.1cf4c1c7e9c6b41c7d8d7eff7f1d7a5d.jpg"
ROBOFLOW = f"filename, lynx, wolf\na1_jpg{COPY}, 1, 0\nb2_jpg{COPY}, 0, 1\nc3_jpg{COPY}, 1, 0\nd4_jpg{COPY}, 0, 1\n"
QUOTED = 'path;label;note\n"cat/a1.jpg";"lynx";"two\nlines; and a ""quote"""\ncat/b2.jpg;wolf;\ncat/none.jpg;wolf;\n'

# VGG Image Annotator 2: a class of the file, or of its regions; CSV and JSON, and the whole project.
VIA_CSV = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n" + "".join(
    f'{path[4:]},1234,"{{""class"":""{word}""}}",0,0,"{{}}","{{}}"\n' for path, word in RIGHT.items())  # fmt: skip
VIA_BOXES = VIA_CSV.splitlines()[0] + "\n" + "".join(
    f'{path[4:]},1234,"{{}}",1,0,"{{""name"":""rect"",""x"":1,""y"":1,""width"":2,""height"":2}}","{{""animal"":""{word}""}}"\n'
    for path, word in RIGHT.items())  # fmt: skip
VIA_JSON = json.dumps({f"{path[4:]}1234": {"filename": path[4:], "size": 1234, "file_attributes": {"caption": "", "public": "no"},
    "regions": [{"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 2, "height": 2},
                 "region_attributes": {"animal": word}}]} for path, word in RIGHT.items()})  # fmt: skip
VIA_PROJECT = json.dumps({"_via_settings": {"ui": {"annotation_editor_height": 25}, "project": {"name": "pets"}},
    "_via_img_metadata": {f"{path[4:]}1234": {"filename": path[4:], "size": 1234, "regions": [], "file_attributes":
    {"class": word}} for path, word in RIGHT.items()}, "_via_attributes": {"region": {}, "file": {"class": {"type": "text"}}},
    "_via_data_format_version": "2.0.10", "_via_image_id_list": ["a1.jpg1234"]})  # fmt: skip
# FiftyOne: the JSON of a FiftyOneDataset, and of a FiftyOneImageClassificationDataset.
FIFTYONE = json.dumps({"samples": [{"_id": {"$oid": "5f"}, "filepath": f"data/{path[4:]}", "tags": [], "_media_type": "image",
    "ground_truth": {"_id": {"$oid": "60"}, "_cls": "Classification", "tags": [], "label": word, "confidence": None},
    "predictions": {"_id": {"$oid": "61"}, "_cls": "Classification", "tags": [], "label": "lynx", "confidence": 0.7},
    "metadata": {"_cls": "ImageMetadata", "width": 4, "height": 4}} for path, word in RIGHT.items()]})  # fmt: skip
FIFTYONE_CLASSES = json.dumps(
    {"classes": ["wolf", "lynx"], "labels": {name: int(word == "lynx") for name, word in NAMES}}
)
# Amazon SageMaker Ground Truth's output manifest, and Vertex AI's lines for classification.
MANIFEST = "".join(json.dumps({"source-ref": f"s3://bucket/pets/{path}", "pets": int(word == "wolf"), "pets-metadata":
    {"class-name": word, "job-name": "labeling-job/pets", "confidence": 0.95, "type": "groundtruth/image-classification",
     "human-annotated": "yes", "creation-date": "2020-06-18T22:12:18"}}) + "\n" for path, word in RIGHT.items())  # fmt: skip
VERTEX = "".join(json.dumps({"imageGcsUri": f"gs://bucket/{path}", "classificationAnnotation": {"displayName": word,
    "annotationResourceLabels": {"aiplatform.googleapis.com/annotation_set_name": "x"}}, "dataItemResourceLabels":
    {"aiplatform.googleapis.com/ml_use": "training"}}) + "\n" for path, word in RIGHT.items())  # fmt: skip
CREATE_ML = json.dumps([{"imagefilename": path[4:], "annotation": [], "annotations": [{"label": word, "coordinates":
    {"x": 2, "y": 2, "width": 4, "height": 4}}]} for path, word in RIGHT.items()])  # fmt: skip

# Two questions a picture, as columns; the same file without the second one; outlines alone.
QUESTIONS = json.dumps([{"data": {"image": f"/x/{path[4:]}"}, "annotations": [{"completed_by": 1, "result": [
    {"from_name": "quality", "type": "choices", "value": {"choices": ["good"]}},
    {"from_name": "species", "type": "taxonomy", "value": {"taxonomy": [["animals", word]]}}]}]}
    for path, word in RIGHT.items()])  # fmt: skip
OUTLINES = json.dumps([{"data": {"image": f"/x/{path[4:]}"}, "annotations": [{"result": [{"from_name": "label", "value":
    {"x": 1.5, "y": 2, "width": 4, "rotation": 0, "rectanglelabels": [word]}}] * 2}]}
    for path, word in RIGHT.items()])  # fmt: skip
MARKED = json.dumps([{"image": path[4:], "label": [{"x": 1.5, "y": 2, "width": 4, "polygonlabels": [word]}], "id": 7}
    for path, word in RIGHT.items()])  # fmt: skip
DETECTIONS = json.dumps({"samples": [{"filepath": path, "ground_truth": {"_cls": "Detections", "detections": [{"_id": {"$oid":
    "1"}, "label": word, "bounding_box": [0, 0, 1, 1], "index": None}]}} for path, word in RIGHT.items()]})  # fmt: skip
ODD_COCO = json.dumps(
    {
        "categories": [{"id": "7", "name": "lynx"}, {"id": 9, "name": "wolf"}, {"supercategory": "x"}],
        "images": [*({"id": n, "file_name": path} for n, path in enumerate(RIGHT)), {"file_name": None}],
        "annotations": [
            {"image_id": str(n), "category_id": 7 if word == "lynx" else "9"} for n, word in enumerate(RIGHT.values())
        ]
        + [{"id": 5}],
    }
)

FORMS = {
    "Label Studio, two questions": QUESTIONS,
    "Label Studio, outlines": OUTLINES,
    "Label Studio, JSON-MIN of outlines": MARKED,
    "Label Studio, CSV of outlines": lines('"[{{""x"": 1, ""y"": 2, ""rectanglelabels"": [""{w}""]}}]",/x/{n}.jpg', "label,image"),
    "marks with a place": json.dumps([{"image": path, "objects": [{"name": word, "x": 1, "y": 2, "w": 3, "h": 4}]}
                                      for path, word in RIGHT.items()]),
    "FiftyOne, detections": DETECTIONS,
    "COCO with numbers as words, and bad entries": ODD_COCO,
    "VIA, several attributes": lines('{n}.jpg,9,"{{""class"":""{w}"",""note"":""""}}",0', "filename,file_size,file_attributes,region_count"),
    "titles of several fields": "Inventory;;Museum X\nof;3.4.2024;\nfile;species;cm\n" + lines("{p};{w};1,5", ""),
    "a key of its own name": lines("{n},{w},{d}", "id_code,diagnosis,fold"),
    "a key behind pandas' index": "".join(
        f"{row or ''},{line}\n" for row, line in enumerate(lines("{n},{w}", "ISIC,dx").splitlines())),
    "words that no spreadsheet changes": lines('"=""{n}""",{w}'),
    "pandas' JSON": json.dumps({"path": dict(enumerate(RIGHT)), "label": dict(enumerate(RIGHT.values()))}),
    "pandas' JSON, split": json.dumps({"columns": ["path", "label"], "index": [0, 1, 2, 3], "data": [*map(list, RIGHT.items())]}),
    "JSON of lists": json.dumps({"path": [*RIGHT], "label": [*RIGHT.values()]}),
    "StyleGAN's pairs": json.dumps({"labels": [*map(list, RIGHT.items())]}),
    "a line end of Unicode in a line of JSON": RECORDS.replace("null", '"two\u2028lines\u0085"'),
    "comments before the names": "# made by ann, 2021\n# two, three, four\n" + lines("{p},{w}"),
    "names in a comment": lines("{p} {w}", "#image label"),
    "a title and an empty line": "Labels of 2021\n\n" + lines("{p};{w};0,5", "path;label;sure"),
    "a title as Excel writes it": "Labels of 2021;;\r\n" + lines("{p};{w};x", "path;label;x"),
    "boxes without names of columns": lines("{p},1,2,30,40,{w}", None),
    "a place beside the label": lines("{p},3,4,{w},{n}", "path,x,y,species,note"),
    "an empty column of labels": lines("{p},,{w}", "path,label,animal"),
    "an empty column, and one of a usual name": lines("{p},,{w}", "path,label,species"),
    "one-hot with blanks": lines("{n},{w}", "image,lynx,wolf").replace(",lynx\n", ",1,\n").replace(",wolf\n", ",,yes\n")
    .replace("image,lynx,,yes", "image,lynx,wolf"),
    "a split in front, one of whose pictures has the same name": lines("train/{p},{w}") + "test/cat/a1.jpg,wolf\n",
    "the folder's own name in front, and another's": lines("x/pets/{p},{w}") + "x/pets_2019/cat/a1.jpg,wolf\n",
    "VGG Image Annotator, CSV": VIA_CSV,
    "VGG Image Annotator, CSV of regions": VIA_BOXES,
    "VGG Image Annotator, JSON": VIA_JSON,
    "VGG Image Annotator, project": VIA_PROJECT,
    "VGG Image Annotator, an attribute of another name": VIA_PROJECT.replace('"class"', '"animal"'),
    "FiftyOne": FIFTYONE,
    "FiftyOne, classification": FIFTYONE_CLASSES,
    "SageMaker's manifest": MANIFEST,
    "Vertex AI's lines": VERTEX,
    "Create ML": CREATE_ML,
    "Kaggle's breeds": lines("{n},{w}", "id,breed"),
    "a German sheet": b"\xef\xbb\xbf" + lines("{n};{w};0,98;{d}", "Bild;Klasse;Sicherheit;Ordner").encode(),
    "fractions beside a column of any name": b"\xef\xbb\xbf" + lines("{n};{w};0,98;1,5", "Bild;Tier;sicher;x").encode(),
    "another machine's root": lines("/home/ann/data/pets/{p},{w}"),
    "another folder of the same pictures": lines("C:/x/images/{n}.jpg,{w}"),
    "backslashes": lines("D:\\pets\\{d}\\{n}.jpg,{w}"),
    "another ending": lines("{d}/{n}.png,{w}"),
    "another case": lines("{d}/{n}.JPG,{w}").replace("cat", "CAT"),
    "names without folder": lines("{n}.jpg,{w}"),
    "names without folder and ending": lines("{n},{w}", "Image Name,Class"),
    "addresses": lines("file:///home/a%20b/pets/{d}/{n}.jpg,{w}", "url,label"),
    "addresses with a query": lines("https://a.b/pets/{p}?size=3&x=%20,{w}", "image_url,label"),
    "escaped letters": lines("pets%2F{d}%2F{n}.jpg,{w}".replace("%2F", "/%2E/"), "image,label").replace("/%2E/", "/"),
    "filepath": lines("{p},{w}", "filepath,species"),
    "image_id": lines("{n},{w}", "image_id,diagnosis"),
    "an unusual name of the paths": lines("{w},{p}", "category,where it is"),
    "confidence and annotator": lines("{p},ann,{w},0.98", "img,annotator_id,animal,confidence"),
    "a date, a size, a split": lines("{p},2021-01-02,train,{w},4,4", "file_name,created_at,split,animal,width,height"),
    "a number first": lines("17,{p},{w}", ",image,label"),
    "semicolons, decimal commas": lines('{p};{w};"0,98"', "path;label;score"),
    "Excel's first line": "sep=;\r\n" + lines("{p};{w}", "path;label"),
    "tabs": lines("{p}\t{w}", "path\tlabel"),
    "bars": lines("{p}|{w}", "path|label"),
    "spaces in ImageNet's lists": lines("{p} {w}", None),
    "no names of columns": lines("{p},{w}", None),
    "a use in front, no names": lines("UNASSIGNED,gs://b/{p},{w}", None),
    "UTF-16": ("\ufeff" + lines("{p}\t{w}", "path\tlabel")).encode("utf-16-le"),
    "UTF-16, no mark": lines("{p},{w}").encode("utf-16-le"),
    "UTF-8, a mark": b"\xef\xbb\xbf" + lines('"{p}","{w}"', '"path","label"').encode(),
    "Windows' letters": lines("{p},{w},caf\u00e9", "path,label,note").encode("cp1252"),
    "one-hot": lines("{n},{w}", "image,lynx,wolf").replace(",lynx\n", ",1.0,0.0\n").replace(",wolf\n", ",0.0,1.0\n")
    .replace("image,lynx,wolf", "").replace("image,lynx,0.0,1.0", "image,lynx,wolf"),
    "Roboflow": ROBOFLOW,
    "Label Studio, JSON": TASKS,
    "Label Studio, JSON-MIN": SMALL_TASKS,
    "Label Studio, CSV": lines("5,1,{w},2021-03-09T21:52:49Z,1,/data/upload/1/3f2a1b4c-{n}.jpg,3.4,2021-03-09T22:00:00Z",
                               "annotation_id,annotator,choice,created_at,id,image,lead_time,updated_at"),
    "CVAT, XML for images": CVAT,
    "COCO": COCO,
    "metadata.jsonl": RECORDS,
    "a JSON dictionary": '{"cat/a1.jpg": "lynx", "cat/b2.jpg": "wolf", "dog/c3.jpg": "lynx", "dog/d4.jpg": "wolf"}',
    "more rows than pictures": lines("{p},{w}") + "cat/e5.jpg,lynx\n",
    "a row twice": lines("{p},{w}") + "cat/a1.jpg,lynx\n",
    "empty lines and short rows": "\n\n" + lines("{p},{w}", "path,label,note") + ",\n",
    "a row with too many fields": lines("{p},{w}") + "cat/a1.jpg,lynx,too,many\n",
}  # fmt: skip


@pytest.fixture
def pets(tmp_path):
    for shade, path in enumerate(RIGHT):
        picture(tmp_path / "pets" / path, shade=shade)
    return tmp_path / "pets"


def written(tmp_path, content):
    path = tmp_path / "labels"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def listed(pets, table, **options):
    found = list_folder(pets, table, **options)
    return {path: found.class_names[label] for path, label in zip(found.paths, found.labels, strict=True)}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_labels(pets, tmp_path, form):
    assert listed(pets, written(tmp_path, FORMS[form])) == RIGHT


def xml(path, word):
    return (
        f"<annotation><folder>x</folder><filename>{path[4:]}</filename><size><width>4</width></size><object><name>{word}"
        "</name><pose>Left</pose><bndbox><xmin>1</xmin></bndbox><part><name>ear</name></part></object></annotation>"
    )


FOLDERS = {
    "LabelMe, flags": lambda path, word: json.dumps({"version": "5.2.1", "flags": {"lynx": word == "lynx", "wolf": word == "wolf"},
        "shapes": [], "imagePath": f"..\\pets\\{path[4:]}", "imageData": None, "imageHeight": 4, "imageWidth": 4}),
    "LabelMe, shapes": lambda path, word: json.dumps({"version": "5.2.1", "flags": {}, "shapes": [{"label": word, "points":
        [[0, 0], [4, 4]], "group_id": None, "shape_type": "rectangle", "flags": {}}], "imagePath": path[4:], "imageData": "iVBO"}),
    "Supervisely": lambda path, word: json.dumps({"description": "", "tags": [{"name": word, "value": None, "labelerLogin": "ann",
        "createdAt": "2021"}], "size": {"height": 4, "width": 4}, "objects": [{"classTitle": "ear", "tags": [], "points": {}}]}),
    "Pascal VOC": xml,
}  # fmt: skip


@pytest.mark.parametrize("form", FOLDERS)
def test_a_folder_with_a_file_for_each_picture(pets, tmp_path, form):
    for path, word in RIGHT.items():
        name = (
            f"{path[4:]}.json" if form == "Supervisely" else f"{path[4:6]}.{'xml' if form == 'Pascal VOC' else 'json'}"
        )
        (tmp_path / "marks" / path[:3]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "marks" / path[:3] / name).write_text(FOLDERS[form](path, word), "utf-8")
    assert listed(pets, tmp_path / "marks") == RIGHT
    (tmp_path / "marks" / "junk.json").write_text("{", "utf-8")
    assert any(
        "passed over 1 files (first: junk.json: " in note for note in list_folder(pets, tmp_path / "marks").notes
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"a folder without a file of labels \(.json, .xml\)"):
        list_folder(pets, tmp_path / "empty")


def test_lines_of_text_with_labels_beside_embeddings(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    for form in ('{{"id": {n}, "text": "some.jpg text", "label": ["{w}"], "Comments": []}}\n',
                 '{{"id": {n}, "text": "t", "annotations": [{{"label": "{w}", "user": 1}}], "meta": {{}}}}\n'):  # fmt: skip
        text = "".join(form.format(n=n, w=word) for n, word in enumerate(RIGHT.values()))
        (tmp_path / "l.jsonl").write_text(text, "utf-8")
        data, _ = read_rows(tmp_path / "x.npy", tmp_path / "l.jsonl")
        assert [data.class_names[label] for label in data.labels] == list(RIGHT.values())
    text = "".join(f'{{"text": "t", "label": {words}}}\n' for words in ('["a"]', '["b"]', '["a", "b"]', "[]"))
    (tmp_path / "l.jsonl").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"several classes for one row \(a\|b\)"):
        read_rows(tmp_path / "x.npy", tmp_path / "l.jsonl")


def test_which_column_holds_the_labels_is_said_where_nothing_names_it(pets, tmp_path):
    rows = "".join(f"{path},{n % 2},{word == 'wolf'}\n" for n, (path, word) in enumerate(RIGHT.items()))
    notes = list_folder(pets, written(tmp_path, rows.replace("True", "7").replace("False", "8"))).notes
    assert "no row names the columns: column 2 holds the labels" in notes
    assert list_folder(pets, written(tmp_path, lines("{p},{w}", None))).notes == ()


def test_quoted_line_ends_and_separators(pets, tmp_path):
    found = list_folder(pets, written(tmp_path, QUOTED))
    assert found.paths == ("cat/a1.jpg", "cat/b2.jpg")
    assert "1 rows of labels name no picture here (first: cat/none.jpg)" in found.notes


def test_how_paths_were_matched_is_said(pets, tmp_path):
    notes = list_folder(pets, written(tmp_path, FORMS["another machine's root"])).notes
    assert notes == ("matched 4 paths by the end of the path (first: /home/ann/data/pets/cat/a1.jpg = cat/a1.jpg)",)
    notes = list_folder(pets, written(tmp_path, FORMS["another ending"])).notes
    assert "4 paths by the name without its ending (first: cat/a1.png = cat/a1.jpg)" in notes[0]


def test_a_name_that_several_pictures_have_is_no_match(pets, tmp_path):
    picture(pets / "dog" / "a1.jpg")
    found = list_folder(pets, written(tmp_path, lines("{n},{w}", "image,label")))
    assert found.paths == ("cat/b2.jpg", "dog/c3.jpg", "dog/d4.jpg")
    assert "1 rows of labels name no picture here (first: a1)" in found.notes


def test_another_folder_of_the_same_name_is_no_match_where_folders_count(pets, tmp_path):
    table = written(tmp_path, "path,label\ncat/a1.jpg,lynx\ncat/b2.jpg,wolf\ndog/a1.jpg,wolf\ncat/c3.jpg,wolf\n")
    assert listed(pets, table) == {"cat/a1.jpg": "lynx", "cat/b2.jpg": "wolf"}


@pytest.mark.parametrize(
    ("paths", "root", "rows", "found"),
    [
        (["20210101-001.jpg", "20210102-001.jpg"], "", ["20210101-001", "20210102-001"], [0, 1]),  # dates, not added
        (["20210101-001.jpg"], "", ["20220505-001"], [None]),
        (["3f2a1b4c-a1.jpg", "b2.jpg"], "", ["a1.jpg", "0f2a1b4c-b2.jpg"], [0, 1]),
        (["1.png", "2.png"], "train", ["train/1.png", "test/1.png", "test/2.png"], [0, None, None]),
        (["1.png", "2.png"], "test", ["train/1.png", "test/1.png", "train/2.png"], [None, 0, None]),
        (["1.png", "2.png"], "all", ["test/1.png", "val/2.png"], [0, 1]),
        (["1.png"], "s2021", ["D:\\x\\s2020\\1.png", "D:\\x\\s2021\\1.png"], [None, 0]),
        (["s1/cat/1.png", "s2/cat/1.png", "s2/cat/7.png"], "", ["s1/cat/1.png", "s1/cat/7.png"], [0, None]),
        (["train/cat/1.png"], "", ["test/cat/1.png", "train/cat/1.png"], [None, 0]),
        (["cat/a1.jpg", "dog/a1.png"], "", ["cat/a1.png"], [0]),
        (["s1/cat/1.jpg", "s1/dog/2.jpg"], "", ["s1/cat/1.jpg", "s2/dog/2.jpg"], [0, None]),
        (["s1/cat/1.jpg", "s1/dog/2.jpg"], "", ["x/s1/cat/1.jpg", "x/s2/dog/2.jpg"], [0, None]),
        (["cat/1.jpg", "cat/2.jpg"], "pets", ["20/cat/1.jpg", "21/cat/1.jpg", "21/cat/2.jpg"], [None] * 3),
        (["cat/1.jpg", "dog/1.jpg"], "", ["cat/1.jpg", "x/cat/1.jpg", "x/dog/1.jpg"], [0, None, 1]),
        (["cat/001.jpg", "dog/002.jpg"], "pets", ["test/dog/1", "x/cat/1", "pets/dog/2"], [None, None, 1]),
        (["0000.jpg", "0010.jpg", "3/07.jpg", "10.png"], "", ["0", "10", "7", "0010"], [0, 3, 2, 1]),
        (["a/x y.jpg", "caf\u00e9/z.JPG"], "", ["http://h/a/x%20y.jpg?w=1", "C:\\q\\cafe\u0301\\Z.jpg"], [0, 1]),
    ],
)  # fmt: skip
def test_a_path_means_the_picture_that_nothing_speaks_against(paths, root, rows, found):
    assert Places(paths, root=root).find(rows)[0] == found


def test_paths_that_several_folders_claim_are_said():
    found, said = Places(["cat/1.jpg", "cat/2.jpg"], root="pets").find(["x/20/cat/1.jpg", "x/21/cat/1.jpg"])
    assert found == [None, None]
    assert said == ("2 paths with another folder end as a picture that other paths mean too, so they mean none (first: "
                    "x/20/cat/1.jpg)",)  # fmt: skip


def test_confirmed_pictures_are_found_as_labelled_ones_are(tmp_path):
    paths = ("cat/1.jpg", "dog/2.jpg")
    data = Dataset("s2021", ("cat", "dog"), torch.zeros(2, 1), torch.tensor([0, 1]), paths=paths)
    (tmp_path / "c.csv").write_text("path,label\nD:/x/s2021/cat/1.jpg,cat\nD:/x/s2020/dog/2.jpg,cat\n", "utf-8")
    with pytest.warns(UserWarning, match="1 rows of c.csv name no picture here .first: D:/x/s2020/dog/2.jpg"):
        assert confirmed_of(tmp_path / "c.csv", data) == {0: 0}


def test_a_name_alone_of_several_pictures_is_said(pets, tmp_path):
    picture(pets / "dog" / "a1.jpg")
    said = "1 paths may mean several pictures, so they mean none .first: a1.: write more of them"
    with pytest.raises(ValueError, match="no picture here is called a1; a picture here is cat/a1.jpg; " + said):
        list_folder(pets, written(tmp_path, "image,label\na1,lynx\n"))


@pytest.mark.parametrize("names", [("date", "fig"), ("annotator1", "annotator2"), ("label0", "label1"), ("user", "x")])
def test_one_hot_or_annotators_is_seen_by_what_the_rows_say(pets, tmp_path, names):
    header = f"image,{','.join(names)}\n"
    found = list_folder(pets, written(tmp_path, header + "a1,1,0\nb2,0,1\nc3,1,0\nd4,0,1\n"))
    assert found.class_names == names
    if names[0] == "annotator1":
        found = list_folder(pets, written(tmp_path, header + "a1,1,1\nb2,0,0\nc3,1,1\nd4,0,0\n"))
        assert (found.class_names, found.labels) == (("0", "1"), (1, 0, 1, 0))


def test_flags_beside_a_column_of_words_are_asked_about(pets, tmp_path):
    text = "image,animal,male,female\na1,lynx,1,0\nb2,wolf,0,1\nc3,lynx,0,1\nd4,wolf,0,1\n"
    table = written(tmp_path, text)
    with pytest.raises(ValueError, match="several sets of labels, name one .*: animal, male, female"):
        list_folder(pets, table)
    assert listed(pets, table, column="animal") == RIGHT
    assert list_folder(pets, table, column="label").class_names == ("female", "male")


# From memory of Datumaro's, Labelbox's and Darwin's documentation.
DATUMARO = """{"categories": {"label": {"labels": [{"name": "lynx"}, {"name": "wolf"}]}}, "items": [{"id": "cat/a1",
"annotations": [{"id": 0, "type": "label", "label_id": 0}], "image": {"path": "cat/a1.jpg", "size": [8, 8]}}]}"""
LABELBOX = """{"data_row": {"id": "c1", "external_id": "a1.jpg", "row_data": "https://host/cat/a1.jpg"}, "projects": {"p1":
{"labels": [{"annotations": {"classifications": [{"name": "kind", "radio_answer": {"name": "lynx"}}]}}]}}}"""
DARWIN = """{"version": "2.0", "item": {"name": "a1.jpg", "path": "/cat", "slots": [{"slot_name": "0", "width": 8}]},
"annotations": [{"id": "x", "name": "lynx", "tag": {}}]}"""


@pytest.mark.parametrize("text", [DATUMARO, LABELBOX, DARWIN])
def test_an_export_in_another_form_is_refused_with_advice(pets, tmp_path, text):
    table = tmp_path / "labels.json"
    table.write_text(text)
    with pytest.raises(ValueError, match="have it written as CSV or COCO"):
        list_folder(pets, table)


@pytest.mark.parametrize("column", ["age", "site"])
@pytest.mark.parametrize("values", [(40, 41, 40, 41), ("1,5", "2,5", "1,5", ""), (3, "", 3, "")])
def test_numbers_beside_a_one_hot_table_are_no_labels(pets, tmp_path, column, values):
    names, hot = ("a1", "b2", "c3", "d4"), ("1;0", "0;1", "1;0", "0;1")
    rows = "".join(f"{name};{number};{one}\n" for name, number, one in zip(names, values, hot, strict=True))
    assert listed(pets, written(tmp_path, f"image;{column};lynx;wolf\n{rows}")) == RIGHT


def test_the_advice_beside_a_one_hot_table_names_it(pets, tmp_path):
    table = written(tmp_path, "image,place,lynx,wolf\na1,x,1,0\nb2,x,0,1\nc3,y,1,0\nd4,y,0,1\n")
    with pytest.raises(ValueError, match=r"place, lynx, wolf .label: that of lynx, wolf which says 1."):
        list_folder(pets, table)
    assert listed(pets, table, column="label") == RIGHT


def test_a_blank_is_no_zero_where_many_rows_say_nothing(pets, tmp_path):
    table = written(tmp_path, "image,seen,checked\na1,yes,\nb2,no,\nc3,,yes\nd4,,\n")
    with pytest.raises(ValueError, match=r"several sets of labels, .*seen, checked"):
        list_folder(pets, table)
    assert listed(pets, table, column="label") == {"cat/a1.jpg": "seen", "dog/c3.jpg": "checked"}


@pytest.mark.parametrize("field", ["label", "Labels", "noisy_label", "class"])
@pytest.mark.parametrize("questions", [("q",), ("q", "species")])
def test_a_field_of_a_task_is_no_answer(tmp_path, field, questions):
    said = [{"from_name": name, "value": {"choices": ["wolf"]}} for name in questions]
    answers = ([{"result": said}], [], [{"was_cancelled": True, "result": said}], [{"result": []}])
    tasks = [{"data": {"image": path, field: "lynx"}, "annotations": one}
             for path, one in zip(RIGHT, answers, strict=True)]  # fmt: skip
    found = labelled(read_table(written(tmp_path, json.dumps(tasks))), list(RIGHT))
    assert (found.labels, found.class_names) == ({0: 0}, ("wolf",))


@pytest.mark.parametrize("begin", ["", "# made by ann\n"])
def test_names_that_begin_like_a_comment(tmp_path, begin):
    rows = [(f"#{number}.jpg", word) for number, (_, word) in enumerate(NAMES)]
    text = "".join(f"{path},{word}\n" for path, word in rows)
    table = read_table(written(tmp_path, (begin and begin + "path,label\n") + text))
    assert (table.paths, table.columns["label"]) == ([path for path, _ in rows], [word for _, word in rows])
    alone = read_table(written(tmp_path, "#cat\n#dog\n#cat\n#dog\n"), in_order=True)
    assert alone.columns == {"label": ["#cat", "#dog", "#cat", "#dog"]}


def test_annotators_with_gaps(pets, tmp_path):
    rows = "a1,lynx,,,\nb2,wolf,wolf,,\nc3,,lynx,,\nd4,,,,wolf\n"
    table = written(tmp_path, "image,annotator1,annotator2,annotator3,annotator4\n" + rows)
    assert listed(pets, table) == RIGHT
    rows = "".join(f"{n},{who},{w}\n" for n, w in NAMES for who in ("ann", "bob")) + "a1,eve,wolf\n"
    for name in ("labeled_by", "Annotator Name", "worker-email", "expert"):
        found = list_folder(pets, written(tmp_path, f"image,{name},label\n{rows}"))
        assert [found.class_names[label] for label in found.labels] == list(RIGHT.values())
        assert found.votes["cat/a1.jpg"] == {"ann": "lynx", "bob": "lynx", "eve": "wolf"}


def test_columns_by_name(pets, tmp_path):
    table = written(tmp_path, lines("{p},x.png,{w},{d}", "scan,mask,one,two"))
    assert listed(pets, table, column="one", path_column="scan") == RIGHT
    with pytest.raises(ValueError, match=r"several sets of labels, name one with --column NAME .*: mask, one, two"):
        list_folder(pets, table, path_column="scan")
    with pytest.raises(ValueError, match="unknown column in labels 'scam'; did you mean 'scan'"):
        list_folder(pets, table, path_column="scam")


@pytest.mark.parametrize("name", ["cat", "orchid", "shape", "timer"])
def test_a_class_of_a_one_hot_table_may_have_any_name(pets, tmp_path, name):
    table = written(tmp_path, f"image,{name},wolf\na1,1,0\nb2,0,1\nc3,1,0\nd4,0,1\n")
    assert list_folder(pets, table).class_names == tuple(sorted((name, "wolf")))


def test_several_labels_a_picture_are_refused_in_one_sentence(pets, tmp_path):
    table = written(tmp_path, "image,lynx,wolf\na1,1,1\nb2,0,1\nc3,1,1\nd4,0,1\n")
    with pytest.raises(ValueError, match="gives several labels to 2 of 4 pictures: one label a picture is needed"):
        list_folder(pets, table)


def test_several_labels_without_names_of_columns_are_refused(pets, tmp_path):
    table = written(
        tmp_path, "TRAIN,gs://b/a1.jpg,lynx,\nTRAIN,gs://b/b2.jpg,wolf,lynx\nTEST,gs://b/c3.jpg,lynx,wolf\n"
    )
    with pytest.raises(ValueError, match=r"several classes for one row \(lynx in columns 3 and 4\)"):
        list_folder(pets, table)


def test_a_label_twice_in_a_row_is_one_label(pets, tmp_path):
    assert listed(pets, written(tmp_path, lines("{p},{w},{w}", ""))) == RIGHT


def test_dates_are_names_of_pictures_only_where_nothing_else_is(pets, tmp_path):
    table = written(tmp_path, lines("2020-01-0{n},{p},{w}", "created,sample,label").replace(".jpg", ""))
    assert listed(pets, table) == RIGHT


def test_a_sheet_marks_whole_cells_as_text(tmp_path):
    table = read_table(written(tmp_path, 'path,label\n"=""1.png""",a\n2.png,"x=""q"" y"\n'))
    assert (table.paths, table.columns["label"]) == (["1.png", "2.png"], ["a", 'x="q" y'])


@pytest.mark.parametrize("column", ["answer", "AssignmentStatus"])
def test_an_answer_that_was_rejected_does_not_count(pets, tmp_path, column):
    rows = "cat/a1.jpg,lynx,Approved\ncat/a1.jpg,wolf,Rejected\ncat/b2.jpg,lynx,\ncat/b2.jpg,lynx,\ndog/c3.jpg,wolf,accept\n"
    table = written(tmp_path, f"path,label,{column}\n{rows}dog/d4.jpg,wolf,ignore\n")
    assert listed(pets, table) == {"cat/a1.jpg": "lynx", "cat/b2.jpg": "lynx", "dog/c3.jpg": "wolf"}
    assert f"passed over 2 answers: ignore or rejected, says column {column}" in list_folder(pets, table).notes
    np.save(tmp_path / "x.npy", np.eye(6, dtype=np.float32))
    data, kept = read_rows(tmp_path / "x.npy", table.rename(table.with_suffix(".csv")))
    assert (len(data.labels), kept.tolist()) == (4, [True, False, True, True, True, False])
    both = written(tmp_path, lines("{p},{w}").replace("lynx", "accept").replace("wolf", "reject"))
    assert set(listed(pets, both).values()) == {"accept", "reject"}  # the classes
    judged = written(tmp_path, "path,label,predicted\ncat/a1.jpg,accept,reject\ncat/b2.jpg,reject,accept\n")
    assert listed(pets, judged) == {"cat/a1.jpg": "accept", "cat/b2.jpg": "reject"}


@pytest.mark.parametrize("start", [0, 1])
def test_numbers_of_rows_are_no_names_of_pictures(tmp_path, start):
    for number in range(1 - start, 7 - start):
        picture(tmp_path / "pets" / f"{number:02}.jpg", shade=number)
    text = "".join(f"{number},{'lynx' if number % 2 else 'wolf'}\n" for number in range(start, start + 6))
    said = f"numbers its rows from {start}, but the pictures are numbered from {1 - start}"
    for header, refusal in (("id,label", said), ("nr,label", "needs a column 'path'"), (",label", "needs a column 'path'")):  # fmt: skip
        with pytest.raises(ValueError, match=refusal):
            list_folder(tmp_path / "pets", written(tmp_path, f"{header}\n{text}"))
    rows = [f"{number}{{}},{number % 2}{{}}\n" for number in range(start, start + 6)]
    paths = [f"{number:02}.jpg" for number in range(1 - start, 7 - start)]
    for header, forms in (("id,annotator,label", [(",X", ""), (",Y", "")]), ("id,label", [(".jpg", "")])):
        table = written(tmp_path, f"{header}\n" + "".join(row.format(*form) for row in rows for form in forms))
        with pytest.raises(ValueError, match=said):
            list_folder(tmp_path / "pets", table)
    lost = f"{6 * start},0\n"  # the row that is no picture has no label
    table = written(tmp_path, "id,label\n" + "".join(row.format("", "") for row in rows).replace(lost, lost[:2] + "\n"))
    with pytest.raises(ValueError, match=said):
        read_confirmed(table, paths, ("0", "1"))


def test_another_id_in_each_row_is_no_label(pets, tmp_path):
    rows = [{"externalId": path[4:], "id": f"cl{path[4]}", "labels": [{"labelType": "DEFAULT", "jsonResponse": {"JOB_0": {"categories":
             [{"name": word}]}}}]} for path, word in RIGHT.items()]  # fmt: skip
    with pytest.raises(ValueError, match="several sets of labels, name one with --column"):
        list_folder(pets, written(tmp_path, json.dumps(rows)))


def test_one_class_at_a_time_of_several_labels_a_picture(pets, tmp_path):
    table = written(tmp_path, "image,lynx,wolf\na1,1,1\nb2,0,0\nc3,1,0\nd4,1,1\n")
    assert list(listed(pets, table, column="lynx").values()) == ["1", "0", "1", "1"]
    assert read_table(table, label_column="wolf").columns["wolf"] == ["1", "0", "0", "1"]
    assert list_folder(pets, table, column="lynx,wolf").votes["cat/b2.jpg"] == {"lynx": "0", "wolf": "0"}
    with pytest.raises(ValueError, match="gives several labels to 2 of 4 pictures"):
        list_folder(pets, table)


def test_no_column_of_the_same_name_is_lost(pets, tmp_path):
    found = read_table(written(tmp_path, lines("{p},{w},wolf,x,{p}", "path,label,label,label 2,path")))
    assert found.columns == {"label": [*RIGHT.values()], "label 3": ["wolf"] * 4, "label 2": ["x"] * 4}
    assert found.notes == ("another column is called label: it is label 3 now",)
    text = lines("{p},{w},wolf,{w},x,y", "path,label, label ,label,note,note")
    found = list_folder(pets, written(tmp_path, text), column="label,label 2,label 3")
    assert found.votes["dog/c3.jpg"] == {"label": "lynx", "label 2": "wolf", "label 3": "lynx"}
    assert {"another column is called note: it is note 2 now"} < set(found.notes)


def test_what_contradicts_or_is_empty_is_put_aside_and_counted(pets, tmp_path):
    table = written(tmp_path, lines("{p},{w}") + "cat/a1.jpg,wolf\n")
    found = list_folder(pets, table)
    assert found.paths == ("cat/b2.jpg", "dog/c3.jpg", "dog/d4.jpg")
    assert len(found.notes) == 1
    assert "passed over 1 as labelled twice, differently (first: cat/a1.jpg)" in found.notes
    table = written(tmp_path, lines("{p},{w}").replace("a1.jpg,lynx", "a1.jpg, ") + "cat/b2.jpg\n")
    found = list_folder(pets, table)
    assert found.paths == ("cat/b2.jpg", "dog/c3.jpg", "dog/d4.jpg")
    assert "passed over 1 as without a label in column label (first: cat/a1.jpg)" in found.notes


@pytest.mark.parametrize("word", ["none of these", "None of These", "unsure", "UNSURE", ""])
def test_what_a_review_says_of_a_picture_without_a_class_is_no_class(pets, tmp_path, word):
    table = written(tmp_path, lines("{p},{w}").replace("a1.jpg,lynx", f"a1.jpg,{word}"))
    found = list_folder(pets, table)
    assert (found.class_names, found.paths) == (("lynx", "wolf"), ("cat/b2.jpg", "dog/c3.jpg", "dog/d4.jpg"))
    reason = "that belong to no class" if "none" in word.lower() else "as without a label in column label"
    assert found.notes == (f"passed over 1 {reason} (first: cat/a1.jpg)",)
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    rows, _ = read_rows(tmp_path / "x.npy", table.rename(tmp_path / "t.csv"))
    assert (rows.class_names, rows.paths) == (("lynx", "wolf"), found.paths)
    assert rows.labels.tolist() == [1, 0, 1]


def test_a_class_that_is_called_like_an_answer_of_a_review_is_a_class():
    names = ("None of these", "unsure")
    assert class_numbers(["none of these", "Unsure", "unsure", ""], names, "t")[0] == [-1, -1, 1, -1]
    assert class_numbers(["None of these", "NONE OF THESE"], names, "t")[0] == [0, -1]


def test_annotators_may_say_that_a_picture_has_no_class(pets, tmp_path):
    text = lines("{p},{w},wolf,{w}", "image,annotator1,annotator2,annotator3")
    table = written(tmp_path, text.replace("a1.jpg,lynx,wolf", "a1.jpg,none of these,None of these"))
    assert listed(pets, table) == {path: word for path, word in RIGHT.items() if "a1" not in path}


ROWS = "".join(f"{path},{who},{word if who != 'bob' else 'lynx'}\n" for path, word in RIGHT.items() for who in
               ("ann", "bob", "cat"))  # fmt: skip
COLUMNS = lines("{p},{w},lynx,{w}", "image,annotator1,annotator2,annotator3")


@pytest.mark.parametrize("text", ["image,worker_id,answer\n" + ROWS, "image,annotator,label\n" + ROWS, COLUMNS])
def test_several_annotators_give_the_label_that_most_of_them_said(pets, tmp_path, text):
    found = list_folder(pets, written(tmp_path, text))
    assert {path: found.class_names[label] for path, label in zip(found.paths, found.labels, strict=True)} == RIGHT
    assert sorted(found.votes["cat/b2.jpg"].values()) == ["lynx", "wolf", "wolf"]


@pytest.mark.parametrize(
    ("answers", "votes"),
    [
        ([("", "lynx"), ("", "wolf"), ("", "lynx")], {"nameless 1": "lynx", "nameless 2": "wolf", "nameless 3": "lynx"}),
        ([("ann", "lynx"), ("ann", "wolf"), ("bob", "wolf"), ("cat", "lynx"), ("dan", "lynx")],
         {"bob": "wolf", "cat": "lynx", "dan": "lynx"}),
        ([("ann", "wolf"), ("ann", "lynx"), ("bob", "lynx"), ("cat", "lynx"), ("bob", "lynx")],
         {"bob": "lynx", "cat": "lynx"}),
        ([("ann", "wolf"), ("ann", "lynx"), ("bob", "lynx"), ("bob", "wolf")], None),
    ],
)  # fmt: skip
def test_each_row_without_a_name_is_a_person_and_who_contradicts_himself_does_not_count(tmp_path, answers, votes):
    text = "".join(f"cat/a1.jpg,{who},{word}\n" for who, word in answers)
    rest = "".join(f"cat/b2.jpg,{who},wolf\n" for who in ("ann", "bob"))
    for body in (text, "".join(reversed(text.splitlines(True)))):
        found = labelled(read_table(written(tmp_path, "path,annotator,label\n" + body + rest)), list(RIGHT))
        assert found.class_names[found.labels[0]] == "lynx" if votes else 0 not in found.labels
        assert sorted(found.votes.get(0, {}).values()) == sorted((votes or {}).values())
        said = "passed over 1 times an annotator who gave a picture several labels that others labelled" in found.notes
        assert said == (votes is not None and "nameless 1" not in votes)
    assert found.votes[1] == {"ann": "wolf", "bob": "wolf"}


def test_as_many_annotators_for_another_label_are_said(pets, tmp_path):
    rows = "a1,lynx,wolf\nb2,wolf,wolf\nc3,lynx,lynx\nd4,wolf,wolf\n"
    found = list_folder(pets, written(tmp_path, "image,annotator1,annotator2\n" + rows))
    said = "for 1 pictures as many said another label: theirs is the one that is more frequent elsewhere, or else the last in the alphabet"
    assert any(said in note for note in found.notes)
    assert found.class_names[found.labels[0]] == "wolf"


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"PK\x03\x04" + 26 * b"\0" + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument sheet"),
     (bytes.fromhex("d0cf11e0a1b11ae1"), "an Excel file of before 2007")],
)  # fmt: skip
def test_sheets_that_nothing_here_reads_get_true_advice(pets, tmp_path, start, kind):
    with pytest.raises(ValueError, match=f"is not a table that can be read .{kind}: save it as CSV"):
        list_folder(pets, written(tmp_path, start))


def test_columns_of_annotators_by_name(pets, tmp_path):
    table = written(tmp_path, lines("{p},{w},lynx,{w}", "image,mia,noa,zoe"))
    assert listed(pets, table, column="mia, noa, zoe") == RIGHT
    assert len(list_folder(pets, table, column="mia,noa,zoe").votes) == 4
    assert labelled(read_table(table), list(RIGHT), column="noa").votes == {}


@pytest.mark.parametrize(
    "text", ["<annotation><object><name>cat</name></object></annotation>", "<a><filename>cat/c1.jpg</filename></a>"]
)
def test_xml_that_names_no_picture_or_is_of_another_kind_is_not_read(tmp_path, text):
    with pytest.raises(ValueError, match="XML without pictures"):
        read_table(written(tmp_path, text))


def test_xml_that_could_grow_is_not_read(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE annotations [<!ENTITY b "c">]><annotations>&b;</annotations>'
    path = tmp_path / "t.xml"
    path.write_text(bomb, "utf-8")
    with pytest.raises(ValueError, match="XML with a document type"):
        read_table(path)


def test_names_that_are_not_utf8_are_written_and_found_again(tmp_path):
    name = os.fsdecode(b"cat/caf\xe9.jpg")
    try:
        picture(tmp_path / "pets" / name)
    except (OSError, UnicodeError):
        pytest.skip("this disk holds names in UTF-8 alone")
    picture(tmp_path / "pets" / "dog" / "\u72ac.jpg")
    files.write(tmp_path / "t.csv", f"path,label\n{name},wolf\ndog/\u72ac.jpg,lynx\n")
    assert b"caf\xe9" in (tmp_path / "t.csv").read_bytes()
    assert listed(tmp_path / "pets", tmp_path / "t.csv") == {name: "wolf", "dog/\u72ac.jpg": "lynx"}


def test_a_name_that_a_pipe_cannot_hold_ends_nothing(tmp_path):
    for name in ("\u732b", "hund"):
        picture(tmp_path / "own" / name / "1.png")
    command = [sys.executable, "-m", "gdw", "audit", str(tmp_path / "own"), "--features", "pixels"]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "cp1252"}, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"\\u732b has 1" in done.stderr
    assert b"Traceback" not in done.stderr
