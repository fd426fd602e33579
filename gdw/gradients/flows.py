"""Class-level gradient flows: what a batch sends back through its logits, one number per class."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Matrix = Float[Tensor, "*seeds batch classes"]
Column = Float[Tensor, "*seeds batch 1"]
Labels = Int[Tensor, "*seeds batch"]
Targets = Labels | Matrix  # class numbers, or a probability for each class


def class_gradients(probs: Matrix, labels: Targets) -> Matrix:
    """Gradient of each instance's cross-entropy with respect to its logits.

    ``flows[i, c] = probs[i, c] - [c == labels[i]]``, or ``probs - labels`` where these are soft. Descent follows
    ``-flows``: the observed label's logit is pulled up, every other logit is pushed down ("not this one").

    Args:
        probs: softmax of the logits; each row sums to 1.
        labels: observed labels in ``0 ... classes - 1``, or soft ones, a distribution in each row; they may be wrong.

    Returns:
        The flows; each row sums to 0. The row of a label that is no class (-100, torch's ``ignore_index``) is 0, as
        cross-entropy's gradient is.

    Source: GDW (Chen et al., NeurIPS 2021), D1 = p - y.
    """
    label = labels if labels.is_floating_point() else one_hot(labels, probs.shape[-1])
    return (probs - label.to(probs.dtype)).masked_fill(~label.any(dim=-1, keepdim=True), 0)


def only_labelled(logits: Matrix, labels: Labels) -> Matrix:
    """The same logits; nothing goes back through the row of a label that is no class. No number is read on the host."""
    return logits.where(one_hot(labels, logits.shape[-1]).any(dim=-1, keepdim=True), logits.detach())


def one_hot(labels: Labels, num_classes: int) -> Bool[Tensor, "*seeds batch classes"]:
    """The position of each instance's label. torch's one_hot reads labels on a CPU, so it could not be recorded."""
    return labels[..., None] == torch.arange(num_classes, device=labels.device)


def zero_mean(weights: Matrix, logits: Matrix, labels: Targets, max_prob: float | None = None) -> Matrix:
    """The weights with each label's weight set so that the weighted flows of an instance sum to 0.

    ``sum_c w_c (p_c - y_c) = 0`` makes the label's weight the mean of the others under
    the model's belief among them: ``w_t = sum_{c != t} w_c softmax(logits without t)_c``.
    Equal weights stay as they are, so instance weighting is the special case.

    The paper divides by ``1 - p_t``; here the softmax is taken without the label. The two are equal, but
    the division loses all digits in float32 once the model is sure of the label.

    Of soft labels t is the class with the largest target, and w_t the mean of the others by their flows,
    ``sum_{c != t} w_c f_c / sum_{c != t} f_c``. For one-hot rows that is the same number.

    Args:
        weights: one weight per instance and class; the observed label's own entry is ignored.
        logits: the model's outputs, in its own unit (nats).
        labels: observed labels, or soft ones.
        max_prob: the reference code's form, which clamps probabilities from above and then divides by
            ``1 - p_t``; it biases ``w_t`` downwards where the model is sure (docs/quirks.md). Off by default.

    Source: GDW (Chen et al., NeurIPS 2021), zero-mean constraint.
    """
    soft = labels if labels.is_floating_point() else None
    label = one_hot(labels if soft is None else soft.argmax(dim=-1), logits.shape[-1])
    if max_prob is None and soft is None:
        others = logits.masked_fill(label, -float("inf")).softmax(dim=-1)
    else:
        probs = logits.softmax(dim=-1).clamp(max=1.0 if max_prob is None else max_prob)
        flows = probs - (label.to(probs.dtype) if soft is None else soft)
        own, others = (flows * label).sum(dim=-1, keepdim=True), flows.masked_fill(label, 0)
        total = _without_cancelling(others, -own) if max_prob is None else -own
        others = others / total.where(total != 0, 1)  # 0: the flow of t is 0, whatever its weight
        if max_prob is None:  # about the lowest: equal weights stay, also where a row of flows does not sum to 0
            lowest = weights.masked_fill(label, float("inf")).amin(dim=-1, keepdim=True)
            return (lowest + ((weights - lowest) * others).sum(dim=-1, keepdim=True)).where(label, weights)
    label_weight = (weights * others).sum(dim=-1, keepdim=True)
    return label_weight.where(label, weights)


def _without_cancelling(others: Matrix, total: Column) -> Column:
    """The sum of the other flows; where they cancel, ``total``, minus the label's own: what is sent back sums to 0."""
    found = others.sum(dim=-1, keepdim=True)
    return found.where(2 * found.abs() >= others.abs().sum(dim=-1, keepdim=True), total)
