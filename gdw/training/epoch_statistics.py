"""What an epoch gave: statistics of the B x C matrices, kept on the device and read at its end; and the scores then."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from gdw.data.task import Split, Task
from gdw.experiments.history import History
from gdw.gradients.outputs import evaluation_mode, logits_of
from gdw.gradients.step import Seen, Step
from gdw.methods.base import Method

Row = dict[str, Any]  # of a History: what an epoch gave, by name
EVALUATION_BATCH = 1000  # images at once, without a graph
HELD_CELLS = 2_000_000  # cells of B x C matrices kept before they are summed: 16 MB of float64 for each sum
SURE_BITS = 20  # of a float32's 24: the bits of a weight that are exact after a sum over its flows
NO_FLOAT64 = ("mps",)  # kinds of device that have no float64: Apple's GPU
_SUMS = ("groups", "classes", "ledger", "group_losses", "instance_weights", "observed")


class TrainingDiverged(ArithmeticError):
    """A loss, an output or something learnt is no longer a finite number. ``history`` holds the epochs before."""

    def __init__(self, message: str, history: History | None = None):
        super().__init__(message)
        self.history = history


class EpochStatistics:
    """Sums what the loop sends back through the logits, by group of instances and flows.

    The weight of a group of flows is ``sum gradient * sign(flow) * B / sum |flow|``: this is defined for every method.
    The mass of a group is its share of ``sum |gradient|``. Sums are in float64; a device without float64 sends its
    batches to the host, many at once. ``true_labels`` are those of the whole training set [N], on the device, or the
    observed ones if they are unknown.
    """

    def __init__(self, true_labels: Tensor, num_classes: int):
        self.device = device = summing_device(true_labels.device)
        self.true_labels, self.num_classes = true_labels.to(device), num_classes
        # what is summed, for every cell: weight * |flow|, |flow|, |gradient|, then gradient or weight and count
        self.groups = torch.zeros(5, 6, dtype=torch.float64, device=device)
        self.classes = torch.zeros(4, num_classes, num_classes, dtype=torch.float64, device=device)
        self.ledger = torch.zeros(2, 2, num_classes, dtype=torch.float64, device=device)
        # sum and count, clean and mislabelled
        self.group_losses = torch.zeros(2, 2, dtype=torch.float64, device=device)
        self.instances = 0
        self.instance_weights = torch.full((len(true_labels),), torch.nan, dtype=torch.float64, device=device)
        self.observed = torch.zeros_like(self.true_labels)
        self.losses: list[Tensor] = []
        self.held: list[tuple[Tensor, ...]] = []
        self.pooled = False  # whether any batch may hold rows of the clean set

    def add(self, step: Step | Seen, gradient: Tensor) -> None:
        """One batch, held as it is: sums are made for many batches at once. Rows from the clean set are left out."""
        if step.indices is None:
            raise ValueError("the epoch's statistics are sums by training instance: give the Step its indices")
        flows, losses, labels = step.flows, step.losses, step.labels
        self.losses.append(losses.mean())
        is_meta = torch.zeros_like(labels, dtype=torch.bool) if step.is_meta is None else step.is_meta
        self.pooled = self.pooled or step.is_meta is not None
        batch_size = torch.full_like(losses, len(flows))
        self.held.append((flows, gradient.detach(), labels, step.indices, losses, batch_size, is_meta))
        if len(self.held) * flows.numel() > HELD_CELLS:
            self._sum_up()

    @torch.no_grad()
    def _sum_up(self) -> None:
        if not self.held:
            return
        *parts, is_meta = (torch.cat(part).to(self.device) for part in zip(*self.held, strict=True))
        self.held = []
        if self.pooled:  # the count of rows left is read from the device: once for many batches
            rows = (~is_meta).nonzero().flatten()
            parts = [part[rows] for part in parts]
        flows, gradient, observed, indices, losses, batch_size = parts
        flows, gradient = flows.double(), gradient.double()
        pulls, sizes = gradient * flows.sign() * batch_size.double()[:, None], flows.abs()
        true = self.true_labels[indices]
        cells = torch.stack([pulls, sizes, gradient.abs(), gradient])
        truth = one_hot(true, self.num_classes).double()
        self.classes += torch.einsum("ib,sic->sbc", truth, cells)
        group = one_hot((observed != true).long(), 2).double()
        self.group_losses += torch.stack([losses.double() @ group, group.sum(0)])
        kinds = one_hot(self._kinds(observed, true), 6).double()
        counted = (sizes > 0).double()
        plain = torch.where(sizes > 0, pulls / sizes, 0)
        self.groups += torch.einsum("ick,sic->sk", kinds, torch.stack([*cells[:3], plain, counted]))
        own = one_hot(observed, self.num_classes).double()
        sides = torch.stack([own, 1 - own])  # pull: the observed label's flow; push: the others' "not me"
        self.ledger += torch.einsum("wic,sic->wsc", torch.stack([sizes, pulls]), sides)
        self.instances += len(observed)
        self.instance_weights[indices] = pulls.sum(-1) / sizes.sum(-1)  # NaN without any flow: it has no weight
        self.observed[indices] = observed

    def _kinds(self, observed: Tensor, true: Tensor) -> Tensor:
        """Which of {clean, mislabelled} x {observed label, true class, other classes} each flow belongs to."""
        wrong = (observed != true).long()[:, None]
        kinds = torch.full((len(true), self.num_classes), 2, device=true.device)
        kinds.scatter_(1, true[:, None], 1)
        kinds.scatter_(1, observed[:, None], 0)
        return kinds + 3 * wrong

    def first_bad_step(self) -> int | None:
        """The first step (from 0) whose loss is not finite; reads the device."""
        bad = (~torch.stack(self.losses).isfinite()).nonzero()
        return int(bad[0]) if len(bad) else None

    def row(self) -> dict[str, Any]:
        """The epoch's row of the History; empty groups are NaN."""
        self._sum_up()
        weight, size, mass, plain, counted = self.groups.view(5, 2, 3)
        class_weight, class_size, class_mass, push = self.classes
        return {
            "train_loss": torch.stack(self.losses).mean().item(),
            "group_loss": _ratio(*self.group_losses),
            "flow_weight": _ratio(weight, size),
            "flow_weight_plain": _ratio(plain, counted),
            "flow_mass": _ratio(mass.where(size > 0, torch.nan), mass.sum()),
            "class_weight": _ratio(class_weight, class_size),
            "class_mass": _ratio(class_mass.where(class_size > 0, torch.nan), class_mass.sum()),
            "class_push": (push / max(len(self.losses), 1)).cpu().numpy(),
            "pull_push": _ratio(self.ledger, torch.tensor(float(self.instances), dtype=torch.float64)),
            "auroc": self._auroc(),
        }

    def state_dict(self) -> dict[str, Any]:
        """All that was added. Statistics that load it end with the same row, bit for bit."""
        parts = [torch.cat(part) for part in zip(*self.held, strict=True)]
        return {
            **{name: getattr(self, name) for name in (*_SUMS, "instances", "pooled")},
            "losses": torch.stack(self.losses) if self.losses else None,
            "held": parts, "lengths": [len(held[2]) for held in self.held],
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Undo ``state_dict``; ``ValueError`` for the state of another task's."""
        device = self.true_labels.device
        for name in _SUMS:
            if state[name].shape != getattr(self, name).shape:
                raise ValueError(f"the saved {name} have shape {tuple(state[name].shape)}: another task's")
            setattr(self, name, state[name].to(device))
        self.instances, self.pooled = state["instances"], state["pooled"]
        self.losses = [] if state["losses"] is None else list(state["losses"].to(device).unbind())
        parts = [part.to(device).split(state["lengths"]) for part in state["held"]]
        self.held = list(zip(*parts, strict=True))

    def _auroc(self) -> float:
        """Share of pairs whose clean instance weighs more than its mislabelled one; ties count half (Mann-Whitney)."""
        weights, clean = _to_digits(self.instance_weights.cpu()), (self.observed == self.true_labels).cpu()
        seen = weights.isfinite()
        right, wrong = weights[seen & clean], weights[seen & ~clean].sort().values
        if not len(right) or not len(wrong):
            return float("nan")
        below = torch.searchsorted(wrong, right) + torch.searchsorted(wrong, right, right=True)
        return (below.double().mean() / (2 * len(wrong))).item()


def summing_device(device: torch.device) -> torch.device:
    """Where float64 sums are made: on the device itself if it has float64, else on the host."""
    return torch.device("cpu") if device.type in NO_FLOAT64 else device


def _to_digits(weights: Tensor) -> Tensor:
    """Without the bits that only rounding decides: cross-entropy's weights are all 1 and must count as ties."""
    mantissa, exponent = weights.frexp()
    return torch.ldexp((mantissa * 2**SURE_BITS).round(), exponent - SURE_BITS)


def _ratio(part: Tensor, whole: Tensor) -> np.ndarray:
    return (part / torch.where(whole == 0, torch.nan, whole)).cpu().numpy()


def finite_scores(
    statistics: EpochStatistics, model: nn.Module, task: Task, method: Method, epoch: int, lr: float
) -> Row:
    """What ``evaluate`` gives after an epoch, once it is known that the epoch left finite numbers."""
    bad = statistics.first_bad_step()
    if bad is not None:
        raise _diverged(f"the loss stopped being finite at step {bad + 1}", epoch, lr)
    for owner, module in (("model", model), ("method", method)):
        for name, parameter in module.named_parameters():
            if not parameter.isfinite().all():
                raise _diverged(f"the {owner}'s {name} is not finite at the end", epoch, lr)
    scores = evaluate(model, task)
    if len(task.test) and not math.isfinite(scores["test_loss"]):
        raise _diverged("the test loss is not finite at the end", epoch, lr)
    return scores


def _diverged(what: str, epoch: int, lr: float) -> TrainingDiverged:
    return TrainingDiverged(
        f"{what} of epoch {epoch + 1} (learning rate {lr:g}): "
        "try a smaller lr, a smaller step_size, or look for non-finite images"
    )  # fmt: skip


def epoch_row(statistics: EpochStatistics, method: Method, scores: Row, lr: float) -> Row:
    """What the History keeps of an epoch that is over; ``ValueError`` for a snapshot by the name of something else."""
    row = {**statistics.row(), **scores, "lr": lr}
    snapshot = {name: value.detach().cpu().double().numpy() for name, value in method.snapshot().items()}
    if taken := sorted(row.keys() & snapshot.keys()):
        raise ValueError(
            f"the snapshot of {type(method).__name__} has the name {taken[0]!r}, which a History has already"
        )
    return row | snapshot


@torch.no_grad()
def evaluate(model: nn.Module, task: Task) -> Row:
    """Test loss (nats) and accuracy in percent, overall and by class; validation accuracy, NaN without such a set."""
    test = predict(model, task, task.test)
    correct = _is_right(test, task.test.labels).cpu().double() * 100  # some devices have no float64
    labels = task.test.labels.cpu()
    by_class = torch.zeros(2, task.num_classes, dtype=torch.float64, device=correct.device)
    by_class.index_add_(1, labels, torch.stack([correct, torch.ones_like(correct)]))
    row = {
        "test_loss": cross_entropy(test, task.test.labels).item(),
        "test_accuracy": correct.mean().item(),
        "class_accuracy": (by_class[0] / by_class[1]).cpu().numpy(),
        "validation_accuracy": float("nan"),
    }
    if len(task.validation):
        right = _is_right(predict(model, task, task.validation), task.validation.labels)
        row["validation_accuracy"] = 100 * right.cpu().double().mean().item()
    return row


def _is_right(logits: Tensor, labels: Tensor) -> Tensor:
    """A row with a NaN is wrong: its argmax is a class all the same."""
    return (logits.argmax(-1) == labels) & ~logits.isnan().any(-1)


@torch.no_grad()
def predict(model: nn.Module, task: Task, split: Split) -> Tensor:
    """Logits of a whole split, by the model in evaluation mode."""
    dtype = next(model.parameters()).dtype
    with evaluation_mode(model):
        return torch.cat([
            logits_of(model, task.pixels.normalise(images.to(split.labels.device, non_blocking=True), dtype))
            for images in split.images.split(EVALUATION_BATCH)
        ])  # fmt: skip
