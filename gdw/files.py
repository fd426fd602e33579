"""Files: read with the file's name in every message, written all at once, and held by one writer at a time."""

import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PROBE_BYTES = 65_536  # written on trial before any work: a full disk may still take a few bytes
TEMPORARY = ".partial"  # ending of a file that is being written
BEGINNING = 512  # bytes of a file in which its damage shows
LFS_POINTER = b"version https://git-lfs"
PAGES = (b"<!doctype", b"<html", b"<?xml")


@contextmanager
def any_name() -> Iterator[None]:
    """Within: a pandas table holds names that are not UTF-8 too, which pyarrow refuses where it is installed."""
    import pandas as pd

    with pd.option_context("mode.string_storage", "python"):
        yield


def user_path(path: str | Path) -> Path:
    """The path, with ``~`` for the user's home; a ``~`` elsewhere, as in ``./~0``, is a name like any other."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path drops the "./" first, and then asks for a user ~0


def read_bytes(path: str | Path) -> bytes:
    """All bytes of an ordinary file.

    Raises:
        OSError: there is no such file, it is a folder, or it cannot be read; the message names it.
        ValueError: it is a pipe or a device, which might never end.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but a file is needed")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is not an ordinary file, so it is not read")
    try:
        return path.read_bytes()
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror or error}") from error


def read_text(path: str | Path) -> str:
    """A UTF-8 text file. As ``read_bytes``; ``ValueError`` for anything else than UTF-8, too."""
    try:
        return read_bytes(path).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8: byte {error.start + 1} does not fit") from None


def read_json(path: str | Path) -> object:
    """What a JSON file holds. As ``read_text``; ``ValueError`` for anything else than JSON, too."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; brackets nested 100,000 deep
        raise ValueError(f"{path} cannot be read as JSON: {str(error).split(';')[0]}") from None


def damage(path: Path) -> str | None:
    """Why a file is not what it should be, and what to do, in a few words; None if its beginning looks right."""
    if not path.is_file():  # opening a pipe would block
        return None
    with path.open("rb") as stream:
        beginning = stream.read(BEGINNING)
    if not beginning:
        return "the file is empty; download it again"
    if beginning.startswith(LFS_POINTER):
        return "the file is a Git LFS pointer, not the data; fetch the data with 'git lfs pull'"
    if beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES):
        return "the file is a web page, not the data; download the file itself"
    return None


def finite(value: object) -> object:
    """The same JSON value with null for each number that JSON does not know: NaN and the infinities."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(path: str | Path, content: str | bytes | Callable[[Path], object]) -> None:
    """Write a file all at once: whatever happens meanwhile, it holds its old content or its new content.

    The content goes to a temporary file in the same folder, to the disk, and then takes the file's place.

    Args:
        content: text, bytes, or a function that writes them to the path that it is given.

    Raises:
        OSError: it cannot be written; the message names it, and its old content is still there.
    """
    path = _behind(Path(path))
    refuse_read_only(path)
    with _named(path, "cannot be written"):
        temporary = _temporary(path, content)
        try:
            temporary.replace(path)
        except BaseException:
            _remove(temporary)
            raise
        _flush_folder(path.parent)


def check_writable(path: str | Path) -> None:
    """Raise ``OSError``, before any work is done, if ``write`` would fail. Nothing is changed."""
    path = _behind(Path(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but a file is needed")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not an ordinary file, so it is not written")
    refuse_read_only(path)
    with _named(path, "cannot be written"):
        _remove(_temporary(path, bytes(PROBE_BYTES)))


def _behind(path: Path) -> Path:
    """What a link leads to: the link stays."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def refuse_read_only(path: Path) -> None:
    """Raise ``PermissionError`` for a file that is marked read-only: a rename would replace it all the same."""
    if path.exists() and not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{path} is read-only")


@contextmanager
def sole_writer(path: str | Path) -> Iterator[None]:
    """Within: no other process that asks for it writes to this file.

    The lock is an empty file next to it, ``FILE.lock``. It may stay there afterwards, and it may be deleted when no
    program is writing.

    Raises:
        ValueError: another process is writing to it.
        OSError: the lock cannot be made there.
    """
    path = Path(path)
    lock = FileLock(beside(_behind(path), ".lock"), timeout=0)
    try:
        with _named(path, "cannot be locked"):
            lock.acquire()
    except Timeout:
        raise ValueError(f"another run or sweep is writing to {path}") from None
    try:
        yield
    finally:
        lock.release()


def beside(path: Path, ending: str) -> Path:
    """The file of the same name with this after it."""
    return path.with_name(path.name + ending)


def _temporary(path: Path, content: str | bytes | Callable[[Path], object]) -> Path:
    """A new file in the folder of ``path``, its content on the disk; nothing is left where that fails."""
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            if not callable(content):
                file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        if callable(content):  # with the file closed: Windows lets only one program write to it
            content(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _flush_folder(folder: Path) -> None:
    """The new name on the disk too, where the system can do that for a folder (Windows cannot)."""
    if os.name != "posix":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Errors of the system within get the file's name; their kind stays."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        kind = type(error) if type(error) in (PermissionError, FileNotFoundError, IsADirectoryError) else OSError
        raise kind(f"{path} {what}: {error.strerror or error}") from error
