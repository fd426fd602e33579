"""Ordinary classifiers for pictures, points and features; the same generator gives the same network."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from gdw.errors import unknown
from gdw.networks.start import drawn, started
from gdw.pictures.pretrained import check_network, is_network, trainable
from gdw.registry import Registry

TIMM = "timm:"  # before the name of one of timm's networks

MLP_WIDTHS = (128, 128)
CNN_WIDTHS = (32, 64, 64)  # channels; each stage but the first halves the picture
RESNET32_WIDTHS, RESNET32_BLOCKS = (16, 32, 64), 5  # 6 * 5 + 2 = 32 layers
WRN28_10_WIDTHS, WRN28_10_BLOCKS = (160, 320, 640), 4  # 6 * 4 + 4 = 28 layers, 10 times as wide


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters (option A: every second pixel, zero channels).

    Source: ResNet (He et al., CVPR 2016), the CIFAR form.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = _conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, outputs - inputs

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs down across"]:
        shortcut = x[:, :, :: self.stride, :: self.stride]
        before = self.extra // 2
        shortcut = pad(shortcut, (0, 0, 0, 0, before, self.extra - before))
        inner = self.norm1(self.conv1(x)).relu()
        output: Tensor = (self.norm2(self.conv2(inner)) + shortcut).relu()
        return output


class WideBlock(nn.Module):
    """Normalise and activate first, then convolve, twice; a 1 x 1 convolution where the shape changes.

    Source: Wide residual networks (Zagoruyko and Komodakis, BMVC 2016), without dropout.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), _conv(inputs, outputs, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(outputs), _conv(outputs, outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs down across"]:
        active = self.norm1(x).relu()
        inner = self.norm2(self.conv1(active)).relu()
        output: Tensor = self.conv2(inner) + (x if self.shortcut is None else self.shortcut(active))
        return output


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _mean_over_picture() -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def _stages(block: type[nn.Module], inputs: int, widths: tuple[int, ...], blocks: int) -> list[nn.Module]:
    """``blocks`` blocks of each width; the first of each stage but the first halves the picture."""
    layers: list[nn.Module] = []
    for stage, width in enumerate(widths):
        for place in range(blocks):
            layers.append(block(inputs, width, 2 if stage > 0 and place == 0 else 1))
            inputs = width
    return layers


def _linear(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Flatten, one linear layer: the usual head for the features of a pretrained network."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))


def _mlp(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Flatten, two hidden layers of 128 with ReLU."""
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = math.prod(input_shape)
    for width in MLP_WIDTHS:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, num_classes))


def _cnn(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Three 3 x 3 convolutions with BatchNorm and ReLU, the mean over the picture, one linear layer."""
    layers, inputs = [], input_shape[0]
    for stage, width in enumerate(CNN_WIDTHS):
        layers += [_conv(inputs, width, 2 if stage > 0 else 1), nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, *_mean_over_picture(), nn.Linear(inputs, num_classes))


def _resnet32(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The CIFAR ResNet of 32 layers: 16, 32, 64 channels, five blocks each, 0.46 million parameters."""
    first = RESNET32_WIDTHS[0]
    stem = [_conv(input_shape[0], first), nn.BatchNorm2d(first), nn.ReLU()]
    body = _stages(BasicBlock, first, RESNET32_WIDTHS, RESNET32_BLOCKS)
    return nn.Sequential(*stem, *body, *_mean_over_picture(), nn.Linear(RESNET32_WIDTHS[-1], num_classes))


def _wrn28_10(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The wide ResNet of 28 layers, 10 times as wide: 36.5 million parameters."""
    stem, last = _conv(input_shape[0], 16), WRN28_10_WIDTHS[-1]
    body = _stages(WideBlock, 16, WRN28_10_WIDTHS, WRN28_10_BLOCKS)
    head = [nn.BatchNorm2d(last), nn.ReLU(), *_mean_over_picture(), nn.Linear(last, num_classes)]
    return nn.Sequential(stem, *body, *head)


def channels_last(model: nn.Module) -> nn.Module:
    """The same network, its 2-d convolutions laid out with a pixel's channels side by side: pictures follow."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.to(memory_format=torch.channels_last)
    return model


Build = Callable[[tuple[int, ...], int], nn.Module]
MODELS: Registry[Build] = Registry(
    "model", {"linear": _linear, "mlp": _mlp, "cnn": _cnn, "resnet32": _resnet32, "wrn28_10": _wrn28_10},
    ("input_shape", "num_classes"),
)  # fmt: skip
FLAT = ("linear", "mlp")  # these take points and features too
KAIMING_NORMAL = ("resnet32", "wrn28_10")  # these start as published; the others as torch's own layers do


def register_network(build: Build) -> Build:
    """Function decorator: makes a network known by the function's name.

    ::

        @gdw.register_network
        def small(input_shape, num_classes):
            return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))

    Args:
        build: of the shape of one input and the number of classes C; gives a module, ``[batch, *input_shape]`` to
            logits ``[batch, C]``. What it draws decides its start: the run's seed seeds torch for it.

    Raises:
        TypeError: not a function of these two.
        ValueError: another network has its name.
    """
    return MODELS.add_function(build)


def check_model(name: object) -> str:
    """The name, of one of ``MODELS`` or of a network of timm (``"timm:resnet18"``)."""
    if not isinstance(name, str):
        raise unknown("model", name, MODELS)
    if name.startswith(TIMM):
        check_network(name.removeprefix(TIMM))
    elif name not in MODELS:
        raise unknown("model", name, [f"{TIMM}{name}"] if is_network(name) else [*MODELS, f"{TIMM}NAME"])
    return name


def is_ours(name: str) -> bool:
    """Whether it is a network of this package."""
    return name in MODELS and not MODELS.place(name).is_own


def on_meta(name: str) -> nn.Module | None:
    """One of this package's own networks for colour pictures of 32 x 32, shapes only; None for any other network."""
    if not is_ours(name):
        return None
    with torch.device("meta"):
        return MODELS[name]((3, 32, 32), 10)


def build_model(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    pretrained: str | None = None,
) -> nn.Module:
    """A new classifier, [batch, *input_shape] to logits [batch, num_classes], on the CPU.

    Its start depends on the generator alone, not on torch's global random state. Of this package's own networks it is
    the same in either precision up to rounding: every number is drawn in float64.

    Args:
        input_shape: of one image: (channels, height, width), or (coordinates,) or (features,) for
            ``"linear"`` and ``"mlp"``.
        pretrained: of a network of timm all but its last layer: ``"timm"`` for timm's own weights, or a file of them.

    Raises:
        ValueError: an unknown name; fewer than two classes; a network for pictures asked to take points; one of your
            own that gives something else than logits; weights of another network.
        OSError: the weights are not on this machine and cannot be downloaded.
    """
    check_model(name)
    is_timm = name.startswith(TIMM)
    is_own = not is_timm and MODELS.place(name).is_own
    if not is_own and name not in FLAT and len(input_shape) != 3:
        raise ValueError(
            f"{name} takes pictures (channels, height, width), got shape {input_shape}; try 'mlp' or 'linear'"
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    shape = tuple(input_shape)
    if is_timm or is_own:
        own = partial(trainable, name.removeprefix(TIMM), shape, num_classes, pretrained)
        return drawn(own if is_timm else partial(_own, name, shape, num_classes), generator, dtype)
    build = partial(MODELS[name], shape, num_classes)
    return started(build, generator, dtype, normal=name in KAIMING_NORMAL)


def _own(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """What a function of one's own builds, tried on one input."""
    model = MODELS[name](input_shape, num_classes)
    if not isinstance(model, nn.Module):
        raise ValueError(f"model {name} must be built as a torch module, got {type(model).__name__}")
    output = None
    with torch.no_grad(), suppress(Exception):  # what fails here fails in training, which says why
        output = model.eval()(torch.zeros(2, *input_shape))
    model.train()
    if isinstance(output, torch.Tensor) and tuple(output.shape) != (2, num_classes):
        raise ValueError(
            f"model {name} must give logits [batch, {num_classes}] for inputs of shape {input_shape}, got "
            f"{tuple(output.shape)} for 2 of them"
        )
    return model
