"""Which images go into which batch: shuffled passes without an end."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor


def index_batches(
    count: int, batch_size: int, generator: torch.Generator, device: torch.device | str | None = None
) -> Iterator[Int[Tensor, "batch"]]:
    """Endless batches of indices; each pass over ``0 ... count - 1`` is shuffled anew.

    A pass has ``count // batch_size`` batches; what is left over at its end is dropped, so every batch
    has the same size and the mean over a batch always means the same.

    Args:
        count: images to draw from.
        batch_size: images in each batch, at least 1 and at most ``count``.
        generator: orders the passes.
        device: where the indices lie, moved there once a pass; by default where the generator draws.

    Raises:
        ValueError: for a batch larger than the data, at the call and not at the first batch.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if batch_size > count:
        raise ValueError(f"batch_size {batch_size} is larger than the data: only {count} images to draw from")
    return _passes(count, batch_size, generator, device or generator.device)


def _passes(
    count: int, batch_size: int, generator: torch.Generator, device: torch.device | str
) -> Iterator[Int[Tensor, "batch"]]:
    whole = count // batch_size * batch_size
    while True:
        order = torch.randperm(count, generator=generator, device=generator.device).to(device)
        yield from order[:whole].split(batch_size)
