"""How far the virtual step moves each parameter per unit of gradient: a learning rate, or an optimiser's metric.

The virtual step is ``theta' = theta - rate * gradient``, with one rate for each parameter, or one for each of its
numbers. Plain SGD has ``rate = lr``. In Adam's metric ``rate = lr * P`` with the diagonal preconditioner

    P = 1 / (sqrt(v / (1 - beta2^t)) + eps)

of the optimiser's state before this step: v is its running mean of squared gradients, t its count of steps. P does not
depend on the weights of this batch, so the map is linear in the gradient and every derivative of it stays exact.

Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
"""

import math

import torch
from torch import Tensor, nn

Rates = dict[str, float | Tensor]


def trainable(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that a step moves: frozen ones stay out, tied ones appear once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def learning_rates(model: nn.Module, lr: "float | torch.optim.Optimizer", virtual: str = "sgd") -> Rates:
    """The virtual step's rate for each trainable parameter.

    Args:
        model: whose parameters.
        lr: one rate for all, or an optimiser whose groups give each parameter its own; a parameter in no group stays
            where it is.
        virtual: ``"sgd"``: the learning rate alone. ``"optimizer"``: times the preconditioner of ``lr``, an SGD, Adam
            or AdamW.

    Raises:
        ValueError: an optimiser of another model, one that maximises, a rate that is negative or not finite, or, for
            ``"optimizer"``, an optimiser whose metric is not known here.
    """
    return rates_of(trainable(model), lr, virtual)


def rates_of(parameters: dict[str, Tensor], lr: "float | torch.optim.Optimizer", virtual: str = "sgd") -> Rates:
    """As ``learning_rates``, for parameters by name."""
    if not parameters:
        raise ValueError("the virtual step has nothing to move: all parameters of the model are frozen")
    if not isinstance(lr, torch.optim.Optimizer):
        return dict.fromkeys(parameters, float(lr))
    groups = {id(p): group for group in lr.param_groups for p in group["params"]}
    found = {name: groups[id(p)] for name, p in parameters.items() if id(p) in groups}
    _check_groups(found, lr)
    if virtual == "sgd":
        return {name: group["lr"] for name, group in found.items()}
    if type(lr) not in METRICS:
        known = ", ".join(sorted(kind.__name__ for kind in METRICS))
        raise ValueError(f"virtual='optimizer' knows the optimisers {known}, got {type(lr).__name__}")
    metric = METRICS[type(lr)]
    return {name: group["lr"] * metric(lr.state.get(parameters[name], {}), group) for name, group in found.items()}


def _check_groups(found: dict[str, dict], optimizer: torch.optim.Optimizer) -> None:
    if not found:
        raise ValueError(
            f"the {type(optimizer).__name__} given as lr holds no trainable parameter of this model: "
            "make it from model.parameters()"
        )
    for name, group in found.items():
        rate = group["lr"]
        if not isinstance(rate, Tensor) and not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"the learning rate of {name} must be a finite number of at least 0, got {rate}")
        if group.get("maximize"):
            raise ValueError("the optimiser given as lr has maximize=True, and the virtual step goes down the loss")


def _identity(state: dict, group: dict) -> float:
    """SGD, with momentum or without: what momentum adds comes from earlier batches, and moves no derivative."""
    return 1.0


@torch.no_grad()
def _adam(state: dict, group: dict) -> float | Tensor:
    """``P`` above; 1 (plain SGD) at a parameter's first step, when there is no state yet."""
    if not state:
        return 1.0
    second = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
    step, beta2 = torch.as_tensor(state["step"]).to(second), float(group["betas"][1])
    correction = -torch.expm1(step * math.log(beta2)) if beta2 else 1.0  # 1 - beta2^t, without losing digits
    return 1 / ((second / correction).sqrt() + group["eps"])


#: the optimisers whose metric a virtual step can take
METRICS = {torch.optim.SGD: _identity, torch.optim.Adam: _adam, torch.optim.AdamW: _adam}
