"""The tangent pass without what the first forward pass has computed already: exact, and three passes become two.

A convolution is linear in its input and in its weights, ``y = f(x, W)``, so along ``(x', W')`` its output moves by
``y' = f(x', W) + f(x, W')``. Forward mode evaluates ``f`` a third time, for ``y`` itself; here ``y`` comes from a tape
of the first pass. Batch normalisation has a symmetric Jacobian with respect to its input, so its backward kernel is
its forward derivative too; a ReLU lets through what is above 0. Every other operation, and any other use of these,
goes through torch's own forward mode.

The readable path (meta.py, no tape) is the oracle: tests/gradients/test_reuse.py.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gdw.gradients.agreement import OtherLayers, check_same
from gdw.gradients.meta import logit_tangent
from gdw.gradients.outputs import Inputs
from gdw.gradients.rates import Named
from gdw.networks.autocast import Autocast
from gdw.networks.stacked import Stacked
from gdw.private import tree_leaves, version_of

aten = torch.ops.aten
Operation: TypeAlias = Callable[..., Tensor]
Arguments: TypeAlias = tuple[Any, ...]
Keywords: TypeAlias = dict[str, Any]
CONVOLUTIONS = {nn.Conv1d, nn.Conv2d, nn.Conv3d}
LEAST_NUMBERS = 5_000  # in a batch of images: below, a tape costs as much time as it saves (measured on a CPU)


def pays(model: nn.Module, images: Inputs) -> bool:
    """Whether a tape makes a step faster: convolutions take most of its time.

    Products of linear layers are about as fast along a tangent without one. Passes in a lower precision leave nothing
    on it that the tangent pass could use. Of several seeds at once a chain has a tape; none holds tensors of vmap's.
    """
    if isinstance(model, Stacked):
        return model.is_chain
    kinds = set(map(type, model.modules()))
    if kinds.isdisjoint(CONVOLUTIONS) or Autocast in kinds:
        return False
    parts = tree_leaves(dict(images) if isinstance(images, Mapping) else images)
    tensors = [part for part in parts if isinstance(part, Tensor)]
    lowered = any(torch.is_autocast_enabled(part.device.type) for part in tensors)
    return sum(part.numel() for part in tensors) >= LEAST_NUMBERS and not lowered


@dataclass(frozen=True)
class Taped:
    """One operation of the first pass, and what it gave.

    Attributes:
        version: how often the output had been written to.
        probe: a few numbers of its input; None: not to be compared.
    """

    function: Operation
    output: Tensor
    version: int
    probe: Tensor | None


class Tape:
    """Outputs of one forward pass, in their order, and the pass along a tangent that uses them again.

    An output that was overwritten since (a ReLU in place), or that has another precision now, is computed again.

    Args:
        compares: whether the inputs of both passes are compared, by one number of each image.
    """

    def __init__(self, *, compares: bool) -> None:
        self.compares = compares
        self._taped: list[Taped] = []

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Within: every operation that has a rule here leaves its output on the tape."""
        self._taped.clear()
        with _Taping(self._taped, self.compares):
            yield

    def tangent(self, model: nn.Module, images: Inputs, direction: Named) -> tuple[Tensor, Tensor]:
        """As ``gdw.gradients.meta.logit_tangent``: the same operations in their order, each with its taped output."""
        taped = iter(self._taped)
        with _Replaying(taped):
            found = logit_tangent(model, images, direction)
        if next(taped, None) is not None:
            raise OtherLayers("it calls fewer layers")
        return found


class _Taping(TorchFunctionMode):
    def __init__(self, taped: list[Taped], compares: bool):
        super().__init__()
        self.taped, self.compares = taped, compares

    def __torch_function__(
        self, function: Any, types: Any, args: Arguments = (), kwargs: Keywords | None = None
    ) -> Any:
        if function not in RULES:
            return function(*args, **(kwargs or {}))
        seen = probe(_input(args, kwargs)) if self.compares else None
        output = function(*args, **(kwargs or {}))
        self.taped.append(Taped(function, output.detach(), version_of(output), seen))
        return output


