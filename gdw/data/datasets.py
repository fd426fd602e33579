"""Data sets by name, or from a folder of pictures.

Published sets come through torchvision; they are downloaded if they are not on disk.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from gdw import files
from gdw.data.dataset import Dataset
from gdw.data.folder import UNCOUNTED, channel_statistics, load_folder, split_folders
from gdw.data.given import as_dataset
from gdw.errors import MissingPackage, unknown
from gdw.pictures.on_disk import OnDisk
from gdw.pictures.pixels import CIFAR_PIXELS, Pixels
from gdw.registry import Registry

DEFAULT_ROOT = "~/.cache/gdw"
PATIENCE = 10.0  # seconds that a silent server is waited for

IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
PATH_MARKS = "/\\~"  # a name with one of these is a path
CLOUD_NAMES = ("amber", "blue", "rose")
CLOUD_POINTS = 300  # in each class
CLOUD_TURN = 3.2  # radians that an arm turns from its inner end to its outer one
CLOUD_INNER, CLOUD_OUTER = 0.3, 2.0  # distance of an arm's two ends from the origin
CLOUD_SPREAD = 0.2  # standard deviation around the arm: neighbours touch and overlap a little
CLOUD_SEED = 0


@dataclass(frozen=True)
class Published:
    """Where torchvision keeps a published set: its class there, the files to fetch, and the folder below the root."""

    torchvision_name: str
    files: tuple[str, ...]
    folder: str
    pixels: Pixels


PUBLISHED = {
    "mnist": Published("MNIST", IDX_FILES, "MNIST/raw", Pixels(255, (0.1307,), (0.3081,))),
    "fashion-mnist": Published("FashionMNIST", IDX_FILES, "FashionMNIST/raw", Pixels(255, (0.2860,), (0.3530,))),
    "cifar10": Published("CIFAR10", ("cifar-10-python.tar.gz",), "", CIFAR_PIXELS),
    "cifar100": Published("CIFAR100", ("cifar-100-python.tar.gz",), "", CIFAR_PIXELS),
}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's pictures [1797, 8, 8], 0 to 16, and their digits [1797], both uint8.

    They are read from its file: importing scikit-learn for them would take two seconds.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise MissingPackage("the digits come with scikit-learn: pip install scikit-learn")
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", np.uint8, delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]


def _digits(root: Path | None) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8 x 8, in 17 shades."""
    images, labels = digits()
    names = tuple(str(digit) for digit in range(int(labels.max()) + 1))
    pixels = Pixels(scale=16, mean=(0.5,), std=(1.0,))
    return Dataset(
        "digits", names, torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long(), pixels=pixels
    )


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


def data_root(root: str | Path | None = None) -> Path:
    """The folder for published sets: the one given, else ``$GDW_DATA``, else ``~/.cache/gdw``."""
    return Path(root or os.environ.get("GDW_DATA") or DEFAULT_ROOT).expanduser()


def cifar10_at(folder: Path) -> str:
    """The CIFAR-10 in a folder: ``"cifar10"`` for torchvision's files, ``"cifar10-folder"`` for pictures."""
    if any((folder / name).exists() for name in ("cifar-10-batches-py", *PUBLISHED["cifar10"].files)):
        return "cifar10"
    if folder.is_dir() and "train" in split_folders(folder):
        return "cifar10-folder"
    raise FileNotFoundError(f"{folder} holds neither cifar-10-batches-py nor train/<class>/... with test/<class>/...")


def load_published(name: str, root: str | Path | None = None) -> Dataset:
    """One of ``PUBLISHED`` with its published test set."""
    published, folder = PUBLISHED[name], data_root(root)
    train, test = _open(published, folder, train=True), _open(published, folder, train=False)
    names = tuple(label.split(" - ")[0] for label in train.classes)  # MNIST's "7 - seven" is a 7
    return Dataset(name, names, train.data, train.targets, test.data, test.targets, published.pixels)


def folder_of(dataset: str, root: Path | None = None) -> Path:
    """Where the pictures of an image folder are: its path, or what ``GDW_DATA`` names for CIFAR-10's pictures."""
    if dataset == "cifar10-folder":
        return data_root(root)
    return files.user_path(dataset)


def _cifar10_folder(root: Path | None, image_size: int | None = None, seen_at: int | None = None) -> Dataset:
    """CIFAR-10's pictures as an image folder. They may have been changed (to JPEG, say): the name says so."""
    folder = folder_of("cifar10-folder", root)
    if not (folder.is_dir() and "train" in split_folders(folder)):
        raise FileNotFoundError(f"no train/<class>/... in {folder}: let GDW_DATA name the folder that holds it")
    return replace(load_folder(folder, image_size, seen_at), name="cifar10-folder")


DATASETS: Registry[Callable[..., Any]] = Registry("dataset", {
    "digits": _digits,
    "clouds": _clouds,
    **{name: partial(load_published, name) for name in PUBLISHED},
    "cifar10-folder": _cifar10_folder,
})  # fmt: skip


def register_dataset(load: Callable[[], Any]) -> Callable[[], Any]:
    """Function decorator: makes a data set known by the function's name.

    Args:
        load: of no arguments; gives whatever :func:`gdw.data.given.as_dataset` takes (a torch Dataset of pairs, a
            ``gdw.data.Dataset``, a Hugging Face data set), or a pair of them: to train on, and the test set.

    Raises:
        TypeError: not a function without arguments.
        ValueError: another data set has its name.
    """
    return DATASETS.add_function(load)


