"""The label review without a browser: its keys as methods, its file, and what comes of it."""

import base64
import io
import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gdw
from gdw.data.confirmed import read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.label_table import labels_by_path, read_table
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.panels import review_file
from gdw_notebooks.panels.label_review import LabelReview, class_keys


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


def test_every_decision_is_on_disk_at_once(dataset, file):
    review = LabelReview(dataset, file)
    first = review.path
    review.right()
    second = review.path
    review.correct("7")
    drawn = "random in class"
    assert rows(file) == ["path,label,chosen", f"{first},{first[0]},{drawn}", f"{second},7,{drawn}"]
    assert review.confirmed == {first: first[0], second: "7"}
    assert first[0] == second[0]  # one class at a time
    review.undo()
    assert rows(file) == ["path,label,chosen", f"{first},{first[0]},{drawn}"]
    assert review.path == second


def test_a_review_goes_on_where_it_stopped(dataset, file):
    review = LabelReview(dataset, file)
    for _ in range(3):
        review.right()
    again = LabelReview(dataset, file)
    assert again.confirmed == review.confirmed
    assert again.path == review.path
    for _ in range(3):
        again.undo()
    assert rows(file) == ["path,label,chosen"]
    assert LabelReview(dataset, file).path == next(iter(review.confirmed))
    again.undo()  # nothing is left to undo
    assert again.confirmed == {}


def test_classes_come_one_by_one_until_each_has_enough(dataset, folder, file):
    review, seen = LabelReview(dataset, file, per_class=3), []
    while review.path:
        seen.append(review.path[0])
        review.correct(folder[1][review.path])
    assert seen == sorted(seen)
    counts = pd.Series(review.confirmed).value_counts()
    assert (counts >= 3).all()
    assert len(counts) == 10
    with pytest.raises(ValueError, match="no picture is left"):
        review.right()


