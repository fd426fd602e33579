"""What a record says of the run it came from, and the way back from a record to an Experiment."""

from gdw.data.dataset import Dataset
from gdw.data.task import Task
from gdw.methods.base import Method
from gdw.training.experiment import OWN, Experiment, from_config
from gdw.training.history import History
from gdw.training.inputs import source_of


def recorded_config(
    experiment: Experiment,
    dataset: Dataset | None = None,
    task: Task | None = None,
    model: object | None = None,
    method: Method | None = None,
) -> dict:
    """``experiment.config()``; names of objects passed in instead of what it names are under ``"own"``.

    Such a config cannot be turned into the run again: ``from_config`` refuses it.

    Args:
        dataset: None, or what was trained on; the one that the experiment names is no other.
        task, model, method: None, or the object that was given.
    """
    config, own = experiment.config(), {}
    if dataset is not None and dataset.source != source_of(experiment):
        own["dataset"] = config["dataset"] = dataset.name
    if task is not None:
        own["task"] = f"{len(task.train)} images of {task.num_classes} classes"
    if model is not None:
        own["model"] = config["model"] = type(model).__name__
    if method is not None:
        own["method"] = config["method"] = method.name or type(method).__name__
        config["settings"] = _settings_of(method)
    return config | ({OWN: own} if own else {})


def _settings_of(method: Method) -> dict:
    """Those settings that it keeps as plain attributes of the same name."""
    found = {name: getattr(method, name, None) for name in type(method).settings()}
    return {name: value for name, value in found.items() if isinstance(value, (bool, int, float, str))}


def experiment_of(history: History) -> Experiment:
    """The experiment that a History records, with the engine that computed it.

    Raises:
        ValueError: the run used objects that were passed in.
    """
    return from_config({**history.metadata.get("engine", {}), **history.config})
