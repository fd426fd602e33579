"""One list of models and batches for every way to take the meta gradient, and one independent oracle.

The oracle is the textbook: a virtual step with a graph, the clean loss after it, and one derivative back to the
weights. It uses torch alone, and nothing of ``gdw.gradients.meta``.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrizations, parametrize

from gdw import Step
from gdw.data.randomness import generator
from gdw.networks.classifiers import build_model
from tests import awkward
from tests.awkward import CLASSES, small
from tests.ways import BY_WAY

BATCH, META, LR = 6, 5, 0.1


@dataclass(frozen=True)
class Case:
    """One model with its batches.

    Attributes:
        build: makes the model, always the same.
        shape: of one image.
        prepare: what is done to the batches.
        evaluation: the model is in evaluation mode.
        context: a context manager for all of it.
        takes: gives the logits in the model's output.
        refused: ways that must end in a sentence, by their name, with a part of it.
        plain: makes the same network for the textbook, where ``functional_call`` cannot take this one.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (8,)
    prepare: Callable[[Tensor], Tensor] = Tensor.contiguous
    evaluation: bool = False
    context: Callable = torch.enable_grad
    takes: Callable = lambda output: output
    refused: dict[str, str] = field(default_factory=dict)
    plain: Callable[[], nn.Module] | None = None

    def model(self) -> nn.Module:
        torch.manual_seed(0)
        random.seed(RANDOM_SEED)
        return self.build().double().train(not self.evaluation)

    def batch(self, count: int = BATCH, seed: int = 1) -> tuple[Tensor, Tensor]:
        numbers = torch.Generator().manual_seed(seed)
        images = torch.randn(count, *self.shape, generator=numbers, dtype=torch.float64)
        return self.prepare(images), torch.randint(CLASSES, (count,), generator=numbers)


RANDOM_SEED = 1  # of Python's random: its first number is 0.13, its second 0.85, its third 0.76
FORWARD_WAYS = ("its own", "forward", "tape", "save_memory")
DIFFERS = dict.fromkeys(FORWARD_WAYS, "does not repeat its first")
NO_RULE = {"save_memory": "leave out save_memory"}
HIDDEN = NO_RULE | dict.fromkeys(("its own", "forward", "tape", "double-backward"), "hides how it depends")


def course(name: str) -> Callable[[], nn.Module]:
    return lambda: build_model(name, (3, 8, 8), CLASSES, generator(0, "model"), torch.float64)


def frozen(model: nn.Module, *parts: str) -> nn.Module:
    named = dict(model.named_modules()) | dict(model.named_parameters())
    for part in parts:
        named[part].requires_grad_(False)
    return model


def chain(*layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: small(nn.Linear(8, 8), *(layer() for layer in layers), nn.Linear(8, CLASSES))


def twice(layer: Callable[[], nn.Module]) -> Case:
    """A layer under two names."""
    build = partial(awkward.UnderTwoNames, layer)
    return Case(build, plain=partial(build, twice=False))


#: models that name something twice
ALIASES: dict[str, Case] = {
    "a layer under two names": twice(partial(nn.Linear, 8, 8)),
    "BatchNorm under two names": twice(partial(nn.BatchNorm1d, 8)),
    "a container under two names": twice(lambda: nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))),
    "a parametrised layer under two names": twice(awkward.symmetric),
    "a list with one layer twice": Case(awkward.Heads, plain=partial(awkward.Heads, twice=False)),
    "a wrapper": Case(lambda: awkward.Wrapper(awkward.TwoLayers()), plain=awkward.TwoLayers),
    "a wrapper in a wrapper": Case(
        lambda: awkward.Wrapper(awkward.Wrapper(awkward.TwoLayers())), plain=awkward.TwoLayers
    ),
    "an adapter": Case(awkward.Adapted, plain=partial(awkward.Adapted, twice=False)),
    "a parameter and a buffer twice": Case(
        awkward.OneParameterTwice, plain=partial(awkward.OneParameterTwice, twice=False)
    ),
}

