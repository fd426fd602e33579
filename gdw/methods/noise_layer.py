"""Noise adaptation layer: a C x C layer after the softmax learns how true classes become observed labels."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.transition import estimate_transition, share_of_epochs, true_class_posterior


@register
class NoiseLayer(Method):
    """``loss = -log (p Q)_label`` with ``Q = softmax(layer)`` by rows; ``gradient = (probs - posterior) / B``.

    ``posterior_k`` is proportional to ``p_k Q_k,label``: what the true class may be, given image and observed label.
    The layer starts from the matrix that a first model gives on the clean set and then learns with the second
    model, by its own Adam. It is dropped for prediction. Only its first half of the paper is here: Q does not
    depend on the image (the paper's "simple" model).

    Args:
        first_share: share of the epochs, in (0, 1), spent on the first model, by cross-entropy.
        layer_lr: Adam's learning rate for the layer's C x C logarithms.

    Source: Goldberger and Ben-Reuven, Training Deep Neural-Networks Using a Noise Adaptation Layer, ICLR 2017.
    """

    name, title = "noise-layer", "noise adaptation layer"
    source = "Goldberger and Ben-Reuven, Training Deep Neural-Networks Using a Noise Adaptation Layer, ICLR 2017"

    def __init__(self, *args, first_share: float = 0.5, layer_lr: float = 1e-3, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("first_share", first_share, 0, 1)
        self.first_share, self.prepared = first_share, 0
        self.layer = nn.Parameter(torch.zeros(self.num_classes or 0, self.num_classes or 0))
        self.optimizer = torch.optim.Adam([self.layer], lr=layer_lr)

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared = 0
        first, second = share_of_epochs(epochs, self.first_share)
        parts = [Stage("train", first), Stage("train", second, restart=True)]
        return [part for part in parts if part.epochs]

    @torch.no_grad()
    def prepare(self, task, model: nn.Module) -> None:
        """Before the second stage the layer starts from the first model's matrix."""
        self.prepared += 1
        if self.prepared == 2:
            self.layer.copy_(estimate_transition(model, task).log())

    @property
    def transition(self) -> Float[Tensor, "classes classes"]:
        """Q: rows (true) sum to 1."""
        return self.layer.softmax(dim=-1)

    def logit_gradient(self, step: Step) -> Matrix:
        if self.prepared < 2:
            return step.flows / len(step)
        posterior = true_class_posterior(step.logits.detach(), step.labels, self.layer.detach().log_softmax(dim=-1))
        self.learn(step)
        return (step.probs - posterior) / len(step)

    def learn(self, step: Step) -> None:
        """The layer takes one step on the same loss; the model's half of it goes back through the logits."""
        self.optimizer.zero_grad()
        log_observed = (step.logits.detach().log_softmax(-1)[:, :, None] + self.layer.log_softmax(-1)).logsumexp(1)
        nll_loss(log_observed, step.labels).backward()
        self.optimizer.step()

    def snapshot(self) -> dict[str, Tensor]:
        """``transition``: Q after each epoch."""
        return {"transition": self.transition.detach()}

    def get_extra_state(self) -> dict:
        return {"optimizer": self.optimizer.state_dict(), "prepared": self.prepared}

    def set_extra_state(self, state: dict) -> None:
        self.prepared = state["prepared"]
        self.optimizer.load_state_dict(state["optimizer"])
