"""A folder of checkpoints: a killed run continues from the last good one and ends with the same numbers."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gdw import files
from gdw.training import checkpoint
from gdw.training.experiment import Experiment
from gdw.training.identity import by_content
from gdw.training.loop import BatchDone, EpochDone
from gdw.training.run import Training

SECONDS = 30.0  # between two checkpoints: a kill loses no more than this; writing takes far less time


class Checkpoints:
    """The last two checkpoints of one experiment. The older one is used if the newer one is damaged.

    Args:
        folder: made where it is missing; it may hold the checkpoints of many experiments.
        experiment: what is run.
        every: seconds between two checkpoints; 0 writes one after each batch. The end of the run is always written.

    Attributes:
        note: a sentence about a damaged checkpoint that was passed over; None if there was none.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | Path, experiment: Experiment, every: float = SECONDS):
        self.experiment, self.every = experiment, every
        self.note: str | None = None
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"no checkpoints can be kept in {folder}: {error.strerror or error}") from error
        self.newest, self.previous = paths(folder, experiment)
        files.check_writable(self.newest)

    def training(self, **own: Any) -> Training:
        """The run where its last good checkpoint left it, or from the start; ``own`` as for ``Training``.

        Raises:
            ValueError: there are checkpoints, but none can be used; the message names both.
        """
        self.note, reasons = None, []
        for path in (self.newest, self.previous):
            try:
                training = Training.load(path, **own)
            except FileNotFoundError:
                continue
            except ValueError as error:
                reasons.append(str(error))
                continue
            if reasons:  # out of the way: it must not become the older one of two
                damaged = self.newest.replace(files.beside(self.newest, ".damaged"))
                self.note = f"{reasons[0]}; going on from {path}, and it is kept as {damaged.name}"
            return training
        if reasons:
            raise ValueError(f"{'; '.join(reasons)}. Without these files the run starts from the beginning")
        return Training(self.experiment, **own)

    def events(self, training: Training) -> Iterator[BatchDone | EpochDone]:
        """The events of the run, with a checkpoint every so many seconds and one at its end."""
        written = time.monotonic()
        for event in training.events():
            if time.monotonic() - written >= self.every and not training.finished:  # that is saved below
                self.save(training)
                written = time.monotonic()
            yield event
        self.save(training)

    def save(self, training: Training) -> None:
        """One more checkpoint; the one before is kept.

        Raises:
            OSError: it cannot be written; the message names it, and the ones before are still there.
        """
        fresh = files.beside(self.newest, ".next")
        training.save(fresh)
        if self.newest.exists():
            self.newest.replace(self.previous)
        fresh.replace(self.newest)


def paths(folder: Path, experiment: Experiment) -> tuple[Path, Path]:
    """The files of an experiment's newest checkpoint and of the one before."""
    config = by_content(experiment.identified().everything())
    code = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
    name = f"{experiment.method}-seed{experiment.seed}-{code}"
    return folder / f"{name}.safetensors", folder / f"{name}.previous.safetensors"


def epochs_kept(folder: str | Path, experiment: Experiment) -> int | None:
    """How many epochs of it are over in its last good checkpoint; None without one. Writes nothing, loads no data."""
    for path in paths(Path(folder), experiment):
        try:
            return len(next(iter(checkpoint.read(path)["history"]["epochs"].values()), ()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return None
