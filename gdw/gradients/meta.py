"""The meta gradient: how the clean loss, one virtual step ahead, answers to every single weight.

The virtual step follows the weighted flows, ``theta' = theta - lr * J^T (weights * flows) / B`` with
``J = d logits / d theta``. The clean loss at ``theta'`` therefore has the closed-form derivative

    d L_meta / d weights[i, c] = - flows[i, c] / B * < d logits[i, c] / d theta, lr * d L_meta / d theta' >

and all its inner products together are one Jacobian-vector product of the training logits: forward mode
gives them at the cost of a pass and a half, without a double backward.

Source: GDW (Chen et al., NeurIPS 2021), meta gradient with respect to the class-level weights.
"""

import re
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call
from torch.nn.functional import cross_entropy

Named = dict[str, Tensor]

# Forward mode's dual level belongs to the process, not to the thread: two runs side by side take turns.
FORWARD_AD_LOCK = threading.Lock()
# Models already found to hold an operation without a forward-mode rule: warned of once, then double backward.
_WITHOUT_FORWARD_RULE: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()


class NoMetaGradient(RuntimeError):
    """The model has an operation that neither forward mode nor a double backward can differentiate."""


def trainable(model: nn.Module) -> Named:
    """The parameters that a step moves: frozen ones stay out, tied ones appear once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def learning_rates(model: nn.Module, lr: "float | torch.optim.Optimizer") -> dict[str, float | Tensor]:
    """The virtual step's rate for each trainable parameter.

    Args:
        lr: one rate for all, or an optimiser whose groups give each parameter its own; a parameter in no
            group stays where it is.
    """
    return _rates(trainable(model), lr)


def _rates(parameters: Named, lr: "float | torch.optim.Optimizer") -> dict[str, float | Tensor]:
    if not isinstance(lr, torch.optim.Optimizer):
        return dict.fromkeys(parameters, float(lr))
    rates = {id(p): group["lr"] for group in lr.param_groups for p in group["params"]}
    return {name: rates[id(p)] for name, p in parameters.items() if id(p) in rates}


def forward(model: nn.Module, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Logits under other parameters; buffers (BatchNorm's running statistics) are copies and stay unmoved."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return functional_call(model, {**buffers, **parameters}, (images,))


def virtual_parameters(parameters: Named, gradients: Named, rates: Mapping[str, float | Tensor]) -> Named:
    """``theta' = theta - lr * gradient``: plain SGD, no momentum, no weight decay; thrown away afterwards."""
    return {name: parameter - rates[name] * gradients[name] for name, parameter in parameters.items()}


def clean_gradient(model: nn.Module, parameters: Named, images: Tensor, labels: Int[Tensor, "meta"]) -> Named:
    """Gradient of the mean clean loss with respect to ``parameters``."""
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    loss = cross_entropy(forward(model, leaves, images), labels)
    return _gradients(loss, leaves)


def logit_tangent(model: nn.Module, images: Tensor, direction: Named) -> Float[Tensor, "batch classes"]:
    """How the logits move as the parameters move along ``direction``: one forward-mode product.

    Raises:
        NotImplementedError: an operation has no forward-mode rule (the message names it).
    """
    with dual_numbers(), torch.no_grad():
        return _tangent(model, images, direction)


@contextmanager
def dual_numbers() -> Iterator[None]:
    """Within: forward mode. One thread of the process at a time."""
    with FORWARD_AD_LOCK:
        _load_forward_rules()
        with forward_ad.dual_level():
            yield


