"""One epoch's statistics of the B x C matrices, kept on the device and read once an epoch."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gdw.gradients.seen import Seen
from gdw.gradients.step import Step

HELD_CELLS = 2_000_000  # cells of B x C matrices kept before they are summed: 16 MB of float64 for each sum
SURE_BITS = 20  # of a float32's 24: the bits of a weight that are exact after a sum over its flows
NO_FLOAT64 = ("mps",)  # kinds of device that have no float64: Apple's GPU
_SUMS = ("groups", "classes", "ledger", "group_losses", "instance_weights", "observed")


class EpochStatistics:
    """Sums what the loop sends back through the logits, by group of instances and flows.

    The weight of a group of flows is ``sum gradient * sign(flow) * B / sum |flow|``: this is defined for every method.
    The mass of a group is its share of ``sum |gradient|``. Sums are in float64; a device without float64 sends its
    batches to the host, many at once.

    Args:
        true_labels: of the whole training set ``[N]``, on the device; the observed ones if they are unknown.
        num_classes: C.
    """

    def __init__(self, true_labels: Tensor, num_classes: int, dtype: torch.dtype = torch.float64):
        self.device = device = summing_device(true_labels.device)
        self.true_labels, self.num_classes, self.dtype = true_labels.to(device), num_classes, dtype
        # what is summed, for every cell: weight * |flow|, |flow|, |gradient|, then gradient or weight and count
        self.groups = torch.zeros(5, 6, dtype=dtype, device=device)
        self.classes = torch.zeros(4, num_classes, num_classes, dtype=dtype, device=device)
        self.ledger = torch.zeros(2, 2, num_classes, dtype=dtype, device=device)
        self.group_losses = torch.zeros(2, 2, dtype=dtype, device=device)  # sum and count, clean and mislabelled
        self.instances = 0
        self.instance_weights = torch.full((len(true_labels),), torch.nan, dtype=dtype, device=device)
        self.observed = torch.zeros_like(self.true_labels)
        self.losses: list[Tensor] = []
        self.held: list[tuple[Tensor, ...]] = []
        self.pooled = False  # whether any batch may hold rows of the clean set

    def add(self, step: Step | Seen, gradient: Tensor) -> None:
        """One batch, held as it is: sums are made for many batches at once. Rows from the clean set are left out."""
        if step.indices is None:
            raise ValueError("a record is kept by instance: give the Step indices=...")
        self.losses.append(step.losses.mean())
        is_meta = torch.zeros_like(step.labels, dtype=torch.bool) if step.is_meta is None else step.is_meta
        self.pooled = self.pooled or step.is_meta is not None
        batch_size = torch.full_like(step.losses, len(step))
        indices = step.indices
        if indices is None:
            raise ValueError("the epoch's statistics are sums by training instance: give the Step its indices")
        self.held.append((step.flows, gradient.detach(), step.labels, indices, step.losses, batch_size, is_meta))
        if len(self.held) * step.flows.numel() > HELD_CELLS:
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
        flows, gradient = flows.to(self.dtype), gradient.to(self.dtype)
        pulls, sizes = gradient * flows.sign() * batch_size.to(self.dtype)[:, None], flows.abs()
        true = self.true_labels[indices]
        cells = torch.stack([pulls, sizes, gradient.abs(), gradient])
        truth = one_hot(true, self.num_classes).to(self.dtype)
        self.classes += torch.einsum("ib,sic->sbc", truth, cells)
        group = one_hot((observed != true).long(), 2).to(self.dtype)
        self.group_losses += torch.stack([losses.to(self.dtype) @ group, group.sum(0)])
        kinds = one_hot(self._kinds(observed, true), 6).to(self.dtype)
        counted = (sizes > 0).to(self.dtype)
        plain = torch.where(sizes > 0, pulls / sizes, 0)
        self.groups += torch.einsum("ick,sic->sk", kinds, torch.stack([*cells[:3], plain, counted]))
        own = one_hot(observed, self.num_classes).to(self.dtype)
        sides = torch.stack([own, 1 - own])  # pull: the observed label's flow; push: the others' "not me"
        self.ledger += torch.einsum("wic,sic->wsc", torch.stack([sizes, pulls]), sides)
        self.instances += len(observed)
        self.instance_weights[indices] = pulls.sum(-1) / sizes.sum(-1).clamp_min(torch.finfo(self.dtype).tiny)
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
            "pull_push": _ratio(self.ledger, torch.tensor(float(self.instances), dtype=self.dtype)),
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
        """Undo ``state_dict``.

        Raises:
            ValueError: it is the state of another task's.
        """
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
