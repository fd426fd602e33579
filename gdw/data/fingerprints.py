"""Fingerprints of pictures: 64 bits that hardly change when a picture is resized, saved again or darker."""

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt64
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 32  # pixels: the grey picture whose coarse pattern is taken
PLAIN = 0.01  # deviation of the grey shades, in [0, 1]: a picture below it has no pattern, and the fingerprint 0
COARSE = 8  # frequencies in each direction
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright each colour looks


def fingerprints(
    pictures: Shaped[Tensor, "pictures channels height width"], scale: float
) -> UInt64[np.ndarray, "pictures"]:
    """Which of the 64 lowest frequencies of each picture, in grey, are above their median.

    Source: the perceptual hash "pHash" (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions,
    2010), as the package imagehash computes it.
    """
    colours = pictures.float() / scale
    weights = torch.tensor(LUMA) if pictures.shape[1] >= 3 else torch.ones(1)
    grey = torch.einsum("nchw,c->nhw", colours[:, : len(weights)], weights)[:, None]
    small = interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True)[:, 0]
    waves = _cosines()
    low = (waves @ small @ waves.T).flatten(1)
    bits = ((low > low.median(1, keepdim=True).values) & (small.flatten(1).std(1, keepdim=True) > PLAIN)).numpy()
    return np.asarray(np.packbits(bits, axis=1).view(np.uint64).ravel())


def distance(one: UInt64[np.ndarray, "pairs"], other: UInt64[np.ndarray, "pairs"]) -> Shaped[np.ndarray, "pairs"]:
    """In how many of the 64 bits they differ."""
    return np.asarray(np.bitwise_count(one ^ other))


def _cosines() -> Float[Tensor, "coarse side"]:
    """The first rows of the discrete cosine transform (type II)."""
    places = (torch.arange(SIDE) + 0.5) * torch.pi / SIDE
    return torch.cos(torch.arange(COARSE)[:, None] * places)
