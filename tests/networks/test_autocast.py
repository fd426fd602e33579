"""bfloat16 in the network's passes alone: it trains, near float32, and all else keeps its digits."""

import numpy as np
import pytest
import torch

import gdw
from gdw import Step
from gdw.data.randomness import generator
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from tests.ways import BY_WAY

QUICK = gdw.Experiment(noise="uniform", rate=0.6, epochs=8, train_per_class=40, device="cpu", model="cnn")
NEAR = 0.05  # relative: what 8 bits of mantissa leave of a mean loss


@pytest.mark.parametrize("method", ["cross-entropy", "gdw"])
def test_it_trains_with_losses_near_those_of_float64(method):
    """float32 itself moves by 1 % with the order of a sum."""
    low = gdw.run(QUICK.with_(method=method, precision="bfloat16"))
    full = gdw.run(QUICK.with_(method=method, precision="float64"))
    np.testing.assert_allclose(low["train_loss"], full["train_loss"], rtol=NEAR)
    assert not np.array_equal(low["train_loss"], full["train_loss"])
    assert low["test_accuracy"][-1] > low["test_accuracy"][0] + 5


def test_parameters_logits_and_the_methods_own_network_stay_float32():
    training = gdw.Training(QUICK.with_(precision="bfloat16", epochs=1))
    step = next(training.events()).step
    assert {p.dtype for p in training.model.parameters()} == {torch.float32}
    assert {p.dtype for p in training.method.parameters()} == {torch.float32}
    assert step.logits.dtype == step.flows.dtype == torch.float32


def low_and_full(seed=0):
    full = build_model("cnn", (1, 8, 8), 10, generator(seed, "model"))
    return Autocast(full), full


def test_the_passes_are_lowered_and_the_tangent_is_not():
    low, full = low_and_full()
    random = torch.Generator().manual_seed(0)
    images, labels = torch.randn(20, 1, 8, 8, generator=random), torch.randint(10, (20,), generator=random)
    assert not torch.equal(low(images), full(images))
    torch.testing.assert_close(low(images), full(images), rtol=0.05, atol=0.05)
    direction = {name: torch.randn(p.shape, generator=random) for name, p in full.named_parameters()}
    steps = [Step(model, images, labels, meta_batch=(images, labels), lr=0.1) for model in (low, full)]
    tangents = [
        steps[0].problem.tangent({f"model.{name}": d for name, d in direction.items()}),
        steps[1].problem.tangent(direction),
    ]
    assert torch.equal(*tangents)


@pytest.mark.parametrize("way", BY_WAY)
def test_every_exact_way_can_be_taken(way, monkeypatch):
    monkeypatch.setattr("gdw.training.sources.Step", BY_WAY[way])
    history = gdw.run(QUICK.with_(precision="bfloat16", epochs=1))
    assert np.isfinite(history["train_loss"]).all()


def test_a_tape_changes_nothing(monkeypatch):
    once = QUICK.with_(precision="bfloat16", epochs=2)
    plain = gdw.run(once)
    monkeypatch.setattr("gdw.training.sources.Step", BY_WAY["tape"])
    np.testing.assert_array_equal(plain["train_loss"], gdw.run(once)["train_loss"])
