"""Before a method is asked: what a step accepts, what the steps of a loop share, and the model's first pass."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gdw.gradients.compiled import compiled_tangent
from gdw.gradients.meta import TangentPass, logit_tangent
from gdw.gradients.outputs import Inputs, logits_of, random_state, replayed
from gdw.gradients.rates import VirtualStep, check_model, check_rate
from gdw.gradients.reforward import reforward
from gdw.gradients.reuse import Tape
from gdw.private import has_compiled_part, is_compiled, is_recorded, keep_buffers_of_backward

_ASKED: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()  # for compiled parts


class Prepared:
    """A model and what its virtual step follows, for many Steps: ``Step(model, images, labels, lr=prepared)``.

    Args:
        model, lr, virtual: as for ``Step``.
        labels: all labels that batches and clean batches may hold, int64. They are checked at the first step, and
            batches are not any more. Empty: each step's own labels are checked.

    Attributes:
        takes_tape: whether a tape (reuse.py) makes its steps faster; None until a step has looked.
        was_asked: whether a step was asked for its meta gradient; None before the first step has begun.
        is_checked: whether a step need not check its inputs again.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float | Tensor | Optimizer | None,
        virtual: str = "sgd",
        labels: Sequence[Tensor] = (),
    ):
        if isinstance(lr, Optimizer):
            lr = getattr(lr, "optimizer", lr)  # Lightning's and Accelerate's hold torch's inside
        check_model(model)
        check_rate(lr, virtual)
        self.model, self.lr, self.virtual, self.labels = model, lr, virtual, labels
        self.is_compiled = is_compiled(model)
        if self.is_compiled or (model not in _ASKED and has_compiled_part(model)):
            keep_buffers_of_backward()
        _ASKED.add(model)
        self.takes_tape: bool | None = None if lr is not None else False
        self.was_asked: bool | None = None
        self.is_checked = False

    @cached_property
    def virtual_step(self) -> VirtualStep:
        if self.lr is None:
            raise ValueError("the virtual step needs a learning rate: give the Step lr=... (a number or an optimiser)")
        return VirtualStep(self.model, self.lr, self.virtual)


class FirstPass:
    """A model's first pass over a batch. Here, and nowhere else, the way along a tangent is picked that fits it.

    In a recording (recording.py) nothing is read on the host.

    Args:
        called: the model, or what is called in its place.
        save_memory: whether the graph is computed again for each backward pass (reforward.py).
        keeps_tape: whether the pass leaves a tape (reuse.py) where it is neither compiled nor saves memory.

    Attributes:
        tangent: the pass along a tangent; ``way`` is the same in words.
        keeps_graph: whether the graph of the logits can be differentiated twice.
        reads: whether numbers are read on the host: elsewhere than on the CPU it would have to wait for the device.
        draws: whether the model drew random numbers (dropout); not known, and False, in a recording.
        replay: context under which another pass draws the same random numbers.
    """

    tangent: TangentPass

    def __init__(
        self, shared: Prepared, called: nn.Module, images: Inputs, device: torch.device,
        *, save_memory: bool, keeps_tape: bool,
    ):  # fmt: skip
        self.keeps_graph, self.is_recorded = not save_memory, is_recorded(device)
        self.reads = device.type == "cpu" and not self.is_recorded
        before = None if self.is_recorded else random_state(device)
        again: Callable[[], AbstractContextManager[None]] = partial(replayed, before, device) if before else nullcontext
        if save_memory:
            self.logits, self.tangent = reforward(called, images, again)
            self.way = "forward mode, its graph computed again"
        elif shared.is_compiled:
            self.logits, self.tangent, self.way = logits_of(called, images), compiled_tangent, "forward mode, compiled"
        elif keeps_tape:
            tape = Tape(compares=self.reads)
            with tape.watch():
                self.logits = logits_of(called, images)
            self.tangent, self.way = tape.tangent, "forward mode, with a tape of the first pass"
        else:
            self.logits, self.tangent, self.way = logits_of(called, images), logit_tangent, "forward mode"
        self.draws = before is not None and not all(map(torch.equal, before, random_state(device)))
        self.replay = again if self.draws else nullcontext  # leave the process's random state alone


def check_form(labels: object, name: str = "labels") -> Tensor:
    """The labels, if they are a tensor that holds something; targets.py checks the rest."""
    if not isinstance(labels, Tensor):
        raise TypeError(f"{name} must be a tensor of class numbers [batch], got {type(labels).__name__}")
    if labels.numel() == 0:
        raise ValueError(f"{name} must be a tensor of class numbers [batch], got an empty one")
    return labels


def check_meta_batch(meta_batch: object, device: torch.device) -> tuple[Inputs, Tensor]:
    """Clean images and labels: a pair of one length, on the training batch's device."""
    if not isinstance(meta_batch, (tuple, list)) or len(meta_batch) != 2:
        raise TypeError(f"meta_batch must be a pair (images, labels), got {type(meta_batch).__name__}")
    images, labels = meta_batch[0], check_form(meta_batch[1], "the meta batch's labels")
    if isinstance(images, Tensor) and len(images) != len(labels):
        raise ValueError(f"the meta batch must have as many images as labels, got {len(images)} and {len(labels)}")
    if labels.device != device:
        raise ValueError(f"the meta batch must be on the training batch's device, got {labels.device} and {device}")
    return images, labels
