"""The label review without a browser: decisions, their file, and what comes of it."""

import pandas as pd
import pytest
import torch

import gdw
from gdw.data.confirmed import read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import NONE, labels_by_path
from gdw.label_files.label_table import read_table
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.panels import review_file
from gdw_notebooks.panels.review import Review


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits") / "digits"
    return root, write_digits(root, per_class=8, seed=1)


@pytest.fixture
def dataset(folder):
    return gdw.load_dataset(str(folder[0]))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "confirmed.csv"


def rows(path):
    return path.read_text("utf-8").splitlines()


def ways(path):
    return dict(row.split(",")[::2] for row in rows(path)[1:])


def keep(review, times=1):
    for _ in range(times):
        review.decide(review.path[0])


def suspects_of(dataset, order=(5, 2, 9)):
    table = pd.DataFrame({"path": [dataset.paths[p] for p in order]})
    proposed = [str(1 + place % 9) for place in range(len(table))]
    return table.assign(proposed=proposed, score=[0.9 - place / 100 for place in range(len(table))], reason="looks so")


def test_every_decision_is_on_disk_at_once_and_a_review_goes_on_where_it_stopped(dataset, file):
    review = Review(dataset, file)
    first = review.path
    keep(review)
    second = review.path
    review.decide("7")
    drawn = "random in class"
    assert rows(file) == ["path,label,chosen", f"{first},{first[0]},{drawn}", f"{second},7,{drawn}"]
    assert first[0] == second[0]  # one class at a time
    third = review.path
    review.decide(NONE)
    again = Review(dataset, file)
    assert again.confirmed == review.confirmed == {first: first[0], second: "7", third: NONE}
    assert again.path == review.path
    again.decide(None, second)
    again.decide("", third)  # unsure: this review does not ask again, the next one does
    assert again.path == second
    again.decide("7")
    assert again.path not in (second, third)
    assert Review(dataset, file).path == third


def test_classes_come_one_by_one_until_each_has_enough(dataset, folder, file):
    review, seen = Review(dataset, file, per_class=3), []
    while review.path:
        seen.append(review.path[0])
        review.decide(folder[1][review.path])
    assert seen == sorted(seen)
    counts = pd.Series(review.confirmed).value_counts()
    assert (counts >= 3).all()
    assert len(counts) == 10
    with pytest.raises(ValueError, match="no picture is left"):
        review.decide("3")


def test_the_meta_set_and_the_corrected_labels(dataset, folder, file, tmp_path):
    root, truth = folder
    pictures = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")}
    review = Review(dataset, file, per_class=2)
    while review.path:
        review.decide(truth[review.path])
    no_class = dataset.paths[review._left()[0] if review._left() else 3]
    review.decide(NONE, no_class)
    places, labels = review.meta_set()
    sure = {path: label for path, label in review.confirmed.items() if path != no_class}
    assert {dataset.paths[p]: dataset.class_names[c] for p, c in zip(places, labels, strict=True)} == sure
    changed = review.save_corrected(tmp_path / "corrected.csv")
    assert changed == 1 + sum(path[0] != label for path, label in sure.items())
    table = pd.read_csv(tmp_path / "corrected.csv", dtype=str).set_index("path")["label"]
    assert list(table.index) == [path for path in dataset.paths if path != no_class]
    for path, label in table.items():
        assert label == review.confirmed.get(path, path[0])
    assert {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")} == pictures
    with pytest.warns(UserWarning, match="passed over 1 as not in corrected.csv"):
        read = labels_by_path(read_table(tmp_path / "corrected.csv"), "label", dataset)
    assert torch.equal(read, review.corrected_labels())


def test_suspects_come_in_the_order_of_their_table(dataset, file, tmp_path):
    table = suspects_of(dataset)
    table.to_csv(tmp_path / "suspects.csv", index=False)
    for suspects in (table, tmp_path / "suspects.csv"):
        review = Review(dataset, file, suspects=suspects)
        assert [dataset.paths[place] for place in review._left()] == list(table["path"])
    review.decide("1")
    review.decide("")
    keep(review)
    assert review.path is None
    assert review.confirmed == {dataset.paths[5]: "1", dataset.paths[9]: dataset.paths[9][0]}
    assert Review(dataset, file, suspects=table).path == dataset.paths[2]


def test_the_file_says_how_each_picture_was_chosen(dataset, file):
    drawn = Review(dataset, file)
    first = drawn.path
    keep(drawn)
    keep(Review(dataset, file, suspects=suspects_of(dataset, (5, 70))), 2)
    assert ways(file) == {first: "random in class", dataset.paths[5]: "suspect", dataset.paths[70]: "suspect"}
    sample = suspects_of(dataset, (5, 20, 30)).assign(chosen="random")
    asked = Review(dataset, file, suspects=sample)
    assert repr(asked) == "Review(1 of 3 pictures decided)"  # a sample is not made of suspects
    keep(asked, 2)
    sampled = {dataset.paths[place] for place in (5, 20, 30)}  # also the suspect that the sample has
    assert {path for path, way in ways(file).items() if way == "random"} == sampled
    assert ways(file)[dataset.paths[70]] == "suspect"


def test_a_sample_is_random_up_to_the_first_picture_that_was_passed_over(dataset, file):
    keep(Review(dataset, file, suspects=suspects_of(dataset, range(80))), 30)
    sample = Review(dataset, file, suspects=suspects_of(dataset, range(80)).assign(chosen="random"))
    order = list(sample._table["path"])
    assert sorted(order) == sorted(dataset.paths)
    keep(sample, 10)
    seen = order[: order.index(sample.path)]
    drawn = {path for path, way in ways(file).items() if way == "random"}
    assert drawn == set(seen)
    passed, left = sample.path, [dataset.paths[place] for place in sample._left()]
    sample.decide("3", left[1])  # a click on another picture selects it
    assert ways(file)[left[1]] == "suspect"
    sample.decide("3", passed)
    assert ways(file)[left[1]] == ways(file)[passed] == "random"


def test_rows_of_other_pictures_and_of_an_earlier_version_stay(dataset, file):
    file.write_text(f"path,label\nelsewhere/1.png,7\n{dataset.paths[70]},7\n", "utf-8")
    with pytest.warns(UserWarning, match="1 rows of confirmed.csv name no picture here"):
        review = Review(dataset, file)
    assert review.confirmed == {dataset.paths[70]: "7"}
    keep(review)
    assert rows(file)[1:3] == ["elsewhere/1.png,7,", f"{dataset.paths[70]},7,"]
    with pytest.warns(UserWarning, match="1 rows of"):
        drawn = read_confirmed(file, dataset.paths, dataset.class_names).drawn()
    assert drawn == [dataset.paths.index(list(review.confirmed)[-1])]


def test_a_label_that_is_no_class_stays_until_its_picture_is_decided(dataset, file):
    odd, other = f"{dataset.paths[70]},sevn,", f"{dataset.paths[71]},7,"
    file.write_text(f"path,label,chosen\n{odd}\n{other}\n", "utf-8")
    with pytest.warns(UserWarning, match="1 labels that are no class"):
        review = Review(dataset, file)
    assert review.confirmed == {dataset.paths[71]: "7"}
    keep(review)
    assert rows(file)[1:3] == [odd, other]
    review.decide("7", dataset.paths[70])
    assert not [row for row in rows(file) if "sevn" in row]


def test_what_is_not_a_table_of_suspects(dataset, file):
    table = suspects_of(dataset)
    for wrong, says in (
        (table.drop(columns="score"), "it lacks score"),
        (table.assign(path="no/such.png"), "no picture here is called no/such.png"),
        (table.assign(proposed="seven"), "unknown class in the table of suspects 'seven'"),
    ):
        with pytest.raises(ValueError, match=says):
            Review(dataset, file, suspects=wrong)
    with pytest.raises(FileNotFoundError):
        Review(dataset, file, suspects=file.with_name("none.csv"))


def test_what_is_not_a_file_of_decisions(dataset, file):
    for text, says in (
        ("path,label\nnone.png,1\n", "no picture here is called none.png"),
        (f"path,label\n{dataset.paths[0]},seven\n", "unknown class"),
        (f"path,word\n{dataset.paths[0]},1\n", "needs the columns path and label"),
    ):
        file.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=says):
            Review(dataset, file)
        assert file.read_text("utf-8") == text
    with pytest.raises(ValueError, match=r"ends in .csv"):
        Review(dataset, file.with_suffix(".txt"))
    with pytest.raises(OSError, match="no folder"):
        Review(dataset, file.parent / "none" / "confirmed.csv")


