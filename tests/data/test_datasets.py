"""The data sets by name: shapes and ranges, and what is said where they cannot be had."""

import socket

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
from torchvision import datasets

from gdw.data.dataset import Dataset
from gdw.data.datasets import CLOUD_POINTS, DATASETS, data_root, load_dataset
from gdw.networks.classifiers import build_model
from gdw.pictures.pixels import Pixels


def test_digits_are_scikit_learns():
    digits = load_dataset("digits")
    assert digits.images.shape == (1797, 1, 8, 8)
    assert digits.images.dtype == torch.uint8
    assert int(digits.images.max()) == 16
    assert digits.class_names == tuple("0123456789")
    assert torch.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    pixels = digits.pixels.normalise(digits.images, torch.float64)
    assert torch.equal(pixels, digits.images.double() / 16 - 0.5)
    theirs = load_digits()
    assert np.array_equal(digits.images.squeeze(1).numpy(), theirs.images)
    assert np.array_equal(digits.labels.numpy(), theirs.target)


def test_clouds_are_three_classes_that_a_curve_separates_and_a_line_does_not():
    clouds = load_dataset("clouds")
    assert clouds.images.shape == (3 * CLOUD_POINTS, 2)
    assert torch.bincount(clouds.labels).tolist() == [CLOUD_POINTS] * 3
    assert torch.equal(clouds.images, load_dataset("clouds").images)
    assert _fitted_accuracy(clouds, torch.nn.Linear(2, 3)) < 0.75
    assert _fitted_accuracy(clouds, build_model("mlp", (2,), 3, torch.Generator().manual_seed(0))) > 0.93


def _fitted_accuracy(dataset, model):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        cross_entropy(model(dataset.images), dataset.labels).backward()
        optimizer.step()
    return float((model(dataset.images).argmax(1) == dataset.labels).float().mean())


class FakeCifar:
    """Stands where torchvision's CIFAR10 does; pictures whose red channel tells the split."""

    classes = ("bird", "cat")

    def __init__(self, root, train, download):
        self.data = np.zeros((6, 32, 32, 3), np.uint8)
        self.data[..., 0] = 200 if train else 100
        self.targets = [0, 1] * 3


class FakeMnist(FakeCifar):
    classes = ("0 - zero", "1 - one")

    def __init__(self, root, train, download):
        self.data = torch.zeros(4, 28, 28, dtype=torch.uint8)
        self.targets = torch.tensor([0, 1, 0, 1])


class Absent:
    """Not on disk, and the network is down."""

    def __init__(self, root, train, download):
        raise OSError("no route to host") if download else RuntimeError("Dataset not found")


def test_cifar_comes_in_channels_first_with_the_published_normalisation(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "CIFAR10", FakeCifar)
    cifar = load_dataset("cifar10", root=tmp_path)
    assert cifar.images.shape == cifar.test_images.shape == (6, 3, 32, 32)
    assert cifar.images[0].amax((1, 2)).tolist() == [200, 0, 0]
    assert cifar.test_images[0].amax((1, 2)).tolist() == [100, 0, 0]
    assert cifar.labels.tolist() == [0, 1] * 3
    assert (cifar.pixels.pad, cifar.pixels.flip) == (4, True)
    red = cifar.pixels.normalise(cifar.images, torch.float64)[0, 0, 0, 0]
    torch.testing.assert_close(float(red), (200 - 125.3) / 63.0)


def test_mnist_gets_a_channel_and_short_names(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "MNIST", FakeMnist)
    mnist = load_dataset("mnist", root=tmp_path)
    assert mnist.images.shape == (4, 1, 28, 28)
    assert mnist.class_names == ("0", "1")
    assert (mnist.pixels.pad, mnist.pixels.flip) == (0, False)


