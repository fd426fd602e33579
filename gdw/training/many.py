"""Many seeds of one experiment at once: S models in one vectorised step, each with the numbers of its own run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import torch

from gdw.data.dataset import Dataset
from gdw.methods.base import method_class
from gdw.networks.classifiers import MODELS
from gdw.networks.stacked import can_stack
from gdw.training.experiment import Experiment
from gdw.training.history import History
from gdw.training.inputs import dataset_of
from gdw.training.loop import BatchDone, EpochDone, Loop, TrainingDiverged
from gdw.training.run import Training, stepwise

SEED_AXIS_PRECISIONS = ("float32", "float64")  # bfloat16 is for large models on a GPU, which are busy with one


class ManySeeds:
    """Runs of one experiment that differ only in the seed, trained side by side; you control them event by event.

    Each seed has the data, noise, start and batches of its own run. It ends with the same numbers, up to rounding.
    If the method or the model does not support a seed axis (``at_once`` is False), they run one after another.

    Args:
        experiment: what to run; its own seed is ignored.
        seeds: the seeds, each once.
        dataset: your own Dataset, instead of the one that ``experiment.dataset`` names.

    Raises:
        ValueError: no seed, or one twice.
    """

    def __init__(self, experiment: Experiment, seeds: Sequence[int], *, dataset: Dataset | None = None):
        seeds = list(seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must be at least one, each once, got {seeds}")
        dataset = dataset or dataset_of(experiment)  # decoded once for all, and its features computed once
        self.trainings = [Training(experiment.with_(seed=seed), dataset=dataset) for seed in seeds]
        sizes = {(len(t.task.train), len(t.task.meta)) for t in self.trainings}
        self.at_once = len(seeds) > 1 and len(sizes) == 1 and supports_many_seeds(experiment)

    @property
    def histories(self) -> list[History]:
        """One for each seed, in their order; the ``error`` of a seed that diverged says where."""
        return [training.history for training in self.trainings]

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train, one event at a time; a seed that diverges stops with its ``history.error``, and the others go on.

        At once, a BatchDone holds a StackedStep and the gradients ``[S, B, C]``, and each epoch ends with an
        EpochDone for every seed that still runs. Otherwise the events are those of each run in turn.
        """
        if self.at_once:
            yield from stepwise(train_together(self.trainings), self.trainings[0].experiment.threads)
            return
        for training in self.trainings:
            with suppress(TrainingDiverged):  # its history says so
                yield from training.events()


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
    with torch.device("meta"):  # shapes only
        model = MODELS[experiment.model]((3, 32, 32), 10)
    plain = not (experiment.save_memory or experiment.capture or experiment.compile)
    return can_stack(model) and plain and experiment.precision in SEED_AXIS_PRECISIONS


def train_together(trainings: Sequence[Training]) -> Iterator[BatchDone | EpochDone]:
    """One loop for runs that differ in their seed alone; a seed that diverges has its ``history.error``."""
    for training in trainings:
        training.history.metadata["seeds_at_once"] = len(trainings)
    with suppress(TrainingDiverged):  # the last of them: its history says so too
        yield from Loop([training.lane for training in trainings]).events()
