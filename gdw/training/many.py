"""Many seeds of one experiment at once: S models in one vectorised step, each with the numbers of its own run."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from gdw.data.dataset import Dataset
from gdw.gradients.stacked_step import StackedStep
from gdw.methods.base import method_class
from gdw.networks.classifiers import MODELS
from gdw.networks.stacked import Stacked, can_stack
from gdw.training.experiment import Experiment
from gdw.training.history import History
from gdw.training.inputs import dataset_of
from gdw.training.loop import BatchDone, EpochDone, TrainingDiverged, epoch_row, finite_scores, smaller_batch_named
from gdw.training.plan import cosine, sgd, with_rate
from gdw.training.recorder import EpochRecorder
from gdw.training.run import Training, stepwise
from gdw.training.sources import Sources
from gdw.training.stepping import take_step

EXACT = ("auto", "forward", "reuse")  # derivatives that forward mode gives for all seeds at once
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
    """Whether method, model, derivative and precision support a seed axis; needs no data."""
    if not method_class(experiment.method).supports_many_seeds:
        return False
    with torch.device("meta"):  # shapes only
        model = MODELS[experiment.model]((3, 32, 32), 10)
    exact = experiment.derivative in EXACT and experiment.precision in SEED_AXIS_PRECISIONS
    plain = not (experiment.save_memory or experiment.capture or experiment.compile)
    return can_stack(model) and exact and plain


def train_together(trainings: Sequence[Training]) -> Iterator[BatchDone | EpochDone]:
    """The loop of loop.py with a leading seed axis; the methods support it."""
    one, plan = trainings[0], trainings[0].experiment.plan
    stages = list(one.method.stages(one.task, plan.epochs))
    models, methods = [t.model for t in trainings], [t.method for t in trainings]
    model, method = Stacked(models), type(one.method).stack(methods)
    initial = {name: value.clone() for name, value in model.state_dict().items()}
    sources = [Sources(t.task, t.model, t.experiment.plan) for t in trainings]
    total, epoch, started = sum(stage.epochs for stage in stages), 0, time.perf_counter()
    for stage in stages:
        if stage.restart:
            model.load_state_dict(initial)
        optimizer = sgd(model, plan)
        for stage_epoch in range(stage.epochs):
            lr = stage.lr_scale * cosine(plan.lr, stage_epoch, stage.epochs)
            recorders = [EpochRecorder(t.task.clean_labels, t.task.num_classes) for t in trainings]
            for batch in range(sources[0].steps):
                with smaller_batch_named(plan.batch_size, len(trainings)):
                    step = _next_step(sources, model, stage.source, epoch, with_rate(optimizer, lr))
                    gradient = take_step(step, method, optimizer)
                for recorder, seen, own in zip(recorders, step.seeds(), gradient, strict=True):
                    recorder.add(seen, own)
                yield BatchDone(epoch, batch, sources[0].steps, step, gradient)
            model.copy_to(models)
            method.copy_to(methods)
            done = _close_epoch(trainings, recorders, epoch, lr, started)
            yield from (EpochDone(epoch, total, t.history, r.instance_weights) for t, r in done)
            if not done:
                return
            epoch += 1


def _next_step(
    sources: Sequence[Sources], model: Stacked, source: str, epoch: int, lr: torch.optim.Optimizer
) -> StackedStep:
    """Each seed's next batch, all of them forward at once."""
    images, labels, indices, is_meta = zip(*(own.draw(source) for own in sources), strict=True)
    derivative = "reuse" if model.is_chain else "forward"  # a tape holds no tensors of vmap's
    return StackedStep(
        model, torch.stack(images), torch.stack(labels), indices=torch.stack(indices),
        meta_batch=lambda: _meta_batches(sources), lr=lr, epoch=epoch, derivative=derivative,
        is_meta=None if is_meta[0] is None else torch.stack(is_meta), max_prob=sources[0].plan.max_prob,
    )  # fmt: skip


def _meta_batches(sources: Sequence[Sources]) -> tuple[Tensor, Tensor]:
    images, labels = zip(*(own.meta_batch() for own in sources), strict=True)
    return torch.stack(images), torch.stack(labels)


def _close_epoch(
    trainings: Sequence[Training], recorders: Sequence[EpochRecorder], epoch: int, lr: float, started: float
) -> list[tuple[Training, EpochRecorder]]:
    """Append a row to the history of every seed that still runs; a seed that diverged gets its error and stops."""
    running = [pair for pair in zip(trainings, recorders, strict=True) if pair[0].history.error is None]
    for training, recorder in running:
        model, method, history = training.model, training.method, training.history
        try:
            scores = finite_scores(recorder, model, training.task, method, epoch, lr, history)
        except TrainingDiverged as error:
            history.error = str(error)
            continue
        history.append(epoch_row(recorder, method, scores, lr))
    for training, _ in running:
        seconds = (time.perf_counter() - started) / len(trainings)
        training.history.metadata |= {"seconds": round(seconds, 3), "seeds_at_once": len(trainings)}
    return [pair for pair in running if pair[0].history.error is None]
