"""Exercises of notebook 03: predict three signs of g, then write g as an inner product and meet a finite difference."""

import torch
from torch import Tensor

from gdw.gradients.meta import clean_gradient
from gdw_notebooks.checks.exercise import Exercise, LookAgain, call, numbers
from gdw_notebooks.examples.bilevel import SWAPPED, dirty_walk
from gdw_notebooks.examples.small_problem import (
    INSTANCES,
    Gains,
    Problem,
    finite_difference,
    logit_directions,
    virtual_theta,
)

TOLERANCE = 1e-6  # a finite difference in float64 has about nine digits here
SEED = 3
# Learning rate and number of pictures both change, so a formula without one of them fails the check.
CASES = (
    Problem(), Problem(meta_labels=SWAPPED), Problem(rate=0.5), Problem(rate=0.2, count=2),
    Problem(meta_labels=SWAPPED, rate=2.0, count=2),
)  # fmt: skip


class ThreeSigns(Exercise):
    """The signs of g for the three pictures, under a clean set with two labels exchanged: +1 or −1 each."""

    title = "Three signs of g"
    notebook, heading = "03_learning_from_a_clean_set", "Exercise 1: predict three signs"
    hints = (
        "Look at the three planes: is the picture's arrow on the shaded side, where the clean arrow is?",
        "Less than 90° between the two arrows: a step along the picture's gradient lowers the clean loss.",
        "More weight on a helpful picture makes L smaller: what sign does the derivative have then?",
    )
    praise = "The angle decides the sign. The clean set decides the angle: with two wrong labels there, g follows them."

    def examine(self, signs) -> None:
        signs = numbers(signs, len(INSTANCES))
        if not (signs.abs() == 1).all():
            raise LookAgain("Each sign is +1 or −1.")
        expected = dirty_walk().meta_gradient[:, 0].sign()
        wrong = [INSTANCES[i] for i in range(len(signs)) if signs[i] != expected[i]]
        if len(wrong) == len(signs):
            raise LookAgain("All three are the wrong way round: g < 0 means that more weight lowers the clean loss.")
        if wrong:
            raise LookAgain(f"{len(signs) - len(wrong)} of 3 are right. Look again at {wrong[0]}.")


class InnerProduct(Exercise):
    """``g_i`` from an instance's gradient, the clean gradient, the learning rate and the batch size."""

    title = "g as an inner product"
    notebook, heading = "03_learning_from_a_clean_set", "Exercise 2: match a finite difference"
    hints = (
        "Multiply the two gradients number by number, and add up: that is one number.",
        "The virtual step multiplies the instance's gradient by lr / batch_size: both belong into g.",
        "The step goes against the gradient, so the result has a minus sign.",
    )
    praise = "It agrees with finite differences to six digits, for other weights, learning rates and batch sizes too."

    def examine(self, function) -> None:
        random = torch.Generator().manual_seed(SEED)
        for problem in CASES:
            _compare(function, problem, 2 * torch.rand(problem.count, 1, generator=random, dtype=torch.float64))


def _compare(function, problem: Problem, weights: Tensor) -> None:
    model = Gains()
    step = problem.step(model)
    weights = weights.expand_as(step.flows)
    clean = clean_gradient(model, virtual_theta(model, step, weights), *step.meta_batch)["theta"]
    own = (step.flows[..., None] * logit_directions(model, step)).sum(1).detach()
    expected = finite_difference(problem, weights)[:, 0]
    for i in range(len(step)):
        (got,) = numbers(call(function, own[i].clone(), clean.clone(), problem.rate, len(step)), 1)
        if abs(got - expected[i]) > TOLERANCE:
            raise LookAgain(
                f"For the gradients {_listed(own[i])} and {_listed(clean)}, lr {problem.rate:g} and batch size "
                f"{len(step)} it returns {got:.4f}; the finite difference is another number.{_reason(got, expected[i])}"
            )


def _reason(got: Tensor, expected: Tensor) -> str:
    return " Only the sign is wrong." if abs(got + expected) <= TOLERANCE else ""


def _listed(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in values.tolist()) + ")"
