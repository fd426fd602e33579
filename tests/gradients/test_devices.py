"""A step away from the CPU: everything is on one device, and the host reads no number of it.

Tensors on torch's meta device have shapes and no numbers: to read one is an error, and so is an operation between
two devices. What runs there never waits for a GPU within a step, and names no device itself.
"""

import sys
from contextlib import nullcontext

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import gdw
from gdw.gradients.prepared import Prepared
from gdw.methods import METHODS
from gdw.training.epoch_statistics import EpochStatistics
from gdw.training.sources import Sources
from gdw.training.stepping import take_step
from tests.picture_files import shifted_digits
from tests.ways import BY_WAY

META = torch.device("meta")
SMALL = {"device": "cpu", "dataset": "digits", "rate": 0.4, "train_per_class": 20, "batch_size": 50}


@pytest.fixture(autouse=True)
def for_the_meta_device(monkeypatch):
    """It has neither autocast nor fused optimisers."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **named: nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)


class Drawn(TorchDispatchMode):
    """Collects all random numbers that are drawn, and refuses those that are not drawn on the CPU by a generator."""

    def __init__(self):
        super().__init__()
        self.numbers = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded in function.tags:
            generator = (kwargs or {}).get("generator")
            assert generator is not None, function
            assert {generator.device.type, output.device.type} == {"cpu"}, function
            self.numbers.append(output.clone())
        return output


class MakesFloat64(TorchDispatchMode):
    """Collects which functions of gdw make float64 tensors on the devices."""

    def __init__(self, *devices):
        super().__init__()
        self.devices, self.sites = devices, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        outputs = function(*args, **(kwargs or {}))
        tensors = [output for output in tree_leaves(outputs) if isinstance(output, torch.Tensor)]
        if any(t.dtype == torch.float64 and t.device.type in self.devices for t in tensors):
            self.sites.add(calling_function())
        return outputs


def calling_function():
    """``file:function`` of the innermost code of gdw."""
    frame = sys._getframe(2)
    while frame and not frame.f_globals.get("__name__", "").startswith("gdw."):
        frame = frame.f_back
    name = frame.f_globals["__name__"].removeprefix("gdw.").replace(".", "/")
    return f"{name}.py:{frame.f_code.co_qualname.split('.<locals>')[0]}"


def take_steps(training, source="train", device=META):
    """Two steps, and the statistics' sums over them. Returns the random numbers that were drawn.

    On the pretend device only those sums are in float64, which Apple's GPU has not; there they are made on the host.
    """
    with Drawn() as drawn, MakesFloat64("meta") as made:
        _take_steps(training, source, device)
    assert not [site for site in made.sites if not site.startswith("training/epoch_statistics.py:")], made.sites
    return drawn.numbers


def _take_steps(training, source, device):
    phase = training.method.phases(training.task, 2)[-1]
    phase.before(training.model)
    task, model, method = training.task.to(device), training.model.to(device), training.method.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if hasattr(method, "weight_net"):
        method.optimizer = torch.optim.Adam(method.weight_net.parameters())
    sources, statistics = Sources(task, model, training.experiment), EpochStatistics(task.true_labels, 10)
    for _ in range(2):
        step = sources.step_of(sources.draw(source), 0, Prepared(model, optimizer))
        gradient = take_step(step, phase.method, optimizer)
        statistics.add(step, gradient)
        assert gradient.device == device
        assert step.probs.dtype == step.losses.dtype == torch.float32
    method.snapshot()
    if source == "train":  # what is left of both is counted, once an epoch
        statistics._sum_up()


def same_numbers_decide(source="train", dataset=None, **experiment):
    """Whether a run on the meta device and one on the CPU draw the same random numbers, all of them on the CPU."""
    there, here = (
        take_steps(gdw.Training(gdw.Experiment(**experiment, **SMALL), dataset=dataset), source, device)
        for device in (META, torch.device("cpu"))
    )
    return len(here) > 2 and all(torch.equal(own, other) for own, other in zip(there, here, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_every_method(name):
    assert same_numbers_decide(method=name, model="cnn", dataset=shifted_digits())


def test_views_of_features_are_drawn_on_the_cpu():
    data = gdw.load_dataset("digits")
    features = torch.stack([data.images.flatten(1), data.images.flip(-1).flatten(1)], dim=1).float()
    views = gdw.data.Dataset(
        "views", data.class_names, features, data.labels, pixels=gdw.data.Pixels(scale=16, flip=True, views=True)
    )
    assert same_numbers_decide(model="linear", dataset=views)


@pytest.mark.parametrize("wrong", [{"device": META}, {"generator": None}])
def test_a_number_drawn_elsewhere_is_noticed(wrong):
    class Drawing(gdw.methods.CrossEntropy):
        def logit_gradient(self, step):
            torch.rand(3, **({"generator": torch.Generator()} | wrong))
            return super().logit_gradient(step)

    with pytest.raises((AssertionError, RuntimeError)):
        take_steps(gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL), method=Drawing(10)))


@pytest.mark.parametrize("way", BY_WAY)
def test_every_exact_way(way, monkeypatch):
    monkeypatch.setattr("gdw.training.sources.Step", BY_WAY[way])
    take_steps(gdw.Training(gdw.Experiment(model="cnn", **SMALL)))


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_half_the_memory(model):
    take_steps(gdw.Training(gdw.Experiment(save_memory=True, model=model, **SMALL)))


@pytest.mark.parametrize("source", ["both", "meta"])
def test_batches_of_the_clean_set(source):
    assert same_numbers_decide(source, shifted_digits(), method="cross-entropy")


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
