"""Training: a run in your hands. ``run(experiment)`` gives its History, bit for bit the same each time."""

import json
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import torch
from torch import nn

from gdw.data.dataset import Dataset
from gdw.data.fetch import fit
from gdw.data.randomness import generator
from gdw.data.task import Task, make_task
from gdw.gradients.compiled import compile_in_place
from gdw.methods.base import Method, method_class
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from gdw.training.engine import PRECISIONS, resolve_device
from gdw.training.experiment import Experiment, from_config
from gdw.training.history import History
from gdw.training.inputs import dataset_of
from gdw.training.loop import BatchDone, EpochDone, TrainingDiverged, train
from gdw.training.provenance import recorded_config


class Training:
    """A run in your hands: its task, model, method and history, and the events that make it go on.

    Args:
        experiment: what to run.
        dataset: a Dataset of your own, in place of the one that ``experiment.dataset`` names.
        task: a Task of your own.
        model: a classifier of your own.
        method: a Method of your own.
        resident: whether all images lie on the device. By default they do unless they take more than half of a
            GPU's free memory: then they stay in the host's and come batch by batch, the same in the same order.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        dataset: Dataset | None = None,
        task: Task | None = None,
        model: nn.Module | None = None,
        method: Method | None = None,
        resident: bool | None = None,
    ):
        self.experiment = e = experiment
        device, dtype = resolve_device(e.device), PRECISIONS[e.precision]
        config = recorded_config(e, dataset, task, model, method)
        task = task or make_task(
            dataset_of(e, dataset), noise=e.noise, rate=e.rate, imbalance=e.imbalance, imbalance_kind=e.imbalance_kind,
            meta_per_class=e.meta_per_class, validation_per_class=e.validation_per_class,
            train_per_class=e.train_per_class, test_per_class=e.test_per_class, seed=e.seed,
        )  # fmt: skip
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
        model = model or build_model(e.model, task.input_shape, task.num_classes, generator(e.seed, "model"))
        if resident is None:
            resident = fit(task.train.images.nbytes + task.test.images.nbytes, device)
        self.task = task.to(device, resident)
        model = Autocast(model) if e.precision == "bfloat16" else model
        self.model, self.method = model.to(device, dtype), method.to(device, dtype)
        if e.channels_last:
            self.model.to(memory_format=torch.channels_last)  # pictures follow at the first convolution
        if e.compile:
            compile_in_place(self.model, device)
        self.history = History(
            config, task.class_names, task.wrong_label_rate,
            tuple(torch.bincount(task.clean_labels, minlength=task.num_classes).tolist()),
            metadata={
                "device": str(device), "host": platform.machine(), "torch": torch.__version__,
                "date": datetime.now().isoformat(timespec="seconds"),
                "engine": e.engine,
                "captured": e.capture and self.method.all_steps_identical,
            },
        )  # fmt: skip

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train, one event at a time (train.py); where it diverges, ``history.error`` says why."""
        events = train(self.model, self.task, self.method, self.experiment.plan, self.history)
        try:
            yield from stepwise(events, self.experiment.threads)
        except TrainingDiverged as error:
            self.history.error = str(error)
            raise

    def save(self, path: str | Path) -> None:
        """The trained model, the method with what it learnt, the experiment and the history, in one file."""
        torch.save(
            {
                "config": self.experiment.everything(), "history": json.dumps(self.history.to_record()),
                "model": self.model.state_dict(), "method": self.method.state_dict(),
            },
            path,
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | Path, **own) -> "Training":
        """What ``save`` wrote; ``own`` as for the constructor, where model, method or data were yours."""
        saved = torch.load(path, weights_only=True)
        training = cls(from_config(saved["config"]), **own)
        training.model.load_state_dict(saved["model"])
        training.method.load_state_dict(saved["method"])
        training.history = History.from_record(json.loads(saved["history"]))
        return training


def run(experiment: Experiment, on_epoch: Callable[[EpochDone], None] | None = None, **own) -> History:
    """Run it to the end.

    Args:
        on_epoch: called after each epoch (for a progress bar, say).
        own: ``dataset``, ``task``, ``model`` or ``method`` of your own, or ``resident``, as for ``Training``.

    Raises:
        TrainingDiverged: its ``history`` holds the epochs before.
    """
    training = Training(experiment, **own)
    for event in training.events():
        if on_epoch and isinstance(event, EpochDone):
            on_epoch(event)
    return training.history


def stepwise(events: Iterator, threads: int) -> Iterator:
    """The same events, each made under so many threads of torch: several runs may take turns in one process."""
    while True:
        with _threads(threads):
            event = next(events, None)
        if event is None:
            return
        yield event


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count and count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count and count != before:
            torch.set_num_threads(before)
