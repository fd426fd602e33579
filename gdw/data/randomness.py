"""Named streams of randomness: one seed, many independent generators."""

import hashlib

import torch


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose, such as ``"split"`` or ``"noise"``.

    The stream depends on the seed and on its own name alone, so a new stream never moves the others.

    Args:
        seed: any integer, the experiment's one seed.
        name: what the numbers are for.
        device: where it draws; the same seed gives other numbers on another kind of device.
    """
    digest = hashlib.sha256(f"{int(seed)}/{name}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)  # 63 bits: never negative
