"""What an audit found, and the files that it is written to: nobody else's file is replaced."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdw import files
from gdw.comparison.audit.count import NO_SAMPLE, WrongShare
from gdw.comparison.audit.page import MARK, page
from gdw.comparison.audit.table import COLUMNS
from gdw.errors import whole_number

if TYPE_CHECKING:
    from pandas import DataFrame

HEADER = ",".join(COLUMNS)
READ = 2000  # bytes at the start of a file; our mark is in them
SHOWN = 500  # rows of a page: each has its picture inside


@dataclass(frozen=True)
class Audit:
    """What ``audit`` found.

    Attributes:
        table: one row a picture with the columns path, observed, proposed, score, rank, reason; rank 1 is the most
            suspicious. Its index is the picture's place in the data set.
        pairs: between which classes labels are probably wrong, the most frequent pair first, with the columns observed,
            proposed.
        wrong_share: of all labels, as a range; None unless pictures that were drawn at random are confirmed.
        notes: sentences that a reader must know.
        name: of the data set.
        pictures: gives uint8 [channels, height, width] for a picture's place, for the page; None where there are none.
    """

    table: "DataFrame"
    pairs: "DataFrame"
    wrong_share: WrongShare | None
    notes: tuple[str, ...]
    name: str
    pictures: Any = None

    def save_csv(self, path: str | Path) -> None:
        """Write the table; an earlier audit's file is replaced, nobody else's is.

        Raises:
            OSError, ValueError: see :func:`check_outputs`.
        """
        check_outputs(csv=Path(path))
        files.write(path, self.table.to_csv(index=False, lineterminator="\n"))

    def save_html(self, path: str | Path, top: int = SHOWN) -> None:
        """Write a page that needs no other file, with the ``top`` most suspicious pictures.

        Raises:
            OSError, ValueError: as for ``save_csv``; or the data set has no pictures.
        """
        if self.pictures is None:
            raise ValueError(f"{self.name} has no pictures to show: a page needs them, a CSV file does not")
        check_outputs(html=Path(path))
        shown = self.table.head(whole_number("top", top, 1))
        files.write(path, page(self.name, shown, self.pictures, self.sentences(), self.pairs))

    def sentences(self) -> list[str]:
        """The result in words, with the notes."""
        return [str(self.wrong_share or NO_SAMPLE), *self.notes]


def check_outputs(csv: Path | None = None, html: Path | None = None) -> None:
    """Raise unless each file can be written and is new or an earlier audit's.

    Raises:
        OSError: no such folder, not writable, a full disk.
        ValueError: the file is there and is not an audit's; one file for two outputs.
    """
    if csv is not None and html is not None and csv.resolve() == html.resolve():
        raise ValueError(f"the table and the page need a file each, got {csv} for both")
    for path, kind in ((csv, "CSV"), (html, "HTML")):
        if path is None:
            continue
        if path.is_file() and not _is_ours(path, kind):
            raise ValueError(
                f"{path} is there already and is not an audit's {kind} file, so it is not replaced: name another file"
            )
        files.check_writable(path)


def _is_ours(path: Path, kind: str) -> bool:
    with path.open("rb") as file:
        start = file.read(READ).decode("utf-8", "replace")
    return start.partition("\n")[0].rstrip("\r") == HEADER if kind == "CSV" else MARK in start
