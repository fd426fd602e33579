"""MLC: targets instead of weights; a network that corrects labels learns from the clean set."""

from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import NeedsClasses
from gdw.methods.settings import Number
from gdw.networks.label_net import LabelNet


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

    Source: Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021. The network's inputs
    and start are in gdw/networks/label_net.py.
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
        self.learn(targets, step.target_gradient(targets))
        return (step.probs - targets.detach()) / len(step)

    def learn(self, targets: Tensor, target_gradient: Matrix) -> None:
        """The network takes one optimiser step along the derivative of the clean loss."""
        self.optimizer.zero_grad()
        targets.backward(target_gradient)
        self.optimizer.step()
