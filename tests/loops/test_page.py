"""docs/your_loop.md: each of its blocks of code runs, and ends where the plain loop or the textbook does."""

import os
import re
import socket
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import multiprocessing, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import gdw
from tests.runs import processes
from tests.ways import Twice

PAGE = (Path(__file__).parents[2] / "docs" / "your_loop.md").read_text("utf-8")
SETUP = re.search(r"```python setup\n(.*?)```", PAGE, re.DOTALL).group(1)
BLOCKS = {
    title: code
    for part in PAGE.split("\n## ")[1:]
    for title in [part.splitlines()[0]]
    for code in re.findall(r"```python\n(.*?)```", part, re.DOTALL)
}
PACKAGES = {
    "PyTorch Lightning": "pytorch_lightning", "Accelerate": "accelerate", "Hugging Face's Trainer": "transformers",
}  # fmt: skip


def run(title, folder=None, change=lambda code: code):
    """The names that the page's setup and one block of it leave."""
    package = PACKAGES.get(title)
    if package and find_spec(package) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{package} is not installed")
    names = {"folder": folder}
    exec(SETUP, names)
    with warnings.catch_warnings():
        if package:
            warnings.simplefilter("ignore")  # the packages' own
        exec(change(BLOCKS[title]), names)
    return names


def numbers(names):
    """All parameters of the model and of V, in float64."""
    model = getattr(names["model"], "module", names["model"])
    flat = nn.utils.parameters_to_vector([*model.parameters(), *names["method"].weight_net.parameters()])
    assert flat.dtype == torch.float64
    return flat.detach()


@pytest.fixture(scope="module")
def plain():
    return numbers(run("A plain loop"))


def test_the_plain_loop_is_the_textbooks(plain, monkeypatch):
    monkeypatch.setattr(gdw, "Step", Twice)
    torch.testing.assert_close(numbers(run("A plain loop")), plain, rtol=0, atol=1e-10)
    start = {}
    exec(SETUP, start)
    assert (numbers(start) - plain).abs().max() > 1e-2  # it does train


@pytest.mark.parametrize("title", ["PyTorch Lightning", "Accelerate"])
def test_a_framework_ends_where_the_plain_loop_does(title, plain):
    torch.testing.assert_close(numbers(run(title)), plain, rtol=0, atol=1e-12)


def test_the_trainer_ends_where_a_plain_loop_by_the_textbook_does(tmp_path):
    """BERT takes a dictionary, its attention is fused; the plain loop's is not."""
    title = "Hugging Face's Trainer"
    found = numbers(run(title, str(tmp_path)))

    def as_plain_loop(code):
        before, _ = code.split("class Texts")
        return before + (
            "for k in torch.arange(len(labels)).split(10):\n"
            "    batch = {name: part[k] for name, part in features.items()}\n"
            "    step = Twice(model, batch, labels[k], meta_batch=(clean_features, clean_labels), lr=optimizer)\n"
            "    optimizer.zero_grad()\n"
            "    step.logits.backward(method.logit_gradient(step))\n"
            "    optimizer.step()\n"
        )

    with sdpa_kernel(SDPBackend.MATH):
        expected = run(title, change=lambda code: "from tests.ways import Twice\n" + as_plain_loop(code))
    torch.testing.assert_close(found, numbers(expected), rtol=0, atol=1e-10)


def test_timms_fused_attention_ends_where_the_textbook_does(monkeypatch):
    found = numbers(run("timm"))
    monkeypatch.setattr(gdw, "Step", Twice)
    with sdpa_kernel(SDPBackend.MATH):
        expected = numbers(run("timm"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def one_rank(rank, port, folder):
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.save(numbers(run("Several processes")), f"{folder}/{rank}.pt")


def test_two_processes_end_where_one_does(plain, tmp_path):
    """Batches of 10, of which each has a half, and a last one of 5."""
    with socket.socket() as one:
        one.bind(("localhost", 0))
        port = one.getsockname()[1]
    processes()
    multiprocessing.start_processes(one_rank, (port, str(tmp_path)), 2, start_method="forkserver")
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt"), plain, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "title",
    ["Gradient accumulation", "Clipping, schedulers, moving averages", "AdamW and several parameter groups",
     "Two optimisers", "SAM"],
)  # fmt: skip
def test_the_other_loops_are_the_textbooks(title, monkeypatch):
    found = numbers(run(title))
    monkeypatch.setattr(gdw, "Step", Twice)
    torch.testing.assert_close(found, numbers(run(title)), rtol=0, atol=1e-9)


def test_the_moving_average_follows_the_model():
    names = run("Clipping, schedulers, moving averages")
    assert names["average"].n_averaged == len(names["loader"])
    assert names["optimizer"].param_groups[0]["lr"] < 1e-3


def test_a_third_optimiser_reads_the_rates_of_two_and_leaves_their_steps_alone():
    names = run("Two optimisers")
    found, rates = numbers(names), [group["lr"] for group in names["rates"].param_groups]
    assert rates == [names["muon"].param_groups[0]["lr"], names["adamw"].param_groups[0]["lr"]]
    assert max(rates) < 1e-3  # where the cosines end

    def without(code):  # the rates of each step in groups of their own
        own = "lr=torch.optim.SGD([{**group} for one in (muon, adamw) for group in one.param_groups])"
        return re.sub("rates = .*", "", code).replace("lr=rates", own)

    torch.testing.assert_close(found, numbers(run("Two optimisers", change=without)), rtol=0, atol=0)


def distance(kind):
    """How far two micro-batches are from one batch, in what goes back through the logits; mean of 20 batches."""
    found = []
    for k in range(20):
        ends = []
        for sizes in ([20], [10, 10]):
            names = {}
            exec(SETUP, names)
            method = kind(3, generator=torch.Generator().manual_seed(0)).double()
            images, labels, clean = names["images"], names["labels"], next(names["clean"])
            rows = torch.randperm(195, generator=torch.Generator().manual_seed(k))[:20].split(sizes)
            steps = [gdw.Step(names["model"], images[r], labels[r], meta_batch=clean, lr=0.1) for r in rows]
            ends.append(torch.cat([method.logit_gradient(step) / len(rows) for step in steps]))
        found.append(float((ends[0] - ends[1]).norm() / ends[0].norm()))
    return sum(found) / len(found)


@pytest.mark.parametrize("name", ["CrossEntropy", "MWNet", "L2RW", "GDW"])
def test_the_distances_of_micro_batches_are_those_on_the_page(name):
    title = "cross-entropy" if name == "CrossEntropy" else name
    said = float(re.search(rf"{title} (\d[\d.]*) ?%", PAGE).group(1))
    assert 100 * distance(getattr(gdw.methods, name)) == pytest.approx(said, abs=0.05)
