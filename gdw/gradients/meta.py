"""The meta gradient: how the clean loss after one virtual step changes with every single weight.

The virtual step follows the weighted flows, ``theta' = theta - lr * J^T (weights * flows) / B`` with
``J = d logits / d theta``. The clean loss at ``theta'`` therefore has the closed-form derivative

    d L_meta / d weights[i, c] = - flows[i, c] / B * < d logits[i, c] / d theta, lr * d L_meta / d theta' >.

All its inner products together are one Jacobian-vector product of the training logits: forward mode gives them at
the cost of a pass and a half, without a double backward. In an optimiser's own metric ``lr`` is one number for each
number of theta (rates.py); nothing else changes.

Source: GDW (Chen et al., NeurIPS 2021), meta gradient with respect to the class-level weights.
"""

import threading
import time
import warnings
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

from gdw.gradients.agreement import check_adjoint, check_same_logits
from gdw.gradients.outputs import logits_of
from gdw.gradients.rates import Rates, rates_of, trainable

Named = dict[str, Tensor]

# Forward mode's dual level belongs to the process, not to the thread: two runs side by side take turns.
FORWARD_AD_LOCK = threading.Lock()
LEVEL_SECONDS, LEVEL_PAUSE = 60.0, 0.001  # how long to wait for a level that other code holds, and between two tries


class NoMetaGradient(RuntimeError):
    """The model has an operation that neither forward mode nor a double backward can differentiate."""


