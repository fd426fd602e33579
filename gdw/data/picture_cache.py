"""Decoded pictures on disk: a folder whose files did not change is not decoded a second time."""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from gdw.data.kept import cache_folder, checksum, put

Pictures = UInt8[Tensor, "images 3 height width"]

FEWEST = 500  # pictures; fewer are decoded each time
MOST = 4 * 2**30  # bytes of pixels; more are not kept
SETTLED = 2.0  # seconds since the last change: a later one within a clock's tick would not be seen
LAYOUT = 1  # of the file; with a new number all pictures are decoded again


def kept(files: Sequence[Path], rule: str, decode: Callable[[], Pictures]) -> Pictures:
    """What ``decode`` gives for these files; from disk if it was kept there and none of them has changed since.

    A file counts as unchanged if its path, its size and its times of change are the same. One set of pictures is kept
    for a folder and a rule, in ``pictures`` of the features' folder. A disk that fails costs time and a warning.

    Args:
        files: the pictures, in order.
        rule: how they are decoded: the size, the version of the library, and the table that chose them.
    """
    folder = cache_folder()
    if folder is None or len(files) < FEWEST:
        return decode()
    now = time.time()
    try:
        stamp, newest = _stamp(files, rule)
    except OSError:  # a file that is gone: decoding names it
        return decode()
    base = os.path.commonpath([file.parent.absolute() for file in files])
    file = folder / "pictures" / f"{_hash(os.fsencode(f'{base} {rule}'))}.safetensors"
    found = _read(file, stamp)
    if found is not None:
        return found
    images = decode()
    if images.numel() <= MOST and newest < now - SETTLED:
        _write(file, images, stamp)
    return images


def _stamp(files: Sequence[Path], rule: str) -> tuple[str, float]:
    """A hash of what the file system says of the files, and when the last of them was changed."""
    total, newest = hashlib.blake2b(f"{LAYOUT} {rule}".encode(), digest_size=16), 0
    for file in files:
        said = file.stat()
        total.update(os.fsencode(f"{file.absolute()}\0{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns}\0"))
        newest = max(newest, said.st_mtime_ns, said.st_ctime_ns)
    return total.hexdigest(), newest / 1e9


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _read(file: Path, stamp: str) -> Pictures | None:
    """None if there is no such file, if it is of other pictures, or damaged; a damaged one is removed."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as stored:
            said = stored.metadata() or {}
            if said["stamp"] != stamp:
                return None
            images = stored.get_tensor("pictures").clone()  # not a map of the file, which another process may replace
        if checksum(images) != said["checksum"]:
            raise ValueError("other bytes than were written")
    except OSError:  # not there, or not readable
        return None
    except (SafetensorError, KeyError, ValueError):
        warnings.warn(f"{file} is damaged; it is removed and its pictures are decoded again", stacklevel=2)
        with suppress(OSError):
            file.unlink()
        return None
    return images


def _write(file: Path, images: Pictures, stamp: str) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    said = {"stamp": stamp, "checksum": checksum(images)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, lambda temporary: save_file({"pictures": images}, temporary, said))
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        warnings.warn(
            f"decoded pictures cannot be kept in {file.parent} ({reason}); the next start decodes them again",
            stacklevel=2,
        )
