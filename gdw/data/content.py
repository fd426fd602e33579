"""What the files of a data set hold: one hash of their relative paths and bytes, the same wherever they are."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from gdw.data.kept import cache_folder

DIGITS = 16  # hexadecimal, of the content of a run's files
SETTLED = 2.0  # seconds since a file's last change: a later change within one tick of the clock would not be seen
WAIT = 5.0  # seconds for another process that writes to the list of known files


def combined(folder: str | None, tables: Iterable[Path]) -> str | None:
    """One content for a folder's and that of tables; None where there is neither."""
    parts = ([folder] if folder else []) + [hashlib.blake2b(path.read_bytes()).hexdigest() for path in tables]
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=DIGITS // 2).hexdigest() if parts else None


def content_of_files(folder: Path, files: Iterable[Path]) -> str:
    """A hash of these files' paths relative to the folder, and of their bytes.

    Each file's own hash is kept on disk, and taken from there while its path, size and times of change are the same.
    """
    total = hashlib.blake2b()
    with _Known() as known:
        for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in files):
            total.update(os.fsencode(name) + b"\0" + known.hash_of(file))
    return total.hexdigest()


class _Known:
    """The hashes of files that were read before, in one database; a disk that fails costs time, and no answer."""

    def __init__(self) -> None:
        self._base: sqlite3.Connection | None = None

    def __enter__(self) -> "_Known":
        folder = cache_folder()
        if folder is not None:
            with suppress(OSError, sqlite3.Error):
                folder.mkdir(parents=True, exist_ok=True)
                self._base = sqlite3.connect(folder / "contents.sqlite", timeout=WAIT)
                self._base.execute("CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT, hash BLOB)")
        return self

    def __exit__(self, *error: object) -> None:
        if self._base is not None:
            with closing(self._base), suppress(sqlite3.Error):
                self._base.commit()

    def hash_of(self, file: Path) -> bytes:
        said = file.stat()
        path, stamp = os.fsencode(file.absolute()), f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns}"
        for (found,) in self._ask("SELECT hash FROM files WHERE path = ? AND stamp = ?", (path, stamp)):
            return found
        found = hashlib.blake2b(file.read_bytes(), digest_size=DIGITS).digest()
        if max(said.st_mtime, said.st_ctime) < time.time() - SETTLED:
            self._ask("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (path, stamp, found))
        return found

    def _ask(self, question: str, values: tuple) -> list[tuple]:
        if self._base is None:
            return []
        try:
            return self._base.execute(question, values).fetchall()
        except sqlite3.Error:  # damaged, full, locked or read-only
            return []
