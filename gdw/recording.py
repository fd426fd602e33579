"""A function's operations recorded once and replayed on the same memory, without the Python between them.

On a GPU the recording is a CUDA graph: one launch in place of hundreds. Elsewhere it is the list of torch's operations
in their order, without autograd's bookkeeping. What the function reads and writes must lie in the same tensors at
every replay, and nothing of it may be read on the host: ``int(tensor)`` within is an error, not a wrong number.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

Function = Callable[[], tuple[Tensor, ...]]
ALIASES = (torch.ops.aten.alias.default, torch.ops.aten.detach.default)


class Operations:
    """For the CPU: the operations as torch's tracer sees them below autograd, forward, backward and along tangents.

    Attributes:
        outputs: of the function's one run, which the recording is.
    """

    def __init__(self, function: Function):
        self.outputs: tuple[Tensor, ...] = ()

        def run() -> tuple[Tensor, ...]:
            self.outputs = function()
            return self.outputs

        self._module = _without_bookkeeping(make_fx(run)())

    def __len__(self) -> int:
        return sum(node.op == "call_function" for node in self._module.graph.nodes)

    @torch.no_grad()
    def replay(self) -> tuple[Tensor, ...]:
        """Run them again; new outputs each time."""
        return self._module()


class CudaGraph:
    """For a GPU. Run the function on a side stream a few times before, or its libraries allocate while it records.

    Attributes:
        outputs: of the first replay: recording itself runs nothing.
    """

    def __init__(self, function: Function):
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):  # a loader's thread may pin memory
            self._static = function()
        self.outputs = self.replay()

    def replay(self) -> tuple[Tensor, ...]:
        """Run them again; the outputs are copies, since the next replay writes where this one did."""
        self._graph.replay()
        return tuple(output.clone() for output in self._static)


def record(function: Function, device: torch.device) -> Operations | CudaGraph:
    """Record a function whose tensors lie on this device."""
    return CudaGraph(function) if device.type == "cuda" else Operations(function)


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """On a GPU a stream of its own, where torch's documentation asks for the runs before a recording."""
    if device.type != "cuda":
        yield
        return
    stream, here = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(here)
    with torch.cuda.stream(stream):
        yield
    here.wait_stream(stream)


@contextmanager
def consent(owner: object) -> Iterator[None]:
    """Within: the optimisers that it keeps (as attributes) may be recorded on a GPU, for which Adam wants to be asked.

    Afterwards they are as before: one that was saved with its consent would not go on on a CPU.
    """
    optimizers = [own for own in vars(owner).values() if isinstance(own, torch.optim.Optimizer)]
    groups = [group for own in optimizers for group in own.param_groups if "capturable" in group]
    before = [group["capturable"] for group in groups]
    for group in groups:
        group["capturable"] = group["params"][0].is_cuda
    try:
        yield
    finally:
        for group, capturable in zip(groups, before, strict=True):
            group["capturable"] = capturable


def _without_bookkeeping(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Without the profiler's marks, other names for the same tensor, and what nobody asks for."""
    for node in reversed(module.graph.nodes):
        if node.target in ALIASES:
            node.replace_all_uses_with(node.args[0])
        if node.target in ALIASES or str(node.target).startswith("profiler."):
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module
