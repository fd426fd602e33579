"""A CUDA graph without a GPU: what torch.cuda.graph does to a function, done to one on the CPU.

As on a GPU, recording changes nothing that was there before, a replay reads and writes the very memory that was
recorded, and the outputs of one replay are overwritten by the next. Where a function keeps something in Python, or puts
a new tensor in an old one's place, its replays go astray here as they would there.
"""

from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MUTABLE_UNSAID = ("aten::native_batch_norm",)  # it moves the running statistics
HOST_READS = ("aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::is_nonzero")


class Graph:
    """In place of ``torch.cuda.CUDAGraph``."""

    def __init__(self):
        self.operations = []

    @torch.no_grad()
    def replay(self):
        for function, args, kwargs, outputs in self.operations:
            again = function(*args, **kwargs)
            for place, value in zip(tree_leaves(outputs), tree_leaves(again), strict=True):
                if isinstance(place, Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)


@contextmanager
def record(graph, capture_error_mode="global"):
    """In place of ``torch.cuda.graph``."""
    mode = _Recording(graph)
    with mode:
        yield
    with torch.no_grad():
        for tensor, value in mode.before.values():
            tensor.copy_(value)


class _Recording(TorchDispatchMode):
    def __init__(self, graph):
        super().__init__()
        self.graph, self.made, self.before = graph, {}, {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function._schema.name in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {function._schema.name}")
        if function._schema.is_mutable or function._schema.name in MUTABLE_UNSAID:
            for given in tree_leaves((args, kwargs)):
                if isinstance(given, Tensor) and given.untyped_storage()._cdata not in self.made:
                    self.before.setdefault(given.data_ptr(), (given.detach(), given.detach().clone()))
        outputs = function(*args, **kwargs)
        given = {value.untyped_storage()._cdata for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)}
        for output in tree_leaves(outputs):
            if isinstance(output, Tensor) and output.untyped_storage()._cdata not in given:
                self.made[output.untyped_storage()._cdata] = output
        self.graph.operations.append((function, args, kwargs, outputs))
        return outputs
