"""Step: one training batch, seen by a method."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw.errors import unknown
from gdw.gradients import inputs
from gdw.gradients.agreement import check_own_parameters, is_due
from gdw.gradients.approximate import finite_difference, first_order, last_layer, without_virtual_step
from gdw.gradients.fallback import double_backward, lacks_rule, meta_gradient, no_rule
from gdw.gradients.flows import class_gradients, only_labelled, zero_mean
from gdw.gradients.meta import Problem, by_forward_mode, logit_tangent
from gdw.gradients.outputs import logits_of
from gdw.gradients.reforward import Reforward
from gdw.gradients.reuse import Tape

Matrix = Float[Tensor, "batch classes"]


#: how a Step takes its meta gradient: exact ways first, then named approximations
DERIVATIVES = {
    "auto": meta_gradient,
    "forward": by_forward_mode,
    "reuse": meta_gradient,  # the same, with a tape of the first forward pass
    "double-backward": double_backward,
    "no-virtual-step": without_virtual_step,
    "finite-difference": finite_difference,
    "first-order": first_order,
    "last-layer": last_layer,
}

NEED_THE_GRAPH = ("reuse", "double-backward")  # of the first forward pass, as the model was written


def check_derivative(derivative: str, save_memory: bool = False) -> None:
    """Refuse an unknown name, and what cannot go together.

    Raises:
        ValueError: the message says what is known, or what to choose between.
    """
    if derivative not in DERIVATIVES:
        raise unknown("derivative", derivative, DERIVATIVES)
    if save_memory and derivative in NEED_THE_GRAPH:
        raise ValueError(f"save_memory gives up the graph that derivative={derivative!r} needs: choose one of the two")


class Step:
    """One forward pass of a training batch, and what a method may want to know about it.

    Args:
        model: any classifier that maps images to logits ``[B, C]``, as a tensor, as ``output.logits`` or as
            ``output["logits"]``.
        images: the batch, as the model takes it.
        labels: observed labels ``[B]`` in ``0 ... C - 1``, maybe wrong; of any integer type. Where they are not read
            (off the CPU, or ``trusted``), the row of a -100 is left out, as in torch's cross-entropy: its loss and
            its flows are 0, and nothing goes back through it. It still counts in B, here and in the clean batch.
        indices: which training instance each row is ``[B]``; needed by methods that keep something per instance.
        meta_batch: clean images and labels, or a function that draws them when a method first asks.
        lr: learning rate of the virtual step: a number, or the optimiser whose groups' rates it takes.
        epoch: counted from 0.
        is_meta: rows that come from the clean set ``[B]`` (training on both, or on it alone).
        derivative: how the meta gradient is taken, a name in ``DERIVATIVES``: ``"auto"`` is exact, by forward mode,
            or by double backward where an operation has no forward-mode rule; ``"reuse"`` is the same, faster and
            with more memory (reuse.py).
        virtual: the map of the virtual step. ``"sgd"``: ``theta' = theta - lr * gradient``, as in the paper, with a
            warning where ``lr`` is an optimiser of another kind. ``"optimizer"``: the step that the optimiser given as
            ``lr`` takes next, with its momentum, bias correction and weight decay (rates.py): SGD, Adam or AdamW.
        max_prob: the reference implementation's clamp on ``probs`` (docs/quirks.md). Off by default.
        tangent_pass: gives the logits' tangent, as ``gdw.gradients.meta.logit_tangent`` does; a compiled one draws
            other random numbers.
        trusted: labels are known to be in ``0 ... C - 1``, the model to draw no random numbers and its passes to
            repeat each other: nothing is read on the host, and the step can be recorded (stepping.py).
        save_memory: the batch's graph is not kept while the clean batch's exists; it is computed again for the real
            backward pass (reforward.py). That takes about half the memory. It needs forward mode or an approximation.

    Raises:
        TypeError: the model is not a module, is wrapped to split the batch or returns no logits; labels that are no
            class numbers; ``lr`` that is not a number and not an optimiser.
        ValueError: the model's output is not ``[B, C]``, a label is outside ``0 ... C - 1`` (read on the CPU alone),
            ``lr`` is negative or not finite, or ``save_memory`` with a derivative that needs the graph.
    """

    _problem_type: ClassVar[type[Problem]] = Problem  # distributed.py has its own
    _axes: ClassVar[tuple[str, ...]] = ("batch",)
    _takes_ranks: ClassVar[bool] = False  # distributed.py

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
        virtual: str = "sgd",
        max_prob: float | None = None,
        save_memory: bool = False,
        trusted: bool = False,
        tangent_pass: Callable = logit_tangent,
    ):
        check_derivative(derivative, save_memory)
        inputs.check_model(model, wrapped=self._takes_ranks)
        inputs.check_rate(lr)
        inputs.check_virtual(virtual, lr)
        labels = inputs.class_numbers(labels, shape=self._axes)
        self.model, self.images, self.labels, self.indices = model, images, labels, indices
        self.lr, self.epoch, self.derivative, self.max_prob = lr, epoch, derivative, max_prob
        self._meta_batch, self._tangent_pass, self.virtual, self._trusted = meta_batch, tangent_pass, virtual, trusted
        self._tape = Tape() if derivative == "reuse" else None
        self._random = _NoRandomNumbers() if trusted else _RandomState(images.device)
        self._passes = Reforward(model, images, self._random.replay) if save_memory else None
        with self._tape.record() if self._tape else nullcontext():
            self.logits: Matrix = self._passes.logits if save_memory else logits_of(model(images), model)
        self._random.close()
        self._own_images, self._own_logits = images, self.logits  # what the model itself has seen and given
        inputs.check_logits(self.logits, images, labels)
        if not trusted and labels.device.type == "cpu":  # elsewhere the host would wait for the device
            inputs.check_range(labels, self.num_classes)
        self.logits = only_labelled(self.logits, labels)
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
        given = self._meta_batch() if callable(self._meta_batch) else self._meta_batch
        return inputs.checked_meta_batch(given, self.labels, self.num_classes, self._trusted)

    def zero_mean(self, weights: Matrix) -> Matrix:
        """The weights under the zero-mean constraint (flows.py)."""
        return zero_mean(weights, self._frozen_logits.to(weights.dtype), self.labels, self.max_prob)

    @cached_property
    def problem(self) -> Problem:
        """Virtual step, clean gradient and tangent of this batch, for derivatives of your own (meta.py)."""
        return self.problem_with(self.meta_batch)

    def problem_with(self, meta_batch: tuple[Tensor, Tensor]) -> Problem:
        """The same with other labelled images in place of the clean set, which is then not asked.

        Raises:
            ValueError: the Step has no learning rate; the model drops units and has a compiled tangent pass.
        """
        if self.lr is None:
            raise ValueError("the virtual step needs a learning rate: give the Step lr=... (a number or an optimiser)")
        if self.draws_random_numbers and self._tangent_pass is not logit_tangent:
            raise ValueError("the model draws random numbers (dropout), and a compiled tangent pass draws others")
        is_checked = not self._trusted and is_due(self.model, self._own_images.device)
        return self._problem_type(
            self.model, self._own_images, self.logits, self.flows, meta_batch, self.lr,
            partial(_replay, self._random, self._tape), tangent_pass=self._compared_pass(is_checked),
            virtual=self.virtual, is_checked=is_checked, keeps_graph=self._passes is None,
        )  # fmt: skip

    def _compared_pass(self, is_checked: bool) -> Callable:
        """The tangent pass; its logits are compared with this step's where that costs little."""
        own = self._passes.tangent if self._passes else self._tangent_pass
        cheap = is_checked or (self._own_images.device.type == "cpu" and not self._trusted)
        if not cheap or not (self._passes or own is logit_tangent):  # a compiled pass gives no logits
            return own
        return partial(own, first=self._own_logits.detach())

    def meta_gradient(self, weights: Matrix, problem: Problem | None = None) -> Matrix:
        """``d L_meta / d weights``: the clean loss after a virtual step with these weights (meta.py).

        Args:
            weights: one weight per flow; the virtual step sends ``weights * flows / B`` back through the logits.
            problem: this step's with other images than the clean ones (``problem_with``).

        Raises:
            NoMetaGradient: the model cannot be differentiated this way; the message names the operation and a way.
            PassesDiffer: the model's second forward pass does not repeat its first (agreement.py).
        """
        return self._derivative(problem or self.problem, weights.detach())

    def target_gradient(self, targets: Matrix) -> Matrix:
        """``d L_meta / d targets``: the clean loss after a virtual step on soft targets.

        That step sends ``(probs - targets) / B`` back. In ``meta_gradient`` it is ``weights * flows / B``: with flows
        of 1 a weight is the number sent back itself, and ``d / d targets = - d / d (probs - targets)``. Where a flow is
        not 0, this is ``- meta_gradient / flows`` for the weights that send back the same.

        Args:
            targets: a distribution over the classes for each instance, ``[B, C]``.

        Raises:
            NoMetaGradient, PassesDiffer: as for ``meta_gradient``.
        """
        problem = replace(self.problem, flows=torch.ones_like(self.flows))
        return -self._derivative(problem, (self.probs - targets).detach())

    def _derivative(self, problem: Problem, weights: Matrix) -> Matrix:
        """By the derivative that was asked for."""
        try:
            gradient = DERIVATIVES[self.derivative](problem, weights)
        except (NotImplementedError, RuntimeError) as error:
            if not lacks_rule(error):
                raise
            raise no_rule(problem, error) from error
        if problem.is_checked:
            check_own_parameters(problem.model, problem.parameters)
        return gradient


@contextmanager
def _replay(random: "_RandomState", tape: Tape | None) -> Iterator[None]:
    """Not a method of Step: its Problem would refer back to it, and each graph would wait for the collector."""
    with random.replay(), tape.replay() if tape else nullcontext():
        yield


class _RandomState:
    """Remembers the random state of the first forward pass: the tangent pass then drops the same units."""

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
    """Takes the place of ``_RandomState`` where the model is known to draw none."""

    moved = False

    def close(self) -> None:
        pass

    def replay(self) -> nullcontext:
        return nullcontext()
