"""What an audit is given: every disagreement is one sentence, before a picture is decoded."""

import numpy as np
import pytest
import torch
from PIL import Image

from gdw.comparison.audit.audit import check_counts
from gdw.comparison.audit.count import wrong_share
from gdw.comparison.audit.output import HEADER
from gdw.data.confirmed import confirmed_of, read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.folder import list_folder, load_listing
from gdw.data.given import labelled_rows
from gdw.data.picture_labels import NO_CLASS


@pytest.fixture
def pets(tmp_path):
    for shade, name in enumerate(("cat", "dog")):
        for place in range(6):
            path = tmp_path / "pets" / name / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 40 * shade + place).save(path)
    return tmp_path / "pets"


def read(file, listing):
    return read_confirmed(file, listing.paths, listing.class_names, listing.others)


def confirm(tmp_path, text):
    file = tmp_path / "confirmed.csv"
    file.write_text(text, "utf-8")
    return file


def test_a_folder_is_listed_without_decoding(pets, monkeypatch):
    monkeypatch.setattr("gdw.pictures.decoding.read_picture", None)
    found = list_folder(pets)
    assert found.class_names == ("cat", "dog")
    assert found.paths[:2] == ("cat/0.png", "cat/1.png")
    assert found.labels == (0,) * 6 + (1,) * 6


def test_confirmed_pictures_are_matched_by_path(tmp_path, pets):
    file = confirm(tmp_path, "path,label\ncat\\1.png,dog\n./dog/2.png,dog\ndog/2.png,dog\n")
    assert read(file, list_folder(pets)) == {1: 1, 8: 1}
    file = confirm(tmp_path, "path,label\ncat/1.png,0\ncat/1.png,cat\ndog/2.png,1\ndog/3.png,NONE of these\n")
    assert read(file, list_folder(pets)) == {1: 0, 8: 1, 9: -1}


def test_a_table_says_how_its_pictures_were_chosen(tmp_path, pets):
    rows = "path,label,Chosen\ncat/1.png,dog,Random\ncat/2.png,cat,suspect\ncat/3.png,cat,\ncat/2.png,cat,random\n"
    found = read(confirm(tmp_path, rows + "dog/1.png,dog,random in class\n"), list_folder(pets))
    assert found == {1: 1, 2: 0, 3: 0, 7: 1}
    assert found.drawn("random") == [1, 2]  # a suspect that the sample has too belongs to the sample
    assert found.drawn("random in class") == [7]
    assert found.drawn() == [1, 2, 7]
    assert read(confirm(tmp_path, "path,label\ncat/1.png,dog\n"), list_folder(pets)).drawn() == []
    assert read(confirm(tmp_path, "path,label,chosen\n"), list_folder(pets)) == {}


def test_a_word_that_is_no_class_in_a_random_sample_leaves_no_range(tmp_path, pets):
    listing = list_folder(pets)
    rows = [f"{path},{path[:3]},{{}}\n" for path in listing.paths[1:]] + ["cat/0.png,fox,random\n"]
    for way, said in (("random", "no range of wrong labels while"), ("suspect", "no class")):
        with pytest.warns(UserWarning, match=said):
            found = read(confirm(tmp_path, "path,label,chosen\n" + "".join(rows).format(*["random"] * 11)
                                 .replace("fox,random", f"fox,{way}")), listing)  # fmt: skip
        assert (wrong_share(np.array(listing.labels), found) is None) == (way == "random")


def test_a_class_may_be_called_rejected(tmp_path, pets):
    rows = "".join(f"cat/{place}.png,{('accepted', 'rejected')[place % 2]},accepted\n" for place in range(6))
    file = confirm(tmp_path, f"path,observed,label\n{rows}")
    found = read_confirmed(file, list_folder(pets).paths, ("accepted", "rejected"))
    assert (found, found.notes) == (dict.fromkeys(range(6), 0), ())


