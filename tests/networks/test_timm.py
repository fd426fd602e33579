"""Networks of timm by name, in a run from end to end: drawn by the seed, or from a file of weights."""

import sys

import pytest
import torch
from safetensors.torch import save_file

import gdw
from gdw.data.dataset import Dataset
from gdw.errors import MissingPackage
from gdw.networks.classifiers import build_model
from gdw.pictures import pretrained
from gdw.pictures.pixels import Pixels

timm = pytest.importorskip("timm", reason="pip install 'gdw[features]'")
SMALL = "timm:test_resnet"  # timm's own network for tests, 0.5 million parameters
SHAPE = (3, 32, 32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def colours(count=40):
    images = torch.randint(0, 256, (count, *SHAPE), generator=seeded(), dtype=torch.uint8)
    return Dataset("colours", ("a", "b"), images, torch.arange(count) % 2, pixels=Pixels(255))


def equal(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize(("name", "shape"), [(SMALL, SHAPE), (SMALL, (1, 28, 28)), ("timm:test_vit", (3, 32, 48))])
def test_its_start_is_the_seeds(name, shape):
    before = torch.get_rng_state()
    one, other = build_model(name, shape, 5, seeded()), build_model(name, shape, 5, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(one, other)
    assert not equal(one, build_model(name, shape, 5, seeded(1)))
    assert one(torch.zeros(2, *shape)).shape == (2, 5)


def test_a_run_from_a_file_of_weights_to_the_model_to_take_home(tmp_path):
    weights = timm.create_model("test_resnet", num_classes=7)
    save_file(weights.state_dict(), tmp_path / "mine.safetensors")
    experiment = gdw.Experiment(
        model=SMALL, pretrained=str(tmp_path / "mine.safetensors"), epochs=1, batch_size=10, meta_per_class=2,
        device="cpu",
    )  # fmt: skip
    training = gdw.Training(experiment, dataset=colours())
    state = training.model.state_dict()
    started, head = weights.state_dict(), {"fc.weight", "fc.bias"}
    assert all(torch.equal(value, started[name]) for name, value in state.items() if name not in head)
    assert state["fc.weight"].shape[0] == 2
    assert all(parameter.requires_grad for parameter in training.model.parameters())
    assert training.model.training
    list(training.events())
    assert training.history["train_loss"][-1] > 0
    training.save_model(tmp_path / "m.safetensors")
    assert equal(gdw.load_model(tmp_path / "m.safetensors").model, training.model)


def test_two_networks_that_teach_each_other_start_from_the_same_weights(tmp_path):
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), tmp_path / "mine.safetensors")
    model = build_model(SMALL, SHAPE, 5, seeded(), pretrained=str(tmp_path / "mine.safetensors"))
    peer = gdw.methods.CoTeaching(5, generator=seeded(), forget=0.4).make_peer(model).state_dict()
    differing = {name for name, value in model.state_dict().items() if not torch.equal(value, peer[name])}
    assert differing == {"fc.weight", "fc.bias"}
    assert torch.equal(peer["fc.weight"].flatten().sort().values, model.fc.weight.flatten().sort().values)


def test_fine_tuning_has_a_preset():
    experiment = gdw.Experiment(dataset="./pets", pretrained="timm")
    assert (experiment.model, experiment.lr, experiment.epochs) == ("timm:tf_efficientnet_lite0", 0.01, 10)
    assert experiment.with_(method="mwnet").lr == 0.01
    same = gdw.Experiment(dataset="cifar10", pretrained="timm")
    assert gdw.Experiment.from_code(same.code) == same
    assert gdw.Experiment(dataset="./pets", pretrained="timm", lr=0.3, epochs=3).with_(seed=1).lr == 0.3


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("timm:resnet118", "unknown network 'resnet118'; did you mean 'resnet18'"),
        ("resnet18", "unknown model 'resnet18'; did you mean 'timm:resnet18'"),
        ("timm:", "unknown network ''"),
        ("timm:../x", "unknown network"),
        ("resnet33", "did you mean 'resnet32'"),
    ],
)
def test_unknown_names_are_refused_with_near_ones(model, message):
    with pytest.raises(ValueError, match=message):
        gdw.Experiment(model=model)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"w.safetensors does not hold the weights of test_resnet \("):
        build_model(SMALL, SHAPE, 2, seeded(), pretrained=str(path))
    with pytest.raises(ValueError, match="there is no file of weights .*no.pth"):
        build_model(SMALL, SHAPE, 2, seeded(), pretrained=str(tmp_path / "no.pth"))
    with pytest.raises(ValueError, match="pretrained networks take pictures in 3 colours, got 1 channels"):
        build_model(SMALL, (1, 32, 32), 2, seeded(), pretrained=str(path))
    with pytest.raises(ValueError, match="takes pictures .channels, height, width., got shape .5,."):
        build_model(SMALL, (5,), 2, seeded())
    with pytest.raises(ValueError, match="pretrained is for networks of timm, such as model=timm:resnet18, got mlp"):
        gdw.Experiment(model="mlp", pretrained="timm")


def test_without_timm_a_record_can_be_read_and_a_run_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    assert gdw.Experiment(model="timm:resnet18").model == "timm:resnet18"
    monkeypatch.setattr("gdw.errors.find_spec", lambda module: None)
    with pytest.raises(MissingPackage, match="the network resnet18 needs the package timm"):
        pretrained.trainable("resnet18", SHAPE, 2)
