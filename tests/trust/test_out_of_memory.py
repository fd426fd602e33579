"""Where a GPU's memory is not enough, the message names a smaller batch size."""

import pytest
import torch
from torch import nn

import gdw
from gdw.__main__ import main
from gdw.comparison import sweep
from gdw.networks.classifiers import MODELS
from tests.trust.killing import tiny

SENTENCE = "the memory of the GPU is not enough for batches of 100 images: try batch_size=50, save_memory=True"


class Greedy(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, images):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def test_a_run_names_a_smaller_batch_size():
    training = gdw.Training(tiny("gdw"), model=Greedy())
    with pytest.raises(torch.OutOfMemoryError, match=SENTENCE):
        list(training.events())
    assert training.history.error.startswith(SENTENCE)


def test_on_the_command_line_it_is_that_runs_error_and_the_others_go_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(MODELS, "mlp", lambda shape, classes: Greedy())
    assert main(["run", "--epochs", "1", "--device", "cpu", "--json", str(tmp_path / "out.json")]) == 1
    assert f"gdw: gdw seed 0: {SENTENCE}" in capsys.readouterr().err
    assert SENTENCE in (tmp_path / "out.json").read_text("utf-8")


def test_in_a_sweep_it_is_that_runs_error(monkeypatch):
    monkeypatch.setitem(MODELS, "mlp", lambda shape, classes: Greedy())
    assert SENTENCE in sweep._run_one(tiny("gdw").config())["error"]


def test_many_seeds_at_once_name_fewer_seeds(monkeypatch):
    def greedy(*given, **more):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("gdw.training.sources.StackedSources.step_of", greedy)
    with pytest.raises(torch.OutOfMemoryError, match="try 2 seeds at once, or batch_size=50"):
        gdw.run_seeds(tiny("gdw"), range(4))
