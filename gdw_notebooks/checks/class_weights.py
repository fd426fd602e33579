"""Exercises of notebook 04: stage two with its constraint in five lines, and why tied weights are instance weights."""

import torch
from torch import Tensor, nn

from gdw import Step
from gdw.methods import GDW
from gdw_notebooks.checks.exercise import Exercise, compare

CASES, SEED = 12, 4


class SecondStage(Exercise):
    """``second_stage(weights, g, probs, labels, step_size, clip)`` gives the weights of the real step, [B, C]."""

    title = "Stage two and its constraint"
    notebook, heading = "04_class_level_weights", "Exercise 1: stage two and its constraint in five lines"
    hints = (
        "Five steps in this order: scale, change, clip, move (never below 0), and the label's weight.",
        "The change is step_size · g divided by the mean of |g| over the whole batch; weights move against it.",
        "The label's weight comes last: the sum of w · p over the other classes, divided by the sum of their p.",
    )
    praise = "It agrees with gdw.methods.GDW on twelve random batches."

    def examine(self, function) -> None:
        random = torch.Generator().manual_seed(SEED)
        compare(function, _second_stage, [_case(random) for _ in range(CASES)], _describe)


class EqualTies(Exercise):
    """``instance_gradient(logits, labels, weights)``: gradient of mean(w_i · loss_i) with respect to the logits."""

    title = "Equal ties"
    notebook, heading = "04_class_level_weights", "Exercise 2: equal ties"
    hints = (
        "You need nothing of GDW: torch.nn.functional.cross_entropy with reduction='none', and autograd.",
        "Give the logits requires_grad_(), multiply each loss by its weight, take the mean.",
        "torch.autograd.grad(loss, logits) returns a tuple of one: [B, C].",
    )
    praise = "Equal to w · flows / B on twelve random batches: with ties, GDW's weights are instance weights."

    def examine(self, function) -> None:
        random = torch.Generator().manual_seed(SEED)
        cases = []
        for _ in range(CASES):
            weights, _, probs, labels, *_ = _case(random)
            cases.append((probs.log(), labels, weights[:, 0]))
        compare(function, _tied, cases, lambda logits, *_: f"For a batch of {len(logits)}")


def _case(random: torch.Generator) -> tuple:
    rows, classes = (int(n) for n in torch.randint(2, 6, (2,), generator=random))
    weights = torch.rand(rows, 1, generator=random, dtype=torch.float64).expand(rows, classes)
    gradient = torch.randn(rows, classes, generator=random, dtype=torch.float64)
    probs = torch.randn(rows, classes, generator=random, dtype=torch.float64).softmax(-1)
    labels = torch.randint(classes, (rows,), generator=random)
    step_size, clip = (0.1 + 0.6 * torch.rand(2, generator=random, dtype=torch.float64)).round(decimals=2).tolist()
    return weights, gradient, probs, labels, step_size, clip


def _second_stage(weights, gradient, probs, labels, step_size, clip) -> Tensor:
    step = Step(nn.Identity(), probs.log(), labels)
    return GDW(probs.shape[-1], step_size=step_size, clip=clip).second_stage(weights, gradient, step)


def _tied(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    step = Step(nn.Identity(), logits, labels)
    return weights[:, None] * step.flows / len(step)


def _describe(weights, gradient, probs, labels, step_size, clip) -> str:
    rows, classes = probs.shape
    return f"For {rows} instances, {classes} classes, labels {labels.tolist()}, step size {step_size:g}, clip {clip:g}"
