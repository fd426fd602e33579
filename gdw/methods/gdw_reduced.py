"""GDW whose second stage takes the meta gradient through the zero-mean constraint."""

import torch

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.two_stage import TwoStage


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
