"""The meta gradient: how the clean loss after one virtual step changes with every single weight.

The virtual step follows the weighted flows, ``theta' = theta - lr * J^T (weights * flows) / B`` with
``J = d logits / d theta``. The clean loss at ``theta'`` therefore has the closed-form derivative

    d L_meta / d weights[i, c] = - flows[i, c] / B * < d logits[i, c] / d theta, lr * d L_meta / d theta' >.

All its inner products together are one Jacobian-vector product of the training logits: forward mode gives them at
the cost of a pass and a half, without a double backward. For an optimiser's own step, ``lr`` is one number for each
number of theta, the derivative of that step (rates.py); nothing else changes.

Source: GDW (Chen et al., NeurIPS 2021), meta gradient with respect to the class-level weights.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.functional import cross_entropy

from gdw.gradients.agreement import check_adjoint, check_same_logits, passes_differ
from gdw.gradients.outputs import logits_of
from gdw.gradients.rates import Rates, optimizer_step, rates_of, trainable
from gdw.networks.held import call_with
from gdw.private import dual_numbers

Named = dict[str, Tensor]

class NoMetaGradient(RuntimeError):
    """The model has an operation that neither forward mode nor a double backward can differentiate."""


def forward(model: nn.Module, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Logits under other parameters; buffers (BatchNorm's running statistics) are copies and do not move."""
    return logits_of(call_with(model, parameters, images), model)


def virtual_parameters(parameters: Named, gradients: Named, rates: Rates) -> Named:
    """``theta' = theta - rate * gradient``: no momentum, no weight decay; used for one clean gradient only."""
    return {name: (gradients[name] * -rates[name]).add_(parameter) for name, parameter in parameters.items()}


def clean_gradient(model: nn.Module, parameters: Named, images: Tensor, labels: Int[Tensor, "*seeds meta"]) -> Named:
    """Gradient of the mean clean loss with respect to ``parameters``; losses of several seeds are added up.

    The backward pass runs while the model holds these parameters: activation checkpointing computes a layer again
    there, with whatever parameters the module has at that moment.

    Raises:
        NoMetaGradient: the model reaches one of its own parameters past the module that holds it.
    """
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    clean = _CleanGradient(model, leaves)
    with torch.enable_grad():
        return call_with(clean, {f"model.{name}": leaf for name, leaf in leaves.items()}, images, labels)


class _CleanGradient(nn.Module):
    """A module, because ``call_with`` then keeps the parameters in place for the backward pass too."""

    def __init__(self, model: nn.Module, leaves: Named):
        super().__init__()
        self.model, self.leaves = model, leaves
        self.own = {name: model.get_parameter(name) for name in leaves}

    def forward(self, images: Tensor, labels: Tensor) -> Named:
        logits = logits_of(self.model(images), self.model)
        loss = cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum") / labels.shape[-1]
        return _gradients(loss, self.leaves, never=self.own)


def logit_tangent(
    model: nn.Module, images: Tensor, direction: Named, first: Float[Tensor, "batch classes"] | None = None
) -> Float[Tensor, "batch classes"]:
    """How the logits move as the parameters move along ``direction``: one forward-mode product.

    Args:
        model: maps images to logits.
        images: the training batch.
        direction: a tensor for each parameter that moves.
        first: the logits of an earlier pass, which this one must repeat (agreement.py); None: not compared.

    Raises:
        NotImplementedError: an operation has no forward-mode rule (the message names it).
        PassesDiffer: this pass does not repeat the first.
    """
    with dual_numbers(), torch.no_grad():
        return _tangent(model, images, direction, first)


def _tangent(model: nn.Module, images: Tensor, direction: Named, first: Tensor | None) -> Tensor:
    parameters = {name: model.get_parameter(name).detach() for name in direction}
    duals = {name: forward_ad.make_dual(parameters[name], d) for name, d in direction.items()}
    logits, tangent = forward_ad.unpack_dual(forward(model, duals, images))
    if first is not None:
        check_same_logits(model, first, logits)
    if tangent is None:
        raise NotImplementedError("forward AD gave no tangent: the logits do not depend on the parameters")
    return tangent


