"""Step: one training batch, seen by a method."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw.errors import unknown
from gdw.gradients.approximate import finite_difference, first_order, last_layer, without_virtual_step
from gdw.gradients.flows import class_gradients, zero_mean
from gdw.gradients.meta import Problem, by_double_backward, by_forward_mode, logit_tangent, meta_gradient
from gdw.gradients.reforward import Reforward
from gdw.gradients.reuse import Tape

Matrix = Float[Tensor, "batch classes"]


#: how a Step takes its meta gradient: exact ways first, then named approximations
DERIVATIVES = {
    "auto": meta_gradient,
    "forward": by_forward_mode,
    "reuse": meta_gradient,  # the same, with a tape of the first forward pass
    "double-backward": by_double_backward,
    "no-virtual-step": without_virtual_step,
    "finite-difference": finite_difference,
    "first-order": first_order,
    "last-layer": last_layer,
}

NEED_THE_GRAPH = ("reuse", "double-backward")  # of the first forward pass, as the model was written


def check_derivative(derivative: str, save_memory: bool = False) -> None:
    """Refuse a name that nobody knows, and what cannot go together.

    Raises:
        ValueError: the message says what is known, or what to choose between.
    """
    if derivative not in DERIVATIVES:
        raise unknown("derivative", derivative, DERIVATIVES)
    if save_memory and derivative in NEED_THE_GRAPH:
        raise ValueError(f"save_memory gives up the graph that derivative={derivative!r} needs: choose one of the two")


class Step:
    """One forward pass of a training batch; everything a method may want to know of it.

    Args:
        model: any classifier that maps images to logits ``[B, C]``.
        images: the batch, as the model takes it.
        labels: observed labels ``[B]`` in ``0 ... C - 1``, maybe wrong.
        indices: which training instance each row is ``[B]``; needed by methods that keep something per instance.
        meta_batch: clean images and labels, or a function that draws them when a method first asks.
        lr: learning rate of the virtual step: a number, or the optimiser whose groups' rates it takes.
        epoch: counted from 0.
        is_meta: rows that come from the clean set ``[B]`` (training on both, or on it alone).
        derivative: how the meta gradient is taken, a name in ``DERIVATIVES``: ``"auto"`` is exact, by forward mode,
            or by double backward where an operation has no forward-mode rule; ``"reuse"`` is the same, faster and
            with more memory (reuse.py).
        max_prob: the reference implementation's clamp on ``probs`` (docs/quirks.md). Off by default.
        tangent_pass: gives the logits' tangent, as ``gdw.gradients.meta.logit_tangent`` does; any other draws
            random numbers of its own.
        trusted: labels are known to lie in ``0 ... C - 1`` and the model to draw no random numbers: nothing is read on
            the host, so that the step may be recorded (stepping.py).
        save_memory: the batch's graph is not kept beside the clean batch's but made again for the real backward
            pass (reforward.py): about half the memory. Forward mode, or one of the approximations.

    Raises:
        ValueError: the model's output is not ``[B, C]``, a label lies outside ``0 ... C - 1``, or ``save_memory``
            with a derivative that needs what it gives up.
    """

    _problem_type: ClassVar[type[Problem]] = Problem  # stacked_step.py has its own

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Int[Tensor, "batch"],
        *,
        indices: Int[Tensor, "batch"] | None = None,
        meta_batch=None,
        lr: "float | torch.optim.Optimizer | None" = None,
        epoch: int = 0,
        is_meta: Bool[Tensor, "batch"] | None = None,
        derivative: str = "auto",
        max_prob: float | None = None,
        save_memory: bool = False,
        trusted: bool = False,
        tangent_pass: Callable = logit_tangent,
    ):
        check_derivative(derivative, save_memory)
        self.model, self.images, self.labels, self.indices = model, images, labels, indices
        self.lr, self.epoch, self.derivative, self.max_prob = lr, epoch, derivative, max_prob
        self._meta_batch, self._tangent_pass = meta_batch, tangent_pass
        self._tape = Tape() if derivative == "reuse" else None
        self._random = _NoRandomNumbers() if trusted else _RandomState(images.device)
        self._passes = Reforward(model, images, self._random.replay) if save_memory else None
        with self._tape.record() if self._tape else nullcontext():
            self.logits: Matrix = self._passes.logits if save_memory else model(images)
        self._random.close()
        if self.logits.shape[:-1] != labels.shape:
            raise ValueError(
                f"the model must map {len(labels)} images to logits [batch, classes], got {tuple(self.logits.shape)}"
            )
        if not trusted and labels.device.type == "cpu":  # elsewhere reading them would stall the device
            low, high = (int(label) for label in labels.aminmax())
            if low < 0 or high >= self.num_classes:
                raise ValueError(f"labels must lie in 0 ... {self.num_classes - 1}, got {low} ... {high}")
        self.is_meta = is_meta

    def __len__(self) -> int:
        return self.labels.shape[-1]

    @property
    def num_classes(self) -> int:
        return self.logits.shape[-1]

    @property
    def draws_random_numbers(self) -> bool:
        """Whether the model drew some in this batch's forward pass (dropout); False where ``trusted``."""
        return self._random.moved

    @cached_property
    def _frozen_logits(self) -> Matrix:
        """The logits as numbers; under autocast in float32."""
        logits = self.logits.detach()
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    @cached_property
    def probs(self) -> Matrix:
        """Softmax of the logits, without a graph."""
        probs = self._frozen_logits.softmax(dim=-1)
        return probs if self.max_prob is None else probs.clamp(max=self.max_prob)

    @cached_property
    def losses(self) -> Float[Tensor, "batch"]:
        """Cross-entropy of each instance in nats, without a graph."""
        return cross_entropy(self._frozen_logits, self.labels, reduction="none")

    @cached_property
    def flows(self) -> Matrix:
        """``probs - onehot(labels)``: what cross-entropy sends back through each logit (times B)."""
        return class_gradients(self.probs, self.labels)

    @cached_property
    def meta_batch(self) -> tuple[Tensor, Tensor]:
        """Clean images and labels; drawn once per step."""
        if self._meta_batch is None:
            raise ValueError("this method learns from a clean set: give the Step a meta_batch=(images, labels)")
        return self._meta_batch() if callable(self._meta_batch) else self._meta_batch

    def zero_mean(self, weights: Matrix) -> Matrix:
        """The weights under the zero-mean constraint (flows.py)."""
        return zero_mean(weights, self._frozen_logits.to(weights.dtype), self.labels, self.max_prob)

    @cached_property
    def problem(self) -> Problem:
        """Virtual step, clean gradient and tangent of this batch, for derivatives of one's own (meta.py)."""
        if self.lr is None:
            raise ValueError("the virtual step needs a learning rate: give the Step lr=... (a number or an optimiser)")
        if self.draws_random_numbers and self._tangent_pass is not logit_tangent:
            raise ValueError("the model draws random numbers (dropout), and a compiled tangent pass draws others")
        return self._problem_type(
            self.model, self.images, self.logits, self.flows, self.meta_batch, self.lr,
            partial(_replay, self._random, self._tape),
            tangent_pass=self._passes.tangent if self._passes else self._tangent_pass,
        )  # fmt: skip

    def meta_gradient(self, weights: Matrix) -> Matrix:
        """``d L_meta / d weights``: the clean loss after a virtual step with these weights (meta.py).

        Args:
            weights: one weight per flow; the virtual step sends ``weights * flows / B`` back through the logits.
        """
        return DERIVATIVES[self.derivative](self.problem, weights.detach())


@contextmanager
def _replay(random: "_RandomState", tape: Tape | None) -> Iterator[None]:
    """Not a method of Step: its Problem would hold it in a circle, and every graph until the collector comes."""
    with random.replay(), tape.replay() if tape else nullcontext():
        yield


class _RandomState:
    """Remembers the random state of the first forward pass, so that the tangent pass drops the same units."""

    def __init__(self, device: torch.device):
        self._device = device
        self._before, self.moved = self._read(), False

    def _read(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        if self._device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self._device))
        return states

    def _write(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        if len(states) > 1:
            torch.cuda.set_rng_state(states[1], self._device)

    def close(self) -> None:
        now = self._read()
        self.moved = any(not torch.equal(a, b) for a, b in zip(self._before, now, strict=True))

    @contextmanager
    def replay(self) -> Iterator[None]:
        if not self.moved:  # a model without dropout: leave the process's random state alone
            yield
            return
        now = self._read()
        self._write(self._before)
        try:
            yield
        finally:
            self._write(now)


class _NoRandomNumbers:
    """In its place where the model is known to draw none."""

    moved = False

    def close(self) -> None:
        pass

    def replay(self) -> nullcontext:
        return nullcontext()
