"""What a Step accepts: each wrong input ends in one sentence, before any work is done.

Shapes and types are checked on every device. Numbers are read on the CPU alone: elsewhere the host would wait for the
device.
"""

import torch
from torch import Tensor

from gdw.data.dataset import check_labels

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def class_numbers(labels: Tensor, name: str = "labels", shape: tuple[str, ...] = ("batch",)) -> Tensor:
    """The labels as int64; any other integer type is converted.

    Args:
        labels: class numbers.
        name: as in the message.
        shape: names of the axes.

    Raises:
        TypeError: no tensor, or not of integers.
        ValueError: another shape, or no label at all.
    """
    wanted = f"{name} must be a tensor of class numbers [{', '.join(shape)}]"
    if not isinstance(labels, Tensor):
        raise TypeError(f"{wanted}, got {type(labels).__name__}")
    if labels.ndim != len(shape):
        given = f"shape {list(labels.shape)}"
        if labels.ndim == len(shape) + 1:
            one = labels.shape[-1] == 1
            given += "; take .squeeze(-1)" if one else "; of one-hot rows or probabilities take .argmax(-1)"
        raise ValueError(f"{wanted}, got {given}")
    if labels.dtype not in INTEGERS:
        raise TypeError(f"{wanted}, got numbers of type {labels.dtype}".replace("torch.", ""))
    if labels.numel() == 0:
        raise ValueError(f"{wanted}, got an empty one")
    return labels.long()


def check_logits(logits: Tensor, images: Tensor, labels: Tensor, *, reads: bool) -> None:
    """Refuse logits that do not fit the labels.

    Args:
        reads: whether the labels' numbers are read on the host.

    Raises:
        ValueError: another shape than the labels', with an axis of classes behind, another device, or a label that is
            none of the classes.
    """
    if logits.shape[:-1] != labels.shape:
        raise ValueError(
            f"the model must map a batch with {len(labels)} labels to logits [batch, classes], got logits "
            f"{list(logits.shape)} for images {list(images.shape)} and labels {list(labels.shape)}"
        )
    if logits.device != labels.device:
        raise ValueError(f"labels and images must be on one device, got {labels.device} and {logits.device}")
    if reads:
        check_labels(labels, logits.shape[-1], "labels")


def checked_meta_batch(meta_batch: object, step_labels: Tensor, classes: int, *, reads: bool) -> tuple[Tensor, Tensor]:
    """Clean images and labels, the labels as int64.

    Args:
        meta_batch: what the caller gave.
        step_labels: of the training batch: as many axes, the same device.
        classes: C.
        reads: whether the labels' numbers are read on the host.

    Raises:
        TypeError: not a pair of tensors.
        ValueError: labels of another shape, length, range or device.
    """
    if not isinstance(meta_batch, (tuple, list)) or len(meta_batch) != 2 or not isinstance(meta_batch[0], Tensor):
        raise TypeError(f"meta_batch must be a pair (images, labels) of tensors, got {type(meta_batch).__name__}")
    images, labels = meta_batch
    axes = ("seeds", "batch")[-step_labels.ndim :]
    labels = class_numbers(labels, "the meta batch's labels", axes)
    if len(images) != len(labels):
        raise ValueError(f"the meta batch must have as many images as labels, got {len(images)} and {len(labels)}")
    if labels.device != step_labels.device:
        raise ValueError(
            f"the meta batch must be on the training batch's device, got {labels.device} and {step_labels.device}"
        )
    if reads:
        check_labels(labels, classes, "the meta batch's labels")
    return images, labels
