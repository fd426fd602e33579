"""Where features are kept: one file of float32 rows for each network and size, which is mapped and not read.

Rows are only ever appended, by one process at a time. Each has a key (of its picture) and a checksum.
"""

import tempfile
import warnings
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gdw.cache import KEY_BYTES, digest, one_at_a_time

ROW = np.dtype([("key", f"V{KEY_BYTES}"), ("sum", "<u4")])  # what is known of each row of features
SEEN = np.dtype([("stamp", f"V{KEY_BYTES}"), ("key", f"V{KEY_BYTES}"), ("fingerprint", "<u8")])  # of each file
FLOAT = 4  # bytes
BLOCK = 4096  # rows of features in memory at once
SMALLEST_DEVIATION = 1e-12  # of a feature, beside its mean: less is rounding, of one that never changes
FEATURES, KEYS, FILES = "features-{}.f32", "keys", "files"

Places = Int[np.ndarray, "images"]


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows at ``places`` of a matrix in a file, [rows, D] and mapped: a reader for ``OnDisk``."""

    matrix: np.ndarray
    places: Places
    dtype = torch.float32

    @property
    def shape(self) -> tuple[int, ...]:
        return self.matrix.shape[1:]

    def __len__(self) -> int:
        return len(self.places)

    def read(self, places: Places, /) -> Float[Tensor, "images D"]:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            return torch.from_numpy(np.asarray(self.matrix[self.places[places]], np.float32))

    def stamp(self, place: int) -> tuple[bytes, bool]:
        return digest(self.matrix[self.places[place]].tobytes()), True


class FeatureStore:
    """The features of one network at one size in a folder, or, where none can be written, in a temporary one."""

    def __init__(self, folder: Path | None):
        self.kept = folder is not None
        self.folder = folder or _temporary(self)
        self.matrix = np.empty((0, 0), np.float32)
        self._row_of: dict[bytes, int] = {}
        self._sums = np.empty(0, np.uint32)
        self._checked: set[int] = set()
        self._warned = False
        self.generation = 0  # of the numbers of rows: other files have others
        self._file: tuple[int, int] | None = None  # that these are of
        self.refresh()

    def refresh(self) -> None:
        """See the rows that another process has added; of files that were deleted meanwhile nothing is known."""
        if (file := _identity(self.folder / KEYS)) != self._file and len(self._sums):
            self.generation += 1
            self.matrix, self._sums = np.empty((0, 0), np.float32), np.empty(0, np.uint32)
            self._row_of, self._checked = {}, set()
        self._file, known = file, len(self._sums)
        keys = _lines(self.folder / KEYS, ROW, known)
        stored = next(iter(sorted(self.folder.glob(FEATURES.format("*")))), None)
        if stored is None or not len(keys):
            return
        width = int(stored.stem.rpartition("-")[2])
        rows = min(known + len(keys), stored.stat().st_size // (FLOAT * width))
        if rows <= known:
            return
        keys = keys[: rows - known]
        self._row_of |= {key.tobytes(): row for row, key in enumerate(keys["key"], known)}
        self._sums = np.concatenate([self._sums, keys["sum"]])
        self.matrix = np.memmap(stored, np.float32, "r", shape=(rows, width))
        if not self.kept:  # no other machine can open a temporary file: it must not look like one
            self.matrix = self.matrix.view(np.ndarray)

    def row(self, key: bytes) -> int | None:
        """Where the features of a picture are; None where there are none, or they are damaged."""
        row = self._row_of.get(key)
        if row is not None and row not in self._checked:
            if zlib.crc32(self.matrix[row]) != self._sums[row]:
                self._row_of.pop(key, None)
                if not self._warned:
                    _warn(f"features in {self.folder} are damaged; those are computed again")
                self._warned = True
                return None
            self._checked.add(row)
        return row

    def add(self, keys: list[bytes], features: Float[Tensor, "pictures D"]) -> None:
        """Append rows; within ``lock``. Where they cannot be kept, all goes on in a temporary folder."""
        values = np.ascontiguousarray(features.numpy())
        self.refresh()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / FEATURES.format(values.shape[1])
            _append(file, values, len(self._sums) * FLOAT * values.shape[1])
            lines = [(key, zlib.crc32(row)) for key, row in zip(keys, values, strict=True)]
            _append(self.folder / KEYS, np.array(lines, ROW), len(self._sums) * ROW.itemsize)
        except OSError as error:
            if not self.kept:
                raise
            self._leave(error)
            self.add(keys, features)
        self.refresh()
        self._checked |= set(range(len(self._sums) - len(keys), len(self._sums)))

    def seen(self) -> dict[bytes, tuple[bytes, int]]:
        """Of each file that was read before, by its stamp: the key and the fingerprint of its picture."""
        found = _lines(self.folder / FILES, SEEN)
        keys = zip(found["key"], found["fingerprint"].tolist(), strict=True)
        return {
            stamp.tobytes(): (key.tobytes(), print_) for stamp, (key, print_) in zip(found["stamp"], keys, strict=True)
        }

    def remember(self, files: list[tuple[bytes, bytes, int]]) -> None:
        """Append what ``seen`` gives; within ``lock``."""
        if files and self.kept:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                file = self.folder / FILES
                _append(file, np.array(files, SEEN), _count(file, SEEN) * SEEN.itemsize)
            except OSError as error:
                self._leave(error)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time computes and adds."""
        with one_at_a_time(self.folder if self.kept else None):
            self.refresh()
            yield

    def _leave(self, error: OSError) -> None:
        """Go on in a temporary folder, with a copy of what was kept."""
        _warn(
            f"features cannot be kept in {self.folder} ({error.strerror or error}); the next start computes them again"
        )
        before, keys = self.matrix, list(self._row_of)
        rows = list(self._row_of.values())
        self.kept, self.folder, self._sums = False, _temporary(self), np.empty(0, np.uint32)
        self._row_of, self._checked = {}, set()
        if keys:
            self.add(keys, torch.from_numpy(np.array(before[rows])))