def test_the_meta_set_and_the_corrected_labels(dataset, folder, file, tmp_path):
    root, truth = folder
    pictures = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")}
    review = LabelReview(dataset, file, per_class=2)
    while review.path:
        review.correct(truth[review.path])
    places, labels = review.meta_set()
    assert {dataset.paths[p]: dataset.class_names[c] for p, c in zip(places, labels, strict=True)} == review.confirmed
    changed = review.save_corrected(tmp_path / "corrected.csv")
    assert changed == sum(path[0] != label for path, label in review.confirmed.items())
    table = pd.read_csv(tmp_path / "corrected.csv", dtype=str).set_index("path")["label"]
    assert list(table.index) == list(dataset.paths)
    for path, label in table.items():
        assert label == review.confirmed.get(path, path[0])
    assert {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")} == pictures
    read = labels_by_path(read_table(tmp_path / "corrected.csv"), "label", dataset)
    assert torch.equal(read, review.corrected_labels())


def suspects_of(dataset, order=(5, 2, 9)):
    table = pd.DataFrame({"path": [dataset.paths[p] for p in order]})
    proposed = [str(1 + place % 9) for place in range(len(table))]
    return table.assign(proposed=proposed, score=[0.9 - place / 100 for place in range(len(table))], reason="looks so")


def test_suspects_come_in_the_order_of_their_table(dataset, file, tmp_path):
    table = suspects_of(dataset)
    table.to_csv(tmp_path / "suspects.csv", index=False)
    for suspects in (table, tmp_path / "suspects.csv"):
        review = LabelReview(dataset, file, suspects=suspects)
        assert review.path == dataset.paths[5]
        assert (review.card["proposed"], review.card["score"], review.card["reason"]) == ("1", "0.9", "looks so")
    review.accept()
    review.skip()
    assert review.path == dataset.paths[9]
    review.right()
    assert review.path is None
    assert review.confirmed == {dataset.paths[5]: "1", dataset.paths[9]: dataset.class_names[dataset.labels[9]]}
    review.undo()
    review.undo()  # the skipped one
    assert review.path == dataset.paths[2]
    assert LabelReview(dataset, file, suspects=table).path == dataset.paths[2]


def ways(path):
    return dict(row.split(",")[::2] for row in rows(path)[1:])


def test_the_file_says_how_each_picture_was_chosen(dataset, file):
    drawn = LabelReview(dataset, file)
    drawn.right()
    first = next(iter(drawn.confirmed))
    suspects = LabelReview(dataset, file, suspects=suspects_of(dataset, (5, 70)))
    suspects.accept()
    suspects.accept()
    assert ways(file) == {first: "random in class", dataset.paths[5]: "suspect", dataset.paths[70]: "suspect"}
    sample = suspects_of(dataset, (5, 20, 30)).assign(chosen="random")
    asked = LabelReview(dataset, file, suspects=sample)
    assert repr(asked) == "LabelReview(1 of 3 pictures decided)"  # a sample is not made of suspects
    while asked.path:
        asked.accept()
    sampled = {dataset.paths[place] for place in (5, 20, 30)}  # also the suspect that the sample has
    assert {path for path, way in ways(file).items() if way == "random"} == sampled
    assert ways(file)[dataset.paths[70]] == "suspect"
    assert read_confirmed(file, dataset.paths, dataset.class_names).drawn("random") == sorted(
        dataset.paths.index(path) for path in sampled
    )


def test_a_sample_left_half_done_is_random_as_far_as_it_was_seen(dataset, file):
    """Suspects that were decided before belong to the sample only where it has come past them."""
    whole = LabelReview(dataset, file, suspects=suspects_of(dataset, range(80)))
    for _ in range(30):
        whole.right()
    table = suspects_of(dataset, range(80)).assign(chosen="random")
    sample = LabelReview(dataset, file, suspects=table)
    order = sample._queue.drawn
    assert sorted(order) == list(range(80))
    for _ in range(10):
        sample.right()
    seen = order[: 1 + order.index(dataset.paths.index(list(sample.confirmed)[-1]))]
    found = {dataset.paths.index(path) for path, way in ways(file).items() if way == "random"}
    assert found == set(seen)
    assert set(range(30)) & found  # some of the suspects
    assert not set(range(30)) <= found


def test_a_file_of_an_earlier_version_is_read_and_its_way_of_choosing_is_not_known(dataset, file):
    file.write_text(f"path,label\n{dataset.paths[70]},7\n", "utf-8")
    review = LabelReview(dataset, file)
    assert review.confirmed == {dataset.paths[70]: "7"}
    review.right()
    assert ways(file)[dataset.paths[70]] == ""
    drawn = read_confirmed(file, dataset.paths, dataset.class_names).drawn()
    assert drawn == [dataset.paths.index(list(review.confirmed)[-1])]


def test_what_is_not_a_table_of_suspects(dataset, file):
    table = suspects_of(dataset)
    for wrong, says in (
        (table.drop(columns="score"), "it lacks score"),
        (table.assign(path="no/such.png"), "no/such.png, and no picture here"),
        (table.assign(proposed="seven"), "unknown class in the table of suspects 'seven'"),
    ):
        with pytest.raises(ValueError, match=says):
            LabelReview(dataset, file, suspects=wrong)
    with pytest.raises(FileNotFoundError):
        LabelReview(dataset, file, suspects=file.with_name("none.csv"))


def test_what_is_not_a_file_of_decisions(dataset, file):
    for text, says in (
        ("path,label\nnone.png,1\n", "no picture here is called none.png"),
        (f"path,label\n{dataset.paths[0]},seven\n", "unknown class"),
        (f"path,word\n{dataset.paths[0]},1\n", "needs the columns path and label"),
    ):
        file.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=says):
            LabelReview(dataset, file)
        assert file.read_text("utf-8") == text
    with pytest.raises(ValueError, match=r"ends in .csv"):
        LabelReview(dataset, file.with_suffix(".txt"))
    with pytest.raises(OSError, match="no folder"):
        LabelReview(dataset, file.parent / "none" / "confirmed.csv")


def test_a_data_set_that_cannot_be_reviewed(file):
    pictures = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="no file paths"):
        LabelReview(Dataset("own", ("a", "b"), pictures, torch.tensor([0, 1, 0, 1])), file)
    points = Dataset("own", ("a", "b"), torch.zeros(2, 2), torch.tensor([0, 1]), paths=("a/1", "b/1"))
    with pytest.raises(ValueError, match="no pictures to show"):
        LabelReview(points, file)


