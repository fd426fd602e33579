"""The model to take home: it sees in a folder what the run's own evaluation saw; other files are refused."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import gdw
from gdw.__main__ import main
from gdw.data.dataset import Dataset
from gdw.pictures import extraction
from gdw.pictures.pixels import Pixels
from gdw.training import checkpoint
from tests.pictures.test_features import Loader
from tests.trust.killing import tiny

CLASSES = ("cat", "sea", "dog")


@pytest.fixture
def folder(tmp_path):
    """Pictures of several sizes; each class has a colour of its own, with noise."""
    random = np.random.default_rng(0)
    for split, count in (("train", 30), ("test", 8)):
        for place, name in enumerate(CLASSES):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(count):
                shades = random.integers(0, 200, (12 + number % 3, 12, 3), dtype=np.uint8)
                shades[..., place] += 25
                Image.fromarray(shades).save(tmp_path / "data" / split / name / f"{number}.png")
    return tmp_path / "data"


def trained(folder, **given):
    small = {"model": "linear", "epochs": 3, "batch_size": 20, "meta_per_class": 3, "device": "cpu"}
    training = gdw.Training(gdw.Experiment(dataset=str(folder), method="cross-entropy", **(small | given)))
    list(training.events())
    return training


def accuracy(saved, folder):
    """In percent, of what it predicts for a folder of classes."""
    table, notes = saved.predict(folder)
    return 100 * (table["path"].str.partition("/")[0] == table["predicted"]).mean(), table, notes


@pytest.mark.filterwarnings("ignore:.*pictures of several sizes")
@pytest.mark.parametrize("given", [{}, {"model": "cnn", "image_size": 10}, {"precision": "float64"}], ids=str)
def test_it_sees_what_the_runs_own_evaluation_saw(folder, tmp_path, given):
    training = trained(folder, **given)
    training.save_model(tmp_path / "m.safetensors")
    saved = gdw.load_model(tmp_path / "m.safetensors")
    (folder / "test" / "cat" / "broken.png").write_bytes(b"no picture")
    right, table, notes = accuracy(saved, folder / "test")
    assert right == pytest.approx(training.history["test_accuracy"][-1])
    assert len(table) == 24
    assert "passed over 1 broken pictures (first: " in notes[0]
    assert "broken.png" in notes[0]
    assert table.filter(like="p(").sum(axis=1).to_numpy() == pytest.approx(1)
    assert saved.model.state_dict().keys() == training.model.state_dict().keys()


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_run_on_features_sees_the_same_features(folder, tmp_path, monkeypatch, mirrored):
    monkeypatch.setattr(extraction, "load_network", Loader())
    training = trained(folder, features="test_net", features_size=32, mirrored=mirrored, lr=0.1)
    training.save_model(tmp_path / "m.safetensors")
    right, table, _ = accuracy(gdw.load_model(tmp_path / "m.safetensors"), folder / "test")
    assert right == pytest.approx(training.history["test_accuracy"][-1])
    assert right > 40
    assert len(table) == 24
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "a.png").write_bytes(b"junk")
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "new"))
    with pytest.raises(ValueError, match=r"junk has no picture that can be decoded: passed over 1 broken .*a\.png"):
        gdw.load_model(tmp_path / "m.safetensors").predict(tmp_path / "junk")


@pytest.mark.parametrize(("side", "read"), [(40, 40), (120, 32)])
def test_a_picture_is_read_as_large_as_those_that_the_network_saw(tmp_path, monkeypatch, side, read):
    """Arrays of 40 pixels as they were; of 120, of which small copies are kept, as large as the network takes them."""
    monkeypatch.setattr(extraction, "load_network", Loader())
    random = np.random.default_rng(0)
    data = Dataset("own", ("a", "b"), random.integers(0, 256, (60, 3, side, side), dtype=np.uint8), np.arange(60) % 2,
                   pixels=Pixels(255))  # fmt: skip
    experiment = gdw.Experiment(features="test_net", features_size=32, epochs=1, batch_size=20, device="cpu")
    training = gdw.Training(experiment, dataset=data)
    list(training.events())
    training.save_model(tmp_path / "m.safetensors")
    assert gdw.load_model(tmp_path / "m.safetensors").read_size == (read, read)


def test_grey_pictures_and_bfloat16(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    data = Dataset("grey", ("a", "b"), images, np.arange(60) % 2, pixels=Pixels(255, (0.5,), (0.3,)))
    experiment = gdw.Experiment(epochs=1, batch_size=20, model="cnn", precision="bfloat16", device="cpu")
    training = gdw.Training(experiment, dataset=data)
    list(training.events())
    training.save_model(tmp_path / "m.safetensors")
    saved = gdw.load_model(tmp_path / "m.safetensors")
    (tmp_path / "new").mkdir()
    for number, image in enumerate(images[:5, 0]):
        Image.fromarray(image).save(tmp_path / "new" / f"{number}.png")
    table, _ = saved.predict(tmp_path / "new")
    assert table.filter(like="p(").to_numpy() == pytest.approx(
        saved.probs(torch.from_numpy(images[:5])).numpy(), abs=1e-4
    )


def test_a_network_of_your_own_is_given_again(tmp_path):
    training = gdw.Training(tiny("gdw"), model=nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    training.save_model(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"give load_model\(path, model=...\) one like it"):
        gdw.load_model(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="has the weights of another network: "):
        gdw.load_model(tmp_path / "m.safetensors", nn.Linear(64, 10))
    saved = gdw.load_model(tmp_path / "m.safetensors", nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    images = training.task.test.images[:7]
    assert torch.equal(saved.probs(images).argmax(1), saved.model(saved.pixels.normalise(images)).argmax(1))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    training = gdw.Training(tiny("gdw"))
    training.save(path)
    with pytest.raises(ValueError, match="is not a saved model: its format is 'gdw run 1'"):
        gdw.load_model(path)
    training.save_model(path)
    with pytest.raises(ValueError, match="is not a saved run: its format is 'gdw model 1'"):
        gdw.Training.load(path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="m.safetensors is damaged"):
        gdw.load_model(path)
    whole = {
        "class_names": ["a", "b"], "config": {"model": "mlp"}, "input_shape": [2], "network": None,
        "network_size": None, "read_size": None, "pixels": {"mean": [0.0], "std": [1.0], "scale": 1.0},
    }  # fmt: skip
    faults = [{"config": {}}, {"input_shape": ["x"]}, {"read_size": 3}, {"config": {"own": 3}}]
    faults.append({"pixels": {"mean": "x"}})
    for text in ("[]", "x", json.dumps({"class_names": 3}), *(json.dumps(whole | fault) for fault in faults)):
        checkpoint.write_tensors(path, "gdw model 1", text, {})
        with pytest.raises(ValueError, match="is not a saved model: its content cannot be understood"):
            gdw.load_model(path)
    clouds = gdw.Training(gdw.Experiment(dataset="clouds", epochs=1, device="cpu"))
    clouds.save_model(path)
    with pytest.raises(ValueError, match="takes inputs of the shape .2,., which no picture's file has"):
        gdw.load_model(path).predict(tmp_path)


@pytest.mark.filterwarnings("ignore:.*pictures of several sizes")
def test_from_the_command_line(folder, tmp_path, capsys):
    model, table = tmp_path / "m.safetensors", tmp_path / "out.csv"
    train = ["run", "--dataset", str(folder), "--model", "linear", "--epochs", "1", "--meta-per-class", "3",
             "--batch-size", "20", "--device", "cpu", "--json", str(tmp_path / "r.jsonl")]  # fmt: skip
    assert main(train) == 0
    assert main([*train, "--save-model", str(model)]) == 0  # though the record is there already
    assert main(["predict", str(model), str(folder / "test"), "--csv", str(table)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("24 pictures: ")
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert len(rows) == 24
    assert list(rows[0]) == ["path", "predicted", "p(cat)", "p(dog)", "p(sea)"]
    assert main(["predict", str(model), str(folder / "test"), "--csv", str(table)]) == 0  # our own table is replaced
    table.write_text("mine", "utf-8")
    (tmp_path / "empty").mkdir()
    for arguments, message in [
        (["predict", str(model), str(folder), "--csv", str(table)], "is no table of predictions"),
        (["predict", str(model), str(tmp_path / "empty"), "--csv", str(tmp_path / "o.csv")], "has no picture"),
        (["predict", str(model), str(tmp_path / "no"), "--csv", str(tmp_path / "o.csv")], "there is no folder"),
        ([*train, "--seeds", "2", "--save-model", str(model)], "--save-model keeps one model, and these are 2 runs"),
        ([*train, "--save-model", str(tmp_path / "no" / "m")], "there is no folder"),
    ]:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
