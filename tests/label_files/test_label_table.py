"""Tables of labels: matched by path however it is written, and refused with the row or word that is wrong."""

import gzip
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gdw
from gdw.data import load_table
from gdw.data.dataset import Dataset
from gdw.data.folder import list_folder
from gdw.data.human_labels import human_labels
from gdw.errors import MissingPackage
from gdw.label_files.columns import chosen_column
from gdw.label_files.label_table import read_table
from tests.data.test_scan import picture
from tests.picture_files import cifar_folder

NAMES = ("cat", "dog")
PATHS = tuple(f"train/{name}/{place}.png" for name in NAMES for place in range(2))
TEST_PATHS = ("test/cat/0.png", "test/dog/0.png")
LABELS = torch.tensor([0, 0, 1, 1])
DATA = Dataset(
    "f", NAMES, torch.zeros(4, 1), LABELS, torch.zeros(2, 1), torch.tensor([0, 1]), paths=PATHS, test_paths=TEST_PATHS
)
WORDS = ["cat", "dog", "dog", "cat"]
OBSERVED = [0, 1, 1, 0]


def written(path, rows, columns=("path", "label"), separator=","):
    text = "\r\n".join(separator.join(row) for row in [columns, *rows]) + "\r\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def observed(path, key=""):
    return human_labels(f"human:{path}{key}", DATA).tolist()


@pytest.mark.parametrize(("ending", "separator"), [("csv", ","), ("tsv", "\t"), ("csv.gz", ","), ("csv", ";")])
def test_rows_in_any_order_and_any_column_by_name(tmp_path, ending, separator):
    rows = [(path, word, "cat") for path, word in zip(PATHS, WORDS, strict=True)][::-1]
    path = written(tmp_path / f"t.{ending}", rows, ("File", "worse_label", "all cats"), separator)
    assert observed(path) == observed(path, ":worse_label") == OBSERVED
    assert observed(path, ":all cats") == [0] * 4
    with pytest.raises(ValueError, match="unknown label set in t.* 'worst'"):
        observed(path, ":worst")


@pytest.mark.parametrize(
    "spelled",
    [
        lambda path: path,
        lambda path: path.removeprefix("train/"),
        lambda path: path.replace("/", "\\"),
        lambda path: "./" + path,
        lambda path: ".\\" + path.removeprefix("train/").replace("/", "\\"),
        lambda path: path.replace("train", "Training"),
    ],
)
def test_paths_match_however_they_are_written(tmp_path, spelled):
    rows = [(spelled(path), word) for path, word in zip(PATHS, WORDS, strict=True)]
    assert observed(written(tmp_path / "t.csv", rows)) == OBSERVED
    flat = Dataset("f", NAMES, DATA.images, LABELS, paths=tuple(path.removeprefix("train/") for path in PATHS))
    assert human_labels(f"human:{tmp_path / 't.csv'}", flat).tolist() == OBSERVED


def test_quotes_a_byte_order_mark_and_accents_in_two_spellings(tmp_path):
    names = ("caf\u00e9, old", "dog")
    data = Dataset("f", names, torch.zeros(2, 1), torch.tensor([0, 1]), paths=("caf\u00e9, old/1.png", "dog/1.png"))
    text = 'path,label\n"cafe\u0301, old/1.png",dog\n"dog/1.png","cafe\u0301, old"\n'
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert human_labels(f"human:{tmp_path / 't.csv'}", data).tolist() == [1, 0]


def test_rows_of_the_test_set_are_not_needed_and_not_in_the_way(tmp_path):
    rows = [*zip(PATHS, WORDS, strict=True), (TEST_PATHS[0], "dog")]
    assert observed(written(tmp_path / "t.csv", rows)) == OBSERVED


