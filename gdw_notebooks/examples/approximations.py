"""Cheaper meta gradients, each named after what it leaves out, for the notebook that teaches their price.

None is exact (tests/examples/test_approximations.py). Counted in forward passes of a step (a backward pass is two),
without a tape: exact 11, without the virtual step 9, with a finite difference 9, with both 7, through the last layer
alone 5, against a plain step's 3. One more, a meta gradient at every k-th batch only, is a setting of the methods that
learn V (gdw/methods/learned_weights.py).
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gdw.gradients.exact import by_double_backward, by_forward_mode
from gdw.gradients.meta import Problem, forward
from gdw.gradients.step import Step
from gdw.methods.base import Method
from gdw.methods.fsr import last_layer_of

MetaGradient = Callable[[Problem, Tensor], Tensor]
DISTANCE = 1e-2  # length of the finite difference's step in parameter space, as in DARTS (Liu et al., ICLR 2019)


def without_virtual_step(problem: Problem, weights: Tensor) -> Tensor:
    """The clean gradient is taken at the current parameters; an error of first order in the learning rate."""
    return problem.closed_form(problem.tangent(problem.uphill(problem.here, problem.virtual_step.rates)))


def finite_difference(problem: Problem, weights: Tensor) -> Tensor:
    """The tangent is a one-sided difference that reuses the first forward pass; an error of first order in DISTANCE."""
    return _difference(problem, problem.uphill(*problem.virtual_step(problem.step_back(weights))))


def first_order(problem: Problem, weights: Tensor) -> Tensor:
    """No virtual step and no forward mode: both errors together, at little more than twice a plain step."""
    return _difference(problem, problem.uphill(problem.here, problem.virtual_step.rates))


def last_layer(problem: Problem, weights: Tensor) -> Tensor:
    """Only the last layer takes the virtual step, so only what a flow does to it counts; no small error."""
    return by_forward_mode(replace(problem, virtual_step=last_layer_of(problem.virtual_step)), weights)


@torch.no_grad()
def _difference(problem: Problem, direction: dict[str, Tensor]) -> Tensor:
    length = torch.stack([value.norm() for value in direction.values()]).norm()
    reach = DISTANCE / length.clamp_min(torch.finfo(length.dtype).tiny)
    moved = {name: p + reach * direction[name] for name, p in problem.here.items()}
    with problem.replay():
        there = forward(problem.model, moved, problem.images)
    return problem.closed_form((there - problem.logits.detach()) / reach)


#: by name; the last is exact, and the slowest
WAYS: dict[str, MetaGradient] = {
    "no virtual step": without_virtual_step,
    "finite difference": finite_difference,
    "no virtual step, finite difference": first_order,
    "last layer": last_layer,
    "double backward": by_double_backward,
}


class Untaped(Step):
    """A Step that keeps no tape of its first pass: a double backward needs the graph alone."""

    keeps_tape = False


def taken_by(way: MetaGradient, method: Method) -> Method:
    """The same method, whose steps take the meta gradient that way from now on."""
    usual = method.logit_gradient

    def logit_gradient(step: Step) -> Tensor:
        step.meta_gradient = lambda weights, problem=None: way(problem or step.problem, weights.detach())
        try:
            return usual(step)
        finally:
            del step.meta_gradient  # it refers to the step, whose graph would wait for the collector

    method.logit_gradient = logit_gradient
    return method
