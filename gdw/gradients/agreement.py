"""Is the second forward pass the first? Two cheap checks of what the exact meta gradient assumes.

The gradient of the virtual step comes from the training batch's first forward pass, the tangent from a second one. Two
facts tie them together: the logits are the same, and for any ``v`` and ``u`` the Jacobian J obeys

    < v, J u > = < J^T v, u >,

where the left side comes from the second pass and the right side from the first. A model that draws random numbers of
its own breaks one of them, or both. The logits are compared at every step on the CPU, which costs microseconds;
elsewhere, and for the second fact, the first steps of a model and of each change between training and evaluation mode
are checked, since the host has to wait for the device.
"""

import weakref
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

FIRST_STEPS = 10  # of a model, or after a change of mode: a layer dropped one time in ten is seen 9 times in 10
TF32_EPS = 2.0**-10  # float32 products on a GPU may be taken in TF32, which has 10 bits
_STEPS: "weakref.WeakKeyDictionary[nn.Module, tuple[bool, int]]" = weakref.WeakKeyDictionary()


class PassesDiffer(RuntimeError):
    """The model's second forward pass is another function than its first."""


class OtherLayers(RuntimeError):
    """A second forward pass does not call the operations of the first in their order."""


def passes_differ(what: str, model: nn.Module | None = None) -> PassesDiffer:
    """The exception, in one sentence."""
    name = "the model" if model is None else type(model).__name__
    return PassesDiffer(
        f"the second forward pass of {name} does not repeat its first ({what}). Likely causes: "
        "random numbers from Python's random, numpy or a torch.Generator of its own; buffers that each pass moves; an "
        "input that it writes to; a hook that changes gradients; a torch.autograd.Function whose jvp or backward is "
        "not its derivative. "
        "Draw from torch's global random numbers, and let a forward pass change nothing that the next one reads"
    )


def is_due(model: nn.Module, device: torch.device) -> bool:
    """Whether this step of the model is one of the first in its mode; counts it."""
    if device.type == "meta":
        return False  # it has no numbers to compare
    mode, count = _STEPS.get(model, (model.training, 0))
    count = count + 1 if mode == model.training else 1
    _STEPS[model] = model.training, count
    return count <= FIRST_STEPS


@torch.no_grad()
def check_same(first: Tensor, second: Tensor, model: nn.Module | None = None, what: str = "its logits") -> None:
    """Compare numbers of both passes, up to rounding in the lowest precision that they show."""
    second = second.to(first.dtype)
    if torch.equal(first, second):
        return
    gap = (second - first).norm() / first.norm().clamp_min(torch.finfo(first.dtype).tiny)
    if gap > _tolerance(first):  # False for NaN: a run that diverges is someone else's to report
        raise passes_differ(f"{what} differ by {gap:.2g} relative to their size", model)


@torch.no_grad()
def check_adjoint(
    refused: Callable[[str], Exception],
    v: Tensor,
    along: Tensor,
    back: dict[str, Tensor],
    u: dict[str, Tensor],
    logits: Tensor,
) -> None:
    """Compare ``< v, J u >`` with ``< J^T v, u >``.

    Args:
        refused: makes the exception from a phrase with both numbers.
        along, back: ``J u``, from the second pass, and ``J^T v``, from the first one.
        logits: of the first pass; they show the precision.
    """
    forward = (v * along).sum()
    backward = torch.stack([(back[name] * u[name]).sum() for name in u]).sum()
    scale = v.norm() * along.norm() + length(back) * length(u)
    smallest = torch.finfo(scale.dtype).tiny ** 0.5  # below, products lose their digits
    if (forward - backward).abs() > _tolerance(logits) * scale + smallest:
        raise refused(f"<v, J u> is {forward:.6g} and <J^T v, u> is {backward:.6g}")


def check_own_parameters(model: nn.Module, own: dict[str, Tensor]) -> None:
    """After a pass with other parameters: the model holds its own again, those that an optimiser moves."""
    now = dict(model.named_parameters())
    lost = [name for name, parameter in own.items() if now.get(name) is not parameter]
    if lost:
        raise RuntimeError(
            f"{type(model).__name__} has lost its parameter {lost[0]} in a pass with other parameters: its forward "
            "pass must not put tensors in the place of parameters"
        )


def length(values: dict[str, Tensor]) -> Float[Tensor, ""]:
    """Of all numbers together, as one vector."""
    norm: Tensor = torch.stack([value.norm() for value in values.values()]).norm()
    return norm


def _tolerance(logits: Tensor) -> float:
    """Square root of the relative rounding error: far above what rounding does, far below another network."""
    eps: float = torch.finfo(logits.dtype).eps
    for low in (torch.float16, torch.bfloat16):  # a pass under autocast leaves no more digits than that
        if torch.equal(logits, logits.to(low).to(logits.dtype)):
            eps = torch.finfo(low).eps
    if logits.device.type != "cpu" and logits.dtype is torch.float32:
        eps = max(eps, TF32_EPS)
    return float(eps**0.5)
