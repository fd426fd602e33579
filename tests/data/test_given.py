"""What people have: files of numbers, arrays, tables, data sets of torch and Hugging Face. The same audit for all."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gdw
from gdw.__main__ import main
from gdw.data import label_table
from gdw.data.given import as_dataset, read_rows, words_of
from gdw.data.on_disk import OnDisk
from gdw.data.picture_labels import class_numbers
from gdw.errors import MissingPackage

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

    class HuggingFace(SimpleNamespace):
        def __len__(self):
            return len(pairs)

        def __getitem__(self, key):
            return columns[key] if isinstance(key, str) else {name: values[key] for name, values in columns.items()}

    theirs = HuggingFace(column_names=["image", "label"],
                         features={"image": object(), "label": SimpleNamespace(names=["cat", "dog"])})  # fmt: skip
    expected = gdw.load_dataset(pets)
    for data in (folder, pairs_of(pairs), theirs):
        found = as_dataset(data)
        assert isinstance(found.images, OnDisk)
        assert torch.equal(found.images.read(), expected.images)
        assert torch.equal(found.labels, expected.labels)
        assert len(gdw.audit(data, features=None).table) == len(pairs)
    assert as_dataset(folder).class_names == as_dataset(theirs).class_names == ("cat", "dog")


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
    assert label_table.chosen_column(found.columns, None, found.path) == "Category"
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    assert read_rows(tmp_path / "x.npy", tmp_path / f"t.{ending}")[0].labels.tolist() == [0, 1]


def test_labels_of_every_kind_and_rows_without_one(rows):
    assert class_numbers(words_of([2, 10, 1]), None, "labels") == ([1, 2, 0], ("1", "2", "10"))
    assert class_numbers(words_of([1.0, 2.0, float("nan")]), None, "labels")[0] == [0, 1, -1]
    assert words_of([[0, 1], [1, 0]]) == ["1", "0"]
    found = as_dataset(rows[0][:4], ["a", "", "b", None])
    assert found.labels.tolist() == [0, 1]
    assert found.paths == ("0", "2")
    assert "passed over 2 rows without a label (first: row 2)" in found.notes
    with pytest.raises(ValueError, match="4 rows but 3 labels"):
        as_dataset(rows[0][:4], ["a", "b", "a"])
    with pytest.raises(ValueError, match="data without labels"):
        as_dataset(rows[0])
    with pytest.raises(ValueError, match="an array, a pandas table, a torch Dataset or a Hugging Face dataset, got"):
        as_dataset(3)
