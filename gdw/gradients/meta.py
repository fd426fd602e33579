"""The meta gradient: how the clean loss after one virtual step changes with every single weight.

The virtual step follows the weighted flows, ``theta' = theta - lr * J^T (weights * flows) / B`` with
``J = d logits / d theta``. The clean loss at ``theta'`` therefore has the closed-form derivative

    d L_meta / d weights[i, c] = - flows[i, c] / B * < d logits[i, c] / d theta, lr * d L_meta / d theta' >.

All its inner products together are one Jacobian-vector product of the training logits: forward mode gives them at
the cost of a pass and a half, without a double backward. For an optimiser's own step, ``lr`` is one number for each
number of theta, the derivative of that step (rates.py); nothing else changes.

Source: GDW (Chen et al., NeurIPS 2021), meta gradient with respect to the class-level weights.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from gdw.gradients.agreement import OtherLayers, check_own_parameters, check_same
from gdw.gradients.flows import Matrix
from gdw.gradients.outputs import Inputs, logits_of
from gdw.gradients.rates import Named, Rates, VirtualStep
from gdw.gradients.targets import Rows
from gdw.private import dual_numbers, placed

# Models found to hold an operation without a forward-mode rule: along a tangent their attention is not fused.
_UNFUSED: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()
Loss = Callable[[Tensor, Tensor], Tensor]
TangentPass = Callable[[nn.Module, Inputs, Named], tuple[Tensor | None, Tensor]]


class NoMetaGradient(RuntimeError):
    """The model has an operation that neither forward mode nor a double backward can differentiate."""


def lacks_rule(error: Exception) -> bool:
    """Whether an operation that has no derivative of a kind has ended a pass."""
    return isinstance(error, NotImplementedError) or "is not implemented" in str(error) or "forward AD" in str(error)


@contextmanager
def unfused() -> Iterator[None]:
    """Within: attention runs as separate products, which have a forward-mode rule each."""
    fast = torch.backends.mha.get_fastpath_enabled()
    with sdpa_kernel(SDPBackend.MATH):
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


def forward(model: nn.Module, parameters: Mapping[str, Tensor], images: Inputs) -> Tensor:
    """Logits under other parameters; buffers (BatchNorm's running statistics) are copies and do not move."""
    with placed(model, parameters):
        return logits_of(model, images)


def clean_gradient(
    model: nn.Module, parameters: Named, images: Inputs, labels: Tensor, never: Named | None = None,
    loss_of: Loss | None = None,
) -> Named:  # fmt: skip
    """Gradient of the mean clean loss with respect to ``parameters``; losses of several seeds are added up.

    The backward pass runs while the model holds these parameters: activation checkpointing computes a layer again
    there, with whatever parameters the module has at that moment.

    Args:
        never: parameters that the loss must not depend on: the model's own, if it is to be checked.
        loss_of: the mean loss, from output and labels (targets.py); None: of ``[*seeds, batch, classes]`` and checked
            class numbers.
    """
    leaves: Named = {}
    for name, value in parameters.items():
        leaves[name] = value.detach().requires_grad_()
    with torch.enable_grad(), placed(model, leaves):
        logits = logits_of(model, images)
        if loss_of is None:
            loss = cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum") / labels.shape[-1]
        else:
            loss = loss_of(logits, labels)
        if never:
            _check_independent(loss, never)
        return gradients_of(loss, leaves)


def logit_tangent(model: nn.Module, images: Inputs, direction: Named) -> tuple[Tensor, Tensor]:
    """The logits, and how they move as the parameters move along ``direction``: one forward-mode product."""
    duals: Named = {}
    with dual_numbers(), torch.no_grad():
        for name, along in direction.items():
            duals[name] = forward_ad.make_dual(model.get_parameter(name).detach(), along)
        with placed(model, duals):
            logits, tangent = forward_ad.unpack_dual(logits_of(model, images))
    if tangent is None:
        raise NotImplementedError("forward AD gave no tangent: the logits do not depend on the parameters")
    return logits, tangent


@dataclass(frozen=True)
class Problem:
    """One training batch and one meta batch, between which the derivative is taken.

    Args:
        model: maps images to logits.
        images: the training batch.
        logits: rows of the model's output for it, with their graph; it is kept for the real backward pass.
        flows: ``probs - onehot(labels)``, without a graph.
        meta_batch: clean images and labels.
        virtual_step: what it moves, and how far.
        replay: context under which the training batch's forward pass draws the same random numbers as the first.
        tangent_pass: gives logits and tangent, as ``logit_tangent`` does; None in the place of logits it does not keep.
        first: output that the tangent pass must repeat (agreement.py); None: not compared.
        is_checked: whether the two passes are compared in full (agreement.py).
        keeps_graph: whether the logits' graph can be differentiated twice; ``save_memory`` gives it up.
        rows: how the output becomes rows (targets.py); None: it has them.
        loss_of: as for ``clean_gradient``.
    """

    model: nn.Module
    images: Inputs
    logits: Matrix
    flows: Matrix
    meta_batch: tuple[Inputs, Tensor]
    virtual_step: VirtualStep
    replay: Callable[[], AbstractContextManager[None]] = nullcontext
    tangent_pass: TangentPass = logit_tangent
    first: Tensor | None = None
    is_checked: bool = False
    keeps_graph: bool = True
    rows: Rows | None = None
    loss_of: Loss | None = None

    @cached_property
    def here(self) -> Named:
        """The parameters that the virtual step moves, as numbers, without a graph."""
        return {name: p.detach() for name, p in self.virtual_step.parameters.items()}

    def step_back(self, weights: Matrix, create_graph: bool = False) -> Named:
        """The virtual step's gradient: ``weights * flows / B`` sent back through the logits."""
        sent = (weights * self.flows / self.logits.shape[-2]).to(self.logits.dtype)
        return gradients_of(self.logits, self.virtual_step.parameters, sent, keep_graph=True, create_graph=create_graph)

    def averaged(self, parts: Named) -> Named:
        """Over all ranks that have a part of the batch (distributed.py): here there is one."""
        return parts

    def ahead(self, weights: Matrix) -> Named:
        """The parameters after the virtual step with these weights, without a graph."""
        return self.virtual_step(self.step_back(weights))[0]

    def uphill(self, parameters: Named, rates: Rates) -> Named:
        """``rate * d L_meta / d theta`` at these parameters: the way up the clean loss, as long as a step."""
        never = self.virtual_step.parameters if self.is_checked else None
        direction = clean_gradient(self.model, parameters, *self.meta_batch, never, self.loss_of)
        if self.is_checked:
            check_own_parameters(self.model, self.virtual_step.parameters)
        for name, rate in rates.items():
            direction[name] = rate * direction[name]
        return direction

    def tangent(self, direction: Named) -> Matrix:
        """How the training batch's logits move along ``direction``, exact, in float32 under autocast too.

        Tried again without the tape where it does not fit, and with separate products where attention has no rule.

        Raises:
            NotImplementedError, RuntimeError: an operation has no forward-mode rule (``lacks_rule``).
            PassesDiffer: this pass does not repeat the first.
        """
        along = self.tangent_pass
        while True:
            apart = self.model in _UNFUSED
            full = torch.autocast(self.logits.device.type, enabled=False)
            try:
                with full, unfused() if apart else nullcontext(), self.replay():
                    output, tangent = along(self.model, self.images, direction)
                break
            except OtherLayers:  # than on the tape; whether it repeats the first pass is seen without one
                along = logit_tangent
            except (NotImplementedError, RuntimeError) as error:
                if apart or not lacks_rule(error):
                    raise
                _UNFUSED.add(self.model)
        if self.first is not None and output is not None:
            check_same(self.first, output, self.model)
        return tangent if self.rows is None else self.rows(tangent)

    def closed_form(self, tangent: Matrix) -> Matrix:
        """``- flows * tangent / B``: the equation at the top of this file."""
        return -self.flows * tangent.to(self.flows.dtype) / self.flows.shape[-2]


def gradients_of(
    output: Tensor, parameters: Named, sent_back: Tensor | None = None, *,
    keep_graph: bool = False, create_graph: bool = False,
) -> Named:  # fmt: skip
    """``torch.autograd.grad`` by name; a parameter that the output does not depend on gets zeros."""
    if not output.requires_grad:
        raise NoMetaGradient(
            "the logits have no graph back to the parameters: run the model outside torch.no_grad() and "
            "torch.inference_mode(), and do not detach its output"
        )
    try:
        found = torch.autograd.grad(
            output, list(parameters.values()), sent_back, retain_graph=keep_graph, create_graph=create_graph,
            allow_unused=True, materialize_grads=True,
        )  # fmt: skip
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        raise NoMetaGradient(
            "reentrant activation checkpointing allows no gradient with respect to chosen parameters: call "
            "torch.utils.checkpoint.checkpoint with use_reentrant=False"
        ) from error
    return dict(zip(parameters, found, strict=True))


def _check_independent(loss: Tensor, never: Named) -> None:
    if not loss.requires_grad:
        return  # said elsewhere
    found = torch.autograd.grad(loss, list(never.values()), retain_graph=True, allow_unused=True)
    for name, gradient in zip(never, found, strict=True):
        if gradient is not None:
            raise NoMetaGradient(
                f"the model uses its parameter {name} past the module that holds it (from a list, a closure or a "
                "cache), where no other can take its place: use it as an attribute of its module"
            )
