"""Frozen features: each picture becomes the output of a pretrained network, computed once and kept on disk."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from gdw.cache import Cache, as_table, cache_folder, digest, from_table
from gdw.data.dataset import PARTS, Dataset
from gdw.data.pixels import Pixels
from gdw.data.pretrained import (
    LITE0,
    WEIGHTS_FOLDER,
    Pretrained,
    chosen_size,
    load_network,
    packaged_weights,
)

LAYOUT = 1  # of what is computed and how it is written; with a new number all features are computed again
BATCH = 16  # pictures; always this many: a picture's features then do not depend on its neighbours
CHUNK = 256  # pictures in a file: what an interruption loses at most
THUMBNAIL = 96  # pixels: the longer side of the pictures kept for panels
SMALLEST_DEVIATION = 1e-6  # of a feature; one that is the same for all pictures keeps a deviation of 1

Progress = Callable[[int, int], object]
"""Called with the number of pictures whose features are ready, and the number of all."""


def with_features(
    dataset: Dataset,
    network: str = LITE0,
    *,
    image_size: int | None = None,
    mirrored: bool = False,
    cache: Path | None = None,
    device: torch.device | str = "auto",
    progress: Progress | None = None,
) -> Dataset:
    """The data set with a pretrained network's features instead of its pictures.

    Its ``images`` are float32 [images, D], before standardisation; its ``pixels`` standardise each feature by the
    mean and the deviation of the training pictures. With ``mirrored`` they are [images, 2, D], the features of the
    picture and of the mirrored picture: each time a picture is drawn, one of the two is taken at random; the first
    is used for evaluation. ``pictures`` (``test_pictures``, ``validation_pictures``) hold small uint8 copies of the
    pictures for figures.
    Labels, class names and file paths stay.

    A picture's features are kept under a hash of the picture, by network, weights and size: only new or changed
    pictures are computed, an interrupted extraction continues where it stopped, and data sets share what they have in
    common. A cache that cannot be read or written costs time and a warning.

    Args:
        dataset: of pictures, with one channel or three.
        network: any pretrained network that timm has (``timm.list_pretrained()``); it is used without its head.
        image_size: height and width in pixels at which the network sees a picture: its middle square is resized.
            Default: the network's own size; 128 for the default network and pictures of at most 64 x 64.
        mirrored: whether pictures are mirrored left to right as augmentation.
        cache: folder for features. Default: the folder that the environment variable ``GDW_CACHE`` names, else
            ``~/.cache/gdw/features``. Weights of a network that were loaded by hand go to its folder ``weights``.
        device: computes the features; ``"auto"`` takes CUDA where there is one, else the CPU.
        progress: called after each batch; not at all where everything is on disk.

    Raises:
        ValueError: points, not pictures; an unknown network; a size that it does not take; damaged weights.
        OSError: the network's weights are not on this machine and cannot be downloaded.
    """
    _check(dataset)
    scale = dataset.pixels.scale
    height, width = dataset.images.shape[2:]
    size = chosen_size(network, (height, width), image_size)
    stored = {part: getattr(dataset, f"{part}images") for part in PARTS.values()}
    stored = {part: images.cpu() for part, images in stored.items() if images is not None}
    views = {(part, 0): images for part, images in stored.items()}
    if mirrored:
        views |= {(part, 1): images.flip(-1) for part, images in stored.items()}
    extraction = _Extraction(network, size, scale, cache_folder(cache), device, progress)
    found = dict(zip(views, extraction.run(list(views.values())), strict=True))
    changed: dict[str, Any] = {}
    for part, pictures in stored.items():
        features = found[part, 0]
        changed[f"{part}images"] = torch.stack([features, found[part, 1]], 1) if mirrored else features
        changed[f"{part}pictures"] = thumbnails(pictures, scale)
    mean, std = _statistics(found["", 0])
    name = f"{dataset.name}, features of {network}"
    pixels = Pixels(1.0, mean, std, flip=mirrored, views=mirrored)
    return replace(dataset, name=name, pixels=pixels, origin=None, **changed)  # it is not what load_dataset gave


def thumbnails(
    pictures: Shaped[Tensor, "pictures channels height width"], scale: float
) -> UInt8[Tensor, "pictures channels down across"]:
    """Pictures in 0 ... 255; larger ones reduced to 96 pixels on their longer side."""
    longer = max(pictures.shape[2:])
    if longer <= THUMBNAIL:
        return pictures if pictures.dtype == torch.uint8 and scale == 255 else _shades(pictures, scale)
    small = tuple(max(1, round(side * THUMBNAIL / longer)) for side in pictures.shape[2:])
    reduced = [interpolate(batch.float(), small, mode="bilinear", antialias=True) for batch in pictures.split(CHUNK)]
    return torch.cat([_shades(batch, scale) for batch in reduced])


def picture_keys(pictures: Shaped[Tensor, "pictures *shape"], scale: float) -> list[bytes]:
    """A hash of each picture's values, with their shape, type and scale."""
    start = f"{tuple(pictures.shape[1:])} {pictures.dtype} {scale:g}".encode()
    return [digest(start + picture.tobytes()) for picture in pictures.contiguous().numpy()]


