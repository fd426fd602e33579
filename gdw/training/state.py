"""What a method and its optimisers know at one moment, to be saved and loaded. A method's author declares nothing."""

import torch
from torch import Tensor, nn

from gdw.methods.base import Method

Plain = (bool, int, float, str, type(None))


def method_state(method: Method) -> dict:
    """All that a method learnt and counted.

    That is its ``state_dict`` and those of its own attributes that are numbers, texts, tensors, lists and
    dictionaries of these, optimisers and generators. Other attributes are left out: the constructor makes them.
    """
    own = _own(method)
    return {
        "state": method.state_dict(),
        "plain": {name: value for name, value in own.items() if _is_plain(value)},
        "optimizers": {n: value.state_dict() for n, value in own.items() if isinstance(value, torch.optim.Optimizer)},
        "generators": {n: value.get_state() for n, value in own.items() if isinstance(value, torch.Generator)},
    }


def load_method(method: Method, saved: dict) -> None:
    """Undo ``method_state``, for a method that has the same parts: it was prepared for the same stages.

    Raises:
        RuntimeError, ValueError, KeyError: it has other parts.
    """
    own = _own(method)
    method.load_state_dict(saved["state"])
    for name, value in saved["plain"].items():
        if name in own and _is_plain(own[name]):
            both = isinstance(value, Tensor) and isinstance(own[name], Tensor)
            setattr(method, name, value.to(own[name].device) if both else value)
    for name, state in saved["optimizers"].items():
        load_optimizer(own[name], state)
    for name, state in saved["generators"].items():
        own[name].set_state(state)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict) -> None:
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


def _own(method: Method) -> dict:
    return {name: value for name, value in vars(method).items() if name not in _MODULE}


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, (*Plain, Tensor))


_MODULE = frozenset(vars(nn.Module()))  # what every module has: parameters, buffers, hooks
