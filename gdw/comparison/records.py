"""Files of runs: JSON Lines, one record for each finished run, on the disk before the next run takes its place."""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np

from gdw import files
from gdw.experiments.experiment import OWN, Experiment, from_config, read_config
from gdw.experiments.history import History
from gdw.experiments.identity import by_content, places_of
from gdw.experiments.provenance import own_code, weights_of

Record = dict[str, Any]
_NOT_MADE = ("seconds", "date", "seeds_at_once")  # of the metadata: they have a place of their own


def record(history: History) -> Record:
    """One run in one line of JSON; accuracies in percent, each number the mean of the last five epochs."""
    at_once = history.metadata.get("seeds_at_once")  # its seconds are then a share of a common time
    found = {
        "method": history.method,
        "seed": history.seed,
        "config": history.config,
        "engine": history.metadata.get("engine"),
        "code": None if OWN in history.config else from_config(history.config).code,
        "accuracy": history.accuracy,
        "worst_class": history.worst_class,
        "validation_accuracy": history.validation_accuracy,
        "auroc": history.score("auroc"),
        "wrong_label_rate": history.wrong_label_rate,
        "seconds": history.metadata.get("seconds"),
        **({"seeds_at_once": at_once} if at_once else {}),
        "date": history.metadata.get("date"),
        "training_images": sum(history.class_counts),
        "made": {name: value for name, value in history.metadata.items() if name not in _NOT_MADE},
        "error": history.error,
    }
    return cast(Record, files.finite(found))


def record_or_reason(history: History) -> Record:
    """``record``; one that says so where it cannot be made, or JSON does not know its values: it costs no other run."""
    try:
        line = record(history)
        json.dumps(line)
        return line
    except Exception as error:  # a user's method or data may put anything into a History
        reason = f"its record cannot be written: {type(error).__name__}: {error}"
        config = json.loads(json.dumps(files.finite(history.config), default=str))
        return {"method": str(config.get("method")), "seed": config.get("seed"), "config": config, "error": reason}


SCORES = {"accuracy": "test_accuracy", "validation_accuracy": "validation_accuracy", "auroc": "auroc"}


def history_of(entry: Record, class_names: Sequence[str] = ()) -> History:
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


def finished(experiments: Sequence[Experiment], path: str | Path | None) -> list[Record | None]:
    """For each experiment its record in the file, if it ended without an error; None otherwise, and without a file."""
    records = [] if path is None else read(path)
    return records_of(experiments, (record for record in records if record["error"] is None))


def records_of(experiments: Sequence[Experiment], records: Iterable[Record]) -> list[Record | None]:
    """For each experiment its record, the last one if there are several; None if there is none.

    Files are compared by what they hold now, wherever they are. Records of earlier versions name them only: they are
    taken on trust, with a warning, but not where pictures are confirmed, since such a table grows.
    """
    by_key = {key(record["config"]): record for record in records}
    contents: dict[tuple[tuple[str, object], ...], str | None] = {}
    found, on_trust, changed = list[Record | None](), 0, 0
    for e in experiments:
        places = tuple(places_of(e.data).items())
        if places not in contents:
            contents[places] = e.identified().content
        record = by_key.get(key(e.config() | {"content": contents[places]})) if contents[places] else None
        if record is None and e.confirmed is None:
            record = by_key.get(key(e.config() | {"content": None}))
            on_trust += record is not None and bool(places)
        if record is not None and _is_of_other_code(record, e):
            record, changed = None, changed + 1
        found.append(record)
    if changed:
        sentence = f"{changed} records are of plugins or weights that have changed since: these are run again"
        warnings.warn(sentence, stacklevel=2)
    if on_trust:
        sentence = f"{on_trust} records do not say what their files held: their data is not identified"
        warnings.warn(sentence, stacklevel=2)
    return found


