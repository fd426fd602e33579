"""A step away from the CPU: everything is on one device, and the host reads no number of it.

Tensors on torch's meta device have shapes and no numbers: to read one is an error, and so is an operation between
two devices. What runs there never waits for a GPU within a step, and names no device itself.
"""

from contextlib import nullcontext

import pytest
import torch

import gdw
from gdw.data.randomness import generator
from gdw.gradients.step import DERIVATIVES
from gdw.methods import METHODS
from gdw.training.recorder import EpochRecorder
from gdw.training.sources import Sources
from gdw.training.stepping import take_step
from tests.pictures import shifted_digits

META = torch.device("meta")
SMALL = {"device": "cpu", "dataset": "digits", "rate": 0.4, "train_per_class": 20, "batch_size": 50}


@pytest.fixture(autouse=True)
def for_the_meta_device(monkeypatch):
    """It has neither autocast, nor fused optimisers, nor random numbers."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **named: nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(gdw.training.sources, "generator", lambda seed, name, device: generator(seed, name))


def take_steps(training, source="train"):
    """Two steps, and a recorder's sums over them."""
    training.method.stages(training.task, 2)
    training.method.prepare(training.task, training.model)
    task, model, method = training.task.to(META), training.model.to(META), training.method.to(META)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if hasattr(method, "weight_net"):
        method.optimizer = torch.optim.Adam(method.weight_net.parameters())
    sources, recorder = Sources(task, model, training.experiment.plan), EpochRecorder(task.clean_labels, 10)
    for _ in range(2):
        step = sources.step(source, 0, optimizer)
        gradient = take_step(step, method, optimizer)
        recorder.add(step, gradient)
        assert gradient.device == META
    if source == "train":  # what is left of both is counted, once an epoch
        recorder._sum_up()


@pytest.mark.parametrize("name", METHODS)
def test_every_method(name):
    take_steps(gdw.Training(gdw.Experiment(method=name, model="cnn", **SMALL)))


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_every_derivative(derivative):
    take_steps(gdw.Training(gdw.Experiment(derivative=derivative, model="cnn", **SMALL)))


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_half_the_memory(model):
    take_steps(gdw.Training(gdw.Experiment(save_memory=True, model=model, **SMALL)))


@pytest.mark.parametrize("source", ["both", "meta"])
def test_batches_of_the_clean_set(source):
    take_steps(gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL)), source)


def test_pictures_augmented():
    take_steps(gdw.Training(gdw.Experiment(**SMALL), dataset=shifted_digits()))


def test_a_number_read_on_the_host_is_noticed():
    class Reading(gdw.methods.CrossEntropy):
        def logit_gradient(self, step):
            return super().logit_gradient(step) * float(step.losses.mean())

    with pytest.raises(RuntimeError, match="meta"):
        take_steps(gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL), method=Reading(10)))


def test_a_tensor_on_another_device_is_noticed():
    class Elsewhere(gdw.methods.CrossEntropy):
        def logit_gradient(self, step):
            return super().logit_gradient(step) * torch.ones(10)

    with pytest.raises(RuntimeError, match="device"):
        take_steps(gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL), method=Elsewhere(10)))