class _Replaying(TorchFunctionMode):
    def __init__(self, taped: Iterator[Taped]):
        super().__init__()
        self.taped = taped

    def __torch_function__(
        self, function: Any, types: Any, args: Arguments = (), kwargs: Keywords | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function not in RULES:
            return function(*args, **kwargs)
        first, x = next(self.taped, None), _input(args, kwargs)
        if first is None or first.function is not function:
            raise OtherLayers("it calls other layers")
        if first.probe is not None:
            again = probe(forward_ad.unpack_dual(x).primal)
            if again.shape != first.probe.shape:
                raise OtherLayers("it calls other layers")
            check_same(first.probe, again, what="the inputs of its layers")
        whole = version_of(first.output) == first.version and first.output.dtype == x.dtype
        tangent = RULES[function](function, *args, **kwargs) if whole else None
        if tangent is None:
            return function(*args, **kwargs)
        if tangent.shape != first.output.shape:
            raise OtherLayers("it calls other layers")
        return forward_ad.make_dual(first.output, tangent)


def _input(args: Arguments, kwargs: Keywords | None) -> Tensor:
    found: Tensor = args[0] if args else (kwargs or {})["input"]
    return found


def probe(x: Tensor) -> Tensor:
    """One number of each image, from the middle of its axes; a copy."""
    for size in x.shape[1:]:
        x = x.select(1, size // 2)
    return x.detach().clone()


# A rule takes the operation and its arguments, some of them dual tensors, and returns the tangent of the output. It
# returns None to leave the operation to torch: a kind of use that the rule does not cover, or nothing that moves.


def _linear(
    function: Operation, input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **named: Any
) -> Tensor | None:
    """A convolution or a linear layer: ``f(x', W) + f(x, W') + b'``."""
    (x, dx), (w, dw) = forward_ad.unpack_dual(input), forward_ad.unpack_dual(weight)
    db = None if bias is None else forward_ad.unpack_dual(bias).tangent
    if dw is None:
        return None if dx is None or db is not None else function(dx, w, None, *rest, **named)
    moved = function(x, dw, db, *rest, **named)
    return moved if dx is None else moved.add_(function(dx, w, None, *rest, **named))


def _baddbmm(function: Operation, input: Tensor, batch1: Tensor, batch2: Tensor, **scales: float) -> Tensor | None:
    """``a + X Y``, unscaled, the linear layers of stacked.py: ``a' + X' Y + X Y'``."""
    (x, dx), (y, dy) = forward_ad.unpack_dual(batch1), forward_ad.unpack_dual(batch2)
    da = forward_ad.unpack_dual(input).tangent
    if da is None or dx is None or scales:
        return None
    moved = torch.baddbmm(da, dx, y)
    return moved if dy is None else moved.baddbmm_(x, dy)


def _batch_norm(
    function: Operation, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False, momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:  # fmt: skip
    """Training mode, scale and shift both moving: how ``x'`` moves it, plus ``scale' * x_hat + shift'``."""
    if not training or weight is None or bias is None:
        return None
    (x, dx), (w, dw) = forward_ad.unpack_dual(input), forward_ad.unpack_dual(weight)
    db = forward_ad.unpack_dual(bias).tangent
    if dx is None or dw is None or db is None:
        return None
    along = by_sums if x.is_cpu and x.dtype == w.dtype else by_kernels
    return along(x, dx, w, dw, db, eps)


def by_kernels(x: Tensor, dx: Tensor, w: Tensor, dw: Tensor, db: Tensor, eps: float) -> Tensor:
    """Two of torch's kernels: the forward one with ``scale', shift'``, and the backward one, which moves ``x'``."""
    moved, mean, inverse_sd = torch.native_batch_norm(x, dw, db, None, None, True, 0.0, eps)
    through, _, _ = aten.native_batch_norm_backward(
        dx, x, w, None, None, mean, inverse_sd, True, eps, [True, False, False]
    )
    tangent: Tensor = moved.add_(through)
    return tangent


def by_sums(x: Tensor, dx: Tensor, w: Tensor, dw: Tensor, db: Tensor, eps: float) -> Tensor:
    """The same as ``gain x' + slope x + offset`` in each channel: three passes over the numbers fewer, more launches.

    The backward kernel gives only the sums of ``x_hat x'`` and of ``x'``.
    """
    mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
    inverse_sd, shape = (variance + eps).rsqrt(), (-1, *[1] * (x.dim() - 2))
    _, along_scale, along_shift = aten.native_batch_norm_backward(
        dx, x, w, None, None, mean, inverse_sd, True, eps, [False, True, True]
    )
    gain = w * inverse_sd
    each = gain * (len(w) / x.numel())
    slope = (dw - each * along_scale) * inverse_sd
    offset = db - each * along_shift - slope * mean
    return torch.addcmul(offset.view(shape), x, slope.view(shape)).addcmul_(dx, gain.view(shape))


def _relu(function: Operation, input: Tensor, inplace: bool = False) -> Tensor | None:
    """``x'`` where ``x`` is positive. Not in place: that would overwrite its input's record."""
    x, dx = forward_ad.unpack_dual(input)
    tangent: Tensor | None = None if inplace or dx is None else aten.threshold_backward(dx, x, 0)
    return tangent


RULES: dict[Operation, Callable[..., Tensor | None]] = {
    torch.conv1d: _linear,
    torch.conv2d: _linear,
    torch.conv3d: _linear,
    functional.linear: _linear,
    torch.baddbmm: _baddbmm,
    functional.batch_norm: _batch_norm,
    functional.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
}