def test_numbers_in_place_of_names(tmp_path):
    rows = [(path, str(label)) for path, label in zip(PATHS, OBSERVED, strict=True)]
    assert observed(written(tmp_path / "t.csv", rows)) == OBSERVED
    assert observed(written(tmp_path / "t.csv", [*rows, *GOOD])) == OBSERVED  # the same, said twice
    with pytest.raises(ValueError, match=r"t.csv: labels must be names of classes or lie in 0 ... 1, got 2"):
        observed(written(tmp_path / "t.csv", [(path, "2") for path in PATHS]))
    rows = [(path, word, str(1 - int(label))) for path, word, label in zip(PATHS, WORDS, LABELS, strict=True)]
    with pytest.raises(ValueError, match=r"its clean_label is not this data set's \(its classes are numbered 0 = cat"):
        observed(written(tmp_path / "t.csv", rows, ("path", "label", "clean_label")))


GOOD = list(zip(PATHS, WORDS, strict=True))


def test_clean_labels_are_compared_where_there_are_any(tmp_path):
    rows = [(path, word, path.split("/")[1]) for path, word in GOOD]
    for some in (rows[1:], [(*rows[0][:2], ""), *rows[1:]]):
        table = written(tmp_path / "t.csv", some, ("path", "label", "clean_label"))
        assert _quietly(observed, table, ":label") == ([-1, *OBSERVED[1:]] if some == rows[1:] else OBSERVED)
    table = written(tmp_path / "t.csv", [(*rows[1][:2], "dog"), *rows[2:]], ("path", "label", "clean_label"))
    with pytest.raises(ValueError, match="its clean_label is not this data set's"):
        _quietly(observed, table)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("train/emu/0.png", "dog")], "no picture here is called train/emu/0.png; a picture here is train/cat"),
        ([GOOD[0], *((path, "cta") for path in PATHS[1:])], "unknown class in .*t.csv 'cta'; did you mean 'cat'"),
        ([*GOOD[1:], (PATHS[0], "2")], "unknown class in .*t.csv '2'"),  # are they numbered from 1?
        ([], "needs a row of column names and one row for each picture, got 1 rows"),
    ],
)
def test_a_wrong_row_is_told(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        observed(written(tmp_path / "t.csv", rows))


TWICE = r"passed over 1 as labelled twice, differently \(first: train/cat/0.png\)$"
EMPTY = r"passed over 1 as without a label in column label \(first: train/cat/0.png\)$"


@pytest.mark.parametrize(
    ("rows", "without", "message"),
    [
        (GOOD[:-1], [3], r"passed over 1 as not in t.csv \(first: train/dog/1.png\)$"),
        (GOOD[:1], [1, 2, 3], r"passed over 3 as not in t.csv \(first: train/cat/1.png\)$"),
        ([*GOOD, ("train/cat/0.png", "dog")], [0], TWICE),
        ([*GOOD, ("cat/0.png", "dog")], [0], TWICE),
        ([*GOOD[1:], (PATHS[0], "")], [0], EMPTY),
        ([*GOOD[1:], (PATHS[0],)], [0], EMPTY),
        ([*GOOD, ("train/emu/0.png", "dog")], [], r"1 rows of t.csv name no picture here \(first: train/emu/0.png\)$"),
        (
            [*GOOD[1:], (PATHS[0], "cta")],
            [0],
            "passed over 1 labels that are no class .*unknown class 'cta'; did you mean",
        ),
        ([(PATHS[0], "None of These"), *GOOD[1:]], [0], r"passed over 1 that belong to no class \(first: train/cat/0"),
    ],
)
def test_one_bad_row_stops_nothing_and_is_counted(tmp_path, rows, without, message):
    with pytest.warns(UserWarning, match=message):
        found = observed(written(tmp_path / "t.csv", rows))
    assert found == [-1 if place in without else label for place, label in enumerate(OBSERVED)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no labels: the file is empty"),
        (b"<html></html>", "holds no labels: the file is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "holds no labels: the file is a Git LFS pointer"),
        (b"\xff\xfe\x00\xd8", "is not a table that can be read .*utf-16"),
        (b'path,label\n"a', 'no picture here is called "a; a picture here is'),
        (b"who,label\n1,cat\n", "needs a column 'path' and a column of labels, got the columns who, label"),
        (b"path\na\n", "needs a column 'path' and a column of labels, got the columns path"),
    ],
)
def test_a_file_that_is_no_table_says_why(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        observed(tmp_path / "t.csv")
    (tmp_path / "t.csv.gz").write_bytes(b"\x1f\x8b\x08 not gzip")
    with pytest.raises(ValueError, match=r"t.csv.gz is not a"):
        observed(tmp_path / "t.csv.gz")


def test_a_data_set_without_paths_takes_no_table(tmp_path):
    with pytest.raises(ValueError, match="names pictures by path, but digits is not read from a folder of pictures"):
        human_labels(f"human:{written(tmp_path / 't.csv', GOOD)}", gdw.load_dataset("digits"))


@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"path,label\n", b"\x1f\x8b\x08\x00"]))
def test_junk_is_refused_in_our_words(tmp_path_factory, content, start):
    for name in ("junk.csv", "junk.csv.gz"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(start + content)
        with pytest.raises((ValueError, MissingPackage), match="junk.csv"):  # it may look like Parquet
            human_labels(f"human:{path}", DATA)  # no junk names the four pictures


def test_cifar10_folder_trains_on_a_table_and_on_published_files_with_one_history(tmp_path, monkeypatch):
    folder = cifar_folder(tmp_path / "cifar", train=8, test=2)
    monkeypatch.setenv("GDW_DATA", str(folder))
    data = gdw.load_dataset("cifar10-folder")
    worse = (data.labels + (torch.arange(80) % 3 == 0)) % 10
    rows = [(path, data.class_names[label]) for path, label in zip(data.paths, worse, strict=True)]
    table = written(tmp_path / "t.csv", rows)
    mixed = torch.arange(80).view(10, 8).T.flatten()  # the classes in turn, each in its own order
    torch.save({"clean_label": data.labels[mixed].numpy(), "worse_label": worse[mixed].numpy()}, tmp_path / "h.pt")
    settings = {"dataset": "cifar10-folder", "method": "cross-entropy", "epochs": 2, "batch_size": 10,
                "train_per_class": 4, "meta_per_class": 1, "model": "mlp"}  # fmt: skip
    one = gdw.run(gdw.Experiment(**settings, noise=f"human:{table}:label"))
    other = gdw.run(gdw.Experiment(**settings, noise=f"human:{tmp_path / 'h.pt'}:worse_label"))
    assert replace(one, config=other.config) == other  # the same but for the noise's name
    assert one.wrong_label_rate == other.wrong_label_rate > 0.1


def flat(folder):
    for place, name in enumerate(("a.png", "b.png", "deep/c.png", "d.png")):
        picture(folder / name, shade=place)
    return folder


def test_a_flat_folder_with_a_table(tmp_path):
    rows = [("d.png", "10"), ("a.png", "9"), ("deep/c.png", "10")]
    path, folder = written(tmp_path / "t.csv", rows), flat(tmp_path / "pictures")
    with pytest.warns(UserWarning, match=r"passed over 1 as not in t.csv \(first: b.png\)"):
        data = load_table(folder, path)
    assert data.class_names == ("9", "10")
    assert data.paths == ("a.png", "d.png", "deep/c.png")
    assert data.labels.tolist() == [0, 1, 1]
    assert data.images[:, 0, 0, 0].tolist() == [0, 3, 2]
    assert "may be wrong" in data.notes[-1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a.png", "x"), ("d.png", "x")], "column label needs at least 2 classes, got x"),
        ([("a.png", "x"), ("z.png", "y")], r"1 rows of t.csv name no picture here .first: z.png"),
        ([("a.png", "x"), ("a.png", "y")], "column label needs at least 2 classes, got none"),
        ([("a.png", "x"), ("b.png", "")], "column label needs at least 2 classes, got x"),
    ],
)
def test_a_table_that_does_not_fit_its_folder(tmp_path, rows, message):
    folder = flat(tmp_path / "pictures")
    with pytest.raises(ValueError, match=message):
        _quietly(load_table, folder, written(tmp_path / "t.csv", rows))
    with pytest.raises(FileNotFoundError, match="there is no folder of pictures .*nowhere"):
        load_table(tmp_path / "nowhere", tmp_path / "t.csv")


