"""Frozen features: each picture becomes the output of a pretrained network, computed once and kept on disk."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from gdw.cache import cache_folder, digest
from gdw.data.dataset import Dataset
from gdw.pictures.extraction import Extraction, Progress, Seen
from gdw.pictures.feature_store import Rows, statistics
from gdw.pictures.on_disk import BATCH, Images, OnDisk
from gdw.pictures.pixels import Pixels
from gdw.pictures.pretrained import LITE0, chosen_size

THUMBNAIL = 96  # pixels: the longer side of the pictures kept for panels


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
    is used for evaluation. ``pictures`` hold small uint8 copies of the training pictures for figures. Labels, class
    names and file paths stay.

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

    Pictures that cannot be decoded are left out, with a note. Features that fit in memory are read into it.

    Raises:
        ValueError: points, not pictures; an unknown network; a size that it does not take; damaged weights.
        OSError: the network's weights are not on this machine and cannot be downloaded.
    """
    return described(
        dataset, network, image_size=image_size, mirrored=mirrored, cache=cache, device=device, progress=progress
    ).dataset(in_memory=True)[0]


def described(
    dataset: Dataset,
    network: str,
    *,
    image_size: int | None = None,
    mirrored: bool = False,
    cache: Path | None = None,
    device: torch.device | str = "auto",
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> "Described":
    """What is known of all pictures of a data set: features, which stay on disk, a hash and a fingerprint.

    The arguments and errors are those of ``with_features``.

    Args:
        executor: of machines that decode pictures and compute their features, where these are in files that all of
            them can read, by the same paths.
    """
    parts, size = dict(dataset.parts()), _size(dataset, network, image_size)
    extraction = Extraction(network, size, dataset.pixels.scale, cache_folder(cache), device, progress, executor)
    views = list(parts.values()) + ([_mirror(images) for images in parts.values()] if mirrored else [])
    found = extraction.run(views)
    first = dict(zip(parts, found[: len(parts)], strict=True))
    second = dict(zip(parts, found[len(parts) :], strict=True)) if mirrored else {}
    return Described(dataset, network, first, second, extraction.store.matrix)


def timed(dataset: Dataset, network: str, image_size: int | None = None) -> tuple[float, int]:
    """Seconds that the features of a picture take, timed on a batch from all over the data set, and their number.

    The arguments and errors are those of ``with_features``. Features that are on disk already take hardly any time.
    """
    size = _size(dataset, network, image_size)
    extraction = Extraction(network, size, dataset.pixels.scale, cache_folder(None), "auto")
    count = len(dataset.images)
    places = torch.linspace(0, count - 1, min(count, 1 + extraction.batch)).long()
    extraction.run([dataset.images[places[:1]]])  # loads the network
    start = perf_counter()
    extraction.run([dataset.images[places[1:]]])
    return (perf_counter() - start) / max(1, len(places) - 1), max(1, extraction.store.matrix.shape[1])


def features_of(
    images: Images, network: str, size: int, progress: Progress | None = None
) -> tuple[Float[np.ndarray, "good D"], list[int], dict[int, str]]:
    """Features of pictures in 0 ... 255 that belong to no data set; arguments and errors as for ``with_features``.

    Returns:
        The features of the pictures that can be decoded, the places of these, and why the others cannot.
    """
    extraction = Extraction(network, size, 255, cache_folder(None), "auto", progress)
    (seen,) = extraction.run([images])
    good = np.flatnonzero(seen.rows >= 0)
    return extraction.store.matrix[seen.rows[good]], good.tolist(), seen.broken


@dataclass(frozen=True, eq=False)
class Described:
    """The pictures of a data set as a network sees them.

    Attributes:
        of: the data set.
        network: name of the network.
        parts: what is known of each part, by the beginning of its fields' names.
        mirrored: the same of the mirrored pictures; empty without them.
        matrix: features of all pictures of the network's file.
    """

    of: Dataset
    network: str
    parts: dict[str, Seen]
    mirrored: dict[str, Seen]
    matrix: np.ndarray

    def chosen(self, least: int = 1) -> tuple[Dataset, dict[str, np.ndarray]]:
        """``Dataset.chosen`` of the pictures that can be decoded, with a note of the others."""
        good = {part: np.flatnonzero(seen.rows >= 0) for part, seen in self.parts.items()}
        broken = [message for seen in self.parts.values() for message in seen.broken.values()]
        if not broken:
            return self.of.chosen(least=least)
        note = f"passed over {len(broken)} broken pictures (first: {broken[0]})"
        return replace(self.of, notes=(*self.of.notes, note)).chosen(good, least, f"; {note}")

    def dataset(self, in_memory: bool, least: int = 1) -> tuple[Dataset, dict[str, np.ndarray]]:
        """The data set with features instead of pictures, by ``chosen``, and the places of its pictures."""
        found, places = self.chosen(least)
        pictures = found.images
        small = pictures if isinstance(pictures, OnDisk) else thumbnails(pictures.cpu(), self.of.pixels.scale)
        changed: dict[str, Any] = {"pictures": small}
        for part, _ in found.parts():
            rows = [OnDisk.all_of(Rows(self.matrix, view.rows[places[part]])) for view in self._views(part)]
            images: Images = rows[0] if len(rows) == 1 else torch.stack([view.read() for view in rows], 1)
            changed[f"{part}images"] = images.in_memory() if in_memory and isinstance(images, OnDisk) else images
        mean, std = (tuple(each.tolist()) for each in statistics(self.matrix, self.parts[""].rows[places[""]]))
        pixels = Pixels(1.0, mean, std, flip=bool(self.mirrored), views=bool(self.mirrored))
        name = f"{self.of.name}, features of {self.network}"
        return replace(found, name=name, pixels=pixels, origin=None, **changed), places  # not what was loaded

    def _views(self, part: str) -> list[Seen]:
        return [self.parts[part], *([self.mirrored[part]] if self.mirrored else [])]


def thumbnails(
    pictures: Shaped[Tensor, "pictures channels height width"], scale: float
) -> UInt8[Tensor, "pictures channels down across"]:
    """Pictures in 0 ... 255; larger ones reduced to 96 pixels on their longer side."""
    longer = max(pictures.shape[2:])
    if longer <= THUMBNAIL:
        return pictures if pictures.dtype == torch.uint8 and scale == 255 else _shades(pictures, scale)
    small = tuple(max(1, round(side * THUMBNAIL / longer)) for side in pictures.shape[2:])
    reduced = [interpolate(batch.float(), small, mode="bilinear", antialias=True) for batch in pictures.split(BATCH)]
    return torch.cat([_shades(batch, scale) for batch in reduced])


def _size(dataset: Dataset, network: str, image_size: int | None) -> int | None:
    """At which the network sees the pictures; other images are refused."""
    images = dataset.images
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"{dataset.name}: features are made of pictures [images, 1 or 3 channels, height, width], got images of "
            f"shape {tuple(images.shape)}"
        )
    scale = dataset.pixels.scale
    low, high = (0, scale) if isinstance(images, OnDisk) else (images.min().item(), images.max().item())  # uint8
    if not 0 <= low <= high <= scale:
        raise ValueError(
            f"{dataset.name}: pictures must lie in 0 ... {scale:g}, the scale of their pixels, got {low:g} to "
            f"{high:g}; give the data set its own, such as Pixels(scale=255)"
        )
    return chosen_size(network, (images.shape[2], images.shape[3]), image_size)


def _mirror(images: Images) -> Images:
    return OnDisk.all_of(Mirrored(images)) if isinstance(images, OnDisk) else images.flip(-1)


@dataclass(frozen=True)
class Mirrored:
    """A reader of the same pictures, mirrored left to right."""

    images: OnDisk
    dtype = torch.uint8

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture."""
        return self.images.reader.shape

    def __len__(self) -> int:
        return len(self.images)

    def read(self, places: np.ndarray, /) -> Tensor:
        """Read and mirror these."""
        return self.images.reader.read(self.images.places[places]).flip(-1)

    def stamp(self, place: int) -> tuple[bytes, bool]:
        """That of the picture, changed."""
        stamp, settled = self.images.stamp(place)
        return digest(b"mirrored" + stamp), settled


def _shades(pictures: Tensor, scale: float) -> UInt8[Tensor, "*shape"]:
    return (pictures.float() * (255 / scale)).round().clamp(0, 255).to(torch.uint8)
