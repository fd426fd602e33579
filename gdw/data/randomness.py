"""Named streams of randomness: one seed, many independent generators."""

import hashlib

import torch


def generator(seed: int, name: str) -> torch.Generator:
    """A generator for one purpose, such as ``"split"`` or ``"noise"``. It draws on the CPU, for a run on a GPU too.

    The stream depends on the seed and on its own name alone, so a new stream never moves the others.
    """
    digest = hashlib.sha256(f"{int(seed)}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)  # 63 bits: never negative
