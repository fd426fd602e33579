"""The file of a label review: one row ``path,label,chosen`` for each decision, on the disk as soon as it is made."""

import csv
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gdw import files
from gdw.data.confirmed import CHOSEN_COLUMN, NOT_KNOWN, stronger
from gdw.data.label_table import class_numbers, match, read_table

HEADER = ("path", "label", CHOSEN_COLUMN)
PATIENCE, PAUSE = 2.0, 0.02  # seconds: how long another panel may hold the file, and between two tries


class ReviewFile:
    """Confirmed labels of the pictures of one data set, in the order in which they were decided.

    The file is what counts: each change reads it, changes one row and writes it all at once. So a killed process loses
    nothing, and two panels on one file do not undo each other.

    Args:
        path: a CSV file with the columns ``path,label`` and perhaps ``chosen``; it need not exist yet.
        paths: of the data set's pictures.
        class_names: of the data set.

    Raises:
        ValueError: the file is no such table, or names an unknown picture or class.
        OSError: it cannot be read, or a new one cannot be written.
    """

    def __init__(self, path: str | Path, paths: Sequence[str], class_names: Sequence[str]):
        self.path = Path(path).expanduser()
        self.paths, self.class_names = list(paths), list(class_names)
        if self.path.suffix.lower() != ".csv":
            raise ValueError(f"the confirmed labels go into a file that ends in .csv, got {self.path.name}")
        files.check_writable(self.path)
        self.labels, self.chosen = self._read()

    def decide(self, picture: int, label: int, chosen: Mapping[int, str]) -> None:
        """Put one decision last in the file; an earlier one about the same picture goes.

        Args:
            chosen: how this picture was chosen, and others that were decided before and belong to the same sample.

        Raises:
            OSError: it cannot be written: the decision is not made.
            ValueError: another process holds the file for more than two seconds.
        """
        with self._held():
            labels, before = self._read()
            labels.pop(picture, None)
            ways = {other: stronger(before.get(other, NOT_KNOWN), way) for other, way in chosen.items()}
            self._write({**labels, picture: label}, before | ways)

    def forget(self, picture: int) -> None:
        """Take one decision out of the file.

        Raises:
            OSError, ValueError: as for ``decide``; the decision is still there.
        """
        with self._held():
            labels, chosen = self._read()
            labels.pop(picture, None)
            self._write(labels, chosen)

    def _read(self) -> tuple[dict[int, int], dict[int, str]]:
        """Picture → label, both as numbers, and picture → how it was chosen."""
        if not self.path.exists():
            return {}, {}
        lines = files.read_text(self.path).strip().splitlines()
        if len(lines) <= 1 and (not lines or set(lines[0].split(",")) <= set(HEADER)):  # all decisions were undone
            return {}, {}
        table = read_table(self.path)
        if "label" not in table.columns:
            raise ValueError(f"{self.path} needs the columns path and label, got path, {', '.join(table.columns)}")
        place = {row: picture for picture, row in match(table, self.paths).items()}
        numbers = class_numbers(table.columns["label"], self.class_names, self.path)
        ways = table.columns.get(CHOSEN_COLUMN, [NOT_KNOWN] * len(numbers))
        labels = {place[row]: number for row, number in enumerate(numbers)}
        return labels, {place[row]: way for row, way in enumerate(ways)}

    def _write(self, labels: dict[int, int], chosen: dict[int, str]) -> None:
        chosen = {picture: chosen.get(picture, NOT_KNOWN) for picture in labels}  # of those alone that are decided
        rows = [(self.paths[one], self.class_names[label], chosen[one]) for one, label in labels.items()]
        files.write(self.path, as_csv(HEADER, rows))
        self.labels, self.chosen = labels, chosen

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Only this panel may write the file; waits a moment for another panel."""
        until = time.monotonic() + PATIENCE
        while True:
            lock = files.sole_writer(self.path)
            try:
                lock.__enter__()
                break
            except ValueError:
                if time.monotonic() > until:
                    raise ValueError(f"another program is writing to {self.path}: try again") from None
                time.sleep(PAUSE)
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


def as_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text; what holds commas, quotes or line ends is quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
