"""Methods that must know something first: how many classes there are, class counts, a noise matrix, a noise rate.

It is given to them, or taken from the task; a noise matrix is estimated on the clean set by a first model.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Counts, Number, Probabilities, plain
from gdw.gradients.step import Step
from gdw.methods.base import Method, Phase
from gdw.methods.plain import CrossEntropy
from gdw.methods.transition import Transition, estimate_transition, share_of_epochs

Rows = Sequence[Sequence[float]] | Tensor  # a matrix, as people give it


class NeedsClasses(Method):
    """Base of methods that must know how many classes there are; ``ValueError`` without ``num_classes``."""

    num_classes: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_classes = count_classes(self.name, self.num_classes)


class NeedsPreparing(Method):
    """Base of methods that learn something from the task before a phase, or are given it as an argument.

    The training loop calls ``before`` of each phase; in a loop of your own you do. Without it these methods would be
    cross-entropy, so they refuse to step.
    """

    missing: ClassVar[str] = ""  #: completes "... needs ..."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ready = False

    def require_ready(self, step: Step) -> None:
        """Refuse a step before the method knows what it needs, or with another number of classes."""
        if not self.ready:
            raise ValueError(
                f"{self.name} needs {self.missing}, or call before(model) of each phase in "
                "method.phases(task, epochs) when it begins"
            )
        self.check_classes(step)


def known(task: Task | None) -> Task:
    """The task, for a phase that cannot begin without one."""
    if task is None:
        raise ValueError("this phase begins by looking at the data: give method.phases(task, epochs) the task")
    return task


def count_classes(name: str, num_classes: int | None, given: object = None, argument: str = "") -> int:
    """The number of classes: said directly, or the length of an argument with one entry for each class."""
    found = num_classes if given is None else len(plain(given))
    if found is None:
        other = f" or {argument}=..." if argument else ""
        raise ValueError(f"{name} needs to know how many classes there are: give num_classes=...{other}")
    if num_classes not in (None, found):
        raise ValueError(f"{argument} must have one entry for each of the {num_classes} classes, got {found}")
    return found


def observed_counts(task: Task) -> Int[Tensor, "classes"]:
    """Images of each observed class, on the CPU: a method may not see the true classes."""
    return torch.bincount(task.train.labels, minlength=task.num_classes).cpu()


class UsesClassCounts(NeedsPreparing):
    """Base of methods that need the class counts: ``class_counts`` [C], or those of the labels of the task."""

    missing: ClassVar[str] = "the number of images of each class: give class_counts=[...]"
    rules: ClassVar = {"class_counts": Counts()}
    num_classes: int

    def __init__(self, *args: Any, class_counts: Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_classes = count_classes(self.name, self.num_classes, class_counts, "class_counts")
        self.class_counts = None if class_counts is None else tuple(int(count) for count in plain(class_counts))

    def use_given_counts(self) -> None:
        """Called at the end of a subclass's ``__init__``, when its buffers exist."""
        if self.class_counts is not None:
            self.learn_counts(torch.tensor(self.class_counts))

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        return [Phase(self, epochs=epochs, before=partial(self.begin, task, epochs))]

    def begin(self, task: Task | None, epochs: int, model: nn.Module) -> None:
        """What happens before the one phase: the labels of the task are counted, unless the counts were given."""
        if self.class_counts is None:
            self.learn_counts(observed_counts(known(task)))

    def learn_counts(self, counts: Int[Tensor, "classes"]) -> None:
        self.use_counts(counts)
        self.ready = True

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        """Write into the buffers what follows from the counts."""
        raise NotImplementedError


class UsesTransition(NeedsPreparing):
    """Base of methods that need the noise matrix T.

    In the training loop a first model learns from the observed labels and gives T on the clean set; the second model
    starts again and uses T. In a loop of your own, give ``transition``
    (``gdw.methods.transition.transition_from_clean`` estimates it), or train a first model and call ``estimate``.

    Args:
        first_share: share of the epochs, in [0, 1], for the first model; both models get at least one epoch.
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
