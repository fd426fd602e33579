"""Images and their true labels, by name, or from a folder of pictures."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from gdw.data.dataset import Dataset
from gdw.data.pixels import Pixels
from gdw.errors import unknown

PATH_MARKS = "/\\~"  # a name with one of these is a path
CLOUD_NAMES = ("amber", "blue", "rose")
CLOUD_POINTS = 300  # in each class
CLOUD_TURN = 3.2  # radians that an arm turns from its inner end to its outer one
CLOUD_INNER, CLOUD_OUTER = 0.3, 2.0  # distance of an arm's two ends from the origin
CLOUD_SPREAD = 0.2  # standard deviation around the arm: neighbours touch and overlap a little
CLOUD_SEED = 0


def _digits(root: Path | None) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8 x 8, in 17 shades."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype("uint8")).unsqueeze(1)
    names = tuple(str(name) for name in digits.target_names)
    pixels = Pixels(scale=16, mean=(0.5,), std=(1.0,))
    return Dataset("digits", names, images, torch.from_numpy(digits.target).long(), pixels=pixels)


def _clouds(root: Path | None) -> Dataset:
    """Three arms of a galaxy: points in the plane, for pictures of decision regions."""
    random = torch.Generator().manual_seed(CLOUD_SEED)
    along = torch.linspace(0, 1, CLOUD_POINTS)
    arms = []
    for label in range(len(CLOUD_NAMES)):
        angle = 2 * torch.pi * label / len(CLOUD_NAMES) + CLOUD_TURN * along
        distance = CLOUD_INNER + (CLOUD_OUTER - CLOUD_INNER) * along
        arm = distance[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
        arms.append(arm + CLOUD_SPREAD * torch.randn(CLOUD_POINTS, 2, generator=random))
    labels = torch.arange(len(CLOUD_NAMES)).repeat_interleave(CLOUD_POINTS)
    return Dataset("clouds", CLOUD_NAMES, torch.cat(arms), labels)


def _published(name: str) -> Callable[[Path | None], Dataset]:
    def load(root: Path | None) -> Dataset:
        from gdw.data.published import load_published

        return load_published(name, root)

    return load


def folder_of(dataset: str, root: Path | None = None) -> Path:
    """Where the pictures of an image folder are: its path, or what ``GDW_DATA`` names for CIFAR-10's pictures."""
    from gdw.data.published import data_root

    return data_root(root) if dataset == "cifar10-folder" else Path(dataset).expanduser()


def _cifar10_folder(root: Path | None, image_size: int | None = None, seen_at: int | None = None) -> Dataset:
    """CIFAR-10's pictures as an image folder: whatever was done to them on the way, they are not called CIFAR-10."""
    from gdw.data.folder import load_folder
    from gdw.data.scan import split_folders

    folder = folder_of("cifar10-folder", root)
    if not (folder.is_dir() and "train" in split_folders(folder)):
        raise FileNotFoundError(f"no train/<class>/... in {folder}: let GDW_DATA name the folder that holds it")
    return replace(load_folder(folder, image_size, seen_at), name="cifar10-folder")


DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": _digits,
    "clouds": _clouds,
    "mnist": _published("mnist"),
    "fashion-mnist": _published("fashion-mnist"),
    "cifar10": _published("cifar10"),
    "cifar100": _published("cifar100"),
    "cifar10-folder": _cifar10_folder,
}


def check_dataset_name(name: "str | os.PathLike[str]") -> str:
    """The name as text: a known one, or what can be an image folder's path; the folder need not exist yet.

    Raises:
        ValueError: neither; the message gives the nearest known name.
    """
    if isinstance(name, os.PathLike):
        text = os.fspath(name)
        return f"./{text}" if text in DATASETS else text
    if not isinstance(name, str) or not name:
        raise ValueError(f"dataset must be a name or a folder's path, got {name!r}")
    if name in DATASETS or any(mark in name for mark in PATH_MARKS) or Path(name).is_dir():
        return name
    raise unknown("dataset", name, DATASETS)


def load_dataset(
    name_or_path: str | Path,
    root: str | Path | None = None,
    image_size: int | None = None,
    seen_at: int | None = None,
) -> Dataset:
    """A data set by name, or an image folder by path.

    Args:
        name_or_path: a name in ``DATASETS``, or a folder ``class/...`` or ``train/class/...`` with ``val/class/...``
            and ``test/class/...`` (:mod:`gdw.data.scan`). A name wins over a folder of the same name: write
            ``./digits`` for the folder.
        root: where published sets are, or are downloaded to; default the folder that the environment
            variable ``GDW_DATA`` names, else ``~/.cache/gdw``.
        image_size: height and width of a folder's pictures in pixels; default their own if all are of one
            size, else 32.
        seen_at: of a network that will see a folder's pictures: they are then read no smaller than it sees them, and
            no larger (:func:`gdw.data.folder.decode`). Pictures of a published set have a size of their own.

    Raises:
        ValueError: an unknown name; a folder that is empty, has one class or holds broken pictures; a size for
            pictures that have their own; a published set whose files are damaged.
        FileNotFoundError: no such folder; or a published set that is not on disk and cannot be downloaded.
    """
    source = (str(name_or_path), image_size, *(() if seen_at is None else (seen_at,)))
    return replace(_load(name_or_path, root, image_size, seen_at), source=source)


def _load(
    name_or_path: str | Path, root: str | Path | None, image_size: int | None, seen_at: int | None
) -> Dataset:
    if str(name_or_path) in DATASETS:
        load, root = DATASETS[str(name_or_path)], None if root is None else Path(root).expanduser()
        if load is _cifar10_folder:
            return load(root, image_size, seen_at)
        if image_size is not None:
            raise ValueError(f"image_size is for folders of pictures; {name_or_path} has a size of its own")
        return load(root)
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        from gdw.data.folder import load_folder

        return load_folder(folder, image_size, seen_at)
    if folder.exists():
        raise ValueError(f"{folder} is a file: a data set is read from a folder of pictures")
    if isinstance(name_or_path, Path) or any(mark in str(name_or_path) for mark in PATH_MARKS):
        raise FileNotFoundError(f"no image folder at {folder}")
    raise unknown("dataset", name_or_path, DATASETS)
