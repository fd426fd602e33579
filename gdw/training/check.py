"""Tests on small problems what a method declares about itself: ``gdw.methods.check(MyMethod)``."""

import io
from collections.abc import Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from gdw.data.dataset import Dataset
from gdw.data.task import Task, make_task
from gdw.experiments.experiment import Experiment
from gdw.gradients.step import Step
from gdw.methods.base import PROMISES, Method, Phase
from gdw.methods.state import equal
from gdw.networks.start import started
from gdw.pictures.on_disk import held
from gdw.pictures.pixels import Pixels
from gdw.training.epoch_statistics import TrainingDiverged
from gdw.training.many import train_together
from gdw.training.run import Training
from gdw.training.stepping import take_step

CLASSES, FEATURES, IMAGES_OF_A_CLASS, CLEAN_OF_A_CLASS, HIDDEN = 4, 6, 30, 3, 8
BATCH, EPOCHS, STEPS, LR = 16, 4, 3, 0.3
SEEDS = (0, 1)
EXACT = 1e-9  # many seeds at once against one by one, in float64
SETTINGS: dict[str, Any] = {
    "batch_size": BATCH, "epochs": EPOCHS, "lr": LR, "threads": 1, "precision": "float64", "device": "cpu",
}  # fmt: skip


def check(method: type[Method], settings: Mapping[str, object] | None = None) -> None:
    """Test the declarations of a method on small problems, in about a second.

    - It has a name, can be built, and plans phases for the epochs that there are.
    - ``logit_gradient`` gives finite numbers ``[B, C]`` without a graph, and changes neither the step nor the model.
    - All its randomness comes from ``generator``: two runs give the same numbers.
    - ``state_dict`` holds all that it learnt: a copy that loads it continues with the same numbers.
    - ``all_steps_identical``: a captured run gives the same numbers, bit for bit.
    - ``supports_many_seeds``: seeds at once give what each gives alone, to 1e-9 in float64.

    Args:
        method: a subclass of ``gdw.methods.Method``; it need not be registered.
        settings: its own settings, if they differ from the defaults.

    Raises:
        TypeError: not a method.
        ValueError: says which declaration is wrong, and what to change.
    """
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise TypeError(f"check takes a subclass of gdw.methods.Method, got {method!r}")
    settings = dict(settings or {})
    method.check_settings(settings)
    trial = Trial(method, settings)
    with torch.random.fork_rng(devices=[]):  # a wrong method may draw from it
        _check_class(trial)
        _check_phases(trial)
        _check_step(trial)
        _check_randomness(trial)
        _check_state(trial)
        _check_capture(trial)
        _check_seeds(trial)


class Trial:
    """A method, and the small task and model on which it is tried."""

    def __init__(self, method: type[Method], settings: Mapping[str, object]):
        self.method, self.settings = method, settings

    @cached_property
    def task(self) -> Task:
        """Four clouds of points; 4 labels in 10 are drawn again."""
        random = torch.Generator().manual_seed(0)
        labels = torch.arange(CLASSES).repeat_interleave(IMAGES_OF_A_CLASS)
        centres = 2 * torch.randn(CLASSES, FEATURES, generator=random)
        points = centres[labels] + torch.randn(len(labels), FEATURES, generator=random)
        plain = Pixels(scale=1.0, mean=(0.0,), std=(1.0,))
        dataset = Dataset("small problem", tuple("abcd"), points, labels, pixels=plain)
        return make_task(dataset, rate=0.4, meta_per_class=CLEAN_OF_A_CLASS)

    def model(self, seed: int = 0) -> nn.Module:
        def build() -> nn.Module:
            return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, CLASSES))

        return started(build, torch.Generator().manual_seed(seed), torch.float64)

    def new(self, seed: int = 0) -> Method:
        """The method as it is built for a run."""
        random = torch.Generator().manual_seed(seed)
        try:
            made = self.method(CLASSES, num_instances=len(self.task.train), generator=random, **self.settings)
        except Exception as error:  # whatever the author's code raises
            raise self.wrong(
                f"it cannot be built ({_said(error)}): __init__ must take num_classes, num_instances and generator and "
                "pass them on to super().__init__"
            ) from error
        return made.double()

    def begun(self, model: nn.Module) -> tuple[Method, Phase]:
        """The method as the loop has it at the first step of its last phase, and that phase."""
        made = self.new()
        phases = made.phases(self.task, EPOCHS)
        for phase in phases:
            phase.before(model)
        return made, phases[-1]

    def step(self, model: nn.Module, number: int) -> Step:
        """A batch of the training set with a batch of the clean set."""
        train, meta = self.task.train, self.task.meta
        indices = (torch.arange(BATCH) + number * BATCH) % len(train)
        images, clean = held(train.images[indices]).double(), (held(meta.images).double(), meta.labels)
        return Step(model, images, train.labels[indices], indices=indices, meta_batch=clean, lr=LR, epoch=0)

    def training(self, seed: int = 0, capture: bool = False) -> Training:
        experiment = Experiment(dataset="clouds", seed=seed, capture=capture, **SETTINGS)
        return Training(experiment, task=self.task, model=self.model(seed), method=self.new(seed))

    def run(self, seed: int = 0, capture: bool = False) -> Training:
        training = self.training(seed, capture)
        try:
            for _ in training.events():
                pass
        except TrainingDiverged as error:
            raise self.wrong(f"its loss does not stay finite ({error})") from error
        return training

    def wrong(self, sentence: str) -> ValueError:
        name = self.method.name
        return ValueError(f"{self.method.__name__}{f' ({name})' if name else ''}: {sentence}")


