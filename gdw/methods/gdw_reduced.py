"""GDW whose second stage follows the meta gradient through the zero-mean constraint, not beside it."""

import torch

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.gdw import GDW


@register
class ReducedGDW(GDW):
    """GDW with the reduced gradient: what the clean loss says of the weights that are free.

    Under the constraint the label's weight is no choice, ``w_t = sum_{c != t} w_c p_c / (1 - p_t)``. GDW takes ``g``
    with respect to all C weights, moves each of them, and lets the constraint overwrite the label's: what ``g_t`` said
    is lost. Here ``g_t`` is carried on to those that w_t follows, by the chain rule,

        g'_c = g_c + g_t p_c / (1 - p_t)   for c != t,        g'_t = 0,

    which is ``- lr / B * p_c < d (logit_c - logit_t) / d theta, d L_meta / d theta' >``: whether belief should move
    from class c to the label. Its sum over an instance's classes is the gradient of tied GDW.

    Source: of this package; the method is GDW's (Chen et al., NeurIPS 2021) otherwise.
    """

    name, title = "gdw-reduced", "GDW, reduced gradient"
    many_seeds = capturable = True
    source = "this package: GDW (Chen et al., NeurIPS 2021) with the meta gradient taken through its constraint"

    def second_stage(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix:
        """As GDW's, with the meta gradient pulled back through the constraint."""
        free = weights.detach().requires_grad_()
        (reduced,) = torch.autograd.grad(self.constrain(free, step), free, meta_gradient)
        return super().second_stage(weights, reduced, step)
