"""The file of a label review: one row ``path,label,chosen`` for each decision, on the disk as soon as it is made."""

import csv
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gdw import files
from gdw.data.confirmed import CHOSEN_COLUMN, NOT_KNOWN, Confirmed, read_confirmed, stronger
from gdw.data.picture_labels import NO_CLASS, NONE
from gdw.label_files.label_table import read_table
from gdw.label_files.path_match import Places

HEADER = ("path", "label", CHOSEN_COLUMN)
PATIENCE, PAUSE = 2.0, 0.02  # seconds: how long another panel may hold the file, and between two tries


class ReviewFile:
    """Confirmed labels of the pictures of one data set, in the order in which they were decided.

    The file is what counts: each change reads it, changes one row and writes it all at once. So a killed process loses
    nothing, and two panels on one file do not undo each other. Rows of other pictures, and labels that are no class,
    stay as they are.

    Args:
        path: a CSV file with the columns ``path,label`` and perhaps ``chosen``; it need not exist yet.
        paths: of the data set's pictures.
        class_names: of the data set.
        root: the name of the folder that paths begin in.

    Raises:
        ValueError: the file is no such table, or names no picture here, or an unknown class.
        OSError: it cannot be read, or a new one cannot be written.
    """

    def __init__(self, path: str | Path, paths: Sequence[str], class_names: Sequence[str], root: str):
        self.path = Path(path).expanduser()
        self.paths, self.class_names, self.root = list(paths), list(class_names), root
        if self.path.suffix.lower() != ".csv":
            raise ValueError(f"the confirmed labels go into a file that ends in .csv, got {self.path.name}")
        files.check_writable(self.path)
        self._text: str | None = None
        self._read()

    @property
    def labels(self) -> Mapping[int, int]:
        """Picture to label, both as numbers, in the order of the decisions; -1: it belongs to no class."""
        return self._known.labels

    def decide(self, picture: int, label: int, chosen: Mapping[int, str]) -> None:
        """Put one decision last in the file; an earlier one about the same picture goes.

        Args:
            chosen: how this picture was chosen, and others that were decided before and belong to the same sample.

        Raises:
            OSError: it cannot be written: the decision is not made.
            ValueError: another process holds the file for more than two seconds.
        """
        with self._held():
            self._read()
            before = self._known.chosen
            ways = {other: stronger(before.get(other, NOT_KNOWN), way) for other, way in chosen.items()}
            labels = {other: known for other, known in self.labels.items() if other != picture}
            self._write({**labels, picture: label}, {**before, **ways})

    def forget(self, picture: int) -> None:
        """Take one decision out of the file.

        Raises:
            OSError, ValueError: as for ``decide``; the decision is still there.
        """
        with self._held():
            self._read()
            if picture in self.labels:
                left = {other: known for other, known in self.labels.items() if other != picture}
                self._write(left, self._known.chosen)

    def _read(self) -> None:
        """What the file says now; it is looked through again only if another panel or a person has changed it."""
        text = files.read_text(self.path) if self.path.exists() else ""
        if text == self._text:
            return
        self._known, self._rows = Confirmed(), []
        if text.strip():
            table = read_table(self.path, least=0)
            if "label" not in table.columns:
                raise ValueError(f"{self.path} needs the columns path and label, got path, {', '.join(table.columns)}")
            self._known = read_confirmed(self.path, self.paths, self.class_names, root=self.root)
            found, _ = Places(self.paths, root=self.root).find(table.paths)
            ways = table.columns.get(CHOSEN_COLUMN, [NOT_KNOWN] * len(found))
            rows = zip(table.paths, table.columns["label"], ways, strict=True)
            self._rows = list(zip(found, rows, strict=True))
        self._text = text

    def _write(self, labels: dict[int, int], chosen: Mapping[int, str]) -> None:
        chosen = {picture: chosen.get(picture, NOT_KNOWN) for picture in labels}  # of those alone that are decided
        named = {NO_CLASS: NONE, **dict(enumerate(self.class_names))}
        rows = [(self.paths[one], named[label], chosen[one]) for one, label in labels.items()]
        left = [(place, row) for place, row in self._rows if place not in labels and place not in self.labels]
        text = as_csv(HEADER, [*(row for _, row in left), *rows])
        files.write(self.path, text)
        self._known, self._rows, self._text = Confirmed(labels, chosen), left, text

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
