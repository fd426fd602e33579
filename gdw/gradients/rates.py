"""The virtual step: which parameters it moves, where to, and how far per unit of their gradients.

The paper's virtual step is plain SGD's, ``theta' = theta - lr * gradient``: ``rate = lr``. An optimiser's own step
takes momentum, bias correction and weight decay with it, and Adam's is not linear in the gradient. But it moves every
number by that number's own gradient alone. Its derivative is one rate for each number, ``rate = - d theta' / d
gradient``, and every derivative of the virtual step stays exact.

Sources: SGD as torch defines it; Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; Loshchilov and
Hutter, Decoupled Weight Decay Regularization, ICLR 2019; Reddi et al., On the Convergence of Adam, ICLR 2018 (amsgrad).
"""

import math
import warnings
import weakref
from collections.abc import Callable, Collection, Mapping
from copy import copy
from numbers import Real
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.optim import SGD, Adam, AdamW, Optimizer

from gdw.errors import one_of
from gdw.private import is_recorded

Named = dict[str, Tensor]
Rates = dict[str, float | Tensor]
Group = Mapping[str, Any]
VIRTUAL = ("sgd", "optimizer")
_WARNED: "weakref.WeakSet[Optimizer]" = weakref.WeakSet()


def trainable(model: nn.Module) -> Named:
    """The parameters that a step moves: frozen ones stay out, tied ones appear once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class VirtualStep:
    """The step that a model would take with some gradients; it takes none. One is enough for many batches.

    It moves the model's trainable parameters: frozen ones stay out, tied ones appear once.

    Args:
        lr: one rate for all, or an optimiser whose groups give each parameter its own; a parameter in no group stays
            where it is. The groups' rates are read at each call.
        virtual: ``"sgd"``, or ``"optimizer"`` for the step that ``lr`` itself takes.

    Attributes:
        parameters: what it moves, by name.
        own: the optimiser whose step it is; None for plain SGD's.
    """

    def __init__(self, model: nn.Module, lr: "float | Tensor | Optimizer", virtual: str = "sgd"):
        self.parameters = trainable(model)
        if not self.parameters:
            raise ValueError("the virtual step has nothing to move: all parameters of the model are frozen")
        self.own: Optimizer | None = None
        self._places = dict.fromkeys(self.parameters, 0)  # of a parameter's group
        self._optimizer = lr if isinstance(lr, Optimizer) else SimpleNamespace(param_groups=[{"lr": float(lr)}])
        if not isinstance(lr, Optimizer):
            return
        places = {parameter: n for n, group in enumerate(lr.param_groups) for parameter in group["params"]}
        self.parameters = {name: p for name, p in self.parameters.items() if p in places}
        self._places = {name: places[p] for name, p in self.parameters.items()}
        _check_groups({name: lr.param_groups[place] for name, place in self._places.items()}, lr)
        self.own = lr if virtual == "optimizer" else None
        if self.own is None:
            _check_plain_step(lr)
        elif type(lr) not in STEPS:
            known = ", ".join(sorted(kind.__name__ for kind in STEPS))
            raise ValueError(f"virtual='optimizer' knows the optimisers {known}, got {type(lr).__name__}")

    @property
    def rates(self) -> Rates:
        """The learning rate of each parameter."""
        return {name: self._optimizer.param_groups[self._places[name]]["lr"] for name in self.parameters}

    @torch.no_grad()
    def __call__(self, gradients: Named) -> tuple[Named, Rates]:
        """The parameters after the step with these gradients, and how far each went down per unit of its gradient."""
        moved: Named = {}
        rates: Rates = {}
        groups = self._optimizer.param_groups  # as they are now: a loaded state brings others
        for name, parameter in self.parameters.items():
            here, group = parameter.detach(), groups[self._places[name]]
            if self.own is None:
                rates[name] = group["lr"]
                moved[name] = (gradients[name] * -group["lr"]).add_(here)
            else:
                sign, state = -1.0 if group["maximize"] else 1.0, self.own.state.get(parameter, {})
                moved[name], rate = STEPS[type(self.own)](here, sign * gradients[name], state, group)
                rates[name] = sign * rate
        return moved, rates

    def only(self, names: Collection[str]) -> "VirtualStep":
        """The same step of some of its parameters; the others stay where they are."""
        part = copy(self)
        part.parameters = {name: parameter for name, parameter in self.parameters.items() if name in names}
        return part


def check_model(model: nn.Module) -> None:
    """Refuse what is not a module, and wrappers that split the batch; the message names what to use."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, DataParallel):
        raise TypeError("a Step cannot take nn.DataParallel: give it the model inside, model.module")
    if isinstance(model, DistributedDataParallel):
        raise TypeError(
            "a Step sees one rank's part of the batch, so each rank would learn other weights: for a "
            "DistributedDataParallel take gdw.gradients.distributed.DistributedStep"
        )
    if any(hasattr(parameter, "full_tensor") for parameter in model.parameters()):
        raise TypeError(
            "a Step cannot take a model whose parameters are spread over ranks (fully_shard, tensor parallelism): no "
            "virtual step can take their place; use DistributedDataParallel and DistributedStep"
        )


