"""Human labels from files of the published form that the test makes, and from files that are something else."""

import itertools
import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import gdw
from gdw.data.dataset import Dataset
from gdw.data.human_labels import human_labels
from gdw.data.picture_labels import labels_by_path
from gdw.label_files.label_table import read_table
from tests.label_files.test_label_files import Evil

DIGITS = gdw.load_dataset("digits")
CLEAN = DIGITS.labels.numpy()
WORSE = (CLEAN + (np.arange(len(CLEAN)) % 3 == 0)) % 10


@pytest.fixture
def published(tmp_path):
    """A dictionary of numpy arrays saved by torch, as CIFAR-10N's file is."""
    path = tmp_path / "CIFAR-10_human.pt"
    aggregated = (CLEAN + (np.arange(len(CLEAN)) % 10 == 0)) % 10
    torch.save({"clean_label": CLEAN, "worse_label": WORSE, "aggre_label": aggregated}, path)
    return path


@pytest.mark.parametrize(("key", "share"), [("", 1 / 3), (":worse_label", 1 / 3), (":aggre_label", 1 / 10)])
def test_a_task_takes_the_files_labels_for_the_images_it_trains_on(published, key, share):
    task = gdw.make_task(DIGITS, noise=f"human:{published}{key}")
    assert task.wrong_label_rate == pytest.approx(share, abs=0.03)
    if share > 0.2:
        assert torch.equal(task.train.labels, torch.from_numpy(WORSE)[task.dataset_indices["train"]])


def test_an_experiment_trains_on_them_and_its_run_code_holds_the_path(published):
    experiment = gdw.Experiment(noise=f"human:{published}:aggre_label", method="cross-entropy", epochs=1)
    history = gdw.run(gdw.Experiment.from_code(experiment.code))
    assert history.wrong_label_rate == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("suffix", ["pt", "npy"])
def test_one_array_alone_will_do(tmp_path, suffix):
    path = tmp_path / f"labels.{suffix}"
    if suffix == "pt":
        torch.save(torch.from_numpy(WORSE), path)
    else:
        np.save(path, WORSE.astype(np.int32))
    assert gdw.make_task(DIGITS, noise=f"human:{path}").wrong_label_rate == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"worse_label": WORSE[:-1]}, "one label for each of"),
        ({"worse_label": WORSE + 1}, "must lie in 0 ... 9"),
        ({"worse_label": WORSE - 1}, "must lie in 0 ... 9"),
        ({"worse_label": WORSE / 2}, "must be whole numbers"),
        ({"worse_label": "cat"}, "must be whole numbers"),
        ({"worst_label": WORSE, "best_label": CLEAN}, "several sets of labels.*worst_label, best_label"),
        ({"worse_label": WORSE, "clean_label": CLEAN[::-1].copy()}, "another order"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(tmp_path, content, message):
    torch.save(content, tmp_path / "labels.pt")
    with pytest.raises(ValueError, match=re.escape(message) if "..." in message else message):
        gdw.make_task(DIGITS, noise=f"human:{tmp_path}/labels.pt")


@pytest.mark.parametrize("kind", ["torch", "pickle", "numpy", "junk"])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, kind):
    proof, path = tmp_path / "ran", tmp_path / ("labels.npy" if kind == "numpy" else "labels.pt")
    if kind == "torch":
        torch.save({"worse_label": Evil(proof)}, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Evil(proof)))
    elif kind == "numpy":
        np.save(path, np.array([Evil(proof)], dtype=object), allow_pickle=True)
    else:
        path.write_bytes(b"not a file of labels")
    with pytest.raises(ValueError, match="does not hold plain arrays"):
        gdw.make_task(DIGITS, noise=f"human:{path}")
    assert not proof.exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.pt"):
        gdw.make_task(DIGITS, noise=f"human:{tmp_path}/missing.pt")


@pytest.fixture
def lost(tmp_path):
    """A folder of three classes, of which b has good pictures in its test set alone."""
    for part, name, count in itertools.product(("train", "test"), "abc", range(4)):
        file = tmp_path / "pets" / part / name / f"{count}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 40 * "abc".index(name) + count).save(file)
        if (part, name) == ("train", "b"):
            file.write_bytes(b"junk")
    said = "with no training picture that can be decoded: b .0.; left out too, test pictures: 4 of b"
    with pytest.warns(UserWarning, match=said):
        return gdw.load_dataset(tmp_path / "pets")


