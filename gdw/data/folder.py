"""A folder of pictures as a data set: decoded once, by several threads, and held as uint8."""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gdw.data.content import content_of_files
from gdw.data.dataset import Dataset
from gdw.data.picture import BrokenPictureError, huge_pictures_refused, read_picture, size_of
from gdw.data.picture_cache import kept
from gdw.data.pixels import CIFAR_PIXELS, Pixels
from gdw.data.pretrained import SMALL_PICTURE
from gdw.data.scan import scan

COMMON_SIZE = 32  # pixels, height and width, where the pictures are of several sizes
PEEK = 100  # pictures looked at to learn whether they are all of one size
CHUNK = 256  # pictures a thread decodes at a time
THREADS = 4  # decoding lets other threads run, reading waits for the disk
NAMED = 10  # broken pictures that an error names; the others are counted
LARGE = 4 * 2**30  # bytes of pixels above which a warning suggests smaller ones
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_SIZE = (32, 32)  # pixels, height and width
SMALLEST_DEVIATION = 1e-6  # of the range of shades; anything below is rounding


class SeveralSizesError(Exception):
    """A picture is not of the size that the others are."""


def load_folder(folder: Path, image_size: int | None = None, seen_at: int | None = None) -> Dataset:
    """The data set in ``class/...``, or in ``train/class/...`` with ``val/...`` and ``test/...``; in colour.

    Pictures keep their size if they all have one; otherwise, or with ``image_size``, the middle square of each
    is resized (``decode``). Means and deviations of the channels are those of the training pictures; training
    pictures are flipped and shifted by up to an eighth of their size. A folder of CIFAR-10's classes in CIFAR's size
    takes the published numbers. Runs on it then follow the published protocol.

    Args:
        folder: see :func:`gdw.data.scan.scan`; its classes are numbered in natural order (2 before 10). What is
            passed over is reported in one warning and kept in the data set's ``notes``.
        image_size: height and width in pixels.
        seen_at: see ``decode``.

    Raises:
        ValueError: an empty folder, one class, a class without a picture, broken pictures, splits whose classes
            differ.
    """
    require_size(image_size)
    found = scan(folder)
    all_files = [file for theirs, _ in found.splits.values() for file in theirs]
    images = decode(all_files, image_size, seen_at)
    notes = found.notes + (reduced(all_files, images) if image_size is None and seen_at is None else ())
    say(folder, notes)
    parts = images.split([len(labels) for _, labels in found.splits.values()])
    fields = {}
    for split, part, (files, labels) in zip(found.splits, parts, found.splits.values(), strict=True):
        prefix = "" if split == "train" else f"{split}_"
        fields[f"{prefix}images"], fields[f"{prefix}labels"] = part, torch.tensor(labels)
        fields[f"{prefix}paths"] = tuple(file.relative_to(folder).as_posix() for file in files)
    return Dataset(
        folder.resolve().name,
        found.class_names,
        **fields,
        pixels=_published_pixels(found.class_names, images) or channel_statistics(parts[0]),
        notes=notes,
        content=content_of_files(folder, all_files),
    )


def reduced(files: list[Path], images: UInt8[Tensor, "images 3 height width"]) -> tuple[str, ...]:
    """A note where the pictures of several sizes were larger than they are now: nobody asked for that."""
    height, width = images.shape[2:]
    largest = max((max(size) for size in map(size_of, _sample(files)) if size is not None), default=0)
    if (height, width) != (COMMON_SIZE, COMMON_SIZE) or largest <= COMMON_SIZE:
        return ()
    return (f"pictures of several sizes, up to {largest} pixels, are read at {height} x {width}: image_size=... keeps "
            "more of them",)  # fmt: skip


