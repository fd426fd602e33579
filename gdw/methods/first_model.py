"""What methods with a noise matrix share: they are given it, or a first model estimates it on the clean set."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Number, Probabilities, plain
from gdw.methods.base import Phase
from gdw.methods.plain import CrossEntropy
from gdw.methods.preparing import NeedsPreparing, count_classes, known
from gdw.methods.transition import Transition, estimate_transition, share_of_epochs

Rows = Sequence[Sequence[float]] | Tensor  # a matrix, as people give it


class UsesTransition(NeedsPreparing):
    """Base of methods that need the noise matrix T.

    In the training loop a first model learns from the observed labels and gives T on the clean set; the second model
    starts again and uses T. In a loop of your own, give ``transition``
    (``gdw.methods.transition.transition_from_clean`` estimates it), or train a first model and call ``estimate``.

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
    num_classes: int

    def __init__(self, *args: Any, first_share: float = 0.5, transition: Rows | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_classes = count_classes(self.name, self.num_classes, transition, "transition")
        self.first_share, self.given = first_share, transition is not None
        self.ready = self.given

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        if self.given:
            return [Phase(self, self.second_source, epochs)]
        why = f"{self.name} trains a first model that estimates the noise matrix, then a second one that uses it"
        first, second = share_of_epochs(epochs, self.first_share, why)
        estimate = partial(self.estimate, task)
        return [
            Phase(CrossEntropy(), "train", first),
            Phase(self, self.second_source, second, restart=True, before=estimate),
        ]

    @torch.no_grad()
    def estimate(self, task: Task | None, model: nn.Module) -> None:
        """The first phase's model gives T."""
        self.use_transition(estimate_transition(model, known(task)))
        self.ready = True

    def use_transition(self, transition: Transition) -> None:
        """Write the matrix where the method reads it."""
        raise NotImplementedError


class KeepsTransition(UsesTransition):
    """Base of methods that use T as it was given or estimated; the identity (no noise) before that."""

    transition: Tensor

    def __init__(self, *args: Any, transition: Rows | None = None, **kwargs: Any) -> None:
        super().__init__(*args, transition=transition, **kwargs)
        self.register_buffer("transition", as_matrix(transition, self.num_classes))

    def use_transition(self, transition: Transition) -> None:
        self.transition.copy_(transition)


def as_matrix(transition: Rows | None, num_classes: int) -> Transition:
    """The matrix as a tensor; the identity (no noise) while it is not known."""
    if transition is None:
        return torch.eye(num_classes)
    return torch.tensor(plain(transition), dtype=torch.get_default_dtype())
