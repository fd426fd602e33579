"""How far a step moves each parameter per unit of its gradient: a learning rate, or what an optimiser makes of it.

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

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

Rates = dict[str, float | Tensor]
_WARNED: "weakref.WeakSet[Optimizer]" = weakref.WeakSet()


def trainable(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that a step moves: frozen ones stay out, tied ones appear once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def learning_rates(model: nn.Module, lr: "float | Optimizer", virtual: str = "sgd") -> Rates:
    """The learning rate of each trainable parameter.

    Args:
        model: whose parameters.
        lr: one rate for all, or an optimiser whose groups give each parameter its own; a parameter in no group stays
            where it is.
        virtual: ``"sgd"``, or ``"optimizer"`` for the step that ``lr`` itself takes.

    Raises:
        ValueError: an optimiser of another model, a rate that is negative or not finite; for ``"sgd"``, an optimiser
            that maximises; for ``"optimizer"``, one whose step is not known here.
    """
    return rates_of(trainable(model), lr, virtual)


def rates_of(parameters: dict[str, Tensor], lr: "float | Optimizer", virtual: str = "sgd") -> Rates:
    """As ``learning_rates``, for parameters by name."""
    if not parameters:
        raise ValueError("the virtual step has nothing to move: all parameters of the model are frozen")
    if not isinstance(lr, Optimizer):
        return dict.fromkeys(parameters, float(lr))
    groups = _groups(lr)
    found = {name: groups[p] for name, p in parameters.items() if p in groups}
    _check_groups(found, lr)
    (_check_own_step if virtual == "optimizer" else _check_plain_step)(lr)
    return {name: group["lr"] for name, group in found.items()}


@torch.no_grad()
def optimizer_step(
    optimizer: Optimizer, parameters: dict[str, Tensor], gradients: dict[str, Tensor]
) -> tuple[dict[str, Tensor], Rates]:
    """The parameters after the optimiser's next step with these gradients, and the rates there.

    Args:
        optimizer: one of ``STEPS``; it stays as it is.
        parameters: some of its own, by name.
        gradients: for each of them.
    """
    groups, step = _groups(optimizer), STEPS[type(optimizer)]
    moved, rates = {}, {}
    for name, parameter in parameters.items():
        group, state = groups[parameter], optimizer.state.get(parameter, {})
        sign = -1.0 if group["maximize"] else 1.0
        moved[name], rate = step(parameter.detach(), sign * gradients[name], state, group)
        rates[name] = sign * rate
    return moved, rates


def _sgd(parameter: Tensor, gradient: Tensor, state: dict, group: dict) -> tuple[Tensor, float | Tensor]:
    """``theta - lr * b`` with ``b = momentum * b + (1 - dampening) * gradient``; a first b is the gradient itself."""
    momentum = group["momentum"]
    before = state.get("momentum_buffer") if momentum else None
    gradient = gradient + group["weight_decay"] * parameter
    new = 1.0 if before is None else 1.0 - group["dampening"]
    buffer = new * gradient if before is None else momentum * before + new * gradient
    at_once, later = (1.0, momentum) if group["nesterov"] else (0.0, 1.0)
    return parameter - group["lr"] * (at_once * gradient + later * buffer), group["lr"] * (at_once + later * new)


def _adam(parameter: Tensor, gradient: Tensor, state: dict, group: dict) -> tuple[Tensor, Tensor]:
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
STEPS = {SGD: _sgd, Adam: _adam, AdamW: _adam}


def _groups(optimizer: Optimizer) -> dict[Tensor, dict]:
    return {parameter: group for group in optimizer.param_groups for parameter in group["params"]}


def _check_groups(found: dict[str, dict], optimizer: Optimizer) -> None:
    if not found:
        raise ValueError(
            f"the {type(optimizer).__name__} given as lr holds no trainable parameter of this model: "
            "make it from model.parameters()"
        )
    for name, group in found.items():
        rate = group["lr"]
        if not isinstance(rate, Tensor) and not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"the learning rate of {name} must be a finite number of at least 0, got {rate}")


def _check_own_step(optimizer: Optimizer) -> None:
    if type(optimizer) not in STEPS:
        known = ", ".join(sorted(kind.__name__ for kind in STEPS))
        raise ValueError(f"virtual='optimizer' knows the optimisers {known}, got {type(optimizer).__name__}")


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
