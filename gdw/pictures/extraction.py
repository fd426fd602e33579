"""What is known of pictures: each is decoded, hashed and sent through a network once, by threads or other machines."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from gdw.cache import digest
from gdw.pictures.decoding import BrokenPictureError, PictureFiles, refuse_huge_pictures
from gdw.pictures.feature_store import FeatureStore
from gdw.pictures.on_disk import PENDING, Images, OnDisk, batched, elsewhere, in_batches, in_order
from gdw.pictures.pixels import fingerprints
from gdw.pictures.pretrained import WEIGHTS_FOLDER, Pretrained, given_weights, load_network, named, packaged_weights

LAYOUT = 3  # of what is computed and how it is written; with a new number all features are computed again
OVERSHOOT = 0.5  # of the scale, at most: resizing leaves that; normalised values go beyond
BATCH, GPU_BATCH = 16, 256  # pictures; always this many: a picture's features then do not depend on its neighbours
CHUNK = 256  # pictures: what an interruption loses at most

Known = dict[bytes, tuple[bytes, int]]  # of each file that was read before, by its stamp: key and fingerprint
Progress = Callable[[int, int], object]
"""Called with the number of pictures whose features are ready, and the number of all."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of the pictures of one part of a data set.

    Attributes:
        rows: where the features of each picture are; -1 for a picture that cannot be decoded.
        keys: a hash of each picture's values.
        fingerprints: uint64, nearly equal for pictures that look nearly equal (:mod:`gdw.pictures.pixels`).
        broken: why pictures could not be decoded, by their places.
    """

    rows: np.ndarray
    keys: list[bytes]
    fingerprints: np.ndarray
    broken: dict[int, str]

    def of(self, places: np.ndarray) -> "Seen":
        """Of the pictures at these places alone, none of which is broken."""
        return Seen(self.rows[places], [self.keys[place] for place in places], self.fingerprints[places], {})


def hashed(images: Images, scale: float) -> Seen:
    """What is known of pictures without a network."""
    parts = [(picture_keys(batch, scale), fingerprints(batch, scale)) for batch in in_batches(images)]
    keys = [key for part, _ in parts for key in part]
    return Seen(np.arange(len(keys)), keys, np.concatenate([prints for _, prints in parts]), {})


def picture_keys(pictures: Shaped[Tensor, "pictures *shape"], scale: float) -> list[bytes]:
    """A hash of each picture's values, with their shape, type and scale."""
    start = f"{tuple(pictures.shape[1:])} {pictures.dtype} {scale:g}".encode()
    return [digest(start + picture.tobytes()) for picture in pictures.contiguous().numpy()]


@dataclass(frozen=True, eq=False)
class _Batch:
    """A few pictures, decoded and hashed by another thread; those that are known already stay where they are.

    By another machine: ``pictures`` are their features then, and ``weights`` the hash of the network's.
    """

    places: list[int]
    pictures: list[Tensor | None]
    keys: list[bytes]
    fingerprints: list[int]
    stamps: list[bytes | None]
    broken: dict[int, str]
    weights: str = ""


