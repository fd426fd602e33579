"""What the caches on disk share: where they lie, checksums, and files that are there whole or not at all."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from torch import Tensor

TEMPORARY = ".partial"


def cache_folder(given: str | Path | None = None) -> Path | None:
    """Where features and decoded pictures are kept: ``given``, else the folder that the environment variable
    ``GDW_CACHE`` names, else ``~/.cache/gdw/features``; None where this user has no home.
    """
    if given is not None:
        return Path(given).expanduser()
    named = os.environ.get("GDW_CACHE")
    try:
        return Path(named).expanduser() if named else Path.home() / ".cache" / "gdw" / "features"
    except RuntimeError:
        return None


def checksum(tensor: Tensor) -> str:
    """Of shape, type and bytes: safetensors itself has none."""
    total = hashlib.blake2b(f"{tuple(tensor.shape)} {tensor.dtype}".encode(), digest_size=16)
    total.update(tensor.contiguous().numpy())
    return total.hexdigest()


def put(file: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``file``, then rename it.

    Raises:
        OSError: it cannot be written; the temporary file is gone then.
    """
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=TEMPORARY, delete=False) as made:
        pass  # closed, because an open file cannot be renamed on Windows
    temporary = Path(made.name)
    try:
        write(temporary)
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
