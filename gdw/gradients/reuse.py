"""The tangent pass without what the first forward pass has computed already: exact, and three passes become two.

A convolution is linear in its input and in its weights, ``y = f(x, W)``, so along ``(x', W')`` its output moves by
``y' = f(x', W) + f(x, W')``. Forward mode evaluates ``f`` a third time, for ``y`` itself; here ``y`` comes from a tape
of the first pass. Batch normalisation has a symmetric Jacobian with respect to its input, so its backward kernel is
its forward derivative too; a ReLU lets through what is above 0. Every other operation, and any other use of these,
goes through torch's own forward mode.

The readable path (meta.py, no tape) is the oracle: tests/gradients/test_reuse.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gdw.gradients.agreement import passes_differ
from gdw.private import version_of

aten = torch.ops.aten


class Tape:
    """Outputs of one forward pass, in their order, and the pass along a tangent that uses them again.

    An output that was overwritten since (a ReLU in place), or that has another precision now, is computed again.
    """

    def __init__(self) -> None:
        self._outputs: list[tuple[Callable, Tensor, int]] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        """Within: every operation that has a rule here leaves its output on the tape."""
        self._outputs.clear()
        with _Recording(self._outputs):
            yield

    @contextmanager
    def replay(self) -> Iterator[None]:
        """Within: the same operations again, on dual tensors, each with its recorded output.

        Raises:
            PassesDiffer: the second pass does not call the operations of the first in their order.
        """
        outputs = iter(self._outputs)
        with _Replaying(outputs):
            yield
        if next(outputs, None) is not None:
            raise passes_differ("it calls fewer layers")


class _Recording(TorchFunctionMode):
    def __init__(self, outputs: list):
        super().__init__()
        self.outputs = outputs

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if function in RULES:
            self.outputs.append((function, output.detach(), version_of(output)))
        return output


class _Replaying(TorchFunctionMode):
    def __init__(self, outputs: Iterator):
        super().__init__()
        self.outputs = outputs

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function not in RULES:
            return function(*args, **kwargs)
        recorded, output, version = next(self.outputs, (None, None, None))
        if recorded is not function:
            raise passes_differ("it calls other layers")
        whole = version_of(output) == version and output.dtype == (args[0] if args else kwargs["input"]).dtype
        tangent = RULES[function](function, *args, **kwargs) if whole else None
        if tangent is None:
            return function(*args, **kwargs)
        if tangent.shape != output.shape:
            raise passes_differ("it calls other layers")
        return forward_ad.make_dual(output, tangent)


# A rule takes the operation and its arguments, some of them dual tensors, and returns the tangent of the output. It
# returns None to leave the operation to torch: a kind of use that the rule does not cover, or nothing that moves.


def _linear(function: Callable, input, weight, bias=None, *rest, **named) -> Tensor | None:
    """A convolution or a linear layer: ``f(x', W) + f(x, W') + b'``."""
    (x, dx), (w, dw) = forward_ad.unpack_dual(input), forward_ad.unpack_dual(weight)
    db = None if bias is None else forward_ad.unpack_dual(bias).tangent
    if dw is None:
        return None if dx is None or db is not None else function(dx, w, None, *rest, **named)
    moved = function(x, dw, db, *rest, **named)
    return moved if dx is None else moved.add_(function(dx, w, None, *rest, **named))


def _baddbmm(function: Callable, input, batch1, batch2, **scales) -> Tensor | None:
    """``a + X Y``, unscaled, the linear layers of stacked.py: ``a' + X' Y + X Y'``."""
    (x, dx), (y, dy) = forward_ad.unpack_dual(batch1), forward_ad.unpack_dual(batch2)
    da = forward_ad.unpack_dual(input).tangent
    if da is None or dx is None or scales:
        return None
    moved = torch.baddbmm(da, dx, y)
    return moved if dy is None else moved.baddbmm_(x, dy)


def _batch_norm(
    function, input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
) -> Tensor | None:
    """Training mode, scale and shift both moving: its backward kernel on ``x'``, plus ``scale' * x_hat + shift'``."""
    if not training or weight is None or bias is None:
        return None
    (x, dx), (w, dw) = forward_ad.unpack_dual(input), forward_ad.unpack_dual(weight)
    db = forward_ad.unpack_dual(bias).tangent
    if dx is None or dw is None or db is None:
        return None
    moved, mean, inverse_sd = torch.native_batch_norm(x, dw, db, None, None, True, 0.0, eps)
    through, _, _ = aten.native_batch_norm_backward(
        dx, x, w, None, None, mean, inverse_sd, True, eps, [True, False, False]
    )
    return moved.add_(through)


def _relu(function: Callable, input, inplace: bool = False) -> Tensor | None:
    """``x'`` where ``x`` is positive. Not in place: that would overwrite its input's record."""
    x, dx = forward_ad.unpack_dual(input)
    return None if inplace or dx is None else aten.threshold_backward(dx, x, 0)


RULES: dict[Callable, Callable] = {
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
