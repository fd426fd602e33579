"""ELR: what the model predicted for an instance early in training holds it back from its wrong label later."""

from typing import Any, ClassVar

import torch

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.keeping import KeepsInstances
from gdw.methods.preparing import NeedsClasses

SMALLEST_ROOM = 1e-4  # 1 - <t, p> is divided by: at least this, about as in the published code, which clamps p


@register
class ELR(NeedsClasses, KeepsInstances):
    """``loss = cross-entropy + strength * log(1 - <t_i, p_i>)``, with a target t_i for each training instance.

    ``t_i`` is the running mean of the instance's predicted probabilities, ``t <- momentum t + (1 - momentum) p``, at
    each visit before the gradient, from 0. With ``s = <t_i, p_i>``:

        gradient = (probs - onehot(labels) + strength * p_c (s - t_c) / (1 - s)) / B.

    A class with ``t_c > s`` is pulled up: towards what was predicted so far. For a wrong label that cancels the flow of
    cross-entropy.

    ELR+ (two networks, mixup, weight averages) is left out. Departures from the published code: it clamps p to
    [0.0001, 0.9999] and divides it by its sum, here ``1 - s`` is at least 0.0001.

    Args:
        strength: lambda; 3 on CIFAR-10 and 7 on CIFAR-100 in the paper.
        momentum: beta of the running mean, in [0, 1]; 0.7 on CIFAR-10 and 0.9 on CIFAR-100 in the paper.

    Raises:
        ValueError: ``num_classes`` or ``num_instances`` was not given; the Step's indices are missing or wrong.

    Source: Liu et al., Early-Learning Regularization Prevents Memorization of Noisy Labels, NeurIPS 2020, equations 6
    and 9, lemma 2.
    """

    name, title = "elr", "ELR"
    supports_many_seeds = all_steps_identical = True
    source = "Liu et al., Early-Learning Regularization Prevents Memorization of Noisy Labels, NeurIPS 2020"
    rules: ClassVar = {"strength": Number(0), "momentum": Number(0, 1)}
    kept = ("targets",)

    def __init__(self, *args: Any, strength: float = 3.0, momentum: float = 0.7, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strength, self.momentum = strength, momentum
        self.register_buffer("targets", torch.zeros(self.num_instances, self.num_classes))

    def logit_gradient(self, step: Step) -> Matrix:
        targets = self.momentum * self.of_batch("targets", step) + (1 - self.momentum) * step.probs
        self.write("targets", step, targets)
        agreement = (targets * step.probs).sum(dim=-1, keepdim=True)
        room = (1 - agreement).clamp_min(SMALLEST_ROOM)
        held_back = step.probs * (agreement - targets) / room
        return (step.flows + self.strength * held_back) / len(step)
