"""Images that stay on disk: they take a tensor's place in a data set, and are read batch by batch."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 64  # images that a thread reads at a time
PENDING = 64  # chunks in progress on other machines at a time
MOST_IN_MEMORY = 4 * 2**30  # bytes of images that are read into memory at once; more stay on disk
SHARE = 0.5  # of the machine's memory, where that is less


class Reader(Protocol):
    """Reads images by their places."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image."""

    def __len__(self) -> int:
        """How many images there are."""

    def read(self, places: Int[np.ndarray, "images"], /) -> Shaped[Tensor, "images *shape"]:
        """These images, in this order. Several threads may call it at once."""

    def stamp(self, place: int, /) -> tuple[bytes, bool]:
        """A hash by which a changed image is noticed without reading it; and whether it can be trusted yet."""


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Images of a reader, those at ``places``. A slice or a tensor of places picks some; a number reads one."""

    reader: Reader
    places: Int[np.ndarray, "images"]

    @classmethod
    def all_of(cls, reader: Reader) -> "OnDisk":
        return cls(reader, np.arange(len(reader)))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self.places), *self.reader.shape))

    @property
    def dtype(self) -> torch.dtype:
        return self.reader.dtype

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: "slice | Tensor | np.ndarray | Sequence[int]") -> "OnDisk": ...

    def __getitem__(self, index: Any) -> "Tensor | OnDisk":
        chosen = self.places[index.cpu().numpy() if isinstance(index, Tensor) else index]
        return OnDisk(self.reader, chosen) if np.ndim(chosen) else self.reader.read(np.array([chosen]))[0]

    def stamp(self, place: int) -> tuple[bytes, bool]:
        return self.reader.stamp(int(self.places[place]))

    def digest(self) -> str:
        """A hash of all stamps: what a saved run compares instead of the images."""
        total = hashlib.blake2b(f"{tuple(self.shape)} {self.dtype}".encode(), digest_size=16)
        for place in range(len(self)):
            total.update(self.stamp(place)[0])
        return total.hexdigest()

    def split(self, sizes: int | Sequence[int]) -> "list[OnDisk]":
        """Parts of this size, or of these sizes, as ``Tensor.split`` makes them."""
        count = len(self)
        every = [sizes] * max(1, -(-count // sizes)) if isinstance(sizes, int) else sizes
        ends = np.minimum(np.cumsum(every), count)
        return [self[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def read(self) -> Shaped[Tensor, "images *shape"]:
        """All of them in memory, read by several threads."""
        found = torch.empty(self.shape, dtype=self.dtype)

        def fill(start: int) -> None:
            found[start : start + BATCH] = self.reader.read(self.places[start : start + BATCH])

        for _ in ahead(fill, range(0, len(self), BATCH)):
            pass
        return found

    def to(self, device: torch.device | str, **given: Any) -> Shaped[Tensor, "images *shape"]:
        return self.read().to(device, **given)

    def in_memory(self) -> "Tensor | OnDisk":
        """The images read into memory if they fit (half of it, and at most 4 GiB)."""
        return self.read() if self.nbytes <= memory_for_images() else self


Images = Tensor | OnDisk
"""Images of a data set, [images, ...]: in memory, or on disk."""


def held(images: Images) -> Tensor:
    """Images in memory; those on disk are read."""
    return images if isinstance(images, Tensor) else images.read()


def in_batches(images: Images) -> Iterator[Tensor]:
    """The images in memory, a batch at a time."""
    return ahead(lambda part: part.to("cpu"), images.split(BATCH))


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """``map``, by several threads, a few results before they are asked for; in order.

    Decoding a picture, hashing it and reading a file leave Python to the other threads meanwhile.
    """
    threads = max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        yield from in_order((pool.submit(work, item) for item in items), 2 * threads)


def elsewhere(executor: Executor, work: Callable[..., Result], *given: Any) -> Future[Result]:
    """``work(*given)`` by another machine, with as many threads as here: last bits may depend on them."""
    return executor.submit(_with_threads, torch.get_num_threads(), work, *given)


def _with_threads(threads: int, work: Callable[..., Result], *given: Any) -> Result:
    torch.set_num_threads(threads)
    return work(*given)


def in_order(futures: Iterable[Future[Result]], pending: int = PENDING) -> Generator[Result]:
    """Their results; this many are begun before they are asked for. Those that nobody asks for are cancelled."""
    waiting = iter(futures)
    begun = deque[Future[Result]]()
    try:
        begun.extend(islice(waiting, pending))
        while begun:
            result = begun[0].result()
            begun.popleft()
            begun.extend(islice(waiting, 1))
            yield result
    finally:
        for future in begun:
            future.cancel()


def memory_for_images() -> int:
    """Bytes of images that are held in memory at most."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return MOST_IN_MEMORY
    return min(MOST_IN_MEMORY, int(SHARE * whole))


def batched(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Tuples of this many items; the last may be shorter. Python has it from 3.12 on."""
    waiting = iter(items)
    while batch := tuple(islice(waiting, size)):
        yield batch
