"""What methods for unbalanced classes share: how many images each observed class has."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.methods.base import Phase
from gdw.methods.preparing import NeedsPreparing, count_classes, known
from gdw.methods.settings import Counts, plain


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
