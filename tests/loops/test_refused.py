"""What a model brings that a step cannot follow: it says so."""

from collections import namedtuple

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

from gdw import Step
from gdw.gradients import targets
from gdw.gradients.prepared import Prepared
from gdw.methods import GDW
from tests.loops.shapes import CLASSES, FEATURES, META, ROWS, Net, classes, made, numbers

BATCH, CLEAN = (numbers(ROWS, FEATURES), classes(ROWS)), (numbers(META, FEATURES, seed=1), classes(META, seed=1))


class Balanced(Net):
    """Keeps a loss of its own beside the logits."""

    def forward(self, x):
        hidden = self.inner(x)
        self.balance = hidden.square().mean()
        return self.out(hidden.tanh())


class WithAuxiliary(Net):
    """Returns logits of an earlier layer too, as Inception does."""

    Output = namedtuple("Output", "logits aux_logits")

    def forward(self, x):
        return self.Output(super().forward(x), self.inner(x))


@pytest.mark.parametrize(("kind", "name"), [(Balanced, "balance"), (WithAuxiliary, "aux_logits")])
def test_a_loss_that_the_model_adds_is_named(kind, name, recwarn):
    model = made(kind)
    with pytest.warns(UserWarning, match=rf"{kind.__name__} also gives {name}, which neither a virtual step"):
        Step(model, *BATCH)
    recwarn.clear()
    Step(model, *BATCH)
    assert not recwarn


@pytest.mark.filterwarnings("ignore:Balanced also gives balance")
def test_as_the_sentence_says_it_gets_its_gradient():
    model, plain = made(Balanced), made(Balanced)
    method = GDW(CLASSES, generator=torch.Generator().manual_seed(0)).double()
    step = Step(model, *BATCH, meta_batch=CLEAN, lr=0.1)
    balance = step.model.balance
    gradient = method.logit_gradient(step)
    torch.autograd.backward([step.logits, balance], [gradient, torch.tensor(0.5).double()], retain_graph=True)
    plain(BATCH[0]).backward(gradient, retain_graph=True)
    (0.5 * plain.balance).backward()
    for own, other in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad)


def test_parameters_that_are_spread_over_ranks_are_refused(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        model = nn.Sequential(nn.Linear(FEATURES, CLASSES)).double()
        fully_shard(model)
        with pytest.raises(TypeError, match=r"spread over ranks \(fully_shard.*use DistributedDataParallel"):
            Step(model, *BATCH)
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize(
    ("output", "labels"),
    [((2, 4, 4), (2, 4)), ((2, 4, 4, 4), (2, 4, 4)), ((2, 5, 3), (2, 5, 3)), ((2, 3, 4, 4), (2, 3, 4, 4))],
)
def test_an_axis_of_classes_that_could_be_two_is_refused_on_every_device(output, labels):
    soft = torch.full(labels, 1 / 3) if labels == output else torch.zeros(labels, dtype=torch.int64)
    for reads in (True, False):
        with pytest.raises(ValueError, match="which axis of .* the classes"):
            targets.read(torch.zeros(output), soft, reads=reads)


def test_a_training_loop_refuses_a_model_with_one_logit():
    """It checks labels once and has no rows afterwards."""
    model = nn.Linear(FEATURES, 1).double()
    labels = torch.arange(6) % 2
    prepared = Prepared(model, 0.1, labels=[labels])
    with pytest.raises(ValueError, match=r"a training loop takes models with logits \[batch, classes\], got \[6, 1\]"):
        Step(model, torch.zeros(6, FEATURES).double(), labels, lr=prepared)


def test_a_pixel_without_a_label_has_no_derivative_of_its_target(monkeypatch):
    """Where labels are not read, as on a GPU."""
    monkeypatch.setattr("gdw.gradients.prepared.is_recorded", lambda device: True)
    model = made(Net)
    images, labels = BATCH[0], BATCH[1].clone()
    labels[1] = -100
    step = Step(model, images, labels, meta_batch=CLEAN, lr=0.1)
    found = step.target_gradient(torch.full_like(step.probs, 1 / CLASSES))
    assert found[1].abs().max() == 0
    assert found[0].abs().max() > 0