#: models with an operation whose derivatives are written by hand, most of them wrong
BY_HAND: dict[str, Case] = {
    "a function by hand": Case(partial(awkward.ByHand, awkward.Tanh)),
    "a wrong tangent": Case(partial(awkward.ByHand, awkward.WrongTangent), refused=DIFFERS),
    "a straight-through gradient": Case(partial(awkward.ByHand, awkward.StraightThrough), refused=DIFFERS),
    "a hidden dependence": Case(partial(awkward.ByHand, awkward.HidesAll), refused=HIDDEN),
    "a dependence hidden by half": Case(partial(awkward.ByHand, awkward.HidesHalf), refused=HIDDEN),
    "a gradient by numpy": Case(partial(awkward.ByHand, awkward.ByNumpy), refused=HIDDEN),
    "differentiable once": Case(partial(awkward.ByHand, awkward.Once), refused=HIDDEN),
}

CASES: dict[str, Case] = {
    "mlp": Case(chain(nn.Tanh)),
    "cnn, BatchNorm in training mode": Case(course("cnn"), (3, 8, 8)),
    "cnn, BatchNorm in evaluation mode": Case(course("cnn"), (3, 8, 8), evaluation=True),
    "cnn, channels last": Case(
        lambda: course("cnn")().to(memory_format=torch.channels_last),
        (3, 8, 8),
        lambda images: images.contiguous(memory_format=torch.channels_last),
    ),
    "resnet32": Case(course("resnet32"), (3, 8, 8)),
    "grouped, strided convolution": Case(
        lambda: small(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4)),
        (4, 4, 4),
    ),
    "dropout": Case(chain(partial(nn.Dropout, 0.5), nn.ReLU)),
    "in-place ReLU": Case(chain(partial(nn.ReLU, inplace=True))),
    "GELU and LayerNorm": Case(chain(nn.GELU, partial(nn.LayerNorm, 8))),
    "GroupNorm": Case(chain(partial(nn.GroupNorm, 2, 8))),
    "BatchNorm without scale": Case(chain(partial(nn.BatchNorm1d, 8, affine=False), nn.ReLU)),
    "a frozen scale": Case(awkward.FrozenScale),
    "tied weights": Case(awkward.Tied),
    "functions, a layer used twice": Case(awkward.Functional),
    "frozen first layer": Case(lambda: frozen(chain(nn.ReLU)(), "0")),
    "frozen last layer": Case(lambda: frozen(chain(nn.ReLU)(), "2")),
    "frozen weights whose bias moves": Case(lambda: frozen(chain(nn.ReLU)(), "2.weight")),
    "scaled batched products": Case(awkward.Scaled),
    "a part under no_grad": Case(awkward.PartWithoutGradient),
    "parameters that reach no logit": Case(awkward.Unused),
    "GRU": Case(partial(awkward.Recurrent, nn.GRU), (8, 4)),
    "LSTM": Case(awkward.Recurrent, (8, 4)),
    "attention, mathematical kernel": Case(awkward.Attention, (8, 4), context=lambda: sdpa_kernel(SDPBackend.MATH)),
    "attention, fused kernel": Case(
        awkward.Attention,
        (8, 4),
        context=lambda: sdpa_kernel(SDPBackend.FLASH_ATTENTION),
        refused={"double-backward": "attention"},
    ),
    "weight_norm, by a hook": Case(
        chain(lambda: nn.utils.weight_norm(nn.Linear(8, 8)), nn.Tanh),
        refused=NO_RULE,
    ),
    "weight_norm, as a parametrisation": Case(
        chain(lambda: parametrizations.weight_norm(nn.Linear(8, 8)), nn.Tanh),
        refused=NO_RULE,
    ),
    "spectral_norm": Case(chain(lambda: parametrizations.spectral_norm(nn.Linear(8, 8))), refused=NO_RULE),
    "checkpointing": Case(
        partial(awkward.Checkpointed, use_reentrant=False),
        plain=awkward.TwoLayers,
        refused={} if awkward.CHECKPOINTS_HAVE_A_FORWARD_RULE else NO_RULE,
    ),
    "reentrant checkpointing": Case(
        partial(awkward.Checkpointed, use_reentrant=True),
        refused=dict.fromkeys((*FORWARD_WAYS, "double-backward"), "use_reentrant=False"),
    ),
    "a generator of its own": Case(awkward.OwnGenerator, refused=DIFFERS),
    "layers dropped by Python's random": Case(awkward.PythonsRandom, refused=DIFFERS),
    "a hook that changes gradients": Case(
        awkward.HookedGradient, refused=DIFFERS | {"save_memory": "leave out save_memory"}
    ),
    "a hook on a tensor": Case(awkward.ScaledGradient, refused=DIFFERS),
    "a hook that clips gradients": Case(
        awkward.ClippedGradient, refused=DIFFERS | {"double-backward": "not linear"}
    ),
    **BY_HAND,
    "a parameter in a list": Case(
        awkward.InAList, refused=dict.fromkeys((*FORWARD_WAYS, "double-backward"), "past the module that holds it")
    ),
    "a cached parametrisation": Case(
        chain(awkward.symmetric), context=parametrize.cached,
        refused=dict.fromkeys((*FORWARD_WAYS, "double-backward"), "past the module that holds it"),
    ),
    "a parametrised layer": Case(chain(awkward.symmetric)),
    **ALIASES,
    "a dictionary": Case(
        partial(awkward.Returning, lambda logits: {"logits": logits}), takes=lambda output: output["logits"]
    ),
    "an output object": Case(partial(awkward.Returning, awkward.Output), takes=lambda output: output.logits),
    "a tuple": Case(
        partial(awkward.Returning, lambda logits: (logits, None)),
        takes=lambda output: output[0],
        refused=dict.fromkeys((*FORWARD_WAYS, "double-backward"), "got a tuple of 2"),
    ),
}  # fmt: skip