@dataclass(frozen=True)
class Problem:
    """One training batch and one meta batch, between which the derivative is taken.

    Args:
        model: maps images to logits.
        images: the training batch.
        logits: the model's outputs for it, with their graph; it is kept for the real backward pass.
        flows: ``probs - onehot(labels)``, without a graph.
        meta_batch: clean images and labels.
        lr: learning rate of the virtual step: a number or an optimiser.
        replay: context under which the training batch's forward pass repeats the first: it draws the same random
            numbers, and may reuse what the first has computed (reuse.py).
        tangent_pass: gives the logits' tangent, as ``logit_tangent`` does.
        only: names of the parameters that take the virtual step, if not all of them do.
        virtual: ``"sgd"``, or ``"optimizer"`` for the step that ``lr`` itself takes (rates.py).
        is_checked: whether the two passes are compared (agreement.py).
        keeps_graph: whether the logits' graph can be differentiated twice; ``save_memory`` gives it up.
    """

    model: nn.Module
    images: Tensor
    logits: Float[Tensor, "batch classes"]
    flows: Float[Tensor, "batch classes"]
    meta_batch: tuple[Tensor, Tensor]
    lr: "float | torch.optim.Optimizer"
    replay: Callable = nullcontext
    tangent_pass: Callable = logit_tangent
    only: frozenset[str] | None = None
    virtual: str = "sgd"
    is_checked: bool = False
    keeps_graph: bool = True

    @cached_property
    def _trainable(self) -> Named:
        return trainable(self.model)  # walks the module tree: once a step is enough

    @cached_property
    def rates(self) -> Rates:
        return rates_of(self._trainable, self.lr, self.virtual)

    @cached_property
    def parameters(self) -> Named:
        """What the virtual step moves."""
        moved = self.rates.keys() if self.only is None else self.rates.keys() & self.only
        return {name: p for name, p in self._trainable.items() if name in moved}

    @cached_property
    def here(self) -> Named:
        """The parameters as numbers, without a graph."""
        return {name: p.detach() for name, p in self.parameters.items()}

    def step_back(self, weights: Float[Tensor, "batch classes"], create_graph: bool = False) -> Named:
        """The virtual step's gradient: ``weights * flows / B`` sent back through the logits."""
        return _gradients(
            self.logits, self.parameters, self.sent_back(weights), keep_graph=True, create_graph=create_graph
        )

    def sent_back(self, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        """``weights * flows / B``, in the logits' precision."""
        return (weights * self.flows / self.logits.shape[-2]).to(self.logits.dtype)

    def averaged(self, parts: Named) -> Named:
        """Over all ranks that have a part of the batch (distributed.py): here there is one."""
        return parts

    def virtual_step(self, gradients: Named) -> tuple[Named, Rates]:
        """The virtual parameters, and how far each has gone down per unit of its gradient."""
        if self.virtual == "optimizer":
            return optimizer_step(self.lr, self.parameters, gradients)
        return virtual_parameters(self.here, gradients, self.rates), self.rates

    def ahead(self, weights: Float[Tensor, "batch classes"]) -> Named:
        """The virtual parameters, without a graph."""
        return self.virtual_step(self.averaged(self.step_back(weights)))[0]

    def direction(self, weights: Float[Tensor, "batch classes"] | None) -> Named:
        """``rate * d L_meta / d theta'`` after the virtual step with these weights; None: without the virtual step.

        It is the way up the clean loss, as long as a step.

        Raises:
            ValueError: no virtual step, and the rates are those of an optimiser's own step, which depend on it.
        """
        if weights is not None:  # what was sent back is freed before the clean set's pass
            return self._uphill(*self.virtual_step(self.averaged(self.step_back(weights))))
        if self.virtual == "optimizer":
            raise ValueError("virtual='optimizer' needs a derivative that takes the virtual step")
        return self._uphill(self.here, self.rates)

    def direction_after(self, gradients: Named) -> Named:
        """The same, with what was sent back."""
        return self._uphill(*self.virtual_step(gradients))

    def _uphill(self, parameters: Named, rates: Rates) -> Named:
        clean = self.averaged(clean_gradient(self.model, parameters, *self.meta_batch))
        return {name: rates[name] * gradient for name, gradient in clean.items()}

    def tangent(self, direction: Named) -> Float[Tensor, "batch classes"]:
        """How the training batch's logits move along ``direction``, exact, in float32 under autocast too."""
        with self.replay(), torch.autocast(self.logits.device.type, enabled=False):
            return self.tangent_pass(self.model, self.images, direction)


def by_forward_mode(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` in closed form, its inner products by one Jacobian-vector product.

    Raises:
        PassesDiffer: a check of the model's two passes (agreement.py) fails.
    """
    if not problem.is_checked:
        return along(problem, weights, problem.direction(weights))
    gradients = problem.averaged(problem.step_back(weights))
    return along(problem, weights, problem.direction_after(gradients), gradients)


def along(problem: Problem, weights: Tensor, direction: Named, gradients: Named | None = None) -> Tensor:
    """The closed form with the tangent along ``direction``, checked against what goes back at these weights.

    Args:
        gradients: what the virtual step has sent back at these weights, where it is there already.
    """
    if not problem.is_checked:
        return closed_form(problem, problem.tangent(direction))
    weights, gradients = _to_compare(problem, weights, gradients)
    tangent = problem.tangent(direction)
    v, refused = problem.sent_back(weights).to(tangent.dtype), partial(passes_differ, model=problem.model)
    check_adjoint(refused, v, tangent, gradients, direction, problem.logits.detach())
    return closed_form(problem, tangent)


def _to_compare(problem: Problem, weights: Tensor, gradients: Named | None) -> tuple[Tensor, Named]:
    """L2RW asks at weights 0, where nothing goes back: then something else to compare."""
    if gradients is not None and weights.any():
        return weights, gradients
    weights = weights if weights.any() else torch.ones_like(weights)
    return weights, problem.averaged(problem.step_back(weights))


def closed_form(problem: Problem, tangent: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``- flows * tangent / B``: the equation at the top of this file."""
    return -problem.flows * tangent.to(problem.flows.dtype) / problem.flows.shape[-2]


def by_double_backward(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` as in textbooks: through the graph of the virtual step itself.

    The chain rule in two parts: the clean loss back to theta', and from theta' back through the first backward pass.

    Raises:
        NoMetaGradient: a check of the second part (agreement.py) fails.
    """
    weights = weights.detach().requires_grad_()
    with torch.enable_grad():
        gradients = problem.step_back(weights, create_graph=True)
    moved = problem.averaged({name: gradient.detach() for name, gradient in gradients.items()})
    direction = problem.direction_after(moved)
    linked = [name for name, gradient in gradients.items() if gradient.requires_grad]
    gradient = torch.zeros_like(weights)
    if linked:
        given = [gradients[name] for name in linked], weights, [-direction[name] for name in linked]
        (gradient,) = torch.autograd.grad(*given, allow_unused=True, materialize_grads=True)
    gradient = problem.averaged({"weights": gradient})["weights"]
    if problem.is_checked:
        weights, moved = _to_compare(problem, weights.detach(), moved)
        refused = partial(_hides_a_dependence, problem.model)
        check_adjoint(refused, weights, -gradient, moved, direction, problem.logits.detach())
    return gradient


def _hides_a_dependence(model: nn.Module, what: str) -> NoMetaGradient:
    return NoMetaGradient(
        f"{type(model).__name__} cannot be differentiated twice: its backward pass hides how it depends on what is "
        f"sent back, or is not linear in it ({what}). Likely causes: a torch.autograd.Function whose backward uses "
        ".data, detach(), numpy or once_differentiable; a hook that clips gradients. Write that backward with torch's "
        "operations alone, or give the Function a jvp and take derivative='forward'"
    )


def _gradients(
    output: Tensor,
    parameters: Named,
    sent_back: Tensor | None = None,
    keep_graph: bool = False,
    create_graph: bool = False,
    never: Named | None = None,
) -> Named:
    """``never``: parameters that ``output`` must not depend on."""
    if not output.requires_grad:
        raise NoMetaGradient(
            "the logits have no graph back to the parameters: run the model outside torch.no_grad() and "
            "torch.inference_mode(), and do not detach its output"
        )
    inputs = [*parameters.values(), *(never or {}).values()]
    try:
        found = torch.autograd.grad(
            output, inputs, sent_back, retain_graph=keep_graph, create_graph=create_graph, allow_unused=True
        )
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        raise NoMetaGradient(
            "reentrant activation checkpointing allows no gradient with respect to chosen parameters: call "
            "torch.utils.checkpoint.checkpoint with use_reentrant=False"
        ) from error
    for name, gradient in zip(never or (), found[len(parameters) :], strict=True):
        if gradient is not None:
            raise NoMetaGradient(
                f"the model uses its parameter {name} past the module that holds it (from a list, a closure or a "
                "cache), where no other can take its place: use it as an attribute of its module"
            )
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(parameters.items(), found[: len(parameters)], strict=True)
    }
