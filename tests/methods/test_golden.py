"""GDW and MWNet against the recorded published implementation: five steps, to 1e-12 in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gdw.methods import GDW, MWNet
from gdw.training.stepping import cosine, take_step
from tests.ways import BY_WAY

RECORD = Path(__file__).parents[1] / "golden" / "digits_mlp.npz"
BATCH, CLASSES, STEPS = 32, 10, 5
OUTER_RATE = 100  # of the record; as a mean change per weight it is divided by B * C
MAX_PROB = 0.999


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 24), nn.Linear(24, CLASSES)

    def forward(self, x):
        return self.fc2(self.fc1(x).tanh())


@pytest.fixture(scope="module")
def record():
    with np.load(RECORD) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def stored(record, prefix):
    return {name.removeprefix(prefix): value for name, value in record.items() if name.startswith(prefix)}


METHODS = {
    "gdw": lambda: GDW(CLASSES, step_size=OUTER_RATE / (BATCH * CLASSES), clip=0.2),
    "mwnet": lambda: MWNet(CLASSES),
}


@pytest.mark.parametrize("way", BY_WAY)
@pytest.mark.parametrize("name", METHODS)
def test_every_step_ends_where_the_record_does(record, name, way):
    model, method = Classifier().double(), METHODS[name]().double()
    model.load_state_dict(stored(record, "init/model/"))
    method.weight_net.load_state_dict(stored(record, "init/weight_net/"))
    lr = cosine(0.1, 20, 80)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    for k in range(STEPS):
        meta_batch = record["meta_x"][k], record["meta_y"][k]
        step = BY_WAY[way](
            model, record["x"][k], record["noisy"][k], meta_batch=meta_batch, lr=optimizer,
            max_prob=MAX_PROB,
        )  # fmt: skip
        take_step(step, method, optimizer)
        for module, prefix in ((model, "model"), (method.weight_net, "weight_net")):
            expected = stored(record, f"{name}/step{k + 1}/{prefix}/")
            assert expected.keys() == module.state_dict().keys()
            for key, value in module.state_dict().items():
                torch.testing.assert_close(value, expected[key], rtol=1e-12, atol=1e-12)


def test_the_record_reaches_the_clamp(record):
    """Otherwise the option it needs would go untested."""
    model = Classifier().double()
    model.load_state_dict(stored(record, "gdw/step4/model/"))
    assert model(record["x"][4]).softmax(-1).max() > MAX_PROB
