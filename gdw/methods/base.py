"""What a method is: it turns one Step into the gradient that goes back through the logits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter, signature
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Flag, Number, Rule, number, one_of, unknown, whole_number
from gdw.gradients.step import Step
from gdw.methods.state import load_own_state, own_state
from gdw.networks.start import Network, started
from gdw.registry import Registry

Matrix = Float[Tensor, "*seeds batch classes"]
Column = Float[Tensor, "*seeds batch 1"]  # one number for each instance
PROMISES = ("supports_many_seeds", "all_steps_identical")  # of a class of methods
SOURCES = ("train", "meta", "both")  # of batches


@dataclass(frozen=True)
class Phase:
    """A part of training: which method gives the gradient, on which batches, for how long. It has its own cosine.

    Args:
        method: gives the gradient of each step: the run's method, a submodule of it, or one that learns nothing.
        source: ``"train"`` (observed labels), ``"meta"`` (the clean set) or ``"both"`` (their union).
        epochs: how many, at least 1; from each source an epoch has the steps of one pass over the training set.
        lr_scale: factor on the experiment's learning rate.
        restart: whether the model goes back to where it started.
        before: called once before the first step with the model so far (to estimate a noise matrix, say).

    Raises:
        ValueError: an unknown source; less than one epoch: a method must refuse a run that is too short for its phases.
    """

    method: "Method"
    source: str = "train"
    epochs: int = 1
    lr_scale: float = 1.0
    restart: bool = False
    before: Callable[[nn.Module], object] = lambda model: None

    def __post_init__(self) -> None:
        one_of("source", self.source, SOURCES)
        if self.epochs < 1:
            raise ValueError(f"a phase of training needs at least 1 epoch, got {self.epochs}: give the run more epochs")


@lru_cache(maxsize=1024)
def _keyword_only(constructor: Callable[..., None]) -> Mapping[str, object]:
    """Names and defaults of its keyword-only arguments; kept, because an Experiment asks each time it is made."""
    arguments = signature(constructor).parameters.values()
    return MappingProxyType({a.name: a.default for a in arguments if a.kind is Parameter.KEYWORD_ONLY})


class Method(nn.Module):
    """Base of all methods. A method of your own takes four steps:

    1. Write a subclass with ``name``, ``title``, ``source`` and ``logit_gradient(step)``.
    2. Make its settings keyword-only arguments of ``__init__``, each with a default.
    3. Put ``@gdw.methods.register`` above the class. Experiment, the command line, sweeps and labs now know its name.
    4. Call ``gdw.methods.check(MyMethod)``. It runs small problems, and raises one sentence if something is wrong.

    ``return torch.exp(-step.losses)[:, None] * step.flows / len(step)`` is a method: a large loss counts less.

    What a method learns (a weight network, one parameter for each instance, a second network) is a parameter, buffer
    or submodule of it; then ``.to(device)`` works. ``state_dict`` holds its other attributes too: numbers, texts,
    tensors, lists and dictionaries of these, optimisers, generators. So a saved run continues with the same numbers.

    The two promises hold for the class that makes them, and not for its subclasses: those make them again.
    ``gdw.methods.check`` tests whether promises are true, and whether ``state_dict`` holds all that the method learnt.

    Args:
        num_classes: C.
        num_instances: size of the training set, for methods that keep something for each instance.
        generator: source of all its randomness.

    Raises:
        TypeError: an argument that the method does not have.
        ValueError: a setting of the wrong type or out of range.
    """

    name: ClassVar[str] = ""  #: as on the command line
    title: ClassVar[str] = ""  #: as in a figure's legend
    source: ClassVar[str] = ""  #: paper
    rules: ClassVar[Mapping[str, Rule]] = {}
    """What its own settings may be. A setting without a rule takes any finite number where its default is a float,
    any whole one where that is an int, and True or False where that is one of these."""

    supports_many_seeds: ClassVar[bool] = False
    """``logit_gradient`` works for a StackedStep too (a leading axis for seeds: sums name their axes from the end), and
    nothing happens before a phase."""

    all_steps_identical: bool = False
    """Each step runs the same operations in the same order, for any batch, epoch and count. The method writes what it
    learns in place and reads no number on the host. Its optimisers are fused, and each is an attribute. An
    instance whose settings break the promise takes it back: ``self.all_steps_identical = False``."""

    def __init_subclass__(cls, **given: Any) -> None:
        """A promise is not inherited."""
        super().__init_subclass__(**given)
        for promise in PROMISES:
            if promise not in vars(cls):
                setattr(cls, promise, False)

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Settings are checked first: nothing is built from a wrong one."""
        known = cls.settings()
        cls.check_settings({name: value for name, value in given.items() if name in known})
        made = super().__new__(cls)
        made.__dict__["_given"] = {**known, **given}
        return made

    _given: dict[str, object]  # its settings

    def __init__(
        self,
        num_classes: int | None = None,
        num_instances: int | None = None,
        generator: torch.Generator | None = None,
        **others: Any,
    ) -> None:
        if others:
            known = ["num_classes", "num_instances", "generator", *self.settings()]
            raise TypeError(str(unknown(f"argument of {type(self).__name__}", next(iter(others)), known)))
        super().__init__()
        Number(2, or_none=True, whole=True).check("num_classes", num_classes)
        Number(1, or_none=True, whole=True).check("num_instances", num_instances)
        self.num_classes, self.num_instances, self.generator = num_classes, num_instances, generator

    @classmethod
    def settings(cls) -> dict[str, object]:
        """Names and defaults of its own settings: the keyword-only arguments of its constructors."""
        found: dict[str, object] = {}
        for ancestor in reversed(cls.__mro__):
            if issubclass(ancestor, Method) and "__init__" in vars(ancestor):
                found |= _keyword_only(vars(ancestor)["__init__"])
        return found

    @classmethod
    def check_settings(cls, settings: Mapping[str, object]) -> dict[str, Any]:
        """The settings, each number as an int or a float as its default is; ``ValueError`` for one that cannot be."""
        known, found = cls.settings(), dict[str, Any]()
        for name, value in settings.items():
            one_of(f"setting of {cls.name or cls.__name__}", name, known)
            own = (kind.rules[name] for kind in cls.__mro__ if issubclass(kind, Method) and name in kind.rules)
            full = f"{cls.name or cls.__name__}'s {name}"
            found[name] = _like(full, value, known[name])
            if (rule := next(own, None)) is not None:
                rule.check(full, found[name])
        return found

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        """What it trains on, in order. Asking changes nothing; ``before`` of a phase may.

        Args:
            task: what the run trains on. With None a phase that looks at the data can be listed, but cannot begin.
            epochs: the budget of the whole run.

        Raises:
            ValueError: too few epochs for all phases (``gdw.methods.transition.share_of_epochs`` says so).
        """
        return [Phase(self, epochs=epochs)]

    def logit_gradient(self, step: Step) -> Matrix:
        """What the loop sends back through the logits: the gradient of the mean loss, ``[B, C]``."""
        raise NotImplementedError

    def loss(self, step: Step) -> Float[Tensor, ""]:
        """The same gradient as a loss: ``method.loss(step).backward()`` sends ``logit_gradient(step)`` back.

        So it goes where a loss is wanted: scaled, divided, or added to another one. Its value, for a log, is the
        batch's mean cross-entropy with the observed labels, in nats; a method's own loss need not have a formula.
        """
        self.check_classes(step)
        gradient = self.logit_gradient(step).detach()
        carrier = (step.logits.to(gradient.dtype) * gradient).sum()
        return carrier - carrier.detach() + step.losses.mean()

    def check_classes(self, step: Step) -> None:
        """``ValueError`` for the step of a model with another number of classes than the method was made for."""
        if self.num_classes not in (None, step.num_classes):
            raise ValueError(
                f"{self.name} was made for {self.num_classes} classes, but the model gives {step.num_classes} logits"
            )

    @classmethod
    def stack(cls, methods: Sequence[Self]) -> Self:
        """One method for the Steps of many seeds, from one method of each; those stay as they are."""
        return methods[0]  # right for those that keep nothing

    def copy_to(self, methods: Sequence[Self]) -> None:
        """Undo ``stack``: give each seed's method what was learnt for it, in place."""

    def new_network(self, build: Callable[[], Network]) -> Network:
        """A network for the method to learn: its start is drawn from ``generator``, or by torch where there is none."""
        return build() if self.generator is None else started(build, self.generator, torch.get_default_dtype())

    def snapshot(self) -> dict[str, Tensor]:
        """Small tensors that the History keeps after each epoch (a weight curve, say), under names of their own."""
        return {}

    def get_extra_state(self) -> dict[str, dict[str, Any]]:
        """A part of ``state_dict``: all else that changed, and the method's optimisers and generators (state.py)."""
        return own_state(self, self._given)

    def set_extra_state(self, state: dict[str, dict[str, Any]]) -> None:
        """Undo ``get_extra_state``; called by ``load_state_dict``."""
        load_own_state(self, state)


