"""Label review: look at one picture after another, and confirm or correct its label with one key.

The browser side (label_review.js) sends what was pressed and shows the card that comes back. All decisions are made
here, so a notebook, a test and a hand do the same.
"""

import base64
import io
from collections import Counter
from pathlib import Path
from string import ascii_lowercase
from threading import RLock
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import torch
import traitlets
from jaxtyping import Int
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from gdw import files
from gdw.data.dataset import Dataset
from gdw.errors import unknown
from gdw_notebooks.figures import style
from gdw_notebooks.figures.picture_sheet import picture_of, picture_sheet
from gdw_notebooks.panels.review_file import ReviewFile, as_csv
from gdw_notebooks.panels.review_queue import ClassQueue, SuspectQueue

if TYPE_CHECKING:
    from pandas import DataFrame

PER_CLASS = 10  # confirmed pictures of a class that a review asks for
ON_SHEET = 16  # pictures that are shown without a kernel
KEYS = "123456789" + ascii_lowercase


class LabelReview(anywidget.AnyWidget):
    """Shows one picture after another; each decision goes to the file at once.

    Keys: space if the label is right, a class's own key to correct it, Enter to accept the proposed class, the right
    arrow to leave the picture out for now, backspace to undo. The pictures are never changed.

    Args:
        dataset: with pictures that have paths, as from a folder.
        confirmed: CSV file ``path,label,chosen`` for the decisions; if it exists, the review goes on where it stopped.
            ``chosen`` says how the picture was chosen: ``random in class`` without ``suspects``, else ``suspect``, or
            ``random`` where the table of suspects says so.
        suspects: a table with ``path, proposed, score`` and perhaps ``reason`` and ``chosen``, as an audit gives it:
            its pictures are shown in its order. Without it, the pictures of one class at a time, in random order.
        per_class: without ``suspects``, how many confirmed pictures each class needs.
        seed: of the order within a class.

    Attributes:
        confirmed: what was decided: path → class name, in the order of the decisions.
        path: the path of the picture on show; None at the end.
        message: the last problem, such as a full disk; empty if there is none.
        large: for a projector.

    Raises:
        ValueError: the data set has no paths or no pictures; a file or table that does not fit it.
        OSError: the file cannot be written.
    """

    _esm = Path(__file__).with_name("label_review.js").read_text("utf-8")
    _css = Path(__file__).with_name("label_review.css").read_text("utf-8")

    classes = traitlets.List().tag(sync=True)  # of each class its name, its key, and how many are confirmed
    card = traitlets.Dict().tag(sync=True)  # the picture on show
    message = traitlets.Unicode("").tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)  # presses handled so far; the browser waits for each
    large = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, dataset: Dataset, confirmed: str | Path = "confirmed.csv", *,
        suspects: "DataFrame | str | Path | None" = None, per_class: int = PER_CLASS, seed: int = 0, **kwargs,
    ):  # fmt: skip
        if dataset.paths is None:
            raise ValueError(f"{dataset.name} has no file paths: only pictures read from a folder can be reviewed")
        picture_of(dataset, 0)
        self.dataset = dataset
        self._file = ReviewFile(confirmed, dataset.paths, dataset.class_names)
        self._queue = (
            ClassQueue(dataset, per_class, seed) if suspects is None else SuspectQueue(dataset, suspects)
        )
        self._keys = class_keys(dataset.class_names)
        self._done = list(self._file.labels)  # pictures, in the order of the decisions; undo takes the last one
        self._skipped: set[int] = set()
        self._lock = RLock()
        super().__init__(**kwargs)
        self._show()
        self.on_msg(lambda widget, content, buffers: self._pressed(content))

    # ---- what a hand can do ----------------------------------------------------------------------------------------

    def right(self) -> None:
        """The observed label is right.

        Raises:
            ValueError: no picture is left.
            OSError: the decision cannot be written; nothing changes. So it is for all decisions.
        """
        with self._lock:
            self._decide(int(self.dataset.labels[self._now()]))

    def correct(self, name: str) -> None:
        """The picture shows this class.

        Raises:
            ValueError: an unknown class; no picture is left.
        """
        with self._lock:
            if str(name) not in self.dataset.class_names:
                raise unknown("class", str(name), self.dataset.class_names)
            self._decide(self.dataset.class_names.index(str(name)))

    def accept(self) -> None:
        """The proposed class is right.

        Raises:
            ValueError: nothing is proposed for this picture; no picture is left.
        """
        with self._lock:
            picture = self._now()
            if picture not in self._queue.suspects:
                raise ValueError("no class is proposed for this picture: press a class's key, or space")
            self._decide(self._queue.suspects[picture].proposed)

    def skip(self) -> None:
        """Leave the picture out for now: nothing is written, and a new review shows it again.

        Raises:
            ValueError: no picture is left.
        """
        with self._lock:
            picture = self._now()
            self._skipped.add(picture)
            self._done.append(picture)
            self._show()

    def undo(self) -> None:
        """Take back the last decision, also one of an earlier session; without any, do nothing."""
        with self._lock:
            if not self._done:
                return
            picture = self._done[-1]
            if picture in self._skipped:
                self._skipped.discard(picture)
            else:
                self._file.forget(picture)
            self._done.pop()
            self._show(picture)

    # ---- what came of it -------------------------------------------------------------------------------------------

    @property
    def path(self) -> str | None:
        """The path of the picture on show; None at the end."""
        return self.card.get("path")

    @property
    def confirmed(self) -> dict[str, str]:
        """Path → class name, in the order of the decisions."""
        names = self.dataset.class_names
        return {self.dataset.paths[picture]: names[label] for picture, label in self._file.labels.items()}

    @property
    def confirmed_path(self) -> Path:
        """The file of the decisions."""
        return self._file.path

    def meta_set(self) -> tuple[Int[Tensor, "confirmed"], Int[Tensor, "confirmed"]]:
        """Which training pictures are confirmed, and their confirmed labels."""
        decided = self._file.labels
        return torch.tensor(list(decided), dtype=torch.int64), torch.tensor(list(decided.values()), dtype=torch.int64)

    def corrected_labels(self) -> Int[Tensor, "images"]:
        """The labels of all training pictures, with the confirmed ones in their places."""
        labels, (pictures, confirmed) = self.dataset.labels.clone(), self.meta_set()
        labels[pictures] = confirmed
        return labels

    def save_corrected(self, path: str | Path = "corrected.csv") -> int:
        """Write ``path,label`` for all training pictures, all at once; ``gdw`` reads it as a table of labels.

        Returns:
            How many labels differ from the observed ones.

        Raises:
            OSError: it cannot be written; the message names the file.
        """
        labels = self.corrected_labels()
        names = self.dataset.class_names
        rows = [(file, names[label]) for file, label in zip(self.dataset.paths, labels.tolist(), strict=True)]
        files.write(Path(path).expanduser(), as_csv(("path", "label"), rows))
        return int((labels != self.dataset.labels).sum())

    def figure(self) -> Figure:
        """The next pictures as one sheet, for readers without a kernel."""
        left = self._left()[:ON_SHEET]
        captions = [self._caption(picture) for picture in left]
        title = self._progress() if left else f"{self._progress()}: nothing is left to review"
        return picture_sheet([picture_of(self.dataset, p) for p in left], captions, title=title, large=self.large)

    # ---- the inside ------------------------------------------------------------------------------------------------

    def _pressed(self, content: dict) -> None:
        """What the browser sends: an action, and the path that it was about (a press may come twice, or late)."""
        actions = {"right": self.right, "accept": self.accept, "skip": self.skip, "undo": self.undo}
        action = content.get("action") if isinstance(content, dict) else None
        with self._lock, self.hold_sync():  # the next card and the answer come together
            self.message = ""
            try:
                if action == "undo" or (action is not None and content.get("path") == self.path is not None):
                    self.correct(content.get("name")) if action == "correct" else actions[action]()
            except (ValueError, OSError) as error:
                self.message = f"Not saved: {error}"
            except KeyError:
                self.message = "This page sent something unknown: run its cell again."
            self.answered += 1

    def _left(self) -> list[int]:
        return self._queue.left(self._file.labels, self._skipped)

    def _now(self) -> int:
        if "picture" not in self.card:
            raise ValueError("no picture is left in this review")
        return self._shown

    def _decide(self, label: int) -> None:
        picture = self._now()
        self._file.decide(picture, label, self._queue.chosen(picture, self._file.labels))
        self._done = [other for other in self._done if other != picture] + [picture]
        self._show()

    def _show(self, picture: int | None = None) -> None:
        """Show the next picture, or this one."""
        left = self._left()
        picture = picture if picture is not None else left[0] if left else None
        known = Counter(self._file.labels.values())
        with self.hold_sync():
            self._shown = picture
            self.classes = [
                {"name": name, "key": self._keys[label], "confirmed": known[label]}
                for label, name in enumerate(self.dataset.class_names)
            ]
            self.card = {"progress": self._progress()} | ({} if picture is None else self._card(picture))

    def _card(self, picture: int) -> dict:
        names = self.dataset.class_names
        card = {
            "path": self.dataset.paths[picture],
            "picture": _data_uri(picture_of(self.dataset, picture)),
            "observed": names[int(self.dataset.labels[picture])],
        }
        if suspect := self._queue.suspects.get(picture):
            card |= {"proposed": names[suspect.proposed], "score": f"{suspect.score:.3g}", "reason": suspect.reason}
        return card

    def _caption(self, picture: int) -> str:
        names = self.dataset.class_names
        words = f"says {names[int(self.dataset.labels[picture])]}"
        suspect = self._queue.suspects.get(picture)
        return words if suspect is None else f"{words}\nproposed {names[suspect.proposed]}"

    def _progress(self) -> str:
        decided = self._file.labels
        if isinstance(self._queue, SuspectQueue):
            done = sum(picture in decided for picture in self._queue.order)
            return f"{done} of {len(self._queue.order)} pictures decided"
        known, classes = Counter(decided.values()), len(self.dataset.class_names)
        full = sum(known[label] >= self._queue.per_class for label in range(classes))
        return f"{len(decided)} pictures confirmed; {full} of {classes} classes have {self._queue.per_class}"

    def __repr__(self) -> str:
        return f"LabelReview({self._progress()})"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        figure = self.figure()
        png = base64.b64encode(style.picture(figure)).decode()
        alt = f"{style.words(figure)}. The next pictures, each with its label."
        return data | {"image/png": png, "text/plain": repr(self)}, metadata | {"image/png": {"alt": alt}}


def class_keys(names: tuple[str, ...]) -> list[str]:
    """The key of each class: its own name if all names are one letter or digit, else 1 to 9, then a to z, then none."""
    plain = [name.lower() for name in names]
    if all(len(name) == 1 and name.isascii() and name.isalnum() for name in plain) and len(set(plain)) == len(plain):
        return plain
    return [KEYS[place] if place < len(KEYS) else "" for place in range(len(names))]


def _data_uri(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray((picture * 255).round().astype(np.uint8)).save(file, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