def test_what_cannot_be_written_is_not_decided(dataset, file, monkeypatch):
    review = LabelReview(dataset, file)
    review.right()
    path, before = review.path, rows(file)

    def full(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(review_file.files, "write", full)
    with pytest.raises(OSError, match="full"):
        review.right()
    review._pressed({"action": "right", "path": path})
    assert review.message == "Not saved: the disk is full"
    assert (review.path, rows(file)) == (path, before)
    monkeypatch.undo()
    review._pressed({"action": "right", "path": path})
    assert review.message == ""
    assert review.path != path


def test_two_reviews_of_one_file_keep_each_others_decisions(dataset, file):
    one, other = LabelReview(dataset, file), LabelReview(dataset, file, suspects=suspects_of(dataset))
    mine, theirs = one.path, other.path
    one.right()
    other.accept()
    assert [row.split(",")[0] for row in rows(file)[1:]] == [mine, theirs]
    one.undo()
    assert [row.split(",")[0] for row in rows(file)[1:]] == [theirs]


KILLED = """
import os, signal, sys
import gdw
from gdw_notebooks.panels.label_review import LabelReview
review = LabelReview(gdw.load_dataset(sys.argv[1]), sys.argv[2])
for _ in range(5):
    review.right()
os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
"""


def test_a_killed_kernel_loses_nothing(dataset, folder, file):
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder[0]), str(file)], timeout=120, check=False)
    assert done.returncode in (-getattr(signal, "SIGKILL", signal.SIGTERM), signal.SIGTERM)
    assert len(LabelReview(dataset, file).confirmed) == 5


def test_a_press_acts_once_and_only_on_the_picture_it_was_about(dataset, file):
    review = LabelReview(dataset, file)
    press = {"action": "correct", "name": "3", "path": review.path}
    review._pressed(press)
    review._pressed(press)  # the same again, too late
    assert len(review.confirmed) == 1
    assert review.answered == 2
    for odd in ({}, {"action": "delete", "path": review.path}, {"action": "correct", "path": review.path}, 7):
        review._pressed(odd)
    assert len(review.confirmed) == 1
    review._pressed({"action": "undo"})
    assert review.confirmed == {}


def test_the_next_card_and_the_answer_to_a_press_come_together(dataset, file, monkeypatch):
    """Between them the browser would drop a press about the card that it already shows."""
    review, sent = LabelReview(dataset, file), []
    monkeypatch.setattr(review, "send_state", lambda key=None: sent.append({key} if isinstance(key, str) else set(key)))
    review._pressed({"action": "right", "path": review.path})
    assert [names >= {"card", "answered"} for names in sent] == [True]


def test_what_is_sent_is_plain_and_shows_the_picture(dataset, folder, file):
    review = LabelReview(dataset, file)
    state = json.loads(json.dumps({name: review.get_state()[name] for name in ("classes", "card", "answered")}))
    assert [entry["key"] for entry in state["classes"]] == list("0123456789")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(state["card"]["picture"].split(",")[1]))).convert("L"))
    np.testing.assert_array_equal(shown, np.asarray(Image.open(folder[0] / review.path)))


def test_keys():
    assert class_keys(("cat", "dog")) == ["1", "2"]
    many = class_keys(tuple(f"class {k}" for k in range(40)))
    assert many[:10] == [*"123456789", "a"]
    assert many[34:36] == ["z", ""]
    assert class_keys(("A", "b")) == ["a", "b"]
    assert class_keys(("a", "A")) == ["1", "2"]  # one key for two classes would be wrong


def test_a_picture_for_those_without_a_kernel(dataset, file):
    data, metadata = LabelReview(dataset, file)._repr_mimebundle_()
    assert data["text/plain"] == "LabelReview(0 pictures confirmed; 0 of 10 classes have 10)"
    assert data["image/png"]
    assert "0 pictures confirmed" in metadata["image/png"]["alt"]