def _like(name: str, value: object, default: object) -> object:
    """A value of its default's kind: a flag stays a flag, and a finite or whole number stays one."""
    if isinstance(default, bool):
        return Flag().check(name, value)
    if isinstance(default, int):
        return whole_number(name, value)
    if isinstance(default, float) or (default is None and isinstance(value, Real) and not isinstance(value, bool)):
        return number(name, value)
    if isinstance(default, str) and not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}")
    return value


METHODS: Registry[type[Method]] = Registry("method")


def register(method: type[Method]) -> type[Method]:
    """Class decorator: makes a method known by its name to Experiment, the command line and the labs.

    Raises:
        TypeError: not a subclass of ``Method``, or one without ``logit_gradient``.
        ValueError: no ``name`` or ``title``, or a name that another method has.
    """
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise TypeError(f"register takes a subclass of gdw.methods.Method, got {method!r}")
    if method.logit_gradient is Method.logit_gradient:
        raise TypeError(f"{method.__name__} has no gradient: write logit_gradient(self, step)")
    for label, use in (("name", "the command line"), ("title", "the legend of figures")):
        if label not in vars(method) or not isinstance(getattr(method, label), str) or not getattr(method, label):
            raise ValueError(f"{method.__name__} needs a {label} of its own for {use}: write {label} = '...' in it")
    METHODS.add(method.name, method)
    return method


def method_class(name: str) -> type[Method]:
    """The method of that name; ``ValueError`` with the nearest known name where there is none."""
    return METHODS.find(name)
