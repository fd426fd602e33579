"""An experiment's data is what its files hold: wherever they are, whatever they are called, and as they are now."""

import os
import shutil
import time
from pathlib import Path

import pytest

import gdw
from gdw import cache
from gdw.comparison.records import finished, records_of
from gdw.comparison.sweep import resume, run_all
from gdw.experiments import identity
from gdw.experiments.provenance import weights_of
from tests.picture_files import cifar_folder

LONG_AGO = time.time() - 1000
SMALL = {"model": "cnn", "epochs": 1, "meta_per_class": 1, "batch_size": 10, "device": "cpu", "method": "cross-entropy"}


def on(folder: Path | str, **changes) -> gdw.Experiment:
    return gdw.Experiment(**(SMALL | changes), dataset=str(folder))


@pytest.fixture
def pets(tmp_path) -> Path:
    """A folder of pictures whose files were written long ago."""
    folder = cifar_folder(tmp_path / "pets", train=3, test=1)
    for file in folder.rglob("*.png"):
        os.utime(file, (LONG_AGO, LONG_AGO))
    return folder


def same_labels_other_pictures(folder: Path) -> None:
    """Two pictures of one class change places."""
    first, second = sorted((folder / "train" / "cat").iterdir())[:2]
    before = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(before)


def test_one_folder_by_any_name_is_one_experiment(pets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moved = shutil.copytree(pets, tmp_path / "elsewhere" / "dogs and cats")
    names = ["./pets", "./pets/", pets, f"{pets}/../pets", moved]
    first, *others = [on(name) for name in names]
    for other in others:
        assert other == first
        assert hash(other) == hash(first)
        assert other.identified().content == first.identified().content
    shutil.rmtree(moved / "train" / "cat")
    assert on(moved) != first
    assert on(moved) == on(f"{moved}/")  # not readable as a data set, and still the same place


def test_other_pictures_are_other_data_though_their_labels_are_equal(pets, tmp_path):
    before = on(pets).identified()
    training = gdw.Training(on(pets))
    next(training.events())
    training.save(tmp_path / "run.safetensors")
    same_labels_other_pictures(pets)
    assert on(pets).identified().content != before.content
    assert on(pets).identified() != before
    with pytest.raises(ValueError, match="it was made with other data"):
        gdw.Training.load(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match="the files have changed since this run was described"):
        gdw.Training(before)
    assert gdw.Training(before.with_(content=None)).history.config["content"] != before.content


def test_a_sweep_looks_at_the_disk_as_it_is_now(pets):
    def images(history):
        return sum(history.class_counts)

    experiment = on(pets)
    before = next(run_all([experiment], workers=0))
    same_labels_other_pictures(pets)
    other = next(run_all([experiment], workers=0))
    assert other.config["content"] != before.config["content"]
    for name in ("cat", "dog"):
        for place in range(3):
            shutil.copy(pets / "train" / name / "0.png", pets / "train" / name / f"more {place}.png")
    assert images(next(run_all([experiment], workers=0))) == images(before) + 6


def test_a_run_is_done_wherever_its_pictures_are_now(pets, tmp_path):
    file = tmp_path / "runs.jsonl"
    experiments = [on(pets), on(pets, seed=1)]
    assert len(list(resume(experiments[:1], file, workers=0))) == 1
    moved = Path(shutil.move(pets, tmp_path / "moved"))
    there = [on(moved), on(moved, seed=1)]
    assert [line["seed"] for line in resume(there, file, workers=0)] == [1]
    same_labels_other_pictures(moved)
    assert finished(there, file) == [None, None]


def test_an_edited_table_of_labels_is_other_data(pets, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "\n".join(f"{name}/{n}.png,{name}" for name in ("cat",) for n in range(3)))
    one = on(pets, noise=f"human:{table}").identified()
    copied = Path(shutil.copy(table, tmp_path / "copy.csv"))
    assert on(pets, noise=f"human:{copied}") == one
    assert on(pets, noise=f"human:{copied}:label") != one
    copied.write_text(table.read_text().replace("cat\n", "dog\n", 1), encoding="utf-8")
    assert on(pets, noise=f"human:{copied}") != one
    on_digits = gdw.Experiment(noise=f"human:{table}")
    assert on_digits.identified().content not in (None, gdw.Experiment(noise=f"human:{copied}").identified().content)


def test_a_run_code_says_what_its_files_hold_and_reading_it_opens_none(pets, monkeypatch):
    code = on(pets).code
    old = on(pets)._code()  # as version 0.2 wrote it
    assert "content=" in code
    assert "content=" not in old
    monkeypatch.setattr(identity, "list_folder", lambda folder: pytest.fail("a run code was read, and a folder"))
    assert gdw.Experiment.from_code(code).content == on(pets, content=code.split("content=")[1][:16]).content
    with pytest.warns(UserWarning, match="its data is not identified"):
        assert gdw.Experiment.from_code(old) == on(pets)


def test_old_records_are_taken_on_trust_and_said_so(pets):
    old = {"config": on(pets).config(), "method": "cross-entropy", "error": None}
    with pytest.warns(UserWarning, match="1 records do not say what their files held"):
        assert records_of([on(pets), on(pets, seed=1)], [old]) == [old, None]
    grown = on(pets, confirmed="confirmed.csv")
    assert records_of([grown], [{"config": grown.config(), "method": "x", "error": None}]) == [None]


def test_a_file_that_did_not_change_is_read_once(pets, monkeypatch):
    read = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self) or whole(self))
    first = on(pets).identified().content
    settled = [file for file in pets.rglob("*.png") if file.stat().st_ctime < time.time() - cache.SETTLED]
    assert len(read) == 40
    monkeypatch.setattr(cache, "SETTLED", -1.0)  # as if some time had passed
    on(pets).identified()
    read.clear()
    assert on(pets).identified().content == first
    assert not read, settled


def test_data_without_files_needs_no_content():
    for experiment in (gdw.Experiment(), gdw.Experiment(dataset="mnist", noise="flip", rate=0.4)):
        assert experiment.identified() is experiment
        assert "content" not in experiment.code


def test_a_file_of_weights_is_read_once_until_it_changes(tmp_path, monkeypatch):
    """However many records ask; a file that was written a moment ago is read each time."""
    file, reads = tmp_path / "weights.pth", []
    file.write_bytes(b"first")
    monkeypatch.setattr("gdw.experiments.provenance.digest", lambda content: reads.append(content) or content)
    experiment = gdw.Experiment(model="timm:resnet18", pretrained=str(file))
    monkeypatch.setattr(cache, "SETTLED", 1e9)
    assert [weights_of(experiment) for _ in range(2)] == [b"first".hex()] * 2
    assert len(reads) == 2
    monkeypatch.setattr(cache, "SETTLED", -1.0)
    assert [weights_of(experiment) for _ in range(3)] == [b"first".hex()] * 3
    assert len(reads) == 3
    file.write_bytes(b"other and longer")
    assert weights_of(experiment) == b"other and longer".hex()
    assert weights_of(experiment.with_(pretrained=str(tmp_path / "none"))) is None
