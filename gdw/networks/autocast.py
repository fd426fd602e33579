"""Passes in bfloat16 where that is safe, everything else in float32: parameters, logits, weights, the tangent pass."""

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad


class Autocast(nn.Module):
    """A classifier whose passes run under torch's autocast; its parameters and the logits it gives stay float32.

    Only the network is lowered: what a method makes of the logits keeps its digits, and so does the network itself
    along a tangent, whose inner products are differences of nearly equal numbers.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[batch, classes]`` in the parameters' own precision."""
        along_a_tangent = any(forward_ad.unpack_dual(p).tangent is not None for p in self.model.parameters())
        with torch.autocast(images.device.type, torch.bfloat16, enabled=not along_a_tangent):
            logits: Tensor = self.model(images).to(images.dtype)
            return logits
