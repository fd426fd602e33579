"""Pictures too many for the device: they stay in the host's memory, and workers gather the batches ahead of time."""

from collections.abc import Iterator

import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

SHARE = 0.5  # of the device's free memory that pictures may take: the rest is for the model and its graph
WORKERS = 2  # processes that gather batches for a GPU; copying is quick, so two keep it busy


def fit(size: int, device: torch.device) -> bool:
    """Whether pictures of this many bytes may go to the device. The CPU's memory is the host's own."""
    return device.type != "cuda" or size <= SHARE * torch.cuda.mem_get_info(device)[0]


def fetched(
    images: UInt8[Tensor, "images *shape"],
    indices: Iterator[Int[Tensor, "batch"]],
    device: torch.device,
    workers: int | None = None,
) -> Iterator[tuple[Int[Tensor, "batch"], UInt8[Tensor, "batch *shape"]]]:
    """Each batch of indices with its pictures, on the device, in the order of the indices.

    Pictures were decoded when the data set was read; a worker only copies. For a GPU the batch is in pinned memory
    and goes over while the GPU computes.

    Args:
        images: in the host's memory.
        indices: on the CPU; one beyond the last picture gives the last (its place is taken by another's).
        device: where the batches are wanted.
        workers: processes; by default two for a GPU, and none (gathered when asked for) for the CPU.
    """
    on_gpu = device.type == "cuda"
    loader = DataLoader(
        _Gathered(images), sampler=indices, batch_size=None, pin_memory=on_gpu,
        num_workers=workers if workers is not None else WORKERS if on_gpu else 0,
        generator=torch.Generator(),  # the loader's own seed: else it would be drawn from the process's random state
    )  # fmt: skip
    for chosen, batch in loader:
        yield chosen.to(device, non_blocking=True), batch.to(device, non_blocking=True)


class _Gathered(Dataset):
    def __init__(self, images: Tensor):
        self.images = images

    def __getitem__(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        return chosen, self.images[chosen.clamp(max=len(self.images) - 1)]
