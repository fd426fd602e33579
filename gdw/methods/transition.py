"""What methods with a noise matrix share: its estimate on the clean set, and the correction of the loss by it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gdw.data.task import Task
from gdw.gradients.outputs import evaluation_mode, logits_of
from gdw.methods.base import Matrix
from gdw.pictures.on_disk import held

Transition = Float[Tensor, "classes classes"]

SMALLEST_RATE = 1e-4  # an estimated probability below this counts as this, unlike as published: its logarithm is finite


@torch.no_grad()
def estimate_transition(model: nn.Module, task: Task) -> Transition:
    """``transition_from_clean`` on the task's clean set, of a model that was trained on the observed labels."""
    images = task.pixels.normalise(held(task.meta.images), next(model.parameters()).dtype)
    return transition_from_clean(model, images, task.meta.labels)


@torch.no_grad()
def transition_from_clean(model: nn.Module, images: Tensor, labels: Int[Tensor, "batch"]) -> Transition:
    """The noise matrix, from a first model and clean images; for a training loop of your own.

    A model that was trained on observed labels gives ``p(observed | image)``; its mean over images whose true
    class is i is ``p(observed | true = i)``. A class without a clean image keeps its labels (identity row).

    Args:
        model: trained on the observed labels; put into evaluation mode for this, and back.
        images: the clean set, as the model takes it.
        labels: their true classes.

    Returns:
        Rows: true, columns: observed; rows sum to 1; every entry at least about ``SMALLEST_RATE``.

    Source: GLC (Hendrycks et al., NeurIPS 2018), equation for C-hat.
    """
    with evaluation_mode(model):
        probs = logits_of(model, images).softmax(dim=-1)
    return mean_by_class(probs, labels)


def mean_by_class(probs: Matrix, labels: Int[Tensor, "batch"]) -> Transition:
    """Mean row of each class; no smaller than ``SMALLEST_RATE`` before the rows are made to sum to 1."""
    belongs = one_hot(labels, probs.shape[-1]).to(probs.dtype)
    count = belongs.sum(dim=0)[:, None]
    rows = belongs.T @ probs / count.clamp_min(1)
    rows = torch.where(count > 0, rows, torch.eye(len(rows), dtype=rows.dtype, device=rows.device))
    rows = rows.clamp_min(SMALLEST_RATE)
    return rows / rows.sum(dim=-1, keepdim=True)


def log_rates(transition: Transition) -> Transition:
    """Its logarithm, with minus infinity for 0. Of a class that is never observed nothing is known: 0 in its column."""
    return torch.where(transition.sum(0) > 0, transition.log(), 0.0)


def true_class_posterior(
    logits: Matrix, labels: Int[Tensor, "batch"], log_transition: Transition
) -> Float[Tensor, "batch classes"]:
    """What the true class may be, given the image and the observed label: ``p_k T_k,label``, made to sum to 1.

    The loss ``-log (p T)_label`` has the gradient ``p - posterior`` with respect to the logits.
    """
    return (logits + log_transition[:, labels].T).softmax(dim=-1)


def share_of_epochs(epochs: int, share: float, why: str = "the run has two parts") -> tuple[int, int]:
    """Epochs of a run's first part and of its second, at least one each; ``why`` there are two is for the message."""
    if epochs < 2:
        raise ValueError(f"{why}: epochs must be at least 2, got {epochs}")
    first = min(max(1, round(epochs * share)), epochs - 1)
    return first, epochs - first
