"""A device without float64 (Apple's GPU): no step makes such a tensor there, and sums are made on the host."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_map

import gdw
from gdw.gradients.step import Seen
from gdw.methods import METHODS
from gdw.training.epoch_statistics import EpochStatistics, summing_device
from tests.gradients.test_devices import META, SMALL, MakesFloat64, for_the_meta_device, take_steps  # noqa: F401

ON_THE_HOST = {  # these work on the CPU whatever the device is
    "data/corruption.py", "networks/start.py", "methods/class_balanced.py", "methods/preparing.py",
    "training/epoch_statistics.py", "methods/ldam.py:LDAM.use_counts",
    "methods/balanced_softmax.py:BalancedSoftmax.use_counts", "methods/co_teaching.py:CoTeaching.estimate_and_begin",
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_no_method_moves_float64_to_the_device(name):
    """``method.to("mps")`` refuses a float64 buffer."""
    method = METHODS[name](10, num_instances=20)
    assert all(value.dtype != torch.float64 for value in (*method.parameters(), *method.buffers()))


def test_such_a_tensor_is_noticed():
    class Double(gdw.methods.CrossEntropy):
        def logit_gradient(self, step):
            return super().logit_gradient(step) * step.losses.double().mean().float()

    training = gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL), method=Double(10))
    with pytest.raises(AssertionError, match=r"training/stepping\.py:take_step"):  # the class itself is the test's
        take_steps(training)


@pytest.mark.parametrize("name", METHODS)
def test_every_path_of_a_run_that_makes_float64_is_listed(name):
    small = {"train_per_class": 20, "batch_size": 20, "validation_per_class": 2, "meta_per_class": 3, "device": "cpu"}
    with MakesFloat64("cpu") as made:
        gdw.run(gdw.Experiment(dataset="clouds", method=name, rate=0.4, epochs=2, **small))
    assert {site for site in made.sites if not ON_THE_HOST & {site, site.split(":")[0]}} == set()


class Pretend(torch.Tensor):
    """A tensor that says it is elsewhere, holds its numbers on the CPU, and refuses float64 as Apple's GPU does."""

    @staticmethod
    def __new__(cls, numbers):
        return torch.Tensor._make_wrapper_subclass(
            cls, numbers.shape, strides=numbers.stride(), dtype=numbers.dtype, device=META
        )

    def __init__(self, numbers):
        self.numbers = numbers

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        args, plain = tree_map(lambda value: value.numbers if isinstance(value, cls) else value, (args, kwargs))
        to_host = "device" in kwargs and torch.device(kwargs["device"]).type == "cpu"
        outputs = function(*args, **({**plain, "device": "cpu"} if "device" in kwargs else plain))
        return outputs if to_host else tree_map(cls._keep, outputs)

    @classmethod
    def _keep(cls, output):
        if not isinstance(output, torch.Tensor):
            return output
        if output.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return cls(output)


def seen_batches(is_meta):
    random = torch.Generator().manual_seed(0)
    for indices in torch.randperm(40, generator=random).split(10):
        flows = torch.randn(10, 3, generator=random)
        labels = torch.randint(3, (10,), generator=random)
        step = Seen(flows, torch.rand(10, generator=random), labels, indices, is_meta)
        yield step, torch.rand(10, 3, generator=random) * flows / 10


@pytest.mark.parametrize("is_meta", [None, torch.arange(10) > 6])
def test_the_sums_are_made_on_the_host_and_gives_the_same_numbers(is_meta, monkeypatch):
    monkeypatch.setattr("gdw.training.epoch_statistics.NO_FLOAT64", ("meta",))
    clean = torch.arange(40) % 3
    there, here = EpochStatistics(Pretend(clean), 3), EpochStatistics(clean, 3)
    for step, gradient in seen_batches(is_meta):
        here.add(step, gradient)
        parts = (step.flows, step.losses, step.labels, step.indices, step.is_meta)
        there.add(Seen(*(None if part is None else Pretend(part) for part in parts)), Pretend(gradient))
    assert there.first_bad_step() is None
    for name, value in here.row().items():
        np.testing.assert_array_equal(there.row()[name], value, err_msg=name)
    assert there.instance_weights.device.type == "cpu"


def test_the_pretend_device_refuses_float64():
    tensor = Pretend(torch.ones(3))
    assert tensor.device == META
    with pytest.raises(TypeError, match="float64"):
        tensor.double()
    with pytest.raises(TypeError, match="float64"):
        torch.zeros_like(tensor, dtype=torch.float64)
    assert tensor.cpu().double().dtype == torch.float64


def test_apples_gpu_sums_on_the_host_and_others_where_they_are():
    assert summing_device(torch.device("mps:0")) == torch.device("cpu")
    assert summing_device(torch.device("cuda:1")) == torch.device("cuda:1")


def test_summed_on_the_device_itself_it_would_fail():
    statistics, (step, gradient) = EpochStatistics(torch.arange(40) % 3, 3), next(seen_batches(None))
    statistics.device = META
    statistics.add(Seen(*map(Pretend, (step.flows, step.losses, step.labels, step.indices)), None), Pretend(gradient))
    with pytest.raises(TypeError, match="float64"):
        statistics.row()