def _own(name: str) -> Dataset:
    """What a function of one's own gives, as a data set of that name."""
    given = DATASETS[name]()
    train, test = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    found = _read_once(replace(as_dataset(train), name=name))
    if test is None:
        return found
    held = _read_once(as_dataset(test))
    if held.class_names != found.class_names:
        raise ValueError(f"{name}: its test set has the classes {held.class_names}, not {found.class_names}")
    return replace(found, test_images=held.images, test_labels=held.labels, test_paths=held.paths)


def _read_once(found: Dataset) -> Dataset:
    """In memory where that is large enough; pictures are normalised and augmented as those of a folder."""
    if not isinstance(found.images, OnDisk):
        return found
    images = found.images.in_memory()
    pictures = images.ndim == 4 and found.pixels == UNCOUNTED
    return replace(found, images=images, pixels=channel_statistics(images) if pictures else found.pixels)


def check_dataset_name(name: "str | os.PathLike[str]") -> str:
    """The name as text: a known one, or what can be an image folder's path; the folder need not exist yet."""
    if isinstance(name, os.PathLike):
        text = os.fspath(name)
        return f"./{text}" if text in DATASETS else text
    if not isinstance(name, str) or not name:
        raise ValueError(f"dataset must be a name or a folder's path, got {name!r}")
    if name in DATASETS or any(mark in name for mark in PATH_MARKS) or Path(name).is_dir():
        return name
    raise unknown("dataset", name, DATASETS)


def load_dataset(
    name_or_path: str | Path, root: str | Path | None = None, image_size: int | None = None, seen_at: int | None = None
) -> Dataset:
    """A data set by name, or an image folder by path.

    Args:
        name_or_path: a name in ``DATASETS``, or a folder ``class/...`` or ``train/class/...`` with ``val/class/...``
            and ``test/class/...`` (:func:`gdw.data.folder.list_folder`). A name wins over a folder of the same name:
            write ``./digits`` for the folder.
        root: where published sets are, or are downloaded to; default the folder that the environment
            variable ``GDW_DATA`` names, else ``~/.cache/gdw``.
        image_size: height and width of a folder's pictures in pixels; default their own if all are of one
            size, else 32.
        seen_at: of a network that will see a folder's pictures: they are then read no smaller than it sees them, and
            no larger (:func:`gdw.pictures.decoding.decode`). Pictures of a published set have a size of their own.

    Raises:
        ValueError: an unknown name; a folder that is empty, has one class, or a class of broken pictures; a size for
            pictures that have their own; a published set whose files are damaged.
        FileNotFoundError: no such folder; or a published set that is not on disk and cannot be downloaded.
    """
    origin = (str(name_or_path), image_size, *(() if seen_at is None else (seen_at,)))
    return replace(_load(name_or_path, root, image_size, seen_at), origin=origin)


def _load(name_or_path: str | Path, root: str | Path | None, image_size: int | None, seen_at: int | None) -> Dataset:
    if str(name_or_path) in DATASETS:
        if DATASETS.place(str(name_or_path)).is_own and image_size is None:
            return _own(str(name_or_path))
        load, root = DATASETS[str(name_or_path)], None if root is None else Path(root).expanduser()
        if load is _cifar10_folder:
            return _cifar10_folder(root, image_size, seen_at)
        if image_size is not None:
            raise ValueError(f"image_size is for folders of pictures; {name_or_path} has a size of its own")
        return cast(Dataset, load(root))
    folder = files.user_path(name_or_path)
    if folder.is_dir():
        return load_folder(folder, image_size, seen_at)
    if folder.exists():
        raise ValueError(f"{folder} is a file: a data set is read from a folder of pictures")
    if isinstance(name_or_path, Path) or any(mark in str(name_or_path) for mark in PATH_MARKS):
        raise FileNotFoundError(f"no image folder at {folder}")
    raise unknown("dataset", name_or_path, DATASETS)


def _open(published: Published, root: Path, train: bool) -> Any:
    """What torchvision opens; the network is asked only for what is not on disk."""
    from torchvision import datasets

    kind = getattr(datasets, published.torchvision_name)
    with suppress(Exception):  # not there, not whole, or what a damaged file makes torchvision raise
        return kind(root, train=train, download=False)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision opens its connections without a limit, and could wait for ever
    try:
        return kind(root, train=train, download=True)
    except Exception as error:
        folder = root / published.folder
        damaged = _damaged(published, kind, folder)
        if damaged:
            raise ValueError(
                f"{published.torchvision_name} cannot be read. {'; '.join(damaged)}. Delete what is named here and put "
                f"the published files into {folder}, or let them be downloaded"
            ) from error
        if not isinstance(error, OSError | RuntimeError):
            raise
        missing = [file for file in published.files if not (folder / file).exists()]
        raise FileNotFoundError(
            f"{published.torchvision_name} is not on this machine and could not be downloaded ({error}). "
            f"Put {', '.join(missing or published.files)} into {folder}, or set GDW_DATA to the folder that holds it."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _damaged(published: Published, kind: Any, folder: Path) -> list[str]:
    """What is wrong with the files that are there, those that torchvision unpacked included."""
    from torchvision.datasets.utils import check_md5

    checksums = dict(getattr(kind, "resources", ()))  # MD5 of the published files, as torchvision knows them
    checksums |= {kind.filename: kind.tgz_md5} if hasattr(kind, "tgz_md5") else {}
    found = []
    for name in published.files:
        for path in (folder / name, (folder / name).with_suffix("")):
            if cause := files.damage(path):
                found.append(f"{path}: {cause}")
            elif path.is_file() and path.name == name and name in checksums and not check_md5(path, checksums[name]):
                found.append(f"{path}: the file is not the published one (its MD5 differs); download it again")
    return found
