"""What people have: files of numbers, arrays, tables, data sets of torch and Hugging Face. The same audit for all."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from PIL import Image

import gdw
from gdw.__main__ import main
from gdw.comparison.audit.audit import Plan
from gdw.data.given import as_dataset, labelled_rows, read_probs, read_rows, with_probs
from gdw.data.picture_labels import class_numbers
from gdw.errors import MissingPackage
from gdw.label_files import label_table
from gdw.label_files.columns import chosen_column
from gdw.label_files.numbers import of_frame, read_frame, words_of
from gdw.pictures.on_disk import OnDisk

COUNT, NAMES = 120, np.array(["ant", "bee", "cow"])


@pytest.fixture(scope="module")
def rows():
    """Three clouds of points, a tenth with a wrong label: points, labels, which are wrong."""
    random = np.random.default_rng(0)
    truth = np.arange(COUNT) % 3
    points = (np.eye(3, 8)[truth] * 4 + random.normal(size=(COUNT, 8))).astype(np.float32)
    wrong = np.arange(COUNT) % 10 == 0
    return points, np.where(wrong, (truth + 1) % 3, truth), wrong


def finds(found, wrong):
    """Whether most of the first suspects are wrong labels."""
    return wrong[found.table.index[: wrong.sum()]].mean() > 0.8


@pytest.mark.parametrize("ending", ["npy", "csv"])
def test_files_of_numbers_with_a_table_of_labels(rows, tmp_path, ending, capsys):
    points, labels, wrong = rows
    if ending == "npy":
        np.save(tmp_path / "x.npy", points)
    else:
        pd.DataFrame(points).to_csv(tmp_path / "x.csv", index=False)
    table = pd.DataFrame({"id": [f"t{place}" for place in range(COUNT)], "label": NAMES[labels], "note": "new"})
    table.to_csv(tmp_path / "l.csv", index=False)
    data, _ = read_rows(tmp_path / f"x.{ending}", tmp_path / "l.csv")
    assert isinstance(data.images, OnDisk) == (ending == "npy")  # mapped, not read
    assert data.class_names == tuple(NAMES)
    asked = ["audit", "--embeddings", str(tmp_path / f"x.{ending}"), "--labels", str(tmp_path / "l.csv"), "--csv"]
    assert main([*asked, str(tmp_path / "s.csv")]) == 0
    first = pd.read_csv(tmp_path / "s.csv")["path"].head(int(wrong.sum()))
    assert np.mean([wrong[int(name[1:])] for name in first]) > 0.8
    assert main(asked[:3]) == 2
    assert "needs --labels FILE: one label for each row" in capsys.readouterr().err
    assert main(["audit"]) == 2
    assert "give a folder of pictures, or --embeddings FILE" in capsys.readouterr().err


def test_probabilities_of_ones_own(rows, tmp_path, capsys):
    _, labels, wrong = rows
    probs = np.full((COUNT, 3), 0.05)
    probs[np.arange(COUNT), np.arange(COUNT) % 3] = 0.9
    np.save(tmp_path / "p.npy", probs)
    np.save(tmp_path / "l.npy", labels)
    asked = ["audit", "--pred-probs", str(tmp_path / "p.npy"), "--labels", str(tmp_path / "l.npy")]
    assert main([*asked, "--csv", str(tmp_path / "s.csv")]) == 0
    assert wrong[pd.read_csv(tmp_path / "s.csv")["path"].head(int(wrong.sum()))].all()
    assert finds(gdw.audit(rows[0], observed=labels, pred_probs=probs, ranking="self-confidence"), wrong)
    words = ["none of these", "unsure", "", *NAMES[labels[3:]]]
    (tmp_path / "l.csv").write_text("id,label\n" + "".join(f"t{n},{word}\n" for n, word in enumerate(words)), "utf-8")
    assert main([*asked[:-1], str(tmp_path / "l.csv"), "--csv", str(tmp_path / "s.csv")]) == 0
    assert set(pd.read_csv(tmp_path / "s.csv")["path"]) == {f"t{place}" for place in range(3, COUNT)}
    assert len(gdw.audit(rows[0], observed=words, pred_probs=probs, ranking="self-confidence").table) == COUNT - 3
    np.save(tmp_path / "p.npy", probs * 2)
    assert main(asked) == 2
    assert "rows of numbers from 0 that sum to 1" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"pred_probs must be \[rows, classes\] \(120, 3\)"):
        gdw.audit(rows[0], observed=labels, pred_probs=probs[:, :2])


def test_arrays_tensors_and_tables_of_numbers(rows):
    points, labels, wrong = rows
    for data in (points, torch.from_numpy(points), pd.DataFrame(points), points.tolist()):
        assert finds(gdw.audit(data, observed=NAMES[labels]), wrong)


@pytest.mark.parametrize(("shape", "stays"), [((COUNT, 8), True), ((COUNT, 8, 8), False)])
def test_a_mapped_matrix_stays_in_its_file(tmp_path, shape, stays):
    values = np.arange(np.prod(shape)).reshape(shape)
    np.save(tmp_path / "x.npy", values.astype(np.float32 if stays else np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    images = as_dataset(mapped, np.arange(COUNT) % 3).images
    assert isinstance(images, OnDisk) == stays
    assert np.array_equal((images.read() if stays else images[:, 0]).numpy(), np.asarray(mapped))


def test_places_are_those_of_the_rows_that_were_given_whatever_has_no_label(rows):
    points, labels, wrong = rows
    words = [None, "", *NAMES[labels[2:]]]
    found = gdw.audit(points, {COUNT - 1: "ant", 5: "cow"}, observed=words, ranking="self-confidence")
    assert sorted(found.table.index) == list(range(2, COUNT))
    assert found.table["path"].tolist() == list(map(str, found.table.index))
    assert found.table.loc[[5, COUNT - 1], "label"].tolist() == ["cow", "ant"]
    assert finds(found, wrong)


@pytest.mark.parametrize("labels", ["npy", "csv"])
def test_what_a_person_writes_into_the_table_of_rows_without_names_comes_back(rows, tmp_path, labels):
    np.save(tmp_path / "x.npy", rows[0])
    np.save(tmp_path / "l.npy", rows[1])
    (tmp_path / "l.csv").write_text("\n".join(["label", *NAMES[rows[1]], ""]), "utf-8")
    asked = ["audit", "--embeddings", str(tmp_path / "x.npy"), "--labels", str(tmp_path / f"l.{labels}")]
    csv = tmp_path / "s.csv"
    assert main([*asked, "--csv", str(csv)]) == 0
    table = pd.read_csv(csv, dtype=str, keep_default_na=False).set_index("path")
    table.loc["7", "label"] = table.loc["8", "observed"]
    table.to_csv(csv.with_name("mine.csv"))
    csv.write_text(csv.with_name("mine.csv").read_text("utf-8"), "utf-8")
    assert main([*asked, "--confirmed", str(csv), "--csv", str(csv)]) == 0
    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert table.loc[table["label"] != "", "path"].tolist() == ["7"]


@pytest.mark.parametrize("lost", ["a label", "a picture"])
def test_a_place_is_that_of_the_picture_and_of_its_row_also_where_others_are_left_out(monkeypatch, lost):
    pictures = np.random.default_rng(0).integers(256, size=(24, 3, 8, 8), dtype=np.uint8)
    words, known, all_of = [["cat", "dog"][place % 2] for place in range(24)], {9: "dog"}, Plan._described
    if lost == "a label":
        words[3] = None
    else:
        data, kept = as_dataset(pictures, words), np.delete(np.arange(24), 3)
        some = replace(data, images=data.images[kept], labels=data.labels[kept], paths=tuple(map(str, kept)))
        monkeypatch.setattr(
            Plan, "_described", lambda plan, _, progress: (*all_of(plan, some, progress)[:3], kept, {3: "junk"})
        )
        known |= {3: "cat"}
    found = gdw.audit(pictures, known, observed=words, features=None)
    assert sorted(found.table.index) == [place for place in range(24) if place != 3 or lost == "a picture"]
    for place, row in found.table.iterrows():
        assert (row["path"], row["observed"]) == (str(place), words[place])
        np.testing.assert_array_equal(found.pictures[place], pictures[place])
    assert found.table["label"][found.table["label"] != ""].to_dict() == known


@pytest.fixture
def pets(tmp_path):
    for place in range(24):
        path = tmp_path / "pets" / ("cat", "dog")[place % 2] / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (10 * place, 100 * (place % 2), 0)).save(path)
    return tmp_path / "pets"


def test_image_folders_torch_and_hugging_face_data_sets(pets):
    from torchvision.datasets import ImageFolder

    folder = ImageFolder(pets)
    pairs = [folder[place] for place in range(len(folder))]
    columns = {"image": [picture for picture, _ in pairs], "label": [label for _, label in pairs]}
    theirs = hugging_face(["cat", "dog"], **columns)
    expected = gdw.load_dataset(pets)
    for data in (folder, pairs_of(pairs), theirs):
        found = as_dataset(data)
        assert isinstance(found.images, OnDisk)
        assert torch.equal(found.images.read(), expected.images)
        assert torch.equal(found.labels, expected.labels)
        assert len(gdw.audit(data, features=None).table) == len(pairs)
    assert as_dataset(folder).class_names == as_dataset(theirs).class_names == ("cat", "dog")


def test_pictures_of_16_bits_are_scaled_by_their_range():
    shades = np.array([[0, 257 * 51], [257 * 204, 65535]], np.uint16)
    pairs = [(Image.fromarray(np.roll(shades, place)), place % 2) for place in range(8)]
    found = as_dataset(pairs_of(pairs)).images.read()
    assert found[0, 0].tolist() == [[0, 51], [204, 255]]


def test_pictures_of_items_are_those_of_arrays_and_folders(tmp_path):
    shades = np.random.default_rng(0).integers(0, 256, (8, 20, 30, 3), np.uint8)
    labels = [0, 1] * 4
    expected = as_dataset(shades, labels).images
    for form in (list(shades), [Image.fromarray(one) for one in shades], [one.transpose(2, 0, 1) for one in shades]):
        found = as_dataset(pairs_of(list(zip(form, labels, strict=True)))).images
        assert torch.equal(found.in_memory(), expected)
    shades.setflags(write=False)  # as Hugging Face's are
    grey = as_dataset(pairs_of(list(zip(shades[..., 0], labels, strict=True)))).images
    assert torch.equal(grey.in_memory(), expected[:, :1])
    exif = Image.Exif()
    exif[274] = 6
    for place, one in enumerate(shades):
        Image.fromarray(one).save(tmp_path / f"{place}.png", exif=exif)
    turned = [(Image.open(tmp_path / f"{place}.png"), label) for place, label in enumerate(labels)]
    assert torch.equal(as_dataset(pairs_of(turned)).images.in_memory(), expected.rot90(-1, (2, 3)))
    for shape in ((16, 1, 1), (5, 1, 4), (5, 3, 3)):  # real numbers are as the model takes them
        items = [(torch.randn(shape), place % 2) for place in range(8)]
        assert torch.equal(as_dataset(pairs_of(items)).images.in_memory()[3], items[3][0])
    masks = as_dataset(shades[..., 0] > 100, labels).images
    assert masks.unique().tolist() == [0, 255]
    assert as_dataset(shades[:, 0, :, 0] > 100, labels).images.unique().tolist() == [0, 1]  # a table of yes and no


def test_labels_are_those_of_the_items_whatever_the_targets_are(pets):
    from torchvision.datasets import ImageFolder

    pairs = pairs_of([(torch.zeros(3), place // 2 % 2) for place in range(12)])
    for targets in ([place // 2 % 2 for place in range(12)], [*range(12)]):
        pairs.targets = targets
        assert as_dataset(pairs).labels.tolist() == [place // 2 % 2 for place in range(12)]
        assert as_dataset(pairs, [0, 1] * 6).labels.tolist() == [0, 1] * 6
    pairs.targets = pd.Series([("cat", "dog")[place // 2 % 2] for place in range(12)], index=range(100, 112))
    assert as_dataset(pairs).class_names == ("cat", "dog")  # they stand for the items' numbers, one for one
    alone = pairs_of([torch.arange(3.0) + place for place in range(12)])
    alone.targets = [0, 1] * 6
    assert as_dataset(alone).labels.tolist() == [0, 1] * 6
    several = pairs_of([(torch.zeros(3), (place % 2, 7)) for place in range(12)])
    several.targets = [0, 1] * 6
    assert as_dataset(several).labels.tolist() == [0, 1] * 6
    for shift in (0, 10):
        (pets / f"owl{shift}").mkdir()
        Image.new("RGB", (8, 8), (shift, 5, 5)).save(pets / f"owl{shift}" / "1.png")
    folder = ImageFolder(pets, target_transform=lambda label: min(label, 2))
    assert as_dataset(folder).labels.tolist() == [label for _, label in folder]
    assert len(as_dataset(folder).class_names) == 3
    assert as_dataset(ImageFolder(pets, target_transform=lambda label: 3 - label)).class_names[0] == "cat"


def pairs_of(pairs):
    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return len(pairs)

        def __getitem__(self, place):
            return pairs[place]

    return Pairs()


@pytest.mark.parametrize("labels", [[[1, 0, 1], [0, 1, 0]], [["a", "b"], ["c"]], ["a|b", "a", "b"], ["a;b", "b", "a"]])
def test_several_classes_for_a_row_are_refused_in_one_sentence(labels):
    with pytest.raises(ValueError, match="several classes for one row .*: an audit needs exactly one class each"):
        class_numbers(words_of(labels), None, "labels")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("label\ncat\n\ndog\n\ncat\n\n\n", ["cat", "", "dog", "", "cat"]),
        ('label\ncat\n""\ndog\n""\n', ["cat", "", "dog", ""]),  # as pandas writes a missing label
        ("\n,\nid,label\n1,cat\n,\n3,dog\n4\n,\n", ["cat", "", "dog", ""]),
        ("label\tid\ncat\t1\n\t\ndog\t3\n", ["cat", "", "dog"]),
    ],
)
def test_rows_in_the_order_of_another_file_keep_their_places(tmp_path, text, labels):
    (tmp_path / "l.csv").write_text(text, "utf-8")
    np.save(tmp_path / "x.npy", np.zeros((len(labels), 2), np.float32))
    found = read_rows(tmp_path / "x.npy", tmp_path / "l.csv")[0]
    assert [found.class_names[label] for label in found.labels] == [label for label in labels if label]
    assert isinstance(found.images, OnDisk)  # a matrix that may be larger than memory
    (tmp_path / "l.csv").write_text(text + "4,cat,extra\t2\t1\n", "utf-8")
    with pytest.raises(ValueError, match=r"l.csv is not a table .*row \d has more fields than the \d columns"):
        read_rows(tmp_path / "x.npy", tmp_path / "l.csv")


@pytest.mark.parametrize(("start", "module"), [(b"PK\x03\x04", "openpyxl"), (b"PAR1", "pyarrow")])
def test_without_what_reads_it_a_table_is_refused_with_advice(tmp_path, monkeypatch, start, module):
    file = tmp_path / "labels.parquet"
    file.write_bytes(start)
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    monkeypatch.setattr(label_table, "find_spec", lambda name: None)
    advice = f"labels.parquet needs the package {module}: pip install {module}, or save the table as CSV"
    for read in (lambda: label_table.read_table(file), lambda: read_rows(tmp_path / "x.npy", file)):
        with pytest.raises(MissingPackage, match=advice):
            read()


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_excel_and_parquet_where_pandas_can_read_them(tmp_path, ending):
    pytest.importorskip({"xlsx": "openpyxl", "parquet": "pyarrow"}[ending])
    table = pd.DataFrame({"Image Name": ["cat/1.png", "dog/2.png"], "Category": ["cat", "dog"], "score": [0.5, 1.0]})
    table.to_excel(tmp_path / "t.xlsx", index=False) if ending == "xlsx" else table.to_parquet(tmp_path / "t.parquet")
    found = label_table.read_table(tmp_path / f"t.{ending}")
    assert found.paths == ["cat/1.png", "dog/2.png"]
    assert chosen_column(found.columns, None, found.path) == "Category"
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    assert read_rows(tmp_path / "x.npy", tmp_path / f"t.{ending}")[0].labels.tolist() == [0, 1]


@pytest.mark.parametrize("names", [True, False])
def test_the_first_row_of_a_sheet_is_of_names_only_if_it_names_no_picture(tmp_path, monkeypatch, names):
    cells = pd.DataFrame([["Image Name", "Category"]] * names + [["cat/1.png", "cat"], ["dog/2.png", "dog"], ["", ""]])

    def read_excel(content, header, sheet_name, **_):
        assert header is sheet_name is None  # every sheet, and no row of it as names
        return {"Readme": pd.DataFrame([["made by ann", ""]]), "Labels": cells}

    monkeypatch.setattr(pd, "read_excel", read_excel)
    monkeypatch.setattr(label_table, "find_spec", lambda name: name)
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    found = label_table.read_table(tmp_path / "t.xlsx")
    assert (found.paths, *found.columns.values()) == (["cat/1.png", "dog/2.png"], ["cat", "dog"])
    assert list(found.columns) == ["Category" if names else "label"]


def test_labels_of_every_kind_and_rows_without_one(rows):
    assert class_numbers(words_of([2, 10, 1]), None, "labels") == ([1, 2, 0], ("1", "2", "10"))
    assert class_numbers(words_of([1.0, 2.0, float("nan")]), None, "labels")[0] == [0, 1, -1]
    assert words_of([[0, 1], [1, 0]]) == ["1", "0"]
    for given, words in (
        (pd.Series(["a", pd.NA], dtype="string"), ["a", ""]), (pd.Series([3, pd.NA], dtype="Int64"), ["3", ""]),
        (pd.Series(["a", None], dtype="category"), ["a", ""]), (np.array(["a", pd.NA, pd.NaT]), ["a", "", ""]),
        ([pd.NA, torch.tensor(2), torch.tensor(float("nan")), np.float32(2)], ["", "2", "", "2"]),
    ):  # fmt: skip
        assert words_of(given) == words
    for given in ([0, 1, -1, 0], torch.tensor([0, 1, -1, 0]), ["0", "1", "-100", "0"], [0.0, 1.0, -1.0, 0.0]):
        found = as_dataset(rows[0][:4], given)
        assert (found.class_names, found.labels.tolist(), found.paths) == (("0", "1"), [0, 1, 0], ("0", "1", "3"))
    assert as_dataset(rows[0][:4], [-1, 1, -1, 1]).labels.tolist() == [0, 1, 0, 1]  # as some give two classes
    assert class_numbers(["0", "-1", "1"], ("cat", "dog"), "labels")[0] == [0, -1, 1]
    assert class_numbers(["0", "-1", "1"], ("-1", "0", "1"), "labels")[0] == [1, 0, 2]
    found = as_dataset(rows[0][:4], ["a", "", "b", None])
    assert found.labels.tolist() == [0, 1]
    assert found.paths == ("0", "2")
    assert "passed over 2 rows without a label (first: 1)" in found.notes  # as in a table
    with pytest.raises(ValueError, match="4 rows but 3 labels"):
        as_dataset(rows[0][:4], ["a", "b", "a"])
    with pytest.raises(ValueError, match="data without labels"):
        as_dataset(rows[0])
    with pytest.raises(ValueError, match="an array, a pandas table, a torch Dataset or a Hugging Face dataset, got"):
        as_dataset(3)


@pytest.mark.parametrize("ending", ["npy", "csv", "parquet", "array", "frame"])
def test_rows_that_are_not_finite_are_passed_over_and_counted(rows, tmp_path, ending, capsys):
    points, labels = rows[0].astype(np.float64), rows[1].copy()
    labels[[70, 71]] = 3  # a class of two rows, and both are bad
    points[70, 3], points[71, 0], points[5, 7], points[9, 1] = np.nan, np.inf, 1e300, -np.inf
    names = np.array([*NAMES, "dab"])
    bad = [5, 9, 70, 71]
    frame = pd.DataFrame(points)
    frame.columns = [f"x{place}" for place in frame]
    said = "passed over 4 rows with a number that is not finite (first: t5)"
    if ending in ("array", "frame"):
        found = gdw.audit(points if ending == "array" else frame, observed=names[labels])
        assert sorted({*range(COUNT)} - {*found.table.index}) == bad
        assert said.replace("t5", "5") in found.notes
        probs = np.full((COUNT, 4), 0.25)
        again = gdw.audit(points, observed=names[labels], pred_probs=probs, ranking="self-confidence")
        np.testing.assert_allclose(again.table["score"], 2 / 3, atol=1e-6)
        return
    if ending == "npy":
        np.save(tmp_path / "x.npy", points)
    elif ending == "csv":
        frame.to_csv(tmp_path / "x.csv", index=False)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(tmp_path / "x.parquet")
    pd.DataFrame({"id": [f"t{n}" for n in range(COUNT)], "label": names[labels]}).to_csv(
        tmp_path / "l.csv", index=False
    )
    asked = ["audit", "--embeddings", str(tmp_path / f"x.{ending}"), "--labels", str(tmp_path / "l.csv"), "--csv"]
    assert main([*asked, str(tmp_path / "s.csv")]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert "put aside 1 classes that have no row: dab" in out
    assert sorted({*range(COUNT)} - {int(name[1:]) for name in pd.read_csv(tmp_path / "s.csv")["path"]}) == bad


def test_rows_of_which_none_is_finite_and_classes_that_are_small(rows, tmp_path, capsys):
    points, labels, _ = rows
    np.save(tmp_path / "x.npy", points * np.nan)
    pd.DataFrame({"label": NAMES[labels]}).to_csv(tmp_path / "l.csv", index=False)
    asked = ["audit", "--embeddings", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "l.csv")]
    assert main(asked) == 2
    assert (
        capsys.readouterr().err
        == "gdw: no row is left: passed over 120 rows with a number that is not finite (first: 0)\n"
    )
    np.save(tmp_path / "x.npy", points)
    pd.DataFrame({"label": ["typo", *NAMES[labels][1:]]}).to_csv(tmp_path / "l.csv", index=False)
    assert main([*asked, "--csv", str(tmp_path / "s.csv")]) == 0
    assert "put aside 1 classes with fewer than 5 training pictures: typo (1)" in capsys.readouterr().out
    first = pd.read_csv(tmp_path / "s.csv").iloc[0]
    assert (first["path"], first["observed"], first["reason"]) == (
        0,
        "typo",
        "its class has too few pictures for an audit",
    )


def hugging_face(names, **columns):
    """A data set of this interface, with a column of classes ``label``."""

    class HuggingFace(SimpleNamespace):
        def __len__(self):
            return len(columns["label"])

        def __getitem__(self, key):
            return columns[key] if isinstance(key, str) else {name: values[key] for name, values in columns.items()}

    features = {name: SimpleNamespace(names=names) if name == "label" else object() for name in columns}
    return HuggingFace(column_names=list(columns), features=features)


@pytest.mark.parametrize("way", ["Hugging Face", "pairs", "pictures", "points of two axes"])
def test_items_that_are_not_finite_are_passed_over_as_rows_are(rows, way):
    points, labels = torch.from_numpy(rows[0].copy()), rows[1].tolist()
    points[5, 7], points[64, 0] = np.nan, -np.inf
    wide = points.reshape(COUNT, 1, 2, 4)
    data = {
        "Hugging Face": lambda: hugging_face(NAMES.tolist(), x=points.tolist(), label=labels),
        "pairs": lambda: pairs_of(list(zip(points, labels, strict=True))),
        "pictures": lambda: pairs_of(list(zip(wide, labels, strict=True))),
        "points of two axes": lambda: wide.numpy(),
    }[way]()
    found, kept = labelled_rows(data, labels if way == "points of two axes" else None)
    assert np.flatnonzero(~kept).tolist() == [5, 64]
    assert found.notes == ("passed over 2 rows with a number that is not finite (first: 5)",)
    assert bool(found.images[:].to("cpu").isfinite().all())
    if way in ("Hugging Face", "pairs"):
        table = gdw.audit(data).table
        assert len(table) == COUNT - 2
        assert not table["score"].isna().any()


@pytest.mark.parametrize("unlabelled", [[], [4]])
def test_a_class_of_no_row_is_put_aside_whether_or_not_a_row_is_passed_over(rows, unlabelled):
    labels = rows[1] % 2 * 2
    labels[unlabelled] = -1
    found = as_dataset(hugging_face(NAMES.tolist(), x=rows[0].tolist(), label=labels.tolist()))
    assert (found.class_names, found.all_class_names) == (("ant", "cow"), tuple(NAMES))
    assert "put aside 1 classes that have no row: bee" in found.notes
    assert found.labels.tolist() == [label // 2 for label in labels.tolist() if label >= 0]
    labels[7] = 3
    with pytest.raises(ValueError, match=r"data: labels must lie in 0 \.\.\. 2, got 0 to 3"):
        as_dataset(hugging_face(NAMES.tolist(), x=rows[0].tolist(), label=labels.tolist()))


def test_probabilities_of_the_classes_that_are_left_will_do(rows):
    three = gdw.data.Dataset("points", NAMES, rows[0], rows[1])
    left, places = three.chosen({"": np.flatnonzero(rows[1] != 1)})
    assert (left.class_names, left.all_class_names) == (("ant", "cow"), tuple(NAMES))
    probs = np.random.default_rng(0).dirichlet([1, 1], len(places[""]))
    wide = np.insert(probs / 2, 1, 0.5, axis=1)
    tables = [gdw.audit(left, pred_probs=each, ranking="self-confidence").table for each in (probs, wide)]
    pd.testing.assert_frame_equal(*tables)
    with pytest.raises(ValueError, match=r"\(80, 3\) or \(80, 2\), in the order ant, bee, cow or ant, cow, got"):
        gdw.audit(left, pred_probs=np.full((80, 4), 0.25), ranking="self-confidence")


def embeddings(tmp_path, frame, labels, name="x.csv", **options):
    """The data set of rows in a CSV file with a table of labels."""
    frame.to_csv(tmp_path / name, **options)
    labels.to_csv(tmp_path / "l.csv", index=False)
    return read_rows(tmp_path / name, tmp_path / "l.csv")[0]


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, {}),  # pandas' index is its first column
        ({"index": False}, {"id": range(100, 100 - COUNT, -1)}),
        ({"index": False}, {"Unnamed: 0": range(COUNT)}),
        ({"index": False}, {"label": "labels"}),  # the labels themselves
        ({"index": False}, {"note": "words"}),
        ({"index": False, "sep": ";", "decimal": ","}, {}),
        ({"index": False, "header": False}, {}),
        ({"index": False, "name": "X.CSV"}, {}),
        ({"index": False, "sep": " "}, {}),
        ({"index": False, "encoding": "utf-16"}, {}),
    ],
)
def test_only_numbers_that_say_something_of_a_row_count(rows, tmp_path, options, more):
    points, numbers, _ = rows
    frame = pd.DataFrame(points, columns=[f"x{place}" for place in range(points.shape[1])])
    labels = pd.DataFrame({"label": numbers})
    for name, values in more.items():
        frame.insert(0, name, numbers if isinstance(values, str) and values == "labels" else values)
    found = embeddings(tmp_path, frame, labels, **options)
    np.testing.assert_allclose(found.images[:], points, rtol=1e-5)
    assert found.labels.tolist() == numbers.tolist()
    said = {"id": "numbers of the rows: id", "label": "the labels: label", "note": "words: note"}
    for name in more.keys() & said:
        assert f"left out 1 columns of {said[name]}" in found.notes
    if not options:
        assert "left out 1 columns of numbers of the rows: Unnamed: 0" in found.notes
    if more:
        from_python = as_dataset(frame, labels["label"])
        assert torch.equal(torch.as_tensor(from_python.images), torch.from_numpy(points))


def test_columns_of_yes_and_no_are_numbers():
    frame = pd.DataFrame(
        {"a": [0.5, 1.5, 2.5, 0.5], "b": [True, False, True, True], "c": pd.array([1, None, 5, 2], "Int64")}
    )
    found = as_dataset(frame, ["u", "v", "u", "v"])
    assert found.images.tolist() == [[0.5, 1, 1], [2.5, 1, 5], [0.5, 1, 2]]
    assert found.notes == ("passed over 1 rows with a number that is not finite (first: 1)",)


@pytest.mark.parametrize("name", ["path", "id"])
def test_rows_that_both_files_name_are_matched_by_name(rows, tmp_path, name):
    points, numbers, _ = rows
    called = [f"cat/{n}.jpg" if name == "path" else 1000 + n for n in range(COUNT)]
    frame, labels = pd.DataFrame(points).assign(**{name: called}), pd.DataFrame({name: called, "label": NAMES[numbers]})
    found = embeddings(tmp_path, frame, labels.sample(frac=1, random_state=0)[5:], index=False)
    lost = set(map(str, labels.sample(frac=1, random_state=0)[:5][name]))
    assert found.paths == tuple(str(one) for one in called if str(one) not in lost)
    kept = [n for n, one in enumerate(called) if str(one) not in lost]
    assert [found.class_names[label] for label in found.labels] == NAMES[numbers[kept]].tolist()
    assert "the labels are matched to the rows by their names; 5 rows have none" in found.notes


def test_rows_that_are_numbered_from_0_and_from_1_keep_their_order(rows, tmp_path):
    points, numbers, _ = rows
    frame, labels = pd.DataFrame(points), pd.DataFrame({"id": range(1, COUNT + 1), "label": NAMES[numbers]})
    found = embeddings(tmp_path, frame.assign(id=range(COUNT)), labels, index=False)
    assert [found.class_names[label] for label in found.labels] == NAMES[numbers].tolist()
    labels = labels[["label"]].mask(labels["id"] == 5)
    probs = pd.DataFrame(np.eye(3)[numbers] * 0.7 + 0.1).assign(id=range(1, COUNT + 1))
    probs.to_csv(tmp_path / "p.csv", index=False)
    labels.to_csv(tmp_path / "l.csv", index=False)
    asked = ["audit", "--pred-probs", str(tmp_path / "p.csv"), "--labels", str(tmp_path / "l.csv"), "--csv"]
    assert main([*asked, str(tmp_path / "s.csv")]) == 0
    table = pd.read_csv(tmp_path / "s.csv")
    assert table["score"].tolist() == [0.2] * (COUNT - 1)
    assert sorted(table["path"]) == [n for n in range(COUNT) if n != 4]


@pytest.mark.parametrize("called", ["{}", "p({})"])
def test_columns_of_probabilities_are_known_by_their_names(rows, tmp_path, called):
    points, numbers, _ = rows
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], COUNT)
    expected = gdw.audit(points, observed=NAMES[numbers], pred_probs=probs, ranking="self-confidence").table
    frame = pd.DataFrame(probs, columns=[called.format(name) for name in NAMES]).iloc[:, ::-1]
    found = gdw.audit(points, observed=NAMES[numbers], pred_probs=frame, ranking="self-confidence").table
    pd.testing.assert_frame_equal(found, expected)
    data, every = as_dataset(points, NAMES[numbers]), np.ones(COUNT, bool)
    for form in ("prob_{}", "{} (share)", "P({})"):
        same = frame.set_axis([form.format(name.upper()) for name in NAMES[::-1]], axis=1)
        left, _, given = with_probs(data, every, same)
        assert (left.notes, given.tolist()) == ((), probs.tolist())
    left, _, given = with_probs(data, every, frame.set_axis(list("zyx"), axis=1))
    assert left.notes == ("the columns of pred_probs are taken in the order of the classes: z = ant, y = bee, x = cow",)
    frame.insert(0, "path", [f"{n}.png" for n in range(COUNT)])
    frame.insert(1, "predicted", "ant")
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "p.csv")
    pd.DataFrame({"path": frame["path"], "label": NAMES[numbers]}).to_csv(tmp_path / "l.csv", index=False)
    asked = ["audit", "--pred-probs", str(tmp_path / "p.csv"), "--labels", str(tmp_path / "l.csv"), "--csv"]
    assert main([*asked, str(tmp_path / "s.csv")]) == 0
    table = pd.read_csv(tmp_path / "s.csv")
    assert dict(zip(table["path"], table["score"], strict=True)) == {
        f"{n}.png": score for n, score in expected["score"].items()
    }
    with pytest.raises(ValueError, match="pred_probs has no column of class bee"):
        gdw.audit(points, observed=NAMES[numbers], pred_probs=frame.drop(columns=called.format("bee")))


def test_an_index_in_another_order_is_refused(rows):
    points, numbers, _ = rows
    frame, labels = pd.DataFrame(points), pd.Series(NAMES[numbers])
    mixed = frame.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="the labels have the index of data in another order: give .loc"):
        as_dataset(mixed, labels)
    probs = pd.DataFrame(np.full((COUNT, 3), 1 / 3))
    with pytest.raises(ValueError, match="pred_probs have the index of data in another order"):
        gdw.audit(mixed, observed=labels[mixed.index], pred_probs=probs)
    assert as_dataset(mixed, labels[mixed.index]).paths == tuple(map(str, mixed.index))
    assert as_dataset(mixed, labels.to_numpy()).labels.tolist() == numbers.tolist()


def test_labels_in_a_column_as_bytes_and_without_a_name(rows, tmp_path):
    points, numbers, _ = rows
    for given in (
        numbers[:, None],
        numbers[:, None].tolist(),
        pd.DataFrame(numbers),
        torch.from_numpy(numbers)[:, None],
    ):
        assert as_dataset(points, given).labels.tolist() == numbers.tolist()
    assert as_dataset(points, NAMES[numbers].astype("S")).class_names == tuple(NAMES)
    np.savetxt(tmp_path / "x.csv", points, delimiter=",")
    np.savetxt(tmp_path / "l.txt", NAMES[numbers], fmt="%s")  # no file has a row of names
    found = read_rows(tmp_path / "x.csv", tmp_path / "l.txt")[0]
    assert [found.class_names[label] for label in found.labels] == NAMES[numbers].tolist()
    np.testing.assert_allclose(found.images[:], points, rtol=1e-5)


def test_items_with_names_parts_of_data_sets_and_labels_that_are_missing(rows):
    points, numbers = torch.from_numpy(rows[0]), rows[1].tolist()
    named = pairs_of([{"id": 7, "x": x, "label": y} for x, y in zip(points, numbers, strict=True)])
    assert torch.equal(as_dataset(named).images[:].to("cpu"), points)
    whole = pairs_of(list(zip(points, numbers, strict=True)))
    whole.classes = NAMES.tolist()
    assert as_dataset(torch.utils.data.Subset(whole, range(60))).class_names == tuple(NAMES)
    theirs = hugging_face(NAMES.tolist(), score=[0.5] * COUNT, x=points.tolist(), label=[None, *numbers[1:]])
    found = as_dataset(theirs)
    assert found.notes == ("passed over 1 rows without a label (first: 0)",)
    assert found.images.shape[1:] == points.shape[1:]
    with pytest.raises(ValueError, match="data is a dictionary of train, test: give one of them"):
        as_dataset({"train": theirs, "test": theirs})


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_probabilities_in_short_numbers_and_rows_of_which_one_is_not_finite(rows, kind):
    points, numbers, _ = rows
    probs = (np.eye(3)[numbers] * 0.9 + 0.1 / 3).astype(kind)
    every = gdw.audit(points, observed=NAMES[numbers], pred_probs=probs, ranking="self-confidence").table
    probs[[3, 40]] = np.nan
    found = gdw.audit(points, {50: "ant"}, observed=NAMES[numbers], pred_probs=probs, ranking="self-confidence")
    assert sorted(found.table.index) == [n for n in range(COUNT) if n not in (3, 40)]
    assert found.table.loc[50, "label"] == "ant"
    assert found.table["path"].tolist() == list(map(str, found.table.index))
    assert "passed over 2 rows with a probability that is not finite (first: 3)" in found.notes
    others = found.table.index.drop(50)
    pd.testing.assert_series_equal(found.table.loc[others, "score"], every.loc[others, "score"])


def test_labels_as_pandas_has_them_and_whole_numbers(rows):
    points, numbers, _ = rows
    frame = pd.DataFrame(points).assign(species=NAMES[numbers])
    expected = as_dataset(points, NAMES[numbers]).labels.tolist()
    for data, labels in (
        (frame, "species"), (frame, frame["species"]), (points, pd.get_dummies(frame["species"])),
        (frame.drop(columns="species").set_index([numbers, np.arange(COUNT)]), frame["species"]),
    ):  # fmt: skip
        found = as_dataset(data, labels)
        assert (found.class_names, found.labels.tolist(), found.images.shape) == (tuple(NAMES), expected, points.shape)
    with pytest.raises(ValueError, match="labels must be one for each row, in their order, got a dictionary"):
        as_dataset(points, dict(enumerate(numbers)))
    whole = (points * 1000).astype(np.int64)
    for data in (whole, torch.from_numpy(whole)):
        assert as_dataset(data, numbers).images.tolist() == whole.tolist()


def classes_of(found):
    return [found.class_names[label] for label in found.labels]


@pytest.mark.parametrize("order", ["same", "mixed"])
def test_probabilities_are_those_of_the_same_id_also_where_a_label_is_blank(rows, tmp_path, order):
    numbers, ids = rows[1], np.arange(1000, 1000 + COUNT)
    labels = pd.DataFrame({"id": ids, "label": NAMES[numbers]})
    labels.loc[4, "label"] = None
    labels.to_csv(tmp_path / "l.csv", index=False)
    probs = pd.DataFrame(np.eye(3)[numbers] * 0.7 + 0.1, columns=NAMES).assign(id=ids)
    (probs if order == "same" else probs.sample(frac=1, random_state=0)).to_csv(tmp_path / "p.csv", index=False)
    np.save(tmp_path / "x.npy", rows[0])
    data, kept = read_rows(tmp_path / "x.npy", tmp_path / "l.csv")
    found = with_probs(data, kept, read_probs(tmp_path / "p.csv", data, kept))[2]
    assert [NAMES[place] for place in found.argmax(1)] == classes_of(data)
    probs.assign(id=[f"s{n}" for n in ids]).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(ValueError, match="it calls its own first one s1000. If both have one order, leave out"):
        read_probs(tmp_path / "p.csv", data, kept)


@pytest.mark.parametrize(
    ("theirs", "names", "matched"),
    [
        (range(1000, 1012), [*range(1011, 1000, -1), 2000], True),  # one differs
        (["p1.left", "p1.right", "Ab", "p2"], ["p1.left", "p2", "aB", "p3"], True),
        (range(12), [f"{n}.jpg" for n in range(1, 13)], False),  # counted in two ways
        (range(1, 13), [f"{n}.jpg" for n in range(12, 0, -1)], True),
        (["007", "010", "003", "001"], ["010", "001", "003", "007"], True),
        ([f"s_{n}" for n in range(4)], [f"s_{n}.jpg" for n in (3, 1, 0)] + ["s_9.jpg"], True),
        (range(5, 17), range(100, 112), False),
    ],
)
def test_only_the_same_name_is_the_same_row(rows, tmp_path, theirs, names, matched):
    words = [f"{'uv'[place % 2]}" for place in range(len(names))]
    frame = pd.DataFrame(rows[0][: len(theirs)]).assign(name=list(theirs))
    found = embeddings(tmp_path, frame, pd.DataFrame({"name": list(names), "label": words}), index=False)
    if not matched:
        assert classes_of(found) == words
        return
    by_name = {str(name).removesuffix(".jpg"): word for name, word in zip(names, words, strict=True)}
    kept = [str(name) for name in theirs if str(name) in by_name]
    assert classes_of(found) == [by_name[name] for name in kept]
    assert [name.lstrip("0") for name in found.paths] == [name.lstrip("0") for name in kept]


@pytest.mark.parametrize("name", ["sample", "customer", ""])
def test_a_column_of_one_name_in_both_files_names_the_rows(rows, tmp_path, name):
    points, numbers, _ = rows
    keys = [f"GSM{n}" if name != "customer" else n + 7 for n in range(COUNT)]
    labels = pd.DataFrame({name: keys, "label": NAMES[numbers]})
    frame = pd.DataFrame(points).assign(**{name: keys})[[name, *range(8)]].sample(frac=1, random_state=0)
    found = embeddings(tmp_path, frame, labels, index=False)
    assert classes_of(found) == NAMES[numbers][frame.index].tolist()
    assert (found.images.shape, found.paths) == (points.shape, tuple(map(str, frame[name])))
    probs = pd.DataFrame(np.eye(3)[numbers], columns=[*NAMES]).assign(**{name: keys}).sample(frac=1, random_state=1)
    probs.to_csv(tmp_path / "p.csv", index=False)
    given = with_probs(found, np.ones(COUNT, bool), read_probs(tmp_path / "p.csv", found))[2]
    assert given.argmax(1).tolist() == found.labels.tolist()


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [("id", "sample_id"), ("sample", "id"), ("id", "Patient no."), ("", "who"), ("who", ""), ("serial", "number")],
)
def test_columns_of_other_names_with_the_same_words_or_numbers_name_the_rows(rows, tmp_path, mine, theirs):
    points, numbers, _ = rows
    keys = [3 * n + 500 if mine == "serial" else f"P{n}" for n in range(COUNT)]
    frame, labels = pd.DataFrame(points), pd.DataFrame({theirs: keys, "label": NAMES[numbers]})
    frame.insert(0, mine, keys)
    found = embeddings(tmp_path, frame, labels.sample(frac=1, random_state=0), index=False)
    assert (found.images.shape, classes_of(found)) == (points.shape, NAMES[numbers].tolist())
    assert "the labels are matched to the rows by their names" in found.notes


def test_columns_of_other_names_that_count_are_no_names(rows, tmp_path):
    points, numbers, _ = rows
    frame = pd.DataFrame(points).assign(order=np.random.default_rng(0).permutation(COUNT) + 1)
    labels = pd.DataFrame({"nr": range(1, COUNT + 1), "label": NAMES[numbers]})
    found = embeddings(tmp_path, frame, labels, index=False)
    assert (found.images.shape, classes_of(found)) == ((COUNT, points.shape[1] + 1), NAMES[numbers].tolist())


@pytest.mark.parametrize("name", ["id", "sample"])
@pytest.mark.parametrize("twice", ["in the rows", "in the labels", "all in both"])
def test_a_name_of_several_rows_is_refused_where_the_order_is_another(rows, tmp_path, name, twice):
    points, numbers, _ = rows
    mine = [f"s{n // 2}" if twice == "all in both" else f"s{n}" for n in range(COUNT)]
    theirs = [*mine]
    (theirs if twice == "in the labels" else mine)[7] = "s6" if "all" not in twice else mine[7]
    frame = pd.DataFrame(points).assign(**{name: mine})
    labels = pd.DataFrame({name: theirs, "label": NAMES[numbers]})
    with pytest.raises(ValueError, match=rf"several rows may have one name \(such as s\d+\), and column {name} is in"):
        embeddings(tmp_path, frame, labels[::-1], index=False)
    frame[name] = theirs  # the same names in the same order: nothing is unclear
    assert classes_of(embeddings(tmp_path, frame, labels, index=False)) == NAMES[numbers].tolist()
    (tmp_path / "p.csv").write_text(
        pd.DataFrame(np.eye(3)[numbers], columns=NAMES).assign(**{name: mine})[::-1].to_csv(index=False), "utf-8"
    )
    data = replace(as_dataset(points, NAMES[numbers]), paths=tuple(f"s{n}" for n in range(COUNT)))
    if twice == "in the rows":
        with pytest.raises(ValueError, match="several rows may have one name"):
            read_probs(tmp_path / "p.csv", data)


def test_columns_that_repeat_words_name_no_rows(rows, tmp_path):
    points, numbers, _ = rows
    frame = pd.DataFrame(points).assign(site=["north", "south"] * (COUNT // 2), age=numbers + 40)
    labels = pd.DataFrame({"site": ["south", *["north"] * (COUNT - 1)], "age": 40, "label": NAMES[numbers]})
    assert classes_of(embeddings(tmp_path, frame, labels, index=False)) == NAMES[numbers].tolist()


@pytest.mark.parametrize("counts", ["the rows", "the labels"])
def test_an_index_that_is_in_order_in_one_file_alone_is_said(rows, tmp_path, counts):
    points, numbers, _ = rows
    mixed = np.random.default_rng(0).permutation(COUNT)
    frame = pd.DataFrame(points, index=None if counts == "the rows" else mixed)
    labels = pd.DataFrame({"label": NAMES[numbers]}, index=mixed if counts == "the rows" else None).reset_index()
    found = embeddings(tmp_path, frame, labels.rename(columns={"index": ""}))
    assert classes_of(found) == NAMES[numbers].tolist()
    assert "the labels are matched to the rows by their order: column Unnamed: 0 calls them differently" in found.notes


def test_names_of_the_rows_as_r_writes_them(rows, tmp_path):
    points, numbers, _ = rows
    text = '"a","b"\n' + "".join(f'"r{n}",{x},{y}\n' for n, (x, y) in enumerate(points[:, :2].tolist()))
    labels = pd.DataFrame({"who": [f"r{n}" for n in range(COUNT)], "label": NAMES[numbers]})[::-1]
    labels.to_csv(tmp_path / "l.csv", index=False)
    for form in (text, text.replace('"', ""), text.replace(",", " "), text.replace(",", ";").replace(".", ",")):
        (tmp_path / "x.csv").write_text(form, "utf-8")
        found = read_rows(tmp_path / "x.csv", tmp_path / "l.csv")[0]
        np.testing.assert_allclose(found.images[:], points[:, :2], rtol=1e-5)
        assert classes_of(found) == NAMES[numbers].tolist()
    for index in (range(COUNT), range(10, 10 + 3 * COUNT, 3)):  # and pandas, where it is told to
        pd.DataFrame(points[:, :2], index=index).to_csv(tmp_path / "x.csv", index_label=False)
        np.testing.assert_allclose(of_frame(read_frame(tmp_path / "x.csv"))[0], points[:, :2], rtol=1e-5)
    words = "".join(f'"{n}" {x} {y} "r {n}"\n' for n, (x, y) in enumerate(points[:, :2].tolist()))
    (tmp_path / "x.csv").write_text('"x" "y" "sp"\n' + words, "utf-8")
    np.testing.assert_allclose(of_frame(read_frame(tmp_path / "x.csv"))[0], points[:, :2], rtol=1e-5)


def test_of_several_columns_that_may_name_the_rows_the_one_in_order_counts(rows, tmp_path):
    points, numbers, _ = rows
    for form in ("u{}", "{}"):
        users = [form.format(1000 + 7 * n) for n in range(COUNT)]
        frame = pd.DataFrame(points).assign(user=users, partner=users[1:] + users[:1])
        labels = pd.DataFrame({"who": users, "label": NAMES[numbers]})
        assert classes_of(embeddings(tmp_path, frame, labels, index=False)) == NAMES[numbers].tolist()
        with pytest.raises(ValueError, match=r"named by several columns \(user, partner\): call the right one id"):
            embeddings(tmp_path, frame, labels[::-1], index=False)


def test_a_column_with_blanks_in_the_same_order_is_the_same_order(rows, tmp_path):
    points, numbers, _ = rows
    titles = [None if n in (3, 9) else "t0" if n == 5 else f"t{n}" for n in range(COUNT)]
    frame, labels = pd.DataFrame(points).assign(title=titles), pd.DataFrame({"title": titles, "label": NAMES[numbers]})
    assert classes_of(embeddings(tmp_path, frame, labels, index=False)) == NAMES[numbers].tolist()


def test_an_index_in_another_order_beside_one_that_counts_is_no_name(rows, tmp_path):
    points, numbers, _ = rows
    mixed = pd.DataFrame(points).sample(frac=1, random_state=0)
    found = embeddings(tmp_path, mixed, pd.DataFrame({"label": NAMES[numbers[mixed.index]]}))
    assert classes_of(found) == NAMES[numbers[mixed.index]].tolist()
    assert found.images.shape == points.shape


@pytest.mark.parametrize(
    ("name", "form", "other"),
    [("sample", "GSM{}", "GSM{}"), ("sample", "{}", "{}"), ("Sample", "{}", "{:05}"), ("sample", "{}.0", "{:05}")],
)
def test_names_of_rows_in_one_order_count_for_probabilities_in_another(rows, tmp_path, name, form, other):
    points, numbers, _ = rows
    ids = np.random.default_rng(0).permutation(COUNT) + 7
    frame = pd.DataFrame(points).assign(**{name: [*map(form.format, ids)]})
    labels = pd.DataFrame({"sample": [*map(other.format, ids)], "label": NAMES[numbers]})
    probs = labels.assign(**dict(zip(NAMES, np.eye(3)[numbers].T, strict=True))).drop(columns="label")
    probs.sample(frac=1, random_state=1).to_csv(tmp_path / "p.csv", index=False)
    for order in (labels, labels.sample(frac=1, random_state=2)):
        found = embeddings(tmp_path, frame, order, index=False)
        assert (found.images.shape, classes_of(found)) == (points.shape, NAMES[numbers].tolist())
        assert f"the rows are named by column {name}, which is no feature" in found.notes
        given = with_probs(found, np.ones(COUNT, bool), read_probs(tmp_path / "p.csv", found))[2]
        assert given.argmax(1).tolist() == numbers.tolist()


def test_names_of_the_rows_alone_are_those_of_the_data(rows, tmp_path):
    points, numbers, _ = rows
    ids = np.random.default_rng(0).permutation(COUNT) + 7
    found = embeddings(tmp_path, pd.DataFrame(points).assign(id=ids), pd.DataFrame({"label": numbers}), index=False)
    assert found.paths == tuple(map(str, ids))


def test_data_without_numbers_are_refused(rows):
    points, numbers, _ = rows
    with pytest.raises(ValueError, match="there is no column of numbers among emb, label"):
        as_dataset(pd.DataFrame({"emb": [*points], "label": numbers.astype(str)}), "label")
    with pytest.raises(ValueError, match="data is a sparse matrix: give its .toarray"):
        as_dataset(scipy.sparse.csr_matrix(points), numbers)
    masked = np.ma.masked_array(points, mask=np.arange(COUNT)[:, None] == [3] * 8)
    assert as_dataset(masked, numbers).notes == ("passed over 1 rows with a number that is not finite (first: 3)",)
    assert as_dataset(np.ma.array(np.zeros((COUNT, 8, 8), np.uint8)), numbers).images.dtype == torch.uint8
    given = np.ma.masked_array(numbers, mask=np.arange(COUNT) < 5)
    assert as_dataset(points, given).notes == ("passed over 5 rows without a label (first: 0)",)
    with pytest.raises(ValueError, match="several classes for one row"):
        as_dataset(points, [{0, 1}, *({number} for number in numbers[1:])])
    assert as_dataset(points, pd.Series([{name} for name in NAMES[numbers]])).class_names == tuple(NAMES)


def test_two_rows_of_one_picture_and_an_index_of_other_rows_are_refused(rows, tmp_path):
    frame = pd.DataFrame(rows[0][:4]).assign(path=["a/Ab.jpg", "a/aB.jpg", "c.jpg", "d.jpg"])
    labels = pd.DataFrame({"path": ["ab.jpg", "c.jpg", "d.jpg", "e.jpg"], "label": list("uvuv")})
    with pytest.raises(ValueError, match=r"several rows may have one name \(such as a/Ab.jpg\)"):
        embeddings(tmp_path, frame, labels, index=False)
    labels = pd.DataFrame({"id": [4, 3, 2, 1], "label": list("uvuv")})
    with pytest.raises(ValueError, match="numbered from 0 in one file and from 1 in another"):
        embeddings(tmp_path, frame.drop(columns="path").assign(id=range(4)), labels, index=False)
    series = pd.Series(list("uvuvuv"), index=[5, 4, 3, 2, 1, 9])
    with pytest.raises(ValueError, match="index that is only partly that of data: give .reindex"):
        as_dataset(pd.DataFrame(rows[0][:6]), series)


def test_the_labels_are_no_feature_and_features_are_no_labels(rows, tmp_path):
    points, numbers, _ = rows
    frame, names = pd.DataFrame(points), NAMES[numbers]
    coded = frame.assign(label=numbers)
    for data, labels in (
        (coded, names), (coded, coded["label"]), (frame.assign(code=2.0 * numbers), names),
        (pd.DataFrame(np.c_[points, numbers]), 8), (pd.DataFrame(np.c_[points, numbers]), pd.Series(numbers, name=8)),
        (frame.assign(label=np.where(np.arange(COUNT) == 7, 0, numbers)), pd.Series(names, name="label")),
        (frame.join(pd.get_dummies(names)), names),
        (frame.join(pd.get_dummies(names, prefix="is", drop_first=True).astype(int)), names),
    ):  # fmt: skip
        found = as_dataset(data, labels)
        assert found.images.shape == points.shape
        assert any("columns of the labels" in note for note in found.notes)
    one = frame.assign(has_wings=(numbers == 1).astype(int), likely=np.where(numbers == 2, 0.9, 0.1))
    assert as_dataset(one, names).images.shape == (COUNT, points.shape[1] + 2)  # a feature may fit one class
    plane = frame[[0, 1]].set_axis(["x", "y"], axis=1)
    assert as_dataset(plane, pd.Series(names, name="y")).images.shape == (COUNT, 2)
    assert embeddings(tmp_path, plane, pd.DataFrame({"y": names}), index=False).images.shape == (COUNT, 2)
    ids = np.random.default_rng(0).permutation(COUNT) + 5
    table = pd.DataFrame({"image_id": ids, "label": names})
    found = embeddings(tmp_path, coded.assign(image_id=ids), table.iloc[::-1], index=False)
    assert (found.images.shape, classes_of(found)) == (points.shape, names.tolist())


def test_items_have_their_label_apart_and_may_have_none(rows):
    points, numbers = torch.from_numpy(rows[0]), rows[1].tolist()
    pairs = list(zip(points, numbers, strict=True))
    for items, labels in (
        ([{"label": torch.tensor([y]), "x": x} for x, y in pairs], None),
        ([{"x": x, "y": y} for x, y in pairs], None),
        ([{"x": x} for x, _ in pairs], numbers),
    ):
        found = as_dataset(pairs_of(items), labels)
        assert (found.images.read().tolist(), found.labels.tolist()) == (points.tolist(), numbers)
    for empty in (pairs_of([]), hugging_face(["cat", "dog"], x=[], label=[])):
        with pytest.raises(ValueError, match="data has no rows"):
            as_dataset(empty)


def test_columns_of_probabilities_that_are_counted_or_beside_others(rows):
    points, numbers, _ = rows
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], COUNT)
    data, kept = labelled_rows(points, numbers + 1)
    left, _, found = with_probs(data, kept, pd.DataFrame(probs).assign(note="new"))
    np.testing.assert_array_equal(found, probs)  # in float64
    assert left.notes[-1] == "left out 1 columns of words: note"
    for columns, lacking in (
        ("prob_2 prob_1 prob_0", "3"),
        ("2 1 0", "3"),
        ("x 3 y", "1, 2"),
        ("prob_3 prob_2 prob_l", "1"),
    ):
        with pytest.raises(ValueError, match=f"pred_probs has no column of class {lacking}"):
            with_probs(data, kept, pd.DataFrame(probs, columns=columns.split()))
    for columns in ("prob_0 prob_1 prob_2", "left middle right"):
        left, _, found = with_probs(data, kept, pd.DataFrame(probs, columns=columns.split()))
        np.testing.assert_array_equal(found, probs)
        assert "taken in the order of the classes" in left.notes[-1]
    named = pd.DataFrame(probs, columns=[f"p({name})" for name in "123"])
    flags = pd.DataFrame(np.eye(3)[numbers], columns=list("123"))
    for frames in ([named, flags], [flags, named]):
        np.testing.assert_array_equal(with_probs(data, kept, pd.concat(frames, axis=1))[2], probs)


@pytest.mark.parametrize(
    ("text", "shape", "said"),
    [
        ("1,2,3\n0.5,0.2,0.3\n0.1,0.2,0.7\n", (2, 3), "the first row (1, 2, 3) names the columns"),
        ("0,1\n1,0\n0,1\n", (3, 2), None),
        ("0,1,2\n5,7,9\n", (1, 3), None),  # pandas' own names
        ("4,7\n5,2\n", (2, 2), "the first row (4, 7) is one of the rows"),
        ("1,2\n1.5,3\n", (2, 2), "the first row (1, 2) is one of the rows"),
    ],
)
def test_whole_numbers_are_names_of_columns_above_others_only(tmp_path, text, shape, said):
    (tmp_path / "x.csv").write_text(text, "utf-8")
    assert of_frame(read_frame(tmp_path / "x.csv"))[0].shape == shape
    (tmp_path / "l.csv").write_text("\n".join(["label", *"uuv"[-shape[0] :], ""]), "utf-8")
    if shape[0] > 1:
        notes = read_rows(tmp_path / "x.csv", tmp_path / "l.csv")[0].notes
        assert [note for note in notes if "the first row" in note] == ([said] if said else [])


def test_a_comma_that_may_part_thousands_is_refused(tmp_path):
    for text in ('a,b\n"1,234",5\n"2,500",6\n987,7\n', 'a,b\n"1,234,567",5\n"2,500",6\n'):
        (tmp_path / "x.csv").write_text(text, "utf-8")
        with pytest.raises(ValueError, match=r"thousands or fractions \(1,234.* in column a\)"):
            of_frame(read_frame(tmp_path / "x.csv"))[0]
    (tmp_path / "x.csv").write_text("a;b\n1,234;0,5\n2,500;6,25\n", "utf-8")
    assert of_frame(read_frame(tmp_path / "x.csv"))[0][:, 0].tolist() == pytest.approx([1.234, 2.5])


def test_a_dot_that_may_part_thousands_beside_commas_of_fractions_is_refused(tmp_path):
    text = "a;b;c\n0,5;2.297;0.1\n1,25;701;1.125\n-0,75;12.000;1.250\n"
    (tmp_path / "x.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"thousands or fractions \(2.297 in column b\): write them without dots"):
        read_frame(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text(text.replace("12.000", "12.0"), "utf-8")
    assert of_frame(read_frame(tmp_path / "x.csv"))[0][:, 1].tolist() == pytest.approx([2.297, 701, 12])


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\na;b\n0.5;2.25\n1.5;-3\n",
        "a,b,\n0.5,2.25,\n1.5,-3,\n",
        "a,b\n0.5,2.25,\n1.5,-3,\n",
        "a;b\n0,5;2,25;\n1,5;-3,0;\n",
        "0,5;2,25\n1,5;-3,0\n",  # without names
        "0,5\t2,25\n1,5\t-3,0\n",
    ],
)
def test_numbers_as_spreadsheets_write_them(tmp_path, text):
    (tmp_path / "x.csv").write_text(text, "utf-8")
    assert of_frame(read_frame(tmp_path / "x.csv"))[0].tolist() == [[0.5, 2.25], [1.5, -3]]


@pytest.mark.parametrize("text", ["len\n49,955\n93,951\n", "a,b\n20,00,24,66\n24,40,20,43\n", "a,b\n1,2\n3,4,5\n"])
def test_more_fields_than_names_are_refused(tmp_path, text):
    (tmp_path / "x.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"has more fields than there are names of columns \(\d\); is a comma the one"):
        read_frame(tmp_path / "x.csv")


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_probabilities_in_a_tensor(rows, kind):
    points, numbers, _ = rows
    probs = torch.softmax(torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(0)), 1).to(kind)
    found = gdw.audit(points, observed=numbers, pred_probs=probs.requires_grad_(), ranking="self-confidence")
    expected = 1 - probs.detach().double()[torch.arange(COUNT), torch.from_numpy(numbers)]
    np.testing.assert_allclose(found.table["score"].sort_index(), expected, atol=2e-3)


def test_a_column_of_blanks_is_left_out(rows):
    points, numbers, _ = rows
    found = as_dataset(pd.DataFrame(points).assign(blank=np.nan, note=None), numbers)
    assert found.images.shape == points.shape
    assert found.notes == ("left out 2 columns of blanks: blank, note",)


def test_files_of_another_length_are_refused_with_the_column_of_labels(rows, tmp_path):
    np.save(tmp_path / "x.npy", rows[0])
    (tmp_path / "l.csv").write_text("\n".join(["once", *NAMES[rows[1]][1:]]), "utf-8")
    with pytest.raises(ValueError, match="x.npy has 120 rows but l.csv 119 labels in column once"):
        read_rows(tmp_path / "x.npy", tmp_path / "l.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_long_table_of_words_with_accents_is_read_at_any_place_of_them(tmp_path, encoding):
    for pad in range(3):
        (tmp_path / "x.csv").write_bytes(("p" * pad + ",a,b\n" + "ééé,1,2.5\n" * 100_000).encode(encoding))
        assert of_frame(read_frame(tmp_path / "x.csv"))[0].shape == (100_000, 2)
