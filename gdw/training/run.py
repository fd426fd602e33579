"""Training: one run that you control step by step. ``run(experiment)`` gives its History, the same bits each time."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gdw.cache import checksum
from gdw.data.batches import fits_in_memory
from gdw.data.dataset import Dataset
from gdw.data.randomness import generator
from gdw.data.task import Task
from gdw.experiments.experiment import OWN, Experiment, from_config
from gdw.experiments.fields import PRECISIONS, resolve_device
from gdw.experiments.history import History
from gdw.experiments.identity import content_of, places_of, without_places
from gdw.experiments.loading import dataset_of, task_of
from gdw.experiments.provenance import config_of_run, how_made
from gdw.gradients.compiled import compile_in_place
from gdw.gradients.outputs import seeded_random_state
from gdw.methods.base import METHODS, Method, method_class
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model, channels_last, is_ours
from gdw.pictures.on_disk import OnDisk
from gdw.training import checkpoint
from gdw.training.loop import BatchDone, EpochDone, Lane, Loop
from gdw.training.saved_model import save_model
from gdw.training.stepping import captures, usually_captures

OF_A_RUN = ("date", "seconds", "seconds_waited", "seeds_at_once", "continued")  # metadata that no place decides
PICTURES_TOO = "pictures and labels "  # how the digest of a saved run's data begins; version 0.2 had labels alone


class Training:
    """One run that you control step by step: its task, model, method and history, and the events that it consists of.

    Args:
        experiment: what to run.
        dataset: a Dataset of your own, instead of the one that ``experiment.dataset`` names.
        task: a Task of your own.
        model: a classifier of your own.
        method: a Method of your own.
        whole_steps: whether each BatchDone has its whole step, to look into. Without, steps are recorded on the CPU
            too, where a network and a method of the package then give the same bits in less time.
        resident: whether all images are on the device. By default they are, unless they take more than half of a
            GPU's free memory: then they stay in the host's memory and come batch by batch, the same in the same order.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        dataset: Dataset | None = None,
        task: Task | None = None,
        model: nn.Module | None = None,
        method: Method | None = None,
        whole_steps: bool = True,
        resident: bool | None = None,
    ):
        self.experiment = e = experiment
        device, dtype = resolve_device(e.device), PRECISIONS[e.precision]
        ours = model is None and is_ours(e.model)
        draws_nothing = ours and method is None and not METHODS.place(e.method).is_own  # from torch's own generators
        whole_steps = whole_steps or method is not None
        config = config_of_run(e, dataset, task, model, method)
        if task is None:
            loaded = dataset_of(e, dataset)
            task = task_of(e, loaded)
            if OWN not in config and (content := content_of(e.data, loaded)):
                config["content"] = content
        if not (e.augment and e.flip):
            pixels = replace(task.pixels, flip=False)
            task = replace(task, pixels=pixels if e.augment else replace(pixels, pad=0))
        if e.batch_size > len(task.train):
            raise ValueError(
                f"batch_size must not exceed the training set's {len(task.train)} images, got {e.batch_size}"
            )
        method = method or method_class(e.method)(
            task.num_classes, num_instances=len(task.train), generator=generator(e.seed, "method"), **e.settings
        )
        model = model or build_model(
            e.model, task.input_shape, task.num_classes, generator(e.seed, "model"), pretrained=e.pretrained
        )
        steps = 0 if whole_steps else e.epochs * len(task.train) / e.batch_size  # that may be recorded
        capture = ours and usually_captures(device, e, model, steps)
        self._decided = e.with_(**e.engine.decided(channels_last=ours, capture=capture))
        if isinstance(task.train.images, OnDisk):
            resident = False
        elif resident is None:
            resident = fits_in_memory(task.train.images.nbytes + task.test.images.nbytes, device)
        self.task = task.to(device, resident)
        model = Autocast(model) if e.precision == "bfloat16" else model
        self.model, self.method = model.to(device, dtype), method.to(device, dtype)
        if self._decided.channels_last:
            channels_last(self.model)
        if e.compile:
            compile_in_place(self.model, device)
        self.history = History(
            config, task.class_names, task.wrong_label_rate,
            tuple(torch.bincount(task.best_known_labels, minlength=task.num_classes).tolist()),
            metadata=how_made(e, device) | {"captured": captures(self._decided.engine, self.method)},
        )  # fmt: skip
        self._loop: Loop | None = None
        self._random_state = None if draws_nothing else seeded_random_state(generator(e.seed, "passes"), device)

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train, one event at a time (loop.py), from where the run is: a finished run has no more events.

        Where it diverges, or a GPU's memory is not enough, ``history.error`` says why.

        Raises:
            TrainingDiverged: the loss is not finite. Asked again, it diverges again.
            ValueError: this run's epochs come from elsewhere (many seeds at once) and it is not finished.
            RuntimeError: a step was interrupted in the middle.
        """
        if self._loop is None and len(self.history):
            self._check_finished_elsewhere()
            return iter(())
        self._loop = self._loop or Loop([self.lane])
        return self._loop.events()

    @property
    def finished(self) -> bool:
        """Whether every epoch is over."""
        if self._loop is None:
            return bool(0 < self.experiment.epochs <= len(self.history))
        return self._loop.finished

    def method_at(self, epoch: int) -> Method:
        """The method that gives the gradients of an epoch: some train a first model by another one."""
        phases = self.method.phases(self.task, self.experiment.epochs)
        for phase in phases:
            if epoch < phase.epochs:
                return phase.method
            epoch -= phase.epochs
        return phases[-1].method

    def save(self, path: str | Path) -> None:
        """Write the whole run as it is, between any two events, to one file (checkpoint.py), all at once.

        It holds the experiment, the history, the model, the method with what it learnt, the optimisers, the state of
        every generator and the position in the data. The run that ``load`` gives ends with the same numbers, bit for
        bit on the same kind of machine, as if it had never stopped.

        Raises:
            OSError: the file cannot be written; what it held before is still there.
            RuntimeError: a step was interrupted in the middle.
        """
        checkpoint.write(path, {
            "experiment": self.experiment.everything(), "history": vars(self.history), "data": self._fingerprint(),
            "model": dict(self.model.state_dict()), "method": dict(self.method.state_dict()),
            "loop": self._loop.state_dict() if self._loop else None,
            "randomness": self._random_state,
        })  # fmt: skip

    def save_model(self, path: str | Path) -> None:
        """Write the model alone, with what one needs to use it: ``gdw.load_model`` reads it.

        Raises:
            OSError: the file cannot be written; what it held before is still there.
        """
        save_model(path, self.model, self.task, self.history)

    @classmethod
    def load(cls, path: str | Path, experiment: Experiment | None = None, **own: Any) -> "Training":
        """What ``save`` wrote, to go on or to use; nothing in the file is run.

        Args:
            path: the file.
            experiment: its experiment, where the files of its data are now somewhere else.
            own: as for the constructor, where they were your own: ``dataset``, ``task``, ``model``, ``method``; or
                ``whole_steps``, ``resident``.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a saved run, is damaged, or has another experiment, other data, another model or
                another plugin; the message names it. A finished run of another plugin is only warned of.
        """
        saved = checkpoint.read(path)
        try:
            then = from_config(saved["experiment"])
            experiment = experiment or then
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path} holds no experiment of this version: {_reason(error)}") from None
        if other := _differing(without_places(then.everything()), without_places(experiment.everything())):
            raise ValueError(f"{path} holds another experiment, with other {', '.join(other)}")
        training = cls(experiment, **own)
        try:
            training._restore(saved)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise ValueError(f"{path} does not fit this experiment, model, method or data: {_reason(error)}") from None
        return training

    def _restore(self, saved: dict[str, Any]) -> None:
        if not saved["data"].startswith(PICTURES_TOO):
            raise ValueError("it is of version 0.2, which did not say which pictures it had: run it again")
        if saved["data"] != self._fingerprint():
            raise ValueError("it was made with other data")
        if saved["loop"]:
            self._loop = Loop([self.lane])
            self._loop.load_state_dict(saved["loop"])
        self.model.load_state_dict(saved["model"])
        self.method.load_state_dict(saved["method"])
        here, self.history = self.history, History(**saved["history"])
        if self._loop:
            self._loop.lanes[0].history = self.history
        self.history.config |= {name: here.config[name] for name in places_of(self.experiment.data)}
        self._note_continued(here.metadata)
        if self._random_state and saved["randomness"]:
            self._random_state[:] = saved["randomness"]

    def _note_continued(self, made: dict[str, Any]) -> None:
        """Note in the metadata what is other than where the run came from; ``made`` is what it would say here."""
        metadata = self.history.metadata
        then = metadata.get("own_code", {})
        for what, place in made.get("own_code", {}).items():
            if then.get(what, place)["code"] != place["code"]:
                said = f"{place['file']} had other code for the {what} then"
                if not self.finished:
                    raise ValueError(said)
                warnings.warn(said, stacklevel=4)
        earlier = metadata.get("continued", [])
        before = {name: value for one in (metadata, *earlier) for name, value in one.items() if name not in OF_A_RUN}
        metadata["captured"] = made["captured"]  # from here on
        other = _differing(before, {name: value for name, value in made.items() if name not in OF_A_RUN})
        if other and not self.finished:  # on another machine, by another version
            metadata["continued"] = [*earlier, {name: made.get(name) for name in other} | {"date": made["date"]}]

    @property
    def lane(self) -> Lane:
        """What a Loop trains."""
        return Lane(self.model, self.task, self.method, self._decided, self.history, self._random_state)

    def _check_finished_elsewhere(self) -> None:
        if not self.finished and not self.history.error:
            raise ValueError(
                f"this run has {len(self.history)} of {self.experiment.epochs} epochs from many seeds at once, which "
                "does not say how to continue: run the experiment again"
            )

    def _fingerprint(self) -> str:
        """A digest of all that the task holds, pictures too: a saved run continues only with the same data."""
        task = self.task
        splits = (task.train, task.meta, task.validation, task.test)
        parts = [task.best_known_labels, *(part for split in splits for part in (split.images, split.labels))]
        sums = "".join(part.digest() if isinstance(part, OnDisk) else checksum(part.detach().cpu()) for part in parts)
        return PICTURES_TOO + hashlib.sha256(sums.encode()).hexdigest()


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which two dictionaries differ; what is missing is None."""
    return [name for name in one | other if one.get(name) != other.get(name)]


def _reason(error: Exception) -> str:
    """The first line of an error that was written for a reader."""
    written = isinstance(error, (ValueError, RuntimeError)) and str(error)
    return str(error).splitlines()[0] if written else "a part of it is missing or of another kind"


def run(experiment: Experiment, on_epoch: Callable[[EpochDone], None] | None = None, **own: Any) -> History:
    """Run it to the end.

    Args:
        on_epoch: called after each epoch (for a progress bar, say).
        own: as for ``Training``: your own ``dataset``, ``task``, ``model`` or ``method``; ``whole_steps``, False here;
            ``resident``.

    Raises:
        TrainingDiverged: its ``history`` holds the epochs before.
    """
    training = Training(experiment, **{"whole_steps": False} | own)
    for event in training.events():
        if on_epoch and isinstance(event, EpochDone):
            on_epoch(event)
    return training.history
