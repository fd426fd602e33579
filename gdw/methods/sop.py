"""SOP: each instance has its own parameters. They explain a wrong label, and the network need not learn it."""

from typing import Any, ClassVar

import torch
from torch import nn

from gdw.errors import Number
from gdw.gradients.flows import one_hot
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.keeping import KeepsInstances
from gdw.methods.preparing import NeedsClasses

START = 1e-8  # standard deviation of u and v at the start, as published: so small that only lasting errors grow them
SMALLEST = 1e-4  # of an explained probability, as published


@register
class SOP(NeedsClasses, KeepsInstances):
    """Cross-entropy of ``p_i + s_i``, with ``s_i = u_i^2 onehot(y_i) - v_i^2 (1 - onehot(y_i))`` for each instance.

    ``loss = -log(e_y / sum_c e_c)`` with ``e = max(p + s, 0.0001)``. Model and ``u`` follow this loss; ``v`` follows
    ``|onehot(predicted) + s - onehot(y)|^2``. Both are means over the batch, and each takes a plain gradient step.
    Since ``u`` and ``v`` start near 0 and enter as squares, they grow only where the error is large and stays: at
    wrong labels. With ``a_c = [e_c > 0.0001] (1 / sum e - [c = y] / e_c)``:

        gradient = p_c (a_c - sum_k p_k a_k) / B.

    SOP+ (consistency and class balance) is left out. The published code clamps once more after dividing by the sum,
    and multiplies the second loss by a ratio; here both losses are as in the paper.

    Args:
        u_lr: learning rate of ``u``; 10 on CIFAR-10 and 1 on CIFAR-100 in the paper.
        v_lr: learning rate of ``v``; 10 for uniform and 100 for flipped labels in the paper.

    Raises:
        ValueError: ``num_classes`` or ``num_instances`` was not given; the Step's indices are missing or wrong.

    Source: Liu et al., Robust Training under Label Noise by Over-parameterization, ICML 2022, section 2.
    """

    name, title = "sop", "SOP"
    supports_many_seeds = all_steps_identical = True
    source = "Liu et al., Robust Training under Label Noise by Over-parameterization, ICML 2022"
    rules: ClassVar = {"u_lr": Number(0), "v_lr": Number(0)}
    kept = ("u", "v")

    def __init__(self, *args: Any, u_lr: float = 10.0, v_lr: float = 10.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.u_lr, self.v_lr = u_lr, v_lr
        self.u = nn.Parameter(START * torch.randn(self.num_instances, generator=self.generator))
        self.v = nn.Parameter(START * torch.randn(self.num_instances, self.num_classes, generator=self.generator))

    def logit_gradient(self, step: Step) -> Matrix:
        observed = one_hot(step.labels, step.num_classes).to(step.flows.dtype)
        u, v = self.of_batch("u", step)[..., None], self.of_batch("v", step)
        noise = u.square().clamp_max(1) * observed - v.square().clamp_max(1) * (1 - observed)
        explained = step.probs + noise
        kept = explained.clamp_min(SMALLEST)
        slope = (explained > SMALLEST) * (1 / kept.sum(dim=-1, keepdim=True) - observed / kept)  # a: d loss / d (p + s)
        self._learn(step, u, v, noise, slope, observed)
        return step.probs * (slope - (step.probs * slope).sum(dim=-1, keepdim=True)) / len(step)

    def _learn(self, step: Step, u: Column, v: Matrix, noise: Matrix, slope: Matrix, observed: Matrix) -> None:
        """One gradient step of the batch's ``u`` and ``v``; beyond 1 in size the clamp lets nothing through."""
        predicted = one_hot(step.logits.detach().argmax(dim=-1), step.num_classes).to(observed.dtype)
        u_gradient = 2 * u * (slope * observed).sum(dim=-1, keepdim=True) * (u.square() <= 1)
        v_gradient = -4 * v * (predicted + noise - observed) * (1 - observed) * (v.square() <= 1)
        self.move("u", step, (-self.u_lr * u_gradient / len(step))[..., 0])
        self.move("v", step, -self.v_lr * v_gradient / len(step))
