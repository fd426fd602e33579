"""Noise adaptation layer: a C x C layer after the softmax learns how true classes become observed labels."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import Rows, UsesTransition, as_matrix
from gdw.methods.transition import SMALLEST_RATE, Transition, true_class_posterior


@register
class NoiseLayer(UsesTransition):
    """``loss = -log (p Q)_label`` with ``Q = softmax(layer)`` by rows; ``gradient = (probs - posterior) / B``.

    ``posterior_k`` is proportional to ``p_k Q_k,label``: what the true class may be, given image and observed label.
    The layer starts from the matrix that a first model gives on the clean set and then learns with the second
    model, by its own Adam. It is dropped for prediction. Only the first half of the paper is here: Q does not
    depend on the image (the paper's "simple" model).

    Args:
        first_share: share of the epochs, in [0, 1], for the first model, which learns by cross-entropy.
        transition: where the layer starts, ``[C, C]``, if it is known, with entries below 0.0001 as 0.0001; there is
            then no first model.
        layer_lr: Adam's learning rate for the layer's C x C logarithms.

    Source: Goldberger and Ben-Reuven, Training Deep Neural-Networks Using a Noise Adaptation Layer, ICLR 2017.
    """

    name, title = "noise-layer", "noise adaptation layer"
    source = "Goldberger and Ben-Reuven, Training Deep Neural-Networks Using a Noise Adaptation Layer, ICLR 2017"
    rules: ClassVar = {"layer_lr": Number(0)}

    def __init__(self, *args: Any, transition: Rows | None = None, layer_lr: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(*args, transition=transition, **kwargs)
        self.layer = nn.Parameter(torch.zeros(self.num_classes, self.num_classes))
        if transition is not None:
            self.use_transition(as_matrix(transition, self.num_classes).clamp_min(SMALLEST_RATE))
        self.optimizer = torch.optim.Adam([self.layer], lr=layer_lr)

    @torch.no_grad()
    def use_transition(self, transition: Transition) -> None:
        self.layer.copy_(transition.log())

    @property
    def transition(self) -> Float[Tensor, "classes classes"]:
        """Q: rows (true) sum to 1."""
        return self.layer.softmax(dim=-1)

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        posterior = true_class_posterior(step.logits.detach(), step.labels, self.layer.detach().log_softmax(dim=-1))
        self.learn(step)
        return (step.probs - posterior) / len(step)

    def learn(self, step: Step) -> None:
        """The layer takes one step on the same loss; the model's part of the gradient goes back through the logits."""
        self.optimizer.zero_grad()
        log_observed = (step.logits.detach().log_softmax(-1)[:, :, None] + self.layer.log_softmax(-1)).logsumexp(1)
        nll_loss(log_observed, step.labels).backward()
        self.optimizer.step()

    def snapshot(self) -> dict[str, Tensor]:
        """``transition``: Q after each epoch."""
        return {"transition": self.transition.detach()}
