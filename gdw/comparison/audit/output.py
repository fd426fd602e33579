"""Where an audit is written: tried before the work, and nobody else's file is replaced."""

from pathlib import Path
from typing import TYPE_CHECKING

from gdw import files
from gdw.comparison.audit.page import MARK
from gdw.comparison.audit.table import COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

HEADER = ",".join(COLUMNS)
READ = 2000  # bytes at the start of a file; our mark is in them


def check_outputs(*given: tuple[Path | None, str]) -> None:
    """Raise unless each file can be written and is new or an earlier audit's.

    Args:
        given: each a path, or None, and its kind: ``"csv"`` or ``"html"``.

    Raises:
        OSError: no such folder, not writable, a full disk.
        ValueError: the file is there and is not an audit's; one file for two outputs.
    """
    known = [(Path(path), kind) for path, kind in given if path is not None]
    if len({path.resolve() for path, _ in known}) < len(known):
        raise ValueError(f"the table and the page need a file each, got {known[0][0]} for both")
    for path, kind in known:
        if path.is_file() and not _is_ours(path, kind):
            raise ValueError(
                f"{path} is there already and is not an audit's {kind.upper()} file, so it is not replaced: "
                "name another file"
            )
        files.check_writable(path)


def csv_text(table: "DataFrame") -> str:
    """The table as CSV, with a row of column names."""
    return table.to_csv(index=False, lineterminator="\n")


def _is_ours(path: Path, kind: str) -> bool:
    with path.open("rb") as file:
        start = file.read(READ).decode("utf-8", "replace")
    if kind == "csv":
        return (start.splitlines() or [""])[0] == HEADER
    return MARK in start