def check_rate(lr: object, virtual: str) -> None:
    one_of("virtual step", virtual, VIRTUAL)
    if lr is None or isinstance(lr, Optimizer):
        return
    if isinstance(lr, Tensor) and lr.numel() == 1:
        if lr.device.type != "cpu":
            return
        lr = lr.item()
    if not isinstance(lr, Real) or isinstance(lr, bool):
        raise TypeError(f"lr must be a number or a torch optimiser, got {type(lr).__name__}")
    if not math.isfinite(lr) or lr < 0:
        raise ValueError(f"lr must be a finite number of at least 0, got {lr:g}")
    if virtual == "optimizer":
        raise ValueError(f"virtual='optimizer' needs the optimiser as lr, got the number {lr:g}")


def _sgd(parameter: Tensor, gradient: Tensor, state: Group, group: Group) -> tuple[Tensor, float | Tensor]:
    """``theta - lr * b`` with ``b = momentum * b + (1 - dampening) * gradient``; a first b is the gradient itself."""
    momentum = group["momentum"]
    before = state.get("momentum_buffer") if momentum else None
    gradient = gradient + group["weight_decay"] * parameter
    new = 1.0 if before is None else 1.0 - group["dampening"]
    buffer = new * gradient if before is None else momentum * before + new * gradient
    at_once, later = (1.0, momentum) if group["nesterov"] else (0.0, 1.0)
    return parameter - group["lr"] * (at_once * gradient + later * buffer), group["lr"] * (at_once + later * new)


def _adam(parameter: Tensor, gradient: Tensor, state: Group, group: Group) -> tuple[Tensor, Tensor]:
    """``theta - lr * m / (1 - beta1^t) / (r + eps)`` with the root ``r`` of ``v / (1 - beta2^t)``.

    m and r both move with the gradient. From the derivative of m / (r + eps) two terms that cancel are left out by
    hand: at the first step, rounding would be larger than what is left of it.
    """
    (beta1, beta2), eps, decay = map(float, group["betas"]), group["eps"], group["weight_decay"]
    m, v = state.get("exp_avg", 0.0), state.get("exp_avg_sq", 0.0)
    count = torch.as_tensor(state.get("step", 0)).to(gradient) + 1
    if group["decoupled_weight_decay"]:
        parameter = parameter * (1 - group["lr"] * decay)
    else:
        gradient = gradient + decay * parameter
    uncancelled = (1 - beta1) * beta2 * v - beta1 * (1 - beta2) * m * gradient
    m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient.square()
    largest = torch.as_tensor(state.get("max_exp_avg_sq", 0.0)).to(v) if group["amsgrad"] else v
    corrected = _correction(beta2, count)
    root = (v.maximum(largest) / corrected).sqrt()
    moves = (1 - beta1) * eps + (uncancelled / (corrected * root)).where(root > 0, 0.0)
    share = (moves / (root + eps)).where(v >= largest, 1 - beta1)  # amsgrad: a larger r of before stays
    down = group["lr"] / _correction(beta1, count) / (root + eps)
    return parameter - down * m, down * share


def _correction(beta: float, count: Tensor) -> Tensor:
    """``1 - beta^t``, without losing digits."""
    return -torch.expm1(count * (math.log(beta) if beta else -math.inf))


#: the optimisers whose own step a virtual step can be
STEPS: dict[type[Optimizer], Callable[[Tensor, Tensor, Group, Group], tuple[Tensor, float | Tensor]]] = {
    SGD: _sgd,
    Adam: _adam,
    AdamW: _adam,
}


def _check_groups(found: dict[str, Group], optimizer: Optimizer) -> None:
    if not found:
        raise ValueError(
            f"the {type(optimizer).__name__} given as lr holds no trainable parameter of this model: "
            "make it from model.parameters()"
        )
    for name, group in found.items():
        rate = group["lr"]
        if isinstance(rate, Tensor) and (rate.device.type != "cpu" or is_recorded(rate.device)):
            continue  # reading it would wait for the device, or end a recording
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"the learning rate of {name} must be a finite number of at least 0, got {rate}")


def _check_plain_step(optimizer: Optimizer) -> None:
    if any(group.get("maximize") for group in optimizer.param_groups):
        raise ValueError("the optimiser given as lr has maximize=True, and the virtual step goes down the loss")
    if isinstance(optimizer, SGD) or optimizer in _WARNED:
        return
    _WARNED.add(optimizer)
    name = type(optimizer).__name__
    own = "take virtual='optimizer' for its own step, or " if type(optimizer) in STEPS else ""
    warnings.warn(
        f"the virtual step is plain SGD's, with the learning rates of the {name} given as lr, and not the step that "
        f"{name} takes: {own}give a learning rate as a number",
        stacklevel=2,
    )
