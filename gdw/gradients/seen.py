"""Seen: what the statistics see of a training step where the Step itself is not available."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Seen:
    """One batch of one seed, as numbers; the same names as in a Step.

    Attributes:
        flows: ``probs - onehot(labels)``.
        losses: cross-entropy in nats.
        labels: observed labels.
        indices: which training instance each row is.
        is_meta: rows that come from the clean set; None: none of them.
    """

    flows: Float[Tensor, "batch classes"]
    losses: Float[Tensor, "batch"]
    labels: Int[Tensor, "batch"]
    indices: Int[Tensor, "batch"]
    is_meta: Bool[Tensor, "batch"] | None

    def __len__(self) -> int:
        return len(self.labels)
