"""Label review in a notebook: the audit's own page, whose decisions go to a file at once."""

import warnings
from itertools import takewhile
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import anywidget
import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from torch import Tensor

from gdw import files
from gdw.comparison.audit.output import SHOWN
from gdw.comparison.audit.page import Shown, page
from gdw.data.confirmed import CHOSEN_COLUMN, IN_CLASS, RANDOM, SUSPECT
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import NO_CLASS, NONE, match, no_picture_notes
from gdw.errors import unknown, whole_number
from gdw.label_files.label_table import Table, read_table
from gdw_notebooks.figures import style
from gdw_notebooks.figures.picture_sheet import picture_of, picture_sheet
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.review_file import ReviewFile, as_csv

if TYPE_CHECKING:
    from pandas import DataFrame

PER_CLASS = 10  # confirmed pictures of a class that a review asks for
ON_SHEET = 16  # pictures that are shown without a kernel
COLUMNS = ("path", "proposed", "score")  # that a table of suspects must have


class Review(InNotebook, anywidget.AnyWidget):
    """The audit's page in a notebook; each decision goes to the file at once. The pictures are never changed.

    Args:
        dataset: with pictures that have paths, as from a folder.
        confirmed: CSV file ``path,label,chosen`` for the decisions; if it exists, the review goes on where it stopped.
            ``chosen`` says how the picture was chosen: ``random in class`` without ``suspects``, else ``suspect``, or
            ``random`` where the table of suspects says so. Pictures that were drawn at random count as drawn up to the
            first one that is passed over: those after it were selected.
        suspects: a table with ``path, proposed, score`` and perhaps ``reason`` and ``chosen``, as an audit gives it:
            its pictures are shown in its order, those drawn at random first, in a random order. Without it, the
            pictures of each class in random order.
        per_class: without ``suspects``, how many confirmed pictures each class needs.
        seed: of the order within a class.

    Raises:
        ValueError: the data set has no paths or no pictures; a file or table that does not fit it.
        OSError: the file cannot be written.
    """

    # Text, not paths: of a file's path anywidget keeps every widget ever made, to load it again when the file changes.
    _esm = Path(__file__).with_name("review.js").read_text("utf-8")

    def __init__(
        self, dataset: Dataset, confirmed: str | Path = "confirmed.csv", *,
        suspects: "DataFrame | str | Path | None" = None, per_class: int = PER_CLASS, seed: int = 0, **kwargs: Any,
    ):  # fmt: skip
        if dataset.paths is None:
            raise ValueError(f"{dataset.name} has no file paths: only pictures read from a folder can be reviewed")
        picture_of(dataset, 0)
        whole_number("per_class", per_class, 1)
        self.dataset = dataset
        self._per_class = per_class if suspects is None else None
        self._table = by_class(dataset, seed) if suspects is None else by_suspicion(dataset, suspects)
        self._file = ReviewFile(confirmed, dataset.paths, dataset.class_names, dataset.name)
        self._unsure: set[int] = set()
        self._shown: set[str] = set()
        self._lock = RLock()
        super().__init__(**kwargs)
        self.on_msg(lambda widget, content, buffers: self._heard(content))

    def decide(self, label: str | None, path: str | None = None) -> None:
        """What a person says of a picture.

        Args:
            label: its right class; ``"none of these"``; ``""``: unsure, nothing is written, and a new review shows it
                again; None: an earlier decision is taken back.
            path: of the picture; by default the next one.

        Raises:
            ValueError: an unknown class; no picture of this review; no picture is left.
            OSError: the decision cannot be written; nothing changes.
        """
        with self._lock:
            place = self._place(self.path if path is None else path)
            names = self.dataset.class_names
            if label and label != NONE and label not in names:
                raise unknown("class", label, names)
            if label:
                number = names.index(label) if label in names else NO_CLASS
                self._file.decide(place, number, self._chosen(place))
            else:
                self._file.forget(place)
            self._unsure.discard(place)
            if label == "":
                self._unsure.add(place)

    @property
    def path(self) -> str | None:
        """The path of the next picture; None where nothing is left."""
        left = self._left()
        return self.dataset.paths[left[0]] if left else None

    @property
    def confirmed(self) -> dict[str, str]:
        """Path → class name, or ``"none of these"``, in the order of the decisions."""
        named = {NO_CLASS: NONE, **dict(enumerate(self.dataset.class_names))}
        return {self.dataset.paths[picture]: named[label] for picture, label in self._file.labels.items()}

    @property
    def confirmed_path(self) -> Path:
        """The file of the decisions."""
        return self._file.path

    def meta_set(self) -> tuple[Int[Tensor, "confirmed"], Int[Tensor, "confirmed"]]:
        """Which training pictures are confirmed to belong to a class, and their confirmed labels."""
        sure = {place: label for place, label in self._file.labels.items() if label != NO_CLASS}
        return torch.tensor(list(sure), dtype=torch.int64), torch.tensor(list(sure.values()), dtype=torch.int64)

    def corrected_labels(self) -> Int[Tensor, "images"]:
        """The labels of all training pictures, with the confirmed ones in their places; -1: belongs to no class."""
        labels, known = self.dataset.labels.clone(), self._file.labels
        labels[list(known)] = torch.tensor(list(known.values()), dtype=torch.int64)
        return labels

    def save_corrected(self, path: str | Path = "corrected.csv") -> int:
        """Write ``path,label`` for all training pictures that belong to a class; ``gdw`` reads it as a table of labels.

        Returns:
            How many labels differ from the observed ones.

        Raises:
            OSError: it cannot be written; the message names the file.
        """
        labels, names = self.corrected_labels(), self.dataset.class_names
        both = zip(self.dataset.paths, labels.tolist(), strict=True)
        rows = [(file, names[label]) for file, label in both if label != NO_CLASS]
        files.write(Path(path).expanduser(), as_csv(("path", "label"), rows))
        return int((labels != self.dataset.labels).sum())

    def figure(self) -> Figure:
        """The next pictures as one sheet, for readers without a kernel."""
        rows = [self._table.loc[place] for place in self._left()[:ON_SHEET]]
        captions = [f"says {row.observed}" + (f"\nproposed {row.proposed}" if row.proposed else "") for row in rows]
        pictures = [picture_of(self.dataset, int(row.name)) for row in rows]
        return picture_sheet(pictures, captions, title=self._progress() + ("" if rows else ": nothing is left"))

    # ---- the inside ------------------------------------------------------------------------------------------------

    def _heard(self, content: Any) -> None:
        """From the browser: a page was opened, or one picture was decided."""
        with self._lock:
            try:
                if not (isinstance(content, dict) and content.get("open")):
                    self.decide(content["label"], content["path"])
                    if self.path in {None, *self._shown}:
                        self.send({"problem": ""})
                        return
                said = ""
            except (ValueError, OSError) as error:
                said = f"Not saved: {error}"
            except (KeyError, TypeError):
                said = "This page sent something unknown: run its cell again."
            self.send({"page": self._page(), "problem": said})

    def _page(self) -> str:
        """The page with the next pictures and those that are decided."""
        wanted = {*self._left()[:SHOWN], *list(self._file.labels)[-SHOWN:]}
        table = self._table[self._table.index.isin(wanted)]
        self._shown = set(table["path"])
        title = self.dataset.name if self._per_class is None else f"Confirm {self._per_class} pictures of each class"
        return page(
            title, table, Shown.of(self.dataset), [], table.head(0), class_names=self.dataset.class_names,
            per_class=self._per_class, kept=list(self.confirmed.items()),
        )  # fmt: skip

    def _place(self, path: str | None) -> int:
        if path is None:
            raise ValueError("no picture is left in this review")
        places = self._table.index[self._table["path"] == path]
        if not len(places):
            raise ValueError(f"no picture of this review is called {path!r}")
        return int(places[0])

    def _left(self) -> list[int]:
        """The pictures still to show, the next one first."""
        done = {*self._file.labels, *self._unsure}
        full = {name for name, count in self._counts().items() if self._per_class and count >= self._per_class}
        rows = self._table["observed"].items()
        return [place for place, observed in rows if place not in done and observed not in full]

    def _counts(self) -> dict[str, int]:
        labels = list(self._file.labels.values())
        return {name: labels.count(number) for number, name in enumerate(self.dataset.class_names)}

    def _chosen(self, picture: int) -> dict[int, str]:
        """How it was chosen, and others that it makes part of a random sample: all up to the first one not decided."""
        row = self._table.loc[picture]
        if row.chosen not in (RANDOM, IN_CLASS):
            return {picture: row.chosen}
        same = self._table["chosen"] == row.chosen
        same &= (row.chosen == RANDOM) | (self._table["observed"] == row.observed)
        seen = {*self._file.labels, *self._unsure, picture}
        return {picture: SUSPECT} | dict.fromkeys(takewhile(seen.__contains__, self._table.index[same]), row.chosen)

    def _progress(self) -> str:
        if self._per_class is None:
            return f"{sum(self._table.index.isin(list(self._file.labels)))} of {len(self._table)} pictures decided"
        counts = self._counts()
        full = sum(count >= self._per_class for count in counts.values())
        return f"{len(self._file.labels)} pictures confirmed; {full} of {len(counts)} classes have {self._per_class}"

    def __repr__(self) -> str:
        return f"Review({self._progress()})"

    def printed(self) -> tuple[bytes, str]:
        figure = self.figure()
        return style.picture(figure), f"{style.words(figure)}. The next pictures, each with its label."