def _check_class(trial: Trial) -> None:
    method = trial.method
    for label in ("name", "title"):
        if not isinstance(getattr(method, label), str) or not getattr(method, label):
            raise trial.wrong(f"it needs a {label}: write {label} = '...' in the class")
    if method.logit_gradient is Method.logit_gradient:
        raise trial.wrong("it has no gradient: write logit_gradient(self, step)")
    for promise in PROMISES:
        if not isinstance(getattr(method, promise), bool):
            raise trial.wrong(f"{promise} must be True or False, got {getattr(method, promise)!r}")


def _check_phases(trial: Trial) -> None:
    for epochs in range(EPOCHS, 0, -1):
        method = trial.new()
        before = deepcopy(method.state_dict())
        try:
            phases = list(method.phases(trial.task, epochs))
        except ValueError as error:
            if epochs == EPOCHS:
                raise trial.wrong(f"phases refuses a run of {EPOCHS} epochs ({error})") from error
            continue  # a run that is too short for the method
        strange = [phase for phase in phases if not isinstance(phase, Phase)]
        if strange or not phases:
            raise trial.wrong(f"phases must give gdw.methods.Phase objects, got {strange or phases!r}")
        planned = sum(phase.epochs for phase in phases)
        if planned != epochs:
            raise trial.wrong(f"phases must share out all epochs: of {epochs} it plans {planned}")
        if not equal(before, method.state_dict()):
            raise trial.wrong("phases changes the method: do that in a function, and give the phase before=function")


def _check_step(trial: Trial) -> None:
    model = trial.model()
    (_, phase), step = trial.begun(model), trial.step(model, 0)
    before = _numbers(step, model)
    gradient = phase.method.logit_gradient(step)
    _check_gradient(trial, gradient, step)
    for name, value in _numbers(step, model).items():
        if not torch.equal(value, before[name]):
            raise trial.wrong(f"logit_gradient changes {name}: it must leave the step and the model as they are")
    given = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    if given:
        raise trial.wrong(f"logit_gradient leaves a gradient in the model's {given[0]}: use torch.autograd.grad")


def _check_gradient(trial: Trial, gradient: object, step: Step) -> None:
    wanted = tuple(step.flows.shape)
    if not isinstance(gradient, Tensor):
        raise trial.wrong(f"logit_gradient must give a tensor [B, C], got {type(gradient).__name__}")
    if tuple(gradient.shape) != wanted:
        raise trial.wrong(f"logit_gradient must give [B, C] = {list(wanted)}, got {list(gradient.shape)}")
    if gradient.dtype != step.flows.dtype:
        raise trial.wrong(f"logit_gradient must keep the type of step.flows, {step.flows.dtype}, got {gradient.dtype}")
    if gradient.requires_grad:
        raise trial.wrong("logit_gradient must give numbers without a graph: call .detach() on what it learns from")
    if not gradient.isfinite().all():
        raise trial.wrong("logit_gradient gives numbers that are not finite, on an ordinary batch")


