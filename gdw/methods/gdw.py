"""GDW: every class-level gradient flow has its own weight. Tied GDW, its control, and GDW with the reduced gradient."""

from typing import Any, ClassVar

import torch

from gdw.errors import Flag
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.two_stage import TwoStage


@register
class GDW(TwoStage):
    """Two-stage generalised data weighting: the second stage follows the meta gradient of each class-level weight.

    Args:
        tied: one weight per instance in stage two as well, as tied GDW has.
        step_size, clip, zero_mean, stage_one, stage_two: as for ``TwoStage``.

    Source: Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021.
    """

    name, title = "gdw", "GDW"
    supports_many_seeds = all_steps_identical = True
    source = "Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021"
    rules: ClassVar = {"tied": Flag()}

    def __init__(self, *args: Any, tied: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tied = tied

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix | Column:
        return of_instances(meta_gradient) if self.tied else meta_gradient


@register
class TiedGDW(TwoStage):
    """GDW with one weight per instance in both stages, nothing class-level. The control."""

    name, title, source = "gdw-tied", "tied GDW", "control: GDW with equal weights within each instance"
    supports_many_seeds = all_steps_identical = True

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Column:
        return of_instances(meta_gradient)


@register
class ReducedGDW(TwoStage):
    """GDW with the reduced gradient: the derivative of the clean loss with respect to the free weights.

    Under the constraint the label's weight is not free: ``w_t = sum_{c != t} w_c p_c / (1 - p_t)``. GDW takes ``g``
    with respect to all C weights, moves each of them, and lets the constraint overwrite the label's: the information
    in ``g_t`` is lost. Here the chain rule passes ``g_t`` on to the weights that determine w_t,

        g'_c = g_c + g_t p_c / (1 - p_t)   for c != t,        g'_t = 0,

    which is ``- lr / B * p_c < d (logit_c - logit_t) / d theta, d L_meta / d theta' >``: whether belief should move
    from class c to the label. Its sum over an instance's classes is the gradient of tied GDW.

    Source: of this package; the method is GDW's (Chen et al., NeurIPS 2021) otherwise.
    """

    name, title = "gdw-reduced", "GDW, reduced gradient"
    supports_many_seeds = all_steps_identical = True
    source = "this package: GDW (Chen et al., NeurIPS 2021) with the meta gradient taken through its constraint"

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix:
        """The meta gradient, taken back through the constraint."""
        free = weights.detach().requires_grad_()
        (reduced,) = torch.autograd.grad(self.constrain(free, step), free, meta_gradient)
        return reduced


def of_instances(meta_gradient: Matrix) -> Column:
    """The derivative with respect to one weight per instance, ``[B, 1]``: the sum over its classes."""
    return meta_gradient.sum(dim=-1, keepdim=True)
