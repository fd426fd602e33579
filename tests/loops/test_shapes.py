"""Inputs, outputs and labels of every shape: the textbook's meta gradient, in every way that a step may take it."""

from collections import UserDict

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from gdw import Step
from gdw.methods import GDW, CrossEntropy
from gdw.training.stepping import take_step
from tests.loops.shapes import (
    CLASSES,
    FEATURES,
    META,
    ROWS,
    Named,
    Net,
    OneArgument,
    Pair,
    Pixels,
    Squeezed,
    Tokens,
    classes,
    made,
    numbers,
    soft,
    textbook,
)
from tests.ways import BY_WAY

LR = 0.3
HOW = [*({"way": way} for way in BY_WAY), {"save_memory": True}]


def called(model, inputs):
    if isinstance(inputs, Pair) or torch.is_tensor(inputs):
        output = model(inputs)
    else:
        output = model(**inputs) if hasattr(inputs, "keys") else model(*inputs)
    return getattr(output, "logits", output)


def of_two(pack):
    return lambda count, seed: pack(numbers(count, FEATURES, seed=seed), numbers(count, 7, seed=seed + 9))


def as_dict(x, scale):
    return {"x": x, "scale": scale}


def points(count, seed):
    return numbers(count, FEATURES, seed=seed)


def images(count, seed):
    return numbers(count, FEATURES, 3, 2, seed=seed)


def sequences(count, seed):
    return numbers(count, 5, FEATURES, seed=seed)


def as_they_are(output):
    return output


def two(output):
    """One logit as two, whose softmax is its sigmoid."""
    return torch.stack([-output.flatten() / 2, output.flatten() / 2], -1)


def by_pixel(output):
    return output.movedim(1, -1).flatten(0, -2)


def ignored(labels):
    """Every fifth of them has no class."""
    labels = labels.clone()
    labels.flatten()[::5] = -100
    return labels


# name: model, inputs, labels, and how the output becomes rows
SHAPES = {
    "a dictionary": (Net, of_two(as_dict), classes, as_they_are),
    "a user's dictionary": (Net, of_two(lambda *both: UserDict(as_dict(*both))), classes, as_they_are),
    "a dictionary, an output object": (Named, of_two(as_dict), classes, as_they_are),
    "a tuple": (Net, of_two(lambda *both: both), classes, as_they_are),
    "a list": (Net, of_two(lambda *both: list(both)), classes, as_they_are),
    "a named tuple is one argument": (OneArgument, of_two(Pair), classes, as_they_are),
    "soft labels": (Net, points, soft, as_they_are),
    "one-hot labels": (Net, points, lambda n, seed: torch.eye(CLASSES).long()[classes(n, seed=seed)], as_they_are),
    "one logit, [B, 1]": (lambda: Net(1), points, lambda n, seed: classes(n, seed=seed, of=2), two),
    "one logit, [B]": (lambda: Squeezed(1), points, lambda n, seed: classes(n, seed=seed, of=2), two),
    "one logit, labels [B, 1]": (lambda: Net(1), points, lambda n, seed: classes(n, 1, seed=seed, of=2), two),
    "one logit, real labels": (lambda: Net(1), points, lambda n, seed: classes(n, 1, seed=seed, of=2).double(), two),
    "one logit, probabilities": (lambda: Net(1), points, lambda n, seed: numbers(n, seed=seed).sigmoid(), two),
    "pixels": (Pixels, images, lambda n, seed: classes(n, 3, 2, seed=seed), by_pixel),
    "pixels without a label": (Pixels, images, lambda n, seed: ignored(classes(n, 3, 2, seed=seed)), by_pixel),
    "one logit for each pixel": (lambda: Pixels(1), images, lambda n, seed: classes(n, 3, 2, seed=seed, of=2), two),
    "tokens": (Tokens, sequences, lambda n, seed: ignored(classes(n, 5, seed=seed)), lambda o: o.flatten(0, 1)),
}  # fmt: skip


