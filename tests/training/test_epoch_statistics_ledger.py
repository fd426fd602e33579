"""Pull and push of each class's logit, and weights counted once per flow, against a loop over cells."""

import numpy as np
import pytest
import torch
from torch import nn

from gdw import Step
from gdw.training.epoch_statistics import EpochStatistics

CLASSES, COUNT = 3, 12


def recorded(weights=None, is_meta=None):
    random = torch.Generator().manual_seed(3)
    clean = torch.randint(CLASSES, (COUNT,), generator=random)
    observed = (clean + (torch.rand(COUNT, generator=random) < 0.5).long()) % CLASSES
    images = torch.randn(COUNT, 4, generator=random, dtype=torch.float64)
    step = Step(nn.Linear(4, CLASSES).double(), images, observed, indices=torch.arange(COUNT), is_meta=is_meta)
    weights = torch.rand(COUNT, CLASSES, generator=random, dtype=torch.float64) if weights is None else weights
    statistics = EpochStatistics(clean, CLASSES)
    statistics.add(step, weights * step.flows / COUNT)
    return statistics.row(), clean, step, weights


def test_pull_is_the_own_label_and_push_all_the_others():
    row, _, step, weights = recorded()
    expected = np.zeros((2, 2, CLASSES))
    for i in range(COUNT):
        for c in range(CLASSES):
            side = 0 if step.labels[i] == c else 1
            size = abs(step.flows[i, c].item()) / COUNT
            expected[0, side, c] += size
            expected[1, side, c] += size * weights[i, c].item()
    np.testing.assert_allclose(row["pull_push"], expected)


def test_push_minus_pull_is_the_gradient_of_each_bias():
    row, _, step, _ = recorded(torch.ones(COUNT, CLASSES, dtype=torch.float64))
    (bias,) = torch.autograd.grad(nn.functional.cross_entropy(step.logits, step.labels), step.model.bias)
    for pull, push in row["pull_push"]:
        np.testing.assert_allclose(push - pull, bias.numpy())


def test_plain_weights_count_every_flow_once():
    row, clean, step, weights = recorded()
    wrong = clean != step.labels
    others = torch.ones(COUNT, CLASSES, dtype=torch.bool)
    others[torch.arange(COUNT), clean] = others[torch.arange(COUNT), step.labels] = False
    plain = row["flow_weight_plain"]
    assert plain[1, 0] == pytest.approx(weights[wrong, step.labels[wrong]].mean().item())
    assert plain[1, 1] == pytest.approx(weights[wrong, clean[wrong]].mean().item())
    assert plain[1, 2] == pytest.approx(weights[wrong][others[wrong]].mean().item())
    assert plain[0, 2] == pytest.approx(weights[~wrong][others[~wrong]].mean().item())
    assert np.isnan(plain[0, 1])


def test_rows_of_the_clean_set_do_not_count():
    row, *_ = recorded(is_meta=torch.ones(COUNT, dtype=torch.bool))
    assert np.isnan(row["pull_push"]).all()
    assert np.isnan(row["flow_weight_plain"]).all()
