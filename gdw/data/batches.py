"""Which images go into which batch: shuffled passes without an end."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor


def index_batches(
    count: int, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> "IndexBatches":
    """Endless batches of indices; each pass over ``0 ... count - 1`` is shuffled again.

    A pass has ``count // batch_size`` batches; what is left over at its end is dropped, so every batch
    has the same size and the mean over a batch always means the same.

    Args:
        count: images to draw from.
        batch_size: images in each batch, at least 1 and at most ``count``.
        generator: orders the passes; on the CPU, so that the order is the same on every device.
        device: where the indices are wanted; they are moved there once a pass.

    Raises:
        ValueError: for a batch larger than the data, at the call and not at the first batch.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if batch_size > count:
        raise ValueError(f"batch_size {batch_size} is larger than the data: only {count} images to draw from")
    return IndexBatches(count, batch_size, generator, device)


class IndexBatches(Iterator[Int[Tensor, "batch"]]):
    """The iterator that ``index_batches`` makes. It can pass over batches that were used before.

    Args:
        count, batch_size, generator, device: as for ``index_batches``.
    """

    def __init__(self, count: int, batch_size: int, generator: torch.Generator, device: torch.device | str):
        self.count, self.batch_size, self.generator, self.device = count, batch_size, generator, device
        self.in_a_pass = count // batch_size
        self._batches: tuple[Tensor, ...] = ()
        self._next = self.in_a_pass  # which batch of this pass comes next; a new pass is drawn when it is needed

    def __next__(self) -> Int[Tensor, "batch"]:
        if self._next == self.in_a_pass:
            self._begin_pass()
        self._next += 1
        return self._batches[self._next - 1]

    def skip(self, batches: int) -> None:
        """Go on as if so many batches had been taken from a new iterator: the order of each pass is drawn again."""
        passes, within = divmod(batches, self.in_a_pass)
        for _ in range(passes + (within > 0)):
            self._begin_pass()
        self._next = within if within else self.in_a_pass

    def _begin_pass(self) -> None:
        order = torch.randperm(self.count, generator=self.generator).to(self.device)
        self._batches, self._next = order[: self.in_a_pass * self.batch_size].split(self.batch_size), 0