def statistics(matrix: np.ndarray, places: Places) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Mean and deviation of each feature in these rows, in float64, read in blocks; 1 where it never changes."""
    blocks = [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]
    total, squares = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    for block in blocks:
        total += matrix[block].sum(0, dtype=np.float64)
    mean = total / len(places)
    for block in blocks:
        values = matrix[block] - mean
        squares += np.square(values, out=values).sum(0)
    deviation = np.sqrt(squares / len(places))
    changes = deviation > SMALLEST_DEVIATION * np.abs(mean)
    first = np.asarray(matrix[places[0]], np.float64) if len(places) else mean
    return np.where(changes, mean, first), np.where(changes, deviation, 1.0)


def _append(file: Path, values: np.ndarray, start: int) -> None:
    """Write at ``start``: whatever is behind it was left by a process that was killed."""
    with file.open("r+b" if file.exists() else "x+b") as stream:
        stream.truncate(start)
        stream.seek(start)
        try:
            stream.write(values.tobytes())
        except OSError:
            stream.truncate(start)
            raise


def _count(file: Path, kind: np.dtype) -> int:
    """Whole lines; what is behind them was left by a process that was killed."""
    return file.stat().st_size // kind.itemsize if file.exists() else 0


def _lines(file: Path, kind: np.dtype, start: int = 0) -> np.ndarray:
    """Those from ``start`` on."""
    try:
        return np.fromfile(file, kind, max(0, _count(file, kind) - start), offset=start * kind.itemsize)
    except OSError:  # not readable
        return np.empty(0, kind)


def _identity(file: Path) -> tuple[int, int] | None:
    """Of the file on its disk, whatever it is called; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _temporary(owner: object) -> Path:
    folder = tempfile.mkdtemp(prefix="gdw-features-")
    weakref.finalize(owner, rmtree, folder, ignore_errors=True)
    return Path(folder)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
