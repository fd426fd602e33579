"""Frozen features: each picture becomes the output of a pretrained network, computed once and kept on disk."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
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
from gdw.data.feature_store import FeatureStore, Rows
from gdw.data.on_disk import Images, OnDisk, ahead, batched, elsewhere, in_batches, in_order
from gdw.data.pictures import NAMED, BrokenPictureError, PictureFiles, refuse_huge_pictures
from gdw.data.pixels import Pixels, fingerprints
from gdw.data.pretrained import (
    LITE0,
    WEIGHTS_FOLDER,
    Pretrained,
    chosen_size,
    load_network,
    named,
    packaged_weights,
)

LAYOUT = 2  # of what is computed and how it is written; with a new number all features are computed again
BATCH, GPU_BATCH = 16, 256  # pictures; always this many: a picture's features then do not depend on its neighbours
CHUNK = 256  # pictures: what an interruption loses at most
THUMBNAIL = 96  # pixels: the longer side of the pictures kept for panels
SMALLEST_DEVIATION = 1e-6  # of a feature; one that is the same for all pictures keeps a deviation of 1
ROWS = 4096  # of features, read at a time

Known = dict[bytes, tuple[bytes, int]]  # of each file that was read before, by its stamp: key and fingerprint
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

    Pictures that cannot be decoded are left out, with a note. Features that fit in memory are read into it.

    Raises:
        ValueError: points, not pictures; an unknown network; a size that it does not take; damaged weights.
        OSError: the network's weights are not on this machine and cannot be downloaded.
    """
    return described(
        dataset, network, image_size=image_size, mirrored=mirrored, cache=cache, device=device, progress=progress
    ).dataset(in_memory=True)


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
    _check(dataset)
    height, width = dataset.images.shape[2:]
    size = chosen_size(network, (height, width), image_size)
    parts = dict(dataset.parts())
    extraction = _Extraction(network, size, dataset.pixels.scale, cache_folder(cache), device, progress, executor)
    views = list(parts.values()) + ([_mirror(images) for images in parts.values()] if mirrored else [])
    found = extraction.run(views)
    first = dict(zip(parts, found[: len(parts)], strict=True))
    second = dict(zip(parts, found[len(parts) :], strict=True)) if mirrored else {}
    return Described(dataset, network, first, second, extraction.store.matrix)


def timed(dataset: Dataset, network: str, image_size: int | None = None) -> tuple[float, int]:
    """Seconds that the features of a picture take, timed on a batch from all over the data set, and their number.

    The arguments and errors are those of ``with_features``. Features that are on disk already take hardly any time.
    """
    _check(dataset)
    height, width = dataset.images.shape[2:]
    size = chosen_size(network, (height, width), image_size)
    extraction = _Extraction(network, size, dataset.pixels.scale, cache_folder(None), "auto")
    count = len(dataset.images)
    places = torch.linspace(0, count - 1, min(count, 1 + extraction.batch)).long()
    extraction.run([dataset.images[places[:1]]])  # loads the network
    start = perf_counter()
    extraction.run([dataset.images[places[1:]]])
    return (perf_counter() - start) / max(1, len(places) - 1), extraction.store.matrix.shape[1]


