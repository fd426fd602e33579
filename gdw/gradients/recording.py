"""A function's operations recorded once and replayed on the same memory, without the Python between them.

On a GPU the recording is a CUDA graph: one launch instead of hundreds. Elsewhere it is the list of torch's operations
in their order, without autograd's bookkeeping. What the function reads and writes must lie in the same tensors at
every replay, and nothing of it may be read on the host: ``int(tensor)`` within is an error, not a wrong number.
"""

import operator
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from gdw.private import Recording, TorchDispatchMode, writes_in_place

aten = torch.ops.aten
Function = Callable[[], tuple[Tensor, ...]]
WARM_UP = {"cuda": 3}  # runs before the recording: optimisers make their state, libraries choose their kernels
ALIASES = (aten.alias.default, aten.detach.default)
IMPURE = (aten.native_batch_norm.default,)  # it moves its running statistics, and does not say so
RANDOM = torch.Tag.nondeterministic_seeded  # operations that draw random numbers
READERS = (Tensor.tolist, Tensor.numpy, Tensor.__array__)  # on the host, past torch's dispatcher
_ONE_AT_A_TIME = threading.Lock()  # a GPU records one graph at a time


class Capture:
    """Takes a function's first runs as they are, ``runs_left`` of them, and then one as a recording.

    The attributes of the function's ``owner`` are looked through for optimisers, which must be ``fused`` to be recorded
    on a GPU.
    """

    def __init__(self, device: torch.device, owner: object):
        self.device, self.runs_left = device, WARM_UP.get(device.type, 1)
        self._optimizers = [own for own in vars(owner).values() if isinstance(own, torch.optim.Optimizer)]
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def warm_up(self, function: Function) -> tuple[Tensor, ...]:
        """Run it. On a GPU it runs on a separate stream; torch's documentation requires this before a recording."""
        self.runs_left -= 1
        with self._aside():
            return function()

    def take(self, function: Function) -> "Operations | CudaGraph":
        """Record it; ``RuntimeError`` where it does something that cannot be repeated without Python."""
        here = torch.cuda.current_stream(self.device) if self._stream else None
        failed: list[Exception] = []  # in the function; ending the recording may fail after it, and says less

        def watched() -> tuple[Tensor, ...]:
            try:
                return function()
            except Exception as error:
                failed.append(error)
                raise

        with _ONE_AT_A_TIME, self._consent():
            try:
                return CudaGraph(watched, self.device) if self._stream else Operations(watched)
            except (RuntimeError, TypeError, AssertionError) as error:
                if here is not None:  # a recording that fails leaves its own stream behind in some versions of torch
                    torch.cuda.set_stream(here)
                reason = str(failed[0] if failed else error).partition("\n")[0]
                raise RuntimeError(f"this step cannot be recorded ({reason}): give capture=False") from error

    @contextmanager
    def _aside(self) -> Iterator[None]:
        if self._stream is None:
            yield
            return
        here = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(here)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            here.wait_stream(self._stream)

    @contextmanager
    def _consent(self) -> Iterator[None]:
        """Within: Adam consents to being recorded on a GPU. Not for good: a saved one would not go on on a CPU."""
        groups = [group for own in self._optimizers for group in own.param_groups if "capturable" in group]
        before = [group["capturable"] for group in groups]
        for group in groups:
            group["capturable"] = self.device.type == "cuda"
        try:
            yield
        finally:
            for group, capturable in zip(groups, before, strict=True):
                group["capturable"] = capturable


class CudaGraph:
    """For a GPU. ``outputs`` are of the first replay: recording itself runs nothing."""

    def __init__(self, function: Function, device: torch.device):
        self._function = function  # and with it all that the kernels read and write: a graph holds addresses
        self._graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):  # loaders pin memory
            self._static = function()
        self.outputs = self.replay()

    def replay(self) -> tuple[Tensor, ...]:
        """Run them again; the outputs are copies, since the next replay writes where this one did."""
        self._graph.replay()
        return tuple(output.clone() for output in self._static)


class Operations:
    """For the CPU: torch's operations as they run below autograd, forward, backward and along tangents.

    ``outputs`` are of the function's one run, which the recording is; ``module`` is the operations as a graph, whose
    attributes are the tensors that were there before.
    """

    def __init__(self, function: Function):
        with _Recording() as recording, _NoReading():
            self.outputs = function()
        self.module = recording.module(self.outputs)

    def __len__(self) -> int:
        return sum(node.op == "call_function" for node in self.module.graph.nodes)

    @torch.no_grad()
    def replay(self) -> tuple[Tensor, ...]:
        """Run them again; new outputs each time."""
        outputs: tuple[Tensor, ...] = self.module()
        return outputs


class _Recording(Recording):
    """Writes every operation down as a node of a graph; tensors from before it become the graph's own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.graph = torch.fx.Graph()
        self.tensors: dict[str, Tensor] = {}
        self.nodes = WeakTensorKeyDictionary()
        self.made: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()  # memory that was not there before

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.data_dependent_output in function.tags:
            raise RuntimeError(f"{function} reads a number on the host")
        outputs = function(*args, **(kwargs or {}))
        if function.namespace != "profiler":
            given = map_aggregate((args, kwargs or {}), self._node)
            new = not function.is_view and not writes_in_place(function)
            self._name(self.graph.call_function(function, *given), outputs, new)
        return outputs

    def module(self, outputs: tuple[Tensor, ...]) -> torch.fx.GraphModule:
        """All of it as a function without arguments, and without what nobody asks for."""
        self.graph.output(tuple(map(self._node, outputs)))
        for node in reversed(self.graph.nodes):
            if node.target in ALIASES and not any(map(_reshapes_in_place, node.users)):
                node.replace_all_uses_with(node.args[0])
        self.graph.eliminate_dead_code(lambda node: node.target in IMPURE or node.is_impure())
        return torch.fx.GraphModule(self.tensors, self.graph)

    def _node(self, tensor: Any) -> Any:
        """A tensor's node; anything else as it is."""
        if not isinstance(tensor, Tensor):
            return tensor
        if tensor not in self.nodes:
            if tensor.untyped_storage() in self.made:
                raise RuntimeError("a tensor came from an operation that cannot be seen")
            name = f"tensor{len(self.tensors)}"
            self.tensors[name], self.nodes[tensor] = tensor, self.graph.get_attr(name)
        return self.nodes[tensor]

    def _name(self, node: torch.fx.Node, outputs: object, new: bool) -> None:
        if isinstance(outputs, Tensor):
            self.nodes[outputs] = node
            if new:
                self.made.add(outputs.untyped_storage())
        elif isinstance(outputs, (tuple, list)):
            for place, output in enumerate(outputs):
                self._name(self.graph.call_function(operator.getitem, (node, place)), output, new)


class NoDrawing(TorchDispatchMode):
    """Within: only an explicit generator may draw random numbers (the batches do); a replay would draw others.

    Raises:
        ValueError: another operation draws.
    """

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if RANDOM in function.tags and (kwargs or {}).get("generator") is None:
            raise ValueError("the model or the method draws random numbers (dropout): give capture=False")
        return function(*args, **(kwargs or {}))


class _NoReading(TorchFunctionMode):
    """Within: no tensor becomes a list or an array."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in READERS:
            raise RuntimeError(f"Tensor.{function.__name__} reads numbers on the host")
        return function(*args, **(kwargs or {}))


def _reshapes_in_place(node: torch.fx.Node) -> bool:
    return torch.Tag.inplace_view in getattr(node.target, "tags", ())
