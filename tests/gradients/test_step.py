"""Step: what it offers a method, and what it refuses."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gdw import Step
from gdw.gradients.prepared import Prepared


def batch(count=6, classes=4):
    random = torch.Generator().manual_seed(0)
    return torch.randn(count, 5, generator=random), torch.randint(classes, (count,), generator=random)


def test_logits_probs_losses_and_flows_are_those_of_cross_entropy():
    images, labels = batch()
    model = nn.Linear(5, 4)
    step = Step(model, images, labels)
    torch.testing.assert_close(step.logits, model(images))
    torch.testing.assert_close(step.losses, cross_entropy(step.logits, labels, reduction="none").detach())
    (expected,) = torch.autograd.grad(cross_entropy(step.logits, labels), step.logits)
    torch.testing.assert_close(step.flows / len(step), expected)
    assert not step.flows.requires_grad


def test_the_meta_batch_is_drawn_once_and_only_when_asked_for():
    drawn = []

    def draw():
        drawn.append(1)
        return batch(3)

    step = Step(nn.Linear(5, 4), *batch(), meta_batch=draw, lr=0.1)
    assert not drawn
    step.meta_gradient(torch.ones_like(step.flows))
    step.meta_gradient(torch.ones_like(step.flows))
    assert len(drawn) == 1


def test_a_step_without_a_clean_set_or_a_rate_says_what_is_missing():
    weights = torch.ones(6, 4)
    with pytest.raises(ValueError, match="meta_batch"):
        Step(nn.Linear(5, 4), *batch(), lr=0.1).meta_gradient(weights)
    with pytest.raises(ValueError, match="learning rate"):
        Step(nn.Linear(5, 4), *batch(), meta_batch=batch(3)).meta_gradient(weights)


def test_half_precision_logits_give_float32_probabilities():
    images, labels = batch()
    step = Step(nn.Linear(5, 4).bfloat16(), images.bfloat16(), labels)
    assert step.probs.dtype is step.losses.dtype is torch.float32


def test_a_step_is_one_of_the_ten_that_are_checked_however_often_it_is_asked(monkeypatch):
    counted = []
    monkeypatch.setattr("gdw.gradients.step.is_due", lambda model, device: bool(counted.append(model)))
    model = nn.Linear(3, 2)
    step = Step(
        model,
        torch.randn(4, 3),
        torch.tensor([0, 1, 1, 0]),
        meta_batch=(torch.randn(2, 3), torch.tensor([0, 1])),
        lr=0.1,
    )
    problem = step.problem
    step.meta_gradient(torch.ones(4, 2))
    step.target_gradient(step.probs)
    assert counted == [model]
    assert step.problem is problem


def test_what_is_prepared_for_something_else_is_refused():
    model, other = nn.Linear(5, 4), nn.Linear(5, 4)
    prepared = Prepared(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9))
    for called, virtual in ((other, "sgd"), (model, "optimizer"), (model, "rubbish")):
        with pytest.raises(ValueError, match="what is Prepared is another model's or virtual='sgd'"):
            Step(called, *batch(), lr=prepared, virtual=virtual)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"max_prob": 0}, ValueError, r"max_prob must lie in \(0, 1\], got 0"),
        ({"max_prob": 99.9}, ValueError, r"max_prob must lie in \(0, 1\], got 99.9"),
        ({"max_prob": float("nan")}, ValueError, "max_prob must be a finite number"),
        ({"max_prob": "0.9"}, ValueError, "max_prob must be a number or None"),
        ({"epoch": "3"}, ValueError, "epoch must be a number or None, got '3'"),
        ({"epoch": -1}, ValueError, "epoch must be at least 0, got -1"),
        ({"indices": [0, 1]}, TypeError, r"indices must be a tensor of whole numbers \[batch\], got list"),
    ],
)
def test_what_a_step_is_given_is_checked(given, error, message):
    with pytest.raises(error, match=message):
        Step(nn.Linear(5, 4), *batch(), **given)


def test_labels_of_a_loop_are_checked_at_its_first_step_whatever_batch_comes_first():
    model, labels = nn.Linear(3, 2), torch.tensor([0, 1, 1, 2])
    prepared = Prepared(model, 0.1, labels=(labels,))
    with pytest.raises(ValueError, match=r"labels must lie in 0 \.\.\. 1, got 0 to 2"):
        Step(model, torch.randn(2, 3), labels[:2], lr=prepared)
