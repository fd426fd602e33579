"""Approximations of the meta gradient: how far from exact, and exact where they should be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from gdw import Step
from gdw.gradients.exact import by_forward_mode
from gdw.methods import GDW
from gdw_notebooks.examples.approximations import DISTANCE, WAYS, taken_by
from tests.gradients.cases import ALIASES, LR, META, some_weights

WAYS = WAYS | {"exact": by_forward_mode}


def gradient(way, lr=0.1, linear=False):
    torch.manual_seed(0)
    inner = [] if linear else [nn.Linear(8, 16), nn.Tanh()]
    model = nn.Sequential(*inner, nn.Linear(8 if linear else 16, 4)).double()
    random = torch.Generator().manual_seed(1)
    images, meta = (torch.randn(20, 8, generator=random, dtype=torch.float64) for _ in range(2))
    labels, meta_labels = (torch.randint(4, (20,), generator=random) for _ in range(2))
    step = Step(model, images, labels, meta_batch=(meta, meta_labels), lr=lr)
    return WAYS[way](step.problem, torch.rand(20, 4, generator=random, dtype=torch.float64)) / lr


def error(way, **setting):
    exact = gradient("exact", **setting)
    return ((gradient(way, **setting) - exact).norm() / exact.norm()).item()


def test_without_the_virtual_step_the_error_is_of_first_order_in_the_learning_rate():
    errors = [error("no virtual step", lr=lr) for lr in (0.1, 0.01, 0.001)]
    assert 0 < errors[2] < errors[1] < errors[0] < 0.2
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)


def test_a_difference_along_a_line_is_exact_for_a_linear_model():
    assert error("finite difference", linear=True) < 1e-12
    assert 0 < error("finite difference") < DISTANCE


def test_first_order_leaves_both_out():
    assert error("no virtual step, finite difference", lr=1e-4) < DISTANCE
    assert error("no virtual step, finite difference", lr=0.1) > error("finite difference", lr=0.1)


def test_through_the_last_layer_alone():
    assert error("last layer", linear=True) < 1e-12  # there is no other layer
    exact, alone = gradient("exact"), gradient("last layer")
    assert 0.1 < error("last layer") < 1
    assert torch.corrcoef(torch.stack([exact.flatten(), alone.flatten()]))[0, 1] > 0.5


def test_the_last_layer_is_what_a_model_with_all_else_frozen_moves():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)).double()
    images, labels = torch.randn(20, 8, dtype=torch.float64), torch.randint(4, (20,))

    def taken(way):
        step = Step(model, images, labels, meta_batch=(images.flip(0), labels), lr=0.1)
        return WAYS[way](step.problem, torch.ones(20, 4, dtype=torch.float64))

    alone = taken("last layer")
    model[0].requires_grad_(False)
    torch.testing.assert_close(alone, taken("exact"), rtol=0, atol=1e-14)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ALIASES)
def test_of_a_network_with_aliases_it_is_that_of_the_same_network_without(name, way):
    def taken(model):
        step = Step(model, *ALIASES[name].batch(), meta_batch=ALIASES[name].batch(META, seed=4), lr=LR)
        return WAYS[way](step.problem, some_weights())

    found, expected = (taken(replace(ALIASES[name], build=build).model()) for build in (
        ALIASES[name].build, ALIASES[name].plain))  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


def test_a_method_takes_its_meta_gradients_that_way():
    case, asked = ALIASES["a wrapper"], []

    def way(problem, weights):
        asked.append(weights)
        return torch.zeros_like(weights)

    method = taken_by(way, GDW(4).double())
    step = Step(case.model(), *case.batch(), meta_batch=case.batch(META), lr=LR)
    first = method.first_stage(step).detach()
    torch.testing.assert_close(method.logit_gradient(step), first * step.flows / len(step))
    torch.testing.assert_close(asked, [first])
