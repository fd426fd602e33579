"""Exercises of notebooks 03, 04 and 05: right answers by another way, wrong ones with what to look at."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw_notebooks.checks.class_weights import EqualTies, SecondStage
from gdw_notebooks.checks.clean_set import InnerProduct, ThreeSigns
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.recorded.histories import load


def test_three_signs():
    assert ThreeSigns()((1, -1, 1)).right
    assert "2 of 3 are right. Look again at B" in repr(ThreeSigns()((1, 1, 1)))
    assert "+1 or −1" in repr(ThreeSigns()((0, 1, 2)))
    assert ThreeSigns()(None).verdict == "not answered yet"


def test_inner_product():
    assert InnerProduct()(lambda own, clean, lr, batch: -lr * own.dot(clean) / batch).right
    assert InnerProduct()(lambda own, clean, lr, batch: lr * own.dot(clean) / batch).verdict == "look again"
    assert InnerProduct()(lambda *_: ...).verdict == "not answered yet"


def second_stage(weights, g, probs, labels, step_size, clip):
    result = weights.clone()
    for i, label in enumerate(labels.tolist()):
        for c in range(probs.shape[1]):
            change = step_size * g[i, c] / g.abs().mean()
            result[i, c] = max(0.0, (weights[i, c] - min(max(change, -clip), clip)).item())
        others = [c for c in range(probs.shape[1]) if c != label]
        result[i, label] = sum(result[i, c] * probs[i, c] for c in others) / (1 - probs[i, label])
    return result


def test_second_stage():
    assert SecondStage()(second_stage).right
    without = SecondStage()(lambda weights, g, *_: weights - g)
    assert "For " in without.text
    assert "step size 0." in without.text
    assert without.verdict == "look again"


def test_equal_ties():
    def gradient(logits, labels, weights):
        logits = logits.clone().requires_grad_()
        losses = cross_entropy(logits, labels, reduction="none")
        return torch.autograd.grad((weights * losses).sum() / len(labels), logits)[0]

    assert EqualTies()(gradient).right
    assert EqualTies()(lambda logits, labels, weights: weights[:, None] * logits).verdict == "look again"


def test_highest_ratio():
    history = load("05-long-tail")["gdw"][0]
    pull_push = history["pull_push"][2]
    ratios = pull_push[:, 1] / pull_push[:, 0]
    which = int(np.argmax(ratios[0]))
    assert HighestRatio(history, 3)((which, *ratios[:, which])).right
    assert "is not the one" in repr(HighestRatio(history, 3)((0, 1, 1)))
    assert "ratio after weighting" in repr(HighestRatio(history, 3)((which, ratios[0, which], 1.0)))


@pytest.mark.parametrize("exercise", [ThreeSigns, InnerProduct, SecondStage, EqualTies, HighestRatio])
def test_three_hints_each(exercise):
    assert len(exercise.hints) == 3  # and the place of the solution
