"""Our exceptions come out of another process as they went in: their words once, and what they hold."""

import importlib
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy

import pytest
import torch
from torch import nn

import gdw
import gdw_notebooks
from gdw.gradients.agreement import PassesDiffer
from tests.runs import processes

WORDS = "the loss of 'a' is not finite: try lr=0.1 (50 %)"


def exceptions():
    """Every class of exceptions that a module of either package defines."""
    found = set()
    for package in (gdw, gdw_notebooks):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.name:
                    found.add(value)
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def again(error):
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("copied", [again, deepcopy])
@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_an_exception_is_copied_with_its_words_once(kind, copied):
    error = kind(WORDS)
    error.note = {"epoch": 3}
    for copy in (copied(error), copied(copied(error))):
        assert type(copy) is kind
        assert str(copy) == str(error) == WORDS
        assert vars(copy) == vars(error)


def test_all_of_them_are_found():
    assert {"TrainingDiverged", "PassesDiffer", "NoMetaGradient", "MissingPackage", "LookAgain", "Busy"} <= {
        kind.__name__ for kind in exceptions()
    }


class OtherEachTime(nn.Module):
    """Its forward passes differ."""

    def __init__(self):
        super().__init__()
        self.linear, self.calls = nn.Linear(64, 10), 0

    def forward(self, images):
        self.calls += 1
        return self.linear(images.flatten(1)) * self.calls


def outcome(kind):
    """In the other process: a run that ends well, or in one of our exceptions."""
    experiment = gdw.Experiment(device="cpu", epochs=2, train_per_class=20, lr=1e30 if kind == "diverged" else 0.1)
    model = OtherEachTime() if kind == "passes differ" else None
    return gdw.run(experiment, model=model).accuracy


def test_one_that_fails_in_a_pool_of_processes_costs_no_other_run():
    torch.manual_seed(0)
    with ProcessPoolExecutor(1, processes()) as pool:
        diverged, differ, good = (pool.submit(outcome, kind) for kind in ("diverged", "passes differ", "good"))
        with pytest.raises(gdw.TrainingDiverged, match="epoch 1") as caught:
            diverged.result()
        assert str(caught.value).count("try a smaller lr") == 1
        assert len(caught.value.history) == 0
        with pytest.raises(PassesDiffer) as caught:
            differ.result()
        assert str(caught.value).count("the second forward pass of OtherEachTime does not repeat its first") == 1
        assert good.result() > 0
