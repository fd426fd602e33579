"""What a step costs, counted: the passes that the documentation promises are the passes that are made."""

import pytest
import torch
from torch import nn

from benchmarks.step_cost import one_step
from gdw.comparison.cost import interleaved, operations, peak_bytes

PLAIN = 3  # passes of a plain step: one forward, and a backward pass is two

PASSES = {  # in forward passes of one batch
    "l2rw": 10, "mwnet": 10, "gdw": 10, "save_memory": 11, "double_backward": 12, "reference_structure": 16,
    "no_virtual_step": 8, "finite_difference": 9, "first_order": 7, "last_layer": 5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def later_than_the_first_steps(monkeypatch):
    """Those are checked, which costs passes too."""
    monkeypatch.setattr("gdw.gradients.agreement.FIRST_STEPS", 0)


@pytest.fixture(scope="module")
def plain():
    step = one_step("plain", "resnet32", 4, 10, "cpu")
    step()
    return operations(step), peak_bytes(step)


@pytest.mark.parametrize("name", PASSES)
def test_a_step_makes_the_passes_that_are_promised(plain, name):
    step = one_step(name, "resnet32", 4, 10, "cpu")
    step()  # whatever is made once
    assert operations(step) / plain[0] == pytest.approx(PASSES[name] / PLAIN, rel=0.01)


@pytest.mark.parametrize(("name", "most"), [("gdw", 2.8), ("save_memory", 1.3)])
def test_memory_of_a_step(plain, name, most):
    step = one_step(name, "resnet32", 4, 10, "cpu")
    step()
    assert 1 < peak_bytes(step) / plain[1] < most


def test_operations_of_a_linear_layer():
    layer, images = nn.Linear(20, 30), torch.randn(7, 20)
    assert operations(lambda: layer(images)) == 2 * 7 * 20 * 30
    assert operations(lambda: layer(images).sum().backward()) == 2 * 2 * 7 * 20 * 30  # no gradient for the images


def test_bytes_that_are_alive_at_once():
    held = torch.ones(1000)

    def action():
        kept = held * 2  # 4,000 bytes
        for _ in range(3):
            held + 1  # 4,000 more, gone at once
        kept.view(10, 100).add_(held.view(10, 100))  # nothing new
        return kept

    assert peak_bytes(action) == 8000
    assert peak_bytes(lambda: held.mul_(1)) == 0


def test_ratios_are_taken_within_a_round():
    taken = []
    rows = interleaved({"a": lambda: taken.append("a"), "b": lambda: taken.append("b")}, "a", rounds=3)
    assert taken == ["a", "b"] * 5  # two rounds are not counted
    assert rows["a"]["ratio"] == 1
    assert rows["b"]["rounds"] == 3
