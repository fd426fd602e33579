"""Methods that must know something first: how many classes there are, class counts, a noise matrix, a noise rate."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Counts, plain
from gdw.gradients.step import Step
from gdw.methods.base import Method, Phase


class NeedsClasses(Method):
    """Base of methods that must know how many classes there are.

    Raises:
        ValueError: ``num_classes`` was not given.
    """

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
        if self.num_classes is not None and step.num_classes != self.num_classes:
            raise ValueError(
                f"{self.name} was made for {self.num_classes} classes, but the model gives {step.num_classes} logits"
            )


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
    """Base of methods that need the class counts.

    Args:
        class_counts: images of each observed class ``[C]``; by default the labels of the task are counted.
    """

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
        """Use these counts; the method is ready then."""
        self.use_counts(counts)
        self.ready = True

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        """Write into the buffers what follows from the counts."""
        raise NotImplementedError