def flat(labels, rows):
    """What each row should be, and which rows have a label."""
    if labels.is_floating_point() and rows.shape[-1] == 2:
        return torch.stack([1 - labels.flatten(), labels.flatten()], -1), slice(None)
    if labels.shape == rows.shape:
        return labels.double(), slice(None)
    return labels.flatten()[labels.flatten() != -100], labels.flatten() != -100


def problem(name):
    build, inputs, labels, as_rows = SHAPES[name]
    batches = [(inputs(count, seed), labels(count, seed=seed)) for count, seed in ((ROWS, 1), (META, 2))]

    def stated(x, observed):
        rows = as_rows(called(made(build), x))
        wanted, kept = flat(observed, rows)
        return (lambda model: as_rows(called(model, x))[kept]), wanted

    return made(build), batches, [stated(*batch) for batch in batches]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_the_textbooks_meta_gradient(name, how):
    model, (batch, meta_batch), stated = problem(name)
    kind = BY_WAY[how["way"]] if "way" in how else Step
    step = kind(model, *batch, meta_batch=meta_batch, lr=LR, save_memory=how.get("save_memory", False))
    weights = numbers(*step.flows.shape, seed=5).sigmoid()
    expected = textbook(model, *stated, weights, LR)
    torch.testing.assert_close(step.meta_gradient(weights), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", SHAPES)
def test_cross_entropy_is_torchs_own(name):
    """Twenty steps, all parameters."""
    ours, (batch, _), ((rows, wanted), _) = problem(name)
    plain, method = made(SHAPES[name][0]), CrossEntropy()
    optimizers = [torch.optim.SGD(model.parameters(), LR, momentum=0.9) for model in (ours, plain)]
    for _ in range(20):
        take_step(Step(ours, *batch), method, optimizers[0])
        optimizers[1].zero_grad()
        cross_entropy(rows(plain), wanted).backward()
        optimizers[1].step()
    for own, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12)


def test_one_logit_is_torchs_binary_cross_entropy():
    model, (x, y) = made(Net, 1), (points(ROWS, 1), numbers(ROWS, 1).sigmoid())
    step = Step(model, x, y)
    loss = binary_cross_entropy_with_logits(model(x), y)
    torch.testing.assert_close(step.losses.mean(), loss)
    expected = torch.autograd.grad(loss, list(model.parameters()))
    CrossEntropy().loss(step).backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def trained(batch, meta_batch, build=Net, steps=20):
    """Parameters of a network and its V after some steps of GDW."""
    model = made(build)
    method = GDW(CLASSES, generator=torch.Generator().manual_seed(0), weight_net_lr=0.05).double()
    optimizer = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
    for _ in range(steps):
        take_step(Step(model, *batch, meta_batch=meta_batch, lr=optimizer), method, optimizer)
    return torch.nn.utils.parameters_to_vector([*model.parameters(), *method.weight_net.parameters()])


@pytest.mark.parametrize("both", [False, True])
def test_gdw_takes_one_hot_rows_as_their_labels(both):
    batch, meta_batch = (points(ROWS, 1), classes(ROWS)), (points(META, 2), classes(META))
    one_hot = [(x, torch.eye(CLASSES).double()[y]) for x, y in (batch, meta_batch)]
    found = trained(one_hot[0], one_hot[1] if both else meta_batch)
    torch.testing.assert_close(found, trained(batch, meta_batch), rtol=0, atol=1e-10)


def test_gdw_on_pixels_is_gdw_on_each_pixel_as_a_picture():
    """A network of 1 x 1 convolutions, where some pixels have no label."""

    def build():
        return torch.nn.Sequential(torch.nn.Conv2d(FEATURES, 5, 1), torch.nn.Tanh(), torch.nn.Conv2d(5, CLASSES, 1))

    def alone(x, y):
        kept = y.flatten() != -100
        return x.movedim(1, -1).flatten(0, 2)[kept][..., None, None], y.flatten()[kept][:, None, None]

    batch, meta_batch = ((images(n, s), ignored(classes(n, 3, 2, seed=s))) for n, s in ((ROWS, 1), (META, 2)))
    found = trained(batch, meta_batch, build)
    torch.testing.assert_close(found, trained(alone(*batch), alone(*meta_batch), build), rtol=0, atol=1e-10)
