"""Labels as people have them beside logits as models give them: a row for each thing that has a class.

Class numbers or a probability for each class; one logit for two classes; a class for each pixel or token. Methods see
logits ``[rows, classes]`` and never ask which of these it was.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from gdw.data.dataset import check_labels

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
IGNORED = -100  # of a pixel or token without a label, as in torch's cross-entropy
CLOSE = 1e-2  # how far a row of soft labels may be from the sum 1: bfloat16 has no more digits


@dataclass(frozen=True)
class Rows:
    """How a model's output becomes logits ``[rows, classes]``. The map is linear, so tangents take it too.

    Attributes:
        axis: of the classes; None: each thing has one logit z, and the softmax of -z/2 and z/2 is its sigmoid.
        kept: which of all rows have a label ``[things]``; None: all.
    """

    axis: int | None
    kept: Tensor | None

    def __call__(self, output: Tensor) -> Float[Tensor, "rows classes"]:
        """Logits of the things that have a label, in the order of the flattened labels."""
        if self.axis is None:
            rows = torch.stack([-output.flatten() / 2, output.flatten() / 2], dim=-1)
        else:
            rows = output.movedim(self.axis, -1).flatten(0, -2)
        return rows if self.kept is None else rows[self.kept]

    def of(self, values: Tensor) -> Tensor:
        """What each thing has ``[things]``, or each instance ``[B]``, in the order of the rows."""
        flat = values.flatten()
        return flat if self.kept is None or len(flat) != len(self.kept) else flat[self.kept]


def read(
    output: Tensor, labels: Tensor, name: str = "labels", *, seeds: bool = False, reads: bool = True
) -> tuple[Rows | None, Tensor]:
    """Which rows an output has, and what each should be: class numbers ``[rows]`` or probabilities ``[rows, classes]``.

    Args:
        output: ``[B, C]``, ``[B]`` or ``[B, 1]`` for two classes; with more axes the classes are along the second, as
            in torch's cross-entropy, or along the last.
        labels: class numbers in the shape of the output without its classes; of pixels and tokens those that are
            -100 have no row. Or probabilities in the output's shape, or one number in [0, 1] for one logit.
        name: as in messages.
        seeds: whether output and labels have a leading axis for seeds.
        reads: whether numbers may be read on the host.

    Returns:
        None in the place of the rows where the output is ``[B, C]`` (with seeds ``[S, B, C]``) as it is.
    """
    if labels.device != output.device:
        raise ValueError(f"{name} and images must be on one device, got {labels.device} and {output.device}")
    axis = -1 if seeds else _class_axis(output, labels, name)
    one = axis is None or (output.shape[axis] == 1 and not seeds)
    classes = 2 if one or axis is None else output.shape[axis]
    if one and labels.dtype not in (*INTEGERS, torch.bool):
        return Rows(None, None), _probabilities_of_two(_precise(labels.flatten(), output), name, reads=reads)
    if labels.shape == output.shape and not one and not seeds:
        rows = None if output.ndim == 2 else Rows(axis, None)
        return rows, _distributions(_precise(labels if rows is None else rows(labels), output), name, reads=reads)
    numbers = _class_numbers(labels, name, one=one)
    if numbers.ndim == 1 + seeds:
        if reads:
            check_labels(numbers, classes, name)
        return (Rows(None, None) if one else None), numbers
    kept = numbers.flatten() != IGNORED
    numbers = numbers.flatten()[kept]
    if not len(numbers):
        raise ValueError(f"{name} hold no class at all: every one is {IGNORED}")
    if reads:
        check_labels(numbers, classes, name)
    return Rows(None if one else axis, kept), numbers


def rows_in(labels: Tensor) -> Tensor:
    """How many rows labels give; of soft ones their number."""
    return torch.as_tensor(len(labels)) if labels.ndim == 1 or labels.is_floating_point() else (labels != IGNORED).sum()


def loss_of_rows(output: Tensor, labels: Tensor, name: str, *, seeds: bool, reads: bool) -> Float[Tensor, ""]:
    """Mean cross-entropy of the rows in nats; of several seeds the sum of their means."""
    rows, wanted = read(output, labels, name, seeds=seeds, reads=reads)
    logits = output if rows is None else rows(output)
    if wanted.is_floating_point():
        logits = logits.to(wanted.dtype)
    else:
        wanted = wanted.flatten()
    return cross_entropy(logits.flatten(0, -2), wanted, reduction="sum") / logits.shape[-2]


def _class_axis(output: Tensor, labels: Tensor, name: str) -> int | None:
    """The axis of the classes; None where each thing has one logit and no axis for it."""
    second, last = (output.shape[:1] + output.shape[2:], output.shape[:-1]) if output.ndim > 1 else ((), ())
    if output.ndim > 2 and second == last == labels.shape:
        raise ValueError(
            f"which axis of logits {list(output.shape)} holds the classes? Flatten them to [rows, classes], and {name}"
        )
    if output.ndim > 2 and labels.shape == output.shape and 1 not in (output.shape[1], output.shape[-1]):
        raise ValueError(f"which axis of {name} {list(labels.shape)} has the classes? Flatten both to [rows, classes]")
    if output.ndim == 1 and labels.shape in ((len(output),), (len(output), 1)):
        return None
    if output.ndim > 1 and labels.shape in (second, output.shape):
        return 1
    if output.ndim > 1 and labels.shape == last:
        return -1
    if labels.shape == (len(output), 1):
        raise ValueError(
            f"{name} must be a tensor of class numbers [batch], got shape {list(labels.shape)}; take .squeeze(-1)"
        )
    raise ValueError(
        f"the model must map a batch with {len(labels)} labels to logits [batch, classes], got logits "
        f"{list(output.shape)} for {name} {list(labels.shape)}"
    )


def _class_numbers(labels: Tensor, name: str, *, one: bool) -> Tensor:
    if labels.dtype in INTEGERS or (one and labels.dtype == torch.bool):
        return labels.long()
    kind = str(labels.dtype).removeprefix("torch.")
    raise TypeError(
        f"{name} must be a tensor of class numbers [batch], or of probabilities [batch, classes]; got numbers of type "
        f"{kind} {list(labels.shape)}: a regression has no classes, and so no class-level flows"
    )


def _precise(labels: Tensor, output: Tensor) -> Tensor:
    """Soft labels in the precision of the output, in float32 at least: under autocast they keep their digits."""
    return labels.to(torch.promote_types(output.dtype, torch.float32))


def _distributions(soft: Tensor, name: str, *, reads: bool) -> Float[Tensor, "rows classes"]:
    """Soft labels; one-hot rows of integers are a kind of them."""
    if reads and not (bool((soft >= 0).all()) and bool(((soft.sum(-1) - 1).abs() < CLOSE).all())):
        raise ValueError(
            f"{name} [batch, classes] must hold a distribution over the classes in each row (mixup, cutmix, label "
            "smoothing), numbers of at least 0 with the sum 1: several classes at once (multi-label) and a regression "
            "have no softmax, and so no class-level flows"
        )
    return soft


def _probabilities_of_two(labels: Tensor, name: str, *, reads: bool) -> Float[Tensor, "rows classes"]:
    """For one logit, numbers as torch's binary cross-entropy takes them: how probable the class 1 is."""
    if reads and not bool(((labels >= 0) & (labels <= 1)).all()):
        raise ValueError(
            f"one logit means two classes: {name} must be class numbers 0 and 1, or numbers in [0, 1]; a regression "
            "has no classes, and so no class-level flows"
        )
    return torch.stack([1 - labels, labels], dim=-1)
