"""What a method is: it turns one Step into the gradient that goes back through the logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gdw.errors import unknown
from gdw.gradients.step import Step

Matrix = Float[Tensor, "batch classes"]


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one source of batches and its own cosine schedule.

    Args:
        source: ``"train"`` (observed labels), ``"meta"`` (the clean set) or ``"both"`` (their union).
        epochs: how many; an epoch has as many steps as one pass over the training set, whatever the source.
        lr_scale: factor on the experiment's learning rate.
        restart: whether the model goes back to where it started.
    """

    source: str = "train"
    epochs: int = 1
    lr_scale: float = 1.0
    restart: bool = False

    def __post_init__(self) -> None:
        if self.source not in ("train", "meta", "both"):
            raise unknown("source", self.source, ("train", "meta", "both"))


class Method(nn.Module):
    """Base of all methods: subclass it, write ``logit_gradient``, and every figure, lab and sweep takes it.

    Whatever a method learns (a weight network, one parameter per instance, a peer network) is a parameter or
    submodule of it, so that ``.to(device)`` and ``state_dict`` just work.

    Args:
        num_classes: C.
        num_instances: size of the training set, for methods that keep something per instance.
        generator: source of all its randomness.
    """

    name: ClassVar[str] = ""  #: as on the command line
    title: ClassVar[str] = ""  #: as in a figure's legend
    source: ClassVar[str] = ""  #: paper
    many_seeds: ClassVar[bool] = False
    """Whether ``logit_gradient`` takes a StackedStep too: its reductions name trailing axes, and ``prepare`` does
    nothing. Each class says so for itself: a subclass may do what its base does not, so it is not inherited."""

    capturable: ClassVar[bool] = False
    """Whether each of its steps runs the same operations in the same order, whatever batch, epoch and count; it writes
    what it learns in place, and reads nothing on the host. Its optimisers are fused, each an attribute of its own. Not
    inherited either."""

    def __init__(
        self,
        num_classes: int | None = None,
        num_instances: int | None = None,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.num_classes, self.num_instances, self.generator = num_classes, num_instances, generator

    @classmethod
    def settings(cls) -> dict[str, object]:
        """Names and defaults of its own settings: the keyword-only arguments of its constructors."""
        found: dict[str, object] = {}
        for ancestor in reversed(cls.__mro__):
            if issubclass(ancestor, Method) and "__init__" in vars(ancestor):
                arguments = signature(vars(ancestor)["__init__"]).parameters.values()
                found |= {a.name: a.default for a in arguments if a.kind is Parameter.KEYWORD_ONLY}
        return found

    def stages(self, task, epochs: int) -> Sequence[Stage]:
        """What it trains on, in order; ``epochs`` is the budget of the whole run."""
        return [Stage("train", epochs)]

    def prepare(self, task, model: nn.Module) -> None:
        """Called before each stage with the model so far (to estimate a noise matrix, say)."""

    def logit_gradient(self, step: Step) -> Matrix:
        """What the loop sends back through the logits: the gradient of the mean loss, ``[B, C]``."""
        raise NotImplementedError

    def steps_alike(self) -> bool:
        """Whether the loop may record one step and replay it (stepping.py): its class says so, for these settings."""
        return vars(type(self)).get("capturable", False)

    @classmethod
    def stack(cls, methods: "Sequence[Method]") -> "Method":
        """One method for the Steps of many seeds, from one method of each; those stay as they are."""
        return methods[0]  # right for those that keep nothing

    def copy_to(self, methods: "Sequence[Method]") -> None:
        """Undo ``stack``: give each seed's method what was learnt for it, in place."""

    def snapshot(self) -> dict[str, Tensor]:
        """Small tensors worth a place in the History after each epoch (a weight curve, say)."""
        return {}


METHODS: dict[str, type[Method]] = {}


def register(method: type[Method]) -> type[Method]:
    """Class decorator: makes a method known by its name to Experiment, the command line and the labs."""
    if METHODS.get(method.name, method).__qualname__ != method.__qualname__:
        raise ValueError(f"a method named {method.name!r} exists already")
    METHODS[method.name] = method
    return method


def method_class(name: str) -> type[Method]:
    """The method of that name.

    Raises:
        ValueError: nobody knows it; the message gives the nearest known name.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