def _check_randomness(trial: Trial) -> None:
    before = [torch.get_rng_state(), *(trial.training().lane.random_state or ())]  # the process's, the run's
    first = trial.run()
    if not all(map(torch.equal, before, [torch.get_rng_state(), *(first.lane.random_state or ())])):
        raise trial.wrong(
            "it draws from torch's global random numbers: draw with generator=self.generator, and make a network by "
            "self.new_network(lambda: nn.Linear(1, 1))"
        )
    if not _same(first, trial.run()):
        raise trial.wrong("two runs with one seed differ: all its randomness must come from self.generator")


def _check_state(trial: Trial) -> None:
    """A method that took some steps is saved and loaded; both take the next step."""
    model = trial.model()
    (method, phase), (copy, of_copy) = trial.begun(model), trial.begun(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for number in range(STEPS):
        take_step(trial.step(model, number), phase.method, optimizer)
    file = io.BytesIO()
    try:
        torch.save(method.state_dict(), file)
        file.seek(0)
        copy.load_state_dict(torch.load(file, weights_only=True))
    except Exception as error:  # whatever the author's code or torch raises
        raise trial.wrong(f"its state_dict cannot be saved and loaded ({_said(error)})") from error
    for number in range(STEPS, 2 * STEPS):
        step = trial.step(model, number)
        if not torch.equal(phase.method.logit_gradient(step), of_copy.method.logit_gradient(step)):
            raise trial.wrong(
                "after state_dict and load_state_dict it goes on with other numbers: what it learns must be a "
                "parameter, a buffer or an attribute of a kind that a file can hold"
            )


def _check_capture(trial: Trial) -> None:
    if not trial.new().all_steps_identical:
        return
    try:
        captured = trial.run(capture=True)
    except (ValueError, RuntimeError) as error:
        raise trial.wrong(f"all_steps_identical = True is wrong: {_said(error)}") from error
    if not _same(trial.run(), captured):
        raise trial.wrong(
            "all_steps_identical = True is wrong: a recorded step gives other numbers than a step taken by Python, so "
            "something in it changes from step to step (a count, an epoch, a new tensor)"
        )


def _check_seeds(trial: Trial) -> None:
    if not trial.method.supports_many_seeds:
        return
    together = [trial.training(seed) for seed in SEEDS]
    try:
        for _ in train_together(together):
            pass
    except Exception as error:  # whatever the author's code raises for a leading axis
        raise trial.wrong(f"supports_many_seeds = True is wrong: with a leading seed axis {_said(error)}") from error
    for seed, training in zip(SEEDS, together, strict=True):
        if training.history.error or not _same(trial.run(seed), training, EXACT):
            raise trial.wrong(
                "supports_many_seeds = True is wrong: seeds at once give other numbers than one by one, so seeds are "
                "mixed (name axes from the end: dim=-1 for classes, dim=-2 for the batch) or a phase has a before"
            )


def _numbers(step: Step, model: nn.Module) -> dict[str, Tensor]:
    """Copies of what a method must not change."""
    names = ("images", "labels", "indices", "logits", "probs", "losses", "flows")
    seen = {f"step.{name}": getattr(step, name) for name in names}
    images, labels = step.meta_batch
    seen |= {"the clean images": images, "the clean labels": labels}
    seen |= {f"the model's {name}": value for name, value in model.state_dict().items()}
    return {name: value.detach().clone() for name, value in seen.items()}


def _same(one: Training, other: Training, distance: float = 0.0) -> bool:
    """Whether two runs end with the same model, method and History."""
    first, second = _outcome(one), _outcome(other)
    return first.keys() == second.keys() and all(
        torch.allclose(value, second[name], rtol=0, atol=distance, equal_nan=True) for name, value in first.items()
    )


def _outcome(run: Training) -> dict[tuple[str, str], Tensor]:
    epochs = {name: torch.as_tensor(values) for name, values in run.history.epochs.items()}
    parts = {"model": run.model.state_dict(), "method": dict(run.method.named_parameters()), "history": epochs}
    return {(part, name): value for part, values in parts.items() for name, value in values.items()}


def _said(error: Exception) -> str:
    """The error's first line."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
