"""V, the weight network: one weight for an instance from its loss."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.networks.start import started

WEIGHT_NET_WIDTH = 100
LEVEL = 0.8  # the weight that a V which starts level gives to everything


class _TwoLayers(nn.Module):
    """Linear(inputs, 100), ReLU, Linear(100, outputs), sigmoid. It starts as torch's own layers do."""

    def __init__(self, inputs: int = 1, outputs: int = 1):
        super().__init__()
        self.linear1 = nn.Linear(inputs, WEIGHT_NET_WIDTH)
        self.linear2 = nn.Linear(WEIGHT_NET_WIDTH, outputs)

    def weights(self, inputs: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        own = self.linear1.weight
        if (inputs.dtype, inputs.device) != (own.dtype, own.device):
            raise TypeError(
                f"the method's network is {own.dtype} on {own.device}, and the step's losses are {inputs.dtype} on "
                f"{inputs.device}: write method.to({str(inputs.device)!r}, {inputs.dtype})"
            )
        weights: Tensor = self.linear2(self.linear1(inputs).relu()).sigmoid()
        return weights


class WeightNet(_TwoLayers):
    """One weight for an instance from its loss. :func:`new_weight_net` gives one a start that a generator draws.

    Source: Meta-Weight-Net (Shu et al., NeurIPS 2019); GDW's first stage uses the same.
    """

    def forward(self, losses: Float[Tensor, "batch"]) -> Float[Tensor, "batch 1"]:
        """Weights in (0, 1) from losses."""
        return self.weights(losses[:, None])


class FamilyWeightNet(_TwoLayers):
    """As ``WeightNet``, with one output for each family of classes; all share the hidden units.

    Source: CMW-Net (Shu et al., TPAMI 2023).
    """

    def __init__(self, families: int):
        super().__init__(1, families)

    def forward(self, losses: Float[Tensor, "batch"], family: Int[Tensor, "batch"]) -> Float[Tensor, "batch 1"]:
        """Weights in (0, 1) from losses, each by the output of its family."""
        return self.of_all_families(losses).gather(-1, family[:, None])

    def of_all_families(self, losses: Float[Tensor, "batch"]) -> Float[Tensor, "batch families"]:
        """What every family makes of each loss."""
        return self.weights(losses[:, None])


class FlowWeightNet(_TwoLayers):
    """One weight for each flow from three numbers that are known of it."""

    def __init__(self) -> None:
        super().__init__(3)

    @torch.no_grad()
    def start_level(self) -> None:
        """The same weight for all flows: the last layer is zero, and its bias gives ``LEVEL``."""
        self.linear2.weight.zero_()
        self.linear2.bias.fill_(math.log(LEVEL / (1 - LEVEL)))

    def forward(self, inputs: Float[Tensor, "batch classes 3"]) -> Float[Tensor, "batch classes"]:
        return self.weights(inputs)[..., 0]


def new_weight_net(generator: torch.Generator) -> WeightNet:
    """A weight network whose start depends only on the generator; torch's global random state stays as it is."""
    return started(WeightNet, generator, torch.get_default_dtype())
