"""What an audit found, and the files that it is written to: nobody else's file is replaced."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gdw import files
from gdw.comparison.audit.count import NO_SAMPLE, WrongShare
from gdw.comparison.audit.page import MARK, page
from gdw.comparison.audit.table import COLUMNS, FOUND
from gdw.data.confirmed import CONFIRMED_COLUMNS
from gdw.data.picture_labels import as_meant, as_number, loose
from gdw.errors import whole_number
from gdw.label_files.columns import usual_columns
from gdw.label_files.label_table import as_text, read_table
from gdw.label_files.path_match import plain

if TYPE_CHECKING:
    from pandas import DataFrame

HEADER = ",".join(FOUND)  # a table of ours begins like this
READ = 2000  # bytes at the start of a file; our mark is in them
TOO_FEW, UNREAD = "its class has too few pictures for an audit", "it cannot be decoded"  # why one was not judged
ALONE = "the ranking knows the observed labels alone, so it cannot see an error that most labels of a class share"
NOTHING_CONFIRMED, NONE_JUDGED = f"no picture is confirmed: {ALONE}", f"no confirmed picture is judged: {ALONE}"
SHOWN = 500  # rows of a page: each has its picture inside


@dataclass(frozen=True)
class Audit:
    """What ``audit`` found.

    Attributes:
        table: one row a picture with the columns path, observed, proposed, score, rank, reason, label, chosen; rank 1
            is the most suspicious. Its index is the picture's place in what was audited. The last two are of the
            confirmed pictures; in the others a person may write the right label.
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

    def at(self, places: np.ndarray) -> "Audit":
        """With other places in the data set: ``places[n]`` is that of picture n.

        Args:
            places: int64 [pictures].
        """
        now = {place: number for number, place in enumerate(places.tolist())}
        shown = None if self.pictures is None else replace(self.pictures, places=now)
        return replace(self, table=self.table.rename(index=places.__getitem__), pictures=shown)

    @files.any_name()
    def with_others(
        self, observed: Mapping[str, str], confirmed: Mapping[str, tuple[str, str]], reason: str,
        places: Mapping[str, int],
    ) -> "Audit":  # fmt: skip
        """With those of these pictures that were not judged, before all others: a person looks at them.

        Args:
            observed: path to class.
            confirmed: path to the right class and how the picture was chosen, of those that a person has checked.
            reason: why they were not judged.
            places: path to place in the data set, where it has one.
        """
        import pandas as pd

        judged = set(self.table["path"])
        rows = [(path, label, "", 1.0, 0, reason, *confirmed.get(path, ("", "")))
                for path, label in observed.items() if path not in judged]  # fmt: skip
        if not rows:
            return self
        sure, notes = sum(path in confirmed for path, *_ in rows), self.notes
        if sure:
            notes = tuple(NONE_JUDGED if note == NOTHING_CONFIRMED else note for note in notes)
            notes += (f"{sure} more confirmed pictures come before those that are judged: {reason}",)
        others = pd.DataFrame(rows, index=[places.get(path, -1) for path, *_ in rows], columns=list(COLUMNS))
        table = pd.concat([others, self.table])
        return replace(self, table=table.assign(rank=range(1, len(table) + 1)), notes=notes)

    def save_csv(self, path: str | Path) -> None:
        """Write the table; an earlier audit's file is replaced, nobody else's is.

        Raises:
            OSError, ValueError: see :func:`check_outputs`.
        """
        check_outputs(csv=Path(path), checked=dict(zip(self.table["path"], self.table["label"], strict=True)))
        files.write(path, self.table.to_csv(index=False, lineterminator="\n"))

    def save_html(self, path: str | Path, top: int = SHOWN) -> None:
        """Write a page that needs no other file, to review the ``top`` most suspicious pictures.

        Raises:
            OSError, ValueError: as for ``save_csv``; or the data set has no pictures.
        """
        if self.pictures is None:
            raise ValueError(f"{self.name} has no pictures to show: a page needs them, a CSV file does not")
        check_outputs(html=Path(path))
        whole_number("top", top, 1)
        files.write(path, page(self.name, self.table, self.pictures, self.sentences(), self.pairs, top))

    def sentences(self) -> list[str]:
        """The result in words, with the notes."""
        return [str(self.wrong_share or NO_SAMPLE), *self.notes]


def check_outputs(csv: Path | None = None, html: Path | None = None, checked: Mapping[str, str] | None = None) -> None:
    """Raise unless each file can be written and is new or an earlier audit's.

    Args:
        checked: path to the right label that the new table will have. Labels and columns that a person wrote into the
            earlier one are not lost.

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
    if csv is None or not csv.is_file():
        return
    table = read_table(csv, least=0)
    if unread := [note for note in table.notes if note.startswith("passed over")]:
        raise ValueError(f"{csv} is not replaced ({unread[0]}): correct what was written into it, or name another file")
    if more := [name.removeprefix("column ") for name, cells in table.columns.items()
                if any(cells) and not usual_columns([name], (*COLUMNS, *CONFIRMED_COLUMNS))]:  # fmt: skip
        raise ValueError(
            f"{csv} holds the column {more[0]} that a person wrote, so it is not replaced: name another file"
        )
    new = {_key(name): word for name, word in zip(checked or {}, as_meant((checked or {}).values()), strict=True)}
    columns = [as_meant(table.columns[name]) for name in usual_columns(table.columns, CONFIRMED_COLUMNS)]
    written = {(_key(name), word) for words in columns for name, word in zip(table.paths, words, strict=True) if word}
    lost = [
        (name, word)
        for name, word in written
        if not new.get(name) or (loose(new[name]) != loose(word) and as_number(word) is None)
    ]  # a number has its name now
    if lost:
        name, word = min(lost)
        now = f" = {word}, now {new[name]}" if new.get(name) else ""
        raise ValueError(
            f"{csv} holds {len(lost)} labels that a person wrote (first: {name}{now}), so it is not replaced: read "
            "them with --confirmed (one label for a picture), or name another file"
        )


def _key(path: str) -> str:
    return plain(path).replace("\\", "/")


def _is_ours(path: Path, kind: str) -> bool:
    """By our mark; a spreadsheet may have written the table with other separators, quotes or a byte order mark."""
    with path.open("rb") as file:
        start = as_text(file.read(READ))
    first = re.sub('[";\t]+', ",", start.partition("\n")[0]).replace(",,", ",").lstrip(",")
    return first.startswith(HEADER) if kind == "CSV" else MARK in start