class FeatureCache(Cache):
    """The features of one network at one size, in files with a few hundred pictures each.

    Args:
        folder: as for :class:`gdw.cache.Cache`.
    """

    def __init__(self, folder: Path | None):
        super().__init__(folder, "features", "weights")
        self._keys: dict[str, tuple[str, list[bytes]]] = {}  # weights and pictures of each file that was read

    def find(self, keys: Iterable[bytes], weights: str | None) -> dict[bytes, Float[Tensor, "D"]]:
        """The features of those pictures that are on disk.

        Args:
            keys: of pictures.
            weights: the hash of the network's weights; features of other weights are not taken. None: it is not
                known yet; then everything is taken if all files agree, and nothing otherwise.
        """
        wanted, names = set(keys), self.names()
        found: dict[bytes, Tensor] = {}
        for name in names:
            if name not in self._keys and (read := self.load(name, "keys")) is not None:
                self._keys[name] = read[0], from_table(read[1]["keys"])
        names = [name for name in names if name in self._keys]
        if weights is None:
            known = {self._keys[name][0] for name in names}
            if len(known) != 1:
                return {}
            weights = known.pop()
        for name in names:
            theirs, inside = self._keys[name]
            if theirs == weights and not wanted.isdisjoint(inside):
                read = self.load(name, "features")
                if read is None:
                    del self._keys[name]
                else:
                    rows = zip(inside, read[1]["features"].unbind(0), strict=True)
                    found |= {key: row for key, row in rows if key in wanted}
        return found

    def add(self, keys: list[bytes], features: Float[Tensor, "pictures D"], weights: str) -> None:
        """Write a file with these pictures' features."""
        name = digest(b"".join(keys) + weights.encode()).hex()
        self.save(name, weights, keys=as_table(keys), features=features)


class _Extraction:
    """Finds features on disk and computes the others; the network is loaded only where one is missing."""

    def __init__(
        self, network: str, size: int | None, scale: float, folder: Path | None, device: torch.device | str,
        progress: Progress | None,
    ):  # fmt: skip
        self.network, self.size, self.scale, self.progress = network, size, scale, progress
        self.weights_folder = folder and folder / WEIGHTS_FOLDER
        self.device = _resolved(device)
        packaged = packaged_weights(network)
        self.weights = packaged[1] if packaged else None  # of the others: known once they are loaded
        at = "own-size" if size is None else f"{size}px"
        version = metadata.version("timm")  # without importing it: that takes longer than reading 10,000 features
        key = f"{network}-{at}-{self.weights or 'timm'}-{version}-{LAYOUT}"
        self.cache = FeatureCache(folder and folder / key)

    def run(self, parts: list[Tensor]) -> list[Float[Tensor, "pictures D"]]:
        keys = [picture_keys(pictures, self.scale) for pictures in parts]
        every = set().union(*keys)
        found = self.cache.find(every, self.weights)
        if len(found) < len(every):
            pretrained = load_network(self.network, self.size, self.weights_folder)
            if pretrained.weights != self.weights:  # they were not known, or are not those of the files
                self.weights = pretrained.weights
                found = self.cache.find(every, self.weights)
            pretrained.module.to(self.device).to(memory_format=torch.channels_last)
            for pictures, names in zip(parts, keys, strict=True):
                self._compute(pretrained, pictures, names, found, len(every))
        return [torch.stack([found[key] for key in names]) for names in keys]

    def _compute(
        self, pretrained: Pretrained, pictures: Tensor, keys: list[bytes], found: dict[bytes, Tensor], total: int
    ) -> None:
        """Add the missing features of one set of pictures to ``found`` and to the cache, chunk by chunk."""
        missing = {key: place for place, key in enumerate(keys) if key not in found}  # copies once
        names = list(missing)
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            with self.cache.lock():
                found |= self.cache.find(chunk, pretrained.weights)  # another process may have been faster
                chunk = [key for key in chunk if key not in found]
                if chunk:
                    rows = self._forward(pretrained, pictures[[missing[key] for key in chunk]], len(found), total)
                    self.cache.add(chunk, rows, pretrained.weights)
                    found |= dict(zip(chunk, rows.unbind(0), strict=True))

    def _forward(self, pretrained: Pretrained, pictures: Tensor, done: int, total: int) -> Float[Tensor, "pictures D"]:
        """In batches of one size: the last is filled up, because all must go through the same arithmetic."""
        outputs = []
        for batch in pictures.split(BATCH):
            count = len(batch)
            batch = torch.cat([batch, batch[:1].expand(BATCH - count, *batch.shape[1:])])
            with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
                output = pretrained.module(pretrained.prepare(batch.to(self.device), self.scale))
            if output.ndim != 2 or not bool(output.isfinite().all()):
                raise ValueError(f"{self.network} must give one finite vector for a picture, got {tuple(output.shape)}")
            outputs.append(output[:count].float().cpu().clone())  # a copy outside inference mode may be trained on
            done += count
            if self.progress is not None:
                self.progress(done, total)
        return torch.cat(outputs)


def _check(dataset: Dataset) -> None:
    images = dataset.images
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"{dataset.name}: features are made of pictures [images, 1 or 3 channels, height, width], got images of "
            f"shape {tuple(images.shape)}"
        )
    low, high, scale = images.min().item(), images.max().item(), dataset.pixels.scale
    if not 0 <= low <= high <= scale:
        raise ValueError(
            f"{dataset.name}: pictures must lie in 0 ... {scale:g}, the scale of their pixels, got {low:g} to "
            f"{high:g}; give the data set its own, such as Pixels(scale=255)"
        )


def _resolved(device: torch.device | str) -> torch.device:
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _statistics(features: Float[Tensor, "images D"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each feature, in float64."""
    values = features.double()
    std = values.std(0, correction=0)
    return tuple(values.mean(0).tolist()), tuple(std.where(std > SMALLEST_DEVIATION, 1.0).tolist())


def _shades(pictures: Tensor, scale: float) -> UInt8[Tensor, "*shape"]:
    return (pictures.float() * (255 / scale)).round().clamp(0, 255).to(torch.uint8)