def test_many_words_that_are_no_classes_are_those_of_another_data_set(tmp_path, pets):
    listing = list_folder(pets)
    rows = [f"{path},{path[:3]}\n" for path in listing.paths]
    for count in (3, 4):
        file = confirm(
            tmp_path, "path,label\n" + "".join([*rows[count:], *(row[:-4] + "fox\n" for row in rows[:count])])
        )
        with (
            pytest.warns(UserWarning, match="3 labels that are no class")
            if count == 3
            else pytest.raises(ValueError, match="unknown class in .* 'fox'")
        ):
            read(file, listing)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_suspects_comes_back_from_a_spreadsheet(tmp_path, pets, separator):
    rows = [[*HEADER.split(","), "label", "chosen"], ["cat/1.png", "cat", "dog", "0.9", "1", "odd", "dog", ""],
            ["cat/2.png", "cat", "dog", "0.8", "2", "odd", "", ""], ["cat/3.png", "cat", "dog", "0.7", "3", "odd",
             "None of these", "random"]]  # fmt: skip
    file = tmp_path / "suspects.csv"
    file.write_bytes(("\ufeff" + "".join(separator.join(row) + "\r\n" for row in rows)).encode("utf-8"))
    found = read(file, list_folder(pets))
    assert found == {1: 1, 3: NO_CLASS}
    assert found.drawn() == [3]
    assert found.with_class() == {1: 1}


def test_nothing_confirmed_yet_is_no_error(tmp_path, pets):
    for text in ("path,label\n", "path,label\ncat/1.png,\n", "path,label\ncat/1.png\n"):
        assert read(confirm(tmp_path, text), list_folder(pets)) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\ncat/9.png,cat\n", "no picture here is called cat/9.png; a picture here is cat/0.png"),
        ("path,label\ncat/1.png,dgo\n", "unknown class in .*confirmed.csv 'dgo'; did you mean 'dog'"),
        ("path,label\ncat/1.png,2\ncat/2.png,dog\n", "unknown class in .*confirmed.csv '2'"),
        ("file,colour,shape\ncat/1.png,a,b\n", "several sets of labels"),
        ("", "empty"),
    ],
)  # fmt: skip
def test_a_confirmed_file_that_disagrees_is_refused(tmp_path, pets, text, said):
    with pytest.raises(ValueError, match=said):
        read(confirm(tmp_path, text), list_folder(pets))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("cat/1.png,dgo\n", "1 labels that are no class .first: cat/1.png: unknown class 'dgo'; did you mean 'dog'"),
        (
            "cat/1.png,dog\ncat/1.png,cat\n",
            "1 pictures as confirmed twice, differently .first: cat/1.png, as cat and as",
        ),
    ],
)
def test_a_row_that_says_nothing_sure_stops_nothing_and_is_not_lost(tmp_path, pets, rows, said):
    text = f"path,label\n{rows}dog/2.png,dog\n"
    with pytest.warns(UserWarning, match=said):
        found = read(confirm(tmp_path, text), list_folder(pets))
    paths = list_folder(pets).paths
    assert found == {paths.index("dog/2.png"): 1}
    written = {path: label for path, (label, _) in found.by_path(paths, ("cat", "dog")).items()}
    assert written == {"dog/2.png": "dog", **({"cat/1.png": "dgo"} if "dgo" in rows else {})}


def test_rows_without_a_file_are_counted_and_said_once(tmp_path, pets):
    file = confirm(tmp_path, "path,label\ncat/1.png,dog\ncat/gone.png,cat\nemu/2.png,cat\n")
    with pytest.warns(UserWarning, match="2 rows of confirmed.csv name no picture here") as said:
        found = read(file, list_folder(pets))
    assert found == {1: 1}
    assert len(said) == 1
    assert found.notes == ("confirmed.csv: 2 rows of confirmed.csv name no picture here (first: cat/gone.png)",)
    rows = "note,file,species\n,C:\\x\\cat\\1.PNG,dog\n,dog/2.png,dog,more\n"
    with pytest.warns(UserWarning, match="are those of column species"):
        found = read(confirm(tmp_path, rows), list_folder(pets))
    assert found.among([1]).of_classes(("cat", "dog"), ("dog",)).with_class().notes == found.notes
    assert found.notes == (
        "confirmed.csv: passed over 1 rows with more fields than columns",
        "confirmed.csv: matched 1 paths by the end of the path (first: C:\\x\\cat\\1.PNG = cat/1.png)",
        "confirmed.csv: confirmed labels are those of column species",
    )


