"""What the README shows, runs."""

import itertools
import re
from pathlib import Path

import pytest
import torch

import gdw

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_example(capsys):
    """Its experiment with two epochs instead of sixty; nothing else is changed."""
    shown = BLOCKS[0].replace("seed=0)", "seed=0, epochs=2)")
    assert shown != BLOCKS[0]
    exec(compile(shown, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 20


def test_the_number_of_methods():
    counts = re.findall(r"the (\d+) methods", README)
    assert counts
    assert set(counts) == {str(len(gdw.methods.METHODS))}


def test_the_loop_of_ones_own():
    task = gdw.make_task(gdw.load_dataset("digits"), rate=0.4)
    images, meta = (task.pixels.normalise(split.images) for split in (task.train, task.meta))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    before = torch.nn.functional.cross_entropy(model(images), task.true_labels).item()
    names = {
        "gdw": gdw, "torch": torch, "model": model, "clean_batches": itertools.repeat((meta, task.meta.labels)),
        "loader": zip(images.split(100), task.train.labels.split(100), strict=True),
    }  # fmt: skip
    names["loader"] = [next(names["loader"]) for _ in range(12)] * 4
    exec(compile(BLOCKS[1], "README.md", "exec"), names)
    assert torch.nn.functional.cross_entropy(model(images), task.true_labels).item() < before - 0.2


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_every_link_leads_somewhere(path):
    assert (ROOT / path).exists()
