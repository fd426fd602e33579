"""MLC: targets instead of weights; a network that corrects labels learns from the clean set."""

from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import NeedsClasses

HIDDEN = 128  # units of each hidden layer, as published


class LabelNet(nn.Module):
    """Linear(2 C, 128), tanh, Linear(128, 128), tanh, Linear(128, C + 1).

    Its first C outputs give a distribution by softmax, the last one by sigmoid the share ``a`` that stays with the
    observed label: ``targets = a onehot(labels) + (1 - a) softmax(outputs)``.

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


@register
class MLC(NeedsClasses):
    """``gradient = (probs - q) / B`` with soft targets ``q_i = net(probs_i, label_i)``, one number per class.

    The network learns through a virtual step with its targets. That step sends ``(p - q) / B`` back through the
    logits, ``theta' = theta - lr J^T (p - q) / B``, so the clean loss at ``theta'`` has the closed-form derivative

        d L_meta / d q_ic = < d z_ic / d theta, lr * d L_meta / d theta' > / B.

    It is the inner product that the meta gradient of a weight has too: ``d L_meta / d w_ic = -flow_ic`` times it. So a
    target's derivative is ``-g_ic / flow_ic``, and one forward-mode product gives all of them
    (``Step.target_gradient``). It goes back into the network, which takes a step of its Adam. The model takes its
    real step with the targets from before that step, as in the published code.

    Left out: the optimiser's momentum and weight decay in the virtual step, the clean set as a part of the training
    batch, and the variant that looks several steps ahead (docs/quirks.md).

    Args:
        label_net_lr: Adam's learning rate for the network.

    Raises:
        ValueError: ``num_classes`` was not given.

    Source: Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021.
    """

    name, title = "mlc", "MLC"
    all_steps_identical = True
    source = "Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021"
    rules: ClassVar = {"label_net_lr": Number(0)}

    def __init__(self, *args: Any, label_net_lr: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_net = self.new_network(partial(LabelNet, self.num_classes))
        self.optimizer = torch.optim.Adam(self.label_net.parameters(), lr=label_net_lr, fused=True)

    def logit_gradient(self, step: Step) -> Matrix:
        targets: Tensor = self.label_net(step.probs, step.targets)
        target_gradient = step.target_gradient(targets)
        self.optimizer.zero_grad()
        targets.backward(target_gradient)
        self.optimizer.step()
        return (step.probs - targets.detach()) / len(step)
