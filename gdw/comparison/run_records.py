"""The file of ``gdw run --json``: a JSON list with one record for each run. Runs that it holds are not repeated."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gdw import files
from gdw.comparison.sweep import is_record, key, record_or_reason, records_of
from gdw.training.experiment import Experiment
from gdw.training.history import History

SCORES = {"accuracy": "test_accuracy", "validation_accuracy": "validation_accuracy", "auroc": "auroc"}


class RunRecords:
    """Records by run, kept in a file as they come; to be used in a ``with``. Without a path nothing is kept.

    Records of other experiments stay in the file; a new record of an experiment takes the place of its old one.

    Raises:
        OSError: the file cannot be written, found out before any work is done.
        ValueError: the file holds something else (it is not touched), or another run is writing to it.
    """

    def __init__(self, path: Path | None):
        self.path, self.records, self._open = path, {}, ExitStack()

    def __enter__(self) -> "RunRecords":
        if self.path is None:
            return self
        files.check_writable(self.path)
        self._open.enter_context(files.sole_writer(self.path))
        try:
            self.records = {key(entry["config"]): entry for entry in self._read()}
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *error) -> None:
        self._open.close()

    def _read(self) -> list[dict]:
        if not self.path.exists() or not self.path.stat().st_size:
            return []
        wanted = f"{self.path} is not a file of `gdw run --json`"
        try:
            entries = files.read_json(self.path)
        except ValueError as error:
            raise ValueError(f"{wanted}, so it is left as it is: {error}") from None
        if not isinstance(entries, list) or not all(map(is_record, entries)):
            raise ValueError(f"{wanted}, so it is left as it is: it holds no list of records of runs")
        return entries

    def finished(self, experiments: Sequence[Experiment], class_names: Sequence[str] = ()) -> list[History | None]:
        """What the file says of runs that ended without an error: their scores, as Histories of one epoch."""
        found = records_of(experiments, (entry for entry in self.records.values() if entry["error"] is None))
        return [None if entry is None else history_of(entry, class_names) for entry in found]

    def add(self, histories: Sequence[History]) -> None:
        """Keep these runs too, on the disk when this returns."""
        self.records |= {key(history.config): record_or_reason(history) for history in histories}
        if self.path:
            files.write(self.path, json.dumps(list(self.records.values()), indent=1, allow_nan=False) + "\n")


def history_of(entry: dict, class_names: Sequence[str] = ()) -> History:
    """The scores in a record as a History of one epoch: all that tables need, and nothing about the epochs before."""
    scores = {name: _number(entry.get(score)) for score, name in SCORES.items()}
    images, rate = entry.get("training_images"), _number(entry.get("wrong_label_rate"))
    history = History(
        entry["config"], tuple(class_names), rate, (images,) if isinstance(images, int) else (),
        metadata={"seconds": _number(entry.get("seconds"))},
    )  # fmt: skip
    history.append({**scores, "class_accuracy": np.array([_number(entry.get("worst_class"))])})
    return history


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