def by_class(dataset: Dataset, seed: int) -> "DataFrame":
    """The pictures of one class after the other, by observed label, in random order within it."""
    import pandas as pd

    observed = dataset.labels.tolist()
    shuffled = torch.randperm(len(observed), generator=torch.Generator().manual_seed(seed)).tolist()
    order = sorted(shuffled, key=observed.__getitem__)  # stable: random within a class
    rows = {
        "path": [dataset.paths[place] for place in order],
        "observed": [dataset.class_names[observed[place]] for place in order],
    }
    return pd.DataFrame(rows, index=order).assign(proposed="", score=0.0, reason="", chosen=IN_CLASS)


def by_suspicion(dataset: Dataset, suspects: "DataFrame | str | Path") -> "DataFrame":
    """A table of suspects, with the places of the pictures as its index; those drawn at random come first.

    A sample that is looked at in a random order may be left half done: what was seen is a random sample too.

    Raises:
        ValueError: a column is missing; no row is of a picture here; an unknown class.
        OSError: no such file.
    """
    import pandas as pd

    source = Path("suspects")
    if not isinstance(suspects, pd.DataFrame):
        source = files.user_path(suspects)
        files.read_bytes(source)
        table = read_table(source)
        suspects = pd.DataFrame({"path": table.paths, **table.columns})
    if missing := [name for name in COLUMNS if name not in suspects.columns]:
        raise ValueError(f"the table of suspects needs the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}")
    paths = suspects["path"].astype(str).tolist()
    rows_of, missing, _ = match(Table(source, paths, {}), dataset.paths)
    if missing:
        warnings.warn(f"{source}: {no_picture_notes(missing, source)[0]}", stacklevel=3)
    table = suspects.iloc[[rows[0] for rows in rows_of.values()]].set_axis(list(rows_of))
    for name in table["proposed"].astype(str):
        if name not in (*dataset.class_names, NONE):
            raise unknown("class in the table of suspects", name, dataset.class_names)
    ways = table[CHOSEN_COLUMN] if CHOSEN_COLUMN in table else pd.Series("", table.index)
    table = table.assign(
        path=[dataset.paths[place] for place in table.index],
        observed=[dataset.class_names[label] for label in dataset.labels[table.index.tolist()].tolist()],
        proposed=table["proposed"].astype(str), score=table["score"].astype(float).fillna(0.0).astype(float),
        reason=table["reason"].astype(str) if "reason" in table else "",
        chosen=ways.fillna("").astype(str).str.lower().replace("", SUSPECT),
    )[["path", "observed", "proposed", "score", "reason", "chosen"]]  # fmt: skip
    drawn = table[table["chosen"] == RANDOM].sample(frac=1, random_state=0)
    return pd.concat([drawn, table.drop(index=drawn.index)])