@cache
def _load_forward_rules() -> None:
    """Make the first dual tensor quietly: torch compiles some of its rules then, and warns of its own compiler."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore")  # its kind differs between versions
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


def _tangent(model: nn.Module, images: Tensor, direction: Named) -> Tensor:
    parameters = {name: model.get_parameter(name).detach() for name in direction}
    duals = {name: forward_ad.make_dual(parameters[name], d) for name, d in direction.items()}
    tangent = forward_ad.unpack_dual(forward(model, duals, images)).tangent
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
            numbers, and may take up what the first has computed (reuse.py).
        tangent_pass: gives the logits' tangent, as ``logit_tangent`` does.
        only: names of the parameters that take the virtual step, where not all of them do.
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

    @cached_property
    def _trainable(self) -> Named:
        return trainable(self.model)  # walks the module tree: once a step is enough

    @cached_property
    def rates(self) -> dict[str, float | Tensor]:
        return _rates(self._trainable, self.lr)

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
        sent_back = (weights * self.flows / self.logits.shape[-2]).to(self.logits.dtype)
        return _gradients(self.logits, self.parameters, sent_back, keep_graph=True, create_graph=create_graph)

    def ahead(self, weights: Float[Tensor, "batch classes"]) -> Named:
        """The virtual parameters, without a graph."""
        return virtual_parameters(self.here, self.step_back(weights), self.rates)

    def direction(self, parameters: Named) -> Named:
        """``lr * d L_meta / d theta`` at these parameters: where the clean loss would have the model go, reversed."""
        clean = clean_gradient(self.model, parameters, *self.meta_batch)
        return {name: self.rates[name] * gradient for name, gradient in clean.items()}

    def tangent(self, direction: Named) -> Float[Tensor, "batch classes"]:
        """How the training batch's logits move along ``direction``, exact, in float32 under autocast too."""
        with self.replay(), torch.autocast(self.logits.device.type, enabled=False):
            return self.tangent_pass(self.model, self.images, direction)


def by_forward_mode(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` in closed form, its inner products by one Jacobian-vector product."""
    direction = problem.direction(problem.ahead(weights))
    return closed_form(problem, problem.tangent(direction))


def closed_form(problem: Problem, tangent: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``- flows * tangent / B``: what stands at the top of this file."""
    return -problem.flows * tangent.to(problem.flows.dtype) / problem.flows.shape[-2]


def by_double_backward(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` the textbook's way: through the graph of the virtual step itself."""
    weights = weights.detach().requires_grad_()
    gradients = problem.step_back(weights, create_graph=True)
    virtual = virtual_parameters(problem.parameters, gradients, problem.rates)
    meta_images, meta_labels = problem.meta_batch
    loss = cross_entropy(forward(problem.model, virtual, meta_images), meta_labels)
    (gradient,) = torch.autograd.grad(loss, weights)
    return gradient


def meta_gradient(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights``, exact: forward mode, or double backward where an operation has no forward-mode rule.

    One warning names that operation; the model is remembered.

    Raises:
        NoMetaGradient: neither way can differentiate the model.
    """
    model = problem.model
    if model not in _WITHOUT_FORWARD_RULE:
        try:
            return by_forward_mode(problem, weights)
        except (NotImplementedError, RuntimeError) as error:
            if not _lacks_rule(error):
                raise
            _WITHOUT_FORWARD_RULE.add(model)
            warnings.warn(
                f"{type(model).__name__} has no forward-mode derivative at {_operation(error)}; "
                "its meta gradient comes by double backward from now on, exact but slower",
                stacklevel=2,
            )
    try:
        return by_double_backward(problem, weights)
    except RuntimeError as error:
        if "torch.compile" in str(error):
            raise NoMetaGradient(f"{type(model).__name__} cannot be compiled and differentiated twice") from error
        if not _lacks_rule(error):
            raise
        raise NoMetaGradient(
            f"{type(model).__name__} cannot be differentiated twice at {_operation(error)}, neither forward nor "
            "backward; replace that operation (fused attention: torch.nn.attention.sdpa_kernel(SDPBackend.MATH))"
        ) from error


def _gradients(
    output: Tensor, parameters: Named, sent_back: Tensor | None = None, keep_graph=False, create_graph=False
) -> Named:
    gradients = torch.autograd.grad(
        output,
        list(parameters.values()),
        sent_back,
        retain_graph=keep_graph,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(parameters, gradients, strict=True))


def _lacks_rule(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or "is not implemented" in str(error) or "forward AD" in str(error)


def _operation(error: Exception) -> str:
    named = re.search(r"(?:with|for|formula for|derivative for) ['\"]?([\w:.]+)", str(error))
    return named.group(1) if named else str(error).splitlines()[0]
