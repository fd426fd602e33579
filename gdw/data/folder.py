"""A folder of pictures as a data set: decoded once, by several threads, and held as uint8."""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gdw.data.dataset import Dataset
from gdw.data.pixels import CIFAR_PIXELS, Pixels

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
COMMON_SIZE = 32  # pixels, height and width, where the pictures are of several sizes
PEEK = 100  # pictures looked at to learn whether they are all of one size
CHUNK = 256  # pictures a thread decodes at a time
THREADS = 4  # decoding lets other threads run, reading waits for the disk
LARGE = 4 * 2**30  # bytes of pixels above which a warning suggests smaller ones
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_SIZE = (32, 32)  # pixels, height and width
SMALLEST_DEVIATION = 1e-6  # of the range of shades; anything below is rounding


class SeveralSizesError(Exception):
    """A picture is not of the size that the others are."""


def load_folder(folder: Path, image_size: int | None = None) -> Dataset:
    """The data set in ``class/...``, or in ``train/class/...`` with ``test/class/...``; in colour.

    Pictures keep their size if they all have one; otherwise, or with ``image_size``, the middle square of each
    is resized. Means and deviations of the channels are those of the training pictures; training pictures are
    flipped and shifted by up to an eighth of their size. A folder of CIFAR-10's classes in CIFAR's size takes the
    published numbers, so that runs on it follow the published protocol.

    Args:
        folder: its classes are its folders in alphabetical order; files that are no pictures are passed over.
        image_size: height and width in pixels.

    Raises:
        ValueError: an empty folder, one class, a class without a picture, a broken picture, test classes that
            differ from the training classes.
    """
    if image_size is not None and image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, got {image_size}")
    trained = folder / "train"
    nested = trained.is_dir() and any(child.is_dir() for child in trained.iterdir())
    names, files, labels = _list_classes(trained if nested else folder)
    count = len(files)
    test_labels: list[int] = []
    if nested and (folder / "test").is_dir():
        test_names, test_files, test_labels = _list_classes(folder / "test")
        if test_names != names:
            raise ValueError(f"{folder}: train and test must hold the same classes, got {names} and {test_names}")
        files = files + test_files
    images = _decode(files, image_size)
    has_test = bool(test_labels)
    return Dataset(
        folder.resolve().name,
        names,
        images[:count],
        torch.tensor(labels),
        images[count:] if has_test else None,
        torch.tensor(test_labels) if has_test else None,
        _published_pixels(names, images) or _pixels(images[:count]),
    )


def _list_classes(folder: Path) -> tuple[tuple[str, ...], list[Path], list[int]]:
    """Names of the classes, the pictures in a fixed order, and the label of each."""
    classes = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if not classes:
        raise ValueError(f"{folder} is empty: it needs one folder of pictures for each class")
    if len(classes) == 1:
        raise ValueError(f"{folder} has only one class, {classes[0].name}: at least 2 are needed")
    files: list[Path] = []
    labels: list[int] = []
    for label, directory in enumerate(classes):
        pictures = sorted(file for file in directory.rglob("*") if file.suffix.lower() in ENDINGS)
        if not pictures:
            raise ValueError(f"class {directory.name} has no picture in {directory}")
        files += pictures
        labels += [label] * len(pictures)
    return tuple(directory.name for directory in classes), files, labels


def _decode(files: list[Path], image_size: int | None) -> UInt8[Tensor, "images 3 height width"]:
    if image_size is None:
        size = _one_size(files)
        if size is not None:
            try:
                return _decode_all(files, size, resize=False)
            except SeveralSizesError:
                pass
        image_size = COMMON_SIZE
    return _decode_all(files, (image_size, image_size), resize=True)


def _one_size(files: list[Path]) -> tuple[int, int] | None:
    """Height and width that a sample of the pictures shares; None where they differ."""
    sample = files[:: max(1, len(files) // PEEK)]
    sizes = {_read(file, None).shape[:2] for file in sample}
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

    def fill(start: int) -> None:
        for place, file in enumerate(files[start : start + CHUNK], start):
            picture = _read(file, size if resize else None)
            if picture.shape != shape:
                raise SeveralSizesError
            images[place] = picture.transpose(2, 0, 1)

    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [pool.submit(fill, start) for start in range(0, len(files), CHUNK)]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # one bad picture ends it: the others need not be read
            raise
    return torch.from_numpy(images)


def _read(file: Path, size: tuple[int, int] | None) -> np.ndarray:
    """One picture in colour and upright, uint8 [height, width, 3]; with a size, its middle part resized to it."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as picture:
            if size is not None:
                picture.draft("RGB", size[::-1])  # a large JPEG is decoded at a fraction of its size
            upright = ImageOps.exif_transpose(picture)
            if upright.mode != "RGB":
                upright = upright.convert("RGB")
            if size is not None:
                upright = ImageOps.fit(upright, size[::-1])
            return np.asarray(upright)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # Pillow's ways to say so
        raise ValueError(f"broken picture: {file} ({error})") from error


def _published_pixels(names: tuple[str, ...], images: UInt8[Tensor, "images 3 height width"]) -> Pixels | None:
    return CIFAR_PIXELS if names == CIFAR10_CLASSES and images.shape[2:] == CIFAR_SIZE else None


def _pixels(images: UInt8[Tensor, "images 3 height width"]) -> Pixels:
    """Statistics of each channel, from how often each shade occurs; a channel of one shade keeps a deviation of 1."""
    shades = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in images.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        middle = (share * shades).sum()
        deviation = float((share * (shades - middle).square()).sum().sqrt())
        mean.append(float(middle))
        std.append(deviation if deviation > SMALLEST_DEVIATION else 1.0)
    return Pixels(255, tuple(mean), tuple(std), pad=min(images.shape[2:]) // 8, flip=True)
