"""What a run recorded: one row per epoch, saved as plain JSON, equal when every number is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from gdw import files

GROUPS = ("clean", "mislabelled")
FLOWS = ("observed label", "true class", "other classes")
WEIGHTING = ("before weighting", "after weighting")
SIDES = ("pull", "push")
SCORE_EPOCHS = 5  # the score is the mean test accuracy of the last five epochs, as in the paper


@dataclass(eq=False)
class History:
    """The record of one run.

    ``epochs`` maps a name to an array whose first axis is the epoch:

    ============================= ============ =====================================================================
    name                          shape        meaning
    ============================= ============ =====================================================================
    ``train_loss``, ``test_loss`` [E]          mean cross-entropy in nats; training on the observed labels
    ``group_loss``                [E, 2]       mean training loss by ``GROUPS``, in nats, on the observed labels
    ``test_accuracy``             [E]          percent
    ``validation_accuracy``       [E]          percent; NaN without a validation set
    ``class_accuracy``            [E, C]       percent of each class's test images
    ``flow_weight``               [E, 2, 3]    mean weight by ``GROUPS`` x ``FLOWS``, weighted by ``|flow|``
    ``flow_weight_plain``         [E, 2, 3]    the same with every flow counted once, however small
    ``flow_mass``                 [E, 2, 3]    share of the gradient's absolute mass by the same groups; sums to 1
    ``class_weight``              [E, C, C]    mean weight by true class x flow class
    ``class_mass``                [E, C, C]    share of the gradient's absolute mass, likewise
    ``class_push``                [E, C, C]    signed mean of the gradient by true class x flow class
    ``pull_push``                 [E, 2, 2, C] ``WEIGHTING`` x ``SIDES`` x class: what lifts a class's logit (the flows
                                               of its own observed label) and what lowers it (the others' "not me"),
                                               each a sum of ``|flow|`` (times its weight) per training instance
    ``auroc``                     [E]          how well instance weights tell clean (high) from mislabelled (low)
    ``lr``                        [E]          learning rate
    ============================= ============ =====================================================================

    The weight of a group of flows is ``sum gradient * sign(flow) * B / sum |flow|``: defined for every method. An
    empty group (the true-class flow of clean instances is their observed-label flow) is NaN.
    A method's own ``snapshot`` adds more names (``weight_curve``).

    Args:
        config: the Experiment, as a plain dictionary.
        class_names: C names.
        wrong_label_rate: share of training labels that are wrong, in [0, 1]; NaN if unknown.
        class_counts: training images of each true class.
        epochs: the table above.
        metadata: seconds, host, date, versions: never part of equality.
        error: why the run stopped early, where it did.
    """

    config: dict[str, Any]
    class_names: tuple[str, ...] = ()
    wrong_label_rate: float = 0.0
    class_counts: tuple[int, ...] = ()
    epochs: dict[str, np.ndarray] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def __len__(self) -> int:
        return len(next(iter(self.epochs.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.epochs[name]

    def append(self, row: Mapping[str, Any]) -> None:
        """One more epoch: a value or array for each name. Epochs without a name have NaN there.

        Raises:
            ValueError: a value is no number or array of numbers, or has another shape than before; nothing is added.
        """
        before, longer = len(self), dict[str, np.ndarray]()
        for name in [*self.epochs, *(name for name in row if name not in self.epochs)]:
            try:
                new = np.asarray(row[name] if name in row else np.full(self[name].shape[1:], np.nan), dtype=np.float64)
                values = self[name] if name in self.epochs else np.full((before, *new.shape), np.nan)
                longer[name] = np.concatenate([values, new[None]])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name!r} of this epoch does not fit: {error}") from error
        self.epochs.update(longer)

    @property
    def method(self) -> str:
        return str(self.config["method"])

    @property
    def seed(self) -> int:
        return int(self.config["seed"])

    @property
    def accuracy(self) -> float:
        """Test accuracy in percent, mean of the last five epochs; NaN before the first."""
        return self.score("test_accuracy")

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy in percent, mean of the last five epochs; NaN without a validation set."""
        return self.score("validation_accuracy")

    @property
    def worst_class(self) -> float:
        """The lowest class's test accuracy in percent, mean of the last five epochs; of classes with test images."""
        means = self["class_accuracy"][-SCORE_EPOCHS:].mean(axis=0) if len(self) else np.array([])
        return min(means[~np.isnan(means)].tolist(), default=float("nan"))

    def score(self, name: str) -> float:
        """Mean of the last five epochs of what has one number for each; NaN before the first."""
        return float(self[name][-SCORE_EPOCHS:].mean()) if len(self) else float("nan")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        same = self.config == other.config and self.error == other.error and self.epochs.keys() == other.epochs.keys()
        return same and all(np.array_equal(self[k], other[k], equal_nan=True) for k in self.epochs)

    def to_record(self) -> dict[str, Any]:
        """As plain JSON values; NaN becomes null."""
        plain = vars(self) | {"epochs": {name: values.tolist() for name, values in self.epochs.items()}}
        return cast(dict[str, Any], files.finite(plain))

    @classmethod
    def from_record(cls, record: object) -> "History":
        """Undo ``to_record``, after JSON too.

        Raises:
            ValueError: it is not a record of a History; the message says what is missing or wrong.
        """
        known = _checked(record)
        rate = known.get("wrong_label_rate", 0.0)
        return cls(**{
            **known, "wrong_label_rate": float("nan") if rate is None else rate,
            "epochs": {name: _to_array(name, values) for name, values in known["epochs"].items()},
            "class_names": tuple(known.get("class_names", ())), "class_counts": tuple(known.get("class_counts", ())),
        })  # fmt: skip

    def rounded(self, digits: int) -> "History":
        """The same run with this number of significant digits in every number: small enough to keep."""
        keep = np.vectorize(lambda value: float(f"{value:.{digits}g}"), otypes=[np.float64])
        return replace(self, epochs={name: keep(values) for name, values in self.epochs.items()})

    def save(self, path: str | Path) -> None:
        """Write one JSON object, all at once.

        Raises:
            OSError: the file cannot be written; what it held before is still there.
        """
        files.write(path, json.dumps(self.to_record(), allow_nan=False))

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read what ``save`` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds something else; the message names it.
        """
        record = files.read_json(path)
        try:
            return cls.from_record(record)
        except ValueError as error:
            raise ValueError(f"{path} is not a saved History: {error}") from None


_Kind = type | tuple[type, ...]
_KINDS: dict[str, _Kind] = {
    "config": dict, "class_names": (list, tuple), "wrong_label_rate": (int, float, type(None)),
    "class_counts": (list, tuple), "epochs": dict, "metadata": dict, "error": (str, type(None)),
}  # fmt: skip
_PARTS = {"class_names": str, "class_counts": int}
_WORDS: dict[_Kind, str] = {
    dict: "an object", (list, tuple): "a list", (int, float, type(None)): "a number or null",
    (str, type(None)): "a text or null", str: "texts", int: "whole numbers",
}  # fmt: skip


def _checked(record: object) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError(f"a History's record is an object with names, got {record!r:.60}")
    missing, strange = {"config", "epochs"} - record.keys(), record.keys() - _KINDS.keys()
    if missing or strange:
        what = f"has no {sorted(missing)[0]!r}" if missing else f"has the unknown name {min(map(str, strange))!r}"
        raise ValueError(f"a History's record {what}")
    for name, value in record.items():
        if not isinstance(value, _KINDS[name]) or isinstance(value, bool):
            raise ValueError(f"{name} must be {_WORDS[_KINDS[name]]}, got {value!r:.60}")
    for name, kind in _PARTS.items():
        if not all(type(part) is kind for part in record.get(name, ())):
            raise ValueError(f"{name} must be a list of {_WORDS[kind]}")
    if len({len(values) for values in record["epochs"].values() if isinstance(values, (list, tuple))}) > 1:
        raise ValueError("not all names in epochs have the same number of epochs")
    return record


def _to_array(name: str, values: object) -> np.ndarray:
    """Numbers and null (NaN), one entry for each epoch."""
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.ndim == 0:
        raise ValueError(f"epochs[{name!r}] must be a list with numbers for each epoch, got {values!r:.60}")
    return array
