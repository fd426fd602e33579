"""What an attribute of a method knows at one moment, to be saved and loaded."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, str, type(None), Tensor)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))  # parameters, buffers, hooks


def state_of(value: object) -> object:
    """A copy of what the value knows; of an optimiser or a generator its state."""
    if isinstance(value, torch.optim.Optimizer):
        return value.state_dict()
    return value.get_state() if isinstance(value, torch.Generator) else deepcopy(value)


def with_state(value: object, state: object) -> object:
    """The value as it was when ``state_of`` gave the state: an optimiser or a generator is the same object."""
    if isinstance(value, torch.optim.Optimizer):
        load_optimizer(value, state)
    elif isinstance(value, torch.Generator):
        if state is not None:
            value.set_state(state)
    else:
        return deepcopy(state)
    return value


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, object]) -> None:
    """Its saved state, laid out in memory as its parameters are.

    Fused optimisers read parameter, gradient and momentum in the order of memory: under ``channels_last`` a momentum
    in another layout would give wrong numbers.
    """
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            same = isinstance(value, Tensor) and value.shape == parameter.shape
            if same and value.stride() != parameter.stride():
                values[name] = torch.empty_like(parameter).copy_(value)


def own_values(module: nn.Module) -> dict[str, object]:
    """Copies of the attributes of a module that can be saved and are no parameter, buffer or submodule."""
    own = {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE}
    return {name: state_of(value) for name, value in own.items() if _can_be_saved(value)}


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Names of the values that differ between two answers of ``own_values``."""
    return [name for name, value in after.items() if name not in before or not _equal(before[name], value)]


def check_saved(module: nn.Module, before: Mapping[str, object]) -> None:
    """Refuse a module whose ``state_dict`` misses something that changed since ``own_values`` gave ``before``.

    Raises:
        ValueError: names the attribute.
    """
    in_state = module.get_extra_state()
    for name in changed(before, own_values(module)):
        if name not in in_state:
            raise ValueError(
                f"{type(module).__name__} changes self.{name} in training, and its state_dict does not hold that: "
                f"write saved = ({name!r},) in the class"
            )


def _can_be_saved(value: object) -> bool:
    if isinstance(value, dict):
        return all(_can_be_saved(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return all(map(_can_be_saved, value))
    return isinstance(value, (*PLAIN, torch.optim.Optimizer, torch.Generator))


def _equal(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and (one is other or one == other)
