"""What a module knows besides parameters, buffers and submodules, to be saved and loaded."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

PLAIN = (bool, int, float, str, type(None), Tensor)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))  # parameters, buffers, hooks


def own_state(module: nn.Module, given: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Its attributes that are numbers, texts, tensors, lists and dictionaries of these, optimisers or generators.

    Others are left out: its constructor makes them. So is one that has the value of the constructor's argument of its
    name, in ``given``.
    """
    own = {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE and value is not given}
    plain = {name: value for name, value in own.items() if _is_plain(value)}
    return {
        "plain": deepcopy({n: v for n, v in plain.items() if not (n in given and equal(given[n], v))}),
        "optimizers": {name: value.state_dict() for name, value in own.items() if isinstance(value, Optimizer)},
        "generators": {name: value.get_state() for name, value in own.items() if isinstance(value, Generator)},
    }


def load_own_state(module: nn.Module, state: Mapping[str, Mapping[str, Any]]) -> None:
    """Undo ``own_state``, for a module with the same optimisers."""
    own = vars(module)
    for name, value in deepcopy(dict(state["plain"])).items():
        both = isinstance(value, Tensor) and isinstance(own.get(name), Tensor)
        setattr(module, name, value.to(own[name].device) if both else value)
    for name, value in state["optimizers"].items():
        load_optimizer(own[name], value)
    for name, value in state["generators"].items():
        if isinstance(own.get(name), Generator):
            own[name].set_state(value)


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
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


def equal(one: object, other: object) -> bool:
    """Whether two values are the same, tensors and nested values too."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())
    return type(one) is type(other) and (one is other or one == other)


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return type(value) in (list, tuple) and all(map(_is_plain, value))
    return isinstance(value, PLAIN)
