"""What a model brings that a step cannot follow: it says so."""

from collections import namedtuple

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

from gdw import Step
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
