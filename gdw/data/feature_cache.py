"""Features on disk: each picture's are found again by the hash of the picture; a failing disk never costs an answer."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from gdw.data.kept import TEMPORARY, checksum, put

KEY_BYTES = 16  # of a picture's hash: two different pictures of a billion share one with a chance of 1 in 10^21
LOCK_SECONDS = 600  # how long another process may take for one chunk; after that both compute
ENDING = ".safetensors"


def picture_keys(pictures: Shaped[Tensor, "pictures *shape"], scale: float) -> list[bytes]:
    """A hash of each picture's values, with their shape, type and scale."""
    start = hashlib.blake2b(f"{tuple(pictures.shape[1:])} {pictures.dtype} {scale:g}".encode(), digest_size=KEY_BYTES)
    keys = []
    for picture in pictures.contiguous().numpy():
        total = start.copy()
        total.update(picture)
        keys.append(total.digest())
    return keys


class FeatureCache:
    """The features of one network at one size, in a folder of files with a few hundred pictures each.

    Files are written whole or not at all and never changed. An error of the disk does not stop the caller: a damaged
    file is removed and its pictures are missing; if nothing can be written, nothing is. Each is reported once, as a
    warning.

    Args:
        folder: made when it is first written to; None keeps nothing.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self._contents: dict[Path, tuple[str, list[bytes]]] = {}  # weights and keys of each file that was read
        self._warned: set[str] = set()

    def find(self, keys: Iterable[bytes], weights: str | None) -> dict[bytes, Float[Tensor, "D"]]:
        """The features of those pictures that are on disk.

        Args:
            keys: of pictures.
            weights: the hash of the network's weights; features of other weights are not taken. None: it is not
                known yet; then everything is taken if all files agree, and nothing otherwise.
        """
        wanted, found = set(keys), {}
        files = self._files()
        if weights is None:
            known = {self._contents[file][0] for file in files}
            if len(known) != 1:
                return {}
            weights = known.pop()
        for file in files:
            theirs, inside = self._contents[file]
            if theirs == weights and not wanted.isdisjoint(inside):
                read = self._read(file, "features")
                if read is not None:
                    rows = zip(inside, read["features"].unbind(0), strict=True)
                    found |= {key: row for key, row in rows if key in wanted}
        return found

    def add(self, keys: list[bytes], features: Float[Tensor, "pictures D"], weights: str) -> None:
        """Write a file with these pictures' features, in one move."""
        from safetensors.torch import save

        if self.folder is None or "write" in self._warned:
            return
        table = torch.from_numpy(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES).copy())
        tensors = {"keys": table, "features": features}
        checksums = {f"{name} checksum": checksum(tensor) for name, tensor in tensors.items()}
        data = save(tensors, checksums | {"weights": weights})
        name = hashlib.blake2b(b"".join(keys) + weights.encode(), digest_size=KEY_BYTES).hexdigest()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            put(self.folder / f"{name}{ENDING}", lambda temporary: temporary.write_bytes(data))
        except OSError as error:
            self._warn("write", f"features cannot be kept in {self.folder} ({error.strerror or error}); the next start "
                       "computes them again")  # fmt: skip

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time writes; where no lock can be had, all go on without."""
        from filelock import FileLock, Timeout

        lock = None
        if self.folder is not None and "write" not in self._warned:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.folder / ".lock")
                lock.acquire(timeout=LOCK_SECONDS)
                for left_over in self.folder.glob(f"*{TEMPORARY}"):  # of a process that was killed while it wrote
                    left_over.unlink()
            except (OSError, NotImplementedError, Timeout):  # read-only, a file system without locks, a hung process
                pass
        try:
            yield
        finally:
            if lock is not None:
                lock.release()  # harmless where it is not held

    def _files(self) -> list[Path]:
        """The files that can be read, in a fixed order; new ones are looked into once."""
        try:
            files = sorted(file for file in self.folder.iterdir() if file.suffix == ENDING) if self.folder else []
        except OSError:  # not made yet, or not readable
            return []
        for file in files:
            if file not in self._contents and (read := self._read(file, "keys")) is not None:
                content = read["keys"].numpy().tobytes()
                keys = [content[place : place + KEY_BYTES] for place in range(0, len(content), KEY_BYTES)]
                self._contents[file] = read["weights"], keys
        return [file for file in files if file in self._contents]

    def _read(self, file: Path, *names: str) -> dict | None:
        """Tensors of a file and the hash of its network's weights; None if the file is damaged; then it is removed."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, "pt") as stored:
                said = stored.metadata() or {}
                read = {name: stored.get_tensor(name) for name in names}
            if any(checksum(tensor) != said[f"{name} checksum"] for name, tensor in read.items()):
                raise ValueError("other bytes than were written")
            return read | {"weights": said["weights"]}
        except FileNotFoundError:  # another process removed it
            pass
        except OSError as error:
            self._warn("read", f"{file} cannot be read ({error.strerror or error}); its features are computed again")
        except (SafetensorError, KeyError, ValueError):
            self._warn("damaged", f"{file} is damaged; it is removed and its features are computed again")
            with suppress(OSError):
                file.unlink()
        self._contents.pop(file, None)
        return None

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(message, stacklevel=2)