@pytest.mark.parametrize("word", ["", "unsure", "none of these"])
def test_a_table_in_which_nobody_has_decided_is_refused_in_one_sentence(lost, tmp_path, word):
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"{path},{word}\n" for path in lost.paths), "utf-8")
    with pytest.warns(UserWarning, match="passed over 8"), pytest.raises(ValueError, match="a has only 0 images"):
        gdw.make_task(lost, noise=f"human:{tmp_path}/t.csv")


def test_labels_of_a_class_that_was_put_aside_are_counted(lost, tmp_path):
    words = ["b", "b", *("ac"[label] for label in lost.labels.tolist()[2:])]
    rows = (f"{path},{word}\n" for path, word in zip(lost.paths, words, strict=True))
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(rows), "utf-8")
    with pytest.warns(UserWarning, match="passed over 2 labelled b, a class that was put aside"):
        found = labels_by_path(read_table(tmp_path / "t.csv"), "label", lost)
    assert found.tolist() == [-1, -1, *lost.labels.tolist()[2:]]


@pytest.mark.parametrize("form", ["npy", "pt", "csv"])
@pytest.mark.parametrize("by_folder", [True, False])
def test_numbers_may_count_a_folder_without_a_picture(tmp_path, form, by_folder):
    for name, count in itertools.product("acd", range(4)):
        file = tmp_path / "pets" / name / f"{count}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 40 * "acd".index(name) + count).save(file)
    (tmp_path / "pets" / "b").mkdir()
    with pytest.warns(UserWarning, match="a folder without a picture"):
        data = gdw.load_dataset(tmp_path / "pets")
    assert (data.class_names, data.folder_names) == (("a", "c", "d"), ("a", "b", "c", "d"))
    truth = np.repeat(np.arange(3), 4)
    observed = np.where(np.arange(12) % 4 == 0, (truth + 1) % 3, truth)
    number = np.array([0, 2, 3] if by_folder else [0, 1, 2])
    path, given, expected = tmp_path / f"l.{form}", number[observed], observed.copy()
    if by_folder:
        given[1], expected[1] = 1, -1  # somebody took it for a b
    if form == "npy":
        np.save(path, given)
    elif form == "pt":
        torch.save({"clean_label": number[truth], "noisy_label": given}, path)
    else:
        rows = (f"{name},{label}\n" for name, label in zip(data.paths, given, strict=True))
        path.write_text("path,label\n" + "".join(rows), "utf-8")
    counted = "0 = a, 1 = b, 2 = c, 3 = d" if by_folder else "0 = a, 1 = c, 2 = d"
    with warnings.catch_warnings(record=True, action="always") as said:
        assert human_labels(f"human:{path}", data).tolist() == expected.tolist()
    assert f"they are taken (its classes are numbered {counted})" in str(said[-1].message)
    passed = [f"{path}: passed over 1 labelled b, a class that was put aside"] if by_folder and form == "csv" else []
    assert [str(one.message) for one in said[:-1]] == passed


@pytest.mark.parametrize("form", ["npz", "csv", "csv of pandas, beside a blank"])
def test_both_columns_count_the_same_folders(tmp_path, form):
    paths = tuple(f"{name}/{count}.png" for name in "acd" for count in range(2))
    truth = torch.tensor([0, 0, 1, 1, 2, 2])
    data = Dataset("f", tuple("acd"), torch.zeros(6, 1), truth, paths=paths, folder_names=tuple("abcd"))
    noisy, clean = np.array([0, 0, 2, 2, 2, 2]), np.array([0, 0, 2, 2, 3, 3])  # nobody said d
    path, expected = tmp_path / f"l.{form[:3]}", [0, 0, 1, 1, 1, 1]
    if form == "npz":
        np.savez(path, noisy_label=noisy, clean_label=clean)
    else:
        words = [f"{number}.0" if "blank" in form else str(number) for number in noisy]
        if "blank" in form:
            words[0], expected = "", [-1, *expected[1:]]
        rows = (f"{row[0]},{row[1]},{row[2]}\n" for row in zip(paths, words, clean, strict=True))
        path.write_text("path,noisy_label,clean_label\n" + "".join(rows), "utf-8")
    with warnings.catch_warnings(record=True, action="always") as said:
        assert human_labels(f"human:{path}", data).tolist() == expected
    assert "they are taken (its classes are numbered 0 = a, 1 = b, 2 = c, 3 = d)" in str(said[-1].message)