def _is_of_other_code(record: Record, experiment: Experiment) -> bool:
    """Whether a plugin or a file of weights had another content then. Earlier versions did not say."""
    made = record.get("made", {})
    if (weights := made.get("weights")) and weights != weights_of(experiment):
        return True
    then = made.get("own_code", {})
    return any(then.get(what, {}).get("code", place.code) != place.code for what, place in own_code(experiment).items())


def read(path: str | Path) -> list[Record]:
    """The records in a file, the last one of each run, without an error if there is one; a torn last line is left out.

    ``gdw run --json`` of version 0.2 wrote a JSON list, which is read too. Any other file is a ``ValueError``.
    """
    if not Path(path).exists():
        return []
    text = files.read_text(path)
    if text.startswith("["):
        torn = ""
        try:
            entries: list[Any] = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{path} is not a file of runs: it begins as a JSON list, but is not one") from None
    else:
        *lines, torn = text.split("\n")
        entries = [_entry(line) for line in lines]
    for number, entry in enumerate(entries, start=1):
        if not is_record(entry):
            raise ValueError(f"{path} is not a file of runs: line {number} is not a record of a run")
    if torn[: len(LINE_START)] != LINE_START[: len(torn)]:
        raise ValueError(f"{path} is not a file of runs: it ends with {torn[:60]!r}")
    found: dict[str, Record] = {}
    for number, entry in enumerate(entries):
        name = f"own {number}" if OWN in entry["config"] else key(entry["config"])
        if entry["error"] is None or found.get(name, entry)["error"] is not None:
            found[name] = entry
    return list(found.values())


@contextmanager
def opened(path: str | Path | None) -> Iterator[Callable[[History], Record]]:
    """Within: what is given turns a History into its record, which is on the disk when that returns.

    Existing records stay. A last line cut off by a kill is moved to ``FILE.torn``. Without a path nothing is written.

    Raises:
        ValueError: the file holds something else (it is not touched then), or another run or sweep is writing to it.
        OSError: the file cannot be written, found out before any work is done.
    """
    if path is None:
        yield record_or_reason
        return
    path = Path(path)
    files.check_writable(path)
    with files.sole_writer(path):
        read(path)  # refuses a foreign file before anything is written
        is_list = path.exists() and path.read_bytes().startswith(b"[")
        if not is_list:
            _set_torn_line_aside(path)

        def keep(history: History) -> Record:
            nonlocal is_list
            if is_list:
                files.write(path, "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in read(path)))
                is_list = False
            line = record_or_reason(history)
            _append(path, json.dumps(line, allow_nan=False))
            return line

        yield keep


def is_record(entry: object) -> bool:
    kinds = {"method": (str,), "config": (dict,), "error": (str, type(None))}
    return isinstance(entry, dict) and all(n in entry and isinstance(entry[n], kind) for n, kind in kinds.items())


def _entry(line: str) -> Any:
    """What is in this line; None if it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


LINE_START = '{"method": "'  # of every record: what is left of a torn line begins so too


def _set_torn_line_aside(path: Path) -> None:
    """What a kill left half-written goes to the end of ``FILE.torn``: nothing is deleted."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        _append(files.beside(path, ".torn"), content[whole:].decode("utf-8"))
        with path.open("r+b") as file:
            file.truncate(whole)


def _append(path: Path, line: str) -> None:
    """One more line, on the disk when this returns; where that fails, the file is as it was before."""
    with path.open("ab", buffering=0) as file:  # a buffer would be written once more when the file is closed
        before, left = file.tell(), memoryview(line.encode("utf-8") + b"\n")
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                os.truncate(path, before)
            kept = "the records before are still there"
            raise OSError(f"{path} cannot be written: {error.strerror or error}; {kept}") from error


def key(config: Record) -> str:
    """What makes two runs the same: the science of a config, of this version or an earlier one.

    Where a config says what its files hold, their names do not count.
    """
    with suppress(ValueError, TypeError):  # a run on objects that were passed in equals no other run
        config = by_content(read_config(config).config())
    return json.dumps(files.finite(config), sort_keys=True)
