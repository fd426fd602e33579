"""Two gloo processes end where one process with the whole batch does, to 1e-9 in float64."""

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.nn.parallel import DistributedDataParallel

import gdw
from gdw import Step
from gdw.gradients.distributed import DistributedProblem, DistributedStep
from gdw.methods import GDW, INSW, L2RW, CrossEntropy, MWNet
from gdw.training import sources as source_module
from gdw.training.stepping import take_step
from tests.methods.helpers import CLASSES, batch, small_model
from tests.runs import processes

RANKS, ROWS, INSTANCES, STEPS, LR = 2, 6, 40, 4, 0.5
pytestmark = pytest.mark.skipif(not dist.is_available(), reason="torch was built without distributed")


WAYS = {"own step": {"virtual": "optimizer"}}
UNEVEN = 5  # rows of the first rank, of the training batch and of the clean one; the second has the rest


def methods():
    def random():
        return torch.Generator().manual_seed(0)

    return {
        "plain": CrossEntropy(CLASSES),
        "gdw": GDW(CLASSES, generator=random(), weight_net_lr=1e-2),
        "mwnet": MWNet(CLASSES, generator=random(), weight_net_lr=1e-2),
        "l2rw": L2RW(CLASSES),
        "insw": INSW(CLASSES, INSTANCES),
    }


def trained(name, rank=None, first=None, **how):
    """Parameters of the model and the method after a few steps: of one process, or of one rank of two."""
    model, method = small_model(), methods()[name].double()
    network = model if rank is None else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    kind = Step if rank is None else DistributedStep
    for k in range(STEPS):
        images, labels = part(batch(RANKS * ROWS, seed=k), rank, first)
        numbers = torch.randperm(INSTANCES, generator=torch.Generator().manual_seed(k))
        (indices,) = part([numbers[: RANKS * ROWS]], rank, first)
        meta_batch = part(batch(RANKS * 4, seed=k + 50), rank, first)
        step = kind(network, images, labels, indices=indices, meta_batch=meta_batch, lr=optimizer, **how)
        take_step(step, method, optimizer)
    return {**model.state_dict(), **{f"method.{n}": p for n, p in method.named_parameters()}}


def part(tensors, rank, first=None):
    """A rank's rows: half of them, or ``first`` for the first; all of them for one process."""
    return [tensor if rank is None else tensor.tensor_split([first or len(tensor) // 2])[rank] for tensor in tensors]


def one_rank(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    with pytest.raises(ValueError, match="across ranks"):
        DistributedStep(DistributedDataParallel(small_model()), *batch(), save_memory=True)
    ends = {name: trained(name, rank) for name in methods()}
    ends |= {way: trained("gdw", rank, **how) for way, how in WAYS.items()}
    ends |= {f"uneven {name}": trained(name, rank, UNEVEN) for name in methods()}
    torch.save(ends, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    processes()
    multiprocessing.start_processes(one_rank, (str(folder),), RANKS, start_method="forkserver")
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(RANKS)]


NAMES = ["plain", "gdw", "mwnet", "l2rw", "insw"]


@pytest.mark.parametrize("name", [*NAMES, *WAYS, *(f"uneven {name}" for name in NAMES)])
def test_both_ranks_end_where_one_process_does(two_ranks, name):
    alone = trained("gdw", **WAYS[name]) if name in WAYS else trained(name.split()[-1])
    start = small_model().state_dict()
    assert max(float((alone[n].detach() - v).abs().max()) for n, v in start.items()) > 1e-2  # it does train
    for rank in range(RANKS):
        assert two_ranks[rank][name].keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(two_ranks[rank][name][key], value.detach(), rtol=1e-9, atol=1e-9, msg=key)


def test_a_model_that_is_not_wrapped_is_refused():
    with pytest.raises(TypeError, match="DistributedDataParallel"):
        DistributedStep(small_model(), *batch())


def test_gradients_in_any_layout_are_averaged(monkeypatch):
    monkeypatch.setattr(dist, "all_reduce", lambda flat: None)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    parts = {"w": torch.rand(4, 3, 3, 3).contiguous(memory_format=torch.channels_last), "count": torch.tensor(5.0)}
    means = DistributedProblem.averaged(None, parts)
    assert all(torch.equal(means[name], part / 2) for name, part in parts.items())


@pytest.mark.parametrize("given", [True, False])
def test_each_process_takes_its_rows_of_the_clean_batch_that_is_given_or_the_next(monkeypatch, given):
    training = gdw.Training(gdw.Experiment(method="gdw", batch_size=8))
    sources = source_module.Sources(training.task, training.model, training.experiment)
    drawn, clean = sources.draw("train"), (torch.arange(5.0), torch.arange(5))
    monkeypatch.setattr(sources, "meta_batch", lambda: pytest.fail("drawn") if given else clean)
    monkeypatch.setattr(sources, "ranks", "a wrapped model")
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(source_module, "DistributedStep", lambda *_, meta_batch, **__: meta_batch())
    found = sources.step_of(drawn, 1, "prepared", clean if given else None)
    assert [part.tolist() for part in found] == [[1, 3], [1, 3]]
