"""The two passes are compared: what differs is found, at any step, and what only rounds differently is not."""

import random

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.stateless import _reparametrize_module

from gdw import Step
from gdw.data.randomness import generator
from gdw.gradients.agreement import FIRST_STEPS, PassesDiffer, is_due
from gdw.gradients.meta import NoMetaGradient
from gdw.gradients.recording import Operations
from gdw.methods import GDW, L2RW
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from gdw.training.stepping import take_step
from tests.awkward import (
    CHECKPOINTS_HAVE_A_FORWARD_RULE,
    CLASSES,
    Attention,
    ByHand,
    Checkpointed,
    HidesHalf,
    TwoLayers,
    WrongTangent,
)
from tests.gradients.cases import BATCH, CASES, LR, META, some_weights
from tests.ways import BY_WAY

CPU = torch.device("cpu")


def gradient(model, weights=None, dtype=torch.float64, shape=(8,), way="its own", **how):
    case = CASES["mlp"]
    numbers = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH + META, *shape, generator=numbers, dtype=dtype)
    (_, labels), (_, meta_labels) = case.batch(), case.batch(META)
    meta_batch = images[BATCH:], meta_labels
    step = BY_WAY[way](model, images[:BATCH], labels, meta_batch=meta_batch, lr=LR, **how)
    return step.meta_gradient(some_weights().to(dtype) if weights is None else weights)


def test_due_are_the_first_steps_and_those_after_a_change_of_mode():
    model = nn.Linear(2, 2)
    assert [is_due(model, CPU) for _ in range(FIRST_STEPS + 2)] == [True] * FIRST_STEPS + [False] * 2
    model.eval()
    assert is_due(model, CPU)
    assert not is_due(nn.Linear(2, 2), torch.device("meta"))


class LateNoise(TwoLayers):
    """By Python's random numbers, but not in the first steps, it drops a layer or doubles what the layer gives."""

    chance, drops = 0.0, True

    def between(self, x):
        differs = random.random() < self.chance
        return x if differs and self.drops else super().between(x) * (1 + differs)


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("way", ["forward", "tape"])
def test_what_begins_to_differ_later_is_found_on_the_cpu(way, drops):
    model = LateNoise().double()
    model.drops = drops
    for _ in range(FIRST_STEPS + 1):
        gradient(model, way=way)
    model.chance = 0.5
    with pytest.raises(
        PassesDiffer, match="(LateNoise|the model) does not repeat its first .*torch's global random numbers"
    ):
        for _ in range(20):  # each pair of passes differs one time in two
            gradient(model, way=way)


def test_weights_of_zero_hide_nothing():
    """L2RW asks at weights 0, where the adjoint alone can tell a wrong tangent."""
    with pytest.raises(PassesDiffer, match="<v, J u> is"):
        gradient(ByHand(WrongTangent).double(), torch.zeros(BATCH, CLASSES).double(), way="tape")


def test_a_recorded_step_is_not_compared():
    class Scaled(TwoLayers):
        def between(self, x):
            return super().between(x) * random.random()

    case, model, weights = CASES["mlp"], Scaled().double(), some_weights()
    batch, meta_batch = case.batch(), case.batch(META)

    def gradient():
        return (Step(model, *batch, meta_batch=meta_batch, lr=LR).meta_gradient(weights),)

    with pytest.raises(PassesDiffer):
        gradient()
    Operations(gradient)


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet32"])
@pytest.mark.parametrize("how", [{}, {"way": "tape"}, {"save_memory": True}], ids=str)
def test_rounding_is_no_difference(name, how):
    model = build_model(name, (3, 8, 8), CLASSES, generator(0, "model"), torch.float32)
    gradient(model, dtype=torch.float32, shape=(3, 8, 8), **how)
    low = Autocast(model)
    gradient(low, dtype=torch.float32, shape=(3, 8, 8), **({} if "way" in how else how))
    with torch.autocast("cpu", torch.bfloat16):  # and no tape
        gradient(model, dtype=torch.float32, shape=(3, 8, 8), **({} if "way" in how else how))


def test_logits_that_are_not_numbers_are_left_to_the_loop():
    model = CASES["mlp"].model()
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    assert gradient(model).isnan().all()