def test_a_data_set_that_cannot_be_reviewed(file):
    pictures = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="no file paths"):
        Review(Dataset("own", ("a", "b"), pictures, torch.tensor([0, 1, 0, 1])), file)
    points = Dataset("own", ("a", "b"), torch.zeros(2, 2), torch.tensor([0, 1]), paths=("a/1", "b/1"))
    with pytest.raises(ValueError, match="no pictures to show"):
        Review(points, file)


@pytest.fixture
def heard(dataset, file, monkeypatch):
    """A review, and a function that says something to it as a browser does and gives the answer."""
    review, sent = Review(dataset, file), []
    monkeypatch.setattr(review, "send", lambda content: sent.append(content))

    def say(**content):
        review._heard(content)
        return sent[-1]

    return review, say


def test_a_page_comes_with_what_is_decided_and_each_decision_is_written(heard, dataset, file):
    review, say = heard
    keep(review)
    assert f'"kept":[["{next(iter(review.confirmed))}","0"]]' in say(open=True)["page"]
    path = review.path
    assert say(gdw="key", path=path, label="3") == {"problem": ""}
    assert review.confirmed[path] == "3"
    say(gdw="key", path=path, label=None)
    assert path not in review.confirmed
    for odd in ({}, {"path": path}, {"path": path, "label": 7}, {"path": [1], "label": "3"}):
        assert say(**odd)["problem"]
    assert len(review.confirmed) == 1


def test_what_cannot_be_written_is_not_decided_and_the_page_shows_the_file_again(heard, file, monkeypatch):
    review, say = heard
    keep(review)
    path, before = review.path, rows(file)

    def full(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(review_file.files, "write", full)
    answer = say(path=path, label="3")
    assert answer["problem"] == "Not saved: the disk is full"
    assert path in answer["page"]
    assert (review.path, rows(file)) == (path, before)
    monkeypatch.undo()


def test_two_reviews_of_one_file_keep_each_others_decisions(dataset, file):
    one, other = Review(dataset, file), Review(dataset, file, suspects=suspects_of(dataset))
    mine, theirs = one.path, other.path
    keep(one)
    keep(other)
    assert [row.split(",")[0] for row in rows(file)[1:]] == [mine, theirs]
    one.decide(None, mine)
    assert [row.split(",")[0] for row in rows(file)[1:]] == [theirs]


def test_a_picture_for_those_without_a_kernel(dataset, file):
    data, metadata = Review(dataset, file)._repr_mimebundle_()
    assert data["text/plain"] == "Review(0 pictures confirmed; 0 of 10 classes have 10)"
    assert data["image/png"]
    assert "0 pictures confirmed" in metadata["image/png"]["alt"]
