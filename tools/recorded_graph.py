"""A recording (gdw/gradients/recording.py) as plain lists: what the page that trains without Python reads."""

import math
import operator
from collections.abc import Iterable

import torch
from torch import Tensor

from gdw.gradients.recording import Operations


class Graph(torch.fx.Interpreter):
    """Writes a recording down: each operation with its arguments and its outputs' shape."""

    def __init__(self, operations: Operations, named: dict[str, Tensor]):
        super().__init__(operations.module)
        self.places, self.nodes = {}, []
        self.named = {tensor.data_ptr(): name for name, tensor in named.items()}

    def run_node(self, node: torch.fx.Node) -> object:
        value = super().run_node(node)
        if node.op == "get_attr":
            self._add(node, ["tensor", self._tensor(value), list(value.shape)])
        elif node.op == "call_function":
            name = "getitem" if node.target is operator.getitem else str(node.target).removeprefix("aten.")
            shape = list(value.shape) if isinstance(value, Tensor) else None
            self._add(node, [name, [*map(self._plain, node.args)], shape, *filter(None, [self._plain(node.kwargs)])])
        else:
            self.outputs = self._plain(node.args[0])
        return value

    def _add(self, node: torch.fx.Node, written: list) -> None:
        self.places[node] = len(self.nodes)
        self.nodes.append(written)

    def _tensor(self, tensor: Tensor) -> str:
        name = self.named.get(tensor.data_ptr())
        if name is None or not tensor.is_contiguous():
            raise ValueError(f"the page cannot give this step its tensor {name or tuple(tensor.shape)}")
        return name

    def _plain(self, value: object) -> object:
        if isinstance(value, torch.fx.Node):
            return {"node": self.places[value]}
        if isinstance(value, (list, tuple)):
            return [*map(self._plain, value)]
        if isinstance(value, dict):
            return {name: self._plain(each) for name, each in value.items()}
        is_number = isinstance(value, (bool, int, float)) and math.isfinite(value)
        return value if is_number or value is None else str(value)


def graph(operations: Operations, names: Iterable[str], named: dict[str, Tensor]) -> dict:
    """Nodes ``[operation, arguments, shape, keywords]``, and at which node each output is."""
    written = Graph(operations, named)
    written.run()
    outputs = {name: node["node"] for name, node in zip(names, written.outputs, strict=True)}
    return {"nodes": written.nodes, "outputs": outputs}
