"""Methods that must know something before their first step: class counts, a noise matrix, a noise rate."""

from typing import Any, ClassVar

from gdw.gradients.step import Step
from gdw.methods.base import Method
from gdw.methods.settings import plain


class NeedsPreparing(Method):
    """Base of methods that learn something from the task before a phase, or are given it as an argument.

    The training loop calls ``before`` of each phase. In a loop of your own nobody else does, and without the missing
    knowledge these methods would be cross-entropy. So they refuse to step.

    Attributes:
        ready: whether the method knows what it needs.
    """

    missing: ClassVar[str] = ""  #: completes "... needs ..."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ready = False

    def require_ready(self, step: Step) -> None:
        """Refuse a step before the method knows what it needs, or with another number of classes.

        Raises:
            ValueError: says what is missing and how to give it.
        """
        if not self.ready:
            raise ValueError(
                f"{self.name} needs {self.missing}, or call before(model) of each phase in "
                "method.phases(task, epochs) when it begins"
            )
        if self.num_classes is not None and step.num_classes != self.num_classes:
            raise ValueError(
                f"{self.name} was made for {self.num_classes} classes, but the model gives {step.num_classes} logits"
            )


def count_classes(name: str, num_classes: int | None, given: object = None, argument: str = "") -> int:
    """The number of classes: said directly, or the length of an argument with one entry for each class.

    Raises:
        ValueError: neither was given, or the two disagree.
    """
    found = num_classes if given is None else len(plain(given))
    if found is None:
        other = f" or {argument}=..." if argument else ""
        raise ValueError(f"{name} needs to know how many classes there are: give num_classes=...{other}")
    if num_classes not in (None, found):
        raise ValueError(f"{argument} must have one entry for each of the {num_classes} classes, got {found}")
    return found
