"""Step: one training batch, seen by a method; and Seen, what is left of it for statistics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw.data.dataset import check_labels
from gdw.errors import Number
from gdw.gradients.agreement import is_due
from gdw.gradients.compiled import compiled_tangent
from gdw.gradients.exact import by_double_backward, by_forward_mode, instead_of_forward_mode, without_forward_rule
from gdw.gradients.flows import Matrix, class_gradients, one_hot, only_labelled, zero_mean
from gdw.gradients.meta import Problem, forward
from gdw.gradients.outputs import Inputs
from gdw.gradients.prepared import FirstPass, Prepared, check_form, check_meta_batch
from gdw.gradients.reuse import pays
from gdw.gradients.targets import Rows, loss_of_rows, read

Batch = tuple[Inputs, Tensor]
DOUBLE_BACKWARD = "double backward"
MAX_PROB, EPOCH = Number(0, 1, above_low=True, or_none=True), Number(0, or_none=True)


@dataclass(frozen=True)
class Seen:
    """One batch of one seed, as numbers, under the names that a Step has, where the Step itself is not available.

    Attributes:
        flows: ``probs - onehot(labels)``.
        losses: cross-entropy in nats.
        labels: observed labels.
        indices: which training instance each row is.
        is_meta: rows that come from the clean set; None: none of them.
    """

    flows: Float[Tensor, "batch classes"]
    losses: Float[Tensor, "batch"]
    labels: Int[Tensor, "batch"]
    indices: Int[Tensor, "batch"]
    is_meta: Bool[Tensor, "batch"] | None

    def __len__(self) -> int:
        return len(self.labels)


class Step:
    """One forward pass of a training batch, and what a method may want to know about it.

    Its meta gradient is exact. The step itself picks the fastest way that the model allows, and ``way`` says which:
    forward mode, with a tape of the first pass where convolutions take the time (reuse.py); compiled, if the model is;
    double backward where an operation has no forward-mode rule. In a recording (recording.py) nothing is read on the
    host: labels and passes are not checked then.

    Args:
        model: any classifier that maps images to logits ``[B, C]``, as a tensor, as ``output.logits`` or as
            ``output["logits"]``; or to one logit for two classes; or to logits for each pixel or token, which are rows
            of ``logits`` then (targets.py).
        images: the batch, as the model takes it: a tensor, a dictionary of arguments, a tuple of them (outputs.py).
        labels: observed labels ``[B]`` in ``0 ... C - 1``, maybe wrong; of any integer type. Or soft labels ``[B, C]``
            (mixup, cutmix, label smoothing), a distribution in each row. Where they are not read
            (off the CPU, in a recording), the row of a -100 is left out, as in torch's cross-entropy: its loss and
            its flows are 0, and nothing goes back through it. It still counts in B, here and in the clean batch. Of
            pixels and tokens those that are -100 are no rows, and B counts the others.
        indices: which training instance each row is ``[B]``; needed by methods that keep something per instance.
        meta_batch: clean images and labels, of the same kinds, or a function that draws them when a method first asks.
        lr: learning rate of the virtual step: a number, the optimiser whose groups' rates it takes, or what all steps
            of a loop share (``Prepared``): then model, labels and ways are asked about once.
        epoch: counted from 0; needed by methods that change over the epochs. A step that is recorded once for all
            epochs has none.
        is_meta: rows that come from the clean set ``[B]`` (training on both, or on it alone).
        virtual: the map of the virtual step. ``"sgd"``: ``theta' = theta - lr * gradient``, as in the paper, with a
            warning where ``lr`` is an optimiser of another kind. ``"optimizer"``: the step that the optimiser given as
            ``lr`` takes next, with its momentum, bias correction and weight decay (rates.py): SGD, Adam or AdamW.
        max_prob: the reference implementation's clamp on ``probs`` (docs/quirks.md). Off by default.
        save_memory: neither the batch's graph nor a tape is kept while the clean batch's graph exists; the graph is
            computed again for the real backward pass (reforward.py). That takes about half the memory.

    Attributes:
        way: how the meta gradient was taken; None: no method has asked for it.

    Raises:
        TypeError: the model is not a module, is wrapped to split the batch or returns no logits; labels that are no
            class numbers, indices that are no tensor; ``lr`` that is not a number and not an optimiser.
        ValueError: the model's output does not fit the labels, a label is outside ``0 ... C - 1`` (read on the CPU
            alone), a soft one is no distribution; ``lr`` is negative or not finite, or Prepared for something else;
            ``epoch`` or ``max_prob`` out of range; images with a graph and ``save_memory``; a method asks for the
            ``epoch`` of a Step that was given none, or for the ``labels`` of one that was given soft ones.
    """

    has_seeds: ClassVar[bool] = False  #: whether everything has a leading axis for seeds
    keeps_tape: ClassVar[bool | None] = None  #: of its first pass (reuse.py); None: where that makes it faster
    labels: Tensor  #: observed class numbers of the rows
    _called: nn.Module | None = None  # in the model's place

    def __init__(
        self,
        model: nn.Module,
        images: Inputs,
        labels: Tensor,
        *,
        indices: Tensor | None = None,
        meta_batch: Batch | Callable[[], Batch] | None = None,
        lr: "float | Tensor | torch.optim.Optimizer | Prepared | None" = None,
        epoch: int | None = None,
        is_meta: Tensor | None = None,
        virtual: str = "sgd",
        max_prob: float | None = None,
        save_memory: bool = False,
    ):
        self._shared = shared = lr if isinstance(lr, Prepared) else Prepared(model, lr, virtual)
        if shared.model is not model or virtual not in ("sgd", shared.virtual):
            raise ValueError(f"what is Prepared is another model's or virtual={shared.virtual!r}: prepare this one's")
        self._trusted = shared.is_checked
        if not self._trusted:
            MAX_PROB.check("max_prob", max_prob)
            EPOCH.check("epoch", epoch)
            if indices is not None and not isinstance(indices, Tensor):
                raise TypeError(f"indices must be a tensor of whole numbers [batch], got {type(indices).__name__}")
        self.lr, self.model, self.max_prob = shared.lr, model, max_prob
        self._observed = labels if self._trusted else check_form(labels)  # of the rows, once they are known
        self.images = self._images = images
        self.indices, self._epoch, self.is_meta = indices, epoch, is_meta
        self._meta_batch = meta_batch
        self.way: str | None = None
        self._is_checked: bool | None = None  # whether its two passes are compared in full; None: not asked yet
        if shared.takes_tape is None:
            shared.takes_tape = pays(model, images) if self.keeps_tape is None else self.keeps_tape
        may_ask = meta_batch is not None and shared.was_asked is not False  # for its meta gradient
        self._first = first = FirstPass(
            shared, self._called or model, images, labels.device, save_memory=save_memory,
            keeps_tape=shared.takes_tape and may_ask,
        )  # fmt: skip
        shared.was_asked = bool(shared.was_asked)
        self.draws_random_numbers, self._reads = first.draws, first.reads
        self.logits = first.logits
        self._rows: Rows | None = None
        if not self._trusted:
            self._rows, self._observed = read(first.logits, labels, seeds=self.has_seeds, reads=self._reads)
            if self._rows is not None and shared.labels:
                raise ValueError(
                    f"a training loop takes models with logits [batch, classes], got {list(first.logits.shape)}: for "
                    "one logit give two, or take Step in a loop of your own"
                )
            for all_labels in shared.labels if self._reads else ():  # of all steps to come
                check_labels(all_labels, first.logits.shape[-1], "labels")
            shared.is_checked = bool(shared.labels)
        if self._rows is not None:  # of pixels, of tokens, of the two classes of one logit
            self.logits = self._rows(self.logits)
            self.indices = None if indices is None else self._rows.of(indices)
            self.is_meta = None if is_meta is None else self._rows.of(is_meta)
        if not self._observed.is_floating_point():
            self.labels = self._observed
            self.logits = self.logits if self._reads else only_labelled(self.logits, self.labels)

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there: the class numbers, where the labels are soft."""
        if name == "labels" and "_observed" in vars(self):
            raise self._needs_classes()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _needs_classes(self) -> ValueError:
        return ValueError(
            "this method needs one observed class for each instance, and the Step was given soft labels "
            f"{list(self._observed.shape)}: give it class numbers [batch], or take a method that needs only losses and "
            "flows (cross-entropy, l2rw, insw, mwnet, mlc, gdw)"
        )

    def __len__(self) -> int:
        return self.logits.shape[-2]

    @property
    def num_classes(self) -> int:
        return self.logits.shape[-1]

    @property
    def epoch(self) -> int:
        """Counted from 0; ``ValueError`` where it was not given."""
        if self._epoch is None:
            raise ValueError(
                "this method changes over the epochs: give the Step epoch=..., counted from 0 (a recorded step has no "
                "epoch: a method that reads it has no identical steps)"
            )
        return self._epoch

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
        return cross_entropy(self._frozen_logits, self._observed, reduction="none")

    @property
    def label_losses(self) -> Float[Tensor, "*seeds batch"]:
        """``-log`` of the observed label's probability: the losses; ``ValueError`` where the labels are soft."""
        if self._observed.is_floating_point():
            raise self._needs_classes()
        return self.losses

    @cached_property
    def flows(self) -> Matrix:
        """``probs - targets``: what cross-entropy sends back through each logit (times B)."""
        return class_gradients(self.probs, self._observed)

    @cached_property
    def targets(self) -> Matrix:
        """What the observed labels say of each class: ``onehot(labels)``, or the soft labels themselves."""
        hard = not self._observed.is_floating_point()
        return (one_hot(self._observed, self.num_classes) if hard else self._observed).to(self.probs.dtype)

    def rows(self, output: Tensor) -> Matrix:
        """The rows of another output of the model for these images, as ``logits`` are of the first."""
        return output if self._rows is None else self._rows(output)

    def losses_of(self, output: Tensor) -> Float[Tensor, "batch"]:
        """The cross-entropy of each instance in nats, by another output of the model for these images."""
        rows = self.rows(output)
        rows = rows.to(self._observed.dtype if self._observed.is_floating_point() else self.losses.dtype)
        return cross_entropy(rows, self._observed, reduction="none")

    @torch.no_grad()
    def output_at(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The output under other parameters. The pass drops the units that the first one did, and moves no buffer."""
        with self._first.replay():
            return forward(self.model, parameters, self._images)

    @cached_property
    def meta_batch(self) -> Batch:
        """Clean images and labels; drawn once per step."""
        if self._meta_batch is None:
            raise ValueError("this method learns from a clean set: give the Step a meta_batch=(images, labels)")
        given = self._meta_batch() if callable(self._meta_batch) else self._meta_batch
        if self._trusted:
            return given
        return check_meta_batch(given, self._observed.device)

    def zero_mean(self, weights: Matrix) -> Matrix:
        """The weights under the zero-mean constraint (flows.py)."""
        return zero_mean(weights, self._frozen_logits.to(weights.dtype), self._observed, self.max_prob)

    @cached_property
    def problem(self) -> Problem:
        """Virtual step, clean gradient and tangent of this batch, for derivatives of your own (meta.py)."""
        return self.problem_with(self.meta_batch)

    def problem_with(self, meta_batch: Batch) -> Problem:
        """The same with other labelled images in place of the clean set, which is then not asked.

        Raises:
            ValueError: the Step has no learning rate; the model drops units and is compiled.
        """
        virtual_step, first = self._shared.virtual_step, self._first
        self._shared.was_asked = True
        if first.draws and first.tangent is compiled_tangent:
            raise ValueError("the model draws random numbers (dropout), and a compiled tangent pass draws others")
        if self._is_checked is None:
            self._is_checked = not first.is_recorded and is_due(self.model, first.logits.device)
        loss = partial(loss_of_rows, name="the meta batch's labels", seeds=self.has_seeds, reads=self._reads)
        return Problem(
            self.model, self._images, self.logits, self.flows, meta_batch, virtual_step, first.replay, first.tangent,
            first.logits.detach() if self._is_checked or self._reads else None, self._is_checked, first.keeps_graph,
            self._rows, None if self._trusted else loss,
        )  # fmt: skip

    def meta_gradient(self, weights: Matrix, problem: Problem | None = None) -> Matrix:
        """``d L_meta / d weights``: the clean loss after a virtual step with these weights (meta.py).

        Args:
            weights: one weight per flow; the virtual step sends ``weights * flows / B`` back through the logits.
            problem: this step's with other images than the clean ones (``problem_with``).

        Raises:
            NoMetaGradient: the model cannot be differentiated; the message names the operation and a way.
            PassesDiffer: the model's second forward pass does not repeat its first (agreement.py).
        """
        problem, weights = problem or self.problem_with(self.meta_batch), weights.detach()
        if problem.keeps_graph and without_forward_rule(self.model):
            self.way = DOUBLE_BACKWARD
            return by_double_backward(problem, weights)
        try:
            self.way, gradient = self._first.way, by_forward_mode(problem, weights)
        except (NotImplementedError, RuntimeError) as error:
            self.way, gradient = DOUBLE_BACKWARD, instead_of_forward_mode(problem, weights, error)
        return gradient

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
        labelled = self.targets.any(dim=-1, keepdim=True)  # a row of -100 sends nothing back
        problem = replace(self.problem, flows=labelled.to(self.flows).expand_as(self.flows))
        return -self.meta_gradient(self.probs - targets, problem)