def _quietly(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pictures without a row
        return function(*arguments)


FILES, CIFAR = os.environ.get("GDW_TEST_HUMAN_LABELS"), os.environ.get("GDW_TEST_CIFAR")


@pytest.mark.skipif(not (FILES and CIFAR), reason="GDW_TEST_HUMAN_LABELS and GDW_TEST_CIFAR name no real files")
def test_the_published_file_and_the_real_table_give_the_same_labels():
    looked, folder = list_folder(Path(CIFAR)), Path(CIFAR)
    files, labels = looked.splits["train"]
    paths = tuple(file.relative_to(folder).as_posix() for file in files)
    data = Dataset("c", looked.class_names, torch.zeros(len(labels), 1), torch.tensor(labels), paths=paths)
    table = read_table(Path(FILES) / "cifar10-jpeg-human-labels.csv.gz")
    for column in table.columns:
        published = human_labels(f"human:{FILES}/CIFAR-10_human.pt:{column}", data)
        assert torch.equal(published, human_labels(f"human:{table.path}:{column}", data))
        if column == "worse_label":
            assert float((published != data.labels).double().mean()) == pytest.approx(0.402, abs=5e-4)


def table_of(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return read_table(tmp_path / name)


def test_the_label_of_a_picture_is_its_own_and_not_that_of_a_mark_in_it(tmp_path):
    records = [
        {"file_name": f"{n}.jpg", "label": label, "objects": [{"category": "nose"}, {"category": "tail"}]}
        for n, label in enumerate(("cat", "dog", "cat"))
    ]
    table = table_of(tmp_path, "metadata.jsonl", "\n".join(map(json.dumps, records)))
    assert table.columns["label"] == ["cat", "dog", "cat"]
    assert len(table.paths) == 3
    del records[1]["label"]  # two marks, and nothing else
    less = table_of(tmp_path, "less.jsonl", "\n".join(map(json.dumps, records)))
    assert less.columns["label"] == ["cat", "nose", "tail", "cat"]


def test_no_list_of_a_split_is_lost(tmp_path):
    train, test = [{"path": "a.jpg", "label": "x"}, {"path": "b.jpg", "label": "y"}], [{"path": "c.jpg", "label": "x"}]
    splits = {"train": train, "test": test, "info": [{"by": "ann"}, {"by": "bob"}, {"by": "eve"}]}
    assert table_of(tmp_path, "splits.json", json.dumps(splits)).paths == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_column_of_fractions_that_may_be_grades_is_asked_about(tmp_path):
    rows = "".join(f"{n}.jpg,{(0.5, 1.5)[n % 2]},{'ab'[n % 3 == 0]}\n" for n in range(12))
    table = table_of(tmp_path, "grades.csv", f"path,grade,other\n{rows}")
    with pytest.raises(ValueError, match="several sets of labels"):
        chosen_column(table.columns, None, table.path)


def test_predictions_alone_are_labels(tmp_path):
    table = table_of(tmp_path, "predicted.csv", "path,prediction,score\na.jpg,cat,0.93\nb.jpg,dog,0.71\n")
    assert chosen_column(table.columns, None, table.path) == "prediction"


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path):
    for folder, label in (("s1", "cat"), ("s2", "dog")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png.json").write_text(json.dumps({"shapes": [{"label": label}]}))
    table = read_table(tmp_path)
    assert dict(zip(table.paths, table.columns["label"], strict=True)) == {"s1/1.png": "cat", "s2/1.png": "dog"}


def test_a_line_that_was_cut_stops_nothing_but_where_the_order_counts(tmp_path):
    text = "".join(f'{{"path": "{n}.jpg", "label": "{word}"}}\n' for n, word in enumerate("xyx"))[:-9]
    table = table_of(tmp_path, "cut.jsonl", text)
    assert (table.paths, table.columns["label"]) == (["0.jpg", "1.jpg"], ["x", "y"])
    assert table.notes == ("passed over 1 broken lines (first: 3)",)
    with pytest.raises(ValueError, match="cut.jsonl is not a table that can be read"):
        read_table(tmp_path / "cut.jsonl", in_order=True)
    with pytest.raises(ValueError, match="whole.json is not a table that can be read"):
        table_of(tmp_path, "whole.json", '[\n{"path": "a.jpg",\n"label": "x"},\n{"path"')