def test_pictures_of_the_test_set_may_be_confirmed_and_are_not_needed(tmp_path, pets):
    (tmp_path / "split").mkdir()
    pets.rename(tmp_path / "split" / "train")
    for name in ("cat", "dog"):
        (tmp_path / "split" / "test" / name).mkdir(parents=True)
        Image.new("L", (8, 8), 200).save(tmp_path / "split" / "test" / name / "t.png")
    file = confirm(tmp_path, "path,label\ntest/cat/t.png,cat\ncat/1.png,cat\n")
    assert read(file, list_folder(tmp_path / "split")) == {1: 0}


def test_too_few_pictures_of_a_class_are_refused():
    labels = [0] * 6 + [1] * 6
    check_counts(labels, {}, ("cat", "dog"), 5)
    check_counts(labels, {0: 0, 1: 1, 2: 0, 3: 1}, ("cat", "dog"), 2)
    check_counts(labels, {0: 0, 1: 0, 6: 1}, ("cat", "dog"), 3, clean_set=False)  # a random sample may lack a class
    with pytest.raises(ValueError, match="confirm at least 2 pictures of each class, or none at all: dog has 1"):
        check_counts(labels, {0: 0, 1: 0, 6: 1}, ("cat", "dog"), 3)
    typo = [*labels, 2, 2]  # the right class of both is cat
    with pytest.raises(ValueError, match="none at all: cat has 0; 2 do not count: their labels are of classes with"):
        check_counts(typo, {6: 1, 7: 1, 12: 0, 13: 0}, ("cat", "dog", "cta"), 5)
    check_counts(typo, {0: 0, 1: 0, 6: 1, 7: 1, 12: 0}, ("cat", "dog", "cta"), 5)
    with pytest.raises(ValueError, match="each class needs at least 7 pictures.*: cat has 6"):
        check_counts(labels, {}, ("cat", "dog"), 7)
    check_counts(labels, dict.fromkeys(range(12), 0) | {0: 1, 1: 1}, ("cat", "dog"), 5)  # all are confirmed


def test_pictures_are_read_at_the_size_of_the_network(pets):
    assert load_listing(list_folder(pets), seen_at=224).images.shape[2:] == (8, 8)  # small, and of one size
    Image.new("L", (300, 200), 0).save(pets / "cat" / "large.png")
    assert load_listing(list_folder(pets), seen_at=224).images.shape[2:] == (224, 224)


def test_confirmed_pictures_from_python():
    data = Dataset("own", ("cat", "dog"), np.zeros((4, 1, 2, 2), np.uint8), [0, 1, 0, 1], paths=("a", "b", "c", "d"))
    assert confirmed_of({"b": "cat", 3: 1}, data) == {1: 0, 3: 1}
    assert confirmed_of(None, data) == {}
    for given, said in (
        ({"z": "cat"}, "no picture of own is called 'z'"), ({"a": "cta"}, "did you mean 'cat'"),
        ({9: 0}, "must be at most 3"), ({0: 5}, "must be at most 1"), ([1], "a dictionary from pictures to classes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            confirmed_of(given, data)
    labels = [None, "cat", "", "dog", "cat", None]
    some, rows = labelled_rows(np.zeros((6, 2), np.float32), labels)
    assert confirmed_of({3: "cat", 4: 1, "1": 0}, some, rows) == {1: 0, 2: 1, 0: 0}
    for place, said in ((2, "row 2 of data has no label that could be checked"), (6, "must be at most 5")):
        with pytest.raises(ValueError, match=said):
            confirmed_of({place: "cat"}, some, rows)


def test_rows_without_names_are_called_by_their_places_in_a_table_too(tmp_path):
    data = Dataset("own", ("cat", "dog"), torch.zeros(12, 3), [0, 1] * 6)
    assert confirmed_of(confirm(tmp_path, "path,label\n1,cat\n11,dog\n"), data) == {1: 0, 11: 1}
    assert confirmed_of({"1": "cat"}, data) == {1: 0}
    with pytest.raises(ValueError, match="no picture here is called cat/x.png; a picture here is 0"):
        confirmed_of(confirm(tmp_path, "path,label\ncat/x.png,cat\n"), data)
