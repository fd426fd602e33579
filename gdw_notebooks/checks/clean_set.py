"""Exercises of notebook 03: foretell three signs of g, then match a finite difference with an inner product."""

import torch
from torch import Tensor

from gdw.gradients.meta import clean_gradient
from gdw_notebooks.checks.exercise import Exercise, LookAgain, call, numbers
from gdw_notebooks.examples.bilevel import Walk, walk
from gdw_notebooks.examples.small_problem import (
    INSTANCES,
    RATE,
    Gains,
    Problem,
    finite_difference,
    logit_directions,
    virtual_theta,
)

SWAPPED = (1, 0, 2)  # the clean set's labels of cat and dog, exchanged: a dirty meta set
TOLERANCE = 1e-6  # a finite difference in float64 has about nine digits here
CASES, SEED = 4, 3


def dirty_walk() -> Walk:
    """The small problem with a meta set whose cat is labelled dog, and whose dog is labelled cat."""
    return walk(Problem(meta_labels=SWAPPED))


class ThreeSigns(Exercise):
    """The signs of g for the three pictures, under a meta set with two labels exchanged: +1 or −1 each."""

    title = "Three signs of g"
    hints = (
        "Look at the three planes: is the picture's arrow on the shaded side, together with the clean one?",
        "Less than 90° between the two arrows: following the picture lowers the clean loss.",
        "More weight on a helpful picture makes L smaller: what sign has a derivative of something that falls?",
    )
    praise = "The angle decides. And the meta set decides the angle: two wrong labels there, and the weights follow."

    def examine(self, signs) -> None:
        signs = numbers(signs, len(INSTANCES))
        if not (signs.abs() == 1).all():
            raise LookAgain("Each sign is +1 or −1.")
        expected = dirty_walk().meta_gradient[:, 0].sign()
        wrong = [INSTANCES[i] for i in range(len(signs)) if signs[i] != expected[i]]
        if wrong:
            raise LookAgain(f"{len(signs) - len(wrong)} of 3 are right. Look again at {wrong[0]}.")


class InnerProduct(Exercise):
    """``g_i`` from an instance's gradient, the clean gradient, the learning rate and the batch size."""

    title = "g as an inner product"
    hints = (
        "Multiply the two gradients number by number, and add.",
        "The virtual step multiplies the instance's gradient by lr / batch, and goes against it.",
        "A step against the gradient: one factor is negative.",
    )
    praise = "It agrees with finite differences to six digits, for other weights and for a dirty meta set too."

    def examine(self, function) -> None:
        random = torch.Generator().manual_seed(SEED)
        for case in range(CASES):
            problem = Problem(meta_labels=SWAPPED) if case % 2 else Problem()
            _compare(function, problem, 2 * torch.rand(3, 1, generator=random, dtype=torch.float64))


def _compare(function, problem: Problem, weights: Tensor) -> None:
    model = Gains()
    step = problem.step(model)
    weights = weights.expand_as(step.flows)
    clean = clean_gradient(model, virtual_theta(model, step, weights), *step.meta_batch)["theta"]
    own = (step.flows[..., None] * logit_directions(model, step)).sum(1)
    expected = finite_difference(problem, weights)[:, 0]
    for i in range(len(step)):
        (got,) = numbers(call(function, own[i], clean, RATE, len(step)), 1)
        if abs(got - expected[i]) > TOLERANCE:
            raise LookAgain(
                f"For the gradients {_listed(own[i])} and {_listed(clean)}, lr {RATE:g} and batch {len(step)} "
                f"it returns {got:.4f}, and the finite difference says otherwise."
            )


def _listed(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in values.tolist()) + ")"
