"""Batches: which images go into which one, in shuffled passes without an end, and how they get to the device.

Images too many for the device stay in the host's memory; workers gather their batches ahead of time.
"""

import os
from collections.abc import Iterator
from multiprocessing import current_process

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gdw.pictures.on_disk import Images, OnDisk
from gdw.private import keep_freed_memory

SHARE = 0.5  # of the device's free memory that pictures may take: the rest is for the model and its graph
WORKERS = 2  # processes that gather batches for a GPU; copying is quick, so two keep it busy
MOST_WORKERS = 16  # processes that decode pictures


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
    """The iterator that ``index_batches`` makes. It can pass over batches that were used before."""

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
        """Go on as if this number of batches had been taken from a new iterator; their passes are drawn again."""
        passes, within = divmod(batches, self.in_a_pass)
        for _ in range(passes + (within > 0)):
            self._begin_pass()
        self._next = within if within else self.in_a_pass

    def _begin_pass(self) -> None:
        order = torch.randperm(self.count, generator=self.generator).to(self.device)
        self._batches, self._next = order[: self.in_a_pass * self.batch_size].split(self.batch_size), 0


def fits_in_memory(size: int, device: torch.device) -> bool:
    """Whether pictures of this many bytes may go to the device. The CPU's memory is the host's own."""
    return device.type != "cuda" or size <= SHARE * torch.cuda.mem_get_info(device)[0]


def fetched(
    images: Images, indices: Iterator[Int[Tensor, "batch"]], device: torch.device, workers: int | None = None
) -> Iterator[tuple[Int[Tensor, "batch"], Shaped[Tensor, "batch *shape"]]]:
    """Each batch of indices with its pictures, on the device, in the order of the indices.

    Pictures in memory are only copied; those on disk are decoded by workers, ahead of time. For a GPU the batch is in
    pinned memory and goes over while the GPU computes.

    Args:
        indices: on the CPU; one beyond the last picture gives the last (its place is taken by another's).
        workers: processes; by default one for each core for images on disk, else two for a GPU, and none (gathered when
            asked for) for the CPU, and where this process may start none.
    """
    on_gpu = device.type == "cuda"
    if current_process().daemon:  # a worker of Dask, say: it may start no process
        workers = 0
    elif workers is None:
        workers = min(MOST_WORKERS, os.cpu_count() or 1) if isinstance(images, OnDisk) else WORKERS if on_gpu else 0
    loader = DataLoader(
        _Gathered(images), sampler=indices, batch_size=None, pin_memory=on_gpu,
        num_workers=workers, worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # the loader's own seed: else it would be drawn from the process's random state
    )  # fmt: skip
    for chosen, batch in loader:
        yield chosen.to(device, non_blocking=True), batch.to(device, non_blocking=True)


def _begin_worker(number: int) -> None:
    keep_freed_memory()


class _Gathered(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, images: Images):
        self.images = images

    def __getitem__(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        return chosen, self.images[chosen.clamp(max=len(self.images) - 1)].to("cpu")
