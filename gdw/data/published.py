"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, through torchvision: from disk if they are there, else downloaded."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gdw.data.damage import damage
from gdw.data.dataset import Dataset
from gdw.data.pixels import CIFAR_PIXELS, Pixels
from gdw.data.scan import split_folders

DEFAULT_ROOT = "~/.cache/gdw"
PATIENCE = 10.0  # seconds that a silent server is waited for

IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)



@dataclass(frozen=True)
class Source:
    """Where torchvision keeps a published set: its class there, the files to fetch, and the folder below the root."""

    torchvision_name: str
    files: tuple[str, ...]
    folder: str
    pixels: Pixels


SOURCES = {
    "mnist": Source("MNIST", IDX_FILES, "MNIST/raw", Pixels(255, (0.1307,), (0.3081,))),
    "fashion-mnist": Source("FashionMNIST", IDX_FILES, "FashionMNIST/raw", Pixels(255, (0.2860,), (0.3530,))),
    "cifar10": Source("CIFAR10", ("cifar-10-python.tar.gz",), "", CIFAR_PIXELS),
    "cifar100": Source("CIFAR100", ("cifar-100-python.tar.gz",), "", CIFAR_PIXELS),
}


def data_root(root: str | Path | None = None) -> Path:
    """The folder for published sets: the one given, else ``$GDW_DATA``, else ``~/.cache/gdw``."""
    return Path(root or os.environ.get("GDW_DATA") or DEFAULT_ROOT).expanduser()


def cifar10_at(folder: Path) -> str:
    """The name of the CIFAR-10 in a folder: ``"cifar10"`` for torchvision's files, ``"cifar10-folder"`` for pictures.

    Raises:
        FileNotFoundError: neither of them is there.
    """
    if (folder / "cifar-10-batches-py").is_dir() or any((folder / file).exists() for file in SOURCES["cifar10"].files):
        return "cifar10"
    if folder.is_dir() and "train" in split_folders(folder):
        return "cifar10-folder"
    raise FileNotFoundError(f"{folder} holds neither cifar-10-batches-py nor train/<class>/... with test/<class>/...")


def load_published(name: str, root: str | Path | None = None) -> Dataset:
    """One of ``SOURCES`` with its published test set.

    Raises:
        FileNotFoundError: it is not on disk and cannot be downloaded; names the file and the folder for it.
        ValueError: a file on disk is damaged, and a new one cannot be downloaded; names it.
    """
    source, folder = SOURCES[name], data_root(root)
    train, test = _open(source, folder, train=True), _open(source, folder, train=False)
    return Dataset(
        name,
        tuple(label.split(" - ")[0] for label in train.classes),  # MNIST's "7 - seven" is a 7
        _images(train.data),
        torch.as_tensor(train.targets, dtype=torch.int64),
        _images(test.data),
        torch.as_tensor(test.targets, dtype=torch.int64),
        source.pixels,
    )


def _open(source: Source, root: Path, train: bool):
    """What torchvision opens; the network is asked only for what is not on disk."""
    from torchvision import datasets

    kind = getattr(datasets, source.torchvision_name)
    with suppress(Exception):  # not there, not whole, or what a damaged file makes torchvision raise
        return kind(root, train=train, download=False)
    try:
        with _patience(PATIENCE):
            return kind(root, train=train, download=True)
    except Exception as error:
        folder = root / source.folder
        damaged = _damaged(source, kind, folder)
        if damaged:
            raise ValueError(
                f"{source.torchvision_name} cannot be read. {'; '.join(damaged)}. Delete what is named here and put "
                f"the published files into {folder}, or let them be downloaded"
            ) from error
        if not isinstance(error, OSError | RuntimeError):
            raise
        missing = [file for file in source.files if not (folder / file).exists()]
        raise FileNotFoundError(
            f"{source.torchvision_name} is not on this machine and could not be downloaded ({error}). "
            f"Put {', '.join(missing or source.files)} into {folder}, or set GDW_DATA to the folder that holds it."
        ) from error


def _damaged(source: Source, kind: type, folder: Path) -> list[str]:
    """What is wrong with the files that are there, those that torchvision unpacked included."""
    found = []
    for file in source.files:
        checksum = _checksum(kind, file)
        for path in (folder / file, (folder / file).with_suffix("")):
            if path.is_file() and (cause := damage(path)):
                found.append(f"{path}: {cause}")
            elif path.is_file() and path.name == file and checksum and _md5(path) != checksum:
                found.append(f"{path}: the file is not the published one (its MD5 differs); download it again")
    return found


def _checksum(kind: type, file: str) -> str | None:
    """MD5 of the published file, as torchvision knows it."""
    known = {getattr(kind, "filename", None): getattr(kind, "tgz_md5", None), **dict(getattr(kind, "resources", ()))}
    return known.get(file)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _images(data) -> Tensor:
    """uint8 [images, channels, height, width] from either of torchvision's layouts."""
    images = torch.as_tensor(data)
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """A limit on silence: torchvision opens its connections without one, and could wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
