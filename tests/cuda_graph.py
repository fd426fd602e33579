"""A CUDA graph without a GPU: what torch.cuda does to a function that is recorded, done to one on the CPU.

As on a GPU, recording changes nothing that was there before; a replay reads and writes the very memory that was
recorded, as long as it is there; and the outputs of one replay are overwritten by the next. Where a function keeps
something in Python, or puts a new tensor in an old one's place, its replays go astray here as they would there.
"""

import weakref
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from gdw.private import Recording

MUTABLE_UNSAID = ("aten::native_batch_norm",)  # it moves the running statistics
HOST_READS = ("aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::is_nonzero")


def understudy(monkeypatch):
    """Have torch.cuda's graphs and streams played by this file."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: Stream.current[-1])
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: Stream.current.__setitem__(-1, stream))
    monkeypatch.setattr(Stream, "current", [Stream()])


class Stream:
    """In place of ``torch.cuda.Stream``: code that works on another one waits for it before and after."""

    current = ()

    def __init__(self, device=None):
        self.device, self.waited_for = device, []

    def wait_stream(self, other):
        self.waited_for.append(other)

    def __enter__(self):
        assert self.waited_for[-1] is Stream.current[-1], "it does not wait for what was there"
        Stream.current[-1].waited_for.clear()
        Stream.current.append(self)

    def __exit__(self, *error):
        Stream.current.pop()


class Graph:
    """In place of ``torch.cuda.CUDAGraph``."""

    def __init__(self):
        self.operations = []

    @torch.no_grad()
    def replay(self):
        here = Stream.current[-1]
        assert here.waited_for, "nobody waited for the warm-up"
        for function, args, kwargs, outputs in self.operations:
            again = function(*tree_map(_there, args), **tree_map(_there, kwargs))
            for place, value in zip(tree_leaves(outputs), tree_leaves(again), strict=True):
                if isinstance(place, Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)


def _there(value):
    if not isinstance(value, weakref.ref):
        return value
    tensor = value()
    if tensor is None:
        raise RuntimeError("illegal memory access: a graph does not keep what was there before it")
    return tensor


@contextmanager
def record(graph, stream=None, capture_error_mode="global"):
    """In place of ``torch.cuda.graph``."""
    assert stream is not None, "the default is on the device that was the current one when torch first recorded"
    mode = _Recording(graph)
    with mode:
        yield
    with torch.no_grad():
        for tensor, value in mode.before.values():
            tensor.copy_(value)


class _Recording(Recording):
    def __init__(self, graph):
        super().__init__()
        self.graph, self.made, self.before, self.outputs = graph, {}, {}, {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function._schema.name in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {function._schema.name}")
        tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        if function._schema.is_mutable or function._schema.name in MUTABLE_UNSAID:
            for given in tensors:
                if given.untyped_storage()._cdata not in self.made:
                    self.before.setdefault(given.data_ptr(), (given.detach(), given.detach().clone()))
        outputs = function(*args, **kwargs)
        self.graph.operations.append((function, tree_map(self._weak, args), tree_map(self._weak, kwargs), outputs))
        known = {value.untyped_storage()._cdata for value in tensors}
        for output in tree_leaves(outputs):
            if isinstance(output, Tensor) and not any(output is value for value in tensors):
                self.outputs[id(output)] = output
                if output.untyped_storage()._cdata not in known:
                    self.made[output.untyped_storage()._cdata] = output
        return outputs

    def _weak(self, value):
        """What was there before is not the graph's."""
        return weakref.ref(value) if isinstance(value, Tensor) and id(value) not in self.outputs else value