def forward(model: nn.Module, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Logits under other parameters; buffers (BatchNorm's running statistics) are copies and do not move."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return logits_of(functional_call(model, {**buffers, **parameters}, (images,)), model)


def virtual_parameters(parameters: Named, gradients: Named, rates: Rates) -> Named:
    """``theta' = theta - rate * gradient``: no momentum, no weight decay; used for one clean gradient only."""
    return {name: parameter - rates[name] * gradients[name] for name, parameter in parameters.items()}


def clean_gradient(model: nn.Module, parameters: Named, images: Tensor, labels: Int[Tensor, "meta"]) -> Named:
    """Gradient of the mean clean loss with respect to ``parameters``."""
    return gradient_at(model, parameters, lambda held: cross_entropy(logits_of(held(images), held), labels))


def gradient_at(model: nn.Module, parameters: Named, loss_of: Callable[[nn.Module], Tensor]) -> Named:
    """Gradient of ``loss_of(model)`` with respect to other parameters, which the model holds meanwhile.

    The backward pass runs while they are held: activation checkpointing computes a layer again there, with whatever
    parameters the module has at that moment.
    """
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    held = {f"model.{name}": buffer.clone() for name, buffer in model.named_buffers()}
    held |= {f"model.{name}": leaf for name, leaf in leaves.items()}
    with torch.enable_grad():
        return functional_call(_Differentiated(model, loss_of, leaves), held, ())


class _Differentiated(nn.Module):
    """A module, because ``functional_call`` then keeps the parameters in place for the backward pass too."""

    def __init__(self, model: nn.Module, loss_of: Callable[[nn.Module], Tensor], leaves: Named):
        super().__init__()
        self.model, self.loss_of, self.leaves = model, loss_of, leaves

    def forward(self) -> Named:
        return _gradients(self.loss_of(self.model), self.leaves)


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


@contextmanager
def dual_numbers() -> Iterator[None]:
    """Within: forward mode. One thread of the process at a time.

    ``torch.func.jvp`` elsewhere in the process takes the level without our lock: then this waits for its turn.

    Raises:
        RuntimeError: the level was not free for ``LEVEL_SECONDS``.
    """
    with FORWARD_AD_LOCK:
        _enter_level()
        try:
            _load_forward_rules()
            yield
        finally:
            _leave_level()


def _enter_level() -> None:
    """Take the process's one level of forward mode, as soon as it is free."""
    deadline = time.monotonic() + LEVEL_SECONDS
    while True:
        try:
            forward_ad.enter_dual_level()
            return
        except RuntimeError as error:
            if "current level is not valid" in str(error):  # another thread is leaving it just now: step back
                torch._C._exit_dual_level(level=0)
            elif "Nested forward mode AD" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"forward mode was in use elsewhere in this process for {LEVEL_SECONDS:g} s: end the other "
                    "torch.func.jvp or dual level, or take derivative='double-backward'"
                ) from error
        time.sleep(LEVEL_PAUSE)


def _leave_level() -> None:
    """As ``forward_ad.exit_dual_level``, in an order that cleanly refuses a thread that enters meanwhile."""
    forward_ad._current_level = -1
    torch._C._exit_dual_level(level=0)


@cache
def _load_forward_rules() -> None:
    """Make the first dual tensor quietly: torch compiles some of its rules then, and warns of its own compiler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its kind differs between versions
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


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
        virtual: ``"sgd"``, or ``"optimizer"`` for the metric of ``lr`` (rates.py).
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

    def ahead(self, weights: Float[Tensor, "batch classes"]) -> Named:
        """The virtual parameters, without a graph."""
        return virtual_parameters(self.here, self.step_back(weights), self.rates)

    def direction(self, parameters: Named) -> Named:
        """``lr * d L_meta / d theta`` at these parameters: the way up the clean loss, as long as a step."""
        clean = clean_gradient(self.model, parameters, *self.meta_batch)
        return {name: self.rates[name] * gradient for name, gradient in clean.items()}

    def tangent(self, direction: Named) -> Float[Tensor, "batch classes"]:
        """How the training batch's logits move along ``direction``, exact, in float32 under autocast too."""
        with self.replay(), torch.autocast(self.logits.device.type, enabled=False):
            return self.tangent_pass(self.model, self.images, direction)


def by_forward_mode(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` in closed form, its inner products by one Jacobian-vector product.

    Raises:
        PassesDiffer: a check of the model's two passes (agreement.py) fails.
    """
    if problem.is_checked:
        return closed_form(problem, _checked_tangent(problem, weights))
    direction = problem.direction(problem.ahead(weights))
    return closed_form(problem, problem.tangent(direction))


def _checked_tangent(problem: Problem, weights: Tensor) -> Tensor:
    """The same tangent, checked against what the virtual step has already sent back."""
    gradients = problem.step_back(weights)
    direction = problem.direction(virtual_parameters(problem.here, gradients, problem.rates))
    if not weights.any():  # L2RW asks at weights 0, where nothing goes back: send back something to compare
        weights = torch.ones_like(weights)
        gradients = problem.step_back(weights)
    tangent = problem.tangent(direction)
    v, logits = problem.sent_back(weights).to(tangent.dtype), problem.logits.detach()
    check_adjoint(problem.model, v, tangent, gradients, direction, logits)
    return tangent


def closed_form(problem: Problem, tangent: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``- flows * tangent / B``: the equation at the top of this file."""
    return -problem.flows * tangent.to(problem.flows.dtype) / problem.flows.shape[-2]


def by_double_backward(problem: Problem, weights: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """``d L_meta / d weights`` as in textbooks: through the graph of the virtual step itself.

    The chain rule in two parts: the clean loss back to theta', and from theta' back through the first backward pass.
    """
    weights = weights.detach().requires_grad_()
    with torch.enable_grad():
        gradients = problem.step_back(weights, create_graph=True)
    moved = {name: gradient.detach() for name, gradient in gradients.items()}
    direction = problem.direction(virtual_parameters(problem.here, moved, problem.rates))
    linked = [name for name, gradient in gradients.items() if gradient.requires_grad]
    (gradient,) = torch.autograd.grad(
        [gradients[name] for name in linked], weights, [-direction[name] for name in linked]
    )
    return gradient


def _gradients(
    output: Tensor, parameters: Named, sent_back: Tensor | None = None, keep_graph=False, create_graph=False
) -> Named:
    if not output.requires_grad:
        raise NoMetaGradient(
            "the logits have no graph back to the parameters: run the model outside torch.no_grad() and "
            "torch.inference_mode(), and do not detach its output"
        )
    try:
        gradients = torch.autograd.grad(
            output,
            list(parameters.values()),
            sent_back,
            retain_graph=keep_graph,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        raise NoMetaGradient(
            "reentrant activation checkpointing allows no gradient with respect to chosen parameters: call "
            "torch.utils.checkpoint.checkpoint with use_reentrant=False"
        ) from error
    return dict(zip(parameters, gradients, strict=True))