class Extraction:
    """Finds features on disk and computes the others; the network is loaded only where one is missing."""

    def __init__(
        self, network: str, size: int | None, scale: float, folder: Path | None, device: torch.device | str,
        progress: Progress | None = None, executor: Executor | None = None,
    ):  # fmt: skip
        self.network, self.size, self.scale, self.folder, self.progress = network, size, scale, folder, progress
        self.executor, self.given = executor, (network, size, scale, folder, device)
        self.device = _resolved(device)
        self.batch = GPU_BATCH if self.device.type == "cuda" else BATCH
        packaged = packaged_weights(network)
        self.pretrained: Pretrained | None = None
        self.done = self.total = 0
        self.store = FeatureStore(self._place(packaged[1] if packaged else "*"))

    def run(self, parts: Sequence[Images]) -> list[Seen]:
        """What is known of the pictures of each part."""
        self.total, seen = sum(map(len, parts)), None
        if not len(self.store.matrix) or given_weights(self.network, self.folder):
            self._network()  # weights that are missing or others now are seen before a picture is decoded
        with refuse_huge_pictures():
            while seen != (self.store, self.store.generation):  # other weights than the file's, or other files: again
                seen, self.done = (self.store, self.store.generation), 0
                found = [self._describe(images) for images in parts]
        return found

    def _describe(self, images: Images) -> Seen:
        known = self.store.seen() if isinstance(images, OnDisk) else {}
        count = len(images)
        keys, prints, broken = [b""] * count, np.zeros(count, np.uint64), dict[int, str]()

        def take(batches: Sequence[_Batch]) -> None:
            for one in batches:
                broken.update(one.broken)
                for place, key, print_ in zip(one.places, one.keys, one.fingerprints, strict=True):
                    keys[place], prints[place] = key, print_
            self._compute(images, batches)

        with closing(self._looked(images, known)) as looked:  # after an interruption nobody waits for the rest
            for batches in looked:
                take(batches)
        rows = [-1 if place in broken else self.store.row(key) for place, key in enumerate(keys)]
        for places in batched([place for place, row in enumerate(rows) if row is None], CHUNK):  # damaged meanwhile
            take([self._look(images, places, {})])
            for place in places:
                rows[place] = -1 if place in broken else self.store.row(keys[place])
        return Seen(np.array(rows, np.int64), keys, prints, broken)

    def _looked(self, images: Images, known: Known) -> Generator[tuple[_Batch, ...]]:
        """What ``_look`` gives, chunk by chunk, a few begun ahead: by threads, or by other machines with features."""
        threads = max(2, os.cpu_count() or 1)
        step, pending = (min(self.batch, CHUNK), 2 * threads) if self.executor is None else (CHUNK, PENDING)
        with ThreadPoolExecutor(threads) as pool:
            begun = (self._begun(pool, images, places, known) for places in batched(range(len(images)), step))
            with closing(in_order(begun, pending)) as found:
                yield from batched(found, max(1, CHUNK // step))

    def _begun(self, pool: Executor, images: Images, places: tuple[int, ...], known: Known) -> Future[_Batch]:
        """Other machines get pictures in files, unless all of these are known already."""
        if (
            self.executor and isinstance(images, OnDisk) and isinstance(files := images.reader, PictureFiles)
            and not all(self._before(images, place, known)[1] for place in places)
        ):  # fmt: skip
            paths = [Path(files.paths[at]).absolute() for at in images.places[list(places)]]
            return elsewhere(self.executor, _computed, self.given, PictureFiles(paths, files.size), places)
        return pool.submit(self._look, images, places, known)

    def _before(self, images: Images, place: int, known: Known) -> tuple[bytes | None, tuple[bytes, int] | None]:
        """The stamp of a picture's file; its key and fingerprint, if it was seen before and its features are there."""
        stamp = _stamp(images, place)
        before = known.get(stamp) if stamp else None
        return stamp, None if before is None or self.store.row(before[0]) is None else before

    def _look(self, images: Images, places: tuple[int, ...], known: Known) -> _Batch:
        """Decode and hash pictures, but not those whose file was seen before and whose features are there."""
        found = _Batch(list(places), [], [], [], [], {})
        for place in places:
            stamp, before = self._before(images, place, known)
            picture, (key, fingerprint) = None, before or (b"", 0)
            if before is None:
                try:
                    picture = images[place]
                    over = OVERSHOOT * self.scale
                    if picture.is_floating_point() and not -over <= picture.min() <= picture.max() <= self.scale + over:
                        raise ValueError(
                            f"pictures must lie in 0 ... {self.scale:g}, the scale of their pixels, got "
                            f"{picture.min():g} to {picture.max():g}: leave out what normalises them"
                        )
                    key, fingerprint = (
                        picture_keys(picture[None], self.scale)[0],
                        fingerprints(picture[None], self.scale)[0],
                    )
                except BrokenPictureError as error:
                    found.broken[place] = str(error)
            found.pictures.append(picture)
            found.keys.append(key)
            found.fingerprints.append(int(fingerprint))
            found.stamps.append(stamp if picture is not None else None)
        return found

    def _compute(self, images: Images, batches: Sequence[_Batch]) -> None:
        """Add the missing features of these pictures to the file."""
        read = {key: picture for one in batches for key, picture in zip(one.keys, one.pictures, strict=True)
                if picture is not None}  # fmt: skip
        count = sum(len(one.places) for one in batches)
        if not read:
            self.done += count
            return
        if any(self.store.row(key) is None for key in read):
            self._network()
        with self.store.lock():
            missing = {key: picture for key, picture in read.items() if self.store.row(key) is None}
            self.done += count - len(missing)
            if missing:
                self.store.add(list(missing), self._features(list(missing.values()), batches[0].weights))
            self.store.remember([
                (stamp, key, print_) for one in batches
                for stamp, key, print_ in zip(one.stamps, one.keys, one.fingerprints, strict=True) if stamp
            ])  # fmt: skip

    def _network(self) -> Pretrained:
        """Loaded when it is first needed. Features in the file of other weights are not taken."""
        if self.pretrained is None:
            self.pretrained = load_network(self.network, self.size, self.folder and self.folder / WEIGHTS_FOLDER)
            self.pretrained.module.to(self.device).to(memory_format=torch.channels_last)
            place = self._place(self.pretrained.weights)
            if place != self.store.folder and self.store.kept:
                self.store = FeatureStore(place)
        return self.pretrained

    def _place(self, weights: str) -> Path | None:
        """The folder of these weights' features; for weights that are not known yet the only one that is there."""
        if self.folder is None:
            return None
        at = "own-size" if self.size is None else f"{self.size}px"
        version = metadata.version("timm")  # without importing it: that takes longer than reading 10,000 features
        name = f"{named(self.network)[0]}-{at}-{weights}-{version}-{LAYOUT}"
        there = sorted(self.folder.glob(name)) if weights == "*" else []
        return there[0] if len(there) == 1 else self.folder / name.replace("*", "unknown")

    def _features(self, pictures: list[Tensor], weights: str) -> Float[Tensor, "pictures D"]:
        network = self._network()
        if not weights:
            return self._forward(network, pictures)
        if weights != network.weights:
            raise ValueError(f"a machine that shares the work has other weights of {self.network}")
        self._count(len(pictures))
        return torch.stack(pictures)

    def _count(self, pictures: int) -> None:
        self.done += pictures
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _forward(self, network: Pretrained, pictures: list[Tensor]) -> Float[Tensor, "pictures D"]:
        """In batches of one size: the last is filled up, because all must go through the same arithmetic."""
        outputs = []
        for batch in batched(pictures, self.batch):
            filled = torch.stack([*batch, *batch[:1] * (self.batch - len(batch))])
            with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
                output = network.module(network.prepare(filled.to(self.device), self.scale))
            if output.ndim != 2 or not bool(output.isfinite().all()):
                raise ValueError(f"{self.network} must give one finite vector for a picture, got {tuple(output.shape)}")
            outputs.append(output[: len(batch)].float().cpu().clone())  # a copy outside inference mode
            self._count(len(batch))
        return torch.cat(outputs)


@cache
def _extraction(*given: Any) -> Extraction:
    """One of each kind in a process: its network is loaded once."""
    return Extraction(*given)


def _computed(given: tuple[Any, ...], files: PictureFiles, places: tuple[int, ...]) -> _Batch:
    """Decode pictures and compute their features in another process; ``places``: where they are in this one."""
    extraction, images = _extraction(*given), OnDisk.all_of(files)
    with refuse_huge_pictures():
        found = extraction._look(images, tuple(range(len(files))), {})
    network = extraction._network()
    pictures = [picture for picture in found.pictures if picture is not None]
    features = iter(extraction._forward(network, pictures) if pictures else ())
    of_each = [None if picture is None else next(features).clone() for picture in found.pictures]  # not views of all
    broken = {places[at]: said for at, said in found.broken.items()}
    return replace(found, places=list(places), broken=broken, pictures=of_each, weights=network.weights)


def _resolved(device: torch.device | str) -> torch.device:
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _stamp(images: Images, place: int) -> bytes | None:
    """Of the file of a picture, where it has one and the time of its last change can be trusted."""
    if not isinstance(images, OnDisk):
        return None
    try:
        stamp, settled = images.stamp(place)
    except OSError:  # reading it says why
        return None
    return stamp if settled else None
