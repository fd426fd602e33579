"""What methods with a noise matrix share: they are given it, or a first model estimates it on the clean set."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from gdw.gradients.step import Step
from gdw.methods.base import Stage
from gdw.methods.preparing import NeedsPreparing, count_classes
from gdw.methods.settings import Number, Probabilities, plain
from gdw.methods.transition import Transition, estimate_transition, share_of_epochs


class UsesTransition(NeedsPreparing):
    """Base of methods that need the noise matrix T.

    In the training loop a first model learns from the observed labels and gives T on the clean set; the second model
    starts afresh and uses T. In a loop of your own, give ``transition``
    (``gdw.methods.transition.transition_from_clean`` estimates it), or train a first model and call ``prepare``.

    Args:
        first_share: share of the epochs, in (0, 1), for the first model; both models get at least one epoch.
        transition: T ``[C, C]``, if it is known; there is then no first model.
    """

    missing: ClassVar[str] = (
        "the noise matrix: give transition=[[...], ...] (rows: true class, columns: observed class), for example from "
        "gdw.methods.transition.transition_from_clean(first_model, clean_images, clean_labels)"
    )
    rules: ClassVar = {"first_share": Number(0, 1), "transition": Probabilities()}
    second_source: ClassVar[str] = "train"  #: what the second model trains on

    def __init__(self, *args, first_share: float = 0.5, transition: Sequence | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_classes = count_classes(self.name, self.num_classes, transition, "transition")
        self.first_share, self.known = first_share, transition is not None
        self.estimates_at = 1  # which call of ``prepare`` estimates T; planned stages make it the second

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared = 0
        if self.known:
            return [Stage(self.second_source, epochs)]
        self.estimates_at = 2
        why = f"{self.name} trains a first model that estimates the noise matrix, then a second one that uses it"
        first, second = share_of_epochs(epochs, self.first_share, why)
        return [Stage("train", first), Stage(self.second_source, second, restart=True)]

    @torch.no_grad()
    def prepare(self, task, model: nn.Module) -> None:
        """Before the second stage the first stage's model gives T."""
        super().prepare(task, model)
        if self.prepared == self.estimates_at and not self.known:
            self.use_transition(estimate_transition(model, task))

    def use_transition(self, transition: Transition) -> None:
        """Write the matrix where the method reads it."""
        raise NotImplementedError

    def is_first_model(self, step: Step) -> bool:
        """Whether the model is the first one, which has no T yet.

        Raises:
            ValueError: there is no T, and no first model is planned.
        """
        self.require_prepared(step)
        return not self.known and self.prepared < self.estimates_at

    def get_extra_state(self) -> dict:
        return {**super().get_extra_state(), "estimates_at": self.estimates_at}

    def set_extra_state(self, state: dict) -> None:
        self.estimates_at = state.get("estimates_at", 2)
        self.prepared = state.get("prepared", 2)


def as_matrix(transition: Sequence | None, num_classes: int) -> Transition:
    """The matrix as a tensor; the identity (no noise) while it is not known."""
    if transition is None:
        return torch.eye(num_classes)
    return torch.tensor(plain(transition), dtype=torch.get_default_dtype())
