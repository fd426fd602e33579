"""The models: sizes as published, starts that the generator alone decides."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from gdw.networks.classifiers import MODELS, BasicBlock, build_model
from gdw.networks.start import initialise
from gdw.networks.weight_net import WeightNet

PARAMETERS = {
    "linear": 64 * 10 + 10, "mlp": 64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10, "resnet32": 464_154,
    "wrn28_10": 36_479_194,
}  # fmt: skip
SMALL = ("linear", "mlp", "cnn", "resnet32")  # the wide one takes seconds


def model(name, shape=(3, 8, 8), seed=0, dtype=torch.float32, classes=10):
    return build_model(name, shape, classes, torch.Generator().manual_seed(seed), dtype)


def same(one, other):
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize(
    ("name", "shape"), [("linear", (64,)), ("mlp", (1, 8, 8)), ("resnet32", (3, 32, 32)), ("wrn28_10", (3, 32, 32))]
)
def test_parameters_as_published(name, shape):
    with torch.device("meta"):
        built = MODELS[name](shape, 10)
    assert sum(parameter.numel() for parameter in built.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 7, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pictures_in_logits_out(name, shape, dtype):
    logits = model(name, shape, dtype=dtype, classes=4)(torch.rand(2, *shape, dtype=dtype))
    assert logits.shape == (2, 4)
    assert logits.dtype == dtype
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_points_and_features(name):
    assert model(name, (2,), classes=3)(torch.rand(5, 2)).shape == (5, 3)


def test_the_wide_network_runs():
    with torch.device("meta"):
        assert MODELS["wrn28_10"]((3, 32, 32), 10)(torch.empty(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("name", SMALL)
def test_the_generator_alone_decides(name):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = model(name)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert same(first, model(name))
    assert not same(first, model(name, seed=1))


def test_two_threads_build_what_one_builds():
    alone = [model("resnet32", seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: model("resnet32", seed=seed), range(4)))
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_either_precision_starts_the_same(name):
    assert same(model(name), model(name, dtype=torch.float64).float())


def test_nothing_is_left_without_a_value():
    for name in SMALL:
        built = model(name)
        assert all(value.device.type == "cpu" for value in built.state_dict().values())
        norms = [layer for layer in built.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert all(layer.weight.eq(1).all() and layer.bias.eq(0).all() for layer in norms)
        assert all(layer.running_mean.eq(0).all() and layer.running_var.eq(1).all() for layer in norms)


def test_starts_have_the_spread_they_should():
    plain = nn.Linear(400, 300)
    initialise(plain, torch.Generator().manual_seed(0))
    assert plain.weight.abs().max() <= 400**-0.5
    assert plain.bias.abs().max() <= 400**-0.5
    assert float(plain.weight.detach().std()) == pytest.approx((3 * 400) ** -0.5, rel=0.01)
    convolution = nn.Conv2d(64, 64, 3, bias=False)
    initialise(convolution, torch.Generator().manual_seed(0), normal=True)
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


def test_a_layer_it_does_not_know_is_named():
    with pytest.raises(TypeError, match="no start is defined for LSTM"):
        initialise(nn.LSTM(3, 3), torch.Generator())


def test_option_a_keeps_every_second_pixel_and_adds_empty_channels():
    block = BasicBlock(2, 6, stride=2).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.rand(1, 2, 5, 4)
    out = block(x)
    assert out.shape == (1, 6, 3, 2)
    assert torch.equal(out[:, 2:4], x[:, :, ::2, ::2])
    assert (out[:, [0, 1, 4, 5]] == 0).all()


def test_the_weight_network_by_hand():
    net = WeightNet()
    losses = torch.tensor([0.0, 1.0, 2.5])
    hidden = (losses[:, None] * net.linear1.weight[:, 0] + net.linear1.bias).clamp_min(0)
    expected = 1 / (1 + torch.exp(-(hidden @ net.linear2.weight[0] + net.linear2.bias)))
    torch.testing.assert_close(net(losses), expected[:, None])
    assert {name: tuple(value.shape) for name, value in WeightNet().state_dict().items()} == {
        "linear1.weight": (100, 1),
        "linear1.bias": (100,),
        "linear2.weight": (1, 100),
        "linear2.bias": (1,),
    }


def test_names_and_shapes_that_cannot_be():
    with pytest.raises(ValueError, match="unknown model 'resnet31'; did you mean 'resnet32'"):
        model("resnet31")
    with pytest.raises(ValueError, match=r"cnn takes pictures .* got shape \(2,\); try 'mlp'"):
        model("cnn", (2,))
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        model("mlp", classes=1)