@pytest.mark.parametrize(("name", "mean", "deviation"), [("MNIST", 0.1307, 0.3081), ("FashionMNIST", 0.2860, 0.3530)])
def test_grey_sets_have_the_statistics_that_are_known_of_them(monkeypatch, tmp_path, name, mean, deviation):
    monkeypatch.setattr(datasets, name, FakeMnist)
    data = load_dataset("mnist" if name == "MNIST" else "fashion-mnist", root=tmp_path)
    found = data.pixels.normalise(torch.full((1, 1, 1, 1), 51, dtype=torch.uint8), torch.float64)
    torch.testing.assert_close(found.item(), (0.2 - mean) / deviation)


@pytest.mark.parametrize(
    ("name", "theirs", "file", "folder"),
    [
        ("cifar10", "CIFAR10", "cifar-10-python.tar.gz", "."),
        ("cifar100", "CIFAR100", "cifar-100-python.tar.gz", "."),
        ("mnist", "MNIST", "t10k-labels-idx1-ubyte.gz", "MNIST/raw"),
        ("fashion-mnist", "FashionMNIST", "train-images-idx3-ubyte.gz", "FashionMNIST/raw"),
    ],
)
def test_without_a_network_the_file_and_its_folder_are_named(monkeypatch, tmp_path, name, theirs, file, folder):
    monkeypatch.setattr(datasets, theirs, Absent)
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset(name, root=tmp_path)
    assert f"{file}" in str(caught.value)
    assert f"into {tmp_path / folder}" in str(caught.value)
    assert "no route to host" in str(caught.value)


def test_a_file_that_is_there_is_not_asked_for_again(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "MNIST", Absent)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(FileNotFoundError, match=r"Put train-labels-idx1-ubyte.gz, t10k-images"):
        load_dataset("mnist", root=tmp_path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "is empty"), (b"<!DOCTYPE html><p>404", "is a web page"), (b"version https://git-lfs.com", "git lfs pull")],
)
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "MNIST/raw/train-images-idx3-ubyte.gz"),
        ("mnist", "MNIST/raw/train-images-idx3-ubyte"),
        ("cifar10", "cifar-10-python.tar.gz"),
    ],
)
def test_a_damaged_published_file_is_named_with_its_cause(monkeypatch, tmp_path, name, file, content, cause):
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path.name}: the file .*{cause}.* Delete what is named here"):
        load_dataset(name, root=tmp_path)


def test_a_published_file_that_is_not_the_published_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"\x1f\x8b half of it")
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz: the file is not the published one \(its MD5"):
        load_dataset("cifar10", root=tmp_path)


def _no_network(*arguments, **settings):
    raise OSError("no network")


def test_the_root_is_the_one_given_then_the_environments(monkeypatch, tmp_path):
    monkeypatch.setenv("GDW_DATA", str(tmp_path))
    assert data_root() == tmp_path
    assert data_root(tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.delenv("GDW_DATA")
    assert data_root().parts[-2:] == (".cache", "gdw")


def test_names_that_nobody_knows():
    with pytest.raises(ValueError, match="unknown dataset 'digts'; did you mean 'digits'"):
        load_dataset("digts")
    with pytest.raises(FileNotFoundError, match=r"no image folder at .*nowhere"):
        load_dataset("./nowhere")
    assert sorted(DATASETS) == ["cifar10", "cifar10-folder", "cifar100", "clouds", "digits", "fashion-mnist", "mnist"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], r"mine: training labels must lie in 0 ... 1, got 0 to 2"),
        ([-1, 0, 1], r"mine: training labels must lie in 0 ... 1, got -1 to 1"),
        ([0, 1], "mine: 3 training images but 2 labels"),
        ([1, 1, 1], "mine: no training image of class cat"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", ("cat", "dog"), torch.zeros(3, 2), torch.tensor(labels))


def test_a_test_set_is_checked_too():
    images, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"test labels must lie in 0 ... 1, got 0 to 5"):
        Dataset("mine", ("cat", "dog"), images, labels, images, torch.tensor([0, 5]))
    with pytest.raises(ValueError, match="together, or neither"):
        Dataset("mine", ("cat", "dog"), images, labels, images)
    with pytest.raises(ValueError, match="at least 2 classes"):
        Dataset("mine", ("cat",), images, labels)
    assert Dataset("mine", ("cat", "dog"), images, labels).pixels == Pixels()
