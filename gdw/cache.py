"""Results that took time, kept on disk: found by name, checksummed, written whole or not at all.

A disk that fails costs time and a warning, never an answer.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from gdw import files

ENDING = ".safetensors"
KEY_BYTES = 16  # of a hash: any two of a billion things share one with a chance of 1 in 10^21
LOCK_SECONDS = 600  # how long another process may take for one chunk; after that both compute
SETTLED = 2.0  # seconds since a file's last change: a later change within one tick of the clock would not be seen


def cache_folder(given: str | Path | None = None) -> Path | None:
    """Where results are kept: ``given``, else the folder that the environment variable ``GDW_CACHE`` names, else
    ``~/.cache/gdw/features``; None where this user has no home.
    """
    if given is not None:
        return Path(given).expanduser()
    named = os.environ.get("GDW_CACHE")
    try:
        return Path(named).expanduser() if named else Path.home() / ".cache" / "gdw" / "features"
    except RuntimeError:
        return None


def digest(content: bytes | memoryview) -> bytes:
    """A hash of 16 bytes."""
    return hashlib.blake2b(content, digest_size=KEY_BYTES).digest()


def checksum(tensor: Tensor) -> str:
    """A hash of shape, type and values: safetensors itself has none."""
    total = hashlib.blake2b(f"{tuple(tensor.shape)} {tensor.dtype}".encode(), digest_size=KEY_BYTES)
    total.update(tensor.contiguous().numpy().data)
    return total.hexdigest()


def file_stamp(file: Path) -> tuple[bytes, bool]:
    """A hash of a file's path, size and times of change; and whether its last change is old enough to trust it."""
    said = file.stat()
    path = os.fsencode(file.absolute())
    stamp = digest(path + f"\0{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns}".encode())
    return stamp, max(said.st_mtime, said.st_ctime) < time.time() - SETTLED


def content_of_files(folder: Path, paths: Iterable[Path]) -> str:
    """A hash of these files' paths relative to the folder, and of their bytes: the same wherever the folder is.

    Each file's own hash is kept, and taken from there while its path, size and times of change are the same.
    """
    base, place = cache_folder(), os.path.abspath(folder)  # noqa: PTH100 - ".." goes, links stay
    cache = Cache(base and base / "contents", "hashes of files", "folder")
    name = digest(os.fsencode(place)).hex()
    found = cache.load(name, "stamps", "hashes")
    known = dict(zip(*map(from_table, found[1].values()), strict=True)) if found else {}
    total, settled = hashlib.blake2b(), {}
    for relative, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths):
        stamp, is_settled = file_stamp(path)
        of_file = known.get(stamp) or digest(path.read_bytes())
        if is_settled:
            settled[stamp] = of_file
        total.update(os.fsencode(relative) + b"\0" + of_file)
    if not settled.keys() <= known.keys():
        cache.save(name, place, stamps=as_table(settled), hashes=as_table(settled.values()))
    return total.hexdigest()


def as_table(keys: Iterable[bytes]) -> UInt8[Tensor, "keys bytes"]:
    """Keys of 16 bytes as the rows of a tensor."""
    return torch.from_numpy(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES).copy())


def from_table(table: UInt8[Tensor, "keys bytes"]) -> list[bytes]:
    """Undo ``as_table``."""
    return [row.tobytes() for row in table.numpy()]


@contextmanager
def one_at_a_time(folder: Path | None) -> Iterator[None]:
    """One process at a time writes to a folder; where no lock is possible, all continue without one."""
    from filelock import FileLock, Timeout

    lock = None
    if folder is not None:
        with suppress(OSError, NotImplementedError, Timeout):  # read-only, no locks, a process that hangs
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / ".lock")
            lock.acquire(timeout=LOCK_SECONDS)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()  # harmless where it is not held


class Cache:
    """A folder of files, each with some tensors and the name of what they were made from.

    A damaged file is removed, and what it held is missing. If nothing can be written, nothing is. Each is reported
    once, as a warning.

    Args:
        folder: made when it is first written to; None keeps nothing.
        what: what the tensors are, in the warnings.
        made_from: what a file calls what its tensors were made from: ``"weights"``, say.
    """

    def __init__(self, folder: Path | None, what: str, made_from: str):
        self.folder, self.what, self.made_from = folder, what, made_from
        self._warned: set[str] = set()

    def load(self, name: str, *tensors: str, made_from: str | None = None) -> tuple[str, dict[str, Tensor]] | None:
        """What the tensors of a file were made from, and these tensors.

        None where there is no such file, where it is damaged, and where they were made from something else than asked.
        """
        from safetensors import SafetensorError, safe_open

        if self.folder is None:
            return None
        file = self.folder / f"{name}{ENDING}"
        try:
            with safe_open(file, "pt") as stored:
                said = stored.metadata() or {}
                if made_from not in (None, said[self.made_from]):
                    return None
                # copies, and not a map of the file, which another process may replace
                read = {tensor: stored.get_tensor(tensor).clone() for tensor in tensors}
            if any(checksum(tensor) != said[f"{name} checksum"] for name, tensor in read.items()):
                raise ValueError("other bytes than were written")
        except FileNotFoundError:  # never written, or removed by another process
            return None
        except OSError as error:
            self._warn("read", f"{file} cannot be read ({error.strerror or error}); its {self.what} are computed again")
            return None
        except (SafetensorError, KeyError, ValueError):
            self._warn("damaged", f"{file} is damaged; it is removed and its {self.what} are computed again")
            with suppress(OSError):
                file.unlink()
            return None
        return said[self.made_from], read

    def save(self, name: str, made_from: str, **tensors: Tensor) -> None:
        """Write a file with these tensors, made from ``made_from``, in one move."""
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        if self.folder is None or "write" in self._warned:
            return
        said = {f"{name} checksum": checksum(tensor) for name, tensor in tensors.items()} | {self.made_from: made_from}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            files.write(self.folder / f"{name}{ENDING}", lambda temporary: save_file(tensors, temporary, said))
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            self._warn("write", f"{self.what} cannot be kept in {self.folder} ({reason}); the next start computes them "
                       "again")  # fmt: skip

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(message, stacklevel=3)