def features_of(
    images: Images, network: str, size: int, progress: Progress | None = None
) -> tuple[Float[np.ndarray, "good D"], list[int], dict[int, str]]:
    """Features of pictures in 0 ... 255 that belong to no data set; arguments and errors as for ``with_features``.

    Returns:
        The features of the pictures that can be decoded, the places of these, and why the others cannot.
    """
    extraction = _Extraction(network, size, 255, cache_folder(None), "auto", progress)
    (seen,) = extraction.run([images])
    good = np.flatnonzero(seen.rows >= 0)
    return extraction.store.matrix[seen.rows[good]], good.tolist(), seen.broken


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of the pictures of one part of a data set.

    Attributes:
        rows: where the features of each picture are; -1 for a picture that cannot be decoded.
        keys: a hash of each picture's values.
        fingerprints: uint64, nearly equal for pictures that look nearly equal (:mod:`gdw.data.fingerprints`).
        broken: why pictures could not be decoded, by their places.
    """

    rows: np.ndarray
    keys: list[bytes]
    fingerprints: np.ndarray
    broken: dict[int, str]


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

    def dataset(self, in_memory: bool) -> Dataset:
        """The data set with features instead of pictures, without pictures that cannot be decoded.

        Raises:
            ValueError: all training pictures of a class are of these; names them.
        """
        changed: dict[str, Any] = {}
        for part, seen in self.parts.items():
            good = np.flatnonzero(seen.rows >= 0)
            if not part:
                self._refuse_lost_classes(good)
            rows = [OnDisk.all_of(Rows(self.matrix, view.rows[good])) for view in self._views(part)]
            images: Images = rows[0] if len(rows) == 1 else torch.stack([view.read() for view in rows], 1)
            changed[f"{part}images"] = images.in_memory() if in_memory and isinstance(images, OnDisk) else images
            pictures = getattr(self.of, f"{part}images")
            pictures = pictures if len(good) == len(pictures) else pictures[torch.from_numpy(good)]
            on_disk = isinstance(pictures, OnDisk)
            changed[f"{part}pictures"] = pictures if on_disk else thumbnails(pictures.cpu(), self.of.pixels.scale)
            if len(good) < len(seen.rows):
                changed[f"{part}labels"] = getattr(self.of, f"{part}labels")[torch.from_numpy(good)]
                paths = getattr(self.of, f"{part}paths")
                changed[f"{part}paths"] = paths and tuple(paths[place] for place in good)
        mean, std = _statistics(self.matrix, self.parts[""].rows)
        pixels = Pixels(1.0, mean, std, flip=bool(self.mirrored), views=bool(self.mirrored))
        name = f"{self.of.name}, features of {self.network}"
        notes = (*self.of.notes, *self._notes())
        return replace(self.of, name=name, pixels=pixels, origin=None, notes=notes, **changed)  # not what was loaded

    def kept(self) -> dict[str, Seen]:
        """What is known of the pictures that could be decoded, which are those of ``dataset``."""
        found = {}
        for part, seen in self.parts.items():
            good = np.flatnonzero(seen.rows >= 0)
            found[part] = Seen(seen.rows[good], [seen.keys[place] for place in good], seen.fingerprints[good], {})
        return found

    def _refuse_lost_classes(self, good: np.ndarray) -> None:
        labels = self.of.labels.numpy()
        for label in sorted({*labels.tolist()}.difference(labels[good].tolist())):
            why = [said for place, said in self.parts[""].broken.items() if labels[place] == label]
            more = f" and {len(why) - NAMED} more" if len(why) > NAMED else ""
            name = f"{self.of.name}: class {self.of.class_names[label]}"
            raise ValueError(f"{name} has no picture that can be decoded: {', '.join(why[:NAMED])}{more}")

    def _views(self, part: str) -> list[Seen]:
        return [self.parts[part], *([self.mirrored[part]] if self.mirrored else [])]

    def _notes(self) -> list[str]:
        broken = [message for seen in self.parts.values() for message in seen.broken.values()]
        return [f"passed over {len(broken)} broken pictures (first: {broken[0]})"] if broken else []


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


class _Extraction:
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
        self.total, store = sum(map(len, parts)), None
        if not len(self.store.matrix):  # weights that are missing are said before a picture is decoded
            self._network()
        with refuse_huge_pictures():
            while store is not self.store:  # the weights turned out to be others than those of the file: once more
                store, self.done = self.store, 0
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
        for place in [place for place, row in enumerate(rows) if row is None]:  # damaged meanwhile
            take([self._look(images, (place,), {})])
            rows[place] = -1 if place in broken else self.store.row(keys[place])
        return Seen(np.array(rows, np.int64), keys, prints, broken)

    def _looked(self, images: Images, known: Known) -> Generator[tuple[_Batch, ...]]:
        """What ``_look`` gives, chunk by chunk; by other machines, which compute features too, unless all are known."""
        executor, files = self.executor, images.reader if isinstance(images, OnDisk) else None
        if executor is None or not isinstance(images, OnDisk) or not isinstance(files, PictureFiles):
            step = min(self.batch, CHUNK)
            found = ahead(partial(self._look, images, known=known), batched(range(len(images)), step))
            yield from batched(found, max(1, CHUNK // step))
            return

        def known_or_asked(places: tuple[int, ...]) -> _Batch | tuple[int, ...]:
            whole = all(self._before(images, place, known)[1] for place in places)
            return self._look(images, places, known) if whole else places

        def begun(one: _Batch | tuple[int, ...]) -> Future[_Batch]:
            if isinstance(one, _Batch):
                there = Future[_Batch]()
                there.set_result(one)
                return there
            asked = PictureFiles([Path(files.paths[at]).absolute() for at in images.places[list(one)]], files.size)
            return elsewhere(executor, _computed, self.given, asked, one)

        with closing(ahead(known_or_asked, batched(range(len(images)), CHUNK))) as looked:
            for batch in in_order(map(begun, looked)):
                yield (batch,)

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
def _extraction(*given: Any) -> _Extraction:
    """One of each kind in a process: its network is loaded once."""
    return _Extraction(*given)


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


def _check(dataset: Dataset) -> None:
    images = dataset.images
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"{dataset.name}: features are made of pictures [images, 1 or 3 channels, height, width], got images of "
            f"shape {tuple(images.shape)}"
        )
    if isinstance(images, OnDisk):  # uint8
        return
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


def _statistics(matrix: np.ndarray, rows: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each feature in these rows, in float64, read in blocks."""
    rows = rows[rows >= 0]
    blocks = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    mean = sum(matrix[block].sum(0, dtype=np.float64) for block in blocks) / len(rows)
    std = np.sqrt(sum(np.square(matrix[block] - mean).sum(0) for block in blocks) / len(rows))
    return tuple(mean.tolist()), tuple(np.where(std > SMALLEST_DEVIATION, std, 1.0).tolist())


def _stamp(images: Images, place: int) -> bytes | None:
    """Of the file of a picture, where it has one and the time of its last change can be trusted."""
    if not isinstance(images, OnDisk):
        return None
    try:
        stamp, settled = images.stamp(place)
    except OSError:  # reading it says why
        return None
    return stamp if settled else None


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
