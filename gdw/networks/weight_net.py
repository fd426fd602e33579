"""V, the weight network: one weight for an instance from its loss."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.networks.start import started

WEIGHT_NET_WIDTH = 100
LEVEL = 0.8  # the weight that a V which starts level gives to everything


class WeightNet(nn.Module):
    """One weight for an instance from its loss: Linear(1, width), ReLU, Linear(width, 1), sigmoid.

    Args:
        width: hidden units.

    It starts as torch's own layers do; :func:`new_weight_net` gives one a start that a generator draws.

    Source: Meta-Weight-Net (Shu et al., NeurIPS 2019); GDW's first stage uses the same.
    """

    def __init__(self, width: int = WEIGHT_NET_WIDTH):
        super().__init__()
        self.linear1 = nn.Linear(1, width)
        self.linear2 = nn.Linear(width, 1)

    def forward(self, losses: Float[Tensor, "batch"]) -> Float[Tensor, "batch 1"]:
        """Weights in (0, 1) from losses."""
        weights: Tensor = self.linear2(self.linear1(losses[:, None]).relu()).sigmoid()
        return weights


class FamilyWeightNet(nn.Module):
    """As ``WeightNet``, with one output for each family of classes: Linear(width, families), sigmoid.

    Args:
        families: how many.
        width: hidden units, shared by all families.

    Source: CMW-Net (Shu et al., TPAMI 2023).
    """

    def __init__(self, families: int, width: int = WEIGHT_NET_WIDTH):
        super().__init__()
        self.linear1 = nn.Linear(1, width)
        self.linear2 = nn.Linear(width, families)

    def forward(self, losses: Float[Tensor, "batch"], family: Int[Tensor, "batch"]) -> Float[Tensor, "batch 1"]:
        """Weights in (0, 1) from losses, each by the output of its family."""
        return self.of_all_families(losses).gather(-1, family[:, None])

    def of_all_families(self, losses: Float[Tensor, "batch"]) -> Float[Tensor, "batch families"]:
        """What every family makes of each loss."""
        weights: Tensor = self.linear2(self.linear1(losses[:, None]).relu()).sigmoid()
        return weights


class FlowWeightNet(nn.Module):
    """One weight for each flow from what is known of it: Linear(3, width), ReLU, Linear(width, 1), sigmoid.

    Args:
        width: hidden units.
    """

    def __init__(self, width: int = WEIGHT_NET_WIDTH):
        super().__init__()
        self.linear1 = nn.Linear(3, width)
        self.linear2 = nn.Linear(width, 1)

    @torch.no_grad()
    def start_level(self) -> None:
        """The same weight for all flows: the last layer is zero, and its bias gives ``LEVEL``."""
        self.linear2.weight.zero_()
        self.linear2.bias.fill_(math.log(LEVEL / (1 - LEVEL)))

    def forward(self, inputs: Float[Tensor, "batch classes 3"]) -> Float[Tensor, "batch classes"]:
        """Weights in (0, 1)."""
        weights: Tensor = self.linear2(self.linear1(inputs).relu()).sigmoid()[..., 0]
        return weights


def new_weight_net(generator: torch.Generator) -> WeightNet:
    """A weight network whose start depends only on the generator; torch's global random state stays as it is."""
    return started(WeightNet, generator, torch.get_default_dtype())
