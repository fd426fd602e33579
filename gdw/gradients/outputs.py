"""How a model is called: its logits, as a tensor or in an output object; its mode; the random numbers that it draws."""

import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeGuard

import torch
from torch import Tensor, nn

from gdw.private import RANDOM_LOCK

Inputs: TypeAlias = Any  # a batch, as the model takes it
_LOOKED_AT: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()  # for losses of their own


def logits_of(model: nn.Module, inputs: Inputs) -> Tensor:
    """The tensor of logits that a model gives for a batch; every pass calls the model here.

    Args:
        model: returns a tensor, a dictionary with ``"logits"``, or an object with ``.logits`` (a dataclass, a named
            tuple, the outputs of Hugging Face's models).
        inputs: a dictionary holds arguments by name, ``model(**inputs)``; a tuple or a list holds them in order,
            ``model(*inputs)``; anything else is the one argument.

    Raises:
        TypeError: any other output.
    """
    if isinstance(inputs, Tensor):
        output = model(inputs)
    elif isinstance(inputs, Mapping):
        output = model(**inputs)
    else:
        output = model(*inputs) if type(inputs) in (tuple, list) else model(inputs)
    if torch.is_grad_enabled() and model not in _LOOKED_AT:
        _warn_of_other_losses(model, output)
    if isinstance(output, Tensor):
        return output
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(found, Tensor):
        return found
    raise TypeError(
        f"{type(model).__name__} must return logits [batch, classes] or an output with 'logits', got "
        f"{_described(output)}: wrap it in a module whose forward returns the tensor of logits"
    )


def _warn_of_other_losses(model: nn.Module, output: object) -> None:
    """Once for each model: say that a loss which it adds by itself is not followed."""
    _LOOKED_AT.add(model)
    fields = dict(output) if isinstance(output, Mapping) else getattr(output, "_asdict", dict)()
    found = [name for name, value in fields.items() if ("loss" in name or "aux" in name) and _has_graph(value)]
    for prefix, module in model.named_modules():
        kept = [name for name, value in vars(module).items() if _has_graph(value) and value.numel() == 1]
        found += [f"{prefix}.{name}".strip(".") for name in kept]
    if found:
        warnings.warn(
            f"{type(model).__name__} also gives {', '.join(found)}, which neither a virtual step nor method.loss(step) "
            "follows: to train on it, keep it as an attribute of its module, read it right after the Step is made "
            "(without save_memory), and add it to method.loss(step)",
            stacklevel=2,
        )


def _has_graph(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.grad_fn is not None


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Within: dropout is off, and BatchNorm uses its running statistics and leaves them as they are.

    Afterwards each of its modules is in the mode that it was in: a layer that is kept in evaluation mode stays there.
    """
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield model
    finally:
        for module, training in before.items():
            module.training = training


def random_state(device: torch.device) -> list[Tensor]:
    """Of torch's own generators, which a model's forward pass draws from: the CPU's, and the device's."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def seeded_random_state(random: torch.Generator, device: torch.device) -> list[Tensor]:
    """What ``random_state`` would be if torch's generators had the seed of this one."""
    devices = [torch.device("cpu"), *([device] if device.type == "cuda" else [])]
    return [torch.Generator(each).manual_seed(random.initial_seed()).get_state() for each in devices]


def set_random_state(states: Sequence[Tensor], device: torch.device) -> None:
    """Undo ``random_state``."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:  # one that was saved on a CPU has no second
        torch.cuda.set_rng_state(states[1], device)


@contextmanager
def replayed(before: Sequence[Tensor], device: torch.device) -> Iterator[None]:
    """Within: a pass draws the random numbers that came after the state ``before``. Then the state is as it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        set_random_state(before, device)
        yield


@contextmanager
def own_random_state(states: list[Tensor], device: torch.device) -> Iterator[None]:
    """Within: torch's generators go on from ``states``, which follows them. Then they are as they were.

    One thread of the process at a time.
    """
    with RANDOM_LOCK, replayed(states, device):
        try:
            yield
        finally:
            states[:] = random_state(device)


def _described(output: object) -> str:
    if isinstance(output, Mapping):
        return f"a dictionary with {', '.join(map(repr, output)) or 'no entries'}"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)} ({', '.join(type(part).__name__ for part in output)})"
    return f"{type(output).__name__}"