def _sample(files: list[Path]) -> list[Path]:
    return files[:: max(1, len(files) // PEEK)]


def say(folder: Path, notes: tuple[str, ...], stacklevel: int = 5) -> None:
    """One warning for everything that was passed over, at the line that asked for the data set."""
    if notes:
        warnings.warn(f"{folder}: {'; '.join(notes)}", stacklevel=stacklevel)


def require_size(image_size: int | None) -> None:
    """Raise ``ValueError`` for a size without a pixel."""
    if image_size is not None and image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, got {image_size}")


def decode(
    files: list[Path], image_size: int | None, seen_at: int | None = None, table: Path | None = None
) -> UInt8[Tensor, "images 3 height width"]:
    """All pictures in one size: their own if they share one, otherwise ``image_size`` or 32.

    Args:
        table: that chose the files; what is kept on disk for it is kept beside that of the whole folder.
        seen_at: height and width in pixels at which a network will see the pictures. Without ``image_size``, pictures
            of several sizes and pictures larger than 64 pixels are read in this size: no detail that the network could
            see is lost, and no larger copy is held.

    Raises:
        ValueError: broken pictures; names the first ten and counts the others.
    """
    import PIL

    rule = f"{image_size} {seen_at} {table} Pillow {PIL.__version__}"
    return kept(files, rule, lambda: _decoded(files, image_size, seen_at))


def _decoded(
    files: list[Path], image_size: int | None, seen_at: int | None
) -> UInt8[Tensor, "images 3 height width"]:
    with huge_pictures_refused():
        if image_size is None:
            size = _one_size(files, None if seen_at is None else SMALL_PICTURE)
            if size is not None:
                try:
                    return _decode_all(files, size, resize=False)
                except SeveralSizesError:
                    pass
            image_size = seen_at or COMMON_SIZE
        return _decode_all(files, (image_size, image_size), resize=True)


def _one_size(files: list[Path], largest: int | None) -> tuple[int, int] | None:
    """Height and width that a sample of the pictures shares; None where they differ, or one is above ``largest``."""
    sample, sizes = _sample(files), set()
    if largest is not None and any(max(size) > largest for size in map(size_of, sample) if size is not None):
        return None  # without reading a large picture
    for file in sample:
        with suppress(BrokenPictureError):  # named later, with all the others
            sizes.add(read_picture(file).shape[:2])
    return sizes.pop() if len(sizes) == 1 else None


def _decode_all(files: list[Path], size: tuple[int, int], resize: bool) -> UInt8[Tensor, "images 3 height width"]:
    """All pictures, each of ``size`` or resized to it."""
    shape = (*size, 3)
    if (needed := len(files) * math.prod(shape)) > LARGE:
        warnings.warn(
            f"{len(files)} pictures of {size[0]} x {size[1]} take {needed / 2**30:.1f} GiB of memory; "
            "image_size makes them smaller",
            stacklevel=2,
        )
    images = np.empty((len(files), 3, *size), np.uint8)

    def fill(start: int) -> list[str]:
        broken = []
        for place, file in enumerate(files[start : start + CHUNK], start):
            try:
                picture = read_picture(file, size if resize else None)
            except BrokenPictureError as error:
                broken.append(str(error))
                continue
            if picture.shape != shape:
                raise SeveralSizesError
            images[place] = picture.transpose(2, 0, 1)
        return broken

    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [pool.submit(fill, start) for start in range(0, len(files), CHUNK)]
        try:
            broken = [message for job in jobs for message in job.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)  # a picture of another size ends it: all are read again
            raise
    if broken:
        raise ValueError(_names(broken))
    return torch.from_numpy(images)


def _names(broken: list[str]) -> str:
    if len(broken) == 1:
        return f"broken picture: {broken[0]}"
    more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return f"{len(broken)} broken pictures: {', '.join(broken[:NAMED])}{more}"


def _published_pixels(names: tuple[str, ...], images: UInt8[Tensor, "images 3 height width"]) -> Pixels | None:
    return CIFAR_PIXELS if names == CIFAR10_CLASSES and images.shape[2:] == CIFAR_SIZE else None


def channel_statistics(images: UInt8[Tensor, "images 3 height width"]) -> Pixels:
    """Mean and deviation of each channel, by how often each shade occurs; a deviation of 0 becomes 1."""
    shades = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in images.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        middle = (share * shades).sum()
        deviation = float((share * (shades - middle).square()).sum().sqrt())
        mean.append(float(middle))
        std.append(deviation if deviation > SMALLEST_DEVIATION else 1.0)
    return Pixels(255, tuple(mean), tuple(std), pad=min(images.shape[2:]) // 8, flip=True)
