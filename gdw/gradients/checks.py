"""What a Step accepts before any work is done; each wrong input ends in one sentence (targets.py has the rest)."""

import torch
from torch import Tensor

from gdw.gradients.outputs import Inputs


def check_form(labels: object, name: str = "labels") -> Tensor:
    """The labels, if they are a tensor that holds something.

    Raises:
        TypeError, ValueError: they are not.
    """
    if not isinstance(labels, Tensor):
        raise TypeError(f"{name} must be a tensor of class numbers [batch], got {type(labels).__name__}")
    if labels.numel() == 0:
        raise ValueError(f"{name} must be a tensor of class numbers [batch], got an empty one")
    return labels


def check_meta_batch(meta_batch: object, device: torch.device) -> tuple[Inputs, Tensor]:
    """Clean images and labels.

    Raises:
        TypeError: no pair, or labels that are no tensor.
        ValueError: labels of another length than the images, or on another device than the training batch.
    """
    if not isinstance(meta_batch, (tuple, list)) or len(meta_batch) != 2:
        raise TypeError(f"meta_batch must be a pair (images, labels), got {type(meta_batch).__name__}")
    images, labels = meta_batch[0], check_form(meta_batch[1], "the meta batch's labels")
    if isinstance(images, Tensor) and len(images) != len(labels):
        raise ValueError(f"the meta batch must have as many images as labels, got {len(images)} and {len(labels)}")
    if labels.device != device:
        raise ValueError(f"the meta batch must be on the training batch's device, got {labels.device} and {device}")
    return images, labels
