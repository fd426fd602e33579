"""Cheaper meta gradients, each named after what it leaves out. None is exact (tests/gradients/test_approximate.py).

Counted in forward passes of a step (a backward pass is two): exact 11, without the virtual step 9, with a finite
difference 9, with both 7, through the last layer alone 5, against a plain step's 3. One more, a meta gradient at
every k-th batch only, is a setting of the methods that learn V (methods/weight_net.py). A difference compares two
passes at a model's first steps (agreement.py); there it takes one pass more.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gdw.gradients.agreement import check_same_logits
from gdw.gradients.meta import Problem, along, by_forward_mode, closed_form, forward

Matrix = Float[Tensor, "batch classes"]
DISTANCE = 1e-2  # length of the finite difference's step in parameter space, as in DARTS (Liu et al., ICLR 2019)


def without_virtual_step(problem: Problem, weights: Matrix) -> Matrix:
    """The clean gradient is taken at the current parameters; an error of first order in the learning rate."""
    return along(problem, weights, problem.direction(None))


def finite_difference(problem: Problem, weights: Matrix) -> Matrix:
    """The tangent is a one-sided difference that reuses the first forward pass; an error of first order in DISTANCE."""
    return closed_form(problem, _difference(problem, problem.direction(weights)))


def first_order(problem: Problem, weights: Matrix) -> Matrix:
    """No virtual step and no forward mode: both errors together, at little more than twice a plain step."""
    return closed_form(problem, _difference(problem, problem.direction(None)))


def last_layer(problem: Problem, weights: Matrix) -> Matrix:
    """Only the last layer takes the virtual step, so only what a flow does to it counts; no small error.

    The last layer is the module that owns the last of the parameters that move.
    """
    owner = list(problem.parameters)[-1].rpartition(".")[0]
    own = frozenset(name for name in problem.parameters if name.rpartition(".")[0] == owner)
    return by_forward_mode(replace(problem, only=own), weights)


@torch.no_grad()
def _difference(problem: Problem, direction: dict[str, Tensor]) -> Matrix:
    length = torch.stack([value.norm() for value in direction.values()]).norm()
    reach = DISTANCE / length.clamp_min(torch.finfo(length.dtype).tiny)
    moved = {name: p + reach * direction[name] for name, p in problem.here.items()}
    with problem.replay():
        there = forward(problem.model, moved, problem.images)
    if problem.is_checked:
        with problem.replay():
            again = forward(problem.model, problem.here, problem.images)
        check_same_logits(problem.model, problem.logits.detach(), again)
    return (there - problem.logits.detach()) / reach