@pytest.mark.parametrize("method", [GDW, L2RW])
def test_whole_steps_of_a_checkpointed_network_end_where_they_end_without(method):
    """Also without the graph kept: a layer computed again has other operations than one along a tangent."""

    def end(network, **how):
        torch.manual_seed(0)
        model = (network(use_reentrant=False) if network is Checkpointed else network()).double()
        own = method(CLASSES, generator=torch.Generator().manual_seed(0)).double()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for seed in range(3):
            batch, meta_batch = CASES["mlp"].batch(seed=seed), CASES["mlp"].batch(META, seed=9)
            take_step(Step(model, *batch, meta_batch=meta_batch, lr=optimizer, **how), own, optimizer)
        return nn.utils.parameters_to_vector(model.parameters())

    without = end(TwoLayers)
    if CHECKPOINTS_HAVE_A_FORWARD_RULE:
        torch.testing.assert_close(end(Checkpointed), without, rtol=0, atol=1e-12)
        torch.testing.assert_close(end(Checkpointed, save_memory=True), without, rtol=0, atol=1e-12)
    else:  # by double backward, which keeps the graph
        with pytest.warns(UserWarning, match="Checkpointed has no forward-mode"):
            torch.testing.assert_close(end(Checkpointed), without, rtol=0, atol=1e-12)


@pytest.mark.parametrize("how", [{}, {"save_memory": True}], ids=str)
@pytest.mark.parametrize("kernel", [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH])
def test_fused_attention_runs_as_separate_products_along_the_tangent_alone(kernel, how, monkeypatch):
    torch.manual_seed(0)
    model = Attention().double()
    with sdpa_kernel(SDPBackend.MATH):
        expected = gradient(model, shape=(8, 4), way="double-backward")
    monkeypatch.setattr("gdw.gradients.exact.by_double_backward", None)  # it would fail
    for _ in range(2):  # the second time it is known
        with sdpa_kernel(kernel):
            torch.testing.assert_close(gradient(model, shape=(8, 4), **how), expected, rtol=1e-9, atol=1e-15)
            assert torch.backends.cuda.math_sdp_enabled() == (kernel is SDPBackend.MATH)
    assert torch.backends.mha.get_fastpath_enabled()


def test_fused_attention_whose_tape_does_not_fit_is_not_given_up(monkeypatch):
    """First its tape ends the pass, then its attention: each is tried again, in either order."""

    class Prepares(Attention):
        table = None

        def forward(self, x):
            if self.table is None:
                self.table = functional.linear(torch.ones(1, 8).to(x), torch.eye(8).to(x))
            return super().forward(x)

    torch.manual_seed(0)
    model = Prepares().double()
    with sdpa_kernel(SDPBackend.MATH):
        expected = gradient(model, shape=(8, 4), way="double-backward")
    monkeypatch.setattr("gdw.gradients.exact.by_double_backward", None)  # it would fail
    model.table = None
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        torch.testing.assert_close(gradient(model, shape=(8, 4), way="tape"), expected, rtol=1e-9, atol=1e-15)


def test_a_transformer_in_evaluation_mode():
    """Without a gradient torch runs each of its layers as one operation, which has no forward-mode rule."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 1), nn.Flatten(), nn.Linear(32, CLASSES)).double().eval()
    with sdpa_kernel(SDPBackend.MATH):
        expected = gradient(model, shape=(8, 4), way="double-backward")
    torch.testing.assert_close(gradient(model, shape=(8, 4)), expected, rtol=1e-9, atol=1e-15)


def test_a_hidden_dependence_is_found_where_nothing_is_sent_back():
    """L2RW asks at weights 0."""
    with pytest.raises(NoMetaGradient, match="cannot be differentiated twice: .*<v, J u> is"):
        gradient(ByHand(HidesHalf).double(), torch.zeros(BATCH, CLASSES).double(), way="double-backward")


def test_a_parameter_that_is_lost_is_noticed(monkeypatch):
    """With torch's own tie_weights a layer under two names keeps what was put in its place."""

    def placed(model, parameters):
        return _reparametrize_module(model, dict(parameters), tie_weights=True)

    monkeypatch.setattr("gdw.gradients.meta.placed", placed)
    model = CASES["a layer under two names"].model()
    with pytest.raises(RuntimeError, match="UnderTwoNames has lost its parameter middle.weight"):
        gradient(model)


@pytest.mark.parametrize("way", BY_WAY)
def test_steps_of_a_network_with_aliases_end_where_they_end_without(way):
    """Its optimiser still moves every layer."""

    def end(build):
        torch.manual_seed(0)
        model = build().double()
        own = GDW(CLASSES, generator=torch.Generator().manual_seed(0)).double()
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        for seed in range(3):
            batch, meta_batch = CASES["mlp"].batch(seed=seed), CASES["mlp"].batch(META, seed=9)
            take_step(BY_WAY[way](model, *batch, meta_batch=meta_batch, lr=optimizer), own, optimizer)
        return dict(model.named_parameters())

    case = CASES["a list with one layer twice"]
    ends = end(case.build), end(case.plain)
    assert ends[0].keys() == ends[1].keys()
    for name, parameter in ends[1].items():
        torch.testing.assert_close(ends[0][name], parameter, rtol=0, atol=1e-13)
