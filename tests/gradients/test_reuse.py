"""The tangent pass that reuses the first forward pass, compared with the one that computes everything again."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional

from gdw import Step
from gdw.data.randomness import generator
from gdw.gradients.agreement import PassesDiffer
from gdw.gradients.prepared import Prepared
from gdw.gradients.reuse import LEAST_NUMBERS, RULES, by_kernels, by_sums
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from gdw.private import dual_numbers
from tests.awkward import CLASSES, small
from tests.ways import BY_WAY, WithoutTape, WithTape

BATCH = 6


def batch(shape, count=BATCH, seed=0):
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *shape, generator=random, dtype=torch.float64)
    return images, torch.randint(CLASSES, (count,), generator=random)


def meta_gradient(model, shape, way):
    torch.manual_seed(3)  # of dropout: the same units in either way
    step = BY_WAY[way](model, *batch(shape), meta_batch=batch(shape, 5, seed=1), lr=0.1)
    return step.meta_gradient(torch.rand(BATCH, CLASSES, generator=torch.Generator().manual_seed(2)).double())


def test_under_autocast_the_tangent_is_computed_anew_in_full_precision():
    model = small(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, CLASSES)).float()
    images, labels = batch((8,))
    meta = batch((8,), 5, seed=1)

    def tangent(way):
        with torch.autocast("cpu", torch.bfloat16):
            step = BY_WAY[way](model, images.float(), labels, meta_batch=(meta[0].float(), meta[1]), lr=0.1)
            return step.meta_gradient(torch.ones(BATCH, CLASSES))

    assert torch.equal(tangent("tape"), tangent("forward"))


@pytest.mark.parametrize("along", [by_kernels, by_sums])
@pytest.mark.parametrize("shape", [(7, 3), (7, 3, 5), (7, 3, 4, 5), (7, 3, 2, 4, 5)])
def test_batch_norm_along_a_tangent_is_that_of_torchs_forward_mode(along, shape):
    random = torch.Generator().manual_seed(0)
    x, dx = (torch.randn(shape, generator=random, dtype=torch.float64) + 3 for _ in range(2))
    w, dw, b, db = (torch.randn(3, generator=random, dtype=torch.float64) for _ in range(4))
    with dual_numbers():
        duals = (forward_ad.make_dual(value, d) for value, d in ((x, dx), (w, dw), (b, db)))
        expected = forward_ad.unpack_dual(
            functional.batch_norm(next(duals), None, None, next(duals), next(duals), training=True, eps=0.01)
        ).tangent
    torch.testing.assert_close(along(x, dx, w, dw, db, 0.01), expected, rtol=0, atol=1e-13)


class HalfInside(nn.Module):
    """Its convolution in half precision, and a BatchNorm of float32 weights behind it."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.linear = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, CLASSES)

    def forward(self, images):
        with torch.autocast("cpu", torch.bfloat16):
            found = self.norm(self.convolution(images))
        return self.linear(found.float().mean((2, 3)))


@pytest.mark.parametrize("save_memory", [False, True])
def test_a_network_with_a_part_in_half_precision(save_memory):
    (images, labels), model = batch((3, 30, 30)), small(HalfInside()).float()
    given = {"meta_batch": (images.float(), labels), "lr": 0.1}
    step = (Step if save_memory else WithTape)(model, images.float(), labels, **given, save_memory=save_memory)
    exact = WithoutTape(model, images.float(), labels, **given)
    found, expected = (each.meta_gradient(torch.ones(BATCH, CLASSES)) for each in (step, exact))
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.999


def test_nothing_that_is_on_the_tape_is_computed_again(monkeypatch):
    computed = []
    for function, rule in RULES.items():

        def watched(function, *args, rule=rule, **kwargs):
            tangent = rule(function, *args, **kwargs)
            computed.append((function, tangent is not None))
            return tangent

        monkeypatch.setitem(RULES, function, watched)
    model = build_model("cnn", (3, 8, 8), CLASSES, generator(0, "model"), torch.float64)
    meta_gradient(model, (3, 8, 8), "tape")
    layers = 3 * [torch.conv2d, functional.batch_norm, functional.relu] + [functional.linear]
    assert computed == [(layer, True) for layer in layers]


def test_the_step_takes_a_tape_where_it_makes_it_faster(monkeypatch):
    """Convolutions on more than a few numbers, in the precision of the tangent."""

    def way(model, count, **how):
        step = Step(model, *batch((3, 8, 8), count), meta_batch=batch((3, 8, 8), 5, seed=1), lr=0.1, **how)
        step.meta_gradient(torch.ones(count, CLASSES))
        return step.way

    cnn, mlp = (build_model(name, (3, 8, 8), CLASSES, generator(0, "model"), torch.float64) for name in ("cnn", "mlp"))
    many = -(-LEAST_NUMBERS // (3 * 8 * 8))
    assert way(cnn, many) == "forward mode, with a tape of the first pass"
    assert way(cnn, many - 1) == way(mlp, many) == way(Autocast(cnn), many) == "forward mode"
    assert way(cnn, many, save_memory=True) == "forward mode, its graph computed again"


def test_no_tape_is_kept_for_a_method_that_does_not_ask():
    cnn = build_model("cnn", (3, 8, 8), CLASSES, generator(0, "model"), torch.float64)
    prepared = Prepared(cnn, 0.1)

    def way(ask):
        step = Step(cnn, *batch((3, 8, 8), 40), meta_batch=batch((3, 8, 8), 5, seed=1), lr=prepared)
        if ask:
            step.meta_gradient(torch.ones(40, CLASSES))
        return step.way, step._first.way == "forward mode"

    asked = [False, False, True, False, True]
    ways = [way(ask) for ask in asked]
    assert [untaped for _, untaped in ways] == [False, True, True, False, False]  # the first may ask
    assert ways[-1][0] == "forward mode, with a tape of the first pass"


def test_a_model_that_calls_another_layer_the_second_time_is_refused_for_what_it_is():
    class Changes(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.between, self.last = (nn.Linear(8, size) for size in (8, 8, CLASSES))
            self.passes = 0

        def forward(self, x):
            self.passes += 1
            x = self.first(x)
            return self.last(self.between(x) if self.passes == 1 else functional.relu(x))

    with pytest.raises(PassesDiffer, match="its logits differ by"):
        meta_gradient(Changes().double(), (8,), "tape")


def test_a_model_that_prepares_something_in_its_first_pass_is_differentiated_without_the_tape():
    class Prepares(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.table = nn.Linear(8, CLASSES), None

        def forward(self, x):
            if self.table is None:
                self.table = functional.linear(torch.ones(1, 8).to(x), torch.eye(8).to(x))
            return self.inner(x * self.table)

    found, expected = (meta_gradient(Prepares().double(), (8,), way) for way in ("tape", "double-backward")
                       if torch.manual_seed(0))  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
