"""Stacked: several models of one form as one, their parameters along a leading seed axis."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import vmap

from gdw.networks.weight_net import FlowWeightNet, WeightNet
from gdw.private import placed


class Stacked(nn.Module):
    """S models of one form as one, a copy of them: inputs ``[S, B, ...]`` to outputs ``[S, B, ...]``, model by model.

    Its parameters are the models' own, each ``[S, ...]``. An elementwise optimiser (SGD, Adam) on them takes the steps
    that S optimisers would take on the models, and a loss summed over the seed axis gives each its own gradient.

    Chains of linear and elementwise layers, and the weight network, run as batched matrix products (``is_chain``);
    every other model by ``torch.func.vmap``.
    """

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        if not can_stack(models[0]):
            raise ValueError(
                f"{type(models[0]).__name__} has buffers, dropout or tied weights, so its seeds cannot be stacked: "
                "train them one by one"
            )
        self.one = deepcopy(models[0])
        for name, parameter in self.one.named_parameters():  # the same object, since others may refer to it
            parameter.data = torch.stack([model.get_parameter(name).detach() for model in models])
        self.is_chain = all(type(layer) in CHAIN for layer in self.one.modules())

    def forward(self, inputs: Float[Tensor, "seeds batch *shape"]) -> Any:
        """What one model gives, a tensor or a dictionary of them, with a leading axis for seeds."""
        if not self.is_chain:
            return vmap(self._call_one)(dict(self.one.named_parameters()), inputs)
        return CHAIN[type(self.one)](self.one, inputs).contiguous()

    def _call_one(self, parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
        with placed(self.one, parameters):
            output: Tensor = self.one(inputs)
            return output

    @torch.no_grad()
    def copy_to(self, models: Sequence[nn.Module]) -> None:
        """Give each model its own numbers back, in place."""
        for name, stacked in self.one.named_parameters():
            for model, own in zip(models, stacked, strict=True):
                model.get_parameter(name).copy_(own)


DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def can_stack(model: nn.Module) -> bool:
    """Whether S of them can run as one: no buffer (BatchNorm has them), dropout (drawn by seed) or tied weights."""
    names, untied = (dict(model.named_parameters(remove_duplicate=apart)) for apart in (False, True))
    random = any(isinstance(module, DROPOUT) for module in model.modules())
    return not (random or any(True for _ in model.buffers())) and len(names) == len(untied)


def _sequential(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    for layer in layers:
        inputs = CHAIN[type(layer)](layer, inputs)
    return inputs


def _weight_net(net: WeightNet, losses: Tensor) -> Tensor:
    return _linear(net.linear2, _linear(net.linear1, losses[..., None]).relu()).sigmoid()


def _flow_weight_net(net: FlowWeightNet, inputs: Tensor) -> Tensor:
    """[S, B, C, 3] to [S, B, C]."""
    hidden = _linear(net.linear1, inputs.flatten(1, 2)).relu()
    output: Tensor = _linear(net.linear2, hidden).sigmoid()[..., 0].unflatten(1, inputs.shape[1:3])
    return output


def _linear(layer: nn.Linear, inputs: Tensor) -> Tensor:
    """``(W x^T)^T``: with W from the left its gradient is laid out as W is, and all that follows is half as slow."""
    if layer.bias is None:
        return torch.bmm(layer.weight, inputs.mT).mT
    return torch.baddbmm(layer.bias[..., None], layer.weight, inputs.mT).mT


ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus, nn.Identity)
#: the modules that a chain may contain, each for inputs with a leading seed axis
CHAIN: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.Sequential: _sequential,
    WeightNet: _weight_net,
    FlowWeightNet: _flow_weight_net,
    nn.Linear: _linear,
    nn.Flatten: lambda layer, inputs: layer(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]),
    **dict.fromkeys(ELEMENTWISE, lambda layer, inputs: layer(inputs)),
}
