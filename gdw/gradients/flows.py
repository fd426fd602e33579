"""Class-level gradient flows: what a batch sends back through its logits, one number per class."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Matrix = Float[Tensor, "*seeds batch classes"]
Labels = Int[Tensor, "*seeds batch"]


def class_gradients(probs: Matrix, labels: Labels) -> Matrix:
    """Gradient of each instance's cross-entropy with respect to its logits.

    ``flows[i, c] = probs[i, c] - [c == labels[i]]``. Descent follows ``-flows``: the observed
    label's logit is pulled up, every other logit is pushed down ("not this one").

    Args:
        probs: softmax of the logits; each row sums to 1.
        labels: observed labels in ``0 ... classes - 1``; they may be wrong.

    Returns:
        The flows; each row sums to 0. The row of a label that is no class (-100, torch's ``ignore_index``) is 0, as
        cross-entropy's gradient is.

    Source: GDW (Chen et al., NeurIPS 2021), D1 = p - y.
    """
    label = one_hot(labels, probs.shape[-1])
    return (probs - label.to(probs.dtype)).masked_fill(~label.any(dim=-1, keepdim=True), 0)


def only_labelled(logits: Matrix, labels: Labels) -> Matrix:
    """The same logits; nothing goes back through the row of a label that is no class. No number is read on the host."""
    return logits.where(one_hot(labels, logits.shape[-1]).any(dim=-1, keepdim=True), logits.detach())


def one_hot(labels: Labels, num_classes: int) -> Bool[Tensor, "*seeds batch classes"]:
    """The position of each instance's label. torch's one_hot reads labels on a CPU, so it could not be recorded."""
    return labels[..., None] == torch.arange(num_classes, device=labels.device)


def zero_mean(weights: Matrix, logits: Matrix, labels: Labels, max_prob: float | None = None) -> Matrix:
    """The weights with each label's weight set so that the weighted flows of an instance sum to 0.

    ``sum_c w_c (p_c - y_c) = 0`` makes the label's weight the mean of the others under
    the model's belief among them: ``w_t = sum_{c != t} w_c softmax(logits without t)_c``.
    Equal weights stay as they are, so instance weighting is the special case.

    The paper divides by ``1 - p_t``; here the softmax is taken without the label. The two are equal, but
    the division loses all digits in float32 once the model is sure of the label.

    Args:
        weights: one weight per instance and class; the observed label's own entry is ignored.
        logits: the model's outputs, in its own unit (nats).
        labels: observed labels.
        max_prob: the reference code's form, which clamps probabilities from above and then divides by
            ``1 - p_t``; it biases ``w_t`` downwards where the model is sure (docs/quirks.md). Off by default.

    Source: GDW (Chen et al., NeurIPS 2021), zero-mean constraint.
    """
    label = one_hot(labels, logits.shape[-1])
    if max_prob is None:
        others = logits.masked_fill(label, -float("inf")).softmax(dim=-1)
    else:
        probs = logits.softmax(dim=-1).clamp(max=max_prob)
        others = (probs / (1 - (probs * label).sum(dim=-1, keepdim=True))).masked_fill(label, 0)
    label_weight = (weights * others).sum(dim=-1, keepdim=True)
    return label_weight.where(label, weights)