def some_weights(seed: int = 2) -> Tensor:
    return torch.rand(BATCH, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def taken(case: Case, way: str, weights: Tensor, **given) -> Tensor:
    """The meta gradient by one of the package's ways, on a new model, which is as it was after it."""
    model = case.model()
    own = held(model)
    given |= {"save_memory": True} if way == "save_memory" else {}
    torch.manual_seed(3)  # of dropout
    with case.context():
        step = BY_WAY.get(way, Step)(model, *case.batch(), meta_batch=case.batch(META, seed=4), lr=LR, **given)
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        torch.manual_seed(5)
        gradient = step.meta_gradient(weights)
    assert all(tensor is own[name] for name, tensor in held(model).items())
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in model.named_buffers())
    return gradient


def held(model: nn.Module) -> dict[str, Tensor]:
    """All tensors of a model, those with two names under both."""
    return {
        f"{prefix}.{name}": tensor
        for prefix, module in model.named_modules(remove_duplicate=False)
        for name, tensor in (*module._parameters.items(), *module._buffers.items())
    }


def textbook(case: Case, weights: Tensor, rates: dict[str, float | Tensor] | float = LR) -> Tensor:
    """The same by a double backward written out: ``d L_meta(theta - lr * grad(w)) / d w``."""
    model = replace(case, build=case.plain or case.build).model()
    (images, labels), (meta_images, meta_labels) = case.batch(), case.batch(META, seed=4)
    moving = {name: p for name, p in model.named_parameters() if p.requires_grad}
    weights = weights.clone().requires_grad_()
    torch.manual_seed(3)
    logits = case.takes(model(images))
    flows = logits.detach().softmax(-1) - nn.functional.one_hot(labels, CLASSES)
    loss = (weights * flows * logits).sum() / len(images)
    gradients = torch.autograd.grad(
        loss, list(moving.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    rates = rates if isinstance(rates, dict) else dict.fromkeys(moving, rates)
    ahead = {n: p - rates[n] * g for (n, p), g in zip(moving.items(), gradients, strict=True)}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    torch.manual_seed(5)
    output = torch.func.functional_call(model, ahead | buffers, (meta_images,))
    meta_loss = cross_entropy(case.takes(output), meta_labels)
    return torch.autograd.grad(meta_loss, weights)[0]
