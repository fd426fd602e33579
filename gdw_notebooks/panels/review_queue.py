"""Which picture a label review shows next: class by class, or the suspects of a table in their order."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gdw.data.confirmed import CHOSEN_COLUMN, IN_CLASS, RANDOM, SUSPECT
from gdw.data.dataset import Dataset
from gdw.errors import unknown, whole_number

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("path", "proposed", "score")  # that a table of suspects must have


@dataclass(frozen=True)
class Suspect:
    """A row of the table: what is proposed for a picture, how suspicious its label is, and why."""

    proposed: int
    score: float
    reason: str = ""


class ClassQueue:
    """Pictures of one class at a time, by observed label, in random order within it.

    A class is finished when ``per_class`` pictures are confirmed to show it. Pictures that turned out to show another
    class count for that one.

    Raises:
        ValueError: ``per_class`` is below 1.
    """

    def __init__(self, dataset: Dataset, per_class: int, seed: int):
        self.per_class = whole_number("per_class", per_class, 1)
        self.suspects: dict[int, Suspect] = {}
        self.observed = dataset.labels.tolist()
        shuffled = torch.randperm(len(self.observed), generator=torch.Generator().manual_seed(seed)).tolist()
        self.order = sorted(shuffled, key=self.observed.__getitem__)  # stable: random within a class

    def chosen(self, picture: int, decided: Mapping[int, int]) -> dict[int, str]:
        """It was drawn from the pictures of its observed label, like all of these that come before it."""
        own = [other for other in self.order if self.observed[other] == self.observed[picture]]
        return dict.fromkeys(own[: own.index(picture) + 1], IN_CLASS)

    def left(self, decided: Mapping[int, int], skipped: set[int]) -> list[int]:
        """The pictures still to show, the next one first."""
        known = Counter(decided.values())
        return [
            picture for picture in self.order
            if picture not in decided and picture not in skipped and known[self.observed[picture]] < self.per_class
        ]  # fmt: skip


class SuspectQueue:
    """The suspects in the order of their table; before them, in a random order, those that it says are drawn at random.

    A sample that is looked at in a random order may be left half done: what was seen is a random sample too.

    Args:
        suspects: ``path, proposed, score``, and where there are such, ``reason`` and ``chosen`` (a sample of all
            pictures of an audit: ``audit.table.sample(150).assign(chosen="random")``): a DataFrame, or a CSV file.

    Raises:
        ValueError: a column is missing; a path of no picture; an unknown class.
        OSError: no such file.
    """

    def __init__(self, dataset: Dataset, suspects: "DataFrame | str | Path"):
        table = _table(suspects)
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise ValueError(
                f"the table of suspects needs the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}"
            )
        place = {path: number for number, path in enumerate(dataset.paths)}
        names = {name: number for number, name in enumerate(dataset.class_names)}
        reasons = table["reason"] if "reason" in table.columns else [""] * len(table)
        ways = table[CHOSEN_COLUMN] if CHOSEN_COLUMN in table.columns else [SUSPECT] * len(table)
        self.suspects: dict[int, Suspect] = {}
        drawn: list[int] = []
        rows = zip(table["path"], table["proposed"], table["score"], reasons, ways, strict=True)
        for path, proposed, score, reason, way in rows:
            if path not in place:
                raise ValueError(f"the table of suspects names {path}, and no picture here is called so")
            if str(proposed) not in names:
                raise unknown("class in the table of suspects", str(proposed), dataset.class_names)
            self.suspects[place[path]] = Suspect(names[str(proposed)], float(score), str(reason))
            if str(way).lower() == RANDOM:
                drawn.append(place[path])
        shuffled = torch.randperm(len(drawn), generator=torch.Generator().manual_seed(0)).tolist()
        self.drawn = [drawn[at] for at in shuffled]
        self.order = [*self.drawn, *(picture for picture in self.suspects if picture not in set(drawn))]

    def chosen(self, picture: int, decided: Mapping[int, int]) -> dict[int, str]:
        """A suspect; or drawn at random, as are those before it in the order, and all once the sample is complete."""
        if picture not in self.drawn:
            return {picture: SUSPECT}
        end = self.drawn.index(picture) + 1
        complete = all(other in decided for other in self.drawn[end:])
        return dict.fromkeys(self.drawn if complete else self.drawn[:end], RANDOM)

    def left(self, decided: Mapping[int, int], skipped: set[int]) -> list[int]:
        """The pictures still to show, the next one first."""
        return [picture for picture in self.order if picture not in decided and picture not in skipped]


def _table(suspects: "DataFrame | str | Path") -> "DataFrame":
    import pandas as pd

    from gdw.data.label_table import require_file

    if isinstance(suspects, pd.DataFrame):
        return suspects
    path = Path(suspects).expanduser()
    require_file(path)
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} is not a CSV table of suspects ({error})") from None
