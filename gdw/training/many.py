"""Many seeds of one experiment: S models in one vectorised step, or one run after another, kept in checkpoints.

A killed run continues from its last good checkpoint and ends with the same numbers.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gdw import files
from gdw.data.dataset import Dataset
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.experiments.identity import by_content
from gdw.experiments.loading import dataset_of
from gdw.methods.base import method_class
from gdw.networks.classifiers import on_meta
from gdw.networks.stacked import can_stack
from gdw.training import checkpoint
from gdw.training.epoch_statistics import TrainingDiverged
from gdw.training.loop import BatchDone, EpochDone, Loop
from gdw.training.run import Training

SECONDS = 30.0  # between two checkpoints: a kill loses no more than this; writing takes far less time


class ManySeeds:
    """Runs of one experiment that differ only in the seed; you control them event by event.

    Each seed has the data, noise, start and batches of its own run. Where the method and the model support a seed axis
    (``at_once``), all train side by side in one step, and each ends with the same numbers up to rounding. Otherwise
    they run one after another, as a single seed does.

    Args:
        experiment: what to run; its own seed is ignored.
        seeds: the seeds, each once.
        keep: a folder for ``Checkpoints``. A run that it holds continues from there, and seeds run one after another.
        every: seconds between two checkpoints.
        own: ``dataset`` of your own, instead of the one that ``experiment.dataset`` names; ``whole_steps``, False here;
            with a single seed all that ``Training`` takes.

    Attributes:
        trainings: one for each seed, in their order.
        at_once: whether they train side by side.
        notes: a sentence about each damaged checkpoint that was passed over.

    Raises:
        ValueError: no seed, or one twice; a task, model or method of your own for several seeds; as ``Checkpoints``.
        OSError: nothing can be kept in that folder.
    """

    def __init__(
        self,
        experiment: Experiment,
        seeds: Sequence[int],
        *,
        keep: str | Path | None = None,
        every: float = SECONDS,
        **own: Any,
    ) -> None:
        seeds = list(seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must be at least one, each once, got {seeds}")
        check_own(seeds, own)
        own = {"whole_steps": False} | own
        if len(seeds) > 1:
            own["dataset"] = own.get("dataset") or dataset_of(experiment)  # decoded once, its features computed once
        each = [experiment.with_(seed=seed) for seed in seeds]
        self.own = own
        self.checkpoints = [] if keep is None else [Checkpoints(keep, one, every) for one in each]
        self.trainings = [one.training(**own) for one in self.checkpoints] or [Training(one, **own) for one in each]
        self.notes = [one.note for one in self.checkpoints if one.note]
        sizes = {(len(t.task.train), len(t.task.meta)) for t in self.trainings}
        side_by_side = len(seeds) > 1 and len(sizes) == 1 and keep is None
        self.at_once = side_by_side and supports_many_seeds(experiment)

    @property
    def histories(self) -> list[History]:
        """One for each seed, in their order; the ``error`` of a seed that diverged says where."""
        return [training.history for training in self.trainings]

    @property
    def finished(self) -> bool:
        """Whether every epoch of every seed is over."""
        return all(training.finished for training in self.trainings)

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train, one event at a time; a seed that diverges stops with its ``history.error``, and the others go on.

        At once, a BatchDone holds a StackedStep and the gradients ``[S, B, C]``, and each epoch ends with an
        EpochDone for every seed that still runs. Otherwise the events are those of each run in turn; steps may be
        recorded, and what you change between two events (a hook, a rate) then has no effect, unless ``whole_steps``.
        """
        if self.at_once:
            yield from train_together(self.trainings)
            return
        for place, training in enumerate(self.trainings):
            with suppress(TrainingDiverged):  # its history says so
                yield from self.checkpoints[place].events(training) if self.checkpoints else training.events()

    def save(self) -> None:
        """Write a checkpoint of every run as it is now, where they are kept; between two events.

        Raises:
            OSError: it cannot be written.
        """
        for checkpoints, training in zip(self.checkpoints, self.trainings, strict=False):
            checkpoints.save(training)

    def start_again(self) -> None:
        """All runs begin anew, whatever was kept of them."""
        self.trainings = [Training(training.experiment, **self.own) for training in self.trainings]


def check_own(seeds: Sequence[int], own: Iterable[str]) -> None:
    """Refuse objects of the caller's own, by name, that several seeds cannot share: a task, a model, a method."""
    if len(seeds) > 1 and set(own) - {"dataset", "whole_steps"}:
        raise ValueError("each seed has its own task, model and method: with one of yours, train one seed")


def run_seeds(
    experiment: Experiment,
    seeds: Sequence[int],
    on_epoch: Callable[[EpochDone], None] | None = None,
    *,
    dataset: Dataset | None = None,
) -> list[History]:
    """What ``gdw.run`` gives for each seed, in a fraction of the time if all can train at once.

    ``metadata["seconds"]`` is then the whole time over S, and ``metadata["seeds_at_once"]`` is S. A run that diverges
    has its ``error`` in its own History.

    Args:
        seeds: the History of each comes in this order.
        on_epoch: called after each epoch of each seed.
        dataset: as for ``ManySeeds``.
    """
    many = ManySeeds(experiment, seeds, dataset=dataset)
    for event in many.events():
        if on_epoch and isinstance(event, EpochDone):
            on_epoch(event)
    return many.histories


def supports_many_seeds(experiment: Experiment) -> bool:
    """Whether method, model and precision support a seed axis; needs no data."""
    if not method_class(experiment.method).supports_many_seeds:
        return False
    model = on_meta(experiment.model)
    plain = not (experiment.save_memory or experiment.capture or experiment.compile)
    return model is not None and can_stack(model) and plain and not experiment.engine.inexact


def train_together(trainings: Sequence[Training]) -> Iterator[BatchDone | EpochDone]:
    """One loop for runs that differ in their seed alone; a seed that diverges has its ``history.error``."""
    for training in trainings:
        training.history.metadata |= {"seeds_at_once": len(trainings), "captured": False}
    with suppress(TrainingDiverged):  # the last of them: its history says so too
        yield from Loop([training.lane for training in trainings]).events()


class Checkpoints:
    """The last two checkpoints of one experiment. The older one is used if the newer one is damaged.

    The folder may hold those of many experiments. ``every`` is the seconds between two; 0 writes one after each batch,
    and the end of the run is always written. A ``note`` tells of a damaged one that was passed over.

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
                training = Training.load(path, self.experiment, **own)
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
        """The events of the run, with a checkpoint from time to time and one at its end."""
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
