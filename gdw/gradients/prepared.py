"""What the steps of a training loop share: asked once, so that a step only runs."""

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor, nn
from torch.optim import Optimizer

from gdw.data.dataset import check_labels
from gdw.gradients.rates import VirtualStep, check_model, check_rate
from gdw.private import is_compiled


class Prepared:
    """A model and what its virtual step follows, for many Steps: ``Step(model, images, labels, lr=prepared)``.

    Args:
        model, lr, virtual: as for ``Step``.
        labels: all labels that batches and clean batches may hold, int64. They are checked at the first step, and
            batches are not any more. Empty: each step's own labels are checked.

    Attributes:
        is_compiled: whether the model is.
        takes_tape: whether a tape (reuse.py) makes its steps faster; None until a step has asked.
        was_asked: whether a step was asked for its meta gradient; None before the first step has begun.
        is_checked: whether a step need not check its inputs again.

    Raises:
        TypeError: as ``Step`` does for the model and ``lr``.
        ValueError: as ``Step`` does for ``lr``.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float | Tensor | Optimizer | None,
        virtual: str = "sgd",
        labels: Sequence[Tensor] = (),
    ):
        if isinstance(lr, Optimizer):
            lr = getattr(lr, "optimizer", lr)  # Lightning's and Accelerate's hold torch's inside
        check_model(model)
        check_rate(lr, virtual)
        self.model, self.lr, self.virtual, self.labels = model, lr, virtual, labels
        self.is_compiled = is_compiled(model)
        self.takes_tape: bool | None = None
        self.was_asked: bool | None = None
        self.is_checked = False

    @cached_property
    def virtual_step(self) -> VirtualStep:
        """What it moves, and how far.

        Raises:
            ValueError: there is no learning rate; as ``VirtualStep`` does.
        """
        if self.lr is None:
            raise ValueError("the virtual step needs a learning rate: give the Step lr=... (a number or an optimiser)")
        return VirtualStep(self.model, self.lr, self.virtual)

    def check_all_labels(self, classes: int, *, reads: bool) -> None:
        """Check the labels of all steps to come, if they are known, for a model of this number of classes.

        Args:
            reads: whether the labels' numbers are read on the host.

        Raises:
            ValueError: one is no class.
        """
        for labels in self.labels if reads else ():
            check_labels(labels, classes, "labels")
        self.is_checked = bool(self.labels)
