"""Names of classes that agree but for their spelling, or that are no classes."""

import pytest
import torch

from gdw.data.dataset import class_counts_line
from gdw.data.folder import load_folder
from gdw.data.picture_labels import class_numbers, doubtful_names
from tests.data.test_scan import picture


@pytest.mark.parametrize(
    "names", [("Cat", "cat"), ("cat", "cat "), ("0", "0.0"), ("1", "01"), ("big cat", "big_cat"), ("0,5", "0.5")]
)
def test_names_that_agree_are_said(names):
    assert len(doubtful_names((*names, "dog"))) == 1
    assert all(repr(name) in doubtful_names(names)[0] for name in names)


@pytest.mark.parametrize("name", ["unlabeled", "nan", "N/A", "none", "unknown", "?", "-1"])
def test_a_missing_label_is_said(name):
    assert doubtful_names(("cat", name)) == (f"{name!r} looks like a missing label, and is taken as a class",)


def test_a_number_below_0_among_numbers_is_a_class():
    assert doubtful_names(("-1", "1")) == ()


def test_names_of_several_classes_are_said():
    for names in (("14", "3", "3,14"), ("leaf", "rust", "leaf, rust"), ("1", "1 2")):
        assert doubtful_names(names) == (f"{names[-1]!r} looks like several classes, and is taken as a class",)
    assert doubtful_names(("0,5", "1,5")) == ()


@pytest.mark.parametrize("name", ["rust scab", "3 14"])
def test_several_classes_in_one_name_are_said(name):
    assert doubtful_names(("rust", "scab", name)) == (f"{name!r} looks like several classes, and is taken as a class",)
    assert doubtful_names(("rust", name.replace("3", "x"))) == ()


@pytest.mark.parametrize("name", ["fold1", "Fold_2", "images_test", "train", "test set", "val", "split-3", "batch 2"])
def test_a_fold_or_a_split_is_said(name):
    assert "looks like a fold or a split of the data" in doubtful_names(("cat", name))[0]


@pytest.mark.parametrize("name", ["training shoe", "trainer", "party", "folder", "test tube", "nanny", "valley", "10"])
def test_a_usual_class_is_not(name):
    assert doubtful_names(("cat", name)) == ()


@pytest.mark.parametrize(
    ("names", "words", "numbers"),
    [
        (("001", "002", "010"), ["1", "2", "10"], [0, 1, 2]),  # a spreadsheet takes zeros away: no places of classes
        (("Cat", "dog"), ["cat", "DOG"], [0, 1]),
        (("cat ", "big cat"), ["cat", "big_cat"], [0, 1]),
        (("Cat", "cat", "dog"), ["cat", "Dog"], [1, 2]),
        (("False", "True"), ["FALSE", "TRUE"], [0, 1]),
        (("1", "2"), ["1.0", "2.0", "-1.0", ""], [0, 1, -1, -1]),
        (("cat", "dog"), ["0.0", "1.0", "-1.0"], [0, 1, -1]),
        (("-1", "1"), ["1", "-1"], [1, 0]),
        (("10", "20", "30"), ["0", "1", "2"], [0, 1, 2]),
        (("10", "20", "30"), ["0.0", "1.0", "2.0"], [0, 1, 2]),
        (("001", "002", "003"), ["1", "2"], [0, 1]),
        (None, ["1.0", "0.0", "-1.0"], [1, 0, -1]),
        (None, ["9e1234567", "9e12", "inf"], [1, 0, 2]),
        (None, ["1" * 30 + "2", "1" * 31], [1, 0]),
    ],
)
def test_words_that_mean_a_class_in_another_spelling(names, words, numbers):
    assert class_numbers(words, names, "t")[0] == numbers


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("1.0", "2.0", "3.0"), ["0", "1", "2"]),  # names and places: neither fits all
        (("0,5", "1,5"), ["0", "0.5"]),
        (("001", "002", "003"), ["0", "1", "2"]),
        (("1e2", "cat"), ["100"]),
    ],
)
def test_no_number_is_a_place_where_a_class_is_called_by_a_number(names, words):
    with pytest.raises(ValueError, match=f"unknown class in t '{words[0]}'|must be names of classes or lie in 0 ... 1"):
        class_numbers(words, names, "t")


def test_a_spelling_of_two_classes_is_none():
    with pytest.raises(ValueError, match="unknown class in t 'CAT'"):
        class_numbers(["CAT"], ("Cat", "cat"), "t")
    assert class_numbers(["1.0", "0.0"], None, "t")[1] == ("0", "1")
    assert doubtful_names(("1000001", "1000002", "12345678901234567", "12345678901234568")) == ()
    assert doubtful_names(("1" * 31, "1" * 30 + "2", "9e1234567", "1e2", "100")) == ()


def test_counts_come_in_one_line():
    assert class_counts_line(["cat", "dog"], [3, 5]) == "2 classes: cat 3, dog 5"
    assert class_counts_line([f"c{n}" for n in range(30)], range(30)).endswith("c19 19 and 10 more")


def test_small_classes_are_put_aside_with_their_pictures(tmp_path):
    for name, count in (("cat", 5), ("dog", 6), ("cta", 1), ("emu", 3)):
        for place in range(count):
            picture(tmp_path / "train" / name / f"{place}.png")
    for name in ("cat", "emu"):
        picture(tmp_path / "test" / name / "t.png")
    (tmp_path / "train" / "notes").mkdir()
    with pytest.warns(UserWarning, match="passed over 1 as a folder without a picture"):
        data = load_folder(tmp_path)
    found, places = data.chosen(least=5)
    assert (found.class_names, found.labels.tolist()) == (("cat", "dog"), [0] * 5 + [1] * 6)
    assert (found.test_paths, found.test_labels.tolist()) == (("test/cat/t.png",), [0])
    assert [data.paths[place] for place in places[""]] == list(found.paths)
    assert torch.equal(found.images, data.images[places[""]])
    assert found.all_class_names == ("cat", "cta", "dog", "emu")
    assert found.notes[-1].startswith("put aside 2 classes with fewer than 5 training pictures: cta (1), emu (3); look")
    assert found.notes[-1].endswith("; left out too, test pictures: 1 of emu")
    assert "train/cta/0.png as cta" in found.notes[-1]
    assert "passed over 1 as a folder without a picture (first: train/notes)" in found.notes
    with pytest.raises(ValueError, match="at least 2 classes need 6 pictures each, got 4 classes: cat 5, cta 1, dog 6"):
        data.chosen(least=6)
    same, places = data.chosen()
    assert same is data
    assert {part: len(at) for part, at in places.items()} == {"": 15, "test_": 2}
