"""One training instance as the flow microscope shows it, with the linear maps from its weights to its pushes.

Both maps are read off ``gdw.gradients.flows`` column by column, so a figure or the browser multiplies and
needs no formula: ``pushes = push_map @ constraint @ weights``, and ``numbers = number_map @ pushes``.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gdw.gradients.flows import class_gradients, zero_mean
from gdw.gradients.step import Step
from gdw.training.run import Training

MODES = ("instance", "classes", "free")  # one weight; one for each class under the constraint; without it


@dataclass(frozen=True, eq=False)
class Instance:
    """A picture, what the network believes of it, and its two labels.

    Args:
        logits: ``[C]``, in nats.
        label: the observed label.
        true_label: the true one.
        class_names: C names.
        picture: uint8 ``[height, width]`` or ``[height, width, 3]``; None where there is none to show.
        weights: ``[C]``, where the microscope starts; None: all 1.
        name: what to call it, as in ``"training image 17"``.
    """

    logits: Tensor
    label: int
    true_label: int
    class_names: tuple[str, ...]
    picture: np.ndarray | None = None
    weights: Tensor | None = None
    name: str = ""

    def __post_init__(self) -> None:
        classes = len(self.class_names)
        for name in ("logits", "weights"):
            value = getattr(self, name)
            if value is not None and tuple(value.shape) != (classes,):
                raise ValueError(f"{name} must have one entry for each of {classes} classes, got {tuple(value.shape)}")
        for name in ("label", "true_label"):
            if not 0 <= getattr(self, name) < classes:
                raise ValueError(f"{name} must lie in 0 ... {classes - 1}, got {getattr(self, name)}")

    @classmethod
    def from_probs(cls, probs: Sequence[float], *args, **kwargs) -> "Instance":
        """The same from probabilities, as on a blackboard."""
        return cls(torch.as_tensor(probs, dtype=torch.float64).log(), *args, **kwargs)

    @property
    def mislabelled(self) -> bool:
        return self.label != self.true_label

    @cached_property
    def _batch(self) -> tuple[Tensor, Tensor]:
        return self.logits.detach().cpu().double()[None], torch.tensor([self.label])

    @cached_property
    def probs(self) -> np.ndarray:
        """What the network believes, ``[C]``."""
        return self._batch[0].softmax(-1)[0].numpy()

    @cached_property
    def start(self) -> np.ndarray:
        """The weights to start from, ``[C]``, at or above 0."""
        return np.ones(len(self.class_names)) if self.weights is None else self.weights.double().clamp_min(0).numpy()

    @cached_property
    def start_weight(self) -> float:
        """One weight for the whole instance: the mean of ``start``, each counted by the size of its push."""
        return float(np.average(self.start, weights=np.abs(np.diag(self.push_map))))

    @cached_property
    def push_map(self) -> np.ndarray:
        """``[C, C]``: from weights to pushes. A push is what descent follows, minus the weighted flow."""
        logits, labels = self._batch
        return np.diag(-class_gradients(logits.softmax(-1), labels)[0].numpy())

    @cached_property
    def constraint(self) -> np.ndarray:
        """``[C, C]``: from any weights to those whose weighted flows sum to 0."""
        logits, labels = self._batch
        classes = len(self.class_names)
        each = torch.eye(classes, dtype=torch.float64)
        return zero_mean(each, logits.expand(classes, -1), labels.expand(classes)).T.numpy()

    @cached_property
    def rival(self) -> int:
        """The most probable class that is not the true and not the observed one."""
        others = [c for c in range(len(self.class_names)) if c not in (self.label, self.true_label)]
        return max(others or [self.label], key=lambda c: self.probs[c])

    @cached_property
    def number_map(self) -> np.ndarray:
        """``[3, C]``: from pushes to their sum, true minus observed label, and true minus rival."""
        one = np.eye(len(self.class_names))
        true = one[self.true_label]
        return np.stack([one.sum(0), true - one[self.label], true - one[self.rival]])

    def effective(self, weights: np.ndarray, mode: str) -> np.ndarray:
        """The weights after the constraint, where the mode has one."""
        return np.asarray(weights) if mode == "free" else self.constraint @ weights

    def pushes(self, weights: np.ndarray, mode: str = "classes") -> np.ndarray:
        """The push on each logit, ``[C]``."""
        return self.push_map @ self.effective(weights, mode)


def cat_dog_bird(picture: np.ndarray | None = None) -> Instance:
    """The paper's example: a cat, labelled 'dog', of which the network believes 0.6 cat, 0.3 dog, 0.1 bird."""
    return Instance.from_probs((0.6, 0.3, 0.1), 1, 0, ("cat", "dog", "bird"), picture, name="the paper's example")


def instances_of(training: Training, count: int = 12) -> list[Instance]:
    """The first ``count`` mislabelled and the first ``count`` clean training instances, with the method's weights.

    The training does not change (it must be paused): its method sees one batch with these instances, and
    forgets it again.

    Raises:
        ValueError: nobody knows which labels are wrong.
    """
    if training.task.true_labels is None:
        raise ValueError("nobody knows which of these labels are wrong: there is no mislabelled instance to show")
    wrong = training.task.true_labels != training.task.train.labels
    return instances_at(training, torch.cat([wrong.nonzero()[:count, 0], (~wrong).nonzero()[:count, 0]]))


def instances_at(training: Training, chosen: Int[Tensor, "chosen"]) -> list[Instance]:
    """These training instances, with the weights that the method gives them; the training is left as it is."""
    task = training.task
    logits, weights = _seen_by_method(training, chosen)
    return [
        Instance(
            logits[row], int(task.train.labels[i]), int(task.true_labels[i]), task.class_names,
            task.picture(int(i)), weights[row], f"training image {int(i)}",
        )
        for row, i in enumerate(chosen)
    ]  # fmt: skip


def _seen_by_method(training: Training, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and weights ``[chosen, C]``; a weight is gradient · B / flow, so it is defined for every method."""
    task, model, epoch = training.task, training.model, max(len(training.history) - 1, 0)
    method = training.method_at(epoch)
    rest = torch.ones(len(task.train), dtype=torch.bool, device=chosen.device)
    rest[chosen] = False
    indices = torch.cat([chosen, rest.nonzero()[:, 0]])[: max(training.experiment.batch_size, len(chosen))]
    dtype = next(model.parameters()).dtype
    was_training, before = model.training, deepcopy(method.state_dict())
    model.eval()
    rates = training.history.epochs.get("lr", [training.experiment.lr])
    step = Step(
        model, task.pixels.normalise(task.train.images[indices], dtype), task.train.labels[indices], indices=indices,
        meta_batch=(task.pixels.normalise(task.meta.images, dtype), task.meta.labels), lr=float(rates[-1]),
        epoch=epoch,
    )  # fmt: skip
    gradient = method.logit_gradient(step).detach() * len(step)
    method.load_state_dict(before)
    model.train(was_training)
    weights = (gradient / step.flows).nan_to_num(1.0, 0.0, 0.0)
    return step.logits.detach()[: len(chosen)].cpu(), weights[: len(chosen)].cpu()
