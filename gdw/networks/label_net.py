"""The label correction network: soft targets from the model's answer and the observed label."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN = 128  # units of each hidden layer, as published


class LabelNet(nn.Module):
    """Linear(2 C, 128), tanh, Linear(128, 128), tanh, Linear(128, C + 1).

    Its first C outputs give a distribution by softmax, the last one by sigmoid the share ``a`` that stays with the
    observed label: ``targets = a onehot(labels) + (1 - a) softmax(outputs)``.

    Args:
        num_classes: C.

    Source: Meta Label Correction (Zheng, Awadallah and Dumais, AAAI 2021), with the published code's option of a skip
    connection. There the network sees the last hidden layer's features and an embedding of the label; here it sees
    the probabilities and the label's one-hot vector, which any classifier has.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.linear1 = nn.Linear(2 * num_classes, HIDDEN)
        self.linear2 = nn.Linear(HIDDEN, HIDDEN)
        self.linear3 = nn.Linear(HIDDEN, num_classes + 1)

    def forward(
        self, probs: Float[Tensor, "batch classes"], observed: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, "batch classes"]:
        """Targets, each row a distribution, from the model's probabilities and the observed labels' one-hot vectors."""
        outputs = self.linear3(self.linear2(self.linear1(torch.cat([probs, observed], dim=-1)).tanh()).tanh())
        share = outputs[..., -1:].sigmoid()
        targets: Tensor = share * observed + (1 - share) * outputs[..., :-1].softmax(dim=-1)
        return targets
