"""docs/gdw_in_one_file.py, by the textbook's double backward, against the package, in float64."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

import gdw

FILE = Path(__file__).parents[2] / "docs" / "gdw_in_one_file.py"


@pytest.fixture(scope="module")
def one_file():
    spec = importlib.util.spec_from_file_location("gdw_in_one_file", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_uses_nothing_of_the_package():
    assert not [line for line in FILE.read_text("utf-8").splitlines() if line.startswith(("import gdw", "from gdw"))]


def test_it_takes_the_steps_of_the_package(one_file):
    """Six steps from the same start: the same weights, the same network and the same V."""
    torch.manual_seed(0)
    (images, labels), (meta_images, meta_labels), _ = one_file.data(seed=0)
    images, meta_batch = images.double(), (meta_images.double(), meta_labels)
    models = [nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, one_file.CLASSES)).double() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    optimizers = [
        torch.optim.SGD(m.parameters(), one_file.LR, one_file.MOMENTUM, weight_decay=one_file.DECAY) for m in models
    ]
    method = gdw.methods.GDW(
        one_file.CLASSES, step_size=one_file.STEP_SIZE, clip=one_file.CLIP, weight_net_lr=one_file.V_LR,
        weight_net_decay=one_file.V_DECAY,
    ).double()  # fmt: skip
    v = nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid()).double()
    for own, packaged in zip(v.parameters(), method.weight_net.parameters(), strict=True):
        own.data.copy_(packaged.data)
    v_optimizer = torch.optim.Adam(v.parameters(), one_file.V_LR, weight_decay=one_file.V_DECAY)

    for chosen in torch.arange(600).split(one_file.BATCH):
        batch = images[chosen], labels[chosen]
        weights = one_file.gdw_step(models[0], v, optimizers[0], v_optimizer, batch, meta_batch)
        step = gdw.Step(models[1], *batch, meta_batch=meta_batch, lr=optimizers[1])
        gradient = method.logit_gradient(step)
        optimizers[1].zero_grad()
        step.logits.backward(gradient)
        optimizers[1].step()
        torch.testing.assert_close(weights * step.flows / len(step), gradient, rtol=0, atol=1e-12)
    for own, packaged in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(own, packaged, rtol=0, atol=1e-11)
    for own, packaged in zip(v.parameters(), method.weight_net.parameters(), strict=True):
        torch.testing.assert_close(own, packaged, rtol=0, atol=1e-11)
