"""What the package takes of torch, and of glibc, that has no public name in Python, each with its reason and a test.

- Forward mode: ``forward_ad``'s one dual level belongs to the process. ``torch.func.jvp`` was tried: two threads at
  once fail in it.
- ``TorchDispatchMode``, the stack of such modes and the tree functions: a recording sees torch's operations below
  autograd only through them, and a step sees only there that it is recorded.
- ``_reparametrize_module`` (:func:`placed`): ``torch.func.functional_call`` has other parameters in place for one call,
  and a backward pass that computes layers again needs them longer.
- A tensor's version, a model's hooks, whether an operation writes in place, whether a model was compiled in place:
  torch knows them, and does not say.
- ``_compiled_call_impl``, what ``model.compile()`` sets (:func:`compile_call`): torch 2.11 follows no call that begins
  in a file of its own, as that of an ``nn.Sequential`` does, and runs such a model as written without a word.
- ``donated_buffer``: a compiled backward pass gives its memory away, and a step sends two gradients back through it.
  torch's own error message asks to switch it off.
- glibc's ``mallopt``: by default every large block that a step frees goes back to the system, and the next step pays
  for its pages again.
"""

import ctypes
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._functorch import config
from torch.autograd import forward_ad
from torch.nn.utils.stateless import _reparametrize_module
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves

__all__ = [
    "FORWARD_AD_LOCK", "RANDOM_LOCK", "Recording", "TorchDispatchMode", "compile_call", "dual_numbers",
    "has_compiled_part", "has_hooks", "is_compiled", "is_recorded", "keep_buffers_of_backward", "keep_freed_memory",
    "placed", "tree_leaves", "version_of", "writes_in_place",
]  # fmt: skip

HOOKS = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")
FORWARD_AD_LOCK = threading.Lock()  # two runs side by side take turns
RANDOM_LOCK = threading.RLock()  # so do those that draw from torch's own generators: they belong to the process
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MOST_KEPT = 2**31 - 1  # bytes of freed memory at the heap's end: mallopt's largest number
LARGEST_BLOCKS = (2**30, 2**25)  # bytes: blocks up to this size are kept; glibc before 2.35 takes no more than 32 MiB
LEVEL_SECONDS, LEVEL_PAUSE = 60.0, 0.001  # how long to wait for a level that other code holds, and between two tries


@contextmanager
def dual_numbers() -> Iterator[None]:
    """Within: forward mode. One thread of the process at a time.

    ``torch.func.jvp`` elsewhere in the process takes the level without our lock: then this waits for its turn.
    """
    with FORWARD_AD_LOCK:
        try:
            forward_ad.enter_dual_level()
        except RuntimeError as error:
            _enter_level_later(error)
        try:
            _load_forward_rules()
            yield
        finally:  # as exit_dual_level, in an order that cleanly refuses a thread that enters meanwhile
            forward_ad._current_level = -1
            torch._C._exit_dual_level(level=0)


def _enter_level_later(error: RuntimeError) -> None:
    """Take the process's one level of forward mode, as soon as it is free."""
    deadline = time.monotonic() + LEVEL_SECONDS
    while True:
        if "current level is not valid" in str(error):  # another thread is leaving it just now: step back
            torch._C._exit_dual_level(level=0)
        elif "Nested forward mode AD" not in str(error):
            raise error
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"forward mode was in use elsewhere in this process for {LEVEL_SECONDS:g} s: end the other "
                "torch.func.jvp or dual level"
            ) from error
        time.sleep(LEVEL_PAUSE)
        try:
            forward_ad.enter_dual_level()
            return
        except RuntimeError as again:
            error = again


@cache
def _load_forward_rules() -> None:
    """Make the first dual tensor quietly: torch compiles some of its rules then, and warns of its own compiler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its kind differs between versions
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


def placed(model: nn.Module, parameters: Mapping[str, Tensor]) -> AbstractContextManager[None]:
    """Within: the model has other parameters, by their names, in every place that holds them. Afterwards its own again.

    Buffers (BatchNorm's running statistics) are copies and do not move. A module that is registered under two names is
    one place for each of its tensors; a tensor that two modules share is in two places.
    """
    held: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        held.update(module.named_parameters(prefix, recurse=False, remove_duplicate=False))
        held.update(module.named_buffers(prefix, recurse=False, remove_duplicate=False))
    others: dict[Tensor, Tensor] = {}
    for buffer in model.buffers():
        others[buffer] = buffer.clone()
    for name, value in parameters.items():
        others[held[name]] = value
    replaced: dict[str, Tensor] = {}
    for name, own in held.items():
        if own in others:
            replaced[name] = others[own]
    return _reparametrize_module(model, replaced)


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to in place."""
    return tensor._version


def has_hooks(model: nn.Module) -> bool:
    """Whether any of its modules has a forward or backward hook."""
    return any(getattr(layer, hooks) for layer in model.modules() for hooks in HOOKS)


def compile_call(model: nn.Module) -> None:
    """As ``model.compile()``, for every model: its call begins here."""

    def call(*given: Any, **named: Any) -> Any:
        return model._call_impl(*given, **named)

    model._compiled_call_impl = torch.compile(call)


def is_compiled(model: nn.Module) -> bool:
    """Whether ``compile_call`` or ``model.compile()`` was called."""
    return bool(model._compiled_call_impl is not None)


def has_compiled_part(model: nn.Module) -> bool:
    """Whether ``compile()`` of one of its modules was called, or ``torch.compile`` has wrapped one."""
    return any(is_compiled(module) or type(module).__name__ == "OptimizedModule" for module in model.modules())


def writes_in_place(operation: Any) -> bool:
    """Whether an operation of torch changes one of its arguments."""
    return bool(operation._schema.is_mutable)


def keep_buffers_of_backward() -> None:
    """For the whole process: compiled backward passes keep their memory, as torch's own error message asks."""
    config.donated_buffer = False


def keep_freed_memory() -> bool:
    """For the whole process: memory that is freed stays with it, up to 2 GiB, for the next step; whether it does now.

    Programs call it, not the library. Only with glibc, and where no ``MALLOC_*`` or ``GLIBC_TUNABLES`` in the
    environment says what the user wants.

    Source: mallopt(3) of the Linux manual pages.
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if chosen or sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    trims = library.mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
    return bool(trims and any(library.mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST_BLOCKS))


class Recording(TorchDispatchMode):
    """Base of a mode that writes torch's operations down: within, nothing may be read on the host."""


def is_recorded(device: torch.device) -> bool:
    """Whether this thread's operations on a device are being recorded, as a CUDA graph or under a ``Recording``."""
    if device.type == "cuda":
        return torch.cuda.is_current_stream_capturing()
    modes = _get_current_dispatch_mode_stack()
    return bool(modes) and any(isinstance(mode, Recording) for mode in modes)
