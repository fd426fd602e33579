"""A run that is killed with SIGKILL again and again, and goes on from its checkpoints each time."""

import os
import random
import signal
import time
from pathlib import Path

import torch

import gdw
from gdw.training.many import Checkpoints
from tests.runs import processes

PATIENCE = 120  # seconds for a child to take its first step on a busy machine


def tiny(method: str, **more) -> gdw.Experiment:
    """A run of 20 steps whose stages, generators and optimisers are those of a long one."""
    return gdw.Experiment(method=method, rate=0.4, epochs=4, train_per_class=40, device="cpu", **more)


def numbers(training: gdw.Training) -> dict[str, torch.Tensor]:
    """All that was learnt: the model's parameters and statistics, and the method's."""
    of_method = {f"method {name}": value for name, value in training.method.state_dict().items()}
    tensors = {**training.model.state_dict(), **of_method}
    return {name: value for name, value in tensors.items() if isinstance(value, torch.Tensor)}


def same(first: gdw.Training, second: gdw.Training) -> bool:
    """Whether both end with the same History and the same parameters, bit for bit."""
    ours, theirs = numbers(first), numbers(second)
    equal = ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())
    return first.history == second.history and equal


def survives(experiment: gdw.Experiment, moments: int, folder: Path, seed: int = 0) -> bool:
    """Kill the run at so many random moments; whether it ends like an uninterrupted run.

    Each child goes on where the one before was killed, writes a checkpoint after each batch, and is killed after a
    random time: in a step, at the end of an epoch, or while a checkpoint is written. The folder is emptied when a
    child comes to the end of the run, so that later moments strike too.
    """
    chance, context = random.Random(seed), processes()
    unbroken = gdw.Training(experiment)
    started = time.perf_counter()
    list(unbroken.events())
    length = max(time.perf_counter() - started, 0.2)
    for _ in range(moments):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_go_on, args=(experiment.everything(), str(folder), theirs))
        child.start()
        assert ours.poll(PATIENCE), "the run did not begin"
        time.sleep(chance.uniform(0, length))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        training = Checkpoints(folder, experiment).training()
        if training.finished:
            if not same(training, unbroken):
                return False
            for path in folder.iterdir():
                path.unlink()
    checkpoints = Checkpoints(folder, experiment)
    training = checkpoints.training()
    list(checkpoints.events(training))
    return same(training, unbroken)


def _go_on(config: dict, folder: str, pipe) -> None:
    from gdw.experiments.experiment import from_config

    torch.set_num_threads(1)
    experiment = from_config(config)
    checkpoints = Checkpoints(folder, experiment, every=0)
    training = checkpoints.training()
    pipe.send("begun")
    for _ in checkpoints.events(training):
        pass
    time.sleep(PATIENCE)  # killed here at the latest
