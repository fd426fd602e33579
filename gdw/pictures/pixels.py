"""How stored values become a network's input, a whole batch at a time: normalisation, random crops and flips.

And fingerprints of pictures: 64 bits that hardly change when a picture is resized, saved again or darker.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt64
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 32  # pixels: the grey picture whose coarse pattern is taken
PLAIN = 0.01  # deviation of the grey shades, in [0, 1]: a picture below it has no pattern, and the fingerprint 0
COARSE = 8  # frequencies in each direction
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright each colour looks


@dataclass(frozen=True)
class Pixels:
    """What is done to stored images before a network sees them, on any device.

    The default leaves them as they are, which suits points.

    Attributes:
        scale: stored value that means 1, such as 255.
        mean: subtracted after scaling; one number for each channel, or one for all.
        std: divided by after that; one number for each channel, or one for all.
        pad: pixels by which a random crop may move, on each side; borders are mirrored.
        flip: whether a picture is mirrored left to right in half of the cases.
        views: whether the stored images are features [images, 2, D], of each picture and of the mirrored picture:
            ``flip`` then takes the second in half of the cases. Without augmentation the first is used.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    pad: int = 0
    flip: bool = False
    views: bool = False

    def __post_init__(self) -> None:
        if not self.scale > 0 or not all(std > 0 for std in self.std):
            raise ValueError(f"scale and std must be positive, got scale {self.scale:g} and std {self.std}")
        if self.pad < 0:
            raise ValueError(f"pad must be 0 pixels or more, got {self.pad}")
        if self.views and self.pad:
            raise ValueError(f"features cannot be shifted: pad must be 0, got {self.pad}")

    def normalise(
        self, images: Shaped[Tensor, "batch *shape"], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "batch *shape"]:
        """``(images / scale - mean) / std``, channel by channel (feature by feature), in ``dtype``.

        With ``views``, of the first view alone: [batch, views, D] becomes [batch, D].
        """
        if self.views:
            images = images[:, 0]
        per_channel = (-1,) + (1,) * (images.ndim - 2)
        mean = _constants(self.mean, dtype, images.device).view(per_channel)
        std = _constants(self.std, dtype, images.device).view(per_channel)
        return (images.to(dtype) / self.scale).sub_(mean).div_(std)

    def augment(
        self, images: Shaped[Tensor, "batch *shape"], generator: torch.Generator
    ) -> Shaped[Tensor, "batch *shape"]:
        """Each picture mirrored at its borders by ``pad``, cropped back at random and flipped at random.

        Args:
            images: [batch, channels, height, width], of any dtype, which is kept. Left as they are, and
                nothing drawn, where ``pad`` is 0 and ``flip`` is off. With ``views``, features [batch, 2, D]: one
                of the two views is kept, [batch, 1, D].
            generator: the only randomness; on the CPU, so that it draws the same numbers on every device.

        Raises:
            ValueError: ``pad`` is not smaller than the picture: there is nothing to mirror.

        Source: the augmentation of the published CIFAR runs (pad 4, crop, flip).
        """
        if self.pad == 0 and not self.flip:
            return images
        if self.views:
            view = torch.randint(0, 2, (len(images),), generator=generator).to(images.device, non_blocking=True)
            view = view[:, None, None].expand(-1, 1, images.shape[2])
            return images.gather(1, view)
        count, channels, height, width = images.shape
        if self.pad >= min(height, width):
            raise ValueError(f"pad must be smaller than the picture, got {self.pad} for {height} x {width}")
        down, right, flipped = self._draw(count, images.device, generator)
        rows = _mirrored(down, height)
        columns = _mirrored(right, width)
        columns = torch.where(flipped[:, None], columns.flip(1), columns)
        place = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # in the flattened picture
        place = place[:, None].expand(count, channels, height * width)
        return images.flatten(2).gather(2, place).view_as(images)

    def _draw(self, count: int, device: torch.device, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Shift down and to the right in pixels, in ``-pad ... pad``, and whether to flip; each [batch]."""
        shifts = torch.randint(-self.pad, self.pad + 1, (2, count), generator=generator)
        flips = torch.randint(0, 2 if self.flip else 1, (1, count), generator=generator)
        down, right, flipped = torch.cat([shifts, flips]).to(device, non_blocking=True)
        return down, right, flipped.bool()


CIFAR_PIXELS = Pixels(  # as in the published runs
    scale=255, mean=(125.3 / 255, 123.0 / 255, 113.9 / 255), std=(63.0 / 255, 62.1 / 255, 66.7 / 255), pad=4, flip=True
)


@cache
def _constants(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copied to the device once: a copy for each batch would make the host wait for the device each time."""
    return torch.tensor(values, dtype=dtype, device=device)


def _mirrored(shift: Int[Tensor, "batch"], size: int) -> Int[Tensor, "batch size"]:
    """Which stored row (or column) each row of the crop shows; beyond a border it runs back inside."""
    place = (torch.arange(size, device=shift.device) + shift[:, None]).abs()
    last = size - 1
    return last - (last - place).abs()


def grey(pictures: Shaped[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """The brightness of colours, in the same range."""
    weights = torch.tensor(LUMA, device=pictures.device).view(3, 1, 1)
    return (pictures.float() * weights).sum(1, keepdim=True)


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
    places = (torch.arange(SIDE) + 0.5) * torch.pi / SIDE
    waves = torch.cos(torch.arange(COARSE)[:, None] * places)  # first rows of the discrete cosine transform (type II)
    low = (waves @ small @ waves.T).flatten(1)
    bits = ((low > low.median(1, keepdim=True).values) & (small.flatten(1).std(1, keepdim=True) > PLAIN)).numpy()
    return np.asarray(np.packbits(bits, axis=1).view(np.uint64).ravel())


def distance(one: UInt64[np.ndarray, "pairs"], other: UInt64[np.ndarray, "pairs"]) -> Shaped[np.ndarray, "pairs"]:
    """In how many of the 64 bits they differ."""
    return np.asarray(np.bitwise_count(one ^ other))
