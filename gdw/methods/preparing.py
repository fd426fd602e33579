"""Methods that must know something before their first step: class counts, a noise matrix, a noise rate."""

from typing import ClassVar

from torch import nn

from gdw.gradients.step import Step
from gdw.methods.base import Method
from gdw.methods.settings import plain


class NeedsPreparing(Method):
    """Base of methods that learn something from the task in ``prepare``, or are given it as an argument.

    The training loop calls ``stages`` and ``prepare``. In a loop of your own nobody does, and without the missing
    knowledge these methods would be cross-entropy. So they refuse to step.

    Attributes:
        prepared: how often ``prepare`` was called in this run.
        known: whether an argument gave what ``prepare`` would find out.
    """

    missing: ClassVar[str] = ""  #: completes "... needs ..."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.prepared, self.known = 0, False
        self.register_load_state_dict_pre_hook(_accept_older_files)

    def prepare(self, task, model: nn.Module) -> None:
        self.prepared += 1

    def require_prepared(self, step: Step) -> None:
        """Refuse a step before the method knows what it needs, or with another number of classes.

        Raises:
            ValueError: says what is missing and how to give it.
        """
        if not (self.known or self.prepared):
            raise ValueError(f"{self.name} needs {self.missing}, or call method.prepare(task, model) before training")
        if self.num_classes is not None and step.num_classes != self.num_classes:
            raise ValueError(
                f"{self.name} was made for {self.num_classes} classes, but the model gives {step.num_classes} logits"
            )

    def get_extra_state(self) -> dict:
        return {"prepared": self.prepared}

    def set_extra_state(self, state: dict) -> None:
        self.prepared = state.get("prepared", 1)


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


def _accept_older_files(method: NeedsPreparing, state_dict: dict, prefix: str, *_) -> None:
    """Methods saved before they had extra state were prepared."""
    state_dict.setdefault(f"{prefix}_extra_state", {})
